"""The memory of learners: which row leaves, how rows are drawn, and what makes draws by priority a mean over all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from mecopt.learners.memory import Memory


def memory(capacity: int = 5, power: float | None = None, **more: Any) -> Memory:
    return Memory(capacity, {"seen": ((2,), np.float32), "number": ((), np.int64)}, priority_power=power, **more)


def add(one: Memory, *numbers: int) -> None:
    given_ = np.array(numbers, dtype=np.int64)
    one.add(seen=np.repeat(given_[:, None], 2, axis=1), number=given_)


def judged(power: float, errors: list[float]) -> Memory:
    one = memory(len(errors), power, least_priority=0.01)
    add(one, *range(len(errors)))
    one.judge(np.arange(len(errors)), np.array(errors))
    return one


@pytest.mark.parametrize("power", [None, 0.6])
@given(parts=st.lists(st.integers(1, 5), max_size=6))
def test_the_last_rows_are_kept_however_many_come_at_a_time(power: float | None, parts: list[int]) -> None:
    one, first = memory(power=power), 0
    for count in parts:
        add(one, *range(first, first + count))
        first += count
    assert sorted(one["number"][: one.filled].tolist()) == list(range(max(0, first - 5), first))
    np.testing.assert_array_equal(one["seen"][: one.filled, 1], one["number"][: one.filled])


def test_alike_nothing_is_drawn_twice_and_all_as_often() -> None:
    one = memory(9)
    add(one, *range(6))
    one.judge(np.array([0]), 100.0)
    rng = np.random.default_rng(0)
    assert sorted(one.draw(20, rng).tolist()) == [0, 1, 2, 3, 4, 5]
    drawn = np.concatenate([one.draw(2, rng) for _ in range(3000)])
    assert chisquare(np.bincount(drawn, minlength=6)).pvalue > 1e-3


@pytest.mark.parametrize("power", [0.0, 0.6, 1.0])
def test_rows_are_drawn_in_proportion_to_a_power_of_their_priorities(power: float) -> None:
    errors = [-0.09, 0.04, 0.99, 0.0, 0.24]
    one = judged(power, errors)
    law = np.array([0.1, 0.05, 1.0, 0.01, 0.25]) ** power
    rng = np.random.default_rng(1)
    drawn = np.concatenate([one.draw(5, rng) for _ in range(4000)])
    assert chisquare(np.bincount(drawn, minlength=5), 20_000 * law / law.sum()).pvalue > 1e-3


def test_new_rows_have_the_greatest_priority() -> None:
    one = judged(1.0, [0.3, 0.1, 0.2])
    add(one, 3)  # in the place of row 0
    np.testing.assert_allclose(one.priority, [0.31, 0.11, 0.21])
    one.judge(np.array([0]), 0.0)
    add(one, 4, 5)
    np.testing.assert_allclose(one.priority, [0.01, 0.21, 0.21])


def test_weighted_means_of_draws_are_the_mean_over_all_rows() -> None:
    """With beta = 1, each draw as often as it is likely, up to the common factor that makes the greatest weight 1."""
    one = judged(0.7, [0.5, 0.1, 2.0, 0.0])
    value, law = np.array([3.0, -1.0, 5.0, 2.0]), one.probabilities()
    weight = one.importance(np.arange(4), 1.0)
    assert weight.max() == 1.0
    assert (law * weight * value).sum() / (law * weight).sum() == pytest.approx(value.mean(), rel=1e-12)
    np.testing.assert_array_equal(one.importance(np.arange(4), 0.0), 1.0)


@given(power=st.sampled_from([None, 0.6]), before=st.integers(0, 12), seed=st.integers(0, 10**6))
def test_a_memory_that_is_restored_goes_on_as_if_nothing_had_happened(power: Any, before: int, seed: int) -> None:
    first, second = memory(power=power), memory(power=power)

    def go_on(one: Memory, number: int) -> list[int]:
        rng = np.random.default_rng((seed, number))
        add(one, number, number + 100)
        places = one.draw(3, rng)
        one.judge(places, rng.normal(size=len(places)))
        return [int(number) for number in one["number"][places]]

    for number in range(before):
        go_on(first, number)
    second.restore({name: value.copy() for name, value in first.state().items()})
    for number in range(before, before + 7):
        assert go_on(first, number) == go_on(second, number)
