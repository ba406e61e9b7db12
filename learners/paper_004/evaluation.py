"""Running the evaluation of paper 004: encoders, searches, trainings, strategies; then tables, pictures and verdicts."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.figures import Spread, spread
from mecopt.learners.log import Log
from mecopt.learners.ojrs import LEARNER
from mecopt.learners.paper_004 import encoders, measures, pictures, searches
from mecopt.learners.paper_004.claims import judged
from mecopt.learners.paper_004.encoders import Reconstruction
from mecopt.learners.paper_004.measures import Habits
from mecopt.learners.paper_004.searches import Curvature, Decided
from mecopt.learners.paper_004.tables import tables
from mecopt.learners.paper_004.trainings import BASE, DYNAMIC, QUICK_SLOTS, SLOTS, ablation, stream_of, varied
from mecopt.learners.plans import Plan, train_all
from mecopt.learners.training import versions
from mecopt.reproduction import Findings, Progress, Reproduction
from mecopt.show.numbers import counted

Array = NDArray[Any]


@dataclass(frozen=True)
class Measured:
    """Everything that was measured, for verdicts, tables and pictures; lists hold one entry per seed."""

    logs: dict[Plan, list[Log]]
    habits: dict[Plan, list[Habits]]
    encoders: dict[tuple[str, int], list[Reconstruction]]
    """Way of compressing and number of servers."""
    updates: dict[str, list[Reconstruction]]
    """AE and SAE, an episode being a single update."""
    searches: dict[str, list[Array]]
    """NRR after so many `evaluations`."""
    found: dict[str, list[float]]
    """Number of evaluations after which a search has found the optimum; see `searches.Followed`."""
    evaluations: tuple[int, ...]
    decided: Decided
    curvature: Curvature

    def level(self, plan: Plan) -> Spread:
        """Return the mean NRR of the own decision over the last 500 slots."""
        return spread([measures.last(log, log.own).mean() for log in self.logs[plan]])

    def changed(self, base: str, change: str = "") -> list[Log]:
        """Return the logs of some settings, one component changed."""
        return self.logs[varied(base, change)]

    def latency(self, name: str) -> Spread:
        """Return the mean latency of a strategy of table II, s."""
        return spread([values.mean() for values in self.decided.latency[name]])

    def nrr(self, name: str) -> Spread:
        """Return the mean NRR of a strategy of table II."""
        pairs = zip(self.decided.latency[searches.EXACT], self.decided.latency[name], strict=True)
        return spread([(least / values).mean() for least, values in pairs])

    def rewards(self, name: str) -> Spread:
        """Return the mean reward of a strategy of table II, 1/s."""
        return spread([float((1.0 / values).mean()) for values in self.decided.latency[name]])

    def time(self, name: str) -> float:
        """Return the median time of a decision, s."""
        return float(np.median(self.decided.seconds[name]))


class Paper004(Reproduction):
    """Jiang, Wang, Dong, Pan, Yang: Stacked Auto Encoder Based DRL for Online Resource Scheduling in Large-Scale MEC."""

    paper = "004"
    title = "Results of paper 004: many users, many servers, OJRS"
    seeds = 3

    def run(self, out: Path, *, seeds: int, quick: bool, progress: Progress) -> Findings:
        """Compress, train, search, decide, judge."""
        measured = measure(out, seeds, quick, QUICK_SLOTS if quick else SLOTS, progress)
        count = measured.logs[BASE[0]][0].own.size
        return Findings(
            title=self.title,
            settings={
                "seeds": seeds,
                "slots of a training": count,
                "slots on which strategies are compared": measured.decided.latency[searches.EXACT][0].size,
                "slots of a decision time": measured.decided.seconds[searches.EXACT].size,
                "slots by which the one decision for all is chosen": measured.decided.seen,
                "quick": quick,
                "versions": ", ".join(f"{k} {v}" for k, v in versions().items()),
                "machine": f"{counted(os.cpu_count() or 1, 'cores')}, {platform.machine()}, Python "
                f"{platform.python_version()}",
                "command": f"mecopt reproduce 004 -o FOLDER --seeds {seeds}{' --quick' if quick else ''}",
                "spread": "mean ± standard deviation over seeds",
            },
            claims=judged(measured),
            tables=tables(measured),
            pictures=pictures.drawn(measured),
        )


def measure(out: Path, seeds: int, quick: bool, count: int, progress: Progress) -> Measured:
    """Run everything; finished trainings are not run again."""
    plans = (*BASE, *DYNAMIC, *ablation(quick))
    logs = train_all(LEARNER, stream_of, plans, out, seeds, count, lambda done, total: progress("training", done, total))
    shown = [plan for plan in plans if plan not in DYNAMIC]
    habits = {plan: [measures.habits(plan, out, seed, count) for seed in range(seeds)] for plan in shown}
    compressed = encoders.measure(seeds, encoders.QUICK_EPISODES if quick else encoders.EPISODES, progress)
    updates = encoders.measure_updates(seeds, encoders.QUICK_UPDATES if quick else encoders.UPDATES, progress)
    evaluations = searches.QUICK_EVALUATIONS if quick else searches.EVALUATIONS
    searched = searches.QUICK_SEARCHED if quick else searches.SEARCHED
    followed = []
    for seed in range(seeds):
        progress("searches", seed, seeds)
        followed.append(searches.followed(seed, searched, evaluations))
    ratios = {name: [one.ratio[name] for one in followed] for name in followed[0].ratio}
    found = {name: [one.found[name] for one in followed] for name in followed[0].found}
    slots, timed = (searches.QUICK_COMPARED, searches.QUICK_TIMED) if quick else (searches.COMPARED, searches.TIMED)
    decided = searches.decided(out, seeds, count, slots, timed, progress)
    curvature = searches.curvature(*((2, 50) if quick else (20, 1000)))
    return Measured(logs, habits, compressed, updates, ratios, found, evaluations, decided, curvature)


REPRODUCTION = Paper004()
