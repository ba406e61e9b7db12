"""What is read off the trainings: levels, when they are reached, what the last decisions are, and table III."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners import figures
from mecopt.learners.log import Log
from mecopt.learners.ojrs import Ojrs
from mecopt.learners.paper_004.trainings import BASES, PAPER_NAME, SLOTS, change_point, stream_of
from mecopt.learners.plans import Plan

Array = NDArray[Any]

LEVEL = 0.95
"""NRR at which a network is said to have learned."""


def last_slots(count: int) -> int:
    """Return over how many slots a level is taken: the last 500 of 10,000, as large a part of a shorter stream."""
    return max(1, count // 20)


def learning_window(count: int) -> int:
    """Return of how many slots the mean must reach `LEVEL`: 200 of 10,000."""
    return max(5, count // 50)


def best_window(count: int) -> int:
    """Return of how many slots the best mean of a half of the stream is: 100 of 5,000."""
    return max(1, count // 50)


def last(log: Log, values: Array) -> Array:
    """Return the NRR over the last slots of a stream."""
    return log.ratio(values)[-last_slots(values.size) :]


def learned(log: Log) -> float:
    """Return when the own decision first reaches `LEVEL`."""
    return figures.reached(log.ratio(log.own), LEVEL, learning_window(log.own.size))


def reward(log: Log) -> Array:
    """Return the paper's reward of the own decision, 1/s."""
    return 1.0 / log.own


def parts(values: Array, number: int) -> Array:
    """Return the means of so many parts of a stream, entries that are nan left out."""
    return np.array([np.nanmean(values) for values in np.array_split(values, number)])


def filled(count: int) -> int:
    """Return from which slot on the paper's memory of 1,024 is full; in a shorter stream the same part of it."""
    return round(int(BASES[PAPER_NAME]["memory"]) * count / SLOTS)


@dataclass(frozen=True)
class Habits:
    """What the finished network decides in the last slots of its stream."""

    shares: tuple[float, ...]
    """Part of users and slots by choice: local, then the servers."""
    unchanging: float
    """Part of the users who make the same choice in all of these slots."""


def habits(plan: Plan, out: Path, seed: int, count: int) -> Habits:
    """Let a finished network decide the last slots of its stream once more."""
    problem = stream_of(plan, seed, count)[-last_slots(count) :]
    decision = Ojrs.load(plan.folder(out, seed, count)).propose(problem, 1, np.random.default_rng(0))[:, 0]
    counts = np.bincount(decision.ravel(), minlength=len(problem.choices.labels))
    return Habits(tuple((counts / decision.size).tolist()), float((decision == decision[:1]).all(axis=0).mean()))


@dataclass(frozen=True)
class Part:
    """NRR of the own decision over a part of a stream, as table III has it.

    The paper does not say what the best NRR is the best of, so there are two readings.
    """

    best_slot: float
    best_mean: float
    """The greatest mean over `best_window` slots."""
    average: float
    end: float
    """Over the last tenth."""


def part(ratio: Array) -> Part:
    """Measure a part of a stream."""
    best = figures.sliding(ratio, best_window(ratio.size)).max()
    return Part(float(ratio.max()), float(best), float(ratio.mean()), float(ratio[-max(1, ratio.size // 10) :].mean()))


def halves(log: Log) -> tuple[Part, Part]:
    """Measure a stream before and after the weights change."""
    at = change_point(log.own.size)
    ratio = log.ratio(log.own)
    return part(ratio[:at]), part(ratio[at:])
