"""A policy's folder: what is missing, foreign, damaged or swapped is refused by name, and nothing in it is executed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load, save

import mecopt
from mecopt import InstanceError, MecoptError
from mecopt.data import save as save_instances
from mecopt.models import BinaryOffloading
from mecopt.registry import learner_names
from mecopt.storage.policies import load_policy
from mecopt.storage.sealed import with_seal
from mecopt.storage.trained import CARD, WEIGHTS

Array = NDArray[Any]

Change = Callable[[dict[str, Any]], Any]


def edit(folder: Path, change: Change) -> None:
    """Change the card, and seal it: a forger would."""
    card = json.loads((folder / CARD).read_text())
    change(card)
    (folder / CARD).write_text(json.dumps(with_seal(card)))


def replace_weights(folder: Path, content: bytes) -> None:
    """Put other bytes in place of the weights, and their SHA-256 on the card: a forger would."""
    (folder / WEIGHTS).write_bytes(content)
    edit(folder, lambda card: card.update(sha256=hashlib.sha256(content).hexdigest()))


def with_arrays(folder: Path, change: Callable[[dict[str, Array]], Any]) -> None:
    arrays = load((folder / WEIGHTS).read_bytes())
    change(arrays)
    replace_weights(folder, save(arrays))


def refused(folder: Path, file: str = CARD) -> str:
    """Return what the error says; it names the file."""
    with pytest.raises(MecoptError) as caught:
        load_policy(folder)
    assert str(folder / file) in str(caught.value) or (file == CARD and str(folder) in str(caught.value))
    return str(caught.value)


# ---------------------------------------------------------------------- a whole folder


def test_a_card_says_where_the_policy_is_from(copied: Path) -> None:
    card = json.loads((copied / CARD).read_text())
    expected = {"format", "learner", "problem", "users", "preset", "seed", "instances", "settings", "versions", "reached"}
    assert expected | {"inputs", "scaling", "constants", "mecopt", "sha256"} <= set(card)
    assert card["sha256"] == hashlib.sha256((copied / WEIGHTS).read_bytes()).hexdigest()
    assert {"mecopt", "numpy", "torch"} == set(card["versions"])
    assert card["mecopt"] == mecopt.__version__


def test_a_policy_saved_over_itself_is_the_same(copied: Path) -> None:
    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    load_policy(copied).save(copied)
    assert before == {path.name: path.read_bytes() for path in copied.iterdir()}


def test_the_files_hold_no_pickle(copied: Path) -> None:
    header = int.from_bytes((copied / WEIGHTS).read_bytes()[:8], "little")
    layout = json.loads((copied / WEIGHTS).read_bytes()[8 : 8 + header])
    assert {entry["dtype"] for entry in layout.values()} <= {"F32", "F64"}


# ---------------------------------------------------------------------- missing and foreign


def test_a_folder_without_a_policy_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"holds no trained policy \(no card.json\); `mecopt train"):
        load_policy(tmp_path)
    with pytest.raises(InstanceError, match="holds no trained policy"):
        load_policy(tmp_path / "nowhere")


def test_a_card_without_weights_is_refused(copied: Path) -> None:
    (copied / WEIGHTS).unlink()
    assert "but no weights.safetensors" in refused(copied)


@pytest.mark.parametrize("content", ["", "{", "[]", "[{}]", "3", "null", '"card"', "{}", '{"format": 1}', "[" * 100_000])
def test_json_that_is_no_card_is_refused(copied: Path, content: str) -> None:
    (copied / CARD).write_text(content)
    refused(copied)


def test_a_card_that_is_no_text_is_refused(copied: Path) -> None:
    (copied / CARD).write_bytes(b"\xff\xfe\x00" * 9)
    assert "is damaged" in refused(copied)


@pytest.mark.parametrize("number", [0, 1, 3, "2", 2.0, True, None])
def test_another_format_is_refused(copied: Path, number: Any) -> None:
    edit(copied, lambda card: card.update(format=number))
    assert "format" in refused(copied)


def test_a_learner_that_is_not_installed_is_named_with_those_that_are(copied: Path) -> None:
    edit(copied, lambda card: card.update(learner="oracle"))
    assert f"'oracle'; installed: {', '.join(learner_names())}" in refused(copied)


def test_a_setting_beyond_what_a_float_can_hold_is_named(copied: Path) -> None:
    edit(copied, lambda card: card["settings"].update(learning_rate=10**400))
    assert "setting learning_rate is beyond what a float can hold" in refused(copied)


def test_a_learner_loads_only_its_own_policies(made: dict[tuple[str, str], Path]) -> None:
    from mecopt.learners.decision_net import DecisionNet

    with pytest.raises(InstanceError, match="made by the learner 'price-net', not by 'decision-net'"):
        DecisionNet.load(made["price-net", "binary-offloading"])


# ---------------------------------------------------------------------- damaged weights


def test_truncated_weights_are_refused(copied: Path) -> None:
    whole = (copied / WEIGHTS).read_bytes()
    for size in (0, 7, 8, 100, len(whole) - 1):
        (copied / WEIGHTS).write_bytes(whole[:size])
        assert "is damaged" in refused(copied, WEIGHTS)
        replace_weights(copied, whole[:size])
        assert "is no safetensors file of numbers" in refused(copied, WEIGHTS)


def test_a_single_other_bit_in_the_weights_is_refused(copied: Path) -> None:
    content = bytearray((copied / WEIGHTS).read_bytes())
    content[-5] ^= 1
    (copied / WEIGHTS).write_bytes(content)
    assert "SHA-256" in refused(copied, WEIGHTS)


def test_weights_of_another_policy_are_refused(made: dict[tuple[str, str], Path], tmp_path: Path) -> None:
    for name in ("decision-net", "price-net"):
        folder = Path(shutil.copytree(made[name, "binary-offloading"], tmp_path / name))
        shutil.copy(made[name, "computation-rate"] / WEIGHTS, folder / WEIGHTS)
        assert "not the file that its card.json describes" in refused(folder, WEIGHTS)


class Trap:
    """Unpickled, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


def test_a_pickle_in_place_of_weights_is_refused_and_not_executed(copied: Path, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    content = pickle.dumps(Trap(sprung))
    replace_weights(copied, content)
    refused(copied, WEIGHTS)
    (copied / CARD).write_bytes(content)
    refused(copied)
    assert not sprung.exists()
    function, arguments = Trap(sprung).__reduce__()  # what unpickling would have called
    function(*arguments)
    assert sprung.exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_finite_numbers_are_refused(copied: Path, value: float) -> None:
    def spoil(arrays: dict[str, Array]) -> None:
        arrays["weight_0"] = arrays["weight_0"].copy()
        arrays["weight_0"][0, 0] = value

    with_arrays(copied, spoil)
    assert "weight_0 holds something else than finite numbers" in refused(copied, WEIGHTS)


def test_weights_that_are_integers_are_refused(copied: Path) -> None:
    with_arrays(copied, lambda arrays: arrays.update(offset_0=arrays["offset_0"].astype(np.int64)))
    assert "offset_0 holds something else" in refused(copied, WEIGHTS)


@pytest.mark.parametrize("name", ["weight_0", "offset_1", "input_offset", "input_spread"])
def test_a_missing_or_misshapen_array_is_refused(copied: Path, name: str) -> None:
    whole = (copied / WEIGHTS).read_bytes()
    with_arrays(copied, lambda arrays: arrays.pop(name))
    assert "is missing" in refused(copied)
    replace_weights(copied, whole)
    with_arrays(copied, lambda arrays: arrays.update({name: np.concatenate([arrays[name], arrays[name]])}))
    assert "damaged" in refused(copied)


@pytest.mark.parametrize("spread", [0.0, -1.0])
def test_a_scale_that_makes_no_sense_is_refused(copied: Path, spread: float) -> None:
    with_arrays(copied, lambda arrays: arrays.update(input_spread=np.full_like(arrays["input_spread"], spread)))
    assert "makes no sense" in refused(copied)


# ---------------------------------------------------------------------- a card that says something else


def first_hidden(card: dict[str, Any]) -> None:
    card.update(hidden=[17])
    card["settings"]["hidden"] = [17, 8]


CHANGES: dict[str, Change] = {
    "one user more": lambda card: card.update(users=5),
    "no users": lambda card: card.update(users=0),
    "less than no users": lambda card: card.update(users=-4),
    "very many users": lambda card: card.update(users=10**30),
    "users that are true": lambda card: card.update(users=True),
    "another problem": lambda card: card.update(problem="computation-rate"),
    "an unknown problem": lambda card: card.update(problem="binary-offlading"),
    "another size of the network": first_hidden,
    "no inputs": lambda card: card.update(inputs=[]),
    "other inputs": lambda card: card.update(inputs=["capacity"]),
    "an unknown input": lambda card: card.update(inputs=["data_sise"]),
    "an input that is an object": lambda card: card.update(inputs=[{}]),
    "an input twice": lambda card: card.update(inputs=["data_size", "data_size"]),
    "inputs that are a word": lambda card: card.update(inputs="data_size"),
    "an unknown scaling": lambda card: card.update(scaling="cubic"),
    "a constant too few": lambda card: card["constants"].pop("capacity"),
    "a constant too many": lambda card: card["constants"].update(data_size=3.0),
    "an unknown constant": lambda card: card["constants"].update(colour=3.0),
    "no constants": lambda card: card.update(constants=None),
    "a constant of other users": lambda card: card["constants"].update(upload_rate=[1.0, 2.0]),
    "a constant of nobody": lambda card: card["constants"].update(upload_rate=[]),
    "a constant per user of the instance": lambda card: card["constants"].update(capacity=[1.0] * 4),
    "a constant that is a word": lambda card: card["constants"].update(upload_rate="fast"),
    "a constant that is true": lambda card: card["constants"].update(upload_rate=True),
    "a constant that is not finite": lambda card: card["constants"].update(upload_rate=float("nan")),
    "an origin that is a list": lambda card: card.update(trained_on=["somewhere"]),
    "a constant beyond all floats": lambda card: card["constants"].update(upload_rate=10**400),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_card_that_does_not_fit_is_refused(copied: Path, change: Change) -> None:
    edit(copied, change)
    refused(copied)


@pytest.mark.parametrize(
    "given",
    [
        {"candidates": 0},
        {"candidates": True},
        {"candidates": 2.5},
        {"flips": -1},
        {"scheme": "guess"},
        {"scheme": ["perturb-up-to"]},
        {"own_included": 1},
        {"hidden": [16, 0]},
        {"learning_rate": float("nan")},
        {"colour": 1},
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(
    made: dict[tuple[str, str], Path], tmp_path: Path, given: dict[str, Any]
) -> None:
    folder = Path(shutil.copytree(made["decision-net", "binary-offloading"], tmp_path / "policy"))
    edit(folder, lambda card: card["settings"].update(given))
    assert next(iter(given)) in refused(folder)


# ---------------------------------------------------------------------- the command line


@pytest.mark.parametrize("change", ["one user more", "an unknown problem", "a constant of nobody"])
def test_the_command_line_refuses_a_damaged_policy_in_one_line(
    change: str, made: dict[tuple[str, str], Path], tmp_path: Path, run: Callable[..., Any]
) -> None:
    folder = Path(shutil.copytree(made["decision-net", "binary-offloading"], tmp_path / "policy"))
    edit(folder, CHANGES[change])
    file = tmp_path / "slots.npz"
    save_instances(file, BinaryOffloading.sample(np.random.default_rng(0), (3,), users=4), provenance={})
    for command in (
        ("solve", file, "--solver", f"learned:{folder}"),
        ("compare", file, "--methods", f"exact,learned:{folder}", "-o", tmp_path / "out"),
    ):
        said = run(*command)
        assert said.code == 2
        assert said.error.count("\n") == 1
        assert str(folder) in said.error


# ---------------------------------------------------------------------- fuzzing


def answers_or_refuses(folder: Path) -> None:
    """Whatever stands in the folder, asking it leads to an answer or to an error of ours."""
    instances = BinaryOffloading.sample(np.random.default_rng(0), (2,), users=4)
    try:
        policy = load_policy(folder)
        policy.differences(instances)
        if hasattr(policy, "propose"):
            mecopt.solve(instances, solver=f"learned:{folder}")
        else:
            policy.predict(instances, np.ones((2, 4), dtype=np.int8))
    except MecoptError:
        return


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)

FUZZ = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(data=st.data())
def test_whatever_bytes_a_card_has_only_errors_of_ours_come_of_it(copied: Path, data: st.DataObject) -> None:
    whole = (copied / CARD).read_bytes()
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    try:
        (copied / CARD).write_bytes(content[:cut])
        answers_or_refuses(copied)
    finally:
        (copied / CARD).write_bytes(whole)


@FUZZ
@given(data=st.data())
def test_whatever_values_a_card_has_only_errors_of_ours_come_of_it(copied: Path, data: st.DataObject) -> None:
    whole = (copied / CARD).read_bytes()
    card = json.loads(whole)
    inside = data.draw(st.sampled_from([card, card["settings"], card["constants"]]))
    inside[data.draw(st.sampled_from(sorted(inside)))] = data.draw(VALUES)
    try:
        (copied / CARD).write_text(json.dumps(card))
        answers_or_refuses(copied)
    finally:
        (copied / CARD).write_bytes(whole)
