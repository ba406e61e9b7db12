"""Backscatter frames: what is left of times, bits and energies that the solver's path leaves near 0 is an allocation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

import mecopt
from mecopt import Status
from mecopt.models.backscatter_frame import BackscatterFrame
from mecopt.models.backscatter_frame.allocation.specialised import Followed, allocated, carried, follow
from mecopt.models.backscatter_frame.terms import sending_energy


@pytest.mark.parametrize("noise", [1e-6, 1.0, 1e6])
def test_what_an_energy_carries_takes_no_more_than_that_energy(noise: float) -> None:
    rng = np.random.default_rng(0)
    time, radiated = 10.0 ** rng.uniform(-60.0, 0.0, (2, 2000))
    bits = carried(time, radiated, np.full(2000, noise))
    assert (bits > 0.0).all()
    spent = sending_energy(time, bits, np.ones(2000), np.full(2000, noise))
    np.testing.assert_allclose(spent, radiated, rtol=1e-9)
    assert (carried(np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.ones(2)) == 0.0).all()
    assert carried(np.ones(1), np.ones(1), np.full(1, np.inf)) == 0.0


def test_bits_that_are_rounding_ask_for_no_energy() -> None:
    problem = BackscatterFrame.sample(np.random.default_rng(0), (4,))
    beams = problem.decision_space.sample(np.random.default_rng(1), (4,))
    terms = problem.terms(beams)
    found = follow(terms, 1e-9)
    point = found.point.copy()
    point[..., 0], point[..., 1], point[..., 2] = 8e-19, 7e-16, 1e-20  # 900 bit/s/Hz: an energy of 2^900 by (4)
    kept = allocated(problem, beams, terms, Followed(point, found.passive, found.prices, found.steps))
    assert kept.spent_energy.max() <= problem.battery_capacity.max()
    violations = problem.violations(beams, kept)
    assert max(np.max(violations[name]) for name in ("battery", "capacity", "sign")) == pytest.approx(0.0, abs=1e-9)


LITTLE = (1e-2, 1e-4, 2e-5, 1e-6, 1e-8, 1e-12)
"""Work in kbit, most of it far less than a bit; in a band of 20 MHz that of 1e-6 here is what 2 bit are."""


@pytest.mark.parametrize("work", LITTLE)
def test_little_work_that_is_reflected_costs_its_time_or_is_not_served(work: float) -> None:
    channel = np.array([[0.02, 0.01j], [0.003, -0.001], [0.05, 0.02j]])
    frames = BackscatterFrame(channel=channel[:, None, :], workload=work, battery=0.0, compute_rate=0.0)
    strength = (np.abs(channel) ** 2).sum(axis=-1)
    rate = 10.0 * np.log2(1.0 + 6000.0 * 0.4**2 * strength**2 / 1e-5)
    solution = mecopt.solve(frames)
    assert (solution.status == Status.OPTIMAL).all()
    np.testing.assert_allclose(solution.objective, work * np.minimum(6020.0 / rate + 0.1, 1e4), rtol=1e-6)


@pytest.mark.parametrize("work", LITTLE)
def test_little_work_that_is_sent_costs_the_least_time_in_which_the_battery_sends_it(work: float) -> None:
    gain, battery = 0.02, 0.3
    frame = BackscatterFrame(channel=[[gain]], workload=work, battery=battery, compute_rate=0.0, mode="active-enabled")

    def lacking(bits_per_second_and_hertz: float) -> float:
        time = work / 10.0 / bits_per_second_and_hertz
        return float(time * (1e-5 / gain**2 * np.expm1(np.log(2.0) * bits_per_second_and_hertz) + 0.002) - battery)

    time = work / 10.0 / brentq(lacking, 1e-3, 300.0, xtol=1e-14, rtol=1e-14)
    solution = mecopt.solve(frame)
    assert solution.status is Status.OPTIMAL
    assert solution.objective == pytest.approx(50.0 * time + 0.1 * work, rel=1e-6)


@pytest.mark.parametrize(("users", "seed"), [(2, 0), (3, 0), (2, 7), (3, 7)])
def test_what_uses_next_to_nothing_of_any_limit_costs_in_proportion_to_the_work(users: int, seed: int) -> None:
    frames = BackscatterFrame.sample(np.random.default_rng(users + 100 * seed), (4,), users=users, battery=0.0)
    works = np.random.default_rng(seed).uniform(0.3, 1.0, users)
    beams = frames.decision_space.sample(np.random.default_rng(1), (4,))
    for answer in (mecopt.solve, lambda frames: mecopt.allocate(frames, beams, tol=1e-6)):
        values = []
        for work in LITTLE[1:-1]:
            solution = answer(BackscatterFrame(**{**frames.data(), "workload": work * works}))
            assert (solution.status == Status.OPTIMAL).all(), solution.gap
            values.append(solution.objective / work)
        np.testing.assert_allclose(values[1:], np.broadcast_to(values[0], (len(values) - 1, 4)), rtol=2e-6)
