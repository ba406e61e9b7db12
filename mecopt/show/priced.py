"""Panels that lessons share: what each price proves beside the optimum, and which side each user takes at a price."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.show.view import Panel, level, mark

Array = NDArray[Any]
Range = tuple[float, float]


def bound_by_price(
    bounds: Callable[[Array], Array],
    prices: Array,
    price: float,
    optimum: SupportsFloat,
    *,
    x: str,
    y: str,
    x_range: Range | None = None,
    y_range: Range | None = None,
) -> tuple[Panel, float]:
    """Return the bounds that prices prove beside the optimum, and the bound at the price that is chosen."""
    here = float(bounds(np.array([price]))[0])
    marks = (
        mark("bound at each price", prices, bounds(prices), "line", "first"),
        mark("bound at yours", price, here, "dots", "first"),
        level("optimum", float(optimum)),
    )
    return Panel(x, y, marks, x_range=x_range, y_range=y_range), here


def two_sides(
    y: str,
    local: ArrayLike,
    away: ArrayLike,
    *,
    names: tuple[str, str] = ("computes itself", "offloads"),
    y_range: Range | None = None,
) -> Panel:
    """Return what each user's two sides cost or earn, bar beside bar."""
    users = np.arange(np.size(local))
    bars = (mark(names[0], users, local, "bars", "quiet"), mark(names[1], users, away, "bars", "first"))
    return Panel("user", y, bars, {int(k): str(k) for k in users}, y_range=y_range)
