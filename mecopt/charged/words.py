"""Why limits on allocations leave none: which of them contradict each other, at a decision or at all, in words."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from mecopt.charged.contradictions import conflict
from mecopt.charged.mixed import conflicting
from mecopt.charged.rows import rows_of
from mecopt.contract.limits.words import irreducible

Array = NDArray[Any]


def why_infeasible(problem: Any, decision: Array | None) -> str:
    """Name the limits that leave no allocation of a decision of one instance, or say it of all decisions (None)."""
    plain = problem.plain
    if decision is None:
        return _of_all(problem)
    if plain.infeasible(decision):
        return str(plain.why_infeasible(decision))
    responses = plain.responses(decision)
    found = [repr(problem.allocation_limits[k].name) for k in conflict(responses, rows_of(problem, decision, responses))]
    if not found:
        return ""
    if len(found) == 1:
        return f"no allocation keeps the limit {found[0]} beside the problem's own constraints"
    return f"the limits {_listed(found)} contradict each other; without any one of them the others can be kept"


def _of_all(problem: Any) -> str:
    """Say why no decision of an instance has an allocation."""
    plain = problem.plain
    hopeless = (problem.sign * plain.relaxed_bound(plain.relaxed_dual())).item() == float("inf")
    if hopeless or (problem.limits and irreducible(plain)[0]):
        return str(plain.why_infeasible(None))
    rules = [*problem.limits, *problem.allocation_limits]
    numbers, certain = conflicting(problem)
    found = [repr(rules[k].name) for k in numbers]
    if not found:
        names = _listed([repr(rule.name) for rule in problem.allocation_limits])
        return f"each decision breaks another constraint, or leaves no allocation within the limit {names}"
    if len(found) == 1:
        return f"no decision has an allocation within the limit {found[0]}"
    fewest = "without any one of them the others can be kept" if certain else "there was no time to tell whether fewer do"
    return f"the limits {_listed(found)} contradict each other at every decision; {fewest}"


def _listed(names: list[str]) -> str:
    """Return names in a row."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
