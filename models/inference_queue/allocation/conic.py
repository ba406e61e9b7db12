r"""The splits of one decision as a conic program: second-order cones for the cube, an exponential cone for the power.

Per device with something to divide, :math:`z = z_0 \hat z` and :math:`y = y_0 \hat y`, :math:`z_0` and :math:`y_0` being
the most that can be computed and offloaded of its work, and its power counts as a part of that at :math:`y_0`:

.. math::
    \min \sum A z_0^3\, t + p_0\, g + \lambda y_0\, \hat y \quad\text{s.t.}\quad z_0 \hat z + y_0 \hat y \ge w,\quad
    \hat z^2 \le q,\ q^2 \le t \hat z,\quad e^{L y_0 (\hat y - 1)} \le e^{-L y_0} + (1 - e^{-L y_0})\, g .

With :math:`e^{L y_0 \hat y} \le 1 + (e^{L y_0} - 1)\, g`, whose numbers are a thousand times as large, ECOS and SCS give up
on many. The multiplier of the work is the price of work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.conic import ConicModel, Program
from mecopt.contract.errors import InstanceError
from mecopt.contract.scaling import characteristic
from mecopt.models.inference_queue import terms
from mecopt.models.inference_queue.allocation import service
from mecopt.models.inference_queue.allocation import splits as allocation
from mecopt.models.inference_queue.variables import TaskAllocation, WorkPrice

if TYPE_CHECKING:
    from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]


class Scaled(NamedTuple):
    """The devices with something to divide, in units of what they can do."""

    users: Array
    work: Array
    local: Array
    """z_0."""
    offloaded: Array
    """y_0."""
    limits: tuple[Array, Array]
    """Caps of both in these units, 2 where they cannot bind: a cap at the work itself would take its price."""
    nats: Array
    """L y_0."""
    computing: Array
    """A z_0^3, in units of the cost."""
    sending: Array
    """p_0 = R (exp(L y_0) - 1), in units of the cost."""
    paying: Array
    """lambda y_0, in units of the cost."""
    unit: float


def scaled(problem: InferenceQueue, decision: Array) -> Scaled:
    """Return the parts of one decision of one instance that leave something to divide."""
    rows, price, work = terms.rows(problem), terms.price(problem), allocation.work_of(problem, decision)
    part, least = allocation.limits(problem)[1], allocation.lower(problem, decision)
    most, local = np.minimum(part, work), np.minimum(rows[:, 1], work)
    users = np.flatnonzero((least < most) & (local > 0.0))
    power = allocation.told(problem, decision, most).transmit_power[users]
    work, local, most = work[users], local[users], most[users]
    caps = (np.minimum(rows[users, 1] / local, 2.0), np.minimum(part[users] / most, 2.0))
    computing = rows[users, 0] * local**3
    sending = problem.energy_weight[users] * problem.slot * power
    paying = price[users] * most
    unit = characteristic(computing + sending + paying)
    costs = (computing / unit, sending / unit, paying / unit, float(unit))
    return Scaled(users, work, local, most, caps, rows[users, 2] * most, *costs)


class _Conic(ConicModel):
    """One program per number of devices with something to divide; its cone is scaled so that little power stands for 1."""

    takes_start = False

    def shape(self, problem: InferenceQueue, decision: Array) -> int | None:
        return int(scaled(problem, decision).users.size) or None

    def build(self, shape: int) -> Program:
        import cvxpy as cp

        names = (
            "computing",
            "sending",
            "paying",
            "done",
            "carried",
            "local_cap",
            "offloaded_cap",
            "nats",
            "size",
            "least",
            "grown",
        )
        given = [cp.Parameter(shape, nonneg=True, name=name) for name in names]
        computing, sending, paying, done, carried, local_cap, offloaded_cap, nats, size, least, grown = given
        local, offloaded, square, cube, power = (
            cp.Variable(shape, name=name) for name in ("local", "offloaded", "square", "cube", "power")
        )
        ones = np.ones(shape)
        constraints = {
            "work": cp.multiply(done, local) + cp.multiply(carried, offloaded) >= 1,
            "local_most": local <= local_cap,
            "offloaded_most": offloaded <= offloaded_cap,
            "local_sign": local >= 0,
            "offloaded_sign": offloaded >= 0,
            "square": cp.SOC(square + 1, cp.vstack([2 * local, square - 1])),
            "cube": cp.SOC(cube + local, cp.vstack([2 * square, cube - local])),
            "power": cp.ExpCone(
                cp.multiply(nats, offloaded) - nats, cp.multiply(size, ones), cp.multiply(grown, power) + least
            ),
        }
        problem = cp.Problem(
            cp.Minimize(computing @ cube + sending @ power + paying @ offloaded), list(constraints.values())
        )
        parameters = dict(zip(names, given, strict=True))
        variables = {"local": local, "offloaded": offloaded, "square": square, "cube": cube, "power": power}
        return Program(problem, parameters, variables, constraints)

    def numbers(self, problem: InferenceQueue, decision: Array) -> dict[str, Any]:
        one = scaled(problem, decision)
        size = 1.0 / np.sqrt(np.minimum(one.nats, 1.0))
        return {
            "computing": one.computing,
            "sending": one.sending,
            "paying": one.paying,
            "done": one.local / one.work,
            "carried": one.offloaded / one.work,
            "local_cap": one.limits[0],
            "offloaded_cap": one.limits[1],
            "nats": size * one.nats,
            "size": size,
            "least": size * np.exp(-one.nats),
            "grown": -size * np.expm1(-one.nats),
        }

    def read(
        self, problem: InferenceQueue, decision: Array, values: Mapping[str, Any], multipliers: Mapping[str, Any]
    ) -> tuple[TaskAllocation, WorkPrice]:
        one = scaled(problem, decision)
        best, price = self.trivial(problem, decision)
        offloaded, prices = np.array(best.offloaded), np.array(price.work_price)
        least = allocation.lower(problem, decision)[one.users]
        offloaded[one.users] = np.clip(values["offloaded"] * one.offloaded, least, one.offloaded)
        prices[one.users] = np.ravel(multipliers["work"]) * one.unit / one.work
        return allocation.told(problem, decision, offloaded), WorkPrice(work_price=prices)

    def trivial(self, problem: InferenceQueue, decision: Array) -> tuple[TaskAllocation, WorkPrice]:
        best, price = allocation.CLOSED_FORM(problem, decision)
        return best, price


CONIC = _Conic()


def cvxpy_problem(problem: InferenceQueue, decision: Array) -> Any:
    """Write the splits of one decision, its cost in units of the cost, powers as parts of full power."""
    import cvxpy as cp

    if problem.batch_shape or decision.ndim != 1:
        raise InstanceError("to_cvxpy takes a single instance and a single decision; index the batch first")
    if problem.infeasible(decision):
        raise InstanceError(f"this decision has no allocation: {problem.why_infeasible(decision)}")
    rows, work = terms.rows(problem), allocation.work_of(problem, decision)
    local, offloaded, power = (
        cp.Variable(problem.users, nonneg=True, name=name) for name in ("local_work", "offloaded", "power")
    )
    full = np.where(problem.snr_per_watt > 0.0, problem.snr_per_watt * rows[:, 4], 0.0)
    sending = problem.energy_weight * problem.slot * problem.max_power
    cost = rows[:, 0] @ cp.power(local, 3) + sending @ power + terms.price(problem) @ offloaded
    constraints = [
        local + offloaded == work,
        local <= rows[:, 1],
        offloaded <= 1.0,
        power <= 1.0,
        cp.multiply(rows[:, 2], offloaded) <= cp.log1p(cp.multiply(full, power)),
    ]
    processed = cp.Variable(nonneg=True, name="server_work")
    waits, value = float(problem.server_backlog), float(problem.server_value)
    cost = cost + float(service.cube(problem)) * cp.power(processed, 3) + value * (waits - processed)
    constraints.append(processed <= min(waits, float(service.most(problem))))
    return cp.Problem(cp.Minimize(cost + float(allocation.left_over(problem, decision).sum())), constraints)
