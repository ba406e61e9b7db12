"""A clock that stands still while kernels are made ready, so that compiling them is never counted as solving.

Kernels are compiled once per machine and loaded once per process, whenever a call first needs them: in the middle of what
is being timed. Whatever measures work or keeps a time limit therefore reads `now`, and whatever makes kernels ready does it
inside `standing_still`. Every thread has its own clock: one that solves is not set back by another that compiles.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Stood(threading.local):
    """How long the clock of a thread has stood still, and why; and by what it goes."""

    reads: Callable[[], float] | None = None
    """None: seconds of the wall."""
    compiling: float = 0.0
    loading: float = 0.0
    depth: int = 0
    compiles: bool = False


_stood = _Stood()
_standing: set[int] = set()
"""The threads whose clock stands still."""


def now() -> float:
    """Return seconds of work from some beginning; only differences within one thread mean anything.

    >>> began = now()
    >>> now() >= began
    True
    """
    return (_stood.reads or time.perf_counter)() - _stood.compiling - _stood.loading


@contextmanager
def of_processor() -> Iterator[None]:
    """Let this thread's `now` count seconds of the processor, of all threads of this process, in place of those of the wall.

    For benches, where everything is compiled and loaded.
    """
    before, _stood.reads = _stood.reads, time.process_time
    try:
        yield
    finally:
        _stood.reads = before


def compiled_seconds() -> float:
    """Return how long this thread has compiled so far, waiting for a process that compiles the same included."""
    return _stood.compiling


def loaded_seconds() -> float:
    """Return how long this thread has loaded compiled code so far, the compiler's own import included."""
    return _stood.loading


@contextmanager
def standing_still() -> Iterator[None]:
    """Keep what is done inside out of this thread's `now`; inside another one nothing is counted twice.

    It counts as loading, unless `compiling` is said inside.
    """
    if _stood.depth:
        yield
        return
    began = time.perf_counter()
    _stood.depth, _stood.compiles = 1, False
    _standing.add(threading.get_ident())
    try:
        yield
    finally:
        _standing.discard(threading.get_ident())
        _stood.depth = 0
        seconds = time.perf_counter() - began
        if _stood.compiles:
            _stood.compiling += seconds
        else:
            _stood.loading += seconds


def stands_still() -> bool:
    """Whether the clock of any thread stands still."""
    return bool(_standing)


def compiling() -> None:
    """Say that what the clock stands still for is compiling."""
    _stood.compiles = True
