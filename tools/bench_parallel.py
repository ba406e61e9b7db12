"""What a Dask scheduler costs beside processes of this machine: parts that do nothing but last.

    python tools/bench_parallel.py [PARTS [SECONDS]]

Two workers of each, the same parts in turn, three times; ratios are of medians. Parts wait instead of working, so what is
measured is the engine, not who else uses the processor. Where joblib is installed its loky is a reference as well.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PARTS, SECONDS, ROUNDS = 200, 0.05, 3


def lasted(number: int, seconds: float) -> bytes:
    """Last so many seconds."""
    time.sleep(seconds)
    return number.to_bytes(8, "little")


def seconds_of(parts: int, seconds: float, turn: str, **place: Any) -> float:
    """Return how long all parts take with two workers that are at hand."""
    from mecopt.parallel import Task, at_work, where

    found: list[bytes] = []
    with where(**place):
        for count, name in ((2, "warm"), (parts, turn)):
            tasks = [Task(f"{name}-{n}", "bench_parallel.lasted", (n, seconds), found.append) for n in range(count)]
            began = time.perf_counter()
            with at_work(tasks) as running:
                for _ in running:
                    pass
            took = time.perf_counter() - began
    if len(found) != parts + 2:
        raise RuntimeError(f"{len(found)} results of {parts + 2}")
    return took


def seconds_of_loky(parts: int, seconds: float) -> float:
    """Return how long all parts take two processes of joblib's loky that are at hand."""
    from joblib import Parallel, delayed

    with Parallel(n_jobs=2, backend="loky", batch_size=1) as pool:
        for count in (2, parts):
            began = time.perf_counter()
            found = pool(delayed(lasted)(n, seconds) for n in range(count))
            took = time.perf_counter() - began
    if len(found) != parts:
        raise RuntimeError(f"{len(found)} results of {parts}")
    return took


def main(parts: int = PARTS, seconds: float = SECONDS) -> None:
    """Print what both take, and their ratio."""
    here = Path(__file__).resolve().parent
    paths = [str(here), str(here.parent)]
    sys.path[:0] = paths
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        took: dict[str, list[float]] = {"processes": [], "scheduler": []}
        reference = find_spec("joblib") is not None
        for turn in range(ROUNDS):
            if reference:
                took.setdefault("loky", []).append(seconds_of_loky(parts, seconds))
            took["processes"].append(seconds_of(parts, seconds, str(turn), jobs=2))
            took["scheduler"].append(seconds_of(parts, seconds, str(turn), scheduler=cluster.scheduler_address))
    ideal = parts * seconds / 2
    medians = {name: statistics.median(values) for name, values in took.items()}
    for name, median in medians.items():
        each = ", ".join(f"{value:.2f}" for value in took[name])
        sys.stdout.write(f"{name}: {median:.2f} s ({each}); {median / ideal:.3f} of what the parts last\n")
    for name in ("processes", "loky") if reference else ("processes",):
        sys.stdout.write(f"scheduler beside {name}: {medians['scheduler'] / medians[name]:.3f}\n")


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, float), sys.argv[1:], strict=False)))
