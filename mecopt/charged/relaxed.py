r"""Bounds of all decisions at once under limits on allocations, where the bound of a decision is a sum over users.

At any prices it is :math:`B_0 + \sum_i \Delta_{i, z_i}`, and :math:`g = B_0 + \sum_i \min_c \Delta_{ic}` bounds all
decisions. A user's part is what it is where nobody else is: problems of one user each tell it, without limits on decisions,
which one user alone may be unable to keep, and with every limit charged, which one user alone may have no part in. Prices
of a decision's own answer begin; those that make g greatest are looked for by steps along each price in turn, since g is
concave and of few prices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.answers import answers_of, bounds_at
from mecopt.contract.fields import declared
from mecopt.contract.limits import prices

Array = NDArray[Any]

SWEEPS = 2
"""Times that each price is tried anew."""

FACTORS = (0.5, 0.9, 1.1, 2.0)
"""What a price is multiplied by in turn."""


def sum_over_users(problem: Any, decision: Array) -> tuple[float, Array] | None:
    """Return the constant and what each choice of each user adds at good prices, for one instance; None without prices."""
    own = answers_of(problem, decision).dual
    if not all(np.isfinite(value).all() for name, value in own.as_dict().items() if name != prices.GAP):
        own = problem.relaxed_dual()
    problem = problem.undecided
    dual = problem.Dual(**{f.name: getattr(own, f.name) for f in declared(problem.Dual)})
    best = _moves(problem, decision, dual)
    if not np.isfinite(best[0]):
        return None
    for _ in range(SWEEPS):
        before = _value(best)
        for name, value in dual.as_dict().items():
            if name == prices.GAP:
                continue
            for place in np.ndindex(np.shape(value)):
                for factor in FACTORS:
                    changed = np.array(getattr(dual, name), dtype=float)
                    changed[place] *= factor
                    trial = replace(dual, **{name: changed})
                    found = _moves(problem, decision, trial) if changed[place] != 0.0 else best
                    if _value(found) > _value(best):
                        best, dual = found, trial
        if not _value(best) > before:
            break
    return best


def summed_at(problem: Any, decision: Array) -> Callable[[Array], Array] | None:
    """Return what a decision's own prices prove of decisions ``(candidates, users)``; None where it has none."""
    dual = answers_of(problem, decision).dual
    known = all(np.isfinite(value).all() for name, value in dual.as_dict().items() if name != prices.GAP)
    if not problem.separable or not known:
        return None
    base, moves = _moves(problem, decision, dual)
    if not np.isfinite(base):
        return None
    return lambda others: base + moves[np.arange(problem.users), others].sum(axis=-1)


def _value(found: tuple[float, Array]) -> float:
    """Return the bound of all decisions; minus infinity where nothing is proved."""
    base, moves = found
    return base + float(moves.min(axis=-1).sum()) if np.isfinite(base) else -np.inf


def _moves(problem: Any, decision: Array, dual: Any) -> tuple[float, Array]:
    """Return the bound of a decision and what each other choice of each user adds to it, smaller being better."""
    base, moves = prices.differences(problem, problem, decision, dual, partial(bounds_at, whole=True))
    return float(base), np.where(np.isnan(moves), np.inf, moves)
