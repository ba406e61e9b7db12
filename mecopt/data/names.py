"""What a file calls its users, servers and instances, which mecopt counts from 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mecopt.show.rows import Names

SHOWN = 5
"""Names that a note spells out."""


def in_order(labels: Sequence[Any], as_they_stand: bool) -> tuple[Any, ...]:
    """Return every label once: numbers sorted, words in the order of appearance, and all of them where rows keep theirs.

    >>> in_order([10.0, 3.0, 7.0], False), in_order([10.0, 3.0, 7.0], True), in_order(["b", "a", "b"], False)
    ((3.0, 7.0, 10.0), (10.0, 3.0, 7.0), ('b', 'a'))
    """
    known = dict.fromkeys(label.item() if isinstance(label, np.generic) else label for label in labels)
    numeric = all(map(_is_numeric, known))
    return tuple(sorted(known)) if numeric and not as_they_stand else tuple(known)


def as_written(labels: Sequence[Any]) -> tuple[Any, ...]:
    """Return labels of one kind: whole numbers, numbers, or words.

    >>> as_written([10.0, 3.0]), as_written([1.5, 2.0]), as_written([1.0, "north"]), as_written([True, False])
    ((10, 3), (1.5, 2.0), ('1', 'north'), ('True', 'False'))
    """
    numeric = all(map(_is_numeric, labels))
    if numeric and not all(float(label).is_integer() for label in labels):
        return tuple(float(label) for label in labels)
    whole = [int(label) if _is_numeric(label) and float(label).is_integer() else label for label in labels]
    return tuple(whole) if numeric else tuple(map(str, whole))


def _is_numeric(label: Any) -> bool:
    return isinstance(label, int | float) and not isinstance(label, bool)


def of_instance(names: Names, index: int) -> Names:
    """Return the names of one instance of a batch and of its users.

    >>> of_instance({"instance": ("monday", "tuesday"), "user": ("anna", "bob")}, 1)
    {'instance': ('tuesday',), 'user': ('anna', 'bob')}
    """
    return {axis: labels[index : index + 1] if axis == "instance" else labels for axis, labels in names.items()}


def told(names: Names) -> tuple[str, ...]:
    """Return a note for each axis of what mecopt's numbers mean in the file.

    >>> told({"user": ("anna", "bob"), "server": ("north", "south")})
    ("user 0 is 'anna', user 1 is 'bob'", "decision 1 is server 'north', decision 2 is server 'south'")
    """
    notes = []
    for axis, labels in names.items():
        begin, verb = (1, "decision {} is server") if axis == "server" else (0, axis + " {} is")
        listed = ", ".join(f"{verb.format(n)} {str(label)[:60]!r}" for n, label in enumerate(labels[:SHOWN], begin))
        notes.append(f"{listed}, ..." if len(labels) > SHOWN else listed)
    return tuple(notes)
