"""The lesson on many servers: every check passes for any seed, and each of its parts fails where its formula is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mecopt.kernels.sum_of_ratios import inverse_quadratic_transform
from mecopt.lesson import Outcome, Pricing, pricing
from mecopt.models import BinaryOffloading, MultiServerOffloading
from mecopt.models.multi_server_offloading import ServerPrices, SpeedAndPower
from mecopt.models.multi_server_offloading.exact import assign
from mecopt.models.multi_server_offloading.lesson import alike as lesson_alike
from mecopt.models.multi_server_offloading.lesson import checks, prices, ratios, slots

LESSON = MultiServerOffloading.lesson()
NUMBERS = range(1, len(LESSON.steps) + 1)
Check = Callable[..., Outcome]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_check_passes_for_any_seed(number: int) -> None:
    for seed in range(5):
        outcome = LESSON.outcome(number, seed)
        assert outcome.passed, outcome.text


# ---------------------------------------------------------------------- wrong formulas, the decision fixed


def _free_upload(problem: MultiServerOffloading, decision: Any, speed: Any) -> Any:
    return checks.cost_by_terms(replace(problem, data_size=0.0), decision, speed)


def _bells(problem: MultiServerOffloading) -> Any:
    """Take denominators 1 + x^2, which are convex: their inverses bend down at the start."""
    unit = np.append(problem.max_power, np.full(problem.users, problem.server_speed[0]))
    return lambda point: (1.0 + (point / unit) ** 2, 2.0 * point / unit**2, 2.0 / unit**2 + 0.0 * point)


def _at_most_three_times(problem: MultiServerOffloading, power: Any, latency: Any, speed: Any) -> Any:
    """Ask for latencies of at most three times the least one: a set that is not convex."""
    return latency - 3.0 * checks.in_set(problem, power, 0.0 * latency, speed)


def _whispering(problem: MultiServerOffloading, decision: Any) -> tuple[SpeedAndPower, ServerPrices]:
    found, price = problem.closed_form(decision)
    return replace(found, transmit_power=1e-3 * found.transmit_power), price


def _held_back(problem: MultiServerOffloading, decision: Any) -> Any:
    import cvxpy as cp

    program = problem.to_cvxpy(decision)
    return cp.Problem(program.objective, [*program.constraints, program.var_dict["power_fraction"] <= 0.9])


def _same_gain(problem: MultiServerOffloading, power: float, noise: float) -> MultiServerOffloading:
    return replace(problem, max_power=problem.max_power * power, noise_power=problem.noise_power * noise)


def _linear_rule(problem: MultiServerOffloading, decision: Any) -> tuple[SpeedAndPower, ServerPrices]:
    """Share in proportion to the work: the exponent is 1 instead of 1/2."""
    found, price = problem.closed_form(decision)
    held = checks.on_server(problem, decision)
    work = (problem.weight * problem.workload)[..., None] * held
    speed = (work / work.sum(axis=-2, keepdims=True) * problem.server_speed[:, None, :]).sum(axis=-1)
    return replace(found, server_speed=speed), price


def _dear_rule(problem: MultiServerOffloading, decision: Any) -> tuple[SpeedAndPower, ServerPrices]:
    found, price = problem.closed_form(decision)
    return found, replace(price, speed_price=1.001 * price.speed_price)


def _each_for_itself(problem: MultiServerOffloading, decision: Any) -> Any:
    """Charge every user its own square instead of the square of the sum."""
    return checks.cost_by_terms(problem, decision, np.take_along_axis(problem.server_speed, np.maximum(decision, 1) - 1, -1))


def _square_root_of_surrogate(cost: Any, capacity: float, start: Any) -> Any:
    """Answer the surrogate with the exponent 1/2 instead of 1/3."""

    def step(y: Any, f: Any) -> Any:
        part = (cost / y) ** 0.4
        return capacity * part / part.sum()

    return inverse_quadratic_transform(ratios.shares(cost, capacity), start, step)


# ---------------------------------------------------------------------- wrong formulas, the decision open


def _unpaid_speed(problem: MultiServerOffloading, dual: ServerPrices) -> Any:
    """Forget half of what the servers' speed earns back."""
    return problem.relaxed_bound(dual) + 0.5 * (dual.speed_price * problem.server_speed).sum(axis=-1)


def _far_from_load(problem: MultiServerOffloading, decision: Any, price: Any) -> Any:
    return prices.squares(problem, decision, 2.0 * price)


def _off_the_best(problem: MultiServerOffloading) -> ServerPrices:
    dual = problem.relaxed_dual()
    return replace(dual, speed_price=1.05 * dual.speed_price)


def _softened(times: float) -> prices.Smooth:
    """Return a smooth bound that is lower by so many times the logarithms of the choices."""

    def smooth(problem: MultiServerOffloading, price: Any, place: Any, tau: float) -> float:
        logs = problem.users * np.log(problem.servers + 1.0)
        return prices.smooth_bound(problem, price, place, tau) - times * tau * float(logs)

    return smooth


def _with_logarithms(problem: MultiServerOffloading, value: float, tau: float, place: Any) -> float:
    """Leave the logarithms of the prices of places in the value, which depend on the unit."""
    return prices.ceiling(problem, value, tau, np.ones_like(place))


def _scaled_slack(factor: float) -> Callable[[Any], Pricing]:
    def priced(problem: Any) -> Pricing:
        found = pricing(problem)
        return replace(found, slack=factor * found.slack)

    return priced


def _fixed(problem: Any) -> Pricing:
    found = pricing(problem)
    return replace(found, slack=np.full(problem.users, np.inf))


def _counted(work: float, speed: float, places: int) -> Any:
    """Let the k-th user add k times the first one's cost."""
    return work / speed * np.arange(1, places + 1)


def _for_faster_servers(terms: Any) -> Any:
    return assign(terms._replace(capacity=8.0 * terms.capacity))


def _uncounted(problem: MultiServerOffloading, counts: Any) -> float:
    """Forget the counts."""
    return float(problem.relaxed_bound(problem.relaxed_dual()))


def _dear_places(problem: MultiServerOffloading, counts: Any) -> float:
    """Give back nothing of what places cost."""
    return 1.01 * lesson_alike.counted_bound(problem, counts)


def _unearned(cost: Any, rises: Any, price: Any) -> float:
    """Forget what the places earn."""
    return float(np.minimum(cost[:, 0], (cost[:, 1:] + price).min(axis=-1)).sum())


def _without_waiting_power(problem: BinaryOffloading) -> MultiServerOffloading:
    return slots.with_one_server(replace(problem, waiting_power=0.0))


def _without(**limits: Any) -> slots.Values:
    return lambda problem, decision: replace(problem, **limits).optimal_value(decision)


Case = tuple[Check, dict[str, Any], set[int]]
"""A check, the wrong formula it is given, and the parts of the check that this formula must make fail."""

WRONG: list[Case] = [
    (checks.check_program, {"cost": _free_upload}, {0}),
    (checks.check_program, {"choices": MultiServerOffloading.choice_costs}, {1}),
    (checks.check_program, {"solver": "all-local"}, {2}),
    (ratios.check_convex, {"ratios": lambda problem, point: 1.0 / ratios.delays(problem, point)}, {0, 2}),
    (ratios.check_convex, {"denominators": _bells}, {1, 2}),
    (ratios.check_convex, {"priced": lambda power: 1.0 / np.log2(1.0 + 100.0 * power)}, {3}),
    (checks.check_epigraph, {"mended": checks.one_per_pair}, {0}),
    (checks.check_epigraph, {"printed": checks.one_per_user}, {1}),
    (checks.check_epigraph, {"member": _at_most_three_times}, {2}),
    (checks.check_epigraph, {"side": checks.in_set}, {3}),
    (checks.check_full_power, {"rule": _whispering}, {0, 2, 3}),
    (checks.check_full_power, {"written": _held_back}, {0, 1}),
    (checks.check_full_power, {"rescaled": _same_gain}, {3}),
    (checks.check_square_root_rule, {"rule": _linear_rule}, {0, 2, 3}),
    (checks.check_square_root_rule, {"rule": _dear_rule}, {0, 1}),
    (checks.check_square_root_rule, {"value": _each_for_itself}, {3}),
    (ratios.check_transforms, {"transform": _square_root_of_surrogate}, {0, 1}),
    (ratios.check_transforms, {"newton": ratios.undamped}, {2}),
    (ratios.check_transforms, {"hasty": ratios.damped}, {3}),
    (ratios.check_transforms, {"direct": ratios.damped}, {4}),
    (prices.check_prices, {"bound": _unpaid_speed}, {0, 1}),
    (prices.check_prices, {"rest": _far_from_load}, {0}),
    (prices.check_best_prices, {"prices": _off_the_best}, {0}),
    (prices.check_best_prices, {"smooth": _softened(-1.0)}, {1}),
    (prices.check_best_prices, {"smooth": _softened(1.0)}, {2}),
    (prices.check_best_prices, {"above": _with_logarithms}, {3}),
    (prices.check_reduced_costs, {"reduced": lambda p, price: 0.9 * prices.reduced_costs(p, price)}, {0}),
    (prices.check_reduced_costs, {"priced": _scaled_slack(2.0)}, {1}),
    (prices.check_reduced_costs, {"priced": _fixed}, {1}),
    (prices.check_reduced_costs, {"priced": _scaled_slack(0.0)}, {2, 3}),
    (lesson_alike.check_counts, {"counted": _uncounted}, {1, 2}),
    (lesson_alike.check_counts, {"counted": _dear_places}, {0}),
    (lesson_alike.check_counts, {"searched": lambda problem: 3.0 ** np.full(4, problem.users)}, {3}),
    (slots.check_slots, {"rise": _counted}, {0}),
    (slots.check_slots, {"answer": _for_faster_servers}, {1, 2, 4}),
    (slots.check_slots, {"bound": _unearned}, {3}),
    (slots.check_one_server, {"built": _without_waiting_power}, {0, 1, 2}),
    (slots.check_limits, {"value": _without(most_speed=np.inf)}, {0}),
    (slots.check_limits, {"value": _without(deadline=np.inf, admission=np.inf)}, {1}),
    (slots.check_limits, {"solver": "greedy"}, {2}),
    (slots.check_limits, {"bound": _unpaid_speed}, {3}),
]


@pytest.mark.parametrize(
    ("check", "wrong", "parts"), WRONG, ids=lambda part: getattr(part, "__name__", None) or "-".join(map(str, part))
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_formulas_are_noticed(check: Check, wrong: dict[str, Any], parts: set[int], seed: int) -> None:
    measured = check(np.random.default_rng(seed), **wrong).parts
    for part in parts:
        assert not measured[part].passed, measured[part].line


@pytest.mark.parametrize("number", NUMBERS)
def test_every_part_of_every_check_can_fail(number: int) -> None:
    check = LESSON.step(number).check
    failing = set().union(*(parts for one, _, parts in WRONG if one is check))
    assert failing == set(range(len(LESSON.outcome(number).parts)))
