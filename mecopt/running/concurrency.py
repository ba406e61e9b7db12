"""What threads and forked processes of one Python share: objects that are lent, locks that a fork leaves whole, silence.

Answers are pure functions of their data, whoever else asks at the same time. Three things stand in the way of that: programs
and solvers that are kept because they are dear to make, outside code that keeps a state of its process, and Python's list of
warning filters, which belongs to all threads alike.

Locks that nest are taken in the order of `Rank`, by threads and by a fork.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from typing import Any, Generic, Protocol, TypeVar

Key = TypeVar("Key", bound=Hashable)
Thing = TypeVar("Thing")


class Lent(Generic[Key, Thing]):
    """Things that are dear to make and good for one user at a time: made when none of a kind is free, kept afterwards.

    There are as many of a kind as were ever in use at once. One whose user raised is not kept: nobody knows its state.

    >>> lists = Lent()
    >>> with lists.of(1, list) as one, lists.of(1, list) as other:
    ...     one is other
    False
    >>> with lists.of(1, list) as again:
    ...     again is one or again is other
    True
    """

    def __init__(self) -> None:
        self._free: dict[Key, list[Thing]] = {}

    @contextmanager
    def of(self, kind: Key, make: Callable[[], Thing]) -> Iterator[Thing]:
        """Have a thing of a kind to oneself."""
        free = self._free.setdefault(kind, [])  # this, `pop` and `append` are one step each, whatever other threads do
        try:
            thing = free.pop()
        except IndexError:
            thing = make()
        yield thing
        free.append(thing)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies, and those in other processes, begin with none."""
        return Lent, ()


# ---------------------------------------------------------------------- locks


class Rank(IntEnum):
    """The order in which locks are taken."""

    INTERRUPTS = 0
    MODELLING = 1
    COMPILING = 2
    """numba's own."""
    BRIEF = 3
    """Held for a few steps, in which no other one is taken."""


class Lock(Protocol):
    """A lock that its thread may take again."""

    def acquire(self) -> Any:
        """Take it, when nobody else has it."""

    def release(self) -> Any:
        """Give it back."""


_locks: list[tuple[Rank, Lock]] = []
_taken: list[Lock] = []


def whole_after_fork(rank: Rank, lock: Lock) -> None:
    """Let every fork wait for who has a lock: what it guards is whole in both processes, and free in the new one."""
    _locks.append((rank, lock))


def _before_fork() -> None:
    for _, lock in sorted(_locks, key=lambda ranked: ranked[0]):
        lock.acquire()
        _taken.append(lock)


def _after_fork() -> None:
    while _taken:
        _taken.pop().release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def new_lock(rank: Rank) -> Any:
    """Return a lock that every fork leaves whole."""
    lock = threading.RLock()
    whole_after_fork(rank, lock)
    return lock


INTERRUPTS = new_lock(Rank.INTERRUPTS)
"""Held by who calls a solver that takes Ctrl-C for itself meanwhile: of two that overlap one would keep it for ever."""

MODELLING = new_lock(Rank.MODELLING)
"""Held by who writes or reads a model of cvxpy or Pyomo, whose counters, scopes and logs belong to the process."""

_WARNINGS = new_lock(Rank.BRIEF)


# ---------------------------------------------------------------------- warnings

_unheard: ContextVar[tuple[str, ...]] = ContextVar("unheard", default=())


class _Unheard:
    """Matches the text of a warning that is given where its beginning is `unheard`."""

    def match(self, text: str) -> bool:
        """Tell Python's warnings what a compiled pattern would tell them."""
        return text.startswith(_unheard.get())


_FILTER: Any = ("ignore", _Unheard(), Warning, None, 0)


@contextmanager
def unheard(beginning: str = "") -> Iterator[None]:
    """Leave warnings that begin so untold inside, in this thread alone.

    `warnings.catch_warnings` puts back the filters that it found: of two threads that overlap the later one puts back those
    of the other, for ever. Here one filter stays, which asks where it is.

    >>> with unheard("of no"):
    ...     warnings.warn("of no importance")
    """
    if getattr(sys.flags, "context_aware_warnings", False):  # there every thread has filters of its own
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", re.escape(beginning))
            yield
        return
    filters: Any = warnings.filters
    with _WARNINGS:
        if not filters or filters[0] is not _FILTER:
            with contextlib.suppress(ValueError):
                filters.remove(_FILTER)
            filters.insert(0, _FILTER)
    token = _unheard.set((*_unheard.get(), beginning))
    try:
        yield
    finally:
        _unheard.reset(token)
