"""Two commits beside each other: a planted slowdown is told, noise is not, and other values are no speed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loading import module_of

import mecopt
from mecopt.compare.bench.versus import LEAST_ROUNDS, MOST_ROUNDS, Difference, difference, interleaved
from mecopt.models import BinaryOffloading

ROOT = Path(__file__).parents[2]


class Side:
    """Stands in for a process: its seconds are told by a formula, nothing is timed."""

    def __init__(self, seconds: Callable[[int], float], value: float = 1.0, log: list[str] | None = None) -> None:
        self.seconds, self.value, self.turns = seconds, value, 0
        self.log: list[str] = [] if log is None else log
        self.name = ""

    def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if request["do"] == "prepare":
            return {"value": self.value, "seconds": self.seconds(0)}
        self.turns += 1
        self.log.append(self.name)
        return {"processor": self.seconds(self.turns)}


def noisy(level: float, seed: int, spread: float = 0.05) -> Callable[[int], float]:
    rng = np.random.default_rng(seed)
    return lambda _: float(level * np.exp(spread * rng.standard_normal()))


def judged(before: Side, after: Side) -> Difference:
    (found,) = interleaved(before, after, ["call"], 1.0)
    return found


def test_a_planted_slowdown_of_a_third_is_told_through_noise() -> None:
    found = judged(Side(noisy(1e-3, 0)), Side(noisy(1.33e-3, 1)))
    assert found.verdict == "slower"
    assert found.low <= 1.33 <= found.high
    assert "SLOWER" in found.line()
    assert judged(Side(noisy(1.33e-3, 0)), Side(noisy(1e-3, 1))).verdict == "faster"


@pytest.mark.parametrize("factor", [1.0, 1.05, 0.96])
def test_noise_and_small_changes_are_no_news(factor: float) -> None:
    for seed in range(20):
        assert judged(Side(noisy(1e-3, 2 * seed)), Side(noisy(factor * 1e-3, 2 * seed + 1))).verdict == "same"


def test_what_disturbs_both_sides_alike_is_no_slowdown() -> None:
    assert judged(Side(lambda turn: 1e-3 * (1 + turn)), Side(lambda turn: 1e-3 * (1 + turn))).verdict == "same"


def test_single_disturbed_rounds_do_not_count() -> None:
    found = judged(Side(noisy(1e-3, 0)), Side(lambda turn: 1e-3 if turn % 5 else 1.0))
    assert found.verdict == "same"


def test_who_begins_alternates_and_rounds_are_bounded() -> None:
    log: list[str] = []
    before, after = Side(lambda _: 1e-3, log=log), Side(lambda _: 1e-3, log=log)
    before.name, after.name = "b", "a"
    judged(before, after)
    assert "".join(log[:8]) == "baabbaab"
    assert before.turns == after.turns <= MOST_ROUNDS
    slow = Side(lambda _: 100.0)
    assert judged(slow, Side(lambda _: 100.0)).rounds == LEAST_ROUNDS == slow.turns


def test_another_value_is_told_whatever_the_time() -> None:
    found = judged(Side(lambda _: 1e-3, 1.0), Side(lambda _: 5e-3, 1.001))
    assert found.verdict == "other values"
    assert "1 before, 1.001 now" in found.line()
    assert found.slower, "another value hides no slowdown"
    assert not judged(Side(lambda _: 1e-3, 1.0), Side(lambda _: 1e-3, 1.001)).slower
    assert judged(Side(lambda _: 1e-3, 1.0), Side(lambda _: 1e-3, 1.0 + 1e-9)).verdict == "same"


def test_a_call_that_one_side_cannot_do_is_told_and_the_others_go_on() -> None:
    def failing(request: Mapping[str, Any]) -> Mapping[str, Any]:
        if request["call"] == "new":
            return {"failed": "TypeError: no such argument"}
        return Side(lambda _: 1e-3)(request)

    told: list[Difference] = []
    found = interleaved(failing, Side(lambda _: 1e-3), ["new", "old"], 0.1, told.append)
    assert [one.verdict for one in found] == ["failed", "same"]
    assert not any(one.slower for one in found)
    assert "failed before: TypeError" in found[0].line()
    assert told == found


def test_few_rounds_prove_nothing() -> None:
    found = difference("call", [1.0] * 4, [2.0] * 4)
    assert found.verdict == "same"
    assert (found.low, found.high) == (0.0, np.inf)


def test_every_timed_call_gets_instances_of_its_own_from_which_nothing_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = module_of(ROOT / "tools" / "bench_worker.py")
    solved, given = mecopt.solve, []

    def noted(problem: Any, **named: Any) -> Any:
        given.append((problem, len(problem._derived)))
        return solved(problem, **named)

    monkeypatch.setattr(mecopt, "solve", noted)
    known = {"one": (worker.solved, BinaryOffloading, 3, (), "paper")}
    ready: dict[str, Any] = {}
    assert worker.answer({"do": "prepare", "call": "one"}, known, ready)["value"] > 0.0
    worker.answer({"do": "turn", "call": "one", "repeats": 3}, known, ready)
    worker.answer({"do": "turn", "call": "one", "repeats": 2}, known, ready)
    assert len({id(problem) for problem, _ in given}) == len(given) == 7
    assert {kept for _, kept in given[1:]} == {0}
