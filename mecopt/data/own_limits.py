"""Limits of one's own in files: a list of objects that a person writes, beside the fields or in a file of their own.

[{"name": "at most five offload", "decision": {"offload": 1}, "most": 5},
{"name": "memory", "decision": {"offload": [2.0, 1.5, 4.0]}, "most": 6.0, "unit": "MB"},
{"name": "not these", "forbidden": "offload", "users": [3]},
{"name": "this one", "forced": "offload", "users": [0]},
{"name": "a pair", "alike": [1, 2]},
{"name": "half for the factory", "allocation": {"server_rate": [1, 0, 1]}, "most": 15.0, "unit": "MB/s"}]
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.limits import AmountRule, Limit, Rule, limits_of
from mecopt.contract.problem import Problem

Array = NDArray[Any]

LIMITS = "limits"
"""Key of the list among the fields of instances."""

ALLOCATION = "allocation"
"""Key of the weights of a limit on allocations."""

PARTS = ("name", "decision", "allocation", "most", "least", "equal", "unit", "users", "group")
SHORT = ("forbidden", "forced", "alike")


def limits_from(content: Any, where: str) -> list[Limit]:
    """Return the limits that a list of objects says, alone or under the key "limits"."""
    if isinstance(content, Mapping) and LIMITS in content:
        for key in content:
            if key != LIMITS:
                raise InstanceError(f"{where} has {key!r} beside {LIMITS!r}; allowed: {LIMITS!r} alone, or the list itself")
        content = content[LIMITS]
    if not isinstance(content, list):
        raise InstanceError(f"{where}: limits are a {type(content).__name__}; allowed: a list of objects")
    return [_limit(entry, f"{where}: limit {number}") for number, entry in enumerate(content)]


def _limit(entry: Any, where: str) -> Limit:
    if not isinstance(entry, Mapping):
        raise InstanceError(f"{where} is a {type(entry).__name__}; allowed: an object with a name")
    for key in entry:
        if key not in (*PARTS, *SHORT):
            raise unknown(f"key of {where},", key, (*PARTS, *SHORT))
    if "name" not in entry:
        raise InstanceError(f"{where} has no name; allowed: text, by which violations and messages call it")
    short = [key for key in SHORT if key in entry]
    if not short:
        values: dict[str, Any] = dict(entry)
        return Limit(**values)
    (key, *more), name = short, entry["name"]
    meant = {"name", key, "users"} if key != "alike" else {"name", key}
    foreign = [*more, *(other for other in entry if other not in {*meant, *more})]
    if foreign:
        raise InstanceError(
            f"{where} has {key!r} and {foreign[0]!r}; allowed beside {key!r}: {', '.join(sorted(meant - {key}))}"
        )
    if key == "alike":
        return Limit.alike(name, entry[key])
    if "users" not in entry:
        raise InstanceError(f"{where} has {key!r} and no users; allowed: their numbers, as [0, 3]")
    if not isinstance(entry[key], str):
        raise InstanceError(f"{where}: {key} is a {type(entry[key]).__name__}; allowed: the name of a choice, as 'offload'")
    made = Limit.forbidden if key == "forbidden" else Limit.forced
    return made(name, entry[key], entry["users"])


def said(problem: Problem) -> list[dict[str, Any]]:
    """Return the limits of a problem as a list of objects of plain numbers; what is missing in a bound is None."""

    def plain(value: Any) -> Any:
        array = np.asarray(value, dtype=float)
        if not any(array.strides) and array.size:
            return _number(float(array.reshape(-1)[0]))
        found = array.astype(object)
        found[np.isinf(array)] = None
        return found.tolist()

    entries = []
    for limit in limits_of(problem):
        entry: dict[str, Any] = {"name": limit.name}
        if limit.decision:
            entry["decision"] = {choice: plain(weight) for choice, weight in limit.decision.items()}
        if limit.allocation:
            entry["allocation"] = {name: plain(weight) for name, weight in limit.allocation.items()}
        bounds = {key: plain(getattr(limit, key)) for key in ("most", "least", "equal") if getattr(limit, key) is not None}
        entry |= bounds
        if limit.group is not None:
            entry["group"] = plain(limit.group)
        if limit.unit:
            entry["unit"] = limit.unit
        entries.append(entry)
    return entries


def _number(value: float) -> float | None:
    return None if np.isinf(value) else value


def rules_of(problem: Problem) -> list[dict[str, Any]]:
    """Return what limits are apart from their numbers, as a header holds it."""
    of_allocations = [{"of": ALLOCATION, **rule._asdict()} for rule in problem.allocation_limits]
    return [*(dict(rule._asdict()) for rule in problem.limits), *of_allocations]


def with_numbers(rules: Any, arrays: dict[str, Array], where: str | Path) -> list[dict[str, Any]]:
    """Return limits as objects, with numbers taken out of the arrays of a file."""
    found = []
    try:
        for said_rule in rules:
            if said_rule.get("of") == ALLOCATION:
                found.append(_amounts(said_rule, arrays))
                continue
            rule = Rule(**{**said_rule, **{key: tuple(said_rule[key]) for key in ("weights", "bounds")}})
            if rule.alike:
                found.append({"name": rule.name, "group": arrays.pop(rule.field("group"))})
                continue
            weights = {part: arrays.pop(rule.field(part)) for part in rule.weights}
            bounds = {part: arrays.pop(rule.field(part)) for part in rule.bounds}
            found.append({"name": rule.name, "decision": weights, **bounds, "unit": "" if rule.unit == "1" else rule.unit})
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InstanceError(f"{where} is damaged: its limits are not those of its arrays") from None
    return found


def _amounts(said_rule: Mapping[str, Any], arrays: dict[str, Array]) -> dict[str, Any]:
    """Return a limit on allocations as an object, with numbers taken out of arrays."""
    parts = {key: said_rule[key] for key in AmountRule._fields}
    rule = AmountRule(**{**parts, **{key: tuple(parts[key]) for key in ("weights", "bounds", "wide")}})
    weights = {name: arrays.pop(rule.field(name)) for name in rule.weights}
    bounds = {part: arrays.pop(rule.field(part)) for part in rule.bounds}
    return {"name": rule.name, ALLOCATION: weights, **bounds, "unit": "" if rule.unit == "1" else rule.unit}


def require_none(problem: Problem, suffix: str) -> None:
    """Refuse to write a problem's limits where there is no place for them."""
    if problem.own_limits:
        raise InstanceError(
            f"{suffix} has no place for limits such as {problem.own_limits[0].name!r}; write .json or .npz, or the problem "
            "without them and the limits beside it: `mecopt solve FILE --limit limits.json`"
        )
