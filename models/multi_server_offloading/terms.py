"""What each choice of a user costs before the server's speed is shared: the terms of V, of paper 004's (4)-(8) and (12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.derived import of_data, once_a_call
from mecopt.contract.scaling import quotient

if TYPE_CHECKING:
    from mecopt.kernels.servers import Servers
    from mecopt.models.multi_server_offloading.problem import MultiServerOffloading

Array = NDArray[Any]

ROUNDING = 1e-12
"""Relative lateness, or excess of a least speed over the greatest, that counts as none."""


@of_data
def upload_time(problem: MultiServerOffloading) -> Array:
    """Return the time to upload each task to each server at full power, ``(*batch, users, servers)`` s."""
    ratio = problem.max_power[..., None] * problem.channel_gain / problem.noise_power[..., None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        time = problem.data_size[..., None] / (problem.bandwidth[..., None] * np.log1p(ratio) / np.log(2.0))
    return np.where(problem.data_size[..., None] > 0, time, 0.0)


@of_data
def speed_bounds(problem: MultiServerOffloading) -> tuple[Array, Array]:
    """Return the least and greatest speed of each pair, deadlines included; nan where no speed is fast enough."""
    upload = upload_time(problem)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(upload < np.inf, problem.deadline[..., None] - upload, -np.inf)
        needed = np.where(problem.workload[..., None] > 0, problem.workload[..., None] / np.maximum(left, 0.0), 0.0)
    needed = np.where(left == np.inf, 0.0, needed)
    lower = np.maximum(problem.least_speed[..., None], needed)
    upper = np.minimum(np.broadcast_to(problem.most_speed[..., None], lower.shape), problem.server_speed[..., None, :])
    # What is exactly in time must not be late by rounding.
    late = (left < -ROUNDING * problem.deadline[..., None]) | (lower > upper * (1.0 + ROUNDING))
    return np.where(late, np.nan, np.minimum(lower, upper)), np.where(late, np.nan, upper)


@of_data
def choice_costs(problem: MultiServerOffloading) -> Array:
    """Return b: the cost of each choice before waiting for the server, ``(*batch, users, 1 + servers)`` s.

    Infinite where it takes forever or too long, no admissible speed exists, or the server admits nobody.
    """
    upload = upload_time(problem)
    with np.errstate(invalid="ignore"):
        remote = np.where(problem.weight[..., None] > 0, problem.weight[..., None] * upload, 0.0)
    nobody = (problem.admission[..., None, :] < 1.0) | (problem.server_speed[..., None, :] == 0.0)
    remote = np.where(np.isnan(speed_bounds(problem)[0]) | np.isinf(upload) | nobody, np.inf, remote)
    return np.concatenate([local_costs(problem)[..., None], remote], axis=-1)


@of_data
def own_speed(problem: MultiServerOffloading) -> Array:
    """Return the speed at which users compute themselves, by (6)-(8), ``(*batch, users)`` cycle/s."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = np.where(problem.capacitance > 0, problem.max_local_power / problem.capacitance, np.inf)
        return np.minimum(problem.local_speed, ratio ** (1.0 / problem.power_exponent))


@of_data
def local_costs(problem: MultiServerOffloading) -> Array:
    """Return the cost of computing locally, ``(*batch, users)`` s; infinite where it takes forever or too long."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        time = np.where(problem.workload > 0, problem.workload / own_speed(problem), 0.0)
        possible = (time <= problem.deadline * (1.0 + ROUNDING)) & (time < np.inf)
        return np.where(possible, problem.weight * time, np.inf)


@of_data
def snr_per_watt(problem: MultiServerOffloading) -> Array:
    """Return the gain of each link over the noise of its server, ``(*batch, users, servers)`` 1/W."""
    return np.asarray(problem.channel_gain / problem.noise_power[..., None, :])


@of_data
def speeds(problem: MultiServerOffloading) -> Array:
    """Return the speed of each server beside each user, ``(*batch, users, servers)``."""
    return np.broadcast_to(problem.server_speed[..., None, :], problem.channel_gain.shape)


@of_data
def endless(problem: MultiServerOffloading) -> tuple[Array, Array]:
    """Return which tasks never end where their user computes, ``(*batch, users)``, and at each server, whatever it gives."""
    with np.errstate(over="ignore"):
        alone = np.isinf(quotient(problem.workload, own_speed(problem)))
    return alone, np.isinf(upload_time(problem)) | (problem.server_speed[..., None, :] == 0.0)


def server_terms(problem: MultiServerOffloading) -> Servers:
    """Return the terms of V; see `mecopt.kernels.servers`."""
    from mecopt.kernels.servers import servers

    lower, upper = None, None
    if problem.bounded.any():
        lower, upper = (np.nan_to_num(bound, nan=0.0) for bound in speed_bounds(problem))
    root = np.sqrt(problem.weight * problem.workload)
    # A server that is off has nobody to share it: any speed does that leaves nothing to divide by 0.
    speed = np.where(problem.server_speed > 0, problem.server_speed, problem.server_speed.max(axis=-1, keepdims=True))
    return servers(choice_costs(problem), root, np.where(speed > 0, speed, 1.0), lower, upper, problem.admission)


def chosen(problem: MultiServerOffloading, values: Array, decision: Array) -> Array:
    """Return what of values ``(*batch, users, servers)`` is of each user's server; of the first where it is local."""
    index = _server(problem, decision)
    if decision.ndim == 1:
        return np.asarray(values[np.arange(problem.users), index])
    missing = decision.ndim - 1 - len(problem.batch_shape)
    batch = len(problem.batch_shape)
    spread = values.reshape(values.shape[:batch] + (1,) * missing + values.shape[batch:])
    spread = np.broadcast_to(spread, (*decision.shape, problem.servers))
    return np.take_along_axis(spread, index[..., None], axis=-1)[..., 0]


@once_a_call
def _server(problem: MultiServerOffloading, decision: Array) -> Array:
    """Return the number of each user's server, from 0; 0 where it is local."""
    return np.maximum(decision, 1).astype(int) - 1
