r"""Certificates: feasibility, bound and gap of any answer, computed from the problem's own formulas.

Nothing here trusts a solver. The objective is the paper's formula at the returned allocation, the violation is the worst
scaled constraint violation there, and the bound is weak duality at the returned dual (or what an exact search proved).

The tolerances belong together. An allocation is feasible if it overruns no constraint by more than `VIOLATION` of its limit.
Such an overrun v buys something: the bound is :math:`L(\lambda) \le f(x) + \sum_k \lambda_k g_k(x)` for every x, so with
:math:`g_k(x) \le v s_k`, :math:`s_k` being the limits, an answer beats its bound by at most
:math:`v \sum_k \lambda_k s_k`. Relative to the objective that sum is the elasticity of the optimum in its limits: 1 where
one shared resource makes the cost (a frame, a capacity, a band), more where several limits bind or one leaves little room.
`BOUGHT` is allowed for it, which makes of the largest admissible overrun the gap within which a proof counts, 1e-6. It is no
theorem: where a limit leaves next to no room (an energy budget a millionth above the least) the elasticity is far greater.

- Better than the bound by rounding (`CONTRADICTION`): proved, OPTIMAL.
- Better by more, but by no more than its overrun may buy: admissible, never OPTIMAL, and a message says both numbers.
- Better by still more: FAILED. With an overrun at rounding level (`ROUNDING`) answer or bound is wrong, and a message asks
  to report it. With more the instance may be one where an overrun within the tolerance buys more than the tolerance: the
  bound may be right, but the answer is none that could be had within the limits, and a message says both numbers.

So OPTIMAL says that no feasible answer is better by more than the tolerance, and that this one satisfies every constraint to
1e-8 of its limit; it does not say that it satisfies them exactly.

The gap is relative to the objective itself. Where a problem names a `Problem.negligible` objective, since objectives may be
0 or of either sign, a billionth of that is added (`NOTHING`), so that 0 beside 0 is proved. What rounding leaves is another
matter: it counts beside all of what is negligible, of which objectives may be the small difference. An answer that beats its
bound by no more than that contradicts nothing; it is proved only if the two agree relative to the objective.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.certified import Certificate, Status
from mecopt.contract.fields import Variables
from mecopt.contract.formulas import behind, own_variables
from mecopt.contract.problem import Problem

Array = NDArray[Any]

VIOLATION = 1e-8
"""Scaled constraint violation up to which an allocation counts as feasible."""
CONTRADICTION = 1e-9
"""An answer that satisfies its constraints may be better than a bound by rounding, never by more than this (relative)."""
BOUGHT = 1e2
"""What an overrun of constraints may make an answer better than its bound, relative to the overrun."""
ROUNDING = 1e-13
"""Scaled constraint violation that sums and quotients of floats leave of themselves."""
REPORT = "; please report this instance"
"""What a message on a contradiction ends with."""
NOTHING = 1e-9
"""Part of `Problem.negligible` that is added to objectives beside which gaps count."""


def relative_gap(problem: Problem, objective: Array, bound: Array, beside: float = NOTHING) -> Array:
    """Return ``|objective - bound| / |objective|``: 0 for equal numbers, inf where nothing is proved.

    Parameters
    ----------
    beside
        part of `Problem.negligible` that is added to the denominator.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return _gaps(problem, np.asarray(objective), np.asarray(bound), beside)[0]


def _gaps(problem: Problem, objective: Array, bound: Array, *beside: float) -> list[Array]:
    """Return relative gaps beside several parts of what is negligible; only one for all where nothing is."""
    if not objective.ndim and not bound.ndim:
        sign, whole = problem.sign, float(problem.negligible)
        whole = whole if math.isfinite(whole) else 0.0
        return [np.asarray(_gap(sign, float(objective), float(bound), part * whole)) for part in beside]
    excess = problem.sign * (objective - bound)
    missing = (1,) * (objective.ndim - len(problem.batch_shape))
    negligible = np.where(np.isfinite(problem.negligible), problem.negligible, 0.0)
    negligible = np.reshape(negligible, (*problem.batch_shape, *missing))
    proved = np.isfinite(objective)
    # A bound that no value reaches says that there is no answer: beside one it is the grossest contradiction.
    denied = proved & (problem.sign * bound == np.inf)
    proved = proved & np.isfinite(bound)
    if not np.logical_or.reduce(negligible, axis=None):
        beside = (0.0,)  # beside nothing all parts of it are alike
    found = []
    for part in beside:
        scale = np.abs(objective) + part * negligible
        gap = np.where(excess == 0.0, 0.0, excess / np.where(scale > 0, scale, np.abs(bound)))
        found.append(np.where(denied, -np.inf, np.where(proved, gap, np.inf)))
    return found


def _gap(sign: float, objective: float, bound: float, beside: float) -> float:
    """Return the relative gap of a single answer: `_gaps` in numbers, a tenth of the time of arrays of no axes."""
    if not math.isfinite(objective):
        return math.inf
    if not math.isfinite(bound):
        return -math.inf if sign * bound == math.inf else math.inf
    excess, scale = sign * (objective - bound), abs(objective) + beside
    if excess == 0.0:
        return 0.0
    whole = scale if scale > 0.0 else abs(bound)
    return excess / whole if whole else math.copysign(math.inf, excess)


def violation(problem: Problem, decision: Array, allocation: Variables) -> Array:
    """Return the worst scaled violation over all named constraints; nan counts as infinitely broken."""
    decision = problem.decision_space.admitted(decision, problem.batch_shape)
    lead = problem.decision_space.lead(decision)
    with np.errstate(all="ignore"):
        return _worst(problem, decision, own_variables(problem, "allocation", allocation, lead))


def _worst(problem: Problem, decision: Array, allocation: Variables) -> Any:
    broken = behind(problem, "violations")(decision, allocation).values()
    lead = problem.decision_space.lead(decision)
    if not lead:
        most = 0.0
        for value in map(float, broken):
            if not value <= most:
                most = math.inf if math.isnan(value) else value
        return np.float64(most)
    worst = np.zeros(lead)
    for value in broken:
        worst = np.maximum(worst, np.where(np.isnan(value), np.inf, value))
    return worst


def _violations(problem: Problem, decision: Array, allocation: Variables) -> dict[str, Array]:
    found = problem.violations(decision, allocation)
    return {name: np.where(np.isnan(value), np.inf, value) for name, value in found.items()}


def certify(problem: Problem, decision: Array, allocation: Variables, bound: Array) -> Certificate:
    """Evaluate objective, violation and gap of an allocation against a bound.

    Parameters
    ----------
    decision
        shape ``(*batch, *candidates, n)``.
    allocation
        the problem's allocation variables for these decisions.
    bound
        a proved bound of shape ``(*batch, *candidates)``, e.g. ``problem.bound(decision, dual)``.
    """
    decision = problem.decision_space.admitted(decision, problem.batch_shape)
    allocation = own_variables(problem, "allocation", allocation, problem.decision_space.lead(decision))
    with np.errstate(all="ignore"):
        return certified(problem, decision, allocation, bound)


def certified(problem: Problem, decision: Array, allocation: Variables, bound: Array) -> Certificate:
    """Evaluate as `certify` does what was admitted, the problem's own; warnings are left to the caller."""
    objective = np.asarray(behind(problem, "objective")(decision, allocation), dtype=float)
    broken = _worst(problem, decision, allocation)
    bound = np.array(bound, dtype=float)
    if bound.ndim:
        bound[np.isnan(bound)] = -problem.sign * np.inf
    elif math.isnan(bound):
        bound = np.asarray(-problem.sign * np.inf)
    gaps = _gaps(problem, objective, bound, NOTHING, 1.0)
    return Certificate(objective, bound, gaps[0], broken, -gaps[-1])


def some(flags: Any) -> bool:
    """Whether any flag is set; of a single one numpy's own `any` takes longer than all that is done with it."""
    return bool(flags.any() if np.ndim(flags) else flags)


def denied(certificate: Certificate, nothing: Array) -> Certificate:
    """Return the certificate without answers where there are none, whatever the formula says of them."""
    if not some(nothing):
        return certificate
    return replace(
        certificate,
        objective=np.where(nothing, np.nan, certificate.objective),
        gap=np.where(nothing, np.inf, certificate.gap),
        better=np.where(nothing, -np.inf, certificate.better),
        violation=np.where(nothing, np.inf, certificate.violation),
    )


def judge(
    certificate: Certificate,
    tolerance: float,
    limit: Array | bool,
    failed: Array | bool,
    infeasible: Array | bool = False,
    undecided: Array | bool = False,
) -> tuple[Any, Array]:
    """Return the status of each instance, and where certificate and answer contradict each other.

    A feasible answer better than its bound by more than rounding and `BOUGHT` times its own overrun means that one of the
    two is wrong, or that so small an overrun matters there: such an item is FAILED. Within that the answer stands, but
    nothing proves it OPTIMAL. What was stopped before any decision was found that has an allocation is `undecided`.
    """
    shape = certificate.objective.shape
    if not shape:
        found = _judged(certificate, tolerance, bool(limit), bool(failed), bool(infeasible))
        return (Status.LIMIT, found[1]) if undecided and found[0] is Status.FAILED and not failed else found
    feasible, missed = _feasible(certificate), np.asarray(failed)
    within = (np.abs(certificate.gap) <= tolerance) & feasible & (certificate.better <= CONTRADICTION)
    if within.all() and not missed.any():
        return np.full(shape, Status.OPTIMAL, dtype=object), np.zeros(shape, dtype=bool)
    contradiction = feasible & (certificate.better > may_be_better(certificate.violation))
    proved = (certificate.gap <= tolerance) & (certificate.gap >= -max(tolerance, CONTRADICTION))
    status = np.empty(shape, dtype=object)
    status[...] = Status.FEASIBLE
    status[np.broadcast_to(limit, shape)] = Status.LIMIT
    status[proved & ~overrun_pays(certificate)] = Status.OPTIMAL
    status[~feasible | contradiction | np.broadcast_to(failed, shape)] = Status.FAILED
    status[~feasible & ~missed & np.broadcast_to(undecided, shape)] = Status.LIMIT
    status[~feasible & np.broadcast_to(infeasible, shape)] = Status.INFEASIBLE
    return status, contradiction


def _judged(certificate: Certificate, tolerance: float, limit: bool, failed: bool, infeasible: bool) -> tuple[Status, Array]:
    """Judge a single answer, as `judge` does, in numbers."""
    better, overrun, gap = float(certificate.better), float(certificate.violation), float(certificate.gap)
    if not (math.isfinite(certificate.objective) and overrun <= VIOLATION):
        return Status.INFEASIBLE if infeasible else Status.FAILED, np.asarray(False)
    contradiction = better > CONTRADICTION + BOUGHT * overrun
    if contradiction or failed:
        return Status.FAILED, np.asarray(contradiction)
    if -max(tolerance, CONTRADICTION) <= gap <= tolerance and not better > CONTRADICTION:
        return Status.OPTIMAL, np.asarray(False)
    return Status.LIMIT if limit else Status.FEASIBLE, np.asarray(False)


def may_be_better(overrun: Array) -> Array:
    """Return by how much (relative) an answer that overruns its constraints so far may be better than a bound."""
    return np.asarray(CONTRADICTION + BOUGHT * np.minimum(overrun, VIOLATION))


def overrun_pays(certificate: Certificate) -> Array:
    """Whether an answer is better than its bound by more than rounding, and no more than its overrun can make it."""
    within = certificate.better <= may_be_better(certificate.violation)
    return np.asarray(_feasible(certificate) & (certificate.better > CONTRADICTION) & within)


def distance(certificate: Certificate) -> Array:
    """Return the gap as it is shown: never negative, 0 for what is better by rounding, else how far the bound is away.

    Of a contradiction it is 0: the bound is wrong, or the answer.
    """
    if not certificate.gap.ndim and not (gap := float(certificate.gap)) < -CONTRADICTION:
        return np.asarray(max(gap, 0.0))
    if not np.logical_or.reduce(certificate.gap < -CONTRADICTION, axis=None):
        return np.maximum(certificate.gap, 0.0)
    stands = certificate.better <= may_be_better(certificate.violation)
    away = _feasible(certificate) & stands & (certificate.gap < -CONTRADICTION)
    return np.where(away, -certificate.gap, np.maximum(certificate.gap, 0.0))


def _feasible(certificate: Certificate) -> Array:
    return np.asarray(np.isfinite(certificate.objective) & (certificate.violation <= VIOLATION))


def reasons(
    problem: Problem, decision: Array, allocation: Variables, certificate: Certificate, failed: Array
) -> dict[int, str]:
    """Say, by flat index, why an answer is none, and of one that beats its bound by its overrun that it does.

    Parameters
    ----------
    failed
        which answers count as none. Of those that a method did not give at all it has to say itself why.
    """
    better, overrun = np.ravel(certificate.better), np.ravel(certificate.violation)
    pays, feasible, objective = np.ravel(overrun_pays(certificate)), np.ravel(_feasible(certificate)), certificate.objective
    wanted = np.flatnonzero(np.ravel(failed) | pays)
    if not wanted.size:
        return {}
    broken = {name: np.ravel(value) for name, value in _violations(problem, decision, allocation).items()}
    found = {}
    for k in wanted.tolist():
        name = max(broken, key=lambda one: broken[one][k], default="")
        if pays[k]:
            found[k] = (
                f"beats the proved bound by {better[k]:.2g} (relative), about what overrunning {name!r} by {overrun[k]:.2g} "
                "can buy; not counted as proved"
            )
        elif not np.isfinite(np.ravel(objective)[k]):
            where = _not_finite(allocation, np.unravel_index(k, objective.shape))
            if where is not None:
                found[k] = f"the answer is not finite: {where or f'its objective is {np.ravel(objective)[k]}'}"
        elif not feasible[k]:
            found[k] = f"the answer violates the constraint {name!r} by {broken[name][k]:.2g} of its limit"
        elif better[k] > CONTRADICTION and overrun[k] > ROUNDING:
            found[k] = (
                f"the answer overruns the constraint {name!r} by {overrun[k]:.2g}, which may buy more than the tolerance: "
                f"it beats the proved bound by {better[k]:.2g} (relative)"
            )
        elif better[k] > CONTRADICTION:
            found[k] = (
                f"answer and bound contradict each other: it beats the proved bound by {better[k]:.2g} (relative) and "
                f"overruns its constraints by {overrun[k]:.2g} only{REPORT}"
            )
    return found


def _not_finite(allocation: Variables, index: tuple[Any, ...]) -> str | None:
    """Name the first entry of an allocation that is no number; "" where all are numbers, None where there is none at all."""
    entries = {name: np.asarray(value)[index] for name, value in allocation.as_dict().items()}
    if all(np.isnan(entry).all() for entry in entries.values()):
        return None
    for name, entry in entries.items():
        if not np.isfinite(entry).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(entry))[0])
            return f"{name}{list(place) if place else ''} is {entry[place]}"
    return ""
