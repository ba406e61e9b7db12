"""Users who are not there, links that do not exist: every problem passes the batteries of `mecopt.testing_absent`."""

import numpy as np
import pytest

import mecopt
from mecopt.models import ComputationRate
from mecopt.problem import Problem
from mecopt.registry import find_problem, problem_names
from mecopt.testing import Check
from mecopt.testing_absent import CHECKS_OF_ZEROS, checks_with_zeros, fields_with_zeros, with_zeros

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
    """They tie on both sides, and no price tells them apart: the tree is that of the others."""
    few = ComputationRate.sample(np.random.default_rng(0), (5,), users=10)
    many = ComputationRate(
        channel_gain=np.concatenate([few.channel_gain, np.zeros((5, 30))], axis=1),
        weight=np.concatenate([few.weight, np.random.default_rng(1).uniform(1.0, 2.0, (5, 30))], axis=1),
    )
    one, other = mecopt.solve(few), mecopt.solve(many)
    assert np.array_equal(one.stats.solver_calls, other.stats.solver_calls)
    assert np.array_equal(one.objective, other.objective)
    assert np.array_equal(one.bound, other.bound)
    assert np.array_equal(one.decision, other.decision[:, :10])
    assert not other.decision[:, 10:].any()


def test_where_nobody_has_energy_the_rate_of_zero_is_proved() -> None:
    solution = mecopt.solve(ComputationRate(channel_gain=[0.0, 0.0]))
    assert (float(solution.objective), float(solution.gap), solution.status.name) == (0.0, 0.0, "OPTIMAL")
    assert solution.decision.tolist() == [0, 0]
