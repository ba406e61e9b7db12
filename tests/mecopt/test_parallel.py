"""The battery of threads and processes finds what is shared, what depends on the process, and who never returns."""

import os
import sys
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mecopt.contract.backend import Answer, Backend
from mecopt.contract.problem import Problem
from mecopt.models import BinaryOffloading
from mecopt.testing import parallel as testing_parallel
from mecopt.testing.parallel import FIRST, THREADS, answers, forked, in_threads, methods, same

Array = NDArray[Any]


class Forgetful(Backend):
    """A backend that keeps on itself which problem it is asked about, and looks there when all others have begun."""

    name = "forgetful"

    def __init__(self, sound: Backend) -> None:
        self.sound = sound
        self.problem: Any = None
        self.others = threading.Barrier(THREADS, timeout=60.0)

    def allocate(self, problem: Problem, decision: Array, *, start: Any, tol: float, time_limit: float | None) -> Answer:
        self.problem = problem
        if threading.current_thread() is not threading.main_thread():
            self.others.wait()
        return self.sound.allocate(self.problem, decision, start=start, tol=tol, time_limit=time_limit)


class Homesick(Backend):
    """A backend that answers a little differently in every process."""

    name = "homesick"

    def __init__(self, sound: Backend) -> None:
        self.sound = sound

    def allocate(self, problem: Problem, decision: Array, *, start: Any, tol: float, time_limit: float | None) -> Answer:
        answer = self.sound.allocate(problem, decision, start=start, tol=tol, time_limit=time_limit)
        rate = answer.allocation.server_rate * (1.0 - 1e-14 * (os.getpid() % 1000))  # type: ignore[attr-defined]
        return Answer(type(answer.allocation)(rate), answer.dual, answer.iterations)  # type: ignore[call-arg]


@pytest.fixture(params=[Forgetful, Homesick])
def faulty(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[Problem]:
    """A problem whose only method has a fault."""
    backend = request.param(BinaryOffloading.backend())
    monkeypatch.setattr(BinaryOffloading, "solvers", {})
    monkeypatch.setattr(BinaryOffloading, "backends", {backend.name: backend})
    return BinaryOffloading


@pytest.mark.parametrize("faulty", [Forgetful], indirect=True)
def test_what_threads_share_is_found(faulty: type[Problem]) -> None:
    alone = answers(faulty, range(THREADS))
    same(alone, alone, "alone")
    with pytest.raises(AssertionError, match="threads, backend forgetful, instance"):
        same(in_threads(methods(faulty)), alone, "threads")


@pytest.mark.skipif(sys.platform != "linux", reason="forks are tested on Linux alone")
@pytest.mark.parametrize("faulty", [Homesick], indirect=True)
def test_what_depends_on_the_process_is_found(faulty: type[Problem]) -> None:
    alone = answers(faulty, range(THREADS))
    with pytest.raises(AssertionError, match="a forked process, backend homesick, instance 0"):
        same(forked(faulty), alone, "a forked process", FIRST)


def test_an_answer_differs_where_its_last_bit_does() -> None:
    told = testing_parallel._digest
    assert told({"a": np.array([1.0]), "solve_seconds": 1.0}) == told({"a": np.array([1.0]), "solve_seconds": 2.0})
    others = [np.array([np.nextafter(1.0, 2.0)]), np.array([1.0], dtype=np.float32), np.array([[1.0]]), np.array([1]), 1.0]
    assert len({told({"a": value}) for value in [np.array([1.0]), *others]}) == 1 + len(others)


def test_who_raises_and_who_never_returns_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(number: int) -> str:
        raise ArithmeticError(f"number {number}")

    assert all("ArithmeticError: number" in text for text in in_threads({"raises": raises})["raises"])
    released = threading.Event()

    def stuck(number: int) -> str:
        released.wait()
        return ""

    monkeypatch.setattr(testing_parallel, "WATCHDOG", 0.0)
    try:
        with pytest.raises(AssertionError, match=r"(?s)threads that never return.*released\.wait\(\)"):
            in_threads({"stuck": stuck})
    finally:
        released.set()
