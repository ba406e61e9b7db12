r"""Costs of all pieces of many queues at once: what dynamic programs, rollouts and learners call.

`piece_costs` is :math:`e(s, h; \lambda)` for s = 0, ..., smax, and `best_pieces` the decision that it gives where what
remains has any value:

.. math:: \min_s\; e(s, h; \lambda) + V(m - s + a) .

Both take the constants of devices as rows, ``terms.rows(problem)``, so that no problem is made in a loop.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.decision import MOST_COUNTED
from mecopt.contract.errors import InstanceError
from mecopt.kernels.arrays import plain
from mecopt.models.inference_queue.terms import COLUMNS

Array = NDArray[Any]


COUNTED = (float(MOST_COUNTED), f"numbers from 0 to {MOST_COUNTED:.6g}")
LIMITS = {
    "rows": (np.inf, "numbers >= 0"),
    "snr_per_watt": (np.inf, "numbers >= 0"),
    "started": (np.nextafter(1.0, 0.0), "numbers from 0 on and below 1"),
    "backlog": COUNTED,
    "arrivals": COUNTED,
}
"""The most that is taken of an argument, and what is allowed; others are finite numbers."""


class Pieces(NamedTuple):
    """Of every device and every piece, ``(..., smax + 1)``; infinite and nan where the piece cannot leave in one block."""

    cost: Array
    """e: weighted energy, and the price of what is offloaded."""
    local_work: Array
    """z, in tasks."""
    offloaded: Array
    """y, in tasks."""


class Chosen(NamedTuple):
    """The best piece of every device, ``(...)``; -1, infinite and nan where nothing can be done."""

    leaving: Array
    """s: how many whole tasks leave, as integers."""
    cost: Array
    """e at s."""
    total: Array
    """e at s, and the value of what remains."""
    local_work: Array
    """z, in tasks."""
    offloaded: Array
    """y, in tasks."""


def piece_costs(
    rows: Array,
    snr_per_watt: ArrayLike,
    offload_price: ArrayLike = 0.0,
    *,
    pieces: int,
    started: ArrayLike = 0.0,
) -> Pieces:
    r"""Return e(s, h; lambda) and the best split of every piece s = 0, ..., `pieces`, batched over devices.

    .. math:: e = \min_z w_4 a z^3 + w_4 \tau \frac{\Gamma}{h} (2^{c (s - z)} - 1) + \lambda (s - z)

    Parameters
    ----------
    rows
        constants of the devices, ``(..., 5)``: ``terms.rows(problem)``, or ``(5,)`` for all alike.
    snr_per_watt
        h in 1/W, ``(...)``; a quantile grid of the channel is an axis more, against rows ``(..., 1, 5)``.
    offload_price
        lambda per task, ``(...)`` or a number.
    pieces
        the largest s; what a device cannot do in a block costs infinitely much.
    started
        part of a task beside the whole ones, in [0, 1): of literal queues only.

    Returns
    -------
    Pieces
        of shape ``(..., pieces + 1)``, the leading axes broadcast.

    Raises
    ------
    InstanceError

    Examples
    --------
    >>> from mecopt.models import InferenceQueue
    >>> from mecopt.models.inference_queue.terms import rows
    >>> device = InferenceQueue(snr_per_watt=[1e2], backlog=[3])
    >>> piece_costs(rows(device), [1e2], pieces=2).cost.round(6).tolist()
    [[0.0, 0.220714, 1.721967]]
    """
    from mecopt.models.inference_queue.compiled.batch import piece_tables

    if isinstance(pieces, bool) or not isinstance(pieces, int | np.integer) or pieces < 0:
        raise InstanceError(f"pieces is {pieces!r}; allowed: a whole number >= 0")
    table, shape, (snr, price, begun) = _laid_out(
        rows, {"snr_per_watt": snr_per_watt, "offload_price": offload_price, "started": started}
    )
    found = piece_tables(table, snr, price, begun, int(pieces))
    return Pieces(*(part.reshape(*shape, pieces + 1) for part in found))


def best_pieces(
    rows: Array,
    snr_per_watt: ArrayLike,
    offload_price: ArrayLike,
    backlog: ArrayLike,
    values: ArrayLike,
    *,
    arrivals: ArrayLike = 0.0,
    stays: bool = False,
) -> Chosen:
    """Return how many tasks leave each queue at best where what remains has any value, and how their work is divided.

    Parameters
    ----------
    rows, snr_per_watt, offload_price
        as in `piece_costs`.
    backlog
        m, in tasks, ``(...)``.
    values
        discounted value of 0, 1, 2, ... tasks that remain, at least two finite numbers: ``(M,)`` for all devices, or
        ``(..., M)``, its leading axes those of the result. Beyond the last one it is continued as in its last step.
    arrivals
        a: tasks that come in the block and are known, ``(...)``: the value is that of ``m - s + a``. Where they are not
        known give the expected values, and no arrivals.
    stays
        whether what is offloaded remains in the queue, as equation (1) has it; values may not fall then.

    Raises
    ------
    InstanceError

    Examples
    --------
    >>> from mecopt.models import InferenceQueue
    >>> from mecopt.models.inference_queue.terms import rows
    >>> device = InferenceQueue(snr_per_watt=[1e2], backlog=[3])
    >>> chosen = best_pieces(rows(device), [1e2], 0.0, [3], 3.0 * np.arange(10))
    >>> chosen.leaving.tolist(), chosen.total.round(6).tolist()
    ([2], [4.721967])
    """
    from mecopt.models.inference_queue.compiled.batch import looked_ahead

    table, shape, (snr, price, waiting, coming) = _laid_out(
        rows,
        {"snr_per_watt": snr_per_watt, "offload_price": offload_price, "backlog": backlog, "arrivals": arrivals},
    )
    worth = np.asarray(values, dtype=float)
    if worth.ndim == 0 or worth.shape[-1] < 2 or worth.shape[:-1] != shape[len(shape) - worth.ndim + 1 :]:
        raise InstanceError(f"values has shape {worth.shape}; allowed: (M,) or {(*shape, 'M')}, M at least 2")
    if not np.isfinite(worth).all():
        index = [int(i) for i in np.argwhere(~np.isfinite(worth))[0]]
        raise InstanceError(f"values{index} is {worth[tuple(index)]}; allowed: finite numbers")
    if stays and (np.diff(worth) < 0.0).any():
        raise InstanceError("values fall; allowed where what is offloaded remains: values that do not")
    lines = plain(worth.reshape(-1, worth.shape[-1]), np.float64)
    found = looked_ahead(table, snr, price, waiting, coming, lines, bool(stays))
    return Chosen(*(part.reshape(shape) for part in found))


def _laid_out(rows: Array, given: dict[str, ArrayLike]) -> tuple[Array, tuple[int, ...], list[Array]]:
    """Return rows ``(devices, 5)`` or one for all, the shape of the result, and the numbers given along one axis."""
    table = np.asarray(rows, dtype=float)
    if table.ndim == 0 or table.shape[-1] != COLUMNS:
        raise InstanceError(f"rows has shape {table.shape}; allowed: (..., {COLUMNS}), as terms.rows returns them")
    numbers = {name: np.asarray(value, dtype=float) for name, value in given.items()}
    for name, value in {"rows": table, **numbers}.items():
        most, allowed = LIMITS.get(name, (np.finfo(float).max, "finite numbers >= 0"))
        wrong = ~((value >= 0.0) & (value <= most))
        if wrong.any():
            index = [int(i) for i in np.argwhere(wrong)[0]]
            raise InstanceError(f"{name}{index or ''} is {value[tuple(index)]}; allowed: {allowed}")
    try:
        shape = np.broadcast_shapes(table.shape[:-1], *(value.shape for value in numbers.values()))
    except ValueError:
        shapes = {"rows": table.shape[:-1], **{name: value.shape for name, value in numbers.items()}}
        raise InstanceError(f"shapes do not go together: {shapes}; allowed: devices alike in all, or one for all") from None
    if table.ndim > 1 and table.shape[:-1] != shape[len(shape) - table.ndim + 1 :]:
        table = np.broadcast_to(table, (*shape, COLUMNS))
    flat = [plain(np.broadcast_to(value, shape).reshape(-1), np.float64) for value in numbers.values()]
    return plain(table.reshape(-1, COLUMNS), np.float64), tuple(shape), flat
