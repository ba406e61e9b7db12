"""Tables of what was measured: one selection per cell, its mean and standard error over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mecopt.contract.errors import UnknownName
from mecopt.evaluation.figures import Figure
from mecopt.evaluation.intervals import NoNumber, interval, standard_error
from mecopt.evaluation.measurements import Measurements
from mecopt.evaluation.reproduction import Table


@dataclass(frozen=True)
class Pivot:
    """A table whose cells are figures.

    Examples
    --------
    >>> from mecopt.evaluation.figures import Of
    >>> from mecopt.evaluation.measurements import Row
    >>> shown = Pivot("Reward", "Means.", "method", {"greedy": {"all": Of("reward", "greedy")}}, "{:.2f}")
    >>> rows = (Row("reward", 0.64, "greedy", seed=0), Row("reward", 0.66, "greedy", seed=1))
    >>> shown.table(Measurements(rows)).rows
    [['greedy', '0.65 ± 0.01']]
    """

    name: str
    caption: str
    corner: str
    """What the rows are."""
    rows: Mapping[str, Mapping[str, Figure]]
    """By label of row and head of column.

    A figure that was not measured leaves its cell empty, and a row of such cells is left out; - is one that is none; of what
    never happened with some seeds the median is told.
    """
    format: str | Mapping[str, str] = "{:.4g}"
    """Of numbers; by head of column where they differ."""

    def table(self, found: Measurements) -> Table:
        """Return the table in words."""
        heads = list(dict.fromkeys(head for row in self.rows.values() for head in row))
        lines = [[label, *(self._cell(row.get(head), head, found) for head in heads)] for label, row in self.rows.items()]
        return Table(self.name, self.caption, (self.corner, *heads), [line for line in lines if any(line[1:])])

    def _cell(self, figure: Figure | None, head: str, found: Measurements) -> str:
        if figure is None:
            return ""
        try:
            values = figure.values(found)
        except UnknownName:
            return ""
        except NoNumber:
            return "-"
        form = self.format if isinstance(self.format, str) else self.format[head]
        numbers = list(values.values())
        never = numbers.count(math.inf)
        if never:
            middle = interval(values).middle
            times = "never" if never == len(numbers) else f"never in {never} of {len(numbers)}"
            return times if math.isinf(middle) else f"{_told(middle, form)}, {times}"
        mean, error = _told(float(np.mean(numbers)), form), standard_error(numbers)
        return mean if math.isnan(error) else f"{mean} ± {form.format(error)}"


def _told(value: float, form: str) -> str:
    """Return a number in words; what is told as zero has no sign."""
    said = form.format(value)
    return form.format(0.0) if said == form.format(-0.0) else said


def pivot(
    name: str,
    caption: str,
    corner: str,
    rows: Sequence[str],
    columns: Mapping[str, Mapping[str, Figure]],
    format: str | Mapping[str, str] = "{:.4g}",
) -> Pivot:
    """Return a table of which the columns are said: by head, the figure of every row that has one."""
    return Pivot(
        name, caption, corner, {row: {head: of[row] for head, of in columns.items() if row in of} for row in rows}, format
    )
