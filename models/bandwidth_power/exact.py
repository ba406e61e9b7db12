r"""The decision is open: the relaxation by bandwidth price, the Pyomo model, and the searches to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.highs import Highs
from mecopt.contract.derived import shared
from mecopt.contract.errors import InstanceError
from mecopt.contract.solver import Solver
from mecopt.kernels.arrays import plain
from mecopt.models.bandwidth_power.allocation import blocks, demanded, rows
from mecopt.search.descent import CoordinateDescent, LocalSearch
from mecopt.search.enumeration import Enumeration
from mecopt.search.exact import PriceAndFix
from mecopt.search.simple import BestOfRandom, Constant, IndexScan

if TYPE_CHECKING:
    from mecopt.models.bandwidth_power.compiled import OffloadingData
    from mecopt.models.bandwidth_power.problem import BandwidthPower

Array = NDArray[Any]

SMALLEST = 1e-9
"""Least band in the Pyomo model, in parts of the whole: keeps its logarithm finite."""

LONGEST = 1e6
"""Longest upload in the Pyomo model, in times of the quickest, at full power on the whole band."""


def decision_costs(problem: BandwidthPower, decision: Array) -> Array:
    """Return the least cost of decisions ``(*batch, *candidates, users)``, infinite where there is no allocation."""
    from mecopt.models.bandwidth_power.compiled import shares

    terms = shared(problem.terms)
    local, server = problem.aligned(terms.local, decision), problem.aligned(terms.server, decision)
    uploading = shares(*blocks(problem, decision))[0].reshape(decision.shape[:-1])
    return np.asarray(np.where(decision == 1, server, local).sum(axis=-1) + uploading)


def _by_instance(problem: BandwidthPower) -> tuple[Array, ...]:
    terms, shape = shared(problem.terms), (problem.instances, problem.users)
    return (*(plain(part.reshape(shape), np.float64) for part in (terms.local, terms.server)), *shared(rows, problem))


def compiled_data(problem: BandwidthPower) -> OffloadingData:
    """Return the compiled data of all instances."""
    from mecopt.models.bandwidth_power.compiled import offloading

    return offloading(*_by_instance(problem))


def relaxation_price(problem: BandwidthPower) -> Array:
    """Return the bandwidth price at which the bound over all decisions is greatest."""
    from mecopt.models.bandwidth_power.compiled import relaxed_prices

    return relaxed_prices(*_by_instance(problem)).reshape(problem.batch_shape)


def critical_price(problem: BandwidthPower) -> Array:
    """Return the logarithm of the price of bandwidth at which offloading stops paying, -inf where it never does."""
    from mecopt.models.bandwidth_power.compiled import critical

    return critical(*_by_instance(problem)).reshape((*problem.batch_shape, problem.users))


def pyomo_model(problem: BandwidthPower, unit: float) -> Any:
    r"""Write one instance as a convex mixed-integer model, the cost in units of `unit` s.

    ``minimise local (1 - x) + server x + quickest . time``, where who offloads has ``time rate >= 1``, the rate within what
    full power and what the budget carry on its band, and who does not has nothing of all three. Both kinds are one convex
    constraint where the bit enters as a perspective: ``rate <= band ln(1 + g x / band)`` and ``x^2 <= time rate``, the cone
    ``|(2 x, time - rate)| <= time + rate`` with its tip rounded off by `SMALLEST`. In both the bit is the continuous
    ``sending``, equal to it, so that tangents can be taken at 1 for users that compute locally; those at 0 say nothing.
    Bands are at least `SMALLEST`, which costs a relative ``N 1e-9`` of the band at most. Uploads take at most `LONGEST`
    times the quickest: where tasks differ by more than that squared, decisions in which the small ones wait are missing.
    """
    import pyomo.environ as pyo

    if problem.batch_shape:
        raise InstanceError("to_pyomo takes a single instance; index the batch first")
    local, server, work, reach, ceiling = (row.tolist() for row in (part[0] for part in _by_instance(problem)[:5]))
    band = float(problem.bandwidth) or 1.0
    reach = [g / band for g in reach]
    efficiency = [min(float(np.log1p(g)), u) for g, u in zip(reach, ceiling, strict=True)]
    model = pyo.ConcreteModel(name="bandwidth-power")
    model.users = pyo.RangeSet(0, problem.users - 1)
    able = [i for i in model.users if ceiling[i] > 0.0 and work[i] > 0.0]
    model.able = pyo.Set(initialize=able)
    model.offload = pyo.Var(model.users, domain=pyo.Binary)
    model.sending = pyo.Var(able, bounds=(0.0, 1.0))
    model.band = pyo.Var(model.users, bounds=(SMALLEST, 1.0))
    model.rate = pyo.Var(able, bounds=(0.0, 1.0))
    model.time = pyo.Var(able, bounds=(0.0, LONGEST))
    model.whole = pyo.Constraint(expr=pyo.quicksum(model.band[i] - SMALLEST for i in model.users) <= 1.0)
    model.same = pyo.Constraint(able, rule=lambda m, i: m.sending[i] == m.offload[i])
    model.hopeless = pyo.Constraint([i for i in model.users if ceiling[i] <= 0.0], rule=lambda m, i: m.offload[i] <= 0.0)
    model.budget = pyo.Constraint(
        [i for i in able if ceiling[i] < np.inf],
        rule=lambda m, i: m.rate[i] <= ceiling[i] / efficiency[i] * m.band[i],
    )
    model.shannon = pyo.Constraint(
        able,
        rule=lambda m, i: m.rate[i] - m.band[i] * pyo.log(1.0 + reach[i] * m.sending[i] / m.band[i]) / efficiency[i] <= 0.0,
    )
    model.hyperbola = pyo.Constraint(
        able,
        rule=lambda m, i: (
            pyo.sqrt((m.time[i] - m.rate[i]) ** 2 + 4.0 * m.sending[i] ** 2 + SMALLEST**2) - m.time[i] - m.rate[i]
            <= SMALLEST
        ),
    )
    model.cost = pyo.Objective(
        expr=pyo.quicksum((local[i] + (server[i] - local[i]) * model.offload[i]) / unit for i in model.users)
        + pyo.quicksum(work[i] / (band * efficiency[i]) / unit * model.time[i] for i in able)
    )
    return model


def cost_unit(problem: BandwidthPower) -> float:
    """Return the cost when everyone computes locally, or 1 where that is none."""
    return float(problem.terms().local.sum()) or 1.0


def place(problem: BandwidthPower, model: Any, decision: Array) -> None:
    """Set the model's variables to a decision at its bandwidth price.

    Users that compute locally get the band they would take at that price, and so does whoever has an allocation in a
    decision that has none: tangents there are valid for all, and bind should the master let them offload.
    """
    terms, whole = problem.terms(), float(problem.bandwidth) or 1.0
    able = decision * (terms.ceiling > 0)
    sent, dual = problem.closed_form(able)
    would = demanded(problem, decision, dual.bandwidth_price)
    bands = np.where(able == 1, sent.band, would) / whole
    reach = terms.reach / whole
    efficiency = np.minimum(np.log1p(reach), terms.ceiling)
    for i in model.users:
        model.offload[i].set_value(int(decision[i]))
        model.band[i].set_value(float(np.clip(bands[i], SMALLEST, 1.0)))
    for i in model.able:
        band = model.band[i].value
        rate = band * min(float(np.log1p(reach[i] / band)), float(terms.ceiling[i])) / float(efficiency[i])
        rate = min(max(rate, 1.0 / LONGEST), 1.0)
        model.sending[i].set_value(1.0)
        model.rate[i].set_value(rate)
        model.time[i].set_value(1.0 / rate)


def _first_prices(batch: OffloadingData) -> Array:
    return np.ones(len(batch.local))  # the relaxation finds its price without a first guess


EXACT = PriceAndFix(compiled_data, _first_prices)

SOLVERS: dict[str, Solver] = {
    solver.name: solver
    for solver in (
        EXACT,
        Enumeration(),
        Highs(pyomo_model, cost_unit, place, EXACT),
        CoordinateDescent(),
        CoordinateDescent("cd-random", "steepest single move from a random decision until none improves", begin="random"),
        LocalSearch(),
        IndexScan(critical_price, "the price of bandwidth at which offloading stops paying"),
        PriceAndFix(compiled_data, _first_prices, name="relaxation-rounding", node_limit=1),
        BestOfRandom("random", 1),
        BestOfRandom("best-of-random", 11),
        Constant("all-local", 0, "everyone computes locally"),
        Constant("all-offload", 1, "everyone offloads who can"),
    )
}
