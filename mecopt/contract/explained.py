"""What a solution says of items that are not proved optimal: one message an item, of all who know something of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.certificate import REPORT
from mecopt.contract.certified import Status
from mecopt.contract.problem import Problem

Array = NDArray[Any]

UNDECIDED = "stopped at a limit before a decision was found that has an allocation; give more time, or a start"


def unsolvable(problem: Problem, decisions: Array | None, status: Any) -> dict[int, str]:
    """Say of every infeasible item that its decision, or every one (None), has no allocation, and why if that is known."""
    found = np.flatnonzero(among(status, Status.INFEASIBLE)).tolist()
    if not found:
        return {}
    instances, given = (problem.flat(), None) if decisions is None else problem.paired(decisions)
    which = "no decision has an" if given is None else "the decision has no"
    whys = {i: instances[i].why_infeasible(None if given is None else given[i]) for i in found}
    return {i: f"{which} allocation that satisfies the constraints{f': {why}' if why else ''}" for i, why in whys.items()}


def explained(
    messages: dict[int, str],
    why: dict[int, str],
    status: Any,
    infeasible: dict[int, str],
    beyond: dict[int, str],
    hopeless: Array | None = None,
) -> dict[int, str]:
    """Return one message an item: what the method and the certificate say of it, and whether magnitudes are to blame."""
    found = dict(messages)
    stopped = among(status, Status.LIMIT)
    for k in () if hopeless is None else np.flatnonzero(hopeless):
        found.setdefault(int(k), UNDECIDED if stopped[k] else "no decision was found that has an allocation")
    for i in np.flatnonzero(among(status, Status.FAILED)).tolist():
        known = [text for text in (found.get(i), why.get(i)) if text]
        found[i] = "; ".join(known) or "the method gave up without saying why"
    found = {**why, **found, **infeasible}
    for i, text in beyond.items():
        found[i] = "; ".join(filter(None, (found.get(i, "").removesuffix(REPORT), text)))
    return found


def among(status: Any, *kinds: Status) -> Array:
    """Whether each item has one of these statuses; a flat array."""
    flat = np.ravel(np.asarray(status, dtype=object))
    return np.logical_or.reduce([flat == kind for kind in kinds])


def settled(status: Any) -> bool:
    """Whether every item is proved optimal, so that nothing is to be said about any."""
    return status is Status.OPTIMAL if isinstance(status, Status) else bool(among(status, Status.OPTIMAL).all())
