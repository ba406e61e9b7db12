"""Branching on counts: users however alike, what families are best, and proofs that hold wherever the search stops."""

import itertools
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt import Status
from mecopt.models import BandwidthPower, BinaryOffloading, ComputationRate, MultiServerOffloading, PricedPower
from mecopt.search.count_tree import CountTree
from mecopt.search.exact import PriceAndFix
from mecopt.search.families import FREE, Family, best_set
from mecopt.search.groups import groups

ONE_RESOURCE: tuple[type[mecopt.Problem], ...] = (BinaryOffloading, ComputationRate, BandwidthPower, PricedPower)


def _alike(cls: type[mecopt.Problem], rng: np.random.Generator, users: int, spread: float, count: int = 1) -> mecopt.Problem:
    """Draw instances in which users differ by so much (relative) in every field, and about half of them offload."""

    def near(value: float) -> np.ndarray:
        return value * (1.0 + spread * rng.uniform(-1.0, 1.0, (count, users)))

    def about(value: float) -> np.ndarray:
        return value * users * rng.uniform(0.5, 1.5, count)

    if cls is BinaryOffloading:
        local = {"data_size": near(12.0), "upload_rate": near(2.5), "local_rate": near(3.0), "local_power": near(3.0)}
        return BinaryOffloading(**local, capacity=about(2.5))
    if cls is ComputationRate:
        return ComputationRate(channel_gain=near(3e-6), weight=near(1.0), bandwidth=about(1e5))
    if cls is BandwidthPower:
        radio = {"channel_gain": near(1e-7), "data_size": near(8e5), "local_time": near(1.0), "energy_budget": near(0.4)}
        return BandwidthPower(**radio, bandwidth=about(2e5))
    radio = {"channel_gain": near(4e-7), "data_size": near(8e5), "interference_gain": near(4e-9), "local_cost": near(0.9)}
    return PricedPower(**radio, energy_price=0.5, interference_limit=about(3e-11))


def _agrees(batch: mecopt.Problem, gap: float | None = None, within: float = 1e-11) -> mecopt.Solution[Any, Any]:
    """Solve, and compare with enumeration: the same values, and bounds that they do not contradict."""
    exact, oracle = mecopt.solve(batch, gap=gap, throw=False), mecopt.solve(batch, solver="enumerate", throw=False)
    assert list(np.ravel(exact.status)) == list(np.ravel(oracle.status))
    some = np.isfinite(oracle.objective)
    best, found, bound = oracle.objective[some], exact.objective[some], exact.bound[some]
    allowed = within if gap is None else max(gap, within)
    assert (batch.sign * (found - best) <= allowed * np.abs(best)).all()
    assert (batch.sign * (found - bound) <= allowed * np.abs(found)).all()
    assert (batch.sign * (best - bound) >= -1e-12 * np.abs(best)).all()
    return exact


@pytest.mark.parametrize("cls", ONE_RESOURCE)
@pytest.mark.parametrize("spread", [0.0, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 0.1, 0.999])
def test_users_however_alike_are_proved(cls: type[mecopt.Problem], spread: float) -> None:
    rng, parted = np.random.default_rng(int(-np.log10(spread + 1e-16))), 0
    for users in (1, 2, 5, 9):
        counts = (_agrees(_alike(cls, rng, users, spread, 6)).decision == 1).sum(axis=-1)
        parted += int(((counts > 0) & (counts < users)).sum())
    assert parted > 1  # of like users some offload and some do not


@pytest.mark.parametrize("cls", ONE_RESOURCE)
@pytest.mark.parametrize("gap", [1e-9, 1e-6, 1e-2, 0.2])
def test_a_gap_that_is_asked_for_is_proved_among_users_nearly_alike(cls: type[mecopt.Problem], gap: float) -> None:
    rng = np.random.default_rng(3)
    for spread in (0.0, 1e-12, 1e-3):
        assert _agrees(_alike(cls, rng, 8, spread, 8), gap=gap).statuses() == {"OPTIMAL": 8}


@pytest.mark.parametrize("cls", ONE_RESOURCE)
@pytest.mark.parametrize("spread", [1e-12, 1e-6, 1e-2])
def test_a_handful_of_nodes_proves_what_no_price_tells_apart(cls: type[mecopt.Problem], spread: float) -> None:
    batch = _alike(cls, np.random.default_rng(4), 60, spread, 4)
    answer = mecopt.solve(batch, gap=1e-6)
    assert answer.statuses() == {"OPTIMAL": 4}
    assert (answer.stats.iterations <= 61).all()
    counts = (answer.decision == 1).sum(axis=-1)
    assert ((counts > 0) & (counts < 60)).any()  # and the middle is hard: everybody ties


def _equal_but_for(cls: type[mecopt.Problem], users: int, spread: float) -> mecopt.Problem:
    """Draw users equal but for `spread`, everything else drawn after them."""
    rng = np.random.default_rng([users, 0])

    def near(value: float) -> np.ndarray:
        return value * (1.0 + spread * rng.uniform(-1.0, 1.0, users))

    if cls is BinaryOffloading:
        local = {"data_size": near(12.0), "upload_rate": near(2.5), "local_rate": near(3.0), "local_power": near(3.0)}
        return BinaryOffloading(**local, capacity=75.0 * rng.uniform(0.8, 1.2))
    if cls is BandwidthPower:
        radio = {"channel_gain": near(1e-7), "data_size": near(8e5), "local_time": near(1.0)}
        return BandwidthPower(**radio, bandwidth=9e6 * rng.uniform(0.8, 1.2), energy_budget=near(0.4))
    return ComputationRate(channel_gain=near(4e-6), weight=1.0)


@pytest.mark.parametrize(
    ("cls", "users", "spread", "most"),
    [
        *((BinaryOffloading, 30, spread, 31) for spread in (0.0, 1e-12, 1e-9, 1e-6)),
        *((BandwidthPower, 30, spread, 15) for spread in (1e-9, 1e-6)),
        *((ComputationRate, users, spread, 23) for users, spread in ((20, 1e-6), (50, 1e-3), (50, 1e-2))),
    ],
)
def test_users_whom_millions_of_nodes_did_not_prove_are_proved(
    cls: type[mecopt.Problem], users: int, spread: float, most: int
) -> None:
    """Decisions of equally many users differ by the spread only, so the best of one for each number is nearly the best."""
    problem = _equal_but_for(cls, users, spread)
    answer = mecopt.solve(problem, gap=1e-6)
    assert answer.status is Status.OPTIMAL
    assert int(answer.stats.iterations) <= most  # nodes, or prefixes that a theorem scores
    one_for_each = problem.optimal_value(np.tri(users + 1, users, -1, dtype=np.int8))
    best = float((problem.sign * one_for_each).min())
    lost = problem.sign * float(answer.objective) - best
    assert -20.0 * spread * abs(best) - 1e-12 * abs(best) <= lost <= 1e-6 * abs(best)


def _absent_or_local(cls: type[mecopt.Problem]) -> tuple[str, str]:
    """Return the field of which 0 makes a user absent, and the one of which 0 keeps it from offloading."""
    return {
        BinaryOffloading: ("data_size", "upload_rate"),
        ComputationRate: ("weight", "channel_gain"),
        BandwidthPower: ("weight", "energy_budget"),
        PricedPower: ("data_size", "max_power"),
    }[cls]


@pytest.mark.slow
@pytest.mark.parametrize("cls", ONE_RESOURCE)
def test_thousands_of_instances_of_users_alike_are_never_proved_wrong(cls: type[mecopt.Problem]) -> None:
    """Users differ by a spread, are of few classes, or some of them have zeros."""
    rng, seen, parted = np.random.default_rng(15), 0, 0
    for spread, users, kind in itertools.product((0.0, 1e-12, 1e-6, 1e-3, 0.1, 0.999), (3, 6, 8, 10), range(3)):
        data = _alike(cls, rng, users, spread, 30).data()
        if kind == 1:
            member = rng.integers(0, 2, (30, users))
            data = {
                name: np.take_along_axis(value, member, axis=1) if value.shape == member.shape else value
                for name, value in data.items()
            }
        elif kind == 2:
            for name in _absent_or_local(cls):
                data[name] = np.where(rng.random((30, users)) < 0.2, 0.0, data[name])
        counts = (_agrees(cls(**data), gap=(None, 1e-6, 1e-3)[int(rng.integers(3))]).decision == 1).sum(axis=-1)
        seen, parted = seen + counts.size, parted + int(((counts > 0) & (counts < users)).sum())
    assert seen > 2_000
    assert parted > 500


@pytest.mark.parametrize("cls", ONE_RESOURCE)
def test_classes_of_equal_and_nearly_equal_users_are_proved(cls: type[mecopt.Problem]) -> None:
    rng = np.random.default_rng(5)
    for spread, classes in itertools.product((0.0, 1e-13, 1e-7, 1e-2), (2, 3)):
        base = _alike(cls, rng, classes, 0.5, 5)
        kind = rng.integers(0, classes, 8)
        fields = {
            name: value[:, kind] * (1.0 + spread * rng.uniform(-1.0, 1.0, (5, 8)))
            if value.ndim == 2
            else value * 8 / classes
            for name, value in base.data().items()
        }
        _agrees(cls(**fields))


@pytest.mark.parametrize("cls", ONE_RESOURCE)
@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1e6, 1e9])
def test_the_unit_of_the_objective_changes_no_proof(cls: type[mecopt.Problem], unit: float) -> None:
    """Costs and rates are scaled by weights and tasks, so that prices are of any magnitude."""
    rng = np.random.default_rng(6)
    for spread in (0.0, 1e-12, 1e-4):
        base = _alike(cls, rng, 7, spread, 5).data()
        scaled = {
            BinaryOffloading: ("data_size",),
            ComputationRate: ("weight",),
            BandwidthPower: ("weight",),
            PricedPower: ("weight", "local_cost"),
        }[cls]
        _agrees(cls(**{name: value * unit if name in scaled else value for name, value in base.items()}))


@pytest.mark.parametrize("cls", ONE_RESOURCE)
def test_users_who_are_absent_or_cannot_offload_stand_among_users_nearly_alike(cls: type[mecopt.Problem]) -> None:
    rng = np.random.default_rng(7)
    for spread in (0.0, 1e-12, 1e-3):
        base = _alike(cls, rng, 9, spread, 8).data()
        for name in _absent_or_local(cls):
            base[name] = np.where(rng.random((8, 9)) < 0.3, 0.0, base[name])
        _agrees(cls(**base))


def test_users_who_have_to_offload_stand_among_users_nearly_alike() -> None:
    rng = np.random.default_rng(8)
    for spread in (0.0, 1e-12, 1e-3):
        base = _alike(BinaryOffloading, rng, 8, spread, 10).data()
        base["local_rate"] = np.where(rng.random((10, 8)) < 0.3, 0.0, base["local_rate"])
        base["upload_rate"] = np.where(rng.random((10, 8)) < 0.1, 0.0, base["upload_rate"])
        statuses = _agrees(BinaryOffloading(**base)).statuses()
        assert statuses.get("OPTIMAL", 0) > 2
        assert sum(statuses.values()) == 10


@pytest.mark.parametrize("cls", ONE_RESOURCE)
def test_limits_that_are_exactly_met_are_met(cls: type[mecopt.Problem]) -> None:
    """The resource is what the users of a decision take at the price at which one more, equal, user ties."""
    rng = np.random.default_rng(9)
    for users in (3, 8):
        base = _alike(cls, rng, users, 0.0, 6)
        if isinstance(base, BinaryOffloading):
            terms = base.terms()
            root = np.sqrt(terms.compute[:, 0])
            count = rng.integers(1, users + 1, 6)
            # 2 k s / F = (L - u) / s, so that k users are worth their price exactly
            exact = 2.0 * count * root**2 / (terms.local[:, 0] - terms.upload[:, 0])
            _agrees(BinaryOffloading(**{**base.data(), "capacity": exact}))
        elif isinstance(base, BandwidthPower):
            budget = base.data_size * base.noise_density[:, None] * np.log(2.0) / base.channel_gain
            for factor in (1.0, 1.0 + 1e-15, 1.0 + 1e-9, 1.0 - 1e-12):
                _agrees(BandwidthPower(**{**base.data(), "energy_budget": budget * factor}))
        elif isinstance(base, PricedPower):
            sent = mecopt.allocate(base, np.ones((6, users), dtype=np.int8), throw=False).allocation.transmit_power
            full = (base.interference_gain * sent).sum(axis=-1)
            for factor in (1.0, 1.0 + 1e-12, 1.0 - 1e-12):
                _agrees(PricedPower(**{**base.data(), "interference_limit": full * factor}))
        elif isinstance(base, ComputationRate):
            power = 10.0 ** rng.uniform(-1.0, 2.0, 6)
            _agrees(ComputationRate(**{**base.data(), "transmit_power": power}))


@pytest.mark.parametrize("cls", ONE_RESOURCE)
def test_a_bound_is_valid_wherever_the_search_stops(cls: type[mecopt.Problem]) -> None:
    rng = np.random.default_rng(10)
    for spread in (0.0, 1e-9, 1e-2, 0.5):
        batch = _alike(cls, rng, 8, spread, 6)
        best = mecopt.solve(batch, solver="enumerate").objective
        solver, before = cls.solvers["exact"], None
        assert isinstance(solver, PriceAndFix)
        for nodes in (1, 2, 3, 4, 6, 9, 14, 40):
            found = PriceAndFix.prove(solver, batch, None, node_limit=nodes)
            assert found.bound is not None
            assert np.max(found.iterations) <= nodes
            assert (batch.sign * (best - found.bound) >= -1e-12 * np.abs(best)).all()
            if before is not None:  # the least bound never falls
                assert (batch.sign * (found.bound - before) >= -1e-12 * np.abs(best)).all()
            before = found.bound


@pytest.mark.parametrize("cls", ONE_RESOURCE)
def test_a_tree_cut_into_nodes_and_short_of_memory_proves_the_same(cls: type[mecopt.Problem]) -> None:
    """Node by node; and depth first from the second node that waits on."""
    rng = np.random.default_rng(11)
    deep = 0
    for spread in (1e-3, 0.05, 0.5):
        for problem in _alike(cls, rng, 9, spread, 4):
            best = problem.sign * float(mecopt.solve(problem, solver="enumerate").objective)
            solver = cls.solvers["exact"]
            assert isinstance(solver, PriceAndFix)
            data = solver.data_of_one(problem)
            for most_waiting in (10_000, 1):
                tree = CountTree(data, 9, 2, solver.price(data), None, most_waiting=most_waiting)
                while not tree.done:
                    tree.descend(1e-12, 1)
                deep = max(deep, tree.nodes)
                assert tree.bound <= best + 1e-12 * abs(best)
                assert tree.bound >= best - 2e-12 * abs(best)
                assert problem.sign * float(problem.optimal_value(tree.best)) == pytest.approx(best, rel=1e-11)
    assert deep > 2


def test_the_proof_of_a_theorem_is_kept() -> None:
    """Prefixes of users alike but for 1e-9 are proved within 1e-6 without a search, and never lose that bound."""
    rng = np.random.default_rng(12)
    batch = _alike(BinaryOffloading, rng, 30, 1e-9, 5)
    answer = mecopt.solve(batch, gap=1e-6)
    assert (answer.stats.iterations == 31).all()
    assert answer.statuses() == {"OPTIMAL": 5}
    cut = mecopt.solve(batch, time_limit=0.0)
    assert (cut.gap <= 1e-7).all()
    assert mecopt.solve(batch, solver="prefix", gap=1e-6).statuses() == {"OPTIMAL": 5}
    with pytest.raises(mecopt.InstanceError, match="the same for all users"):
        mecopt.solve(batch, solver="prefix")


@pytest.mark.parametrize("gap", [1e-2, 0.3])
def test_who_asks_for_a_gap_gets_no_more_search_among_identical_users(gap: float) -> None:
    equal = ComputationRate(channel_gain=np.full(20, 3e-6), weight=1.0)
    full, early = mecopt.solve(equal), mecopt.solve(equal, gap=gap)
    assert early.status is Status.OPTIMAL
    assert float(early.gap) <= gap
    assert int(early.stats.iterations) < int(full.stats.iterations)
    assert float(early.objective) >= float(full.objective) * (1.0 - gap)


def test_one_server_of_many_is_proved_as_binary_offloading_is() -> None:
    rng = np.random.default_rng(13)
    gain = 1e-8 * (1.0 + 1e-9 * rng.uniform(-1.0, 1.0, (3, 40, 1)))
    many = MultiServerOffloading(channel_gain=gain, workload=1e9 * (1.0 + 1e-9 * rng.uniform(-1.0, 1.0, (3, 40))))
    answer = mecopt.solve(many, gap=1e-9)
    assert answer.statuses() == {"OPTIMAL": 3}


@pytest.mark.parametrize("kind", ["unlike", "alike", "tied", "without work"])
@pytest.mark.parametrize("first", [1e-9, 1.0, 1e9])
def test_a_count_of_one_server_is_bounded_by_the_best_price(kind: str, first: float) -> None:
    """Of sets of load S and linear cost B the dual is the least ``B + p S - p^2 F / 4``: p is a peak, or two of them tie."""
    rng, users = np.random.default_rng(16), 6
    everything = np.array(list(itertools.product((0, 1), repeat=users)), dtype=np.int8)
    inner = 0
    for _ in range(20):
        if kind == "tied":
            problem = BinaryOffloading.sample(rng, preset="subset-sum", users=users)
        elif kind == "alike":
            problem = BinaryOffloading(**_alike(BinaryOffloading, rng, users, 1e-9)[0].data())
        else:
            problem = BinaryOffloading.sample(rng, preset="heterogeneous", users=users)
        if kind == "without work":
            problem = BinaryOffloading(**{**problem.data(), "data_size": problem.data_size * rng.integers(0, 2, users)})
        terms = problem.server_terms()
        cost, root, capacity = terms.cost[0], terms.root[0], float(terms.capacity[0, 0])
        data = BinaryOffloading.solvers["exact"].data_of_one(problem)  # type: ignore[attr-defined]
        least = int(rng.integers(0, users))
        most = int(rng.integers(least, users))
        sets = everything[(everything.sum(axis=1) >= least) & (everything.sum(axis=1) <= most)]
        linear, load = np.where(sets == 1, cost[:, 1], cost[:, 0]).sum(axis=1), sets @ root
        with np.errstate(all="ignore"):
            ties = (linear[:, None] - linear) / (load - load[:, None])
        prices = np.concatenate([2.0 * load / capacity, ties[np.isfinite(ties) & (ties > 0)]])
        dual = (linear + prices[:, None] * load - 0.25 * capacity * prices[:, None] ** 2).min(axis=1)
        found = CountTree.counted(data, users, np.array([first * max(float(prices.max()), 1e-300)]), least, most)
        assert found == pytest.approx(dual.max(), rel=1e-12)
        assert found <= (linear + load**2 / capacity).min() * (1.0 + 1e-14)
        inner += dual.max() > dual[: load.size].max() * (1.0 + 1e-9)
    assert inner or kind == "without work"  # two sets tie where neither has its peak


def test_the_best_set_of_a_family_is_the_best_of_all_of_its_sets() -> None:
    rng = np.random.default_rng(14)
    everything = np.array(list(itertools.product((0, 1), repeat=7)), dtype=np.int8)
    empty = 0
    for _ in range(400):
        ties = rng.random() < 0.5
        gain = rng.integers(-3, 4, 7).astype(float) if ties else rng.normal(size=7)
        found = groups(rng.random((1, 7)))
        place = np.empty(7, dtype=np.int64)
        place[found.order] = np.arange(7)
        state = rng.choice([FREE, FREE, FREE, FREE, 0, 1], 7).astype(np.int8)
        chosen_groups = np.flatnonzero(rng.random(found.first.size) < 0.25)
        rows = []
        for g in sorted(chosen_groups.tolist(), key=lambda g: int(found.last[g] - found.first[g])):
            size = int(found.last[g] - found.first[g])
            least = int(rng.integers(0, size + 1))
            rows.append((int(found.first[g]), int(found.last[g]), least, int(rng.integers(least, size + 1))))
        limits = np.array(rows, dtype=np.int32).reshape(-1, 4)
        allowed = ((state == FREE) | (everything == state)).all(axis=1)
        for first, last, least, most in rows:
            counts = everything[:, found.order[first:last]].sum(axis=1)
            allowed &= (counts >= least) & (counts <= most)
        users, chosen = np.flatnonzero(state == FREE), np.empty(7, dtype=np.int8)
        there = best_set(Family(state, place, limits, len(limits)), gain, users, users.size, chosen)
        assert there == allowed.any()
        if there:
            assert allowed[(everything == chosen).all(axis=1)].all()
            assert float(gain @ chosen) == pytest.approx(float((everything[allowed] @ gain).max()), abs=1e-12)
        empty += not there
    assert 20 < empty < 300
