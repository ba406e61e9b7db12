r"""Slots divided among beams: any mixture of beams is attained by a few of them in equal parts.

A mixture :math:`S \succeq 0` of rank r counts only by its trace (the time), by :math:`h_i^H S h_i` (the slot's own rate) and
by what others harvest from it. It is a sum :math:`\sum_{k=1}^r x_k x_k^H` with equal :math:`\|x_k\|^2` and equal
:math:`|h_i^H x_k|^2`: two Hermitian forms can be made equal at once (Huang, Zhang, "Complex matrix decomposition and
quadratic programming", Math. Oper. Res. 32(3), 2007). So the beams :math:`x_k/\|x_k\|`, each for an r-th part of the slot's
carrier, have the mixture's own rate and harvest: the bound over mixtures is attained whatever the rank.

The construction rotates two of the vectors at a time, :math:`(a x_1 + b x_2, -b x_1 + a x_2)` with :math:`a^2 + b^2 = 1`,
which leaves their sum of squares as it is. With the phase of :math:`x_2` such that :math:`x_1^H A x_2` is imaginary the form
of A stays, too, while that of B passes through its mean.

Before that the rank itself is brought down. The mixture :math:`S = V V^H` counts by m numbers
:math:`\langle A_k, S \rangle`: its trace, what it brings the slot's own user, and what each other user harvests. A Hermitian
:math:`\Delta` of r rows is :math:`r^2` real numbers, so if :math:`r^2 > m` some :math:`\Delta \ne 0` has
:math:`\langle V^H A_k V, \Delta \rangle = 0` for all k; then :math:`V (I - \Delta/\lambda_{\max}(\Delta)) V^H` counts the
same and is of lower rank (Pataki, "On the rank of extreme matrices in semidefinite programs", Math. Oper. Res. 23(2), 1998).
Two users need one beam a slot, seven at most two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

RANK = 1e-7
"""Part of the largest eigenvalue below which another one is rounding."""


UNSEEN = 1e-13
"""Part of the largest form below which another one does not tell mixtures apart."""


def rank(mixture: Array) -> Array:
    """Return the ranks of positive semidefinite matrices, at least 1."""
    values = np.linalg.eigvalsh(mixture)
    return np.maximum((values > RANK * np.maximum(values[..., -1:], 1e-300)).sum(axis=-1), 1)


def reduced(mixture: Array, forms: Array) -> Array:
    r"""Return a positive semidefinite matrix of lower rank, if there is one, with the same forms.

    Parameters
    ----------
    mixture
        positive semidefinite.
    forms
        Hermitian matrices A, ``(m, antennas, antennas)``: what counts is :math:`\langle A_k, S \rangle`.
    """
    values, vectors = np.linalg.eigh(mixture)
    parts = int(rank(mixture))
    factor = vectors[:, -parts:] * np.sqrt(np.maximum(values[-parts:], 0.0))
    sizes = np.linalg.norm(forms, axis=(-2, -1))
    forms = forms[sizes > 0.0] / sizes[sizes > 0.0, None, None]
    while factor.shape[1] > 1:
        unit = factor / np.linalg.norm(factor)
        seen = np.einsum("ai,kab,bj->kij", unit.conj(), forms, unit)
        change = _unseen(seen)
        if change is None:
            break
        eigenvalues, turned = np.linalg.eigh(change)
        if -eigenvalues[0] > eigenvalues[-1]:
            eigenvalues, turned = -eigenvalues[::-1], turned[:, ::-1]
        left = 1.0 - eigenvalues / eigenvalues[-1]
        factor = (factor @ turned * np.sqrt(np.maximum(left, 0.0)))[:, left > RANK]
    return np.asarray(factor @ factor.conj().T)


def _unseen(seen: Array) -> Array | None:
    """Return a Hermitian matrix that is orthogonal to all of the given ones; None where there is none."""
    size = seen.shape[-1]
    upper = np.triu_indices(size, 1)
    diagonal = np.real(seen[:, np.arange(size), np.arange(size)])
    rows = np.concatenate([diagonal, 2.0 * seen[:, upper[0], upper[1]].real, 2.0 * seen[:, upper[0], upper[1]].imag], axis=1)
    _, singular, basis = np.linalg.svd(rows)
    if len(singular) == size**2 and singular[-1] > UNSEEN * singular[0]:
        return None
    found = np.diag(basis[-1][:size]).astype(complex)
    found[upper] = basis[-1][size : size + len(upper[0])] + 1j * basis[-1][size + len(upper[0]) :]
    return np.asarray(found + np.triu(found, 1).conj().T)


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
