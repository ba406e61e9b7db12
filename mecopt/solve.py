"""The two verbs: `allocate` answers the inner problem for given decisions, `solve` finds the decisions too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt import clock, waiting
from mecopt.backends.backend import Feature
from mecopt.certify import certify, denied, judge
from mecopt.problem import Problem
from mecopt.search.proposed import solver_for
from mecopt.search.solver import GAP, LEAST_GAP, Solver
from mecopt.solution import AllocationT, DualT, InstanceError, Solution, SolveFailed, StartIgnored, Statistics, Status

Array = NDArray[Any]


@waiting.told("backend", "backends")
def allocate(
    problem: Problem[AllocationT, DualT],
    decision: ArrayLike,
    *,
    backend: str | None = None,
    start: Solution | None = None,
    tol: float = 1e-8,
    time_limit: float | None = None,
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
        a key of ``problem.backends``; the first one is the default.
    start
        an earlier solution to start from; an error where the backend cannot use it. A decision that leaves nothing to
        solve (nobody offloads) is answered without looking at it: `start_used` is False there, and of the whole batch.
    tol
        relative duality gap within which the answer counts as optimal.
    time_limit
        seconds for the whole batch.
    throw
        raise `SolveFailed` if any item has no answer; otherwise the item is marked FAILED.

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
    _check_number("tol", tol, least=LEAST_GAP)
    _check_limit(time_limit)
    decisions = problem.decision_space.validate(decision, problem.batch_shape)
    chosen = problem.backend(backend)
    if start is not None:
        _check_start(problem, start)
        if not chosen.features & (Feature.WARM_PRIMAL | Feature.WARM_PRIMAL_DUAL):
            raise StartIgnored(f"backend {chosen.name!r} takes no start; {_that_start(problem.backends)}")
    compiled, loaded = clock.compiled_seconds(), clock.loaded_seconds()
    answer = chosen.allocate(problem, decisions, start=start, tol=tol, time_limit=time_limit)
    began = clock.now()
    with np.errstate(all="ignore"):
        dual: Any = answer.dual
        bound = problem.bound(decisions, dual)
    hopeless = problem.infeasible(decisions)
    certificate = denied(certify(problem, decisions, answer.allocation, bound), hopeless)
    status, contradiction = judge(certificate, tol, False if answer.limit is None else answer.limit, False, hopeless)
    ones = np.ones(problem.decision_space.lead(decisions), dtype=int)
    allocation: Any = answer.allocation
    solution: Solution[AllocationT, DualT] = Solution(
        decision=decisions,
        allocation=allocation,
        dual=dual,
        objective=certificate.objective,
        bound=certificate.bound,
        gap=np.maximum(certificate.gap, 0.0),
        violation=certificate.violation,
        status=status,
        stats=Statistics(
            method=chosen.name,
            iterations=answer.iterations,
            solver_calls=ones,
            model_seconds=answer.model_seconds,
            solve_seconds=answer.solve_seconds,
            certify_seconds=clock.now() - began,
            compile_seconds=clock.compiled_seconds() - compiled,
            load_seconds=clock.loaded_seconds() - loaded,
            start_used=answer.start_used,
            messages=_explained(answer.messages, contradiction, status, _unsolvable(problem, decisions, status)),
        ),
        problem=problem,
    )
    return _returned(solution, throw)


@waiting.told("solver", "solvers")
def solve(
    problem: Problem[AllocationT, DualT],
    *,
    solver: str | Solver | None = None,
    start: Solution | ArrayLike | None = None,
    gap: float | None = None,
    time_limit: float | None = None,
    throw: bool = True,
    rng: Generator | None = None,
) -> Solution[AllocationT, DualT]:
    """Find the best decision and its allocation, with a proved bound over all decisions.

    Parameters
    ----------
    problem
        one instance or a batch.
    solver
        a key of ``problem.solvers``; the first one, exact, is the default. Or "learned" for the policy that ships for such
        instances, "learned:FOLDER" for one that `mecopt train` wrote; or a solver itself.
    start
        an earlier solution or a decision per instance, used as incumbent or starting point; an error where it is useless.
    gap
        relative gap within which a proved answer counts as optimal. None (default): exact solvers search until nothing
        better than rounding can exist, and what is proved within 1e-6 counts as optimal. A number lets them stop there.
    time_limit
        seconds for the whole batch; instances cut off keep their best answer, with its true gap.
    throw
        raise `SolveFailed` if any item has no answer; otherwise the item is marked FAILED.
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
    if gap is not None:
        _check_number("gap", gap)
    _check_limit(time_limit)
    chosen = solver_for(problem, solver)
    first = None
    if start is not None:
        if not chosen.features & Feature.WARM_PRIMAL:
            raise StartIgnored(f"solver {chosen.name!r} takes no start; {_that_start(problem.solvers)}")
        if isinstance(start, Solution):
            _check_start(problem, start)
        first = problem.decision_space.validate(
            start.decision if isinstance(start, Solution) else start, problem.batch_shape
        )
        if problem.decision_space.lead(first) != problem.batch_shape:
            raise InstanceError(f"start has shape {first.shape}; allowed: one decision per instance")
    generator = np.random.default_rng(0) if rng is None else rng
    began, compiled, loaded = clock.now(), clock.compiled_seconds(), clock.loaded_seconds()
    found = chosen.search(problem, start=first, gap=gap, time_limit=time_limit, rng=generator)
    best, dual = problem.closed_form(found.decision)
    searched = clock.now()
    if found.bound is None:
        dual = problem.relaxed_dual()
        bound = problem.relaxed_bound(dual)
    else:
        bound = found.bound
    allocation: Any = best if found.allocation is None else found.allocation
    certificate = certify(problem, found.decision, allocation, bound)
    # A bound that no value reaches proves that no decision has an allocation.
    hopeless = problem.infeasible(found.decision)
    nothing = hopeless & (problem.sign * certificate.bound == np.inf)
    tolerance = GAP if gap is None else max(gap, LEAST_GAP)
    certificate = denied(certificate, nothing)
    status, contradiction = judge(certificate, tolerance, found.limit, found.failed, nothing)
    shape = problem.batch_shape
    solution = Solution(
        decision=found.decision,
        allocation=allocation,
        dual=dual,
        objective=certificate.objective,
        bound=certificate.bound,
        gap=np.maximum(certificate.gap, 0.0),
        violation=certificate.violation,
        status=status,
        stats=Statistics(
            method=chosen.name,
            iterations=np.broadcast_to(found.iterations, shape),
            solver_calls=np.broadcast_to(found.solver_calls, shape),
            model_seconds=found.model_seconds,
            solve_seconds=searched - began - found.model_seconds - found.predict_seconds - found.certify_seconds,
            predict_seconds=found.predict_seconds,
            certify_seconds=clock.now() - searched + found.certify_seconds,
            compile_seconds=clock.compiled_seconds() - compiled,
            load_seconds=clock.loaded_seconds() - loaded,
            start_used=found.start_used,
            messages=_explained(found.messages, contradiction, status, _unsolvable(problem, None, status), hopeless),
            claimed_bound=found.claimed_bound,
        ),
        problem=problem,
    )
    return _returned(solution, throw)


def _check_number(name: str, value: float, least: float = 0.0) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not least <= value < np.inf:
        raise InstanceError(f"{name} is {value!r}; allowed: a finite number >= {least:g}")


def _check_limit(time_limit: float | None) -> None:
    if time_limit is not None:
        _check_number("time_limit", time_limit)


def _check_start(problem: Problem, start: Any) -> None:
    if not isinstance(start, Solution):
        raise InstanceError(f"start is a {type(start).__name__}; allowed: a Solution")
    if type(start.problem) is not type(problem) or start.problem.users != problem.users:
        other = start.problem
        raise InstanceError(
            f"start solves {other.name} with {other.users} users; allowed: {problem.name} with {problem.users}"
        )


def _that_start(known: Any) -> str:
    able = [name for name, one in known.items() if one.features & (Feature.WARM_PRIMAL | Feature.WARM_PRIMAL_DUAL)]
    return f"these do: {', '.join(able) or 'none'}"


def _unsolvable(problem: Problem, decisions: Array | None, status: Any) -> dict[int, str]:
    """Say of every infeasible item that its decision, or every one (None), has no allocation, and why if that is known."""
    found = [i for i, one in enumerate(np.ravel(np.asarray(status, dtype=object))) if one is Status.INFEASIBLE]
    if not found:
        return {}
    instances, given = (problem.flat(), None) if decisions is None else problem.paired(decisions)
    which = "no decision has an" if given is None else "the decision has no"
    whys = {i: instances[i].why_infeasible(None if given is None else given[i]) for i in found}
    return {i: f"{which} allocation that satisfies the constraints{f': {why}' if why else ''}" for i, why in whys.items()}


def _explained(
    messages: dict[int, str], contradiction: Array, status: Any, infeasible: dict[int, str], hopeless: Array | None = None
) -> dict[int, str]:
    found = dict(messages)
    if hopeless is not None:
        for k in np.flatnonzero(hopeless):
            found.setdefault(int(k), "no decision was found that has an allocation")
    for k in np.flatnonzero(contradiction):
        found[int(k)] = "answer and bound contradict each other; please report this instance"
    for i, one in enumerate(np.ravel(np.asarray(status, dtype=object))):
        if one is Status.FAILED:
            found.setdefault(i, "the answer violates a constraint or is not finite")
    return {**found, **infeasible}


def _returned(solution: Solution[AllocationT, DualT], throw: bool) -> Solution[AllocationT, DualT]:
    statuses = np.ravel(np.asarray(solution.status, dtype=object))
    failed = [i for i, status in enumerate(statuses) if status in (Status.FAILED, Status.INFEASIBLE)]
    if throw and failed:
        first = failed[0]
        raise SolveFailed(
            f"{len(failed)} of {max(int(np.prod(solution.shape)), 1)} items have no answer; item {first}: "
            f"{solution.stats.messages.get(first, '')}. Pass throw=False to keep the others.",
            solution,
        )
    return solution
