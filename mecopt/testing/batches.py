"""Batteries of batches: one bad item never harms the others, whatever is wrong with it and whoever answers.

The oracle is the batch itself without the bad item: at the same places stand the same instances, so that methods that draw
draw the same. The others are decided alike then, and their objectives and bounds are the same to rounding: a limit on one
item may lead all of a batch to a kernel that knows limits. Where a method raises the batch is taken apart, and what draws
draws anew; then the others have answers, and none is better than what is proved.

>>> from mecopt.models import BinaryOffloading
>>> check_a_fault_stands_alone(BinaryOffloading)
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Answer, Backend
from mecopt.contract.certified import Status
from mecopt.contract.decision import OneOf
from mecopt.contract.errors import InstanceError, SolveFailed
from mecopt.contract.fields import declared
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.contract.solver import Search, Solver
from mecopt.solve import allocate, solve
from mecopt.storage.policies import shipped
from mecopt.testing.decisions import many_decisions, some_decision
from mecopt.testing.statements import TINY, holds, refuses, rounding

Array = NDArray[Any]
Check = Callable[[type[Problem]], None]

EXTREMES = (1e300, 1e160)
"""Numbers that are admissible and that floats can hold, but not multiply."""

BAD, OTHERS = 1, [0, 2]
"""The place of the bad item in a batch of three, and those of the others."""

SECONDS = 60.0
"""For a method that might search a hopeless item for ever."""


@contextmanager
def silence() -> Iterator[None]:
    """State that nothing is warned of: a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def extreme_batches(cls: type[Problem]) -> Iterator[tuple[str, Problem, Problem]]:
    """Yield what is extreme, batches of three whose middle one has an extreme number, and those batches without it."""
    good = cls.sample(np.random.default_rng(5), (3,), users=4)
    for f, extreme in zip(declared(cls), itertools.cycle(EXTREMES), strict=False):
        data = {name: np.array(value) for name, value in good.data().items()}
        data[f.name][BAD] = extreme
        try:
            yield f"{f.name} of {extreme:g}", cls(**data), good
        except InstanceError:  # not admissible
            continue


def same_others(with_it: Solution, without: Solution, what: str) -> None:
    """State that all but the bad item are answered as in the batch without it."""
    for k in OTHERS:
        left, right = with_it[k], without[k]
        holds(left.status is right.status, f"{what}: item {k} is {left.status.name}, without it {right.status.name}")
        for name in ("objective", "bound", "decision"):
            mine, other = np.asarray(getattr(left, name)), np.asarray(getattr(right, name))
            if name == "decision":  # beams of some stand several times where others of the batch need several
                width = math.lcm(mine.shape[-1], other.shape[-1])
                mine, other = (np.tile(one, width // one.shape[-1]) for one in (mine, other))
            close = mine == other if name == "decision" else np.isclose(mine, other, rtol=TINY, atol=0.0, equal_nan=True)
            holds(close, f"{what}: {name} of item {k} is {mine}, without it {other}")


def good_others(with_it: Solution, without: Solution, what: str) -> None:
    """State that all but the bad item are answered, and no better than is proved of them without it."""
    for k in OTHERS:
        holds(with_it.status[k] is not Status.FAILED, f"{what}: item {k} has no answer")
        excess = with_it.problem.sign * (with_it[k].objective - without[k].bound)
        holds(excess >= -rounding(without.problem[k], without[k].objective), f"{what}: item {k} beats its bound")


def bad_one_says_why(answer: Solution, what: str) -> None:
    """State that the bad item has an answer, or says why it has none."""
    if answer.status[BAD] in (Status.FAILED, Status.INFEASIBLE):
        holds(bool(answer.stats.messages.get(BAD)), f"{what}: the bad item has no answer and does not say why")


def check_an_extreme_item_harms_no_other(cls: type[Problem]) -> None:
    """With absurd numbers in one item every solver, backend and shipped policy answers the others as without it."""
    known: dict[str, Solution] = {}
    for text, batch, good in extreme_batches(cls):
        for name in (*cls.solvers, *(["learned"] if shipped(good) is not None else [])):
            if name in cls.solvers and not cls.solvers[name].is_available():
                continue
            what = f"{name}, {text}"
            try:
                if name not in known:
                    known[name] = solve(good, solver=name, throw=False, time_limit=SECONDS)
                with silence():
                    answer = solve(batch, solver=name, throw=False, time_limit=SECONDS)
            except InstanceError as error:  # a theorem that does not hold
                holds("is at fault" not in str(error), f"{what}: {error}")
                continue
            if answer.stats.messages.get(BAD, "").startswith(f"{name}: "):  # taken apart: what draws draws anew
                good_others(answer, known[name], what)
            else:
                same_others(answer, known[name], what)
            bad_one_says_why(answer, what)
        decisions = some_decision(good)
        for name, backend in cls.backends.items():
            if not backend.is_available():
                continue
            if f"allocate {name}" not in known:
                known[f"allocate {name}"] = allocate(good, decisions, backend=name, throw=False)
            with silence():
                answer = allocate(batch, decisions, backend=name, throw=False)
            same_others(answer, known[f"allocate {name}"], f"{name}, {text}")
            bad_one_says_why(answer, f"{name}, {text}")


def check_kernels_work_item_by_item(cls: type[Problem]) -> None:
    """What searches call of a batch says of each item what it says without the bad one, without a word or exception."""
    good = cls.sample(np.random.default_rng(5), (3,), users=4)
    calls = _kernels(good)
    for text, batch, _ in extreme_batches(cls):
        for name, call in calls.items():
            expected = _arrays(call(good))
            try:
                with silence():
                    found = _arrays(call(batch))
            except np.linalg.LinAlgError:  # a factorisation of the whole batch; `solve` and `allocate` take it apart
                continue
            except Exception as error:
                raise AssertionError(f"{name}, {text}: {type(error).__name__}: {error}") from error
            for mine, other in zip(found, expected, strict=True):
                same = np.isclose(mine[OTHERS], other[OTHERS], rtol=1e-13, atol=0.0, equal_nan=True)
                holds(same, f"{name}, {text}: other items have other values")


def _kernels(good: Problem) -> dict[str, Callable[[Problem], Any]]:
    """Return what searches and backends call of a problem, by name."""
    decisions, dual = some_decision(good), good.random_dual(np.random.default_rng(6), good.batch_shape)
    calls: dict[str, Callable[[Problem], Any]] = {
        "optimal_value": lambda p: p.optimal_value(decisions),
        "closed_form": lambda p: p.closed_form(decisions),
        "respond": lambda p: p.respond(decisions, dual),
        "bound": lambda p: p.bound(decisions, dual),
        "relaxed_bound": lambda p: p.relaxed_bound(dual),
        "infeasible": lambda p: p.infeasible(decisions),
        "negligible": lambda p: p.negligible,
    }
    if isinstance(good.decision_space, OneOf):
        calls["move_values"] = lambda p: p.move_values(decisions)
        calls["relaxed_dual"] = lambda p: p.relaxed_dual()
    return calls


def _arrays(value: Any) -> list[Array]:
    """Return the arrays in what a kernel returns."""
    if isinstance(value, tuple):
        return [array for part in value for array in _arrays(part)]
    return list(value.as_dict().values()) if hasattr(value, "as_dict") else [np.asarray(value)]


# ---------------------------------------------------------------------- faults put in


class PanicException(BaseException):
    """What code compiled from Rust raises: no `Exception`."""


def _marked(problem: Problem, marker: float) -> bool:
    first = getattr(problem, fields(problem)[0].name)
    return bool((first == marker).any())


class FaultySolver(Solver):
    """A solver that raises wherever a marked instance is in the batch."""

    def __init__(self, inner: Solver, marker: Any, error: BaseException) -> None:
        self.inner, self.marker, self.error = inner, marker, error
        self.name, self.summary, self.features = inner.name, inner.summary, inner.features

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Raise, or search."""
        if _marked(problem, self.marker):
            raise self.error
        return self.inner.search(problem, start=start, gap=gap, time_limit=time_limit, rng=rng)


class FaultyBackend(Backend):
    """A backend that raises wherever a marked instance is in the batch."""

    def __init__(self, inner: Backend, marker: Any, error: BaseException) -> None:
        self.inner, self.marker, self.error = inner, marker, error
        self.name, self.summary, self.features = inner.name, inner.summary, inner.features

    def allocate(
        self, problem: Problem, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Answer:
        """Raise, or allocate."""
        if _marked(problem, self.marker):
            raise self.error
        return self.inner.allocate(problem, decision, start=start, tol=tol, time_limit=time_limit)


def check_a_fault_stands_alone(cls: type[Problem]) -> None:
    """Where a method raises because of one item, that item is FAILED and says so; an interrupt is none of its business."""
    good = cls.sample(np.random.default_rng(5), (3,), users=4)
    marker = getattr(good, declared(cls)[0].name)[BAD].flat[0]
    decisions = some_decision(good)
    candidates = np.stack([decisions, decisions], axis=1)
    reference, fixed = solve(good), allocate(good, candidates, throw=False)
    for error in (ArithmeticError("singular"), np.linalg.LinAlgError("no convergence"), PanicException("Eigval error")):
        solver, backend = FaultySolver(cls.solver(), marker, error), FaultyBackend(cls.backend(), marker, error)
        answer = solve(good, solver=solver, throw=False)
        said = f"{solver.name}: {type(error).__name__}: {error}"
        holds(answer.status[BAD] is Status.FAILED, f"{said}: not FAILED")
        holds(answer.stats.messages == {BAD: said}, f"messages are {answer.stats.messages}")
        same_others(answer, reference, f"solver, {said}")
        refuses(partial(solve, good, solver=solver), SolveFailed, said)
        allocated = allocate(good, candidates, backend=backend, throw=False)
        for k in range(2):
            same_others(allocated[:, k], fixed[:, k], f"backend, candidate {k}, {said}")
            holds(allocated.status[BAD, k] is Status.FAILED, f"{said}: candidate {k} is not FAILED")
        alone = solve(good[BAD], solver=solver, throw=False)
        holds(alone.status is Status.FAILED and alone.stats.messages == {0: said}, f"alone: {alone.stats.messages}")
    for interrupt in (KeyboardInterrupt(), SystemExit(3)):
        solver, backend = FaultySolver(cls.solver(), marker, interrupt), FaultyBackend(cls.backend(), marker, interrupt)
        for call in (partial(solve, good, solver=solver), partial(allocate, good, decisions, backend=backend)):
            try:
                call(throw=False)
            except (KeyboardInterrupt, SystemExit):
                continue
            raise AssertionError(f"{type(interrupt).__name__} was caught")


def check_an_infeasible_decision_harms_no_other(cls: type[Problem]) -> None:
    """Beside a decision without allocation every backend answers the others as without it."""
    for preset in cls.presets:
        good = cls.sample(np.random.default_rng(11), (3,), preset=preset, users=4)
        drawn = many_decisions(good)
        hopeless = good.infeasible(drawn)
        if not hopeless[BAD].any() or any(hopeless[k].all() for k in OTHERS):
            continue
        decisions = np.stack([drawn[k, int(np.argmin(hopeless[k]))] for k in range(3)])
        worse = decisions.copy()
        worse[BAD] = drawn[BAD, int(np.argmax(hopeless[BAD]))]
        for name, backend in cls.backends.items():
            if backend.is_available():
                with silence():
                    answer = allocate(good, worse, backend=name, throw=False)
                same_others(answer, allocate(good, decisions, backend=name, throw=False), f"{name}, {preset}")
                holds(answer.status[BAD] is Status.INFEASIBLE, f"{name}, {preset}: {answer.status[BAD]}")
                bad_one_says_why(answer, name)


FAULT_CHECKS: tuple[Check, ...] = (check_a_fault_stands_alone, check_an_infeasible_decision_harms_no_other)
EXTREME_CHECKS: tuple[Check, ...] = (check_kernels_work_item_by_item, check_an_extreme_item_harms_no_other)
