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

from mecopt.contract.scenario import Scenario
from mecopt.quantities.radio import rayleigh_power

Array = NDArray[np.float64]

RADIUS, CLOSEST = 200.0, 10.0
"""Metres from the access point: the disc's radius, and what is not undercut."""
SHADOWING = 10.0
"""Standard deviation in dB."""
NOISE = -144.0
"""dBW: -174 dBm/Hz over 1 MHz."""
SERVER_SPEED = 2e9
"""Of the server for every device, cycle/s; ours."""
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
        "server_backlog": 0.5 * shape[-1] * rng.random(shape[:-1]),
        "server_speed": SERVER_SPEED * shape[-1],
        **{name: value * shape[-1] if name == "server_speed" else value for name, value in constants.items()},
    }


SILENT = "ours: the paper is silent"
_SOURCES = {
    "snr_per_watt": "section VI: a disc of 200 m, 30.6 + 37.6 log10(d) dB, shadowing of 10 dB, exponential fading; ours: at "
    "least 10 m, and noise of -144 dBW, which is -174 dBm/Hz over 1 MHz where the paper prints -174 dBW",
    "backlog": "ours: uniform on 0, 1, ..., 6; in the long run it is what the dynamics make it",
    "offload_price": "ours: 0, the paper's devices pay nothing for the server",
    "backlog_value": "ours: 3; such a constant comes within 7 % of the dynamic program's cost at 35 dB, 4 within 4 %",
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
    "arrivals": "ours: none; in the long run binomial, of a task in each slot with probability 0.4 (section VI)",
    "server_backlog": "ours: uniform up to half a task for each device; in the long run it is what the dynamics make it",
    "server_value": "ours: 1, a task that waits a block",
    "server_task": "ours: as at the devices",
    "server_energy_coefficient": "section VI: 1e-29",
    "server_speed": f"{SILENT}; 2 GHz for each device",
    "server_energy_weight": f"{SILENT}; 8e-3",
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
            "server_speed": f"{SILENT}; 4 GHz for each device",
            "server_energy_weight": f"{SILENT}; 1e-3",
        },
        partial(
            _draw,
            work=1e9,
            output_per_cycle=1e-3,
            cpu_speed=8e9,
            energy_weight=1.0,
            server_task=1e9,
            server_speed=4e9,
            server_energy_weight=1e-3,
        ),
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
            "server_speed": f"{SILENT}; 40 GHz for each device",
            "server_energy_weight": f"{SILENT}; 1e-6",
        },
        partial(
            _draw,
            work=1e10,
            output_per_cycle=1e-4,
            cpu_speed=80e9,
            energy_weight=1e-3,
            server_task=1e10,
            server_speed=40e9,
            server_energy_weight=1e-6,
        ),
        users=10,
    ),
}
