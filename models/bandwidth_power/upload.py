r"""What a user does at a price of bandwidth, compiled.

The power eliminated, a user that sends on a band b reaches :math:`R(b) = b \min(u^E, \ln(1 + g/b))` nats per second and
takes :math:`c/R(b)`, weighted. At a price :math:`\beta` it takes the band where
:math:`v(\beta) = \min_b c/R(b) + \beta b` is attained. With :math:`y = g/b`, the SNR that full power gives on that band,
and :math:`\kappa = \beta g^2/c` there are three cases, from the cheapest price to the dearest:

- full power binds: :math:`\varphi(y) = y^2 (\ln(1+y) - y/(1+y)) / \ln^2(1+y) = \kappa`,
- both do: :math:`y = e^{u^E} - 1`, while :math:`\varphi(y) \le \kappa \le y^2/u^E`,
- the energy budget binds, at less than full power: :math:`y = \sqrt{\kappa u^E}`.

All in logarithms: :math:`\ln\varphi` is nearly linear in :math:`\ln y`, with a slope that falls from 2 to 1.79 and rises
to 2 again, so Newton's method needs four steps at most; and products of many orders of magnitude stay in range.
"""

import math

import numpy as np

from mecopt.kernels.compiled import compiled, vectorised

_LN2 = math.log(2.0)


@compiled
def excess(u: float) -> float:
    """Return ``u + exp(-u) - 1`` for u >= 0, by its series where the difference would cancel."""
    if u > 0.25:
        return float(u + np.expm1(-u))
    term = 0.5 * u * u
    total, k = term, 3
    while abs(term) > 1e-17 * total:
        term *= -u / k
        total += term
        k += 1
    return total


@compiled
def efficiency(log_snr: float) -> float:
    """Return ``ln(1 + y)`` from ``ln y``, in nats per second and hertz."""
    return float(max(log_snr, 0.0) + np.log1p(np.exp(-abs(log_snr))))


@compiled
def _at_full_power(log_kappa: float) -> tuple[float, float]:
    """Solve ``phi(y) = kappa``; return ``ln y`` and its slope in ``ln kappa``."""
    if log_kappa < -80.0:  # y < 1e-17: phi is y^2 / 2 to rounding
        return 0.5 * (log_kappa + _LN2), 0.5
    log_snr = 0.5 * (log_kappa + np.log(2.0 + efficiency(0.5 * (log_kappa + _LN2))))
    slope = 2.0
    for _ in range(50):
        u = efficiency(log_snr)
        part, bent = -np.expm1(-u), excess(u)
        slope = 2.0 + part * part / bent - 2.0 * part / u
        step = (2.0 * log_snr + np.log(bent / (u * u)) - log_kappa) / slope
        log_snr -= step
        if abs(step) <= 1e-15 * max(1.0, abs(log_snr)):
            break
    return float(log_snr), float(1.0 / slope)


@compiled
def limits(ceiling: float) -> tuple[float, float, float]:
    """Return ``ln y`` where both limits bind, and the ``ln kappa`` between which they do."""
    if ceiling == np.inf:
        return np.inf, np.inf, np.inf
    knee = ceiling + np.log(-np.expm1(-ceiling))
    return knee, 2.0 * knee + np.log(excess(ceiling) / (ceiling * ceiling)), 2.0 * knee - np.log(ceiling)


@compiled
def answer(log_kappa: float, ceiling: float, knee: float, lower: float, upper: float) -> tuple[float, float]:
    """Return ``ln y`` of the best band, and its slope in ``ln kappa``."""
    if log_kappa >= upper:
        return 0.5 * (log_kappa + np.log(ceiling)), 0.5
    if log_kappa >= lower:
        return knee, 0.0
    return _at_full_power(log_kappa)


@vectorised("float64(float64, float64, float64, float64)")
def bands(work: float, reach: float, ceiling: float, price: float) -> float:
    """Return the band that every user takes at a positive price; 0 where nothing can be carried, or nothing has to be."""
    if ceiling <= 0.0 or work <= 0.0:
        return 0.0
    knee, lower, upper = limits(ceiling)
    log_reach = np.log(reach)
    log_snr, _ = answer(np.log(price) + 2.0 * log_reach - np.log(work), ceiling, knee, lower, upper)
    return np.exp(log_reach - log_snr)


@vectorised("float64(float64, float64, float64, float64)")
def upload_costs(work: float, reach: float, ceiling: float, price: float) -> float:
    """Return v, the least ``c / R(b) + price b`` over all bands; infinite where nothing can be carried."""
    if ceiling <= 0.0:
        return np.inf
    if work <= 0.0:
        return 0.0
    if price <= 0.0:
        return work / reach
    knee, lower, upper = limits(ceiling)
    log_reach = np.log(reach)
    log_snr, _ = answer(np.log(price) + 2.0 * log_reach - np.log(work), ceiling, knee, lower, upper)
    band = np.exp(log_reach - log_snr)
    return work / (band * min(ceiling, efficiency(log_snr))) + price * band
