"""Problems, learners and reproductions of papers by name, found through entry points, so that anyone can add one."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from mecopt.contract.errors import unknown
from mecopt.contract.problem import Problem

if TYPE_CHECKING:
    from mecopt.evaluation.reproduction import Reproduction


@cache
def _entries(group: str) -> dict[str, EntryPoint]:
    """Return what is installed by name; of two installations what is found first."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=group):
        found.setdefault(entry.name, entry)
    return dict(sorted(found.items()))


def _loaded(group: str, kind: str, name: str) -> Any:
    if name not in _entries(group):
        raise unknown(kind, name, _entries(group))
    return _entries(group)[name].load()


def problem_names() -> list[str]:
    """Names of all installed problems; none is imported for this."""
    return list(_entries("mecopt.problems"))


def find_problem(name: str) -> type[Problem]:
    """Return the class of a problem.

    >>> find_problem("binary-offloading").__name__
    'BinaryOffloading'
    """
    found: type[Problem] = _loaded("mecopt.problems", "problem", name)
    return found


def problems() -> dict[str, type[Problem]]:
    """Import and return every installed problem by name."""
    return {name: find_problem(name) for name in problem_names()}


def learner_names() -> list[str]:
    """Names of all installed learners; none is imported for this."""
    return list(_entries("mecopt.learners"))


def find_learner(name: str) -> Any:
    """Return a learner, a `mecopt.learners.proposer.Learner`, by its name; torch is not imported for this."""
    return _loaded("mecopt.learners", "learner", name)


def reproduction_names() -> list[str]:
    """Numbers of all papers whose evaluation can be run again; none is imported for this."""
    return list(_entries("mecopt.reproductions"))


def find_reproduction(paper: str) -> Reproduction:
    """Return the reproduction of a paper by its number, such as "003"."""
    found: Reproduction = _loaded("mecopt.reproductions", "paper", paper)
    return found


def dynamics_names(of: type[Problem] | None = None) -> list[str]:
    """Names of all installed problems that repeat; none is imported for this.

    Of one problem those that may be about it: what lies in the package of another installed problem is about that one.
    """
    if of is None:
        return list(_entries("mecopt.dynamics"))
    others = [
        f"{entry.module}." for entry in _entries("mecopt.problems").values() if not _within(of.__module__, entry.module)
    ]
    return [name for name, entry in _entries("mecopt.dynamics").items() if not entry.module.startswith(tuple(others))]


def find_dynamics(name: str) -> Any:
    """Return the class of a problem that repeats, a `mecopt.dynamic.Dynamics`, by its name.

    >>> find_dynamics("backscatter-frame").carried
    ('battery',)
    """
    return _loaded("mecopt.dynamics", "sequential problem", name)


def environments_of(name: str) -> list[str]:
    """Return the ids of a problem's environments: those whose class lies in the package of its dynamics; none is imported.

    >>> environments_of("hybrid-slot")
    ['mecopt/HybridSlot-v0']
    """
    dynamics, listed = _entries("mecopt.dynamics"), _entries("mecopt.environments")
    if name not in dynamics:
        raise unknown("sequential problem", name, dynamics)
    own = _package(dynamics[name])
    return [f"mecopt/{one}" for one, entry in listed.items() if _package(entry) == own]


def _within(module: str, package: str) -> bool:
    """Whether a module is a package, or lies in it."""
    return f"{module}.".startswith(f"{package}.")


def _package(entry: EntryPoint) -> str:
    """Return the package of an entry point's module, or a module that is in none."""
    return entry.module.rpartition(".")[0] or entry.module
