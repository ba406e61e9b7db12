"""How long deciding takes, instance by instance."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.problem import Problem

Array = NDArray[Any]


def seconds(call: Callable[[Any, Generator], Any], batch: Problem) -> Array:
    """Return the time of a call on each instance, after a first one that does not count.

    The generator it gets depends on the instance alone, so that two ways of doing the same draw the same.
    """
    call(batch[0], np.random.default_rng((5, 0)))
    times = []
    for number, instance in enumerate(batch):
        rng = np.random.default_rng((5, number))
        began = time.perf_counter()
        call(instance, rng)
        times.append(time.perf_counter() - began)
    return np.array(times)
