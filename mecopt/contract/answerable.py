"""Problems and starts that `solve` and `allocate` are given: what is none of these gets a sentence that helps."""

from __future__ import annotations

from typing import Any

from mecopt.contract.arguments import described
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
    raise InstanceError(f"problem is {described(problem)}; allowed: a Problem{_meant(problem)}")


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


def checked_start(problem: Problem, start: Any) -> None:
    """Raise `InstanceError` unless this is a solution of such a problem."""
    if not isinstance(start, Solution):
        raise InstanceError(f"start is {described(start)}; allowed: a Solution")
    other = start.problem
    if type(other) is not type(problem) or other.users != problem.users:
        raise InstanceError(
            f"start solves {other.name} with {counted(other.users, 'users')}; allowed: {problem.name} with {problem.users}"
        )
