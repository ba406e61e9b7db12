"""What hybrid slots can serve, and decisions about it: what is kept, who skips, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hybrid_slots import changed, one, singles

import mecopt
from mecopt import InstanceError, Status
from mecopt.models import HybridSlot
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.dynamics.tables import harvest, largest_workload, need, reward_table


@pytest.mark.parametrize("preset", HybridSlot.presets)
def test_the_largest_workload_needs_what_there_is_and_a_little_more_cannot_be_served(preset: str) -> None:
    slots = singles(23, 200, preset)
    largest, whole = largest_workload(slots), slots.battery + harvest(slots)
    able = largest[:, 0] > 0.0
    at = changed(slots, workload=largest)
    np.testing.assert_allclose(need(at)[able], whole[able], rtol=1e-9)
    nothing = np.zeros((200, 1))
    for factor, infeasible in ((1.0 - 1e-6, False), (1.0 + 1e-6, True)):
        moved = changed(slots, workload=factor * largest)
        assert (moved.infeasible(nothing)[able] == infeasible).all()


@pytest.mark.parametrize("preset", HybridSlot.presets)
def test_rewards_grow_with_the_budget_and_are_there_from_the_need_on(preset: str) -> None:
    slots = singles(29, 40, preset)
    budgets = np.linspace(-40.0, 60.0, 401)
    table = reward_table(slots, budgets)
    served = np.isfinite(table.value)
    with np.errstate(invalid="ignore"):
        rises = np.diff(table.value, axis=-1)
    slack = 1e-9 * (1.0 + np.abs(table.value[..., 1:]))
    assert (rises >= -slack)[served[..., :-1]].all()
    assert (served == (budgets + harvest(slots)[..., None] >= need(slots)[..., None] * (1.0 - 1e-12))).all()
    assert (table.bound >= table.value)[served].all()
    value, bound = table.value[served], table.bound[served]
    assert (bound - value <= 1e-7 * (1.0 + np.abs(value))).all()


def test_a_table_holds_what_allocate_answers() -> None:
    slots = singles(31, 30, "paper")
    table = reward_table(slots, [-5.0, 0.0, 12.5])
    for k, budget in enumerate((-5.0, 0.0, 12.5)):
        given_ = changed(slots, battery=60.0, battery_capacity=70.0)
        values = given_.optimal_value(np.full((30, 1), 60.0 - budget))
        np.testing.assert_allclose(values, table.value[:, 0, k], rtol=1e-9)


def test_tables_take_paced_slots_and_finite_budgets() -> None:
    with pytest.raises(InstanceError, match="paced slots"):
        reward_table(one(pacing="strict"), [0.0])
    with pytest.raises(InstanceError, match="one axis of finite numbers"):
        reward_table(one(), [np.inf])


# ---------------------------------------------------------------------- decisions


def test_an_outage_says_what_is_missing_and_what_could_be_served() -> None:
    slot = one(workload=[500.0], battery=[1.0])
    solution = mecopt.solve(slot)
    assert solution.decision.tolist() == [-1.0]
    assert solution.status is Status.OPTIMAL
    assert float(solution.objective) == -2.0
    largest, missing = float(largest_workload(slot)[0]), float((need(slot) - slot.battery - harvest(slot))[0])
    text = " ".join(str(solution).split())  # wherever lines are broken
    assert f"at most {largest:.6g} kbit could be served, {missing:.6g} nJ are missing" in text
    assert "skips" in text


def test_who_skips_by_choice_is_told() -> None:
    slot = one(workload=[50.0, 10.0], battery=[1.0, 20.0], outage_penalty=0.0, channel_price=5.0, cpu_speed=0.1)
    solution = mecopt.solve(slot)
    assert solution.decision.tolist() == [-1.0, -1.0]
    assert "by choice, at the penalty: user 0, 1" in str(solution)


def test_who_must_serve_does_wherever_it_can() -> None:
    slots = singles(37, 300, "paper", service="must", outage_penalty=0.0)
    solution = mecopt.solve(slots)
    serves = allocation.servable(slots)
    assert ((solution.decision == 0.0) == serves).all()
    assert set(solution.statuses()) == {"OPTIMAL"}
    with pytest.raises(mecopt.SolveFailed, match=r"user 0 must serve its workload of 30 kbit: it can"):
        mecopt.allocate(one(service="must"), [-1.0])


@pytest.mark.parametrize(
    ("kept", "text"),
    [
        (61.0, r"user 0 cannot keep 61 nJ: its battery_capacity is 60 nJ"),
        (51.0, r"user 0 cannot keep 51 nJ: battery and harvest hold 50 nJ"),
        (40.0, r"cannot serve its workload of 30 kbit and keep 40 nJ: [\d.]+ nJ are missing; the largest workload would be"),
    ],
)
def test_too_much_kept_is_infeasible_and_says_why(kept: float, text: str) -> None:
    answer = mecopt.allocate(one(), [kept], throw=False)
    assert answer.status is Status.INFEASIBLE
    with pytest.raises(mecopt.SolveFailed, match=text):
        mecopt.allocate(one(), [kept])


def test_the_workload_named_as_largest_can_be_served_beside_what_is_kept() -> None:
    largest = float(largest_workload(one(), 40.0)[0])
    assert mecopt.allocate(one(workload=[largest * (1.0 - 1e-9)]), [40.0]).status in (Status.OPTIMAL, Status.FEASIBLE)


def test_keeping_less_is_never_worse_and_what_is_kept_is_there() -> None:
    slots = singles(41, 200, "paper")
    kept = slots.mended(slots.decision_space.sample(np.random.default_rng(3), (200, 8)))
    answer = mecopt.allocate(slots, kept)
    after = slots.per_user(kept, answer.allocation)["next_battery"]
    assert (after >= np.maximum(kept, 0.0) - 1e-9).all()
    order = np.argsort(np.where(kept < 0.0, np.inf, kept)[..., 0], axis=-1)
    sorted_ = np.take_along_axis(np.where(kept[..., 0] < 0.0, -np.inf, answer.objective), order, axis=-1)
    with np.errstate(invalid="ignore"):
        assert not (np.diff(sorted_, axis=-1) > 1e-9 * (1.0 + np.abs(sorted_[:, 1:]))).any()


def test_users_without_work_earn_nothing_whatever_is_decided() -> None:
    slot = one(workload=[0.0, 20.0])
    alone = mecopt.allocate(one(workload=[20.0]), [0.0])
    for decision in ([0.0, 0.0], [30.0, 0.0], [-1.0, 0.0]):
        answer = mecopt.allocate(slot, decision)
        assert float(answer.objective) == pytest.approx(float(alone.objective), rel=1e-12)
        assert answer.allocation.harvest_time[0] == 1.0


def test_several_users_are_each_alone() -> None:
    slots = HybridSlot.sample(np.random.default_rng(4), preset="varied", users=6)
    together = mecopt.solve(slots)
    apart = 0.0
    for u in range(6):
        data = {name: value[[u]] if value.ndim else value for name, value in slots.data().items()}
        apart += float(mecopt.solve(HybridSlot(**data)).objective)
    assert float(together.objective) == pytest.approx(apart, rel=1e-12)


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"uplink_gain": -1e-6}, r"HybridSlot.uplink_gain is -1e-06"),
        ({"downlink_gain": -1e-6}, r"HybridSlot.downlink_gain is -1e-06"),
        ({"battery": [-1.0]}, r"HybridSlot.battery\[0\] is -1.0"),
        ({"reflection": 1.5}, r"HybridSlot.reflection is 1.5"),
        ({"energy_floor": 0.0, "backscatter_power": 0.0}, r"energy_floor\[0\] is 0 and so is backscatter_power"),
        ({"energy_floor": 0.0, "energy_coefficient": 0.0}, r"energy_floor\[0\] is 0 and so is energy_coefficient"),
        ({"pacing": "slow"}, r"unknown HybridSlot.pacing 'slow'. Known: paced, strict"),
    ],
)
def test_bad_fields_are_named(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(InstanceError, match=text):
        one(**fields)


@pytest.mark.parametrize("decision", [[-0.5], [np.nan], [np.inf], [1.0, 2.0], ["a"]])
def test_bad_decisions_are_named(decision: Any) -> None:
    with pytest.raises(InstanceError, match=r"decision"):
        mecopt.allocate(one(), decision)


def test_without_any_energy_only_what_is_free_is_served() -> None:
    empty = one(battery=[0.0], harvesting_efficiency=0.0)
    assert mecopt.solve(empty).decision.tolist() == [-1.0]
    free = one(battery=[0.0], harvesting_efficiency=0.0, backscatter_power=0.0, workload=[2.0], energy_coefficient=0.0)
    solution = mecopt.solve(free)
    assert solution.status is Status.OPTIMAL
    assert float(solution.objective) == pytest.approx(2.0 / 5.0, rel=1e-9)


def test_no_convex_program_is_handed_out() -> None:
    with pytest.raises(InstanceError, match="hybrid-slot has no convex program"):
        one().to_cvxpy([0.0])
