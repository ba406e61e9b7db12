"""The rows of a comparison, one per instance and method, and where they are from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Array = NDArray[Any]

RESULTS = "results.parquet"

STORED = "stored"
"""The method that stands for the answers stored with the instances."""


@dataclass(frozen=True)
class Results:
    """The numbers of a `mecopt.compare.Comparison`."""

    table: pa.Table
    provenance: dict[str, Any]

    def column(self, method: str, name: str) -> Array:
        """Return a column of one method in the order of the instances."""
        import pyarrow.compute as pc

        rows = self.table.filter(pc.equal(self.table["method"], method))
        return np.asarray(rows[name].to_numpy(zero_copy_only=False))

    def answered(self, method: str) -> Array:
        """Whether a method has an answer to each instance."""
        known = np.isin(self.column(method, "status"), ["OPTIMAL", "FEASIBLE", "LIMIT"])
        return np.asarray(known & ~np.isnan(self.column(method, "objective")))  # none was found before some limits

    @property
    def methods(self) -> list[str]:
        """The methods in the order asked for."""
        return list(self.provenance["methods"])
