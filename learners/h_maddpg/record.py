"""What a training of `h-maddpg` leaves beside the policy: its log, figures for the card, and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners import log
from mecopt.learners.curves import png
from mecopt.learners.h_maddpg.algorithm import COLUMNS
from mecopt.show.numbers import counted

Array = NDArray[Any]

LAST = 0.3
"""Part of the stream, its end, that the figures are of."""

WINDOW = 100
"""Frames over which curves are averaged; a tenth of a stream that is shorter than ten of them."""


def empty(frames: int) -> dict[str, Array]:
    """Return the columns of a log, before anything has happened."""
    return {name: np.full(frames, np.nan) for name in COLUMNS}


def write(path: Path, columns: Mapping[str, Array], key: str) -> None:
    """Write a log as Parquet, one row per frame; `key` is the run's name."""
    log.write_columns(path, {"frame": np.arange(len(columns["reward"])), **columns}, key)


def read(path: Path) -> dict[str, Array]:
    """Read a log that `write` wrote."""
    found = log.read_columns(path, COLUMNS)
    return {name: found[name] for name in COLUMNS}


def reached(columns: Mapping[str, Array]) -> dict[str, Any]:
    """Return the means of the last part of the stream, for the card; None where nothing was logged."""
    count = max(1, round(LAST * len(columns["reward"])))
    last = {name: values[-count:][~np.isnan(values[-count:])] for name, values in columns.items()}
    means = {name: float(values.mean()) if values.size else None for name, values in last.items()}
    return {"over": f"the last {counted(count, 'frames')} of the stream, with the noise of training", **means}


def report(figures: Mapping[str, Any]) -> list[str]:
    """Say what `reached` found, in a few lines."""
    lines = [
        f"over {figures['over']}:",
        f"reward {figures['reward']:.1f} kbit/J, outage {figures['outage']:.3f}, energy {figures['energy']:.0f} mJ a frame",
    ]
    if figures["users_better"] is not None:
        lines.append(
            f"the users' joint action would earn {figures['users_reward']:.1f}, the optimiser's "
            f"{figures['estimate_reward']:.1f}; the users' was better in {figures['users_better']:.1%} of the frames"
        )
    return lines


def smoothed(values: Array, window: int) -> tuple[Array, Array]:
    """Return frames, and means of the last values there, of a window that has been filled.

    >>> [part.tolist() for part in smoothed(np.array([1.0, 3.0, 5.0]), 2)]
    [[1, 2], [2.0, 4.0]]
    """
    sums = np.cumsum(np.concatenate([[0.0], values]))
    return np.arange(window - 1, values.size), (sums[window:] - sums[:-window]) / window


def picture(columns: Mapping[str, Array], title: str, changes: Sequence[tuple[int, str]] = ()) -> bytes:
    """Draw reward and outage along the frames; where users learn against an estimate, what both would earn."""
    from matplotlib.figure import Figure

    count = len(columns["reward"])
    window = max(1, min(WINDOW, count // 10))
    figure = Figure(figsize=(8.0, 6.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.6, 1))
    if not np.isnan(columns["users_better"]).any():
        above.plot(
            *smoothed(columns["estimate_reward"], window), color="#2e8b57", lw=1.2, label="$y^*$, the optimiser's action"
        )
        above.plot(*smoothed(columns["users_reward"], window), color="#c0392b", lw=1.2, label="$y$, the users' action")
    above.plot(*smoothed(columns["reward"], window), color="#1f5f8b", lw=1.8, label="executed")
    below.plot(*smoothed(columns["outage"], window), color="#1f5f8b", lw=1.8)
    for at, text in changes:
        for axes in (above, below):
            axes.axvline(at, color="#8a8f98", lw=0.8)
        above.text(at, 0.97, f" {text}", transform=above.get_xaxis_transform(), va="top", fontsize=8)
    above.set_title(title, fontsize=10, loc="left")
    above.set_ylabel("reward (11), kbit/J")
    below.set_ylabel("outage")
    below.set_xlabel(f"frame (means of the last {window})")
    figure.legend(frameon=False, fontsize=9, loc="outside lower left", ncols=3)
    for axes in (above, below):
        axes.set_ylim(bottom=0.0)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return png(figure)
