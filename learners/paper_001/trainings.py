"""What is trained: the methods of figure 2 with Table I, the same tuned, and Algorithm 1 at values of figures 3 and 4.

All trainings of a seed at the same places, carrier and work meet the same frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mecopt.evaluation.study import Plan
from mecopt.learners.h_maddpg import LEARNER
from mecopt.learners.h_maddpg.settings import MODEL_FREE, PAPER, HMaddpgSettings
from mecopt.learners.paper_001.names import BEAMS, COMMON, DISTANCES, OWN, STEADY
from mecopt.learners.paper_001.tuning import BEST, settings_of
from mecopt.learners.paper_001.worlds import AXES, FEW, World

DRIVEN, ALONE, FREE, FREE_TEAM, FLAT = (
    *("optimisation-driven", "optimiser alone", "model-free", "model-free, team reward"),
    "flat",
)
KINDS: Mapping[str, Mapping[str, Any]] = {
    DRIVEN: PAPER,
    ALONE: {"users": "optimised"},
    FREE: MODEL_FREE,
    FREE_TEAM: {**MODEL_FREE, "user_reward": "team"},
    FLAT: {"users": "flat"},
}
"""With the networks and numbers of Table I: Algorithm 1; its access point alone, users doing what the optimiser says; its
rival with the users' own reward (12), as printed, and with the reward (11) that all share; one agent for everything."""

STILL = "constant noise, optimisation-driven"
"""Algorithm 1 with noise that does not fall, of which the paper says nothing: what falls meanwhile has been learned."""

RIVALS = (FREE, FREE_TEAM)
"""Whose hierarchy has no optimiser."""

TUNED = "tuned"
TUNED_KINDS: Mapping[str, Mapping[str, Any]] = {
    DRIVEN: settings_of("optimisation-driven", BEST["optimisation-driven"]),
    ALONE: settings_of("optimisation-driven", BEST["optimisation-driven"], "optimised"),
    FREE: settings_of("model-free", BEST["model-free"]),
    FLAT: settings_of("flat", BEST["flat"]),
}
"""The same by the best of their tries; the access point alone by that of Algorithm 1."""


def named(kind: str, variant: str) -> str:
    """Name a training, by what the access point's action is with Table I, or as tuned."""
    return f"{kind}, {variant}"


def beside(world: World, beams: str) -> str:
    """Name a training of Algorithm 1 for a value of figures 3 and 4."""
    return f"{OWN[beams]}, at {world.power:g} mW, {world.load:g} kbit, {world.scale:g} times the distances"


NOISE = HMaddpgSettings().noise
"""With which every training begins."""

FIGURE = (
    *(Plan(named(kind, beams), STEADY, LEARNER.name, {**KINDS[kind], "beams": beams}) for kind in KINDS for beams in BEAMS),
    *(Plan(named(STILL, beams), STEADY, LEARNER.name, {**PAPER, "beams": beams, "noise_end": NOISE}) for beams in BEAMS),
    *(Plan(named(kind, TUNED), STEADY, LEARNER.name, settings) for kind, settings in TUNED_KINDS.items()),
)
"""Figure 2."""

WORLDS: Mapping[str, World] = {
    beside(world, beams): world
    for beams in OWN
    for world in dict.fromkeys(AXES[setting][x] for setting in AXES for x in FEW[setting])
}
"""Where else Algorithm 1 is trained."""


def _there(world: World, beams: str) -> Plan:
    found = [setting for setting in AXES if world in (AXES[setting][x] for x in FEW[setting])]
    also = (*found[1:], *([COMMON] if DISTANCES in found else []))
    return Plan(beside(world, beams), found[0], LEARNER.name, {**PAPER, "beams": beams}, also)


PLANS = (*FIGURE, *(_there(world, beams) for beams in OWN for world in dict.fromkeys(WORLDS.values())))
