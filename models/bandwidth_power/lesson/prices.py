"""The numeric checks of the lesson on bandwidth and power: what a price settles, bounds and fixes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import Outcome, Pricing, all_of, best_value, core, deviation, excess, forcing, pricing, scientific
from mecopt.models.bandwidth_power.allocation import demanded
from mecopt.models.bandwidth_power.exact import critical_price, relaxation_price
from mecopt.models.bandwidth_power.lesson.checks import ROUNDING, decisions, instances
from mecopt.models.bandwidth_power.problem import LN2, BandwidthPower
from mecopt.models.bandwidth_power.upload import upload_costs
from mecopt.models.bandwidth_power.variables import BandwidthPrice, Transmission
from mecopt.solve import solve

Array = NDArray[Any]


def _price(value: Any) -> BandwidthPrice:
    return BandwidthPrice(bandwidth_price=np.asarray(value))


# ---------------------------------------------------------------------- 7: one price settles a decision

Paid = Callable[[Array, Array, Array, Array], Array]
Closed = Callable[[BandwidthPower, Array], tuple[Transmission, BandwidthPrice]]
Priced = Callable[[Array], Array]


def log_kappa(snr: Array) -> Array:
    """Return ln(y² (ln(1 + y) − y/(1 + y))/ln²(1 + y)), the logarithm of β g²/c at which a user of full power takes g/y."""
    u = np.log1p(snr)
    return np.asarray(2.0 * np.log(snr) + np.log(u - snr / (1.0 + snr)) - 2.0 * np.log(u))


def check_price(
    rng: Generator, paid: Paid = upload_costs, closed: Closed = BandwidthPower.closed_form, priced: Priced = log_kappa
) -> Outcome:
    """The least time plus rent is v; the price is what band is worth, and at it the demand is the whole band."""
    problem = instances(rng, 20)
    decision = decisions(rng, problem)
    sent, dual = closed(problem, decision)
    terms, chosen = problem.terms(), decision == 1
    price = dual.bandwidth_price[:, None] * 10.0 ** rng.uniform(-1.0, 1.0, decision.shape)
    work, reach, ceiling, price = (part[chosen] for part in (terms.work, terms.reach, terms.ceiling, price))
    low, high = np.log(reach) - 15.0, np.log(reach) + 15.0
    for _ in range(150):  # all at once by thirds: a sum of convex functions has one valley
        left, right = np.exp(low + (high - low) / 3.0), np.exp(high - (high - low) / 3.0)
        costs = [work / (b * np.minimum(ceiling, np.log1p(reach / b))) + price * b for b in (left, right)]
        low, high = np.where(costs[0] > costs[1], np.log(left), low), np.where(costs[0] > costs[1], high, np.log(right))
    apart = deviation(paid(work, reach, ceiling, price), costs[0])

    snr = np.expm1(terms.ceiling)
    at = np.where(decision == 1, terms.reach / np.where(sent.band > 0, sent.band, 1.0) / np.where(snr > 0, snr, 1.0), 1.0)
    both = (decision == 1) & (np.abs(at - 1.0) <= 1e-9)
    counts = [int(((at < 1.0) & (decision == 1) & ~both).sum()), int(both.sum()), int(((at > 1.0) & ~both).sum())]

    step = 1e-5
    more, less = (replace(problem, bandwidth=problem.bandwidth * (1.0 + s)).optimal_value(decision) for s in (step, -step))
    slope = deviation((less - more) / (2.0 * step * problem.bandwidth), dual.bandwidth_price)
    demand = (demanded(problem, decision, dual.bandwidth_price) * decision).sum(axis=-1)
    filled = deviation(demand, problem.bandwidth)

    snr, small = 10.0 ** rng.uniform(-3.0, 9.0, 2000), 1e-3
    fall = 2.0 * small / (priced(snr * np.exp(small)) - priced(snr * np.exp(-small)))
    return all_of(
        Outcome(
            apart, ROUNDING, f"v(β) against a search over b, {len(work)} users and prices: differ by {scientific(apart)}"
        ),
        Outcome(slope, 1e-6, f"the best cost's slope in B against −β, 20 decisions: differ by {scientific(slope)}"),
        Outcome(
            filled,
            1e-12,
            f"demand at β against B (full power binds for {counts[0]}, both for {counts[1]}, the budget for {counts[2]}): "
            f"differ by {scientific(filled)}",
        ),
        Outcome(
            float(np.max(np.abs(fall - 0.53))),
            0.0301,
            f"ln b falls at full power with slopes of {fall.min():.3f} to {fall.max():.3f} in ln β, 2000 SNRs",
            limit="0.50 to 0.56",
        ),
    )


# ---------------------------------------------------------------------- 8: any price bounds all decisions

Bound = Callable[[BandwidthPower, BandwidthPrice], Array]


def check_any_price_bounds(rng: Generator, bound: Bound = BandwidthPower.relaxed_bound) -> Outcome:
    """No price gives a bound above the best decision; the best of many proves nearly as much as there is."""
    problem = instances(rng, 20)
    best = best_value(problem)
    around = problem.terms().local.sum(axis=-1) / problem.bandwidth
    beaten, nearest = 0.0, np.zeros(20)
    for exponent in np.linspace(-3.0, 0.0, 50):
        proved = bound(problem, _price(around * 10.0 ** (exponent + rng.uniform(-0.05, 0.05, 20))))
        beaten, nearest = max(beaten, excess(proved, best)), np.maximum(nearest, proved / best)
    missing = 1.0 - float(nearest.mean())
    return all_of(
        Outcome(beaten, ROUNDING, f"1000 prices over 3 decades, 20 instances: above the best of 64 by {scientific(beaten)}"),
        Outcome(
            missing, 0.05, f"the best of them proves all but {missing:.2%} of the optimum, on average", limit="at most 5%"
        ),
    )


# ---------------------------------------------------------------------- 9: the best price


def check_best_price(
    rng: Generator,
    price: Callable[[BandwidthPower], Array] = relaxation_price,
    bound: Bound = BandwidthPower.relaxed_bound,
    critical: Callable[[BandwidthPower], Array] = critical_price,
) -> Outcome:
    """The bound is concave, its slope is what is asked beyond the band, users leave at their critical prices."""
    from scipy.optimize import minimize_scalar

    problem = instances(rng, 20)
    around = problem.relaxed_dual().bandwidth_price
    bump = 0.0
    for _ in range(50):
        one, other = around * 10.0 ** rng.uniform(-1.0, 1.0, (2, 20))
        chord = 0.5 * (bound(problem, _price(one)) + bound(problem, _price(other)))
        bump = max(bump, excess(chord, bound(problem, _price(0.5 * (one + other)))))

    terms, leaves = problem.terms(), np.exp(critical(problem))
    paying = leaves > 0
    cost = terms.server + upload_costs(terms.work, terms.reach, terms.ceiling, leaves)
    apart = deviation(cost[paying], terms.local[paying])

    step, missed = 1e-6, 0.0
    everyone = (terms.ceiling > 0).astype(np.int8)
    for _ in range(10):
        at = around * 10.0 ** rng.uniform(-1.0, 1.0, 20)
        staying = everyone * (leaves > at[:, None])
        asked = (demanded(problem, staying, at) * staying).sum(axis=-1) - problem.bandwidth
        change = bound(problem, _price(at * (1.0 + step))) - bound(problem, _price(at * (1.0 - step)))
        slope = change / (2.0 * step * at)
        missed = max(missed, float(np.max(np.abs(slope - asked) / problem.bandwidth)))

    searched = [
        -minimize_scalar(
            lambda y, one=one: -float(one.relaxed_bound(_price(np.exp(y)))),
            bounds=np.log(centre) + np.array([-2.0, 2.0]),
            method="bounded",
            options={"xatol": 1e-12},
        ).fun
        for one, centre in zip(problem, around, strict=True)
    ]
    under = excess(searched, problem.relaxed_bound(_price(price(problem))))
    gaps = {}
    for users in (5, 10, 20, 30):
        some = instances(rng, 20, users)
        gaps[users] = float((1.0 - some.relaxed_bound(_price(price(some))) / solve(some).objective).mean())
    said = ", ".join(f"{gap:.3%} of {users} users" for users, gap in gaps.items())
    return all_of(
        Outcome(bump, ROUNDING, f"midpoints of 1000 pairs of prices: below their chord by {scientific(bump)}"),
        Outcome(apart, 1e-9, f"at {paying.sum()} critical prices, offloading against local: differ by {scientific(apart)}"),
        Outcome(
            missed, 1e-6, f"slope of the bound against the band asked less B, 200 prices: differ by {scientific(missed)}"
        ),
        Outcome(under, 1e-9, f"bound at the price found against a numeric search: below by {scientific(under)}"),
        Outcome(gaps[30], 0.002, f"gap left, mean of 20 instances each: {said}", limit="at most 0.2% of 30 users"),
    )


# ---------------------------------------------------------------------- 10: reduced costs


def _solvent(problem: BandwidthPower) -> BandwidthPower:
    """Raise budgets that carry nothing: whoever cannot offload needs no reduced cost to be fixed."""
    least = problem.data_size * LN2 * problem.noise_density[:, None] / problem.channel_gain
    return replace(problem, energy_budget=np.maximum(problem.energy_budget, 1.2 * least))


def check_reduced_costs(rng: Generator, priced: Callable[[BandwidthPower], Pricing] = pricing) -> Outcome:
    """Forcing a user costs at least its reduced cost, so who is fixed is fixed safely; few are left."""
    some = _solvent(instances(rng, 20))
    apart = 0.0
    for instance in some:
        found, price = priced(instance), relaxation_price(instance)
        terms = instance.terms()
        rise = np.abs(terms.server + upload_costs(terms.work, terms.reach, terms.ceiling, price) - terms.local)
        apart = max(apart, deviation(found.bound + found.slack, found.bound + rise))
    left = {users: core(_solvent(instances(rng, 20, users)), priced) for users in (10, 30, 100)}
    said = ", ".join(f"{count:.1f} of {users}" for users, count in left.items())
    return all_of(
        Outcome(
            apart,
            1e-9,
            f"bounds with 120 users forced, against the sum with one term changed: differ by {scientific(apart)}",
        ),
        *forcing(some, priced).parts,
        Outcome(left[100] / 100, 0.05, f"users left to search, on average: {said}", limit="at most 5 of 100"),
    )
