"""The exact search under limits on decisions: enumeration agrees, bounds hold at any time, and nothing else changes."""

import itertools
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt import Limit, Status
from mecopt.models import BandwidthPower, BinaryOffloading, ComputationRate, MultiServerOffloading, PricedPower

PROBLEMS: tuple[type[mecopt.Problem], ...] = (
    BinaryOffloading,
    ComputationRate,
    BandwidthPower,
    PricedPower,
    MultiServerOffloading,
)
ROUNDING = 1e-12
"""What counts as none, beside the sizes of weights and bound."""


def _weights(rng: np.random.Generator, users: int) -> np.ndarray:
    """Draw weights: counts, counts of some, whole numbers of both signs, real ones, and ones of very different sizes."""
    return (
        np.ones(users),
        rng.integers(0, 2, users).astype(float),
        rng.integers(-3, 6, users).astype(float),
        rng.uniform(-1.0, 2.0, users),
        10.0 ** rng.uniform(-6.0, 6.0, users),
    )[rng.integers(5)]


def _limit(rng: np.random.Generator, name: str, labels: tuple[str, ...], allowed: np.ndarray) -> Limit:
    """Draw a limit; most of them allow one decision that is given, so that several can be kept together."""
    users = allowed.size
    if users > 1 and rng.random() < 0.15:
        return Limit.alike(name, rng.choice(users, 2, replace=False).tolist())
    if rng.random() < 0.15:
        choice, who = rng.integers(len(labels)), [int(rng.integers(users))]
        return (Limit.forbidden if allowed[who] != choice else Limit.forced)(name, labels[choice], who)
    chosen = rng.choice(len(labels), 1 + int(rng.random() < 0.3), replace=False).tolist()
    weights = {labels[c]: _weights(rng, users) for c in chosen}
    total = sum(float(weights[labels[c]][allowed == c].sum()) for c in chosen)
    size = sum(float(np.abs(weights[labels[c]]).sum()) for c in chosen)
    shift = 0.0 if rng.random() < 0.7 else rng.uniform(-0.5, 0.5) * size
    form = rng.integers(4)
    if form == 0:
        return Limit(name, weights, most=total + shift)
    if form == 1:
        return Limit(name, weights, least=total + shift)
    if form == 2:
        return Limit(name, weights, equal=total + shift)
    return Limit(name, weights, least=total + shift - 0.1 * size, most=total + shift)


def _allowed(limits: list[Limit], labels: tuple[str, ...], decisions: np.ndarray) -> np.ndarray:
    """Say which decisions keep all limits, from what the limits say alone."""
    kept = np.ones(len(decisions), dtype=bool)
    for limit in limits:
        if limit.group is not None:
            assert limit.users is not None
            kept &= (decisions[:, limit.users] == decisions[:, limit.users[:1]]).all(axis=1)
            continue
        users = range(decisions.shape[1]) if limit.users is None else limit.users
        weight = np.zeros((decisions.shape[1], len(labels)))
        for label, value in limit.decision.items():
            weight[list(users), labels.index(label)] = np.broadcast_to(value, decisions.shape[1])[list(users)]
        total = np.take_along_axis(weight[None], decisions[..., None].astype(int), axis=2)[..., 0].sum(axis=1)
        size = np.abs(weight).max(axis=1).sum()
        least = limit.least if limit.equal is None else limit.equal
        most = limit.most if limit.equal is None else limit.equal
        if least is not None:
            kept &= total >= least - ROUNDING * (size + abs(least))  # type: ignore[arg-type]
        if most is not None:
            kept &= total <= most + ROUNDING * (size + abs(most))  # type: ignore[arg-type]
    return kept


def _drawn(cls: type[mecopt.Problem], rng: np.random.Generator) -> tuple[Any, list[Limit], np.ndarray]:
    """Draw an instance, limits, and all decisions that keep them."""
    preset = sorted(cls.presets)[rng.integers(len(cls.presets))]
    problem: Any = cls.sample(rng, preset=preset)
    choices = len(problem.choices.labels)
    users = int(rng.integers(1, {2: 11, 3: 7}.get(choices, 6)))
    problem = problem.sample(rng, preset=preset, users=users)
    every = np.array(list(itertools.product(range(choices), repeat=problem.users)), dtype=np.int8)
    labels = ("local", "offload") if choices == 2 else tuple(problem.choices.labels)
    given = every[rng.integers(len(every))]
    limits = [_limit(rng, f"limit {k}", labels, given) for k in range(rng.integers(1, 5))]
    return problem, limits, every[_allowed(limits, labels, every)]


def _agree(cls: type[mecopt.Problem], count: int, seed: int) -> None:
    rng, infeasible = np.random.default_rng(seed), 0
    for _ in range(count):
        problem, limits, kept = _drawn(cls, rng)
        values = problem.sign * problem.optimal_value(kept) if len(kept) else np.array([np.inf])
        best = float(values[~np.isnan(values)].min(initial=np.inf))
        answer = mecopt.solve(problem.limited(*limits), throw=False)
        if best == np.inf:
            assert answer.status is Status.INFEASIBLE, (problem, limits)
            infeasible += 1
            continue
        assert answer.status is Status.OPTIMAL, (problem, limits)
        assert (kept == answer.decision).all(axis=1).any(), (problem, limits)
        assert problem.sign * float(answer.objective) == pytest.approx(best, rel=1e-9), (problem, limits)
        assert problem.sign * float(answer.bound) <= best + 1e-9 * abs(best), (problem, limits)
    assert 0.05 * count < infeasible < 0.95 * count


@pytest.mark.parametrize("cls", PROBLEMS)
def test_enumeration_under_limits_agrees(cls: type[mecopt.Problem]) -> None:
    _agree(cls, 60, 181)


@pytest.mark.slow
@pytest.mark.parametrize("cls", PROBLEMS)
def test_enumeration_of_two_thousand_limited_instances_agrees(cls: type[mecopt.Problem]) -> None:
    _agree(cls, 2000, 182)


@pytest.mark.parametrize("cls", PROBLEMS)
def test_limits_that_nothing_breaks_change_no_digit(cls: type[mecopt.Problem]) -> None:
    for preset in sorted(cls.presets):
        problem = cls.sample(np.random.default_rng(183), (3,), preset=preset)
        some = np.random.default_rng(184).uniform(0.0, 1.0, problem.users)
        limited = problem.limited(
            Limit("places", {"offload": 1.0}, most=problem.users), Limit("weight", {"offload": some}, most=some.sum())
        )
        free, mine = (one.solvers["exact"].search(one, start=None, gap=None, time_limit=None, rng=np.random.default_rng())
                      for one in (problem, limited))  # fmt: skip
        assert free.decision.tobytes() == mine.decision.tobytes()
        assert free.bound is not None
        assert mine.bound is not None
        assert free.bound.tobytes() == mine.bound.tobytes()
        assert np.array_equal(free.solver_calls, mine.solver_calls)


@pytest.mark.parametrize("cls", PROBLEMS)
def test_bounds_hold_wherever_a_limited_search_stops(cls: type[mecopt.Problem]) -> None:
    rng = np.random.default_rng(185)
    problem: Any = cls.sample(rng, users=14)
    free = mecopt.solve(problem)
    weights = [rng.uniform(0.1, 1.0, 14) for _ in range(3)]
    most = [0.6 * float(w[free.decision > 0].sum()) for w in weights]
    limited = problem.limited(*(Limit(f"limit {k}", {"offload": weights[k]}, most=most[k]) for k in range(3)))
    exact, bounds = limited.solvers["exact"], []
    best = problem.sign * float(mecopt.solve(limited).objective)
    for nodes in (1, 2, 3, 5, 9, 17):
        found = exact.prove(limited, None, node_limit=nodes)
        bounds.append(problem.sign * float(found.bound))
    assert all(bound <= best + 1e-9 * abs(best) for bound in bounds)
    assert all(np.diff(bounds) >= -1e-9 * abs(best))
    assert best > problem.sign * float(free.objective) + 1e-6 * abs(best)  # the limits bind, or nothing was tested


@pytest.mark.parametrize("cls", PROBLEMS)
def test_a_start_is_kept_only_if_it_keeps_the_limits(cls: type[mecopt.Problem]) -> None:
    problem: Any = cls.sample(np.random.default_rng(186), users=8)
    limited = problem.limited(Limit("three", {"offload": 1.0}, equal=3))
    best = mecopt.solve(limited)
    assert int((best.decision > 0).sum()) == 3
    for start in (best.decision, np.zeros(8, dtype=np.int8)):
        exact = limited.solvers["exact"]
        found = exact.prove(limited, start)
        assert int((found.decision > 0).sum()) == 3
        assert float(found.bound) == pytest.approx(float(best.bound), rel=1e-9)


def test_users_that_decide_alike_are_one_item_of_the_search() -> None:
    from mecopt.contract.limits import RowsOfEach
    from mecopt.search.limited import limited_instances

    problem = BinaryOffloading.sample(np.random.default_rng(187), users=6)
    limited = problem.limited(Limit("pairs", group=[1, 1, 0, 2, 2, 2]), Limit("at most three", {"offload": 1}, most=3))
    exact: Any = problem.solvers["exact"]
    (data,) = limited_instances(exact.compile_data(problem), RowsOfEach(limited))
    assert data.item[0] == data.item[1]
    assert data.item[3] == data.item[4] == data.item[5]
    assert len(set(data.item.tolist())) == 3
    assert data.weight.tolist() == [[0.5, 0.25, 0.75]]  # two, one and three users, in quarters


@pytest.mark.parametrize("cls", [BinaryOffloading, MultiServerOffloading])
def test_rows_of_each_instance_are_those_of_all(cls: type[mecopt.Problem]) -> None:
    from mecopt.contract.limits import RowsOfEach, breakable, decision_rows

    rng = np.random.default_rng(188)
    problem: Any = cls.sample(rng, (6,), users=5)
    groups = rng.integers(0, 3, (6, 5))
    groups[2] = 0
    limited = problem.limited(
        Limit("first", {"offload": rng.uniform(size=(6, 5))}, most=rng.uniform(0.0, 4.0, 6)), Limit("alike", group=groups),
        Limit("last", {"local": 1.0}, least=[0, 1, 0, 2, 0, 6]),
    )  # fmt: skip
    every, each = decision_rows(limited), RowsOfEach(limited)
    assert len(each) == 6
    for b in range(6):
        one, wanted = each[b], np.array([np.abs(row).max() > 0.0 for row in every.weight[b]])
        for mine, all_of in zip(one[:3], every[:3], strict=True):
            assert np.array_equal(mine[0], all_of[b, wanted])
        assert np.array_equal(one.rule, every.rule[wanted])
    assert np.array_equal(each.binding, breakable(every).any(axis=1))


def test_users_who_decide_alike_take_little_memory_of_a_batch() -> None:
    import tracemalloc

    from mecopt.contract.limits import RowsOfEach
    from mecopt.search.limited import limited_instances

    problem = BinaryOffloading.sample(np.random.default_rng(189), (200,), users=100)
    limited: Any = problem.limited(Limit.alike("all", range(100)))
    exact: Any = problem.solvers["exact"]
    decision = problem.decision_space.sample(np.random.default_rng(190), (200,))
    held = sum(array.nbytes for array in limited.data().values())
    data = exact.compile_data(problem)
    for work in (lambda: limited_instances(data, RowsOfEach(limited)), lambda: limited.move_values(decision)):
        work()  # imports and compiles
        tracemalloc.start()
        work()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 15 * held  # rows of all together are 79 times as much
