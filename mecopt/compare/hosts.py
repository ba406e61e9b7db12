"""Seconds mean something beside each other on one host alone: of a comparison on several, those of one are told."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.results import Results
from mecopt.show.numbers import counted

HOST = "host"
"""Column that names the machine on which a row was computed."""


def timed(comparison: Results) -> tuple[dict[str, NDArray[np.bool_]], str]:
    """Return by method whose seconds are told, and a sentence of it; all of them, and none, where there is but one host.

    The host is the one on which most methods were at work, of several such the one with most rows.
    """
    methods = comparison.methods
    named = HOST in comparison.table.column_names
    of = {m: np.asarray(comparison.column(m, HOST) if named else comparison.column(m, "method"), dtype=str) for m in methods}
    rows: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for hosts in of.values():
        names, counts = np.unique(hosts, return_counts=True)
        found.update(names.tolist())
        rows.update(dict(zip(names.tolist(), counts.tolist(), strict=True)))
    if not named or len(rows) == 1:
        return {m: np.ones(len(hosts), dtype=bool) for m, hosts in of.items()}, ""
    chosen = max(sorted(rows), key=lambda name: (found[name], rows[name]))
    told = {m: hosts == chosen for m, hosts in of.items()}
    missing = [m for m, some in told.items() if not some.any()]
    without = f"; {', '.join(missing)} {'has' if len(missing) == 1 else 'have'} none there" if missing else ""
    others = counted(len(rows) - 1, "other hosts")
    return told, (
        f"Seconds are compared within one host: they are those of {chosen}, {rows[chosen]} of {rows.total()} rows{without}. "
        f"Answers are of all hosts, {others} among them."
    )


def mean(seconds: NDArray[np.float64], some: NDArray[np.bool_]) -> float:
    """Return the mean of those rows; nan where there is none."""
    return float(np.mean(seconds[some])) if some.any() else np.nan
