"""What is read off a rollout: reward, outage, energy, who does which work, and what the optimum would have saved."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.dynamic.dynamics import Policy
from mecopt.dynamic.rollout import Record, rollout
from mecopt.learners.paper_001.policies import random_of
from mecopt.models.backscatter_frame import BackscatterFrame
from mecopt.models.backscatter_frame.dynamics.steps import BITS_PER_ENERGY, FrameDynamics, Outcome, Rewards, carried_out
from mecopt.models.backscatter_frame.variables import FrameAllocation
from mecopt.show.numbers import counted
from mecopt.solve import solve

Array = NDArray[Any]

REWARDS = Rewards()
"""Constants of (11) and (12) in the whole evaluation."""


@dataclass(frozen=True)
class Size:
    """How much of a stream is followed."""

    lanes: int
    skipped: int
    """First frames of each lane that are left out: batteries begin as they are drawn, not as a policy keeps them."""
    frames: int
    """Frames of each lane that count."""

    @property
    def length(self) -> int:
        """Frames of each lane."""
        return self.skipped + self.frames

    def words(self) -> str:
        """Say it."""
        lanes = counted(self.lanes, "lanes")
        return f"{lanes} of {self.length} frames for each seed, the first {self.skipped} of each left out"


@dataclass(frozen=True, eq=False)
class Walk:
    """What a policy did on a path, and what came of it; leading axes ``(frames, lanes)``."""

    outcome: Outcome
    battery: Array
    """With which each frame began, ``(frames, lanes, users)``, mJ."""
    allocation: FrameAllocation


def walked(stream: BackscatterFrame, policy: Policy, rng: Generator) -> Walk:
    """Carry out a policy along a stream ``(frames, lanes)``, and keep everything."""
    kept = Record()
    found = rollout(FrameDynamics(rewards=REWARDS), stream, policy, rng, watch=kept)
    return Walk(kept.detail, found.carried["battery"], kept.allocation)


@dataclass(frozen=True)
class Means:
    """Means over the frames and lanes of a rollout that count."""

    reward: float
    """(11), kbit/J."""
    efficiency: float
    """All work served over all energy, static one included, kbit/J."""
    frame_efficiency: float
    """Mean over frames of work served over energy, static one included, kbit/J: the second factor of (11)."""
    outage: float
    energy: float
    """E_o, mJ per frame."""
    battery: float
    """Energy in a battery as a frame begins, mJ."""
    shares: tuple[float, float, float]
    """Active, passive and local part of the work served; infinite where nobody is."""
    of_all: tuple[float, float, float]
    """The same of all work that came."""
    times: tuple[float, float, float]
    """Active, passive and local time of a user, s per frame; users in outage, who may have done nothing, count."""
    sending: float
    """Active time of a user who is served, s per frame; infinite where nobody is."""

    @property
    def transmitting(self) -> float:
        """Active part of the active and passive time of all users; infinite where there is none."""
        return _part(self.times[0], self.times[0] + self.times[1])


def efficiency(outcome: Outcome) -> Array:
    """Return work served over energy of each frame, kbit/J."""
    return np.asarray(BITS_PER_ENERGY * outcome.done / (outcome.energy + REWARDS.static_energy))


def means(stream: BackscatterFrame, found: Walk, skipped: int) -> Means:
    """Average a rollout, its first frames left out."""
    part = slice(skipped, None)
    outcome = Outcome(**{f.name: getattr(found.outcome, f.name)[part] for f in dataclasses.fields(Outcome)})
    allocation = {name: value[part] for name, value in found.allocation.as_dict().items()}
    bits = [(allocation[f"{how}_bits"] * outcome.served).sum() for how in ("active", "passive", "local")]
    served, came = float(np.sum(bits)), float(stream.workload[part].sum())
    computing = allocation["local_bits"] / stream.compute_rate[part]
    times = [allocation["active_time"].mean(), allocation["passive_time"].mean(), computing.mean()]
    spent = (outcome.energy + REWARDS.static_energy).sum()
    return Means(
        reward=float(REWARDS.of_frame(outcome).mean()),
        efficiency=float(BITS_PER_ENERGY * outcome.done.sum() / spent),
        frame_efficiency=float(efficiency(outcome).mean()),
        outage=float(outcome.outage.mean()),
        energy=float(outcome.energy.mean()),
        battery=float(found.battery[part].mean()),
        shares=(_part(bits[0], served), _part(bits[1], served), _part(bits[2], served)),
        of_all=(float(bits[0] / came), float(bits[1] / came), float(bits[2] / came)),
        times=(float(times[0]), float(times[1]), float(times[2])),
        sending=_part((allocation["active_time"] * outcome.served).sum(), outcome.served.sum()),
    )


def _part(of: float, whole: float) -> float:
    """Return a part of a whole, infinite where that is nothing."""
    return float(of / whole) if whole else math.inf


NOTHING = 1.0
"""Energy of a frame that is as good as none, mJ: a carrier kept on for a six-thousandth of a slot."""


@dataclass(frozen=True)
class Regret:
    """What the exact optimum would have saved at states that a policy met, doing the work of the users it served."""

    energy: Array
    """E_o of the policy, mJ, one per state."""
    least: Array
    """E_o of the optimum, mJ."""

    @property
    def ratio(self) -> Array:
        """E_o over that of the optimum: 1 where both are `NOTHING`, infinite where the optimum alone is."""
        return over(self.energy, self.least)

    @property
    def of_sums(self) -> float:
        """All energy over all that the optimum takes at the same states."""
        count = self.energy.size
        return float(over(self.energy.sum() / count, self.least.sum() / count))


def over(energy: Array, least: Array) -> Array:
    """Return energies over least ones, see `Regret.ratio`."""
    some = least > NOTHING
    return np.where(some, energy / np.where(some, least, 1.0), np.where(energy > NOTHING, np.inf, 1.0))


def regret(stream: BackscatterFrame, found: Walk, skipped: int, every: int) -> Regret:
    """Solve every so-manieth frame of a rollout for beams and allocation, at the battery the policy had there.

    The work is what the policy did for the users it served, who may leave a thousandth: where little energy is needed that
    little work counts.
    """
    part = slice(skipped, None, every)
    a, outcome = found.allocation, found.outcome
    done = np.minimum(a.active_bits + a.passive_bits + a.local_bits, stream.workload) * outcome.served
    left = dataclasses.replace(stream, battery=found.battery, workload=done)[part].flat()
    best = solve(left)
    return Regret(outcome.energy[part].ravel(), carried_out(left, best.decision, best.allocation).energy)


@dataclass(frozen=True)
class Followed:
    """A policy along a stream."""

    means: Means
    regret: Regret | None


def follow(stream: BackscatterFrame, policy: Policy, seed: int, skipped: int, every: int = 0) -> Followed:
    """Follow a policy along a stream; with `every`, measure its regret in every so-manieth frame."""
    found = walked(stream, policy, random_of(seed, 2))
    return Followed(means(stream, found, skipped), regret(stream, found, skipped, every) if every else None)
