r"""Frames that use little of their slots and batteries are followed once more in shorter slots and smaller batteries.

The path counts in slots of carrier, and what rounding leaves of one is a large part of a frame that needs a millionth. But
only limits name a slot and a battery: in units of a slot :math:`\alpha T` and a battery :math:`\beta E_{max}` the work is
:math:`l/\alpha`, the energy :math:`E/\beta`, what a slot of sending, of carrier or a bit takes and gives of energy
:math:`\alpha/\beta` times as much, and every allocation that fits there is one of the frame itself. Prices of it are prices
of the frame, but there rounding counts :math:`1/\alpha` times: a slot of carrier that seems to bring 1e-16 more than it
costs would bring that for the whole slot. So a part is taken off the prices. What a slot of carrier brings is less by that
part at least; what a slot of sending costs is energy, less a gain from bits, so that of the price of work twice the part is
taken off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.certificate import NOTHING
from mecopt.models.backscatter_frame.allocation.path import follow_batch
from mecopt.models.backscatter_frame.allocation.prices import SMALL, SPARED, Prices, dual_value, gain, withdrawn
from mecopt.models.backscatter_frame.allocation.system import KEPT, RADIATED, VARIABLES, Work
from mecopt.models.backscatter_frame.terms import Terms

Array = NDArray[Any]

ROOM = 16.0
"""Times what a frame has used so far that it may use when it is followed again."""

LEAST = 1e-15
"""Part of a slot that a frame may use at least."""

AGAIN = 5
"""Times that a frame is followed once more after that at most, as long as that betters it."""

SETTLED = 0.1
"""Part of the tolerance by which prices with a part taken off may prove less than others."""

ROUNDED = 1e-15
"""Part of a slot, or of the bits of one, that rounding takes from an allocation: what it costs matters in a small frame."""

PARTS = (0.0, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7)
"""Of prices, that are taken off them."""

COSTS = Terms._fields.index("kept"), Terms._fields.index("costs")
"""Of the terms, those that count in the unit of costs."""

BITS = tuple(map(Terms._fields.index, ("work", "fastest")))
"""Of the terms, those that count in what is sent in a slot."""

BY_TIME = tuple(map(Terms._fields.index, ("harvest", "noise", "circuit", "cpu")))
"""Of the terms, those that are the energy of a slot or of a bit."""

ENERGY = Terms._fields.index("energy")

IS_ENERGY = np.isin(np.arange(VARIABLES), (RADIATED, KEPT))
"""Of a point's entries."""


def follow_again(
    rows: list[Array], owner: Array, tolerance: float, ends: list[Array], cost: Array, proved: Array, room: Work
) -> Array:
    """Better frames that are open and cost next to nothing beside a slot of carrier; return how many steps that took.

    Parameters
    ----------
    rows, owner
        entries of `mecopt.models.backscatter_frame.terms.Terms` but for its units, one frame after the other, and whose slot
        each beam belongs to.
    ends
        points, passive times and prices; they are written.
    cost, proved
        of them, in the solver's units; they are written.
    """
    steps = np.zeros(cost.size, dtype=np.int64)
    left, dearest = np.arange(cost.size), rows[COSTS[1]].max(axis=-1)
    for first in [True] + [False] * AGAIN:
        size = _size(rows, *ends[:2])
        open_ = cost - proved > tolerance * (np.abs(cost) + NOTHING)
        if first:
            open_ |= ROUNDED * dearest > tolerance * size
        left = left[(open_ & (size < SMALL))[left]]
        if not left.size:
            break
        slot, battery = (np.clip(ROOM * most[left], LEAST, 1.0) for most in _used(rows, owner, *ends[:2]))
        unit = np.maximum(size[left], NOTHING * slot)
        mine, others = _smaller(rows, left, slot, battery, unit), [np.zeros_like(end[left]) for end in ends]
        more, _, cheaper, higher = follow_batch(mine[0], owner, *mine[1:], tolerance, NOTHING, False, *others, room)
        steps[left] += more
        # What rounding has left out of bits makes a point seem cheaper than it is.
        closed = cheaper - higher <= tolerance * (np.abs(cheaper) + NOTHING)
        forgiven = np.where(closed, owner.size * ROUNDED * dearest[left], 0.0)
        better = cheaper * unit < cost[left] + forgiven
        where = left[better]
        ends[0][where] = (others[0] * np.where(IS_ENERGY, over(battery, others[0]), over(slot, others[0])))[better]
        ends[1][where], cost[where] = (others[1] * over(slot, others[1]))[better], (cheaper * unit)[better]
        work, *energies = np.moveaxis(others[2], 1, 0)
        offered = Prices(work * over(unit / slot, work), *(price * over(unit / battery, work) for price in energies))
        reached, taken = _settled([row[left] for row in rows], owner, offered)
        # Prices that prove more, of which nothing has been taken off, may prove far less when they are rounded.
        closer = reached > proved[left] - SETTLED * tolerance * np.abs(cost[left])
        ends[2][left[closer]], proved[left[closer]] = np.stack(taken, axis=1)[closer], reached[closer]
        left = left[better | closer]
    return steps


def _smaller(rows: list[Array], left: Array, slot: Array, battery: Array, unit: Array) -> list[Array]:
    """Return some frames with slots and batteries that are these parts of theirs, costs in a unit of slots of carrier."""
    scales = dict.fromkeys(BITS, 1.0 / slot) | dict.fromkeys(BY_TIME, slot / battery) | {ENERGY: 1.0 / battery}
    scales |= dict(zip(COSTS, (battery / unit, slot / unit), strict=True))
    return [row[left] * over(scales[k], row) if k in scales else row[left] for k, row in enumerate(rows)]


def _terms(rows: list[Array]) -> Terms:
    """Return rows by name, every unit being 1."""
    one = np.ones((len(rows[0]), 1))
    return Terms._make([*rows, one, one, one, one])


def over(scale: Array, entries: Array) -> Array:
    """Return a number of each frame with axes for its entries."""
    return scale.reshape(-1, *(1,) * (entries.ndim - 1))


def _settled(rows: list[Array], owner: Array, prices: Prices) -> tuple[Array, Prices]:
    """Return what prices prove of frames, with the part taken off them that makes it most, and these prices."""
    terms = _terms(rows)
    powered = terms.energy + terms.harvest.sum(axis=-1) > 0.0
    most, best = np.full(len(rows[0]), -np.inf), [entry.copy() for entry in prices]
    for spared in (prices, prices._replace(capacity=0.0 * prices.capacity)):
        for part in PARTS:
            trial = withdrawn(spared, part)
            reached = dual_value(terms, trial, _reflecting(terms, owner, trial), powered)
            closer = reached > most
            most[closer] = reached[closer]
            for entry, new in zip(best, trial, strict=True):
                entry[closer] = new[closer]
    taken = withdrawn(Prices(*best), SPARED)
    return dual_value(terms, taken, _reflecting(terms, owner, taken), powered), taken


def _reflecting(terms: Terms, owner: Array, prices: Prices) -> Array:
    """Return the least over each user's beams of what a slot of carrier costs less what it brings; 0 where it has none."""
    harvested = (prices.energy[:, :, None] * terms.harvest).sum(axis=-2)
    each = terms.costs[:, 2:3] - terms.rate * gain(terms, prices)[:, owner] - harvested
    least = np.zeros(terms.work.shape)
    for beam, user in enumerate(owner):
        least[:, user] = np.minimum(least[:, user], each[:, beam])
    return least


def _size(rows: list[Array], point: Array, passive: Array) -> Array:
    """Return the sum of all costs and of what is kept, in slots of carrier."""
    kept, costs = (rows[k] for k in COSTS)
    active, sent, _, _, reflected, unserved, stored = np.moveaxis(point, -1, 0)
    parts = (active.sum(axis=-1), (sent + reflected).sum(axis=-1), passive.sum(axis=-1), unserved.sum(axis=-1))
    return np.asarray(np.stack(parts, axis=-1) * costs).sum(axis=-1) + (kept * stored).sum(axis=-1)


def _used(rows: list[Array], owner: Array, point: Array, passive: Array) -> tuple[Array, Array]:
    """Return the greatest parts of a slot and of a battery that a user of each frame uses."""
    terms = _terms(rows)
    active, _, radiated, local, _, _, stored = np.moveaxis(point, -1, 0)
    slots = active.copy()
    for beam, user in enumerate(owner):
        slots[:, user] += passive[:, beam]
    spent = terms.circuit * active + radiated + terms.cpu * local + np.where(terms.kept > 0.0, stored, 0.0)
    return slots.max(axis=-1), spent.max(axis=-1)
