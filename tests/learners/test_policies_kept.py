"""Entry points and policies are read once, and again where files have changed."""

import importlib.metadata
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt import registry
from mecopt.contract.errors import InstanceError
from mecopt.learners import proposer
from mecopt.models import ComputationRate
from mecopt.storage import sealed, unchanged
from mecopt.storage.policies import shipped
from mecopt.storage.trained import CARD, WEIGHTS, read_card

SHIPPED = sorted(path.parent for path in (Path(proposer.__file__).parent / "policies").glob(f"*/{CARD}"))


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    folder = tmp_path / "policy"
    shutil.copytree(SHIPPED[0], folder)
    return folder


def rewrite(path: Path, content: bytes) -> None:
    """Write a file and let it be newer, however coarse the clock of its folder is."""
    before = path.stat().st_mtime_ns
    path.write_bytes(content)
    os.utime(path, ns=(before, before + 10**9))


def test_entry_points_of_a_group_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    read = importlib.metadata.entry_points

    def counted(*, group: str) -> Any:
        asked.append(group)
        return read(group=group)

    monkeypatch.setattr(registry, "entry_points", counted)
    registry._entries.cache_clear()
    found = [registry.find_problem(name) for name in registry.problem_names()]
    assert list(registry.problems().values()) == found
    assert [registry.find_learner(name).name for name in registry.learner_names()] == registry.learner_names()
    assert sorted(asked) == ["mecopt.learners", "mecopt.problems"]


def test_a_learned_solver_that_is_asked_for_again_reads_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = ComputationRate.sample(np.random.default_rng(0), (2,), users=10)
    monkeypatch.setattr(unchanged, "SETTLED", -1e9)  # what is written now is not written again
    first = mecopt.solve(problem, solver="learned")

    def refused(path: Path) -> Any:
        raise AssertionError(f"{path} is read again")

    for name in ("content_of", "object_of"):
        monkeypatch.setattr(sealed, name, refused)
    again = mecopt.solve(problem, solver="learned")
    np.testing.assert_array_equal(again.decision, first.decision)
    assert shipped(problem) is shipped(problem)


def test_a_folder_is_read_again_once_its_files_have_changed(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "SETTLED", -1e9)  # what is written now is not written again
    first = mecopt.load_policy(policy)
    assert mecopt.load_policy(str(policy)) is first
    whole = (policy / WEIGHTS).read_bytes()
    rewrite(policy / WEIGHTS, whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InstanceError, match="SHA-256"):
        mecopt.load_policy(policy)
    rewrite(policy / WEIGHTS, whole)
    again = mecopt.load_policy(policy)
    assert again is not first
    assert again.card == first.card
    card = json.loads((policy / CARD).read_text())
    rewrite(policy / CARD, json.dumps({**card, "seed": 1 + card["seed"]}).encode())
    with pytest.raises(InstanceError, match="damaged"):
        mecopt.load_policy(policy)
    (policy / CARD).unlink()
    with pytest.raises(InstanceError, match="holds no trained policy"):
        mecopt.load_policy(policy)


def test_what_was_written_a_moment_ago_is_not_kept(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "SETTLED", 1e9)  # a file may change once more without its stamp showing it
    assert mecopt.load_policy(policy) is not mecopt.load_policy(policy)


def test_a_card_may_be_changed_by_who_read_it(policy: Path) -> None:
    card = read_card(policy)
    card["inputs"].clear()
    assert read_card(policy)["inputs"]


def test_no_more_folders_are_kept_than_there_is_room_for(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "SETTLED", -1e9)  # what is written now is not written again
    monkeypatch.setattr(unchanged, "MOST", 2)
    read: list[str] = []

    def counted(folder: Any) -> str:
        read.append(Path(folder).name)
        return str(folder)

    keeping = unchanged.Unchanged(counted, CARD)
    for name in ("a", "b", "a", "c", "b", "a"):
        place = policy.parent / name
        if not place.exists():
            shutil.copytree(policy, place)
        assert keeping(place) == str(place)
    assert read == ["a", "b", "c", "a"]


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_nobody_can_change_a_policy_that_others_are_given_too(folder: Path) -> None:
    before = {name: np.array(value) for name, value in mecopt.load_policy(folder).weights().items()}
    for value in mecopt.load_policy(folder).weights().values():
        if value.flags.writeable:
            value[...] = 0.0
    after = mecopt.load_policy(folder).weights()
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value)
