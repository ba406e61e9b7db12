"""What follows from a problem's data and is asked for many times a call: computed once, and kept beside the data.

It is no part of the data: no copy, pickle or `replace` takes it along, nothing that goes through the data sees it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from operator import is_
from typing import Any, Generic, Self, TypeVar, cast, overload

import numpy as np

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")
C = TypeVar("C", bound=Callable[..., Any])


class Deriving:
    """Base of immutable data with something `derived`; it is kept outside of ``__dict__``, which is the data's."""

    __slots__ = ("_derived",)
    _derived: dict[Any, Any]


class derived(Generic[T]):  # noqa: N801 - it is written as `property` is
    """A property that is computed when it is first asked for; of immutable data it stays what it was, arrays read-only."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, owner: None, kind: Any = None) -> Self: ...
    @overload
    def __get__(self, owner: Deriving, kind: Any = None) -> T: ...
    def __get__(self, owner: Deriving | None, kind: Any = None) -> Self | T:
        if owner is None:
            return self
        try:
            return owner._derived[self]
        except KeyError:
            pass
        value = owner._derived[self] = self.compute(owner)
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
        return value


def forget(*data: Deriving) -> None:
    """Let go of what was derived of data: the next call finds them as the first one did."""
    for one in data:
        one._derived.clear()


FEW = 10_000
"""Entries of a field per user up to which what a function derives is kept: of more, memory is dearer than time."""


def of_data(compute: Callable[[P], R]) -> Callable[[P], R]:
    """Let a function of a problem alone, or a method without arguments, compute once for each problem of few entries.

    Arrays are handed out as copies: who writes into them changes no later answer. Who only reads them asks for what is
    `shared`.
    """

    def same(problem: Any) -> Any:
        found = problem._derived
        try:
            return found[compute]
        except KeyError:
            pass
        value = compute(problem)
        if problem.instances * problem.users <= FEW:
            found[compute] = value
        return value

    @wraps(compute)
    def kept(problem: P) -> R:
        value, of = same(problem), cast(Any, problem)
        return cast(R, _copied(value)) if compute in of._derived else cast(R, value)

    cast(Any, kept).same = same
    return kept


def shared(kept: Callable[..., R], *problem: Any) -> R:
    """Return what `of_data` keeps of a problem without a copy, for formulas and kernels that only read it.

    Parameters
    ----------
    kept
        a function, with the problem behind it, or a method of the problem.
    """
    same = getattr(kept, "same", None)
    if same is None:
        return kept(*problem)
    return cast(R, same(*problem or (cast(Any, kept).__self__,)))


class _Call(threading.local):
    """What is kept during the call of a thread: of which problem, and by what function."""

    known: tuple[Deriving, dict[Any, Any]] | None = None


_call = _Call()


class one_call:  # noqa: N801 - it is used as a context manager that is a function
    """Keep meanwhile what functions derive `once_a_call` of this problem, where it is little.

    Parameters
    ----------
    decision
        what is answered; of more than `FEW` entries nothing is kept.
    """

    __slots__ = ("before", "known")

    def __init__(self, problem: Deriving, decision: np.ndarray[Any, Any]) -> None:
        self.known: tuple[Deriving, dict[Any, Any]] | None = (problem, {}) if decision.size <= FEW else None

    def __enter__(self) -> None:
        self.before, _call.known = _call.known, self.known

    def __exit__(self, *raised: object) -> None:
        _call.known = self.before


def once_a_call(compute: C) -> C:
    """Let a function of a problem and of its decision or answer compute once within `one_call`; its values are only read.

    Objective, constraints and bounds have rates or energies in common. Elsewhere nothing is kept: an array that a caller
    writes into is another one at the next call.
    """

    @wraps(compute)
    def kept(problem: Any, *given: Any) -> Any:
        call = _call.known
        if call is None or call[0] is not problem:
            return compute(problem, *given)
        known = call[1]
        found = known.get(compute)
        if found is not None and all(map(is_, found[0], given)):
            return found[1]
        value = compute(problem, *given)
        known[compute] = given, value
        return value

    return cast(C, kept)


def _copied(value: Any) -> Any:
    """Return arrays that can be written, and tuples of them, anew; all else is immutable."""
    if isinstance(value, np.ndarray):
        return value.copy() if value.flags.writeable else value
    if isinstance(value, tuple):
        return tuple.__new__(type(value), map(_copied, value))
    return value
