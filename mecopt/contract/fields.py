"""How a model declares its data and its variables: names with units, and whose entries they hold."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.units import parse
from mecopt.quantities.doubts import Plausible, question, question_digits
from mecopt.quantities.given import entries_of
from mecopt.quantities.hints import level_unit, told
from mecopt.quantities.values import plain
from mecopt.show import variables
from mecopt.show.fields import with_attributes
from mecopt.show.page import Page
from mecopt.show.readable import Readable

Array = NDArray[Any]

if TYPE_CHECKING:

    class Quantity:
        """A field's type: anything like an array goes in, or numbers with their units; an array comes out."""

        def __get__(self, instance: object, owner: object = None) -> Array: ...
        def __set__(self, instance: object, value: ArrayLike | Sequence[Any] | Mapping[str, Any] | None) -> None: ...
else:
    Quantity = Array


Per = Literal["instance", "user", "server", "user and server", "user and antenna"]
"""Whose entries a field holds: its last axes, after those of the batch."""

AXES: dict[str, tuple[str, ...]] = {
    "instance": (),
    "user": ("users",),
    "server": ("servers",),
    "user and server": ("users", "servers"),
    "user and antenna": ("users", "antennas"),
}


ABSENT = "as if the user were not there"
"""What 0 means in a field of users who then count for nothing, whatever is decided for them; see `quantity`."""


def axes(field: dataclasses.Field[Any]) -> tuple[str, ...]:
    """Return the names of a field's own axes, the last ones of its array."""
    return AXES[field.metadata["per"]]


@dataclass(frozen=True, eq=False)
class Variables(Readable):
    """Base of a problem's allocations and duals: named arrays over batch and candidates."""

    without: ClassVar[type[Variables] | None] = None
    """What stands for such variables where prices of limits are not among them; see `mecopt.contract.limits`."""

    @classmethod
    def completed(cls, given: Any) -> Self:
        """Return variables as these, with prices of 0 where they have none of limits."""
        found: Self = given
        return found

    def __init_subclass__(cls, **settings: Any) -> None:
        """Complete what `help` shows by the variables."""
        super().__init_subclass__(**settings)
        cls.__doc__ = with_attributes(cls.__doc__, declarations(cls))

    def __getitem__(self, index: Any) -> Self:
        """Return the variables of one instance, or of a slice of the batch."""
        return type(self)(**{name: value[index] for name, value in self.as_dict().items()})

    def as_dict(self) -> dict[str, Array]:
        """Return the arrays by name."""
        return {f.name: getattr(self, f.name) for f in declared(type(self))}  # type: ignore[arg-type]

    def _line(self) -> str:
        return variables.line(type(self).__name__, dataclasses.fields(self), self.as_dict())

    def _page(self) -> Page:
        return variables.page(type(self).__name__, dataclasses.fields(self), self.as_dict())

    @classmethod
    def stack(cls, parts: Sequence[Self | None], sizes: Mapping[str, int], shape: tuple[int, ...]) -> Self:
        """Gather the variables of single instances into a batch of this `shape`; a None becomes nan."""
        columns = {}
        for f in declared(cls):  # type: ignore[arg-type]
            tail = tuple(sizes[axis] for axis in axes(f))
            blank = np.full(tail, np.nan)
            rows = [blank if part is None else getattr(cls.completed(part), f.name) for part in parts]
            columns[f.name] = np.reshape(np.array(rows, dtype=float), shape + tail)
        return cls(**columns)


if TYPE_CHECKING:
    from typing_extensions import TypeVar

    # Where a problem does not say what its variables are, they may be anything.
    AllocationT = TypeVar("AllocationT", bound=Variables, default=Any)
    DualT = TypeVar("DualT", bound=Variables, default=Any)
else:
    from typing import TypeVar

    AllocationT = TypeVar("AllocationT")
    DualT = TypeVar("DualT")


def variable(unit: str, meaning: str, *, per: Per) -> Any:
    """Declare an array of an allocation or dual: one entry per user, per server, or one per instance and candidate."""
    return dataclasses.field(metadata={"unit": unit, "meaning": meaning, "per": per})


def quantity(
    unit: str,
    symbol: str,
    meaning: str,
    *,
    per: Per = "user",
    default: float | Callable[[int], ArrayLike] | None = None,
    zero_allowed: bool = False,
    zero: str = "",
    unlimited: bool = False,
    complex_allowed: bool = False,
    least: float = 0.0,
    most: float = np.inf,
    below: float = np.inf,
    decibels: bool = False,
    plausible: Plausible | None = None,
    later: bool = False,
    unread: bool = False,
) -> Any:
    """Declare a field of a problem.

    Parameters
    ----------
    unit, symbol, meaning
        the unit numbers are taken in, the paper's symbol, and what it is.
    per
        "user": shape ``(*batch, users)``; "instance": ``(*batch)``; "server": ``(*batch, servers)``; "user and server":
        ``(*batch, users, servers)``.
    default
        a number, or a function from the number of users to an array; None makes the field required.
    zero_allowed
        whether 0 is admissible; all quantities are finite and not negative.
    zero
        what 0 means where it is the limit of small numbers and no small number itself, as a link that does not exist; it is
        admissible then. The battery of `mecopt.testing.absent` holds every problem to it.
    unlimited
        whether an upper limit may be missing: infinity then, or None; in JSON null.
    complex_allowed
        whether entries are complex numbers, of any phase; in JSON an object of a real and an imaginary part.
    least, most, below
        the least and the greatest admissible number, or what all admissible ones are less than; -inf for any sign.
    decibels
        whether it is a ratio of powers, one at a watt, or a power per hertz, so that dB, dB/W or dBm/Hz tell it; any power
        may be told in dBm.
    plausible
        what physics says of its magnitude, where it is certain; a number outside is answered with a warning.
    later
        whether files and policies are older than it; where it has its default everywhere, instances are called what they
        were called without it.
    unread
        whether no formula reads it, so that networks see it only where it is named among their inputs.
    """
    metadata = {
        "unit": unit,
        "symbol": symbol,
        "meaning": meaning,
        "per": per,
        "default": default,
        "zero_allowed": zero_allowed or bool(zero),
        "zero": zero,
        "unlimited": unlimited,
        "complex": complex_allowed,
        "least": least,
        "most": most,
        "below": below,
        "decibels": decibels,
        "plausible": plausible,
        "choices": (),
        "later": later,
        "unread": unread,
    }
    if default is None:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=None, metadata=metadata)


def choice(symbol: str, meaning: str, *choices: str) -> Any:
    """Declare a field that is one of several words per instance, the first by default; held as its number."""
    metadata = {
        "unit": "1",
        "symbol": symbol,
        "meaning": meaning,
        "per": "instance",
        "default": 0.0,
        "zero_allowed": True,
        "zero": "",
        "unlimited": False,
        "complex": False,
        "least": 0.0,
        "most": len(choices) - 1.0,
        "below": np.inf,
        "decibels": False,
        "plausible": None,
        "choices": choices,
        "later": False,
        "unread": False,
    }
    return dataclasses.field(default=None, metadata=metadata)


def declarations(cls: type) -> list[dataclasses.Field[Any]]:
    """Return the fields that a class body declares, and those of its bases, before the class is made a dataclass."""
    bases = [base for base in cls.__mro__[:0:-1] if dataclasses.is_dataclass(base)]
    inherited = {f.name: f for base in bases for f in dataclasses.fields(base)}
    found = {**inherited, **{name: f for name, f in vars(cls).items() if isinstance(f, dataclasses.Field)}}
    for name, f in found.items():
        f.name = name  # a dataclass gives it the same
    return list(found.values())


@cache
def declared(cls: Any) -> tuple[dataclasses.Field[Any], ...]:
    """Return the fields of a problem or of variables, in order; looked up once per class."""
    return dataclasses.fields(cls)


def numbers(owner: str, f: dataclasses.Field[Any], value: Any) -> Array:
    """Return the values of a field as a read-only array of floats in its unit, or say which entry is inadmissible."""
    where = f"{owner}.{f.name}"
    value = plain(value, f, owner)
    try:
        raw = np.asarray(value)
    except Exception:  # of ragged lists, and whatever other libraries raise for their own arrays
        raise InstanceError(f"{where} is not a rectangular array of numbers; allowed: {allowed(f)}") from None
    if f.metadata["unlimited"] and raw.dtype == object:
        missing = np.asarray(np.frompyfunc(lambda entry: entry is None, 1, 1)(raw), dtype=bool)
        value = raw = np.where(missing, np.inf, raw)
    if f.metadata["choices"] and raw.dtype.kind == "U":
        value = raw = _numbered(where, f, raw)
    # In a list numpy turns True into 1.0 and a number beside text into text, so the entries themselves are looked at.
    entries = raw if isinstance(value, np.ndarray) else entries_of(where, value)
    kinds, number = ("iufc", complex) if f.metadata["complex"] else ("iuf", float)
    if raw.dtype.kind not in kinds or entries.dtype == object:
        for index, entry in np.ndenumerate(entries):
            known = isinstance(entry, int | float | np.integer | np.floating | Decimal | Fraction)
            known |= f.metadata["complex"] and isinstance(entry, complex | np.complexfloating)
            if isinstance(entry, bool | np.bool_) or not known:
                place, shown = f"{list(index) or ''}", repr(entry.item() if isinstance(entry, np.generic) else entry)[:40]
                what = "which is no number"
                if isinstance(entry, complex | np.complexfloating):
                    amplitude = "; of a complex amplitude h the power gain is abs(h)**2" if f.metadata["decibels"] else ""
                    what = f"which is complex{amplitude}"
                raise InstanceError(f"{where}{place} is {shown}, {what}; allowed: {allowed(f)}")
    try:
        with nullcontext() if raw.dtype == float else np.errstate(over="ignore"):
            array = np.array(raw, dtype=number)
    except (OverflowError, ValueError):  # a Decimal that signals has no float either
        raise InstanceError(f"{where} has a number that no float can hold; allowed: {allowed(f)}") from None
    if f.metadata["unlimited"] and (np.isinf(array) & _finite(entries)).any():
        raise InstanceError(f"{where} has a number that no float can hold; allowed: {allowed(f)}")
    if raw.dtype.kind != "f" or entries is not raw:
        question_digits(where, entries, array)
    array.flags.writeable = False
    good = _admissible(f, array)
    if not good.all():
        index = tuple(int(i) for i in np.argwhere(~good)[0])
        raise InstanceError(
            f"{where}{list(index) or ''} is {array[index]}{_perhaps(f, array[index])}; allowed: {allowed(f)}"
        )
    return array


def _finite(entries: Array) -> Array:
    """Whether numbers of any kind are finite, in their own precision."""
    if entries.dtype != object:
        return np.isfinite(entries)
    return np.asarray(np.frompyfunc(lambda entry: entry not in (math.inf, -math.inf), 1, 1)(entries), dtype=bool)


def _perhaps(f: dataclasses.Field[Any], entry: Any) -> str:
    """Ask whether a negative number is in decibels, where decibels can tell the field."""
    unit = level_unit(f)
    if not unit or np.iscomplexobj(entry) or not -1000 < entry < 0:
        return ""
    value = told(float(entry), unit, f.metadata["unit"]).partition(" is ")[2]
    return f"; in decibels? then write '{entry:g} {unit}', which is {value}"


def question_magnitudes(owner: str, fields: Sequence[dataclasses.Field[Any]], given: Mapping[str, Array]) -> None:
    """Warn of numbers that physics rules out, once per field."""
    units = {f.name: f.metadata["unit"] for f in fields}
    for f in fields:
        known = f.metadata["plausible"]
        if known is None or f.name not in given:
            continue
        over = given[known.over][given[known.over] > 0.0] if known.over else np.ones(1)
        size = parse(units[known.over]).size / parse(units[f.name]).size if known.over else 1.0
        if over.size:
            question(f"{owner}.{f.name}", units[f.name], known, given[f.name], float(over.min()) * size)


def _admissible(f: dataclasses.Field[Any], array: Array) -> Array:
    if f.metadata["complex"]:
        return np.isfinite(array)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(array) | (f.metadata["unlimited"] & (array == np.inf))
        if f.metadata["least"] >= 0.0:
            good &= (array >= 0) if f.metadata["zero_allowed"] else (array > 0)
        good &= (
            (array >= f.metadata["least"])
            & (array <= f.metadata["most"])
            & ((array < f.metadata["below"]) | (f.metadata["below"] == np.inf))
        )
        if f.metadata["choices"]:
            good &= array == np.floor(array)
    return np.asarray(good)


def _numbered(where: str, f: dataclasses.Field[Any], words: Array) -> Array:
    """Return the numbers of words among a field's choices."""
    choices = f.metadata["choices"]
    for index, word in np.ndenumerate(words):
        if word not in choices:
            raise unknown(f"{where}{list(index) or ''}", str(word), choices)
    return np.argmax(words[..., None] == np.array(choices), axis=-1)


def at_least(f: dataclasses.Field[Any]) -> str:
    """Say what entries are not below; nothing where they may be of either sign."""
    if f.metadata["least"] > 0.0:
        return f">= {f.metadata['least']:g}"
    if f.metadata["least"] < 0.0:
        return ""
    return ">= 0" if f.metadata["zero_allowed"] else "> 0"


def allowed(f: dataclasses.Field[Any]) -> str:
    """Say what the entries of a field may be."""
    unit = "" if f.metadata["unit"] == "1" else f" in {f.metadata['unit']}"
    if f.metadata["choices"]:
        return ", ".join(f"{number} or {word!r}" for number, word in enumerate(f.metadata["choices"]))
    if f.metadata["complex"]:
        return f"finite complex numbers{unit}, in JSON one object of two arrays, 'real' and 'imaginary'"
    least = f" {at_least(f)}".rstrip()
    unit += f" (0: {f.metadata['zero']})" if f.metadata["zero"] else ""
    if f.metadata["unlimited"]:
        return f"numbers{least}{unit}, infinite where there is no limit"
    most = f" and <= {f.metadata['most']:g}" if f.metadata["most"] < np.inf else ""
    most += f" and < {f.metadata['below']:g}" if f.metadata["below"] < np.inf else ""
    return f"finite numbers{least}{most}{unit}"
