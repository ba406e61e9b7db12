"""Kernels that come with mecopt: taken where they fit whole, and as good as missing where anything does not."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mecopt.kernels import caches, prebuilt
from mecopt.kernels.caches import CacheFolder, own_digest
from mecopt.kernels.prebuilt import ARMV8, X86_64_V3, Baseline, Prebuilt, for_all, made_with, named, pack

KERNEL = """
from mecopt.kernels.compiled import compiled

@compiled
def outer(x):
    return 2.0 * inner(x)

@compiled
def inner(x):
    return x + 1.0
"""

CALLING = """
import json, sys, threading
from pathlib import Path
import numba.core.event as event
from mecopt.kernels import caches, prebuilt

class Count(event.Listener):
    names = []
    def on_start(self, started):
        self.names.append(started.data["dispatcher"].py_func.__name__)
    def on_end(self, ended):
        pass

event.register("numba:compile", Count())
prebuilt.FOLDER = Path(sys.argv[1])
from toy.whole import outer
values, barrier = [], threading.Barrier(int(sys.argv[2]))
def first():
    barrier.wait()
    values.append(outer(2.0))
threads = [threading.Thread(target=first) for _ in range(int(sys.argv[2]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({
    "values": values,
    "compiled": Count.names,
    "loaded": [str(path) for path in caches.loaded_files()],
    "opened": prebuilt.prebuilt.cache_info().misses,
}))
"""

TARGET = """
import json
from numba.core.registry import cpu_target
print(json.dumps(cpu_target.target_context.codegen().magic_tuple()))
"""


# ---------------------------------------------------------------------- baselines


def flags(*features: str) -> str:
    return ",".join(features)


@pytest.mark.parametrize("missing", X86_64_V3.features)
def test_a_processor_without_one_of_the_features_does_not_contain_the_baseline(missing: str) -> None:
    has = [f"+{feature}" for feature in X86_64_V3.features]
    triple = "x86_64-unknown-linux-gnu"
    own = triple, X86_64_V3.name, X86_64_V3.flags
    assert for_all((triple, "znver9", flags("+avx1024", *reversed(has), "-amx"))) == own
    weaker = [f"-{missing}" if feature == f"+{missing}" else feature for feature in has]
    assert for_all((triple, "znver9", flags(*weaker))) is None
    assert for_all((triple, "generic", "")) is None


def test_a_baseline_is_its_own_and_other_families_have_none() -> None:
    for triple, baseline in (("x86_64-unknown-linux-gnu", X86_64_V3), ("arm64-apple-darwin", ARMV8)):
        own = triple, baseline.name, baseline.flags
        assert for_all(own) == own
    assert for_all(("riscv64-unknown-linux-gnu", "generic", X86_64_V3.flags)) is None


def test_code_is_the_same_for_all_versions_of_a_system() -> None:
    assert named(("arm64-apple-darwin23.1.0", "apple-m1", "+neon")) == ("arm64-apple-darwin", "apple-m1", "+neon")
    assert named(("x86_64-unknown-linux-gnu", "znver5", "")) == ("x86_64-unknown-linux-gnu", "znver5", "")


# ---------------------------------------------------------------------- the archive


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An archive with one kernel, where mecopt looks for it; every processor contains its baseline."""
    folder = CacheFolder(tmp_path / "kernels", own_digest())
    folder.path.mkdir()
    folder.save("one.f-1.py311", "key", b"payload")
    everywhere = Baseline("anything", ())
    monkeypatch.setattr(prebuilt, "BASELINES", dict.fromkeys(prebuilt.BASELINES, everywhere))
    monkeypatch.setattr(prebuilt, "for_all", lambda target: target)
    monkeypatch.setattr(prebuilt, "FOLDER", tmp_path)
    monkeypatch.delenv(prebuilt.SWITCH, raising=False)
    path = tmp_path / everywhere.archive
    path.write_bytes(pack(folder.files(), ["toy"]))
    prebuilt.prebuilt.cache_clear()
    yield path
    prebuilt.prebuilt.cache_clear()


def again() -> Prebuilt:
    """Return what a new process would find."""
    prebuilt.prebuilt.cache_clear()
    return prebuilt.prebuilt()


def test_what_was_packed_is_found_by_its_key_and_by_the_same_sources(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = again()
    assert (found.problems, found.obstacle) == (("toy",), "")
    assert found.load("one.f-1.py311", "key") == b"payload"
    assert found.load("one.f-1.py311", "another key") is None
    assert found.load("two.f-1.py311", "key") is None
    monkeypatch.setattr(prebuilt, "own_digest", lambda: "cd" * 32)
    assert found.load("one.f-1.py311", "key") is None


def test_the_same_kernels_make_the_same_archive(archive: Path, tmp_path: Path) -> None:
    files = CacheFolder(tmp_path / "kernels", own_digest()).files()
    assert pack(iter(files[::-1]), ("toy",)) == archive.read_bytes()


def test_it_is_left_alone_on_request_and_where_there_is_none(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(prebuilt.SWITCH, "0")
    assert again() == Prebuilt()
    monkeypatch.setenv(prebuilt.SWITCH, "1")
    assert again().archive is not None
    archive.unlink()
    assert again() == Prebuilt()


@pytest.mark.parametrize("part", ["Python", "numba", "llvmlite"])
def test_another_compiler_or_interpreter_takes_nothing_and_says_why(
    archive: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    built = made_with()
    monkeypatch.setattr(prebuilt, "made_with", lambda: {**built, part: "another"})
    found = again()
    assert (found.archive, found.problems) == (None, ())
    assert found.load("one.f-1.py311", "key") is None
    assert found.obstacle == f"they were built with {part} {built[part]}, and this is another"


def test_other_sources_take_nothing_and_say_why(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prebuilt, "own_digest", lambda: "cd" * 32)
    assert again().archive is None
    assert again().obstacle == f"they were built with sources {own_digest()[:12]}, and this is {'cd' * 6}"


def test_a_weaker_processor_takes_nothing_and_says_why(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prebuilt, "for_all", lambda target: None)
    assert again().archive is None
    assert again().obstacle == "they are for processors that have all of anything, which this one has not"


@given(st.data())
@settings(deadline=None)
def test_nothing_that_is_damaged_is_believed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever was changed, added or cut off: what is found is what was packed, or nothing."""
    folder = CacheFolder(tmp_path_factory.mktemp("kernels"), own_digest())
    folder.save("one.f-1.py311", "key", b"payload")
    content = pack(folder.files(), ["toy"])
    place = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    path = folder.path / Baseline("anything", ()).archive
    for damaged in (content[:place], content[:place] + bytes([other]) + content[place + 1 :], content[place:]):
        path.write_bytes(damaged)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(prebuilt, "BASELINES", dict.fromkeys(prebuilt.BASELINES, Baseline("anything", ())))
            patch.setattr(prebuilt, "for_all", lambda target: target)
            patch.setattr(prebuilt, "FOLDER", folder.path)
            patch.delenv(prebuilt.SWITCH, raising=False)
            found = again()
        assert found.load("one.f-1.py311", "key") in (None, b"payload")
        if damaged == content[:place]:
            assert found.archive is None
            assert found.obstacle == f"{path} is damaged"
    prebuilt.prebuilt.cache_clear()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have owners and modes on POSIX")
@pytest.mark.parametrize("part", ["folder", "file"])
def test_what_a_stranger_can_have_written_is_not_read(part: str, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = archive.parent / "caches.py"
    sources.touch(mode=0o644)
    monkeypatch.setattr(caches, "__file__", str(sources))
    archive.chmod(0o644)
    assert again().archive is not None
    place = archive.parent if part == "folder" else archive
    for writers in (stat.S_IWOTH, *([stat.S_IWGRP] if part == "file" else [])):
        place.chmod(place.stat().st_mode | writers)
        assert again() == Prebuilt()
        place.chmod(place.stat().st_mode & ~writers)
    assert again().archive is not None


# ---------------------------------------------------------------------- kernels


def python(code: str, environment: dict[str, str], *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def run(environment: dict[str, str], folder: Path, threads: int = 1) -> dict[str, Any]:
    said = python(CALLING, environment, folder, threads).communicate()[0]
    found: dict[str, Any] = json.loads(said)
    return found


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path]:
    """The environment of processes that import a kernel, and a folder with what was compiled of it for the baseline."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "toy").mkdir()
    (folder / "toy" / "__init__.py").touch()
    (folder / "toy" / "whole.py").write_text(KERNEL)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MECOPT_", "NUMBA_"))}
    environment = {**kept, "PYTHONPATH": path, "MECOPT_QUIET": "1"}
    target = tuple(json.loads(python(TARGET, environment).communicate()[0]))
    if for_all(target) is None:
        pytest.skip("this processor contains no baseline")
    baseline = prebuilt.BASELINES[target[0].partition("-")[0]]
    there = {**environment, **baseline.settings, "NUMBA_CACHE_DIR": str(folder / "caches")}
    assert run(there, folder)["compiled"] == ["outer", "inner"]
    called = run(there, folder)
    assert [Path(path).name.partition("-")[0] for path in called["loaded"]] == ["whole.outer"]
    (folder / baseline.archive).write_bytes(pack(map(Path, called["loaded"]), ["toy"]))
    return environment, folder


def empty(kit: tuple[dict[str, str], Path], tmp_path: Path) -> dict[str, str]:
    """The environment with empty caches."""
    return {**kit[0], "NUMBA_CACHE_DIR": str(tmp_path / "caches")}


def test_with_empty_caches_nothing_is_compiled_nor_written(kit: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    found = run(empty(kit, tmp_path), kit[1])
    assert (found["values"], found["compiled"], found["loaded"]) == ([6.0], [], [])
    assert not list(tmp_path.rglob("*.nbc"))


def test_threads_and_processes_side_by_side_take_the_same(kit: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    both = [python(CALLING, empty(kit, tmp_path), kit[1], 3) for _ in range(2)]
    for one in both:
        found = json.loads(one.communicate()[0])
        assert (found["values"], found["compiled"]) == ([6.0] * 3, [])


def test_what_was_compiled_for_this_processor_comes_first(kit: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    environment = empty(kit, tmp_path)
    assert run({**environment, prebuilt.SWITCH: "0"}, kit[1])["compiled"] == ["outer", "inner"]
    found = run(environment, kit[1])
    assert found["compiled"] == []
    assert len(found["loaded"]) == 1
    assert found["opened"] == 0


@pytest.mark.parametrize(
    "setting",
    [{"NUMBA_BOUNDSCHECK": "1"}, {"NUMBA_OPT": "1"}, {"NUMBA_CPU_NAME": "generic"}, {"NUMBA_ENABLE_AVX": "0"}],
    ids=lambda setting: next(iter(setting)),
)
def test_who_asks_for_other_code_gets_it(kit: tuple[dict[str, str], Path], tmp_path: Path, setting: dict[str, str]) -> None:
    found = run({**empty(kit, tmp_path), **setting}, kit[1])
    assert (found["values"], found["compiled"]) == ([6.0], ["outer", "inner"])


def test_a_kernel_of_other_constants_is_compiled(kit: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").touch()
    (tmp_path / "toy" / "whole.py").write_text(KERNEL.replace("1.0", "3.0"))
    environment = empty(kit, tmp_path)
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
    found = run(environment, kit[1])
    assert (found["values"], found["compiled"]) == ([10.0], ["outer", "inner"])
