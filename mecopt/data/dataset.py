"""What a file holds: instances, the answers stored with them, and where they are from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.fields import Variables
from mecopt.problem import Problem

Array = NDArray[Any]


@dataclass(frozen=True)
class Labels:
    """Answers stored with the instances by whoever made the file; shown as the method "stored", never trusted."""

    decision: Array
    allocation: Variables
    objective: Array


@dataclass(frozen=True)
class Dataset:
    """Instances, the answers stored with them (if any), and where they are from."""

    problem: Problem
    labels: Labels | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def digest(problem: Problem) -> str:
    """Return a short name of the data of these instances: equal data, equal name."""
    found = hashlib.sha256(problem.name.encode())
    for name, value in problem.data().items():
        found.update(f"{name}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()[:16]


def compact(problem: Problem) -> dict[str, Array]:
    """Return the fields, each constant one as a single number; the first, which has everyone's shape, in full."""
    first, *others = problem.data().items()
    constant = {name: value[(0,) * value.ndim] for name, value in others if value.size and not any(value.strides)}
    return dict([first, *others]) | constant
