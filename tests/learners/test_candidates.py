"""From outputs to candidates: every scheme against its definition, by enumeration or by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chisquare

from mecopt import InstanceError
from mecopt.learners.candidates import SCHEMES, candidates, own_decision

Array = NDArray[Any]

PERTURBING = ("perturb-up-to", "perturb-exactly")
OWN_FIRST = ("order-preserving", "nearest-neighbour")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@st.composite
def outputs(draw: st.DrawFn, most_users: int = 6) -> Array:
    """Outputs of two instances, ties and exact halves among them."""
    users = draw(st.integers(1, most_users))
    number = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
    return np.array(draw(st.lists(st.lists(number, min_size=users, max_size=users), min_size=2, max_size=2)))


def different(decisions: Array) -> int:
    return len({tuple(row) for row in decisions.tolist()})


# ---------------------------------------------------------------------- what holds of every scheme


@given(outputs(), st.sampled_from(sorted(SCHEMES)), st.integers(1, 7), st.integers(1, 8), st.integers(0, 9))
def test_every_scheme_gives_k_binary_decisions_with_the_own_one_first(m: Array, scheme: str, k: int, c: int, s: int) -> None:
    users = m.shape[1]
    limit = {"order-preserving": users + 1, "nearest-neighbour": 2**users}.get(scheme, 99)
    if k > limit:
        with pytest.raises(InstanceError, match=f"{k} were asked for"):
            candidates(m, k, scheme, c, True, rng(s))
        return
    found = candidates(m, k, scheme, c, True, rng(s))
    assert found.shape == (2, k, users)
    assert np.isin(found, (0, 1)).all()
    np.testing.assert_array_equal(found[:, 0], m > 0.5)
    np.testing.assert_array_equal(found, candidates(m, k, scheme, c, True, rng(s)))


@given(outputs(), st.sampled_from(sorted(SCHEMES)), st.integers(1, 4), st.integers(0, 9))
def test_asking_for_candidates_does_not_change_the_outputs(m: Array, scheme: str, k: int, seed: int) -> None:
    before = m.copy()
    candidates(m, min(k, m.shape[1] + 1), scheme, 2, True, rng(seed))
    np.testing.assert_array_equal(m, before)


@pytest.mark.parametrize("scheme", OWN_FIRST)
@given(m=outputs(), k=st.integers(1, 7))
def test_schemes_without_randomness_treat_each_instance_alone(scheme: str, m: Array, k: int) -> None:
    k = min(k, m.shape[1] + 1)
    both = candidates(m, k, scheme, 1, True, rng())
    for i in range(2):
        np.testing.assert_array_equal(both[i : i + 1], candidates(m[i : i + 1], k, scheme, 1, True, rng(9)))


@pytest.mark.parametrize(("k", "scheme"), [(0, "perturb-up-to"), (-1, "nearest-neighbour"), (3, "nearest-neighbor")])
def test_a_wrong_number_or_scheme_is_refused(k: int, scheme: str) -> None:
    with pytest.raises(InstanceError, match="allowed"):
        candidates(np.full((1, 3), 0.4), k, scheme, 1, True, rng())


def test_an_output_of_one_half_means_local() -> None:
    assert own_decision(np.array([0.5, np.nextafter(0.5, 1), 0.0, 1.0])).tolist() == [0, 1, 0, 1]


# ---------------------------------------------------------------------- perturbations


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("scheme", PERTURBING)
@pytest.mark.parametrize(("users", "flips"), [(1, 1), (1, 4), (3, 2), (3, 9), (10, 4), (40, 4)])
def test_a_perturbation_flips_as_many_users_as_it_says(users: int, flips: int, scheme: str, own: bool) -> None:
    m = rng(3).random((200, users))
    found = candidates(m, 5, scheme, flips, own, rng(4))
    flipped = (found != (m > 0.5)[:, None, :]).sum(axis=-1)[:, int(own) :]
    most = min(flips, users)
    assert flipped.min() >= (1 if scheme == "perturb-up-to" else most)
    assert flipped.max() == most


@given(outputs(), st.sampled_from(PERTURBING), st.integers(1, 9), st.integers(1, 8), st.integers(0, 9))
def test_without_the_own_decision_no_candidate_is_it(m: Array, scheme: str, k: int, flips: int, seed: int) -> None:
    found = candidates(m, k, scheme, flips, False, rng(seed))
    assert found.shape == (2, k, m.shape[1])
    assert (found != (m > 0.5)[:, None, :]).any(axis=-1).all()


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    ("scheme", "users", "flips"), [("perturb-up-to", 3, 3), ("perturb-up-to", 4, 2), ("perturb-exactly", 5, 2)]
)
def test_candidates_differ_as_long_as_there_are_enough(scheme: str, users: int, flips: int, own: bool) -> None:
    numbers = range(1 if scheme == "perturb-up-to" else flips, flips + 1)
    every = sum(math.comb(users, number) for number in numbers) + own
    for k in (2, every - 1, every):
        found = candidates(rng(5).random((3000, users)), k, scheme, flips, own, rng(6))
        assert all(different(row) == k for row in found)


def test_more_candidates_than_there_are_perturbations_repeat_some() -> None:
    found = candidates(np.full((50, 2), 0.9), 7, "perturb-up-to", 2, True, rng())
    assert found.shape == (50, 7, 2)
    assert all(different(row) == 4 for row in found)


def test_number_and_users_of_a_perturbation_are_uniform() -> None:
    users, flips, count = 6, 4, 40_000
    found = candidates(np.zeros((count, users)), 2, "perturb-up-to", flips, True, rng(11))[:, 1]
    number = found.sum(axis=-1)
    assert chisquare(np.bincount(number, minlength=flips + 1)[1:]).pvalue > 1e-3
    for c in range(1, flips + 1):
        sets = [tuple(row) for row in found[number == c].tolist()]
        every = [tuple(int(i in chosen) for i in range(users)) for chosen in itertools.combinations(range(users), c)]
        assert chisquare([sets.count(one) for one in every]).pvalue > 1e-3


# ---------------------------------------------------------------------- order-preserving


def by_definition(m: list[float], k: int) -> list[list[int]]:
    """Quantise one instance word for word as Huang, Bi and Zhang (2020, section 4.2) do."""
    rows = [[1 if one > 0.5 else 0 for one in m]]
    ordered = sorted(range(len(m)), key=lambda i: abs(m[i] - 0.5))
    for j in range(k - 1):
        threshold = m[ordered[j]]
        rows.append([1 if one > threshold or (one == threshold and threshold <= 0.5) else 0 for one in m])
    return rows


@given(outputs(), st.integers(1, 7))
def test_order_preserving_is_the_definition(m: Array, k: int) -> None:
    k = min(k, m.shape[1] + 1)
    found = candidates(m, k, "order-preserving", 1, True, rng())
    assert found.tolist() == [by_definition(row, k) for row in m.tolist()]


@given(outputs(), st.integers(1, 7))
def test_order_preserving_preserves_order(m: Array, k: int) -> None:
    found = candidates(m, min(k, m.shape[1] + 1), "order-preserving", 1, True, rng())
    for row, decisions in zip(m, found, strict=True):
        for i, j in itertools.permutations(range(len(row)), 2):
            if row[i] > row[j]:
                assert (decisions[:, i] >= decisions[:, j]).all()


def test_order_preserving_of_outputs_that_differ_gives_candidates_that_differ() -> None:
    m = rng(1).random((200, 5))
    assert all(different(row) == 6 for row in candidates(m, 6, "order-preserving", 1, True, rng()))


# ---------------------------------------------------------------------- nearest neighbours


@given(outputs(), st.data())
def test_nearest_neighbours_are_the_nearest_of_all_vectors(m: Array, data: st.DataObject) -> None:
    users = m.shape[1]
    k = data.draw(st.integers(1, 2**users))
    found = candidates(m, k, "nearest-neighbour", 1, True, rng())
    every = np.array(list(itertools.product((0, 1), repeat=users)))
    for row, decisions in zip(m, found, strict=True):
        assert different(decisions) == k
        distance = np.linalg.norm(decisions - row, axis=-1)
        expected = np.sort(np.linalg.norm(every - row, axis=-1))[:k]
        np.testing.assert_allclose(distance, expected, rtol=0, atol=1e-7)


def test_many_users_have_nearest_neighbours_without_enumeration() -> None:
    found = candidates(rng(2).random((3, 200)), 50, "nearest-neighbour", 1, True, rng())
    assert found.shape == (3, 50, 200)
    assert all(different(row) == 50 for row in found)
