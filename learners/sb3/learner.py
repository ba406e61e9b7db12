"""How `sb3` is trained: blocks of slots, after each the policy tried on a path of its own, and the best one kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, MecoptError
from mecopt.contract.problem import Problem
from mecopt.dynamic.dynamics import Dynamics
from mecopt.dynamic.limits import limits_along
from mecopt.dynamic.rollout import rollout
from mecopt.learners.checkpoint import CHECKPOINT, resume, write_checkpoint
from mecopt.learners.inputs import Inputs
from mecopt.learners.log import LOG
from mecopt.learners.network import as_arrays, one_thread
from mecopt.learners.paths import as_paths
from mecopt.learners.proposer import Learner, shipped_with_mecopt
from mecopt.learners.sb3 import record
from mecopt.learners.sb3.model import Model, own_randomness
from mecopt.learners.sb3.policy import NAME, Actor, Sb3Policy, dynamics_of, world_of
from mecopt.learners.sb3.settings import Sb3Settings
from mecopt.learners.training import finished, marks, run_key, versions
from mecopt.registry import dynamics_names, find_dynamics
from mecopt.show.numbers import counted
from mecopt.storage.atomic import to_myself, write_whole

Array = NDArray[Any]


class Sb3Learner(Learner):
    """Learner `sb3`."""

    name = NAME
    summary = "DDPG, TD3 and DQN of Stable-Baselines3, slot after slot, for every problem that repeats"
    role = "proposer"
    in_dynamics = True
    settings = Sb3Settings
    policy = Sb3Policy
    variants: ClassVar = {"default": {}}
    brief: ClassVar = {
        "checks": 2,
        "check_slots": 16,
        "check_lanes": 8,
        "hidden": (8,),
        "warm_up": 8,
        "batch": 8,
        "updates": 1,
    }

    def refusal(self, problem: Problem) -> str | None:
        """Refuse problems that do not repeat, or in which nobody acts slot by slot."""
        if problem.name not in dynamics_names():
            return (
                f"{NAME} learns slot after slot, and {problem.name} does not repeat; these do: {', '.join(dynamics_names())}"
            )
        try:
            dynamics = find_dynamics(problem.name)(**problem.sizes)
        except InstanceError as error:
            return f"{NAME} needs the dynamics of {problem.name}, which refuses: {error}"
        if not dynamics.worlds():
            return f"{NAME} needs to know how one acts in {problem.name}, which its dynamics does not say"
        return None

    def stream(
        self, cls: type[Problem], rng: Generator, count: int, preset: str, fields: Mapping[str, Any], settings: Sb3Settings
    ) -> Problem:
        """Draw paths, `count` slots in all, by the law of the problem's dynamics: channels go on from slot to slot."""
        if count < settings.lanes:
            raise InstanceError(
                f"{counted(count, 'slots', 'are')} too few; allowed: {settings.lanes} or more, one for each lane"
            )
        found: Problem = find_dynamics(cls.name)(preset, **fields).stream(rng, count // settings.lanes, settings.lanes)
        return found

    def train(
        self,
        stream: Problem,
        settings: Sb3Settings,
        seed: int,
        out: str | Path,
        provenance: Mapping[str, Any],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Sb3Policy:
        """Train on paths ``(slots, lanes)``, as `stream` draws them, or on one path, which is cut into lanes.

        What is carried follows from what is done. A run that was interrupted or killed goes on from its last check, and ends
        with the same weights.
        """
        self.require(stream)
        folder, described = Path(out), dataclasses.asdict(settings)
        stream = as_paths(stream, settings.lanes)
        dynamics = dynamics_of(stream.name, stream.sizes, provenance)
        if stream.own_limits:
            dynamics = dynamics.limited(*limits_along(stream))
        world_of(dynamics, settings)
        key = run_key(NAME, {**described, "preset": dynamics.preset, "set": list(provenance.get("set", ()))}, stream, seed)
        with to_myself(folder), one_thread(), own_randomness():
            checkpoint = folder / CHECKPOINT
            if not finished(folder, key, LOG):
                columns, layers = _learned(dynamics, stream, settings, seed, key, checkpoint, progress)
                origin = {"run": key, "seed": seed, "instances": stream.instances, "settings": described}
                figures = {"versions": versions(), "reached": record.reached(columns, dynamics, settings, stream)}
                record.write(folder / LOG, columns, key)
                title = f"{stream.name}, {settings.algorithm}, actions {settings.actions}, seed {seed}"
                write_whole(folder / "training.png", record.picture(columns, dynamics, title, marks(provenance)))
                card = {"preset": dynamics.preset, **provenance, **origin, **figures}
                inputs = Inputs.fit(stream.flat(), _seen(stream, dynamics.carried), "raw")
                Sb3Policy(card, stream.name, stream.sizes, inputs, settings, layers).save(folder)
            checkpoint.unlink(missing_ok=True)
        return Sb3Policy.load(folder)

    def shipped(self) -> list[Path]:
        """Return the folders of the policies that ship with mecopt."""
        return shipped_with_mecopt(NAME)


def _seen(stream: Problem, carried: Sequence[str]) -> tuple[str, ...]:
    """Return the fields that change from slot to slot, and those that are carried."""
    flat = stream.flat()
    return tuple(name for name, value in flat.data().items() if name in carried or (value != value[:1]).any())


def _learned(
    dynamics: Dynamics[Any],
    stream: Problem,
    settings: Sb3Settings,
    seed: int,
    key: str,
    checkpoint: Path,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, Array], Any]:
    """Learn block after block, or those that a checkpoint leaves; return the log and the layers that did best."""
    world = world_of(dynamics, settings)
    checks = min(settings.checks, stream.batch_shape[0])
    slots = stream.batch_shape[0] // checks
    total = slots * checks * stream.batch_shape[1]
    model = Model(world, stream, settings, seed, total)
    columns = record.empty(checks, tuple(dynamics.measures))
    best = as_arrays(model.network(), "best.")
    lanes = min(settings.check_lanes, settings.check_slots)
    path = dynamics.stream(np.random.default_rng((seed, 8)), -(-settings.check_slots // lanes), lanes)

    def restore(state: Mapping[str, Array]) -> None:
        model.restore({name: value for name, value in state.items() if not name.startswith("best.")})
        best.update({name: value for name, value in state.items() if name.startswith("best.")})

    first = resume(checkpoint, key, restore, columns)
    progress(first * slots * stream.batch_shape[1], total)
    for block in range(first, checks):
        columns["training"][block] = model.learn(block, slots)
        layers = model.network()
        if not all(np.isfinite(array).all() for layer in layers for array in layer):
            raise MecoptError(
                f"the training diverged in slots {block * slots} to {(block + 1) * slots} of each lane: its network is no "
                f"longer of finite numbers; a learning_rate below {settings.learning_rate:g} may help"
            )
        found = rollout(dynamics, path, Actor(world, settings, layers), np.random.default_rng((seed, 9)))
        columns["slots"][block] = (block + 1) * slots * stream.batch_shape[1]
        columns["reward"][block] = found.mean
        for name in dynamics.measures:
            columns[name][block] = record.mean(found.measures[name])
        if found.mean >= np.nanmax(columns["reward"][: block + 1]):
            best = as_arrays(layers, "best.")
        progress((block + 1) * slots * stream.batch_shape[1], total)
        if block + 1 < checks:
            write_checkpoint(checkpoint, key, block + 1, {**model.state(), **best}, columns)
    count = len(best) // 2
    return columns, [(best[f"best.weight_{n}"], best[f"best.offset_{n}"]) for n in range(count)]


LEARNER = Sb3Learner()
