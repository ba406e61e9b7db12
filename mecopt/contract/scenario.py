"""Where a model comes from, and the presets its instances are drawn from, each number with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.random import Generator
from numpy.typing import ArrayLike

from mecopt.show.readable import Readable

if TYPE_CHECKING:
    from mecopt.show.page import Page


@dataclass(frozen=True)
class Reference(Readable):
    """Where a model comes from."""

    paper: str
    equations: str

    def _line(self) -> str:
        return f"Reference {self.paper}, {self.equations}"


@dataclass(frozen=True)
class Scenario(Readable):
    """A preset: how instances are drawn, and where each of its numbers is from."""

    summary: str
    sources: Mapping[str, str]
    """Field name: the place in the paper, or "ours" with the reason."""
    draw: Callable[[Generator, tuple[int, ...]], Mapping[str, ArrayLike]]
    """From a generator and the shape ``(*batch, users)``, or ``(*batch, users, servers)`` or ``(*batch, users, antennas)``
    where the problem has these, to field values; fields left out keep their defaults."""
    users: int = 10
    servers: int = 2
    antennas: int = 3

    def _line(self) -> str:
        return f"Scenario {self.summary}"

    def _page(self) -> Page:
        from mecopt.show.page import Column, Grid, Page

        source = Column("where it is from", list(self.sources.values()), right=False, words=True)
        return Page(self.summary, (Grid((Column("field", list(self.sources), right=False), source)),))
