"""Batteries of what a problem proves: bounds by weak duality, answers to prices, violations, and what is handed out."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.conic import Conic
from mecopt.contract.backend import Backend, ClosedForm
from mecopt.contract.certificate import violation
from mecopt.contract.decision import OneOf
from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.warmstart import from_dual
from mecopt.solve import allocate
from mecopt.testing.decisions import (
    best_known,
    made_feasible,
    many_decisions,
    some_decision,
)
from mecopt.testing.instances import every_preset, small
from mecopt.testing.statements import TINY, agree, holds, negligible_of, refuses, rounding

Array = NDArray[Any]


SEEN = 1e-5
"""Scaled violation far above any that counts as feasible: a small time made a tenth longer overruns a slot by so little."""


def check_weak_duality(cls: type[Problem]) -> None:
    """No dual, however drawn, gives a bound that a feasible answer beats."""
    rng = np.random.default_rng(1)
    for batch in every_preset(cls):
        optimum = np.array([best_known(instance) for instance in batch[:2]])
        least = rounding(batch[:2], optimum)
        decisions = made_feasible(batch, batch.decision_space.sample(rng, (*batch.batch_shape, 6)))
        value = allocate(batch, decisions).objective
        slack = rounding(batch, value)
        best = batch.relaxed_bound(batch.relaxed_dual())[:2]
        holds(batch.sign * (optimum - best) >= -least, "the relaxation's bound is wrong")
        for _ in range(20):
            bound = batch.bound(decisions, batch.random_dual(rng, value.shape))
            holds(batch.sign * (value - bound) >= -slack, "a random dual gives a wrong bound of a decision")
            relaxed = batch.relaxed_bound(batch.random_dual(rng, batch.batch_shape))[:2]
            holds(batch.sign * (optimum - relaxed) >= -least, "a random dual gives a wrong bound")
            holds(batch.sign * (best - relaxed) >= -rounding(batch[:2], best), "a random dual beats the relaxation's own")


def check_strong_duality(cls: type[Problem]) -> None:
    """The default backend's dual closes the gap of every decision: the inner problem is convex.

    A formula closes it to rounding, beside what is negligible; an iterative solver to the tolerance that it is asked for.
    """
    left = TINY if isinstance(cls.backend(), ClosedForm) else 1e-8
    for batch in every_preset(cls):
        answer = allocate(batch, made_feasible(batch, many_decisions(batch)), tol=max(left, 1e-8))
        away = batch.sign * (answer.objective - answer.bound)
        size = np.abs(answer.objective) + negligible_of(batch, answer.objective)
        holds(away <= left * size, f"largest gap {answer.gap.max()}")
        holds(answer.violation <= TINY, f"largest violation {answer.violation.max()}")


def check_any_price_is_answered(cls: type[Problem]) -> None:
    """The answer to any price is feasible and no better than the optimum; the answer to the exact one is the optimum.

    The latter only where prices determine an allocation; see `Problem.prices_determine`.
    """
    rng = np.random.default_rng(12)
    for batch in every_preset(cls):
        decisions = made_feasible(batch, batch.decision_space.sample(rng, (*batch.batch_shape, 6)))
        best = allocate(batch, decisions)
        exact = from_dual(batch, decisions, best.dual)
        if cls.prices_determine:
            agree(exact.objective, best.objective, "the answer to the exact price")
        for answer in (exact, from_dual(batch, decisions, batch.random_dual(rng, best.shape))):
            holds(answer.violation <= TINY, "the answer to a price is infeasible")
            excess = batch.sign * (answer.objective - best.bound)
            holds(excess >= -rounding(batch, best.objective), "the answer to a price beats the optimum")


def check_violations_are_seen(cls: type[Problem]) -> None:
    """An allocation pushed out of the feasible set is reported, and a nan counts as broken; what is not, is no better."""
    batch = small(cls)
    decision = some_decision(batch)
    best = allocate(batch, decision)
    good = best.allocation
    for name, value in good.as_dict().items():
        largest = value.max() if value.max() > 1e-6 else 1.0  # what an interior-point method leaves of 0 is no size
        pushed = {"negative": -value - largest, "nan": value * np.nan}
        if isinstance(batch.decision_space, OneOf):  # everybody offloads: nothing is 0, and every constraint binds
            pushed = {**pushed, "negative": -value, "larger": value * 1.1}
        for kind, worse in pushed.items():
            broken = dataclasses.replace(good, **{name: worse})
            holds(violation(batch, decision, broken) > 1e-3, f"{name} made {kind} is not seen")
        for factor in (0.5, 0.9, 1.1, 2.0):
            moved = dataclasses.replace(good, **{name: value * factor})
            better = batch.sign * (batch.objective(decision, moved) - best.bound) < -rounding(batch, best.objective)
            holds((violation(batch, decision, moved) > SEEN) | ~better, f"{name} times {factor} is better and not seen")


def check_handed_out_models(cls: type[Problem]) -> None:
    """The cvxpy problem handed out has the allocation's value, and the programs kept inside are DPP, all variables named.

    Where nothing is convex none is handed out, and an error says so.
    """
    if not cls.convex:
        problem = small(cls)[0]
        refuses(partial(problem.to_cvxpy, some_decision(problem)), InstanceError, f"{cls.name} is not convex")
        return
    for batch in every_preset(cls):
        problem = batch[0]
        space = problem.decision_space
        if isinstance(space, OneOf):
            decision = made_feasible(problem, np.arange(problem.users) % len(space.labels))
        else:
            decision = some_decision(problem)
        value = float(allocate(problem, decision).objective)
        program = problem.to_cvxpy(decision)
        program.solve(solver="CLARABEL")
        agree(program.value * problem.cvxpy_unit, value, "to_cvxpy", relative=Backend.proves, beside=problem.negligible)
        for backend in cls.backends.values():
            if isinstance(backend, Conic) and backend.model.shape(problem, space.checked(decision)) is not None:
                inner = backend.model.program(problem, space.checked(decision))
                holds(inner.problem.is_dpp(), f"{backend.name}: the program is not DPP")
                if not backend.is_available():
                    continue
                canonical = inner.problem.get_problem_data(backend.solver)[0]["param_prob"]
                named = {variable.id for variable in inner.variables.values()}
                holds(set(canonical.var_id_to_col) == named, f"{backend.name}: a variable of the program has no name")
        if not isinstance(space, OneOf):
            continue
        model = problem.to_pyomo()
        binaries = problem.users * (len(problem.choices.labels) - 1)
        holds(len(list(model.offload)) == binaries, "to_pyomo: a binary 'offload' per user and place other than local")


def check_lesson(cls: type[Problem]) -> None:
    """The problem has a lesson, complete and reproducible, and every step's check passes for more than one seed."""
    try:
        lesson = cls.lesson()
    except InstanceError as error:
        raise AssertionError(f"{error}: write one, see mecopt.lesson") from None
    holds(lesson.problem == cls.name, f"the lesson of {cls.name} says it is on {lesson.problem}")
    holds(len({step.title for step in lesson.steps}) == len(lesson.steps) > 0, f"{cls.name}: steps share a title")
    for step in lesson.steps:
        holds(all((step.statement.strip(), step.formula.strip(), step.argument.strip())), f"step {step.title!r} is empty")
        holds("$" not in step.formula, f"step {step.title!r}: the formula is LaTeX without dollar signs")
    runs = [lesson.run(seed) for seed in (0, 1, 0)]
    for step, outcome in [pair for run in runs for pair in zip(lesson.steps, run, strict=True)]:
        holds(outcome.passed, f"step {step.title!r}: {outcome.text}")
    holds(runs[0] == runs[2], f"{cls.name}: the lesson measures something else under the same seed")
