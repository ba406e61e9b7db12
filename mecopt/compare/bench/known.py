"""Which rivals there are: ours for every problem, and those that packages declare."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from mecopt.compare.bench.cones import CONES
from mecopt.compare.bench.mixed import MIXED
from mecopt.compare.bench.rivals import Rival
from mecopt.contract.problem import Problem

GROUP = "mecopt.rivals"


@cache
def _declared() -> tuple[Rival, ...]:
    first = {entry.name: entry for entry in reversed(tuple(entry_points(group=GROUP)))}  # of two installations the first
    return tuple(first[name].load() for name in sorted(first))


def rivals(cls: type[Problem], answers: str) -> list[Rival]:
    """Return all that find something in a problem, ours for every problem first; their packages may be missing."""
    known = (*CONES, *MIXED, *_declared())
    return [rival for rival in known if rival.answers == answers and rival.problem in (None, cls.name) and rival.takes(cls)]


def missing(cls: type[Problem]) -> list[Rival]:
    """Return those whose package is not installed."""
    kinds = ("allocation", "decision", "slots")
    return [rival for answers in kinds for rival in rivals(cls, answers) if not rival.is_available()]
