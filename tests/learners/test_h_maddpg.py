"""Algorithm 1 of paper 001 on frames: rewards are those of the dynamics, each switch does what it says, runs go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mecopt import InstanceError
from mecopt.dynamic.rollout import rollout
from mecopt.learners.h_maddpg import LEARNER, HMaddpg, HMaddpgSettings, algorithm, learner, policy, record
from mecopt.learners.h_maddpg.algorithm import HMaddpgTraining
from mecopt.learners.h_maddpg.shares import shares_of
from mecopt.models import BackscatterFrame
from mecopt.models.backscatter_frame.admission import admit
from mecopt.models.backscatter_frame.dynamics.beam_actions import beams_of
from mecopt.models.backscatter_frame.dynamics.steps import FrameDynamics, Rewards, carried_out, from_shares
from mecopt.models.backscatter_frame.variables import FrameAllocation

Array = NDArray[Any]

SMALL: dict[str, Any] = {"hidden": (16, 8), "critic_hidden": 16, "batch": 8, "memory": 50, "episode": 10}
DRIVEN = {**SMALL, "users": "optimisation-driven"}
FREE = {**SMALL, "users": "model-free"}
FLAT = {**SMALL, "users": "flat"}

RESULTS = ("weights.safetensors", "training.parquet", "card.json")


def stream_of(frames: int = 40, users: int = 3, **more: Any) -> BackscatterFrame:
    return BackscatterFrame.sample(np.random.default_rng(1), (frames,), users=users, **more)


def training_of(stream: BackscatterFrame, seed: int = 0, **given: Any) -> HMaddpgTraining:
    return HMaddpgTraining(stream, HMaddpgSettings(**given), seed)


def logged(training: HMaddpgTraining) -> dict[str, Array]:
    rows = [training.step(number) for number in range(training.stream.instances)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@dataclasses.dataclass
class Watched:
    """What a training asked of the dynamics."""

    carried: list[tuple[BackscatterFrame, Array, FrameAllocation]] = dataclasses.field(default_factory=list)
    said: list[Array] = dataclasses.field(default_factory=list)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    found = Watched()

    def carry(frame: BackscatterFrame, decision: Array, allocation: FrameAllocation) -> Any:
        found.carried.append((frame, decision, allocation))
        return carried_out(frame, decision, allocation)

    def say(frame: BackscatterFrame, decision: Array, shares: Array) -> Any:
        found.said.append(np.array(shares))
        return from_shares(frame, decision, shares)

    monkeypatch.setattr(algorithm, "carried_out", carry)
    monkeypatch.setattr(algorithm, "from_shares", say)
    return found


def mixed(estimate: FrameAllocation, own: FrameAllocation, user: int) -> FrameAllocation:
    """Return the estimate with one user's own times and bits."""
    values = {name: value.copy() for name, value in estimate.as_dict().items()}
    for name, value in own.as_dict().items():
        values[name][user] = value[user]
    return FrameAllocation(**values)


# ---------------------------------------------------------------------- Algorithm 1


@pytest.mark.parametrize("user_reward", ["own", "team"])
def test_rewards_and_lessons_are_those_of_the_dynamics(user_reward: str, watched: Watched) -> None:
    training = training_of(stream_of(), **DRIVEN, user_reward=user_reward, carrier_price=0.3, static_energy=500.0)
    log, rewards = logged(training), Rewards(carrier_price=0.3, static_energy=500.0)
    assert training.users is not None
    lessons = training.users.memory.kept
    assert len(watched.carried) == len(watched.said) == 40
    battery = training.stream.battery[0]
    for number, ((frame, decision, _), said) in enumerate(zip(watched.carried, watched.said, strict=True)):
        beams = decision[0]
        np.testing.assert_array_equal(frame.channel, training.stream[number].channel)
        left = training.stream[number].battery if number % 10 == 0 else battery
        np.testing.assert_allclose(frame.battery, left, rtol=1e-6, atol=1e-6)
        estimate, own = admit(frame, beams).solution.allocation, from_shares(frame, beams, said)
        optimal, joint = (carried_out(frame, beams, one) for one in (estimate, own))
        assert log["estimate_reward"][number] == pytest.approx(rewards.of_frame(optimal), rel=1e-6)
        assert log["users_reward"][number] == pytest.approx(rewards.of_frame(joint), rel=1e-6)
        executed = joint if log["users_executed"][number] else optimal
        battery = executed.battery
        for name, value in (
            ("reward", rewards.of_frame(executed)),
            ("outage", executed.outage),
            ("energy", executed.energy),
        ):
            assert log[name][number] == pytest.approx(value, rel=1e-6), name
        if number < 14:  # two lessons a frame, and the memory holds fifty
            continue
        if number == 39:
            break
        for user in range(3):
            alone = carried_out(frame, beams, mixed(estimate, own, user))
            for row, outcome, action in ((0, alone, said), (1, optimal, shares_of(frame, beams, estimate))):
                place = (2 * number + row) % 50
                team = 0.02 * rewards.of_frame(outcome)
                earned = rewards.of_users(outcome)[user] if user_reward == "own" else team
                assert lessons.reward[place, user] == pytest.approx(earned, rel=1e-5)
                np.testing.assert_allclose(lessons.action[place, user], action[user], atol=1e-6)
                charged = lessons.following[place, user, 0] * frame.battery_capacity[user]
                assert charged == pytest.approx(outcome.battery[user], rel=1e-5, abs=1e-6)


def test_the_access_point_remembers_what_was_executed_and_the_frame_that_would_have_followed(watched: Watched) -> None:
    training = training_of(stream_of(), **DRIVEN)
    log, kept = logged(training), training.beams.memory.kept
    for number, (frame, decision, _) in enumerate(watched.carried[:-2]):
        action = np.clip(kept.action[number, 0].astype(float), 0.0, 1.0)
        np.testing.assert_allclose(
            np.abs(np.einsum("ua,ua->u", beams_of(frame, "weights", action).conj(), decision[0])), 1.0
        )
        assert kept.reward[number, 0] == pytest.approx(0.02 * log["reward"][number], rel=1e-6)
        np.testing.assert_allclose(kept.seen[number, 0], training.observer(frame).ravel())
        following = kept.following[number, 0].reshape(3, -1)
        then = training.observer(training.stream[number + 1])
        np.testing.assert_array_equal(following[:, 1:], then[:, 1:])
        # at the end of an episode the stream's battery is taken, but what followed is what the frame left
        assert (following[:, 0] == kept.seen[number + 1, 0].reshape(3, -1)[:, 0]).all() == ((number + 1) % 10 != 0)


def test_batteries_never_exceed_what_they_hold(watched: Watched) -> None:
    capacity = np.where(np.arange(20)[:, None] < 10, 2.0, 0.05) * np.ones(3)
    stream = stream_of(20, battery_capacity=capacity, battery=0.0)
    logged(training_of(stream, **{**DRIVEN, "episode": 100}))
    for frame, _, _ in watched.carried:
        assert (frame.battery <= frame.battery_capacity).all()
    assert max(frame.battery.max() for frame, _, _ in watched.carried[:10]) > 0.05


def test_without_a_coin_the_better_is_executed() -> None:
    log = logged(training_of(stream_of(), **DRIVEN, epsilon=0.0, epsilon_end=0.0, decay=1.0))
    np.testing.assert_array_equal(log["reward"], np.maximum(log["users_reward"], log["estimate_reward"]))
    np.testing.assert_array_equal(log["users_executed"], log["users_better"])
    np.testing.assert_array_equal(log["users_better"], log["users_reward"] > log["estimate_reward"])


def test_a_fair_coin_turns_half_of_the_choices() -> None:
    log = logged(training_of(stream_of(160), **DRIVEN, epsilon=1.0, epsilon_end=1.0))
    turned = (log["users_executed"] != log["users_better"]).mean()
    assert abs(turned - 0.5) < 4 * 0.5 / np.sqrt(160)


@pytest.mark.parametrize(("executed", "column"), [("estimate", "estimate_reward"), ("users", "users_reward")])
def test_always_the_same_is_executed_where_that_is_asked_for(executed: str, column: str) -> None:
    log = logged(training_of(stream_of(), **DRIVEN, executed=executed))
    np.testing.assert_array_equal(log["reward"], log[column])
    assert (log["users_executed"] == float(executed == "users")).all()


def test_the_optimiser_alone_executes_its_estimate() -> None:
    training = training_of(stream_of(), **SMALL)
    log = logged(training)
    assert training.users is None
    np.testing.assert_array_equal(log["reward"], log["estimate_reward"])
    assert np.isnan(log["users_reward"]).all()
    assert np.isnan(log["users_better"]).all()
    assert np.isnan(log["users_loss"]).all()


def test_model_free_users_never_ask_the_optimiser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def asked(*_: Any, **__: Any) -> Any:
        raise AssertionError("the optimiser was asked")

    for where, name in ((algorithm, "estimated"), (policy, "estimated"), (BackscatterFrame, "closed_form")):
        monkeypatch.setattr(where, name, asked)
    found = LEARNER.train(stream_of(), HMaddpgSettings(**FREE), 0, tmp_path, {})
    found.act(stream_of(), np.random.default_rng(0))
    log = record.read(tmp_path / "training.parquet")
    np.testing.assert_array_equal(log["reward"], log["users_reward"])
    assert np.isnan(log["estimate_reward"]).all()
    with pytest.raises(AssertionError, match="the optimiser was asked"):
        training_of(stream_of(), **DRIVEN).step(0)


@pytest.mark.parametrize("user_reward", ["own", "team"])
def test_model_free_users_learn_from_what_was_executed(user_reward: str, watched: Watched) -> None:
    training = training_of(stream_of(), **FREE, user_reward=user_reward)
    log = logged(training)
    assert training.users is not None
    assert training.users.central
    for number, (frame, beams, allocation) in enumerate(watched.carried[:-1]):
        outcome = carried_out(frame, beams, allocation)
        own = Rewards().of_users(outcome) if user_reward == "own" else np.full(3, 0.02 * log["reward"][number])
        np.testing.assert_allclose(training.users.memory.kept.reward[number], own, rtol=1e-5)
        np.testing.assert_allclose(training.users.memory.kept.action[number], watched.said[number], atol=1e-6)


def test_one_agent_says_everything_and_learns_from_what_was_executed(watched: Watched) -> None:
    training = training_of(stream_of(), **FLAT)
    log, kept = logged(training), training.beams.memory.kept
    assert training.users is None
    assert kept.action.shape[1:] == (1, 9 + 3 * 3)
    for number, (frame, beams, allocation) in enumerate(watched.carried[:-1]):
        outcome = carried_out(frame, beams, allocation)
        np.testing.assert_allclose(kept.action[number, 0, 9:].reshape(3, 3), watched.said[number], atol=1e-6)
        action = np.clip(kept.action[number, 0, :9].astype(float), 0.0, 1.0)
        same = np.einsum("ua,ua->u", beams_of(frame, "weights", action).conj(), beams)
        np.testing.assert_allclose(np.abs(same), 1.0)
        assert log["reward"][number] == pytest.approx(Rewards().of_frame(outcome))
        assert kept.reward[number, 0] == pytest.approx(0.02 * log["reward"][number], rel=1e-6)


@pytest.mark.parametrize("users", ["optimisation-driven", "model-free"])
def test_users_are_told_what_reaches_them_of_every_beam(users: str, watched: Watched) -> None:
    training = training_of(stream_of(20), **{**DRIVEN, "users": users, "told": "beams", "noise": 0.0, "noise_end": 0.0})
    logged(training)
    assert training.users is not None
    kept = training.users.memory.kept
    lessons = 2 if users == "optimisation-driven" else 1
    for number, (frame, decision, _) in enumerate(watched.carried[:-1]):
        beams = decision[0] if users == "optimisation-driven" else decision
        seen = kept.seen[lessons * number]
        np.testing.assert_allclose(seen[:, :9], training.observer(frame), rtol=1e-6)
        for i, j in np.ndindex(3, 3):
            part = abs(np.vdot(frame.channel[i], beams[j])) ** 2 / np.vdot(frame.channel[i], frame.channel[i]).real
            assert seen[i, 9 + j] == pytest.approx(part, abs=1e-6)
        if users == "model-free" and number + 1 < 8 and (number + 1) % 10:  # before it learns, its actor stays what it is
            np.testing.assert_allclose(kept.following[number], kept.seen[number + 1], atol=1e-6)


def test_noise_and_coin_fall_linearly_and_then_stay() -> None:
    s = HMaddpgSettings()
    found = [s.left(s.noise, s.noise_end, progress) for progress in (0.0, 0.3, 0.6, 0.9)]
    assert found == pytest.approx([0.2, 0.125, 0.05, 0.05])


def test_without_noise_training_does_what_the_first_weights_say() -> None:
    stream = stream_of(6)
    training = training_of(stream, **{**DRIVEN, "batch": 50}, noise=0.0, noise_end=0.0, executed="users")
    assert training.users is not None
    seen = training.observer(stream[0])
    beams = beams_of(stream[0], "weights", training.beams.act(seen.reshape(1, -1))[0])
    outcome = carried_out(stream[0], beams, from_shares(stream[0], beams, training.users.act(seen)))
    assert logged(training)["reward"][0] == pytest.approx(Rewards().of_frame(outcome), rel=1e-12)


# ---------------------------------------------------------------------- estimates as actions


def test_an_estimate_is_an_action_that_does_as_well() -> None:
    frames = BackscatterFrame.sample(np.random.default_rng(5), (300,))
    beams = frames.decision_space.sample(np.random.default_rng(6), (300,))
    estimate = admit(frames, beams).solution.allocation
    shares = shares_of(frames, beams, estimate)
    assert ((shares >= 0.0) & (shares <= 1.0)).all()
    wanted, found = (carried_out(frames, beams, one) for one in (estimate, from_shares(frames, beams, shares)))
    served = wanted.served.all(axis=-1)
    assert 0.5 < served.mean() < 1.0
    np.testing.assert_array_equal(found.served, wanted.served)
    np.testing.assert_allclose(found.energy[served], wanted.energy[served], rtol=1e-5, atol=1e-3)
    assert (found.battery[served] >= wanted.battery[served] - 1e-4).all()
    assert np.isclose(found.battery[served], wanted.battery[served], atol=1e-4).mean() > 0.8


def test_shares_of_an_allocation_without_work_are_none() -> None:
    frame = dataclasses.replace(stream_of(1)[0], workload=0.0)
    beams = frame.decision_space.sample(np.random.default_rng(0))
    np.testing.assert_allclose(shares_of(frame, beams, admit(frame, beams).solution.allocation), 0.0, atol=1e-6)


# ---------------------------------------------------------------------- runs


class Stopped(Exception):
    """Stands for whatever ends a process."""


def stop_at(number: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= number:
            raise Stopped

    return progress


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "CHECKPOINT_FRAMES", 10)
    monkeypatch.setattr(record, "picture", lambda *_: b"")


def train(folder: Path, seed: int = 0, progress: Any = None, **given: Any) -> HMaddpg:
    more = {} if progress is None else {"progress": progress}
    return LEARNER.train(stream_of(), HMaddpgSettings(**given), seed, folder, {"preset": "paper"}, **more)


TOLD = {**DRIVEN, "told": "beams"}


@pytest.mark.parametrize(
    "given",
    [SMALL, DRIVEN, FREE, {**FREE, "beams": "raw"}, FLAT, TOLD],
    ids=["opt", "driven", "free", "raw", "flat", "told"],
)
def test_a_run_that_was_stopped_ends_like_one_that_was_not(given: dict[str, Any], tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(whole, **given)
    for number in (5, 10, 13, 27, 40):
        with pytest.raises(Stopped):
            train(parts, progress=stop_at(number), **given)
        assert not (parts / "card.json").exists()
    seen: list[int] = []
    train(parts, progress=lambda done, total: seen.append(done), **given)
    assert seen == list(range(30, 41))
    for name in RESULTS:
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
    assert not (parts / "checkpoint.safetensors").exists()


def test_weights_depend_on_the_seed_alone(tmp_path: Path) -> None:
    first, again, other = (train(tmp_path / str(n), seed, **DRIVEN).weights() for n, seed in enumerate((0, 0, 1)))
    for name, value in first.items():
        np.testing.assert_array_equal(again[name], value)
        assert name.startswith("seen") or not np.array_equal(other[name], value), name


@pytest.mark.parametrize("part", [algorithm.BEAMS, algorithm.USERS, algorithm.FRAMES])
def test_nothing_is_drawn_from_the_generator_of_a_stream(part: int) -> None:
    ours = algorithm.drawing(3, part).random(4)
    keys = [[3], [3, 1], [3, 2], *([3, k, 1] for k in range(5))]
    for key in keys:  # of `sample`, `train`, and paper 001's evaluation
        assert not np.array_equal(np.random.default_rng(key).random(4), ours), key
    assert not np.array_equal(algorithm.drawing(3, part, 1).random(4), ours)


def test_first_weights_know_nothing_of_the_stream() -> None:
    training = training_of(stream_of(), seed=1, **SMALL)
    shape = training.beams.actors.arrays[0].shape
    for key in ([1], [1, 2]):
        drawn = np.random.default_rng(key).uniform(-1.0, 1.0, shape) / np.sqrt(shape[1])
        assert not np.allclose(training.beams.actors.arrays[0], drawn)


def test_another_run_in_the_folder_is_refused_and_a_finished_one_only_read(tmp_path: Path) -> None:
    train(tmp_path, **SMALL)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    train(tmp_path, progress=stop_at(0), **SMALL)
    for other in ({"seed": 1}, {"discount": 0.4}):
        with pytest.raises(InstanceError, match="holds another trained policy"):
            train(tmp_path, **{**SMALL, **other})
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_stream_of_one_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="1 frame, which nothing follows; allowed: at least 2"):
        LEARNER.train(stream_of(1), HMaddpgSettings(), 0, tmp_path, {})


@pytest.mark.parametrize("users", [1, 4])
def test_any_number_of_users(users: int, tmp_path: Path) -> None:
    for number, given in enumerate((SMALL, DRIVEN, FREE, FLAT, {**FREE, "told": "beams"})):
        frames = stream_of(12, users)
        found = LEARNER.train(frames, HMaddpgSettings(**given), 0, tmp_path / str(number), {})
        assert found.act(frames, np.random.default_rng(0))[0].shape == (12, users, 3)


def test_frames_that_nobody_can_serve_are_played_too() -> None:
    log = logged(training_of(stream_of(20, workload=1e4), **DRIVEN))
    assert (log["outage"] == 1.0).all()
    assert (log["reward"] == 0.0).all()
    assert np.isfinite(log["users_loss"][10:-1]).all()


def test_the_card_says_what_was_reached(tmp_path: Path) -> None:
    found, log = train(tmp_path, **DRIVEN), record.read(tmp_path / "training.parquet")
    assert found.card["reached"]["reward"] == pytest.approx(log["reward"][-12:].mean())
    assert found.card["reached"]["users_better"] == pytest.approx(log["users_better"][-12:].mean())
    assert f"reward {log['reward'][-12:].mean():.1f} kbit/J" in found.report()[1]
    assert "the users' joint action would earn" in found.report()[2]
    batteries = found.inputs.ranges["battery"]
    assert batteries[0] == 0.0
    assert batteries[1] > 0.4  # batteries of the stream are charged up to a fifth, those of the frames played to more


# ---------------------------------------------------------------------- the policy


def test_acting_is_a_policy_of_rollouts(tmp_path: Path) -> None:
    found = train(tmp_path, **DRIVEN)
    lanes = BackscatterFrame.sample(np.random.default_rng(3), (5, 4))
    one, two = (rollout(FrameDynamics(), lanes, found.act, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_array_equal(one.carried["battery"], two.carried["battery"])
    assert one.carried["battery"].shape == (5, 4, 3)
    assert one.measures["outage"].shape == (5, 4)


def test_acting_takes_the_better_of_both(tmp_path: Path) -> None:
    found, frames = train(tmp_path, **DRIVEN), BackscatterFrame.sample(np.random.default_rng(3), (60,))

    def earned(executed: str) -> tuple[Array, Array]:
        one = dataclasses.replace(found, settings=dataclasses.replace(found.settings, executed=executed))
        beams, allocation = one.act(frames, np.random.default_rng(0))
        return beams, Rewards().of_frame(carried_out(frames, beams, allocation))

    (beams, estimate), (same, users), (_, better) = (earned(name) for name in ("estimate", "users", "better"))
    np.testing.assert_array_equal(beams, same)
    np.testing.assert_allclose(better, np.maximum(estimate, users), rtol=1e-9)
    np.testing.assert_allclose(
        estimate, Rewards().of_frame(carried_out(frames, beams, admit(frames, beams).solution.allocation)), rtol=1e-6
    )


@pytest.mark.parametrize("given", [SMALL, DRIVEN, FREE, FLAT, TOLD], ids=["opt", "driven", "free", "flat", "told"])
def test_a_batch_is_its_frames(given: dict[str, Any], tmp_path: Path) -> None:
    found, frames = train(tmp_path, **given), BackscatterFrame.sample(np.random.default_rng(3), (2, 3))
    beams, allocation = found.act(frames, np.random.default_rng(0))
    for index in np.ndindex(2, 3):
        alone, single = found.act(frames[index], np.random.default_rng(0))
        np.testing.assert_allclose(np.abs(np.einsum("ua,ua->u", alone.conj(), beams[index])), 1.0, rtol=1e-6)
        for name, value in single.as_dict().items():
            np.testing.assert_allclose(value, allocation.as_dict()[name][index], rtol=1e-4, atol=1e-4)


def test_a_user_s_action_is_its_own_business(tmp_path: Path) -> None:
    found, frame = train(tmp_path, **FREE), stream_of(1)[0]
    other = stream_of(2)[1]
    beams = found.beams_for(frame)
    before = found.users_action(frame, beams)
    for user in range(3):
        mine = np.arange(3) == user
        changed = dataclasses.replace(
            frame,
            channel=np.where(mine[:, None], frame.channel, other.channel),
            battery=np.where(mine, frame.battery, other.battery),
            workload=np.where(mine, frame.workload, other.workload),
        )
        after = found.users_action(changed, beams)
        np.testing.assert_array_equal(after[user], before[user])
        assert (after[~mine] != before[~mine]).any()


@pytest.mark.parametrize("beams", ["weights", "raw"])
def test_the_actor_s_own_beams_lead_its_proposals(beams: str, tmp_path: Path) -> None:
    found, frames = train(tmp_path, **SMALL, beams=beams), BackscatterFrame.sample(np.random.default_rng(3), (2, 3))
    own = found.act(frames, np.random.default_rng(0))[0]
    assert found.candidates == 1
    for k in (1, 2, 5):
        proposed = found.propose(frames, k, np.random.default_rng(k))
        assert proposed.shape == (2, 3, k, 3, 3)
        assert frames.decision_space.contains(proposed).all()
        np.testing.assert_array_equal(proposed[:, :, 0], own)
        np.testing.assert_array_equal(found.propose(frames, k, np.random.default_rng(k)), proposed)
    assert (np.abs(np.einsum("...ua,...ua->...u", proposed[:, :, 1:].conj(), own[:, :, None])) < 1.0 - 1e-9).all()
    with pytest.raises(InstanceError, match="k is 0; allowed: at least 1"):
        found.propose(frames, 0, np.random.default_rng(0))
