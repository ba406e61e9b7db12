"""A value with its unit, in any of the ways a user may give it, as plain numbers in the unit of its field.

``"23 dBm"``, ``["420 kB", "1 MiB"]``, ``{"value": [96, 60], "unit": "Mbit"}``: alone, in lists, in files and from Python.
Plain numbers are in the field's own unit. In one list, numbers that say their unit and numbers that do not are never
mixed: who forgot one unit would be wrong by a factor of a thousand, or by ninety decibels.
"""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.units import converted, parse
from mecopt.quantities.doubts import question_digits
from mecopt.quantities.given import entries_of, settled
from mecopt.quantities.hints import Wanted, require

Array = NDArray[Any]

PARTS = {"real", "imaginary"}
"""Of complex numbers in JSON."""

PATTERN = (
    r"^\s*[+\-\u2212]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+\-\u2212]?[0-9]+)?(\s*[x\u00d7\u00b7*]\s*10\^?[+\-\u2212\u207b\u2070-\u2079\u00b9\u00b2\u00b30-9]+)?"
    r"(\s*[A-Za-z%\u00b5\u03bc].*|\s+1\s*/.*)$"
)
"""Of text that is a number with its unit, as JSON Schema reads patterns."""

LONGEST = 400
"""Characters of text that can be a number with its unit."""

SEPARATED = r"[,'_]?(?!1\s*/)\d"
"""What follows a number, in place of a unit, where commas or other signs stand between its digits."""

_POWER = r"10(?:\^\{?([+-]?[0-9]+)\}?|([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))"
_MANTISSA = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBER = re.compile(
    rf"([+-]?)(?:{_POWER}|({_MANTISSA})(?:\s*[x×·*]\s*{_POWER})?|(inf)(?![A-Za-z]))(?![\d.])(.*)", re.DOTALL
)
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-"})
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")


def in_units(value: Any, field: dataclasses.Field[Any], owner: str) -> Any:
    """Return a field's value, as a file or a command has it, in plain numbers of the field's unit.

    Where a limit may be missing null, alone or among numbers, says that it is. Complex numbers are an object of two parts.
    """
    if isinstance(value, dict) and set(value) == {"value", "unit"} and value["value"] is None:
        wanted(field, owner, str(value["unit"]))
        value = None
    if value is None and field.metadata["unlimited"]:
        return np.inf
    if value is None:
        raise InstanceError(f"{owner}.{field.name} is null; leave it out where its default is meant")
    return plain(value, field, owner)


def plain(value: Any, field: dataclasses.Field[Any], owner: str) -> Any:
    """Return a value in plain numbers of the field's unit; what has no unit, or is no number, stays as it is.

    Raises
    ------
    InstanceError
        if a unit is unknown or measures something else, or some numbers of a list have one and others do not.
    """
    where = f"{owner}.{field.name}"
    value = settled(where, value)
    if isinstance(value, dict):
        return _from_object(value, field, owner)
    if isinstance(value, str):
        return value if field.metadata["choices"] else _from_text(value, field, where)
    if field.metadata["choices"] or not _has_text(value):
        return value
    entries = entries_of(where, value)
    found = np.empty(entries.shape, dtype=object)
    for index, entry in np.ndenumerate(entries):
        place = f"{where}{list(index)}"
        if isinstance(entry, dict):
            found[index] = _from_object(entry, field, owner, place)
        else:
            found[index] = _from_text(entry, field, place) if isinstance(entry, str) else entry
    measured = np.asarray(np.frompyfunc(lambda before, after: before is not after, 2, 1)(entries, found), dtype=bool)
    if not measured.any():
        return value
    for index, entry in np.ndenumerate(entries):
        if not measured[index] and _is_number(entry) and np.isfinite(complex(entry)):
            sample = next(e for e in entries[measured] if e is not None)
            raise InstanceError(
                f"{where}{list(index)} is {entry}, a number without a unit, beside {str(sample)!r}; "
                "write the unit at each, or at none"
            )
    return found


def wanted(field: dataclasses.Field[Any], owner: str, unit: str, number: Any = None, where: str = "") -> None:
    """Refuse a unit that does not fit a field, and say what does."""
    require(unit, Wanted(where or f"{owner}.{field.name}", field.metadata["unit"], field.metadata["decibels"]), number)


def read(text: str) -> tuple[float, str] | None:
    """Split text into a number and its unit, or return None where it does not begin with a number.

    >>> read("23 dBm"), read("\u221290dB"), read("2×10⁻⁹ W"), read("3"), read("ten")
    ((23.0, 'dBm'), (-90.0, 'dB'), (2e-09, 'W'), (3.0, ''), None)
    """
    if len(text) > LONGEST:
        return None
    match = _NUMBER.fullmatch(text.strip().translate(_MINUS))
    if match is None:
        return None
    sign, caret, raised, mantissa, caret_after, raised_after, endless, unit = match.groups()
    exponent = caret or raised or caret_after or raised_after
    number = mantissa or ("inf" if endless else "1")
    if exponent and "e" in number.lower():
        return None
    ten = f"e{exponent.translate(_RAISED)}" if exponent else ""
    return float(f"{sign}{number}{ten}"), unit.strip()


def float_of(text: str) -> float | str:
    """Return the number that digits of JSON write; text stays what no float can hold, to be refused with its place.

    >>> float_of("1.5e3"), float_of("1e400")
    (1500.0, '1e400')
    """
    number = float(text)
    return text if np.isinf(number) else number


def _from_text(text: str, field: dataclasses.Field[Any], where: str) -> Any:
    """Return the number of a text with its unit; text without a number stays, to be refused with its place."""
    found = read(text)
    if found is None:
        return text
    number, unit = found
    if np.isinf(number) and "inf" not in text:
        raise InstanceError(f"{where} is {text[:40]!r}, a number that no float can hold")
    if not unit:
        if np.isinf(number):  # whether that is allowed the field says
            return number
        own = field.metadata["unit"]
        also = f", or '{number:g} {own}'" if own != "1" else ""
        raise InstanceError(f"{where} is {text!r}, which is text and no number; write {number:g}{also}")
    if re.match(SEPARATED, unit):
        raise InstanceError(f"{where} is {text!r}; write the number with a point and without separators, as 1500 or 1.5")
    owner = where.rpartition(".")[0]
    wanted(field, owner, unit, number, where)
    return np.asarray(_measured(where, number, unit, field))[()]


def _from_object(value: dict[str, Any], field: dataclasses.Field[Any], owner: str, where: str = "") -> Any:
    where = where or f"{owner}.{field.name}"
    is_complex = field.metadata["complex"]
    if is_complex and set(value) == PARTS:
        return complex_numbers(where, value)
    if set(value) != {"value", "unit"}:
        parts = ", or 'real' and 'imaginary'" if is_complex else ""
        raise InstanceError(f"{where} has the keys {sorted(map(str, value))}; allowed: exactly 'value' and 'unit'{parts}")
    number, unit = settled(where, value["value"]), str(value["unit"])
    wanted(field, owner, unit, number, where)
    if is_complex and isinstance(number, dict):
        number = complex_numbers(where, number)
    if number is None:
        return None
    return _measured(where, number, unit, field)


def _measured(where: str, value: Any, unit: str, field: dataclasses.Field[Any]) -> Any:
    """Return numbers in the field's unit; whatever is no number stays, to be refused with its place."""
    own = field.metadata["unit"]
    if unit == own:
        return value
    try:
        array = np.asarray(value)
    except Exception:  # of ragged lists, and whatever other libraries raise for their own arrays
        raise InstanceError(f"{where} is not a rectangular array of numbers") from None
    entries = array if isinstance(value, np.ndarray) else entries_of(where, value)
    if array.dtype.kind in "iufc" and entries.dtype != object:
        if array.dtype.kind in "iu":
            question_digits(where, array, array.astype(float))
        return _kept(where, array, converted_quietly(array, unit, own), unit, field)
    known = np.asarray(np.frompyfunc(_is_number, 1, 1)(entries), dtype=bool)
    if not known.any():
        return value
    found = entries.astype(object)
    numbers = entries[known].astype(complex if field.metadata["complex"] else float)
    if known.all():
        question_digits(where, entries, numbers.reshape(entries.shape))
    found[known] = converted_quietly(numbers, unit, own)
    _kept(where, np.where(known, entries, 1.0), np.where(known, found, 1.0), unit, field)
    return found if found.shape else found[()]


def converted_quietly(numbers: Array, unit: str, own: str) -> Array:
    """Return converted numbers; what overflows is looked at afterwards."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return converted(numbers, unit, own)


def _kept(where: str, before: Array, after: Array, unit: str, field: dataclasses.Field[Any]) -> Array:
    """Refuse decibels that are not finite, and numbers that the field's unit makes too large or too small for a float.

    Infinite decibels are the limit that is missing, where one may be.
    """
    first, then = np.asarray(before, dtype=complex), np.asarray(after, dtype=complex)
    bad = np.isfinite(first) & ~np.isfinite(then)
    if parse(unit).decibels:
        no_limit = (first == np.inf) if field.metadata["unlimited"] else False
        bad |= (~np.isfinite(first) & ~np.asarray(no_limit)) | (then == 0)
    else:
        bad |= (first != 0) & (then == 0)
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        shown = f"{list(index) or ''} is {np.asarray(before)[index]} {unit}"
        raise InstanceError(f"{where}{shown}, which no finite number in the field's unit holds")
    return after


def complex_numbers(where: str, parts: dict[str, Any]) -> Array:
    """Return complex numbers from their real and imaginary parts."""
    if set(parts) != PARTS:
        raise InstanceError(f"{where} has the keys {sorted(parts)}; allowed: exactly 'real' and 'imaginary'")
    found = []
    for name in sorted(PARTS):
        try:
            array = np.asarray(parts[name])
        except Exception:
            raise InstanceError(f"{where}: {name} is not a rectangular array of numbers") from None
        for index, entry in np.ndenumerate(entries_of(where, parts[name])):
            if not _is_number(entry) or isinstance(entry, complex):
                raise InstanceError(f"{where}: {name}{list(index) or ''} is {entry!r}, which is no number")
        found.append(array)
    imaginary, real = found
    if real.shape != imaginary.shape:
        raise InstanceError(f"{where}: real has shape {real.shape}, imaginary {imaginary.shape}; allowed: equal shapes")
    return np.asarray(real + 1j * imaginary)


def _has_text(value: Any) -> bool:
    """Whether text or an object stands in a list or array, at any depth."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "U" or (value.dtype == object and _has_text(value.ravel().tolist()))
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))
        if any(issubclass(kind, str | dict) for kind in kinds):
            return True
        deep = any(issubclass(kind, list | tuple | np.ndarray) for kind in kinds)
        return deep and any(_has_text(entry) for entry in value)
    return False


def _is_number(entry: Any) -> bool:
    kinds = int | float | complex | Decimal | Fraction | np.number
    if isinstance(entry, bool | np.bool_ | np.timedelta64) or not isinstance(entry, kinds):
        return False
    try:
        complex(entry)
    except (OverflowError, ValueError):
        return False
    return True
