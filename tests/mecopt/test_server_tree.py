"""Branching on counts for many servers: users however alike, proofs wherever the search stops, decisions near the loads."""

import itertools

import numpy as np
import pytest

import mecopt
from mecopt import Status
from mecopt.kernels.servers import Servers, costs, servers
from mecopt.models import MultiServerOffloading
from mecopt.search.server_counts import LEADER, LEAST, MOST, Node, interchangeable
from mecopt.search.server_limits import Limits
from mecopt.search.server_tree import ServerTree, prepared

Array = np.ndarray

SPREADS = [0.0, 1e-12, 1e-6, 1e-3, 1e-2, 0.1, 1.0]
KINDS = ["equal", "linked", "unequal"]


def _near(rng: np.random.Generator, users: int, count: int, spread: float, kind: str, speed: float) -> MultiServerOffloading:
    """Draw users that differ by so much, on servers that are equal, differ in channels, or in speed as well."""

    def near(value: float, *shape: int) -> Array:
        return value * (1.0 + spread * rng.uniform(-1.0, 1.0, shape or users))

    gain = np.outer(near(1e-8), np.ones(count)) if kind == "equal" else near(1e-8, users, count)
    speeds = near(speed * users, count) if kind == "unequal" else np.full(count, speed * users)
    task = {"workload": near(1e9), "local_speed": near(3e8), "data_size": near(4e5)}
    return MultiServerOffloading(channel_gain=gain, server_speed=speeds, **task)


def _drawn(rng: np.random.Generator) -> Servers:
    """Draw one small instance with ties, zeros, forbidden links, full servers, bounded shares, and units far apart."""
    users, count = int(rng.integers(1, 7)), int(rng.integers(1, 4))
    spread, unit = float(rng.choice([0.0, 1e-15, 1e-9, 1e-3, 0.1, 1.0])), 10.0 ** float(rng.integers(-9, 10))

    def near(*shape: int) -> Array:
        return np.asarray(1.0 + spread * rng.uniform(-0.5, 0.5, shape))

    root = near(users) * (rng.choice([0.0, 0.5, 1.0, 2.0], users) if rng.random() < 0.3 else 1.0)
    equal = rng.random() < 0.5
    capacity = np.full(count, rng.choice([0.1, 0.3, 1.0, 3.0])) if equal else rng.choice([0.3, 1.0, 2.0], count)
    upload = np.repeat(near(users, 1), count, 1) if equal else near(users, count)
    cost = np.concatenate([near(users, 1) * rng.choice([1.0, 3.0, 10.0, 30.0]), upload * rng.choice([0.1, 1.0, 3.0])], 1)
    if rng.random() < 0.3:
        cost, root = np.round(cost * 4) / 4, np.round(root * 2) / 2
    if rng.random() < 0.3:
        cost[rng.random(cost.shape) < 0.2] = np.inf
    if rng.random() < 0.3:
        cost[rng.random(users) < 0.5, 0] = np.inf
    lower = upper = places = None
    if rng.random() < 0.35:
        lower = rng.choice([0.0, 0.0, 0.1, 0.25, 1 / 3, 0.5], (users, count)) * capacity
        upper = np.maximum(lower, rng.choice([0.2, 0.5, 1.0, 1.0], (users, count)) * capacity)
    if rng.random() < 0.5:
        places = rng.choice([0.0, 1.0, 2.0, 3.0, np.inf], count)
    one = [None if part is None else part[None] for part in (lower, upper, places)]
    return servers(cost[None] * unit, root[None] * np.sqrt(unit), capacity[None], *one)


def _searched(terms: Servers, gap: float, nodes: int = 10**6) -> ServerTree:
    (data,) = prepared(terms, True)
    tree = ServerTree(data, terms.cost.shape[1], terms.cost.shape[2], data.first, None)
    tree.descend(gap, nodes)
    return tree


def _least(terms: Servers) -> float:
    users, choices = terms.cost.shape[1:]
    everything = np.array(list(itertools.product(range(choices), repeat=users)), dtype=np.int8)
    return float(costs(terms, everything[None]).min())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gap", [1e-12, 1e-6, 1e-2])
def test_what_is_searched_is_what_enumeration_finds(seed: int, gap: float) -> None:
    rng = np.random.default_rng([seed, 1])
    for _ in range(60):
        terms = _drawn(rng)
        tree, least = _searched(terms, gap), _least(terms)
        found = float(costs(terms, tree.best[None, None])[0, 0]) if np.isfinite(least) else np.inf
        assert tree.done
        assert tree.bound <= least <= found * (1.0 + 1e-12)
        if np.isfinite(least):
            assert found - tree.bound <= gap * found + 1e-14 * found
        else:
            assert tree.bound == np.inf


def test_a_bound_is_valid_wherever_the_search_stops() -> None:
    rng, stopped = np.random.default_rng(2), 0
    for _ in range(400):
        terms = _drawn(rng)
        least = _least(terms)
        for nodes in (1, 2, 3, 5):
            tree = _searched(terms, 1e-12, nodes)
            stopped += not tree.done
            assert tree.bound <= least
    assert stopped >= 20


def test_bounds_of_counts_are_below_all_decisions_with_these_counts() -> None:
    rng = np.random.default_rng(3)
    for _ in range(40):
        terms = _drawn(rng)
        users, choices = terms.cost.shape[1:]
        everything = np.array(list(itertools.product(range(choices), repeat=users)), dtype=np.int8)
        values = costs(terms, everything[None])[0]
        taken = (everything[..., None] == np.arange(choices)).sum(axis=1)
        (data,) = prepared(terms, True)
        for counts in np.unique(taken, axis=0):
            bound = ServerTree.counted(data, counts.astype(float), counts.astype(float))
            assert bound <= values[(taken == counts).all(axis=1)].min()


def test_users_who_have_to_compute_locally_are_counted_where_few_decisions_are_left() -> None:
    """Once they were not, and an optimum with a full server was passed over."""
    roots = np.array([0.0, 0.99979, 1.00009563, 0.999647389, 0.999955788, 1.00027692, 1.00032314])
    cost = np.repeat([[30.0, 0.1, 0.1]], 7, 0) + np.array([0, 1, -1, 2, 0, -2, 1])[:, None] * [1e-2, 1e-5, 2e-5]
    terms = servers(cost[None], roots[None], np.array([[2.0, 1.9995]]), None, None, np.array([[2.0, 2.0]]))
    tree = _searched(terms, 1e-12)
    assert tree.done
    assert tree.values[0] == pytest.approx(_least(terms), rel=1e-12)


def test_what_memory_held_before_changes_no_bit() -> None:
    rng = np.random.default_rng(7)
    for _ in range(60):
        terms = _drawn(rng)
        seen = set()
        for left in (0.0, np.nan, 1e300, -np.inf):
            junk = [np.full(size, left) for size in range(1, 40) for _ in range(4)]
            del junk
            tree = _searched(terms, 1e-6)
            seen.add((tree.bound, tree.nodes, tuple(tree.best.tolist())))
        assert len(seen) == 1


def test_places_that_are_worth_anything_take_no_digits_of_the_proof() -> None:
    """Two users would take years alone, and the server admits two; once that left a gap of 1.5e-7."""
    task = {"workload": np.full(6, 1e8), "data_size": np.full(6, 1e6), "local_speed": np.full(6, 3e7)}
    task["local_speed"][[0, 4]] = 3e-2
    problem = MultiServerOffloading(
        channel_gain=np.full((6, 2), 1e-8),
        server_speed=np.full(2, 1e9),
        weight=[1.0, 1.0, 2.0, 2.0, 1.0, 1.0],
        admission=[2.0, 0.0],
        **task,
    )
    answer = mecopt.solve(problem, gap=1e-9)
    assert answer.decision.tolist() == [1, 0, 0, 0, 1, 0]
    assert answer.status is Status.OPTIMAL


@pytest.mark.parametrize("count", [63, 64, 100])
def test_more_servers_than_users_serve_one_user_each(count: int) -> None:
    users = 5
    task = {"workload": np.full(users, 1e9), "local_speed": np.full(users, 1e8), "data_size": np.linspace(4e5, 5e5, users)}
    problem = MultiServerOffloading(
        channel_gain=np.full((users, count), 1e-8), server_speed=np.linspace(2e9, 1e9, count), **task
    )
    answer = mecopt.solve(problem, solver="price-and-fix")
    assert answer.status is Status.OPTIMAL
    # All weigh alike, so whoever takes which of the fastest servers, one each, costs the same.
    assert sorted(answer.decision) == [1, 2, 3, 4, 5]


def test_a_server_that_leads_another_one_is_not_interchangeable_with_one_that_does_not() -> None:
    """Exchanging servers 1 and 2 would break that 3 has no more users than 2."""
    (data,) = prepared(servers(np.ones((1, 6, 4)), np.ones((1, 6)), np.ones((1, 3))), True)
    numbers, marks, alike = np.zeros((3, 8)), np.zeros((2, 4), dtype=np.int64), np.empty(4, dtype=np.bool_)
    numbers[MOST], marks[LEADER] = 6.0, -1
    node = Node(
        np.ones((6, 4), dtype=np.bool_), Limits(np.zeros((4, 3), np.int64), numbers[LEAST], numbers[MOST]), numbers, marks
    )
    for leaders, expected in (((-1, -1, -1), [1, 2, 3]), ((-1, -1, 2), [1]), ((-1, 1, 1), [1])):
        marks[LEADER, 1:] = leaders
        interchangeable.py_func(data, node, 4, 1, alike)
        assert np.flatnonzero(alike).tolist() == expected
    marks[LEADER, 1:] = (-1, 1, 1)
    interchangeable.py_func(data, node, 4, 2, alike)
    assert np.flatnonzero(alike).tolist() == [2, 3]
    marks[LEADER, 1:], numbers[LEAST, 1:4], numbers[MOST, 1:4] = (-1, -1, 2), 2.0, 2.0
    interchangeable.py_func(data, node, 4, 1, alike)
    assert np.flatnonzero(alike).tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_twenty_users_however_alike_are_proved(count: int, kind: str) -> None:
    for spread in SPREADS:
        problem = _near(np.random.default_rng(count), 20, count, spread, kind, 2.5e8)
        answer = mecopt.solve(problem, solver="price-and-fix", gap=1e-6)
        assert answer.status is Status.OPTIMAL
        assert answer.gap <= 1e-6
        assert answer.stats.iterations <= 1000


@pytest.mark.parametrize(("users", "count", "speed"), [(20, 2, 5e9), (12, 4, 2e9), (12, 3, 2.5e9)])
def test_users_whom_many_thousand_nodes_did_not_prove_are_proved(users: int, count: int, speed: float) -> None:
    rng = np.random.default_rng([users, 0])
    near = [1.0 + 1e-3 * rng.uniform(-1.0, 1.0, users) for _ in range(4)]
    radio = {"channel_gain": np.outer(1e-8 * near[0], np.ones(count)), "data_size": 4e5 * near[3]}
    computing = {"workload": 1e9 * near[1], "local_speed": 3e8 * near[2], "server_speed": np.full(count, speed)}
    answer = mecopt.solve(MultiServerOffloading(**radio, **computing), gap=1e-6)
    assert answer.status is Status.OPTIMAL
    assert answer.stats.iterations <= 100


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spread", [0.0, 1e-6, 1e-2, 0.5])
def test_a_thousand_users_on_ten_servers_are_proved(spread: float, kind: str) -> None:
    problem = _near(np.random.default_rng(5), 1000, 10, spread, kind, 6.25e7)
    answer = mecopt.solve(problem, solver="price-and-fix", gap=1e-6)
    assert answer.status is Status.OPTIMAL
    assert answer.stats.iterations <= 500


@pytest.mark.parametrize("seed", [25, 30])
def test_a_thousand_unlike_users_with_limits_are_proved(seed: int) -> None:
    problem = MultiServerOffloading.sample(np.random.default_rng(seed), users=1000, servers=10, preset="limited")
    answer = mecopt.solve(problem, gap=1e-6)
    assert answer.status is Status.OPTIMAL
    assert answer.stats.iterations <= 250


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1e-3, 0.3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_users_and_servers_does_not_matter(kind: str, spread: float) -> None:
    rng = np.random.default_rng(6)
    problem = _near(rng, 9, 3, spread, kind, 2.5e8)
    users, count = rng.permutation(9), rng.permutation(3)
    data = problem.data()
    moved = MultiServerOffloading(
        channel_gain=data["channel_gain"][users][:, count],
        server_speed=data["server_speed"][count],
        **{name: data[name][users] for name in ("workload", "local_speed", "data_size")},
    )
    one, other = (mecopt.solve(item, solver="price-and-fix") for item in (problem, moved))
    assert other.objective == pytest.approx(one.objective, rel=1e-11)
