"""Batteries of what backends and solvers answer: one another's values, none better than what is proved, starts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.certified import Status
from mecopt.contract.decision import OneOf
from mecopt.contract.errors import InstanceError, StartIgnored
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.contract.solver import GAP
from mecopt.solve import allocate, solve
from mecopt.testing.decisions import (
    brute_force,
    made_feasible,
    some_decision,
)
from mecopt.testing.instances import every_preset, small
from mecopt.testing.statements import TINY, agree, certified, holds, refuses, rounding, same_value

Array = NDArray[Any]


def check_backends_agree(cls: type[Problem]) -> None:
    """Every installed backend finds the same value within what the certificates leave open, and its own is good enough.

    How near an iterative solver comes to the optimum depends on the last digits of the processor at hand. So an answer is
    held to its own gap, which every processor has to keep, and the gap to what the backend says that it `proves`.

    Where decisions are no choices a solver, the default one apart, may give up on an instance if it says so and its
    certificate does not claim otherwise; one that gives up on most is of no use.
    """
    for batch in every_preset(cls):
        decisions = made_feasible(batch, batch.decision_space.sample(np.random.default_rng(9), batch.batch_shape))
        reference = allocate(batch, decisions)
        for name, backend in cls.backends.items():
            if not backend.is_available():
                continue
            answer = allocate(batch, decisions, backend=name, throw=False)
            given = np.array([status in (Status.OPTIMAL, Status.FEASIBLE) for status in answer.status])
            told = np.array([k in answer.stats.messages for k in range(batch.instances)])
            holds(given | told, f"{name} has no answer and says nothing")
            proved = given & (answer.gap <= backend.proves)
            excused = told & (backend is not cls.backend() and not isinstance(batch.decision_space, OneOf))
            holds(proved | excused, f"backend {name}: gaps {answer.gap}, not {backend.proves}")
            holds(2 * proved.sum() > batch.instances, f"{name} gives up: {answer.stats.messages}")
            same_value(reference, answer, f"backend {name}", where=given)
            excess = batch.sign * (answer.objective - reference.bound)
            holds((excess >= -rounding(batch, reference.objective))[given], f"{name} beats the proved bound")
            claimed = batch.sign * (reference.objective - answer.bound)
            holds(claimed >= -rounding(batch, reference.objective), f"{name} claims a wrong bound")


def check_exact_is_enumeration(cls: type[Problem]) -> None:
    """The default solver finds what allocating every decision on its own finds, and proves it."""
    for batch in every_preset(cls):
        answer = solve(batch)
        agree(answer.objective, [brute_force(instance) for instance in batch], "exact against enumeration")
        holds(answer.gap <= TINY, f"gap {answer.gap.max()}")
        holds([status is Status.OPTIMAL for status in answer.status], "an exact answer is not OPTIMAL")


def check_no_solver_beats_the_bound(cls: type[Problem]) -> None:
    """No solver is better than the proved bound, no solver's own bound is wrong, and all answers are feasible."""
    for batch in every_preset(cls):
        proved = solve(batch)
        slack = rounding(batch, proved.objective)
        for name, solver in cls.solvers.items():
            if not solver.is_available() or not _accepts(batch, name):
                continue
            answer = solve(batch, solver=name, rng=np.random.default_rng(0), throw=False)
            found = np.array([status is not Status.FAILED for status in answer.status])
            hopeless = batch.infeasible(answer.decision)
            holds(found | hopeless, f"{name} fails on a decision that has an allocation")
            holds((batch.sign * (answer.objective - proved.bound) >= -slack)[found], f"{name} beats the proved bound")
            holds(batch.sign * (proved.objective - answer.bound) >= -slack, f"{name} claims a wrong bound")
            holds(answer.violation[found] <= 1e-8, f"{name} is infeasible")
            if Feature.INTEGER in solver.features:
                holds([status is Status.OPTIMAL for status in answer.status], f"{name} is exact but proves nothing")
                against = f"{name} against the default solver"
                agree(answer.objective, proved.objective, against, relative=GAP, beside=batch.negligible)


def _accepts(batch: Problem, name: str) -> bool:
    """Whether a solver takes these instances; one that holds for special cases only must refuse others by an error."""
    try:
        solve(batch, solver=name, throw=False)
    except InstanceError:
        return False
    return True


def check_starts(cls: type[Problem]) -> None:
    """A start is used or refused, never ignored in silence, and never changes what is proved."""
    problem = small(cls)[0]
    decision = made_feasible(problem, some_decision(problem))
    for name, backend in cls.backends.items():
        if not backend.is_available():
            continue
        first = allocate(problem, decision, backend=name)
        holds(not first.stats.start_used, f"{name} claims a start that nobody gave")
        for start in (first, allocate(problem, decision)):
            _start(partial(allocate, problem, decision, backend=name), start, backend.features, name)
    best = solve(problem)
    for name, solver in cls.solvers.items():
        if solver.is_available() and _accepts(problem, name):
            _start(partial(solve, problem, solver=name), best, solver.features, name)


def _start(call: Callable[..., Solution], start: Solution, features: Feature, name: str) -> None:
    if not features & (Feature.WARM_PRIMAL | Feature.WARM_PRIMAL_DUAL):
        refuses(lambda: call(start=start), StartIgnored, f"{name} takes no start")
        return
    answer = call(start=start)
    holds(answer.stats.start_used, f"{name} does not say that it used the start")
    holds(np.isfinite(answer.objective), f"{name} has no answer from a start")
    backend = start.problem.backends.get(name)
    if Feature.INTEGER in features or backend is not None:
        certified(start, answer, GAP if backend is None else backend.proves, f"{name} from a start")
