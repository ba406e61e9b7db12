"""Proved optima beside instances, for whoever learns from them: in parts, in parallel, resumable, written as one file.

A part is up to 250 instances, solved as a batch and kept in a folder beside the file until that is written. What has no
proof is labelled by what is known of it, never OPTIMAL.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.methods import code_of
from mecopt.compare.parts import compute, key_of
from mecopt.contract.answerable import checked_problem
from mecopt.contract.arguments import checked_limit, checked_seed
from mecopt.contract.certified import Statistics, Status
from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.data import digest, save
from mecopt.data.files import LABELLED
from mecopt.parallel import Task, before_gathering, folder_of_run
from mecopt.parallel.places import checked_jobs
from mecopt.search.named import solver_for
from mecopt.search.proposed import Proposed
from mecopt.show.numbers import counted
from mecopt.solve import solve
from mecopt.storage import sealed as stored
from mecopt.storage.atomic import code_digest, require_file, write_whole
from mecopt.storage.versions import versions

Array = NDArray[Any]

CHUNK = 250

PART = "part of labels"
"""Kind of the files that hold parts, see `mecopt.storage.sealed`."""

FUNCTION = f"{__name__}.part"
"""Dotted name of what computes a part."""

REAL, IMAGINARY = ".real", ".imaginary"
"""Ends of the names of complex arrays' parts."""

NUMBERS = ("objective", "bound", "gap", "violation")


def label(
    problem: Problem,
    out: str | Path,
    *,
    solver: str | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    proved_only: bool = False,
    jobs: int | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Solution:
    """Solve instances and write them with their answers to a .npz, .json or .mat file, and a data card beside it.

    Parameters
    ----------
    problem
        the instances.
    out
        the file; finished parts live in a folder of its name and ``.parts`` until it is written.
    solver
        by name; None takes the problem's first, which is exact.
    seed
        of solvers that draw.
    time_limit
        seconds for each part of up to 250 instances.
    proved_only
        whether instances without a proved optimum are left out of the file.
    jobs
        processes; None takes what `mecopt.parallel.where` says.
    provenance
        how the instances came about; goes into the file and the card.
    progress
        called with the finished and the total number of parts.

    Returns
    -------
    the answers that were written, and the instances they are of.

    Raises
    ------
    UnknownName, BackendUnavailable, WorkerLost
    InstanceError
        also where the file has no place for answers without proof, as .mat, and there are some; what was computed is kept.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from mecopt.models import BinaryOffloading
    >>> instances = BinaryOffloading.sample(np.random.default_rng(0), (3,), users=2)
    >>> with TemporaryDirectory() as folder:
    ...     print(label(instances, f"{folder}/labelled.npz", jobs=1).statuses())
    {'OPTIMAL': 3}
    """
    checked_problem(problem)
    checked_limit(time_limit)
    checked_jobs(jobs)
    seed, out = checked_seed(seed), Path(out).absolute()
    if out.suffix.lower() not in LABELLED:
        raise InstanceError(f"{out.name} has suffix {out.suffix!r}; allowed for labels: {', '.join(LABELLED)}")
    require_file(out)
    flat, folder = problem.flat(), out.with_name(f"{out.name}.parts")
    _require_layout(flat, out)
    chosen = solver_for(flat, solver)
    policy = chosen if isinstance(chosen, Proposed) else None
    origin = {
        "versions": versions(),
        "code": code_digest(),
        "seed": seed,
        "time_limit": None if time_limit is None else float(time_limit),
        "chunk": CHUNK,
    }
    parts: list[_Part] = []
    tasks: list[Task] = []
    for number, first in enumerate(range(0, flat.instances, CHUNK)):
        rows = flat[first : first + CHUNK]
        key = key_of(origin, chosen.name, code_of(rows, chosen, policy), number, digest(rows))
        parts.append(_Part(folder / f"{number:05d}-{key[:12]}.safetensors", key, rows))
        arguments = (rows, policy or chosen.name, (seed, number), origin["time_limit"], key)
        tasks.append(Task(key, FUNCTION, arguments, partial(write_whole, parts[-1].path), number=number))
    with folder_of_run(folder):
        compute(parts, tasks, jobs, progress)
        before_gathering()
        found = _joined(flat, [part.read() for part in parts], chosen.name)
        _write(found, problem, out, proved_only, {**(provenance or {}), "labels": _told(found, time_limit)})
    shutil.rmtree(folder, ignore_errors=True)
    return found[found.is_optimal] if proved_only else found


def part(problem: Problem, solver: Any, seed: tuple[int, int], time_limit: float | None, key: str) -> bytes:
    """Solve some instances, and return what the file of their part holds."""
    found = solve(problem, solver=solver, throw=False, time_limit=time_limit, rng=np.random.default_rng(seed))
    numbers = {name: np.asarray(getattr(found, name)) for name in NUMBERS}
    allocation = {f"allocation/{name}": value for name, value in found.allocation.as_dict().items()}
    dual = {f"dual/{name}": value for name, value in found.dual.as_dict().items()}
    whole: dict[str, Array] = {"decision": found.decision, **allocation, **dual, **numbers}
    arrays: dict[str, Array] = {}
    for name, value in whole.items():
        value = np.asarray(value)
        arrays |= {name + REAL: value.real, name + IMAGINARY: value.imag} if value.dtype.kind == "c" else {name: value}
    words = {"status": json.dumps([one.name for one in found.status]), "messages": json.dumps(found.stats.messages)}
    return stored.arrays_bytes(arrays, PART, key, words)


@dataclass(frozen=True)
class _Part:
    """A file, and the instances whose answers it is to hold."""

    path: Path
    key: str
    problem: Problem
    anew: bool = False

    def read(self) -> Solution:
        """Return the answers; raises `mecopt.storage.sealed.Unusable` where they are not those of this part."""
        arrays, words, key = stored.read_arrays(self.path, PART)
        if key != self.key:
            raise stored.Unusable(f"{self.path} is a {PART} of another run")
        for name in [name for name in arrays if name.endswith(REAL)]:
            whole = name.removesuffix(REAL)
            arrays[whole] = arrays.pop(name) + 1j * arrays.pop(whole + IMAGINARY)

        def variables(prefix: str) -> dict[str, Array]:
            return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}

        zeros = np.zeros(self.problem.instances, dtype=int)
        messages = {int(k): text for k, text in json.loads(words["messages"]).items()}
        return Solution(
            decision=arrays["decision"],
            allocation=self.problem.Allocation(**variables("allocation/")),
            dual=self.problem.Dual(**variables("dual/")),
            **{name: arrays[name] for name in NUMBERS},
            status=np.array([Status[name] for name in json.loads(words["status"])], dtype=object),
            stats=Statistics("", zeros, zeros, messages=messages),
            problem=self.problem,
        )


def _joined(flat: Problem, found: Sequence[Solution], method: str) -> Solution:
    """Return the answers of all parts as one."""

    def all_of(values: Callable[[Solution], Any]) -> Array:
        return np.concatenate([values(one) for one in found])

    def variables(kind: str, cls: Any) -> Any:
        names = getattr(found[0], kind).as_dict()
        return cls(**{name: all_of(attrgetter(f"{kind}.{name}")) for name in names})

    zeros = np.zeros(flat.instances, dtype=int)
    messages = {CHUNK * n + k: text for n, one in enumerate(found) for k, text in one.stats.messages.items()}
    return Solution(
        decision=all_of(attrgetter("decision")),
        allocation=variables("allocation", flat.Allocation),
        dual=variables("dual", flat.Dual),
        **{name: all_of(attrgetter(name)) for name in NUMBERS},
        status=all_of(attrgetter("status")),
        stats=Statistics(method, zeros, zeros, messages=messages),
        problem=flat,
    )


def _require_layout(flat: Problem, out: Path) -> None:
    """Refuse a file that these instances have no layout in, before anything is solved."""
    if out.suffix.lower() == ".mat":
        from mecopt.data.mat import require_mat

        require_mat(flat)


def _write(found: Solution, problem: Problem, out: Path, proved_only: bool, provenance: Mapping[str, Any]) -> None:
    """Write instances and answers, or those with a proof alone."""
    proved = found.is_optimal
    if not proved.all() and not proved_only and out.suffix.lower() == ".mat":
        raise InstanceError(
            f"{counted(int((~proved).sum()), 'instances', 'have')} no proved optimum (first: {int(np.argmin(proved))}), and "
            "a .mat file has no place to say so; allowed: --proved-only (proved_only=True), which leaves them out, a .npz "
            "or .json file, or more time. What was solved is kept"
        )
    if not proved_only:
        index = np.arange(problem.instances).reshape(problem.batch_shape)
        save(out, problem, labels=found[index], provenance=provenance)
        return
    if not proved.any():
        raise InstanceError(f"none of {counted(len(proved), 'instances')} has a proved optimum, so nothing would be written")
    save(out, found.problem[proved], labels=found[proved], provenance=provenance)


def _told(found: Solution, time_limit: float | None) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in found.statuses().items())
    within = "" if time_limit is None else f", {time_limit:g} s for each {CHUNK} instances"
    return f"by {found.stats.method}{within}: {counts}"
