"""What every space of decisions says: what is admissible, how it is drawn, held, stored and told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError
from mecopt.quantities.given import settled

Array = NDArray[Any]

LISTED = 20
"""Users that a sentence names of each choice, and choices that it names."""


def listed(users: Array) -> str:
    """Write the numbers of users, the first ones of many.

    >>> listed(np.array([3, 17, 58])), listed(np.arange(21)).partition(", 19")[2]
    ('3, 17, 58', ' and 1 more')
    """
    shown = ", ".join(str(user) for user in users[:LISTED].tolist())
    return shown if users.size <= LISTED else f"{shown} and {users.size - LISTED} more"


class DecisionSpace(ABC):
    """The decisions that a problem admits: arrays whose last `ndim` axes are one decision, users first."""

    ndim: int
    kinds: str
    """Kinds of numpy numbers that entries may be given as."""

    @abstractmethod
    def contains(self, decision: Array) -> Array:
        """Whether each decision belongs to the space."""

    @abstractmethod
    def sample(self, rng: Generator, shape: tuple[int, ...] = ()) -> Array:
        """Draw decisions uniformly; the result has shape ``(*shape, *decision)``."""

    @abstractmethod
    def describe(self) -> str:
        """Say what one entry may be."""

    @abstractmethod
    def checked(self, decision: Array) -> Array:
        """Return decisions in the type they are held in, or say which entry is inadmissible."""

    def holds(self, decision: Array) -> bool:
        """Whether decisions are as `checked` returns them; False where only `checked` can tell."""
        return False

    @abstractmethod
    def shown(self, entry: Array) -> str:
        """Say what is decided for one user."""

    @abstractmethod
    def told(self, decision: Array) -> str:
        """Say in a sentence what one decision, or an array of them, decides."""

    @abstractmethod
    def stored(self, decision: Array) -> Array:
        """Return decisions as rows of real numbers, ``(instances, entries)``, as files hold them."""

    def lead(self, decision: Array) -> tuple[int, ...]:
        """Return the axes of an array of decisions before those of one decision: batch and candidates."""
        return tuple(decision.shape[: decision.ndim - self.ndim])

    def admitted(self, decision: ArrayLike, batch_shape: tuple[int, ...], name: str = "decision") -> Array:
        """Return decisions that the space `holds` as they are, and others validated: what formulas ask for at their door."""
        if type(decision) is np.ndarray and self.holds(decision) and self.lead(decision)[: len(batch_shape)] == batch_shape:
            return decision
        return self.validate(decision, batch_shape, name)

    def validate(self, decision: ArrayLike, batch_shape: tuple[int, ...], name: str = "decision") -> Array:
        """Return the decision as an array of shape ``(*batch, *candidates, *decision)``, or say what is wrong with it."""
        if type(decision) is np.ndarray and decision.dtype.kind in self.kinds:
            array = decision
        else:
            array = self._array(decision, name)
        try:
            array = self.checked(array)
        except InstanceError as error:
            raise InstanceError(f"{name}{str(error).removeprefix('decision')}") from None
        if array.size == 0:
            raise InstanceError(f"{name} has shape {array.shape} and holds no decision; allowed: at least one")
        if array.ndim == self.ndim and batch_shape:
            array = np.broadcast_to(array, (*batch_shape, *array.shape))
        if array.shape[: len(batch_shape)] != batch_shape:
            raise InstanceError(f"{name} has shape {array.shape}; allowed: leading axes {batch_shape}, the batch's")
        return array

    def _array(self, decision: ArrayLike, name: str) -> Array:
        """Return decisions as an array of numbers, or say that they are none."""
        decision = settled(name, decision)
        try:
            array = np.asarray(decision)
        except Exception as error:  # ragged lists, and whatever other libraries raise for their own arrays
            what = "rectangular array" if isinstance(error, ValueError) else "array of numbers"
            raise InstanceError(f"{name} is no {what}: {error}; allowed: {self.describe()}") from None
        if array.dtype.kind not in self.kinds:
            what = f"a {type(decision).__name__}" if array.dtype == object else f"of type {array.dtype}"
            raise InstanceError(f"{name} is {what}; allowed: an array of {self.describe()}")
        return array
