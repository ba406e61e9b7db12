r"""Differences of products without rounding: how far a budget is above the least energy of an upload.

A product of two floats is the sum of two floats, exactly, and so is a sum (Dekker 1971, Knuth); what is left of a sum of
many is carried along in four numbers. That keeps all digits of :math:`E h B / (D N \ln 2) - 1`, the budget E beside the
least energy that carries D bits, where both agree to rounding and the quotient of floats has none left. All that an upload
costs there depends on it: the efficiency that the budget allows is :math:`u \approx 2 (E h B/(D N \ln 2) - 1)`.

No step may be contracted to a fused one, which compiled code here never is.
"""

import math

import numpy as np

from mecopt.kernels.compiled import compiled, vectorised

LN2 = (0.6931471805599453, 2.3190468138462996e-17, 5.707708438416212e-34)
"""The logarithm of 2 as the sum of three floats, right to 2^-164."""

_SPLIT = 134217729.0  # 2^27 + 1

Four = tuple[float, float, float, float]


@compiled
def two_sum(a: float, b: float) -> tuple[float, float]:
    """Return the rounded sum of two numbers and what rounding took from it."""
    total = a + b
    other = total - a
    return total, (a - (total - other)) + (b - other)


@compiled
def two_product(a: float, b: float) -> tuple[float, float]:
    """Return the rounded product of two numbers and what rounding took from it; both below 1e300, no rest below 1e-300."""
    product = a * b
    cut = _SPLIT * a
    high_a = cut - (cut - a)
    low_a = a - high_a
    cut = _SPLIT * b
    high_b = cut - (cut - b)
    low_b = b - high_b
    return product, low_a * low_b - (((product - high_a * high_b) - low_a * high_b) - high_a * low_b)


@compiled
def added(total: Four, a: float) -> Four:
    """Return a sum held in four numbers, the greatest first, with one more."""
    first, rest = two_sum(total[0], a)
    second, rest = two_sum(total[1], rest)
    third, rest = two_sum(total[2], rest)
    return first, second, third, total[3] + rest


@compiled
def product_added(total: Four, a: float, b: float) -> Four:
    """Return a sum held in four numbers with a product of two more."""
    product, rest = two_product(a, b)
    return added(added(total, product), rest)


@compiled
def summed(total: Four) -> float:
    """Return a sum held in four numbers, which may cancel each other, to rounding."""
    first, second = two_sum(total[0], total[1])
    second, third = two_sum(second, total[2])
    third += total[3]
    for _ in range(2):
        first, second = two_sum(first, second)
        second, third = two_sum(second, third)
    return first + (second + third)


@compiled
def energy_excess(budget: float, gain: float, band: float, data: float, noise: float) -> float:
    """Return ``budget gain band / (data noise ln 2) - 1`` to rounding; what floats make of it where one is 0 or infinite."""
    for factor in (budget, gain, band, data, noise):
        if not 0.0 < factor < np.inf:
            return (budget * gain * band) / (data * noise) - 1.0
    # mantissas alone, so that nothing overflows or leaves the range in which products are exact
    (e, e_power), (h, h_power), (b, b_power) = math.frexp(budget), math.frexp(gain), math.frexp(band)
    (d, d_power), (n, n_power) = math.frexp(data), math.frexp(noise)
    power = e_power + h_power + b_power - d_power - n_power
    least = d * n * LN2[0]
    if abs(power) > 4:
        return math.ldexp(e * h * b / least, power) - 1.0
    unit = math.ldexp(1.0, power)
    total = (0.0, 0.0, 0.0, 0.0)
    product, rest = two_product(e, h)
    total = product_added(product_added(total, product, b * unit), rest, b * unit)
    product, rest = two_product(d, n)
    for part in LN2:
        total = product_added(product_added(total, -product, part), -rest, part)
    return summed(total) / least


@compiled
def efficiency_within(excess: float) -> float:
    """Return the efficiency u with ``(exp(u) - 1) / u = 1 + excess``, to rounding: the most that an energy budget allows.

    0 where the budget is not above the least energy, below that of any rate.
    """
    if not excess > 0.0:
        return 0.0
    if excess == np.inf:
        return np.inf
    level = np.log1p(excess)
    u = 2.0 * level
    # Newton on the convex increasing ln((e^u - 1) / u) from above, where it falls to the root
    for _ in range(60):
        if u < 0.1:
            value = u * (0.5 + u * (1 / 24 - u * u * (1 / 2880 - u * u / 181440)))
            slope = 0.5 + u * (1 / 12 - u * u * (1 / 720 - u * u / 30240))
        else:
            value = u + np.log(-np.expm1(-u) / u)
            slope = -1.0 / np.expm1(-u) - 1.0 / u
        step = (value - level) / slope
        u -= step
        if abs(step) <= 4e-16 * u:
            break
    return float(u)


@vectorised("float64(float64, float64, float64, float64, float64)")
def efficiencies_within(budget: float, gain: float, band: float, data: float, noise: float) -> float:
    """Return `efficiency_within` what budgets allow over links of a gain, a band and a noise power."""
    return efficiency_within(energy_excess(budget, gain, band, data, noise))
