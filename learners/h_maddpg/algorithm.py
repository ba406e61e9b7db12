r"""Algorithm 1 of paper 001 frame by frame, its model-free rival, and the access point alone with the optimiser.

In every frame the access point sees all users and says beams :math:`a^o`: its actor's numbers with noise. Then

- `optimised`: the optimiser's allocation :math:`a^u` for these beams is carried out.
- `optimisation-driven` (Algorithm 1): each user says an action :math:`\tilde a_i` with noise, by its own DDPG. It learns
  from what it would earn if all others did what the optimiser estimates: the reward :math:`r_i(\tilde a_i, a^u_{-i})` is
  valued on the known frame, not executed, and the estimate itself with its reward is remembered beside it. Then
  :math:`y = r^o(a^o, \tilde a)` and :math:`y^* = r^o(a^o, a^u)`, both by (11), and the better joint action is carried out
  (lines 16 to 19); with probability :math:`\epsilon` a fair coin says whether it is the other one instead.
- `model-free`: the users' joint action is carried out, and learned from by MADDPG.
- `flat`: one agent sees all users and says beams and the users' actions together.

Users may be told the beams (line 5), those that follow by the access point's actor as it is then, without noise.

The access point learns by DDPG from what was carried out, (11) its reward.

Read differently from the print, which leaves it open: targets y and :math:`y^*` are rewards of the frame, without what
follows (the next states differ in the batteries alone); line 17 "updates the actions with probability 1 - epsilon" says
which joint action is executed; an outage, :math:`x_i = 0`, is that of the action executed.

Channels and work are the stream's, batteries follow from frame to frame; every `episode` frames the stream's own battery is
taken again, which ends nothing: what is remembered as following is the frame as it would have been.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.learners.h_maddpg import sight
from mecopt.learners.h_maddpg.agents import Agents, Learned
from mecopt.learners.h_maddpg.settings import HMaddpgSettings
from mecopt.learners.h_maddpg.shares import NUMBERS, alternatives, shares_of
from mecopt.models.backscatter_frame.dynamics.beam_actions import action_size, beams_of
from mecopt.models.backscatter_frame.dynamics.observation import Observer, flattened
from mecopt.models.backscatter_frame.dynamics.steps import Outcome, carried_out, estimated, from_shares
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.quantities.doubts import shapes_meant

Array = NDArray[Any]

COLUMNS = (
    *("reward", "outage", "energy", "users_reward", "estimate_reward", "users_better", "users_executed"),
    *("beams_loss", "beams_value", "users_loss", "users_value"),
)
"""What is logged of every frame: (11) in kbit/J, outage and mJ of what was executed; y, y*, whether y was greater, and
whether the users' action was executed; what critics lose and expect of actors, the access point's and the mean of users'."""


BEAMS, USERS, FRAMES = range(3)
"""What generators are for: first weights of the access point's agent, those of the users', and what is random in a frame."""


class Played(NamedTuple):
    """What came of a frame, and what the users learn from: rows of actions, rewards and batteries left, one per lesson."""

    outcome: Outcome
    users_reward: float
    estimate_reward: float
    users_executed: bool
    seen: Array | None
    """By users that learn."""
    lessons: tuple[tuple[Array, Array, Array], ...]


class HMaddpgTraining:
    """The agents in training, and the batteries as they are; `step` takes one frame after the other."""

    def __init__(self, stream: BackscatterFrame, settings: HMaddpgSettings, seed: int) -> None:
        self.stream, self.settings, self.seed = stream, settings, seed
        self.rewards, self.observer = settings.rewards(), Observer.fit(stream)
        users, size = stream.users, self.observer.size
        self.numbers = action_size(settings.beams, users, stream.sizes["antennas"])
        said = self.numbers + (users * NUMBERS if settings.users == "flat" else 0)
        self.beams = Agents(1, users * size, said, False, settings, drawing(seed, BEAMS))
        self.users: Agents | None = None
        if settings.users in ("optimisation-driven", "model-free"):
            central, seen = settings.users == "model-free", sight.size(self.observer, users, settings)
            self.users = Agents(users, seen, NUMBERS, central, settings, drawing(seed, USERS))
        self.battery = np.array(stream.battery[0])
        self.met = np.stack([stream.battery.min(), stream.battery.max()])
        """Least and greatest battery of all frames, those of the stream among them."""

    def step(self, number: int) -> dict[str, float]:
        """Play a frame and learn; return its entries of the log."""
        rng, s = drawing(self.seed, FRAMES, number), self.settings
        frame = dataclasses.replace(self.stream[number], battery=self.battery)
        noise = s.left(s.noise, s.noise_end, number / self.stream.instances)
        seen = self.observer(frame)
        action = noisy(self.beams.act(flattened(seen)[None]), noise, rng)
        beams = beams_of(frame, s.beams, action[0, : self.numbers])
        if s.users == "flat":
            outcome = carried_out(frame, beams, from_shares(frame, beams, action[0, self.numbers :].reshape(-1, NUMBERS)))
            played = Played(outcome, float(self.rewards.of_frame(outcome)), float("nan"), True, None, ())
        else:
            played = self._played(frame, beams, seen, noise, number, rng)
        reward = float(self.rewards.of_frame(played.outcome))
        if number + 1 < self.stream.instances:
            self._remember(number, seen, action, reward, played)
        users = self.users.learn(rng) if self.users else Learned()
        own = self.beams.learn(rng)
        return {
            "reward": reward,
            "outage": float(played.outcome.outage),
            "energy": float(played.outcome.energy),
            "users_reward": played.users_reward,
            "estimate_reward": played.estimate_reward,
            "users_better": _greater(played.users_reward, played.estimate_reward),
            "users_executed": float(played.users_executed),
            "beams_loss": own.loss,
            "beams_value": own.value,
            "users_loss": users.loss,
            "users_value": users.value,
        }

    def _played(
        self, frame: BackscatterFrame, beams: Array, seen: Array, noise: float, number: int, rng: Generator
    ) -> Played:
        s, nan = self.settings, float("nan")
        if self.users is None:
            outcome = carried_out(frame, beams, estimated(frame, beams))
            return Played(outcome, nan, float(self.rewards.of_frame(outcome)), False, None, ())
        seen = sight.of_users(frame, seen, beams, s)
        did = noisy(self.users.act(seen), noise, rng)
        own = from_shares(frame, beams, did)
        if self.users.central:
            outcome = carried_out(frame, beams, own)
            lesson = (did, self._users_reward(outcome), outcome.battery)
            return Played(outcome, float(self.rewards.of_frame(outcome)), nan, True, seen, (lesson,))
        estimate = estimated(frame, beams)
        every = np.broadcast_to(beams, (2 + frame.users, *beams.shape))
        outcomes = carried_out(frame, every, alternatives(estimate, own))
        optimal, y = (float(reward) for reward in self.rewards.of_frame(outcomes)[:2])
        epsilon = s.left(s.epsilon, s.epsilon_end, number / self.stream.instances)
        by_users = {"estimate": False, "users": True, "better": (y > optimal) ^ turned(epsilon, rng)}[s.executed]
        rewards, each = self._users_reward(outcomes), np.arange(frame.users)
        lessons = (
            (did, rewards[2 + each, each], outcomes.battery[2 + each, each]),
            (shares_of(frame, beams, estimate), rewards[0], outcomes.battery[0]),
        )
        executed = Outcome(**{f.name: getattr(outcomes, f.name)[int(by_users)] for f in dataclasses.fields(Outcome)})
        return Played(executed, y, optimal, by_users, seen, lessons)

    def _remember(self, number: int, seen: Array, action: Array, reward: float, played: Played) -> None:
        """Keep the transitions to the next frame, and the battery that it begins with."""
        then, s = self.stream[number + 1], self.settings
        left = np.stack([played.outcome.battery, *(battery for *_, battery in played.lessons)])
        left = np.minimum(left, then.battery_capacity)
        with shapes_meant():
            frames = dataclasses.replace(then, battery=left)
        following = self.observer(frames)
        got = np.full(1, s.reward_scale * reward)
        self.beams.memory.add(flattened(seen)[None], action, got, flattened(following[:1]))
        if self.users and played.seen is not None:
            if s.told == "beams":
                said = self.beams.act(flattened(following)[:, None])[:, 0]
                following = sight.of_users(frames, following, beams_of(frames, s.beams, said), s)
            for (did, earned, _), after in zip(played.lessons, following[1:], strict=True):
                self.users.memory.add(played.seen, did, earned, after)
        self.battery = np.array(then.battery if (number + 1) % s.episode == 0 else left[0])
        self.met = np.stack([np.minimum(self.met[0], self.battery.min()), np.maximum(self.met[1], self.battery.max())])

    def _users_reward(self, outcome: Outcome) -> Array:
        """Return what every user learns from, ``(..., users)``."""
        if self.settings.user_reward == "own":
            return self.rewards.of_users(outcome)
        team = self.settings.reward_scale * self.rewards.of_frame(outcome)
        return np.broadcast_to(team[..., None], outcome.served.shape)

    def state(self) -> dict[str, Array]:
        """Return everything that a later `restore` needs to go on as if nothing had happened."""
        parts = {"battery": self.battery, "met": self.met}
        for name, agents in self._agents().items():
            parts |= {f"{name}_{key}": array for key, array in agents.state().items()}
        return parts

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state."""
        self.battery, self.met = np.array(state["battery"]), np.array(state["met"])
        for name, agents in self._agents().items():
            prefix = f"{name}_"
            agents.restore({key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)})

    def _agents(self) -> dict[str, Agents]:
        return {"beams": self.beams, **({"users": self.users} if self.users else {})}


def drawing(seed: int, part: int, number: int = 0) -> Generator:
    """Return the generator of a part of a training.

    The last number is these agents' own: zeros at the end of a key count for nothing, and (seed, 0) would be the very
    generator with which streams of that seed are drawn.
    """
    return np.random.default_rng((seed, part, number, 6))


def noisy(action: Array, noise: float, rng: Generator) -> Array:
    """Return actions with normal noise, cut off where they leave 0 to 1."""
    return np.clip(action + noise * rng.standard_normal(action.shape), 0.0, 1.0)


def _greater(one: float, other: float) -> float:
    """Return 1 or 0, nan where either is missing."""
    return float("nan") if one != one or other != other else float(one > other)


def turned(epsilon: float, rng: Generator) -> bool:
    """Whether the choice is turned round: with this probability a fair coin is thrown."""
    thrown, side = rng.random(2)
    return bool(thrown < epsilon and side < 0.5)
