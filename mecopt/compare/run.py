"""Running methods on instances: in parts, in parallel, and resumable.

Instances are cut into chunks; a part is one method on one chunk, solved as a batch and written as a Parquet file under a
name that depends on everything that determines it. A run that was killed finds its finished parts, takes those that are what
was written (`mecopt.storage.sealed`), and computes the rest.
"""

from __future__ import annotations

import json
import platform
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mecopt.compare import computed
from mecopt.compare.comparison import Comparison
from mecopt.compare.computed import PART
from mecopt.compare.labels import digest_of_labels, flat_labels, recorded_difference
from mecopt.compare.methods import checked_methods, code_of, own_methods
from mecopt.compare.parts import TABLE, Part, compute, file_name, key_of, origin_of
from mecopt.compare.results import RESULTS, STORED
from mecopt.contract import units
from mecopt.contract.answerable import checked_problem
from mecopt.contract.arguments import checked_limit, checked_seed
from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError
from mecopt.contract.limits import told
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Solver
from mecopt.data import Labels, digest
from mecopt.parallel import Task, before_gathering, folder_of_run
from mecopt.parallel.places import checked_jobs, is_shared
from mecopt.search.proposed import LEARNED, Proposed
from mecopt.storage import sealed as stored
from mecopt.storage.atomic import code_digest, write_whole
from mecopt.storage.policies import shipped
from mecopt.storage.versions import versions

if TYPE_CHECKING:
    import pyarrow as pa


Array = NDArray[Any]

CHUNK = 250

_DEFAULTS = (
    "exact",
    "index-scan",
    "coordinate-descent",
    "local-search",
    "relaxation-rounding",
    "greedy",
    "weights",
    "charging",
    "matched",
    "best-of-random",
    "all-local",
    "all-offload",
)


def default_methods(problem: Problem, labels: Labels | None = None) -> list[str]:
    """Return the strong methods that need no training, a shipped policy and the stored answers where there are any.

    A policy that looks beyond the instance, to the slots that follow, is left to `mecopt rollout`.
    """
    known, policy = [name for name in _DEFAULTS if name in problem.solvers], shipped(problem)
    if problem.limits:
        known = [name for name in known if Feature.LIMITS in problem.solvers[name].features]
    return known + ([LEARNED] if policy is not None and policy.myopic else []) + ([STORED] if labels else [])


def compare(
    problem: Problem,
    methods: Sequence[str | Solver] | None = None,
    *,
    out: str | Path,
    labels: Labels | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    jobs: int | None = None,
    provenance: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    report: Callable[[Comparison], Any] = lambda comparison: None,
) -> Comparison:
    """Run methods on all instances and write ``results.parquet``.

    Parameters
    ----------
    problem
        the instances; a single one counts as a batch of one.
    methods
        names of solvers, "learned" or "learned:FOLDER" for trained policies, or "stored" for the labels; or a
        `mecopt.contract.solver.Solver` of one's own, whose parts are computed anew every time, since its code may be
        another. None takes `default_methods`.
    out
        folder for the results; finished parts live in ``out/parts``.
    labels
        answers stored with the instances.
    seed
        with the chunk's number it seeds the generator that every method gets, so all see the same random numbers.
    time_limit
        seconds per chunk and method.
    jobs
        processes; None takes what `mecopt.parallel.where` says: all cores, or one where the work is too small to share.
    progress
        called with the finished and the total number of parts.
    report
        called with the comparison while no other run can write to the folder, as
        ``lambda found: mecopt.compare.report.write_report(found, out)``.

    Raises
    ------
    UnknownName, BackendUnavailable, InstanceError, WorkerLost
    PartsElsewhere
        in a call of several, which `where` takes for its end.
    """
    checked_problem(problem)
    checked_limit(time_limit)
    seed, time_limit = checked_seed(seed), None if time_limit is None else float(time_limit)
    checked_jobs(jobs)
    if isinstance(methods, str):
        raise InstanceError(f"methods is {methods!r}; allowed: a list of names, such as {methods.split(',')}")
    if methods is not None and not isinstance(methods, Sequence):
        raise InstanceError(f"methods is a {type(methods).__name__}; allowed: a list of names and solvers, or None")
    given = default_methods(problem, labels) if methods is None else list(methods)
    own = own_methods(problem, given)
    chosen: list[Any] = [method.name if isinstance(method, Solver) else method for method in given]
    flat = problem.flat()
    if own and is_shared():
        raise InstanceError(f"the method {next(iter(own))!r} is computed anew in every call, so several cannot share it")
    known = checked_methods(flat, chosen, own, labels is not None)
    policies = {name: solver for name, solver in known.items() if isinstance(solver, Proposed)}
    recorded: dict[str, Any] = {}
    if labels is not None:
        labels = flat_labels(labels, flat)
        labels = labels.completed(flat) if STORED in chosen else labels
        recorded = recorded_difference(labels, flat)
    origin = {
        **(provenance or {}),
        **recorded,
        "problem": problem.name,
        "sense": problem.sense,
        "objective": units.titled(problem.objective_name, problem.objective_unit),
        "instances": flat.instances,
        "users": problem.users,
        "sizes": problem.sizes,
        "choices": list(getattr(problem.decision_space, "labels", ())),
        "methods": chosen,
        "seed": seed,
        "time_limit": time_limit,
        "chunk": CHUNK,
        "seconds": f"of a chunk of up to {CHUNK} instances solved as a batch, divided by its size; warm-up excluded",
        "exact_methods": [m for m in chosen if m in known and Feature.INTEGER in known[m].features],
        **({"own_methods": list(own)} if own else {}),
        "policies": {method: origin_of(solver) for method, solver in policies.items()},
        **({"limits": told(problem)} if problem.own_limits else {}),
        "notes": [
            *(provenance or {}).get("notes", ()),
            *(f"Answers keep the limit {text}." for text in told(problem)),
            *(note for solver in policies.values() for note in solver.notes(flat)),
        ],
        "versions": versions(),
        "code": code_digest(),
        "python": platform.python_version(),
        "data": digest(flat),
    }
    folder = Path(out).absolute() / "parts"
    parts: list[Part] = []
    tasks: list[Task] = []
    for method in chosen:
        solver = own.get(method) or policies.get(method, method)  # chosen once, not anew for each part
        code = code_of(flat, known.get(method), policies.get(method))
        for number, first in enumerate(range(0, flat.instances, CHUNK)):
            rows = slice(first, min(first + CHUNK, flat.instances))
            some = None if labels is None else labels[rows]
            answers = digest_of_labels(some) if some and method == STORED else ""
            key = key_of(origin, method, code, number, [digest(flat[rows]), answers])
            path = folder / f"{file_name(method)}-{number:05d}-{key[:12]}.parquet"
            arguments = (flat[rows], method, solver, some, (seed, number), first, time_limit, key)
            once = secrets.token_hex(8) if method in own else ""  # the key does not name all of its code
            written = partial(write_whole, path)
            tasks.append(Task(f"{key}{once}", computed.FUNCTION, arguments, written, number=len(parts)))
            parts.append(Part(path, PART, key, method, first, rows.stop - first, anew=method in own))
    with folder_of_run(Path(out)):
        compute(parts, tasks, jobs, progress)
        before_gathering()
        comparison = Comparison(_gathered(parts, origin), origin)
        stored.write_table(Path(out) / RESULTS, comparison.table, TABLE)
        report(comparison)
        return comparison


def _gathered(parts: list[Part], origin: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    table = pa.concat_tables([part.read() for part in parts])
    return table.replace_schema_metadata({"mecopt": json.dumps(origin)})
