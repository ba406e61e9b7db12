"""Names that no field of a problem has: which one was meant, by its symbol or by what the name resembles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mecopt.contract.errors import UnknownName, closest
from mecopt.contract.fields import declared


def by_symbol(cls: Any) -> Mapping[str, str]:
    """Return a problem's fields by their symbols, as they are and as files write what is raised or lowered in them.

    >>> from mecopt.models import MultiServerOffloading
    >>> fields = by_symbol(MultiServerOffloading)
    >>> fields["F^MEC"], fields["F_MEC"], fields["h"]
    ('server_speed', 'server_speed', 'channel_gain')
    """
    return {spelling: f.name for f in declared(cls) for spelling in _spellings(f.metadata["symbol"])}


def unknown_field(cls: Any, name: object, known: Iterable[str]) -> UnknownName:
    """Return the error for a name that is not among the `known` ones: fields, and whatever else may stand there."""
    known, symbols = list(known), by_symbol(cls)
    meant = (
        f"; it is the symbol of {symbols[name]!r}." if isinstance(name, str) and name in symbols else closest(name, known)
    )
    return UnknownName(f"unknown field of {cls.name} {name!r}{meant} Known: {', '.join(known)}")


def _spellings(symbol: str) -> set[str]:
    return {symbol, symbol.replace("^", "_"), symbol.replace("^", "").replace("_", "")} - {""}
