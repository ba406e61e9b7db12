"""What a dynamics takes beside its problem's fields: declared, told and checked as fields are.

A discount, weights, the law of what is drawn: they are the same in every slot and no field of one. A dynamics lists them in
`mecopt.dynamic.Dynamics.settable`, takes them by name when it is made, and `mecopt rollout --set` sets them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract import fields
from mecopt.contract.errors import InstanceError, unknown
from mecopt.show.fields import default_text
from mecopt.show.numbers import unit_of

Array = NDArray[Any]

ONE = "instance"
"""Of a setting that is a single number."""


def setting(
    unit: str,
    symbol: str,
    meaning: str,
    *,
    per: str = ONE,
    default: float | None = None,
    otherwise: str = "",
    whole: bool = False,
    **more: Any,
) -> Any:
    """Declare a setting of numbers.

    Parameters
    ----------
    unit, symbol, meaning, default, **more
        see `mecopt.contract.fields.quantity`.
    per
        whose numbers it holds, in words; a single one unless said.
    otherwise
        what it is unless given, in words, where no number says it.
    whole
        whether only whole numbers are admissible.
    """
    declared = fields.quantity(unit, symbol, meaning, per="instance", default=default, **more)
    return dataclasses.field(
        default=None, metadata={**declared.metadata, "per": per, "otherwise": otherwise, "whole": whole}
    )


def word(meaning: str, *choices: str) -> Any:
    """Declare a setting that is one of several words, the first by default."""
    declared = fields.choice("", meaning, *choices)
    return dataclasses.field(default=None, metadata={**declared.metadata, "per": ONE, "otherwise": "", "whole": False})


def listed(**declared: dataclasses.Field[Any]) -> Mapping[str, dataclasses.Field[Any]]:
    """Return settings by the names by which a dynamics takes them."""
    for name, one in declared.items():
        one.name = name
    return MappingProxyType(declared)


def checked(owner: str, one: dataclasses.Field[Any], value: Any) -> Any:
    """Return a word, or numbers in the setting's unit as a read-only array.

    Raises
    ------
    InstanceError, UnknownName
        naming the setting, the entry, and what is allowed.
    """
    where, choices = f"{owner}.{one.name}", one.metadata["choices"]
    if choices:
        if not isinstance(value, str):
            raise InstanceError(f"{where} is {value!r}; allowed: {allowed(one)}")
        if value not in choices:
            raise unknown(where, value, choices)
        return value
    found = fields.numbers(owner, one, value)
    if one.metadata["per"] == ONE and found.shape:
        raise InstanceError(f"{where} has shape {found.shape}; allowed: a single number")
    if one.metadata["whole"] and (found != np.floor(found)).any():
        wrong = found[found != np.floor(found)][0]
        raise InstanceError(f"{where} is {wrong:.6g}; allowed: {allowed(one)}")
    return found


def allowed(one: dataclasses.Field[Any]) -> str:
    """Say what a setting may be."""
    if one.metadata["choices"]:
        return " or ".join(map(repr, one.metadata["choices"]))
    return fields.allowed(one).replace("finite", "whole") if one.metadata["whole"] else fields.allowed(one)


def unless_given(one: dataclasses.Field[Any]) -> str:
    """Say what a setting is unless it is given, with its unit.

    >>> unless_given(setting("nJ", "", "a step", default=0.25)), unless_given(word("what is known", "all", "nothing"))
    ('0.25 nJ', 'all')
    """
    text = one.metadata["otherwise"] or default_text(one)
    return text if one.metadata["otherwise"] else f"{text} {unit_of(one)}".rstrip()
