"""The pictures of a comparison, as PNG bytes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from mecopt.compare.summary import Line, Summary

FLOOR = 1e-10
"""Losses below this are drawn here: they are rounding."""

WINDOWS = 100
"""Most points of a line over the instances."""

_BLUE, _GREY, _RED = "#1f5f8b", "#8a8f98", "#c0392b"
_SIGNS = "osD^v<>ph*X8d"
"""More than there are colours, and without a common divisor: the two together tell methods apart."""


def loss_figure(summary: Summary) -> bytes:
    """Draw how far each method is from the reference: every quantile of the loss, on a logarithmic scale."""
    from matplotlib.figure import Figure

    lines = summary.shown
    figure = Figure(figsize=(8.0, 0.55 * len(lines) + 1.7), layout="constrained")
    axes = figure.add_subplot()
    for row, line in enumerate(lines):
        loss = np.clip(line.loss[~np.isnan(line.loss)], FLOOR, None)
        low, middle, high, worst = np.quantile(loss, [0.25, 0.5, 0.75, 1.0])
        axes.plot([loss.min(), worst], [row, row], color=_GREY, lw=1.0, alpha=0.5, zorder=1)
        axes.plot([low, high], [row, row], color=_BLUE, lw=7, alpha=0.45, solid_capstyle="butt", zorder=2)
        axes.plot(middle, row, "|", color=_BLUE, ms=13, mew=2.5, zorder=3)
        axes.plot(max(float(np.mean(loss)), FLOOR), row, "o", color=_BLUE, ms=6, zorder=4)
        axes.plot(worst, row, "x", color=_RED, ms=7, mew=2, zorder=4)
    axes.set_xlim(FLOOR / 2, 2.0)
    axes.set_xscale("log")
    axes.set_yticks(range(len(lines)), [line.label for line in lines])
    axes.invert_yaxis()
    axes.set_xlabel("1 - ratio to the reference (at the left edge: optimal to rounding)")
    _title(figure, summary, f"reference: {summary.reference}")
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    handles: list[Any] = [
        axes.plot([], [], color=_GREY, lw=1.0, label="least to worst")[0],
        axes.plot([], [], "|", color=_BLUE, ms=12, mew=2.5, label="median")[0],
        axes.plot([], [], color=_BLUE, lw=7, alpha=0.45, label="middle half")[0],
        axes.plot([], [], "o", color=_BLUE, label="mean")[0],
        axes.plot([], [], "x", color=_RED, mew=2, label="worst")[0],
    ]
    figure.legend(handles=handles, ncols=5, loc="outside lower center", frameon=False, fontsize=9)
    return png(figure)


def tradeoff_figure(summary: Summary) -> bytes:
    """Draw mean loss against seconds per instance: down and to the left is better.

    Every method has a sign of its own, hollow so that none hides another, and its name beside the axes, the best first.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.8), layout="constrained")
    axes = figure.add_subplot()
    for number, line in enumerate(summary.shown):
        if line.seconds > 0:
            colour, sign = f"C{number % 10}", _SIGNS[number % len(_SIGNS)]
            axes.plot(line.seconds, _mean_loss(line), sign, mec=colour, mfc="none", mew=1.8, ms=9, label=line.label)
            if line.proved == 1.0:
                axes.plot(line.seconds, _mean_loss(line), ".", color=colour, ms=4)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(FLOOR / 3, 3.0)
    axes.margins(x=0.1)
    axes.set_xlabel("seconds per instance")
    axes.set_ylabel(f"mean loss (1 - ratio; {FLOOR:g}: optimal to rounding)")
    _title(figure, summary, "with a point: proved optimal on every one")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        _legend(axes)
    return png(figure)


def instances_figure(summary: Summary) -> bytes:
    """Draw each method's ratio instance by instance, in their order, as means over windows.

    Where the instances are the slots of a stream this is the normalised reward over time.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.8), layout="constrained")
    axes = figure.add_subplot()
    count = summary.shown[0].loss.size
    window = max(1, count // WINDOWS)
    for line in summary.shown:
        ratio = np.pad(1.0 - line.loss, (0, -count % window), constant_values=np.nan).reshape(-1, window)
        some = ~np.isnan(ratio).all(axis=1)
        means = np.full(len(ratio), np.nan)
        means[some] = np.nanmean(ratio[some], axis=1)
        beside = np.pad(some, 1)
        dotted = some & ((len(ratio) < 30) | ~(beside[:-2] | beside[2:]))  # a line shows nothing of what stands alone
        axes.plot(
            window * (np.arange(len(ratio)) + 0.5),
            means,
            marker="o" if dotted.any() else None,
            markevery=np.flatnonzero(dotted).tolist(),
            ms=3,
            lw=1.2,
            label=line.label,
        )
    axes.set_xlabel("instance" + (f" (means over {window})" if window > 1 else ""))
    axes.set_ylabel("ratio to the reference")
    _title(figure, summary, f"reference: {summary.reference}")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    _legend(axes)
    return png(figure)


def _mean_loss(line: Line) -> float:
    return max(1.0 - line.ratio_mean, FLOOR)


def _title(figure: Any, summary: Summary, what: str) -> None:
    """Write above the whole picture, which is wider than its axes."""
    figure.suptitle(f"{summary.title}\n{what}", fontsize=10, x=0.01, ha="left")


def _legend(axes: Any) -> None:
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def png(figure: Any) -> bytes:
    """Return a figure as a file's content."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
