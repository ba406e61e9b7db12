"""The numeric checks of the lesson on inference queues that are about many devices and one server, block after block."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.dynamic import discounted_values, luck, policy_of, rollout
from mecopt.lesson import Outcome, all_of, excess, scientific
from mecopt.models.inference_queue.dynamics.joint import Losses, Together, World
from mecopt.models.inference_queue.dynamics.network import Price
from mecopt.models.inference_queue.dynamics.steps import CAUSAL, QueueDynamics

Array = NDArray[Any]

ITERATED = 1e-6
"""What value iteration leaves, as a part."""
CELLS, GRAIN, LONGEST, SERVER_LONGEST = 4, 4, 8, 8
"""Of the small world in which one device and its server are decided together."""
SEARCHED = 1e-3
"""What the search for the price may leave of the bound; it stops at a part of 1e-3 of the interval."""
ERRORS = 6.0
"""Standard errors that what is simulated may lie below its mean."""
BLOCKS, LANES = 300, 16
"""Simulated; what comes later counts 2e-7."""


def drawn(rng: Generator, users: int = 1, waiting: float | None = None) -> QueueDynamics:
    """Draw a network whose devices do not know what comes: places, and the weights of the server."""
    return QueueDynamics(
        users=users,
        mean_snr=10.0 ** rng.uniform(3.0, 4.5, users),
        arrivals=CAUSAL,
        server_waiting_weight=float(rng.uniform(0.3, 2.0)) if waiting is None else waiting,
        server_energy_weight=float(10.0 ** rng.uniform(0.0, 2.0)),
    )


def small(dynamics: QueueDynamics, grain: int = GRAIN) -> World:
    """Return the finite world of a network."""
    return World(dynamics, cells=CELLS, grain=grain, longest=LONGEST, server_longest=SERVER_LONGEST)


# ---------------------------------------------------------------------- 10: a price parts devices and server

Lagrangian = Callable[[QueueDynamics, float, int], float]


def sum_of_parts(dynamics: QueueDynamics, price: float, cells: int) -> float:
    """Return L at a price, of channels that have so many equally likely values: the cells' medians."""
    network = dynamics.network
    free = network.free(dynamics.discount * price)
    devices = np.array([network.device(kind, free, cells, 0.5)[0, 0] for kind in network.kinds])
    return math.fsum([*devices[network.kind_of], network.server(price)])


def check_split(rng: Generator, bound: Lagrangian = sum_of_parts) -> Outcome:
    """At no price is the sum of parts above what deciding for everybody costs in the same channels; at one it is near."""
    over, gaps = 0.0, []
    for users, grain in ((1, 8), (1, 8), (1, 8), (1, 8), (2, 4)):
        dynamics = drawn(rng, users)
        world = small(dynamics, grain)
        together = world.decided(Together(world))
        prices = np.append(np.geomspace(0.5 * dynamics.server_waiting_weight, dynamics.network.dearest, 30), 0.0)
        bounds = np.array([bound(dynamics, float(price), CELLS) for price in prices])
        over = max(over, excess(bounds, together))
        gaps.append(1.0 - bounds.max() / together)
    gap = float(max(gaps))
    return all_of(
        Outcome(
            over,
            ITERATED,
            f"4 networks of one device and one of two, 31 prices: L is above the cost of the exact joint program by "
            f"{scientific(over)}",
        ),
        Outcome(
            gap, 0.06, f"its best price leaves open {gap:.1%} at most, of so few devices and of parts of a task", limit="6%"
        ),
    )


# ---------------------------------------------------------------------- 11: where the price lies, and who pays it

Margins = Callable[[World], Array]
Best = Callable[[QueueDynamics], Price]


def margins(world: World) -> Array:
    """Return what a grain more at the server costs at best, per task, by all queues but the longest of the server."""
    found = discounted_values(Together(world), world.dynamics.discount, tolerance=ITERATED)
    value = -found.lower.reshape(world.sizes)
    return np.asarray(np.diff(value, axis=-1) / world.step)


def best_price(dynamics: QueueDynamics) -> Price:
    """Return the price whose bound is greatest, and that bound."""
    return dynamics.network.price


def simulated(dynamics: QueueDynamics, policy: str, rng: Generator) -> tuple[float, float]:
    """Return what a policy costs from empty queues, less luck whose mean is 0, and its standard error."""
    path = dynamics.stream(rng, BLOCKS, LANES)
    found = rollout(dynamics, path, policy_of(dynamics, policy), rng)
    control = dynamics.control_variate()
    assert control is not None
    cost = -(dynamics.discount ** np.arange(BLOCKS)) @ (found.reward - luck(control, path, found))
    return float(cost.mean()), float(cost.std(ddof=1) / np.sqrt(LANES))


def check_price(rng: Generator, margin: Margins = margins, best: Best = best_price) -> Outcome:
    """A task at the server costs from w1 to w1/(1 - gamma), no price proves more than the best, and who pays it is near."""
    outside, better = 0.0, 0.0
    for _ in range(4):
        dynamics = drawn(rng)
        costs, waiting, dearest = margin(small(dynamics)), dynamics.server_waiting_weight, dynamics.network.dearest
        outside = max(outside, excess(waiting, costs.min()), excess(costs.max(), dearest))
        found = sum_of_parts(dynamics, best(dynamics).price, 128)
        tried = [sum_of_parts(dynamics, float(price), 128) for price in np.geomspace(0.5 * waiting, dearest, 40)]
        better = max(better, excess(max(tried), found))
    many = QueueDynamics(users=6, mean_snr=10.0 ** rng.uniform(3.0, 4.5, 6), arrivals=CAUSAL)
    proved = best(many).bound
    costs_of = {name: simulated(many, name, rng) for name in ("priced", "decomposed", "local")}
    under = max(excess(proved, cost + ERRORS * error) for cost, error in costs_of.values())
    more = costs_of["priced"][0] / proved - 1.0
    return all_of(
        Outcome(
            outside,
            10.0 * ITERATED,
            f"a task more at the server, in all states of 4 joint programs, costs less than w₁ or more than w₁/(1 − γ) by "
            f"{scientific(outside)}",
        ),
        Outcome(better, SEARCHED, f"of 40 other prices none proves more than the one found, but for {scientific(better)}"),
        Outcome(
            under,
            0.0,
            f"three policies of 6 devices, 16 simulated networks: below the bound by more than 6 errors by "
            f"{scientific(under)}",
            limit="never",
        ),
        Outcome(
            more,
            1e-3,
            f"devices that pay the price cost {more:.3%} more than the bound that no policy undercuts",
            limit="0.1%",
        ),
    )


# ---------------------------------------------------------------------- 12: why to decide alone loses

Lost = Callable[[World, Array], Losses]


def check_alone(rng: Generator, lost: Lost = World.losses) -> Outcome:
    """To decide alone loses nothing where tasks wait at the server for nothing; elsewhere it does, and less with a price."""
    free = max(abs(lost(small(drawn(rng, waiting=0.0)), np.empty(0)).loss) for _ in range(4))
    alone, priced = [], []
    for _ in range(6):
        dynamics = drawn(rng)
        ways = dynamics.server_waiting_weight * np.array([dynamics.discount, 1.2, 2.0, 4.0])
        found = lost(small(dynamics), ways)
        alone.append(found.loss)
        priced.append(found.priced_loss)
    least, rest = min(alone), float(np.sum(priced) / max(np.sum(alone), ITERATED))
    return all_of(
        Outcome(
            free,
            ITERATED,
            f"4 worlds in which tasks wait at the server for nothing: to decide alone loses {scientific(free)}",
        ),
        Outcome(
            -least,
            -1e-5,
            f"6 worlds in which they do not: to decide alone loses {least:.3%} to {max(alone):.2%}",
            limit="at least 0.001%",
        ),
        Outcome(rest, 0.5, f"of that the best of 4 prices leaves {rest:.0%}", limit="at most half"),
    )
