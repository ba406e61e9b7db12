"""SCIP through pyscipopt, the decision open.

Says: INTEGER, WARM_PRIMAL (the incumbent goes in as a start solution). It takes the convex mixed-integer model as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mecopt.backends.outside import Array, Outside, OutsideSolver, local
from mecopt.backends.written import pyomo_alone, scip_model
from mecopt.contract.problem import Problem
from mecopt.running import clock

FEASIBILITY = 1e-9
"""SCIP's default of 1e-6 lets it undervalue a convex cost by as much."""
LONGEST = 1e20
"""Seconds; SCIP takes no greater time limit."""


class Scip(OutsideSolver):
    """The branch-and-cut solver SCIP, as an independent exact solver."""

    name = "scip"
    summary = "SCIP on the convex mixed-integer model, certified by our own proof"
    package = "pyscipopt"
    extra = "scip"
    imports = ("pyomo.environ", "pyscipopt")

    def solve_one(self, problem: Problem, start: Array | None, gap: float, time_limit: float | None) -> Outside:
        """Solve one instance."""
        began = clock.now()
        unit = self.unit(problem)
        with pyomo_alone():
            model = self.written(problem, unit)
            written, pairs = scip_model(model)
            if start is not None:
                self.place(problem, model, start)
                _started(written, pairs)
        modelled = clock.now()
        written.setParam("limits/gap", gap)
        written.setParam("numerics/feastol", FEASIBILITY)
        if time_limit is not None:
            written.setParam("limits/time", min(max(time_limit - (modelled - began), 0.0), LONGEST))
        written.optimize()
        solved = clock.now()
        ended = written.getStatus()
        if not written.getNSols():
            if ended != "timelimit":
                raise ArithmeticError(f"no incumbent: {ended}")
            decision = local(problem) if start is None else start
            stands = "local computing" if start is None else "the start"
            message = f"the time limit came before any answer; what stands is {stands}"
        else:
            with pyomo_alone():
                for variable, column in pairs:
                    variable.set_value(written.getVal(column), skip_validation=True)
                decision, message = self.chosen(model, problem.users), ""
        bound = written.getDualbound()
        return Outside(
            decision=decision,
            claimed_bound=unit * float(bound) if abs(bound) < written.infinity() else np.copysign(np.inf, bound),
            iterations=int(written.getNNodes()),
            calls=1,
            model_seconds=modelled - began,
            solve_seconds=solved - modelled,
            limit=ended not in ("optimal", "gaplimit"),
            message=message,
        )


def _started(written: Any, pairs: list[tuple[Any, Any]]) -> None:
    """Begin at the integers among the variables' values; SCIP completes them."""
    partial = written.createPartialSol()
    for variable, column in pairs:
        if variable.is_integer():
            partial[column] = variable.value
    written.addSol(partial)
