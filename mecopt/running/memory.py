"""How much memory there is, asked before anything is made that could not stand in it."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

from mecopt.contract.errors import InstanceError

WORK = 2
"""Times the memory of numbers that making them takes at least."""

LARGEST = 10**15
"""Above it numbers are told by their powers of ten."""

UNKNOWN = 2**40
"""Bytes where the system does not tell."""

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files in which Linux tells what a control group may take."""


def require(size: int, what: str) -> None:
    """Raise `InstanceError` where numbers of so many bytes, and work on them, take more than there is.

    >>> require(8 * 10**30, "10^30 instances")
    Traceback (most recent call last):
    ...
    mecopt.contract.errors.InstanceError: 10^30 instances take about 10^21 GB of memory, and as much again while they ...
    """
    if WORK * size > total():
        raise InstanceError(
            f"{what} take {told(size // 10**9)} GB of memory, and as much again while they are made; this machine has "
            f"{told(total() // 10**9)} GB"
        )


def told(number: int) -> str:
    """Return a whole number as a sentence has it, however large it is.

    >>> told(1200), told(10**30), told(10**5000)
    ('1200', 'about 10^30', 'about 10^5000')
    """
    return str(number) if number < LARGEST else f"about 10^{math.floor(math.log10(number))}"


@cache
def total() -> int:
    """Return the bytes of memory that this process may have at most."""
    found = [UNKNOWN]
    with suppress(AttributeError, ValueError, OSError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in _LIMITS:
        with suppress(ValueError, OSError):  # "max" where there is none
            found.append(int(Path(limit).read_text(encoding="ascii")))
    return min(size for size in found if size > 0)
