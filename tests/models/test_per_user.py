"""What an answer means for each user: the first of it adds up to the objective, whatever the decision and the allocation."""

from __future__ import annotations

import numpy as np
import pytest

import mecopt
from mecopt import Problem
from mecopt.models import (
    BackscatterFrame,
    BandwidthPower,
    BinaryOffloading,
    ComputationRate,
    MultiServerOffloading,
    PricedPower,
)
from mecopt.registry import problems


@pytest.mark.parametrize("candidates", [(), (3,)])
@pytest.mark.parametrize("cls", problems().values(), ids=problems())
def test_the_first_of_every_user_adds_up_to_the_objective(cls: type[Problem], candidates: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    for preset in cls.presets:
        problem = cls.sample(rng, (5,), preset=preset, users=4)
        space = problem.decision_space
        decision = space.sample(rng, (5, *candidates))
        allocation = problem.respond(decision, problem.random_dual(rng, (5, *candidates)))
        found = problem.per_user(decision, allocation)
        assert list(found) == list(cls.user_units)
        assert all(value.shape == (5, *candidates, 4) for value in found.values())
        np.testing.assert_allclose(
            found[next(iter(found))].sum(axis=-1), problem.objective(decision, allocation), rtol=1e-12
        )


def test_delay_and_energy_of_binary_offloading_by_hand() -> None:
    """12 MB at 3 MB/s and 3 W; 10 MB sent at 2.5 MB/s and 1 W, computed at 20 MB/s while waiting at 0.5 W."""
    problem = BinaryOffloading(data_size=[12.0, 10.0], capacity=20.0, energy_weight=2.0)
    found = problem.per_user(np.array([0, 1]), mecopt.allocate(problem, [0, 1]).allocation)
    np.testing.assert_allclose(found["delay"], [4.0, 4.5])
    np.testing.assert_allclose(found["energy"], [12.0, 4.25])
    np.testing.assert_allclose(found["cost"], [28.0, 13.0])


def test_rates_of_a_frame_by_hand() -> None:
    """A user that computes itself harvests the whole frame: (mu P h / k)^(1/3) / phi bits a second."""
    problem = ComputationRate(channel_gain=[1e-6], weight=[1.5])
    found = problem.per_user(np.array([0]), mecopt.allocate(problem, [0]).allocation)
    np.testing.assert_allclose(found["harvested_power"], [0.7 * 3 * 1e-6])
    np.testing.assert_allclose(found["rate"], [(0.7 * 3 * 1e-6 / 1e-26) ** (1 / 3) / 100])
    np.testing.assert_allclose(found["weighted_rate"], 1.5 * found["rate"])


def test_energy_of_an_upload_is_its_power_for_its_time() -> None:
    many = MultiServerOffloading(channel_gain=[[1e-8]], workload=0.0)  # the latency is the upload's
    solution = mecopt.allocate(many, [1])
    found = many.per_user(solution.decision, solution.allocation)
    np.testing.assert_allclose(found["upload_energy"], solution.allocation.transmit_power * found["delay"])
    shared = BandwidthPower(channel_gain=[1e-10, 1e-10], server_time=0.0)
    divided = mecopt.allocate(shared, [1, 0])
    found = shared.per_user(divided.decision, divided.allocation)
    np.testing.assert_allclose(found["upload_energy"], [divided.allocation.power[0] * found["delay"][0], 0.0])
    priced = PricedPower.sample(np.random.default_rng(0), users=2)
    paid = mecopt.allocate(priced, [1, 0])
    found = priced.per_user(paid.decision, paid.allocation)
    sending = found["delay"][0] - priced.server_time[0]
    np.testing.assert_allclose(found["upload_energy"], [paid.allocation.transmit_power[0] * sending, 0.0])
    assert np.isnan(found["delay"][1]), "its local cost is one number"


def test_the_access_point_spends_its_energy_on_users() -> None:
    """Who does nothing costs the price of the work that is not served, less the worth of what its battery keeps."""
    frame = BackscatterFrame.sample(np.random.default_rng(0), users=3)
    solution = mecopt.solve(frame)
    found = frame.per_user(solution.decision, solution.allocation)
    a = solution.allocation
    idle = a.active_bits + a.passive_bits + a.active_time + a.passive_time == 0
    np.testing.assert_array_equal(found["access_point_energy"][idle], 0.0)
    assert (found["access_point_energy"] >= 0.0).all()
