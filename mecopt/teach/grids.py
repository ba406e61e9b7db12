"""A figure on the grid of its sliders as plain data: every view computed, its answers' certificates looked at.

What several views share is written once. Coordinates are rounded to a thousandth of their axis, finer than a screen shows;
numbers are texts, printed from what was computed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.certified import Status
from mecopt.contract.figure import Figure
from mecopt.contract.lesson import scientific
from mecopt.show.view import Mark, Panel, View

Range = tuple[float, float]

_STEPS = 2000
"""Distances that are told apart along an axis."""


@dataclass
class Certified:
    """What the certificates of all answers of a figure say together."""

    proved: int = 0
    told: dict[str, int] = field(default_factory=dict)
    """Numbers of answers by their status, where they are not proved optimal."""
    gap: float = 0.0
    """The largest relative gap of those that are."""
    bracketed: int = 0
    """Values of which two ends are proved."""
    width: float = 0.0
    """The largest distance of those, as a part."""

    def add(self, view: View) -> None:
        """Look at the certificates of solutions, and at the widths of brackets."""
        for bracket in view.brackets:
            self.bracketed += 1
            self.width = max(self.width, bracket.width)
        for answer in view.answers:
            for status, gap in zip(np.ravel(answer.status), np.ravel(answer.gap), strict=True):
                if status is Status.OPTIMAL:
                    self.proved += 1
                    self.gap = max(self.gap, float(gap))
                else:
                    self.told[status.name] = self.told.get(status.name, 0) + 1

    @property
    def sentence(self) -> str:
        """Say it."""
        if self.bracketed:
            between = f"All {self.bracketed} values of these views are proved from below and above"
            between += f", with a gap of {scientific(self.width)} at most."
            return between if not (self.proved or self.told) else f"{self._answered} {between}"
        return self._answered

    @property
    def _answered(self) -> str:
        others = "".join(f"; {count} {name.lower()}, shown as such" for name, count in sorted(self.told.items()))
        if not self.proved:
            return f"No answer of these views is proved optimal{others}."
        every = "all " if not self.told else ""
        found = f"{every}{self.proved} answers behind these views are proved optimal"
        return f"{found[0].upper()}{found[1:]}, with a gap of {scientific(self.gap)} at most{others}."


def gridded(figure: Figure) -> dict[str, Any]:
    """Return a figure with all of its views."""
    views, certified = [], Certified()
    for values in figure.grid():
        view = figure.view(**values)
        certified.add(view)
        views.append(view)
    ranges = [_ranges([view.panels[k] for view in views]) for k in range(len(views[0].panels))]
    pool: dict[str, int] = {}
    written = [written_view(view, ranges, pool) for view in views]
    return {
        **_frame(figure, views[0], ranges),
        "certified": certified.sentence,
        "pool": [json.loads(one) for one in pool],
        "views": written,
    }


def single(figure: Figure, values: dict[str, float]) -> dict[str, Any]:
    """Return one view of a figure, with axes of its own."""
    view, certified, pool = figure.view(**values), Certified(), dict[str, int]()
    certified.add(view)
    ranges = [_ranges([panel]) for panel in view.panels]
    written = written_view(view, ranges, pool)
    return {
        **_frame(figure, view, ranges),
        "certified": certified.sentence,
        "pool": [json.loads(one) for one in pool],
        "views": [written],
    }


def written_view(view: View, ranges: Sequence[tuple[Range, Range]], pool: dict[str, int]) -> dict[str, Any]:
    """Return a view whose marks stand in the pool."""
    return {
        "panels": [
            [pool.setdefault(_mark(one, *axes), len(pool)) for one in panel.marks]
            for panel, axes in zip(view.panels, ranges, strict=True)
        ],
        "numbers": [number.text for number in view.numbers],
        "says": view.says,
    }


def _frame(figure: Figure, view: View, ranges: Sequence[tuple[Range, Range]]) -> dict[str, Any]:
    """Return what all views of a figure have in common."""
    return {
        "title": figure.title,
        "sliders": [
            {
                "name": slider.name,
                "label": slider.label,
                "unit": slider.unit,
                "whole": slider.whole,
                "values": slider.values,
                "texts": [slider.text(value) for value in slider.values],
                "start": slider.start,
            }
            for slider in figure.sliders
        ],
        "panels": [
            {"x": panel.x, "y": panel.y, "xr": axes[0], "yr": axes[1], "ticks": sorted(panel.ticks.items())}
            for panel, axes in zip(view.panels, ranges, strict=True)
        ],
        "names": [number.name for number in view.numbers],
    }


def _ranges(panels: Sequence[Panel]) -> tuple[Range, Range]:
    """Return the ranges of x and y that show all marks of a panel."""
    across = panels[0].x_range or _around(
        [one.x for panel in panels for one in panel.marks if one.kind != "level"], bars=any(_bars(panels)), margin=0.0
    )
    up = panels[0].y_range or _around(
        [one.y for panel in panels for one in panel.marks if one.kind != "upright"], zero=any(_bars(panels)), margin=0.05
    )
    return across, up


def _bars(panels: Sequence[Panel]) -> Iterable[bool]:
    return (one.kind == "bars" for panel in panels for one in panel.marks)


def _around(values: Sequence[NDArray[Any]], *, margin: float, zero: bool = False, bars: bool = False) -> Range:
    found = np.concatenate([np.ravel(value) for value in values]) if values else np.zeros(1)
    found = found[np.isfinite(found)]
    low, high = (float(found.min()), float(found.max())) if found.size else (0.0, 1.0)
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    wide = high - low or abs(high) or 1.0
    if bars:
        return low - 0.6, high + 0.6
    return low - (margin * wide if low != 0.0 else 0.0), high + margin * wide


def _mark(one: Mark, across: Range, up: Range) -> str:
    x, y = _rounded(one.x, across), _rounded(one.y, up)
    return json.dumps({"n": one.name, "k": one.kind, "r": one.role, "x": x, "y": y}, separators=(",", ":"))


def _rounded(values: NDArray[Any], span: Range) -> list[float | None]:
    """Return values to a part of their axis that no eye sees; null where they are not finite."""
    digits = -math.floor(math.log10((span[1] - span[0]) / _STEPS))
    return [round(float(value), digits) if math.isfinite(value) else None for value in values]
