"""What methods raise on the way: whose failure it is, where the traceback goes, and what time is left for the others."""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

import mecopt
from mecopt.backends.one_by_one import OneByOne, Single
from mecopt.contract.certified import Status
from mecopt.contract.errors import SolveFailed
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.contract.solver import Search, Solver
from mecopt.models import BackscatterFrame, BinaryOffloading
from mecopt.models.backscatter_frame.exact import solvers as exact
from mecopt.models.backscatter_frame.exact.generation import generate
from mecopt.running import clock

Array = NDArray[Any]
DATA = [[12.0, 7.5], [8.0, 9.0], [10.0, 11.0], [6.0, 5.0]]


class Own(Solver):
    """A solver of somebody's own that raises what it is given; a number is where it does so only for that first user."""

    name = "mine"
    summary = "raises"

    def __init__(self, error: BaseException, marked: float | None = None) -> None:
        self.error, self.marked = error, marked

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        if self.marked is None or (problem.data()["data_size"][..., 0] == self.marked).any():
            raise self.error
        return Search(np.ones((*problem.batch_shape, problem.users), dtype=np.int8))


class OwnBackend(OneByOne):
    """A backend of somebody's own, likewise."""

    name = "mine"

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def allocate_one(
        self, problem: Problem, decision: Any, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        raise self.error


WRONG = [TypeError("no argument 'x'"), AssertionError("never"), AttributeError("no field 'y'"), UnboundLocalError("z")]


@pytest.mark.parametrize("error", WRONG, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("count", [None, 1, 4])
def test_what_was_raised_stands_behind_the_failure(error: Exception, count: int | None) -> None:
    problem = BinaryOffloading(data_size=DATA[0] if count is None else DATA[:count], capacity=30.0)
    with pytest.raises(SolveFailed, match=f"mine: {type(error).__name__}") as caught:
        mecopt.allocate(problem, [1, 1], backend=OwnBackend(error))
    assert caught.value.__cause__ is error
    with pytest.raises(SolveFailed, match=f"mine: {type(error).__name__}") as caught:
        mecopt.solve(problem, solver=Own(error))
    assert caught.value.__cause__ is error
    assert "search" in [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert set(np.atleast_1d(mecopt.solve(problem, solver=Own(error), throw=False).status)) == {Status.FAILED}


def test_the_exception_of_the_item_that_is_named_stands_behind_it() -> None:
    batch, error = BinaryOffloading(data_size=DATA, capacity=30.0), ArithmeticError("singular")
    with pytest.raises(SolveFailed, match="1 of 4 items have no answer; item 2: mine: ArithmeticError: singular") as caught:
        mecopt.solve(batch, solver=Own(error, 10.0))
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [NameError("name 'nq' is not defined"), ImportError("no x"), ModuleNotFoundError("no y")])
@pytest.mark.parametrize("throw", [True, False])
def test_a_name_or_module_that_is_missing_is_no_failure_of_an_item(error: Exception, throw: bool) -> None:
    batch = BinaryOffloading(data_size=DATA, capacity=30.0)
    with pytest.raises(type(error)) as caught:
        mecopt.solve(batch, solver=Own(error), throw=throw)
    assert caught.value is error
    with pytest.raises(type(error)):
        mecopt.allocate(batch, [1, 1], backend=OwnBackend(error), throw=throw)


@pytest.mark.parametrize("error", [ModuleNotFoundError("no cvxpy"), ArithmeticError("stalled")])
def test_where_the_semidefinite_program_fails_the_frame_keeps_its_bound_and_says_so(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(frame: BackscatterFrame) -> Any:
        raise error

    monkeypatch.setattr(exact, "relaxed", failing)
    frames = BackscatterFrame.sample(np.random.default_rng(0), (2,), users=3)
    found = generate(frames, 1e-8)
    bound, value = found.bound.copy(), found.value.copy()
    said = exact.settle(frames, found, 1)
    assert said == f"semidefinite: {type(error).__name__}: {error}; what beam generation has proved stands"
    np.testing.assert_array_equal(found.bound, bound)
    np.testing.assert_array_equal(found.value, value)
    monkeypatch.setattr(exact, "ENOUGH", -1.0)  # whatever is left open is too much
    monkeypatch.setattr(exact, "CLOSED", -1.0)
    monkeypatch.setattr(exact, "generate", lambda *_: found)
    assert mecopt.solve(frames, gap=0.0).stats.messages[1].startswith("semidefinite: ")


class Late(Solver):
    """Uses all its time and raises where the marked instance is there; otherwise it is done after a second an instance."""

    name = "late"
    summary = "raises late"

    def __init__(self, marked: float) -> None:
        self.marked, self.time, self.seen = marked, 0.0, list[tuple[int, float]]()

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        assert time_limit is not None
        self.seen.append((problem.instances, time_limit))
        if (problem.data()["data_size"][..., 0] == self.marked).any():
            self.time += time_limit
            raise ArithmeticError("late")
        self.time += min(time_limit, float(problem.instances))
        return Search(np.ones((*problem.batch_shape, problem.users), dtype=np.int8))


@pytest.mark.parametrize("bad", range(4))
def test_an_exception_that_comes_late_leaves_time_for_the_others(bad: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever raises has used up its share, and who can be answered still has a second an item at least."""
    solver = Late(DATA[bad][0])
    monkeypatch.setattr(clock, "now", lambda: solver.time)
    answer = mecopt.solve(BinaryOffloading(data_size=DATA, capacity=30.0), solver=solver, time_limit=16.0, throw=False)
    assert [status is Status.FAILED for status in answer.status] == [k == bad for k in range(4)]
    assert solver.seen[0] == (4, 16.0)
    assert all(seconds >= 1.0 * count for count, seconds in solver.seen[1:])
    assert solver.time <= 32.0


class Saying(Solver):
    """A solver of somebody's own that answers what it is told to."""

    name = "mine"
    summary = "says"

    def __init__(self, decision: Any, bound: Any = None) -> None:
        self.decision, self.bound = decision, bound

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        return Search(self.decision, bound=self.bound)


FOUR = np.ones((4, 2), dtype=np.int8)


@pytest.mark.parametrize(
    ("decision", "bound", "said"),
    [
        (FOUR * 2, None, r"decision\[0, 0\] is 2; allowed: 0 \(local\) or 1 \(offload\)"),
        (-FOUR, None, r"decision\[0, 0\] is -1"),
        (FOUR * 0.5, None, r"decision\[0, 0\] is 0.5"),
        (FOUR * np.nan, None, r"decision\[0, 0\] is nan"),
        (FOUR[:, :1], None, r"decision has shape \(4, 1\); allowed: 2 entries on the last axis"),
        (FOUR[:3], None, r"decision has shape \(3, 2\); allowed: leading axes \(4,\)"),
        (FOUR[:, None], None, r"decision has shape \(4, 1, 2\); allowed: leading axes \(4,\)"),
        (None, None, r"decision is a NoneType"),
        (FOUR, np.zeros(3), r"bound has shape \(3,\); allowed: \(4,\), one per instance"),
    ],
)
def test_what_a_solver_answers_is_a_decision_and_a_bound_of_each_instance(decision: Any, bound: Any, said: str) -> None:
    for throw in (True, False):
        with pytest.raises(mecopt.InstanceError, match=f"solver 'mine' is at fault: its {said}"):
            mecopt.solve(BinaryOffloading(data_size=DATA), solver=Saying(decision, bound), throw=throw)


def test_a_decision_that_a_solver_says_in_another_type_is_the_same_decision() -> None:
    problem = BinaryOffloading(data_size=DATA)
    for decision in (FOUR.tolist(), FOUR.astype(bool), FOUR.astype(np.float32), FOUR[0]):
        solution = mecopt.solve(problem, solver=Saying(decision))
        assert solution.decision.dtype == np.int8
        np.testing.assert_allclose(solution.objective, problem.optimal_value(FOUR), rtol=1e-14)
