r"""From frame to frame: what users do, whether it works out, what it earns, and what stays in their batteries.

A frame's channel and work are new every time; only the batteries connect it with the one before. Whatever is carried out,
an optimiser's answer or a learner's guess, user i is served (:math:`x_i = 1`) if its own constraints (2), (3) and (9) hold.
Who is not served causes its costs all the same, and its work is lost:

.. math::
    E_i' = \min\big(E_{max,i},\ E_i + E^h_i - \min(e_i, E_i + E^h_i)\big), \quad
    r^o = \Big(\frac1N \sum_i x_i\Big)^\sigma \frac{\sum_i x_i l_i}{E_o + e_0}, \quad
    r^u_i = \max\Big(0,\ x_i - \mu_1 \frac{l_{a,i} + l_{b,i}}{l_i} - \mu_2 \frac{t_{b,i}}{T}\Big) .

Everything here is a function of arrays, batched; nothing is kept. The shells for Gymnasium and PettingZoo and the learners
are built on it.

Reference: paper 001, (7)-(9), (11), (12). Ours: the static energy :math:`e_0`, without which (11) has no bound (a frame of
full batteries needs no energy of the access point at all), and what becomes of the battery.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.models.backscatter_frame.admission import SERVED, admit
from mecopt.models.backscatter_frame.allocation import completed
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.terms import sending_energy
from mecopt.models.backscatter_frame.variables import FrameAllocation
from mecopt.solution import InstanceError

Array = NDArray[Any]

BROKEN = 1e-5
"""Relative excess beyond which a user's time, rate or energy is overdrawn; work has `admission.SERVED`."""

BITS_PER_ENERGY = 1000.0
"""kbit/mJ in kbit/J."""

SHARES = {"completed": 3, "strict": 5}
"""Numbers of an action per user, by what they mean; see `from_shares`."""


@dataclass(frozen=True, kw_only=True)
class Rewards:
    """Constants of the rewards (11) and (12)."""

    reliability: float = 1.0
    """sigma: how much an outage counts; ours, the paper is silent."""
    static_energy: float = 600.0
    """e_0, mJ per frame: 200 mW over three slots; ours."""
    service_price: float = 0.2
    """mu_1; section IV."""
    carrier_price: float = 0.4
    """mu_2; section IV."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, int | float) and 0.0 <= value < np.inf) or isinstance(value, bool):
                raise InstanceError(f"Rewards.{field.name} is {value!r}; allowed: a finite number >= 0")

    def of_frame(self, outcome: Outcome) -> Array:
        """Return (11) in kbit/J."""
        efficiency = outcome.done / (outcome.energy + self.static_energy)
        return np.asarray(BITS_PER_ENERGY * outcome.served.mean(axis=-1) ** self.reliability * efficiency)

    def of_users(self, outcome: Outcome) -> Array:
        """Return (12) of every user."""
        costs = self.service_price * outcome.offloaded + self.carrier_price * outcome.carrier
        return np.asarray(np.maximum(outcome.served - costs, 0.0))


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a frame; leading axes are those of its beams."""

    served: Array
    """x ``(..., users)``."""
    energy: Array
    """E_o of the access point, mJ ``(...)``."""
    done: Array
    """Work of the users served, kbit ``(...)``."""
    offloaded: Array
    """Part of each user's work that the server computes ``(..., users)``."""
    carrier: Array
    """Part of each user's slot with carrier ``(..., users)``."""
    battery: Array
    """Energy in the batteries after the frame, mJ ``(..., users)``."""

    @property
    def outage(self) -> Array:
        """Part of the users that are not served."""
        return np.asarray(1.0 - self.served.mean(axis=-1))


def carried_out(frame: BackscatterFrame, decision: Array, allocation: FrameAllocation) -> Outcome:
    """Carry out beams and times and bits of any origin; energies follow from them, whatever the allocation says."""

    def field(name: str) -> Array:
        return frame.aligned(name, decision)

    a, found = allocation, frame.links(decision)
    slot, work, battery = field("slot")[..., None], field("workload"), field("battery")
    capacity, bandwidth = field("battery_capacity"), field("bandwidth")[..., None]
    bits = np.maximum(work, bandwidth * slot)
    spent = sending_energy(a.active_time, a.active_bits, bandwidth, found.noise) + field("circuit_power") * a.active_time
    spent = spent + field("compute_energy") * a.local_bits
    has = battery + (found.harvest * a.passive_time[..., None, :]).sum(axis=-1)
    computed = a.active_bits + a.passive_bits
    least = np.minimum.reduce([a.active_time / slot, a.passive_time / slot, computed / bits, a.local_bits / bits])
    excess = np.maximum.reduce(
        [
            (a.active_time + a.passive_time) / slot - 1.0,
            (a.passive_bits - found.rate * a.passive_time) / bits,
            (a.local_bits - field("compute_rate") * slot) / bits,
            (spent - np.minimum(has, capacity)) / capacity,
            -least,
        ]
    )
    served = (excess <= BROKEN) & (computed + a.local_bits >= (1.0 - SERVED) * work)
    passive = field("carrier_power") + field("passive_receive_power")
    energy = (
        passive * a.passive_time.sum(axis=-1)
        + field("active_receive_power") * a.active_time.sum(axis=-1)
        + field("server_energy") * computed.sum(axis=-1)
    )
    return Outcome(
        served=np.asarray(served),
        energy=np.asarray(energy),
        done=np.asarray((served * work).sum(axis=-1)),
        offloaded=np.where(work > 0.0, computed / np.where(work > 0.0, work, 1.0), 0.0),
        carrier=np.asarray(a.passive_time / slot),
        battery=np.clip(has - np.minimum(spent, has), 0.0, capacity),
    )


def estimated(frame: BackscatterFrame, decision: Array) -> FrameAllocation:
    """Return the best allocation for beams, as the access point estimates it: who cannot be served is dropped."""
    return admit(frame, decision).solution.allocation  # type: ignore[no-any-return]


def from_shares(frame: BackscatterFrame, decision: Array, shares: Array) -> FrameAllocation:
    """Return the allocation that users' actions stand for, each number between 0 and 1.

    Three numbers per user are completed: parts of the slot for sending and for the carrier (divided by their sum where that
    exceeds 1), and part of what the user could compute itself; the carrier takes as much of the rest as it can, what is left
    is sent. Five numbers are taken strictly: the same two parts, then parts of the work that are sent, reflected, computed.
    """
    if shares.shape[-1] not in SHARES.values():
        raise InstanceError(f"actions have {shares.shape[-1]} numbers per user; allowed: {SHARES}")
    slot, work = frame.aligned("slot", decision)[..., None], frame.aligned("workload", decision)
    times = shares[..., :2] / np.maximum(shares[..., :2].sum(axis=-1, keepdims=True), 1.0)
    active_time, passive_time = np.moveaxis(times * slot[..., None], -1, 0)
    if shares.shape[-1] == SHARES["strict"]:
        active, passive, local = np.moveaxis(shares[..., 2:] * work[..., None], -1, 0)
    else:
        local = shares[..., 2] * np.minimum(work, frame.aligned("compute_rate", decision) * slot)
        passive = np.minimum(frame.links(decision).rate * passive_time, work - local)
        active = work - local - passive
    return completed(frame, decision, active_time, passive_time, active, passive, local)


def followed_by(frame: BackscatterFrame, outcome: Outcome) -> BackscatterFrame:
    """Return the next frame, drawn independently, with the batteries that an outcome left."""
    return dataclasses.replace(frame, battery=outcome.battery)
