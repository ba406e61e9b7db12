"""The check of the lesson on binary offloading that is about units: one program, one solver, several units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.kernels.slsqp import slsqp
from mecopt.lesson import Outcome, all_of, scientific
from mecopt.models.binary_offloading.lesson.checks import SOLVER, differing

Array = NDArray[np.float64]

RIGHT = 1e-3
"""Relative error up to which an answer counts as right; equal parts, where the solver starts, are off by some percent."""

Unit = Callable[[Array, float], tuple[Array, float, float]]
"""From c and F to the numbers that the solver sees, and the factor that its objective is to be multiplied with."""


def rates_in(unit: float) -> Unit:
    """Return rates in `unit` per MB/s."""
    return lambda work, capacity: (work * unit, capacity * unit, 1.0)


def shares(work: Array, capacity: float) -> tuple[Array, float, float]:
    """Return shares of the capacity and work over its mean."""
    mean = float(work.mean())
    return work / mean, 1.0, mean / capacity


BYTES, HERTZ = rates_in(1e6), rates_in(1e9)


def check_scaling(
    rng: Generator,
    bytes_: Unit = BYTES,
    hertz: Unit = HERTZ,
    scaled: Unit = shares,
    tight: float = 1e-15,
) -> Outcome:
    """One call of SLSQP, in three units, is wrong in two of them; a tight tolerance helps bytes, and not hertz."""
    batch = differing(rng, 20, 10)
    work, capacity = batch.terms().compute, batch.capacity
    best = np.sqrt(work).sum(axis=-1) ** 2 / capacity

    def run(name: str, unit: Unit, tolerance: float | None = None) -> tuple[Array, int, str]:
        """Return the errors, how many are right, and a text."""
        answers = [_slsqp(unit, w, float(f), tolerance) for w, f in zip(work, capacity, strict=True)]
        error = np.abs(np.array([value for value, _ in answers]) / best - 1.0)
        right = int((error <= RIGHT).sum())
        claimed = sum(success for _, success in answers)
        return error, right, f"{name}: success claimed in {claimed} of 20, right to 10⁻³ in {right}"

    outcomes = []
    for name, unit in (("bytes/s", bytes_), ("hertz (1000 cycles a byte)", hertz)):
        error, right, text = run(f"scipy's default tolerance, {name}", unit)
        outcomes.append(
            Outcome(float(right), 0.0, f"{text}, off by {np.median(error):.1%} in the median", limit="right in none")
        )
    error, _, text = run("shares of F", scaled)
    worst = float(error.max())
    outcomes.append(Outcome(worst, SOLVER, f"{text}, worst error {scientific(worst)}"))
    _, right, text = run(f"tolerance {scientific(tight)}, bytes/s", bytes_, tight)
    outcomes.append(Outcome(1.0 - right / 20, 0.1, text, limit="right in at least 18"))
    _, right, text = run(f"tolerance {scientific(tight)}, hertz", hertz, tight)
    outcomes.append(Outcome(float(right), 0.0, text, limit="right in none"))
    return all_of(*outcomes)


def _slsqp(unit: Unit, work: Array, capacity: float, tolerance: float | None) -> tuple[float, bool]:
    """Minimise Σ c/f from equal parts; return the cost of waiting in s, and whether scipy claims success."""
    c, limit, factor = unit(work, capacity)
    found = slsqp(
        lambda f: float((c / f).sum()),
        np.full(c.size, limit / c.size),
        jac=lambda f: -c / f**2,
        bounds=[(1e-9 * limit, limit)] * c.size,
        constraints={"type": "ineq", "fun": lambda f: limit - f.sum(), "jac": lambda f: -np.ones_like(f)},
        tol=tolerance,
    )
    return float(found.fun) * factor, bool(found.success)
