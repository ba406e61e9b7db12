"""Parts of one batch in threads side by side, for compiled code that lets Python's other threads run meanwhile.

Whoever asked waits in the thread that asked: interrupts and watchers have their turn there, every few milliseconds. What it
is told to stop, or what one part raises, ends the others at their next turn.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextvars import ContextVar, copy_context
from threading import Event
from typing import TypeVar

from mecopt.running.budget import told, watched

T = TypeVar("T")

PARTS = 4
"""Parts of a batch for each thread, where no time limit is shared: one that is easy leaves its thread to others."""

LOOKS = 0.05
"""Seconds after which progress is told."""

_stop: ContextVar[Event | None] = ContextVar("stop", default=None)


class Stopped(BaseException):
    """Another part has ended the work: nothing of this one is wanted."""


def going_on() -> None:
    """Raise `Stopped` where nobody wants the work any more; called between turns of compiled code."""
    stop = _stop.get()
    if stop is not None and stop.is_set():
        raise Stopped


def parts_of(count: int, threads: int, limited: bool) -> list[slice]:
    """Return the parts of a batch: one for each thread where they share a time limit.

    >>> parts_of(5, 2, limited=True)
    [slice(0, 3, None), slice(3, 5, None)]
    >>> parts_of(0, 2, limited=True)
    [slice(0, 0, None)]
    """
    number = max(min(count, threads if limited else PARTS * threads), 1)
    ends = [-(-count * k // number) for k in range(number + 1)]
    return [slice(first, end) for first, end in itertools.pairwise(ends)]


def side_by_side(parts: Sequence[slice], threads: int, work: Callable[[slice], T]) -> list[T]:
    """Return what comes of each part, in their order; the first exception is raised once no thread works any more.

    Where the work that asks is itself a part whose others ended it, `Stopped` is raised.
    """
    done, stop, around = [0.0] * len(parts), Event(), _stop.get()
    whole = parts[-1].stop

    def one(k: int) -> T:
        going_on()
        with watched(lambda count, of: done.__setitem__(k, (parts[k].stop - parts[k].start) * count / max(of, 1))):
            return work(parts[k])

    token = _stop.set(stop)
    try:
        with ThreadPoolExecutor(min(threads, len(parts)), "mecopt") as pool:
            futures = [pool.submit(copy_context().run, one, k) for k in range(len(parts))]
            try:
                waiting = set(futures)
                while waiting:
                    ended, waiting = wait(waiting, LOOKS, FIRST_COMPLETED)
                    for future in ended:
                        future.result()
                    told(int(sum(done)), whole)
                    if around is not None and around.is_set():
                        raise Stopped
            except BaseException:
                stop.set()
                raise
    finally:
        _stop.reset(token)
    return [future.result() for future in futures]
