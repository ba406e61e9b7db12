"""Threads that share a batch answer what one does, bit for bit, and end together."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.cli.main import main
from mecopt.contract.backend import Feature
from mecopt.models import BackscatterFrame, BinaryOffloading, HybridSlot, MultiServerOffloading
from mecopt.registry import problem_names
from mecopt.running import blocks, threads
from mecopt.running.budget import watched
from mecopt.running.threads import going_on, parts_of, side_by_side

RNG = np.random.default_rng

OPEN = BinaryOffloading.sample(RNG(0), (2, 5), preset="subset-sum", users=9)
"""Trees that their first slice leaves open."""

SECONDS = dict.fromkeys(
    ("model_seconds", "solve_seconds", "predict_seconds", "certify_seconds", "compile_seconds", "load_seconds")
)


def told(solution: Any) -> dict[str, Any]:
    found: dict[str, Any] = solution.to_dict()
    return found | {"stats": found["stats"] | SECONDS} if "stats" in found else found | SECONDS


def same(one: Any, other: Any) -> None:
    """Check two answers bit for bit."""
    np.testing.assert_equal(told(one), told(other))
    for name in ("decision", "objective", "bound", "gap", "violation"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert one.shape == other.shape
    assert one.stats.messages == other.stats.messages


def able(methods: str) -> list[tuple[str, str]]:
    found = [
        (name, key, one) for name in problem_names() for key, one in getattr(mecopt.find_problem(name), methods).items()
    ]
    return [(name, key) for name, key, one in found if Feature.THREADS in one.features]


@pytest.mark.parametrize(("name", "solver"), able("solvers"))
def test_a_batch_is_solved_in_threads_as_in_one(name: str, solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = mecopt.find_problem(name).sample(RNG(1), (2, 3), users=4)
    used: list[int] = []

    def counted(parts: Any, count: int, work: Any) -> Any:
        used.append(count)
        return side_by_side(parts, count, work)

    monkeypatch.setattr(blocks, "side_by_side", counted)
    one = mecopt.solve(problem, solver=solver)
    assert not used
    same(mecopt.solve(problem, solver=solver, threads=3), one)
    start = problem.decision_space.sample(RNG(2), (2, 3))
    same(mecopt.solve(problem, solver=solver, start=start, threads=2), mecopt.solve(problem, solver=solver, start=start))
    assert used == [3, 2]


@pytest.mark.parametrize("candidates", [(), (2,)])
@pytest.mark.parametrize(("name", "backend"), able("backends"))
def test_decisions_are_allocated_in_threads_as_in_one(name: str, backend: str, candidates: tuple[int, ...]) -> None:
    problem = mecopt.find_problem(name).sample(RNG(3), (2, 3), users=3)
    decision = problem.decision_space.sample(RNG(4), (2, 3, *candidates))
    one = mecopt.allocate(problem, decision, backend=backend, throw=False)
    same(mecopt.allocate(problem, decision, backend=backend, throw=False, threads=2), one)


def test_trees_cut_by_nodes_and_limits_of_ones_own_are_shared_too() -> None:
    few = mecopt.Limit("at most four offload", {"offload": 1.0}, most=4)
    same(mecopt.solve(OPEN.limited(few), threads=2), mecopt.solve(OPEN.limited(few)))
    same(mecopt.solve(OPEN, gap=0.1, threads=2), mecopt.solve(OPEN, gap=0.1))


def test_without_time_every_thread_prices_the_roots_of_its_part() -> None:
    one = mecopt.solve(OPEN, gap=1e-9, time_limit=0.0, throw=False)
    assert "LIMIT" in one.statuses()
    same(mecopt.solve(OPEN, gap=1e-9, time_limit=0.0, throw=False, threads=2), one)


def test_items_without_an_answer_are_named_as_in_one_thread() -> None:
    problem = HybridSlot.sample(RNG(5), (6,), users=3)
    decision = problem.decision_space.sample(RNG(4), (6,))
    decision[4] = 1e9
    one = mecopt.allocate(problem, decision, throw=False)
    assert {"OPTIMAL", "INFEASIBLE"} == set(one.statuses())
    assert "user 0 cannot keep" in one.stats.messages[4]
    same(mecopt.allocate(problem, decision, throw=False, threads=2), one)


def test_a_single_instance_and_methods_that_draw_go_on_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(blocks, "side_by_side", refused)
    mecopt.solve(OPEN[0, 0], threads=2)
    mecopt.allocate(OPEN, np.ones((2, 5, 9), dtype=int), threads=2)
    one, other = (mecopt.solve(OPEN, solver="random", rng=RNG(0), threads=count) for count in (1, 2))
    same(one, other)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2", None])
def test_threads_are_a_whole_number_of_at_least_one(wrong: Any) -> None:
    with pytest.raises(mecopt.InstanceError, match=r"^threads is .*; allowed: a whole number >= 1$"):
        mecopt.solve(OPEN, threads=wrong)
    with pytest.raises(mecopt.InstanceError, match=r"^threads is .*; allowed: a whole number >= 1$"):
        mecopt.allocate(OPEN, np.zeros((2, 5, 9), dtype=int), threads=wrong)


# ---------------------------------------------------------------------- the threads themselves


def test_parts_are_worked_at_in_the_same_moment_and_come_in_order() -> None:
    meeting = threading.Barrier(2)

    def work(part: slice) -> tuple[int, int]:
        meeting.wait(60.0)
        return part.start, threading.get_ident()

    found = side_by_side(parts_of(4, 2, limited=False), 2, work)
    assert [first for first, _ in found] == [0, 1, 2, 3]
    assert len({thread for _, thread in found} | {threading.get_ident()}) == 3


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 100])
@pytest.mark.parametrize("limited", [False, True])
def test_parts_are_the_whole_batch_once(count: int, limited: bool) -> None:
    parts = parts_of(count, 3, limited)
    assert [k for part in parts for k in range(part.start, part.stop)] == list(range(count))
    assert all(part.start < part.stop for part in parts)
    assert len(parts) <= 3 or not limited


def endless(part: slice) -> None:
    """Work until nobody wants it any more; what never ends, ends the test after minutes."""
    for _ in range(100_000):
        going_on()
        time.sleep(0.001)
    raise AssertionError("nobody stopped it")


def test_what_one_part_raises_ends_the_others() -> None:
    def work(part: slice) -> None:
        if part.start == 1:
            raise ZeroDivisionError
        endless(part)

    with pytest.raises(ZeroDivisionError):
        side_by_side([slice(0, 1), slice(1, 2)], 2, work)
    assert not [one for one in threading.enumerate() if one.name.startswith("mecopt_")]


@pytest.fixture
def heard() -> Iterator[None]:
    """Hear interrupts, as a process does not that was begun in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_parts_of_a_part_end_with_it() -> None:
    inner_goes_on, seen = threading.Event(), []

    def inner(part: slice) -> None:
        inner_goes_on.set()
        try:
            endless(part)
        except threads.Stopped:
            seen.append(part)
            raise

    def outer(part: slice) -> None:
        if part.start == 0:
            side_by_side([slice(0, 1), slice(1, 2)], 2, inner)
        inner_goes_on.wait()
        raise ValueError("the other part")

    with pytest.raises(ValueError, match="the other part"):
        side_by_side([slice(0, 1), slice(1, 2)], 2, outer)
    assert seen


def test_an_interrupt_ends_all_parts() -> None:
    def interrupted(done: int, count: int) -> None:
        signal.raise_signal(signal.SIGINT)

    with watched(interrupted), pytest.raises(KeyboardInterrupt):
        side_by_side([slice(0, 1), slice(1, 2)], 2, endless)
    assert not [one for one in threading.enumerate() if one.name.startswith("mecopt_")]


@pytest.mark.parametrize("problem", [OPEN, MultiServerOffloading.sample(RNG(8), (4,), preset="limited", users=6)])
def test_trees_ask_between_turns_whether_to_go_on(problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(KeyboardInterrupt):
        pass

    def asked() -> None:
        assert threading.current_thread() is not threading.main_thread()
        raise Enough

    for module in ("mecopt.search.trees", "mecopt.search.count_batch"):
        monkeypatch.setattr(f"{module}.going_on", asked)
    with pytest.raises(Enough):
        mecopt.solve(problem, threads=2)


def test_progress_never_falls_and_ends_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LOOKS", 0.001)
    seen: list[tuple[int, int]] = []
    with watched(lambda done, count: seen.append((done, count))):
        mecopt.solve(OPEN, threads=2)
    assert seen == sorted(seen)
    assert seen[-1] == (10, 10)


def test_frames_are_shared_from_a_start() -> None:
    problem = BackscatterFrame.sample(RNG(6), (3,), users=2)
    decision = problem.decision_space.sample(RNG(7), (3,))
    start = mecopt.allocate(problem, decision)
    warm = [mecopt.allocate(problem, decision, start=start, threads=count) for count in (1, 2)]
    same(*warm)
    assert warm[1].stats.start_used


def test_the_command_shares_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "batch.json"
    file.write_text(json.dumps({"problem": "binary-offloading", "data_size": [[12.0, 7.5, 20.1], [3.0, 9.0, 4.0]]}))
    answers = []
    for count in ("1", "2"):
        with pytest.raises(SystemExit) as ended:
            main(["solve", str(file), "--threads", count, "--json"])
        assert ended.value.code == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert [one["decision"] for one in answers] == [answers[0]["decision"]] * 2
    assert [one["objective"] for one in answers] == [answers[0]["objective"]] * 2
    with pytest.raises(SystemExit) as ended:
        main(["solve", str(file), "--threads", "0"])
    assert ended.value.code == 2
    assert "--threads" in capsys.readouterr().err
