"""What a training of `parametric-q` leaves beside the policy: its log, figures for the card, and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners import log
from mecopt.learners.curves import png
from mecopt.learners.parametric_q.training import COLUMNS

Array = NDArray[Any]

LAST = 0.3
"""Part of the path, its end, that the figures are of."""
WINDOWS = 40
"""Means of the cost in the picture."""


def empty(blocks: int) -> dict[str, Array]:
    """Return the columns of a log, before anything has happened."""
    return {name: np.full(blocks, np.nan) for name in COLUMNS}


def write(path: Path, columns: Mapping[str, Array], key: str) -> None:
    """Write a log as Parquet, one row per block; `key` is the run's name."""
    log.write_columns(path, {"block": np.arange(len(columns["cost"])), **columns}, key)


def read(path: Path, key: str | None = None) -> dict[str, Array]:
    """Read a log that `write` wrote, with any key where it is None."""
    found = log.read_columns(path, COLUMNS, key)
    return {name: found[name] for name in COLUMNS}


def reached(columns: Mapping[str, Array]) -> dict[str, Any]:
    """Return means of the last part of the path, and the last gap, for the card; None where nothing was found."""
    blocks = len(columns["cost"])
    count = max(1, round(LAST * blocks))
    found: dict[str, Any] = {"over": f"the last {count:,} blocks of the path, while learning"}
    for name in ("cost", "waiting", "server_waiting", "offloaded"):
        found[name] = float(columns[name][-count:].mean())
    told = columns["gap"][~np.isnan(columns["gap"])]
    found["gap"] = float(told[-1]) if told.size else None
    for who, name in (("devices", "learning"), ("server", "server_learning")):
        known = columns[name][~np.isnan(columns[name])]
        found[f"{who}_stopped"] = 1.0 - float(known[-1]) if known.size else None
    return found


def report(figures: Mapping[str, Any]) -> list[str]:
    """Say what `reached` found, in a few lines."""
    lines = [
        f"over {figures['over']}:",
        f"cost {figures['cost']:.3f} a block, {figures['waiting']:.2f} tasks wait at a device, "
        f"{figures['server_waiting']:.2f} at the server",
    ]
    if figures["gap"] is not None:
        lines.append(f"from empty queues the devices cost {figures['gap']:.3%} more than at best, evaluated exactly")
    for who in ("devices", "server"):
        stopped = figures[f"{who}_stopped"]
        if stopped is not None:
            lines.append(f"{who}: {stopped:.0%} have stopped learning" if who == "devices" else _of_server(stopped))
    return lines


def _of_server(stopped: float) -> str:
    return "the server has stopped learning" if stopped else "the server has not stopped learning"


def picture(columns: Mapping[str, Array], title: str, changes: Sequence[tuple[int, str]] = ()) -> bytes:
    """Draw the cost of blocks along the path, and how much more devices cost than at best where that was evaluated."""
    from matplotlib.figure import Figure

    blocks = len(columns["cost"])
    parts = np.array_split(np.arange(blocks), min(WINDOWS, blocks))
    at = np.array([part.mean() for part in parts])
    figure = Figure(figsize=(8.0, 4.4), layout="constrained")
    axes = figure.add_subplot()
    means = [columns["cost"][part].mean() for part in parts]
    axes.plot(at, means, color="#1f5f8b", lw=1.8, label=f"cost of a block, means of {len(parts[0])}")
    known = np.flatnonzero(~np.isnan(columns["gap"]))
    if known.size:
        other = axes.twinx()
        other.plot(known, 100.0 * columns["gap"][known], "o", color="#c0392b", ms=5, label="devices above the best")
        other.set_ylabel("devices above the best, %")
        other.set_ylim(bottom=0.0)
        other.spines[["top"]].set_visible(False)
    for where, text in changes:
        axes.axvline(where, color="#8a8f98", lw=0.8)
        axes.text(where, 0.97, f" {text}", transform=axes.get_xaxis_transform(), va="top", fontsize=8)
    axes.set_xlabel("block")
    axes.set_ylabel("cost")
    axes.set_title(title, fontsize=10, loc="left")
    figure.legend(frameon=False, fontsize=9, loc="outside lower left", ncols=2)
    axes.grid(alpha=0.25)
    axes.spines[["top"]].set_visible(False)
    return png(figure)
