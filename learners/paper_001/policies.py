"""The policies of paper 001's evaluation that need no learning: who chooses the beams, and who the times and bits.

An optimiser answers beams of a rule with the best allocation of the frame, as the access point estimates it; the exact one
chooses the beams, too. Both may be forbidden passive transmission, or any, which are the paper's benchmarks. The exact one
may also be told that energy kept in a battery is worth something: the paper's (10) prices the access point's energy alone,
so its optimum empties the batteries in every frame. Random actions are what a learner begins with.

All are policies of `mecopt.dynamic.rollout`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.dynamic.dynamics import Policy
from mecopt.learners.h_maddpg import HMaddpg
from mecopt.models.backscatter_frame import BackscatterFrame, FrameAllocation
from mecopt.models.backscatter_frame.admission import admit_open
from mecopt.models.backscatter_frame.dynamics.steps import SHARES, estimated, from_shares
from mecopt.models.backscatter_frame.exact import beams

Array = NDArray[Any]

Rule = Callable[[BackscatterFrame, Generator], Array]
"""From frames to a unit beam per slot."""

HYBRID, ACTIVE, DISABLED = "Hybrid-offload", "Active-enabled", "MEC-disabled"
MODES: Mapping[str, str] = {HYBRID: "hybrid", ACTIVE: "active-enabled", DISABLED: "mec-disabled"}
"""The schemes of figure 4b and what the model calls them."""

MATCHED, EVEN, CHARGING = "MRT beams", "weights q = 1 - I", "charging beams"
ANY_WEIGHTS, ANY_BEAMS = "random weights q", "random beams"
EXACT = "exact beams"
COMPLETED, STRICT = "random actions, completed", "random actions, strict"

PRICE = 1500.0
"""Worth of a kept mJ in mJ of the access point: around what harvesting it takes, 1/(eta |h^H w|^2)."""


def priced(price: float) -> str:
    """Name the exact policy with a battery price."""
    return f"{EXACT}, battery price {price:.0f}"


def any_weights(frame: BackscatterFrame, rng: Generator) -> Array:
    """Draw the weights of the beams of `beams.weighted` uniformly."""
    return beams.weighted(frame, rng.random((*frame.batch_shape, frame.users, frame.users)))


def any_beams(frame: BackscatterFrame, rng: Generator) -> Array:
    """Draw beams uniformly."""
    return frame.decision_space.sample(rng, frame.batch_shape)


RULES: Mapping[str, Rule] = {
    MATCHED: lambda frame, rng: beams.matched(frame),
    EVEN: lambda frame, rng: beams.evenly(frame),
    CHARGING: lambda frame, rng: beams.charging(frame),
    ANY_WEIGHTS: any_weights,
    ANY_BEAMS: any_beams,
}


def optimised(rule: Rule, scheme: str = HYBRID) -> Policy:
    """Return the policy that answers beams of a rule with the best allocation; who cannot be served is dropped."""

    def policy(frame: BackscatterFrame, rng: Generator) -> tuple[Array, FrameAllocation]:
        decision = rule(frame, rng)
        return decision, estimated(dataclasses.replace(frame, mode=MODES[scheme]), decision)

    return policy


def exact(price: float = 0.0, scheme: str = HYBRID) -> Policy:
    """Return the policy that solves each frame for beams, times and bits together, with proof.

    Parameters
    ----------
    price
        worth of energy kept in a battery, mJ of the access point per mJ; 0 for (10) as printed.
    scheme
        a key of `MODES`.
    """

    def policy(frame: BackscatterFrame, rng: Generator) -> tuple[Array, FrameAllocation]:
        found = admit_open(dataclasses.replace(frame, battery_price=price, mode=MODES[scheme])).solution
        return found.decision, found.allocation

    return policy


def acting_at_random(reading: str) -> Policy:
    """Return the policy of random beams and random actions, `reading` being a key of `SHARES`."""

    def policy(frame: BackscatterFrame, rng: Generator) -> tuple[Array, FrameAllocation]:
        decision = any_beams(frame, rng)
        shares = rng.random((*frame.batch_shape, frame.users, SHARES[reading]))
        return decision, from_shares(frame, decision, shares)

    return policy


BASELINES: Mapping[str, Policy] = {
    **{name: optimised(rule) for name, rule in RULES.items()},
    EXACT: exact(),
    priced(PRICE): exact(PRICE),
    COMPLETED: acting_at_random("completed"),
    STRICT: acting_at_random("strict"),
}
"""Everything a learner is compared with."""

REGRETTING = (MATCHED, EVEN, ANY_WEIGHTS, EXACT)
"""Those whose states are solved once more for what they could have saved there."""


def of_scheme(way: str, scheme: str) -> Policy:
    """Return the optimiser of one of `MODES` with exact beams or with those of a rule."""
    return exact(scheme=scheme) if way == EXACT else optimised(RULES[way], scheme)


def of_own(policy: HMaddpg, scheme: str) -> Policy:
    """Return a policy of Algorithm 1, or what the optimiser of a poorer one of `MODES` does with its beams."""
    return policy.act if scheme == HYBRID else optimised(lambda frame, rng: policy.beams_for(frame), scheme)


def random_of(*key: int) -> Generator:
    """Return the generator of a part of the evaluation."""
    return np.random.default_rng((*key, 1))
