"""What a device and a server have to do to learn along a path: act, see what came of a block, and keep their state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.parametric_q.actors import Actor, Done, Processed
from mecopt.learners.parametric_q.settings import ParametricQSettings
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]

EVERYBODY = slice(None)


@dataclass(frozen=True, eq=False)
class Block:
    """What a network met and did in a block; leading axis the lanes."""

    number: int
    slot: InferenceQueue
    """What each device saw: its queue, its channel, its arrivals; and what waited at the server."""
    done: Done
    processed: Array
    """X, in the server's tasks, ``(lanes,)``."""
    arriving: Array
    """What came to the server, in its tasks, ``(lanes,)``."""
    following: InferenceQueue | None
    """The next block; None after the last one."""


class Learning(ABC):
    """Devices, or a server, that learn."""

    def __init__(self, dynamics: QueueDynamics, settings: ParametricQSettings, seed: int) -> None:
        self.dynamics, self.settings, self.seed = dynamics, settings, seed

    @abstractmethod
    def learn(self, block: Block) -> None:
        """Learn from a block."""

    @abstractmethod
    def state(self) -> dict[str, Array]:
        """Return everything that a later `restore` needs to go on as if nothing had happened."""

    @abstractmethod
    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state."""

    def notes(self) -> dict[str, float]:
        """Return further columns of the log."""
        return {}


class LearningDevices(Learning):
    """Devices that learn, each from what it saw itself."""

    @abstractmethod
    def actor(self) -> Actor:
        """Return what they do now."""


class LearningServer(Learning):
    """A server that learns."""

    @abstractmethod
    def rule(self) -> Processed:
        """Return what it does now."""


def energy_cost(dynamics: QueueDynamics, snr: Array, local: Array, offloaded: Array, users: slice = EVERYBODY) -> Array:
    r"""Return what the energy of devices costs, :math:`A z^3 + w_4 \tau \frac{\Gamma}{h} (e^{L y} - 1)`, ``(..., users)``.

    Parameters
    ----------
    dynamics
        of the network; its ``rows`` give A and L.
    snr, local, offloaded
        h, z and y, ``(..., users)``.
    users
        which of its devices these are.
    """
    rows = dynamics.rows[users]
    with np.errstate(divide="ignore", invalid="ignore"):
        power = dynamics.one.snr_gap * np.expm1(rows[:, 2] * offloaded) / snr
    radio = np.where(offloaded > 0.0, watt_cost(dynamics)[users] * power, 0.0)
    return np.asarray(rows[:, 0] * local**3 + radio)


def watt_cost(dynamics: QueueDynamics) -> Array:
    """Return what a watt costs in a block, w_4 tau, ``(users,)``."""
    return np.asarray(dynamics.one.energy_weight * dynamics.one.slot)
