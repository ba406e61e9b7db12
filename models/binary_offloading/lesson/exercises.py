"""Exercises of the lesson on binary offloading; every answer is computed by the problem's own solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mecopt.lesson import Exercise
from mecopt.models.binary_offloading.problem import BinaryOffloading
from mecopt.solve import allocate, solve

THREE = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)
EVERYONE = np.ones(3, dtype=np.int8)


def _price() -> float:
    return float(allocate(THREE, EVERYONE).dual.capacity_price)


def _one_more() -> float:
    faster = replace(THREE, capacity=THREE.capacity + 1.0)
    return float(allocate(THREE, EVERYONE).objective - allocate(faster, EVERYONE).objective)


def _second_enters() -> float:
    """Return the capacity from which on a second of two identical users offloads too, by bisection of the optimum."""
    low, high = 1.0, 200.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        both = solve(BinaryOffloading(data_size=[10.0, 10.0], capacity=middle)).decision.sum() == 2
        low, high = (low, middle) if both else (middle, high)
    return high


EXERCISES = (
    Exercise(
        question="""
Three users with 12, 7.5 and 20.1 MB all offload to a server of 30 MB/s; a second of waiting counts 1.5 for each of them.
What is the price μ of capacity, in s²/MB?
""",
        answer=_price,
        unit="s²/MB",
        explanation="""
c is 18, 11.25 and 30.15, so S = √18 + √11.25 + √30.15, and μ = S²/F² by step 2.
""",
    ),
    Exercise(
        question="""
The server of the exercise before gets one more MB/s. By how much does the cost fall, exactly? Compare it with μ.
""",
        answer=_one_more,
        unit="s",
        explanation="""
S²/30 − S²/31. It is a little less than μ: the price is the slope, and S²/F bends upwards, so each further MB/s saves less.
""",
    ),
    Exercise(
        question="""
Two identical users have 10 MB each. Computing itself costs a user L = 13.33 s, uploading u = 8 s, and its work on the server
is c = 15 MB, as in the paper's setting. From which capacity on do both of them offload?
""",
        answer=_second_enters,
        unit="MB/s",
        explanation="""
One alone costs L + u + c/F, both cost 2u + 4c/F, since their roots add up: (2√c)²/F. Both are cheaper from 3c/F = L − u on,
at F = 45/5.333 = 8.4375. The first one already offloads from c/F = L − u on, at a third of that.
""",
    ),
)
