"""Trees of many instances in compiled code answer, bit for bit, as each does that is searched by itself."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.search.count_batch import FEW_NODES
from mecopt.search.exact import PriceAndFix

RNG = np.random.default_rng

BATCHES: dict[str, Any] = {
    "servers of users that differ": BinaryOffloading.sample(RNG(1), (20,), preset="heterogeneous", users=7),
    "sums of subsets": BinaryOffloading.sample(RNG(2), (4,), preset="subset-sum", users=9),
    "absent users and links, and who has no choice": BinaryOffloading(
        data_size=[[12.0, 0.0, 7.0], [0.0, 0.0, 0.0], [9.0, 4.0, 5.0], [9.0, 4.0, 5.0]],
        upload_rate=[[2.5, 2.5, 0.0], [2.5, 2.5, 2.5], [0.0, 2.5, 1.0], [2.5, 3.0, 2.0]],
        local_rate=[[3.0, 3.0, 3.0], [3.0, 3.0, 3.0], [0.0, 3.0, 2.0], [1.0, 3.0, 2.0]],
    ),
    "rates": ComputationRate.sample(RNG(3), (20,), users=8),
    "rates of who has no link": ComputationRate(channel_gain=[[1e-6, 0.0, 3e-6], [0.0, 0.0, 0.0], [1e-5, 2e-6, 1e-7]]),
}


def both(problem: Any) -> tuple[PriceAndFix, PriceAndFix]:
    """Return the exact solver, and its twin that takes one instance after the other."""
    together = problem.solvers["exact"]
    assert isinstance(together, PriceAndFix)
    apart = copy.copy(together)
    apart.compile_batch = None
    return together, apart


def same(one: Any, other: Any) -> None:
    """Check two searches bit for bit."""
    for name in ("decision", "bound", "solver_calls", "iterations", "limit"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("gap", [None, 1e-3])
@pytest.mark.parametrize("started", [False, True])
def test_a_batch_is_searched_as_its_instances_are(name: str, gap: float | None, started: bool) -> None:
    problem = BATCHES[name]
    start = problem.mended(problem.decision_space.sample(RNG(4), (problem.instances,))) if started else None
    answers = [one.search(problem, start=start, gap=gap, time_limit=None, rng=RNG(0)) for one in both(problem)]
    same(*answers)


@pytest.mark.parametrize("nodes", [1, 2, 5, FEW_NODES + 3])
def test_a_limit_of_nodes_cuts_both_where_they_stand(nodes: int) -> None:
    for name in ("servers of users that differ", "sums of subsets", "rates"):
        same(*(one.prove(BATCHES[name], None, node_limit=nodes) for one in both(BATCHES[name])))


def test_trees_that_need_more_nodes_are_searched_to_their_end() -> None:
    problem = BATCHES["sums of subsets"]
    answer = mecopt.solve(problem)
    assert (answer.stats.iterations > FEW_NODES).any()
    assert answer.is_optimal.all()


def test_without_any_time_every_root_is_priced() -> None:
    problem = BATCHES["servers of users that differ"]
    found = both(problem)[0].search(problem, start=None, gap=None, time_limit=0.0, rng=RNG(0))
    assert found.bound is not None
    assert np.isfinite(found.bound).all()
    assert (np.asarray(found.solver_calls) >= 1).all()
