"""The rows of rollouts: a row per policy, lane and block of slots, where they are from, and what is proved beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError

if TYPE_CHECKING:
    import pyarrow as pa

Array = NDArray[Any]

RESULTS = "results.parquet"

MAPS = "maps.parquet"
"""What every policy does on the chart of its dynamics, a row per place, where there is a chart."""

INFORMATION = "perfect-information"
"""Named among policies: the bound of who knows the whole path."""


@dataclass(frozen=True)
class Results:
    """The numbers of `mecopt.dynamic.rollouts.Rollouts`."""

    table: pa.Table
    provenance: dict[str, Any]
    maps: pa.Table | None = None
    """A row per policy and place on the chart of the dynamics; None where there is no chart."""

    @property
    def policies(self) -> list[str]:
        """The policies in the order asked for, the bound left out."""
        return list(self.provenance["policies"])

    def column(self, policy: str, name: str) -> Array:
        """Return a column of one policy as ``(blocks, lanes)``."""
        rows = self.rows(policy)
        shape = int(rows["block"].to_numpy().max()) + 1, self.provenance["lanes"]
        return np.asarray(rows[name].to_numpy(zero_copy_only=False)).reshape(shape)

    def rows(self, policy: str) -> pa.Table:
        """Return the rows of one policy, blocks in order, lanes within."""
        import pyarrow.compute as pc

        rows = self.table.filter(pc.equal(self.table["policy"], policy))
        return rows.take(pc.sort_indices(rows, sort_keys=[("block", "ascending"), ("lane", "ascending")]))

    def map_of(self, policy: str) -> tuple[Array, Array, Array]:
        """Return the drawn and the carried values of a chart, and what a policy does there, ``(panels, drawn, carried)``.

        All are empty where the policy has no map; see ``provenance["unmapped"]``.
        """
        import pyarrow.compute as pc

        if self.maps is None:
            raise InstanceError(f"there are no maps: {self.provenance['chart']['why']}")
        rows, chart = self.maps.filter(pc.equal(self.maps["policy"], policy)), self.provenance["chart"]
        right, up = (np.unique(rows[chart[axis][0]].to_numpy()) for axis in ("drawn", "carried"))
        return right, up, rows["done"].to_numpy().reshape(len(chart["panels"]), len(right), len(up))
