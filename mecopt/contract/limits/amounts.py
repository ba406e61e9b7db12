r"""A person's own limit on allocations: a weighted sum of variables of the paper, in their units, with a bound.

.. math:: l \le \sum_v \sum_i w_{v, i} y_{v, i} \le u

over the users who have the variable at a decision: who computes locally has no rate on a server, and counts 0. The weights
are numbers without a unit; bounds are in the unit of the limit, that of the variables where none is named. The numbers are
fields of the limited problem, as those of `mecopt.contract.limits.rule` are.
"""

from __future__ import annotations

from dataclasses import Field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.fields import declared, numbers, quantity
from mecopt.contract.limits.limit import LARGEST, Limit, bounds_said, of_field, read_as, whom_about
from mecopt.contract.limits.rule import EQUAL, LEAST, MOST, prefix
from mecopt.contract.units import conversion

Array = NDArray[Any]


class AmountRule(NamedTuple):
    """A limit on allocations without its numbers: these are fields of the problem that it limits."""

    name: str
    unit: str
    weights: tuple[str, ...]
    """Variables of the allocation that have weights."""
    bounds: tuple[str, ...]
    """Those of `LEAST`, `MOST` and `EQUAL` that it has."""
    wide: tuple[str, ...]
    """Variables whose weights are per user and server."""

    @property
    def alike(self) -> bool:
        """Whether it says that users decide alike: never."""
        return False

    def field(self, part: str) -> str:
        """Return the name of the field that holds a part of its numbers."""
        return f"{prefix(self.name)}_{part}"

    @property
    def price(self) -> str:
        """The name of its price in the dual."""
        return self.field("price")


def unit_of(variable: Field[Any]) -> str:
    """Return the unit of a variable as units are written; a part of a frame has none."""
    unit = str(variable.metadata["unit"])
    return "1" if unit.startswith("of ") else unit


def field_of(problem: Any, rule: AmountRule, part: str) -> Field[Any]:
    """Return the declaration of a field that holds a part of a rule's numbers; it has no default."""
    of = f"limit {rule.name!r}"
    meaning = {LEAST: f"{of}: least sum", MOST: f"{of}: greatest sum", EQUAL: f"{of}: sum"}.get(
        part, f"{of}: weight of {part}"
    )
    variables = {f.name: f for f in declared(problem.Allocation)}
    per: Any = (
        "user and server" if part in rule.wide else variables[part].metadata["per"] if part in variables else "instance"
    )
    found: Field[Any] = quantity(
        "1" if part in variables else rule.unit,
        "",
        meaning,
        per=per,
        zero_allowed=True,
        unlimited=part == MOST,
        least=-np.inf,
        unread=True,
    )
    found.name = rule.field(part)
    return found


def parts_of(rule: AmountRule) -> tuple[str, ...]:
    """Return the parts of a rule's numbers, each a field."""
    return (*rule.weights, *rule.bounds)


def settled(limit: Limit, problem: Any) -> tuple[AmountRule, dict[str, Array]]:
    """Return what a limit on allocations is apart from its numbers, and these by the names of fields of the problem."""
    where = f"limit {limit.name!r}"
    variables = {f.name: f for f in declared(problem.Allocation)}
    for name in limit.allocation:
        if name not in variables:
            raise unknown(f"variable of {where}", name, variables)
        if name not in problem.limitable:
            why = problem.not_limited.get(name, f"no limit on allocations of {problem.name} is proved")
            allowed = f"; allowed: {', '.join(problem.limitable)}" if problem.limitable else ""
            raise InstanceError(f"{where} is on {name}: {why}{allowed}")
    units = {name: unit_of(variables[name]) for name in limit.allocation}
    unit = limit.unit.strip() or next(iter(units.values()))
    for name, own in units.items():
        try:
            conversion(unit, own)
        except InstanceError:
            raise InstanceError(
                f"{where}: unit is {unit!r}, and {name} is in {own}; allowed: a unit that measures it"
            ) from None
    rule = AmountRule(limit.name, unit, tuple(limit.allocation), bounds_said(limit), ())
    found: dict[str, Array] = {}
    for name, value in limit.allocation.items():
        given, wide = _read(where, problem, rule, name, f"allocation[{name!r}]", value)
        per = variables[name].metadata["per"]
        if per == "instance" and limit.users is not None:
            raise InstanceError(f"{where} has users, and {name} is one number for all; allowed: no users beside it")
        if per != "instance":
            chosen = whom_about(limit, problem.users)
            given = given * (chosen[:, None] if wide else chosen)
        rule = rule._replace(wide=(*rule.wide, name)) if wide else rule
        found[rule.field(name)] = given
    for part in rule.bounds:
        found[rule.field(part)], _ = _read(where, problem, rule, part, part, getattr(limit, part))
    if LEAST in rule.bounds and MOST in rule.bounds:
        least, most = np.broadcast_arrays(found[rule.field(LEAST)], found[rule.field(MOST)])
        for index in np.argwhere(least > most)[:1]:
            place = tuple(index.tolist())
            at = list(place) or ""
            raise InstanceError(f"{where}: most{at} is {most[place]:g}, less than least{at}, which is {least[place]:g}")
    problem.require_limitable(rule, found)
    return rule, found


def _read(where: str, problem: Any, rule: AmountRule, part: str, name: str, value: Any) -> tuple[Array, bool]:
    """Return the numbers of a part, and whether they are per user and server, or say what is wrong with them."""
    f = field_of(problem, rule, part)
    f.name = name
    found = numbers(where, f, of_field(f"{where}.{name}", value, f, problem))
    for index in np.argwhere(np.isfinite(found) & (np.abs(found) > LARGEST))[:1]:
        place = tuple(index.tolist())
        said = f"{where}.{name}{list(place) or ''} is {found[place]:g}"
        raise InstanceError(f"{said}; allowed: up to {LARGEST:g}, so that sums are finite")
    users, servers = problem.users, problem.sizes.get("servers")
    tails: list[tuple[int, ...]] = [()]
    if f.metadata["per"] != "instance":
        tails += [(users,)] if servers is None else [(users,), (users, servers)]
    read = [tail for tail in tails if read_as(found.shape, tail, problem.batch_shape, tails == [()])]
    if len(read) > 1 and found.shape != (*problem.batch_shape, *tails[-1]):
        said = f"{where}.{name} has shape {found.shape}, which may be per user or per user and server"
        raise InstanceError(f"{said}; allowed: all axes, {(*problem.batch_shape, *tails[-1])}")
    if read:
        return found, len(read[-1]) == 2
    batch = f" and a batch of shape {problem.batch_shape}" if problem.batch_shape else ""
    per = {1: "a number, or one per instance", 2: "a number, or one per user"}.get(
        len(tails), "a number, one per user, or one per user and server"
    )
    raise InstanceError(f"{where}.{name} has shape {found.shape}; allowed: {per}, for {problem.size_text}{batch}")


def said_again(rule: AmountRule, problem: Any) -> Limit:
    """Return the limit that a rule and its fields of a problem say."""
    held = {part: np.asarray(getattr(problem, rule.field(part))) for part in parts_of(rule)}
    return Limit(
        rule.name,
        allocation={name: held[name] for name in rule.weights},
        most=held.get(MOST),
        least=held.get(LEAST),
        equal=held.get(EQUAL),
        unit="" if rule.unit == "1" else rule.unit,
    )


# ---------------------------------------------------------------------- what allocations make of it


def bounds_of(problem: Any, rule: AmountRule) -> tuple[Array, Array]:
    """Return the least and the greatest sum, ``(*batch)``; infinite where there is none."""
    if EQUAL in rule.bounds:
        equal = np.asarray(getattr(problem, rule.field(EQUAL)))
        return equal, equal
    missing = np.full(problem.batch_shape, np.inf)
    least = getattr(problem, rule.field(LEAST)) if LEAST in rule.bounds else -missing
    most = getattr(problem, rule.field(MOST)) if MOST in rule.bounds else missing
    return np.asarray(least), np.asarray(most)


def weights_at(problem: Any, rule: AmountRule, name: str, decision: Array) -> Array:
    """Return what a variable counts by at decisions, in the unit of the rule, one number for each user or for all.

    A user whose decision leaves it without the variable counts 0.
    """
    variable = next(f for f in declared(problem.Allocation) if f.name == name)
    factor = 1.0 / conversion(rule.unit, unit_of(variable))
    weight = np.asarray(getattr(problem, rule.field(name)))
    if variable.metadata["per"] == "instance":
        return np.broadcast_to(problem.aligned(weight, decision), decision.shape[:-1]) * factor
    if name in rule.wide:
        missing, batch = decision.ndim - 1 - len(problem.batch_shape), len(problem.batch_shape)
        weight = weight.reshape(weight.shape[:batch] + (1,) * missing + weight.shape[batch:])
        weight = np.broadcast_to(weight, (*decision.shape, problem.sizes["servers"]))
        own = np.maximum(decision, 1)[..., None].astype(np.intp) - 1
        chosen = np.take_along_axis(weight, own, axis=-1)[..., 0]
    else:
        chosen = np.broadcast_to(problem.aligned(weight, decision), decision.shape)
    return np.where(decision != 0, chosen * factor, 0.0)


def sums(problem: Any, rule: AmountRule, decision: Array, allocation: Any) -> tuple[Array, Array]:
    """Return the sums of allocations and the size of the largest term of each, ``(*batch, *candidates)``."""
    total, largest = np.zeros(decision.shape[:-1]), np.zeros(decision.shape[:-1])
    for name in rule.weights:
        weight, value = weights_at(problem, rule, name, decision), np.asarray(getattr(allocation, name))
        terms = np.where(weight != 0.0, weight * np.where(weight != 0.0, value, 0.0), 0.0)
        if weight.ndim == decision.ndim:
            total, largest = total + terms.sum(axis=-1), np.maximum(largest, np.abs(terms).max(axis=-1))
        else:
            total, largest = total + terms, np.maximum(largest, np.abs(terms))
    return total, largest


def violation(problem: Any, rule: AmountRule, decision: Array, allocation: Any) -> Array:
    """Return how far allocations break a rule, beside its bound or the largest term of the sum; 0 where they keep it."""
    value, largest = sums(problem, rule, decision, allocation)
    least, most = (_of_instances(problem, bound, decision) for bound in bounds_of(problem, rule))
    found = np.zeros(decision.shape[:-1])
    for over, bound in ((value - most, most), (least - value, least)):
        size = np.maximum(largest, np.where(np.isfinite(bound), np.abs(bound), 0.0))
        found = np.maximum(
            found, np.where(over > 0.0, over / np.where(size > 0.0, size, 1.0), np.where(np.isnan(value), np.nan, 0.0))
        )
    return found


def _of_instances(problem: Any, value: Array, decision: Array) -> Array:
    """Return numbers of instances ``(*batch)`` beside candidates."""
    return np.broadcast_to(problem.aligned(value, decision), decision.shape[:-1])
