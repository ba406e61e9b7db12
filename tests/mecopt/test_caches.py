"""Compiled kernels on disk: never those of other sources, compiled by one process for all, never waited for in vain."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from mecopt.kernels import turns
from mecopt.kernels.caches import CacheFolder, digest_of
from mecopt.kernels.turns import turn

TOY = """
from mecopt.kernels.compiled import compiled

@compiled
def inner(x):
    return x + 1.0

@compiled
def outer(x):
    return 2.0 * inner(x)
"""

COMPILING = """
import json, sys
import numba.core.event as event

class Count(event.Listener):
    names = []
    def on_start(self, started):
        self.names.append(started.data["dispatcher"].py_func.__name__)
    def on_end(self, ended):
        pass

event.register("numba:compile", Count())
import toy
value = toy.outer(2.0)
from mecopt import clock
print(json.dumps({"value": value, "compiled": Count.names, "seconds": clock.compiled_seconds()}))
"""

HOLDING = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has not waited in vain."""
    monkeypatch.setattr(turns, "_in_vain", False)


@pytest.fixture
def toy(tmp_path: Path) -> dict[str, str]:
    """The environment of processes that import two kernels without caches."""
    (tmp_path / "toy.py").write_text(TOY)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MECOPT_")}
    return {**kept, "PYTHONPATH": path, "NUMBA_CACHE_DIR": str(tmp_path / "caches")}


def python(code: str, environment: dict[str, str], *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(code: str, environment: dict[str, str]) -> tuple[dict[str, object], str]:
    said, error = python(code, environment).communicate()
    return json.loads(said), error


# ---------------------------------------------------------------------- sources


def test_the_digest_names_sources_of_compiled_code_and_no_others(tmp_path: Path) -> None:
    kernel, other = tmp_path / "kernel.py", tmp_path / "other.py"
    kernel.write_text("from mecopt.kernels.compiled import compiled\n")
    other.write_text("pass\n")
    before = digest_of(tmp_path)
    other.write_text("import numpy\n")
    assert digest_of(tmp_path) == before
    kernel.write_text("from mecopt.kernels.compiled import compiled  # another one\n")
    assert digest_of(tmp_path) != before


def test_caches_of_other_sources_go_and_those_of_the_same_stay(tmp_path: Path) -> None:
    built = [tmp_path / "one.f-1.py311.nbi", tmp_path / "one.f-1.py311.1.nbc"]
    kept = tmp_path / "one.cpython-311.pyc"
    for path in (*built, kept):
        path.touch()
    assert CacheFolder(tmp_path, "old").claim() == 2
    assert not any(path.exists() for path in built)
    for path in built:
        path.touch()
    assert CacheFolder(tmp_path, "old").claim() == 0
    assert all(path.exists() for path in built)
    assert CacheFolder(tmp_path, "new").claim() == 2
    assert kept.exists()


def test_a_process_with_older_sources_neither_reads_nor_writes_caches_of_newer_ones(tmp_path: Path) -> None:
    old, new = CacheFolder(tmp_path, "old"), CacheFolder(tmp_path, "new")
    written: list[str] = []
    old.claim()
    assert old.load(lambda: "kernel") == "kernel"
    old.save(lambda: written.append("old"))
    new.claim()
    assert old.load(lambda: "kernel") is None
    old.save(lambda: written.append("old"))
    assert written == ["old"]
    assert new.load(lambda: "kernel") == "kernel"


def test_what_was_loaded_while_another_process_brought_new_sources_is_not_used(tmp_path: Path) -> None:
    old, new = CacheFolder(tmp_path, "old"), CacheFolder(tmp_path, "new")
    old.claim()
    assert old.load(new.claim) is None


def test_a_folder_that_cannot_be_emptied_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.f-1.py311.nbi").touch()

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "unlink", refuse)  # as Windows does for files that somebody reads
    folder = CacheFolder(tmp_path, "new")
    with pytest.raises(PermissionError):
        folder.claim()
    assert folder.load(lambda: "kernel") is None


# ---------------------------------------------------------------------- turns


def test_a_turn_may_be_taken_again_by_who_has_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with turn(path, 0.0) as outer, turn(path, 0.0) as inner:
        assert outer
        assert inner


def test_who_waits_in_vain_goes_on_and_a_killed_process_blocks_nobody(tmp_path: Path, toy: dict[str, str]) -> None:
    path, told = tmp_path / "lock", []
    other = python(HOLDING, toy, path)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with turn(path, 0.0, lambda: told.append("waiting")) as held:
        assert not held
    assert told == ["waiting"]
    other.kill()
    other.communicate()
    with turn(path, 0.0, lambda: told.append("waiting")) as held:
        assert held
    assert told == ["waiting"]


def test_who_has_waited_in_vain_waits_for_nobody_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def refuse(lock: FileLock, timeout: float) -> None:
        waited.append(timeout)
        raise Timeout(lock.lock_file)

    monkeypatch.setattr(FileLock, "acquire", refuse)
    for _ in range(3):
        with turn(tmp_path / "lock", 60.0) as held:
            assert not held
    assert waited == [0, 60.0, 0, 0]


def test_who_is_interrupted_while_waiting_has_not_waited_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(lock: FileLock, timeout: float) -> None:
        raise KeyboardInterrupt if timeout else Timeout(lock.lock_file)

    monkeypatch.setattr(FileLock, "acquire", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), turn(tmp_path / "lock", 60.0):
            pass


def test_doubts_are_told_and_refused_while_another_thread_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, seen = list(warnings.filters), []

    def waits(lock: FileLock, timeout: float) -> None:
        seen.append(list(warnings.filters))
        raise Timeout(lock.lock_file)

    monkeypatch.setattr(FileLock, "acquire", waits)
    with turn(tmp_path / "lock", 60.0):
        assert seen == [before, before]


@pytest.mark.parametrize("error", [NotImplementedError("no locks here"), OSError(37, "No locks available")])
def test_where_there_are_no_locks_the_work_is_done_without(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(lock: object, **_: object) -> None:
        raise error

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with turn(tmp_path / "lock", 0.0) as held:
        assert not held


def test_where_no_lock_can_be_written_the_work_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with turn(tmp_path / "file" / "lock", 0.0) as held:
        assert not held


# ---------------------------------------------------------------------- kernels


def test_kernels_are_compiled_once_and_loaded_ever_after(toy: dict[str, str]) -> None:
    cold, said = run(COMPILING, toy)
    warm, nothing = run(COMPILING, toy)
    assert cold["value"] == warm["value"] == 6.0
    assert cold["compiled"] == ["outer", "inner"]
    assert warm["compiled"] == []
    assert cold["seconds"] > 0.0  # type: ignore[operator]
    assert warm["seconds"] == 0.0
    assert said.count("\n") == 1
    assert said.startswith("mecopt: compiling the kernels of toy, some seconds to a minute, once per machine;")
    assert nothing == ""


def test_side_by_side_one_process_compiles_for_all(tmp_path: Path, toy: dict[str, str]) -> None:
    run(COMPILING, toy)
    (folder,) = (tmp_path / "caches").iterdir()
    (lock,) = folder.glob("toy.outer-*.lock")
    for path in folder.glob("*.nb[ic]"):
        path.unlink()
    first = python(HOLDING, toy, lock)
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    others = [python(COMPILING, toy) for _ in range(2)]
    for process in others:
        assert process.stderr is not None
        assert process.stderr.readline() == "mecopt: another process is compiling kernels of mecopt; waiting for it\n"
    first.communicate("")
    found = [json.loads(process.communicate()[0]) for process in others]
    assert [one["value"] for one in found] == [6.0, 6.0]
    assert sorted(name for one in found for name in one["compiled"]) == ["inner", "outer"]
    assert all(one["seconds"] > 0.0 for one in found)  # waiting for who compiles is no work either


def test_without_any_folder_to_write_to_kernels_are_compiled_in_every_process(tmp_path: Path, toy: dict[str, str]) -> None:
    nowhere = "import numba.core.caching as c; c.CacheImpl._locator_classes = []\n"
    for _ in range(2):
        found, said = run(nowhere + COMPILING, toy)
        assert found["value"] == 6.0
        assert found["compiled"] == ["outer", "inner"]
        assert "once per process, as no folder for them can be written to" in said
