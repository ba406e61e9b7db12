"""Problems by name, found through the entry points `mecopt.problems`, so that anyone can add one."""

from functools import cache
from importlib.metadata import entry_points

from mecopt.problem import Problem
from mecopt.solution import unknown


@cache
def _entries() -> dict[str, str]:
    return {entry.name: entry.value for entry in sorted(entry_points(group="mecopt.problems"), key=lambda e: e.name)}


def problem_names() -> list[str]:
    """Names of all installed problems; none is imported for this."""
    return list(_entries())


def find_problem(name: str) -> type[Problem]:
    """Return the class of a problem.

    >>> find_problem("binary-offloading").__name__
    'BinaryOffloading'
    """
    if name not in _entries():
        raise unknown("problem", name, _entries())
    (entry,) = (e for e in entry_points(group="mecopt.problems", name=name))
    found: type[Problem] = entry.load()
    return found


def problems() -> dict[str, type[Problem]]:
    """Import and return every installed problem by name."""
    return {name: find_problem(name) for name in _entries()}
