"""Answers stored with instances, as one method among others: along one axis, by their digest, and how well recorded."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from mecopt.contract.certificate import VIOLATION
from mecopt.contract.problem import Problem
from mecopt.data import Labels


def flat_labels(labels: Labels, flat: Problem) -> Labels:
    """Return the answers along the one axis of their instances."""
    count, axes = flat.instances, np.ndim(labels.objective)
    allocation = labels.allocation
    if allocation is not None:
        variables = {name: value.reshape((count, *np.shape(value)[axes:])) for name, value in allocation.as_dict().items()}
        allocation = type(allocation)(**variables)
    decision = labels.decision.reshape((count, *labels.decision.shape[axes:]))
    more = [None if values is None else np.reshape(values, count) for values in (labels.status, labels.bound)]
    return Labels(decision, allocation, np.reshape(labels.objective, count), *more)


def digest_of_labels(labels: Labels) -> str:
    """Name the answers by what they decide and allocate."""
    digest = hashlib.sha256(np.ascontiguousarray(labels.decision).tobytes())
    for value in labels.allocation.as_dict().values():
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def recorded_difference(labels: Labels, flat: Problem) -> dict[str, Any]:
    """Say how far the objectives that a file records are from those of its answers: of another problem, where it is far.

    An answer is feasible that breaks each constraint by `VIOLATION`: the frame's or server's, and one for each user. As far
    the two objectives may differ.
    """
    if labels.allocation is None:
        return {}
    with np.errstate(all="ignore"):
        recomputed = flat.objective(labels.decision, labels.allocation)
        scale = np.abs(recomputed) + flat.negligible
        difference = np.where(labels.objective == recomputed, 0.0, np.abs(labels.objective - recomputed) / scale)
    known = np.isfinite(difference)
    if not known.any():
        return {}
    worst = int(np.argmax(np.where(known, difference, -1.0)))
    tolerance = VIOLATION * (1 + flat.users)
    return {
        "stored_difference": float(difference[worst]),
        "stored_worst": worst,
        "stored_values": [float(labels.objective[worst]), float(recomputed[worst])],
        "stored_wrong": int((difference[known] > tolerance).sum()),
    }
