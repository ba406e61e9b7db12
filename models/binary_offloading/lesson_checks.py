"""The numeric checks of the lesson on binary offloading.

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
from mecopt.models.binary_offloading.exact import best_prefix, relaxation_price
from mecopt.models.binary_offloading.problem import BinaryOffloading
from mecopt.models.binary_offloading.variables import CapacityPrice, ServerRate
from mecopt.solve import allocate, solve

Array = NDArray[Any]

ROUNDING = 1e-12
SOLVER = 1e-6
"""Relative error that an iterative solver at its own tolerance may leave."""


def _differing(rng: Generator, count: int, users: int = 8) -> BinaryOffloading:
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
    """Return the sum of (1 - x) L + x (u + c / f)."""
    local, upload, compute = problem.terms()
    waiting = compute / np.where(decision == 1, rates.server_rate, 1.0)
    return np.asarray(np.where(decision == 1, upload + waiting, local).sum(axis=-1))


def check_program(rng: Generator, cost: Cost = cost_by_terms) -> Outcome:
    """The three terms are the paper's delays and energies, and their sum is convex in the rates."""
    problem = _differing(rng, 200)
    decision = _offloading(rng, problem)
    one, other = _split(rng, problem, decision), _split(rng, problem, decision)
    between = ServerRate(server_rate=0.5 * (one.server_rate + other.server_rate))
    apart = deviation(cost(problem, decision, one), problem.objective(decision, one))
    chord = 0.5 * (cost(problem, decision, one) + cost(problem, decision, other))
    bulge = excess(cost(problem, decision, between), chord)
    return all_of(
        Outcome(
            apart, ROUNDING, f"L, u, c against delays and energies spelled out, 200 instances: differ by {scientific(apart)}"
        ),
        Outcome(bulge, ROUNDING, f"midpoints of 200 pairs of splits: above their chord by {scientific(bulge)}"),
    )


# ---------------------------------------------------------------------- 2: the square-root rule

Rule = Callable[[BinaryOffloading, Array], tuple[ServerRate, CapacityPrice]]


def check_square_root_rule(rng: Generator, rule: Rule = BinaryOffloading.closed_form) -> Outcome:
    """Marginal costs are equal, their common value is the derivative in F, and no other split is better."""
    problem = _differing(rng, 50)
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


def check_rank_one(rng: Generator, value: Value = BinaryOffloading.optimal_value) -> Outcome:
    """V is the paper's cost at the best allocation, by the rule and by a conic solver."""
    problem = _differing(rng, 10)
    decisions = np.concatenate(list(problem.decision_space.enumerate(2**problem.users)))
    everywhere = np.broadcast_to(decisions, (10, *decisions.shape))
    rates, _ = problem.closed_form(everywhere)
    apart = deviation(value(problem, everywhere), problem.objective(everywhere, rates))
    some = _offloading(rng, problem)
    conic = deviation(value(problem, some), allocate(problem, some, backend="clarabel").objective)
    return all_of(
        Outcome(
            apart, ROUNDING, f"V against the cost at the rule's rates, 10 × 256 decisions: differ by {scientific(apart)}"
        ),
        Outcome(conic, SOLVER, f"V against a conic solver, 10 decisions: differ by {scientific(conic)}"),
    )


# ---------------------------------------------------------------------- 4: identical users

Choice = Callable[[BinaryOffloading], Array]


def by_size(problem: BinaryOffloading) -> Array:
    """Return the best of the N + 1 decisions that offload the largest tasks."""
    return best_prefix(problem)[0]


def _identical(rng: Generator, count: int) -> BinaryOffloading:
    """Draw settings in which users differ in their data alone, from a scarce server to an ample one."""
    shared = ("upload_rate", "local_rate", "upload_power", "local_power")
    drawn = {name: np.repeat(rng.uniform(0.5, 5.0, (count, 1)), 8, axis=1) for name in shared}
    capacity = 10.0 ** rng.uniform(0.0, 2.5, count)
    return BinaryOffloading(data_size=rng.uniform(1.0, 25.0, (count, 8)), capacity=capacity, **drawn)


def check_top_k(rng: Generator, choice: Choice = by_size) -> Outcome:
    """The best prefix of the users sorted by size is the best of all decisions."""
    problem = _identical(rng, 200)
    decision = choice(problem)
    worse = excess(problem.optimal_value(decision), best_value(problem))
    count = decision.sum(axis=-1)
    mixed = int(((count > 0) & (count < problem.users)).sum())
    text = (
        f"200 settings of 8 identical users ({(count == 0).sum()} offload nobody, {mixed} some, {(count == 8).sum()} all): "
        f"best of 9 prefixes above the best of 256 decisions by {scientific(worse)}"
    )
    return Outcome(worse, ROUNDING, text)


# ---------------------------------------------------------------------- 5: where the theorem ends

Construction = Callable[[Array, Array, float], BinaryOffloading]


def subset_sum(numbers: Array, target: Array, capacity: float) -> BinaryOffloading:
    """Return instances with s = numbers and L - u = 2 T s / F: their cost is a constant plus (s.x - T)^2 / F."""
    size = numbers**2 / 1.5
    upload = 0.8 * size
    saving = 2.0 * target[:, None] * numbers / capacity
    return BinaryOffloading(data_size=size, local_rate=4.0 * size / (upload + saving), capacity=capacity)


def check_limits_of_sorting(
    rng: Generator, choice: Choice = by_size, construction: Construction = subset_sum, heuristic: str = "index-scan"
) -> Outcome:
    """Sorting by size fails where users differ; the problem contains subset sum, which the index scan does not solve."""
    differing = _differing(rng, 100)
    best = best_value(differing)
    loss = differing.optimal_value(choice(differing)) / best - 1.0
    sorted_right = float((loss <= ROUNDING).mean())
    scanned = float((solve(differing, solver=heuristic).objective <= best * (1.0 + ROUNDING)).mean())

    numbers = rng.integers(100, 1000, (20, 12)).astype(float)
    planted = rng.permuted(np.tile(np.arange(12) < 6, (20, 1)), axis=1)
    target = (numbers * planted).sum(axis=-1)
    capacity = 3.0 * float(target.mean())
    hard = construction(numbers, target, capacity)
    decisions, values = enumerated(hard)
    constant = hard.terms().local.sum(axis=-1) - target**2 / capacity
    squares = (numbers @ decisions.T - target[:, None]) ** 2 / capacity
    apart = deviation(values, constant[:, None] + squares)
    solved = float((solve(hard, solver=heuristic).objective <= values.min(axis=-1) * (1.0 + ROUNDING)).mean())
    return all_of(
        Outcome(
            sorted_right,
            0.5,
            f"100 instances of 8 users that differ: sorting by size is optimal in {sorted_right:.0%}, "
            f"costs {loss.mean():.1%} too much on average, {loss.max():.0%} at worst; index scan optimal in {scanned:.0%}",
        ),
        Outcome(
            apart,
            ROUNDING,
            f"20 subset-sum instances: V against constant + (s·x − T)²/F, all decisions: differ by {scientific(apart)}",
        ),
        Outcome(solved, 0.5, f"there the index scan is optimal in {solved:.0%}"),
    )


# ---------------------------------------------------------------------- 6: any price bounds

Bound = Callable[[BinaryOffloading, CapacityPrice], Array]


def check_any_price_bounds(rng: Generator, bound: Bound = BinaryOffloading.relaxed_bound) -> Outcome:
    """No price gives a bound above the best of all decisions."""
    problem = _differing(rng, 20)
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


def check_relaxation(rng: Generator, price: Choice = relaxation_price) -> Outcome:
    """The price of the fill rule closes the relaxation, of which one user at most is split; the gap is sₖ²/(4F) at most."""
    problem = _differing(rng, 30)
    dual = price(problem)
    bound = problem.relaxed_bound(CapacityPrice(capacity_price=dual))
    x, split = _fill(problem, 2.0 * np.sqrt(dual))
    apart = deviation(bound, _relaxed_cost(problem, x))
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


def _relaxed_cost(problem: BinaryOffloading, x: Array) -> Array:
    terms = problem.terms()
    load = (np.sqrt(terms.compute) * x).sum(axis=-1)
    return np.asarray((terms.local + (terms.upload - terms.local) * x).sum(axis=-1) + load**2 / problem.capacity)


def _conic_relaxation(problem: BinaryOffloading) -> float:
    import cvxpy as cp

    terms = problem.terms()
    x = cp.Variable(problem.users, bounds=[0.0, 1.0])
    load = np.sqrt(terms.compute / problem.capacity) @ x
    program = cp.Problem(cp.Minimize((terms.upload - terms.local) @ x + cp.square(load)))
    return float(program.solve(solver="CLARABEL")) + float(terms.local.sum())


# ---------------------------------------------------------------------- 8: reduced costs


def check_reduced_costs(rng: Generator, priced: Callable[[BinaryOffloading], Pricing] = pricing) -> Outcome:
    """Forcing a user costs at least its reduced cost, so who is fixed is fixed safely; few users are left."""
    forced = forcing(_differing(rng, 20), priced)
    left = {users: core(_differing(rng, 10, users), priced) for users in (10, 100, 1000)}
    said = ", ".join(f"{count:.1f} of {users}" for users, count in left.items())
    return all_of(*forced.parts, Outcome(left[1000] / 1000, 0.05, f"users left to search, on average: {said}"))


# ---------------------------------------------------------------------- 9: scaling

Minimiser = Callable[[BinaryOffloading], tuple[float, bool]]


def slsqp_scaled(problem: BinaryOffloading) -> tuple[float, bool]:
    """Let everyone offload by SLSQP on shares of the capacity; return the cost of waiting and whether success is claimed."""
    everyone = np.ones(problem.users, dtype=np.int8)
    answer = allocate(problem, everyone, backend="slsqp", throw=False)
    return float(answer.objective - problem.terms().upload.sum()), not answer.stats.messages


def slsqp_in(unit: float) -> Minimiser:
    """Return the same by SLSQP as scipy has it, on rates in `unit` per MB/s."""

    def minimiser(problem: BinaryOffloading) -> tuple[float, bool]:
        from scipy.optimize import minimize

        compute, capacity = problem.terms().compute * unit, float(problem.capacity) * unit
        found = minimize(
            lambda f: float((compute / f).sum()),
            np.full(problem.users, capacity / problem.users),
            jac=lambda f: -compute / f**2,
            bounds=[(1e-9 * capacity, capacity)] * problem.users,
            constraints={"type": "ineq", "fun": lambda f: capacity - f.sum(), "jac": lambda f: -np.ones_like(f)},
            method="SLSQP",
        )
        return float(found.fun), bool(found.success)

    return minimiser


def check_scaling(rng: Generator, scaled: Minimiser = slsqp_scaled) -> Outcome:
    """SLSQP in bytes or hertz claims success and is wrong; on shares of the capacity it is right."""
    batch = _differing(rng, 20, 10)
    best = np.sqrt(batch.terms().compute).sum(axis=-1) ** 2 / batch.capacity
    outcomes = []
    for name, unit in (("bytes", 1e6), ("hertz (1000 cycles a byte)", 1e9)):
        error, claimed = _errors(slsqp_in(unit), batch, best)
        right = float((error <= 1e-4).mean())
        text = f"SLSQP in {name}: claims success in {claimed} of 20, is right to 10⁻⁴ in {20 * right:.0f}"
        outcomes.append(Outcome(right, 0.5, f"{text}, off by {np.median(error):.1%} in the median"))
    error, claimed = _errors(scaled, batch, best)
    worst = float(error.max())
    outcomes.append(
        Outcome(worst, SOLVER, f"on shares of F: claims success in {claimed} of 20, worst error {scientific(worst)}")
    )
    return all_of(*outcomes)


def _errors(minimiser: Minimiser, batch: BinaryOffloading, best: Array) -> tuple[Array, int]:
    values, claims = zip(*(minimiser(instance) for instance in batch), strict=True)
    return np.abs(np.array(values) / best - 1.0), sum(claims)
