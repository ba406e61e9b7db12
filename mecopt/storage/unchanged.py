"""What was read from a folder and checked, kept for as long as its files stay what they were."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")

SETTLED = 2.0
"""Seconds after its last change from which on a file's stamp shows the next one: clocks of file systems are coarse."""

MOST = 64
"""Folders of which something is kept."""


class Unchanged(Generic[T]):
    """Reads folders, and one whose files have not changed since not again.

    What it returns is shared: whoever is given it leaves it as it is.

    Parameters
    ----------
    read
        reads and checks a folder; what it raises is kept nowhere.
    names
        of the files that it reads.
    """

    def __init__(self, read: Callable[[str | Path], T], *names: str) -> None:
        self.read, self.names = read, names
        self._kept: dict[str, tuple[Any, T]] = {}

    def __call__(self, folder: str | Path) -> T:
        """Return what the folder holds."""
        place = os.fspath(folder)
        before = self._stamp(place)
        kept = self._kept.get(place)
        if kept is not None and kept[0] == before:
            return kept[1]
        found = self.read(folder)
        if before is not None and before == self._stamp(place):
            while len(self._kept) >= MOST:
                self._kept.pop(next(iter(self._kept)), None)
            self._kept[place] = before, found
        return found

    def _stamp(self, place: str) -> tuple[Any, ...] | None:
        """Return what changes whenever a file is written or replaced; None where that cannot be told, or not yet."""
        found = []
        for name in self.names:
            try:
                one = os.stat(os.path.join(place, name))
            except OSError:
                return None
            if time.time() < max(one.st_mtime, one.st_ctime) + SETTLED:
                return None
            found.append((one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns))
        return tuple(found)
