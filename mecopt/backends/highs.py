"""HiGHS behind Pyomo, the decision open, by outer approximation (Duran and Grossmann 1986).

Says: INTEGER, WARM_PRIMAL (the incumbent gives the first tangents and the master's start). HiGHS is a linear solver: the
convex constraints are replaced by tangents at the best allocation of every decision the master proposes. After the
tangents of a decision's own optimum the master cannot undervalue it, so the loop ends after finitely many decisions.
"""

from __future__ import annotations

import math
from typing import Any

from mecopt import clock
from mecopt.backends.outside import Array, Outside, OutsideSolver, cut, local, tangents
from mecopt.problem import Problem

MASTER_CONSISTENCY = 1e-6
"""Difference between a master's value and that of its point, in parts of the unit, that HiGHS's own tolerances explain."""
MASTER_ROUNDING = 1e-9
"""Relative gap between master and incumbent that HiGHS's own tolerances cannot reliably resolve."""


def _inside(variable: Any, value: float) -> float:
    """Return a value that the master found within its tolerances, moved into the variable's own domain."""
    return round(value) if variable.is_binary() else min(max(value, variable.lb), variable.ub)


def _master(warmstart: bool) -> Any:
    """Return a HiGHS that has seen nothing yet."""
    from pyomo.contrib.appsi.solvers.highs import Highs as Master

    master = Master()
    master.config.load_solution = False
    master.highs_options = {"mip_rel_gap": 0.0, "mip_abs_gap": 1e-9, "random_seed": 0}
    master.config.warmstart = warmstart
    return master


def _consistent(model: Any, levels: Any, claimed: float) -> bool:
    """Whether a point has the value claimed: HiGHS 1.16 can return its start with that of the optimum."""
    import pyomo.environ as pyo

    for variable, level in levels.items():
        variable.set_value(level, skip_validation=True)
    (objective,) = model.component_data_objects(pyo.Objective, active=True)
    return math.isclose(pyo.value(objective), claimed, rel_tol=MASTER_CONSISTENCY, abs_tol=MASTER_CONSISTENCY)


class Highs(OutsideSolver):
    """Pyomo's mixed-integer master in HiGHS with tangent cuts, as an independent exact solver."""

    name = "highs"
    summary = "Pyomo and HiGHS with tangent cuts (outer approximation), certified by our own proof"
    package = "highspy"
    imports = ("pyomo.environ", "pyomo.contrib.appsi.solvers.highs")

    def solve_one(self, problem: Problem, start: Array | None, gap: float, time_limit: float | None) -> Outside:
        """Alternate between the master and the best allocation of its decision."""
        from pyomo.contrib.appsi.base import TerminationCondition

        began = clock.now()
        unit = self.unit(problem)
        model = self.model(problem, unit)
        constraints = tangents(model)
        master = _master(warmstart=True)
        modelled = clock.now()
        best = local(problem) if start is None else start
        value = float(problem.sign * problem.optimal_value(best))
        self.place(problem, model, best)
        cut(model, constraints)
        bound, rounds, out_of_time, seen = -math.inf, 0, False, {best.tobytes()}
        while True:
            left = None if time_limit is None else time_limit - (clock.now() - began)
            if left is not None and left <= 0:
                out_of_time = True
                break
            if left is not None:
                master.config.time_limit = left
            result = master.solve(model)
            rounds += 1
            if result.termination_condition != TerminationCondition.optimal:
                if left is None:
                    raise ArithmeticError(f"the master stopped: {result.termination_condition.name}")
                out_of_time = True
                break
            levels = result.solution_loader.get_primals()
            if master.config.warmstart and not _consistent(model, levels, float(result.best_feasible_objective)):
                master = _master(warmstart=False)
                continue
            for variable, level in levels.items():
                variable.set_value(_inside(variable, level))
            bound = problem.sign * unit * float(result.best_objective_bound)
            cut(model, constraints)
            decision = self.chosen(model, problem.users)
            reached = float(problem.sign * problem.optimal_value(decision))
            if reached < value:
                best, value = decision, reached
            if value - bound <= max(gap, MASTER_ROUNDING) * abs(value) or decision.tobytes() in seen:
                break
            seen.add(decision.tobytes())
            self.place(problem, model, decision)
            cut(model, constraints)
        return Outside(
            decision=best,
            claimed_bound=problem.sign * bound,
            iterations=rounds,
            calls=rounds,
            model_seconds=modelled - began,
            solve_seconds=clock.now() - modelled,
            limit=out_of_time,
        )
