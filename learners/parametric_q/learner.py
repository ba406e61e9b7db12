"""How `parametric-q` is trained: one pass along a path, a checkpoint every so often, and what is left in the folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from mecopt.contract.arguments import checked_seed
from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.learners.checkpoint import CHECKPOINT, resume, write_checkpoint
from mecopt.learners.inputs import Inputs
from mecopt.learners.log import LOG
from mecopt.learners.parametric_q import record
from mecopt.learners.parametric_q.laws import is_path_of, observed
from mecopt.learners.parametric_q.policy import DRAWN, NAME, ParametricQ, network_of
from mecopt.learners.parametric_q.settings import PRINTED, VARIANTS, ParametricQSettings
from mecopt.learners.parametric_q.training import ParametricQTraining
from mecopt.learners.paths import as_paths
from mecopt.learners.proposer import Learner, shipped_with_mecopt
from mecopt.learners.training import finished, marks, run_key, versions
from mecopt.models.inference_queue import terms
from mecopt.models.inference_queue.dynamics.steps import ALONE, QueueDynamics
from mecopt.models.inference_queue.problem import InferenceQueue
from mecopt.show.numbers import counted
from mecopt.storage.atomic import to_myself, write_whole

CHECKPOINT_BLOCKS = 200
"""Blocks between two checkpoints."""
EVALUATED = 200
"""Devices up to which what they have learned is evaluated exactly, some hundredths of a second for each of them."""
SEEN = (*DRAWN, *QueueDynamics.carried)
"""The fields that change from block to block."""


class ParametricQLearner(Learner):
    """Learner `parametric-q`."""

    name = NAME
    summary = (
        "online Q-learning of paper 002 for inference queues, as printed and repaired: devices and server, each for itself"
    )
    role = "proposer"
    settings = ParametricQSettings
    policy = ParametricQ
    variants = VARIANTS
    brief: ClassVar = {"server": PRINTED, "sweeps": 5}

    def refusal(self, problem: Problem) -> str | None:
        """Refuse everything but inference queues whose backlogs are whole numbers."""
        if not isinstance(problem, InferenceQueue):
            return f"{NAME} learns in networks of {InferenceQueue.name}; {problem.name} has no queues like these"
        if (terms.per_user(problem, "queue") == terms.LITERAL).any():
            return (
                f"{NAME} learns values of whole tasks, and queue is 'literal', whose backlogs are none; allowed: 'conserved'"
            )
        return None

    def stream(
        self,
        cls: type[Problem],
        rng: Generator,
        count: int,
        preset: str,
        fields: Mapping[str, Any],
        settings: ParametricQSettings,
    ) -> Problem:
        """Draw paths of the network that the settings say, `count` blocks over all lanes."""
        if count < settings.lanes:
            raise InstanceError(
                f"{counted(count, 'blocks', 'are')} too few; allowed: {settings.lanes} or more, one for each lane"
            )
        if cls is not InferenceQueue:
            return super().stream(cls, rng, count, preset, fields, settings)
        dynamics = QueueDynamics(preset, **{**settings.network(), **fields})
        return dynamics.stream(rng, count // settings.lanes, settings.lanes)

    def train(
        self,
        stream: Problem,
        settings: ParametricQSettings,
        seed: int,
        out: str | Path,
        provenance: Mapping[str, Any],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> ParametricQ:
        """Train on a path ``(blocks, lanes)``, as `stream` draws it, or on one path, which is cut into lanes.

        Queues follow from what is done. A run that was interrupted or killed goes on from its last checkpoint, and ends with
        the same weights.
        """
        self.require(stream)
        seed, folder, described = checked_seed(seed), Path(out), dataclasses.asdict(settings)
        path = as_paths(stream, settings.lanes)
        assert isinstance(path, InferenceQueue)
        key = run_key(NAME, described, path, seed)
        with to_myself(folder):
            checkpoint = folder / CHECKPOINT
            if not finished(folder, key, LOG):
                dynamics = network_of(path.users, _constants(path), settings)
                training = ParametricQTraining(dynamics, path, settings, seed)
                columns = _played(training, key, checkpoint, progress)
                origin = {"run": key, "seed": seed, "instances": path.instances, "settings": described}
                figures = {"versions": versions(), "reached": record.reached(columns)}
                record.write(folder / LOG, columns, key)
                title = (
                    f"{path.name}, {counted(path.users, 'users')}, devices {settings.devices}, server "
                    f"{settings.server}, seed {seed}"
                )
                write_whole(folder / "training.png", record.picture(columns, title, marks(provenance)))
                _policy(training, {**provenance, **origin, **figures}).save(folder)
            checkpoint.unlink(missing_ok=True)
        return ParametricQ.load(folder)

    def shipped(self) -> list[Path]:
        """Return the folders of the policies that ship with mecopt."""
        return shipped_with_mecopt(NAME)


def _constants(path: InferenceQueue) -> dict[str, Any]:
    """Return the fields of a network, which are the same in every block, or name one that is not."""
    found = {}
    for name, values in path.data().items():
        if name in SEEN or name in ALONE:
            continue
        if not (values == values[0, 0]).all():
            slot, lane = (int(k) for k in np.argwhere(values != values[0, 0])[0][:2])
            raise InstanceError(
                f"{name} is {values[0, 0]} in the first block and {values[slot, lane]} in block {slot}, lane {lane}; "
                f"allowed for {NAME}: the same in all blocks, but for {', '.join(SEEN)}"
            )
        found[name] = values[0, 0]
    return found


def _played(
    training: ParametricQTraining, key: str, checkpoint: Path, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Go through all blocks, or those that a checkpoint leaves; return the log."""
    blocks, lanes = training.stream.batch_shape
    columns = record.empty(blocks)
    checks = training.settings.checks + 1
    known = training.stream.users <= EVALUATED and is_path_of(training.dynamics, training.stream)
    evaluated = {-(-blocks * (n + 1) // checks) for n in range(checks)} if known else set()
    first = resume(checkpoint, key, training.restore, columns)
    progress(first * lanes, blocks * lanes)
    for number in range(first, blocks):
        for name, value in training.step(number).items():
            columns[name][number] = value
        done = number + 1
        if done in evaluated:
            columns["gap"][number] = training.gap()
        progress(done * lanes, blocks * lanes)
        if done % CHECKPOINT_BLOCKS == 0 and done < blocks:
            write_checkpoint(checkpoint, key, done, training.state(), columns)
    return columns


def _policy(training: ParametricQTraining, card: Mapping[str, Any]) -> ParametricQ:
    """Return devices and server as they are now."""
    path = training.stream
    seen = Inputs.fit(path, SEEN, "raw")
    met = {name: [float(value) for value in ends] for name, ends in training.met.items()}
    inputs = dataclasses.replace(seen, ranges={**seen.ranges, **met})
    learned = (training.actor(), training.rule(), observed(path), path.instances)
    return ParametricQ(card, path.name, path.sizes, inputs, training.settings, *learned)


LEARNER = ParametricQLearner()
