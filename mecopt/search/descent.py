"""Descent over single moves: the coordinate descent of the field, and iterated local search built on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.running import clock

Array = NDArray[Any]
Scores = Callable[[Problem, Array], Array]
Start = Literal["all-local", "random"]

IMPROVEMENT = 1e-12
"""Relative improvement below which a flip counts as none: rounding must not make the descent go in circles."""


def optimal(problem: Problem, decision: Array) -> Array:
    """Score decisions by their best allocation."""
    return problem.optimal_value(decision)


def optimal_moves(problem: Problem, decision: Array) -> Array:
    """Score every single move, one user to one choice, by its best allocation."""
    return problem.move_values(decision)


def descend(
    problem: Problem, decision: Array, value: Scores, moves: Scores, deadline: float | None
) -> tuple[Array, Array, Array, bool]:
    """Take the steepest single move until none improves.

    Returns
    -------
    decisions and values of shape ``(instances, ...)``, evaluations an instance, and whether time ran out
    """
    flat = problem.flat()
    current = decision.reshape(flat.instances, problem.users).copy()
    best = problem.sign * value(flat, current)
    best[np.isnan(best)] = np.inf
    choices = len(problem.choices.labels)
    calls = np.ones(flat.instances, dtype=int)
    active = np.arange(flat.instances)
    while active.size:
        if deadline is not None and clock.now() > deadline:
            return current, problem.sign * best, calls, True
        part = flat[active]
        values = problem.sign * moves(part, current[active])
        steepest = np.where(np.isnan(values), np.inf, values).reshape(active.size, -1).argmin(axis=-1)
        calls[active] += problem.users * (choices - 1)
        trial = current[active]
        trial[np.arange(active.size), steepest // choices] = steepest % choices
        reached = problem.sign * value(part, trial)
        margin = IMPROVEMENT * np.abs(best[active], where=np.isfinite(best[active]), out=np.zeros(active.size))
        better = reached < best[active] - margin
        current[active[better]], best[active[better]] = trial[better], reached[better]
        active = active[better]
    return current, problem.sign * best, calls, False


def random_decision(problem: Problem, rng: Generator) -> Array:
    """Draw a decision of each instance to begin with; all-local where what was drawn has no allocation."""
    drawn = problem.mended(problem.decision_space.sample(rng, problem.batch_shape))
    return np.where(problem.infeasible(drawn)[..., None], all_local(problem), drawn)


def all_local(problem: Problem) -> Array:
    """Return the decision of each instance in which everyone computes locally who can."""
    return problem.mended(np.zeros((*problem.batch_shape, problem.users), dtype=np.int8))


class CoordinateDescent(Solver):
    """Steepest single move until no move improves (for binary decisions, flips: Bi and Zhang 2018).

    Parameters
    ----------
    begin
        where an unstarted search begins.
    value, moves
        how decisions are scored; by default by their best allocation.
    allocation
        the allocation the method prescribes, or None for the best one.
    """

    features = Feature.WARM_PRIMAL

    def __init__(
        self,
        name: str = "coordinate-descent",
        summary: str = "steepest single move from all-local until none improves",
        *,
        begin: Start = "all-local",
        value: Scores = optimal,
        moves: Scores = optimal_moves,
        allocation: Callable[[Any, Array], Any] | None = None,
        package: str | None = None,
    ) -> None:
        self.name, self.summary, self.begin = name, summary, begin
        self.value, self.moves, self.allocation = value, moves, allocation
        if value is optimal and moves is optimal_moves:  # which are infinite where a limit is broken
            self.features |= Feature.LIMITS
        self.package = package

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Descend from the start, from all-local, or from a random decision."""
        shape = (*problem.batch_shape, problem.users)
        deadline = None if time_limit is None else clock.now() + time_limit
        if start is not None:
            first = start
        elif self.begin == "random":
            first = random_decision(problem, rng)
        else:
            first = all_local(problem)
        decision, _, calls, cut = descend(problem, first, self.value, self.moves, deadline)
        decision = decision.reshape(shape)
        return Search(
            decision=decision,
            allocation=None if self.allocation is None else self.allocation(problem, decision),
            solver_calls=calls.reshape(problem.batch_shape),
            iterations=((calls - 1) // (problem.users * (len(problem.choices.labels) - 1))).reshape(problem.batch_shape),
            limit=cut,
            start_used=start is not None,
        )


class LocalSearch(Solver):
    """Iterated local search: coordinate descent, then random kicks of a few users, each followed by descent."""

    name = "local-search"
    features = Feature.WARM_PRIMAL | Feature.LIMITS

    def __init__(self, kicks: int = 10, strength: int = 3) -> None:
        self.kicks, self.strength = kicks, strength
        self.summary = f"coordinate descent and {kicks} random kicks of {strength} users, the best kept"

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Descend, kick, descend again; keep a kick's result where it improves."""
        users, choices = problem.users, len(problem.choices.labels)
        flat = problem.flat()
        deadline = None if time_limit is None else clock.now() + time_limit
        first = all_local(flat) if start is None else start.reshape(-1, users)
        best, value, calls, cut = descend(flat, first, optimal, optimal_moves, deadline)
        for _ in range(self.kicks):
            if cut:
                break
            kicked = best.copy()
            chosen = rng.random(kicked.shape).argpartition(min(self.strength, users) - 1, axis=-1)[:, : self.strength]
            step = rng.integers(1, choices, chosen.shape) if choices > 2 else 1
            other = (np.take_along_axis(kicked, chosen, axis=-1) + step) % choices
            np.put_along_axis(kicked, chosen, other.astype(np.int8), axis=-1)
            trial, reached, more, cut = descend(flat, kicked, optimal, optimal_moves, deadline)
            calls = calls + more
            better = problem.sign * reached < problem.sign * value
            best[better], value[better] = trial[better], reached[better]
        shape = problem.batch_shape
        return Search(
            decision=best.reshape((*shape, users)),
            solver_calls=calls.reshape(shape),
            limit=cut,
            start_used=start is not None,
        )
