r"""The decision is fixed: the price search, SLSQP on the literal ratios, and the handed-out program, all on scaled data.

In powers the program is not convex, but :math:`u_i = \ln(1 + g_i p_i)` maps each power onto an efficiency one to one and
smoothly, and the program in u is convex. Points that satisfy the KKT conditions are the same in both, so in powers, too,
every one of them is a global optimum: a local solver such as SLSQP needs no reformulation to be right, only the proof does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.slsqp import SmoothProgram
from mecopt.contract.backend import ClosedForm
from mecopt.contract.derived import of_data, shared
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Variables
from mecopt.contract.scaling import characteristic, quotient
from mecopt.kernels.arrays import plain
from mecopt.models.priced_power.variables import InterferencePrice, TransmitPower

if TYPE_CHECKING:
    from mecopt.models.priced_power.problem import PowerCoefficients, PricedPower

Array = NDArray[Any]

Allocated = tuple[TransmitPower, InterferencePrice]

AT_CAP = 1e-6
"""Relative distance from its greatest power within which a user says nothing of the price."""


@of_data
def rows(problem: PricedPower) -> tuple[Array, ...]:
    """Return the coefficients of every instance that compiled code takes, shape ``(instances, users)`` each."""
    c = shared(problem.coefficients)
    shape = (problem.instances, problem.users)
    return tuple(plain(field.reshape(shape), np.float64) for field in (c.local, c.fixed, c.work, c.energy, c.part, c.cap))


def blocks(problem: PricedPower, decision: Array) -> tuple[Array, ...]:
    """Return `rows` and the decisions, shape ``(instances, candidates, users)``, for compiled code."""
    return (*shared(rows, problem), plain(decision.reshape(problem.instances, -1, problem.users), np.int8))


def price_kernel() -> Callable[..., tuple[Array, ...]]:
    """Return the compiled price search."""
    from mecopt.models.priced_power.compiled import decision_efficiencies

    return decision_efficiencies


def price_outputs(problem: PricedPower, decision: Array, raw: tuple[Array, ...]) -> Allocated:
    """Turn efficiencies and the price of the whole limit into powers and a price per watt."""
    efficiency, price = raw
    power = quotient(
        np.expm1(efficiency.reshape(decision.shape)), problem.aligned(shared(problem.coefficients).snr, decision)
    )
    return (
        TransmitPower(transmit_power=feasible(problem, decision, power)),
        InterferencePrice(
            interference_price=quotient(price.reshape(decision.shape[:-1]), problem.aligned("interference_limit", decision))
        ),
    )


CLOSED_FORM = ClosedForm(
    blocks, price_kernel, price_outputs, "interference price by Newton, powers inside, batched", threads=True
)


def feasible(problem: PricedPower, decision: Array, power: Array) -> Array:
    """Return powers of offloading users that keep the interference limit: all are lowered alike where it is exceeded."""
    power = np.where(decision == 1, power, 0.0)
    caused = (problem.aligned("interference_gain", decision) * power).sum(axis=-1)
    limit = problem.aligned("interference_limit", decision)
    with np.errstate(invalid="ignore"):  # nan where the decision is infeasible
        exceeded = caused > limit
    return np.asarray(power * np.where(exceeded, limit / np.where(exceeded, caused, 1.0), 1.0)[..., None])


def whole_price(problem: PricedPower, decision: Array, dual: InterferencePrice) -> Array:
    """Return the price of the whole limit; negative prices count as 0, and so does any price of no limit."""
    limit = problem.aligned("interference_limit", decision)
    bounded = np.isfinite(limit)
    return np.asarray(np.where(bounded, np.maximum(dual.interference_price, 0.0) * np.where(bounded, limit, 1.0), 0.0))


def efficiencies(problem: PricedPower, decision: Array, price: Array) -> Array:
    """Return the efficiency that every user would choose at a price of the whole limit, offloading or not."""
    from mecopt.models.priced_power.compiled import best_efficiencies

    c = aligned_coefficients(problem, decision)
    some = c.work > 0
    best = best_efficiencies(c.energy, price[..., None] * c.part / np.where(some, c.work, 1.0), c.cap)
    return np.asarray(np.where(some, best, 0.0))


def offloading_costs(problem: PricedPower, decision: Array, price: Array) -> Array:
    """Return what every user would pay for offloading at a price of the whole limit; infinite where it cannot.

    Beyond prices whose answer floats can hold it is minus infinity: nothing is proved there.
    """
    from mecopt.models.priced_power.compiled import DEAREST

    c = aligned_coefficients(problem, decision)
    u = efficiencies(problem, decision, price)
    ratio, able = np.expm1(u), c.cap > 0
    with np.errstate(over="ignore", invalid="ignore"):
        dearness = price[..., None] * c.part
        paid = c.fixed + c.work * (1.0 + c.energy * ratio) / np.where(u > 0, u, 1.0) + dearness * ratio
        beyond = (dearness > DEAREST * c.work) | ~np.isfinite(dearness) | ~np.isfinite(paid)
    return np.where(able, np.where(beyond, -np.inf, paid), np.inf)


def aligned_coefficients(problem: PricedPower, decision: Array) -> PowerCoefficients:
    """Return the coefficients with axes of length 1 where the decision has candidates."""
    coefficients = shared(problem.coefficients)
    return type(coefficients)(*(problem.aligned(part, decision) for part in coefficients))


def response(problem: PricedPower, decision: Array, dual: InterferencePrice) -> TransmitPower:
    """Return the powers that answer a price, lowered alike where they exceed the limit."""
    u = efficiencies(problem, decision, whole_price(problem, decision, dual))
    snr = problem.aligned(shared(problem.coefficients).snr, decision)
    return TransmitPower(transmit_power=feasible(problem, decision, quotient(np.expm1(u), snr)))


def implied_price(problem: PricedPower, decision: Array, power: Array) -> InterferencePrice:
    r"""Return the price that powers suggest: the mean of what an offloading user would pay for a little more of the limit.

    With :math:`x = g p` and the cost :math:`\omega (1 + c x)/\ln(1 + x)` that is
    :math:`-\mathrm d\,\mathrm{cost}/\mathrm d(\text{part})`. Users at their greatest power say nothing; where the limit is
    not used up, its price is 0.
    """
    c = problem.coefficients()
    ratio = c.snr * power
    inside = (decision == 1) & (c.part > 0) & (ratio < (1.0 - AT_CAP) * np.expm1(c.cap))
    parts = np.where(decision == 1, c.part * ratio, 0.0)
    if not inside.any() or parts.sum() < 1.0 - AT_CAP:
        return InterferencePrice(interference_price=np.asarray(0.0))
    work, energy, ratio, part = (field[inside] for field in (c.work, c.energy, ratio, c.part))
    u = np.log1p(ratio)
    worth = work / part * (1.0 + energy * ratio - energy * u * (1.0 + ratio)) / ((1.0 + ratio) * u**2)
    mean = max(float(np.average(worth, weights=parts[inside])), 0.0)
    return InterferencePrice(interference_price=np.asarray(mean / problem.interference_limit))


def offloading(problem: PricedPower, decision: Array) -> Array:
    """Return who offloads and has something to upload, of any weight."""
    return np.flatnonzero((decision == 1) & (problem.coefficients().work > 0))


def smooth_program(problem: PricedPower, decision: Array) -> SmoothProgram:
    """Write one decision for SLSQP: powers relative to each user's greatest, the literal ratios, one linear constraint."""
    users = offloading(problem, decision)
    c = problem.coefficients()
    greatest = np.expm1(c.cap[users])
    work, energy = c.work[users], c.energy[users] * greatest
    fastest = work * (1.0 + energy) / c.cap[users]
    unit = characteristic(fastest) * max(users.size, 1)
    work = work / unit

    def function(y: Array) -> float:
        return float((work * (1.0 + energy * y) / np.log1p(greatest * y)).sum())

    def gradient(y: Array) -> Array:
        u = np.log1p(greatest * y)
        return np.asarray(work * (energy / u - (1.0 + energy * y) * greatest / ((1.0 + greatest * y) * u**2)))

    def unpack(y: Array) -> Allocated:
        power = np.zeros(problem.users)
        power[users] = greatest * y / c.snr[users]
        power = feasible(problem, decision, power)
        return TransmitPower(transmit_power=power), implied_price(problem, decision, power)

    parts = (c.part[users] * greatest)[None, :]
    fitting = 1.0 / max(float(parts.sum()), 1.0)
    return SmoothProgram(
        function=function,
        gradient=gradient,
        matrix=parts,
        limit=np.ones(1),
        lower=np.full(users.size, 1e-9 * fitting),
        upper=np.ones(users.size),
        default_start=np.full(users.size, fitting),
        pack=lambda allocation: _packed(allocation, users, c.snr, greatest),
        unpack=unpack,
    )


def _packed(allocation: Variables, users: Array, snr: Array, greatest: Array) -> Array:
    return np.asarray(allocation.as_dict()["transmit_power"][users] * snr[users] / greatest)


def cvxpy_problem(problem: PricedPower, decision: Array) -> Any:
    """Write the inner problem of one decision in the times t = D / r, the cost in s."""
    import cvxpy as cp

    if problem.batch_shape or decision.ndim != 1:
        raise InstanceError("to_cvxpy takes a single instance and a single decision; index the batch first")
    if problem.infeasible(decision):
        raise InstanceError(f"this decision has no allocation: {problem.why_infeasible(decision)}")
    users = offloading(problem, decision)
    idle = np.setdiff1d(np.arange(problem.users), users)
    c = problem.coefficients()
    time, energy, power = (
        cp.Variable(problem.users, nonneg=True, name=name) for name in ("upload_time", "energy", "transmit_power")
    )
    constraints = [power <= problem.max_power]
    budget = np.isfinite(problem.energy_budget)
    if budget.any():
        constraints.append(energy[np.flatnonzero(budget)] <= problem.energy_budget[budget])
    if 0.0 < problem.interference_limit < np.inf:  # at a limit of 0 nobody sends who interferes
        constraints.append((problem.interference_gain / problem.interference_limit) @ power <= 1.0)
    cost = float(np.where(decision == 1, c.fixed, c.local).sum())
    if users.size:
        least = problem.data_size[users] * np.log(2.0) / problem.bandwidth[users]
        snr, t = c.snr[users], time[users]
        constraints += [
            cp.ExpCone(least, t, t + cp.multiply(snr, energy[users])),
            cp.exp(cp.multiply(least, cp.inv_pos(t))) <= 1.0 + cp.multiply(snr, power[users]),
        ]
        cost = cost + problem.weight[users] @ (t + cp.multiply(problem.energy_price[users], energy[users]))
    if idle.size:
        constraints += [variable[idle] == 0 for variable in (time, energy, power)]
    return cp.Problem(cp.Minimize(cost), constraints)
