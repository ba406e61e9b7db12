"""The decision is open: how many tasks leave, each that remains being worth so much; and the searches to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.derived import shared
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.kernels.arrays import plain
from mecopt.models.inference_queue import terms
from mecopt.models.inference_queue.allocation import service
from mecopt.models.inference_queue.allocation import splits as allocation
from mecopt.models.inference_queue.variables import WorkPrice
from mecopt.search.simple import BestOfRandom

if TYPE_CHECKING:
    from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]


def settled(problem: InferenceQueue) -> tuple[Array, Array, Array]:
    """Return how many tasks leave each queue at best, the proved bound of its cost, and the relaxation's price of work.

    Of shape ``(*batch, users)``; -1, infinite and nan where not even a started task can leave.
    """
    from mecopt.models.inference_queue.compiled.batch import settled_queues

    rows, snr, price = shared(allocation.constants, problem)
    backlog, worth = allocation.by_device(problem, problem.backlog, problem.backlog_value)
    flat = (part.reshape(-1) for part in (snr, price, backlog, worth))
    found = settled_queues(rows.reshape(-1, terms.COLUMNS), *flat)
    leaving, bounds, prices = (part.reshape(problem.backlog.shape) for part in found)
    return leaving, bounds, prices


def relaxed_bound(problem: InferenceQueue, dual: WorkPrice) -> Array:
    """Return the bound over all decisions that prices of work give: the least of a line over the pieces."""
    from mecopt.models.inference_queue.compiled.batch import least_lines

    rows, snr, price = allocation.constants(problem)
    shape = problem.backlog.shape
    given = (problem.backlog, problem.backlog_value, np.broadcast_to(dual.work_price, shape))
    backlog, worth, prices = allocation.by_device(problem, *given)
    flat = (part.reshape(-1) for part in (snr, price, backlog, worth, prices))
    bounds = least_lines(rows.reshape(-1, terms.COLUMNS), *flat).reshape(shape)
    return np.asarray(bounds.sum(axis=-1) + apart(problem))


def apart(problem: InferenceQueue) -> Array:
    """Return what no decision touches: what tasks are worth that come, and the bound of the server's block, ``(*batch)``."""
    return np.asarray((problem.backlog_value * problem.arrivals).sum(axis=-1) + shared(service.bound, problem))


class BestPieces(Solver):
    """The best piece of every queue, beside the work at which a task more costs what it is worth; proved by two prices."""

    name = "exact"
    summary = "the two pieces beside the work at which a task more costs what it is worth; two prices bound all others"
    features = Feature.INTEGER
    random = False

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Settle every queue by itself."""
        leaving, bounds, _ = settled(problem)  # type: ignore[arg-type]
        decision = plain(np.maximum(leaving, 0.0), np.int64)
        return Search(decision, bound=np.asarray(bounds.sum(axis=-1) + apart(problem)), solver_calls=2)  # type: ignore[arg-type]


class Drain(Solver):
    """As many tasks leave as can."""

    name = "drain"
    summary = "as many tasks leave as can, whatever they cost"

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Take the last piece."""
        most = allocation.limits(problem)[0]  # type: ignore[arg-type]
        return Search(plain(np.maximum(most, 0.0), np.int64), solver_calls=1)


SOLVERS: dict[str, Solver] = {
    solver.name: solver for solver in (BestPieces(), Drain(), BestOfRandom("random", 1), BestOfRandom("best-of-random", 10))
}
