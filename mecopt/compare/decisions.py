"""What methods decide: the share of users at each place, and users whose choice never changes from instance to instance.

A policy that has stopped looking at its instances betrays itself here before it does in its ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.run import Comparison

Array = NDArray[Any]


@dataclass(frozen=True)
class Habits:
    """One method's decisions over all instances of a comparison."""

    method: str
    shares: dict[str, float]
    """Part of users and instances by choice, in the order of the labels."""
    unchanging: float
    """Part of the users who make the same choice in every instance."""

    def cells(self) -> list[str]:
        """Return the row as text."""
        return [self.method, *(f"{100 * share:.1f} %" for share in self.shares.values()), f"{100 * self.unchanging:.1f} %"]


def headers(habits: list[Habits]) -> list[str]:
    """Return the titles of the cells."""
    return ["method", *habits[0].shares, "never changes"]


def habits(comparison: Comparison) -> list[Habits]:
    """Count choices by method."""
    labels = comparison.provenance["choices"]
    found = []
    for method in comparison.methods:
        decisions = np.stack(list(comparison.column(method, "decision")))
        counts = np.bincount(decisions.ravel(), minlength=len(labels)) / decisions.size
        same = float((decisions == decisions[:1]).all(axis=0).mean())
        found.append(Habits(method, dict(zip(labels, counts.tolist(), strict=True)), same))
    return found
