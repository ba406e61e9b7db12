"""Pictures of trainings: the loss and the ratio to the optimum along the stream, over seeds."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.log import Log

Array = NDArray[Any]

EVERY, RECORDS = 10, 20
"""As in figure 4 of paper 003: a record every 10 instances, and the mean of the last 20 records."""

LOW = 0.05
"""Part of each curve that may run below the axis: the first steps of a training."""

COLOURS = ("#1f5f8b", "#c0392b", "#2e8b57", "#8e6bbf", "#b8860b", "#5b6470")


def windowed(values: Array) -> tuple[Array, Array, Array, Array]:
    """Return instances, and mean, least and greatest of the last records there; nans are left out."""
    at = np.flatnonzero(~np.isnan(values))
    step = -(-EVERY // int(np.diff(at).min())) if at.size > 1 else 1
    if at.size >= step:
        at = at[step - 1 :: step]
    records = values[at]
    if records.size < RECORDS:
        return at, records, records, records
    windows = np.lib.stride_tricks.sliding_window_view(records, RECORDS)
    return at[RECORDS - 1 :], windows.mean(axis=-1), windows.min(axis=-1), windows.max(axis=-1)


def curves(runs: Mapping[str, Sequence[Log]], title: str, changes: Sequence[tuple[int, str]] = ()) -> bytes:
    """Draw loss and ratio of named runs, one log per seed: means over seeds, least and greatest records as shade."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 6.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.6))
    shown = []
    for (label, logs), colour in zip(runs.items(), COLOURS, strict=False):
        shown += [log.ratio(log.played) for log in logs]
        _draw(above, [windowed(log.loss) for log in logs], colour, label)
        _draw(below, [windowed(log.ratio(log.played)) for log in logs], colour, f"{label} best of K".strip())
        own = [windowed(log.ratio(log.own)) for log in logs]
        if len(runs) == 1:
            shown += [log.ratio(log.own) for log in logs]
            below.plot(own[0][0], np.mean([o[1] for o in own], axis=0), color=colour, lw=1.0, ls=":", label="network alone")
    below.axhline(1.0, color="#1d2530", lw=1.0, ls="--", label="proved optimum")
    for at, text in changes:
        for axes in (above, below):
            axes.axvline(at, color="#8a8f98", lw=0.8)
        above.text(at, 0.97, f" {text}", transform=above.get_xaxis_transform(), va="top", fontsize=8)
    lost = max(1e-4, *(1.0 - float(np.quantile(windowed(ratio)[1], LOW)) for ratio in shown))
    below.set_ylim(1.0 - 1.6 * lost, 1.0 + 0.1 * lost)
    below.ticklabel_format(axis="y", useOffset=False)
    above.set_ylabel("cross entropy")
    if any((log.loss > 0).any() for logs in runs.values() for log in logs):
        above.set_yscale("log")
    below.set_ylabel("ratio to the optimum")
    below.set_xlabel(f"instance (a record every {EVERY}; mean of the last {RECORDS}, shade: their least and greatest)")
    above.set_title(title, fontsize=10, loc="left")
    figure.legend(*below.get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower left", ncols=3)
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return png(figure)


def _draw(axes: Any, windows: list[tuple[Array, Array, Array, Array]], colour: str, label: str) -> None:
    at = windows[0][0]
    mean, least, most = (np.array([w[i] for w in windows]) for i in (1, 2, 3))
    axes.fill_between(at, least.mean(axis=0), most.mean(axis=0), color=colour, alpha=0.15, lw=0)
    axes.plot(at, mean.mean(axis=0), color=colour, lw=1.6, label=label or None)


def png(figure: Any) -> bytes:
    """Return a figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
