r"""Open beams: what a slot of carrier brings at most at given prices, and by which beam.

A slot's carrier may be any mixture of beams, a matrix :math:`W \succeq 0` of trace at most 1. At prices it costs at least

.. math::
    c_b = p + p_{br} - \max_W\; \langle \Lambda_i, W \rangle + g_i B \log_2(1 + c_i h_i^H W h_i), \quad
    \Lambda_i = \sum_{j} \lambda_j \eta_j p\, h_j h_j^H,

the sum over those who harvest in the slot. The logarithm lies below each of its tangents, so for ANY slope :math:`\nu`

.. math::
    \max_W \le f(\nu) = \lambda_{\max}(\Lambda_i + \nu c_i h_i h_i^H)
    + g B \log_2\frac{g B}{\nu \ln 2} - \frac{g B}{\ln 2} + \nu ,

convex in :math:`\nu`, and equal to the maximum at its least, where the principal eigenvector is the beam. Where the
eigenvalue is double there, as with orthogonal channels, the eigenvectors just below and just above bring the slot's own user
too little and too much; but in the plane of both some unit beams bring it exactly what the tangent asks,
:math:`c_i |h_i^H w|^2 = g B/(\nu \ln 2) - 1`, and each of them attains the maximum. With u the unit vector in that plane
along the user's channel and v the one across, they are :math:`\cos\delta\, u + e^{i \psi} \sin\delta\, v` for any phase;
three are tried, which mixed leave nothing of it. One search in one dimension replaces the semidefinite program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.models.backscatter_frame.allocation import prices as duals
from mecopt.models.backscatter_frame.allocation.prices import Prices
from mecopt.models.backscatter_frame.exact.beams import outer
from mecopt.models.backscatter_frame.terms import LN2, Terms, passive_gain

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]

APART = 1e-9
"""Sine of the angle between beams below which they are one."""

PHASES = 2.0 * np.pi / 3.0 * np.arange(3)

HALVINGS = 45
"""Of the logarithm of the slope's interval; its ends differ by 1 + c |h|^2, so to rounding."""

NARROW = 5e-16
"""Interval of the logarithm that is not divided further."""

DEEPEST = 700.0
"""Logarithm of 1 + c |h|^2 that counts for all beyond it, so that slopes are floats."""


class Best(NamedTuple):
    """What a slot of carrier costs at least at some prices, in the solver's unit, and the beams that attain it."""

    reflected: Array
    """``(..., users)``"""
    beams: Array
    """The two ends of the last interval, ``(..., users, 2, antennas)``; the same beam twice where it is unique."""
    between: Array
    """Beams in the plane of both, ``(..., users, 3, antennas)``; the same again where it is unique."""
    apart: Array
    """Whether there is such a plane, ``(..., users)``."""


def harvest_weights(problem: BackscatterFrame, terms: Terms, prices: Prices) -> Array:
    """Return what a unit of ``|h_j^H w|^2`` in the slot of user i is worth as energy of user j, ``(..., i, j)``."""
    users = terms.work.shape[-1]
    power = problem.harvesting_efficiency * problem.carrier_power[..., None] * terms.time_unit / terms.energy_unit
    earlier = np.tri(users, users, -1, dtype=bool).T | (problem.harvesting[..., None, None] == 0.0)
    return np.asarray(np.where(earlier & ~np.eye(users, dtype=bool), (prices.energy * power)[..., None, :], 0.0))


def best_beams(problem: BackscatterFrame, terms: Terms, prices: Prices) -> Best:
    """Return the least cost of a slot of carrier over all beams, and the beams; several prices may stand before frames."""
    own = outer(problem.channel)
    charged = np.einsum("...ij,...jab->...iab", harvest_weights(problem, terms, prices), own)
    gain = duals.gain(terms, prices) * (problem.mode[..., None] == 0.0)
    ratio, steepest = passive_gain(problem, problem.channel), gain / LN2
    slots = ((charged, 2), (own, 2), (problem.channel, 1), (ratio, 0), (steepest, 0))
    depth, values, ends = _bracketed(*(_listed(part, gain.shape, axes) for part, axes in slots))
    least = np.full(gain.shape, np.inf)
    for slope, value in zip(steepest * np.exp(-depth.reshape(2, *gain.shape)), values.reshape(2, *gain.shape), strict=True):
        safe = np.where(slope > 0.0, slope, 1.0)
        tangent = gain * np.log2(np.maximum(gain, 1e-300) / (safe * LN2)) - gain / LN2 + slope
        least = np.minimum(least, value + np.where(slope > 0.0, tangent, np.where(gain > 0.0, np.inf, 0.0)))
    asked = np.expm1(depth.mean(axis=0)).reshape(gain.shape)
    high, low = ends.reshape(2, *gain.shape, -1)
    found, apart = between(problem.channel, ratio, asked, low, high)
    return Best(np.asarray(terms.costs[..., 2:3] - least), np.stack([low, high], axis=-2), found, apart)


def _listed(part: Array, shape: tuple[int, ...], axes: int) -> Array:
    """Return what slots have, with so many axes of antennas each, slot after slot, at all prices."""
    each = part.shape[part.ndim - axes :]
    return np.broadcast_to(part, (*shape, *each)).reshape(-1, *each)


def _bracketed(charged: Array, own: Array, channel: Array, ratio: Array, steepest: Array) -> tuple[Array, Array, Array]:
    r"""Return tangents on both sides of the best one of every slot, the steeper first.

    A tangent is said by the depth u of its slope :math:`\nu = g B/\ln 2 \; e^{-u}`. At the best one
    :math:`\log(1 + c |h^H w|^2) = u`; the difference falls as u rises, smoothly or, at a double eigenvalue, by a jump. Steps
    are those of the method ITP (Oliveira, Takahashi, "An enhancement of the bisection method average performance preserving
    minmax optimality", ACM Trans. Math. Softw. 47(1), 2021): few where it is smooth, and one more than halvings at most.

    Returns
    -------
    Array
        depths, ``(2, slots)``.
    Array
        the greatest eigenvalues there, ``(2, slots)``.
    Array
        beams, ``(2, slots, antennas)``.
    """
    with np.errstate(over="ignore"):
        span = np.minimum(np.log1p(ratio * (np.abs(channel) ** 2).sum(axis=-1)), DEEPEST)
    span = np.where(steepest > 0.0, span, 0.0)
    narrow = np.maximum(span * 0.5**HALVINGS, NARROW)

    def solved(rows: Array, depth: Array) -> tuple[Array, Array, Array]:
        slope = steepest[rows] * np.exp(-depth) * ratio[rows]
        values, vectors = np.linalg.eigh(charged[rows] + slope[:, None, None] * own[rows])
        received = ratio[rows] * np.abs((channel[rows].conj() * vectors[:, :, -1]).sum(axis=-1)) ** 2
        return values[:, -1], vectors[:, :, -1], np.log1p(received) - depth

    everyone = np.arange(span.size)
    depth = np.stack([np.zeros_like(span), span])
    value, beam, rise = (np.stack(parts) for parts in zip(*(solved(everyone, end) for end in depth), strict=True))
    reach = narrow * np.exp2(np.ceil(np.log2(np.maximum(span / narrow, 1.0))))
    for _ in range(HALVINGS + 1):
        rows = np.flatnonzero(depth[1] - depth[0] > narrow)
        if not rows.size:
            break
        trial = _between_ends(depth[:, rows], rise[:, rows], span[rows], reach[rows], narrow[rows])
        found = solved(rows, trial)
        side = np.where(found[2] > 0.0, 0, 1)
        for kept, new in zip((depth, value, beam, rise), (trial, *found), strict=True):
            kept[side, rows] = new
        reach *= 0.5
    return depth, value, beam


def _between_ends(depth: Array, rise: Array, span: Array, reach: Array, narrow: Array) -> Array:
    """Return the next depth to try: near the chord's root, on the side of the middle, no further from that than allowed.

    It is so far from the chord's root that the other end comes near, too, and is not where an end is already.
    """
    width, middle = depth[1] - depth[0], depth.mean(axis=0)
    with np.errstate(all="ignore"):
        chord = depth[0] + width * (rise[0] / (rise[0] - rise[1]))
    off = middle - np.where(np.isfinite(chord), chord, middle)
    off = np.sign(off) * np.maximum(np.abs(off) - np.maximum(0.2 * width**2 / span, 0.5 * narrow), 0.0)
    most = np.maximum(reach - 0.5 * width, 0.0)
    return np.asarray(middle - np.clip(off, -most, most))


def between(channel: Array, ratio: Array, asked: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return unit beams in the plane of two that bring the slot's own user what is asked, and whether they make a plane.

    Parameters
    ----------
    ratio, asked
        c and :math:`c |h^H w|^2`, ``(..., users)``.
    low, high
        beams that bring less and more, ``(..., users, antennas)``.
    """
    across = high - (low.conj() * high).sum(axis=-1, keepdims=True) * low
    width = np.linalg.norm(across, axis=-1, keepdims=True)
    apart = width > APART
    across = across / np.where(apart, width, 1.0)
    first, second = ((one.conj() * channel).sum(axis=-1, keepdims=True) for one in (low, across))
    length = np.hypot(np.abs(first), np.abs(second))
    some = apart & (length > 0.0)
    safe = np.where(some, length, 1.0)
    own = (first * low + second * across) / safe
    other = (second.conj() * low - first.conj() * across) / safe
    with np.errstate(all="ignore"):
        part = asked[..., None] / (ratio[..., None] * safe**2)
    part = np.clip(np.where(np.isfinite(part), part, 0.0), 0.0, 1.0)
    turned = [np.sqrt(part) * own + np.exp(1j * phase) * np.sqrt(1.0 - part) * other for phase in PHASES]
    return np.stack([np.where(some, beam, high) for beam in turned], axis=-2), some[..., 0]


def powered(problem: BackscatterFrame, terms: Terms) -> Array:
    """Return which users can have energy, with whatever beams."""
    ones = Prices(*(np.ones(terms.work.shape) for _ in range(3)))
    reachable = (harvest_weights(problem, terms, ones) > 0.0).any(axis=-2)
    heard = (np.abs(problem.channel) ** 2).sum(axis=-1) > 0.0
    return np.asarray((terms.energy > 0.0) | (reachable & heard))


def proved(problem: BackscatterFrame, terms: Terms, prices: Prices, best: Best) -> Array:
    """Return the bound over all beams that prices prove, in the problem's unit."""
    return duals.dual_value(terms, prices, best.reflected, powered(problem, terms))
