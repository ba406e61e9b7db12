"""The shapes of a problem's data: its sizes, read off the first field, and the batch that all fields broadcast to.

A batch that arises where one may not be meant is questioned: a column of 200 gains is 200 instances of one user each, and a
number per instance given as often as there are users is as many instances.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import axes, declared
from mecopt.quantities.doubts import doubt_shape, known_batch

Array = NDArray[Any]


def sizes_of(cls: Any, given: Mapping[str, Array]) -> dict[str, int]:
    """Read the sizes off the first field, and check that all the others have them."""
    first = declared(cls)[0]
    shape = given[first.name].shape
    if not shape:
        raise InstanceError(
            f"{cls.__name__}.{first.name} is a single number; allowed: one entry per {first.metadata['per']}"
        )
    if len(shape) < len(axes(first)):
        raise InstanceError(f"{cls.__name__}.{first.name} has shape {shape}; allowed: one entry per {first.metadata['per']}")
    sizes = dict(zip(axes(first), shape[len(shape) - len(axes(first)) :], strict=True))
    for axis, size in sizes.items():
        if size == 0:
            raise InstanceError(f"{cls.__name__}.{first.name} is empty; allowed: at least one {axis.removesuffix('s')}")
    for f in declared(cls):
        own = tuple(sizes[axis] for axis in axes(f))
        shape = given[f.name].shape if f.name in given else ()
        if shape and own and shape[-len(own) :] != own:
            entries = f"{own[0]} entries on the last axis" if len(own) == 1 else f"{own} as the last axes"
            raise InstanceError(
                f"{cls.__name__}.{f.name} has shape {shape}; allowed: a number, or {entries}, as {first.name} has"
                f"{_turned(f, first, shape, sizes)}"
            )
    return sizes


def _turned(f: Any, first: Any, shape: tuple[int, ...], sizes: Mapping[str, int]) -> str:
    """Say how an array of the wrong shape may be turned into what is meant."""
    own = tuple(sizes[axis] for axis in axes(f))
    if shape[-len(own) - 1 :] == (*own, 1):
        return f"; it is a column: pass {f.name}[..., 0]"
    if len(own) == 2 and shape[-2:] == own[::-1]:
        return f"; rows are {axes(f)[0]}: pass {f.name}.T"
    if len(own) == 1 and len(axes(first)) == 2:
        other = next(axis for axis in axes(first) if axis != axes(f)[0])
        if shape[-1] == sizes[other]:
            return f"; it is one per {f.metadata['per']}, and rows of {first.name} are {axes(first)[0]}: is that transposed?"
    return ""


def batch_of(cls: Any, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return the batch that the leading axes of all fields broadcast to."""
    batch: tuple[int, ...] = ()
    for f in declared(cls):
        shape = shapes[f.name]
        own = _own(f, shapes)
        try:
            batch = np.broadcast_shapes(batch, own)
        except ValueError:
            raise InstanceError(
                f"{cls.__name__}.{f.name} has shape {shape}; allowed: batch axes that broadcast with {batch} "
                f"({', '.join(f'{size} {axis}' for axis, size in sizes.items())})"
            ) from None
    return batch


def question_batch(cls: Any, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, int]) -> None:
    """Warn of a field whose shape makes a batch that may not be meant, one at a time."""
    first, *others = declared(cls)
    told = known_batch()
    base = _own(first, shapes)
    column = told is None and axes(first) == ("users",) and sizes["users"] == 1 and len(base) == 1 and base[0] > 1
    if column and not any(_own(f, shapes) == base for f in others if not axes(f)):
        count, name = base[0], first.name
        doubt_shape(
            f"{cls.__name__}.{name} has shape {shapes[name]}: {count} instances of one user each. "
            f"For one instance of {count} users pass {name}[:, 0]"
        )
        return
    base = base or told or ()
    for f in others:
        own = _own(f, shapes)
        if own in ((), base) or np.broadcast_shapes(base, own) == base:
            continue
        where = f"{cls.__name__}.{f.name} has shape {shapes[f.name]}"
        if axes(f) == ("users",) and sizes["users"] == 1:
            doubt_shape(f"{where}: {own[0]} instances of one user each, as {first.name} has one user")
        elif not axes(f) and len(own) > 1 and own[-1] == 1 and _broadcasts(base, own[:-1]):
            doubt_shape(
                f"{where}, a column: with it the batch has shape {np.broadcast_shapes(base, own)}. Pass {f.name}[:, 0]"
            )
        elif alike := [name for name, size in sizes.items() if size > 1 and size in own]:
            doubt_shape(
                f"{where}: it makes {math.prod(own)} instances, as many as there are {alike[0]}; "
                f"{f.name} is one per {f.metadata['per']}"
            )
        else:
            continue
        return


def _broadcasts(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two batches make one."""
    try:
        np.broadcast_shapes(one, other)
    except ValueError:
        return False
    return True


def _own(f: Any, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Return the axes of a field's batch."""
    shape = shapes[f.name]
    return shape[: max(len(shape) - len(axes(f)), 0)]
