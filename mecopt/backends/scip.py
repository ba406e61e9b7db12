"""SCIP through pyscipopt (behind Pyomo), the decision open.

Says: INTEGER, WARM_PRIMAL (the incumbent goes in as a start solution). It takes the convex mixed-integer model as it is.
"""

from __future__ import annotations

import numpy as np

from mecopt import clock
from mecopt.backends.outside import Array, Outside, OutsideSolver, local
from mecopt.problem import Problem

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
        from pyomo.contrib.solver.common.factory import SolverFactory
        from pyomo.contrib.solver.common.results import TerminationCondition

        began = clock.now()
        unit = self.unit(problem)
        model = self.model(problem, unit)
        solver = SolverFactory("scip_direct")
        if start is not None:
            self.place(problem, model, start)
        modelled = clock.now()
        left = None if time_limit is None else min(max(time_limit - (modelled - began), 0.0), LONGEST)
        result = solver.solve(
            model,
            time_limit=left,
            rel_gap=gap,
            solver_options={"numerics/feastol": FEASIBILITY},
            warmstart_discrete_vars=start is not None,
            raise_exception_on_nonoptimal_result=False,
            load_solutions=False,
        )
        solved = clock.now()
        out_of_time = result.termination_condition == TerminationCondition.maxTimeLimit
        if result.incumbent_objective is None:
            if not out_of_time:
                raise ArithmeticError(f"no incumbent: {result.termination_condition.name}")
            decision = local(problem) if start is None else start
            stands = "local computing" if start is None else "the start"
            message = f"the time limit came before any answer; what stands is {stands}"
        else:
            result.solution_loader.load_vars()
            decision, message = self.chosen(model, problem.users), ""
        bound = result.objective_bound
        return Outside(
            decision=decision,
            claimed_bound=np.nan if bound is None else unit * float(bound),
            iterations=int(result.extra_info["NNodes"]),
            calls=1,
            model_seconds=modelled - began,
            solve_seconds=solved - modelled,
            limit="convergence" not in result.termination_condition.name.lower(),
            message=message,
        )
