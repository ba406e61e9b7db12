"""Backscatter frames: what is left of times, bits and energies that the solver's path leaves near 0 is an allocation."""

from __future__ import annotations

import numpy as np
import pytest

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
