r"""The square-root capacity rule, unbounded and bounded, on numpy or torch.

The problem, for weights :math:`c_i \ge 0` and a capacity :math:`F > 0`, is

.. math:: \min_f \sum_i c_i / f_i \quad\text{s.t.}\quad \sum_i f_i \le F,\; f \ge 0 .

By Cauchy-Schwarz :math:`(\sum_i \sqrt{c_i})^2 \le \sum_i c_i/f_i \cdot \sum_i f_i`, with equality iff all
:math:`c_i / f_i^2` are equal, so :math:`f_i = F \sqrt{c_i} / \sum_k \sqrt{c_k}`, the value is
:math:`V = (\sum_k \sqrt{c_k})^2 / F` and the shadow price of capacity is :math:`\mu = -dV/dF = V / F`.
A zero weight gets :math:`f_i = 0` and costs nothing.

With bounds :math:`l_i \le f_i \le h_i` the KKT conditions give :math:`f_i = \mathrm{clip}(m \sqrt{c_i}, l_i, h_i)`, where
:math:`m = 1/\sqrt\mu` solves :math:`\sum_i f_i = F`. That sum is piecewise linear and increasing in :math:`m`, so a binary
search over its breakpoints finds the linear piece and one division the exact :math:`m`.

Everything broadcasts over leading axes: instances, candidates and, since servers do not interact, servers (give user `i`
weight 0 on every server but its own). On torch the gradients flow through the closed forms.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from array_api_compat import array_namespace

from mecopt.contract.errors import InstanceError


class Capacity(NamedTuple):
    """An allocation of capacity: shares ``(..., users)``, the value and the shadow price, both ``(...)``."""

    share: Any
    value: Any
    price: Any


def square_root_rule(weight: Any, capacity: Any) -> Capacity:
    """Share a capacity so that the weighted sum of reciprocals is least.

    Parameters
    ----------
    weight
        c, shape ``(..., users)``, not negative.
    capacity
        F, shape ``(...)``, positive.

    Returns
    -------
    Capacity
        ``share`` f, ``value`` V and ``price`` mu = V / F.

    Reference
    ---------
    Paper 003, problem (10) with the decision fixed.

    >>> import numpy as np
    >>> rule = square_root_rule(np.array([1.0, 4.0]), np.array(3.0))
    >>> rule.share.tolist(), float(rule.value), float(rule.price)
    ([1.0, 2.0], 3.0, 1.0)
    """
    xp = array_namespace(weight, capacity)
    positive = weight > 0
    root = xp.where(positive, xp.sqrt(xp.where(positive, weight, xp.ones_like(weight))), xp.zeros_like(weight))
    total = xp.sum(root, axis=-1)
    some = total > 0
    part = root / xp.where(some, total, xp.ones_like(total))[..., None]
    per_capacity = total / capacity
    return Capacity(capacity[..., None] * part, total * per_capacity, per_capacity * per_capacity)


def bounded_square_root_rule(weight: Any, capacity: Any, lower: Any, upper: Any) -> Capacity:
    """Share a capacity between users whose shares have lower and upper bounds.

    Parameters
    ----------
    weight
        c, shape ``(..., users)``, not negative; a user of weight 0 gets its lower bound.
    capacity
        F, shape ``(...)``, positive.
    lower, upper
        bounds with ``0 <= lower <= upper``, shape ``(..., users)``; `upper` may be infinite.

    Returns
    -------
    Capacity
        ``share``, ``value`` (users of weight 0 count 0) and ``price``, which is 0 where all upper bounds fit.

    Raises
    ------
    InstanceError
        if the lower bounds alone exceed the capacity, or a lower bound exceeds its upper one.
    """
    xp = array_namespace(weight, capacity, lower, upper)
    weight, lower, upper, room = xp.broadcast_arrays(weight, lower, upper, capacity[..., None])
    capacity = room[..., 0]
    if bool(xp.any(lower > upper)) or bool(xp.any(lower < 0)):
        raise InstanceError("lower and upper bounds of a share must satisfy 0 <= lower <= upper")
    if bool(xp.any(xp.sum(lower, axis=-1) > capacity * (1 + 8 * xp.finfo(weight.dtype).eps))):
        raise InstanceError("the lower bounds exceed the capacity: no allocation exists")
    some, limited = weight > 0, xp.isfinite(upper)
    zeros, ones, infinite = xp.zeros_like(weight), xp.ones_like(weight), xp.full_like(weight, xp.inf)
    root = xp.where(some, xp.sqrt(xp.where(some, weight, ones)), zeros)
    divisor = xp.where(some, root, ones)
    top = xp.where(limited, upper, zeros)  # finite stand-in: an infinity times a zero gradient would be a nan
    # The multipliers m at which each user leaves its lower and reaches its upper bound; those of weight 0 never do.
    leaves = xp.where(some, lower / divisor, infinite)
    reaches = xp.where(some & limited, top / divisor, infinite)
    slack = xp.all(limited | ~some, axis=-1) & (xp.sum(xp.where(some, top, lower), axis=-1) <= capacity)
    points = xp.sort(xp.concat([leaves, reaches], axis=-1), axis=-1)
    left, right = _active_piece(xp, root, capacity, lower, upper, points)
    inner = xp.where(xp.isfinite(right), 0.5 * (left + right), 2 * left + 1)
    at_upper = some & ((reaches <= inner[..., None]) | slack[..., None])
    free = some & ~at_upper & (leaves <= inner[..., None])
    clamped = xp.where(free, zeros, xp.where(at_upper, top, lower))
    # On its piece the sum is linear in m: one division gives m exactly, and carries the gradient.
    slope = xp.sum(xp.where(free, root, zeros), axis=-1)
    moving = slope > 0
    exact = (capacity - xp.sum(clamped, axis=-1)) / xp.where(moving, slope, xp.ones_like(slope))
    m = xp.where(moving, xp.clip(exact, left, right), inner)
    share = xp.where(free, xp.clip(m[..., None] * root, lower, upper), clamped)
    used = share > 0
    terms = xp.where(used, weight / xp.where(used, share, ones), infinite)
    value = xp.sum(xp.where(some, terms, zeros), axis=-1)
    return Capacity(share, value, xp.where(slack, xp.zeros_like(m), 1.0 / (m * m)))


def _active_piece(xp: Any, root: Any, capacity: Any, lower: Any, upper: Any, points: Any) -> tuple[Any, Any]:
    """Return the ends of the linear piece of ``sum(clip(m root, lower, upper))`` that reaches the capacity.

    `points` are the sorted breakpoints. Binary search for the last one whose sum still fits.
    """
    last = points.shape[-1] - 1

    def point(k: Any) -> Any:
        return xp.take_along_axis(points, xp.clip(k, 0, last)[..., None], axis=-1)[..., 0]

    low, high = xp.full_like(capacity, -1, dtype=xp.int64), xp.full_like(capacity, last + 1, dtype=xp.int64)
    for _ in range((last + 2).bit_length()):
        middle = (low + high) // 2
        m = point(middle)
        finite = xp.isfinite(m)
        m = xp.where(finite, m, xp.zeros_like(m))
        fits = finite & (xp.sum(xp.clip(m[..., None] * root, lower, upper), axis=-1) <= capacity)
        open_ = high - low > 1
        low, high = xp.where(open_ & fits, middle, low), xp.where(open_ & ~fits, middle, high)
    left = xp.where(low < 0, xp.zeros_like(capacity), point(low))
    return left, xp.where(low < last, point(low + 1), xp.full_like(capacity, xp.inf))
