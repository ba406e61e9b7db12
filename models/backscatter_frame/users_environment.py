"""The users' environment for PettingZoo: a shell over their world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.models.backscatter_frame.dynamics import SHARES, Rewards
from mecopt.models.backscatter_frame.environment import FRAMES, whole
from mecopt.models.backscatter_frame.observation import FARTHEST, Observer
from mecopt.models.backscatter_frame.worlds import SCALE, Frames, Rule, State, UsersWorld
from mecopt.solution import BackendUnavailable, InstanceError

try:
    import gymnasium
    from gymnasium.spaces import Box
    from gymnasium.utils.seeding import np_random
    from pettingzoo import ParallelEnv
except ModuleNotFoundError as error:
    raise BackendUnavailable("environments need pettingzoo; install it by: pip install 'mecopt[learn]'") from error

Seen = NDArray[np.float32]


class BackscatterUsersEnv(ParallelEnv[str, Seen, Seen]):
    r"""What backscatter users do with the beams they are given (paper 001, the lower level of its hierarchy).

    **Description.** In every frame N users with batteries have work to do. A rule gives each user's slot a unit beam. A user
    decides for how long it sends actively (carrier off), for how long it reflects the carrier (from which all others
    harvest), and how much it computes itself. Channel and work are drawn anew for every frame, the same for equal seeds
    whatever is done; the batteries go on.

    **Agents.** ``user_0`` to ``user_{N-1}``, all acting at once, all until the end.

    **Action space.** A `Box(0, 1)` of float32 for each user. With ``actions="completed"``:

    ======  ==============================  ==================================================================
    number  what is done                    part of
    ======  ==============================  ==================================================================
    0       time of sending actively        the slot; divided by the sum of both times where that exceeds 1
    1       time of the carrier             the same
    2       work computed by the user       what it can compute of its work
    ======  ==============================  ==================================================================

    The carrier takes as much of the rest as it can, what is left is sent. With ``actions="strict"`` there are five numbers:
    the same two times, then parts of the work that are sent, reflected and computed; too little is an outage.

    **Observation space.** A `Box(-10, 10)` of float32 for each user, its own state (E, l, h) of 3 + 2 M numbers, as in
    `BackscatterFrameEnv`. The paper's users know nothing of the beams, though their passive rate and what they harvest
    depend on them. With ``told_gain=True`` a user sees one number more, the part :math:`|h_i^H w_i|^2 / \|h_i\|^2` of its
    channel that the beam of its own slot meets, which with its channel is all that its passive rate depends on. `state` is
    what all see.

    **Rewards.** With ``reward="own"`` (12) of the paper, between 0 and 1; with ``reward="team"`` (11) in kbit/J times
    `reward_scale`, the same for all. ``infos`` after a step: ``served`` (of the user), and of the frame ``reward`` (11) in
    kbit/J, ``outage``, ``energy`` in mJ, ``done`` work in kbit.

    **Starting state.** A frame of the preset, its batteries charged at random (in `paper` up to a fifth of their capacity).

    **Episode end.** Never terminated; truncated, all users together, after `frames` frames.

    **Version history.** v0: initial version.

    Parameters
    ----------
    preset, users, antennas
        where frames are drawn from; sizes are the preset's unless given.
    beams
        the rule, "weights", "matched", "charging", "random", or a function of frame and generator.
    actions
        what an action means, "completed" or "strict".
    reward
        what a user earns, "own" or "team".
    told_gain
        whether a user sees what its beam does for it.
    rewards
        constants of (11) and (12).
    reward_scale
        of the team's reward.
    frames
        of an episode.
    observer
        scales of the observation; fitted to 4,096 frames of the preset unless given.
    render_mode
        taken because toolkits hand it in; there are no pictures.
    **fields
        any field of `BackscatterFrame`: replaces what the preset says.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "backscatter_users_v0",
        "render_modes": [],
        "is_parallelizable": True,
    }

    def __init__(
        self,
        *,
        preset: str = "paper",
        users: int | None = None,
        antennas: int | None = None,
        beams: str | Rule = "weights",
        actions: str = "completed",
        reward: str = "own",
        told_gain: bool = False,
        rewards: Rewards | None = None,
        reward_scale: float = SCALE,
        frames: int = FRAMES,
        observer: Observer | None = None,
        render_mode: str | None = None,
        **fields: Any,
    ) -> None:
        drawn = Frames(preset=preset, users=users, antennas=antennas, fields=fields, observer=observer)
        self.world = UsersWorld(
            frames=drawn,
            beams=beams,
            actions=actions,
            reward_kind=reward,
            told_gain=told_gain,
            rewards=rewards if rewards is not None else Rewards(),
            reward_scale=reward_scale,
        )
        self.frames = whole("frames", frames)
        self.render_mode = render_mode
        self.possible_agents = [f"user_{number}" for number in range(drawn.sizes[0])]
        self.agents: list[str] = []
        self.observation_spaces = {
            agent: Box(-FARTHEST, FARTHEST, (self.world.seen_size,), np.float32) for agent in self.possible_agents
        }
        self.action_spaces = {agent: Box(0.0, 1.0, (SHARES[actions],), np.float32) for agent in self.possible_agents}
        self._rng: Generator | None = None
        self._state: State | None = None
        self._frame = 0

    def observation_space(self, agent: str) -> Box:
        """Return the space of what a user sees."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Box:
        """Return the space of what a user may do."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Seen], dict[str, dict[str, Any]]]:
        """Draw a first frame."""
        if seed is not None or self._rng is None:
            self._rng, _ = np_random(seed)
        self.agents = list(self.possible_agents)
        self._state, self._frame = self.world.initial(self._rng), 0
        return self._by_agent(self.world.observation(self._state)), {agent: {} for agent in self.agents}

    def step(
        self, actions: Mapping[str, Seen]
    ) -> tuple[dict[str, Seen], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Carry out a frame with what the users do."""
        if self._rng is None or self._state is None or not self.agents:
            raise gymnasium.error.ResetNeeded("the episode has not begun, or is over: call reset first")
        for agent in (*self.agents, *actions):
            if agent not in actions or agent not in self.agents:
                raise InstanceError(f"actions are of {', '.join(actions) or 'nobody'}; allowed: of {', '.join(self.agents)}")
        action = self._rows(actions)
        following = self.world.transition(self._state, action, self._rng)
        rewards = self.world.reward(self._state, action, following)
        self._state = following
        self._frame += 1
        over = self._frame >= self.frames
        told = self.world.info(following)
        served = told.pop("served")
        infos = {agent: {**told, "served": bool(served[i])} for i, agent in enumerate(self.agents)}
        seen = self._by_agent(self.world.observation(following))
        earned = {agent: float(rewards[i]) for i, agent in enumerate(self.agents)}
        ended, cut = dict.fromkeys(self.agents, False), dict.fromkeys(self.agents, over)
        if over:
            self.agents = []
        return seen, earned, ended, cut, infos

    def state(self) -> Seen:
        """Return what all users see, one after the other, for critics that know everything."""
        if self._state is None:
            raise gymnasium.error.ResetNeeded("the episode has not begun: call reset first")
        return self.world.observation(self._state).ravel()

    def _by_agent(self, rows: Seen) -> dict[str, Seen]:
        return {agent: rows[i].copy() for i, agent in enumerate(self.agents)}

    def _rows(self, actions: Mapping[str, Seen]) -> NDArray[Any]:
        rows = [np.asarray(actions[agent], dtype=float) for agent in self.agents]
        wanted = self.action_space(self.agents[0]).shape
        for agent, row in zip(self.agents, rows, strict=True):
            if row.shape != wanted:
                raise InstanceError(f"the action of {agent} has shape {row.shape}; allowed: {wanted}")
        return np.stack(rows)
