"""The lesson on hybrid slots: every check passes for any seed, and each part fails where its formula is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mecopt.lesson import Outcome
from mecopt.models import HybridSlot
from mecopt.models.hybrid_slot.compiled import search as compiled_search
from mecopt.models.hybrid_slot.compiled import slot as compiled
from mecopt.models.hybrid_slot.compiled.slot import Hull, Slot
from mecopt.models.hybrid_slot.lesson import checks

Check = Callable[..., Outcome]
STEPS = len(HybridSlot.lesson().steps)


@pytest.mark.parametrize("number", range(1, STEPS + 1))
def test_every_check_passes_for_any_seed(number: int) -> None:
    for seed in range(5):
        outcome = HybridSlot.lesson().outcome(number, seed)
        assert outcome.passed, outcome.text


def _free_circuit(problem: HybridSlot, given: Any) -> Any:
    free: dict[str, Any] = {**problem.data(), "circuit_power": 0.0}
    return checks.rewards_of_rows(HybridSlot(**free), given)


def _no_mixtures(slot: Slot, hull: Hull, rate: float) -> float:
    """The cheaper of reflecting and sending, without a hull."""
    return float(checks.radio(slot, np.asarray(rate)))


def _half_the_hull(slot: Slot, hull: Hull, rate: float) -> float:
    return float(0.5 * compiled.power_of(slot, hull, rate))


def _half_again(slot: Slot, hull: Hull, reach: float, local: float) -> float:
    return float(1.5 * compiled_search.best_time(slot, hull, reach, local))


def _in_haste(slot: Slot, hull: Hull, reach: float, local: float) -> float:
    return float(0.5 * compiled_search.best_time(slot, hull, reach, local))


def _at_the_left_end(slot: Slot, hull: Hull, reach: float) -> tuple[float, float]:
    """Whatever the left end earns, claimed to be the best."""
    best = compiled.thrift(slot, hull)
    low = compiled_search.servable(slot, hull, best, reach)[0]
    value = compiled_search.value_at(slot, hull, reach, low)
    return value, value


def _unproved(slot: Slot, hull: Hull, reach: float) -> tuple[float, float]:
    value, bound = checks.solved(slot, hull, reach)
    return value, bound + 1.0


def _values_at_ends(slot: Slot, hull: Hull, reach: float, one: float, other: float) -> float:
    """The greater end, which bounds nothing."""
    values = [compiled_search.value_at(slot, hull, reach, x) for x in (one, other)]
    return float(max(values) - 1e-3 * abs(other - one))


def _first_order(slot: Slot, hull: Hull, reach: float, one: float, other: float) -> float:
    return checks.between(slot, hull, reach, one, other) + abs(other - one)


def _lucky(ratios: Any, start: Any) -> float:
    return float("inf")


def _nowhere(ratios: Any, start: Any) -> float:
    return float("-inf")


def _all_local(slot: Slot, hull: Hull) -> float:
    best = compiled.thrift(slot, hull)
    return float(compiled.need_at(slot, hull, best, min(slot.workload, slot.local_most)))


def _less(slot: Slot, hull: Hull) -> float:
    return 0.8 * checks.least_need(slot, hull)


def _more(slot: Slot, hull: Hull, reach: float) -> float:
    return 1.1 * checks.largest(slot, hull, reach)


def _keeps_a_quarter(problem: HybridSlot) -> Any:
    kept = 0.25 * problem.battery
    return problem.mended(np.where(checks.myopic(problem) < 0.0, -1.0, kept))


def _swapped(problem: HybridSlot) -> Any:
    return checks.strict_and_paced(problem)[::-1]


WRONG: list[tuple[Check, dict[str, Any], set[int]]] = [
    (checks.check_program, {"rewards": _free_circuit}, {0}),
    (checks.check_hull, {"power": _no_mixtures}, {0}),
    (checks.check_hull, {"power": _half_the_hull}, {1}),
    (checks.check_tangent, {"rates": lambda slot: tuple(1.01 * x for x in checks.touching(slot))}, {0}),
    (checks.check_time, {"longest": _half_again}, {0}),
    (checks.check_time, {"longest": _in_haste}, {1}),
    (checks.check_time, {"longest": lambda s, h, q, x: -compiled_search.best_time(s, h, q, x)}, {2}),
    (checks.check_one_variable, {"best": _at_the_left_end}, {0}),
    (checks.check_one_variable, {"best": _unproved}, {1}),
    (checks.check_bound, {"bound": _values_at_ends}, {0}),
    (checks.check_bound, {"bound": _first_order}, {1}),
    (checks.check_ratios, {"method": _lucky}, {0}),
    (checks.check_ratios, {"method": _nowhere}, {1}),
    (checks.check_need, {"need": _all_local}, {0}),
    (checks.check_need, {"need": _less}, {1}),
    (checks.check_need, {"most": _more}, {2}),
    (checks.check_greedy, {"decide": _keeps_a_quarter}, {0, 1}),
    (checks.check_strict, {"pair": _swapped}, {0, 1}),
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
    step = HybridSlot.lesson().step(number)
    outcome = HybridSlot.lesson().outcome(number)
    failing = set().union(*(parts for check, _, parts in WRONG if check is step.check))
    assert failing == set(range(len(outcome.parts) or 1))
