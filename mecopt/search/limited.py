"""Instances under limits on decisions, as compiled searches take them: rows that nothing breaks are dropped."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.limits import RowsOfEach, breakable
from mecopt.kernels.arrays import plain
from mecopt.kernels.servers import Servers
from mecopt.search.groups import groups
from mecopt.search.limited_data import LimitedData
from mecopt.search.limited_tree import LimitedTree
from mecopt.search.server_data import ServersData
from mecopt.search.server_limits import Rows

__all__ = ["LimitedTree", "limited_instances", "of_the_model"]

Array = NDArray[Any]
Floats = NDArray[np.float64]


def limited_instances(data: Any, rows: RowsOfEach) -> list[Any]:
    """Return the data of all instances under their limits; as they are where no decision breaks any.

    Parameters
    ----------
    data
        compiled data, of all together or of each.
    rows
        limits, along the same axis.
    """
    found = [_some(data, slice(b, b + 1)) for b in range(len(rows))] if isinstance(data, tuple) else list(data)
    for b in np.flatnonzero(rows.binding).tolist():
        of_one = rows[b]
        asked = [part[0, breakable(of_one)[0]] for part in of_one[:3]]
        one = found[b]
        found[b] = limited_servers(one, *asked) if isinstance(one, ServersData) else limited_bits(_alone(one), *asked)
    return found


def of_the_model(price: Callable[[Any], Floats]) -> Callable[[Any], Floats]:
    """Return first prices of limited data from what gives them for a model's own."""
    return lambda data: price(_as_batch(data.inner) if isinstance(data, LimitedData) else data)


def _some(data: Any, which: slice) -> Any:
    """Return the data of some instances of a batch."""
    return type(data)(*(_some(part, which) if isinstance(part, tuple) else part[which] for part in data))


def _alone(data: Any) -> Any:
    """Return the data of a batch of one as compiled code has those of its instance: only `Servers` keep their axis."""
    if isinstance(data, Servers):
        return data
    return type(data)(*(_alone(part) if isinstance(part, tuple) else part[0] for part in data))


def _as_batch(data: Any) -> Any:
    """Return what `_alone` was given."""
    if isinstance(data, Servers):
        return data
    return type(data)(*(_as_batch(part) if isinstance(part, tuple) else np.asarray(part)[None] for part in data))


def limited_servers(data: ServersData, weight: Floats, least: Floats, most: Floats) -> ServersData:
    """Return one instance with several choices under rows ``(rows, users, choices)``.

    Users come in the order of groups that are alike in their weights, too; servers are interchangeable only if their weights
    are the same.
    """
    users, choices = weight.shape[1:]
    base = [math.fsum(row) for row in weight[..., 0]]
    rise, least, most = weight - weight[..., :1], least - base, most - base
    of_choices, priced = np.array([data.least, data.most]), np.ones(len(rise), dtype=bool)
    for k, row in enumerate(rise):
        one = row[0, row[0] != 0.0]
        if not one.size or (row != row[0]).any() or (one != one[0]).any() or one.size not in (1, choices - 1):
            continue
        low, high = _numbers(least[k], most[k], one[0], users)  # a limit on how many users take one choice, or are local
        choice = int(np.flatnonzero(row[0])[0]) if one.size == 1 else 0
        low, high = (low, high) if choice else (users - high, users - low)
        of_choices[0, choice], of_choices[1, choice] = max(of_choices[0, choice], low), min(of_choices[1, choice], high)
        priced[k] = False
    scale = _scale(np.abs(rise).max(axis=(1, 2), initial=0.0))
    asked = Rows(rise[:, data.order] * scale[:, None, None], least * scale, most * scale)
    rise = asked.weight[priced]
    mine = data.servers
    told = (mine.root, mine.cost, mine.lower, mine.upper) if mine.bounded[0] else (mine.root, mine.cost)
    quantities = [part.reshape(users, -1).T for part in told] + list(rise.transpose(0, 2, 1))
    like = groups(plain(np.concatenate(quantities), np.float64))
    of_users = {name: getattr(mine, name) for name in ("cost", "root", "lower", "upper")}
    sorted_ = mine._replace(**{name: part.take(like.order, 1) if part.size else part for name, part in of_users.items()})
    kinds = data.kinds.copy()
    for j, k in enumerate(data.kinds.tolist()):
        same = [m for m in range(k, j) if data.kinds[m] == k and (rise[..., m] == rise[..., j]).all()]
        kinds[j] = same[0] if same else j
    return data._replace(
        servers=sorted_,
        order=data.order[like.order],
        begin=like.first,
        end=like.last,
        rising=np.argsort(sorted_.root[0]),
        kinds=kinds,
        least=of_choices[0],
        most=of_choices[1],
        weighed=Rows(np.ascontiguousarray(rise[:, like.order]), asked.least[priced], asked.most[priced]),
        asked=asked._replace(weight=np.ascontiguousarray(asked.weight[:, like.order])),
    )


def _numbers(least: float, most: float, weight: float, users: int) -> tuple[float, float]:
    """Return how many users of one weight a limit allows, one more or less than there can be where that is out of reach."""
    low, high = sorted((least / weight, most / weight))
    return min(max(np.ceil(low), -1.0), users + 1.0), min(max(np.floor(high), -1.0), users + 1.0)


def _scale(largest: Floats) -> Floats:
    """Return powers of two that take sizes to between a half and 1."""
    return np.asarray(np.ldexp(1.0, -np.frexp(np.where(largest > 0.0, largest, 1.0))[1]))


def limited_bits(inner: Any, weight: Floats, least: Floats, most: Floats) -> LimitedData:
    """Return one instance with decisions of one bit a user under rows ``(rows, users, 2)``."""
    base = [math.fsum(row) for row in weight[..., 0]]
    rise, least, most = weight[..., 1] - weight[..., 0], least - base, most - base
    item, alike = _items(rise, least, most)
    items = int(item.max()) + 1
    rise, least, most = rise[~alike], least[~alike], most[~alike]
    of_items = np.array([np.bincount(item, row, items) for row in rise]).reshape(len(rise), items)
    wanted = [0, items]
    priced = np.ones(len(rise), dtype=bool)
    for k, row in enumerate(of_items):
        if row[0] != 0.0 and (row == row[0]).all():  # a limit on how many items offload
            low, high = _numbers(least[k], most[k], row[0], items)
            wanted = [max(wanted[0], int(low)), min(wanted[1], int(high))]
            priced[k] = False
    of_items, least, most = of_items[priced], least[priced], most[priced]
    scale = _scale(np.abs(of_items).max(axis=1, initial=0.0))
    return LimitedData(
        inner,
        item,
        of_items * scale[:, None],
        least * scale,
        most * scale,
        np.array(wanted, dtype=np.int64),
        np.zeros(items),
        np.zeros(2),
        np.zeros(items),
    )


def _items(rise: Floats, least: Floats, most: Floats) -> tuple[NDArray[np.int64], Array]:
    """Return which item each user belongs to, and which rows say no more than that two decide alike."""
    users = rise.shape[1]
    item, alike = np.arange(users), np.zeros(len(rise), dtype=bool)
    for k, row in enumerate(rise):
        moved = np.flatnonzero(row)
        if len(moved) != 2 or row[moved].sum() != 0.0:
            continue
        size = abs(row[moved[0]])
        if -size < least[k] <= 0.0 <= most[k] < size:
            alike[k] = True
            item[item == item[moved[1]]] = item[moved[0]]
    return np.unique(item, return_inverse=True)[1].astype(np.int64), alike
