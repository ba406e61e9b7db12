"""What is read off a log: levels, dips after a change, how long they last, and baselines on the same instances."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from mecopt.learners.decision_net import DecisionNet
from mecopt.learners.log import Log
from mecopt.learners.paper_003.trainings import change_points
from mecopt.models.binary_offloading import BinaryOffloading
from mecopt.models.binary_offloading.exact import best_prefix
from mecopt.search.solver import scores
from mecopt.solve import solve

Array = NDArray[Any]

RECOVERED = 1e-3
"""A dip is over when the sliding mean is this close to the level before it."""


@dataclass(frozen=True)
class Spread:
    """A figure over seeds."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.values))

    def __str__(self) -> str:
        deviation = float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0
        return f"{self.mean:.5f} ± {deviation:.5f}"


def spread(figures: Sequence[float]) -> Spread:
    """Gather one figure per seed."""
    return Spread(tuple(float(f) for f in figures))


def instances(counts: Sequence[float]) -> str:
    """Write counts of instances over seeds, of which some may be infinite: never."""
    finite = [count for count in counts if np.isfinite(count)]
    if not finite:
        return f"never (in {len(counts)} seeds)"
    span = f"{min(finite):.0f} to {max(finite):.0f}"
    return span if len(finite) == len(counts) else f"{span}, never in {len(counts) - len(finite)} of {len(counts)}"


def last_part(log: Log, values: Array) -> Array:
    """Return the ratio over the last 30 % of the instances."""
    return log.ratio(values)[-max(1, round(0.3 * values.size)) :]


def sliding(ratio: Array, window: int) -> Array:
    """Return the mean of the last `window` values at every instance from the first full window on."""
    total = np.cumsum(np.concatenate([[0.0], ratio]))
    return np.asarray((total[window:] - total[:-window]) / window)


def window_of(log: Log) -> int:
    """Return the paper's window of 200 instances, shorter in a short run."""
    return max(5, log.played.size // 50)


def settled(log: Log, level: float) -> float:
    """Return the first instance at which the sliding mean reaches a level; inf where it never does."""
    window = window_of(log)
    reached = np.flatnonzero(sliding(log.ratio(log.played), window) >= level)
    return float(reached[0] + window) if reached.size else float("inf")


@dataclass(frozen=True)
class Dip:
    """What a change does: the level to come back to, the lowest sliding mean, how long it takes, and the loss."""

    level: float
    lowest: float
    instances: float
    loss_before: float
    loss_highest: float

    @property
    def depth(self) -> float:
        """How far the ratio falls."""
        return self.level - self.lowest


def dip(log: Log, level: float, at: int, until: int) -> Dip:
    """Measure the dip below a level after a change at one instance, before another one."""
    window = window_of(log)
    ratio = log.ratio(log.played)
    after = sliding(ratio, window)[at - window + 1 : until - window + 1]
    bottom = int(after.argmin())
    back = np.flatnonzero(after[bottom:] >= level - RECOVERED)
    losses, places = log.loss[~np.isnan(log.loss)], np.flatnonzero(~np.isnan(log.loss))
    smooth = np.convolve(losses, np.ones(5) / 5.0, mode="same")
    return Dip(
        level=level,
        lowest=float(after[bottom]),
        instances=float(bottom + back[0]) if back.size else float("inf"),
        loss_before=float(losses[(places >= at - 5 * window) & (places < at)].mean()),
        loss_highest=float(smooth[(places >= at) & (places < until)].max()),
    )


def dips(log: Log) -> tuple[Dip, Dip]:
    """Measure both changes of a scheduled stream, against the level before the first: the second restores that setting."""
    first, second = change_points(log.played.size)
    level = float(log.ratio(log.played)[first - 5 * window_of(log) : first].mean())
    return dip(log, level, first, second), dip(log, level, second, log.played.size)


# ---------------------------------------------------------------------- baselines


def ratios(problem: BinaryOffloading, methods: Sequence[str], seed: int) -> dict[str, tuple[Array, Array]]:
    """Return ratio to the proved optimum and solver calls of each method on every instance.

    `sorted by size` takes the users with the most work first and scores N + 1 prefixes: the top-k theorem, exact for
    identical users, a heuristic for others.
    """
    optimum = solve(problem).objective
    found = {}
    for name in methods:
        if name == "sorted by size":
            cost, calls = best_prefix(problem)[1], np.full(problem.instances, problem.users + 1)
        else:
            answer = solve(problem, solver=name, rng=np.random.default_rng((seed, 4)))
            cost, calls = answer.objective, answer.stats.solver_calls
        found[name] = (optimum / cost, np.asarray(calls))
    return found


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
    result = minimize(
        lambda f: float((work / f).sum()),
        np.full(users.size, capacity / users.size),
        method="SLSQP",
        bounds=[(1e-6, capacity)] * users.size,
        constraints={"type": "ineq", "fun": lambda f: capacity - f.sum()},
    )
    return fixed + float(result.fun)


def paper_descent(problem: BinaryOffloading, rng: np.random.Generator) -> float:
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


def paper_proposal(problem: BinaryOffloading, policy: DecisionNet, rng: np.random.Generator) -> float:
    """Run the paper's algorithm on one instance: K proposals, each allocated by SLSQP, the best kept."""
    return min(paper_slsqp(problem, decision) for decision in policy.propose(problem, policy.candidates, rng))


def our_proposal(problem: BinaryOffloading, policy: DecisionNet, rng: np.random.Generator) -> float:
    """Run the same with the square-root rule in place of SLSQP: all proposals in one call."""
    return float(scores(problem, policy.propose(problem, policy.candidates, rng)).min())


def seconds(call: Callable[[BinaryOffloading], Any], instances: BinaryOffloading) -> float:
    """Return the median time of one call over instances, after a first one that does not count."""
    call(instances[0])
    times = []
    for instance in instances:
        began = time.perf_counter()
        call(instance)
        times.append(time.perf_counter() - began)
    return float(np.median(times))
