r"""Limits of one's own where each user decides a quantity, as the energy that it keeps: a window for each of them.

.. math:: l \le w_i z_i \le u \qquad\Rightarrow\qquad \underline z_i \le z_i \le \overline z_i

A rule is about one user of an instance, so that users stay apart and every proof is a proof of each user's own. Who skips
decides no quantity, and keeps every such limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.decision import SKIP
from mecopt.contract.limits.rule import BROKEN, EQUAL, LEAST, MOST, ROUNDING, Rule
from mecopt.contract.units import conversion

Array = NDArray[Any]


def window(problem: Any) -> tuple[Array, Array]:
    """Return the least and the greatest quantity that limits leave each user, ``(*batch, users)``; 0 and infinity without.

    The least may exceed the greatest: then the user has none.
    """
    shape = (*problem.batch_shape, problem.users)
    least, most = np.zeros(shape), np.full(shape, np.inf)
    for rule in problem.limits:
        low, high = _interval(problem, rule)
        least, most = np.maximum(least, low), np.minimum(most, high)
    return least, most


def _interval(problem: Any, rule: Rule) -> tuple[Array, Array]:
    """Return what one rule leaves each user."""
    weight = np.asarray(getattr(problem, rule.field(rule.weights[0])))
    below, above = (bound[..., None] for bound in _bounds(problem, rule))
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = below / weight, above / weight
    low, high = np.where(weight > 0.0, ends, ends[::-1])
    return np.where(weight == 0.0, -np.inf, low), np.where(weight == 0.0, np.inf, high)


def _bounds(problem: Any, rule: Rule) -> tuple[Array, Array]:
    """Return the least and the greatest value of a rule in the unit of the quantity, ``(*batch)``."""
    factor = conversion(rule.unit, problem.decision_space.unit)
    held = {part: factor * np.asarray(getattr(problem, rule.field(part))) for part in rule.bounds}
    missing = np.full(problem.batch_shape, np.inf)
    return held.get(EQUAL, held.get(LEAST, -missing)), held.get(EQUAL, held.get(MOST, missing))


def outside(least: Array, most: Array, decision: Array) -> Array:
    """Whether quantities leave their window by more than rounding; who skips does not."""
    low, high = least - ROUNDING * np.abs(least), most + ROUNDING * np.abs(np.where(np.isfinite(most), most, 0.0))
    return np.asarray((decision != SKIP) & ((decision < low) | (decision > high)))


def violation(problem: Any, rule: Rule, decision: Array) -> Array:
    """Return how far decisions break a rule, beside the end of the window that they leave; 0 where they keep it."""
    low, high = (problem.aligned(end, decision) for end in _interval(problem, rule))
    with np.errstate(invalid="ignore"):
        over = np.maximum(low - decision, decision - high)
    end = np.where(decision < low, np.abs(low), np.where(np.isfinite(high), np.abs(high), 0.0))
    relative = np.maximum(over / np.where(end > 0.0, end, 1.0), BROKEN)
    return np.asarray(np.where(outside(low, high, decision), relative, 0.0).max(axis=-1))
