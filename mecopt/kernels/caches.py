"""Compiled kernels on disk that were built from the sources that run, and no others, whoever else uses the same folder.

numba notices when the file of a kernel changes, but not when one that it calls from another file does. So every folder of
caches holds a stamp, the digest of the sources of all kernels. Who comes with other sources empties the folder; who runs
older ones, in a process that began before, neither reads from it nor writes to it any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from mecopt.files import write_whole
from mecopt.kernels.turns import turn

STAMP, LOCK = "compiled.sha256", "compiled.lock"

PATIENCE = 10.0
"""Seconds to wait for who empties or writes to a folder, which takes milliseconds."""


def digest_of(root: Path) -> str:
    """Name the sources of all compiled code below a folder."""
    sources = []
    for folder, _, files in os.walk(root, followlinks=True):
        for name in files:
            if name.endswith(".py"):
                content = Path(folder, name).read_bytes()
                if b"numba" in content or b"compiled" in content:
                    sources.append((name, content))
    return hashlib.sha256(repr(sorted(sources)).encode()).hexdigest()


class CacheFolder:
    """A folder of caches, as a process sees it whose sources have a digest."""

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self.digest = path, digest

    def current(self) -> bool:
        """Whether what lies in the folder was built from these sources."""
        try:
            return (self.path / STAMP).read_text(encoding="ascii", errors="replace") == self.digest
        except OSError:
            return False

    def claim(self) -> int:
        """Empty the folder unless it is current, and stamp it; return how many files went.

        Where one of them cannot be deleted the folder is not stamped, and so not used.
        """
        if self.current():
            return 0
        with turn(self.path / LOCK, PATIENCE):
            if self.current():
                return 0
            caches = [path for path in self.path.glob("*.nb[ic]") if path.is_file()]
            for path in caches:
                path.unlink(missing_ok=True)
            write_whole(self.path / STAMP, self.digest.encode())
        return len(caches)

    def load(self, loader: Callable[[], Any]) -> Any:
        """Return what is loaded from the folder, or None if it is not, or no longer, current."""
        if not self.current():
            return None
        found = loader()
        return found if self.current() else None

    def save(self, saver: Callable[[], None]) -> None:
        """Write to the folder if it is current; nobody empties it meanwhile."""
        with turn(self.path / LOCK, PATIENCE):
            if self.current():
                saver()


_used: dict[Path, CacheFolder] = {}


def cache_folder(path: Path) -> CacheFolder:
    """Return a folder of caches for the kernels of this process, emptied of all others."""
    if path not in _used:
        _used[path] = CacheFolder(path, own_digest())
        with contextlib.suppress(OSError):
            _used[path].claim()
    return _used[path]


def used_folders() -> list[Path]:
    """Return the folders in which the kernels that this process has imported are kept."""
    return sorted(_used)


@cache
def own_digest() -> str:
    """Name the sources that this process runs."""
    return digest_of(Path(__file__).parents[1])
