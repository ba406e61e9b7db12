"""Bad input and faults, from Python: what is refused says why, what fails is marked, extreme data are still answered."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
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
from mecopt.backends.backend import Backend, OneByOne, Single
from mecopt.data import from_mapping, load, save
from mecopt.models import BandwidthPower, BinaryOffloading, ComputationRate, PricedPower
from mecopt.search.solver import Search, Solver

Array = NDArray[Any]

USERS: dict[type[Problem], list[float]] = {
    BandwidthPower: [3e-8, 1e-7, 1e-8],
    BinaryOffloading: [12.0, 7.5, 20.1],
    ComputationRate: [6e-6, 1e-5, 1e-7],
    PricedPower: [4e-7, 2e-8, 9e-9],
}
MODELS = list(USERS)
FIELDS = [(cls, f) for cls in MODELS for f in dataclasses.fields(cls)]
NAMES = [f"{cls.__name__}.{f.name}" for cls, f in FIELDS]


def first(cls: type[Problem]) -> str:
    return dataclasses.fields(cls)[0].name


def instance(cls: type[Problem], **fields: Any) -> Problem:
    return cls(**{first(cls): USERS[cls], **fields})


def with_bad(cls: type[Problem], f: dataclasses.Field[Any], value: Any) -> dict[str, Any]:
    """Put one bad entry into a field, in the midst of good ones where the field is per user."""
    return {f.name: [USERS[cls][0], value, USERS[cls][2]] if f.metadata["per"] == "user" else value}


# ---------------------------------------------------------------------- fields


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, -1e-300])
@pytest.mark.parametrize(("cls", "f"), FIELDS, ids=NAMES)
def test_a_number_out_of_range_is_refused_by_field_and_entry(
    cls: type[Problem], f: dataclasses.Field[Any], value: float
) -> None:
    if value == math.inf and f.metadata["unlimited"]:
        assert np.max(getattr(instance(cls, **with_bad(cls, f, value)), f.name)) == math.inf
        return
    entry = r"\[1\]" if f.metadata["per"] == "user" else ""
    with pytest.raises(InstanceError, match=rf"{cls.__name__}\.{f.name}{entry} is .*allowed: (finite )?numbers >"):
        instance(cls, **with_bad(cls, f, value))


@pytest.mark.parametrize(("cls", "f"), FIELDS, ids=NAMES)
def test_zero_is_refused_exactly_where_it_is_declared_inadmissible(cls: type[Problem], f: dataclasses.Field[Any]) -> None:
    if f.metadata["zero_allowed"]:
        assert np.min(getattr(instance(cls, **with_bad(cls, f, 0.0)), f.name)) == 0.0
    else:
        with pytest.raises(InstanceError, match=rf"{f.name}.* is 0.*allowed: (finite )?numbers > 0"):
            instance(cls, **with_bad(cls, f, 0.0))


@pytest.mark.parametrize("value", ["ten", "1", b"1", None, {}, 1j, 10**400, [1.0]], ids=lambda value: str(value)[:9])
@pytest.mark.parametrize("cls", MODELS)
def test_what_is_no_number_is_refused_by_field(cls: type[Problem], value: Any) -> None:
    with pytest.raises(InstanceError, match=rf"{cls.__name__}\.{first(cls)}"):
        cls(**{first(cls): [1.0, 2.0, value]})


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


def test_batches_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(InstanceError, match=r"capacity has shape \(2,\).*broadcast with \(3,\)"):
        BinaryOffloading(data_size=np.ones((3, 4)), capacity=[1.0, 2.0])


@pytest.mark.parametrize("empty", [[], [[]], np.ones((0,)), np.ones((5, 0))], ids=repr)
@pytest.mark.parametrize("cls", MODELS)
def test_an_empty_user_list_is_refused(cls: type[Problem], empty: Any) -> None:
    with pytest.raises(InstanceError, match="is empty; allowed: at least one user"):
        cls(**{first(cls): empty})


@pytest.mark.parametrize("cls", MODELS)
def test_a_single_number_is_no_list_of_users(cls: type[Problem]) -> None:
    with pytest.raises(InstanceError, match=r"is a single number; allowed: one entry per user"):
        cls(**{first(cls): 3.0})


@pytest.mark.parametrize("users", [0, -1, 2.5, "10", None, True])
def test_a_number_of_users_that_is_no_whole_number_is_refused(users: Any) -> None:
    with pytest.raises(InstanceError, match=r"users is .*whole number of at least 1"):
        BinaryOffloading.sample(np.random.default_rng(0), users=users)


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
    with pytest.raises(InstanceError, match="unknown unit 'MBps'"):
        from_mapping({"problem": "binary-offloading", "data_size": [1], "capacity": {"value": 1, "unit": "MBps"}})


def test_every_refusal_is_an_error_of_mecopt() -> None:
    assert all(
        issubclass(error, MecoptError)
        for error in (InstanceError, UnknownName, BackendUnavailable, StartIgnored, SolveFailed)
    )


# ---------------------------------------------------------------------- decisions, starts, tolerances


@pytest.mark.parametrize(
    "decision",
    [[2, 0, 0], [-1, 0, 0], [0.5, 0, 0], [math.nan, 0, 0], [256, 0, 0], ["1", "0", "0"], [None, 0, 0], [0, [1], 0]],
    ids=repr,
)
@pytest.mark.parametrize("cls", MODELS)
def test_a_decision_outside_its_space_is_refused(cls: type[Problem], decision: Any) -> None:
    with pytest.raises(InstanceError, match="decision"):
        mecopt.allocate(instance(cls), decision)


@pytest.mark.parametrize("decision", [1, [], [1, 0], [1, 0, 1, 0], [[1, 0]]], ids=repr)
@pytest.mark.parametrize("cls", MODELS)
def test_a_decision_for_another_number_of_users_is_refused(cls: type[Problem], decision: Any) -> None:
    with pytest.raises(InstanceError, match=r"decision has shape .*3 entries on the last axis"):
        mecopt.allocate(instance(cls), decision)


def test_decisions_for_another_batch_are_refused() -> None:
    batch = BinaryOffloading.sample(np.random.default_rng(0), (4,), users=3)
    with pytest.raises(InstanceError, match=r"decision has shape \(3, 3\); allowed: leading axes \(4,\)"):
        mecopt.allocate(batch, np.zeros((3, 3)))


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, "1", True], ids=repr)
@pytest.mark.parametrize("name", ["gap", "time_limit", "tol"])
def test_a_tolerance_or_limit_that_makes_no_sense_is_refused(name: str, value: Any) -> None:
    problem = instance(BinaryOffloading)
    call = partial(mecopt.allocate, decision=[0, 0, 0]) if name == "tol" else mecopt.solve
    with pytest.raises(InstanceError, match=f"{name} is .*allowed: a finite number >= "):
        call(problem, **{name: value})


def test_a_start_that_would_have_no_effect_is_refused() -> None:
    problem = instance(BinaryOffloading)
    solution = mecopt.allocate(problem, [1, 0, 1])
    with pytest.raises(StartIgnored, match=r"closed-form.*takes no start.*slsqp"):
        mecopt.allocate(problem, [1, 0, 1], start=solution)
    with pytest.raises(StartIgnored, match=r"all-local.*takes no start.*exact"):
        mecopt.solve(problem, solver="all-local", start=[1, 0, 1])
    with pytest.raises(InstanceError, match="decision"):
        mecopt.solve(problem, start=[2, 0, 1])


def test_the_prefix_rule_refuses_users_for_whom_it_is_not_proved() -> None:
    with pytest.raises(InstanceError, match=r"prefix is exact only where.*'exact'"):
        mecopt.solve(instance(BinaryOffloading, local_rate=[1.0, 2.0, 3.0]), solver="prefix")


# ---------------------------------------------------------------------- files


def npz(path: Path, **entries: Any) -> Path:
    header = '{"format": 1, "problem": "binary-offloading", "provenance": {}}'
    np.savez(path, **{"mecopt": np.array(header), **entries})
    return path


@pytest.mark.parametrize("name", ["missing.npz", "missing.json", "folder.npz", "slots.txt", "slots"])
def test_a_file_that_cannot_be_one_is_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(InstanceError, match=name):
        load(tmp_path / name)


@pytest.mark.parametrize("suffix", [".json", ".npz", ".mat"])
def test_a_truncated_file_is_refused_wherever_it_is_cut(suffix: str, tmp_path: Path) -> None:
    problem = ComputationRate.sample(np.random.default_rng(0), (3,), users=2)
    whole = tmp_path / f"whole{suffix}"
    save(whole, problem, labels=mecopt.solve(problem) if suffix == ".mat" else None, provenance={})
    content = whole.read_bytes()
    for kept in (0, 1, 10, 130, len(content) // 2, len(content) - 40, len(content) - 1):
        part = tmp_path / f"part{suffix}"
        part.write_bytes(content[:kept])
        with pytest.raises(InstanceError, match="part"):
            load(part)


@pytest.mark.parametrize("suffix", [".json", ".npz"])  # scipy's reader of .mat files itself can crash on such damage
def test_a_file_with_flipped_bytes_is_read_or_refused_but_never_crashes(suffix: str, tmp_path: Path) -> None:
    problem = ComputationRate.sample(np.random.default_rng(0), (2,), users=2)
    whole = tmp_path / f"whole{suffix}"
    save(whole, problem, provenance={})
    content, draw, refused = whole.read_bytes(), random.Random(0), 0
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(5):
            damaged[draw.randrange(len(damaged))] ^= draw.randrange(1, 256)
        (tmp_path / f"part{suffix}").write_bytes(damaged)
        try:
            load(tmp_path / f"part{suffix}")
        except InstanceError:
            refused += 1
    assert refused > 0


@pytest.mark.parametrize("suffix", [".json", ".npz", ".mat"])
@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(500), b"users,size\n1,2\n", b"\x80\x04N."], ids=repr)
def test_a_foreign_file_is_refused(content: bytes, suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"foreign{suffix}").write_bytes(content)
    with pytest.raises(InstanceError, match=r"foreign.*(is not JSON|is damaged or not)"):
        load(tmp_path / f"foreign{suffix}")


@pytest.mark.parametrize(
    "text",
    ["", "[", "{]", "[" * 100_000, '{"problem": "binary-offloading", "data_size": [' + "9" * 5000 + "]}", "nonsense"],
    ids=lambda text: text[:12] or "empty",
)
def test_text_that_is_no_json_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InstanceError, match=r"x\.json is not JSON"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize("text", ["3", "[]", '"x"', "null", "true"])
def test_json_that_is_no_object_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InstanceError, match="an instance is an object of fields"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize(
    "text",
    [
        '{"problem": "binary-offloading", "data_size": [1], "data_size": [2]}',
        '{"problem": "binary-offloading", "data_size": {"value": [1], "value": [2], "unit": "MB"}}',
    ],
)
def test_a_key_that_stands_twice_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InstanceError, match=r"the key '(data_size|value)' stands twice"):
        load(tmp_path / "x.json")


def test_json_with_a_misspelt_key_says_which_was_meant(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"problem": "binary-offloading", "data_size": [1], "uplod_rate": 3}')
    with pytest.raises(UnknownName, match="'uplod_rate'; did you mean 'upload_rate'"):
        load(tmp_path / "x.json")


def test_a_missing_field_is_named_with_its_meaning_and_unit(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"problem": "binary-offloading", "capacity": 30}')
    with pytest.raises(InstanceError, match="needs the field 'data_size': task data of a user, in MB"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1", "0", "null", "true", '"30"'])
def test_json_numbers_that_are_none_are_refused_by_field(number: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(f'{{"problem": "binary-offloading", "data_size": [1], "capacity": {number}}}')
    with pytest.raises(InstanceError, match=r"BinaryOffloading\.capacity is"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize("named", ["3", '["binary-offloading"]', '{"a": 1}', "true"])
def test_a_problem_that_is_no_name_is_refused(named: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(f'{{"problem": {named}, "data_size": [1]}}')
    with pytest.raises(InstanceError, match=r"problem is .*allowed: one of .*binary-offloading"):
        load(tmp_path / "x.json")


@pytest.mark.parametrize("text", ["3", "null", '"by hand"', "[1]"])
def test_provenance_that_is_no_object_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(f'{{"problem": "binary-offloading", "data_size": [1], "provenance": {text}}}')
    with pytest.raises(InstanceError, match=r"x\.json: provenance is a .*allowed: an object"):
        load(tmp_path / "x.json")


def test_a_file_without_any_instance_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="holds no instance"):
        load(npz(tmp_path / "x.npz", data_size=np.ones((0, 5))))
    (tmp_path / "x.json").write_text('{"problem": "binary-offloading", "data_size": [1], "capacity": []}')
    with pytest.raises(InstanceError, match="holds no instance"):
        load(tmp_path / "x.json")


def test_an_archive_of_someone_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", data_size=np.ones(3))
    with pytest.raises(InstanceError, match="was not written by mecopt"):
        load(tmp_path / "x.npz")
    np.save(tmp_path / "y.npy", np.ones(3))
    (tmp_path / "y.npy").rename(tmp_path / "y.npz")
    with pytest.raises(InstanceError, match="is damaged or not an NPZ file"):
        load(tmp_path / "y.npz")


def test_a_format_of_the_future_is_refused(tmp_path: Path) -> None:
    header = np.array('{"format": 2, "problem": "binary-offloading", "provenance": {}}')
    with pytest.raises(InstanceError, match="format 2; this version of mecopt reads format 1"):
        load(npz(tmp_path / "x.npz", mecopt=header, data_size=np.ones(3)))


@pytest.mark.parametrize("header", ["3", "[]", "{", "{}", "null"])
def test_an_archive_with_a_broken_header_is_refused(header: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="was not written by mecopt"):
        load(npz(tmp_path / "x.npz", mecopt=np.array(header), data_size=np.ones(3)))


@pytest.mark.parametrize(
    "array", [np.array(["a", "b"]), np.array([b"a"]), np.ones(2, complex), np.ones(2, bool), np.zeros(2, "M8[D]")], ids=str
)
def test_an_archive_of_other_things_than_numbers_is_refused(array: Array, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"BinaryOffloading\.data_size"):
        load(npz(tmp_path / "x.npz", data_size=array))


class Payload:
    """What an attacker would hide in a file: unpickling it makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.marker),)


def test_a_pickle_inside_an_archive_is_refused_and_never_executed(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    hidden = np.empty(1, dtype=object)
    hidden[0] = Payload(marker)
    with pytest.raises(InstanceError, match="damaged or not an NPZ file of numbers"):
        load(npz(tmp_path / "x.npz", data_size=hidden))
    (tmp_path / "y.npz").write_bytes(pickle.dumps(Payload(marker)))
    with pytest.raises(InstanceError, match="damaged or not an NPZ file"):
        load(tmp_path / "y.npz")
    assert not marker.exists()
    function, arguments = Payload(marker).__reduce__()  # what unpickling would have called
    function(*arguments)
    assert marker.exists()


@pytest.mark.parametrize("missing", ["output_mode", "output_a", "output_tau", "output_obj"])
def test_a_layout_with_half_of_its_labels_is_refused(missing: str, tmp_path: Path) -> None:
    from scipy.io import savemat

    ones = {"input_h": np.full((2, 3), 1e-6), "output_mode": np.zeros((2, 3)), "output_tau": np.zeros((2, 3))}
    entries = {**ones, "output_a": np.ones((2, 1)), "output_obj": np.ones((2, 1))}
    del entries[missing]
    savemat(tmp_path / "x.mat", entries)
    with pytest.raises(InstanceError, match=f"lacks '{missing}'"):
        load(tmp_path / "x.mat")


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("output_mode", np.full((2, 3), 2), "decision.* is 2"),
        ("output_mode", np.zeros((2, 4)), "output_mode has shape"),
        ("output_tau", np.array(["text"]), "output_tau has shape"),
        ("output_obj", np.array([[np.nan], [1.0]]), "not all finite"),
        ("input_h", np.full((2, 3), -1.0), "channel_gain"),
        ("input_h", np.array(["text"]), "channel_gain"),
    ],
)
def test_a_layout_with_inadmissible_entries_is_refused(entry: str, value: Array, message: str, tmp_path: Path) -> None:
    from scipy.io import savemat

    ones = {"input_h": np.full((2, 3), 1e-6), "output_mode": np.zeros((2, 3)), "output_tau": np.zeros((2, 3))}
    savemat(tmp_path / "x.mat", {**ones, "output_a": np.ones((2, 1)), "output_obj": np.ones((2, 1)), entry: value})
    with pytest.raises(InstanceError, match=message):
        load(tmp_path / "x.mat")


def test_a_matlab_file_of_someone_else_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    from scipy.io import savemat

    savemat(tmp_path / "x.mat", {"weather": np.ones(3)})
    with pytest.raises(InstanceError, match=r"weather.*fit no known layout"):
        load(tmp_path / "x.mat")
    with pytest.raises(InstanceError, match="lacks 'input_h'"):
        load(tmp_path / "x.mat", "computation-rate")
    with pytest.raises(InstanceError, match=r"no \.mat layout"):
        load(tmp_path / "x.mat", "binary-offloading")


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

    monkeypatch.setattr("mecopt.backends.backend.importlib.util.find_spec", found)


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


def assert_right(problem: Problem) -> None:
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


@pytest.mark.parametrize("magnitude", [1e-12, 1e-6, 1e6, 1e12])
@pytest.mark.parametrize(("cls", "f"), FIELDS, ids=NAMES)
def test_a_field_of_any_magnitude_is_answered_with_proof(
    cls: type[Problem], f: dataclasses.Field[Any], magnitude: float
) -> None:
    assert_right(instance(cls, **{f.name: [magnitude] * 3 if f.metadata["per"] == "user" else magnitude}))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("cls", MODELS)
def test_fields_of_all_magnitudes_at_once_are_answered_with_proof(cls: type[Problem], seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = {f.name: (4,) if f.metadata["per"] == "user" else () for f in dataclasses.fields(cls)}
    assert_right(cls(**{name: 10.0 ** rng.uniform(-12, 12, shape) for name, shape in shapes.items()}))


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


@pytest.mark.parametrize("backend", list(BinaryOffloading.backends))
def test_every_backend_allocates_to_users_without_work(backend: str) -> None:
    solution = mecopt.allocate(BinaryOffloading(data_size=np.zeros(3)), [1, 0, 1], backend=backend)
    assert solution.status is Status.OPTIMAL
    assert solution.objective == 0.0


def test_users_without_work_do_not_disturb_the_others() -> None:
    alone = mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5]))
    among = mecopt.solve(BinaryOffloading(data_size=[0.0, 12.0, 0.0, 7.5]))
    assert float(among.objective) == pytest.approx(float(alone.objective), rel=1e-12)
    assert among.decision[[1, 3]].tolist() == alone.decision.tolist()
