"""Numbers in few words: the entries of a small array, the range of a large one, indices with the first of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract import units

Array = NDArray[Any]

FEW = 6
"""Entries of an array that are written out."""

LONGEST = 60
"""Characters of what is no array of numbers that are written."""


def unit_of(field: Field[Any]) -> str:
    """Return the unit as it stands behind a number: nothing for plain numbers."""
    unit = str(field.metadata["unit"])
    return "" if unit == "1" else unit


def titled(field: Field[Any]) -> str:
    """Return the name of a field or variable in words, with its unit."""
    return units.titled(field.name.replace("_", " "), field.metadata["unit"])


def entry(value: Any, choices: Sequence[str] = ()) -> str:
    """Write one number.

    >>> entry(2.50000004), entry(float("inf")), entry(1.0, ("sum", "mean")), entry(0.3 - 0.4j)
    ('2.5', 'no limit', 'mean', '0.3-0.4j')
    """
    if isinstance(value, complex | np.complexfloating):
        return f"{value.real:.4g}{value.imag:+.4g}j"
    if choices:
        return choices[int(value)]
    return "no limit" if value == np.inf else f"{float(value):.6g}"


def values(array: Array, choices: Sequence[str] = ()) -> str:
    """Write an array in few words: one number for all, the entries of a small one, the range of a large one.

    >>> values(np.full(100, 2.5)), values(np.array([12.0, 7.5])), values(np.linspace(1.0, 3.0, 100))
    ('2.5', '12, 7.5', '1 to 3')
    """
    # Of a number that was broadcast to everyone one entry is looked at.
    flat = array[tuple(slice(None) if stride else slice(1) for stride in array.strides)].reshape(-1)
    if flat.size == 0:
        return "none"
    if (flat == flat[0]).all() or np.isnan(flat).all():
        return entry(flat[0], choices)
    if array.ndim < 2 and array.size <= FEW:
        return ", ".join(entry(value, choices) for value in flat)
    if choices:
        return ", ".join(f"{int((flat == number).sum())} {word}" for number, word in enumerate(choices))
    if flat.dtype.kind == "c":
        return f"of magnitude {values(np.sort(np.abs(flat)))}"
    known = flat[~np.isnan(flat)]
    missing = "" if known.size == flat.size else f", {flat.size - known.size} of {flat.size} missing"
    return f"{entry(known.min())} to {entry(known.max())}{missing}"


def valued(field: Field[Any], given: Any) -> str:
    """Write the numbers of a field or variable with their unit, which a missing limit does not have.

    Variables that a user makes may hold plain numbers and lists, and what is none; that is written as it is.
    """
    try:
        array = np.asarray(given)
    except ValueError:  # of ragged lists
        return str(given)[:LONGEST]
    if array.dtype.kind not in "biufc":
        return str(given)[:LONGEST]
    said = values(array, field.metadata.get("choices", ()))
    return said if said == "no limit" else f"{said} {unit_of(field)}".rstrip()


def counted(number: int, things: str, verb: str = "") -> str:
    """Write how many things there are, and with a verb what they are or have.

    >>> counted(1, "servers"), counted(12_000, "servers"), counted(1, "policies"), counted(1, "users", "have")
    ('1 server', '12000 servers', '1 policy', '1 user has')
    """
    one = f"{things[:-3]}y" if things.endswith("ies") else things.removesuffix("s")
    said, does = (one, {"are": "is", "have": "has"}.get(verb, verb)) if number == 1 else (things, verb)
    return f"{number} {said} {does}".rstrip()


def plainly(value: Any) -> str:
    """Write a number, a list or a mapping as a reader's text, with six digits; long lists by their range.

    >>> plainly(0.1 + 0.2), plainly([[0.8, 0.2], [0, 1]]), plainly([0.5 * k for k in range(51)]), plainly({"a": 2, "b": []})
    ('0.3', '0.8, 0.2; 0, 1', '0 to 25 (51 numbers)', 'a 2')
    """
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{float(value):.6g}"
    if isinstance(value, dict):
        return "; ".join(f"{key} {plainly(one)}" for key, one in value.items() if says(one))
    if not isinstance(value, list | tuple):
        return str(value)
    try:
        array = np.asarray(value)
    except ValueError:  # ragged
        array = np.empty(0, dtype=object)
    if array.dtype.kind in "iuf" and array.size > 2 * FEW:
        return f"{values(array)} ({' x '.join(map(str, array.shape))} numbers)"
    return ("; " if array.ndim > 1 else ", ").join(map(plainly, value))


def says(value: Any) -> bool:
    """Whether a value tells a reader anything: neither None nor empty."""
    return value is not None and not (isinstance(value, list | tuple | dict | str) and len(value) == 0)


def place(flat: int, shape: tuple[int, ...]) -> str:
    """Write where in a batch an instance stands, as an index takes it."""
    index = [int(i) for i in np.unravel_index(flat, shape)]
    return str(index[0]) if len(index) == 1 else ", ".join(map(str, index))
