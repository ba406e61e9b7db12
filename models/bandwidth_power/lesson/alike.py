"""The check of the lesson on bandwidth and power that is about users nearly alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from mecopt.lesson import Outcome
from mecopt.models.bandwidth_power.problem import BandwidthPower
from mecopt.models.bandwidth_power.upload import upload_costs
from mecopt.search.lesson_counts import Counted, Searched, counted_bound, counting, near, nodes_needed


def alike(rng: Generator, users: int, spread: float) -> BandwidthPower:
    """Draw four instances whose users differ by `spread`, and all of whom tie at one price, at which half of them fit."""
    half = np.tile((np.arange(users) < users // 2).astype(np.int8), (4, 1))
    equal = BandwidthPower(channel_gain=np.full((4, users), 1e-7), bandwidth=2e5 * users, energy_budget=0.4)
    price = equal.closed_form(half)[1].bandwidth_price
    channel_gain, data_size = near(rng, 1e-7, users, spread), near(rng, 8e5, users, spread)
    drawn = replace(equal, channel_gain=channel_gain, data_size=data_size)
    terms = drawn.terms()
    uploading = upload_costs(terms.work, terms.reach, terms.ceiling, price[:, None])
    return replace(drawn, local_time=terms.server + uploading)


def check_counts(rng: Generator, counted: Counted = counted_bound, searched: Searched = nodes_needed) -> Outcome:
    """Bounds of counts hold, lack what is of second order, and prove users nearly alike."""
    seed = int(rng.integers(2**32))
    return counting(lambda users, spread: alike(np.random.default_rng(seed), users, spread), counted, searched)
