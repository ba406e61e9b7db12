"""Beams of unit norm, which are known up to their phase."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.decision.space import DecisionSpace
from mecopt.contract.errors import InstanceError
from mecopt.show.numbers import counted

Array = NDArray[Any]

SHOWN = 4
"""Weights of a beam that are written out."""

UNIT = 1e-6
"""By how much the norm of a beam may differ from 1 when it is given; it is divided by its norm then."""

ROUNDED = 1e-12
"""By how much the norm of a beam may differ from 1 where it is held already."""


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
