"""The computation-rate problem: formula, price, relaxation, conic forms, and the authors' own optima."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import lambertw

import mecopt
from mecopt.contract.backend import installed
from mecopt.data import load
from mecopt.models import ComputationRate
from mecopt.models.computation_rate import FrameTimes, TimePrice
from mecopt.models.computation_rate.compiled import relaxed_prices
from mecopt.models.computation_rate.fixed_mode import mode_allocations, mode_rates
from mecopt.testing.statements import certified

DATA = Path(__file__).parents[3] / "shared" / "data" / "droo"


def _lagrangian(problem: ComputationRate, price: float) -> float:
    """Evaluate the bound by brute force over a grid of harvesting times: an oracle without sorting or peaks."""
    local, gain, worth = problem.coefficients()
    inverse = -lambertw(-np.exp(-1.0 - price / worth), 0).real
    earned = worth * gain * inverse
    grid = np.linspace(0.0, 1.0, 20_001)[:, None]
    return float((price * (1 - grid[:, 0]) + np.maximum(local * np.cbrt(grid), earned * grid).sum(axis=1)).max())


def test_the_rate_is_harvested_energy_cpu_speed_and_shannon() -> None:
    problem = ComputationRate(channel_gain=[1e-6, 2e-6])
    times = FrameTimes(harvest_time=np.asarray(0.6), offload_time=np.array([0.0, 0.4]))
    energy = 0.7 * 3.0 * np.array([1e-6, 2e-6]) * 0.6
    local = np.cbrt(energy[0] / 1e-26) / 100.0
    offloaded = 1.5 * 2e6 / 1.1 * 0.4 * np.log2(1 + energy[1] * 2e-6 / (1e-10 * 0.4))
    assert float(problem.objective(np.array([0, 1]), times)) == pytest.approx(local + offloaded, rel=1e-13)


def test_weights_alternate_by_default() -> None:
    assert ComputationRate(channel_gain=np.ones(5) * 1e-6).weight.tolist() == [1.0, 1.5, 1.0, 1.5, 1.0]


def test_everyone_local_harvests_all_frame_long() -> None:
    problem = ComputationRate.sample(np.random.default_rng(0), users=4)
    answer = mecopt.allocate(problem, np.zeros(4))
    assert float(answer.allocation.harvest_time) == 1.0
    assert float(answer.objective) == pytest.approx(float(problem.coefficients().local.sum()), rel=1e-14)


def test_the_price_makes_all_marginal_rates_of_time_equal() -> None:
    problem = ComputationRate.sample(np.random.default_rng(1), users=6)
    decision = np.array([1, 0, 1, 1, 0, 1], dtype=np.int8)
    answer = mecopt.allocate(problem, decision)
    step = 1e-6

    def rate(shift: int) -> float:
        time = answer.allocation.offload_time.copy()
        time[shift] += step
        above = problem.objective(decision, FrameTimes(harvest_time=answer.allocation.harvest_time, offload_time=time))
        time[shift] -= 2 * step
        below = problem.objective(decision, FrameTimes(harvest_time=answer.allocation.harvest_time, offload_time=time))
        return float(above - below) / (2 * step)

    for user in np.flatnonzero(decision):
        assert rate(int(user)) == pytest.approx(float(answer.dual.time_price), rel=1e-5)


def test_the_relaxation_is_the_brute_force_lagrangian() -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        problem = ComputationRate.sample(rng, users=7)
        price = float(problem.coefficients().local.sum() * 10 ** rng.uniform(-0.5, 1.0))
        ours = float(problem.relaxed_bound(TimePrice(time_price=np.asarray(price))))
        assert ours == pytest.approx(_lagrangian(problem, price), rel=1e-6)


def test_the_compiled_price_minimises_the_bound() -> None:
    rng = np.random.default_rng(3)
    for users in (1, 2, 5, 12):
        batch = ComputationRate.sample(rng, (5,), users=users)
        prices = relaxed_prices(*(np.array(part) for part in batch.coefficients()))
        for problem, price in zip(batch, prices, strict=True):
            ours = float(problem.relaxed_bound(TimePrice(time_price=np.asarray(price))))
            search = minimize_scalar(
                lambda y, p=problem: float(p.relaxed_bound(TimePrice(time_price=np.asarray(np.exp(y))))),
                bounds=(np.log(price) - 3, np.log(price) + 3),
                method="bounded",
                options={"xatol": 1e-10},
            )
            assert ours <= search.fun * (1 + 1e-10)


def test_conic_solvers_solve_all_frames_after_scaling() -> None:
    batch = ComputationRate.sample(np.random.default_rng(4), (20,))
    decisions = batch.decision_space.sample(np.random.default_rng(5), (20,))
    best = mecopt.allocate(batch, decisions)
    for backend in {"clarabel", "ecos", "scs"}.intersection(installed(ComputationRate.backends)):
        answer = mecopt.allocate(batch, decisions, backend=backend, throw=False)
        certified(best, answer, ComputationRate.backends[backend].proves, backend)


def test_ecos_fails_in_raw_bits_per_second() -> None:
    pytest.importorskip("ecos", reason="needs the extra `ecos`")
    import cvxpy as cp

    solved = 0
    for problem in ComputationRate.sample(np.random.default_rng(6), (10,)):
        local, gain, worth = problem.coefficients()
        offload = np.arange(10) % 2 == 1
        harvest, time = cp.Variable(nonneg=True), cp.Variable(int(offload.sum()), nonneg=True)
        rate = local[~offload].sum() * cp.power(harvest, 1 / 3) - worth[offload] @ cp.rel_entr(
            time, time + cp.multiply(gain[offload], harvest)
        )
        program = cp.Problem(cp.Maximize(rate), [harvest + cp.sum(time) <= 1])
        try:
            program.solve(solver="ECOS")
        except cp.error.SolverError:
            continue
        best = float(problem.optimal_value(offload.astype(np.int8)))
        solved += program.status == "optimal" and abs(program.value / best - 1) < 1e-6
    assert solved < 5


def test_hundreds_of_users_are_proved() -> None:
    for users, count in ((30, 10), (100, 5), (1000, 2)):
        answer = mecopt.solve(ComputationRate.sample(np.random.default_rng(7), (count,), users=users))
        assert answer.statuses() == {"OPTIMAL": count}
        assert answer.gap.max() < 1e-11


def test_sampling_follows_the_authors_law() -> None:
    gain = ComputationRate.sample(np.random.default_rng(8), (20_000,), users=6).channel_gain
    distance = 2.5 + 0.3 * np.arange(6)
    expected = 3.0 * (3e8 / (4 * np.pi * 915e6 * distance)) ** 2.8
    assert np.allclose(gain.mean(axis=0), expected, rtol=0.03)
    assert np.allclose(gain.std(axis=0), expected, rtol=0.05)


@pytest.mark.parametrize("name", ["data_5.mat", "data_6.mat"])
def test_the_authors_optima_are_reproduced_on_every_instance(name: str) -> None:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the authors' data are not at {path}")
    data = load(path)
    assert data.labels is not None
    answer = mecopt.solve(data.problem)
    assert np.array_equal(answer.decision, data.labels.decision)
    assert np.allclose(answer.objective, data.labels.objective, rtol=2e-7, atol=0.0)
    assert answer.statuses() == {"OPTIMAL": 10_000}


def test_a_ratio_of_signal_and_noise_that_floats_do_not_hold_has_its_logarithm() -> None:
    """Next to no time is sent in by a user whom others outweigh by 1e21: its rate is next to nothing, not infinite."""
    problem = ComputationRate(
        channel_gain=[1.00707332e-13, 4.98669413e-13, 6.55300947e-03],
        cycles_per_bit=1.27963599e-05,
        noise_power=2.5686338543204345e-18,
        weight=[1.0, 1.5, 1.0],
    )
    answer = mecopt.allocate(problem, [1, 0, 1])
    assert answer.status is mecopt.Status.OPTIMAL
    assert answer.allocation.offload_time[0] < 1e-300
    times = FrameTimes(harvest_time=np.array(0.5), offload_time=np.array([1e-310, 0.0, 0.5]))
    rate = problem.rates(np.array([1, 0, 1]), times)[0]
    received = 0.5 * 0.7 * 3.0 * 1.00707332e-13**2
    right = 2e6 / 1.1 * 1e-310 * (np.log2(received / 2.5686338543204345e-18) + 310.0 * np.log2(10.0))
    assert rate == pytest.approx(right, rel=1e-9)


def rate_of_many_digits(local: Any, gain: Any, worth: Any, decision: Any, digits: int) -> tuple[float, float]:
    """Return the best rate of a mode and its time price: the root of psi by halving, u by Lambert's W, in many digits."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(digits):
        kept = mpmath.fsum(local[decision == 0])
        away = [(mpmath.mpf(g), mpmath.mpf(w)) for g, w in zip(gain[decision == 1], worth[decision == 1], strict=True)]
        high = kept + mpmath.fsum(w * mpmath.log1p(g) for g, w in away)
        low = high / (6 * len(away))
        for _ in range(64):
            price = mpmath.sqrt(low * high)
            ratios = [price / w + 1 + mpmath.lambertw(-mpmath.exp(-1 - price / w)).real for _, w in away]
            times = [g / mpmath.expm1(u) for (g, _), u in zip(away, ratios, strict=True)]
            harvest = 1 / (1 + mpmath.fsum(times))
            earned = mpmath.fsum(w * g * mpmath.exp(-u) for (g, w), u in zip(away, ratios, strict=True))
            if kept / 3 / mpmath.cbrt(harvest) ** 2 + earned > price:
                low = price
            else:
                high = price
        bits = mpmath.fsum(w * t * u for (_, w), t, u in zip(away, times, ratios, strict=True))
        return float(harvest * bits + kept * mpmath.cbrt(harvest)), float(price)


@pytest.mark.parametrize("decades", [0.5, 4.0, 30.0, 120.0])
def test_rates_and_prices_of_modes_are_those_of_many_digits(decades: float) -> None:
    """At gains and worths of all magnitudes, where u is nearly 0 and where it is some hundreds."""
    rng = np.random.default_rng(int(10 * decades))
    for users in (1, 2, 3, 5):
        local, gain, worth = 10.0 ** rng.uniform(-decades, decades, (3, 1, users))
        decision = np.append(rng.integers(0, 2, users - 1), 1).astype(np.int8)
        rate, price = rate_of_many_digits(local[0], gain[0], worth[0], decision, int(2 * decades) + 40)
        candidates = decision[None, None]
        assert float(mode_rates(local, gain, worth, candidates)[0, 0]) == pytest.approx(rate, rel=1e-14)
        harvest, offload, dual = mode_allocations(local, gain, worth, candidates)
        assert float(dual[0, 0]) == pytest.approx(price, rel=1e-14)
        assert float(harvest[0, 0] + offload[0, 0].sum()) == pytest.approx(1.0, rel=1e-15)


def test_who_earns_nothing_gets_no_time() -> None:
    data = np.array([[2.0, 1.0, 5.0]]), np.array([[0.0, 3.0, 3.0]]), np.array([[1.0, 1e-300, 1.0]])
    decisions = np.array([[[1, 1, 1], [1, 0, 0], [0, 1, 0]]], dtype=np.int8)
    harvest, offload, price = mode_allocations(*data, decisions)
    np.testing.assert_array_equal(offload[0] > 0.0, [[False, False, True], [False, False, False], [False, False, False]])
    np.testing.assert_allclose(harvest[0, 1:], 1.0)
    np.testing.assert_allclose(price[0, 1:], [2.0, 7.0 / 3.0])
