"""Instances as JSON: fields by name, numbers with or without units, and the schema of what may be written by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.fields import axes
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
    if not isinstance(values, dict):
        raise InstanceError(f"an instance is an object of fields, not a {type(values).__name__}")
    entries = dict(values)
    named = entries.pop("problem", problem)
    entries.pop("$schema", None)
    entries.pop("provenance", None)
    if named is None:
        raise InstanceError('the instance does not say its problem; add for example "problem": "binary-offloading"')
    if problem is not None and named != problem:
        raise InstanceError(f"the instance is of problem {named!r}, not {problem!r}")
    if not isinstance(named, str):
        raise InstanceError(f"problem is {named!r}; allowed: one of {', '.join(problem_names())}")
    cls = find_problem(named)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for name, value in entries.items():
        if name not in fields:
            raise unknown(f"field of {named}", name, fields)
        entries[name] = in_units(value, fields[name], cls.__name__)
    for name, f in fields.items():
        if name not in entries and f.metadata["default"] is None:
            raise InstanceError(f"{named} needs the field {name!r}: {f.metadata['meaning']}, in {f.metadata['unit']}")
    return cls(**entries)


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


def written(value: Array, f: dataclasses.Field[Any]) -> Any:
    """Return the values of a field as JSON has them: words of choices, parts of complex numbers, null for no limit."""
    if f.metadata["choices"]:
        words = np.asarray(f.metadata["choices"], dtype=object)[value.astype(int)]
        return np.asarray(words, dtype=object).tolist()
    if f.metadata["complex"]:
        return {"real": value.real.tolist(), "imaginary": value.imag.tolist()}
    numbers = np.asarray(value, dtype=object)
    numbers[np.isinf(value)] = None
    return None if np.isinf(value).all() else numbers.tolist()


def _entries(f: dataclasses.Field[Any]) -> str:
    one = "word" if f.metadata["choices"] else "number"
    return f"one {one}, or one per {f.metadata['per']}{'; null: no limit' if f.metadata['unlimited'] else ''}"


def _described(f: dataclasses.Field[Any]) -> str:
    """Return symbol, meaning and unit of a field."""
    symbol = f"{f.metadata['symbol']}: " if f.metadata["symbol"] else ""
    unit = "" if f.metadata["choices"] else f", in {f.metadata['unit']}"
    return f"{symbol}{f.metadata['meaning']}{unit}"


def _number(f: dataclasses.Field[Any]) -> dict[str, Any]:
    """Return what the schema says of a single entry."""
    if f.metadata["choices"]:
        return {"enum": [*f.metadata["choices"], *range(len(f.metadata["choices"]))]}
    if f.metadata["complex"]:
        return {"type": "number"}
    limit: dict[str, Any] = {"minimum": 0} if f.metadata["zero_allowed"] else {"exclusiveMinimum": 0}
    if f.metadata["most"] < np.inf:
        limit["maximum"] = f.metadata["most"]
    return {"type": ["number", "null"] if f.metadata["unlimited"] else "number", **limit}


def schema(cls: type[Problem]) -> dict[str, Any]:
    """Return the JSON Schema of hand-written instances of a problem."""

    def nested(number: dict[str, Any], depth: int) -> dict[str, Any]:
        for _ in range(depth):
            number = {"type": "array", "items": number, "minItems": 1}
        return number

    properties: dict[str, Any] = {
        "problem": {"const": cls.name},
        "$schema": {"type": "string"},
        "provenance": {"type": "object"},
    }
    first = dataclasses.fields(cls)[0].name
    for f in dataclasses.fields(cls):
        number = _number(f)
        depths = {len(axes(f)), len(axes(f)) + 1} | (set() if f.name == first else {0})
        numbers = [nested(number, depth) for depth in sorted(depths)]
        if f.metadata["complex"]:
            parts = {name: {"anyOf": numbers} for name in sorted(PARTS)}
            pair = {"type": "object", "properties": parts, "required": sorted(PARTS), "additionalProperties": False}
            numbers = [*numbers, pair]
        quantity = {
            "type": "object",
            "properties": {"value": {"anyOf": numbers}, "unit": {"type": "string"}},
            "required": ["value", "unit"],
            "additionalProperties": False,
        }
        default = f.metadata["default"]
        properties[f.name] = {
            "description": f"{_described(f)} ({_entries(f)})",
            "anyOf": [*numbers, quantity],
            **({"default": default if np.isfinite(default) else None} if isinstance(default, float) else {}),
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": cls.summary,
        "type": "object",
        "properties": properties,
        "required": ["problem", *(f.name for f in dataclasses.fields(cls) if f.metadata["default"] is None)],
        "additionalProperties": False,
    }
