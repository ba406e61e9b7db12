"""A run of `ojrs` that was stopped or killed anywhere ends byte for byte like one that was not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mecopt.learners import training
from mecopt.learners.log import read_log
from mecopt.learners.ojrs import OjrsSettings
from mecopt.learners.ojrs.learner import OjrsTraining
from mecopt.models import MultiServerOffloading

Array = NDArray[Any]

COUNT = 96
LOOP: dict[str, Any] = {
    "interval": 4,
    "memory": 30,
    "batch": 10,
    "encoder": "2r-sae",
    "code": 3,
    "encoder_steps": 10,
    "encoder_memory": 40,
    "offline": 30,
    "refit": 24,
    "labels": "annealing",
    "adaptive": "change",
    "steps": 5,
    "least_steps": 1,
    "replay": "preserved-prioritised",
    "greatest_ratio": 1.01,
}
"""Every part that remembers something, with a checkpoint every five blocks: after 20, 40, 60 and 80 of the 96 instances."""

RESULTS = ("weights.safetensors", "training.parquet", "card.json")


class Stopped(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_BLOCKS", 5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, train: Callable[..., Any], stream_of: Any) -> Path:
    """A run that was never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    train("ojrs", stream_of(MultiServerOffloading, COUNT), folder, **LOOP)
    return folder


def stop_at(number: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= number:
            raise Stopped

    return progress


def same(folder: Path, other: Path) -> None:
    for name in RESULTS:
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize("stops", [[4], [20], [44], [96], [24, 48, 92], [12, 12, 96]], ids=str)
def test_a_run_that_was_stopped_ends_like_one_that_was_not(
    stops: list[int], whole: Path, tmp_path: Path, train: Callable[..., Any], stream_of: Any
) -> None:
    stream = stream_of(MultiServerOffloading, COUNT)
    for number in stops:
        with pytest.raises(Stopped):
            train("ojrs", stream, tmp_path, progress=stop_at(number), **LOOP)
    train("ojrs", stream, tmp_path, **LOOP)
    same(tmp_path, whole)


KILLED = """
import json, sys
import numpy as np
from mecopt.learners import training
from mecopt.models import MultiServerOffloading
from mecopt.registry import find_learner
training.CHECKPOINT_BLOCKS = 5
learner = find_learner("ojrs")
settings = learner.configured("default", json.loads(sys.argv[2]))
stream = MultiServerOffloading.sample(np.random.default_rng(1), (96,), users=4)
def stop_short(done, total):
    if done == 24:
        print("a checkpoint is written", flush=True)
    if done == 40:
        sys.stdin.read()
learner.train(stream, settings, 0, sys.argv[1], {"preset": "paper"}, stop_short)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
def test_a_killed_run_ends_like_one_that_was_not(
    whole: Path, tmp_path: Path, train: Callable[..., Any], stream_of: Any
) -> None:
    given = json.dumps({"hidden": [16, 8], "scaling": "standard", **LOOP})
    command = [sys.executable, "-c", KILLED, str(tmp_path), given]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
    assert said == "a checkpoint is written\n"
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "checkpoint.safetensors").exists()
    assert not (tmp_path / "card.json").exists()
    train("ojrs", stream_of(MultiServerOffloading, COUNT), tmp_path, **LOOP)
    same(tmp_path, whole)


def test_the_log_holds_what_the_learner_noted(whole: Path, stream_of: Any) -> None:
    stream = stream_of(MultiServerOffloading, COUNT)
    settings = OjrsSettings(hidden=(16, 8), scaling="standard", **LOOP)
    _, log = training.run(lambda: OjrsTraining(stream, settings, 0), stream, 0, np.zeros(COUNT))
    written = read_log(whole / "training.parquet")
    assert set(written.more) == {"steps", "encoder_error"}
    for name in ("played", "own", "loss"):
        np.testing.assert_array_equal(getattr(log, name), getattr(written, name))
    for name, values in log.more.items():
        np.testing.assert_array_equal(values, written.more[name])
        assert np.isfinite(values).all()
