"""Batteries of threads and processes: whoever asks beside others gets the answers that one alone gets, to the last bit.

Every solver, backend and policy answers a few small instances, one after the other; that is the oracle. Then four threads,
which change places in the middle of everything, ask the same method at the same moment, each about another instance; a
process of each kind (mecopt's own workers, loky's, spawned, forked) asks every method about the first ones. Nothing is
random but by generators that are given, and nothing waits for a clock; who never returns is told by a watchdog, with what
every thread is doing.

>>> from mecopt.models import BinaryOffloading
>>> check_threads(BinaryOffloading)
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import hashlib
import importlib.util
import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as Timeout
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import MecoptError
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.dynamic import policy_of, rollout
from mecopt.registry import dynamics_names, find_dynamics
from mecopt.running.workers import THREADS as THREADS_OF_LIBRARIES
from mecopt.running.workers import side_by_side
from mecopt.solve import allocate, solve
from mecopt.testing.decisions import made_feasible, some_decision
from mecopt.testing.statements import holds

Array = NDArray[Any]
Check = Callable[[type[Problem]], None]
Method = Callable[[int], str]
"""From the number of an instance to a method's answer in words."""

THREADS = 4
FIRST = (0,)
"""Instances about which a process asks every method: what differs there differs in all of them."""

TURNS = 5
"""How often backends are asked by threads: what they share goes wrong for moments only, and they are quick."""

USERS = 3
SLOTS = 2

SWITCHING = 1e-5
"""Seconds after which Python lets another thread go on; usually 500 times as long."""

WATCHDOG = 900.0
"""Seconds after which whoever has not answered never will; every method takes some on a machine that is busy."""


# ---------------------------------------------------------------------- what is asked


def methods(cls: type[Problem]) -> dict[str, Method]:
    """Return every method of a problem that is installed, by its name; those of its dynamics share one object."""
    found: dict[str, Method] = {}
    instances = [cls.sample(np.random.default_rng((21, k)), users=USERS) for k in range(THREADS)]
    for name, solver in cls.solvers.items():
        if solver.is_available():
            found[f"solver {name}"] = partial(_solved, instances, name)
    decisions = [made_feasible(one, some_decision(one)) for one in instances]
    for name, backend in cls.backends.items():
        if backend.is_available():
            found[f"backend {name}"] = partial(_allocated, instances, decisions, name)
    if cls.name in dynamics_names():
        dynamics = find_dynamics(cls.name)()
        for name in dynamics.policies():
            found[f"policy {name}"] = partial(_rolled, dynamics, name)
    return found


def _solved(instances: list[Problem], solver: str, number: int) -> str:
    return _said(partial(solve, instances[number], solver=solver, throw=False))


def _allocated(instances: list[Problem], decisions: list[Array], backend: str, number: int) -> str:
    return _said(partial(allocate, instances[number], decisions[number], backend=backend, throw=False))


def _rolled(dynamics: Any, policy: str, number: int) -> str:
    path = dynamics.stream(np.random.default_rng((22, number)), SLOTS, 2)
    acting = policy_of(dynamics, policy)
    return _said(partial(rollout, dynamics, path, acting, np.random.default_rng((23, number))))


def _said(call: Callable[[], Any]) -> str:
    """Return an answer, or the error that is raised on purpose, in words that differ where anything but a time differs."""
    try:
        answer = call()
    except MecoptError as error:
        return f"{type(error).__name__}: {error}"
    if not isinstance(answer, Solution):
        return f"the digest {_digest(vars(answer))}"
    stats = answer.stats
    counts = stats.iterations, stats.solver_calls, stats.claimed_bound, stats.start_used
    numbers = answer.decision, answer.allocation.as_dict(), answer.dual.as_dict(), answer.bound, answer.gap, answer.violation
    told = f"{answer.statuses()} {float(answer.objective)!r} by {np.ravel(answer.decision).tolist()}"
    return f"{told}, the digest {_digest((numbers, counts))}, {dict(stats.messages)}"


def _digest(value: Any) -> str:
    """Name numbers, and whatever holds numbers, to the last bit."""
    if isinstance(value, dict):
        parts = [f"{key}={_digest(entry)}" for key, entry in value.items() if "seconds" not in str(key)]
    elif isinstance(value, list | tuple):
        parts = [_digest(entry) for entry in value]
    elif isinstance(value, np.ndarray) and value.dtype != object:
        parts = [str(value.shape), value.dtype.str, hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()]
    elif hasattr(value, "__dict__"):
        parts = [type(value).__name__, _digest(vars(value))]
    else:
        parts = [repr(value)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


# ---------------------------------------------------------------------- one after the other


def answers(cls: type[Problem], numbers: Sequence[int]) -> dict[str, list[str]]:
    """Ask every method about instances, one after the other."""
    return {name: [method(number) for number in numbers] for name, method in methods(cls).items()}


@cache
def _alone(cls: type[Problem]) -> dict[str, list[str]]:
    return answers(cls, range(THREADS))


def same(
    found: dict[str, list[str]], alone: dict[str, list[str]], where: str, numbers: Sequence[int] = range(THREADS)
) -> None:
    """State that answers about instances are those of one who asks alone about all."""
    holds(list(found) == list(alone), f"{where}: answered by {', '.join(found)}, alone by {', '.join(alone)}")
    for name, expected in alone.items():
        for number, one in zip(numbers, found[name], strict=True):
            holds(one == expected[number], f"{where}, {name}, instance {number}: {one}; alone: {expected[number]}")


# ---------------------------------------------------------------------- threads


def check_threads(cls: type[Problem]) -> None:
    """Threads that ask the same method at the same moment, each about another instance, get what one alone gets."""
    alone, asked = _alone(cls), methods(cls)
    same(in_threads(asked), alone, f"{cls.name}: {THREADS} threads")


def in_threads(asked: dict[str, Method]) -> dict[str, list[str]]:
    """Let each of several threads ask about an instance of its own, all of them by one method after the other."""
    found: dict[str, list[str]] = {name: [""] * THREADS for name in asked}
    begin = threading.Barrier(THREADS)

    def work(number: int) -> None:
        for name, method in asked.items():
            for _ in range(TURNS if name.startswith("backend") else 1):
                begin.wait()
                try:
                    told = method(number)
                except BaseException:  # an error in one thread must not leave the others waiting for it
                    told = traceback.format_exc()
                before = found[name][number]
                found[name][number] = told if before in ("", told) else f"{before}, and in another turn: {told}"

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(THREADS)]
    with _switching():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WATCHDOG)
    holds(not any(thread.is_alive() for thread in threads), f"threads that never return:\n{_doings()}")
    return found


@contextlib.contextmanager
def _switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCHING)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _doings() -> str:
    """Say what every thread is doing."""
    return "\n".join("".join(traceback.format_stack(frame)) for frame in sys._current_frames().values())


# ---------------------------------------------------------------------- processes


def check_workers(cls: type[Problem]) -> None:
    """Processes as `compare` starts them answer as this one does, with as many threads of linear algebra."""
    tasks = [(cls, (number,)) for number in range(2)]
    with _many_threads(), side_by_side(_watched, tasks, jobs=2, in_order=True) as found:
        for number, answered in enumerate(found):
            same(answered, _alone(cls), f"{cls.name}: a worker", (number,))


@contextlib.contextmanager
def _many_threads() -> Iterator[None]:
    """Let workers have the threads that this process has: LAPACK factors in another order where it has one alone."""
    before = dict(os.environ)
    os.environ.update({name: str(os.cpu_count() or 1) for name in THREADS_OF_LIBRARIES if name not in before})
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]


def check_processes_of_loky(cls: type[Problem]) -> None:
    """A process of loky, as joblib starts it where that is installed, answers as this one does."""
    if importlib.util.find_spec("joblib") is not None:
        same(_result(_loky().submit(_watched, cls, FIRST)), _alone(cls), f"{cls.name}: a process of loky", FIRST)


def check_spawned_processes(cls: type[Problem]) -> None:
    """A spawned process answers as this one does."""
    same(_result(_spawning().submit(_watched, cls, FIRST)), _alone(cls), f"{cls.name}: a spawned process", FIRST)


def check_forked_processes(cls: type[Problem]) -> None:
    """A process that is forked after everything was asked here answers as this one does."""
    alone = _alone(cls)
    if sys.platform == "linux":  # macOS's own libraries do not survive a fork, and Windows has none
        same(forked(cls), alone, f"{cls.name}: a forked process", FIRST)


def forked(cls: type[Problem]) -> dict[str, list[str]]:
    """Return what a forked process answers."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as forking:
        return _result(forking.submit(_watched, cls, FIRST))


def _watched(cls: type[Problem], numbers: Sequence[int]) -> dict[str, list[str]]:
    """Answer in another process, which says what it is doing, and ends, where that takes for ever."""
    faulthandler.dump_traceback_later(WATCHDOG, exit=True)
    try:
        return answers(cls, numbers)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _result(future: Future[dict[str, list[str]]]) -> dict[str, list[str]]:
    try:
        return future.result(2.0 * WATCHDOG)
    except (Timeout, BrokenProcessPool) as error:
        raise AssertionError(f"the process never answered, its standard error says more: {error}") from None


@cache
def _spawning() -> ProcessPoolExecutor:
    """Return one spawned process for all checks: to start one takes longer than to answer."""
    executor = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    atexit.register(executor.shutdown)
    return executor


@cache
def _loky() -> Any:
    from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped]

    return get_reusable_executor(max_workers=1)


PARALLEL_CHECKS: tuple[Check, ...] = (
    check_threads,
    check_workers,
    check_processes_of_loky,
    check_spawned_processes,
    check_forked_processes,
)
