"""`mecopt train`: what it writes and prints, and that every fault is one line, exit code 2 and a way out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mecopt.data import digest, load, save
from mecopt.data.stream import changed
from mecopt.models import BinaryOffloading
from mecopt.storage.policies import load_policy

Run = Callable[..., Any]

QUICK = ("--instances", 30, "--with", "hidden=[8]")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "policy"


def written(folder: Path) -> dict[str, int]:
    """Return when the files of a folder were written; its lock is written anew by some versions of filelock."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.suffix != ".lock"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten slots: eight of usual size, two enormous ones at the end."""
    slots = BinaryOffloading.sample(np.random.default_rng(0), (10,), users=4)
    save(tmp_path / "slots.npz", changed(slots, [(8, {"data_size": 1e6})]), provenance={})
    return tmp_path / "slots.npz"


def card(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "card.json").read_text())
    return found


def test_a_policy_its_log_and_its_picture_are_written_and_the_next_command_is_told(out: Path, run: Run) -> None:
    said = run("train", "binary-offloading", "--set", "users=4", *QUICK, "--seed", 3, "-o", out)
    assert (said.code, said.error) == (0, "")
    written = {"card.json", "training.parquet", "training.png", "weights.safetensors"}
    assert {path.name for path in out.iterdir()} == written
    text = " ".join(said.out.split())
    assert "decision-net for binary-offloading: 30 instances of 4 users, seed 3" in text
    assert "best of candidates: mean" in text
    assert f"mecopt compare FILE --methods exact,learned:{out}" in text
    assert {"seed": 3, "preset": "paper", "set": ["users=4"], "instances": 30, "variant": "default"}.items() <= card(
        out
    ).items()


def test_the_command_trains_what_python_trains(out: Path, tmp_path: Path, run: Run, train: Callable[..., Any]) -> None:
    run("train", "binary-offloading", "--set", "users=4", *QUICK, "--seed", 3, "-o", out)
    stream = BinaryOffloading.sample(np.random.default_rng((3, 2)), (30,), users=4)
    again = train("decision-net", stream, tmp_path / "again", seed=3, hidden=(8,))
    for name, value in load_policy(out).weights().items():
        np.testing.assert_array_equal(value, again.weights()[name])


def test_a_second_call_only_reads(out: Path, run: Run) -> None:
    command = ("train", "binary-offloading", "--set", "users=4", *QUICK, "-o", out)
    first = run(*command)
    before = written(out)
    again = " ".join(run(*command).out.split())
    assert again.replace("stood there already", "written") == " ".join(first.out.split())
    assert before == written(out)
    said = run(*command, "--seed", 1)
    assert said.code == 2
    assert "another trained policy" in said.error


def test_the_warm_starter_is_trained_by_name(out: Path, run: Run) -> None:
    command = ("train", "computation-rate", "--learner", "price-net", "--set", "users=3", *QUICK, "--with", "passes=2")
    said = run(*command, "-o", out)
    assert said.code == 0
    assert "relative error of the price" in said.out
    assert card(out)["learner"] == "price-net"


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("hidden=12,8", "hidden", [12, 8]),
        ("hidden=12", "hidden", [12]),
        ("inputs=data_size", "inputs", ["data_size"]),
        ("inputs=data_size,capacity", "inputs", ["data_size", "capacity"]),
        ("own_included=false", "own_included", False),
        ("learning_rate=1e-2", "learning_rate", 0.01),
        ("scheme=perturb-exactly", "scheme", "perturb-exactly"),
    ],
)
def test_a_setting_is_taken_as_it_is_written(text: str, name: str, value: object, out: Path, run: Run) -> None:
    assert run("train", "binary-offloading", "--set", "users=3", "--instances", 30, "--with", text, "-o", out).code == 0
    assert card(out)["settings"][name] == value
    assert load_policy(out).card == card(out)


def test_changes_along_the_stream_are_made_and_recorded(out: Path, run: Run) -> None:
    at = ("--at", "10:energy_weight=3", "--at", "20:users_off=2")
    assert run("train", "binary-offloading", "--set", "users=4", *QUICK, *at, "-o", out).code == 0
    assert card(out)["changes"] == ["10:energy_weight=3", "20:users_off=2"]
    assert "energy_weight" in card(out)["inputs"]


def test_of_a_file_only_the_first_part_is_seen(data: Path, out: Path, run: Run) -> None:
    assert run("train", "binary-offloading", "--data", data, "--split", 0.8, *QUICK, "-o", out).code == 0
    assert card(out)["trained_on"] == {"file": "slots.npz", "digest": digest(load(data).problem), "first": 8}
    assert load_policy(out).inputs.offset.max() < 25.0


def test_without_a_split_all_of_a_file_is_seen(data: Path, out: Path, run: Run) -> None:
    assert run("train", "binary-offloading", "--data", data, *QUICK, "-o", out).code == 0
    assert card(out)["trained_on"]["first"] == 10
    assert load_policy(out).inputs.offset.max() > 1e4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("binary-offlading",), "did you mean 'binary-offloading'"),
        (("binary-offloading", "--learner", "decision-ned"), "did you mean 'decision-net'"),
        (("multi-server-offloading",), "decision-net learns binary decisions; those of multi-server-offloading are others"),
        (("multi-server-offloading", "--learner", "price-net"), "those of multi-server-offloading are per server"),
        (("binary-offloading", "--preset", "papre"), "did you mean 'paper'"),
        (("binary-offloading", "--variant", "papre"), "did you mean 'paper'"),
        (("binary-offloading", "--with", "candidate=3"), "did you mean 'candidates'"),
        (("binary-offloading", "--with", "candidates"), "write for example --with candidates=7"),
        (("binary-offloading", "--with", "candidates=many"), "allowed: a whole number, as its default, 7"),
        (
            ("inference-queue", "--learner", "parametric-q", "--with", "step=nan"),
            "allowed: a finite number, as its default, 0.1",
        ),
        (("binary-offloading", "--with", "candidates=0"), "allowed: whole numbers of at least 1"),
        (("binary-offloading", "--with", "scheme=nearest"), "allowed: perturb-up-to"),
        (("binary-offloading", "--with", "inputs=[1]"), "unknown field of binary-offloading 1"),
        (("binary-offloading", "--with", "inputs=[[1]]"), "unknown field of binary-offloading [1]"),
        (("binary-offloading", "--with", "inputs=data_size,data_size"), "data_size is named twice"),
        (("binary-offloading", "--with", "flips=" + "[" * 20_000), "allowed"),
        (("binary-offloading", "--with", "flips=3", "--with", "flips=4"), "--with names 'flips' twice"),
        (("binary-offloading", "--with", 'inputs=["capacty"]'), "did you mean 'capacity'"),
        (("binary-offloading", "--set", "users=none"), "allowed: a whole number"),
        (("binary-offloading", "--set", "capacty=3"), "did you mean 'capacity'"),
        (("binary-offloading", "--set", "capacity=-3"), "capacity"),
        (("binary-offloading", "--at", "5"), "allowed: an instance's number and a field, like 5000:energy_weight=3"),
        (("binary-offloading", "--at", "x:energy_weight=3"), "allowed: an instance's number and a field"),
        (("binary-offloading", "--at", "5:energy_weight"), "allowed: an instance's number and a field"),
        (("binary-offloading", "--at", "5:energy_wait=3"), "did you mean 'energy_weight'"),
        (("binary-offloading", "--at", "5:energy_weight=nan"), "energy_weight"),
        (("binary-offloading", "--at", "30:energy_weight=3"), "allowed: 0 to 29"),
        (("binary-offloading", "--at", "5:users_off=11"), "allowed: a whole number from 0 to 10"),
        (("binary-offloading", "--at", "5:users_off=inf"), "allowed: a whole number from 0 to 10"),
        (("binary-offloading", "--split", "0.5"), "--split divides the instances of --data"),
        (("binary-offloading", "--rows", "users"), "--rows says how the file of --data is read"),
        (("binary-offloading", "--data", "nowhere.npz"), "nowhere.npz does not exist"),
        (("binary-offloading", "--data", "DATA", "--set", "users=3"), "unknown field of binary-offloading 'users'"),
        (("binary-offloading", "--data", "DATA", "--split", "0"), "leaves one side empty"),
        (("binary-offloading", "--data", "DATA", "--split", "nan"), "leaves one side empty"),
        (("hybrid-slot", "--learner", "sb3", "--with", "algorithm=dqn"), "are numbers, of which dqn is not capable"),
        (("hybrid-slot", "--learner", "sb3", "--with", "actions=nope"), "unknown way of acting in hybrid-slot 'nope'"),
        (("computation-rate", "--data", "DATA"), "is of problem 'binary-offloading', not 'computation-rate'"),
    ],
    ids=lambda value: " ".join(value[1:3])[:60] if isinstance(value, tuple) else "",
)
def test_a_fault_is_one_line_that_says_what_to_do(
    arguments: tuple[str, ...], told: str, data: Path, out: Path, run: Run
) -> None:
    given = [str(data) if one == "DATA" else one for one in arguments]
    said = run("train", *given, *QUICK, "-o", out)
    assert said.code == 2
    assert told in said.error
    assert said.error.startswith("error: ")
    assert said.error.count("\n") == 1
    assert not out.exists()


def test_instances_on_both_sides_of_the_split_are_told_and_kept_in_the_card(tmp_path: Path, out: Path, run: Run) -> None:
    drawn = BinaryOffloading.sample(np.random.default_rng(0), (8,), users=3)
    save(tmp_path / "twice.npz", drawn[np.array([0, 1, 2, 3, 4, 5, 6, 7, 3, 1])], provenance={})
    said = run("train", "binary-offloading", "--data", tmp_path / "twice.npz", "--split", 0.8, *QUICK, "-o", out)
    assert said.code == 0
    assert "2 of the 2 instances that --split keeps back have the data of one before it" in said.error
    assert card(out)["trained_on"]["repeated"] == 2


@pytest.mark.parametrize("count", ["0", "1", "-3", "many"])
def test_a_senseless_number_of_instances_is_refused(count: str, out: Path, run: Run) -> None:
    assert run("train", "binary-offloading", "--instances", count, "-o", out).code == 2


def test_without_torch_the_extra_is_named_and_the_exit_code_is_3(
    out: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    said = run("train", "binary-offloading", *QUICK, "-o", out)
    assert said.code == 3
    assert "pip install 'mecopt[learn]'" in said.error
    assert not out.exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path, run: Run) -> None:
    (tmp_path / "taken").write_text("mine")
    said = run("train", "binary-offloading", *QUICK, "-o", tmp_path / "taken")
    assert said.code == 2
    assert (tmp_path / "taken").read_text() == "mine"
