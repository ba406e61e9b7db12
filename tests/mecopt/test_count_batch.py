"""Trees of many instances in compiled code answer, bit for bit, as each does that is searched by itself.

`test_budget.py` has how they share a limit of time.
"""

from __future__ import annotations

import copy
import signal
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.running.budget import watched
from mecopt.search import count_batch, open_nodes
from mecopt.search.count_batch import CountBatch
from mecopt.search.exact import PriceAndFix

RNG = np.random.default_rng

MANY_OPEN = BinaryOffloading.sample(RNG(0), (100,), preset="subset-sum", users=12)
"""Trees that their first slice leaves open."""

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
    """Return the exact solver, and its twin that is given the data of one instance after the other."""
    together = problem.solvers["exact"]
    assert isinstance(together, PriceAndFix)
    apart = copy.copy(together)
    apart.compile_data = lambda batch: [together.data_of_one(batch.flat()[k]) for k in range(batch.instances)]
    return together, apart


def same(one: Any, other: Any) -> None:
    """Check two searches bit for bit."""
    for name in ("decision", "bound", "solver_calls", "iterations", "limit"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.fixture(params=["long slices", "slices of a node"])
def slices(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees close within their first slice, or have to go on by themselves."""
    if request.param == "slices of a node":
        monkeypatch.setattr(count_batch, "FIRST_SLICE", 1)


@pytest.mark.usefixtures("slices")
@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("gap", [None, 1e-3])
@pytest.mark.parametrize("started", [False, True])
def test_a_batch_is_searched_as_its_instances_are(name: str, gap: float | None, started: bool) -> None:
    problem = BATCHES[name]
    start = problem.mended(problem.decision_space.sample(RNG(4), (problem.instances,))) if started else None
    answers = [one.search(problem, start=start, gap=gap, time_limit=None, rng=RNG(0)) for one in both(problem)]
    same(*answers)


@pytest.mark.usefixtures("slices")
@pytest.mark.parametrize("nodes", [1, 2, 5, 19])
def test_a_limit_of_nodes_cuts_both_where_they_stand(nodes: int) -> None:
    for name in ("servers of users that differ", "sums of subsets", "rates"):
        same(*(one.prove(BATCHES[name], None, node_limit=nodes) for one in both(BATCHES[name])))


@pytest.mark.usefixtures("slices")
def test_trees_that_need_more_rows_go_on_in_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_nodes, "ROWS_AT_FIRST", 2)
    for name in ("sums of subsets", "rates"):
        answers = [one.prove(BATCHES[name], None) for one in both(BATCHES[name])]
        assert np.asarray(answers[0].solver_calls).max() > 4
        same(*answers)


def test_without_any_time_every_root_is_priced_and_nothing_else() -> None:
    problem = BATCHES["sums of subsets"]
    found = both(problem)[0].search(problem, start=None, gap=None, time_limit=0.0, rng=RNG(0))
    assert found.bound is not None
    assert np.isfinite(found.bound).all()
    assert (np.asarray(found.solver_calls) == 1).all()
    assert (np.asarray(found.bound) <= mecopt.solve(problem).objective * (1.0 + 1e-12)).all()


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Compiled code has short turns; what it does, and what else happens, is noted in order."""
    noted: list[Any] = []
    descend = CountBatch.descend

    def told(trees: CountBatch, each: int, most: int, budget: int) -> None:
        noted.append("turn")
        descend(trees, each, most, 1)

    monkeypatch.setattr(CountBatch, "descend", told)
    return noted


def test_whoever_watches_hears_of_what_is_done_before_the_next_turn(turns: list[Any]) -> None:
    batch = BATCHES["rates"]
    with watched(lambda done, count: turns.append((done, count))):
        mecopt.solve(batch)
    heard = [one for one in turns if one != "turn"]
    assert heard == [(k + 1, batch.instances) for k in range(batch.instances)]
    assert turns == [one for pair in heard for one in ("turn", pair)]


def test_an_interrupt_is_heard_between_two_turns(turns: list[Any]) -> None:
    def interrupted(done: int, count: int) -> None:
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with watched(interrupted), pytest.raises(KeyboardInterrupt):
            mecopt.solve(BATCHES["rates"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert turns == ["turn"] * 3


def test_turns_that_open_trees_end_do_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    budgets, descend = [], CountBatch.descend

    def told(trees: CountBatch, each: int, most: int, budget: int) -> None:
        budgets.append(budget)
        descend(trees, each, most, budget)

    monkeypatch.setattr(CountBatch, "descend", told)
    found = both(MANY_OPEN)[0].prove(MANY_OPEN, None)
    assert not np.asarray(found.limit).any()
    assert len(budgets) > 60
    assert max(budgets) < 1 << 40
