"""Exhaustive search: every decision scored in batches; the oracle of all others, for few users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.running.budget import Budget

Array = NDArray[Any]

FEW = 1 << 9
"""Decisions that are all scored as fast as those near the best are found."""


class Enumeration(Solver):
    """Score all decisions; the proof is exhaustion, each of them being bounded by weak duality at its own dual.

    A score is a model's own, and no proof: were one too high, the best decision could be passed over. The bound of what is
    passed over is the least of all bounds.

    Parameters
    ----------
    near_best
        from instances along one axis and a number to what may be their best decisions, at most so many each, their least
        costs, infinite where it does not say, and relative roundings of these; see `mecopt.search.server_enumeration`. What
        it leaves out has been scored by it. It is not believed where the model's own scores are others.
    chunk
        decisions scored at once.
    """

    name = "enumerate"
    summary = "every decision scored in batches; at most 4,194,304 of them, such as 22 users with two choices have"
    features = Feature.INTEGER | Feature.LIMITS
    most = 2**22

    def __init__(
        self, near_best: Callable[[Any, int], tuple[Array, Array, Array]] | None = None, *, chunk: int = 4096
    ) -> None:
        self.near_best = near_best
        self.chunk = chunk

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Score all decisions of all instances, in blocks that fit the cache."""
        space = problem.choices
        if space.count > self.most:
            raise InstanceError(
                f"enumerate would score {len(space.labels)} to the power of {problem.users} decisions; allowed: at most "
                f"{self.most}. Use the solver 'exact'"
            )
        flat, shape, budget = problem.flat(), problem.batch_shape, Budget(time_limit)
        found, width = _Best(flat.instances, problem.users), min(self.chunk, space.count)
        rows = max(1, (1 << 18) // self.chunk, (1 << 14) // width)
        if self.near_best is not None and flat.instances * space.count > FEW:
            for which, part in _parts(flat, np.arange(flat.instances), rows):
                self._take_near(found, which, part, width, space.count)
                if budget.spent:
                    break
        parts = list(_parts(flat, np.flatnonzero(found.scored == 0), rows))
        for block in space.enumerate(self.chunk) if parts else ():
            for which, part in parts:
                candidates = np.broadcast_to(block, (which.size, *block.shape))
                found.take(which, candidates, *_judged(part, candidates), len(block))
                if budget.spent and (found.scored > 0).all():
                    break
            if budget.spent:
                break
        cut = found.scored < space.count
        return Search(
            decision=found.decision.reshape((*shape, problem.users)),
            bound=None if cut.any() else problem.sign * found.bound.reshape(shape),
            solver_calls=found.scored.reshape(shape),
            limit=cut.reshape(shape),
        )

    def _take_near(self, found: _Best, which: Array, part: Any, most: int, count: int) -> None:
        """Prove and take what is near the best of some instances, where the model agrees that it is as good."""
        assert self.near_best is not None
        candidates, least, rounding = self.near_best(part, most)
        answered = np.flatnonzero(least < np.inf)
        if not answered.size:
            return
        values, bounds = _judged(part[answered], candidates[answered])
        agrees = np.abs(values.min(axis=1) - least[answered]) <= rounding[answered] * least[answered]
        answered = answered[agrees]
        found.take(which[answered], candidates[answered], values[agrees], bounds[agrees], count)


class _Best:
    """The best decisions so far, least bounds, and how many were scored, of instances along one axis."""

    def __init__(self, instances: int, users: int) -> None:
        self.value, self.bound = np.full(instances, np.inf), np.full(instances, np.inf)
        self.decision = np.zeros((instances, users), dtype=np.int8)
        self.scored = np.zeros(instances, dtype=int)

    def take(self, which: Array, candidates: Array, values: Array, bounds: Array, scored: int) -> None:
        """Take candidates of some instances, of equally good ones the first, and their bounds, all of those scored."""
        self.bound[which] = np.minimum(self.bound[which], bounds.min(axis=1, initial=np.inf))
        least = values.argmin(axis=1)[:, None]
        value = np.take_along_axis(values, least, axis=1)[:, 0]
        better = value < self.value[which]
        chosen = np.take_along_axis(candidates, least[..., None], axis=1)[:, 0]
        self.value[which] = np.where(better, value, self.value[which])
        self.decision[which] = np.where(better[:, None], chosen, self.decision[which])
        self.scored[which] += scored


def _parts(flat: Any, which: Array, rows: int) -> Iterator[tuple[Array, Any]]:
    """Yield so many at a time of some instances, by their indices and as a batch."""
    for first in range(0, which.size, rows):
        some = which[first : first + rows]
        yield some, flat[slice(some[0], some[-1] + 1) if some.size == some[-1] - some[0] + 1 else some]


def _judged(problem: Problem, decision: Array) -> tuple[Array, Array]:
    """Return scores of decisions and what is proved of each, smaller being better.

    Both are infinite where a decision has no allocation. A score that is no number says nothing.
    """
    values = problem.sign * problem.optimal_value(decision)
    proved = problem.sign * problem.bound(decision, problem.closed_form(decision)[1])
    bounds = np.where(problem.infeasible(decision), np.inf, np.where(np.isnan(proved), -np.inf, proved))
    return np.where(np.isnan(values), np.inf, values), bounds
