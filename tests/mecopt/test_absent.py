"""Users who are not there, links that do not exist: every problem passes the batteries of `mecopt.testing.absent`."""

import dataclasses
import itertools
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mecopt
from mecopt.contract.certificate import certify
from mecopt.contract.problem import Problem
from mecopt.models import (
    BackscatterFrame,
    BandwidthPower,
    BinaryOffloading,
    ComputationRate,
    MultiServerOffloading,
    PricedPower,
)
from mecopt.registry import find_problem, problem_names
from mecopt.testing.absent import CHECKS_OF_ZEROS, checks_with_zeros, fields_with_zeros, with_zeros
from mecopt.testing.problems import Check
from mecopt.testing.statements import certified

CLASSES = [cls for cls in map(find_problem, problem_names()) if fields_with_zeros(cls)]


@pytest.mark.parametrize("check", CHECKS_OF_ZEROS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)
def test_what_zero_means_is_what_zero_does(cls: type[Problem], check: Check) -> None:
    check(cls)


@pytest.mark.parametrize(
    ("cls", "check"),
    [(cls, check) for cls in CLASSES for check in checks_with_zeros(cls)],
    ids=lambda value: getattr(value, "name", value.__name__),
)
def test_every_problem_passes_with_zeros_too(cls: type[Problem], check: Check) -> None:
    check(with_zeros(cls))


# ---------------------------------------------------------------------- computation rate


@pytest.mark.parametrize(
    ("gain", "weight"), [([2e-6, 5e-6, 8e-7], [0.0, 1.5, 1.0]), ([0.0, 5e-6, 8e-7], [1.0, 1.5, 1.0])], ids=["weight", "gain"]
)
def test_a_user_of_weight_or_gain_zero_leaves_the_rate_of_the_others(gain: list[float], weight: list[float]) -> None:
    """993066.8811 bit/s: one user offloads, tau = 1 - a of the frame, the best a by a search over the formula alone."""
    harvest = np.linspace(0.69, 0.70, 2_000_001)
    power, time = 0.7 * 3.0 * harvest, 1.0 - harvest
    offloaded = 1.5 * 2e6 / 1.1 * time * np.log2(1.0 + power * 5e-6**2 / (1e-10 * time))
    kept = np.cbrt(power * 8e-7 / 1e-26) / 100.0
    solution = mecopt.solve(ComputationRate(channel_gain=gain, weight=weight))
    assert float(solution.objective) == pytest.approx((offloaded + kept).max(), rel=1e-12)
    assert float(solution.objective) == pytest.approx(993066.8811, rel=1e-9)
    assert solution.decision.tolist() == [0, 1, 0]


def test_many_absent_users_take_no_search() -> None:
    """They tie on both sides, and no price tells them apart: the tree is that of the others.

    Sums of 40 users round otherwise than those of 10.
    """
    few = ComputationRate.sample(np.random.default_rng(0), (5,), users=10)
    many = ComputationRate(
        channel_gain=np.concatenate([few.channel_gain, np.zeros((5, 30))], axis=1),
        weight=np.concatenate([few.weight, np.random.default_rng(1).uniform(1.0, 2.0, (5, 30))], axis=1),
    )
    one, other = mecopt.solve(few), mecopt.solve(many)
    assert np.array_equal(one.stats.solver_calls, other.stats.solver_calls)
    assert np.allclose(one.objective, other.objective, rtol=1e-14, atol=0.0)
    assert np.allclose(one.bound, other.bound, rtol=1e-12, atol=0.0)
    assert np.array_equal(one.decision, other.decision[:, :10])
    assert not other.decision[:, 10:].any()


def test_where_nobody_has_energy_the_rate_of_zero_is_proved() -> None:
    solution = mecopt.solve(ComputationRate(channel_gain=[0.0, 0.0]))
    assert (float(solution.objective), float(solution.gap), solution.status.name) == (0.0, 0.0, "OPTIMAL")
    assert solution.decision.tolist() == [0, 0]


def test_local_rates_too_small_for_a_float_hide_nothing_that_offloading_earns() -> None:
    """Nobody computes, A underflows to 0; both offload and earn what the formula says at the best harvesting time."""
    gain = np.array([6e-6, 1e-5])
    problem = ComputationRate(channel_gain=gain, cycles_per_bit=1e250, capacitance=1e250)
    assert not problem.coefficients().local.any()
    # with nobody local the time goes where bits per second are alike: a search over one share of two, in two nested grids
    received, worth = 0.7 * 3.0 * gain**2 / 1e-10, np.array([1.0, 1.5]) * 2e6 / 1.1
    harvest, share = np.meshgrid(np.linspace(0.01, 0.6, 1501), np.linspace(0.001, 0.999, 1501))
    parts = ((1.0 - harvest) * share, (1.0 - harvest) * (1.0 - share))
    rates = [w * t * np.log2(1.0 + g * harvest / t) for w, g, t in zip(worth, received, parts, strict=True)]
    solution = mecopt.solve(problem)
    assert solution.status is mecopt.Status.OPTIMAL
    assert float(solution.objective) >= sum(rates).max()
    assert float(solution.objective) == pytest.approx(sum(rates).max(), rel=1e-5)
    counted = mecopt.solve(problem, solver="enumerate")
    assert float(solution.objective) == pytest.approx(float(counted.objective), rel=1e-12)
    assert float(problem.relaxed_bound(problem.relaxed_dual())) == pytest.approx(float(solution.objective), rel=1e-9)


# ---------------------------------------------------------------------- bounds at any price


@pytest.mark.parametrize("scale", [1e60, 1e150, 1e250, 1e290, 1e300, 1e307])
@pytest.mark.parametrize(
    "problem",
    [
        BinaryOffloading(data_size=[1e9, 12.0]),
        MultiServerOffloading(channel_gain=[[1e-7, 2e-7], [1e-7, 0.0]]),
        MultiServerOffloading(channel_gain=[[1e-7, 2e-7], [1e-7, 0.0]], least_speed=1e6, most_speed=1e10),
        BandwidthPower(channel_gain=[1e-7, 1e-9]),
        PricedPower(channel_gain=[1e-7, 1e-6], interference_limit=1e-9),
        PricedPower(
            data_size=[1e25, 1e20],
            channel_gain=[1e-6, 1e-6],
            interference_gain=[1e5, 1e9],
            interference_limit=1.0,
            local_cost=1e30,
        ),
        ComputationRate(channel_gain=[6e-6, 1e-5]),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_no_price_whatever_makes_a_bound_that_the_optimum_contradicts(problem: Problem, scale: float) -> None:
    sign = 1.0 if problem.sense == "minimise" else -1.0
    best = mecopt.solve(problem)
    prices = {name: np.full_like(value, scale) for name, value in best.dual.as_dict().items()}
    dual = problem.Dual(**prices)
    with np.errstate(all="ignore"):
        for bound in (problem.bound(best.decision, dual), problem.relaxed_bound(dual)):
            assert not sign * float(bound) > sign * float(best.objective)  # nan is no bound either


def test_interference_dearer_than_a_float_is_answered_by_less_than_any_efficiency_costs() -> None:
    """The price per work overflows; the bound stays below the cost of every efficiency, and near the least of them."""
    from mecopt.models.priced_power.compiled import PowerData, offer

    price, part, work, paid = 1e150, 1e150, 1e-10, np.empty(1)
    local, fixed, work_, energy, part_, cap = (np.full(1, value) for value in (1e200, 3.0, work, 0.5, part, 1.0))
    offer(PowerData(local, fixed, work_, energy, part_, cap), np.ones(1, np.int8), price, np.empty(1), paid, np.empty(1))
    u = np.logspace(-200.0, 0.0, 20_001)
    costs = 3.0 + work * (1.0 + 0.5 * np.expm1(u)) / u + price * (part * np.expm1(u))
    assert paid[0] == pytest.approx(costs.min(), rel=1e-3)
    assert paid[0] <= costs.min()


# ---------------------------------------------------------------------- choices that do not exist


OFF = {
    BinaryOffloading: ("data_size", "upload_rate", "local_rate", "capacity"),
    MultiServerOffloading: (
        *("channel_gain", "workload", "data_size", "weight", "bandwidth", "max_power", "local_speed", "server_speed"),
    ),
    BandwidthPower: ("channel_gain", "data_size", "weight", "max_power", "energy_budget", "bandwidth"),
    PricedPower: (
        *("channel_gain", "data_size", "weight", "bandwidth", "max_power", "energy_budget"),
        *("interference_gain", "interference_limit"),
    ),
}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
@pytest.mark.parametrize("cls", OFF, ids=lambda cls: cls.name)
def test_what_is_infeasible_is_so_by_objective_and_violations_whatever_the_weight(cls: type[Problem], seed: int) -> None:
    """No allocation, of nothing or of what the problem with all links takes, gives it a finite cost within the limits."""
    rng = np.random.default_rng(seed)
    whole = cls.sample(rng, users=3)
    off = {name: np.where(rng.random(np.shape(v := getattr(whole, name))) < 0.3, 0.0, v) for name in OFF[cls]}
    problem = dataclasses.replace(whole, **off)
    for chosen in itertools.product(range(problem.sizes.get("servers", 1) + 1), repeat=3):
        decision = np.array(chosen, np.int8)
        taken = whole.respond(decision, whole.random_dual(rng, ()))
        nothing = type(taken)(**{name: np.zeros_like(value) for name, value in taken.as_dict().items()})
        for allocation in (taken, nothing):
            if isinstance(problem, MultiServerOffloading):
                allocation = dataclasses.replace(allocation, latency=problem.latency(decision, allocation))
            certificate = certify(problem, decision, allocation, np.asarray(-np.inf))
            finite = bool(np.isfinite(certificate.objective)) and float(certificate.violation) <= 1e-6
            assert not (finite and problem.infeasible(decision))
            with np.errstate(all="ignore"):
                costs = problem.per_user(decision, allocation)["cost"].sum(axis=-1)
            if np.isfinite(certificate.objective):
                np.testing.assert_allclose(costs, certificate.objective, rtol=1e-12)


def test_at_weight_zero_a_missing_link_or_processor_is_no_answer_and_a_faint_one_is() -> None:
    def many(**fields: Any) -> MultiServerOffloading:
        return MultiServerOffloading(channel_gain=[[0.0], [1e-6]], weight=[0.0, 1.0], **fields)

    assert mecopt.solve(many(local_speed=[0.0, 1e9]), throw=False).status is mecopt.Status.INFEASIBLE
    assert mecopt.solve(many(local_speed=[1e-200, 1e9])).decision.tolist() == [0, 1]
    for gain, decision in ((0.0, [0, 1]), (1e-200, [1, 1])):
        priced = PricedPower(channel_gain=[gain, 1e-6], weight=[0.0, 1.0], local_cost=[5.0, 5.0])
        solution = mecopt.solve(priced)
        assert solution.decision.tolist() == decision
        power = dataclasses.replace(solution.allocation, transmit_power=solution.allocation.transmit_power * [0.0, 1.0])
        offloaded = float(priced.objective(np.array([1, 1]), power))
        assert offloaded == (np.inf if gain == 0.0 else pytest.approx(float(solution.objective), rel=1e-12))


# ---------------------------------------------------------------------- many servers


def test_a_server_without_link_is_no_choice_and_the_others_are() -> None:
    """0.5025037216 s: by the formula, each user alone on the server that it reaches."""
    gain = 1e-7
    own = 8e5 / (1e6 * np.log2(1.0 + gain / 1e-8)) + 1e9 / 5e10
    solution = mecopt.solve(MultiServerOffloading(channel_gain=[[gain, 0.0], [0.0, gain]]))
    assert float(solution.objective) == pytest.approx(2.0 * own, rel=1e-12)
    assert float(solution.objective) == pytest.approx(0.5025037216, rel=1e-8)
    assert solution.decision.tolist() == [1, 2]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_zeros_anywhere_are_what_enumeration_by_the_formula_says(seed: int) -> None:
    """Links, servers, powers, bandwidths and processors switched off at random; the costs by plain arithmetic."""
    rng = np.random.default_rng(seed)
    sample = MultiServerOffloading.sample(rng, users=4, servers=2)
    off = {
        name: np.where(rng.random(sample.data()[name].shape) < part, 0.0, sample.data()[name])
        for name, part in {
            **{"channel_gain": 0.3, "bandwidth": 0.1, "max_power": 0.1, "local_speed": 0.3},
            **{"server_speed": 0.2, "weight": 0.2, "workload": 0.2, "data_size": 0.2},
        }.items()
    }
    problem = MultiServerOffloading(**{**sample.data(), **off})
    least = min((cost_by_hand(problem, d), d) for d in itertools.product(range(3), repeat=4))[0]
    solution = mecopt.solve(problem, throw=False)
    if np.isinf(least):
        assert solution.status is mecopt.Status.INFEASIBLE
        assert float(solution.bound) == np.inf
    else:
        assert solution.status is mecopt.Status.OPTIMAL
        assert float(solution.objective) == pytest.approx(least, rel=1e-9)
        assert float(solution.bound) <= least * (1.0 + 1e-12)


def cost_by_hand(problem: MultiServerOffloading, decision: tuple[int, ...]) -> float:
    """Return the least cost of a decision: speeds in proportion to the square roots of weighted work."""
    total = 0.0
    root = {j: 0.0 for j in range(1, problem.servers + 1)}
    for i, j in enumerate(decision):
        work, size, weight = (float(problem.data()[name][i]) for name in ("workload", "data_size", "weight"))
        if j == 0:
            if work > 0 and problem.local_speed[i] == 0:
                return math.inf
            total += weight * work / float(problem.local_speed[i]) if work > 0 else 0.0
            continue
        ratio = float(problem.max_power[i] * problem.channel_gain[i, j - 1] / problem.noise_power[j - 1])
        rate = float(problem.bandwidth[i]) * math.log2(1.0 + ratio)
        if problem.server_speed[j - 1] == 0 or (size > 0 and rate == 0):
            return math.inf
        total += weight * size / rate if size > 0 else 0.0
        root[j] += math.sqrt(weight * work)
    return total + sum(load**2 / float(problem.server_speed[j - 1]) for j, load in root.items() if load > 0)


def test_users_without_weight_or_work_are_left_local_without_search() -> None:
    rng = np.random.default_rng(2)
    few = MultiServerOffloading.sample(rng, users=8, servers=3)
    few = dataclasses.replace(few, workload=few.workload * rng.uniform(0.5, 1.5, 8))
    data = {
        name: np.concatenate([value, np.resize(value, (12, *value.shape[1:]))]) if len(value) == 8 else value
        for name, value in few.data().items()
    }
    data["weight"] = np.append(few.weight, [0.0] * 6 + [1.0] * 6)
    data["workload"] = np.append(few.workload, [1e9] * 6 + [0.0] * 6)
    one, other = mecopt.solve(few), mecopt.solve(MultiServerOffloading(**data))
    assert float(other.objective) == pytest.approx(float(one.objective), rel=1e-12)
    assert int(other.stats.solver_calls) <= int(one.stats.solver_calls) + 2
    assert not other.decision[8:].any()


@pytest.mark.parametrize(
    ("fields", "decision", "why"),
    [
        ({"channel_gain": [[1e-7, 0.0]]}, [2], r"user 0, server 2, has no link to it: channel_gain\[0, 1\] is 0"),
        ({"channel_gain": [[1e-7, 1e-7]], "max_power": 0.0}, [1], r"has no link to it: max_power\[0\] is 0"),
        ({"channel_gain": [[1e-7, 1e-7]], "server_speed": [0.0, 1e9]}, [1], "server 1, which is off: server_speed is 0"),
        ({"channel_gain": [[1e-7, 1e-7]], "local_speed": 0.0}, [0], "user 0, local, computes nothing: local_speed is 0"),
        ({"channel_gain": [[0.0, 0.0]], "local_speed": 0.0}, None, "no place: local_speed is 0, and it has no link to any"),
    ],
    ids=["link", "power", "server", "local", "nowhere"],
)
def test_why_there_is_no_allocation_names_user_and_link(fields: dict[str, Any], decision: Any, why: str) -> None:
    problem = MultiServerOffloading(**fields)
    answer = mecopt.solve(problem, throw=False) if decision is None else mecopt.allocate(problem, decision, throw=False)
    assert answer.status is mecopt.Status.INFEASIBLE
    assert re.search(why, answer.stats.messages[0])


@pytest.mark.parametrize(
    "solver", ["random", "best-of-random", "greedy", "annealing-guided", "annealing-literal", "cd-random"]
)
def test_heuristics_leave_choices_that_do_not_exist_alone(solver: str) -> None:
    sample = MultiServerOffloading.sample(np.random.default_rng(3), (20,), users=8, servers=3)
    gain = sample.channel_gain * (np.random.default_rng(4).random(sample.channel_gain.shape) < 0.4)
    answer = mecopt.solve(dataclasses.replace(sample, channel_gain=gain), solver=solver)
    linked = np.take_along_axis(gain, np.maximum(answer.decision, 1)[..., None].astype(int) - 1, axis=-1)[..., 0] > 0
    assert (linked | (answer.decision == 0)).all()
    assert np.isfinite(answer.objective).all()


# ---------------------------------------------------------------------- one server


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_who_must_not_or_must_offload_is_what_enumeration_by_the_formula_says(seed: int) -> None:
    """Links, processors, tasks and the server switched off at random; the costs by plain arithmetic."""
    rng = np.random.default_rng(seed)
    size, link, own = (np.where(rng.random(5) < 0.3, 0.0, rng.uniform(1.0, 20.0, 5)) for _ in range(3))
    capacity, alpha = (0.0 if rng.random() < part else 10.0 for part in (0.1, 0.3))
    if rng.random() < 0.3:  # alike but for their tasks: the top-k theorem
        link, own = np.where(link > 0, 4.0, 0.0), np.full(5, 3.0)
    problem = BinaryOffloading(data_size=size, upload_rate=link, local_rate=own, capacity=capacity, energy_weight=alpha)

    def cost(decision: tuple[int, ...]) -> float:
        total, root = 0.0, 0.0
        for d, r, f, x in zip(size.tolist(), link.tolist(), own.tolist(), decision, strict=True):
            rate = r if x else f
            if d > 0 and (rate == 0 or (x and capacity == 0)):
                return math.inf
            total += d / rate * (1.0 + alpha * (1.0 if x else 3.0)) if d > 0 else 0.0
            root += math.sqrt(d * (1.0 + alpha * 0.5)) if x else 0.0
        return total + (root**2 / capacity if root > 0 else 0.0)

    least = min(map(cost, itertools.product(range(2), repeat=5)))
    solution = mecopt.solve(problem, throw=False)
    if np.isinf(least):
        assert solution.status is mecopt.Status.INFEASIBLE
        assert float(solution.bound) == np.inf
    else:
        assert solution.status is mecopt.Status.OPTIMAL
        assert float(solution.objective) == pytest.approx(least, rel=1e-12)
        assert float(solution.bound) <= least * (1.0 + 1e-12)


def test_the_theorem_holds_among_those_who_may_offload() -> None:
    """Users alike but for their tasks, some without a link: still proved by sorting alone."""
    rng = np.random.default_rng(5)
    size, linked = rng.uniform(5.0, 25.0, (50, 12)), rng.random((50, 12)) < 0.6
    problem = BinaryOffloading(data_size=size, upload_rate=np.where(linked, 2.5, 0.0))
    sorted_, searched = mecopt.solve(problem, solver="prefix"), mecopt.solve(problem, solver="highs")
    assert np.allclose(sorted_.objective, searched.objective, rtol=1e-6)
    assert all(status is mecopt.Status.OPTIMAL for status in sorted_.status)
    assert not sorted_.decision[~linked].any()


def test_a_user_who_must_offload_does_and_one_that_can_do_nothing_is_named() -> None:
    assert mecopt.solve(BinaryOffloading(data_size=[1.0, 1.0], local_rate=[0.0, 100.0])).decision.tolist() == [1, 0]
    with pytest.raises(mecopt.SolveFailed, match=r"user 1 can neither .*: local_rate\[1\] is 0, and upload_rate\[1\] is 0"):
        mecopt.solve(BinaryOffloading(data_size=[1.0, 1.0], local_rate=[3.0, 0.0], upload_rate=[2.5, 0.0]))


# ---------------------------------------------------------------------- one band


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_band_of_zeros_is_what_enumeration_and_removal_say(seed: int) -> None:
    """Users of no gain, power or budget are local, those of no weight are not there, those of no data need no band."""
    rng = np.random.default_rng(seed)
    sample = BandwidthPower.sample(rng, users=5, preset="heterogeneous")
    zero = ("channel_gain", "max_power", "energy_budget", "weight", "data_size", "local_time")
    off = {n: np.where(rng.random(5) < 0.15, 0.0, getattr(sample, n)) for n in zero}
    problem = dataclasses.replace(sample, **off)
    solution = mecopt.solve(problem)
    counted = mecopt.solve(problem, solver="enumerate")
    assert solution.status is mecopt.Status.OPTIMAL
    assert float(solution.objective) == pytest.approx(float(counted.objective), rel=1e-11, abs=1e-15)
    # by hand: users who need the band share it as if nobody else were there
    sends = (problem.data_size > 0) & (problem.weight > 0)
    rest = np.where((problem.data_size == 0) & (problem.weight > 0))[0]
    apart = sum(float(problem.weight[i] * min(problem.local_time[i], problem.server_time[i])) for i in rest)
    linked = (
        sends & (problem.channel_gain > 0) & (problem.max_power > 0) & (problem.energy_budget > 0) & (problem.local_time > 0)
    )
    apart += float((problem.weight * problem.local_time)[sends & ~linked].sum())
    if linked.any():
        data = {n: v[linked] if v.ndim else v for n, v in problem.data().items()}
        apart += float(mecopt.solve(BandwidthPower(**data)).objective)
    assert float(solution.objective) == pytest.approx(apart, rel=1e-10, abs=1e-15)


# ---------------------------------------------------------------------- priced power


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_priced_powers_of_zeros_are_what_enumeration_and_removal_say(seed: int) -> None:
    """Who sends nothing is local; who has nothing to send, or no weight, takes no power and pays what the server takes."""
    rng = np.random.default_rng(seed)
    sample = PricedPower.sample(rng, users=5)
    zero = (
        "channel_gain",
        "bandwidth",
        "max_power",
        "energy_budget",
        "weight",
        "data_size",
        "local_cost",
        "interference_gain",
    )
    off = {n: np.where(rng.random(5) < 0.15, 0.0, getattr(sample, n)) for n in zero}
    problem = dataclasses.replace(sample, **off)
    solution = mecopt.solve(problem)
    counted = mecopt.solve(problem, solver="enumerate")
    assert solution.status is mecopt.Status.OPTIMAL
    assert float(solution.objective) == pytest.approx(float(counted.objective), rel=1e-11, abs=1e-15)
    linked = (problem.channel_gain > 0) & (problem.bandwidth > 0) & (problem.max_power > 0) & (problem.energy_budget > 0)
    free = (problem.data_size == 0) | (linked & (problem.weight == 0))
    apart = float(np.minimum(problem.local_cost, problem.weight * problem.server_time)[free].sum())
    apart += float(problem.local_cost[~linked & ~free].sum())
    rest = linked & ~free
    if rest.any():
        data = {n: v[rest] if v.ndim else v for n, v in problem.data().items()}
        apart += float(mecopt.solve(PricedPower(**data)).objective)
    assert float(solution.objective) == pytest.approx(apart, rel=1e-10, abs=1e-15)


def test_at_an_interference_limit_of_zero_only_those_send_who_do_not_interfere() -> None:
    problem = PricedPower(channel_gain=[4e-7, 4e-7], interference_gain=[1e-9, 0.0], interference_limit=0.0)
    solution = mecopt.solve(problem)
    assert solution.decision.tolist() == [0, 1]
    alone = mecopt.solve(PricedPower(channel_gain=[4e-7]))
    assert float(solution.objective) == pytest.approx(float(alone.objective) + float(problem.local_cost[0]), rel=1e-12)


# ---------------------------------------------------------------------- backscatter frames


def test_a_user_without_any_path_computes_what_its_battery_holds_and_its_slot_feeds_the_others() -> None:
    """K per bit beyond the battery, to which nobody else's frame adds anything; every backend proves it as far as it can."""
    sample = BackscatterFrame.sample(np.random.default_rng(11), (2,), users=4)
    channel = sample.channel.copy()
    channel[:, 1] = 0.0
    frame = dataclasses.replace(sample, channel=channel)
    beams = frame.decision_space.sample(np.random.default_rng(2), (2,))
    spared = dataclasses.replace(frame, workload=np.where(np.arange(4) == 1, 0.0, frame.workload))
    most = np.minimum(frame.battery / frame.compute_energy, frame.compute_rate * frame.slot[:, None])[:, 1]
    lost = frame.unserved_price * np.maximum(frame.workload[:, 1] - most, 0.0)
    with_work, without = (mecopt.allocate(one, beams) for one in (frame, spared))
    np.testing.assert_allclose(with_work.objective, without.objective + lost, rtol=1e-6)
    for name, backend in BackscatterFrame.backends.items():
        if backend.is_available():
            for expected in (with_work, without):
                answer = mecopt.allocate(expected.problem, beams, backend=name, throw=False)
                certified(expected, answer, backend.proves, name)
