r"""Means over a path with standard errors, and paired differences of two policies on the same path.

Successive slots depend on each other, so an error is taken from means over blocks of slots, long enough to know little of
each other (batch means); lanes are independent anyhow, so there is a second error from the lanes' means alone, without that
assumption but of few numbers. With block means :math:`m_b` of :math:`n_b` slots each, N in all,

.. math::
    m = \frac1N \sum_b n_b m_b, \qquad
    s^2 = \frac{1 + \rho}{1 - \rho}\ \frac{B}{B - 1} \sum_b \Big(\frac{n_b}{N}\Big)^2 (m_b - m)^2 ,

where :math:`\rho \ge 0` is what blocks still know of the next one in their lane, their correlation: the errors of a path too
short for its blocks are larger by that (the variance of the mean of an autoregressive series of first order).

A difference is paired: the blocks of both policies are of the same slots of the same path, and it is their differences that
scatter, much less than either policy where both suffer from the same luck.

Reference: Law and Kelton, Simulation Modeling and Analysis, 9.5 (batch means), 11.2 (common random numbers). Priestley,
Spectral Analysis and Time Series, 1981, 5.3 (the mean of correlated series).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError

Array = NDArray[Any]

CORRELATED = 0.99
"""The greatest correlation of blocks that is believed; beyond, the path is too short to tell anything."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard errors; nan where there are too few numbers to tell."""

    mean: float
    error: float
    """By blocks."""
    error_by_lane: float
    blocks: int = 0
    """How many block means the first error is from."""

    def half_width(self, confidence: float = 0.95) -> float:
        """Return half the width of Student's confidence interval by blocks; nan where there are too few to tell."""
        from scipy import stats

        return float(stats.t.ppf(0.5 + confidence / 2.0, self.blocks - 1) * self.error) if self.blocks > 1 else float("nan")

    def __str__(self) -> str:
        return f"{self.mean:.6g} ± {self.error:.2g}"


def estimate(values: ArrayLike, slots: ArrayLike = 1.0) -> Estimate:
    """Return the mean of block means ``(blocks, lanes)`` that are of so many slots; blocks of no slots count for nothing.

    Examples
    --------
    >>> str(estimate([[1.0, 2.0], [3.0, 2.0]]))
    '2 ± 0.41'
    >>> round(estimate([[1.0, 2.0], [3.0, 2.0]]).half_width(), 2)
    1.3
    """
    means = np.asarray(values, dtype=float)
    if means.ndim != 2 or not means.size:
        raise InstanceError(f"block means have shape {means.shape}; allowed: (blocks, lanes)")
    count = np.broadcast_to(np.asarray(slots, dtype=float), means.shape)
    sums = np.where(count > 0.0, count * means, 0.0)
    if not count.sum() > 0.0:
        return Estimate(np.nan, np.nan, np.nan)
    mean = float(sums.sum() / count.sum())
    known = _known(sums, count, mean)
    error = _error(sums, count, mean) * np.sqrt((1.0 + known) / (1.0 - known))
    return Estimate(mean, float(error), _error(sums.sum(axis=0), count.sum(axis=0), mean), int((count > 0.0).sum()))


def _error(sums: Array, count: Array, mean: float) -> float:
    blocks = int((count > 0.0).sum())
    if blocks < 2:
        return float("nan")
    spread = ((sums - count * mean) ** 2).sum() / count.sum() ** 2
    return float(np.sqrt(spread * blocks / (blocks - 1)))


def _known(sums: Array, count: Array, mean: float) -> float:
    """Return the correlation of blocks with the next of their lane, 0 where it is negative or cannot be told."""
    apart = sums - count * mean
    pairs = (count[:-1] > 0.0) & (count[1:] > 0.0)
    if not pairs.any() or not (apart**2).sum() > 0.0:
        return 0.0
    together, alone = (apart[:-1] * apart[1:])[pairs].mean(), (apart**2)[count > 0.0].mean()
    return float(np.clip(together / alone, 0.0, CORRELATED))


def paired(values: ArrayLike, reference: ArrayLike, slots: ArrayLike = 1.0) -> Estimate:
    """Return the mean difference of two policies' block means ``(blocks, lanes)`` on the same slots of the same path."""
    one, other = np.asarray(values, dtype=float), np.asarray(reference, dtype=float)
    if one.shape != other.shape:
        raise InstanceError(f"the policies have blocks of shapes {one.shape} and {other.shape}; allowed: the same slots")
    return estimate(one - other, slots)


def blocks_of(slots: int, blocks: int) -> list[slice]:
    """Return slots in so many consecutive blocks, as equal as can be.

    >>> [(one.start, one.stop) for one in blocks_of(7, 3)]
    [(0, 3), (3, 5), (5, 7)]
    """
    if blocks < 1:
        raise InstanceError(f"blocks is {blocks}; allowed: at least 1")
    ends = np.cumsum([0, *(len(part) for part in np.array_split(np.empty(slots), min(blocks, slots)))]).tolist()
    return [slice(first, last) for first, last in pairwise(ends)]


def block_means(values: Array, blocks: int) -> tuple[Array, Array]:
    """Return means over blocks of slots and how many slots count in each, ``(blocks, lanes)``; nan counts for nothing.

    Parameters
    ----------
    values
        ``(slots, lanes)``.
    blocks
        how many, as equal as can be.
    """
    means, counts = [], []
    for part in blocks_of(len(values), blocks):
        known = ~np.isnan(values[part])
        count = known.sum(axis=0)
        sums = np.where(known, values[part], 0.0).sum(axis=0)
        means.append(np.where(count > 0, sums / np.maximum(count, 1), np.nan))
        counts.append(count)
    return np.array(means), np.array(counts)
