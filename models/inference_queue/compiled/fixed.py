"""Tasks that leave with given parts, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.models.inference_queue.compiled.batch import value_at
from mecopt.models.inference_queue.compiled.piece import Device, Link, device_of, link_of, sending_cost
from mecopt.models.inference_queue.terms import TOLERATED

Array = NDArray[Any]


@compiled
def part_of(device: Device, link: Link, tasks: int, part: float, whole: bool) -> float:
    """Return what is offloaded of so many tasks; -1 where this part is not offered, or the rest is too much to compute."""
    if tasks == 0:
        return 0.0
    if whole and part > link.most:
        return -1.0
    sent = min(part, link.most)
    return sent if tasks - sent <= device.most_local * (1.0 + TOLERATED) else -1.0


@compiled
def cost_of(device: Device, link: Link, tasks: int, sent: float) -> float:
    """Return what tasks cost of which so much is offloaded."""
    local = tasks - sent
    return device.cube * local * local * local + sending_cost(device, link, sent)


@compiled
def costs_of(row: Array, snr: Array, parts: Array, pieces: int, whole: bool) -> Array:
    """Return what every number of tasks costs in every cell with the best of the parts."""
    device = device_of(row)
    costs = np.full((snr.size, pieces + 1), np.inf)
    for i in range(snr.size):
        link = link_of(device, snr[i], 0.0)
        for s in range(pieces + 1):
            for part in parts:
                sent = part_of(device, link, s, part, whole)
                if sent >= 0.0:
                    costs[i, s] = min(costs[i, s], cost_of(device, link, s, sent))
    return costs


@compiled
def pieces_of(
    rows: Array, snr: Array, backlog: Array, arrivals: Array, values: Array, parts: Array, whole: bool, drain: bool
) -> tuple[Array, Array, Array]:
    """Return how many tasks leave at best, and what is computed and offloaded of them."""
    leaving, local, offloaded = np.zeros(snr.size), np.zeros(snr.size), np.zeros(snr.size)
    for i in range(snr.size):
        device = device_of(rows[i % rows.shape[0]])
        link = link_of(device, snr[i], 0.0)
        most = int(min(backlog[i], np.floor((device.most_local + link.most) * (1.0 + TOLERATED))))
        best = np.inf
        for s in range(most, -1, -1):
            worth = value_at(values[i % values.shape[0]], backlog[i] - s + arrivals[i])[0]
            for part in parts[i]:
                sent = part_of(device, link, s, part, whole)
                if sent < 0.0:
                    continue
                total = cost_of(device, link, s, sent) + worth
                if total < best:
                    best = total
                    leaving[i], local[i], offloaded[i] = s, s - sent, sent
            if drain and best < np.inf:
                break
    return leaving, local, offloaded
