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
    """Replace a square matrix by its LU factors, rows exchanged."""
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
        inverse = 1.0 / a[k, k]
        for i in range(k + 1, size):
            if a[i, k] != 0.0:
                a[i, k] *= inverse
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
    for i in range(size):
        total = right[i]
        for k in range(i):
            total -= a[i, k] * right[k]
        right[i] = total
    for i in range(size - 1, -1, -1):
        total = right[i]
        for k in range(i + 1, size):
            total -= a[i, k] * right[k]
        right[i] = total / a[i, i]


@compiled
def factorise_positive(a: Floats) -> None:
    """Replace the lower half of a symmetric positive definite matrix by its Cholesky factor."""
    size = a.shape[0]
    for j in range(size):
        least = LOST * a[j, j]
        total = a[j, j]
        for k in range(j):
            total -= a[j, k] * a[j, k]
        a[j, j] = np.sqrt(max(total, least))
        for i in range(j + 1, size):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            a[i, j] = total / a[j, j]


@compiled
def solve_positive(a: Floats, right: Floats) -> None:
    """Replace a right-hand side by the solution, from the factor of `factorise_positive`."""
    size = a.shape[0]
    for i in range(size):
        total = right[i]
        for k in range(i):
            total -= a[i, k] * right[k]
        right[i] = total / a[i, i]
    for i in range(size - 1, -1, -1):
        total = right[i]
        for k in range(i + 1, size):
            total -= a[k, i] * right[k]
        right[i] = total / a[i, i]
