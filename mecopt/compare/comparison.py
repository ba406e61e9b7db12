"""A comparison as readers meet it: its rows, in a line and on a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mecopt.compare.results import Results
from mecopt.compare.shown import page
from mecopt.contract.errors import BackendUnavailable
from mecopt.show.numbers import counted
from mecopt.show.page import Page
from mecopt.show.readable import Readable

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Comparison(Results, Readable):
    """The rows of a comparison (one per instance and method) and where they are from."""

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a pandas data frame.

        Raises
        ------
        BackendUnavailable
            if pandas is not installed; `table` needs nothing more.
        """
        try:
            import pandas  # noqa: F401
        except ImportError:
            raise BackendUnavailable(
                "to_pandas needs pandas: pip install pandas; without it, `table` is the same as an Arrow table"
            ) from None
        return self.table.to_pandas()

    def _line(self) -> str:
        origin = self.provenance
        return (
            f"Comparison {origin['problem']}: {counted(len(self.methods), 'methods')} on "
            f"{counted(origin['instances'], 'instances')}"
        )

    def _page(self) -> Page:
        return page(self)
