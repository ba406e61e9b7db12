r"""All devices and their server in the long run: what a price per task makes of them, and the bound it proves.

Devices meet in :math:`Q_{t + 1} = Q_t - X_t + Y_t`, :math:`Y_t = \sum_k \kappa_k y_{k t}`, and nowhere else;
:math:`\kappa_k = W_k / W_s` is how many of the server's tasks one of the device is. Take this equation out and charge
:math:`\gamma^{t + 1} \lambda` for what breaks it. What is left falls apart:

- every device pays :math:`\gamma \lambda \kappa_k` for a task that it offloads, and costs
  :math:`U_k(m_k; \gamma \lambda \kappa_k)` (`mecopt.models.inference_queue.dynamics.backlog`);
- from the second block on, the server chooses :math:`0 \le X \le \min(Q, X_{\max})` and any Q for
  :math:`c X^3 - \gamma \lambda X + (w_1 + \gamma \lambda - \lambda) Q`. With :math:`\lambda \le w_1 / (1 - \gamma)` more Q
  than X costs only more, so that with :math:`c = w_2 a_s`

  .. math:: g(\lambda) = \min_{0 \le X \le X_{\max}} c X^3 - (\lambda - w_1) X ;

- in the first block its queue is known: :math:`g_0(\lambda) = (w_1 + \gamma \lambda) Q_0 + \min_X c X^3 - \gamma \lambda X`.

By `mecopt.dynamic.prices`, no policy costs less in the mean, whatever it knows of all queues, channels and the past, than

.. math:: \sum_k U_k(m_k; \gamma \lambda \kappa_k) + g_0(\lambda) + \frac{\gamma}{1 - \gamma} g(\lambda) .

Below :math:`w_1` the bound rises with the price, so the best one lies from :math:`w_1` to :math:`w_1 / (1 - \gamma)`. With
:math:`U_k` from below, by the upper ends of the channel's cells, the bound holds for the continuous channels.

The paper's Theorem 1 says that device by device, without a price, costs as little as all together. It does where
:math:`w_1 = 0`: tasks then wait at the server for nothing, whatever its energy costs. Otherwise what a device leaves costs
the server, and nobody tells the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.discounted import discounted_values
from mecopt.dynamic.prices import best_price
from mecopt.models.inference_queue.allocation.pieces import piece_costs
from mecopt.models.inference_queue.dynamics.backlog import Backlog, costs_between, exceeding
from mecopt.models.inference_queue.terms import most_at_once

if TYPE_CHECKING:
    from mecopt.models.inference_queue.dynamics.steps import QueueDynamics

Array = NDArray[Any]

LONGEST, ROOM = 40, 8
"""M, the longest queue that values know: at least so many tasks, and so many blocks of a task in every slot; ours."""
CELLS, SEARCHED, PROVED = 128, 128, 4096
"""Cells of the channel: for policies, while the price is looked for, and for the bound at it; ours."""
MANY = 500
"""Different devices from which on their channels are rounded; ours."""
ROUNDED = 1e-12
"""Part by which a price may exceed the dearest, and is taken for it."""
TOLERANCE = 1e-6
"""Width of value iteration's bracket, as a part of what a task costs that waits for ever."""


class Kind(NamedTuple):
    """Devices that are alike."""

    row: Array
    """Their constants ``(5,)``, see `mecopt.models.inference_queue.terms.rows`."""
    share: float
    """kappa: tasks of the server that one of theirs is."""
    mean_snr: float
    """In 1/W."""


Costs = Callable[[Kind, Array], Array]
"""From a device and SNRs per watt ``(cells,)`` to what every number of leaving tasks costs, ``(cells, pieces)``."""


@dataclass(frozen=True)
class Price:
    """What a task of the server costs that is left to it, and what that proves."""

    price: float
    """:math:`\\lambda`; devices pay it discounted by a block."""
    bound: float
    """What no policy costs less than."""
    tried: tuple[tuple[float, float], ...]
    """Prices and their bounds with the cells of the search, by price."""


class Network:
    """Values of devices, the price of the server, and the bound on all policies.

    Parameters
    ----------
    dynamics
        of the network.
    """

    def __init__(self, dynamics: QueueDynamics) -> None:
        self.dynamics = dynamics
        self.arrivals = binomial(dynamics.block_slots, dynamics.arrival_probability)
        self.longest = max(LONGEST, ROOM * dynamics.block_slots)
        """M."""
        self.pieces = int(min(most_at_once(dynamics.rows[:, 1]).max(), self.longest))
        """The most tasks that ever leave a queue of `longest`."""
        self.kinds, self.kind_of = self.alike(raised(dynamics.mean_snr))
        """Devices that are not alike, and which one each is."""

    def alike(self, means: Array) -> tuple[list[Kind], Array]:
        """Return the devices that are not alike at such mean SNRs per watt ``(users,)``, and which one each is."""
        numbers = np.column_stack((self.dynamics.rows, self.dynamics.shares, means))
        distinct, kind_of = np.unique(numbers, axis=0, return_inverse=True)
        return [Kind(one[:-2], float(one[-2]), float(one[-1])) for one in distinct], kind_of

    # ------------------------------------------------------------------ one device

    def free(self, price: float) -> Costs:
        """Return what leaving tasks cost who divides them at best, at a price of a task of the server that is left to it."""
        return lambda kind, snr: piece_costs(kind.row, snr, price * kind.share, pieces=self.pieces).cost

    def operator(self, kind: Kind, costs: Costs, cells: int, end: float, *, above: bool = False) -> Backlog:
        """Return one block of a device.

        Parameters
        ----------
        kind
            the device.
        costs
            of leaving tasks.
        cells
            of the channel.
        end
            what stands for a cell: 1 its upper end, 0 its lower one, 1/2 its median.
        above
            whether tasks that exceed the longest queue cost what they cost at most, or what they do at least.
        """
        dynamics = self.dynamics
        blocks = np.inf if above else self.longest // max(float(most_at_once(kind.row[1])), 1.0) + 1.0
        beyond = exceeding(dynamics.waiting_weight, dynamics.discount, blocks)
        known = costs(kind, dynamics.channel(kind.mean_snr, cells, end))
        return Backlog(known, self.arrivals, dynamics.waiting_weight, self.longest, beyond=beyond, causal=dynamics.causal)

    def device(self, kind: Kind, costs: Costs, cells: int, end: float, *, above: bool = False, begin: Any = None) -> Any:
        """Return bounds on what queues cost on these cells, ``(2, longest + 1)``."""
        operator = self.operator(kind, costs, cells, end, above=above)
        found = discounted_values(operator, self.dynamics.discount, tolerance=self.resolution, values=begin)
        return costs_between(found)

    @property
    def resolution(self) -> float:
        """How far apart the bounds are on what a device's queues cost, on the same cells."""
        return TOLERANCE * max(self.dynamics.waiting_weight, 1e-9) / (1.0 - self.dynamics.discount)

    def values(self, costs: Costs, cells: int = CELLS) -> Array:
        """Return what the queues of all devices cost, ``(users, longest + 1)``, with the cells' medians; for policies.

        What exceeds the longest queue waits for ever.
        """
        each = np.stack([self.device(kind, costs, cells, 0.5, above=True).mean(axis=0) for kind in self.kinds])
        return each[self.kind_of]

    @cached_property
    def priced_values(self) -> Array:
        """What the queues of all devices cost that pay the server's price, ``(users, longest + 1)``; for policies."""
        return self.values(self.free(self.dynamics.discount * self.price.price))

    def bracket(self, price: float = 0.0, cells: int = PROVED) -> tuple[Array, Array]:
        """Return what the queues of all devices cost at a price, from below and above, ``(users, longest + 1)`` each."""
        free, (worse, worse_of) = self.free(price), self.alike(lowered(self.dynamics.mean_snr))
        low = np.stack([self.device(kind, free, cells, 1.0)[0] for kind in self.kinds])
        high = np.stack([self.device(kind, free, cells, 0.0, above=True)[1] for kind in worse])
        return low[self.kind_of], high[worse_of]

    # ------------------------------------------------------------------ all together

    def server(self, price: float) -> float:
        """Return what the server costs at least at a price, discounted: the sum of g_0 and of all g."""
        dynamics = self.dynamics
        discount, waiting, backlog = dynamics.discount, dynamics.server_waiting_weight, float(dynamics.one.server_backlog)
        first = (waiting + discount * price) * backlog
        first += _least(dynamics.server_cube, discount * price, min(backlog, dynamics.server_most))
        later = _least(dynamics.server_cube, price - waiting, dynamics.server_most)
        return first + discount / (1.0 - discount) * later

    @property
    def dearest(self) -> float:
        """What a task costs that waits at the server for ever, w_1 / (1 - gamma): beyond it a price proves nothing."""
        return self.dynamics.server_waiting_weight / (1.0 - self.dynamics.discount)

    def bound(self, price: float, cells: int = PROVED, begin: dict[int, Array] | None = None) -> float:
        """Return what no policy costs less than, at a price from 0 to w_1 / (1 - gamma).

        Parameters
        ----------
        price
            lambda.
        cells
            of the channel.
        begin
            values at another price by device, to begin with; replaced by those at this one.

        Raises
        ------
        InstanceError
            for a price that proves nothing.
        """
        if not 0.0 <= price <= self.dearest * (1.0 + ROUNDED):
            raise InstanceError(f"price is {price!r}; allowed: a number from 0 to w_1 / (1 - gamma), {self.dearest:.9g}")
        price = min(price, self.dearest)
        discount, start = self.dynamics.discount, np.minimum(self.dynamics.one.backlog, self.longest).astype(int)
        known: dict[int, Array] = {} if begin is None else begin
        free = self.free(discount * price)
        for number, kind in enumerate(self.kinds):
            known[number] = -self.device(kind, free, cells, 1.0, begin=known.get(number))[:1]
        each = [-known[kind][0, backlog] for kind, backlog in zip(self.kind_of.tolist(), start.tolist(), strict=True)]
        return math.fsum([*each, self.server(price)])

    @cached_property
    def price(self) -> Price:
        """The price whose bound is greatest."""
        waiting = self.dynamics.server_waiting_weight
        if not waiting < self.dearest:  # nobody need ever process anything, or nothing counts but the first block
            return Price(waiting, self.bound(waiting), ())
        begin: dict[int, Array] = {}
        found = best_price(lambda price: -self.bound(price, SEARCHED, begin), waiting, self.dearest)
        tried = tuple((price, -value) for price, value in found.tried)
        return Price(found.price, self.bound(found.price), tried)


def raised(means: Array) -> Array:
    """Return mean SNRs per watt as they are where few differ, and else raised to the next of `MANY` equal steps in decibels.

    A better channel costs no more, so a bound from below remains one.
    """
    steps = _steps(means)
    return means if steps is None else np.where(means > 0.0, steps[np.searchsorted(steps, means)], 0.0)


def lowered(means: Array) -> Array:
    """Return mean SNRs per watt lowered to the step before, where `raised` raises them: a bound from above remains one."""
    steps = _steps(means)
    return means if steps is None else np.where(means > 0.0, steps[np.searchsorted(steps, means, "right") - 1], 0.0)


def _steps(means: Array) -> Array | None:
    """Return steps from the least to the greatest mean, increasing; None where so few differ that each is looked at."""
    distinct = np.unique(means[means > 0.0])
    if len(distinct) <= MANY:
        return None
    steps = np.geomspace(distinct[0], distinct[-1], MANY)
    steps[0], steps[-1] = distinct[0], distinct[-1]
    return np.sort(steps)


def binomial(count: int, chance: float) -> Array:
    """Return the probabilities of 0, 1, ..., n of so many events that each come with a chance."""
    from scipy.special import gammaln, xlog1py, xlogy

    came = np.arange(count + 1.0)
    ways = gammaln(count + 1.0) - gammaln(came + 1.0) - gammaln(count - came + 1.0)
    law = np.exp(ways + xlogy(came, chance) + xlog1py(count - came, -chance))
    return np.asarray(law / law.sum())


def _least(cube: float, worth: float, most: float) -> float:
    """Return the least of c X^3 - w X from 0 to the most."""
    if worth <= 0.0 or most <= 0.0:
        return 0.0
    work = min(math.sqrt(worth / (3.0 * cube)), most) if cube > 0.0 else most
    return cube * work**3 - worth * work
