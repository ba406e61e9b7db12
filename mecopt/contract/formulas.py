"""The door of a formula: it sees admissible decisions, and allocations and prices of its problem's own sizes only.

Who has checked them calls what is `behind` the door, so that one call of `mecopt.allocate` looks at them once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mecopt.contract.errors import InstanceError
from mecopt.contract.instances import Instances
from mecopt.quantities.given import settled

FORMULAS = {
    "objective",
    "violations",
    "bound",
    "relaxed_bound",
    "relaxed_dual",
    "closed_form",
    "respond",
    "optimal_value",
    "move_values",
    "infeasible",
}
"""Methods of a model that compute; whatever overflows there is judged by its certificate, and warned of nowhere."""

OF_DECISIONS = {
    "objective",
    "per_user",
    "violations",
    "bound",
    "closed_form",
    "respond",
    "optimal_value",
    "move_values",
    "infeasible",
    "mended",
}
"""Methods of a model whose first argument is decisions, which are checked at their door."""


def of_decisions(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method of a problem see admissible decisions only, ``(*batch, *candidates, ...)``, in the type they are held in.

    An allocation or a dual that it takes beside them has to be the problem's, of its sizes, and one for each decision or one
    for all: an array of the batch alone would be numpy's for the candidates.
    """
    beside = list(signature(formula).parameters)[2:]

    @wraps(formula)
    def checked(self: Instances, decision: ArrayLike, *others: Any, **named: Any) -> Any:
        def own(name: str, given: Any) -> Any:
            return own_variables(self, name, given, lead) if name in ("allocation", "dual") else given

        space = self.decision_space
        decision = space.admitted(decision, self.batch_shape)
        lead = space.lead(decision)
        variables = {name: own(name, given) for name, given in named.items()}
        return formula(self, decision, *map(own, beside, others), *others[len(beside) :], **variables)

    return _door(checked, formula)


def of_prices(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method of a problem that takes a dual alone see its own only, of its sizes."""

    @wraps(formula)
    def checked(self: Instances, dual: Any) -> Any:
        return formula(self, own_variables(self, "dual", dual))

    return checked


def at_the_door(name: str, formula: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of a problem that lets in what it should, and computes without a word where it is a formula."""
    door = np.errstate(all="ignore")(formula) if name in FORMULAS else formula
    if name in OF_DECISIONS:
        door = of_decisions(door)
    if name == "relaxed_bound":
        door = of_prices(door)
    return _door(door, formula)


def behind(problem: Instances, name: str) -> Callable[..., Any]:
    """Return a formula without its door, for `admitted` decisions and `own_variables`; warnings are left to the caller."""
    return partial(formula_of(type(problem), name), problem)


def formula_of(cls: type[Instances], name: str) -> Callable[..., Any]:
    """Return a formula of a class without its door, to be called with a problem first."""
    door: Any = getattr(cls, name)
    known, formula = getattr(door, "behind", (door, door))
    found: Callable[..., Any] = formula if known is door else door
    return found


def _door(door: Any, formula: Callable[..., Any]) -> Any:
    """Note what is behind a door; who wraps the door in turn takes the note along, which is then not about him."""
    door.behind = door, formula
    return door


def own_variables(problem: Instances, name: str, given: Any, lead: tuple[int, ...] = ()) -> Any:
    """Return variables of the problem with whole arrays for lists and for one number for all, or say what was meant.

    Parameters
    ----------
    lead
        the axes of the batch and of candidates beside which they stand.
    """
    own = problem.Dual if name == "dual" else problem.Allocation
    if type(given) is own.without:
        given = own.completed(given)
    if not isinstance(given, own):
        raise InstanceError(f"{name} is a {type(given).__name__}; allowed: a {own.__name__} of {problem.size_text}")
    changed = {}
    for f, tail in problem.variable_shapes[own]:
        value = getattr(given, f.name)
        if type(value) is np.ndarray and value.dtype.kind in "iuf" and value.shape in (lead + tail, tail):
            continue
        where = f"{own.__name__}.{f.name}"
        if not isinstance(value, np.generic):
            value = settled(where, value)
            try:
                value = changed[f.name] = np.asarray(value)
            except ValueError:
                raise InstanceError(f"{where} is not a rectangular array of numbers") from None
        if value.dtype.kind not in "iuf":
            said, unit = str(getattr(given, f.name))[:60], f.metadata["unit"] or "1"
            raise InstanceError(f"{where} is {said!r}; allowed: numbers in {unit}")
        shape = value.shape
        if any(size not in (1, meant) for size, meant in zip(shape[::-1], tail[::-1], strict=False)):
            raise InstanceError(f"{where} has shape {shape}; allowed: {tail} as the last axes, for {problem.size_text}")
        outer = shape[: max(len(shape) - len(tail), 0)]
        if not _goes_along(outer, lead, problem.batch_shape):
            raise InstanceError(
                f"{where} has shape {shape}; allowed: {(*lead, *tail)}, one for each decision, or {tail} for all"
            )
        if shape[len(outer) :] != tail:
            changed[f.name] = np.broadcast_to(value, (*outer, *tail))
    return replace(given, **changed) if changed else given


def _goes_along(outer: tuple[int, ...], lead: tuple[int, ...], batch_shape: tuple[int, ...]) -> bool:
    """Whether numpy lays leading axes along those of decisions as they are meant, from the batch's on."""
    if batch_shape and len(outer) < len(lead):
        return math.prod(outer) == 1
    return all(1 in (one, other) or one == other for one, other in zip(outer[::-1], lead[::-1], strict=False))
