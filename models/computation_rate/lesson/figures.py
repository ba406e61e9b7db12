"""Figures of the lesson on the computation rate: a perspective and its cone, one price of time, bounds, and equal users."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.figure import Figure, Slider, steps
from mecopt.models.computation_rate.allocation import earning, peak
from mecopt.models.computation_rate.problem import ComputationRate
from mecopt.models.computation_rate.variables import FrameTimes, TimePrice
from mecopt.show.priced import bound_by_price, two_sides
from mecopt.show.view import FOUR, Number, Panel, View, level, mark, upright
from mecopt.solve import allocate, solve

Array = NDArray[Any]

MEGA = 1e6

POWER = Slider("power", "transmit power P", (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0), "W", start=4)


@cache
def _users(count: int, seed: int = 2) -> ComputationRate:
    """Return users on the line of the paper."""
    return ComputationRate.sample(np.random.default_rng(seed), users=count)


# ---------------------------------------------------------------------- 2: a perspective


def perspective(gain: float, ratio: float) -> View:
    """One user offloads: its rate along the sending time, for harvest times of one to four, and along the frame."""
    problem = ComputationRate(channel_gain=[10.0 ** (gain / 10.0)], weight=1.0)
    best = allocate(problem, [1])
    time = np.linspace(0.0, 1.0, 101)

    def rate(harvest: Any, sending: Any) -> Array:
        times = FrameTimes(harvest_time=np.asarray(harvest), offload_time=np.asarray(sending)[..., None])
        return problem.objective(np.ones((*np.shape(sending), 1), dtype=np.int8), times) / float(best.objective)

    harvests = np.array([0.4, 0.2, 0.1])
    sent = ratio * harvests
    heights = rate(harvests, sent)
    return View(
        (
            Panel(
                "sending time τ, part of the frame",
                "rate, over the best rate",
                (
                    *(
                        mark(f"harvest a = {a:g}", time, rate(np.full(101, a), time), "line", role)
                        for a, role in zip(harvests, FOUR, strict=False)
                    ),
                    mark("the same τ/a", np.append(sent, 0.0), np.append(heights, 0.0), "dashed", "quiet"),
                    mark("", sent, heights, "dots", "quiet"),
                ),
                x_range=(0.0, 1.0),
                y_range=(0.0, 1.0),
            ),
            Panel(
                "sending time τ, the rest 1 − τ harvests",
                "rate, over the best rate",
                (
                    mark("rate of the full frame", time, rate(1.0 - time, time), "line", "first"),
                    mark("the best frame", best.allocation.offload_time, 1.0, "dots", "best"),
                ),
                x_range=(0.0, 1.0),
                y_range=(0.0, 1.0),
            ),
        ),
        (
            Number("best rate", best.objective, "bit/s"),
            Number("its harvest time a", best.allocation.harvest_time),
            Number("rate at a = 0.4 and this τ/a", heights[0] * float(best.objective), "bit/s"),
        ),
        f"Halve a and τ together and the rate halves: the three dots at τ = {ratio:g}·a are on one ray from 0. Every curve "
        f"bends downwards; along the full frame it is highest at τ = {float(best.allocation.offload_time[0]):.3g}.",
        (best,),
    )


PERSPECTIVE = Figure(
    "Three curves, one cone",
    "The curves are one curve in three sizes: that is a perspective, and the rays through 0 are its cone. Strengthen the "
    "channel: less harvesting is needed.",
    (
        Slider("gain", "channel gain h", steps(-58.0, -46.0, 7), "dB", start=3),
        Slider("ratio", "sending time over harvest time τ/a", (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5), start=3),
    ),
    perspective,
)


# ---------------------------------------------------------------------- 6: one price for a mode


def mode_price(offloading: float, power: float) -> View:
    """The price of time of a mode, where what harvesting earns crosses what it costs."""
    problem = replace(_users(8), transmit_power=power)
    order = np.argsort(-problem.channel_gain * np.sqrt(problem.weight))
    mode = np.zeros(8, dtype=np.int8)
    mode[order[: int(offloading)]] = 1
    best = allocate(problem, mode)
    price, times = float(best.dual.time_price), best.allocation
    prices = np.linspace(0.02, 3.0, 100) * MEGA
    local, gain, worth = problem.coefficients()
    answers = problem.respond(np.broadcast_to(mode, (100, 8)), TimePrice(time_price=prices))
    slope = local[mode == 0].sum() / 3.0 * answers.harvest_time ** (-2.0 / 3.0)
    earned = slope + earning(gain, worth, prices[:, None])[:, mode == 1].sum(axis=-1)
    bars = np.append(float(times.harvest_time), times.offload_time[order])
    return View(
        (
            Panel(
                "price ν of time [Mbit/s]",
                "Mbit/s for one more unit of time",
                (
                    mark("what harvesting earns, (A/3)a^(−⅔) + ΣC", prices / MEGA, earned / MEGA, "line", "first"),
                    mark("what it costs, ν", prices / MEGA, prices / MEGA, "line", "second"),
                    mark("the mode's price", price / MEGA, price / MEGA, "dots", "best"),
                ),
                x_range=(0.0, 3.0),
                y_range=(0.0, 3.0),
            ),
            Panel(
                "harvest, and users by channel, the strongest first",
                "part of the frame",
                (mark("time", np.arange(9), bars, "bars", "first"),),
                {k: str(k - 1) if k else "a" for k in range(9)},
                y_range=(0.0, 1.0),
            ),
        ),
        (
            Number("rate of this mode", best.objective, "bit/s"),
            Number("price ν of time", price, "bit/s"),
            Number("harvest time a", times.harvest_time),
        ),
        f"The {int(offloading)} strongest of 8 users offload. The curves cross at {price / MEGA:.3g} Mbit/s, and this one "
        f"number gives all times: harvesting takes {float(times.harvest_time):.1%} of the frame.",
        (best,),
    )


MODE_PRICE = Figure(
    "One crossing gives all times",
    "Let more users offload, or send more power: the curve moves, the crossing with it. What harvesting earns falls, what "
    "it costs rises, so that they cross once.",
    (Slider("offloading", "users who offload", tuple(map(float, range(1, 9))), start=3, whole=True), POWER),
    mode_price,
)


# ---------------------------------------------------------------------- 7: any price bounds all modes


def any_price(price: float, power: float) -> View:
    """The bound at a price that one chooses, and the sides that users take there."""
    problem = replace(_users(8), transmit_power=power)
    best = solve(problem)
    panel, bound = bound_by_price(
        lambda prices: _bounds(problem, prices * MEGA) / MEGA,
        np.linspace(0.1, 3.0, 59),
        price,
        float(best.objective) / MEGA,
        x="price ν of time [Mbit/s]",
        y="rate [Mbit/s]",
        x_range=(0.0, 3.0),
        y_range=(0.0, 4.0),
    )
    bound *= MEGA
    local, earned, harvest = _sides(problem, price * MEGA)
    kept, sent = local * np.cbrt(harvest) / MEGA, earned * harvest / MEGA
    return View(
        (
            panel,
            two_sides(
                "what the user adds at this price [Mbit/s]",
                kept,
                sent,
                names=("computes itself, Aᵢ∛a", "offloads, Cᵢ(ν)·a"),
            ),
        ),
        (
            Number("bound at your price", bound, "bit/s"),
            Number("optimal rate", best.objective, "bit/s"),
            Number("users to whom offloading is worth more", int((sent > kept).sum())),
        ),
        f"At this price no mode of the 256 has a rate above {bound:.6g} bit/s; the optimum is {float(best.objective):.6g} "
        f"bit/s: the bound is {bound / float(best.objective) - 1.0:.2%} above.",
        (best,),
    )


def _bounds(problem: ComputationRate, prices: Array) -> Array:
    """Return the bound of one instance at many prices."""
    copies = replace(problem, channel_gain=np.broadcast_to(problem.channel_gain, (prices.size, problem.users)))
    return copies.relaxed_bound(TimePrice(time_price=prices))


def _sides(problem: ComputationRate, price: float) -> tuple[Array, Array, float]:
    """Return A, C and the harvest time at which the bound of this price is attained."""
    local, gain, worth = problem.coefficients()
    earned = earning(gain, worth, np.asarray(price))
    order = np.argsort(local / earned)
    first = np.arange(local.size) < np.arange(local.size + 1)[:, None]
    away = np.where(first, earned[order], 0.0).sum(axis=-1)
    kept = np.where(first, 0.0, local[order]).sum(axis=-1)
    most = int(np.argmax(peak(kept, away, np.asarray(price))))
    net = price - away[most]
    return local, earned, 1.0 if 3.0 * net <= kept[most] else float((kept[most] / (3.0 * net)) ** 1.5)


ANY_PRICE = Figure(
    "Guess a price of time, get a bound",
    "At a low price all want to send and the bound is far; at a high one nobody does. In between it nearly touches the "
    "optimum, and most users are far from indifferent.",
    (Slider("price", "price ν of time", steps(0.2, 3.0, 15), "Mbit/s", start=1), POWER),
    any_price,
)


# ---------------------------------------------------------------------- 8: the slope of the bound


def slope(price: float, power: float) -> View:
    """The bound as a convex curve, its tangent, and how its maximiser fills the frame."""
    problem = replace(_users(8), transmit_power=power)
    best, here = solve(problem), price * MEGA
    prices = np.linspace(0.1, 3.0, 59) * MEGA
    bound = float(_bounds(problem, np.array([here]))[0])
    local, earned, harvest = _sides(problem, here)
    away = (earned * harvest > local * np.cbrt(harvest)).astype(np.int8)
    times = problem.respond(away, TimePrice(time_price=np.asarray(here)))
    sent = float(times.offload_time.sum() / times.harvest_time) * harvest
    left = 1.0 - harvest - sent
    tangent = bound + left * (prices - here)
    least = float(problem.relaxed_bound(problem.relaxed_dual()))
    says = (
        f"{-left:.1%} of the frame is overbooked, so a higher price"
        if left < 0.0
        else f"{left:.1%} is left, so a lower price"
    )
    return View(
        (
            Panel(
                "price ν of time [Mbit/s]",
                "rate [Mbit/s]",
                (
                    mark("bound L(ν)", prices / MEGA, _bounds(problem, prices) / MEGA, "line", "first"),
                    mark("tangent, its slope the time left", prices / MEGA, tangent / MEGA, "dashed", "second"),
                    mark("yours", price, bound / MEGA, "dots", "first"),
                    upright("best price", float(problem.relaxed_dual().time_price) / MEGA),
                ),
                x_range=(0.0, 3.0),
                y_range=(0.0, 4.0),
            ),
            Panel(
                "how the users would fill the frame at this price",
                "part of the frame",
                (
                    mark("time", np.arange(3), np.array([harvest, sent, harvest + sent]), "bars", "second"),
                    level("the frame", 1.0, "quiet"),
                ),
                {0: "harvest", 1: "send", 2: "both"},
                y_range=(0.0, 3.0),
            ),
        ),
        (
            Number("time left over", left),
            Number("least bound", least, "bit/s"),
            Number("optimal rate", best.objective, "bit/s"),
        ),
        f"At this price {says} gives a better bound. The least bound is {least / float(best.objective) - 1.0:.2%} above the "
        "optimum.",
        (best,),
    )


SLOPE = Figure(
    "The slope is the time left over",
    "Left of the best price the users ask for more than the frame has and the curve falls; right of it time is left over "
    "and the curve rises. The kinks are users who change their mind.",
    (Slider("price", "price ν of time", steps(0.4, 3.0, 14), "Mbit/s", start=1), POWER),
    slope,
)


# ---------------------------------------------------------------------- 10: equal users


def equal_users(users: float, gain: float) -> View:
    """The gap of the relaxation over the number of equal users, and the rates of all counts."""
    counts = np.arange(1, 61)
    gaps = np.array([_gap(int(n), gain) for n in counts])
    count = int(users)
    problem = _equal(count, gain)
    rates = problem.optimal_value((np.arange(count) < np.arange(count + 1)[:, None]).astype(np.int8))
    best, bound = solve(problem), float(problem.relaxed_bound(problem.relaxed_dual()))
    away = int(best.decision.sum())
    return View(
        (
            Panel(
                "equal users N",
                "gap of the root [%]",
                (
                    mark("bound above the optimum", counts, 100.0 * gaps, "line", "first"),
                    mark("yours", count, 100.0 * gaps[count - 1], "dots", "first"),
                ),
                x_range=(0.0, 60.0),
            ),
            Panel(
                "part of the users that offloads",
                "rate over the best rate",
                (
                    mark("best rate of each count", np.arange(count + 1) / count, rates / rates.max(), "line", "second"),
                    mark("optimum", away / count, 1.0, "dots", "best"),
                    level("bound of the relaxation", bound / float(best.objective), "first"),
                ),
                x_range=(0.0, 1.0),
                y_range=(0.7, 1.2),
            ),
        ),
        (
            Number("optimal rate", best.objective, "bit/s"),
            Number("users who offload", away),
            Number("bound of the relaxation", bound, "bit/s"),
        ),
        f"Of {count} equal users {away} offload in the best mode; the relaxation's bound is "
        f"{max(bound / float(best.objective) - 1.0, 0.0):.2%} above its rate.",
        (best,),
    )


def _equal(users: int, gain: float) -> ComputationRate:
    return ComputationRate(channel_gain=np.full(users, 1e-6 * gain), weight=1.0)


@cache
def _gap(users: int, gain: float) -> float:
    problem = _equal(users, gain)
    rates = problem.optimal_value((np.arange(users) < np.arange(users + 1)[:, None]).astype(np.int8))
    return max(float(problem.relaxed_bound(problem.relaxed_dual()) / rates.max()) - 1.0, 0.0)


EQUAL_USERS = Figure(
    "All, some, none",
    "Add users: the gap opens while all offload, peaks where some do and some do not, and closes as fewer and fewer do. A "
    "stronger channel moves the peak to more users.",
    (
        Slider(
            "users",
            "equal users N",
            (2.0, 4.0, 6.0, 8.0, 10.0, 14.0, 18.0, 22.0, 30.0, 40.0, 50.0, 60.0),
            start=4,
            whole=True,
        ),
        Slider("gain", "channel gain h of all", (2.4, 2.7, 3.0, 3.3, 3.6), "·10⁻⁶", start=2),
    ),
    equal_users,
)
