r"""What problems share whose users choose between local computing and servers of shared capacity.

Once the square-root rule has eliminated the shares, all of them are the minimisation of :math:`V(a)` in
`mecopt.kernels.servers`; binary offloading is the case of one server. A problem says its terms by `server_terms`, and gets
its costs, the exact search, the relaxation's prices, and the model for outside solvers from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.kernels.arrays import plain
from mecopt.running import clock
from mecopt.running.budget import Budget, in_passes
from mecopt.search.exact import PriceAndFix

if TYPE_CHECKING:
    from mecopt.kernels.servers import Servers
    from mecopt.search.one_server import OneServerData
    from mecopt.search.server_data import ServersData

Array = NDArray[Any]

LEAST_SHARE = 1e-9
"""Smallest share of a capacity in the model with bounds: keeps its cones away from their tips."""


class ServerChoice(Protocol):
    """A problem of this kind."""

    def server_terms(self) -> Servers:
        """Return costs of choices, square-root work, capacities, bounds and limits of all instances."""


def scorer(problem: Any) -> Callable[[Array], Array]:
    """Return a function from decisions ``(*batch, *candidates, users)`` to their least costs; the terms are taken once."""
    from mecopt.kernels.servers import costs

    terms, instances, users = problem.server_terms(), problem.instances, problem.users

    def score(decision: Array) -> Array:
        block = plain(decision.reshape(instances, -1, users), np.int8)
        return costs(terms, block).reshape(decision.shape[:-1])

    return score


def decision_costs(problem: Any, decision: Array) -> Array:
    """Return the least cost of decisions ``(*batch, *candidates, users)``."""
    return scorer(problem)(decision)


def move_costs(problem: Any, decision: Array) -> Array:
    """Return the least cost after each single move of decisions ``(*batch, users)``."""
    from mecopt.kernels import servers

    block = plain(decision.reshape(problem.instances, problem.users), np.int8)
    return servers.move_costs(problem.server_terms(), block).reshape((*decision.shape, -1))


def mended(problem: Any, decision: Array) -> Array:
    """Return decisions ``(*batch, *candidates, users)`` with the cheapest choice by itself for those whose is impossible."""
    cost = problem.server_terms().cost
    if np.isfinite(cost).all():
        return decision
    block = decision.reshape(problem.instances, -1, problem.users)
    own = np.take_along_axis(cost[:, None], block[..., None].astype(int), axis=-1)[..., 0]
    cheapest = cost.argmin(axis=-1).astype(np.int8)
    return np.where(np.isfinite(own), block, cheapest[:, None]).reshape(decision.shape)


def one_instance(servers: Servers, index: int) -> Servers:
    """Return the terms of one instance, as a batch of one."""
    return some_instances(servers, slice(index, index + 1))


def some_instances(servers: Servers, which: Any) -> Servers:
    """Return the terms of some instances, as a batch."""
    return type(servers)(*(part[which] for part in servers))


def compiled_data(problem: Any, polish: bool = True) -> OneServerData | Sequence[OneServerData | ServersData]:
    """Return compiled data; with `polish` rounded decisions are bettered by local search.

    All instances together where sorting solves every relaxation, else those of each.
    """
    terms = problem.server_terms()
    sorts = by_sorting(terms)
    if not sorts.any():
        from mecopt.search.server_tree import prepared

        return prepared(terms, polish)
    from mecopt.search.one_server import OneServerData

    batch = OneServerData(terms, plain(np.argsort(-saving(terms), axis=-1), np.int64))
    if sorts.all():
        return batch
    from mecopt.search.server_tree import prepared

    others = iter(prepared(some_instances(terms, ~sorts), polish))
    return [
        OneServerData(one_instance(terms, k), batch.order[k : k + 1]) if sorts[k] else next(others)
        for k in range(len(sorts))
    ]


def by_sorting(servers: Servers) -> Array:
    """Whether sorting the users solves the relaxation of an instance: one server, no bounds, no limit."""
    return ~servers.bounded & ~servers.limited & (servers.capacity.shape[1] == 1)


def saving(servers: Servers) -> Array:
    """Return (b0 - b1) / s, what a user saves on one server per unit of square-root work; users without work come last."""
    some = servers.root > 0
    with np.errstate(invalid="ignore"):
        saved = servers.cost[..., 0] - servers.cost[..., 1]
    saved = np.where(np.isnan(saved), -np.inf, saved)  # of a user who has no choice at all
    return np.where(some, saved / np.where(some, servers.root, 1.0), -np.inf)


def first_prices(data: OneServerData | ServersData) -> Array:
    """Return capacity prices to begin with, as if all users spread evenly over the servers, and no price of places."""
    first = getattr(data, "first", None)
    if first is None:  # on one server alike for all
        return np.asarray(2.0 * data.servers.root.sum(axis=1) / data.servers.capacity[:, 0])
    return np.array(first)


def relaxed_prices(problem: Any) -> tuple[Array, Array]:
    """Return the relaxation's prices of capacity, mu, and of places, nu, both ``(*batch, servers)``."""
    terms = problem.server_terms()
    sorts = by_sorting(terms)
    found = np.empty((problem.instances, 2 * terms.capacity.shape[1]))
    if sorts.any():
        from mecopt.search import one_server

        some = some_instances(terms, sorts)
        found[sorts] = one_server.root_prices(some, plain(np.argsort(-saving(some), axis=-1), np.int64))
    if not sorts.all():
        from mecopt.search import server_prices

        found[~sorts] = server_prices.root_prices(some_instances(terms, ~sorts))
    prices = found.reshape((*problem.batch_shape, 2, -1))
    return (0.5 * prices[..., 0, :]) ** 2, prices[..., 1, :]


class MoveSearch(Solver):
    """Local search over single moves and exchanges, compiled: fit for thousands of users."""

    name = "local-search"
    summary = "single moves and, among few users or where servers have limits, exchanges from all-local until none improves"
    features = Feature.WARM_PRIMAL

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Better each instance's start, or all-local."""
        from mecopt.search.server_moves import polish

        terms = problem.server_terms()  # type: ignore[attr-defined]
        shape = (problem.instances, problem.users)
        decisions = plain(np.zeros(shape, dtype=np.int8) if start is None else start.reshape(shape).copy(), np.int8)
        steps, rounds = np.zeros(problem.instances, dtype=int), np.zeros(problem.instances, dtype=int)
        cut = np.zeros(problem.instances, dtype=bool)

        def improve(k: int, seconds: float) -> bool:
            one, more, began = one_instance(terms, k), 1, clock.now()
            while more:
                if clock.now() - began >= seconds:
                    cut[k] = True
                    return True
                more = polish(one, decisions[k], 1)
                steps[k] += more
                rounds[k] += 1
            cut[k] = False
            return False

        in_passes(problem.instances, Budget(time_limit), improve, anew=False)
        return Search(
            decisions.reshape((*problem.batch_shape, problem.users)),
            iterations=steps.reshape(problem.batch_shape),
            solver_calls=(rounds * problem.users * terms.capacity.shape[1]).reshape(problem.batch_shape),
            limit=cut.reshape(problem.batch_shape),
            start_used=start is not None,
        )


EXACT = PriceAndFix(compiled_data, first_prices)
ROUNDING = PriceAndFix(partial(compiled_data, polish=False), first_prices, name="relaxation-rounding", node_limit=1)


# ---------------------------------------------------------------------- a model for outside solvers


def product_model(problem: Any, unit: float = 1.0) -> Any:
    """Return the model with its cones as products, ``(s offload)^2 <= share computing``, as SCIP knows them."""
    return pyomo_model(problem, unit, products=True)


def pyomo_model(problem: Any, unit: float = 1.0, products: bool = False) -> Any:
    """Write one instance as a convex mixed-integer model; costs are divided by `unit`.

    Binary ``offload[i, j]``; without bounds on shares ``server_load[j] = sum_i s_i offload[i, j] / sqrt(F_j)`` and
    ``waiting[j] >= server_load[j]^2``. With bounds every pair has a ``share`` of the capacity and a ``computing`` time with
    ``share computing >= s_i^2 / F_j offload^2``, a cone. It is written as a convex function, so that its tangents hold;
    with `products` it is written as it stands.
    """
    import pyomo.environ as pyo

    if problem.batch_shape:
        raise InstanceError("to_pyomo takes a single instance; index the batch first")
    terms = problem.server_terms()
    cost, root = terms.cost[0] / unit, terms.root[0] / np.sqrt(unit)
    count = terms.capacity.shape[1]
    model = pyo.ConcreteModel(name=problem.name)
    model.users, model.servers = pyo.RangeSet(0, problem.users - 1), pyo.RangeSet(1, count)
    model.offload = pyo.Var(model.users, model.servers, domain=pyo.Binary)
    model.one_place = pyo.ConstraintList()
    for i in model.users:
        chosen = pyo.quicksum(model.offload[i, j] for j in model.servers)
        if count > 1 or not np.isfinite(cost[i, 0]):
            model.one_place.add(chosen <= 1 if np.isfinite(cost[i, 0]) else chosen == 1)
        for j in model.servers:
            if not np.isfinite(cost[i, j]):
                model.offload[i, j].fix(0)
    base = [cost[i, 0] if np.isfinite(cost[i, 0]) else 0.0 for i in model.users]
    linear = pyo.quicksum(
        float(cost[i, j] - base[i]) * model.offload[i, j] for i in model.users for j in model.servers if cost[i, j] < np.inf
    )
    if terms.limited[0]:
        limit = np.minimum(terms.admission[0], problem.users).tolist()
        model.admission = pyo.Constraint(
            model.servers, rule=lambda m, j: pyo.quicksum(m.offload[i, j] for i in m.users) <= limit[j - 1]
        )
    shared = _bounded_part(model, terms, root, products) if terms.bounded[0] else _plain_part(model, terms, root)
    model.cost = pyo.Objective(expr=float(sum(base)) + linear + shared)
    return model


def _plain_part(model: Any, terms: Servers, root: Array) -> Any:
    import pyomo.environ as pyo

    part = root[:, None] / np.sqrt(terms.capacity[0])
    most = part.sum(axis=0).tolist()
    model.server_load = pyo.Var(model.servers, bounds=lambda _, j: (0.0, most[j - 1]))
    model.waiting = pyo.Var(model.servers, bounds=lambda _, j: (0.0, most[j - 1] ** 2))
    model.load_is_sum = pyo.Constraint(
        model.servers,
        rule=lambda m, j: m.server_load[j] == pyo.quicksum(float(part[i, j - 1]) * m.offload[i, j] for i in m.users),
    )
    model.waiting_is_convex = pyo.Constraint(model.servers, rule=lambda m, j: m.server_load[j] ** 2 - m.waiting[j] <= 0.0)
    return pyo.quicksum(model.waiting[j] for j in model.servers)


def _bounded_part(model: Any, terms: Servers, root: Array, products: bool) -> Any:
    import pyomo.environ as pyo

    capacity, tip = terms.capacity[0], 0.0 if products else LEAST_SHARE
    lower, upper = terms.lower[0] / capacity, terms.upper[0] / capacity
    part = root[:, None] / np.sqrt(capacity)
    slowest = part**2 / np.maximum(lower, LEAST_SHARE)
    pairs = [(i, j) for i in model.users for j in model.servers if np.isfinite(terms.cost[0, i, j])]
    model.pairs = pyo.Set(initialize=pairs, dimen=2)
    model.share = pyo.Var(model.pairs, bounds=(tip, 1.0 + tip))
    model.computing = pyo.Var(model.pairs, bounds=lambda _, i, j: (0.0, float(slowest[i, j - 1])))
    reached = sorted({j for _, j in pairs})
    model.fits = pyo.Constraint(
        reached, rule=lambda m, j: pyo.quicksum(m.share[i, k] - tip for i, k in pairs if k == j) <= 1.0
    )
    model.least = pyo.Constraint(model.pairs, rule=lambda m, i, j: m.share[i, j] >= float(lower[i, j - 1]) * m.offload[i, j])
    model.most = pyo.Constraint(
        model.pairs, rule=lambda m, i, j: m.share[i, j] - tip <= float(upper[i, j - 1]) * m.offload[i, j]
    )

    def cone(m: Any, i: int, j: int) -> Any:
        work = float(part[i, j - 1]) * m.offload[i, j]
        if products:
            return work**2 - m.share[i, j] * m.computing[i, j] <= 0.0
        norm = pyo.sqrt((2.0 * work) ** 2 + (m.share[i, j] - m.computing[i, j]) ** 2)
        return norm - m.share[i, j] - m.computing[i, j] <= 0.0

    model.cone = pyo.Constraint(model.pairs, rule=cone)
    return pyo.quicksum(model.computing[i, j] for i, j in pairs)


def cost_unit(problem: Any) -> float:
    """Return the relaxation's bound, or 1 where there is nothing to compute or no decision is feasible."""
    bound = float(problem.relaxed_bound(problem.relaxed_dual()))
    return bound if 0.0 < bound < np.inf else 1.0


def place(problem: Any, model: Any, decision: Array) -> None:
    """Set the model's variables to a decision and its optimal shares."""
    import pyomo.environ as pyo

    for i, j in model.offload:
        if not model.offload[i, j].fixed:
            model.offload[i, j].set_value(int(decision[i] == j))
    if not hasattr(model, "cone"):
        for j in model.servers:
            model.server_load[j].set_value(0.0)
            load = -pyo.value(model.load_is_sum[j].body)
            model.server_load[j].set_value(load)
            model.waiting[j].set_value(load**2)
        return
    terms, unit = problem.server_terms(), cost_unit(problem)
    speed = problem.closed_form(decision)[0].server_speed
    for i, j in model.pairs:
        share = float(speed[i] / terms.capacity[0, j - 1]) if decision[i] == j and np.isfinite(speed[i]) else 0.0
        share = max(share, LEAST_SHARE)
        model.share[i, j].set_value(share)
        work = float(terms.root[0, i] ** 2 / terms.capacity[0, j - 1]) / unit
        computing = min(work / share, model.computing[i, j].ub) if decision[i] == j else 0.0
        model.computing[i, j].set_value(computing)


def chosen(model: Any, users: int) -> Array:
    """Read the decision out of a solved model."""
    decision = np.zeros(users, dtype=np.int8)
    for i, j in model.offload:
        if round(model.offload[i, j].value or 0.0):
            decision[i] = j
    return decision
