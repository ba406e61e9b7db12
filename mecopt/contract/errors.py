"""The errors raised instead of an answer, and the words for names that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mecopt.show.printable import printable

LISTED, COMPARED = 100, 1000
"""Names that an error lists, and with which it compares an unknown one."""


class MecoptError(Exception):
    """Base of every error that mecopt raises on purpose; names from files are shown in it as a terminal may have them."""

    def __str__(self) -> str:
        return printable(super().__str__())


class InstanceError(MecoptError, ValueError):
    """The data of an instance, a decision or a file is wrong; says which field and entry, and what is allowed."""


class NoSuchInstance(MecoptError, IndexError):
    """A batch is asked for an instance that it does not hold, or by something that is no index."""


class UnknownName(InstanceError):
    """A problem, field, preset, solver or backend has no such name; says which ones exist and which was meant."""


class BackendUnavailable(MecoptError, ImportError):
    """A solver is known but not installed; says which extra brings it."""


class StartIgnored(MecoptError, ValueError):
    """A start was given that this solver cannot use, so it would have had no effect."""


class SolveFailed(MecoptError, RuntimeError):
    """At least one instance could not be answered; carries the whole `solution`, whose other items stand."""

    def __init__(self, message: str, solution: Any) -> None:
        super().__init__(message, solution)
        self.solution = solution

    def __str__(self) -> str:
        return printable(str(self.args[0]))


def checked_index(index: Any, shape: tuple[int, ...], owner: str) -> tuple[Any, ...]:
    """Return an index of a batch of this shape with an entry for each axis: whole numbers, slices, lists of numbers.

    An ellipsis stands for as many axes as it leaves out of the batch, and for none of those behind it; a mask becomes the
    numbers of what it selects.

    Raises
    ------
    NoSuchInstance
        if it does not select of such a batch.
    """
    if not shape:
        raise NoSuchInstance(f"this {owner} is a single instance, not a batch")
    entries = index if isinstance(index, tuple) else (index,)
    allowed = f"allowed: whole numbers, slices, lists of whole numbers or masks, of a batch of shape {shape}"
    for entry in entries:
        alone = isinstance(entry, np.ndarray) and entry.shape == () and entry.dtype == bool
        if entry is None or alone or isinstance(entry, bool | np.bool_):
            raise NoSuchInstance(f"{owner}[{index!r}] selects nothing; {allowed}")
    named = [entry for entry in entries if entry is not Ellipsis]
    if len(named) > len(shape):
        raise NoSuchInstance(f"{owner} takes {len(shape)} indices, not {len(named)}; {allowed}")
    try:
        np.broadcast_to(np.int8(0), shape)[index]
    except (IndexError, ValueError, TypeError) as error:
        raise NoSuchInstance(f"{owner}[{repr(index)[:60]}]: {error}; {allowed}") from None
    parts = [_numbers_selected(entry) for entry in entries]
    omitted = (slice(None),) * (len(shape) - sum(len(part) for part in parts if part[0] is not Ellipsis))
    expanded = [entry for part in parts for entry in (omitted if part[0] is Ellipsis else part)]
    return (*expanded, *omitted)[: len(shape)]


def _numbers_selected(entry: Any) -> tuple[Any, ...]:
    """Return an entry of an index, a mask as the numbers that it selects along each of its axes."""
    if entry is Ellipsis or isinstance(entry, slice):
        return (entry,)
    array = np.asarray(entry)
    return array.nonzero() if array.dtype == bool else (entry,)


def closest(name: object, known: Iterable[str]) -> str:
    """Return the hint `"; did you mean 'x'?"`, or a full stop where no known name resembles `name`."""
    import difflib  # only where an error is told

    found = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else "."


def unknown(kind: str, name: object, known: Iterable[str]) -> UnknownName:
    """Return the error for a `name` that is not among the `known` ones of its `kind`."""
    known = list(known)
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return UnknownName(f"unknown {kind} {name!r}{closest(name, known[:COMPARED])} Known: {', '.join(known[:LISTED])}{more}")
