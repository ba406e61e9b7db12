"""All policies on the same fresh frames, learned ones without noise, and what each gave away at the states it met.

The optimum of a frame is not the optimum in the long run: a policy that spends more now may find its batteries fuller later.
So two things are measured. The reward (11) along a stream says how a policy does in the long run, where nothing is proved
to be best. The regret compares with the proved optimum of the same frame: same channels, work, batteries, and users served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mecopt.evaluation.reproduction import Progress
from mecopt.learners.figures import Spread, spread
from mecopt.learners.h_maddpg import HMaddpg
from mecopt.learners.paper_001 import trainings
from mecopt.learners.paper_001.measures import Array, Followed, Regret, Size, follow
from mecopt.learners.paper_001.policies import BASELINES, REGRETTING
from mecopt.learners.paper_001.sweeps import Task, side_by_side
from mecopt.learners.paper_001.worlds import NOMINAL, stream
from mecopt.learners.plans import Plan
from mecopt.models.backscatter_frame import BackscatterFrame

SIZE, QUICK_SIZE = Size(40, 20, 60), Size(3, 1, 2)
EVERY, QUICK_EVERY = 6, 2
"""One frame of so many is solved once more for the regret."""


@dataclass(frozen=True, eq=False)
class Compared:
    """Figure 2 and what stands beside it; lists hold one entry per seed."""

    curves: dict[Plan, list[dict[str, Array]]]
    """What happened in training."""
    learned: dict[Plan, list[Followed]]
    baselines: dict[str, list[Followed]]

    @property
    def policies(self) -> list[Plan | str]:
        """All policies, those without learning first."""
        return [*self.baselines, *self.learned]

    def followed(self, policy: Plan | str) -> list[Followed]:
        """Return what came of a policy on fresh frames."""
        return self.learned[policy] if isinstance(policy, Plan) else self.baselines[policy]

    def reward(self, policy: Plan | str) -> Spread:
        """Return its mean reward (11), kbit/J."""
        return spread([one.means.reward for one in self.followed(policy)])

    def outage(self, policy: Plan | str) -> Spread:
        """Return its mean outage."""
        return spread([one.means.outage for one in self.followed(policy)])

    def carrier(self, policy: Plan | str) -> Spread:
        """Return the mean time of a carrier, s per user and frame."""
        return spread([one.means.times[1] for one in self.followed(policy)])

    def regret(self, policy: Plan | str) -> Regret:
        """Return its regret at the states of all seeds."""
        found = [one.regret for one in self.followed(policy) if one.regret is not None]
        return Regret(*(np.concatenate([getattr(one, name) for one in found]) for name in ("energy", "least")))

    def regrets(self, policy: Plan | str) -> list[float]:
        """Return its energy over the optimum's at the same states, ratio of sums, one per seed."""
        return [one.regret.of_sums for one in self.followed(policy) if one.regret is not None]

    def tenth(self, plan: Plan, column: str, number: int) -> Spread:
        """Return the mean of something over a tenth of the training; -1 is the last one."""
        return spread([float(np.mean(np.array_split(one[column], 10)[number])) for one in self.curves[plan]])


def follow_baseline(name: str, seed: int, size: Size, every: int) -> Followed:
    """Follow a policy without learning."""
    return follow(_fresh(seed, size), BASELINES[name], seed, size.skipped, every if name in REGRETTING else 0)


def follow_learned(folder: Path, seed: int, size: Size, every: int) -> Followed:
    """Follow what a training has left."""
    return follow(_fresh(seed, size), HMaddpg.load(folder).act, seed, size.skipped, every)


def _fresh(seed: int, size: Size) -> BackscatterFrame:
    return stream(NOMINAL, seed, size.length, size.lanes)


def measure(out: Path, seeds: int, quick: bool, count: int, progress: Progress) -> Compared:
    """Train everything, then follow everything; finished trainings are not run again."""
    size, every = (QUICK_SIZE, QUICK_EVERY) if quick else (SIZE, EVERY)

    def gathered(tasks: Sequence[Task], names: Sequence[Any], what: str) -> dict[Any, list[Any]]:
        found = side_by_side(tasks, what, progress)
        return {name: found[k * seeds : (k + 1) * seeds] for k, name in enumerate(names)}

    plans = trainings.PLANS
    folders = {(plan, seed): plan.folder(out, seed, count) for plan in plans for seed in range(seeds)}
    curves = gathered(
        [(trainings.trained, (plan, folder, seed, count)) for (plan, seed), folder in folders.items()], plans, "training"
    )
    learned = gathered(
        [(follow_learned, (folder, seed, size, every)) for (_, seed), folder in folders.items()],
        plans,
        "learned policies",
    )
    baselines = gathered(
        [(follow_baseline, (name, seed, size, every)) for name in BASELINES for seed in range(seeds)],
        list(BASELINES),
        "policies without learning",
    )
    return Compared(curves, learned, baselines)
