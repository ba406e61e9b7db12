r"""The decision is fixed: the square-root rule, SLSQP, and the conic program, all on scaled data.

The scaled variables are shares of the capacity, :math:`y_i = f_i / F`, and the weights are divided by a characteristic
one, so that no solver sees bytes or hertz.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.sharing import SharingModel
from mecopt.backends.slsqp import SmoothProgram
from mecopt.contract.backend import ClosedForm
from mecopt.contract.derived import shared
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Variables
from mecopt.contract.scaling import characteristic
from mecopt.kernels.arrays import plain
from mecopt.models.binary_offloading.variables import CapacityPrice, ServerRate

if TYPE_CHECKING:
    from mecopt.models.binary_offloading.problem import BinaryOffloading

Array = NDArray[Any]


def rule_inputs(problem: BinaryOffloading, decision: Array) -> tuple[Any, Array]:
    """Return the terms of the one server and the decisions for the compiled rule."""
    return shared(problem.server_terms), plain(decision.reshape(problem.instances, -1, problem.users), np.int8)


def rule_kernel() -> Callable[..., tuple[Array, ...]]:
    """Return the compiled square-root rule."""
    from mecopt.kernels.servers import shares

    return shares


def rule_outputs(problem: BinaryOffloading, decision: Array, raw: tuple[Array, ...]) -> tuple[ServerRate, CapacityPrice]:
    """Give what the rule returns the shapes of the decisions."""
    share, price = raw
    return (
        ServerRate(server_rate=share.reshape(decision.shape)),
        CapacityPrice(capacity_price=price.reshape(decision.shape[:-1])),
    )


CLOSED_FORM = ClosedForm(rule_inputs, rule_kernel, rule_outputs, "the square-root rule, batched")


def equal_split(problem: BinaryOffloading, decision: Array) -> ServerRate:
    """Give every user, local ones too, the same part F/N of the capacity (the paper's ALL_OFFLOAD and CD_AVERAGE)."""
    part = problem.aligned("capacity", decision)[..., None] / problem.users
    return ServerRate(server_rate=np.broadcast_to(part, decision.shape))


def equal_split_cost(problem: BinaryOffloading, decision: Array) -> Array:
    """Return the cost of decisions under the equal split."""
    return problem.objective(decision, equal_split(problem, decision))


def equal_split_moves(problem: BinaryOffloading, decision: Array) -> Array:
    """Return the cost after each single move under the equal split, where users do not affect each other."""
    terms = problem.terms()
    capacity = np.where(problem.capacity > 0, problem.capacity, 1.0)[
        ..., None
    ]  # nothing is offloaded to a server that is off
    both = np.stack([terms.local, terms.upload + terms.compute * (problem.users / capacity)], axis=-1)
    present = np.take_along_axis(both, decision[..., None].astype(int), axis=-1)
    with np.errstate(invalid="ignore"):  # beside a choice that is impossible nothing can be compared
        return np.asarray(equal_split_cost(problem, decision)[..., None, None] + both - present)


def _offloaded(problem: BinaryOffloading, decision: Array) -> Array:
    """Return the indices of the users that share the capacity: offloaded, with something to compute."""
    return np.flatnonzero((decision == 1) & (problem.terms().compute > 0))


def _feasible(problem: BinaryOffloading, users: Array, share: Array) -> tuple[ServerRate, CapacityPrice]:
    """Turn scaled shares into rates within the capacity, and derive the price mu = (sum c/f) / F."""
    share = np.maximum(share, 0.0)
    total = share.sum()
    share = share / max(total, 1.0)
    rate = np.zeros(problem.users)
    rate[users] = share * problem.capacity
    with np.errstate(divide="ignore"):
        value = (problem.terms().compute[users] / rate[users]).sum()
    price = value / problem.capacity if users.size else 0.0
    return ServerRate(server_rate=rate), CapacityPrice(capacity_price=np.asarray(price))


def smooth_program(problem: BinaryOffloading, decision: Array) -> SmoothProgram:
    """Write one instance for SLSQP: minimise the mean of ``weight / share`` under ``sum(share) <= 1``."""
    users = _offloaded(problem, decision)
    count = users.size
    compute = problem.terms().compute[users]
    weight = compute / characteristic(compute) / max(count, 1) ** 2

    def pack(allocation: Variables) -> Array:
        return np.asarray(allocation.as_dict()["server_rate"][users] / problem.capacity)

    return SmoothProgram(
        function=lambda y: float((weight / y).sum()),
        gradient=lambda y: -weight / y**2,
        matrix=np.ones((1, count)),
        limit=np.ones(1),
        lower=np.full(count, 1e-9),
        upper=np.ones(count),
        default_start=np.full(count, 1.0 / max(count, 1)),
        pack=pack,
        unpack=lambda y: _feasible(problem, users, y),
    )


CONIC = SharingModel(
    pack=lambda allocation: allocation.server_rate,
    unpack=lambda _, __, share, price: (ServerRate(server_rate=share), CapacityPrice(capacity_price=price[0])),
    prices=lambda dual: dual.capacity_price,
)


def cvxpy_problem(problem: BinaryOffloading, decision: Array) -> Any:
    """Write the inner problem of one instance, the cost in s, with a share of the capacity for every user."""
    import cvxpy as cp

    if problem.batch_shape or decision.ndim != 1:
        raise InstanceError("to_cvxpy takes a single instance and a single decision; index the batch first")
    if problem.infeasible(decision):
        raise InstanceError(f"this decision has no allocation: {problem.why_infeasible(decision)}")
    users = _offloaded(problem, decision)
    terms = problem.terms()
    share = cp.Variable(problem.users, nonneg=True, name="server_share")
    constant = float(np.where(decision == 1, terms.upload, terms.local).sum())
    idle = np.setdiff1d(np.arange(problem.users), users)
    constraints = [cp.sum(share) <= 1.0]
    if idle.size:
        constraints.append(share[idle] == 0)
    computing = (terms.compute[users] / problem.capacity) @ cp.inv_pos(share[users]) if users.size else 0.0
    return cp.Problem(cp.Minimize(constant + computing), constraints)
