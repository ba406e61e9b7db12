r"""Confidence intervals of a mean over seeds: what repetitions can tell, and what they cannot.

For n values with mean m and standard deviation s (n - 1 in the denominator) the interval is

.. math:: m \pm t_{n-1,\,(1+\gamma)/2}\, \frac{s}{\sqrt n} ,

which holds the true mean with probability :math:`\gamma` where values are normal; for differences paired by seed, whose luck
is common, s is that of the differences. A single repetition tells nothing: its interval is the whole line. What is not
random has an interval of one point.

Reference: Student: The probable error of a mean, Biometrika 6(1), 1908.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mecopt.solution import InstanceError

CONFIDENCE = 0.95
"""Of an interval, unless a rule divides it among several comparisons."""

Values = Mapping[int | None, float]
"""A number per seed; under None what is not random."""


@dataclass(frozen=True)
class Interval:
    """A mean and the interval that holds the true one.

    >>> str(interval({0: 0.61, 1: 0.65, 2: 0.63}))
    '0.630, 95 % interval 0.580 to 0.680 (3 seeds)'
    >>> str(interval({None: 0.889}))
    '0.889'
    """

    mean: float
    low: float
    high: float
    seeds: int
    """Repetitions; 0 where nothing is random."""
    confidence: float = CONFIDENCE

    def inside(self, low: float, high: float) -> bool:
        """Whether every value in the interval lies between two others."""
        return low <= self.low and self.high <= high

    def __str__(self) -> str:
        if self.seeds == 0:
            return f"{self.mean:.4g}"
        if self.seeds == 1:
            return f"{self.mean:.4g} (one seed)"
        digits = _digits(self)
        low, high = (f"{bound:.{digits}f}" if math.isfinite(bound) else str(bound) for bound in (self.low, self.high))
        mean = f"{self.mean:.{digits}f}" if math.isfinite(self.mean) else str(self.mean)
        return f"{mean}, {100.0 * self.confidence:.4g} % interval {low} to {high} ({self.seeds} seeds)"


def interval(values: Values, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of the mean over seeds.

    Values may be infinite, where something never happened in a repetition; the interval is then the range of the values,
    which says less.
    """
    found = np.array(list(values.values()), dtype=float)
    if None in values:
        if len(values) > 1:
            raise InstanceError("a figure is both of seeds and not random; allowed: either")
        return Interval(float(found[0]), float(found[0]), float(found[0]), 0, confidence)
    count = found.size
    if count < 2:
        return Interval(float(found[0]), -math.inf, math.inf, 1, confidence)
    if not np.isfinite(found).all():
        mean = math.inf if (found > 0).all() else float(np.median(found))
        return Interval(mean, float(found.min()), float(found.max()), count, confidence)
    half = float(stats.t.ppf(0.5 + confidence / 2.0, count - 1) * found.std(ddof=1) / math.sqrt(count))
    mean = float(found.mean())
    return Interval(mean, mean - half, mean + half, count, confidence)


def paired(first: Values, second: Values, what: str) -> list[tuple[int | None, float, float]]:
    """Return two figures side by side, seed by seed; what is not random stands beside every seed.

    Raises
    ------
    InstanceError
        where a seed of one is missing from the other: their luck would differ.
    """
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
    """Return the standard error of a mean; 0 for a single value, which tells none."""
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


def _digits(one: Interval) -> int:
    """Return as many decimals as the width of an interval lets mean something."""
    width = one.high - one.low
    if not math.isfinite(width) or width <= 0.0:
        return 4
    return min(max(1 - math.floor(math.log10(width)), 0), 9)
