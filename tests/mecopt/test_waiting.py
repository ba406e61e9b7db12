"""Who waits for kernels is told once, honestly, and only then."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from mecopt.running import clock, waiting

Compile = Callable[..., None]

PROBLEM = SimpleNamespace(name="toy", compile_seconds={"exact": (10.0, 10.0), "root": (2.0, 12.0)})


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has no kernel yet and has told nothing, on a machine that works at the pace of the reference."""
    monkeypatch.delenv(waiting.QUIET, raising=False)
    monkeypatch.delenv(waiting.VOICE, raising=False)
    monkeypatch.setattr(waiting, "_told", set())
    monkeypatch.setattr(waiting, "_ready", False)
    monkeypatch.setattr(waiting, "pace", lambda: waiting.REFERENCE_PACE)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that moves only when told."""
    wall = [0.0]
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: wall[0]))
    return wall


@pytest.fixture
def compile_(wall: list[float], tmp_path: Path) -> Compile:
    """Compile a kernel of the toy problem by a method for so many seconds."""

    def compile_(method: str | None, seconds: float, problem: SimpleNamespace = PROBLEM) -> None:
        with waiting.on_behalf_of(problem, method), clock.standing_still():
            waiting.compiles("mecopt.models.toy.compiled", tmp_path)
            wall[0] += seconds

    return compile_


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    with caplog.at_level(logging.WARNING, "mecopt"):
        yield lambda: [record.getMessage() for record in caplog.records]


def test_a_wait_is_told_once_for_each_problem(compile_: Compile, said: Callable[[], list[str]]) -> None:
    compile_("exact", 10.0)
    compile_("exact", 1.0)
    compile_("root", 1.0)
    assert said() == [
        "mecopt: compiling the kernels of toy, about 10 s, once per machine; `mecopt warm-up` compiles all",
    ]
    compile_("exact", 1.0, SimpleNamespace(name="other", compile_seconds={"exact": (10.0, 10.0)}))
    assert len(said()) == 2


def test_nothing_is_told_where_the_kernels_are_there(said: Callable[[], list[str]]) -> None:
    with waiting.on_behalf_of(PROBLEM, "exact"), clock.standing_still():
        waiting.loaded()
    assert said() == []


@pytest.mark.parametrize(
    ("method", "expected"),
    [("exact", "about 10 s"), ("root", "about 2 s to 12 s"), ("index-scan", "up to about 12 s"), (None, "up to about 12 s")],
)
def test_a_method_has_its_own_seconds_and_another_one_no_more_than_the_longest(
    method: str | None, expected: str, compile_: Compile, said: Callable[[], list[str]]
) -> None:
    compile_(method, 1.0)
    assert f"toy, {expected}, once" in said()[0]


@pytest.mark.parametrize(("slower", "expected"), [(1.0, "10 s"), (3.0, "30 s"), (0.05, "1 s"), (30.0, "5 min")])
def test_a_slow_or_busy_machine_is_told_more(
    slower: float, expected: str, compile_: Compile, said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "pace", lambda: slower * waiting.REFERENCE_PACE)
    compile_("exact", 1.0)
    assert f"about {expected}, once" in said()[0]


def test_who_has_some_of_the_kernels_is_told_a_limit(compile_: Compile, said: Callable[[], list[str]]) -> None:
    waiting.loaded()
    compile_("exact", 1.0)
    assert "up to about 10 s" in said()[0]


def test_nobody_knows_what_a_foreign_problem_takes_the_first_time(compile_: Compile, said: Callable[[], list[str]]) -> None:
    compile_("exact", 1.0, SimpleNamespace(name="foreign"))
    assert "foreign, some seconds to a minute, once" in said()[0]


def again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin another process, whose kernels are gone."""
    monkeypatch.setattr(waiting, "_told", set())
    monkeypatch.setattr(waiting, "_ready", False)
    monkeypatch.setattr(waiting, "_leads", False)


@pytest.mark.parametrize(
    ("method", "problem", "took", "expected"),
    [
        ("exact", PROBLEM, 20.0, "about 20 s"),
        ("exact", SimpleNamespace(name="foreign"), 20.0, "about 20 s"),
        ("root", PROBLEM, 5.0, "about 2 s to 12 s"),  # as measured: this instance needed neither least nor most
        ("root", PROBLEM, 24.0, "about 4 s to 24 s"),
        ("root", PROBLEM, 1.0, "about 1 s to 6 s"),
    ],
)
def test_what_it_took_on_this_machine_corrects_what_is_told(
    method: str,
    problem: SimpleNamespace,
    took: float,
    expected: str,
    compile_: Compile,
    said: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compile_(method, took, problem)
    again(monkeypatch)
    compile_(method, took, problem)
    assert f", {expected}, once" in said()[-1]


def test_only_a_call_that_needed_all_kernels_says_what_they_take(
    compile_: Compile, said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting.loaded()
    compile_("exact", 1.0)
    again(monkeypatch)
    compile_("exact", 1.0)
    assert "about 10 s, once" in said()[-1]


def test_a_load_that_has_gone_is_not_remembered(
    compile_: Compile, said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as busy:
        busy.setattr(waiting, "pace", lambda: 5.0 * waiting.REFERENCE_PACE)
        compile_("exact", 50.0)
    again(monkeypatch)
    compile_("exact", 10.0)
    assert "about 10 s, once" in said()[-1]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"toy/exact": "20"}', '{"toy/exact": -1.0}', '{"toy/exact": NaN}'])
def test_a_damaged_record_is_no_record(
    content: str, tmp_path: Path, compile_: Compile, said: Callable[[], list[str]]
) -> None:
    (tmp_path / waiting.TIMES).write_text(content)
    compile_("exact", 11.0)
    assert "about 10 s, once" in said()[0]
    assert json.loads((tmp_path / waiting.TIMES).read_text()) == {"toy/exact": pytest.approx(11.0)}


def test_where_no_folder_can_be_written_to_every_process_waits(said: Callable[[], list[str]]) -> None:
    with waiting.on_behalf_of(PROBLEM, "exact"), clock.standing_still():
        waiting.compiles("mecopt.models.toy.compiled", None)
    assert "about 10 s, once per process, as no folder for them can be written to" in said()[0]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("mecopt.models.binary_offloading.compiled", "binary-offloading"),
        ("mecopt.search.server_tree", "mecopt"),
        ("foreign.kernels", "foreign"),
    ],
)
def test_a_kernel_that_is_called_by_itself_is_named_after_its_module(
    module: str, name: str, tmp_path: Path, said: Callable[[], list[str]]
) -> None:
    waiting.compiles(module, tmp_path)
    assert f"compiling the kernels of {name}, " in said()[0]


@pytest.mark.parametrize(("value", "lines"), [("1", 0), ("yes", 0), ("0", 1), ("", 1)])
def test_an_environment_variable_silences_it(
    value: str, lines: int, compile_: Compile, said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(waiting.QUIET, value)
    compile_("exact", 10.0)
    waiting.another_compiles()
    assert len(said()) == 2 * lines


def test_python_s_logging_silences_it(compile_: Compile, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "mecopt"):
        compile_("exact", 10.0)
    assert not caplog.records


def test_processes_of_one_run_speak_with_one_voice(
    compile_: Compile, tmp_path: Path, said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(waiting.VOICE, str(tmp_path))
    for _ in range(3):
        again(monkeypatch)
        waiting.another_compiles()
        compile_("exact", 1.0)
    assert len(said()) == 1
    monkeypatch.setenv(waiting.VOICE, str(tmp_path / "gone"))
    again(monkeypatch)
    compile_("exact", 1.0)
    assert len(said()) == 2


def test_the_pace_is_that_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert waiting.pace() > 0.0
