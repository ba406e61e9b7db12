"""What the batteries state: that numbers agree, that something holds, that something is refused; errors say what failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.certificate import VIOLATION
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution

Array = NDArray[Any]

TINY = 1e-9
"""Relative difference that rounding may leave between two ways to the same number."""


def agree(left: Any, right: Any, what: str, relative: Any = TINY, beside: Any = 0.0) -> None:
    """Compare numbers relative to their size, and to what is not negligible beside them."""
    left, right = np.asarray(left), np.asarray(right)
    with np.errstate(invalid="ignore"):
        close = np.abs(left - right) <= relative * (np.maximum(np.abs(left), np.abs(right)) + beside)
    if not np.all(close | (left == right)):  # infinities of one sign are equal
        raise AssertionError(f"{what}: {left} is not {right}")


def holds(condition: Any, what: str) -> None:
    """State that a condition is true everywhere."""
    if not np.all(condition):
        raise AssertionError(what)


def refuses(call: Callable[[], Any], error: type[Exception], what: str) -> None:
    """State that a call raises an error."""
    try:
        call()
    except error:
        return
    raise AssertionError(f"{what}: expected {error.__name__}")


def negligible_of(problem: Problem, values: Array) -> Array:
    """Return what is negligible beside values of instances and candidates."""
    return problem.negligible.reshape((*problem.batch_shape, *(1,) * (np.ndim(values) - len(problem.batch_shape))))


def rounding(problem: Problem, values: Array) -> Array:
    """Return by how much rounding may put a value beyond a bound."""
    return np.asarray(TINY * (np.abs(values) + negligible_of(problem, values)))


def same_value(one: Solution, other: Solution, what: str, factor: float = 1.0, where: Any = ...) -> None:
    """Two answers to the same question differ by no more than rounding and what their proofs leave open.

    Parameters
    ----------
    factor
        the other's unit of the objective, in that of the one.
    where
        index of the items that have an answer; all by default.
    """
    left, right = np.asarray(other.objective), np.asarray(one.objective * factor)
    unproved, beside = TINY + np.asarray(one.gap + other.gap), factor * negligible_of(one.problem, right)
    agree(left[where], right[where], what, relative=unproved[where], beside=beside[where])


def certified(reference: Solution, answer: Solution, proves: float, what: str, where: Any = ...) -> None:
    """An answer is feasible, proves so much, and is no further from a reference than both their proofs leave open.

    Solvers that iterate end in other last digits on every processor; this they keep on all of them.

    Parameters
    ----------
    proves
        the relative gap that the answer has to reach; see `mecopt.contract.backend.Backend.proves`.
    where
        index of the items that have an answer; all by default.
    """
    gap, broken = np.asarray(answer.gap)[where], np.asarray(answer.violation)[where]
    holds(gap <= proves, f"{what} proves {gap}, not {proves}")
    holds(broken <= VIOLATION, f"{what} is infeasible: {broken}")
    same_value(reference, answer, what, where=where)
