r"""How cost and shares change with the data: envelope theorem at the capacity price, and the square-root rule itself.

With :math:`s_i = \sqrt{c_i}` the Lagrangian, least over the rates, is

.. math:: \sum_i (1 - x_i) L_i + x_i (u_i + 2 s_i \sqrt\mu) - \mu F ,

whose derivative at the price is the cost's. It says the same of a relaxed decision, :math:`0 \le x_i \le 1`, with which the
problem is as the paper writes it: :math:`\sum_i (1 - x_i) L_i + x_i u_i + (\sum_i x_i s_i)^2 / F` at the rates
:math:`f_i = F s_i / \sum_k x_k s_k`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.kernels.capacity import square_root_rule
from mecopt.kernels.implicit import Conditions, safe
from mecopt.models.binary_offloading.variables import CapacityPrice, ServerRate

if TYPE_CHECKING:
    from mecopt.models.binary_offloading.problem import BinaryOffloading

Array = NDArray[Any]

DIFFERENTIABLE = (
    "data_size",
    "upload_rate",
    "local_rate",
    "capacity",
    "upload_power",
    "waiting_power",
    "local_power",
    "energy_weight",
)


def conditions(xp: Any, f: Any, decision: Any, allocation: Any, dual: Any) -> Conditions:
    """Return Lagrangian and shares of decisions, whole or relaxed; see `mecopt.kernels.implicit`."""
    part = decision + xp.zeros_like(f.data_size)
    some = f.data_size > 0.0
    away = some & (decision > 0.0)
    local = f.data_size / safe(xp, f.local_rate > 0.0, f.local_rate) * (1.0 + f.energy_weight * f.local_power)
    upload = f.data_size / safe(xp, f.upload_rate > 0.0, f.upload_rate) * (1.0 + f.energy_weight * f.upload_power)
    compute = f.data_size * (1.0 + f.energy_weight * f.waiting_power)
    root = xp.where(some, xp.sqrt(safe(xp, some, compute)), xp.zeros_like(compute))
    price, capacity = dual.capacity_price, f.capacity[..., 0]
    offloaded = upload + 2.0 * xp.sqrt(price)[..., None] * root
    cost = xp.sum((1.0 - part) * local + part * offloaded, axis=-1) - price * capacity
    shares = square_root_rule((part * root) ** 2, capacity).share / safe(xp, away, part)
    vanished = (f.data_size == 0.0) & (decision > 0.0) & (price > 0.0)[..., None]
    kinks = {"it offloads no data, of which the first would cost infinitely much a MB": vanished}
    return Conditions(cost, {"server_rate": shares}, kinks)


def relaxed(problem: BinaryOffloading, part: Array) -> tuple[Array, Array, ServerRate, CapacityPrice]:
    """Return cost, bound, rates and price of relaxed decisions.

    Raises
    ------
    InstanceError
        where a user with data has one choice only.
    """
    local, upload, compute = (problem.aligned(term, part) for term in problem.terms())
    for field, cost in (("local_rate", local), ("upload_rate or capacity", upload)):
        if np.isinf(cost).any():
            index = [int(i) for i in np.argwhere(np.isinf(cost))[0]]
            raise InstanceError(f"{field}{index} is 0: a relaxed decision needs both choices; allowed: numbers > 0")
    root, capacity = np.sqrt(compute), problem.aligned("capacity", part)
    rule = square_root_rule((part * root) ** 2, capacity + np.zeros(part.shape[:-1]))
    rate = np.where(part > 0.0, rule.share / np.where(part > 0.0, part, 1.0), 0.0)
    fixed = ((1.0 - part) * local + part * upload).sum(axis=-1)
    serving = part * np.where(rate > 0.0, compute / np.where(rate > 0.0, rate, 1.0), 0.0)
    bound = fixed + 2.0 * np.sqrt(rule.price) * (part * root).sum(axis=-1) - rule.price * capacity
    return fixed + serving.sum(axis=-1), bound, ServerRate(server_rate=rate), CapacityPrice(capacity_price=rule.price)
