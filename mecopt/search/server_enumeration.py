r"""All decisions of users who choose servers, costed by sums of half sums; see `mecopt.search.server_choice`.

Where no share is bounded and nobody is refused a decision costs
:math:`V(a) = \sum_i b_{i,a_i} + \sum_j S_j^2 / F_j`, and both the sum of the :math:`b` and every
:math:`S_j / \sqrt{F_j}` are sums over users. Tables of them for the first and for the last users give each decision by one
addition a sum (Horowitz and Sahni 1974), instead of one a user.

All terms are positive, so that V is exact to a relative :math:`\gamma = O(N + M)\,\varepsilon` whatever it sums up. What
exceeds the least by several times that is neither the best decision nor one with the least bound of weak duality, which is V
at the decision's own prices. The others are near the best, mostly one or two, and are all that is left to be proved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mecopt.kernels.servers import Servers

Array = NDArray[Any]

BLOCK = 1 << 14
"""Decisions, of all instances together, whose sums stay in the cache."""

SPREAD = 32.0 * float(np.finfo(float).eps)
"""Relative distance from the least cost, for each user and choice, beyond which rounding cannot make up for it."""

ORDINARY = 1e280
"""Costs beyond it, or below its reciprocal, are not positive to a relative rounding."""


def near_best(problem: Any, most: int) -> tuple[Array, Array, Array]:
    """Return what may be the best decisions of each instance, ``(instances, candidates, users)``, in the order of counting.

    Parameters
    ----------
    problem
        with `server_terms`; instances along one axis.
    most
        candidates of an instance; those that have more are not answered.

    Returns
    -------
    Array
        the candidates, the first of an instance as often as is needed to fill its row.
    Array
        the least cost of each instance by the sums, infinite where it is not answered: shares are bounded, places limited,
        costs too large or small for the proof, or too many are near the best.
    Array
        by how much, relative to it, costs of the best decision may differ by rounding, a number per instance.
    """
    terms = problem.server_terms()
    users, choices = terms.cost.shape[1:]
    plain = ~terms.bounded & ~terms.limited
    split = users
    while choices**split > max(BLOCK // problem.instances, choices):
        split -= 1
    low, high = _sums(terms, 0, split), _sums(terms, split, users)
    spread = np.full(problem.instances, SPREAD * (users + choices))
    minima = np.empty((problem.instances, high.shape[2]))
    buffer = np.empty((2, problem.instances, low.shape[2]))
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(high.shape[2]):
            _costs(low, high[:, :, k], buffer).min(axis=1, out=minima[:, k])
        least = minima.min(axis=1)
        within = least * (1.0 + spread)
        ordinary = plain & (least > 1.0 / ORDINARY) & (least < ORDINARY)
        numbers: list[tuple[Array, Array]] = []
        found = np.zeros(problem.instances, dtype=int)
        for block in np.flatnonzero((minima <= within[:, None])[ordinary].any(axis=0)):
            near = (_costs(low, high[:, :, block], buffer) <= within[:, None]) & (ordinary & (found <= most))[:, None]
            found += near.sum(axis=1)
            rows, places = np.nonzero(near)
            numbers.append((rows, places + block * low.shape[2]))
    ordinary &= found <= most
    return _listed(numbers, found, ordinary, users, choices), np.where(ordinary, least, np.inf), spread


def _sums(terms: Servers, first: int, last: int) -> Array:
    """Return the linear cost and each server's load over the root of its capacity, of all choices of some users.

    Shape ``(instances, 1 + servers, decisions)``, user `first` the lowest digit.
    """
    instances, _, choices = terms.cost.shape
    part = np.zeros((instances, last - first, choices, choices))
    part[:, :, 0] = terms.cost[:, first:last]
    for j in range(1, choices):
        part[:, :, j, j] = terms.root[:, first:last] / np.sqrt(terms.capacity[:, j - 1, None])
    sums = np.zeros((instances, choices, 1))
    for i in range(last - first):
        sums = (part[:, i, :, :, None] + sums[:, :, None]).reshape(instances, choices, -1)
    return np.ascontiguousarray(sums)


def _costs(low: Array, high: Array, buffer: Array) -> Array:
    """Return the costs of a block of decisions, ``(instances, decisions)``, in a part of the buffer."""
    total, load = buffer
    np.add(low[:, 0], high[:, 0, None], out=total)
    for j in range(1, low.shape[1]):
        np.add(low[:, j], high[:, j, None], out=load)
        np.multiply(load, load, out=load)
        np.add(total, load, out=total)
    return total


def _listed(numbers: list[tuple[Array, Array]], found: Array, answered: Array, users: int, choices: int) -> Array:
    """Return the decisions of so many numbers of each instance, side by side."""
    width = max(int(np.max(found, where=answered, initial=1)), 1)
    table, filled = np.zeros((found.size, width), dtype=np.int64), np.zeros(found.size, dtype=int)
    for rows, places in numbers:
        some = answered[rows]
        rows, places = rows[some], places[some]
        # rows are sorted: an entry's place is its distance from the first one of its row
        place = filled[rows] + np.arange(rows.size) - np.searchsorted(rows, rows)
        table[rows, place] = places
        filled += np.bincount(rows, minlength=found.size)
    table = np.where(np.arange(width) < filled[:, None], table, table[:, :1])
    return (table[..., None] // choices ** np.arange(users, dtype=np.int64) % choices).astype(np.int8)
