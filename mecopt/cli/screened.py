"""Standard output and standard error of a command: nothing in them moves a terminal's cursor, and nothing is lost unsaid."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mecopt.show.printable import printable


class Screened:
    """A stream to a terminal, or whatever stands in its place: what would move its cursor is spelt out."""

    buffer = None
    """Nobody writes bytes: click would, on an output of ASCII, and in UTF-8."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole

    def write(self, text: str) -> int:
        """Write a text, and return how long it was."""
        self.whole.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts one after the other."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)


@contextmanager
def screened() -> Iterator[None]:
    """Let nothing reach standard output and standard error inside that would move a terminal's cursor."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream if stream is None else Screened(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def emptied() -> str | None:
    """Write what is still to be written; return why it cannot be, after which nothing will try again."""
    why = None
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError as error:
            why = why or error.strerror or str(error)
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return why
