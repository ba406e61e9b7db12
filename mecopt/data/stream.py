"""Streams of instances: one after the other in a batch, with changes that take hold at an instance.

A stream is a batch, so whatever changes along it (the weight of energy, users who leave) is data like any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import declared
from mecopt.contract.meant import unknown_field
from mecopt.contract.problem import Problem
from mecopt.show.numbers import counted

Array = NDArray[Any]

USERS_OFF = "users_off"
"""Name of the change that switches off the first so many users: their task, `Problem.task_fields`, becomes 0."""


def changed(stream: Problem, changes: Sequence[tuple[int, Mapping[str, float]]]) -> Problem:
    """Return the stream with fields changed from given instances on, each until the next change of the same name.

    Parameters
    ----------
    changes
        pairs of an instance's number and the new values by field name, or `users_off`; of paths ``(slots, lanes)`` a slot's.

    Examples
    --------
    >>> from mecopt.models import BinaryOffloading
    >>> stream = BinaryOffloading.sample(np.random.default_rng(0), (4,), users=2)
    >>> changed(stream, [(1, {"energy_weight": 3.0}), (3, {"energy_weight": 1.0})]).energy_weight[:, 0].tolist()
    [1.0, 3.0, 3.0, 1.0]
    """
    flat = stream if stream.batch_shape else stream.flat()
    fields = {name: value.copy() for name, value in flat.data().items()}
    task = flat.task_fields or (declared(type(flat))[0].name,)
    off = np.zeros(len(flat), dtype=int)
    for first, values in sorted(changes, key=lambda change: change[0]):
        if not 0 <= first < len(flat):
            raise InstanceError(f"a change takes hold at instance {first}; allowed: 0 to {len(flat) - 1}")
        for name, value in values.items():
            if name == USERS_OFF:
                if not (0 <= value <= flat.users and value == int(value)):
                    raise InstanceError(f"{USERS_OFF} is {value}; allowed: a whole number from 0 to {flat.users}")
                off[first:] = int(value)
            elif name in fields:
                fields[name][first:] = value
            else:
                raise unknown_field(type(flat), name, [USERS_OFF, *fields])
    for name in task:
        away = np.arange(flat.users) < off.reshape(-1, *(1,) * len(flat.batch_shape))
        fields[name][np.broadcast_to(away, fields[name].shape)] = 0.0
    return type(flat)(**fields)


def passes(instances: Problem, count: int, rng: Generator) -> Problem:
    """Return a stream of `count` instances from a set: whole passes, each in an order of its own."""
    flat = instances.flat()
    rounds = -(-count // flat.instances)
    order = np.concatenate([rng.permutation(flat.instances) for _ in range(rounds)])
    return flat[order[:count]]


def kept_back(instances: Problem, split: float) -> int:
    """Return the number of the first instance that a training on the part `split` never sees."""
    first = round(split * instances.instances) if 0.0 < split < 1.0 else 0
    if not 0 < first < instances.instances:
        raise InstanceError(
            f"split {split:g} of {counted(instances.instances, 'instances')} leaves one side empty; allowed: between 0 and 1"
        )
    return first


def repeated(instances: Problem, first: int) -> list[tuple[int, int]]:
    """Return which instances from `first` on have the data of one before it, as pairs of both numbers.

    Examples
    --------
    >>> from mecopt.models import BinaryOffloading
    >>> frames = BinaryOffloading(data_size=[[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [5.0, 6.0]])
    >>> repeated(frames, 2)
    [(2, 0)]
    """
    before: dict[bytes, int] = {}
    names = names_of(instances)
    for number, name in enumerate(names[:first]):
        before.setdefault(name, number)
    return [(number, before[name]) for number, name in enumerate(names[first:], first) if name in before]


def names_of(instances: Problem) -> list[bytes]:
    """Return a digest of each instance's data: equal data, equal name."""
    flat = instances.flat()
    columns = [np.ascontiguousarray(value.reshape(flat.instances, -1) + 0.0) for value in flat.data().values()]
    found = []
    for row in zip(*columns, strict=True):
        name = hashlib.blake2b(digest_size=16)
        for values in row:
            name.update(values)
        found.append(name.digest())
    return found


def distinct(stream: Problem) -> Problem:
    """Return every different instance of a stream once, in the order of first appearance."""
    flat = stream.flat()
    first: dict[bytes, int] = {}
    for number, name in enumerate(names_of(flat)):
        first.setdefault(name, number)
    return flat[np.array(list(first.values()))]
