"""A quantity per user, from an interval or counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.decision.space import DecisionSpace, listed
from mecopt.contract.errors import InstanceError
from mecopt.show.numbers import counted

Array = NDArray[Any]

SHOWN = 4
"""Different quantities that a sentence names."""

SKIP = -1.0
"""What stands for skipping in a decision of quantities."""

SKIPPED = 0.25
"""Part of the users who skip in decisions that are drawn."""

MOST_COUNTED = 2**53
"""Largest count: beyond it floats leave numbers out."""


class Interval(DecisionSpace):
    """A quantity per user, from nothing up to what the user has at most, or to skip, which is held as -1.

    More than the most is no entry that cannot be told, but one that cannot be carried out: the problem finds it infeasible.

    Parameters
    ----------
    most
        what each user has at most, ``(*batch, users)``: drawn decisions lie below it.
    unit
        of the quantity.
    verb
        what is done with it.

    >>> space = Interval(np.array([60.0, 40.0]), "nJ", "keeps")
    >>> space.contains(np.array([[0.0, 12.5], [-1.0, 70.0], [-0.5, 0.0]])).tolist()
    [True, True, False]
    >>> space.told(np.array([12.5, -1.0]))
    'keeps 12.5 nJ: user 0; skips: 1'
    """

    ndim = 1
    kinds = "iuf"

    def __init__(self, most: Array, unit: str, verb: str) -> None:
        self.most, self.unit, self.verb, self.size = np.array(most, dtype=float), unit, verb, np.shape(most)[-1]
        self.most.flags.writeable = False

    def contains(self, decision: Array) -> Array:
        """Whether every entry is a quantity, or says to skip."""
        return np.asarray((((decision >= 0.0) & (decision < np.inf)) | (decision == SKIP)).all(axis=-1))

    def sample(self, rng: Generator, shape: tuple[int, ...] = ()) -> Array:
        """Draw quantities uniformly up to the most, and some who skip; shapes without the batch's take the largest most."""
        batch = self.most.shape[:-1]
        if shape[: len(batch)] == batch:
            most = self.most.reshape(*batch, *(1,) * (len(shape) - len(batch)), self.size)
        else:
            most = self.most.reshape(-1, self.size).max(axis=0)
        drawn = rng.random((*shape, self.size)) * most
        return np.asarray(np.where(rng.random(drawn.shape) < SKIPPED, SKIP, drawn))

    def checked(self, decision: Array) -> Array:
        """Return decisions as floats, ``(..., users)``."""
        if decision.ndim == 0 or decision.shape[-1] != self.size:
            raise InstanceError(
                f"decision has shape {decision.shape}; allowed: {counted(self.size, 'entries')} on the last "
                "axis, one per user"
            )
        quantities = np.array(decision, dtype=float)
        good = ((quantities >= 0.0) & (quantities < np.inf)) | (quantities == SKIP)
        if not good.all():
            index = tuple(int(i) for i in np.argwhere(~good)[0])
            raise InstanceError(f"decision{list(index)} is {quantities[index]}; allowed: {self.describe()}")
        return quantities

    def holds(self, decision: Array) -> bool:
        """Whether decisions are floats, ``(..., users)``, each a quantity or to skip."""
        if decision.dtype != np.float64 or decision.ndim == 0 or decision.shape[-1] != self.size:
            return False
        return bool(self.contains(decision).all())

    def shown(self, entry: Array) -> str:
        """Write the quantity, or that the user skips."""
        return "skips" if float(entry) == SKIP else f"{self.verb} {float(entry):.6g} {self.unit}"

    def told(self, decision: Array) -> str:
        """Say who keeps how much and who skips."""
        skips = decision == SKIP
        if decision.ndim > 1:
            if skips.all():
                return "all users skip"
            average = f"who does not, {self.verb} {decision[~skips].mean():.4g} {self.unit} on average"
            return f"{100.0 * skips.mean():.4g} % of the users skip; {average}"
        parts = []
        for quantity in np.unique(decision[~skips])[:SHOWN]:
            parts.append(f"{self.verb} {quantity:.6g} {self.unit}: user {listed(np.flatnonzero(decision == quantity))}")
        if len(np.unique(decision[~skips])) > SHOWN:
            parts.append("and others")
        if skips.any():
            parts.append(f"skips: {listed(np.flatnonzero(skips))}")
        return "; ".join(parts)

    def stored(self, decision: Array) -> Array:
        """Return the quantities, -1 for those who skip."""
        return decision

    def describe(self) -> str:
        """Say what one entry may be."""
        return f"a finite number >= 0 in {self.unit}, or -1 to skip"


class Counts(DecisionSpace):
    """A whole number per user, from none up to what the user has at most.

    More than the most is no entry that cannot be told, but one that cannot be carried out: the problem finds it infeasible.

    Parameters
    ----------
    size
        the number of users.
    most
        returns what each user has at most, ``(*batch, users)``, when it is asked for: drawn decisions do not exceed it.
    noun, verb
        what is counted, and what it does.

    >>> space = Counts(2, lambda: np.array([3, 0]), "task", "leave")
    >>> space.contains(np.array([[3, 0], [7, 1], [-1, 0]])).tolist()
    [True, True, False]
    >>> space.told(np.array([3, 0]))
    '3 tasks leave: user 0; none: 1'
    """

    ndim = 1
    kinds = "iuf"

    def __init__(self, size: int, most: Callable[[], Array], noun: str, verb: str) -> None:
        self.size, self._most, self.noun, self.verb = size, most, noun, verb

    @property
    def most(self) -> Array:
        """What each user has at most, ``(*batch, users)``."""
        return np.asarray(self._most(), dtype=float)

    def contains(self, decision: Array) -> Array:
        """Whether every entry is a whole number that floats count, and none is negative."""
        return np.asarray(self._good(decision).all(axis=-1))

    @staticmethod
    def _good(decision: Array) -> Array:
        return np.asarray((decision >= 0) & (decision <= MOST_COUNTED) & (decision == np.floor(decision)))

    def sample(self, rng: Generator, shape: tuple[int, ...] = ()) -> Array:
        """Draw counts uniformly up to the most; shapes without the batch's take the largest most."""
        most = self.most
        batch = most.shape[:-1]
        if shape[: len(batch)] == batch:
            most = most.reshape(*batch, *(1,) * (len(shape) - len(batch)), self.size)
        else:
            most = most.reshape(-1, self.size).max(axis=0)
        drawn = np.floor(rng.random((*shape, self.size)) * (most + 1.0))
        return np.asarray(np.minimum(drawn, most).astype(np.int64))

    def checked(self, decision: Array) -> Array:
        """Return decisions as integers, ``(..., users)``."""
        if decision.ndim == 0 or decision.shape[-1] != self.size:
            raise InstanceError(
                f"decision has shape {decision.shape}; allowed: {counted(self.size, 'entries')} on the last "
                "axis, one per user"
            )
        good = self._good(decision)
        if not good.all():
            index = tuple(int(i) for i in np.argwhere(~good)[0])
            raise InstanceError(f"decision{list(index)} is {decision[index]}; allowed: {self.describe()}")
        return decision.astype(np.int64)

    def holds(self, decision: Array) -> bool:
        """Whether decisions are integers, ``(..., users)``, none negative."""
        if decision.dtype != np.int64 or decision.ndim == 0 or decision.shape[-1] != self.size:
            return False
        return bool(decision.size == 0 or (decision.min() >= 0 and decision.max() <= MOST_COUNTED))

    def shown(self, entry: Array) -> str:
        """Write the count."""
        return f"{int(entry)} {self.verb}"

    def told(self, decision: Array) -> str:
        """Say for whom how many there are."""
        if decision.ndim > 1:
            return f"{decision.min()} to {decision.max()} {self.noun}s a user {self.verb}, {decision.mean():.4g} on average"
        parts = []
        counts = np.unique(decision[decision > 0])[::-1]
        for count in counts[:SHOWN].tolist():
            noun = self.noun if count == 1 else f"{self.noun}s"
            parts.append(f"{count} {noun} {self.verb}: user {listed(np.flatnonzero(decision == count))}")
        if counts.size > SHOWN:
            parts.append("and others")
        if not (decision > 0).all():
            parts.append(f"none: {listed(np.flatnonzero(decision == 0))}")
        return "; ".join(parts)

    def stored(self, decision: Array) -> Array:
        """Return the counts."""
        return decision

    def describe(self) -> str:
        """Say what one entry may be."""
        return f"a whole number of {self.noun}s, >= 0"
