r"""Open beams, exactly: beams are added where prices say that they pay, until none does.

A slot may be divided among several beams; the specialised solver finds the best times of all beams at hand, and its prices
say which further beam would bring most (`mecopt.models.backscatter_frame.relaxation`). The value of the frame with the beams
at hand and the bound that the prices prove close in on each other. Beside the beams that prices ask for, each round adds
those that a slot's mixture of beams :math:`S_i = \sum_k t_k w_k w_k^H` amounts to: its principal eigenvector, which
stands between beams that nearly agree, and where S is of higher rank, as where channels are orthogonal, the beams of its
equal parts (`mecopt.models.backscatter_frame.switching`). They feed the others as the mixture does and carry more of the
slot's own user, whose rate is concave in what it receives.

What remains is S. Where it is of rank one, its principal eigenvector is the beam; where it is not, the slot is divided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt import clock
from mecopt.certify import NOTHING
from mecopt.models.backscatter_frame import beams as rules
from mecopt.models.backscatter_frame import switching
from mecopt.models.backscatter_frame.allocation import follow
from mecopt.models.backscatter_frame.prices import Prices
from mecopt.models.backscatter_frame.relaxation import best_beams, proved
from mecopt.models.backscatter_frame.terms import Terms

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]

USED = 1e-9
"""Part of a slot below which its carrier is as good as off, and its mixture rounding."""
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


def attained(problem: BackscatterFrame, mixture: Array, value: Array, tolerance: float) -> Array:
    """Return beams that attain mixtures of a flat batch: one per slot where that is enough, else several in equal parts.

    Beams of one batch are arrays of one shape: where one frame needs several beams in a slot, those of others stand several
    times.

    Parameters
    ----------
    mixture
        of each slot, ``(instances, users, antennas, antennas)``.
    value
        what the mixtures cost, in mJ; one beam is enough where it is missed by no more than the tolerance.
    """
    single = rules.principal(mixture)
    cost = problem.optimal_value(single)
    missed = ~(cost - value <= tolerance * (np.abs(cost) + NOTHING * problem.negligible))
    if not missed.any():
        return single
    mixed = realised(problem[missed], mixture[missed])
    several = np.tile(single.astype(complex), mixed.shape[-1] // single.shape[-1])
    better = problem[missed].optimal_value(mixed) < cost[missed]
    several[np.flatnonzero(missed)[better]] = mixed[better]
    return several


def realised(problem: BackscatterFrame, mixture: Array) -> Array:
    """Return the beams that mixtures ``(instances, users, antennas, antennas)`` are in equal parts, of least rank each."""
    own, identity, least = rules.outer(problem.channel), np.eye(mixture.shape[-1])[None], mixture.astype(complex)
    used = np.trace(mixture, axis1=-2, axis2=-1).real > USED
    for k, i in np.argwhere(used):
        least[k, i] = switching.reduced(mixture[k, i], np.concatenate([identity, own[k]]))
    ranks = np.where(used, switching.rank(least), 1)
    parts = int(ranks.max())
    whole = np.tile(rules.principal(least), parts)
    for k, i in np.argwhere(ranks > 1):
        whole[k, i] = switching.decomposed(least[k, i], problem.channel[k, i], parts).ravel()
    return np.asarray(whole)


def parts_of(mixture: Array, channel: Array, where: Array) -> list[Array]:
    """Return beams of the equal parts of mixtures, ``(instances, users, k, antennas)``; none where all are of rank one.

    Those, and instances that are not asked for, get their principal eigenvectors.
    """
    used = where[:, None] & (np.trace(mixture, axis1=-2, axis2=-1).real > USED)
    ranks = np.where(used, switching.rank(mixture), 1)
    most = int(ranks.max())
    if most == 1:
        return []
    found = np.repeat(rules.principal(mixture)[:, :, None], most, axis=2)
    for k, i in np.argwhere(ranks > 1):
        found[k, i, : ranks[k, i]] = switching.decomposed(mixture[k, i], channel[k, i], int(ranks[k, i]))
    return [found]


def generate(problem: BackscatterFrame, gap: float, deadline: float = np.inf) -> Generated:
    """Close the gap of every instance of a flat batch to `gap`, relative to its value and next to nothing.

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
        open_ = best[left] - bound[left] > gap * (np.abs(best[left]) + NOTHING * problem.negligible[left])
        if not open_.any() or clock.now() > deadline:
            break
        kept = np.argsort(-times, axis=-1)[..., :KEPT, None]
        more = (np.take_along_axis(at_hand, kept, axis=2), *asked, rules.principal(whole)[:, :, None])
        more = (*more, *parts_of(whole, part.channel, open_))
        at_hand, left = np.concatenate(more, axis=2)[open_], left[open_]
    return Generated(mixture, prices, bound, best, rounds)
