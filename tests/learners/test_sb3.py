"""Stable-Baselines3 on slots: it reaches optima that are known, goes on to the same bytes, and acts without torch."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loading import example
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt import InstanceError, UnknownName
from mecopt.contract.errors import MecoptError
from mecopt.dynamic import (
    Choices,
    Dynamics,
    Moves,
    Numbers,
    SlotWorld,
    State,
    average_of,
    best_average,
    policy_of,
    rollout,
)
from mecopt.learners.paths import as_paths
from mecopt.learners.sb3 import LEARNER, Sb3Policy, learner, record
from mecopt.learners.sb3.policy import Actor, as_action
from mecopt.learners.sb3.settings import Sb3Settings
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.registry import find_dynamics

pytest.importorskip("stable_baselines3", reason="sb3 needs the extra `learn`")

Array = NDArray[Any]

pytestmark = pytest.mark.filterwarnings("ignore::mecopt.quantities.doubts.AmbiguousShape")

SHORT: dict[str, Any] = {
    "hidden": (16,),
    "lanes": 4,
    "checks": 3,
    "check_slots": 40,
    "check_lanes": 4,
    "warm_up": 16,
    "batch": 16,
    "updates": 1,
}
RESULTS = ("weights.safetensors", "training.parquet", "card.json")


STORE: Any = example("energy_store")
STORE.PRICES = np.array([0.2, 1.0, 6.0])  # worth waiting for: selling whatever there is earns little


MOST = 2
"""Units that a seller can sell at a time: whoever tries anything at random still has something left."""


class Seller(SlotWorld):
    """Sells up to `MOST` units, by their number or by a part."""

    observed = Numbers(0.0, 2.0, (4,))

    def __init__(self, dynamics: Dynamics[Any], acted: Numbers | Choices) -> None:
        self.dynamics, self._acted, self.reward_scale = dynamics, acted, 0.2

    @property
    def acted(self) -> Numbers | Choices:
        return self._acted

    def seen(self, state: State) -> Array:
        prices = state.problem.price == STORE.PRICES
        return np.concatenate([state.problem.level / 8.0, prices], axis=-1).astype(np.float32)

    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, Any]:
        part = np.asarray(action)
        units = part[..., None] if isinstance(self._acted, Choices) else np.round(part * MOST)
        decision = np.minimum(units, state.problem.level).astype(int)
        return decision, state.problem.closed_form(decision)[0]


class Selling(STORE.StoreDynamics):  # type: ignore[misc]
    """The store, and how one sells."""

    def worlds(self) -> dict[str, Callable[[], SlotWorld]]:
        return {"parts": partial(Seller, self, Numbers(0.0, 1.0, (1,))), "units": partial(Seller, self, Choices(MOST + 1))}


def learned(tmp_path: Path, slots: int, **given: Any) -> tuple[dict[str, Array], Actor, Dynamics[Any]]:
    dynamics, settings = Selling(), Sb3Settings(**given)
    stream = dynamics.stream(np.random.default_rng(1), slots, settings.lanes)
    columns, layers = learner._learned(
        dynamics, stream, settings, 0, "run", tmp_path / "checkpoint", lambda done, total: None
    )
    return columns, Actor(dynamics.world(settings.actions), settings, layers), dynamics


def best_of_sellers() -> tuple[Any, Any]:
    """Return the proved best average revenue of whoever sells at most `MOST` units, and that of selling what there is."""
    sold = np.arange(1 - STORE.UNITS, STORE.UNITS) + 1.0
    able = (sold >= 0.0) & (sold <= MOST)
    reward = np.where(able, STORE.PRICES[:, None] * np.sqrt(np.maximum(sold, 0.0)), -np.inf)
    waits = np.minimum(np.arange(STORE.UNITS) + 1, STORE.UNITS - 1)
    moves = Moves(STORE.CHAIN, reward, [(0.0, waits)])
    greedy = np.broadcast_to(np.maximum(np.arange(STORE.UNITS) + 1 - MOST, 0), (len(STORE.PRICES), STORE.UNITS))
    return best_average(moves), average_of(moves, greedy)


def test_choices_come_near_an_optimum_that_is_known(tmp_path: Path) -> None:
    """More than half of the way from selling whatever there is to the proved optimum."""
    _, policy, dynamics = learned(
        tmp_path,
        1000,
        algorithm="dqn",
        actions="units",
        exploration=0.5,
        target_interval=200,
        checks=8,
        check_slots=4000,
        hidden=(32, 32),
    )
    path = dynamics.stream(np.random.default_rng(99), 1500, 8)
    found = rollout(dynamics, path, policy, np.random.default_rng(0)).mean
    best, greedy = best_of_sellers()
    assert found > 0.5 * (best.lower + greedy.upper), (found, best, greedy)


class Follower(Seller):
    """Earns by how near its action is to a target that it sees: the best average reward is 1."""

    def target(self, state: State) -> Array:
        return np.asarray(0.2 + 0.6 * (state.problem.price == STORE.PRICES[1]))

    def reward(self, state: State, action: Array, following: State) -> Array:
        return np.asarray(1.0 - ((action - self.target(state)) ** 2).mean(axis=-1))


@pytest.mark.parametrize("algorithm", ["ddpg", "td3"])
def test_numbers_come_near_a_target_that_is_seen(algorithm: str) -> None:
    """Nearer than the best constant action does by a factor of ten."""
    from mecopt.learners.network import one_thread
    from mecopt.learners.sb3.model import Model

    dynamics = Selling()
    world, settings = Follower(dynamics, Numbers(0.0, 1.0, (1,))), Sb3Settings(algorithm=algorithm, hidden=(32, 32))
    stream = dynamics.stream(np.random.default_rng(1), 600, 8)
    with one_thread():
        model = Model(world, stream, settings, 0, stream.instances)
        model.learn(0, len(stream))
    actor, state = Actor(world, settings, model.network()), State(stream[300:500].flat())
    target = world.target(state)
    assert ((actor.action(state) - target) ** 2).mean() < 0.1 * target.var()


def test_the_policy_that_is_kept_is_the_best_on_its_own_path(tmp_path: Path) -> None:
    columns, policy, dynamics = learned(tmp_path, 60, algorithm="dqn", actions="units", **SHORT)
    path = dynamics.stream(np.random.default_rng((0, 8)), 10, 4)
    assert rollout(dynamics, path, policy, np.random.default_rng(0)).mean == pytest.approx(
        columns["reward"].max(), rel=1e-12
    )
    assert columns["slots"].tolist() == [80, 160, 240]


# ---------------------------------------------------------------------- files


def stream_of(settings: Sb3Settings, slots: int = 240, seed: int = 2, **fields: Any) -> Any:
    cls = find_dynamics("backscatter-frame").problem
    return LEARNER.stream(cls, np.random.default_rng(seed), slots, "paper", fields, settings)


def trained(folder: Path, progress: Any = lambda done, total: None, **given: Any) -> Sb3Policy:
    settings = Sb3Settings(**{**SHORT, **given})
    return LEARNER.train(stream_of(settings), settings, 3, folder, {"preset": "paper"}, progress)


class Interrupted(Exception):
    """What stops a training here."""


@pytest.mark.parametrize("algorithm", ["ddpg", "td3"])
@pytest.mark.parametrize("after", [1, 2])
def test_a_training_that_was_interrupted_ends_in_the_same_bytes(tmp_path: Path, algorithm: str, after: int) -> None:
    def stop(done: int, total: int) -> None:
        if done > after * total // 3:
            raise Interrupted

    trained(tmp_path / "whole", algorithm=algorithm)
    with pytest.raises(Interrupted):
        trained(tmp_path / "parts", stop, algorithm=algorithm)
    assert (tmp_path / "parts" / "checkpoint.safetensors").is_file()
    trained(tmp_path / "parts", algorithm=algorithm)
    for name in RESULTS:
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.parametrize("random", [0.05, 1.0])
def test_choices_go_on_to_the_same_bytes_too(tmp_path: Path, random: float) -> None:
    """Whatever share of choices is random, also the first one after an interruption."""
    dynamics, settings = Selling(), Sb3Settings(algorithm="dqn", actions="units", exploration_end=random, **SHORT)
    stream = dynamics.stream(np.random.default_rng(1), 60, 4)

    def run(name: str, most: float) -> Any:
        def stop(done: int, total: int) -> None:
            if done > most * total:
                raise Interrupted

        return learner._learned(dynamics, stream, settings, 0, "run", tmp_path / name, stop)

    whole = run("whole", 2.0)
    with pytest.raises(Interrupted):
        run("parts", 0.5)
    again = run("parts", 2.0)
    for one, other in zip(whole[0].values(), again[0].values(), strict=True):
        assert np.array_equal(one, other)
    for (w, b), (v, c) in zip(whole[1], again[1], strict=True):
        assert np.array_equal(w, v)
        assert np.array_equal(b, c)


def test_a_policy_on_disk_does_what_it_did(tmp_path: Path) -> None:
    policy = trained(tmp_path / "p")
    again = Sb3Policy.load(tmp_path / "p")
    slots = stream_of(policy.settings, seed=5)[0]
    one, other = (p.act(slots, np.random.default_rng(0)) for p in (policy, again))
    assert np.array_equal(one[0], other[0])
    proposed = again.propose(slots, 2, np.random.default_rng(0))
    assert proposed.shape[:2] == (4, 2)
    assert np.array_equal(proposed[:, 0], one[0])
    columns = record.read(tmp_path / "p" / "training.parquet")
    assert set(record.COLUMNS) < set(columns)
    assert (tmp_path / "p" / "training.png").read_bytes().startswith(b"\x89PNG")
    assert "mecopt rollout backscatter-frame --policies learned:" in again.usage(tmp_path / "p")
    assert "judge by others" in "\n".join(again.report())


def test_a_policy_is_a_policy_of_rollouts_by_name(tmp_path: Path) -> None:
    policy = trained(tmp_path / "p")
    dynamics = find_dynamics("backscatter-frame")()
    path = dynamics.stream(np.random.default_rng(4), 5, 3)
    by_name = rollout(dynamics, path, policy_of(dynamics, f"learned:{tmp_path / 'p'}"), np.random.default_rng(0))
    itself = rollout(dynamics, path, policy.act, np.random.default_rng(0))
    assert np.array_equal(by_name.reward, itself.reward)


def test_acting_needs_no_torch(tmp_path: Path) -> None:
    import subprocess

    trained(tmp_path / "p")
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['stable_baselines3'] = None\n"
        "import numpy as np, mecopt\n"
        f"policy = mecopt.load_policy({str(tmp_path / 'p')!r})\n"
        "from mecopt.registry import find_dynamics\n"
        "slots = find_dynamics('backscatter-frame')().draw(np.random.default_rng(0), None, (2,))\n"
        "print(policy.act(slots, np.random.default_rng(0))[0].shape[0])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "2"


def test_numpy_acts_as_torch_does(tmp_path: Path) -> None:
    from mecopt.learners.sb3.model import Model

    for settings, world in (
        (Sb3Settings(algorithm="ddpg"), Selling().world("parts")),
        (Sb3Settings(algorithm="dqn"), Selling().world("units")),
    ):
        stream = world.dynamics.stream(np.random.default_rng(1), 30, settings.lanes)
        model = Model(world, stream, settings, 0, 100)
        policy = Actor(world, settings, model.network())
        state = State(stream[3])
        said, _ = model.model.policy.predict(world.observation(state), deterministic=True)
        if settings.algorithm == "dqn":
            assert np.array_equal(policy.action(state), said)
        else:
            np.testing.assert_allclose(policy.action(state), said, atol=1e-5)


def test_actions_fill_their_range() -> None:
    assert as_action(np.array([-50.0, 0.0, 50.0]), 2.0, 6.0).tolist() == [2.0, 4.0, 6.0]


def test_a_training_leaves_the_generators_of_the_process_alone(tmp_path: Path) -> None:
    import random

    import torch

    def drawn() -> tuple[float, float, float]:
        return random.random(), float(np.random.random()), float(torch.rand(()))  # noqa: NPY002

    def seeded() -> None:
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        torch.manual_seed(1)

    seeded()
    untouched = drawn()
    seeded()
    trained(tmp_path / "p")
    assert drawn() == untouched


def test_the_mean_of_nothing_is_no_number() -> None:
    assert np.isnan(record.mean(np.full(3, np.nan)))
    assert record.mean(np.array([1.0, np.nan, 3.0])) == 2.0


def test_what_diverges_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mecopt.learners.sb3.model import Model

    monkeypatch.setattr(Model, "network", lambda self: [(np.full((3, 4), np.nan), np.zeros(3))])
    with pytest.raises(MecoptError, match=r"diverged in slots 0 to 20 of each lane.*a learning_rate below 0.001 may help"):
        learned(tmp_path, 60, algorithm="dqn", actions="units", **SHORT)


@pytest.mark.parametrize(("slots", "lanes", "shape"), [(1, 4, (1, 1)), (9, 4, (3, 4)), (8, 4, (2, 4))])
def test_the_path_of_the_checks_has_the_slots_and_lanes_that_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slots: int, lanes: int, shape: tuple[int, int]
) -> None:
    met = []

    def noted(dynamics: Any, path: Any, *others: Any) -> Any:
        met.append(path.batch_shape)
        return rollout(dynamics, path, *others)

    monkeypatch.setattr(learner, "rollout", noted)
    learned(tmp_path, 60, algorithm="dqn", actions="units", **{**SHORT, "check_slots": slots, "check_lanes": lanes})
    assert met == [shape] * SHORT["checks"]


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"algorithm": "ppo"}, "setting algorithm is 'ppo'; allowed: ddpg, td3, dqn"),
        ({"discount": 1.0}, "setting discount is 1.0; allowed: between 0 and 1"),
        ({"lanes": 0}, "setting lanes is 0"),
        ({"check_lanes": 0}, "setting check_lanes is 0"),
        ({"noise": -0.1}, "setting noise is -0.1"),
        ({"exploration_end": 1.5}, "setting exploration_end is 1.5"),
        ({"learning_rate": 0.0}, "setting learning_rate is 0.0"),
        ({"warm_up": -1}, "setting warm_up is -1; allowed: 0 or more"),
        ({"activation": "gelu"}, "setting activation is 'gelu'"),
    ],
)
def test_settings_without_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InstanceError, match=message):
        Sb3Settings(**given)


def test_settings_of_the_other_kind_have_no_effect() -> None:
    with pytest.raises(InstanceError, match="setting exploration has no effect with algorithm=ddpg"):
        Sb3Settings().require_effect(["exploration"])
    with pytest.raises(InstanceError, match="setting noise has no effect with algorithm=dqn"):
        Sb3Settings(algorithm="dqn").require_effect(["noise"])


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    from mecopt.models import BinaryOffloading

    alone = BinaryOffloading.sample(np.random.default_rng(0), (5,), users=3)
    assert "binary-offloading does not repeat" in str(LEARNER.refusal(alone))
    settings = Sb3Settings(**SHORT)
    with pytest.raises(InstanceError, match="the actions 'weights' of backscatter-frame are numbers, of which dqn is not"):
        trained(tmp_path / "a", algorithm="dqn", actions="weights")
    with pytest.raises(UnknownName, match="way of acting in backscatter-frame"):
        trained(tmp_path / "b", actions="beam")
    with pytest.raises(InstanceError, match="the stream has 3 slots; allowed: 4 or more, one for each lane"):
        LEARNER.train(stream_of(settings).flat()[:3], settings, 3, tmp_path / "d", {"preset": "paper"})
    with pytest.raises(InstanceError, match="3 slots are too few; allowed: 4 or more"):
        stream_of(settings, slots=3)
    assert not any(tmp_path.iterdir())


def test_one_path_is_cut_into_lanes_that_follow_each_other() -> None:
    path = stream_of(Sb3Settings(**SHORT)).flat()[:11]
    cut: Any = as_paths(path, 4)
    assert cut.batch_shape == (2, 4)
    for lane in range(4):
        assert np.array_equal(cut.workload[:, lane], path.workload[2 * lane : 2 * lane + 2])


def test_a_log_of_something_else_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    from mecopt.learners.log import KIND
    from mecopt.storage import sealed as stored

    with pytest.raises(InstanceError, match="is missing"):
        record.read(tmp_path / "none.parquet")
    stored.write_table(tmp_path / "log.parquet", pa.table({"slots": [1]}), KIND)
    with pytest.raises(InstanceError, match="no column training"):
        record.read(tmp_path / "log.parquet")


def test_settings_survive_the_card() -> None:
    settings = Sb3Settings(algorithm="dqn", hidden=(8, 4))
    assert Sb3Settings.of(dataclasses.asdict(settings)) == settings


@pytest.mark.parametrize(
    ("users", "given"),
    [
        (1, {}),
        (1, {"actions": "raw", "algorithm": "td3"}),
        (1, {"actions": "choices", "algorithm": "dqn"}),
        (3, {}),
    ],
)
def test_devices_and_servers_of_queues_learn_and_tell_costs_as_costs(users: int, given: Any, tmp_path: Path) -> None:
    dynamics = QueueDynamics(users=users)
    settings = Sb3Settings(**{**LEARNER.brief, **given})
    stream = dynamics.stream(np.random.default_rng(0), 30, settings.lanes)
    policy = LEARNER.train(stream, settings, 0, tmp_path / "run", {"set": [f"users={users}"]})
    found = policy.card["reached"]
    path = dynamics.stream(np.random.default_rng((0, 8)), 2, 8)
    cost = -rollout(dynamics, path, policy.act, np.random.default_rng((0, 9))).mean
    assert found["reward"] == pytest.approx(cost, rel=1e-9)
    assert cost > 0.0
    assert "cost -" not in " ".join(policy.reported())
    rounded = found["slots"] < stream.instances
    assert any(text.startswith(f"of {stream.instances:,} slots it learned from") for text in policy.reported()) == rounded


def test_the_command_that_is_told_carries_a_policy_out_where_it_was_trained(tmp_path: Path) -> None:
    dynamics = QueueDynamics("calibrated", users=1, discount=0.9)
    settings = Sb3Settings(**LEARNER.brief)
    stream = dynamics.stream(np.random.default_rng(0), 30, settings.lanes)
    told = {"preset": "calibrated", "set": ["discount=.9", "max_power=23 dBm"]}
    policy = LEARNER.train(stream, settings, 0, tmp_path / "run", told)
    assert policy.usage("run") == (
        "mecopt rollout inference-queue --preset calibrated --set discount=.9 --set 'max_power=23 dBm' --set users=1 "
        "--policies learned:run -o FOLDER"
    )
    assert policy.report()[0] == "what counts is discounted by 0.9, and it learned with 0.95 (--with discount)"
    assert policy.differences_along(dynamics) == []
    other = QueueDynamics("calibrated", users=1, arrival_probability=0.7)
    assert policy.differences_along(other) == [
        "arrival_probability was 0.4 in its training and is 0.7 here",
        "discount was 0.9 in its training and is 0.95 here",
    ]


def test_slots_that_rounding_leaves_are_told(tmp_path: Path) -> None:
    settings = Sb3Settings(**{**LEARNER.brief, "checks": 4})
    stream = QueueDynamics(users=3).stream(np.random.default_rng(0), 30, settings.lanes)
    policy = LEARNER.train(stream, settings, 0, tmp_path / "run", {"set": ["users=3"]})
    learned = 28 * settings.lanes
    told = (
        f"of {30 * settings.lanes:,} slots it learned from {learned:,}: as many from every lane, between two checks as well"
    )
    assert policy.report()[-1] == told


def test_the_ways_of_a_device_are_refused_for_several(tmp_path: Path) -> None:
    dynamics = QueueDynamics(users=3)
    stream, settings = dynamics.stream(np.random.default_rng(0), 10, 8), Sb3Settings(actions="proposal")
    with pytest.raises(InstanceError, match="users is 3; allowed: 1 where a device acts"):
        LEARNER.train(stream, settings, 0, tmp_path / "run", {})
