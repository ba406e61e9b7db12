"""A comparison as a page: what was found, then a row per method."""

from __future__ import annotations

from mecopt.compare.results import Results
from mecopt.compare.summary import HEADERS, cells, summarise
from mecopt.show.page import Column, Grid, Line, Page


def page(comparison: Results) -> Page:
    """Return the findings and the table of methods, as the report has them."""
    summary = summarise(comparison)
    rows = [cells(line) for line in summary.lines]
    columns = [Column(title, [row[i] for row in rows], right=i > 0) for i, title in enumerate(HEADERS)]
    findings = [Line(text) for text in summary.findings]
    return Page(f"{summary.title}; ratio to {summary.reference}", (*findings, Grid(columns)))
