"""HiGHS, the decision open, by outer approximation (Duran and Grossmann 1986).

Says: INTEGER, WARM_PRIMAL (the incumbent gives the first tangents and the master's start). HiGHS is a linear solver: the
convex constraints are replaced by tangents at the best allocation of every decision the master proposes. After the
tangents of a decision's own optimum the master cannot undervalue it, so the loop ends after finitely many decisions.
"""

from __future__ import annotations

import math
from typing import Any

from mecopt.backends.outside import Array, Outside, OutsideSolver, local
from mecopt.backends.written import Linear, nonlinear, pyomo_alone, tangents
from mecopt.contract.problem import Problem
from mecopt.running import clock

MASTER_CONSISTENCY = 1e-6
"""Difference between a master's value and that of its point, in parts of the unit, that HiGHS's own tolerances explain."""
MASTER_ROUNDING = 1e-9
"""Relative gap between master and incumbent that HiGHS's own tolerances cannot reliably resolve."""

OUT_OF_TIME = "Time limit reached"
"""HiGHS's word for it."""

OPTIONS = {"mip_rel_gap": 0.0, "mip_abs_gap": 1e-9, "random_seed": 0}


def _inside(variable: Any, value: float) -> float:
    """Return a value that the master found within its tolerances, moved into the variable's own domain."""
    return round(value) if variable.is_binary() else min(max(value, variable.lb), variable.ub)


def _consistent(model: Any, master: Linear) -> bool:
    """Whether a point has the value claimed: HiGHS 1.16 can return its start with that of the optimum."""
    import pyomo.environ as pyo

    for variable, level in zip(master.variables, master.levels(), strict=True):
        variable.set_value(level, skip_validation=True)
    (objective,) = model.component_data_objects(pyo.Objective, active=True)
    return math.isclose(pyo.value(objective), master.value, rel_tol=MASTER_CONSISTENCY, abs_tol=MASTER_CONSISTENCY)


class Highs(OutsideSolver):
    """A mixed-integer master in HiGHS with tangent cuts, as an independent exact solver."""

    name = "highs"
    summary = "Pyomo and HiGHS with tangent cuts (outer approximation), certified by our own proof"
    package = "highspy"
    imports = ("pyomo.environ", "highspy")

    def solve_one(self, problem: Problem, start: Array | None, gap: float, time_limit: float | None) -> Outside:
        """Alternate between the master and the best allocation of its decision."""
        began = clock.now()
        unit = self.unit(problem)
        with pyomo_alone():
            model = self.written(problem, unit)
            constraints, master = nonlinear(model), Linear(model, OPTIONS)
            modelled = clock.now()
            best = local(problem) if start is None else start
            value = float(problem.sign * problem.optimal_value(best))
            self.place(problem, model, best)
            master.add(tangents(constraints))
        bound, rounds, out_of_time, starts, message, seen = -math.inf, 0, False, True, "", {best.tobytes()}
        while True:
            left = None if time_limit is None else time_limit - (clock.now() - began)
            if left is not None and left <= 0:
                out_of_time = True
                break
            if starts:
                master.start()
            ended = master.run(left)
            rounds += 1
            if ended != "Optimal":
                out_of_time = ended == OUT_OF_TIME
                message = "" if out_of_time else f"the master stopped: {ended}; what stands is the best found before that"
                break
            with pyomo_alone():
                if starts and not _consistent(model, master):
                    master.forget()
                    starts = False
                    continue
                for variable, level in zip(master.variables, master.levels(), strict=True):
                    variable.set_value(_inside(variable, level))
                bound = problem.sign * unit * master.bound
                master.add(tangents(constraints))
                decision = self.chosen(model, problem.users)
                reached = float(problem.sign * problem.optimal_value(decision))
                if reached < value:
                    best, value = decision, reached
                if value - bound <= max(gap, MASTER_ROUNDING) * abs(value) or decision.tobytes() in seen:
                    break
                seen.add(decision.tobytes())
                self.place(problem, model, decision)
                master.add(tangents(constraints))
        return Outside(
            decision=best,
            claimed_bound=problem.sign * bound,
            iterations=rounds,
            calls=rounds,
            model_seconds=modelled - began,
            solve_seconds=clock.now() - modelled,
            limit=out_of_time,
            message=message,
        )
