"""Names of columns: a field, which of its entries, and a unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mecopt.contract.errors import closest
from mecopt.contract.meant import by_symbol
from mecopt.contract.problem import Problem

_BRACKET = re.compile(r"^(.*?)\s*(?:\[([^\[\]]*)\]|\(([^()]*)\))$")
_NUMBERED = re.compile(r"^(.*?)((?:_[0-9]+)+)$")

LONGEST = 200
"""Characters of a header that can name a field."""


def shown(text: str) -> str:
    """Return a header as messages show it.

    >>> shown("node name"), len(shown("x" * 1000))
    ("'node name'", 65)
    """
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


MANY = 20
"""Names that a message lists."""


def few(texts: Sequence[str]) -> list[str]:
    """Return the first ones of very many, and how many more there are.

    >>> few(["a", "b"]), few(["a"] * 30)[-2:]
    (['a', 'b'], ['a', '... and 10 more'])
    """
    return [*texts[:MANY], *([f"... and {len(texts) - MANY} more"] if len(texts) > MANY else [])]


@dataclass(frozen=True)
class Header:
    """What a header names: a field or an axis, which of its entries, and the unit of its numbers."""

    text: str
    name: str
    index: tuple[int, ...] = ()
    unit: str | None = None


def header(text: str, names: Sequence[str]) -> Header | None:
    """Read a header, or return None where it names nothing known.

    >>> header("data_size_3 [kB]", ["data_size"])
    Header(text='data_size_3 [kB]', name='data_size', index=(3,), unit='kB')
    >>> header("Data size [0]", ["data_size"]).index
    (0,)
    """
    if len(text) > LONGEST:
        return None
    rest, unit = text.strip(), None
    index: tuple[int, ...] = ()
    for _ in range(2):
        name = re.sub(r"[\s-]+", "_", rest.strip()).lower()
        if name in names:
            return Header(text, name, index, unit)
        bracket, numbered = _BRACKET.match(rest), _NUMBERED.match(rest)
        if bracket:
            inner = (bracket[2] if bracket[2] is not None else bracket[3]).strip()
            rest = bracket[1]
            if re.fullmatch(r"[0-9]+(\s*,\s*[0-9]+)*", inner) and not index:
                index = tuple(int(number) for number in inner.split(","))
            elif unit is None:
                unit = inner
            else:
                return None
        elif numbered:
            rest, index = numbered[1], tuple(int(number) for number in numbered[2][1:].split("_"))
    name = re.sub(r"[\s-]+", "_", rest.strip()).lower()
    return Header(text, name, index, unit) if name in names else None


def meant(cls: type[Problem], foreign: Sequence[str], known: Sequence[str]) -> str:
    """Say what names that are not understood may stand for: the field whose symbol each is, or one of a similar name.

    >>> from mecopt.models import ComputationRate
    >>> meant(ComputationRate, ["h", "w", "N"], []), meant(ComputationRate, ["weights"], ["weight"])
    ("; h is the symbol of 'channel_gain', w of 'weight': write these names.", "; did you mean 'weight'?")
    """
    symbols = by_symbol(cls)
    told = [(name, symbols[name]) for name in foreign if name in symbols]
    if not told:
        return closest(foreign[0][:LONGEST], known) if len(foreign) == 1 else _in_another_style(foreign, known)
    (first, field), *others = told
    rest = "".join(f", {name} of {other!r}" for name, other in others)
    return f"; {first} is the symbol of {field!r}{rest}: write {'these names' if others else 'this name'}."


def _in_another_style(foreign: Sequence[str], known: Sequence[str]) -> str:
    words = [re.sub(r"(?<=[a-z])(?=[A-Z])|\W+", "_", text[:LONGEST]).lower().strip("_") for text in foreign]
    pairs = [f"{word!r} for {shown(text)}" for text, word in zip(foreign, words, strict=True) if word in known]
    return f"; did you mean {', '.join(pairs)}?" if pairs else "."
