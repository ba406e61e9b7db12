"""The check of the lesson on priced power that is about users nearly alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from mecopt.lesson import Outcome
from mecopt.models.priced_power.allocation import offloading_costs, whole_price
from mecopt.models.priced_power.problem import PricedPower
from mecopt.search.lesson_counts import Counted, Searched, counted_bound, counting, near, nodes_needed


def alike(rng: Generator, users: int, spread: float) -> PricedPower:
    """Draw four instances whose users differ by `spread`, and all of whom tie at one price, at which half of them fit."""
    half = np.tile((np.arange(users) < users // 2).astype(np.int8), (4, 1))
    equal = PricedPower(channel_gain=np.full((4, users), 4e-7), energy_price=0.5, interference_limit=1e-10 * users)
    dual = equal.closed_form(half)[1]
    channel_gain, interference = near(rng, 4e-7, users, spread), near(rng, 4e-9, users, spread)
    drawn = replace(
        equal, channel_gain=channel_gain, interference_gain=interference, data_size=near(rng, 8e5, users, spread)
    )
    price = whole_price(drawn, half, dual)
    return replace(drawn, local_cost=offloading_costs(drawn, np.ones_like(half), price))


def check_counts(rng: Generator, counted: Counted = counted_bound, searched: Searched = nodes_needed) -> Outcome:
    """Bounds of counts hold, lack what is of second order, and prove users nearly alike."""
    seed = int(rng.integers(2**32))
    return counting(lambda users, spread: alike(np.random.default_rng(seed), users, spread), counted, searched)
