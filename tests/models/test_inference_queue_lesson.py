"""The lesson on inference queues: every check passes for any seed, and each part fails where its formula is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mecopt.lesson import Outcome
from mecopt.models import InferenceQueue
from mecopt.models.inference_queue.dynamics.joint import Losses, World
from mecopt.models.inference_queue.dynamics.network import Price
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
from mecopt.models.inference_queue.lesson import checks
from mecopt.models.inference_queue.lesson import network_checks as network

Check = Callable[..., Outcome]
STEPS = len(InferenceQueue.lesson().steps)


@pytest.mark.parametrize("number", range(1, STEPS + 1))
def test_every_check_passes_for_any_seed(number: int) -> None:
    for seed in range(5):
        outcome = InferenceQueue.lesson().outcome(number, seed)
        assert outcome.passed, outcome.text


def _of_one_slot(problem: InferenceQueue, local: Any) -> Any:
    """All work in one of the slots."""
    return checks.energy_of_equal_rates(problem, local) * problem.slots**2


def _without_offloading(problem: InferenceQueue) -> Any:
    return checks.solved(dataclasses.replace(problem, max_power=0.0))


def _halved(problem: InferenceQueue) -> Any:
    return 0.5 * checks.solved(problem)


def _by_the_mean_rate(nats: Any, part: Any, time: Any) -> Any:
    """The power of a whole slot, for a part of it."""
    return time * np.expm1(nats * part)


def _root(nats: Any, part: Any, time: Any) -> Any:
    return np.sqrt(checks.perspective(nats, part, time))


def _printed_lambert(cube: float, sending: float, nats: float, price: float, work: float) -> float:
    """Without the two of the square root."""
    return 0.5 * checks.balanced_split(cube, sending, nats, price, work)


def _overflowing(cube: float, sending: float, nats: float, price: float, work: float) -> float:
    from scipy.special import lambertw

    with np.errstate(all="ignore"):
        inside = np.sqrt(np.float64(sending) * nats * np.exp(np.float64(nats * work)) / (3.0 * cube))
        return float(2.0 / nats * lambertw(0.5 * nats * inside).real)


def _deaf_to_prices(cube: float, sending: float, nats: float, price: float, work: float) -> float:
    return checks.balanced_split(cube, sending, nats, 0.0, work)


def _discouraged(cube: float, sending: float, nats: float, price: float, work: float) -> float:
    return checks.balanced_split(cube, sending, nats, price, work) - price


def _too_high(problem: InferenceQueue, piece: int, prices: Any) -> Any:
    return checks.at_prices(problem, piece, prices) + 1e-3 * np.abs(prices)


def _without_the_radio(problem: InferenceQueue, piece: int, prices: Any) -> Any:
    """As if what is offloaded cost nothing."""
    return checks.at_prices(problem, piece, prices) - np.abs(prices)


def _concave(problem: InferenceQueue) -> Any:
    return checks.costs_of_pieces(problem) ** 0.2


def _one_more(problem: InferenceQueue) -> Any:
    leaving, bounds = checks.settled(problem)
    return leaving + 1.0, bounds


def _one_price(problem: InferenceQueue) -> Any:
    """The relaxation, at the value of a task for all pieces."""
    leaving, _ = checks.settled(problem)
    return leaving, problem.relaxed_bound(problem.relaxed_dual())


def _conserved(problem: InferenceQueue) -> Any:
    return checks.solved(problem)


def _cheaper(problem: InferenceQueue) -> Any:
    return 0.5 * checks.solved(problem)


def _always_half(snr: Any, nats: float, reach: float) -> Any:
    return np.full_like(snr, 0.5)


def _without_the_server(dynamics: QueueDynamics, price: float, cells: int) -> float:
    """As if what the server earns by the price were not its."""
    return network.sum_of_parts(dynamics, price, cells) - dynamics.network.server(price)


def _of_one_price(dynamics: QueueDynamics, price: float, cells: int) -> float:
    """Whatever the price, that of a task that waits for ever."""
    return network.sum_of_parts(dynamics, dynamics.network.dearest, cells)


def _of_grains(world: World) -> Any:
    """Not per task."""
    return network.margins(world) * world.step


def _for_ever(dynamics: QueueDynamics) -> Price:
    return dataclasses.replace(dynamics.network.price, price=dynamics.network.dearest)


def _more_than_is_proved(dynamics: QueueDynamics) -> Price:
    return dataclasses.replace(dynamics.network.price, bound=1.01 * dynamics.network.price.bound)


def _less_than_is_proved(dynamics: QueueDynamics) -> Price:
    return dataclasses.replace(dynamics.network.price, bound=0.99 * dynamics.network.price.bound)


def _by_theorem_1(world: World, prices: Any) -> Losses:
    """Alone as cheap as together, always."""
    found = world.losses(prices)
    return dataclasses.replace(found, alone=found.together)


def _paying_for_nothing(world: World, prices: Any) -> Losses:
    """Devices that pay for what costs nothing."""
    found = world.losses(prices)
    return dataclasses.replace(found, alone=world.decided(world.alone(1.0)))


def _whatever_is_paid(world: World, prices: Any) -> Losses:
    """As if no price helped."""
    return world.losses(prices[:0])


WRONG: list[tuple[Check, dict[str, Any], set[int]]] = [
    (checks.check_equal_rates, {"energy": _of_one_slot}, {0, 1}),
    (checks.check_pieces, {"best": _without_offloading}, {0}),
    (checks.check_pieces, {"best": _halved}, {1}),
    (checks.check_power, {"energy": _root}, {0, 2}),
    (checks.check_power, {"energy": _by_the_mean_rate}, {1}),
    (checks.check_lambert, {"split": _printed_lambert}, {0}),
    (checks.check_lambert, {"split": _overflowing}, {1}),
    (checks.check_newton, {"split": _deaf_to_prices}, {0}),
    (checks.check_newton, {"split": _discouraged}, {1}),
    (checks.check_price, {"bound": _too_high}, {0}),
    (checks.check_price, {"bound": _without_the_radio}, {1}),
    (checks.check_convex, {"costs": _concave}, {0}),
    (checks.check_convex, {"decide": _one_more}, {1}),
    (checks.check_convex, {"decide": _one_price}, {2}),
    (checks.check_literal, {"best": _conserved}, {0}),
    (checks.check_literal, {"best": _cheaper}, {1}),
    (checks.check_cap, {"part": _always_half}, {2}),
    (checks.check_cap, {"mean": lambda depth: 1.0 / (1.0 + depth)}, {0, 1}),
    (network.check_split, {"bound": _without_the_server}, {0}),
    (network.check_split, {"bound": _of_one_price}, {1}),
    (network.check_price, {"margin": _of_grains}, {0}),
    (network.check_price, {"best": _for_ever}, {1}),
    (network.check_price, {"best": _more_than_is_proved}, {2}),
    (network.check_price, {"best": _less_than_is_proved}, {3}),
    (network.check_alone, {"lost": _paying_for_nothing}, {0}),
    (network.check_alone, {"lost": _by_theorem_1}, {1}),
    (network.check_alone, {"lost": _whatever_is_paid}, {2}),
]


@pytest.mark.parametrize(
    ("check", "wrong", "parts"), WRONG, ids=lambda part: getattr(part, "__name__", None) or "-".join(map(str, part))
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_formulas_are_noticed(check: Check, wrong: dict[str, Any], parts: set[int], seed: int) -> None:
    outcome = check(np.random.default_rng(seed), **wrong)
    measured = outcome.parts or (outcome,)
    for part in parts:
        assert not measured[part].passed, measured[part].line


@pytest.mark.parametrize("number", range(1, STEPS + 1))
def test_every_part_of_every_check_can_fail(number: int) -> None:
    step = InferenceQueue.lesson().step(number)
    outcome = InferenceQueue.lesson().outcome(number)
    failing: set[int] = set().union(*(parts for check, _, parts in WRONG if check is step.check))
    assert failing == set(range(len(outcome.parts or (outcome,))))
