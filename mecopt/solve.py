"""The two verbs: `allocate` answers the inner problem for given decisions, `solve` finds the decisions too."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.answerable import checked_problem, checked_start
from mecopt.contract.arguments import checked_gap, checked_generator, checked_limit, checked_threads
from mecopt.contract.backend import Answer, Backend, Feature
from mecopt.contract.certificate import certified, denied, distance, judge, reasons, some
from mecopt.contract.certified import Statistics, Status, of_each
from mecopt.contract.decision import OneOf
from mecopt.contract.derived import one_call
from mecopt.contract.errors import InstanceError, StartIgnored
from mecopt.contract.explained import among, explained, settled, unsolvable
from mecopt.contract.extremes import lost
from mecopt.contract.fields import AllocationT, DualT
from mecopt.contract.formulas import behind, own_variables
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.contract.solver import GAP, LEAST_GAP, Search, Solver
from mecopt.running import clock, waiting
from mecopt.running.blocks import beside, block_by_block, in_blocks, shares
from mecopt.running.budget import granted, within
from mecopt.running.rescue import Hearing, Part, rescued, returned
from mecopt.search.named import solver_for

Array = NDArray[Any]

UNCERTAIN = 1e-8
"""Relative difference by which a decision's own dual proves less than what a search says of all decisions."""


@waiting.told("backend", "backends")
def allocate(
    problem: Problem[AllocationT, DualT],
    decision: ArrayLike,
    *,
    backend: str | Backend | None = None,
    start: Solution | None = None,
    tol: float = 1e-8,
    time_limit: float | None = None,
    threads: int = 1,
    throw: bool = True,
) -> Solution[AllocationT, DualT]:
    """Find the best allocation of given decisions, and certify it by weak duality.

    Parameters
    ----------
    problem
        one instance or a batch.
    decision
        shape ``(*batch, *candidates, n)``; a single decision is used for the whole batch.
    backend
        a key of ``problem.backends``; the first one is the default. Or a backend itself.
    start
        an earlier solution to start from; an error where the backend cannot use it. A decision that leaves nothing to
        solve (nobody offloads) is answered without looking at it: `start_used` is False there, and of the whole batch.
    tol
        relative duality gap within which the answer counts as optimal; below 1, where any would.
    time_limit
        seconds for the whole batch, modelling included; an item that they do not reach is FAILED and says so. A formula and
        path following, a millisecond or so an item, run to their end. Compiling kernels is not counted. Where a method
        raises and the batch is taken apart, the parts have the limit once more.
    threads
        at most so many threads share a batch, where a method says `Feature.THREADS` and draws nothing; each has parts of its
        own, with the whole limit, and answers are the same bit for bit. Seconds of `stats` are then of all together.
    throw
        raise `SolveFailed` if any item has no answer, from the exception behind the first one if there is one; otherwise the
        item is marked FAILED. A name or module that is missing is raised as it is.

    Raises
    ------
    InstanceError, UnknownName, BackendUnavailable, StartIgnored, SolveFailed

    Examples
    --------
    >>> from mecopt.models import BinaryOffloading
    >>> problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)
    >>> solution = allocate(problem, [1, 0, 1])
    >>> solution.status.name, float(solution.allocation.server_rate.sum().round(9))
    ('OPTIMAL', 30.0)
    """
    checked_problem(problem)
    checked_gap("tol", tol, least=LEAST_GAP)
    checked_limit(time_limit)
    checked_threads(threads)
    space = problem.decision_space
    decisions = space.validate(decision, problem.batch_shape)
    chosen = problem.backend(backend)
    if start is not None:
        checked_start(problem, start)
        if not chosen.features & (Feature.WARM_PRIMAL | Feature.WARM_PRIMAL_DUAL):
            raise StartIgnored(f"backend {chosen.name!r} takes no start; {_that_start(problem.backends)}")
    shape = space.lead(decisions)

    def parts() -> tuple[Problem, Part]:
        flat, rows_of = problem.paired(decisions)

        def part(rows: slice, seconds: float | None) -> Solution:
            return _allocated(flat[rows], rows_of[rows], chosen, _rows(start, shape, rows), tol, seconds)

        return flat, part

    def whole() -> Solution:
        used = shares(chosen, math.prod(shape), threads)
        if block_by_block(chosen, start, decisions, used):
            return in_blocks(
                problem, decisions, chosen, lambda some, of: _allocated(some, of, chosen, None, tol, None), used
            )
        if used > 1:
            return beside(problem, chosen, shape, parts, used, time_limit)
        return _allocated(problem, decisions, chosen, start, tol, time_limit)

    with Hearing() as heard:
        found = rescued(chosen.name, problem, shape, whole, parts, time_limit)
    return returned(found, throw, heard)


@waiting.told("solver", "solvers")
def solve(
    problem: Problem[AllocationT, DualT],
    *,
    solver: str | Solver | None = None,
    start: Solution | ArrayLike | None = None,
    gap: float | None = None,
    time_limit: float | None = None,
    threads: int = 1,
    throw: bool = True,
    rng: Generator | None = None,
) -> Solution[AllocationT, DualT]:
    """Find the best decision and its allocation, with a proved bound over all decisions.

    Parameters
    ----------
    problem
        one instance or a batch.
    solver
        a key of ``problem.solvers``; the first one, exact, is the default; settings may follow, as in
        "annealing:iterations=20" (`mecopt.search.named`). Or "learned" for the policy that ships for such
        instances, "learned:FOLDER" for one that `mecopt train` wrote; or a solver itself.
    start
        an earlier solution or a decision per instance, used as incumbent or starting point; an error where it is useless.
    gap
        relative gap within which a proved answer counts as optimal. None (default): exact solvers search until nothing
        better than rounding can exist, and what is proved within 1e-6 counts as optimal. A number below 1 lets them stop
        there.
    time_limit
        seconds for the whole batch, modelling and an outside answer's proof included; what easy instances leave over goes to
        those that were cut, and those cut in the end keep their best answer, with its true gap. Compiling kernels, scans
        and rounding, and the theorems that come before a search take no limit. Where a method raises and the batch is taken
        apart, the parts have the limit once more.
    threads
        at most so many threads share a batch, where a method says `Feature.THREADS` and draws nothing; each has parts of its
        own, with the whole limit, and answers are the same bit for bit. Seconds of `stats` are then of all together.
    throw
        raise `SolveFailed` if any item has no answer, from the exception behind the first one if there is one; otherwise the
        item is marked FAILED. A name or module that is missing is raised as it is.
    rng
        randomness of the solvers that need it; seeded with 0 where none is given.

    Raises
    ------
    InstanceError, UnknownName, BackendUnavailable, StartIgnored, SolveFailed

    Examples
    --------
    >>> from mecopt.models import BinaryOffloading
    >>> solution = solve(BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0))
    >>> solution.decision.tolist(), solution.status.name
    ([1, 1, 1], 'OPTIMAL')
    """
    checked_problem(problem)
    if rng is not None:
        checked_generator(rng)
    if gap is not None:
        checked_gap("gap", gap)
    checked_limit(time_limit)
    checked_threads(threads)
    chosen = solver_for(problem, solver)
    generator = checked_generator(rng, chosen.random)
    first = None
    if start is not None:
        if not chosen.features & Feature.WARM_PRIMAL:
            raise StartIgnored(f"solver {chosen.name!r} takes no start; {_that_start(problem.solvers)}")
        if isinstance(start, Solution):
            checked_start(problem, start)
        given = start.decision if isinstance(start, Solution) else start
        first = problem.decision_space.validate(given, problem.batch_shape, name="start")
        if problem.decision_space.lead(first) != problem.batch_shape:
            raise InstanceError(f"start has shape {first.shape}; allowed: one decision per instance")

    def parts() -> tuple[Problem, Part]:
        flat = problem.flat()
        firsts = None if first is None else first.reshape(flat.instances, *first.shape[len(problem.batch_shape) :])

        def part(rows: slice, seconds: float | None) -> Solution:
            return _solved(flat[rows], chosen, None if firsts is None else firsts[rows], gap, seconds, generator)

        return flat, part

    def whole() -> Solution:
        used = shares(chosen, problem.instances, threads)
        if used > 1:
            return beside(problem, chosen, problem.batch_shape, parts, used, time_limit)
        return _solved(problem, chosen, first, gap, time_limit, generator)

    with Hearing() as heard:
        found = rescued(chosen.name, problem, problem.batch_shape, whole, parts, time_limit)
    return returned(found, throw, heard)


@np.errstate(all="ignore")
def _allocated(
    problem: Problem, decisions: Array, chosen: Backend, start: Solution | None, tol: float, time_limit: float | None
) -> Solution:
    """Allocate what was looked at, and certify it; may raise."""
    compiled, loaded = clock.compiled_seconds(), clock.loaded_seconds()
    answer = chosen.allocate(problem, decisions, start=start, tol=tol, time_limit=time_limit)
    # Nothing is kept from within a backend: it may write into arrays that it has evaluated.
    with one_call(problem, decisions):
        return _certified(problem, decisions, chosen, answer, tol, compiled, loaded)


def _certified(
    problem: Problem, decisions: Array, chosen: Backend, answer: Answer, tol: float, compiled: float, loaded: float
) -> Solution:
    """Certify what a backend allocated."""
    began = clock.now()
    lead = problem.decision_space.lead(decisions)
    bound = behind(problem, "bound")(decisions, own_variables(problem, "dual", answer.dual, lead))
    hopeless = behind(problem, "infeasible")(decisions)
    own = own_variables(problem, "allocation", answer.allocation, lead)
    certificate = denied(certified(problem, decisions, own, bound), hopeless)
    status, _ = judge(certificate, tol, False if answer.limit is None else answer.limit, False, hopeless)
    messages = dict(answer.messages)
    if not settled(status):
        messages = explained(
            messages,
            reasons(problem, decisions, answer.allocation, certificate, among(status, Status.FAILED)),
            status,
            unsolvable(problem, decisions, status),
            lost(problem.paired(decisions)[0], status, certificate.bound),
        )
    return Solution(
        decision=decisions,
        allocation=answer.allocation,
        dual=problem.Dual.completed(answer.dual),
        objective=certificate.objective,
        bound=certificate.bound,
        gap=distance(certificate),
        violation=certificate.violation,
        status=status,
        stats=Statistics(
            method=chosen.name,
            iterations=answer.iterations,
            solver_calls=of_each(1, lead),
            model_seconds=answer.model_seconds,
            solve_seconds=answer.solve_seconds,
            certify_seconds=clock.now() - began,
            compile_seconds=clock.compiled_seconds() - compiled,
            load_seconds=clock.loaded_seconds() - loaded,
            start_used=answer.start_used,
            messages=messages,
        ),
        problem=problem,
    )


@np.errstate(all="ignore")
def _solved(
    problem: Problem, chosen: Solver, first: Array | None, gap: float | None, time_limit: float | None, generator: Generator
) -> Solution:
    """Search what was looked at, and certify it; may raise."""
    clocks = clock.now(), clock.compiled_seconds(), clock.loaded_seconds()
    with within(time_limit):
        found = chosen.search(problem, start=first, gap=gap, time_limit=time_limit, rng=generator)
        found = _admitted(problem, chosen, found)
        best, dual = behind(problem, "closed_form")(found.decision)
        # Nothing is kept from within a solver or a formula that makes an answer: both may write into what they evaluated.
        with one_call(problem, found.decision):
            return _proved(problem, chosen, found, best, dual, gap, clocks)


def _proved(
    problem: Problem, chosen: Solver, found: Search, best: Any, dual: Any, gap: float | None, clocks: tuple[float, ...]
) -> Solution:
    """Certify what a search found, with the best allocation of its decision."""
    began, compiled, loaded = clocks
    decision, shape = found.decision, problem.batch_shape
    searched = clock.now()
    if found.bound is None:
        dual = problem.relaxed_dual()
        bound = problem.relaxed_bound(dual)
    else:
        bound = _no_more_than_of_this(problem, found, dual)
    allocation: Any = best if found.allocation is None else found.allocation
    certificate = certified(problem, decision, own_variables(problem, "allocation", allocation, shape), bound)
    # A bound that no value reaches proves that no decision has an allocation.
    hopeless = behind(problem, "infeasible")(decision)
    nothing = hopeless & (problem.sign * certificate.bound == np.inf)
    undecided = hopeless & ~nothing & (np.asarray(found.limit) | granted().cut)
    tolerance = GAP if gap is None else max(gap, LEAST_GAP)
    certificate = denied(certificate, nothing | undecided)
    status, _ = judge(certificate, tolerance, found.limit, found.failed, nothing, undecided)
    messages = dict(found.messages)
    if some(hopeless) or not settled(status):
        messages = explained(
            messages,
            reasons(problem, decision, allocation, certificate, among(status, Status.FAILED)),
            status,
            unsolvable(problem, None, status),
            lost(problem.flat(), status, certificate.bound),
            hopeless,
        )
    return Solution(
        decision=decision,
        allocation=allocation,
        dual=problem.with_limit_prices(decision, dual),
        objective=certificate.objective,
        bound=certificate.bound,
        gap=distance(certificate),
        violation=certificate.violation,
        status=status,
        stats=Statistics(
            method=chosen.name,
            iterations=of_each(found.iterations, shape),
            solver_calls=of_each(found.solver_calls, shape),
            model_seconds=found.model_seconds,
            solve_seconds=searched - began - found.model_seconds - found.predict_seconds - found.certify_seconds,
            predict_seconds=found.predict_seconds,
            certify_seconds=clock.now() - searched + found.certify_seconds,
            compile_seconds=clock.compiled_seconds() - compiled,
            load_seconds=clock.loaded_seconds() - loaded,
            start_used=found.start_used,
            messages=messages,
            claimed_bound=found.claimed_bound,
        ),
        problem=problem,
    )


def _no_more_than_of_this(problem: Problem, found: Search, dual: Any) -> Array:
    """Return the bound of all decisions, or of the one found where digits leave less of that by more than rounding.

    A search bounds a decision in the end by what it costs. Where next to nothing is left of what is shared, that is right to
    few digits, and only the decision's own dual tells.
    """
    bound = np.asarray(found.bound)
    if not isinstance(problem.decision_space, OneOf):
        return bound
    dual = own_variables(problem, "dual", dual, problem.batch_shape)
    own = problem.sign * behind(problem, "bound")(found.decision, dual)
    less = np.isfinite(own) & (problem.sign * bound - own > UNCERTAIN * np.abs(bound))
    return np.asarray(np.where(less, problem.sign * own, bound))


def _admitted(problem: Problem, chosen: Solver, found: Search) -> Search:
    """Return what a solver found if it is a decision, and a bound, of each instance."""
    whose, shape = f"solver {chosen.name!r} is at fault: its", problem.batch_shape
    decision = problem.decision_space.admitted(found.decision, shape, f"{whose} decision")
    if problem.decision_space.lead(decision) != shape:
        raise InstanceError(f"{whose} decision has shape {decision.shape}; allowed: leading axes {shape}, the batch's")
    if found.bound is not None and np.shape(found.bound) not in ((), shape):
        raise InstanceError(f"{whose} bound has shape {np.shape(found.bound)}; allowed: {shape}, one per instance")
    return found if decision is found.decision else replace(found, decision=decision)


def _rows(start: Solution | None, shape: tuple[int, ...], rows: slice) -> Solution | None:
    """Return what of a start belongs to some items along one axis; a single one belongs to all."""
    if start is None or not start.shape:
        return start
    return start[np.unravel_index(np.arange(rows.start, rows.stop), shape)]


def _that_start(known: Any) -> str:
    able = [name for name, one in known.items() if one.features & (Feature.WARM_PRIMAL | Feature.WARM_PRIMAL_DUAL)]
    return f"these do: {', '.join(able) or 'none'}"
