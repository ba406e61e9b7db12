"""How far an answer for many servers exceeds speeds, powers, admissions and deadlines, as parts of what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.derived import shared
from mecopt.contract.scaling import quotient
from mecopt.models.multi_server_offloading.terms import chosen, speeds
from mecopt.models.multi_server_offloading.variables import SpeedAndPower

if TYPE_CHECKING:
    from mecopt.models.multi_server_offloading.problem import MultiServerOffloading

Array = NDArray[Any]


def violations(problem: MultiServerOffloading, decision: Array, allocation: SpeedAndPower) -> dict[str, Array]:
    """Return how far each limit is exceeded, by its name, ``(*batch, *candidates)``; 0 where it is kept.

    ``latency`` says how far the stated latencies are from those at the stated speeds and powers.
    """
    away = decision > 0
    on_server = decision[..., None] == np.arange(1, problem.servers + 1)
    speed, power = np.where(away, allocation.server_speed, 0.0), np.where(away, allocation.transmit_power, 0.0)
    total = np.where(on_server, speed[..., None], 0.0).sum(axis=-2)
    capacity = problem.aligned("server_speed", decision[..., :1])
    own = chosen(problem, shared(speeds, problem), decision)
    held, places = on_server.sum(axis=-2), problem.aligned("admission", decision[..., :1])
    least, most = problem.aligned("least_speed", decision), problem.aligned("most_speed", decision)
    latency, deadline = problem.latency(decision, allocation), problem.aligned("deadline", decision)
    with np.errstate(divide="ignore", invalid="ignore"):
        short = np.where(away & (least > 0), 1.0 - speed / least, 0.0)
        late = np.where(deadline < np.inf, latency / deadline - 1.0, np.where(np.isnan(latency), np.nan, 0.0))
        crowded = np.where(places < np.inf, (held - places) / np.maximum(places, 1.0), 0.0)
        misstated = np.abs(allocation.latency - latency) / np.where(latency > 0, latency, 1.0)
        used, taken = quotient(total, capacity), quotient(speed, own)
        radiated = quotient(power, problem.aligned("max_power", decision))
    misstated = np.where(allocation.latency == latency, 0.0, misstated)  # infinite where a user of no weight waits
    parts = {
        "server_speed": (used - 1.0).max(axis=-1),
        "speed_sign": (-taken).max(axis=-1, where=away, initial=0.0),
        "max_power": (radiated - 1.0).max(axis=-1),
        "power_sign": (-radiated).max(axis=-1),
        "admission": crowded.max(axis=-1),
        "least_speed": short.max(axis=-1),
        "most_speed": (speed / most - 1.0).max(axis=-1),
        "deadline": late.max(axis=-1),
        "latency": misstated.max(axis=-1),
    }
    return {name: np.maximum(part, 0.0) for name, part in parts.items()}
