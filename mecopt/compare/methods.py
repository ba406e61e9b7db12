"""Methods that are asked for by name, or given as solvers: refused before anything runs, and the code behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mecopt.compare.parts import name_of, require_text
from mecopt.compare.results import STORED
from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Solver
from mecopt.search.named import base_name, solver_for
from mecopt.search.proposed import LEARNED, Proposed, is_learned
from mecopt.storage.atomic import class_digest


def own_methods(problem: Problem, methods: Sequence[Any]) -> dict[str, Solver]:
    """Return the solvers that are given themselves by their names, which no other method may have."""
    found: dict[str, Solver] = {}
    for method in methods:
        if isinstance(method, type) and issubclass(method, Solver):
            raise InstanceError(f"a method is the class {method.__name__}; allowed: a solver itself, {method.__name__}()")
        if not isinstance(method, Solver):
            continue
        name = getattr(method, "name", None)
        if not isinstance(name, str) or name == STORED or is_learned(name) or base_name(name) in problem.solvers:
            raise InstanceError(
                f"the {type(method).__name__} among the methods is named {name!r}; allowed: a name of its own, none of "
                f"{', '.join([*problem.solvers, LEARNED, STORED])}"
            )
        method.require()
        found[name] = method
    return found


def checked_methods(
    problem: Problem, methods: Sequence[Any], own: Mapping[str, Solver], labelled: bool
) -> dict[str, Solver]:
    """Refuse methods that cannot run; return the solvers behind the others, stored answers apart."""
    found: dict[str, Solver] = {}
    if not methods:
        raise InstanceError("methods is empty; name at least one")
    for method in methods:
        if methods.count(method) > 1:
            raise InstanceError(f"the method {method!r} is named twice")
        if isinstance(method, str) and method in own:
            found[method] = own[method]
            continue
        if not isinstance(method, str):
            raise InstanceError(
                f"a method is a {type(method).__name__}; allowed: names of solvers, or a mecopt.contract.solver.Solver"
            )
        require_text("method", method)
        if method == STORED:
            if not labelled:
                raise InstanceError("the method 'stored' needs a file that stores answers; this one has none")
        elif is_learned(method) or base_name(method) in problem.solvers:
            found[method] = solver_for(problem, method)
        else:
            raise unknown(f"method for {problem.name}", method, [*problem.solvers, LEARNED, f"{LEARNED}:FOLDER", STORED])
    return found


def code_of(problem: Problem, solver: Solver | None, policy: Proposed | None) -> list[str]:
    """Name the code that answers, where it may be somebody else's, and a policy with its card and weights."""
    classes = [type(problem), *([] if solver is None else [type(solver)])]
    return [*map(class_digest, classes), *([] if policy is None else [name_of(policy)])]
