"""Exercises of the lesson on many servers; every answer is computed by the problem's own solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mecopt.lesson import Exercise
from mecopt.models.multi_server_offloading.problem import MultiServerOffloading
from mecopt.solve import allocate, solve

EQUAL = MultiServerOffloading(channel_gain=np.full((12, 2), 1e-7), server_speed=[30e9, 10e9], local_speed=1e8)
THREE = MultiServerOffloading(channel_gain=np.full((3, 1), 1e-7), workload=[1e9, 4e9, 9e9], server_speed=[12e9])
EVERYONE = np.ones(3, dtype=np.int8)


def _waiting() -> float:
    best = allocate(THREE, EVERYONE)
    return float((THREE.workload / best.allocation.server_speed).sum())


def _with_limit() -> float:
    best = allocate(replace(THREE, most_speed=5e9), EVERYONE)
    return float(best.allocation.server_speed[0])


def _at_first() -> float:
    return float((solve(EQUAL).decision == 1).sum())


EXERCISES = (
    Exercise(
        question="""
Three tasks of 1, 4 and 9 Gcycle share a server of 12 Gcycle/s, all weights being 1. What is the least sum of their times on
the server, in s?
""",
        answer=_waiting,
        unit="s",
        explanation="""
s is 1, 2 and 3 √Gcycle, so S = 6 and S²/F = 36/12 by step 5. The speeds are 2, 4 and 6 Gcycle/s.
""",
    ),
    Exercise(
        question="""
The same server now gives nobody more than 5 Gcycle/s. Which speed does the task of 1 Gcycle get, in cycle/s?
""",
        answer=_with_limit,
        unit="cycle/s",
        explanation="""
The largest task is held at 5 Gcycle/s. The other 7 are divided by the square-root rule, 1 to 2, so the small task gets 7/3
Gcycle/s, and nobody else is above the limit.
""",
    ),
    Exercise(
        question="""
Twelve equal users, who must all offload, find two equally good links to servers of 30 and 10 Gcycle/s. How many of them go
to the first one?
""",
        answer=_at_first,
        explanation="""
The prices of load 2S/F meet where 2n/30 = 2(12 − n)/10, at n = 9. Here this is a whole number; where it is not, a neighbour
of it is best, since the cost n²/30 + (12 − n)²/10 is a parabola.
""",
    ),
)
