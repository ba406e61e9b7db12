"""The decision is open: as little is kept as may be, since more energy never earns less; and searches to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.decision import SKIP
from mecopt.contract.derived import shared
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.variables import RewardCeiling
from mecopt.search.simple import BestOfRandom

if TYPE_CHECKING:
    from mecopt.models.hybrid_slot.problem import HybridSlot

Array = NDArray[Any]


def served(problem: HybridSlot, claims: Array | None = None) -> tuple[Array, Array]:
    """Return each user's reward where least is kept, and an upper bound of it; nan and -inf where nothing serves."""
    least, most = shared(allocation.kept_window, problem)
    values, bounds, _ = allocation.kernel()(*allocation.blocks(problem, least, claims))
    none = least > most
    return np.where(none, np.nan, values.reshape(least.shape)), np.where(none, -np.inf, bounds.reshape(least.shape))


def ceilings(problem: HybridSlot, bounds: Array) -> Array:
    """Return each user's upper bound over all decisions, from that of serving with nothing kept."""
    left = np.where(problem.workload > 0.0, -problem.outage_penalty, 0.0)
    return np.where(allocation.may_skip(problem), np.maximum(bounds, left), bounds)


def relaxed_bound(problem: HybridSlot, dual: RewardCeiling) -> Array:
    """Return the bound over all decisions that claims give, each checked."""
    claims = np.where(np.isnan(dual.ceiling), -np.inf, dual.ceiling)
    return np.asarray(ceilings(problem, served(problem, claims)[1]).sum(axis=-1))


def myopic(problem: HybridSlot, values: Array, skipping: bool) -> Array:
    """Return the best decisions for the slot alone: nothing is kept; skipping where it earns more, if it is asked for.

    Parameters
    ----------
    values
        rewards of serving, as `served` returns them.
    """
    left = np.where(problem.workload > 0.0, -problem.outage_penalty, 0.0)
    worse = np.isnan(values) | (skipping & (values < left))
    return np.where(worse & allocation.may_skip(problem), SKIP, shared(allocation.kept_window, problem)[0])


class Myopic(Solver):
    """Keep nothing; the best decision for one slot, since what it leaves to the next counts for nothing."""

    name = "exact"
    summary = "nothing is kept, skipped where that earns more; proved"
    features = Feature.INTEGER | Feature.LIMITS
    random = False

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Score serving and skipping of every user."""
        values, bounds = served(problem)  # type: ignore[arg-type]
        bound = ceilings(problem, bounds).sum(axis=-1)  # type: ignore[arg-type]
        return Search(myopic(problem, values, skipping=True), bound=np.asarray(bound), solver_calls=1)  # type: ignore[arg-type]


class Served(Solver):
    """Serve whatever can be served, and keep nothing."""

    name = "serve"
    summary = "nothing is kept, skipped only where nothing serves (the paper's greedy user)"
    features = Feature.LIMITS

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Skip where nothing serves."""
        return Search(myopic(problem, served(problem)[0], skipping=False), solver_calls=1)  # type: ignore[arg-type]


SOLVERS: dict[str, Solver] = {
    solver.name: solver for solver in (Myopic(), Served(), BestOfRandom("random", 1), BestOfRandom("best-of-random", 10))
}
