"""The numeric checks of the lesson on binary offloading; `lesson_sorting` and `lesson_scaling` have the others.

Every check takes the formula it examines as an argument, by default the one the package computes with, and measures it
against an oracle that does not share code with it. A wrong formula must make it fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import Outcome, Pricing, all_of, best_value, core, deviation, excess, forcing, pricing, scientific
from mecopt.models.binary_offloading.exact import relaxation_price
from mecopt.models.binary_offloading.problem import BinaryOffloading
from mecopt.models.binary_offloading.variables import CapacityPrice, ServerRate
from mecopt.solve import allocate

Array = NDArray[Any]

ROUNDING = 1e-12
SOLVER = 1e-6
"""Relative error that an iterative solver at its own tolerance may leave."""


def differing(rng: Generator, count: int, users: int = 8) -> BinaryOffloading:
    """Draw instances whose users differ in everything."""
    return BinaryOffloading.sample(rng, (count,), preset="heterogeneous", users=users)


def _offloading(rng: Generator, problem: BinaryOffloading) -> Array:
    """Draw decisions in which somebody offloads."""
    decision = problem.decision_space.sample(rng, problem.batch_shape)
    decision[..., 0] = 1
    return decision


def _split(rng: Generator, problem: BinaryOffloading, decision: Array) -> ServerRate:
    """Draw rates that use the whole capacity."""
    part = rng.exponential(size=decision.shape) * decision
    return ServerRate(server_rate=problem.capacity[..., None] * part / part.sum(axis=-1, keepdims=True))


# ---------------------------------------------------------------------- 1: the program

Cost = Callable[[BinaryOffloading, Array, ServerRate], Array]


def cost_by_terms(problem: BinaryOffloading, decision: Array, rates: ServerRate) -> Array:
    """Return the sum of (1 - x) L + x (u + c / f), for fractional x, too."""
    local, upload, compute = problem.terms()
    waiting = compute / np.where(decision > 0, rates.server_rate, 1.0)
    return np.asarray(((1.0 - decision) * local + decision * (upload + waiting)).sum(axis=-1))


def check_program(rng: Generator, cost: Cost = cost_by_terms) -> Outcome:
    """The terms are the paper's delays and energies; their sum is convex in the rates, but not in x and the rates."""
    problem = differing(rng, 200)
    decision = _offloading(rng, problem)
    one, other = _split(rng, problem, decision), _split(rng, problem, decision)
    between = ServerRate(server_rate=0.5 * (one.server_rate + other.server_rate))
    apart = deviation(cost(problem, decision, one), problem.objective(decision, one))
    chord = 0.5 * (cost(problem, decision, one) + cost(problem, decision, other))
    bulge = excess(cost(problem, decision, between), chord)

    def along(part: float) -> Array:
        """Return the cost on the way from nobody with half of the rates to all these users with the whole of them."""
        return cost(problem, part * decision, ServerRate(server_rate=0.5 * (1.0 + part) * one.server_rate))

    waiting = (problem.terms().compute / np.where(decision == 1, one.server_rate, np.inf)).sum(axis=-1)
    above = (along(0.5) - 0.5 * (along(0.0) + along(1.0))) / waiting
    return all_of(
        Outcome(
            apart, ROUNDING, f"L, u, c against delays and energies spelled out, 200 instances: differ by {scientific(apart)}"
        ),
        Outcome(bulge, ROUNDING, f"midpoints of 200 pairs of splits: above their chord by {scientific(bulge)}"),
        Outcome(
            deviation(above, np.full(200, 1.0 / 6.0)),
            1e-9,
            f"midpoints of 200 walks in (x, f) from (0, f/2) to (1, f): above their chord by {above.min():.4f} to "
            f"{above.max():.4f} of Σ c/f",
            limit="1/6 within 1·10⁻⁹",
        ),
    )


# ---------------------------------------------------------------------- 2: the square-root rule

Rule = Callable[[BinaryOffloading, Array], tuple[ServerRate, CapacityPrice]]


def check_square_root_rule(rng: Generator, rule: Rule = BinaryOffloading.closed_form) -> Outcome:
    """Marginal costs are equal, their common value is the derivative in F, and no other split is better."""
    problem = differing(rng, 50)
    decision = _offloading(rng, problem)
    rates, price = rule(problem, decision)
    offloads = decision == 1
    marginal = problem.terms().compute / np.where(offloads, rates.server_rate, 1.0) ** 2
    spread = deviation(marginal[offloads], np.broadcast_to(price.capacity_price[:, None], decision.shape)[offloads])

    def cost(factor: float) -> Array:
        changed = replace(problem, capacity=problem.capacity * factor)
        return changed.objective(decision, rule(changed, decision)[0])

    step = 1e-5
    slope = (cost(1.0 - step) - cost(1.0 + step)) / (2.0 * step * problem.capacity)
    missed = deviation(price.capacity_price, slope)
    best, beaten = cost(1.0), 0.0
    for width in 10.0 ** rng.uniform(-4.0, 0.0, 40):
        split = _split(rng, problem, decision).server_rate
        near = ServerRate(server_rate=(1.0 - width) * rates.server_rate + width * split)
        beaten = max(beaten, excess(best, problem.objective(decision, near)))
    return all_of(
        Outcome(spread, ROUNDING, f"c/f² against μ, 50 instances: differ by {scientific(spread)}"),
        Outcome(missed, 1e-7, f"−dV/dF by finite differences against μ: differ by {scientific(missed)}"),
        Outcome(beaten, ROUNDING, f"2000 random splits: better by {scientific(beaten)}"),
    )


# ---------------------------------------------------------------------- 3: the rank-one quadratic

Value = Callable[[BinaryOffloading, Array], Array]


def relaxed_cost(problem: BinaryOffloading, x: Array) -> Array:
    """Return V at any x in [0, 1]."""
    terms = problem.terms()
    load = (np.sqrt(terms.compute) * x).sum(axis=-1)
    return np.asarray((terms.local + (terms.upload - terms.local) * x).sum(axis=-1) + load**2 / problem.capacity)


def check_rank_one(rng: Generator, value: Value = BinaryOffloading.optimal_value, relaxed: Value = relaxed_cost) -> Outcome:
    """V is the paper's cost at the best allocation, by the rule and by a conic solver; on [0, 1] it is convex."""
    problem = differing(rng, 10)
    decisions = np.concatenate(list(problem.choices.enumerate(2**problem.users)))
    everywhere = np.broadcast_to(decisions, (10, *decisions.shape))
    rates, _ = problem.closed_form(everywhere)
    apart = deviation(value(problem, everywhere), problem.objective(everywhere, rates))
    some = _offloading(rng, problem)
    conic = deviation(value(problem, some), allocate(problem, some, backend="clarabel").objective)
    one, other = rng.uniform(0.0, 1.0, (2, 10, problem.users))
    perspective = deviation(relaxed(problem, one), [_conic_cost(p, x) for p, x in zip(problem, one, strict=True)])
    bulge = excess(relaxed(problem, 0.5 * (one + other)), 0.5 * (relaxed(problem, one) + relaxed(problem, other)))
    return all_of(
        Outcome(
            apart, ROUNDING, f"V against the cost at the rule's rates, 10 × 256 decisions: differ by {scientific(apart)}"
        ),
        Outcome(conic, SOLVER, f"V against a conic solver, 10 decisions: differ by {scientific(conic)}"),
        Outcome(
            perspective,
            SOLVER,
            f"V at 10 fractional x against a conic solver's least Σ xᵢ²cᵢ/gᵢ: differ by {scientific(perspective)}",
        ),
        Outcome(bulge, ROUNDING, f"midpoints of 10 pairs of fractional x: above their chord by {scientific(bulge)}"),
    )


def _conic_cost(problem: BinaryOffloading, x: Array) -> float:
    """Return the least cost of one fractional x over the capacities g, by cones."""
    import cvxpy as cp

    terms = problem.terms()
    taken, root = cp.Variable(problem.users), x * np.sqrt(terms.compute / problem.capacity)
    waiting = sum(cp.quad_over_lin(root[i], taken[i]) for i in range(problem.users))
    program = cp.Problem(cp.Minimize(waiting), [cp.sum(taken) <= 1.0])
    return float(program.solve(solver="CLARABEL")) + float(((1.0 - x) * terms.local + x * terms.upload).sum())


# ---------------------------------------------------------------------- 6: any price bounds

Bound = Callable[[BinaryOffloading, CapacityPrice], Array]


def check_any_price_bounds(rng: Generator, bound: Bound = BinaryOffloading.relaxed_bound) -> Outcome:
    """No price gives a bound above the best of all decisions."""
    problem = differing(rng, 20)
    best = best_value(problem)
    beaten, nearest = 0.0, np.full(20, -np.inf)
    for width in np.linspace(0.0, 2.0, 50):
        price = CapacityPrice(capacity_price=problem.relaxed_dual().capacity_price * 10.0 ** rng.uniform(-width, width, 20))
        proved = bound(problem, price)
        beaten, nearest = max(beaten, excess(proved, best)), np.maximum(nearest, proved / best)
    text = (
        f"1000 prices over 4 decades, 20 instances: above the best of 256 decisions by {scientific(beaten)}; "
        f"the best price proves {nearest.mean():.2%} of the optimum on average"
    )
    return Outcome(beaten, ROUNDING, text)


# ---------------------------------------------------------------------- 7: the best price


def check_relaxation(rng: Generator, price: Callable[[BinaryOffloading], Array] = relaxation_price) -> Outcome:
    """The price of the fill rule closes the relaxation, of which one user at most is split; the gap is sₖ²/(4F) at most."""
    problem = differing(rng, 30)
    dual = price(problem)
    bound = problem.relaxed_bound(CapacityPrice(capacity_price=dual))
    x, split = _fill(problem, 2.0 * np.sqrt(dual))
    apart = deviation(bound, relaxed_cost(problem, x))
    conic = deviation(bound[:4], [_conic_relaxation(instance) for instance in problem[:4]])
    gap = best_value(problem) - bound
    allowed = split / (4.0 * problem.capacity)
    over = float(np.max((gap - allowed) / bound))
    return all_of(
        Outcome(
            apart, ROUNDING, f"30 instances: bound against V at a point with one split user: differ by {scientific(apart)}"
        ),
        Outcome(conic, SOLVER, f"4 relaxations by a conic solver: differ by {scientific(conic)}"),
        Outcome(
            over,
            ROUNDING,
            f"gap to the optimum by enumeration: {(gap / bound).mean():.2%} on average, "
            f"sₖ²/(4F) allows {(allowed / bound).mean():.2%}; above what is allowed by {scientific(max(over, 0.0))}",
        ),
    )


def _fill(problem: BinaryOffloading, price: Array) -> tuple[Array, Array]:
    """Return the relaxed decision at a price λ, and c_k of the user that is split (0 where none is).

    Users whose index is above λ offload; the one at λ, if any, takes up what is left of the load λ F / 2.
    """
    terms = problem.terms()
    root = np.sqrt(terms.compute)
    index = (terms.local - terms.upload) / root
    at_price = np.abs(index - price[:, None]) <= 1e-9 * price[:, None]
    x = np.where((index > price[:, None]) & ~at_price, 1.0, 0.0)
    left = 0.5 * price * problem.capacity - (root * x).sum(axis=-1)
    x = np.where(at_price, np.clip(left[:, None] / root, 0.0, 1.0), x)
    return x, np.where(at_price, terms.compute, 0.0).max(axis=-1)


def _conic_relaxation(problem: BinaryOffloading) -> float:
    import cvxpy as cp

    terms = problem.terms()
    x = cp.Variable(problem.users, bounds=[0.0, 1.0])
    load = np.sqrt(terms.compute / problem.capacity) @ x
    program = cp.Problem(cp.Minimize((terms.upload - terms.local) @ x + cp.square(load)))
    return float(program.solve(solver="CLARABEL")) + float(terms.local.sum())


# ---------------------------------------------------------------------- 8: reduced costs


Reduced = Callable[[BinaryOffloading, float], Array]


def reduced_costs(problem: BinaryOffloading, price: float) -> Array:
    """Return |u + λ s - L| of every user."""
    terms = problem.terms()
    return np.abs(terms.upload + price * np.sqrt(terms.compute) - terms.local)


def check_reduced_costs(
    rng: Generator, priced: Callable[[BinaryOffloading], Pricing] = pricing, reduced: Reduced = reduced_costs
) -> Outcome:
    """Forcing a user raises the bound by its reduced cost, so who is fixed is fixed safely; few users are left."""
    instances = differing(rng, 20)
    apart = 0.0
    for instance in instances:
        found, price = priced(instance), 2.0 * float(np.sqrt(relaxation_price(instance)))
        forced = _forced_bounds(instance, price, found.relaxed)
        for slack in (reduced(instance, price), found.slack):
            apart = max(apart, deviation(found.bound + slack, forced))
    forced_parts = forcing(instances, priced).parts
    left = {users: core(differing(rng, 10, users), priced) for users in (10, 100, 1000)}
    said = ", ".join(f"{count:.1f} of {users}" for users, count in left.items())
    return all_of(
        Outcome(
            apart,
            1e-9,
            f"160 users forced: D(λ) + |u + λs − L| against the least Lagrangian of 128 decisions: differ by "
            f"{scientific(apart)}",
        ),
        *forced_parts,
        Outcome(left[1000] / 1000, 0.05, f"users left to search, on average: {said}", limit="at most 50 of 1000"),
    )


def _forced_bounds(problem: BinaryOffloading, price: float, relaxed: Array) -> Array:
    """Return for every user the least Lagrangian over all decisions in which it is not where the relaxation has it."""
    terms = problem.terms()
    decisions = np.concatenate(list(problem.choices.enumerate(2**problem.users)))
    upload = terms.upload + price * np.sqrt(terms.compute)
    values = (np.where(decisions == 1, upload, terms.local)).sum(axis=-1) - price**2 * problem.capacity / 4.0
    return np.array([values[decisions[:, i] != side].min() for i, side in enumerate(relaxed)])
