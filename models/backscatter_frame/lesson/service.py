"""The checks of the lesson on backscatter frames that are about service: the elastic penalty, and who is dropped."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import Outcome, all_of, scientific
from mecopt.models.backscatter_frame.admission import SERVED, Admission, admit
from mecopt.models.backscatter_frame.dynamics.steps import Rewards, carried_out
from mecopt.models.backscatter_frame.lesson.checks import SOLVER, Value, drawn
from mecopt.models.backscatter_frame.lesson.program import answer, apart
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.variables import FrameAllocation, FramePrices
from mecopt.solve import allocate

Array = NDArray[Any]

NOTHING = 1e-6
"""Part of the work that rounding may leave."""

# ---------------------------------------------------------------------- 4: the elastic penalty

Closed = Callable[[BackscatterFrame, Array], tuple[FrameAllocation, FramePrices]]


def largest_work_price(problem: BackscatterFrame, beams: Array) -> Array:
    """Return the largest price of work in each frame, mJ/kbit."""
    return np.asarray(problem.closed_form(beams)[1].work_price.max(axis=-1))


def _unserved(problem: BackscatterFrame, beams: Array) -> Array:
    """Return the largest part of its work that a user leaves."""
    return np.asarray((problem.closed_form(beams)[0].unserved_bits / problem.workload).max(axis=-1))


def check_penalty(
    rng: Generator,
    threshold: Value = largest_work_price,
    value: Value = BackscatterFrame.optimal_value,
    closed: Closed = BackscatterFrame.closed_form,
) -> Outcome:
    """Above the largest work price the penalty changes nothing, below it does; and every frame has an answer."""
    frames, beams = drawn(rng, 24)
    served = np.flatnonzero(_unserved(frames, beams) <= NOTHING)[:6]
    frames, beams = frames[served], beams[served]
    price = threshold(frames, beams)
    in_full = np.array([answer(one, w, in_full=True).value for one, w in zip(frames, beams, strict=True)])
    dear, cheap = (replace(frames, unserved_price=factor * price) for factor in (1.05, 0.5))
    differs, rest = apart(frames, value(dear, beams), in_full), float(_unserved(dear, beams).max())
    leaving = _unserved(cheap, beams) > NOTHING
    hard, chosen = drawn(rng, 100, preset="harder", workload=rng.uniform(20.0, 120.0, (100, 3)))
    found, dual = closed(hard, chosen)
    left = int((_unserved(hard, chosen) > NOTHING).sum())
    broken = float(np.max(list(hard.violations(chosen, found).values())))
    gap = apart(hard, hard.objective(chosen, found), hard.bound(chosen, dual))
    return all_of(
        Outcome(
            differs,
            SOLVER,
            f"{served.size} frames, K 5% above the largest work price ({price.min():.0f} to {price.max():.0f} mJ/kbit): "
            f"from the program that must serve all work, by cones, the energy differs by {scientific(differs)}",
        ),
        Outcome(rest, NOTHING, f"the same: part of its work that a user leaves, at most {scientific(rest)}"),
        Outcome(
            float(served.size - leaving.sum()),
            0.0,
            f"K half that price: work is left in {leaving.sum()} of {served.size} frames",
            limit="in all: not exact",
        ),
        Outcome(broken, 1e-9, f"100 hard frames, {left} of which leave work: constraints broken by {scientific(broken)}"),
        Outcome(gap, 1e-8, f"all of them are proved: gap at most {scientific(gap)}"),
    )


# ---------------------------------------------------------------------- 5: drop and solve again

Dropping = Callable[[BackscatterFrame, Array], Admission]
REWARDS = Rewards()


def _reward(frames: BackscatterFrame, beams: Array, allocation: FrameAllocation) -> Array:
    return REWARDS.of_frame(carried_out(frames, beams, allocation))


def check_dropping(rng: Generator, dropped: Dropping = admit) -> Outcome:
    """As many users are served as in the best of all sets, and (11) is many times that of the elastic answer."""
    frames, beams = drawn(rng, 200, preset="harder", workload=rng.uniform(20.0, 70.0, (200, 3)))
    elastic = allocate(frames, beams).allocation
    hard = np.flatnonzero((elastic.unserved_bits > SERVED * frames.workload).any(axis=-1))
    frames, beams = frames[hard], beams[hard]
    found = dropped(frames, beams)
    count, best = np.zeros(hard.size), np.zeros(hard.size)
    for users in itertools.product((0.0, 1.0), repeat=frames.users):
        chosen = replace(frames, workload=frames.workload * np.array(users))
        allocation = chosen.closed_form(beams)[0]
        in_full = (allocation.unserved_bits <= SERVED * chosen.workload).all(axis=-1)
        count = np.maximum(count, np.where(in_full, sum(users), 0.0))
        best = np.maximum(best, _reward(frames, beams, allocation))
    served, possible = int(found.served.sum()), int(count.sum())
    earned = float(_reward(frames, beams, found.solution.allocation).mean())
    before = float(_reward(frames, beams, allocate(frames, beams).allocation).mean())
    left = found.solution.allocation.unserved_bits[found.served] / frames.workload[found.served]
    rest = float(left.max(initial=0.0))
    return all_of(
        Outcome(
            1.0 - served / possible,
            0.1,
            f"{hard.size} frames in which somebody must be dropped: {served} users served; by the largest of 8 sets each "
            f"{possible}",
            limit="at most a tenth fewer",
        ),
        Outcome(rest, NOTHING, f"those who are served leave at most {scientific(rest)} of their work"),
        Outcome(
            before / earned,
            0.7,
            f"mean reward (11): {before:.1f} kbit/J as the elastic frame stands, {earned:.1f} dropped and solved again, "
            f"{best.mean():.1f} by the best of all sets",
            limit="the first at most 70% of the second",
        ),
    )
