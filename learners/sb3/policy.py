"""What `sb3` leaves: a network on numpy alone that acts slot by slot, and the way of acting it was trained for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.units import behind
from mecopt.dynamic.dynamics import Dynamics
from mecopt.dynamic.worlds import Choices, SlotWorld, State
from mecopt.learners.inputs import Inputs
from mecopt.learners.network import Layers, as_arrays, forward, from_trained
from mecopt.learners.proposer import Proposer, changed_settings
from mecopt.learners.sb3.settings import Sb3Settings
from mecopt.quantities.settings import dynamics_values
from mecopt.registry import find_dynamics
from mecopt.storage.trained import Trained

Array = NDArray[Any]

NAME = "sb3"


def dynamics_of(problem: str, sizes: Mapping[str, int], provenance: Mapping[str, Any]) -> Dynamics[Any]:
    """Return the dynamics that a training or a card tells of: sizes, preset, and what was set."""
    cls = find_dynamics(problem)
    given = dynamics_values(cls, tuple(provenance.get("set", ())))
    found: Dynamics[Any] = cls(provenance.get("preset"), **{**sizes, **given})
    return found


def world_of(dynamics: Dynamics[Any], settings: Sb3Settings) -> SlotWorld:
    """Return the way of acting that settings name; an algorithm for the other kind of action is refused."""
    world = dynamics.world(None if settings.actions == "default" else settings.actions)
    chooses = isinstance(world.acted, Choices)
    if chooses != (settings.algorithm == "dqn"):
        kind, able = ("choices", "dqn") if chooses else ("numbers", "ddpg, td3")
        raise InstanceError(
            f"the actions {settings.actions!r} of {dynamics.name} are {kind}, of which {settings.algorithm} is not capable; "
            f"these are: {able}"
        )
    return world


def layer_sizes(world: SlotWorld, settings: Sb3Settings) -> list[int]:
    """Return the sizes of the network that acts, from what is seen to what is done."""
    done = world.acted.count if isinstance(world.acted, Choices) else int(np.prod(world.acted.shape))
    return [int(np.prod(world.observed.shape)), *settings.hidden, done]


@dataclass(frozen=True, eq=False)
class Actor:
    """A network that acts in a world; nothing in it is random."""

    world: SlotWorld
    settings: Sb3Settings
    layers: Layers

    def action(self, state: State) -> Array:
        """Return what is done in a slot, ``(*batch, ...)``."""
        seen = np.asarray(self.world.observation(state), dtype=np.float32)
        lead = seen.shape[: seen.ndim - len(self.world.observed.shape)]
        values = forward(self.layers, seen.reshape(-1, self.layers[0][0].shape[1]), self.settings.activation)
        acted = self.world.acted
        if isinstance(acted, Choices):
            return np.asarray(values.argmax(axis=-1).reshape(lead))
        return as_action(values, acted.low, acted.high).reshape(*lead, *acted.shape)

    def __call__(self, problem: Problem, rng: Generator) -> tuple[Array, Any]:
        """Return decision and allocation of slots: a policy of `mecopt.dynamic.rollout`."""
        state = State(problem, self.world.prepared(problem, rng))
        return self.world.answered(state, self.action(state), rng)


@dataclass(frozen=True, eq=False)
class Sb3Policy(Proposer):
    """An actor, or values of choices of which the greatest is taken."""

    learner: ClassVar[str] = NAME
    candidates: ClassVar[int] = 1  # type: ignore[misc]
    myopic: ClassVar[bool] = False
    settings: Sb3Settings
    layers: Layers = field(repr=False)

    @cached_property
    def actor(self) -> Actor:
        """The network in the way of acting for which it was trained."""
        return Actor(world_of(dynamics_of(self.problem, self.sizes, self.card), self.settings), self.settings, self.layers)

    def differences_along(self, dynamics: Dynamics[Any]) -> list[str]:
        """Say which settings of a sequence were others in the training."""
        return changed_settings(self.actor.world.dynamics.settings(), dynamics.settings())

    def act(self, problem: Problem, rng: Generator) -> tuple[Array, Any]:
        """Return decision and allocation of slots: a policy of `mecopt.dynamic.rollout`."""
        self.require(problem)
        return self.actor(problem, rng)

    def propose(self, problem: Problem, k: int, rng: Generator) -> Array:
        """Propose the decision of each slot ``(*batch, k, ...)``; all k are the same one."""
        if k < 1:
            raise InstanceError(f"k is {k}; allowed: at least 1")
        decision, _ = self.act(problem, rng)
        lead = len(problem.batch_shape)
        return np.repeat(np.expand_dims(decision, lead), k, axis=lead)

    def reported(self) -> list[str]:
        """Say what was earned on the path on which the policy was chosen."""
        found, counts, own = self.card["reached"], self.actor.world.dynamics.discount, self.settings.discount
        mind = f"what counts is discounted by {counts}, and it learned with {own} (--with discount)"
        drawn = self.card["instances"]
        rest = f"of {drawn:,} slots it learned from {found['slots']:,}: as many from every lane, between two checks as well"
        return [
            *([mind] if counts not in (None, own) else []),
            f"chosen after {found['chosen_after']:,} of {found['slots']:,} slots, on {found['over']}:",
            f"{found['reward_name']} {found['reward']:.4f}{behind(found['unit'])} a slot (at the end {found['last']:.4f})",
            *([rest] if found["slots"] < drawn else []),
        ]

    def usage(self, folder: Any) -> str:
        """Say how to put it beside other policies."""
        return self.rolled_out(folder)

    def weights(self) -> dict[str, Array]:
        """Return the layers by name."""
        return as_arrays(self.layers)

    @classmethod
    def from_trained(cls, stored: Trained, inputs: Inputs) -> Self:
        """Rebuild the network from a saved policy."""
        settings = Sb3Settings.of(stored.entry("settings", dict))
        name: str = stored.card["problem"]
        world = world_of(dynamics_of(name, stored.sizes(), stored.card), settings)
        layers = from_trained(stored, layer_sizes(world, settings))
        return cls(stored.card, name, stored.sizes(), inputs, settings, layers)


def as_action(values: Array, low: float, high: float) -> Array:
    """Return numbers between two limits from an actor's last values, as Stable-Baselines3 has them."""
    return np.asarray(np.clip(low + 0.5 * (np.tanh(values) + 1.0) * (high - low), low, high))


def layers_of(parameters: Sequence[tuple[Array, Array]]) -> Layers:
    """Return copies of a network's layers, in single precision."""
    return [(weight.astype(np.float32).copy(), offset.astype(np.float32).copy()) for weight, offset in parameters]
