r"""What devices do once they have learned: a value of what remains, or a power; and what the server does.

- `Valued`: the block solver chooses how many tasks leave and where the last is cut, by the value of what remains
  (`mecopt.models.inference_queue.allocation.pieces.best_pieces`).
- `Powered`: Algorithm 1 leaves a power that depends on nothing. It carries :math:`y = \ln(1 + h p / \Gamma) / L` of a task,
  at most one, and p at most :math:`p_{\max}`. That fixes y, but not how many tasks leave; as many as can do.
- `Processed`: what the server processes, linear between points.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.models.inference_queue.allocation.fixed import fixed_pieces
from mecopt.models.inference_queue.allocation.pieces import best_pieces

Array = NDArray[Any]


class Done(NamedTuple):
    """What devices do in a block, ``(..., users)`` each."""

    leaving: Array
    """s: how many tasks leave."""
    local: Array
    """z, computed of them."""
    offloaded: Array
    """y, left to the server."""


class Actor(ABC):
    """Devices that act, each from what it sees alone."""

    @abstractmethod
    def __call__(self, rows: Array, snr: Array, backlog: Array, arrivals: ArrayLike) -> Done:
        """Return what is done in a block.

        Parameters
        ----------
        rows
            constants of the devices, ``(users, 5)``, see `mecopt.models.inference_queue.terms.rows`.
        snr, backlog, arrivals
            ``(..., users)``; arrivals are 0 where they are not known.
        """

    @abstractmethod
    def of(self, user: int) -> Actor:
        """Return one of the devices, as a network of itself alone."""

    @abstractmethod
    def arrays(self) -> dict[str, Array]:
        """Return what makes it, by name."""


@dataclass(frozen=True, eq=False)
class Valued(Actor):
    """Devices that know what tasks are worth that remain."""

    worth: Array
    """Discounted value of 0, 1, ... tasks that remain, ``(users, M)``; over arrivals that are not known it is expected."""
    price: ArrayLike = 0.0
    """What one of its tasks costs a device that it leaves to the server, ``(users,)``, or a number."""

    def __call__(self, rows: Array, snr: Array, backlog: Array, arrivals: ArrayLike) -> Done:
        """Divide at best."""
        found = best_pieces(rows, snr, self.price, backlog, self.worth, arrivals=arrivals)
        return Done(found.leaving, found.local_work, found.offloaded)

    def of(self, user: int) -> Valued:
        """Return one of them."""
        return Valued(self.worth[user : user + 1], self.prices[user : user + 1])

    @property
    def prices(self) -> Array:
        """The price of each, ``(users,)``."""
        return np.array(np.broadcast_to(self.price, (len(self.worth),)))

    def arrays(self) -> dict[str, Array]:
        """Return values and prices."""
        return {"worth": self.worth, "price": self.prices}


@dataclass(frozen=True, eq=False)
class Powered(Actor):
    """Devices with a constant power; as many tasks leave as can."""

    power: Array
    """p in W, ``(users,)``."""
    scale: Array
    """p_max in W, ``(users,)``, up to which it is used."""

    def __call__(self, rows: Array, snr: Array, backlog: Array, arrivals: ArrayLike) -> Done:
        """Offload what the power carries."""
        parts = self.carried(rows, snr)
        none = np.zeros((len(rows), 2))
        return Done(*fixed_pieces(rows, snr, backlog, none, parts[..., None], drain=True))

    def carried(self, rows: Array, snr: Array) -> Array:
        """Return the part of a task that the power carries, ``(..., users)``."""
        used = np.divide(self.power, self.scale, out=np.zeros_like(self.power), where=self.scale > 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.log1p(snr * rows[:, 4] * np.minimum(used, 1.0)) / rows[:, 2]
        return np.asarray(np.where(snr * rows[:, 4] * used > 0.0, np.minimum(part, 1.0), 0.0))

    def of(self, user: int) -> Powered:
        """Return one of them."""
        return Powered(self.power[user : user + 1], self.scale[user : user + 1])

    def arrays(self) -> dict[str, Array]:
        """Return the powers."""
        return {"power": self.power, "scale": self.scale}


@dataclass(frozen=True, eq=False)
class Processed:
    """What the server processes, by what waits."""

    waits: Array
    """Points, increasing from 0, in tasks."""
    work: Array
    """What it processes there, in tasks."""

    @classmethod
    def at_most(cls, most: float) -> Processed:
        """Return the rule to process whatever waits, up to so many tasks."""
        points = np.array([0.0, max(most, 1e-300)])
        return cls(points, np.minimum(points, most))

    def __call__(self, backlog: Array) -> Array:
        """Return what is processed, linear between points, beyond them what the last one does."""
        return np.asarray(np.minimum(np.interp(backlog, self.waits, self.work), backlog))

    def arrays(self) -> dict[str, Array]:
        """Return the points."""
        return {"server_waits": self.waits, "server_work": self.work}
