"""How symbols of units are written: in short or in words, with prefixes, in the cases that leave one reading.

Case carries meaning: ``Mb`` is a million bits, ``MB`` a million bytes, and ``mb`` nothing that can be told, so it is
refused and both are named. So is ``KB``, which some take for 1000 bytes and others for 1024. Bits, bytes and cycles are
counted, so no milli, micro, nano or pico of them is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

Exponents = tuple[int, int, int, int, int]

BASES = ("bit", "s", "W", "cycle", "m")

LARGE = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
KILO = {"K": 1e3}
SMALL = {"p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3}
BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
LONG = {
    **{"kilo": 1e3, "mega": 1e6, "giga": 1e9, "tera": 1e12},
    **{"milli": 1e-3, "micro": 1e-6, "nano": 1e-9, "pico": 1e-12},
    **{"kibi": 2.0**10, "mebi": 2.0**20, "gibi": 2.0**30, "tebi": 2.0**40},
}


@dataclass(frozen=True)
class Symbol:
    """One spelling: the name it is shown by, its size in base units, their exponents, and the power of hertz in it."""

    name: str
    size: float
    exponents: Exponents
    hertz: int = 0


@dataclass(frozen=True)
class _Family:
    """Spellings of one symbol: those whose case counts, those in words, and the prefixes that make sense before them."""

    name: str
    size: float
    exponents: Exponents
    short: tuple[str, ...]
    words: tuple[str, ...] = ()
    prefixes: tuple[dict[str, float], ...] = ()
    hertz: int = 0
    asked: bool = False
    """Whether who writes so is asked what is meant."""


_FAMILIES = (
    _Family("1", 1.0, (0, 0, 0, 0, 0), ("1",)),
    _Family("%", 0.01, (0, 0, 0, 0, 0), ("%",), ("percent",)),
    _Family("bit", 1.0, (1, 0, 0, 0, 0), ("bit", "bits"), ("bit", "bits"), (LARGE, KILO, BINARY)),
    # "Mb" is written by who means bits; in "kb" and "b" nothing tells who writes bits from who writes without capitals.
    _Family("Mbit", 1e6, (1, 0, 0, 0, 0), ("Mb",)),
    _Family("Gbit", 1e9, (1, 0, 0, 0, 0), ("Gb",)),
    _Family("Tbit", 1e12, (1, 0, 0, 0, 0), ("Tb",)),
    _Family("bit", 1.0, (1, 0, 0, 0, 0), ("b",), (), (LARGE, KILO), asked=True),
    _Family("B", 8.0, (1, 0, 0, 0, 0), ("B", "byte", "bytes"), ("byte", "bytes"), (LARGE, BINARY)),
    _Family("bit/s", 1.0, (1, -1, 0, 0, 0), ("bps",), (), (LARGE, KILO)),
    _Family("B/s", 8.0, (1, -1, 0, 0, 0), ("Bps",), (), (LARGE,)),
    _Family("s", 1.0, (0, 1, 0, 0, 0), ("s", "sec", "secs"), ("second", "seconds", "sec", "secs"), (LARGE, SMALL)),
    _Family("min", 60.0, (0, 1, 0, 0, 0), ("min",), ("minute", "minutes")),
    _Family("h", 3600.0, (0, 1, 0, 0, 0), ("h",), ("hour", "hours")),
    _Family("Hz", 1.0, (0, -1, 0, 0, 0), ("Hz",), ("hertz",), (LARGE, KILO, SMALL), hertz=1),
    _Family("W", 1.0, (0, 0, 1, 0, 0), ("W", "watt", "watts"), ("watt", "watts"), (LARGE, KILO, SMALL)),
    _Family("J", 1.0, (0, 1, 1, 0, 0), ("J", "joule", "joules"), ("joule", "joules"), (LARGE, KILO, SMALL)),
    _Family("Wh", 3600.0, (0, 1, 1, 0, 0), ("Wh",), (), (LARGE, SMALL)),
    _Family("cycle", 1.0, (0, 0, 0, 1, 0), ("cycle", "cycles"), ("cycle", "cycles"), (LARGE, KILO)),
    _Family("m", 1.0, (0, 0, 0, 0, 1), ("m",), ("metre", "metres", "meter", "meters"), ({"k": 1e3}, {"m": 1e-3})),
)


def _prefixes(family: _Family) -> dict[str, float]:
    own = {prefix: size for group in family.prefixes for prefix, size in group.items()}
    return {"": 1.0} | own


def _made(family: _Family, prefix: str, size: float) -> Symbol:
    shown = "k" if prefix == "K" else prefix
    return Symbol(shown + family.name, size * family.size, family.exponents, family.hertz)


def _short(families: Iterable[_Family]) -> list[tuple[str, Symbol]]:
    return [
        (prefix + text, _made(family, prefix, size))
        for family in families
        for prefix, size in _prefixes(family).items()
        for text in family.short
    ]


@cache
def by_case() -> dict[str, Symbol]:
    """Return the spellings whose case counts: ``MB``, ``Mbit``, ``Mbits``, ``Mbps``, ``GHz``."""
    return dict(_short(family for family in _FAMILIES if not family.asked))


@cache
def in_words() -> dict[str, Symbol]:
    """Return the spellings in words, lower case, that any case may be used for: ``megabytes``, ``watt``."""
    found: dict[str, Symbol] = {}
    for family in _FAMILIES:
        sizes = set(_prefixes(family).values())
        short = {size: prefix for prefix, size in reversed(list(_prefixes(family).items()))}
        for prefix, size in {"": 1.0, **LONG}.items():
            if size in sizes:
                found |= {prefix + word: _made(family, short[size], size) for word in family.words}
    return found


def symbol(text: str) -> Symbol | None:
    """Return what a spelling stands for, or None."""
    return by_case().get(text) or in_words().get(text.lower())


def resembling(text: str) -> list[Symbol]:
    """Return the symbols that `text` may have been meant for: other cases of it, or a word with one letter amiss."""
    if re.fullmatch("KB|K[Bb]ytes?", text):
        return [by_case()["kB"], by_case()["KiB"]]
    folded = text.lower()
    found = [one for spelling, one in _short(_FAMILIES) if spelling.lower() == folded]
    if not found:
        words = {**{s: one for s, one in by_case().items() if len(s) >= 4}, **in_words()}
        found = [one for spelling, one in words.items() if len(spelling) >= 4 and _one_apart(folded, spelling.lower())]
    return list(dict.fromkeys(found))


def _one_apart(left: str, right: str) -> bool:
    """Whether one letter added, dropped, replaced or two neighbours swapped make one word the other."""
    if abs(len(left) - len(right)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    a, b = left[start:], right[start:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[2:] == b[2:] and a[:2] == b[1::-1])
