"""Conic programs through cvxpy, the decision fixed: Clarabel, ECOS and SCS.

Says: DUALS for all three. Clarabel and ECOS are interior-point methods and take no start. SCS is WARM_PRIMAL_DUAL: cvxpy
ignores `Variable.value` as a start, so the iterates (x, y, s) are handed to the solver itself. They come from the price of
the start, whoever found it: the allocation that answers the price gives x and s, and the price gives y.

That is possible because models write their programs in explicit epigraph form, every variable and cone named. An atom like
`cvxpy.inv_pos` would bring auxiliary variables that only cvxpy knows; here the solver's columns are the named variables and
its rows the named constraints, nothing else.

Programs are built once per shape with Parameters (DPP), kept, and refilled; each of several threads has its own meanwhile.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.one_by_one import OneByOne, Single
from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError, StartIgnored
from mecopt.contract.fields import Variables, declared
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.running import clock
from mecopt.running.concurrency import INTERRUPTS, MODELLING, Lent, unheard

Array = NDArray[Any]


FIRST_ORDER = 1e-2
"""What SCS proves everywhere: it mostly ends at 1e-7, but noise in the last digits of the data can make that 1e-4."""

LARGEST = 1e150
"""Largest scaled iterate that SCS is started from: it squares them, and squares of 1e154 overflow."""

TAKE_INTERRUPTS = ("ECOS", "SCS")
"""Solvers that handle Ctrl-C themselves while they run, and put back the handler that they found."""

LEAST_SECONDS = 1e-3
"""Of a time limit that modelling has used up: a solver may take 0 for none."""


@dataclass(frozen=True)
class Program:
    """A disciplined parametrised program and its named parts: all variables and all constraints, none without a name."""

    problem: Any
    parameters: Mapping[str, Any]
    variables: Mapping[str, Any]
    constraints: Mapping[str, Any]


class ConicModel(ABC):
    """How a model writes its inner problem for cvxpy: a program per shape, its numbers, and how to read and write points."""

    summary = "disciplined parametrised program"
    takes_start = True
    """Whether `point` and `multipliers` are given, so that SCS can start from a price."""

    def __init__(self) -> None:
        self._programs: Lent[Hashable, Program] = Lent()

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

    def point(self, problem: Any, decision: Array, allocation: Any) -> dict[str, Array]:
        """Return the value of every variable, by name, at a feasible allocation."""
        raise NotImplementedError

    def multipliers(self, problem: Any, decision: Array, dual: Any) -> dict[str, Array]:
        """Return a feasible dual point at a price: by constraint name one row per cone, as `cvxpy` orders its entries."""
        raise NotImplementedError

    @abstractmethod
    def trivial(self, problem: Any, decision: Array) -> tuple[Variables, Variables]:
        """Answer a decision whose shape is None."""

    def program(self, problem: Any, decision: Array) -> Program:
        """Return a program of its own for this decision, its parameters filled."""
        return self._filled(self._built(self.shape(problem, decision)), self.numbers(problem, decision))

    @contextmanager
    def kept_program(self, problem: Any, decision: Array) -> Iterator[Program]:
        """Have a kept program of this decision to oneself, its parameters filled."""
        shape, numbers = self.shape(problem, decision), self.numbers(problem, decision)
        with self._programs.of(shape, partial(self._built, shape)) as program:
            yield self._filled(program, numbers)

    def _built(self, shape: Hashable) -> Program:
        with MODELLING:
            return self.build(shape)

    @staticmethod
    def _filled(program: Program, numbers: Mapping[str, Any]) -> Program:
        with MODELLING:
            for name, value in numbers.items():
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


def run(
    program: Any, solver: str, options: Mapping[str, Any], start: Callable[[Mapping[str, Any]], Any] | None = None
) -> float:
    """Solve a `cvxpy.Problem` beside other threads, and return the seconds of the solver alone.

    Parameters
    ----------
    program
        keeps its answer, as `cvxpy` has it.
    options
        of the solver.
    start
        from the solver's data to the iterates that it starts from.
    """
    with unheard():
        with MODELLING:
            data, chain, inverse = program.get_problem_data(solver, solver_opts=options)
        cache = {} if start is None else {solver: start(data)}
        began = clock.now()
        with INTERRUPTS if solver in TAKE_INTERRUPTS else nullcontext():
            raw = chain.solver.solve_via_data(
                data, warm_start=start is not None, verbose=False, solver_opts=options, solver_cache=cache
            )
        seconds = clock.now() - began
        with MODELLING:
            program.unpack_results(raw, chain, inverse)
    return seconds


class Conic(OneByOne):
    """One conic solver behind cvxpy."""

    features = Feature.DUALS
    imports = ("cvxpy",)

    def __init__(self, solver: str, model: ConicModel, name: str | None = None) -> None:
        self.solver = solver
        self.model = model
        self.package = solver.lower()
        self.extra = "ecos" if solver == "ECOS" else None
        self.name = name or self.package
        self.summary = f"cvxpy with {'Clarabel' if solver == 'CLARABEL' else solver}, {model.summary}"
        if solver == "SCS":
            self.proves = FIRST_ORDER
            self.features |= Feature.WARM_PRIMAL_DUAL if model.takes_start else Feature.NONE

    def allocate_one(
        self, problem: Problem, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        """Fill the program of this shape, solve it, and read the answer."""
        began = clock.now()
        if self.model.shape(problem, decision) is None:
            allocation, dual = self.model.trivial(problem, decision)
            return Single(allocation, dual, 0, clock.now() - began, 0.0, start_used=False)
        if time_limit is not None and self.solver == "ECOS":
            raise InstanceError("ecos knows no time limit; use clarabel or scs, or leave time_limit out")
        with self.model.kept_program(problem, decision) as program:
            left = None if time_limit is None else max(time_limit - (clock.now() - began), LEAST_SECONDS)
            iterates = None if start is None else partial(self._iterates, program, problem, decision, start)
            seconds = run(program.problem, self.solver, _OPTIONS[self.solver](0.1 * tol, left), iterates)
            status, iterations = program.problem.status, int(program.problem.solver_stats.num_iters or 0)
            values = {name: variable.value for name, variable in program.variables.items()}
            multipliers = {name: constraint.dual_value for name, constraint in program.constraints.items()}
        modelled = clock.now() - began - seconds
        if any(value is None for value in values.values()):
            raise ArithmeticError(f"the solver stopped with status {status!r} and no point")
        allocation, dual = self.model.read(problem, decision, values, multipliers)
        return Single(
            allocation,
            dual,
            iterations,
            modelled,
            seconds,
            limit=status in ("user_limit", "optimal_inaccurate") and time_limit is not None,
            message="" if status == "optimal" else f"{self.name}: {status}",
            start_used=start is not None,
        )

    def _iterates(
        self, program: Program, problem: Problem, decision: Array, start: Solution, data: Mapping[str, Any]
    ) -> dict[str, Array]:
        """Return the iterates (x, y, s) at the price of a start."""
        own: Any = problem.unlimited.Dual  # prices of one's own limits begin nothing
        prices = [getattr(start.dual, f.name) for f in declared(own)]
        if not all(np.isfinite(price).all() for price in prices):
            raise StartIgnored(f"{self.name} starts from a price, and that of the given solution is not finite")
        x = self.columns(program, data, self.model.point(problem, decision, problem.respond(decision, start.dual)))
        y = self.rows(program, data, self.model.multipliers(problem, decision, start.dual))
        iterates = {"x": x, "y": y, "s": data["b"] - data["A"] @ x}
        if not all((np.abs(value) <= LARGEST).all() for value in iterates.values()):
            raise StartIgnored(f"{self.name} starts from a price, and at that of the given solution its iterates overflow")
        return iterates

    @staticmethod
    def columns(program: Program, data: Mapping[str, Any], values: Mapping[str, Array]) -> Array:
        """Lay out the values of all variables as the solver's columns."""
        x = np.full(data["A"].shape[1], np.nan)
        assert x.size == sum(variable.size for variable in program.variables.values()), "a variable without a name"
        first = data["param_prob"].var_id_to_col
        for name, variable in program.variables.items():
            x[first[variable.id] : first[variable.id] + variable.size] = values[name]
        return x

    @staticmethod
    def rows(program: Program, data: Mapping[str, Any], multipliers: Mapping[str, Array]) -> Array:
        """Lay out the multipliers of all constraints as the solver's rows: linear ones first, then cones by kind."""
        by_id = {constraint.id: np.ravel(multipliers[name]) for name, constraint in program.constraints.items()}
        return np.concatenate([by_id[constraint.id] for constraint in data["param_prob"].constraints])
