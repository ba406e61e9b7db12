"""Units of measurement: parsing, conversion, and the change of base units.

A unit is a product of powers of known symbols, ``"MB/s"``, ``"1/W"``, ``"W s^3/cycle^3"``. Its dimension is a vector of
exponents over the four bases bit, second, watt and cycle, so two units convert into each other exactly when their
dimensions agree. The same exponents say how a field changes when a base unit does, which is what the unit-invariance
battery in `mecopt.testing` uses.
"""

import re
from dataclasses import dataclass
from functools import cache

from mecopt.solution import InstanceError, closest

BASES = ("bit", "s", "W", "cycle")

# symbol: (size in base units, exponents of bit, s, W, cycle, whether decimal prefixes apply)
_SYMBOLS: dict[str, tuple[float, tuple[int, int, int, int], bool]] = {
    "1": (1.0, (0, 0, 0, 0), False),
    "bit": (1.0, (1, 0, 0, 0), True),
    "B": (8.0, (1, 0, 0, 0), True),
    "s": (1.0, (0, 1, 0, 0), True),
    "Hz": (1.0, (0, -1, 0, 0), True),
    "W": (1.0, (0, 0, 1, 0), True),
    "J": (1.0, (0, 1, 1, 0), True),
    "cycle": (1.0, (0, 0, 0, 1), True),
}
_PREFIXES = {"p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_FACTOR = re.compile(r"([A-Za-z]+|1)(?:\^(-?\d))?")


@dataclass(frozen=True)
class Unit:
    """Size in base units, and the exponent of each base in `BASES`."""

    size: float
    exponents: tuple[int, int, int, int]


def known_symbols() -> list[str]:
    """Every symbol a unit may be built from, prefixes included."""
    return [
        prefix + symbol for symbol, (_, _, prefixed) in _SYMBOLS.items() for prefix in (_PREFIXES if prefixed else ("",))
    ]


def _symbol(text: str, whole: str) -> Unit:
    if text in _SYMBOLS:
        size, exponents, _ = _SYMBOLS[text]
        return Unit(size, exponents)
    if text[:1] in _PREFIXES and text[1:] in _SYMBOLS and _SYMBOLS[text[1:]][2]:
        size, exponents, _ = _SYMBOLS[text[1:]]
        return Unit(size * _PREFIXES[text[0]], exponents)
    raise InstanceError(f"unknown unit {whole!r}: {text!r} is not known{closest(text, known_symbols())}")


@cache
def parse(text: str) -> Unit:
    """Read a unit.

    >>> parse("MB/s").size
    8000000.0
    >>> parse("W s^3/cycle^3").exponents
    (0, 3, 1, -3)
    """
    size, exponents = 1.0, [0, 0, 0, 0]
    parts = text.strip().split("/")
    for sign, part in zip([1] + [-1] * (len(parts) - 1), parts, strict=True):
        factors = part.replace("*", " ").split()
        if not factors:
            raise InstanceError(f"unknown unit {text!r}; write for example 'MB/s', '1/W' or 'W s^3/cycle^3'")
        for factor in factors:
            match = _FACTOR.fullmatch(factor)
            if match is None:
                raise InstanceError(f"unknown unit {text!r}: cannot read {factor!r}; write for example 'MB/s' or '1/W'")
            power = sign * int(match[2] or 1)
            unit = _symbol(match[1], text)
            size *= unit.size**power
            exponents = [total + power * e for total, e in zip(exponents, unit.exponents, strict=True)]
    return Unit(size, (exponents[0], exponents[1], exponents[2], exponents[3]))


def conversion(given: str, wanted: str) -> float:
    """Return the factor that takes a number in unit `given` to unit `wanted`.

    Raises
    ------
    InstanceError
        if a unit is unknown or the two measure different things.

    Examples
    --------
    >>> conversion("Mbit/s", "MB/s")
    0.125
    """
    source, target = parse(given), parse(wanted)
    if source.exponents != target.exponents:
        raise InstanceError(f"unit {given!r} cannot be converted to {wanted!r}: they measure different things")
    return source.size / target.size


def rescaling(unit: str, base: str, factor: float) -> float:
    """Return what numbers in `unit` are multiplied by when the base unit `base` becomes `factor` times smaller."""
    return float(factor ** parse(unit).exponents[BASES.index(base)])
