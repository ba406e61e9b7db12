"""Units of measurement: parsing, conversion, and the change of base units.

A unit is a product of powers of known symbols, ``"MB/s"``, ``"1/W"``, ``"W s^3/cycle^3"``. Its dimension is a vector of
exponents over the five bases bit, second, watt, cycle and metre, so two units convert into each other exactly when their
dimensions agree. The same exponents say how a field changes when a base unit does, which is what the unit-invariance
battery in `mecopt.testing.problems` uses.

Tables of parameters give a processor's speed in hertz: where a field counts cycles, Hz is read as cycle/s. Decibels are
units too, ``"dB"``, ``"dBm"``, ``"dBm/Hz"``, ``"dB/W"``: of a ratio, of a power, of a density, of a ratio at a watt, on a
scale that is not linear. Which spellings of a symbol are known stands in `mecopt.quantities.spellings`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError
from mecopt.quantities.spellings import BASES, Exponents, by_case, symbol

__all__ = [
    "BASES",
    "Unit",
    "UnknownUnit",
    "behind",
    "conversion",
    "converted",
    "known_symbols",
    "parse",
    "rescaling",
    "tidied",
    "titled",
]

_FACTOR = re.compile(r"([A-Za-z]+|%|1)(?:\^(-?[0-9]))?")
_REFERENCES = {"dB": ("1", 1.0), "dBi": ("1", 1.0), "dBm": ("W", 1e-3), "dBmW": ("W", 1e-3), "dBW": ("W", 1.0)}
PER_POWER: Exponents = (0, 0, -1, 0, 0)
"""Exponents of a ratio at a power, such as 1/W; alone among others a ratio in decibels may be of it."""
_LEVEL = re.compile(r"(dB[A-Za-z]*)(?![A-Za-z])\s*(.*)")

_SAME = str.maketrans({"µ": "u", "μ": "u", "\u2212": "-", "·": "*", "⋅": "*", "×": "*", "∙": "*", "∕": "/", "⁄": "/"})
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


@dataclass(frozen=True)
class Unit:
    """Size in base units, and the exponent of each base in `BASES`."""

    size: float
    exponents: Exponents
    hertz: int = 0
    """The power of hertz in it, each of which is a cycle per second where cycles are counted."""
    decibels: bool = False
    """Whether numbers in it are ten times the logarithm, to base ten, of how many."""

    def measures(self, other: Unit) -> bool:
        """Whether numbers in this unit can be told in the `other`."""
        bit, second, watt, cycle, metre = self.exponents
        return other.exponents in (self.exponents, (bit, second, watt, cycle + self.hertz, metre))


class UnknownUnit(InstanceError):
    """Text that is no unit; `symbol` is the part of it that is not known, if it is one part."""

    def __init__(self, message: str, symbol: str = "") -> None:
        super().__init__(message)
        self.symbol = symbol


def titled(name: str, unit: str) -> str:
    """Return the title of a column or an axis with its unit; plain numbers have none.

    >>> titled("data_size", "MB"), titled("weight", "1")
    ('data_size [MB]', 'weight')
    """
    return name if unit == "1" else f"{name} [{unit}]"


def behind(unit: str) -> str:
    """Return a unit as it stands behind a number.

    >>> f"4{behind('MB')}", f"4{behind('1')}"
    ('4 MB', '4')
    """
    return "" if unit == "1" else f" {unit}"


def known_symbols() -> list[str]:
    """Every symbol a unit may be built from whose case counts, prefixes included."""
    return list(by_case())


def tidied(text: str) -> str:
    """Return a unit in plain letters: ``µs``, ``cycle·s⁻¹``, ``bits per second``, ``J/(s Hz)``.

    >>> tidied("W·s³/cycle³"), tidied("bits per second"), tidied("J / (s Hz)")
    ('W*s^3/cycle^3', 'bits/second', 'J/s Hz')
    """
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda raised: "^" + raised[0].translate(_RAISED), text.strip())
    text = re.sub(r"\^\{(-?[0-9])\}", r"^\1", text.translate(_SAME).replace("**", "^"))
    text = re.sub(r"\s+per\s+", "/", text)
    return re.sub(r"/\s*\(([^()/]*)\)", r"/\1", re.sub(r"\s*/\s*", "/", text))


@cache
def parse(text: str) -> Unit:
    """Read a unit.

    >>> parse("MB/s").size
    8000000.0
    >>> parse("W s^3/cycle^3").exponents
    (0, 3, 1, -3, 0)
    >>> parse("dBm/Hz").decibels
    True

    Raises
    ------
    UnknownUnit
        if the text is no unit.
    """
    plain = tidied(text)
    level = _LEVEL.fullmatch(plain)
    if level is None:
        return _linear(plain, text)
    if level[1] not in _REFERENCES:
        raise _unknown(text, level[1])
    unit, size = _REFERENCES[level[1]]
    reference = _linear(f"{unit} {level[2]}" if not level[2].startswith("/") else unit + level[2], text)
    if level[2] and unit == "1" and reference.exponents != PER_POWER:
        raise _unknown(text, level[1])
    return Unit(size * reference.size, reference.exponents, reference.hertz, decibels=True)


def _linear(plain: str, whole: str) -> Unit:
    size, exponents, hertz = 1.0, [0] * len(BASES), 0
    parts = plain.split("/")
    for sign, part in zip([1] + [-1] * (len(parts) - 1), parts, strict=True):
        factors = part.replace("*", " ").split()
        if not factors:
            raise UnknownUnit(f"unknown unit {whole!r}; write for example 'MB/s', '1/W' or 'W s^3/cycle^3'")
        for factor in factors:
            match = _FACTOR.fullmatch(factor)
            if match is None:
                raise UnknownUnit(f"unknown unit {whole!r}: cannot read {factor!r}; write for example 'MB/s' or '1/W'")
            known = symbol(match[1])
            if known is None:
                raise _unknown(whole, match[1])
            power = sign * int(match[2] or 1)
            size *= known.size**power
            hertz += power * known.hertz
            exponents = [total + power * e for total, e in zip(exponents, known.exponents, strict=True)]
    bit, second, watt, cycle, metre = exponents
    return Unit(size, (bit, second, watt, cycle, metre), hertz)


def _unknown(whole: str, part: str) -> UnknownUnit:
    return UnknownUnit(f"unknown unit {whole!r}: {part!r} is not known", part)


def conversion(given: str, wanted: str) -> float:
    """Return the factor that takes a number in unit `given` to unit `wanted`.

    Raises
    ------
    InstanceError
        if a unit is unknown, is in decibels, or the two measure different things.

    Examples
    --------
    >>> conversion("Mbit/s", "MB/s")
    0.125
    >>> conversion("GHz", "cycle/s")
    1000000000.0
    """
    source, target = parse(given), parse(wanted)
    if not source.measures(target):
        raise InstanceError(f"unit {given!r} cannot be converted to {wanted!r}: they measure different things")
    if source.decibels or target.decibels:
        raise InstanceError(f"no factor takes {given!r} to {wanted!r}: decibels are a logarithm")
    return source.size / target.size


def converted(values: ArrayLike, given: str, wanted: str) -> NDArray[Any]:
    """Return numbers in unit `given` as numbers in unit `wanted`, which is linear.

    >>> float(converted(30.0, "dBm", "W")), float(converted(-90.0, "dB", "1"))
    (1.0, 1e-09)
    """
    source, target = parse(given), parse(wanted)
    if not source.decibels:
        return _exact(values) * conversion(given, wanted)
    if not source.measures(target):
        raise InstanceError(f"unit {given!r} cannot be converted to {wanted!r}: they measure different things")
    # One power instead of a power and a product: whole tens of decibels are then exact, whatever the reference.
    shift = 10.0 * np.log10(source.size / target.size)
    whole = np.round(shift)
    shift = whole if 10.0 ** (whole / 10.0) == source.size / target.size else shift
    return np.asarray(10.0 ** ((np.asarray(values, dtype=float) + shift) / 10.0))


def _exact(values: ArrayLike) -> NDArray[Any]:
    """Return numbers in the precision that units are computed in; few of theirs fit into a smaller one."""
    array = np.asarray(values)
    return array.astype(complex if array.dtype.kind == "c" else float)


def rescaling(unit: str, base: str, factor: float) -> float:
    """Return what numbers in `unit` are multiplied by when the base unit `base` becomes `factor` times smaller."""
    return float(factor ** parse(unit).exponents[BASES.index(base)])
