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
                raise NoNumber(f"{self} is {a:g} {self.sign} {b:g}{with_seed(seed)}, which is no number")
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


def with_seed(seed: int | None) -> str:
    """Say of which seed a number is; nothing where there are none."""
    return "" if seed is None else f" with seed {seed}"


def _require_part(part: float) -> None:
    if not 0.0 < part <= 1.0:
        raise InstanceError(f"the last part of a curve is {part:g} of it; allowed: more than 0, at most 1")
