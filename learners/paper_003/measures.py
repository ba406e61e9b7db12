"""How paper 003's methods decide: its own with SLSQP, for their times, and solvers in their place, for their ratios."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.problem import Problem
from mecopt.data.stream import changed
from mecopt.kernels.slsqp import slsqp
from mecopt.learners.decision_net import DecisionNet
from mecopt.learners.paper_003.names import (
    BY_SIZE,
    CLOSED,
    CLOSED_DESCENT,
    DESCENT,
    DIFFERENT,
    IN_BATCH,
    OURS,
    PROVED,
    RATE,
    SPANS,
    STEADY,
    SWITCHED,
    TIMED,
    USERS,
    USERS_OFF,
    WEIGHT,
)
from mecopt.learners.timing import seconds_of_each
from mecopt.models.binary_offloading import BinaryOffloading
from mecopt.models.binary_offloading.exact import best_prefix
from mecopt.models.computation_rate import ComputationRate
from mecopt.search.candidates import scores
from mecopt.solve import solve

Array = NDArray[Any]

BATCH = 1_000


def change_points(count: int) -> tuple[int, int]:
    """Return the instances at which the paper changes its setting and changes it back: 5,000 and 7,000 of 10,000."""
    end = SPANS[-1][1]
    first, second = (count * begin // end for begin, _ in SPANS)
    return first, second


def stream(setting: str, seed: int, count: int, users: int | None = None) -> Problem:
    """Draw the instances of one seed: the same tasks for every method, setting and change."""
    users = USERS.get(setting, 10) if users is None else users
    rng = np.random.default_rng((seed, users, 3))
    if setting == RATE:
        return ComputationRate.sample(rng, (count,), users=users)
    preset = "heterogeneous" if setting == DIFFERENT else "paper"
    drawn = BinaryOffloading.sample(rng, (count,), preset=preset, users=users)
    first, second = change_points(count)
    changes: dict[str, list[tuple[int, dict[str, float]]]] = {
        WEIGHT: [(first, {"energy_weight": 3.0}), (second, {"energy_weight": 1.0})],
        SWITCHED: [(first, {"users_off": USERS_OFF}), (second, {"users_off": 0})],
    }
    return changed(drawn, changes.get(setting, []))


def ratios(problem: Problem, methods: Mapping[str, str], seed: int) -> Iterable[tuple[str, Array, Array]]:
    """Return ratio to the proved optimum and solver calls of each method on every instance.

    `sorted by size` takes the users with the most work first and scores N + 1 prefixes: the top-k theorem, exact for
    identical users, a heuristic for others.
    """
    optimum = solve(problem).objective
    for name, solver in methods.items():
        if name == BY_SIZE:
            value, calls = best_prefix(problem)[1], np.full(problem.instances, problem.users + 1)  # type: ignore[arg-type]
        else:
            answer = solve(problem, solver=solver, rng=np.random.default_rng((seed, 4)))
            value, calls = answer.objective, answer.stats.solver_calls
        yield name, optimum / value if problem.sense == "minimise" else value / optimum, np.asarray(calls)


# ---------------------------------------------------------------------- the paper's methods with SLSQP


def paper_slsqp(problem: BinaryOffloading, decision: Array) -> float:
    """Allocate as the paper says: scipy's SLSQP in MB/s from an equal split, without gradients; return the cost.

    Only the offloading users are variables; with those that compute locally the cost would divide by zero.
    """
    terms = problem.terms()
    users = np.flatnonzero(decision)
    fixed = float(np.where(decision == 1, terms.upload, terms.local).sum())
    if not users.size:
        return fixed
    work, capacity = terms.compute[users], float(problem.capacity)
    result = slsqp(
        lambda f: float((work / f).sum()),
        np.full(users.size, capacity / users.size),
        bounds=[(1e-6, capacity)] * users.size,
        constraints={"type": "ineq", "fun": lambda f: capacity - f.sum()},
    )
    return fixed + float(result.fun)


def paper_descent(problem: BinaryOffloading, rng: Generator) -> float:
    """Run the paper's CD_SLSQP on one instance: steepest single flip from a random decision, every score by SLSQP."""
    decision = rng.integers(0, 2, problem.users, dtype=np.int8)
    cost = paper_slsqp(problem, decision)
    while True:
        flips = decision ^ np.eye(problem.users, dtype=np.int8)
        costs = [paper_slsqp(problem, flip) for flip in flips]
        best = int(np.argmin(costs))
        if costs[best] >= cost * (1.0 - 1e-9):
            return cost
        decision, cost = flips[best], costs[best]


def _proposed(policy: DecisionNet, problem: BinaryOffloading, rng: Generator) -> float:
    """Run the paper's algorithm on one instance: K proposals, each allocated by SLSQP, the best kept."""
    return min(paper_slsqp(problem, decision) for decision in policy.propose(problem, policy.candidates, rng))


def _closed(policy: DecisionNet, problem: BinaryOffloading, rng: Generator) -> float:
    """Run the same with the square-root rule in place of SLSQP: all proposals in one call."""
    return float(scores(problem, policy.propose(problem, policy.candidates, rng)).min())


def decision_times(batch: Problem, instances: int, networks: Mapping[str, DecisionNet]) -> Mapping[str, float]:
    """Return the median time of a decision in seconds, inference included, by way of deciding; and that in a batch."""
    ways: dict[str, Callable[[Any, Generator], Any]] = {
        **{TIMED[name]: partial(_proposed, policy) for name, policy in networks.items()},
        DESCENT: paper_descent,
        CLOSED: partial(_closed, networks[OURS]),
        CLOSED_DESCENT: lambda instance, rng: solve(instance, solver="cd-random", rng=rng),
        PROVED: lambda instance, rng: solve(instance),
    }
    found = {name: float(np.median(taken)) for name, taken in seconds_of_each(ways, batch[-instances:]).items()}
    whole = solve(batch).stats
    return {**found, IN_BATCH: float(whole.solve_seconds + whole.certify_seconds) / batch.instances}


def all_decisions_by_slsqp(users: int, instances: int) -> float:
    """Find the least cost as the paper does, every decision allocated by SLSQP, and compare it with the proved optimum."""
    worst = 0.0
    for instance in stream(STEADY, 0, instances, users):
        decisions = itertools.product((0, 1), repeat=users)
        least = min(paper_slsqp(instance, np.array(decision)) for decision in decisions)  # type: ignore[arg-type]
        worst = max(worst, abs(least / float(solve(instance).objective) - 1.0))
    return worst
