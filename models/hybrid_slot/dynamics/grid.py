r"""The long run of one hybrid user on a grid of its battery, rounded down and up, so that it is bracketed by proof.

A state is what is drawn, the channel's state and the workload, and the battery E. To keep t of E and serve L earns
:math:`R^*(c, L, E - t)`, which `tables.reward_table` has for all slots at once; to skip earns :math:`-\nu` and leads to
:math:`\min(E_{max}, E + H)`. Grid points are the multiples of :math:`\Delta` up to the capacity. Of `below` and `above`:

- below: to go from c to t earns the reward found at :math:`q = c - t`; to skip leads to the point below;
- above: to go from c to t earns no less than what is proved to be the most at :math:`q = c - t + \Delta`; to skip leads to
  the point above.

These are such as `mecopt.dynamic.average.bracketed` asks for. Below: at every :math:`x \ge c` the user may keep t, too. It
may spend :math:`x - t \ge c - t` then, and :math:`R^*` does not fall in q, so it earns no less; it is left with t at least,
since what is kept is a promise. It may skip, too, at the same penalty, and is left with no less. Above: whatever the user
does at x, it serves its workload and is left with some x', or it skips (an outage by whatever was tried is a skip). If it
serves, it spends :math:`e \le x - x' + H t_h`, with equality unless the battery overflows, so it earns at most
:math:`R^*(x - x')`. At a point :math:`c \ge x` let t be the least point that is no less than x': then
:math:`x - x' \le c - t + \Delta`, and going to t earns no less and leads to no less. A skip at c earns the same as at x and
leads to no less.

The proof needs that to have more never hurts. Where `service` is "must" it may: who cannot serve may skip, and who has a
little more must serve at whatever price. So there is no bracket then, and no operator `above`; `forced` is the operator of
who skips only where nothing serves, rounded down.

Rounding: what is harvested, and what the processor needs, may be a whole number of steps, and is so but for the rounding of
floats. So steps are a billionth smaller than was asked for below, and larger above (`APART`): what is a whole number of
steps then has room. And what is kept is kept but for the rounding of floats, so a point stands for batteries within `GUARD`
of all energy beside it, too; rewards are taken at q less, above more, than twice that. Such errors do not add up: what is
kept is a promise of its own in every slot.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.dynamic.chain import Chain
from mecopt.dynamic.operators import Moves
from mecopt.models.hybrid_slot.dynamics.tables import harvest, reward_table
from mecopt.models.hybrid_slot.problem import HybridSlot

Array = NDArray[Any]

APART, GUARD = 1e-9, 1e-13


class Rounding(NamedTuple):
    """One of the two grids."""

    points: Array
    """Batteries, nJ."""
    reward: Array
    """Of what is drawn and how many points the battery falls, ``(drawn, 2 points - 1)``, as `Moves` has them."""
    sign: float
    """-1 where batteries are rounded down, 1 up."""
    guard: float
    """nJ."""

    def at(self, battery: Array) -> NDArray[np.int64]:
        """Return the points below batteries, or above; the last one for what exceeds it."""
        return self._rounded(battery, -self.sign * self.guard)

    def after(self, battery: Array) -> NDArray[np.int64]:
        """Return the points that batteries lead to which are computed from points, without rounding in their favour."""
        return self._rounded(battery, self.sign * self.guard)

    def _rounded(self, battery: Array, beside: float) -> NDArray[np.int64]:
        level = (battery + beside) / self.points[1]
        whole = np.floor(level) if self.sign < 0.0 else np.ceil(level)
        return np.clip(whole, 0, len(self.points) - 1).astype(np.int64)


class Grid(NamedTuple):
    """Batteries of one user, and what all slots earn between them."""

    chain: Chain
    """Of the channel and the workload."""
    below: Rounding
    above: Rounding
    penalty: Array
    """What skipping earns, ``(drawn, 1)``."""
    harvest: Array
    """H of each drawn state, nJ, ``(drawn, 1)``."""

    def optional(self, rounding: Rounding) -> Moves:
        """Return the operator of who may skip."""
        after = rounding.after(rounding.points + self.harvest)
        return Moves(self.chain, rounding.reward, [(self.penalty, after)])

    def forced(self) -> Moves:
        """Return the operator of who skips only where nothing serves, rounded down."""
        reward, points = self.below.reward, len(self.below.points)
        serves = np.stack([(reward[:, c : c + points] > -np.inf).any(axis=1) for c in range(points)], axis=1)
        penalty = np.where(serves, -np.inf, self.penalty)
        return Moves(self.chain, reward, [(penalty, self.below.after(self.below.points + self.harvest))])


def grid_of(slots: HybridSlot, chain: Chain, step: float) -> Grid:
    """Return the grid of one user.

    Parameters
    ----------
    slots
        one for each state of the chain, ``(drawn,)``, with equal capacities.
    chain
        of what is drawn.
    step
        of the batteries in nJ; made smaller so that the capacity is a point.
    """
    capacity, fed = float(slots.battery_capacity.flat[0]), harvest(slots)
    count = max(int(np.ceil(capacity / step * (1.0 - APART))), 1)
    guard = GUARD * (capacity + float(fed.max()))
    falls = np.arange(-count, count + 1)
    low, high = (capacity / count * (1.0 + sign * APART) for sign in (-1.0, 1.0))
    below = Rounding(low * np.arange(count + 1), reward_table(slots, low * falls - 2.0 * guard).value[:, 0], -1.0, guard)
    proved = reward_table(slots, high * (falls + 1) + 2.0 * guard).bound[:, 0]
    above = Rounding(high * np.arange(count + 1), proved, 1.0, guard)
    penalty = np.where(slots.workload > 0.0, -slots.outage_penalty, 0.0)
    return Grid(chain, below, above, penalty, fed)
