"""A comparison as readers meet it: its rows, in a line and on a page."""

from __future__ import annotations

from dataclasses import dataclass

from mecopt.compare.results import Results
from mecopt.compare.shown import page
from mecopt.show.numbers import counted
from mecopt.show.page import Page
from mecopt.show.readable import Readable


@dataclass(frozen=True)
class Comparison(Results, Readable):
    """The rows of a comparison (one per instance and method) and where they are from."""

    def _line(self) -> str:
        origin = self.provenance
        return (
            f"Comparison {origin['problem']}: {counted(len(self.methods), 'methods')} on "
            f"{counted(origin['instances'], 'instances')}"
        )

    def _page(self) -> Page:
        return page(self)
