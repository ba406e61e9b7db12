"""Interrupts while compiled code is made ready: none is lost where Python prints an exception and goes on.

LLVM calls Python back with what it has compiled, and Python has finalisers. Who raises there is not heard. So an interrupt
that comes there waits until the kernel is ready, and all others are heard at once.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

DEAF = ("_raw_object_cache_notify", "_raw_object_cache_getbuffer", "__del__")
"""Functions out of which no exception comes: llvmlite's two that LLVM calls, and finalisers."""


@contextmanager
def heard() -> Iterator[None]:
    """Let interrupts that come inside be heard, at the end at the latest."""
    if threading.current_thread() is not threading.main_thread():  # only there Python handles signals
        yield
        return
    numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    before: dict[int, Any] = {number: signal.getsignal(number) for number in numbers}
    before = {number: handler for number, handler in before.items() if callable(handler)}
    waiting: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if _in_vain(frame):
            waiting.append(number)
        else:
            before[number](number, frame)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is handle:
                signal.signal(number, handler)
        for number in waiting:
            before[number](number, sys._getframe())


def _in_vain(frame: FrameType | None) -> bool:
    """Whether an exception that is raised here would never be heard."""
    while frame is not None:
        if frame.f_code.co_name in DEAF:
            return True
        frame = frame.f_back
    return False
