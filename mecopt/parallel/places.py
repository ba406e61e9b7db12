"""Where tasks are done: by processes of this machine, by one call of several, or by the workers of a scheduler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mecopt.contract.errors import InstanceError, MecoptError
from mecopt.parallel.tasks import Task, called
from mecopt.quantities import digits
from mecopt.running.cores import cores
from mecopt.running.workers import side_by_side
from mecopt.show.numbers import counted
from mecopt.storage.atomic import of_shard, to_myself

if TYPE_CHECKING:
    from mecopt.parallel.cluster import Cluster


class PartsElsewhere(MecoptError):
    """A call of several has done its share, and what comes next needs the shares of others."""


@dataclass
class Place:
    """Where tasks are done, and what a call of several has left undone."""

    jobs: int | None = None
    shard: tuple[int, int] | None = None
    cluster: Cluster | None = None
    unfinished: str = ""
    """Why the block ended early, in a sentence; empty where it did not."""

    def chosen_jobs(self, jobs: int | None, alone: int, count: int) -> int:
        """Return how many processes do so many tasks."""
        said = checked_jobs(jobs) or self.jobs
        return said or (cores() if count > alone else 1)


_said: ContextVar[Place | None] = ContextVar("said", default=None)


def _place() -> Place:
    return _said.get() or Place()


@contextmanager
def where(
    *, jobs: int | None = None, scheduler: str | Path | None = None, shard: str | None = None, insecure: bool = False
) -> Iterator[Place]:
    """Say where everything inside is done that can be shared.

    Parameters
    ----------
    jobs
        processes of this machine; None takes all cores where there is enough to do.
    scheduler
        address of a Dask scheduler, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``, or the file that it wrote; needs the extra
        `cluster`. Its workers must run the same code, versions and Python as this process, one task with one thread at a
        time each.
    shard
        ``"k/n"``: of the parts of a run do every n-th one, the k-th of each n, and end the block there; when all n calls
        are done, one without it gathers.
    insecure
        whether a scheduler of another machine may be asked without encryption: whoever reaches it can run code there.

    Yields
    ------
    what was said; its `unfinished` tells after the block whether parts of others are still missing.

    Raises
    ------
    InstanceError, BackendUnavailable, WorkerLost

    >>> with where(jobs=2):
    ...     pass
    """
    if scheduler is not None and (jobs is not None or shard is not None):
        raise InstanceError(
            f"{'jobs' if jobs is not None else 'shard'} is said beside a scheduler, which has workers of its own"
        )
    if insecure and scheduler is None:
        raise InstanceError("insecure is said without a scheduler; allowed: beside one of another machine")
    place = Place(checked_jobs(jobs), None if shard is None else share_of(shard))
    if scheduler is not None:
        from mecopt.parallel.cluster import Cluster

        place.cluster = Cluster(scheduler, insecure)
    token = _said.set(place)
    try:
        yield place
    except PartsElsewhere as told:
        if place.shard is None:
            raise
        place.unfinished = str(told)
    finally:
        _said.reset(token)
        if place.cluster is not None:
            place.cluster.close()


@contextmanager
def at_work(
    tasks: Sequence[Task], jobs: int | None = None, *, alone: int = 1, here: bool = False
) -> Iterator[Iterator[tuple[Task, bool]]]:
    """Give tasks as they are done and written, those that follow from others included, and whether nothing follows.

    Parameters
    ----------
    tasks
        that are to be done.
    jobs
        processes of this machine; None takes what `where` says.
    alone
        up to so many tasks this process does itself, where no number of processes is said.
    here
        whether this machine does the work in any case, one task after the other: what is timed with nothing beside it, or
        is quickly done.

    Raises
    ------
    PartsElsewhere
        at the end, where other calls have tasks of their own.
    WorkerLost
        where a process ended before its work; and whatever a task raises.
    """
    place, listed = _place(), list(tasks)
    own = listed
    if place.shard is not None:
        number, count = place.shard
        own = [task for task in listed if task.number % count == number - 1]
    if place.cluster is not None and not here:
        if checked_jobs(jobs) is not None:
            raise InstanceError(f"jobs is {jobs}; allowed: None, where a scheduler has workers of its own")
        with place.cluster.at_work(own) as found:
            yield found
    else:
        workers = 1 if here else place.chosen_jobs(jobs, alone, len(own))
        with side_by_side(
            called, [(task.function, task.arguments) for task in own], workers, after=_Written(own)
        ) as running:
            yield running
    missing = [task for task in listed if task not in own and not task.stands()]
    if missing:
        raise PartsElsewhere(
            f"shard {number}/{count} has done its share, {counted(len(own), 'parts')}; {len(missing)} of other shards were "
            "missing. When all are done, the same call without a shard gathers"
        )


class _Written:
    """Writes what came of tasks, in the thread that led them, before its worker is given anything else."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = dict(enumerate(tasks))

    def __call__(self, number: int, result: bytes) -> tuple[tuple[Task, bool], tuple[str, tuple[object, ...]] | None]:
        done = self.tasks[number]
        following = done.written(result)
        if following is None:
            return (done, True), None
        self.tasks[number] = following
        return (done, False), (following.function, following.arguments)


def is_elsewhere() -> bool:
    """Whether tasks are done by processes that may see another disk than this one."""
    return _place().cluster is not None


def is_shared() -> bool:
    """Whether other calls may be at work in the same folder."""
    return _place().shard is not None


def folder_of_run(folder: Path) -> AbstractContextManager[None]:
    """Make a folder for the results of a run, and hold it: for this process alone, or beside other calls of its array."""
    shard = _place().shard
    return to_myself(folder) if shard is None else of_shard(folder, *shard)


def before_gathering() -> None:
    """Leave to a call of its own what has to be done once, when all parts stand.

    Raises
    ------
    PartsElsewhere
        in a call of several.
    """
    shard = _place().shard
    if shard is not None:
        raise PartsElsewhere(f"shard {shard[0]}/{shard[1]} has nothing left to do; the same call without a shard gathers")


def checked_jobs(jobs: int | None) -> int | None:
    """Return a number of processes, or None; raises `InstanceError` where it is none."""
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, int | np.integer) or jobs < 1):
        raise InstanceError(f"jobs is {jobs!r}; allowed: a whole number of at least 1, or None for one per core")
    return None if jobs is None else int(jobs)


def share_of(text: str) -> tuple[int, int]:
    """Read k/n.

    >>> share_of("2/4")
    (2, 4)
    """
    parts = [digits.whole(part) for part in str(text).split("/")]
    if len(parts) == 2 and None not in parts:
        number, count = (int(part or 0) for part in parts)
        if 1 <= number <= count:
            return number, count
    raise InstanceError(f"the shard is {text!r}; allowed: k/n with k from 1 to n, as 2/4 for the second of four")
