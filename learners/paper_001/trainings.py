"""The trainings behind figure 2 and what is asked beyond it: who learns what, with which beams, from which reward.

All have the networks and numbers of Table I but `FARTHER`, and meet the same frames of a seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mecopt.evaluation.study import Plan
from mecopt.learners.h_maddpg import LEARNER
from mecopt.learners.h_maddpg.settings import MODEL_FREE, PAPER
from mecopt.learners.paper_001.names import STEADY
from mecopt.learners.paper_001.policies import random_of
from mecopt.models.backscatter_frame import BackscatterFrame

USERS = 3

RAW, WEIGHTS = "raw", "weights"
BEAMS: Mapping[str, str] = {RAW: "antenna weights", WEIGHTS: "weights of users"}
"""What the access point's action is: antenna weights, as printed, or weights of users, as optimal beams have them."""

DRIVEN, ALONE, FREE, FREE_TEAM = "optimisation-driven", "optimiser alone", "model-free", "model-free, team reward"
KINDS: Mapping[str, Mapping[str, Any]] = {
    DRIVEN: PAPER,
    ALONE: {**PAPER, "users": "optimised"},
    FREE: MODEL_FREE,
    FREE_TEAM: {**MODEL_FREE, "user_reward": "team"},
}
"""Algorithm 1; its access point alone, users doing what the optimiser says; its rival with the users' own reward (12), as
printed, and with the reward (11) that all share."""

RIVALS = (FREE, FREE_TEAM)


def named(kind: str, beams: str, change: str = "") -> str:
    """Name a training."""
    return f"{kind}, {beams}" + (f", {change}" if change else "")


def plan(kind: str, beams: str, change: str = "", **settings: Any) -> Plan:
    """Return a training."""
    return Plan(named(kind, beams, change), STEADY, LEARNER.name, {**KINDS[kind], "beams": beams, **settings})


FIGURE = tuple(plan(kind, beams) for kind in KINDS for beams in BEAMS)
"""Figure 2."""

TEAM = plan(DRIVEN, WEIGHTS, "team reward", user_reward="team")
ESTIMATE = plan(DRIVEN, WEIGHTS, "estimate executed", executed="estimate")
USERS_ACT = plan(DRIVEN, WEIGHTS, "users executed", executed="users")
USERS_ACT_RAW = plan(DRIVEN, RAW, "users executed", executed="users")
FARTHER = (
    plan(ALONE, WEIGHTS, "ReLU", activation="relu"),
    plan(ALONE, WEIGHTS, "ReLU, gamma 0.9, memory 20,000", activation="relu", discount=0.9, memory=20_000),
)
"""Other networks, and an access point that looks farther ahead: what it spends now is in batteries later."""

PLANS = (*FIGURE, TEAM, ESTIMATE, USERS_ACT, USERS_ACT_RAW, *FARTHER)


def stream_of(seed: int, count: int) -> BackscatterFrame:
    """Draw the frames of one seed, the same for every training."""
    return BackscatterFrame.sample(random_of(seed, 4), (count,), users=USERS)
