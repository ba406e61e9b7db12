"""Searches that hardly search: constant decisions, random ones, and an index scan. Every comparison shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.limits import changed
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Adjustable, Search, Solver
from mecopt.search.candidates import scores
from mecopt.search.descent import all_local

Array = NDArray[Any]


class Constant(Solver):
    """The same choice for every user to whom it is possible: all local (0) or all offload (1)."""

    features = Feature.LIMITS

    def __init__(
        self,
        name: str,
        choice: int,
        summary: str,
        allocation: Callable[[Any, Array], Any] | None = None,
    ) -> None:
        self.name, self.choice, self.summary, self.allocation = name, choice, summary, allocation

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Return the constant decision."""
        wanted = np.full((*problem.batch_shape, problem.users), self.choice, dtype=np.int8)
        decision = problem.mended(wanted)
        allocation = None if self.allocation is None else self.allocation(problem, decision)
        return Search(decision, allocation=allocation, solver_calls=1, messages=changed(problem, wanted, decision))


class BestOfRandom(Solver):
    """The best of some uniformly random decisions, each with its best allocation; one is plain random."""

    features = Feature.LIMITS
    adjustable: ClassVar = {"draws": Adjustable(int, 1, 1_000_000)}

    def __init__(self, name: str, draws: int) -> None:
        self.name, self.draws = name, draws

    @property
    def summary(self) -> str:  # type: ignore[override]
        """Say how many are drawn."""
        return "a uniformly random decision" if self.draws == 1 else f"the best of {self.draws} uniformly random decisions"

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Draw for the whole batch, score in one call."""
        drawn = problem.decision_space.sample(rng, (*problem.batch_shape, self.draws))
        decisions = problem.mended(drawn)
        best = scores(problem, decisions).argmin(axis=-1)[..., None, None]
        wanted, chosen = (np.take_along_axis(some, best, axis=-2)[..., 0, :] for some in (drawn, decisions))
        return Search(chosen, solver_calls=self.draws, messages=changed(problem, wanted, chosen))


class IndexScan(Solver):
    """Sort users by an index and offload the top k, raising k from 0 while the objective improves."""

    name = "index-scan"
    features = Feature.LIMITS

    def __init__(self, index: Callable[[Any], Array], formula: str) -> None:
        self.index = index
        self.summary = f"offload the top k users by {formula}, k raised while the objective improves"

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Scan all instances side by side; each stops by itself."""
        flat = problem.flat()
        decision = all_local(flat).copy()
        order = np.argsort(-np.where(decision == 1, -np.inf, self.index(flat)), axis=-1, kind="stable")
        best = scores(flat, decision)
        calls = np.ones(flat.instances, dtype=int)
        active = np.arange(flat.instances)
        for k in range(problem.users):
            trial = decision[active]
            trial[np.arange(active.size), order[active, k]] = 1
            value = scores(flat[active], trial)
            calls[active] += 1
            better = value < best[active]
            active, trial, value = active[better], trial[better], value[better]
            decision[active], best[active] = trial, value
            if not active.size:
                break
        shape = problem.batch_shape
        return Search(decision.reshape((*shape, problem.users)), solver_calls=calls.reshape(shape))
