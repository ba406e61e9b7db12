"""What a sweep finds: its rows with the settings as columns, and the comparison at each point of the grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mecopt.compare.comparison import Comparison
from mecopt.contract.errors import InstanceError
from mecopt.show.numbers import counted
from mecopt.show.page import Line, Page
from mecopt.show.readable import Readable
from mecopt.sweeps.grid import told

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa


@dataclass(frozen=True)
class Sweep(Readable):
    """The rows of a sweep, one per instance and method, and where they are from."""

    table: pa.Table
    """A column for each axis, the seed, and the columns of a comparison."""
    provenance: dict[str, Any]

    @property
    def axes(self) -> dict[str, list[Any]]:
        """The settings that change, with their values."""
        return dict(self.provenance["over"])

    @property
    def seeds(self) -> list[int]:
        """The seeds that drew instances at each point."""
        return list(range(self.provenance["seeds"]))

    @property
    def points(self) -> list[dict[str, Any]]:
        """The settings of each point, the last axis changing fastest."""
        return [dict(point["values"]) for point in self.provenance["points"]]

    def at(self, values: Mapping[str, Any], seed: int | None = None) -> Comparison:
        """Return the comparison at a point, of one seed or of all.

        Parameters
        ----------
        values
            the setting of each axis.
        seed
            None takes all.

        Raises
        ------
        InstanceError
            where there is no such point.
        """
        found = [point for point in self.provenance["points"] if point["values"] == dict(values)]
        if not found or seed not in (None, *self.seeds):
            sown = "" if seed is None else f" with seed {seed}"
            known = " | ".join(told(point) for point in self.points[:10])
            raise InstanceError(
                f"the sweep has no point {told(values)}{sown}; allowed: {known}, seeds 0 to {self.seeds[-1]}"
            )
        return self._of(found[0], seed)

    def comparisons(self) -> Iterator[tuple[dict[str, Any], Comparison, list[Comparison]]]:
        """Yield each point, its comparison, and those of its seeds."""
        for point in self.provenance["points"]:
            yield dict(point["values"]), self._of(point, None), [self._of(point, seed) for seed in self.seeds]

    def _of(self, point: Mapping[str, Any], seed: int | None) -> Comparison:
        first = point["row"]
        count, each = point["rows"], point["rows"] // self.provenance["seeds"]
        part = slice(first, first + count) if seed is None else slice(first + seed * each, first + (seed + 1) * each)
        instances = self.provenance["count"] * (self.provenance["seeds"] if seed is None else 1)
        own = {name: value for name, value in point.items() if name not in ("values", "row", "rows")}
        common = {name: self.provenance[name] for name in ("problem", "sense", "objective", "time_limit", "chunk")}
        return Comparison(
            self.table.slice(part.start, part.stop - part.start), {**common, **own, "instances": instances, "seed": seed}
        )

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a pandas data frame; raises `BackendUnavailable` where pandas is not installed."""
        return Comparison(self.table, self.provenance).to_pandas()

    def _line(self) -> str:
        origin = self.provenance
        return (
            f"Sweep {origin['problem']} over {' and '.join(self.axes)}: {counted(len(self.points), 'points')}, "
            f"{counted(origin['seeds'], 'seeds')} of {counted(origin['count'], 'instances')} at each"
        )

    def _page(self) -> Page:
        return Page(self._line(), tuple(Line(f"{told(values)}: {found._line()}") for values, found, _ in self.comparisons()))
