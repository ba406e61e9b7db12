"""The script that makes the environment finds a Python that will do, or says in a sentence what to do.

The Pythons on the PATH here are stand-ins that answer what the script asks, and write down what pip is told.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ("tools/environment.sh", "pyproject.toml", "constraints.txt")
TOOLS = ("sh", "cat", "cksum", "cp", "dirname", "grep", "rm", "touch")
STAND_IN = """#!/bin/sh
if [ "$1" = -c ]; then
    case $2 in
    *version_info*) echo "{version} $(cat "{home}/prefix")" ;;
    *ensurepip*) exit {without_venv} ;;
    esac
elif [ "$2" = venv ]; then
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
elif [ "$2 $3" = "pip --version" ]; then
    [ ! -e "{home}/without-pip" ]
else
    echo "$@" >>"{home}/told"
    case "$*" in *"--editable"*) exit "$(cat "{home}/pip-ends")" ;; esac
fi
"""

pytestmark = pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="needs a POSIX shell and its tools")


@dataclass(frozen=True)
class Clone:
    """A copy of what the script reads, and a PATH on which there is nothing else."""

    folder: Path
    path: Path

    def python(self, name: str, version: str, *, venv: bool = True) -> Path:
        home = self.path.parent / f"home of {name}"
        home.mkdir()
        (home / "prefix").write_text(f"/opt/{name}")
        (home / "pip-ends").write_text("0")
        text = STAND_IN.format(version=version.replace(".", " "), home=home, without_venv=int(not venv))
        (self.path / name).write_text(text)
        (self.path / name).chmod(0o755)
        return home

    def make(self, level: str = "core", **settings: str) -> tuple[int, str]:
        command = ["sh", str(self.folder / "tools" / "environment.sh"), level]
        environment = {"PATH": str(self.path), **settings}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return ended.returncode, " ".join(ended.stderr.split())

    def works(self, level: str = "core", **settings: str) -> str:
        code, said = self.make(level, **settings)
        assert code == 0, said
        return said


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(tmp_path / "a clone", tmp_path / "path")
    (made.folder / "tools").mkdir(parents=True)
    made.path.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, made.folder / name)
    for name in (*TOOLS, "mkdir"):
        found = shutil.which(name)
        assert found
        os.symlink(found, made.path / name)
    return made


def test_a_python3_that_is_too_old_is_passed_over_for_a_newer_one(clone: Clone) -> None:
    clone.python("python3", "3.10.12")
    clone.python("python3.12", "3.12.3")
    clone.python("python3.13", "3.13.0", venv=False)
    assert "made with python3.12 (Python 3.12.3)" in clone.works()


def test_python3_is_taken_where_it_will_do(clone: Clone) -> None:
    clone.python("python3", "3.11.2")
    clone.python("python3.13", "3.13.0")
    assert "made with python3 (Python 3.11.2)" in clone.works()


@pytest.mark.parametrize(
    ("pythons", "said"),
    [
        ({}, "no suitable Python on PATH (none at all); mecopt needs Python 3.11 to 3.14"),
        ({"python3": "3.10.12", "python": "2.7.18"}, "(python3 is 3.10.12, python is 2.7.18); mecopt needs Python 3.11 to"),
        ({"python3": "3.99.0"}, "(python3 is 3.99.0); mecopt needs Python 3.11 to 3.14"),
    ],
)
def test_without_a_python_that_will_do_it_says_what_is_there_and_what_to_do(
    clone: Clone, pythons: dict[str, str], said: str
) -> None:
    for name, version in pythons.items():
        clone.python(name, version)
    code, message = clone.make()
    assert code == 1
    assert said in message
    assert "make demo PYTHON=" in message
    assert not (clone.folder / ".venv").exists()


def test_a_python_whose_venv_is_packed_apart_says_which_package_brings_it(clone: Clone) -> None:
    clone.python("python3", "3.12.3", venv=False)
    assert clone.make()[1].endswith("sudo apt install python3.12-venv; or name another Python: make PYTHON=/path/to/python.")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("python3.10", "PYTHON=python3.10 is Python 3.10.12; mecopt needs Python 3.11 to 3.14"),
        ("python3.9", "PYTHON=python3.9 cannot be run"),
        ("python3.13", "python3.13-venv"),
    ],
)
def test_the_python_that_is_asked_for_is_taken_or_refused_never_replaced(clone: Clone, asked: str, said: str) -> None:
    clone.python("python3", "3.12.3")
    clone.python("python3.10", "3.10.12")
    clone.python("python3.13", "3.13.0", venv=False)
    clone.works()
    code, message = clone.make(PYTHON=asked)
    assert code == 1
    assert said in message
    assert (clone.folder / ".venv" / "core").exists(), "what stands is kept until there is something better"
    assert clone.make(PYTHON="python3") == (0, "")


def test_a_python_newer_than_any_that_was_tried_is_taken_with_a_warning_where_it_is_asked_for(clone: Clone) -> None:
    clone.python("python3.99", "3.99.0")
    assert "newer than what mecopt was tried with" in clone.works(PYTHON="python3.99")


def test_what_is_finished_is_not_done_again(clone: Clone) -> None:
    home = clone.python("python3", "3.12.3")
    clone.works("all")
    told = (home / "told").read_text()
    assert clone.make("all") == clone.make("core") == (0, "")
    assert (home / "told").read_text() == told
    for changed in FILES:
        (clone.folder / changed).write_text((clone.folder / changed).read_text() + "\n")
        clone.works("all")
        assert (home / "told").read_text() != told, f"{changed} has changed"
        told = (home / "told").read_text()


def _older(clone: Clone) -> None:
    """Let the environment be of a Python that is too old, as earlier Makefiles made it."""
    clone.python("python3.10", "3.10.12")
    shutil.copy(clone.path / "python3.10", clone.folder / ".venv" / "bin" / "python")


def _other(clone: Clone) -> None:
    clone.python("python3.13", "3.13.0")
    shutil.copy(clone.path / "python3.13", clone.folder / ".venv" / "bin" / "python")


def _gone(clone: Clone) -> None:
    (clone.folder / ".venv" / "bin" / "python").unlink()


def _cut_short(clone: Clone) -> None:
    (clone.folder / ".venv" / "unfinished").touch()


def _moved(clone: Clone) -> None:
    (clone.folder / ".venv" / "made-in").write_text("/elsewhere")


def _dangling(clone: Clone) -> None:
    shutil.rmtree(clone.folder / ".venv")
    (clone.folder / ".venv").symlink_to("/nowhere")


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (_older, "it is of Python 3.10.12"),
        (_other, "it is of another Python (3.13.0) than PYTHON=python3"),
        (_gone, "its Python does not run"),
        (_cut_short, "its installation was cut short"),
        (_moved, "it was made in another folder"),
        (_dangling, "its Python does not run"),
    ],
)
def test_an_environment_that_cannot_be_used_is_made_anew(clone: Clone, breaks: Callable[[Clone], None], said: str) -> None:
    clone.python("python3", "3.12.3")
    clone.works()
    (clone.folder / ".venv" / "left over").touch()
    breaks(clone)
    message = clone.works(PYTHON="python3")
    assert f".venv cannot be used: {said}. mecopt: .venv is made with python3" in message
    assert not (clone.folder / ".venv" / "left over").exists()
    assert clone.make() == (0, "")


def test_an_environment_without_pip_is_made_anew(clone: Clone) -> None:
    home = clone.python("python3", "3.12.3")
    clone.works()
    (home / "without-pip").touch()
    assert "it has no pip that works" in clone.works()


def test_packages_that_cannot_be_had_end_with_a_sentence_and_leave_what_stood(clone: Clone) -> None:
    home = clone.python("python3", "3.12.3")
    clone.works("core")
    (home / "pip-ends").write_text("1")
    code, said = clone.make("all")
    assert code == 1
    assert "could not be installed" in said
    assert "PIP_NO_INDEX=1" in said
    assert clone.make("core") == (0, ""), "the smaller environment still stands"
    (home / "pip-ends").write_text("0")
    assert clone.works("all") == ""


def test_only_torch_and_the_tools_are_pinned_where_dependencies_are_not(clone: Clone) -> None:
    home = clone.python("python3", "3.12.3")
    clone.works("all", DEPENDENCIES="newest", VENV=".venv-newest")
    pins = (clone.folder / ".venv-newest" / "constraints.txt").read_text().splitlines()
    assert {pin.split("==")[0] for pin in pins} == {"pip", "torch", "uv"}
    assert "--upgrade-strategy eager" in (home / "told").read_text()
    clone.works("all", DEPENDENCIES="lowest", VENV=".venv-lowest")
    assert "-m uv pip install" in (home / "told").read_text()
    assert "--resolution lowest-direct" in (home / "told").read_text()
    assert not (clone.folder / ".venv").exists()


@pytest.mark.parametrize("extras", ["scip", ""])
def test_extras_can_be_left_out(clone: Clone, extras: str) -> None:
    home = clone.python("python3", "3.12.3")
    clone.works("all", EXTRAS=extras)
    told = (home / "told").read_text()
    assert f"--editable .{'[scip]' if extras else ''} --group dev" in told
    assert "learn" not in told
