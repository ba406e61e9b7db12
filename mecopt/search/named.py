"""Solvers by name, for every verb and command: a problem's own, with other numbers where the name says so, or a policy.

``annealing`` is a solver of the problem, ``annealing:iterations=20:temperature=0.01`` the same with numbers of its
`mecopt.contract.solver.Solver.adjustable`, ``learned`` the policy that ships for such instances, ``learned:FOLDER`` one's
own.
"""

from __future__ import annotations

from typing import Any

from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError, UnknownName
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Solver
from mecopt.search.proposed import is_learned, learned


def solver_for(problem: Problem, name: str | Solver | None) -> Solver:
    """Return a solver by name, the problem's first one where none is given; a solver itself is returned as it is.

    A problem with limits of one's own has the first one that keeps them and is there; enumeration only for few users.

    Raises
    ------
    UnknownName, BackendUnavailable, InstanceError
        also where a problem has limits and the solver keeps none.
    """
    if not problem.limits:
        return _named(problem, name)
    able = {key: one for key, one in problem.solvers.items() if one.features & Feature.LIMITS}
    if name is None:
        return next(one for one in able.values() if one.is_available() and not _too_long(problem, one))
    found = _named(problem, name)
    if not found.features & Feature.LIMITS:
        raise InstanceError(
            f"the solver {found.name!r} keeps no limits, and {problem.limits[0].name!r} is one; these do: {', '.join(able)}"
        )
    return found


def _too_long(problem: Problem, solver: Solver) -> bool:
    """Whether a solver scores every decision, and there are too many."""
    most = getattr(solver, "most", None)
    return most is not None and problem.choices.count > most


def _named(problem: Problem, name: str | Solver | None) -> Solver:
    """Return a solver by name, or as it is given."""
    if isinstance(name, Solver):
        name.require()
        return name
    if isinstance(name, str) and is_learned(name):
        return learned(problem, name)
    if isinstance(name, str) and name not in problem.solvers and name in problem.backends:
        raise UnknownName(
            f"{name!r} is no solver of {problem.name} but a backend, which answers given decisions: "
            f"mecopt.allocate(problem, decision, backend={name!r})"
        )
    base, settings = _taken_apart(name)
    solver = problem.solver(base)
    return solver.adjusted(str(name), settings) if settings else solver


def base_name(name: str) -> str:
    """Return a solver's name without its settings.

    >>> base_name("annealing:iterations=20"), base_name("exact")
    ('annealing', 'exact')
    """
    return name.partition(":")[0]


def _taken_apart(name: Any) -> tuple[Any, dict[str, str]]:
    """Return a solver's name and the settings that follow it."""
    if not isinstance(name, str):
        return name, {}
    base, *parts = name.split(":")
    settings: dict[str, str] = {}
    for part in parts:
        setting, equals, text = part.partition("=")
        if not (setting and equals and text):
            raise InstanceError(f"the solver {name!r} has the setting {part!r}; allowed: NAME:SETTING=NUMBER:SETTING=NUMBER")
        if setting in settings:
            raise InstanceError(f"the solver {name!r} has the setting {setting} twice")
        settings[setting] = text
    return base, settings
