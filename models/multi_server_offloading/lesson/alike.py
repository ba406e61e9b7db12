"""The check of the lesson on many servers that is about users nearly alike: bounds of counts, and what they prove."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import Outcome, all_of, enumerated, excess, scientific
from mecopt.models.multi_server_offloading.problem import MultiServerOffloading
from mecopt.search.lesson_counts import ENOUGH, SQUARE, near, nodes_needed

Array = NDArray[Any]

Counted = Callable[[MultiServerOffloading, Array], float]
"""From an instance and how many users each choice takes to a bound on all such decisions."""
Searched = Callable[[Any], Array]

FEW, MANY = 5, 20
"""Users of instances that are enumerated, and of those that are searched."""


def alike(rng: Generator, users: int, servers: int, spread: float) -> MultiServerOffloading:
    """Draw four instances whose users differ by `spread`, on servers that are equal."""
    gain = near(rng, 1e-8, users, spread)[..., None] * np.ones(servers)
    task = {"workload": near(rng, 1e9, users, spread), "data_size": near(rng, 4e5, users, spread)}
    local = near(rng, 3e8, users, spread)
    return MultiServerOffloading(channel_gain=gain, **task, local_speed=local, server_speed=np.full(servers, 1.3e8 * users))


def counted_bound(problem: MultiServerOffloading, counts: Array) -> float:
    """Return the bound at the best prices for decisions with these counts, as the exact search computes it."""
    from mecopt.search.server_tree import ServerTree, prepared

    (data,) = prepared(problem.flat().server_terms(), True)
    return ServerTree.counted(data, counts.astype(float), counts.astype(float))


def check_counts(rng: Generator, counted: Counted = counted_bound, searched: Searched = nodes_needed) -> Outcome:
    """Bounds of counts hold, lack what is of second order, and prove users nearly alike."""
    seed = int(rng.integers(2**32))

    def draw(users: int, servers: int, spread: float) -> MultiServerOffloading:
        return alike(np.random.default_rng(seed), users, servers, spread)

    over, left = 0.0, {}
    for spread in (0.0, 1e-1, 1e-2, 1e-3):
        left[spread] = 0.0
        for instance in draw(FEW, 2, spread):
            decisions, values = enumerated(instance)
            taken = (decisions[..., None] == np.arange(3)).sum(axis=-2)
            for counts in np.unique(taken, axis=0):
                least = float(values[(taken == counts).all(axis=-1)].min())
                bound = counted(instance, counts)
                left[spread] = max(left[spread], (least - bound) / least)
                over = max(over, excess(bound, least))
    square = max(left[spread] / spread**2 for spread in (1e-1, 1e-2, 1e-3))
    nodes = float(max(np.max(searched(draw(MANY, servers, s))) for servers in (2, 3) for s in (1e-9, 1e-3, 1e-1)))
    return all_of(
        Outcome(
            over,
            1e-12,
            f"{FEW} users nearly alike on 2 servers, all counts: bounds above the best decision by {scientific(over)}",
        ),
        Outcome(left[0.0], 1e-9, f"equal users, counts fixed: the bound lacks {scientific(left[0.0])} of the best decision"),
        Outcome(
            square,
            SQUARE,
            f"users that differ by 10 %, 1 % and 0.1 %: it lacks {scientific(left[1e-1])}, {scientific(left[1e-2])} and "
            f"{scientific(left[1e-3])}",
            limit="the squares of that",
        ),
        Outcome(
            nodes,
            float(ENOUGH),
            f"{MANY} users on 2 and 3 equal servers that differ by 10⁻⁹, 0.1 % and 10 %: proved within 10⁻⁶ by at most "
            f"{nodes:.0f} nodes",
        ),
    )
