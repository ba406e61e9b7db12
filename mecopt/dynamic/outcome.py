"""What came of a slot: what it earned and measured, what it left to the next, and which lanes it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a slot; leading axes are those of the batch."""

    reward: Array
    """What it earned ``(*batch)``, to be maximised; a model of costs earns their negative."""
    carried: Mapping[str, Array]
    """The carried fields after the slot, by name, ``(*batch, ...)`` as the problem has them."""
    measures: Mapping[str, Array] = field(default_factory=dict)
    """What is physical, by the names of `Dynamics.measures`, ``(*batch)``; nan where a slot says nothing of it."""
    ended: Array | None = None
    """Whether a lane ends here ``(*batch)``; it begins anew with what was drawn for the next slot. None: never."""
    detail: Any = None
    """What the model knows beyond that."""
