"""A Pyomo model as HiGHS and SCIP take it: written column by column and row by row, and solved by their own interfaces.

Pyomo's interfaces redirect the output of the whole process while a solver runs, so that two threads that do so at once never
return, and one that writes elsewhere writes nowhere. Here Pyomo only holds the model; nothing is redirected.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mecopt.running.concurrency import MODELLING

SMALLEST_SLOPE = 1e-8
"""Coefficients below this are dropped by linear solvers."""

HEARD_EVERY = 0.1
"""Seconds within which Ctrl-C is heard where waiting for a thread hears nothing, as on Windows."""


@contextmanager
def pyomo_alone() -> Iterator[None]:
    """Have Pyomo to oneself, and keep its remarks on the way off the terminal; those of other threads are still heard."""
    mine = threading.get_ident()

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != mine

    with MODELLING:
        handlers = list(logging.getLogger("pyomo").handlers)
        for handler in handlers:
            handler.addFilter(of_others)
        try:
            yield
        finally:
            for handler in handlers:
                handler.removeFilter(of_others)


# ---------------------------------------------------------------------- tangents

Row = tuple[Sequence[Any], Sequence[float], float, float]
"""Variables, their coefficients, and the limits of their sum."""


def nonlinear(model: Any) -> list[Any]:
    """Return the model's convex nonlinear constraints, in whose place `tangents` stand."""
    return [constraint for constraint in _constraints(model) if constraint.body.polynomial_degree() not in (0, 1)]


def tangents(constraints: list[Any]) -> list[Row]:
    """Return the tangent of every convex constraint ``body <= upper`` at the current values: it cuts off no feasible point.

    Values are moved into their bounds first (a linear solver leaves them by its tolerance). Slopes too small for a linear
    solver are replaced by their least contribution, which keeps the tangent valid.
    """
    import pyomo.environ as pyo
    from pyomo.core.expr.calculus.derivatives import Modes, differentiate
    from pyomo.core.expr.visitor import identify_variables

    rows: list[Row] = []
    for constraint in constraints:
        variables = list(identify_variables(constraint.body, include_fixed=False))
        for v in variables:
            v.set_value(min(max(v.value, v.lb), v.ub))
        slopes = differentiate(constraint.body, wrt_list=variables, mode=Modes.reverse_numeric)
        offset = pyo.value(constraint.body) - pyo.value(constraint.upper)
        kept: dict[str, list[Any]] = {"variables": [], "slopes": []}
        for slope, v in zip(slopes, variables, strict=True):
            offset -= slope * v.value
            if abs(slope) < SMALLEST_SLOPE:
                offset += min(slope * v.lb, slope * v.ub)
            else:
                kept["variables"].append(v)
                kept["slopes"].append(float(slope))
        if kept["slopes"]:
            rows.append((kept["variables"], kept["slopes"], -np.inf, -float(offset)))
    return rows


def _constraints(model: Any) -> Iterator[Any]:
    import pyomo.environ as pyo

    return iter(model.component_data_objects(pyo.Constraint, active=True))


def _objective(model: Any) -> Any:
    import pyomo.environ as pyo

    (objective,) = model.component_data_objects(pyo.Objective, active=True)
    return objective


# ---------------------------------------------------------------------- HiGHS


class Linear:
    """The linear part of a model in HiGHS, to which rows are added; what HiGHS knows is kept from one run to the next.

    Parameters
    ----------
    model
        with one linear objective.
    options
        of HiGHS.
    """

    def __init__(self, model: Any, options: Mapping[str, Any]) -> None:
        import highspy
        from pyomo.repn import generate_standard_repn

        self._highs = highspy.Highs()
        self._columns: dict[int, int] = {}
        self.variables: list[Any] = []
        for name, value in {"output_flag": False, "threads": 1, **options}.items():
            self._highs.setOptionValue(name, value)
        left_out = set(map(id, nonlinear(model)))
        for constraint in _constraints(model):
            if id(constraint) not in left_out:
                part = generate_standard_repn(constraint.body, compute_values=True)
                limits = (constraint.lb, -np.inf), (constraint.ub, np.inf)
                lower, upper = (none if limit is None else float(limit - part.constant) for limit, none in limits)
                self.add([(part.linear_vars, part.linear_coefs, lower, upper)])
        objective = _objective(model)
        part = generate_standard_repn(objective.expr, compute_values=True)
        for variable, cost in zip(part.linear_vars, part.linear_coefs, strict=True):
            self._highs.changeColCost(self._column(variable), float(cost))
        self._constant = float(part.constant)
        self._highs.changeObjectiveOffset(self._constant)
        self._highs.changeObjectiveSense(highspy.ObjSense.kMinimize if objective.sense == 1 else highspy.ObjSense.kMaximize)

    def _column(self, variable: Any) -> int:
        import highspy

        if id(variable) not in self._columns:
            self._columns[id(variable)] = column = len(self.variables)
            self.variables.append(variable)
            lower, upper = variable.bounds
            self._highs.addVar(-np.inf if lower is None else lower, np.inf if upper is None else upper)
            if variable.is_integer():
                self._highs.changeColIntegrality(column, highspy.HighsVarType.kInteger)
        return self._columns[id(variable)]

    def add(self, rows: list[Row]) -> None:
        """Add rows, and the columns that they are the first to speak of."""
        for variables, coefficients, lower, upper in rows:
            columns = np.array([self._column(variable) for variable in variables], dtype=np.int32)
            self._highs.addRow(lower, upper, len(columns), columns, np.array(coefficients, dtype=float))

    def forget(self) -> None:
        """Forget what earlier runs found."""
        self._highs.clearSolver()

    def start(self) -> None:
        """Begin the next run at the variables' values, as far as they have some."""
        import highspy

        values = [variable.value for variable in self.variables]
        if any(value is not None for value in values):
            solution = highspy.HighsSolution()
            solution.col_value = np.array([0.0 if value is None else value for value in values])
            solution.value_valid, solution.dual_valid = True, False
            self._highs.setSolution(solution)

    def run(self, time_limit: float | None) -> str:
        """Let HiGHS work, and return its word on how it ended, "Optimal" for example; `time_limit` is of this run."""
        highs = self._highs
        if time_limit is not None:
            highs.setOptionValue("time_limit", time_limit)
        if threading.current_thread() is threading.main_thread():
            _interruptible(highs)
        else:
            highs.run()
        ended = str(highs.modelStatusToString(highs.getModelStatus()))
        return "Optimal" if ended == "Empty" else ended  # without columns nothing is left to choose

    @property
    def value(self) -> float:
        """The objective of the point that the last run ended at."""
        return float(self._highs.getInfo().objective_function_value) if self.variables else self._constant

    @property
    def bound(self) -> float:
        """What the last run claims that no point can better."""
        info = self._highs.getInfo()
        if info.mip_node_count == -1 or not self.variables:
            return self.value
        return float(info.mip_dual_bound)

    def levels(self) -> list[float]:
        """Return the values of `variables` at the point that the last run ended at."""
        return [float(level) for level in self._highs.getSolution().col_value]


def _interruptible(highs: Any) -> None:
    """Run HiGHS in a thread, so that this one hears Ctrl-C, and stops it."""
    stops = hasattr(type(highs), "HandleUserInterrupt")  # not before HiGHS 1.8
    if stops:
        highs.HandleUserInterrupt = True
    worker = threading.Thread(target=_run_and_leave_nothing, args=(highs,), daemon=True)
    try:
        worker.start()
        while worker.is_alive():
            worker.join(HEARD_EVERY)
    except BaseException:
        if stops:
            highs.cancelSolve()
            while worker.is_alive():
                worker.join(HEARD_EVERY)
        raise


def _run_and_leave_nothing(highs: Any) -> None:
    highs.run()
    if hasattr(highs, "resetGlobalScheduler"):  # its threads would outlive this one
        highs.resetGlobalScheduler(False)


# ---------------------------------------------------------------------- SCIP


def scip_model(model: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return SCIP's model, and pairs of a variable and its column there; the objective is one more column."""
    import pyscipopt
    from pyomo.core.expr.numeric_expr import UnaryFunctionExpression
    from pyomo.core.expr.numvalue import native_types
    from pyomo.core.expr.visitor import StreamBasedExpressionVisitor

    written = pyscipopt.Model()
    written.hideOutput()
    known: dict[int, Any] = {}
    pairs: list[tuple[Any, Any]] = []

    def leaf(_: Any, child: Any, __: int) -> tuple[bool, Any]:
        if type(child) in native_types:
            return False, child
        if not child.is_potentially_variable() or (child.is_variable_type() and child.fixed):
            return False, float(child())
        if not child.is_variable_type():
            return True, None
        if id(child) not in known:
            lower, upper = child.bounds
            kind = "B" if child.is_binary() else "I" if child.is_integer() else "C"
            known[id(child)] = written.addVar(lb=lower, ub=upper, vtype=kind)
            pairs.append((child, known[id(child)]))
        return False, known[id(child)]

    def node(expression: Any, values: list[Any]) -> Any:
        if not expression.is_expression_type():
            return leaf(None, expression, 0)[1]
        if isinstance(expression, UnaryFunctionExpression):
            function: Callable[[Any], Any] = getattr(pyscipopt, expression.name)
            return function(values[0])
        return expression._apply_operation(values)

    translated = StreamBasedExpressionVisitor(beforeChild=leaf, exitNode=node).walk_expression
    for constraint in _constraints(model):
        body, lower, upper = translated(constraint.body), constraint.lb, constraint.ub
        if isinstance(body, float | int):  # all variables are fixed, and a number alone is no row
            body += written.addVar(lb=0.0, ub=0.0)
        if lower is not None and lower == upper:
            written.addCons(body == upper)
            continue
        if lower is not None:
            written.addCons(body >= lower)
        if upper is not None:
            written.addCons(body <= upper)
    objective = _objective(model)
    total, minimised = written.addVar(lb=None, ub=None), objective.sense == 1
    expression = translated(objective.expr)
    written.addCons(total >= expression if minimised else total <= expression)
    written.setObjective(total, "minimize" if minimised else "maximize")
    return written, pairs
