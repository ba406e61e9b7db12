"""The study of paper 000: DDPG and DQN, raw and with a solver in the loop, beside policies that learn nothing and bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mecopt.dynamic.dynamics import Policy
from mecopt.dynamic.information import perfect_information
from mecopt.dynamic.rollout import Rollout, policy_of, rollout
from mecopt.evaluation.measurements import Row
from mecopt.evaluation.study import Plan, Study
from mecopt.learners.log import LOG
from mecopt.learners.paper_000.choices import best_of_choices
from mecopt.learners.paper_000.claims import CLAIMS
from mecopt.learners.paper_000.names import (
    ALONG,
    CHECK_SLOTS,
    CHECKS,
    DQN,
    FORESEEN,
    LEARNED,
    LONG_RUN,
    LOWER,
    MEASURES,
    OF_CHOICES,
    POINTS,
    PRESETS,
    QUICK_SLOTS,
    REWARD,
    SERVED,
    SETTINGS,
    SLOTS,
    UNTRAINED,
    UPPER,
)
from mecopt.learners.paper_000.shown import DRAWINGS, TABLES, WARNING
from mecopt.learners.sb3 import LEARNER, Sb3Policy, record
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics

LANES, PATH, QUICK_PATH = 20, 1000, 40
"""Lanes and slots of the paths on which policies are compared."""
STEP, QUICK_STEP = 0.125, 2.0
"""Of the grids of the battery, nJ."""
CHOICES_STEP = 0.5
"""Of those for the choices of DQN, whose tables are larger."""


class Paper000(Study):
    """Deep reinforcement learning for backscatter-aided data offloading: one hybrid user, slot after slot."""

    paper = "000"
    title = "Results of paper 000: one hybrid user over time, between proved bounds"
    seeds = 5
    settings = SETTINGS
    claims, tables, drawings = CLAIMS, TABLES, DRAWINGS
    remarks: ClassVar[Mapping[str, str]] = {
        "preset": WARNING,
        "trainings": f"{SLOTS:,} slots each, {CHECKS} checks on a path of their own of {CHECK_SLOTS:,} slots; the policy "
        "that did best there is kept",
        "paths": f"{PATH:,} slots in {LANES} lanes for each seed, the same for all policies",
    }

    def plans(self, quick: bool) -> Sequence[Plan]:
        """Four learners in both settings."""
        brief = {"check_slots": 80, "hidden": (8,)} if quick else {"check_slots": CHECK_SLOTS}
        return [
            Plan(name, setting, "sb3", {**how, "checks": CHECKS, **brief})
            for setting in SETTINGS
            for name, how in LEARNED.items()
        ]

    def train(self, plan: Plan, seed: int, folder: Path, quick: bool) -> None:
        """Train on paths of its own."""
        dynamics = HybridDynamics(PRESETS[plan.setting])
        settings = LEARNER.configured("default", plan.settings)
        rng = np.random.default_rng((seed, 10))
        slots = QUICK_SLOTS if quick else SLOTS
        stream = LEARNER.stream(dynamics.problem, rng, slots, dynamics.preset, {}, settings)
        LEARNER.train(stream, settings, seed, folder, {"preset": dynamics.preset, "plan": plan.method})

    def measure(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        """Carry out all policies on one path, and read the logs of the trainings."""
        dynamics = HybridDynamics(PRESETS[setting])
        path = dynamics.stream(np.random.default_rng((seed, 20)), QUICK_PATH if quick else PATH, LANES)
        policies: dict[str, Policy] = {name: policy_of(dynamics, name) for name in UNTRAINED}
        policies |= {name: Sb3Policy.load(folder).act for name, folder in trained.items()}
        for name, policy in policies.items():
            found = rollout(dynamics, path, policy, np.random.default_rng((seed, 21)))
            yield from _figures(found, name, setting, seed)
        yield from _foreseen(dynamics, path, setting, seed)
        for name, folder in trained.items():
            yield from _along(record.read(folder / LOG), name, setting, seed)

    def measure_once(self, quick: bool) -> Iterable[Row]:
        """Bracket the best average reward, over all actions and over those of DQN."""
        for setting in SETTINGS:
            fine, coarse = (
                HybridDynamics(PRESETS[setting], step=QUICK_STEP if quick else step) for step in (STEP, CHOICES_STEP)
            )
            found = {LONG_RUN: fine.bracket(), OF_CHOICES: best_of_choices(coarse, LEARNED[DQN]["actions"])}
            for whose, bracket in found.items():
                assert bracket is not None
                yield Row(LOWER, bracket.lower, whose, setting)
                yield Row(UPPER, bracket.upper, whose, setting)


def _figures(found: Rollout, name: str, setting: str, seed: int) -> Iterable[Row]:
    yield Row(REWARD, found.mean, name, setting, seed)
    means = {measure: record.mean(found.measures[measure]) for measure in MEASURES}
    for measure, quantity in MEASURES.items():
        yield Row(quantity, means[measure], name, setting, seed)
    yield Row(SERVED, means["local"] + means["active"] + means["passive"], name, setting, seed)


def _foreseen(dynamics: HybridDynamics, path: Any, setting: str, seed: int) -> Iterable[Row]:
    grids = dynamics.grids()
    assert grids is not None
    bounds = perfect_information(grids.below, grids.above, grids.drawn(path), *grids.points(path[0]))
    yield Row(LOWER, float(bounds.lower.mean()), FORESEEN, setting, seed)
    yield Row(UPPER, float(bounds.upper.mean()), FORESEEN, setting, seed)


def _along(log: Mapping[str, Any], name: str, setting: str, seed: int) -> Iterable[Row]:
    served = log["local"] + log["active"] + log["passive"]
    columns = {REWARD: log["reward"], SERVED: served, **{quantity: log[measure] for measure, quantity in MEASURES.items()}}
    for k, x in enumerate(POINTS):
        for quantity, values in columns.items():
            yield Row(quantity + ALONG, float(values[k]), name, setting, seed, x)


REPRODUCTION = Paper000()
