"""Exhaustive search: every decision scored in batches; the oracle of all others, for few users."""

from __future__ import annotations

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


class Enumeration(Solver):
    """Score all decisions; the proof is exhaustion, each of them being bounded by weak duality at its own dual.

    A score is a model's own, and no proof: were one too high, the best decision could be passed over. The bound of what is
    passed over is the least of all bounds.
    """

    name = "enumerate"
    summary = "every decision scored in batches; at most 4,194,304 of them, such as 22 users with two choices have"
    features = Feature.INTEGER
    most = 2**22

    def __init__(self, chunk: int = 4096) -> None:
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
        flat = problem.flat()
        count = flat.instances
        best, decision = np.full(count, np.inf), np.zeros((count, problem.users), dtype=np.int8)
        budget, scored = Budget(time_limit), np.zeros(count, dtype=int)
        least_bound = np.full(count, np.inf)
        rows = max(1, (1 << 18) // self.chunk)
        for block in space.enumerate(self.chunk):
            for first in range(0, count, rows):
                part = slice(first, min(first + rows, count))
                candidates = np.broadcast_to(block, (part.stop - part.start, *block.shape))
                # An infinite value says that a decision has no allocation; a nan says nothing.
                values = problem.sign * flat[part].optimal_value(candidates)
                values[np.isnan(values)] = np.inf
                least_bound[part] = np.minimum(least_bound[part], _bounds(flat[part], candidates).min(axis=1))
                least = values.argmin(axis=1)
                value = np.take_along_axis(values, least[:, None], axis=1)[:, 0]
                better = value < best[part]
                best[part] = np.where(better, value, best[part])
                decision[part] = np.where(better[:, None], block[least], decision[part])
                scored[part] += len(block)
                if budget.spent and (scored > 0).all():
                    break
            if budget.spent:
                break
        cut = scored < space.count
        shape = problem.batch_shape
        return Search(
            decision=decision.reshape((*shape, problem.users)),
            bound=None if cut.any() else problem.sign * least_bound.reshape(shape),
            solver_calls=scored.reshape(shape),
            limit=cut.reshape(shape),
        )


def _bounds(problem: Problem, decision: Array) -> Array:
    """Return what is proved of each decision, smaller being better: infinite where it has no allocation."""
    proved = problem.sign * problem.bound(decision, problem.closed_form(decision)[1])
    return np.where(problem.infeasible(decision), np.inf, np.where(np.isnan(proved), -np.inf, proved))
