"""Instances as mappings: fields by name, numbers with or without units."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.data.dataset import Told
from mecopt.problem import Problem
from mecopt.registry import find_problem, problem_names
from mecopt.solution import InstanceError, unknown
from mecopt.units import conversion

Array = NDArray[Any]


def from_mapping(values: Any, problem: str | None = None) -> Problem:
    """Build a problem from a mapping of field names to numbers, lists, or ``{"value": ..., "unit": ...}``.

    >>> from_mapping({"problem": "binary-offloading", "data_size": {"value": [80, 96], "unit": "Mbit"}}).data_size.tolist()
    [10.0, 12.0]
    """
    cls = problem_of(values, problem)
    named = cls.name
    entries = {name: value for name, value in values.items() if name not in ("problem", "$schema", "provenance")}
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for name, value in entries.items():
        if name not in fields:
            raise unknown(f"field of {named}", name, fields)
        entries[name] = in_units(value, fields[name], cls.__name__)
    for name, f in fields.items():
        if name not in entries and f.metadata["default"] is None:
            raise InstanceError(f"{named} needs the field {name!r}: {f.metadata['meaning']}, in {f.metadata['unit']}")
    return cls(**entries)


def problem_of(values: Any, problem: str | None = None) -> type[Problem]:
    """Return the problem that a mapping is of, by its own word or by the caller's."""
    if not isinstance(values, Mapping):
        raise InstanceError(f"an instance is an object of fields, not a {type(values).__name__}")
    named = values.get("problem", problem)
    if named is None:
        raise InstanceError('the instance does not say its problem; add for example "problem": "binary-offloading"')
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
    given = told.given(problem_of(found, told.problem))
    notes = tuple(f"{name} is as set; what {where} says of it is not used" for name in given if name in found)
    return from_mapping({**found, **given}, told.problem), notes


def in_units(value: Any, field: dataclasses.Field[Any], owner: str) -> Any:
    """Convert ``{"value": ..., "unit": ...}`` to plain numbers in the field's unit; leave other numbers as they are.

    Where a limit may be missing null, alone or among numbers, says that it is. Complex numbers are an object of two parts.
    """
    factor, where = 1.0, f"{owner}.{field.name}"
    if isinstance(value, dict) and not (field.metadata["complex"] and set(value) == PARTS):
        if set(value) != {"value", "unit"}:
            parts = ", or 'real' and 'imaginary'" if field.metadata["complex"] else ""
            raise InstanceError(f"{where} has the keys {sorted(value)}; allowed: exactly 'value' and 'unit'{parts}")
        try:
            factor = conversion(str(value["unit"]), field.metadata["unit"])
        except InstanceError as error:
            raise type(error)(f"{where}: {error}") from None
        value = value["value"]
    if field.metadata["complex"] and isinstance(value, dict):
        value = _complex(where, value)
    if value is None and field.metadata["unlimited"]:
        return np.inf
    if value is None:
        raise InstanceError(f"{where} is null; leave it out where its default is meant")
    if factor == 1.0:
        return value
    try:
        numbers = np.asarray(value)
    except ValueError:
        raise InstanceError(f"{where} is not a rectangular array of numbers") from None
    with np.errstate(over="ignore"):
        if numbers.dtype.kind in "iufc":
            return numbers * factor
    if numbers.dtype != object:
        return value
    # Among nulls numbers are converted one by one; what is neither stays, to be refused with its place.
    return np.frompyfunc(lambda entry: _times(entry, factor), 1, 1)(numbers)


PARTS = {"real", "imaginary"}
"""Of complex numbers in JSON."""


def _complex(where: str, parts: dict[str, Any]) -> Array:
    """Return complex numbers from their real and imaginary parts."""
    if set(parts) != PARTS:
        raise InstanceError(f"{where} has the keys {sorted(parts)}; allowed: exactly 'real' and 'imaginary'")
    found = []
    for name in sorted(PARTS):
        try:
            array = np.asarray(parts[name])
        except ValueError:
            raise InstanceError(f"{where}: {name} is not a rectangular array of numbers") from None
        for index, entry in np.ndenumerate(np.asarray(parts[name], dtype=object)):
            if type(entry) not in (int, float):
                raise InstanceError(f"{where}: {name}{list(index) or ''} is {entry!r}, which is no number")
        found.append(array)
    imaginary, real = found
    if real.shape != imaginary.shape:
        raise InstanceError(f"{where}: real has shape {real.shape}, imaginary {imaginary.shape}; allowed: equal shapes")
    return np.asarray(real + 1j * imaginary)


def _times(entry: Any, factor: float) -> Any:
    try:
        return entry * factor if type(entry) in (int, float) else entry
    except OverflowError:
        return entry
