r"""What could be earned on a path if all of it were known beforehand: no policy earns more.

With what is drawn known, :math:`d_1, \dots, d_n`, the best decisions follow from a dynamic program backwards,

.. math:: v_t(c) = \max_a\ r(d_t, c, a) + v_{t+1}(\nu(d_t, c, a)), \qquad v_{n+1} = 0 .

A policy decides with less, so on this very path it earns at most :math:`v_1`; in the mean over paths too. Rounded up (see
`mecopt.dynamic.average.bracketed`) the program bounds the true process from above; rounded down it is what somebody who
knows the future reaches. Rounding: n additions whose results are at most V in magnitude are within :math:`n \epsilon V`;
bounds are widened by twice that.

Reference: Brown, Smith and Sun, Information relaxations and duality in stochastic dynamic programs, Oper. Res. 58(4), 2010.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.average import EPSILON
from mecopt.dynamic.operators import Operator

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Foreknown:
    """What a path could earn per slot, lane by lane, from below and above."""

    lower: Array
    """Reached by somebody who knows the future, ``(lanes,)``."""
    upper: Array
    """Not exceeded by anybody, ``(lanes,)``."""


def perfect_information(
    below: Operator, above: Operator, path: ArrayLike, start_below: ArrayLike, start_above: ArrayLike
) -> Foreknown:
    """Bound the mean reward per slot of a known path.

    Parameters
    ----------
    below, above
        the operators of two roundings, as in `mecopt.dynamic.average.bracketed`; the same one twice where the carried number
        is a grid.
    path
        what is drawn, ``(slots, lanes)``.
    start_below, start_above
        grid point of each lane before the first slot, rounded down and up, ``(lanes,)``.

    Examples
    --------
    >>> from mecopt.dynamic.chain import Chain
    >>> from mecopt.dynamic.operators import Moves
    >>> saved = Moves(Chain.independent([0.5, 0.5]), [[-np.inf, 0.0, 1.0], [-np.inf, 0.0, 5.0]])  # spend 1 once
    >>> found = perfect_information(saved, saved, [[0], [1], [0]], [1], [1])
    >>> found.upper.round(9).tolist()  # keeps it for the slot where it earns 5
    [1.666666667]
    """
    drawn = np.asarray(path)
    if drawn.ndim != 2 or drawn.dtype.kind not in "iu" or not drawn.size:
        raise InstanceError(
            f"the path has shape {drawn.shape}, {drawn.dtype}; allowed: states (slots, lanes), whole numbers"
        )
    found = []
    for operator, start, sign in ((below, start_below, -1.0), (above, start_above, 1.0)):
        states, points = operator.shape
        first = np.broadcast_to(np.asarray(start), drawn.shape[1:])
        for name, given, size in (("path", drawn, states), ("start", first, points)):
            if given.dtype.kind not in "iu" or (given < 0).any() or (given >= size).any():
                raise InstanceError(f"the {name} leaves its states; allowed: whole numbers from 0 to {size - 1}")
        totals = np.empty(drawn.shape[1])
        for lane, point in enumerate(first):
            worth, magnitude = operator.backward(np.ascontiguousarray(drawn[:, lane], dtype=np.int64), np.zeros(points))
            slack = 2.0 * len(drawn) * EPSILON * magnitude
            totals[lane] = worth[point] + sign * slack
        found.append(totals / len(drawn))
    return Foreknown(*found)
