"""Pictures of trainings: the loss and the ratio to the optimum along the stream."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.log import Log

Array = NDArray[Any]

EVERY, RECORDS = 10, 20
"""As in figure 4 of paper 003: a record every 10 instances, and the mean of the last 20 records."""

LOW = 0.05
"""Part of each curve that may run below the axis: the first steps of a training."""

COLOUR = "#1f5f8b"


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


def curves(log: Log, title: str, changes: Sequence[tuple[int, str]] = ()) -> bytes:
    """Draw loss and ratio of a training: means of the last records, least and greatest of them as shade."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 6.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.6))
    played, own = windowed(log.ratio(log.played)), windowed(log.ratio(log.own))
    for axes, (at, mean, least, most), label in ((above, windowed(log.loss), None), (below, played, "best of K")):
        axes.fill_between(at, least, most, color=COLOUR, alpha=0.15, lw=0)
        axes.plot(at, mean, color=COLOUR, lw=1.6, label=label)
    below.plot(own[0], own[1], color=COLOUR, lw=1.0, ls=":", label="network alone")
    below.axhline(1.0, color="#1d2530", lw=1.0, ls="--", label="proved optimum")
    for instance, text in changes:
        for axes in (above, below):
            axes.axvline(instance, color="#8a8f98", lw=0.8)
        above.text(instance, 0.97, f" {text}", transform=above.get_xaxis_transform(), va="top", fontsize=8)
    lost = max(1e-4, *(1.0 - float(np.quantile(mean, LOW)) for _, mean, *_ in (played, own)))
    below.set_ylim(1.0 - 1.6 * lost, 1.0 + 0.1 * lost)
    below.ticklabel_format(axis="y", useOffset=False)
    above.set_ylabel("cross entropy")
    if (log.loss > 0).any():
        above.set_yscale("log")
    below.set_ylabel("ratio to the optimum")
    below.set_xlabel(f"instance (a record every {EVERY}; mean of the last {RECORDS}, shade: their least and greatest)")
    above.set_title(title, fontsize=10, loc="left")
    figure.legend(*below.get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower left", ncols=3)
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return png(figure)


def png(figure: Any) -> bytes:
    """Return a figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
