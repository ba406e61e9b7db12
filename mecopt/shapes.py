"""The shapes of a problem's data: its sizes, read off the first field, and the batch that all fields broadcast to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.fields import axes, declared
from mecopt.solution import InstanceError

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
            )
    return sizes


def batch_of(cls: Any, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return the batch that the leading axes of all fields broadcast to."""
    batch: tuple[int, ...] = ()
    for f in declared(cls):
        shape = shapes[f.name]
        own = shape[: max(len(shape) - len(axes(f)), 0)]
        try:
            batch = np.broadcast_shapes(batch, own)
        except ValueError:
            raise InstanceError(
                f"{cls.__name__}.{f.name} has shape {shape}; allowed: batch axes that broadcast with {batch} "
                f"({', '.join(f'{size} {axis}' for axis, size in sizes.items())})"
            ) from None
    return batch
