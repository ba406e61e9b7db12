"""Rules of verdicts over seeds, and how times are taken."""

from __future__ import annotations

import numpy as np
import pytest

from mecopt.learners import figures
from mecopt.learners.figures import spread
from mecopt.learners.timing import seconds_of_each
from mecopt.learners.verdicts import agreed, at_most, clearly_above, clearly_more, every, falling
from mecopt.models import MultiServerOffloading


def test_readings_agree_or_leave_it_open() -> None:
    assert agreed([True, True]) == "holds"
    assert agreed([False, False]) == "fails"
    for open_ones in ([True, False], [None], [True, None], [False, None]):
        assert agreed(open_ones) == "cannot be tested"


def test_one_part_that_fails_decides() -> None:
    assert every([True, True]) is True
    assert every([True, None]) is None
    assert every([None, False]) is False


def test_pairs_of_seeds_tell_what_their_spread_hides() -> None:
    smaller = [0.90, 0.94, 0.98]
    greater = [0.91, 0.951, 0.989]
    assert clearly_more(greater, smaller) is True
    assert not clearly_above(spread(greater), spread(smaller))
    assert clearly_more(smaller, greater) is False
    assert clearly_more([0.9, 0.99], [0.89, 0.95]) is False
    assert clearly_more([0.9], [0.1]) is None


def test_a_loss_is_at_most_a_margin_above_it_or_not_to_be_told() -> None:
    assert at_most([0.001, 0.002, 0.003], 0.005) is True
    assert at_most([-0.01, -0.011, -0.012], 0.005) is True
    assert at_most([0.006, 0.004, 0.008], 0.005) is False
    assert at_most([0.10, 0.11, 0.12], 0.005) is False
    assert at_most([0.0, 0.01, 0.02], 0.005) is None
    assert at_most([0.001], 0.005) is None


def test_falling_allows_a_step_that_is_not_clear() -> None:
    first, last = spread([0.90, 0.91]), spread([0.80, 0.81])
    assert falling([first, spread([0.901, 0.911]), last]) is True
    assert falling([first, spread([0.99, 0.99]), last]) is False
    assert falling([first, first]) is False
    assert falling([spread([0.9]), spread([0.8])]) is None


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


def test_sliding_means_and_levels_are_of_the_last_values() -> None:
    values = np.random.default_rng(0).random(50)
    expected = [values[i - 7 : i].mean() for i in range(7, 51)]
    np.testing.assert_allclose(figures.sliding(values, 7), expected, rtol=1e-12)
    ratio = np.concatenate([np.full(1000, 0.9), np.full(9000, 1.0)])
    assert figures.reached(ratio, 0.9499, 200) == 1100
    assert figures.reached(ratio, 1.1, 200) == np.inf


def test_settled_is_the_first_block_from_which_all_stay_near_the_end() -> None:
    curve = np.concatenate([np.full(2100, 0.9), np.full(7900, 1.0)])
    assert figures.settled([curve], 0.05, 10) == 2000  # the block from there on still has 100 low ones: its mean is 0.99
    assert figures.settled([curve], 0.005, 10) == 3000
    assert figures.settled([curve], 0.005, 20) == 2500
    assert figures.settled([np.ones(10_000)], 1e-6, 10) == 0
    late = np.ones(10_000)
    late[-1] = 0.0
    assert figures.settled([late], 1e-4, 10) == 10_000
