"""The decision is open: the relaxation by the price of interference, the Pyomo model, and the searches to compare with.

One price separates the users: at it, each offloads where that is cheaper than computing locally. Price-and-fix starts there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.highs import Highs
from mecopt.contract.errors import InstanceError
from mecopt.contract.scaling import quotient
from mecopt.contract.solver import Solver
from mecopt.models.priced_power.allocation import blocks, efficiencies, offloading_costs, rows, whole_price
from mecopt.search.descent import CoordinateDescent, LocalSearch
from mecopt.search.enumeration import Enumeration
from mecopt.search.exact import PriceAndFix
from mecopt.search.simple import BestOfRandom, Constant, IndexScan

if TYPE_CHECKING:
    from mecopt.models.priced_power.compiled import PowerData
    from mecopt.models.priced_power.problem import PricedPower

Array = NDArray[Any]


def decision_costs(problem: PricedPower, decision: Array) -> Array:
    """Return the least cost of decisions ``(*batch, *candidates, users)``; infinite where one is infeasible."""
    from mecopt.models.priced_power import compiled

    return compiled.decision_costs(*blocks(problem, decision)).reshape(decision.shape[:-1])


def relaxation_price(problem: PricedPower) -> Array:
    """Return the price of the whole limit at which the relaxation's bound is greatest."""
    from mecopt.models.priced_power.compiled import relaxed_prices

    return relaxed_prices(*rows(problem)).reshape(problem.batch_shape)


def compiled_data(problem: PricedPower) -> PowerData:
    """Return the compiled data of all instances."""
    from mecopt.models.priced_power.compiled import PowerData

    return PowerData(*rows(problem))


def first_prices(batch: PowerData) -> Array:
    """Return prices of the size of those that matter: where everyone fills the limit at low power."""
    return np.sqrt(batch.work * batch.part).sum(axis=-1) ** 2


def offloading_index(problem: PricedPower) -> Array:
    r"""Return what a user saves by offloading at no price, over what it takes of the limit at low power.

    At a price :math:`\lambda` of the limit and low power a user pays :math:`2 \sqrt{\lambda \omega G/(g I)}`.
    """
    c = problem.coefficients()
    saved = c.local - offloading_costs(problem, np.zeros_like(c.local, dtype=np.int8), np.zeros(problem.batch_shape))
    scarce = np.sqrt(quotient(c.work * problem.interference_gain, c.snr))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(saved > 0, saved / scarce, saved))


def longest_times(problem: PricedPower) -> Array:
    """Return no less than any user's upload time in an optimum of any decision, relative to its least one; one instance.

    The more users offload, the higher is the price, and the longer everyone takes: longest where all offload that can.
    """
    everyone = (problem.coefficients().cap > 0).astype(np.int8)
    _, dual = problem.closed_form(everyone)
    u = efficiencies(problem, everyone, whole_price(problem, everyone, dual))
    return np.where(u > 0, 2.0 * problem.coefficients().cap / np.where(u > 0, u, 1.0), 1.0)


def pyomo_model(problem: PricedPower, unit: float) -> Any:
    r"""Write one instance as a convex mixed-integer model, the cost in units of `unit` s.

    Times, energies and powers are relative to those at a user's greatest efficiency U, as in the conic program: time x
    costs :math:`f(x) = a x + b\,\epsilon(x)` and takes :math:`z(x)` of the greatest power, both convex in x. With x0 where f
    is least, ``f(x) - f(x0) (1 - offload) <= cost`` and ``z(x) - z(x0) (1 - offload) <= power``: at x0 a local user pays and
    takes nothing. Users who cannot offload are held at home.
    """
    import pyomo.environ as pyo

    if problem.batch_shape:
        raise InstanceError("to_pyomo takes a single instance; index the batch first")
    c = problem.coefficients()
    able = np.flatnonzero((c.cap > 0) & (c.work > 0)).tolist()
    longest = longest_times(problem)
    easiest = efficiencies(problem, np.ones(problem.users, dtype=np.int8), np.zeros(()))
    cap, part = c.cap.tolist(), (c.part * np.expm1(c.cap)).tolist()
    work, energy = (c.work / unit).tolist(), (c.energy * np.expm1(c.cap)).tolist()

    def power(i: int, time: Any, exp: Any) -> Any:
        return (exp(cap[i] / time - cap[i]) - float(np.exp(-cap[i]))) / float(-np.expm1(-cap[i]))

    def cost(i: int, time: Any, exp: Any) -> Any:
        return work[i] / cap[i] * time * (1.0 + energy[i] * power(i, time, exp))

    least_time = {i: min(float(cap[i] / easiest[i]), float(longest[i])) for i in able}
    model = pyo.ConcreteModel(name="priced-power")
    model.users = pyo.RangeSet(0, problem.users - 1)
    model.able = pyo.Set(initialize=able)
    model.offload = pyo.Var(model.users, domain=pyo.Binary)
    model.time = pyo.Var(model.able, bounds=lambda _, i: (1.0, float(longest[i])))
    model.power = pyo.Var(model.able, bounds=(0.0, 1.0))
    model.upload = pyo.Var(
        model.able, bounds=lambda _, i: (0.0, max(cost(i, time, np.exp) for time in (1.0, float(longest[i]))))
    )
    for i in model.users:
        if not c.cap[i] > 0:
            model.offload[i].fix(0)
    model.least_power = pyo.Constraint(
        model.able,
        rule=lambda m, i: (
            power(i, m.time[i], pyo.exp) - power(i, least_time[i], np.exp) * (1.0 - m.offload[i]) - m.power[i] <= 0.0
        ),
    )
    model.least_cost = pyo.Constraint(
        model.able,
        rule=lambda m, i: (
            cost(i, m.time[i], pyo.exp) - cost(i, least_time[i], np.exp) * (1.0 - m.offload[i]) - m.upload[i] <= 0.0
        ),
    )
    model.interference = pyo.Constraint(
        expr=pyo.quicksum(part[i] * model.power[i] for i in able) <= 1.0 if able else pyo.Constraint.Feasible
    )
    local, fixed = (c.local / unit).tolist(), (c.fixed / unit).tolist()
    model.total = pyo.Objective(
        expr=pyo.quicksum(local[i] * (1.0 - model.offload[i]) + fixed[i] * model.offload[i] for i in model.users)
        + pyo.quicksum(model.upload[i] for i in able),
        sense=pyo.minimize,
    )
    return model


def cost_unit(problem: PricedPower) -> float:
    """Return the cost when everyone computes locally."""
    return float(problem.local_cost.sum()) or 1.0


def place(problem: PricedPower, model: Any, decision: Array) -> None:
    """Set the model's variables to a decision at its price.

    Local users get the time they would take at that price: tangents hold there, too, and are the ones that bind should the
    master let them offload.
    """
    _, dual = problem.closed_form(decision)
    cap = problem.coefficients().cap
    u = efficiencies(problem, decision, whole_price(problem, decision, dual))
    for i in model.users:
        if not model.offload[i].fixed:
            model.offload[i].set_value(int(decision[i]))
        if i in model.able:
            model.time[i].set_value(float(cap[i] / u[i]))
            model.power[i].set_value(0.0)
            model.upload[i].set_value(0.0)


EXACT = PriceAndFix(compiled_data, first_prices)

SOLVERS: dict[str, Solver] = {
    solver.name: solver
    for solver in (
        EXACT,
        Enumeration(),
        Highs(pyomo_model, cost_unit, place, EXACT),
        CoordinateDescent(),
        CoordinateDescent("cd-random", "steepest single move from a random decision until none improves", begin="random"),
        LocalSearch(),
        IndexScan(offloading_index, "saving at full freedom / sqrt(w D G / (B h))"),
        PriceAndFix(compiled_data, first_prices, name="relaxation-rounding", node_limit=1),
        BestOfRandom("random", 1),
        BestOfRandom("best-of-random", 10),
        Constant("all-local", 0, "everyone computes locally"),
        Constant("all-offload", 1, "everyone offloads who can, powers by the price of interference"),
    )
}
