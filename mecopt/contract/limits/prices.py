r"""Prices of limits: Lagrange multipliers of weighted sums of choices, beside a problem's own dual.

At a dual :math:`\mu` weak duality bounds a decision by :math:`B(z, \mu)`. Where that is a sum over users,
:math:`B(z, \mu) = B_0 + \sum_i \Delta_{i, z_i}` (`Problem.separable`), prices :math:`\lambda` of limits
:math:`l_k \le \sum_i w_{k, i, z_i} \le u_k` bound all decisions that keep them by

.. math:: g(\lambda) = B_0 + \sum_i \min_c (\Delta_{ic} + \sum_k \lambda_k w_{kic})
    - \sum_k (\lambda_k^+ u_k - \lambda_k^- l_k) .

A price is positive where more in the bound would gain and negative where it would lose. With the limit moved by t the
same price proves :math:`g(\lambda) - \lambda t`, so that one more gains at most the price, beside the gap of g. Prices of
an answer are those that make g greatest at the answer's own dual, all together; where several do, the shortest of them, each
counted in the greatest weight of its limit (`mecopt.contract.limits.joint`). So their order means nothing. By how much g
lies below the answer's objective is told beside them, `GAP`.

Since B is a sum, a user's part of :math:`\Delta` is what it is where nobody else is: N problems of one user each tell it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.fields import axes, declared
from mecopt.contract.instances import restored
from mecopt.contract.limits.joint import joint_prices
from mecopt.contract.limits.rule import Rule, bounds_of, excess, weights_of

Array = NDArray[Any]

GAP = "limit_prices_gap"
"""Its name in the dual."""

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
    single = alone(plain)
    values = {f.name: _of_users(plain, f, getattr(dual, f.name)) for f in declared(plain.Dual)}
    moved = np.broadcast_to(np.arange(choices, dtype=np.int8)[:, None], (single.instances, choices, 1))
    along = {name: np.repeat(value[:, None], choices, axis=1) for name, value in values.items()}
    each = problem.sign * np.asarray(bound(single, moved, plain.Dual(**along)), dtype=float)
    each = each.reshape(*problem.batch_shape, problem.users, choices)
    with np.errstate(invalid="ignore"):
        found = each - np.take_along_axis(each, decision[..., None].astype(np.intp), axis=-1)
    return base, np.where(np.isnan(found), np.inf, found)


def alone(problem: Any) -> Any:
    """Return problems of one user each, along one axis, ``instances * users`` of them."""
    kind: Any = type(problem)
    return restored(kind, {f.name: _of_users(problem, f, getattr(problem, f.name)) for f in declared(kind)})


def _of_users(problem: Any, f: Field[Any], value: Array) -> Array:
    """Return a field of each user alone, ``(instances * users, *axes)`` with one user."""
    own, count = axes(f), problem.instances * problem.users
    tail = tuple(problem.sizes[axis] for axis in own)
    value = np.broadcast_to(value, (*problem.batch_shape, *tail)).reshape(problem.instances, *tail)
    if "users" not in own:
        return np.repeat(value, problem.users, axis=0)
    at = own.index("users")
    return np.expand_dims(np.moveaxis(value, 1 + at, 1).reshape(count, *tail[:at], *tail[at + 1 :]), 1 + at)


class Priced(NamedTuple):
    """The numbers of a rule that has a price."""

    rule: Rule
    weights: Array
    """``(*batch, users, choices)``."""
    least: Array
    """``(*batch)``, as `mecopt.contract.limits.rule.bounds_of` has them."""
    most: Array


def priced_rows(problem: Any) -> list[Priced]:
    """Return the numbers of the rules that have a price."""
    return [Priced(rule, weights_of(problem, rule), *bounds_of(problem, rule)) for rule in priced(problem)]


def lagrangian(rows: list[Priced], base: Array, moves: Array, prices: dict[str, Array]) -> Array:
    """Return g at prices ``(*batch)`` by the names of rules, to be compared as values to be minimised."""
    total, shift = moves, base
    for rule, weights, least, most in rows:
        price = np.nan_to_num(prices[rule.name])
        price = np.where((price > 0) & np.isfinite(most), price, np.where((price < 0) & np.isfinite(least), price, 0.0))
        total = total + price[..., None, None] * weights
        shift = shift - np.where(price > 0, price * np.where(price > 0, most, 0.0), price * np.where(price < 0, least, 0.0))
    cheapest = total[..., 0]
    for choice in range(1, total.shape[-1]):
        cheapest = np.minimum(cheapest, total[..., choice])
    return np.asarray(cheapest.sum(axis=-1) + shift)


def best_at(rows: list[Priced], base: Array, moves: Array) -> tuple[dict[str, Array], Array]:
    """Return the best prices by the names of rules, and g there; nan where the bound is none."""
    known = np.isfinite(base)
    best = best_prices(rows, np.where(known[..., None, None], moves, 0.0))
    found = {name: np.where(known, value, np.nan) for name, value in best.items()}
    return found, lagrangian(rows, base, moves, found) + sum(0.0 * price for price in found.values())


def gap_of(problem: Any, rows: list[Priced], decision: Array, value: Array, reached: Array) -> Array:
    """Return by how much g lies below the value of a decision, ``(*batch)``; nan where that breaks a limit."""
    kept = np.ones(problem.batch_shape, dtype=bool)
    for rule in problem.limits:
        if rule.alike:
            kept &= excess(problem, rule, decision) == 0.0
    for _, weights, least, most in rows:
        own = _cheapest(np.where(decision[..., None] == np.arange(weights.shape[-1]), 0.0, 1.0), weights)
        kept &= (least <= own) & (own <= most)
    return np.where(kept, np.maximum(value - reached, 0.0), np.nan)


def best_prices(rows: list[Priced], moves: Array) -> dict[str, Array]:
    """Return prices that make g greatest, the shortest that do; nan where no price is enough."""
    if len(rows) == 1:
        return {row.rule.name: _least_price(moves, *row[1:]) for row in rows}
    kept = np.ones(moves.shape[:-2], dtype=bool)
    for _, weights, least, most in rows:
        value = _cheapest(moves, weights)
        kept &= (least <= value) & (value <= most)
    found = [np.zeros(kept.shape) for _ in rows]
    for index in np.argwhere(~kept).tolist():
        at = tuple(index)
        one = [(weights[at], least[at], most[at]) for _, weights, least, most in rows]
        weights, least, most = (np.array(part) for part in zip(*one, strict=True))
        for k, price in enumerate(joint_prices(moves[at], weights, least, most)):
            found[k][at] = price
    return {row.rule.name: found[k] for k, row in enumerate(rows)}


def _cheapest(costs: Array, weights: Array) -> Array:
    """Return the sum of weights ``(*batch)`` of each user's cheapest choice, the first of several."""
    least, weight = costs[..., 0], weights[..., 0]
    for choice in range(1, costs.shape[-1]):
        better = costs[..., choice] < least
        least, weight = np.where(better, costs[..., choice], least), np.where(better, weights[..., choice], weight)
    return np.asarray(weight.sum(axis=-1))


def _least_price(moves: Array, weights: Array, least: Array, most: Array) -> Array:
    """Return the price of least size at which the cheapest choices keep a rule; nan where none does.

    Sums of weights change where two choices of a user cost the same. These sizes are sorted, and the first beyond which the
    rule is kept is searched for by bisection.
    """

    def sums(price: Array) -> Array:
        return _cheapest(moves + price[..., None, None] * weights, weights)

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
