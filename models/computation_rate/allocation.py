r"""The mode is fixed: the time price, SLSQP, and the exponential-cone program, all on scaled data.

Times are fractions of the frame already; rates are divided by a characteristic one, because in bit/s conic solvers fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.conic import ConicModel, Program
from mecopt.backends.slsqp import SmoothProgram
from mecopt.contract.backend import ClosedForm
from mecopt.contract.derived import of_data, shared
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Variables
from mecopt.contract.scaling import characteristic
from mecopt.kernels.arrays import plain
from mecopt.models.computation_rate.variables import FrameTimes, TimePrice

if TYPE_CHECKING:
    from mecopt.models.computation_rate.problem import ComputationRate

Array = NDArray[Any]

Allocated = tuple[FrameTimes, TimePrice]

LEAST_RATIO = 1e-200
"""Price over worth that stands for a price of 0, at which transmitting would take all time."""


def earning(gain: Array, worth: Array, price: Array) -> Array:
    """Return C = w e g / (1 + z): what a user earns per unit of harvesting time at a time price."""
    from mecopt.kernels.lambert import log_ratios

    return np.asarray(worth * gain * np.exp(-log_ratios(price / worth)))


def response(problem: ComputationRate, decision: Array, price: Array) -> FrameTimes:
    """Return the times that answer a time price, the frame filled; at the mode's own price they are the best."""
    from mecopt.kernels.lambert import log_ratios

    _, gain, worth = (problem.aligned(part, decision) for part in shared(problem.coefficients))
    with np.errstate(over="ignore"):  # at a huge price nobody transmits
        snr = np.expm1(log_ratios(np.maximum(price[..., None] / worth, LEAST_RATIO)))
    per_harvest = np.where(decision == 1, gain / snr, 0.0)
    harvest = 1.0 / (1.0 + per_harvest.sum(axis=-1))
    return FrameTimes(harvest_time=harvest, offload_time=per_harvest * harvest[..., None])


def peak(local: Array, earned: Array, price: Array) -> Array:
    """Return the maximum over a in [0, 1] of ``price (1 - a) + local a^(1/3) + earned a``."""
    net = price - earned
    inside = 3.0 * net > local
    ratio = np.where(inside, local / (3.0 * np.where(inside, net, 1.0)), 1.0)
    return np.asarray(np.where(inside, price + 2.0 / 3.0 * local * np.sqrt(ratio), local + earned))


@of_data
def rows(problem: ComputationRate) -> tuple[Array, Array, Array]:
    """Return A, g and w e of every instance, shape ``(instances, users)``, for compiled code."""
    shape = (problem.instances, problem.users)
    local, gain, worth = (plain(part.reshape(shape), np.float64) for part in shared(problem.coefficients))
    return local, gain, worth


def blocks(problem: ComputationRate, decision: Array) -> tuple[Array, ...]:
    """Return `rows` and the decisions, shape ``(instances, candidates, users)``, for compiled code."""
    return (*shared(rows, problem), plain(decision.reshape(problem.instances, -1, problem.users), np.int8))


def price_kernel() -> Callable[..., tuple[Array, ...]]:
    """Return the compiled price search."""
    from mecopt.models.computation_rate.fixed_mode import mode_allocations

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


def earners(problem: ComputationRate, decision: Array) -> Array:
    """Return the offloading users who earn anything by it; the others get no time."""
    return np.flatnonzero((decision == 1) & (problem.coefficients().gain > 0))


def _scaled(problem: ComputationRate, decision: Array) -> tuple[Array, float, Array, Array, float]:
    """Return offloading users, the others' local total, gains and worths, rates in the returned unit."""
    users = earners(problem, decision)
    local, gain, worth = problem.coefficients()
    kept = float(np.where(decision == 1, 0.0, local).sum())
    most = worth[users] * np.log1p(gain[users])
    unit = characteristic(np.append(most, kept))
    return users, kept / unit, gain[users], worth[users] / unit, unit


def smooth_program(problem: ComputationRate, decision: Array) -> SmoothProgram:
    """Write one mode for SLSQP: times ``(a, tau)`` under ``a + sum(tau) <= 1``, the rate negated and scaled.

    Where nobody earns by offloading there is nothing to solve: everyone harvests all frame long.
    """
    users, kept, gain, worth, _ = _scaled(problem, decision)
    size = users.size + 1 if users.size else 0

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
        tau = times["offload_time"][users]
        # a harvesting time chosen for none of these users says nothing either
        return np.concatenate([[float(times["harvest_time"]) * (tau != 0).any()], tau])

    def unpack(y: Array) -> Allocated:
        times = _feasible(problem, users, float(y[0]) if y.size else 1.0, y[1:])
        return times, implied_price(problem, decision, times)

    return SmoothProgram(
        function=function,
        gradient=gradient,
        matrix=np.ones((1, size)),
        limit=np.ones(1),
        lower=np.full(size, 1e-9),
        upper=np.ones(size),
        default_start=np.full(size, 1.0 / max(size, 1)),
        pack=pack,
        unpack=unpack,
    )


def _time_unit(gain: Array) -> Array:
    return np.sqrt(gain / (1.0 + gain))


class _Conic(ConicModel):
    r"""``maximise kept root + worth . bits + sure . time`` under the frame: one program per number of offloading users.

    ``root^3 <= a`` is two second-order cones around a named ``square``: ``root^2 <= square`` and ``square^2 <= a root``.
    ``tau ln(1 + g a / tau)`` is an exponential cone, scaled twice. Times and bits of a user count in
    :math:`u = \sqrt{g/(1+g)}`, half of a weak gain each in the cone and in the frame. And the variable is
    ``bits <= tau ln((1 + g a / tau) / (1 + g))``, what remains beyond the rate ``tau ln(1 + g)`` at a signal-to-noise ratio
    of g, so that no coefficient grows with a strong gain: :math:`(1 + g a/\tau)/(1 + g) = (1 - u^2) + u^2 a/\tau`.

    At a price :math:`\nu` with :math:`\sigma = \max(\nu - \sum_i C_i(\nu), A/3)` the frame's multiplier
    :math:`\sigma + \sum_i C_i` and those of `multipliers` are feasible; the dual objective there is `ComputationRate.bound`.

    Measured for channel gains h from 1e-7 to 1 (g from 2e-4 to 2e10), 10 users: SCS needs 100 to 3,000 iterations. With
    h near 1e-8 (g near 1e-6) and nobody local it stops at its limit, FEASIBLE; Clarabel and ECOS do not.
    """

    def shape(self, problem: ComputationRate, decision: Array) -> int | None:
        return int(earners(problem, decision).size) or None

    def build(self, shape: int) -> Program:
        import cvxpy as cp

        kept = cp.Parameter(nonneg=True, name="local")
        names = ("worth", "sure", "unit", "rest")
        worth, sure, unit, rest = (cp.Parameter(shape, nonneg=True, name=name) for name in names)
        harvest, root, square = (cp.Variable(name=name) for name in ("harvest_time", "root", "square"))
        time, bits = (cp.Variable(shape, name=name) for name in ("time", "bits"))
        constraints = {
            "frame": harvest + unit @ time <= 1.0,
            "squared": cp.SOC(square + 1.0, cp.hstack([2.0 * root, square - 1.0])),
            "cubed": cp.SOC(harvest + root, cp.hstack([2.0 * square, harvest - root])),
            "shannon": cp.ExpCone(bits, time, cp.multiply(rest, time) + unit * harvest),
        }
        problem = cp.Problem(cp.Maximize(kept * root + worth @ bits + sure @ time), list(constraints.values()))
        variables = {v.name(): v for v in (harvest, root, square, time, bits)}
        return Program(problem, {p.name(): p for p in (kept, worth, sure, unit, rest)}, variables, constraints)

    def numbers(self, problem: ComputationRate, decision: Array) -> dict[str, Any]:
        _, kept, gain, worth, _ = _scaled(problem, decision)
        unit = _time_unit(gain)
        worth = worth * unit
        return {"local": kept, "worth": worth, "sure": worth * np.log1p(gain), "unit": unit, "rest": 1.0 / (1.0 + gain)}

    def read(
        self, problem: ComputationRate, decision: Array, values: Mapping[str, Any], multipliers: Mapping[str, Any]
    ) -> Allocated:
        users, _, gain, _, unit = _scaled(problem, decision)
        times = _feasible(problem, users, float(values["harvest_time"]), _time_unit(gain) * values["time"])
        return times, TimePrice(time_price=np.asarray(float(np.squeeze(multipliers["frame"])) * unit))

    def point(self, problem: ComputationRate, decision: Array, allocation: FrameTimes) -> dict[str, Array]:
        users, _, gain, _, _ = _scaled(problem, decision)
        harvest, time = allocation.harvest_time, allocation.offload_time[users]
        used, unit, root = time > 0, _time_unit(gain), np.cbrt(harvest)
        bits = np.where(used, time * np.log1p(gain * harvest / np.where(used, time, 1.0)), 0.0) - time * np.log1p(gain)
        return {"harvest_time": harvest, "root": root, "square": root**2, "time": time / unit, "bits": bits / unit}

    def multipliers(self, problem: ComputationRate, decision: Array, dual: TimePrice) -> dict[str, Array]:
        _, kept, gain, worth, unit = _scaled(problem, decision)
        price = np.maximum(dual.time_price, 0.0) / unit
        energy = earning(np.ones_like(worth), worth, price)
        earned = (gain * energy).sum()
        slope = max(price - earned, kept / 3.0)
        frame, half = slope + earned, np.sqrt(slope * kept / 3.0)
        constant = 2.0 / 3.0 * kept * np.sqrt(kept / (3.0 * slope)) if kept > 0 else 0.0
        return {
            "frame": np.asarray(frame),
            "squared": np.array([0.5 * (2.0 * half + constant), -2.0 / 3.0 * kept, 0.5 * (2.0 * half - constant)]),
            "cubed": np.array([0.5 * (slope + kept / 3.0), -half, 0.5 * (slope - kept / 3.0)]),
            "shannon": _time_unit(gain)[:, None]
            * np.stack([-worth, frame - energy - worth * np.log1p(gain), energy * (1.0 + gain)], axis=-1),
        }

    def trivial(self, problem: ComputationRate, decision: Array) -> Allocated:
        times, price = CLOSED_FORM(problem, decision)
        return times, price


CONIC = _Conic()


def cvxpy_problem(problem: ComputationRate, decision: Array) -> Any:
    """Write the inner problem of one mode with times for every user, in Mbit/s."""
    import cvxpy as cp

    if problem.batch_shape or decision.ndim != 1:
        raise InstanceError("to_cvxpy takes a single instance and a single decision; index the batch first")
    users = earners(problem, decision)
    idle = np.setdiff1d(np.arange(problem.users), users)
    local, gain, worth = problem.coefficients()
    harvest = cp.Variable(nonneg=True, name="harvest_time")
    offload = cp.Variable(problem.users, nonneg=True, name="offload_time")
    rate = float(local[decision == 0].sum() / 1e6) * cp.power(harvest, 1 / 3)
    if users.size:
        tau = offload[users]
        rate = rate - (worth[users] / 1e6) @ cp.rel_entr(tau, tau + gain[users] * harvest)
    constraints = [harvest + cp.sum(offload) <= 1.0]
    if idle.size:
        constraints.append(offload[idle] == 0)
    return cp.Problem(cp.Maximize(rate), constraints)
