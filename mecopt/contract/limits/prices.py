r"""Prices of limits: Lagrange multipliers of weighted sums of choices, beside a problem's own dual.

At a dual :math:`\mu` weak duality bounds a decision by :math:`B(z, \mu)`. Where that is a sum over users,
:math:`B(z, \mu) = B_0 + \sum_i \Delta_{i, z_i}` (`Problem.separable`), prices :math:`\lambda` of limits
:math:`l_k \le \sum_i w_{k, i, z_i} \le u_k` bound all decisions that keep them by

.. math:: g(\lambda) = B_0 + \sum_i \min_c (\Delta_{ic} + \sum_k \lambda_k w_{kic})
    - \sum_k (\lambda_k^+ u_k - \lambda_k^- l_k) .

A price is positive where more in the bound would gain and negative where it would lose. With the limit moved by t the
same price proves :math:`g(\lambda) - \lambda t`, so that one more gains at most the price, beside the gap of g. Prices of
an answer are those that make g greatest at the answer's own dual, one after the other, the least ones that do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.fields import axes, declared
from mecopt.contract.limits.rule import Rule, bounds_of, weights_of

Array = NDArray[Any]

SWEEPS = 4
"""Times each price is found anew beside the others."""

HALVINGS = 80

MOST_USERS = 2_000
"""Beyond, prices are not told: each move of each user would be bounded by itself."""

MOVED_ENTRIES = 20_000_000
"""Most entries of moved decisions in memory at once."""

Bound = Callable[[Any, Array, Any], Array]


def priced(problem: Any) -> list[Rule]:
    """Return the rules that have a price: those with bounds."""
    return [rule for rule in problem.limits if not rule.alike]


def differences(problem: Any, decision: Array, dual: Any, bound: Bound) -> tuple[Array, Array]:
    """Return the bound of decisions ``(*batch, users)`` and what each move adds to it, ``(*batch, users, choices)``.

    Parameters
    ----------
    bound
        the formula `Problem.bound` without limits; results are to be minimised.
    """
    users, choices = problem.users, len(problem.choices.labels)
    base = problem.sign * np.asarray(bound(problem, decision, dual), dtype=float)
    parts, rows = [], max(1, MOVED_ENTRIES // (users * choices * max(problem.instances, 1)))
    for first in range(0, users, rows):
        some = np.arange(first, min(first + rows, users))
        moved = np.broadcast_to(decision[..., None, None, :], (*decision.shape[:-1], some.size, choices, users)).copy()
        moved[..., np.arange(some.size)[:, None], np.arange(choices), some[:, None]] = np.arange(choices)
        along = _spread(problem, dual, moved.shape[:-1])
        parts.append(problem.sign * np.asarray(bound(problem, moved, along), dtype=float))
    with np.errstate(invalid="ignore"):
        found = np.concatenate(parts, axis=-2) - base[..., None, None]
    return base, np.where(np.isnan(found), np.inf, found)


def _spread(problem: Any, dual: Any, lead: tuple[int, ...]) -> Any:
    """Return a dual ``(*batch)`` for each of the decisions ``(*batch, users, choices)`` of an instance."""
    found = {}
    for f in declared(type(dual)):  # type: ignore[arg-type]
        tail = tuple(problem.sizes[axis] for axis in axes(f))
        value = np.broadcast_to(getattr(dual, f.name), (*problem.batch_shape, *tail))
        found[f.name] = np.broadcast_to(value.reshape(*problem.batch_shape, 1, 1, *tail), (*lead, *tail))
    return type(dual)(**found)


def lagrangian(problem: Any, base: Array, moves: Array, prices: dict[str, Array]) -> Array:
    """Return g at prices ``(*batch)`` by the names of rules, to be compared as values to be minimised."""
    total, shift = moves.copy(), base.copy()
    for rule in priced(problem):
        least, most = bounds_of(problem, rule)
        price = np.nan_to_num(prices[rule.name])
        price = np.where((price > 0) & np.isfinite(most), price, np.where((price < 0) & np.isfinite(least), price, 0.0))
        total += price[..., None, None] * weights_of(problem, rule)
        shift -= np.where(price > 0, price * np.where(price > 0, most, 0.0), price * np.where(price < 0, least, 0.0))
    return np.asarray(total.min(axis=-1).sum(axis=-1) + shift)


def best_prices(problem: Any, moves: Array) -> dict[str, Array]:
    """Return prices that make g greatest, each in turn beside the others; nan where no price is enough."""
    rules = priced(problem)
    weights = {rule.name: weights_of(problem, rule) for rule in rules}
    found = {rule.name: np.zeros(problem.batch_shape) for rule in rules}
    for _ in range(SWEEPS if len(rules) > 1 else 1):
        for rule in rules:
            rest = moves + sum(
                np.nan_to_num(found[other.name])[..., None, None] * weights[other.name]
                for other in rules
                if other.name != rule.name
            )
            found[rule.name] = _least_price(rest, weights[rule.name], *bounds_of(problem, rule))
    return found


def _least_price(moves: Array, weights: Array, least: Array, most: Array) -> Array:
    """Return the price of least size at which the cheapest choices keep a rule, by halving."""

    def sums(price: Array) -> Array:
        chosen = (moves + price[..., None, None] * weights).argmin(axis=-1)
        return np.asarray(np.take_along_axis(weights, chosen[..., None], axis=-1)[..., 0].sum(axis=-1))

    nothing = np.zeros(moves.shape[:-2])
    now = sums(nothing)
    side = np.where(now > most, 1.0, np.where(now < least, -1.0, 0.0))
    finite = np.where(np.isfinite(moves), moves, 0.0)
    apart = np.abs(weights[..., :, None] - weights[..., None, :])
    smallest = np.where(apart > 0, apart, np.inf).min(axis=(-3, -2, -1))
    widest = 2.0 * (finite.max(axis=(-2, -1)) - finite.min(axis=(-2, -1)) + 1e-300) / smallest
    low, high = nothing, widest

    def kept(size: Array) -> Array:
        value = sums(side * size)
        return np.asarray(np.where(side > 0, value <= most, value >= least))

    enough = kept(high)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        good = kept(middle)
        low, high = np.where(good, low, middle), np.where(good, middle, high)
    return np.where(side == 0.0, 0.0, np.where(enough, side * high, np.nan))
