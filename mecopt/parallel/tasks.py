"""Tasks: a name of what the result depends on, a function by its dotted name, and the bytes of its arguments.

What comes of a task are bytes. They are given to whoever asked, on the machine that asked, who writes them and may say what
follows: a path or a training is a chain of tasks, each of which begins where the bytes of the one before it end.
"""

from __future__ import annotations

import importlib
import os
import pickle
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

HOST = "MECOPT_HOST"
"""Environment variable that names this machine in results; its own name otherwise."""


@dataclass(frozen=True, eq=False)
class Task:
    """Some work, which is the same wherever it is done."""

    key: str
    """Names everything that the result depends on; the same key is the same result."""
    function: str
    """Dotted name of a function of a module, which returns bytes."""
    arguments: tuple[Any, ...]
    written: Callable[[bytes], Task | None]
    """Called with the result on the machine that asked: writes it, and returns the task that follows, if one does."""
    number: int = 0
    """Its place among all tasks of its kind, those that are done already included: what calls of an array job go by."""
    stands: Callable[[], bool] = bool
    """Whether another call of an array job has done it; not, unless said."""

    def content(self) -> bytes:
        """Return the arguments as they are sent."""
        import cloudpickle

        return bytes(cloudpickle.dumps(self.arguments))

    @property
    def label(self) -> str:
        """The key behind the name of the function, so that people who watch a scheduler know what it is at."""
        return f"{self.function.rpartition('.')[2].lstrip('_')}-{self.key}"


def called(function: str, arguments: tuple[Any, ...]) -> bytes:
    """Call a function by its dotted name."""
    module, _, name = function.rpartition(".")
    found: bytes = getattr(importlib.import_module(module), name)(*arguments)
    return found


def performed(function: str, content: bytes) -> bytes:
    """Call a function by its dotted name, its arguments as `Task.content` made them."""
    return called(function, pickle.loads(content))


@cache
def host() -> str:
    """Return the name of this machine.

    >>> host() == host() != ""
    True
    """
    return os.environ.get(HOST, "") or platform.node() or "unnamed"
