"""The models' lessons: every check passes for any seed, and fails where its formula is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from mecopt.contract.problem import Problem
from mecopt.lesson import Outcome, Pricing, pricing
from mecopt.models import BandwidthPower, BinaryOffloading, ComputationRate, PricedPower
from mecopt.models.bandwidth_power import BandwidthPrice, Transmission
from mecopt.models.bandwidth_power.allocation import power_per_band
from mecopt.models.bandwidth_power.exact import critical_price
from mecopt.models.bandwidth_power.exact import relaxation_price as bandwidth_price
from mecopt.models.bandwidth_power.lesson import alike as band_alike
from mecopt.models.bandwidth_power.lesson import checks as band
from mecopt.models.bandwidth_power.lesson import prices as band_prices
from mecopt.models.bandwidth_power.lesson import ratios
from mecopt.models.bandwidth_power.upload import upload_costs
from mecopt.models.binary_offloading import CapacityPrice, ServerRate
from mecopt.models.binary_offloading.exact import relaxation_price as capacity_price
from mecopt.models.binary_offloading.lesson import alike as binary_alike
from mecopt.models.binary_offloading.lesson import checks as binary
from mecopt.models.binary_offloading.lesson import places, scaling, sorting
from mecopt.models.computation_rate import FrameTimes, TimePrice
from mecopt.models.computation_rate.allocation import earning
from mecopt.models.computation_rate.exact import relaxation_price as time_price
from mecopt.models.computation_rate.lesson import alike, solvers
from mecopt.models.computation_rate.lesson import checks as rate
from mecopt.models.priced_power import InterferencePrice, TransmitPower
from mecopt.models.priced_power.exact import relaxation_price as interference_price
from mecopt.models.priced_power.lesson import alike as priced_alike
from mecopt.models.priced_power.lesson import checks as priced
from mecopt.models.priced_power.lesson import ratios as literal
from mecopt.models.priced_power.ratios import Ratios
from mecopt.registry import find_problem, problem_names
from mecopt.search.lesson_counts import counted_bound

MODELS: tuple[type[Problem], ...] = (BandwidthPower, BinaryOffloading, ComputationRate, PricedPower)
CASES = [(cls, number) for cls in MODELS for number in range(1, len(cls.lesson().steps) + 1)]
Check = Callable[..., Outcome]
Case = tuple[Check, dict[str, Any], set[int]]
"""A check, the wrong formula it is given, and the parts of the check that this formula must make fail."""


@pytest.mark.parametrize(("cls", "number"), CASES, ids=lambda case: getattr(case, "name", str(case)))
def test_every_check_passes_for_any_seed(cls: type[Problem], number: int) -> None:
    for seed in range(5):
        outcome = cls.lesson().outcome(number, seed)
        assert outcome.passed, outcome.text


@pytest.mark.parametrize("name", problem_names())
def test_what_is_read_in_a_terminal_defines_its_functions_and_writes_its_indices_small(name: str) -> None:
    cls = find_problem(name)
    told = " ".join(f"{f.metadata['symbol']}" for f in fields(cls)).replace("phi", "φ")
    for step in cls.lesson().steps:
        told += step.title + step.statement
        for letter in set(re.findall("[φψ]", step.argument)):
            assert letter in told or re.search(rf"{letter}\(\w+\) =|concave {letter}", step.argument), (step.title, letter)
        index = re.findall(r"[^\W\d]_[ijk]\b", re.sub("`[^`]*`", "", step.statement + step.argument))
        assert not index, f"{step.title}: {index}; an index is written as in xᵢ"


# ---------------------------------------------------------------------- wrong formulas of binary offloading


def _linear_rule(problem: BinaryOffloading, decision: Any) -> tuple[ServerRate, CapacityPrice]:
    """Share in proportion to the work: the exponent is 1 instead of 1/2."""
    work = problem.terms().compute * decision
    _, price = problem.closed_form(decision)
    return ServerRate(server_rate=problem.capacity[:, None] * work / work.sum(axis=-1, keepdims=True)), price


def _dear_rule(problem: BinaryOffloading, decision: Any) -> tuple[ServerRate, CapacityPrice]:
    rates, price = problem.closed_form(decision)
    return rates, CapacityPrice(capacity_price=price.capacity_price * 1.001)


def _first(problem: BinaryOffloading, order: Any) -> Any:
    """Return the best of the decisions that offload the first users of an order."""
    rank = np.argsort(order, axis=-1)
    prefixes = (rank[:, None, :] < np.arange(problem.users + 1)[:, None]).astype(np.int8)
    best = problem.optimal_value(prefixes).argmin(axis=-1)
    return prefixes[np.arange(len(best)), best]


def _smallest_first(problem: BinaryOffloading) -> Any:
    return _first(problem, np.argsort(problem.data_size, axis=-1))


def _largest_data_first(problem: BinaryOffloading) -> Any:
    """Sort by data where the work c, which counts waiting powers, too, decides."""
    return _first(problem, np.argsort(-problem.data_size, axis=-1))


def _enumerated(problem: BinaryOffloading) -> Any:
    (decisions,) = problem.choices.enumerate(2**problem.users)
    everywhere = np.broadcast_to(decisions, (*problem.batch_shape, *decisions.shape))
    return decisions[problem.optimal_value(everywhere).argmin(axis=-1)]


def _half_saving(numbers: Any, target: Any, capacity: float) -> BinaryOffloading:
    return sorting.subset_sum(numbers, 0.5 * target, capacity)


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


def _uncounted(problem: Any, least: int, most: int) -> float:
    """Forget the limits."""
    return counted_bound(problem, 0, problem.users)


def _counted_too_many(problem: Any, least: int, most: int) -> float:
    """Ask for one user more."""
    return counted_bound(problem, min(least + 1, problem.users), min(most + 1, problem.users))


def _as_many_nodes_as_decisions(problem: Any) -> Any:
    return np.full(problem.batch_shape, 2.0**problem.users)


def _counting(check: Check) -> list[Case]:
    """Return the wrong formulas of a check of bounds of counts, and the parts that they make fail."""
    return [
        (check, {"counted": _uncounted}, {1, 2}),
        (check, {"counted": _counted_too_many}, {0}),
        (check, {"searched": _as_many_nodes_as_decisions}, {3}),
    ]


def _work_without_waiting_power(problem: BinaryOffloading, decision: Any, rates: ServerRate) -> Any:
    return binary.cost_by_terms(replace(problem, waiting_power=0.0), decision, rates)


def _waiting_that_grows(problem: BinaryOffloading, decision: Any, rates: ServerRate) -> Any:
    """Let waiting grow with the square root of the rate: concave."""
    local, upload, compute = problem.terms()
    return ((1 - decision) * local + decision * (upload + compute * np.sqrt(rates.server_rate))).sum(axis=-1)


def _perspective(problem: BinaryOffloading, decision: Any, rates: ServerRate) -> Any:
    """Square the bits before waiting: the same at decisions, and jointly convex."""
    waiting = np.where(decision > 0, (decision**2 - decision) * problem.terms().compute, 0.0)
    more = (waiting / np.where(decision > 0, rates.server_rate, 1.0)).sum(axis=-1)
    return binary.cost_by_terms(problem, decision, rates) + more


def _root_of_bits(problem: BinaryOffloading, x: Any) -> Any:
    """Eliminate f from x c / f under sum(f) <= F: the load is the sum of s sqrt(x)."""
    work = np.sqrt(problem.terms().compute)
    square = (work * np.sqrt(x)).sum(axis=-1) ** 2 - (work * x).sum(axis=-1) ** 2
    return binary.relaxed_cost(problem, x) + square / problem.capacity


def _nine_tenths(problem: Any) -> Pricing:
    found = pricing(problem)
    return replace(found, slack=0.9 * found.slack)


def _sum_of_squares(problem: BinaryOffloading, decision: Any) -> Any:
    """Charge every user its own square instead of the square of the sum."""
    local, upload, compute = (problem.aligned(part, decision) for part in problem.terms())
    offloaded = upload + compute / problem.aligned("capacity", decision)[..., None]
    return np.where(decision == 1, offloaded, local).sum(axis=-1)


def _bound_without_places(problem: BinaryOffloading, capacity_price: float, place_price: float, most: int) -> float:
    """Charge places, and give nothing back for those that the limit allows."""
    return places.lagrangian(problem, capacity_price, place_price, most) + place_price * most


def _place_at(part: float) -> Callable[[BinaryOffloading, int], tuple[float, float, float]]:
    """Tell part of the price of a place."""

    def priced(problem: BinaryOffloading, most: int) -> tuple[float, float, float]:
        cost, price, gap = places.priced(problem, most)
        return cost, part * price, gap

    return priced


BINARY: list[Case] = [
    (binary.check_program, {"cost": _work_without_waiting_power}, {0}),
    (binary.check_program, {"cost": _waiting_that_grows}, {0, 1}),
    (binary.check_program, {"cost": _perspective}, {2}),
    (binary.check_square_root_rule, {"rule": _linear_rule}, {0, 2}),
    (binary.check_square_root_rule, {"rule": _dear_rule}, {0, 1}),
    (binary.check_rank_one, {"value": _sum_of_squares}, {0, 1}),
    (binary.check_rank_one, {"value": lambda problem, x: problem.optimal_value(x) * (1.0 + 1e-9)}, {0}),
    (binary.check_rank_one, {"relaxed": _root_of_bits}, {2, 3}),
    (sorting.check_top_k, {"choice": _smallest_first}, {0, 1}),
    (sorting.check_top_k, {"choice": _largest_data_first}, {1}),
    (sorting.check_limits_of_sorting, {"choice": _enumerated}, {0}),
    (sorting.check_limits_of_sorting, {"construction": _half_saving}, {1}),
    (sorting.check_limits_of_sorting, {"heuristic": "exact"}, {2}),
    (binary.check_any_price_bounds, {"bound": _dear_bound}, {0}),
    (binary.check_relaxation, {"price": lambda problem: capacity_price(problem) * 1.01}, {0, 1}),
    (binary.check_relaxation, {"price": lambda problem: capacity_price(problem) * 0.99}, {0, 1, 2}),
    (binary.check_reduced_costs, {"reduced": lambda p, price: 0.9 * binary.reduced_costs(p, price)}, {0}),
    (binary.check_reduced_costs, {"priced": _nine_tenths}, {0}),
    (binary.check_reduced_costs, {"priced": _doubled}, {0, 1}),
    (binary.check_reduced_costs, {"priced": _everyone_fixed}, {0, 1}),
    (binary.check_reduced_costs, {"priced": _timid}, {0, 2, 3}),
    *_counting(binary_alike.check_counts),
    (places.check_places, {"bound": _bound_without_places}, {0}),
    (places.check_places, {"priced": _place_at(0.5)}, {1}),
    (places.check_places, {"priced": _place_at(2.0)}, {2}),
    (scaling.check_scaling, {"bytes_": scaling.rates_in(1.0)}, {0}),
    (scaling.check_scaling, {"hertz": scaling.rates_in(1.0)}, {1, 4}),
    (scaling.check_scaling, {"scaled": scaling.rates_in(1e6)}, {2}),
    (scaling.check_scaling, {"tight": 1e-6}, {3}),
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


def _no_longer_computing(problem: ComputationRate, length: float, running: float) -> ComputationRate:
    """Let the CPUs run no longer, however long the frame is: then ν is the slope, not the rate."""
    return rate.longer_frame(problem, length, 1.0)


def _at_root_of_price(problem: ComputationRate, price: TimePrice) -> Any:
    return problem.relaxed_bound(TimePrice(time_price=1e3 * np.sqrt(price.time_price)))


def _growing_gap(problem: ComputationRate, dual: TimePrice) -> Any:
    """Let the gap grow with the number of users."""
    return problem.relaxed_bound(dual) * (1.0 + 0.01 * problem.users)


def _largest_gap_of_ten(problem: ComputationRate, dual: TimePrice) -> Any:
    """Let the gap peak where everyone offloads."""
    return problem.relaxed_bound(dual) * (2.0 if problem.users == 10 else 1.0)


RATE: list[Case] = [
    (rate.check_program, {"rate": _square_root}, {0}),
    (rate.check_concavity, {"rate": _product}, {0, 1}),
    (rate.check_concavity, {"rate": lambda p, x, t: rate.rate_by_coefficients(p, x, t) ** 2}, {0, 1}),
    (solvers.check_cones, {"root": _square_cone}, {0}),
    (solvers.check_scaling, {"scaled": 1.0}, {0}),
    (solvers.check_scaling, {"raw": solvers.MBIT}, {1}),
    (solvers.check_scaling, {"auxiliary": False}, {2}),
    (rate.check_earning, {"earned": lambda gain, worth, price: earning(gain, worth, 1.001 * price)}, {0, 1}),
    (rate.check_earning, {"earned": lambda gain, worth, price: worth * gain / (1.0 + price / worth)}, {0, 1}),
    (rate.check_mode_price, {"closed": _dear}, {0, 1, 3}),
    (rate.check_mode_price, {"closed": _hurried}, {0, 1, 3}),
    (rate.check_mode_price, {"longer": _no_longer_computing}, {2}),
    (rate.check_any_price_bounds, {"bound": _cheap_bound}, {0, 1}),
    (rate.check_any_price_bounds, {"bound": lambda p, price: p.relaxed_bound(price) * 1.0001}, {1}),
    (rate.check_best_price, {"bound": _at_root_of_price}, {0, 1}),
    (rate.check_best_price, {"left": lambda problem, price: 0.99 * rate.time_left(problem, price)}, {1}),
    (rate.check_best_price, {"price": lambda problem: time_price(problem) * 1.1}, {2, 3}),
    (rate.check_best_price, {"price": lambda problem: time_price(problem) * 0.9}, {2, 3}),
    (rate.check_reduced_costs, {"priced": _nine_tenths}, {0}),
    (rate.check_reduced_costs, {"priced": _doubled}, {0, 1}),
    (rate.check_reduced_costs, {"priced": _everyone_fixed}, {0, 1}),
    (rate.check_reduced_costs, {"priced": _timid}, {0, 2, 3}),
    *_counting(alike.check_counts),
    (alike.check_alike, {"bound": _growing_gap}, {0, 2}),
    (alike.check_alike, {"bound": _largest_gap_of_ten}, {1}),
    (alike.check_alike, {"closes": lambda problem: problem.users >= 20}, {2}),
    (alike.check_alike, {"spread": 2.0}, {3}),
    (alike.check_alike, {"searched": lambda p: p.optimal_value(np.zeros((4, 10), dtype=np.int8))}, {4}),
]


# ---------------------------------------------------------------------- wrong formulas of bandwidth and power


def _noise_of_the_whole_band(problem: BandwidthPower, decision: Any, sent: Transmission) -> Any:
    """Let every user hear the noise of the whole band, which is in its own part alone."""
    whole = Transmission(band=np.where(decision == 1, problem.bandwidth[:, None], 0.0), power=sent.power)
    return band.cost_by_terms(problem, decision, whole)


def _slowness(problem: BandwidthPower, width: Any, power: Any) -> Any:
    return 1.0 / band.shannon_rate(problem, width, power)


def _as_a_quotient(problem: BandwidthPower, width: Any, power: Any) -> Any:
    """Write the budget with the rate as a divisor: the same set, by a function that is not convex."""
    return power * problem.data_size / band.shannon_rate(problem, width, power) - problem.energy_budget


def _without_budgets(problem: BandwidthPower, decision: Any) -> Any:
    return replace(problem, energy_budget=np.inf).to_cvxpy(decision)


def _with_a_product(problem: BandwidthPower, decision: Any) -> Any:
    """Add a constraint on a product of variables, which no rule of convexity admits."""
    import cvxpy as cp

    program = problem.to_cvxpy(decision)
    width, power = (program.var_dict[name] for name in ("band", "power"))
    return cp.Problem(program.objective, [*program.constraints, cp.multiply(width, power) <= 1.0])


def _larger_of_both(problem: BandwidthPower, width: Any) -> Any:
    """Take the larger of the two rates: convex where they cross."""
    terms = problem.terms()
    return width * np.maximum(terms.ceiling, np.log1p(terms.reach / width))


def _dear_band(problem: BandwidthPower, decision: Any) -> tuple[Transmission, BandwidthPrice]:
    sent, price = problem.closed_form(decision)
    return sent, BandwidthPrice(bandwidth_price=price.bandwidth_price * 1.001)


def _unpaid_band(problem: BandwidthPower, price: BandwidthPrice) -> Any:
    """Forget a tenth of what the band earns back."""
    return problem.relaxed_bound(price) + 0.1 * price.bandwidth_price * problem.bandwidth


def _at_square_of_price(problem: BandwidthPower, dual: BandwidthPrice) -> Any:
    unit = problem.relaxed_dual().bandwidth_price
    return problem.relaxed_bound(BandwidthPrice(bandwidth_price=dual.bandwidth_price**2 / unit))


BAND: list[Case] = [
    (band.check_program, {"cost": _noise_of_the_whole_band}, {0}),
    (band.check_perspective, {"rate": _slowness}, {0, 1, 2}),
    (band.check_budget, {"over": _as_a_quotient}, {0}),
    (band.check_budget, {"cap": lambda problem: 1.001 * power_per_band(problem)}, {1}),
    (band.check_budget, {"able": lambda problem: problem.terms().ceiling > 0.1}, {2}),
    (band.check_solver, {"program": _with_a_product}, {0, 1}),
    (band.check_solver, {"program": _without_budgets}, {1}),
    (ratios.check_ratios, {"budgets": ratios.loud}, {0, 1}),
    (ratios.check_ratios, {"caps": ratios.frugal}, {2}),
    (band.check_elimination, {"reached": _larger_of_both}, {0, 1}),
    (band_prices.check_price, {"paid": lambda work, reach, top, price: upload_costs(work, reach, 0.9 * top, price)}, {0}),
    (band_prices.check_price, {"closed": _dear_band}, {1, 2}),
    (band_prices.check_price, {"priced": lambda snr: band_prices.log_kappa(snr) - 0.1 * np.log(snr)}, {3}),
    (band_prices.check_any_price_bounds, {"bound": _unpaid_band}, {0}),
    (band_prices.check_any_price_bounds, {"bound": lambda problem, price: 0.9 * problem.relaxed_bound(price)}, {1}),
    (band_prices.check_best_price, {"bound": _at_square_of_price}, {0, 2}),
    (band_prices.check_best_price, {"critical": lambda problem: critical_price(problem) + 0.1}, {1, 2}),
    (band_prices.check_best_price, {"price": lambda problem: bandwidth_price(problem) * 1.2}, {3, 4}),
    (band_prices.check_best_price, {"price": lambda problem: bandwidth_price(problem) * 0.8}, {3, 4}),
    (band_prices.check_reduced_costs, {"priced": _nine_tenths}, {0}),
    (band_prices.check_reduced_costs, {"priced": _doubled}, {0, 1}),
    (band_prices.check_reduced_costs, {"priced": _everyone_fixed}, {0, 1}),
    (band_prices.check_reduced_costs, {"priced": _timid}, {0, 2, 3}),
    *_counting(band_alike.check_counts),
]


# ---------------------------------------------------------------------- wrong formulas of priced power


def _free_energy(problem: PricedPower, decision: Any, powers: TransmitPower) -> Any:
    return priced.cost_by_coefficients(replace(problem, energy_price=0.0), decision, powers)


def _for_strong_channels(alpha: Any, snr: Any, power: Any) -> Any:
    """Leave out the term that vanishes for a large signal-to-noise ratio."""
    u, paid = np.log1p(snr * power), 1.0 + alpha * power
    return (snr / ((1.0 + snr * power) * u)) ** 2 * (1.0 - alpha * power + 2.0 * paid / u)


def _forgets_the_limit(ratios: Ratios, u: Any, beta: Any, price: Any) -> Any:
    return literal.water_level(ratios, u, beta, 0.0 * price)


def _cones_of_dear_energy(problem: PricedPower, decision: Any) -> float:
    return priced.by_cones(replace(problem, energy_price=1.01 * problem.energy_price), decision)


def _dear_efficiency(energy: Any, price: Any, cap: Any) -> Any:
    return priced.best_efficiency(1.01 * energy, price, cap)


def _dear_limit(problem: PricedPower, decision: Any) -> tuple[TransmitPower, InterferencePrice]:
    powers, price = problem.closed_form(decision)
    return powers, InterferencePrice(interference_price=1.01 * price.interference_price)


def _generous_bound(problem: PricedPower, dual: InterferencePrice) -> Any:
    """Forget a part of what the limit is worth."""
    return problem.relaxed_bound(dual) + 0.5 * dual.interference_price * problem.interference_limit


PRICED: list[Case] = [
    (priced.check_program, {"cost": _free_energy}, {0}),
    (literal.check_convexity, {"curvature": _for_strong_channels}, {0}),
    (literal.check_convexity, {"safe": 5.0}, {1}),
    (literal.check_convexity, {"price": 1.0}, {2}),
    (literal.check_convexity, {"dear": "convex"}, {3}),
    (literal.check_convexity, {"cheap": "paper"}, {4}),
    (literal.check_epigraph, {"over": lambda a, b, level: a - 0.9 * level * b}, {0}),
    (literal.check_epigraph, {"preset": "convex"}, {1}),
    (literal.check_methods, {"level": _forgets_the_limit}, {0}),
    (literal.check_methods, {"damped": {"max_iterations": 3}}, {1}),
    (literal.check_methods, {"undamped": {"damped": True}}, {2}),
    (literal.check_methods, {"transform": {"max_iterations": 5}}, {3}),
    (priced.check_hidden_convexity, {"power": lambda time: np.log1p(time)}, {0}),
    (priced.check_hidden_convexity, {"energy": lambda time: time * np.log1p(1.0 / time)}, {1}),
    (priced.check_hidden_convexity, {"cones": _cones_of_dear_energy}, {2}),
    (priced.check_hidden_convexity, {"iterations": 2}, {3}),
    (priced.check_best_efficiency, {"efficiency": _dear_efficiency}, {0, 1}),
    (priced.check_decision_price, {"closed": _dear_limit}, {0, 1}),
    (priced.check_any_price_bounds, {"bound": _generous_bound}, {0}),
    (priced.check_any_price_bounds, {"bound": lambda problem, dual: -problem.relaxed_bound(dual)}, {0, 1}),
    (priced.check_any_price_bounds, {"price": lambda problem: 1.1 * interference_price(problem)}, {2}),
    (priced.check_any_price_bounds, {"price": lambda problem: 0.9 * interference_price(problem)}, {2}),
    (priced.check_reduced_costs, {"priced": _nine_tenths}, {0}),
    (priced.check_reduced_costs, {"priced": _doubled}, {0, 1}),
    (priced.check_reduced_costs, {"priced": _everyone_fixed}, {0, 1}),
    (priced.check_reduced_costs, {"priced": _timid}, {0, 2, 3}),
    *_counting(priced_alike.check_counts),
]


@pytest.mark.parametrize(
    ("check", "wrong", "parts"),
    BINARY + RATE + BAND + PRICED,
    ids=lambda part: getattr(part, "__name__", None) or "-".join(map(str, part)),
)
@pytest.mark.parametrize("seed", range(3))
def test_wrong_formulas_are_noticed(check: Check, wrong: dict[str, Any], parts: set[int], seed: int) -> None:
    generator: Generator = np.random.default_rng(seed)
    outcome = check(generator, **wrong)
    measured = outcome.parts or (outcome,)
    for part in parts:
        assert not measured[part].passed, measured[part].line


@pytest.mark.parametrize(("cls", "number"), CASES, ids=lambda case: getattr(case, "name", str(case)))
def test_every_part_of_every_check_can_fail(cls: type[Problem], number: int) -> None:
    step = cls.lesson().step(number)
    outcome = cls.lesson().outcome(number)
    failing = set().union(*(parts for check, _, parts in BINARY + RATE + BAND + PRICED if check is step.check))
    assert failing == set(range(len(outcome.parts) or 1))
