"""The memory: what leaves it and what is drawn from it, by (31) and (32) to the letter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from mecopt.learners.ojrs.replay import REPLAYS, Replay


def replay(kind: str, capacity: int = 4, **more: Any) -> Replay:
    return Replay(kind, capacity, inputs=2, users=3, **more)


def add(memory: Replay, *numbers: int, square: float = 1.0) -> None:
    """Add transitions that can be told apart by their numbers."""
    for number in numbers:
        memory.add(seen=np.full((1, 2), number), found=np.full((1, 3), number % 3), square=np.array([square]))


def held(memory: Replay) -> list[int]:
    return sorted(memory["seen"][: memory.filled, 0].astype(int).tolist())


@pytest.mark.parametrize("kind", REPLAYS)
def test_up_to_its_capacity_everything_is_kept_with_its_decision(kind: str) -> None:
    memory = replay(kind)
    add(memory, 5, 6, 7)
    assert memory.filled == 3
    assert held(memory) == [5, 6, 7]
    np.testing.assert_array_equal(memory["found"][:3], np.repeat([[2], [0], [1]], 3, axis=1))


@pytest.mark.parametrize("kind", REPLAYS)
def test_among_transitions_alike_the_oldest_leaves(kind: str) -> None:
    memory = replay(kind)
    add(memory, *range(11))
    assert held(memory) == [7, 8, 9, 10]


@pytest.mark.parametrize(("square", "reusable"), [(1.19, True), (1.21, False), (1 / 1.19, True), (1 / 1.21, False)])
def test_what_is_reusable_lies_within_the_greatest_ratio(square: float, reusable: bool) -> None:
    memory = replay("preserved", greatest_ratio=1.2)
    add(memory, 0, square=2.0)
    assert memory.reusable(2.0 * square).tolist() == [reusable]


@pytest.mark.parametrize("kind", ["preserved", "preserved-prioritised"])
def test_the_oldest_that_is_not_reusable_leaves_first(kind: str) -> None:
    memory = replay(kind)
    for number, square in enumerate([1.0, 3.0, 3.0, 1.0]):
        add(memory, number, square=square)
    add(memory, 4, square=1.0)  # 1 and 2 are far from here
    assert held(memory) == [0, 2, 3, 4]
    add(memory, 5, square=1.0)
    assert held(memory) == [0, 3, 4, 5]
    add(memory, 6, square=1.0)  # all are reusable
    assert held(memory) == [3, 4, 5, 6]
    add(memory, 7, square=9.0)  # none is
    assert held(memory) == [4, 5, 6, 7]


@pytest.mark.parametrize("kind", ["uniform", "prioritised"])
def test_without_preservation_norms_do_not_matter(kind: str) -> None:
    memory = replay(kind)
    for number in range(9):
        add(memory, number, square=float(1 + number % 2 * 9))
    assert held(memory) == [5, 6, 7, 8]


def test_priorities_are_the_change_of_the_last_update_and_epsilon_to_the_power_tau() -> None:
    memory = replay("prioritised", priority_power=0.5, least_priority=0.01)
    add(memory, 0, 1, 2)
    memory.judge(np.array([0]), -0.08)
    memory.judge(np.array([1, 1]), 0.35)
    memory.judge(np.array([2]), 0.0)
    expected = np.sqrt([0.09, 0.36, 0.01])
    np.testing.assert_allclose(memory.probabilities(), expected / expected.sum())


def test_new_transitions_get_the_greatest_priority_there_is() -> None:
    memory = replay("prioritised")
    add(memory, 0)
    assert memory.probabilities().tolist() == [1.0]
    memory.judge(np.array([0]), 0.5)
    add(memory, 1)
    memory.judge(np.array([0]), 0.1)
    np.testing.assert_allclose(memory.priority[:2], [0.101, 0.501])


def test_draws_follow_the_law() -> None:
    memory = replay("prioritised", capacity=5)
    add(memory, *range(5))
    for place, change in enumerate([0.0, 0.1, 0.2, 0.5, 1.0]):
        memory.judge(np.array([place]), change)
    rng = np.random.default_rng(0)
    drawn = np.concatenate([memory.draw(5, rng) for _ in range(4000)])
    counts = np.bincount(drawn, minlength=5)
    assert chisquare(counts, 20_000 * memory.probabilities()).pvalue > 1e-3


@pytest.mark.parametrize("kind", ["uniform", "preserved"])
def test_uniform_draws_repeat_nothing_and_take_no_more_than_there_is(kind: str) -> None:
    memory = replay(kind, capacity=9)
    add(memory, *range(6))
    memory.judge(np.array([0]), 100.0)
    rng = np.random.default_rng(0)
    assert sorted(memory.draw(20, rng).tolist()) == [0, 1, 2, 3, 4, 5]
    drawn = np.concatenate([memory.draw(2, rng) for _ in range(3000)])
    assert chisquare(np.bincount(drawn, minlength=6)).pvalue > 1e-3


@given(st.sampled_from(REPLAYS), st.integers(0, 12), st.integers(1, 12), st.integers(0, 10**6))
def test_a_memory_that_is_restored_goes_on_as_if_nothing_had_happened(kind: str, before: int, after: int, seed: int) -> None:
    first, second = replay(kind), replay(kind)

    def go_on(memory: Replay, number: int) -> Any:
        draw = np.random.default_rng((seed, number))
        add(memory, number, square=draw.uniform(0.5, 2.0))
        places = memory.draw(2, draw)
        memory.judge(places, draw.normal())
        return places.tolist()

    for number in range(before):
        go_on(first, number)
    second.restore({name: value.copy() for name, value in first.state().items()})
    for number in range(before, before + after):
        assert go_on(first, number) == go_on(second, number)
    for name, value in first.state().items():
        np.testing.assert_array_equal(value, second.state()[name])
