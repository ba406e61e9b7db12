"""Tasks on the workers of a Dask scheduler: each result is written here at once and forgotten there.

Dask sends functions and results as pickles, so scheduler, workers and this process have to trust each other; nothing that is
read from a file is one. A worker that is lost is made good by the scheduler, which gives its task to another one; a client
that is killed leaves nothing behind, since the scheduler forgets what only that client had asked for.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from mecopt.contract.errors import BackendUnavailable, InstanceError, MecoptError
from mecopt.parallel.preflight import answer, identity, require, require_same
from mecopt.parallel.tasks import Task, host, performed
from mecopt.running.workers import WorkerLost
from mecopt.show.numbers import counted

LOGGER = logging.getLogger("mecopt")

RETRIES = 2
"""Times that a task is tried again which ended in an error of the worker, not of mecopt's."""

AHEAD, LEAST_AHEAD = 8, 32
"""Tasks that are sent per worker before the first of them is done, and at least."""

PATIENCE, LOOKING = "30 s", 5.0
"""How long a scheduler may take to answer, and seconds between looks whether any worker is left."""


class Cluster:
    """The workers of a Dask scheduler, asked what they are before they are given anything."""

    def __init__(self, scheduler: str | Path, insecure: bool = False) -> None:
        self.address = address_of(scheduler, insecure)
        self.client: Any = None

    @contextmanager
    def at_work(self, tasks: Sequence[Task]) -> Iterator[Iterator[tuple[Task, bool]]]:
        """Give tasks as they are done and written, see `mecopt.parallel.at_work`."""
        if not tasks:
            yield iter(())
            return
        run = _Run(self.connected(), tasks)
        watch = Thread(target=self._watch, args=(run.over,), daemon=True)
        watch.start()
        try:
            yield run.results()
        finally:
            run.end()

    def connected(self) -> Any:
        """Return the client; raises `InstanceError` where no scheduler answers, or a worker is another one than allowed."""
        if self.client is None:
            distributed = _distributed()
            for name in ("distributed", "distributed.client"):  # what is lost is told here, in a sentence
                logging.getLogger(name).setLevel(logging.CRITICAL)
            try:
                self.client = distributed.Client(self.address, timeout=PATIENCE, set_as_default=False, name="mecopt")
            except (OSError, TimeoutError, ValueError, TypeError) as error:
                raise InstanceError(f"no scheduler can be reached at {self.address}: {error}") from None
        self._preflight()
        return self.client

    def close(self) -> None:
        """Leave the scheduler; its workers stay."""
        if self.client is not None:
            with suppress(Exception):
                self.client.close(timeout=2)
            self.client = None

    def _preflight(self) -> None:
        """Ask every worker what it is; one that cannot be reached has just ended, and is given nothing either."""
        asked = False
        while not asked:
            if not self.client.scheduler_info()["workers"]:
                LOGGER.warning("mecopt: the scheduler %s has no worker yet; waiting for one", self.address)
                self.client.wait_for_workers(1)
            found = self.client.run(answer, on_error="return")
            for worker, told in sorted(found.items()):
                if not isinstance(told, OSError):
                    require(worker, told)
                    asked = True

    def _watch(self, over: Event) -> None:
        """Say, once each time, that no worker is left; the work goes on when there is one."""
        told = False
        while not over.wait(LOOKING):
            with suppress(Exception):
                left = bool(self.client.scheduler_info()["workers"])
                if not left and not told:
                    LOGGER.warning("mecopt: no worker of %s is left; waiting for one", self.address)
                told = not left


class _Run:
    """Tasks of one call: some are always sent ahead, each result is written and forgotten."""

    def __init__(self, client: Any, tasks: Sequence[Task]) -> None:
        self.client, self.left, self.over = client, iter(tasks), Event()
        self.asked: dict[str, tuple[Task, Any]] = {}
        self.ahead = LEAST_AHEAD
        self.finished = _distributed().as_completed(loop=client.loop, with_results=True, raise_errors=False)

    def results(self) -> Iterator[tuple[Task, bool]]:
        """Yield tasks whose results are written, and whether nothing follows."""
        self._fill()
        while self.asked:
            future, found = next(self.finished)
            task, _ = self.asked.pop(future.key)
            future.release()
            following = task.written(_result(found))
            if following is not None:
                self._ask([following])
            else:
                self._fill()
            yield task, following is None

    def end(self) -> None:
        """Take back what was asked for and is not done."""
        self.over.set()
        if self.asked:
            with suppress(Exception):
                self.client.cancel([future for _, future in self.asked.values()], force=True)

    def _fill(self) -> None:
        """Send more where half of what was sent ahead is done: the scheduler is asked seldom, and no worker waits."""
        if len(self.asked) > self.ahead // 2:
            return
        workers = sum(one["nthreads"] for one in self.client.scheduler_info()["workers"].values())
        self.ahead = max(AHEAD * workers, LEAST_AHEAD)
        some = [task for _, task in zip(range(self.ahead - len(self.asked)), self.left, strict=False)]
        if some:
            self._ask(some)

    def _ask(self, tasks: Sequence[Task]) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")  # the bytes of arguments, each sent once
            futures = self.client.map(
                remote,
                [task.function for task in tasks],
                [task.content() for task in tasks],
                own=identity(),
                key=[task.label for task in tasks],
                pure=True,
                retries=RETRIES,
            )
        self.asked.update({task.label: (task, future) for task, future in zip(tasks, futures, strict=True)})
        self.finished.update(futures)


def remote(function: str, content: bytes, own: dict[str, Any]) -> tuple[bytes, MecoptError | None]:
    """Do a task on a worker: return its result, or what mecopt itself refuses, which no other worker would do.

    A worker that came after all others had been asked is asked here.
    """
    try:
        require_same(f"the worker on {host()}", identity(), own)
        return performed(function, content), None
    except MecoptError as error:
        return b"", error


def _result(found: Any) -> bytes:
    """Return what came of a task, or raise what did; a future's status may have become another since."""
    distributed = _distributed()
    if isinstance(found, BaseException):
        raise WorkerLost(
            "the scheduler was lost, or has forgotten what it was asked; what was finished is kept, and the same call goes "
            "on from there"
        )
    if len(found) == 2:
        result, refused = found
        if refused is not None:
            raise refused
        return bytes(result)
    _, error, trace = found
    if isinstance(error, distributed.KilledWorker):
        raise WorkerLost(
            f"a task ended {counted(error.allowed_failures + 1, 'workers')}, as where memory runs out; what was finished is "
            "kept, and the same call goes on from there"
        )
    raise error.with_traceback(trace)


def address_of(scheduler: str | Path, insecure: bool = False) -> str:
    """Return the address of a scheduler, given itself or by the file that the scheduler wrote.

    >>> address_of("tcp://127.0.0.1:8786")
    'tcp://127.0.0.1:8786'

    Raises
    ------
    InstanceError
        where it is none, or reached without encryption on another machine and nobody said that this may be.
    """
    text = str(scheduler)
    if text.endswith(".json"):
        try:
            text = str(json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InstanceError(f"{scheduler} is no file that a scheduler wrote: {error}") from None
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("tcp", "tls") and bool(parts.hostname) and parts.port is not None
    except ValueError:
        known = False
    if not known:
        raise InstanceError(
            f"the scheduler is {text!r}; allowed: tcp://HOST:PORT, tls://HOST:PORT, or the file FILE.json that it wrote"
        )
    if parts.scheme == "tcp" and not insecure and not _on_loopback(parts.hostname or ""):
        raise InstanceError(
            f"{text} is on another machine and not encrypted, and whoever reaches it can run code there; use tls://, or say "
            "--insecure (insecure=True) where nobody else reaches it"
        )
    return text


def _on_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise BackendUnavailable(
            "a scheduler needs the package distributed; install it by: pip install 'mecopt[cluster]'"
        ) from None
    return distributed
