"""The loop of training: what is logged is true, and a run that was stopped anywhere ends as if it had not been."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mecopt import BackendUnavailable, InstanceError, Problem, solve
from mecopt.learners import training
from mecopt.learners.curves import curves, windowed
from mecopt.learners.decision_net import DecisionNetSettings
from mecopt.learners.decision_net.learner import DecisionNetTraining
from mecopt.learners.log import Log, read_log, write_log
from mecopt.models import BinaryOffloading, ComputationRate

Array = NDArray[Any]

COUNT = 96
LOOP: dict[str, Any] = {"interval": 4, "memory": 30, "batch": 10}
"""With a checkpoint every five blocks: after 20, 40, 60 and 80 of the 96 instances."""

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
    train("decision-net", stream_of(BinaryOffloading, COUNT), folder, **LOOP)
    return folder


def stop_at(number: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= number:
            raise Stopped

    return progress


def written(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return when and what was written to a folder; its lock is written anew by some versions of filelock."""
    files = [path for path in folder.iterdir() if path.suffix != ".lock"]
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.fixture
def stopped(tmp_path: Path, train: Callable[..., Any], stream_of: Any) -> Path:
    """The folder of a run that stopped after instance 48, with a checkpoint of 40."""
    with pytest.raises(Stopped):
        train("decision-net", stream_of(BinaryOffloading, COUNT), tmp_path, progress=stop_at(48), **LOOP)
    return tmp_path


# ---------------------------------------------------------------------- going on


@pytest.mark.parametrize("stops", [[4], [20], [24], [44], [80], [96], [24, 28, 64, 92], [12, 12, 96, 96]], ids=str)
def test_a_run_that_was_stopped_ends_like_one_that_was_not(
    stops: list[int], whole: Path, tmp_path: Path, train: Callable[..., Any], stream_of: Any
) -> None:
    stream = stream_of(BinaryOffloading, COUNT)
    for number in stops:
        with pytest.raises(Stopped):
            train("decision-net", stream, tmp_path, progress=stop_at(number), **LOOP)
        assert not (tmp_path / "card.json").exists()
    train("decision-net", stream, tmp_path, **LOOP)
    for name in RESULTS:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_a_run_goes_on_from_its_checkpoint_and_not_from_the_beginning(
    stopped: Path, train: Callable[..., Any], stream_of: Any
) -> None:
    seen: list[int] = []
    train(
        "decision-net", stream_of(BinaryOffloading, COUNT), stopped, progress=lambda done, total: seen.append(done), **LOOP
    )
    assert seen == list(range(40, COUNT + 1, 4))


KILLED = """
import sys
import numpy as np
from mecopt.learners import training
from mecopt.models import BinaryOffloading
from mecopt.registry import find_learner
training.CHECKPOINT_BLOCKS = 5
learner = find_learner("decision-net")
settings = learner.configured("default", {"hidden": [16, 8], "interval": 4, "memory": 30, "batch": 10})
stream = BinaryOffloading.sample(np.random.default_rng(1), (96,), users=4)
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
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
    assert said == "a checkpoint is written\n"
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "checkpoint.safetensors").exists()
    assert not (tmp_path / "card.json").exists()
    train("decision-net", stream_of(BinaryOffloading, COUNT), tmp_path, **LOOP)
    for name in RESULTS:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name


def test_in_memory_the_result_is_the_same(whole: Path, stream_of: Any) -> None:
    stream = stream_of(BinaryOffloading, COUNT)
    settings = DecisionNetSettings(hidden=(16, 8), **LOOP)
    found, log = training.run(lambda: DecisionNetTraining(stream, settings, 0), stream, 0, solve(stream).objective)
    written = read_log(whole / "training.parquet")
    for name in ("played", "own", "loss"):
        np.testing.assert_array_equal(getattr(log, name), getattr(written, name))
    assert isinstance(found, DecisionNetTraining)


@pytest.mark.parametrize("at", [0, 20, 44])
def test_state_and_restore_lose_nothing(at: int, stream_of: Any) -> None:
    stream = stream_of(BinaryOffloading, COUNT)
    settings = DecisionNetSettings(hidden=(16, 8), **LOOP)
    first = DecisionNetTraining(stream, settings, 0)
    for start in range(0, at, 4):
        block, rng = stream[start : start + 4], np.random.default_rng(start)
        first.learn(solve(block), rng)
    second = DecisionNetTraining(stream, settings, 99)
    second.restore(first.state())
    for start in range(at, at + 8, 4):
        losses = [t.learn(solve(stream[start : start + 4]), np.random.default_rng(start)) for t in (first, second)]
        assert losses[0] == losses[1]
    for name, value in first.state().items():
        np.testing.assert_array_equal(value, second.state()[name])


# ---------------------------------------------------------------------- refusing


@pytest.mark.parametrize("other", [{"seed": 1}, {"flips": 3}, {"users": 5}, {"count": 100}], ids=str)
def test_a_folder_of_another_run_is_refused_finished_or_not(
    other: dict[str, int], whole: Path, stopped: Path, train: Callable[..., Any], stream_of: Any
) -> None:
    given = {**LOOP, **other}
    stream = stream_of(BinaryOffloading, given.pop("count", COUNT), given.pop("users", 4))
    with pytest.raises(InstanceError, match=r"holds another trained policy .* choose another folder, or delete it"):
        train("decision-net", stream, whole, **given)
    before = (stopped / "checkpoint.safetensors").read_bytes()
    with pytest.raises(InstanceError, match=r"checkpoint.safetensors belongs to another run; choose another folder"):
        train("decision-net", stream, stopped, **given)
    assert (stopped / "checkpoint.safetensors").read_bytes() == before


def test_a_finished_run_is_only_read(whole: Path, train: Callable[..., Any], stream_of: Any) -> None:
    before = written(whole)
    policy = train("decision-net", stream_of(BinaryOffloading, COUNT), whole, progress=stop_at(0), **LOOP)
    assert policy.card["instances"] == COUNT
    assert before == written(whole)


def test_the_other_learner_refuses_the_folder_too(whole: Path, made: Any, train: Callable[..., Any], stream_of: Any) -> None:
    with pytest.raises(InstanceError, match="another trained policy"):
        train("price-net", stream_of(BinaryOffloading), whole)
    with pytest.raises(InstanceError, match="another trained policy"):
        train("decision-net", stream_of(BinaryOffloading), made["price-net", "binary-offloading"])


def other_bit(content: bytes, place: int) -> bytes:
    damaged = bytearray(content)
    damaged[place] ^= 1
    return bytes(damaged)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:-2],
    "another number": lambda content: other_bit(content, -9),
    "another name": lambda content: other_bit(content, 20),
    "said to have come farther": lambda content: content.replace(b'"done":"40"', b'"done":"60"'),
    "something else": lambda content: b"PK\x03\x04" * 50,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_counts_for_nothing(
    damage: Callable[[bytes], bytes],
    stopped: Path,
    whole: Path,
    train: Callable[..., Any],
    stream_of: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = stopped / "checkpoint.safetensors"
    before = path.read_bytes()
    path.write_bytes(damage(before))
    assert path.read_bytes() != before
    done: list[int] = []
    train("decision-net", stream_of(BinaryOffloading, COUNT), stopped, progress=lambda n, total: done.append(n), **LOOP)
    assert done[0] == 0
    assert [text.startswith(f"mecopt: {path} ") and text.endswith("; it is computed anew") for text in caplog.messages] == [
        True
    ]
    for name in RESULTS:
        assert (stopped / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("damage", ["cut", "another number", "another name"])
def test_a_finished_run_that_is_damaged_is_trained_anew(
    damage: str,
    name: str,
    whole: Path,
    tmp_path: Path,
    train: Callable[..., Any],
    stream_of: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "policy"))
    path = folder / name
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    train("decision-net", stream_of(BinaryOffloading, COUNT), folder, **LOOP)
    (said,) = caplog.messages
    assert str(path) in said
    assert said.endswith("; it is computed anew")
    for one in RESULTS:
        assert (folder / one).read_bytes() == (whole / one).read_bytes(), one


def test_the_policy_of_an_earlier_version_is_left_alone(
    whole: Path, tmp_path: Path, train: Callable[..., Any], stream_of: Any
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "policy"))
    card = json.loads((folder / "card.json").read_text())
    old = {name: value for name, value in card.items() if name != "seal"} | {"format": 1}
    (folder / "card.json").write_text(json.dumps(old))
    before = written(folder)
    with pytest.raises(InstanceError, match="has format 1, of an earlier version"):
        train("decision-net", stream_of(BinaryOffloading, COUNT), folder, **LOOP)
    assert written(folder) == before


def test_a_folder_that_is_a_file_is_refused_before_anything_is_trained(
    tmp_path: Path, train: Callable[..., Any], stream_of: Any
) -> None:
    (tmp_path / "taken").write_text("mine")
    for name in ("decision-net", "price-net"):
        with pytest.raises(InstanceError, match="taken is a file; allowed: a folder"):
            train(name, stream_of(BinaryOffloading), tmp_path / "taken", progress=stop_at(0))


def test_training_without_torch_names_the_extra(
    tmp_path: Path, train: Callable[..., Any], stream_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("decision-net", "price-net"):
        with pytest.raises(BackendUnavailable, match=r"pip install 'mecopt\[learn\]'"):
            train(name, stream_of(BinaryOffloading, 40), tmp_path / name)


# ---------------------------------------------------------------------- the log


@pytest.mark.parametrize("cls", [BinaryOffloading, ComputationRate], ids=lambda cls: cls.name)
def test_the_log_says_what_was_played_against_the_optimum(
    cls: type[Problem], tmp_path: Path, train: Callable[..., Any], stream_of: Any
) -> None:
    stream = stream_of(cls, 50)
    policy = train("decision-net", stream, tmp_path, interval=8, batch=10)
    table = pq.read_table(tmp_path / "training.parquet")
    assert table.column_names == ["instance", "played", "own", "loss", "optimum"]
    assert table["instance"].to_pylist() == list(range(50))
    played, own, loss, optimum = (table[name].to_numpy() for name in table.column_names[1:])
    np.testing.assert_allclose(optimum, solve(stream, solver="enumerate").objective, rtol=1e-9)
    assert (stream.sign * (played - optimum) >= -1e-9 * np.abs(optimum)).all()
    assert (stream.sign * (own - played) >= -1e-9 * np.abs(optimum)).all()
    assert np.flatnonzero(~np.isnan(loss)).tolist() == [7, 15, 23, 31, 39, 47]
    last = slice(35, None)
    ratio = (optimum / played if cls.sense == "minimise" else played / optimum)[last]
    figures = policy.card["reached"]["best_of_candidates"]
    assert figures["mean"] == pytest.approx(ratio.mean(), rel=1e-12)
    assert figures["least"] == pytest.approx(ratio.min(), rel=1e-12)
    assert figures["percentile_1"] == pytest.approx(np.percentile(ratio, 1), rel=1e-12)
    assert policy.card["reached"]["loss"] == pytest.approx(np.nanmean(loss[last]), rel=1e-12)
    assert any(f"mean {ratio.mean():.5f}" in line for line in policy.report())


def test_before_the_first_step_the_own_decision_is_that_of_the_first_weights(stream_of: Any) -> None:
    stream = stream_of(BinaryOffloading, 8)
    settings = DecisionNetSettings(hidden=(16, 8), interval=8)
    first = DecisionNetTraining(stream, settings, 3)
    expected = stream.optimal_value(first.own(stream))
    _, log = training.run(lambda: DecisionNetTraining(stream, settings, 3), stream, 3, np.ones(8))
    np.testing.assert_allclose(log.own, expected, rtol=1e-12)


POSITIVE = arrays(float, 5, elements=st.floats(1e-6, 1e6))


@given(POSITIVE, arrays(float, 5, elements=st.floats(1.0, 1e3)))
def test_a_ratio_is_optimum_over_cost_or_rate_over_optimum(optimum: Array, worse: Array) -> None:
    log = Log(optimum, optimum, optimum, optimum)
    cost, rate = optimum * worse, optimum / worse
    np.testing.assert_allclose(log.ratio(cost), optimum / cost, rtol=1e-12)
    np.testing.assert_allclose(log.ratio(rate), rate / optimum, rtol=1e-12)
    np.testing.assert_array_equal(log.ratio(optimum), 1.0)


def test_nothing_to_do_counts_as_optimal_and_something_against_nothing_as_0() -> None:
    zeros = np.zeros(2)
    log = Log(zeros, zeros, zeros, optimum=zeros)
    assert log.ratio(np.array([0.0, 3.0])).tolist() == [1.0, 0.0]


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    log = Log(np.array([1.0, 2.0]), np.array([3.0, np.nan]), np.array([np.nan, 0.5]), np.array([1.0, 1.0]))
    write_log(tmp_path / "log.parquet", log, "run")
    again = read_log(tmp_path / "log.parquet")
    for name in ("played", "own", "loss", "optimum"):
        np.testing.assert_array_equal(getattr(again, name), getattr(log, name))
    (tmp_path / "log.parquet").write_bytes(b"PAR1")
    with pytest.raises(InstanceError, match="has no seal: it is damaged"):
        read_log(tmp_path / "log.parquet")
    with pytest.raises(InstanceError, match="is missing"):
        read_log(tmp_path / "none.parquet")


# ---------------------------------------------------------------------- pictures


def test_a_window_is_the_mean_of_the_last_records_each_of_every_tenth_instance() -> None:
    values = np.random.default_rng(0).random(457)
    at, mean, least, most = windowed(values)
    for number, instance in enumerate(at):
        records = values[9 : instance + 1 : 10][-20:]
        assert (mean[number], least[number], most[number]) == pytest.approx((records.mean(), records.min(), records.max()))
    assert (at[0], at[-1]) == (199, 449)


def test_losses_that_are_rare_are_all_records() -> None:
    loss = np.full(1000, np.nan)
    loss[24::25] = np.arange(40.0)
    at, mean, _, _ = windowed(loss)
    assert at.tolist() == list(range(499, 1000, 25))
    np.testing.assert_allclose(mean, np.arange(9.5, 30.0))


def test_losses_more_frequent_than_records_are_thinned() -> None:
    loss = np.full(1000, np.nan)
    loss[7::8] = np.arange(125.0)
    at, _, _, _ = windowed(loss)
    assert at.tolist() == list(range(15, 1000, 16))[19:]


@pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")
@pytest.mark.parametrize("count", [2, 5, 10, 11, 25, 210])
def test_a_stream_of_any_length_ends_in_a_policy_and_a_picture(
    count: int, tmp_path: Path, train: Callable[..., Any], stream_of: Any
) -> None:
    policy = train("decision-net", stream_of(BinaryOffloading, count), tmp_path, picture=True)
    assert policy.card["instances"] == count
    assert (tmp_path / "training.png").read_bytes().startswith(b"\x89PNG")


def test_a_training_is_drawn_with_what_changed_along_it() -> None:
    rng = np.random.default_rng(0)
    log = Log(1.0 + rng.random(300), 2.0 + rng.random(300), rng.random(300), np.ones(300))
    picture = curves(log, "a run", [(100, "energy weight 3")])
    assert picture.startswith(b"\x89PNG")


def test_the_axis_of_a_training_holds_the_network_alone_and_plain_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is played is within 1e-5 of the optimum, the network alone within 1e-2; its first steps may run below."""
    drawn: list[Any] = []
    monkeypatch.setattr("mecopt.learners.curves.png", drawn.append)
    rng = np.random.default_rng(0)
    own = 1.0 + 0.01 * (1.0 + rng.random(3000))
    own[:100] = 3.0
    curves(Log(1.0 + 1e-5 * rng.random(3000), own, rng.random(3000), np.ones(3000)), "a run")
    below = drawn[0].axes[1]
    (alone,) = (line for line in below.get_lines() if line.get_label() == "network alone")
    low, high = below.get_ylim()
    inside = (alone.get_ydata() > low) & (alone.get_ydata() < high)
    assert inside.mean() >= 0.94
    assert low > 0.9
    assert not below.yaxis.get_major_formatter().get_useOffset()
