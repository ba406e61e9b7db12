"""The study of paper 003: its network and loop, its baselines and others, beside the proved optimum of every instance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mecopt.evaluation.measurements import Row
from mecopt.evaluation.study import Plan, Study
from mecopt.learners.decision_net import LEARNER, DecisionNet
from mecopt.learners.decision_net.settings import PAPER
from mecopt.learners.log import LOG, read_log
from mecopt.learners.paper_003.claims import CLAIMS
from mecopt.learners.paper_003.measures import BATCH, all_decisions_by_slsqp, decision_times, ratios, stream
from mecopt.learners.paper_003.names import (
    ABLATION,
    BASELINES,
    INSTANCES,
    LEAST,
    LOSS,
    NEEDED,
    OF_USERS,
    OUR_SETTINGS,
    OURS,
    OWN,
    PERCENTILE,
    POINTS,
    PROPOSED,
    QUICK_INSTANCES,
    RATE,
    RATIO,
    SETTINGS,
    SLSQP_ERROR,
    SOLVES,
    STEADY,
    TIME,
)
from mecopt.learners.paper_003.shown import DRAWINGS, TABLES
from mecopt.storage.trained import read_card

Array = NDArray[Any]

TIMED_INSTANCES, QUICK_TIMED = 10, 2
"""Of a seed, on which decisions are timed."""
SLSQP_SIZE, QUICK_SLSQP_SIZE = (10, 3), (6, 1)
"""Users and instances of which all decisions are allocated by SLSQP."""


class Paper003(Study):
    """Xuan, Wei, Ni, Zhang: Decoupling Offloading Decision and Resource Allocation via DRL and SLSQP."""

    paper = "003"
    title = "Results of paper 003: decisions by a network, allocation by SLSQP"
    seeds = 5
    settings = SETTINGS
    timed = tuple(OF_USERS.values())
    claims, tables, drawings = CLAIMS, TABLES, DRAWINGS
    remarks: ClassVar[Mapping[str, str]] = {
        "instances": f"{INSTANCES:,} for each training and seed, drawn anew by every seed, the same for all methods; curves "
        f"are of means over {INSTANCES // POINTS}",
        "decision times": f"medians of {TIMED_INSTANCES} instances for each seed, one way after the other on each",
        "own decision": "among the K, unless it is said to be left out: the paper counts 'a total of K' with it or without",
        "rules": "those of the first run were replaced after its figures had been seen, and before this run; what changed "
        "beside the statistics stands with each claim",
    }

    def plans(self, quick: bool) -> Sequence[Plan]:
        """Both networks on every stream, and variants of them on the steady one."""
        both = {PROPOSED: PAPER, OURS: OUR_SETTINGS}
        in_rate = {PROPOSED: {**PAPER, "scaling": "standard"}, OURS: OUR_SETTINGS}
        found = {setting: in_rate if setting == RATE else both for setting in SETTINGS}
        found[STEADY] = {**both, **(NEEDED if quick else ABLATION)}
        return [Plan(name, setting, LEARNER.name, how) for setting, plans in found.items() for name, how in plans.items()]

    def train(self, plan: Plan, seed: int, folder: Path, quick: bool) -> None:
        """Train on the stream of the seed, on which it is measured while it learns."""
        settings = LEARNER.configured("default", plan.settings)
        told = {"plan": plan.method, "stream": plan.setting}
        LEARNER.train(stream(plan.setting, seed, _count(quick)), settings, seed, folder, told)

    def measure(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        """Read the logs of the trainings, and let the baselines decide on the same instances."""
        for name, folder in trained.items():
            log = read_log(folder / LOG)
            calls = read_card(folder)["settings"]["candidates"]
            yield from _figures(log.ratio(log.played), np.array([calls]), name, setting, seed)
            yield from _along(OWN, log.ratio(log.own), name, setting, seed)
            yield from _along(LOSS, log.loss, name, setting, seed)
        if setting in BASELINES:
            for name, ratio, calls in ratios(stream(setting, seed, _count(quick)), BASELINES[setting], seed):
                yield from _figures(ratio, calls, name, setting, seed)

    def measure_times(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        """Time the paper's two methods, and the same decisions without SLSQP."""
        networks = {name: DecisionNet.load(trained[name]) for name in (PROPOSED, OURS)}
        batch = stream(setting, seed, BATCH)
        for way, seconds in decision_times(batch, QUICK_TIMED if quick else TIMED_INSTANCES, networks).items():
            yield Row(TIME, 1e3 * seconds, way, setting, seed)

    def measure_once(self, quick: bool) -> Iterable[Row]:
        """Compare the least cost of all decisions by SLSQP with the proved optimum."""
        yield Row(SLSQP_ERROR, all_decisions_by_slsqp(*(QUICK_SLSQP_SIZE if quick else SLSQP_SIZE)))


def _count(quick: bool) -> int:
    return QUICK_INSTANCES if quick else INSTANCES


def _figures(ratio: Array, calls: Array, name: str, setting: str, seed: int) -> Iterable[Row]:
    """Return what is told of the ratios of a method on every instance."""
    yield from _along(RATIO, ratio, name, setting, seed)
    last = ratio[-max(1, round(0.3 * ratio.size)) :]
    yield Row(PERCENTILE, float(np.percentile(last, 1)), name, setting, seed)
    yield Row(LEAST, float(last.min()), name, setting, seed)
    yield Row(SOLVES, float(calls.mean()), name, setting, seed)


def _along(quantity: str, values: Array, name: str, setting: str, seed: int) -> Iterable[Row]:
    """Return means over parts of the instances, at x of a whole training; entries that are nan are left out."""
    points = min(POINTS, values.size // 10)
    for k, part in enumerate(np.array_split(values, points)):
        yield Row(quantity, float(np.nanmean(part)), name, setting, seed, (k + 1) * INSTANCES / points)


REPRODUCTION = Paper003()
