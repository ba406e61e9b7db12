"""Budgets next to the least energy of an upload, where the quotient of floats has no digit left; mpmath is the oracle."""

from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.special import lambertw

import mecopt
from mecopt import Status
from mecopt.kernels.error_free import efficiency_within, energy_excess, two_product, two_sum
from mecopt.models import BandwidthPower, PricedPower

mpmath.mp.dps = 60


def right_excess(budget: float, gain: float, band: float, data: float, noise: float) -> Any:
    """Return E h B / (D N ln 2) - 1 of the numbers as they are stored."""
    mp = mpmath.mpf
    return mp(budget) * mp(gain) * mp(band) / (mp(data) * mp(noise) * mpmath.log(2)) - 1


def right_efficiency(excess: Any) -> Any:
    """Return the u > 0 with (e^u - 1) / u = 1 + excess."""
    return mpmath.findroot(lambda u: mpmath.expm1(u) / u - 1 - excess, 2 * mpmath.log1p(excess))


def budget_for(excess: Any, gain: float, band: float, data: float, noise: float) -> float:
    """Return the float next to the budget that exceeds the least energy by so much."""
    mp = mpmath.mpf
    return float(mp(data) * mp(noise) * mpmath.log(2) / (mp(gain) * mp(band)) * (1 + mp(excess)))


def test_sums_and_products_lose_nothing() -> None:
    rng = np.random.default_rng(1)
    for _ in range(2000):
        a, b = (float(rng.uniform(-1, 1) * 10.0 ** rng.uniform(-30, 30)) for _ in range(2))
        assert sum(map(mpmath.mpf, two_sum(a, b))) == mpmath.mpf(a) + mpmath.mpf(b)
        assert sum(map(mpmath.mpf, two_product(a, b))) == mpmath.mpf(a) * mpmath.mpf(b)


def test_what_a_budget_leaves_above_the_least_energy_keeps_all_its_digits() -> None:
    rng = np.random.default_rng(2)
    near = 0
    for _ in range(4000):
        gain, band, data, noise = (float(10.0 ** rng.uniform(-20, 20)) for _ in range(4))
        excess = 10.0 ** rng.uniform(-20, 3) * rng.choice([-1.0, 1.0])
        link = (gain, band, data, noise)
        budget = budget_for(excess if excess > -1.0 else -excess, *link)
        right = right_excess(budget, *link)
        near += abs(right) < 1e-15
        assert energy_excess(budget, *link) == pytest.approx(float(right), rel=1e-15)
    assert near > 500


@pytest.mark.parametrize(
    ("numbers", "excess"),
    [
        ((np.inf, 1.0, 1.0, 1.0, 1.0), np.inf),
        ((1.0, 1.0, 1.0, 0.0, 1.0), np.inf),
        ((0.0, 1.0, 1.0, 1.0, 1.0), -1.0),
        ((1.0, 0.0, 1.0, 1.0, 1.0), -1.0),
        ((5e-324, 1e-300, 1e-300, 1e300, 1e300), -1.0),
        ((1e300, 1e300, 1e300, 1e-300, 1e-300), np.inf),
        ((1e300, 1e300, 1.0, 1e300, 1e300), 1.0 / np.log(2.0) - 1.0),
        ((5e-324, 1.0, 1.0, 5e-324, 1.0), 1.0 / np.log(2.0) - 1.0),
    ],
)
def test_budgets_at_the_ends_of_floats_are_told_from_the_least_energy(
    numbers: tuple[float, float, float, float, float], excess: float
) -> None:
    assert energy_excess(*numbers) == pytest.approx(excess, rel=1e-15)


@pytest.mark.parametrize("excess", [1e-300, 1e-30, 1e-17, 1e-12, 1e-4, 0.1, 2.0, 1e3, 1e30, 1e300])
def test_the_efficiency_that_a_budget_allows_spends_it(excess: float) -> None:
    with mpmath.workdps(700 if excess < 1e-200 else 60):
        u = mpmath.mpf(float(efficiency_within(excess)))
        assert float((mpmath.expm1(u) / u - 1) / mpmath.mpf(excess)) == pytest.approx(1.0, rel=2e-13)


@pytest.mark.parametrize("ratio", [1.02, 1.1, 3.0, 1e3, 1e15])
def test_the_efficiency_that_a_budget_allows_is_lamberts(ratio: float) -> None:
    lambert = -lambertw(-np.exp(-1 / ratio) / ratio, -1).real - 1 / ratio
    assert efficiency_within(ratio - 1.0) == pytest.approx(lambert, rel=1e-9)


def test_no_efficiency_is_allowed_below_the_least_energy_and_any_without_a_budget() -> None:
    assert [efficiency_within(excess) for excess in (0.0, -1e-17, -1.0, np.nan, np.inf)] == [0.0, 0.0, 0.0, 0.0, np.inf]


EXCESSES = [1e-6, 1e-9, 1e-12, 1e-14, 3e-15, 4e-16]


@pytest.mark.parametrize("excess", EXCESSES)
def test_a_band_shared_by_nobody_takes_what_the_budget_leaves(excess: float) -> None:
    """One user, so that its cost is D ln 2 / (B u) + t."""
    gain, data, noise, band = 7.3e-8, 8e5, 1e-14, 1e7
    budget = budget_for(excess, gain, 1.0, data, noise)
    u = right_efficiency(right_excess(budget, gain, 1.0, data, noise))
    right = float(data * mpmath.log(2) / (band * u) + mpmath.mpf(0.02))
    problem = BandwidthPower(channel_gain=[gain], energy_budget=[budget], local_time=[1e18])
    best = mecopt.solve(problem)
    assert best.status is Status.OPTIMAL
    assert best.decision.tolist() == [1]
    assert float(best.objective) == pytest.approx(right, rel=1e-13)
    assert float(problem.optimal_value(best.decision)) == pytest.approx(right, rel=1e-13)


@pytest.mark.parametrize("excess", EXCESSES)
def test_a_power_next_to_the_least_takes_what_the_budget_leaves(excess: float) -> None:
    """One user, whose cost is (D ln 2 / B) (1 + alpha p) / u with p = (e^u - 1) / g."""
    gain, data, noise, band = 3.1e-8, 8e5, 1e-8, 1e6
    budget = budget_for(excess, gain, band, data, noise)
    u = right_efficiency(right_excess(budget, gain, band, data, noise))
    power = mpmath.expm1(u) * mpmath.mpf(noise) / mpmath.mpf(gain)
    right = float(data * mpmath.log(2) / band * (1 + mpmath.mpf(2e-3) * power) / u)
    problem = PricedPower(channel_gain=[gain], energy_budget=[budget], local_cost=[1e18], energy_price=[2e-3])
    best = mecopt.solve(problem)
    assert best.status is Status.OPTIMAL
    assert best.decision.tolist() == [1]
    assert float(best.objective) == pytest.approx(right, rel=1e-13)


def test_the_offloading_that_a_sixteenth_digit_allows_is_not_called_impossible() -> None:
    """The budget is above the least energy by 1.2e-16, less than floats near 1 tell: offloading costs 29, staying 243."""
    found = PricedPower(
        channel_gain=[3.000054174739152e-08],
        data_size=[0.7999999999999999],
        bandwidth=[77344956412965.0],
        max_power=[2.949090485834708],
        local_cost=[243.0],
        server_time=[0.04819057967191806],
        noise_power=4.536095393062558,
        energy_budget=[1.0840180927572872e-06],
    )
    best = mecopt.solve(found)
    assert best.decision.tolist() == [1]
    assert float(best.objective) == pytest.approx(29.1492846, rel=1e-8)
    assert mecopt.allocate(found, [1]).status is Status.OPTIMAL


@pytest.mark.parametrize("model", [BandwidthPower, PricedPower])
def test_budgets_on_both_sides_of_the_least_energy_are_told_apart(model: Any) -> None:
    """Of neighbouring floats the one below the least energy carries nothing, the one above it everything, in time."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        gain = float(10.0 ** rng.uniform(-9, -6))
        link = (gain, 1.0, 8e5, 1e-14) if model is BandwidthPower else (gain, 1e6, 8e5, 1e-8)
        near = budget_for(0.0, *link)
        budgets = [np.nextafter(near, 0.0), near, np.nextafter(near, np.inf)]
        below = [bool(right_excess(float(budget), *link) <= 0) for budget in budgets]
        problem = model(channel_gain=[gain] * 3, energy_budget=budgets)
        assert problem.infeasible(np.eye(3, dtype=np.int8)).tolist() == below
