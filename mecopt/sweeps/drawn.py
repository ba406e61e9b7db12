"""One part of a sweep: a method on some instances of a point, which are drawn here, as the bytes of its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mecopt.compare import computed
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Solver
from mecopt.storage import sealed as stored
from mecopt.sweeps.grid import Point

if TYPE_CHECKING:
    import pyarrow as pa

PART = "part of a sweep"
"""Kind of the files that hold parts, see `mecopt.storage.sealed`."""

FUNCTION = "mecopt.sweeps.drawn.part"
"""Dotted name of what computes a part."""

SEED = "seed"
"""Column of the seed that drew an instance."""

_last: dict[tuple[str, int, int], Problem] = {}
"""The instances that this process drew last, for the parts of them that follow."""


def part(
    point: Point,
    name: str,
    seed: int,
    count: int,
    rows: slice,
    number: int,
    method: str,
    solver: str | Solver,
    time_limit: float | None,
    key: str,
) -> bytes:
    """Draw the instances of a point, whose digest is `name`, run a method on some, and return what its file holds."""
    problem = _at_hand(point, name, seed, count)[rows]
    found = computed.rows(problem, method, solver, None, (seed, number), rows.start, time_limit)
    return stored.table_bytes(beside(found, {**point.values, SEED: seed}), PART, key)


def beside(table: pa.Table, values: Mapping[str, Any]) -> pa.Table:
    """Return a table with a column in front for each value, the same in every row."""
    import pyarrow as pa

    first = {name: pa.array([value] * table.num_rows) for name, value in values.items()}
    return pa.table({**first, **{name: table[name] for name in table.column_names}})


def _at_hand(point: Point, name: str, seed: int, count: int) -> Problem:
    which = name, seed, count
    if which not in _last:
        _last.clear()
        _last[which] = point.drawn(seed, count)
    return _last[which]
