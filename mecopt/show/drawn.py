"""A view drawn by matplotlib: for notebooks, and for files that `mecopt solve --plot` writes."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from mecopt.show.view import Mark, Panel, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3
"""Panels beside each other."""

COLOURS = {
    "first": "#1f5f8b",
    "second": "#b4570f",
    "third": "#2c6b3f",
    "fourth": "#7a3f8f",
    "best": "#a3312a",
    "quiet": "#8a949f",
}


def drawn(view: View) -> Figure:
    """Return the view as a figure of matplotlib without a window: rows of panels, its sentence above, its numbers below."""
    from matplotlib.figure import Figure

    columns = min(len(view.panels), ACROSS)
    rows = -(-len(view.panels) // columns)
    figure = Figure(figsize=(4.6 * columns + 0.4, 3.2 * rows + 0.9), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for one, panel in zip(axes, view.panels, strict=False):
        _panel(one, panel)
    for one in axes[len(view.panels) :]:
        one.axis("off")
    figure.suptitle(textwrap.fill(view.says, 60 * columns), fontsize=10)
    told = "    ".join(f"{number.name} {number.text}".replace(" ", "\u00a0") for number in view.numbers)
    figure.supxlabel(textwrap.fill(told, 60 * columns, break_on_hyphens=False), fontsize=9)
    return figure


def picture(view: View, form: str = "png") -> bytes:
    """Return the view as a file's content, as PNG, SVG or PDF."""
    content = io.BytesIO()
    drawn(view).savefig(content, format=form, dpi=150)
    return content.getvalue()


def _panel(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    bars = [mark for mark in panel.marks if mark.kind == "bars"]
    for mark in panel.marks:
        _mark(axes, mark, bars)
    if panel.ticks:
        axes.set_xticks(list(panel.ticks), list(panel.ticks.values()), fontsize=8)
    elif bars:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if panel.x_range:
        axes.set_xlim(*panel.x_range)
    if panel.y_range:
        axes.set_ylim(*panel.y_range)
    if any(mark.name for mark in panel.marks):
        axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)


def _mark(axes: Axes, mark: Mark, bars: list[Mark]) -> None:
    colour, name = COLOURS[mark.role], mark.name or None
    match mark.kind:
        case "bars":
            width = 0.8 / len(bars)
            place = (next(k for k, bar in enumerate(bars) if bar is mark) - (len(bars) - 1) / 2.0) * width
            axes.bar(mark.x + place, mark.y, 0.94 * width, color=colour, label=name)
        case "dots":
            axes.plot(mark.x, mark.y, "o", color=colour, label=name)
        case "upright":
            for k, x in enumerate(mark.x):
                axes.axvline(x, color=colour, linestyle=":", label=None if k else name)
        case "level":
            for k, y in enumerate(np.ravel(mark.y)):
                axes.axhline(y, color=colour, linestyle=":", label=None if k else name)
        case _:
            axes.plot(mark.x, mark.y, "--" if mark.kind == "dashed" else "-", color=colour, label=name)
