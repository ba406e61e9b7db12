"""How many cores this process may use."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from pathlib import Path


def cores() -> int:
    """Return how many processes this one may have at work: of the machine's cores those that it is allowed."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, math.ceil(_quota())))


def _quota() -> int:
    """Return how many cores a control group of Linux leaves to this process, very many where there is none."""
    with suppress(OSError, ValueError):
        quota, period = map(int, Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split())
        return -(-quota // period)
    with suppress(OSError, ValueError):
        folder = Path("/sys/fs/cgroup/cpu")
        quota, period = (int((folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii")) for name in ("quota", "period"))
        return -(-quota // period) if quota > 0 else sys.maxsize
    return sys.maxsize
