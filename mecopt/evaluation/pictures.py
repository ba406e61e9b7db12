"""Pictures of what was measured: curves along x with their spread, and dots or bars of single figures."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from mecopt.evaluation.figures import Curve, Figure
from mecopt.evaluation.intervals import NoNumber, interval
from mecopt.evaluation.measurements import Measurements
from mecopt.evaluation.reproduction import Picture

LEVELS = ("#1d2530", "#8a8f98", "#b08968", "#6c8a5b")
"""Colours of what is drawn across a picture, taken in turn like `COLOURS`."""

COLOURS = ("#1f5f8b", "#c0392b", "#2e8b57", "#8e6bbf", "#b8860b", "#5b6470", "#d16ba5", "#3c9d9b", "#7a4b2a", "#3f4b8a")

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")

INSIDE = 4
"""As many words of a legend stand within their panel; more would hide what is drawn."""

WIDTHS = (3.0, 1.2)
"""Of the first curve and of the last: where curves coincide the earlier ones are seen beneath the later."""


@dataclass(frozen=True)
class Axis:
    """What stands along an axis."""

    label: str
    scale: Literal["linear", "log"] = "linear"
    low: float | None = None
    high: float | None = None
    whole: bool = False
    """Whether there are whole numbers alone along it, such as users."""


@dataclass(frozen=True)
class Band:
    """A level that is known between two figures, such as a proved bracket, drawn across the picture."""

    label: str
    low: Figure
    high: Figure


@dataclass(frozen=True)
class Panel:
    """One pair of axes: curves, or figures beside each other as dots or bars, and levels across."""

    title: str
    x: Axis
    y: Axis
    curves: Mapping[str, Curve] = field(default_factory=dict)
    bounds: Mapping[str, Curve] = field(default_factory=dict)
    """What no curve can pass: drawn over them, broken, without a spread."""

    dots: Mapping[str, Figure] = field(default_factory=dict)
    bars: Mapping[str, Figure] = field(default_factory=dict)
    bands: Sequence[Band] = ()
    marks: Mapping[str, float] = field(default_factory=dict)
    """What happens at some x, in words, drawn across the curves."""


@dataclass(frozen=True)
class Drawing:
    """A picture of one or more panels side by side."""

    name: str
    caption: str
    panels: Sequence[Panel]
    width: float = 6.0
    height: float = 4.2

    @property
    def explained(self) -> str:
        """The caption, and what its shades and whiskers are."""
        return f"{self.caption} Shades and whiskers: 95 % intervals of the mean over seeds."

    def picture(self, found: Measurements) -> Picture:
        """Draw it; shades and whiskers are 95 % confidence intervals of the mean over seeds."""
        from matplotlib.figure import Figure as Sheet

        sheet = Sheet(figsize=(self.width * len(self.panels), self.height), layout="constrained")
        styles = _styles(tuple(dict.fromkeys(name for panel in self.panels for name in panel.curves)))
        for axes, panel in zip(np.atleast_1d(sheet.subplots(1, len(self.panels))), self.panels, strict=True):
            _draw(axes, panel, found, styles)
        _legends(sheet)
        buffer = io.BytesIO()
        sheet.savefig(buffer, format="png", dpi=130)
        return Picture(self.name, self.explained, buffer.getvalue())


class Style(NamedTuple):
    """How a curve is drawn, the same in every panel of a drawing."""

    colour: str
    marker: str
    width: float


def _styles(names: Sequence[str]) -> dict[str, Style]:
    styles = zip(itertools.cycle(COLOURS), itertools.cycle(MARKERS), np.linspace(*WIDTHS, len(names)).tolist(), strict=False)
    return {name: Style(*style) for name, style in zip(names, styles, strict=True)}


def _draw(axes: Any, panel: Panel, found: Measurements, styles: Mapping[str, Style]) -> None:
    from matplotlib.ticker import MaxNLocator

    for k, band in enumerate(panel.bands):
        colour = LEVELS[k % len(LEVELS)]
        low, high = (float(np.mean(list(figure.values(found).values()))) for figure in (band.low, band.high))
        axes.axhspan(low, high, color=colour, alpha=0.25, lw=0)
        axes.axhline(0.5 * (low + high), color=colour, lw=1.0, ls="--", label=band.label)
    for label, curve in panel.curves.items():
        colour, marker, width = styles[label]
        seeds, x, values = curve.points(found)
        mean = values.mean(axis=0)
        axes.plot(x, mean, color=colour, lw=width, label=label, marker=marker if x.size < 15 else None, ms=2.5 + width)
        if len(seeds) > 1:
            each = [interval(dict(zip(seeds, point.tolist(), strict=True))) for point in values.T]
            low, high = np.array([[one.low, one.high] for one in each]).T
            axes.fill_between(x, low, high, np.isfinite(low) & np.isfinite(high), color=colour, alpha=0.15, lw=0)
    for (label, curve), colour in zip(panel.bounds.items(), itertools.cycle(LEVELS), strict=False):
        _, x, values = curve.points(found)
        axes.plot(x, values.mean(axis=0), color=colour, lw=1.0, ls="--", label=label)
    single = {**panel.dots, **panel.bars}
    for at, ((label, figure), colour) in enumerate(zip(single.items(), _colours(single), strict=True)):
        try:
            single_values = figure.values(found)
        except NoNumber:
            continue
        level = interval(single_values)
        if label in panel.bars:
            axes.bar(at, level.middle, color=colour, alpha=0.55, width=0.65)
        else:
            axes.plot([at] * len(single_values), list(single_values.values()), ".", color=colour, alpha=0.5)
            axes.plot(at, level.middle, "o", color=colour, ms=6)
        if level.seeds > 1 and np.isfinite([level.low, level.high]).all():
            axes.plot([at, at], [level.low, level.high], color=colour, lw=1.6)
    for words, there in panel.marks.items():
        axes.axvline(there, color=LEVELS[1], lw=0.8)
        axes.text(there, 1.01, words, transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=8)
    if single:
        axes.set_xticks(range(len(single)), list(single), rotation=25, ha="right", fontsize=8)
    else:
        axes.set_xscale(panel.x.scale)
        if panel.x.whole:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if panel.y.scale == "linear" or axes.dataLim.minposy < np.inf:  # there is something a logarithm can show
        axes.set_yscale(panel.y.scale)
    axes.set_xlabel(panel.x.label)
    axes.set_ylabel(panel.y.label)
    axes.set_ylim(panel.y.low, panel.y.high)
    if not single:
        axes.set_xlim(panel.x.low, panel.x.high)
    axes.set_title(panel.title, fontsize=10, loc="left")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _legends(sheet: Any) -> None:
    """Write what colours mean: beside the panels where one of them has them all, else into each."""
    told = [(axes, *axes.get_legend_handles_labels()) for axes in sheet.axes]
    told = [one for one in told if one[2]]
    if len(told) > 1:
        _, handles, most = max(told, key=lambda one: len(one[2]))
        if all(set(labels) <= set(most) for _, _, labels in told):
            sheet.legend(handles, most, loc="outside right upper", frameon=False, fontsize=8)
            return
    for axes, handles, labels in told:
        beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if len(labels) > INSIDE else {}
        axes.legend(handles, labels, frameon=False, fontsize=8, **beside)


def _colours(named: Mapping[str, Any]) -> list[str]:
    return [COLOURS[k % len(COLOURS)] for k in range(len(named))]
