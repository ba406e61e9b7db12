r"""The mode is fixed: the time price, SLSQP, and the exponential-cone program, all on scaled data.

Times are fractions of the frame already; rates are divided by a characteristic one, because in bit/s conic solvers fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.backend import ClosedForm
from mecopt.backends.conic import ConicModel, Program
from mecopt.backends.slsqp import SmoothProgram
from mecopt.fields import Variables
from mecopt.kernels.arrays import plain
from mecopt.models.computation_rate.variables import FrameTimes, TimePrice
from mecopt.scaling import characteristic
from mecopt.solution import InstanceError

if TYPE_CHECKING:
    from mecopt.models.computation_rate.problem import ComputationRate

Array = NDArray[Any]

Allocated = tuple[FrameTimes, TimePrice]


def earning(gain: Array, worth: Array, price: Array) -> Array:
    """Return C = w e g / (1 + z): what a user earns per unit of harvesting time at a time price."""
    from mecopt.kernels.lambert import log_ratios

    return np.asarray(worth * gain * np.exp(-log_ratios(price / worth)))


def peak(local: Array, earned: Array, price: Array) -> Array:
    """Return the maximum over a in [0, 1] of ``price (1 - a) + local a^(1/3) + earned a``."""
    net = price - earned
    inside = 3.0 * net > local
    ratio = np.where(inside, local / (3.0 * np.where(inside, net, 1.0)), 1.0)
    return np.asarray(np.where(inside, price + 2.0 / 3.0 * local * np.sqrt(ratio), local + earned))


def rows(problem: ComputationRate) -> tuple[Array, Array, Array]:
    """Return A, g and w e of every instance, shape ``(instances, users)``, for compiled code."""
    shape = (problem.instances, problem.users)
    local, gain, worth = (plain(part.reshape(shape), np.float64) for part in problem.coefficients())
    return local, gain, worth


def blocks(problem: ComputationRate, decision: Array) -> tuple[Array, ...]:
    """Return `rows` and the decisions, shape ``(instances, candidates, users)``, for compiled code."""
    return (*rows(problem), plain(decision.reshape(problem.instances, -1, problem.users), np.int8))


def price_kernel() -> Callable[..., tuple[Array, ...]]:
    """Return the compiled price search."""
    from mecopt.models.computation_rate.compiled import mode_allocations

    return mode_allocations


def price_outputs(problem: ComputationRate, decision: Array, raw: tuple[Array, ...]) -> Allocated:
    """Give what the price search returns the shapes of the decisions."""
    harvest, offload, price = raw
    shape = decision.shape[:-1]
    return (
        FrameTimes(harvest_time=harvest.reshape(shape), offload_time=offload.reshape(decision.shape)),
        TimePrice(time_price=price.reshape(shape)),
    )


CLOSED_FORM = ClosedForm(blocks, price_kernel, price_outputs, "dual price by Newton, Lambert W inside, batched")


def _feasible(problem: ComputationRate, users: Array, harvest: float, offload: Array) -> FrameTimes:
    """Turn times that nearly satisfy the frame into times that do."""
    harvest, offload = max(harvest, 0.0), np.maximum(offload, 0.0)
    total = max(harvest + offload.sum(), 1.0)
    time = np.zeros(problem.users)
    time[users] = offload / total
    return FrameTimes(harvest_time=np.asarray(harvest / total), offload_time=time)


def implied_price(problem: ComputationRate, decision: Array, times: FrameTimes) -> TimePrice:
    r"""Return the time price that an allocation suggests, by Euler's theorem.

    The rate is of degree 1/3 in the harvesting time of local users and of degree 1 in the times of offloading ones, so at
    an optimum :math:`\nu = \tfrac13 R_{local} + R_{offload}`.
    """
    local, gain, worth = problem.coefficients()
    used = (decision == 1) & (times.offload_time > 0)
    snr = gain * times.harvest_time / np.where(used, times.offload_time, 1.0)
    offloaded = np.where(used, worth * times.offload_time * np.log1p(snr), 0.0).sum()
    kept = np.where(decision == 1, 0.0, local).sum() * np.cbrt(times.harvest_time)
    return TimePrice(time_price=np.asarray(kept / 3.0 + offloaded))


def _scaled(problem: ComputationRate, decision: Array) -> tuple[Array, float, Array, Array, float]:
    """Return offloading users, their local total, gains and worths, rates in the returned unit."""
    users = np.flatnonzero(decision == 1)
    local, gain, worth = problem.coefficients()
    kept = float(np.where(decision == 1, 0.0, local).sum())
    most = worth[users] * np.log1p(gain[users])
    unit = characteristic(np.append(most, kept))
    return users, kept / unit, gain[users], worth[users] / unit, unit


def smooth_program(problem: ComputationRate, decision: Array) -> SmoothProgram:
    """Write one mode for SLSQP: times ``(a, tau)`` under ``a + sum(tau) <= 1``, the rate negated and scaled."""
    users, kept, gain, worth, _ = _scaled(problem, decision)
    size = users.size + 1

    def function(y: Array) -> float:
        a, tau = y[0], y[1:]
        return -float(kept * np.cbrt(a) + (worth * tau * np.log1p(gain * a / tau)).sum())

    def gradient(y: Array) -> Array:
        a, tau = y[0], y[1:]
        snr = gain * a / tau
        along_tau = worth * (np.log1p(snr) - snr / (1.0 + snr))
        along_a = kept / 3.0 * a ** (-2.0 / 3.0) + (worth * gain / (1.0 + snr)).sum()
        return -np.concatenate([[along_a], along_tau])

    def pack(allocation: Variables) -> Array:
        times = allocation.as_dict()
        tau = np.asarray(times["offload_time"])[users]
        return np.concatenate([[float(times["harvest_time"])], np.where(tau > 0, tau, 1.0 / size)])

    def unpack(y: Array) -> Allocated:
        times = _feasible(problem, users, float(y[0]), y[1:])
        return times, implied_price(problem, decision, times)

    return SmoothProgram(
        function=function,
        gradient=gradient,
        matrix=np.ones((1, size)),
        limit=np.ones(1),
        lower=np.full(size, 1e-9),
        upper=np.ones(size),
        default_start=np.full(size, 1.0 / size),
        pack=pack,
        unpack=unpack,
    )


class _Conic(ConicModel):
    """The exponential-cone form: ``-rel_entr(tau, tau + y)`` with ``y == gain a``, which keeps it DPP."""

    def shape(self, problem: ComputationRate, decision: Array) -> int | None:
        return int((decision == 1).sum()) or None

    def build(self, shape: int) -> Program:
        import cvxpy as cp

        kept = cp.Parameter(nonneg=True, name="local")
        gain = cp.Parameter(shape, nonneg=True, name="gain")
        worth = cp.Parameter(shape, nonneg=True, name="worth")
        harvest = cp.Variable(nonneg=True, name="harvest_time")
        offload = cp.Variable(shape, nonneg=True, name="offload_time")
        received = cp.Variable(shape, name="received")
        frame = harvest + cp.sum(offload) <= 1.0
        rate = kept * cp.power(harvest, 1 / 3) - worth @ cp.rel_entr(offload, offload + received)
        problem = cp.Problem(cp.Maximize(rate), [frame, received == gain * harvest])
        return Program(
            problem,
            {"local": kept, "gain": gain, "worth": worth},
            {"harvest_time": harvest, "offload_time": offload},
            {"frame": frame},
        )

    def numbers(self, problem: ComputationRate, decision: Array) -> dict[str, Any]:
        _, kept, gain, worth, _ = _scaled(problem, decision)
        return {"local": kept, "gain": gain, "worth": worth}

    def read(
        self, problem: ComputationRate, decision: Array, values: Mapping[str, Any], multipliers: Mapping[str, Any]
    ) -> Allocated:
        users, _, _, _, unit = _scaled(problem, decision)
        times = _feasible(problem, users, float(values["harvest_time"]), np.atleast_1d(values["offload_time"]))
        return times, TimePrice(time_price=np.asarray(float(np.squeeze(multipliers["frame"])) * unit))

    def trivial(self, problem: ComputationRate, decision: Array) -> Allocated:
        times, price = CLOSED_FORM(problem, decision)
        return times, price


CONIC = _Conic()


def cvxpy_problem(problem: ComputationRate, decision: Array) -> Any:
    """Write the inner problem of one mode with times for every user, in Mbit/s."""
    import cvxpy as cp

    if problem.batch_shape or decision.ndim != 1:
        raise InstanceError("to_cvxpy takes a single instance and a single decision; index the batch first")
    users = np.flatnonzero(decision == 1)
    idle = np.flatnonzero(decision == 0)
    local, gain, worth = problem.coefficients()
    harvest = cp.Variable(nonneg=True, name="harvest_time")
    offload = cp.Variable(problem.users, nonneg=True, name="offload_time")
    rate = float(local[idle].sum() / 1e6) * cp.power(harvest, 1 / 3)
    if users.size:
        tau = offload[users]
        rate = rate - (worth[users] / 1e6) @ cp.rel_entr(tau, tau + gain[users] * harvest)
    constraints = [harvest + cp.sum(offload) <= 1.0]
    if idle.size:
        constraints.append(offload[idle] == 0)
    return cp.Problem(cp.Maximize(rate), constraints)
