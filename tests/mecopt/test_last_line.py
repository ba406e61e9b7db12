"""Whatever goes wrong ends in one line and an exit code of its own, and what cannot be is refused before it is begun."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mecopt import InstanceError
from mecopt.cli.console import _Screen
from mecopt.cli.main import main
from mecopt.data import load, save
from mecopt.models import BinaryOffloading
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.running import memory

NASTY = "\x1b[2J\x07\x9b\u202e"
"""Clears a screen, rings, and reads from right to left."""

UNSEEN = set("\x1b\x07\x9b\u202e\r")


class PanicException(BaseException):
    """Stands for what compiled Rust raises, which is no `Exception`."""


def run(*words: object) -> Any:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[BaseException], Any]:
    """Let `mecopt list` raise an exception, with a folder of its own for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fail(error: BaseException) -> Any:
        def raise_it(**_: object) -> None:
            raise error

        monkeypatch.setattr("mecopt.cli.list.command.callback", raise_it)
        return run("list")

    return fail


# ---------------------------------------------------------------------- what nobody foresaw


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("division by zero"),
        RecursionError("too deep"),
        PanicException("called `Option::unwrap()` on a `None` value"),
        SystemError(),
        GeneratorExit(),
        ExceptionGroup("several", [ValueError("one"), TypeError("another")]),
        ValueError(f"of a file named {NASTY}\nand a second line"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_nobody_foresaw_is_one_line_and_a_file(
    error: BaseException, failing: Callable[[BaseException], Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert failing(error) == 6
    said = capfd.readouterr()
    (kept,) = tmp_path.glob("mecopt-error-*.txt")
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"error: this should not have happened, {type(error).__name__}")
    assert str(kept) in said.err
    assert not set(said.err) & UNSEEN
    text = kept.read_text(encoding="utf-8")
    assert "Traceback (most recent call last)" in text
    assert "raise_it" in text
    assert "versions: mecopt " in text


def test_where_no_file_can_be_written_that_is_said(
    failing: Callable[[BaseException], Any], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    assert failing(KeyError("x")) == 6
    assert "its traceback could not be written to any folder" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError(), 2, "error: there is not enough memory\n"),
        (MemoryError("Unable to allocate 7 GiB"), 2, "error: there is not enough memory: Unable to allocate 7 GiB\n"),
        (OSError(28, "No space left on device", "out/x"), 2, "error: out/x: No space left on device\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (InstanceError(f"user {NASTY!s} is nobody"), 2, None),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
    ],
    ids=str,
)
def test_what_is_foreseen_has_its_code(
    error: BaseException,
    code: int,
    said: str | None,
    failing: Callable[[BaseException], Any],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert failing(error) == code
    found = capfd.readouterr().err.lstrip("\n")  # click ends the line of an interrupt
    assert found == said if said is not None else not set(found) & UNSEEN
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    "words",
    [
        ("sample", "binary-offloading", "--count", 10**30),
        ("sample", "binary-offloading", "--set", f"users={10**12}"),
        ("sample", "backscatter-frame", "--set", f"antennas={10**12}"),
        ("rollout", "hybrid-slot", "--slots", 10**15),
        ("rollout", "hybrid-slot", "--lanes", 10**400),
        ("rollout", "backscatter-frame", "--slots", 10**12),
        ("rollout", "inference-queue", "--slots", 10**15, "--policies", "drain"),
        ("train", "binary-offloading", "--instances", 10**15),
    ],
    ids=lambda words: " ".join(str(word)[:12] for word in words),
)
def test_sizes_beyond_all_memory_are_refused_before_anything_is_drawn(
    words: tuple[object, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / ("x.npz" if words[0] == "sample" else "out")
    assert run(*words, "-o", out) == 2
    said = capfd.readouterr().err
    assert "GB of memory" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_what_memory_holds_is_drawn_and_twice_as_much_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    entries = sum(value.size for value in BinaryOffloading.sample(rng, (4,), users=5).data().values())
    monkeypatch.setattr(memory, "total", lambda: 2 * 8 * entries)
    BinaryOffloading.sample(rng, (4,), users=5)
    with pytest.raises(InstanceError, match=r"5 instances of 5 users take .* this machine has"):
        BinaryOffloading.sample(rng, (5,), users=5)
    monkeypatch.setattr(memory, "total", lambda: 1000)
    for dynamics in (HybridDynamics, QueueDynamics):
        with pytest.raises(InstanceError, match="GB of memory"):
            dynamics().stream(rng, 1000, 10)
    with pytest.raises(InstanceError, match=r"about 10\^5000 slots of 1 lanes"):
        HybridDynamics().stream(rng, 10**5000, 1)


# ---------------------------------------------------------------------- interrupts while Python imports

INTERRUPTED = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor _ in range(10**9): pass\n"
"""In place of numpy: what is imported first, and interrupted."""

SCRIPT = "import sys\nfrom mecopt.cli.main import main\nif __name__ == '__main__':\n    sys.exit(main())\n"


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
@pytest.mark.parametrize("how", ["script", "module", "library"])
def test_an_interrupt_while_python_imports_ends_the_command_quietly(how: str, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text(INTERRUPTED)
    (tmp_path / "mecopt").write_text(SCRIPT)
    command = {
        "script": [str(tmp_path / "mecopt"), "list"],
        "module": ["-m", "mecopt", "list"],
        "library": ["-c", "import mecopt"],
    }
    places = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    found = subprocess.run(
        [sys.executable, *command[how]],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": places},
        cwd=Path(__file__).parents[2],
        check=False,
    )
    if how == "library":
        assert found.returncode in (130, -signal.SIGINT)
        assert "KeyboardInterrupt" in found.stderr
    else:
        assert (found.returncode, found.stdout, found.stderr) == (130, "", "")


# ---------------------------------------------------------------------- no room


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_output_that_goes_nowhere_is_said_in_one_line() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "mecopt", "list"]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr == "error: No space left on device\n"


LIMITED = """
import resource, sys
from mecopt.cli.main import main
from mecopt.storage.atomic import to_myself
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
main(sys.argv[2:])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="files of limited size stand for a full disk")
def test_on_a_full_disk_nothing_is_half_written(tmp_path: Path) -> None:
    file, out = tmp_path / "slots.npz", tmp_path / "out"
    save(file, BinaryOffloading.sample(np.random.default_rng(0), (400,), users=4), provenance={})
    before = file.read_bytes()
    assert run("compare", file, "--methods", "all-local", "--jobs", 1, "-o", tmp_path / "warm") == 0  # all is compiled
    for words in (
        ["sample", "binary-offloading", "--count", "400", "-o", str(file)],
        ["solve", str(file), "-o", str(tmp_path / "answers.csv")],
        ["compare", str(file), "--methods", "all-local", "--jobs", "1", "-o", str(out)],
    ):
        found = subprocess.run([sys.executable, "-c", LIMITED, "2000", *words], capture_output=True, text=True, check=False)
        assert found.returncode == 2, found.stderr
        assert "Traceback" not in found.stderr
        assert "File too large" in found.stderr
    assert file.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} <= {"slots.npz", "slots.npz.card.md", "out", "warm"}
    assert [path for path in out.rglob("*") if path.is_file()] == []


# ---------------------------------------------------------------------- terminals


def test_names_from_files_cannot_move_the_cursor(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "slots.csv"
    file.write_text(f"user,data_size [MB]\nanna{NASTY},10\nbob,20\n", encoding="utf-8", newline="")
    assert run("solve", file, "--problem", "binary-offloading") == 0
    said = capfd.readouterr()
    assert "anna\\x1b[2J\\x07" in said.err
    wrong = tmp_path / f"x{NASTY}.csv"
    wrong.write_text(f"colour{NASTY}\n10\n", encoding="utf-8", newline="")
    assert run("solve", wrong, "--problem", "binary-offloading") == 2
    assert run("solve", tmp_path / f"none{NASTY}.csv") == 2
    assert run("sample", f"binary{NASTY}", "-o", tmp_path / "x.npz") == 2
    assert run(f"solve{NASTY}") == 2
    said_later = capfd.readouterr()
    for text in (said.out, said.err, said_later.out, said_later.err):
        assert not set(text) & UNSEEN


def test_errors_and_pages_of_the_library_are_printable(tmp_path: Path) -> None:
    file = tmp_path / "slots.csv"
    file.write_text(f"user,data_size [MB]\nanna{NASTY},10\nbob,20\n", encoding="utf-8", newline="")
    data = load(file, "binary-offloading")
    assert data.names["user"][0].startswith("anna\x1b")
    for text in (str(data), repr(data), str(InstanceError(f"named {NASTY} and \udcff"))):
        assert not set(text) & UNSEEN
    assert "\\udcff" in str(InstanceError("\udcff"))


def test_a_terminal_has_colours_and_no_text_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = io.StringIO()
    screen = _Screen(file=terminal, force_terminal=True, color_system="standard", highlight=False)
    screen.print("[bold]title[/bold]")
    screen.print(f"name {NASTY}", markup=False)
    said = terminal.getvalue()
    assert "\x1b[1mtitle" in said
    assert "\\x1b[2J" in said
    assert "\x1b[2J" not in said


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_text_that_cannot_be_encoded_is_spelt_out(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "slots.csv"
    file.write_text("user,data_size [MB]\nańna,10\nbob,20\n", encoding="utf-8")
    command = [sys.executable, "-m", "mecopt", "solve", str(file), "--problem", "binary-offloading"]
    command += ["-o", str(tmp_path / "answers.csv")]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    found = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert found.returncode == 0, found.stderr
    assert ("ańna" if encoding == "utf-8" else "a\\u0144na") in found.stderr.decode(encoding)
    assert "ańna" in (tmp_path / "answers.csv").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("sign", ["SIGTERM", "SIGHUP"])
def test_a_request_to_end_that_comes_when_all_is_done_disturbs_nothing(sign: str) -> None:
    code = (
        "import atexit, os, signal, sys; sys.argv = ['mecopt', 'list']; from mecopt.cli.main import main; "
        f"atexit.register(os.kill, os.getpid(), signal.{sign}); main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "binary-offloading" in done.stdout
