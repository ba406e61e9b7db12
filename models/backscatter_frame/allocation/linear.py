"""Small dense linear algebra for compiled code: one LU with row exchanges per user, one Cholesky per frame.

numpy's own raises or returns nan on matrices that are singular to rounding, and allocates; these work in place and never
fail: a pivot lost to rounding is replaced by a tiny one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOST = 1e-14
"""Part of a diagonal entry below which a pivot is rounding."""


@compiled
def factorise(a: Floats, exchanged: Ints) -> None:
    """Replace a square matrix by its LU factors, rows exchanged, the reciprocals of pivots on the diagonal."""
    size = a.shape[0]
    for k in range(size):
        row, largest = k, abs(a[k, k])
        for i in range(k + 1, size):
            if abs(a[i, k]) > largest:
                row, largest = i, abs(a[i, k])
        exchanged[k] = row
        if row != k:
            for j in range(size):
                a[k, j], a[row, j] = a[row, j], a[k, j]
        a[k, k] = 1.0 / a[k, k]
        for i in range(k + 1, size):
            if a[i, k] != 0.0:
                a[i, k] *= a[k, k]
                factor = a[i, k]
                for j in range(k + 1, size):
                    a[i, j] -= factor * a[k, j]


@compiled
def solve_factorised(a: Floats, exchanged: Ints, right: Floats) -> None:
    """Replace a right-hand side by the solution, from the factors of `factorise`."""
    size = a.shape[0]
    for k in range(size):
        row = exchanged[k]
        if row != k:
            right[k], right[row] = right[row], right[k]
    first = 0
    while first < size - 1 and right[first] == 0.0:
        first += 1
    for i in range(first + 1, size):
        total = right[i]
        for k in range(first, i):
            total -= a[i, k] * right[k]
        right[i] = total
    for i in range(size - 1, -1, -1):
        total = right[i]
        for k in range(i + 1, size):
            total -= a[i, k] * right[k]
        right[i] = total * a[i, i]


@compiled
def factorise_positive(a: Floats) -> None:
    """Replace a symmetric positive definite matrix, of which the lower half is given, by its Cholesky factor and its mirror.

    The mirror in the upper half keeps every inner loop along a row.
    """
    size = a.shape[0]
    least = LOST * np.diag(a)
    for j in range(size):
        a[j, j] = np.sqrt(max(a[j, j], least[j]))
        for i in range(j + 1, size):
            a[i, j] /= a[j, j]
        for i in range(j + 1, size):
            a[j, i] = a[i, j]
        for i in range(j + 1, size):
            factor = a[i, j]
            for k in range(j + 1, i + 1):
                a[i, k] -= factor * a[j, k]


@compiled
def solve_positive(a: Floats, right: Floats) -> None:
    """Replace a right-hand side by the solution, from the factor of `factorise_positive`."""
    size = a.shape[0]
    for k in range(size):
        right[k] /= a[k, k]
        value = right[k]
        for i in range(k + 1, size):
            right[i] -= a[k, i] * value
    for k in range(size - 1, -1, -1):
        right[k] /= a[k, k]
        value = right[k]
        for i in range(k):
            right[i] -= a[k, i] * value
