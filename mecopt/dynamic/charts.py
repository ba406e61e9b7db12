"""Policies as maps over the state: what each does, asked slot by slot, along one carried and one drawn field.

A dynamics says the slots to ask about and what of an answer is shown (`mecopt.dynamic.Dynamics.chart`); a policy is asked
once about all of them, as the lanes of a single slot, whatever it has met on its path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError

if TYPE_CHECKING:
    from mecopt.dynamic.dynamics import Dynamics, Policy

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Chart:
    """The plane on which policies are seen, and what is seen of them.

    Raises
    ------
    InstanceError
        for slots that are no such batch, or fields that are none of theirs.
    """

    slots: Any
    """The problems asked about, ``(panels, drawn, carried)``: the drawn field is the same along the last axis, the carried
    one along the others; what else is drawn may differ between panels."""
    drawn: str
    """The field to the right."""
    carried: str
    """The field upwards."""
    quantity: str
    """What the colours are, in words."""
    unit: str
    done: Callable[..., Array]
    """From slots, decisions, allocations and their `Outcome` to the quantity, ``(*batch)``; nan where nothing is done."""
    otherwise: str = "nothing is done"
    """What it means where the quantity is nan."""
    panels: tuple[str, ...] = ("",)
    """What each panel is of."""

    def __post_init__(self) -> None:
        shape = self.slots.batch_shape
        if len(shape) != 3 or shape[0] != len(self.panels):
            raise InstanceError(
                f"the chart's slots have a batch of shape {shape}; allowed: {len(self.panels)} panels, drawn, carried"
            )
        for name, axis in ((self.drawn, 1), (self.carried, 2)):
            values = self._values(name)
            along = np.moveaxis(values, axis, -1)
            if not (along == along[0, 0]).all() or not (np.diff(along[0, 0]) > 0.0).all():
                raise InstanceError(f"the chart's {name} does not rise along axis {axis} alone; allowed: one axis for each")

    def along(self, name: str) -> Array:
        """Return the values of one of the two fields along its axis."""
        return np.moveaxis(self._values(name), 1 if name == self.drawn else 2, -1)[0, 0]

    def _values(self, name: str) -> Array:
        values = np.asarray(self.slots.data()[name], dtype=float)
        return values.reshape(*self.slots.batch_shape, -1)[..., 0]


def shown(dynamics: Dynamics[Any], chart: Chart, policy: Policy, rng: Generator) -> Array:
    """Return what a policy does everywhere on a chart, ``(panels, drawn, carried)``.

    Raises
    ------
    InstanceError, SolveFailed
        whatever a rollout of these slots raises.
    """
    from mecopt.dynamic.dynamics import stacked
    from mecopt.dynamic.rollout import rollout

    found: list[Array] = []

    def watch(number: int, slot: Any, decision: Array, allocation: Any, outcome: Any) -> None:
        found.append(np.array(chart.done(slot, decision, allocation, outcome), dtype=float))

    rollout(dynamics, stacked([chart.slots.flat()]), policy, rng, watch=watch)
    return found[0].reshape(chart.slots.batch_shape)
