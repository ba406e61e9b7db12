r"""Agents that learn by DDPG, each for itself, or by MADDPG, where critics see what all agents see and do.

From transitions :math:`(s, a, r, s')` of its memory, agent k lowers the mean square of
:math:`Q_k(s, a) - r_k - \gamma Q'_k(s', \mu'(s'))` and then raises the mean of :math:`Q_k(s, \mu_k(s_k))`; the targets
:math:`Q'` and :math:`\mu'` follow by a part :math:`\tau`. In DDPG s and a are the agent's own. In MADDPG they are those of
all agents, of which only :math:`a_k` is replaced by :math:`\mu_k(s_k)` in the second step; the actors see their own part
alone in both, so what is learned in one place is carried out in many.

Why not Stable-Baselines3: its algorithms own the loop, one agent and one environment each. Algorithm 1 lets several agents
act in one frame, remembers actions that none of them took and that are valued virtually, and executes whichever joint action
is better; a centralised critic there is none. That these agents learn is shown by the same kind of test, toys whose optimum
is known.

Reference: Lillicrap et al., "Continuous control with deep reinforcement learning", 2016; Lowe et al., "Multi-agent
actor-critic for mixed cooperative-competitive environments", 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.learners.h_maddpg.memory import Memory, Transitions
from mecopt.learners.h_maddpg.networks import Networks, act, actions, initial_actors, initial_critics, values
from mecopt.learners.h_maddpg.settings import HMaddpgSettings
from mecopt.learners.network import torch_or_error

Array = NDArray[Any]


class Learned(NamedTuple):
    """What an update says, means over the agents; nan where there was none."""

    loss: float = float("nan")
    """Of the critics."""
    value: float = float("nan")
    """What the critics expect of the actors."""


class Agents:
    """Actors, critics and a memory of agents of one kind.

    Parameters
    ----------
    agents, inputs, numbers
        how many there are, and how much each sees and does.
    central
        whether critics see what all agents see and do.
    settings
        of networks and learning.
    rng
        from which the first weights are drawn.
    """

    def __init__(
        self, agents: int, inputs: int, numbers: int, central: bool, settings: HMaddpgSettings, rng: Generator
    ) -> None:
        self.agents, self.central, self.settings = agents, central, settings
        heard = agents if central else 1
        actors = initial_actors(agents, (inputs, *settings.hidden, numbers), rng)
        critics = initial_critics(agents, heard * inputs, heard * numbers, settings.critic_hidden, rng)
        self.actors, self.critics = Networks(actors, settings.actor_rate), Networks(critics, settings.critic_rate)
        self.memory = Memory(settings.memory, agents, inputs, numbers)

    def act(self, seen: Array) -> Array:
        """Return the actors' own actions ``(..., agents, numbers)`` of what they see ``(..., agents, inputs)``."""
        return act(self.actors.arrays, seen, self.settings.activation)

    def learn(self, rng: Generator) -> Learned:
        """Take one update on transitions drawn from the memory, once it holds a batch."""
        if self.memory.filled < self.settings.batch:
            return Learned()
        return self.update(self.memory.draw(self.settings.batch, rng))

    def update(self, drawn: Transitions) -> Learned:
        """Take one update on transitions ``(agents, draws, agents, ...)``, what agent k drew being ``[k]``."""
        torch = torch_or_error()
        seen, action, reward, following = (torch.from_numpy(part) for part in drawn)
        done = action if self.central else self._own(action)
        with torch.no_grad():
            target = self.actors.layers(self.actors.target)
            later = self._of_all(target, following) if self.central else self._of_own(target, following)
            wanted = self._own(reward) + self.settings.discount * self._valued(self.critics.target, following, later)
        error = self._valued(self.critics.vector, seen, done) - wanted
        loss = self.critics.descend(error.square().mean(dim=-1).sum(), "critics")
        acted = self._of_own(self.actors.layers(self.actors.vector), seen)
        if self.central:
            own = torch.eye(self.agents, dtype=torch.bool)[:, None, :, None]
            acted = torch.where(own, acted[:, :, None], action)
        valued = self._valued(self.critics.vector.detach(), seen, acted)
        value = -self.actors.descend(-valued.mean(dim=-1).sum(), "actors")
        for networks in (self.actors, self.critics):
            networks.follow(self.settings.smoothing)
        return Learned(loss / self.agents, value / self.agents)

    def _own(self, part: Any) -> Any:
        """Return of ``(agents, draws, agents, ...)`` what concerns the agent that drew it."""
        each = list(range(self.agents))
        return part[each, :, each]

    def _of_own(self, layers: Any, seen: Any) -> Any:
        """Return what the agent that drew a transition would do there, ``(agents, draws, numbers)``."""
        return actions(layers, self._own(seen), self.settings.activation)

    def _of_all(self, layers: Any, seen: Any) -> Any:
        """Return what all agents would do there, ``(agents, draws, agents, numbers)``."""
        every = actions(layers, seen.permute(2, 0, 1, 3).flatten(1, 2), self.settings.activation)
        return every.unflatten(1, seen.shape[:2]).permute(1, 2, 0, 3)

    def _valued(self, vector: Any, seen: Any, action: Any) -> Any:
        """Return what critics say of actions, of all agents ``(agents, draws, agents, ...)`` or of the one that drew."""
        heard = (seen.flatten(2), action.flatten(2)) if self.central else (self._own(seen), action)
        return values(self.critics.layers(vector), *heard)

    def state(self) -> dict[str, Array]:
        """Return weights, targets, moments and memory."""
        return {f"{part}_{name}": array for part, held in self._parts() for name, array in held.state().items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state."""
        for part, held in self._parts():
            held.restore({n.removeprefix(f"{part}_"): array for n, array in state.items() if n.startswith(f"{part}_")})

    def _parts(self) -> tuple[tuple[str, Networks | Memory], ...]:
        return (("actors", self.actors), ("critics", self.critics), ("memory", self.memory))
