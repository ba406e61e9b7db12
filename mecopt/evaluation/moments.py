"""From when on a curve is somewhere, at a level or near its own end: a figure is the x of every seed."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.evaluation.figures import Curve, Figure, with_seed
from mecopt.evaluation.intervals import NoNumber, Values, paired
from mecopt.evaluation.measurements import Measurements

Array = NDArray[Any]


@dataclass(frozen=True)
class Reached(Figure):
    """At which x means over a window of points first are at a level, or beyond it; infinite where they never are.

    The x is that of the last point of the window. Where the first window is at the level already, nothing was reached, and
    there is no number, unless it is asked only from when on it is there (`already`).
    """

    curve: Curve
    level: Figure
    window: int
    falling: bool = False
    """Whether the level is reached from above."""
    already: bool = False

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InstanceError(f"means over {self.window} points; allowed: at least 1")

    def values(self, found: Measurements) -> Values:
        """Return the x of every seed."""
        seeds, x, values = self.curve.points(found)
        if x.size < self.window:
            raise InstanceError(f"{self.curve} has {x.size} points; allowed: at least {self.window}, one window")
        means = np.lib.stride_tricks.sliding_window_view(values, self.window, axis=1).mean(axis=-1)
        rows = dict(zip(seeds, means, strict=True))
        reached = {}
        for seed, _, level in paired(dict.fromkeys(seeds, 0.0), self.level.values(found), f"{self.curve} and {self.level}"):
            row = rows[seed if seed in rows else None]
            there = np.flatnonzero(row <= level if self.falling else row >= level)
            if there.size and there[0] == 0 and not self.already:
                raise NoNumber(f"{self}: it begins there{with_seed(seed)}")
            reached[seed] = float(x[there[0] + self.window - 1]) if there.size else math.inf
        return reached

    def grain(self, found: Measurements) -> float:
        """Return how far points lie apart."""
        _, x, _ = self.curve.points(found)
        return float(np.diff(x).max())

    def __str__(self) -> str:
        way = "falls to" if self.falling else "reaches"
        return f"where {self.curve} {way} {self.level} (means of {self.window} points)"


@dataclass(frozen=True)
class Settled(Figure):
    """From which x on a curve stays near its own end: means over blocks of it, seed by seed; infinite where it never does.

    The end is the mean over the last 30 % of the blocks, at least two of them, or else every curve would end near its end;
    near is within `tolerance`, as a number or as a part of the end. A curve whose first block is near its end already has
    not come there, and there is no number, unless it is asked only whether it stays (`already`).
    """

    curve: Curve
    tolerance: float
    blocks: int
    relative: bool = False
    already: bool = False

    def __post_init__(self) -> None:
        if self.blocks < 2 or not 0.0 < self.tolerance < math.inf:
            raise InstanceError(
                f"settled within {self.tolerance:g} by {self.blocks} blocks; allowed: a positive number, at least 2 blocks"
            )

    def values(self, found: Measurements) -> Values:
        """Return the x of every seed."""
        seeds, x, values = self.curve.points(found)
        if x.size < self.blocks:
            raise InstanceError(f"{self.curve} has {x.size} points; allowed: at least {self.blocks}, one per block")
        edges = np.linspace(0, x.size, self.blocks + 1).round().astype(int)
        means = np.stack([values[:, a:b].mean(axis=1) for a, b in itertools.pairwise(edges)], axis=1)
        ends = means[:, -max(2, round(0.3 * self.blocks)) :].mean(axis=1)
        near = self.tolerance * np.abs(ends) if self.relative else np.full(len(seeds), self.tolerance)
        return {
            seed: self._from(x, edges, np.abs(row - end) > width, seed)
            for seed, row, end, width in zip(seeds, means, ends, near, strict=True)
        }

    def _from(self, x: Array, edges: Array, away: Array, seed: int | None) -> float:
        last = np.flatnonzero(away)
        if not last.size:
            if self.already:
                return float(x[0])
            raise NoNumber(f"{self}: it is near from the beginning{with_seed(seed)}")
        return math.inf if last[-1] == self.blocks - 1 else float(x[edges[last[-1] + 1]])

    def grain(self, found: Measurements) -> float:
        """Return the width of a block."""
        _, x, _ = self.curve.points(found)
        return float(x[-1] - x[0]) / self.blocks

    def __str__(self) -> str:
        near = f"{100 * self.tolerance:g} %" if self.relative else f"{self.tolerance:g}"
        return f"from where {self.curve} stays within {near} of its end (means over {self.blocks} blocks)"
