"""What a file holds: instances, the answers stored with them, and where they are from."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.fields import declared
from mecopt.contract.meant import unknown_field
from mecopt.contract.problem import Problem
from mecopt.show.numbers import counted, values
from mecopt.show.page import Line, Page
from mecopt.show.readable import Readable

Array = NDArray[Any]

LONGEST = 200
"""Characters of an entry of a file's provenance that a page shows."""

Rows = Literal["users", "instances"]
"""What the rows of a table or matrix are: the users of one instance, or instances."""


@dataclass(frozen=True)
class Labels(Readable):
    """Answers stored with the instances by whoever made the file; shown as the method "stored", never trusted."""

    decision: Array
    allocation: Any
    """The problem's variables; None where the file stores decisions alone, whose best allocation `completed` computes."""
    objective: Array
    """As recorded in the file; nan where it is not."""
    status: Array | None = None
    """What whoever made the file knew of each answer, by the name of a `mecopt.Status`; None where the file does not say."""
    bound: Array | None = None
    """What was proved of each instance by whoever made the file; None where the file does not say."""

    @property
    def proved(self) -> NDArray[np.bool_]:
        """Which answers the file calls optimal; none where it does not say."""
        if self.status is None:
            return np.zeros(np.shape(self.objective), dtype=bool)
        return np.asarray(self.status == "OPTIMAL")

    def __getitem__(self, index: Any) -> Labels:
        """Return the labels of one instance, or of a slice of the batch."""
        allocation = None if self.allocation is None else self.allocation[index]
        more = [None if values is None else values[index] for values in (self.status, self.bound)]
        return Labels(self.decision[index], allocation, self.objective[index], *more)

    def completed(self, problem: Problem) -> Labels:
        """Return labels that have an allocation: where none is stored, the best one of each decision."""
        if self.allocation is not None:
            return self
        from mecopt.solve import allocate

        return replace(self, allocation=allocate(problem, self.decision, throw=False).allocation)

    def _line(self) -> str:
        return f"Labels of {counted(self.objective.size, 'instances')}: objective {values(self.objective)}"


@dataclass(frozen=True)
class Dataset(Readable):
    """Instances, the answers stored with them (if any), and where they are from."""

    problem: Problem
    labels: Labels | None = None
    provenance: dict[str, Any] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What a reader of the file should know, e.g. that a field in it was replaced."""
    names: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    """What the file calls the axes "instance", "user" and "server", where it does not count them from 0; in answers, too."""

    def _line(self) -> str:
        return f"Dataset {self.problem._line()}{', with labels' if self.labels else ''}"

    def _page(self) -> Page:
        origin = [Line(f"{key}: {value}"[:LONGEST]) for key, value in self.provenance.items()]
        return Page(self._line(), (*origin, *map(Line, self.notes), *self.problem.describe().parts))


@dataclass(frozen=True)
class Told:
    """What the caller says of a file that does not say it itself, or says otherwise."""

    problem: str | None = None
    rows: Rows | None = None
    ignore: tuple[str, ...] = ()
    fields: Mapping[str, Any] | Callable[[type[Problem]], Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    field: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rows not in (None, *get_args(Rows)):
            raise InstanceError(f"rows is {self.rows!r}; allowed: {' or '.join(map(repr, get_args(Rows)))}")

    def remaining(self, names: Iterable[str], where: str) -> list[str]:
        """Return the names without those to be ignored, each of which has to be among them."""
        names = list(names)
        for name in self.ignore:
            if name not in names:
                raise unknown(f"entry of {where} to ignore:", name, names)
        return [name for name in names if name not in self.ignore]

    def given(self, cls: type[Problem]) -> dict[str, Any]:
        """Return the fields that the caller sets."""
        found = self.fields(cls) if callable(self.fields) else self.fields
        names = [f.name for f in declared(cls)]
        for name in found:
            if name not in names:
                raise unknown_field(cls, name, names)
        return dict(found)


def words(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return words that may be given as one alone.

    >>> words("queue"), words(["queue", "time"])
    (('queue',), ('queue', 'time'))
    """
    return (given,) if isinstance(given, str) else tuple(given)


def digest(problem: Problem) -> str:
    """Return a short name of the data of these instances: equal data, equal name.

    A field that came after names had been given has a part in it only where it differs from its default.
    """
    found = hashlib.sha256(problem.name.encode())
    later = {f.name: f.metadata["default"] for f in declared(type(problem)) if f.metadata["later"]}
    for name, value in problem.data().items():
        if name in later and np.all(value == later[name]):
            continue
        found.update(f"{name}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).tobytes())
    if problem.own_limits:
        found.update(repr(problem.own_limits).encode())
    return found.hexdigest()[:16]


def compact(problem: Problem) -> dict[str, Array]:
    """Return the fields, each constant one as a single number; the first, which has everyone's shape, in full."""
    first, *others = problem.data().items()
    constant = {name: value[(0,) * value.ndim] for name, value in others if value.size and not any(value.strides)}
    return dict([first, *others]) | constant
