"""A model's convex mixed-integer program as plain arrays and plain Python: what one would write by hand, without Pyomo."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mecopt.backends.outside import OutsideSolver
from mecopt.backends.written import nonlinear, pyomo_alone
from mecopt.contract.problem import Problem

Array = NDArray[Any]


@dataclass(frozen=True)
class Plain:
    """Least ``cost . x + offset`` within bounds and rows, under ``convex(x) <= 0``; some entries of x are integers."""

    lower: Array
    upper: Array
    integer: Array
    cost: Array
    offset: float
    matrix: sparse.csr_matrix
    row_lower: Array
    row_upper: Array
    convex: Callable[[Any, Sequence[Any]], list[Any]]
    """From a module of functions such as ``log``, and x, to the convex constraints' left sides."""
    slopes: Callable[[Any, Sequence[Any]], list[list[float]]]
    """Their derivatives by the entries that `supports` names."""
    supports: list[list[int]]
    decided: Callable[[Array], Array]
    """Reads the decision out of x."""

    def tangents(self, x: Array, satisfied: float) -> tuple[list[list[int]], list[list[float]], list[float]]:
        """Return tangents ``slopes . x <= limit`` of the constraints that x, moved into its bounds, violates by more."""
        point = np.clip(x, self.lower, self.upper).tolist()
        values = self.convex(math, point)
        places, lines, limits = [], [], []
        if max(values, default=0.0) > satisfied:
            slopes = self.slopes(math, point)
            for place, line, value in zip(self.supports, slopes, values, strict=True):
                if value > satisfied:
                    places.append(place)
                    lines.append(line)
                    limits.append(sum(a * point[j] for a, j in zip(line, place, strict=True)) - value)
        return places, lines, limits


class _Text:
    """An expression as Python, put together by the operators that Pyomo applies."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __add__(self, other: Any) -> _Text:
        return _Text(f"({_text(self)} + {_text(other)})")

    def __radd__(self, other: Any) -> _Text:
        return _Text(f"({_text(other)} + {_text(self)})")

    def __mul__(self, other: Any) -> _Text:
        return _Text(f"({_text(self)} * {_text(other)})")

    def __rmul__(self, other: Any) -> _Text:
        return _Text(f"({_text(other)} * {_text(self)})")

    def __truediv__(self, other: Any) -> _Text:
        return _Text(f"({_text(self)} / {_text(other)})")

    def __rtruediv__(self, other: Any) -> _Text:
        return _Text(f"({_text(other)} / {_text(self)})")

    def __pow__(self, other: Any) -> _Text:
        return _Text(f"({_text(self)} ** {_text(other)})")

    def __neg__(self) -> _Text:
        return _Text(f"(-{_text(self)})")


def _text(part: Any) -> str:
    return part.text if isinstance(part, _Text) else f"({float(part)!r})"


def _source(expression: Any, place: dict[int, int]) -> str:
    """Return an expression as Python: its variables are those of a list ``x``, its functions those of a module ``of``."""
    from pyomo.core.expr.numeric_expr import UnaryFunctionExpression
    from pyomo.core.expr.numvalue import native_types
    from pyomo.core.expr.visitor import StreamBasedExpressionVisitor

    def leaf(_: Any, child: Any, __: int) -> tuple[bool, Any]:
        if type(child) in native_types:
            return False, child
        if not child.is_potentially_variable() or (child.is_variable_type() and child.fixed):
            return False, float(child())
        return (False, _Text(f"x[{place[id(child)]}]")) if child.is_variable_type() else (True, None)

    def node(one: Any, parts: list[Any]) -> Any:
        if not one.is_expression_type():
            return leaf(None, one, 0)[1]
        if isinstance(one, UnaryFunctionExpression):
            return _Text(f"of.{one.name}({_text(parts[0])})")
        return one._apply_operation(parts)

    if type(expression) in native_types:
        return _text(expression)
    return _text(StreamBasedExpressionVisitor(beforeChild=leaf, exitNode=node).walk_expression(expression))


def _function(items: list[str]) -> Callable[[Any, Sequence[Any]], Any]:
    """Return the function of a module and x that lists the values of expressions."""
    return eval(f"lambda of, x: [{', '.join(items)}]", {"__builtins__": {}})  # of nothing but our own model


def plain(problem: Problem, solver: OutsideSolver) -> Plain:
    """Write an instance, its objective in the unit of the solver's model."""
    import pyomo.environ as pyo
    from pyomo.core.expr.calculus.derivatives import Modes, differentiate
    from pyomo.core.expr.visitor import identify_variables
    from pyomo.repn import generate_standard_repn

    with pyomo_alone():
        model = solver.model(problem, solver.unit(problem))
        bent = nonlinear(model)
        variables = list(model.component_data_objects(pyo.Var, active=True))
        place = {id(variable): number for number, variable in enumerate(variables)}
        left_out = set(map(id, bent))
        entries: list[tuple[int, int, float]] = []
        limits: list[tuple[float, float]] = []
        for constraint in model.component_data_objects(pyo.Constraint, active=True):
            if id(constraint) in left_out:
                continue
            part = generate_standard_repn(constraint.body, compute_values=True)
            found = zip(part.linear_vars, part.linear_coefs, strict=True)
            entries += [(len(limits), place[id(variable)], float(slope)) for variable, slope in found]
            sides = (constraint.lb, -np.inf), (constraint.ub, np.inf)
            low, high = (none if side is None else float(side - part.constant) for side, none in sides)
            limits.append((low, high))
        (objective,) = model.component_data_objects(pyo.Objective, active=True)
        part = generate_standard_repn(objective.expr, compute_values=True)
        cost = np.zeros(len(variables))
        for variable, slope in zip(part.linear_vars, part.linear_coefs, strict=True):
            cost[place[id(variable)]] = objective.sense * float(slope)
        supports, bodies, slopes = [], [], []
        for one in bent:
            wanted = list(identify_variables(one.body, include_fixed=False))
            supports.append([place[id(variable)] for variable in wanted])
            bodies.append(f"{_source(one.body, place)} - ({float(one.ub)!r})")
            along = differentiate(one.body, wrt_list=wanted, mode=Modes.reverse_symbolic)
            slopes.append(f"[{', '.join(_source(slope, place) for slope in along)}]")
        lower, upper = np.array([variable.bounds for variable in variables], dtype=float).T
        integer = np.array([variable.is_integer() for variable in variables])

    def decided(x: Array) -> Array:
        with pyomo_alone():
            for variable, level in zip(variables, x.tolist(), strict=True):
                variable.set_value(level, skip_validation=True)
            return solver.chosen(model, problem.users)

    rows, columns, values = (np.array(part) for part in zip(*entries, strict=True))
    return Plain(
        lower=np.where(np.isnan(lower), -np.inf, lower),
        upper=np.where(np.isnan(upper), np.inf, upper),
        integer=integer,
        cost=cost,
        offset=objective.sense * float(part.constant),
        matrix=sparse.csr_matrix((values, (rows, columns)), (len(limits), len(variables))),
        row_lower=np.array([low for low, _ in limits]),
        row_upper=np.array([high for _, high in limits]),
        convex=_function(bodies),
        slopes=_function(slopes),
        supports=supports,
        decided=decided,
    )
