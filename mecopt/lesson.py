"""Lessons: how a problem becomes convex, and what the checks of its steps measure with.

A lesson and its steps are the contract's, `mecopt.contract.lesson`. Here are the oracles that checks of every problem share:
deviations, enumeration, and what prices of the relaxation promise of single users.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.lesson import Exercise, Lesson, Outcome, Step, all_of, is_display, paragraphs, scientific, words
from mecopt.contract.problem import Problem
from mecopt.search.exact import PriceAndFix
from mecopt.search.trees import tree_of

__all__ = [
    "Exercise",
    "Lesson",
    "Outcome",
    "Pricing",
    "Step",
    "all_of",
    "best_value",
    "core",
    "deviation",
    "enumerated",
    "excess",
    "forcing",
    "is_display",
    "paragraphs",
    "pricing",
    "scientific",
    "words",
]

Array = NDArray[Any]


def deviation(value: Any, reference: Any) -> float:
    """Return the largest relative difference.

    >>> deviation([1.0, 2.0], [1.0, 2.5]), deviation(0.0, 0.0)
    (0.2, 0.0)
    """
    value, reference = np.asarray(value, dtype=float), np.asarray(reference, dtype=float)
    return _largest(np.abs(value - reference), np.abs(reference))


def excess(value: Any, limit: Any) -> float:
    """Return by how much a value is above its limit at most, relative to the limit; 0 where it never is.

    >>> excess([1.0, 2.0], [1.0, 2.5]), excess(3.0, 2.0)
    (0.0, 0.5)
    """
    value, limit = np.asarray(value, dtype=float), np.asarray(limit, dtype=float)
    return _largest(np.maximum(value - limit, 0.0), np.abs(limit))


def _largest(difference: Array, scale: Array) -> float:
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.max(np.where(difference == 0.0, 0.0, difference / scale)))


def enumerated(problem: Problem) -> tuple[Array, Array]:
    """Return all decisions ``(2^N, users)`` and the optimal value of each, ``(*batch, 2^N)``."""
    decisions = np.concatenate(list(problem.choices.enumerate(2**16)))
    everywhere = np.broadcast_to(decisions, (*problem.batch_shape, *decisions.shape))
    return decisions, problem.optimal_value(everywhere)


def best_value(problem: Problem) -> Array:
    """Return the best value over all decisions, by enumeration."""
    values = problem.sign * enumerated(problem)[1]
    return np.asarray(problem.sign * values.min(axis=-1))


@dataclass(frozen=True)
class Pricing:
    """The relaxation of one instance at its best price, in the sense "minimise"."""

    relaxed: Array
    """The choice that every user takes."""
    bound: float
    slack: Array
    """By how much the bound rises where a user is forced to another choice, the least of them."""

    def free(self, incumbent: float) -> Array:
        """Whether each user is left to search: forcing it does not lift the bound beyond the incumbent."""
        return np.asarray(self.bound + self.slack <= incumbent + 1e-12 * abs(incumbent))


def pricing(problem: Problem) -> Pricing:
    """Price one instance as the root of the exact search does, every slack in full."""
    solver = problem.solver("exact")
    if not isinstance(solver, PriceAndFix):
        raise InstanceError(f"the solver 'exact' of {problem.name} does not price")
    data = solver.data_of_one(problem)
    relaxed, bound, slack = tree_of(data).root(data, problem.users, len(problem.choices.labels), solver.price(data))
    slack[np.arange(problem.users), relaxed] = np.inf
    return Pricing(relaxed, bound, slack.min(axis=-1))


def forcing(instances: Problem, priced: Callable[[Any], Pricing] = pricing) -> Outcome:
    """Whether forcing a user to another choice costs what its reduced cost says, at least: then fixing is safe.

    The oracle is enumeration of all decisions in which the user takes another choice.
    """
    over, fixed = 0.0, 0
    for instance in instances:
        found = priced(instance)
        decisions, values = enumerated(instance)
        signed = instance.sign * values
        forced = [signed[decisions[:, i] != side].min() for i, side in enumerate(found.relaxed)]
        over = max(over, excess(found.bound + found.slack, forced))
        fixed += int((~found.free(_rounded(instance, found))).sum())
    number, space = len(instances) * instances.users, instances.choices
    rest = space.count - space.count // len(space.labels)
    elsewhere = "their other side" if len(space.labels) == 2 else "another choice"
    return all_of(
        Outcome(
            over,
            1e-12,
            f"{number} users forced to {elsewhere}: the bound exceeds the best of the {rest} decisions left by "
            f"{scientific(over)}",
        ),
        Outcome(
            1.0 - fixed / number,
            0.75,
            f"fixed without search: {fixed} of these {number} users",
            limit=f"at least {number // 4}",
        ),
    )


def core(instances: Problem, priced: Callable[[Any], Pricing] = pricing) -> float:
    """Return how many users of an instance are left to search, on average."""
    return float(np.mean([(found := priced(one)).free(_rounded(one, found)).sum() for one in instances]))


def _rounded(instance: Problem, found: Pricing) -> float:
    return instance.sign * float(instance.optimal_value(found.relaxed))
