"""Numbers so large or so small that what is computed of them leaves what floats hold, from 1e-308 to 1e308."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mecopt.contract.certified import Status
from mecopt.contract.fields import declared
from mecopt.contract.problem import Problem
from mecopt.show.numbers import unit_of

MOST = 1e100
"""Magnitude whose third power, or that of its inverse, no float holds."""


def lost(problem: Problem, statuses: Any, bound: Any) -> dict[int, str]:
    """Say of answers that are not proved, by flat index, that magnitudes are to blame, or that nothing at all is proved.

    Parameters
    ----------
    problem
        with one instance for each status.
    """
    status, bound = np.ravel(np.asarray(statuses, dtype=object)), np.ravel(bound)
    open_ = [i for i, one in enumerate(status) if one in (Status.FEASIBLE, Status.FAILED)]
    found = dict(_extreme(problem, open_)) if open_ else {}
    for i in open_:
        if status[i] is Status.FEASIBLE and not np.isfinite(bound[i]):
            found.setdefault(i, "nothing is proved: what the data give as a bound is no finite number")
    return found


def _extreme(problem: Problem, items: list[int]) -> Iterable[tuple[int, str]]:
    """Name the first entry of each instance that is extreme, where there is one."""
    for f in declared(type(problem)):
        values = np.abs(np.asarray(getattr(problem, f.name)).reshape(problem.instances, -1)[items])
        beyond = np.isfinite(values) & (values > 0.0) & ((values > MOST) | (values < 1.0 / MOST))
        shape = np.shape(getattr(problem, f.name))[1:]
        for row in np.flatnonzero(beyond.any(axis=-1)):
            entry = int(np.argmax(beyond[row]))
            index = [int(k) for k in np.unravel_index(entry, shape)] if shape else ""
            number = f"{values[row, entry]:.3g} {unit_of(f)}".rstrip()
            yield (
                items[row],
                f"{type(problem).__name__}.{f.name}{index} is {number}: third powers of such numbers leave what floats hold "
                "(1e-308 to 1e308), and proofs and answers are lost with them",
            )
