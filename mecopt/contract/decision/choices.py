"""One of several choices per user, held as its number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.decision.space import LISTED, DecisionSpace, listed
from mecopt.contract.errors import InstanceError
from mecopt.show.numbers import counted

Array = NDArray[Any]

MOST_CHOICES = 127
"""Choices are held as bytes."""


class OneOf(DecisionSpace):
    """One of several choices per user: 0 keeps the task local, j gives it to server j.

    >>> list(OneOf(2, ("local", "server 1", "server 2")).enumerate(4))[0].tolist()
    [[0, 0], [1, 0], [2, 0], [0, 1]]
    """

    ndim = 1
    kinds = "biuf"

    def __init__(self, size: int, labels: tuple[str, ...]) -> None:
        if len(labels) > MOST_CHOICES:
            raise InstanceError(f"a user would have {len(labels)} choices; allowed: {MOST_CHOICES} at most")
        self.size, self.labels = size, labels

    def shown(self, entry: Array) -> str:
        """Return the label of a choice."""
        return self.labels[int(entry)]

    def told(self, decision: Array) -> str:
        """Say how many users offload, and of one decision who does and where.

        >>> OneOf(5, ("local", "server 1", "server 2")).told(np.array([1, 0, 2, 1, 0]))
        '3 of 5 offload; server 1: 0, 3; server 2: 2'
        >>> Binary(200).told(np.isin(np.arange(200), [17, 58, 140]))
        '3 of 200 offload: 17, 58, 140'
        """
        away = (decision != 0).sum(axis=-1)
        if decision.ndim > 1:
            return f"{away.min()} to {away.max()} of {counted(self.size, 'users')} offload, {away.mean():.4g} on average"
        if away == 0:
            return f"none of {self.size} offloads"
        said = f"{away} of {self.size} {'offloads' if away == 1 else 'offload'}"
        if len(self.labels) > 2:
            users = {label: np.flatnonzero(decision == choice) for choice, label in enumerate(self.labels) if choice}
            served = [f"{label}: {listed(one)}" for label, one in users.items() if one.size]
            rest = f"; and {len(served) - LISTED} more servers" if len(served) > LISTED else ""
            return "; ".join([said, *served[:LISTED]]) + rest
        if away == self.size:
            return f"all {self.size} offload"
        if LISTED < away > self.size // 2:
            return f"{said}; local: {listed(np.flatnonzero(decision == 0))}"
        return f"{said}: {listed(np.flatnonzero(decision))}"

    def stored(self, decision: Array) -> Array:
        """Return the numbers of the choices."""
        return decision

    def checked(self, decision: Array) -> Array:
        """Return decisions as bytes, ``(..., users)``."""
        if decision.ndim == 0 or decision.shape[-1] != self.size:
            raise InstanceError(
                f"decision has shape {decision.shape}; allowed: {counted(self.size, 'entries')} on the last "
                "axis, one per user"
            )
        if self.holds(decision):
            return decision.astype(np.int8)
        inside = self._inside(decision)
        if not inside.all():
            index = tuple(int(i) for i in np.argwhere(~inside)[0])
            raise InstanceError(f"decision{list(index)} is {decision[index]}; allowed: {self.describe()}")
        return decision.astype(np.int8)

    def holds(self, decision: Array) -> bool:
        """Whether decisions are bytes, ``(..., users)``, each the number of a choice."""
        if decision.dtype != np.int8 or decision.ndim == 0 or decision.shape[-1] != self.size:
            return False
        # as bytes without a sign negative ones are the largest
        return decision.size == 0 or bool(np.maximum.reduce(decision.view(np.uint8), axis=None) < len(self.labels))

    def _inside(self, decision: Array) -> Array:
        """Whether entries are numbers of choices."""
        if decision.dtype.kind in "iu":
            return np.asarray((decision >= 0) & (decision < len(self.labels)))
        return np.isin(decision, range(len(self.labels)))

    @property
    def count(self) -> int:
        """The number of choices to the power of the number of users."""
        return int(len(self.labels) ** self.size)

    def contains(self, decision: Array) -> Array:
        """Whether every entry is the number of a choice."""
        return np.asarray(self._inside(np.asarray(decision)).all(axis=-1))

    def sample(self, rng: Generator, shape: tuple[int, ...] = ()) -> Array:
        """Draw every user's choice uniformly."""
        return rng.integers(0, len(self.labels), size=(*shape, self.size), dtype=np.int8)

    def enumerate(self, chunk: int) -> Iterator[Array]:
        """Yield all decisions in the order of counting, user 0 the lowest digit."""
        base = len(self.labels)
        digits = base ** np.arange(self.size, dtype=np.int64)
        for first in range(0, self.count, chunk):
            numbers = np.arange(first, min(first + chunk, self.count), dtype=np.int64)
            yield (numbers[:, None] // digits % base).astype(np.int8)

    def describe(self) -> str:
        """Say what one entry may be."""
        named = [f"{number} ({label})" for number, label in enumerate(self.labels)]
        return " or ".join(named) if len(named) <= 3 else f"{named[0]}, {named[1]}, ... {named[-1]}"


class Binary(OneOf):
    """One bit per user: 0 keeps the task local, 1 offloads it.

    >>> list(Binary(2).enumerate(8))[0].tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """

    def __init__(self, size: int) -> None:
        super().__init__(size, ("local", "offload"))
