"""The numeric check that Jong's parametric method is degenerate where budgets bind, and is not where power caps do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.kernels.sum_of_ratios import Polytope, SumOfRatios, parametric_newton
from mecopt.lesson import Outcome, all_of, deviation, scientific
from mecopt.models.bandwidth_power.problem import BandwidthPower

Array = NDArray[Any]
Draw = Callable[[Generator], BandwidthPower]

USERS = 6
SMALLEST = 1e-12
"""Part of the band below which the SNR no longer rises: keeps slopes finite."""


def frugal(rng: Generator) -> BandwidthPower:
    """Draw an instance without power caps in effect, so that the energy budgets bind on every band."""
    limited = BandwidthPower.sample(rng, preset="heterogeneous", users=USERS)
    least = limited.data_size * np.log(2.0) * limited.noise_density / limited.channel_gain
    budget = least * 10.0 ** rng.uniform(0.2, 0.9, USERS)
    return BandwidthPower(**{**limited.data(), "max_power": 1e6, "energy_budget": budget})


def loud(rng: Generator) -> BandwidthPower:
    """Draw an instance without energy budgets, so that the power caps bind on every band."""
    return BandwidthPower.sample(rng, users=USERS)


def sum_of_ratios(problem: BandwidthPower) -> SumOfRatios:
    """Write the upload times of an instance in which everyone offloads as ratios c / R(b), bands in parts of the whole."""
    terms, whole = problem.terms(), float(problem.bandwidth)
    work, reach, ceiling = terms.work / whole, terms.reach / whole, terms.ceiling

    def snr(band: Array) -> Array:
        return np.asarray(reach / np.maximum(band, SMALLEST))

    def rate(band: Array) -> Array:
        return np.asarray(band * np.minimum(ceiling, np.log1p(snr(band))))

    def slope(band: Array) -> Array:
        y = snr(band)
        return np.diag(np.where(np.log1p(y) >= ceiling, ceiling, np.log1p(y) - y / (1.0 + y)))

    return SumOfRatios(
        weight=work,
        numerator=np.ones_like,
        denominator=rate,
        numerator_jacobian=lambda band: np.zeros((USERS, USERS)),
        denominator_jacobian=slope,
        region=Polytope(np.zeros(USERS), np.ones(USERS), np.ones((1, USERS)), np.ones(1)),
    )


def check_ratios(rng: Generator, budgets: Draw = frugal, caps: Draw = loud) -> Outcome:
    """Where budgets bind, the subproblem is flat at the right parameters and the method refuses; where caps do, not."""
    flat, rises, refused, apart = 0.0, [], 0, 0.0
    for _ in range(4):
        problem = budgets(rng)
        ratios = sum_of_ratios(problem)
        best = problem.closed_form(np.ones(USERS, dtype=np.int8))[0].band / problem.bandwidth
        # the parameters that solve Jong's equations, and a tenth of one user's band given to another
        rate = ratios.denominator(best)
        u_beta = ratios.weight / rate**2
        moved = best + 0.1 * best[0] * (np.eye(USERS)[1] - np.eye(USERS)[0])
        change = u_beta @ (ratios.denominator(moved) - rate)
        flat = max(flat, float(np.abs(change) / (u_beta[0] * rate[0] * 0.1)))
        rises.append(float(ratios.value(moved) / ratios.value(best)) - 1.0)
        try:
            parametric_newton(ratios, np.full(USERS, 1.0 / USERS))
        except InstanceError as error:
            refused += "homogeneous of degree 1" in str(error)

        problem = caps(rng)
        ratios = sum_of_ratios(problem)
        found = parametric_newton(ratios, np.full(USERS, 1.0 / USERS), direction="reciprocal")
        everyone = np.ones(USERS, dtype=np.int8)
        uploading = float(problem.optimal_value(everyone) - problem.terms().server.sum())
        apart = max(apart, deviation(found.value, uploading))
    return all_of(
        Outcome(
            flat,
            1e-9,
            f"a tenth of a band moved at the right parameters, 4 instances: the subproblem moves by {scientific(flat)} of "
            f"it, the cost by up to {max(rises):.1%}",
        ),
        Outcome(4.0 - refused, 0.0, f"the damped method refuses {refused} of these 4 from equal shares", limit="all"),
        Outcome(
            apart,
            1e-6,
            f"where power caps bind instead: its value against the closed form, 4 instances: differ by {scientific(apart)}",
        ),
    )
