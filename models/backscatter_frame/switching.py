r"""Slots divided among beams: any mixture of beams is attained by a few of them in equal parts.

A mixture :math:`S \succeq 0` of rank r counts only by its trace (the time), by :math:`h_i^H S h_i` (the slot's own rate) and
by what others harvest from it. It is a sum :math:`\sum_{k=1}^r x_k x_k^H` with equal :math:`\|x_k\|^2` and equal
:math:`|h_i^H x_k|^2`: two Hermitian forms can be made equal at once (Huang, Zhang, "Complex matrix decomposition and
quadratic programming", Math. Oper. Res. 32(3), 2007). So the beams :math:`x_k/\|x_k\|`, each for an r-th part of the slot's
carrier, have the mixture's own rate and harvest: the bound over mixtures is attained whatever the rank.

The construction rotates two of the vectors at a time, :math:`(a x_1 + b x_2, -b x_1 + a x_2)` with :math:`a^2 + b^2 = 1`,
which leaves their sum of squares as it is. With the phase of :math:`x_2` such that :math:`x_1^H A x_2` is imaginary the form
of A stays, too, while that of B passes through its mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

RANK = 1e-7
"""Part of the largest eigenvalue below which another one is rounding."""


def rank(mixture: Array) -> Array:
    """Return the ranks of positive semidefinite matrices, at least 1."""
    values = np.linalg.eigvalsh(mixture)
    return np.maximum((values > RANK * np.maximum(values[..., -1:], 1e-300)).sum(axis=-1), 1)


def decomposed(mixture: Array, channel: Array, parts: int) -> Array:
    """Return unit beams ``(parts, antennas)`` that, in equal parts, are the mixture.

    Parameters
    ----------
    mixture
        positive semidefinite, of rank `parts` at most.
    channel
        h of the slot's own user.
    """
    values, vectors = np.linalg.eigh(mixture)
    found = (vectors[:, -parts:] * np.sqrt(np.maximum(values[-parts:], 0.0))).T
    identity, own = np.eye(len(channel)), np.outer(channel, channel.conj())
    _equalise(found, identity, None)
    _equalise(found, own, identity)
    return np.asarray(found / np.linalg.norm(found, axis=-1, keepdims=True))


def _form(matrix: Array, vectors: Array) -> Array:
    return np.asarray(np.einsum("ka,ab,kb->k", vectors.conj(), matrix, vectors).real)


def _equalise(vectors: Array, matrix: Array, kept: Array | None) -> None:
    """Rotate vectors until the form of a matrix is the same for all, that of another staying as it is."""
    mean = _form(matrix, vectors).mean()
    for _ in range(len(vectors) - 1):
        forms = _form(matrix, vectors)
        high, low = int(forms.argmax()), int(forms.argmin())
        if forms[high] - forms[low] <= 1e-15 * max(abs(mean), 1e-300):
            return
        first, second = vectors[high].copy(), vectors[low].copy()
        if kept is not None:
            cross = first.conj() @ kept @ second
            second = second * (1.0 if cross == 0.0 else 1j * np.abs(cross) / cross)
        across = float((first.conj() @ matrix @ second).real)
        # a^2 high + 2 a b across + b^2 low = mean, with b/a = slope
        slope = _root(forms[low] - mean, across, forms[high] - mean)
        a = 1.0 / np.hypot(1.0, slope)
        vectors[high], vectors[low] = a * first + a * slope * second, a * second - a * slope * first


def _root(square: float, half: float, constant: float) -> float:
    """Return the root of ``square x^2 + 2 half x + constant`` nearest to 0, where square <= 0 <= constant."""
    depth = np.sqrt(half * half - square * constant)
    return float(constant / (-half + depth) if half <= 0.0 else -(half + depth) / square if square else 0.0)
