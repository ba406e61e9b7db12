"""Backscatter frames from a start: the answer is the same from any, near ones save steps, and no prices prove too much."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mecopt
from mecopt.contract.solution import Solution
from mecopt.contract.warmstart import from_dual
from mecopt.models.backscatter_frame import BackscatterFrame, FrameAllocation, FramePrices
from mecopt.testing.statements import same_value

Array = NDArray[Any]

VARIATIONS: dict[str, dict[str, Any]] = {
    "paper": {},
    "harder": {"preset": "harder"},
    "ten users": {"users": 10},
    "one user": {"users": 1},
    "mec-disabled": {"mode": "mec-disabled"},
    "causal": {"harvesting": "causal"},
    "battery price": {"battery_price": 1500.0},
    "no work": {"workload": 0.0},
    "no computing": {"compute_rate": 0.0},
    "much work": {"workload": 300.0},
    "free circuits": {"circuit_power": 0.0, "compute_energy": 0.0},
}


def drawn(count: int, seed: int = 0, **given: Any) -> tuple[BackscatterFrame, Array]:
    frames = BackscatterFrame.sample(np.random.default_rng(seed), (count,), **given)
    return frames, frames.decision_space.sample(np.random.default_rng(seed + 1), (count,))


def priced(solution: Solution, change: Callable[[Array], Array]) -> Solution:
    """Return a solution with other prices."""
    return dataclasses.replace(solution, dual=FramePrices(**{k: change(v) for k, v in solution.dual.as_dict().items()}))


def moved(solution: Solution, change: Callable[[Array], Array]) -> Solution:
    """Return a solution with other prices and another allocation."""
    allocation = FrameAllocation(**{k: change(v) for k, v in solution.allocation.as_dict().items()})
    return dataclasses.replace(priced(solution, change), allocation=allocation)


def turned(values: Array) -> Array:
    """Return what belongs to the frame before."""
    return np.roll(values, 1, axis=0)


STARTS: dict[str, Callable[[BackscatterFrame, Array, Solution], Solution]] = {
    "own": lambda frames, beams, cold: cold,
    "own prices": lambda frames, beams, cold: from_dual(frames, beams, cold.dual),
    "previous": lambda frames, beams, cold: moved(cold, turned),
    "random prices": lambda frames, beams, cold: from_dual(
        frames, beams, frames.random_dual(np.random.default_rng(2), cold.shape)
    ),
    "no prices": lambda frames, beams, cold: priced(cold, np.zeros_like),
    "prices of 1e6 times": lambda frames, beams, cold: priced(cold, lambda v: 1e6 * v),
    "prices of 1e300": lambda frames, beams, cold: priced(cold, lambda v: np.full_like(v, 1e300)),
    "nothing done": lambda frames, beams, cold: moved(cold, np.zeros_like),
    "far too much done": lambda frames, beams, cold: moved(cold, lambda v: np.full_like(v, 1e9)),
    "no numbers done": lambda frames, beams, cold: dataclasses.replace(
        cold, allocation=moved(cold, lambda v: np.full_like(v, np.nan)).allocation
    ),
}


@pytest.mark.parametrize("given", VARIATIONS.values(), ids=list(VARIATIONS))
@pytest.mark.parametrize("start", STARTS.values(), ids=list(STARTS))
def test_any_start_ends_in_the_same_proved_answer(given: dict[str, Any], start: Any) -> None:
    frames, beams = drawn(12, **given)
    cold = mecopt.allocate(frames, beams)
    warm = mecopt.allocate(frames, beams, start=start(frames, beams, cold))
    assert warm.statuses() == {"OPTIMAL": 12}
    assert warm.stats.start_used
    assert not cold.stats.start_used
    assert warm.gap.max() <= 1e-8
    assert warm.violation.max() <= 1e-12
    same_value(cold, warm, "from a start")


@pytest.mark.parametrize("given", VARIATIONS.values(), ids=list(VARIATIONS))
def test_a_start_at_the_answer_costs_no_more_steps_than_none(given: dict[str, Any]) -> None:
    frames, beams = drawn(40, seed=5, **given)
    cold = mecopt.allocate(frames, beams)
    own, prices = (mecopt.allocate(frames, beams, start=s) for s in (cold, from_dual(frames, beams, cold.dual)))
    assert own.stats.iterations.mean() <= cold.stats.iterations.mean()
    assert prices.stats.iterations.mean() <= cold.stats.iterations.mean() + 3.0


def test_the_nearer_the_frame_of_the_start_the_fewer_steps() -> None:
    frames, beams = drawn(150, seed=7)
    cold, rng = mecopt.allocate(frames, beams), np.random.default_rng(3)
    steps = []
    for change in (0.0, 0.01, 1.0):
        channel = frames.channel * (1.0 + change * rng.standard_normal(frames.channel.shape))
        near = dataclasses.replace(frames, channel=channel)
        steps.append(mecopt.allocate(near, beams, start=cold).stats.iterations.mean())
    without = cold.stats.iterations.mean()
    assert steps[0] < steps[1] < steps[2] < without + 1.0
    assert steps[0] < 0.7 * without


def test_a_start_that_promises_less_than_a_guess_is_set_aside_and_said_to_be() -> None:
    frames, beams = drawn(10)
    cold = mecopt.allocate(frames, beams)
    far = mecopt.allocate(frames, beams, start=moved(cold, lambda v: np.full_like(v, 1e9)))
    assert set(far.stats.messages) == set(range(10))
    assert all("set aside" in text for text in far.stats.messages.values())
    assert (far.stats.iterations == cold.stats.iterations).all()
    assert not mecopt.allocate(frames, beams, start=cold).stats.messages


def test_one_solution_starts_a_batch_and_candidates_have_their_own() -> None:
    frames, _ = drawn(4)
    beams = frames.decision_space.sample(np.random.default_rng(1), (4, 3))
    cold = mecopt.allocate(frames, beams)
    for start in (cold, cold[2, 1]):
        warm = mecopt.allocate(frames, beams, start=start)
        assert warm.statuses() == {"OPTIMAL": 12}
        assert warm.stats.start_used
    alone = mecopt.allocate(frames[2], beams[2, 1], start=cold[2, 1])
    assert alone.stats.iterations == mecopt.allocate(frames, beams, start=cold).stats.iterations[2, 1]
    with pytest.raises(mecopt.InstanceError, match=r"start has shape \(4, 3\); allowed: \(4,\), or a single solution"):
        mecopt.allocate(frames, beams[:, 0], start=cold)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_prices_that_are_no_numbers_are_refused(wrong: float) -> None:
    frames, beams = drawn(2)
    cold = mecopt.allocate(frames, beams)
    with pytest.raises(mecopt.StartIgnored, match="prices"):
        mecopt.allocate(frames, beams, start=priced(cold, lambda v: np.full_like(v, wrong)))


def test_sending_and_the_carrier_share_a_slot_in_every_bound() -> None:
    """Sending that earns all it can in no time, its energy free, leaves the whole slot to a carrier that earns, too."""
    frames, beams = drawn(60, compute_rate=0.0, workload=33.0)
    value, rng = mecopt.allocate(frames, beams).objective, np.random.default_rng(1)
    best, close = mecopt.allocate(frames, beams).dual.as_dict(), 0
    for _ in range(40):
        free = rng.random(best["energy_price"].shape) < 0.5
        prices = {
            "work_price": best["work_price"] * rng.uniform(1.0, 1.3, free.shape),
            "energy_price": np.where(free, 0.0, best["energy_price"]),
            "capacity_price": np.zeros(free.shape),
        }
        bound = frames.bound(beams, FramePrices(**prices))
        assert (bound <= value + 1e-9 * (np.abs(value) + frames.negligible)).all()
        close += int((bound > 0.5 * value).sum())
    assert close > 0
