"""The luck of devices: 0 in the mean over continuous channels, exactly, and what makes good policies' costs scatter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from mecopt.dynamic import luck, rollout
from mecopt.models.inference_queue.dynamics import network
from mecopt.models.inference_queue.dynamics.control_variate import NODES
from mecopt.models.inference_queue.dynamics.network import LONGEST
from mecopt.models.inference_queue.dynamics.policies import POLICIES
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics

Array = NDArray[Any]


def mean_luck(dynamics: QueueDynamics, backlog: Array) -> float:
    """Return the mean over channels and arrivals, both alike for all devices, of their summed luck.

    Between two nodes luck is linear in u, so that its mean there is that in the middle: the midpoint rule, where the code
    has the trapezoidal one.
    """
    middle, width = 0.5 * (NODES.at[1:] + NODES.at[:-1]), np.diff(NODES.at)
    arrivals = np.arange(dynamics.block_slots + 1.0)
    slots = dynamics.stream(np.random.default_rng(0), middle.size, arrivals.size)
    whole = slots.backlog.shape
    channels = -dynamics.mean_snr * np.log1p(-middle)[:, None, None]
    values = {
        "snr_per_watt": np.broadcast_to(channels, whole),
        "arrivals": np.broadcast_to(arrivals[:, None], whole),
        "backlog": np.broadcast_to(backlog, whole),
    }
    control = dynamics.control_variate()
    assert control is not None
    found = control(slots._with({**slots.data(), **values}))
    assert np.abs(found).max() > 1.0
    law = binom.pmf(arrivals, dynamics.block_slots, dynamics.arrival_probability)
    return float(width @ found @ law)


@pytest.mark.parametrize("knows", ["known", "causal"])
@pytest.mark.parametrize("chance", [0.2, 0.7])
def test_the_mean_over_continuous_channels_and_arrivals_is_0(knows: str, chance: float) -> None:
    means = np.array([1e1, 3e3, 1e6, 0.0])
    dynamics = QueueDynamics(users=4, mean_snr=means, arrivals=knows, arrival_probability=chance)
    for backlog in ([0, 0, 0, 0], [1, 2, 3, 4], [9, 5, 0, 2], [LONGEST, LONGEST + 1, 3 * LONGEST, 7]):
        assert mean_luck(dynamics, np.array(backlog, dtype=float)) == pytest.approx(0.0, abs=1e-8)


def test_it_is_so_where_channels_are_rounded_and_values_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MANY", 3)
    rounded = QueueDynamics(users=6)
    assert len(rounded.network.kinds) == 3
    assert mean_luck(rounded, np.arange(6.0)) == pytest.approx(0.0, abs=1e-8)
    off = QueueDynamics(users=2)
    off.network.__dict__["priced_values"] = np.cumsum(np.random.default_rng(0).random((2, LONGEST + 1)), axis=1) ** 2
    assert mean_luck(off, np.array([3.0, 1.0])) == pytest.approx(0.0, abs=1e-8)


def sums(dynamics: QueueDynamics, name: str, lanes: int, seed: int = 0, slots: int = 250) -> tuple[Array, Array]:
    """Return discounted costs of lanes, and their discounted luck."""
    path, control = dynamics.stream(np.random.default_rng(seed), slots, lanes), dynamics.control_variate()
    assert control is not None
    found = rollout(dynamics, path, POLICIES[name](dynamics), np.random.default_rng(seed + 1))
    weights = dynamics.discount ** np.arange(slots)
    return -(weights @ found.reward), -(weights @ luck(control, path, found))


def error(values: Array) -> float:
    return float(values.std(ddof=1) / np.sqrt(values.size))


@pytest.mark.parametrize("knows", ["known", "causal"])
def test_what_is_told_of_every_policy_is_what_is_simulated_within_its_error(knows: str) -> None:
    dynamics = QueueDynamics(users=2, arrivals=knows)
    for name in POLICIES:
        costs, by_chance = sums(dynamics, name, 150, seed=3)
        assert abs(by_chance.mean()) < 4.0 * error(by_chance), name
        assert error(costs - by_chance) < 0.75 * error(costs), name


@pytest.mark.parametrize(("knows", "part"), [("known", 1e-3), ("causal", 0.03)])
def test_a_priced_network_has_next_to_no_error_and_lies_above_its_bound(knows: str, part: float) -> None:
    dynamics = QueueDynamics(users=5, arrivals=knows)
    costs, by_chance = sums(dynamics, "priced", 60)
    told = costs - by_chance
    assert error(told) < part * error(costs)
    assert told.mean() > dynamics.network.price.bound
    assert told.mean() < 1.001 * dynamics.network.price.bound


def test_of_devices_whose_server_costs_nothing_every_lane_costs_what_values_say() -> None:
    dynamics = QueueDynamics(users=3, server_waiting_weight=0.0, server_energy_weight=0.0)
    costs, by_chance = sums(dynamics, "decomposed", 20)
    low, high = dynamics.network.bracket()
    assert costs.std() > 0.05 * costs.mean()
    assert (costs - by_chance > low[:, 0].sum() * (1.0 - 1e-4)).all()
    assert (costs - by_chance < high[:, 0].sum() * (1.0 + 1e-4)).all()


def test_where_channels_are_given_nothing_is_taken_off() -> None:
    assert QueueDynamics(users=2, snr_per_watt=[1e3, 1e5]).control_variate() is None
