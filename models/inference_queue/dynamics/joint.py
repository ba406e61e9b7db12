r"""One or two devices and their server decided together, exactly, on a grid: the test of the paper's Theorem 1.

Cut the channel into a few cells, let a device offload multiples of a grain of a task only, and let the server keep multiples
of the same grain. Then everything is finite, and the best cost of all policies that see everything, and that of devices
which decide for themselves, are computed in the same world without any model of what the others do. Arrivals are not known
when a block is decided.

Theorem 1 says that both are the same. They are where :math:`w_1 = 0`, since tasks then wait at the server for nothing,
whatever :math:`w_2` is; otherwise what a device offloads costs the server, who is nowhere in what the device minimises. With
a price per task for that, most of the loss is gone.

What exceeds a grid, of a device or of the server, waits for ever and is paid for when it comes, :math:`w_3 / (1 - \gamma)`
or :math:`w_1 / (1 - \gamma)` a task. Whoever plays so can do so in queues without an end: all costs are of policies there,
and only the optimum might be less. How much less is bounded, too: where what exceeds a grid costs what it costs at least
(`mecopt.models.inference_queue.dynamics.backlog`, :math:`\tau = \lfloor M / S \rfloor + 1` blocks of waiting), nobody costs
less than is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.chain import Chain
from mecopt.dynamic.discounted import discounted_values
from mecopt.dynamic.operators import Sweep
from mecopt.models.inference_queue.allocation.fixed import fixed_costs
from mecopt.models.inference_queue.dynamics.backlog import Backlog, exceeding
from mecopt.models.inference_queue.dynamics.server import Served

if TYPE_CHECKING:
    from mecopt.models.inference_queue.dynamics.steps import QueueDynamics

Array = NDArray[Any]

TOLERANCE = 1e-6
"""Width of value iteration's brackets, as a part of what is computed; ours."""


@dataclass(frozen=True, eq=False)
class Actions:
    """What a device may do in a block."""

    leaving: Array
    """s ``(actions,)``."""
    grains: Array
    """Offloaded, in grains ``(actions,)``."""
    costs: Array
    """Weighted energy ``(cells, actions)``; infinite where it cannot be."""


@dataclass(frozen=True)
class Losses:
    """Discounted costs from empty queues in the same world."""

    together: float
    """The least that anybody can reach whose longest queues are those of the grid."""
    least: float
    """What nobody costs less than, in queues as long as one likes."""
    alone: float
    """Of devices that decide for themselves, the paper's decomposition."""
    priced: float
    """Of devices that pay the best of some prices."""
    price: float
    """That price per task, discounted by a block."""

    @property
    def loss(self) -> float:
        """What the decomposition costs more, as a part."""
        return self.alone / self.together - 1.0

    @property
    def most_loss(self) -> float:
        """What it costs more at most than the optimum in queues as long as one likes."""
        return self.alone / self.least - 1.0

    @property
    def priced_loss(self) -> float:
        """What devices cost more that pay a price, as a part."""
        return self.priced / self.together - 1.0


class Together(Sweep):
    """One block of two devices and a server, decided together; earns the negative of what it costs.

    States are (backlog of the first, of the second, grains at the server), the last one fastest.
    """

    chain = Chain.of([[1.0]])

    def __init__(self, world: World) -> None:
        self.world = world
        self.carried = int(np.prod(world.sizes))

    @property
    def terms(self) -> int:
        """Cells of both channels and arrivals of both devices are added up."""
        first, second = self.world.devices
        return len(first.costs) * len(second.costs) + sum(len(law) for law in self.world.laws)

    def improved(self, following: Array) -> Array:
        """Look at everything that all of them can do."""
        from mecopt.models.inference_queue.compiled.sweeps import best_kept, best_together

        world = self.world
        (first, second), later = world.devices, world.expected(following.reshape(world.sizes))
        coming = int(first.grains.max() + second.grains.max())
        kept = best_kept(world.cost, later, world.most_grains, coming, world.beyond)
        value = best_together(first.costs, first.leaving, first.grains, second.costs, second.leaving, second.grains, kept)
        return np.asarray(value - world.waiting()).reshape(1, -1)


class Alone(Together):
    """The same block, each for itself by a policy of its own."""

    def __init__(self, world: World, chosen: tuple[Array, Array], rule: Array) -> None:
        super().__init__(world)
        self.chosen, self.rule = chosen, rule

    def improved(self, following: Array) -> Array:
        """Do what the policies say."""
        from mecopt.models.inference_queue.compiled.sweeps import best_alone

        world = self.world
        (first, second), later = world.devices, world.expected(following.reshape(world.sizes))
        value = best_alone(
            first.costs, first.leaving, first.grains, second.costs, second.leaving, second.grains,
            *self.chosen, self.rule, world.cost, later, world.beyond,
        )  # fmt: skip
        return np.asarray(value - world.waiting()).reshape(1, -1)


class World:
    """The finite world of one or two devices.

    Parameters
    ----------
    dynamics
        of one or two devices.
    cells
        of each channel, of equal probability, by their medians.
    grain
        parts of a task: 4 lets a device offload quarters.
    longest, server_longest
        tasks that a device's queue and the server's reach.
    below
        whether tasks that exceed them cost what they cost at least, or as such that wait for ever.
    """

    def __init__(
        self,
        dynamics: QueueDynamics,
        *,
        cells: int = 8,
        grain: int = 4,
        longest: int = 12,
        server_longest: int = 8,
        below: bool = False,
    ) -> None:
        if dynamics.one.users > 2:
            raise InstanceError(f"users is {dynamics.one.users}; allowed: 1 or 2")
        if (dynamics.shares != 1.0).any():
            raise InstanceError("tasks of device and server are not of the same work; allowed: server_task = work")
        self.dynamics, self.grain = dynamics, grain
        self.sized = {"cells": cells, "grain": grain, "longest": longest, "server_longest": server_longest}
        self.step = 1.0 / grain
        self.devices, self.laws = [], []
        for row, mean in zip(dynamics.rows, dynamics.mean_snr, strict=True):
            snr = dynamics.channel(float(mean), cells, 0.5)
            self.devices.append(_actions(row, snr, dynamics.network.pieces, grain))
            self.laws.append(dynamics.network.arrivals)
        lengths = [longest + 1] * len(self.devices)
        while len(self.devices) < 2:  # nobody
            self.devices.append(Actions(np.zeros(1), np.zeros(1, dtype=np.int64), np.zeros((1, 1))))
            self.laws.append(np.ones(1))
            lengths.append(1)
        self.sizes = (*lengths, grain * server_longest + 1)
        work = self.step * np.arange(self.sizes[2])
        self.cost = dynamics.server_cube * work**3
        able = int(np.floor(dynamics.server_most * grain * (1.0 + 1e-12)))
        worth = self.step * exceeding(dynamics.server_waiting_weight, dynamics.discount)
        dear = np.flatnonzero(np.diff(dynamics.server_cube * (self.step * np.arange(able + 1.0)) ** 3) > worth)
        self.most_grains = int(dear[0]) if dear.size else able
        """What the server processes at most: of more the last grain costs more than if it waits for ever."""
        discount, weights = dynamics.discount, (dynamics.waiting_weight, dynamics.server_waiting_weight)
        at_once = max(float(device.leaving.max()) for device in self.devices), self.most_grains / grain
        ends = [longest // max(one, 1.0) + 1.0 for one, longest in zip(at_once, (longest, server_longest), strict=True)]
        blocks = ends if below else [np.inf, np.inf]
        beyond = [exceeding(weight, discount, count) for weight, count in zip(weights, blocks, strict=True)]
        self.more, self.server_more = beyond
        """What a task costs that exceeds a device's grid, or the server's, discounted by a block."""
        self.beyond = self.step * self.server_more

    def waiting(self) -> Array:
        """Return what waiting costs in a block, by state."""
        first, second, server = (np.arange(size, dtype=float) for size in self.sizes)
        own = self.dynamics.waiting_weight * (first[:, None, None] + second[:, None])
        return np.asarray(own + self.dynamics.server_waiting_weight * self.step * server)

    def expected(self, following: Array) -> Array:
        """Return what queues are worth before others arrive, discounted; `following` is discounted already."""
        found = following
        for axis, law in enumerate(self.laws):
            size = found.shape[axis]
            beside = [-1 if one == axis else 1 for one in range(found.ndim)]
            moved = []
            for a in range(len(law)):
                queue = np.arange(size) + a
                paid = self.more * np.maximum(queue - (size - 1), 0).reshape(beside)
                moved.append(np.take(found, np.minimum(queue, size - 1), axis=axis) - paid)
            found = np.tensordot(law, np.array(moved), 1)
        return np.ascontiguousarray(found)

    def decided(self, operator: Together) -> float:
        """Return the discounted cost from empty queues."""
        found = discounted_values(operator, self.dynamics.discount, tolerance=TOLERANCE)
        return float(-0.5 * (found.lower[0, 0] + found.upper[0, 0]))

    def alone(self, price: float) -> Alone:
        """Return what comes of devices that decide for themselves at a price per task, and a server that knows their law."""
        chosen, law = [], np.ones(1)
        for device, arrivals, size in zip(self.devices, self.laws, self.sizes[:2], strict=True):
            actions, offloaded = self._device(device, arrivals, size, price)
            chosen.append(actions)
            law = np.convolve(law, offloaded)
        return Alone(self, (chosen[0], chosen[1]), self._rule(law))

    def _device(self, device: Actions, arrivals: Array, size: int, price: float) -> tuple[Array, Array]:
        """Return a device's action in every cell at every backlog, and the stationary law of what it offloads."""
        dynamics, paid = self.dynamics, device.costs + price * self.step * device.grains
        pieces = int(device.leaving.max()) + 1
        best = np.full((len(paid), pieces), np.inf)
        for k, s in enumerate(device.leaving.astype(int).tolist()):
            best[:, s] = np.minimum(best[:, s], paid[:, k])
        operator = Backlog(best, arrivals, dynamics.waiting_weight, max(size - 1, 1), beyond=self.more, causal=True)
        worth = dynamics.discount * discounted_values(operator, dynamics.discount, tolerance=TOLERANCE).lower[0]
        longer = np.append(worth, worth[-1] - self.more * np.arange(1, len(arrivals)))
        after = np.convolve(longer, arrivals[::-1], "valid")
        chosen = np.empty((len(paid), size), dtype=np.int64)
        for m in range(size):
            left = m - device.leaving.astype(int)
            value = np.where(left >= 0, after[np.maximum(left, 0)] - paid, -np.inf)
            chosen[:, m] = value.argmax(axis=1)
        moves, sent = np.zeros((size, size)), np.zeros((size, int(device.grains.max()) + 1))
        for m, a in product(range(size), range(len(arrivals))):
            to = np.minimum(m - device.leaving[chosen[:, m]].astype(int) + a, size - 1)
            np.add.at(moves[m], to, arrivals[a] / len(paid))
        for m in range(size):
            np.add.at(sent[m], device.grains[chosen[:, m]], 1.0 / len(paid))
        return chosen, np.asarray(Chain.of(moves).stationary() @ sent)

    def _rule(self, law: Array) -> Array:
        """Return how many grains the server keeps of every number, where such a law comes anew in every block."""
        dynamics, points = self.dynamics, self.sizes[2]
        waiting, cube, most = dynamics.server_waiting_weight, dynamics.server_cube, dynamics.server_most
        served = Served(self.step, law, waiting, cube, most, points, self.server_more)
        found = discounted_values(served, dynamics.discount, tolerance=TOLERANCE)
        worth = served.remaining(dynamics.discount * found.lower[0])
        kept = np.arange(points)
        work = kept[:, None] - kept
        cost = np.where((work >= 0) & (work <= self.most_grains), dynamics.server_cube * (self.step * work) ** 3, np.inf)
        return np.asarray((worth - cost).argmax(axis=1))

    def losses(self, prices: Array) -> Losses:
        """Return what deciding for oneself costs more than deciding together, without a price and with the best of some."""
        together, alone = self.decided(Together(self)), self.decided(self.alone(0.0))
        tried = [(self.decided(self.alone(float(price))), float(price)) for price in prices]
        priced, price = min([(alone, 0.0), *tried])
        below = World(self.dynamics, **self.sized, below=True)
        return Losses(together, below.decided(Together(below)), alone, priced, price)


def _actions(row: Array, snr: Array, pieces: int, grain: int) -> Actions:
    """Return all pairs of tasks that leave and grains that are offloaded, and their costs."""
    leaving, grains, costs = [0], [0], [np.zeros(len(snr))]
    for part in range(grain + 1):
        found = fixed_costs(row, snr, (part / grain,), pieces=pieces, whole=True)
        for s in range(1, pieces + 1):
            leaving.append(s)
            grains.append(part)
            costs.append(found[:, s])
    order = np.argsort(leaving, kind="stable")
    return Actions(
        np.array(leaving, dtype=float)[order], np.array(grains, dtype=np.int64)[order], np.array(costs).T[:, order].copy()
    )
