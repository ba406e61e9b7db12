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


def loss_figure(summary: Summary) -> bytes:
    """Draw how far each method is from the reference: every quantile of the loss, on a logarithmic scale."""
    from matplotlib.figure import Figure

    lines = sorted(summary.lines, key=lambda line: (np.isnan(line.ratio_mean), -line.ratio_mean))
    figure = Figure(figsize=(8.0, 0.55 * len(lines) + 1.7), layout="constrained")
    axes = figure.add_subplot()
    for row, line in enumerate(lines):
        loss = np.clip(line.loss[~np.isnan(line.loss)], FLOOR, None)
        if not loss.size:
            continue
        low, middle, high, worst = np.quantile(loss, [0.25, 0.5, 0.75, 1.0])
        axes.plot([loss.min(), worst], [row, row], color=_GREY, lw=1.0, alpha=0.5, zorder=1)
        axes.plot([low, high], [row, row], color=_BLUE, lw=7, alpha=0.45, solid_capstyle="butt", zorder=2)
        axes.plot(middle, row, "|", color=_BLUE, ms=13, mew=2.5, zorder=3)
        axes.plot(max(float(np.mean(loss)), FLOOR), row, "o", color=_BLUE, ms=6, zorder=4)
        axes.plot(worst, row, "x", color=_RED, ms=7, mew=2, zorder=4)
    axes.set_xlim(FLOOR / 2, 2.0)
    axes.set_xscale("log")
    axes.set_yticks(range(len(lines)), [line.method for line in lines])
    axes.invert_yaxis()
    axes.set_xlabel("1 - ratio to the reference (at the left edge: optimal to rounding)")
    axes.set_title(f"{summary.title}; reference: {summary.reference}", fontsize=10, loc="left")
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
    return _png(figure)


def tradeoff_figure(summary: Summary) -> bytes:
    """Draw mean loss against seconds per instance: down and to the left is better."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.8), layout="constrained")
    axes = figure.add_subplot()
    drawn = [line for line in summary.lines if line.seconds > 0 and not np.isnan(line.ratio_mean)]
    for line in sorted(drawn, key=lambda line: line.proved == 1.0):
        axes.plot(line.seconds, _mean_loss(line), "o", color=_BLUE if line.proved == 1.0 else _GREY, ms=8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(FLOOR / 3, 3.0)
    if drawn:
        least, most = min(line.seconds for line in drawn), max(line.seconds for line in drawn)
        axes.set_xlim(least / 2.0, most * 12.0)
    _label(axes, drawn)
    axes.set_xlabel("seconds per instance")
    axes.set_ylabel(f"mean loss (1 - ratio; {FLOOR:g}: optimal to rounding)")
    axes.set_title(f"{summary.title}; blue: proved optimal on every one", fontsize=10, loc="left")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def instances_figure(summary: Summary) -> bytes:
    """Draw each method's ratio instance by instance, in their order, as means over windows.

    Where the instances are the slots of a stream this is the normalised reward over time.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.8), layout="constrained")
    axes = figure.add_subplot()
    count = summary.lines[0].loss.size
    window = max(1, count // WINDOWS)
    for line in sorted(summary.lines, key=lambda line: (np.isnan(line.ratio_mean), -line.ratio_mean)):
        ratio = 1.0 - line.loss[: count - count % window].reshape(-1, window)
        some = ~np.isnan(ratio).all(axis=1)
        means = np.full(len(ratio), np.nan)
        means[some] = np.nanmean(ratio[some], axis=1)
        axes.plot(
            window * (np.arange(len(ratio)) + 0.5), means, "o-" if len(ratio) < 30 else "-", ms=3, lw=1.2, label=line.method
        )
    axes.set_xlabel("instance" + (f" (means over {window})" if window > 1 else ""))
    axes.set_ylabel("ratio to the reference")
    axes.set_title(f"{summary.title}; reference: {summary.reference}", fontsize=10, loc="left")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return _png(figure)


def _mean_loss(line: Line) -> float:
    return max(1.0 - line.ratio_mean, FLOOR)


def _label(axes: Any, lines: list[Line]) -> None:
    """Write the names beside the points, moved apart where they would overlap."""
    points = [(float(np.log10(line.seconds)), float(np.log10(_mean_loss(line)))) for line in lines]
    taken: list[tuple[float, float]] = []
    for line, (x, y) in sorted(zip(lines, points, strict=True), key=lambda pair: (pair[1][1], pair[1][0])):
        level = y
        while any(abs(level - other) < 0.42 and abs(x - at) < 1.2 for at, other in taken) or any(
            abs(level - other) < 0.3 and 0.0 < at - x < 1.2 for at, other in points
        ):
            level += 0.42
        taken.append((x, level))
        axes.annotate(
            line.method,
            (line.seconds, _mean_loss(line)),
            xytext=(line.seconds * 1.25, 10.0**level),
            va="center",
            fontsize=9,
            arrowprops={"arrowstyle": "-", "color": _GREY, "lw": 0.5} if level > y else None,
        )


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
