"""The trainings behind figures 8 to 10, tables II and III and the ablation: what is trained on what, with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mecopt.learners.ojrs.settings import PAPER, SANE
from mecopt.learners.plans import Plan
from mecopt.models.multi_server_offloading import MultiServerOffloading
from mecopt.problem import Problem

SLOTS, QUICK_SLOTS = 10_000, 100
USERS, SERVERS = 30, 2
MOST_SERVERS = 5

STEADY, CHANGED = "steady", "weights change"

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
    "two steps per update": {"updates": 2},
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
    ),
    SANE_NAME: (
        *QUICK_CHANGED_ALONE[SANE_NAME],
        *("SAE", "AE", "ASA literal", "SA", "preserved alone", "priority alone"),
        *("T = 100", "T = 500", "local search for labels", "optimum for labels", "with L2"),
        *("memory of 4,096", "two steps per update"),
    ),
    OURS_NAME: ("2r-SAE", "2p-ER", "ASA of 100 steps for labels", "optimum for labels"),
}
"""The ablation: what is changed, each alone, from which settings."""


def varied(base: str, change: str = "", stream: str = STEADY, servers: int = SERVERS) -> Plan:
    """Return the plan of some settings with one change."""
    name = f"{base}, {change}" if change else base
    return Plan(name, stream, {**BASES[base], **CHANGES.get(change, {})}, USERS, servers)


BASE = tuple(varied(base) for base in BASES)
DYNAMIC_BASES = (PAPER_NAME, SANE_NAME, OURS_NAME)
UNCOMPRESSED = varied(SANE_NAME, RAW, CHANGED, MOST_SERVERS)
"""What table III would have for most servers if nothing were compressed, as nothing is for one."""
DYNAMIC = (
    *(varied(base, "", CHANGED, servers) for base in DYNAMIC_BASES for servers in range(1, MOST_SERVERS + 1)),
    UNCOMPRESSED,
)
"""Table III: one to five servers, the weights drawn anew at half time."""


def ablation(quick: bool) -> tuple[Plan, ...]:
    """Return the plans in which one component is changed."""
    alone = QUICK_CHANGED_ALONE if quick else CHANGED_ALONE
    return tuple(varied(base, change) for base, changes in alone.items() for change in changes)


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


def stream_of(plan: Plan, seed: int, count: int) -> Problem:
    """Return the stream of a plan."""
    return stream(plan.stream, seed, count, plan.servers or SERVERS)
