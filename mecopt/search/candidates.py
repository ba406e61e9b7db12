"""Which of several decisions is the best one: their values, ties, and the choice for each instance of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.decision import DecisionSpace
from mecopt.contract.problem import Problem

Array = NDArray[Any]


def judged(problem: Problem, values: Array) -> Array:
    """Return values of which smaller ones are better; what is no number is infinitely bad."""
    signed = problem.sign * values
    return np.where(np.isnan(signed), np.inf, signed)


def scores(problem: Problem, decision: Array) -> Array:
    """Return the optimal values of decisions, smaller being better; what is no number counts as infinitely bad."""
    return judged(problem, problem.optimal_value(decision))


def best_of(values: Array, decisions: Array) -> Array:
    """Return for each instance the index of its best candidate; of equally good ones the one that offloads fewest users.

    A user without a task may offload or not at the same cost; a tie broken at random would be a random label. Decisions that
    are no choices are no labels: of equally good ones the first is taken.
    """
    tied = values == values.min(axis=-1, keepdims=True)
    if decisions.dtype.kind == "c":
        return np.asarray(tied.argmax(axis=-1))
    return np.asarray(np.where(tied, (decisions != 0).sum(axis=-1), decisions.shape[-1] + 1).argmin(axis=-1))


def picked(decisions: Array, index: Array, space: DecisionSpace) -> Array:
    """Return one candidate for each instance: of decisions ``(*batch, k, ...)`` that at an index ``(*batch)``."""
    whole = index.reshape(*index.shape, *(1,) * (space.ndim + 1))
    return np.take_along_axis(decisions, whole, axis=-space.ndim - 1).squeeze(-space.ndim - 1)
