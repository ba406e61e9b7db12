"""The environments of backscatter frames: batteries, registration, what they earn, and that others can learn in them."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="environments need the extra `learn`")
pytest.importorskip("pettingzoo", reason="environments need the extra `learn`")

import gymnasium

from mecopt import InstanceError, UnknownName
from mecopt.dynamic.rollout import Record, rollout
from mecopt.dynamic.worlds import State
from mecopt.environments import environment_ids, register
from mecopt.models import BackscatterFrame
from mecopt.models.backscatter_frame.dynamics.beam_actions import beams_of
from mecopt.models.backscatter_frame.dynamics.environment import BackscatterFrameEnv
from mecopt.models.backscatter_frame.dynamics.observation import Observer
from mecopt.models.backscatter_frame.dynamics.steps import FrameDynamics, Rewards, carried_out, estimated, from_shares
from mecopt.models.backscatter_frame.dynamics.users_environment import BackscatterUsersEnv
from mecopt.models.backscatter_frame.exact.beams import evenly, matched
from mecopt.testing.environments import (
    ENV_CHECKS,
    PARALLEL_CHECKS,
    EnvCheck,
    check_a_shell_adds_nothing,
    check_copies_do_the_same,
    check_env,
    check_no_step_changes_the_past,
    check_observations_are_in_their_space,
    check_parallel_env,
    check_refused_actions_leave_no_trace,
    check_vectorised,
    check_what_is_handed_out_is_the_callers,
    made,
)

ID = "mecopt/BackscatterFrame-v0"


def random_answer(frame: BackscatterFrame, beams: Any, rng: np.random.Generator) -> Any:
    return from_shares(frame, beams, rng.random((frame.users, 3)))


ENVS: dict[str, dict[str, Any]] = {
    "default": {},
    "raw": {"beams": "raw", "users": 2, "antennas": 4},
    "harder": {"preset": "harder", "frames": 3, "rewards": Rewards(reliability=2.0)},
    "another answer": {"answer": random_answer},
    "overridden": {"carrier_power": 3000.0, "workload": [10.0, 20.0, 30.0], "harvesting": "causal", "reward_scale": 1.0},
    "one user": {"users": 1, "beams": "raw"},  # whose weights would all mean the same beam
}

USERS: dict[str, dict[str, Any]] = {
    "default": {},
    "team": {"reward": "team", "beams": "matched", "users": 5, "antennas": 2},
    "strict": {"actions": "strict", "beams": "random", "frames": 3},
    "told": {"told_gain": True, "beams": lambda frame, rng: evenly(frame), "preset": "harder"},
}


@pytest.mark.parametrize("check", ENV_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("arguments", ENVS.values(), ids=list(ENVS))
def test_the_access_points_environment_passes(arguments: dict[str, Any], check: EnvCheck) -> None:
    check(made(ID, **arguments))


@pytest.mark.parametrize("arguments", ENVS.values(), ids=list(ENVS))
def test_copies_side_by_side(arguments: dict[str, Any]) -> None:
    check_vectorised(ID, **arguments)


@pytest.mark.parametrize("check", PARALLEL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("arguments", USERS.values(), ids=list(USERS))
def test_the_users_environment_passes(arguments: dict[str, Any], check: EnvCheck) -> None:
    check(lambda: BackscatterUsersEnv(**arguments))


def test_the_batteries_run_as_one_call() -> None:
    check_env(ID, frames=3)
    check_parallel_env(lambda: BackscatterUsersEnv(frames=3))


# ---------------------------------------------------------------------- the battery finds faults


class Unseeded(BackscatterFrameEnv):
    """Draws from a generator of its own."""

    def reset(self, **given: Any) -> Any:
        super().reset(**given)
        self._state = self.world.initial(np.random.default_rng())
        return self.world.observation(self._state), {}


class Rewritten(BackscatterFrameEnv):
    """Hands out the same array again and again."""

    def step(self, action: Any) -> Any:
        seen, *rest = super().step(action)
        self.kept = getattr(self, "kept", seen)
        self.kept[...] = seen
        return self.kept, *rest


class Bonus(BackscatterFrameEnv):
    """Earns more than its world does."""

    def step(self, action: Any) -> Any:
        seen, reward, *rest = super().step(action)
        return seen, reward + 1e-9, *rest


class Boasting(BackscatterFrameEnv):
    """Tells of more work than was done."""

    def step(self, action: Any) -> Any:
        *rest, info = super().step(action)
        return *rest, {**info, "done": info["done"] + 1.0}


class Crossed(BackscatterUsersEnv):
    """Tells users how the next one fared."""

    def step(self, actions: Any) -> Any:
        *rest, infos = super().step(actions)
        served = [infos[agent]["served"] for agent in self.possible_agents]
        crossed = {a: {**infos[a], "served": served[i - 1]} for i, a in enumerate(self.possible_agents)}
        return *rest, crossed


class Wider(BackscatterFrameEnv):
    """Shows more than its space holds."""

    def step(self, action: Any) -> Any:
        seen, *rest = super().step(action)
        return 1e3 * seen, *rest


class Clipped(BackscatterFrameEnv):
    """Takes any action for one of the space."""

    def step(self, action: Any) -> Any:
        return super().step(np.nan_to_num(np.resize(action, self.action_space.shape or ()), posinf=1.0).clip(0.0, 1.0))


class Remembered(BackscatterFrameEnv):
    """Hands out what it reads later."""

    def reset(self, **given: Any) -> Any:
        seen, info = super().reset(**given)
        self.seen = seen
        return seen, info

    def step(self, action: Any) -> Any:
        seen, reward, *rest = super().step(action)
        reward, self.seen = reward + float(self.seen.sum()), seen
        return seen, reward, *rest


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (Unseeded, check_copies_do_the_same),
        (Rewritten, check_no_step_changes_the_past),
        (Bonus, check_a_shell_adds_nothing),
        (Boasting, check_a_shell_adds_nothing),
        (Crossed, check_a_shell_adds_nothing),
        (Wider, check_observations_are_in_their_space),
        (Clipped, check_refused_actions_leave_no_trace),
        (Remembered, check_what_is_handed_out_is_the_callers),
    ],
)
def test_an_environment_with_a_fault_is_found(
    fault: type[BackscatterFrameEnv] | type[BackscatterUsersEnv], check: EnvCheck
) -> None:
    with pytest.raises(AssertionError):
        check(fault)


# ---------------------------------------------------------------------- registration


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_id_with_its_module_needs_no_import() -> None:
    code = f"import gymnasium; print(gymnasium.make('mecopt.environments:{ID}').unwrapped.spec.id)"
    assert python(code) == ID


def test_registering_imports_neither_models_nor_solvers() -> None:
    heavy = "('numba', 'scipy', 'cvxpy', 'torch', 'matplotlib', 'pyarrow', 'mecopt.models', 'pettingzoo')"
    code = f"import sys, mecopt.environments; print([name for name in {heavy} if name in sys.modules])"
    assert python(code) == "[]"


def test_registering_twice_says_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register()
    assert ID in environment_ids()
    assert set(environment_ids()) <= set(gymnasium.registry)


def test_gymnasium_before_1_finds_the_registration_as_a_plugin() -> None:
    (plugin,) = (entry for entry in entry_points(group="gymnasium.envs") if entry.value.startswith("mecopt."))
    assert plugin.name == "__root__"  # the ids name their namespace themselves
    assert plugin.load() is register


@pytest.mark.parametrize(
    ("hidden", "module"),
    [
        ("gymnasium", "mecopt.environments"),
        ("gymnasium", "mecopt.models.backscatter_frame.dynamics.environment"),
        ("pettingzoo", "mecopt.models.backscatter_frame.dynamics.users_environment"),
        ("pettingzoo", "mecopt.testing.environments"),
    ],
)
def test_without_the_extra_the_error_names_it(hidden: str, module: str) -> None:
    code = f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "{hidden}":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
import mecopt
try:
    import {module}
except mecopt.BackendUnavailable as error:
    print(error)
"""
    assert "pip install 'mecopt[learn]'" in python(code)


# ---------------------------------------------------------------------- what they do


def episode(env: Any, seed: int, action: Any = None) -> Iterator[tuple[Any, ...]]:
    env.reset(seed=seed)
    env.action_space.seed(seed)
    over = False
    while not over:
        seen, reward, ended, over, info = env.step(env.action_space.sample() if action is None else action)
        assert not ended
        yield seen, reward, info


def test_an_episode_lasts_as_many_frames_as_asked_for() -> None:
    assert len(list(episode(BackscatterFrameEnv(), 0))) == 100
    env = BackscatterFrameEnv(frames=7)
    assert len(list(episode(env, 0))) == 7
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(env.action_space.sample())
    limited = gymnasium.make(ID, max_episode_steps=2)
    limited.reset(seed=0)
    assert [limited.step(limited.action_space.sample())[3] for _ in range(2)] == [False, True]


def test_users_leave_together_when_their_episode_ends() -> None:
    env: Any = BackscatterUsersEnv(frames=2)
    assert env.agents == []
    env.reset(seed=0)
    assert env.agents == env.possible_agents == ["user_0", "user_1", "user_2"]
    for last in (False, True):
        actions = {agent: env.action_space(agent).sample() for agent in env.agents}
        *_, ended, cut, infos = env.step(actions)
        assert set(ended.values()) == {False}
        assert set(cut.values()) == {last}
        assert set(infos) == set(env.possible_agents)
    assert env.agents == []
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(actions)


def test_an_episode_is_the_rollout_of_its_frames() -> None:
    env = BackscatterFrameEnv(frames=20)
    rng = gymnasium.utils.seeding.np_random(3)[0]
    drawn = [BackscatterFrame.sample(rng) for _ in range(20)]
    stream = BackscatterFrame(**{name: np.stack([f.data()[name] for f in drawn])[:, None] for name in drawn[0].data()})
    action = np.linspace(0.0, 1.0, 9, dtype=np.float32)

    def policy(frame: BackscatterFrame, rng: np.random.Generator) -> Any:
        beams = beams_of(frame, "weights", action[None])
        return beams, estimated(frame, beams)

    kept = Record()
    rollout(FrameDynamics(), stream, policy, np.random.default_rng(0), watch=kept)
    outcome = kept.detail
    infos = [info for _, _, info in episode(env, 3, action)]
    np.testing.assert_allclose([info["reward"] for info in infos], Rewards().of_frame(outcome)[:, 0], rtol=1e-6)
    np.testing.assert_allclose([info["energy"] for info in infos], outcome.energy[:, 0], rtol=1e-6, atol=1e-3)
    assert np.array_equal([info["served"] for info in infos], outcome.served[:, 0])
    np.testing.assert_allclose([info["outage"] for info in infos], outcome.outage[:, 0])


def test_channel_and_work_are_the_same_whatever_is_done() -> None:
    seen: dict[str, Any] = {}
    kinds: dict[str, dict[str, Any]] = {"none": {}, "raw": {"beams": "raw"}, "random answer": {"answer": random_answer}}
    for name, given in kinds.items():
        rows = [seen for seen, *_ in episode(BackscatterFrameEnv(frames=8, **given), 4)]
        seen[name] = np.reshape(rows, (8, 3, 9))
    users: Any = BackscatterUsersEnv(frames=8, beams="random")
    users.reset(seed=4)
    rows = []
    for _ in range(8):
        step = users.step({agent: users.action_space(agent).sample() for agent in users.agents})
        rows.append([step[0][agent] for agent in users.possible_agents])
    seen["users"] = np.array(rows)
    for other in seen.values():
        assert np.array_equal(other[..., 1:], seen["none"][..., 1:])
    assert not np.array_equal(seen["raw"][..., 0], seen["none"][..., 0])


def test_the_reward_is_scaled_and_the_info_is_not() -> None:
    for scale in (0.02, 1.0):
        for _, reward, info in episode(BackscatterFrameEnv(frames=3, reward_scale=scale), 1):
            assert reward == scale * info["reward"]
            reward_by_hand = 1000.0 * (1.0 - info["outage"]) * info["done"] / (info["energy"] + 600.0)
            assert info["reward"] == pytest.approx(reward_by_hand)


def test_users_earn_their_own_or_the_teams_reward() -> None:
    action = {f"user_{i}": np.array([0.3, 0.2 * i, 0.9], dtype=np.float32) for i in range(3)}
    shares = np.stack(list(action.values())).astype(float)
    for reward in ("own", "team"):
        env: Any = BackscatterUsersEnv(reward=reward, beams="matched")
        env.reset(seed=2)
        frame = BackscatterFrame.sample(gymnasium.utils.seeding.np_random(2)[0])
        beams = matched(frame)
        outcome = carried_out(frame, beams, from_shares(frame, beams, shares))
        _, earned, _, _, infos = env.step(action)
        team = Rewards().of_frame(outcome).item()
        wanted = Rewards().of_users(outcome) if reward == "own" else [0.02 * team] * 3
        np.testing.assert_allclose(list(earned.values()), wanted, rtol=1e-12)
        assert [info["served"] for info in infos.values()] == outcome.served.tolist()
        assert {info["reward"] for info in infos.values()} == {team}


def test_a_user_that_is_told_its_gain_knows_its_passive_rate() -> None:
    env: Any = BackscatterUsersEnv(told_gain=True, beams="random")
    env.reset(seed=6)
    plain = BackscatterUsersEnv(beams="random")
    plain.reset(seed=6)
    seen, without = env.state().reshape(3, 10).astype(float), plain.state().reshape(3, 9)
    assert np.array_equal(seen[:, :9], without)
    frame, beams = env._state.problem, env._state.prepared
    strength = env.world.scales.strength * 10.0 ** seen[:, 2]
    signal = frame.carrier_power * frame.reflection**2 * strength**2 * seen[:, 9] / frame.noise_power
    np.testing.assert_allclose(10.0 * np.log2(1.0 + signal), frame.links(beams).rate, rtol=1e-4)


def test_the_observer_may_be_that_of_a_stream() -> None:
    observer = Observer.fit(BackscatterFrame.sample(np.random.default_rng(9), (50,)))
    env = BackscatterFrameEnv(observer=observer)
    seen, _ = env.reset(seed=1)
    frame = BackscatterFrame.sample(gymnasium.utils.seeding.np_random(1)[0])
    assert np.array_equal(seen, observer(frame).ravel())


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"beams": "weight"}, UnknownName, "'weight'; did you mean 'weights'"),
        ({"preset": "papers"}, UnknownName, "did you mean 'paper'"),
        ({"carrier_powr": 1.0}, UnknownName, "did you mean 'carrier_power'"),
        ({"carrier_power": -1.0}, InstanceError, r"carrier_power is -1.0; .*allowed: finite numbers > 0"),
        ({"workload": np.ones((5, 3))}, InstanceError, r"batch of shape \(5,\); allowed: those of a single slot"),
        ({"frames": 0}, InstanceError, "frames is 0; allowed: a whole number of at least 1"),
        ({"users": 0}, InstanceError, "users is 0; allowed"),
        ({"reward_scale": np.nan}, InstanceError, "reward_scale is nan; allowed: a finite number > 0"),
        ({"observer": Observer(np.ones(2), 1.0, 3)}, InstanceError, "3 users, 3 antennas; allowed: those of the observer"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        BackscatterFrameEnv(**arguments)
    if "beams" in arguments or "observer" not in arguments:
        with pytest.raises(error, match=says):
            BackscatterUsersEnv(**arguments)


@pytest.mark.parametrize("argument", ["actions", "reward"])
def test_wrong_kinds_of_users_are_named(argument: str) -> None:
    with pytest.raises(UnknownName, match="Known: "):
        BackscatterUsersEnv(**{argument: "other"})  # type: ignore[arg-type]


def test_a_rule_that_gives_no_beams_is_refused() -> None:
    env = BackscatterUsersEnv(beams=lambda frame, rng: np.zeros((3, 3)))
    with pytest.raises(InstanceError, match="user 0 has norm 0"):
        env.reset(seed=0)


# ---------------------------------------------------------------------- learning


def test_stable_baselines_trains_in_the_environment_unchanged() -> None:
    sb3 = pytest.importorskip("stable_baselines3", reason="needs the extra `learn`")
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    check_for_sb3(BackscatterFrameEnv(), warn=False)
    env = gymnasium.make(ID, frames=20)
    model = sb3.DDPG("MlpPolicy", env, seed=0, learning_starts=40, batch_size=32, policy_kwargs={"net_arch": [32]})
    before = {name: value.clone() for name, value in model.actor.state_dict().items()}
    model.learn(120)
    assert any(not value.equal(before[name]) for name, value in model.actor.state_dict().items())
    seen, _ = env.reset(seed=1)
    action, _ = model.predict(seen, deterministic=True)
    assert env.action_space.contains(action)


@pytest.mark.filterwarnings("ignore:.*render_mode")  # Stable-Baselines3 asks every environment for pictures
def test_stable_baselines_trains_on_copies_side_by_side() -> None:
    sb3 = pytest.importorskip("stable_baselines3", reason="needs the extra `learn`")
    from stable_baselines3.common.env_util import make_vec_env

    env = make_vec_env(ID, n_envs=2, seed=0, env_kwargs={"frames": 50, "beams": "raw"})
    model = sb3.DDPG("MlpPolicy", env, seed=0, learning_starts=50, batch_size=32, policy_kwargs={"net_arch": [32]})
    model.learn(300)
    assert [episode["l"] for episode in model.ep_info_buffer] == [50] * 6
    assert all(np.isfinite(episode["r"]) for episode in model.ep_info_buffer)


def test_many_lanes_in_one_call_earn_what_each_does_alone() -> None:
    from mecopt.dynamic.environments import SlotVectorEnv

    single = BackscatterFrameEnv(frames=4)
    many = SlotVectorEnv(single.world, slots=4, lanes=3)
    seen, _ = many.reset(seed=5)
    state, rng = many._state, np.random.default_rng(0)
    for last in (False, False, False, True):
        action = rng.random((3, 9), dtype=np.float32)
        assert state is not None
        for lane in range(3):
            assert np.array_equal(single.world.observation(State(state.problem[lane])), seen[lane])
        earned = []
        for lane in range(3):
            alone = State(state.problem[lane])
            following = single.world.transition(alone, action[lane], np.random.default_rng(0))
            earned.append(single.world.reward(alone, action[lane], following).item())
        seen, reward, ended, cut, infos = many.step(action)
        np.testing.assert_allclose(reward, earned, rtol=1e-5)
        assert infos["served"].shape == (3, 3)
        assert not ended.any()
        assert (cut == last).all()
        state = many._state
