"""Decision spaces: what a search or a learner proposes: one of several choices per user, a beam, a quantity, or a count."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError
from mecopt.quantities.given import settled
from mecopt.show.numbers import counted

Array = NDArray[Any]

MOST_CHOICES = 127
"""Choices are held as bytes."""

LISTED = 20
"""Users that a sentence names of each choice, and choices that it names."""

SHOWN = 4
"""Weights of a beam that are written out."""

SKIP = -1.0
"""What stands for skipping in a decision of quantities."""

SKIPPED = 0.25
"""Part of the users who skip in decisions that are drawn."""

MOST_COUNTED = 2**53
"""Largest count: beyond it floats leave numbers out."""

UNIT = 1e-6
"""By how much the norm of a beam may differ from 1 when it is given; it is divided by its norm then."""

ROUNDED = 1e-12
"""By how much the norm of a beam may differ from 1 where it is held already."""


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
        decision = settled(name, decision)
        try:
            array = np.asarray(decision)
        except Exception as error:  # ragged lists, and whatever other libraries raise for their own arrays
            what = "rectangular array" if isinstance(error, ValueError) else "array of numbers"
            raise InstanceError(f"{name} is no {what}: {error}; allowed: {self.describe()}") from None
        if array.dtype.kind not in self.kinds:
            what = f"a {type(decision).__name__}" if array.dtype == object else f"of type {array.dtype}"
            raise InstanceError(f"{name} is {what}; allowed: an array of {self.describe()}")
        try:
            array = self.checked(array)
        except InstanceError as error:
            raise InstanceError(f"{name}{str(error).removeprefix('decision')}") from None
        if array.size == 0:
            raise InstanceError(f"{name} has shape {array.shape} and holds no decision; allowed: at least one")
        if array.ndim == self.ndim:
            array = np.broadcast_to(array, (*batch_shape, *array.shape))
        if array.shape[: len(batch_shape)] != batch_shape:
            raise InstanceError(f"{name} has shape {array.shape}; allowed: leading axes {batch_shape}, the batch's")
        return array


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
        inside = np.isin(decision, range(len(self.labels)))
        if not inside.all():
            index = tuple(int(i) for i in np.argwhere(~inside)[0])
            raise InstanceError(f"decision{list(index)} is {decision[index]}; allowed: {self.describe()}")
        return decision.astype(np.int8)

    def holds(self, decision: Array) -> bool:
        """Whether decisions are bytes, ``(..., users)``, each the number of a choice."""
        if decision.dtype != np.int8 or decision.ndim == 0 or decision.shape[-1] != self.size:
            return False
        return bool(decision.size == 0 or (decision.min() >= 0 and decision.max() < len(self.labels)))

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


class UnitBeams(DecisionSpace):
    """A beam of unit norm per user: complex weights of the antennas, ``(users, antennas)``.

    Several beams per user may stand one after the other on the last axis, ``(users, k antennas)``: a slot is then divided
    among them in equal parts. Beams that differ by a phase are the same beam.

    >>> UnitBeams(2, 2).contains(np.array([[1.0, 0.0], [0.6, 0.8j]])).item()
    True
    """

    ndim = 2
    kinds = "iufc"

    def __init__(self, users: int, antennas: int) -> None:
        self.users, self.antennas = users, antennas

    def norms(self, decision: Array) -> Array:
        """Return the norm of each beam, ``(..., users, k)``."""
        beams = decision.reshape(*decision.shape[:-1], -1, self.antennas)
        return np.asarray(np.linalg.norm(beams, axis=-1))

    def contains(self, decision: Array) -> Array:
        """Whether all beams are of unit norm, up to `UNIT`."""
        return np.asarray((np.abs(self.norms(decision) - 1.0) <= UNIT).all(axis=(-2, -1)))

    def sample(self, rng: Generator, shape: tuple[int, ...] = ()) -> Array:
        """Draw one beam per user, uniformly on the sphere."""
        drawn = rng.standard_normal((*shape, self.users, self.antennas, 2)) @ np.array([1.0, 1.0j])
        return np.asarray(drawn / np.linalg.norm(drawn, axis=-1, keepdims=True))

    def checked(self, decision: Array) -> Array:
        """Return beams as complex numbers, ``(..., users, k antennas)``, their norms made 1 to rounding."""
        wrong = decision.ndim < self.ndim or decision.shape[-2] != self.users or not decision.shape[-1]
        if wrong or decision.shape[-1] % self.antennas:
            raise InstanceError(
                f"decision has shape {decision.shape}; allowed: {(self.users, self.antennas)} as the last axes, weights of "
                f"{counted(self.antennas, 'antennas')} for each of {counted(self.users, 'users')} (or of "
                "several beams, one after the other)"
            )
        beams = decision.astype(complex)
        norms = self.norms(beams)
        good = np.abs(norms - 1.0) <= UNIT
        if not good.all():
            *lead, user, beam = (int(i) for i in np.argwhere(~good)[0])
            first = f"beam {beam} of " if norms.shape[-1] > 1 else ""
            raise InstanceError(
                f"decision{[*lead, user]}: {first}user {user} has norm {norms[(*lead, user, beam)]:.6g}; allowed: "
                f"{self.describe()}"
            )
        return beams / np.repeat(norms, self.antennas, axis=-1)

    def holds(self, decision: Array) -> bool:
        """Whether decisions are complex, ``(..., users, k antennas)``, all norms 1 to rounding."""
        if decision.dtype != np.complex128 or decision.ndim < self.ndim or decision.shape[-2] != self.users:
            return False
        if not decision.shape[-1] or decision.shape[-1] % self.antennas:
            return False
        return bool((np.abs(self.norms(decision) - 1.0) <= ROUNDED).all())

    def shown(self, entry: Array) -> str:
        """Write magnitudes and phases of the weights, the first one's phase 0: a beam is known up to its phase."""
        first = entry[np.abs(entry) > 0.0][:1]
        turned = entry * (first.conj() / np.abs(first) if first.size else 1.0)
        rest = f" ... ({entry.size} weights)" if entry.size > SHOWN else ""
        return " ".join(f"{abs(weight):.2f}∠{round(np.degrees(np.angle(weight)))}°" for weight in turned[:SHOWN]) + rest

    def told(self, decision: Array) -> str:
        """Say how many beams there are."""
        several = decision.shape[-1] // self.antennas
        beams = "a unit beam" if several == 1 else f"{several} unit beams"
        return f"{beams} of {counted(self.antennas, 'antennas')} for each of {counted(self.users, 'users')}"

    def stored(self, decision: Array) -> Array:
        """Return real and imaginary parts by turns, antenna after antenna, user after user."""
        rows = np.ascontiguousarray(decision, dtype=complex)
        return rows.view(float).reshape(len(rows), -1)

    def describe(self) -> str:
        """Say what one entry may be."""
        return "complex weights of the antennas, of norm 1 for every beam"


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
        self.most, self.unit, self.verb, self.size = np.asarray(most, dtype=float), unit, verb, np.shape(most)[-1]

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
