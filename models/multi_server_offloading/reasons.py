"""Why a decision, or every decision, of many servers has no allocation: the first limit found that cannot be met, in words.

What is named is a proof by itself: one user that fits nowhere, places that are too few, least speeds that exceed a server's.
Where only several limits together leave nothing, none is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.show.numbers import counted

if TYPE_CHECKING:
    from mecopt.models.multi_server_offloading.problem import MultiServerOffloading

Array = NDArray[Any]

ROUNDING = 1e-12
"""Relative excess of least speeds over all speeds that counts as none."""


def why_none(problem: MultiServerOffloading) -> str:
    """Say which limit leaves one instance without any decision; empty where no single one does."""
    possible = np.isfinite(problem.choice_costs())
    stuck = np.flatnonzero(~possible.any(axis=-1))
    if stuck.size:
        i = int(stuck[0])
        if problem.own_speed()[i] > 0:
            taken = float(problem.workload[i] / problem.own_speed()[i])
            alone = f"alone it takes {taken:.3g} s, its deadline is {problem.deadline[i]:.3g} s"
        else:
            alone = f"{_standing(problem, i)} is 0"
        linked = np.isfinite(problem.upload_time()[i]).any()
        served = "no server that admits users can keep it" if linked else "it has no link to any server"
        return f"user {i} has no place: {alone}, and {served}{_more(stuck)}"
    places = float(np.where(problem.server_speed > 0, problem.admission, 0.0).sum())
    alone_late = ~possible[:, 0]
    away = int(alone_late.sum())
    if away > places:
        return f"{counted(away, 'users')} cannot compute in time alone, and the servers admit {places:.0f} in all"
    least = np.where(possible[:, 1:], problem.speed_bounds()[0], np.inf).min(axis=-1)[alone_late].sum()
    if least > problem.server_speed.sum() * (1.0 + ROUNDING):
        needed = f"{counted(away, 'users')} cannot compute in time alone and need {least:.4g} cycle/s at least"
        return f"{needed}; all servers together have {problem.server_speed.sum():.4g}"
    return ""


def why_not(problem: MultiServerOffloading, decision: Array) -> str:
    """Say which limit a decision of one instance breaks whatever the allocation."""
    held = (decision[:, None] == np.arange(1, problem.servers + 1)).sum(axis=0)
    for j in np.flatnonzero(held > problem.admission):
        return f"server {j + 1} holds {counted(held[j], 'users')} and admits {problem.admission[j]:.0f}"
    stuck = np.flatnonzero(np.isinf(problem.choice_costs()[np.arange(problem.users), decision]))
    if stuck.size:
        i = int(stuck[0])
        place, why = problem.choices.labels[int(decision[i])], _why_no_choice(problem, i, int(decision[i]))
        return f"user {i}, {place}, {why}{_more(stuck)}"
    least = problem.speed_bounds()[0]
    needed = np.array([least[decision == j + 1, j].sum() for j in range(problem.servers)])
    for j in np.flatnonzero(needed > problem.server_speed):
        return f"the users of server {j + 1} need {needed[j]:.3g} cycle/s, and it has {problem.server_speed[j]:.3g}"
    return ""


def _why_no_choice(problem: MultiServerOffloading, user: int, choice: int) -> str:
    """Say why a choice is none for a user."""
    deadline = f"its deadline of {problem.deadline[user]:.3g} s"
    if choice == 0:
        return (
            f"misses {deadline}" if problem.own_speed()[user] > 0 else f"computes nothing: {_standing(problem, user)} is 0"
        )
    if problem.server_speed[choice - 1] == 0:
        return "which is off: server_speed is 0"
    if np.isfinite(problem.upload_time()[user, choice - 1]):
        return f"has no speed within its limits that keeps {deadline}"
    fields = {"channel_gain": (user, choice - 1), "bandwidth": (user,), "max_power": (user,)}
    zero = [f"{name}{list(place)}" for name, place in fields.items() if problem.data()[name][place] == 0]
    return f"has no link to it: {' and '.join(zero) or 'its rate'} is 0"


def _standing(problem: MultiServerOffloading, user: int) -> str:
    """Return the field that leaves a user's own processor without speed."""
    if problem.local_speed[user] == 0:
        return "local_speed"
    return "max_local_power" if problem.max_local_power[user] == 0 else "what max_local_power allows"


def _more(stuck: Array) -> str:
    return f" (one of {stuck.size} such users)" if stuck.size > 1 else ""
