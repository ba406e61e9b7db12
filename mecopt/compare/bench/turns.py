"""Calls timed by turns: each one's processor and wall time, under conditions that are alike for all.

Libraries of linear algebra work in one thread meanwhile (`alone`): on a matrix of a hundred rows their threads cost more
than they bring, and where other work runs beside, tens of times more. Processor time is what is compared; wall time is
what a user waits, on a machine as busy as it was.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mecopt.contract.derived import Deriving, forget
from mecopt.running import clock

TURN_SECONDS = 0.005
"""Seconds for which a call is repeated before the next one has its turn."""

LEAST = 1e-9
"""Seconds: a call may report that it took nothing."""

ROUNDS, MOST_ROUNDS = 3, 200
"""Least and most rounds of turns."""


@dataclass(frozen=True)
class Work:
    """A call that is timed as a whole."""

    call: Callable[[], Any]
    anew: tuple[Deriving, ...] = ()
    """Instances that every call shall find new: what the one before it derived of them is let go of."""

    def spent(self, repeats: int) -> tuple[float, float]:
        """Return seconds of processor and wall time, per call, of so many calls one after the other."""
        call, anew = self.call, self.anew
        processor, began = time.process_time(), clock.now()
        for _ in range(repeats):
            forget(*anew)
            call()
        wall = clock.now() - began
        return (time.process_time() - processor) / repeats, wall / repeats


@dataclass(frozen=True)
class Reported(Work):
    """A call that says itself how many seconds of `mecopt.running.clock` the part of it took that counts."""

    call: Callable[[], float]

    def spent(self, repeats: int) -> tuple[float, float]:
        """Return medians of what it reports, by either clock in turn."""
        wall = statistics.median(self.call() for _ in range(repeats))
        with clock.of_processor():
            processor = statistics.median(self.call() for _ in range(repeats))
        return processor, wall


@dataclass(frozen=True)
class Timing:
    """What a call took, a sample per round."""

    processor: tuple[float, ...]
    """Seconds of all threads of this process."""
    wall: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """Median of processor time, or of wall time where the clock of the processor is too coarse to have seen anything."""
        return max(statistics.median(self.processor) or statistics.median(self.wall), LEAST)

    @property
    def waited(self) -> float:
        """Median of wall time."""
        return max(statistics.median(self.wall), LEAST)

    def per(self, count: int) -> Timing:
        """Return the part of one of so many that a call answers."""
        return Timing(tuple(s / count for s in self.processor), tuple(s / count for s in self.wall))

    def as_dict(self) -> dict[str, Any]:
        """Return medians, quartiles and number of samples as plain data."""
        found: dict[str, Any] = {"samples": len(self.wall)}
        for name, values in (("processor", self.processor), ("wall", self.wall)):
            low, middle, high = _quartiles(values)
            found[f"{name}_seconds"], found[f"{name}_quartiles"] = middle, [low, high]
        return found


def _quartiles(values: tuple[float, ...]) -> tuple[float, float, float]:
    if len(values) == 1:
        return values * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


@dataclass
class _Samples:
    repeats: int
    processor: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def by_turns(
    works: Mapping[str, Work], seconds: float, most: int = MOST_ROUNDS, turn: float = TURN_SECONDS
) -> dict[str, Timing]:
    """Let works take turns, at least `ROUNDS` rounds, until the time is used up.

    Each runs twice before. A turn repeats a short call until it has taken `turn` seconds, so that every call is measured
    with warm caches and not with those that the one before it left behind.
    """

    def taken(work: Work) -> float:
        began = clock.now()
        work.spent(1)
        return max(clock.now() - began, 1e-7)

    with alone():
        samples = {name: _Samples(max(1, round(turn / min(taken(work), taken(work))))) for name, work in works.items()}
        ends, rounds = clock.now() + seconds, 0
        while rounds < ROUNDS or (clock.now() < ends and rounds < most):
            for name, work in works.items():
                processor, wall = work.spent(samples[name].repeats)
                samples[name].processor.append(processor)
                samples[name].wall.append(wall)
            rounds += 1
    return {name: Timing(tuple(found.processor), tuple(found.wall)) for name, found in samples.items()}


def medians(calls: Mapping[str, Callable[[], float]], seconds: float, turn: float = TURN_SECONDS) -> dict[str, float]:
    """Return the median processor time of calls that report seconds, see `by_turns`."""
    timings = by_turns({name: Reported(call) for name, call in calls.items()}, seconds, turn=turn)
    return {name: timing.seconds for name, timing in timings.items()}


@contextmanager
def alone() -> Iterator[None]:
    """Keep libraries of linear algebra, and those that use OpenMP, to one thread; those loaded so far are meant."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


def threads() -> dict[str, int]:
    """Return the libraries that `alone` holds, and how many threads each would use otherwise."""
    from threadpoolctl import threadpool_info

    found: dict[str, int] = {}
    for library in threadpool_info():
        name = str(library["internal_api"])
        found[name] = max(found.get(name, 0), int(library["num_threads"]))
    return found
