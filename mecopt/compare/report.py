"""A comparison as a table in the terminal and as one HTML file that needs nothing else."""

from __future__ import annotations

import html
from pathlib import Path

from mecopt.compare.comparison import Comparison
from mecopt.compare.decisions import habits, headers
from mecopt.compare.figures import instances_figure, loss_figure, tradeoff_figure
from mecopt.compare.pages import details, html_page, html_table, images
from mecopt.compare.summary import HEADERS, MEANINGS, Summary, cells, summarise
from mecopt.registry import find_problem, problem_names
from mecopt.show.numbers import counted
from mecopt.show.page import Column, Grid
from mecopt.show.printable import encoded
from mecopt.storage.atomic import to_myself, write_whole

_DECISIONS = """<h2>Decisions</h2>
<p>The share of users by choice, over the instances that the method has an answer to, and the share of users whose choice is
the same in all of these.</p>
"""

PICTURES = {"loss.png": loss_figure, "tradeoff.png": tradeoff_figure, "instances.png": instances_figure}

NARROW = 110
"""Columns of a terminal below which the table leaves out violation and the split of seconds."""

_WIDE_ONLY = ("1st percentile", "violation", "model")


def table(summary: Summary, width: int) -> Grid:
    """Return the comparison as a table for a terminal of this width; the report has every column."""
    shown = [i for i, header in enumerate(HEADERS) if width >= NARROW or header not in _WIDE_ONLY]
    rows = [cells(line) for line in summary.lines]
    return Grid([Column(HEADERS[i], [row[i] for row in rows], right=HEADERS[i] != "method") for i in shown])


def decisions_table(comparison: Comparison) -> Grid:
    """Return what the methods decide as a table: shares of users by choice, and users who never change theirs."""
    rows = habits(comparison)
    names, texts = headers(rows), [row.cells() for row in rows]
    return Grid([Column(name, [text[i] for text in texts], right=name != "method") for i, name in enumerate(names)])


def write_report(comparison: Comparison, out: str | Path) -> Summary:
    """Write ``report.html`` and its pictures into a folder; return what they say. A picture of nothing is not drawn."""
    out = Path(out)
    summary = summarise(comparison)
    pictures = {}
    with to_myself(out):
        for name, figure in PICTURES.items():
            if summary.shown:
                pictures[name] = figure(summary)
                write_whole(out / name, pictures[name])
            else:
                (out / name).unlink(missing_ok=True)  # of an earlier run
        write_whole(out / "report.html", encoded(_page(comparison, summary, pictures)))
    return summary


def _page(comparison: Comparison, summary: Summary, pictures: dict[str, bytes]) -> str:
    origin = comparison.provenance
    meanings = MEANINGS | _methods(origin["problem"], summary)
    methods = html_table(HEADERS, [cells(line) for line in summary.lines], meanings)
    chosen = habits(comparison)
    decisions = f"{_DECISIONS}{html_table(headers(chosen), [row.cells() for row in chosen], meanings)}" if chosen else ""
    findings = "".join(f"<li>{html.escape(text)}</li>" for text in summary.findings)
    title = f"{summary.title}, {counted(len(summary.lines), 'methods')}"
    return html_page(
        title,
        f"""<ul>{findings}</ul>
<h2>Methods</h2>
<p>Ratios refer to {html.escape(summary.reference)} and are at most 1; "proved" is the share of instances on which the
answer is proved optimal (a heuristic's by the relaxation's bound alone, stored answers by the default solver); "violation"
is the worst scaled constraint violation, "calls" the allocation problems solved per instance; seconds are per instance.
A method with "n of m" behind its name has ratios for so many of the instances only.</p>
{methods}
{decisions}
<h2>Pictures</h2>{images(pictures)}
<h2>Provenance</h2>{details(origin)}""",
    )


def _methods(problem: str, summary: Summary) -> dict[str, str]:
    """Return what methods are, in their own words, where the problem is installed and knows them."""
    if problem not in problem_names():
        return {}
    known = find_problem(problem).solvers
    return {line.label: known[line.method].summary for line in summary.lines if line.method in known}
