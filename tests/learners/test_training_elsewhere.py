"""Trainings as tasks: what is killed goes on from its store or from what came back, and ends with the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mecopt import InstanceError
from mecopt.cli.main import main
from mecopt.learners.checkpoint import CHECKPOINT
from mecopt.models import BinaryOffloading
from mecopt.registry import find_learner
from mecopt.storage.folders import packed
from mecopt.storage.store import Store
from mecopt.training import train_elsewhere

pytest.importorskip("torch", reason="the extra `learn` is not installed")

STREAM = BinaryOffloading.sample(np.random.default_rng(3), (60,), users=2)
SETTINGS = {"candidates": 2, "hidden": [4], "interval": 5, "batch": 8, "memory": 16}


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are written often, and go elsewhere each time."""
    monkeypatch.setattr("mecopt.learners.training.CHECKPOINT_BLOCKS", 2)
    monkeypatch.setattr("mecopt.training.CHECKPOINT_SECONDS", 0.0)


def elsewhere(out: Path, **more: Any) -> Any:
    learner = find_learner("decision-net")
    settings = learner.configured("default", SETTINGS)
    return train_elsewhere(learner, STREAM, settings, 4, out, {"preset": "paper"}, known={}, **more)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("alone")
    learner = find_learner("decision-net")
    learner.train(STREAM, learner.configured("default", SETTINGS), 4, out, {"preset": "paper"})
    return (out / "weights.safetensors").read_bytes()


def test_checkpoints_come_back_and_the_weights_are_the_same(alone: bytes, tmp_path: Path) -> None:
    back: list[bool] = []
    elsewhere(tmp_path, came_back=back.append)
    assert back == [False] * 5 + [True]  # 60 instances, a checkpoint every 10 of them, none at the end
    assert (tmp_path / "weights.safetensors").read_bytes() == alone
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_client_that_is_killed_goes_on_from_what_came_back(alone: bytes, tmp_path: Path) -> None:
    back: list[bool] = []

    def killed(ended: bool) -> None:
        back.append(ended)
        if len(back) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        elsewhere(tmp_path, came_back=killed)
    assert (tmp_path / CHECKPOINT).exists()
    again: list[bool] = []
    elsewhere(tmp_path, came_back=again.append)
    assert again == [False, False, True]
    assert (tmp_path / "weights.safetensors").read_bytes() == alone


def test_a_store_outlives_worker_and_client(alone: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, write, written = Store(str(tmp_path / "store")).checked(), Store.write, list[str]()

    def dying(self: Store, name: str, content: bytes) -> None:
        write(self, name, content)
        written.append(name)
        if len(written) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Store, "write", dying)
    with pytest.raises(KeyboardInterrupt):
        elsewhere(tmp_path / "out", store=store)
    assert not (tmp_path / "out" / CHECKPOINT).exists()
    assert [path.name for path in (tmp_path / "store").iterdir()] == written[:1]
    elsewhere(tmp_path / "other", store=store)
    assert len(written) == 5  # two of the five checkpoints were left
    assert (tmp_path / "other" / "weights.safetensors").read_bytes() == alone
    assert not list((tmp_path / "store").iterdir())


def test_another_training_has_another_place_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    monkeypatch.setattr(Store, "write", lambda self, name, content: names.append(name))
    for seed in (1, 2):
        learner = find_learner("decision-net")
        settings, out = learner.configured("default", SETTINGS), tmp_path / str(seed)
        train_elsewhere(learner, STREAM[:15], settings, seed, out, {}, known={}, store=Store(tmp_path.as_uri()))
    assert len(names) == len(set(names)) == 2


def test_the_command_trains_by_a_store_and_says_what_begins_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def command(learner: str, store: str, *settings: str) -> int:
        sizes = ["--set", "users=2", "--instances", "20", *(part for text in settings for part in ("--with", text))]
        with pytest.raises(SystemExit) as end:
            main(
                ["train", "binary-offloading", "--learner", learner, *sizes, "--store", store, "-o", str(tmp_path / learner)]
            )
        assert isinstance(end.value.code, int)
        return end.value.code

    assert command("price-net", str(tmp_path / "store"), "passes=1", "hidden=2") == 0
    assert "price-net writes no checkpoints, so a training that is lost begins anew" in capsys.readouterr().err
    assert command("decision-net", str(tmp_path / "store"), "candidates=2", "hidden=2") == 0
    assert "checkpoints" not in capsys.readouterr().err
    assert packed(tmp_path / "store") == packed(tmp_path / "nothing")
    assert command("decision-net", "ftps://nowhere/x") == 2
    assert "the store 'ftps://nowhere/x' cannot be opened" in capsys.readouterr().err


def test_a_store_is_refused_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InstanceError, match="cannot be used"):
        Store(str(tmp_path / "file" / "below")).checked()
    assert Store(tmp_path.as_uri()).read("nothing") is None
    Store(tmp_path.as_uri()).remove("nothing")
