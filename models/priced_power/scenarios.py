"""The presets: paper 004's radio, with prices, budgets and an interference limit of ours."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.scenario import Scenario
from mecopt.quantities.radio import rayleigh_amplitude, reference_gain

Array = NDArray[Any]

AREA = 50.0
"""Side of the square that users stand in, m."""
STATION, NEIGHBOUR = (25.0, 25.0), (75.0, 25.0)
"""The station at the centre, and that of the next square, m."""
GAIN_AT_1_M = 1e-5
"""With 1 W and 1e-8 W of noise: 30 dB at 1 m."""
NOISE = 1e-8
TOLERATED = 10.0**-0.6 * NOISE
"""Interference 6 dB below the neighbour's noise, which costs the neighbour 1 dB."""

TASK, BAND = 8e5, 1e6
"""Bits of a task, and hertz of a link."""
CYCLES, LOCAL_SPEED, SERVER_SPEED, CAPACITANCE = 1e9, 1e9, 5e10, 1e-27


def local_cost(energy_price: float) -> float:
    """Return time and priced energy of computing locally at the paper's speed, s: a watt for a second."""
    return CYCLES / LOCAL_SPEED + energy_price * CAPACITANCE * LOCAL_SPEED**2 * CYCLES


def _gain(rng: Generator, place: Array, station: tuple[float, float]) -> Array:
    distance = np.linalg.norm(place - np.asarray(station), axis=-1)
    return reference_gain(distance, GAIN_AT_1_M) * rayleigh_amplitude(rng, distance.shape)


def _draw(rng: Generator, shape: tuple[int, ...], *, energy_price: float, budget: str) -> Mapping[str, ArrayLike]:
    place = rng.uniform(0.0, AREA, (*shape, 2))
    gain = _gain(rng, place, STATION)
    fields: dict[str, ArrayLike] = {
        "channel_gain": gain,
        "interference_gain": _gain(rng, place, NEIGHBOUR),
        "interference_limit": TOLERATED,
        "energy_price": energy_price,
        "local_cost": local_cost(energy_price),
        "server_time": CYCLES * shape[-1] / SERVER_SPEED,
    }
    if budget == "enough":
        least = TASK * np.log(2.0) * NOISE / (BAND * gain)
        fields["energy_budget"] = least * np.exp(rng.uniform(np.log(1.05), np.log(20.0), shape))
    elif budget == "same":
        fields["energy_budget"] = 0.5
    return fields


_RADIO = {
    "channel_gain": "paper 004: 50 m x 50 m, beta0 l / max(R, 1 m)^2; ours where it is silent: station at the centre, "
    "beta0 = 1e-5, so that the signal-to-noise ratio at 1 m is 30 dB, l a Rayleigh amplitude with E l^2 = 1",
    "interference_gain": "ours: the same law towards the station of the next square, 50 m away, with fading of its own",
    "data_size": "paper 004: 100 kB",
    "bandwidth": "paper 004: 1 MHz per link",
    "max_power": "ours: the paper is silent; only its ratio to the noise matters",
    "noise_power": "ours: the paper is silent; only its ratio to the power matters",
    "weight": "ours: the paper is silent; all alike",
    "interference_limit": "ours: 6 dB below the neighbour's noise; binds in nearly all instances",
    "local_cost": "paper 004: 1e9 cycles at 1e9 cycles/s with kappa = 1e-27, which takes 1 s and 1 J; ours: the joule costs "
    "the price of energy",
    "server_time": "paper 004: 1e9 cycles on 5e10 cycles/s; ours: every user has an equal part of it",
}
_DEAR = "ours: alpha P = 10, so that near the station the ratios are not convex in the power"
_CHEAP = "ours: alpha P = 0.1, below the 1 up to which every ratio is convex in the power"

PRESETS: dict[str, Scenario] = {
    "paper": Scenario(
        "the radio of paper 004, energy dear, every task just within its user's budget",
        {
            **_RADIO,
            "energy_price": _DEAR,
            "energy_budget": "ours: 1.05 to 20 times the least energy that carries the task at any rate, so that all "
            "decisions are feasible and some budgets bind",
        },
        partial(_draw, energy_price=10.0, budget="enough"),
    ),
    "scarce": Scenario(
        "as paper, but all have the same budget, with which some users cannot offload",
        {**_RADIO, "energy_price": _DEAR, "energy_budget": "ours: 0.5 J, too little for users far away or in a fade"},
        partial(_draw, energy_price=10.0, budget="same"),
    ),
    "convex": Scenario(
        "as paper, but energy is cheap and unlimited: the literal ratios are convex",
        {**_RADIO, "energy_price": _CHEAP, "energy_budget": "ours: unlimited"},
        partial(_draw, energy_price=0.1, budget="none"),
    ),
}
