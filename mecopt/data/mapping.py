"""Instances as mappings: fields by name, numbers with or without units."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import axes, declared
from mecopt.contract.meant import unknown_field
from mecopt.contract.problem import Problem
from mecopt.data.dataset import Told
from mecopt.data.own_limits import LIMITS, limits_from
from mecopt.quantities.doubts import batch_told
from mecopt.quantities.values import in_units
from mecopt.registry import find_problem, problem_names

BESIDE = ("problem", "$schema", "provenance", "labels", LIMITS)
"""What stands beside the fields of instances."""


def name_of(problem: str | type[Problem] | None) -> str | None:
    """Return the name of a problem that is told by name or as its class."""
    if isinstance(problem, type) and issubclass(problem, Problem):
        return problem.name
    if problem is not None and not isinstance(problem, str):
        raise InstanceError(f"problem is a {type(problem).__name__}; allowed: its name or its class")
    return problem


def from_mapping(values: Any, problem: str | type[Problem] | None = None) -> Problem:
    """Build a problem from a mapping of field names to numbers, lists, or ``{"value": ..., "unit": ...}``.

    >>> from_mapping({"problem": "binary-offloading", "data_size": {"value": [80, 96], "unit": "Mbit"}}).data_size.tolist()
    [10.0, 12.0]
    """
    cls = problem_of(values, name_of(problem))
    named = cls.name
    entries = {name: value for name, value in values.items() if name not in BESIDE}
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for name, value in entries.items():
        if name not in fields:
            raise unknown_field(cls, name, fields)
        entries[name] = in_units(value, fields[name], cls.__name__)
    for name, f in fields.items():
        if name not in entries and f.metadata["default"] is None:
            raise InstanceError(f"{named} needs the field {name!r}: {f.metadata['meaning']}, in {f.metadata['unit']}")
    found = cls(**entries)
    return found.limited(*limits_from(values[LIMITS], named)) if LIMITS in values else found


def problem_of(values: Any, problem: str | None = None) -> type[Problem]:
    """Return the problem that a mapping is of, by its own word or by the caller's."""
    if not isinstance(values, Mapping):
        raise InstanceError(f"an instance is an object of fields, not a {type(values).__name__}")
    named = values.get("problem", problem)
    if named is None:
        raise InstanceError(
            'the instance does not say its problem; add for example "problem": "binary-offloading", or name it beside the '
            "file: --problem binary-offloading (in Python problem='binary-offloading')"
        )
    if problem is not None and named != problem:
        raise InstanceError(f"the instance is of problem {named!r}, not {problem!r}")
    if not isinstance(named, str):
        raise InstanceError(f"problem is {named!r}; allowed: one of {', '.join(problem_names())}")
    return find_problem(named)


def built(found: dict[str, Any], told: Told, where: str) -> tuple[Problem, tuple[str, ...]]:
    """Build a problem from what a file says and what the caller sets; a note says which field is replaced.

    Parameters
    ----------
    found
        the file's entries by field name, "problem" among them or told.
    """
    found = {name: found[name] for name in told.remaining(found, where)}
    cls = problem_of(found, told.problem)
    given = told.given(cls)
    notes = tuple(f"{name} is as set; what {where} says of it is not used" for name in given if name in found)
    with batch_told(None if declared(cls)[0].name in given else _batch_of(cls, found)):
        return from_mapping({**found, **given}, told.problem), notes


def _batch_of(cls: type[Problem], found: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Return the batch of instances that mecopt wrote or whose rows are known; None where only a person's lists tell it."""
    first, provenance = declared(cls)[0], found.get("provenance")
    value = found.get(first.name)
    by_mecopt = isinstance(provenance, dict) and "mecopt" in provenance
    if isinstance(value, np.ndarray) or (by_mecopt and isinstance(value, list)):
        with suppress(ValueError):  # a ragged list, which is refused with its field later
            return np.shape(value)[: -len(axes(first))]
    return None
