"""Figures of the lesson on band and power: joint convexity, what binds, one price of bandwidth, and bounds."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.figure import Figure, Slider, steps
from mecopt.models.bandwidth_power.allocation import demanded, power_per_band
from mecopt.models.bandwidth_power.problem import LN2, BandwidthPower
from mecopt.models.bandwidth_power.variables import BandwidthPrice
from mecopt.show.priced import bound_by_price, two_sides
from mecopt.show.view import FOUR, Number, Panel, View, level, mark, upright
from mecopt.solve import allocate, solve

Array = NDArray[Any]

MEGA = 1e6

# ---------------------------------------------------------------------- 2: joint convexity


def joint_convexity(angle: float, gain: float) -> View:
    """The upload's time along a line through the plane of band and power."""
    problem = BandwidthPower(channel_gain=[10.0 ** (gain / 10.0)], max_power=0.5, bandwidth=2.0 * MEGA)
    best = allocate(problem, [1])
    part, turn = np.linspace(-1.0, 1.0, 81), np.deg2rad(angle)
    band, power = 2.0 + 1.5 * np.cos(turn) * part, 0.5 + 0.375 * np.sin(turn) * part
    snr = float(problem.channel_gain[0] / problem.noise_density) / MEGA
    rate, middle = band * np.log1p(snr * power / band), 2.0 * np.log1p(snr * 0.25)
    time = middle / rate
    chord = np.interp(part, part[[0, -1]], time[[0, -1]])
    along = np.linspace(0.3, 4.0, 75)
    with np.errstate(over="ignore"):
        levels = [along / snr * np.expm1(size * middle / along) for size in (0.5, 1.0, 1.5)]
    return View(
        (
            Panel(
                "band b [MHz]",
                "power p [W]",
                (
                    *(
                        mark(f"{size:g} of the middle's rate", along, np.where(curve <= 1.0, curve, np.nan), "line", role)
                        for size, curve, role in zip((0.5, 1.0, 1.5), levels, FOUR, strict=False)
                    ),
                    mark("your line", band[[0, -1]], power[[0, -1]], "dashed", "quiet"),
                    mark("the middle", 2.0, 0.5, "dots", "best"),
                ),
                x_range=(0.0, 4.0),
                y_range=(0.0, 1.0),
            ),
            Panel(
                "along your line",
                "time D/r, over the middle's",
                (
                    mark("time D/r", part, time, "line", "first"),
                    mark("chord", part, chord, "dashed", "quiet"),
                    mark("the middle", 0.0, 1.0, "dots", "best"),
                ),
                {-1.0: "one end", 0.0: "middle", 1.0: "other end"},
                x_range=(-1.2, 1.2),
                y_range=(0.0, 4.0),
            ),
        ),
        (
            Number("latency in the middle", best.objective, "s"),
            Number("chord above the curve there", chord[40] - 1.0),
        ),
        f"Along this line the time stays below its chord, in the middle by {chord[40] - 1.0:.2%} of the time there.",
        (best,),
    )


JOINT_CONVEXITY = Figure(
    "Convex in every direction",
    "Turn the line: 0° changes the band alone, 90° the power alone, 45° both in proportion, −45° gives one for the other. "
    "The curves of equal rate are one curve in three sizes.",
    (
        Slider("angle", "direction of the line", steps(-90.0, 90.0, 13), "°", start=3),
        Slider("gain", "channel gain h", steps(-86.0, -68.0, 7), "dB", start=3),
    ),
    joint_convexity,
)

# ---------------------------------------------------------------------- 6: elimination of the power


def elimination(budget: float, power: float) -> View:
    """One user's best power and rate over its band, under a power cap and an energy budget."""
    alone = BandwidthPower(channel_gain=[2e-8], max_power=power, bandwidth=4.0 * MEGA)
    least = float(alone.data_size[0] * LN2 * alone.noise_density / alone.channel_gain[0])
    problem = replace(alone, energy_budget=budget * least)
    best = allocate(problem, [1])
    reach, ceiling = float(problem.terms().reach[0]) / MEGA, float(problem.terms().ceiling[0])
    ratio = float(power_per_band(problem)[0]) * MEGA
    band = np.linspace(0.02, 6.0, 100)
    by_cap, by_budget, knee = band * np.log1p(reach / band) / LN2, ceiling * band / LN2, power / ratio
    binds = "the energy budget" if knee > 4.0 else "the power cap"
    return View(
        (
            Panel(
                "band b [MHz]",
                "rate [Mbit/s]",
                (
                    mark("what the budget allows", band, by_budget, "dashed", "second"),
                    mark("what the cap allows", band, by_cap, "dashed", "third"),
                    mark("best rate R(b)", band, np.minimum(by_cap, by_budget), "line", "first"),
                    mark("on 4 MHz", 4.0, min(4.0 * ceiling, 4.0 * np.log1p(reach / 4.0)) / LN2, "dots", "best"),
                ),
                x_range=(0.0, 6.0),
                y_range=(0.0, 5.0),
            ),
            Panel(
                "band b [MHz]",
                "power [W]",
                (
                    mark("ρb, the budget's", band, ratio * band, "dashed", "second"),
                    level("P, the cap", power, "third"),
                    mark("best power", band, np.minimum(power, ratio * band), "line", "first"),
                    mark("on 4 MHz", 4.0, best.allocation.power, "dots", "best"),
                ),
                x_range=(0.0, 6.0),
                y_range=(0.0, 2.5),
            ),
        ),
        (
            Number("latency on 4 MHz", best.objective, "s"),
            Number("band where both bind", knee, "MHz"),
            Number("power on 4 MHz", best.allocation.power[0], "W"),
        ),
        f"Budget and cap meet at {knee:.3g} MHz: on narrower bands the budget binds, on wider ones the cap. On 4 MHz "
        f"{binds} binds.",
        (best,),
    )


ELIMINATION = Figure(
    "Two limits, one concave rate",
    "On narrow bands the energy budget holds the power down, on wide ones the cap. A greater budget moves the kink to the "
    "left, a greater cap to the right.",
    (
        Slider("budget", "energy budget over the least", (1.05, 1.1, 1.2, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0), start=4),
        Slider("power", "power cap P", steps(0.4, 2.0, 9), "W", start=4),
    ),
    elimination,
)

# ---------------------------------------------------------------------- 7: one price

GAINS = np.array([1e-8, 2e-8, 6e-8])


def one_price(bandwidth: float, budget: float) -> View:
    """Three users who offload: the band that they ask for at each price, and what they get."""
    least = 8e5 * LN2 * 1e-14 / GAINS
    problem = BandwidthPower(channel_gain=GAINS, bandwidth=bandwidth * MEGA, energy_budget=budget * least)
    everyone = np.ones(3, dtype=np.int8)
    best, prices = allocate(problem, everyone), np.geomspace(0.02, 6.0, 120)
    asked = demanded(problem, np.broadcast_to(everyone, (120, 3)), prices / MEGA) / MEGA
    price = float(best.dual.bandwidth_price) * MEGA
    share = np.asarray(best.allocation.band) / MEGA
    names = tuple(f"h = {1e8 * gain:g}·10⁻⁸" for gain in GAINS)
    capped = int(np.sum(best.allocation.power >= problem.max_power * (1.0 - 1e-9)))
    return View(
        (
            Panel(
                "price β, log₁₀ of s/MHz",
                "band that users ask for [MHz]",
                (
                    *(mark(name, np.log10(prices), asked[:, k], "line", FOUR[k]) for k, name in enumerate(names)),
                    mark("all", np.log10(prices), asked.sum(axis=-1), "dashed", "quiet"),
                    level("the band there is", bandwidth, "quiet"),
                    upright("price", np.log10(price)),
                ),
                x_range=(-1.7, 0.8),
                y_range=(0.0, 12.0),
            ),
            Panel(
                "user, by its channel gain h in 10⁻⁸",
                "band [MHz]",
                (mark("best share", np.arange(3), share, "bars", "first"),),
                {k: f"{1e8 * gain:g}" for k, gain in enumerate(GAINS)},
            ),
        ),
        (
            Number("latency", best.objective, "s"),
            Number("price of bandwidth β", price, "s/MHz"),
            Number("users at their power cap", capped),
        ),
        f"At {price:.3g} s/MHz the three ask for {bandwidth:g} MHz together, all there is. Users at their power cap: "
        f"{capped}. The others, if any, are held by their energy budgets.",
        (best,),
    )


ONE_PRICE = Figure(
    "Where demand meets the band",
    "A wider band lowers the price, and all three ask for more. Flat pieces are users for whom cap and budget bind at once: "
    "over a whole interval of prices they keep their band.",
    (
        Slider("bandwidth", "band B", steps(2.0, 10.0, 9), "MHz", start=2),
        Slider("budget", "energy budgets over the least", (1.2, 1.35, 1.5, 1.75, 2.0, 3.0, 5.0, 8.0), start=2),
    ),
    one_price,
)

# ---------------------------------------------------------------------- 8: any price


@cache
def _users() -> BandwidthPower:
    return BandwidthPower.sample(np.random.default_rng(4), preset="heterogeneous", users=8)


def any_price(price: float, bandwidth: float) -> View:
    """The bound at a price that one chooses, and the sides that users take there."""
    problem = replace(_users(), bandwidth=bandwidth * MEGA)
    best, terms = solve(problem), problem.terms()
    panel, bound = bound_by_price(
        partial(_bounds, problem),
        np.linspace(0.0, 0.6, 61),
        price,
        best.objective,
        x="price β of bandwidth [s/MHz]",
        y="cost [s]",
        x_range=(0.0, 0.6),
    )
    alone = np.eye(8, dtype=np.int8)
    # what one user pays for its upload at this price: the bound of a decision in which it alone offloads, less the rest
    away = problem.bound(alone, BandwidthPrice(np.full(8, price / MEGA))) + price * bandwidth
    away = away - (terms.local.sum() - terms.local)
    shown = np.where(np.isfinite(away), away, np.nan)
    cheaper = int((away < terms.local).sum())
    return View(
        (
            panel,
            two_sides("cost of the user at this price [s]", terms.local, shown, y_range=(0.0, 2.0)),
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


def _bounds(problem: BandwidthPower, prices: Array) -> Array:
    """Return the bound of one instance at many prices in s/MHz."""
    copies = replace(problem, channel_gain=np.broadcast_to(problem.channel_gain, (prices.size, problem.users)))
    return copies.relaxed_bound(BandwidthPrice(prices / MEGA))


ANY_PRICE = Figure(
    "A price that proves",
    "Raise the price from 0: users leave one by one, and the bound climbs until those who stay just fill the band. Beyond "
    "that less is asked for than there is, and the bound falls. The user without a second bar cannot offload: its energy "
    "budget carries nothing.",
    (
        Slider("price", "price β of bandwidth", steps(0.0, 0.6, 25), "s/MHz", start=1),
        Slider("bandwidth", "band B", steps(2.0, 8.0, 7), "MHz", start=2),
    ),
    any_price,
)
