"""The plane on which policies are seen as maps over the state: along one carried and one drawn field.

A dynamics says the slots to ask about and what of an answer is shown (`mecopt.dynamic.Dynamics.chart`);
`mecopt.dynamic.maps` asks a policy about them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError

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
