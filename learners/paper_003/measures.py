"""What is read off logs: levels, when they settle, what a change costs and for how long; and baselines on the same tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.kernels.slsqp import slsqp
from mecopt.learners import figures
from mecopt.learners.decision_net import DecisionNet
from mecopt.learners.log import Log
from mecopt.models.binary_offloading import BinaryOffloading
from mecopt.models.binary_offloading.exact import best_prefix
from mecopt.problem import Problem
from mecopt.search.solver import scores
from mecopt.solve import solve

Array = NDArray[Any]

RECOVERED, LOSS_RECOVERED = 1e-3, 1.1
"""A change is over when the ratio is this close to the level regained, and the loss at most this many times its level."""


def last_part(log: Log, values: Array) -> Array:
    """Return the ratio over the last 30 % of the instances."""
    return log.ratio(values)[-max(1, round(0.3 * values.size)) :]


def window_of(log: Log) -> int:
    """Return the paper's window of 200 instances, shorter in a short run."""
    return max(5, log.played.size // 50)


def reached(log: Log, level: float) -> float:
    """Return the first instance at which the mean of the last 200 reaches a level; inf where it never does."""
    return figures.reached(log.ratio(log.played), level, window_of(log))


@dataclass(frozen=True)
class Change:
    """What a change costs against the level that the network has regained before the next one.

    All are means over windows fixed beforehand, or the first window that meets a condition: the least of many noisy means
    would show a dip where there is none.
    """

    level: float
    """Mean ratio over the last two windows before the next change."""
    cost: float
    """By how much the ratio is lower in the first two windows after the change."""
    back: float
    """Instances after which a window's mean ratio is within `RECOVERED` of the level."""
    loss_level: float
    """Mean loss over the last two windows."""
    loss: float
    """Mean loss over the first two."""
    loss_back: float
    """Instances after which a window's mean loss is at most `LOSS_RECOVERED` times its level."""


def change(log: Log, at: int, until: int) -> Change:
    """Measure a change at one instance, before another one or the end."""
    window = window_of(log)
    ratio, losses = log.ratio(log.played)[at:until], log.loss[at:until]
    steps = np.flatnonzero(~np.isnan(losses))
    few = max(1, int(np.searchsorted(steps, window)))
    level, loss_level = float(ratio[-2 * window :].mean()), float(np.nanmean(losses[-2 * window :]))
    quiet = np.flatnonzero(figures.sliding(ratio, window) >= level - RECOVERED)
    low = np.flatnonzero(figures.sliding(losses[steps], few) <= LOSS_RECOVERED * loss_level)
    return Change(
        level=level,
        cost=level - float(ratio[: 2 * window].mean()),
        back=float(quiet[0]) if quiet.size else float("inf"),
        loss_level=loss_level,
        loss=float(np.nanmean(losses[: 2 * window])),
        loss_back=float(steps[low[0]]) if low.size else float("inf"),
    )


# ---------------------------------------------------------------------- baselines


BY_SIZE = "sorted by size"


def ratios(problem: Problem, methods: Sequence[str], seed: int) -> dict[str, tuple[Array, Array]]:
    """Return ratio to the proved optimum and solver calls of each method on every instance.

    `sorted by size` takes the users with the most work first and scores N + 1 prefixes: the top-k theorem, exact for
    identical users, a heuristic for others.
    """
    optimum = solve(problem).objective
    found = {}
    for name in methods:
        if name == BY_SIZE:
            value, calls = best_prefix(problem)[1], np.full(problem.instances, problem.users + 1)  # type: ignore[arg-type]
        else:
            answer = solve(problem, solver=name, rng=np.random.default_rng((seed, 4)))
            value, calls = answer.objective, answer.stats.solver_calls
        found[name] = (optimum / value if problem.sense == "minimise" else value / optimum, np.asarray(calls))
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
    result = slsqp(
        lambda f: float((work / f).sum()),
        np.full(users.size, capacity / users.size),
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


def paper_proposal(problem: BinaryOffloading, policy: DecisionNet, rng: Generator) -> float:
    """Run the paper's algorithm on one instance: K proposals, each allocated by SLSQP, the best kept."""
    return min(paper_slsqp(problem, decision) for decision in policy.propose(problem, policy.candidates, rng))


def our_proposal(problem: BinaryOffloading, policy: DecisionNet, rng: Generator) -> float:
    """Run the same with the square-root rule in place of SLSQP: all proposals in one call."""
    return float(scores(problem, policy.propose(problem, policy.candidates, rng)).min())
