"""Priced power: literal formula, scalar equations, price, relaxation, infeasible budgets, and the methods for ratios."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.special import lambertw

import mecopt
from mecopt.contract.backend import installed
from mecopt.lesson import pricing
from mecopt.models import PricedPower
from mecopt.models.priced_power import InterferencePrice, TransmitPower
from mecopt.models.priced_power.compiled import best_efficiency
from mecopt.models.priced_power.compiled_ratios import transform_minimum, water_filling
from mecopt.models.priced_power.exact import decision_costs, longest_times
from mecopt.models.priced_power.ratios import Ratios
from mecopt.testing.statements import certified


def sampled(count: int, users: int, seed: int = 0, preset: str = "paper") -> PricedPower:
    return PricedPower.sample(np.random.default_rng(seed), (count,), users=users, preset=preset)


def test_the_cost_is_local_cost_and_time_and_energy_of_the_upload() -> None:
    problem = PricedPower(
        channel_gain=[2e-8, 3e-8], weight=[1.0, 2.0], energy_price=5.0, local_cost=[7.0, 1.0], server_time=0.3
    )
    power = TransmitPower(transmit_power=np.array([0.0, 0.4]))
    rate = 1e6 * np.log2(1.0 + 3e-8 * 0.4 / 1e-8)
    expected = 7.0 + 2.0 * (0.3 + 8e5 / rate * (1.0 + 5.0 * 0.4))
    assert float(problem.objective(np.array([0, 1]), power)) == pytest.approx(expected, rel=1e-14)


def test_every_limit_is_reported_relative_to_itself() -> None:
    problem = PricedPower(channel_gain=[1e-8, 1e-8], energy_budget=0.8, interference_gain=1e-9, interference_limit=1e-9)
    broken = problem.violations(np.ones(2), TransmitPower(transmit_power=np.array([1.5, 0.5])))
    energy = 1.5 * 8e5 / (1e6 * np.log2(2.5))
    assert float(broken["power"]) == pytest.approx(0.5)
    assert float(broken["energy"]) == pytest.approx(energy / 0.8 - 1.0)
    assert float(broken["interference"]) == pytest.approx(1.0)
    assert float(broken["power_sign"]) == 0.0


# ---------------------------------------------------------------------- scalar equations


@pytest.mark.parametrize("energy", [0.0, 1e-30, 1e-9, 1e-3, 0.5, 40.0, 1e12, 1e30])
@pytest.mark.parametrize("price", [0.0, 1e-30, 1e-6, 0.3, 1e3, 1e30])
def test_the_best_efficiency_solves_its_equation(energy: float, price: float) -> None:
    import mpmath

    u = best_efficiency(energy, price, 1e9)
    if energy == price == 0.0:
        assert u == 1e9
        return
    with mpmath.workdps(80):
        x, c, m = mpmath.mpf(u), mpmath.mpf(energy), mpmath.mpf(price)
        inner = c * (x + mpmath.exp(-x) - 1) + m * x * x
        slope = 1 + (c * (1 - mpmath.exp(-x)) + 2 * m * x) / inner
        assert abs((x + mpmath.log(inner)) / slope) <= 1e-9 * x


def test_without_a_price_of_interference_the_efficiency_is_lambert_s() -> None:
    for energy in (1e-3, 0.2, 1.0, 30.0):
        assert best_efficiency(energy, 0.0, 1e9) == pytest.approx(
            1.0 + lambertw((1.0 / energy - 1.0) / np.e).real, rel=1e-12
        )


# ---------------------------------------------------------------------- the decision fixed


def test_a_budget_that_cannot_carry_the_task_makes_offloading_infeasible() -> None:
    least = 8e5 * np.log(2.0) * 1e-8 / (1e6 * 2e-8)
    problem = PricedPower(channel_gain=[2e-8, 2e-8], energy_budget=[np.nextafter(least, 0.0), least * 1.01])
    decisions = [[1, 0], [0, 1], [1, 1], [0, 0]]
    assert problem.infeasible(np.array(decisions)).tolist() == [True, False, True, False]
    assert np.isinf(problem.optimal_value(np.array(decisions, dtype=np.int8))).tolist() == [True, False, True, False]
    answer = mecopt.allocate(problem, decisions, throw=False)
    assert [status.name for status in answer.status] == ["INFEASIBLE", "OPTIMAL", "INFEASIBLE", "OPTIMAL"]
    assert mecopt.solve(problem).decision[0] == 0
    spent = problem.upload_time(np.array([0, 1]), answer[1].allocation) * answer[1].allocation.transmit_power
    assert float(spent[1]) <= least * 1.01 * (1.0 + 1e-12)


@pytest.mark.parametrize("weight", [0.0, 1e-9, 1.0])
def test_where_no_interference_is_tolerated_nobody_who_interferes_offloads_whatever_its_weight(weight: float) -> None:
    """No power that is allowed ends the upload of user 0; user 1 does not interfere."""
    data = {
        "channel_gain": [1e-6, 1e-6],
        "interference_gain": [4e-9, 0.0],
        "weight": [weight, 1.0],
        "local_cost": [3.0, 9.0],
    }
    problem = PricedPower(**data, interference_limit=0.0)
    for decision in ([1, 0], [1, 1]):
        with np.errstate(all="ignore"):
            powers = [TransmitPower(transmit_power=np.array([power, 0.1])) for power in (0.0, 1e-12)]
            assert problem.objective(np.array(decision), powers[0]) == np.inf
            assert problem.violations(np.array(decision), powers[1])["interference"] == np.inf
        refused = mecopt.allocate(problem, decision, throw=False)
        assert refused.status is mecopt.Status.INFEASIBLE
        assert "interference_limit is 0" in refused.stats.messages[0]
    for name in ("exact", "enumerate", *(["highs"] if "highs" in installed(PricedPower.solvers) else [])):
        solution = mecopt.solve(problem, solver=name)
        assert (solution.decision.tolist(), solution.status.name) == ([0, 1], "OPTIMAL")
    some = mecopt.solve(PricedPower(**data, interference_limit=1e-30))
    assert some.decision.tolist() == ([1, 1] if weight == 0.0 else [0, 1])


def test_a_user_alone_has_the_power_that_a_search_on_the_literal_ratio_finds() -> None:
    for seed in range(20):
        problem = replace(sampled(1, 1, seed)[0], interference_limit=np.inf)
        snr, alpha = problem.channel_gain[0] / 1e-8, problem.energy_price[0]
        budget = problem.energy_budget[0]

        def energy(p: float, snr: float = snr) -> float:
            return float(0.8 * p / np.log2(1.0 + snr * p))

        most = 1.0 if energy(1.0) <= budget else brentq(lambda p, e=energy, b=budget: e(p) - b, 1e-9, 1.0, xtol=1e-14)
        found = minimize_scalar(
            lambda p, snr=snr, alpha=alpha: 0.8 / np.log2(1.0 + snr * p) * (1.0 + alpha * p),
            bounds=(1e-9, most),
            method="bounded",
        )
        answer = mecopt.allocate(problem, [1])
        assert float(answer.objective) <= problem.server_time[0] + found.fun * (1.0 + 1e-12)
        assert float(answer.allocation.transmit_power[0]) == pytest.approx(float(found.x), rel=1e-3)


def test_everyone_pays_the_same_for_a_little_more_of_the_limit() -> None:
    problem = replace(sampled(1, 6, 3)[0], energy_budget=np.inf)
    decision = np.ones(6, dtype=np.int8)
    answer = mecopt.allocate(problem, decision)
    power, step = answer.allocation.transmit_power, 1e-6
    assert float(answer.dual.interference_price) > 0.0
    for i in np.flatnonzero(power < 0.999):
        ends = [power * (1.0 + sign * step * np.eye(6)[i]) for sign in (1.0, -1.0)]
        above, below = (float(problem.objective(decision, TransmitPower(transmit_power=p))) for p in ends)
        paid = -(above - below) / (2.0 * step * power[i] * problem.interference_gain[i])
        assert paid == pytest.approx(float(answer.dual.interference_price), rel=1e-5)


def test_a_limit_that_nobody_reaches_is_free() -> None:
    problem = sampled(5, 6)
    ones = np.ones((5, 6))
    unlimited = mecopt.allocate(replace(problem, interference_limit=np.inf), ones)
    roomy = mecopt.allocate(replace(problem, interference_limit=1.0), ones)
    assert (unlimited.dual.interference_price == 0.0).all()
    assert (roomy.dual.interference_price == 0.0).all()
    assert np.array_equal(unlimited.objective, roomy.objective)
    any_price = InterferencePrice(interference_price=np.full(5, 1e12))
    assert np.array_equal(replace(problem, interference_limit=np.inf).bound(ones, any_price), unlimited.bound)


def test_energy_without_a_price_is_spent_up_to_the_limits() -> None:
    problem = PricedPower(channel_gain=[2e-8, 5e-8], energy_price=0.0, energy_budget=[np.inf, 0.3])
    power = mecopt.allocate(problem, [1, 1]).allocation.transmit_power
    assert power[0] == pytest.approx(1.0)
    assert 0.8 * power[1] / np.log2(1.0 + 5.0 * power[1]) == pytest.approx(0.3, rel=1e-12)


def test_backends_agree_within_what_they_prove() -> None:
    for preset, users in product(PricedPower.presets, (3, 10, 25)):
        problem = sampled(4, users, 4, preset)
        decision = problem.decision_space.sample(np.random.default_rng(5), (4,)) * (problem.coefficients().cap > 0)
        best = mecopt.allocate(problem, decision)
        for name in installed(PricedPower.backends):
            certified(best, mecopt.allocate(problem, decision, backend=name), PricedPower.backends[name].proves, name)


# ---------------------------------------------------------------------- methods for ratios


def test_water_filling_meets_its_kkt_conditions() -> None:
    rng = np.random.default_rng(6)
    for _ in range(50):
        gain, dear, part = 10.0 ** rng.uniform(-2.0, 2.0, (3, 8))
        lower = rng.uniform(0.0, 0.1, 8)
        upper = lower + 10.0 ** rng.uniform(-2.0, 2.0, 8)
        limit = float(part @ (lower + rng.uniform() * (upper - lower)))
        x = water_filling(gain, dear, part, lower, upper, limit)
        assert part @ x <= limit * (1.0 + 1e-12)
        slope = (gain / (1.0 + x) - dear) / part  # what a user would pay for more
        inside = (x > lower) & (x < upper)
        price = slope[inside].mean() if inside.any() else slope[x == upper].min(initial=np.inf)
        assert np.allclose(slope[inside], price, rtol=1e-7)
        assert (slope[x == upper] >= price * (1.0 - 1e-7)).all()
        assert (slope[x == lower] <= max(price, 0.0) + 1e-7 * abs(price)).all()
        assert part @ x >= limit * (1.0 - 1e-9) or abs(price) <= 1e-9 or not inside.any()


@pytest.mark.parametrize("backend", ["jong", "quadratic-transform"])
def test_numbers_that_leave_no_ratios_fail_their_item_only(backend: str) -> None:
    batch = sampled(3, 3)
    limit = batch.interference_limit.copy()
    limit[1] = 1e-320  # each user's part of it is beyond floats
    answer = mecopt.allocate(replace(batch, interference_limit=limit), [1, 1, 1], backend=backend, throw=False)
    assert answer.status[1] is mecopt.Status.FAILED
    assert "matrix is not finite" in answer.stats.messages[1]
    sound = mecopt.allocate(batch, [1, 1, 1])
    np.testing.assert_allclose(answer.objective[[0, 2]], sound.objective[[0, 2]], rtol=1e-6)


def test_the_transform_s_subproblem_is_solved() -> None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(7)
    for _ in range(10):
        work, energy, y = 10.0 ** rng.uniform(-1.0, 1.0, (3, 4))
        part, lower, upper = np.full(4, 0.5), np.full(4, 0.01), np.full(4, 3.0)

        def surrogate(x: np.ndarray, work=work, energy=energy, y=y) -> float:  # type: ignore[no-untyped-def]
            return float((work * (y * (1.0 + energy * x) ** 2 + 0.25 / (y * np.log1p(x) ** 2))).sum())

        x = transform_minimum(work, energy, y, part, lower, upper, 1.0)
        constraint = {"type": "ineq", "fun": lambda z, part=part: 1.0 - part @ z}
        searched = minimize(surrogate, np.full(4, 0.3), bounds=[(0.01, 3.0)] * 4, constraints=constraint, method="SLSQP")
        assert part @ x <= 1.0 + 1e-12
        assert surrogate(x) <= searched.fun * (1.0 + 1e-9)


def test_jong_is_finished_by_the_transform_where_no_step_helps() -> None:
    problem = sampled(5, 100, 5)
    answer = mecopt.allocate(problem, np.ones((5, 100)), backend="jong")
    assert any("finished by" in message for message in answer.stats.messages.values())
    assert answer.gap.max() <= 1e-9


def test_the_transform_lowers_the_cost_in_every_iteration() -> None:
    for instance in sampled(5, 20, 6):
        values = Ratios(instance, np.ones(20, dtype=np.int8)).transform().values
        assert (np.diff(values) <= 1e-12 * values[1:]).all()


# ---------------------------------------------------------------------- the decision open


def test_the_relaxation_is_the_sum_of_the_cheaper_sides() -> None:
    problem = sampled(1, 5, 8)[0]
    for price in (0.0, 1e8, 2e9, 1e11):
        dual = InterferencePrice(interference_price=np.asarray(price))
        bounds = [float(problem.bound(np.array(x), dual)) for x in product((0, 1), repeat=5)]
        assert float(problem.relaxed_bound(dual)) == pytest.approx(min(bounds), rel=1e-13)


def test_the_search_for_a_price_is_the_best_of_many() -> None:
    for preset in PricedPower.presets:
        for instance in sampled(5, 12, 9, preset):
            found = float(instance.relaxed_bound(instance.relaxed_dual()))
            assert found == pytest.approx(pricing(instance).bound, rel=1e-13)
            for price in np.concatenate([[0.0], np.geomspace(1e5, 1e12, 200)]):
                assert float(instance.relaxed_bound(InterferencePrice(interference_price=np.asarray(price)))) <= found * (
                    1 + 1e-13
                )


def test_hundreds_of_users_are_proved() -> None:
    for preset, users in product(PricedPower.presets, (30, 100, 1000)):
        answer = mecopt.solve(replace(sampled(2, users, 10, preset), server_time=0.2))
        assert answer.statuses() == {"OPTIMAL": 2}
        assert answer.gap.max() < 1e-11


def test_no_decision_takes_longer_than_the_longest_times() -> None:
    for instance in sampled(5, 5, 11, "scarce"):
        longest, cap = longest_times(instance), instance.coefficients().cap
        for x in product((0, 1), repeat=5):
            decision = np.array(x) * (cap > 0)
            power = mecopt.allocate(instance, decision).allocation.transmit_power
            times = cap / np.log1p(instance.coefficients().snr * power + (decision == 0))
            assert (times <= longest * (1.0 + 1e-9))[decision == 1].all()


def test_users_alike_are_told_apart_by_nothing_and_still_solved_fast() -> None:
    problem = PricedPower(channel_gain=np.full(60, 2e-8), interference_limit=2.5e-9)
    answer = mecopt.solve(problem)
    assert answer.status is mecopt.Status.OPTIMAL
    counts = np.arange(61)
    prefixes = (np.arange(60) < counts[:, None]).astype(np.int8)
    assert float(answer.objective) == pytest.approx(float(decision_costs(problem, prefixes).min()), rel=1e-12)


# ---------------------------------------------------------------------- presets


def test_the_radio_is_paper_004_s() -> None:
    problem = sampled(20_000, 1)
    snr = problem.channel_gain[:, 0] / 1e-8
    rng = np.random.default_rng(1)
    distance = np.linalg.norm(rng.uniform(0.0, 50.0, (200_000, 2)) - 25.0, axis=1)
    expected = 1000.0 / np.maximum(distance, 1.0) ** 2
    # E l = sqrt(pi)/2 for an amplitude with E l^2 = 1
    assert np.median(snr) == pytest.approx(np.median(expected * rng.rayleigh(np.sqrt(0.5), expected.size)), rel=0.03)
    assert problem.local_cost[0, 0] == pytest.approx(1.0 + 10.0 * 1.0)


def test_presets_are_what_they_are_for() -> None:
    paper, scarce = sampled(100, 10), sampled(100, 10, preset="scarce")
    assert not paper.infeasible(np.ones((100, 10), dtype=np.int8)).any()
    assert 0.1 < (scarce.coefficients().cap <= 0).mean() < 0.5
    answer = mecopt.solve(paper)
    assert (answer.dual.interference_price > 0).mean() > 0.9
    u = np.log1p(paper.coefficients().snr * answer.allocation.transmit_power)
    at_budget = (answer.decision == 1) & (u >= paper.coefficients().cap * (1.0 - 1e-9))
    assert 0.02 < at_budget.sum() / answer.decision.sum() < 0.3
