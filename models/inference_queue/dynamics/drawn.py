"""What is drawn from block to block, and from what: constants of a block, and average channels of the devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.dynamics import read_only
from mecopt.models.inference_queue import terms
from mecopt.models.inference_queue.problem import InferenceQueue
from mecopt.models.inference_queue.scenarios import mean_snr

Array = NDArray[Any]


def constants_of(preset: str, given: Mapping[str, Any]) -> InferenceQueue:
    """Return a block with all constants and empty queues, or say what is none."""
    rng = np.random.default_rng(0)
    one = InferenceQueue.sample(rng, preset=preset, **given)
    if one.batch_shape:
        raise InstanceError(f"the fields make a batch of shape {one.batch_shape}; allowed: those of a single block")
    if (terms.per_user(one, "queue") == terms.LITERAL).any():
        raise InstanceError(
            "queue is 'literal'; allowed in the long run: 'conserved', whose backlogs are whole numbers of tasks"
        )
    empty = {
        "backlog": one.backlog if "backlog" in given else np.zeros(one.backlog.shape),
        "server_backlog": one.server_backlog if "server_backlog" in given else np.zeros(one.server_backlog.shape),
    }
    return one._with({**one.__dict__, **{name: read_only(value) for name, value in empty.items()}})


def means_of(one: InferenceQueue, fades: bool, given: Array | None, positions: int) -> Array:
    """Return the average SNR per watt of each device: the one that is fixed, those given, or of places drawn on the disc."""
    users = one.users
    if not fades:
        if given is not None:
            raise InstanceError("snr_per_watt is given, and mean_snr too; allowed: one or the other")
        return np.array(one.snr_per_watt)
    if given is None:
        return mean_snr(np.random.default_rng(positions), (users,))
    if given.shape not in ((), (users,)):
        raise InstanceError(f"mean_snr has shape {given.shape}; allowed: ({users},), or one number for all devices")
    return np.array(np.broadcast_to(given, (users,)))
