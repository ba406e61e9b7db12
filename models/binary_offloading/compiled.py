"""The relaxation of binary offloading, compiled for price-and-fix.

With ``lambda = 2 S / F`` the price of a unit of square-root work, user i costs ``min(L_i, u_i + lambda s_i)`` and the
bound is the sum of these minus ``lambda^2 F / 4``. The best lambda takes users in the order of ``(L_i - u_i) / s_i`` while
that ratio exceeds ``2 S / F``; at most one of them is taken in part.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.search.price_and_fix import attach


class OffloadingData(NamedTuple):
    """One instance: cost terms per user, the order of users by (L - u) / s, the capacity, and identical users."""

    local: NDArray[np.float64]
    upload: NDArray[np.float64]
    root: NDArray[np.float64]
    order: NDArray[np.int64]
    capacity: float
    earlier: NDArray[np.int64]
    later: NDArray[np.int64]


@compiled
def relax(
    data: OffloadingData,
    state: NDArray[np.int8],
    price: float,
    cutoff: float,
    relaxed: NDArray[np.int8],
) -> tuple[float, float]:
    """Return the bound at the best price and that price; fill the relaxed decision."""
    fixed_root, bound = 0.0, 0.0
    for i in range(state.size):
        if state[i] == 1:
            fixed_root += data.root[i]
            bound += data.upload[i]
        elif state[i] == 0:
            bound += data.local[i]
    load = fixed_root
    for k in range(state.size):
        i = data.order[k]
        if state[i] >= 0 or data.root[i] <= 0.0:
            continue
        ratio = (data.local[i] - data.upload[i]) / data.root[i]
        if ratio * data.capacity <= 2.0 * load:
            break
        load += data.root[i]
        if ratio * data.capacity < 2.0 * load:
            load = 0.5 * ratio * data.capacity
            break
    price = 2.0 * load / data.capacity
    for i in range(state.size):
        if state[i] >= 0:
            relaxed[i] = state[i]
            continue
        offloaded = data.upload[i] + price * data.root[i]
        relaxed[i] = 1 if offloaded < data.local[i] else 0
        bound += min(offloaded, data.local[i])
    return bound + price * fixed_root - 0.5 * price * load, price


@compiled
def slacks(
    data: OffloadingData,
    state: NDArray[np.int8],
    price: float,
    bound: float,
    cutoff: float,
    relaxed: NDArray[np.int8],
    slack: NDArray[np.float64],
) -> None:
    """Fill the difference between a user's two sides at the price: its reduced cost."""
    for i in range(state.size):
        slack[i] = abs(data.upload[i] + price * data.root[i] - data.local[i])


@compiled
def evaluate(data: OffloadingData, decision: NDArray[np.int8]) -> float:
    """Return the least cost of a decision."""
    linear, load = 0.0, 0.0
    for i in range(decision.size):
        linear += data.upload[i] if decision[i] == 1 else data.local[i]
        load += data.root[i] if decision[i] == 1 else 0.0
    return linear + load * (load / data.capacity)


attach(OffloadingData, model_relax=relax, model_slacks=slacks, model_evaluate=evaluate)
