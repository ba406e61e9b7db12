"""The study of paper 004: encoders, searches, OJRS with one component changed at a time, and other strategies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mecopt.evaluation.measurements import Row
from mecopt.evaluation.study import Plan, Study
from mecopt.learners.log import LOG, Log, read_log
from mecopt.learners.ojrs import LEARNER, Ojrs
from mecopt.learners.ojrs.settings import OjrsSettings
from mecopt.learners.paper_004 import encoders, measures, searches
from mecopt.learners.paper_004.claims import CLAIMS
from mecopt.learners.paper_004.encoders import AE, BARS, ENCODERS, EPISODES, SAE, UPDATES, Reconstruction
from mecopt.learners.paper_004.names import (
    ABOVE,
    ACCURACY,
    ALONG_EPISODES,
    ALONG_UPDATES,
    APART,
    BEST_KEPT,
    CHOSEN,
    COMPRESSION,
    ERRORS,
    EXPLAINED,
    FOUND,
    LABELS,
    LATENCY,
    LEAST,
    LOSS,
    MET,
    NRR,
    OVER,
    POINTS,
    REWARD,
    STEPS,
    TESTING,
    TIME,
    TRAINING,
    UNCHANGING,
    UNIT_ACCURACY,
)
from mecopt.learners.paper_004.shown import DRAWINGS, TABLES
from mecopt.learners.paper_004.trainings import (
    BASES,
    CHANNELS,
    DYNAMIC,
    QUICK_SLOTS,
    SEARCHES,
    SERVERS,
    SETTINGS,
    SLOTS,
    STEADY,
    USERS,
    plans,
    stream_of,
)

Array = NDArray[Any]


class Paper004(Study):
    """Jiang, Wang, Dong, Pan, Yang: Stacked Auto Encoder Based DRL for Online Resource Scheduling in Large-Scale MEC."""

    paper = "004"
    title = "Results of paper 004: many users, many servers, OJRS"
    seeds = 3
    settings = SETTINGS
    timed = (STEADY,)
    claims, tables, drawings = CLAIMS, TABLES, DRAWINGS
    remarks: ClassVar[Mapping[str, str]] = {
        "slots": f"{SLOTS:,} for each training and seed, the same for all; users stay where they are, with every seed. "
        f"Curves are of means over {SLOTS // POINTS}",
        "strategies": f"on {searches.COMPARED:,} fresh slots for each seed; the one decision for all is chosen by "
        f"{searches.SEEN:,} of the training; times are medians of {searches.TIMED} slots for each seed",
        "NRR": "ratio to the proved optimum, where the paper has particle swarm optimisation",
        "rules": "those of the first run were replaced after its figures had been seen; what changed beside the statistics "
        "stands with each claim",
    }

    def plans(self, quick: bool) -> Sequence[Plan]:
        """Three settings, one component changed at a time, and one to five servers."""
        return plans(quick)

    def train(self, plan: Plan, seed: int, folder: Path, quick: bool) -> None:
        """Train on the stream of the seed, on which it is measured while it learns."""
        settings = LEARNER.configured("default", plan.settings)
        told = {"plan": plan.method, "stream": plan.setting}
        LEARNER.train(stream_of(plan.setting, seed, _count(quick)), settings, seed, folder, told)

    def measure(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        """Read logs, let strategies decide, follow searches or train encoders."""
        if setting == STEADY:
            yield from self._steady(seed, trained, quick)
        elif setting == SEARCHES:
            yield from _searches(seed, quick)
        elif setting in CHANNELS.values():
            yield from _channels(next(int(n) for n, name in CHANNELS.items() if name == setting), seed, quick)
        else:
            for name, folder in trained.items():
                for quantity, value in measures.halves(read_log(folder / LOG)).items():
                    yield Row(quantity, value, name, setting, seed)

    def _steady(self, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        count = _count(quick)
        last = stream_of(STEADY, seed, count)[-measures.last_slots(count) :]
        for name, folder in trained.items():
            log = read_log(folder / LOG)
            yield from _of_log(log, name, seed)
            shares, unchanging = measures.habits(Ojrs.load(folder), last)
            yield Row(UNCHANGING, unchanging, name, STEADY, seed)
            for label, share in zip(last.choices.labels, shares.tolist(), strict=True):
                yield Row(f"{CHOSEN} {label}", share, name, STEADY, seed)
        ways = searches.strategies({base: Ojrs.load(trained[base]) for base in BASES}, seed, count)
        found = searches.latencies(ways, seed, searches.QUICK_COMPARED if quick else searches.COMPARED)
        for name, latency in found.items():
            yield Row(LATENCY, float(latency.mean()), name, STEADY, seed)
            yield Row(REWARD, float((1.0 / latency).mean()), name, STEADY, seed)
            yield Row(NRR, float((found[searches.EXACT] / latency).mean()), name, STEADY, seed)

    def measure_times(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        """Time every strategy."""
        ways = searches.strategies({base: Ojrs.load(trained[base]) for base in BASES}, seed, _count(quick))
        slots = searches.QUICK_TIMED if quick else searches.TIMED
        for name, seconds in searches.decision_times(ways, seed, slots).items():
            yield Row(TIME, 1e3 * seconds, name, setting, seed)

    def measure_once(self, quick: bool) -> Iterable[Row]:
        """Look whether P2 is convex, and compute what a code of 30 numbers saves."""
        found = searches.curvature(*((2, 50) if quick else (20, 1000)))
        yield Row(ABOVE, found.above_chord)
        yield Row(APART, found.apart)
        for servers, setting in DYNAMIC.items():
            yield Row(COMPRESSION, max(0.0, 1.0 - OjrsSettings().code / (USERS * servers)), "", setting)


def _count(quick: bool) -> int:
    return QUICK_SLOTS if quick else SLOTS


def _of_log(log: Log, name: str, seed: int) -> Iterable[Row]:
    """Return what is told of a training along its slots, and the least of its last decisions."""
    own = log.ratio(log.own)
    columns = {
        NRR + OVER: own,
        LABELS + OVER: log.ratio(log.played),
        REWARD + OVER: 1.0 / log.own,
        LOSS + OVER: log.loss,
        STEPS + OVER: log.more["steps"],
    }
    points = min(POINTS, own.size // 5)
    for quantity, values in columns.items():
        for k, part in enumerate(np.array_split(values, points)):
            if not np.isnan(part).all():
                yield Row(quantity, float(np.nanmean(part)), name, STEADY, seed, (k + 1) * SLOTS / points)
    yield Row(LEAST, float(own[-measures.last_slots(own.size) :].min()), name, STEADY, seed)


def _searches(seed: int, quick: bool) -> Iterable[Row]:
    counts = searches.QUICK_EVALUATIONS if quick else searches.EVALUATIONS
    followed = searches.followed(seed, searches.QUICK_SEARCHED if quick else searches.SEARCHED, counts)
    for name, curve in followed.ratio.items():
        for count, value in zip(counts, curve.tolist(), strict=True):
            yield Row(MET, value, name, SEARCHES, seed, float(count))
    for name, found in followed.found.items():
        yield Row(FOUND, found, name, SEARCHES, seed)


def _channels(servers: int, seed: int, quick: bool) -> Iterable[Row]:
    """Return what ways of compressing leave of the channels of so many servers."""
    setting, episodes = CHANNELS[servers], encoders.QUICK_EPISODES if quick else EPISODES
    found = encoders.untrained(seed, servers)
    for name in ENCODERS if servers == SERVERS else (SAE,):
        found[name] = encoders.trained(name, seed, servers, episodes)
        yield from _along(found[name], ALONG_EPISODES, EPISODES, name, setting, seed)
    for name, one in found.items():
        for quantity, value in (
            (ACCURACY, one.testing.accuracy),
            (ACCURACY + TRAINING, one.training.accuracy),
            (UNIT_ACCURACY, one.accuracy_unit_scale),
            (EXPLAINED, one.testing.explained),
            (BEST_KEPT, one.testing.best_server),
        ):
            yield Row(quantity, value, name, setting, seed)
        for where, shares in zip((TRAINING, TESTING), one.errors, strict=True):
            for edge, share in zip(BARS[1:].tolist(), shares.tolist(), strict=True):
                yield Row(ERRORS + where, share, name, setting, seed, edge)
    if servers == SERVERS:
        for name in (AE, SAE):
            one = encoders.trained(name, seed, servers, encoders.QUICK_UPDATES if quick else UPDATES, 1)
            yield from _along(one, ALONG_UPDATES, UPDATES, name, setting, seed)


def _along(found: Reconstruction, along: str, whole: int, name: str, setting: str, seed: int) -> Iterable[Row]:
    """Return losses and accuracy along the episodes, at x of a whole training."""
    columns = {LOSS + TRAINING: found.losses[0], LOSS + TESTING: found.losses[1], ACCURACY: found.accuracy}
    for quantity, values in columns.items():
        for k, value in enumerate(values.tolist()):
            yield Row(quantity + along, value, name, setting, seed, (k + 1) * whole / values.size)


REPRODUCTION = Paper004()
