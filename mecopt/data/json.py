"""Instances as JSON, which a person can write and read."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.limits import without_limits
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.data.dataset import Dataset, Told, compact
from mecopt.data.labels import LABELS, as_json, from_json, labels_of
from mecopt.data.limits import DEEPEST, LONGEST, require_names
from mecopt.data.mapping import built
from mecopt.data.own_limits import LIMITS, said
from mecopt.data.text import text_of
from mecopt.quantities.values import float_of

Array = NDArray[Any]

DIGITS = 400
"""Of a whole number; a float holds 309."""


def read_json(path: Path, told: Told) -> Dataset:
    """Read the instances of a JSON file."""
    content = content_of(path)
    if not isinstance(content, dict):
        raise InstanceError(f"{path}: an instance is an object of fields, not a {type(content).__name__}")
    answers = from_json(content.pop(LABELS), path.name) if LABELS in content else {}
    instances, notes = built(content, told, path.name)
    labels = labels_of(instances, answers, path.name)
    return Dataset(instances, labels, provenance=content.get("provenance", {}), notes=notes)


def content_of(path: Path) -> Any:
    """Return what a JSON file holds; a key that stands twice is an error."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        require_names(path, len(pairs))
        found: dict[str, Any] = {}
        for name, value in pairs:
            if len(name) > LONGEST:
                raise InstanceError(f"{path}: a key has {len(name)} characters; allowed: {LONGEST}")
            if name in found:
                raise InstanceError(f"{path}: the key {name!r} stands twice")
            found[name] = value
        return found

    def whole(digits: str) -> int:
        if len(digits) > DIGITS:
            raise ValueError(f"a whole number of {len(digits)} digits; allowed: {DIGITS}")
        return int(digits)

    text = text_of(path, unicode_alone=True)
    if not text.strip():
        raise InstanceError(f"{path} is not JSON: it is empty")
    try:
        content = json.loads(text, object_pairs_hook=once, parse_float=float_of, parse_int=whole)
    except InstanceError:
        raise
    except (ValueError, RecursionError) as error:
        raise InstanceError(f"{path} is not JSON: {error}") from None
    if _depth(content) > DEEPEST:
        raise InstanceError(f"{path} has brackets in more than {DEEPEST} others; no field has so many axes")
    return content


def _depth(content: Any) -> int:
    """Return how many brackets stand within each other."""
    depth, level = 0, [content]
    while level:
        depth += 1
        lists = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [entry for entries in lists for entry in entries if isinstance(entry, dict | list)]
    return depth


def json_bytes(problem: Problem, labels: Solution | None, provenance: dict[str, Any]) -> bytes:
    """Return the text of a JSON file."""
    own = without_limits(problem)
    declared = {f.name: f for f in dataclasses.fields(own)}
    fields = {name: written(value, declared[name]) for name, value in compact(own).items()}
    limits = {LIMITS: said(problem)} if problem.own_limits else {}
    answers = {} if labels is None else {LABELS: as_json(labels)}
    whole = {"problem": problem.name, **fields, **limits, **answers, "provenance": provenance}
    return json.dumps(whole, indent=1).encode()


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
