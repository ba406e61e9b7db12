"""Joint bandwidth and power: formula, budgets, price, relaxation, conic duals, and users that cannot offload."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize, minimize_scalar

import mecopt
from mecopt import Status
from mecopt.contract.backend import installed
from mecopt.models import BandwidthPower
from mecopt.models.bandwidth_power import BandwidthPrice, Transmission
from mecopt.models.bandwidth_power.allocation import CONIC, scaled
from mecopt.models.bandwidth_power.exact import critical_price
from mecopt.models.bandwidth_power.upload import excess, upload_costs
from mecopt.testing.statements import certified

Array = NDArray[Any]
ECOS = pytest.param("ecos", marks=pytest.mark.skipif(find_spec("ecos") is None, reason="needs the extra `ecos`"))


def heterogeneous(seed: int, count: int = 20, users: int = 6) -> BandwidthPower:
    return BandwidthPower.sample(np.random.default_rng(seed), (count,), preset="heterogeneous", users=users)


def feasible(problem: BandwidthPower, seed: int) -> Array:
    """Draw decisions in which somebody offloads, and nobody whose budget carries nothing."""
    decision = problem.decision_space.sample(np.random.default_rng(seed), problem.batch_shape)
    ceiling = problem.terms().ceiling
    np.put_along_axis(decision, ceiling.argmax(axis=-1)[..., None], np.int8(1), axis=-1)
    return np.where(ceiling > 0, decision, 0).astype(np.int8)


# ---------------------------------------------------------------------- the formula and its limits


def test_the_cost_is_weighted_latency_over_shannons_rate() -> None:
    problem = BandwidthPower(
        channel_gain=[1e-8, 2e-8], weight=[1.0, 2.0], local_time=0.7, server_time=0.1, energy_budget=1.0
    )
    sent = Transmission(band=np.array([0.0, 3e6]), power=np.array([0.0, 0.5]))
    upload = 8e5 / (3e6 * np.log2(1 + 2e-8 * 0.5 / (1e-14 * 3e6)))
    assert float(problem.objective(np.array([0, 1]), sent)) == pytest.approx(0.7 + 2.0 * (upload + 0.1), rel=1e-14)
    assert max(float(v) for v in problem.violations(np.array([0, 1]), sent).values()) == 0.0
    over = replace(problem, energy_budget=0.4 * upload)
    assert float(over.violations(np.array([0, 1]), sent)["energy"]) == pytest.approx(0.25, rel=1e-12)


@pytest.mark.parametrize(("band", "power"), [(0.0, 1.0), (1e6, 0.0)])
def test_an_upload_without_band_or_power_takes_forever(band: float, power: float) -> None:
    problem = BandwidthPower(channel_gain=[1e-8], energy_budget=1.0)
    sent = Transmission(band=np.array([band]), power=np.array([power]))
    assert float(problem.objective(np.array([1]), sent)) == np.inf


def test_a_budget_at_the_least_energy_carries_nothing_and_a_little_more_does() -> None:
    least = 8e5 * np.log(2.0) * 1e-14 / 1e-8
    budget = [0.999 * least, np.nextafter(least, 0.0), 1.001 * least]
    problem = BandwidthPower(channel_gain=[1e-8] * 3, energy_budget=budget)
    assert problem.infeasible(np.eye(3, dtype=np.int8)).tolist() == [True, True, False]
    assert np.isinf(problem.optimal_value(np.eye(3, dtype=np.int8))).tolist() == [True, True, False]


def test_an_impossible_decision_is_infeasible_and_the_optimum_leaves_it_out() -> None:
    problem = BandwidthPower(channel_gain=[1e-7, 1e-7], energy_budget=[1.0, 1e-3])
    answer = mecopt.allocate(problem, [1, 1], throw=False)
    assert answer.status is Status.INFEASIBLE
    assert mecopt.allocate(problem, [1, 1], backend="clarabel", throw=False).status is Status.INFEASIBLE
    best = mecopt.solve(problem)
    assert best.decision.tolist() == [1, 0]
    assert best.status is Status.OPTIMAL
    assert mecopt.solve(problem, solver="all-offload").decision.tolist() == [1, 0], "everyone offloads who can"


def test_where_no_budget_carries_anything_all_stay_local_with_proof() -> None:
    for solver in ("exact", "highs", "enumerate", "relaxation-rounding", "coordinate-descent"):
        best = mecopt.solve(BandwidthPower(channel_gain=[1e-8, 1e-9], energy_budget=1e-6), solver=solver)
        assert best.decision.tolist() == [0, 0]
        assert best.status is Status.OPTIMAL, solver


@pytest.mark.parametrize("u", [1e-12, 1e-3, 0.2499, 0.2501, 3.0, 800.0])
def test_the_excess_of_an_exponential_keeps_its_digits(u: float) -> None:
    from mpmath import exp, mp, mpf

    mp.dps = 40
    assert excess(u) == pytest.approx(float(mpf(u) + exp(-mpf(u)) - 1), rel=4e-15)


# ---------------------------------------------------------------------- the decision fixed


def test_the_closed_form_beats_a_search_in_band_and_power_as_they_stand() -> None:
    """The oracle knows nothing of elimination: it minimises the paper's formula under the literal budgets."""
    for problem, decision in zip(heterogeneous(1, 6, 3), feasible(heterogeneous(1, 6, 3), 2), strict=True):
        users = np.flatnonzero(decision)
        n = users.size

        def sent(y: Array, users: Array = users, n: int = n, problem: BandwidthPower = problem) -> Transmission:
            band, power = np.zeros(3), np.zeros(3)
            band[users], power[users] = y[:n] * problem.bandwidth, y[n:] * problem.max_power[users]
            return Transmission(band=band, power=power)

        def energy(y: Array, users: Array = users, problem: BandwidthPower = problem, made: Any = sent) -> Array:
            out = made(y)
            snr = problem.channel_gain * out.power / (problem.noise_density * np.where(out.band > 0, out.band, 1.0))
            rate = out.band * np.log2(1.0 + snr)
            return np.asarray(problem.energy_budget * rate - out.power * problem.data_size)[users] / 1e5

        best = float(problem.optimal_value(decision))
        found = []
        for start in (0.05, 0.2, 0.3):
            answer = minimize(
                lambda y, p=problem, d=decision, made=sent: float(p.objective(d, made(y))),
                np.full(2 * n, start),
                method="SLSQP",
                bounds=[(1e-6, 1.0)] * (2 * n),
                constraints=[
                    {"type": "ineq", "fun": lambda y, n=n: 1.0 - y[:n].sum()},
                    {"type": "ineq", "fun": energy},
                ],
                options={"maxiter": 500, "ftol": 1e-13},
            )
            if answer.success and energy(answer.x).min() > -1e-6 and answer.x[:n].sum() < 1.0 + 1e-9:
                found.append(float(answer.fun))
        assert min(found) == pytest.approx(best, rel=1e-4)
        assert min(found) >= best * (1 - 1e-6)


def test_the_price_is_what_a_hertz_saves() -> None:
    problem = heterogeneous(3)
    decision, step = feasible(problem, 4), 1e-5
    price = problem.closed_form(decision)[1].bandwidth_price
    more, less = (replace(problem, bandwidth=problem.bandwidth * (1.0 + s)).optimal_value(decision) for s in (step, -step))
    np.testing.assert_allclose((less - more) / (2 * step * problem.bandwidth), price, rtol=1e-7)


def test_the_band_is_used_up_and_every_power_is_at_its_cap_or_at_its_budget() -> None:
    problem = heterogeneous(5, 200)
    decision = feasible(problem, 6)
    sent = problem.closed_form(decision)[0]
    np.testing.assert_allclose(sent.band.sum(axis=-1), problem.bandwidth, rtol=1e-12)
    on = decision == 1
    rate = sent.band * np.log2(
        1.0 + problem.channel_gain * sent.power / (problem.noise_density[:, None] * np.where(on, sent.band, 1.0))
    )
    spent = sent.power * problem.data_size / np.where(on, rate, 1.0) / problem.energy_budget
    used = sent.power / problem.max_power
    np.testing.assert_allclose(np.maximum(spent, used)[on], 1.0, rtol=1e-9)
    both = on & (spent > 1 - 1e-9) & (used > 1 - 1e-9)
    assert both.sum() > 0, "no user in the sample is held by both limits"
    assert (on & (spent < 0.99)).sum() > 0
    assert (on & (used < 0.99)).sum() > 0


@settings(max_examples=200, deadline=None)
@given(st.floats(-20, 20), st.floats(-20, 20), st.one_of(st.just(np.inf), st.floats(1e-6, 600)), st.floats(-30, 30))
def test_the_cost_of_an_upload_is_the_least_over_all_bands(log_c: float, log_g: float, ceiling: float, shift: float) -> None:
    """By a search over the logarithm of the band, in which time plus rent has one valley."""
    work, reach = np.exp(log_c), np.exp(log_g)
    price = np.exp(shift) * work / reach**2

    def paid(y: float) -> float:
        band = reach * np.exp(y)
        return float(work / (band * min(ceiling, np.log1p(np.exp(-y)))) + price * band)

    grid = np.linspace(-60.0, 60.0, 241)
    with np.errstate(over="ignore"):
        centre = grid[np.argmin([paid(y) for y in grid])]
        oracle = minimize_scalar(paid, bounds=(centre - 0.6, centre + 0.6), method="bounded", options={"xatol": 1e-11}).fun
    assert float(upload_costs(work, reach, ceiling, price)) <= oracle * (1 + 1e-13)
    assert float(upload_costs(work, reach, ceiling, price)) == pytest.approx(oracle, rel=1e-6)


def test_a_free_band_costs_what_full_power_takes_on_an_endless_one() -> None:
    assert float(upload_costs(3.0, 2.0, np.inf, 0.0)) == 1.5
    assert float(upload_costs(3.0, 2.0, np.inf, 1e-300)) == pytest.approx(1.5, rel=1e-12)
    assert float(upload_costs(3.0, 2.0, 0.0, 0.0)) == np.inf


def test_all_backends_agree_within_what_they_prove() -> None:
    for preset in BandwidthPower.presets:
        problem = BandwidthPower.sample(np.random.default_rng(7), (20,), preset=preset)
        decision = feasible(problem, 8)
        best = mecopt.allocate(problem, decision)
        for name in installed(BandwidthPower.backends):
            certified(best, mecopt.allocate(problem, decision, backend=name), BandwidthPower.backends[name].proves, name)


@pytest.mark.parametrize("backend", ["slsqp", "clarabel", "scs", ECOS])
def test_gains_and_tasks_over_four_decades_are_solved_after_scaling(backend: str) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        size, gain = 8e5 * 10.0 ** rng.uniform(-1, 1, 6), 1e-8 * 10.0 ** rng.uniform(-2, 2, 6)
        budget = size * np.log(2.0) * 1e-14 / gain * 10.0 ** rng.uniform(0.05, 2, 6)
        problem = BandwidthPower(channel_gain=gain, data_size=size, energy_budget=budget, bandwidth=6e6)
        best, answer = (mecopt.allocate(problem, np.ones(6), backend=name) for name in (None, backend))
        certified(best, answer, BandwidthPower.backends[backend].proves, f"seed {seed}")


def test_slsqp_fails_in_raw_hertz() -> None:
    problem = BandwidthPower.sample(np.random.default_rng(9))
    best = float(problem.optimal_value(np.ones(10, np.int8)))
    answer = minimize(
        lambda b: float(problem.objective(np.ones(10), Transmission(band=np.maximum(b, 1.0), power=np.ones(10)))),
        np.full(10, 1e6) * np.linspace(0.2, 1.8, 10),
        method="SLSQP",
        bounds=[(1.0, 1e7)] * 10,
        constraints={"type": "ineq", "fun": lambda b: 1e7 - b.sum()},
    )
    assert answer.success
    assert answer.fun > best * 1.01


def test_the_multipliers_of_any_price_are_feasible_and_prove_the_bound() -> None:
    """In the solver's own matrices: A'y = -c, y in the dual cone, and b'y is the bound."""
    problem = heterogeneous(10)
    scs = BandwidthPower.backends["scs"]
    for instance, decision in zip(problem, feasible(problem, 11), strict=True):
        program = CONIC.program(instance, decision)
        data = program.problem.get_problem_data("SCS")[0]
        units = scaled(instance, decision)
        fixed = float(np.where(decision == 1, instance.terms().server, instance.terms().local).sum())
        for factor in (0.01, 0.5, 1.0, 3.0, 100.0):
            price = BandwidthPrice(bandwidth_price=instance.closed_form(decision)[1].bandwidth_price * factor)
            multipliers = CONIC.multipliers(instance, decision, price)
            y = scs.rows(program, data, multipliers)  # type: ignore[attr-defined]
            assert np.abs(data["A"].T @ y + data["c"]).max() <= 1e-10 * np.abs(data["c"]).max()
            value = -float(data["b"] @ y) * units.time * units.weight.mean() + fixed
            assert value == pytest.approx(float(instance.bound(decision, price)), rel=1e-12)
            assert multipliers["budget"].min() >= 0.0
            u, v, w = multipliers["shannon"].T
            on = u < 0
            assert (-u[on] * np.exp(v[on] / u[on]) <= np.e * w[on] * (1 + 1e-9)).all()
            t, *rest = multipliers["hyperbola"].T
            assert (np.hypot(*rest) <= t * (1 + 1e-9)).all()


def test_scs_needs_no_iteration_from_the_exact_price_and_fewer_from_a_near_one() -> None:
    problem = BandwidthPower.sample(np.random.default_rng(12), (5,))
    decision = feasible(problem, 13)
    best = mecopt.allocate(problem, decision)
    cold, warm = (mecopt.allocate(problem, decision, backend="scs", start=start) for start in (None, best))
    assert warm.stats.iterations.max() == 0
    assert cold.stats.iterations.min() > 0


# ---------------------------------------------------------------------- the decision open


def test_the_relaxation_is_the_sum_of_the_cheaper_sides() -> None:
    """The oracle minimises time plus rent of each user by a root search on its marginal value."""
    problem = heterogeneous(14, 4)
    for instance in problem:
        terms = instance.terms()
        price = float(instance.relaxed_dual().bandwidth_price) * 1.7
        total = -price * float(instance.bandwidth)
        for local, server, work, reach, ceiling in zip(*terms, strict=True):

            def worth(log_b: float, work: float = work, reach: float = reach, price: float = price) -> float:
                b = np.exp(log_b)
                u, y = np.log1p(reach / b), reach / b
                return float(np.log(work * (u - y / (1 + y)) / (b * u) ** 2 / price))

            if ceiling <= 0:
                total += local
                continue
            at_power = np.exp(brentq(worth, np.log(reach) - 30, np.log(reach) + 30, xtol=1e-13))
            knee = reach / np.expm1(ceiling)
            band = max(at_power, min(knee, np.sqrt(work / (ceiling * price))))
            cost = work / (band * min(ceiling, np.log1p(reach / band))) + price * band
            total += min(local, server + cost)
        proved = float(instance.relaxed_bound(BandwidthPrice(bandwidth_price=np.asarray(price))))
        assert proved == pytest.approx(total, rel=1e-10)


def test_the_compiled_price_maximises_the_bound() -> None:
    for users in (1, 2, 5, 12):
        for problem in heterogeneous(15 + users, 5, users):
            best = float(problem.relaxed_bound(problem.relaxed_dual()))
            around = float(problem.terms().local.sum() / problem.bandwidth)
            grid = around * 10.0 ** np.linspace(-6, 1, 400)
            bounds = [float(problem.relaxed_bound(BandwidthPrice(bandwidth_price=np.asarray(price)))) for price in grid]
            assert best >= max(bounds) - 1e-12 * abs(best)


def test_at_its_critical_price_a_user_is_indifferent_and_beyond_it_stays_local() -> None:
    problem = heterogeneous(16)
    terms, price = problem.terms(), np.exp(critical_price(problem))
    leaves = price > 0
    for factor, sign in ((0.9, -1.0), (1.0, 0.0), (1.1, 1.0)):
        extra = terms.server + upload_costs(terms.work, terms.reach, terms.ceiling, factor * price) - terms.local
        if sign:
            assert (sign * extra[leaves] > 0).all()
        else:
            assert np.abs(extra[leaves]).max() <= 1e-12
    never = terms.server + upload_costs(terms.work, terms.reach, terms.ceiling, 0.0) >= terms.local
    assert np.array_equal(never, ~leaves)


def test_hundreds_of_users_are_proved() -> None:
    for preset in BandwidthPower.presets:
        for users, count in ((30, 10), (100, 5), (1000, 2)):
            problem = BandwidthPower.sample(np.random.default_rng(17), (count,), preset=preset, users=users)
            answer = mecopt.solve(problem)
            assert answer.statuses() == {"OPTIMAL": count}
            assert answer.gap.max() < 1e-11


def test_identical_users_are_proved() -> None:
    for gain in (3e-9, 1e-8, 1e-7):
        problem = BandwidthPower(channel_gain=np.full(12, gain), bandwidth=2e6, energy_budget=0.7)
        exact, listed = mecopt.solve(problem), mecopt.solve(problem, solver="enumerate")
        assert exact.status is Status.OPTIMAL
        assert float(exact.objective) == pytest.approx(float(listed.objective), rel=1e-12)


def test_more_of_anything_never_costs_more() -> None:
    problem = heterogeneous(18)
    cost = mecopt.solve(problem).objective
    for name in ("bandwidth", "max_power", "energy_budget", "channel_gain"):
        richer = replace(problem, **{name: 1.3 * getattr(problem, name)})
        assert (mecopt.solve(richer).objective <= cost * (1 + 1e-12)).all(), name


def test_the_presets_have_what_they_promise() -> None:
    rng = np.random.default_rng(19)
    paper = BandwidthPower.sample(rng, (2000,))
    assert not paper.infeasible(np.ones(paper.channel_gain.shape, np.int8)).any()
    assert paper.bandwidth.tolist() == [1e7] * 2000
    assert paper.channel_gain.max() <= 1e-5 * 6
    mixed = BandwidthPower.sample(rng, (500,), preset="heterogeneous")
    hopeless = (mixed.terms().ceiling <= 0).mean()
    assert 0.05 < hopeless < 0.15
    best = mecopt.solve(mixed)
    below = (best.decision == 1) & (best.allocation.power < mixed.max_power * (1 - 1e-9))
    assert below.sum() / best.decision.sum() > 0.15
