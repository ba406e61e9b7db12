r"""The best average reward in the long run, between bounds that prove it.

For ANY values v of a finite problem's states, with one slot's operator T of `mecopt.dynamic.operators`,

.. math:: \min (T v - v)\ \le\ g(s)\ \le\ \max (T v - v) \qquad \text{for every state } s,

where g(s) is the best average reward of a process that begins in s: T is monotone and passes constants on, so that
:math:`T v \ge v + m` gives :math:`T^n v \ge v + n m`, and the same from above (Odoni 1969, Hastings 1971). So the bracket is
valid whenever the iteration stops, whatever the structure of the chain; what structure decides is whether it becomes narrow.

Value iteration is damped, :math:`v \leftarrow v + \theta (T v - v)`, which is the iteration of a problem that rests with
probability :math:`1 - \theta`: it has the same gain, and no period (Schweitzer). Its span never grows. Where several sets of
states are never left, each with a gain of its own, the span stalls; that is said, and the bracket stays valid.

Rounding: an expectation of k products, one sum and one difference are computed within :math:`\delta = 4 \epsilon (k + 4)
(\max|v| + \max|Tv|)` of the truth, :math:`\epsilon = 2^{-53}`; rows that sum to 1 up to rounding are covered by the same.
Every bracket is widened by :math:`\delta`, so it holds in exact arithmetic for the tables and matrices as they stand in
memory, the rows taken to sum to 1.

Reference: Odoni, Oper. Res. 17(5), 1969; Hastings, Oper. Res. 19(1), 1971; Puterman, Markov Decision Processes, 8.5, 9.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.arguments import checked_number
from mecopt.contract.errors import InstanceError
from mecopt.dynamic.operators import Operator, Sweep

Array = NDArray[Any]

DAMPING = 0.9
TOLERANCE = 1e-6
SWEEPS = 20_000
PATIENCE, SHRINKS = 400, 0.98
"""The span has stalled where so many sweeps do not bring it to this part of what it was."""

EPSILON = 2.0**-53


class Ending(Enum):
    """How an iteration ended; the value is advice to the reader."""

    CONVERGED = "the bracket is as narrow as was asked for"
    STALLED = (
        "the bracket is valid but hardly narrows: several sets of states are never left, or hardly ever, so the long run "
        "depends on where it begins; or the tolerance is below rounding"
    )
    LIMIT = "the bracket is valid but wide: the sweeps are used up; allow more"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class LongRun:
    """A gain between two proved bounds, with the values and the policy of the last sweep."""

    lower: float
    upper: float
    values: Array
    """Relative values ``(drawn, carried)``: what a state is worth beside state (0, 0)."""
    policy: Array
    """Action of each state ``(drawn, carried)``, a best one at `values`; see the operator for what it means."""
    sweeps: int
    ending: Ending

    @property
    def width(self) -> float:
        """How far the bounds are apart."""
        return self.upper - self.lower

    @property
    def middle(self) -> float:
        """The middle of the bracket."""
        return 0.5 * (self.lower + self.upper)


def best_average(
    operator: Operator,
    *,
    tolerance: float = TOLERANCE,
    damping: float = DAMPING,
    sweeps: int = SWEEPS,
    values: ArrayLike | None = None,
) -> LongRun:
    """Find the best average reward per slot by value iteration, and a policy.

    Parameters
    ----------
    operator
        one slot of the problem; what is drawn must have one recurrent class.
    tolerance
        width of the bracket at which to stop.
    damping
        theta, above 0 and at most 1; 1 does not converge where the best policy is periodic.
    sweeps
        after so many at most.
    values
        where to begin, ``(drawn, carried)``; those of a coarser problem save sweeps.

    Raises
    ------
    Multichain
        where what is drawn has several recurrent classes.

    Examples
    --------
    >>> from mecopt.dynamic.chain import Chain
    >>> from mecopt.dynamic.operators import Tables
    >>> back_and_forth = Tables(Chain.of([[1.0]]), [[[2.0], [0.0]]], [[[1], [0]]])  # of period 2
    >>> found = best_average(back_and_forth)
    >>> found.lower <= 1.0 <= found.upper, found.ending.name
    (True, 'CONVERGED')
    """
    found = _iterated(operator, operator.improved, tolerance, damping, sweeps, values)
    return LongRun(*found[:3], operator.best(operator.chain.expected(found[2])), *found[3:])


def average_of(
    operator: Operator,
    policy: ArrayLike,
    *,
    tolerance: float = TOLERANCE,
    damping: float = DAMPING,
    sweeps: int = SWEEPS,
    values: ArrayLike | None = None,
) -> LongRun:
    """Evaluate a given policy on the same grid: its average reward per slot, between the same bounds.

    Parameters
    ----------
    policy
        action of each state ``(drawn, carried)``.

    Others, and errors, as in `best_average`.
    """
    chosen = operator.checked(policy)
    reward, point = operator.followed(chosen)

    def step(following: Array) -> Array:
        return np.asarray(reward + np.take_along_axis(following, point, axis=1))

    found = _iterated(operator, step, tolerance, damping, sweeps, values)
    return LongRun(*found[:3], chosen, *found[3:])


def _iterated(
    operator: Operator,
    step: Callable[[Array], Array],
    tolerance: float,
    damping: float,
    sweeps: int,
    values: ArrayLike | None,
) -> tuple[float, float, Array, int, Ending]:
    checked_limits(tolerance, sweeps)
    if not 0.0 < damping <= 1.0:
        raise InstanceError(f"damping is {damping!r}; allowed: a number above 0 and at most 1")
    chain = operator.chain
    chain.require_unichain()
    v, lower, upper, before = started(operator, values), -np.inf, np.inf, np.inf
    for sweep in range(1, sweeps + 1):
        improved = step(chain.expected(v))
        change = improved - v
        slack = rounding(operator, v, improved)
        lower, upper = max(lower, float(change.min()) - slack), min(upper, float(change.max()) + slack)
        if upper - lower <= tolerance:
            return lower, upper, v, sweep, Ending.CONVERGED
        if sweep % PATIENCE == 0:
            if upper - lower > SHRINKS * before:
                return lower, upper, v, sweep, Ending.STALLED
            before = upper - lower
        v = v + damping * change
        v -= v[0, 0]
    return lower, upper, v, sweeps, Ending.LIMIT


def started(operator: Sweep, values: ArrayLike | None) -> Array:
    """Return values to begin with, 0 unless given."""
    v = np.zeros(operator.shape) if values is None else np.array(values, dtype=float)
    if v.shape != operator.shape or not np.isfinite(v).all():
        raise InstanceError(f"values have shape {v.shape}; allowed: {operator.shape}, finite numbers")
    return v


def rounding(operator: Sweep, v: Array, improved: Array) -> float:
    """Return by how much a computed sweep may differ from the exact one; see above."""
    return float(4.0 * EPSILON * (operator.terms + 4) * (np.abs(v).max() + np.abs(improved).max()))


def checked_limits(tolerance: float, sweeps: int) -> None:
    """Refuse a tolerance or a number of sweeps that is none."""
    checked_number("tolerance", tolerance)
    if isinstance(sweeps, bool) or not isinstance(sweeps, int | np.integer) or sweeps < 1:
        raise InstanceError(f"sweeps is {sweeps!r}; allowed: a whole number of at least 1")


# ---------------------------------------------------------------------- two roundings


@dataclass(frozen=True, eq=False)
class Bracket:
    """The true gain of a process whose carried number is no grid, between the gains of two grids."""

    below: LongRun
    """Of the grid whose every number is rounded down."""
    above: LongRun
    """Of the grid whose every number is rounded up."""

    @property
    def lower(self) -> float:
        """What can be reached: proved from below."""
        return self.below.lower

    @property
    def upper(self) -> float:
        """What nothing exceeds: proved from above."""
        return self.above.upper

    @property
    def middle(self) -> float:
        """The middle of the bracket."""
        return 0.5 * (self.lower + self.upper)

    @property
    def width(self) -> float:
        """How far the bounds are apart."""
        return self.upper - self.lower

    def __str__(self) -> str:
        names = sorted({run.ending.name for run in (self.below, self.above)} - {Ending.CONVERGED.name})
        return f"[{self.lower:.6g}, {self.upper:.6g}]" + (f" ({', '.join(names)})" if names else "")


def bracketed(below: Operator, above: Operator, **settings: Any) -> Bracket:
    r"""Bracket the best average reward of a process whose carried number x is continuous, by two grids.

    Let the true process carry a number x up to the last grid point, and call "no worse" what earns no less and leads to no
    less. The operators must satisfy

    - `below`: each of its actions at a grid point c is matched, at every true :math:`x \ge c`, by a true action that is no
      worse;
    - `above`: each true action at x is matched, at every grid point :math:`c \ge x`, by one of its own that is no worse.

    So having more must not hurt the process, and rounding must go one way. Then the true gain from every state lies in the
    bracket. Proof: let :math:`v_n = T^n 0` of the true process, :math:`u_n` and :math:`w_n` the same of `below` and `above`.
    By induction

    .. math:: u_n(d, c) \le v_n(d, x) \ \text{ for } c \le x, \qquad v_n(d, x) \le w_n(d, c) \ \text{ for } x \le c :

    the action of `below` at c that makes :math:`u_{n+1}` earns no more than its match at x, and leads to a point no higher
    than the match's x', where the statement for n applies; and the same from above. Divide by n: the gains are in this
    order, and those of the grids lie within their own Odoni bounds.

    The lower bound is reached: who rounds what it has down to the grid and takes the match of what the policy of `below`
    says there earns at least that policy's average.

    Raises
    ------
    InstanceError
        where the operators draw from different chains, and where the bounds cross, so that they are not such a pair (the
        other way round, or not monotone). That they are one is not checked otherwise: it is up to the model.
    """
    if below.chain.shape != above.chain.shape:
        raise InstanceError(
            f"the grids draw from {below.chain.shape} and {above.chain.shape} states; allowed: the same chain"
        )
    for k, (one, other) in enumerate(zip(below.chain.factors, above.chain.factors, strict=True)):
        if not np.array_equal(one, other):
            i, j = (int(n) for n in np.argwhere(one != other)[0])
            raise InstanceError(
                f"part {k} of what the grids draw goes from state {i} to {j} with probability {one[i, j]:.9g} in one and "
                f"{other[i, j]:.9g} in the other; allowed: the same chain"
            )
    low, high = best_average(below, **settings), best_average(above, **settings)
    if low.lower > high.upper:
        raise InstanceError(
            f"rounded down the gain is at least {low.lower:.9g}, rounded up at most {high.upper:.9g}; allowed: operators "
            "that bracket the same process, the one rounded down first"
        )
    return Bracket(low, high)
