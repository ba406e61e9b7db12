"""Ctrl-C before and after a command is at work: while Python imports what it needs, and while it ends.

Nothing is lost then, so the process ends at once and without a word. This is of the command line alone; to whoever imports
mecopt as a library interrupts are what they were.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

INTERRUPTED = 130


def of_command() -> bool:
    """Whether this process is the command `mecopt`, or `python -m mecopt`."""
    if not sys.argv:
        return False
    if sys.argv[0] == "-m":  # while Python looks for what it is to run
        asked = sys.orig_argv
        return "-m" in asked and asked[asked.index("-m") + 1 :][:1] == ["mecopt"]
    return Path(sys.argv[0]).stem == "mecopt"


def end_quietly() -> None:
    """Let an interrupt end the process."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _end)


def hear() -> None:
    """Let an interrupt be an exception again, if it was to end the process."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: Any) -> None:
    os._exit(INTERRUPTED)


if of_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    end_quietly()
