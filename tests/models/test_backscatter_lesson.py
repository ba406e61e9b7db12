"""The lesson on backscatter frames: every check passes for any seed, and each part fails where its formula is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mecopt.lesson import Outcome
from mecopt.models import BackscatterFrame
from mecopt.models.backscatter_frame import FrameAllocation, FramePrices
from mecopt.models.backscatter_frame.admission import Admission, admit, served, serving
from mecopt.models.backscatter_frame.lesson import checks, mixtures, prices, program, service
from mecopt.solve import allocate, solve

LESSON = BackscatterFrame.lesson()
NUMBERS = range(1, len(LESSON.steps) + 1)
Check = Callable[..., Outcome]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_check_passes_for_any_seed(number: int) -> None:
    outcome = LESSON.outcome(number, 2)  # the battery of every problem runs seeds 0 and 1
    assert outcome.passed, outcome.text


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
def test_every_check_passes_for_many_seeds(number: int) -> None:
    for seed in range(3, 30):
        outcome = LESSON.outcome(number, seed)
        assert outcome.passed, f"seed {seed}: {outcome.text}"


# ---------------------------------------------------------------------- wrong formulas, the beams fixed


def _worthless_batteries(problem: BackscatterFrame, beams: Any, allocation: FrameAllocation) -> Any:
    return replace(problem, battery_price=0.0).objective(beams, allocation)


def _ratio_as_printed(problem: BackscatterFrame, beams: Any) -> Any:
    return checks.ratio_of_rate(checks.literal(problem), beams)


def _times(factor: float, value: checks.Value = BackscatterFrame.optimal_value) -> checks.Value:
    return lambda problem, beams: factor * value(problem, beams)


def _without_the_start(bits: Any, time: Any, power: Any) -> list[Any]:
    """Leave the energy of a silent slot in what is radiated."""
    import cvxpy as cp

    return [cp.ExpCone(program.LN2 * bits, time, power)]


def _natural_logarithm(bits: Any, time: Any, power: Any) -> list[Any]:
    import cvxpy as cp

    return [bits <= -cp.rel_entr(time, time + power)]


def _energy_as_power(time: Any, energy: Any, bandwidth: Any, noise: Any) -> Any:
    return bandwidth * time * np.log2(1.0 + energy / noise)


def _nothing_left(problem: BackscatterFrame, beams: Any) -> tuple[FrameAllocation, FramePrices]:
    found, price = problem.closed_form(beams)
    return replace(found, unserved_bits=np.zeros_like(found.unserved_bits)), price


def _cheap_work(problem: BackscatterFrame, beams: Any) -> tuple[FrameAllocation, FramePrices]:
    found, price = problem.closed_form(beams)
    return found, replace(price, work_price=0.9 * price.work_price)


def _one_fewer(problem: BackscatterFrame, beams: Any) -> Admission:
    """Drop the first user that could be served, too."""
    who = served(problem, allocate(problem, beams).allocation)
    who[np.arange(len(who)), who.argmax(axis=-1)] = False
    return Admission(who, allocate(serving(problem, who), beams))


def _as_it_stands(problem: BackscatterFrame, beams: Any) -> Admission:
    """Call everyone served, and leave the elastic answer."""
    return replace(
        admit(problem, beams), served=np.ones_like(problem.workload, dtype=bool), solution=allocate(problem, beams)
    )


def _free_energy(problem: BackscatterFrame, beams: Any, dual: FramePrices) -> Any:
    """Forget what the energy in the batteries is worth."""
    return problem.bound(beams, dual) + (dual.energy_price * problem.battery).sum(axis=-1)


def _dear_work(problem: BackscatterFrame, beams: Any) -> FramePrices:
    price = prices.best_prices(problem, beams)
    return replace(price, work_price=1.2 * price.work_price)


# ---------------------------------------------------------------------- wrong formulas, the beams open


def _by_matched(problem: BackscatterFrame) -> Any:
    return solve(problem, solver="matched").objective


def _cheap_tangent(charged: Any, own: Any, gain: float, slope: float) -> float:
    """Count the bits of the tangent in natural logarithms."""
    curved = gain / program.LN2 * (np.log(gain / (slope * program.LN2)) - 1.0)
    return mixtures.at_slope(charged, own, gain, slope) - (1.0 - program.LN2) * float(curved)


def _for_itself(frame: BackscatterFrame, found: program.Found, i: int) -> Any:
    """Point the beam at the slot's own user."""
    return np.outer(frame.channel[i], frame.channel[i].conj())


def _blurred(frame: BackscatterFrame) -> program.Found:
    found = program.answer(frame)
    time = np.trace(found.mixtures, axis1=-2, axis2=-1).real / frame.channel.shape[-1]
    return found._replace(mixtures=0.9 * found.mixtures + 0.1 * time[:, None, None] * np.eye(frame.channel.shape[-1]))


def _least(mixture: Any) -> Any:
    return np.linalg.eigh(mixture)[1][..., :, 0]


def _eigenvectors(mixture: Any, channel: Any, parts: int) -> Any:
    """Divide the slot among eigenvectors, as if their eigenvalues were equal."""
    return np.linalg.eigh(mixture)[1][:, -parts:].T


def _one_listener(rng: np.random.Generator) -> BackscatterFrame:
    """Feed one user: a single beam is enough."""
    crowd = mixtures.around_the_sphere(rng)
    data: dict[str, Any] = crowd.data()
    return BackscatterFrame(**{name: value[:2] if np.ndim(value) else value for name, value in data.items()})


Case = tuple[Check, dict[str, Any], set[int]]
"""A check, the wrong formula it is given, and the parts of the check that this formula must make fail."""

WRONG: list[Case] = [
    (checks.check_program, {"cost": _worthless_batteries}, {0}),
    (checks.check_program, {"ratio": _ratio_as_printed}, {1}),
    (checks.check_program, {"printed": lambda problem: problem}, {2}),
    (checks.check_perspective, {"changed": checks.IN_RATES}, {0, 1}),
    (checks.check_perspective, {"paper": checks.IN_BITS}, {2, 3}),
    (checks.check_perspective, {"value": _times(1.01)}, {4}),
    (checks.check_perspective, {"value": _times(0.99)}, {5}),
    (checks.check_cone, {"cone": _without_the_start}, {0}),
    (checks.check_cone, {"log": _natural_logarithm}, {1}),
    (checks.check_cone, {"bits": _energy_as_power}, {2, 3}),
    (checks.check_cone, {"value": _times(0.999)}, {0, 1}),
    (service.check_penalty, {"threshold": _times(0.5, service.largest_work_price)}, {0, 1}),
    (service.check_penalty, {"threshold": _times(3.0, service.largest_work_price)}, {2}),
    (service.check_penalty, {"closed": _nothing_left}, {3}),
    (service.check_penalty, {"closed": _cheap_work}, {4}),
    (service.check_dropping, {"dropped": _one_fewer}, {0}),
    (service.check_dropping, {"dropped": _as_it_stands}, {1, 2}),
    (prices.check_prices, {"bound": _free_energy}, {0, 1}),
    (prices.check_prices, {"prices": _dear_work}, {1, 2, 3}),
    (mixtures.check_mixtures, {"value": _by_matched}, {0, 1}),
    (mixtures.check_mixtures, {"simple": lambda problem: solve(problem).decision}, {2}),
    (mixtures.check_slope, {"slope": _cheap_tangent}, {0}),
    (mixtures.check_slope, {"least": lambda problem, dual: 1.01 * mixtures.least_cost(problem, dual)}, {1}),
    (mixtures.check_slope, {"form": _for_itself}, {2}),
    (mixtures.check_rank, {"program": _blurred}, {0}),
    (mixtures.check_rank, {"beam": _least}, {1}),
    (mixtures.check_rank, {"divided": _eigenvectors}, {2}),
    (mixtures.check_rank, {"value": _by_matched}, {3}),
    (mixtures.check_rank, {"crowd": _one_listener}, {4}),
    (prices.check_battery_price, {"value": _times(0.999)}, {0}),
    (prices.check_battery_price, {"myopic": prices.PRICE}, {1, 2, 3}),
    (prices.check_battery_price, {"excessive": prices.PRICE}, {4}),
]


@pytest.mark.parametrize(
    ("check", "wrong", "parts"), WRONG, ids=lambda part: getattr(part, "__name__", None) or "-".join(map(str, part))
)
def test_wrong_formulas_are_noticed(check: Check, wrong: dict[str, Any], parts: set[int]) -> None:
    measured = check(np.random.default_rng(0), **wrong).parts
    for part in parts:
        assert not measured[part].passed, measured[part].line


@pytest.mark.parametrize("number", NUMBERS)
def test_every_part_of_every_check_can_fail(number: int) -> None:
    check = LESSON.step(number).check
    failing = set().union(*(parts for one, _, parts in WRONG if one is check))
    assert failing == set(range(len(LESSON.outcome(number).parts)))
