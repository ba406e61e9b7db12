"""The trainings behind figures 8 to 10, tables II and III and the ablation: what is trained on what, with which settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mecopt.evaluation.study import Plan
from mecopt.learners.ojrs.settings import PAPER, SANE
from mecopt.models.multi_server_offloading import MultiServerOffloading

SLOTS, QUICK_SLOTS = 10_000, 100
USERS, SERVERS = 30, 2
MOST_SERVERS = 5

STEADY, CHANGED = "steady", "weights change"
DYNAMIC: Mapping[float, str] = {n: f"table III, {n} {'servers' if n > 1 else 'server'}" for n in range(1, MOST_SERVERS + 1)}
"""Table III, by servers."""
CHANNELS: Mapping[float, str] = {n: f"channels of {n} servers" for n in range(2, MOST_SERVERS + 1)}
"""What is compressed, by servers."""
SEARCHES = "searches"
SETTINGS = (STEADY, *DYNAMIC.values(), *CHANNELS.values(), SEARCHES)

PAPER_NAME, SANE_NAME, OURS_NAME = "paper", "sane", "ours"
BASES: Mapping[str, Mapping[str, Any]] = {PAPER_NAME: PAPER, SANE_NAME: SANE, OURS_NAME: {}}

PROPOSED = (PAPER_NAME, SANE_NAME)
"""The settings by which claims about OJRS are judged: as printed, where the code keeps little but the mean, and sane."""

RISE, SIZE, FIXED = "T by the rise of the loss", "T by the size of its change", "T fixed"
UNIFORM, RAW = "uniform replay", "inputs as they are"

CHANGES: Mapping[str, Mapping[str, Any]] = {
    RAW: {"encoder": "none"},
    "AE": {"encoder": "ae"},
    "SAE": {"encoder": "sae"},
    "2r-SAE": {"encoder": "2r-sae"},
    "loss (23) averaged": {"averaged": True},
    "ASA literal": {"neighbour": "literal"},
    "ASA guided": {"neighbour": "guided"},
    "SA": {"neighbour": "one-user"},
    UNIFORM: {"replay": "uniform"},
    "preserved alone": {"replay": "preserved"},
    "priority alone": {"replay": "prioritised"},
    "2p-ER": {"replay": "preserved-prioritised"},
    FIXED: {"adaptive": "fixed"},
    RISE: {"adaptive": "rise"},
    SIZE: {"adaptive": "change"},
    "T = 100": {"steps": 100},
    "T = 500": {"steps": 500},
    "ASA of 100 steps for labels": {"labels": "annealing"},
    "local search for labels": {"labels": "local-search"},
    "optimum for labels": {"labels": "optimum"},
    "entropy as a mean": {"cross_entropy": "mean"},
    "memory of 4,096": {"memory": 4096},
    "one step per update": {"updates": 1},
    "with L2": {"l2": 0.02},
    "without L2": {"l2": 0.0},
}
"""Every change of one component, by the words it goes by in tables."""

QUICK_CHANGED_ALONE = {
    PAPER_NAME: (UNIFORM, FIXED, SIZE, RAW),
    SANE_NAME: (UNIFORM, RISE, SIZE, RAW),
    OURS_NAME: (),
}
"""What figures and verdicts need."""

CHANGED_ALONE = {
    PAPER_NAME: (
        *QUICK_CHANGED_ALONE[PAPER_NAME],
        *("SAE", "loss (23) averaged", "ASA guided", "local search for labels", "entropy as a mean", "without L2"),
        "one step per update",
    ),
    SANE_NAME: (
        *QUICK_CHANGED_ALONE[SANE_NAME],
        *("SAE", "AE", "ASA literal", "SA", "preserved alone", "priority alone"),
        *("T = 100", "T = 500", "local search for labels", "optimum for labels", "with L2"),
        *("memory of 4,096", "one step per update"),
    ),
    OURS_NAME: ("2r-SAE", "2p-ER", "ASA of 100 steps for labels", "optimum for labels"),
}
"""The ablation: what is changed, each alone, from which settings."""


def varied(base: str, change: str = "") -> str:
    """Return the name of some settings with one change."""
    return f"{base}, {change}" if change else base


def plan(base: str, change: str = "", setting: str = STEADY) -> Plan:
    """Return the training of some settings with one change."""
    return Plan(varied(base, change), setting, "ojrs", {**BASES[base], **CHANGES.get(change, {})})


UNCOMPRESSED = varied(SANE_NAME, RAW)
"""What table III would have for most servers if nothing were compressed, as nothing is for one."""


def plans(quick: bool) -> Sequence[Plan]:
    """Return the three settings and the ablation on two servers, and table III: the weights drawn anew at half time."""
    alone = QUICK_CHANGED_ALONE if quick else CHANGED_ALONE
    return [
        *(plan(base) for base in BASES),
        *(plan(base, change) for base, changes in alone.items() for change in changes),
        *(plan(base, "", setting) for setting in DYNAMIC.values() for base in BASES),
        plan(SANE_NAME, RAW, DYNAMIC[MOST_SERVERS]),
    ]


def change_point(count: int) -> int:
    """Return the slot from which on table III has other weights: 5,000 of 10,000."""
    return count // 2


def stream(kind: str, seed: int, count: int, servers: int = SERVERS) -> MultiServerOffloading:
    """Draw the slots of one seed: the same channels for every method and setting, users where they always are."""
    drawn = MultiServerOffloading.sample(np.random.default_rng((seed, servers, 4)), (count,), users=USERS, servers=servers)
    if kind == STEADY:
        return drawn
    weight = drawn.weight.copy()
    weight[change_point(count) :] = np.random.default_rng((seed, 5, 4)).uniform(0.5, 1.5, USERS)
    return MultiServerOffloading(**{**drawn.data(), "weight": weight})


def stream_of(setting: str, seed: int, count: int) -> MultiServerOffloading:
    """Return the stream of a setting in which something is trained."""
    servers = next((int(n) for n, name in DYNAMIC.items() if name == setting), SERVERS)
    return stream(STEADY if setting == STEADY else CHANGED, seed, count, servers)
