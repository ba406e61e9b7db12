"""What is selected from measurements: a figure is a number per seed, a curve is numbers along x per seed.

Figures are added up from others by the usual signs, seed by seed, so that a ratio is a mean of ratios on common luck:

>>> from mecopt.evaluation.measurements import Measurements, Row
>>> measured = {("a", 0): 6.0, ("a", 1): 3.0, ("b", 0): 2.0, ("b", 1): 1.5}
>>> found = Measurements(tuple(Row("R", value, method, seed=seed) for (method, seed), value in measured.items()))
>>> gain = Of("R", "a") / Of("R", "b")
>>> gain.values(found), str(gain)
({0: 3.0, 1: 2.0}, 'R of a over R of b')
"""

from __future__ import annotations

import itertools
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.evaluation.intervals import NoNumber, Values, paired
from mecopt.evaluation.measurements import Measurements

Array = NDArray[Any]


ROUNDING = 1e-12
"""Part of the greater of two numbers by which they may differ and still be equal: computed in another order."""


class Figure(ABC):
    """A number per seed."""

    @abstractmethod
    def values(self, found: Measurements) -> Values:
        """Return the number of every seed, or the one under None that is not random."""

    def grain(self, found: Measurements) -> float:
        """Return by how much the numbers may be off since they are read on a grid; 0, unless a figure says more."""
        return 0.0

    @abstractmethod
    def __str__(self) -> str: ...

    def __truediv__(self, other: Figure) -> Figure:
        return Combined(self, other, "over", _ratio)

    def __sub__(self, other: Figure) -> Figure:
        return Combined(self, other, "less", _difference)

    def __mul__(self, other: Figure) -> Figure:
        return Combined(self, other, "times", operator.mul)


def _ratio(a: float, b: float) -> float:
    if a == b == 0.0:
        return math.nan
    return a / b if b else math.copysign(math.inf, a)


def _difference(a: float, b: float) -> float:
    return float(difference(np.array(a), np.array(b)))


def difference(first: Array, second: Array) -> Array:
    """Return what two figures differ by: 0 where it is rounding, nan where both are infinite."""
    with np.errstate(invalid="ignore"):
        apart = first - second
        rounding = np.isfinite(apart) & (np.abs(apart) <= ROUNDING * np.maximum(np.abs(first), np.abs(second)))
        return np.where(rounding, 0.0, apart)


@dataclass(frozen=True)
class Of(Figure):
    """A quantity of a method in a setting, at an x or without one."""

    quantity: str
    method: str = ""
    setting: str = ""
    x: float | None = None

    def values(self, found: Measurements) -> Values:
        """Return what was measured."""
        series = found.series(self.quantity, self.method, self.setting)
        for seed, points in series.items():
            if self.x not in points:
                where = "without an x" if self.x is None else f"at {self.x:g}"
                raise InstanceError(f"{self} was not measured {where} with seed {seed}")
        return {seed: points[self.x] for seed, points in series.items()}

    def __str__(self) -> str:
        of, at = f" of {self.method}" if self.method else "", "" if self.x is None else f" at {self.x:g}"
        return f"{self.quantity}{of}{f' ({self.setting})' if self.setting else ''}{at}"


@dataclass(frozen=True)
class Stated(Figure):
    """A number that is known: a paper's, or one that theory says."""

    value: float
    words: str = ""

    def values(self, found: Measurements) -> Values:
        """Return the number."""
        return {None: self.value}

    def __str__(self) -> str:
        return self.words or f"{self.value:g}"


@dataclass(frozen=True)
class Combined(Figure):
    """A figure of two others, seed by seed."""

    first: Figure
    second: Figure
    sign: str
    combine: Callable[[float, float], float]

    def values(self, found: Measurements) -> Values:
        """Return the combination of every seed.

        Raises
        ------
        NoNumber
            where it is none.
        """
        pairs = paired(self.first.values(found), self.second.values(found), f"{self.first} and {self.second}")
        combined = {seed: self.combine(a, b) for seed, a, b in pairs}
        for seed, a, b in pairs:
            if math.isnan(combined[seed]):
                raise NoNumber(f"{self} is {a:g} {self.sign} {b:g}{_with(seed)}, which is no number")
        return combined

    def grain(self, found: Measurements) -> float:
        """Return the sum of both, of a difference; of ratios and products it is not followed."""
        return self.first.grain(found) + self.second.grain(found) if self.combine is _difference else 0.0

    def __str__(self) -> str:
        return f"{self.first} {self.sign} {self.second}"


@dataclass(frozen=True)
class Curve:
    """A quantity along x, of a method in a setting."""

    quantity: str
    method: str = ""
    setting: str = ""

    def points(self, found: Measurements) -> tuple[list[int | None], Array, Array]:
        """Return seeds, x in rising order ``(points)``, and values ``(seeds, points)``.

        Raises
        ------
        InstanceError
            where seeds were measured at different x, or at a single one.
        """
        series = found.series(self.quantity, self.method, self.setting)
        seeds = list(series)
        along = [sorted(x for x in series[seed] if x is not None) for seed in seeds]
        for seed, one in zip(seeds, along, strict=True):
            if one != along[0]:
                raise InstanceError(f"{self} was measured at other x with seed {seed} than with seed {seeds[0]}")
        if len(along[0]) < 2:
            raise InstanceError(f"{self} was measured at {len(along[0])} points; allowed: at least 2")
        return seeds, np.array(along[0]), np.array([[series[seed][x] for x in along[0]] for seed in seeds])

    def late(self, part: float = 0.3) -> Figure:
        """Return the mean over the last part of the curve."""
        return Late(self, part)

    def mean(self) -> Figure:
        """Return the mean over the curve."""
        return Mean(self)

    def between(self, after: float, until: float) -> Within:
        """Return the curve at the x that are greater than one and no greater than another."""
        return Within(self.quantity, self.method, self.setting, whole=self, after=after, until=until)

    def __str__(self) -> str:
        return str(Of(self.quantity, self.method, self.setting))


@dataclass(frozen=True)
class Across(Curve):
    """A quantity of a method in several settings, each at an x of its own; `setting` is what they are called together."""

    settings: Mapping[float, str] = field(default_factory=dict, hash=False)
    """By x."""

    def points(self, found: Measurements) -> tuple[list[int | None], Array, Array]:
        """Return seeds, x in rising order ``(points)``, and values ``(seeds, points)``.

        Raises
        ------
        InstanceError
            where settings were measured with different seeds, or there is a single one.
        """
        if len(self.settings) < 2:
            raise InstanceError(f"{self} is across {len(self.settings)} settings; allowed: at least 2")
        x = sorted(self.settings)
        each = [Of(self.quantity, self.method, self.settings[one]).values(found) for one in x]
        for values, one in zip(each, x, strict=True):
            if values.keys() != each[0].keys():
                raise InstanceError(f"{self} was measured with other seeds at {one:g} than at {x[0]:g}")
        seeds = list(each[0])
        return seeds, np.array(x), np.array([[values[seed] for values in each] for seed in seeds])


@dataclass(frozen=True, kw_only=True)
class Within(Curve):
    """A part of another curve, by its x."""

    whole: Curve
    after: float
    until: float

    def points(self, found: Measurements) -> tuple[list[int | None], Array, Array]:
        """Return seeds, x in rising order ``(points)``, and values ``(seeds, points)``.

        Raises
        ------
        InstanceError
            where nothing was measured there.
        """
        seeds, x, values = self.whole.points(found)
        here = (self.after < x) & (x <= self.until)
        if not here.any():
            raise InstanceError(f"{self} was measured nowhere; it was from {x[0]:g} to {x[-1]:g}")
        return seeds, x[here], values[:, here]

    def __str__(self) -> str:
        return f"{self.whole} from {self.after:g} to {self.until:g}"


@dataclass(frozen=True)
class Mean(Figure):
    """The mean of a curve over its points, seed by seed."""

    curve: Curve

    def values(self, found: Measurements) -> Values:
        """Return the mean of every seed."""
        seeds, _, values = self.curve.points(found)
        return dict(zip(seeds, values.mean(axis=1).tolist(), strict=True))

    def __str__(self) -> str:
        return f"mean {self.curve}"


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
                raise NoNumber(f"{self}: it begins there{_with(seed)}")
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
class Late(Figure):
    """The mean of a curve over the last part of its points."""

    curve: Curve
    part: float

    def __post_init__(self) -> None:
        _require_part(self.part)

    def values(self, found: Measurements) -> Values:
        """Return the mean of every seed."""
        seeds, x, values = self.curve.points(found)
        count = max(1, round(self.part * x.size))
        return dict(zip(seeds, values[:, -count:].mean(axis=1).tolist(), strict=True))

    def __str__(self) -> str:
        return f"{self.curve} over the last {100 * self.part:g} %"


@dataclass(frozen=True)
class Scatter(Figure):
    """The standard deviation of a curve over the last part of its points, seed by seed: how unsteady it is there."""

    curve: Curve
    part: float = 0.3

    def __post_init__(self) -> None:
        _require_part(self.part)

    def values(self, found: Measurements) -> Values:
        """Return the deviation of every seed."""
        seeds, x, values = self.curve.points(found)
        count = max(2, round(self.part * x.size))
        return dict(zip(seeds, values[:, -count:].std(axis=1, ddof=1).tolist(), strict=True))

    def __str__(self) -> str:
        return f"scatter of {self.curve} over the last {100 * self.part:g} %"


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
            raise NoNumber(f"{self}: it is near from the beginning{_with(seed)}")
        return math.inf if last[-1] == self.blocks - 1 else float(x[edges[last[-1] + 1]])

    def grain(self, found: Measurements) -> float:
        """Return the width of a block."""
        _, x, _ = self.curve.points(found)
        return float(x[-1] - x[0]) / self.blocks

    def __str__(self) -> str:
        near = f"{100 * self.tolerance:g} %" if self.relative else f"{self.tolerance:g}"
        return f"from where {self.curve} stays within {near} of its end (means over {self.blocks} blocks)"


def _with(seed: int | None) -> str:
    return "" if seed is None else f" with seed {seed}"


def _require_part(part: float) -> None:
    if not 0.0 < part <= 1.0:
        raise InstanceError(f"the last part of a curve is {part:g} of it; allowed: more than 0, at most 1")
