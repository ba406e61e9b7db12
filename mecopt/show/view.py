"""What a picture shows, before anybody draws it: panels with marks, numbers, and the answers that they were taken from.

A view is data, so that a page, a notebook and a file show the same: `mecopt.teach` draws it in a browser,
`mecopt.show.drawn` by matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

Kind = Literal["line", "dashed", "dots", "bars", "upright", "level"]
"""A curve, a curve that is no answer, single points, bars from 0, a line at every x, a line at every y."""

Role = Literal["first", "second", "third", "fourth", "best", "quiet"]
"""What a mark's colour means in its figure: one of four things that are told apart, the answer itself, what lies behind."""

FOUR: tuple[Role, ...] = ("first", "second", "third", "fourth")
"""The colours of things that are told apart, in their order."""


@dataclass(frozen=True, eq=False)
class Mark:
    """One curve, or points or bars that belong together."""

    name: str
    """As the legend has it; of marks with the same name the first one is told."""
    x: Array
    y: Array
    kind: Kind = "line"
    role: Role = "first"


def mark(name: str, x: ArrayLike, y: ArrayLike, kind: Kind = "line", role: Role = "first") -> Mark:
    """Return a mark; x and y are broadcast against each other. A point that is not finite breaks a curve."""
    along, up = np.broadcast_arrays(np.atleast_1d(np.asarray(x, dtype=float)), np.asarray(y, dtype=float))
    return Mark(name, along, up, kind, role)


def upright(name: str, x: ArrayLike, role: Role = "best") -> Mark:
    """Return a line from the bottom to the top at x."""
    return mark(name, x, 0.0, "upright", role)


def level(name: str, y: ArrayLike, role: Role = "best") -> Mark:
    """Return a line from side to side at y."""
    return mark(name, 0.0, y, "level", role)


@dataclass(frozen=True, eq=False)
class Panel:
    """One pair of axes."""

    x: str
    """What is along, with its unit."""
    y: str
    marks: Sequence[Mark]
    ticks: Mapping[float, str] = field(default_factory=dict)
    """Words along x instead of numbers."""
    x_range: tuple[float, float] | None = None
    """Where nothing is said, what the marks of all views take."""
    y_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Number:
    """A number that stands beside a picture."""

    name: str
    value: SupportsFloat
    unit: str = ""

    @property
    def text(self) -> str:
        """The number as it is printed, to six digits."""
        value = float(self.value)
        return f"{0.0 if value == 0.0 else value:.6g}" + (f" {self.unit}" if self.unit else "")


@dataclass(frozen=True)
class Bracket:
    """A value that is proved to lie between two numbers; both stand among the numbers of its view."""

    name: str
    low: float
    high: float

    @property
    def width(self) -> float:
        """How far its ends lie apart, as a part of the upper one."""
        return (self.high - self.low) / max(abs(self.high), 1e-300)


@dataclass(frozen=True, eq=False)
class View:
    """A picture of one setting."""

    panels: Sequence[Panel]
    numbers: Sequence[Number]
    says: str
    """What there is to be seen, in a sentence that needs no picture."""
    answers: Sequence[Any] = ()
    """Solutions, single or batched, that marks and numbers were taken from: what shows this tells their certificates."""
    brackets: Sequence[Bracket] = ()
    """Where no solution answers, as in the long run: what is proved of the value."""
