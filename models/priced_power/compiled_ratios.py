"""The subproblems of Jong's method and of the quadratic transform on the literal ratios, compiled.

Both separate over the users at a price of the limit, and the part of the limit taken falls in the price: Newton on the price
inside a bracket.
"""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled

Floats = NDArray[np.float64]


@compiled
def water_filling(gain: Floats, dear: Floats, part: Floats, lower: Floats, upper: Floats, limit: float) -> Floats:
    """Minimise ``sum(dear x - gain ln(1 + x))`` under ``part @ x <= limit`` and bounds, whose lower ones fit the limit."""
    x = np.empty(gain.size)
    price, low, high = 0.0, 0.0, np.inf
    for turn in range(200):
        taken, fall = 0.0, 0.0
        for i in range(gain.size):
            charged = dear[i] + price * part[i]
            level = gain[i] / charged if charged > 0.0 else np.inf
            x[i] = min(max(level - 1.0, lower[i]), upper[i])
            taken += part[i] * x[i]
            if lower[i] < x[i] < upper[i]:
                fall += part[i] * part[i] * level / charged
        if taken <= limit:
            high = price
        else:
            low = price
        if (turn == 0 and taken <= limit) or abs(taken - limit) <= 1e-15 * limit or high <= low * (1.0 + 4e-16):
            break
        step = price + (taken - limit) / fall if fall > 0.0 else np.nan
        if not low < step < high:
            step = 0.5 * (low + high) if high < np.inf else (16.0 * price if price > 0.0 else gain.sum())
        price = step
    return x


@compiled
def transform_minimum(
    work: Floats, energy: Floats, auxiliary: Floats, part: Floats, lower: Floats, upper: Floats, limit: float
) -> Floats:
    """Minimise ``sum(work (y (1 + c x)^2 + 1 / (4 y ln(1 + x)^2)))`` under ``part @ x <= limit`` and bounds that fit it.

    With s = ln(1 + x) and 3 ln s brought to its side, a user's equation is one of an increasing function of s.
    """
    x = np.empty(work.size)
    price, low, high = 0.0, 0.0, np.inf
    for turn in range(200):
        taken, fall = 0.0, 0.0
        for i in range(work.size):
            s, top = np.log1p(lower[i]), np.log1p(upper[i])
            goal = np.log(0.5 * work[i] / auxiliary[i])
            dear, charged = 2.0 * auxiliary[i] * energy[i] * work[i], price * part[i]
            left, right, slope = s, top, 0.0
            s = top
            for _ in range(100):
                grown = np.exp(s)
                inner = dear * (1.0 + energy[i] * (grown - 1.0)) + charged
                excess = s + 3.0 * np.log(s) - goal + (np.log(inner) if inner > 0.0 else -np.inf)
                slope = 1.0 + 3.0 / s + (dear * energy[i] * grown / inner if inner > 0.0 else 0.0)
                if excess > 0.0:
                    right = s
                else:
                    left = s
                if left >= right or (s == top and excess <= 0.0):
                    break
                step = s - excess / slope
                if not left < step < right:
                    step = 0.5 * (left + right)
                if abs(step - s) <= 1e-14 * s or step in (left, right):
                    break
                s = step
            x[i] = min(max(np.expm1(s), lower[i]), upper[i])
            taken += part[i] * x[i]
            if lower[i] < x[i] < upper[i]:
                fall += part[i] * part[i] * (1.0 + x[i]) / (slope * inner)
        if taken <= limit:
            high = price
        else:
            low = price
        if (turn == 0 and taken <= limit) or abs(taken - limit) <= 1e-15 * limit or high <= low * (1.0 + 4e-16):
            break
        step = price + (taken - limit) / fall if fall > 0.0 else np.nan
        if not low < step < high:
            step = 0.5 * (low + high) if high < np.inf else (16.0 * price if price > 0.0 else work.sum())
        if step == price:
            break
        price = step
    return x
