"""Small policies, trained once for all tests of learners, and the command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mecopt import BackendUnavailable, Problem
from mecopt.cli.main import main
from mecopt.learners import network, training
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.registry import find_learner

SMALL: dict[str, dict[str, Any]] = {
    "decision-net": {"hidden": (16, 8)},
    "ojrs": {"hidden": (16, 8), "encoder": "2r-sae", "code": 3, "encoder_steps": 20, "refit": 100, "scaling": "standard"},
    "price-net": {"hidden": (16,), "passes": 5},
}


def _stream_of(cls: type[Problem], count: int = 200, users: int = 4, **more: Any) -> Problem:
    return cls.sample(np.random.default_rng(1), (count,), users=users, **more)


def _train(
    name: str, stream: Problem, out: Path, seed: int = 0, progress: Any = None, picture: bool = False, **given: Any
) -> Any:
    pytest.importorskip("torch", reason="training needs torch")
    learner = find_learner(name)
    settings = learner.configured("default", {**SMALL[name], **given})
    more = {} if progress is None else {"progress": progress}
    with pytest.MonkeyPatch.context() as patch:
        if not picture:  # drawing takes ten times as long as a small training
            patch.setattr(training, "curves", lambda *_: b"")
        return learner.train(stream, settings, seed, out, {"preset": "paper"}, **more)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks on several threads wait for each other on a busy machine."""
    with ExitStack() as stack:
        with suppress(BackendUnavailable):
            stack.enter_context(network.one_thread())
        yield


@pytest.fixture(scope="session")
def stream_of() -> Callable[..., Any]:
    """Draw a stream of few users."""
    return _stream_of


@pytest.fixture(scope="session")
def train() -> Callable[..., Any]:
    """Train a small network; returns the policy that was written."""
    return _train


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Folders of one policy of every learner and problem; nobody may change them."""
    root, folders = tmp_path_factory.mktemp("policies"), {}
    for name in SMALL:
        for cls in (BinaryOffloading, ComputationRate):
            folders[name, cls.name] = root / f"{name}-{cls.name}"
            _train(name, _stream_of(cls), folders[name, cls.name])
    return folders


@pytest.fixture(params=sorted(SMALL))
def copied(request: pytest.FixtureRequest, made: dict[tuple[str, str], Path], tmp_path: Path) -> Path:
    """A policy's folder that may be damaged, once of every learner."""
    return Path(shutil.copytree(made[request.param, "binary-offloading"], tmp_path / "policy"))


@dataclass
class Outcome:
    """What a command left: its exit code and what it said."""

    code: Any
    out: str
    error: str


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Call the command line in this process; an exception that escapes it fails the test."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        said = capfd.readouterr()
        assert "Traceback" not in said.out + said.err
        if ended.value.code == 3 and "torch" in said.err and find_spec("torch") is None:
            pytest.skip(said.err.strip())
        return Outcome(ended.value.code, said.out, said.err)

    return call
