r"""The Shannon price equation, solved for many prices at once.

The best rate per unit of time of a user that pays :math:`q` per unit of time solves
:math:`\ln(1+z) - z/(1+z) = q`. With :math:`u = \ln(1+z)` it reads :math:`u + e^{-u} - 1 = q`, which is convex and
increasing in :math:`u \ge 0`; in closed form :math:`e^{-u} = -W_0(-e^{-1-q})`. That form underflows for large :math:`q` and
cancels for small ones, so the compiled solver looks for :math:`u` itself.

The tangent from a point to an exponential is its twin: :math:`(v - 1)\,e^v + 1 = d`, that is
:math:`v = 1 + W_0((d - 1)/e)`, where the line through :math:`(0, 1 - d)` touches :math:`e^v`.

Where a power meets an exponential the argument of W overflows long before its value: :math:`u + \ln u = k`, that is
:math:`u = W_0(e^k)`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled, compiled_inside, vectorised

_SERIES = tuple(1.0 / math.factorial(k) for k in range(14, 1, -1))
_ROOTS = (1.0 / 204120.0, -139.0 / 5443200.0, -1.0 / 17010.0, 1.0 / 4320.0, 1.0 / 270.0, 1.0 / 36.0, 1.0 / 6.0, 1.0)


@compiled_inside
def decay(u: float) -> tuple[float, float]:
    """Return ``exp(-u)`` and ``1 - exp(-u)`` for u >= 0, to rounding."""
    left = np.exp(-u)
    return left, 1.0 - left if u > 0.7 else -np.expm1(-u)


@compiled_inside
def paid(u: float, gone: float) -> float:
    """Return ``u + exp(-u) - 1`` for u >= 0 and ``gone = 1 - exp(-u)``, by its series where the difference would cancel."""
    if u >= 0.25:
        return u - gone
    value = 0.0
    for coefficient in _SERIES:
        value = coefficient - u * value
    return value * u * u


@compiled_inside
def log_ratio_about(q: float) -> float:
    """Return `log_ratio` to some 1e-5, to rounding for q < 1e-5.

    By the series of Lambert's W at its branching point in ``p = sqrt(2 q)`` (that of Temme 1979 for the gamma function), and
    by that at 0 in ``exp(-1 - q)``.
    """
    if q < 2.0:
        p, value = np.sqrt(2.0 * q), 0.0
        for coefficient in _ROOTS:
            value = coefficient + p * value
        return p * value
    z = np.exp(-1.0 - q)
    return q + 1.0 - z * (1.0 + z * (1.0 + z * (1.5 + z * (8.0 / 3.0 + z * (125.0 / 24.0)))))


@compiled
def log_ratio(q: float) -> float:
    """Return u >= 0 with ``u + exp(-u) - 1 = q`` for q >= 0, to rounding: a series, and Halley's steps from it."""
    if q <= 0.0:
        return 0.0
    if q > 40.0:
        return q + 1.0
    u = log_ratio_about(q)
    if q < 1e-5:
        return u
    for _ in range(3):
        left, gone = decay(u)
        gap = paid(u, gone) - q
        step = 2.0 * gap * gone / (2.0 * gone * gone - gap * left)
        u -= step
        if abs(step) <= 3e-6 * u:  # what is left is of its third power
            break
    return u


def log_ratio_numpy(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the same by scipy's Lambert W, for q neither tiny nor beyond the exponential's range."""
    from scipy.special import lambertw

    return np.asarray(-np.log(-lambertw(-np.exp(-1.0 - q), 0).real))


@vectorised("float64(float64)")
def log_ratios(q: float) -> float:
    """Return `log_ratio` of every entry."""
    return log_ratio(q)


@compiled
def tangent(d: float) -> float:
    """Return v >= 0 with ``(v - 1) exp(v) + 1 = d`` for d >= 0, to rounding: ``1 + W0((d - 1) / e)``."""
    if d <= 0.0:
        return 0.0
    if d < 1e-290:
        return float(np.sqrt(2.0 * d))
    # Both are above the root of a convex increasing function, so Newton falls to it.
    v = min(np.sqrt(2.0 * d), max(2.0, np.log(d)))
    for _ in range(80):
        if v < 0.25:
            value = 0.0
            for k in range(14, 1, -1):
                value = (value + k - 1.0) * v / k
            value *= v
            step = (value - d) / (v * np.exp(v))
        else:
            shrunk = np.exp(-v)
            step = (v - 1.0 + (1.0 - d) * shrunk) / v
        v -= step
        if abs(step) <= 4e-16 * v:
            break
    return float(v)


@compiled
def lambert_of_exponential(k: float) -> float:
    """Return u > 0 with ``u + log(u) = k`` for any k, to rounding: ``W0(exp(k))``."""
    if k <= -40.0:
        return float(np.exp(k))
    if k < 1.0:
        # t + exp(t) is convex and increasing, and k is above its root in t = log(u)
        t = k
        for _ in range(60):
            grown = np.exp(t)
            step = (t + grown - k) / (1.0 + grown)
            t -= step
            if abs(step) <= 4e-16 * max(abs(t), 1.0):
                break
        return float(np.exp(t))
    # u + log(u) is concave and increasing, and k - log(k) is below its root
    u = max(k - np.log(k), 0.5)
    for _ in range(60):
        step = (k - u - np.log(u)) * u / (1.0 + u)
        u += step
        if abs(step) <= 4e-16 * u:
            break
    return float(u)
