"""How much a file may hold: what it unpacks to is known before it is unpacked, and no file takes the machine with it."""

from __future__ import annotations

from pathlib import Path

from mecopt.contract.errors import InstanceError
from mecopt.running import memory

FREE = 2**30
"""Bytes to which any file may unpack."""

RATIO = 100
"""Times its own size to which a larger one may."""

DEEPEST = 32
"""Brackets within brackets."""

MOST_NAMES = 1_000
"""Names of entries or keys in one place; no problem has a tenth of them."""

LONGEST = 200
"""Characters of a name of an entry."""


def most(path: Path) -> int:
    """Return to how many bytes a file may unpack."""
    return max(FREE, RATIO * path.stat().st_size)


def require_unpacked(path: Path, size: int) -> None:
    """Raise `InstanceError` where a file unpacks to more than files of instances do, or than memory holds."""
    if size > most(path):
        raise InstanceError(
            f"{path} unpacks to {size / 1e9:.3g} GB; allowed: {FREE / 1e9:.3g} GB, or {RATIO} times the size of the file"
        )
    memory.require(size, f"the numbers in {path}")


def require_names(path: Path, names: int) -> None:
    """Raise `InstanceError` where a file has more names than any problem."""
    if names > MOST_NAMES:
        raise InstanceError(f"{path} has {names} names in one place; allowed: {MOST_NAMES}")
