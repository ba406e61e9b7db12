"""The test of Theorem 1: one and two devices decided together, each for itself, and each for itself with a price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.evaluation.measurements import Row
from mecopt.learners.paper_002.names import DEVICES, ENERGY, LOSS, MOST_LOSS, PRICE, PRICED_LOSS, WAITING, weighted
from mecopt.models.inference_queue.dynamics.joint import World
from mecopt.models.inference_queue.dynamics.steps import CAUSAL, QueueDynamics

Array = NDArray[Any]

SNR = 10.0**3.5
"""Average of both devices, 35 dB(1/W), near the disc's median."""
PRICES, QUICK_PRICES = 7, 1
"""Tried between their ends."""
LONG = 32
"""Tasks of the server's grid where it processes less than comes, since waiting for ever costs less: they pile up."""
BRIEF: Mapping[str, Any] = {"cells": 2, "grain": 2, "longest": 3, "server_longest": 2}
"""World of a quick run."""


def losses(quick: bool) -> Iterable[Row]:
    """Return what is lost over all weights."""
    for users in DEVICES:
        for waiting in WAITING:
            for energy in ENERGY:
                dynamics = network(users, waiting, energy)
                piles_up = energy is not None and 0.0 < waiting < 0.2
                whole: Mapping[str, Any] = {"server_longest": LONG} if piles_up else {}
                world = World(dynamics, **BRIEF if quick else whole)
                found = world.losses(prices(waiting, dynamics.discount, QUICK_PRICES if quick else PRICES))
                name = weighted(users, waiting, energy)
                yield Row(LOSS, found.loss, name)
                yield Row(MOST_LOSS, found.most_loss, name)
                yield Row(PRICED_LOSS, found.priced_loss, name)
                yield Row(PRICE, found.price, name)


def network(users: int, waiting: float, energy: float | None) -> QueueDynamics:
    """Return one or two devices and a server with its weights."""

    def of(**more: Any) -> QueueDynamics:
        return QueueDynamics(None, users=users, mean_snr=SNR, arrivals=CAUSAL, server_waiting_weight=waiting, **more)

    return of() if energy is None else of(server_energy_weight=energy / of(server_energy_weight=1.0).server_cube)


def prices(waiting: float, discount: float, count: int) -> Array:
    """Return prices per task, as devices pay them: from half of what a task costs that waits once to what one for ever does.

    Among them is that of a task that is processed for nothing as soon as it comes, which waits once, a block later.
    """
    if waiting == 0.0:
        return np.empty(0)
    return np.append(np.geomspace(0.5 * waiting, waiting / (1.0 - discount), count), discount * waiting)
