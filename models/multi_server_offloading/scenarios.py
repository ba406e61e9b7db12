"""How instances are drawn: the paper's setting, one in which everything varies, and one in which everything is limited."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.scenario import Scenario
from mecopt.quantities.radio import rayleigh_amplitude, reference_gain

SIDE = 50.0
"""Side of the paper's square, m."""

GEOMETRY_SEED = 7
"""Seed of the users' places in the preset "paper": the paper draws them once and does not print them."""

REFERENCE_GAIN = 1e-5
"""Power gain at 1 m; with 1 W and 1e-8 W of noise a signal-to-noise ratio of 30 dB, the only number that matters."""

PLACES = {
    1: ((25.0, 25.0),),
    2: ((10.0, 10.0), (40.0, 40.0)),
    3: ((10.0, 10.0), (25.0, 25.0), (40.0, 40.0)),
    4: ((10.0, 10.0), (10.0, 40.0), (40.0, 10.0), (40.0, 40.0)),
    5: ((10.0, 10.0), (10.0, 40.0), (25.0, 25.0), (40.0, 10.0), (40.0, 40.0)),
}
"""Coordinates of the servers in m, by their number: paper 004, section V-A."""


def user_places(users: int) -> NDArray[np.float64]:
    """Return the users' places in the preset "paper", ``(users, 2)`` m: uniform in the square, always the same."""
    return np.random.default_rng(GEOMETRY_SEED).uniform(0.0, SIDE, (users, 2))


def server_places(servers: int) -> NDArray[np.float64]:
    """Return the servers' places, ``(servers, 2)`` m: the paper's for one to five, beyond that a fixed uniform draw."""
    if servers in PLACES:
        return np.array(PLACES[servers])
    return np.random.default_rng((GEOMETRY_SEED, servers)).uniform(0.0, SIDE, (servers, 2))


def distances(users: NDArray[np.float64], servers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distances in m between places ``(..., users, 2)`` and ``(servers, 2)``."""
    return np.asarray(np.linalg.norm(users[..., :, None, :] - servers, axis=-1))


def _links(rng: Generator, shape: tuple[int, ...], users: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    apart = distances(users, server_places(shape[-1]))
    return {"channel_gain": rayleigh_amplitude(rng, shape) * reference_gain(apart, REFERENCE_GAIN), "distance": apart}


def _draw_paper(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    return _links(rng, shape, user_places(shape[-2]))


def _draw_heterogeneous(rng: Generator, shape: tuple[int, ...]) -> dict[str, NDArray[np.float64]]:
    per_user, per_server = shape[:-1], (*shape[:-2], shape[-1])
    return {
        **_links(rng, shape, rng.uniform(0.0, SIDE, (*per_user, 2))),
        "workload": rng.uniform(0.5e9, 1.5e9, per_user),
        "data_size": rng.uniform(4e5, 1.2e6, per_user),
        "weight": rng.uniform(0.5, 1.5, per_user),
        "local_speed": rng.uniform(0.5e9, 1.5e9, per_user),
        "server_speed": rng.uniform(0.5, 1.5, per_server) * 5e10 / 15.0 * shape[-2] / shape[-1],
    }


def _draw_power_limited(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    return {
        **_draw_heterogeneous(rng, shape),
        "capacitance": rng.uniform(0.5e-27, 1.5e-27, shape[:-1]),
        "power_exponent": 3.0,
        "max_local_power": rng.uniform(0.1, 1.0, shape[:-1]),
    }


def _draw_limited(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    users, servers = shape[-2:]
    drawn = _draw_heterogeneous(rng, shape)
    even = np.mean(drawn["server_speed"], axis=-1, keepdims=True) * servers / users
    return {
        **drawn,
        "admission": np.full((*shape[:-2], servers), max(1, -(-users // (servers + 1)))),
        "least_speed": rng.uniform(0.2, 0.6, shape[:-1]) * even,
        "most_speed": rng.uniform(0.8, 2.0, shape[:-1]) * even,
        "deadline": drawn["workload"] / drawn["local_speed"] * rng.uniform(1.0, 2.0, shape[:-1]),
    }


_RADIO = (
    "paper 004, section III: h = beta0 l / R^2 with users uniform in 50 m x 50 m; ours, where the paper is silent: "
    "l a Rayleigh amplitude with E l^2 = 1, R at least 1 m, signal-to-noise ratio 30 dB at 1 m, calibrated to table II"
)
_PAPER = {
    "channel_gain": f"{_RADIO}; the users' places are one fixed draw",
    "workload": "paper 004, table I: 1e9 cycles (it says cycles/s)",
    "data_size": "paper 004, table I: 100 kB",
    "weight": "ours: 1; the paper is silent",
    "bandwidth": "paper 004, table I: 1 MHz",
    "max_power": "ours: 1 W; only the signal-to-noise ratio matters",
    "noise_power": "ours: 1e-8 W; only the signal-to-noise ratio matters",
    "local_speed": "paper 004, table I: 1e9 cycles/s, which (1 W / 1e-27)^(1/3) equals",
    "server_speed": "paper 004, table I: 50e9 cycles/s",
    **dict.fromkeys(("admission", "least_speed", "most_speed", "deadline"), "ours: no limit, as in the paper"),
    "capacitance": "ours: 0; the paper's 1e-27 W s^3/cycle^3 at 1 W allows 1e9 cycle/s, which local_speed is",
    "power_exponent": "paper 004, below (8): 3",
    "max_local_power": "ours: no limit; see capacitance",
    "distance": "of the places: those of servers as in paper 004, section V-A",
}
_SPREAD = "ours: uniform within a factor of 1/2 to 3/2 of the paper's value, where all users are alike"
_HETEROGENEOUS = {
    **_PAPER,
    "channel_gain": f"{_RADIO}; the users' places are drawn for each instance",
    **dict.fromkeys(("workload", "data_size", "weight", "local_speed"), _SPREAD),
    "server_speed": "ours: as the users' data around a mean that gives 15 users what a server of the paper gives its 15",
}

PRESETS = {
    "paper": Scenario(
        "the paper's setting: fading varies, users stay where they are", _PAPER, _draw_paper, users=30, servers=2
    ),
    "heterogeneous": Scenario(
        "users that differ in tasks, weights and speed, at places of their own in each instance",
        _HETEROGENEOUS,
        _draw_heterogeneous,
        users=30,
        servers=3,
    ),
    "power-limited": Scenario(
        "the same with processors of users that their power keeps slower, by (7) and (8)",
        {
            **_HETEROGENEOUS,
            "capacitance": "ours: uniform within a factor of 1/2 to 3/2 of paper 004's 1e-27",
            "max_local_power": "ours: 0.1 to 1 W, so that it often allows less than local_speed",
        },
        _draw_power_limited,
        users=30,
        servers=3,
    ),
    "limited": Scenario(
        "users that differ, few places on each server, bounds on speeds, and deadlines",
        {
            **_HETEROGENEOUS,
            "admission": "ours: N / (M + 1), rounded up, so that some stay local",
            "least_speed": "ours: 0.2 to 0.6 of an even share",
            "most_speed": "ours: 0.8 to 2 times an even share",
            "deadline": "ours: 1 to 2 times the local latency, so that staying local is always in time",
        },
        _draw_limited,
        users=30,
        servers=3,
    ),
}
