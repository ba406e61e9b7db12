"""Scipy SLSQP, the decision fixed: what paper 003 uses.

Says: WARM_PRIMAL (x0). No duals of its own are used: the model derives one from the allocation, and any dual proves. A start
that says nothing of some users is completed by the neutral point; one that says nothing of any is an error.
The program is nondimensional, with its gradient; in raw hertz or bytes SLSQP stops after one iteration and calls it
success, which `tests/models` shows.

Scipy's linear algebra sums in another order with another number of threads, so the last digits of an answer may differ
between machines, or with ``OPENBLAS_NUM_THREADS``. What is promised is the certificate of the answer that was returned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.one_by_one import OneByOne, Single
from mecopt.contract.backend import Feature
from mecopt.contract.errors import StartIgnored
from mecopt.contract.fields import Variables
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.kernels.slsqp import slsqp
from mecopt.running import clock

Array = NDArray[Any]


@dataclass(frozen=True)
class SmoothProgram:
    """Minimise a smooth function of scaled variables: ``matrix @ y <= limit``, ``lower <= y <= upper``."""

    function: Callable[[Array], float]
    gradient: Callable[[Array], Array]
    matrix: Array
    limit: Array
    lower: Array
    upper: Array
    default_start: Array
    pack: Callable[[Variables], Array]
    """From the allocation of a start to scaled variables; 0 for those it says nothing of."""
    unpack: Callable[[Array], tuple[Variables, Variables]]
    """From scaled variables to a feasible allocation and the dual it suggests."""


class Slsqp(OneByOne):
    """Sequential least squares programming (Kraft 1988) from scipy."""

    name = "slsqp"
    summary = "scipy SLSQP on the scaled program, gradient given"
    features = Feature.WARM_PRIMAL
    imports = ("scipy.optimize",)

    def __init__(self, program: Callable[[Any, Array], SmoothProgram], max_iterations: int = 2000) -> None:
        self.program = program
        self.max_iterations = max_iterations

    def allocate_one(
        self, problem: Problem, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Single:
        """Run SLSQP from `start`, or from the program's own neutral point."""
        began = clock.now()
        program = self.program(problem, decision)
        if not program.default_start.size:
            allocation, dual = program.unpack(program.default_start)
            return Single(allocation, dual, 0, clock.now() - began, 0.0, start_used=False)
        point = program.default_start if start is None else _completed(program, start)
        point = np.clip(point, program.lower, program.upper)
        modelled = clock.now()

        def out_of_time(_: Array) -> None:
            if time_limit is not None and clock.now() - began > time_limit:
                raise StopIteration

        result = slsqp(
            program.function,
            point,
            jac=program.gradient,
            bounds=np.column_stack([program.lower, program.upper]),
            constraints={
                "type": "ineq",
                "fun": lambda y: program.limit - program.matrix @ y,
                "jac": lambda _: -program.matrix,
            },
            callback=out_of_time,
            options={"ftol": 1e-3 * tol, "maxiter": self.max_iterations},
        )
        solved = clock.now()
        allocation, dual = program.unpack(np.clip(result.x, program.lower, program.upper))
        return Single(
            allocation,
            dual,
            int(result.nit),
            modelled - began,
            solved - modelled,
            start_used=start is not None,
            limit=result.status in (9, 99),
            message="" if result.success else f"slsqp: {result.message}",
        )


def _completed(program: SmoothProgram, start: Solution) -> Array:
    """Return the scaled variables of a start, neutral where it says nothing."""
    given = program.pack(start.allocation)
    if not np.isfinite(given).all():
        raise StartIgnored("slsqp starts from an allocation, and that of the given solution is not finite")
    known = given > 0
    if not known.any():
        raise StartIgnored("slsqp starts from an allocation, and the given one has nothing for those who offload now")
    return np.where(known, given, program.default_start)
