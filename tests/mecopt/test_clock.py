"""The clock of work stands still while kernels are made ready, in every place that measures."""

import contextlib
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

import mecopt
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.models import BinaryOffloading
from mecopt.running import clock


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock on the wall that moves only when told."""
    wall = [0.0]
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: wall[0]))

    def pass_time(seconds: float) -> None:
        wall[0] += seconds

    return pass_time


def test_work_is_what_the_clock_does_not_stand_still_for(pass_time: Callable[[float], None]) -> None:
    began, compiled, loaded = clock.now(), clock.compiled_seconds(), clock.loaded_seconds()
    pass_time(1.0)
    with clock.standing_still():
        pass_time(10.0)
    with clock.standing_still():
        pass_time(100.0)
        clock.compiling()
        with clock.standing_still():  # compiled because the other one calls it
            pass_time(1000.0)
            clock.compiling()
    pass_time(2.0)
    assert clock.now() - began == 3.0
    assert clock.loaded_seconds() - loaded == 10.0
    assert clock.compiled_seconds() - compiled == 1100.0


def test_what_fails_to_compile_took_its_time_all_the_same(pass_time: Callable[[float], None]) -> None:
    began = clock.now()
    with contextlib.suppress(ZeroDivisionError), clock.standing_still():
        pass_time(5.0)
        raise ZeroDivisionError
    pass_time(1.0)
    assert clock.now() - began == 1.0


def test_one_thread_is_not_set_back_by_another_that_compiles(pass_time: Callable[[float], None]) -> None:
    began = clock.now()

    def other() -> None:
        with clock.standing_still():
            pass_time(7.0)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert clock.now() - began == 7.0


class Cold(Solver):
    """Works for two seconds, half of them predicting, and compiles for ten in the middle of each half."""

    name = "cold"
    summary = "compiles"

    def __init__(self, pass_time: Callable[[float], None], cold: float) -> None:
        self.pass_time, self.cold = pass_time, cold

    def work(self) -> float:
        """Return the seconds of work."""
        began = clock.now()
        self.pass_time(0.5)
        if self.cold:
            with clock.standing_still():
                self.pass_time(self.cold)
                clock.compiling()
        self.pass_time(0.5)
        return clock.now() - began

    def search(self, problem: Problem, *, start: Any, gap: float | None, time_limit: float | None, rng: Generator) -> Search:
        predicted = self.work()
        self.work()
        return Search(np.zeros((*problem.batch_shape, problem.users), dtype=np.int8), predict_seconds=predicted)


def test_compiling_is_told_apart_and_never_counted_as_solving(pass_time: Callable[[float], None]) -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)
    mecopt.solve(problem, solver=Cold(pass_time, 0.0))
    cold, warm = (mecopt.solve(problem, solver=Cold(pass_time, seconds)) for seconds in (10.0, 0.0))
    assert cold.stats.compile_seconds == 20.0
    assert warm.stats.compile_seconds == 0.0
    for stats in (cold.stats, warm.stats):
        assert (stats.model_seconds, stats.predict_seconds, stats.solve_seconds) == (0.0, 1.0, 1.0)
    assert "20 to compile (once per machine)" in " ".join(str(cold).split())
    assert "compile" not in str(warm)
    assert cold.to_dict()["compile_seconds"] == 20.0
