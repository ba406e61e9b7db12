"""Long work that is asked to pause: at its next checkpoint after some time, from which another process goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_until: ContextVar[float | None] = ContextVar("until", default=None)


class Paused(BaseException):
    """A checkpoint stands from which the work goes on; no failure, and caught by none who handle those."""


@contextmanager
def pausing(seconds: float) -> Iterator[None]:
    """Let the work inside end by `Paused` at its first checkpoint after so many seconds."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def checkpointed() -> None:
    """Say that a checkpoint stands; raises `Paused` where the time to pause has come."""
    until = _until.get()
    if until is not None and time.monotonic() >= until:
        raise Paused
