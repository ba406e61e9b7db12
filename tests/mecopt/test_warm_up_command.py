"""`mecopt warm-up`: what it says, what it notes, and when the notes are not believed."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from mecopt.cli.main import main
from mecopt.contract.problem import Problem
from mecopt.kernels import caches, prebuilt
from mecopt.kernels.prebuilt import Prebuilt
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.running import clock, waiting, warm_up

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without kernels, whose every problem takes one call and leaves one file."""
    kernel = tmp_path / "kernel.nbc"

    def compile_() -> None:
        if not kernel.exists():
            with clock.standing_still():
                clock.compiling()
                kernel.touch()

    monkeypatch.setattr(prebuilt, "prebuilt", Prebuilt)
    monkeypatch.setattr(warm_up, "home", lambda: tmp_path)
    monkeypatch.setattr(warm_up, "steps", lambda cls: [warm_up.Step(cls.name, compile_)])
    monkeypatch.setattr(caches, "used_files", lambda: {str(kernel): kernel.stat().st_size})
    return kernel


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["warm-up", *arguments])
    return int(end.value.code or 0)


def test_it_says_what_was_compiled_and_where_it_is_kept(tmp_path: Path, capsys: Output) -> None:
    assert run("binary-offloading") == 0
    said = capsys.readouterr()
    assert said.err.startswith("compiling the kernels of binary-offloading: up to about ")
    assert "binary-offloading: compiled in " in said.out
    assert f"kept in {tmp_path.parent}\n" in said.out


def test_done_again_there_is_nothing_to_compile(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    run("binary-offloading")
    monkeypatch.setattr(warm_up, "steps", lambda cls: pytest.fail("called what was noted as done"))
    capsys.readouterr()
    assert run("binary-offloading") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("binary-offloading: nothing to compile\n")


def test_without_a_name_all_problems_are_compiled(capsys: Output) -> None:
    run()
    assert "backscatter-frame, bandwidth-power, binary-offloading, " in capsys.readouterr().out


def test_kernels_that_are_gone_are_compiled_again(kept: Path) -> None:
    run("binary-offloading")
    assert warm_up.is_warm(BinaryOffloading)
    assert not warm_up.is_warm(ComputationRate)
    kept.write_bytes(b"cut short")
    assert not warm_up.is_warm(BinaryOffloading)
    kept.unlink()
    assert not warm_up.is_warm(BinaryOffloading)


def test_kernels_of_other_sources_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    run("binary-offloading")
    monkeypatch.setattr(caches, "own_digest", lambda: "another")
    assert not warm_up.is_warm(BinaryOffloading)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"binary-offloading": 1}', '{"binary-offloading": {"of": "x", "files": {}}}']
)
def test_damaged_notes_are_no_notes(content: str, tmp_path: Path) -> None:
    (tmp_path / warm_up.NOTES).write_text(content)
    assert not warm_up.is_warm(BinaryOffloading)
    run("binary-offloading")
    assert warm_up.is_warm(BinaryOffloading)
    assert list(json.loads((tmp_path / warm_up.NOTES).read_text())) == ["binary-offloading"]


def test_where_nothing_can_be_kept_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(warm_up, "home", lambda: None)
    assert run("binary-offloading") == 1
    assert "they cannot be kept: no folder for them can be written to" in capsys.readouterr().err
    assert not warm_up.is_warm(BinaryOffloading)


def test_it_does_not_tell_twice_that_it_compiles(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.delenv(waiting.QUIET, raising=False)
    monkeypatch.setattr(waiting, "_told", set())
    tell = warm_up.Step("toy", lambda: waiting.compiles("toy", tmp_path))
    monkeypatch.setattr(warm_up, "steps", lambda cls: [tell])
    run("binary-offloading")
    assert not caplog.records


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels of one problem that came with mecopt, unless they are to be left alone."""
    monkeypatch.setenv(prebuilt.SWITCH, "1")
    came = Prebuilt(baseline="x86-64-v3", problems=("binary-offloading",))
    monkeypatch.setattr(prebuilt, "prebuilt", lambda: Prebuilt() if os.environ[prebuilt.SWITCH] == "0" else came)


def test_what_came_with_mecopt_is_told_and_not_compiled(shipped: None, kept: Path, capsys: Output) -> None:
    assert run("binary-offloading") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out == (
        "binary-offloading: nothing to compile, the kernels came with mecopt, for every processor that has all of x86-64-v3;"
        " --this-processor compiles them for this one\n"
    )
    assert not kept.exists()
    assert not warm_up.is_warm(BinaryOffloading)
    run("binary-offloading", "computation-rate")
    said = capsys.readouterr()
    assert said.err.startswith("compiling the kernels of computation-rate: up to about ")
    assert "computation-rate: compiled in " in said.out


def test_on_request_it_is_compiled_for_this_processor_and_stays_so(shipped: None, capsys: Output) -> None:
    assert run("binary-offloading", "--this-processor") == 0
    assert "binary-offloading: compiled in " in capsys.readouterr().out
    os.environ[prebuilt.SWITCH] = "1"
    run("binary-offloading")
    assert capsys.readouterr().out.startswith("binary-offloading: nothing to compile\n")


def test_why_what_came_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(prebuilt, "prebuilt", lambda: Prebuilt(obstacle="they are for the moon"))
    run("binary-offloading")
    assert capsys.readouterr().err.startswith("the kernels that came with mecopt cannot be used: they are for the moon\n")


def test_where_what_came_was_taken_and_is_gone_something_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A problem that came from elsewhere may rest on kernels that came with mecopt."""
    monkeypatch.setattr(prebuilt, "prebuilt", lambda: Prebuilt(problems=("binary-offloading",)))
    run("computation-rate")
    assert warm_up.is_warm(ComputationRate)
    monkeypatch.setattr(prebuilt, "prebuilt", Prebuilt)
    assert not warm_up.is_warm(ComputationRate)


def test_an_unknown_problem_is_wrong_use(capsys: Output) -> None:
    assert run("binary-ofloading") == 2
    assert "did you mean 'binary-offloading'?" in capsys.readouterr().err


def test_what_a_method_refuses_is_nothing_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    problem: Problem = BinaryOffloading.sample(np.random.default_rng(0), users=2)
    assert warm_up.Step(problem.name, lambda: problem.solver("unknown"))() == 0.0
