"""Figures of the lesson on backscatter frames: penalty, prices, one slope, the rank of beams, and energy that is kept."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.figure import Figure, Slider, steps
from mecopt.contract.solution import Solution
from mecopt.models.backscatter_frame.lesson.mixtures import at_slope, forms
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.variables import FrameAllocation, FramePrices
from mecopt.show.priced import bound_by_price
from mecopt.show.view import FOUR, Number, Panel, View, level, mark, upright
from mecopt.solve import solve

Array = NDArray[Any]
Answer = Solution[FrameAllocation, FramePrices]

LOAD = Slider("load", "work of all users, over that of the draw", (0.8, 1.0, 1.2), start=1)
ROUNDING = 1e-6
"""Seconds, kbit or mJ that an interior point leaves where there is nothing."""
USERS: dict[float, str] = {k: f"user {k}" for k in range(3)}


def _plain(value: float) -> float:
    return float(value) if value > ROUNDING else 0.0


@cache
def _frame(load: float) -> BackscatterFrame:
    """Return three users who harvest from each other's slots."""
    drawn = BackscatterFrame.sample(np.random.default_rng(3))
    return replace(drawn, workload=load * drawn.workload)


@cache
def _solved(load: float) -> Answer:
    return solve(_frame(load))


# ---------------------------------------------------------------------- 4: the elastic penalty


@cache
def _priced(load: float, penalty: float) -> Answer:
    return solve(replace(_frame(load), unserved_price=10.0**penalty))


def penalty(price: float, load: float) -> View:
    """What users leave at a price of unserved work."""
    best, largest = _priced(load, price), float(np.log10(_solved(load).dual.work_price.max()))
    along = PENALTY_PRICE.values
    left = np.array([_priced(load, one).allocation.unserved_bits for one in along]) / _frame(load).workload
    here = best.allocation.unserved_bits / _frame(load).workload
    return View(
        (
            Panel(
                "price K of unserved work, log₁₀ of mJ/kbit",
                "part of its work that a user leaves",
                (
                    *(mark(f"user {k}", along, left[:, k], "line", role) for k, role in enumerate(FOUR[:3])),
                    mark("at your price", np.full(3, price), here, "dots", "best"),
                    upright("largest work price", largest, "quiet"),
                ),
                y_range=(0.0, 1.02),
            ),
        ),
        (
            Number("energy and penalty", best.objective, "mJ"),
            Number("work left", _plain(best.allocation.unserved_bits.sum()), "kbit"),
            Number("largest work price", 10.0**largest, "mJ/kbit"),
        ),
        f"At {10.0**price:.4g} mJ/kbit {int((here > 1e-6).sum())} of 3 users leave work. Above the largest work price, "
        f"{10.0**largest:.4g} mJ/kbit, nobody does.",
        (best,),
    )


PENALTY_PRICE = Slider("price", "price K, log₁₀ of mJ/kbit", steps(-2.0, 2.0, 21), start=10)
PENALTY = Figure(
    "Cheap work is left, dear work is done",
    "Raise the price: one user after the other is served in full. From the largest work price on, "
    "a higher one changes nothing.",
    (PENALTY_PRICE, LOAD),
    penalty,
)

# ---------------------------------------------------------------------- 6: any prices


def any_prices(work: float, energy: float) -> View:
    """The bound where all work prices and all energy prices are changed by a factor."""
    best = _solved(1.0)
    panel, bound = bound_by_price(
        partial(_bounds, energy),
        np.linspace(0.0, 1.5, 31),
        work,
        best.objective,
        x="work prices, over the best ones",
        y="energy of the access point [mJ]",
        x_range=(0.0, 1.5),
        y_range=(-100.0, 350.0),
    )
    lacks = max(1.0 - bound / float(best.objective), 0.0)
    proved = f"the bound lacks {lacks:.2%}." if bound > 1e-6 else "they prove nothing, since no energy is negative."
    return View(
        (panel,),
        (
            Number("bound at your prices", bound, "mJ"),
            Number("least energy", best.objective, "mJ"),
        ),
        f"At these prices no beams and no allocation take less than {bound:.6g} mJ; the least energy is "
        f"{float(best.objective):.6g} mJ: {proved}",
        (best,),
    )


def _bounds(energy: float, work: Array) -> Array:
    return np.array([_bound(energy, round(float(one), 9)) for one in work])


@cache
def _bound(energy: float, work: float) -> float:
    """Return the bound over all beams at the best prices, those of work and of energy changed by factors."""
    best = _solved(1.0).dual
    return float(
        _frame(1.0).relaxed_bound(FramePrices(work * best.work_price, energy * best.energy_price, best.capacity_price))
    )


ANY_PRICES = Figure(
    "Prices of work, prices of energy",
    "Only where both fit does the bound reach the least energy; it is above it nowhere. Halve the "
    "energy prices, and find the work prices that are best then.",
    (
        Slider("work", "work prices, over the best ones", steps(0.1, 1.5, 15), start=6),
        Slider("energy", "energy prices, over the best ones", steps(0.4, 1.2, 5), start=3),
    ),
    any_prices,
)

# ---------------------------------------------------------------------- 8: one slope


def slope(user: float, slope: float) -> View:
    """What a second of carrier earns at most, by the slope of the tangent."""
    frame, best, i = _frame(1.0), _solved(1.0), int(user)
    charged, own, gain = forms(frame, best.dual, i)
    along = np.linspace(*_SLOPES, 121)
    earned = np.array([at_slope(charged, own, gain, 10.0**one) for one in along])
    here, least = at_slope(charged, own, gain, 10.0**slope), int(earned.argmin())
    cost = float(frame.carrier_power + frame.passive_receive_power)
    beam = np.linalg.eigh(charged + 10.0**slope * own)[1][:, -1]
    strength = np.linalg.norm(frame.channel, axis=-1)
    towards = np.abs(frame.channel.conj() @ beam) ** 2 / strength**2
    on = _plain(best.allocation.passive_time[i])
    return View(
        (
            Panel(
                "slope ν, log₁₀ of mW",
                "what a second of carrier earns [mW]",
                (
                    mark("f(ν)", along, earned, "line", "first"),
                    mark("f at yours", slope, here, "dots", "first"),
                    mark("least f", along[least], earned[least], "dots", "best"),
                    level("what it costs, p + p_br", cost, "quiet"),
                ),
                x_range=_SLOPES,
                y_range=(0.0, 9000.0),
            ),
            Panel(
                "user",
                "part of the beam that points at the user",
                (mark("|hᴴw|²/‖h‖²", np.arange(3), towards, "bars", "second"),),
                USERS,
                y_range=(0.0, 1.0),
            ),
        ),
        (
            Number("f at your slope", here, "mW"),
            Number("what the carrier costs", cost, "mW"),
            Number("carrier in this slot", on, "s"),
            Number("least energy of the frame", best.objective, "mJ"),
        ),
        f"By your slope a second of carrier in the slot of user {i} earns {here:.5g} mW at most. In the best "
        f"frame it is on for {on:.3g} s there: "
        + ("the least f is what it costs." if on else "the least f is below what it costs."),
        (best,),
    )


_SLOPES = (-2.0, 4.0)
SLOPE = Figure(
    "One slope, one eigenvector",
    "Every slope bounds what a second of carrier earns. The steeper it is, the more the beam points at the slot's own user; "
    "the best one weighs that against feeding the others.",
    (
        Slider("user", "whose slot", (0.0, 1.0, 2.0), start=1, whole=True),
        Slider("slope", "slope ν, log₁₀ of mW", steps(*_SLOPES, 25), start=8),
    ),
    slope,
)

# ---------------------------------------------------------------------- 9: the rank of the beams

BEAMS = 91
"""Single beams that are tried along each of two angles."""


@cache
def _crowd(users: int, spread: float) -> BackscatterFrame:
    """Return a silent user and some others, in directions that lie together or as far apart as two antennas allow."""
    polar = spread * np.array([0.0, np.pi, 0.5 * np.pi, 0.5 * np.pi, 0.5 * np.pi, 0.5 * np.pi])
    phase = np.array([0.0, 0.0, 0.0, np.pi, 0.5 * np.pi, 1.5 * np.pi])
    directions = np.stack([np.cos(0.5 * polar), np.exp(1j * phase) * np.sin(0.5 * polar)], axis=-1)
    return BackscatterFrame(
        channel=0.03 * np.concatenate([np.zeros((1, 2)), directions[:users]]),
        workload=np.append(0.0, np.full(users, 55.0)),
        battery=0.0,
        mode="active-enabled",
        compute_rate=0.0,
        active_receive_power=0.0,
        circuit_power=0.0,
    )


def _fed(frame: BackscatterFrame, beams: Array) -> Array:
    """Return the part of the best that each user but the first hears of the first slot's beams, ``(beams, users)``."""
    h = frame.channel[1:]
    return np.abs(beams @ h.conj().T) ** 2 / (np.abs(h) ** 2).sum(axis=-1)


def rank(users: float, spread: float) -> View:
    """The mixture of beams that feeds a crowd, and the best single beam."""
    frame = _crowd(int(users), spread)
    best = solve(frame)
    beams = np.reshape(best.decision[0], (-1, 2))
    values = np.sort(np.linalg.eigvalsh(np.einsum("ka,kb->ab", beams, beams.conj()) / len(beams)))[::-1]
    polar, phase = np.meshgrid(np.linspace(0.0, np.pi, BEAMS), np.linspace(0.0, 2.0 * np.pi, BEAMS)[:-1])
    single = np.stack([np.cos(0.5 * polar), np.exp(1j * phase) * np.sin(0.5 * polar)], axis=-1).reshape(-1, 2)
    mixed, alone = _fed(frame, beams).mean(axis=0), _fed(frame, single)
    alone = alone[alone.min(axis=-1).argmax()]
    crowd, parts = np.arange(1, int(users) + 1), int((values > 1e-4).sum())
    return View(
        (
            Panel(
                "eigenvalue of the mixture",
                "part of the carrier's time",
                (mark("eigenvalues", np.arange(2), np.maximum(values, 0.0), "bars", "first"),),
                {0: "first", 1: "second"},
                y_range=(0.0, 1.05),
            ),
            Panel(
                "user",
                "what it gets of a beam of its own",
                (
                    mark("the mixture", crowd, mixed, "bars", "first"),
                    mark("the fairest single beam", crowd, alone, "bars", "quiet"),
                ),
                {k: str(k) for k in range(1, 7)},
                y_range=(0.0, 1.05),
            ),
        ),
        (
            Number("least energy", best.objective, "mJ"),
            Number("rank", parts),
            Number("least share, mixture", mixed.min()),
            Number("least share, one beam", alone.min()),
        ),
        f"The best mixture is of rank {parts}. It feeds the worst fed user with {mixed.min():.1%} of a beam of its own; the "
        f"fairest of {len(single)} single beams with {alone.min():.1%}.",
        (best,),
    )


RANK = Figure(
    "One beam, or two in turn",
    "Users who lie together are fed by one beam. Move them apart: from some number of users on no single beam feeds all "
    "alike, and two in turn do.",
    (
        Slider("users", "users with work", tuple(map(float, range(1, 7))), start=5, whole=True),
        Slider("spread", "how far apart they are", steps(0.0, 1.0, 6), start=5),
    ),
    rank,
)

# ---------------------------------------------------------------------- 10: energy that is kept


@cache
def _kept(load: float, worth: float) -> Answer:
    return solve(replace(_frame(load), battery_price=1000.0 * worth))


def kept(worth: float, load: float) -> View:
    """What is kept, and what the access point spends for it, by what a kept mJ is worth."""
    best, along = _kept(load, worth), WORTH.values
    energy = np.array([_kept(load, one).allocation.kept_energy.sum() for one in along])
    spent = np.array([float(_kept(load, one).objective) for one in along]) + 1000.0 * np.array(along) * energy
    stays = _plain(best.allocation.kept_energy.sum())
    pays = float(best.objective) + 1000.0 * worth * stays
    return View(
        (
            Panel(
                "worth v of a mJ that is kept [1,000 mJ]",
                "kept in all batteries [mJ]",
                (mark("kept", along, energy, "line", "first"), mark("yours", worth, stays, "dots", "best")),
            ),
            Panel(
                "worth v of a mJ that is kept [1,000 mJ]",
                "energy of the access point [mJ]",
                (mark("spent", along, spent, "line", "second"), mark("yours", worth, pays, "dots", "best")),
            ),
        ),
        (
            Number("spent less worth of what is kept", best.objective, "mJ"),
            Number("kept", stays, "mJ"),
            Number("energy of the access point", pays, "mJ"),
        ),
        f"At {1000.0 * worth:g} mJ for each that is kept the access point spends {pays:.5g} mJ, and {stays:.3g} mJ are "
        "in the batteries as the next frame begins.",
        (best,),
    )


WORTH = Slider("worth", "worth v of a kept mJ, in 1,000 mJ", steps(0.0, 4.0, 17), start=6)
KEPT = Figure(
    "Today's least energy empties the batteries",
    "At 0 nothing is kept. Where a kept mJ is worth more than the carrier that brings it, the carrier stays on.",
    (WORTH, LOAD),
    kept,
)
