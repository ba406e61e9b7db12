"""The access point's world and the users' one: frames in a row, linked by the batteries; pure functions.

In the access point's world an action is beams, and users answer with an allocation: the best one, or that of any policy. In
the users' world it is the other way round: an action is what users do, the beams follow from a rule.

Frames are drawn from the generator that is handed in, and from nothing else; rules and policies draw from generators spawned
from it. So whatever is done, equal seeds meet equal channels and work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.models.backscatter_frame.beam_actions import action_size, beams_of, parts
from mecopt.models.backscatter_frame.beams import charging, evenly, matched
from mecopt.models.backscatter_frame.dynamics import (
    SHARES,
    Outcome,
    Rewards,
    carried_out,
    estimated,
    followed_by,
    from_shares,
)
from mecopt.models.backscatter_frame.observation import Observer, flattened
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.variables import FrameAllocation
from mecopt.solution import InstanceError, unknown

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


class State(NamedTuple):
    """A frame, and what came of the one before it."""

    frame: BackscatterFrame
    beams: Array | None = None
    """Where a rule decides them."""
    before: Outcome | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """Where frames are drawn from, and how they are seen."""

    preset: str = "paper"
    users: int | None = None
    antennas: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `BackscatterFrame` that replace what the preset says, in every frame; a battery in the first one."""
    observer: Observer | None = None
    """Scales of what is seen; fitted to frames like these, unless given."""

    def __post_init__(self) -> None:
        drawn = self.draw(np.random.default_rng(0))
        if drawn.batch_shape:
            raise InstanceError(f"the fields make a batch of shape {drawn.batch_shape}; allowed: those of a single frame")
        self.seen(drawn)

    @cached_property
    def scales(self) -> Observer:
        """The observer given, or one that is fitted to frames like these."""
        return self.observer or Observer.fit(self.draw(np.random.default_rng(0), (FITTED,)))

    def draw(self, rng: Generator, batch_shape: tuple[int, ...] = ()) -> BackscatterFrame:
        """Draw frames."""
        sizes = {name: size for name in ("users", "antennas") if (size := getattr(self, name)) is not None}
        return BackscatterFrame.sample(rng, batch_shape, preset=self.preset, **sizes, **self.fields)

    def seen(self, frame: BackscatterFrame) -> NDArray[np.float32]:
        """Return what is seen of every user, ``(users, size)``."""
        return self.scales(frame)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many users and antennas there are, and how many numbers are seen of a user."""
        return self.scales.users, self.scales.antennas, self.scales.size


@dataclass(frozen=True, kw_only=True, eq=False)
class AccessPointWorld:
    """The access point decides beams, users answer."""

    frames: Frames
    beams: str = "weights"
    """A key of `BEAM_ACTIONS`."""
    answer: Answer | None = None
    """What users do; the best that can be done, `estimated`, unless a policy is given."""
    rewards: Rewards = field(default_factory=Rewards)
    reward_scale: float = SCALE

    def __post_init__(self) -> None:
        action_size(self.beams, 1, 1)
        _check_scale(self.reward_scale)

    @property
    def size(self) -> int:
        """Numbers of an action."""
        return action_size(self.beams, *self.frames.sizes[:2])

    def initial(self, rng: Generator) -> State:
        """Draw a first frame, its batteries as the preset charges them."""
        return State(self.frames.draw(rng))

    def transition(self, state: State, action: Array, rng: Generator) -> State:
        """Let users answer the beams, and draw the next frame."""
        beams = beams_of(state.frame, self.beams, action)
        if self.answer is None:
            allocation = estimated(state.frame, beams)
        else:
            allocation = self.answer(state.frame, beams, rng.spawn(1)[0])
        outcome = carried_out(state.frame, beams, allocation)
        return State(followed_by(self.frames.draw(rng), outcome), before=outcome)

    def observation(self, state: State) -> NDArray[np.float32]:
        """Return what is seen of all users, one after the other."""
        return flattened(self.frames.seen(state.frame))

    def reward(self, state: State, action: Array, following: State) -> float:
        """Return (11), scaled."""
        return self.reward_scale * self.rewards.of_frame(_before(following)).item()

    def info(self, following: State) -> dict[str, Any]:
        """Return what came of the frame; the reward (11) in kbit/J, energy in mJ, work done in kbit."""
        return _told(_before(following), self.rewards)


@dataclass(frozen=True, kw_only=True, eq=False)
class UsersWorld:
    """Users decide what they do with beams that follow from a rule."""

    frames: Frames
    beams: str | Rule = "weights"
    """A key of `RULES`, or a rule."""
    actions: str = "completed"
    """A key of `SHARES`."""
    reward_kind: str = "own"
    """One of `REWARDS`."""
    told_gain: bool = False
    """Whether a user is told which part of its channel its beam meets; the paper's state has no beam."""
    rewards: Rewards = field(default_factory=Rewards)
    reward_scale: float = SCALE
    """Of the team's reward."""

    def __post_init__(self) -> None:
        for kind, name, known in (
            ("rule of beams", self.beams, RULES),
            ("kind of actions", self.actions, SHARES),
            ("kind of reward", self.reward_kind, REWARDS),
        ):
            if isinstance(name, str) and name not in known:
                raise unknown(kind, name, known)
        _check_scale(self.reward_scale)

    @property
    def seen_size(self) -> int:
        """How many numbers a user sees."""
        return self.frames.sizes[2] + self.told_gain

    def initial(self, rng: Generator) -> State:
        """Draw a first frame, its batteries as the preset charges them, and decide its beams."""
        return self._begun(self.frames.draw(rng), None, rng)

    def transition(self, state: State, action: Array, rng: Generator) -> State:
        """Carry out what the users do, ``(users, 3 or 5)``, draw the next frame and decide its beams."""
        assert state.beams is not None
        users, given = self.frames.sizes[0], parts("action", action)
        if given.shape != (users, SHARES[self.actions]):
            wanted = (users, SHARES[self.actions])
            raise InstanceError(f"action has shape {given.shape}; allowed: {wanted}, {self.actions} shares of every user")
        outcome = carried_out(state.frame, state.beams, from_shares(state.frame, state.beams, given))
        return self._begun(followed_by(self.frames.draw(rng), outcome), outcome, rng)

    def observation(self, state: State) -> NDArray[np.float32]:
        r"""Return what every user sees, ``(users, seen_size)``; last, if told, :math:`|h_i^H w_i|^2 / \|h_i\|^2`."""
        rows = self.frames.seen(state.frame)
        if not self.told_gain:
            return rows
        assert state.beams is not None
        channel = state.frame.channel
        strength = (np.abs(channel) ** 2).sum(axis=-1)
        met = np.abs((channel.conj() * state.beams).sum(axis=-1)) ** 2 / np.where(strength > 0.0, strength, 1.0)
        return np.concatenate([rows, np.clip(met, 0.0, 1.0)[:, None]], axis=-1, dtype=np.float32)

    def reward(self, state: State, action: Array, following: State) -> Array:
        """Return what each user earns: (12), or (11), scaled."""
        outcome = _before(following)
        if self.reward_kind == "own":
            return self.rewards.of_users(outcome)
        return np.full(outcome.served.shape, self.reward_scale * self.rewards.of_frame(outcome))

    def info(self, following: State) -> dict[str, Any]:
        """Return what came of the frame; the reward (11) in kbit/J, energy in mJ, work done in kbit."""
        return _told(_before(following), self.rewards)

    def _begun(self, frame: BackscatterFrame, before: Outcome | None, rng: Generator) -> State:
        rule = RULES[self.beams] if isinstance(self.beams, str) else self.beams
        beams = frame.decision_space.validate(rule(frame, rng.spawn(1)[0]), frame.batch_shape)
        return State(frame, beams, before)


def _before(state: State) -> Outcome:
    if state.before is None:
        raise InstanceError("no frame came before a first state; allowed: a state that a transition led to")
    return state.before


def _told(outcome: Outcome, rewards: Rewards) -> dict[str, Any]:
    return {
        "served": outcome.served.copy(),
        "outage": outcome.outage.item(),
        "energy": outcome.energy.item(),
        "done": outcome.done.item(),
        "reward": rewards.of_frame(outcome).item(),
    }


def _check_scale(scale: float) -> None:
    if isinstance(scale, bool) or not isinstance(scale, int | float | np.integer | np.floating) or not 0.0 < scale < np.inf:
        raise InstanceError(f"reward_scale is {scale!r}; allowed: a finite number > 0")
