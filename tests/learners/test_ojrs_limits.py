"""What `ojrs` cannot learn from, and what it says then: hopeless instances, zeros, divergence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mecopt import InstanceError, Status, solve
from mecopt.data.stream import changed
from mecopt.learners.log import read_log
from mecopt.learners.ojrs import OjrsSettings
from mecopt.learners.ojrs.learner import OjrsTraining
from mecopt.learners.ojrs.settings import LABELS
from mecopt.learners.training import run
from mecopt.models import BinaryOffloading, MultiServerOffloading

HOPELESS = [5, 30, 34, 39]
SEEN: dict[str, Any] = {"inputs": ("channel_gain", "workload"), "hidden": (16, 8)}


def begun(stream: MultiServerOffloading, **given: Any) -> OjrsTraining:
    return OjrsTraining(stream, OjrsSettings(**{"hidden": (16, 8), **given}), 0)


@pytest.fixture
def with_hopeless_ones(stream_of: Any) -> MultiServerOffloading:
    """A stream of 40 instances; of the last 12, three have no feasible decision, nor has one before: nobody is in time."""
    stream = stream_of(MultiServerOffloading, 40, preset="limited")
    deadline = stream.deadline.copy()
    deadline[HOPELESS] = 1e-9
    found = MultiServerOffloading(**{**stream.data(), "deadline": deadline})
    assert (solve(found, throw=False).status == Status.INFEASIBLE).sum() == 4
    return found


@pytest.mark.parametrize("labels", LABELS)
def test_an_instance_without_a_feasible_decision_ends_no_training(
    labels: str, with_hopeless_ones: MultiServerOffloading, tmp_path: Path, train: Any
) -> None:
    policy = train("ojrs", with_hopeless_ones, tmp_path, labels=labels, encoder="none", **SEEN)
    log = read_log(tmp_path / "training.parquet")
    assert (log.played[HOPELESS] == np.inf).all()
    assert (log.own[HOPELESS] == np.inf).all()
    figures = policy.card["reached"]
    assert figures["over"].startswith("the last 12 instances of the stream, ratio to the proved optimum")
    assert figures["over"].endswith(", 3 without any feasible decision left out")
    last = np.setdiff1d(np.arange(28, 40), HOPELESS)
    for name, values in (("found_by_the_search_in_training", log.played), ("own_decision", log.own)):
        ratio = log.optimum[last] / values[last]
        assert figures[name]["mean"] == pytest.approx(ratio.mean(), rel=1e-9)
        assert figures[name]["least"] == pytest.approx(ratio.min(), rel=1e-9)
    if labels == "optimum":
        assert figures["found_by_the_search_in_training"]["least"] == pytest.approx(1.0, rel=1e-9)


def test_an_input_that_becomes_0_late_in_the_stream_is_refused_by_the_scaling_that_takes_logarithms(
    tmp_path: Path, stream_of: Any, train: Any
) -> None:
    stream = changed(stream_of(BinaryOffloading, 400), [(390, {"users_off": 1})])
    with pytest.raises(InstanceError, match="data_size has zeros, whose logarithm is infinite; use the scaling 'standard'"):
        train("ojrs", stream, tmp_path / "log", scaling="log")
    assert not (tmp_path / "log" / "card.json").exists()
    train("ojrs", stream, tmp_path / "standard", scaling="standard")
    assert np.isfinite(read_log(tmp_path / "standard" / "training.parquet").played).all()


def test_a_training_that_diverges_ends_at_once_and_leaves_no_policy(tmp_path: Path, stream_of: Any, train: Any) -> None:
    done: list[int] = []
    with pytest.raises(InstanceError, match="the loss became inf: training diverged; try smaller rates"):
        train("ojrs", stream_of(MultiServerOffloading, 60), tmp_path, l2=1e39, progress=lambda at, _: done.append(at))
    assert max(done) == 0
    assert not (tmp_path / "card.json").exists()


def test_a_power_that_leaves_one_priority_alone_works(stream_of: Any) -> None:
    """Then those of the greatest priority are drawn, and nobody else."""
    stream = stream_of(MultiServerOffloading, 60)
    given: dict[str, Any] = {"replay": "prioritised", "priority_power": 1e6, "interval": 5}
    training, log = run(lambda: begun(stream, **given), stream, 0, np.zeros(60))
    assert isinstance(training, OjrsTraining)
    chance, priority = training.replay.probabilities(), training.replay.priority[:60]
    assert np.isfinite(log.loss[4::5]).all()
    assert chance.sum() == pytest.approx(1.0)
    assert (chance[priority < 0.999 * priority.max()] < 1e-100).all()


def test_the_report_says_what_was_found_by_search(tmp_path: Path, stream_of: Any, train: Any) -> None:
    policy = train("ojrs", stream_of(MultiServerOffloading, 40), tmp_path)
    figures = policy.card["reached"]
    over, found, own = policy.report()
    assert over == "over the last 12 instances of the stream, ratio to the proved optimum:"
    assert found.startswith(
        f"found by the search in training: mean {figures['found_by_the_search_in_training']['mean']:.5f}, "
    )
    assert own.startswith(f"own decision: mean {figures['own_decision']['mean']:.5f}, 1st percentile ")


def test_the_report_says_where_there_was_nothing_to_compress(tmp_path: Path, stream_of: Any, train: Any) -> None:
    policy = train("ojrs", stream_of(MultiServerOffloading, 40), tmp_path, code=8)
    assert policy.report()[-1] == "no encoder: 8 inputs are no more than its code, 8"


def test_an_interval_longer_than_the_stream_is_a_training_without_an_update_and_says_so(
    tmp_path: Path, stream_of: Any, train: Any
) -> None:
    stream, said = stream_of(MultiServerOffloading, 20), "there was no update among these instances"
    policy = train("ojrs", stream, tmp_path / "long", interval=21)
    assert policy.card["reached"]["loss"] is None
    assert policy.report()[3] == said
    assert said not in train("ojrs", stream, tmp_path / "whole", interval=20).report()


@pytest.mark.parametrize("labels", LABELS)
def test_where_no_instance_at_the_end_has_a_feasible_decision_there_is_no_policy(
    labels: str, tmp_path: Path, stream_of: Any, train: Any
) -> None:
    stream = stream_of(MultiServerOffloading, 20)
    deadline = np.where(np.arange(20)[:, None] < 14, np.inf, 1e-9)
    hopeless = MultiServerOffloading(**{**stream.data(), "deadline": np.broadcast_to(deadline, stream.deadline.shape)})
    with pytest.raises(InstanceError, match="none of the last 6 instances has a feasible decision"):
        train("ojrs", hopeless, tmp_path, labels=labels, encoder="none", **SEEN)
    assert not (tmp_path / "card.json").exists()


def test_what_has_no_feasible_decision_is_not_learned(with_hopeless_ones: MultiServerOffloading) -> None:
    training, _ = run(lambda: begun(with_hopeless_ones, labels="optimum", **SEEN), with_hopeless_ones, 0, np.zeros(40))
    assert isinstance(training, OjrsTraining)
    assert (training.count, training.replay.count) == (40, 36)
    seen = training.inputs(with_hopeless_ones)
    assert not (training.replay["seen"][:36, None] == seen[HOPELESS]).all(axis=-1).any()
