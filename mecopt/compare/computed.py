"""One part of a comparison: a method on a chunk of instances, as the bytes of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.hosts import HOST
from mecopt.compare.results import STORED
from mecopt.contract.certificate import certify, distance, judge, reasons
from mecopt.contract.certified import Status
from mecopt.contract.problem import Problem
from mecopt.contract.solver import GAP, Solver
from mecopt.data import Labels
from mecopt.parallel.tasks import host
from mecopt.show.printable import encodable
from mecopt.solve import solve
from mecopt.storage import sealed as stored

if TYPE_CHECKING:
    import pyarrow as pa


Array = NDArray[Any]

PART = "part of a comparison"
"""Kind of the files that hold parts, see `mecopt.storage.sealed`."""

FUNCTION = "mecopt.compare.computed.part"
"""Dotted name of what computes a part."""

_WARM: set[tuple[str, str, int]] = set()


def part(
    problem: Problem,
    method: str,
    solver: str | Solver,
    labels: Labels | None,
    seed: tuple[int, int],
    first: int,
    time_limit: float | None,
    key: str,
) -> bytes:
    """Compute one part, and return what its file holds."""
    return stored.table_bytes(rows(problem, method, solver, labels, seed, first, time_limit), PART, key)


def rows(
    problem: Problem,
    method: str,
    solver: str | Solver,
    labels: Labels | None,
    seed: tuple[int, int],
    first: int,
    time_limit: float | None,
) -> pa.Table:
    """Return the rows of one part; the first of its kind in a process is preceded by an untimed run."""
    if method == STORED and labels is not None:
        return _stored_rows(problem, labels, first, time_limit)
    kind = (problem.name, method, problem.users)
    if kind not in _WARM:
        solve(problem[:1], solver=solver, throw=False, time_limit=time_limit, rng=np.random.default_rng(seed))
        _WARM.add(kind)
    solution = solve(problem, solver=solver, throw=False, time_limit=time_limit, rng=np.random.default_rng(seed))
    stats, count = solution.stats, problem.instances
    columns = {
        "decision": problem.decision_space.stored(solution.decision),
        **_negligible(problem),
        "objective": solution.objective,
        "bound": solution.bound,
        "gap": solution.gap,
        "violation": solution.violation,
        "status": [status.name for status in solution.status],
        "solver_calls": stats.solver_calls,
        "iterations": stats.iterations,
        "model_seconds": np.full(count, stats.model_seconds / count),
        "solve_seconds": np.full(count, stats.solve_seconds / count),
        "predict_seconds": np.full(count, stats.predict_seconds / count),
        "message": [encodable(stats.messages.get(k, "")) for k in range(count)],
    }
    return _rows(method, first, columns)


def _stored_rows(problem: Problem, labels: Labels, first: int, time_limit: float | None) -> pa.Table:
    """Certify stored answers against the default solver's proof; their recorded objective is compared, not copied."""
    certificate = certify(
        problem, labels.decision, labels.allocation, solve(problem, throw=False, time_limit=time_limit).bound
    )
    status, _ = judge(certificate, GAP, False, False)
    failed = np.array([one is Status.FAILED for one in status])
    why = reasons(problem, labels.decision, labels.allocation, certificate, failed)
    nothing = np.zeros(problem.instances)
    columns = {
        "decision": problem.decision_space.stored(labels.decision),
        **_negligible(problem),
        "objective": certificate.objective,
        "bound": certificate.bound,
        "gap": distance(certificate),
        "violation": certificate.violation,
        "status": [one.name for one in status],
        "solver_calls": nothing.astype(int),
        "iterations": nothing.astype(int),
        "model_seconds": nothing,
        "solve_seconds": nothing,
        "predict_seconds": nothing,
        "message": [why.get(k, "") for k in range(problem.instances)],
    }
    return _rows(STORED, first, columns)


def _negligible(problem: Problem) -> dict[str, Array]:
    """Return the column of what is negligible, for problems that name it."""
    return {"negligible": problem.negligible} if problem.negligible.any() else {}


def _rows(method: str, first: int, columns: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    count = len(columns["status"])
    return pa.table(
        {
            "instance_id": pa.array(np.arange(first, first + count)),
            "method": pa.array([method] * count),
            "decision": pa.array(list(columns.pop("decision"))),
            **{name: pa.array(np.asarray(values)) for name, values in columns.items()},
            HOST: pa.array([host()] * count),
        }
    )
