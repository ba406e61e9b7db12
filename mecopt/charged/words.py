"""Why limits on allocations leave none: which of them contradict each other at a decision, in words."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from mecopt.charged.contradictions import conflict
from mecopt.charged.rows import rows_of

Array = NDArray[Any]


def why_infeasible(problem: Any, decision: Array | None) -> str:
    """Name the limits that leave no allocation of a decision of one instance, or say it of all decisions (None)."""
    plain = problem.plain
    if decision is None:
        if (problem.sign * plain.relaxed_bound(plain.relaxed_dual())).item() == float("inf"):
            return str(plain.why_infeasible(None))
        names = [repr(rule.name) for rule in problem.allocation_limits]
        return f"each decision breaks another constraint, or leaves no allocation within the limit {' and '.join(names)}"
    if plain.infeasible(decision):
        return str(plain.why_infeasible(decision))
    responses = plain.responses(decision)
    found = [repr(problem.allocation_limits[k].name) for k in conflict(responses, rows_of(problem, decision, responses))]
    if not found:
        return ""
    if len(found) == 1:
        return f"no allocation keeps the limit {found[0]} beside the problem's own constraints"
    listed = f"{', '.join(found[:-1])} and {found[-1]}"
    return f"the limits {listed} contradict each other; without any one of them the others can be kept"
