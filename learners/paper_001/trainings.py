"""The trainings behind figure 2 and what is asked beyond it: who learns what, with which beams, from which reward.

All have the networks and numbers of Table I but `FARTHER`, and meet the same frames of a seed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mecopt.contract.problem import Problem
from mecopt.learners.h_maddpg import LEARNER, record
from mecopt.learners.h_maddpg.settings import MODEL_FREE, PAPER
from mecopt.learners.log import LOG
from mecopt.learners.paper_001.measures import Array
from mecopt.learners.paper_001.policies import random_of
from mecopt.learners.plans import Plan, train_one
from mecopt.models.backscatter_frame import BackscatterFrame

FRAMES, QUICK_FRAMES = 4000, 70
USERS = 3

STEADY = "frames"
"""The one kind of stream: the preset's frames."""

RAW, WEIGHTS = "raw", "weights"
BEAMS = (RAW, WEIGHTS)
"""What the access point's action is: antenna weights, as printed, or weights of users, as optimal beams have them."""

DRIVEN, ALONE, FREE, FREE_TEAM = "optimisation-driven", "optimiser alone", "model-free", "model-free, team reward"
KINDS = {
    DRIVEN: PAPER,
    ALONE: {**PAPER, "users": "optimised"},
    FREE: MODEL_FREE,
    FREE_TEAM: {**MODEL_FREE, "user_reward": "team"},
}
"""Algorithm 1; its access point alone, users doing what the optimiser says; its rival with the users' own reward (12), as
printed, and with the reward (11) that all share."""

RIVALS = (FREE, FREE_TEAM)


def plan(kind: str, beams: str, change: str = "", **settings: Any) -> Plan:
    """Return a training."""
    name = f"{kind}, {beams}" + (f", {change}" if change else "")
    return Plan(name, STEADY, {**KINDS[kind], "beams": beams, **settings}, USERS)


FIGURE = {(kind, beams): plan(kind, beams) for kind in KINDS for beams in BEAMS}
"""Figure 2 by kind and beams."""

TEAM = plan(DRIVEN, WEIGHTS, "team reward", user_reward="team")
ESTIMATE = plan(DRIVEN, WEIGHTS, "estimate executed", executed="estimate")
USERS_ACT = plan(DRIVEN, WEIGHTS, "users executed", executed="users")
USERS_ACT_RAW = plan(DRIVEN, RAW, "users executed", executed="users")
FARTHER = (
    plan(ALONE, WEIGHTS, "ReLU", activation="relu"),
    plan(ALONE, WEIGHTS, "ReLU, gamma 0.9, memory 20,000", activation="relu", discount=0.9, memory=20_000),
)
"""Other networks, and an access point that looks farther ahead: what it spends now is in batteries later."""

PLANS = (*FIGURE.values(), TEAM, ESTIMATE, USERS_ACT, USERS_ACT_RAW, *FARTHER)


def stream_of(plan: Plan, seed: int, count: int) -> Problem:
    """Draw the frames of one seed, the same for every plan."""
    return BackscatterFrame.sample(random_of(seed, 4), (count,), users=plan.users)


def trained(plan: Plan, folder: Path, seed: int, count: int) -> dict[str, Array]:
    """Train one plan with one seed, unless it stands there already; return what happened, by name and frame."""
    train_one(LEARNER, stream_of, plan, folder, seed, count)
    return record.read(folder / LOG)
