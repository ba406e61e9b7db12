"""Streams of learners for which slots follow each other: paths of slots and lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.dynamic.dynamics import read_only
from mecopt.show.numbers import counted

Array = NDArray[Any]


def as_paths(stream: Problem, lanes: int) -> Problem:
    """Return slots and lanes: a stream of them as it is, one path as so many parts that follow each other, side by side.

    Raises
    ------
    InstanceError
        where one path has fewer slots than there are lanes.
    """
    if len(stream.batch_shape) == 2:
        return stream
    flat = stream.flat()
    slots = flat.instances // lanes
    if not slots:
        raise InstanceError(
            f"the stream has {counted(flat.instances, 'slots')}; allowed: {lanes} or more, one for each lane"
        )

    def cut(values: Array) -> Array:
        return np.swapaxes(values[: slots * lanes].reshape(lanes, slots, *values.shape[1:]), 0, 1)

    return flat._with({name: read_only(cut(values)) for name, values in flat.data().items()})
