"""Groups of like users: nested, complete, and as narrow as sorting finds them."""

import numpy as np
import pytest

from mecopt.search.groups import ALL, Groups, groups, sort_users


def _members(found: Groups, group: int | np.integer) -> list[int]:
    return [int(i) for i in found.order[found.first[group] : found.last[group]]]


def _quantities(kind: str, users: int) -> np.ndarray:
    rng = np.random.default_rng((users, len(kind)))
    return {
        "spread": rng.uniform(0.0, 1.0, (1, users)),
        "equal": np.ones((1, users)),
        "classes": np.round(rng.uniform(0.0, 1.0, (2, users)) * 4),
        "rounding": 1.0 + 1e-15 * rng.integers(0, 9, (1, users)),
        "magnitudes": np.where(rng.random((3, users)) < 0.2, np.inf, 10.0 ** rng.uniform(-300, 300, (3, users))),
    }[kind]


@pytest.mark.parametrize("users", [1, 2, 7, 60])
@pytest.mark.parametrize("kind", ["spread", "equal", "classes", "rounding", "magnitudes"])
def test_groups_are_nested_down_to_equal_users(kind: str, users: int) -> None:
    quantities = _quantities(kind, users)
    found = groups(quantities)
    assert sorted(_members(found, ALL)) == list(range(users))
    ends = 0
    for g, (left, right) in enumerate(zip(found.left, found.right, strict=True)):
        members = _members(found, g)
        if left < 0:
            ends += len(members)
            assert (quantities[:, members] == quantities[:, members[:1]]).all()
        else:
            assert min(left, right) > g
            assert _members(found, left)
            assert _members(found, right)
            assert _members(found, left) + _members(found, right) == members
    assert ends == users


def test_a_division_halves_the_width_of_a_group() -> None:
    key = np.random.default_rng(0).lognormal(0.0, 2.0, 300)
    found = groups(key[None])
    for g in np.flatnonzero(found.left >= 0):
        for part in (found.left[g], found.right[g]):
            assert np.ptp(key[_members(found, part)]) <= 0.5 * np.ptp(key[_members(found, g)]) * (1.0 + 1e-15)


def test_users_far_apart_are_parted_before_users_nearly_alike() -> None:
    key = np.array([[2.0, 1.0, 2.0 + 1e-12, 1.0 - 1e-12, 1.0]])
    found = groups(key)
    assert _members(found, found.left[ALL]) == [3, 1, 4]
    assert _members(found, found.right[ALL]) == [0, 2]


def test_what_is_impossible_to_some_parts_them_from_those_to_whom_it_is_possible() -> None:
    found = groups(np.array([[1.0, 3.0, 2.0, 1.5], [1.0, np.inf, 1.0, np.inf]]))
    assert {tuple(sorted(_members(found, part))) for part in (found.left[ALL], found.right[ALL])} == {(0, 2), (1, 3)}


@pytest.mark.parametrize("users", [1, 2, 9, 17, 100, 1000])
def test_equal_users_are_sorted_by_their_numbers(users: int) -> None:
    rng = np.random.default_rng(users)
    for ties in (3, users * 1000):
        key, order = rng.integers(0, ties, users).astype(float), rng.permutation(users)
        sort_users(key, order)
        assert (order == np.argsort(key, kind="stable")).all()


def test_some_of_the_users_are_sorted_alone() -> None:
    key, order = np.arange(20.0)[::-1].copy(), np.arange(20)
    sort_users(key, order[5:17])
    assert order.tolist() == [*range(5), *range(16, 4, -1), *range(17, 20)]
