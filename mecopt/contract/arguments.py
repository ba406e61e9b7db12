"""What `solve` and `allocate` are given, looked at before anything runs: what cannot be meant gets a sentence that helps."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
from numpy.random import Generator

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.show.numbers import counted


def checked_problem(problem: Any) -> None:
    """Raise `InstanceError` unless this is a problem with an instance to answer."""
    if isinstance(problem, Problem):
        if not problem.instances:
            raise InstanceError(f"the {problem.name} problem holds no instance; allowed: at least one")
        return
    raise InstanceError(f"problem is {_described(problem)}; allowed: a Problem{_meant(problem)}")


def _meant(given: Any) -> str:
    """Say how to make a problem of what was given instead."""
    if isinstance(given, type) and issubclass(given, Problem):
        names = given.__name__
        return f", an instance of the class: {names}(...) or {names}.sample(numpy.random.default_rng(0))"
    if isinstance(getattr(given, "problem", None), Problem):
        return "; this one has it as its attribute .problem"
    if isinstance(given, str) or hasattr(given, "__fspath__"):
        return "; a file is read by mecopt.data.load(path).problem"
    if isinstance(given, list | tuple) and given and all(isinstance(one, Problem) for one in given):
        return "; many instances are one Problem whose arrays have a leading axis, or are solved one after the other"
    if isinstance(given, dict):
        return ", for example BinaryOffloading(**fields)"
    return ", for example BinaryOffloading(data_size=[12.0, 7.5], capacity=30.0)"


def checked_generator(rng: Any) -> Generator:
    """Return the generator, or one seeded with 0 where none is given."""
    if rng is None:
        return np.random.default_rng(0)
    if not isinstance(rng, Generator):
        seed = int(rng) if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0 else 0
        raise InstanceError(
            f"rng is {_described(rng)}; allowed: a numpy Generator, as numpy.random.default_rng({seed}) makes"
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


def checked_seed(seed: Any) -> int:
    """Return the seed as Python's own number, or raise `InstanceError` unless it is a whole number of at least 0."""
    known = isinstance(seed, int | np.integer) and not isinstance(seed, bool | np.timedelta64)
    if not known or seed < 0:
        raise InstanceError(f"seed is {seed!r}; allowed: a whole number >= 0")
    return int(seed)


def checked_start(problem: Problem, start: Any) -> None:
    """Raise `InstanceError` unless this is a solution of such a problem."""
    if not isinstance(start, Solution):
        raise InstanceError(f"start is {_described(start)}; allowed: a Solution")
    other = start.problem
    if type(other) is not type(problem) or other.users != problem.users:
        raise InstanceError(
            f"start solves {other.name} with {counted(other.users, 'users')}; allowed: {problem.name} with {problem.users}"
        )


def _number(value: Any) -> bool:
    """Whether this is a real number, which neither a flag nor a span of time is."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool | np.timedelta64)


def _described(given: Any) -> str:
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
