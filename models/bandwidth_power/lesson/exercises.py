"""Exercises of the lesson on band and power; every answer is computed by the problem's own solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mecopt.lesson import Exercise
from mecopt.models.bandwidth_power.problem import BandwidthPower
from mecopt.solve import allocate

ONE = BandwidthPower(channel_gain=[2e-8], bandwidth=4e6)
FOUR = BandwidthPower(channel_gain=np.full(4, 2e-8), bandwidth=8e6)
EVERYONE = np.ones(4, dtype=np.int8)


def _least_budget() -> float:
    """Return the budget below which the one user cannot offload, by bisection of what is feasible."""
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if replace(ONE, energy_budget=middle).infeasible(np.array([1])) else (low, middle)
    return high


def _upload() -> float:
    return float(allocate(FOUR, EVERYONE).objective - FOUR.terms().server.sum())


def _one_more() -> float:
    wider = replace(FOUR, bandwidth=9e6)
    return float(allocate(FOUR, EVERYONE).objective - allocate(wider, EVERYONE).objective)


EXERCISES = (
    Exercise(
        question="""
A user has 8·10⁵ bits, the channel gain h = 2·10⁻⁸ and noise of 10⁻¹⁴ J. Below which energy budget can it not offload,
whatever band and power it gets? In J.
""",
        answer=_least_budget,
        unit="J",
        explanation="""
DN₀ ln 2/h, by step 3: the energy falls towards it as the SNR goes to 0, on an ever wider band.
""",
    ),
    Exercise(
        question="""
Four equal users with this channel and 8·10⁵ bits each share 8 MHz at 1 W, without energy budgets. How long do their uploads
take, summed, in s?
""",
        answer=_upload,
        unit="s",
        explanation="""
Each has 2 MHz, by convexity. The SNR is hP/(N₀b) = 1, so a user sends 2 Mbit/s, for 0.4 s.
""",
    ),
    Exercise(
        question="""
These four get one more MHz. By how many s does the sum of their times fall? Compare it with the price of step 7.
""",
        answer=_one_more,
        unit="s",
        explanation="""
Each has 2.25 MHz now, at an SNR of 1/1.125, and sends 2.25 log₂(1.889) Mbit/s. The price at 8 MHz is
0.2 − 0.1/ln 2 = 0.0557 s/MHz, a little more, since the cost is convex in the band.
""",
    ),
)
