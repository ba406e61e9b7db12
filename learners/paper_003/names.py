"""What is measured of paper 003: quantities, methods and settings by the names under which they are reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mecopt.learners.decision_net.settings import LITERAL, PAPER

INSTANCES, QUICK_INSTANCES = 10_000, 300
"""Of a training."""
POINTS = 100
"""Of a curve along a training; x is always an instance of a whole one."""
SPANS = ((5_000, 7_000), (7_000, 10_000))
"""From a change of the setting to the next one, or the end."""
USERS_OFF = 3

STEADY, WEIGHT, SWITCHED = "steady", "weight changes", "users change"
DIFFERENT, RATE = "heterogeneous", "computation-rate"
OF_USERS: Mapping[float, str] = {10: STEADY, 15: "15 users", 20: "20 users"}
"""Table 1, by N."""
SETTINGS = (STEADY, WEIGHT, SWITCHED, DIFFERENT, RATE, OF_USERS[15], OF_USERS[20])
USERS: Mapping[str, int] = {setting: int(users) for users, setting in OF_USERS.items()}
"""N, where it is not 10."""

PROPOSED, OURS = "proposed", "ours"
"""The network and its loop with the paper's settings, and with ours."""
OUR_SETTINGS: Mapping[str, Any] = {}
LEFT_OUT, ONE, LABELLED = (f"{PROPOSED}, {what}" for what in ("own decision left out", "K = 1", "optimal labels"))
MEMORY_1000, MEMORY_ALL = (f"{PROPOSED}, memory of {size}" for size in ("1,000", "10,000"))
NEEDED: Mapping[str, Mapping[str, Any]] = {
    LEFT_OUT: LITERAL,
    ONE: {**PAPER, "candidates": 1},
    LABELLED: {**PAPER, "labels": "optimum"},
    MEMORY_1000: {**PAPER, "memory": 1_000},
    MEMORY_ALL: {**PAPER, "memory": 10_000},
}
"""What verdicts need beside the two networks."""
ABLATION: Mapping[str, Mapping[str, Any]] = {
    **NEEDED,
    f"{OURS}, own decision left out": {"own_included": False},
    f"{OURS}, exactly 4 flips": {"scheme": "perturb-exactly"},
    f"{OURS}, 1 flip each": {"flips": 1},
    f"{OURS}, order-preserving": {"scheme": "order-preserving"},
    f"{OURS}, nearest-neighbour": {"scheme": "nearest-neighbour"},
    f"{OURS}, K = 4": {"candidates": 4},
    f"{OURS}, K = 11": {"candidates": 11},
    f"{OURS}, learning rate 0.01": {"learning_rate": 0.01},
    f"{OURS}, learning rate 0.01 falling to 0": {"learning_rate": 0.01, "rate_schedule": "linear"},
    f"{OURS}, unscaled inputs": {"scaling": "raw"},
    f"{OURS}, memory of 1,000": {"memory": 1_000},
    f"{OURS}, memory of 10,000": {"memory": 10_000},
}

DESCENT, AVERAGE, ALL_OFFLOAD, ALL_LOCAL = "CD_SLSQP", "CD_AVERAGE", "ALL_OFFLOAD", "ALL_LOCAL"
WEAK = (ALL_LOCAL, ALL_OFFLOAD, AVERAGE)
"""Methods of figure 9 that are said to perform poorly."""
BY_SIZE, SCAN, FROM_LOCAL, GUESSES = "sorted by size", "index-scan", "coordinate-descent", "best-of-random"
SOLVERS: Mapping[str, str] = {
    "exact": "exact",
    SCAN: SCAN,
    FROM_LOCAL: FROM_LOCAL,
    DESCENT: "cd-random",
    GUESSES: GUESSES,
    "random": "random",
    "all-offload": "all-offload",
    ALL_LOCAL: "all-local",
}
"""Methods that learn nothing and the solvers that decide as they do: CD_SLSQP without SLSQP, by the closed form."""
BASELINES: Mapping[str, Mapping[str, str]] = {
    STEADY: {**SOLVERS, BY_SIZE: BY_SIZE, ALL_OFFLOAD: "all-offload-equal", AVERAGE: "cd-average"},
    DIFFERENT: {**SOLVERS, BY_SIZE: BY_SIZE},
    RATE: SOLVERS,
}

RATIO, OWN, LOSS = "ratio", "ratio alone", "loss"
"""Of the least cost to that of what was played, and of what the network would have played; cross entropy."""
PERCENTILE, LEAST, SOLVES = "1st percentile", "least ratio", "solves"
"""Over the last 30 % of the instances."""
TIME, TIMED = "time [ms]", {PROPOSED: f"{PROPOSED}, SLSQP", OURS: f"{OURS}, SLSQP"}
"""Of a decision, in the median; networks whose K decisions are allocated by SLSQP, as the paper's are."""
CLOSED, CLOSED_DESCENT = f"{OURS}, square-root rule", f"{DESCENT}, square-root rule in place of SLSQP"
PROVED, IN_BATCH = "exact, proved", "exact, proved, in a batch of 1,000"
WAYS = (*TIMED.values(), DESCENT, CLOSED, CLOSED_DESCENT, PROVED, IN_BATCH)
SLSQP_ERROR = "relative difference of the least cost of all decisions by SLSQP from the proved optimum"
