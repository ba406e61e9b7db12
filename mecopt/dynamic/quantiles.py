r"""Continuous laws as finite ones: cells of equal probability, what stands for each, and how far off that is.

Reference: Graf and Luschgy, Foundations of Quantization for Probability Distributions, 2000, chapter 5 (the error in one
dimension).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.chain import Chain

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Quantiles:
    """A continuous law as equally probable cells, each with a number that stands for it.

    For a non-decreasing function f, the mean of f over `lower` and over `upper` bracket its expectation. For a function of
    slope at most L its mean over `values` is off by at most L times `error`.
    """

    values: Array
    lower: Array
    """Lower end of each cell."""
    upper: Array
    error: float
    """Wasserstein-1 distance between the law and the one of `values`."""

    def chain(self) -> Chain:
        """Return the chain that draws a cell anew in every slot."""
        return Chain.independent(np.full(len(self.values), 1.0 / len(self.values)))


def quantile_grid(quantile: Callable[[Any], Any], count: int, *, by: str = "mean") -> Quantiles:
    r"""Cut a continuous law into equally probable cells.

    Parameters
    ----------
    quantile
        the law's quantile function on [0, 1], for example ``scipy.stats.expon().ppf``.
    count
        how many cells.
    by
        what stands for a cell: its "mean", which keeps the law's, or its "median", which makes the error least.

    Notes
    -----
    The error is :math:`\sum_i \int_{i/n}^{(i+1)/n} |Q(u) - v_i| du`, by adaptive quadrature, whose own error is added.

    Examples
    --------
    >>> quantile_grid(lambda u: u, 4).values.tolist(), round(quantile_grid(lambda u: u, 4).error, 9)
    ([0.125, 0.375, 0.625, 0.875], 0.0625)
    """
    from scipy.integrate import quad

    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise InstanceError(f"count is {count!r}; allowed: a whole number of at least 1")
    if by not in ("mean", "median"):
        raise InstanceError(f"by is {by!r}; allowed: 'mean' or 'median'")
    ends = np.linspace(0.0, 1.0, count + 1)
    at = np.asarray(quantile(ends), dtype=float)
    values, error = np.empty(count), 0.0

    def part(low: float, high: float, centre: float) -> tuple[float, float]:
        return quad(lambda u: float(quantile(u)) - centre, low, high, limit=200) if high > low else (0.0, 0.0)

    for i, (low, high) in enumerate(pairwise(ends.tolist())):
        middle = float(quantile(0.5 * (low + high)))
        values[i] = middle if by == "median" else middle + part(low, high, middle)[0] * count
        change = _crossing(quantile, low, high, float(values[i]))
        (below, one), (above, other) = part(low, change, float(values[i])), part(change, high, float(values[i]))
        error += above - below + one + other
    if not np.isfinite(error) or (np.diff(at) < 0.0).any():
        raise InstanceError("the quantile function decreases or has no mean; allowed: that of a law with a mean")
    return Quantiles(values, at[:-1], at[1:], float(error))


def _crossing(quantile: Callable[[Any], Any], low: float, high: float, value: float) -> float:
    """Return where the quantile function passes a value."""
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if float(quantile(middle)) < value else (low, middle)
    return 0.5 * (low + high)
