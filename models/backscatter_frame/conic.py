"""The exponential-cone program of a frame: by cvxpy for Clarabel, ECOS and SCS, and by Clarabel called directly.

Times, bits and energies count as in `mecopt.models.backscatter_frame.frame`. ``active exp(ln 2 sent/active) <= whole`` is
the only cone; ``noise (whole - active)`` is what sending radiates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.conic import ConicModel, Program
from mecopt.models.backscatter_frame.allocation import carried, completed, fitted
from mecopt.models.backscatter_frame.prices import Prices, unscaled
from mecopt.models.backscatter_frame.terms import LN2, Terms
from mecopt.models.backscatter_frame.variables import FrameAllocation, FramePrices

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]

VARIABLES = ("active", "sent", "local", "reflected", "unserved", "kept", "passive", "whole")


class FrameProgram(ConicModel):
    """One program per number of users and set of users who may send; users who may not have no cone.

    Parameters
    ----------
    costs
        factor of all costs. The optimum is some hundredths of a carrier kept on: SCS, which balances costs against rows,
        ends nearer to it where they are of one size; the interior-point solvers where costs stay as small as they are.
    """

    takes_start = False
    summary = "exponential-cone program"

    def __init__(self, costs: float = 1.0) -> None:
        super().__init__()
        self.costs = costs

    def shape(self, problem: BackscatterFrame, decision: Array) -> tuple[int, bytes]:
        """Return the number of users, and who may send."""
        return problem.users, np.isfinite(problem.links(decision).noise).tobytes()

    def build(self, shape: tuple[int, bytes]) -> Program:
        """Write the program of a shape."""
        import cvxpy as cp

        users, who = shape
        sends = np.frombuffer(who, dtype=bool)
        names = ("work", "rate", "noise", "energy", "fastest", "circuit", "cpu", "value")
        parameters = {name: cp.Parameter(users, nonneg=True, name=name) for name in names}
        parameters["harvest"] = cp.Parameter((users, users), nonneg=True, name="harvest")
        parameters["costs"] = cp.Parameter(4, nonneg=True, name="costs")
        v = {name: cp.Variable(users, name=name) for name in VARIABLES}
        p, costs = parameters, parameters["costs"]
        spent = cp.multiply(p["noise"], v["whole"] - v["active"]) + cp.multiply(p["circuit"], v["active"])
        spent = spent + cp.multiply(p["cpu"], v["local"])
        constraints = {
            "work": v["sent"] + v["local"] + v["reflected"] + v["unserved"] >= p["work"],
            "time": v["active"] + v["passive"] <= 1.0,
            "rate": v["reflected"] <= cp.multiply(p["rate"], v["passive"]),
            "fastest": v["local"] <= p["fastest"],
            "battery": spent + v["kept"] <= p["energy"] + p["harvest"] @ v["passive"],
            "capacity": spent <= 1.0,
            "full": v["kept"] <= 1.0,
            **{f"{name} sign": v[name] >= 0.0 for name in VARIABLES if name != "whole"},
        }
        if sends.any():
            here = np.flatnonzero(sends)
            constraints["sending"] = cp.ExpCone(LN2 * v["sent"][here], v["active"][here], v["whole"][here])
        if not sends.all():
            silent = np.flatnonzero(~sends)
            constraints["silent"] = cp.hstack([v[name][silent] for name in ("active", "sent", "whole")]) == 0.0
        total = costs[0] * cp.sum(v["active"]) + costs[1] * cp.sum(v["sent"] + v["reflected"])
        total = total + costs[2] * cp.sum(v["passive"]) + costs[3] * cp.sum(v["unserved"]) - p["value"] @ v["kept"]
        return Program(cp.Problem(cp.Minimize(total), list(constraints.values())), parameters, v, constraints)

    def numbers(self, problem: BackscatterFrame, decision: Array) -> dict[str, Any]:
        """Return the entries of the frame."""
        t = problem.terms(decision)
        names = ("work", "rate", "energy", "fastest", "circuit", "cpu", "harvest", "costs")
        found = {name: getattr(t, name) for name in names}
        found["costs"], noise = self.costs * t.costs, np.where(np.isfinite(t.noise), t.noise, 0.0)
        return {**found, "noise": noise, "value": self.costs * t.kept}

    def problem(self, problem: BackscatterFrame, decision: Array) -> Any:
        """Return the program of one frame and its beams as a `cvxpy.Problem` of its own, the objective in mJ."""
        import cvxpy as cp

        program = self.build(self.shape(problem, decision))
        for name, value in self.numbers(problem, decision).items():
            program.parameters[name].value = value
        unit = float(problem.terms(decision).cost_unit[..., 0]) / self.costs
        return cp.Problem(cp.Minimize(unit * program.problem.objective.expr), program.problem.constraints)

    def read(
        self, problem: BackscatterFrame, decision: Array, values: Mapping[str, Any], multipliers: Mapping[str, Any]
    ) -> tuple[FrameAllocation, FramePrices]:
        """Return an allocation that fits, and the prices."""
        terms = problem.terms(decision)
        found = Prices(*(np.atleast_1d(multipliers[name]) / self.costs for name in ("work", "battery", "capacity")))
        return from_point(problem, decision, terms, values), unscaled(found, terms)

    def trivial(self, problem: BackscatterFrame, decision: Array) -> tuple[FrameAllocation, FramePrices]:
        """Answer nothing: every frame has a program."""
        raise AssertionError("every frame has a program")

    def point(self, problem: Any, decision: Array, allocation: Any) -> dict[str, Array]:
        """Give no start."""
        raise NotImplementedError

    def multipliers(self, problem: Any, decision: Array, dual: Any) -> dict[str, Array]:
        """Give no start."""
        raise NotImplementedError


def from_point(problem: BackscatterFrame, decision: Array, terms: Terms, values: Mapping[str, Array]) -> FrameAllocation:
    """Return the feasible allocation nearest to scaled values of a solver.

    What a user sends is at most what its radiated energy carries: where time and bits end near 0 the cone holds to the
    solver's tolerance only, and bits that are many for their time would take the energy of everything else.
    """
    time, bits = terms.time_unit, terms.bit_unit
    with np.errstate(invalid="ignore"):
        radiated = terms.noise * (values["whole"] - values["active"])
    sent = np.minimum(values["sent"], carried(values["active"], radiated, terms.noise))
    return completed(
        problem,
        decision,
        *fitted(
            problem,
            decision,
            values["active"] * time,
            values["passive"] * time,
            sent * bits,
            values["reflected"] * bits,
            values["local"] * bits,
        ),
    )


PROGRAM = FrameProgram()
BALANCED = FrameProgram(costs=100.0)
