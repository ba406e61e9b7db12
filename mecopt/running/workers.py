"""Processes that work side by side, and belong to the one that started them: they end with it, however it ends.

A worker reads its tasks from a pipe and writes what came of them to another one; there is nothing else between the two, no
shared memory, semaphore or file that could outlive them. Linux kills a worker in the moment in which its owner dies;
elsewhere a thread of its own ends it once the pipe has no other end. An interrupt of the terminal is for the owner alone.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from mecopt.contract.errors import MecoptError
from mecopt.running import waiting
from mecopt.running.cores import cores
from mecopt.running.pipes import received, send

START = """
import json, sys
sys.path[:], owner = json.loads(sys.argv.pop())
from mecopt.running.workers import serve
serve(owner)
"""

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""Environment variables by which libraries are told how many threads to start."""

REST, PATIENCE = 60.0, 20.0
"""Seconds for which workers are kept that have nothing to do, and that one has to end by itself."""

_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""

Worker = subprocess.Popen[bytes]

After = Callable[[int, Any], tuple[Any, Sequence[Any] | None]]
"""What is done here with the result of a task; see `side_by_side`."""


class WorkerLost(MecoptError, RuntimeError):
    """A worker process ended before its work; what it had finished before is kept."""


@contextmanager
def side_by_side(
    function: Callable[..., Any],
    tasks: Iterable[Sequence[Any]],
    jobs: int | None = None,
    in_order: bool = False,
    after: After | None = None,
) -> Iterator[Iterator[Any]]:
    """Give what comes of a function, called with each task's arguments, in several processes.

    Parameters
    ----------
    function
        of a module, or one that can be sent by value.
    tasks
        arguments of a call each.
    jobs
        processes at most; None takes `cores`. Where one is enough this one does the work.
    in_order
        whether results come in the order of the tasks, not as they are ready; those that follow from others have none.
    after
        called here with a task's number and what came of it, before its process is given anything else; returns what is
        given in its place, and the arguments of a task that follows, if one does, which the same process does next.

    Raises
    ------
    WorkerLost
        where a process ended before its work; and whatever the function raises. All processes have ended then.
    """
    listed = list(tasks)
    count = min(cores() if jobs is None else jobs, len(listed))
    if count <= 1:
        yield _alone(function, listed, after)
        return
    waiting.one_voice()
    team = _Team(function, listed, after)
    try:
        team.begin(count)
        yield team.results(in_order)
        team.rest()
    finally:
        team.end()


def _alone(function: Callable[..., Any], tasks: Sequence[Sequence[Any]], after: After | None) -> Iterator[Any]:
    """Give what comes of tasks that this process does itself."""
    for number, first in enumerate(tasks):
        task: Sequence[Any] | None = first
        while task is not None:
            value, task = function(*task), None
            if after is not None:
                value, task = after(number, value)
            yield value


class _Team:
    """Workers, and a thread for each that gives it one task after the other."""

    def __init__(self, function: Callable[..., Any], tasks: Sequence[Sequence[Any]], after: After | None) -> None:
        self.function, self.count, self.after = function, len(tasks), after
        self.left, self.taking = iter(enumerate(tasks)), threading.Lock()
        self.found: queue.SimpleQueue[tuple[int, bool, Any]] = queue.SimpleQueue()
        self.workers: list[Worker] = []
        self.threads: list[threading.Thread] = []
        self.told = 0
        self.surroundings: Any = None

    def begin(self, count: int) -> None:
        self.surroundings = _surroundings(count)
        self.workers += _RESTING.taken(self.surroundings)
        while len(self.workers) < count:
            self.workers.append(_started(count))
        for worker in self.workers:
            self.threads.append(threading.Thread(target=self._lead, args=(worker,), daemon=True))
            self.threads[-1].start()

    def results(self, in_order: bool) -> Iterator[Any]:
        """Yield what comes of the tasks; raises what one of them raised."""
        early: dict[int, Any] = {}
        number = 0
        while number < self.count:
            while not (in_order and number in early):
                done, well, value = _taken(self.found)
                self.told += 1
                if not well:
                    raise value
                early[done] = value
                if not in_order:
                    break
            yield early.pop(number if in_order else done)
            number += 1

    def rest(self) -> None:
        """Let workers rest that have nothing left to do; those of a thread that may end would be killed with it."""
        if self.told == self.count and threading.current_thread() is threading.main_thread():
            _RESTING.take(self.workers, self.surroundings)
            self.workers = []

    def end(self) -> None:
        """End all workers that do not rest, at once."""
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.wait()
        for thread in self.threads:
            thread.join()
        for worker in self.workers:
            _close(worker)

    def _lead(self, worker: Worker) -> None:
        """Give a worker tasks, until none is left."""
        import cloudpickle

        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})  # a worker's death is no reason to die
        assert worker.stdin is not None
        assert worker.stdout is not None
        following: Sequence[Any] | None = None
        while True:
            if following is None:
                with self.taking:
                    number, task = next(self.left, (-1, ()))
            else:
                task = following
            if number < 0:
                return
            try:
                send(worker.stdin, cloudpickle.dumps((self.function, task)))
                well, value, text = pickle.loads(received(worker.stdout))
            except (OSError, EOFError):
                self.found.put((number, False, _lost(worker.wait())))
                return
            except Exception as error:
                well, value, text = False, error, traceback.format_exc()
            following = None
            if not well:
                value.__cause__ = _ElsewhereError(text)
            elif self.after is not None:
                try:
                    value, following = self.after(number, value)
                except Exception as error:
                    well, value = False, error
            if following is not None:
                with self.taking:
                    self.count += 1
            self.found.put((number, well, value))


class _Resting:
    """Workers that have nothing to do for a while: the next call with the same surroundings need not start others."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self.surroundings: Any = None
        self.timer: threading.Timer | None = None
        self.changing = threading.Lock()

    def take(self, workers: list[Worker], surroundings: Any) -> None:
        """Let workers rest, in place of those that did."""
        self.dismiss()
        with self.changing:
            self.workers, self.surroundings = workers, surroundings
            self.timer = threading.Timer(REST, self.dismiss)
            self.timer.daemon = True
            self.timer.start()

    def taken(self, surroundings: Any) -> list[Worker]:
        """Return the workers that rest, if they can be used; there are none then."""
        with self.changing:
            if surroundings != self.surroundings:
                return []
            found, self.workers = self.workers, []
        usable = [worker for worker in found if worker.poll() is None]
        for worker in found:
            if worker not in usable:
                _close(worker)
        return usable

    def dismiss(self) -> None:
        """Let all end."""
        with self.changing:
            found, self.workers = self.workers, []
            if self.timer is not None:
                self.timer.cancel()
        if self.surroundings is not None and self.surroundings[0] != os.getpid():
            return  # they are another process's, of which this one is a copy
        for worker in found:
            _close(worker)
        for worker in found:
            try:
                worker.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


_RESTING = _Resting()
atexit.register(_RESTING.dismiss)


def _surroundings(count: int) -> Any:
    """Return whose workers are, and what they took over when they began."""
    try:
        place = os.getcwd()
    except OSError:
        place = ""
    return os.getpid(), count, place, list(sys.path), dict(os.environ)


def _close(worker: Worker) -> None:
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            pipe.close()


class _ElsewhereError(Exception):
    """Shows the traceback of another process."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def serve(owner: int) -> None:
    """Do the tasks that come through standard input; what is printed meanwhile goes to standard error."""
    _end_with(owner)
    results = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    tasks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    idle = threading.Event()
    idle.set()
    threading.Thread(target=_listen, args=(tasks, idle), daemon=True).start()
    with suppress(BrokenPipeError):
        while (message := tasks.get()) is not None:
            answer = _answer(message)
            sys.stdout.flush()
            idle.set()
            send(results, answer)


def _answer(message: bytes) -> bytes:
    """Do a task, and return whether it was done, what came of it, and its traceback where it was not."""
    import cloudpickle

    try:
        function, task = pickle.loads(message)
        return bytes(cloudpickle.dumps((True, function(*task), "")))
    except BaseException as error:
        text = traceback.format_exc()
        return bytes(cloudpickle.dumps((False, _sendable(error), text)))


def _sendable(error: BaseException) -> BaseException:
    """Return an exception that arrives: itself, or its words where it would not."""
    import cloudpickle

    try:
        if isinstance(pickle.loads(cloudpickle.dumps(error)), type(error)):
            return error
    except Exception:
        pass
    return RuntimeError(f"{type(error).__name__}: {error}")


def _listen(tasks: queue.SimpleQueue[bytes | None], idle: threading.Event) -> None:
    """Take tasks from standard input, and let the process end where it ends: at once where nobody waits for its work."""
    source = os.fdopen(0, "rb", buffering=0, closefd=False)
    try:
        while True:
            message = received(source)
            idle.clear()
            tasks.put(message)
    except (OSError, EOFError):
        if not idle.is_set():
            os._exit(1)
        tasks.put(None)


def _end_with(owner: int) -> None:
    """Let this process end when its owner does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.name == "posix" and os.getppid() != owner:  # that of Windows may be a launcher
        os._exit(1)


def _started(count: int) -> Worker:
    """Start one of several workers; an interrupt meanwhile comes later, and never to the worker."""
    threads = str(max(1, cores() // count))
    environment = {**dict.fromkeys(THREADS, threads), **os.environ}
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    command = [sys.executable, *flags, "-c", START, json.dumps([sys.path, os.getpid()])]
    options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0, "env": environment}
    if sys.__stderr__ is None:  # closed, and its number another file's by now
        options["stderr"] = subprocess.DEVNULL
    if not hasattr(signal, "pthread_sigmask"):
        group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        return subprocess.Popen(command, creationflags=group, **options)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(command, **options)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _taken(found: queue.SimpleQueue[Any]) -> Any:
    """Wait for an entry; interrupts are heard on every system."""
    while True:
        with suppress(queue.Empty):
            return found.get(timeout=1.0)


def _lost(code: int) -> WorkerLost:
    """Say how a worker ended."""
    try:
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    except ValueError:
        how = f"was ended by signal {-code}"
    why = ", as where memory runs out: fewer at once (--jobs) need less" if code == -getattr(signal, "SIGKILL", 9) else ""
    kept = "what was finished is kept, and the same call goes on from there"
    return WorkerLost(f"a worker process {how} before its work was done{why}; {kept}")
