"""The checks of the lesson on many servers that are about its neighbours: equal users, a single server, and limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import Outcome, all_of, best_value, deviation, enumerated, excess, scientific
from mecopt.models.binary_offloading import BinaryOffloading, CapacityPrice
from mecopt.models.multi_server_offloading.exact import assign, place_bound
from mecopt.models.multi_server_offloading.lesson.checks import ROUNDING, SOLVER, differing, on_server
from mecopt.models.multi_server_offloading.lesson.prices import Bound
from mecopt.models.multi_server_offloading.problem import MultiServerOffloading
from mecopt.models.multi_server_offloading.variables import ServerPrices
from mecopt.search.server_choice import one_instance
from mecopt.solve import solve

Array = NDArray[Any]

# ---------------------------------------------------------------------- 10: equal users

Rises = Callable[[float, float, int], Array]
Assigned = Callable[[Any], tuple[Array, float]]
PlaceBound = Callable[[Array, list[Array], Array], float]


def rises(work: float, speed: float, places: int) -> Array:
    """Return what the users that come first, second, ... to a server add to its cost."""
    return np.asarray(work / speed * (2.0 * np.arange(1, places + 1) - 1.0))


def check_slots(rng: Generator, rise: Rises = rises, answer: Assigned = assign, bound: PlaceBound = place_bound) -> Outcome:
    """Slots add up to V; the assignment is the best decision, which prices of places prove; price-and-fix agrees."""
    work = rng.uniform(0.5e9, 1.5e9)
    few = differing(rng, 30, workload=work, weight=1.0)
    decision = few.decision_space.sample(rng, few.batch_shape)
    held = on_server(few, decision).sum(axis=-2)
    filled = [
        [rise(work, f, n).sum() for f, n in zip(*pair, strict=True)] for pair in zip(few.server_speed, held, strict=True)
    ]
    chosen = np.take_along_axis(few.choice_costs(), decision[..., None].astype(int), axis=-1)[..., 0].sum(axis=-1)
    apart = deviation(chosen + np.sum(filled, axis=-1), few.optimal_value(decision))

    best, terms = best_value(few), few.server_terms()
    answers = [answer(one_instance(terms, k)) for k in range(len(few))]
    worse = excess(few.optimal_value(np.array([decision for decision, _ in answers])), best)
    open_gap = deviation([proved for _, proved in answers], best)

    beaten = 0.0
    for k, one in enumerate(few):
        steps = [rise(work, f, one.users) for f in one.server_speed]
        for price in np.median(steps, axis=-1) * 10.0 ** rng.uniform(-1.0, 1.0, (20, one.servers)):
            beaten = max(beaten, excess(bound(terms.cost[k], steps, price), best[k]))

    many = differing(rng, 10, users=30, servers=5, workload=work, weight=1.0)
    terms = many.server_terms()
    assigned = many.optimal_value(np.array([answer(one_instance(terms, k))[0] for k in range(len(many))]))
    searched = deviation(assigned, solve(many, solver="price-and-fix").objective)
    return all_of(
        Outcome(apart, ROUNDING, f"b plus the rises of filled slots against V, 30 decisions: differ by {scientific(apart)}"),
        Outcome(worse, ROUNDING, f"assignment on 30 instances: above the best of 729 decisions by {scientific(worse)}"),
        Outcome(
            open_gap, ROUNDING, f"the bound at its prices of places against that best: differs by {scientific(open_gap)}"
        ),
        Outcome(beaten, ROUNDING, f"600 random prices of places: above the best by {scientific(beaten)}"),
        Outcome(
            searched,
            ROUNDING,
            f"assignment against price-and-fix, 10 instances of 30 users and 5 servers: differ by {scientific(searched)}",
        ),
    )


# ---------------------------------------------------------------------- 11: a single server

Built = Callable[[BinaryOffloading], MultiServerOffloading]


def with_one_server(problem: BinaryOffloading) -> MultiServerOffloading:
    """Write binary offloading as offloading to one server: rates, weights and powers of 1, and log2(1 + 1) = 1."""
    local, upload, compute = problem.terms()
    ones = np.ones((*upload.shape, 1))
    return MultiServerOffloading(
        channel_gain=ones,
        noise_power=ones[..., 0, :],
        max_power=1.0,
        bandwidth=1.0,
        weight=1.0,
        data_size=upload,
        workload=compute,
        local_speed=compute / local,
        server_speed=problem.capacity[..., None],
    )


def check_one_server(rng: Generator, built: Built = with_one_server) -> Outcome:
    """Both classes give the same costs, bounds and optima."""
    binary = BinaryOffloading.sample(rng, (20,), preset="heterogeneous", users=8)
    single = built(binary)
    decisions, values = enumerated(binary)
    everywhere = np.broadcast_to(decisions, (20, *decisions.shape))
    apart = deviation(single.optimal_value(everywhere), values)
    price = binary.relaxed_dual().capacity_price * 10.0 ** rng.uniform(-1.0, 1.0, 20)
    dual = ServerPrices(price[:, None], np.zeros((20, 1)))
    bounds = deviation(single.relaxed_bound(dual), binary.relaxed_bound(CapacityPrice(capacity_price=price)))
    best = deviation(solve(single).objective, solve(binary).objective)
    return all_of(
        Outcome(
            apart,
            ROUNDING,
            f"20 instances of binary offloading, 256 decisions each: the costs of both classes differ by "
            f"{scientific(apart)}",
        ),
        Outcome(bounds, ROUNDING, f"their bounds at 20 random prices: differ by {scientific(bounds)}"),
        Outcome(best, ROUNDING, f"their proved optima: differ by {scientific(best)}"),
    )


# ---------------------------------------------------------------------- 12: limits

Values = Callable[[MultiServerOffloading, Array], Array]


def check_limits(
    rng: Generator,
    value: Values = MultiServerOffloading.optimal_value,
    bound: Bound = MultiServerOffloading.relaxed_bound,
    solver: str = "exact",
) -> Outcome:
    """Bounds on speeds say what deadlines say; who fits nowhere is told; the search and the prices respect all limits."""
    problem = MultiServerOffloading.sample(rng, (20,), preset="limited", users=6, servers=2)
    best, moved = best_value(problem), solve(problem).decision.copy()
    for row, user in zip(moved, rng.integers(0, problem.users, 20), strict=True):
        row[user] = rng.integers(0, problem.servers + 1)
    conic = np.array([_written_out(one, choice) for one, choice in zip(problem, moved, strict=True)])
    found = value(problem, moved)
    possible = np.isfinite(conic)
    differ = int((np.isfinite(found) != possible).sum())
    apart = deviation(found[possible], conic[possible])
    worse = deviation(solve(problem, solver=solver, throw=False).objective, best)
    beaten = max(excess(bound(problem, problem.random_dual(rng, (20,))), best) for _ in range(50))
    return all_of(
        Outcome(
            apart,
            SOLVER,
            f"{possible.sum()} decisions, latencies held to their deadlines by a conic solver, against bounds on speeds: "
            f"differ by {scientific(apart)}",
        ),
        Outcome(
            float(differ),
            0.0,
            f"{20 - possible.sum()} decisions without any allocation, {possible.sum()} with one: told wrongly in {differ}",
            limit="none",
        ),
        Outcome(worse, 1e-9, f"the search on 20 instances against 729 decisions each: differs by {scientific(worse)}"),
        Outcome(beaten, ROUNDING, f"1000 random prices of speed and places: above the best by {scientific(beaten)}"),
    )


def _written_out(problem: MultiServerOffloading, decision: Array) -> float:
    """Return the least cost of one decision with every latency held to its deadline; infinite where there is none."""
    import cvxpy as cp

    local = problem.workload / problem.local_speed
    home = decision == 0
    if (on_server(problem, decision).sum(axis=0) > problem.admission).any() or (local > problem.deadline)[home].any():
        return np.inf
    cost, constraints = cp.Constant(float((problem.weight * local)[home].sum())), []
    speed = cp.Variable(problem.users)
    upload = problem.upload_time()
    for i in np.flatnonzero(~home):
        j = int(decision[i]) - 1
        given = (problem.workload[i], problem.least_speed[i], problem.most_speed[i])
        work, least, most = (value / problem.server_speed[j] for value in given)
        latency = upload[i, j] + work * cp.inv_pos(speed[i])
        constraints += [latency <= problem.deadline[i], speed[i] >= least, speed[i] <= most]
        cost = cost + problem.weight[i] * latency
    constraints += [cp.sum(speed[decision == j + 1]) <= 1.0 for j in range(problem.servers) if (decision == j + 1).any()]
    return float(cp.Problem(cp.Minimize(cost), constraints).solve(solver="CLARABEL"))
