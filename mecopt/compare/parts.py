"""What runs in parts share: files that are whole or missing, processes that leave Ctrl-C to one, where results are from."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from mecopt.files import write_whole
from mecopt.search.proposed import Proposed

if TYPE_CHECKING:
    import pyarrow as pa


def finished(path: Path) -> bool:
    """Whether a part is there and whole; a damaged one is computed anew."""
    import pyarrow as pa

    try:
        table_of(path)
    except (OSError, pa.ArrowException):
        return False
    return True


@contextlib.contextmanager
def deaf_to_interrupts(wanted: bool) -> Iterator[None]:
    """Start processes that ignore Ctrl-C: this one hears it, stops them, and has the only word."""
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def versions() -> dict[str, str]:
    """Return the versions of everything that may answer."""
    found = {}
    for name in ("mecopt", "numpy", "scipy", "numba", "cvxpy", "clarabel", "ecos", "scs", "pyomo", "highspy", "pyscipopt"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def origin_of(solver: Proposed) -> str:
    """Say where a policy is from, and name its weights."""
    card = solver.policy.card
    data = card.get("trained_on", {}).get("file") or f"preset {card.get('preset')}"
    return (
        f"({card['learner']}, {data}, seed {card.get('seed')}, {card.get('instances')} instances, sha256 {card['sha256']})"
    )


def file_name(method: str) -> str:
    """Return a name as part of a file's."""
    return re.sub(r"[^\w.-]+", "-", method)[:40]  # what tells methods apart is the key behind it


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    write_whole(path, sink.getvalue().to_pybytes())


def table_of(path: Path) -> pa.Table:
    """Read a table."""
    import pyarrow.parquet as pq

    with path.open("rb") as file:  # pyarrow itself opens no name that is no text
        return pq.read_table(file)
