r"""Who acts in a network of inference queues, block after block, by name.

All of them choose how many tasks leave a queue by the values of a dynamic program for what they may do, on equally likely
cells of the channel, and all have a server that processes by the rule that is best for what they leave to it if that comes
anew in every block (`mecopt.models.inference_queue.dynamics.server`). They differ in what a device offloads of the last
task:

- priced: what is best at the server's price (`mecopt.models.inference_queue.dynamics.network`);
- decomposed: what is best for the device alone, the paper's optimum by its Theorem 1;
- even: the same part in every block, the best of four;
- binary: the whole task or nothing;
- random: a part drawn anew in every block;
- local: nothing;
- even-drain, binary-drain, random-drain: the same three, with the same values, but as many tasks leave as can.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.dynamic.dynamics import Policy
from mecopt.models.inference_queue.allocation.fixed import fixed_costs, fixed_pieces
from mecopt.models.inference_queue.allocation.pieces import best_pieces
from mecopt.models.inference_queue.allocation.splits import spelled_out
from mecopt.models.inference_queue.dynamics.server import Rule, best_rule

if TYPE_CHECKING:
    from mecopt.models.inference_queue.dynamics.network import Costs, Kind
    from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
    from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]

PARTS = (0.25, 0.5, 0.75, 1.0)
"""Parts of a task that `even` tries."""
DRAWN = 8
"""Cells of the part that is drawn, for the values of `random`."""
WATCHED, SETTLING, DEVICES, LANES, SEED = 200, 40, 2000, 8, 0
"""Blocks in which the server's rule sees what comes, after so many, on a path of their own; in as many lanes as make so many
devices, at most `LANES`: the more devices, the less their sum scatters.
"""


class Offer(ABC):
    """What a device may offload."""

    @abstractmethod
    def costs(self, dynamics: QueueDynamics) -> Costs:
        """Return what leaving tasks cost in the cells of the channel, for the values."""

    @abstractmethod
    def chosen(
        self, dynamics: QueueDynamics, slot: InferenceQueue, values: Array, arrivals: Any, rng: Generator
    ) -> tuple[Array, Array, Array]:
        """Return how many tasks leave, and what is computed and offloaded of them."""


@dataclass(frozen=True)
class Free(Offer):
    """Whatever is best at a price per task of the server that is left to it."""

    price: float = 0.0

    def costs(self, dynamics: QueueDynamics) -> Costs:
        """Divide at best."""
        return dynamics.network.free(self.price)

    def chosen(
        self, dynamics: QueueDynamics, slot: InferenceQueue, values: Array, arrivals: Any, rng: Generator
    ) -> tuple[Array, Array, Array]:
        """Divide at best."""
        price = self.price * dynamics.shares
        found = best_pieces(dynamics.rows, slot.snr_per_watt, price, slot.backlog, values, arrivals=arrivals)
        return found.leaving, found.local_work, found.offloaded


@dataclass(frozen=True)
class Fixed(Offer):
    """One of some parts of the last task, as far as the radio carries it; or a part drawn anew."""

    parts: tuple[float, ...]
    drawn: bool = False
    whole: bool = False
    """Whether a part that the radio does not carry is not offered, rather than cut."""
    drain: bool = False

    def costs(self, dynamics: QueueDynamics) -> Costs:
        """Take the cheapest of the parts; where one is drawn, cells of it beside those of the channel."""
        pieces = dynamics.network.pieces

        def costs(kind: Kind, snr: Array) -> Array:
            if self.drawn:
                parts = (np.arange(DRAWN) + 0.5) / DRAWN
                return np.concatenate([fixed_costs(kind.row, snr, (part,), pieces=pieces) for part in parts])
            return fixed_costs(kind.row, snr, self.parts, pieces=pieces, whole=self.whole)

        return costs

    def chosen(
        self, dynamics: QueueDynamics, slot: InferenceQueue, values: Array, arrivals: Any, rng: Generator
    ) -> tuple[Array, Array, Array]:
        """Take the best of the parts, or the one that is drawn."""
        shape = slot.backlog.shape
        parts = rng.random((*shape, 1)) if self.drawn else np.broadcast_to(self.parts, (*shape, len(self.parts)))
        return fixed_pieces(
            dynamics.rows,
            slot.snr_per_watt,
            slot.backlog,
            values,
            parts,
            arrivals=arrivals,
            whole=self.whole,
            drain=self.drain,
        )


EVERYTHING_LOCAL = Fixed((0.0,))
BINARY = Fixed((0.0, 1.0), whole=True)


class Devices:
    """Devices that act for themselves: an offer, and the value of what remains.

    Parameters
    ----------
    dynamics
        of the network.
    offer
        what they may offload.
    values
        what queues cost, ``(users, M + 1)``; exact for the offer unless given.
    """

    def __init__(self, dynamics: QueueDynamics, offer: Offer, values: Array | None = None) -> None:
        self.dynamics, self.offer = dynamics, offer
        self.values = dynamics.network.values(offer.costs(dynamics)) if values is None else values
        self.worth = worth_of(dynamics, self.values)

    def __call__(self, slot: InferenceQueue, rng: Generator) -> tuple[Array, Array, Array]:
        """Return how many tasks leave, and what is computed and offloaded of them."""
        arrivals = 0.0 if self.dynamics.causal else slot.arrivals
        return self.offer.chosen(self.dynamics, slot, self.worth, arrivals, rng)


def worth_of(dynamics: QueueDynamics, values: Array) -> Array:
    """Return the discounted value of tasks that remain, ``(users, M)``: expected over arrivals that are not known."""
    if not dynamics.causal:
        return np.asarray(dynamics.discount * values)
    law = dynamics.network.arrivals
    return np.stack([np.convolve(dynamics.discount * one, law[::-1], "valid") for one in values])


def left_to_the_server(dynamics: QueueDynamics, devices: Callable[[Any, Generator], tuple[Array, Array, Array]]) -> Array:
    """Return the tasks that devices leave to the server in blocks of a path of their own, settled."""
    rng, own = np.random.default_rng((SEED, 0)), np.random.default_rng((SEED, 1))
    lanes = max(1, min(LANES, DEVICES // dynamics.one.users))
    path = dynamics.stream(rng, SETTLING + WATCHED, lanes)
    backlog, seen = path.backlog[0], []
    for number in range(len(path)):
        slot = path[number]._with({**path[number].__dict__, "backlog": backlog})
        leaving, _, offloaded = devices(slot, own)
        backlog = backlog - leaving + slot.arrivals
        if number >= SETTLING:
            seen.append((offloaded * dynamics.shares).sum(axis=-1))
    return np.array(seen)


def with_a_server(dynamics: QueueDynamics, devices: Callable[[Any, Generator], tuple[Array, Array, Array]]) -> Policy:
    """Return the policy of devices and the server's best rule for what they leave to it."""
    return completed(dynamics, devices, server_rule(dynamics, left_to_the_server(dynamics, devices)))


def server_rule(dynamics: QueueDynamics, arriving: Array) -> Rule:
    """Return the rule that is best for what came."""
    return best_rule(
        arriving,
        waiting=dynamics.server_waiting_weight,
        cube=dynamics.server_cube,
        most=dynamics.server_most,
        discount=dynamics.discount,
    )


def completed(
    dynamics: QueueDynamics,
    devices: Callable[[Any, Generator], tuple[Array, Array, Array]],
    rule: Callable[[Array], Array],
) -> Policy:
    """Return the policy of devices and a rule for the server."""

    def policy(slot: InferenceQueue, rng: Generator) -> tuple[Array, Any]:
        leaving, local, offloaded = devices(slot, rng)
        return leaving, spelled_out(dynamics.one, slot, local, offloaded, rule(slot.server_backlog))

    return policy


def priced(dynamics: QueueDynamics) -> Policy:
    """Return the policy of devices that pay the server's price."""
    network = dynamics.network
    return with_a_server(dynamics, Devices(dynamics, Free(dynamics.discount * network.price.price), network.priced_values))


def even(dynamics: QueueDynamics, drain: bool = False) -> Policy:
    """Return the policy of the best of four parts: by the values of devices, and of the server for what they leave to it."""
    tried = []
    for part in PARTS:
        devices = Devices(dynamics, Fixed((part,), drain=drain))
        rule = server_rule(dynamics, left_to_the_server(dynamics, devices))
        start = dynamics.one.backlog.astype(int)
        cost = devices.values[np.arange(dynamics.one.users), np.minimum(start, devices.values.shape[1] - 1)].sum()
        tried.append((float(cost - rule.values.lower[0, 0]), completed(dynamics, devices, rule)))
    return min(tried, key=lambda one: one[0])[1]


def of_offer(dynamics: QueueDynamics, offer: Offer) -> Policy:
    """Return the policy of devices with an offer."""
    return with_a_server(dynamics, Devices(dynamics, offer))


POLICIES: Mapping[str, Callable[[QueueDynamics], Policy]] = {
    "priced": priced,
    "decomposed": partial(of_offer, offer=Free()),
    "even": even,
    "binary": partial(of_offer, offer=BINARY),
    "random": partial(of_offer, offer=Fixed((), drawn=True)),
    "local": partial(of_offer, offer=EVERYTHING_LOCAL),
    "even-drain": partial(even, drain=True),
    "binary-drain": partial(of_offer, offer=Fixed((0.0, 1.0), whole=True, drain=True)),
    "random-drain": partial(of_offer, offer=Fixed((), drawn=True, drain=True)),
}

SUMMARIES: Mapping[str, str] = {
    "priced": "devices pay the server's price for a task they leave to it, and minimise for themselves",
    "decomposed": "devices minimise for themselves and pay nothing: the paper's optimum by its Theorem 1",
    "even": "every device offloads the same part of a task in every block, the best of four",
    "binary": "a whole task is offloaded, or nothing",
    "random": "a part of a task that is drawn anew in every block is offloaded",
    "local": "nothing is offloaded",
    "even-drain": "as even, and as many tasks leave as can",
    "binary-drain": "as binary, and as many tasks leave as can",
    "random-drain": "as random, and as many tasks leave as can",
}
