"""Running methods over a grid: every point and seed is drawn by whoever solves it, in parts, in parallel, and resumable."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mecopt.compare.methods import checked_methods, code_of
from mecopt.compare.parts import Part, compute, file_name, key_of, origin_of, standing
from mecopt.compare.results import RESULTS, STORED
from mecopt.compare.run import CHUNK, default_methods
from mecopt.contract import units
from mecopt.contract.arguments import checked_limit
from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import declared
from mecopt.contract.limits import Limit, told
from mecopt.contract.problem import Problem
from mecopt.contract.solver import Solver
from mecopt.parallel import Task, before_gathering, folder_of_run
from mecopt.parallel.places import checked_jobs
from mecopt.registry import find_problem
from mecopt.search.proposed import Proposed, is_learned
from mecopt.show.numbers import counted, unit_of
from mecopt.storage import sealed as stored
from mecopt.storage.atomic import code_digest, write_whole
from mecopt.storage.versions import versions
from mecopt.sweeps import drawn
from mecopt.sweeps.drawn import PART
from mecopt.sweeps.grid import Axes, Point, points_of
from mecopt.sweeps.result import Sweep

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "table of a sweep"
"""Kind of the table that a sweep leaves, see `mecopt.storage.sealed`."""

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Plan:
    """What a sweep consists of, before anything of it is computed."""

    origin: dict[str, Any]
    parts: list[Part]
    tasks: list[Task]

    def report(self) -> list[str]:
        """Say in sentences how much there is, and how much of it stands."""
        origin, there = self.origin, sum(standing(self.parts))
        whole = counted(len(origin["points"]) * origin["seeds"] * origin["count"], "instances")
        return [
            f"{origin['problem']} over {' and '.join(origin['over'])}: {counted(len(origin['points']), 'points')} of "
            f"{counted(origin['seeds'], 'seeds')}, {whole}, {', '.join(origin['methods'])}",
            *origin["notes"],
            f"{counted(len(self.parts), 'parts')}, {there} of them there already, {len(self.parts) - there} to compute",
        ]


def plan(
    problem: str | type[Problem],
    over: Axes,
    methods: Sequence[str] | None = None,
    *,
    out: str | Path,
    count: int = 1000,
    seeds: int = 5,
    preset: str | None = None,
    settings: Mapping[str, Any] = NOTHING,
    limits: Sequence[Limit] = (),
    time_limit: float | None = None,
) -> Plan:
    """Return what `sweep` would do with the same arguments: nothing is computed, and nothing written."""
    cls = find_problem(problem) if isinstance(problem, str) else problem
    checked_limit(time_limit)
    for name, number in (("count", count), ("seeds", seeds)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InstanceError(f"{name} is {number!r}; allowed: a whole number of at least 1")
    if methods is not None and (isinstance(methods, str) or not isinstance(methods, Sequence)):
        raise InstanceError(f"methods is {methods!r}; allowed: a list of names, or None")
    for method in methods or ():
        if isinstance(method, Solver):
            raise InstanceError(f"the method {method.name!r} is a solver itself; a sweep takes names, see mecopt.compare")
        if method == STORED:
            raise InstanceError("the method 'stored' is of a file's own answers; a sweep draws its instances")
    points = points_of(cls, over, preset, settings, limits)
    origin: dict[str, Any] = {
        "problem": cls.name,
        "sense": cls.sense,
        "objective": units.titled(cls.objective_name, cls.objective_unit),
        "over": {name: list(dict.fromkeys(point.values[name] for point in points)) for name in over},
        "units": {f.name: unit_of(f) for f in declared(cls) if f.name in over},
        "preset": preset or "paper",
        "set": {name: str(value) for name, value in settings.items()},
        "count": count,
        "seeds": seeds,
        "time_limit": None if time_limit is None else float(time_limit),
        "chunk": CHUNK,
        "seconds": f"of a chunk of up to {CHUNK} instances solved as a batch, divided by its size; warm-up excluded",
        "versions": versions(),
        "code": code_digest(),
        "python": platform.python_version(),
    }
    chosen = [_chosen(point, methods) for point in points]
    named = list(dict.fromkeys(name for found, _ in chosen for name in found))
    for name in methods or ():
        if name not in named:  # a policy that is for no point of the grid: the first reason says what to do
            raise InstanceError(f"{points[0].text}: {next(why[name] for _, why in chosen if name in why)}")
    origin["methods"] = [name for name in methods or named if name in named]
    origin["notes"] = [_left_out(points, chosen, name) for name in dict.fromkeys(name for _, why in chosen for name in why)]
    folder = Path(out).absolute() / "parts"
    parts: list[Part] = []
    tasks: list[Task] = []
    told_of: list[dict[str, Any]] = []
    row = 0
    for point, (solvers, _) in zip(points, chosen, strict=True):
        probe = point.drawn(0, 2)
        told_of.append({**_told(point, probe, solvers), "row": row, "rows": len(solvers) * seeds * count})
        row += told_of[-1]["rows"]
        for part, task in _parts(point, probe, solvers, origin, folder):
            tasks.append(Task(part.key, drawn.FUNCTION, task, partial(write_whole, part.path), number=len(parts)))
            parts.append(part)
    origin["points"] = told_of
    return Plan(origin, parts, tasks)


def sweep(
    problem: str | type[Problem],
    over: Axes,
    methods: Sequence[str] | None = None,
    *,
    out: str | Path,
    count: int = 1000,
    seeds: int = 5,
    preset: str | None = None,
    settings: Mapping[str, Any] = NOTHING,
    limits: Sequence[Limit] = (),
    time_limit: float | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    report: Callable[[Sweep], Any] = lambda found: None,
) -> Sweep:
    """Run methods at every point of a grid and write ``results.parquet``, with the settings as columns.

    The instances of a point and a seed are those that `mecopt sample` draws with the same settings and seed. They are drawn
    where they are solved, and never written.

    Parameters
    ----------
    problem
        its name or class.
    over
        axes of the grid: the values of sizes, fields (in plain numbers of their units) or ``"preset"`` by name.
    methods
        names of solvers, "learned" or "learned:FOLDER". A policy that is not for all points is left out where it is for
        none, which is told. None takes `mecopt.compare.default_methods` of each point.
    out
        folder for the results; finished parts live in ``out/parts``.
    count
        instances of each point and seed.
    seeds
        how many seeds, from 0 on; a sweep with more of them goes on from one with fewer.
    preset
        scenario of all points, where it is no axis; None is "paper".
    settings
        sizes and fields of all points.
    limits
        of one's own, which instances of all points have.
    time_limit
        seconds per part and method.
    jobs
        processes; None takes what `mecopt.parallel.where` says.
    progress
        called with the finished and the total number of parts.
    report
        called with the sweep while no other run can write to the folder, as
        ``lambda found: mecopt.sweeps.report.write_report(found, out)``.

    Raises
    ------
    UnknownName, BackendUnavailable, InstanceError, WorkerLost
    PartsElsewhere
        in a call of several, which `where` takes for its end.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     over = {"users": [2, 3]}
    ...     found = sweep("binary-offloading", over, ["all-local"], out=folder, count=4, seeds=2, jobs=1)
    >>> found.table.num_rows, found.at({"users": 3}).column("all-local", "objective").size
    (16, 8)
    """
    checked_jobs(jobs)
    planned = plan(
        problem,
        over,
        methods,
        out=out,
        count=count,
        seeds=seeds,
        preset=preset,
        settings=settings,
        limits=limits,
        time_limit=time_limit,
    )
    with folder_of_run(Path(out)):
        compute(planned.parts, planned.tasks, jobs, progress)
        before_gathering()
        found = Sweep(_gathered(planned), planned.origin)
        stored.write_table(Path(out) / RESULTS, found.table, TABLE)
        report(found)
        return found


def _chosen(point: Point, methods: Sequence[str] | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a point's methods with their solvers, and why policies are left out."""
    probe = point.drawn(0, 2)
    found: dict[str, Any] = {}
    without: dict[str, str] = {}
    names = default_methods(probe) if methods is None else list(methods)
    for name in names:
        if names.count(name) > 1:
            raise InstanceError(f"the method {name!r} is named twice")
        try:
            found |= checked_methods(probe, [name], {}, False)
        except InstanceError as error:
            if not is_learned(name):
                raise
            without[name] = str(error)
    if not names:
        checked_methods(probe, names, {}, False)
    return found, without


def _left_out(points: Sequence[Point], chosen: Sequence[tuple[Any, Mapping[str, str]]], name: str) -> str:
    """Say where a policy is left out, and why."""
    where = [point.text for point, (_, why) in zip(points, chosen, strict=True) if name in why]
    reason = next(why[name] for _, why in chosen if name in why).rstrip(".")
    more = f" and {counted(len(where) - 3, 'other points')}" if len(where) > 3 else ""
    return f"{name} is left out at {'; '.join(where[:3])}{more}: {reason}."


def _told(point: Point, probe: Problem, solvers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a reader of a point's comparison is told."""
    policies = {name: solver for name, solver in solvers.items() if isinstance(solver, Proposed)}
    return {
        "values": dict(point.values),
        "digest": point.digest(),
        "sizes": probe.sizes,
        "users": probe.users,
        "choices": list(getattr(probe.decision_space, "labels", ())),
        "methods": list(solvers),
        "exact_methods": [name for name, solver in solvers.items() if Feature.INTEGER in solver.features],
        "policies": {name: origin_of(solver) for name, solver in policies.items()},
        "notes": [
            *(f"Answers keep the limit {text}." for text in told(probe)),
            *(note for solver in policies.values() for note in solver.notes(probe)),
        ],
    }


def _parts(
    point: Point, probe: Problem, solvers: Mapping[str, Any], origin: Mapping[str, Any], folder: Path
) -> Iterator[tuple[Part, tuple[Any, ...]]]:
    """Yield the parts of a point, and the arguments of the function that computes them, seed by seed."""
    name, count = point.digest(), origin["count"]
    codes = {
        method: code_of(probe, solver, solver if isinstance(solver, Proposed) else None)
        for method, solver in solvers.items()
    }
    for seed in range(origin["seeds"]):
        for method, solver in solvers.items():
            policy = solver if isinstance(solver, Proposed) else method
            for number, first in enumerate(range(0, count, CHUNK)):
                rows = slice(first, min(first + CHUNK, count))
                key = key_of({**origin, "seed": seed}, method, codes[method], number, [name, count])
                path = folder / f"{file_name(method)}-{name}-{seed}-{number:05d}-{key[:12]}.parquet"
                arguments = (point, name, seed, count, rows, number, method, policy, origin["time_limit"], key)
                yield Part(path, PART, key, method, first, rows.stop - first), arguments


def _gathered(planned: Plan) -> pa.Table:
    """Return all rows: by point, seed, method and instance; what some points alone have is null elsewhere."""
    import pyarrow as pa

    table = pa.concat_tables((part.read() for part in planned.parts), promote_options="permissive")
    return table.replace_schema_metadata({"mecopt": json.dumps(planned.origin)})
