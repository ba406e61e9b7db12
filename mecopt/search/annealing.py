r"""Simulated annealing over decisions, batched over instances, with three ways to draw a neighbour.

From a decision x a neighbour x' is drawn; it replaces x where :math:`\exp((V(x) - V(x'))/T)` exceeds a uniform number, and
the temperature T falls by a factor after each step. The best decision met is kept. The neighbours:

- `one-user`: one user, uniformly, takes another choice, uniformly: plain simulated annealing;
- `literal`: paper 004's h-mutation (28)-(29). With guidance g (its channel gains h) user i keeps its choice with probability
  :math:`P_i = g_{i,a_i} / \sum_j g_{ij}` and else draws any choice uniformly. About half of all users are redrawn at every
  step, and for one server :math:`P_i = 1`, so that nobody who offloads ever returns. Where (28) is not defined, for a local
  user, we take :math:`P_i = 1/(M+1)`;
- `guided`: ours, of the same idea. One user, the likelier the worse its choice (in proportion to
  :math:`\max(1 - P_i, 0.1)`), goes local or, as often, to server j with probability :math:`g_{ij} / \sum_j g_{ij}`.

A temperature counts in the value of the start, so that one schedule serves all problems and units.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Adjustable, Search, Solver
from mecopt.running import clock
from mecopt.search.candidates import judged
from mecopt.search.descent import random_decision

Array = NDArray[Any]
Guidance = Callable[[Any], Array]

TEMPERATURE, COOLING = 0.005, 0.99
"""Ours, the paper names none: 0.1 s where latencies sum to 20 s."""

LEAST_CHANCE = 0.1
"""Weight that keeps even the best choice from being final in the guided neighbourhood."""


def _keeping(decision: Array, guide: Array) -> Array:
    """Return P: how much of a user's guidance its own choice has, ``(instances, users)``."""
    servers = guide.shape[-1]
    own = np.take_along_axis(guide, np.maximum(decision, 1)[..., None].astype(int) - 1, axis=-1)[..., 0]
    whole = guide.sum(axis=-1)  # 0 of a user whom no server is worth anything, and who keeps none
    return np.asarray(np.where(decision > 0, own / np.where(whole > 0, whole, 1.0), 1.0 / (servers + 1)))


def _one_user(decision: Array, guide: Array | None, choices: int, rng: Generator) -> Array:
    neighbour = decision.copy()
    rows = np.arange(len(decision))
    user = rng.integers(0, decision.shape[1], len(decision))
    step = rng.integers(1, choices, len(decision))
    neighbour[rows, user] = (decision[rows, user] + step) % choices
    return neighbour


def _literal(decision: Array, guide: Array | None, choices: int, rng: Generator) -> Array:
    assert guide is not None
    redrawn = rng.random(decision.shape) > _keeping(decision, guide)
    drawn = rng.integers(0, choices, decision.shape, dtype=np.int8)
    return np.asarray(np.where(redrawn, drawn, decision))


def _guided(decision: Array, guide: Array | None, choices: int, rng: Generator) -> Array:
    assert guide is not None
    neighbour = decision.copy()
    rows = np.arange(len(decision))
    user = _drawn(np.maximum(1.0 - _keeping(decision, guide), LEAST_CHANCE), rng)
    server = 1 + _drawn(guide[rows, user], rng)
    local = (rng.random(len(decision)) < 0.5) | ~guide[rows, user].any(axis=-1)
    neighbour[rows, user] = np.where(local, 0, server)
    return neighbour


def _drawn(weight: Array, rng: Generator) -> Array:
    """Draw an index of each row in proportion to its weights."""
    total = np.cumsum(weight, axis=-1)
    return np.asarray((total < rng.random((len(weight), 1)) * total[:, -1:]).sum(axis=-1).clip(max=weight.shape[-1] - 1))


NEIGHBOURS: dict[str, Callable[[Array, Array | None, int, Generator], Array]] = {
    "one-user": _one_user,
    "literal": _literal,
    "guided": _guided,
}


def anneal(
    problem: Problem,
    start: Array,
    iterations: Array | int,
    rng: Generator,
    *,
    neighbour: str = "one-user",
    guidance: Array | None = None,
    temperature: float = TEMPERATURE,
    cooling: float = COOLING,
    deadline: float | None = None,
) -> tuple[Array, Array, int]:
    """Anneal every instance of a flat batch; return the best decisions, their values (smaller is better), and steps taken.

    Parameters
    ----------
    problem
        instances along one axis.
    start
        shape ``(instances, users)``.
    iterations
        steps, one number or one per instance.
    neighbour
        a key of `NEIGHBOURS`.
    guidance
        what each server is worth to each user, ``(instances, users, servers)``; not negative, 0 where it is no choice.
    temperature
        the first one, as a part of the start's value; of the first feasible one's where the start is infeasible.
    cooling
        the factor after each step.
    deadline
        of `mecopt.running.clock.now`, after which the best so far is returned.
    """
    choices = len(problem.choices.labels)
    if neighbour not in NEIGHBOURS:
        raise InstanceError(f"neighbour is {neighbour!r}; allowed: {', '.join(NEIGHBOURS)}")
    if neighbour != "one-user" and guidance is None:
        raise InstanceError(f"the neighbour {neighbour!r} needs guidance, what each server is worth to each user")
    steps, score = np.broadcast_to(iterations, len(start)), problem.scorer()
    current, value = start.copy(), judged(problem, score(start))
    best, least = current.copy(), value.copy()
    heat, unit = temperature, np.abs(value)
    longest = int(steps.max(initial=0))
    for step in range(longest):
        if deadline is not None and clock.now() > deadline:
            return best, least, step
        trial = NEIGHBOURS[neighbour](current, guidance, choices, rng)
        reached = judged(problem, score(trial))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            chance = np.exp((value - reached) / (heat * unit))
        taken = (steps > step) & ((reached <= value) | (chance > rng.random(reached.size)))
        current[taken], value[taken] = trial[taken], reached[taken]
        better = taken & (value < least)
        best[better], least[better] = current[better], value[better]
        unit = np.where(np.isfinite(unit), unit, np.abs(value))
        heat *= cooling
    return best, least, longest


class Annealing(Solver):
    """Simulated annealing of so many steps from all-local, a random decision, or a start."""

    features = Feature.WARM_PRIMAL | Feature.LIMITS
    adjustable: ClassVar = {
        "iterations": Adjustable(int, 1, 10_000_000),
        "temperature": Adjustable(float, 0.0, 1e6),
        "cooling": Adjustable(float, 0.0, 1.0),
    }

    def __init__(
        self, name: str, iterations: int, what: str, neighbour: str = "one-user", guidance: Guidance | None = None
    ) -> None:
        self.name, self.iterations, self.what, self.neighbour, self.guidance = name, iterations, what, neighbour, guidance
        self.temperature, self.cooling = TEMPERATURE, COOLING

    @property
    def summary(self) -> str:  # type: ignore[override]
        """Say what it does, and for how long."""
        return f"{self.what}, {self.iterations} steps from a random decision"

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Anneal the whole batch side by side."""
        flat, shape = problem.flat(), problem.batch_shape
        deadline = None if time_limit is None else clock.now() + time_limit
        first = random_decision(flat, rng) if start is None else start.reshape(-1, problem.users)
        guide = None if self.guidance is None else self.guidance(flat)
        decision, _, steps = anneal(
            flat,
            first,
            self.iterations,
            rng,
            neighbour=self.neighbour,
            guidance=guide,
            temperature=self.temperature,
            cooling=self.cooling,
            deadline=deadline,
        )
        return Search(
            decision.reshape((*shape, problem.users)),
            solver_calls=steps + 1,
            iterations=steps,
            limit=steps < self.iterations,
            start_used=start is not None,
        )
