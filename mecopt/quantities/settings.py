"""NAME=VALUE of the command line: a field or a size of a problem, or a setting of its dynamics, and what it is set to.

A value is a number or a JSON list, possibly with a unit after it (``capacity=320 Mbit/s``, ``max_power=23dBm``), a JSON list
of text with units, or a word of a choice.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from mecopt.contract.errors import InstanceError, UnknownName
from mecopt.contract.meant import unknown_field
from mecopt.quantities.values import SEPARATED, float_of, in_units, read

NOTHING: Mapping[str, dataclasses.Field[Any]] = MappingProxyType({})


def field_values(
    cls: Any,
    texts: Iterable[str],
    more: Mapping[str, dataclasses.Field[Any]] = NOTHING,
    owner: str = "",
    option: str = "--set",
) -> dict[str, Any]:
    """Read every NAME=VALUE for a class of problems, in plain numbers of each field's unit; each name may stand once.

    Parameters
    ----------
    cls
        of the problem.
    texts
        NAME=VALUE.
    more, owner
        what else has a name, before fields of the same one, and whose it is.
    option
        what errors call the text.

    Raises
    ------
    InstanceError
        naming the text, and what is allowed.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, value = _setting(cls, text, more, owner, option)
        if name in values:
            raise InstanceError(f"{option} names {name!r} twice")
        values[name] = value
    return values


def dynamics_values(cls: Any, texts: Iterable[str]) -> dict[str, Any]:
    """Read every NAME=VALUE for a class of dynamics: sizes and fields of its problem, and its own settings."""
    return field_values(cls.problem, texts, cls.settable, cls.__name__)


def settable(problem: str) -> Mapping[str, dataclasses.Field[Any]]:
    """Return the settings of a problem's dynamics by name; none where it does not repeat."""
    from mecopt.registry import dynamics_names, find_dynamics

    found: Mapping[str, dataclasses.Field[Any]] = find_dynamics(problem).settable if problem in dynamics_names() else NOTHING
    return found


def _setting(cls: Any, text: str, more: Mapping[str, dataclasses.Field[Any]], owner: str, option: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    fields = {f.name: f for f in dataclasses.fields(cls)} | dict(more)
    if not equals:
        raise InstanceError(f"{option} {text!r} has no '='; write for example {option} users=10")
    sizes = cls.size_names()
    if name not in sizes and name not in fields:
        if name in settable(cls.name):
            raise UnknownName(
                f"{name} is no field of {cls.name}, but a setting of its slots in a row: `mecopt rollout` takes it, and "
                "`mecopt train` for learners that learn slot after slot"
            )
        raise unknown_field(cls, name, [*sizes, *fields])
    if name in fields and fields[name].metadata["choices"] and value[:1].isalpha():
        return name, value
    found = split(value)
    if found is None or (name in sizes and found[1]):
        allowed = "a whole number" if name in sizes else "a number or a list, and possibly a unit after it"
        raise InstanceError(f"{option} {text!r}: {name} is {value!r}; allowed: {allowed}")
    parsed, unit = found
    if re.match(SEPARATED, unit):
        raise InstanceError(f"{option} {text!r}: write the number with a point and without separators, as 1500 or 1.5")
    if name in sizes:
        return name, parsed
    return name, in_units(
        {"value": parsed, "unit": unit} if unit else parsed, fields[name], owner if name in more else cls.__name__
    )


def split(value: str) -> tuple[Any, str] | None:
    """Return what is JSON or a number at the beginning, and the unit after it."""
    number = read(value)
    if number is not None and np.isinf(number[0]) and "inf" not in value:
        return value, ""  # text, to be refused with its place
    if number is not None and number[1]:
        return number
    try:
        parsed, end = json.JSONDecoder(parse_float=float_of).raw_decode(_as_json(value))
    except (ValueError, RecursionError):
        return number
    return parsed, _as_json(value)[end:].strip()


def _as_json(value: str) -> str:
    """Write what is no finite number as JSON has it, so that it is refused with its place."""
    return re.sub(r"(?ia)(?<!\w)inf(inity)?(?!\w)", "Infinity", re.sub(r"(?ia)(?<!\w)nan(?!\w)", "NaN", value))
