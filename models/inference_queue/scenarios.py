"""The presets of inference queues, each number with its source.

Paper 002 gives the slots, the arrivals, the disc, the band, the gap and both switched capacitances. What it leaves out are
the weights, the output of a task, the greatest speeds and a power cap, without which the expected energy is infinite. Its
1e10 cycles a task are no phone's: two tasks a block are 40 GHz. All three presets have the same price of computing locally,
0.4 for a task in a block, and four tasks at most; they differ in what the radio costs beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.radio import rayleigh_power
from mecopt.scenario import Scenario

Array = NDArray[np.float64]

RADIUS, CLOSEST = 200.0, 10.0
"""Metres from the access point: the disc's radius, and what is not undercut."""
SHADOWING = 10.0
"""Standard deviation in dB."""
NOISE = -144.0
"""dBW: -174 dBm/Hz over 1 MHz."""
MOST = 6
"""Largest backlog drawn."""


def mean_snr(rng: Generator, shape: tuple[int, ...]) -> Array:
    """Draw average SNRs per watt of devices on the disc, 1/W: path loss and shadowing, no fading."""
    distance = np.maximum(RADIUS * np.sqrt(rng.random(shape)), CLOSEST)
    loss = 30.6 + 37.6 * np.log10(distance) + SHADOWING * rng.standard_normal(shape)
    return np.asarray(10.0 ** (-(loss + NOISE) / 10.0))


def _draw(rng: Generator, shape: tuple[int, ...], **constants: float) -> Mapping[str, ArrayLike]:
    return {
        "snr_per_watt": mean_snr(rng, shape) * rayleigh_power(rng, shape),
        "backlog": rng.integers(0, MOST + 1, shape),
        **constants,
    }


SILENT = "ours: the paper is silent"
_SOURCES = {
    "snr_per_watt": "section VI: a disc of 200 m, 30.6 + 37.6 log10(d) dB, shadowing of 10 dB, exponential fading; ours: at "
    "least 10 m, and noise of -144 dBW, which is -174 dBm/Hz over 1 MHz where the paper prints -174 dBW",
    "backlog": "ours: uniform on 0, 1, ..., 6; in the long run it is what the dynamics make it",
    "offload_price": "ours: 0, the paper's devices pay nothing for the server",
    "backlog_value": "ours: 3; such a constant comes within 4 % of the dynamic program's cost at 35 dB",
    "slots": "section VI: 5",
    "slot": "section VI: 0.1 s",
    "work": "section VI prints 1e10 cycles, which take 40 GHz; ours: 5e8",
    "output_per_cycle": f"{SILENT}; 2e-3 bit, so that a whole task is 10 bit/s/Hz",
    "bandwidth": "section VI: 1 MHz",
    "snr_gap": "section VI: 1.5",
    "energy_coefficient": "section VI: 1e-28",
    "cpu_speed": f"{SILENT}; 4 GHz, four tasks a block",
    "max_power": "ours: 1 W; the paper has no cap, and an expected energy that is infinite",
    "energy_weight": f"{SILENT}; 8, so that a task computed in a block costs 0.4 and most splits are inside",
    "queue": "ours: a task that leaves to the server has left; equation (1) keeps it, the choice `literal`",
}

PRESETS: dict[str, Scenario] = {
    "paper": Scenario(
        "the paper's radio and slots; constants it leaves out chosen so that task and radio cost alike (REC)",
        _SOURCES,
        _draw,
        users=10,
    ),
    "calibrated": Scenario(
        "tasks of 1e9 cycles beside a radio that costs next to nothing, so that its power cap binds (CAL)",
        {
            **_SOURCES,
            "work": "ours: 1e9",
            "output_per_cycle": f"{SILENT}; 1e-3 bit",
            "cpu_speed": f"{SILENT}; 8 GHz",
            "energy_weight": f"{SILENT}; 1",
        },
        partial(_draw, work=1e9, output_per_cycle=1e-3, cpu_speed=8e9, energy_weight=1.0),
        users=10,
    ),
    "literal": Scenario(
        "the paper's 1e10 cycles a task by its letter: 80 GHz and 400 J, and a radio that costs nothing (PAPER)",
        {
            **_SOURCES,
            "work": "section VI: 1e10",
            "output_per_cycle": f"{SILENT}; 1e-4 bit",
            "cpu_speed": f"{SILENT}; 80 GHz",
            "energy_weight": f"{SILENT}; 1e-3",
        },
        partial(_draw, work=1e10, output_per_cycle=1e-4, cpu_speed=80e9, energy_weight=1e-3),
        users=10,
    ),
}
