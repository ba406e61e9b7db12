"""The study of paper 004: encoders, searches, OJRS with one component changed at a time, and other strategies."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mecopt.evaluation.measurements import Row
from mecopt.evaluation.study import Plan, Study
from mecopt.learners.log import LOG, Log, read_log
from mecopt.learners.ojrs import LEARNER, Ojrs
from mecopt.learners.ojrs.settings import OjrsSettings
from mecopt.learners.paper_004 import encoders, measures, names, searches
from mecopt.learners.paper_004.claims import CLAIMS
from mecopt.learners.paper_004.drawings import DRAWINGS
from mecopt.learners.paper_004.encoders import AE, BARS, ENCODERS, EPISODES, SAE, SHOWN, UPDATES, Reconstruction
from mecopt.learners.paper_004.searches import FLOWN, SWARM, SWARM_LONG, SWARMS
from mecopt.learners.paper_004.tables import TABLES
from mecopt.learners.paper_004.trainings import (
    BASES,
    CHANNELS,
    CODES,
    DYNAMIC,
    MOST_SERVERS,
    MOST_STEPS,
    MOVING,
    QUICK_SLOTS,
    SEARCHES,
    SERVERS,
    SETTINGS,
    SLOTS,
    STEADY,
    USERS,
    WALKING,
    change_point,
    plans,
    stream_of,
)

Array = NDArray[Any]


class Paper004(Study):
    """Jiang, Wang, Dong, Pan, Yang: Stacked Auto Encoder Based DRL for Online Resource Scheduling in Large-Scale MEC."""

    paper = "004"
    title = "Results of paper 004: many users, many servers, OJRS"
    seeds = 6
    first_seed = 10
    settings = SETTINGS
    timed = (STEADY,)
    claims, tables, drawings = CLAIMS, TABLES, DRAWINGS
    remarks: ClassVar[Mapping[str, str]] = {
        "slots": f"{SLOTS:,} for each training and seed, the same for all; users' places are drawn for each seed and stay, "
        f"unless said otherwise. Curves are of means over {SLOTS // names.POINTS}",
        "strategies": f"on {searches.COMPARED:,} fresh slots for each seed; the one decision for all is chosen by "
        f"{searches.SEEN:,} of the training; times are medians of {searches.TIMED} slots for each seed",
        "NRR": "ratio to the proved optimum, unless it says by what else. By PSO, as in the paper: that ratio over the "
        f"part of the optimum that a swarm reaches, mean over {FLOWN[SWARM]} slots of each seed (of each half of its stream "
        f"in table III), {FLOWN[SWARM_LONG]} for the long swarm; the best of single slots is of these, slot by slot",
        "adaptive T": f"at most {MOST_STEPS} where (30) is varied, 500 with the settings 'paper' themselves",
        "rules": "they were written before this run, on seeds of which nothing was seen (the first run had 0 to 2); what "
        "was changed in them, or added, after the figures of the first run had been seen stands with each claim. Two "
        "readers who saw no figures, one for the paper's authors and one against, went through them before this run; after "
        "it two did with its figures, then a third, and what was changed then says so, with the verdict before",
    }

    def plans(self, quick: bool) -> Sequence[Plan]:
        """Three settings, one component changed at a time, one to five servers, and places that are drawn anew."""
        return plans()

    def train(self, plan: Plan, seed: int, folder: Path, quick: bool) -> None:
        """Train on the stream of the seed, on which it is measured while it learns."""
        settings = LEARNER.configured("default", plan.settings)
        told = {"plan": plan.method, "stream": plan.setting}
        LEARNER.train(stream_of(plan.setting, seed, _count(quick)), settings, seed, folder, told)

    def measure(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        """Read logs, let strategies decide, follow searches or train encoders."""
        if setting in (STEADY, MOVING):
            yield from _decided(setting, seed, trained, quick)
        elif setting == SEARCHES:
            yield from _searched(seed, quick)
        elif setting == WALKING:
            yield from _tracked(seed, _count(quick))
        elif setting in CODES:
            yield from _channels(setting, seed, quick)
        else:
            yield from _dynamic(setting, seed, trained, quick)

    def measure_times(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        """Time every strategy."""
        slots = searches.QUICK_TIMED if quick else searches.TIMED
        ways = _strategies(setting, seed, trained, _count(quick))
        for name, seconds in searches.decision_times(ways, seed, slots).items():
            yield Row(names.TIME, 1e3 * seconds, name, setting, seed)

    def measure_once(self, quick: bool) -> Iterable[Row]:
        """Look whether P2 is convex, and compute what a code of 30 numbers saves."""
        found = searches.curvature(*((2, 50) if quick else (20, 1000)))
        yield Row(names.ABOVE, found.above_chord)
        yield Row(names.APART, found.apart)
        for servers, setting in DYNAMIC.items():
            yield Row(names.COMPRESSION, max(0.0, 1.0 - OjrsSettings().code / (USERS * servers)), "", setting)


def _count(quick: bool) -> int:
    return QUICK_SLOTS if quick else SLOTS


def _strategies(kind: str, seed: int, trained: Mapping[str, Path], count: int) -> dict[str, searches.Decide]:
    return searches.strategies(kind, {base: Ojrs.load(trained[base]) for base in BASES if base in trained}, seed, count)


def _decided(kind: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterator[Row]:
    """Return what networks came to along their training, what they do in the end, and table II on fresh slots."""
    count, slots = _count(quick), searches.QUICK_COMPARED if quick else searches.COMPARED
    last = stream_of(kind, seed, count)[-measures.last_slots(count) :]
    for name, folder in trained.items():
        yield from _of_log(read_log(folder / LOG), name, kind, seed)
        shares, unchanging = measures.habits(Ojrs.load(folder), last)
        yield Row(names.UNCHANGING, unchanging, name, kind, seed)
        for label, share in zip(last.choices.labels, shares.tolist(), strict=True):
            yield Row(f"{names.CHOSEN} {label}", share, name, kind, seed)
    problem = searches.fresh(kind, seed, slots)
    ways = _strategies(kind, seed, trained, count)
    found = searches.latencies(ways, problem, seed)
    for name in (name for name in ways if name in searches.OJRS.values()):
        yield Row(names.FEASIBLE, searches.feasible(ways[name], problem, seed), name, kind, seed)
    optimum = found[searches.EXACT]
    reached = {name: float((optimum / latency).mean()) for name, latency in found.items()}
    quality = {}
    for swarm in SWARMS:
        some = searches.flown(swarm, problem.instances, quick)
        quality[swarm] = float(searches.qualities(swarm, problem[some], optimum[some], seed).mean())
    for name, latency in found.items():
        yield Row(names.LATENCY, float(latency.mean()), name, kind, seed)
        yield Row(names.REWARD, float((1.0 / latency).mean()), name, kind, seed)
    for name, ratio in {**reached, SWARM_LONG: quality[SWARM_LONG]}.items():
        yield Row(names.NRR, ratio, name, kind, seed)
        for swarm, part in quality.items():
            yield Row(names.by(names.NRR, swarm), ratio / part, name, kind, seed)


def _dynamic(setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterator[Row]:
    """Return the halves of table III, divided by the optimum and by swarms, and what T does meanwhile."""
    logs = {name: read_log(folder / LOG) for name, folder in trained.items()}
    optimum = next(iter(logs.values())).optimum
    problem, at = stream_of(setting, seed, optimum.size), change_point(optimum.size)
    parts = dict(zip(measures.HALVES, (slice(0, at), slice(at, None)), strict=True))
    quality, where = {}, {}
    for (half, part), swarm in itertools.product(parts.items(), SWARMS):
        some = np.arange(optimum.size)[part][searches.flown(swarm, optimum[part].size, quick)]
        where[half, swarm] = some
        quality[half, swarm] = searches.qualities(swarm, problem[some], optimum[some], seed)
        yield Row(f"{half}-{names.QUALITY}", float(quality[half, swarm].mean()), swarm, setting, seed)
    for name, log in logs.items():
        own = log.ratio(log.own)
        for half, figures in measures.halves(log).items():
            for what, ratio in figures.items():
                yield Row(f"{half}-{what}", ratio, name, setting, seed)
                for swarm in SWARMS:
                    reached = quality[half, swarm]
                    slot_by_slot = float((own[where[half, swarm]] / reached).max())
                    by_mean = ratio / float(reached.mean())
                    told = slot_by_slot if what == measures.BEST_SLOT else by_mean
                    yield Row(names.by(f"{half}-{what}", swarm), told, name, setting, seed)
        if setting in (DYNAMIC[SERVERS], DYNAMIC[MOST_SERVERS]):
            yield from _of_log(log, name, setting, seed)


def _of_log(log: Log, name: str, setting: str, seed: int) -> Iterator[Row]:
    """Return what is told of a training along its slots, and the least of its last decisions."""
    own = log.ratio(log.own)
    columns = {
        names.NRR + names.OVER: own,
        names.LABELS + names.OVER: log.ratio(log.played),
        names.REWARD + names.OVER: 1.0 / log.own,
        names.LOSS + names.OVER: log.loss,
        names.STEPS + names.OVER: log.more["steps"],
    }
    points = min(names.POINTS, own.size // 5)
    for quantity, values in columns.items():
        for k, part in enumerate(np.array_split(values, points)):
            if not np.isnan(part).all():
                yield Row(quantity, float(np.nanmean(part)), name, setting, seed, (k + 1) * SLOTS / points)
    yield Row(names.LEAST, float(own[-measures.last_slots(own.size) :].min()), name, setting, seed)


def _searched(seed: int, quick: bool) -> Iterator[Row]:
    counts = searches.QUICK_EVALUATIONS if quick else searches.EVALUATIONS
    followed = searches.followed(seed, searches.QUICK_SEARCHED if quick else searches.SEARCHED, counts)
    for name, curve in followed.ratio.items():
        for count, value in zip(counts, curve.tolist(), strict=True):
            yield Row(names.MET, value, name, SEARCHES, seed, float(count))
    for name, found in followed.found.items():
        for level, evaluations in found.items():
            yield Row(names.FOUND, evaluations, name, SEARCHES, seed, level)


def _tracked(seed: int, slots: int) -> Iterator[Row]:
    for name in (encoders.PRINTED, encoders.AVERAGED):
        for how, found in encoders.tracked(name, seed, slots).items():
            yield from _kept(found, f"{name}, {how}", WALKING, seed)


def _kept(found: Reconstruction, name: str, setting: str, seed: int) -> Iterator[Row]:
    """Return what a way of compressing leaves of channels."""
    for quantity, value in (
        (names.ACCURACY, found.testing.accuracy),
        (names.ACCURACY + names.TRAINING, found.training.accuracy),
        (names.UNIT_ACCURACY, found.accuracy_unit_scale),
        (names.EXPLAINED, found.testing.explained),
        (names.BEST_KEPT, found.testing.best_server),
        (names.RELATIVE, found.relative),
    ):
        yield Row(quantity, value, name, setting, seed)


def _channels(setting: str, seed: int, quick: bool) -> Iterator[Row]:
    """Return what ways of compressing leave of channels."""
    servers, activation, law = CODES[setting]
    first, episodes = setting == CHANNELS[SERVERS], encoders.QUICK_EPISODES if quick else EPISODES
    batch = OjrsSettings().batch
    seldom = (encoders.SELDOM, episodes * encoders.TRAINING // batch // encoders.SELDOM)
    updates = (encoders.QUICK_UPDATES if quick else UPDATES) // encoders.SELDOM
    passes = (2 if quick else encoders.PLENTY_EPISODES) * encoders.PLENTY // batch // encoders.SELDOM
    found = encoders.untrained(seed, servers, law)
    for name in ENCODERS if servers == SERVERS else (SAE,):
        often, steps = (episodes, None) if first and name in SHOWN else seldom
        found[name] = encoders.trained(name, seed, servers, often, steps, activation=activation, law=law)
        yield from _along(found[name], names.ALONG_EPISODES, EPISODES, name, setting, seed)
    for name, one in found.items():
        yield from _kept(one, name, setting, seed)
        for where, shares in zip((names.TRAINING, names.TESTING), one.errors, strict=True):
            for edge, share in zip(BARS[1:].tolist(), shares.tolist(), strict=True):
                yield Row(names.ERRORS + where, share, name, setting, seed, edge)
    for name in (AE, SAE) if first else ():
        one = encoders.trained(name, seed, servers, encoders.SELDOM, updates)
        yield from _along(one, names.ALONG_UPDATES, UPDATES, name, setting, seed)
        much = encoders.trained(name, seed, servers, encoders.SELDOM, passes, training=encoders.PLENTY)
        for where, losses in zip((names.TRAINING, names.TESTING), much.losses, strict=True):
            yield Row(names.LOSS + where + names.PLENTY, float(losses[-1]), name, setting, seed)


def _along(found: Reconstruction, along: str, whole: int, name: str, setting: str, seed: int) -> Iterator[Row]:
    """Return losses and accuracy along the episodes, at x of a whole training."""
    losses = zip((names.TRAINING, names.TESTING), found.losses, strict=True)
    for quantity, values in (*((names.LOSS + where, one) for where, one in losses), (names.ACCURACY, found.accuracy)):
        for k, value in enumerate(values.tolist()):
            yield Row(quantity + along, value, name, setting, seed, (k + 1) * whole / values.size)


REPRODUCTION = Paper004()
