"""The best hybrid slot against oracles that share no code with it: branch and bound, draws, exact numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import mpmath
import numpy as np
import pytest
from hybrid_slots import Oracle, against_oracle, one, singles
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import mecopt
from mecopt.models import HybridSlot
from mecopt.models.hybrid_slot import RewardCeiling, terms
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.dynamics import operation
from mecopt.models.hybrid_slot.dynamics.tables import harvest, need

Array = NDArray[Any]


@pytest.mark.parametrize("preset", HybridSlot.presets)
def test_the_best_slot_is_that_of_an_interval_branch_and_bound(preset: str) -> None:
    worst, count = against_oracle(singles(3, 15, preset))
    assert count > 8
    assert worst <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "count"), [("paper", 1000), ("varied", 1400)])
def test_two_thousand_slots_are_those_of_an_interval_branch_and_bound(preset: str, count: int) -> None:
    worst, served = against_oracle(singles(5, count, preset))
    assert served > 900
    assert worst <= 1e-6


def test_a_peak_at_a_corner_that_a_grid_misses_is_found() -> None:
    """The slot's length begins to bind at the peak: nine points, and all between those beside their peaks, are lower."""
    slot = one(
        workload=[87.57115218507947],
        battery=[52.94856842720812],
        downlink_gain=1.709346453e-5,
        uplink_gain=1.400504e-6,
        reflection=0.002,
        backscatter_power=1000.0,
        cpu_speed=3.427151942908744,
        energy_coefficient=1.3431768,
        circuit_power=487.0275758811092,
        energy_floor=1.7382898560091307,
        channel_price=0.09820325033708499,
        computing_price=0.005175591440762617,
    )
    oracle = Oracle(slot)
    grid = 0.5 * oracle.most * (1.0 - np.cos(np.pi * np.arange(9) / 8.0))
    values = np.concatenate([[-np.inf], oracle.values(grid), [-np.inf]])
    peaks = np.flatnonzero((values[1:-1] >= values[:-2]) & (values[1:-1] >= values[2:]))
    brackets = [np.linspace(grid[max(k - 1, 0)], grid[min(k + 1, 8)], 2001) for k in peaks]
    seen = float(oracle.values(np.concatenate(brackets)).max())
    best = float(slot.optimal_value(np.zeros(1)))
    low, high = oracle.best()
    assert low - 1e-6 <= best <= high + 1e-6
    assert best - seen > 1e-3


def test_backscatter_may_cost_more_than_the_radio() -> None:
    slots = singles(7, 40, "varied", backscatter_power=900.0, circuit_power=50.0, reflection=1.0, uplink_gain=3e-5)
    worst, count = against_oracle(slots)
    assert count > 20
    assert worst <= 1e-6


@pytest.mark.parametrize("preset", HybridSlot.presets)
def test_no_division_at_random_is_above_the_bound(preset: str) -> None:
    """Rewards of the paper's formula at feasible allocations, drawn."""
    rng = np.random.default_rng(8)
    slots = singles(9, 60, preset)
    slots = slots[np.flatnonzero(allocation.servable(slots)[:, 0])]
    answer = mecopt.allocate(slots, np.zeros((slots.instances, 1)))
    draws = 4000
    shape = (slots.instances, draws, 1)
    most = terms.local_rates(slots)[:, None] * slots.slot[:, None, None]
    local = np.minimum(
        rng.uniform(0, 1, shape) * np.minimum(slots.workload[:, None], most) * (rng.random(shape) < 0.8), most
    )
    harvesting = rng.uniform(0, 1, shape) * (rng.random(shape) < 0.7)
    active = (1.0 - harvesting) * rng.uniform(0, 1, shape)
    passive = 1.0 - harvesting - active
    reflected = np.minimum(terms.passive_rates(slots)[:, None] * passive, slots.workload[:, None] - local)
    drawn = dataclasses.replace(
        answer.allocation,
        harvest_time=harvesting,
        active_time=active,
        sending_time=active * rng.uniform(0.05, 1.0, shape),
        passive_time=passive,
        local_time=np.where(local > 0, local / np.where(most > 0, most, 1.0), 0.0),
        active_bits=slots.workload[:, None] - local - reflected,
        passive_bits=reflected,
        local_bits=local,
    )
    decision = np.zeros(shape)
    rewards = slots.objective(decision, drawn)
    feasible = mecopt.contract.certificate.violation(slots, decision, drawn) <= 1e-12
    assert feasible.sum() > 1000
    assert (rewards <= answer.bound[:, None] + 1e-12)[feasible].all()


def test_bounds_hold_against_fifty_digits() -> None:
    """The reward at the local part and time found, in exact arithmetic, is below the bound, however much cancels."""
    slots = singles(21, 300, "varied")
    kept = slots.mended(slots.decision_space.sample(np.random.default_rng(1), (300,)))
    answer = mecopt.allocate(slots, kept)
    with mpmath.workdps(50):
        for k in np.flatnonzero(kept[:, 0] >= 0.0)[:120]:
            row = [mpmath.mpf(float(x)) for x in terms.rows(slots[k])[0, 0]]
            work, _, kappa, _, rate, power, noise, band, circuit, floor, channel, computing, _ = row
            a = answer.allocation[int(k)]
            parts = (a.sending_time, a.active_bits, a.passive_bits, a.active_time, a.passive_time)
            on, sent, reflected, active, passive = (mpmath.mpf(float(part[0])) for part in parts)
            energy = kappa * (work - sent - reflected) + (power * reflected / rate if reflected else 0) + floor
            energy += on * (noise * mpmath.expm1(sent / on / band) + circuit) if on else 0
            offloaded = sent + reflected
            price = offloaded * (channel / (active + passive) + computing) if offloaded else 0
            assert work / energy - price <= mpmath.mpf(float(answer.bound[k]))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), claim=st.floats(-50.0, 50.0) | st.just(np.inf) | st.just(-np.inf) | st.just(np.nan))
def test_any_claim_leaves_a_bound_and_a_true_one_is_returned(seed: int, claim: float) -> None:
    slots = HybridSlot.sample(np.random.default_rng(seed), preset="varied", users=3)
    decision = slots.mended(slots.decision_space.sample(np.random.default_rng(seed)))
    value = slots.optimal_value(decision)
    bound = slots.bound(decision, RewardCeiling(ceiling=np.full(3, claim)))
    assert bound >= value
    if claim == -np.inf or np.isnan(claim):
        assert bound - value <= 1e-8 * (abs(value) + slots.negligible)


# ---------------------------------------------------------------------- at the edge of what can be served


def at_the_edge(preset: str, slack: float, count: int = 2000) -> tuple[HybridSlot, Array]:
    """Slots, and decisions that leave what the workload needs and a little more: a part of all energy."""
    slots = singles(51, count, preset)
    whole, least = slots.battery + harvest(slots), need(slots)
    kept = whole - least - slack * whole
    fits = (slots.workload > 0.0) & (kept > 0.0) & (kept < slots.battery_capacity)
    chosen = np.flatnonzero(fits[:, 0])
    return slots[chosen], kept[chosen]


@pytest.mark.parametrize("preset", ["paper", "varied"])
@pytest.mark.parametrize(("slack", "most"), [(0.0, 1e-3), (1e-12, 1e-7), (1e-9, 1e-8), (1e-6, 1e-8), (1e-3, 1e-8)])
def test_the_least_energy_serves_and_is_answered_in_times_that_are_some(preset: str, slack: float, most: float) -> None:
    """However little there is beside the need, the answer is a division, keeps all constraints, and is below its bound."""
    slots, kept = at_the_edge(preset, slack)
    assert slots.instances > 800
    answer = mecopt.allocate(slots, kept, throw=False)
    assert set(answer.statuses()) <= {"OPTIMAL", "FEASIBLE"}
    gap = (answer.bound - answer.objective) / (np.abs(answer.objective) + slots.negligible)
    assert ((gap >= 0.0) & (gap <= most)).all()
    _, parts = operation.answered(slots, kept, terms.rows(slots))
    assert (parts >= 0.0).all()


def test_few_pieces_are_divided_where_rounding_hides_which_is_best() -> None:
    from mecopt.models.hybrid_slot.compiled.bound import NODES, best_slot
    from mecopt.models.hybrid_slot.compiled.slot import lower_hull, slot_of, thrift

    slots, _ = at_the_edge("paper", 1e-9, 300)
    pieces = []
    for row, least, whole in zip(terms.rows(slots)[:, 0], need(slots), slots.battery + harvest(slots), strict=True):
        slot = slot_of(row)
        hull = lower_hull(slot)
        pieces.append(best_slot(slot, hull, thrift(slot, hull), float(least[0] + 1e-9 * whole[0]), -np.inf)[2])
    assert max(pieces) < NODES / 10
