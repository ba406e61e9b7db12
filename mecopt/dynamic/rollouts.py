"""Rollouts as readers meet them: their rows, in a line and on a page."""

from __future__ import annotations

from dataclasses import dataclass

from mecopt.dynamic.results import Results
from mecopt.dynamic.summary import page
from mecopt.show.numbers import counted
from mecopt.show.page import Page
from mecopt.show.readable import Readable


@dataclass(frozen=True)
class Rollouts(Results, Readable):
    """A row per policy, lane and block of slots; where they are from; and what is proved beforehand."""

    def _line(self) -> str:
        origin = self.provenance
        return (
            f"Rollouts {origin['dynamics']}: {counted(len(self.policies), 'policies')}, "
            f"{counted(origin['slots'], 'slots')}, {counted(origin['lanes'], 'lanes')}"
        )

    def _page(self) -> Page:
        return page(self)
