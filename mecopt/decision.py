"""Decision spaces: what is discrete in a problem, and what a search or a learner proposes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.solution import InstanceError

Array = NDArray[Any]


MOST_CHOICES = 127
"""Decisions are held as bytes."""


class DecisionSpace(ABC):
    """The decisions that a problem admits: one integer for each of `size` entries."""

    size: int
    labels: tuple[str, ...]

    @property
    @abstractmethod
    def count(self) -> int:
        """How many decisions there are."""

    @abstractmethod
    def contains(self, decision: Array) -> Array:
        """Whether each decision (last axis) belongs to the space."""

    @abstractmethod
    def sample(self, rng: Generator, shape: tuple[int, ...] = ()) -> Array:
        """Draw decisions uniformly; the result has shape ``(*shape, size)``."""

    @abstractmethod
    def enumerate(self, chunk: int) -> Iterator[Array]:
        """Yield all decisions in blocks of at most `chunk` rows."""

    def validate(self, decision: ArrayLike, batch_shape: tuple[int, ...]) -> Array:
        """Return the decision as an int8 array of shape ``(*batch, *candidates, size)``, or say what is wrong."""
        try:
            array = np.asarray(decision)
        except ValueError as error:
            raise InstanceError(f"decision is not a rectangular array: {error}") from None
        if array.dtype.kind not in "biuf":
            raise InstanceError(f"decision has entries of type {array.dtype}; allowed: {self.describe()}")
        if array.ndim == 0 or array.shape[-1] != self.size:
            raise InstanceError(
                f"decision has shape {array.shape}; allowed: {self.size} entries on the last axis, one per user"
            )
        inside = np.isin(array, range(len(self.labels)))
        if not inside.all():
            index = tuple(int(i) for i in np.argwhere(~inside)[0])
            raise InstanceError(f"decision{list(index)} is {array[index]}; allowed: {self.describe()}")
        array = array.astype(np.int8)
        if array.ndim == 1:
            array = np.broadcast_to(array, (*batch_shape, self.size))
        if array.shape[: len(batch_shape)] != batch_shape:
            raise InstanceError(f"decision has shape {array.shape}; allowed: leading axes {batch_shape}, the batch's")
        return array

    @abstractmethod
    def describe(self) -> str:
        """Say what one entry may be."""


class OneOf(DecisionSpace):
    """One of several choices per user: 0 keeps the task local, j gives it to server j.

    >>> list(OneOf(2, ("local", "server 1", "server 2")).enumerate(4))[0].tolist()
    [[0, 0], [1, 0], [2, 0], [0, 1]]
    """

    def __init__(self, size: int, labels: tuple[str, ...]) -> None:
        if len(labels) > MOST_CHOICES:
            raise InstanceError(f"a user would have {len(labels)} choices; allowed: {MOST_CHOICES} at most")
        self.size, self.labels = size, labels

    @property
    def count(self) -> int:
        """The number of choices to the power of the number of users."""
        return int(len(self.labels) ** self.size)

    def contains(self, decision: Array) -> Array:
        """Whether every entry is the number of a choice."""
        return np.asarray(np.isin(decision, range(len(self.labels))).all(axis=-1))

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
