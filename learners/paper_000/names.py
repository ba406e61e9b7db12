"""What is measured of paper 000: quantities, methods and settings by the names under which they are reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LETTER, QOS = "nu = 0", "nu = 2"
"""The paper's letter, where an outage costs nothing, and a penalty with which service matters; presets of `hybrid-slot`."""
PRESETS = {QOS: "paper", LETTER: "literal"}
SETTINGS = tuple(PRESETS)

DDPG, DQN = "DDPG", "DQN"
"""With the paper's raw actions: parts of the slot, and a grid of them."""
SOLVER_DDPG, SOLVER_DQN = "DDPG, solver in the loop", "DQN, solver in the loop"
"""Which decide what to keep; the slot's solver does the rest."""
COMMON = {"discount": 0.9, "updates": 8}
"""An update for each slot, as in the paper's algorithm 1. It gives no discount; the best policy of this one earns 99 % of
the best average, and values are half as large as at 0.95."""
NUMBERS, CHOICES = {"algorithm": "ddpg", **COMMON}, {"algorithm": "dqn", "learning_rate": 3e-4, **COMMON}
"""In a trial DQN was unsteady at DDPG's rate."""
LEARNED: Mapping[str, Mapping[str, Any]] = {
    DDPG: {"actions": "raw", **NUMBERS},
    DQN: {"actions": "raw-choices", **CHOICES},
    SOLVER_DDPG: {"actions": "solver", **NUMBERS},
    SOLVER_DQN: {"actions": "solver-choices", **CHOICES},
}

GREEDY, OPT_OUT = "greedy-must", "greedy-optout"
"""The paper's greedy user, who serves whenever possible, and one who leaves what earns less than an outage."""
SHADOW, OPTIMAL, RANDOM = "shadow-price", "dynamic-program", "random"
UNTRAINED = (GREEDY, OPT_OUT, SHADOW, OPTIMAL, RANDOM)
FORESEEN = "perfect information"

REWARD, SERVED, OUTAGE = "reward [kbit/nJ]", "work served [kbit]", "outage"
LOCAL, ACTIVE, PASSIVE = "local work [kbit]", "active work [kbit]", "passive work [kbit]"
HARVESTED, BATTERY = "energy harvested [nJ]", "energy in the battery [nJ]"
MEASURES = {
    "outage": OUTAGE,
    "local": LOCAL,
    "active": ACTIVE,
    "passive": PASSIVE,
    "harvested": HARVESTED,
    "battery": BATTERY,
}
"""By the names of the dynamics' measures."""
ALONG = " along the training"
"""Follows the name of a quantity that is measured at every check of a training, on the path of the checks."""
LOWER, UPPER = "proved lower bound [kbit/nJ]", "proved upper bound [kbit/nJ]"
LONG_RUN, OF_CHOICES = "all actions", "the choices of DQN"
"""Whose best average reward is bounded."""

CHECKS, CHECK_SLOTS = 20, 20_000
"""Trials of a policy during its training, and the slots of each."""
SLOTS, QUICK_SLOTS = 40_000, 1_600
"""Of a training, over all lanes."""
POINTS = tuple((k + 1) / CHECKS for k in range(CHECKS))
"""Parts of a training after which it is checked."""
