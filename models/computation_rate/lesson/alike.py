"""The checks of the lesson on the computation rate that are about users who are alike, where the root's gap is large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import Outcome, all_of, best_value, core, deviation, scientific
from mecopt.models.computation_rate.lesson.checks import ROUNDING, Bound, earned_by_lambert
from mecopt.models.computation_rate.problem import ComputationRate
from mecopt.search.lesson_counts import Counted, about, counted_bound, counting, near, nodes_needed
from mecopt.solve import solve

Array = NDArray[Any]

Closes = Callable[[ComputationRate], bool]


def nobody_gains(problem: ComputationRate) -> bool:
    """Whether C <= A for equal users at the price N A / 3 of the mode in which nobody offloads."""
    local = problem.coefficients().local
    return bool(earned_by_lambert(problem, local.sum() / 3.0)[0] <= local[0])


Searched = Callable[[ComputationRate], Array]


def searched_rate(problem: ComputationRate) -> Array:
    """Return the optimum that the exact search finds."""
    return solve(problem).objective


def check_alike(
    rng: Generator,
    bound: Bound = ComputationRate.relaxed_bound,
    closes: Closes = nobody_gains,
    spread: float = 1e-3,
    searched: Searched = searched_rate,
) -> Outcome:
    """Equal users: the gap opens, peaks and closes as their number grows; nearly equal ones are not fixed while it lasts."""
    gain = rng.uniform(2.5e-6, 3.5e-6)
    gaps, counts, closed = {}, {}, 0.0
    for users in (4, 10, 20, 40, 100, 200):
        equal = ComputationRate(channel_gain=np.full(users, gain), weight=1.0)
        rates = equal.optimal_value((np.arange(users) < np.arange(users + 1)[:, None]).astype(np.int8))
        gaps[users] = float(bound(equal, equal.relaxed_dual()) / rates.max() - 1.0)
        counts[users] = int(rates.argmax())
        if closes(equal):
            closed = max(closed, abs(gaps[users]), float(counts[users]))
    peak = max((10, 20, 40), key=gaps.__getitem__)
    ends = max(gaps[4], gaps[100]) / gaps[peak]
    share = counts[peak] / peak
    said = ", ".join(f"{gap:.1%} of {users} ({counts[users]})" for users, gap in gaps.items())

    open_ones = {users: _alike(rng, gain, users, spread) for users in (10, 20, 40)}
    fixed = max(1.0 - core(alike) / users for users, alike in open_ones.items())
    ten = open_ones[10]
    apart = deviation(searched(ten), best_value(ten))
    return all_of(
        Outcome(
            ends,
            0.5,
            f"equal users with the gain {1e6 * gain:.2f}·10⁻⁶, all N + 1 counts: gap of the root (best count) {said}; "
            f"the larger of 4 and 100 is {ends:.0%} of the peak",
            limit="at most 50%",
        ),
        Outcome(abs(share - 0.5), 0.25, f"at the peak, {peak} users, {share:.0%} offload", limit="25% to 75%"),
        Outcome(closed, ROUNDING, f"where C(NA/3) ≤ A: gap and number of offloading users at most {scientific(closed)}"),
        Outcome(fixed, 0.0, f"gains within 0.1 %, 10, 20 and 40 users: reduced costs fix {fixed:.0%} of them"),
        Outcome(apart, 1e-9, f"the search's optimum of 10 of these against enumeration: differ by {scientific(apart)}"),
    )


def _alike(rng: Generator, gain: float, users: int, spread: float) -> ComputationRate:
    return ComputationRate(channel_gain=gain * np.exp(spread * rng.standard_normal((4, users))), weight=1.0)


def nearly(rng: Generator, users: int, spread: float) -> ComputationRate:
    """Draw four frames in which some offload and some do not, and nothing but `spread` tells users apart."""
    return ComputationRate(
        bandwidth=about(rng, 1e5 * users), channel_gain=near(rng, 3e-6, users, spread), weight=near(rng, 1.0, users, spread)
    )


def check_counts(rng: Generator, counted: Counted = counted_bound, searched: Searched = nodes_needed) -> Outcome:
    """Bounds of counts hold, lack what is of second order, and prove users nearly alike."""
    seed = int(rng.integers(2**32))
    return counting(lambda users, spread: nearly(np.random.default_rng(seed), users, spread), counted, searched)
