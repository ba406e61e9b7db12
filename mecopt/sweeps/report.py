"""A sweep as a table in the terminal and as one HTML file that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mecopt.compare.pages import details, html_page, html_table, images
from mecopt.compare.summary import HEADERS, MEANINGS, cells
from mecopt.show.page import Column, Grid
from mecopt.show.printable import encoded
from mecopt.storage.atomic import to_myself, write_whole
from mecopt.sweeps.figures import FIGURES, Spot, picture, spots_of
from mecopt.sweeps.grid import told
from mecopt.sweeps.result import Sweep

REPORT = "report.html"

SPREAD = "over seeds"

NARROW = ("method", "mean ratio", SPREAD, "proved", "calls", "solve")
"""Columns of the table in a terminal, behind the settings."""


def headers(sweep: Sweep) -> list[str]:
    """Return the titles of the table of all points and methods."""
    return [*sweep.axes, *HEADERS[:2], SPREAD, *HEADERS[2:]]


def rows(spots: Sequence[Spot]) -> list[list[str]]:
    """Return a row for each point and method; the spread is of the mean ratio, from its least seed to its greatest."""
    found = []
    for spot in spots:
        values = [told({"": value})[1:] for value in spot.values.values()]
        for line in spot.summary.lines:
            name, ratio, *rest = cells(line)
            _, least, most = spot.spread("loss", line.method)
            spread = "-" if np.isnan(line.ratio_mean) else f"{1.0 - most:.6f} to {1.0 - least:.6f}"
            found.append([*values, name, ratio, spread, *rest])
    return found


def table(sweep: Sweep, spots: Sequence[Spot]) -> Grid:
    """Return the sweep as a table for a terminal; the report has every column."""
    names, texts = headers(sweep), rows(spots)
    shown = [i for i, name in enumerate(names) if i < len(sweep.axes) or name in NARROW]
    return Grid([Column(names[i], [text[i] for text in texts], right=names[i] != "method") for i in shown])


def findings(sweep: Sweep, spots: Sequence[Spot]) -> list[str]:
    """Return what is told of the whole sweep, then what comparisons say of several points or of one."""
    of: dict[str, list[str]] = {}
    for spot in spots:
        for text in spot.summary.findings:
            of.setdefault(text, []).append(told(spot.values))
    found = list(sweep.provenance["notes"])
    for text, where in of.items():
        at = "everywhere" if len(where) == len(spots) else "; ".join(where)
        found.append(f"{at}: {text}" if len(spots) > 1 else text)
    return found


def pictures(sweep: Sweep, spots: Sequence[Spot]) -> dict[str, bytes]:
    """Draw every figure over every axis, by the names of files; a figure that nothing is known of is not drawn."""
    known = [name for name in FIGURES if any(not np.isnan(v).all() for spot in spots for v in spot.seeds[name].values())]
    return {f"{name}-over-{axis}.png": picture(sweep, spots, axis, name) for axis in sweep.axes for name in known}


def write_report(sweep: Sweep, out: str | Path) -> list[Spot]:
    """Write ``report.html`` and its pictures into a folder; return what they say. Pictures of an earlier sweep go."""
    out = Path(out)
    spots = spots_of(sweep)
    drawn = pictures(sweep, spots)
    with to_myself(out):
        for name, content in drawn.items():
            write_whole(out / name, content)
        for path in out.glob("*-over-*.png"):
            if path.name not in drawn and path.name.partition("-over-")[0] in FIGURES:
                path.unlink()
        write_whole(out / REPORT, encoded(_page(sweep, spots, drawn)))
    return spots


def _page(sweep: Sweep, spots: Sequence[Spot], drawn: dict[str, bytes]) -> str:
    said = "".join(f"<li>{html.escape(text)}</li>" for text in findings(sweep, spots))
    origin: dict[str, Any] = {name: value for name, value in sweep.provenance.items() if name not in ("points", "notes")}
    return html_page(
        sweep._line(),
        f"""<ul>{said}</ul>
<h2>Pictures</h2>{images(drawn)}
<h2>Points and methods</h2>
<p>Ratios refer to the proved optimum of each instance, or to the best proved bound where none is proved, and are at most 1;
"{SPREAD}" is the least and the greatest mean ratio of a seed. The other columns are a comparison's, over all seeds.</p>
{html_table(headers(sweep), rows(spots), MEANINGS)}
<h2>Provenance</h2>{details(origin)}""",
    )
