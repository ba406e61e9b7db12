r"""Prices of several limits together: the multipliers of a small linear program, of which the shortest are taken.

The greatest :math:`g(\lambda)` of `mecopt.contract.limits.prices` is by duality

.. math:: \min_x \sum_{ic} \Delta_{ic} x_{ic} \quad \text{where} \quad \sum_c x_{ic} = 1, \; x \ge 0, \;
    l_k \le \sum_{ic} w_{kic} x_{ic} \le u_k ,

and with one of its solutions x all best prices are those with

.. math:: \Delta_{ic} + \sum_k \lambda_k w_{kic} \le \Delta_{ic'} + \sum_k \lambda_k w_{kic'}
    \quad \text{for } x_{ic} > 0 \text{ and any } c', \qquad
    \lambda_k \le 0 \text{ below } u_k, \quad \lambda_k \ge 0 \text{ above } l_k .

Of this polyhedron the point of least :math:`\sum_k (s_k \lambda_k)^2` is taken, :math:`s_k` being the greatest size of a
weight: there is one, whatever the order of the limits, their units and the solution x. It is found by least squares over
what must not be negative (Lawson and Hanson 1974, chapter 23), with as few of the inequalities as it takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

EXACT = 1e-10
"""Tolerance of the linear program beside numbers of size 1: the least that there is."""

SLACKS = (1e-12, 1e-10, 1e-8)
"""By what inequalities are relaxed beside the greatest difference: the least one at which rounding leaves any prices."""

USED = 1e-9
"""Share of a choice from which on it is used."""


def joint_prices(moves: Array, weights: Array, least: Array, most: Array) -> Array:
    r"""Return the shortest best prices of one instance's limits; nan where g has no greatest value, or none was found.

    Parameters
    ----------
    moves
        :math:`\Delta`, ``(users, choices)``; infinite where a choice is none.
    weights, least, most
        ``(limits, users, choices)``, ``(limits,)`` and ``(limits,)``.
    """
    able = np.isfinite(moves)
    spread = np.where(able, moves, -np.inf).max(axis=1) - np.where(able, moves, np.inf).min(axis=1)
    scale, size = float(spread.max(initial=0.0)), np.abs(weights).max(axis=(1, 2))
    size, scale = np.where(size > 0.0, size, 1.0), scale if scale > 0.0 else 1.0
    cost = (np.where(able, moves, 0.0) - np.where(able, moves, np.inf).min(axis=1, keepdims=True)) / scale
    weights, least, most = weights / size[:, None, None], least / size, most / size
    found = _solution(cost, able, weights, least, most)
    if found is None:
        return np.full(len(size), np.nan)
    x, multipliers = found
    total, near = (weights * x).sum(axis=(1, 2)), USED * (1.0 + np.abs(weights).max(axis=2).sum(axis=1))
    low, high = np.where(total > least + near, 0.0, -np.inf), np.where(total < most - near, 0.0, np.inf)
    inequalities = _inequalities(x, cost, able, weights, low, high)
    prices = (_shortest(*inequalities, slack) for slack in SLACKS)
    price = next((price for price in prices if price is not None), multipliers).clip(low, high)
    return np.where(np.abs(price) > 10.0 * SLACKS[0], price, 0.0) * scale / size


def _solution(cost: Array, able: Array, weights: Array, least: Array, most: Array) -> tuple[Array, Array] | None:
    """Return a solution of the linear program, and multipliers of its limits; None where there is none."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_matrix, eye, kron, vstack

    users, choices = cost.shape
    rows = csr_matrix(weights.reshape(len(weights), -1))
    above, below = np.isfinite(most), np.isfinite(least)
    found = linprog(
        cost.reshape(-1),
        A_ub=vstack([rows[above], -rows[below]]),
        b_ub=np.concatenate([most[above], -least[below]]),
        A_eq=kron(eye(users), np.ones((1, choices)), format="csr"),
        b_eq=np.ones(users),
        bounds=np.stack([np.zeros(users * choices), able.reshape(-1).astype(float)], axis=1),
        method="highs-ds",
        options={"primal_feasibility_tolerance": EXACT, "dual_feasibility_tolerance": EXACT},
    )
    if found.x is None or found.status != 0:
        return None
    price = np.zeros(len(weights))
    price[above] -= found.ineqlin.marginals[: above.sum()]
    price[below] += found.ineqlin.marginals[above.sum() :]
    return found.x.reshape(users, choices), price


def _inequalities(x: Array, cost: Array, able: Array, weights: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return G and h of the inequalities ``G price >= h`` that best prices keep, which lie between `low` and `high`."""
    user, used, other = np.nonzero((x > USED)[:, :, None] & able[:, None, :] & ~np.eye(cost.shape[1], dtype=bool))
    rows = (weights[:, user, other] - weights[:, user, used]).T
    sides = cost[user, used] - cost[user, other]
    felt, one = rows.any(axis=1), np.eye(len(weights))
    signs = np.concatenate([-one[high == 0.0], one[low == 0.0]])
    return np.concatenate([rows[felt], signs]), np.concatenate([sides[felt], np.zeros(len(signs))])


def _shortest(rows: Array, sides: Array, slack: float) -> Array | None:
    """Return the shortest price that keeps inequalities but for a slack; None where rounding leaves none."""
    from scipy.optimize import nnls

    length = np.sqrt((rows * rows).sum(axis=1))
    rows, sides = rows / length[:, None], (sides - slack) / length
    price, chosen = np.zeros(rows.shape[1]), np.zeros(0, dtype=np.intp)
    for _ in range(10 * len(rows)):
        lacking = sides - rows @ price
        worst = int(lacking.argmax()) if lacking.size else 0
        if not lacking.size or lacking[worst] <= 0.5 * slack / length[worst]:
            return price
        if worst in chosen:
            return None
        chosen = np.append(chosen, worst)
        matrix = np.concatenate([rows[chosen].T, sides[None, chosen]])
        goal = np.append(np.zeros(rows.shape[1]), 1.0)
        part = nnls(matrix, goal)[0]
        rest = matrix @ part - goal
        if not rest[-1] < -1e-15:
            return None
        price = -rest[:-1] / rest[-1]
        chosen = chosen[part > 0.0]
    return None
