"""The access point's world and the users' one: who acts, what is seen, and what an action means.

In the access point's world an action is beams, and users answer with an allocation: the best one, or that of any policy. In
the users' world it is the other way round: an action is what users do, the beams follow from a rule. Everything else is
`mecopt.dynamic.worlds.SlotWorld`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, unknown
from mecopt.dynamic.outcome import Outcome
from mecopt.dynamic.worlds import Numbers, SlotWorld, State, before, checked_scale
from mecopt.models.backscatter_frame.dynamics.beam_actions import action_size, beams_of, parts
from mecopt.models.backscatter_frame.dynamics.observation import FARTHEST, Observer, flattened
from mecopt.models.backscatter_frame.dynamics.steps import SHARES, FrameDynamics, estimated, from_shares
from mecopt.models.backscatter_frame.exact.beams import charging, evenly, matched
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.variables import FrameAllocation

Array = NDArray[Any]

Answer = Callable[[BackscatterFrame, Array, Generator], FrameAllocation]
"""What users do in a frame with given beams."""

Rule = Callable[[BackscatterFrame, Generator], Array]
"""Unit beams of a frame, ``(users, antennas)``."""

RULES: Mapping[str, Rule] = {
    "weights": lambda frame, rng: evenly(frame),
    "matched": lambda frame, rng: matched(frame),
    "charging": lambda frame, rng: charging(frame),
    "random": lambda frame, rng: frame.decision_space.sample(rng, frame.batch_shape),
}
"""Beams by the names of the solvers that use them."""

REWARDS = ("own", "team")
"""What a user earns: (12), or as all do (11)."""

SCALE = 0.02
"""What (11) in kbit/J is multiplied by, so that rewards are of magnitude 1; ours."""

FITTED = 4096
"""Frames that the observer of a world is fitted to, drawn with seed 0."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameWorld(SlotWorld):
    """Frames, how they are seen, and how rewards are scaled."""

    dynamics: FrameDynamics
    observer: Observer | None = None
    """Scales of what is seen; fitted to frames like these, unless given."""
    reward_scale: float = SCALE

    def __post_init__(self) -> None:
        checked_scale(self.reward_scale)
        self.scales(self.dynamics.draw(np.random.default_rng(0)))

    @cached_property
    def scales(self) -> Observer:
        """The observer given, or one that is fitted to frames like these."""
        return self.observer or Observer.fit(self.dynamics.draw(np.random.default_rng(0), None, (FITTED,)))

    def told(self, outcome: Outcome) -> dict[str, Any]:
        """Return what came of the frame; the reward (11) in kbit/J, energy in mJ, work done in kbit, who was served."""
        return {"served": outcome.detail.served, **super().told(outcome)}


@dataclass(frozen=True, kw_only=True, eq=False)
class AccessPointWorld(FrameWorld):
    """The access point decides beams, users answer; what it earns is (11)."""

    beams: str = "weights"
    """A key of `BEAM_ACTIONS`."""
    answer: Answer | None = None
    """What users do; the best that can be done, `estimated`, unless a policy is given."""

    def __post_init__(self) -> None:
        action_size(self.beams, 1, 1)
        super().__post_init__()

    @property
    def observed(self) -> Numbers:
        """All users', one after the other."""
        return Numbers(-FARTHEST, FARTHEST, (self.scales.users * self.scales.size,))

    @property
    def acted(self) -> Numbers:
        """Weights or antennas, by `beams`."""
        return Numbers(0.0, 1.0, (action_size(self.beams, self.scales.users, self.scales.antennas),))

    def seen(self, state: State) -> NDArray[np.float32]:
        """Return what is seen of all users, one after the other."""
        return flattened(self.scales(state.problem))

    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, FrameAllocation]:
        """Return the beams of an action, and the users' answer to them."""
        beams = beams_of(state.problem, self.beams, action)
        if self.answer is None:
            return beams, estimated(state.problem, beams)
        return beams, self.answer(state.problem, beams, rng.spawn(1)[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class UsersWorld(FrameWorld):
    """Users decide what they do with beams that follow from a rule."""

    beams: str | Rule = "weights"
    """A key of `RULES`, or a rule."""
    actions: str = "completed"
    """A key of `SHARES`."""
    reward_kind: str = "own"
    """One of `REWARDS`; the team's is scaled."""
    told_gain: bool = False
    """Whether a user is told which part of its channel its beam meets; the paper's state has no beam."""

    def __post_init__(self) -> None:
        for kind, name, known in (
            ("rule of beams", self.beams, RULES),
            ("kind of actions", self.actions, SHARES),
            ("kind of reward", self.reward_kind, REWARDS),
        ):
            if isinstance(name, str) and name not in known:
                raise unknown(kind, name, known)
        super().__post_init__()

    @property
    def observed(self) -> Numbers:
        """A row for every user."""
        return Numbers(-FARTHEST, FARTHEST, (self.scales.users, self.scales.size + self.told_gain))

    @property
    def acted(self) -> Numbers:
        """A row of shares for every user."""
        return Numbers(0.0, 1.0, (self.scales.users, SHARES[self.actions]))

    def prepared(self, problem: BackscatterFrame, rng: Generator) -> Array:
        """Decide the beams of a frame by the rule."""
        rule = RULES[self.beams] if isinstance(self.beams, str) else self.beams
        return problem.decision_space.validate(rule(problem, rng.spawn(1)[0]), problem.batch_shape)

    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, FrameAllocation]:
        """Return the beams, and what the users do with them, ``(users, 3 or 5)``."""
        users, given = self.scales.users, parts("action", action)
        if given.shape[-2:] != (users, SHARES[self.actions]):
            wanted = (users, SHARES[self.actions])
            raise InstanceError(f"action has shape {given.shape}; allowed: {wanted}, {self.actions} shares of every user")
        return state.prepared, from_shares(state.problem, state.prepared, given)

    def seen(self, state: State) -> NDArray[np.float32]:
        r"""Return what every user sees, ``(users, size)``; last, if told, :math:`|h_i^H w_i|^2 / \|h_i\|^2`."""
        rows = self.scales(state.problem)
        if not self.told_gain:
            return rows
        channel = state.problem.channel
        strength = (np.abs(channel) ** 2).sum(axis=-1)
        met = np.abs((channel.conj() * state.prepared).sum(axis=-1)) ** 2 / np.where(strength > 0.0, strength, 1.0)
        return np.concatenate([rows, np.clip(met, 0.0, 1.0)[..., None]], axis=-1, dtype=np.float32)

    def reward(self, state: State, action: Array, following: State) -> Array:
        """Return what each user earns: (12), or (11), scaled."""
        if self.reward_kind == "own":
            return self.dynamics.rewards.of_users(before(following).detail)
        earned = super().reward(state, action, following)
        return np.broadcast_to(earned[..., None], (*earned.shape, self.scales.users))
