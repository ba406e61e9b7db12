"""The trainings behind figures 8 to 10, tables II and III: what is trained on what, with which settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.evaluation.study import Plan
from mecopt.learners.ojrs.settings import PAPER, SANE, OjrsSettings
from mecopt.models.multi_server_offloading import MultiServerOffloading
from mecopt.models.multi_server_offloading.scenarios import REFERENCE_GAIN, SIDE, distances, server_places
from mecopt.quantities.radio import rayleigh_amplitude, reference_gain

Array = NDArray[Any]

SLOTS, QUICK_SLOTS = 10_000, 200
USERS, SERVERS = 30, 2
MOST_SERVERS = 5

STEADY, CHANGED, MOVING, WALKING = "steady", "weights change", "places drawn for each slot", "users walk"
"""Streams: users stay where they are; their weights change at half time; other channel laws, which are ours."""
DYNAMIC: Mapping[float, str] = {n: f"table III, {n} {'servers' if n > 1 else 'server'}" for n in range(1, MOST_SERVERS + 1)}
"""Table III, by servers."""
CHANNELS: Mapping[float, str] = {n: f"channels of {n} servers" for n in range(2, MOST_SERVERS + 1)}
"""What is compressed, by servers."""


class Code(NamedTuple):
    """With what channels are compressed, and whose they are."""

    servers: int
    activation: str
    law: str


ACTIVATIONS = ("tanh", "sigmoid", "relu")
"""What the paper says that sigma can be; the learner takes the first one."""


def coded(servers: float, activation: str = ACTIVATIONS[0], law: str = STEADY) -> str:
    """Name the setting in which channels are compressed."""
    others = [one for one, usual in ((activation, ACTIVATIONS[0]), (law, STEADY)) if one != usual]
    return ", ".join([CHANNELS[servers], *others])


CODES: Mapping[str, Code] = {
    coded(n, activation, law): Code(int(n), activation, law)
    for n in CHANNELS
    for activation in ACTIVATIONS
    for law in (STEADY, MOVING)
}
"""What is compressed, by setting."""
FRESH = 1000
"""Added to a seed for slots that no network has seen."""
SEARCHES = "searches"
SETTINGS = (STEADY, MOVING, *DYNAMIC.values(), *CODES, WALKING, SEARCHES)

PAPER_NAME, SANE_NAME, OURS_NAME = "paper", "sane", "ours"
BASES: Mapping[str, Mapping[str, Any]] = {
    PAPER_NAME: {**PAPER, "refit": 0},
    SANE_NAME: {**SANE, "refit": 0},
    OURS_NAME: {},
}
"""The encoder has its offline stage alone: where networks are trained no channels drift, and nothing is to be tracked."""

PROPOSED = (PAPER_NAME, SANE_NAME)
"""The settings by which claims about OJRS are judged: as printed, where the code keeps little but the mean, and sane."""

RISE, FALL, SIZE = "T by the rise of the loss", "T by the fall of the loss", "T by the size of its change"
ITSELF, FIXED = "T by the loss itself", "T fixed"
UNIFORM, EPSILON, RAW = "uniform replay", "epsilon-greedy, uniform replay", "inputs as they are"

MOST_STEPS = 100
"""Ceiling of T where it is adapted: five times the paper's T; where a loss never settles it would grow for ever."""

CHANGES: Mapping[str, Mapping[str, Any]] = {
    RAW: {"encoder": "none"},
    UNIFORM: {"replay": "uniform"},
    EPSILON: {"labels": "epsilon-greedy", "replay": "uniform"},
    FIXED: {"adaptive": "fixed"},
    RISE: {"adaptive": "rise", "most_steps": MOST_STEPS},
    FALL: {"adaptive": "fall", "most_steps": MOST_STEPS},
    SIZE: {"adaptive": "change", "most_steps": MOST_STEPS},
    ITSELF: {"adaptive": "loss", "most_steps": MOST_STEPS},
}
"""Every change, by the words it goes by in tables; (30) is read in four ways."""

CHANGED_ALONE: Mapping[str, Sequence[str]] = {
    PAPER_NAME: (UNIFORM, EPSILON, RAW),
    SANE_NAME: (UNIFORM, EPSILON, RAW),
    OURS_NAME: (),
}
"""What is changed, each alone, from which settings, where users stay and nothing changes."""

ADAPTED: Mapping[str, Sequence[str]] = {PAPER_NAME: (FIXED, FALL, SIZE), SANE_NAME: (RISE, FALL, SIZE, ITSELF)}
"""What follows (30), or not, on the two servers of table III, where the environment varies at half time.

With the paper's sums the loss itself is never below epsilon, so that T would grow to its ceiling: it is not trained.
"""

ENDS = (1, MOST_SERVERS)
"""Numbers of servers with which our own settings are trained in table III."""


def varied(base: str, change: str = "") -> str:
    """Return the name of some settings with one change."""
    return f"{base}, {change}" if change else base


def plan(base: str, change: str = "", setting: str = STEADY) -> Plan:
    """Return the training of some settings with one change."""
    return Plan(varied(base, change), setting, "ojrs", {**BASES[base], **CHANGES.get(change, {})})


def ceiling(name: str) -> int:
    """Return the greatest T of some settings."""
    base, _, change = name.partition(", ")
    return int({**BASES[base], **CHANGES.get(change, {})}.get("most_steps", OjrsSettings().most_steps))


UNCOMPRESSED = varied(SANE_NAME, RAW)
"""What table III would have for most servers if nothing were compressed, as nothing is for one."""


def plans() -> Sequence[Plan]:
    """Return what is trained on each stream, once per seed."""
    return [
        *(plan(base, change) for base in BASES for change in ("", *CHANGED_ALONE[base])),
        *(plan(base, "", setting) for setting in (MOVING, *DYNAMIC.values()) for base in PROPOSED),
        *(plan(OURS_NAME, "", DYNAMIC[n]) for n in ENDS),
        *(plan(base, change, DYNAMIC[SERVERS]) for base, changes in ADAPTED.items() for change in changes),
        plan(SANE_NAME, RAW, DYNAMIC[MOST_SERVERS]),
    ]


def change_point(count: int) -> int:
    """Return the slot from which on table III has other weights: 5,000 of 10,000."""
    return count // 2


def places(kind: str, seed: int, count: int, draw: int) -> Array:
    """Return where users are in each slot, ``(slots, users, 2)`` m; at first where the seed says, uniform in the square."""
    here = np.random.default_rng((seed, 15, 4)).uniform(0.0, SIDE, (USERS, 2))
    if kind == MOVING:
        return np.random.default_rng((draw, 11, 4)).uniform(0.0, SIDE, (count, USERS, 2))
    if kind == WALKING:
        there = np.random.default_rng((seed, 12, 4)).uniform(0.0, SIDE, (USERS, 2))
        return here + np.linspace(0.0, 1.0, count)[:, None, None] * (there - here)
    return np.broadcast_to(here, (count, USERS, 2))


def stream(kind: str, seed: int, count: int, servers: int = SERVERS, *, fresh: bool = False) -> MultiServerOffloading:
    """Draw the slots of one seed: the same channels for every method and setting, users at the places of that seed.

    `MOVING`: every user's place is drawn anew for each slot; `WALKING`: it moves once along a straight line. Fresh slots are
    others of the same users.
    """
    draw = seed + FRESH if fresh else seed
    away = distances(places(kind, seed, count, draw), server_places(servers))
    gain = rayleigh_amplitude(np.random.default_rng((draw, servers, 4)), away.shape) * reference_gain(away, REFERENCE_GAIN)
    drawn = MultiServerOffloading(channel_gain=gain, distance=away)
    if kind != CHANGED:
        return drawn
    weight = np.ones((count, USERS))
    weight[change_point(count) :] = np.random.default_rng((seed, 5, 4)).uniform(0.5, 1.5, USERS)
    return MultiServerOffloading(**{**drawn.data(), "weight": weight})


def stream_of(setting: str, seed: int, count: int) -> MultiServerOffloading:
    """Return the stream of a setting in which something is trained."""
    servers = next((int(n) for n, name in DYNAMIC.items() if name == setting), SERVERS)
    return stream(setting if setting in (STEADY, MOVING) else CHANGED, seed, count, servers)
