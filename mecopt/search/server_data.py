"""Instances with several servers, as the exact search has them: users in the order of nested groups of like ones."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.arrays import plain
from mecopt.kernels.servers import ROUNDING, Servers
from mecopt.search.groups import groups
from mecopt.search.server_limits import Rows

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


class ServersData(NamedTuple):
    """One instance: `Servers` with one row, its users in the order of their groups."""

    servers: Servers
    order: Whole
    """Which user stands where, ``(users,)``."""
    begin: Whole
    """Where groups begin, an outer one before those within it, ``(groups,)``; see `mecopt.search.groups`."""
    end: Whole
    rising: Whole
    """Users, as they stand, by rising work."""
    first: Floats
    """Prices to begin with: of capacity, as if users spread evenly over the servers, and none of places."""
    kinds: Whole
    """Of every choice the first one that costs all users the same and has the same capacity and places."""
    least: Floats
    """Users that a choice has to take, ``(choices,)``."""
    most: Floats
    """Users that a choice can take."""
    polish: bool
    """Whether decisions are bettered by local search, and near loads gone through."""
    weighed: Rows
    """Limits on sums of weights of choices that have prices."""
    asked: Rows
    """These, and those on numbers of all users beside the servers' own places: what a decision has to keep."""


def kinds_of(servers: Servers) -> Whole:
    """Return of every choice the first one that costs all users the same, ``(instances, choices)``."""
    instances, _, choices = servers.cost.shape
    kinds = np.tile(np.arange(choices), (instances, 1))
    for j in range(2, choices):
        for k in range(1, j):
            same = servers.capacity[:, j - 1] == servers.capacity[:, k - 1]
            if not same.any():
                continue
            same &= servers.admission[:, j - 1] == servers.admission[:, k - 1]
            same &= (servers.cost[..., j] == servers.cost[..., k]).all(axis=1)
            for bound in (servers.lower, servers.upper):
                if bound.size:
                    same &= ~servers.bounded | (bound[..., j - 1] == bound[..., k - 1]).all(axis=1)
            kinds[same & (kinds[:, j] == j), j] = k
    return kinds


def most_users(servers: Servers) -> Floats:
    """Return how many users each choice can take: those who can, at most its places and as least shares fit."""
    able = np.isfinite(servers.cost)
    most = able.sum(axis=1).astype(np.float64)
    most[:, 1:] = np.minimum(most[:, 1:], servers.admission)
    if servers.lower.size:
        least = np.sort(np.where(able[..., 1:], servers.lower, np.inf), axis=1).cumsum(axis=1)
        most[:, 1:] = np.minimum(most[:, 1:], (least <= servers.capacity[:, None] * (1.0 + ROUNDING)).sum(axis=1))
    return most


def prepared(servers: Servers, polish: bool) -> list[ServersData]:
    """Return the data of all instances."""
    instances, users, choices = servers.cost.shape
    first = np.zeros((instances, 2 * choices - 2))
    first[:, : choices - 1] = (2.0 * servers.root.sum(axis=1) / servers.capacity.sum(axis=1))[:, None]
    kinds, most, found = kinds_of(servers), most_users(servers), []
    for b in range(instances):
        one = servers._replace(**{name: part[b : b + 1] for name, part in servers._asdict().items()})
        told = (one.root, one.cost, one.lower, one.upper) if one.bounded[0] else (one.root, one.cost)
        like = groups(plain(np.concatenate([part.reshape(users, -1).T for part in told]), np.float64))
        of_users = {name: getattr(one, name) for name in ("cost", "root", "lower", "upper")}
        sorted_ = one._replace(**{name: part.take(like.order, 1) if part.size else part for name, part in of_users.items()})
        rising = np.argsort(sorted_.root[0])
        none = Rows(np.zeros((0, users, choices)), np.zeros(0), np.zeros(0))
        of_groups = like.order, like.first, like.last, rising
        found.append(ServersData(sorted_, *of_groups, first[b], kinds[b], np.zeros(choices), most[b], polish, none, none))
    return found
