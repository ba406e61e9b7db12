"""Whether what devices observed may be what a network draws: the same places, the same arrivals.

Channels are exponential, so the sum of N observed ones of a device is gamma distributed around N times its mean; arrivals
are binomial, and so is their sum. Where a sum is less likely than `DOUBT` it is another network's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]

DOUBT = 1e-9
"""Probability, on either side, below which what was observed is not believed to be of this network; ours."""


def elsewhere(dynamics: QueueDynamics, mean: Array, count: int) -> Array:
    """Return whether each device was elsewhere when it observed a mean SNR per watt in so many blocks, ``(users,)``."""
    from scipy.special import gammainc, gammaincc

    there = dynamics.mean_snr > 0.0
    ratio = np.divide(mean, dynamics.mean_snr, out=np.ones_like(mean), where=there)
    unlikely = np.minimum(gammainc(count, count * ratio), gammaincc(count, count * ratio)) < DOUBT
    return np.asarray(np.where(there, unlikely, mean > 0.0))


def is_path_of(dynamics: QueueDynamics, stream: InferenceQueue) -> bool:
    """Whether a stream may be a path of this network, of which best values are known then."""
    from scipy.special import bdtr, bdtrc

    if not dynamics.fades:
        return False
    count = stream.instances
    if elsewhere(dynamics, observed(stream), count).any():
        return False
    law = dynamics.block_slots * count, dynamics.arrival_probability
    came = stream.arrivals.reshape(count, -1).sum(axis=0)
    more = np.where(came > 0.0, bdtrc(np.maximum(came - 1.0, 0.0), *law), 1.0)
    return not (np.minimum(bdtr(came, *law), more) < DOUBT).any()


def observed(stream: InferenceQueue) -> Array:
    """Return the mean SNR per watt that each device observed, ``(users,)``."""
    return np.asarray(stream.snr_per_watt.reshape(stream.instances, -1).mean(axis=0))
