"""Bounds at charges hold whatever is taken for the minimiser: it is moved by up to a hundredth, and they stay below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mecopt.charged.hyperbola import Hyperbola
from mecopt.charged.idle import Idle
from mecopt.charged.responses import Part
from mecopt.models.bandwidth_power.charged import Uploading
from mecopt.models.computation_rate.charged import Times
from mecopt.models.multi_server_offloading.charged import Sending
from mecopt.models.priced_power.charged import Pricing

Array = NDArray[Any]
Drawn = tuple[Part, Array, Callable[[Any], Any]]

ERRORS = (0.0, 1e-14, 1e-6, 1e-4, 1e-2)
"""By what parts of it a minimiser is moved."""

ROUNDING = 1e-12
"""Relative error of the oracle's float arithmetic, and more than what exact bounds may fall short of the optimum."""


def zoomed(value: Callable[[Array], Array], dimensions: int) -> float:
    """Return the least value of a convex function over the unit box: a grid on a line, then finer ones around its best."""

    def along(last: Callable[[Array], Array], count: int) -> Array:
        low, high, best = np.zeros((count, 1)), np.ones((count, 1)), np.full(count, np.inf)
        for _ in range(15):
            points = low + (high - low) * np.linspace(0.0, 1.0, 33)
            with np.errstate(all="ignore"):
                found = np.nan_to_num(last(points), nan=np.inf)
            best = np.minimum(best, found.min(axis=1))
            middle = np.take_along_axis(points, found.argmin(axis=1)[:, None], axis=1)
            cell = (high - low) / 16.0
            low, high = np.maximum(middle - cell, low), np.minimum(middle + cell, high)
        return best

    if dimensions == 1:
        return float(along(lambda y: value(y[None]), 1)[0])

    def inner(first: Array) -> Array:
        held = first.ravel()[:, None]
        return along(lambda y: value(np.stack([np.broadcast_to(held, y.shape), y])), held.size).reshape(first.shape)

    return float(along(inner, 1)[0])


def of_share(rng: np.random.Generator) -> Drawn:
    work, low = 10.0 ** rng.uniform(-6, 1), rng.choice([0.0, 0.1])
    part = Hyperbola("v", np.zeros(1, dtype=int), np.ones(1), np.array([work]), np.array([low]), np.ones(1))
    return part, 10.0 ** rng.uniform(-3, 6, 1), lambda y: np.where(y[0] < low, np.inf, work / y[0])


def of_idle(rng: np.random.Generator) -> Drawn:
    return Idle(("v", np.zeros(1, dtype=int), np.ones(1))), rng.normal(size=1), lambda y: 0.0 * y[0]


def of_power(rng: np.random.Generator) -> Drawn:
    work, ratio = 10.0 ** rng.uniform(-4, 1), 10.0 ** rng.uniform(-2, 6)
    part = Sending(np.zeros(1, dtype=int), np.ones(1), np.array([work]), np.array([ratio]))
    return part, 10.0 ** rng.uniform(-3, 4, 1), lambda y: work / np.log1p(ratio * y[0])


def of_priced_power(rng: np.random.Generator) -> Drawn:
    """In the inverse of the efficiency, in which cost and charge are convex; 0 stands for no power at all."""
    work, energy, cap = 10.0 ** rng.uniform(-4, 1), 10.0 ** rng.uniform(-4, 1), rng.uniform(0.1, 12.0)
    part = Pricing(np.zeros(1, dtype=int), np.ones(1), np.array([work]), np.array([energy]), np.array([cap]))

    def cost(y: Array) -> Array:
        ratio = np.expm1(cap * y[0])
        return np.asarray(work * (1.0 + energy * ratio) / np.log1p(ratio))

    return part, np.where(rng.random(1) < 0.2, -1.0, 1.0) * 10.0 ** rng.uniform(-3, 4, 1), cost


def of_band(rng: np.random.Generator) -> Drawn:
    work, reach = 10.0 ** rng.uniform(-4, 1), 10.0 ** rng.uniform(-1, 4)
    ceiling = np.inf if rng.random() < 0.4 else float(np.log1p(reach) * rng.uniform(0.1, 3.0))
    part = Uploading(np.zeros(1, dtype=int), 1.0, np.ones(1), np.array([work]), np.array([reach]), np.array([ceiling]))
    charge = 10.0 ** rng.uniform(-3, 3, 2) * np.where(rng.random(2) < 0.15, 0.0, 1.0)
    return part, charge, lambda y: work / (y[0] * np.minimum(np.log1p(reach * y[1] / y[0]), ceiling))


def of_frame(rng: np.random.Generator) -> Drawn:
    kept, gain, worth = rng.choice([0.0, 1.0]) * rng.uniform(0, 1), 10.0 ** rng.uniform(-2, 6), 10.0 ** rng.uniform(-3, 1)
    part = Times(np.zeros(1, dtype=int), float(kept), np.array([gain]), np.array([worth]))
    charge = 10.0 ** rng.uniform(-3, 2, 2) * np.array([1.0, -1.0 if rng.random() < 0.2 else 1.0])

    def cost(y: Array) -> Array:
        energy = np.where(y[1] > 0.0, gain * y[0] / np.where(y[1] > 0.0, y[1], 1.0), 0.0)
        return np.asarray(-kept * np.cbrt(y[0]) - worth * y[1] * np.log1p(energy))

    return part, charge, cost


@pytest.mark.parametrize("drawn", [of_share, of_idle, of_power, of_priced_power, of_band, of_frame])
def test_bounds_are_below_the_optimum_whatever_the_minimiser_is_taken_for(
    drawn: Callable[[np.random.Generator], Drawn], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(21)
    for _ in range(40):
        part, charge, cost = drawn(rng)
        best = (
            optimum_of_priced(part, charge, cost) if isinstance(part, Pricing) else zoomed(plus(cost, charge), charge.size)
        )
        for error in ERRORS:
            moved = 1.0 + error * rng.uniform(-1.0, 1.0, charge.size)
            with monkeypatch.context() as patched:
                if isinstance(part, Times):
                    harvest, ratio = part.ratios(charge)
                    patched.setattr(part, "ratios", lambda _, a=harvest * moved[0], x=ratio * moved[1:]: (a, x))
                else:
                    answer = part.respond(charge) * moved
                    patched.setattr(part, "respond", lambda _, y=answer: y)
                bound = part.least(charge)
            assert bound <= best + ROUNDING * abs(best)
            if error == 0.0 and not (isinstance(part, Pricing) and charge[0] < 0.0):  # who is paid has no convex cost
                assert bound >= best - 1e-9 * (abs(best) + 1e-3 * float(np.abs(charge).sum()))


def plus(cost: Callable[[Array], Array], charge: Array) -> Callable[[Array], Array]:
    """Return costs plus charges."""
    return lambda y: np.asarray(cost(y) + np.tensordot(charge, y, 1))


def optimum_of_priced(part: Pricing, charge: Array, cost: Callable[[Array], Array]) -> float:
    """Return the optimum over efficiencies from next to none to the greatest: it is unimodal there."""
    from scipy.optimize import minimize_scalar

    def value(u: float) -> float:
        y = np.array([u / float(part.cap[0])])
        return float(cost(y)) + float(charge[0]) * float(np.expm1(u) / np.expm1(part.cap[0]))

    cap = float(part.cap[0])
    if charge[0] >= 0.0:
        found = minimize_scalar(value, bounds=(1e-12, cap), method="bounded", options={"xatol": 1e-13})
        return min(float(found.fun), value(cap))
    # who is paid may have two least points: the bound is of the lowest of many
    return min(value(float(u)) for u in np.linspace(cap * 1e-4, cap, 20001))
