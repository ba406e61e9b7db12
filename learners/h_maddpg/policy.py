"""The trained agents of `h-maddpg`, on numpy alone: beams for any frame, and what users do with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.learners.h_maddpg import record, sight
from mecopt.learners.h_maddpg.networks import act, actor_shapes
from mecopt.learners.h_maddpg.settings import HMaddpgSettings
from mecopt.learners.h_maddpg.shares import NUMBERS
from mecopt.learners.inputs import Inputs
from mecopt.learners.proposer import Proposer
from mecopt.models.backscatter_frame.dynamics.beam_actions import action_size, beams_of
from mecopt.models.backscatter_frame.dynamics.observation import Observer, flattened
from mecopt.models.backscatter_frame.dynamics.steps import carried_out, estimated, from_shares
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.variables import FrameAllocation
from mecopt.storage.trained import Trained

Array = NDArray[Any]

NAME = "h-maddpg"


@dataclass(frozen=True, eq=False)
class HMaddpg(Proposer):
    """The access point's actor, and those of the users where they have any.

    `inputs` names the fields that are seen and the values of all others; their scale is the observer's.
    """

    learner: ClassVar[str] = NAME
    myopic: ClassVar[bool] = False
    settings: HMaddpgSettings
    observer: Observer
    beams_actor: Sequence[Array] = field(repr=False)
    users_actors: Sequence[Array] = field(repr=False)
    """Empty where the optimiser says what users do, or the access point's actor."""

    @property
    def candidates(self) -> int:  # type: ignore[override]
        """K of its settings."""
        return self.settings.candidates

    def propose(self, problem: Problem, k: int, rng: Generator) -> Array:
        """Propose k sets of beams for each frame ``(*batch, k, users, antennas)``, the actor's own first."""
        if k < 1:
            raise InstanceError(f"k is {k}; allowed: at least 1")
        action = self._said(problem)[0][..., None, :]
        others = rng.standard_normal((*problem.batch_shape, k - 1, action.shape[-1]))
        noisy = np.clip(action + self.settings.noise_end * others, 0.0, 1.0)
        return beams_of(problem, self.settings.beams, np.concatenate([action, noisy], axis=-2))  # type: ignore[arg-type]

    def act(self, frames: BackscatterFrame, rng: Generator) -> tuple[Array, FrameAllocation]:
        """Return beams and what users do, without noise: the estimate, the users' own actions, or the better by (11).

        A `mecopt.dynamic.dynamics.Policy`; nothing in it is random.
        """
        s, (action, shares) = self.settings, self._said(frames)
        beams = beams_of(frames, s.beams, action)
        if s.users == "optimised" or (s.users == "optimisation-driven" and s.executed == "estimate"):
            return beams, estimated(frames, beams)
        own = from_shares(frames, beams, shares if s.users == "flat" else self.users_action(frames, beams))
        if s.users in ("model-free", "flat") or s.executed == "users":
            return beams, own
        estimate = estimated(frames, beams)
        y, optimal = (s.rewards().of_frame(carried_out(frames, beams, one)) for one in (own, estimate))
        better = (y > optimal)[..., None]
        pairs = zip(own.as_dict().items(), estimate.as_dict().values(), strict=True)
        return beams, FrameAllocation(**{name: np.where(better, ours, theirs) for (name, ours), theirs in pairs})

    def beams_for(self, frames: BackscatterFrame) -> Array:
        """Return the beams that the access point's actor chooses, without noise, ``(*batch, users, antennas)``."""
        return beams_of(frames, self.settings.beams, self._said(frames)[0])

    def users_action(self, frames: BackscatterFrame, beams: Array) -> Array:
        """Return what the users' actors say of beams, ``(*batch, users, 3)``, each from what its user sees alone."""
        self.require(frames)
        if not self.users_actors:
            raise InstanceError(f"this policy has no actors of users: it was trained with users={self.settings.users}")
        seen = sight.of_users(frames, self.observer(frames), beams, self.settings)
        return act(self.users_actors, seen, self.settings.activation).astype(float)

    def _said(self, frames: Problem) -> tuple[Array, Array]:
        """Return what the access point's actor says of beams ``(*batch, numbers)``, and of users ``(*batch, users, 3)``.

        Of users only where it says that, too.
        """
        self.require(frames)
        seen = flattened(self.observer(frames))  # type: ignore[arg-type]
        said = act(self.beams_actor, seen[..., None, :], self.settings.activation)[..., 0, :].astype(float)
        numbers = action_size(self.settings.beams, frames.users, frames.sizes["antennas"])
        return said[..., :numbers], said[..., numbers:].reshape(*said.shape[:-1], -1, NUMBERS)

    def reported(self) -> list[str]:
        """Say what was earned at the end of the training."""
        return record.report(self.card["reached"])

    def weights(self) -> dict[str, Array]:
        """Return the actors' layers and the observer's scales by name."""
        layers = (("beams", self.beams_actor), ("users", self.users_actors))
        found = {f"{name}_{n}": array for name, arrays in layers for n, array in enumerate(arrays)}
        scales = {"seen_strength": self.observer.strength, "seen_workload": np.array([self.observer.workload])}
        return {**found, **scales}

    @classmethod
    def from_trained(cls, stored: Trained, inputs: Inputs) -> Self:
        """Rebuild actors and observer from a saved policy."""
        settings, sizes = HMaddpgSettings.of(stored.entry("settings", dict)), stored.sizes()
        users, antennas = sizes["users"], sizes.get("antennas", 0)
        strength, workload = stored.array("seen_strength", (users,)), stored.array("seen_workload", (1,))
        observer = Observer(strength, float(workload[0]), antennas)
        numbers = action_size(settings.beams, users, antennas)

        def read(name: str, agents: int, seen: int, said: int) -> list[Array]:
            shapes = actor_shapes(agents, (seen, *settings.hidden, said))
            return [stored.array(f"{name}_{n}", shape) for n, shape in enumerate(shapes)]

        flat, seen = settings.users == "flat", sight.size(observer, users, settings)
        beams = read("beams", 1, users * observer.size, numbers + (users * NUMBERS if flat else 0))
        each = read("users", users, seen, NUMBERS) if settings.users in ("optimisation-driven", "model-free") else []
        return cls(stored.card, stored.card["problem"], sizes, inputs, settings, observer, beams, each)
