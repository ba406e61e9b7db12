"""Running the evaluation of paper 003: trainings, baselines, decision times; then tables, pictures and verdicts."""

from __future__ import annotations

import itertools
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.learners.curves import curves
from mecopt.learners.decision_net import LEARNER, DecisionNet
from mecopt.learners.figures import Spread, spread
from mecopt.learners.log import Log
from mecopt.learners.paper_003 import measures, pictures
from mecopt.learners.paper_003.claims import judged
from mecopt.learners.paper_003.tables import PAPER_NAMES, tables
from mecopt.learners.paper_003.trainings import (
    ABLATION,
    DIFFERENT,
    FIGURES,
    INSTANCES,
    OURS_NAME,
    PAPER_NAME,
    QUICK_ABLATION,
    QUICK_INSTANCES,
    RATE,
    STEADY,
    SWITCHED,
    TIMED,
    USERS,
    WEIGHT,
    change_points,
    stream,
    stream_of,
)
from mecopt.learners.plans import Plan, train_all
from mecopt.learners.timing import seconds as seconds_of
from mecopt.learners.training import versions
from mecopt.models.binary_offloading import BinaryOffloading
from mecopt.reproduction import Findings, Picture, Progress, Reproduction
from mecopt.show.numbers import counted
from mecopt.solve import solve

Array = NDArray[Any]

UNTRAINED = (
    "exact",
    "index-scan",
    "coordinate-descent",
    "cd-random",
    "best-of-random",
    "random",
    "all-offload",
    "all-local",
)
BASELINES = {
    STEADY: (*UNTRAINED, measures.BY_SIZE, "all-offload-equal", "cd-average"),
    DIFFERENT: (*UNTRAINED, measures.BY_SIZE),
    RATE: UNTRAINED,
}
TIMED_INSTANCES = 30

Ratios = dict[str, list[tuple[Array, Array]]]


@dataclass(frozen=True)
class Measured:
    """Everything that was measured, for verdicts, tables and pictures."""

    logs: dict[Plan, list[Log]]
    baselines: dict[str, Ratios]
    """Kind of stream, method: ratio and solver calls of every instance, per seed."""
    seconds: dict[tuple[str, int], Array]
    """Way of deciding and number of users: the time on every instance."""
    slsqp_error: float
    """Largest relative difference of the least cost over all decisions by SLSQP from the proved optimum."""
    slsqp_users: int
    slsqp_instances: int

    def of(self, name: str, kind: str) -> list[Log]:
        """Return the logs of a plan."""
        return next(logs for plan, logs in self.logs.items() if (plan.name, plan.stream, plan.users) == (name, kind, USERS))

    def level(self, name: str, kind: str) -> Spread:
        """Return the mean ratio of what was played over the last 30 %, over seeds."""
        return spread([measures.last_part(log, log.played).mean() for log in self.of(name, kind)])

    def mean(self, kind: str, method: str) -> Spread:
        """Return a baseline's mean ratio over seeds."""
        return spread([ratio.mean() for ratio, _ in self.baselines[kind][method]])

    def time(self, way: str, users: int) -> float:
        """Return the median time of a decision."""
        return float(np.median(self.seconds[way, users]))


class Paper003(Reproduction):
    """Xuan, Wei, Ni, Zhang: Decoupling Offloading Decision and Resource Allocation via DRL and SLSQP."""

    paper = "003"
    title = "Results of paper 003: decisions by a network, allocation by SLSQP"

    def run(self, out: Path, *, seeds: int, quick: bool, progress: Progress) -> Findings:
        """Train, compare, time, judge."""
        count = QUICK_INSTANCES if quick else INSTANCES
        plans = (*FIGURES, *(QUICK_ABLATION if quick else ABLATION), *TIMED)
        logs = train_all(LEARNER, stream_of, plans, out, seeds, count, lambda done, total: progress("training", done, total))
        baselines = {kind: _ratios(kind, seeds, count, progress) for kind in BASELINES}
        timed = 3 if quick else TIMED_INSTANCES
        progress("decision times", 0, 1)
        seconds = decision_times(out, count, timed)
        users, instances = (6, 1) if quick else (USERS, 3)
        error = all_decisions_by_slsqp(users, instances)
        measured = Measured(logs, baselines, seconds, error, users, instances)
        return Findings(
            title=self.title,
            settings={
                "seeds": seeds,
                "instances of a training": count,
                "instances of a decision time": timed,
                "quick": quick,
                "versions": ", ".join(f"{k} {v}" for k, v in versions().items()),
                "machine": f"{counted(os.cpu_count() or 1, 'cores')}, {platform.machine()}, Python "
                f"{platform.python_version()}",
                "command": f"mecopt reproduce 003 -o FOLDER --seeds {seeds}{' --quick' if quick else ''}",
                "spread": "mean ± standard deviation over seeds",
            },
            claims=judged(measured),
            tables=tables(measured),
            pictures=drawn(measured),
        )


def _ratios(kind: str, seeds: int, count: int, progress: Progress) -> Ratios:
    found: Ratios = {name: [] for name in BASELINES[kind]}
    for seed in range(seeds):
        for name, row in measures.ratios(stream(kind, seed, count), BASELINES[kind], seed).items():
            found[name].append(row)
        progress(f"baselines, {kind}", seed + 1, seeds)
    return found


def decision_times(out: Path, count: int, instances: int) -> dict[tuple[str, int], Array]:
    """Time one decision for 10, 15 and 20 users: the paper's two methods, and the same decisions without SLSQP.

    The networks are those trained on `count` instances.
    """
    found: dict[tuple[str, int], Array] = {}
    for users in (USERS, *(plan.users for plan in TIMED)):
        batch = stream(STEADY, 0, 1000, users)
        policy = DecisionNet.load(Plan(OURS_NAME, STEADY, {}, users).folder(out, 0, count))
        ways: dict[str, Callable[[Any, Generator], Any]] = {
            "network and 7 SLSQP": partial(_proposal, measures.paper_proposal, policy),
            "CD_SLSQP": measures.paper_descent,
            "network and square-root rule": partial(_proposal, measures.our_proposal, policy),
            "coordinate descent, square-root rule": lambda instance, rng: solve(instance, solver="cd-random", rng=rng),
            "exact, proved": lambda instance, rng: solve(instance),
        }
        for name, way in ways.items():
            found[name, users] = seconds_of(way, batch[:instances])
        whole = solve(batch)
        each = (whole.stats.solve_seconds + whole.stats.certify_seconds) / batch.instances
        found["exact, proved, in a batch of 1,000", users] = np.array([each])
    return found


def _proposal(way: Callable[..., float], policy: DecisionNet, instance: BinaryOffloading, rng: Generator) -> float:
    return way(instance, policy, rng)


def all_decisions_by_slsqp(users: int, instances: int) -> float:
    """Find the least cost as the paper does, every decision allocated by SLSQP, and compare it with the proved optimum."""
    worst = 0.0
    for instance in stream(STEADY, 0, instances, users):
        decisions = itertools.product((0, 1), repeat=users)
        least = min(measures.paper_slsqp(instance, np.array(decision)) for decision in decisions)  # type: ignore[arg-type]
        worst = max(worst, abs(least / float(solve(instance).objective) - 1.0))
    return worst


def drawn(measured: Measured) -> list[Picture]:
    """Draw every figure of the paper, the optimum in each."""
    first, second = change_points(measured.of(OURS_NAME, STEADY)[0].played.size)
    found = []
    for name, caption, kind, changes in (
        ("Figures 3 and 4", "Convergence in the paper's setting.", STEADY, []),
        ("Figures 5 and 6", "The weight of energy changes.", WEIGHT, [(first, "alpha = 3"), (second, "alpha = 1")]),
        ("Figures 7 and 8", "Three users leave and return.", SWITCHED, [(first, "3 users off"), (second, "all on")]),
        ("Figure 4 with users that differ", "A setting the paper does not have.", DIFFERENT, []),
    ):
        runs = {f"{settings}:": measured.of(settings, kind) for settings in (PAPER_NAME, OURS_NAME)}
        found.append(
            Picture(
                name,
                f"{caption} Means over seeds; shade: least and greatest record of the last 20.",
                curves(runs, name, changes),
            )
        )
    networks = {settings: measured.of(settings, STEADY) for settings in (PAPER_NAME, OURS_NAME)}
    baselines = {name: [ratio for ratio, _ in runs] for name, runs in measured.baselines[STEADY].items()}
    caption = "The paper's comparison on the same instances; cd-random decides as CD_SLSQP does, without SLSQP."
    found.append(Picture("Figure 9", caption, pictures.comparison(baselines, networks, PAPER_NAMES)))
    times = {key: float(np.median(value)) for key, value in measured.seconds.items()}
    found.append(Picture("Table 1 as a picture", "Median time of one decision.", pictures.times(times)))
    return found


REPRODUCTION = Paper003()
