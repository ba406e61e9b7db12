"""From slot to slot: what is carried out against the problem's own formulas, long runs against other oracles, policies."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from mecopt import InstanceError, UnknownName, shapes_meant
from mecopt.contract.decision import SKIP
from mecopt.dynamic import (
    Outcome,
    average_of,
    best_average,
    block_means,
    estimate,
    paired,
    perfect_information,
    policy_of,
    rollout,
    shown,
)
from mecopt.dynamic.run import roll_out
from mecopt.dynamic.summary import summarise, tables
from mecopt.models import HybridSlot
from mecopt.models.hybrid_slot import SlotAllocation
from mecopt.models.hybrid_slot.dynamics.policies import BENDS, TUNING_SLOTS, WORTHS
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics
from mecopt.models.hybrid_slot.dynamics.tables import harvest, need
from mecopt.show.page import Grid

Array = NDArray[Any]

COARSE = HybridDynamics(step=1.0)
PUBLISHED = {("paper", 2): 0.88894, ("paper", 1): 0.89273, ("literal", 2): 1.03542, ("literal", 1): 1.03765}
"""Gains of the grids rounded down that a program written apart from this one found, by preset and step."""
TINY: dict[str, Any] = {"states": [2e-6, 7e-6], "workloads": [0.0, 15.0, 40.0], "battery_capacity": 20.0}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def rolled(dynamics: HybridDynamics, name: str, path: HybridSlot) -> Any:
    return rollout(dynamics, path, policy_of(dynamics, name), rng(1))


def doing(slot: HybridSlot, **values: Any) -> SlotAllocation:
    """Return the allocation that is this and nothing else."""
    shape = (*slot.batch_shape, 1)
    names = [f.name for f in dataclasses.fields(SlotAllocation)]
    return SlotAllocation(**{name: np.broadcast_to(np.array(values.get(name, 0.0), dtype=float), shape) for name in names})


# ---------------------------------------------------------------------- what is carried out


def proposals(slots: HybridSlot, seed: int) -> tuple[Array, SlotAllocation]:
    """Return answers of the solver and raw ones, many of them bent so that they break something."""
    draws, count = rng(seed), len(slots)
    kept = slots.mended(draws.uniform(0.0, 60.0, (count, 1)))
    answers = slots.closed_form(kept)[0].as_dict()
    raw = COARSE.world("raw").answered(_state(slots), draws.uniform(-1.0, 1.0, (count, 4)), draws)[1].as_dict()
    pick, factor = draws.random((count, 1)) < 0.5, np.where(draws.random((8, count, 1)) < 0.1, 1.3, 1.0)
    values = [f * np.where(pick, answers[name], raw[name]) for f, name in zip(factor, answers, strict=True)]
    return np.where(pick, kept, 0.0), SlotAllocation(*values)


def _state(slots: HybridSlot) -> Any:
    from mecopt.dynamic import State

    return State(slots)


@pytest.mark.parametrize("fields", [{}, {"slot": 0.5}, {"pacing": "strict"}, {"preset": "literal"}, {"price_weight": 0.0}])
def test_an_allocation_is_served_where_the_problems_own_constraints_hold_and_earns_its_formula(fields: Any) -> None:
    slots = HybridSlot.sample(rng(3), 3000, **fields)
    decision, allocation = proposals(slots, 4)
    found = COARSE.outcome(slots, decision, allocation)
    nothing = np.where(decision == SKIP, SKIP, 0.0)  # what was promised to be kept is nobody's constraint
    broken = np.max(list(slots.violations(nothing, allocation).values()), axis=0)
    work, skips = slots.workload[:, 0] > 0.0, decision[:, 0] == SKIP
    clear = (broken < 1e-11) | (broken > 1e-8)
    assert clear.mean() > 0.99
    served = work & ~skips & (broken < 1e-9)
    assert 100 < served[work].sum() < work.sum() - 100
    assert np.array_equal(found.measures["outage"][work & clear], 1.0 - served[work & clear])
    assert np.isnan(found.measures["outage"][~work]).all()
    earned = np.where(served, slots.objective(nothing, allocation), np.where(work, -slots.outage_penalty[:, 0], 0.0))
    np.testing.assert_allclose(found.reward[clear], earned[clear], rtol=1e-9, atol=1e-12)
    spent = np.where(served, slots.energy(nothing, allocation)[:, 0], 0.0)
    part = np.where(served, allocation.harvest_time[:, 0] / slots.slot, 1.0)
    left = np.clip(slots.battery[:, 0] + harvest(slots)[:, 0] * part - spent, 0.0, slots.battery_capacity[:, 0])
    np.testing.assert_allclose(found.carried["battery"][clear, 0], left[clear], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.measures["spent"][clear], spent[clear], rtol=1e-9, atol=1e-12)
    for name in ("local", "active", "passive"):
        bits = np.where(served, getattr(allocation, f"{name}_bits")[:, 0], 0.0)
        np.testing.assert_allclose(found.measures[name][clear], bits[clear], rtol=1e-9, atol=1e-9)
    assert np.array_equal(found.measures["served"][clear], np.where(served, slots.workload[:, 0], 0.0)[clear])


def test_a_raw_action_that_spends_more_than_there_is_is_an_outage_that_harvests_all_of_the_slot() -> None:
    slots = HybridSlot(workload=[[50.0]], battery=[[1.0]], uplink_gain=7e-6, downlink_gain=7e-6)
    for harvesting, outage in ((0.0, True), (0.9, False)):
        send = doing(slots, harvest_time=harvesting, active_time=0.1, sending_time=0.02, active_bits=50.0)
        found = COARSE.outcome(slots, np.zeros((1, 1)), send)
        assert found.measures["outage"].tolist() == [float(outage)]
        if outage:
            assert found.reward.tolist() == [-slots.outage_penalty.item()]
            assert found.measures["spent"].tolist() == [0.0]
            assert found.carried["battery"].tolist() == [[1.0 + harvest(slots).item()]]


@pytest.mark.parametrize(
    "values",
    [
        {"harvest_time": 1.01, "local_time": 1.0, "local_bits": 5.0},
        {"harvest_time": 0.5, "local_time": 1.0, "local_bits": 4.9},
        {"harvest_time": 0.5, "local_time": 0.4, "local_bits": 5.0},
        {"passive_time": 0.1, "passive_bits": 5.0},
        {"active_time": 0.1, "sending_time": 0.2, "active_bits": 5.0},
        {"active_time": 0.0, "sending_time": 0.0, "active_bits": 5.0},
        {"active_time": -0.1, "harvest_time": 1.0, "local_time": 1.0, "local_bits": 5.0},
        {"local_time": 1.0, "local_bits": 6.0, "active_bits": -1.0},
    ],
)
def test_whatever_constraint_is_broken_is_an_outage(values: Any) -> None:
    slots = HybridSlot(workload=[[5.0]], battery=[[60.0]], uplink_gain=7e-6, downlink_gain=7e-6)
    good = doing(slots, harvest_time=1.0, local_time=0.5, local_bits=5.0)
    assert COARSE.outcome(slots, np.zeros((1, 1)), good).measures["outage"].tolist() == [0.0]
    assert COARSE.outcome(slots, np.zeros((1, 1)), doing(slots, **values)).measures["outage"].tolist() == [1.0]
    assert COARSE.outcome(slots, np.full((1, 1), SKIP), good).measures["outage"].tolist() == [1.0]


def test_a_batch_is_a_loop() -> None:
    slots = HybridSlot.sample(rng(5), (4, 3))
    decision, allocation = proposals(HybridSlot.sample(rng(5), 12), 6)
    decision = decision.reshape(4, 3, 1)
    allocation = SlotAllocation(*(value.reshape(4, 3, 1) for value in allocation.as_dict().values()))
    whole = COARSE.outcome(slots, decision, allocation)
    for index in np.ndindex(4, 3):
        one = SlotAllocation(*(value[index] for value in allocation.as_dict().values()))
        alone = COARSE.outcome(slots[index], decision[index], one)
        assert alone.reward == whole.reward[index]
        assert np.array_equal(alone.carried["battery"], whole.carried["battery"][index])


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from(["random", "greedy-optout", "dynamic-program-must"]))
def test_a_battery_never_leaves_its_limits(seed: int, name: str) -> None:
    found = rolled(COARSE, name, COARSE.stream(rng(seed), 30, 4))
    for battery in (found.carried["battery"], found.after.carried["battery"]):
        assert ((battery >= 0.0) & (battery <= 60.0)).all()


def test_nothing_that_is_no_allocation_is_carried_out() -> None:
    slots = HybridSlot.sample(rng(), 2)
    good = doing(slots)
    with pytest.raises(InstanceError, match=r"allocation.active_time\[0, 0\] is nan; allowed: finite"):
        COARSE.outcome(slots, np.zeros((2, 1)), doing(slots, active_time=np.nan))
    with pytest.raises(InstanceError, match=r"allocation.local_bits has shape \(3, 1\)"):
        COARSE.outcome(slots, np.zeros((2, 1)), dataclasses.replace(good, local_bits=np.zeros((3, 1))))
    with pytest.raises(InstanceError, match=r"the decision has shape \(2,\); allowed: \(2, 1\)"):
        COARSE.outcome(slots, np.zeros(2), good)


def test_a_decision_that_cannot_be_carried_out_is_named_with_its_lane() -> None:
    with shapes_meant():
        slots = HybridSlot(workload=[[1.0], [50.0]], battery=[[60.0], [0.0]], uplink_gain=7e-6, downlink_gain=7e-6)
    with pytest.raises(InstanceError, match=r"lane \[1\]: user 0 cannot .*nJ are missing"):
        COARSE.answered(slots, np.array([[0.0], [41.9]]))


# ---------------------------------------------------------------------- what is drawn


def test_paths_follow_the_chain_and_the_workloads_are_alike_frequent() -> None:
    path = COARSE.stream(rng(7), 20_000, 5)
    states = COARSE.states(path)
    moved = np.diff(states, axis=0)
    assert set(np.unique(moved)) == {-1, 0, 1}
    inner = (states[:-1] > 0) & (states[:-1] < 4)
    for step in (-1, 1):
        assert abs((moved[inner] == step).mean() - 0.2) < 5.0 * np.sqrt(0.16 / inner.sum())
    assert np.array_equal(path.uplink_gain, path.downlink_gain)
    counts = np.bincount(path.workload.astype(int).ravel(), minlength=51)
    assert np.abs(counts - 1e5 / 51).max() < 5.0 * np.sqrt(1e5 / 51)
    assert path.battery.min() < 1.0 < 59.0 < path.battery.max()


def test_slots_drawn_one_by_one_follow_the_same_law() -> None:
    draws = rng(8)
    slot = COARSE.draw(draws, None, (20_000,))
    following = COARSE.draw(draws, slot)
    stays = (COARSE.states(slot) == COARSE.states(following)).mean()
    assert abs(stays - 0.68) < 5.0 * np.sqrt(0.68 * 0.32 / 20_000)
    assert following.data().keys() == slot.data().keys()
    assert following.batch_shape == slot.batch_shape


@pytest.mark.parametrize("actions", ["solver", "solver-choices", "raw", "raw-choices"])
def test_equal_seeds_meet_equal_slots_whatever_is_done(actions: str) -> None:
    world, met = COARSE.world(actions), []
    for which in (0, 1):
        draws, acts, drawn = rng(9), rng(10 + which), []
        state = world.initial(draws, (3,))
        for _ in range(20):
            action = (
                acts.uniform(-1.0, 1.0, (3, *world.acted.shape))
                if hasattr(world.acted, "shape")
                else acts.integers(0, world.acted.count, 3)
            )
            state = world.transition(state, action, draws)
            drawn.append((state.problem.workload, state.problem.uplink_gain))
        met.append(np.array(drawn))
    assert np.array_equal(met[0], met[1])


def test_fields_that_are_given_stay_and_others_are_drawn() -> None:
    fixed = HybridDynamics(uplink_gain=3e-6, downlink_gain=4e-6, workload=[12.0], battery=5.0, carrier_power="20 mW")
    path = fixed.stream(rng(), 6, 2)
    for name, value in (("uplink_gain", 3e-6), ("downlink_gain", 4e-6), ("workload", 12.0), ("battery", 5.0)):
        assert (getattr(path, name) == value).all()
    assert (path.carrier_power == 20.0).all()
    assert fixed.channel.states == 1
    uneven = HybridDynamics(uplink_gain=3e-6)
    assert len(np.unique(uneven.stream(rng(), 200, 2).downlink_gain)) == 5
    assert uneven.states(uneven.draw(rng())) in range(5)


def test_a_lane_that_ends_begins_anew_with_the_battery_that_was_drawn() -> None:
    slot, following = COARSE.draw(rng(1), None, (2,)), COARSE.draw(rng(2), None, (2,))
    left = Outcome(np.zeros(2), {"battery": np.array([[7.0], [8.0]])}, ended=np.array([True, False]))
    after = COARSE.followed_by(following, left)
    assert after.battery.ravel().tolist() == [following.battery[0, 0], 8.0]
    assert slot.batch_shape == after.batch_shape


# ---------------------------------------------------------------------- the long run


def linear_program(dynamics: HybridDynamics, points: int) -> float:
    """Return the best gain of the grid rounded down: one row of a linear program per state, slots solved one by one."""
    capacity, gains, work = dynamics.draw(rng()).battery_capacity.item(), dynamics.gains[0], dynamics.workloads
    levels = np.linspace(0.0, capacity, points)
    states = [(c, w, e) for c in range(len(gains)) for w in range(len(work)) for e in range(points)]
    number = {state: k for k, state in enumerate(states)}
    matrix, rewards, flows = dynamics.channel.matrix, [], []
    for c, w, e in states:
        slot = dynamics._slots._with(
            {
                **dynamics.draw(rng()).__dict__,
                "workload": np.array([work[w]]),
                "battery": np.array([levels[e]]),
                "uplink_gain": np.array([gains[c]]),
                "downlink_gain": np.array([gains[c]]),
            }
        )
        kept = np.append(levels, SKIP)[:, None]
        values = slot.optimal_value(kept)
        skipped = min(levels[e] + harvest(slot).item(), capacity)
        ends = [*range(points), int(np.floor(skipped / levels[1] + 1e-9))]
        for value, end in zip(values, ends, strict=True):
            if value == -np.inf:
                continue
            flow = np.zeros(len(states))
            flow[number[c, w, e]] -= 1.0
            for c2 in range(len(gains)):
                for w2 in range(len(work)):
                    flow[number[c2, w2, end]] += matrix[c, c2] / len(work)
            rewards.append(value)
            flows.append(flow)
    ones = np.ones((1, len(rewards)))
    found = linprog(-np.array(rewards), A_eq=np.vstack([np.array(flows).T, ones]), b_eq=[*np.zeros(len(states)), 1.0])
    return float(-found.fun)


def test_brackets_contain_a_linear_program_of_slots_that_are_solved_one_by_one() -> None:
    dynamics = HybridDynamics(step=4.0, **TINY)
    bracket = dynamics.bracket()
    assert bracket is not None
    assert linear_program(dynamics, 6) == pytest.approx(bracket.lower, abs=1e-5)
    finer = linear_program(dynamics, 21)
    assert bracket.lower < finer < bracket.upper
    fine = HybridDynamics(step=0.25, **TINY).bracket()
    assert fine is not None
    assert fine.lower > finer - 1e-5
    assert fine.upper < bracket.upper


@pytest.mark.parametrize("preset", ["paper", "literal"])
def test_brackets_narrow_as_the_step_halves_and_lie_in_each_other(preset: str) -> None:
    found = {step: HybridDynamics(preset, step=step).bracket() for step in (8, 4, 2, 1)}
    for coarse, fine in ((8, 4), (4, 2), (2, 1)):
        one, other = found[coarse], found[fine]
        assert one is not None
        assert other is not None
        assert one.lower < other.lower < other.upper < one.upper
    for (name, step), gain in PUBLISHED.items():
        if name == preset:
            assert found[step].lower == pytest.approx(gain, abs=1.5e-5)  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "lower", "upper"), [("paper", 0.89611, 0.89981), ("literal", 1.03945, 1.04080)])
def test_the_finest_bracket_is_narrower_than_half_a_percent(preset: str, lower: float, upper: float) -> None:
    bracket = HybridDynamics(preset, step=0.125).bracket()
    assert bracket is not None
    assert bracket.lower == pytest.approx(lower, abs=1.5e-5)
    assert bracket.lower < bracket.upper < upper + 1.5e-5
    assert bracket.width < 0.005 * bracket.middle


def test_without_energy_every_workload_is_left() -> None:
    dark = HybridDynamics(downlink_gain=0.0, battery=0.0, step=10.0, workloads=[0.0, 10.0, 20.0, 30.0])
    bracket = dark.bracket()
    assert bracket is not None
    assert bracket.lower == pytest.approx(-1.5, abs=1e-5)
    path = dark.stream(rng(), 50, 2)
    for name in dark.policies():
        found = rolled(dark, name, path)
        assert found.mean == pytest.approx(-2.0 * (path.workload > 0.0).mean())


def test_where_service_is_a_must_nothing_is_proved_and_nobody_skips_who_can_serve() -> None:
    must = HybridDynamics(service="must", step=2.0)
    assert must.grids() is None
    assert "more energy can hurt" in str(must.why_unproved())
    assert must.bracket() is None
    path = must.stream(rng(11), 300, 4)
    for name in ("greedy-must", "greedy-optout", "shadow-price", "dynamic-program"):
        policy = policy_of(must, name)

        def watch(number: int, slot: HybridSlot, decision: Array, allocation: Any, outcome: Outcome) -> None:
            assert not slot.infeasible(decision).any()

        rollout(must, path, policy, rng(1), watch=watch)


# ---------------------------------------------------------------------- policies


PATH = COARSE.stream(rng(123), 4000, 16)


def blocks(found: Any) -> Any:
    return block_means(found.reward, 20)[0]


def test_policies_come_in_the_order_of_what_they_know() -> None:
    names = ("dynamic-program", "shadow-price", "greedy-optout", "greedy-must", "random")
    found = {name: rolled(COARSE, name, PATH) for name in names}
    for better, worse in pairwise(names):
        apart = paired(blocks(found[better]), blocks(found[worse]))
        assert apart.mean > 2.0 * apart.error, (better, worse)
    bracket = COARSE.bracket()
    assert bracket is not None
    own = estimate(blocks(found["dynamic-program"]))
    assert bracket.lower - 5.0 * own.error < own.mean < bracket.upper + 5.0 * own.error


class Wasteful(HybridDynamics):
    """Batteries lose what lies above a grid point, so that the process is the grid."""

    def outcome(self, problem: HybridSlot, decision: Array, allocation: SlotAllocation) -> Outcome:
        found, points = super().outcome(problem, decision, allocation), self.table.below.points
        return dataclasses.replace(found, carried={"battery": points[self.table.below.at(found.carried["battery"])]})


def test_the_simulated_program_earns_what_is_computed_exactly_for_it_on_the_grid() -> None:
    dynamics = Wasteful(step=4.0)
    exact = average_of(dynamics.below, best_average(dynamics.below).policy)
    own = estimate(blocks(rolled(dynamics, "dynamic-program", PATH)))
    assert exact.width < 1e-5
    assert own.error < 0.015
    assert abs(own.mean - exact.middle) < 5.0 * own.error


def test_who_knows_the_path_earns_no_less_than_any_policy() -> None:
    grids = COARSE.grids()
    assert grids is not None
    short = PATH[:1500]
    known = perfect_information(grids.below, grids.above, grids.drawn(short), *grids.points(short[0]))
    assert (known.lower <= known.upper).all()
    for name in ("dynamic-program", "shadow-price", "greedy-optout"):
        assert (rolled(COARSE, name, short).reward.mean(axis=0) <= known.upper + 1e-12).all()
    assert known.lower.mean() > rolled(COARSE, "dynamic-program", short).mean


def test_the_two_numbers_of_the_price_are_found_on_a_path_of_their_own_and_are_always_the_same() -> None:
    price = COARSE.price
    assert price == HybridDynamics(step=1.0).price
    assert price.bend in BENDS
    assert len(WORTHS) * len(BENDS) < TUNING_SLOTS
    assert price.of(np.array([0.0, 60.0]))[1] == pytest.approx(price.worth * 60.0 * (1.0 - price.bend / 2.0))


def test_the_policy_of_the_grid_is_the_best_of_the_grids_policies() -> None:
    below = COARSE.below
    best = best_average(below)
    for chosen in (COARSE.table.forced().best(np.zeros(below.shape)), below.best(np.zeros(below.shape))):
        assert average_of(below, chosen).upper < best.lower


@pytest.mark.slow
def test_two_hundred_thousand_slots_agree_with_the_figures_of_another_program() -> None:
    dynamics = HybridDynamics()
    path = dynamics.stream(rng(123), 25_000, 8)
    found = {name: rolled(dynamics, name, path) for name in dynamics.default_policies}
    assert found["greedy-must"].mean == pytest.approx(0.639, abs=0.03)
    assert found["greedy-optout"].mean == pytest.approx(0.782, abs=0.024)
    bracket, own = dynamics.bracket(), estimate(blocks(found["dynamic-program"]))
    assert bracket is not None
    assert bracket.lower - 3.0 * own.error < own.mean < bracket.upper + 3.0 * own.error
    for better, worse in (("dynamic-program", "shadow-price"), ("shadow-price", "greedy-optout")):
        apart = paired(blocks(found[better]), blocks(found[worse]))
        assert apart.mean > 3.0 * apart.error
    for name, outage in (("greedy-must", 0.0756), ("greedy-optout", 0.0862), ("dynamic-program", 0.0545)):
        assert np.nanmean(found[name].measures["outage"]) == pytest.approx(outage, abs=0.005)


def test_a_rollout_says_that_the_preset_was_chosen_and_shows_all_its_columns_in_a_narrow_terminal(tmp_path: Path) -> None:
    found = roll_out(COARSE, ["greedy-optout", "shadow-price"], out=tmp_path, slots=64, lanes=2, jobs=1)
    summary = summarise(found)
    assert any("CHOSEN" in text and "no evidence" in text for text in summary.findings)
    counted, _, measured = tables(summary)
    for part, headers in ((counted, summary.headers), (measured, summary.measured)):
        assert isinstance(part, Grid)
        narrow, whole = list(part.lines(60)), list(part.lines(100))
        assert max(map(len, narrow)) <= 60
        assert max(map(len, whole)) <= 100
        assert "" not in whole  # not divided
        for word in " ".join(headers).split():
            assert any(word in line for line in narrow), word


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"matrix": np.full((5, 5), 0.3)}, InstanceError, "row 0 of Chain.matrix sums to 1.5; allowed: rows that sum to 1"),
        ({"matrix": np.eye(3)}, InstanceError, "matrix has 3 states; allowed: 5, one per entry of states"),
        (
            {"states": [1e-6, -1e-6]},
            InstanceError,
            r"HybridDynamics.states\[1\] is -1e-06; .*allowed: finite numbers >= 0",
        ),
        ({"states": [1e-6, 1e-6]}, InstanceError, r"states\[1\] is 1e-06 again; allowed: .* all different"),
        ({"states": ["-50 dB", "-50 dBm"]}, InstanceError, r"states\[1\]: unit 'dBm' .* write 'dB'"),
        ({"workloads": ["1 kbit", "2 s"]}, InstanceError, r"workloads\[1\]: unit 's' cannot be converted to 'kbit'"),
        ({"states": []}, InstanceError, r"states has shape \(0,\)"),
        ({"workloads": [1.0, np.nan]}, InstanceError, r"workloads\[1\] is nan; allowed: finite numbers >= 0 in kbit"),
        ({"workloads": [1.0, 1.0]}, InstanceError, r"workloads\[1\] is 1 again; allowed: .* all different"),
        ({"workloads": [1.0], "workload": [2.0]}, InstanceError, "workload is given, and workloads too"),
        ({"uplink_gain": 1e-6, "downlink_gain": 1e-6, "states": [1e-6]}, InstanceError, "both gains are given, and states"),
        ({"uplink_gain": -1e-6}, InstanceError, "uplink_gain.* is -1e-06"),
        ({"battery_capacity": 0.0}, InstanceError, "battery_capacity is 0"),
        ({"step": 0.0}, InstanceError, "HybridDynamics.step is 0.0; allowed: finite numbers > 0 in nJ"),
        ({"step": [1.0, 2.0]}, InstanceError, r"step has shape \(2,\); allowed: a single number"),
        ({"step": "1 mJ/s"}, InstanceError, "step: unit 'mJ/s' cannot be converted to 'nJ'"),
        ({"step": np.nan}, InstanceError, "step is nan"),
        ({"users": 2}, InstanceError, "users is 2; allowed: 1"),
        ({"preset": "varied", "users": 1}, InstanceError, "preset 'varied' draws .* anew for every instance"),
        ({"preset": "papers"}, UnknownName, "did you mean 'paper'"),
        ({"carrier_powr": 1.0}, UnknownName, "did you mean 'carrier_power'"),
        ({"workload": np.ones((3, 1))}, InstanceError, r"batch of shape \(3,\); allowed: those of a single slot"),
    ],
)
def test_wrong_arguments_are_named(arguments: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        HybridDynamics(**arguments)


def test_slots_that_no_chain_draws_and_strict_ones_have_no_grid() -> None:
    grids = COARSE.grids()
    assert grids is not None
    with shapes_meant():
        foreign = HybridSlot(workload=[[3.0], [2.5]], battery=0.0, uplink_gain=7e-6, downlink_gain=7e-6)
    with pytest.raises(
        InstanceError, match=r"workload\[1\] is 2.5, which is never drawn; allowed: 0, 1, 2, 3, 4, 5, \.\.\."
    ):
        grids.drawn(foreign)
    with pytest.raises(InstanceError, match=r"uplink_gain.* which is never drawn"):
        COARSE.states(HybridSlot(workload=[3.0], battery=0.0, uplink_gain=5e-6, downlink_gain=5e-6))
    with pytest.raises(InstanceError, match=r"battery\[0\] is 70 nJ; allowed on a grid: up to the capacity of 60 nJ"):
        grids.points(HybridSlot(workload=[[3.0]], battery=70.0, uplink_gain=7e-6, downlink_gain=7e-6))
    strict = HybridDynamics(pacing="strict")
    assert strict.grids() is None
    assert "what strict slots earn at best is not proved" in str(strict.why_unproved())
    with pytest.raises(InstanceError, match="takes paced slots"):
        policy_of(strict, "dynamic-program")


# ---------------------------------------------------------------------- policies as maps


def test_maps_of_policies_keep_to_what_energy_there_is() -> None:
    chart = COARSE.chart()
    slots, count = chart.slots, len(COARSE.workloads)
    assert slots.batch_shape == (3, count, 51)
    assert np.array_equal(chart.along("workload"), COARSE.workloads)
    fed = harvest(slots)[..., 0]
    whole = np.minimum(slots.battery[..., 0] + fed, slots.battery_capacity[..., 0])
    enough = slots.battery[..., 0] + fed >= need(slots)[..., 0]
    for name in ("greedy-must", "greedy-optout", "dynamic-program"):
        left = shown(COARSE, chart, policy_of(COARSE, name), rng())
        np.testing.assert_allclose(left[:, 0], whole[:, 0])  # nothing to do: all that fits is kept
        assert np.isnan(left[~enough]).all()
        assert (left[~np.isnan(left)] <= whole[~np.isnan(left)] + 1e-9).all()
        if name == "greedy-must":
            assert not np.isnan(left[enough]).any()
    assert np.isnan(left[enough]).any()  # looking ahead skips what could be served


def test_charts_show_three_states_of_the_channel_and_few_workloads() -> None:
    chart = HybridDynamics(workloads=np.arange(200.0)).chart()
    assert chart.panels == ("channel gain 1.75e-06", "channel gain 5.25e-06", "channel gain 8.75e-06")
    assert len(chart.along("workload")) == 51
    assert chart.along("workload")[[0, -1]].tolist() == [0.0, 199.0]
    one = HybridDynamics(workload=[20.0], uplink_gain=[2e-6], downlink_gain=[4e-6]).chart()
    assert one.panels == ("channel gains 2e-06 up, 4e-06 down",)
    assert one.slots.batch_shape == (1, 1, 51)
