"""Best allocations under limits of one's own: the unlimited answer where it keeps them, else the one that prices make.

An answer that keeps every limit by itself is the best one under limits as well, and its proof stands, digit for digit. The
others are found one by one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.charged.contradictions import contradicted
from mecopt.charged.rows import rows_of
from mecopt.contract.derived import FEW
from mecopt.contract.fields import declared
from mecopt.contract.limits.amounts import violation
from mecopt.contract.limits.prices import GAP

Array = NDArray[Any]

ROUNDING = 1e-12
"""Violation of a limit by an unlimited answer that counts as none."""

DEAR = 1e6
"""Price, in units of the cost, at which it is asked whether limits leave any allocation."""

_KEPT = "answers under limits on allocations"


class Answers(NamedTuple):
    """Best allocations of decisions ``(*batch, *candidates)``, their duals, and where limits leave none."""

    allocation: Any
    dual: Any
    contradicted: Array
    changed: Array
    """Where the unlimited answer breaks a limit."""


def answers_of(problem: Any, decision: Array) -> Answers:
    """Return the answers of decisions; the last ones asked for are kept beside the data, where they are few."""
    key = (decision.shape, decision.tobytes())
    known = problem._derived.get(_KEPT)
    if known is None or known[0] != key:
        known = key, _answers(problem, decision)
        if decision.size <= FEW:
            problem._derived[_KEPT] = known
    found: Answers = known[1]
    return found


def _answers(problem: Any, decision: Array) -> Answers:
    """Answer decisions: by the unlimited formula where it does, else one by one."""
    plain = problem.plain
    allocation, own = plain.closed_form(decision)
    dual = filled(problem, own)
    broken = np.zeros(decision.shape[:-1])
    for rule in problem.allocation_limits:
        broken = np.fmax(broken, violation(problem, rule, decision, allocation))
    changed = (broken > ROUNDING) & ~plain.infeasible(decision)
    todo = np.flatnonzero(np.ravel(changed))
    contradictory = np.zeros(decision.shape[:-1], dtype=bool)
    if not todo.size:
        return Answers(allocation, dual, contradictory, changed)
    flat, rows = problem.paired(decision)
    entries = _writable(allocation, decision, problem)
    prices = _writable(dual, decision, problem)
    for k in todo.tolist():
        answer = one_answer(flat[k], rows[k])
        if answer is None:
            contradictory.reshape(-1)[k] = True
        for held, given in zip((entries, prices), answer or (None, None), strict=True):
            for name, value in held.items():
                value[k] = np.nan if given is None else getattr(given, name)
    lead = decision.shape[:-1]
    return Answers(
        type(allocation)(**{name: value.reshape(lead + value.shape[1:]) for name, value in entries.items()}),
        type(dual)(**{name: value.reshape(lead + value.shape[1:]) for name, value in prices.items()}),
        contradictory,
        changed,
    )


def _writable(variables: Any, decision: Array, problem: Any) -> dict[str, Array]:
    """Return variables as arrays of their own, decisions along one axis."""
    lead, shapes = decision.shape[:-1], dict(problem.variable_shapes)
    own = {f.name: tail for f, tail in shapes[type(variables)]}
    return {
        name: np.broadcast_to(value, (*lead, *own[name])).reshape(-1, *own[name]).copy()
        for name, value in variables.as_dict().items()
    }


def one_answer(problem: Any, decision: Array) -> tuple[Any, Any] | None:
    """Return allocation and dual of a single instance and decision; None where limits are proved to leave no allocation."""
    responses = problem.plain.responses(decision)
    rows = rows_of(problem, decision, responses)
    _, unlimited = problem.plain.closed_form(decision)
    start = rows.prices(responses.prices(unlimited), {}, responses.unit)
    priced = responses.answered(rows.matrix, rows.limit, rows.free, start, DEAR)
    if not priced.found:
        if contradicted(responses, rows):
            return None
        if np.abs(priced.prices).max(initial=0.0) > DEAR:
            priced = responses.answered(rows.matrix, rows.limit, rows.free, start)
    own = problem.Dual.completed(responses.dual(priced.prices[: responses.limit.size]))
    named = rows.of_limits(priced.prices, responses.unit)
    dual = replace(
        own,
        **{rule.price: np.asarray(named.get(number, 0.0)) for number, rule in enumerate(problem.allocation_limits)},
    )
    return responses.allocation(responses.entries(priced.y, problem.users)), dual


def bounds_at(problem: Any, decision: Array, dual: Any, *, whole: bool = False) -> Array:
    """Return what weak duality proves of decisions at prices, those of limits on allocations among them.

    With `whole` every limit is charged, as `rows_of` says, and the bound of a separable problem is a sum over users.
    """
    found = np.array(problem.plain.bound(decision, plain_dual(problem, dual)), dtype=float)
    named = {
        number: np.broadcast_to(getattr(dual, rule.price), found.shape).reshape(-1)
        for number, rule in enumerate(problem.allocation_limits)
    }
    charged = np.zeros(found.size, dtype=bool)
    for value in named.values():
        charged |= np.nan_to_num(value) != 0.0
    if not charged.any():
        return found
    flat, rows = problem.paired(decision)
    values, lead = found.reshape(-1), found.shape
    tails = {f.name: tail for f, tail in problem.variable_shapes[problem.Dual]}
    own = {
        name: np.broadcast_to(value, (*lead, *tails[name])).reshape(-1, *tails[name])
        for name, value in dual.as_dict().items()
    }
    for k in np.flatnonzero(charged & np.isfinite(values)).tolist():
        one = type(dual)(**{name: value[k] for name, value in own.items()})
        at = {number: float(value[k]) for number, value in named.items()}
        values[k] = problem.sign * bound_of_one(flat[k], rows[k], one, at, whole=whole)
    return values.reshape(lead)


def bound_of_one(problem: Any, decision: Array, dual: Any, named: dict[int, float], *, whole: bool = False) -> float:
    """Return the bound of a single instance and decision as a cost to be minimised, at prices of limits by their numbers."""
    responses = problem.plain.responses(decision)
    rows = rows_of(problem, decision, responses, whole=whole)
    prices = rows.prices(responses.prices(dual), named, responses.unit)
    value = responses.lagrangian(rows.matrix, rows.limit, prices)
    return value if np.isfinite(value) else -np.inf


def filled(problem: Any, dual: Any) -> Any:
    """Return a dual of the problem without limits on allocations as the problem's own, with prices of 0 for these."""
    held = dual.as_dict()
    first = declared(problem.unlimited.Dual)[0].name
    tail = {f.name: tail for f, tail in problem.variable_shapes[problem.Dual]}[first]
    shape = np.shape(held[first])[: np.ndim(held[first]) - len(tail)]
    missing = {f.name: np.zeros(shape) for f in declared(problem.Dual) if f.name not in held}
    missing |= {GAP: np.full(shape, np.nan)} if GAP in missing else {}
    return problem.Dual(**held, **missing)


def plain_dual(problem: Any, dual: Any) -> Any:
    """Return a dual as the problem without limits on allocations has it."""
    own = problem.plain.Dual
    return own(**{f.name: getattr(dual, f.name) for f in declared(own)})
