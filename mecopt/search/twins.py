"""Identical users, which no price can tell apart: found once, so that the exact search orders them."""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled


@compiled
def twins(data: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each user the identical one before and after it, or -1.

    Parameters
    ----------
    data
        everything that tells users apart, shape ``(quantities, users)``. Identical users that are not neighbours in the
        order of the first quantity are not found, which costs time and nothing else.
    """
    users = data.shape[1]
    earlier, later = np.full(users, -1), np.full(users, -1)
    order = np.argsort(data[0])
    for k in range(1, users):
        i, j = order[k - 1], order[k]
        same = True
        for q in range(data.shape[0]):
            same = same and data[q, i] == data[q, j]
        if same:
            earlier[j], later[i] = i, j
    return earlier, later
