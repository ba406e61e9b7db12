"""What methods decide: the share of users at each place, and users whose choice never changes from instance to instance.

A policy that has stopped looking at its instances betrays itself here before it does in its ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.comparison import Comparison

Array = NDArray[Any]


@dataclass(frozen=True)
class Habits:
    """One method's decisions over the instances that it has an answer to."""

    method: str
    shares: dict[str, float]
    """Part of users and instances by choice, in the order of the labels; nan where the method has no answer."""
    unchanging: float
    """Part of the users who make the same choice in every instance."""

    def cells(self) -> list[str]:
        """Return the row as text."""
        return [
            self.method,
            *("-" if np.isnan(share) else f"{100 * share:.1f} %" for share in (*self.shares.values(), self.unchanging)),
        ]


def headers(habits: list[Habits]) -> list[str]:
    """Return the titles of the cells."""
    return ["method", *habits[0].shares, "never changes"]


def habits(comparison: Comparison) -> list[Habits]:
    """Count choices by method; nothing where decisions are no choices."""
    labels = comparison.provenance["choices"]
    if not labels:
        return []
    found = []
    for method in comparison.methods:
        decisions = np.stack(list(comparison.column(method, "decision")))[comparison.answered(method)]
        if not len(decisions):
            found.append(Habits(method, dict.fromkeys(labels, np.nan), np.nan))
            continue
        counts = np.bincount(decisions.ravel(), minlength=len(labels)) / decisions.size
        same = float((decisions == decisions[:1]).all(axis=0).mean())
        found.append(Habits(method, dict(zip(labels, counts.tolist(), strict=True)), same))
    return found
