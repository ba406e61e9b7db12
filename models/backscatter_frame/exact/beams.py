r"""Beams: the paper's simple ones, and those that weights of users or prices ask for.

At the best beams the conditions of Karush, Kuhn and Tucker make each :math:`w_i` a principal eigenvector of
:math:`\nu_i h_i h_i^H + \sum_{j \ne i} \lambda_j \eta_j p\, h_j h_j^H` with weights that are not negative: what remains to
be chosen for a slot is one number per user, not one complex number per antenna.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.problem import Problem
from mecopt.contract.solver import Search, Solver
from mecopt.search.candidates import picked

if TYPE_CHECKING:
    from mecopt.models.backscatter_frame.problem import BackscatterFrame

Array = NDArray[Any]


def outer(channel: Array) -> Array:
    """Return ``h h^H`` of every user, ``(..., users, antennas, antennas)``."""
    return np.asarray(channel[..., :, None] * channel[..., None, :].conj())


def principal(matrix: Array) -> Array:
    """Return a unit eigenvector of the greatest eigenvalue of Hermitian matrices."""
    return np.asarray(np.linalg.eigh(matrix)[1][..., :, -1])


def of_ordinary_size(channel: Array) -> Array:
    """Return channels times a power of two each, whose squares neither overflow nor vanish: directions stay."""
    most = np.maximum(np.abs(channel.real), np.abs(channel.imag)).max(axis=-1, keepdims=True)
    power = -np.frexp(most)[1]
    return np.asarray(np.ldexp(channel.real, power) + 1j * np.ldexp(channel.imag, power))


def matched(problem: BackscatterFrame) -> Array:
    """Return beams matched to the channel of the slot's own user (maximum-ratio transmission)."""
    channel = of_ordinary_size(problem.channel)
    norm = np.linalg.norm(channel, axis=-1, keepdims=True)
    first = np.zeros(channel.shape[-1])
    first[0] = 1.0
    return np.asarray(np.where(norm > 0.0, channel / np.where(norm > 0.0, norm, 1.0), first))


def weighted(problem: BackscatterFrame, weight: Array) -> Array:
    r"""Return principal eigenvectors of :math:`\sum_j q_{ij} h_j h_j^H / \|h_j\|^2`.

    Parameters
    ----------
    weight
        q of shape ``(*batch, *candidates, users, users)``: row i for the slot of user i; none negative.
    """
    channel = of_ordinary_size(problem.aligned("channel", weight))
    strength = (np.abs(channel) ** 2).sum(axis=-1)[..., None, None]
    unit = outer(channel) / np.where(strength > 0.0, strength, 1.0)
    return principal(np.einsum("...ij,...jab->...iab", weight, unit))


def charging(problem: BackscatterFrame) -> Array:
    r"""Return beams that feed all other users most: principal eigenvectors of :math:`\sum_{j \ne i} h_j h_j^H`."""
    matrix = outer(problem.channel)
    return principal(matrix.sum(axis=-3, keepdims=True) - matrix)


def evenly(problem: BackscatterFrame) -> Array:
    """Return beams that weight all other users alike, each channel made unit."""
    users = problem.users
    return weighted(problem, np.broadcast_to(1.0 - np.eye(users), (*problem.batch_shape, users, users)))


class Named(Solver):
    """Beams by a rule, with their best allocation."""

    def __init__(self, name: str, rule: Any, summary: str) -> None:
        self.name, self.rule, self.summary = name, rule, summary

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Apply the rule."""
        return Search(self.rule(problem), solver_calls=1)


class RandomBeams(Solver):
    """The best of some uniformly random sets of beams."""

    def __init__(self, name: str, draws: int) -> None:
        self.name, self.draws = name, draws
        self.summary = "uniformly random beams" if draws == 1 else f"the best of {draws} sets of uniformly random beams"

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        """Draw for the whole batch, allocate in one call."""
        drawn = problem.decision_space.sample(rng, (*problem.batch_shape, self.draws))
        best = problem.optimal_value(drawn).argmin(axis=-1)
        return Search(picked(drawn, best, problem.decision_space), solver_calls=self.draws)
