r"""Open beams, exactly: beams are added where prices say that they pay, until none does.

A slot may be divided among several beams; the specialised solver finds the best times of all beams at hand, and its prices
say which further beam would bring most (`mecopt.models.backscatter_frame.exact.relaxation`). The value of the frame with the
beams at hand and the bound that the prices prove close in on each other. Beside the beams that prices ask for, each round
adds those that a slot's mixture of beams :math:`S_i = \sum_k t_k w_k w_k^H` amounts to: its principal eigenvector, which
stands between beams that nearly agree, and where S is of higher rank, as where channels are orthogonal, the beams of its
equal parts (`mecopt.models.backscatter_frame.exact.switching`). They feed the others as the mixture does and carry more of
the slot's own user, whose rate is concave in what it receives.

What remains is S. Where it is of rank one, its principal eigenvector is the beam; where it is not, the slot is divided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.certificate import NOTHING
from mecopt.models.backscatter_frame.allocation.prices import SMALL, Prices, excessive, withdrawn
from mecopt.models.backscatter_frame.allocation.specialised import follow
from mecopt.models.backscatter_frame.exact import beams as rules
from mecopt.models.backscatter_frame.exact import switching
from mecopt.models.backscatter_frame.exact.relaxation import Best, best_beams, proved
from mecopt.models.backscatter_frame.terms import Terms
from mecopt.running import clock

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]

DUST = 2e-16
"""Part of a slot of carrier that the path leaves of nothing."""
HUNGRY = 1e-2
"""Part of what a user receives of a beam matched to it below which it counts as not fed."""
USED = 1e-8
"""Part of a slot, or of all that a frame costs, below which a slot's carrier is as good as off, and its mixture rounding.

At the best prices a carrier brings what it costs, so less of it is within the gap to which beams are generated.
"""
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
    found = problem.links(beams.swapaxes(1, 2))
    rate = found.rate.swapaxes(1, 2).reshape(instances, -1)
    harvest = np.moveaxis(found.harvest, 1, -1).reshape(instances, users, -1)
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
    mixed = realised(problem[missed], mixture[missed], value[missed])
    several = np.tile(single.astype(complex), mixed.shape[-1] // single.shape[-1])
    better = problem[missed].optimal_value(mixed) < cost[missed]
    several[np.flatnonzero(missed)[better]] = mixed[better]
    return several


def realised(problem: BackscatterFrame, mixture: Array, value: Array) -> Array:
    """Return the beams that mixtures ``(instances, users, antennas, antennas)`` are in equal parts, of least rank each.

    Parameters
    ----------
    value
        what the frames cost, in mJ.
    """
    own, identity, least = rules.outer(problem.channel), np.eye(mixture.shape[-1])[None], mixture.astype(complex)
    used = carried(problem, mixture, value)
    for k, i in np.argwhere(used):
        least[k, i] = switching.reduced(mixture[k, i], np.concatenate([identity, own[k]]))
    ranks = np.where(used, switching.rank(least), 1)
    parts = int(ranks.max())
    whole = np.tile(rules.principal(least), parts)
    for k, i in np.argwhere(ranks > 1):
        whole[k, i] = switching.decomposed(least[k, i], problem.channel[k, i], parts).ravel()
    return np.asarray(whole)


def carried(problem: BackscatterFrame, mixture: Array, value: Array) -> Array:
    """Whether the carrier of a slot is on for longer than rounding leaves of a frame's cost, ``(instances, users)``."""
    times = np.trace(mixture, axis1=-2, axis2=-1).real
    slot = (problem.carrier_power + problem.passive_receive_power) * problem.slot
    return np.asarray(times > (USED * np.minimum(np.abs(value) / slot, 1.0))[:, None])


def parts_of(mixture: Array, channel: Array, ranks: Array) -> Array:
    """Return beams of the equal parts of mixtures, ``(instances, users, k, antennas)``, k the greatest rank.

    Of mixtures of rank one they are the principal eigenvector.
    """
    found = np.repeat(rules.principal(mixture)[:, :, None], int(ranks.max()), axis=2)
    for k, i in np.argwhere(ranks > 1):
        found[k, i, : ranks[k, i]] = switching.decomposed(mixture[k, i], channel[k, i], int(ranks[k, i]))
    return found


def generate(problem: BackscatterFrame, gap: float, deadline: float = np.inf) -> Generated:
    """Close the gap of every instance of a flat batch to `gap`, relative to its value and next to nothing.

    After the `deadline` of `mecopt.running.clock.now` no further round begins; the first one always runs.
    """
    terms = problem.terms(rules.matched(problem))
    at_hand = np.stack([rules.matched(problem), rules.charging(problem), rules.evenly(problem)], axis=2)
    instances, users, _, antennas = at_hand.shape
    mixture = np.zeros((instances, users, antennas, antennas), dtype=complex)
    prices = Prices(*(np.zeros((instances, users)) for _ in range(3)))
    unknown = np.full(instances, np.inf)
    state = Generated(mixture, prices, -unknown, unknown, np.zeros(instances, dtype=int))
    missed, each = hungry(problem, at_hand), feeding(problem)
    alike = [(left, at_hand[left]) for left in (np.flatnonzero(~missed), np.flatnonzero(missed)) if left.size]
    for _ in range(ROUNDS):
        alike = [(left, np.concatenate([beams, each[left]], axis=2) if missed[left[0]] else beams) for left, beams in alike]
        alike = _round(problem, terms, state, gap, alike, missed)
        if not alike or clock.now() > deadline:
            break
    return state


def feeding(problem: BackscatterFrame) -> Array:
    """Return beams matched to every user, for every slot, ``(instances, users, users, antennas)``."""
    matched = rules.matched(problem)
    return np.broadcast_to(matched[:, None], (problem.instances, problem.users, *matched.shape[1:]))


def hungry(problem: BackscatterFrame, beams: Array) -> Array:
    """Whether somebody of an instance can be fed, and is not by beams ``(instances, users, k, antennas)``.

    What no beam at hand feeds has no price of energy there, and no further beam would be asked for it.
    """
    strength = (np.abs(problem.channel) ** 2).sum(axis=-1)
    received = np.abs(np.einsum("fja,fika->fjik", problem.channel.conj(), beams)) ** 2
    others = ~np.eye(problem.users, dtype=bool)[:, :, None]
    most = np.where(others, received, 0.0).max(axis=(-2, -1))
    return np.asarray(((strength > 0.0) & (most < HUNGRY * strength)).any(axis=-1))


class _Followed(NamedTuple):
    """Frames with equally many beams, their best times."""

    left: Array
    """Which instances."""
    at_hand: Array
    """Beams, ``(instances, users, k, antennas)``."""
    prices: Prices
    cost: Array
    times: Array
    """``(instances, users, k)``"""
    mixture: Array


def _followed(problem: BackscatterFrame, terms: Terms, left: Array, at_hand: Array) -> _Followed:
    """Find the best times of the beams at hand."""
    divided, owner = columns(problem[left], some(terms, left), at_hand)
    found = follow(divided, TIGHT, owner)
    times = found.passive.reshape(*at_hand.shape[:3])
    mixture = np.einsum("fik,fika,fikb->fiab", times, at_hand, at_hand.conj())
    return _Followed(left, at_hand, found.prices, value(divided, found.point, found.passive), times, mixture)


def some(entries: Any, which: Array) -> Any:
    """Return entries of some instances, of terms or prices."""
    return type(entries)(*(entry[which] for entry in entries))


def _proved(part: BackscatterFrame, terms: Terms, state: Generated, left: Array, prices: Prices, best: Best) -> None:
    """Keep prices and what they prove where that is more; several of them stand along the first axis."""
    for reached, *trial in zip(proved(part, terms, prices, best), *prices, strict=True):
        higher = reached > state.bound[left]
        state.bound[left[higher]] = reached[higher]
        for mine, new in zip(state.prices, trial, strict=True):
            mine[left[higher]] = new[higher]


def _prove_little(
    part: BackscatterFrame, terms: Terms, state: Generated, left: Array, small: Array, prices: Prices, best: Best
) -> None:
    """Take so much off the prices of frames of little cost that no slot of carrier brings more than it costs.

    What it brings more counts for the whole slot, of which such frames use next to nothing (Farley, "A note on bounding a
    class of linear programming problems", Oper. Res. 38(5), 1990).
    """
    mine, own = part[small], some(terms, small)
    less = withdrawn(Prices(*(entry[:, small] for entry in prices)), excessive(best.reflected[:, small], own.costs[:, 2:3]))
    _proved(mine, own, state, left[small], less, best_beams(mine, own, less))


def _round(
    problem: BackscatterFrame,
    terms: Terms,
    state: Generated,
    gap: float,
    alike: list[tuple[Array, Array]],
    missed: Array,
) -> list[tuple[Array, Array]]:
    """Take instances a round further; return those that are open with the beams to go on with.

    They are put together by how many these are, and whether they are hungry, which depends on nothing but the instance
    itself. What prices ask for is found for all of them at once.
    """
    followed = [_followed(problem, terms, left, at_hand) for left, at_hand in alike]
    left, cost, whole = (np.concatenate([getattr(one, name) for one in followed]) for name in ("left", "cost", "mixture"))
    part, own = problem[left], some(terms, left)
    found = Prices(*(np.concatenate(each) for each in zip(*(one.prices for one in followed), strict=True)))
    trials = Prices(*(np.stack(each) for each in zip(found, between(found, some(state.prices, left)), strict=True)))
    asked = best_beams(part, own, trials)
    _proved(part, own, state, left, trials, asked)
    state.rounds[left] += 1
    improved = cost < state.value[left]
    state.value[left[improved]], state.mixture[left[improved]] = cost[improved], whole[improved]
    small = np.flatnonzero(_open(problem, state, gap, left) & (np.abs(cost) < SMALL * own.cost_unit[:, 0]))
    if small.size:
        _prove_little(part, own, state, left, small, trials, asked)
    doubted = left[_below(problem, state, gap, left)]
    if doubted.size:
        state.value[doubted] = problem[doubted].optimal_value(rules.principal(state.mixture[doubted]))
    open_, ranks = _open(problem, state, gap, left), np.where(carried(part, whole, cost), switching.rank(whole), 1)
    kinds = np.stack([asked.apart.any(axis=(0, -1)).astype(int), ranks.max(axis=-1)], axis=1)
    again: dict[tuple[bool, int], list[tuple[Array, Array]]] = {}
    first = 0
    for one in followed:
        rows, first = np.arange(first, first + one.left.size), first + one.left.size
        kept = np.take_along_axis(one.at_hand, np.argsort(-one.times, axis=-1)[..., :KEPT, None], axis=2)
        for plane, parts in np.unique(kinds[rows[open_[rows]]], axis=0).tolist():
            mine = rows[open_[rows] & (kinds[rows] == (plane, parts)).all(axis=-1)]
            more = [kept[mine - rows[0]], *asked.beams[:, mine], rules.principal(whole[mine])[:, :, None]]
            more += [*asked.between[:, mine]] if plane else []
            more += [parts_of(whole[mine], part.channel[mine], ranks[mine])] if parts > 1 else []
            beams = np.concatenate(more, axis=2)
            again.setdefault((bool(missed[one.left[0]]), beams.shape[2]), []).append((left[mine], beams))
    return [
        (np.concatenate([*lefts]), np.concatenate([*beams]))
        for lefts, beams in (zip(*each, strict=True) for each in again.values())
    ]


def _open(problem: BackscatterFrame, state: Generated, gap: float, left: Array) -> Array:
    """Whether the gap of instances is still to be closed."""
    size = np.abs(state.value[left]) + NOTHING * problem.negligible[left]
    return np.asarray(state.value[left] - state.bound[left] > gap * size + DUST * problem.negligible[left])


def _below(problem: BackscatterFrame, state: Generated, gap: float, left: Array) -> Array:
    """Whether instances seem to cost less than is proved: rounding has left out some of very little work."""
    bound = state.bound[left]
    return np.asarray(state.value[left] < bound - gap * (np.abs(bound) + NOTHING * problem.negligible[left]))
