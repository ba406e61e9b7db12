"""The trainings behind figures 3 to 8 and beyond: what is trained on what, with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.decision_net.settings import LITERAL, PAPER
from mecopt.learners.plans import Plan
from mecopt.models.binary_offloading import BinaryOffloading
from mecopt.models.computation_rate import ComputationRate
from mecopt.problem import Problem
from mecopt.stream import changed

Array = NDArray[Any]

INSTANCES, QUICK_INSTANCES = 10_000, 300
USERS, USERS_OFF = 10, 3

STEADY, WEIGHT, SWITCHED = "steady", "weight changes", "users change"
DIFFERENT, RATE = "heterogeneous", "computation-rate"


OURS: Mapping[str, Any] = {}
PAPER_NAME, OURS_NAME = "the paper's settings", "ours"

FIGURES = (
    *(
        Plan(name, stream, settings)
        for stream in (STEADY, WEIGHT, SWITCHED, DIFFERENT)
        for name, settings in ((PAPER_NAME, PAPER), (OURS_NAME, OURS))
    ),
    Plan(OURS_NAME, RATE, OURS),
)

QUICK_ABLATION = (
    Plan("the paper's settings, own decision left out", STEADY, LITERAL),
    Plan("the paper's settings, K = 1", STEADY, {**PAPER, "candidates": 1}),
    Plan("the paper's settings, optimal labels", STEADY, {**PAPER, "labels": "optimum"}),
    Plan("the paper's settings, memory of 1,000", STEADY, {**PAPER, "memory": 1_000}),
    Plan("the paper's settings, memory of 10,000", STEADY, {**PAPER, "memory": 10_000}),
)
"""What a verdict needs beside the figures."""

ABLATION = (
    *QUICK_ABLATION,
    Plan("ours, own decision left out", STEADY, {"own_included": False}),
    Plan("ours, exactly 4 flips", STEADY, {"scheme": "perturb-exactly"}),
    Plan("ours, 1 flip each", STEADY, {"flips": 1}),
    Plan("ours, order-preserving", STEADY, {"scheme": "order-preserving"}),
    Plan("ours, nearest-neighbour", STEADY, {"scheme": "nearest-neighbour"}),
    Plan("ours, K = 4", STEADY, {"candidates": 4}),
    Plan("ours, K = 11", STEADY, {"candidates": 11}),
    Plan("ours, learning rate 0.01", STEADY, {"learning_rate": 0.01}),
    Plan("ours, learning rate 0.01 falling to 0", STEADY, {"learning_rate": 0.01, "rate_schedule": "linear"}),
    Plan("ours, unscaled inputs", STEADY, {"scaling": "raw"}),
    Plan("ours, memory of 1,000", STEADY, {"memory": 1_000}),
    Plan("ours, memory of 10,000", STEADY, {"memory": 10_000}),
)

TIMED = tuple(Plan(OURS_NAME, STEADY, OURS, users) for users in (15, 20))
"""Networks for table 1; the one for 10 users is among the figures."""


def change_points(count: int) -> tuple[int, int]:
    """Return the instances at which the paper changes its setting and changes it back: 5,000 and 7,000 of 10,000."""
    return count // 2, count * 7 // 10


def stream(kind: str, seed: int, count: int, users: int = USERS) -> Problem:
    """Draw the instances of one seed: the same tasks for every method, setting and change."""
    rng = np.random.default_rng((seed, users, 3))
    if kind == RATE:
        return ComputationRate.sample(rng, (count,), users=users)
    preset = "heterogeneous" if kind == DIFFERENT else "paper"
    drawn = BinaryOffloading.sample(rng, (count,), preset=preset, users=users)
    first, second = change_points(count)
    changes: dict[str, list[tuple[int, dict[str, float]]]] = {
        WEIGHT: [(first, {"energy_weight": 3.0}), (second, {"energy_weight": 1.0})],
        SWITCHED: [(first, {"users_off": USERS_OFF}), (second, {"users_off": 0})],
    }
    return changed(drawn, changes.get(kind, []))


def stream_of(plan: Plan, seed: int, count: int) -> Problem:
    """Return the stream of a plan."""
    return stream(plan.stream, seed, count, plan.users)
