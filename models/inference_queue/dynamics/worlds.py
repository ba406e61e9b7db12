r"""A device's world, the server's, and that of all of them: what each sees of a block, and what its actions mean.

A device acts in one of three ways. A proposal is two numbers, a value v of every task that remains and a price
:math:`\lambda` of one that is offloaded,

.. math:: v = w_3\, 10^{0.7 + 1.3 u_0}, \qquad \lambda = w_3\, 10^{-1 + 2 u_1}, \qquad -1 \le u \le 1 ,

from 0.25 to 100 and from 0.001 to 10 times what a task costs that waits a block; the solver completes it,
:math:`\min_s e(s, h; \lambda) + v (m - s + a)` (`mecopt.models.inference_queue.allocation.pieces`). Raw, as in the paper, is
a power, :math:`p = p_{\max} 10^{4 (u - 1)}`, from which follow

.. math:: y = \min(1, \ln(1 + p h / \Gamma) / L), \qquad s = \min(m, \lfloor z_{\max} + y \rfloor), \qquad z = s - y ,

(4) solved for y, and as many tasks as can leave with it, since a power says nothing of how many; where none leaves nothing
is sent. Choices are numbers of tasks by parts of the last one.

The server's action is the part of what it can process, :math:`X = (u + 1) / 2 \cdot \min(Q, X_{\max})`.

Whatever is done can be carried out. Each earns minus what it pays for itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, unknown
from mecopt.dynamic.dynamics import Policy
from mecopt.dynamic.outcome import Outcome
from mecopt.dynamic.worlds import (
    Choices,
    Numbers,
    SlotWorld,
    State,
    before,
    checked_choices,
    checked_numbers,
    checked_scale,
)
from mecopt.models.inference_queue.allocation import service
from mecopt.models.inference_queue.allocation.fixed import fixed_pieces
from mecopt.models.inference_queue.allocation.pieces import best_pieces
from mecopt.models.inference_queue.allocation.splits import limits, spelled_out
from mecopt.models.inference_queue.dynamics.network import LONGEST
from mecopt.models.inference_queue.dynamics.steps import SERVER, QueueDynamics
from mecopt.models.inference_queue.problem import InferenceQueue
from mecopt.models.inference_queue.terms import TOLERATED
from mecopt.models.inference_queue.variables import TaskAllocation

Array = NDArray[Any]

SCALE = 0.1
"""What a cost is multiplied by, so that rewards are of magnitude 1; ours."""
VALUE, PRICE = (0.7, 1.3), (-1.0, 2.0)
"""Middle and half of the range of a value and a price, in decades of w_3; ours. The middle is a good constant value."""
DECADES = 4.0
"""Half of the range of a power, in decades below its greatest; ours."""
PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the last task, among which choices choose."""
STRENGTH = 3.0
"""Middle and half of the decades of SNR per watt that are seen; ours."""
SEEN = 3
"""Numbers that each sees."""


class Way(ABC):
    """What an action of a device means."""

    @abstractmethod
    def acted(self, dynamics: QueueDynamics) -> Numbers | Choices:
        """Return what an action of one device may be."""

    @abstractmethod
    def chosen(self, dynamics: QueueDynamics, slot: InferenceQueue, given: Array) -> tuple[Array, Array, Array]:
        """Return how many tasks leave, and what is computed and offloaded of them, ``(*batch, users)`` each.

        Parameters
        ----------
        dynamics
            of the devices.
        slot
            blocks ``(*batch)``.
        given
            valid actions: numbers ``(*batch, users, size)``, or choices ``(*batch, users)``.
        """


class Proposal(Way):
    """A value of every task that remains and a price of one that is offloaded; the solver completes them."""

    def acted(self, dynamics: QueueDynamics) -> Numbers:
        """Two numbers."""
        return Numbers(-1.0, 1.0, (2,))

    def chosen(self, dynamics: QueueDynamics, slot: InferenceQueue, given: Array) -> tuple[Array, Array, Array]:
        """Let as many leave, and divide them, as is best at both."""
        value, price = (
            dynamics.waiting_weight * 10.0 ** (middle + half * given[..., k])
            for k, (middle, half) in enumerate((VALUE, PRICE))
        )
        worth = np.stack([np.zeros(value.shape), value], axis=-1)
        found = best_pieces(dynamics.rows, slot.snr_per_watt, price, slot.backlog, worth)
        return found.leaving, found.local_work, found.offloaded


class RawPower(Way):
    """The paper's: a transmit power, what it carries of a task, and as many tasks as can leave with that."""

    def acted(self, dynamics: QueueDynamics) -> Numbers:
        """One number."""
        return Numbers(-1.0, 1.0, (1,))

    def chosen(self, dynamics: QueueDynamics, slot: InferenceQueue, given: Array) -> tuple[Array, Array, Array]:
        """Send what the power carries."""
        rows = dynamics.rows
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            power = rows[:, 4] * 10.0 ** (DECADES * (given[..., 0] - 1.0))
            carried = np.log1p(power * slot.snr_per_watt)
            part = np.where(carried >= rows[:, 2], 1.0, carried / rows[:, 2])
        nothing = np.zeros((1, 2))
        return fixed_pieces(rows, slot.snr_per_watt, slot.backlog, nothing, part[..., None], drain=True)


class PieceChoices(Way):
    """A number of tasks and a part of the last one; of what cannot be done the nearest that can.

    First no more tasks leave than wait, and than processor and radio take together; then of the last one no less is
    offloaded than the processor leaves, and no more than the radio carries.
    """

    def acted(self, dynamics: QueueDynamics) -> Choices:
        """All numbers of tasks that can ever leave, those of the longest queue at most, by all parts."""
        return Choices((dynamics.network.pieces + 1) * len(PARTS))

    def chosen(self, dynamics: QueueDynamics, slot: InferenceQueue, given: Array) -> tuple[Array, Array, Array]:
        """Let so many leave, and offload such a part, or the nearest."""
        tasks, part = np.divmod(given, len(PARTS))
        most, carried = limits(slot)
        able = dynamics.rows[:, 1]
        leaving = np.minimum(tasks, most)
        rest = leaving - able
        least = np.where(rest <= TOLERATED * leaving, 0.0, rest)
        offloaded = np.minimum(np.maximum(np.array(PARTS)[part], least), np.minimum(carried, leaving))
        return leaving, np.minimum(leaving - offloaded, able), offloaded


WAYS: Mapping[str, Way] = {"proposal": Proposal(), "raw": RawPower(), "choices": PieceChoices()}
"""Ways in which a device acts by name; the first is the default."""

MEANINGS: Mapping[str, str] = {
    "proposal": "two numbers: what a task is worth that remains, what one costs that is offloaded; completed by the solver",
    "raw": "the paper's: a transmit power, which says what is offloaded of a task; as many leave as can",
    "choices": f"how many tasks leave by {len(PARTS)} parts of the last one to offload",
    SERVER: "the part of what it can process; a single device, users=1, acts by proposal, raw, or choices",
}
"""What an action is, for each way of acting."""


# ---------------------------------------------------------------------- what is seen


def level(tasks: Array) -> Array:
    """Return tasks that wait on a scale of logarithms, from -1 for none to 1 for `LONGEST` and more."""
    return np.asarray(np.minimum(2.0 * np.log1p(tasks) / np.log1p(LONGEST) - 1.0, 1.0))


def strength(snr_per_watt: Array) -> Array:
    """Return SNRs per watt on a scale of logarithms, from -1 for 1/W and less, none included, to 1 for 1e6/W and more."""
    with np.errstate(divide="ignore"):
        return np.clip(np.log10(snr_per_watt) / STRENGTH - 1.0, -1.0, 1.0)


def seen_by_devices(dynamics: QueueDynamics, slot: InferenceQueue) -> NDArray[np.float32]:
    """Return what each device sees, ``(*batch, users, 3)``: its queue, channel, and arrivals, 0 if unknown."""
    rows = np.zeros((*slot.backlog.shape, SEEN), dtype=np.float32)
    rows[..., 0], rows[..., 1] = level(slot.backlog), strength(slot.snr_per_watt)
    if not dynamics.causal:
        rows[..., 2] = slot.arrivals / dynamics.block_slots
    return rows


def seen_by_server(slot: InferenceQueue) -> NDArray[np.float32]:
    """Return what the server sees, ``(*batch, 3)``: its queue for each device, the means of their queues and channels."""
    rows = np.empty((*slot.batch_shape, SEEN), dtype=np.float32)
    rows[..., 0] = level(slot.server_backlog / slot.users)
    rows[..., 1] = level(slot.backlog).mean(axis=-1)
    rows[..., 2] = strength(slot.snr_per_watt).mean(axis=-1)
    return rows


def processed(dynamics: QueueDynamics, slot: InferenceQueue, number: Array) -> Array:
    """Return what the server processes that takes a part of what it can."""
    return np.asarray(0.5 * (number + 1.0) * np.minimum(slot.server_backlog, dynamics.server_most))


# ---------------------------------------------------------------------- who acts


@dataclass(frozen=True, kw_only=True, eq=False)
class QueueWorld(SlotWorld):
    """Blocks, and how rewards are scaled."""

    dynamics: QueueDynamics
    reward_scale: float = SCALE

    def __post_init__(self) -> None:
        checked_scale(self.reward_scale)

    @abstractmethod
    def cost(self, outcome: Outcome) -> Array:
        """Return what who acts pays for a block."""

    def earned(self, outcome: Outcome) -> Array:
        """Return minus what who acts pays."""
        return -self.cost(outcome)

    def told(self, outcome: Outcome) -> dict[str, Any]:
        """Return what who acts pays, and of the network the reward and what is measured."""
        return {"cost": self.cost(outcome), **super().told(outcome)}


@dataclass(frozen=True, kw_only=True, eq=False)
class BesideOthers(QueueWorld):
    """One acts, a policy does the rest."""

    others: str | Policy = "decomposed"
    """A name of `mecopt.models.inference_queue.dynamics.policies`, or a function of blocks and a generator."""

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.dynamics.policies()
        if isinstance(self.others, str) and self.others not in known:
            raise unknown(f"policy for {self.dynamics.name}", self.others, known)

    @cached_property
    def policy(self) -> Policy:
        """The policy that does the rest."""
        return self.dynamics.policies()[self.others]() if isinstance(self.others, str) else self.others


@dataclass(frozen=True, kw_only=True, eq=False)
class DeviceWorld(BesideOthers):
    """A single device acts; its server processes as that of a policy does, which changes nothing for the device."""

    actions: str = "proposal"
    """A key of `WAYS`."""

    def __post_init__(self) -> None:
        if self.actions not in WAYS:
            raise unknown(f"way of acting of a device of {self.dynamics.name}", self.actions, WAYS)
        checked_single(self.dynamics)
        super().__post_init__()

    @property
    def observed(self) -> Numbers:
        """Queue, channel, arrivals."""
        return Numbers(-1.0, 1.0, (SEEN,))

    @property
    def acted(self) -> Numbers | Choices:
        """What the way of acting says."""
        return WAYS[self.actions].acted(self.dynamics)

    def seen(self, state: State) -> NDArray[np.float32]:
        """Return what the device sees."""
        return seen_by_devices(self.dynamics, state.problem)[..., 0, :]

    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, TaskAllocation]:
        """Return how many tasks leave, and what is done with them; at the server what the policy says."""
        slot, acted = state.problem, self.acted
        if isinstance(acted, Choices):
            given = checked_choices(action, slot.batch_shape, acted.count)[..., None]
        else:
            given = checked_numbers(action, (*slot.batch_shape, *acted.shape))[..., None, :]
        leaving, local, offloaded = WAYS[self.actions].chosen(self.dynamics, slot, given)
        _, allocation = self.policy(slot, rng.spawn(1)[0])
        whole = spelled_out(self.dynamics.one, slot, local, offloaded, allocation.server_work)
        return leaving.astype(np.int64), whole

    def cost(self, outcome: Outcome) -> Array:
        """Return what the device pays."""
        return np.asarray(outcome.detail.devices[..., 0])


@dataclass(frozen=True, kw_only=True, eq=False)
class ServerWorld(BesideOthers):
    """The server acts; its devices do what those of a policy do."""

    @property
    def observed(self) -> Numbers:
        """Its queue, and the means of the devices' queues and channels."""
        return Numbers(-1.0, 1.0, (SEEN,))

    @property
    def acted(self) -> Numbers:
        """One number."""
        return Numbers(-1.0, 1.0, (1,))

    def seen(self, state: State) -> NDArray[np.float32]:
        """Return what the server sees."""
        return seen_by_server(state.problem)

    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, TaskAllocation]:
        """Return what the devices do, and what the server processes."""
        slot = state.problem
        work = processed(self.dynamics, slot, checked_numbers(action, (*slot.batch_shape, 1))[..., 0])
        leaving, allocation = self.policy(slot, rng.spawn(1)[0])
        rate = service.rate(self.dynamics.one, work)
        return np.asarray(leaving).astype(np.int64), replace(allocation, server_work=work, server_rate=rate)

    def cost(self, outcome: Outcome) -> Array:
        """Return what the server pays."""
        return np.asarray(outcome.detail.server)

    def reward(self, state: State, action: Array, following: State) -> Array:
        """Return minus what the server pays for each device, scaled."""
        return np.asarray(super().reward(state, action, following) / self.dynamics.one.users)


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkWorld(QueueWorld):
    """All devices and their server act at once: a row for each, the server's last, filled up with zeros."""

    actions: str = "proposal"
    """A key of `WAYS` whose actions are numbers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        numbers = {name: way for name, way in WAYS.items() if isinstance(way.acted(self.dynamics), Numbers)}
        if self.actions not in numbers:
            raise unknown(f"way of acting of devices beside a server of {self.dynamics.name}", self.actions, numbers)

    @property
    def observed(self) -> Numbers:
        """A row for each device, and the server's."""
        return Numbers(-1.0, 1.0, (self.dynamics.one.users + 1, SEEN))

    @property
    def each(self) -> list[Numbers]:
        """What each device may do, and the server."""
        device = WAYS[self.actions].acted(self.dynamics)
        assert isinstance(device, Numbers)
        return [device] * self.dynamics.one.users + [Numbers(-1.0, 1.0, (1,))]

    @property
    def acted(self) -> Numbers:
        """A row for each device, and the server's."""
        return Numbers(-1.0, 1.0, (self.dynamics.one.users + 1, *self.each[0].shape))

    def seen(self, state: State) -> NDArray[np.float32]:
        """Return what each device sees, and the server."""
        server = seen_by_server(state.problem)[..., None, :]
        return np.concatenate([seen_by_devices(self.dynamics, state.problem), server], axis=-2)

    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, TaskAllocation]:
        """Return what the devices do, and what the server processes."""
        slot = state.problem
        given = checked_numbers(action, (*slot.batch_shape, *self.acted.shape))
        leaving, local, offloaded = WAYS[self.actions].chosen(self.dynamics, slot, given[..., :-1, :])
        work = processed(self.dynamics, slot, given[..., -1, 0])
        return leaving.astype(np.int64), spelled_out(self.dynamics.one, slot, local, offloaded, work)

    def cost(self, outcome: Outcome) -> Array:
        """Return what each pays, the server last, ``(*batch, users + 1)``."""
        return np.concatenate([outcome.detail.devices, np.asarray(outcome.detail.server)[..., None]], axis=-1)

    def reward(self, state: State, action: Array, following: State) -> Array:
        """Return minus what each pays, the server for each device, scaled."""
        earned = self.reward_scale * self.earned(before(following))
        earned[..., -1] /= self.dynamics.one.users
        return earned


def checked_single(dynamics: QueueDynamics) -> None:
    """Refuse more than one device where one acts alone."""
    if dynamics.one.users != 1:
        raise InstanceError(
            f"users is {dynamics.one.users}; allowed: 1 where a device acts, of which a vector environment has many side by "
            f"side; the actions {SERVER!r} are those of the server of any number of devices"
        )
