r"""Confidence intervals of a mean over seeds: what repetitions can tell, and what they cannot.

For n values with mean m and standard deviation s (n - 1 in the denominator) the interval is

.. math:: m \pm t_{n-1,\,(1+\gamma)/2}\, \frac{s}{\sqrt n} ,

which holds the true mean with probability :math:`\gamma` where values are normal; for differences paired by seed, whose luck
is common, s is that of the differences. A single repetition tells nothing: its interval is the whole line. What is not
random has an interval of one point, and so have finite values that are all the same.

Where something never happened in a repetition its value is infinite and there is no mean; the interval is then of the
median, between two ordered values,

.. math:: [x_{(k)}, x_{(n + 1 - k)}], \qquad 2\, P(\mathrm{Bin}(n, 1/2) < k) \le 1 - \gamma ,

with the greatest such k. With five values or fewer there is none at :math:`\gamma = 0.95`: then it is the whole line, even
where all are infinite alike.

References: Student: The probable error of a mean, Biometrika 6(1), 1908. David and Nagaraja, Order Statistics, 2003, 7.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mecopt.contract.errors import InstanceError
from mecopt.show.numbers import counted

CONFIDENCE = 0.95
"""Of an interval, unless a rule divides it among several comparisons."""

Values = Mapping[int | None, float]
"""A number per seed; under None what is not random."""


class NoNumber(InstanceError):
    """A figure is none, as the ratio of 0 to 0 or what two infinite ones differ by: what was measured cannot tell."""


@dataclass(frozen=True)
class Interval:
    """A mean, or a median, and the interval that holds the true one.

    >>> str(interval({0: 0.61, 1: 0.65, 2: 0.63}))
    '0.630, 95 % interval 0.580 to 0.680 (3 seeds)'
    >>> str(interval({None: 0.889}))
    '0.889'
    """

    middle: float
    """The mean; the median where values are infinite."""
    low: float
    high: float
    seeds: int
    """Repetitions; 0 where nothing is random."""
    confidence: float = CONFIDENCE
    of: Literal["mean", "median"] = "mean"

    def inside(self, low: float, high: float) -> bool:
        """Whether every value in the interval lies between two others."""
        return low <= self.low and self.high <= high

    def widened(self, by: float) -> Interval:
        """Return the interval with so much more at either end: what the grid leaves open on which values were read."""
        return replace(self, low=self.low - by, high=self.high + by)

    def __str__(self) -> str:
        if self.seeds == 0:
            return f"{self.middle:.4g}"
        if self.seeds == 1:
            return f"{self.middle:.4g} (one seed)"
        form = _form(self)
        middle, low, high = (form.format(value) for value in (self.middle, self.low, self.high))
        kind = "" if self.of == "mean" else f"{self.of} "
        return f"{kind}{middle}, {100.0 * self.confidence:.4g} % interval {low} to {high} ({counted(self.seeds, 'seeds')})"


def interval(values: Values, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of the mean over seeds, or of the median where values are infinite.

    Raises
    ------
    NoNumber
        where one is nan.
    InstanceError
        where there are no values, and where some are of seeds and one is not random.
    """
    _require_one_kind(values)
    found = np.array(list(values.values()), dtype=float)
    if not found.size:
        raise InstanceError("an interval of no values was asked for; allowed: at least one")
    if np.isnan(found).any():
        raise NoNumber(f"among {found.tolist()} is what is no number")
    count, first = found.size, float(found[0])
    if None in values:
        return Interval(first, first, first, 0, confidence)
    if count < 2:
        return Interval(first, -math.inf, math.inf, 1, confidence)
    if not np.isfinite(found).all():
        return _of_median(np.sort(found), confidence)
    if (found == first).all():
        return Interval(first, first, first, count, confidence)
    exponent = math.frexp(float(np.abs(found).max()))[1]  # squares of very small or great numbers are none
    near_one = np.ldexp(found, -exponent)
    half = float(stats.t.ppf(0.5 + confidence / 2.0, count - 1) * near_one.std(ddof=1) / math.sqrt(count))
    with np.errstate(over="ignore"):
        mean, half = np.ldexp([float(near_one.mean()), half], exponent).tolist()
    return Interval(mean, mean - half, mean + half, count, confidence)


def _of_median(ordered: NDArray[Any], confidence: float) -> Interval:
    count = ordered.size
    outside = 2.0 * stats.binom.cdf(np.arange(count), count, 0.5)
    k = int((outside <= 1.0 - confidence).sum())
    low, high = (float(ordered[k - 1]), float(ordered[count - k])) if k else (-math.inf, math.inf)
    return Interval(float(ordered[(count - 1) // 2]), low, high, count, confidence, "median")


def _require_one_kind(values: Values) -> None:
    if None in values and len(values) > 1:
        raise InstanceError("a figure is both of seeds and not random; allowed: either")


def paired(first: Values, second: Values, what: str) -> list[tuple[int | None, float, float]]:
    """Return two figures side by side, seed by seed; what is not random stands beside every seed.

    Raises
    ------
    InstanceError
        where a seed of one is missing from the other, since their luck would differ, and where one is both of seeds and not
        random.
    """
    _require_one_kind(first)
    _require_one_kind(second)
    if None in first and None in second:
        return [(None, first[None], second[None])]
    if None in first:
        return [(seed, first[None], value) for seed, value in second.items()]
    if None in second:
        return [(seed, value, second[None]) for seed, value in first.items()]
    apart = sorted(set(first) ^ set(second), key=str)
    if apart:
        raise InstanceError(f"{what} were measured with different seeds, of which {apart[0]} is of one only")
    return [(seed, value, second[seed]) for seed, value in first.items()]


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of a mean; nan for a single value, and where one is infinite: nothing tells it."""
    if len(values) < 2 or not np.isfinite(values).all():
        return math.nan
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


MOST = 10
"""Digits that are told of a number, however narrow its interval."""


def _form(one: Interval) -> str:
    """Return the format with as many decimals as the width of an interval lets mean something."""
    width = one.high - one.low
    if not math.isfinite(width) or width <= 0.0:
        return "{:.4g}"
    decimals = max(1 - math.floor(math.log10(width)), 0)
    if decimals <= 9:
        return f"{{:.{decimals}f}}"
    digits = decimals + math.floor(math.log10(max(abs(one.low), abs(one.high))))
    return f"{{:.{digits}e}}" if digits <= MOST else f"{{:.{MOST}g}}"
