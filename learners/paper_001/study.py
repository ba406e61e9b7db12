"""The study of paper 001: trainings, policies that need no learning, who does which work, and the schemes of figure 4b."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mecopt.dynamic.dynamics import Policy
from mecopt.evaluation.measurements import Row
from mecopt.evaluation.study import Plan, Study
from mecopt.learners.h_maddpg import LEARNER, HMaddpg, record
from mecopt.learners.log import LOG
from mecopt.learners.paper_001 import schemes
from mecopt.learners.paper_001.claims import CLAIMS
from mecopt.learners.paper_001.measures import Means, Regret, Size, follow
from mecopt.learners.paper_001.names import (
    AVERAGES,
    BATTERY,
    BETTER,
    CARRIER,
    COMMON,
    DISORDER,
    DISTANCES,
    EFFICIENCY,
    ENERGY,
    EVERYWHERE,
    FRAME_EFFICIENCY,
    LEAST_REGRET,
    LENGTH,
    OPTIMUM,
    OUTAGE,
    OVER,
    PARTS,
    POINTS,
    QUICK_LENGTH,
    REGRET,
    REWARD,
    ROLLED,
    SENDING,
    SERVED,
    SETTINGS,
    STEADY,
    TIMES,
    WASTED,
    WASTED_MOST,
    WAYS,
    WORK,
    played,
)
from mecopt.learners.paper_001.policies import BASELINES, HYBRID, MODES, REGRETTING, of_scheme
from mecopt.learners.paper_001.shown import DRAWINGS, TABLES
from mecopt.learners.paper_001.trainings import PLANS, stream_of
from mecopt.learners.paper_001.worlds import LOADS, NOMINAL, POWERS, SCALES, World, stream

Array = NDArray[Any]

FOLLOWED, QUICK_FOLLOWED = Size(40, 20, 60), Size(3, 1, 2)
"""Of policies on fresh frames."""
EVERY, QUICK_EVERY = 6, 2
"""One frame of so many is solved once more for the regret."""
SWEPT, QUICK_SWEPT = Size(60, 10, 10), Size(4, 1, 2)
"""Of figures 3 and 4."""
SHARED, QUICK_SHARED = 400, 40
"""Frames of every seed and distance on which all schemes are compared; some must be served by all at all distances."""

AXES: Mapping[str, Mapping[float, World]] = {
    CARRIER: {world.power: world for world in POWERS},
    WORK: {world.load: world for world in LOADS},
    DISTANCES: {world.scale: world for world in SCALES},
}


class Paper001(Study):
    """Zhou, Long, Zhang, Xu, Gong: Hierarchical Multi-Agent DRL for Backscatter-aided Data Offloading."""

    paper = "001"
    title = "Results of paper 001: backscatter-aided offloading, H-MADDPG"
    seeds = 5
    settings = SETTINGS
    claims, tables, drawings = CLAIMS, TABLES, DRAWINGS
    remarks: ClassVar[Mapping[str, str]] = {
        "constants": "preset `paper`; searched for so that the claims of figures 3 and 4 can hold, see docs/papers/001.md: "
        "where one does, this shows no more than that such constants exist",
        "trainings": f"of {LENGTH:,} frames, the same for all of a seed; noise and coin fall over the first 60 % of them. "
        f"Curves are of means over {LENGTH // POINTS}",
        "fresh frames": f"on which policies are compared, without noise: {FOLLOWED.words()}",
        "figures 3 and 4": f"rollouts of {SWEPT.words()}; schemes on {SHARED} common frames of each seed and distance",
        "rules": "those of the first run were replaced after its figures had been seen, and before the next; what changed "
        "beside the statistics stands with each claim",
    }

    def plans(self, quick: bool) -> Sequence[Plan]:
        """Algorithm 1, its access point alone and its rivals with both kinds of beams, and what is asked beyond them."""
        return PLANS

    def train(self, plan: Plan, seed: int, folder: Path, quick: bool) -> None:
        """Train on the frames of the seed."""
        settings = LEARNER.configured("default", plan.settings)
        frames = stream_of(seed, QUICK_LENGTH if quick else LENGTH)
        LEARNER.train(frames, settings, seed, folder, {"plan": plan.method, "stream": plan.setting})

    def measure(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        """Read logs and follow policies, or vary the carrier, the work or the distances."""
        if setting == STEADY:
            for name, folder in trained.items():
                yield from _of_log(record.read(folder / LOG), name, seed)
                yield from policy_rows(name, HMaddpg.load(folder).act, seed, quick, regretting=True)
            for name, policy in BASELINES.items():
                yield from policy_rows(name, policy, seed, quick, regretting=name in REGRETTING)
        elif setting == COMMON:
            yield from _common(seed, quick)
        else:
            yield from _swept(setting, seed, quick)


def policy_rows(name: str, policy: Policy, seed: int, quick: bool, *, regretting: bool) -> Iterable[Row]:
    """Follow a policy on fresh frames; with `regretting`, solve some of them once more at the states it met."""
    size, every = (QUICK_FOLLOWED, QUICK_EVERY) if quick else (FOLLOWED, EVERY)
    frames = stream(NOMINAL, seed, size.length, size.lanes)
    found = follow(frames, policy, seed, size.skipped, every if regretting else 0)
    for quantity, value in {**_means(found.means), **(_regret(found.regret) if found.regret else {})}.items():
        yield Row(quantity, value, name, STEADY, seed)


def _means(means: Means) -> Mapping[str, float]:
    return {
        REWARD: means.reward,
        EFFICIENCY: means.efficiency,
        FRAME_EFFICIENCY: means.frame_efficiency,
        OUTAGE: means.outage,
        ENERGY: means.energy,
        BATTERY: means.battery,
        **dict(zip(PARTS.values(), means.shares, strict=True)),
        **dict(zip(TIMES.values(), means.times, strict=True)),
        SENDING: means.times[0] / (1.0 - means.outage) if means.outage < 1.0 else 0.0,
    }


def _regret(regret: Regret) -> Mapping[str, float]:
    wasted = regret.energy - regret.least
    return {
        REGRET: regret.of_sums,
        LEAST_REGRET: float(regret.ratio.min()),
        WASTED: float(wasted.mean()),
        WASTED_MOST: float(np.percentile(wasted, 90)),
        OPTIMUM: float(regret.least.mean()),
    }


def _of_log(log: Mapping[str, Array], name: str, seed: int) -> Iterable[Row]:
    """Return means over parts of a training, at x of a whole one; what was not logged is left out."""
    columns = {REWARD: log["reward"], OUTAGE: log["outage"], BETTER: 100.0 * log["users_better"]}
    points = min(POINTS, log["reward"].size // 3)
    for quantity, values in columns.items():
        for k, part in enumerate(np.array_split(values, points)):
            if not np.isnan(part).any():
                yield Row(quantity + OVER, float(part.mean()), name, STEADY, seed, (k + 1) * LENGTH / points)


def _swept(setting: str, seed: int, quick: bool) -> Iterable[Row]:
    """Follow schemes in rollouts of their own along an axis; all of them where distances are varied."""
    size = QUICK_SWEPT if quick else SWEPT
    ways = [(way, HYBRID) for way in WAYS]
    if setting == DISTANCES:
        ways += [(way, scheme) for way in ROLLED for scheme in MODES if scheme != HYBRID]
    for x, world in AXES[setting].items():
        frames = stream(world, seed, size.length, size.lanes)
        for way, scheme in ways:
            found = follow(frames, of_scheme(way, scheme), seed, size.skipped)
            for quantity, value in _means(found.means).items():
                yield Row(quantity, value, played(way, scheme), setting, seed, x)


def _common(seed: int, quick: bool) -> Iterable[Row]:
    """Compare schemes on frames that all of them serve, at each distance and at all of them."""
    count = QUICK_SHARED if quick else SHARED
    for way in WAYS:
        found = {x: schemes.common(world, way, seed, count) for x, world in AXES[DISTANCES].items()}
        here = {x: np.asarray(one.served.all(axis=0)) for x, one in found.items()}
        everywhere = np.asarray(np.logical_and.reduce(list(here.values())))
        for x, one in found.items():
            yield Row(SERVED, float(here[x].mean()), way, COMMON, seed, x)
            yield Row(DISORDER, one.disorder, way, COMMON, seed, x)
            for average in AVERAGES:
                for words, shown in (("", here[x]), (EVERYWHERE, everywhere)):
                    for scheme, value in zip(MODES, one.efficiencies(shown, average).tolist(), strict=True):
                        yield Row(average + words, value, played(way, scheme), COMMON, seed, x)


REPRODUCTION = Paper001()
