"""A comparison as a table in the terminal and as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mecopt.compare.decisions import habits, headers
from mecopt.compare.figures import instances_figure, loss_figure, tradeoff_figure
from mecopt.compare.run import Comparison
from mecopt.compare.summary import HEADERS, Summary, cells, summarise
from mecopt.files import to_myself, write_whole

if TYPE_CHECKING:
    from rich.table import Table

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2530; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #e2e6ea }
th:first-child, td:first-child { text-align: left } th { border-bottom: 2px solid #9aa4af }
img { max-width: 100% } .scroll { overflow-x: auto } dt { font-weight: 600 } dd { margin: 0 0 .4rem 1rem }
"""


_DECISIONS = """<h2>Decisions</h2>
<p>The share of users by choice, over the instances that the method has an answer to, and the share of users whose choice is
the same in all of these.</p>
"""

PICTURES = {"loss.png": loss_figure, "tradeoff.png": tradeoff_figure, "instances.png": instances_figure}

NARROW = 110
"""Columns of a terminal below which the table leaves out violation and the split of seconds."""

_WIDE_ONLY = ("1st percentile", "violation", "model")


def table(summary: Summary, width: int) -> Table:
    """Return the comparison as a rich table that fits a terminal of this width; the report has every column."""
    from rich.markup import escape
    from rich.table import Table

    grid = Table(title=escape(f"ratio to {summary.reference}"), title_justify="left", box=None, pad_edge=False)
    shown = [i for i, header in enumerate(HEADERS) if width >= NARROW or header not in _WIDE_ONLY]
    for i in shown:
        grid.add_column(escape(HEADERS[i]), justify="left" if HEADERS[i] == "method" else "right", no_wrap=True)
    for line in summary.lines:
        row = cells(line)
        grid.add_row(*(escape(row[i]) for i in shown))
    return grid


def decisions_table(comparison: Comparison) -> Table:
    """Return what the methods decide as a rich table: shares of users by choice, and users who never change theirs."""
    from rich.markup import escape
    from rich.table import Table

    rows = habits(comparison)
    grid = Table(title="decisions: share of users by choice", title_justify="left", box=None, pad_edge=False)
    for name in headers(rows):
        grid.add_column(escape(name), justify="left" if name == "method" else "right", no_wrap=True)
    for row in rows:
        grid.add_row(*map(escape, row.cells()))
    return grid


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
        write_whole(out / "report.html", _page(comparison, summary, pictures).encode(errors="replace"))
    return summary


def _page(comparison: Comparison, summary: Summary, pictures: dict[str, bytes]) -> str:
    origin = comparison.provenance
    methods = _table(HEADERS, [cells(line) for line in summary.lines])
    chosen = habits(comparison)
    decisions = f"{_DECISIONS}{_table(headers(chosen), [row.cells() for row in chosen])}" if chosen else ""
    findings = "".join(f"<li>{html.escape(text)}</li>" for text in summary.findings)
    images = "".join(
        f'<p><img alt="{name}" src="data:image/png;base64,{base64.b64encode(content).decode()}"></p>'
        for name, content in pictures.items()
    )
    details = "".join(f"<dt>{html.escape(str(k))}</dt><dd>{html.escape(_plain(v))}</dd>" for k, v in origin.items())
    title = f"{summary.title}, {len(summary.lines)} methods"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{html.escape(title)}</h1>
<ul>{findings}</ul>
<h2>Methods</h2>
<p>Ratios refer to {html.escape(summary.reference)} and are at most 1; "proved" is the share of instances on which the
answer is proved optimal (a heuristic's by the relaxation's bound alone, stored answers by the default solver); "violation"
is the worst scaled constraint violation, "calls" the allocation problems solved per instance; seconds are per instance.
A method with "n of m" behind its name has ratios for so many of the instances only.</p>
{methods}
{decisions}
<h2>Pictures</h2>{images or "<p>There is nothing to draw.</p>"}
<h2>Provenance</h2><dl>{details}</dl>
</body></html>
"""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
