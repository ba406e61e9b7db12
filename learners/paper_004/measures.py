"""What is read off the trainings: what the last decisions are, and the halves of table III."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mecopt.contract.problem import Problem
from mecopt.learners.log import Log
from mecopt.learners.ojrs import Ojrs
from mecopt.learners.paper_004.trainings import change_point

Array = NDArray[Any]

BEST_SLOT, BEST, AVERAGE, END = "Best, slot", "Best", "Avg", "end"
HALVES = ("F", "S")
"""Before and after the weights change, as in table III."""


def last_slots(count: int) -> int:
    """Return over how many slots a level is taken: the last 500 of 10,000, as large a part of a shorter stream."""
    return max(1, count // 20)


def best_window(count: int) -> int:
    """Return of how many slots the best mean of a half of the stream is: 100 of 5,000."""
    return max(1, count // 50)


def habits(policy: Ojrs, problem: Problem) -> tuple[Array, float]:
    """Return how often a finished network takes each choice in some slots, and what part of the users never changes it."""
    decision = policy.propose(problem, 1, np.random.default_rng(0))[:, 0]
    shares = np.bincount(decision.ravel(), minlength=len(problem.choices.labels)) / decision.size
    return shares, float((decision == decision[:1]).all(axis=0).mean())


def part(ratio: Array) -> Mapping[str, float]:
    """Return what table III has of a part of a stream.

    The paper does not say what the best NRR is the best of, so there are two readings: of single slots, and of means over
    `best_window` slots.
    """
    return {
        BEST_SLOT: float(ratio.max()),
        BEST: float(sliding_window_view(ratio, best_window(ratio.size)).mean(axis=-1).max()),
        AVERAGE: float(ratio.mean()),
        END: float(ratio[-max(1, ratio.size // 10) :].mean()),
    }


def halves(log: Log) -> Mapping[str, Mapping[str, float]]:
    """Return the figures of a stream before and after the weights change, by half and name."""
    ratio, at = log.ratio(log.own), change_point(log.own.size)
    return {half: part(values) for half, values in zip(HALVES, (ratio[:at], ratio[at:]), strict=True)}
