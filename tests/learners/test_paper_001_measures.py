"""The evaluation of paper 001: streams, policies, schemes and regret against their definitions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.dynamics import Policy
from mecopt.learners.h_maddpg import LEARNER
from mecopt.learners.paper_001 import policies, schemes, worlds
from mecopt.learners.paper_001.measures import REWARDS, Regret, Size, follow, means, regret, walked
from mecopt.learners.paper_001.names import EFFICIENCY, GIVEN, LEAST_REGRET, OPTIMUM, REGRET, WASTED, WASTED_MOST
from mecopt.learners.paper_001.policies import (
    ACTIVE,
    BASELINES,
    COMPLETED,
    DISABLED,
    EVEN,
    EXACT,
    HYBRID,
    MATCHED,
    MODES,
    STRICT,
)
from mecopt.learners.paper_001.study import policy_rows
from mecopt.learners.paper_001.worlds import LOADS, NOMINAL, POWERS, SCALES, World, stream
from mecopt.models.backscatter_frame import BackscatterFrame
from mecopt.models.backscatter_frame.scenarios import PLACES
from mecopt.solve import allocate, solve

DONE = ("active_bits", "passive_bits", "local_bits")


def few(count: int = 6, world: World = NOMINAL) -> BackscatterFrame:
    return stream(world, 3, 1, count)[0]


def test_distances_times_a_factor_are_amplitudes_over_it() -> None:
    near, far = stream(NOMINAL, 0, 50, 100), stream(World(scale=2.5), 0, 50, 100)
    strength = (np.abs(far.channel) ** 2).sum(axis=-1)
    distance = 2.5 * np.linalg.norm(PLACES, axis=-1)
    expected = 3 * 10.0 ** (-(20.0 + 20.0 * np.log10(distance)) / 10.0)  # three antennas, path loss of section IV
    error = strength.std(axis=(0, 1)) / np.sqrt(5000)
    np.testing.assert_array_less(np.abs(strength.mean(axis=(0, 1)) - expected), 4.0 * error)
    np.testing.assert_allclose(far.channel, near.channel / 2.5)
    for name in ("workload", "battery", "carrier_power"):
        np.testing.assert_array_equal(getattr(far, name), getattr(near, name))


@pytest.mark.parametrize("mean", [10.0, 80.0])
def test_work_is_poisson_of_the_mean_asked_for_and_nothing_else_changes(mean: float) -> None:
    drawn, nominal = stream(World(load=mean), 0, 50, 100), stream(NOMINAL, 0, 50, 100)
    assert drawn.workload.min() >= 1.0
    np.testing.assert_array_equal(drawn.workload, np.round(drawn.workload))
    assert drawn.workload.mean() == pytest.approx(mean, abs=4.0 * np.sqrt(mean / 15000))
    assert drawn.workload.var() == pytest.approx(mean, rel=0.06)
    for name in ("channel", "battery", "carrier_power"):
        np.testing.assert_array_equal(getattr(drawn, name), getattr(nominal, name))


def test_a_carrier_is_all_that_figure_3a_changes() -> None:
    weak, nominal = stream(POWERS[0], 1, 4, 5), stream(NOMINAL, 1, 4, 5)
    assert (weak.carrier_power == 750.0).all()
    differing = {name for name, value in weak.data().items() if not np.array_equal(value, getattr(nominal, name))}
    assert differing == {"carrier_power"}
    assert all(axis.count(NOMINAL) == 1 for axis in (POWERS, LOADS, SCALES))


def test_seeds_and_parts_of_the_evaluation_meet_other_frames() -> None:
    drawn = [stream(NOMINAL, 0, 2, 3), stream(NOMINAL, 1, 2, 3)]
    drawn.append(worlds.training(NOMINAL, 0, 6))
    values = [one.channel.ravel()[0] for one in drawn]
    assert len(set(values)) == 3


@pytest.mark.parametrize("way", GIVEN)
def test_schemes_do_what_their_names_say(way: str) -> None:
    frames = few(world=World(scale=1.5))
    done = {name: policies.of_scheme(way, name)(frames, np.random.default_rng(0))[1] for name in MODES}
    assert done[HYBRID].passive_bits.max() > 1.0
    assert done[ACTIVE].passive_bits.max() == 0.0
    assert done[ACTIVE].active_bits.max() > 1.0
    assert max(done[DISABLED].passive_bits.max(), done[DISABLED].active_bits.max(), done[DISABLED].active_time.max()) == 0.0
    assert done[DISABLED].passive_time.max() > 0.1  # the carrier still charges


def test_the_exact_policy_is_the_semidefinite_program() -> None:
    frames = few(3)
    decision, allocation = BASELINES[EXACT](frames, np.random.default_rng(0))
    program = solve(frames, solver="semidefinite")
    np.testing.assert_allclose(frames.objective(decision, allocation), program.objective, rtol=1e-4, atol=0.5)


def test_a_price_on_energy_keeps_energy() -> None:
    frames = few(8)
    kept, spent = [], []
    for price in (0.0, 1500.0):
        decision, allocation = policies.exact(price)(frames, np.random.default_rng(0))
        assert (frames.battery_price == 0.0).all()  # it is the policy's own, not the world's
        assert max(value.max() for value in frames.violations(decision, allocation).values()) < 1e-6
        kept.append(allocation.kept_energy.sum())
        spent.append(frames.objective(decision, allocation).sum())
    assert kept[1] > kept[0] + 1.0
    assert spent[1] > spent[0]


@pytest.mark.parametrize(("name", "numbers"), [(COMPLETED, 3), (STRICT, 5)])
def test_random_actions_are_uniform_and_reproducible(name: str, numbers: int) -> None:
    frames = few(2000)
    beams, allocation = BASELINES[name](frames, np.random.default_rng(5))
    again = BASELINES[name](frames, np.random.default_rng(5))
    np.testing.assert_array_equal(beams, again[0])
    np.testing.assert_array_equal(allocation.passive_time, again[1].passive_time)
    np.testing.assert_allclose(np.linalg.norm(beams, axis=-1), 1.0)
    # parts of a slot: u/max(1, u + v) of uniform u, v has the mean E[u; u + v <= 1] + E[u/(u + v); u + v > 1] = 1/6 + 1/4
    assert allocation.active_time.mean() == pytest.approx(5.0 / 12.0, abs=0.012)
    assert allocation.passive_time.mean() == pytest.approx(5.0 / 12.0, abs=0.012)
    total = allocation.active_bits + allocation.passive_bits + allocation.local_bits
    if numbers == 3:
        np.testing.assert_allclose(total, frames.workload)
    else:
        assert (total < frames.workload * (1.0 - 1e-6)).mean() > 0.1  # three uniform parts add up to less than 1 in 1/6


@pytest.mark.parametrize("name", [MATCHED, COMPLETED])
def test_means_are_sums_over_frames_lanes_and_users(name: str) -> None:
    world, size = World(scale=1.5), Size(4, 2, 3)
    drawn = stream(world, 0, size.length, size.lanes)
    found = walked(drawn, BASELINES[name], np.random.default_rng(0))
    done = means(drawn, found, size.skipped)
    rewards, efficiencies, work, spent, bits, times, outages = [], [], 0.0, 0.0, np.zeros(3), np.zeros(3), []
    sending, sent, came = 0.0, 0, 0.0
    a = found.allocation
    for k in range(2, 5):
        for lane in range(4):
            x = found.outcome.served[k, lane]
            served = float((x * drawn.workload[k, lane]).sum())
            energy = float(found.outcome.energy[k, lane]) + 600.0
            rewards.append(1000.0 * x.mean() * served / energy)
            efficiencies.append(1000.0 * served / energy)
            outages.append(1.0 - x.mean())
            work, spent = work + served, spent + energy
            for i in range(3):
                came += drawn.workload[k, lane, i]
                if x[i]:
                    sending, sent = sending + a.active_time[k, lane, i], sent + 1
                parts = [a.active_bits, a.passive_bits, a.local_bits]
                bits += [x[i] * part[k, lane, i] for part in parts]
                times += [a.active_time[k, lane, i], a.passive_time[k, lane, i], a.local_bits[k, lane, i] / 60.0]
    assert done.reward == pytest.approx(np.mean(rewards))
    assert done.frame_efficiency == pytest.approx(np.mean(efficiencies))
    assert done.efficiency == pytest.approx(1000.0 * work / spent)
    assert done.outage == pytest.approx(np.mean(outages))
    np.testing.assert_allclose(done.shares, bits / bits.sum())
    np.testing.assert_allclose(done.of_all, bits / came)
    np.testing.assert_allclose(done.times, times / 36.0)
    assert done.sending == pytest.approx(sending / sent)
    assert done.transmitting == pytest.approx(times[0] / (times[0] + times[1]))
    assert done.energy == pytest.approx(spent / 12.0 - 600.0)
    assert done.battery == pytest.approx(found.battery[2:].mean())


def test_where_nobody_is_served_what_the_served_do_is_no_number() -> None:
    drawn = stream(NOMINAL, 0, 2, 3)
    found = walked(drawn, BASELINES[COMPLETED], np.random.default_rng(0))
    nobody = dataclasses.replace(found.outcome, served=np.zeros_like(found.outcome.served))
    done = means(drawn, dataclasses.replace(found, outcome=nobody), 0)
    assert {*done.shares, done.sending} == {np.inf}
    assert done.of_all == (0.0, 0.0, 0.0)
    assert done.times[0] > 0.0


def test_the_access_point_s_energy_is_that_of_7() -> None:
    drawn = stream(NOMINAL, 0, 3, 4)
    found = walked(drawn, BASELINES[MATCHED], np.random.default_rng(0))
    a = found.allocation
    each = (6000.0 + 20.0) * a.passive_time + 50.0 * a.active_time + 0.1 * (a.active_bits + a.passive_bits)
    np.testing.assert_allclose(found.outcome.energy, each.sum(axis=-1), rtol=1e-9)


def test_regret_is_measured_at_the_states_that_were_met() -> None:
    drawn = stream(NOMINAL, 2, 4, 5)
    found = walked(drawn, BASELINES[MATCHED], np.random.default_rng(0))
    one = regret(drawn, found, 1, 2)
    np.testing.assert_array_equal(one.energy, found.outcome.energy[1::2].ravel())
    assert (one.ratio >= 1.0 - 1e-6).all()
    assert one.of_sums > 1.2
    # the same, one frame at a time, by an outside solver
    for k, lane, least in ((1, 0, one.least[0]), (3, 4, one.least[-1])):
        frame = dataclasses.replace(drawn, battery=found.battery)[k][lane]
        bits = sum(value[k, lane] for name, value in found.allocation.as_dict().items() if name in DONE)
        work = np.where(found.outcome.served[k, lane], np.minimum(bits, frame.workload), 0.0)
        program = solve(dataclasses.replace(frame, workload=work), solver="semidefinite")
        assert least == pytest.approx(float(program.objective), rel=1e-3, abs=0.5)


def test_the_optimum_of_each_frame_regrets_nothing() -> None:
    one = follow(stream(NOMINAL, 2, 3, 4), BASELINES[EXACT], 0, 0, 1).regret
    assert one is not None
    np.testing.assert_allclose(one.energy, one.least, rtol=1e-6, atol=1e-2)


def test_ratios_of_a_regret_where_nothing_is_needed() -> None:
    one = Regret(np.array([0.0, 5.0, 6.0]), np.array([1e-7, 1e-7, 3.0]))
    np.testing.assert_array_equal(one.ratio, [1.0, np.inf, 2.0])
    assert one.of_sums == pytest.approx(11.0 / 3.0)
    assert Regret(np.full(3, 78.0), np.full(3, 1e-7)).of_sums == np.inf


@pytest.mark.parametrize("way", GIVEN)
def test_schemes_are_nested_on_common_frames(way: str) -> None:
    one = schemes.common(World(scale=1.5), policies.RULES.get(way), 0, 30)
    assert one.disorder < 1e-6
    shown = np.asarray(one.served.all(axis=0))
    assert shown.sum() > 10
    both = one.efficiencies(shown, EFFICIENCY)
    assert both[0] >= both[1] >= both[2]
    assert both[0] > 1.05 * both[2]


def test_a_scheme_that_were_dearer_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    turned = dict(zip(MODES, reversed(list(MODES.values())), strict=True))
    monkeypatch.setattr(schemes, "MODES", turned)
    assert schemes.common(NOMINAL, policies.RULES[MATCHED], 0, 10).disorder > 0.01


def test_efficiencies_on_common_frames_come_from_an_outside_solver_too() -> None:
    one, frames = schemes.common(NOMINAL, policies.RULES[EVEN], 0, 5), stream(NOMINAL, 0, 1, 5)[0]
    for n, mode in enumerate(MODES.values()):
        problem = dataclasses.replace(frames, mode=mode)
        answer = allocate(problem, policies.RULES[EVEN](frames, np.random.default_rng(0)), backend="clarabel")
        full = one.served[n]
        np.testing.assert_allclose(answer.objective[full], one.energy[n, full], rtol=2e-3, atol=1.0)
    done = 1000.0 * one.work.sum() / (one.energy + REWARDS.static_energy).sum(axis=-1)
    np.testing.assert_allclose(one.efficiencies(np.ones(5, bool), EFFICIENCY), done)


def test_a_policy_meets_the_same_world_whatever_it_does() -> None:
    seen: list[BackscatterFrame] = []

    def spying(policy: Policy) -> Callable[..., object]:
        def spy(frame: BackscatterFrame, rng: np.random.Generator) -> object:
            seen.append(frame)
            return policy(frame, rng)

        return spy

    for name in (EVEN, COMPLETED):
        follow(stream(NOMINAL, 0, 3, 2), spying(BASELINES[name]), 0, 0)
    for one, other in zip(seen[:3], seen[3:], strict=True):
        np.testing.assert_array_equal(one.channel, other.channel)
        np.testing.assert_array_equal(one.workload, other.workload)
    assert not np.array_equal(seen[2].battery, seen[5].battery)


def test_regret_is_told_of_those_that_are_asked_for_it() -> None:
    assert set(policies.REGRETTING) <= set(BASELINES)
    with_it, without = (
        {row.quantity for row in policy_rows(EVEN, BASELINES[EVEN], 0, True, regretting=told)} for told in (True, False)
    )
    assert with_it - without == {REGRET, LEAST_REGRET, WASTED, WASTED_MOST, OPTIMUM}
    assert without < with_it


def test_no_efficiency_is_told_of_no_frames() -> None:
    one = schemes.common(NOMINAL, policies.RULES[MATCHED], 0, 3)
    with pytest.raises(InstanceError, match="3 common frames all schemes serve none"):
        one.efficiencies(np.zeros(3, bool), EFFICIENCY)


def test_a_poorer_scheme_of_a_learned_policy_has_its_beams(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    frames = worlds.training(World(scale=1.5), 0, 12)
    settings = LEARNER.configured("paper", {"hidden": (6, 5), "critic_hidden": 6, "batch": 2, "memory": 8})
    own = LEARNER.train(frames, settings, 0, tmp_path, {})
    rng = np.random.default_rng(0)
    beams, allocation = policies.of_own(own, HYBRID)(frames, rng)
    np.testing.assert_array_equal(beams, own.act(frames, rng)[0])
    for scheme in (ACTIVE, DISABLED):
        same, poorer = policies.of_own(own, scheme)(frames, rng)
        np.testing.assert_array_equal(same, beams)
        assert poorer.passive_bits.max() == 0.0
        assert scheme == ACTIVE or poorer.active_bits.max() == 0.0
    assert allocation.passive_bits.max() > 1.0
