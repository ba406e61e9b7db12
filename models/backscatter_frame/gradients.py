r"""How energy and allocation change with the data: envelope theorem, and the linear system of the limits that bind.

Work, energy and capacity prices :math:`\omega, \lambda, \xi` imply the multipliers of all other limits: with
:math:`\eta = \lambda + \xi` those of the passive rate, :math:`(\omega - \phi_o)^+`, of the processor,
:math:`(\omega - \eta\phi)^+`, of unserved work, :math:`(\omega - K)^+`, of the kept energy, :math:`(v - \lambda)^+`, and of
the slot what a second more of the carrier or of sending would save,

.. math::
    \sigma_i = \max\Big(0,\ (\omega_i - \phi_o)^+ r_i + \sum_j \lambda_j G_{ji} - p - p_{br},\
    \eta_i \kappa_i (\rho \ln 2\, 2^\rho - 2^\rho + 1) - \eta_i p_o - p_{ar}\Big), \qquad
    \rho = \frac{l_a}{B\, t_a} .

Beams are data. Users meet in what they harvest, so the allocation's derivative takes the inverse of a frame's conditions;
see `mecopt.models.backscatter_frame.active_set`. Where slots divide their work among ways that cost the same, an allocation
is one of many and no function of the data: there is no inverse, and a gradient that asks for it is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mecopt.kernels.implicit import Conditions, safe
from mecopt.models.backscatter_frame import stationarity
from mecopt.models.backscatter_frame.active_set import of_answers

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame
    from mecopt.models.backscatter_frame.variables import FrameAllocation, FramePrices

DIFFERENTIABLE = (
    "channel",
    "workload",
    "battery",
    "battery_capacity",
    "bandwidth",
    "slot",
    "noise_power",
    "carrier_power",
    "active_receive_power",
    "passive_receive_power",
    "server_energy",
    "reflection",
    "harvesting_efficiency",
    "circuit_power",
    "compute_energy",
    "compute_rate",
    "unserved_price",
    "battery_price",
)

REASONS = ("the limits that bind leave its allocation open, as where ways cost the same, or are too close to be told",)

USED = 1e-6
"""Part of a slot above which a way of computing is used."""

DECISION_AXES = 2
"""Of one decision: users, and antennas of one beam after the other."""


def conditions(xp: Any, f: Any, decision: Any, allocation: Any, dual: Any) -> Conditions:
    """Return the Lagrangian of frames; see `mecopt.kernels.implicit`."""
    a = allocation
    nothing = xp.zeros_like(a.active_time)
    work, energy, capacity = (xp.maximum(p, nothing) for p in (dual.work_price, dual.energy_price, dual.capacity_price))
    spent = energy + capacity
    rate, harvest, strength = _links(xp, f, decision)

    sends = (a.active_time > 0.0) & (a.active_bits > 0.0) & (f.mode != 2.0) & (strength > 0.0)
    noise = f.noise_power / safe(xp, sends, strength)
    time = safe(xp, sends, a.active_time)
    exponent = math.log(2.0) * a.active_bits / (f.bandwidth * time)
    sending = xp.where(sends, noise * time * xp.expm1(safe(xp, sends, exponent, 0.0)), nothing)
    needed = sending + f.circuit_power * a.active_time + f.compute_energy * a.local_bits
    fed = xp.sum(harvest * a.passive_time[..., None, :], axis=-1)

    reflecting = xp.maximum(work - f.server_energy, nothing)
    computing = xp.maximum(work - spent * f.compute_energy, nothing)
    unserved = xp.maximum(work - f.unserved_price, nothing)
    keeping = xp.maximum(f.battery_price - energy, nothing)
    lit = reflecting * rate + xp.sum(energy[..., :, None] * harvest, axis=-2) - f.carrier_power - f.passive_receive_power
    growth = exponent * xp.exp(safe(xp, sends, exponent, 0.0)) - xp.expm1(safe(xp, sends, exponent, 0.0))
    # what an interior point leaves of a way that is not used says nothing of the slot's price
    lit = xp.where(a.passive_time > USED * f.slot, lit, nothing)
    sent = xp.where(
        sends & (a.active_time > USED * f.slot), spent * (noise * growth - f.circuit_power) - f.active_receive_power, nothing
    )
    second = xp.maximum(xp.maximum(lit, sent), nothing)
    multipliers = [_constant(xp, one) for one in (reflecting, computing, unserved, keeping, second)]
    reflecting, computing, unserved, keeping, second = multipliers

    served = a.active_bits + a.passive_bits + a.local_bits + a.unserved_bits
    cost = (
        (f.carrier_power + f.passive_receive_power) * a.passive_time
        + f.active_receive_power * a.active_time
        + f.server_energy * (a.active_bits + a.passive_bits)
        + f.unserved_price * a.unserved_bits
        - f.battery_price * a.kept_energy
    )
    limits = (
        work * (f.workload - served)
        + spent * (needed - a.spent_energy)
        + energy * (a.spent_energy + a.kept_energy - f.battery - fed)
        + capacity * (a.spent_energy - f.battery_capacity)
        + reflecting * (a.passive_bits - rate * a.passive_time)
        + computing * (a.local_bits - f.compute_rate * f.slot)
        + unserved * (a.unserved_bits - f.workload)
        + keeping * (a.kept_energy - f.battery_capacity)
        + second * (a.active_time + a.passive_time - f.slot)
    )
    kinks = {"what binds is about to change, or somebody has no work": dual.just > 0.0}
    return Conditions(xp.sum(cost + limits, axis=-1), _moved(xp, f, dual, rate, harvest, strength), kinks)


def _moved(xp: Any, f: Any, dual: Any, rate: Any, harvest: Any, strength: Any) -> dict[str, Any]:
    """Return the variables after a step of Newton's method on the conditions of the limits that bind."""
    bits, carrier = f.bandwidth * f.slot, (f.carrier_power + f.passive_receive_power) * f.slot
    linked, like = (strength > 0.0) & (f.mode != 2.0), xp.zeros_like(strength + f.workload)
    t = stationarity.Terms(
        f.workload / bits,
        rate / f.bandwidth,
        harvest * f.slot[..., None] / f.battery_capacity[..., :, None],
        xp.where(linked, f.noise_power / safe(xp, linked, strength) * f.slot / f.battery_capacity, like + 1.0),
        f.battery / f.battery_capacity,
        f.compute_rate / f.bandwidth,
        f.circuit_power * f.slot / f.battery_capacity,
        f.compute_energy * bits / f.battery_capacity,
        f.active_receive_power * f.slot / carrier,
        f.server_energy * bits / carrier,
        xp.ones_like(carrier),
        f.unserved_price * bits / carrier,
    )
    point = [dual.point[..., k, :] for k in range(stationarity.VARIABLES)]
    prices = [dual.limit_prices[..., k, :] for k in range(stationarity.LIMITS)]
    worth = f.battery_price * f.battery_capacity / carrier
    prices[stationarity.BRIM] = xp.where(dual.full > 0.0, prices[stationarity.BRIM], worth + like)
    left = stationarity.conditions(xp, t, point, prices, point[stationarity.ACTIVE_BITS] > 0.0)
    residual = xp.concat([part + like for one in left for part in one], axis=-1)
    change = xp.reshape(xp.sum(dual.inverse * residual[..., None, :], axis=-1), dual.point.shape)
    point = [point[k] - change[..., k, :] for k in range(stationarity.VARIABLES)]
    energy, _, _ = stationarity.spent(xp, t, point, dual.point[..., stationarity.ACTIVE_BITS, :] > 0.0)
    fed = stationarity.harvested(xp, t, point)
    kept = xp.where(dual.full > 0.0, xp.ones_like(fed), t.energy + fed - energy)
    sent, local, reflected = (
        point[k] * bits for k in (stationarity.ACTIVE_BITS, stationarity.LOCAL, stationarity.PASSIVE_BITS)
    )
    return {
        "active_time": point[stationarity.ACTIVE_TIME] * f.slot,
        "passive_time": point[stationarity.PASSIVE_TIME] * f.slot,
        "active_bits": sent,
        "passive_bits": reflected,
        "local_bits": local,
        "unserved_bits": f.workload - (sent + local + reflected),
        "spent_energy": energy * f.battery_capacity,
        "harvested_energy": fed * f.battery_capacity,
        "kept_energy": kept * f.battery_capacity,
    }


def further(sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Return the own axes of what `implicit` finds."""
    users, n = sizes["users"], stationarity.VARIABLES
    limits = stationarity.LIMITS
    return {
        "point": (n, users),
        "limit_prices": (limits, users),
        "inverse": (n * users, (n + limits) * users),
        "full": (users,),
        "just": (),
    }


def implicit(
    problem: BackscatterFrame, decision: Any, allocation: FrameAllocation, dual: FramePrices
) -> tuple[Any, Any, dict[str, Any]]:
    """Return whether value and allocation have gradients, and of the latter what their conditions need."""
    found, good, just = of_answers(problem, decision, allocation, dual)
    return 0, np.where(good, 0, 1), {**found, "just": just.astype(float)}


def _constant(xp: Any, value: Any) -> Any:
    """Return a multiplier as the number that it is."""
    return value.detach() if hasattr(value, "detach") else value


def _links(xp: Any, f: Any, decision: Any) -> tuple[Any, Any, Any]:
    """Return passive rates, harvested powers ``[..., j, i]`` and strengths of channels; see `terms.links`."""
    antennas, users = f.channel.shape[-1], f.channel.shape[-2]
    beams = xp.reshape(decision, (*decision.shape[:-1], -1, antennas))
    product = xp.sum(xp.conj(f.channel)[..., :, None, None, :] * beams[..., None, :, :, :], axis=-1)
    gains = xp.real(product) ** 2 + xp.imag(product) ** 2
    strength = xp.sum(xp.real(f.channel) ** 2 + xp.imag(f.channel) ** 2, axis=-1)
    same = xp.eye(users, dtype=strength.dtype)
    own = xp.sum(gains * same[..., None], axis=-2)
    received = xp.where(f.passive_noise == 1.0, xp.ones_like(strength), strength)
    gain = f.carrier_power * f.reflection**2 * received / f.noise_power
    shannon = xp.mean(xp.log1p(gain[..., None] * own), axis=-1) / math.log(2.0)
    rate = xp.where(f.mode == 0.0, f.bandwidth * shannon, xp.zeros_like(shannon))
    numbers = xp.arange(users)
    earlier = (numbers[:, None] > numbers[None, :]) | (f.harvesting[..., None] == 0.0)
    other = earlier & (numbers[:, None] != numbers[None, :])
    power = f.harvesting_efficiency[..., None] * f.carrier_power[..., None] * xp.mean(gains, axis=-1)
    return rate, xp.where(other, power, xp.zeros_like(power)), strength
