"""The trainings of a paper's evaluation: which settings on which stream, repeated for every seed, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mecopt.contract.problem import Problem
from mecopt.learners.proposer import Learner
from mecopt.storage.atomic import code_digest


@dataclass(frozen=True)
class Plan:
    """One row of an evaluation: settings on a kind of stream."""

    name: str
    stream: str
    settings: Mapping[str, Any] = field(hash=False)
    users: int = 10

    def folder(self, out: Path, seed: int, count: int) -> Path:
        """Return where this training on so many instances stands; other code has other folders."""
        words = f"{self.stream}-{self.name}-{self.users}-{count}-seed-{seed}"
        return out / "runs" / code_digest() / "".join(c if c.isalnum() or c in "-." else "-" for c in words)


Stream = Callable[[Plan, int, int], Problem]
"""From a plan, a seed and a number of instances to the instances; a function of a module, since processes import it."""


def train_one(learner: Learner, stream: Stream, plan: Plan, folder: Path, seed: int, count: int) -> None:
    """Train one plan with one seed, unless it stands there already."""
    settings = learner.configured("default", plan.settings)
    learner.train(stream(plan, seed, count), settings, seed, folder, {"plan": plan.name, "stream": plan.stream})
