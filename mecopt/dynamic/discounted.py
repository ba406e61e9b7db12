r"""The best discounted reward, between bounds that prove it, for every state.

With a discount :math:`\gamma < 1` and the operator :math:`T v = \max_a r + \gamma P v`, for ANY values v

.. math::
    T v + \frac{\gamma}{1 - \gamma} \min (T v - v)\ \le\ V\ \le\ T v + \frac{\gamma}{1 - \gamma} \max (T v - v) ,

since :math:`T^{n+1} v - T^n v \ge \gamma^n \min(T v - v)`, summed over n (MacQueen 1966, Porteus 1971): T is monotone, and
passes :math:`\gamma` times a constant on. No structure of the chain matters: chains of several classes and periodic ones are
answered like any other. The bracket is widened for rounding, see `mecopt.dynamic.average`; of its :math:`\delta` every later
sweep adds :math:`\gamma^n \delta`.

Reference: MacQueen, J. Math. Anal. Appl. 14, 1966; Porteus, Manage. Sci. 18(1), 1971; Puterman, Markov Decision Processes,
6.6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.arguments import checked_number
from mecopt.contract.errors import InstanceError
from mecopt.dynamic.average import PATIENCE, SHRINKS, SWEEPS, TOLERANCE, Ending, checked_limits, rounding, started
from mecopt.dynamic.operators import Operator, Sweep

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Values:
    """Discounted rewards between two proved bounds, ``(drawn, carried)``."""

    lower: Array
    upper: Array
    sweeps: int
    ending: Ending

    @property
    def middle(self) -> Array:
        """The middle of the bracket."""
        return np.asarray(0.5 * (self.lower + self.upper))

    @property
    def width(self) -> float:
        """How far the bounds are apart, at most."""
        return float((self.upper - self.lower).max())


@dataclass(frozen=True, eq=False)
class Discounted(Values):
    """Discounted rewards between two proved bounds, ``(drawn, carried)``, and the policy of the last sweep."""

    policy: Array


def best_discounted(
    operator: Operator,
    discount: float,
    *,
    tolerance: float = TOLERANCE,
    sweeps: int = SWEEPS,
    values: ArrayLike | None = None,
) -> Discounted:
    """Find the best sum of discounted rewards from every state by value iteration, and a policy.

    Parameters
    ----------
    operator
        one slot of the problem.
    discount
        gamma, at least 0 and below 1.
    tolerance
        width of the bracket at which to stop.
    sweeps
        after so many at most.
    values
        where to begin.

    Examples
    --------
    >>> from mecopt.dynamic.chain import Chain
    >>> from mecopt.dynamic.operators import Tables
    >>> stays = Tables(Chain.of([[1.0]]), [[[1.0], [3.0]]], [[[0], [1]]])
    >>> best_discounted(stays, 0.5).middle.round(6).tolist()
    [[2.0, 6.0]]
    """
    found, v = _iterated(operator, operator.improved, discount, tolerance, sweeps, values)
    policy = operator.best(discount * operator.chain.expected(v))
    return Discounted(found.lower, found.upper, found.sweeps, found.ending, policy)


def discounted_values(
    operator: Sweep,
    discount: float,
    *,
    tolerance: float = TOLERANCE,
    sweeps: int = SWEEPS,
    values: ArrayLike | None = None,
) -> Values:
    """Find the best sum of discounted rewards alone, where actions have no numbers; others as in `best_discounted`."""
    return _iterated(operator, operator.improved, discount, tolerance, sweeps, values)[0]


def discounted_of(
    operator: Operator,
    policy: ArrayLike,
    discount: float,
    *,
    tolerance: float = TOLERANCE,
    sweeps: int = SWEEPS,
    values: ArrayLike | None = None,
) -> Discounted:
    """Evaluate a given policy, an action for each state ``(drawn, carried)``; others as in `best_discounted`."""
    chosen = operator.checked(policy)
    reward, point = operator.followed(chosen)

    def step(following: Array) -> Array:
        return np.asarray(reward + np.take_along_axis(following, point, axis=1))

    found, _ = _iterated(operator, step, discount, tolerance, sweeps, values)
    return Discounted(found.lower, found.upper, found.sweeps, found.ending, chosen)


def _iterated(
    operator: Sweep,
    step: Callable[[Array], Array],
    discount: float,
    tolerance: float,
    sweeps: int,
    values: ArrayLike | None,
) -> tuple[Values, Array]:
    checked_limits(tolerance, sweeps)
    checked_number("discount", discount)
    if discount >= 1.0:
        raise InstanceError(f"discount is {discount!r}; allowed: a number of at least 0 and below 1")
    v, before, later = started(operator, values), np.inf, discount / (1.0 - discount)
    for sweep in range(1, sweeps + 1):
        improved = step(discount * operator.chain.expected(v))
        change = improved - v
        slack = rounding(operator, v, improved) / (1.0 - discount)
        low, high = later * float(change.min()) - slack, later * float(change.max()) + slack
        stalled = sweep % PATIENCE == 0 and high - low > SHRINKS * before
        if high - low <= tolerance or stalled or sweep == sweeps:
            converged = Ending.CONVERGED if high - low <= tolerance else Ending.STALLED if stalled else Ending.LIMIT
            return Values(improved + low, improved + high, sweep, converged), improved
        before = high - low if sweep % PATIENCE == 0 else before
        v = improved + 0.5 * (low + high)
    raise AssertionError
