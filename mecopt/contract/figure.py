"""Figures of lessons: sliders, and a pure function from their values to what is seen, by the problem's own solver.

A figure's sliders stand on grids, so that a page carries every view there is, each with the certificate of its answers; a
notebook, or a page that is served, asks for any value between.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mecopt.contract.errors import InstanceError
from mecopt.show.readable import Readable
from mecopt.show.view import View

MOST_VIEWS = 1000
"""Points of a figure's grid, so that a lesson stays one small file."""


@dataclass(frozen=True)
class Slider:
    """A parameter of a figure."""

    name: str
    """The keyword by which the figure's function takes it."""
    label: str
    values: Sequence[float]
    """Where the slider can stand on a page, from the least to the greatest."""
    unit: str = ""
    start: int = 0
    """Position of the value that is shown first."""
    whole: bool = False
    """Whether only whole numbers mean something, as for numbers of users."""

    def __post_init__(self) -> None:
        values = [float(value) for value in self.values]
        rising = all(one < other for one, other in itertools.pairwise(values))
        if len(values) < 2 or not rising or not all(map(math.isfinite, values)):
            raise InstanceError(f"slider {self.name!r} has the values {values}; allowed: two or more finite ones, rising")
        if self.whole and any(value != round(value) for value in values):
            raise InstanceError(f"slider {self.name!r} has the values {values}; allowed: whole numbers")
        if not 0 <= self.start < len(values):
            raise InstanceError(f"slider {self.name!r} starts at {self.start}; allowed: 0 to {len(values) - 1}")
        object.__setattr__(self, "values", tuple(values))

    def text(self, value: float) -> str:
        """Say a value with its unit."""
        return f"{value:.6g}" + (f" {self.unit}" if self.unit else "")

    def checked(self, value: float) -> float:
        """Return a value that the slider can take, on its grid or between; raise `InstanceError` for another one."""
        least, most = self.values[0], self.values[-1]
        if not least <= value <= most or (self.whole and value != round(value)):
            raise self.refusal(value)
        return float(value)

    def refusal(self, given: object) -> InstanceError:
        """Return the error that says what is allowed instead."""
        kind, least, most = "a whole number" if self.whole else "a number", self.values[0], self.values[-1]
        return InstanceError(f"{self.name} is {given!r}; allowed: {kind} from {least:g} to {most:g} {self.unit}".rstrip())


def steps(least: float, most: float, count: int) -> tuple[float, ...]:
    """Return so many values at equal distances, rounded to where the eye stops reading.

    >>> steps(0.0, 1.0, 5)
    (0.0, 0.25, 0.5, 0.75, 1.0)
    """
    digits = 3 - math.floor(math.log10((most - least) / (count - 1)))
    return tuple(round(float(value), digits) for value in np.linspace(least, most, count))


@dataclass(frozen=True)
class Figure(Readable):
    """A picture with sliders."""

    title: str
    caption: str
    """What to try, and what will be seen."""
    sliders: Sequence[Slider]
    draw: Callable[..., View]
    """From the sliders' values, by their names, to what is seen."""

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_VIEWS:
            raise InstanceError(f"figure {self.title!r} has {self.count} views; allowed: 1 to {MOST_VIEWS}")

    def _line(self) -> str:
        return f"Figure {self.title}: {', '.join(slider.label for slider in self.sliders)}"

    @property
    def count(self) -> int:
        """How many views a page has of it."""
        return math.prod(len(slider.values) for slider in self.sliders)

    def grid(self) -> Iterator[dict[str, float]]:
        """Yield the values of the sliders, those of the last one fastest."""
        for values in itertools.product(*(slider.values for slider in self.sliders)):
            yield {slider.name: value for slider, value in zip(self.sliders, values, strict=True)}

    def view(self, /, **values: float) -> View:
        """Return what is seen where the sliders stand; a slider that is not named stands where it starts.

        Raises
        ------
        InstanceError
            There is no such slider, or it cannot stand there.
        """
        known = {slider.name: slider for slider in self.sliders}
        for name in values:
            if name not in known:
                raise InstanceError(f"figure {self.title!r} has no slider {name!r}; allowed: {', '.join(known)}")
        stands = {name: slider.values[slider.start] for name, slider in known.items()} | values
        return self.draw(**{name: known[name].checked(value) for name, value in stands.items()})

    def explore(self) -> object:
        """Return the figure with live sliders, for a notebook; needs ipywidgets."""
        from mecopt.show.explore import explored

        return explored(self.sliders, self.view)
