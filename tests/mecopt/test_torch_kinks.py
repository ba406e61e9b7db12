"""Where prices are intervals or a limit of the server turns, both one-sided differences differ, and the place is named."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.models import BandwidthPower, InferenceQueue, MultiServerOffloading, PricedPower

torch = pytest.importorskip("torch", reason="gradients need torch")


def priced_band() -> tuple[Any, Any, str, str]:
    """Two users whose budgets bind at full power in half of the band each."""
    free = BandwidthPower(channel_gain=[2e-8, 9e-8], bandwidth=2e6)
    rate = 1e6 * np.log2(1.0 + free.channel_gain * free.max_power / (1e6 * free.noise_density))
    problem = BandwidthPower(**{**free.data(), "energy_budget": free.max_power * free.data_size / rate})
    return problem, [1, 1], "bandwidth", "all bands end"


def full_interference() -> tuple[Any, Any, str, str]:
    """Two users who would send with more, held by max_power, and a limit that this reaches."""
    free = PricedPower(channel_gain=[4e-7, 2e-8], max_power=1e-3, interference_gain=[1e-7, 2e-7])
    caused = (free.interference_gain * free.max_power).sum()
    return (
        PricedPower(**{**free.data(), "interference_limit": caused}),
        [1, 1],
        "interference_limit",
        "interference limit|interference_limit",
    )


def full_server() -> tuple[Any, Any, str, str]:
    """Two users at their greatest speeds, which are all that the server has."""
    problem = MultiServerOffloading(channel_gain=[[1e-7], [1e-7]], server_speed=[5e9], most_speed=[2e9, 3e9])
    return problem, [1, 1], "server_speed", "bounds of all its speeds fill a server"


def queue(**server: float) -> InferenceQueue:
    return InferenceQueue(snr_per_watt=[1e2, 1e3], backlog=[3, 2], **server)


def best_of_server() -> float:
    """Return how much a server with speed and work to spare does."""
    return float(
        mecopt.allocate(queue(server_backlog=1e3, server_value=1.0, server_speed=1e13), [1, 1]).allocation.server_work
    )


def just_the_backlog() -> tuple[Any, Any, str, str]:
    """A server that would do as much as waits."""
    server = queue(server_backlog=best_of_server(), server_value=1.0, server_speed=1e13)
    return server, [1, 1], "server_backlog", "the server: a limit of its work is just active"


def just_the_speed() -> tuple[Any, Any, str, str]:
    """A server whose speed is what it would work with."""
    rate = float(mecopt.allocate(just_the_backlog()[0], [1, 1]).allocation.server_rate)
    server = queue(server_backlog=1e3, server_value=1.0, server_speed=rate)
    return server, [1, 1], "server_speed", "the server: a limit of its work is just active"


def backlog_and_speed() -> tuple[Any, Any, str, str]:
    """A server that would do more, whose speed does what waits."""
    rate = 0.5 * float(mecopt.allocate(just_the_backlog()[0], [1, 1]).allocation.server_rate)
    server = queue(server_backlog=0.5 * best_of_server(), server_value=1.0, server_speed=rate)
    return server, [1, 1], "server_speed", "the server: its backlog is what it has speed for"


def worthless() -> tuple[Any, Any, str, str]:
    """A server whose tasks are worth nothing: its work grows with the square root of what they are worth."""
    server = queue(server_backlog=5.0, server_value=0.0, server_speed=1e13)
    return server, [1, 1], "server_value", "the server: the first that a task is worth"


def just_a_task() -> tuple[Any, Any, str, str]:
    """A device whose full power carries one task, and which would offload more."""
    free = InferenceQueue(snr_per_watt=[1e4], backlog=[3], energy_coefficient=1e-25, cpu_speed=1e11)
    power = mecopt.allocate(free, [3]).allocation.transmit_power
    assert mecopt.allocate(free, [3]).allocation.offloaded.tolist() == [1.0]
    return InferenceQueue(**{**free.data(), "max_power": power}), [3], "max_power", "max_power carries just a whole task"


KINKS = (
    priced_band,
    full_interference,
    full_server,
    just_the_backlog,
    just_the_speed,
    backlog_and_speed,
    just_a_task,
)


def sides(problem: Any, decision: Any, field: str) -> list[Any]:
    """Return differences of value and allocation to either side of the field's logarithm; nan where nothing is there."""
    base, found = problem.data()[field], []
    points = []
    for step in (-1e-5, 0.0, 1e-5):
        there = type(problem)(**{**problem.data(), field: base * np.exp(step)})
        solution = mecopt.allocate(there, decision, tol=1e-10, throw=False)
        points.append([solution.objective, *solution.allocation.as_dict().values()])
    for one, other in itertools.pairwise(points):
        found.append([(np.asarray(b) - np.asarray(a)) / 1e-5 for a, b in zip(one, other, strict=True)])
    return found


def refusal(problem: Any, decision: Any) -> str:
    """Return what is said of a kink; nothing where there is none."""
    from mecopt.torch import AtAKink, allocate

    try:
        allocate(problem, decision, at_kinks="raise")
    except AtAKink as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kink", KINKS, ids=lambda kink: kink.__name__)
def test_a_kink_has_two_sides_and_is_named(kink: Any) -> None:
    from mecopt.torch import AtAKink, allocate

    problem, decision, field, said = kink()
    before, after = sides(problem, decision, field)
    apart = []
    for one, other in zip(before, after, strict=True):
        size = max(np.abs(one).max(), np.abs(other).max())
        apart.append(0.0 if size == 0.0 else np.abs(one - other).max() / size)
    assert np.isnan(apart).any() or max(apart) > 0.1
    with pytest.raises(AtAKink, match=said):
        allocate(problem, decision, at_kinks="raise")
    moved = type(problem)(**{**problem.data(), field: problem.data()[field] * 1.001})
    assert not re.search(said, refusal(moved, decision))


def test_a_server_whose_tasks_are_worth_nothing_is_at_a_kink() -> None:
    from mecopt.torch import AtAKink, allocate

    problem, decision, _, said = worthless()
    work = [
        float(
            mecopt.allocate(
                queue(server_backlog=5.0, server_value=value, server_speed=1e13), decision
            ).allocation.server_work
        )
        for value in (1e-14, 1e-12)
    ]
    assert work[1] / work[0] == pytest.approx(10.0, rel=1e-6)  # of the square root, infinitely steep at 0
    with pytest.raises(AtAKink, match=said):
        allocate(problem, decision, at_kinks="raise")


@pytest.mark.parametrize("name", ["bandwidth-power", "inference-queue", "multi-server-offloading", "priced-power"])
def test_instances_in_general_position_are_at_no_kink(name: str) -> None:
    from mecopt.torch import allocate, differentiable

    drawn = mecopt.find_problem(name).sample(np.random.default_rng(0), (50,), users=4)
    rng = np.random.default_rng(2)  # presets have whole numbers, and a processor that does just one task
    moved = {name: drawn.data()[name] * rng.uniform(1.0, 1.01, drawn.data()[name].shape) for name in differentiable(drawn)}
    problem = type(drawn)(**{**drawn.data(), **moved})
    decision = problem.mended(problem.decision_space.sample(np.random.default_rng(1), (50,)))
    found = allocate(problem, decision, at_kinks="raise")
    assert (~found.value.isnan()).sum() > 20
