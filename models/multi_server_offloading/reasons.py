"""Why a decision, or every decision, of many servers has no allocation: the first limit found that cannot be met, in words.

What is named is a proof by itself: one user that fits nowhere, places that are too few, least speeds that exceed a server's.
Where only several limits together leave nothing, none is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mecopt.models.multi_server_offloading.problem import MultiServerOffloading

Array = NDArray[Any]


def why_none(problem: MultiServerOffloading) -> str:
    """Say which limit leaves one instance without any decision; empty where no single one does."""
    possible = np.isfinite(problem.choice_costs())
    stuck = np.flatnonzero(~possible.any(axis=-1))
    if stuck.size:
        i = int(stuck[0])
        taken = float(problem.workload[i] / problem.local_speed[i])
        return (
            f"user {i} has no place: alone it takes {taken:.3g} s, its deadline is {problem.deadline[i]:.3g} s, and no "
            f"server that admits users can keep it{_more(stuck)}"
        )
    away, places = int((~possible[:, 0]).sum()), float(problem.admission.sum())
    if away > places:
        return f"{away} users miss their deadlines alone, and the servers admit {places:.0f} in all"
    return ""


def why_not(problem: MultiServerOffloading, decision: Array) -> str:
    """Say which limit a decision of one instance breaks whatever the allocation."""
    held = (decision[:, None] == np.arange(1, problem.servers + 1)).sum(axis=0)
    for j in np.flatnonzero(held > problem.admission):
        return f"server {j + 1} holds {held[j]} users and admits {problem.admission[j]:.0f}"
    stuck = np.flatnonzero(np.isinf(problem.choice_costs()[np.arange(problem.users), decision]))
    if stuck.size:
        i = int(stuck[0])
        place, deadline = problem.choices.labels[int(decision[i])], f"its deadline of {problem.deadline[i]:.3g} s"
        why = f"misses {deadline}" if place == "local" else f"has no speed within its limits that keeps {deadline}"
        return f"user {i}, {place}, {why}{_more(stuck)}"
    least = problem.speed_bounds()[0]
    needed = np.array([least[decision == j + 1, j].sum() for j in range(problem.servers)])
    for j in np.flatnonzero(needed > problem.server_speed):
        return f"the users of server {j + 1} need {needed[j]:.3g} cycle/s, and it has {problem.server_speed[j]:.3g}"
    return ""


def _more(stuck: Array) -> str:
    return f" (one of {stuck.size} such users)" if stuck.size > 1 else ""
