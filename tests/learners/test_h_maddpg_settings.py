"""Settings of `h-maddpg`: the paper's are Table I's, those without effect are refused, and so is what makes no sense."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mecopt import InstanceError, UnknownName
from mecopt.learners.h_maddpg import LEARNER, HMaddpgSettings
from mecopt.learners.h_maddpg.algorithm import HMaddpgTraining
from mecopt.models import BackscatterFrame, BinaryOffloading
from mecopt.registry import find_learner

Array = NDArray[Any]

TABLE_I: dict[str, Any] = {
    "hidden": (128, 64),
    "activation": "sigmoid",
    "critic_hidden": 128,
    "actor_rate": 0.001,
    "critic_rate": 0.001,
    "batch": 64,
    "memory": 2000,
    "discount": 0.5,
    "smoothing": 0.1,
    "epsilon": 0.5,
}
SECTION_IV = {"service_price": 0.2, "carrier_price": 0.4}
ALGORITHM_1 = {
    **{"users": "optimisation-driven", "beams": "raw", "user_reward": "own", "executed": "better"},
    **{"told": "beams", "epsilon_end": 0.5},
}

CHANGED: dict[str, Any] = {
    "users": "model-free",
    "beams": "raw",
    "user_reward": "team",
    "executed": "users",
    "told": "beams",
    "hidden": (9,),
    "activation": "tanh",
    "critic_hidden": 9,
    "actor_rate": 0.01,
    "critic_rate": 0.01,
    "batch": 3,
    "memory": 5,
    "discount": 0.9,
    "smoothing": 0.5,
    "epsilon": 0.9,
    "epsilon_end": 0.9,
    "noise": 0.5,
    "noise_end": 0.5,
    "decay": 0.1,
    "reward_scale": 0.1,
    "episode": 4,
    "reliability": 2.0,
    "static_energy": 100.0,
    "service_price": 0.5,
    "carrier_price": 0.1,
}
"""Another value of every setting but `candidates`, which is the trained policy's."""

QUICK: dict[str, Any] = {"users": "optimisation-driven", "hidden": (8, 6), "critic_hidden": 8, "batch": 2, "memory": 8}


def test_paper_is_table_i_and_algorithm_1() -> None:
    found = dataclasses.asdict(LEARNER.configured("paper"))
    for name, value in {**TABLE_I, **SECTION_IV, **ALGORITHM_1}.items():
        assert found[name] == value, name


def test_the_rival_differs_in_the_users_alone() -> None:
    paper, rival = (dataclasses.asdict(LEARNER.configured(name)) for name in ("paper", "model-free"))
    assert {name for name in paper if paper[name] != rival[name]} == {"users"}
    assert rival["users"] == "model-free"


def weights(**given: Any) -> list[Array]:
    """Return all weights after a short training."""
    stream = BackscatterFrame.sample(np.random.default_rng(1), (12,), preset="harder", workload=70.0)  # with outages
    training = HMaddpgTraining(stream, HMaddpgSettings.of({**QUICK, **given}), 0)
    for number in range(12):
        training.step(number)
    agents = [training.beams, *([training.users] if training.users else [])]
    return [array for one in agents for array in (*one.actors.arrays, *one.critics.arrays)]


@pytest.fixture(scope="module")
def unchanged() -> list[Array]:
    return weights()


def same(one: list[Array], other: list[Array]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def test_equal_settings_give_equal_weights(unchanged: list[Array]) -> None:
    assert same(weights(), unchanged)


@pytest.mark.parametrize("name", sorted(CHANGED))
def test_every_setting_has_an_effect_alone(name: str, unchanged: list[Array]) -> None:
    assert not same(weights(**{name: CHANGED[name]}), unchanged)


def test_every_setting_is_tried() -> None:
    assert {f.name for f in dataclasses.fields(HMaddpgSettings)} == {*CHANGED, "candidates"}


@pytest.mark.parametrize(
    "given",
    [
        {"users": "optimised"},
        {"users": "model-free"},
        {"users": "flat"},
        {"executed": "estimate"},
        {"executed": "users"},
        {"user_reward": "team"},
    ],
    ids=str,
)
def test_what_is_said_to_have_no_effect_has_none(given: dict[str, Any]) -> None:
    idle = HMaddpgSettings.of({**QUICK, **given}).without_effect()
    assert idle
    assert same(weights(**given), weights(**given, **{name: CHANGED[name] for name in idle}))


def test_a_setting_without_effect_is_refused_where_it_is_set_by_hand() -> None:
    settings = LEARNER.configured("default", {"epsilon": 0.1})
    with pytest.raises(InstanceError, match="setting epsilon has no effect with users=optimised; leave it out"):
        settings.require_effect(["epsilon"])
    LEARNER.configured("paper", {"epsilon": 0.1}).require_effect(["epsilon"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"users": "maddpg"}, "users is 'maddpg'; allowed: optimised, optimisation-driven, model-free, flat"),
        ({"beams": "angles"}, "beams is 'angles'; allowed: weights, raw"),
        ({"user_reward": "none"}, "user_reward is 'none'; allowed: own, team"),
        ({"executed": "worse"}, "executed is 'worse'; allowed: better, estimate, users"),
        ({"activation": "gelu"}, "activation is 'gelu'; allowed: relu"),
        ({"hidden": ()}, None),
        ({"hidden": (0,)}, "hidden is"),
        ({"batch": 0}, "batch is 0"),
        ({"batch": 2001}, "batch is 2001; allowed: at most memory, 2000"),
        ({"discount": 1.0}, "discount is 1.0; allowed: from 0 on, below 1"),
        ({"discount": -0.1}, "discount is -0.1"),
        ({"smoothing": 0.0}, "smoothing is 0.0; allowed: above 0, at most 1"),
        ({"decay": 1.5}, "decay is 1.5"),
        ({"epsilon": 1.5}, "epsilon is 1.5; allowed: from 0 to 1"),
        ({"epsilon_end": float("nan")}, "epsilon_end is nan"),
        ({"noise": -1.0}, "noise is -1.0; allowed: finite numbers >= 0"),
        ({"noise_end": float("inf")}, "noise_end is inf"),
        ({"reward_scale": 0.0}, "reward_scale is 0.0; allowed: finite numbers > 0"),
        ({"actor_rate": 1.0}, "actor_rate is 1.0"),
        ({"static_energy": -1.0}, "static_energy is -1.0"),
        ({"candidates": 0}, "candidates is 0"),
        ({"episode": 0}, "episode is 0"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], message: str | None) -> None:
    if message is None:  # no hidden layers: the actor is one layer then
        assert len(weights(**given)) > 0
        return
    with pytest.raises(InstanceError, match=message):
        HMaddpgSettings(**given)


def test_unknown_settings_and_variants_are_refused() -> None:
    with pytest.raises(UnknownName, match="unknown setting 'discont'; did you mean 'discount'"):
        LEARNER.configured("default", {"discont": 0.5})
    with pytest.raises(UnknownName, match="unknown variant of h-maddpg 'literal'"):
        LEARNER.configured("literal")


# ---------------------------------------------------------------------- who learns from what


def test_other_problems_are_refused(tmp_path: Path) -> None:
    other = BinaryOffloading.sample(np.random.default_rng(0), (4,), users=3)
    with pytest.raises(InstanceError, match=r"h-maddpg learns .* for backscatter-frame; binary-offloading has no frames"):
        LEARNER.train(other, HMaddpgSettings(), 0, tmp_path / "none", {})
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("name", "why"), [("decision-net", "binary decisions"), ("ojrs", "one of several choices per user")]
)
def test_learners_of_choices_refuse_frames(name: str, why: str) -> None:
    reason = find_learner(name).refusal(BackscatterFrame.sample(np.random.default_rng(0), (2,)))
    assert why in reason
    assert "backscatter-frame" in reason
