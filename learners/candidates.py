r"""From a network's outputs to candidate decisions: four schemes, each batched over instances.

With outputs :math:`m_i \in [0, 1]` a network's own decision is :math:`x_i = 1` where :math:`m_i > 1/2`. The others are

- `perturb-up-to`: the own decision with 1 to c users flipped, number and users drawn uniformly,
- `perturb-exactly`: with exactly c users flipped (paper 003, section 3, to the letter),
- `order-preserving`: thresholds at the outputs nearest to one half, which keep their order (Huang, Bi, Zhang 2020),
- `nearest-neighbour`: the binary vectors nearest to m in Euclidean distance, nearest first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.show.numbers import counted

Array = NDArray[Any]

REDRAWS = 20
"""Rounds in which repeated perturbations are drawn anew where so few users have no k different ones."""


def own_decision(outputs: Array) -> Array:
    """Return the decision that the outputs say, ``(instances, users)``."""
    return (outputs > 0.5).astype(np.int8)


def candidates(outputs: Array, k: int, scheme: str, flips: int, own_included: bool, rng: Generator) -> Array:
    """Return k decisions an instance, different from each other where there are as many, ``(instances, k, users)``.

    Parameters
    ----------
    outputs
        shape ``(instances, users)``.
    k
        how many; at most users + 1 for `order-preserving`.
    scheme
        a key of `SCHEMES`.
    flips
        c: how many users a perturbation flips, at most or exactly.
    own_included
        whether the own decision comes first; without it all k are perturbations, as the paper may be read.
    """
    if k < 1:
        raise InstanceError(f"k is {k}; allowed: at least 1")
    if scheme not in SCHEMES:
        raise InstanceError(f"scheme is {scheme!r}; allowed: {', '.join(SCHEMES)}")
    return SCHEMES[scheme](np.asarray(outputs, dtype=float), k, flips, own_included, rng)


def _perturb(outputs: Array, k: int, most: int, least: int, own_included: bool, rng: Generator) -> Array:
    instances, users = outputs.shape
    count = k - own_included
    most, least = min(most, users), min(least, users)
    masks = _flip_sets(instances * count, users, least, most, rng).reshape(instances, count, users)
    names = rng.integers(1, 2**62, users, dtype=np.int64)
    enough = sum(math.comb(users, flips) for flips in range(least, most + 1)) >= count
    for _ in itertools.count() if enough else range(REDRAWS):
        again = _repeated((masks * names).sum(axis=-1))
        if not again.any():
            break
        masks[again] = _flip_sets(int(again.sum()), users, least, most, rng)
    perturbed = own_decision(outputs)[:, None, :] ^ masks
    return np.concatenate([own_decision(outputs)[:, None, :], perturbed], axis=1) if own_included else perturbed


def _flip_sets(count: int, users: int, least: int, most: int, rng: Generator) -> Array:
    """Draw sets of users as masks: their number uniform on least..most, then the set uniform."""
    number = rng.integers(least, most + 1, count)
    rank = rng.random((count, users)).argsort(axis=-1).argsort(axis=-1)
    return (rank < number[:, None]).astype(np.int8)


def _repeated(keys: Array) -> Array:
    """Mark every key that stands earlier in its row already."""
    order = keys.argsort(axis=-1, kind="stable")
    ordered = np.take_along_axis(keys, order, axis=-1)
    same = np.zeros(keys.shape, dtype=bool)
    same[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    found = np.empty_like(same)
    np.put_along_axis(found, order, same, axis=-1)
    return found


def _up_to(outputs: Array, k: int, flips: int, own_included: bool, rng: Generator) -> Array:
    return _perturb(outputs, k, flips, 1, own_included, rng)


def _exactly(outputs: Array, k: int, flips: int, own_included: bool, rng: Generator) -> Array:
    return _perturb(outputs, k, flips, flips, own_included, rng)


def _order_preserving(outputs: Array, k: int, flips: int, own_included: bool, rng: Generator) -> Array:
    users = outputs.shape[-1]
    if k > users + 1:
        raise InstanceError(
            f"order-preserving gives at most {counted(users + 1, 'decisions')} of {counted(users, 'users')}; "
            f"{k} were asked for"
        )
    near = np.abs(outputs - 0.5).argsort(axis=-1, kind="stable")[:, : k - 1]
    thresholds = np.take_along_axis(outputs, near, axis=-1)[:, :, None]
    above = outputs[:, None, :] > thresholds
    at = (outputs[:, None, :] == thresholds) & (thresholds <= 0.5)
    return np.concatenate([own_decision(outputs)[:, None, :], (above | at).astype(np.int8)], axis=1)


def _nearest(outputs: Array, k: int, flips: int, own_included: bool, rng: Generator) -> Array:
    r"""Flipping user i lengthens the squared distance by :math:`|1 - 2 m_i|`: the k sets of least total length.

    Built user by user, the surest last: of all sets over the users so far only the k shortest can be among the answers.
    """
    instances, users = outputs.shape
    length = np.abs(1.0 - 2.0 * outputs)
    order = length.argsort(axis=-1, kind="stable")[:, : max(k - 1, 0)]
    sets, total = np.zeros((instances, 1, users), dtype=np.int8), np.zeros((instances, 1))
    for step in range(order.shape[1]):
        user = order[:, step]
        longer = sets.copy()
        longer[np.arange(instances), :, user] = 1
        added = total + np.take_along_axis(length, user[:, None], axis=-1)
        sets, total = np.concatenate([sets, longer], axis=1), np.concatenate([total, added], axis=1)
        kept = total.argsort(axis=-1, kind="stable")[:, :k]
        sets, total = np.take_along_axis(sets, kept[:, :, None], axis=1), np.take_along_axis(total, kept, axis=1)
    if sets.shape[1] < k:
        raise InstanceError(f"{counted(users, 'users', 'have')} {counted(sets.shape[1], 'decisions')}; {k} were asked for")
    return own_decision(outputs)[:, None, :] ^ sets


Scheme = Callable[[Array, int, int, bool, Generator], Array]
SCHEMES: dict[str, Scheme] = {
    "perturb-up-to": _up_to,
    "perturb-exactly": _exactly,
    "order-preserving": _order_preserving,
    "nearest-neighbour": _nearest,
}
