r"""Open beams, exactly: beams are added where prices say that they pay, until none does.

A slot may be divided among several beams; the specialised solver finds the best times of all beams at hand, and its prices
say which further beam would bring most (`mecopt.models.backscatter_frame.relaxation`). The value of the frame with the beams
at hand and the bound that the prices prove close in on each other. Beside the beams that prices ask for, each round adds the
principal eigenvector of what a slot's mixture of beams amounts to: where two beams nearly agree it stands between them.

What remains is a matrix :math:`S_i = \sum_k t_k w_k w_k^H` per slot. Where it is of rank one, its principal eigenvector is
the beam; where it is not, `mecopt.models.backscatter_frame.switching` divides the slot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt import clock
from mecopt.models.backscatter_frame import beams as rules
from mecopt.models.backscatter_frame.allocation import follow
from mecopt.models.backscatter_frame.prices import Prices
from mecopt.models.backscatter_frame.relaxation import best_beams, proved
from mecopt.models.backscatter_frame.terms import Terms

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]

ROUNDS = 40
KEPT = 6
"""Beams of a slot that go into the next round, those with most time."""
STEP = 0.25
"""Part of the way from the best prices so far to new ones at which beams are asked for, too."""
TIGHT = 1e-10
"""Gap at which the specialised solver ends here: its prices must be better than the gap to be closed."""


class Generated(NamedTuple):
    """The best mixtures found, and what is proved, per instance."""

    mixture: Array
    """S of each slot over its trace, ``(instances, users, antennas, antennas)``."""
    prices: Prices
    bound: Array
    value: Array
    """Of the best mixture, in mJ."""
    rounds: Array


def columns(problem: BackscatterFrame, terms: Terms, beams: Array) -> tuple[Terms, Array]:
    """Return the terms of frames whose slots are divided among ``(instances, users, k, antennas)`` beams, and the owners."""
    instances, users, count, _ = beams.shape
    each = [problem.links(beams[:, :, k]) for k in range(count)]
    rate = np.stack([found.rate for found in each], axis=-1).reshape(instances, -1)
    harvest = np.stack([found.harvest for found in each], axis=-1).reshape(instances, users, -1)
    scale = (terms.time_unit / terms.energy_unit)[..., None]
    divided = terms._replace(rate=rate / problem.bandwidth[..., None], harvest=harvest * scale)
    return divided, np.repeat(np.arange(users), count)


def value(terms: Terms, point: Array, passive: Array) -> Array:
    """Return the cost of points in mJ."""
    active, sent, _, _, reflected, unserved, kept = np.moveaxis(point, -1, 0)
    a, b, c, k = np.moveaxis(terms.costs[..., None, :], -1, 0)
    total = (a * active + b * (sent + reflected) + k * unserved - terms.kept * kept).sum(axis=-1)
    return np.asarray((total + c[..., 0] * passive.sum(axis=-1)) * terms.cost_unit[..., 0])


def between(new: Prices, best: Prices) -> Prices:
    """Return prices between the best so far and new ones, which swing around them where beams nearly agree."""
    return Prices(*(STEP * one + (1.0 - STEP) * other for one, other in zip(new, best, strict=True)))


def generate(problem: BackscatterFrame, gap: float, deadline: float = np.inf) -> Generated:
    """Close the gap of every instance of a flat batch to `gap`, relative to its value and a carrier kept on for a slot.

    After the `deadline` of `mecopt.clock.now` no further round begins; the first one always runs.
    """
    terms = problem.terms(rules.matched(problem))
    at_hand = np.stack([rules.matched(problem), rules.charging(problem), rules.evenly(problem)], axis=2)
    instances, users, _, antennas = at_hand.shape
    mixture = np.zeros((instances, users, antennas, antennas), dtype=complex)
    prices = Prices(*(np.zeros((instances, users)) for _ in range(3)))
    bound, best = np.full(instances, -np.inf), np.full(instances, np.inf)
    rounds, left = np.zeros(instances, dtype=int), np.arange(instances)
    for _ in range(ROUNDS):
        part, own = problem[left], Terms(*(entry[left] for entry in terms))
        divided, owner = columns(part, own, at_hand)
        found = follow(divided, TIGHT, owner)
        cost, asked = value(divided, found.point, found.passive), []
        for trial in (found.prices, between(found.prices, Prices(*(mine[left] for mine in prices)))):
            better = best_beams(part, own, trial)
            asked.append(better.beams)
            reached = proved(part, own, trial, better)
            higher = reached > bound[left]
            bound[left[higher]] = reached[higher]
            for mine, new in zip(prices, trial, strict=True):
                mine[left[higher]] = new[higher]
        times = found.passive.reshape(left.size, users, -1)
        whole = np.einsum("fik,fika,fikb->fiab", times, at_hand, at_hand.conj())
        rounds[left] += 1
        improved = cost < best[left]
        best[left[improved]], mixture[left[improved]] = cost[improved], whole[improved]
        open_ = best[left] - bound[left] > gap * (np.abs(best[left]) + problem.negligible[left])
        if not open_.any() or clock.now() > deadline:
            break
        kept = np.argsort(-times, axis=-1)[..., :KEPT, None]
        more = (np.take_along_axis(at_hand, kept, axis=2), *asked, rules.principal(whole)[:, :, None])
        at_hand, left = np.concatenate(more, axis=2)[open_], left[open_]
    return Generated(mixture, prices, bound, best, rounds)
