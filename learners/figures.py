"""Figures of an evaluation over seeds, in numbers and words: spreads, counts, sliding means, when a curve has settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Spread:
    """A figure over seeds."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """Standard deviation over seeds; 0 for a single one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0

    def __str__(self) -> str:
        return f"{self.mean:.5f} ± {self.deviation:.5f}" if len(self.values) > 1 else f"{self.mean:.5f} (one seed)"


def spread(figures: Sequence[float]) -> Spread:
    """Gather one figure per seed."""
    return Spread(tuple(float(f) for f in figures))


def sliding(values: Array, window: int) -> Array:
    """Return the mean of every run of `window` values, in order."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    return np.asarray((total[window:] - total[:-window]) / window)


def reached(values: Array, level: float, window: int) -> float:
    """Return after how many values the mean of the last `window` first reaches a level; inf where it never does."""
    there = np.flatnonzero(sliding(values, window) >= level)
    return float(there[0] + window) if there.size else float("inf")


def settled(curves: Sequence[Array], tolerance: float, parts: int) -> float:
    """Return from which instance on all means over blocks (and seeds) stay within a tolerance of the final level.

    Entries that are nan are left out; the final level is the mean over the last 30 %.
    """
    size = curves[0].size // parts
    blocks = np.nanmean(np.stack([c[: size * parts].reshape(parts, size) for c in curves]), axis=(0, 2))
    away = np.flatnonzero(np.abs(blocks - blocks[-parts * 3 // 10 :].mean()) > tolerance)
    return float((away[-1] + 1) * size) if away.size else 0.0
