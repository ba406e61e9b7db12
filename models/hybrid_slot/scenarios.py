"""The presets of hybrid slots, each number with its source.

Paper 000 gives the carrier, the noise, the band, the circuit's power and the workloads; the other constants are ours. They
were CHOSEN, after some fifty sets were tried, so that the paper's ordering of policies can show in the long run: in most
other settings a myopic user is within 10 % of the optimum. How far methods lie apart with these presets says nothing for the
paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.scenario import Scenario

Array = NDArray[np.float64]

GAIN = 7e-6
STATES = np.array([0.25, 0.5, 0.75, 1.0, 1.25])
"""Channel states, in `GAIN`; all are equally frequent."""
MOST = 50
"""Largest workload, kbit."""
CAPACITY = 60.0


def _slots(rng: Generator, shape: tuple[int, ...], *, penalty: float) -> Mapping[str, ArrayLike]:
    gain = GAIN * rng.choice(STATES, shape)
    return {
        "workload": rng.integers(0, MOST + 1, shape),
        "battery": rng.uniform(0.0, CAPACITY, shape),
        "uplink_gain": gain,
        "downlink_gain": gain,
        "outage_penalty": penalty,
    }


def _varied(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    def over(least: float, most: float) -> Array:
        return np.asarray(np.exp(rng.uniform(np.log(least), np.log(most), shape)))

    return {
        "workload": rng.uniform(1.0, 100.0, shape),
        "battery": rng.uniform(0.0, CAPACITY, shape),
        "uplink_gain": over(1e-6, 3e-5),
        "downlink_gain": over(1e-6, 3e-5),
        "reflection": over(3e-3, 0.3),
        "backscatter_power": over(0.1, 3000.0) * (rng.random(shape) < 0.9),
        "circuit_power": over(10.0, 3000.0),
        "cpu_speed": rng.uniform(0.0, 4.0, shape),
        "energy_coefficient": over(0.2, 5.0),
        "energy_floor": over(0.1, 10.0),
        "channel_price": over(1e-3, 0.3)[..., 0],
        "computing_price": over(1e-3, 0.3)[..., 0],
        "outage_penalty": rng.uniform(0.0, 5.0, shape),
        "service": rng.integers(0, 2, shape[:-1]),
    }


OURS = "ours: the paper is silent; chosen so that its ordering of policies can show, and no evidence for it"
_SOURCES = {
    "workload": "section IV: uniform on 0, 1, ..., 50; ours: kbit",
    "battery": "ours: uniform up to the capacity",
    "battery_capacity": OURS,
    "uplink_gain": f"{OURS}: 7e-6 times 1/4, 1/2, 3/4, 1 or 5/4, all alike frequent",
    "downlink_gain": "section IV: reciprocal, as the uplink",
    "carrier_power": "section IV: 10 mW",
    "harvesting_efficiency": "section IV: 0.6",
    "noise_power": "section IV: -110 dBm",
    "bandwidth": "section IV: 400 kHz",
    "slot": "section III: unit slots",
    "circuit_power": "section IV: 1 uW",
    "reflection": f"{OURS}; small, since it holds the losses of modulation and antenna, too",
    "backscatter_power": f"{OURS}; the paper neglects it, and its reward is then infinite",
    "cpu_speed": OURS,
    "cycles_per_bit": OURS,
    "energy_coefficient": OURS,
    "energy_floor": "ours: keeps the reward finite where next to no energy is spent",
    "price_weight": OURS,
    "channel_price": OURS,
    "computing_price": OURS,
    "outage_penalty": "ours: the paper has none, and at 0 its optimum leaves one workload in ten",
    "pacing": "ours: the paper's equality and a radio that never sleeps are the choice `strict`",
    "passive_rate": "ours: the carrier's power stands in y = alpha g b h x, and is missing in the printed rate",
    "service": "ours: a user may leave a workload, at the penalty",
}

PRESETS: dict[str, Scenario] = {
    "paper": Scenario(
        "the paper's single user; where it is silent, constants CHOSEN so that its ordering can show",
        _SOURCES,
        partial(_slots, penalty=2.0),
        users=1,
    ),
    "literal": Scenario(
        "the same without a penalty for workloads that are left, as the paper's reward",
        {**_SOURCES, "outage_penalty": "equation (7): none"},
        partial(_slots, penalty=0.0),
        users=1,
    ),
    "varied": Scenario(
        "several users whose constants vary over one to four decades; in half of the instances who can must serve",
        {
            **_SOURCES,
            **dict.fromkeys(
                (
                    "workload",
                    "uplink_gain",
                    "downlink_gain",
                    "reflection",
                    "backscatter_power",
                    "circuit_power",
                    "cpu_speed",
                    "energy_coefficient",
                    "energy_floor",
                    "channel_price",
                    "computing_price",
                    "outage_penalty",
                    "service",
                ),
                "ours: varied, so that every way to serve is best for some",
            ),
        },
        _varied,
        users=4,
    ),
}
