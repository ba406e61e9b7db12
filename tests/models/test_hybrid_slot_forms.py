"""The paper's letter as choices of a hybrid slot: strict times, the printed passive rate, and its numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hybrid_slots import GAIN, changed, one, singles

import mecopt
from mecopt import Status
from mecopt.models import HybridSlot
from mecopt.models.hybrid_slot import terms
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.dynamics.tables import harvest


def strict_grid(slot: HybridSlot, points: int = 41) -> float:
    """The best strict slot of a grid of times and rates, by the paper's formula."""
    row = terms.rows(slot)[0, 0]
    work, fed, kappa, most, passive, power, noise, band, circuit, floor, channel, computing, _ = row
    reach = float(slot.battery[0]) + fed
    times = np.concatenate([[0.0], np.geomspace(1e-3, 1.0, points)])
    active, reflecting, rate = np.meshgrid(times, times, np.geomspace(10.0, 6000.0, points), indexing="ij")
    sent = np.where(active > 0, rate * active, 0.0)
    offloaded = sent + passive * reflecting
    local = np.maximum(work - offloaded, 0.0)
    energy = kappa * local + active * (noise * np.expm1(rate / band) + circuit) + power * reflecting
    time = active + reflecting
    fits = (time <= 1.0) & (local <= most) & (energy + fed * time <= reach)
    with np.errstate(all="ignore"):
        price = np.where(offloaded > 0, offloaded * (channel / time + computing), 0.0)
    return float(np.where(fits, work / (energy + floor) - price, -np.inf).max())


def test_strict_slots_are_feasible_below_paced_ones_and_near_the_best_of_a_grid() -> None:
    slots = singles(43, 25, "paper", pacing="strict")
    slots = slots[np.flatnonzero(allocation.servable(slots)[:, 0] & (slots.workload[:, 0] > 0.0))]
    answer = mecopt.allocate(slots, np.zeros((slots.instances, 1)))
    paced = changed(slots, pacing=0.0).optimal_value(np.zeros((slots.instances, 1)))
    assert (answer.violation <= 1e-9).all()
    assert (answer.objective <= paced + 1e-9).all()
    assert (answer.bound >= paced - 1e-9).all()
    grid = np.array([strict_grid(slot) for slot in slots])
    assert (grid <= answer.bound + 1e-9).all()
    assert (grid - answer.objective <= 0.02 * (np.abs(grid) + slots.negligible)).all()
    assert set(answer.statuses()) == {"OPTIMAL", "FEASIBLE"}
    proved = np.array([status is Status.OPTIMAL for status in answer.status])
    assert (np.abs(answer.objective - paced) <= 1e-6 * (np.abs(paced) + slots.negligible))[proved].all()


def test_strict_equations_are_held_to_in_both_directions() -> None:
    slot = one(pacing="strict")
    answer = mecopt.allocate(slot, [0.0])
    for name, factor in (("passive_time", 1.1), ("passive_bits", 0.9), ("sending_time", 0.5)):
        moved = dataclasses.replace(answer.allocation, **{name: factor * getattr(answer.allocation, name) + 1e-3})
        found = slot.violations(np.zeros(1), moved)
        assert max(found["passive_rate"], found["sending_time"]) > 1e-4, name
    paced = one()
    loose = dataclasses.replace(answer.allocation, passive_bits=0.5 * answer.allocation.passive_bits)
    assert paced.violations(np.zeros(1), loose)["passive_rate"] == 0.0


def test_the_literal_passive_rate_leaves_out_the_carriers_power() -> None:
    """10 mW stand in the ratio, or 1 W: a factor of 100."""
    ratio = 0.04**2 * GAIN**2 * 1e-2 / 1e-14
    for word, factor in (("with-carrier", 1.0), ("literal", 100.0)):
        rate = float(terms.passive_rates(one(passive_rate=word))[0])
        assert rate == pytest.approx(400.0 * np.log2(1.0 + factor * ratio), rel=1e-12)


def test_derived_numbers_of_the_preset_are_those_of_the_paper() -> None:
    gain = 7e-6 * np.array([0.25, 0.5, 0.75, 1.0, 1.25])
    slots = HybridSlot(workload=np.full(5, 20.0), battery=0.0, uplink_gain=gain, downlink_gain=gain)
    np.testing.assert_allclose(harvest(slots), [10.5, 21.0, 31.5, 42.0, 52.5])
    np.testing.assert_allclose(terms.passive_rates(slots), [2.8208, 11.2013, 24.904, 43.557, 66.686], rtol=1e-4)
    rows = terms.rows(slots)[0]
    np.testing.assert_allclose(rows[:, 2:4], [[0.5, 10.0]] * 5)
    np.testing.assert_allclose(rows[:, 6], [5.714, 2.857, 1.905, 1.429, 1.143], rtol=1e-3)
