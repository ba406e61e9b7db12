"""Made-up measurements of which few were changed, without a table of all the others: claims ask for a series at a time."""

from __future__ import annotations

from collections.abc import Iterable

from mecopt.evaluation.measurements import Measurements, Row, Series


class Changed(Measurements):
    """Measurements that say what `original` says, but for the series of some rows."""

    def __init__(self, original: Measurements, rows: Iterable[Row]) -> None:
        super().__init__(tuple(rows))
        object.__setattr__(self, "original", original)
        object.__setattr__(self, "own", {series_of(row) for row in self.rows})

    original: Measurements
    own: set[tuple[str, str, str]]

    def series(self, quantity: str, method: str = "", setting: str = "") -> Series:
        """Return the changed series, or that of the original."""
        if (quantity, method, setting) in self.own:
            return super().series(quantity, method, setting)
        return self.original.series(quantity, method, setting)


def series_of(row: Row) -> tuple[str, str, str]:
    """Return of what series a row is."""
    return row.quantity, row.method, row.setting
