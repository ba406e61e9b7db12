"""The checks of the lesson on many servers that are about prices: the identity, the best prices, and what they fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import (
    Outcome,
    Pricing,
    all_of,
    best_value,
    core,
    deviation,
    enumerated,
    excess,
    forcing,
    pricing,
    scientific,
)
from mecopt.models.multi_server_offloading.lesson.checks import ROUNDING, SOLVER, differing, on_server
from mecopt.models.multi_server_offloading.problem import MultiServerOffloading
from mecopt.models.multi_server_offloading.variables import ServerPrices

Array = NDArray[Any]
Bound = Callable[[MultiServerOffloading, ServerPrices], Array]


def of_speed(price: Array) -> ServerPrices:
    """Return prices per unit of load, as prices of speed; places are free."""
    return ServerPrices(0.25 * price**2, np.zeros_like(price))


def charged(problem: MultiServerOffloading, price: Array, place: Array | float = 0.0) -> Array:
    """Return c: what every choice costs its user at prices of load and places, ``(..., users, 1 + servers)``."""
    root = np.sqrt(problem.weight * problem.workload)
    cost = problem.choice_costs()
    cost[..., 1:] += root[..., None] * price[..., None, :] + np.broadcast_to(place, price.shape)[..., None, :]
    return cost


def draw_prices(rng: Generator, problem: MultiServerOffloading) -> Array:
    """Draw prices of load over two decades around those of the relaxation."""
    best = 2.0 * np.sqrt(problem.relaxed_dual().speed_price)
    return np.asarray(best * 10.0 ** rng.uniform(-1.0, 1.0, best.shape))


# ---------------------------------------------------------------------- 7: any prices, and what they miss

Rest = Callable[[MultiServerOffloading, Array, Array], Array]


def squares(problem: MultiServerOffloading, decision: Array, price: Array) -> Array:
    """Return the sum of (S - F lambda / 2)^2 / F over the servers."""
    root = np.sqrt(problem.weight * problem.workload)
    load = (on_server(problem, decision) * root[..., None]).sum(axis=-2)
    return np.asarray(((load - 0.5 * problem.server_speed * price) ** 2 / problem.server_speed).sum(axis=-1))


def check_prices(rng: Generator, bound: Bound = MultiServerOffloading.relaxed_bound, rest: Rest = squares) -> Outcome:
    """The cost is the bound, plus reduced costs, plus squares, at any prices; so no prices give too high a bound."""
    problem = differing(rng, 200, servers=3)
    apart = 0.0
    for _ in range(5):
        decision = problem.decision_space.sample(rng, problem.batch_shape)
        cost = problem.objective(decision, problem.closed_form(decision)[0])
        price = draw_prices(rng, problem)
        c = charged(problem, price)
        paid = np.take_along_axis(c, decision[..., None].astype(int), axis=-1)[..., 0]
        more = (paid - c.min(axis=-1)).sum(axis=-1)
        apart = max(apart, deviation(bound(problem, of_speed(price)) + more + rest(problem, decision, price), cost))
    few = differing(rng, 20)
    best, beaten, nearest = best_value(few), 0.0, np.full(20, -np.inf)
    for width in np.linspace(0.0, 1.0, 50):
        found = 2.0 * np.sqrt(few.relaxed_dual().speed_price)
        proved = bound(few, of_speed(found * 10.0 ** rng.uniform(-width, width, found.shape)))
        beaten, nearest = max(beaten, excess(proved, best)), np.maximum(nearest, proved / best)
    return all_of(
        Outcome(
            apart,
            1e-9,
            f"D + reduced costs + squares against the cost of 1000 decisions at random prices of 3 servers: differ by "
            f"{scientific(apart)}",
        ),
        Outcome(
            beaten,
            ROUNDING,
            f"1000 pairs of prices over 2 decades: above the best of 729 decisions by {scientific(beaten)}; "
            f"the best ones prove {nearest.mean():.2%} of the optimum on average",
        ),
    )


# ---------------------------------------------------------------------- 8: the best prices

Smooth = Callable[[MultiServerOffloading, Array, Array, float], float]
Ceiling = Callable[[MultiServerOffloading, float, float, Array], float]


def smooth_bound(problem: MultiServerOffloading, price: Array, place: Array, tau: float) -> float:
    """Return D of one instance, each minimum replaced by -tau ln sum exp(-c / tau)."""
    c = charged(problem, price, place)
    least = c.min(axis=-1)
    soft = least - tau * np.log(np.exp((least[:, None] - c) / tau).sum(axis=-1))
    return float(soft.sum() - 0.25 * (problem.server_speed * price**2).sum() - (_places(problem) * place).sum())


def ceiling(problem: MultiServerOffloading, value: float, tau: float, place: Array) -> float:
    """Return the greatest D possible where the smooth bound plus tau sum ln(place) is greatest, with this value."""
    logs = problem.users * np.log(problem.servers + 1.0) + problem.servers
    return float(value - tau * np.log(place).sum() + tau * logs)


def _places(problem: MultiServerOffloading) -> Array:
    return np.minimum(problem.admission, problem.users)


def _relaxation(problem: MultiServerOffloading) -> float:
    """Minimise the cost of one instance over parts of choices, by cones; in units of the mean of the cheapest choices."""
    import cvxpy as cp

    cost = problem.choice_costs()
    unit = float(cost.min(axis=-1).mean())
    root = np.sqrt(problem.weight * problem.workload / unit)
    x = cp.Variable(cost.shape, nonneg=True)
    load = [cp.square((root / np.sqrt(f)) @ x[:, j]) for j, f in enumerate(problem.server_speed, 1)]
    rows = [cp.sum(x, axis=1) == 1.0, cp.sum(x[:, 1:], axis=0) <= _places(problem)]
    program = cp.Problem(cp.Minimize(cp.sum(cp.multiply(cost / unit, x)) + sum(load)), rows)
    return float(program.solve(solver="CLARABEL")) * unit


def _smooth_maximum(problem: MultiServerOffloading, tau: float, unit: float) -> tuple[Array, Array]:
    """Return the prices of load and places of one instance where the smooth bound plus tau sum ln(place) is greatest."""
    import cvxpy as cp

    cost = problem.choice_costs() / tau
    root = np.sqrt(problem.weight * problem.workload)
    scale = unit / root.mean()
    load, place = cp.Variable(problem.servers, nonneg=True), cp.Variable(problem.servers)
    paid = root[:, None] * (scale / tau) @ cp.reshape(load, (1, problem.servers), "C")
    remote = cost[:, 1:] + paid + np.ones((problem.users, 1)) * (unit / tau) @ cp.reshape(place, (1, problem.servers), "C")
    soft = cp.sum(cp.log_sum_exp(-cp.hstack([cost[:, :1], remote]), axis=1))
    earned = problem.server_speed * scale**2 / (4.0 * tau) @ cp.square(load) + _places(problem) * (unit / tau) @ place
    cp.Problem(cp.Maximize(cp.sum(cp.log(place)) - soft - earned)).solve(solver="CLARABEL")
    return scale * np.asarray(load.value), unit * np.asarray(place.value)


def check_best_prices(
    rng: Generator,
    prices: Callable[[MultiServerOffloading], ServerPrices] = MultiServerOffloading.relaxed_dual,
    smooth: Smooth = smooth_bound,
    above: Ceiling = ceiling,
) -> Outcome:
    """The prices found close the relaxation; smoothing lies below by what it may, and tells how much can still be won."""
    free = differing(rng, 6, users=8)
    scarce = replace(free, admission=2.0)
    apart = 0.0
    for problem in (free, scarce):
        bound = problem.relaxed_bound(prices(problem))
        apart = max(apart, deviation(bound, [_relaxation(one) for one in problem]))
    over, under = 0.0, 0.0
    for one in scarce:
        for price in np.exp(rng.uniform(-1.0, 1.0, (20, one.servers))) * 2.0 * np.sqrt(one.relaxed_dual().speed_price):
            tau, place = 10.0 ** rng.uniform(-4.0, 0.0), rng.uniform(0.0, 0.5, one.servers)
            soft = smooth(one, price, place, tau)
            hard = float(one.relaxed_bound(replace(of_speed(price), place_price=place)))
            over = max(over, soft - hard)
            under = max(under, hard - soft - tau * one.users * np.log(one.servers + 1.0))
    beaten, room = 0.0, []
    for share in (1e-2, 1e-3):
        for unit in (1.0, 1e-6):  # the second in Ms: nothing may hang on the unit
            scaled = replace(scarce, weight=scarce.weight * unit)
            for one in scaled:
                best = _relaxation(one)
                tau = share * best
                price, place = _smooth_maximum(one, tau, best / one.users)
                value = smooth(one, price, place, tau) + tau * float(np.log(place).sum())
                least = above(one, value, tau, place)
                beaten = max(beaten, excess(best, least))
                room.append(least / best - 1.0)
    return all_of(
        Outcome(
            apart,
            SOLVER,
            f"D at the prices found against the relaxation by a conic solver, 12 instances, half with 2 places a server: "
            f"differ by {scientific(apart)}",
        ),
        Outcome(over, 1e-9, f"the smooth bound at 120 random prices: above D by {scientific(over)} s"),
        Outcome(max(under, 0.0), 1e-9, f"and below D by more than τ Σ ln Cᵢ: {scientific(max(under, 0.0))} s"),
        Outcome(
            beaten,
            SOLVER,
            f"D's greatest value above what 24 smooth maxima allow: by {scientific(beaten)}; they leave "
            f"{np.mean(room[:12]):.1%} to win at τ = 1% of it, {np.mean(room[12:]):.2%} at 0.1%",
        ),
    )


# ---------------------------------------------------------------------- 9: reduced costs

Reduced = Callable[[MultiServerOffloading, Array], Array]


def reduced_costs(problem: MultiServerOffloading, price: Array) -> Array:
    """Return c - min c of every choice of one instance."""
    c = charged(problem, price)
    return np.asarray(c - c.min(axis=-1, keepdims=True))


def check_reduced_costs(
    rng: Generator, priced: Callable[[MultiServerOffloading], Pricing] = pricing, reduced: Reduced = reduced_costs
) -> Outcome:
    """Forcing a user to a choice raises the bound by its reduced cost, so what is fixed is fixed safely; little is left."""
    instances = differing(rng, 15)
    apart = 0.0
    for one in instances:
        price = 2.0 * np.sqrt(one.relaxed_dual().speed_price)
        bound = float(one.relaxed_bound(of_speed(price)))
        apart = max(apart, deviation(bound + reduced(one, price), _forced_bounds(one, price)))
    forced = forcing(instances, priced).parts
    left = {users: core(differing(rng, 5, users, 3), priced) for users in (10, 100, 1000)}
    said = ", ".join(f"{count:.1f} of {users}" for users, count in left.items())
    return all_of(
        Outcome(
            apart,
            1e-9,
            f"270 choices forced: D(λ) + c − min c against the least Lagrangian of 243 decisions: differ by "
            f"{scientific(apart)}",
        ),
        *forced,
        Outcome(
            left[1000] / 1000,
            0.05,
            f"users left to search on 3 servers, on average: {said}",
            limit="at most 50 of 1000",
        ),
    )


def _forced_bounds(problem: MultiServerOffloading, price: Array) -> Array:
    """Return the least Lagrangian over all decisions in which a user has a choice, ``(users, choices)``."""
    decisions, _ = enumerated(problem)
    c = charged(problem, price)
    values = sum(c[i, decisions[:, i]] for i in range(problem.users)) - (problem.server_speed * price**2).sum() / 4.0
    return np.array([[values[decisions[:, i] == j].min() for j in range(c.shape[1])] for i in range(problem.users)])
