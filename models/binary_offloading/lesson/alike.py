"""The check of the lesson on binary offloading that is about users nearly alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from mecopt.lesson import Outcome
from mecopt.models.binary_offloading.problem import BinaryOffloading
from mecopt.search.lesson_counts import Counted, Searched, counted_bound, counting, near, nodes_needed


def alike(rng: Generator, users: int, spread: float) -> BinaryOffloading:
    """Draw four instances whose users differ by `spread`, and all of whom tie at one price, at which half of them fit.

    With one price for all, L = u + 2 s for everyone, so that a decision differs from the others by its load alone.
    """
    size = near(rng, 12.0, users, spread)
    drawn = BinaryOffloading(data_size=size, upload_rate=near(rng, 2.5, users, spread), capacity=users * np.sqrt(4.5))
    _, upload, compute = drawn.terms()
    return replace(drawn, local_rate=4.0 * size / (upload + 2.0 * np.sqrt(compute)))


def check_counts(rng: Generator, counted: Counted = counted_bound, searched: Searched = nodes_needed) -> Outcome:
    """Bounds of counts hold, lack what is of second order, and prove users nearly alike."""
    seed = int(rng.integers(2**32))
    return counting(lambda users, spread: alike(np.random.default_rng(seed), users, spread), counted, searched)
