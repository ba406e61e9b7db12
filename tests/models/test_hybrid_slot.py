"""Hybrid slots against oracles that share no code with them: sampled hulls, branch and bound, grids, exact numbers, SCIP."""

from __future__ import annotations

import dataclasses
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import mecopt
from mecopt import InstanceError, Status
from mecopt.models import HybridSlot
from mecopt.models.hybrid_slot import RewardCeiling, allocation, outside, terms
from mecopt.models.hybrid_slot.tables import harvest, largest_workload, need, reward_table

Array = NDArray[Any]

GAIN = 5e-6


class Oracle:
    """One user's slot by the formulas of the paper: a lower hull of sampled points, bisection, interval branch and bound."""

    def __init__(self, slot: HybridSlot, user: int = 0, kept: float = 0.0) -> None:
        def of(name: str) -> float:
            return float(np.ravel(getattr(slot, name))[user if getattr(slot, name).ndim else 0])

        length, self.work, self.floor = of("slot"), of("workload"), of("energy_floor")
        noise = of("noise_power") / of("uplink_gain") * length
        gain = of("reflection") ** 2 * of("uplink_gain") * of("downlink_gain")
        passive = of("bandwidth") * np.log2(1.0 + gain * of("carrier_power") * 1e6 / of("noise_power")) * length
        self.harvest = of("harvesting_efficiency") * of("carrier_power") * 1e6 * of("downlink_gain") * length
        self.kappa = of("energy_coefficient") * of("cpu_speed") ** 2 * of("cycles_per_bit") * 1e-3
        self.most = min(of("cpu_speed") * 1e3 / of("cycles_per_bit") * length, self.work)
        self.channel = of("price_weight") * of("channel_price") / length
        self.computing = of("price_weight") * of("computing_price")
        self.reach = of("battery") - kept + self.harvest
        self.passive, self.reflecting = passive, of("backscatter_power") * length
        exponent = np.concatenate([np.geomspace(1e-6, 0.01, 3000), np.linspace(0.01, 12.0, 40000)[1:]])
        rate = np.concatenate([[0.0, passive], of("bandwidth") * length * exponent / np.log(2.0)])
        power = np.concatenate([[0.0, self.reflecting], noise * np.expm1(exponent) + of("circuit_power") * length])
        self.rate, self.power = self.hull(rate, power)

    @staticmethod
    def hull(rate: Array, power: Array) -> tuple[Array, Array]:
        kept: list[int] = []
        for k in np.argsort(rate, kind="stable"):
            while len(kept) > 1 and (rate[kept[-1]] - rate[kept[-2]]) * (power[k] - power[kept[-2]]) <= (
                power[kept[-1]] - power[kept[-2]]
            ) * (rate[k] - rate[kept[-2]]):
                kept.pop()
            kept.append(int(k))
        return rate[kept], power[kept]

    def sending(self, sent: Array, time: Array) -> Array:
        return np.asarray(time * np.interp(sent / time, self.rate, self.power, right=np.inf))

    def longest(self, sent: Array, left: Array) -> Array:
        """The largest time by golden section to the cheapest one and bisection from there; nan where there is none."""

        def paid(time: Array) -> Array:
            return self.sending(sent, time) + self.harvest * time

        low, high = np.full(sent.shape, 1e-6), np.ones(sent.shape)
        for _ in range(90):
            one, other = high - 0.618 * (high - low), low + 0.618 * (high - low)
            falls = paid(one) > paid(other)
            low, high = np.where(falls, one, low), np.where(falls, high, other)
        good, bad = 0.5 * (low + high), np.ones(sent.shape)
        able = paid(good) <= left
        whole = paid(bad) <= left
        for _ in range(60):
            middle = 0.5 * (good + bad)
            fits = paid(middle) <= left
            good, bad = np.where(fits, middle, good), np.where(fits, bad, middle)
        return np.where(sent <= 0.0, np.where(left >= 0.0, 1.0, np.nan), np.where(whole, 1.0, np.where(able, good, np.nan)))

    def values(self, local: Array) -> Array:
        sent = self.work - local
        time = self.longest(sent, self.reach - self.kappa * local)
        energy = self.kappa * local + np.where(sent > 0, self.sending(sent, time), 0.0) + self.floor
        return np.nan_to_num(self.work / energy - sent * (self.channel / time + self.computing), nan=-np.inf)

    def bounds(self, left: Array, right: Array) -> Array:
        """At most the rest of the right end is sent, in at most the time for it that the left end's energy allows."""
        sent = self.work - right
        time = self.longest(sent, self.reach - self.kappa * left)
        energy = self.kappa * left + np.where(sent > 0, self.sending(sent, time), 0.0) + self.floor
        return np.nan_to_num(self.work / energy - sent * (self.channel / time + self.computing), nan=-np.inf)

    def best(self, tolerance: float = 3e-7) -> tuple[float, float]:
        """The best reward to within a tolerance: lower and upper bound."""
        points = np.linspace(0.0, self.most, 65)
        best = float(self.values(points).max())
        left, right, over = points[:-1], points[1:], -np.inf
        size = self.work / (self.floor + self.kappa * self.work) if self.most else 1.0
        for _ in range(40):
            middle = 0.5 * (left + right)
            best = max(best, float(self.values(middle).max()))
            bounds = self.bounds(left, right)
            open_ = bounds > best + tolerance * (size + abs(best))
            over = max(over, float(bounds[~open_].max(initial=-np.inf)))
            if not open_.any():
                break
            left, right = np.concatenate([left[open_], middle[open_]]), np.concatenate([middle[open_], right[open_]])
            if left.size > 200_000:
                over = max(over, float(bounds.max()))
                break
        return best, max(over, best)


def one(**fields: Any) -> HybridSlot:
    return HybridSlot(**{"workload": [30.0], "battery": 20.0, "uplink_gain": GAIN, "downlink_gain": GAIN, **fields})


def changed(slots: HybridSlot, **fields: Any) -> HybridSlot:
    return dataclasses.replace(slots, **fields)


def singles(seed: int, count: int, preset: str, **overrides: Any) -> HybridSlot:
    return HybridSlot.sample(np.random.default_rng(seed), (count,), preset=preset, users=1, **overrides)


def against_oracle(slots: HybridSlot) -> tuple[float, int]:
    """The worst distance to the oracle, relative to the reward and its size, and how many slots could be served."""
    serves = np.flatnonzero(allocation.servable(slots)[:, 0] & (slots.workload[:, 0] > 0.0))
    answer = mecopt.allocate(slots[serves], np.zeros((serves.size, 1)))
    worst = 0.0
    for k, slot in enumerate(slots[serves]):
        low, high = Oracle(slot).best()
        value = float(answer.objective[k])
        worst = max(worst, max(low - value, value - high, 0.0) / (abs(value) + float(slot.negligible)))
    return worst, serves.size


# ---------------------------------------------------------------------- the best slot


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
    feasible = mecopt.certify.violation(slots, decision, drawn) <= 1e-12
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


# ---------------------------------------------------------------------- outside solvers


def raw_scip(slot: HybridSlot) -> outside.Found:
    given_ = outside.scaled(terms.rows(slot)[0, 0], float(slot.battery[0] + harvest(slot)[0]))
    return outside.FullScip().answered(given_, 1e-7, 20.0)


def against_scip(slots: HybridSlot) -> tuple[float, float]:
    """How far SCIP's own value is above ours at most, and how far its claimed bound is below, relative."""
    above, below = 0.0, 0.0
    for slot in slots:
        if not allocation.servable(slot)[0] or slot.workload[0] == 0.0:
            continue
        value, found = float(slot.optimal_value(np.zeros(1))), raw_scip(slot)
        unit = float(slot.workload[0] / (slot.battery[0] + harvest(slot)[0]))
        size = abs(value) + float(slot.negligible)
        above = max(above, (unit * found.value - value) / size)
        below = max(below, (value - unit * found.bound) / size)
    return above, below


def test_scip_finds_no_better_slot_and_bounds_none_lower() -> None:
    pytest.importorskip("pyscipopt")
    above, below = against_scip(singles(13, 6, "paper"))
    assert above <= 1e-5
    assert below <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper", "varied"])
def test_scip_finds_no_better_slot_of_a_hundred(preset: str) -> None:
    pytest.importorskip("pyscipopt")
    above, below = against_scip(singles(17, 60, preset))
    assert above <= 1e-5
    assert below <= 1e-5


@pytest.mark.parametrize("preset", ["paper", "varied"])
def test_slsqp_is_never_above_and_finds_most(preset: str) -> None:
    slots = singles(19, 12, preset)
    decision = slots.mended(np.zeros((12, 1)))
    best = mecopt.allocate(slots, decision)
    answer = mecopt.allocate(slots, decision, backend="slsqp", throw=False)
    missing = (best.objective - answer.objective) / (np.abs(best.objective) + slots.negligible)
    assert (missing >= -1e-9).all()
    assert (missing <= 1e-5).sum() >= 9


# ---------------------------------------------------------------------- what can be served


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


# ---------------------------------------------------------------------- strict and literal forms


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
