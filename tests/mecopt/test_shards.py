"""Calls of an array job: each does its share beside the others, one that was killed is made good, a last one gathers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from saying import bare

from mecopt import InstanceError
from mecopt.cli.main import main
from mecopt.compare import compare
from mecopt.compare.comparison import Comparison
from mecopt.compare.hosts import timed
from mecopt.compare.summary import summarise
from mecopt.contract.solver import Solver
from mecopt.data import load, save
from mecopt.models import BinaryOffloading
from mecopt.parallel import PartsElsewhere, Task, at_work, folder_of_run, where
from mecopt.parallel.places import share_of
from mecopt.storage.atomic import to_myself

PARTS, SHORT, METHODS = 7, 5, ["cd-slsqp", "all-local"]


@pytest.fixture
def slots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Instances enough for several parts of each method."""
    monkeypatch.setattr("mecopt.compare.run.CHUNK", SHORT)
    drawn = BinaryOffloading.sample(np.random.default_rng(4), (PARTS * SHORT,), users=2)
    save(tmp_path / "slots.npz", drawn, provenance={})
    return tmp_path / "slots.npz"


def ended(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as end:
        main(["compare", *map(str, arguments), "--methods", ",".join(METHODS)])
    assert isinstance(end.value.code, int)
    return end.value.code


def written(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / "parts").glob("*.parquet")}


KILLED = f"""
import os
import signal
import sys
from mecopt.cli.main import main
from mecopt.compare import run

def dying(path, content):
    write(path, content)
    if len(list(path.parent.iterdir())) == before + 2:
        os.kill(os.getpid(), signal.SIGKILL)

run.CHUNK, write, before = {SHORT}, run.write_whole, int(sys.argv.pop())
run.write_whole = dying
main()
"""
"""The command line, which ends when it has written two parts."""


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_four_shards_of_which_one_is_killed_are_gathered_as_one_run(
    slots: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone, out = tmp_path / "alone", tmp_path / "out"
    assert ended(slots, "-o", alone, "--jobs", 1) == 0
    shares = []
    for number in (1, 2, 4):
        before = written(out)
        capsys.readouterr()
        assert ended(slots, "-o", out, "--jobs", 1, "--shard", f"{number}/4") == 0
        shares.append(len(written(out)) - len(before))
        assert before.items() <= written(out).items()
        assert f"shard {number}/4 has done its share, {shares[-1]} part" in capsys.readouterr().out
        assert not (out / "results.parquet").exists()
    assert shares == [4, 4, 3]  # of two methods and seven chunks
    command = ["compare", slots, "-o", out, "--methods", ",".join(METHODS), "--jobs", 1, "--shard", "3/4", sum(shares)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *map(str, command)], check=False)
    assert killed.returncode == -signal.SIGKILL
    kept = written(out)
    assert len(kept) == sum(shares) + 2
    assert ended(slots, "-o", out, "--jobs", 1) == 0
    assert kept.items() <= written(out).items()
    assert len(written(out)) == PARTS * len(METHODS)
    assert bare(out) == bare(alone)
    assert not [path for path in out.rglob(".*")]


def test_a_shard_that_comes_again_computes_what_it_lacks_and_gathers_nothing(slots: Path, tmp_path: Path) -> None:
    problem = load(slots).problem
    progress: list[tuple[int, int]] = []
    for number in (1, 2):
        with where(shard=f"{number}/2") as place:
            compare(problem, METHODS, out=tmp_path / "out", jobs=1)
            pytest.fail("the block ends with the share")
        assert f"shard {number}/2" in place.unfinished
    before = written(tmp_path / "out")
    with where(shard="2/2") as place:
        compare(problem, METHODS, out=tmp_path / "out", progress=lambda *count: progress.append(count))
    assert progress == [(PARTS * 2, PARTS * 2)]
    assert written(tmp_path / "out") == before
    assert place.unfinished == "shard 2/2 has nothing left to do; the same call without a shard gathers"
    assert not (tmp_path / "out" / "results.parquet").exists()


@given(count=some.integers(1, 6), parts=some.integers(0, 20))
def test_every_part_is_of_exactly_one_shard(count: int, parts: int) -> None:
    done: list[int] = []

    def task(number: int) -> Task:
        return Task(str(number), "builtins.bytes", (), lambda result: done.append(number), number)

    missing = [task(number) for number in range(parts) if number % 3]
    for k in range(1, count + 1):
        with where(shard=f"{k}/{count}"), at_work(missing, 1) as found:
            list(found)
    assert sorted(done) == [number for number in range(parts) if number % 3]


def test_shards_are_in_a_folder_beside_each_other_and_beside_nobody_else(tmp_path: Path) -> None:
    with where(shard="1/2"), folder_of_run(tmp_path):
        with where(shard="2/2"), folder_of_run(tmp_path):
            (tmp_path / ".mecopt.1.0123456789abcdef").touch()  # as another host's
        assert (tmp_path / ".mecopt.1.0123456789abcdef").exists()
        (tmp_path / ".mecopt.1.0123456789abcdef").unlink()
    within = (
        "import sys; from pathlib import Path; from mecopt.parallel import where, folder_of_run\n"
        "from mecopt.storage import atomic\n"
        "atomic.BRIEFLY = 0.0\n"
        "try:\n"
        "    with where(shard=sys.argv[2] or None), folder_of_run(Path(sys.argv[1])): print('held')\n"
        "except Exception as error: print(error)\n"
    )

    def other(shard: str) -> str:
        asked = [sys.executable, "-c", within, str(tmp_path), shard]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()

    with where(shard="1/2"), folder_of_run(tmp_path):
        assert other("2/2") == "held"
        assert f"{tmp_path} is in use by shard 1/2; wait" in other("1/2")
        assert f"{tmp_path} is in use by shard 1/2; wait" in other("")
    with to_myself(tmp_path):
        assert "is in use by a run without shards; wait" in other("2/2")
    assert other("") == "held"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "a/b", "1/2/3", "1.0/2", "-1/2", " 1/2"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(InstanceError, match="allowed: k/n with k from 1 to n"):
        share_of(text)


def test_what_cannot_be_shared_or_said_together_is_refused(slots: Path, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="beside a scheduler"), where(shard="1/2", scheduler="tcp://127.0.0.1:1"):
        pass
    with pytest.raises(InstanceError, match="jobs is said beside a scheduler"), where(jobs=2, scheduler="tcp://127.0.0.1:1"):
        pass
    with pytest.raises(InstanceError, match="without a scheduler"), where(insecure=True):
        pass
    with pytest.raises(InstanceError, match="jobs is 0"), where(jobs=0):
        pass
    problem = load(slots).problem

    class Own(Solver):
        name = "own"

        def search(self, problem: Any, **how: Any) -> Any:
            raise NotImplementedError

    with pytest.raises(InstanceError, match="'own' is computed anew in every call"), where(shard="1/2"):
        compare(problem, [Own()], out=tmp_path / "out")
    with pytest.raises(PartsElsewhere), where():
        raise PartsElsewhere("of another block")


def test_seconds_are_told_of_one_host_alone_and_it_is_said(slots: Path, tmp_path: Path) -> None:
    whole = compare(load(slots).problem, METHODS, out=tmp_path / "out", jobs=1)
    assert timed(whole)[1] == ""
    assert "host" not in " ".join(summarise(whole).findings)
    hosts = np.array(["b"] * 10 + ["a"] * (PARTS * SHORT - 10) + ["b"] * PARTS * SHORT)
    seconds = np.where(hosts == "a", 1e6, 1.0)
    table = whole.table
    for name, values in {"host": hosts, "solve_seconds": seconds}.items():
        table = table.set_column(table.column_names.index(name), name, [values])
    mixed = Comparison(table, whole.provenance)
    assert [line.solve_seconds for line in summarise(mixed).lines] == [1.0, 1.0]
    (said,) = (text for text in summarise(mixed).findings if "host" in text)
    assert said == (
        "Seconds are compared within one host: they are those of b, 45 of 70 rows. Answers are of all hosts, "
        "1 other host among them."
    )
    apart = np.array(["a"] * PARTS * SHORT + ["b"] * PARTS * SHORT)
    parted = Comparison(table.set_column(table.column_names.index("host"), "host", [apart]), whole.provenance)
    assert np.isnan(summarise(parted).lines[1].solve_seconds)
    assert "; all-local has none there." in " ".join(summarise(parted).findings)
