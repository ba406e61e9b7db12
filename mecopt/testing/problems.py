"""Batteries for every implementation: run them on your own problem, backend or solver as mecopt does on its own.

Each check is a function of a problem class; `check_problem` runs all of them. They state mathematics that holds for any
problem under the contract, with oracles that do not share code with what they check: loops for batches, enumeration for
searches, random duals for bounds, other solvers for allocations. What can be enumerated are choices; where decisions are
others (beams), the checks that count decisions are left out and drawn ones stand in elsewhere; see `checks_of`.

>>> from mecopt.models import BinaryOffloading
>>> check_weak_duality(BinaryOffloading)
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.conic import Conic
from mecopt.contract.backend import Backend, ClosedForm, Feature
from mecopt.contract.certificate import certify, violation
from mecopt.contract.certified import Status
from mecopt.contract.decision import OneOf
from mecopt.contract.errors import InstanceError, StartIgnored
from mecopt.contract.fields import axes
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.contract.solver import GAP
from mecopt.contract.units import rescaling
from mecopt.contract.warmstart import from_dual
from mecopt.solve import allocate, solve
from mecopt.testing.decisions import (
    best_known,
    brute_force,
    made_feasible,
    many_decisions,
    some_decision,
    wrong_decisions,
)
from mecopt.testing.statements import TINY, agree, certified, holds, negligible_of, refuses, rounding, same_value

Array = NDArray[Any]
Check = Callable[[type[Problem]], None]


def check_problem(cls: type[Problem]) -> None:
    """Run every check on a problem.

    Raises
    ------
    AssertionError
        with what failed, on which instance.
    """
    for check in checks_of(cls):
        check(cls)


def checks_of(cls: type[Problem]) -> tuple[Check, ...]:
    """Return the checks that a problem has to pass: all, but those that count choices where decisions are others."""
    counted = isinstance(_small(cls).decision_space, OneOf)
    return CHECKS if counted else tuple(check for check in CHECKS if check not in CHOICE_CHECKS)


def _small(cls: type[Problem], count: int = 4, users: int = 5, preset: str = "paper") -> Problem:
    return cls.sample(np.random.default_rng(11), (count,), preset=preset, users=users)


def _every_preset(cls: type[Problem]) -> Iterator[Problem]:
    return (_small(cls, preset=preset) for preset in cls.presets)


SEEN = 1e-5
"""Scaled violation far above any that counts as feasible: a small time made a tenth longer overruns a slot by so little."""


# ---------------------------------------------------------------------- data and scenarios


def check_declarations(cls: type[Problem]) -> None:
    """The class says what it is, and every preset says where each of its numbers is from."""
    for name in ("name", "summary", "sense", "objective_name", "objective_unit", "decision_summary", "reference"):
        holds(hasattr(cls, name), f"{cls.__name__} lacks {name}")
    holds("paper" in cls.presets, f"{cls.name} has no preset 'paper'")
    names = {f.name for f in dataclasses.fields(cls)}
    for preset, scenario in cls.presets.items():
        holds(set(scenario.sources) == names, f"preset {preset}: sources for {set(scenario.sources) ^ names}")
    for kind in (cls.backends, cls.solvers):
        holds(all(key == one.name for key, one in kind.items()), f"{cls.name}: a key differs from the name behind it")


def check_data_are_immutable(cls: type[Problem]) -> None:
    """Neither the fields nor their entries can be changed, and the given arrays stay the caller's own."""
    problem = _small(cls)
    for name, value in problem.data().items():
        holds(not value.flags.writeable, f"{name} is writeable")
        refuses(partial(setattr, problem, name, value), dataclasses.FrozenInstanceError, name)
    name, value = next(iter(problem.data().items()))
    mine = value.copy()
    other = cls(**{**problem.data(), name: mine})
    mine[...] = 0.0
    agree(getattr(other, name), value, "a problem must not share memory with what it was made from")


def check_sampling_is_reproducible(cls: type[Problem]) -> None:
    """The generator is the only source of randomness."""
    for preset in cls.presets:
        first, second = (cls.sample(np.random.default_rng(5), (3,), preset=preset) for _ in range(2))
        for name, value in first.data().items():
            holds(np.array_equal(value, getattr(second, name)), f"{preset}: {name} differs between equal seeds")
        other = cls.sample(np.random.default_rng(6), (3,), preset=preset)
        holds(any(not np.array_equal(v, getattr(other, n)) for n, v in first.data().items()), "the seed has no effect")


# ---------------------------------------------------------------------- shapes


def check_batch_equals_loop(cls: type[Problem]) -> None:
    """Solving a batch is solving its instances."""
    for batch in _every_preset(cls):
        whole = solve(batch)
        for one, alone in zip(whole, (solve(instance) for instance in batch), strict=True):
            agree(one.objective, alone.objective, f"{cls.name}: batch against single", beside=batch.negligible.max())
            holds(np.array_equal(one.decision, alone.decision), f"{cls.name}: batch decides differently")
            holds(one.status is alone.status, f"{cls.name}: batch has another status")


def check_candidates(cls: type[Problem]) -> None:
    """Candidate axes multiply out: each candidate is allocated as if it were alone, in every nesting of axes."""
    batch = cls.sample(np.random.default_rng(3), (2, 3), users=4)
    decisions = made_feasible(batch, batch.decision_space.sample(np.random.default_rng(4), (2, 3, 5)))
    together = allocate(batch, decisions)
    holds(together.shape == (2, 3, 5), f"shape is {together.shape}, not (2, 3, 5)")
    beside = negligible_of(batch, together.objective)
    agree(batch.optimal_value(decisions), together.objective, "optimal_value against allocate", beside=beside)
    for index in np.ndindex(2, 3, 5):
        alone = allocate(batch[index[:2]], decisions[index])
        agree(together.objective[index], alone.objective, f"candidate {index}", beside=alone.problem.negligible)
        agree(together[index].bound, alone.bound, f"bound of candidate {index}", beside=alone.problem.negligible)


def check_moves(cls: type[Problem]) -> None:
    """The values after single moves are the values of the decisions they lead to."""
    for batch in _every_preset(cls):
        decisions = batch.decision_space.sample(np.random.default_rng(8), batch.batch_shape)
        moves = batch.move_values(decisions)
        for i, j in np.ndindex(batch.users, len(batch.choices.labels)):
            moved = decisions.copy()
            moved[:, i] = j
            agree(moves[:, i, j], batch.optimal_value(moved), f"user {i} takes choice {j}")


def check_inadmissible_decisions_are_refused(cls: type[Problem]) -> None:
    """Every formula refuses what is no decision, and takes lists and numbers of another type for the decisions they are."""
    batch = _small(cls)
    decisions = made_feasible(batch, batch.decision_space.sample(np.random.default_rng(9), batch.batch_shape))
    allocation, dual = batch.closed_form(decisions)
    formulas: dict[str, Callable[[Any], Any]] = {
        "objective": lambda given: batch.objective(given, allocation),
        "violations": lambda given: [1.0 + broken for broken in batch.violations(given, allocation).values()],
        "certify": lambda given: 1.0 + certify(batch, given, allocation, batch.bound(given, dual)).gap,
        "bound": lambda given: batch.bound(given, dual),
        "closed_form": lambda given: batch.objective(given, batch.closed_form(given)[0]),
        "respond": lambda given: batch.objective(given, batch.respond(given, dual)),
        "optimal_value": batch.optimal_value,
        "infeasible": lambda given: batch.infeasible(given).astype(float),
        "mended": batch.mended,
    }
    for name, formula in formulas.items():
        for same in (decisions.tolist(), decisions.astype(complex if decisions.dtype.kind == "c" else np.longdouble)):
            for one, other in zip(formula(same), formula(decisions), strict=True):
                agree(one, other, f"{name} of a {type(same).__name__}", relative=GAP)
        for wrong in wrong_decisions(batch, decisions):
            refuses(partial(formula, wrong), InstanceError, f"{name} of {wrong}")
    for given in (dual, None, 1.0):
        refuses(partial(batch.objective, decisions, given), InstanceError, f"objective at {given}")
    for given in (allocation, None, 1.0):
        refuses(partial(batch.bound, decisions, given), InstanceError, f"bound at {given}")
    larger = _small(cls, users=batch.users + 1)
    strange = larger.closed_form(some_decision(larger))[0]
    refuses(partial(batch.objective, decisions, strange), InstanceError, f"objective at {strange}")


# ---------------------------------------------------------------------- invariances


def check_permutation_invariance(cls: type[Problem]) -> None:
    """Renumbering the users renumbers the answer and changes nothing else."""
    for batch in _every_preset(cls):
        order = np.random.default_rng(2).permutation(batch.users)
        renumbered = cls(**{f.name: _renumbered(batch, f, order) for f in dataclasses.fields(cls)})
        before = solve(batch)
        same_value(before, solve(renumbered), "optimum after renumbering")
        decision = np.take(before.decision, order, axis=-batch.decision_space.ndim)
        same_value(before, allocate(renumbered, decision), "renumbered decision")


def _renumbered(batch: Problem, field: dataclasses.Field[Any], order: Array) -> Array:
    value: Array = getattr(batch, field.name)
    if "users" not in axes(field):
        return value
    return np.take(value, order, axis=axes(field).index("users") - len(axes(field)))


def check_unit_invariance(cls: type[Problem]) -> None:
    """Measuring in other base units changes numbers, not the answer: 1e-6 to 1e6 of every base unit."""
    for batch in _every_preset(cls):
        reference = solve(batch)
        for base, factor in itertools.product(cls.base_units, (1e-6, 1e3, 1e6)):
            fields = {
                f.name: getattr(batch, f.name) * rescaling(f.metadata["unit"], base, factor) for f in dataclasses.fields(cls)
            }
            scale = rescaling(cls.objective_unit, base, factor)
            same_value(reference, solve(cls(**fields)), f"{base} times {factor}", factor=scale)


# ---------------------------------------------------------------------- bounds


def check_weak_duality(cls: type[Problem]) -> None:
    """No dual, however drawn, gives a bound that a feasible answer beats."""
    rng = np.random.default_rng(1)
    for batch in _every_preset(cls):
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
    for batch in _every_preset(cls):
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
    for batch in _every_preset(cls):
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
    batch = _small(cls)
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


# ---------------------------------------------------------------------- solvers


def check_backends_agree(cls: type[Problem]) -> None:
    """Every installed backend finds the same value within what the certificates leave open, and its own is good enough.

    How near an iterative solver comes to the optimum depends on the last digits of the processor at hand. So an answer is
    held to its own gap, which every processor has to keep, and the gap to what the backend says that it `proves`.

    Where decisions are no choices a solver, the default one apart, may give up on an instance if it says so and its
    certificate does not claim otherwise; one that gives up on most is of no use.
    """
    for batch in _every_preset(cls):
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
    for batch in _every_preset(cls):
        answer = solve(batch)
        agree(answer.objective, [brute_force(instance) for instance in batch], "exact against enumeration")
        holds(answer.gap <= TINY, f"gap {answer.gap.max()}")
        holds([status is Status.OPTIMAL for status in answer.status], "an exact answer is not OPTIMAL")


def check_no_solver_beats_the_bound(cls: type[Problem]) -> None:
    """No solver is better than the proved bound, no solver's own bound is wrong, and all answers are feasible."""
    for batch in _every_preset(cls):
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
    problem = _small(cls)[0]
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


def check_handed_out_models(cls: type[Problem]) -> None:
    """The cvxpy problem handed out has the allocation's value, and the programs kept inside are DPP, all variables named.

    Where nothing is convex none is handed out, and an error says so.
    """
    if not cls.convex:
        problem = _small(cls)[0]
        refuses(partial(problem.to_cvxpy, some_decision(problem)), InstanceError, f"{cls.name} is not convex")
        return
    for batch in _every_preset(cls):
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


CHECKS: tuple[Check, ...] = (
    check_declarations,
    check_data_are_immutable,
    check_sampling_is_reproducible,
    check_batch_equals_loop,
    check_candidates,
    check_inadmissible_decisions_are_refused,
    check_moves,
    check_permutation_invariance,
    check_unit_invariance,
    check_weak_duality,
    check_strong_duality,
    check_any_price_is_answered,
    check_violations_are_seen,
    check_backends_agree,
    check_exact_is_enumeration,
    check_no_solver_beats_the_bound,
    check_starts,
    check_handed_out_models,
    check_lesson,
)

CHOICE_CHECKS: tuple[Check, ...] = (check_moves, check_exact_is_enumeration)
"""Of these, those that count every choice."""
