"""How `h-maddpg` is trained: frames in their order, a checkpoint every so often, and what is left in the folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.learners.checkpoint import CHECKPOINT, resume, write_checkpoint
from mecopt.learners.h_maddpg import record
from mecopt.learners.h_maddpg.algorithm import HMaddpgTraining
from mecopt.learners.h_maddpg.policy import NAME, HMaddpg
from mecopt.learners.h_maddpg.settings import MODEL_FREE, PAPER, HMaddpgSettings
from mecopt.learners.inputs import Inputs
from mecopt.learners.log import LOG
from mecopt.learners.network import one_thread
from mecopt.learners.proposer import Learner, shipped_with_mecopt
from mecopt.learners.training import finished, marks, run_key, versions
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.show.numbers import counted
from mecopt.storage.atomic import to_myself, write_whole

SEEN = ("channel", "workload", "battery")
"""The fields that the agents see."""

CHECKPOINT_FRAMES = 500
"""Frames between two checkpoints."""


class HMaddpgLearner(Learner):
    """Learner `h-maddpg`."""

    name = NAME
    summary = "hierarchical DDPG of paper 001: beams by the access point, times and bits by optimiser or users"
    role = "proposer"
    settings = HMaddpgSettings
    policy = HMaddpg
    variants: ClassVar = {"default": {}, "paper": PAPER, "model-free": MODEL_FREE}

    def refusal(self, problem: Problem) -> str | None:
        """Refuse everything but backscatter frames, whose dynamics it plays."""
        if isinstance(problem, BackscatterFrame):
            return None
        return f"{NAME} learns beams frame after frame for {BackscatterFrame.name}; {problem.name} has no frames like these"

    def train(
        self,
        stream: Problem,
        settings: HMaddpgSettings,
        seed: int,
        out: str | Path,
        provenance: Mapping[str, Any],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> HMaddpg:
        """Train on frames in their order: channels and work are the stream's, batteries follow from what is done.

        A run that was interrupted or killed goes on from its last checkpoint, and ends with the same weights.
        """
        self.require(stream)
        flat, folder, described = stream.flat(), Path(out), dataclasses.asdict(settings)
        if flat.instances < 2:
            raise InstanceError("the stream has 1 frame, which nothing follows; allowed: at least 2")
        key = run_key(NAME, described, flat, seed)
        with to_myself(folder), one_thread():
            checkpoint = folder / CHECKPOINT
            if not finished(folder, key, LOG):
                training = HMaddpgTraining(flat, settings, seed)  # type: ignore[arg-type]
                columns = _played(training, key, checkpoint, progress)
                origin = {"run": key, "seed": seed, "instances": flat.instances, "settings": described}
                figures = {"versions": versions(), "reached": record.reached(columns)}
                record.write(folder / LOG, columns, key)
                title = f"{flat.name}, {counted(flat.users, 'users')}, seed {seed}"
                write_whole(folder / "training.png", record.picture(columns, title, marks(provenance)))
                _policy(training, {**provenance, **origin, **figures}).save(folder)
            checkpoint.unlink(missing_ok=True)
        return HMaddpg.load(folder)

    def shipped(self) -> list[Path]:
        """Return the folders of the policies that ship with mecopt."""
        return shipped_with_mecopt(NAME)


def _played(training: HMaddpgTraining, key: str, checkpoint: Path, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Play all frames, or those that a checkpoint leaves; return the log."""
    total = training.stream.instances
    columns = record.empty(total)
    first = resume(checkpoint, key, training.restore, columns)
    progress(first, total)
    for number in range(first, total):
        for name, value in training.step(number).items():
            columns[name][number] = value
        progress(number + 1, total)
        if (number + 1) % CHECKPOINT_FRAMES == 0 and number + 1 < total:
            write_checkpoint(checkpoint, key, number + 1, training.state(), columns)
    return columns


def _policy(training: HMaddpgTraining, card: Mapping[str, Any]) -> HMaddpg:
    """Return the actors as they are now."""
    stream = training.stream
    seen = Inputs.fit(stream, SEEN, "raw")
    inputs = dataclasses.replace(seen, ranges={**seen.ranges, "battery": [float(value) for value in training.met]})
    layers = [
        [array.copy() for array in agents.actors.arrays] if agents else [] for agents in (training.beams, training.users)
    ]
    return HMaddpg(card, stream.name, stream.sizes, inputs, training.settings, training.observer, *layers)


LEARNER = HMaddpgLearner()
