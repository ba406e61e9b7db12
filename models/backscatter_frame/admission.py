"""Who is served: from work left unserved to a set of users served in full, the others in outage.

The elastic frame may leave a part of anybody's work. A user is served if it leaves at most a thousandth of its own; the work
of all others is dropped and the frame solved again, for those who are served, whom the others may still charge. Which set is
best is a discrete question; for few users all sets are tried and the answer is proved.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.solution import Solution
from mecopt.models.backscatter_frame.variables import FrameAllocation
from mecopt.show.numbers import counted
from mecopt.solve import allocate, solve

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]

SERVED = 1e-3
"""Part of its work that a served user may leave."""

ENUMERATED = 8
"""Users up to whom all sets are tried."""


@dataclass(frozen=True)
class Admission:
    """Which users are served in full, and the best allocation for them, the others' work dropped."""

    served: Array
    """``(*batch, users)``"""
    solution: Solution

    @property
    def outage(self) -> Array:
        """Share of the users who are not served, per instance."""
        return np.asarray(1.0 - self.served.mean(axis=-1))


def served(problem: BackscatterFrame, allocation: FrameAllocation) -> Array:
    """Return which users leave at most a thousandth of their work, ``(*batch, users)``.

    Raises
    ------
    InstanceError
        for an allocation of several candidates: to drop users makes another frame of each.
    """
    unserved, work = allocation.unserved_bits, problem.workload
    if unserved.shape != work.shape:
        raise InstanceError(f"the allocation has shape {unserved.shape}; allowed: {work.shape}, one set of beams per frame")
    return np.asarray(unserved <= SERVED * work)


def serving(problem: BackscatterFrame, users: Array) -> BackscatterFrame:
    """Return the frames with the work of these users alone."""
    return type(problem)(**{**problem.data(), "workload": np.where(users, problem.workload, 0.0)})


def admit(problem: BackscatterFrame, decision: Array, *, backend: str | None = None) -> Admission:
    """Serve whom the elastic frame serves, drop the others' work, and solve again.

    Parameters
    ----------
    problem
        one frame or a batch.
    decision
        one set of beams per frame.
    backend
        a key of ``problem.backends``.
    """
    elastic = allocate(problem, decision, backend=backend)
    return _dropped(problem, elastic, lambda left: allocate(left, elastic.decision, backend=backend))


def admit_open(problem: BackscatterFrame, *, solver: str | None = None) -> Admission:
    """Serve whom the elastic frame serves with beams of a solver's own, drop the others' work, and solve again.

    Parameters
    ----------
    problem
        one frame or a batch.
    solver
        a key of ``problem.solvers``; the exact one, with proof, unless another is named.
    """
    return _dropped(problem, solve(problem, solver=solver), lambda left: solve(left, solver=solver))


def _dropped(problem: BackscatterFrame, elastic: Solution, again: Callable[[BackscatterFrame], Solution]) -> Admission:
    who = served(problem, elastic.allocation)
    return Admission(who, elastic if who.all() else again(serving(problem, who)))


def admit_most(problem: BackscatterFrame, decision: Array) -> Admission:
    """Serve as many users as can be served at all, of such sets the one that costs least, by trying every set.

    Raises
    ------
    InstanceError
        for more than `ENUMERATED` users, or several sets of beams for a frame.
    """
    if problem.users > ENUMERATED:
        raise InstanceError(
            f"{counted(problem.users, 'users', 'have')} {2**problem.users} sets; allowed: {ENUMERATED} users at most"
        )
    decisions = problem.decision_space.validate(decision, problem.batch_shape)
    candidates = problem.decision_space.lead(decisions)[len(problem.batch_shape) :]
    if candidates:
        raise InstanceError(f"decision has {counted(candidates[0], 'candidates')}; allowed: one set of beams per frame")
    flat, beams = problem.paired(decisions)
    sets = np.array(list(itertools.product((False, True), repeat=problem.users)))
    every = flat[np.repeat(np.arange(flat.instances), len(sets))]
    who = np.tile(sets, (flat.instances, 1))
    answer = allocate(serving(every, who), np.repeat(beams, len(sets), axis=0))
    full = (served(every, answer.allocation) | ~who).all(axis=-1).reshape(flat.instances, -1)
    count = np.where(full, who.sum(axis=-1).reshape(flat.instances, -1), -1)
    cost = np.where(count == count.max(axis=-1, keepdims=True), answer.objective.reshape(flat.instances, -1), np.inf)
    best = sets[cost.argmin(axis=-1)].reshape(*problem.batch_shape, problem.users)
    return Admission(best, allocate(serving(problem, best), decisions))
