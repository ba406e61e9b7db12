"""Parts of a comparison that say when they are begun; and results without what no two runs share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mecopt.compare import computed
from mecopt.storage import sealed


def part(problem: Any, method: str, solver: Any, labels: Any, seed: tuple[int, int], *rest: Any) -> bytes:
    print(f"begun: {method}-{seed[1]:05d}", flush=True)
    return computed.part(problem, method, solver, labels, seed, *rest)


def name_of(file: Path) -> str:
    """Return what `part` says of the part in a file."""
    return file.name.rpartition("-")[0]


def bare(out: Path) -> bytes:
    """Return the bytes of a comparison's table, seconds and hosts made equal."""
    table = pq.read_table(out / "results.parquet")
    for at, name in enumerate(table.column_names):
        if name.endswith("_seconds"):
            table = table.set_column(at, name, pa.array(np.zeros(table.num_rows)))
        elif name == "host":
            table = table.set_column(at, name, pa.array([""] * table.num_rows))
    return sealed.table_bytes(table.combine_chunks(), "bare")
