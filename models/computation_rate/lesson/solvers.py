"""The checks of the lesson on the computation rate that need a conic solver: cones, and how to hand them over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.lesson import Outcome, all_of, deviation, scientific
from mecopt.models.computation_rate.lesson.checks import frames, modes
from mecopt.models.computation_rate.problem import ComputationRate
from mecopt.running.concurrency import MODELLING, unheard

Array = NDArray[Any]

SOLVER = 1e-6
"""Relative error that a conic solver may leave."""
MBIT = 1e6

# ---------------------------------------------------------------------- 3: cones

Root = Callable[[Any], tuple[Any, list[Any]]]


def cube_root(harvest: Any) -> tuple[Any, list[Any]]:
    """Return t >= 0 with t^3 <= a by two second-order cones: t^2 <= r and r^2 <= a t."""
    import cvxpy as cp

    root, square = cp.Variable(), cp.Variable()
    return root, [
        cp.SOC(square + 1.0, cp.hstack([2.0 * root, square - 1.0])),
        cp.SOC(harvest + root, cp.hstack([2.0 * square, harvest - root])),
    ]


def by_cones(problem: ComputationRate, decision: Array, root: Root = cube_root) -> float:
    """Return the best rate of one mode by a program of cones alone, solved by Clarabel in Mbit/s."""
    import cvxpy as cp

    users = np.flatnonzero(decision == 1)
    local, gain, worth = problem.coefficients()
    harvest, offload, offloaded = cp.Variable(), cp.Variable(users.size), cp.Variable(users.size)
    power, cones = root(harvest)
    cones = [*cones, cp.ExpCone(offloaded, offload, offload + gain[users] * harvest), harvest + cp.sum(offload) <= 1.0]
    kept = local[decision == 0].sum() / MBIT
    program = cp.Problem(cp.Maximize(kept * power + (worth[users] / MBIT) @ offloaded), cones)
    return float(program.solve(solver="CLARABEL")) * MBIT


def check_cones(rng: Generator, root: Root = cube_root) -> Outcome:
    """The program of cones has the value of the closed form."""
    problem = frames(rng, 8)
    decision = modes(rng, problem)
    conic = [by_cones(instance, x, root) for instance, x in zip(problem, decision, strict=True)]
    apart = deviation(problem.optimal_value(decision), conic)
    return Outcome(
        apart, SOLVER, f"price search against the cones by another solver, 8 modes: differ by {scientific(apart)}"
    )


# ---------------------------------------------------------------------- 4: scaling and parameters


class _Parametric:
    """The mode's program of 5 offloading users with its data as parameters, in any unit of rate."""

    def __init__(self, *, auxiliary: bool) -> None:
        import cvxpy as cp

        self.local, self.gain, self.worth = (
            cp.Parameter(nonneg=True),
            cp.Parameter(5, nonneg=True),
            cp.Parameter(5, nonneg=True),
        )
        harvest, offload, received = cp.Variable(nonneg=True), cp.Variable(5, nonneg=True), cp.Variable(5)
        frame = [harvest + cp.sum(offload) <= 1.0]
        if auxiliary:
            entropy = self.worth @ cp.rel_entr(offload, offload + received)
            frame.append(received == self.gain * harvest)
        else:
            entropy = self.worth @ cp.rel_entr(offload, offload + self.gain * harvest)
        self.program = cp.Problem(cp.Maximize(self.local * cp.power(harvest, 1 / 3) - entropy), frame)

    def solve(self, problem: ComputationRate, unit: float) -> float:
        """Return what Clarabel finds for one frame in which every other user offloads, or nan where it finds nothing."""
        import cvxpy as cp

        local, gain, worth = problem.coefficients()
        self.local.value, self.gain.value, self.worth.value = local[::2].sum() / unit, gain[1::2], worth[1::2] / unit
        with MODELLING, unheard():
            try:
                value = self.program.solve(solver="CLARABEL")
            except cp.error.SolverError:
                return np.nan
        return float(value) * unit if self.program.status == "optimal" else np.nan


def check_scaling(rng: Generator, scaled: float = MBIT, raw: float = 1.0, *, auxiliary: bool = True) -> Outcome:
    """Clarabel fails on frames in bit/s that it solves in Mbit/s; one auxiliary variable keeps the program DPP."""
    batch = frames(rng, 20, 10)
    best = batch.optimal_value(np.tile(np.arange(10) % 2, (20, 1)).astype(np.int8))
    program, naive = _Parametric(auxiliary=auxiliary), _Parametric(auxiliary=not auxiliary)

    def solved(unit: float) -> int:
        found = np.array([program.solve(instance, unit) for instance in batch])
        return int((np.abs(found / best - 1.0) <= SOLVER).sum())

    in_mbit, in_bits = solved(scaled), solved(raw)
    wrong = float(not program.program.is_dpp()) + float(naive.program.is_dpp())
    return all_of(
        Outcome(1.0 - in_mbit / 20, 0.15, f"Clarabel solves {in_mbit} of 20 frames in Mbit/s", limit="at least 17"),
        Outcome(in_bits / 20, 0.8, f"and {in_bits} of the same 20 in bit/s", limit="at most 16"),
        Outcome(
            wrong, 0.0, "DPP with y = g a as a variable, not without" if wrong == 0.0 else "the rules of DPP have changed"
        ),
    )
