"""Backends that answer one instance at a time: a loop over the batch in which one failure does not spoil the rest."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.backend import Answer, Backend
from mecopt.contract.certificate import VIOLATION, certify
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Variables
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.running.budget import NOT_BEGUN, Budget, in_passes
from mecopt.running.rescue import said, survivable

Array = NDArray[Any]


@dataclass
class Single:
    """One answered instance inside a backend that takes one at a time."""

    allocation: Variables
    dual: Variables
    iterations: int
    model_seconds: float
    solve_seconds: float
    start_used: bool
    limit: bool = False
    message: str = ""


class OneByOne(Backend):
    """Base of the backends that answer one instance at a time; loops, and keeps one failure from spoiling the rest."""

    @abstractmethod
    def allocate_one(
        self, problem: Problem, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        """Answer a single instance and decision; may raise."""

    def allocate(
        self, problem: Problem, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Answer:
        """Answer the batch one by one; who is cut begins anew if others leave at least twice its time."""
        shape = problem.decision_space.lead(decision)
        flat, decisions = problem.paired(decision)
        starts = _starts(start, shape)
        hopeless = problem.infeasible(decision).ravel()
        singles: list[Single | None] = [None] * len(decisions)
        messages: dict[int, str] = {}
        budget = Budget(time_limit)

        def attempt(i: int, seconds: float) -> bool:
            if hopeless[i]:
                return False
            if not seconds:
                messages.setdefault(i, f"{self.name}: {NOT_BEGUN}")
                return True
            limit = seconds if budget.limited else None
            try:
                single = self.allocate_one(flat[i], decisions[i], start=starts[i], tol=tol, time_limit=limit)
            except BaseException as error:
                if not survivable(error):
                    raise
                messages[i] = said(self.name, error)  # any failure inside an outside solver marks this item only
                return False
            messages.pop(i, None)
            if single.message:
                messages[i] = single.message
            singles[i] = _better(flat[i], decisions[i], singles[i], single)
            return single.limit and budget.limited

        in_passes(len(decisions), budget, attempt, anew=True)
        return _gather(problem, shape, singles, messages)


def _better(problem: Problem, decision: Array, earlier: Single | None, later: Single) -> Single:
    """Return the answer of two attempts that violates less or, both being feasible, has the smaller gap."""
    if earlier is None or not later.limit:
        return later

    def fault(single: Single) -> tuple[float, float]:
        found = certify(problem, decision, single.allocation, problem.bound(decision, single.dual))
        return max(float(found.violation), VIOLATION), abs(float(found.gap))

    return earlier if fault(earlier) < fault(later) else later


def _starts(start: Solution | None, shape: tuple[int, ...]) -> list[Solution | None]:
    count = int(np.prod(shape))
    if start is None:
        return [None] * count
    if not start.shape:
        return [start] * count
    if start.shape != shape:
        raise InstanceError(f"start has shape {start.shape}; allowed: {shape}, or a single solution")
    return [start[index] for index in np.ndindex(*shape)]


def _gather(
    problem: Problem,
    shape: tuple[int, ...],
    singles: list[Single | None],
    messages: dict[int, str],
) -> Answer:
    answered = [s for s in singles if s is not None]
    return Answer(
        allocation=problem.Allocation.stack([None if s is None else s.allocation for s in singles], problem.sizes, shape),
        dual=problem.Dual.stack([None if s is None else s.dual for s in singles], problem.sizes, shape),
        iterations=np.array([0 if s is None else s.iterations for s in singles]).reshape(shape),
        model_seconds=sum(s.model_seconds for s in answered),
        solve_seconds=sum(s.solve_seconds for s in answered),
        start_used=all(s is not None and s.start_used for s in singles),
        messages=messages,
        limit=np.array([s is not None and s.limit for s in singles]).reshape(shape),
    )
