"""How long deciding takes, instance by instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.problem import Problem
from mecopt.running import clock

Array = NDArray[Any]

Call = Callable[[Any, Generator], Any]


def seconds_of_each(calls: Mapping[str, Call], batch: Problem) -> dict[str, Array]:
    """Return the times of several calls on each instance, after a first one that does not count.

    All calls take an instance before any takes the next, so that what else the machine does meets them alike. The generator
    they get depends on the instance alone, so that two ways of doing the same draw the same.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call(batch[0], np.random.default_rng((5, 0)))
    for number, instance in enumerate(batch):
        for name, call in calls.items():
            rng = np.random.default_rng((5, number))
            began = clock.now()
            call(instance, rng)
            times[name].append(clock.now() - began)
    return {name: np.array(found) for name, found in times.items()}
