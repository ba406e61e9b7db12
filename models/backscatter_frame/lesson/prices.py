"""The checks of the lesson on backscatter frames that are about prices: what they prove and say, and one on energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.dynamic.rollout import Record, rollout
from mecopt.lesson import Outcome, all_of, scientific
from mecopt.models.backscatter_frame.admission import admit, admit_open
from mecopt.models.backscatter_frame.dynamics.steps import FrameDynamics, Rewards
from mecopt.models.backscatter_frame.exact import beams as rules
from mecopt.models.backscatter_frame.lesson.checks import SOLVER, Value, drawn
from mecopt.models.backscatter_frame.lesson.program import above, answer, apart
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.variables import FrameAllocation, FramePrices

Array = NDArray[Any]

# ---------------------------------------------------------------------- 6: what prices prove, and say

Bound = Callable[[BackscatterFrame, Array, FramePrices], Array]
Prices = Callable[[BackscatterFrame, Array], FramePrices]

LITTLE = 1e-3
"""Part by which work and batteries are changed where the change is to be told by the prices alone."""


def best_prices(problem: BackscatterFrame, beams: Array) -> FramePrices:
    """Return the prices at the best allocation."""
    return problem.closed_form(beams)[1]


def _predicted(problem: BackscatterFrame, changed: BackscatterFrame, dual: FramePrices) -> Array:
    """Return by how much the energy changes at prices: more work costs, more energy and larger batteries save."""
    work = dual.work_price * (changed.workload - problem.workload)
    energy = dual.energy_price * (changed.battery - problem.battery)
    capacity = dual.capacity_price * (changed.battery_capacity - problem.battery_capacity)
    return np.asarray((work - energy - capacity).sum(axis=-1))


def _changed(rng: Generator, problem: BackscatterFrame, part: float) -> BackscatterFrame:
    """Change work and batteries at random by up to a part of what they are."""
    names = ("workload", "battery", "battery_capacity")
    given = {name: getattr(problem, name) * (1.0 + part * rng.uniform(-1.0, 1.0, problem.workload.shape)) for name in names}
    return replace(problem, **given)


def check_prices(
    rng: Generator,
    bound: Bound = BackscatterFrame.bound,
    prices: Prices = best_prices,
    value: Value = BackscatterFrame.optimal_value,
) -> Outcome:
    """No prices prove too much, the best ones prove all, and they say what work and energy are worth."""
    frames, beams = drawn(rng, 6)
    least = np.array([answer(one, w).value for one, w in zip(frames, beams, strict=True)])
    dual, over = prices(frames, beams), 0.0
    for width in np.linspace(0.0, 1.0, 100):
        moved = {name: price * 10.0 ** rng.uniform(-width, width, (6, 3)) for name, price in dual.as_dict().items()}
        for trial in (FramePrices(**moved), frames.random_dual(rng, (6,))):
            over = max(over, above(frames, bound(frames, beams, trial), least))
    gap = apart(frames, bound(frames, beams, dual), least)
    many, chosen = drawn(rng, 200)
    start, priced = many.optimal_value(chosen), prices(many, chosen)
    beyond = 0.0
    for _ in range(5):
        other = _changed(rng, many, 0.5)
        plane = start + _predicted(many, other, priced)
        beyond = max(beyond, above(many, plane, value(other, chosen)))
    near = _changed(rng, many, LITTLE)
    told, change = _predicted(many, near, priced), value(near, chosen) - start
    missed = float(np.median(np.abs(told - change)) / np.median(np.abs(change)))
    return all_of(
        Outcome(
            over,
            SOLVER,
            f"200 prices of 6 frames, half of them near the best: above the least energy by cones by {scientific(over)}",
        ),
        Outcome(gap, SOLVER, f"the prices of the solver: from that energy by {scientific(gap)}"),
        Outcome(
            beyond,
            SOLVER,
            f"work, energy and capacity of 200 frames changed by up to a half, 5 times: below what the prices say by "
            f"{scientific(beyond)}",
        ),
        Outcome(
            missed,
            0.05,
            f"changed by up to a thousandth: energy changes as the prices say, within {missed:.1%} in the median",
            limit="5%",
        ),
    )


# ---------------------------------------------------------------------- 10: a price on energy that is kept

PRICE, EXCESSIVE = 1500.0, 1e5
REWARDS = Rewards()

Answered = Callable[[BackscatterFrame], tuple[Array, FrameAllocation]]


def even_beams(frame: BackscatterFrame) -> tuple[Array, FrameAllocation]:
    """Answer with beams that weight all other users alike."""
    beams = rules.evenly(frame)
    return beams, admit(frame, beams).solution.allocation


def best_beams(frame: BackscatterFrame) -> tuple[Array, FrameAllocation]:
    """Answer with the best beams of the frame."""
    found = admit_open(frame).solution
    return found.decision, found.allocation


def _run(stream: BackscatterFrame, price: float, answered: Answered, rng: Generator) -> tuple[float, float]:
    """Return the mean reward (11), and how full batteries are, where frames are answered as if kept energy had a price."""

    def policy(frame: BackscatterFrame, rng: Generator) -> tuple[Array, FrameAllocation]:
        return answered(replace(frame, battery_price=price))

    kept = Record()
    found = rollout(FrameDynamics(rewards=REWARDS), stream, policy, rng, watch=kept)
    return found.mean, float((kept.detail.battery / stream.battery_capacity).mean())


def check_battery_price(
    rng: Generator,
    price: float = PRICE,
    excessive: float = EXCESSIVE,
    myopic: float = 0.0,
    value: Value = BackscatterFrame.optimal_value,
) -> Outcome:
    """The priced frame is convex still; without a price batteries run dry, with one the reward of the long run is higher."""
    frames, beams = drawn(rng, 4, battery_price=price)
    by_cones = [answer(one, w).value for one, w in zip(frames, beams, strict=True)]
    differs = apart(frames, value(frames, beams), by_cones)
    few, many = (BackscatterFrame.sample(rng, shape) for shape in ((16, 4), (20, 8)))
    (short, empty), (long, full) = (_run(few, worth, best_beams, rng) for worth in (myopic, price))
    before, after, beyond = (_run(many, worth, even_beams, rng)[0] for worth in (myopic, price, excessive))
    return all_of(
        Outcome(differs, SOLVER, f"4 frames with v = {price:.0f}, by cones: differ by {scientific(differs)}"),
        Outcome(
            empty,
            0.2,
            f"16 frames on 4 lanes, the best beams: batteries {empty:.0%} full without a price, {full:.0%} with it",
            limit="at most 20% without",
        ),
        Outcome(
            short / long,
            0.99,
            f"their mean reward (11): {short:.0f} kbit/J without a price, {long:.0f} with it",
            limit="more with it",
        ),
        Outcome(
            before / after,
            0.99,
            f"20 frames on 8 lanes, beams that weight all others alike: {before:.0f} without, {after:.0f} with",
            limit="more with it",
        ),
        Outcome(
            beyond / after,
            0.95,
            f"the same with v = {excessive:.0f}: {beyond:.0f}",
            limit="at most 95% of that: too much",
        ),
    )
