"""Exercises of the lesson on the computation rate; every answer is computed by the problem's own solver."""

from __future__ import annotations

import numpy as np

from mecopt.lesson import Exercise
from mecopt.models.computation_rate.problem import ComputationRate
from mecopt.solve import allocate, solve

ONE = ComputationRate(channel_gain=[1e-5], weight=1.0)
TWO = ComputationRate(channel_gain=[1e-5, 4e-6], weight=1.0)


def _harvest() -> float:
    return float(allocate(ONE, [1]).allocation.harvest_time)


def _local_part() -> float:
    """Return the rate that the second of two users computes itself, by the price of the mode."""
    best = allocate(TWO, [1, 0])
    return 1.5 * (float(best.objective) - float(best.dual.time_price))


def _first_local() -> float:
    """Return the least number of equal users of whom not all offload in the best mode."""
    for users in range(1, 100):
        equal = ComputationRate(channel_gain=np.full(users, 3e-6), weight=1.0)
        if solve(equal).decision.sum() < users:
            return float(users)
    raise AssertionError("all of 99 equal users offload")


EXERCISES = (
    Exercise(
        question="""
One user with the channel gain h = 10⁻⁵ offloads alone, at μP/N₀ = 2.1·10¹⁰, so that g = 2.1. Which part a of the frame goes
to harvesting?
""",
        answer=_harvest,
        explanation="""
The price is ν = C(ν), which is Wg/(1 + z), and ln(1 + z) − z/(1 + z) = ν/W. So z solves (1 + z) ln(1 + z) = z + g, which
gives z = 2.67; then τ = ga/z and a = 1/(1 + g/z).
""",
    ),
    Exercise(
        question="""
Two users have the gains 10⁻⁵ and 4·10⁻⁶, and weights of 1; the first one offloads, the second one computes itself. At the
best times the rate is R and the price of time is ν, both as the solver has them: `mecopt.allocate` tells the objective and
`dual.time_price`. What does the second user compute, in bit/s?
""",
        answer=_local_part,
        unit="bit/s",
        explanation="""
R = R_local + R_offload and ν = R_local/3 + R_offload by step 6, so R − ν = ⅔ R_local: the second user has 1.5 (R − ν). The
price and the rate are enough, the times are not needed.
""",
    ),
    Exercise(
        question="""
Users are equal, with the gain 3·10⁻⁶ and weights of 1. Few of them all offload. What is the least number of users of whom
some compute themselves in the best mode?
""",
        answer=_first_local,
        explanation="""
Look at the figure of step 10: while all offload, the optimum is at the right end of its second curve. All of the harvested
energy has to be sent within one frame, and the more users share it, the less each of them gains over its own CPU.
""",
    ),
)
