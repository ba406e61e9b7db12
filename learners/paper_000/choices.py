r"""The best that a finite set of actions can earn in the long run: what the quantisation of DQN's actions alone costs.

As for all actions (`mecopt.models.hybrid_slot.dynamics.grid`), a grid of the battery is rounded down and up. An action that
serves at a battery x serves at every greater one, earns the same and leaves no less; one that does not is an outage, the
same as to skip, which is among the actions and leaves no less at a greater battery either. So actions are matched one by
one, and both bounds of `mecopt.dynamic.average.bracketed` hold for the user that has these actions and no others. Parts of
the energy, as with a solver in the loop, mean something else at every battery, and no such proof is known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.average import Bracket, bracketed
from mecopt.dynamic.operators import Tables
from mecopt.dynamic.worlds import SlotWorld, State
from mecopt.models.hybrid_slot.dynamics.grid import Rounding
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics
from mecopt.models.hybrid_slot.dynamics.worlds import RawChoices

Array = NDArray[Any]


def best_of_choices(dynamics: HybridDynamics, actions: str) -> Bracket:
    """Bracket the best average reward of who has these actions alone, on the grid of the dynamics' step.

    Raises
    ------
    UnknownName, InstanceError
        where there is no such way of acting, or its actions are no choices of times, which alone mean the same everywhere.
    """
    world = dynamics.world(actions)
    if not isinstance(world, RawChoices):
        raise InstanceError(f"of the actions {actions!r} nothing is proved; allowed: raw-choices")
    grid = dynamics.table
    return bracketed(*(_operator(dynamics, world, world.acted.count, one) for one in (grid.below, grid.above)))


def _operator(dynamics: HybridDynamics, world: SlotWorld, count: int, rounding: Rounding) -> Tables:
    """Return one slot on a grid: what every action earns at every battery, and where it leads."""
    slots = dynamics.on_grid(rounding.points)
    shape = (*slots.batch_shape, count)
    reward, point = np.empty(shape), np.empty(shape, dtype=np.int64)
    for action in range(count):
        chosen, rng = np.full(slots.batch_shape, action), np.random.default_rng(0)
        decision, allocation = world.answered(State(slots), chosen, rng)
        found = dynamics.outcome(slots, decision, allocation)
        reward[..., action], point[..., action] = found.reward, rounding.at(found.carried["battery"][..., 0])
    return Tables(dynamics.table.chain, reward, point)
