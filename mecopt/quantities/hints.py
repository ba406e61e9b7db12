"""Why a unit does not fit a field, and what to write instead.

A hint measures what the field measures, and where a spelling can be read in two ways both are named with their numbers:
``mb`` may be Mbit or MB, and is neither until its writer says so.
"""

from __future__ import annotations

from dataclasses import Field, dataclass
from math import inf
from typing import Any

import numpy as np

from mecopt.contract.errors import InstanceError
from mecopt.contract.units import PER_POWER, UnknownUnit, converted, parse, tidied
from mecopt.quantities.spellings import resembling

_POWER = (0, 0, 1, 0, 0)
_DENSITY = (0, 1, 1, 0, 0)
_RATIO = (0, 0, 0, 0, 0)

_EXAMPLES = {
    _POWER: ("W", "mW", "dBm"),
    _DENSITY: ("J", "mJ", "kWh"),
    (1, 0, 0, 0, 0): ("bit", "kbit", "MB"),
    (1, -1, 0, 0, 0): ("Mbit/s", "kbit/s", "MB/s"),
    (0, 1, 0, 0, 0): ("s", "ms"),
    (0, -1, 0, 0, 0): ("Hz", "MHz"),
    (0, 0, 0, 1, 0): ("cycle", "Gcycle"),
    (0, -1, 0, 1, 0): ("cycle/s", "GHz"),
    (-1, 0, 0, 1, 0): ("cycle/bit", "cycle/B"),
    (0, 0, 0, 0, 1): ("m", "km"),
}

_LEVELS = {_DENSITY: ("W/Hz", "dBm/Hz"), PER_POWER: ("1/W", "dB/W")}
"""Of fields that decibels may tell."""


@dataclass(frozen=True)
class Wanted:
    """What a field measures: its unit, and whether decibels may tell it: a ratio of powers, one at a watt, or a density."""

    where: str
    unit: str
    decibels: bool

    @property
    def name(self) -> str:
        """The field's own name."""
        return self.where.rpartition(".")[2].partition("[")[0]

    @property
    def examples(self) -> str:
        """Units to write here."""
        exponents = parse(self.unit).exponents
        if exponents == _RATIO:
            return "write a plain number" + (", or decibels in 'dB'" if self.decibels else "")
        known = (_LEVELS if self.decibels else _EXAMPLES).get(exponents) or _EXAMPLES.get(exponents, ())
        return f"write for example {' or '.join(map(repr, [*dict.fromkeys((self.unit, *known))][:3]))}"

    def fits(self, unit: str) -> bool:
        """Whether a known unit may be written here."""
        given = parse(unit)
        logarithm = not given.decibels or parse(self.unit).exponents == _POWER or self.decibels
        return given.measures(parse(self.unit)) and logarithm


def level_unit(field: Field[Any]) -> str:
    """Return the decibels in which tables of parameters give a field, or nothing where they make no sense."""
    exponents = parse(field.metadata["unit"]).exponents
    if exponents == _POWER:
        return "dBm"
    return {_RATIO: "dB", _DENSITY: "dBm/Hz", PER_POWER: "dB/W"}.get(exponents, "") if field.metadata["decibels"] else ""


def measures(unit: str, field: Field[Any]) -> bool:
    """Whether text is a unit of what a field measures."""
    try:
        return bool(unit) and Wanted(field.name, field.metadata["unit"], field.metadata["decibels"]).fits(unit)
    except UnknownUnit:
        return False


def require(given: str, wanted: Wanted, number: Any = None) -> None:
    """Refuse a unit that is not known or does not fit, and say what to write instead of `number`, or of the first one.

    Raises
    ------
    InstanceError
        naming the field, the unit, what is wrong, and what fits.
    """
    try:
        if wanted.fits(given):
            return
    except UnknownUnit as error:
        number = _first(number)
        said = str(error).partition("; write for example")[0]
        raise InstanceError(f"{wanted.where}: {said}{_meant(given, error.symbol, wanted, number)}") from None
    raise InstanceError(f"{wanted.where}: {_misfit(given, wanted, _first(number))}")


def _first(number: Any) -> Any:
    if isinstance(number, np.ndarray):
        return number.flat[0] if number.size else None
    while isinstance(number, list | tuple) and number:
        number = number[0]
    return number


def told(number: Any, given: str, wanted: str) -> str:
    """Return ``"23 dBm is 0.19952623 W"``, or nothing where there is no single number."""
    if not isinstance(number, int | float | np.integer | np.floating) or isinstance(number, bool):
        return ""
    if not -inf < float(number) < inf:
        return ""
    with np.errstate(all="ignore"):
        value = float(converted(float(number), given, wanted))
    unit = "" if wanted == "1" else f" {wanted}"
    return f"{number:g} {given} is {value:.8g}{unit}"


def _meant(text: str, part: str, wanted: Wanted, number: Any) -> str:
    """Name the readings of an unknown symbol that measure what is wanted."""
    names = [one.name for one in resembling(part)] if part else []
    names += [d for d in ("dB", "dBm", "dBW") if d.lower() == part.lower()]
    readings: dict[str, str] = {}
    for name in names:
        whole = tidied(text).replace(part, name, 1)
        try:
            fits = wanted.fits(whole)
        except UnknownUnit:
            fits = False
        if fits:
            readings[whole] = told(number, whole, wanted.unit)
    if not readings:
        return f"; {wanted.examples}"
    shown = [f"{unit!r}{f' ({text})' if text else ''}" for unit, text in readings.items()]
    return f"; did you mean {shown[0]}?" if len(shown) == 1 else f"; write {' or '.join(shown)}, whichever is meant"


def _misfit(given: str, wanted: Wanted, number: Any) -> str:
    """Say why a known unit is wrong here."""
    source, target = parse(given), parse(wanted.unit)
    refused = f"unit {given!r} cannot be converted to {wanted.unit!r}"
    if given == "dB" and target.exponents == _POWER:
        both = [told(number, unit, wanted.unit) for unit in ("dBm", "dBW")]
        numbers = f": {', '.join(both)}" if all(both) else ""
        return f"{refused}: decibels of a power need a reference; write 'dBm' (over 1 mW) or 'dBW' (over 1 W){numbers}"
    if source.exponents == _DENSITY and target.exponents == _POWER and source.hertz == -1:
        return f"{refused}: it is noise per hertz, and {wanted.name} is a power; {_in_band(given, wanted, number)}"
    if source.exponents == _POWER and target.exponents == _DENSITY and wanted.decibels:
        ours = "subtract 10 log10 of the bandwidth in Hz and write 'dBm/Hz'" if source.decibels else "write 'W/Hz'"
        return f"{refused}: it is a power, and {wanted.name} is a power per hertz; divide by the bandwidth: {ours}"
    if source.decibels and source.exponents != _RATIO and target.exponents == _RATIO and wanted.decibels:
        return f"{refused}: it is a power, and {wanted.name} is a ratio of powers; write 'dB'"
    if source.decibels and source.exponents == _RATIO and target.exponents == PER_POWER and wanted.decibels:
        both = [told(number, unit, wanted.unit) for unit in ("dB/W", "dB/mW")]
        numbers = f": {', '.join(both)}" if all(both) else ""
        return f"{refused}: {wanted.name} is a ratio at a power; write 'dB/W' (at 1 W) or 'dB/mW' (at 1 mW){numbers}"
    if source.decibels and target.exponents == _RATIO:
        return f"{refused}: {wanted.name} is no ratio of powers, so decibels make no sense here; {wanted.examples}"
    if source.decibels:
        return f"{refused}: decibels make no sense of {wanted.name}, they measure different things; {wanted.examples}"
    return f"{refused}: they measure different things; {wanted.examples}"


def _in_band(given: str, wanted: Wanted, number: Any) -> str:
    """Say how a density becomes the power in a band, with the number for 1 MHz."""
    add = "add 10 log10 of the bandwidth in Hz and write 'dBm'"
    how = add if parse(given).decibels else "multiply by the bandwidth and write 'W'"
    power = told(number, given, "W/MHz")
    if not power:
        return how
    watts = float(converted(float(number), given, "W/MHz"))
    return f"{how}: over 1 MHz {number:g} {given} are {_text(watts)}"


def _text(watts: float) -> str:
    return f"'{10.0 * np.log10(watts / 1e-3):.6g} dBm', {watts:.6g} W" if watts > 0 else f"{watts:.6g} W"
