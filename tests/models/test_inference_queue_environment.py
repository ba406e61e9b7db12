"""Environments of inference queues: batteries, what is seen, what actions mean, lanes as they are alone, and learning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("gymnasium", reason="environments need the extra `learn`")
pytest.importorskip("pettingzoo", reason="environments need the extra `learn`")

import gymnasium
from gymnasium.spaces import Discrete

from mecopt import InstanceError, UnknownName
from mecopt.dynamic import State, rollout
from mecopt.dynamic.worlds import Choices
from mecopt.environments import environment_ids, register
from mecopt.models.inference_queue.dynamics.environment import (
    InferenceQueueEnv,
    InferenceQueueServerEnv,
    InferenceQueueServerVectorEnv,
    InferenceQueueVectorEnv,
)
from mecopt.models.inference_queue.dynamics.network_environment import InferenceQueueNetworkEnv
from mecopt.models.inference_queue.dynamics.policies import POLICIES
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.models.inference_queue.dynamics.worlds import DeviceWorld, NetworkWorld, ServerWorld
from mecopt.testing.environments import ENV_CHECKS, PARALLEL_CHECKS, EnvCheck, check_vectorised, made

Array = NDArray[Any]

ID, SERVER_ID = "mecopt/InferenceQueue-v0", "mecopt/InferenceQueueServer-v0"

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "default": (ID, {}),
    "raw": (ID, {"actions": "raw", "blocks": 3}),
    "choices": (ID, {"actions": "choices", "arrivals": "causal"}),
    "calibrated": (ID, {"preset": "calibrated", "mean_snr": 3e3, "reward_scale": 1.0, "others": "random", "backlog": [5]}),
    "server": (SERVER_ID, {"users": 3}),
    "server of random devices": (SERVER_ID, {"users": 2, "others": "random", "blocks": 5, "server_backlog": 7.5}),
}

NETWORKS: dict[str, dict[str, Any]] = {
    "default": {},
    "raw": {"actions": "raw", "users": 2, "blocks": 3, "arrivals": "causal", "reward_scale": 1.0},
    "one device": {"users": 1},
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("check", ENV_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_the_environment_passes(way: tuple[str, dict[str, Any]], check: EnvCheck) -> None:
    check(made(way[0], **way[1]))


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_copies_side_by_side(way: tuple[str, dict[str, Any]]) -> None:
    check_vectorised(way[0], **way[1])


@pytest.mark.parametrize("check", PARALLEL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("arguments", NETWORKS.values(), ids=list(NETWORKS))
def test_the_networks_environment_passes(arguments: dict[str, Any], check: EnvCheck) -> None:
    check(lambda: InferenceQueueNetworkEnv(**arguments))


def test_they_are_registered_with_their_vectors() -> None:
    register()
    assert {ID, SERVER_ID} <= set(environment_ids())
    assert isinstance(gymnasium.make(ID).unwrapped, InferenceQueueEnv)
    assert isinstance(gymnasium.make(SERVER_ID).unwrapped, InferenceQueueServerEnv)
    many = gymnasium.make_vec(ID, num_envs=3, actions="raw")
    assert isinstance(many, InferenceQueueVectorEnv)
    assert many.single_action_space.shape == (1,)
    assert isinstance(gymnasium.make_vec(SERVER_ID, num_envs=2, users=4), InferenceQueueServerVectorEnv)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (InferenceQueueVectorEnv, {"actions": "proposal"}),
        (InferenceQueueVectorEnv, {"actions": "raw"}),
        (InferenceQueueVectorEnv, {"actions": "choices"}),
        (InferenceQueueServerVectorEnv, {"users": 3}),
    ],
)
def test_lanes_of_the_vector_do_what_each_block_does_alone(kind: Any, arguments: dict[str, Any]) -> None:
    many = kind(num_envs=4, blocks=5, **arguments)
    users = many.world.dynamics.one.users
    many.action_space.seed(0)
    many.reset(seed=3)
    for number in range(12):
        state, action = many._state, many.action_space.sample()
        seen, earned, ended, cut, infos = many.step(action)
        assert many.observation_space.contains(seen)
        assert not ended.any()
        assert cut.all() == ((number + 1) % 5 == 0)
        for lane in range(4):
            alone = State(state.problem[lane])
            decision, allocation = many.world.answered(alone, np.asarray(action[lane]), rng())
            outcome = many.world.dynamics.outcome(alone.problem, decision, allocation)
            assert infos["reward"][lane] == outcome.reward
            own = outcome.detail.server / users if kind is InferenceQueueServerVectorEnv else outcome.detail.devices[0]
            assert earned[lane] == pytest.approx(-0.1 * own, rel=1e-14)
            if not cut.any():
                following = many._state.problem
                assert np.array_equal(following.backlog[lane], outcome.carried["backlog"])
                assert following.server_backlog[lane] == outcome.carried["server_backlog"]


# ---------------------------------------------------------------------- what is seen


def test_a_device_sees_queue_channel_and_arrivals() -> None:
    env = InferenceQueueEnv(snr_per_watt=[2000.0], backlog=[6])
    seen, _ = env.reset(seed=1)
    assert env._state is not None
    came = env._state.problem.arrivals.item()
    assert came > 0.0
    np.testing.assert_allclose(
        seen, [2.0 * np.log(7.0) / np.log(41.0) - 1.0, np.log10(2000.0) / 3.0 - 1.0, came / 5.0], rtol=1e-6
    )
    causal, _ = InferenceQueueEnv(snr_per_watt=[2000.0], backlog=[6], arrivals="causal").reset(seed=1)
    assert causal[2] == 0.0
    assert np.array_equal(causal[:2], seen[:2])


@pytest.mark.parametrize(("snr", "backlog", "seen"), [(0.0, 0, [-1.0, -1.0]), (1e12, 500, [1.0, 1.0])])
def test_no_link_and_the_longest_queue_are_seen_at_the_ends(snr: float, backlog: int, seen: list[float]) -> None:
    env = InferenceQueueEnv(snr_per_watt=[snr], backlog=[backlog])
    assert env.reset(seed=0)[0][[1, 0]].tolist() == seen[::1]


def test_the_server_sees_its_queue_for_each_device_and_means() -> None:
    env = InferenceQueueServerEnv(users=2, server_backlog=8.0, backlog=[0, 4], snr_per_watt=[1e3, 1e5])
    seen, _ = env.reset(seed=0)
    scale = 2.0 / np.log(41.0)
    np.testing.assert_allclose(seen, [scale * np.log(5.0) - 1.0, 0.5 * scale * np.log(5.0) - 1.0, 1.0 / 3.0], rtol=1e-6)


# ---------------------------------------------------------------------- what actions mean

SETTINGS: list[dict[str, Any]] = [
    {},
    {"preset": "calibrated", "mean_snr": 3e3},
    {"max_power": 0.01, "cpu_speed": 1.3e9},
    {"max_power": 0.0},
    {"cpu_speed": 0.0},
    {"snr_per_watt": [0.0]},
    {"arrivals": "causal", "waiting_weight": 3.0},
]


def slots_of(dynamics: QueueDynamics, count: int = 600, seed: int = 5) -> Any:
    """Return blocks with queues of 0 to 8 tasks."""
    drawn = dynamics.draw(rng(seed), None, (count,))
    return drawn._with({**drawn.__dict__, "backlog": rng(seed + 1).integers(0, 9, (count, 1)).astype(float)})


def constants(one: Any) -> tuple[float, float, float, float]:
    """Return A, z_max, L and tau Gamma w_4, from the units of the fields."""
    length, work = one.slots * one.slot, one.work[0]
    cube = one.energy_weight[0] * one.energy_coefficient[0] * work**3 / length**2
    nats = one.output_per_cycle[0] * work * np.log(2.0) / (one.bandwidth[0] * one.slot)
    return cube, one.cpu_speed[0] * length / work, nats, one.energy_weight[0] * one.slot * one.snr_gap


@pytest.mark.parametrize("fields", SETTINGS)
@pytest.mark.parametrize("actions", ["proposal", "raw", "choices"])
def test_whatever_is_done_can_be_carried_out(actions: str, fields: dict[str, Any]) -> None:
    dynamics = QueueDynamics(users=1, **fields)
    slots, world = slots_of(dynamics), dynamics.world(actions)
    action: Array
    if isinstance(world.acted, Choices):
        action = rng(7).integers(0, world.acted.count, 600)
    else:
        action = rng(7).uniform(-1.0, 1.0, (600, *world.acted.shape))
        action[:2] = [[-1.0], [1.0]]
    decision, allocation = world.answered(State(slots), action, rng())
    assert decision.dtype.kind == "i"
    assert not slots.infeasible(decision).any()
    for name, broken in slots.violations(decision, allocation).items():
        assert broken.max() <= 1e-9, name
    outcome = dynamics.outcome(slots, decision, allocation)
    assert np.isfinite(outcome.reward).all()
    np.testing.assert_allclose(outcome.detail.devices.sum(axis=-1) + outcome.detail.server, -outcome.reward, rtol=1e-12)


@pytest.mark.parametrize("fields", SETTINGS[:3] + SETTINGS[6:])
def test_a_proposal_is_completed_at_best(fields: dict[str, Any]) -> None:
    """No number of tasks and no part of one on a fine grid costs less at the value and price that are proposed."""
    dynamics = QueueDynamics(users=1, **fields)
    slots, action = slots_of(dynamics), rng(7).uniform(-1.0, 1.0, (600, 2))
    decision, found = dynamics.world("proposal").answered(State(slots), action, rng())
    cube, most, nats, weight = constants(dynamics.one)
    value, price = (dynamics.waiting_weight * 10.0**k for k in (0.7 + 1.3 * action[:, 0], -1.0 + 2.0 * action[:, 1]))
    snr, backlog = slots.snr_per_watt[:, 0], slots.backlog[:, 0]

    def total(tasks: Any, sent: Any) -> Array:
        local = tasks - sent
        energy = cube * local**3 + weight / snr * np.expm1(nats * sent)
        fits = (local >= 0.0) & (local <= most * (1.0 + 1e-12)) & (tasks <= backlog)
        power = dynamics.one.snr_gap / snr * np.expm1(nats * sent)
        fits &= power <= dynamics.one.max_power[0] * (1.0 + 1e-9)
        return np.where(fits, energy + price * sent + value * (backlog - tasks), np.inf)

    reached = total(decision[:, 0].astype(float), found.offloaded[:, 0])
    best = np.min([total(s, y) for s in range(9) for y in np.linspace(0.0, 1.0, 401)], axis=0)
    assert np.isfinite(reached).all()
    assert (reached <= best * (1.0 + 1e-9)).all()
    assert (reached >= best * (1.0 - 5e-3)).mean() > 0.8
    assert len(np.unique(decision)) > 1


@pytest.mark.parametrize("decibels", [30, 35, 45])
def test_the_middle_of_a_proposal_without_a_price_costs_little_more_than_the_best_policy(decibels: int) -> None:
    dynamics = QueueDynamics(users=1, mean_snr=10.0 ** (decibels / 10.0))
    path, world, middle = dynamics.stream(rng(1), 200, 20), dynamics.world("proposal"), np.tile([0.0, -1.0], (20, 1))
    cost = {
        "proposal": -rollout(dynamics, path, lambda slot, draws: world.answered(State(slot), middle, draws), rng()).mean,
        **{name: -rollout(dynamics, path, POLICIES[name](dynamics), rng()).mean for name in ("decomposed", "binary-drain")},
    }
    assert cost["decomposed"] < cost["proposal"] < 1.05 * cost["decomposed"] < cost["binary-drain"]


@pytest.mark.parametrize("fields", SETTINGS)
def test_a_raw_power_says_what_is_offloaded_and_as_many_leave_as_can(fields: dict[str, Any]) -> None:
    dynamics = QueueDynamics(users=1, **fields)
    slots, action = slots_of(dynamics), rng(7).uniform(-1.0, 1.0, (600, 1))
    decision, found = dynamics.world("raw").answered(State(slots), action, rng())
    _, most, nats, _ = constants(dynamics.one)
    power = dynamics.one.max_power[0] * 10.0 ** (4.0 * (action[:, 0] - 1.0))
    carried = np.log1p(power * slots.snr_per_watt[:, 0] / dynamics.one.snr_gap) / nats
    part = np.minimum(carried, 1.0)
    tasks = np.minimum(slots.backlog[:, 0], np.floor((most + part) * (1.0 + 1e-12)))
    assert np.array_equal(decision[:, 0], tasks)
    leaves = tasks > 0.0
    np.testing.assert_allclose(found.offloaded[:, 0], np.where(leaves, part, 0.0), rtol=1e-12, atol=1e-300)
    spent = leaves & (carried < 1.0) & (power * slots.snr_per_watt[:, 0] > 0.0)
    np.testing.assert_allclose(found.transmit_power[spent, 0], power[spent], rtol=1e-9)


@pytest.mark.parametrize("fields", SETTINGS)
def test_a_choice_is_carried_out_or_the_nearest_that_can_be(fields: dict[str, Any]) -> None:
    """Beside every number of tasks and parts on a grid: none that can be done is nearer, in tasks first, then in parts."""
    dynamics = QueueDynamics(users=1, **fields)
    slots, world = slots_of(dynamics, 120), dynamics.world("choices")
    assert isinstance(world.acted, Choices)
    count = world.acted.count
    _, most, nats, _ = constants(dynamics.one)
    with np.errstate(divide="ignore"):
        power = dynamics.one.max_power[0] / dynamics.one.snr_gap * slots.snr_per_watt[:, 0]
    carried, grid = np.minimum(np.log1p(power) / nats, 1.0), np.linspace(0.0, 1.0, 101)
    exactly = 0
    for choice in range(count):
        tasks, part = choice // 5, 0.25 * (choice % 5)
        decision, found = world.answered(State(slots), np.full(120, choice), rng())
        for i in range(120):
            able = [
                (abs(s - tasks), abs(y - part))
                for s in range(int(min(slots.backlog[i, 0], tasks)) + 1)
                for y in grid
                if y <= min(carried[i], s) and s - y <= most
            ]
            reached = abs(decision[i, 0] - tasks), abs(found.offloaded[i, 0] - part)
            assert reached[0] <= min(able)[0]
            if reached[0] == min(able)[0]:
                assert reached[1] <= min(able)[1] + 1e-9
            exactly += reached == (0, 0.0)
    assert 0 < exactly < 120 * count


def test_there_are_choices_for_as_many_tasks_as_can_ever_leave() -> None:
    for speed, tasks in ((4e9, 5), (1.3e9, 2), (0.0, 1), (1e15, 40)):
        env = InferenceQueueEnv(actions="choices", cpu_speed=speed)
        assert env.action_space == Discrete(5 * (tasks + 1))
        assert env.world.acted == QueueDynamics(users=1, cpu_speed=speed).world("choices").acted


def test_the_server_processes_a_part_of_what_it_can_beside_the_devices_of_a_policy() -> None:
    dynamics = QueueDynamics(users=3)
    drawn = dynamics.draw(rng(1), None, (200,))
    queues = rng(2).uniform(0.0, 15.0, 200)
    backlog = rng(3).integers(0, 5, (200, 3)).astype(float)
    slots = drawn._with({**drawn.__dict__, "backlog": backlog, "server_backlog": queues})
    action = rng(4).uniform(-1.0, 1.0, (200, 1))
    action[:2] = [[-1.0], [1.0]]
    for others in ("decomposed", "local"):
        decision, found = ServerWorld(dynamics=dynamics, others=others).answered(State(slots), action, rng())
        wanted, allocation = POLICIES[others](dynamics)(slots, rng())
        assert np.array_equal(decision, wanted)
        for name in ("local_work", "offloaded", "transmit_power", "cpu_rate"):
            assert np.array_equal(getattr(found, name), getattr(allocation, name))
        np.testing.assert_allclose(found.server_work, 0.5 * (action[:, 0] + 1.0) * np.minimum(queues, 6.0), rtol=1e-12)
        assert max(slots.violations(decision, found)[name].max() for name in ("server_backlog", "server_rate")) <= 1e-9
        outcome = dynamics.outcome(slots, decision, found)
        server = queues + 8e-3 * 1e-29 * found.server_rate**3 * 0.5
        np.testing.assert_allclose(outcome.detail.server, server, rtol=1e-9)
    assert (queues > 6.0).any()


def test_the_server_beside_a_device_is_a_policys_and_costs_the_device_nothing() -> None:
    dynamics = QueueDynamics(users=1)
    slots = slots_of(dynamics)
    slots = slots._with({**slots.__dict__, "server_backlog": rng(3).uniform(0.0, 3.0, 600)})
    paid = []
    for others in ("decomposed", "local"):
        world = DeviceWorld(dynamics=dynamics, others=others)
        decision, found = world.answered(State(slots), np.zeros((600, 2)), rng())
        assert np.array_equal(found.server_work, POLICIES[others](dynamics)(slots, rng())[1].server_work)
        outcome = dynamics.outcome(slots, decision, found)
        paid.append((world.earned(outcome), outcome.reward))
    assert np.array_equal(paid[0][0], paid[1][0])
    assert not np.array_equal(paid[0][1], paid[1][1])


@pytest.mark.parametrize("actions", ["proposal", "raw"])
def test_in_a_network_each_does_what_it_does_alone(actions: str) -> None:
    dynamics = QueueDynamics(users=4, mean_snr=[1e2, 1e3, 1e4, 1e5], max_power=[1.0, 0.5, 2.0, 1.0])
    drawn = dynamics.draw(rng(1), None, (50,))
    backlog = rng(3).integers(0, 7, (50, 4)).astype(float)
    slots = drawn._with({**drawn.__dict__, "backlog": backlog, "server_backlog": rng(2).uniform(0.0, 9.0, 50)})
    world = NetworkWorld(dynamics=dynamics, actions=actions)
    action = rng(5).uniform(-1.0, 1.0, (50, 5, world.acted.shape[1]))
    decision, found = world.answered(State(slots), action, rng())
    seen = world.observation(State(slots))
    for k in range(4):
        one = QueueDynamics(users=1, mean_snr=dynamics.mean_snr[k], max_power=[1.0, 0.5, 2.0, 1.0][k])
        values = {name: getattr(slots, name)[:, k : k + 1] for name in ("snr_per_watt", "backlog", "arrivals")}
        block = one.draw(rng(), None, (50,))
        alone = one.world(actions)
        state = State(block._with({**block.__dict__, **values}))
        leaving, allocation = alone.answered(state, action[:, k], rng())
        assert np.array_equal(decision[:, k], leaving[:, 0])
        for f in fields(allocation)[:4]:
            assert np.array_equal(getattr(found, f.name)[:, k], getattr(allocation, f.name)[:, 0]), f.name
        assert np.array_equal(seen[:, k], alone.observation(state))
    server = ServerWorld(dynamics=dynamics)
    assert np.array_equal(found.server_work, server.answered(State(slots), action[:, 4, :1], rng())[1].server_work)
    assert np.array_equal(seen[:, 4], server.observation(State(slots)))


def test_agents_of_a_network_have_actions_of_their_own_size_and_pay_for_themselves() -> None:
    env = InferenceQueueNetworkEnv(users=3, reward_scale=1.0, server_backlog=4.0, backlog=[1, 2, 3])
    env.reset(seed=0)
    assert env.possible_agents == ["device_0", "device_1", "device_2", "server"]
    assert [env.action_space(agent).shape for agent in env.agents] == [(2,), (2,), (2,), (1,)]
    assert env.state().shape == (12,)
    actions = {agent: env.action_space(agent).sample() for agent in env.agents}
    _, rewards, _, _, infos = env.step(actions)
    assert rewards["server"] == pytest.approx(-infos["server"]["cost"] / 3.0)
    assert infos["server"]["cost"] >= 4.0
    for number in range(3):
        assert rewards[f"device_{number}"] == -infos[f"device_{number}"]["cost"]
        assert infos[f"device_{number}"]["cost"] >= number + 1.0
    assert sum(info["cost"] for info in infos.values()) == pytest.approx(-infos["server"]["reward"])
    with pytest.raises(InstanceError, match=r"action of server has shape \(2,\); allowed: \(1,\)"):
        env.step({**actions, "server": np.zeros(2)})


def test_a_network_has_the_servers_way_of_acting_and_a_device_its_own_first() -> None:
    assert list(QueueDynamics(users=1).worlds()) == ["proposal", "raw", "choices", "server"]
    assert list(QueueDynamics(users=3).worlds()) == ["server"]
    assert isinstance(QueueDynamics(users=1).world(), DeviceWorld)
    assert isinstance(QueueDynamics(users=3).world(), ServerWorld)
    with pytest.raises(InstanceError, match="users is 3; allowed: 1 where a device acts"):
        QueueDynamics(users=3).world("raw")


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("kinds", "arguments", "error", "says"),
    [
        ("device", {"actions": "proposals"}, UnknownName, "'proposals'; did you mean 'proposal'"),
        ("device", {"users": 3}, InstanceError, "users is 3; allowed: 1 where a device acts"),
        ("device", {"mean_snr": [1e3, 1e4]}, InstanceError, r"mean_snr has shape \(2,\)"),
        ("both", {"blocks": 0}, InstanceError, "blocks is 0; allowed: a whole number of at least 1"),
        ("both", {"reward_scale": 0.0}, InstanceError, "reward_scale is 0.0; allowed: a finite number > 0"),
        ("both", {"others": "decompose"}, UnknownName, "'decompose'; did you mean 'decomposed'"),
        ("both", {"backlog": [0.5], "users": 1}, InstanceError, r"backlog\[0\] is 0.5; allowed: whole numbers"),
        ("both", {"max_power": -1.0}, InstanceError, "max_power.* is -1"),
        ("both", {"discount": 1.0}, InstanceError, "discount is 1.0"),
        ("network", {"actions": "choices"}, UnknownName, "'choices'"),
        ("network", {"blocks": 1.5}, InstanceError, "blocks is 1.5"),
    ],
)
def test_wrong_arguments_are_named(kinds: str, arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    def makers() -> Iterator[Any]:
        if kinds in ("device", "both"):
            yield from (InferenceQueueEnv, InferenceQueueVectorEnv)
        if kinds == "both":
            yield from (InferenceQueueServerEnv, InferenceQueueServerVectorEnv)
        if kinds == "network":
            yield InferenceQueueNetworkEnv

    for make in makers():
        with pytest.raises(error, match=says):
            make(**arguments)


@pytest.mark.parametrize(
    ("actions", "action", "says"),
    [
        ("proposal", np.array([0.0, np.nan]), r"action\[1\] is nan; allowed: numbers from -1 to 1"),
        ("raw", np.array([1.5]), r"action\[0\] is 1.5"),
        ("raw", np.zeros(2), r"action has shape \(2,\)"),
        ("choices", 30, "action is 30; allowed: 0 to 29"),
        ("choices", 1.5, "allowed: .*, whole numbers"),
    ],
)
def test_actions_that_stand_for_nothing_are_named(actions: str, action: Any, says: str) -> None:
    env = InferenceQueueEnv(actions=actions)
    env.reset(seed=0)
    with pytest.raises(InstanceError, match=says):
        env.step(action)


# ---------------------------------------------------------------------- learning


@pytest.mark.filterwarnings("ignore:.*render_mode")  # Stable-Baselines3 asks every environment for pictures
@pytest.mark.parametrize(
    ("name", "arguments", "algorithm"),
    [
        (ID, {}, "DDPG"),
        (ID, {"actions": "raw"}, "DDPG"),
        (ID, {"actions": "choices"}, "DQN"),
        (SERVER_ID, {"users": 3}, "DDPG"),
    ],
)
def test_stable_baselines_trains_unchanged(name: str, arguments: dict[str, Any], algorithm: str) -> None:
    sb3 = pytest.importorskip("stable_baselines3", reason="needs the extra `learn`")
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    from mecopt.learners.network import one_thread

    register()
    check_for_sb3(gymnasium.make(name, **arguments).unwrapped, warn=False)
    env = gymnasium.make(name, blocks=20, **arguments)
    settings = {"seed": 0, "learning_starts": 40, "batch_size": 32, "policy_kwargs": {"net_arch": [16]}}
    with one_thread():
        model = getattr(sb3, algorithm)("MlpPolicy", env, **settings)
        before = [value.clone() for value in model.policy.parameters()]
        model.learn(80)
    assert any(not now.equal(then) for now, then in zip(model.policy.parameters(), before, strict=True))
    action, _ = model.predict(env.reset(seed=1)[0], deterministic=True)
    assert env.action_space.contains(action)
