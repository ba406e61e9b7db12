"""Presets of backscatter frames, each number with its source.

The paper leaves most constants open. Those of `paper` were searched for, so that its qualitative claims can hold at all:
what is shown with them says that such constants exist, not that the paper is confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.scenario import Scenario

PLACES = np.array([[5.0, 5.0], [3.0, 3.0], [-2.0, 4.0]])
"""Of the paper's three users, m; the access point is at the origin."""

NEAREST, FARTHEST = 3.0, 7.5
"""Distances between which further users are drawn, uniformly, m."""

LOAD = 40.0
"""Mean of the Poisson workloads, kbit."""

CHARGED = 0.2
"""Part of the battery's capacity up to which batteries are charged at random."""


def path_loss_gain(distance: ArrayLike) -> NDArray[np.float64]:
    """Return the power gain of a path loss of 20 + 20 log10(d) dB, d in m.

    >>> float(path_loss_gain(10.0))
    0.0001
    """
    return np.asarray(10.0 ** (-2.0 - 2.0 * np.log10(np.asarray(distance, dtype=float))))


def rayleigh_channel(rng: Generator, distance: NDArray[np.float64], antennas: int) -> NDArray[np.complex128]:
    """Draw amplitude gains ``(..., users, antennas)``: circular normal of mean square 1, times the path loss."""
    real, imaginary = rng.standard_normal((2, *distance.shape, antennas))
    return np.asarray(np.sqrt(path_loss_gain(distance) / 2.0)[..., None] * (real + 1j * imaginary))


def _distances(rng: Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    users = shape[-1]
    known = np.linalg.norm(PLACES, axis=-1)[:users]
    more = rng.uniform(NEAREST, FARTHEST, (*shape[:-1], max(users - known.size, 0)))
    return np.concatenate([np.broadcast_to(known, (*shape[:-1], known.size)), more], axis=-1)


Draw = Callable[[Generator, tuple[int, ...]], Mapping[str, ArrayLike]]


def _draw(capacity: float, fields: Mapping[str, float]) -> Draw:
    def draw(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
        *batch, users, antennas = shape
        frames = (*batch, users)
        return {
            "channel": rayleigh_channel(rng, _distances(rng, frames), antennas),
            "workload": np.maximum(1.0, rng.poisson(LOAD, frames)),
            "battery": rng.uniform(0.0, CHARGED * capacity, frames),
            "battery_capacity": capacity,
            **fields,
        }

    return draw


SEARCHED = "ours: the paper is silent; found by a random search for constants with which its claims can hold"
UNITS = "ours: workloads of 40 cannot be served in unit bandwidth and time, so 10 kHz, 1 s and kbit"
SOURCES = {
    "channel": "section IV: users at (5, 5), (3, 3), (-2, 4) m, 3 antennas, path loss 20 + 20 log10(d) dB, Rayleigh "
    "fading; further users, ours: 3 to 7.5 m away",
    "workload": "section IV: Poisson of mean 40, ours: at least 1",
    "battery": "ours: uniform up to a fifth of the capacity",
    **dict.fromkeys(("bandwidth", "slot"), UNITS),
    **dict.fromkeys(
        (
            "battery_capacity",
            "noise_power",
            "carrier_power",
            "active_receive_power",
            "passive_receive_power",
            "server_energy",
            "reflection",
            "harvesting_efficiency",
            "circuit_power",
            "compute_energy",
            "compute_rate",
        ),
        SEARCHED,
    ),
    "unserved_price": "ours: above every price of work met, so that the penalty is exact",
    "battery_price": "ours: 0, as the paper, which prices the access point's energy alone",
    "mode": "section II",
    "harvesting": "(9) as printed",
    "passive_noise": "ours: (6) divides by a norm that its numerator has already used",
}

PRESETS: dict[str, Scenario] = {
    "paper": Scenario(
        "three users of the paper, constants searched for, since it gives few",
        SOURCES,
        _draw(2.0, {}),
        users=3,
        antennas=3,
    ),
    "harder": Scenario(
        "the same with a weaker carrier, costlier receivers and smaller batteries: many frames cannot be served in full",
        SOURCES,
        _draw(
            1.0,
            {
                "carrier_power": 4000.0,
                "active_receive_power": 100.0,
                "passive_receive_power": 50.0,
                "reflection": 0.3,
                "compute_energy": 0.012,
                "compute_rate": 80.0,
                "server_energy": 0.5,
            },
        ),
        users=3,
        antennas=3,
    ),
}
