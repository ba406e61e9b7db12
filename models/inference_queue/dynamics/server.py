r"""The server on its own, in the long run: how much to process of what waits, when what comes is drawn anew in every block.

Let Q tasks wait, let y come at the end of a block, and let X be processed at a cost of :math:`c X^3`. What Q tasks cost from
here on, and what remains after a block, are

.. math::
    V(Q) = w_1 Q + \min_{0 \le X \le \min(Q, X_{\max})} c X^3 + \gamma P(Q - X), \qquad P(r) = \mathrm E_y V(r + y) .

V is convex, so the best X rises with Q and solves :math:`3 c X^2 = \gamma P'(Q - X)` inside. A task more costs at most what
one costs that waits for ever, :math:`w_1 / (1 - \gamma)`; on a grid that is what each costs that exceeds it, so that the
operator stays monotone, without which `mecopt.dynamic.discounted` proves nothing. Devices that decide without looking at the
server make y independent of Q, but not of the y before: that it is drawn anew is a model of theirs (the paper's, too), from
which a rule for the server follows, and no bound. What is proved of server and devices together is in
`mecopt.models.inference_queue.dynamics.network`.

Reference: paper 002, (20)-(22), the sub-problem of the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.arguments import checked_number
from mecopt.contract.errors import InstanceError
from mecopt.dynamic.chain import Chain
from mecopt.dynamic.discounted import Values, discounted_values
from mecopt.dynamic.operators import Sweep

Array = NDArray[Any]

POINTS = 400
"""Steps of the grid of what waits; ours."""
REACH = 6.0
"""How far the grid reaches, in blocks of mean arrivals; ours."""


class Served(Sweep):
    """One block of the server on a grid of what waits, arrivals folded in; earns the negative of what it costs.

    Parameters
    ----------
    step
        distance of the grid, in tasks.
    arrivals
        probability that 0, 1, 2, ... steps come in a block.
    waiting
        :math:`w_1 W`, what a task costs that waits a block.
    cube
        c: what one task costs that is processed in a block; of X tasks it is c X^3.
    most
        X_max in tasks.
    points
        how many grid points.
    beyond
        what a task costs that exceeds the grid, discounted; 0 forgets it.
    """

    chain = Chain.of([[1.0]])

    def __init__(
        self,
        step: float,
        arrivals: ArrayLike,
        waiting: float,
        cube: float,
        most: float,
        points: int = POINTS,
        beyond: float = 0.0,
    ) -> None:
        law = np.array(arrivals, dtype=float)
        if law.ndim != 1 or not (law >= 0.0).all() or abs(law.sum() - 1.0) > 1e-9:
            raise InstanceError(f"arrivals sum to {law.sum():.12g}; allowed: probabilities that sum to 1")
        if not 0.0 < step < np.inf or points < 2:
            raise InstanceError(f"step and points are {step!r} and {points!r}; allowed: step > 0, points of at least 2")
        for name, value in (("waiting", waiting), ("cube", cube), ("most", most), ("beyond", beyond)):
            checked_number(name, value)
        self.step, self.law, self.waiting, self.carried = float(step), law / law.sum(), float(waiting), int(points)
        self.cube, self.most, self.beyond = float(cube), float(most), float(beyond)
        work = self.step * np.arange(points)
        self.cost = np.where(work <= self.most * (1.0 + 1e-12), self.cube * work**3, np.inf)

    @property
    def terms(self) -> int:
        """Arrivals are added up."""
        return len(self.law)

    def remaining(self, following: Array) -> Array:
        """Return what each grid point is worth after a block, before others come; following is discounted."""
        longer = np.concatenate((following, following[-1] - self.beyond * self.step * np.arange(1, len(self.law))))
        return np.convolve(longer, self.law[::-1], "valid")

    def improved(self, following: Array) -> Array:
        """Look at every number of steps to process."""
        from mecopt.models.inference_queue.compiled.sweeps import best_processed

        worth = self.remaining(following[0])
        return np.asarray(best_processed(self.cost, worth) - self.waiting * self.step * np.arange(self.carried))[None]


@dataclass(frozen=True, eq=False)
class Rule:
    """How much to process, by what waits."""

    waits: Array
    """Grid of what waits, in tasks."""
    work: Array
    """What to process of it, in tasks."""
    values: Values
    """Of the model on its grid, with its bounds."""

    def __call__(self, backlog: ArrayLike) -> Array:
        """Return what to process, linear between grid points; beyond them what the last one does."""
        waits = np.asarray(backlog, dtype=float)
        return np.asarray(np.minimum(np.interp(waits, self.waits, self.work), waits))


def best_rule(
    arriving: ArrayLike, *, waiting: float, cube: float, most: float, discount: float, points: int = POINTS
) -> Rule:
    """Return the rule that is best where what comes is drawn anew from observed amounts.

    Parameters
    ----------
    arriving
        tasks that came in blocks that were observed, each as likely as the others.
    waiting, cube, most, points
        as in `Served`.
    discount
        gamma.
    """
    seen = np.asarray(arriving, dtype=float).ravel()
    if not seen.size or not (seen >= 0.0).all() or not np.isfinite(seen).all():
        raise InstanceError("arriving has no numbers, or some below 0; allowed: finite numbers of tasks >= 0")
    step = max(REACH * float(seen.mean()), float(seen.max()), 1e-9) / (points - 1)
    beyond = discount * waiting / (1.0 - discount)
    operator = Served(step, on_steps(seen, step), waiting, cube, most, points, beyond)
    found = discounted_values(operator, discount, tolerance=1e-6 * (1.0 + waiting * step * points))
    worth = operator.remaining(discount * found.lower[0])
    waits = step * np.arange(points)
    middle, price = waits[:-1] + 0.5 * step, -np.diff(worth) / step
    low, high = np.zeros(points), np.minimum(waits, most)
    for _ in range(50):
        work = 0.5 * (low + high)
        dear = 3.0 * cube * work * work > np.interp(waits - work, middle, price)
        low, high = np.where(dear, low, work), np.where(dear, work, high)
    return Rule(waits, high, found)


def on_steps(amounts: Array, step: float) -> Array:
    """Return the law of amounts on multiples of a step: each is split between its neighbours, so that the mean stays."""
    place = amounts / step
    below = np.floor(place).astype(int)
    part = place - below
    law = np.bincount(below, weights=1.0 - part, minlength=below.max() + 2)
    law += np.bincount(below + 1, weights=part, minlength=below.max() + 2)
    return np.asarray(law / law.sum())
