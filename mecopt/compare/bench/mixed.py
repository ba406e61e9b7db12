"""Mixed-integer solvers called without a modelling layer, the decision open: SCIP, HiGHS, and scipy's `milp`.

Each model's convex mixed-integer program is written as plain arrays and plain Python (`mecopt.compare.bench.plain`), the
numbers of the instance in place; that is not timed. SCIP takes the convex constraints as they are. HiGHS and `milp` are
linear and get tangents (Duran and Grossmann 1986): of the continuous relaxation first, then of every decision that the
master proposes, whose best allocation is found by linear programs with tangents as well.
"""

from __future__ import annotations

import ctypes
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mecopt.backends.outside import OutsideSolver
from mecopt.compare.bench.plain import Plain, plain
from mecopt.compare.bench.rivals import LIMIT, Prepared, Rival
from mecopt.contract.problem import Problem
from mecopt.running import clock

Array = NDArray[Any]

GAP = 1e-6
"""Relative gap at which a search may stop, the default of `mecopt.solve`."""

SATISFIED = 1e-8
"""By how much a point may exceed a tangent; the models are scaled to values around 1."""

FEASIBILITY = 1e-7
"""SCIP's default of 1e-6 lets it undervalue a convex cost by as much; at 1e-9 its linear solver is asked for too much."""

ROUNDS = 200
"""Most rounds of tangents for one linear program, and most decisions of the master."""


class Unfinished(ArithmeticError):
    """A solver stopped without an answer that it calls optimal."""


class _OnPlain(Rival):
    """Base: what needs the mixed-integer program of a problem."""

    answers = "decision"

    def takes(self, cls: type[Problem]) -> bool:
        """Whether a problem has such a program."""
        return _written(cls) is not None

    @abstractmethod
    def solved(self, program: Plain) -> Array:
        """Return the optimal x."""

    def prepared(self, problem: Problem, decision: Array | None) -> Prepared:
        """Write the program."""
        solver = _written(type(problem))
        assert solver is not None
        program = plain(problem, solver)

        def value(x: Array) -> float:
            return float(problem.optimal_value(program.decided(x)))

        return Prepared(lambda: self.solved(program), value)


def _written(cls: type[Problem]) -> OutsideSolver | None:
    """Return a solver of the problem that has its mixed-integer program."""
    return next((solver for solver in cls.solvers.values() if isinstance(solver, OutsideSolver)), None)


class ScipDirect(_OnPlain):
    """SCIP, the program written by pyscipopt's own operators: that belongs to every instance, and is timed."""

    name = "SCIP by pyscipopt"
    summary = "the convex mixed-integer program written for SCIP without Pyomo"
    package = "pyscipopt"
    extra = "scip"
    imports = ("pyscipopt", "pyomo.environ")

    def takes(self, cls: type[Problem]) -> bool:
        """Whether a problem offers SCIP: elsewhere logarithms keep it busy for minutes with ten users."""
        return "scip" in cls.solvers

    def solved(self, program: Plain) -> Array:
        """Write the program, and solve it."""
        import pyscipopt

        model = pyscipopt.Model()
        model.hideOutput()
        bounds = zip(program.lower.tolist(), program.upper.tolist(), program.integer.tolist(), strict=True)
        x = [
            model.addVar(
                lb=None if low == -np.inf else low,
                ub=None if high == np.inf else high,
                vtype="I" if whole else "C",
                obj=cost,
            )
            for (low, high, whole), cost in zip(bounds, program.cost.tolist(), strict=True)
        ]
        model.addObjoffset(program.offset)
        starts, columns, slopes = program.matrix.indptr, program.matrix.indices.tolist(), program.matrix.data.tolist()
        for row, (low, high) in enumerate(zip(program.row_lower.tolist(), program.row_upper.tolist(), strict=True)):
            part = range(starts[row], starts[row + 1])
            body = pyscipopt.quicksum(slopes[k] * x[columns[k]] for k in part)
            if low == high:
                model.addCons(body == high)
                continue
            if low > -np.inf:
                model.addCons(body >= low)
            if high < np.inf:
                model.addCons(body <= high)
        for body in program.convex(pyscipopt, x):
            model.addCons(body <= 0.0)
        model.setParam("limits/gap", GAP)
        model.setParam("numerics/feastol", FEASIBILITY)
        model.setParam("limits/time", LIMIT)
        model.optimize()
        if model.getStatus() not in ("optimal", "gaplimit"):
            raise Unfinished(model.getStatus())
        return np.array([model.getVal(one) for one in x])


class Master(ABC):
    """A linear program to which rows are added, its integers open, relaxed or fixed."""

    @abstractmethod
    def add(self, places: list[list[int]], lines: list[list[float]], limits: list[float]) -> None:
        """Add rows ``line . x <= limit``."""

    @abstractmethod
    def run(self, integer: bool, fixed: Array | None) -> tuple[float, Array]:
        """Return bound and x, integers as such, or relaxed, or as they are given."""


def outer_approximation(program: Plain, master: Master) -> Array:
    """Return the optimal x of a convex mixed-integer program by a linear master.

    Every decision's own optimum gives the upper bound, the master the lower one. A decision that comes again has all its
    tangents, so that the master values it rightly, and ends the search.
    """
    began = clock.now()

    def settled(integer: bool, fixed: Array | None) -> tuple[float, Array]:
        """Run continuous programs until no convex constraint is violated."""
        for _ in range(ROUNDS):
            value, x = master.run(integer, fixed)
            cuts = program.tangents(x, SATISFIED)
            if not cuts[0]:
                break
            master.add(*cuts)
        return value, x

    settled(False, None)
    best, found, seen = np.inf, np.zeros(0), set()
    for _ in range(ROUNDS):
        bound, x = master.run(True, None)
        cuts = program.tangents(x, SATISFIED)
        chosen = np.round(x[program.integer])
        value, point = settled(False, chosen)
        if value < best:
            best, found = value, point
        if best - bound <= GAP * abs(best) or chosen.tobytes() in seen or not cuts[0]:
            return found
        seen.add(chosen.tobytes())
        master.add(*cuts)
        if clock.now() - began > LIMIT:
            break
    raise Unfinished("no proof within the limit")


class _InHighs(Master):
    """HiGHS by its own interface: what it knows is kept from one run to the next."""

    def __init__(self, program: Plain) -> None:
        import highspy

        self._program, self._highs, self._spy = program, highspy.Highs(), highspy
        self._highs.setOptionValue("output_flag", False)
        for name, value in (("threads", 1), ("mip_rel_gap", 0.0), ("mip_abs_gap", 1e-9), ("random_seed", 0)):
            self._highs.setOptionValue(name, value)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = program.cost.size, program.row_lower.size
        lp.col_cost_, lp.offset_ = program.cost, program.offset
        lp.col_lower_, lp.col_upper_ = program.lower, program.upper
        lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_ = program.matrix.indptr, program.matrix.indices
        lp.a_matrix_.value_ = program.matrix.data
        self._highs.passModel(lp)
        self._whole = np.flatnonzero(program.integer).astype(np.int32)
        self._integer = False
        self._fixed = False

    def add(self, places: list[list[int]], lines: list[list[float]], limits: list[float]) -> None:
        """Add rows."""
        for place, line, limit in zip(places, lines, limits, strict=True):
            self._highs.addRow(-np.inf, limit, len(place), np.array(place, dtype=np.int32), np.array(line))

    def run(self, integer: bool, fixed: Array | None) -> tuple[float, Array]:
        """Change what has to be changed, and run."""
        highs, whole = self._highs, self._whole
        if integer != self._integer:
            kind = self._spy.HighsVarType.kInteger if integer else self._spy.HighsVarType.kContinuous
            for column in whole.tolist():
                highs.changeColIntegrality(column, kind)
            self._integer = integer
        if fixed is not None or self._fixed:
            low = self._program.lower[whole] if fixed is None else fixed
            high = self._program.upper[whole] if fixed is None else fixed
            for column, least, most in zip(whole.tolist(), low.tolist(), high.tolist(), strict=True):
                highs.changeColBounds(column, least, most)
            self._fixed = fixed is not None
        highs.run()
        if highs.getModelStatus() != self._spy.HighsModelStatus.kOptimal:
            raise Unfinished(str(highs.modelStatusToString(highs.getModelStatus())))
        info = highs.getInfo()
        bound = info.mip_dual_bound if integer else info.objective_function_value
        return float(bound), np.array(highs.getSolution().col_value)


class HighsDirect(_OnPlain):
    """HiGHS with tangents, by highspy."""

    name = "HiGHS by highspy"
    summary = "outer approximation in HiGHS's own interface, without Pyomo"
    package = "highspy"
    imports = ("highspy", "pyomo.environ")

    def solved(self, program: Plain) -> Array:
        """Alternate between master and decisions."""
        return outer_approximation(program, _InHighs(program))


class _InMilp(Master):
    """`scipy.optimize.milp`, which begins anew every time."""

    def __init__(self, program: Plain) -> None:
        self._program = program
        self._matrices = [program.matrix]
        self._lower, self._upper = [program.row_lower], [program.row_upper]

    def add(self, places: list[list[int]], lines: list[list[float]], limits: list[float]) -> None:
        """Add rows."""
        starts = np.concatenate([[0], np.cumsum([len(place) for place in places])])
        values, columns = np.concatenate(lines), np.concatenate(places).astype(int)
        self._matrices.append(sparse.csr_matrix((values, columns, starts), (len(places), self._program.cost.size)))
        self._lower.append(np.full(len(limits), -np.inf))
        self._upper.append(np.array(limits))

    def run(self, integer: bool, fixed: Array | None) -> tuple[float, Array]:
        """Hand everything over."""
        from scipy.optimize import Bounds, LinearConstraint, milp

        program = self._program
        lower, upper = program.lower, program.upper
        if fixed is not None:
            lower, upper = lower.copy(), upper.copy()
            lower[program.integer] = upper[program.integer] = fixed
        self._matrices = [sparse.vstack(self._matrices, format="csr")]
        self._lower, self._upper = [np.concatenate(self._lower)], [np.concatenate(self._upper)]
        answer = milp(
            program.cost,
            integrality=program.integer.astype(int) if integer else None,
            bounds=Bounds(lower, upper),
            constraints=LinearConstraint(self._matrices[0], self._lower[0], self._upper[0]),
            options={"mip_rel_gap": 0.0, "time_limit": LIMIT},
        )
        if not answer.success:
            raise Unfinished(answer.message)
        bound = answer.mip_dual_bound if integer else answer.fun
        return float(bound) + program.offset, answer.x


class Milp(_OnPlain):
    """scipy's own mixed-integer solver with tangents."""

    name = "scipy milp"
    summary = "outer approximation by scipy.optimize.milp"
    most_users = 10  # every run of the master begins anew: seconds for ten users, the limit for thirty

    def solved(self, program: Plain) -> Array:
        """Alternate between master and decisions."""
        with silent():
            return outer_approximation(program, _InMilp(program))


@contextmanager
def silent() -> Iterator[None]:
    """Keep what compiled code writes to standard output off it: scipy's HiGHS says lines that no option silences."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        with suppress(OSError, AttributeError, TypeError):  # TypeError: Windows has no such library
            ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(nowhere)
        os.close(kept)


MIXED: tuple[Rival, ...] = (ScipDirect(), HighsDirect(), Milp())
