r"""From frame to frame: what users do, whether it works out, what it earns, and what stays in their batteries.

A frame's channel and work are new every time; only the batteries connect it with the one before. Whatever is carried out,
an optimiser's answer or a learner's guess, user i is served (:math:`x_i = 1`) if its own constraints (2), (3) and (9) hold;
a user without work is, unless it breaks one. Who is not served causes its costs all the same, and its work is lost:

.. math::
    E_i' = \min\big(E_{max,i},\ E_i + E^h_i - \min(e_i, E_i + E^h_i)\big), \quad
    r^o = \Big(\frac1N \sum_i x_i\Big)^\sigma \frac{\sum_i x_i l_i}{E_o + e_0}, \quad
    r^u_i = \max\Big(0,\ x_i - \mu_1 \frac{l_{a,i} + l_{b,i}}{l_i} - \mu_2 \frac{t_{b,i}}{T}\Big) .

What cannot be does not happen: a slot ends when it ends, so times that it does not hold shrink together, with what is sent
in them, and a user spends no more than it has. Either is an outage.

Everything here is a function of arrays, batched; nothing is kept. `FrameDynamics` is what rollouts, environments and
learners are built on, see `mecopt.dynamic`.

Reference: paper 001, (7)-(9), (11), (12). Ours: the static energy :math:`e_0`, without which (11) has no bound (a frame of
full batteries needs no energy of the access point at all), and what becomes of the battery. Where harvested energy may be
spent only after it was harvested, what comes after a user's own slot is not lost: it is in the battery of the next frame.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.dynamics import Dynamics, read_only
from mecopt.dynamic.outcome import Outcome as SlotOutcome
from mecopt.dynamic.settings import listed, setting
from mecopt.models.backscatter_frame.admission import SERVED, served, serving
from mecopt.models.backscatter_frame.allocation.specialised import completed
from mecopt.models.backscatter_frame.dynamics.beam_actions import BEAM_ACTIONS, parts, real
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.terms import sending_energy
from mecopt.models.backscatter_frame.variables import FrameAllocation

Array = NDArray[Any]

BROKEN = 1e-5
"""Relative excess beyond which a user's time, rate or energy is overdrawn; work has `admission.SERVED`."""

BITS_PER_ENERGY = 1000.0
"""1 kbit/mJ in kbit/J."""

SHARES = {"completed": 3, "strict": 5}
"""Numbers of an action per user, by what they mean; see `from_shares`."""

CARRIED_OUT = ("active_time", "passive_time", "active_bits", "passive_bits", "local_bits")
"""What of an allocation is carried out; the rest follows from it."""


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
            value, least = getattr(self, field.name), "> 0" if field.name == "static_energy" else ">= 0"
            good = (
                isinstance(value, int | float | np.integer | np.floating)
                and not isinstance(value, bool)
                and 0.0 <= value < np.inf
            )
            if not good or (value == 0.0 and least == "> 0"):
                raise InstanceError(f"Rewards.{field.name} is {value!r}; allowed: a finite number {least}")

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
    """Carry out beams and times and bits of any origin; energies follow from them, whatever the allocation says.

    Parameters
    ----------
    frame
        one frame or a batch.
    decision
        unit beams ``(*batch, *candidates, users, antennas)``.
    allocation
        `CARRIED_OUT` of every user ``(*batch, *candidates, users)``; what is below 0 is broken and counts as 0.

    Raises
    ------
    InstanceError
        for another shape, a beam that is not of norm 1, or a number that is not finite.
    """
    decision = frame.decision_space.validate(decision, frame.batch_shape)

    def field(name: str) -> Array:
        return frame.aligned(name, decision)

    said, found = _said(frame, decision, allocation), frame.links(decision)
    slot, work, capacity = field("slot")[..., None], field("workload"), field("battery_capacity")
    bandwidth = field("bandwidth")[..., None]
    bits = np.maximum(work, bandwidth * slot)
    active_time, passive_time, active, passive, local = (np.maximum(value, 0.0) for value in said)
    lasts = slot / np.maximum(active_time + passive_time, slot)
    carrier = lasts * passive_time
    sending = sending_energy(active_time, active, bandwidth, found.noise) + field("circuit_power") * active_time
    spent = lasts * sending + field("compute_energy") * local
    has = field("battery") + (found.harvest * carrier[..., None, :]).sum(axis=-1)
    excess = np.maximum.reduce(
        [
            (active_time + passive_time) / slot - 1.0,
            (passive - found.rate * passive_time) / bits,
            (local - field("compute_rate") * slot) / bits,
            (spent - np.minimum(has, capacity)) / capacity,
            -np.minimum(said[0], said[1]) / slot,
            -np.minimum.reduce(said[2:]) / bits,
        ]
    )
    computed = lasts * (active + passive)
    served = (excess <= BROKEN) & (computed + local >= (1.0 - SERVED) * work)
    energy = (
        (field("carrier_power") + field("passive_receive_power")) * carrier.sum(axis=-1)
        + field("active_receive_power") * (lasts * active_time).sum(axis=-1)
        + field("server_energy") * computed.sum(axis=-1)
    )
    kept = has - np.minimum(spent, has) + _harvested_later(frame, decision, carrier)
    return Outcome(
        served=np.asarray(served),
        energy=np.asarray(energy),
        done=np.asarray((served * work).sum(axis=-1)),
        offloaded=np.where(work > 0.0, computed / np.where(work > 0.0, work, 1.0), 0.0),
        carrier=np.asarray(carrier / slot),
        battery=np.minimum(kept, capacity),
    )


def _said(frame: BackscatterFrame, decision: Array, allocation: FrameAllocation) -> list[Array]:
    shape, said = (*frame.decision_space.lead(decision), frame.users), []
    for name in CARRIED_OUT:
        value = real(f"allocation.{name}", getattr(allocation, name), "that are finite")
        if value.shape != shape:
            raise InstanceError(f"allocation.{name} has shape {value.shape}; allowed: {shape}, one entry per beam")
        if not np.isfinite(value).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
            raise InstanceError(f"allocation.{name}{list(index)} is {value[index]}; allowed: finite numbers")
        said.append(value)
    return said


def _harvested_later(frame: BackscatterFrame, decision: Array, carrier: Array) -> Array | float:
    """Return what users harvest that they may not spend in this frame: nothing, unless harvesting is causal."""
    if not frame.harvesting.any():
        return 0.0
    every = dataclasses.replace(frame, harvesting=0.0).links(decision).harvest
    return np.asarray(((every - frame.links(decision).harvest) * carrier[..., None, :]).sum(axis=-1))


def estimated(frame: BackscatterFrame, decision: Array) -> FrameAllocation:
    """Return the best allocation for beams, as the access point estimates it: who cannot be served is dropped.

    As `admission.admit`, without certificates, which take longer than the solver does.

    Parameters
    ----------
    frame
        one frame or a batch.
    decision
        unit beams ``(*batch, users, antennas)``, one set per frame.

    Raises
    ------
    InstanceError
        for another shape, several candidates of a frame among them, or a beam that is not of norm 1.
    """
    decision = frame.decision_space.validate(decision, frame.batch_shape)
    elastic, _ = frame.closed_form(decision)
    who = served(frame, elastic)
    return elastic if who.all() else serving(frame, who).closed_form(decision)[0]


def from_shares(frame: BackscatterFrame, decision: Array, shares: ArrayLike) -> FrameAllocation:
    """Return the allocation that users' actions stand for, each number between 0 and 1.

    Three numbers per user are completed: parts of the slot for sending and for the carrier (divided by their sum where that
    exceeds 1), and part of what the user could compute itself; the carrier takes as much of the rest as it can, what is left
    is sent. Five numbers are taken strictly: the same two parts, then parts of the work that are sent, reflected, computed;
    what exceeds the work is left out, computed parts first.

    Parameters
    ----------
    frame
        one frame or a batch.
    decision
        unit beams ``(*batch, *candidates, users, antennas)``.
    shares
        ``(*batch, *candidates, users, 3 or 5)``.

    Raises
    ------
    InstanceError
        for another shape, a beam that is not of norm 1, or a number outside of 0 to 1.
    """
    decision = frame.decision_space.validate(decision, frame.batch_shape)
    values, shape = parts("action", shares), (*frame.decision_space.lead(decision), frame.users)
    if values.shape[:-1] != shape or values.shape[-1] not in SHARES.values():
        wanted = " or ".join(f"{(*shape, size)} ({name})" for name, size in SHARES.items())
        raise InstanceError(f"action has shape {values.shape}; allowed: {wanted}")
    slot, work = frame.aligned("slot", decision)[..., None], frame.aligned("workload", decision)
    times = values[..., :2] / np.maximum(values[..., :2].sum(axis=-1, keepdims=True), 1.0)
    active_time, passive_time = np.moveaxis(times * slot[..., None], -1, 0)
    if values.shape[-1] == SHARES["strict"]:
        active, passive, local = np.moveaxis(values[..., 2:] * work[..., None], -1, 0)
    else:
        local = values[..., 2] * np.minimum(work, frame.aligned("compute_rate", decision) * slot)
        passive = np.minimum(frame.links(decision).rate * passive_time, work - local)
        active = work - local - passive
    return completed(frame, decision, active_time, passive_time, active, passive, local)


class FrameDynamics(Dynamics[BackscatterFrame]):
    """Frames in a row, linked by the batteries; channel and work are new every time.

    Parameters
    ----------
    preset, **overrides
        see `mecopt.dynamic.Dynamics`.
    rewards
        constants of (11) and (12); `reliability` and `static_energy` unless given.
    reliability, static_energy
        those constants of (11) alone, see `Rewards`.
    """

    name: ClassVar[str] = "backscatter-frame"
    problem: ClassVar[type[BackscatterFrame]] = BackscatterFrame
    carried: ClassVar[tuple[str, ...]] = ("battery",)
    reward_name: ClassVar[str] = "reward (11)"
    reward_unit: ClassVar[str] = "kbit/J"
    measures: ClassVar[Mapping[str, str]] = {"outage": "1", "energy": "mJ", "done": "kbit"}
    default_policies: ClassVar[tuple[str, ...]] = ("matched", "weights", "charging")
    settable: ClassVar[Mapping[str, dataclasses.Field[Any]]] = listed(
        reliability=setting("1", "sigma", "how much an outage counts", default=Rewards.reliability, zero_allowed=True),
        static_energy=setting("mJ", "e_0", "energy of a frame beside that of its users", default=Rewards.static_energy),
    )

    def __init__(
        self,
        preset: str | None = None,
        *,
        rewards: Rewards | None = None,
        reliability: float | None = None,
        static_energy: float | None = None,
        **overrides: Any,
    ) -> None:
        super().__init__(preset, **overrides)
        told = {"reliability": reliability, "static_energy": static_energy}
        given = {name: float(self.given(name, value)) for name, value in told.items() if value is not None}
        if rewards is not None and given:
            raise InstanceError(f"rewards are given, and {' and '.join(given)} too; allowed: one or the other")
        self.rewards = Rewards(**given) if rewards is None else rewards

    def settings(self) -> Mapping[str, Any]:
        """Return the constants of the reward (11)."""
        return {name: getattr(self.rewards, name) for name in self.settable}

    def outcome(self, problem: BackscatterFrame, decision: Array, allocation: FrameAllocation) -> SlotOutcome:
        """Carry out a frame; see `carried_out`, whose outcome is the detail."""
        found = carried_out(problem, decision, allocation)
        measures = {"outage": found.outage, "energy": found.energy, "done": found.done}
        return SlotOutcome(self.rewards.of_frame(found), {"battery": found.battery}, measures, detail=found)

    def followed_by(self, following: BackscatterFrame, outcome: SlotOutcome) -> BackscatterFrame:
        """Return the next frame with the batteries that an outcome left, up to their capacity."""
        left = super().followed_by(following, outcome)
        battery = read_only(np.minimum(left.battery, left.battery_capacity))
        return left._with({**left.__dict__, "battery": battery})

    def why_unproved(self) -> str:
        """Return that the state has too many numbers for a grid."""
        return f"the state is the batteries, channels and work of {self._whose()}, too many numbers for a grid"

    def why_no_chart(self) -> str:
        """Return that beams follow from too many numbers."""
        return f"beams follow from batteries, channels and work of {self._whose()}, more numbers than a map has axes"

    def _whose(self) -> str:
        users = self.draw(np.random.default_rng(0)).users
        return "the user" if users == 1 else f"all {users} users"

    def summaries(self) -> Mapping[str, str]:
        """Return what numbers stand for beams, by the way of acting."""
        return {name: f"the access point's beams: {one.summary}" for name, one in BEAM_ACTIONS.items()}

    def worlds(self) -> Mapping[str, Callable[[], Any]]:
        """Return the access point's ways of acting: weights of users, or raw antennas."""
        from mecopt.models.backscatter_frame.dynamics.worlds import AccessPointWorld

        return {beams: partial(AccessPointWorld, dynamics=self, beams=beams) for beams in BEAM_ACTIONS}

    def answered(self, problem: BackscatterFrame, decision: Array) -> FrameAllocation:
        """Return what users do with beams, who cannot be served dropped; see `estimated`."""
        return estimated(problem, decision)
