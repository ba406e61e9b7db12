"""The trainings of a paper's evaluation: which settings on which stream, repeated for every seed, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mecopt.files import code_digest
from mecopt.learners.log import LOG, Log, read_log
from mecopt.learners.proposer import Learner
from mecopt.problem import Problem
from mecopt.workers import side_by_side


@dataclass(frozen=True)
class Plan:
    """One row of an evaluation: settings on a kind of stream."""

    name: str
    stream: str
    settings: Mapping[str, Any] = field(hash=False)
    users: int = 10
    servers: int | None = None

    def folder(self, out: Path, seed: int, count: int) -> Path:
        """Return where this training on so many instances stands; other code has other folders."""
        size = f"{self.users}" if self.servers is None else f"{self.users}x{self.servers}"
        words = f"{self.stream}-{self.name}-{size}-{count}-seed-{seed}"
        return out / "runs" / code_digest() / "".join(c if c.isalnum() or c in "-." else "-" for c in words)


Stream = Callable[[Plan, int, int], Problem]
"""From a plan, a seed and a number of instances to the instances; a function of a module, since processes import it."""


def train_one(learner: Learner, stream: Stream, plan: Plan, folder: Path, seed: int, count: int) -> None:
    """Train one plan with one seed, unless it stands there already."""
    settings = learner.configured("default", plan.settings)
    learner.train(stream(plan, seed, count), settings, seed, folder, {"plan": plan.name, "stream": plan.stream})


def train_all(
    learner: Learner,
    stream: Stream,
    plans: Sequence[Plan],
    out: Path,
    seeds: int,
    count: int,
    progress: Callable[[int, int], None],
) -> dict[Plan, list[Log]]:
    """Train every plan with every seed, side by side, and return their logs."""
    tasks = [(learner, stream, plan, plan.folder(out, seed, count), seed, count) for plan in plans for seed in range(seeds)]
    progress(0, len(tasks))
    with side_by_side(train_one, tasks) as finished:
        for done, _ in enumerate(finished, start=1):
            progress(done, len(tasks))
    return {plan: [read_log(plan.folder(out, seed, count) / LOG) for seed in range(seeds)] for plan in plans}
