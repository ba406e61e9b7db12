"""From values to decisions: the softmax per user, and the most probable decisions against enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mecopt import InstanceError
from mecopt.contract.decision import OneOf
from mecopt.learners.network import sigmoid
from mecopt.learners.ojrs.head import log_probabilities, most_probable, own_decision

torch = pytest.importorskip("torch", reason="training needs torch")

Array = NDArray[Any]


def logs_of(users: int, choices: int, seed: int = 0, instances: int = 7) -> Array:
    values = np.random.default_rng(seed).normal(0.0, 2.0, (instances, users * choices)).astype(np.float32)
    return log_probabilities(values, users)


def test_probabilities_are_torchs_softmax_of_each_user() -> None:
    values = np.random.default_rng(0).normal(0.0, 5.0, (6, 12)).astype(np.float32)
    expected = torch.log_softmax(torch.tensor(values).reshape(6, 4, 3), dim=-1).numpy()
    np.testing.assert_allclose(log_probabilities(values, 4), expected, atol=1e-6)


def test_of_two_choices_the_softmax_is_the_sigmoid_of_their_difference() -> None:
    values = np.random.default_rng(0).normal(0.0, 5.0, (6, 8)).astype(np.float32)
    pairs = values.reshape(6, 4, 2)
    logs = log_probabilities(values, 4)
    np.testing.assert_allclose(np.exp(logs[..., 1]), sigmoid(pairs[..., 1] - pairs[..., 0]), atol=1e-6)
    np.testing.assert_array_equal(own_decision(logs), pairs[..., 1] > pairs[..., 0])


def test_values_without_bounds_give_finite_logarithms() -> None:
    logs = log_probabilities(np.array([[1e38, -1e38, 0.0, 0.0]], dtype=np.float32), 2)
    assert np.isfinite(logs).all()
    assert own_decision(logs).tolist() == [[0, 0]]


@pytest.mark.parametrize(("users", "choices"), [(1, 2), (1, 5), (2, 3), (3, 2), (3, 4), (5, 2)])
@pytest.mark.parametrize("k", [1, 2, 3, 8])
def test_the_most_probable_decisions_are_those_of_enumeration(users: int, choices: int, k: int) -> None:
    k = min(k, choices**users)
    logs = logs_of(users, choices)
    found = most_probable(logs, k)
    labels = tuple(map(str, range(choices)))
    everything = np.concatenate(list(OneOf(users, labels).enumerate(1000)))
    for row, decisions in zip(logs, found, strict=True):
        chances = row[np.arange(users), everything].sum(axis=-1)
        own = row[np.arange(users), decisions].sum(axis=-1)
        np.testing.assert_allclose(own, np.sort(chances)[::-1][:k], atol=1e-12)
        assert len({tuple(d) for d in decisions.tolist()}) == k
    np.testing.assert_array_equal(found[:, 0], own_decision(logs))


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(2, 4))
def test_more_of_the_most_probable_begin_with_the_fewer(seed: int, users: int, choices: int) -> None:
    logs = logs_of(users, choices, seed, instances=2)
    whole = most_probable(logs, choices**users)
    for k in range(1, choices**users):
        np.testing.assert_array_equal(most_probable(logs, k), whole[:, :k])


def test_of_equally_probable_decisions_the_own_one_leads() -> None:
    logs = np.log(np.full((3, 4, 3), 1.0 / 3.0))
    np.testing.assert_array_equal(most_probable(logs, 5)[:, 0], own_decision(logs))
    assert len({tuple(d) for d in most_probable(logs, 81)[0].tolist()}) == 81


@pytest.mark.parametrize(("k", "told"), [(0, "k is 0; allowed: at least 1"), (10, "2 users have 9 decisions; 10 were")])
def test_more_decisions_than_there_are_are_refused(k: int, told: str) -> None:
    with pytest.raises(InstanceError, match=told):
        most_probable(logs_of(2, 3), k)


def test_the_own_decision_is_the_first_of_the_most_probable_ones_ties_too() -> None:
    rng = np.random.default_rng(4)
    logs = log_probabilities(rng.standard_normal((50, 6 * 4)).round(0), 6)
    np.testing.assert_array_equal(own_decision(logs), most_probable(logs, 1)[:, 0])
    np.testing.assert_array_equal(own_decision(logs), most_probable(logs, 7)[:, 0])
