r"""What the authors of DROO call for this problem, written anew from their formulas: opponents in benches.

With the mode fixed, the price of time :math:`\nu` is the root of a decreasing function,

.. math::

    Q(\nu) = \frac{a^{-2/3}}{3} \sum_{x_i = 0} A_i + \sum_{x_i = 1} \frac{w_i e\, g_i}{1 + z_i} - \nu, \qquad
    1 + z_i = -1 / W_0\bigl(-e^{-1 - \nu / (w_i e)}\bigr), \qquad a = \Bigl(1 + \sum_{x_i = 1} g_i / z_i\Bigr)^{-1},

found by bisection; the time of an offloading user is :math:`\tau_i = g_i a / z_i`. Coordinate descent starts with everyone
local, values every single move by bisection, and takes the best one until none is better. Theirs are loops over users; these
are arrays, which is faster, and stop at our tolerance.

References: Bi and Zhang, IEEE Trans. Wireless Commun. 17(6), 2018, section IV. Huang, Bi and Zhang, IEEE Trans. Mobile
Comput. 19(11), 2020, section IV.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw

from mecopt.compare.bench.rivals import TOL, Prepared, Rival
from mecopt.models.computation_rate.problem import ComputationRate

Array = NDArray[Any]

NAME = "computation-rate"


def bisected(local: Array, gain: Array, worth: Array, mode: Array) -> tuple[float, Array]:
    """Return harvesting time and offloading times ``(users,)`` of a mode, from the problem's coefficients ``(users,)``."""
    away = mode == 1
    kept, gain, worth = float(local[~away].sum()), gain[away], worth[away]

    def responses(price: float) -> tuple[float, Array]:
        snr = -1.0 / lambertw(-np.exp(-1.0 - price / worth)).real - 1.0
        return 1.0 / (1.0 + float((gain / snr).sum())), snr

    times = np.zeros(mode.size)
    if not away.any():
        return 1.0, times
    low, high = 0.0, kept + float((worth * gain).sum())
    while high - low > TOL * high:
        price = 0.5 * (low + high)
        harvest, snr = responses(price)
        if kept / 3.0 * harvest ** (-2.0 / 3.0) + float((worth * gain / (1.0 + snr)).sum()) > price:
            low = price
        else:
            high = price
    harvest, snr = responses(high)
    times[away] = gain * harvest / snr
    return harvest, times


def rate(local: Array, gain: Array, worth: Array, mode: Array) -> float:
    """Return the rate of a mode at the times of `bisected`."""
    harvest, times = bisected(local, gain, worth, mode)
    away = mode == 1
    offloaded = worth[away] * times[away] * np.log1p(gain[away] * harvest / times[away])
    return float(local[~away].sum()) * harvest ** (1.0 / 3.0) + float(offloaded.sum())


def descended(local: Array, gain: Array, worth: Array) -> Array:
    """Return the mode that coordinate descent ends at."""
    mode = np.zeros(local.size, dtype=np.int8)
    best = rate(local, gain, worth, mode)
    while True:
        values = []
        for user in range(mode.size):
            mode[user] ^= 1
            values.append(rate(local, gain, worth, mode))
            mode[user] ^= 1
        user = int(np.argmax(values))
        if values[user] <= best:
            return mode
        best = values[user]
        mode[user] ^= 1


def numbers(problem: ComputationRate) -> tuple[Array, Array, Array]:
    """Return the coefficients A, g and w e of a single instance."""
    local, gain, worth = problem.coefficients()
    return np.broadcast_arrays(local, gain, worth)  # type: ignore[return-value]


class Bisection(Rival):
    """The allocation by bisection on the price of time."""

    name = "DROO's bisection"
    summary = "bisection on the price of time with Lambert's W, as the authors of DROO allocate"
    problem = NAME

    def prepared(self, problem: Any, decision: Array | None) -> Prepared:
        """Take the mode."""
        assert decision is not None

        def value(found: tuple[float, Array]) -> float:
            harvest, times = found
            times_found = problem.Allocation(harvest_time=np.asarray(harvest), offload_time=times)
            return float(problem.objective(decision, times_found))

        ready = numbers(problem)
        return Prepared(lambda: bisected(*numbers(problem), decision), value, lambda: bisected(*ready, decision))


class Descent(Rival):
    """The mode by coordinate descent, which proves nothing."""

    name = "DROO's coordinate descent"
    summary = "the best single move by bisection until none is better, as the authors of DROO label their data"
    problem = NAME
    answers = "decision"
    beside = "coordinate-descent"
    most_users = 30

    def prepared(self, problem: Any, decision: Array | None) -> Prepared:
        """Take the instance."""

        def value(mode: Array) -> float:
            return float(problem.optimal_value(mode))

        return Prepared(lambda: descended(*numbers(problem)), value)


BISECTION, DESCENT = Bisection(), Descent()
