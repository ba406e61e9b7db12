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
from mecopt.learners.paper_004.trainings import change_point, stream_of
from mecopt.learners.plans import Plan

Array = NDArray[Any]

LEVEL, LEVEL_WINDOW = 0.95, 200
"""When a network is said to have learned: the first slot at which the mean NRR of so many reaches the level."""


def last(log: Log, values: Array) -> Array:
    """Return the NRR over the last 500 slots of 10,000, and as many parts of a shorter stream."""
    return log.ratio(values)[-max(1, values.size // 20) :]


def learned(log: Log) -> float:
    """Return when the own decision first reaches `LEVEL`."""
    return figures.reached(log.ratio(log.own), LEVEL, min(LEVEL_WINDOW, max(5, log.own.size // 50)))


def reward(log: Log) -> Array:
    """Return the paper's reward of the own decision, 1/s."""
    return 1.0 / log.own


def tenths(values: Array) -> Array:
    """Return the mean of each tenth of a stream, entries that are nan left out."""
    return np.array([np.nanmean(part) for part in np.array_split(values, 10)])


@dataclass(frozen=True)
class Habits:
    """What the finished network decides in the last 500 slots of its stream."""

    shares: tuple[float, ...]
    """Part of users and slots by choice: local, then the servers."""
    unchanging: float
    """Part of the users who make the same choice in all of these slots."""


def habits(plan: Plan, out: Path, seed: int, count: int) -> Habits:
    """Let a finished network decide the last slots of its stream once more."""
    problem = stream_of(plan, seed, count)[-max(1, count // 20) :]
    decision = Ojrs.load(plan.folder(out, seed)).propose(problem, 1, np.random.default_rng(0))[:, 0]
    counts = np.bincount(decision.ravel(), minlength=len(problem.decision_space.labels))
    return Habits(tuple((counts / decision.size).tolist()), float((decision == decision[:1]).all(axis=0).mean()))


@dataclass(frozen=True)
class Part:
    """NRR of the own decision over a part of a stream, as table III has it.

    The paper does not say what the best NRR is the best of, so there are two readings.
    """

    best_slot: float
    best_mean: float
    """The greatest mean over a hundred slots (a fiftieth of the part)."""
    average: float
    end: float
    """Over the last tenth."""


def part(ratio: Array) -> Part:
    """Measure a part of a stream."""
    best = figures.sliding(ratio, max(1, ratio.size // 50)).max()
    return Part(float(ratio.max()), float(best), float(ratio.mean()), float(ratio[-max(1, ratio.size // 10) :].mean()))


def halves(log: Log) -> tuple[Part, Part]:
    """Measure a stream before and after the weights change."""
    at = change_point(log.own.size)
    ratio = log.ratio(log.own)
    return part(ratio[:at]), part(ratio[at:])
