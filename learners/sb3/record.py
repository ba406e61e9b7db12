"""What a training of `sb3` leaves beside the policy: its log, figures for the card, and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.units import titled
from mecopt.dynamic.dynamics import Dynamics
from mecopt.learners import log
from mecopt.learners.curves import png
from mecopt.learners.sb3.settings import Sb3Settings

if TYPE_CHECKING:
    from mecopt.contract.problem import Problem

Array = NDArray[Any]

COLUMNS = ("slots", "training", "reward")
"""Slots learned from; mean reward of a block with exploration; mean reward of the policy after it on its own path."""


def empty(checks: int, measures: Sequence[str] = ()) -> dict[str, Array]:
    """Return the columns of a log, before anything has happened."""
    return {name: np.full(checks, np.nan) for name in (*COLUMNS, *measures)}


def mean(values: Array) -> float:
    """Return the mean of what is known; nan where nothing is, as of outages where there was no work."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def write(path: Path, columns: Mapping[str, Array], key: str) -> None:
    """Write a log as Parquet, one row per check; `key` is the run's name."""
    log.write_columns(path, columns, key)


def read(path: Path) -> dict[str, Array]:
    """Read a log that `write` wrote."""
    return log.read_columns(path, COLUMNS)


def reached(columns: Mapping[str, Array], dynamics: Dynamics[Any], settings: Sb3Settings, stream: Problem) -> dict[str, Any]:
    """Return what the policy that was kept earned, for the card; costs as costs."""
    sign = -1.0 if dynamics.costs else 1.0
    best = len(columns["reward"]) - 1 - int(np.argmax(columns["reward"][::-1]))
    return {
        "over": f"a path of {settings.check_slots:,} slots on which it was chosen: judge by others",
        "reward_name": dynamics.reward_name,
        "unit": dynamics.reward_unit,
        "reward": sign * float(columns["reward"][best]),
        "last": sign * float(columns["reward"][-1]),
        "chosen_after": int(columns["slots"][best]),
        "slots": int(columns["slots"][-1]),
    }


def picture(
    columns: Mapping[str, Array], dynamics: Dynamics[Any], title: str, changes: Sequence[tuple[int, str]] = ()
) -> bytes:
    """Draw what is earned while learning, and what the policy earns on its own path; costs as costs."""
    from matplotlib.figure import Figure

    earned = {name: (-1.0 if dynamics.costs else 1.0) * columns[name] for name in ("training", "reward")}
    figure = Figure(figsize=(8.0, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(columns["slots"], earned["training"], color="#8a8f98", lw=1.4, label="while learning, with exploration")
    axes.plot(columns["slots"], earned["reward"], color="#1f5f8b", lw=1.8, marker="o", ms=4, label="on a path of its own")
    best = len(columns["reward"]) - 1 - int(np.argmax(columns["reward"][::-1]))
    axes.plot(columns["slots"][best], earned["reward"][best], "o", mec="#c0392b", mfc="none", ms=10, mew=1.8, label="kept")
    for at, text in changes:
        axes.axvline(at, color="#8a8f98", lw=0.8)
        axes.text(at, 0.97, f" {text}", transform=axes.get_xaxis_transform(), va="top", fontsize=8)
    axes.set_xlabel("slots learned from")
    axes.set_ylabel(titled(f"{dynamics.reward_name} of a slot", dynamics.reward_unit))
    axes.set_title(title, fontsize=10, loc="left")
    figure.legend(frameon=False, fontsize=9, loc="outside lower left", ncols=3)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return png(figure)
