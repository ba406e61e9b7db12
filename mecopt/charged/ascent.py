r"""The best prices of rows: the concave bound of `mecopt.charged.responses` made greatest by projected Newton steps.

The gradient of the bound is by how much the answer overruns the rows, :math:`g = R\,y(\nu) - r`, and its Hessian
:math:`R\,\frac{\partial y}{\partial q} R^T`. Rows at a price of 0 that are kept are left there. A step is halved while it
overshoots and lengthened while it falls short; both are told by the gradient along it, which rounding spoils least. What
overshoots counts where the bound has risen all the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

TURNS = 200
"""Steps at most."""

ROUNDING = 1e-15
"""Overrun of rows, beside the size of their terms, at which nothing is left to gain."""

ENOUGH = 1e-10
"""Overrun at which prices count as found."""

DAMPING = (1e-14, 1e-9, 1e-6, 1e-3, 1.0)
"""Parts of the Hessian's diagonal that are added to it, in turn, where steps come out short: rows may ask for the same."""

SHORT = 1e-2
"""Length of a step, beside the whole one, that is too short."""

PATIENCE = 4
"""Steps without less overrun after which rounding has the word."""


class Priced(NamedTuple):
    """Prices of rows, what answers them, and whether rows are kept with complementary slackness."""

    prices: Array
    y: Array
    found: bool


class Answering(Protocol):
    """What answers charges; see `mecopt.charged.responses.Responses`."""

    def respond(self, charge: Array) -> Array: ...  # noqa: D102
    def cost(self, y: Array) -> float: ...  # noqa: D102
    def slopes(self, charge: Array, y: Array, directions: Array) -> Array: ...  # noqa: D102


def ascended(of: Answering, matrix: Array, limit: Array, free: Array, start: Array, ceiling: float = float("inf")) -> Priced:
    """Return the best prices of rows ``matrix @ y <= limit``, those that are `free` being equations.

    Parameters
    ----------
    start
        prices to begin with; what is negative and not free counts as 0.
    ceiling
        price beyond which it is given up.
    """
    prices = np.where(free, start, np.maximum(start, 0.0))
    y = of.respond(prices @ matrix)
    best, least, waited = (prices, y), np.inf, 0
    for _ in range(TURNS):
        over = matrix @ y - limit
        size = np.abs(limit) + np.abs(matrix) @ np.abs(y)
        open_rows = free | (prices > 0.0) | (over > 0.0)
        overrun = float((np.abs(over) / np.where(size > 0.0, size, 1.0)).max(initial=0.0, where=open_rows))
        waited = 0 if overrun < least else waited + 1
        if overrun < least:
            best, least = (prices, y), overrun
        given_up = float(np.abs(prices).max(initial=0.0)) > ceiling
        if overrun <= ROUNDING or (waited >= PATIENCE and least <= ENOUGH) or given_up:
            break
        bend = of.slopes(prices @ matrix, y, matrix[open_rows].T)
        after = None
        for damping in DAMPING:
            change = _step(matrix, prices, bend, over, open_rows, damping)
            tried = _along(of, matrix, limit, free, prices, y, over, change, ceiling)
            after = after if tried is None else tried
            if tried is not None and tried[2] >= SHORT:
                break
        if after is None:
            break
        prices, y, _ = after
    return Priced(*best, least <= ENOUGH)


def _step(matrix: Array, prices: Array, slopes: Array, over: Array, open_rows: Array, damping: float) -> Array:
    """Return the Newton step of the open rows; where a row's price changes nothing, a doubling of it."""
    rows = matrix[open_rows]
    bend = -rows @ slopes
    scale = np.sqrt(np.maximum(np.diag(bend), 0.0))
    flat = ~(scale > 1e-150)
    inverse = 1.0 / np.where(flat, 1.0, scale)
    curved = bend * inverse[:, None] * inverse + damping * np.eye(len(rows))
    curved[flat, :], curved[:, flat] = 0.0, 0.0
    curved[flat, flat] = 1.0
    own = over[open_rows]
    solved = np.linalg.lstsq(curved, own * inverse, rcond=1e-15)[0] * inverse
    solved[flat] = np.sign(own[flat]) * np.maximum(np.abs(prices[open_rows][flat]), 1.0)
    change = np.zeros_like(prices)
    change[open_rows] = solved
    return change


def _along(
    of: Answering,
    matrix: Array,
    limit: Array,
    free: Array,
    prices: Array,
    y: Array,
    over: Array,
    change: Array,
    ceiling: float,
) -> tuple[Array, Array, float] | None:
    """Return prices along a step, their answer, and the step's length, where the bound is greater; None where none is."""

    def at(length: float) -> tuple[Array, Array, float]:
        moved = prices + length * change
        moved = np.where(free, moved, np.maximum(moved, 0.0))
        answer = of.respond(moved @ matrix)
        return moved, answer, float((matrix @ answer - limit) @ (moved - prices))

    value = of.cost(y) + float(prices @ over)
    length, kept = 1.0, None
    for _ in range(80):
        moved, answer, slope = at(length)
        gained = float(over @ (moved - prices))
        if not gained > 0.0 or not np.isfinite(slope):
            length *= 0.25
            if (moved == prices).all():
                return kept
            continue
        better = slope >= 0.0 or of.cost(answer) + float(moved @ (matrix @ answer - limit)) >= value - ROUNDING * abs(value)
        if slope >= -0.5 * gained and better:
            kept = moved, answer, length
            if slope <= 0.5 * gained or length < 1.0 or length > 1e30 or float(np.abs(moved).max()) > ceiling:
                return kept
            length *= 4.0
        elif kept is not None:
            return kept
        else:
            length *= 0.5
    return kept
