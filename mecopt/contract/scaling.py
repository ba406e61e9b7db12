"""Unit scaling before an iterative solver sees numbers.

Raw SI units break generic solvers: in hertz SLSQP reports success after one iteration with errors of whole percents, and
in bit/s conic solvers fail on most instances of the computation-rate problem. Every model therefore hands its backends a
program in characteristic units, and the answer is scaled back.
"""

import numpy as np
from numpy.typing import NDArray


def characteristic(values: NDArray[np.float64]) -> float:
    """Return the power of two nearest to the largest magnitude; 1 where all are zero.

    Dividing by a power of two is exact, so scaling adds no rounding error.

    >>> characteristic(np.array([3.0e6, 9.0e6]))
    8388608.0
    """
    largest = float(np.max(np.abs(values), initial=0.0))
    return float(2.0 ** np.round(np.log2(largest))) if largest > 0.0 else 1.0


def below_zero(value: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much the least entry along the last axis is below 0, as a part of the whole; nan where one is nan.

    >>> below_zero(np.array([[1.0, -1.0], [0.0, 2.0]]), np.array([4.0, 4.0])).tolist()
    [0.25, 0.0]
    """
    if value.size and np.minimum.reduce(value, axis=None) >= 0.0:  # that of all entries at once is quick
        return np.zeros(value.shape[:-1])
    return np.maximum(-quotient(value.min(axis=-1), whole), 0.0)


def quotient(value: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return value / whole, in which nothing is no part of nothing and takes no time at a rate of 0.

    >>> quotient(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 2.0])).tolist()
    [0.0, inf, 0.5]
    """
    if np.logical_and.reduce(whole, axis=None) if whole.ndim else whole:
        return np.asarray(value / whole)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where((value == 0.0) & (whole == 0.0), 0.0, value / whole))
