r"""Prices of limits: Lagrange multipliers of weighted sums of choices, beside a problem's own dual.

At a dual :math:`\mu` weak duality bounds a decision by :math:`B(z, \mu)`. Where that is a sum over users,
:math:`B(z, \mu) = B_0 + \sum_i \Delta_{i, z_i}` (`Problem.separable`), prices :math:`\lambda` of limits
:math:`l_k \le \sum_i w_{k, i, z_i} \le u_k` bound all decisions that keep them by

.. math:: g(\lambda) = B_0 + \sum_i \min_c (\Delta_{ic} + \sum_k \lambda_k w_{kic})
    - \sum_k (\lambda_k^+ u_k - \lambda_k^- l_k) .

A price is positive where more in the bound would gain and negative where it would lose. With the limit moved by t the
same price proves :math:`g(\lambda) - \lambda t`, so that one more gains at most the price, beside the gap of g. Prices of
an answer are those that make g greatest at the answer's own dual, one after the other, the least ones that do.

Since B is a sum, a user's part of :math:`\Delta` is what it is where nobody else is: N problems of one user each tell it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.fields import axes, declared
from mecopt.contract.instances import restored
from mecopt.contract.limits.rule import Rule, bounds_of, weights_of

Array = NDArray[Any]

SWEEPS = 4
"""Times each price is found anew beside the others."""

Bound = Callable[[Any, Array, Any], Array]


def priced(problem: Any) -> list[Rule]:
    """Return the rules that have a price: those with bounds."""
    return [rule for rule in problem.limits if not rule.alike]


def differences(problem: Any, plain: Any, decision: Array, dual: Any, bound: Bound) -> tuple[Array, Array]:
    """Return the bound of decisions ``(*batch, users)`` and what each move adds to it, ``(*batch, users, choices)``.

    Parameters
    ----------
    plain
        the problem without limits.
    bound
        its formula `Problem.bound`; results are to be minimised.
    """
    base = problem.sign * np.asarray(bound(plain, decision, dual), dtype=float)
    choices = len(problem.choices.labels)
    kind: Any = type(plain)
    single = restored(kind, {f.name: _of_users(plain, f, getattr(plain, f.name)) for f in declared(kind)})
    values = {f.name: _of_users(plain, f, getattr(dual, f.name)) for f in declared(plain.Dual)}
    moved = np.broadcast_to(np.arange(choices, dtype=np.int8)[:, None], (single.instances, choices, 1))
    along = {name: np.repeat(value[:, None], choices, axis=1) for name, value in values.items()}
    each = problem.sign * np.asarray(bound(single, moved, plain.Dual(**along)), dtype=float)
    each = each.reshape(*problem.batch_shape, problem.users, choices)
    with np.errstate(invalid="ignore"):
        found = each - np.take_along_axis(each, decision[..., None].astype(np.intp), axis=-1)
    return base, np.where(np.isnan(found), np.inf, found)


def _of_users(problem: Any, f: Field[Any], value: Array) -> Array:
    """Return a field of each user alone, ``(instances * users, *axes)`` with one user."""
    own, count = axes(f), problem.instances * problem.users
    tail = tuple(problem.sizes[axis] for axis in own)
    value = np.broadcast_to(value, (*problem.batch_shape, *tail)).reshape(problem.instances, *tail)
    if "users" not in own:
        return np.repeat(value, problem.users, axis=0)
    at = own.index("users")
    return np.expand_dims(np.moveaxis(value, 1 + at, 1).reshape(count, *tail[:at], *tail[at + 1 :]), 1 + at)


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
    """Return the price of least size at which the cheapest choices keep a rule; nan where none does.

    Sums of weights change where two choices of a user cost the same. These sizes are sorted, and the first beyond which the
    rule is kept is searched for by bisection.
    """

    def sums(price: Array) -> Array:
        chosen = (moves + price[..., None, None] * weights).argmin(axis=-1)
        return np.asarray(np.take_along_axis(weights, chosen[..., None], axis=-1)[..., 0].sum(axis=-1))

    now = sums(np.zeros(moves.shape[:-2]))
    side = np.where(now > most, 1.0, np.where(now < least, -1.0, 0.0))
    one, other = np.triu_indices(moves.shape[-1], 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        meet = (moves[..., one] - moves[..., other]) / (weights[..., other] - weights[..., one]) * side[..., None, None]
    meet = np.where((meet > 0.0) & np.isfinite(meet), meet, np.inf).reshape(*side.shape, -1)
    sizes = np.concatenate([np.zeros((*side.shape, 1)), np.sort(meet, axis=-1)], axis=-1)

    def at(k: Array) -> Array:
        return np.asarray(np.take_along_axis(sizes, np.minimum(k, sizes.shape[-1] - 1)[..., None], axis=-1)[..., 0])

    def kept_beyond(k: Array) -> Array:
        size, following = at(k), at(k + 1)
        value = sums(side * np.where(np.isfinite(following), 0.5 * size + 0.5 * following, 2.0 * size + 1.0))
        return np.asarray(np.where(side > 0, value <= most, value >= least))

    low = np.zeros(side.shape, dtype=np.intp)
    high = last = np.maximum(np.isfinite(sizes).sum(axis=-1) - 1, 0)
    enough = kept_beyond(last)
    while (low < high).any():
        middle = (low + high) // 2
        good = kept_beyond(middle)
        low, high = np.where(good, low, np.minimum(middle + 1, high)), np.where(good, middle, high)
    return np.where(side == 0.0, 0.0, np.where(enough, side * at(high), np.nan))
