"""Limits of one's own on allocations: optima against cvxpy and enumeration, what prices prove, and what is refused."""

from __future__ import annotations

import itertools
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mecopt
from mecopt import InstanceError, Limit, Problem, Status, UnknownName
from mecopt.charged.answers import answers_of
from mecopt.charged.planes import Planes
from mecopt.cli.main import main
from mecopt.contract.limits import limits_of
from mecopt.data import digest, load, save
from mecopt.models import (
    BackscatterFrame,
    BandwidthPower,
    BinaryOffloading,
    ComputationRate,
    HybridSlot,
    InferenceQueue,
    MultiServerOffloading,
    PricedPower,
)

Array = NDArray[Any]

VARIABLES: dict[type[Problem], tuple[str, ...]] = {
    BinaryOffloading: ("server_rate",),
    ComputationRate: ("harvest_time", "offload_time"),
    BandwidthPower: ("band", "power"),
    PricedPower: ("transmit_power",),
    MultiServerOffloading: ("server_speed", "transmit_power"),
}
LIMITED = tuple(VARIABLES)
SIZES: dict[type[Problem], dict[str, Any]] = {MultiServerOffloading: {"users": 3, "servers": 2}}
HANDED_OUT: dict[type[Problem], float] = {ComputationRate: 1e6}
"""What the objective of a handed-out program counts in."""

AGREES = 1e-6
"""Relative distance of optima that Clarabel finds to 1e-9 of its own scale and those that are proved."""


def of_size(cls: type[Problem]) -> dict[str, Any]:
    """Return sizes of which all decisions can be looked at."""
    return SIZES.get(cls, {"users": 4})


def drawn(cls: type[Problem], rng: np.random.Generator, **sizes: Any) -> Problem:
    """Draw a small instance."""
    return cls.sample(rng, **{**of_size(cls), **sizes})


def some_decision(problem: Problem, rng: np.random.Generator) -> Array:
    """Draw a decision in which somebody offloads, where anybody can."""
    wanted = problem.decision_space.sample(rng)
    wanted[0] = 1
    return np.asarray(problem.mended(wanted))


def drawn_limits(problem: Problem, decision: Array, rng: np.random.Generator) -> list[Limit]:
    """Draw limits near what the unlimited answer of a decision gives, so that most bind and some contradict each other."""
    answer, cls, found = mecopt.allocate(problem, decision).allocation, type(problem), []
    for number in range(int(rng.integers(1, 4))):
        name = VARIABLES[cls][int(rng.integers(len(VARIABLES[cls])))]
        value = np.where(decision != 0, getattr(answer, name), 0.0) if name != "harvest_time" else getattr(answer, name)
        weight = rng.integers(0, 3, problem.users) * rng.uniform(0.2, 1.0) if name != "harvest_time" else np.float64(1.0)
        total = float((weight * value).sum())
        kind = "most" if cls is PricedPower else str(rng.choice(["most", "least", "equal", "both"]))
        bounds: dict[str, float] = {
            "most": {"most": total * rng.uniform(0.4, 1.2)},
            "least": {"least": total * rng.uniform(0.8, 1.3)},
            "equal": {"equal": total * rng.uniform(0.8, 1.2)},
            "both": {"least": 0.5 * total, "most": total * rng.uniform(0.6, 1.1)},
        }[kind]
        found.append(Limit(f"limit number {number}", allocation={name: weight}, **bounds))  # type: ignore[arg-type]
    return found


def by_hand(problem: Problem, decision: Array, limits: list[Limit]) -> float:
    """Return the optimum that Clarabel finds of the handed-out program with the rows of limits; nan where it finds none."""
    cp = pytest.importorskip("cvxpy")
    program = problem.to_cvxpy(decision)
    given, p = program.var_dict, problem.data()
    own: dict[str, Any] = {}
    unit: dict[str, float] = {}
    if isinstance(problem, BinaryOffloading):
        own, unit = {"server_rate": given["server_share"]}, {"server_rate": float(p["capacity"])}
    elif isinstance(problem, ComputationRate):
        own, unit = dict(given), {"harvest_time": 1.0, "offload_time": 1.0}
    elif isinstance(problem, BandwidthPower):
        own = {"band": given["band"], "power": cp.multiply(p["max_power"], given["power"])}
        unit = {"band": float(p["bandwidth"]), "power": 1.0}
    elif isinstance(problem, PricedPower):
        own, unit = dict(given), {"transmit_power": 1.0}
    else:
        speed = p["server_speed"][np.maximum(decision, 1) - 1]
        own = {
            "server_speed": cp.multiply(speed / speed.max(), given["speed_fraction"]),
            "transmit_power": cp.multiply(p["max_power"], given["power_fraction"]),
        }
        unit = {"server_speed": float(speed.max()), "transmit_power": 1.0}
    rows = []
    for limit in limits:
        ((name, weight),) = limit.allocation.items()
        total = cp.sum(cp.multiply(np.where(decision != 0, weight, 0.0), own[name])) if name != "harvest_time" else own[name]
        rows += [total <= limit.most / unit[name]] if limit.most is not None else []  # type: ignore[operator]
        rows += [total >= limit.least / unit[name]] if limit.least is not None else []  # type: ignore[operator]
        rows += [total == limit.equal / unit[name]] if limit.equal is not None else []  # type: ignore[operator]
    whole = cp.Problem(program.objective, [*program.constraints, *rows])
    try:
        whole.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    except cp.SolverError:
        return float("nan")
    found = float(whole.value) if whole.status.startswith("optimal") else float("nan")
    return found * HANDED_OUT.get(type(problem), 1.0)


@pytest.mark.parametrize("cls", LIMITED)
def test_optima_under_limits_are_those_of_an_interior_point_method(cls: type[Problem]) -> None:
    rng, proved, none = np.random.default_rng(1), 0, 0
    for _ in range(12):
        problem = drawn(cls, rng)
        decision = some_decision(problem, rng)
        limits = drawn_limits(problem, decision, rng)
        found = mecopt.allocate(problem.limited(*limits), decision, throw=False)
        expected = by_hand(problem, decision, limits)
        if found.status is Status.INFEASIBLE:
            assert np.isnan(expected)
            none += 1
            continue
        assert found.status is Status.OPTIMAL
        assert float(found.objective) == pytest.approx(expected, rel=AGREES)
        proved += 1
    assert proved >= 4
    assert none + proved == 12


@pytest.mark.parametrize("cls", LIMITED)
def test_any_prices_of_limits_bound_what_keeps_them(cls: type[Problem]) -> None:
    rng = np.random.default_rng(2)
    problem = drawn(cls, rng)
    decision = some_decision(problem, rng)
    name = VARIABLES[cls][-1]
    answer = mecopt.allocate(problem, decision)
    total = float(np.where(decision != 0, getattr(answer.allocation, name), 0.0).sum())
    mine = problem.limited(Limit("less", allocation={name: 1.0}, most=0.6 * total))
    best = mecopt.allocate(mine, decision)
    assert best.status is Status.OPTIMAL
    own = best.dual.as_dict()
    for _ in range(100):
        dual = replace(best.dual, **{key: value * 10.0 ** rng.uniform(-2, 2) for key, value in own.items()})
        bound = float(mine.bound(decision, dual))
        assert mine.sign * (bound - float(best.objective)) <= 1e-9 * abs(float(best.objective))
        negative = replace(dual, limit_less_price=-dual.limit_less_price)
        bound = float(mine.bound(decision, negative))
        assert mine.sign * (bound - float(best.objective)) <= 1e-9 * abs(float(best.objective))


@pytest.mark.parametrize("cls", LIMITED)
def test_a_price_is_what_a_little_more_gains(cls: type[Problem]) -> None:
    rng = np.random.default_rng(3)
    problem = drawn(cls, rng)
    decision = some_decision(problem, rng)
    name = VARIABLES[cls][-1]
    answer = mecopt.allocate(problem, decision)
    total = float(np.where(decision != 0, getattr(answer.allocation, name), 0.0).sum())

    def at(part: float) -> Any:
        return mecopt.allocate(problem.limited(Limit("less", allocation={name: 1.0}, most=part * total)), decision)

    step = 1e-4
    gained = problem.sign * float(at(0.6 - step).objective - at(0.6 + step).objective) / (2 * step * total)
    # a central difference is off by the third derivative times the step squared, some 1e-7 here
    assert float(at(0.6).dual.limit_less_price) == pytest.approx(gained, rel=1e-5)


@pytest.mark.parametrize("cls", LIMITED)
def test_a_limit_that_cannot_bind_changes_no_digit(cls: type[Problem]) -> None:
    rng = np.random.default_rng(4)
    problem = cls.sample(rng, (3,), **of_size(cls))
    mine = problem.limited(*(Limit(f"any {name}", allocation={name: 1.0}, most=1e30) for name in VARIABLES[cls]))
    plain, limited = mecopt.solve(problem), mecopt.solve(mine)
    for one, other in (
        (plain.decision, limited.decision),
        (plain.objective, limited.objective),
        (plain.bound, limited.bound),
    ):
        np.testing.assert_array_equal(one, other)
    for name, value in plain.allocation.as_dict().items():
        np.testing.assert_array_equal(value, getattr(limited.allocation, name))
    assert limited.is_optimal.all()


@pytest.mark.parametrize("cls", LIMITED)
def test_a_batch_is_answered_as_its_instances_are(cls: type[Problem]) -> None:
    rng = np.random.default_rng(5)
    problem = cls.sample(rng, (3,), **of_size(cls))
    name = VARIABLES[cls][-1]
    decision = problem.mended(np.ones((3, problem.users), dtype=np.int8))
    total = np.where(decision != 0, getattr(mecopt.allocate(problem, decision).allocation, name), 0.0).sum(axis=-1)
    mine = problem.limited(Limit("half", allocation={name: 1.0}, most=0.5 * total))
    whole = mecopt.allocate(mine, decision)
    for k in range(3):
        one = mecopt.allocate(mine[k], decision[k])
        assert float(one.objective) == float(whole.objective[k])
        assert float(one.dual.limit_half_price) == float(whole.dual.limit_half_price[k])
    candidates = mecopt.allocate(mine, np.stack([decision, decision], axis=1))
    np.testing.assert_array_equal(candidates.objective[:, 1], whole.objective)


@pytest.mark.parametrize(
    "cls", [pytest.param(cls, marks=[pytest.mark.slow] if cls is BandwidthPower else []) for cls in LIMITED]
)
@pytest.mark.parametrize("seed", [6, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (7, 8))])
def test_open_decisions_are_the_best_of_all(cls: type[Problem], seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = drawn(cls, rng)
    free = mecopt.solve(problem).decision
    limits = drawn_limits(problem, free if free.any() else some_decision(problem, rng), rng)
    mine = problem.limited(*limits)
    found = mecopt.solve(mine, throw=False)
    choices = range(len(problem.choices.labels))
    every = np.array(list(itertools.product(choices, repeat=problem.users)), dtype=np.int8)
    values = mine.sign * mecopt.allocate(mine, every, throw=False).objective
    best = np.nanmin(np.where(np.isnan(values), np.inf, values))
    if found.status is Status.INFEASIBLE:
        assert best == np.inf
        return
    assert found.status is Status.OPTIMAL
    assert mine.sign * float(found.objective) == pytest.approx(best, rel=1e-9)


def test_limits_on_decisions_and_on_allocations_are_kept_together() -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1, 16.0], capacity=30.0)
    mine = problem.limited(
        Limit("half", allocation={"server_rate": [1, 0, 1, 0]}, most=10.0),
        Limit("at most two", {"offload": 1}, most=2),
        Limit("some", allocation={"server_rate": 1}, least=5.0, users=[3]),
    )
    found = mecopt.solve(mine)
    assert found.status is Status.OPTIMAL
    assert found.decision.sum() <= 2
    assert found.decision[3] == 1
    values = {}
    for decision in itertools.product((0, 1), repeat=4):
        if sum(decision) <= 2 and decision[3]:
            one = mecopt.allocate(mine, decision, throw=False)
            values[decision] = float(one.objective)
    assert float(found.objective) == pytest.approx(min(values.values()), rel=1e-9)
    assert [limit.name for limit in limits_of(mine)] == ["at most two", "half", "some"]


def test_contradictions_are_proved_and_named() -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)
    much = Limit("much for the first", allocation={"server_rate": [1, 0, 0]}, least=20.0)
    rest = Limit("much for the others", allocation={"server_rate": [0, 1, 1]}, least=15.0)
    loose = Limit("anything", allocation={"server_rate": 1.0}, most=30.0)
    found = mecopt.allocate(problem.limited(much, loose, rest), [1, 1, 1], throw=False)
    assert found.status is Status.INFEASIBLE
    assert "'much for the first' and 'much for the others' contradict" in found.stats.messages[0]
    nothing = problem.limited(Limit("nothing", allocation={"server_rate": 1.0}, most=0.0))
    assert mecopt.allocate(nothing, [1, 0, 0], throw=False).status is Status.INFEASIBLE
    assert mecopt.allocate(nothing, [0, 0, 0]).status is Status.OPTIMAL
    never = mecopt.solve(problem.limited(Limit("too much", allocation={"server_rate": 1.0}, least=31.0)), throw=False)
    assert never.status is Status.INFEASIBLE


def test_units_are_converted() -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)
    by_unit = {
        "MB/s": problem.limited(Limit("half", allocation={"server_rate": [1, 0, 1]}, most=15.0)),
        "kB/s": problem.limited(Limit("half", allocation={"server_rate": [1, 0, 1]}, most=15e3, unit="kB/s")),
        "Mbit/s": problem.limited(Limit("half", allocation={"server_rate": [1, 0, 1]}, most="15 MB/s", unit="Mbit/s")),
    }
    answers: dict[str, Any] = {unit: mecopt.allocate(mine, [1, 1, 1]) for unit, mine in by_unit.items()}
    price = float(answers["MB/s"].dual.limit_half_price)
    for unit, factor in (("MB/s", 1.0), ("kB/s", 1e3), ("Mbit/s", 8.0)):
        assert float(answers[unit].objective) == pytest.approx(float(answers["MB/s"].objective), rel=1e-12)
        assert float(answers[unit].dual.limit_half_price) * factor == pytest.approx(price, rel=1e-9)
    assert answers["kB/s"].violation <= 1e-12


def test_violations_are_under_the_limits_name_and_beside_its_bound() -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5], capacity=30.0)
    mine = problem.limited(Limit("half", allocation={"server_rate": [1, 0]}, most=10.0))
    decision, free = np.array([1, 1], dtype=np.int8), problem.closed_form(np.array([1, 1], dtype=np.int8))[0]
    over = float(free.server_rate[0]) - 10.0
    assert float(mine.violations(decision, free)["half"]) == pytest.approx(over / float(free.server_rate[0]), rel=1e-12)
    assert float(mine.violations(np.array([0, 1], dtype=np.int8), free)["half"]) == 0.0
    assert "half" in str(mine.describe())


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_files_keep_limits(suffix: str, tmp_path: Path) -> None:
    problem = MultiServerOffloading.sample(np.random.default_rng(0), (2,), users=3, servers=2)
    mine = problem.limited(
        Limit("speed", allocation={"server_speed": np.arange(12.0).reshape(2, 3, 2)}, most=[4e10, 5e10]),
        Limit("power", allocation={"transmit_power": 1.0}, least=0.0, most=2.5),
        Limit("two", {"offload": 1}, most=2),
    )
    save(tmp_path / f"mine{suffix}", mine)
    again = load(tmp_path / f"mine{suffix}").problem
    assert digest(again) == digest(mine) != digest(problem)
    assert digest(pickle.loads(pickle.dumps(mine))) == digest(mine)
    np.testing.assert_array_equal(mecopt.solve(again).objective, mecopt.solve(mine).objective)
    with pytest.raises(InstanceError, match="no place for limits"):
        save(tmp_path / "mine.csv", problem.limited(Limit("power", allocation={"transmit_power": 1.0}, most=2.5)))


def test_the_command_line_takes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "slot.json", BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0))
    entry = {"name": "half for the factory", "allocation": {"server_rate": [1, 0, 1]}, "most": "15 MB/s"}
    (tmp_path / "limits.json").write_text(json.dumps([entry]))
    with pytest.raises(SystemExit) as end:
        main(["solve", str(tmp_path / "slot.json"), "--limit", str(tmp_path / "limits.json"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert end.value.code == 0
    assert found["status"] == "OPTIMAL"
    assert found["allocation"]["server_rate"][0] + found["allocation"]["server_rate"][2] == pytest.approx(15.0)
    assert found["dual"]["limit_half_for_the_factory_price"] > 0.0


@pytest.mark.parametrize("cls", LIMITED)
def test_programs_that_are_handed_out_have_limits_as_rows(cls: type[Problem]) -> None:
    pytest.importorskip("cvxpy")
    rng, binding = np.random.default_rng(31), 0
    for _ in range(6):
        problem = drawn(cls, rng)
        decision = some_decision(problem, rng)
        mine = problem.limited(*drawn_limits(problem, decision, rng))
        found = mecopt.allocate(mine, decision, throw=False)
        if found.status != Status.OPTIMAL:
            continue
        program = mine.to_cvxpy(decision)
        program.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
        value = program.value * HANDED_OUT.get(cls, 1.0)
        assert value == pytest.approx(float(found.objective), rel=AGREES)
        free = float(mecopt.allocate(problem, decision).objective)
        binding += abs(value - free) > 100.0 * AGREES * abs(free)
        held = {name: np.asarray(one.value) for name, one in mine.paper_variables(decision, program).items()}
        for rule in mine.allocation_limits:
            total = sum(float((np.asarray(getattr(mine, rule.field(name))) * held[name]).sum()) for name in rule.weights)
            for part, sign in (("most", 1.0), ("least", -1.0)):
                if part in rule.bounds:
                    bound = float(getattr(mine, rule.field(part)))
                    assert sign * (total - bound) <= AGREES * max(
                        abs(bound), *(float(np.max(held[name])) for name in rule.weights)
                    )
    assert binding


def test_methods_that_keep_none_are_refused_by_name() -> None:
    mine = BinaryOffloading(data_size=[12.0, 7.5]).limited(Limit("half", allocation={"server_rate": 1}, most=15.0))
    for name in ("scip", "highs", "prefix", "rounding", "cd-average", "all-offload-equal"):
        if name in BinaryOffloading.solvers:
            with pytest.raises(InstanceError, match=r"keeps no limits on allocations, and 'half' is one"):
                mecopt.solve(mine, solver=name)
    for name in ("closed-form", "slsqp", "clarabel", "scs"):
        with pytest.raises(InstanceError, match=r"keeps no limits on allocations"):
            mecopt.allocate(mine, [1, 1], backend=name)
    with pytest.raises(InstanceError, match="limits on allocations"):
        mine.to_pyomo()


@pytest.mark.parametrize(
    "name", ["local-search", "annealing", "index-scan", "best-of-random", "coordinate-descent", "enumerate"]
)
def test_heuristics_answer_within_limits(name: str) -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(0), users=5)
    mine = problem.limited(Limit("half", allocation={"server_rate": 1}, most=8.0))
    best, found = mecopt.solve(mine), mecopt.solve(mine, solver=name)
    assert best.status is Status.OPTIMAL
    assert found.status in (Status.OPTIMAL, Status.FEASIBLE)
    assert float(found.objective) >= float(best.objective) * (1.0 - 1e-9)
    assert float(found.allocation.server_rate.sum()) <= 8.0 * (1.0 + 1e-8)


BAD: list[tuple[Any, str]] = [
    (lambda p: Limit("a", allocation={"server_rat": 1}, most=1), "did you mean 'server_rate'"),
    (lambda p: Limit("a", allocation={"server_rate": 1}, most=1, unit="MB"), "server_rate is in MB/s; allowed"),
    (lambda p: Limit("a", allocation={"server_rate": [1, 2]}, most=1), "has shape"),
    (lambda p: Limit("a", allocation={"server_rate": 1}, most=1, least=2), "less than least"),
    (lambda p: Limit("a", allocation={"server_rate": [1, np.nan, 1]}, most=1), "nan"),
    (lambda p: Limit("a", allocation={"server_rate": 1}, most=np.nan), "nan"),
    (lambda p: Limit("a", allocation={"server_rate": 1}), "has no bound"),
    (lambda p: Limit("a", {"offload": 1}, most=1, allocation={"server_rate": 1}), "a limit for each"),
    (lambda p: Limit("a", allocation={"server_rate": 1}, most=1, users=[3]), "allowed: 0 to 2"),
    (lambda p: Limit("a", allocation=["server_rate"], most=1), "weights by variable"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("made", "said"), BAD)
def test_what_is_no_limit_is_refused(made: Any, said: str) -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1])
    with pytest.raises(InstanceError, match=said):
        problem.limited(made(problem))


def test_limits_that_nothing_proves_are_refused_by_name() -> None:
    rng = np.random.default_rng(0)
    for cls, name in ((HybridSlot, "harvest_time"), (BackscatterFrame, "active_time"), (InferenceQueue, "cpu_rate")):
        with pytest.raises(InstanceError, match=name):
            cls.sample(rng).limited(Limit("a", allocation={name: 1.0}, most=1.0))
    power = PricedPower.sample(rng, users=3)
    with pytest.raises(InstanceError, match="no least power is convex"):
        power.limited(Limit("a", allocation={"transmit_power": 1.0}, least=1.0))
    with pytest.raises(InstanceError, match=r"transmit_power\[1\] is -1"):
        power.limited(Limit("a", allocation={"transmit_power": [1.0, -1.0, 0.0]}, most=1.0))
    servers = MultiServerOffloading.sample(rng, users=3, servers=2, deadline=5.0)
    with pytest.raises(InstanceError, match="deadline"):
        servers.limited(Limit("a", allocation={"transmit_power": 1.0}, most=1.0))
    with pytest.raises(InstanceError, match="follows from speed and power"):
        servers.limited(Limit("a", allocation={"latency": 1.0}, most=1.0))
    frame = ComputationRate.sample(rng, users=3)
    with pytest.raises(InstanceError, match="one number for all"):
        frame.limited(Limit("a", allocation={"harvest_time": 1.0}, most=0.5, users=[0]))
    with pytest.raises(UnknownName, match="offload_time"):
        frame.limited(Limit("a", allocation={"offload_tim": 1.0}, most=0.5))


def test_gradients_under_them_are_refused_by_name() -> None:
    pytest.importorskip("torch")
    from mecopt.torch import allocate

    mine = BinaryOffloading(data_size=[12.0, 7.5]).limited(Limit("half", allocation={"server_rate": 1}, most=15.0))
    with pytest.raises(InstanceError, match="have no gradients"):
        allocate(mine, [1, 1])


@pytest.mark.parametrize("cls", [BinaryOffloading, PricedPower])
def test_bounds_of_all_decisions_at_once_are_bounds_beside_limits_on_decisions(cls: type[Problem]) -> None:
    """One user alone can neither offload twice nor have no part in a limit: sums over users charge for neither."""
    rng = np.random.default_rng(14)
    name, checked = VARIABLES[cls][0], 0
    for _ in range(6):
        problem = cls.sample(rng, users=6)
        free, weight = mecopt.solve(problem), rng.integers(0, 2, 6)
        size, shares = rng.uniform(5.0, 25.0, 6), getattr(free.allocation, name)
        most = float((weight * np.where(free.decision != 0, shares, 0.0)).sum()) * rng.uniform(0.4, 0.9)
        mine = problem.limited(
            Limit("part", allocation={name: weight}, most=most or float(np.max(shares)) or 1.0),
            Limit("memory", {"offload": size}, most=float(size.sum()) * rng.uniform(0.4, 0.8)),
            Limit("two", {"offload": 1}, least=2, users=[0, 1, 2, 4]),
        )
        every = np.concatenate(list(mine.choices.enumerate(64)))
        values = mine.sign * mecopt.allocate(mine, every, throw=False).objective
        best = np.nanmin(np.where(np.isnan(values), np.inf, values))
        found = mecopt.solve(mine, throw=False)
        assert mine.sign * float(found.bound) <= best * (1 + 1e-9) or found.status is Status.INFEASIBLE
        if best == np.inf:
            continue
        assert found.status is Status.OPTIMAL
        assert mine.sign * float(found.objective) == pytest.approx(best, rel=1e-9)
        planes, answered = Planes(mine), np.isfinite(values)
        for decision in every[answered][:4]:
            dual = answers_of(planes.problem, decision).dual
            plane = planes.bound(decision, dual, {0: float(dual.limit_part_price)})
            if plane is not None:
                bounds = plane.constant + plane.part[np.arange(6), every].sum(axis=-1)
                assert (bounds[answered] <= values[answered] + 1e-9 * plane.size).all()
                checked += 1
    assert checked


@pytest.mark.parametrize("users", [3, pytest.param(13, marks=pytest.mark.slow)])
def test_no_decision_within_the_limits_is_proved_and_the_limits_are_named(users: int) -> None:
    """Of 8,192 decisions not all are looked at: multipliers of some prove it of all."""
    problem = BinaryOffloading.sample(np.random.default_rng(15), users=users)
    capacity, first = float(problem.capacity), np.eye(users)[0]
    much = Limit("much for the first", allocation={"server_rate": first}, least=0.7 * capacity)
    rest = Limit("much for the others", allocation={"server_rate": 1.0 - first}, least=0.6 * capacity)
    some = Limit("some", allocation={"server_rate": first}, least=0.1 * capacity)
    nothing = Limit("nothing", allocation={"server_rate": 1.0}, most=0.0)
    never, two = Limit.forbidden("never", "offload", [0]), Limit("two", {"offload": 1}, least=2)
    cases = (
        ((much, rest, two), "the limits 'much for the first' and 'much for the others' contradict each other"),
        ((some, never, two), "the limits 'never' and 'some' contradict each other"),
        ((nothing, two), "the limits 'two' and 'nothing' contradict each other"),
        ((Limit("all", allocation={"server_rate": 1.0}, least=1.1 * capacity), two), "within the limit 'all'"),
    )
    for limits, said in cases:
        found = mecopt.solve(problem.limited(*limits), throw=False)
        assert found.status is Status.INFEASIBLE
        assert said in found.stats.messages[0]
    assert mecopt.solve(problem.limited(rest, two)).status is Status.OPTIMAL


def test_a_knapsack_beside_a_limit_on_rates_is_proved_for_many_users() -> None:
    problem, rng = BinaryOffloading.sample(np.random.default_rng(16), users=18), np.random.default_rng(17)
    rates = mecopt.solve(problem).allocation.server_rate
    weight, size = rng.integers(0, 2, 18), rng.uniform(5.0, 25.0, 18)
    mine = problem.limited(
        Limit("rates", allocation={"server_rate": weight}, most=0.6 * float((weight * rates).sum())),
        Limit("memory", {"offload": size}, most=0.3 * float(size.sum())),
    )
    found, local = mecopt.solve(mine), mecopt.solve(mine, solver="local-search")
    assert found.status is Status.OPTIMAL
    assert float(found.objective) <= float(local.objective)
