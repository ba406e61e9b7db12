"""What prices prove: the dual function of a frame in numpy, batched over frames and candidates.

The compiled twin in `mecopt.models.backscatter_frame.allocation.frame` ends the solver's path; this one certifies every
answer, whoever found it, and serves open beams, too, where what a slot of carrier brings is bounded over all beams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.models.backscatter_frame.terms import LN2, Terms
from mecopt.models.backscatter_frame.variables import FramePrices

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]


MOST = 1e100
"""Price, in the solver's units, that counts for all beyond it, so that nothing overflows; any price proves."""

SMALL = 0.1
"""Part of a slot of carrier below which all costs of a frame may count in a unit of their own."""

SPARED = 1e-14
"""A part more, so that prices prove as much where they are rounded to other units."""


class Prices(NamedTuple):
    """Prices in the solver's units, none negative, ``(..., users)``."""

    work: Array
    energy: Array
    capacity: Array


def scaled(dual: FramePrices, terms: Terms) -> Prices:
    """Return prices in the solver's units; negative ones count as 0, as do those that are no number."""
    work, energy = terms.bit_unit / terms.cost_unit, terms.energy_unit / terms.cost_unit
    values = (dual.work_price * work, dual.energy_price * energy, dual.capacity_price * energy)
    return Prices(*(np.where(value > 0.0, np.minimum(value, MOST), 0.0) for value in values))


def unscaled(prices: Prices, terms: Terms) -> FramePrices:
    """Return prices in the problem's units."""
    work, energy = terms.cost_unit / terms.bit_unit, terms.cost_unit / terms.energy_unit
    return FramePrices(
        work_price=prices.work * work, energy_price=prices.energy * energy, capacity_price=prices.capacity * energy
    )


def gain(terms: Terms, prices: Prices) -> Array:
    """Return what a bit earns that the server computes."""
    return np.maximum(prices.work - terms.costs[..., 1:2], 0.0)


def sending(terms: Terms, prices: Prices) -> Array:
    """Return the least of what a slot of sending costs, less what it earns, however many bits are sent: not positive."""
    earned, price = gain(terms, prices), prices.energy + prices.capacity
    with np.errstate(all="ignore"):
        radiated = price * terms.noise
        steepest = earned / LN2
        slot = terms.costs[..., 0:1] + price * terms.circuit + steepest - radiated - earned * np.log2(steepest / radiated)
    slot = np.where(radiated > 0.0, np.where(steepest > radiated, slot, 0.0), -np.inf)
    return np.where((earned > 0.0) & np.isfinite(terms.noise), np.minimum(slot, 0.0), 0.0)


def divided(sent: Array, reflected: Array, earned: Array) -> Array:
    """Return the least of what a slot costs, of which parts are sent in and reflected in, or neither: not positive.

    Sending earns no more than all work does. Where it earns that in a part of the slot, the rest can still be reflected in.
    """
    rest, all_sent = np.minimum(reflected, 0.0), sent < -earned
    with np.errstate(all="ignore"):
        both = rest * (1.0 + np.where(all_sent, earned / np.where(all_sent, sent, -1.0), 0.0)) - earned
    return np.minimum(rest, np.where(all_sent, both, sent))


def reflecting(terms: Terms, prices: Prices) -> Array:
    """Return what a slot of carrier costs, less what it brings in bits and in harvested energy."""
    harvested = (prices.energy[..., :, None] * terms.harvest).sum(axis=-2)
    return np.asarray(terms.costs[..., 2:3] - terms.rate * gain(terms, prices) - harvested)


def dual_value(terms: Terms, prices: Prices, reflected: Array, powered: Array) -> Array:
    """Return the bound in the problem's unit, given what a slot of carrier costs at least.

    Parameters
    ----------
    reflected
        cost of a slot of carrier, less what it brings; for open beams the least over all beams.
    powered
        which users can have energy at all.
    """
    price = prices.energy + prices.capacity
    computing = terms.fastest * np.minimum(price * terms.cpu - prices.work, 0.0)
    keeping = np.minimum(prices.energy - terms.kept, 0.0)
    slot = divided(np.where(powered, sending(terms, prices), 0.0), reflected, gain(terms, prices) * terms.work)
    with np.errstate(invalid="ignore", over="ignore"):
        total = (
            np.minimum(prices.work, terms.costs[..., 3:4]) * terms.work
            - prices.energy * terms.energy
            - prices.capacity
            + np.where(powered | (terms.cpu == 0.0), computing, 0.0)
            + np.where(powered, keeping, 0.0)
            + slot
        )
        return np.asarray(total.sum(axis=-1) * terms.cost_unit[..., 0])


def proved(problem: BackscatterFrame, decision: Array, dual: FramePrices) -> Array:
    """Return the bound that prices prove for fixed beams."""
    terms = problem.terms(decision)
    prices = scaled(dual, terms)
    powered = terms.energy + terms.harvest.sum(axis=-1) > 0.0
    return dual_value(terms, prices, reflecting(terms, prices), powered)


def withdrawn(prices: Prices, part: Array | float) -> Prices:
    """Return prices of which a part has been taken off, of those of work twice as much."""
    return Prices(prices.work * (1.0 - 2.0 * part), prices.energy * (1.0 - part), prices.capacity * (1.0 - part))


def excessive(reflected: Array, cost: Array) -> Array:
    """Return the part of prices to take off, ``(..., 1)``, so that no slot of carrier brings more than it costs.

    Parameters
    ----------
    reflected, cost
        what a slot of carrier costs less what it brings, ``(..., users)``, and what it costs, ``(..., 1)``.
    """
    brings = np.maximum(cost - reflected, cost)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(reflected < 0.0, -reflected / brings, 0.0).max(axis=-1, keepdims=True)
    return np.asarray(np.minimum(part * (1.0 + 1e-9) + SPARED, 0.5))
