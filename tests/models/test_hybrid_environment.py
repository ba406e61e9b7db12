"""The user's environments: batteries, what is seen, what actions mean, that lanes are what they are alone, and learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="environments need the extra `learn`")

import gymnasium

from mecopt import InstanceError, UnknownName
from mecopt.contract.decision import SKIP
from mecopt.dynamic import State
from mecopt.environments import environment_ids, register
from mecopt.models.hybrid_slot.dynamics.environment import HybridSlotEnv, HybridSlotVectorEnv
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics
from mecopt.models.hybrid_slot.dynamics.tables import harvest, need
from mecopt.models.hybrid_slot.dynamics.worlds import COMBINED, SKIPPED
from mecopt.testing.environments import ENV_CHECKS, EnvCheck, check_vectorised, made

ID = "mecopt/HybridSlot-v0"
DYNAMICS = HybridDynamics()

CHOICES = ("solver-choices", "raw-choices")
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "raw": {"actions": "raw", "slots": 3},
    "literal": {"preset": "literal", "reward_scale": 1.0, "reward_floor": -np.inf},
    "often without work": {"workloads": [0.0, 20.0], "actions": "raw"},
    "two states, must": {"states": [2e-6, 7e-6], "service": "must", "battery_capacity": 30.0},
    **{name: {"actions": name} for name in CHOICES},
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("check", ENV_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("arguments", WAYS.values(), ids=list(WAYS))
def test_the_environment_passes(arguments: dict[str, Any], check: EnvCheck) -> None:
    check(made(ID, **arguments))


@pytest.mark.parametrize("arguments", WAYS.values(), ids=list(WAYS))
def test_copies_side_by_side(arguments: dict[str, Any]) -> None:
    check_vectorised(ID, **arguments)


def test_it_is_registered_with_its_vector() -> None:
    register()
    assert ID in environment_ids()
    assert isinstance(gymnasium.make(ID).unwrapped, HybridSlotEnv)
    many = gymnasium.make_vec(ID, num_envs=3, actions="raw")
    assert isinstance(many, HybridSlotVectorEnv)
    assert many.single_action_space.shape == (4,)


@pytest.mark.parametrize("actions", ["solver", "raw", *CHOICES])
def test_lanes_of_the_vector_do_what_each_slot_does_alone(actions: str) -> None:
    many = HybridSlotVectorEnv(num_envs=4, actions=actions, slots=5)
    many.action_space.seed(0)
    many.reset(seed=3)
    for number in range(12):
        state, action = many._state, many.action_space.sample()
        seen, earned, ended, cut, infos = many.step(action)
        assert state is not None
        assert many.observation_space.contains(seen)
        assert not ended.any()
        assert cut.all() == ((number + 1) % 5 == 0)
        for lane in range(4):
            alone = State(state.problem[lane])
            decision, allocation = many.world.answered(alone, np.asarray(action[lane]), rng())
            outcome = many.world.dynamics.outcome(alone.problem, decision, allocation)
            assert infos["reward"][lane] == outcome.reward
            assert earned[lane] == max(0.5 * float(outcome.reward), -10.0)
            if not cut.any():
                assert many._state is not None
                assert np.array_equal(many._state.problem.battery[lane], outcome.carried["battery"])


# ---------------------------------------------------------------------- what is seen


def test_nine_numbers_are_seen() -> None:
    env = HybridSlotEnv()
    seen, _ = env.reset(seed=4)
    assert env._state is not None
    slot = env._state.problem
    assert seen.shape == (9,)
    state = int(np.searchsorted(7e-6 * np.array([0.25, 0.5, 0.75, 1.0, 1.25]), slot.uplink_gain.item()))
    whole = slot.battery.item() + harvest(slot).item()
    wanted = [
        *np.eye(5)[state],
        2.0 * slot.workload.item() / 50.0 - 1.0,
        2.0 * slot.battery.item() / 60.0 - 1.0,
        min(whole / 60.0, 1.0),
        np.clip((whole - need(slot).item()) / 30.0, -1.0, 1.0),
    ]
    np.testing.assert_allclose(seen, wanted, rtol=1e-6, atol=1e-6)


def test_what_cannot_be_served_is_seen_as_far_below() -> None:
    env = HybridSlotEnv(uplink_gain=0.0, downlink_gain=7e-6, workload=[50.0])
    seen, _ = env.reset(seed=0)
    assert seen.shape == (5,)
    assert seen[-1] == -1.0


# ---------------------------------------------------------------------- what actions mean


def slots_of(count: int, seed: int = 5) -> Any:
    return DYNAMICS.draw(rng(seed), None, (count,))


@pytest.mark.parametrize("fields", [{}, {"service": "must"}, {"battery_capacity": 20.0}, {"cpu_speed": 0.0}])
def test_the_solver_keeps_what_is_possible_and_all_that_can_be_kept_at_the_lowest_part(fields: Any) -> None:
    dynamics = HybridDynamics(**fields)
    slots, world = dynamics.draw(rng(6), None, (4000,)), dynamics.world("solver")
    for part, action in ((0.0, SKIPPED), (0.37, SKIPPED + 0.37 * (1.0 - SKIPPED)), (1.0, 1.0)):
        decision, allocation = world.answered(State(slots), np.full((4000, 1), action), rng())
        assert not slots.infeasible(decision).any()
        outcome = dynamics.outcome(slots, decision, allocation)
        able = (need(slots) <= slots.battery + harvest(slots))[:, 0]
        work = slots.workload[:, 0] > 0.0
        serves = able & (outcome.measures["outage"] != 1.0)
        assert 0 < serves[work].sum() < work.sum()
        if "service" in fields:
            assert np.array_equal(serves, able)
        most = np.minimum(slots.battery + harvest(slots) - need(slots), slots.battery_capacity)[:, 0]
        np.testing.assert_allclose(decision[serves, 0], (1.0 - part) * most[serves], rtol=1e-9, atol=1e-9)
        left = outcome.carried["battery"][:, 0]
        assert (left[serves] >= decision[serves, 0] - 1e-9).all()


def test_who_may_skip_does_where_to_serve_earns_less_than_an_outage() -> None:
    """The same slots of who must serve say what it would earn: no dominated answer is carried out, and no other is left."""
    free, bound = HybridDynamics(), HybridDynamics(service="must")
    draws = rng(8)
    action = draws.uniform(SKIPPED, 1.0, (4000, 1))
    found = []
    for dynamics in (free, bound):
        slots = dynamics.draw(rng(6), None, (4000,))
        decision, allocation = dynamics.world("solver").answered(State(slots), action, rng())
        found.append((decision[:, 0], dynamics.outcome(slots, decision, allocation)))
    (decision, may), (_, must) = found
    np.testing.assert_allclose(may.reward, np.maximum(must.reward, -2.0), rtol=1e-12)
    worse = must.reward < -2.0
    assert 10 < worse.sum() < 2000
    assert (decision[worse] == SKIP).all()
    assert (may.carried["battery"] >= must.carried["battery"]).all()


def test_below_the_limit_is_to_skip_unless_who_can_serve_must() -> None:
    for service, skips in (("optional", True), ("must", False)):
        dynamics = HybridDynamics(service=service)
        slot = dynamics.draw(rng(), None, (500,))
        decision, _ = dynamics.world("solver").answered(State(slot), np.full((500, 1), -1.0), rng())
        can = (need(slot) <= slot.battery + harvest(slot)) & (slot.workload > 0.0)
        assert ((decision[can] == -1.0).all()) if skips else (decision[can] >= 0.0).all()


def test_choices_of_the_solver_are_its_numbers() -> None:
    slots, numbers, choices = slots_of(300), DYNAMICS.world("solver"), DYNAMICS.world("solver-choices")
    for choice in range(12):
        number = -1.0 if choice == 11 else SKIPPED + choice / 10.0 * (1.0 - SKIPPED)
        one, _ = choices.answered(State(slots), np.full(300, choice), rng())
        other, _ = numbers.answered(State(slots), np.full((300, 1), number), rng())
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_raw_times_are_a_softmax_and_the_work_follows_by_the_papers_rule() -> None:
    slots, draws = slots_of(2000), rng(7)
    action = draws.uniform(-1.0, 1.0, (2000, 4))
    decision, found = DYNAMICS.world("raw").answered(State(slots), action, rng())
    grown = np.exp(4.0 * action[:, :3])
    times = grown / grown.sum(axis=1, keepdims=True)
    work, gain = slots.workload[:, 0], slots.uplink_gain[:, 0]
    passive_rate = 400.0 * np.log2(1.0 + 0.04**2 * gain**2 * 1e7 / 1e-5)
    local = np.minimum(10.0 * 0.5 * (action[:, 3] + 1.0), work)
    passive = np.minimum(passive_rate * times[:, 2], work - local)
    for name, wanted in (
        ("harvest_time", times[:, 0]),
        ("active_time", times[:, 1]),
        ("passive_time", times[:, 2]),
        ("local_bits", local),
        ("passive_bits", passive),
        ("active_bits", work - local - passive),
    ):
        np.testing.assert_allclose(getattr(found, name)[:, 0], wanted, rtol=1e-12, atol=1e-12, err_msg=name)
    assert (decision == 0.0).all()
    broken = slots.violations(decision, found)
    for name in set(broken) - {"energy"}:
        assert broken[name].max() < 1e-12, name
    outage = DYNAMICS.outcome(slots, decision, found).measures["outage"]
    has_work = work > 0.0
    assert np.array_equal(outage[has_work] == 1.0, broken["energy"][has_work] > 1e-9)
    assert 100 < np.nansum(outage) < has_work.sum() - 100


def test_the_radio_of_raw_times_sleeps_as_long_as_that_spends_least() -> None:
    slots = slots_of(400)
    decision, found = DYNAMICS.world("raw").answered(State(slots), rng(8).uniform(-1.0, 1.0, (400, 4)), rng())
    spent, sends = slots.energy(decision, found), found.active_bits[:, 0] > 0.0
    for factor in (0.5, 0.9, 0.99, 1.01, 1.1):
        time = np.minimum(factor * found.sending_time, found.active_time)
        other = type(found)(**{**found.as_dict(), "sending_time": time})
        assert (slots.energy(decision, other)[sends] >= spent[sends] * (1.0 - 1e-12)).all()


def test_choices_of_raw_times_fit_the_slot_and_the_last_is_to_skip() -> None:
    assert COMBINED.shape == (54, 4)
    np.testing.assert_allclose(COMBINED[:, :3].sum(axis=1), 1.0)
    assert len(np.unique(COMBINED, axis=0)) == 54
    slots = slots_of(50)
    decision, _ = DYNAMICS.world("raw-choices").answered(State(slots), np.full(50, 54), rng())
    assert (decision == -1.0).all()
    decision, found = DYNAMICS.world("raw-choices").answered(State(slots), np.full(50, 31), rng())
    np.testing.assert_allclose(found.harvest_time[:, 0], COMBINED[31, 0])


def test_rewards_are_scaled_and_cut_and_told_as_they_are() -> None:
    env = HybridSlotEnv(actions="raw-choices", states=[7e-6], workloads=[50.0], battery=60.0, channel_price=50.0)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(0)
    assert info["reward"] < -20.0
    assert reward == -10.0
    uncut = HybridSlotEnv(
        actions="raw-choices", states=[7e-6], workloads=[50.0], battery=60.0, channel_price=50.0, reward_floor=-np.inf
    )
    uncut.reset(seed=0)
    assert uncut.step(0)[1] == 0.5 * info["reward"]


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"actions": "solvers"}, UnknownName, "'solvers'; did you mean 'solver'"),
        ({"slots": 0}, InstanceError, "slots is 0; allowed: a whole number of at least 1"),
        ({"reward_scale": 0.0}, InstanceError, "reward_scale is 0.0; allowed: a finite number > 0"),
        ({"reward_floor": 1.0}, InstanceError, "reward_floor is 1.0; allowed: a number <= 0"),
        ({"reward_floor": np.nan}, InstanceError, "reward_floor is nan"),
        ({"uplink_gain": -1e-6}, InstanceError, "uplink_gain.* is -1e-06"),
        ({"matrix": np.ones((5, 5))}, InstanceError, "row 0 of Chain.matrix sums to 5"),
        ({"users": 3}, InstanceError, "users is 3; allowed: 1"),
        ({"workloads": [-1.0]}, InstanceError, r"workloads\[0\] is -1"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    for make in (HybridSlotEnv, HybridSlotVectorEnv):
        with pytest.raises(error, match=says):
            make(**arguments)


@pytest.mark.parametrize(
    ("actions", "action", "says"),
    [
        ("solver", np.array([np.nan]), r"action\[0\] is nan; allowed: numbers from -1 to 1"),
        ("raw", np.array([0.0, 0.0, 1.5, 0.0]), r"action\[2\] is 1.5"),
        ("raw", np.zeros(3), r"action has shape \(3,\)"),
        ("solver-choices", 12, "action is 12; allowed: 0 to 11"),
        ("raw-choices", -1, "action is -1; allowed: 0 to 54"),
        ("raw-choices", 1.5, "allowed: .*, whole numbers"),
    ],
)
def test_actions_that_stand_for_nothing_are_named(actions: str, action: Any, says: str) -> None:
    env = HybridSlotEnv(actions=actions)
    env.reset(seed=0)
    with pytest.raises(InstanceError, match=says):
        env.step(action)


# ---------------------------------------------------------------------- learning


@pytest.mark.filterwarnings("ignore:.*render_mode")  # Stable-Baselines3 asks every environment for pictures
@pytest.mark.parametrize(("actions", "algorithm"), [("solver", "DDPG"), ("raw", "DDPG"), ("solver-choices", "DQN")])
def test_stable_baselines_trains_unchanged(actions: str, algorithm: str) -> None:
    sb3 = pytest.importorskip("stable_baselines3", reason="needs the extra `learn`")
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    check_for_sb3(HybridSlotEnv(actions=actions), warn=False)
    env = gymnasium.make(ID, slots=20, actions=actions)
    settings = {"seed": 0, "learning_starts": 40, "batch_size": 32, "policy_kwargs": {"net_arch": [16]}}
    model = getattr(sb3, algorithm)("MlpPolicy", env, **settings)
    before = [value.clone() for value in model.policy.parameters()]
    model.learn(120)
    assert any(not now.equal(then) for now, then in zip(model.policy.parameters(), before, strict=True))
    action, _ = model.predict(env.reset(seed=1)[0], deterministic=True)
    assert env.action_space.contains(action)
