r"""From a network's values to decisions: a softmax over the choices of each user.

Paper 004 gives its network 30 outputs for 30 users and has each say one of 0..M; (24)-(25) leave open how. Here every user
has one value for each of its M + 1 choices. With probabilities :math:`\pi_{ij}` of user i's choices the own decision takes
the most probable choice of each user, and decisions are ranked by the product :math:`\prod_i \pi_{i,a_i}`. For one server
two values are one sigmoid of their difference, so these are the paper's 30 outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.show.numbers import counted

Array = NDArray[Any]


def log_probabilities(values: Array, users: int) -> Array:
    r"""Return :math:`\ln \pi` of the network's values ``(instances, users choices)``: ``(instances, users, choices)``."""
    rows = values.reshape(len(values), users, -1).astype(float)
    rows -= rows.max(axis=-1, keepdims=True)
    return np.asarray(rows - np.log(np.exp(rows).sum(axis=-1, keepdims=True)))


def own_decision(logs: Array) -> Array:
    """Return the most probable decision, ``(instances, users)``."""
    return logs.argmax(axis=-1).astype(np.int8)


def most_probable(logs: Array, k: int) -> Array:
    """Return the k most probable decisions, most probable first, ``(instances, k, users)``.

    Built user by user: of all decisions of the users so far only the k most probable can begin one of the k in the end.

    Raises
    ------
    InstanceError
        where there are fewer than k decisions.
    """
    instances, users, choices = logs.shape
    if k < 1:
        raise InstanceError(f"k is {k}; allowed: at least 1")
    if choices**users < k:
        raise InstanceError(f"{counted(users, 'users', 'have')} {counted(choices**users, 'decisions')}; {k} were asked for")
    order = np.argsort(-logs, axis=-1, kind="stable")
    lost = logs.max(axis=-1, keepdims=True) - np.take_along_axis(logs, order, axis=-1)
    decisions, total = np.empty((instances, 1, users), dtype=np.int8), np.zeros((instances, 1))
    for user in range(users):
        added = (total[:, :, None] + lost[:, user, None, :]).reshape(instances, -1)
        kept = np.argsort(added, axis=-1, kind="stable")[:, :k]
        total = np.take_along_axis(added, kept, axis=-1)
        decisions = np.take_along_axis(decisions, kept[:, :, None] // choices, axis=1)
        decisions[:, :, user] = np.take_along_axis(order[:, user], kept % choices, axis=-1)
    return decisions
