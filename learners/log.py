"""What happened at each instance of a training, how close it came to the optimum, and the file that keeps it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, MecoptError
from mecopt.show.numbers import counted
from mecopt.storage import sealed as stored

Array = NDArray[Any]

LOG = "training.parquet"
KIND = "log of a training"
"""Name of the file, and its kind, see `mecopt.storage.sealed`."""

CONTRADICTION = 1e-9
"""Relative difference by which rounding may put an answer beyond the optimum."""


@dataclass(frozen=True, eq=False)
class Log:
    """What happened at each instance of the stream, in the sense of the problem."""

    played: Array
    """Objective of the winning candidate."""
    own: Array
    """Objective of the policy's own decision, whether it was a candidate or not."""
    loss: Array
    """Loss of the step after this instance; nan where there was none."""
    optimum: Array
    """The proved optimum (or, where time ran out, the bound)."""
    more: Mapping[str, Array] = field(default_factory=dict)
    """What else the learner says of each instance, by name; see `Training.notes`."""

    def columns(self) -> dict[str, Array]:
        """Return all columns by name."""
        return {**{name: getattr(self, name) for name in COLUMNS}, **self.more}

    def ratio(self, values: Array) -> Array:
        """Return how close objectives come to the optimum, at most 1."""
        better = self.optimum < values
        above, below = np.where(better, self.optimum, values), np.where(better, values, self.optimum)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(above == below, 1.0, above / np.where(below == 0, 1.0, below)))

    def require_no_better_than_optimum(self, sign: float) -> None:
        """Raise `MecoptError` where something played is better than what is proved to be best."""
        with np.errstate(invalid="ignore"):
            excess = sign * (self.optimum - self.played)
        broken = np.flatnonzero(excess > CONTRADICTION * np.abs(self.optimum))
        if broken.size:
            raise MecoptError(f"instance {broken[0]}: what was played is better than the proved optimum; please report it")


COLUMNS = tuple(f.name for f in dataclasses.fields(Log) if f.name != "more")


def reached(log: Log, distinct: int, proved: Array, played: str) -> dict[str, Any]:
    """Return the figures of the last 30 % of the stream, for the card.

    Parameters
    ----------
    distinct
        how many instances of the stream differ: where it repeats them, the figures are of instances learned from before.
    proved
        whether each optimum is proved; elsewhere the bound stands in its place.
    played
        what was played, in words: its figures are found under these.
    """
    count = max(1, round(0.3 * log.played.size))
    solvable = np.isfinite(log.optimum[-count:])
    if not solvable.any():
        raise InstanceError(
            f"none of the last {counted(count, 'instances')} has a feasible decision, so nothing shows what was learned"
        )

    def ratios(values: Array) -> dict[str, float]:
        ratio = log.ratio(values)[-count:][solvable]
        return {"mean": float(ratio.mean()), "percentile_1": float(np.percentile(ratio, 1)), "least": float(ratio.min())}

    loss = log.loss[-count:][~np.isnan(log.loss[-count:])]
    over = f"the last {counted(count, 'instances')} of the stream, ratio to the proved optimum"
    if not proved[-count:].all():
        over += f" (to the proved bound in {int((~proved[-count:]).sum())})"
    if not solvable.all():
        over += f", {int((~solvable).sum())} without any feasible decision left out"
    if distinct < log.played.size:
        over += f"; it repeats {counted(distinct, 'instances')}, so they were learned from before: judge by others"
    return {
        "over": over,
        played.replace(" ", "_"): ratios(log.played),
        "own_decision": ratios(log.own),
        "loss": float(loss.mean()) if loss.size else None,
    }


def report(figures: Mapping[str, Any]) -> list[str]:
    """Say what `reached` found, in a few lines."""
    lines = [
        f"{title}: mean {row['mean']:.5f}, 1st percentile {row['percentile_1']:.5f}, least {row['least']:.5f}"
        for title, row in ((name.replace("_", " "), found) for name, found in figures.items() if isinstance(found, dict))
    ]
    nothing = ["there was no update among these instances"] if figures["loss"] is None else []
    return [f"over {figures['over']}:", *lines, *nothing]


def write_log(path: Path, log: Log, key: str) -> None:
    """Write a log as Parquet; `key` is the run's name."""
    write_columns(path, {"instance": np.arange(log.played.size), **log.columns()}, key)


def read_log(path: Path) -> Log:
    """Read a log that `write_log` wrote."""
    found = read_columns(path, COLUMNS)
    found.pop("instance", None)
    return Log(**{name: found.pop(name) for name in COLUMNS}, more=found)


def write_columns(path: Path, columns: Mapping[str, Array], key: str) -> None:
    """Write what happened in a training as Parquet, a row for each instance, frame or block; `key` is the run's name."""
    import pyarrow as pa

    stored.write_table(path, pa.table(dict(columns)), KIND, key)


def read_columns(path: Path, needed: Sequence[str] = (), key: str | None = None) -> dict[str, Array]:
    """Read columns that `write_columns` wrote.

    Raises
    ------
    InstanceError
        if they are missing, not what was written, of another run than that of `key`, or not those that are needed.
    """
    table = stored.read_table(path, KIND, key, dict.fromkeys(needed))
    return {name: table[name].to_numpy() for name in table.column_names}
