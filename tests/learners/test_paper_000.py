"""The evaluation of paper 000: its rules both ways, what quantised actions can earn at best, and a whole quick run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mecopt.contract.errors import InstanceError
from mecopt.dynamic import average_of, rollout
from mecopt.dynamic.worlds import State
from mecopt.evaluation.measurements import Measurements, Row
from mecopt.learners.paper_000 import REPRODUCTION
from mecopt.learners.paper_000.choices import _operator, best_of_choices
from mecopt.learners.paper_000.claims import CLAIMS
from mecopt.learners.paper_000.names import (
    ACTIVE,
    ALONG,
    DDPG,
    DQN,
    FORESEEN,
    HARVESTED,
    LEARNED,
    LONG_RUN,
    LOWER,
    MEASURES,
    OF_CHOICES,
    PASSIVE,
    POINTS,
    REWARD,
    SERVED,
    SETTINGS,
    UNTRAINED,
    UPPER,
)
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics

Level = Callable[[str, str, float], float]
"""From quantity, method and part of the training to a mean."""

SEEDS = 4


def measured(level: Level, scatter: float = 1e-3) -> Measurements:
    """Return a table of everything, with a scatter over seeds that methods do not share."""
    rng, rows = np.random.default_rng(0), []
    quantities = (REWARD, SERVED, *MEASURES.values())
    for setting in SETTINGS:
        for seed in range(SEEDS):
            for quantity in quantities:
                for method in (*UNTRAINED, *LEARNED):
                    rows.append(Row(quantity, level(quantity, method, 1.0) + scatter * rng.normal(), method, setting, seed))
                for method in LEARNED:
                    for k, x in enumerate(POINTS):
                        value = level(quantity, method, k / (len(POINTS) - 1)) + scatter * rng.normal()
                        rows.append(Row(quantity + ALONG, value, method, setting, seed, x))
            rows += [Row(bound, 1.0, FORESEEN, setting, seed) for bound in (LOWER, UPPER)]
        rows += [Row(LOWER, 0.9, LONG_RUN, setting), Row(UPPER, 0.91, LONG_RUN, setting)]
        rows += [
            Row(LOWER, level(LOWER, DQN, 1.0), OF_CHOICES, setting),
            Row(UPPER, level(UPPER, DQN, 1.0), OF_CHOICES, setting),
        ]
    return Measurements(tuple(rows))


def as_the_paper_says(quantity: str, method: str, part: float) -> float:
    """DDPG above DQN above all others, more active work and harvest the longer it learns, hardly an outage in the end."""
    rank = {DDPG: 3.0, DQN: 2.0}.get(method, 1.0)
    if quantity in (LOWER, UPPER):
        return 0.8
    if quantity == MEASURES["outage"]:
        waves = 0.0 if method == DDPG else 0.01 * (-1.0) ** round(19 * part)
        return (0.008, 0.03, 0.06)[3 - int(rank)] + 0.3 * (1.0 - part) ** 8 + waves
    if quantity in (ACTIVE, HARVESTED):
        return 1.0 + 3.0 * part
    return {PASSIVE: 5.0}.get(quantity, 10.0) * rank - (
        0.0 if method == DDPG else 3.0 * (1.0 - part) * (-1.0) ** round(19 * part)
    )


def against_the_paper(quantity: str, method: str, part: float) -> float:
    """The other way round."""
    if quantity in (LOWER, UPPER):
        return 1.2
    if quantity == MEASURES["outage"]:
        return 0.5 - as_the_paper_says(quantity, method, part)
    return 50.0 - as_the_paper_says(quantity, method, part)


def verdicts(found: Measurements) -> dict[str, str]:
    return {claim.text: claim.judge(found).verdict for claim in CLAIMS if claim.where != "ours" and not claim.untestable}


def test_every_claim_of_the_paper_can_hold_and_can_fail() -> None:
    there, back = verdicts(measured(as_the_paper_says)), verdicts(measured(against_the_paper))
    for text in there:
        assert there[text] == "holds", text
        same = "more stable" in text  # a mirrored curve scatters as much
        assert back[text] == ("holds" if same else "fails"), text


def test_who_scatters_more_is_not_more_stable() -> None:
    def changed(quantity: str, method: str, part: float) -> float:
        return as_the_paper_says(quantity, {DDPG: DQN, DQN: DDPG}.get(method, method), part)

    found = {text: verdict for text, verdict in verdicts(measured(changed)).items() if "more stable" in text}
    assert set(found.values()) == {"fails"}
    assert len(found) == 2


def test_what_merely_scatters_is_never_refuted() -> None:
    level = lambda quantity, method, part: 0.905 if quantity in (LOWER, UPPER) else 1.0  # noqa: E731 - inside the bracket
    assert set(verdicts(measured(level, scatter=1.0)).values()) == {"cannot tell"}


# ---------------------------------------------------------------------- the best of finitely many actions


def tiny(step: float = 2.0) -> HybridDynamics:
    return HybridDynamics("paper", workloads=[0.0, 10.0, 30.0], step=step)


def test_quantised_actions_earn_at_most_what_all_do() -> None:
    dynamics = tiny()
    some, every = best_of_choices(dynamics, "raw-choices"), dynamics.bracket()
    assert every is not None
    assert some.lower <= some.upper
    assert some.lower <= every.upper
    finer = best_of_choices(tiny(0.5), "raw-choices")
    assert some.lower <= finer.upper
    assert finer.lower <= some.upper, "brackets of one number meet"
    assert finer.width < some.width


def test_the_policy_of_the_lower_grid_earns_what_is_promised() -> None:
    """Simulated, on batteries of any value, no less than proved, up to five standard errors."""
    dynamics = tiny(0.5)
    world, grid = dynamics.world("raw-choices"), dynamics.table
    operator = _operator(dynamics, world, world.acted.count, grid.below)  # type: ignore[union-attr]
    from mecopt.dynamic import best_average

    best = best_average(operator)
    exact = average_of(operator, best.policy)

    def policy(slot: Any, rng: np.random.Generator) -> Any:
        action = best.policy[dynamics.drawn(slot), grid.below.at(slot.battery[..., 0])]
        return world.answered(State(slot), action, rng)

    path = dynamics.stream(np.random.default_rng(3), 1500, 40)
    lanes = rollout(dynamics, path, policy, np.random.default_rng(0)).reward.mean(axis=0)
    error = lanes.std(ddof=1) / np.sqrt(lanes.size)
    assert lanes.mean() >= exact.lower - 5.0 * error
    assert lanes.mean() <= best_of_choices(dynamics, "raw-choices").upper + 5.0 * error


@pytest.mark.parametrize("actions", ["raw", "solver", "solver-choices"])
def test_only_choices_that_mean_the_same_at_every_battery_are_bracketed(actions: str) -> None:
    with pytest.raises(InstanceError, match=f"of the actions '{actions}' nothing is proved; allowed: raw-choices"):
        best_of_choices(tiny(), actions)


def test_parts_of_the_energy_earn_differently_at_every_battery() -> None:
    """Why nothing is proved of them: the same action at a greater battery may leave less in it."""
    dynamics = tiny()
    slots = dynamics.on_grid(np.array([20.0, 40.0]))
    world = dynamics.world("solver-choices")
    found = dynamics.outcome(slots, *world.answered(State(slots), np.full(slots.batch_shape, 5), np.random.default_rng(0)))
    served = (found.measures["outage"] == 0.0).all(axis=1)
    assert served.any()
    assert not np.allclose(found.reward[served, 0], found.reward[served, 1])


@pytest.mark.slow
def test_a_quick_run_measures_everything_and_judges_nothing(tmp_path: Path) -> None:
    findings = REPRODUCTION.run(tmp_path, seeds=2, quick=True, progress=lambda what, done, total: None)
    findings.write(tmp_path)
    assert len(findings.claims) == len(CLAIMS)
    assert {claim.verdict for claim in findings.stated} == {"not judged"}
    assert all(cell for table in findings.tables for row in table.rows for cell in row), "no cell is empty"
    assert len(findings.pictures) == 5
    assert "chosen so that the paper's ordering can show" in (tmp_path / "results.md").read_text(encoding="utf-8")
