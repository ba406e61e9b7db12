"""Locks between processes that can cost time, but never block anybody.

They are the operating system's own, so one that was killed holds none. Where there are no locks (some network file systems),
where no file may be written, and after waiting in vain, the work is done without one: twice in the worst case, never not.
Who has waited in vain once waits for nobody any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_in_vain = False


@contextmanager
def turn(path: Path, patience: float, waiting: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Hold the lock of a file, which may be held already by the same thread; whether it is held is returned.

    Parameters
    ----------
    path
        the file, which is made and stays.
    patience
        seconds after which the work goes on without the lock.
    waiting
        called once if another process holds it.
    """
    global _in_vain
    from filelock import Timeout

    lock = None
    try:
        lock = _lock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if _in_vain:
                raise
            waiting()
            try:
                lock.acquire(timeout=patience)
            except Timeout:
                _in_vain = True
                raise
    except (OSError, NotImplementedError, UserWarning):  # Timeout is one; a file system without locks may only warn
        lock = None
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()


@cache
def _lock(path: Path) -> Any:
    """Return the one lock of a file in this process, which the thread that holds it can take again."""
    from filelock import FileLock

    return FileLock(path)
