r"""Devices that offload given parts of a task: what their pieces cost, and the best of them; for baselines.

Of s tasks that leave the device offloads y, one of some parts, and computes s - y. Of no task nothing is offloaded. What the
radio does not carry is cut to what it does, or not offered at all (``whole``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.kernels.arrays import plain

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
    from mecopt.models.inference_queue.compiled.fixed import costs_of

    given = (plain(one, np.float64) for one in (row, snr_per_watt, parts))
    return np.asarray(costs_of(*given, pieces, whole))


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
    from mecopt.models.inference_queue.compiled.fixed import pieces_of

    shape, options = snr_per_watt.shape, parts.shape[-1]
    flat = [plain(np.broadcast_to(one, shape), np.float64).reshape(-1) for one in (snr_per_watt, backlog, arrivals)]
    given = plain(parts, np.float64).reshape(-1, options)
    found = pieces_of(plain(rows, np.float64), *flat, plain(values, np.float64), given, whole, drain)
    leaving, local, offloaded = (part.reshape(shape) for part in found)
    return leaving, local, offloaded
