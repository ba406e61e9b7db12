"""Policies carried out frame after frame, all on the same channels and work, many lanes side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.models.backscatter_frame.dynamics import Outcome, carried_out, followed_by
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.models.backscatter_frame.variables import FrameAllocation
from mecopt.solution import InstanceError

Array = NDArray[Any]

Policy = Callable[[BackscatterFrame, Generator], tuple[Array, FrameAllocation]]
"""From frames ``(lanes,)`` to beams and what users do."""


@dataclass(frozen=True, eq=False)
class Rollout:
    """Outcomes of all frames, leading axes ``(frames, lanes)``, and the batteries with which each began."""

    outcome: Outcome
    battery: Array
    """``(frames, lanes, users)``, mJ."""
    allocation: FrameAllocation


def rollout(stream: BackscatterFrame, policy: Policy, rng: Generator) -> Rollout:
    """Carry out a policy along a stream.

    Parameters
    ----------
    stream
        frames ``(frames, lanes)``; of their batteries only those of the first frame count.
    policy
        what is decided in a frame; it gets the lanes as a batch.
    rng
        randomness of the policy. Streams carry that of the world, so policies compared on one meet the same frames.
    """
    if len(stream.batch_shape) != 2:
        raise InstanceError(f"the stream has a batch of shape {stream.batch_shape}; allowed: frames and lanes")
    frame, outcomes, batteries, done = stream[0], [], [], []
    for later in range(1, len(stream) + 1):
        beams, allocation = policy(frame, rng)
        outcomes.append(carried_out(frame, beams, allocation))
        batteries.append(frame.battery)
        done.append(allocation)
        if later < len(stream):
            frame = followed_by(stream[later], outcomes[-1])
    stacked = {f.name: np.stack([getattr(one, f.name) for one in outcomes]) for f in fields(Outcome)}
    whole = {name: np.stack([one.as_dict()[name] for one in done]) for name in done[0].as_dict()}
    return Rollout(Outcome(**stacked), np.stack(batteries), FrameAllocation(**whole))
