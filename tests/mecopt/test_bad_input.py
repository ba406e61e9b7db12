"""Bad input and faults, from Python: what is refused says why, what fails is marked, extreme data are still answered."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import math
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

import mecopt
from mecopt import (
    BackendUnavailable,
    InstanceError,
    MecoptError,
    Problem,
    SolveFailed,
    StartIgnored,
    Status,
    UnknownName,
)
from mecopt.backends.one_by_one import OneByOne, Single
from mecopt.contract.backend import Backend, installed
from mecopt.contract.fields import axes
from mecopt.contract.solver import Search, Solver
from mecopt.data import from_mapping
from mecopt.models import BandwidthPower, BinaryOffloading, ComputationRate, MultiServerOffloading, PricedPower

Array = NDArray[Any]

USERS: dict[type[Problem], Any] = {
    BandwidthPower: [3e-8, 1e-7, 1e-8],
    BinaryOffloading: [12.0, 7.5, 20.1],
    ComputationRate: [6e-6, 1e-5, 1e-7],
    MultiServerOffloading: [[1e-7, 2e-8], [1e-8, 9e-8], [3e-9, 2e-9]],
    PricedPower: [4e-7, 2e-8, 9e-9],
}
MODELS = list(USERS)
FIELDS = [(cls, f) for cls in MODELS for f in dataclasses.fields(cls)]
NAMES = [f"{cls.__name__}.{f.name}" for cls, f in FIELDS]


def first(cls: type[Problem]) -> str:
    return dataclasses.fields(cls)[0].name


def instance(cls: type[Problem], **fields: Any) -> Problem:
    return cls(**{first(cls): USERS[cls], **fields})


def own_shape(cls: type[Problem], f: dataclasses.Field[Any]) -> tuple[int, ...]:
    return tuple(instance(cls).sizes[axis] for axis in axes(f))


def with_bad(cls: type[Problem], f: dataclasses.Field[Any], value: Any) -> dict[str, Any]:
    """Put one bad entry into a field, in the midst of good ones where it has several: the second along each axis."""
    entries = np.ones(own_shape(cls, f), dtype=object)
    entries[(1,) * entries.ndim] = value
    return {f.name: entries.tolist()}


def place(f: dataclasses.Field[Any]) -> str:
    """Return how the place of that entry is written in a message."""
    return re.escape(f"{[1] * len(axes(f)) or ''}")


# ---------------------------------------------------------------------- fields


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, -1e-300])
@pytest.mark.parametrize(("cls", "f"), FIELDS, ids=NAMES)
def test_a_number_out_of_range_is_refused_by_field_and_entry(
    cls: type[Problem], f: dataclasses.Field[Any], value: float
) -> None:
    if value == math.inf and f.metadata["unlimited"]:
        assert np.max(getattr(instance(cls, **with_bad(cls, f, value)), f.name)) == math.inf
        return
    with pytest.raises(InstanceError, match=rf"{cls.__name__}\.{f.name}{place(f)} is .*allowed: (finite )?numbers >"):
        instance(cls, **with_bad(cls, f, value))


@pytest.mark.parametrize(("cls", "f"), FIELDS, ids=NAMES)
def test_zero_is_refused_exactly_where_it_is_declared_inadmissible(cls: type[Problem], f: dataclasses.Field[Any]) -> None:
    if f.metadata["zero_allowed"]:
        assert np.min(getattr(instance(cls, **with_bad(cls, f, 0.0)), f.name)) == 0.0
    else:
        with pytest.raises(InstanceError, match=rf"{f.name}.* is 0.*allowed: (finite )?numbers (> 0|>= 1)"):
            instance(cls, **with_bad(cls, f, 0.0))


@pytest.mark.parametrize("value", ["ten", "1", b"1", {}, 1j, 10**400, [1.0]], ids=lambda value: str(value)[:9])
@pytest.mark.parametrize(("cls", "f"), FIELDS, ids=NAMES)
def test_what_is_no_number_is_refused_by_field(cls: type[Problem], f: dataclasses.Field[Any], value: Any) -> None:
    fits = not axes(f) and value == [1.0]  # a batch of one
    if not fits:
        with pytest.raises(InstanceError, match=rf"{cls.__name__}\.{f.name}"):
            instance(cls, **with_bad(cls, f, value))


@pytest.mark.parametrize(("cls", "f"), FIELDS, ids=NAMES)
def test_none_among_numbers_is_a_missing_limit_or_refused(cls: type[Problem], f: dataclasses.Field[Any]) -> None:
    if f.metadata["unlimited"]:
        assert np.isinf(getattr(instance(cls, **with_bad(cls, f, None)), f.name)).sum() == 1
        assert np.isinf(getattr(instance(cls, **{f.name: None}), f.name)).all()
    elif axes(f):
        with pytest.raises(InstanceError, match=rf"{cls.__name__}\.{f.name}{place(f)} is None"):
            instance(cls, **with_bad(cls, f, None))


@pytest.mark.parametrize("value", [True, np.True_, [True, False, True], np.array([True, False, True])], ids=repr)
def test_booleans_are_not_taken_for_numbers(value: Any) -> None:
    with pytest.raises(InstanceError, match=r"BinaryOffloading\.local_rate"):
        instance(BinaryOffloading, local_rate=value)


def test_a_boolean_among_numbers_is_refused() -> None:
    with pytest.raises(InstanceError, match=r"BinaryOffloading\.local_rate"):
        instance(BinaryOffloading, local_rate=[3.0, True, 3.0])


@pytest.mark.parametrize("value", [[3.0, 4.0], [[3.0], [4.0, 5.0]], [1.0] * 4, [[1.0, 2.0]]], ids=repr)
def test_a_field_of_the_wrong_shape_is_refused_with_the_shape_that_is_allowed(value: Any) -> None:
    with pytest.raises(InstanceError, match=r"BinaryOffloading\.local_rate (has shape|is not a rectangular)"):
        instance(BinaryOffloading, local_rate=value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("server_speed", [1e10]),
        ("server_speed", [1e10, 1e10, 1e10]),
        ("server_speed", [[1e10], [2e10]]),
        ("admission", [1.0, 2.0, 3.0]),
        ("channel_gain", [1e-8, 2e-8]),
        ("channel_gain", [[1e-8, 2e-8], [3e-8]]),
        ("deadline", [1.0, 2.0]),
        ("workload", [[1e9, 1e9]]),
    ],
)
def test_a_field_per_server_of_the_wrong_shape_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InstanceError, match=rf"MultiServerOffloading\.{name} (has shape|is not a rectangular).*allowed: "):
        instance(MultiServerOffloading, **{name: value})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"admission": [1.0, 1.5]}, r"admission\[1\] is 1\.5; allowed: whole numbers"),
        (
            {"least_speed": [1e9, 3e9, 1e9], "most_speed": 2e9},
            r"least_speed\[1\] is 3.*; allowed: at most most_speed, which is 2",
        ),
    ],
    ids=["part of a place", "least above greatest"],
)
def test_limits_that_make_no_sense_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InstanceError, match=rf"MultiServerOffloading\.{message}"):
        instance(MultiServerOffloading, **fields)


def test_as_many_users_as_servers_do_not_confuse_their_fields() -> None:
    problem = MultiServerOffloading(channel_gain=np.full((2, 2), 1e-8), server_speed=[1e10, 2e10], local_speed=[1e9, 2e9])
    assert problem.server_speed.tolist() == [1e10, 2e10]
    batch = MultiServerOffloading(channel_gain=np.full((2, 3, 2), 1e-8), server_speed=[[1e10, 2e10], [3e10, 4e10]])
    assert batch[1].server_speed.tolist() == [3e10, 4e10]


def test_batches_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(InstanceError, match=r"capacity has shape \(2,\).*broadcast with \(3,\)"):
        BinaryOffloading(data_size=np.ones((3, 4)), capacity=[1.0, 2.0])


@pytest.mark.parametrize("empty", [[], [[]], np.ones((0,)), np.ones((5, 0))], ids=repr)
@pytest.mark.parametrize("cls", [cls for cls in MODELS if len(np.shape(USERS[cls])) == 1])
def test_an_empty_user_list_is_refused(cls: type[Problem], empty: Any) -> None:
    with pytest.raises(InstanceError, match="is empty; allowed: at least one user"):
        cls(**{first(cls): empty})


@pytest.mark.parametrize("shape", [(0,), (1, 0), (0, 2), (3, 0), (5, 3, 0), (5, 0, 2)], ids=str)
def test_gains_without_users_or_servers_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InstanceError, match=r"is empty; allowed: at least|has shape \(0,\); allowed: one entry per"):
        MultiServerOffloading(channel_gain=np.ones(shape))


@pytest.mark.parametrize("cls", MODELS)
def test_a_single_number_is_no_list_of_users(cls: type[Problem]) -> None:
    with pytest.raises(InstanceError, match=r"is a single number; allowed: one entry per user"):
        cls(**{first(cls): 3.0})


@pytest.mark.parametrize("users", [0, -1, 2.5, "10", None, True])
def test_a_number_of_users_that_is_no_whole_number_is_refused(users: Any) -> None:
    with pytest.raises(InstanceError, match=r"users is .*whole number of at least 1"):
        BinaryOffloading.sample(np.random.default_rng(0), users=users)


@pytest.mark.parametrize("servers", [0, -1, 2.5, "10", None, True])
def test_a_number_of_servers_that_is_no_whole_number_is_refused(servers: Any) -> None:
    with pytest.raises(InstanceError, match=r"servers is .*whole number of at least 1"):
        MultiServerOffloading.sample(np.random.default_rng(0), servers=servers)


def test_servers_are_refused_where_a_problem_has_none_and_where_they_are_too_many() -> None:
    with pytest.raises(UnknownName, match="'servers'"):
        BinaryOffloading.sample(np.random.default_rng(0), servers=2)
    for servers in (127, 200):
        with pytest.raises(InstanceError, match=f"{servers + 1} choices; allowed: 127 at most"):
            MultiServerOffloading(channel_gain=np.full((2, servers), 1e-8))
    assert mecopt.solve(MultiServerOffloading(channel_gain=np.full((2, 126), 1e-8))).status is Status.OPTIMAL


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda p: mecopt.find_problem("binary-ofloading"), "binary-offloading"),
        (lambda p: type(p).sample(np.random.default_rng(0), preset="papr"), "paper"),
        (lambda p: type(p).sample(np.random.default_rng(0), capcity=3.0), "capacity"),
        (lambda p: mecopt.solve(p, solver="exat"), "exact"),
        (lambda p: mecopt.allocate(p, [0, 0, 0], backend="clarable"), "clarabel"),
        (lambda p: from_mapping({"problem": "binary-offloading", "data_sizes": [1]}), "data_size"),
    ],
    ids=["problem", "preset", "override", "solver", "backend", "key"],
)
def test_an_unknown_name_is_answered_with_the_one_that_was_meant(call: Callable[[Problem], Any], meant: str) -> None:
    with pytest.raises(UnknownName, match=f"did you mean '{meant}'.*Known: "):
        call(instance(BinaryOffloading))


def test_a_name_that_resembles_nothing_is_answered_with_all_that_are_known() -> None:
    with pytest.raises(UnknownName, match=r"unknown problem 'xyz'.*binary-offloading, computation-rate") as caught:
        mecopt.find_problem("xyz")
    assert "did you mean" not in str(caught.value)


def test_an_unknown_unit_names_the_unit() -> None:
    with pytest.raises(InstanceError, match=r"BinaryOffloading\.capacity: unknown unit 'MBpm'"):
        from_mapping({"problem": "binary-offloading", "data_size": [1], "capacity": {"value": 1, "unit": "MBpm"}})


def test_every_refusal_is_an_error_of_mecopt() -> None:
    assert all(
        issubclass(error, MecoptError)
        for error in (InstanceError, UnknownName, BackendUnavailable, StartIgnored, SolveFailed)
    )


# ---------------------------------------------------------------------- decisions, starts, tolerances


@pytest.mark.parametrize(
    "decision",
    [[-1, 0, 0], [0.5, 0, 0], [math.nan, 0, 0], [256, 0, 0], ["1", "0", "0"], [None, 0, 0], [0, [1], 0]],
    ids=repr,
)
@pytest.mark.parametrize("cls", MODELS)
def test_a_decision_outside_its_space_is_refused(cls: type[Problem], decision: Any) -> None:
    with pytest.raises(InstanceError, match="decision"):
        mecopt.allocate(instance(cls), decision)


@pytest.mark.parametrize("cls", MODELS)
def test_the_numbers_of_the_choices_are_admitted_and_the_next_one_is_refused(cls: type[Problem]) -> None:
    problem = instance(cls)
    choices = len(problem.choices.labels)
    for number in range(choices):
        mecopt.allocate(problem, [number, 0, 0], throw=False)
    with pytest.raises(InstanceError, match=rf"decision\[0\] is {choices}; allowed: 0 \(local\)"):
        mecopt.allocate(problem, [choices, 0, 0])
    with pytest.raises(InstanceError, match="start"):
        mecopt.solve(problem, start=[choices, 0, 0])


@pytest.mark.parametrize("decision", [1, [], [1, 0], [1, 0, 1, 0], [[1, 0]]], ids=repr)
@pytest.mark.parametrize("cls", MODELS)
def test_a_decision_for_another_number_of_users_is_refused(cls: type[Problem], decision: Any) -> None:
    with pytest.raises(InstanceError, match=r"decision has shape .*3 entries on the last axis"):
        mecopt.allocate(instance(cls), decision)


def test_decisions_for_another_batch_are_refused() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(0), (4,), users=3)
    with pytest.raises(InstanceError, match=r"decision has shape \(3, 3\); allowed: leading axes \(4,\)"):
        mecopt.allocate(batch, np.zeros((3, 3)))


NO_NUMBERS = [-1.0, math.nan, math.inf, -math.inf, "1", True, None, 1j, np.complex128(0.1), np.float64(-0.1), [1e-3]]


@pytest.mark.parametrize("value", [value for value in NO_NUMBERS if value is not None], ids=repr)
def test_a_time_limit_that_makes_no_sense_is_refused(value: Any) -> None:
    with pytest.raises(InstanceError, match=r"time_limit is .*allowed: a finite number >= 0"):
        mecopt.solve(instance(BinaryOffloading), time_limit=value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 1.0, 1, np.float32(1.0), 2.5, 1e300], ids=repr)
@pytest.mark.parametrize("name", ["gap", "tol"])
@pytest.mark.parametrize("model", [BinaryOffloading, ComputationRate])
def test_a_gap_within_which_anything_would_be_optimal_is_refused(model: type[Problem], name: str, value: Any) -> None:
    if (name, value) == ("gap", None):
        return  # asks for no more than rounding
    call = partial(mecopt.allocate, decision=[0, 0, 0]) if name == "tol" else mecopt.solve
    with pytest.raises(InstanceError, match=f"{name} is .*allowed: a relative gap >= .* and < 1"):
        call(instance(model), **{name: value})


def test_a_gap_just_below_one_is_a_gap() -> None:
    assert mecopt.solve(instance(BinaryOffloading), gap=np.nextafter(1.0, 0.0)).is_optimal


def test_a_start_that_would_have_no_effect_is_refused() -> None:
    problem = instance(BinaryOffloading)
    solution = mecopt.allocate(problem, [1, 0, 1])
    with pytest.raises(StartIgnored, match=r"closed-form.*takes no start.*slsqp"):
        mecopt.allocate(problem, [1, 0, 1], start=solution)
    with pytest.raises(StartIgnored, match=r"all-local.*takes no start.*exact"):
        mecopt.solve(problem, solver="all-local", start=[1, 0, 1])
    with pytest.raises(InstanceError, match="start"):
        mecopt.solve(problem, start=[2, 0, 1])


def test_the_prefix_rule_refuses_users_for_whom_it_is_not_proved() -> None:
    with pytest.raises(InstanceError, match=r"prefix is exact only where.*'exact'"):
        mecopt.solve(instance(BinaryOffloading, local_rate=[1.0, 2.0, 3.0]), solver="prefix")


# ---------------------------------------------------------------------- a solver that is not installed

RESTING = [
    (cls, kind, name)
    for cls in MODELS
    for kind in ("backends", "solvers")
    for name, one in getattr(cls, kind).items()
    if one.package is not None
]


def hide(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def found(name: str, package_: str | None = None) -> Any:
        return None if name == package else find(name, package_)

    monkeypatch.setattr("mecopt.contract.backend.importlib.util.find_spec", found)


@pytest.mark.parametrize(("cls", "kind", "name"), RESTING, ids=lambda value: getattr(value, "__name__", value))
def test_a_solver_that_is_not_installed_says_what_to_install(
    cls: type[Problem], kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = getattr(cls, kind)[name]
    hide(one.package, monkeypatch)
    backend = kind == "backends"
    call = partial(mecopt.allocate, decision=[0, 0, 0], backend=name) if backend else partial(mecopt.solve, solver=name)
    assert not one.is_available()
    wanted = rf"mecopt\[{one.extra}\]" if one.extra else one.package
    with pytest.raises(BackendUnavailable, match=f"'{name}' needs the package {one.package}.*pip install '{wanted}'"):
        call(instance(cls))


def test_scip_is_brought_by_an_extra_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    hide("pyscipopt", monkeypatch)
    with pytest.raises(BackendUnavailable, match=r"pip install 'mecopt\[scip\]'"):
        mecopt.solve(instance(BinaryOffloading), solver="scip")


# ---------------------------------------------------------------------- a failure on one item


class Fragile(OneByOne):
    """Answers by the closed form, except where the first user offloads: there it breaks in the way given."""

    name = "fragile"
    summary = "fails where user 0 offloads"

    def __init__(self, breaks: Callable[[], float]) -> None:
        self.breaks = breaks

    def allocate_one(self, problem: Problem, decision: Array, **_: Any) -> Single:
        allocation, dual = problem.closed_form(decision)
        if decision[0]:
            factor = self.breaks()
            broken = {name: np.full_like(value, factor) for name, value in allocation.as_dict().items()}
            allocation = type(allocation)(**broken)
        return Single(allocation, dual, 1, 0.0, 0.0, start_used=False)


def crash() -> float:
    raise ArithmeticError("the factorisation broke down")


DECISIONS = [[0, 0, 1], [1, 0, 1], [0, 1, 1]]


@pytest.mark.parametrize("breaks", [crash, lambda: math.nan, lambda: math.inf, lambda: 1e3, lambda: -1.0])
@pytest.mark.parametrize("cls", MODELS)
def test_an_item_that_fails_is_marked_and_the_others_stand(
    cls: type[Problem], breaks: Callable[[], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cls.backends, "fragile", Fragile(breaks))
    problem = cls(**{first(cls): [USERS[cls]] * 3})
    solution = mecopt.allocate(problem, DECISIONS, backend="fragile", throw=False)
    assert list(solution.status) == [Status.OPTIMAL, Status.FAILED, Status.OPTIMAL]
    assert list(solution.stats.messages) == [1]
    sound = mecopt.allocate(problem, DECISIONS)
    np.testing.assert_allclose(solution.objective[[0, 2]], sound.objective[[0, 2]], rtol=1e-12)
    if breaks is crash:
        assert "ArithmeticError: the factorisation broke down" in solution.stats.messages[1]


@pytest.mark.parametrize("cls", MODELS)
def test_a_failure_is_raised_with_the_solution_unless_the_caller_declines(
    cls: type[Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cls.backends, "fragile", Fragile(crash))
    problem = cls(**{first(cls): [USERS[cls]] * 3})
    with pytest.raises(
        SolveFailed, match=r"1 of 3 items have no answer; item 1: fragile: ArithmeticError.*throw=False"
    ) as caught:
        mecopt.allocate(problem, DECISIONS, backend="fragile")
    assert caught.value.solution.statuses() == {"OPTIMAL": 2, "FAILED": 1}
    assert np.isfinite(caught.value.solution.objective[[0, 2]]).all()
    with pytest.raises(SolveFailed):
        mecopt.allocate(problem[1], DECISIONS[1], backend="fragile")


def test_an_interruption_is_never_taken_for_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> float:
        raise KeyboardInterrupt

    backends: dict[str, Backend] = {"fragile": Fragile(interrupt)}
    monkeypatch.setattr(BinaryOffloading, "backends", backends)
    with pytest.raises(KeyboardInterrupt):
        mecopt.allocate(instance(BinaryOffloading), [1, 0, 0], backend="fragile", throw=False)


class FragileSearch(Solver):
    """Keeps everyone local, and gives up on the second instance."""

    name = "fragile"
    summary = "fails on instance 1"

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        failed = np.arange(problem.instances).reshape(problem.batch_shape) == 1
        decision = np.zeros((*problem.batch_shape, problem.users), dtype=np.int8)
        return Search(decision, failed=failed, messages={1: "fragile: gave up"})


@pytest.mark.parametrize("cls", MODELS)
def test_a_solver_that_fails_on_one_instance_spoils_no_other(cls: type[Problem], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cls.solvers, "fragile", FragileSearch())
    problem = cls(**{first(cls): [USERS[cls]] * 3})
    solution = mecopt.solve(problem, solver="fragile", throw=False)
    assert solution.statuses() == {"FEASIBLE": 2, "FAILED": 1}
    assert solution.stats.messages == {1: "fragile: gave up"}
    with pytest.raises(SolveFailed, match="1 of 3 items have no answer; item 1: fragile: gave up"):
        mecopt.solve(problem, solver="fragile")


CLOSED_STREAM = """
import sys, tempfile, mecopt
from mecopt.models import BinaryOffloading
problem, usual = BinaryOffloading(data_size=[12.0, 7.5, 20.1]), sys.stdout
with tempfile.TemporaryFile("w") as file:
    sys.stdout = file
    mecopt.solve(problem, solver="highs")
    sys.stdout = usual
print(mecopt.solve(problem, solver="highs", throw=False).status)
"""


def test_highs_answers_after_the_output_of_its_first_call_was_closed() -> None:
    ended = subprocess.run([sys.executable, "-c", CLOSED_STREAM], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["OPTIMAL"]


# ---------------------------------------------------------------------- magnitudes, many users, no work


def assert_proved(solution: mecopt.Solution) -> None:
    assert solution.status is Status.OPTIMAL, solution.stats.messages
    assert np.isfinite(solution.objective)
    assert np.isfinite(solution.bound)
    assert solution.gap <= 1e-6
    assert solution.violation <= 1e-8


def cost(problem: BinaryOffloading, decision: Array) -> float:
    """Evaluate the paper's cost of a decision with the capacity shared by square roots, in plain Python."""
    data = {name: np.broadcast_to(value, (problem.users,)).tolist() for name, value in problem.data().items()}
    total, roots = [], []
    for i in range(problem.users):
        d, weight = data["data_size"][i], data["energy_weight"][i]
        if decision[i]:
            total.append(d / data["upload_rate"][i] * (1 + weight * data["upload_power"][i]))
            roots.append(math.sqrt(d * (1 + weight * data["waiting_power"][i])))
        else:
            total.append(d / data["local_rate"][i] * (1 + weight * data["local_power"][i]))
    return float(math.fsum(total) + math.fsum(roots) ** 2 / data["capacity"][0])


def local_rate(problem: ComputationRate) -> float:
    """Evaluate the rate when everyone computes locally on a whole frame's harvest: a decision that any optimum matches."""
    data = {name: np.broadcast_to(value, (problem.users,)).tolist() for name, value in problem.data().items()}
    return math.fsum(
        data["weight"][i]
        * math.cbrt(
            data["harvesting_efficiency"][i] * data["transmit_power"][i] * data["channel_gain"][i] / data["capacitance"][i]
        )
        / data["cycles_per_bit"][i]
        for i in range(problem.users)
    )


def local_latency(problem: BandwidthPower) -> float:
    """Evaluate the latency when everyone computes locally, which no optimum exceeds."""
    return math.fsum((problem.weight * problem.local_time).tolist())


def server_cost(problem: MultiServerOffloading, decision: tuple[int, ...]) -> float:
    """Evaluate paper 004's cost of a decision in plain Python, speeds by bisection on their common factor."""
    data, total = {name: value.tolist() for name, value in problem.data().items()}, 0.0
    for i, choice in enumerate(decision):
        if choice == 0:
            drawn = data["max_local_power"][i] / data["capacitance"][i] if data["capacitance"][i] else math.inf
            time = data["workload"][i] / min(data["local_speed"][i], drawn ** (1.0 / data["power_exponent"][i]))
            total += data["weight"][i] * time if time <= data["deadline"][i] else math.inf
    for j, capacity in enumerate(data["server_speed"]):
        mine = [i for i, choice in enumerate(decision) if choice == j + 1]
        if len(mine) > data["admission"][j]:
            return math.inf
        roots, least, most = [], [], []
        for i in mine:
            ratio = data["max_power"][i] * data["channel_gain"][i][j] / data["noise_power"][j]
            upload = data["data_size"][i] / (data["bandwidth"][i] * math.log1p(ratio) / math.log(2))
            left = data["deadline"][i] - upload
            if left <= 0:
                return math.inf
            least.append(max(data["least_speed"][i], data["workload"][i] / left))
            most.append(min(data["most_speed"][i], capacity))
            roots.append(math.sqrt(data["weight"][i] * data["workload"][i]))
            total += data["weight"][i] * upload
        if any(low > high for low, high in zip(least, most, strict=True)) or math.fsum(least) > capacity:
            return math.inf

        def speeds(factor: float, known: Any = (roots, least, most)) -> list[float]:
            return [min(max(factor * s, low), high) for s, low, high in zip(*known, strict=True)]

        low, high = 0.0, 4.0 * capacity / min(roots, default=1.0)
        for _ in range(1100):
            middle = math.sqrt(low * high) if low else high * 1e-3
            low, high = (middle, high) if math.fsum(speeds(middle)) <= capacity and middle > 1e-290 else (low, middle)
        total += math.fsum(s * s / f for s, f in zip(roots, speeds(low), strict=True))
    return total


def assert_right(problem: Problem) -> None:
    if isinstance(problem, MultiServerOffloading):
        least = min(server_cost(problem, a) for a in itertools.product(range(problem.servers + 1), repeat=problem.users))
        solution = mecopt.solve(problem, throw=False)
        if least == math.inf:
            assert solution.status is Status.INFEASIBLE
        else:
            assert_proved(solution)
            assert float(solution.objective) == pytest.approx(least, rel=1e-9)
        return
    solution = mecopt.solve(problem)
    assert_proved(solution)
    if isinstance(problem, BinaryOffloading):
        space = range(2**problem.users)
        best = min(cost(problem, np.array([n >> i & 1 for i in range(problem.users)])) for n in space)
        assert float(solution.objective) == pytest.approx(best, rel=1e-9)
    if isinstance(problem, BandwidthPower):
        assert float(solution.objective) <= local_latency(problem) * (1 + 1e-9)
    if isinstance(problem, PricedPower):
        assert float(solution.objective) <= math.fsum(problem.local_cost.tolist()) * (1 + 1e-9)
    if isinstance(problem, ComputationRate):
        assert float(solution.objective) >= local_rate(problem) * (1 - 1e-9)


def sensible(fields: dict[str, Array]) -> dict[str, Array]:
    """Round numbers of places, and put the least speeds below the greatest and powers of speeds above 1."""
    if "admission" in fields:
        fields["admission"] = np.round(fields["admission"])
    if "least_speed" in fields and "most_speed" in fields:
        fields["least_speed"] = np.minimum(fields["least_speed"], fields["most_speed"])
    if "power_exponent" in fields:
        fields["power_exponent"] = np.maximum(fields["power_exponent"], 1.0)
    return fields


@pytest.mark.parametrize("magnitude", [1e-12, 1e-6, 1e6, 1e12])
@pytest.mark.parametrize(("cls", "f"), FIELDS, ids=NAMES)
def test_a_field_of_any_magnitude_is_answered_with_proof(
    cls: type[Problem], f: dataclasses.Field[Any], magnitude: float
) -> None:
    assert_right(instance(cls, **sensible({f.name: np.full(own_shape(cls, f), magnitude)})))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("cls", MODELS)
def test_fields_of_all_magnitudes_at_once_are_answered_with_proof(cls: type[Problem], seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = {"users": 4, "servers": 2}
    shapes = {f.name: tuple(sizes[axis] for axis in axes(f)) for f in dataclasses.fields(cls)}
    assert_right(cls(**sensible({name: 10.0 ** rng.uniform(-12, 12, shape) for name, shape in shapes.items()})))


@pytest.mark.parametrize("preset", ["paper", "heterogeneous"])
def test_a_million_users_in_one_instance_are_answered_with_proof(preset: str) -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(0), users=10**6, preset=preset)
    solution = mecopt.solve(problem)
    assert_proved(solution)
    assert solution.decision.shape == (10**6,)
    assert float(solution.objective) == pytest.approx(cost(problem, solution.decision), rel=1e-9)


@pytest.mark.parametrize("solver", ["exact", "prefix", "enumerate", "coordinate-descent", "index-scan", "all-offload"])
def test_users_without_work_cost_nothing(solver: str) -> None:
    solution = mecopt.solve(BinaryOffloading(data_size=np.zeros(5)), solver=solver)
    assert_proved(solution)
    assert solution.objective == 0.0


@pytest.mark.parametrize("backend", installed(BinaryOffloading.backends))
def test_every_backend_allocates_to_users_without_work(backend: str) -> None:
    solution = mecopt.allocate(BinaryOffloading(data_size=np.zeros(3)), [1, 0, 1], backend=backend)
    assert solution.status is Status.OPTIMAL
    assert solution.objective == 0.0


def test_users_without_work_do_not_disturb_the_others() -> None:
    alone = mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5]))
    among = mecopt.solve(BinaryOffloading(data_size=[0.0, 12.0, 0.0, 7.5]))
    assert float(among.objective) == pytest.approx(float(alone.objective), rel=1e-12)
    assert among.decision[[1, 3]].tolist() == alone.decision.tolist()


@pytest.mark.parametrize("rng", [0, None, np.random.RandomState(0)])
def test_instances_are_drawn_from_a_generator_and_from_nothing_else(rng: Any) -> None:
    with pytest.raises(InstanceError, match=r"rng is .*; allowed: a numpy Generator"):
        MultiServerOffloading.sample(rng, (2,))


def test_what_is_allowed_of_a_plain_number_has_no_unit() -> None:
    with pytest.raises(InstanceError, match=r"cycles_per_bit.* allowed: finite numbers > 0 in cycle/bit$"):
        ComputationRate(channel_gain=[1e-6], cycles_per_bit=0.0)
    with pytest.raises(InstanceError, match=r"weight.* allowed: finite numbers >= 0$"):
        MultiServerOffloading(channel_gain=[[1.0]], weight=-1.0)
    with pytest.raises(InstanceError, match=r"allowed: finite numbers >= 0 in cycle$"):
        MultiServerOffloading(channel_gain=[[1.0]], workload=-1.0)
