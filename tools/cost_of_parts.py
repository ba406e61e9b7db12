"""What a part of a comparison costs, and what so many instances would: the figures of the page "Many machines".

    python tools/cost_of_parts.py [INSTANCES]

For each problem and method below: seconds of processor for a part of 250 instances of 10 users, drawing and writing
included, the least of several, and the bytes of its file; from these what 10^9 instances (or as many as are asked for) would
take. That is extrapolated, not run.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

PART, TURNS, SEED = 250, 7, 5

ASKED = (
    ("binary-offloading", "heterogeneous", "exact"),
    ("binary-offloading", "heterogeneous", "index-scan"),
    ("computation-rate", "paper", "exact"),
    ("computation-rate", "paper", "index-scan"),
)

HOUR, DAY = 3600.0, 86400.0


def measured(problem: str, preset: str, method: str) -> tuple[list[float], int]:
    """Return seconds of processor of each part, and the bytes of the last one's file."""
    from mecopt.registry import find_problem
    from mecopt.storage.atomic import write_whole
    from mecopt.sweeps.drawn import part
    from mecopt.sweeps.grid import Point

    point, took, size = Point(find_problem(problem), preset, {}, {"preset": preset}), list[float](), 0
    with TemporaryDirectory() as folder:
        for turn in range(TURNS + 1):
            began = time.process_time()
            content = part(point, "", SEED + turn, PART, slice(0, PART), 0, method, method, None, str(turn))
            write_whole(Path(folder) / f"{turn}.parquet", content)
            took.append(time.process_time() - began)
            size = len(content)
    return took[1:], size  # the first one of a process loads kernels


def told(seconds: float) -> str:
    """Write a long time.

    >>> told(30.0), told(5400.0), told(1e6)
    ('30 s', '1.5 hours', '12 days')
    """
    for unit, size in (("days", DAY), ("hours", HOUR), ("minutes", 60.0)):
        if seconds >= (2 * size if unit == "days" else size):
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.2g} s"


def main(instances: float = 1e9) -> None:
    """Print a row for each problem and method."""
    parts = instances / PART
    sys.stdout.write(f"{instances:.3g} instances are {parts:.3g} parts of each method\n")
    for problem, preset, method in ASKED:
        took, size = measured(problem, preset, method)
        least, most = min(took), max(took)
        sys.stdout.write(
            f"{problem}, {preset}, {method}: {1e3 * least:.1f} ms a part ({1e3 * most:.1f} at most), {size / 1e3:.1f} kB; "
            f"in all {told(parts * least)} on one core, {told(parts * least / 100)} on 100, {parts * size / 1e9:.0f} GB\n"
        )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
