"""Decisions on which the batteries try a problem: all of them where they can be counted, drawn ones elsewhere."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.decision import Counts, Interval, OneOf
from mecopt.contract.problem import Problem
from mecopt.solve import allocate, solve

Array = NDArray[Any]

DRAWN = 16
"""Decisions drawn where there are too many to try all."""


def brute_force(problem: Problem) -> float:
    """Return the optimum of one instance by allocating each decision on its own."""
    decisions = itertools.product(range(len(problem.choices.labels)), repeat=problem.users)
    values = (float(allocate(problem, decision, throw=False).objective) for decision in decisions)
    return problem.sign * min(problem.sign * value for value in values if not np.isnan(value))


def best_known(problem: Problem) -> float:
    """Return the best value known of one instance: the optimum where decisions can be counted, else of many drawn ones."""
    if isinstance(problem.decision_space, OneOf):
        return brute_force(problem)
    drawn = made_feasible(problem, problem.decision_space.sample(np.random.default_rng(15), (DRAWN,)))
    values = np.append(allocate(problem, drawn).objective, solve(problem).objective)
    return problem.sign * float((problem.sign * values).min())


def made_feasible(problem: Problem, decisions: Array) -> Array:
    """Mend decisions; replace those that have no allocation even so by the best one found for their instance."""
    decisions = problem.mended(decisions)
    hopeless, own = problem.infeasible(decisions), problem.decision_space.ndim
    if not hopeless.any():
        return decisions
    best = solve(problem).decision
    best = best.reshape(best.shape[:-own] + (1,) * (decisions.ndim - best.ndim) + best.shape[-own:])
    return np.where(hopeless.reshape(*hopeless.shape, *(1,) * own), best, decisions)


def some_decision(problem: Problem) -> Array:
    """Return a decision for each instance under which there is something to allocate."""
    if isinstance(problem.decision_space, OneOf):
        return np.ones((*problem.batch_shape, problem.users), dtype=np.int8)
    return problem.mended(problem.decision_space.sample(np.random.default_rng(16), problem.batch_shape))


def many_decisions(problem: Problem) -> Array:
    """Return the first decisions in the order of counting, or drawn ones, for every instance ``(*batch, k, ...)``."""
    space = problem.decision_space
    if isinstance(space, OneOf):
        decisions = np.concatenate(list(space.enumerate(64)))
        return np.broadcast_to(decisions, (*problem.batch_shape, *decisions.shape))
    return space.sample(np.random.default_rng(17), (*problem.batch_shape, DRAWN))


def wrong_decisions(problem: Problem, decisions: Array) -> list[Any]:
    """Return what is no decision of a batch along one axis, made of admissible ones: of wrong entries, types and shapes."""
    space = problem.decision_space
    found: list[Any] = [None, "all-local", decisions.astype(str), decisions[:-1], decisions[:, :-1], decisions[0, 0]]
    if isinstance(space, OneOf):
        for entry in (len(space.labels), -1, 0.5, np.nan):
            wrong = decisions.astype(float)
            wrong[1, 2] = entry
            found.append(wrong)
        found += [found[-4].astype(np.int8), np.ma.masked_equal(decisions, decisions[1, 2])]
    else:
        scaled = [decisions[1, 2] * factor for factor in (2.0, 0.0, np.nan)]
        for entry in (-0.5, -np.inf, np.inf, np.nan) if isinstance(space, Counts | Interval) else scaled:
            wrong = decisions.astype(float) if isinstance(space, Counts) else decisions.copy()
            wrong[1, 2] = entry
            found.append(wrong)
    return found
