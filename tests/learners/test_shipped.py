"""Policies that ship: the command that makes each says what its card says, and they are small and good for something."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.dynamic import rollout
from mecopt.dynamic.rollout import policy_of
from mecopt.models import BackscatterFrame, MultiServerOffloading
from mecopt.models.backscatter_frame.dynamics.steps import FrameDynamics
from mecopt.registry import find_learner
from mecopt.storage.policies import shipped
from mecopt.storage.trained import CARD, read_card

POLICIES = Path(mecopt.__file__).parent / "learners" / "policies"
FOLDERS = sorted(path.parent for path in POLICIES.glob(f"*/{CARD}"))


def commands() -> dict[str, list[str]]:
    """Return the words of each command in README.md by the folder that it writes."""
    lines = [line.strip() for line in (POLICIES / "README.md").read_text(encoding="utf-8").splitlines()]
    words = [shlex.split(line) for line in lines if line.startswith("mecopt train ")]
    return {one[one.index("-o") + 1]: one for one in words}


def options(words: list[str]) -> dict[str, list[str]]:
    """Return what stands behind each option, but the folder."""
    found: dict[str, list[str]] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        found.setdefault(name.removeprefix("--"), []).append(value)
    return found


def test_every_policy_that_ships_has_its_command() -> None:
    assert len(FOLDERS) >= 10
    assert set(commands()) == {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_command_says_what_the_card_says(folder: Path) -> None:
    _, verb, problem, *rest = commands()[folder.name]
    card, said = read_card(folder), options(rest)
    learner = find_learner(said.get("learner", ["decision-net"])[0])
    plain: dict[str, Any] = {}
    for text in said.get("with", []):
        name, _, value = text.partition("=")
        default = getattr(learner.settings(), name)
        plain[name] = value if isinstance(default, str) else type(default)(value)
    assert (verb, problem, learner.name) == ("train", card["problem"], card["learner"])
    assert said.get("preset", ["paper"]) == [card["preset"]]
    assert int(said.get("seed", ["0"])[0]) == card["seed"]
    assert int(said["instances"][0]) == card["instances"]
    assert learner.configured(card["variant"], plain) == learner.settings.of(card["settings"])
    assert set(said) <= {"learner", "preset", "seed", "instances", "with", "o", "-o"}


def test_they_are_small() -> None:
    sizes = {folder.name: sum(path.stat().st_size for path in folder.iterdir()) for folder in FOLDERS}
    assert max(sizes.values()) < 120_000
    assert sum(sizes.values()) < 600_000


def test_the_network_on_many_servers_is_what_learned_means_there_and_close_to_the_optimum() -> None:
    slots = MultiServerOffloading.sample(np.random.default_rng(123), (200,))
    policy = shipped(slots)
    assert policy is not None
    assert policy.learner == "ojrs"
    best, strongest = (mecopt.solve(slots, solver=solver).objective for solver in ("exact", "greedy"))
    learned = mecopt.solve(slots, solver="learned")
    assert learned.stats.messages == {}
    own = best / slots.optimal_value(policy.propose(slots, 1, np.random.default_rng(0))[:, 0])
    assert own.mean() == pytest.approx(policy.card["reached"]["own_decision"]["mean"], abs=0.003)
    assert (best / learned.objective).mean() > own.mean() > (best / strongest).mean()
    assert shipped(MultiServerOffloading.sample(np.random.default_rng(0), (2,), servers=3)) is None


def test_the_beams_that_ship_earn_more_along_a_path_than_beams_drawn_at_random() -> None:
    policy = shipped(BackscatterFrame.sample(np.random.default_rng(1), (2,)))
    assert policy is not None
    assert policy.learner == "h-maddpg"
    assert not policy.myopic
    dynamics = FrameDynamics()
    lanes = dynamics.stream(np.random.default_rng(777), 60, 8)

    def earned(name: str) -> float:
        return float(rollout(dynamics, lanes, policy_of(dynamics, name), np.random.default_rng(0)).reward.mean())

    assert earned("learned") > 1.15 * earned("random")
