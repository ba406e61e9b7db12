"""The exponential-cone program of a frame: by cvxpy for Clarabel, ECOS and SCS, and by Clarabel called directly.

Times, bits and energies count as in `mecopt.models.backscatter_frame.allocation.frame`. ``active exp(ln 2 sent/active) <=
whole`` is the only cone; ``noise (whole - active)`` is what sending radiates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.conic import ConicModel, Program
from mecopt.contract.scaling import quotient
from mecopt.models.backscatter_frame.allocation.prices import Prices, unscaled
from mecopt.models.backscatter_frame.allocation.specialised import carried, completed, fitted
from mecopt.models.backscatter_frame.terms import LN2, Terms
from mecopt.models.backscatter_frame.variables import FrameAllocation, FramePrices

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]

SENDING = ("active", "sent", "whole")
"""Variables of those who may send, alone: held at 0 for the others they would leave interior points no room."""
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
        here = np.flatnonzero(np.frombuffer(who, dtype=bool))
        names = ("work", "rate", "noise", "energy", "fastest", "circuit", "cpu", "value")
        parameters = {name: cp.Parameter(users, nonneg=True, name=name) for name in names}
        parameters["harvest"] = cp.Parameter((users, users), nonneg=True, name="harvest")
        parameters["costs"] = cp.Parameter(4, nonneg=True, name="costs")
        v = {name: cp.Variable(users, name=name) for name in VARIABLES if name not in SENDING}
        active, sent, whole = (np.zeros(users) for _ in SENDING)
        if here.size:
            v |= {name: cp.Variable(here.size, name=name) for name in SENDING}
            place = np.eye(users)[:, here]
            active, sent, whole = (place @ v[name] for name in SENDING)
        p, costs = parameters, parameters["costs"]
        spent = cp.multiply(p["noise"], whole - active) + cp.multiply(p["circuit"], active)
        spent = spent + cp.multiply(p["cpu"], v["local"])
        constraints = {
            "work": sent + v["local"] + v["reflected"] + v["unserved"] >= p["work"],
            "time": active + v["passive"] <= 1.0,
            "rate": v["reflected"] <= cp.multiply(p["rate"], v["passive"]),
            "fastest": v["local"] <= p["fastest"],
            "battery": spent + v["kept"] <= p["energy"] + p["harvest"] @ v["passive"],
            "capacity": spent <= 1.0,
            "full": v["kept"] <= 1.0,
            **{f"{name} sign": variable >= 0.0 for name, variable in v.items() if name != "whole"},
        }
        if here.size:
            constraints["sending"] = cp.ExpCone(LN2 * v["sent"], v["active"], v["whole"])
        total = costs[0] * cp.sum(active) + costs[1] * cp.sum(sent + v["reflected"])
        total = total + costs[2] * cp.sum(v["passive"]) + costs[3] * cp.sum(v["unserved"]) - p["value"] @ v["kept"]
        return Program(cp.Problem(cp.Minimize(total), list(constraints.values())), parameters, v, constraints)

    def numbers(self, problem: BackscatterFrame, decision: Array) -> dict[str, Any]:
        """Return the entries of the frame."""
        t = problem.terms(decision)
        names = ("work", "rate", "energy", "fastest", "circuit", "cpu", "harvest", "costs")
        found = {name: getattr(t, name) for name in names}
        found["work"] = t.work - unavoidable(t)
        found["costs"], noise = self.costs * t.costs, np.where(np.isfinite(t.noise), t.noise, 0.0)
        return {**found, "noise": noise, "value": self.costs * t.kept}

    def problem(self, problem: BackscatterFrame, decision: Array) -> Any:
        """Return the program of one frame and its beams as a `cvxpy.Problem` of its own, the objective in mJ."""
        import cvxpy as cp

        program = self.build(self.shape(problem, decision))
        terms = problem.terms(decision)
        for name, value in {**self.numbers(problem, decision), "work": terms.work}.items():
            program.parameters[name].value = value
        unit = float(terms.cost_unit[..., 0]) / self.costs
        return cp.Problem(cp.Minimize(unit * program.problem.objective.expr), program.problem.constraints)

    def read(
        self, problem: BackscatterFrame, decision: Array, values: Mapping[str, Any], multipliers: Mapping[str, Any]
    ) -> tuple[FrameAllocation, FramePrices]:
        """Return an allocation that fits, and the prices."""
        terms = problem.terms(decision)
        found = Prices(*(np.atleast_1d(multipliers[name]) / self.costs for name in ("work", "battery", "capacity")))
        sends, point = np.isfinite(terms.noise), dict(values)
        for name in SENDING:
            point[name] = np.zeros(problem.users)
            if name in values:
                point[name][sends] = values[name]
        return from_point(problem, decision, terms, point), unscaled(stated(found, terms), terms)

    def trivial(self, problem: BackscatterFrame, decision: Array) -> tuple[FrameAllocation, FramePrices]:
        """Answer nothing: every frame has a program."""
        raise AssertionError("every frame has a program")

    def point(self, problem: Any, decision: Array, allocation: Any) -> dict[str, Array]:
        """Give no start."""
        raise NotImplementedError

    def multipliers(self, problem: Any, decision: Array, dual: Any) -> dict[str, Array]:
        """Give no start."""
        raise NotImplementedError


def _computed(terms: Terms) -> Array:
    """Return what users can compute from their batteries in a slot."""
    return np.minimum(terms.fastest, np.where(terms.cpu > 0, quotient(terms.energy, terms.cpu), np.inf))


def unavoidable(terms: Terms) -> Array:
    """Return the work that users without any path to the access point leave unserved: it stays out of the programs.

    They neither send nor harvest, and its price is a constant that can be orders of magnitude above all that is decided.
    """
    apart = np.isinf(terms.noise) & (terms.rate == 0.0) & (terms.harvest.sum(axis=-1) == 0.0) & (terms.energy <= 1.0)
    return np.where(apart, np.maximum(terms.work - _computed(terms), 0.0), 0.0)


def stated(prices: Prices, terms: Terms) -> Prices:
    """Return a program's prices with those of users some of whose work stayed out of it: unserved, it costs what that does.

    Their energy is worth what it computes, where more of it would compute more, and else what it is worth kept.
    """
    apart, unserved = unavoidable(terms) > 0.0, terms.costs[..., 3]
    worth = np.where(_computed(terms) < terms.fastest, unserved / np.where(terms.cpu > 0, terms.cpu, 1.0), 0.0)
    return Prices(
        np.where(apart, unserved, prices.work),
        np.where(apart, np.maximum(worth, terms.kept), prices.energy),
        np.where(apart, 0.0, prices.capacity),
    )


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
