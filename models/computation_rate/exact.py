r"""The mode is open: the relaxation by time price, the Pyomo model, and the searches to compare with.

There is no small set of candidate modes as in binary offloading with identical users, but the price of time separates the
users all the same: price-and-fix proves optimality where the field calls coordinate descent "optimal".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.highs import Highs
from mecopt.contract.errors import InstanceError
from mecopt.contract.solver import Solver
from mecopt.models.computation_rate.allocation import blocks, earning, peak, rows
from mecopt.search.annealing import Annealing
from mecopt.search.descent import CoordinateDescent, LocalSearch
from mecopt.search.enumeration import Enumeration
from mecopt.search.exact import PriceAndFix
from mecopt.search.simple import BestOfRandom, Constant, IndexScan

if TYPE_CHECKING:
    from mecopt.models.computation_rate.compiled import RateData
    from mecopt.models.computation_rate.problem import ComputationRate

Array = NDArray[Any]

SHORTEST = 1e-9
"""Shortest offloading time in the Pyomo model, as a fraction of the frame: keeps its logarithm finite."""


def mode_rates(problem: ComputationRate, decision: Array) -> Array:
    """Return the best rate of modes ``(*batch, *candidates, users)``."""
    from mecopt.models.computation_rate import fixed_mode

    return fixed_mode.mode_rates(*blocks(problem, decision)).reshape(decision.shape[:-1])


def relaxation(problem: ComputationRate, price: Array) -> Array:
    """Return the Lagrangian bound over all modes at a time price, one pass over the sorted thresholds."""
    local, gain, worth = problem.coefficients()
    earned = earning(gain, worth, price[..., None])
    with np.errstate(divide="ignore", invalid="ignore"):  # who adds nothing on either side may stand anywhere
        order = np.argsort(local / earned, axis=-1)
    local = np.take_along_axis(np.broadcast_to(local, earned.shape), order, axis=-1)
    earned = np.take_along_axis(earned, order, axis=-1)
    nothing = np.zeros((*price.shape, 1))
    offloaded = np.concatenate([nothing, np.cumsum(earned, axis=-1)], axis=-1)
    kept = np.concatenate([np.cumsum(local[..., ::-1], axis=-1)[..., ::-1], nothing], axis=-1)
    return np.asarray(peak(kept, offloaded, price[..., None]).max(axis=-1))


def relaxation_price(problem: ComputationRate) -> Array:
    """Return the time price at which that bound is least."""
    from mecopt.models.computation_rate.compiled import relaxed_prices

    return relaxed_prices(*rows(problem)).reshape(problem.batch_shape)


def compiled_data(problem: ComputationRate) -> RateData:
    """Return the compiled data of all instances."""
    from mecopt.models.computation_rate.limited import RateData  # and with it the bounds under limits

    return RateData(*rows(problem))


def offloading_index(problem: ComputationRate) -> Array:
    """Return sqrt(w) h, by which users are worth offloading."""
    return np.asarray(np.sqrt(problem.weight) * problem.channel_gain)


def pyomo_model(problem: ComputationRate, unit: float) -> Any:
    """Write one instance as a convex mixed-integer model, the rate in units of `unit` bit/s.

    ``maximise A . local + sum(offloaded)`` with ``local_i <= root`` and 0 where user i offloads, ``root^3 <= a``, and
    ``offloaded_i <= w e tau_i ln(1 + g a / tau_i)``. Offloading times are at least `SHORTEST`, which costs a relative
    ``N 1e-9`` of the frame at most. Users who earn nothing by it do not offload.
    """
    import pyomo.environ as pyo

    if problem.batch_shape:
        raise InstanceError("to_pyomo takes a single instance; index the batch first")
    local, gain, worth = (row[0] for row in rows(problem))
    coefficient, gain, worth = (local / unit).tolist(), gain.tolist(), (worth / unit).tolist()
    most = [w * float(np.log1p(g)) for w, g in zip(worth, gain, strict=True)]
    model = pyo.ConcreteModel(name="computation-rate")
    model.users = pyo.RangeSet(0, problem.users - 1)
    model.offload = pyo.Var(model.users, domain=pyo.Binary)
    for i in np.flatnonzero(np.equal(gain, 0.0)).tolist():
        model.offload[i].setub(0)
    model.harvest_time = pyo.Var(bounds=(SHORTEST, 1.0))
    model.offload_time = pyo.Var(model.users, bounds=(SHORTEST, 1.0))
    model.root = pyo.Var(bounds=(0.0, 1.0))
    model.computing = pyo.Var(model.users, bounds=(0.0, 1.0))
    model.offloaded = pyo.Var(model.users, bounds=lambda _, i: (0.0, most[i]))
    model.frame = pyo.Constraint(
        expr=model.harvest_time + pyo.quicksum(model.offload_time[i] - SHORTEST for i in model.users) <= 1.0
    )
    model.root_is_convex = pyo.Constraint(expr=model.root**3 - model.harvest_time <= 0.0)
    model.local_rate = pyo.Constraint(model.users, rule=lambda m, i: m.computing[i] <= m.root)
    model.local_only = pyo.Constraint(model.users, rule=lambda m, i: m.computing[i] <= 1.0 - m.offload[i])
    model.offload_only = pyo.Constraint(model.users, rule=lambda m, i: m.offloaded[i] <= most[i] * m.offload[i])
    model.shannon = pyo.Constraint(
        model.users,
        rule=lambda m, i: (
            (
                m.offloaded[i] - worth[i] * m.offload_time[i] * pyo.log(1.0 + gain[i] * m.harvest_time / m.offload_time[i])
                <= 0.0
            )
            if gain[i] > 0.0
            else pyo.Constraint.Skip
        ),
    )
    model.rate = pyo.Objective(
        expr=pyo.quicksum(coefficient[i] * model.computing[i] + model.offloaded[i] for i in model.users),
        sense=pyo.maximize,
    )
    return model


def rate_unit(problem: ComputationRate) -> float:
    """Return the best rate when everyone computes locally, or 1 where nobody can."""
    return float(problem.coefficients().local.sum()) or 1.0


def place(problem: ComputationRate, model: Any, decision: Array) -> None:
    """Set the model's variables to a mode at its time price.

    Users that compute locally get the time they would take at that price: the tangents there hold for every time, and
    are the ones that bind should the master let them offload.
    """
    from mecopt.kernels.lambert import log_ratio

    times, dual = problem.closed_form(decision)
    harvest, price = float(times.harvest_time), float(dual.time_price)
    _, gain, worth = (row[0] for row in rows(problem))
    model.harvest_time.set_value(harvest)
    model.root.set_value(harvest ** (1.0 / 3.0))
    for i in model.users:
        model.offload[i].set_value(int(decision[i]))
        tau = harvest * float(gain[i]) / np.expm1(log_ratio(price / float(worth[i]))) if gain[i] > 0.0 else 0.0
        model.offload_time[i].set_value(min(max(float(tau), SHORTEST), 1.0))
        model.offloaded[i].set_value(0.0)
        model.computing[i].set_value((1 - int(decision[i])) * harvest ** (1.0 / 3.0))


def _first_prices(batch: RateData) -> Array:
    from mecopt.models.computation_rate.compiled import first_prices

    return first_prices(batch)


EXACT = PriceAndFix(compiled_data, _first_prices)

SOLVERS: dict[str, Solver] = {
    solver.name: solver
    for solver in (
        EXACT,
        Enumeration(),
        Highs(pyomo_model, rate_unit, place, EXACT),
        CoordinateDescent(),
        CoordinateDescent("cd-random", "steepest single move from a random decision until none improves", begin="random"),
        LocalSearch(),
        Annealing("annealing", 200, "simulated annealing by single users"),
        IndexScan(offloading_index, "sqrt(w) h"),
        PriceAndFix(compiled_data, _first_prices, name="relaxation-rounding", node_limit=1),
        BestOfRandom("random", 1),
        BestOfRandom("best-of-random", 11),
        Constant("all-local", 0, "everyone computes locally"),
        Constant("all-offload", 1, "everyone offloads who can"),
    )
}
