"""From frame to frame: batteries, outage and rewards against the formulas in loops; actions, observations, rollouts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt import InstanceError
from mecopt.dynamic.rollout import Record, rollout
from mecopt.models.backscatter_frame import BackscatterFrame, FrameAllocation
from mecopt.models.backscatter_frame.admission import admit, admit_most, serving
from mecopt.models.backscatter_frame.dynamics.beam_actions import BEAM_ACTIONS, action_size, beams_of
from mecopt.models.backscatter_frame.dynamics.observation import FARTHEST, Observer, flattened
from mecopt.models.backscatter_frame.dynamics.steps import (
    CARRIED_OUT,
    FrameDynamics,
    Outcome,
    Rewards,
    carried_out,
    estimated,
    from_shares,
)
from mecopt.models.backscatter_frame.exact.beams import evenly, matched

Array = NDArray[Any]

DYNAMICS = FrameDynamics()

GIVEN: dict[str, dict[str, Any]] = {
    "paper": {},
    "harder": {"preset": "harder"},
    "causal": {"harvesting": "causal"},
    "active-enabled": {"mode": "active-enabled"},
    "mec-disabled": {"mode": "mec-disabled"},
    "literal": {"passive_noise": "literal"},
    "five users, two antennas": {"users": 5, "antennas": 2},
    "no work": {"workload": 0.0},
    "empty batteries": {"battery": 0.0},
    "full batteries": {"battery": 2.0},
}

every_given = pytest.mark.parametrize("given_", GIVEN.values(), ids=list(GIVEN))


def frames_of(count: int, seed: int = 0, **fields: Any) -> BackscatterFrame:
    return BackscatterFrame.sample(np.random.default_rng(seed), (count,), **fields)


def doing(frame: BackscatterFrame, **values: Any) -> FrameAllocation:
    """Return the allocation in which users do this and nothing else."""
    shape = (*frame.batch_shape, frame.users)
    names = [f.name for f in dataclasses.fields(FrameAllocation)]
    return FrameAllocation(**{name: np.broadcast_to(np.array(values.get(name, 0.0), dtype=float), shape) for name in names})


def doing_complex(frame: BackscatterFrame) -> FrameAllocation:
    return dataclasses.replace(doing(frame), local_bits=np.full((*frame.batch_shape, frame.users), 1.0 + 1.0j))


def changed(allocation: FrameAllocation, user: int, **values: Any) -> FrameAllocation:
    fields = {name: value.copy() for name, value in allocation.as_dict().items()}
    for name, value in values.items():
        fields[name][user] = value
    return FrameAllocation(**fields)


def by_hand(f: BackscatterFrame, w: Array, a: FrameAllocation, rewards: Rewards) -> dict[str, Any]:
    """Carry out a single frame with loops over users, as the equation sheet writes it."""
    users = range(f.users)
    T, B, hybrid, causal = float(f.slot), float(f.bandwidth), float(f.mode), float(f.harvesting)
    strength = [sum(abs(z) ** 2 for z in f.channel[i]) for i in users]

    def met(j: int, i: int) -> float:
        return float(abs(sum(z.conjugate() * v for z, v in zip(f.channel[j], w[i], strict=True))) ** 2)

    served, battery, own = [], [], []
    for j in users:
        signal = f.carrier_power * f.reflection[j] ** 2 * met(j, j) / f.noise_power
        signal = signal if f.passive_noise == 1.0 else signal * strength[j]
        rate = B * math.log2(1.0 + signal) if hybrid == 0.0 else 0.0
        power = [f.harvesting_efficiency[j] * f.carrier_power * met(j, i) if i != j else 0.0 for i in users]
        usable = sum(power[i] * a.passive_time[i] for i in users if not (causal and i > j))
        later = sum(power[i] * a.passive_time[i] for i in users if causal and i > j)
        sending = 0.0
        if a.active_bits[j] > 0.0:
            rho = a.active_bits[j] / (B * a.active_time[j]) if a.active_time[j] > 0.0 else math.inf
            sending = math.inf
            if hybrid < 2.0 and rho < 1000.0:
                sending = f.noise_power / strength[j] * a.active_time[j] * (2.0**rho - 1.0)
        spent = sending + f.circuit_power[j] * a.active_time[j] + f.compute_energy[j] * a.local_bits[j]
        has = f.battery[j] + usable
        tiny = 1e-7
        fine = (
            a.active_time[j] + a.passive_time[j] <= T * (1 + tiny)
            and a.passive_bits[j] <= rate * a.passive_time[j] + tiny
            and a.local_bits[j] <= f.compute_rate[j] * T * (1 + tiny)
            and spent <= min(has, f.battery_capacity[j]) + tiny
            and a.active_bits[j] + a.passive_bits[j] + a.local_bits[j] >= f.workload[j] * (1 - tiny)
        )
        served.append(fine)
        left = min(has - min(spent, has), f.battery_capacity[j])
        battery.append(min(left + later, f.battery_capacity[j]))
        offloaded = (a.active_bits[j] + a.passive_bits[j]) / f.workload[j] if f.workload[j] > 0 else 0.0
        cost = rewards.service_price * offloaded + rewards.carrier_price * a.passive_time[j] / T
        own.append(max(0.0, fine - cost))
    energy = sum(
        (f.carrier_power + f.passive_receive_power) * a.passive_time[i]
        + f.active_receive_power * a.active_time[i]
        + f.server_energy * (a.active_bits[i] + a.passive_bits[i])
        for i in users
    )
    done = sum(f.workload[i] for i in users if served[i])
    reward = 1000.0 * (sum(served) / f.users) ** rewards.reliability * done / (energy + rewards.static_energy)
    return {"served": served, "battery": battery, "energy": energy, "done": done, "reward": reward, "own": own}


@every_given
@pytest.mark.parametrize("kind", [3, 5])
def test_a_frame_is_what_the_formulas_say(given_: dict[str, Any], kind: int) -> None:
    frames, rng = frames_of(40, **given_), np.random.default_rng(1)
    beams = frames.decision_space.sample(rng, (40,))
    shares = rng.random((40, frames.users, kind)) ** 2
    if kind == 5:  # parts of the work that fit together
        shares[..., 2:] /= np.maximum(shares[..., 2:].sum(axis=-1, keepdims=True), 1.0)
        shares[::2, :, 4] = 1.0 - shares[::2, :, 2] - shares[::2, :, 3]
    allocation, rewards = from_shares(frames, beams, shares), Rewards(reliability=2.0)
    outcome = carried_out(frames, beams, allocation)
    for i in range(40):
        wanted = by_hand(frames[i], beams[i], allocation[i], rewards)
        assert outcome.served[i].tolist() == wanted["served"]
        np.testing.assert_allclose(outcome.battery[i], wanted["battery"], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(outcome.energy[i], wanted["energy"], rtol=1e-12)
        np.testing.assert_allclose(outcome.done[i], wanted["done"], rtol=1e-12)
        np.testing.assert_allclose(rewards.of_frame(outcome)[i], wanted["reward"], rtol=1e-12)
        np.testing.assert_allclose(rewards.of_users(outcome)[i], wanted["own"], rtol=1e-12, atol=1e-12)


# ---------------------------------------------------------------------- batteries


def two_users(**fields: Any) -> tuple[BackscatterFrame, Array]:
    """One antenna, gains 0.01: a carrier of 6,000 mW feeds the other user 0.6 * 6000 * 1e-4 = 0.36 mW."""
    frame = BackscatterFrame(channel=np.array([[0.01], [0.01j]]), **{"workload": 0.0, "battery": 1.0, **fields})
    return frame, np.ones((2, 1), dtype=complex)


@pytest.mark.parametrize(
    ("fields", "done", "left"),
    [
        ({}, {}, [1.0, 1.0]),
        ({}, {"passive_time": [1.0, 0.0]}, [1.0, 1.36]),
        ({}, {"passive_time": [0.5, 1.0]}, [1.36, 1.18]),
        ({"battery": 1.9}, {"passive_time": [1.0, 0.0]}, [1.9, 2.0]),
        ({}, {"local_bits": [30.0, 0.0]}, [0.7, 1.0]),
        ({}, {"local_bits": [50.0, 0.0], "passive_time": [0.0, 1.0]}, [0.86, 1.0]),
        ({"battery": 0.4}, {"local_bits": [50.0, 0.0]}, [0.0, 0.4]),
        ({}, {"active_time": [1.0, 0.0]}, [0.998, 1.0]),
        ({}, {"active_time": [0.0, 0.5], "active_bits": [0.0, 10.0]}, [1.0, 1.0 - 0.1 * 0.5 * 3.0 - 0.001]),
        ({"harvesting": "causal"}, {"passive_time": [0.0, 1.0]}, [1.36, 1.0]),
        ({"harvesting": "causal", "battery": 0.1}, {"passive_time": [0.0, 1.0], "local_bits": [40.0, 0.0]}, [0.36, 0.1]),
    ],
)
def test_what_is_left_in_batteries_by_hand(fields: dict[str, Any], done: dict[str, Any], left: list[float]) -> None:
    frame, beams = two_users(**fields)
    outcome = carried_out(frame, beams, doing(frame, **done))
    np.testing.assert_allclose(outcome.battery, left, atol=1e-12)


def test_a_slot_ends_when_it_ends() -> None:
    frame, beams = two_users()
    whole = carried_out(frame, beams, doing(frame, passive_time=[1.0, 0.0]))
    longer = carried_out(frame, beams, doing(frame, passive_time=[50.0, 0.0]))
    assert longer.served.tolist() == [False, True]
    assert longer.battery.tolist() == whole.battery.tolist()
    assert longer.energy == whole.energy
    assert longer.carrier.tolist() == [1.0, 0.0]
    sends = doing(frame, active_time=[2.0, 0.0], active_bits=[20.0, 0.0])  # at 1 bit/s/Hz: kappa = 0.1 mW, and its circuits
    half = carried_out(frame, beams, sends)
    np.testing.assert_allclose(half.battery, [1.0 - 0.1 - 0.002, 1.0])
    np.testing.assert_allclose(half.energy, 50.0 + 0.1 * 10.0)  # what the slot does not hold never comes to the server
    working = dataclasses.replace(frame, workload=20.0)
    np.testing.assert_allclose(carried_out(working, beams, sends).offloaded, [0.5, 0.0])


@given(seed=st.integers(0, 10_000), reach=st.sampled_from([0.5, 2.0, 100.0]), name=st.sampled_from(sorted(GIVEN)))
def test_batteries_stay_between_empty_and_full_whatever_is_done(seed: int, reach: float, name: str) -> None:
    frames, rng = frames_of(5, seed, **GIVEN[name]), np.random.default_rng(seed)
    shape = (5, frames.users)
    values = {key: reach * rng.uniform(-1.0, 1.0, shape) * (rng.random(shape) < 0.7) for key in CARRIED_OUT}
    for key in ("active_bits", "passive_bits", "local_bits"):
        values[key] = values[key] * frames.workload
    outcome = carried_out(frames, evenly(frames), doing(frames, **values))
    assert (outcome.battery >= 0.0).all()
    assert (outcome.battery <= frames.battery_capacity).all()
    assert (outcome.energy >= 0.0).all()
    assert np.isfinite(Rewards().of_frame(outcome)).all()
    assert (Rewards().of_users(outcome) >= 0.0).all()


@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(GIVEN)))
def test_batteries_stay_as_they_are_where_nothing_is_spent_or_harvested(seed: int, name: str) -> None:
    frames = frames_of(5, seed, **GIVEN[name])
    outcome = carried_out(frames, matched(frames), doing(frames))
    assert np.array_equal(outcome.battery, np.minimum(frames.battery, frames.battery_capacity))
    assert not outcome.energy.any()


# ---------------------------------------------------------------------- outage


def served_frame() -> tuple[BackscatterFrame, Array, FrameAllocation]:
    """A frame in which all users are served and each of them sends, reflects and computes."""
    frames = frames_of(400, 3)
    beams = evenly(frames)
    answer = estimated(frames, beams)
    busy = np.minimum.reduce([answer.active_bits, answer.passive_bits, answer.local_bits]).min(axis=-1) > 0.1
    fine = busy & carried_out(frames, beams, answer).served.all(axis=-1)
    i = int(np.flatnonzero(fine)[0])
    return frames[i], beams[i], answer[i]


BREAKS: dict[str, Callable[[BackscatterFrame, Array, FrameAllocation, int, float], FrameAllocation]] = {
    "time": lambda f, w, a, i, part: changed(a, i, passive_time=f.slot * (1.0 + part) - a.active_time[i]),
    "passive rate": lambda f, w, a, i, part: changed(
        a, i, passive_bits=f.links(w).rate[i] * a.passive_time[i] + part * max(f.workload[i], f.bandwidth * f.slot)
    ),
}


@pytest.mark.parametrize("user", [0, 1, 2])
@pytest.mark.parametrize("name", BREAKS)
def test_a_user_is_in_outage_when_its_constraint_is_broken_and_alone(name: str, user: int) -> None:
    frame, beams, answer = served_frame()
    rich = dataclasses.replace(frame, battery=1.9)  # so that no other constraint matters
    outcome = carried_out(rich, beams, BREAKS[name](rich, beams, answer, user, 1e-4))
    assert outcome.served.tolist() == [i != user for i in range(3)]
    assert carried_out(rich, beams, BREAKS[name](rich, beams, answer, user, 1e-6)).served.all()


@pytest.mark.parametrize("name", CARRIED_OUT)
def test_less_than_nothing_is_an_outage_and_brings_nothing(name: str) -> None:
    frame, beams = two_users()
    for part, fine in ((1e-6, True), (1e-4, False)):
        outcome = carried_out(frame, beams, doing(frame, **{name: [-part * (10.0 if "bits" in name else 1.0), 0.0]}))
        assert outcome.served.tolist() == [fine, True]
        assert outcome.battery.tolist() == [1.0, 1.0]
        assert outcome.energy == 0.0


@pytest.mark.parametrize("user", [0, 1, 2])
def test_a_user_is_in_outage_when_it_computes_faster_than_it_can(user: int) -> None:
    frame, beams, answer = served_frame()
    for part, fine in ((1e-6, True), (1e-3, False)):
        slow = frame.compute_rate.copy()
        slow[user] = answer.local_bits[user] / frame.slot - part * frame.workload[user]
        outcome = carried_out(dataclasses.replace(frame, compute_rate=slow), beams, answer)
        assert outcome.served.tolist() == [fine or i != user for i in range(3)]


@pytest.mark.parametrize("user", [0, 1, 2])
def test_a_user_is_in_outage_when_it_spends_more_than_it_has(user: int) -> None:
    frame, beams, answer = served_frame()
    idle = answer.kept_energy[user]
    for part, fine in ((-1e-6, True), (1e-6, True), (1e-4, False)):
        poorer = frame.battery.copy()
        poorer[user] = frame.battery[user] - idle - part * frame.battery_capacity[user]
        if poorer[user] < 0.0:
            pytest.skip("the user lives on what it harvests alone")
        outcome = carried_out(dataclasses.replace(frame, battery=poorer), beams, answer)
        assert outcome.served.tolist() == [fine or i != user for i in range(3)]
        assert outcome.battery[user] <= 1e-5 * frame.battery_capacity[user]


def test_a_user_spends_no_more_than_its_battery_holds_even_where_it_harvests_more() -> None:
    frame, beams = two_users(battery=1.9, workload=[30.0, 0.0], compute_energy=0.07)
    done = doing(frame, local_bits=[30.0, 0.0], passive_time=[0.0, 1.0])
    outcome = carried_out(frame, beams, done)  # spends 2.1 of 2.26 mJ, but the battery holds 2
    assert outcome.served.tolist() == [False, True]
    assert carried_out(dataclasses.replace(frame, battery_capacity=2.2), beams, done).served.all()


@pytest.mark.parametrize("user", [0, 1, 2])
def test_a_user_is_in_outage_when_more_than_a_thousandth_of_its_work_is_left(user: int) -> None:
    frame, beams, answer = served_frame()
    for part, fine in ((0.9e-3, True), (1.1e-3, False)):
        less = changed(answer, user, local_bits=answer.local_bits[user] - part * frame.workload[user])
        assert carried_out(frame, beams, less).served.tolist() == [fine or i != user for i in range(3)]


@every_given
def test_whom_the_optimiser_serves_is_served(given_: dict[str, Any]) -> None:
    for seed, workload in ((1, {}), (2, {"workload": 80.0})):
        frames = frames_of(150, seed, **{**workload, **given_})
        beams = frames.decision_space.sample(np.random.default_rng(seed), (150,))
        admitted = admit(frames, beams)
        outcome = carried_out(frames, beams, admitted.solution.allocation)
        assert np.array_equal(outcome.served, admitted.served)
        left = serving(frames, admitted.served)
        energy = left.objective(beams, admitted.solution.allocation)
        unserved = (left.unserved_price[:, None] * admitted.solution.allocation.unserved_bits).sum(axis=-1)
        np.testing.assert_allclose(outcome.energy, energy - unserved, rtol=1e-9, atol=1e-6)


def test_who_is_not_served_pays_all_the_same() -> None:
    frame, beams = two_users(workload=[40.0, 10.0], battery=[0.3, 1.0])
    done = doing(frame, local_bits=[40.0, 10.0], passive_time=[0.0, 0.2])
    poor, rich = (carried_out(f, beams, done) for f in (frame, dataclasses.replace(frame, battery=1.0)))
    assert poor.served.tolist() == [False, True]
    assert rich.served.all()
    assert poor.energy == rich.energy == 0.2 * 6020.0
    assert poor.done == 10.0
    assert rich.done == 50.0
    assert poor.battery[0] == 0.0  # it had 0.3 and 0.072 mJ of the 0.4 that it needed


def test_a_user_without_work_is_served_unless_it_breaks_a_constraint() -> None:
    frame, beams = two_users(battery=[0.001, 0.001])
    outcome = carried_out(frame, beams, doing(frame, active_time=[1.0, 0.0], passive_time=[0.0, 0.5]))
    assert outcome.served.tolist() == [True, True]  # it harvests enough to keep its circuits on
    outcome = carried_out(frame, beams, doing(frame, active_time=[1.0, 0.0]))
    assert outcome.served.tolist() == [False, True]
    assert Rewards().of_users(outcome).tolist() == [0.0, 1.0]
    assert Rewards().of_frame(outcome) == 0.0


# ---------------------------------------------------------------------- rewards


def test_rewards_by_hand() -> None:
    outcome = Outcome(
        served=np.array([True, False, True]),
        energy=np.array(200.0),
        done=np.array(80.0),
        offloaded=np.array([0.5, 1.0, 0.0]),
        carrier=np.array([0.25, 0.0, 1.0]),
        battery=np.zeros(3),
    )
    assert outcome.outage == pytest.approx(1 / 3)
    assert Rewards().of_frame(outcome) == pytest.approx(1000 * (2 / 3) * 80 / (200 + 600))  # kbit/J
    assert Rewards(reliability=2.0, static_energy=200.0).of_frame(outcome) == pytest.approx(1000 * (4 / 9) * 80 / 400)
    assert Rewards(reliability=0.0).of_frame(outcome) == pytest.approx(100.0)
    np.testing.assert_allclose(Rewards().of_users(outcome), [1 - 0.2 * 0.5 - 0.4 * 0.25, 0.0, 1 - 0.4])


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("static_energy", 0.0, "> 0"),
        ("static_energy", np.nan, "> 0"),
        ("reliability", -1.0, ">= 0"),
        ("carrier_price", True, ">= 0"),
    ],
)
def test_wrong_constants_of_rewards_are_named(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(InstanceError, match=rf"Rewards\.{name} is {value!r}; allowed: a finite number {allowed}"):
        Rewards(**{name: value})


def test_constants_of_rewards_may_be_numbers_of_numpy() -> None:
    outcome = Outcome(**dict.fromkeys(("served", "energy", "done", "offloaded", "carrier", "battery"), np.ones(1)))
    numbers: list[Any] = [np.int64(3), np.float32(3), np.float64(3)]
    for number in numbers:
        assert Rewards(static_energy=number).of_frame(outcome) == 250.0


# ---------------------------------------------------------------------- users' actions


@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(GIVEN)), corners=st.booleans())
def test_completed_actions_break_neither_time_nor_work_nor_rates(seed: int, name: str, corners: bool) -> None:
    frames, rng = frames_of(5, seed, **GIVEN[name]), np.random.default_rng(seed)
    beams = frames.decision_space.sample(rng, (5,))
    shares = rng.random((5, frames.users, 3))
    with np.errstate(invalid="ignore"):  # what is sent in no time takes infinite energy, which other rows are about
        broken = frames.violations(beams, from_shares(frames, beams, shares.round() if corners else shares))
    for row in ("time", "work", "passive_rate", "compute_rate", "sign", "harvest"):
        assert broken[row].max() <= 1e-12, row


def test_actions_mean_what_is_said() -> None:
    frame, beams = two_users(workload=[40.0, 100.0], compute_rate=60.0)
    completed = from_shares(frame, beams, [[0.9, 0.3, 0.5], [0.2, 0.1, 1.0]])
    np.testing.assert_allclose(completed.active_time, [0.75, 0.2])
    np.testing.assert_allclose(completed.passive_time, [0.25, 0.1])
    np.testing.assert_allclose(completed.local_bits, [20.0, 60.0])
    reflected = np.minimum(frame.links(beams).rate * [0.25, 0.1], [20.0, 40.0])
    np.testing.assert_allclose(completed.passive_bits, reflected)
    np.testing.assert_allclose(completed.active_bits, [20.0, 40.0] - reflected)
    strict = from_shares(frame, beams, [[0.9, 0.3, 0.1, 0.2, 0.3], [0.0, 0.0, 0.5, 0.5, 0.5]])
    np.testing.assert_allclose(strict.active_bits, [4.0, 50.0])
    np.testing.assert_allclose(strict.passive_bits, [8.0, 50.0])
    np.testing.assert_allclose(strict.local_bits, [12.0, 0.0])  # what exceeds the work is left out
    np.testing.assert_allclose(strict.unserved_bits, [16.0, 0.0])


# ---------------------------------------------------------------------- beams from actions


@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(sorted(BEAM_ACTIONS)),
    style=st.sampled_from(["any", "corners", "tiny"]),
)
def test_every_action_is_beams(seed: int, kind: str, style: str) -> None:
    rng = np.random.default_rng(seed)
    frames = frames_of(4, seed, users=int(rng.integers(1, 5)), antennas=int(rng.integers(1, 5)))
    action = rng.random((4, 3, action_size(kind, frames.users, frames.sizes["antennas"])))
    action = {"any": action, "corners": action.round(), "tiny": action * 1e-300}[style]
    beams = beams_of(frames, kind, action)
    assert frames.decision_space.contains(beams).all()
    for i in range(4):
        for k in range(3):
            overlap = np.abs((beams[i, k].conj() * beams_of(frames[i], kind, action[i, k])).sum(axis=-1))
            np.testing.assert_allclose(overlap, 1.0, atol=1e-6)


def same_beams(left: Array, right: Array) -> None:
    np.testing.assert_allclose(np.abs((left.conj() * right).sum(axis=-1)), 1.0, atol=1e-9)


def test_weights_are_the_known_rules_at_their_corners() -> None:
    frames = frames_of(20)
    eye = np.eye(3)
    same_beams(beams_of(frames, "weights", np.broadcast_to((1 - eye).ravel(), (20, 9))), evenly(frames))
    same_beams(beams_of(frames, "weights", np.broadcast_to(eye.ravel(), (20, 9))), matched(frames))
    action = np.random.default_rng(0).random((20, 9))
    same_beams(beams_of(frames, "weights", action), beams_of(frames, "weights", action * 1e-3))
    same_beams(beams_of(frames, "weights", np.zeros((20, 9))), beams_of(frames, "weights", np.full((20, 9), 0.3)))


def test_raw_actions_reach_every_beam() -> None:
    frames = frames_of(20)
    wanted = frames.decision_space.sample(np.random.default_rng(0), (20,))
    action = 0.5 + 0.5 * np.stack([wanted.real, wanted.imag], axis=-1).reshape(20, 18)
    np.testing.assert_allclose(beams_of(frames, "raw", action), wanted, atol=1e-12)
    np.testing.assert_allclose(beams_of(frames, "raw", np.full((20, 18), 0.5)), 3**-0.5)


# ---------------------------------------------------------------------- observations


def test_what_is_seen_by_hand() -> None:
    observer = Observer(strength=np.array([2e-4, 4e-4]), workload=40.0, antennas=2)
    frame = BackscatterFrame(channel=[[0.01, 0.01j], [0.02 - 0.02j, 0.0]], workload=[20.0, 60.0], battery=[1.0, 0.5])
    seen = observer(frame)
    assert seen.dtype == np.float32
    np.testing.assert_allclose(
        seen,
        [
            [0.5, -0.5, 0.0, 1.0, 0.0, 0.0, 1.0],
            [0.25, 0.5, np.log10(2.0), 2**0.5, 0.0, -(2**0.5), 0.0],
        ],
        atol=1e-6,
    )
    assert flattened(seen).tolist() == [*seen[0], *seen[1]]


def test_what_is_seen_is_of_magnitude_one() -> None:
    frames = frames_of(4000, users=4, antennas=2)
    observer = Observer.fit(frames)
    seen = observer(frames)
    assert seen.shape == (4000, 4, observer.size) == (4000, 4, 7)
    np.testing.assert_allclose(observer.strength, (np.abs(frames.channel) ** 2).sum(axis=-1).mean(axis=0))
    np.testing.assert_allclose(seen[..., 1].mean(), 0.0, atol=1e-5)
    np.testing.assert_allclose((seen[..., 3:].astype(float) ** 2).mean(axis=0).sum(axis=-1), 2.0, rtol=1e-5)
    for index in (0, 17):
        assert np.array_equal(observer(frames[index]), seen[index])
    assert np.array_equal(Observer.fit(frames[::2]).strength.shape, (4,))


def test_nothing_and_too_much_are_seen_as_finite_numbers() -> None:
    silent = BackscatterFrame(channel=np.zeros((2, 3), dtype=complex), workload=0.0, battery=0.0)
    loud = BackscatterFrame(channel=np.full((2, 3), 1e6 - 1e6j), workload=1e9, battery=5.0)
    for observer in (Observer.fit(silent), Observer.fit(loud), Observer.fit(frames_of(10))):
        for frame in (silent, loud):
            if frame.users == observer.users:
                assert np.isfinite(observer(frame)).all()
                assert np.abs(observer(frame)).max() <= FARTHEST
    seen = Observer.fit(loud)(silent)
    assert seen[:, 2].tolist() == [-FARTHEST, -FARTHEST]
    assert not seen[:, 3:].any()


# ---------------------------------------------------------------------- rollouts


def random_policy(frame: BackscatterFrame, rng: Generator) -> tuple[Array, FrameAllocation]:
    beams = frame.decision_space.sample(rng, frame.batch_shape)
    return beams, from_shares(frame, beams, rng.random((*frame.batch_shape, frame.users, 3)))


def matched_policy(frame: BackscatterFrame, rng: Generator) -> tuple[Array, FrameAllocation]:
    beams = matched(frame)
    return beams, estimated(frame, beams)


@dataclasses.dataclass
class Walk:
    outcome: Outcome
    battery: Array


def walked(stream: BackscatterFrame, policy: Any, rng: Generator) -> Walk:
    kept = Record()
    found = rollout(DYNAMICS, stream, policy, rng, watch=kept)
    return Walk(kept.detail, found.carried["battery"])


def test_policies_meet_the_same_frames_with_the_batteries_they_left() -> None:
    stream = BackscatterFrame.sample(np.random.default_rng(4), (6, 5))
    met: dict[str, list[BackscatterFrame]] = {"random": [], "matched": []}
    found = {}
    for name, policy in (("random", random_policy), ("matched", matched_policy)):

        def watched(frame: BackscatterFrame, rng: Generator, name: str = name, policy: Any = policy) -> Any:
            met[name].append(frame)
            return policy(frame, rng)

        found[name] = walked(stream, watched, np.random.default_rng(7))
    for name, frames in met.items():
        for t, frame in enumerate(frames):
            for field, value in frame.data().items():
                if field != "battery":
                    assert np.array_equal(value, stream[t].data()[field])
            assert np.array_equal(frame.battery, found[name].battery[t])
            before = stream[0].battery if t == 0 else found[name].outcome.battery[t - 1]
            assert np.array_equal(frame.battery, before)
    assert not np.array_equal(found["random"].battery, found["matched"].battery)
    again = walked(stream, random_policy, np.random.default_rng(7))
    assert np.array_equal(again.outcome.battery, found["random"].outcome.battery)
    assert not np.array_equal(walked(stream, random_policy, np.random.default_rng(8)).outcome.battery, again.outcome.battery)


def test_a_smaller_battery_takes_what_it_can_hold() -> None:
    frame, beams = two_users(battery=[1.5, 0.5])
    smaller = dataclasses.replace(frame, battery=0.1, battery_capacity=1.0)
    outcome = DYNAMICS.outcome(frame, beams, doing(frame))
    assert DYNAMICS.followed_by(smaller, outcome).battery.tolist() == [1.0, 0.5]


def test_lanes_know_nothing_of_each_other() -> None:
    stream = BackscatterFrame.sample(np.random.default_rng(4), (5, 4))
    together = walked(stream, matched_policy, np.random.default_rng(0)).outcome
    for lane in range(4):
        alone = walked(stream[:, lane : lane + 1], matched_policy, np.random.default_rng(0)).outcome
        np.testing.assert_allclose(alone.battery[:, 0], together.battery[:, lane], atol=1e-6)
        assert np.array_equal(alone.served[:, 0], together.served[:, lane])


def test_a_policy_is_told_the_frame_and_keeps_it_as_it_is() -> None:
    stream = BackscatterFrame.sample(np.random.default_rng(4), (3, 2))
    before = {name: value.copy() for name, value in stream.data().items()}
    rollout(DYNAMICS, stream, random_policy, np.random.default_rng(0))
    assert all(np.array_equal(value, before[name]) for name, value in stream.data().items())


# ---------------------------------------------------------------------- errors


def spoiled(value: Any, index: Any, wrong: float) -> Array:
    array = np.array(value, dtype=float)
    array[index] = wrong
    return array


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda f, w: from_shares(f, w, spoiled(np.ones((4, 3, 3)), (1, 2, 0), 1.5)),
            r"action\[1, 2, 0\] is 1.5; allowed: numbers from 0 to 1",
        ),
        (
            lambda f, w: from_shares(f, w, spoiled(np.ones((4, 3, 5)), (0, 0, 4), np.nan)),
            r"action\[0, 0, 4\] is nan; allowed: numbers",
        ),
        (
            lambda f, w: from_shares(f, w, spoiled(np.ones((4, 3, 3)), (3, 0, 1), -np.inf)),
            r"action\[3, 0, 1\] is -inf; allowed: numbers",
        ),
        (
            lambda f, w: from_shares(f, w, np.ones((4, 3, 4))),
            r"allowed: \(4, 3, 3\) \(completed\) or \(4, 3, 5\) \(strict\)",
        ),
        (lambda f, w: from_shares(f, w, np.ones((3, 3))), r"action has shape \(3, 3\)"),
        (lambda f, w: from_shares(f, w, [["a", "b", "c"]]), r"allowed: an array of numbers from 0 to 1"),
        (lambda f, w: beams_of(f, "weights", np.full((4, 9), 0.5 + 3j)), r"allowed: an array of numbers from 0 to 1"),
        (
            lambda f, w: carried_out(f, w, doing_complex(f)),
            r"(?s)allocation.local_bits is .*; allowed: an array of numbers that are finite",
        ),
        (lambda f, w: from_shares(f, 2.0 * w, np.ones((4, 3, 3))), r"decision\[0, 0\]: user 0 has norm 2"),
        (
            lambda f, w: beams_of(f, "weights", spoiled(np.ones((4, 9)), (2, 5), -0.1)),
            r"action\[2, 5\] is -0.1; allowed: numbers",
        ),
        (lambda f, w: beams_of(f, "raw", np.full((4, 18), np.nan)), r"action\[0, 0\] is nan"),
        (
            lambda f, w: beams_of(f, "raw", np.ones((4, 9))),
            r"shape \(4, 9\); allowed: .* 18 numbers last for raw of 3 users, 3 antennas",
        ),
        (lambda f, w: beams_of(f, "weights", np.ones(9)), r"shape \(9,\); allowed: batch \(4,\)"),
        (lambda f, w: beams_of(f, "weight", np.ones((4, 9))), r"unknown meaning .* 'weight'; did you mean 'weights'"),
        (
            lambda f, w: carried_out(f, w, doing(f, local_bits=spoiled(np.ones((4, 3)), (1, 2), np.nan))),
            r"allocation.local_bits\[1, 2\] is nan; allowed: finite",
        ),
        (lambda f, w: carried_out(f, w, doing(f[0])), r"allocation.active_time has shape \(3,\); allowed: \(4, 3\)"),
        (lambda f, w: carried_out(f, w[:, :2], doing(f)), r"decision has shape \(4, 2, 3\)"),
        (
            lambda f, w: estimated(f, np.stack([w] * 4, axis=1)),
            r"allocation has shape \(4, 4, 3\); allowed: \(4, 3\), one set of beams per frame",
        ),
        (lambda f, w: admit(f, np.stack([w] * 4, axis=1)), r"allocation has shape \(4, 4, 3\); allowed: \(4, 3\)"),
        (lambda f, w: admit_most(f, np.stack([w] * 4, axis=1)), r"decision has 4 candidates; allowed: one set of beams"),
        (lambda f, w: estimated(f, 2.0 * w), r"decision\[0, 0\]: user 0 has norm 2"),
        (lambda f, w: carried_out(f, 0.0 * w, doing(f)), r"user 0 has norm 0; allowed"),
        (
            lambda f, w: DYNAMICS.followed_by(f[0], DYNAMICS.outcome(f, w, doing(f))),
            r"battery of shape \(4, 3\); allowed: \(3,\)",
        ),
        (
            lambda f, w: rollout(DYNAMICS, f, matched_policy, np.random.default_rng(0)),
            r"batch of shape \(4,\); allowed: slots and lanes",
        ),
        (
            lambda f, w: Observer.fit(f)(frames_of(1, users=2)),
            r"the frame has 2 users, 3 antennas; allowed: those of the observer, 3 users",
        ),
        (
            lambda f, w: Observer(np.array([1.0, -1.0]), 1.0, 2),
            r"Observer.strength\[1\] is -1.0; allowed: finite numbers >= 0",
        ),
        (lambda f, w: Observer(np.array([1.0]), np.nan, 2), r"Observer.workload is nan; allowed"),
        (lambda f, w: Observer(np.ones((2, 2)), 1.0, 2), r"Observer.strength and workload have shapes \(2, 2\)"),
        (lambda f, w: Observer(np.array([1.0]), 1.0, 0), r"Observer.antennas is 0; allowed: a whole number of at least 1"),
    ],
)
def test_errors_name_what_is_wrong_and_what_is_allowed(call: Callable[[BackscatterFrame, Array], Any], says: str) -> None:
    frames = frames_of(4)
    with pytest.raises(InstanceError, match=says):
        call(frames, matched(frames))
