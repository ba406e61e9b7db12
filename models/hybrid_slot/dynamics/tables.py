"""Tables of slots for those who look further than one: what every budget earns, what a workload needs, what is harvested.

Everything is compiled and takes whole grids: 255 slots at 900 budgets, values and proved bounds, in well under a second.

>>> import numpy as np
>>> from mecopt.models import HybridSlot
>>> gain = 7e-6 * np.array([[0.25], [1.25]])
>>> slots = HybridSlot(workload=[[20.0], [20.0]], battery=0.0, uplink_gain=gain, downlink_gain=gain)
>>> table = reward_table(slots, np.array([-40.0, 0.0, 40.0]))
>>> table.value.round(3).tolist(), bool((table.bound >= table.value).all())
([[[-inf, -inf, 0.977]], [[-0.55, 1.876, 1.9]]], True)
>>> need(slots).round(3).ravel().tolist()
[10.703, 8.37]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError
from mecopt.kernels.arrays import plain
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.terms import STRICT, harvested, rows

if TYPE_CHECKING:
    from mecopt.models.hybrid_slot.problem import HybridSlot

Array = NDArray[Any]


class RewardTable(NamedTuple):
    """Rewards of slots at budgets, ``(*batch, users, budgets)``, kbit/nJ; minus infinity where nothing serves."""

    value: Array
    bound: Array
    """Proved upper bounds, at most some 1e-10 above the values."""


def reward_table(problem: HybridSlot, budgets: ArrayLike) -> RewardTable:
    """Return what every user's slot earns at every budget q, and a proved upper bound of it, as if service were a must.

    Parameters
    ----------
    problem
        the slots; their batteries do not count.
    budgets
        q = E - E' in nJ: what the battery holds less what is to be kept. Negative where more is to be kept; to be useful it
        is no less than what a whole slot harvests.

    Raises
    ------
    InstanceError
        for strict slots, whose best rewards nothing proves, and for budgets that are no finite numbers.
    """
    from mecopt.models.hybrid_slot.compiled.batch import reward_tables

    if (problem.pacing == STRICT).any():
        raise InstanceError("reward_table takes paced slots: of strict ones the best is not known")
    grid = np.atleast_1d(np.asarray(budgets, dtype=float))
    if grid.ndim != 1 or not np.isfinite(grid).all():
        raise InstanceError(f"budgets has shape {grid.shape}; allowed: one axis of finite numbers in nJ")
    numbers = rows(problem)
    shape = (*problem.batch_shape, problem.users, grid.size)
    value, bound = reward_tables(plain(numbers.reshape(-1, numbers.shape[-1]), np.float64), plain(grid, np.float64))
    return RewardTable(value.reshape(shape), bound.reshape(shape))


def need(problem: HybridSlot) -> Array:
    """Return the least budget and whole slot's harvest, q + H in nJ, that serve each workload; infinite where none does."""
    return allocation.limits(problem)[0]


def largest_workload(problem: HybridSlot, kept: ArrayLike = 0.0) -> Array:
    """Return the largest workload in kbit that each user could serve in its slot if it keeps so many nJ of its battery."""
    whole = problem.battery + harvested(problem)
    return allocation.limits_beside(problem, np.broadcast_to(np.asarray(kept, dtype=float), whole.shape))[1]


def harvest(problem: HybridSlot) -> Array:
    """Return H, what a whole slot of harvesting adds to each battery, in nJ."""
    return harvested(problem)
