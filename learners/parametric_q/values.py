r"""Devices that learn what their queues are worth, and leave how to divide a block to the block solver.

A device acts by :math:`\min_s e(s, h) + \gamma U(m - s + a)`. So it has to know U alone, a function of one whole number:

- `Repaired`: channel and arrivals do not depend on what is done, and the queue's map is known. So every observed channel h
  and every observed number of arrivals tells an unbiased sweep at ALL backlogs. The last N channels are the cells of a
  `mecopt.models.inference_queue.dynamics.backlog.Backlog`, the last N arrivals its law; every few blocks some sweeps go on
  from the values that are there.
- `SemiGradient`: sigmoids of m around their middle, with m and 1 beside them since U goes on linearly, and one temporal
  difference a block at the backlog that is met, :math:`\theta \mathrel{+}= \alpha_t (\delta - \ell) \phi(m) / |\phi(m)|^2`,
  the target held fixed. What all values have in common decides nothing and is learned slowest: the running mean
  :math:`\ell` of :math:`\delta` takes it away.

Both start from a value that is linear in the queue. A device that does not know the arrivals of a block expects them by
what came before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.memory import Memory
from mecopt.learners.network import sigmoid
from mecopt.learners.parametric_q.actors import Valued
from mecopt.learners.parametric_q.learning import Block, LearningDevices, energy_cost
from mecopt.learners.parametric_q.settings import BROADCAST, ParametricQSettings
from mecopt.models.inference_queue.allocation.pieces import piece_costs
from mecopt.models.inference_queue.dynamics.backlog import Backlog, exceeding
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics

Array = NDArray[Any]

CENTRES = np.arange(14.0)
"""Backlogs at which sigmoids rise; ours."""
WIDTHS = (0.5, 2.0)
"""Tasks over which each of them rises; ours."""
LEVELLING = 0.01
"""Least weight of a block in the running mean of temporal differences, which is the mean of all before; ours."""


def price_of(dynamics: QueueDynamics, settings: ParametricQSettings) -> float:
    """Return what devices pay for a task of the server that they leave to it."""
    return dynamics.discount * dynamics.network.price.price if settings.price == BROADCAST else 0.0


class ValuingDevices(LearningDevices):
    """Devices with values of their queues, ``(users, longest + 1)``."""

    def __init__(self, dynamics: QueueDynamics, settings: ParametricQSettings, seed: int) -> None:
        super().__init__(dynamics, settings, seed)
        self.price = price_of(dynamics, settings) * dynamics.shares
        """What each pays for one of its tasks that it leaves to the server, ``(users,)``."""
        self.longest = dynamics.network.longest
        self.values = np.tile(settings.slope * np.arange(self.longest + 1.0), (dynamics.one.users, 1))

    def laws(self) -> Array:
        """Return the probabilities of 0, 1, ... arrivals by what came so far, ``(users, n + 1)``."""
        raise NotImplementedError

    def actor(self) -> Valued:
        """Act by the values."""
        worth = self.dynamics.discount * self.values
        if self.dynamics.causal:
            worth = np.stack([np.convolve(one, law[::-1], "valid") for one, law in zip(worth, self.laws(), strict=True)])
        return Valued(worth, self.price)


def counted(arrivals: Array, slots: int) -> Array:
    """Return how often 0, 1, ..., n arrivals stand in each column of ``(observations, users)``, ``(users, n + 1)``."""
    return np.asarray((arrivals[..., None] == np.arange(slots + 1.0)).sum(axis=0).astype(float))


class Repaired(ValuingDevices):
    """Devices that replay what they observed lately at all backlogs."""

    def __init__(self, dynamics: QueueDynamics, settings: ParametricQSettings, seed: int) -> None:
        super().__init__(dynamics, settings, seed)
        users = dynamics.one.users
        shapes = {"costs": ((users, dynamics.network.pieces + 1), float), "arrivals": ((users,), float)}
        self.memory = Memory(settings.memory, shapes)

    def laws(self) -> Array:
        """Take the arrivals that are remembered; before there are any, each number is as likely as the others."""
        held = self.memory.filled
        found = counted(self.memory["arrivals"][:held], self.dynamics.block_slots)
        return found / held if held else np.full_like(found, 1.0 / found.shape[1])

    def learn(self, block: Block) -> None:
        """Remember channel and arrivals, and replay all of them every few blocks."""
        dynamics, settings = self.dynamics, self.settings
        found = piece_costs(dynamics.rows, block.slot.snr_per_watt, self.price, pieces=dynamics.network.pieces)
        self.memory.add(costs=found.cost, arrivals=block.slot.arrivals)
        if (block.number + 1) % settings.interval == 0:
            self.replay()

    def replay(self) -> None:
        """Sweep over all backlogs with what is remembered."""
        held, dynamics = self.memory.filled, self.dynamics
        weight = dynamics.waiting_weight
        more: dict[str, Any] = {"beyond": exceeding(weight, dynamics.discount), "causal": dynamics.causal}
        for user, law in enumerate(counted(self.memory["arrivals"][:held], dynamics.block_slots) / held):
            one = Backlog(self.memory["costs"][:held, user], law, weight, self.longest, **more)
            worth = -self.values[user : user + 1]
            for _ in range(self.settings.sweeps):
                worth = one.improved(dynamics.discount * worth)
            self.values[user] = -worth[0]

    def state(self) -> dict[str, Array]:
        """Return values and memories."""
        return {"values": self.values, **self.memory.state()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take values and memories."""
        self.values = np.array(state["values"])
        self.memory.restore(state)


class SemiGradient(ValuingDevices):
    """Devices that learn by temporal differences at the backlogs they meet."""

    def __init__(self, dynamics: QueueDynamics, settings: ParametricQSettings, seed: int) -> None:
        super().__init__(dynamics, settings, seed)
        users = dynamics.one.users
        self.features = value_features(np.arange(self.longest + 1.0))
        self.parameters = np.zeros((users, self.features.shape[1]))
        self.parameters[:, -2] = settings.slope * SCALE
        self.values = self.valued()
        self.level = np.zeros(users)
        self.counts = np.zeros((users, dynamics.block_slots + 1))

    def valued(self) -> Array:
        """Return what queues are worth by the parameters, ``(users, longest + 1)``."""
        return np.asarray((self.parameters[:, None, :] * self.features).sum(axis=-1))

    def laws(self) -> Array:
        """Take all arrivals that came; before there are any, each number is as likely as the others."""
        total = self.counts.sum(axis=1, keepdims=True)
        return np.where(total > 0.0, self.counts / np.maximum(total, 1.0), 1.0 / self.counts.shape[1])

    def learn(self, block: Block) -> None:
        """Move the value of the backlog towards what the block and the next backlog say; with lanes, in the mean of them."""
        dynamics, settings, slot, done = self.dynamics, self.settings, block.slot, block.done
        costs = self.spent(block)
        users = np.arange(len(self.parameters))
        met, left = (
            np.minimum(one, self.longest).astype(int) for one in (slot.backlog, slot.backlog - done.leaving + slot.arrivals)
        )
        error = costs + dynamics.discount * self.values[users, left] - self.values[users, met]
        mean = error.mean(axis=0)
        if block.number == 0:
            self.level = mean
        features = self.features[met]
        step = settings.rate / (1.0 + block.number / settings.rate_blocks)
        pull = (error - self.level)[..., None] * features / (features**2).sum(axis=-1, keepdims=True)
        self.parameters = self.parameters + step * pull.mean(axis=0)
        self.level = self.level + max(LEVELLING, 1.0 / (2.0 + block.number)) * (mean - self.level)
        self.counts += counted(slot.arrivals, dynamics.block_slots)
        self.values = self.valued()

    def spent(self, block: Block) -> Array:
        """Return what each device paid in a block: for tasks that waited, energy, and tasks left to the server."""
        slot, done = block.slot, block.done
        energy = energy_cost(self.dynamics, slot.snr_per_watt, done.local, done.offloaded)
        return np.asarray(self.dynamics.waiting_weight * slot.backlog + energy + self.price * done.offloaded)

    def state(self) -> dict[str, Array]:
        """Return parameters, level and counts."""
        return {"parameters": self.parameters, "level": self.level, "counts": self.counts}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Take parameters, level and counts."""
        self.parameters, self.level, self.counts = (np.array(state[name]) for name in ("parameters", "level", "counts"))
        self.values = self.valued()


SCALE = 10.0
"""Tasks that count 1 in the linear feature."""


def value_features(backlog: Array) -> Array:
    """Return sigmoids of backlogs, from -1/2 to 1/2, the backlog itself, and 1, ``(..., 30)``."""
    waits = np.asarray(backlog, dtype=float)[..., None]
    rising = [sigmoid((waits - CENTRES) / width) - 0.5 for width in WIDTHS]
    return np.concatenate([*rising, waits / SCALE, np.ones_like(waits)], axis=-1)
