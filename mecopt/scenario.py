"""Where a model comes from, and the presets its instances are drawn from, each number with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from numpy.random import Generator
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Reference:
    """Where a model comes from."""

    paper: str
    equations: str


@dataclass(frozen=True)
class Scenario:
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
