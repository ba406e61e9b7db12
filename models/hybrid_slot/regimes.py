r"""The conditions of a slot's division: two unknowns, the local part and the time of what is sent, and two equations.

With :math:`D = L - x` sent in the part :math:`\tau` of the slot at the rate :math:`r = D/\tau` and the power :math:`p(r)`
of the way that is used (reflecting, a radio that sleeps, both by turns, the radio alone) a slot earns and needs

.. math:: G(x, \tau) = \frac{L}{\kappa x + \tau p(D/\tau) + e_0} - m \frac{D}{\tau} - \rho D, \qquad
   C(x, \tau) = \kappa x + \tau p(D/\tau) + H \tau - q - H \le 0 .

The time is all of the slot, :math:`\tau = 1`, or all that the energy allows, :math:`C = 0`. The local part is nothing, all
the processor does, where reflecting ends, :math:`D = r_p \tau`, where both limits of the time meet, or stationary,
:math:`G_x C_\tau = G_\tau C_x` (:math:`G_x = 0` where the time is the slot).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from mecopt.kernels.implicit import safe
from mecopt.models.hybrid_slot.terms import KILO, LITERAL, NANO

IDLE, REFLECTS, SLEEPS, BOTH, RADIO = range(5)
"""Ways of sending: nothing, backscatter alone, a radio at its cheapest rate, both by turns, the radio alone."""
SLOT, ENERGY = range(2)
"""What limits the time."""
NOTHING, MOST, CORNER, MEET, FREE = range(5)
"""What determines the local part."""

COLUMNS = 11
"""Of a regime: way, limit of the time, condition of the local part, both, rate, an inverse's entries, whether at a kink."""


class Terms(NamedTuple):
    """What the mathematics needs of slots of unit length, as in `compiled.Slot`; all ``(..., users)``."""

    work: Any
    harvest: Any
    local_energy: Any
    local_most: Any
    passive_rate: Any
    passive_power: Any
    noise: Any
    """1 without a link."""
    band: Any
    circuit: Any
    floor: Any
    channel_price: Any
    computing_price: Any
    budget: Any


def terms(xp: Any, f: Any, decision: Any) -> Terms:
    """Return the terms of slots from fields that have an axis for users."""
    literal = f.passive_rate == LITERAL
    carrier = xp.where(literal, xp.full_like(f.workload, 1e9), f.carrier_power * NANO + xp.zeros_like(f.workload))
    ratio = f.reflection**2 * f.uplink_gain * f.downlink_gain * carrier / f.noise_power
    return Terms(
        f.workload,
        f.harvesting_efficiency * f.carrier_power * NANO * f.downlink_gain * f.slot,
        f.energy_coefficient * f.cpu_speed**2 * KILO * f.cycles_per_bit,
        f.cpu_speed / (KILO * f.cycles_per_bit) * f.slot,
        f.bandwidth * xp.log1p(ratio) / math.log(2.0) * f.slot,
        f.backscatter_power * f.slot,
        f.noise_power * f.slot / safe(xp, f.uplink_gain > 0.0, f.uplink_gain),
        f.bandwidth * f.slot / math.log(2.0),
        f.circuit_power * f.slot,
        f.energy_floor,
        f.price_weight * f.channel_price / f.slot,
        f.price_weight * f.computing_price,
        f.battery - decision,
    )


def touched(xp: Any, t: Terms, way: Any, nats: Any) -> Any:
    """Return the nats per channel use at which the radio's curve is touched, after a step that moves nothing."""
    used = (way == SLEEPS) | (way == BOTH)
    start, height = first_of_chord(xp, t, way)
    grown = t.noise * xp.exp(nats)
    wide = safe(xp, used, nats - start / t.band)
    residual = t.noise * xp.expm1(nats) + t.circuit - height - grown * wide
    return xp.where(used, nats + residual / (grown * wide), nats)


def first_of_chord(xp: Any, t: Terms, way: Any) -> tuple[Any, Any]:
    """Return rate and power of reflecting where a chord begins there; else 0."""
    both, nothing = way == BOTH, xp.zeros_like(t.passive_rate + t.noise)
    return xp.where(both, t.passive_rate, nothing), xp.where(both, t.passive_power, nothing)


class Sending(NamedTuple):
    """Power at a rate, its slope, and what the tangent there is at no rate."""

    power: Any
    slope: Any
    height: Any


def sending(xp: Any, t: Terms, way: Any, rate: Any, nats: Any) -> Sending:
    """Return what sending takes in the way that is used."""
    start, low = first_of_chord(xp, t, way)
    chord = (way == SLEEPS) | (way == BOTH)
    width = safe(xp, chord, t.band * nats - start)
    steep = (t.noise * xp.expm1(nats) + t.circuit - low) / width
    reflects, radio = way == REFLECTS, way == RADIO
    per_bit = t.passive_power / safe(xp, reflects, t.passive_rate)
    exponent = xp.where(radio, rate / t.band, xp.zeros_like(rate))
    curve, tilt = t.noise * xp.expm1(exponent) + t.circuit, t.noise * xp.exp(exponent) / t.band
    slope = xp.where(radio, tilt, xp.where(reflects, per_bit, steep)) + xp.zeros_like(rate)
    power = xp.where(radio, curve, xp.where(reflects, per_bit * rate, low + steep * (rate - start)))
    height = xp.where(radio, curve - rate * tilt, xp.where(reflects, xp.zeros_like(rate), low - steep * start))
    return Sending(power, slope, height)


class Slopes(NamedTuple):
    """Derivatives of what is earned and of what is needed, to local part and time, and what is needed too much."""

    earned_local: Any
    earned_time: Any
    needed_local: Any
    needed_time: Any
    excess: Any


def slopes(xp: Any, t: Terms, way: Any, local: Any, time: Any, nats: Any) -> Slopes:
    """Return what a little more of local part and time changes."""
    sent = t.work - local
    s = sending(xp, t, way, sent / time, nats)
    energy = t.local_energy * local + time * s.power
    worth = t.work / (energy + t.floor) ** 2
    return Slopes(
        worth * (s.slope - t.local_energy) + t.channel_price / time + t.computing_price,
        t.channel_price * sent / time**2 - worth * s.height,
        t.local_energy - s.slope,
        t.harvest + s.height,
        energy + t.harvest * time - t.budget - t.harvest,
    )


def residuals(xp: Any, t: Terms, regime: tuple[Any, Any, Any], local: Any, time: Any, nats: Any) -> tuple[Any, Any]:
    """Return what is left of a regime's two equations, in parts of the slot, of all energy, of the workload, or in worth."""
    way, limit, part = regime
    s = slopes(xp, t, way, local, time, nats)
    whole = safe(xp, t.work > 0.0, t.work)
    energy = s.excess / (abs(t.budget) + t.harvest + t.local_energy * whole)
    along = xp.where(
        limit == ENERGY,
        s.earned_local - s.earned_time * s.needed_local / safe(xp, limit == ENERGY, s.needed_time),
        s.earned_local,
    )
    corner = (t.work - local - t.passive_rate * time) / whole
    second = xp.where(
        part == NOTHING, local / whole, (local - xp.where(t.local_most < t.work, t.local_most, t.work)) / whole
    )
    second = xp.where(part == CORNER, corner, xp.where(part == MEET, energy, xp.where(part == FREE, along * whole, second)))
    return xp.where(limit == ENERGY, energy, time - 1.0), second


def moved(xp: Any, t: Terms, regime: Any) -> tuple[Any, Any, Any]:
    """Return local parts, times and rates after a step of Newton's method that moves nothing."""
    way, limit, part, local, time, nats = (regime[..., k] for k in range(6))
    rate = touched(xp, t, way, nats)
    first, second = residuals(xp, t, (way, limit, part), local, time, rate)
    a, b, c, d = (regime[..., k] for k in range(6, 10))
    return local - a * first - b * second, time - c * first - d * second, rate


def divided(xp: Any, t: Terms, f: Any, regime: Any, serves: Any) -> dict[str, Any]:
    """Return times and bits of slots as `compiled.batch.divided` writes them, from local parts and times that may move."""
    way, nothing = regime[..., 0], xp.zeros_like(regime[..., 0])
    local, time, nats = moved(xp, t, regime)
    sends = serves & (way != IDLE)
    idle, reflects, sleeps, both, radio = (serves & (way == k) for k in range(5))
    local = xp.where(sends, local, xp.where(idle, t.work + nothing, nothing))
    sent, fastest = t.work - local, t.band * nats
    turn = (sent - t.passive_rate * time) / safe(xp, both, fastest - t.passive_rate)
    active = xp.where(both, turn, xp.where(radio | sleeps, time, nothing))
    on = xp.where(sleeps, sent / safe(xp, sleeps, fastest), active)
    passive = xp.where(both, time - turn, xp.where(reflects, time, nothing))
    reflected = xp.where(both, t.passive_rate * passive, xp.where(reflects, sent, nothing))
    computing = local / safe(xp, local > 0.0, t.local_most + nothing)
    harvesting = xp.where(sends, 1.0 - time, xp.ones_like(nothing))
    return {
        "harvest_time": harvesting * f.slot,
        "active_time": active * f.slot,
        "sending_time": on * f.slot,
        "passive_time": passive * f.slot,
        "local_time": computing * f.slot,
        "active_bits": xp.where(radio | sleeps, sent, xp.where(both, sent - reflected, nothing)),
        "passive_bits": reflected,
        "local_bits": local,
    }
