"""Numbers, generators and seeds that are given, looked at before anything runs: what cannot be meant gets a sentence."""

from __future__ import annotations

import types
from functools import cache
from typing import Any

import numpy as np
from numpy.random import Generator

from mecopt.contract.errors import InstanceError


@cache
def _of_nobody() -> Generator:
    """Return a generator that nobody draws from."""
    return np.random.default_rng(0)


def checked_generator(rng: Any, drawn: bool = True) -> Generator:
    """Return the generator, or one seeded with 0 where none is given; the same for all who do not draw from it."""
    if rng is None:
        return np.random.default_rng(0) if drawn else _of_nobody()
    if not isinstance(rng, Generator):
        seed = int(rng) if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0 else 0
        raise InstanceError(
            f"rng is {described(rng)}; allowed: a numpy Generator, as numpy.random.default_rng({seed}) makes"
        )
    return rng


def checked_number(name: str, value: Any, least: float = 0.0) -> None:
    """Raise `InstanceError` unless this is a finite number of at least so much."""
    if not _number(value) or not least <= value < np.inf:
        raise InstanceError(f"{name} is {value!r}; allowed: a finite number >= {least:g}")


def checked_gap(name: str, value: Any, least: float = 0.0) -> None:
    """Raise `InstanceError` unless this is a relative gap that proves something: a number of at least so much and below 1.

    An answer within a gap of 1 may be any multiple of the optimum, so that all are.
    """
    if not _number(value) or not least <= value < 1.0:
        raise InstanceError(f"{name} is {value!r}; allowed: a relative gap >= {least:g} and < 1, as 1e-3")


def checked_limit(time_limit: Any) -> None:
    """Raise `InstanceError` unless this is a number of seconds, or None."""
    if time_limit is not None:
        checked_number("time_limit", time_limit)


def checked_threads(threads: Any) -> None:
    """Raise `InstanceError` unless this is a whole number of at least 1."""
    known = isinstance(threads, int | np.integer) and not isinstance(threads, bool | np.timedelta64)
    if not known or threads < 1:
        raise InstanceError(f"threads is {threads!r}; allowed: a whole number >= 1")


def checked_seed(seed: Any) -> int:
    """Return the seed as Python's own number, or raise `InstanceError` unless it is a whole number of at least 0."""
    known = isinstance(seed, int | np.integer) and not isinstance(seed, bool | np.timedelta64)
    if not known or seed < 0:
        raise InstanceError(f"seed is {seed!r}; allowed: a whole number >= 0")
    return int(seed)


def _number(value: Any) -> bool:
    """Whether this is a real number, which neither a flag nor a span of time is."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool | np.timedelta64)


def described(given: Any) -> str:
    """Say in a few words what this is."""
    if given is None:
        return "None"
    if isinstance(given, type):
        return f"the class {given.__name__}"
    if isinstance(given, types.ModuleType):
        return f"the module {given.__name__}"
    if isinstance(given, bool | int | float | str):
        return repr(given)[:60]
    return f"a {type(given).__name__}"
