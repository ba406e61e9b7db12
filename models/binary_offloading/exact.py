r"""The decision is open: the exact prefix rule, the searches shared with several servers, and the paper's baselines.

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

from mecopt.backends.highs import Highs
from mecopt.backends.scip import Scip
from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.models.binary_offloading.allocation import equal_split, equal_split_cost, equal_split_moves
from mecopt.search.annealing import Annealing
from mecopt.search.descent import CoordinateDescent, LocalSearch
from mecopt.search.enumeration import Enumeration
from mecopt.search.exact import TheoremFirst
from mecopt.search.server_choice import (
    ROUNDING,
    chosen,
    compiled_data,
    cost_unit,
    first_prices,
    place,
    pyomo_model,
    relaxed_prices,
    saving,
)
from mecopt.search.server_enumeration import near_best
from mecopt.search.simple import BestOfRandom, Constant, IndexScan

if TYPE_CHECKING:
    from mecopt.models.binary_offloading.problem import BinaryOffloading

Array = NDArray[Any]

IDENTICAL = 1e-12
"""Relative loss that users who are identical but for rounding may cause where no gap is asked for."""

ABOUT = 1e-6
"""Relative spread of (L - u) / c up to which the best prefix is worth a look, whatever gap is asked for."""


def _by_user(problem: BinaryOffloading) -> tuple[Array, Array, Array, Array, Array]:
    """Return L, u, s and F of flat instances, and what those cost who cannot offload: they have no part in the theorem."""
    terms = problem.server_terms()
    local, upload = terms.cost[..., 0], terms.cost[..., 1]
    able = np.isfinite(upload)
    kept = np.where(able, 0.0, local).sum(axis=-1)
    local, upload, root = (np.where(able, part, 0.0) for part in (local, upload, terms.root))
    return local, upload, root, terms.capacity[:, 0], kept


def offloading_index(problem: BinaryOffloading) -> Array:
    """Return (L - u) / sqrt(c), what a user saves per unit of square-root work; users without work come last."""
    return saving(problem.server_terms()).reshape(problem.data_size.shape)


def relaxation_price(problem: BinaryOffloading) -> Array:
    """Return the capacity price of the relaxation, ``(lambda / 2)^2``; see `mecopt.search.one_server`."""
    return relaxed_prices(problem)[0][..., 0]


def best_prefix(problem: BinaryOffloading) -> tuple[Array, Array, Array]:
    """Score the N + 1 prefixes in the order of work; return per flat instance decision, cost, and a bound.

    With ``kappa = sum(L - u) / sum(c)`` the cost of every decision differs from that of a problem on which the theorem
    holds exactly by at most ``error = sum(|L - u - kappa c|)``. The best prefix is optimal there, so no decision here costs
    less than the best prefix less twice the error.
    """
    local, upload, root, capacity, kept_anyway = _by_user(problem)
    work = root**2
    whole = work.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):  # where somebody has to offload nothing is proved
        kappa = (local - upload).sum(axis=-1, keepdims=True) / np.where(whole > 0, whole, 1.0)
        error = np.abs(local - upload - kappa * work).sum(axis=-1)
    order = np.argsort(-root, axis=-1, kind="stable")
    local, upload, root = (np.take_along_axis(part, order, axis=-1) for part in (local, upload, root))
    nothing = np.zeros((len(root), 1))
    load = np.concatenate([nothing, np.cumsum(root, axis=-1)], axis=-1)
    offloaded = np.concatenate([nothing, np.cumsum(upload, axis=-1)], axis=-1)
    kept = np.concatenate([np.cumsum(local[:, ::-1], axis=-1)[:, ::-1], nothing], axis=-1)
    costs = kept_anyway[:, None] + kept + offloaded + load * (load / capacity[:, None])
    count = costs.argmin(axis=-1)
    decision = np.zeros(root.shape, dtype=np.int8)
    np.put_along_axis(decision, order, (np.arange(problem.users) < count[:, None]).astype(np.int8), axis=-1)
    cost = costs.min(axis=-1)
    return decision, cost, cost - 2.0 * error


def proves(cost: Array, bound: Array, gap: float | None) -> Array:
    """Whether bounds of prefixes prove their costs within a gap, infinite ones where there is no decision among them."""
    within = max(gap or 0.0, IDENTICAL)
    with np.errstate(invalid="ignore"):
        return np.asarray((bound >= cost - within * np.abs(cost)) | ((cost == np.inf) & (bound == np.inf)))


def theorem_may_hold(problem: BinaryOffloading, spread: float) -> Array:
    """Whether (L - u) / c is the same to so much for all users of a flat instance: a cheap look before sorting.

    Not where somebody has to offload: the theorem is about free choices.
    """
    local, upload, root, _, _ = _by_user(problem)
    free = np.asarray(np.isfinite(local).all(axis=-1))
    local = np.where(free[:, None], local, 0.0)
    work = root**2
    some = work > 0
    ratio = (local - upload) / np.where(some, work, 1.0)
    apart = np.where(some, ratio, -np.inf).max(axis=-1) - np.where(some, ratio, np.inf).min(axis=-1)
    size = np.where(some, (local + upload) / np.where(some, work, 1.0), 0.0).max(axis=-1)
    return np.asarray(free & (~some.any(axis=-1) | (apart <= spread * size)))


class Prefix(Solver):
    """The top-k theorem: exact in O(N log N) where all users are identical but for their data size."""

    name = "prefix"
    summary = "top-k theorem, proved optimal for identical users; refuses others"
    features = Feature.INTEGER

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Return the best prefix; the theorem says that it is optimal, within the gap that is asked for."""
        decision, cost, bound = best_prefix(problem)  # type: ignore[arg-type]
        broken = np.flatnonzero(~proves(cost, bound, gap))
        if broken.size:
            raise InstanceError(
                f"prefix is exact only where (L - u) / c is the same for all users, which fails in instance {broken[0]}. "
                "Use the solver 'exact', or 'index-scan' as a heuristic"
            )
        shape = problem.batch_shape
        return Search(decision.reshape((*shape, problem.users)), bound=bound.reshape(shape), solver_calls=problem.users + 1)


class Exact(TheoremFirst):
    """The top-k theorem where it proves what is asked, branching on counts where it does not."""

    def theorem(self, flat: Any, gap: float | None) -> tuple[Array, Array, Array, int]:
        """Score prefixes where users are about alike but for their size."""
        about = theorem_may_hold(flat, max(gap or 0.0, ABOUT))
        if not about.any():
            return about, np.empty(0), np.full(flat.instances, -np.inf), 0
        decision, cost, bound = best_prefix(flat)
        bound = np.where(about, bound, -np.inf)
        return about & proves(cost, bound, gap), decision, bound, flat.users + 1


def slsqp_cost(problem: Problem, decision: Array) -> Array:
    """Score decisions by allocating with SLSQP, as the paper's CD_SLSQP does."""
    answer = problem.backends["slsqp"].allocate(problem, decision, start=None, tol=1e-8, time_limit=None)
    return problem.objective(decision, answer.allocation)


def slsqp_moves(problem: Problem, decision: Array) -> Array:
    """Score every single move by allocating with SLSQP."""
    flipped = decision[..., None, :] ^ np.eye(problem.users, dtype=np.int8)
    stay = np.broadcast_to(slsqp_cost(problem, decision)[..., None], decision.shape)
    changed = slsqp_cost(problem, flipped)
    return np.stack([np.where(decision == 0, stay, changed), np.where(decision == 1, stay, changed)], axis=-1)


EXACT = Exact(compiled_data, first_prices)

SOLVERS: dict[str, Solver] = {
    solver.name: solver
    for solver in (
        EXACT,
        Prefix(),
        Enumeration(near_best),
        Scip(pyomo_model, cost_unit, place, EXACT, chosen),
        Highs(pyomo_model, cost_unit, place, EXACT, chosen),
        CoordinateDescent(),
        CoordinateDescent("cd-random", "steepest single move from a random decision until none improves", begin="random"),
        LocalSearch(),
        Annealing("annealing", 200, "simulated annealing by single users"),
        IndexScan(offloading_index, "(L - u) / sqrt(c)"),
        ROUNDING,
        BestOfRandom("random", 1),
        BestOfRandom("best-of-random", 10),
        Constant("all-local", 0, "everyone computes locally"),
        Constant("all-offload", 1, "everyone offloads who can, capacity by the square-root rule"),
        Constant("all-offload-equal", 1, "everyone offloads who can, capacity in equal parts (the paper's)", equal_split),
        CoordinateDescent(
            "cd-average",
            "coordinate descent where everyone, local or not, gets F/N (the paper's CD_AVERAGE)",
            value=equal_split_cost,  # type: ignore[arg-type]
            moves=equal_split_moves,  # type: ignore[arg-type]
            allocation=equal_split,
        ),
        CoordinateDescent(
            "cd-slsqp",
            "coordinate descent from a random decision, every score by SLSQP (the paper's CD_SLSQP; slow)",
            begin="random",
            value=slsqp_cost,
            moves=slsqp_moves,
        ),
    )
}
