"""Conic programs through cvxpy, the decision fixed: Clarabel, ECOS and SCS.

Says: DUALS for all three. Clarabel and ECOS are interior-point methods and take no start. SCS is WARM_PRIMAL_DUAL: cvxpy
ignores `Variable.value` as a start, so the iterates (x, y, s) of an earlier SCS answer of the same shape are handed to the
solver itself; a start without them is an error, never a silent cold start.

Programs are built once per shape with Parameters (DPP), kept, and refilled.
"""

from __future__ import annotations

import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.backend import Feature, OneByOne, Single
from mecopt.fields import Variables
from mecopt.problem import Problem
from mecopt.solution import InstanceError, Solution, StartIgnored

Array = NDArray[Any]


@dataclass(frozen=True)
class Program:
    """A disciplined parametrised program and its named parts."""

    problem: Any
    parameters: Mapping[str, Any]
    variables: Mapping[str, Any]
    constraints: Mapping[str, Any]


class ConicModel(ABC):
    """How a model writes its inner problem for cvxpy: a program per shape, its numbers, and how to read the answer."""

    def __init__(self) -> None:
        self._programs: dict[Hashable, Program] = {}

    @abstractmethod
    def shape(self, problem: Any, decision: Array) -> Hashable:
        """Return what the program's structure depends on; None where the decision leaves nothing to solve."""

    @abstractmethod
    def build(self, shape: Any) -> Program:
        """Write the program of a shape."""

    @abstractmethod
    def numbers(self, problem: Any, decision: Array) -> dict[str, Any]:
        """Return the scaled parameter values by name."""

    @abstractmethod
    def read(
        self, problem: Any, decision: Array, values: Mapping[str, Any], multipliers: Mapping[str, Any]
    ) -> tuple[Variables, Variables]:
        """Return a feasible allocation in the problem's units and a dual, from scaled values and multipliers."""

    @abstractmethod
    def trivial(self, problem: Any, decision: Array) -> tuple[Variables, Variables]:
        """Answer a decision whose shape is None."""

    def program(self, problem: Any, decision: Array) -> Program:
        """Return the program of this decision with its parameters filled."""
        shape = self.shape(problem, decision)
        if shape not in self._programs:
            self._programs[shape] = self.build(shape)
        program = self._programs[shape]
        for name, value in self.numbers(problem, decision).items():
            program.parameters[name].value = value
        return program


_OPTIONS: dict[str, Callable[[float, float | None], dict[str, Any]]] = {
    "CLARABEL": lambda tol, limit: {
        "tol_gap_abs": tol,
        "tol_gap_rel": tol,
        "tol_feas": tol,
        **({} if limit is None else {"time_limit": limit}),
    },
    "ECOS": lambda tol, _: {"abstol": tol, "reltol": tol, "feastol": tol, "max_iters": 500},
    "SCS": lambda tol, limit: {
        "eps_abs": tol,
        "eps_rel": tol,
        "max_iters": 200_000,
        **({} if limit is None else {"time_limit_secs": limit}),
    },
}


class Conic(OneByOne):
    """One conic solver behind cvxpy."""

    features = Feature.DUALS

    def __init__(self, solver: str, model: ConicModel) -> None:
        self.solver = solver
        self.model = model
        self.name = self.package = solver.lower()
        self.summary = f"cvxpy with {'Clarabel' if solver == 'CLARABEL' else solver}, disciplined parametrised program"
        if solver == "SCS":
            self.features |= Feature.WARM_PRIMAL_DUAL

    def allocate_one(
        self, problem: Problem, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        """Fill the program of this shape, solve it, and read the answer."""
        began = time.perf_counter()
        if self.model.shape(problem, decision) is None:
            allocation, dual = self.model.trivial(problem, decision)
            return Single(allocation, dual, 0, time.perf_counter() - began, 0.0, start_used=False)
        if time_limit is not None and self.solver == "ECOS":
            raise InstanceError("ecos knows no time limit; use clarabel or scs, or leave time_limit out")
        program = self.model.program(problem, decision)
        cvxpy_problem = program.problem
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            options = _OPTIONS[self.solver](0.1 * tol, time_limit)
            data, chain, inverse = cvxpy_problem.get_problem_data(self.solver, solver_opts=options)
            cache = self._iterates(start, data)
            modelled = time.perf_counter()
            raw = chain.solver.solve_via_data(
                data,
                warm_start=bool(cache),
                verbose=False,
                solver_opts=options,
                solver_cache=cache,
            )
            solved = time.perf_counter()
            cvxpy_problem.unpack_results(raw, chain, inverse)
        status = cvxpy_problem.status
        values = {name: variable.value for name, variable in program.variables.items()}
        if any(value is None for value in values.values()):
            raise ArithmeticError(f"the solver stopped with status {status!r} and no point")
        multipliers = {name: constraint.dual_value for name, constraint in program.constraints.items()}
        allocation, dual = self.model.read(problem, decision, values, multipliers)
        return Single(
            allocation,
            dual,
            int(cvxpy_problem.solver_stats.num_iters or 0),
            modelled - began,
            solved - modelled,
            limit=status in ("user_limit", "optimal_inaccurate") and time_limit is not None,
            message="" if status == "optimal" else f"{self.name}: {status}",
            start_used=bool(cache),
            restart={key: np.array(raw[key]) for key in "xys"} if self.solver == "SCS" else None,
        )

    def _iterates(self, start: Solution | None, data: Mapping[str, Any]) -> dict[str, Any]:
        if start is None:
            return {}
        restart = start.restart
        if isinstance(restart, np.ndarray):
            restart = restart.item() if restart.ndim == 0 else None
        if not isinstance(restart, dict) or restart.keys() != set("xys"):
            raise StartIgnored(
                f"{self.name} starts only from an earlier answer of its own, which carries both primal and dual iterates"
            )
        rows, columns = data["A"].shape
        if restart["x"].shape != (columns,) or restart["y"].shape != (rows,):
            raise StartIgnored(f"{self.name} cannot use a start of another shape: the decisions offload different numbers")
        return {self.solver: restart}
