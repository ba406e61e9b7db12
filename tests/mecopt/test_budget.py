"""A time limit is one budget. No test waits for a clock: seconds pass where the test says that work was done."""

import logging
import threading
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.backends.one_by_one import OneByOne, Single
from mecopt.backends.outside import Outside, OutsideSolver
from mecopt.backends.written import pyomo_alone
from mecopt.contract.certified import Status
from mecopt.contract.errors import SolveFailed
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.models.binary_offloading.exact import EXACT
from mecopt.running import clock
from mecopt.running.budget import Budget, in_passes, watched
from mecopt.running.concurrency import MODELLING
from mecopt.search import count_batch, count_tree
from mecopt.search.server_choice import cost_unit, place, pyomo_model


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    moved = Hand()
    monkeypatch.setattr(clock, "now", moved)
    return moved


def work(hand: Hand, needed: list[float], anew: bool, limit: float | None) -> tuple[list[float], list[bool]]:
    """Let items that need so many seconds share a limit; return the seconds spent on each, and which are done."""
    spent, done = [0.0] * len(needed), [False] * len(needed)

    def attempt(item: int, seconds: float) -> bool:
        missing = needed[item] - (0.0 if anew else spent[item])
        used = min(missing, seconds)
        hand.time += used
        spent[item] += used
        done[item] = missing <= seconds
        return not done[item]

    in_passes(len(needed), Budget(limit), attempt, anew=anew)
    return spent, done


@pytest.mark.parametrize("place_of_the_hard_one", [0, 5, 9])
def test_what_easy_items_leave_goes_to_the_hard_one(hand: Hand, place_of_the_hard_one: int) -> None:
    needed = [1.0] * 10
    needed[place_of_the_hard_one] = 30.0
    spent, done = work(hand, needed, False, 40.0)
    assert all(done)
    assert spent == pytest.approx(needed)


def test_a_limit_is_used_up_where_it_is_not_enough_and_no_further(hand: Hand) -> None:
    spent, done = work(hand, [100.0, 1.0, 100.0], False, 41.0)
    assert done == [False, True, False]
    assert hand.time == pytest.approx(41.0)
    assert spent[0] == pytest.approx(spent[2])  # those that are cut have had the same


def test_what_begins_anew_is_given_at_least_twice_the_time_or_nothing(hand: Hand) -> None:
    spent, done = work(hand, [15.0] + [1.0] * 9, True, 60.0)
    assert all(done)
    assert spent[0] > 15.0
    hand.time = 0.0
    spent, done = work(hand, [15.0, 15.0], True, 20.0)
    assert spent == [10.0, 10.0]
    assert not any(done)


def test_without_a_limit_every_item_is_attempted_once(hand: Hand) -> None:
    spent, done = work(hand, [3.0, 1e9], True, None)
    assert all(done)
    assert spent == [3.0, 1e9]


def test_somebody_can_watch_how_far_a_batch_is() -> None:
    told: list[tuple[int, int]] = []
    batch = BinaryOffloading.sample(np.random.default_rng(0), (3,), users=4, preset="heterogeneous")
    with watched(lambda done, count: told.append((done, count))):
        mecopt.solve(batch)
    assert told[-1] == (3, 3)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.fixture
def second_a_node(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> Hand:
    """The search of a tree takes a second a node, and looks at the clock after each."""
    honest = count_tree.CountTree.descend

    def descend(tree: Any, gap: float, budget: int) -> None:
        before = tree.nodes
        honest(tree, gap, 1)
        hand.time += tree.nodes - before

    together = count_batch.CountBatch.descend

    def roots(trees: Any, each: int, most: int, budget: int) -> None:
        together(trees, 1, most, 1)
        hand.time += 1.0

    monkeypatch.setattr(count_tree.CountTree, "descend", descend)
    monkeypatch.setattr(count_batch.CountBatch, "descend", roots)
    return hand


def uneven_batch() -> ComputationRate:
    """One frame of nearly identical users, which takes many nodes, and nine that take one or few."""
    rng = np.random.default_rng(0)
    hard = 3e-6 * np.exp(0.1 * rng.normal(size=(1, 12)))
    easy = ComputationRate.sample(np.random.default_rng(1), (9,), users=12).channel_gain
    return ComputationRate(channel_gain=np.concatenate([hard, easy]), weight=1.0)


def test_a_search_that_was_cut_goes_on_with_what_the_others_left(second_a_node: Hand) -> None:
    batch = uneven_batch()
    free = mecopt.solve(batch)
    nodes = np.asarray(free.stats.iterations)
    needed = float(nodes.sum())
    assert nodes[0] > 1.5 * needed / 10  # an equal share is not enough for the first
    began = second_a_node.time
    limited = mecopt.solve(batch, time_limit=1.5 * needed)
    assert limited.statuses() == {"OPTIMAL": 10}
    assert second_a_node.time - began == needed  # it went on where it had stopped: not one node was priced twice
    assert np.array_equal(limited.decision, free.decision)
    assert np.array_equal(limited.bound, free.bound)


def test_a_limit_that_is_too_short_is_kept_and_every_instance_has_its_root(second_a_node: Hand) -> None:
    batch = uneven_batch()
    began = second_a_node.time
    limited = mecopt.solve(batch, time_limit=1e-3)
    assert second_a_node.time - began == 10.0
    assert (limited.stats.iterations == 1).all()
    assert limited.status[0] is Status.LIMIT
    assert np.isfinite(limited.gap).all()


class Slow(OutsideSolver):
    """An outside solver that takes so long to model, and so long to solve, and finds the exact answer."""

    name = "slow"

    def __init__(self, hand: Hand, modelling: float, solving: float) -> None:
        super().__init__(pyomo_model, cost_unit, place, EXACT)
        self.hand, self.modelling, self.solving = hand, modelling, solving
        self.seen: list[float | None] = []

    def solve_one(self, problem: Problem, start: Any, gap: float, time_limit: float | None) -> Outside:
        self.seen.append(time_limit)
        left = np.inf if time_limit is None else max(time_limit - self.modelling, 0.0)
        self.hand.time += self.modelling + min(left, self.solving)
        best = mecopt.solve(problem).decision if left >= self.solving else np.zeros(problem.users, dtype=np.int8)
        return Outside(best, np.nan, 1, 1, self.modelling, self.solving, left < self.solving)


def offloading(count: int) -> BinaryOffloading:
    return BinaryOffloading.sample(np.random.default_rng(0), (count,), users=4, preset="heterogeneous")


def test_an_outside_solver_models_nobody_after_its_time(hand: Hand) -> None:
    solver = Slow(hand, modelling=1.0, solving=1.0)
    answer = mecopt.solve(offloading(50), solver=solver, time_limit=5.0)
    assert hand.time < 7.0
    assert len(solver.seen) <= 6
    late = [k for k, text in answer.stats.messages.items() if "before this item was begun" in text]
    assert len(late) >= 44
    # nobody is worse off than computing locally, and the proof says how far that is from the best
    assert all(answer.status[k] in (Status.LIMIT, Status.OPTIMAL) for k in late)
    assert np.isfinite(answer.gap).all()


def test_an_outside_solver_gives_what_is_left_to_those_it_cut(hand: Hand) -> None:
    solver = Slow(hand, modelling=0.0, solving=3.0)
    answer = mecopt.solve(offloading(2), solver=solver, time_limit=11.0)  # 9.9 to solve: 4.95 each
    assert answer.statuses() == {"OPTIMAL": 2}
    assert len(solver.seen) == 2
    solver = Slow(hand, modelling=0.0, solving=6.0)
    answer = mecopt.solve(offloading(2), solver=solver, time_limit=24.0)  # 10.8 each is enough
    assert len(solver.seen) == 2
    hand.time, begun = 0.0, Slow(hand, modelling=0.0, solving=1.0)
    varied = iter([8.0, *[1.0] * 9, 8.0])
    honest = begun.solve_one

    def uneven(problem: Problem, start: Any, gap: float, time_limit: float | None) -> Outside:
        begun.solving = next(varied)
        return honest(problem, start, gap, time_limit)

    begun.solve_one = uneven  # type: ignore[method-assign]
    answer = mecopt.solve(offloading(10), solver=begun, time_limit=40.0)
    assert len(begun.seen) == 11
    assert answer.statuses() == {"OPTIMAL": 10}
    assert begun.seen[-1] is not None
    assert begun.seen[0] is not None
    assert begun.seen[-1] >= 2.0 * begun.seen[0]


class Second(OneByOne):
    """A backend that takes a second an item."""

    name = "second"

    def __init__(self, hand: Hand) -> None:
        self.hand = hand

    def allocate_one(
        self, problem: Problem, decision: Any, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        self.hand.time += 1.0
        return Single(*problem.closed_form(decision), 1, 0.0, 1.0, False)


def test_a_backend_begins_no_item_after_its_time_and_says_so(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BinaryOffloading, "backends", {"second": Second(hand)})
    batch = offloading(6)
    answer = mecopt.allocate(batch, [1, 0, 1, 0], time_limit=3.5, throw=False)
    assert hand.time == 4.0
    assert answer.statuses() == {"OPTIMAL": 4, "FAILED": 2}
    assert answer.stats.messages[5] == "second: the time limit was used up before this item was begun"
    with pytest.raises(SolveFailed, match="2 of 6 items have no answer; item 4: second: the time limit was used up"):
        mecopt.allocate(batch, [1, 0, 1, 0], time_limit=3.5)


def test_one_thread_at_a_time_has_pyomo_and_only_its_remarks_are_kept_back(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("pyomo")
    handler = logging.Handler()
    heard: list[str] = []
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    others: list[bool] = []

    def other() -> None:
        others.append(MODELLING.acquire(blocking=False))
        logging.getLogger("pyomo.core").warning("from another thread")

    try:
        with pyomo_alone():
            logging.getLogger("pyomo.core").warning("from inside")
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        logging.getLogger("pyomo.core").warning("afterwards")
    finally:
        log.removeHandler(handler)
    assert others == [False]
    assert heard == ["from another thread", "afterwards"]


class Erratic(OutsideSolver):
    """An outside solver that is cut with one answer, and does something else where it is asked again."""

    name = "erratic"

    def __init__(self, hand: Hand, again: list[int] | Exception) -> None:
        super().__init__(pyomo_model, cost_unit, place, EXACT)
        self.hand, self.again, self.begun = hand, again, 0

    def solve_one(self, problem: Problem, start: Any, gap: float, time_limit: float | None) -> Outside:
        self.begun += 1
        if self.begun == 1:
            assert time_limit is not None
            self.hand.time += time_limit
            return Outside(np.array([1, 0, 1], dtype=np.int8), np.nan, 1, 1, 0.0, time_limit, True)
        if start is None:
            return Outside(mecopt.solve(problem).decision, np.nan, 1, 1, 0.0, 0.0, False)
        if isinstance(self.again, Exception):
            raise self.again
        return Outside(np.array(self.again, dtype=np.int8), np.nan, 1, 1, 0.0, 0.0, True)


@pytest.mark.parametrize("again", [ArithmeticError("singular"), [0, 0, 0]])
def test_no_repetition_loses_what_was_found_before(again: list[int] | Exception, hand: Hand) -> None:
    batch = BinaryOffloading(data_size=[[12.0, 7.5, 20.1]] * 3, capacity=30.0)
    answer = mecopt.solve(batch, solver=Erratic(hand, again), time_limit=5.0)
    assert answer.decision.tolist() == [[1, 0, 1], [1, 1, 1], [1, 1, 1]]
    assert [one.name for one in answer.status] == ["LIMIT", "OPTIMAL", "OPTIMAL"]
    assert float(answer.objective[0]) == pytest.approx(float(batch[0].optimal_value(np.array([1, 0, 1]))))
    assert answer.stats.messages == ({0: "erratic: ArithmeticError: singular"} if isinstance(again, Exception) else {})


class Careless(OneByOne):
    """A backend that is cut at the best allocation of the first item, and where it begins anew at a poor one."""

    name = "careless"

    def __init__(self, hand: Hand) -> None:
        self.hand, self.begun = hand, 0

    def allocate_one(
        self, problem: Problem, decision: Any, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        self.begun += 1
        allocation, dual = problem.closed_form(decision)
        first, again = self.begun == 1, self.begun > 3
        if first:
            assert time_limit is not None
            self.hand.time += time_limit
        if again:
            allocation = type(allocation)(server_rate=0.5 * allocation.server_rate)
        return Single(allocation, dual, 1, 0.0, 0.0, False, limit=first or again)


def test_a_backend_keeps_the_better_of_two_attempts(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Careless(hand)
    monkeypatch.setattr(BinaryOffloading, "backends", {"careless": backend})
    batch = offloading(3)
    answer = mecopt.allocate(batch, [1, 0, 1, 0], time_limit=6.0)
    assert backend.begun > 3
    np.testing.assert_allclose(answer.objective, batch.optimal_value(answer.decision), rtol=1e-9)
    assert answer.statuses() == {"OPTIMAL": 3}


@pytest.mark.parametrize("solver", ["highs", "scip"])
@pytest.mark.parametrize(("limit", "cost"), [(0.0, 20.2), (1e300, 17.523683298050514)])
def test_a_user_who_cannot_compute_is_not_left_to_compute_by_a_limit(solver: str, limit: float, cost: float) -> None:
    """20.2: the first user alone at the server, the second at home at 3; no limit is too great either."""
    if solver not in BinaryOffloading.solvers or not BinaryOffloading.solvers[solver].is_available():
        pytest.skip(f"{solver} is not installed")
    problem = BinaryOffloading(data_size=[12.0, 7.5], local_rate=[0.0, 3.0], capacity=30.0)
    answer = mecopt.solve(problem, solver=solver, time_limit=limit)
    assert answer.status is (Status.OPTIMAL if limit else Status.LIMIT)
    assert float(answer.objective) == pytest.approx(cost)
    assert float(answer.bound) <= 17.523683298050514 * (1.0 + 1e-9)
