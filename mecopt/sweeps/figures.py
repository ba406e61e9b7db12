"""The figures of a sweep: each of them at every point and seed, and its picture over an axis, with the spread over seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.comparison import Comparison
from mecopt.compare.figures import FLOOR, png
from mecopt.compare.summary import Line, Summary, summarise
from mecopt.show.numbers import counted
from mecopt.sweeps.grid import told
from mecopt.sweeps.result import Sweep

Array = NDArray[Any]

PANELS = 12
"""Most panels of a picture: one for each meeting of the other axes."""

TICKS = 6
"""Most values of an axis that are written below it, each at its place."""

WIDE = 20.0
"""Ratio of the greatest to the least value from which an axis is logarithmic."""


@dataclass(frozen=True)
class Figure:
    """A number that a comparison says of a method."""

    title: str
    of: Callable[[Comparison, Line], float]
    logarithmic: bool = False


def _objective(found: Comparison, line: Line) -> float:
    values = found.column(line.method, "objective")[found.answered(line.method)]
    return float(np.mean(values)) if values.size else np.nan


FIGURES = {
    "loss": Figure(
        f"mean loss (1 - ratio; {FLOOR:g}: optimal to rounding)", lambda _, line: max(1.0 - line.ratio_mean, FLOOR), True
    ),
    "objective": Figure("mean objective", _objective),
    "proved": Figure("share proved optimal", lambda _, line: line.proved),
    "calls": Figure("solver calls per instance", lambda _, line: line.solver_calls, True),
    "seconds": Figure("seconds per instance", lambda _, line: line.seconds or np.nan, True),
}
"""By the name of their pictures."""


@dataclass(frozen=True)
class Spot:
    """A point of the grid: what all its seeds say together, and by figure and method what each says alone."""

    values: dict[str, Any]
    summary: Summary
    comparison: Comparison
    seeds: dict[str, dict[str, Array]]

    def spread(self, figure: str, method: str) -> tuple[float, float, float]:
        """Return mean, least and greatest over the seeds; nan where no seed says anything."""
        found = self.seeds[figure].get(method, np.array([np.nan]))
        found = found[~np.isnan(found)]
        return (float(np.mean(found)), float(found.min()), float(found.max())) if found.size else (np.nan,) * 3


def spots_of(sweep: Sweep) -> list[Spot]:
    """Summarise every point, and every seed of it."""
    found = []
    for values, whole, parts in sweep.comparisons():
        lines = [(part, {line.method: line for line in summarise(part).lines}) for part in parts]
        seeds = {
            name: {m: np.array([figure.of(part, by[m]) for part, by in lines]) for m in whole.methods}
            for name, figure in FIGURES.items()
        }
        found.append(Spot(values, summarise(whole), whole, seeds))
    return found


def picture(sweep: Sweep, spots: Sequence[Spot], axis: str, name: str) -> bytes:
    """Draw a figure over an axis, a line per method: means over seeds, and from the least of them to the greatest.

    Every meeting of the other axes has a panel of its own, the first of them where there are many.
    """
    import matplotlib.figure

    figure = FIGURES[name]
    others = [dict(other) for other in dict.fromkeys(tuple(_others(spot.values, axis).items()) for spot in spots)]
    shown, columns = others[:PANELS], min(len(others), 3)
    rows = -(-len(shown) // columns)
    drawn = matplotlib.figure.Figure(figsize=(2.2 + 3.6 * columns, 1.2 + 2.8 * rows), layout="constrained")
    grid = drawn.subplots(rows, columns, squeeze=False, sharey=True)
    values = sweep.axes[axis]
    numeric = not any(isinstance(value, str) for value in values)
    places = np.asarray(values, dtype=float) if numeric else np.arange(len(values), dtype=float)
    for panel, other in zip(grid.flat, shown, strict=False):
        here = {spot.values[axis]: spot for spot in spots if _others(spot.values, axis) == other}
        for number, method in enumerate(sweep.provenance["methods"]):
            spread = np.array([here[value].spread(name, method) for value in values])
            mean, least, most = spread.T
            panel.errorbar(
                places,
                mean,
                [mean - least, most - mean],
                color=f"C{number % 10}",
                marker="osD^v<>ph*X8d"[number % 13],
                mfc="none",
                ms=5,
                lw=1.2,
                capsize=3,
                label=method,
            )
        panel.set_title(told(other), fontsize=9)
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
        if figure.logarithmic:
            panel.set_yscale("log")
        if numeric and len(values) > 1 and places.min() > 0.0 and places.max() >= WIDE * places.min():
            panel.set_xscale("log")
            panel.minorticks_off()
        if not numeric or len(values) <= TICKS:
            panel.set_xticks(places, [told({"": value})[1:] for value in values])
    for panel in list(grid.flat)[len(shown) :]:
        panel.set_visible(False)
    unit = _unit(sweep, axis)
    drawn.supxlabel(f"{axis}{f' [{unit}]' if unit else ''}", fontsize=10)
    title = sweep.provenance["objective"] if name == "objective" else figure.title
    drawn.supylabel(f"mean {title}" if name == "objective" else title, fontsize=10)
    seeds = counted(len(sweep.seeds), "seeds")
    some = "" if len(shown) == len(others) else f"; {len(shown)} of {len(others)} panels, the others are in the table"
    drawn.suptitle(f"{sweep._line()}\nmeans, and the least and greatest of {seeds}{some}", fontsize=9, x=0.01, ha="left")
    drawn.legend(*grid.flat[0].get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=8)
    return png(drawn)


def _others(values: Mapping[str, Any], axis: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != axis}


def _unit(sweep: Sweep, axis: str) -> str:
    """Return the unit of a field that is an axis."""
    return str(sweep.provenance["units"].get(axis, ""))
