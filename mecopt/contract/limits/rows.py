"""The limits of a problem as rows of one kind, ``least <= sum of weights <= most``: what a search over decisions keeps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.limits.rule import before_of, bounds_of, weights_of
from mecopt.running import memory

Array = NDArray[Any]


class DecisionRows(NamedTuple):
    """Linear rows over choices; a decision z is one that a problem's limits allow where it keeps all of them.

    Row r of an instance is kept where ``least[r] <= sum(weight[r, i, z[i]] for users i) <= most[r]``, compared as floats
    are: what rounding may do to the sum is in the bounds already. Forbidden and forced choices are rows of 0 and 1. Users
    who decide alike are a row for each of them beside the one before it in the group and for each choice but 0: of 1 and -1,
    that add up to 0. Instances that have fewer groups than others end with rows of zeros.
    """

    weight: Array
    """``(instances, rows, users, choices)``."""
    least: Array
    """``(instances, rows)``; -inf where there is none."""
    most: Array
    """``(instances, rows)``; inf where there is none."""
    rule: Array
    """Which of `Problem.limits` a row is of, ``(rows,)``."""


def breakable(rows: DecisionRows) -> Array:
    """Whether some decision breaks a row, ``(instances, rows)``; a search has nothing to do with the others."""
    sums = rows.weight.max(axis=-1).sum(axis=-1), rows.weight.min(axis=-1).sum(axis=-1)
    return np.asarray((sums[0] > rows.most) | (sums[1] < rows.least))


def decision_rows(problem: Any) -> DecisionRows:
    """Return the limits of instances, along one axis, as rows; none where the problem has no limits.

    Parameters
    ----------
    problem
        one instance or a batch, of choices.
    """
    flat = problem.flat()
    count, users, choices = flat.instances, flat.users, len(flat.choices.labels)
    weights, least, most, of = [np.zeros((count, 0, users, choices))], [np.zeros((count, 0))], [np.zeros((count, 0))], []
    for number, rule in enumerate(flat.limits):
        if rule.alike:
            part = _alike(before_of(flat, rule), choices)
            lower = upper = np.zeros(part.shape[:2])
        else:
            part = weights_of(flat, rule)[:, None]
            lower, upper = (bound[:, None] for bound in bounds_of(flat, rule))
        weights.append(part)
        least.append(lower)
        most.append(upper)
        of += [number] * part.shape[1]
    return DecisionRows(
        np.ascontiguousarray(np.concatenate(weights, axis=1)),
        np.ascontiguousarray(np.concatenate(least, axis=1)),
        np.ascontiguousarray(np.concatenate(most, axis=1)),
        np.array(of, dtype=np.int64),
    )


def _alike(before: Array, choices: int) -> Array:
    """Return rows that say of each user of a group what the one before it does, ``(instances, rows, users, choices)``."""
    count, users = before.shape
    paired = before != np.arange(users)
    pairs = int(paired.sum(axis=1).max(initial=0))
    memory.require(8 * count * pairs * (choices - 1) * users * choices, "the rows of users who decide alike")
    found = np.zeros((count, pairs, choices - 1, users, choices))
    instance, user = np.nonzero(paired)
    place = (paired.cumsum(axis=1) - 1)[instance, user]
    for choice in range(1, choices):
        found[instance, place, choice - 1, user, choice] = 1.0
        found[instance, place, choice - 1, before[instance, user], choice] = -1.0
    return found.reshape(count, pairs * (choices - 1), users, choices)


def units(weight: Array) -> Array:
    """Return a power of 2 for each row ``(rows, users, choices)``, as large as its greatest weight or up to half of that.

    The tolerances of outside solvers are absolute: they are given rows in these units.
    """
    greatest = np.abs(weight).max(axis=(1, 2))
    return np.exp2(np.floor(np.log2(np.where(greatest > 0.0, greatest, 1.0))))
