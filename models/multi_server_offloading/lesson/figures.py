"""Figures of the lesson on many servers: a ratio that is convex, the rule and its rivals, prices of servers, and limits."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.figure import Figure, Slider, steps
from mecopt.kernels.sum_of_ratios import RatioSolution
from mecopt.models.multi_server_offloading.lesson.prices import charged, of_speed
from mecopt.models.multi_server_offloading.lesson.ratios import damped, inverse, literal_step, undamped
from mecopt.models.multi_server_offloading.problem import MultiServerOffloading
from mecopt.show.view import FOUR, Number, Panel, View, level, mark, upright
from mecopt.solve import allocate, solve

Array = NDArray[Any]

GIGA = 1e9
"""Cycles are told in Gcycle, prices of load in s/√Gcycle."""

# ---------------------------------------------------------------------- 2: convex already


def convex_already(energy_price: float, snr: float) -> View:
    """The delay over the power, with a price on its energy that the problem does not have."""
    ratio = 10.0 ** (snr / 10.0)
    problem = MultiServerOffloading(channel_gain=[[1e-8 * ratio]], server_speed=[1e10])
    best = allocate(problem, [1])
    power = np.linspace(0.02, 1.0, 99)
    log = np.log1p(ratio * power)
    slope, paid = ratio / (1.0 + ratio * power), 1.0 + energy_price * power
    delay = float(problem.data_size[0] / problem.bandwidth[0]) * np.log(2.0) / log
    # q = (1 + αp)/ln(1 + Γp) by the quotient's rule, over q/p²
    bend = power**2 * (2.0 * slope**2 / log**2 + slope**2 / log - 2.0 * energy_price * slope / (log * paid))
    wrong = float(np.mean(bend < 0.0))
    said = (
        f"bends downwards on {wrong:.0%} of the powers: it is not convex"
        if wrong
        else "bends upwards everywhere: it is convex"
    )
    return View(
        (
            Panel(
                "power p [W]",
                "cost of the upload [s]",
                (
                    mark("(1 + αp)·D/r(p)", power, paid * delay, "line", "second"),
                    mark("D/r(p), the problem", power, delay, "dashed", "first"),
                ),
                x_range=(0.0, 1.0),
                y_range=(0.0, 1.2),
            ),
            Panel(
                "power p [W]",
                "second derivative, over cost/p²",
                (mark("(1 + αp)·D/r(p)", power, bend, "line", "second"), level("convex above this level", 0.0, "quiet")),
                x_range=(0.0, 1.0),
                y_range=(-0.2, 0.6),
            ),
        ),
        (
            Number("latency at full power", best.objective, "s"),
            Number("part of the powers with a negative second derivative", wrong),
        ),
        f"At a price of α = {energy_price:g} per watt the cost of the upload {said}.",
        (best,),
    )


CONVEX_ALREADY = Figure(
    "Convex, as long as energy is free",
    "At α = 0 the ratio is the problem's, and convex. Raise the price of energy where the signal is strong: the curve bends "
    "the other way.",
    (
        Slider("energy_price", "price of energy α", (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0), "1/W", start=8),
        Slider("snr", "signal to noise at full power", steps(10.0, 40.0, 7), "dB", start=3),
    ),
    convex_already,
)

# ---------------------------------------------------------------------- 5: two servers


def two_servers(first_speed: float, users: float) -> View:
    """Equal users on two servers: the cost of each division, and the prices of load."""
    count = int(users)
    problem = MultiServerOffloading(
        channel_gain=np.full((count, 2), 1e-7), server_speed=[first_speed * GIGA, 10.0 * GIGA], local_speed=1e8
    )
    best, here = solve(problem), np.arange(count + 1)
    costs = problem.optimal_value(1 + (np.arange(count) >= here[:, None])) / float(best.objective)
    at_first = int((best.decision == 1).sum())
    meet = count * first_speed / (first_speed + 10.0)
    return View(
        (
            Panel(
                "users on server 1, the others on server 2",
                "latency, over the least",
                (
                    mark("latency", here, costs, "line", "first"),
                    mark("", here, costs, "dots", "first"),
                    mark("optimum", at_first, 1.0, "dots", "best"),
                ),
                x_range=(0.0, 16.0),
                y_range=(0.9, 2.5),
            ),
            Panel(
                "users on server 1, the others on server 2",
                "price of load 2S/F [s/√Gcycle]",
                (
                    mark("server 1", here, 2.0 * here / first_speed, "line", "first"),
                    mark("server 2", here, 2.0 * (count - here) / 10.0, "line", "second"),
                    upright("optimum", at_first),
                ),
                x_range=(0.0, 16.0),
                y_range=(0.0, 3.5),
            ),
        ),
        (
            Number("optimal latency", best.objective, "s"),
            Number("users on server 1", at_first),
            Number("where the prices meet", meet),
        ),
        f"The prices meet at {meet:.3g} users on server 1; the optimum has {at_first}, and no whole number is nearer.",
        (best,),
    )


TWO_SERVERS = Figure(
    "Prices that meet",
    "Make server 1 faster: its price falls, and users come until both prices are as near as whole users allow.",
    (
        Slider("first_speed", "speed of server 1", steps(4.0, 40.0, 10), "Gcycle/s", start=4),
        Slider("users", "equal users", (6.0, 8.0, 10.0, 12.0, 14.0, 16.0), start=3, whole=True),
    ),
    two_servers,
)

# ---------------------------------------------------------------------- 6: cures


def cures(spread: float, uneven: float) -> View:
    """Methods for sums of ratios on one server's speeds, step by step."""
    work = np.exp(spread * np.linspace(-0.5, 0.5, 5))
    problem = MultiServerOffloading(channel_gain=np.full((5, 1), 1e-7), workload=GIGA * work, server_speed=[10.0 * GIGA])
    best = allocate(problem, np.ones(5, dtype=np.int8))
    rule = best.allocation.server_speed / GIGA
    start = np.exp(uneven * np.array([0.5, -0.5, 0.25, -0.25, 0.0]))
    start *= 10.0 / start.sum()
    slow, newton, hasty = (method(work, 10.0, start) for method in (inverse, damped, undamped))
    next_ = literal_step(work, 10.0)(1.0 / start, work / start, start)
    users = np.arange(5)
    missed = float(np.max(np.abs(np.log(hasty.iterates[:13][-1] / rule))))
    said = "has not arrived after 12" if missed > 1e-3 else "is there after 12, too"
    return View(
        (
            Panel(
                "step",
                "log₁₀ of the distance from the rule, in ln f",
                (
                    mark("quadratic transform", np.arange(13), _distance(slow, rule), "line", "first"),
                    mark("Jong's Newton, damped", np.arange(13), _distance(newton, rule), "line", "third"),
                    mark("Jong's Newton, full steps", np.arange(13), _distance(hasty, rule), "dashed", "second"),
                ),
                x_range=(0.0, 12.0),
                y_range=(-8.0, 1.5),
            ),
            Panel(
                "user",
                "speed [Gcycle/s]",
                (
                    mark("start", users, start, "bars", "quiet"),
                    mark("square-root rule", users, rule, "bars", "first"),
                    mark("Jong's step on c/f as it stands", users, next_, "bars", "fourth"),
                ),
                {k: str(k) for k in range(5)},
                y_range=(0.0, 10.0),
            ),
        ),
        (
            Number("latency by the rule", best.objective, "s"),
            Number("steps of the transform", slow.iterations),
            Number("steps of damped Newton", newton.iterations),
        ),
        f"The transform needs {slow.iterations} steps and damped Newton {newton.iterations} for what a formula tells; with "
        f"full steps Newton {said}, and on c/f as it stands it gives one user everything.",
        (best,),
    )


def _distance(found: RatioSolution, rule: Array) -> Array:
    """Return log10 of the greatest distance of ln f from the rule, for 12 steps; nan from where the method ends."""
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.log10(np.max(np.abs(np.log(found.iterates[:13] / rule)), axis=-1))
    return np.append(away, np.full(13 - away.size, np.nan))


CURES = Figure(
    "Cures, where nothing is ill",
    "Let the tasks differ, or start unevenly: each step of the transform leaves a third of the distance whatever you do. "
    "Newton is faster in the end, and needs damping.",
    (
        Slider("spread", "ln of the largest task over the least", steps(0.5, 4.0, 8), start=3),
        Slider("uneven", "how uneven the start is", steps(0.0, 3.0, 7), start=2),
    ),
    cures,
)

# ---------------------------------------------------------------------- 7: any prices


@cache
def _differing() -> MultiServerOffloading:
    return MultiServerOffloading.sample(np.random.default_rng(3), preset="heterogeneous", users=8, servers=2)


def any_prices(first: float, second: float) -> View:
    """The bound at two prices that one chooses, and the cheapest choice of every user."""
    problem, best = _differing(), solve(_differing())
    along = np.linspace(0.0, 2.1, 85)
    lines = np.stack([np.stack([along, np.full(85, second)], axis=-1), np.stack([np.full(85, first), along], axis=-1)])
    bounds = _bounds(problem, lines.reshape(-1, 2)).reshape(2, 85)
    here = np.array([first, second])
    bound, costs = float(_bounds(problem, here[None])[0]), charged(problem, here / np.sqrt(GIGA))
    users, chosen = np.arange(8), costs.argmin(axis=-1)
    names: tuple[str, ...] = ("local", "server 1", "server 2")
    crowd = np.bincount(chosen, minlength=3)
    return View(
        (
            Panel(
                "price of load λ [s/√Gcycle]",
                "cost [s]",
                (
                    mark("bound along λ₁", along, bounds[0], "line", "first"),
                    mark("bound along λ₂", along, bounds[1], "line", "second"),
                    mark("", here, np.full(2, bound), "dots", "first"),
                    level("optimum", best.objective),
                ),
                x_range=(0.0, 2.1),
                y_range=(0.0, 7.0),
            ),
            Panel(
                "user",
                "cost of each choice at these prices [s]",
                tuple(
                    mark(name, users, costs[:, k], "bars", role)
                    for k, (name, role) in enumerate(zip(names, ("quiet", *FOUR[:2]), strict=True))
                ),
                {k: str(k) for k in range(8)},
                y_range=(0.0, 3.0),
            ),
        ),
        (
            Number("bound at your prices", bound, "s"),
            Number("optimal cost", best.objective, "s"),
            Number("users to whom a server is cheapest", int((chosen > 0).sum())),
        ),
        f"Cheapest is local for {crowd[0]} users, server 1 for {crowd[1]}, server 2 for {crowd[2]}. No decision of the "
        f"6,561 costs less than {bound:.6g} s; the optimum costs {float(best.objective):.6g} s.",
        (best,),
    )


def _bounds(problem: MultiServerOffloading, prices: Array) -> Array:
    """Return the bound of one instance at many pairs of prices of load."""
    copies = replace(problem, channel_gain=np.broadcast_to(problem.channel_gain, (len(prices), *problem.channel_gain.shape)))
    return copies.relaxed_bound(of_speed(prices / np.sqrt(GIGA)))


ANY_PRICES = Figure(
    "Two prices, one bound",
    "Move one price until its curve is highest, then the other, and again: the bound climbs, and never passes the optimum. "
    "Where a curve has a kink, a user changes its choice.",
    (
        Slider("first", "price of server 1", steps(0.0, 2.1, 15), "s/√Gcycle", start=1),
        Slider("second", "price of server 2", steps(0.0, 2.1, 15), "s/√Gcycle", start=8),
    ),
    any_prices,
)

# ---------------------------------------------------------------------- 13: limits

TASKS = np.array([0.5, 1.0, 2.0, 4.0])
"""Gcycle."""


def limits(least: float, most: float) -> View:
    """Four users on one server of 10 Gcycle/s, whose speeds are bounded on both sides."""
    free = MultiServerOffloading(channel_gain=np.full((4, 1), 1e-7), workload=GIGA * TASKS, server_speed=[10.0 * GIGA])
    problem = replace(free, least_speed=least * GIGA, most_speed=most * GIGA)
    everyone = np.ones(4, dtype=np.int8)
    best, without = allocate(problem, everyone), allocate(free, everyone)
    rate, price = best.allocation.server_speed / GIGA, float(best.dual.speed_price[0]) * GIGA
    before, users, along = without.allocation.server_speed / GIGA, np.arange(4), np.linspace(0.3, 6.0, 96)
    bound = (rate <= least * (1.0 + 1e-9)) | (rate >= most * (1.0 - 1e-9))
    return View(
        (
            Panel(
                "task of the user [Gcycle]",
                "server's speed [Gcycle/s]",
                (
                    mark("with limits", users, rate, "bars", "first"),
                    mark("square-root rule without", users, before, "bars", "quiet"),
                    level("limits", np.array([least, most])),
                ),
                {k: f"{task:g}" for k, task in enumerate(TASKS)},
                y_range=(0.0, 6.0),
            ),
            Panel(
                "server's speed [Gcycle/s]",
                "what one more Gcycle/s saves [s²/Gcycle]",
                (
                    *(
                        mark(f"{task:g} Gcycle", along, task / along**2, "line", role)
                        for task, role in zip(TASKS, FOUR, strict=True)
                    ),
                    mark("answer", rate, TASKS / rate**2, "dots", "best"),
                    level("price μ", price),
                ),
                x_range=(0.0, 6.0),
                y_range=(0.0, 1.0),
            ),
        ),
        (
            Number("latency with limits", best.objective, "s"),
            Number("latency without", without.objective, "s"),
            Number("price of speed μ", price, "s²/Gcycle"),
        ),
        f"Users at a limit: {int(bound.sum())} of 4. The others, if any, are where one more Gcycle/s saves the price "
        f"{price:.3g} s²/Gcycle.",
        (best,),
    )


LIMITS = Figure(
    "At the limit, or at the price",
    "Narrow the limits: users who reach one leave the price's level, below it at the least speed, above it at the greatest, "
    "and the others share what is left.",
    (
        Slider("least", "least speed", steps(0.6, 2.4, 10), "Gcycle/s", start=5),
        Slider("most", "greatest speed", steps(2.6, 6.0, 18), "Gcycle/s", start=7),
    ),
    limits,
)
