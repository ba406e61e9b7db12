"""Limits of one's own: what they rule out, that no door loses them, and that proofs under them are proofs."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
import types
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cloudpickle
import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.optimize
from numpy.typing import NDArray

import mecopt
from mecopt import InstanceError, Limit, Problem, SolveFailed, Status, UnknownName
from mecopt.cli.main import main
from mecopt.contract.backend import Feature
from mecopt.contract.limits import CHANGED, decision_rows, limits_of, told, without_limits
from mecopt.contract.limits.linear import SECONDS, kept_decision
from mecopt.data import digest, from_mapping, load, save, schema
from mecopt.data.stream import changed, distinct, passes
from mecopt.models import (
    BackscatterFrame,
    BandwidthPower,
    BinaryOffloading,
    ComputationRate,
    HybridSlot,
    MultiServerOffloading,
    PricedPower,
)
from mecopt.running.budget import within

Array = NDArray[Any]

CHOOSING: tuple[type[Problem], ...] = (BinaryOffloading, ComputationRate, MultiServerOffloading, PricedPower, BandwidthPower)
SIZES: dict[type[Problem], dict[str, Any]] = {MultiServerOffloading: {"users": 4, "servers": 2}}


def drawn(cls: type[Problem], count: int, seed: int = 0) -> Problem:
    """Draw instances that all decisions of can be looked at."""
    return cls.sample(np.random.default_rng(seed), (count,), **SIZES.get(cls, {"users": 5}))


def several(problem: Problem, seed: int = 1) -> list[Limit]:
    """Draw limits of each kind, other numbers for each instance."""
    rng, batch, users = np.random.default_rng(seed), problem.batch_shape, problem.users
    weight = rng.uniform(1.0, 9.0, (*batch, users))
    return [
        Limit("so many", {"offload": 1}, most=rng.integers(1, users + 1, batch), least=0),
        Limit("memory", {"offload": weight, "local": 0.5}, most=0.7 * weight.sum(axis=-1), unit="MB"),
        Limit("some at home", {"local": 1.0}, least=rng.integers(0, 3, batch)),
        Limit.alike("pair", [0, 2]),
    ]


def decisions_of(problem: Problem) -> Array:
    """Return all decisions, ``(decisions, users)``."""
    choices = range(len(problem.choices.labels))
    return np.array(list(itertools.product(choices, repeat=problem.users)), dtype=np.int8)


def kept_by_hand(problem: Problem, limits: list[Limit], number: int, decision: Array) -> bool:
    """Whether a decision of an instance keeps limits, read off them as a person does."""
    for limit in limits:
        about = range(problem.users) if limit.users is None else limit.users
        if limit.group is not None:
            if len({int(decision[i]) for i in about}) > 1:
                return False
            continue
        total = 0.0
        for i in about:
            for choice, weights in limit.decision.items():
                made = decision[i] == 0 if choice == "local" else decision[i] > 0
                if choice.startswith("server"):
                    made = decision[i] == int(choice.split()[1])
                if made:
                    weight = np.asarray(weights)
                    total += float(weight if not weight.ndim else weight[number][i] if weight.ndim > 1 else weight[i])

        def bound(value: Any) -> float:
            return float(np.broadcast_to(value, problem.batch_shape)[number])

        if limit.most is not None and total > bound(limit.most) + 1e-9:
            return False
        if limit.least is not None and total < bound(limit.least) - 1e-9:
            return False
        if limit.equal is not None and abs(total - bound(limit.equal)) > 1e-9:
            return False
    return True


@pytest.mark.parametrize("cls", CHOOSING)
def test_all_decisions_looked_at_by_hand_have_the_best_that_is_proved(cls: type[Problem]) -> None:
    problem = drawn(cls, 60)
    limits = several(problem)
    mine, every = problem.limited(*limits), decisions_of(problem)
    values = problem.sign * problem.optimal_value(np.broadcast_to(every, (len(problem), *every.shape)))
    kept = np.array([[kept_by_hand(problem, limits, k, z) for z in every] for k in range(len(problem))])
    assert not kept.all(axis=1).any()
    assert kept.any()
    least = np.where(kept & ~np.isnan(values), values, np.inf).min(axis=1)
    found = mecopt.solve(mine, solver="enumerate", throw=False)
    possible = np.isfinite(least)
    assert np.array_equal(found.is_optimal, possible)
    assert all(status is Status.INFEASIBLE for status in found.status[~possible])
    assert np.allclose(problem.sign * found.objective[possible], least[possible], rtol=1e-9)
    assert all(kept_by_hand(problem, limits, k, found.decision[k]) for k in np.flatnonzero(possible).tolist())


@pytest.mark.parametrize("cls", CHOOSING)
def test_formulas_agree_with_limits_looked_at_by_hand(cls: type[Problem]) -> None:
    problem = drawn(cls, 3, seed=4)
    limits = [
        *several(problem, 5),
        Limit.forbidden("not one", "offload", [1]),
        Limit("odd", {"offload": [1.0, -2.0, *[0.25] * (problem.users - 2)]}, equal=1.25, users=range(problem.users - 1)),
    ]
    mine, every = problem.limited(*limits), decisions_of(problem)
    block = np.broadcast_to(every, (3, *every.shape))
    kept = np.array([[kept_by_hand(problem, limits, k, z) for z in every] for k in range(3)])
    assert np.array_equal(mine.infeasible(block), problem.infeasible(block) | ~kept)
    for score in (mine.optimal_value, mine.scorer()):
        assert np.array_equal(
            np.isposinf(mine.sign * score(block)), np.isposinf(mine.sign * problem.optimal_value(block)) | ~kept
        )
    rows = decision_rows(mine)
    users = np.arange(problem.users)
    sums = rows.weight[:, :, users, every].sum(axis=-1)
    inside = (sums >= rows.least[..., None]) & (sums <= rows.most[..., None])
    assert np.array_equal(inside.all(axis=1), kept)
    broken = mine.violations(block, mine.closed_form(block)[0])
    worst = np.max([broken[limit.name] for limit in limits], axis=0)
    assert np.array_equal(worst > 0, ~kept)
    assert (worst[~kept] > 1e-4).all()
    moved = mine.move_values(every[5] * np.ones((3, 1), dtype=np.int8))
    for i, j in itertools.product(range(problem.users), range(len(problem.choices.labels))):
        one = np.repeat(every[5][None], 3, axis=0)
        one[:, i] = j
        assert np.allclose(moved[:, i, j], mine.optimal_value(one), rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("cls", CHOOSING)
def test_a_limit_that_cannot_bind_changes_no_digit(cls: type[Problem]) -> None:
    problem = drawn(cls, 20, seed=2)
    loose = problem.limited(
        Limit("all may", {"offload": 1}, most=problem.users), Limit("none has to", {"local": 2.0}, least=0)
    )
    for name, solver in problem.solvers.items():
        if solver.is_available() and Feature.LIMITS in solver.features and name not in ("scip", "highs"):
            rngs = (np.random.default_rng(3) for _ in range(2))
            plain, mine = (mecopt.solve(one, solver=name, rng=rng) for one, rng in zip((problem, loose), rngs, strict=True))
            assert np.array_equal(plain.decision, mine.decision), name
            assert np.array_equal(plain.objective, mine.objective), name


# ---------------------------------------------------------------------- no door loses a limit


def _saved(suffix: str) -> Callable[[Problem, Path], Problem]:
    def door(problem: Problem, folder: Path) -> Problem:
        save(folder / f"slots{suffix}", problem)
        return load(folder / f"slots{suffix}").problem

    return door


DOORS: dict[str, Callable[[Problem, Path], Problem]] = {
    "pickle": lambda problem, _: pickle.loads(pickle.dumps(problem)),
    "cloudpickle": lambda problem, _: cloudpickle.loads(cloudpickle.dumps(problem)),
    "copy": lambda problem, _: copy.copy(problem),
    "deepcopy": lambda problem, _: copy.deepcopy(problem),
    "replace": lambda problem, _: replace(problem),
    "fields": lambda problem, _: type(problem)(**problem.data()),
    "slice": lambda problem, _: problem[:],
    "flat": lambda problem, _: problem.flat(),
    "one by one": lambda problem, _: type(problem)(
        **{name: np.stack([one.data()[name] for one in problem]) for name in problem.data()}
    ),
    "said again": lambda problem, _: without_limits(problem).limited(*limits_of(problem)),
    "json": _saved(".json"),
    "npz": _saved(".npz"),
    "changed": lambda problem, _: changed(problem, []),
    "distinct": lambda problem, _: distinct(problem),
    "a pass": lambda problem, _: passes(problem, len(problem), np.random.default_rng(0))[
        np.argsort(np.random.default_rng(0).permutation(len(problem)))
    ],
    "solution": lambda problem, _: mecopt.solve(problem, solver="enumerate", throw=False).problem,
    "solution's pickle": lambda problem, _: (
        pickle.loads(pickle.dumps(mecopt.solve(problem, solver="enumerate", throw=False))).problem
    ),
    "solution's slice": lambda problem, _: mecopt.solve(problem, solver="enumerate", throw=False)[:].problem,
    "paired": lambda problem, _: problem.paired(np.zeros((*problem.batch_shape, 1, problem.users), dtype=np.int8))[0],
}


@pytest.mark.parametrize("cls", CHOOSING)
@pytest.mark.parametrize("door", DOORS)
def test_no_door_loses_a_limit(door: str, cls: type[Problem], tmp_path: Path) -> None:
    problem = drawn(cls, 3)
    mine = problem.limited(*several(problem), Limit.forced("this one", "offload", [1]))
    other = DOORS[door](mine, tmp_path)
    assert other.limits == mine.limits
    assert type(other) is type(mine)
    assert digest(other) == digest(mine) != digest(problem)
    every = np.broadcast_to(decisions_of(problem), (3, *decisions_of(problem).shape))
    assert np.array_equal(other.infeasible(every), mine.infeasible(every))
    assert mine.infeasible(every).any()
    assert not mine.infeasible(every).all()


def test_what_has_no_place_for_limits_refuses_them(tmp_path: Path) -> None:
    mine = drawn(BinaryOffloading, 2).limited(Limit("one", {"offload": 1}, most=1))
    for suffix in (".csv", ".tsv", ".parquet", ".mat"):
        labels = mecopt.solve(mine, solver="enumerate") if suffix == ".mat" else None
        with pytest.raises(InstanceError, match="no place for limits such as 'one'"):
            save(tmp_path / f"slots{suffix}", mine, labels=labels)
    with pytest.raises(UnknownName, match="limit_one_offload"):
        BinaryOffloading(**mine.data())
    with pytest.raises(InstanceError, match=r"limit_one_offload.* is missing"):
        type(mine)(**without_limits(mine).data())


def test_a_limit_is_written_as_a_person_writes_it(tmp_path: Path) -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1])
    (tmp_path / "mine.json").write_text(
        json.dumps(
            [
                {"name": "at most two", "decision": {"offload": 1}, "most": 2},
                {"name": "memory", "decision": {"offload": ["2 MB", "500 kB", "3 MB"]}, "most": "40 Mbit", "unit": "MB"},
                {"name": "not the first", "forbidden": "offload", "users": [0]},
                {"name": "the last", "forced": "offload", "users": 2},
                {"name": "pair", "alike": [1, 2]},
            ]
        )
    )
    save(tmp_path / "slots.json", problem)
    mine = load(tmp_path / "slots.json", limits=tmp_path / "mine.json").problem
    assert [rule.name for rule in mine.limits] == ["at most two", "memory", "not the first", "the last", "pair"]
    assert mine.data()["limit_memory_offload"].tolist() == [2.0, 0.5, 3.0]
    assert mecopt.solve(mine, solver="enumerate").decision.tolist() == [0, 1, 1]
    save(tmp_path / "limited.json", mine)
    content = json.loads((tmp_path / "limited.json").read_text())
    jsonschema.validate({k: v for k, v in content.items()}, schema(BinaryOffloading))
    assert digest(from_mapping(content)) == digest(mine)


# ---------------------------------------------------------------------- solvers


@pytest.mark.parametrize("cls", CHOOSING)
def test_solvers_keep_limits_or_refuse_them_by_name(cls: type[Problem]) -> None:
    problem = drawn(cls, 2, seed=6)
    mine = problem.limited(*several(problem, 7))
    best = mecopt.solve(mine, solver="enumerate", throw=False)
    for name, solver in problem.solvers.items():
        if not solver.is_available():
            continue
        if Feature.LIMITS not in solver.features:
            with pytest.raises(
                InstanceError, match=f"{name}.* keeps no limits, and 'so many' is one; these do: .*enumerate"
            ):
                mecopt.solve(mine, solver=name)
            continue
        found = mecopt.solve(mine, solver=name, throw=False)
        answered = np.array([status in (Status.OPTIMAL, Status.FEASIBLE, Status.LIMIT) for status in found.status])
        assert not mine.infeasible(found.decision)[answered].any(), name
        assert answered.any() == best.is_optimal.any(), name
        worse = mine.sign * (found.objective - best.objective)[answered]
        assert (worse >= -1e-9 * np.abs(best.objective[answered])).all(), name
        if Feature.INTEGER in solver.features:
            assert np.allclose(found.objective[answered], best.objective[answered], rtol=1e-6), name


def test_a_decision_that_breaks_a_limit_has_no_allocation() -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1])
    mine = problem.limited(Limit("memory", {"offload": [1.0, 2.0, 4.0]}, most=5.0, unit="MB"))
    found = mecopt.allocate(mine, [[1, 0, 1], [0, 1, 1]], throw=False)
    assert [status.name for status in found.status] == ["OPTIMAL", "INFEASIBLE"]
    assert "it breaks the limit 'memory': 6 MB; allowed: at most 5 MB" in found.stats.messages[1]
    assert found[0].objective == mecopt.allocate(problem, [1, 0, 1]).objective


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_a_limit_that_nobody_can_keep_is_named_whatever_the_size_of_its_weights(size: float) -> None:
    weight = size * np.arange(1.0, 5.0)
    never = BinaryOffloading(data_size=[12.0, 7.5, 20.1, 3.0]).limited(
        Limit("too much", {"offload": weight}, least=1.2 * float(weight.sum()))
    )
    assert "no decision keeps the limit 'too much'" in mecopt.solve(never, throw=False).stats.messages[0]


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_a_broken_decision_is_mended_whatever_the_size_of_weights(size: float) -> None:
    weight = size * np.array([1.0, 2.0, 4.0, 8.0])
    mine = BinaryOffloading(data_size=[12.0, 7.5, 20.1, 3.0]).limited(Limit("sum", {"offload": weight}, equal=11.0 * size))
    rows = decision_rows(mine)
    nearest, _ = kept_decision(rows.weight[0], rows.least[0], rows.most[0], np.zeros((4, 2)), np.ones((4, 2)))
    assert nearest is not None
    assert nearest.tolist() == [1, 1, 0, 1]


def test_a_violation_is_told_whatever_its_limit_is_called() -> None:
    first = Limit("limit capacity", {"offload": 1}, most=1)
    mine = BinaryOffloading(data_size=[12.0, 7.5, 20.1]).limited(first, Limit("capacity", {"offload": 1}, most=3))
    everyone = np.ones(3, dtype=np.int8)
    found = mine.violations(everyone, mine.closed_form(everyone)[0])
    assert len(found) == 4
    assert found["limit capacity"] > 0.0


def test_a_choice_in_a_file_of_limits_has_to_be_text(tmp_path: Path) -> None:
    save(tmp_path / "slot.npz", BinaryOffloading(data_size=[12.0, 7.5, 20.1]))
    (tmp_path / "limits.json").write_text(json.dumps([{"name": "a", "forced": ["offload"], "users": [0]}]))
    with pytest.raises(InstanceError, match="forced is a list; allowed: the name of a choice"):
        load(tmp_path / "slot.npz", limits=tmp_path / "limits.json")


def test_weights_whose_sum_floats_do_not_hold_are_refused() -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1, 3.0])
    with pytest.raises(InstanceError, match=r"limit 'huge'.decision\['offload'\] is 1e\+308; allowed: up to 1e\+150"):
        problem.limited(Limit("huge", {"offload": 1e308}, most=1))
    with pytest.raises(InstanceError, match=r"\[1\] is -4e\+307"):
        problem.limited(Limit("huge", {"offload": [1.0, -4e307, 1.0, 1.0]}, most=1))


@pytest.mark.parametrize("cls", CHOOSING)
@pytest.mark.parametrize("bounds", [[{"least": 16}, {"most": 15}], [{"equal": 14.5}]])
def test_counts_that_contradict_each_other_are_proved_so_at_the_root(
    cls: type[Problem], bounds: list[dict[str, Any]]
) -> None:
    problem = cls.sample(np.random.default_rng(0), users=30)
    limits = [Limit(f"count {k}", {"offload": 1}, **bound) for k, bound in enumerate(bounds)]
    found = mecopt.solve(problem.limited(*limits), throw=False)
    assert found.status is Status.INFEASIBLE
    assert found.stats.solver_calls <= 1


def test_two_files_of_limits_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "slot.npz", BinaryOffloading(data_size=[12.0, 7.5, 20.1]))
    for name in ("one.json", "two.json"):
        (tmp_path / name).write_text(json.dumps([{"name": name, "forbidden": "offload", "users": [0]}]))
    given = ["solve", str(tmp_path / "slot.npz")]
    for name in ("one.json", "two.json"):
        given += ["--limit", str(tmp_path / name)]
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert "allowed: one, which may hold several limits" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("solver", ["scip", "highs"])
def test_outside_solvers_see_limits_of_any_size(size: float, solver: str) -> None:
    if not BinaryOffloading.solvers[solver].is_available():
        pytest.skip(f"{solver} is not installed")
    problem = BinaryOffloading.sample(np.random.default_rng(0), users=6, preset="heterogeneous")
    weight = size * np.arange(1.0, 7.0)
    mine = problem.limited(Limit("sum", {"offload": weight}, least=5.5 * size, most=6.0 * size))
    found, meant = mecopt.solve(mine, solver=solver), mecopt.solve(mine, solver="enumerate")
    assert found.status is Status.OPTIMAL
    assert float(found.objective) == pytest.approx(float(meant.objective), rel=1e-6)


def test_limits_that_contradict_each_other_are_named() -> None:
    mine = BinaryOffloading(data_size=[12.0, 7.5, 20.1, 3.0]).limited(
        Limit("memory", {"offload": [1.0, 2.0, 4.0, 1.0]}, most=50.0, unit="MB"),
        Limit("at most two", {"offload": 1}, most=2),
        Limit.forced("both", "offload", [0, 1]),
        Limit.alike("pair", [1, 2]),
    )
    found = mecopt.solve(mine, solver="enumerate", throw=False)
    assert found.status is Status.INFEASIBLE
    said = found.stats.messages[0]
    assert all(f"'{name}'" in said for name in ("at most two", "both", "pair"))
    assert "memory" not in said
    assert "contradict each other" in said


def test_a_decision_is_mended_by_as_few_moves_as_it_takes() -> None:
    problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1, 3.0])
    kept = problem.limited(Limit("two", {"offload": 1}, most=2)).mended(np.ones(4, dtype=np.int8))
    assert kept.tolist() == [1, 0, 1, 0]  # to keep the largest tasks away from home costs least
    pair = problem.limited(Limit.alike("pair", [0, 3]), Limit("one", {"offload": 1}, equal=1))
    assert pair.mended(np.array([1, 0, 0, 0], dtype=np.int8)).sum() == 1
    assert not pair.infeasible(pair.mended(np.array([1, 0, 0, 0], dtype=np.int8)))


# ---------------------------------------------------------------------- limits of time


def hard_to_mend(count: int = 3) -> Problem:
    """Return instances that no single moves lead to keep a limit from where everyone decides alike."""
    problem = BinaryOffloading.sample(np.random.default_rng(21), (count,), users=6)
    return problem.limited(Limit("a sum", {"offload": [54.0, 45.0, 40.0, 30.0, 32.0, 21.0]}, equal=83.0))


SHORT_OF_TIME = ("coordinate-descent", "local-search", "annealing", "random", "all-local", "all-offload", "index-scan")


@pytest.mark.parametrize("solver", SHORT_OF_TIME)
def test_what_has_no_time_to_keep_limits_says_so(solver: str) -> None:
    mine = hard_to_mend()
    found = mecopt.solve(mine, solver=solver, time_limit=1e-9, throw=False)
    assert all(status is Status.LIMIT for status in found.status)
    assert np.isnan(found.objective).all()
    assert all("stopped at a limit before a decision was found" in found.stats.messages[k] for k in range(3))
    alone = mecopt.solve(mine[0], solver=solver, time_limit=1e-9, throw=False)
    assert alone.status is Status.LIMIT
    with pytest.raises(SolveFailed, match="3 of 3 items have no answer; item 0: stopped at a limit before"):
        mecopt.solve(mine, solver=solver, time_limit=1e-9)
    assert not mine.infeasible(mecopt.solve(mine, solver=solver).decision).any()  # it can, with time


@pytest.mark.parametrize("solver", [name for name in SHORT_OF_TIME if name not in ("random", "annealing")])
def test_what_mends_a_decision_has_what_is_left_of_the_time(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    had: list[float] = []

    def milp(*given: Any, **named: Any) -> Any:
        had.append(named["options"]["time_limit"])
        return found_by(*given, **named)

    found_by = scipy.optimize.milp
    monkeypatch.setattr(scipy.optimize, "milp", milp)
    mecopt.solve(hard_to_mend(), solver=solver, time_limit=3.0, throw=False)
    assert 0.0 < had[0] <= 1.0  # three decisions have to be mended
    assert max(had) <= 3.0
    had.clear()
    mecopt.solve(hard_to_mend(1), solver=solver)
    assert had[0] == SECONDS


def test_there_may_be_no_time_to_tell_why_limits_contradict_each_other() -> None:
    never = BINARY.limited(Limit("a", {"offload": 1}, most=1), Limit("b", {"offload": 1}, least=2))
    assert "'a' and 'b' contradict each other; without any one" in never.why_infeasible(None)
    with within(0.0):
        assert never.why_infeasible(None) == "there was no time to find out which limits contradict each other"


def test_limits_are_not_called_irreducible_where_there_was_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    never = BINARY.limited(Limit("a", {"offload": 1}, most=1), Limit("b", {"offload": 1}, least=2), Limit.alike("c", [0, 1]))
    asked: list[int] = []

    def milp(*given: Any, **named: Any) -> Any:
        asked.append(1)
        found = found_by(*given, **named)
        return found if len(asked) == 1 else types.SimpleNamespace(x=None, status=1)

    found_by = scipy.optimize.milp
    monkeypatch.setattr(scipy.optimize, "milp", milp)
    said = never.why_infeasible(None)
    assert "'a', 'b' and 'c' contradict each other; there was no time to tell whether fewer do" in said


def test_a_command_ends_with_4_where_the_time_was_too_short_for_a_decision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "slots.json", hard_to_mend())
    with pytest.raises(SystemExit) as end:
        main(["solve", str(tmp_path / "slots.json"), "--solver", "local-search", "--time-limit", "1e-9"])
    assert end.value.code == 4
    assert "before a decision was found" in " ".join(capsys.readouterr().out.split())


# ---------------------------------------------------------------------- bad input

BINARY = BinaryOffloading(data_size=[12.0, 7.5, 20.1])
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "unknown choice": (
        lambda: Limit("x", {"offlod": 1}, most=1),
        "unknown choice of limit 'x' 'offlod'; did you mean 'offload'",
    ),
    "one alike": (lambda: Limit.alike("x", [1]), "limit 'x' is about user 1 alone.*allowed: two at least"),
    "unit of a number alone": (
        lambda: Limit("x", {"offload": ["12 MB", "3 MB", "4 MB"]}, most=5),
        r"decision\['offload'\]\[0\]: a number has the unit 'MB', and the limit has none; .*unit='MB'",
    ),
    "no least": (lambda: Limit("x", {"offload": 1}, least="inf"), "least is inf; allowed: finite numbers"),
    "choices": (lambda: Limit("x", {"server 3": 1}, most=1), "'server 3'.* Known: local, offload"),
    "nan": (
        lambda: Limit("x", {"offload": [1.0, np.nan, 2.0]}, most=1),
        r"limit 'x'.decision\['offload'\]\[1\] is nan; allowed: finite",
    ),
    "shape": (
        lambda: Limit("x", {"offload": [1.0, 2.0]}, most=1),
        r"limit 'x'.decision\['offload'\] has shape \(2,\); allowed: .*one per user",
    ),
    "batch": (lambda: Limit("x", {"offload": 1}, most=[[1, 2]] * 2 + [[3]]), "not a rectangular array"),
    "crossed": (lambda: Limit("x", {"offload": 1}, most=1, least=2), r"limit 'x': most is 1, less than least, which is 2"),
    "unit": (lambda: Limit("x", {"offload": "3 s"}, most=1, unit="MB"), "s"),
    "no unit": (lambda: Limit("x", {"offload": 1}, most=1, unit="MBB"), "unknown unit 'MBB'"),
    "decibels": (lambda: Limit("x", {"offload": 1}, most=1, unit="dB"), "decibels do not"),
    "no bound": (lambda: Limit("x", {"offload": 1}), "limit 'x' has no bound; allowed: most, least"),
    "no weights": (lambda: Limit("x", most=1), "limit 'x' has no weights"),
    "equal and most": (lambda: Limit("x", {"offload": 1}, most=1, equal=1), "has equal and most; allowed: equal alone"),
    "user": (lambda: Limit.forbidden("x", "offload", [0, 3]), r"limit 'x': users\[1\] is 3; allowed: 0 to 2"),
    "no user": (lambda: Limit.alike("x", []), "about no user"),
    "name": (lambda: Limit(" ", {"offload": 1}, most=1), "name is ' '; allowed: printable text of 100 characters"),
    "line": (lambda: Limit("a\nb", {"offload": 1}, most=1), "allowed: printable text"),
    "surrogate": (lambda: Limit("a\ud800", {"offload": 1}, most=1), "allowed: printable text"),
    "1 MB": (lambda: Limit("x", {"offload": 1}, most=1, unit="1 MB"), "unit is '1 MB'; allowed: one without a number, as"),
    "1 MB/s": (lambda: Limit("x", {"offload": 1}, most=1, unit="1 MB / s"), "allowed: one without a number, as"),
    "MB/1": (lambda: Limit("x", {"offload": 1}, most=1, unit="MB/1"), "allowed: one without a number, as"),
    "least inf": (lambda: Limit("x", {"offload": 1}, least=np.inf), "least is inf; allowed"),
    "equal inf": (lambda: Limit("x", {"offload": 1}, equal=np.inf), "equal is inf; allowed"),
    "inf weight": (lambda: Limit("x", {"offload": np.inf}, most=1), "is inf; allowed: finite numbers"),
    "-inf": (lambda: Limit("x", {"offload": 1}, most=-np.inf), "most is -inf"),
    "group": (lambda: Limit("x", group=[0.5, 1, 1]), "whole numbers"),
    "no limit": (lambda: {"offload": 1}, "a limit is a dict; allowed: mecopt.Limit"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_limits_are_refused_by_name(case: str) -> None:
    make, words = BAD[case]
    with pytest.raises(InstanceError, match=words):
        BINARY.limited(make())


def test_limits_have_names_of_their_own() -> None:
    one = BINARY.limited(Limit("at most", {"offload": 1}, most=1))
    with pytest.raises(
        InstanceError, match=r"two limits are called 'At most'; allowed: names of their own; .*both limit_at_most among"
    ):
        one.limited(Limit("At most", {"offload": 1}, most=2))


def test_a_limit_on_a_decision_that_is_no_choice_is_refused() -> None:
    frame = BackscatterFrame.sample(np.random.default_rng(0), ())
    with pytest.raises(InstanceError, match="one of several choices per user"):
        frame.limited(Limit("x", {"offload": 1}, most=1))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"name": "x"}, "a dict; allowed: a list"),
        ([{"decision": {}}], "has no name"),
        ([{"name": "x", "mots": 1}], "did you mean 'most'"),
        ([{"name": "x", "forbidden": "offload"}], "no users"),
        ([{"name": "x", "forbidden": "offload", "most": 1, "users": [1]}], "'forbidden' and 'most'"),
        ([3], "an object with a name"),
        ([], r"mine.json lists no limits; allowed: at least one, as \[\{"),
        ({"limits": []}, "lists no limits"),
        ({"limits": [{"name": "x", "alike": [0, 1]}], "limit": []}, "'limit' beside 'limits'; allowed: 'limits' alone"),
    ],
)
def test_bad_files_of_limits_are_refused(content: Any, words: str, tmp_path: Path) -> None:
    save(tmp_path / "slots.json", BINARY)
    (tmp_path / "mine.json").write_text(json.dumps(content))
    with pytest.raises(InstanceError, match=words):
        load(tmp_path / "slots.json", limits=tmp_path / "mine.json")


NAMES = ("最多五个卸载", "Höchstens 3", "не более трёх", "5", "≤ 3!", "_", "limit offload", "a ② b", "İstanbul", "capacity")


@pytest.mark.parametrize("door", ["json", "npz", "pickle", "fields"])
def test_a_limit_is_called_by_any_printable_text(door: str, tmp_path: Path) -> None:
    problem = BINARY.limited(*(Limit(name, {"offload": 1}, most=k) for k, name in enumerate(NAMES)))
    other = DOORS[door](problem, tmp_path)
    assert [rule.name for rule in other.limits] == list(NAMES)
    assert digest(other) == digest(problem)
    assert len(other.data()) == len(BINARY.data()) + 2 * len(NAMES)
    decision = np.ones(3, dtype=np.int8)
    violations, own = (one.violations(decision, one.closed_form(decision)[0]) for one in (other, BINARY))
    assert len(violations) == len(own) + len(NAMES)
    assert all((value > 0.0) == (k < 3) for k, value in enumerate(list(violations.values())[len(own) :]))
    dual: Any = mecopt.solve(BINARY.limited(Limit("最多", {"offload": 1}, most=1))).dual
    assert dual.limit_最多_price > 0.0


def test_names_that_have_the_same_fields_are_refused() -> None:
    one = BINARY.limited(Limit("!", {"offload": 1}, most=1))
    with pytest.raises(InstanceError, match="'!' and 'U21' are both limit_u21 among fields"):
        one.limited(Limit("U21", {"offload": 1}, most=1))


@pytest.mark.parametrize("none", ["inf", np.inf, "inf MB"])
def test_an_upper_bound_of_infinity_is_none(none: Any) -> None:
    weight = BINARY.data_size
    free = BINARY.limited(Limit("memory", {"offload": weight}, most=none, unit="MB"))
    assert float(free.data()["limit_memory_most"]) == np.inf
    assert mecopt.solve(free).objective == mecopt.solve(BINARY).objective
    listed: Any = [None, 10.0]
    some = BINARY.limited(Limit("memory", {"offload": weight}, most=listed, unit="MB"))
    assert some.data()["limit_memory_most"].tolist() == [np.inf, 10.0]


# ---------------------------------------------------------------------- shapes of weights per user and server


def weights_read(batch: tuple[int, ...], weight: Array, servers: int = 3) -> Array:
    """Return the weights that a problem of three users takes for offloading."""
    problem = MultiServerOffloading.sample(np.random.default_rng(0), batch, users=3, servers=servers)
    return np.asarray(problem.limited(Limit("x", {"offload": weight}, most=1)).data()["limit_x_offload"])


@pytest.mark.parametrize(
    ("batch", "shape"), [((), (3, 3, 3)), ((3,), (3, 3)), ((3, 3), (3, 3)), ((3, 3), (3, 3, 3)), ((2, 3), (3, 3))]
)
def test_weights_whose_axes_are_not_certain_are_refused(batch: tuple[int, ...], shape: tuple[int, ...]) -> None:
    said = r"may be per user or per user and server.*allowed: all axes, \(.*3, 3\), or .*'server 1': ..., 'server 2'"
    with pytest.raises(InstanceError, match=said):
        weights_read(batch, np.ones(shape))
    full = np.random.default_rng(1).normal(size=(*batch, 3, 3))
    assert np.array_equal(weights_read(batch, full), full)


def test_weights_whose_axes_are_certain_are_read_so() -> None:
    draw = np.random.default_rng(2).normal
    for batch, shape, axes in (
        ((), (3,), (0,)),
        ((5,), (3, 3), (1, 2)),
        ((5,), (5, 3), (0, 1)),
        ((2, 3), (2, 3, 3), (0, 1, 2)),  # of users three and of servers three, but no batch of two
    ):
        weight = draw(size=shape)
        place = [slice(None) if k in axes else None for k in range(len(batch) + 2)]
        meant = np.broadcast_to(weight[tuple(place)], (*batch, 3, 3))
        assert np.array_equal(weights_read(batch, weight), meant), (batch, shape)
    weight = draw(size=(3, 3))
    assert np.array_equal(weights_read((3,), weight, servers=2), np.repeat(weight[..., None], 2, axis=-1))


# ---------------------------------------------------------------------- the command line


def test_commands_take_limits_beside_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "slots.npz", drawn(BinaryOffloading, 3))
    limits = tmp_path / "mine.json"
    limits.write_text(json.dumps([{"name": "at most one", "decision": {"offload": 1}, "most": 1}]))
    given = [str(tmp_path / "slots.npz"), "--limit", str(limits)]
    with pytest.raises(SystemExit) as end:
        main(["solve", *given, "--solver", "enumerate", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert end.value.code == 0
    assert set(answer["status"]) == {"OPTIMAL"}
    assert np.sum(answer["decision"], axis=-1).max() == 1
    assert np.shape(answer["dual"]["limit_at_most_one_price"]) == (3,)
    with pytest.raises(SystemExit) as end:
        main(
            [
                "compare",
                *given,
                "--methods",
                "enumerate,local-search,all-offload",
                "-o",
                str(tmp_path / "out"),
                "--jobs",
                "2",
            ]
        )
    assert end.value.code == 0
    table = pq.read_table(tmp_path / "out" / "results.parquet").to_pydict()
    rows = zip(table["method"], table["objective"], strict=True)
    assert [value for method, value in rows if method == "enumerate"] == answer["objective"]
    held = pq.read_schema(tmp_path / "out" / "results.parquet").metadata
    assert any(b"at most one" in value for value in held.values())
    said = " ".join(capsys.readouterr().out.split())
    assert "Answers keep the limit 'at most one': at most 1, weights offload 1." in said
    assert "What all-offload decides was changed so that it keeps the limits in 3 instances." in said
    assert "What local-search decides" not in said


def test_limits_are_told_with_the_range_of_their_numbers() -> None:
    problem = drawn(BinaryOffloading, 2)
    weight = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [0.5, 1.0, 1.0, 1.0, 1.0]])
    mine = problem.limited(
        Limit("memory", {"offload": weight, "local": 0.25}, most=[6.0, 2.5], least=0, unit="MB"), Limit.alike("pair", [0, 3])
    )
    assert told(mine) == [
        "'memory': at least 0 and at most 2.5 to 6 MB, weights local 0.25, offload 0.5 to 5",
        "'pair': groups of 2 users together that decide alike",
    ]


def test_a_decision_that_limits_changed_is_said_to_be_changed() -> None:
    mine = drawn(BinaryOffloading, 3).limited(Limit("some", {"offload": 1}, most=[5, 1, 5]))
    assert mecopt.solve(mine, solver="all-offload").stats.messages == {1: CHANGED}
    rng = np.random.default_rng(0)
    wanted = drawn(BinaryOffloading, 3).decision_space.sample(np.random.default_rng(0), (3, 1))[:, 0]
    found = mecopt.solve(mine, solver="random", rng=rng)
    other = np.flatnonzero((found.decision != wanted).any(axis=1)).tolist()
    assert found.stats.messages == dict.fromkeys(other, CHANGED)
    assert other == [1]


def test_a_command_tells_which_limits_contradict_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "slots.json", BINARY)
    limits = tmp_path / "mine.json"
    limits.write_text(
        json.dumps(
            [
                {"name": "at most one", "decision": {"offload": 1}, "most": 1},
                {"name": "these two", "forced": "offload", "users": [0, 2]},
            ]
        )
    )
    with pytest.raises(SystemExit) as end:
        main(["solve", str(tmp_path / "slots.json"), "--limit", str(limits), "--solver", "enumerate"])
    assert end.value.code == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "'at most one' and 'these two' contradict each other" in said


@pytest.mark.parametrize("cls", [BinaryOffloading, HybridSlot])
def test_the_schema_speaks_of_limits_where_decisions_have_them(cls: type[Problem]) -> None:
    assert "limits" in schema(cls)["properties"]
    assert "limits" not in schema(BackscatterFrame)["properties"]


# ---------------------------------------------------------------------- prices


@pytest.mark.parametrize("cls", [cls for cls in CHOOSING if cls.separable])
def test_a_bound_that_is_called_a_sum_over_users_is_one(cls: type[Problem]) -> None:
    one = drawn(cls, 1, seed=8)[0]
    dual, rng = one.random_dual(np.random.default_rng(9), ()), np.random.default_rng(10)
    first, other = one.decision_space.sample(rng), one.decision_space.sample(rng)
    moved = np.repeat(first[None], one.users, axis=0)
    np.fill_diagonal(moved, other)
    added = sum(float(one.bound(z, dual)) - float(one.bound(first, dual)) for z in moved)
    assert float(one.bound(first, dual)) + added == pytest.approx(float(one.bound(other, dual)), rel=1e-12)


@pytest.mark.parametrize("cls", CHOOSING)
def test_any_prices_of_limits_bound_every_decision_that_keeps_them(cls: type[Problem]) -> None:
    problem = drawn(cls, 6, seed=11)
    mine = problem.limited(*several(problem, 12))
    found = mecopt.solve(mine, solver="enumerate", throw=False)
    rng, size = np.random.default_rng(13), np.abs(np.nan_to_num(problem.relaxed_bound(problem.relaxed_dual())))
    for _ in range(20):
        dual = mine.random_dual(rng, mine.batch_shape)
        drawn_prices = {rule.price: size * rng.normal(0.0, 0.2, len(mine)) for rule in mine.limits if not rule.alike}
        bound = mine.relaxed_bound(replace(dual, **drawn_prices))
        assert (mine.sign * bound <= mine.sign * found.objective + 1e-9 * np.abs(found.objective))[found.is_optimal].all()


@pytest.mark.parametrize("cls", [cls for cls in CHOOSING if cls.separable])
def test_one_more_place_saves_at_most_its_price_beside_the_gap(cls: type[Problem]) -> None:
    problem = drawn(cls, 30, seed=14)
    saved, prices = [], []
    for places in (1, 2):
        few, more = (problem.limited(Limit("places", {"offload": 1}, most=places + extra)) for extra in (0, 1))
        found, better = mecopt.solve(few, solver="enumerate"), mecopt.solve(more, solver="enumerate")
        price = found.dual.limit_places_price
        gap = found.objective - few.relaxed_bound(found.dual)
        saving = found.objective - better.objective
        assert (saving <= price + gap + 1e-9 * found.objective).all()
        assert (price >= 0.0).all()
        saved.append(saving.mean())
        prices.append(price.mean())
    assert 0.0 < np.mean(saved) <= np.mean(prices) < 4.0 * np.mean(saved)


def test_a_price_of_a_limit_is_told() -> None:
    mine = BINARY.limited(Limit("places", {"offload": 1}, most=1), Limit("memory", {"local": 1.0}, least=2.0, unit="MB"))
    found = mecopt.solve(mine, solver="enumerate")
    told = {f.name: f.metadata for f in fields(found.dual)}
    assert "what one more in the limit 'places' gains at most" in told["limit_places_price"]["meaning"]
    assert told["limit_memory_price"]["unit"] == "s/MB"
    assert "limit places price" in str(found)
    assert found.to_dict()["dual"]["limit_places_price"] > 0.0


# ---------------------------------------------------------------------- what is learned


def test_a_policy_learned_under_limits_keeps_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    limits = tmp_path / "mine.json"
    limits.write_text(json.dumps([{"name": "two", "decision": {"offload": 1}, "most": 2}]))
    given = ["train", "binary-offloading", "--set", "users=5", "--limit", str(limits), "-o", str(tmp_path / "runs")]
    with pytest.raises(SystemExit) as end:
        main([*given, "--instances", "64", "--with", "hidden=4"])
    assert end.value.code == 0, capsys.readouterr()
    assert json.loads((tmp_path / "runs" / "card.json").read_text())["limits"] == ["two"]
    mine = drawn(BinaryOffloading, 4, seed=20).limited(Limit("two", {"offload": 1}, most=2))
    found = mecopt.solve(mine, solver=f"learned:{tmp_path / 'runs'}")
    assert not mine.infeasible(found.decision).any()
    with pytest.raises(SystemExit) as end:
        main([*given[:-1], str(tmp_path / "others"), "--learner", "price-net", "--instances", "64"])
    assert end.value.code == 2
    assert "price-net predicts prices of given decisions, and none of limits of one's own" in capsys.readouterr().err


# ---------------------------------------------------------------------- numbers by the name of a field


@pytest.mark.parametrize("unit", ["MB", "kB"])
def test_the_name_of_a_field_stands_for_its_numbers(unit: str) -> None:
    problem: Any = drawn(BinaryOffloading, 3)
    part = {"MB": 1.0, "kB": 1000.0}[unit]
    named = problem.limited(Limit("memory", {"offload": "data_size"}, most=20.0 * part, unit=unit))
    given = problem.limited(Limit("memory", {"offload": part * problem.data_size}, most=20.0 * part, unit=unit))
    assert digest(named) == digest(given)
    of_rates = Limit("half", allocation={"server_rate": 1.0}, most="capacity", unit="MB/s")
    assert np.array_equal(problem.limited(of_rates).limit_half_most, problem.capacity)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit("x", {"offload": "data_sise"}, most=1.0, unit="MB"), "did you mean 'data_size'"),
        (Limit("x", {"offload": "capacity"}, most=1.0, unit="MB"), "unknown field for limit 'x'"),
        (Limit("x", {"offload": "data_size"}, most=1.0), "in MB; allowed: fields in a unit of 1"),
        (Limit("x", allocation={"server_rate": "data_size"}, most=1.0), "in MB; allowed: fields in a unit of 1"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(limit: Limit, words: str) -> None:
    with pytest.raises(InstanceError, match=words):
        drawn(BinaryOffloading, 2).limited(limit)
