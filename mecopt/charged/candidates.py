r"""The decisions that could be best under limits on allocations, with what is proved of each.

Of few decisions all are candidates. Where the bound of a decision is a sum over users (`Problem.separable`),

.. math:: L(z; \nu, \lambda) = B_0 + \sum_i \Delta_{i, z_i} ,

it is so at the same prices for all. The decisions whose regrets :math:`\Delta_{i, z_i} - \min_c \Delta_{ic}` add up to no
more than the best value leaves above :math:`B_0 + \sum_i \min_c \Delta_{ic}` are all that could be better.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.relaxed import sum_over_users

Array = NDArray[Any]

FEW = 1 << 12
"""Decisions that are all candidates."""

MOST = 1 << 15
"""Candidates at most."""

CHUNK = 4096


class Candidates(NamedTuple):
    """Decisions ``(candidates, users)``, bounds of their costs, and of the costs of all others."""

    decisions: Array
    bounds: Array
    others: float


def candidates_of(problem: Any, decision: Array, value: float) -> Candidates | None:
    """Return the candidates of one instance whose best known decision costs a value; None where they are too many."""
    summed = sum_over_users(problem, decision) if problem.separable else None
    if problem.choices.count <= FEW:
        every = np.concatenate(list(problem.choices.enumerate(CHUNK)))
        bounds = _unlimited(problem, every)
        if summed is not None:
            base, moves = summed
            bounds = np.maximum(bounds, base + moves[np.arange(problem.users), every].sum(axis=-1))
        return Candidates(every, bounds, np.inf)
    if summed is None or not np.isfinite(value):
        return None
    base, moves = summed
    least = moves.min(axis=-1)
    room = value - (base + least.sum())
    near = _within(moves - least[:, None], room)
    if near is None:
        return None
    bounds = base + moves[np.arange(problem.users), near].sum(axis=-1)
    return Candidates(near, np.maximum(bounds, _unlimited(problem, near)), value)


def _unlimited(problem: Any, decisions: Array) -> Array:
    """Return what is proved of decisions without limits on allocations, each at its own dual; infinite where it has none."""
    plain = problem.plain.flat()
    held = decisions[None]
    proved = problem.sign * plain.bound(held, plain.closed_form(held)[1])
    bounds = np.where(plain.infeasible(held), np.inf, np.where(np.isnan(proved), -np.inf, proved))
    return np.ravel(bounds)


def _within(regret: Array, room: float) -> Array | None:
    """Return all decisions whose regrets ``(users, choices)`` add up to no more than a number; None where they are too many.

    Users whose other choices cost least are gone through last, so that what is cut off is cut off early.
    """
    slack = room + 1e-12 * abs(room)
    order = np.argsort(-np.sort(regret, axis=-1)[:, 1])
    parts, spent = np.zeros((1, 0), dtype=np.int8), np.zeros(1)
    for user in order:
        total = spent[:, None] + regret[user]
        row, choice = np.nonzero(total <= slack)
        if row.size > MOST:
            return None
        parts = np.concatenate([parts[row], choice[:, None].astype(np.int8)], axis=1)
        spent = total[row, choice]
    found = np.empty_like(parts)
    found[:, order] = parts
    return found
