"""What a worker of another process or machine has to be, so that what it computes is what this process would have computed.

Every worker is asked before anything is sent to it, and whoever comes later is asked by each task. Other code, versions or
another Python is refused, and so is a worker that does several tasks at once or whose linear algebra starts threads: parts
would take each other's cores, and their seconds would mean nothing.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from functools import cache
from typing import Any

from mecopt.contract.errors import InstanceError
from mecopt.parallel.tasks import host
from mecopt.show.numbers import counted
from mecopt.storage.atomic import code_digest
from mecopt.storage.versions import versions


class Refused(InstanceError):
    """A worker would not compute what this process would."""


def identity() -> dict[str, Any]:
    """Return what two processes have in common that compute the same.

    >>> sorted(identity())
    ['code', 'python', 'versions']
    """
    return {"code": code_digest(), "python": platform.python_version(), "versions": dict(_installed())}


@cache
def _installed() -> dict[str, str]:
    return versions()


def answer(dask_worker: Any = None) -> dict[str, Any]:
    """Tell what this worker is; Dask fills in its own object of it."""
    from threadpoolctl import threadpool_info

    libraries = {found["internal_api"]: int(found["num_threads"]) for found in threadpool_info()}
    tasks = int(dask_worker.state.nthreads) if dask_worker is not None else 1
    return {**identity(), "host": host(), "cpu": processor(), "tasks": tasks, "threads": libraries}


def require(worker: str, found: Mapping[str, Any] | BaseException) -> None:
    """Raise `Refused` where a worker is not what this process needs.

    Parameters
    ----------
    worker
        its address.
    found
        its `answer`, or the exception that came in its place.
    """
    if isinstance(found, ImportError):
        raise Refused(f"the worker {worker} has no mecopt that can be asked ({found}); install there what is installed here")
    if isinstance(found, BaseException):
        raise Refused(f"the worker {worker} could not be asked what it is: {type(found).__name__}: {found}")
    require_same(f"the worker {worker} on {found['host']}", found)
    if found["tasks"] != 1:
        raise Refused(
            f"the worker {worker} on {found['host']} does {found['tasks']} tasks at once; allowed: one, with "
            "--nthreads 1 and as many --nworkers as it has cores"
        )
    for library, threads in found["threads"].items():
        if threads != 1:
            raise Refused(
                f"the worker {worker} on {found['host']} lets {library} start {counted(threads, 'threads')}; allowed: 1, "
                "as by OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 before it starts"
            )


def require_same(who: str, found: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> None:
    """Raise `Refused` where code, Python or versions are not this process's."""
    own = identity() if own is None else own
    if found["python"] != own["python"]:
        raise Refused(f"{who} runs Python {found['python']}, this process {own['python']}; allowed: the same")
    for name in sorted({*found["versions"], *own["versions"]}):
        there, here = (one["versions"].get(name, "missing") for one in (found, own))
        if there != here:
            raise Refused(f"{who} has {name} {there}, this process {here}; allowed: the same")
    if found["code"] != own["code"]:
        raise Refused(
            f"{who} runs other code of mecopt (digest {found['code']}) than this process ({own['code']}); allowed: the "
            "same, byte for byte"
        )


def processor() -> str:
    """Return the name of this machine's processor, as far as the system tells.

    >>> processor() != ""
    True
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            named = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        named = []
    return f"{(named or [platform.processor() or platform.machine()])[0]}, {os.cpu_count() or 1} cores"
