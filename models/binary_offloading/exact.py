r"""The decision is open: the relaxation's price, the exact prefix rule, the Pyomo model, and the paper's baselines.

Top-k theorem (identical users up to their data size): if :math:`L_i - u_i = \kappa c_i` for one :math:`\kappa`, some
optimal decision offloads the users with the k largest :math:`c_i`. Proof: beside a rest with sum :math:`T`, adding
:math:`t = s_i` changes the cost by :math:`\phi(t) = t^2 (1/F - \kappa) + 2Tt/F`. If :math:`\kappa \le 1/F`, then
:math:`\phi > 0` and nobody offloads. Otherwise :math:`\phi` is concave with :math:`\phi(0) = 0`; a user i that offloads in
an optimum has :math:`\phi(s_i) \le 0`, so :math:`\phi` falls beyond :math:`s_i`, and a larger user outside could replace it
with profit.

Without that condition the problem contains subset sum; `prefix` then refuses, and `exact` searches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.backends.backend import Feature
from mecopt.backends.highs import Highs
from mecopt.backends.scip import Scip
from mecopt.kernels.arrays import plain
from mecopt.models.binary_offloading.allocation import equal_split, equal_split_cost, equal_split_flips
from mecopt.problem import Problem
from mecopt.search.descent import CoordinateDescent, LocalSearch
from mecopt.search.enumeration import Enumeration
from mecopt.search.exact import PriceAndFix
from mecopt.search.simple import BestOfRandom, Constant, IndexScan
from mecopt.search.solver import Search, Solver
from mecopt.solution import InstanceError

if TYPE_CHECKING:
    from mecopt.models.binary_offloading.compiled import OffloadingData
    from mecopt.models.binary_offloading.problem import BinaryOffloading

Array = NDArray[Any]

IDENTICAL = 1e-12
"""Relative loss that users who are identical but for rounding may cause; above it the theorem is not used."""


def decision_costs(problem: BinaryOffloading, decision: Array) -> Array:
    """Return the least cost of decisions ``(*batch, *candidates, users)``."""
    from mecopt.kernels.rank_one import costs

    block = plain(decision.reshape(problem.instances, -1, problem.users), np.int8)
    return costs(*_rank_one(problem), block).reshape(decision.shape[:-1])


def flip_costs(problem: BinaryOffloading, decision: Array) -> Array:
    """Return the least cost after each single flip of decisions ``(*batch, users)``."""
    from mecopt.kernels import rank_one

    block = plain(decision.reshape(problem.instances, problem.users), np.int8)
    return rank_one.flip_costs(*_rank_one(problem), block).reshape(decision.shape)


def _rank_one(problem: BinaryOffloading) -> tuple[Array, Array, Array, Array]:
    terms = problem.terms()
    shape = (problem.instances, problem.users)
    capacity = plain(problem.capacity.reshape(problem.instances), np.float64)
    return terms.local.reshape(shape), terms.upload.reshape(shape), np.sqrt(terms.compute).reshape(shape), capacity


def offloading_index(problem: BinaryOffloading) -> Array:
    """Return (L - u) / sqrt(c), what a user saves per unit of square-root work; users without work come last."""
    terms = problem.terms()
    root = np.sqrt(terms.compute)
    return np.where(root > 0, (terms.local - terms.upload) / np.where(root > 0, root, 1.0), -np.inf)


def relaxation_price(problem: BinaryOffloading) -> Array:
    """Return the capacity price of the relaxation with x in [0, 1].

    Users enter in the order of their index while it exceeds ``lambda = 2 S / F``; the last one possibly in part, and then
    lambda is its index. The capacity price is ``(lambda / 2)^2``.
    """
    index = offloading_index(problem)
    order = np.argsort(-index, axis=-1)
    index = np.take_along_axis(index, order, axis=-1)
    root = np.take_along_axis(np.sqrt(problem.terms().compute), order, axis=-1)
    after = 2.0 * np.cumsum(root, axis=-1) / problem.capacity[..., None]
    whole = index >= after
    entered = np.where(whole, after, 0.0).max(axis=-1)
    partly = np.where(whole, 0.0, index).max(axis=-1)
    price: Array = (0.5 * np.maximum(entered, partly)) ** 2
    return price


def compiled_data(problem: BinaryOffloading) -> list[OffloadingData]:
    """Return the compiled data of every instance."""
    from mecopt.models.binary_offloading.compiled import OffloadingData
    from mecopt.search.price_and_fix import twins

    local, upload, root, capacity = _rank_one(problem)
    order = np.argsort(-offloading_index(problem).reshape(root.shape), axis=-1)
    identical = map(twins, np.stack([root, local, upload], axis=1))
    rows = zip(local, upload, root, order, capacity.tolist(), identical, strict=True)
    return [OffloadingData(*row, *links) for *row, links in rows]


def best_prefix(problem: BinaryOffloading) -> tuple[Array, Array, Array]:
    """Score the N + 1 prefixes in the order of work; return per flat instance decision, cost, and a bound.

    With ``kappa = sum(L - u) / sum(c)`` the cost of every decision differs from that of a problem on which the theorem
    holds exactly by at most ``error = sum(|L - u - kappa c|)``. The best prefix is optimal there, so no decision here costs
    less than the best prefix less twice the error.
    """
    local, upload, root, capacity = _rank_one(problem)
    work = root**2
    whole = work.sum(axis=-1, keepdims=True)
    kappa = (local - upload).sum(axis=-1, keepdims=True) / np.where(whole > 0, whole, 1.0)
    error = np.abs(local - upload - kappa * work).sum(axis=-1)
    order = np.argsort(-root, axis=-1, kind="stable")
    local, upload, root = (np.take_along_axis(part, order, axis=-1) for part in (local, upload, root))
    nothing = np.zeros((len(root), 1))
    load = np.concatenate([nothing, np.cumsum(root, axis=-1)], axis=-1)
    offloaded = np.concatenate([nothing, np.cumsum(upload, axis=-1)], axis=-1)
    kept = np.concatenate([np.cumsum(local[:, ::-1], axis=-1)[:, ::-1], nothing], axis=-1)
    costs = kept + offloaded + load * (load / capacity[:, None])
    count = costs.argmin(axis=-1)
    decision = np.zeros(root.shape, dtype=np.int8)
    np.put_along_axis(decision, order, (np.arange(problem.users) < count[:, None]).astype(np.int8), axis=-1)
    cost = costs.min(axis=-1)
    return decision, cost, cost - 2.0 * error


def theorem_may_hold(problem: BinaryOffloading) -> Array:
    """Whether (L - u) / c is about the same for all users of a flat instance: a cheap look before sorting."""
    local, upload, root, _ = _rank_one(problem)
    work = root**2
    some = work > 0
    ratio = (local - upload) / np.where(some, work, 1.0)
    spread = np.where(some, ratio, -np.inf).max(axis=-1) - np.where(some, ratio, np.inf).min(axis=-1)
    size = np.where(some, (local + upload) / np.where(some, work, 1.0), 0.0).max(axis=-1)
    found: Array = ~some.any(axis=-1) | (spread <= 1e-9 * size)
    return found


class Prefix(Solver):
    """The top-k theorem: exact in O(N log N) where all users are identical but for their data size."""

    name = "prefix"
    summary = "top-k theorem, proved optimal for identical users; refuses others"
    features = Feature.INTEGER

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Return the best prefix; the theorem says that it is optimal."""
        decision, cost, bound = best_prefix(problem)  # type: ignore[arg-type]
        broken = np.flatnonzero(bound < cost - IDENTICAL * np.abs(cost))
        if broken.size:
            raise InstanceError(
                f"prefix is exact only where (L - u) / c is the same for all users, which fails in instance {broken[0]}. "
                "Use the solver 'exact', or 'index-scan' as a heuristic"
            )
        shape = problem.batch_shape
        return Search(decision.reshape((*shape, problem.users)), bound=bound.reshape(shape), solver_calls=problem.users + 1)


class Exact(PriceAndFix):
    """The theorem where its condition holds, price-and-fix where it does not."""

    def prove(
        self,
        problem: Problem,
        start: Array | None,
        *,
        gap: float | None = None,
        time_limit: float | None = None,
        node_limit: int | None = None,
    ) -> Search:
        """Split the batch by the theorem's condition: users alike but for their size have nearly equal bounds otherwise."""
        flat, users = problem.flat(), problem.users
        holds = theorem_may_hold(flat)  # type: ignore[arg-type]
        if not holds.any():
            return super().prove(problem, start, gap=gap, time_limit=time_limit, node_limit=node_limit)
        decision, cost, bound = best_prefix(flat)  # type: ignore[arg-type]
        holds &= bound >= cost - IDENTICAL * np.abs(cost)
        if start is not None:
            first = start.reshape(-1, users)
            tied = decision_costs(flat, first) <= cost  # type: ignore[arg-type]
            decision[tied] = first[tied]
        calls, cut = np.full(flat.instances, users + 1), np.zeros(flat.instances, dtype=bool)
        model_seconds = 0.0
        if not holds.all():
            rest = ~holds
            starts = None if start is None else start.reshape(-1, users)[rest]
            hard = super().prove(flat[rest], starts, gap=gap, time_limit=time_limit, node_limit=node_limit)
            decision[rest], bound[rest], calls[rest], cut[rest] = hard.decision, hard.bound, hard.solver_calls, hard.limit
            model_seconds = hard.model_seconds
        shape = problem.batch_shape
        return Search(
            decision.reshape((*shape, users)),
            bound=bound.reshape(shape),
            solver_calls=calls.reshape(shape),
            iterations=calls.reshape(shape),
            limit=cut.reshape(shape),
            model_seconds=model_seconds,
            start_used=start is not None,
        )


def pyomo_model(problem: BinaryOffloading, unit: float = 1.0) -> Any:
    """Write one instance as a convex mixed-integer model.

    ``minimise sum(L) + sum((u - L) offload) + waiting`` with ``server_load = sum(s offload) / sqrt(F)`` and
    ``waiting >= server_load^2``; costs are divided by `unit`.
    """
    import pyomo.environ as pyo

    if problem.batch_shape:
        raise InstanceError("to_pyomo takes a single instance; index the batch first")
    local, upload, root, capacity = (array[0] for array in _rank_one(problem))
    part = (root / np.sqrt(capacity * unit)).tolist()
    model = pyo.ConcreteModel(name="binary-offloading")
    model.users = pyo.RangeSet(0, problem.users - 1)
    model.offload = pyo.Var(model.users, domain=pyo.Binary)
    model.server_load = pyo.Var(bounds=(0.0, sum(part)))
    model.waiting = pyo.Var(bounds=(0.0, sum(part) ** 2))
    model.load_is_sum = pyo.Constraint(
        expr=model.server_load == pyo.quicksum(part[i] * model.offload[i] for i in model.users)
    )
    model.waiting_is_convex = pyo.Constraint(expr=model.server_load**2 - model.waiting <= 0.0)
    linear = ((upload - local) / unit).tolist()
    model.cost = pyo.Objective(
        expr=float(local.sum() / unit) + pyo.quicksum(linear[i] * model.offload[i] for i in model.users) + model.waiting
    )
    return model


def cost_unit(problem: BinaryOffloading) -> float:
    """Return the relaxation's bound, or 1 where there is nothing to compute."""
    return float(problem.relaxed_bound(problem.relaxed_dual())) or 1.0


def place(problem: BinaryOffloading, model: Any, decision: Array) -> None:
    """Set the model's variables to a decision and its optimal cost."""
    import pyomo.environ as pyo

    for i in model.users:
        model.offload[i].set_value(int(decision[i]))
    model.server_load.set_value(0.0)
    load = -pyo.value(model.load_is_sum.body)
    model.server_load.set_value(load)
    model.waiting.set_value(load**2)


def slsqp_cost(problem: Problem, decision: Array) -> Array:
    """Score decisions by allocating with SLSQP, as the paper's CD_SLSQP does."""
    answer = problem.backends["slsqp"].allocate(problem, decision, start=None, tol=1e-8, time_limit=None)
    return problem.objective(decision, answer.allocation)


def slsqp_flips(problem: Problem, decision: Array) -> Array:
    """Score every single flip by allocating with SLSQP."""
    return slsqp_cost(problem, decision[..., None, :] ^ np.eye(problem.users, dtype=np.int8))


EXACT = Exact(compiled_data, lambda _: 1.0)

SOLVERS: dict[str, Solver] = {
    solver.name: solver
    for solver in (
        EXACT,
        Prefix(),
        Enumeration(),
        Scip(pyomo_model, cost_unit, place, EXACT),
        Highs(pyomo_model, cost_unit, place, EXACT),
        CoordinateDescent(),
        CoordinateDescent("cd-random", "steepest single flip from a random decision until none improves", begin="random"),
        LocalSearch(),
        IndexScan(offloading_index, "(L - u) / sqrt(c)"),
        PriceAndFix(compiled_data, lambda _: 1.0, name="relaxation-rounding", node_limit=1),
        BestOfRandom("random", 1),
        BestOfRandom("best-of-random", 10),
        Constant("all-local", 0, "everyone computes locally"),
        Constant("all-offload", 1, "everyone offloads, capacity by the square-root rule"),
        Constant("all-offload-equal", 1, "everyone offloads, capacity in equal parts (the paper's)", equal_split),
        CoordinateDescent(
            "cd-average",
            "coordinate descent where everyone, local or not, gets F/N (the paper's CD_AVERAGE)",
            value=equal_split_cost,  # type: ignore[arg-type]
            flips=equal_split_flips,  # type: ignore[arg-type]
            allocation=equal_split,
        ),
        CoordinateDescent(
            "cd-slsqp",
            "coordinate descent from a random decision, every score by SLSQP (the paper's CD_SLSQP; slow)",
            begin="random",
            value=slsqp_cost,
            flips=slsqp_flips,
        ),
    )
}
