"""Why limits rule out a decision, or every one: which of them it breaks, or which contradict each other, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.formulas import formula_of
from mecopt.contract.limits.linear import kept_decision, share
from mecopt.contract.limits.rows import decision_rows
from mecopt.contract.limits.rule import EQUAL, GROUP, LEAST, MOST, Rule, excess, sums, weights_of
from mecopt.contract.units import behind
from mecopt.running.budget import granted

Array = NDArray[Any]

MOST_PROBED = 4_000
"""Choices of users that are tried one by one."""


def why_infeasible(problem: Any, decision: Array | None, own: Callable[..., str]) -> str:
    """Name the limits that a decision of one instance breaks, or those that contradict each other (None), if any do.

    Parameters
    ----------
    own
        says so of the problem without limits.
    """
    if decision is not None:
        broken = [_broken(problem, rule, decision) for rule in problem.limits if excess(problem, rule, decision) > 0]
        return "; ".join(broken) if broken else own(problem, decision)
    bound = formula_of(problem.unlimited, "relaxed_bound")(problem, problem.relaxed_dual())
    if problem.sign * float(bound) == np.inf:
        return own(problem, None)
    for possible, beside in ((None, ""), (_possible(problem), " beside what users can do at all")):
        conflict, certain = irreducible(problem, possible)
        if conflict:
            *others, last = (repr(problem.limits[k].name) for k in conflict)
            if not others:
                return f"no decision keeps the limit {last}{beside}"
            names = f"{', '.join(others)} and {last}"
            fewest = (
                "without any one of them the others can be kept" if certain else "there was no time to tell whether fewer do"
            )
            return f"the limits {names} contradict each other{beside}; {fewest}"
        if not certain:
            return "there was no time to find out which limits contradict each other"
    return "each decision that keeps the limits breaks a constraint of the problem's own"


CHANGED = "changed so that it keeps the limits"
"""Of a decision that is not what its method is called after."""


def changed(problem: Any, wanted: Array, kept: Array) -> dict[int, str]:
    """Say of which instances limits have changed the decision ``(*batch, users)`` that a method wanted."""
    if not problem.limits:
        return {}
    other = (formula_of(problem.unlimited, "mended")(problem, wanted) != kept).any(axis=-1) & ~problem.infeasible(kept)
    return dict.fromkeys(np.flatnonzero(other).tolist(), CHANGED)


def told(problem: Any) -> list[str]:
    """Say each limit of a batch with its numbers, those that differ between users or instances by their range."""
    found = []
    for rule in problem.own_limits:
        if rule.alike:
            users = (np.asarray(getattr(problem, rule.field(GROUP))) > 0).sum(axis=-1)
            found.append(f"{rule.name!r}: groups of {_range(users)} users together that decide alike")
            continue
        weights = [f"{part} {_range(getattr(problem, rule.field(part)))}" for part in rule.weights]
        bounds = [f"{_words[name]}{_range(getattr(problem, rule.field(name)))}" for name in rule.bounds]
        found.append(f"{rule.name!r}: {' and '.join(bounds)}{behind(rule.unit)}, weights {', '.join(weights)}")
    return found


def _range(values: Any) -> str:
    """Return a number, or the least and the greatest one."""
    least, most = float(np.min(values)), float(np.max(values))
    return f"{least:.6g}" if least == most else f"{least:.6g} to {most:.6g}"


def _broken(problem: Any, rule: Rule, decision: Array) -> str:
    """Say how a decision breaks a rule."""
    if rule.alike:
        return f"it breaks the limit {rule.name!r}: users of a group decide differently"
    value, unit = float(sums(problem, weights_of(problem, rule), decision)), behind(rule.unit)
    said = [f"{_words[name]}{float(getattr(problem, rule.field(name))):.10g}{unit}" for name in rule.bounds]
    return f"it breaks the limit {rule.name!r}: {value:.10g}{unit}; allowed: {' and '.join(said)}"


_words = {LEAST: "at least ", MOST: "at most ", EQUAL: ""}


def _possible(problem: Any) -> Array:
    """Whether each user can make each choice where the others compute locally as far as they can, ``(users, choices)``."""
    choices, base = len(problem.choices.labels), problem.unlimited
    if problem.users * choices > MOST_PROBED:
        return np.ones((problem.users, choices), dtype=bool)
    local = formula_of(base, "mended")(problem, np.zeros(problem.users, dtype=np.int8))
    moved = np.broadcast_to(local, (problem.users, choices, problem.users)).copy()
    users = np.arange(problem.users)
    moved[users[:, None], np.arange(choices), users[:, None]] = np.arange(choices)
    infeasible = formula_of(base, "infeasible")
    if infeasible(problem, local):
        return np.ones((problem.users, choices), dtype=bool)
    return np.asarray(~infeasible(problem, moved))


def irreducible(problem: Any, possible: Array | None = None) -> tuple[list[int], bool]:
    """Return limits of one instance that no decision keeps together, though it can all but any one; none if it can all.

    By deletion: each limit in turn is left out for good where the others still contradict each other. Beside them whether
    that is certain: where the call has too little time more limits are told than need be, or none.

    Parameters
    ----------
    possible
        which choices users have, ``(users, choices)``; all of them where it is None.
    """
    rows, budget, certain = decision_rows(problem), granted(), True
    free = np.ones(rows.weight.shape[2:]) if possible is None else possible

    def contradict(limits: list[int], calls: int) -> bool:
        nonlocal certain
        wanted = np.isin(rows.rule, limits)
        held = rows.weight[0, wanted], rows.least[0, wanted], rows.most[0, wanted]
        decision, none = kept_decision(*held, 0.0 * free, free, share(budget, calls))
        certain = certain and (none or decision is not None)
        return none

    every = list(range(len(problem.limits)))
    if not contradict(every, len(every) + 1):
        return [], certain
    kept = every
    for limit in every:
        others = [one for one in kept if one != limit]
        if contradict(others, len(every) - limit):
            kept = others
    return kept, certain
