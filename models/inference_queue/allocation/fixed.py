r"""Devices that offload given parts of a task: what their pieces cost, and the best of them; for baselines.

Of s tasks that leave the device offloads y, one of some parts, and computes s - y. Of no task nothing is offloaded. What the
radio does not carry is cut to what it does, or not offered at all (``whole``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.kernels.arrays import plain
from mecopt.kernels.compiled import compiled
from mecopt.models.inference_queue.compiled.batch import value_at
from mecopt.models.inference_queue.compiled.piece import Device, Link, device_of, link_of, sending_cost
from mecopt.models.inference_queue.terms import TOLERATED

Array = NDArray[Any]


def fixed_costs(row: Array, snr_per_watt: Array, parts: ArrayLike, *, pieces: int, whole: bool = False) -> Array:
    """Return what leaving tasks cost a device with the best of the parts, ``(cells, pieces + 1)``; infinite where none can.

    Parameters
    ----------
    row
        constants of the device, ``(5,)``, as `mecopt.models.inference_queue.terms.rows` has them.
    snr_per_watt
        ``(cells,)``.
    parts
        of a task that may be offloaded, ``(options,)``.
    pieces
        the most tasks that leave.
    whole
        whether a part that the radio does not carry is not offered.
    """
    given = (plain(one, np.float64) for one in (row, snr_per_watt, parts))
    return np.asarray(_costs(*given, pieces, whole))


def fixed_pieces(
    rows: Array,
    snr_per_watt: Array,
    backlog: Array,
    values: Array,
    parts: Array,
    *,
    arrivals: ArrayLike = 0.0,
    whole: bool = False,
    drain: bool = False,
) -> tuple[Array, Array, Array]:
    """Return how many tasks leave at best, and what is computed and offloaded of them, ``(..., users)`` each.

    Parameters
    ----------
    rows
        ``(users, 5)``.
    snr_per_watt, backlog, arrivals
        ``(..., users)``.
    values
        discounted value of 0, 1, 2, ... tasks that remain, ``(users, M)``.
    parts
        ``(..., users, options)``.
    whole
        as in `fixed_costs`.
    drain
        whether as many tasks leave as can, whatever they are worth.
    """
    shape, options = snr_per_watt.shape, parts.shape[-1]
    flat = [plain(np.broadcast_to(one, shape), np.float64).reshape(-1) for one in (snr_per_watt, backlog, arrivals)]
    given = plain(parts, np.float64).reshape(-1, options)
    found = _pieces(plain(rows, np.float64), *flat, plain(values, np.float64), given, whole, drain)
    leaving, local, offloaded = (part.reshape(shape) for part in found)
    return leaving, local, offloaded


@compiled
def _part(device: Device, link: Link, tasks: int, part: float, whole: bool) -> float:
    """Return what is offloaded of so many tasks; -1 where this part is not offered, or the rest is too much to compute."""
    if tasks == 0:
        return 0.0
    if whole and part > link.most:
        return -1.0
    sent = min(part, link.most)
    return sent if tasks - sent <= device.most_local * (1.0 + TOLERATED) else -1.0


@compiled
def _cost(device: Device, link: Link, tasks: int, sent: float) -> float:
    local = tasks - sent
    return device.cube * local * local * local + sending_cost(device, link, sent)


@compiled
def _costs(row: Array, snr: Array, parts: Array, pieces: int, whole: bool) -> Array:
    device = device_of(row)
    costs = np.full((snr.size, pieces + 1), np.inf)
    for i in range(snr.size):
        link = link_of(device, snr[i], 0.0)
        for s in range(pieces + 1):
            for part in parts:
                sent = _part(device, link, s, part, whole)
                if sent >= 0.0:
                    costs[i, s] = min(costs[i, s], _cost(device, link, s, sent))
    return costs


@compiled
def _pieces(
    rows: Array, snr: Array, backlog: Array, arrivals: Array, values: Array, parts: Array, whole: bool, drain: bool
) -> tuple[Array, Array, Array]:
    leaving, local, offloaded = np.zeros(snr.size), np.zeros(snr.size), np.zeros(snr.size)
    for i in range(snr.size):
        device = device_of(rows[i % rows.shape[0]])
        link = link_of(device, snr[i], 0.0)
        most = int(min(backlog[i], np.floor((device.most_local + link.most) * (1.0 + TOLERATED))))
        best = np.inf
        for s in range(most, -1, -1):
            worth = value_at(values[i % values.shape[0]], backlog[i] - s + arrivals[i])[0]
            for part in parts[i]:
                sent = _part(device, link, s, part, whole)
                if sent < 0.0:
                    continue
                total = _cost(device, link, s, sent) + worth
                if total < best:
                    best = total
                    leaving[i], local[i], offloaded[i] = s, s - sent, sent
            if drain and best < np.inf:
                break
    return leaving, local, offloaded
