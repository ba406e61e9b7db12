"""How times of decisions are taken."""

from __future__ import annotations

import numpy as np
import pytest

from mecopt.learners.timing import seconds_of_each
from mecopt.models import MultiServerOffloading


def test_calls_take_turns_at_each_instance_and_draw_the_same() -> None:
    batch = MultiServerOffloading.sample(np.random.default_rng(0), (3,), users=2, servers=1)
    said: list[tuple[str, float]] = []
    calls = {name: lambda _, rng, name=name: said.append((name, rng.random())) for name in "ab"}
    times = seconds_of_each(calls, batch)
    assert {name: one.shape for name, one in times.items()} == {"a": (3,), "b": (3,)}
    assert [name for name, _ in said] == list("abababab")
    drawn = [value for _, value in said]
    assert drawn[0::2] == drawn[1::2]
    assert drawn[0] == drawn[2] != drawn[4] != drawn[6]


def test_the_first_call_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = MultiServerOffloading.sample(np.random.default_rng(0), (2,), users=2, servers=1)
    passed, takes = [0.0], iter((200.0, 1.0, 2.0))
    monkeypatch.setattr("mecopt.learners.timing.clock.now", lambda: passed[0])

    def call(*_: object) -> None:
        passed[0] += next(takes)

    assert seconds_of_each({"": call}, batch)[""].tolist() == [1.0, 2.0]
