"""The JSON Schema of instances that are written by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from mecopt.contract.decision import OneOf
from mecopt.contract.fields import axes
from mecopt.contract.problem import Problem
from mecopt.quantities.values import PARTS, PATTERN

_BOUND = {"anyOf": [{"type": ["number", "string"]}, {"type": "array"}]}
_USERS = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}

OWN_LIMITS: dict[str, Any] = {
    "description": "limits of one's own on decisions and allocations; also what the file of --limit holds",
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "what violations, prices and messages call it"},
            "decision": {
                "type": "object",
                "description": "weight by choice (local, offload, server 2): a number, one per user (and server), a field",
                "additionalProperties": _BOUND,
            },
            "allocation": {
                "type": "object",
                "description": "weight by variable of the allocation: a number, one per user (and server), or a field",
                "additionalProperties": _BOUND,
            },
            "most": {
                **_BOUND,
                "description": "greatest sum of weights, a number or one per instance; 'inf', in lists also null: none",
            },
            "least": {**_BOUND, "description": "least sum of weights"},
            "equal": {**_BOUND, "description": "the sum of weights"},
            "unit": {
                "type": "string",
                "unit": {"type": "string", "description": "of weights and bounds, as MB; of allocations of bounds alone"},
            },
            "users": {
                "anyOf": [_USERS, {"type": "integer", "minimum": 0}],
                "description": "whom it is about",
            },
            "group": {"description": "numbers of groups that decide alike, one per user; 0: none"},
            "forbidden": {"type": "string", "description": "a choice that `users` must not make"},
            "forced": {"type": "string", "description": "a choice that `users` have to make"},
            "alike": {**_USERS, "description": "users who decide alike"},
        },
        "required": ["name"],
        "additionalProperties": False,
    },
}


def _chooses(cls: type[Problem]) -> bool:
    """Whether decisions of a problem are one of several choices per user."""
    return isinstance(cls.sample(np.random.default_rng(0)).decision_space, OneOf)


def _entries(f: dataclasses.Field[Any]) -> str:
    one = "word" if f.metadata["choices"] else "number"
    return f"one {one}, or one per {f.metadata['per']}{'; null: no limit' if f.metadata['unlimited'] else ''}"


def _described(f: dataclasses.Field[Any]) -> str:
    """Return symbol, meaning and unit of a field."""
    symbol = f"{f.metadata['symbol']}: " if f.metadata["symbol"] else ""
    unit = "" if f.metadata["choices"] else f", in {f.metadata['unit']}"
    zero = f"; 0: {f.metadata['zero']}" if f.metadata["zero"] else ""
    return f"{symbol}{f.metadata['meaning']}{unit}{zero}"


def _number(f: dataclasses.Field[Any]) -> dict[str, Any]:
    """Return what the schema says of a single entry."""
    if f.metadata["choices"]:
        return {"enum": [*f.metadata["choices"], *range(len(f.metadata["choices"]))]}
    if f.metadata["complex"]:
        return {"type": "number"}
    limit: dict[str, Any] = {"minimum": 0} if f.metadata["zero_allowed"] else {"exclusiveMinimum": 0}
    if f.metadata["least"] > 0.0:
        limit = {"minimum": f.metadata["least"]}
    if f.metadata["most"] < np.inf:
        limit["maximum"] = f.metadata["most"]
    if f.metadata["below"] < np.inf:
        limit["exclusiveMaximum"] = f.metadata["below"]
    return {"type": ["number", "null"] if f.metadata["unlimited"] else "number", **limit}


def _text(f: dataclasses.Field[Any]) -> dict[str, Any]:
    """Return what the schema says of a number written with its unit."""
    return {"type": ["string", "null"] if f.metadata["unlimited"] else "string", "pattern": PATTERN}


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
        "labels": {"type": "object", "description": "answers that `mecopt label` wrote"},
    }
    if _chooses(cls) or cls.quantity_limited:
        properties["limits"] = OWN_LIMITS
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
        measured = [quantity]
        if not f.metadata["choices"] and not f.metadata["complex"]:
            measured += [nested(_text(f), depth) for depth in sorted(depths)]
        default = f.metadata["default"]
        properties[f.name] = {
            "description": f"{_described(f)} ({_entries(f)})",
            "anyOf": [*numbers, *measured],
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
