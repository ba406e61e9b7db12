"""Everything a study measured, in one long table: quantity, method, setting, seed, x, value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from mecopt.contract.errors import InstanceError, unknown
from mecopt.storage import sealed as stored
from mecopt.storage.atomic import write_whole


class Row(NamedTuple):
    """One figure."""

    quantity: str
    """What was measured, with its unit in brackets where it has one."""
    value: float
    """The figure; infinite where something never happened."""
    method: str = ""
    setting: str = ""
    """On what, or with which settings."""
    seed: int | None = None
    """Which repetition; None where nothing is random."""
    x: float | None = None
    """Where on a curve; None for a figure of its own."""


Series = Mapping[int | None, Mapping[float | None, float]]
"""By seed and x."""

KIND = "table of measurements"
"""Kind of its files, see `mecopt.storage.sealed`."""

_NAMES = ("quantity", "method", "setting")


@dataclass(frozen=True, eq=False)
class Measurements:
    """Rows of figures, each said once.

    Raises
    ------
    InstanceError
        where a figure or its x is nan, or is said twice.

    Examples
    --------
    >>> found = Measurements((Row("reward", 0.6, "greedy", seed=0), Row("reward", 0.7, "greedy", seed=1)))
    >>> found.series("reward", "greedy")
    {0: {None: 0.6}, 1: {None: 0.7}}
    """

    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        seen: set[tuple[object, ...]] = set()
        for number, row in enumerate(self.rows):
            if math.isnan(row.value):
                raise InstanceError(
                    f"row {number} of the measurements, {_told(row)}, is nan; allowed: numbers, inf for never"
                )
            if row.x is not None and not math.isfinite(row.x):
                raise InstanceError(f"row {number} of the measurements, {_told(row)}, is at no x; allowed: finite numbers")
            key = (*(getattr(row, name) for name in _NAMES), row.seed, row.x)
            if key in seen:
                raise InstanceError(f"row {number} of the measurements says {_told(row)} once more; allowed: once")
            seen.add(key)

    @cached_property
    def _index(self) -> dict[str, dict[str, dict[str, dict[int | None, dict[float | None, float]]]]]:
        index: dict[str, dict[str, dict[str, dict[int | None, dict[float | None, float]]]]] = {}
        for row in self.rows:
            methods = index.setdefault(row.quantity, {})
            seeds = methods.setdefault(row.method, {}).setdefault(row.setting, {})
            seeds.setdefault(row.seed, {})[row.x] = float(row.value)
        return index

    def series(self, quantity: str, method: str = "", setting: str = "") -> Series:
        """Return what was measured of a quantity, by seed and x.

        Raises
        ------
        UnknownName
            where nothing of this quantity, method or setting was measured.
        """
        here = self._index
        if quantity not in here:
            raise unknown("measured quantity", quantity, list(here))
        methods = here[quantity]
        if method not in methods:
            raise unknown(f"method of which {quantity!r} was measured", method, list(methods))
        settings = methods[method]
        if setting not in settings:
            raise unknown(f"setting in which {quantity!r} of {method!r} was measured", setting, list(settings))
        return settings[setting]

    def names(self, column: str) -> list[str]:
        """Return the quantities, methods or settings in the order in which they came first."""
        if column not in _NAMES:
            raise unknown("column of names", column, _NAMES)
        return list(dict.fromkeys(getattr(row, column) for row in self.rows))

    def write(self, path: Path, key: str = "") -> None:
        """Write the table as Parquet, completely or not at all.

        The key names what it depends on, see `mecopt.storage.sealed`.
        """
        write_whole(path, self.content(key))

    def content(self, key: str = "") -> bytes:
        """Return the content of the file that `write` writes."""
        import pyarrow as pa

        columns = zip(*self.rows, strict=True) if self.rows else ([],) * len(Row._fields)
        arrays = [pa.array(list(column), type=kind) for column, kind in zip(columns, _types(), strict=True)]
        return stored.table_bytes(pa.table(arrays, names=list(Row._fields)), KIND, key)

    @classmethod
    def read(cls, path: Path, key: str | None = None) -> Measurements:
        """Read a table that `write` wrote.

        Raises
        ------
        InstanceError
            where the file is missing, not what was written, or of another key.
        """
        table = stored.read_table(path, KIND, key, dict(zip(Row._fields, _types(), strict=True)))
        for name in Row._fields:
            if name not in ("seed", "x") and table[name].null_count:
                raise stored.Unusable(f"{path}: column {name} has entries that are missing; allowed: none")
        columns = [table[name].to_pylist() for name in Row._fields]
        return cls(tuple(Row(*row) for row in zip(*columns, strict=True)))


def gathered(parts: Iterable[Measurements]) -> Measurements:
    """Return the rows of several tables as one."""
    return Measurements(tuple(row for part in parts for row in part.rows))


def _types() -> tuple[object, ...]:
    import pyarrow as pa

    text = pa.string()
    return text, pa.float64(), text, text, pa.int64(), pa.float64()


def _told(row: Row) -> str:
    at = [f"{name} {getattr(row, name)!r}" for name in _NAMES if getattr(row, name)]
    at += [f"{name} {getattr(row, name):g}" for name in ("seed", "x") if getattr(row, name) is not None]
    return ", ".join(at)
