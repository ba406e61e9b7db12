"""Compiled kernels on disk: whole, never those of other sources, compiled by one process for all, not waited for in vain."""

import json
import os
import pickle
import stat
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from filelock import FileLock, Timeout
from hypothesis import given
from hypothesis import strategies as st

from mecopt.kernels import caches, turns
from mecopt.kernels.caches import CacheFolder, built_from, digest_of
from mecopt.kernels.turns import turn

TOY = """
from mecopt.kernels.compiled import compiled
from toy.parts import ONE, inner

@compiled
def outer(x):
    return 2.0 * inner(x)
"""

PARTS = """
from mecopt.kernels.compiled import compiled

ONE = 1.0

@compiled
def inner(x):
    return x + ONE
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
from mecopt.running import clock
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
    (tmp_path / "toy").mkdir()
    for name, source in (("__init__", "from toy.whole import outer"), ("whole", TOY), ("parts", PARTS)):
        (tmp_path / "toy" / f"{name}.py").write_text(source)
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


# ---------------------------------------------------------------------- what a kernel is built from


class Pair(NamedTuple):
    first: float
    second: float


class Swapped(NamedTuple):
    second: float
    first: float


def function(source: str, **known: Any) -> FunctionType:
    """Return the function f of a source, as a module would have it that knows these names."""
    module: dict[str, Any] = {"__name__": "mecopt.toy", **known}
    exec(source, module)
    found: FunctionType = module["f"]
    return found


def test_a_kernel_is_another_one_where_anything_that_it_is_built_from_is() -> None:
    source = "def f(x, y=1.0):\n    def g():\n        return LEVEL * helper(x)\n    return g() + table.size + y"

    def built(source: str = source, kinds: tuple[type, ...] = (), **changed: Any) -> str:
        inner = {"SHIFT": 1.0, "call": "x + SHIFT", **{k: v for k, v in changed.items() if k in ("SHIFT", "call")}}
        helper = function(f"def f(x):\n    return {inner['call']}", SHIFT=inner["SHIFT"])
        known = {"LEVEL": 2.0, "table": SimpleNamespace(), **{k: v for k, v in changed.items() if k not in inner}}
        dispatcher = SimpleNamespace(py_func=helper)
        return built_from(function(source, helper=dispatcher, **known), kinds)

    first = built()
    assert built() == first
    assert built(UNUSED=3.0) == first
    others = [
        built(LEVEL=2.5),
        built(LEVEL=np.array([2.0])),
        built(LEVEL=np.array([2.5])),
        built(LEVEL=(2.0, 1)),
        built(LEVEL="2.0"),
        built(LEVEL=Pair),
        built(LEVEL=Swapped),
        built(SHIFT=2.0),
        built(call="x - SHIFT"),
        built(source.replace("+ y", "- y")),
        built(source.replace("y=1.0", "y=2.0")),
        built(source.replace("LEVEL *", "LEVEL /")),
        built(kinds=(Pair,)),
        built(kinds=(Swapped,)),
    ]
    assert len({first, *others}) == len(others) + 1


def test_constants_of_modules_and_of_closures_count_and_kernels_may_call_each_other() -> None:
    module = type(sys)("constants")
    source = "def f(x):\n    return x * constants.LEVEL"
    found = []
    for level in (1.0, 2.0):
        module.LEVEL = level  # type: ignore[attr-defined]
        found.append(built_from(function(source, constants=module)))
    assert len(set(found)) == 2

    def closed(level: float) -> Callable[[float], float]:
        def f(x: float) -> float:
            return x * level

        return f

    assert len({built_from(closed(level)) for level in (1.0, 2.0)}) == 2  # type: ignore[arg-type]
    one, other = function("def f(x):\n    return other(x)"), function("def f(x):\n    return one(x)")
    one.__globals__["other"], other.__globals__["one"] = other, one
    assert built_from(one) != built_from(other)


def test_sources_of_a_package_of_others_count_where_their_classes_are_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions that stand for others by `overload` are found by types alone."""
    found = []
    for number, name in enumerate(("others_a", "others_b", "others_c")):
        source = tmp_path / name / "others.py"
        source.parent.mkdir()
        source.write_text(f"import numba  # {min(number, 1)}\n")
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(__file__=str(source)))
        kind = type("Data", (Pair,), {"__module__": name})
        found.append(built_from(function("def f(x):\n    return x"), (kind,)))
    assert found[0] != found[1] == found[2]


# ---------------------------------------------------------------------- files


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[CacheFolder, bytes]:
    """A folder with one kernel, and the whole content of its file."""
    folder = CacheFolder(tmp_path_factory.mktemp("kernels"), "ab" * 32)
    folder.save("one.f-1.py311", "key", b"payload")
    return folder, folder.file("one.f-1.py311", "key").read_bytes()


def test_what_was_kept_is_found_by_its_key_and_by_the_same_sources(sealed: tuple[CacheFolder, bytes]) -> None:
    folder, content = sealed
    path = folder.file("one.f-1.py311", "key")
    path.write_bytes(content)
    assert folder.load("one.f-1.py311", "key") == b"payload"
    assert folder.load("one.f-1.py311", "another key") is None
    assert CacheFolder(folder.path, "cd" * 32).load("one.f-1.py311", "key") is None
    folder.file("one.f-1.py311", "another key").write_bytes(content)  # under a name that is not its own
    assert folder.load("one.f-1.py311", "another key") is None
    assert path in folder.files()


@given(st.data())
def test_nothing_that_is_damaged_is_believed(sealed: tuple[CacheFolder, bytes], data: st.DataObject) -> None:
    folder, content = sealed
    place = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    longer = data.draw(st.binary(min_size=1, max_size=40))
    for damaged in (content[:place], content[:place] + bytes([other]) + content[place + 1 :], content + longer, longer):
        folder.file("one.f-1.py311", "key").write_bytes(damaged)
        assert folder.load("one.f-1.py311", "key") is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have owners and modes on POSIX")
@pytest.mark.parametrize("part", ["folder", "file"])
def test_what_a_stranger_can_have_written_is_not_believed(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is unpickled where somebody may write who could not have changed mecopt: everybody, or another owner."""
    folder = CacheFolder(tmp_path, "ab" * 32)
    folder.save("one", "key", b"payload")
    place = tmp_path if part == "folder" else folder.file("one", "key")
    kept, sources = place.stat().st_mode, Path(caches.__file__)
    shared = bool(sources.stat().st_mode & stat.S_IWOTH)
    assert folder.load("one", "key") == b"payload"
    place.chmod(kept | stat.S_IWOTH)
    assert (folder.load("one", "key") is None) is not shared
    place.chmod(kept)
    assert folder.load("one", "key") == b"payload"
    inode = place.stat().st_ino

    def owned(true: Any) -> Any:
        def looked_at(which: Any, **given: Any) -> Any:
            found = true(which, **given)
            return found if found.st_ino != inode else SimpleNamespace(st_uid=987654321, st_mode=found.st_mode)

        return looked_at

    monkeypatch.setattr(Path, "stat", owned(Path.stat))
    monkeypatch.setattr(os, "fstat", owned(os.fstat))
    assert folder.load("one", "key") is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have groups and modes on POSIX")
def test_what_a_group_may_write_is_not_believed_and_nothing_is_written_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes into a file of somebody else's leaves its owner as he was."""
    folder = CacheFolder(tmp_path, "ab" * 32)
    before = os.umask(0)
    try:
        folder.save("one", "key", b"payload")
    finally:
        os.umask(before)
    file = folder.file("one", "key")
    assert not file.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    file.chmod(file.stat().st_mode | stat.S_IWGRP)
    sources = tmp_path / "caches.py"
    sources.touch(mode=0o644)
    monkeypatch.setattr(caches, "__file__", str(sources))
    assert folder.load("one", "key") is None
    sources.chmod(0o664)
    assert folder.load("one", "key") == b"payload", "the same group may write the sources"


def test_a_folder_that_cannot_be_written_to_keeps_nothing_and_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (CacheFolder(tmp_path / "file", "ab" * 32), CacheFolder(tmp_path / "missing", "ab" * 32)):
        folder.save("one.f-1.py311", "key", b"payload")
        assert folder.load("one.f-1.py311", "key") is None
        assert folder.files() == []
    folder = CacheFolder(tmp_path, "ab" * 32)
    folder.file("one.f-1.py311", "key").mkdir()
    folder.save("one.f-1.py311", "key", b"payload")
    assert folder.load("one.f-1.py311", "key") is None


def test_of_other_sources_the_newest_stay_and_what_nobody_finished_goes(tmp_path: Path) -> None:
    ages = {"aa": 400, "bb": 300, "cc": 200, "dd": 100}
    for digest, age in ages.items():
        for name in ("one.f-1.py311", "two.g-2.py311"):
            folder = CacheFolder(tmp_path, 32 * digest)
            folder.save(name, "key", b"payload")
            os.utime(folder.file(name, "key"), (time.time() - age,) * 2)
    not_ours = [tmp_path / name for name in ("one.cpython-311.pyc", "their.f-1.py311.1.nbc", "one.f-1.lock")]
    begun, abandoned = tmp_path / ".one.f-1.nbc.ab", tmp_path / ".one.f-1.nbc.cd"
    for path in (*not_ours, begun, abandoned):
        path.touch()
    os.utime(abandoned, (time.time() - 1e6,) * 2)
    CacheFolder(tmp_path, 32 * "ee").save("one.f-1.py311", "key", b"payload")
    left = {digest: len(CacheFolder(tmp_path, 32 * digest).files()) for digest in (*ages, "ee")}
    assert left == {"aa": 0, "bb": 0, "cc": 2, "dd": 2, "ee": 1}
    assert all(path.exists() for path in (*not_ours, begun))
    assert not abandoned.exists()


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


def kernels(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.nbc"))


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
    (lock,) = folder.glob("whole.outer-*.lock")
    for path in kernels(tmp_path):
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


def test_with_a_cache_of_its_own_folder_nothing_of_other_sources_is_run(tmp_path: Path, toy: dict[str, str]) -> None:
    """Whatever changes, and whatever file it stands in, with the times and sizes of files as they were."""
    parts = tmp_path / "toy" / "parts.py"
    known = parts.stat()
    for before, after, value in (("", "", 6.0), ("x + ONE", "x - ONE", 2.0), ("", "", 6.0)):
        parts.write_text(PARTS.replace(before, after))
        os.utime(parts, ns=(known.st_atime_ns, known.st_mtime_ns))
        assert parts.stat().st_size == known.st_size
        found, _ = run("import sys; sys.dont_write_bytecode = True\n" + COMPILING, toy)
        assert found["value"] == value
    assert found["compiled"] == []  # those of the first sources are there still


def test_a_constant_that_a_kernel_has_from_a_file_without_kernels_counts(tmp_path: Path, toy: dict[str, str]) -> None:
    (tmp_path / "toy" / "parts.py").write_text(PARTS.replace("ONE = 1.0", "from constants import ONE"))
    for one, value in ((1.0, 6.0), (4.0, 12.0)):
        (tmp_path / "constants.py").write_text(f"ONE = {one}")
        assert run("import sys; sys.dont_write_bytecode = True\n" + COMPILING, toy)[0]["value"] == value


class Touches:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_what_was_cut_short_or_not_written_here_is_not_unpickled_but_compiled_again_and_whole_afterwards(
    tmp_path: Path, toy: dict[str, str]
) -> None:
    run(COMPILING, toy)
    harm = pickle.dumps(Touches(tmp_path / "harmed"))
    short, strange = kernels(tmp_path)
    content = strange.read_bytes()
    os.truncate(short, len(content) // 2)
    strange.write_bytes(content[: len(content) // 2] + harm)
    strange.with_suffix(".nbi").write_bytes(pickle.dumps("0") + harm)
    found, _ = run(COMPILING, toy)
    assert found["value"] == 6.0
    assert found["compiled"] == ["outer", "inner"]
    again, said = run(COMPILING, toy)
    assert (again["value"], again["compiled"], said) == (6.0, [], "")
    assert not (tmp_path / "harmed").exists()


def test_a_process_killed_while_it_writes_leaves_nothing_that_is_believed(tmp_path: Path, toy: dict[str, str]) -> None:
    killed = "import os\nos.replace = lambda *names: os._exit(9)\n"
    assert python(killed + COMPILING, toy).wait() == 9
    assert kernels(tmp_path) == []
    found, _ = run(COMPILING, toy)
    assert found["value"] == 6.0
    assert len(kernels(tmp_path)) == 2


def test_two_processes_that_compile_at_once_without_locks_end_with_one_whole_kernel_each(
    tmp_path: Path, toy: dict[str, str]
) -> None:
    without = """
import filelock
def refuse(self, **how):
    raise NotImplementedError
filelock.FileLock.acquire = refuse
"""
    both = [python(without + COMPILING, toy) for _ in range(2)]
    assert [json.loads(one.communicate()[0])["value"] for one in both] == [6.0, 6.0]
    assert len(kernels(tmp_path)) == 2
    assert run(COMPILING, toy)[0]["compiled"] == []


THREADS = """
import sys, threading
import toy, numba.core.event as event
class Count(event.Listener):
    names = []
    def on_start(self, started):
        self.names.append(started.data["dispatcher"].py_func.__name__)
    def on_end(self, ended):
        pass
event.register("numba:compile", Count())
sys.setswitchinterval(1e-6)
values, barrier = [], threading.Barrier(4)
def first():
    barrier.wait()
    values.append(toy.outer(2.0))
threads = [threading.Thread(target=first) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
import json
print(json.dumps({"value": values, "compiled": sorted(Count.names)}))
"""


def test_threads_that_want_the_same_kernel_first_compile_it_once(toy: dict[str, str]) -> None:
    found, _ = run(THREADS, toy)
    assert found == {"value": [6.0] * 4, "compiled": ["inner", "outer"]}


def test_where_nothing_may_be_written_beside_the_sources_the_folder_of_the_user_has_the_kernels(
    tmp_path: Path, toy: dict[str, str]
) -> None:
    (tmp_path / "toy" / "__pycache__").touch()  # a file, where a folder can be made by nobody
    del toy["NUMBA_CACHE_DIR"]
    home = {"XDG_CACHE_HOME": str(tmp_path / "home"), "HOME": str(tmp_path / "home"), "LOCALAPPDATA": str(tmp_path / "home")}
    environment = {**toy, **home}
    assert run(COMPILING, environment)[0]["compiled"] == ["outer", "inner"]
    assert run(COMPILING, environment)[0]["compiled"] == []
    assert len(kernels(tmp_path / "home")) == 2


def test_where_no_folder_can_be_written_to_answers_are_the_same(tmp_path: Path, toy: dict[str, str]) -> None:
    for path in (tmp_path / "toy" / "__pycache__", tmp_path / "home"):
        path.touch()
    nowhere = {name: str(tmp_path / "home") for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "LOCALAPPDATA")}
    found, said = run(COMPILING, {**toy, **nowhere})
    assert found["value"] == 6.0
    assert "once per process, as no folder for them can be written to" in said


def test_a_warm_installation_that_may_not_be_written_to_is_warm_for_everybody(tmp_path: Path, toy: dict[str, str]) -> None:
    del toy["NUMBA_CACHE_DIR"]
    assert run(COMPILING, toy)[0]["compiled"] == ["outer", "inner"]
    assert len(kernels(tmp_path / "toy" / "__pycache__")) == 2
    refused = """
import numba.core.caching as caching
def refuse(**how):
    raise PermissionError
caching.tempfile.TemporaryFile = refuse
"""
    found, said = run(refused + COMPILING, toy)
    assert (found["value"], found["compiled"], said) == (6.0, [], "")


def test_without_the_compiler_it_is_said_what_to_do(toy: dict[str, str]) -> None:
    trying = """
import mecopt
from mecopt.models import BinaryOffloading
try:
    mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0))
except mecopt.BackendUnavailable as error:
    print(error)
"""
    said, error = python(trying, {**toy, "NUMBA_DISABLE_JIT": "1"}).communicate()
    assert said.startswith("NUMBA_DISABLE_JIT turns numba's compiler off"), error
