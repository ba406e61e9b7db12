"""Sequential least squares programming (Kraft 1988) by scipy, without a word on what happens at every other call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from mecopt.running.concurrency import unheard

Array = NDArray[Any]

OUTSIDE = "Values in x were outside bounds"
"""What scipy warns of where a step has left the bounds by rounding: it clips the point, as whoever reads the answer does."""


def slsqp(function: Callable[[Array], float], start: Array, **how: Any) -> Any:
    """Return scipy's result of SLSQP; `how` is what `scipy.optimize.minimize` takes beside function, start and method."""
    from scipy.optimize import minimize

    with unheard(OUTSIDE):
        return minimize(function, start, method="SLSQP", **how)
