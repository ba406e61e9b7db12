r"""Costs of many binary decisions at once: a linear part plus the square of a sum.

After the square-root rule has eliminated the capacity shares, a decision :math:`x` costs

.. math:: V(x) = \sum_{x_i = 0} L_i + \sum_{x_i = 1} u_i + (s \cdot x)^2 / F ,

a rank-one binary quadratic. Evaluating it needs no allocation at all. `costs` is the compiled loop, `costs_numpy` its
plain twin and oracle. The linear part is summed from its two kinds of terms, never as a difference, so that it stays
accurate where one kind is many orders of magnitude larger than the other.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled

Floats = NDArray[np.float64]
Bits = NDArray[np.int8]


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def costs(local: Floats, upload: Floats, root: Floats, capacity: Floats, decisions: Bits) -> Floats:
    """Return V for decisions ``(instances, candidates, users)``; per-user data ``(instances, users)``."""
    instances, candidates, users = decisions.shape
    result = np.empty((instances, candidates))
    for b in range(instances):
        for k in range(candidates):
            linear, load = 0.0, 0.0
            for i in range(users):
                offloads = decisions[b, k, i] != 0
                linear += upload[b, i] if offloads else local[b, i]
                load += root[b, i] if offloads else 0.0
            result[b, k] = linear + load * (load / capacity[b])
    return result


def costs_numpy(local: Floats, upload: Floats, root: Floats, capacity: Floats, decisions: Bits) -> Floats:
    """Return the same by array expressions."""
    offloads = decisions.astype(bool)
    load = np.where(offloads, root[:, None, :], 0.0).sum(axis=-1)
    linear = np.where(offloads, upload[:, None, :], local[:, None, :]).sum(axis=-1)
    return np.asarray(linear + load * (load / capacity[:, None]))


@compiled
def flip_costs(local: Floats, upload: Floats, root: Floats, capacity: Floats, decision: Bits) -> Floats:
    """Return V after each single flip of decisions ``(instances, users)``, in O(users) an instance."""
    instances, users = decision.shape
    result = np.empty((instances, users))
    linear_after, load_after = np.zeros(users + 1), np.zeros(users + 1)
    for b in range(instances):
        for i in range(users - 1, -1, -1):
            offloads = decision[b, i] != 0
            linear_after[i] = linear_after[i + 1] + (upload[b, i] if offloads else local[b, i])
            load_after[i] = load_after[i + 1] + (root[b, i] if offloads else 0.0)
        linear, load = 0.0, 0.0
        for i in range(users):
            offloads = decision[b, i] != 0
            flipped = local[b, i] if offloads else upload[b, i]
            moved = load + load_after[i + 1] + (0.0 if offloads else root[b, i])
            result[b, i] = linear + linear_after[i + 1] + flipped + moved * (moved / capacity[b])
            linear += upload[b, i] if offloads else local[b, i]
            load += root[b, i] if offloads else 0.0
    return result


@compiled
def shares(root: Floats, capacity: Floats, decisions: Bits) -> tuple[Floats, Floats]:
    """Return the square-root rule's shares ``(instances, candidates, users)`` and price ``(instances, candidates)``.

    The compiled form of `mecopt.kernels.capacity.square_root_rule`, which is its twin and oracle.
    """
    instances, candidates, users = decisions.shape
    share, price = np.zeros((instances, candidates, users)), np.empty((instances, candidates))
    for b in range(instances):
        for k in range(candidates):
            load = 0.0
            for i in range(users):
                load += root[b, i] if decisions[b, k, i] != 0 else 0.0
            part = 1.0 / load if load > 0.0 else 0.0
            for i in range(users):
                if decisions[b, k, i] != 0:
                    share[b, k, i] = root[b, i] * part * capacity[b]
            per_capacity = load / capacity[b]
            price[b, k] = per_capacity * per_capacity
    return share, price
