"""Workers of a Dask scheduler find what this process would, and whoever of them or of us is killed, nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from counting_study import STEPS, Counting
from dask_cluster import ROOT, Cluster
from saying import bare, name_of

from mecopt import BackendUnavailable, InstanceError
from mecopt.cli.main import main
from mecopt.compare import compare
from mecopt.data import load, save
from mecopt.dynamic.run import roll_out
from mecopt.models import BinaryOffloading
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics
from mecopt.parallel import where
from mecopt.parallel.cluster import address_of, remote
from mecopt.parallel.preflight import Refused, answer, identity, require, require_same
from mecopt.registry import find_learner
from mecopt.sweeps import sweep
from mecopt.training import train_elsewhere

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

PARTS, SHORT, METHODS = 8, 4, ["cd-slsqp", "all-local"]
TOTAL = PARTS * len(METHODS)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler with two workers, which tests may kill and replace."""
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        for _ in range(2):
            found.worker()
        yield found
    finally:
        found.end()


@pytest.fixture
def slots(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Instances enough for several parts, which say when they are begun; two workers are there."""
    monkeypatch.setattr("mecopt.compare.run.CHUNK", SHORT)
    monkeypatch.setattr("mecopt.compare.computed.FUNCTION", "saying.part")
    drawn = BinaryOffloading.sample(np.random.default_rng(4), (PARTS * SHORT,), users=2)
    save(tmp_path / "slots.npz", drawn, provenance={})
    made_good(cluster)
    return tmp_path / "slots.npz"


def made_good(cluster: Cluster) -> None:
    """Replace workers that were killed, and forget what was begun."""
    cluster.at = lambda count, worker: None
    while len([one for one in cluster.workers if one.poll() is None]) < 2:
        cluster.worker()
    with cluster.told:
        cluster.begun.clear()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What one process finds alone, seconds and hosts apart."""
    out = tmp_path_factory.mktemp("alone")
    drawn = BinaryOffloading.sample(np.random.default_rng(4), (PARTS * SHORT,), users=2)
    save(out / "slots.npz", drawn, provenance={})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mecopt.compare.run.CHUNK", SHORT)
        assert command(out / "slots.npz", out, "--jobs", "1") == 0
    return bare(out)


def command(slots: Path, out: Path, *options: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["compare", str(slots), "-o", str(out), "--methods", ",".join(METHODS), *options])
    assert isinstance(end.value.code, int)
    return end.value.code


def kept(out: Path) -> set[str]:
    """Return the names of the parts that are written."""
    return {name_of(file) for file in (out / "parts").glob("*.parquet")}


def test_workers_find_what_one_process_does(slots: Path, alone: bytes, cluster: Cluster, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert command(slots, out, "--scheduler", cluster.address) == 0
    assert bare(out) == alone
    assert sorted(cluster.begun) == sorted(kept(out))
    assert len(cluster.begun) == TOTAL
    hosts = set(pq.read_table(out / "results.parquet")["host"].to_pylist())
    assert hosts <= {f"host-{number}" for number in range(len(cluster.workers))}
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": cluster.address}))
    assert command(slots, out, "--scheduler", str(tmp_path / "scheduler.json")) == 0
    assert len(cluster.begun) == TOTAL


MOMENTS = [int(n) for n in np.random.default_rng(19).integers(1, TOTAL, 32)]
"""Numbers of the part in whose beginning somebody is killed."""

SOME = [*MOMENTS[:2], *(pytest.param(moment, marks=pytest.mark.slow) for moment in MOMENTS[2:])]


@pytest.mark.parametrize("moment", SOME)
def test_a_worker_that_is_killed_is_made_good(
    moment: int, slots: Path, alone: bytes, cluster: Cluster, tmp_path: Path
) -> None:
    before: list[set[str]] = []

    def kill(count: int, worker: subprocess.Popen[str]) -> None:
        if count == moment:
            before.append(kept(tmp_path / "out"))
            worker.kill()

    cluster.at = kill
    with where(scheduler=cluster.address):
        found = compare(load(slots).problem, METHODS, out=tmp_path / "out")
    assert found.table.num_rows == TOTAL * SHORT
    assert len(before) == 1
    assert not before[0] & set(cluster.begun[moment:])
    assert set(cluster.begun) == kept(tmp_path / "out")
    assert command(slots, tmp_path / "out", "--scheduler", cluster.address) == 0
    assert bare(tmp_path / "out") == alone


CLIENT = f"""
from mecopt.cli.main import main
from mecopt.compare import computed, run
run.CHUNK, computed.FUNCTION = {SHORT}, "saying.part"
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="process groups are of POSIX")
@pytest.mark.parametrize("both", [False, True], ids=["client", "client and worker"])
@pytest.mark.parametrize("moment", SOME)
def test_a_client_that_is_killed_goes_on_from_what_it_had_written(
    moment: int, both: bool, slots: Path, alone: bytes, cluster: Cluster, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["compare", slots, "-o", out, "--methods", ",".join(METHODS), "--scheduler", cluster.address]

    def kill(count: int, worker: subprocess.Popen[str]) -> None:
        if count == moment:
            client.kill()
            if both:
                worker.kill()

    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "shared")])
    cluster.at = kill
    with cluster.told:  # no part is heard of before the client has its name
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, *map(str, arguments)],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
    assert client.wait() == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.killpg(client.pid, 0)
    written = {file.name: file.stat().st_mtime_ns for file in (out / "parts").glob("*.parquet")}
    made_good(cluster)
    assert command(slots, out, "--scheduler", cluster.address) == 0
    again = {file.name: file.stat().st_mtime_ns for file in (out / "parts").glob("*.parquet")}
    assert written.items() <= again.items()
    assert not {name_of(Path(name)) for name in written} & set(cluster.begun)
    assert bare(out) == alone
    assert not [path for path in out.rglob(".*")]


def test_a_full_disk_ends_with_a_sentence_and_the_same_call_goes_on(
    slots: Path, alone: bytes, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    out, write, room = tmp_path / "out", os.replace, [3]

    def full(source: Any, target: Any) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(28, "No space left on device")
        write(source, target)

    with monkeypatch.context() as patched:
        patched.setattr("mecopt.storage.atomic.os.replace", full)
        assert command(slots, out, "--scheduler", cluster.address) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert [line for line in said if line.endswith("No space left on device") and line.startswith("error: ")]
    assert "Traceback" not in "".join(said)
    assert len(kept(out)) == 3
    written = kept(out)
    made_good(cluster)
    assert command(slots, out, "--scheduler", cluster.address) == 0
    assert not written & set(cluster.begun)
    assert bare(out) == alone


def test_what_mecopt_refuses_on_a_worker_is_raised_here_and_tried_once(cluster: Cluster, tmp_path: Path) -> None:
    from mecopt.parallel import Task, at_work

    def asked(function: str, *arguments: Any) -> None:
        tasks = [Task(function, f"mecopt.parallel.places.{function}", arguments, lambda result: None)]
        with where(scheduler=cluster.address), at_work(tasks) as found:
            list(found)

    with pytest.raises(InstanceError, match="the shard is 'none'"):
        asked("share_of", "none")
    with pytest.raises(AttributeError, match="no_such_name"):
        asked("no_such_name")


# ---------------------------------------------------------------------- who is refused


def test_a_worker_of_other_code_or_of_many_threads_is_refused(
    slots: Path, cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = cluster.worker("--preload", "other_code")
    try:
        assert command(slots, tmp_path / "out", "--scheduler", cluster.address) == 2
    finally:
        other.kill()
        other.wait()
    said = capsys.readouterr().err
    assert "runs other code of mecopt (digest 0123456789abcdef) than this process" in said
    assert cluster.begun == []


def test_who_comes_later_is_asked_by_each_task() -> None:
    own = identity()
    result, refused = remote("mecopt.parallel.places.share_of", b"", {**own, "code": "another"})
    assert result == b""
    assert refused is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tasks": 4}, "does 4 tasks at once; allowed: one, with --nthreads 1"),
        ({"threads": {"openblas": 8}}, "lets openblas start 8 threads; allowed: 1"),
        ({"python": "3.9.0"}, "runs Python 3.9.0, this process"),
        ({"versions": {"numpy": "0.1"}}, "missing|has numpy 0.1, this process"),
        ({"code": "0"}, r"runs other code of mecopt \(digest 0\)"),
    ],
)
def test_what_a_worker_has_to_be_is_said(change: dict[str, Any], words: str) -> None:
    sound = {**answer(), "tasks": 1, "threads": {"openblas": 1}}
    require("tcp://a:1", sound)
    with pytest.raises(Refused, match=words):
        require("tcp://a:1", {**sound, **change})
    with pytest.raises(Refused, match="has no mecopt that can be asked"):
        require("tcp://a:1", ModuleNotFoundError("No module named 'mecopt'"))
    with pytest.raises(Refused, match="could not be asked what it is: ValueError: odd"):
        require("tcp://a:1", ValueError("odd"))
    require_same("who", identity())


def test_a_scheduler_of_another_machine_is_reached_by_encryption_or_on_ones_word(tmp_path: Path) -> None:
    for text in ("tcp://127.0.0.1:8786", "tcp://[::1]:8786", "tcp://localhost:8786", "tls://192.0.2.1:8786"):
        assert address_of(text) == text
    for text in ("tcp://192.0.2.1:8786", "tcp://example.org:8786", "tcp://127.0.0.1.example.org:8786"):
        with pytest.raises(InstanceError, match="whoever reaches it can run code there; use tls://, or say --insecure"):
            address_of(text)
        assert address_of(text, insecure=True) == text
    (tmp_path / "s.json").write_text('{"address": "tcp://192.0.2.1:8786"}')
    with pytest.raises(InstanceError, match="not encrypted"):
        address_of(tmp_path / "s.json")
    for text in ("", "127.0.0.1:8786", "tcp://127.0.0.1", "inproc://a/1", "tcp://:1", "tcp://a:b"):
        with pytest.raises(InstanceError, match="allowed: tcp://HOST:PORT, tls://HOST:PORT"):
            address_of(text)
    (tmp_path / "t.json").write_text("[]")
    for file in (tmp_path / "t.json", tmp_path / "none.json"):
        with pytest.raises(InstanceError, match="is no file that a scheduler wrote"):
            address_of(file)


def test_a_scheduler_that_is_not_there_is_a_sentence(
    slots: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr("mecopt.parallel.cluster.PATIENCE", "1 s")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        assert command(slots, tmp_path / "out", "--scheduler", address) == 2
    said = capsys.readouterr().err
    assert f"error: no scheduler can be reached at {address}" in said
    assert "Traceback" not in said


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, slots: Path, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(BackendUnavailable, match=r"pip install 'mecopt\[cluster\]'"),
        where(scheduler="tcp://127.0.0.1:1"),
    ):
        compare(load(slots).problem, METHODS, out=tmp_path / "out")


# ---------------------------------------------------------------------- trainings, studies, rollouts


def silent(what: str, done: int, total: int) -> None:
    """No progress."""


@pytest.mark.parametrize("killed", [False, True], ids=["undisturbed", "a worker killed"])
def test_a_training_elsewhere_goes_on_from_the_last_checkpoint_that_came_back(
    killed: bool, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Counting()
    study.measured(tmp_path / "alone", seeds=2, quick=False, progress=silent)
    monkeypatch.setattr("mecopt.evaluation.shared.CHECKPOINT_SECONDS", 0.0)
    made_good(cluster)
    moment = 7

    def kill(count: int, worker: Any) -> None:
        if killed and count == moment:
            worker.kill()

    cluster.at = kill
    with where(scheduler=cluster.address):
        study.measured(tmp_path / "out", seeds=2, quick=False, progress=silent)
    steps = {f"{setting}-{seed}-{step}" for setting in study.settings for seed in range(2) for step in range(STEPS)}
    assert set(cluster.begun) == steps
    again = list((Counter(cluster.begun) - Counter(steps)).elements())
    # A path waits for each result before its next step begins: what the worker took with it is one step of each at most.
    assert len({step.rpartition("-")[0] for step in again}) == len(again)
    assert killed or not again

    def left(out: Path) -> dict[str, bytes]:
        files = (path for path in out.rglob("*") if path.is_file())
        return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}

    assert left(tmp_path / "out") == left(tmp_path / "alone")


def test_shards_of_a_study_train_measure_and_leave_times_to_the_last_call(tmp_path: Path) -> None:
    study = Counting()
    alone = study.measured(tmp_path / "alone", seeds=2, quick=False, progress=silent)

    def call(shard: str | None) -> str:
        with where(shard=shard, jobs=1) as place:
            assert study.measured(tmp_path / "out", seeds=2, quick=False, progress=silent).rows == alone.rows
        return place.unfinished

    assert "shard 2/2 has done its share, 2 parts; 2 of other shards" in call("2/2")
    assert "shard 1/2 has done its share" in call("1/2")  # of the measurements as well, since all trainings stand now
    assert len(list((tmp_path / "out" / "measured").rglob("*.parquet"))) >= 2
    assert "shard 2/2 has nothing left to do" in call("2/2")
    assert not list((tmp_path / "out" / "measured").rglob("times-*.parquet"))
    assert call(None) == ""


def test_sweeps_on_workers_are_those_of_one_process(cluster: Cluster, tmp_path: Path) -> None:
    given: dict[str, Any] = {"over": {"users": [2, 3]}, "methods": METHODS, "count": 4, "seeds": 2}
    made_good(cluster)
    sweep(BinaryOffloading, out=tmp_path / "alone", jobs=1, **given)
    with where(scheduler=cluster.address):
        sweep(BinaryOffloading, out=tmp_path / "out", **given)
    assert bare(tmp_path / "out") == bare(tmp_path / "alone")


@pytest.mark.parametrize(
    "killed", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["undisturbed", "workers killed"]
)
def test_a_policy_trained_on_workers_is_that_of_one_process(
    killed: bool, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="the extra `learn` is not installed")
    monkeypatch.setattr("mecopt.training.CHECKPOINT_SECONDS", 0.0)
    made_good(cluster)
    learner, back = find_learner("decision-net"), list[bool]()
    settings = learner.configured("default", {"candidates": 2, "hidden": [4], "interval": 2, "batch": 8, "memory": 16})
    stream = BinaryOffloading.sample(np.random.default_rng(3), (250,), users=2)

    def came_back(ended: bool) -> None:
        back.append(ended)
        if killed and len(back) == 1:
            for worker in cluster.workers:
                worker.kill()
            cluster.worker()

    with where(scheduler=cluster.address):
        train_elsewhere(learner, stream, settings, 4, tmp_path / "out", {}, known={}, came_back=came_back)
    assert back == [False, False, True]
    learner.train(stream, settings, 4, tmp_path / "alone", {})
    for name in ("weights.safetensors", "training.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_rollouts_on_workers_are_those_of_one_process(cluster: Cluster, tmp_path: Path) -> None:
    given: dict[str, Any] = {"slots": 64, "lanes": 2, "seed": 1}
    made_good(cluster)
    roll_out(HybridDynamics(), ["greedy-must", "greedy-optout"], out=tmp_path / "alone", jobs=1, **given)
    with where(scheduler=cluster.address):
        roll_out(HybridDynamics(), ["greedy-must", "greedy-optout"], out=tmp_path / "out", **given)
    for name in ("results.parquet",):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_a_folder_is_packed_to_the_same_bytes_and_nothing_leaves_it(tmp_path: Path) -> None:
    import io
    import zipfile

    from mecopt.storage.folders import packed, unpack

    (tmp_path / "a" / "in").mkdir(parents=True)
    for name in ("card.json", "weights", "in/z", ".mecopt.lock"):
        (tmp_path / "a" / name).write_text(name)
    content = packed(tmp_path / "a")
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["in/z", "weights", "card.json"]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "stale").touch()
    unpack(content, tmp_path / "b")
    assert packed(tmp_path / "b") == content
    assert not (tmp_path / "b" / "stale").exists()
    assert packed(tmp_path / "none") == packed(tmp_path / "none2")
    for name in ("../out", "/out", "in/../../out", "c:out"):
        evil = io.BytesIO()
        with zipfile.ZipFile(evil, "w") as archive:
            archive.writestr(name, "out")
        with pytest.raises(InstanceError, match="allowed: names within the folder"):
            unpack(evil.getvalue(), tmp_path / "b")
