"""Processes side by side: they do what one does, say what went wrong, and never outlive the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mecopt import InstanceError
from mecopt.cli.main import main
from mecopt.running.cores import cores
from mecopt.running.workers import WorkerLost, _lost, side_by_side


def results(function: Callable[..., Any], tasks: list[tuple[Any, ...]], **how: Any) -> list[Any]:
    with side_by_side(function, tasks, **how) as found:
        return list(found)


def squared(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def test_processes_do_what_one_does() -> None:
    tasks = [(n,) for n in range(7)]
    squares = [n * n for n in range(7)]
    assert [value for value, _ in results(squared, tasks, jobs=2, in_order=True)] == squares
    found = results(squared, tasks, jobs=2)
    assert sorted(value for value, _ in found) == squares
    assert len({process for _, process in found} - {os.getpid()}) in (1, 2)
    assert {process for _, process in results(squared, tasks, jobs=1)} == {os.getpid()}
    assert results(squared, [], jobs=2) == []


def test_one_task_needs_no_other_process() -> None:
    assert results(squared, [(3,)]) == [(9, os.getpid())]
    assert cores() >= 1


def test_workers_are_kept_for_the_next_call_unless_they_would_know_another_world(monkeypatch: pytest.MonkeyPatch) -> None:
    def processes() -> set[int]:
        return {process for _, process in results(squared, [(n,) for n in range(20)], jobs=2)}

    before = processes() | processes() | processes()
    assert len(before) <= 2
    monkeypatch.setenv("MECOPT_TEST_OF_WORKERS", "1")
    other = processes()
    assert not other & before
    if os.name == "posix":
        for process in other:
            os.kill(process, signal.SIGKILL)
            os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)  # until it has ended
        assert not processes() & other


def test_what_is_defined_at_a_prompt_is_sent() -> None:
    offset = 10
    assert sorted(results(lambda number: number + offset, [(1,), (2,), (3,)], jobs=2)) == [11, 12, 13]


class Odd(Exception):
    """Cannot be made from its words alone."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


def failing(number: int) -> int:
    if number == 2:
        raise InstanceError("user 2 is nobody")
    if number == 5:
        raise Odd("odd", "indeed")
    return number


def test_what_a_task_raises_is_raised_here_with_its_traceback() -> None:
    with pytest.raises(InstanceError, match="user 2 is nobody") as caught:
        results(failing, [(1,), (2,), (3,)], jobs=2)
    assert "in failing" in str(caught.value.__cause__)
    with pytest.raises(RuntimeError, match="Odd: odd"):
        results(failing, [(5,), (6,)], jobs=2)


def test_a_task_that_cannot_be_sent_is_said() -> None:
    with pytest.raises(TypeError, match="pickle"):
        results(squared, [(threading.Lock(),), (2,)], jobs=2)


def killed(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_a_lost_worker_is_one_sentence() -> None:
    with pytest.raises(WorkerLost, match="was ended by SIGKILL before its work was done, as where memory runs out"):
        results(killed, [(n,) for n in range(8)], jobs=2)
    assert "ended with code 3" in str(_lost(3))
    assert "ended by signal 200" in str(_lost(-200))


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
def test_the_command_line_says_so_and_ends_in_5(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> None:
        raise _lost(-signal.SIGKILL)

    monkeypatch.setattr("mecopt.cli.list.command.callback", lambda **_: lost())
    with pytest.raises(SystemExit) as ended:
        main(["list"])
    assert ended.value.code == 5
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "what was finished is kept" in said


OWNER = """
import itertools, os, signal, sys
from mecopt.running import workers
for sign in (signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
    signal.signal(sign, signal.SIG_DFL)  # jobs in the background are born deaf to some of them
def at_work(number):
    os.write(2, b"at work\\n")
    sum(itertools.repeat(0))  # for ever, and without a pause for other threads
def waiting(number):
    os.write(2, b"at work\\n")
    import time
    time.sleep(1e6)
if sys.argv[1] == "elsewhere":
    workers.START = "import sys; sys.platform = 'elsewhere'\\n" + workers.START
with workers.side_by_side(at_work if sys.argv[1] == "linux" else waiting, [(1,), (2,)], 2) as found:
    next(found)
"""
"""Starts two workers that never end, which have its standard error as well."""


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
@pytest.mark.parametrize("sign", ["SIGKILL", "SIGTERM", "SIGQUIT", "SIGHUP"])
@pytest.mark.parametrize("system", ["linux", "elsewhere"])
def test_workers_end_with_their_owner(system: str, sign: str, tmp_path: Path) -> None:
    if system == "linux" and sys.platform != "linux":
        pytest.skip("elsewhere a thread must run")
    owner = subprocess.Popen([sys.executable, "-c", OWNER, system], stderr=subprocess.PIPE, cwd=tmp_path)
    assert owner.stderr is not None
    with owner:
        assert [owner.stderr.readline() for _ in range(2)] == [b"at work\n"] * 2
        owner.send_signal(getattr(signal, sign))
        assert owner.stderr.read() == b""  # ends when nobody has it any more
    assert owner.returncode == -getattr(signal, sign)


PRINTING = """
from mecopt.running.workers import side_by_side
def printing(number):
    print("hello")
    return number
with side_by_side(printing, [(1,), (2,)], 2, in_order=True) as found:
    print(list(found))
"""


def test_what_workers_print_is_in_nobodys_way() -> None:
    found = subprocess.run([sys.executable, "-c", PRINTING], capture_output=True, text=True, check=True)
    assert found.stdout == "[1, 2]\n"
    assert found.stderr.count("hello") == 2
    closed = f"{sys.executable} -c '{PRINTING}' 2>&-"
    if os.name == "posix":
        assert subprocess.run(closed, shell=True, stdout=subprocess.PIPE, text=True, check=True).stdout == "[1, 2]\n"
