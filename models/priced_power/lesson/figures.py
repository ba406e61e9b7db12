"""Figures of the lesson on priced power: a ratio that bends the wrong way, the variable that mends it, and one price."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.figure import Figure, Slider, steps
from mecopt.models.priced_power.allocation import offloading_costs
from mecopt.models.priced_power.lesson.ratios import second_derivative
from mecopt.models.priced_power.problem import PricedPower
from mecopt.models.priced_power.variables import InterferencePrice
from mecopt.show.priced import bound_by_price, two_sides
from mecopt.show.view import FOUR, Number, Panel, View, level, mark, upright
from mecopt.solve import allocate, solve

Array = NDArray[Any]

NANO = 1e-9
"""Interference is told in nW, its price in s/nW."""


# ---------------------------------------------------------------------- 2 and 5: powers and times


def _cost(power: Array, energy_price: float, snr: float) -> Array:
    """Return the cost of an upload that takes 1 s at one nat per second and hertz."""
    return np.asarray((1.0 + energy_price * power) / np.log1p(snr * power))


def _alike(users: int, energy_price: float, snr: float) -> PricedPower:
    """Return users with ω = 1 s, the signal-to-noise ratio at 1 W, and no common limit."""
    return PricedPower(
        channel_gain=np.full(users, 1e-8 * snr), data_size=1e6 / np.log(2.0), energy_price=energy_price, local_cost=100.0
    )


def one_ratio(energy_price: float, strength: float) -> View:
    """The cost of one upload over its power, and over its time."""
    snr = 10.0 ** (strength / 10.0)
    problem = _alike(1, energy_price, snr)
    best = allocate(problem, [1])
    power = np.linspace(0.01, 1.0, 100)
    cost = _cost(power, energy_price, snr)
    bent = second_derivative(np.array(energy_price), np.array(snr), power) < 0.0
    time = np.geomspace(1.0 / np.log1p(snr), 1.0, 120)
    by_time = time * (1.0 + energy_price * np.expm1(1.0 / time) / snr)
    chosen, least = float(best.allocation.transmit_power[0]), float(best.objective)
    wrong = float(bent.mean())
    said = f"bends downwards on {wrong:.0%} of the powers" if wrong else "bends upwards at all powers"
    return View(
        (
            Panel(
                "power p [W]",
                "cost of the upload, over the least",
                (
                    mark("cost", power, cost / least, "line", "first"),
                    mark("where it bends downwards", power, np.where(bent, cost / least, np.nan), "line", "second"),
                    mark("best", chosen, 1.0, "dots", "best"),
                ),
                x_range=(0.0, 1.0),
                y_range=(0.0, 5.0),
            ),
            Panel(
                "time t [s]",
                "cost of the upload, over the least",
                (
                    mark("cost", time, by_time / least, "line", "first"),
                    mark("best", 1.0 / np.log1p(snr * chosen), 1.0, "dots", "best"),
                ),
                x_range=(0.0, 1.0),
                y_range=(0.0, 5.0),
            ),
        ),
        (
            Number("least cost", best.objective, "s"),
            Number("best power", chosen, "W"),
            Number("part of the powers with a negative second derivative", wrong),
        ),
        f"Over the power the cost {said}; over the time of the same upload it bends upwards everywhere. The "
        "least cost is the same.",
        (best,),
    )


ONE_RATIO = Figure(
    "One cost, two variables",
    "Raise the price of energy, or strengthen the channel: over the power the curve bends the wrong way beyond some power. "
    "Over the time it never does.",
    (
        Slider("energy_price", "price of energy α", (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0), "1/W", start=7),
        Slider("strength", "signal to noise at 1 W", steps(15.0, 40.0, 6), "dB", start=3),
    ),
    one_ratio,
)


def two_valleys(energy_price: float, strength: float) -> View:
    """The cost of two uploads between the same two points, straight in the powers and straight in the times."""
    snr = 10.0 ** (strength / 10.0)
    problem = _alike(2, energy_price, snr)
    best = allocate(problem, [1, 1])
    part, ends = np.linspace(0.0, 1.0, 101), np.array([0.005, 0.995])
    power = ends[0] + (ends[1] - ends[0]) * part
    in_powers = _cost(power, energy_price, snr) + _cost(power[::-1], energy_price, snr)
    times = 1.0 / np.log1p(snr * ends)
    time = times[0] + (times[1] - times[0]) * part
    by_time = time * (1.0 + energy_price * np.expm1(1.0 / time) / snr)
    in_times = by_time + by_time[::-1]
    valleys = [_valleys(values) for values in (in_powers, in_times)]
    middle = [values / values[50] for values in (in_powers, in_times)]
    return View(
        (
            Panel(
                "part of the way, straight in the powers",
                "cost, over that half way",
                (
                    mark("straight in the powers", part, middle[0], "line", "second"),
                    mark("valleys", part[valleys[0]], middle[0][valleys[0]], "dots", "best"),
                ),
                x_range=(0.0, 1.0),
                y_range=(0.9, 1.1),
            ),
            Panel(
                "part of the way, straight in the times",
                "cost, over that half way",
                (
                    mark("straight in the times", part, middle[1], "line", "first"),
                    mark("valleys", part[valleys[1]], middle[1][valleys[1]], "dots", "best"),
                ),
                x_range=(0.0, 1.0),
                y_range=(0.9, 1.3),
            ),
        ),
        (
            Number("least cost of all powers", best.objective, "s"),
            Number("valleys, straight in the powers", valleys[0].size),
            Number("valleys, straight in the times", valleys[1].size),
        ),
        f"Both ways lead from powers of 0.005 and 0.995 W to 0.995 and 0.005 W. Straight in the powers the cost has "
        f"{valleys[0].size} {'valley' if valleys[0].size == 1 else 'valleys'}, straight in the times {valleys[1].size}.",
        (best,),
    )


def _valleys(values: Array) -> Array:
    """Return the places within a curve that are lower than both neighbours."""
    inside = values[1:-1]
    return 1 + np.flatnonzero((inside < values[:-2]) & (inside < values[2:]))


TWO_VALLEYS = Figure(
    "A hill that is not there",
    "Where energy is dear, a straight way through the powers of two users has a hill in the middle. The straight way "
    "through their times has none: a hill on a line need not keep anybody from the optimum.",
    (
        Slider("energy_price", "price of energy α", (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0), "1/W", start=7),
        Slider("strength", "signal to noise at 1 W", steps(20.0, 40.0, 5), "dB", start=2),
    ),
    two_valleys,
)

# ---------------------------------------------------------------------- 7: one price

GAINS = np.array([2e-7, 5e-8, 2e-8, 1e-8])
DISTURB = np.array([2e-9, 8e-9, 4e-9, 4e-9])


def one_price(limit: float, energy_price: float) -> View:
    """Four users who offload: the interference that they cause at each price, and their powers."""
    problem = PricedPower(
        channel_gain=GAINS, interference_gain=DISTURB, interference_limit=limit * NANO, energy_price=energy_price
    )
    everyone = np.ones(4, dtype=np.int8)
    best, prices = allocate(problem, everyone), np.geomspace(0.003, 30.0, 120)
    free = replace(problem, interference_limit=np.inf)
    caused = _powers(problem, prices) * DISTURB / NANO
    alone = allocate(free, everyone).allocation.transmit_power
    price = float(best.dual.interference_price) * NANO
    said = (
        f"At {price:.3g} s/nW they cause just {limit:g} nW" if price > 0.0 else "The limit does not bind, and its price is 0"
    )
    return View(
        (
            Panel(
                "price μ, log₁₀ of s/nW",
                "interference [nW]",
                (
                    *(mark(f"user {k}", np.log10(prices), caused[:, k], "line", FOUR[k]) for k in range(4)),
                    mark("all", np.log10(prices), caused.sum(axis=-1), "dashed", "quiet"),
                    level("limit I", limit, "quiet"),
                    upright("price", np.log10(price) if price > 0.0 else np.nan),
                ),
                x_range=(-2.5, 1.5),
                y_range=(0.0, 10.0),
            ),
            Panel(
                "user",
                "power [W]",
                (
                    mark("within the limit", np.arange(4), best.allocation.transmit_power, "bars", "first"),
                    mark("without a limit", np.arange(4), alone, "bars", "quiet"),
                ),
                {k: str(k) for k in range(4)},
                y_range=(0.0, 1.0),
            ),
        ),
        (
            Number("cost", best.objective, "s"),
            Number("price of interference μ", price, "s/nW"),
            Number("interference", float(best.allocation.transmit_power @ DISTURB) / NANO, "nW"),
        ),
        f"{said}. No user below its cap would save more by another watt than that disturbs at this price.",
        (best,),
    )


def _powers(problem: PricedPower, prices: Array) -> Array:
    """Return the powers that all users choose at prices of interference in s/nW, which then keep no limit."""
    from mecopt.models.priced_power.allocation import efficiencies

    everyone = np.ones((prices.size, problem.users), dtype=np.int8)
    whole = prices / NANO * float(problem.interference_limit)
    return np.asarray(np.expm1(efficiencies(problem, everyone, whole)) / problem.coefficients().snr)


ONE_PRICE = Figure(
    "A neighbour with a price",
    "Tighten the limit: its price rises, and the four give way, each by its own curve. The price is where all of them "
    "together cause what is tolerated.",
    (
        Slider("limit", "tolerated interference I", (0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0), "nW", start=4),
        Slider("energy_price", "price of energy α", (0.0, 1.0, 2.0, 5.0, 10.0, 20.0), "1/W", start=2),
    ),
    one_price,
)

# ---------------------------------------------------------------------- 8: any price


@cache
def _users() -> PricedPower:
    return PricedPower.sample(np.random.default_rng(1), users=8)


def any_price(price: float, limit: float) -> View:
    """The bound at a price that one chooses, and the sides that users take there."""
    problem = replace(_users(), interference_limit=limit * NANO)
    best = solve(problem)
    panel, bound = bound_by_price(
        partial(_bounds, problem),
        np.linspace(0.0, 8.0, 81),
        price,
        best.objective,
        x="price μ of interference [s/nW]",
        y="cost [s]",
        x_range=(0.0, 8.0),
        y_range=(30.0, 45.0),
    )
    away = offloading_costs(problem, np.ones(8, dtype=np.int8), np.asarray(price * limit))
    cheaper = int((away < problem.local_cost).sum())
    return View(
        (
            panel,
            two_sides("cost of the user at this price [s]", problem.local_cost, away, y_range=(0.0, 20.0)),
        ),
        (
            Number("bound at your price", bound, "s"),
            Number("optimal cost", best.objective, "s"),
            Number("users to whom offloading is cheaper", cheaper),
        ),
        f"At this price no decision costs less than {bound:.6g} s; the optimum costs {float(best.objective):.6g} s. "
        f"Offloading is cheaper to {cheaper} of 8 users.",
        (best,),
    )


def _bounds(problem: PricedPower, prices: Array) -> Array:
    """Return the bound of one instance at many prices in s/nW."""
    copies = replace(problem, channel_gain=np.broadcast_to(problem.channel_gain, (prices.size, problem.users)))
    return copies.relaxed_bound(InterferencePrice(prices / NANO))


ANY_PRICE = Figure(
    "A price for peace, and a proof",
    "Raise the price from 0: users lower their powers, then leave. The bound climbs as long as they cause more than is "
    "tolerated, and never passes the optimum.",
    (
        Slider("price", "price μ of interference", steps(0.0, 8.0, 21), "s/nW", start=1),
        Slider("limit", "tolerated interference I", (2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, 5.0), "nW", start=1),
    ),
    any_price,
)
