"""The models' lessons: every check passes for any seed, and fails where its formula is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from mecopt.lesson import Outcome, Pricing, pricing
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.models.binary_offloading import CapacityPrice, ServerRate
from mecopt.models.binary_offloading import lesson_checks as binary
from mecopt.models.binary_offloading.exact import relaxation_price as capacity_price
from mecopt.models.computation_rate import FrameTimes, TimePrice
from mecopt.models.computation_rate import lesson_checks as rate
from mecopt.models.computation_rate.allocation import earning
from mecopt.models.computation_rate.exact import relaxation_price as time_price

CASES = [(cls, number) for cls in (BinaryOffloading, ComputationRate) for number in range(1, len(cls.lesson().steps) + 1)]
Check = Callable[..., Outcome]


@pytest.mark.parametrize(("cls", "number"), CASES, ids=lambda case: getattr(case, "name", str(case)))
def test_every_check_passes_for_any_seed(cls: type[BinaryOffloading | ComputationRate], number: int) -> None:
    for seed in range(5):
        outcome = cls.lesson().outcome(number, seed)
        assert outcome.passed, outcome.text


@pytest.mark.parametrize("cls", [BinaryOffloading, ComputationRate])
def test_a_lesson_takes_seconds_once_it_is_compiled(cls: type[BinaryOffloading | ComputationRate]) -> None:
    cls.lesson().run(0)
    began = time.perf_counter()
    cls.lesson().run(1)
    assert time.perf_counter() - began < 5.0


# ---------------------------------------------------------------------- wrong formulas of binary offloading


def _linear_rule(problem: BinaryOffloading, decision: Any) -> tuple[ServerRate, CapacityPrice]:
    """Share in proportion to the work: the exponent is 1 instead of 1/2."""
    work = problem.terms().compute * decision
    _, price = problem.closed_form(decision)
    return ServerRate(server_rate=problem.capacity[:, None] * work / work.sum(axis=-1, keepdims=True)), price


def _dear_rule(problem: BinaryOffloading, decision: Any) -> tuple[ServerRate, CapacityPrice]:
    rates, price = problem.closed_form(decision)
    return rates, CapacityPrice(capacity_price=price.capacity_price * 1.001)


def _smallest_first(problem: BinaryOffloading) -> Any:
    order = np.argsort(problem.data_size, axis=-1)
    rank = np.argsort(order, axis=-1)
    prefixes = (rank[:, None, :] < np.arange(problem.users + 1)[:, None]).astype(np.int8)
    best = problem.optimal_value(prefixes).argmin(axis=-1)
    return prefixes[np.arange(len(best)), best]


def _enumerated(problem: BinaryOffloading) -> Any:
    (decisions,) = problem.decision_space.enumerate(2**problem.users)
    everywhere = np.broadcast_to(decisions, (*problem.batch_shape, *decisions.shape))
    return decisions[problem.optimal_value(everywhere).argmin(axis=-1)]


def _half_saving(numbers: Any, target: Any, capacity: float) -> BinaryOffloading:
    return binary.subset_sum(numbers, 0.5 * target, capacity)


def _dear_bound(problem: BinaryOffloading, price: CapacityPrice) -> Any:
    """Forget half of what the capacity earns back."""
    return problem.relaxed_bound(price) + 0.5 * price.capacity_price * problem.capacity


def _doubled(problem: Any) -> Pricing:
    found = pricing(problem)
    return replace(found, slack=2.0 * found.slack)


def _everyone_fixed(problem: Any) -> Pricing:
    found = pricing(problem)
    return replace(found, slack=np.full(problem.users, np.inf))


def _timid(problem: Any) -> Pricing:
    found = pricing(problem)
    return replace(found, slack=0.0 * found.slack)


def _work_without_waiting_power(problem: BinaryOffloading, decision: Any, rates: ServerRate) -> Any:
    return binary.cost_by_terms(replace(problem, waiting_power=0.0), decision, rates)


def _square_root_in_rates(problem: BinaryOffloading, decision: Any, rates: ServerRate) -> Any:
    return binary.cost_by_terms(problem, decision, ServerRate(server_rate=np.sqrt(rates.server_rate)))


def _sum_of_squares(problem: BinaryOffloading, decision: Any) -> Any:
    """Charge every user its own square instead of the square of the sum."""
    local, upload, compute = (problem.aligned(part, decision) for part in problem.terms())
    offloaded = upload + compute / problem.aligned("capacity", decision)[..., None]
    return np.where(decision == 1, offloaded, local).sum(axis=-1)


BINARY: list[tuple[Check, dict[str, Any]]] = [
    (binary.check_program, {"cost": _work_without_waiting_power}),
    (binary.check_program, {"cost": _square_root_in_rates}),
    (binary.check_square_root_rule, {"rule": _linear_rule}),
    (binary.check_square_root_rule, {"rule": _dear_rule}),
    (binary.check_rank_one, {"value": _sum_of_squares}),
    (binary.check_rank_one, {"value": lambda problem, x: problem.optimal_value(x) * (1.0 + 1e-9)}),
    (binary.check_top_k, {"choice": _smallest_first}),
    (binary.check_limits_of_sorting, {"choice": _enumerated}),
    (binary.check_limits_of_sorting, {"construction": _half_saving}),
    (binary.check_limits_of_sorting, {"heuristic": "exact"}),
    (binary.check_any_price_bounds, {"bound": _dear_bound}),
    (binary.check_relaxation, {"price": lambda problem: capacity_price(problem) * 1.01}),
    (binary.check_relaxation, {"price": lambda problem: capacity_price(problem) * 0.99}),
    (binary.check_reduced_costs, {"priced": _doubled}),
    (binary.check_reduced_costs, {"priced": _everyone_fixed}),
    (binary.check_reduced_costs, {"priced": _timid}),
    (binary.check_scaling, {"scaled": binary.slsqp_in(1e6)}),
]


# ---------------------------------------------------------------------- wrong formulas of the computation rate


def _square_root(problem: ComputationRate, decision: Any, times: FrameTimes) -> Any:
    """Give local rates the exponent 1/2."""
    local = np.where(decision == 1, 0.0, problem.coefficients().local)
    change = local * (np.sqrt(times.harvest_time) - np.cbrt(times.harvest_time))[:, None]
    return rate.rate_by_coefficients(problem, decision, times) + change.sum(axis=-1)


def _product(problem: ComputationRate, decision: Any, times: FrameTimes) -> Any:
    """Multiply by the time where the perspective divides."""
    _, gain, worth = problem.coefficients()
    return (worth * times.offload_time * np.log1p(gain * times.harvest_time[:, None] * times.offload_time)).sum(axis=-1)


def _square_cone(harvest: Any) -> tuple[Any, list[Any]]:
    import cvxpy as cp

    root = cp.Variable()
    return root, [cp.square(root) <= harvest]


def _dear(problem: ComputationRate, decision: Any) -> tuple[FrameTimes, TimePrice]:
    times, price = problem.closed_form(decision)
    return times, TimePrice(time_price=price.time_price * 1.001)


def _hurried(problem: ComputationRate, decision: Any) -> tuple[FrameTimes, TimePrice]:
    times, price = problem.closed_form(decision)
    harvest = 0.98 * times.harvest_time
    longer = times.offload_time * ((1.0 - harvest) / times.offload_time.sum(axis=-1))[:, None]
    return FrameTimes(harvest_time=harvest, offload_time=longer), price


def _cheap_bound(problem: ComputationRate, price: TimePrice) -> Any:
    """Forget a part of what is left of the frame."""
    return problem.relaxed_bound(price) - 0.1 * price.time_price


RATE: list[tuple[Check, dict[str, Any]]] = [
    (rate.check_program, {"rate": _square_root}),
    (rate.check_concavity, {"rate": _product}),
    (rate.check_concavity, {"rate": lambda p, x, t: rate.rate_by_coefficients(p, x, t) ** 2}),
    (rate.check_cones, {"root": _square_cone}),
    (rate.check_scaling, {"unit": 1.0}),
    (rate.check_earning, {"earned": lambda gain, worth, price: earning(gain, worth, 1.001 * price)}),
    (rate.check_earning, {"earned": lambda gain, worth, price: worth * gain / (1.0 + price / worth)}),
    (rate.check_mode_price, {"closed": _dear}),
    (rate.check_mode_price, {"closed": _hurried}),
    (rate.check_any_price_bounds, {"bound": _cheap_bound}),
    (rate.check_any_price_bounds, {"bound": lambda p, price: p.relaxed_bound(price) * 1.0001}),
    (rate.check_best_price, {"price": lambda problem: time_price(problem) * 1.1}),
    (rate.check_best_price, {"price": lambda problem: time_price(problem) * 0.9}),
    (rate.check_reduced_costs, {"priced": _doubled}),
    (rate.check_reduced_costs, {"priced": _everyone_fixed}),
    (rate.check_reduced_costs, {"priced": _timid}),
    (rate.check_alike, {"spread": 2.0}),
]


@pytest.mark.parametrize(
    ("check", "wrong"), BINARY + RATE, ids=lambda part: getattr(part, "__name__", None) or "-".join(map(str, part))
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_formulas_are_noticed(check: Check, wrong: dict[str, Any], seed: int) -> None:
    generator: Generator = np.random.default_rng(seed)
    outcome = check(generator, **wrong)
    assert not outcome.passed, outcome.text


def test_every_check_of_the_lessons_can_fail() -> None:
    steps = [step for cls in (BinaryOffloading, ComputationRate) for step in cls.lesson().steps]
    assert {step.check for step in steps} == {check for check, _ in BINARY + RATE}
