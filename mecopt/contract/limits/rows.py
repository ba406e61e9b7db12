"""The limits of a problem as rows of one kind, ``least <= sum of weights <= most``: what a search over decisions keeps."""

from __future__ import annotations

from functools import cached_property
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


class RowsOfEach:
    """The limits of instances along one axis, whose rows are made one instance after the other.

    Those of users who decide alike hold as many numbers as the square of these: of a whole batch they would be many times
    its data.
    """

    def __init__(self, problem: Any) -> None:
        self.flat = problem.flat()
        bounded = [rule for rule in self.flat.limits if not rule.alike]
        weights, bounds = [weights_of(self.flat, rule) for rule in bounded], [bounds_of(self.flat, rule) for rule in bounded]
        self._held = {rule: (weight, *bound) for rule, weight, bound in zip(bounded, weights, bounds, strict=True)}
        self._before = {rule: before_of(self.flat, rule) for rule in self.flat.limits if rule.alike}

    @cached_property
    def binding(self) -> Array:
        """Whether some decision breaks a limit, ``(instances,)``."""
        found = np.zeros(self.flat.instances, dtype=bool)
        for weight, least, most in self._held.values():
            found |= (weight.max(axis=-1).sum(axis=-1) > most) | (weight.min(axis=-1).sum(axis=-1) < least)
        for before in self._before.values():
            found |= (before != np.arange(self.flat.users)).any(axis=-1)
        return found

    def __len__(self) -> int:
        return int(self.flat.instances)

    def __getitem__(self, number: int) -> DecisionRows:
        one, choices = slice(number, number + 1), len(self.flat.choices.labels)
        return _stacked(
            [
                _alike_rows(self._before[rule][one], choices)
                if rule.alike
                else _with_axis(*(part[one] for part in self._held[rule]))
                for rule in self.flat.limits
            ]
        )


def decision_rows(problem: Any) -> DecisionRows:
    """Return the limits of instances, along one axis, as rows; none where the problem has no limits.

    Parameters
    ----------
    problem
        one instance or a batch, of choices.
    """
    flat = problem.flat()
    choices, parts = len(flat.choices.labels), []
    for rule in flat.limits:
        if rule.alike:
            parts.append(_alike_rows(before_of(flat, rule), choices))
        else:
            parts.append(_with_axis(weights_of(flat, rule), *bounds_of(flat, rule)))
    return _stacked(parts) if parts else _none(flat.instances, flat.users, choices)


def _none(count: int, users: int, choices: int) -> DecisionRows:
    nothing = np.zeros((count, 0))
    return DecisionRows(np.zeros((count, 0, users, choices)), nothing, nothing, np.zeros(0, dtype=np.int64))


def _stacked(parts: list[tuple[Array, Array, Array]]) -> DecisionRows:
    """Return the rows of all limits, of which each has some."""
    weight, least, most = (np.ascontiguousarray(np.concatenate(part, axis=1)) for part in zip(*parts, strict=True))
    of = [number for number, part in enumerate(parts) for _ in range(part[0].shape[1])]
    return DecisionRows(weight, least, most, np.array(of, dtype=np.int64))


def _with_axis(weight: Array, least: Array, most: Array) -> tuple[Array, Array, Array]:
    """Return a rule of instances as one row of each."""
    return weight[:, None], least[:, None], most[:, None]


def _alike_rows(before: Array, choices: int) -> tuple[Array, Array, Array]:
    """Return weights and bounds of the rows of users who decide alike."""
    weight = _alike(before, choices)
    nothing = np.zeros(weight.shape[:2])
    return weight, nothing, nothing


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
