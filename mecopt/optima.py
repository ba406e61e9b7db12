"""Proved optima that a file holds: learners that learn from optima take them from there, and solve for the others.

An instance is found by its data, so the order in which a stream tells of it, and how often, do not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.data import Labels
from mecopt.data.stream import names_of
from mecopt.show.numbers import counted
from mecopt.solve import solve

Array = NDArray[Any]

Known = Mapping[bytes, Array]
"""The optimal decision of each instance by the digest of its data."""

_known: ContextVar[Known | None] = ContextVar("known", default=None)

DIFFERENT = 1e-9
"""Relative difference of objectives from which labels are of other data."""


def known_of(problem: Problem, labels: Labels | None) -> dict[bytes, Array]:
    """Return the proved optima among labels by the data of their instances; those without proof are left out.

    Raises
    ------
    InstanceError
        where an objective that the file records is not that of its answer: the labels are of other data.
    """
    if labels is None or labels.allocation is None or not labels.proved.any():
        return {}
    flat, count = problem.flat(), problem.instances
    proved = np.flatnonzero(labels.proved.reshape(count))
    axes = np.ndim(labels.objective)
    decision = labels.decision.reshape((count, *labels.decision.shape[axes:]))
    recorded = np.reshape(labels.objective, count)
    with np.errstate(all="ignore"):
        recomputed = np.reshape(problem.objective(labels.decision, labels.allocation), count)
        apart = ~(np.abs(recorded - recomputed) <= DIFFERENT * (np.abs(recomputed) + flat.negligible))
    wrong = proved[apart[proved]]
    if wrong.size:
        k = int(wrong[0])
        raise InstanceError(
            f"the labels of {counted(wrong.size, 'instances')} are of other data than the fields (instance {k} records the "
            f"objective {recorded[k]:.9g}, its answer has {recomputed[k]:.9g}); label the instances as they are, by `mecopt "
            "label`"
        )
    return {name: decision[k] for k, name in zip(proved.tolist(), names_of(flat[proved]), strict=True)}


@contextmanager
def at_hand(known: Known) -> Iterator[None]:
    """Let `optimal_decisions` inside take these instead of solving for them."""
    token = _known.set(known or None)
    try:
        yield
    finally:
        _known.reset(token)


def digest_of_known() -> str:
    """Name the optima at hand, on which weights depend where several decisions are optimal; nothing where there are none."""
    known = _known.get()
    if known is None:
        return ""
    found = hashlib.sha256()
    for name in sorted(known):
        found.update(name + np.ascontiguousarray(known[name]).tobytes())
    return found.hexdigest()[:16]


def optimal_decisions(problem: Problem, throw: bool = True) -> tuple[Array, Array]:
    """Return the best decision of each instance of a flat batch, from the optima at hand or solved for, and where it is one.

    Parameters
    ----------
    throw
        raise `SolveFailed` where there is none.
    """
    known = _known.get() or {}
    names = names_of(problem) if known else []
    missing = np.array([name not in known for name in names], dtype=bool)
    if not known or missing.all():
        best = solve(problem, throw=throw)
        return np.asarray(best.decision), np.isfinite(best.objective)
    answered = np.ones(problem.instances, dtype=bool)
    found = np.stack([known[name] if name in known else np.zeros_like(next(iter(known.values()))) for name in names])
    if missing.any():
        best = solve(problem[missing], throw=throw)
        found[missing], answered[missing] = best.decision, np.isfinite(best.objective)
    return found, answered
