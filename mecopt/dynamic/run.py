"""Policies on a common path: in parts, in parallel, and resumable; `mecopt rollout` is this with options.

A part is one policy on one segment of the path, all lanes at once, written as a Parquet file under a name that depends on
everything that determines it, with the carried fields that the next segment begins with. A run that was killed finds its
finished parts, takes those that are what was written (`mecopt.storage.sealed`), and goes on from there; policies run side by
side.
"""

from __future__ import annotations

import json
import platform
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mecopt.compare.parts import TABLE, name_of, origin_of, require_text
from mecopt.contract.arguments import checked_seed
from mecopt.contract.errors import InstanceError
from mecopt.contract.limits import told as told_limits
from mecopt.dynamic.dynamics import Dynamics
from mecopt.dynamic.information import perfect_information
from mecopt.dynamic.maps import told, unit_of
from mecopt.dynamic.results import INFORMATION, MAPS, RESULTS
from mecopt.dynamic.rollout import path_digest, policy_of, policy_of_trained
from mecopt.dynamic.rollouts import Rollouts
from mecopt.dynamic.segments import BLOCKS, SEGMENTS, Segments, forget, path_of
from mecopt.parallel import at_work, before_gathering, folder_of_run
from mecopt.parallel.places import checked_jobs
from mecopt.search.proposed import Proposed, is_learned, learned
from mecopt.storage import sealed as stored
from mecopt.storage.atomic import class_digest, code_digest
from mecopt.storage.versions import versions

if TYPE_CHECKING:
    import pyarrow as pa

PROVED = "set of bounds"
"""Kind of the file that holds what is proved, see `mecopt.storage.sealed`."""


def default_policies(dynamics: Dynamics[Any]) -> list[str]:
    """Return the policies that a dynamics names, its own otherwise, and the problem's first solver where it has none."""
    return list(dynamics.default_policies or dynamics.policies() or list(dynamics.problem.solvers)[:1])


def roll_out(
    dynamics: Dynamics[Any],
    policies: Sequence[str] | None = None,
    *,
    out: str | Path,
    slots: int | None = None,
    lanes: int | None = None,
    seed: int = 0,
    jobs: int | None = None,
    control_variate: bool = True,
    provenance: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    report: Callable[[Rollouts], Any] = lambda found: None,
) -> Rollouts:
    """Carry out policies on one path and write ``results.parquet``, and ``maps.parquet`` where the dynamics has a chart.

    Parameters
    ----------
    dynamics
        what connects the slots.
    policies
        names as in `mecopt.dynamic.rollout.policy_of`, or `INFORMATION`; None takes `default_policies`.
    out
        folder for the results; finished parts live in ``out/parts``.
    slots, lanes
        how long the path is, and how many lanes stand side by side; None takes what the dynamics says.
    seed
        of the path, and of what policies draw, the same numbers for all of them.
    jobs
        processes; None takes what `mecopt.parallel.where` says: all cores, or one for a single policy.
    control_variate
        whether means are told less the luck that is known to be 0 in the mean, where the dynamics knows such; it is among
        the rows in any case.
    provenance
        what else is told of the run.
    progress
        called with the finished and the total number of parts.
    report
        called with the result while no other run can write to the folder.

    Raises
    ------
    UnknownName, BackendUnavailable, InstanceError, SolveFailed
    """
    seed = checked_seed(seed)
    slots = dynamics.default_slots if slots is None else slots
    lanes = dynamics.default_lanes if lanes is None else lanes
    checked_jobs(jobs)
    chosen = default_policies(dynamics) if policies is None else list(policies)
    acting = [name for name in chosen if name != INFORMATION]
    trained = _check(dynamics, chosen, acting)
    path = path_of(dynamics, seed, slots, lanes)
    origin: dict[str, Any] = {
        **(provenance or {}),
        "dynamics": dynamics.name,
        "preset": dynamics.preset,
        "settings": {**{name: _plain(value) for name, value in dynamics.overrides.items()}, **dynamics.settings()},
        "policies": acting,
        "slots": slots,
        "lanes": lanes,
        "seed": seed,
        "path": path_digest(path),
        "reward": [dynamics.reward_name, dynamics.reward_unit],
        "costs": dynamics.costs,
        "discount": dynamics.discount,
        "control_variate": bool(control_variate),
        "measures": dict(dynamics.measures),
        "carried": {name: unit_of(dynamics, name) for name in dynamics.carried},
        "trained": {name: origin_of(solver) for name, solver in trained.items()},
        "notes": [
            *dynamics.remarks,
            *(f"every slot keeps the limit {one}" for one in told_limits(path)),
            *dynamics.without_effect(),
            *(note for solver in trained.values() for note in (*solver.notes(path[0]), *solver.notes_along(dynamics))),
        ],
        "versions": versions(),
        "code": [code_digest(), class_digest(type(dynamics))],
        "python": platform.python_version(),
    }
    parts = Path(out).absolute() / "parts"
    keys = {name: _key(origin, name, trained.get(name)) for name in acting}
    call = secrets.token_hex(8)
    tasks = [Segments(dynamics, name, seed, slots, lanes, parts, key, call) for name, key in keys.items()]
    chart = dynamics.chart()
    origin["chart"] = {"why": dynamics.why_no_chart()} if chart is None else told(dynamics, chart)
    total = sum(len(task.files()) for task in tasks)
    with folder_of_run(Path(out)):
        unusable: list[str] = []
        key = _key(origin, "bounds", None)
        file = parts / f"bounds-{key[:12]}.json"
        before = stored.standing(partial(stored.read_json, file, PROVED, key), unusable) or {}
        tasks = [task.begun(chart, unusable) for task in tasks]
        stored.tell(unusable)
        origin["bounds"] = _bounds(dynamics, path, before, INFORMATION in chosen)
        stored.write_json(file, origin["bounds"], PROVED, key)
        proved = origin["bounds"].keys() & {"long-run", "discounted"}
        origin["unproved"] = None if proved else _why_unproved(dynamics)
        done = sum(task.done for task in tasks)
        progress(done, total)
        begun = [task.task(number) for number, task in enumerate(tasks)]
        try:
            with at_work([one for one in begun if one is not None], jobs) as running:
                for one, _ in running:
                    if not one.function.endswith(".mapped_out"):
                        done += 1
                        progress(done, total)
        finally:
            forget()
        before_gathering()
        drawn = [] if chart is None else [task.map(chart) for task in tasks]
        failed = [(one.schema.metadata or {}).get(b"failed") for one in drawn]
        origin["unmapped"] = {name: why.decode() for name, why in zip(acting, failed, strict=False) if why is not None}
        maps = _joined(drawn, origin) if drawn else None
        segments = [task.segment(number) for task in tasks for number in range(len(task.files()))]
        found = Rollouts(_joined(segments, origin), origin, maps)
        stored.write_table(Path(out) / RESULTS, found.table, TABLE)
        if maps is None:
            (Path(out) / MAPS).unlink(missing_ok=True)
        else:
            stored.write_table(Path(out) / MAPS, maps, TABLE)
        report(found)
        return found


def _check(dynamics: Dynamics[Any], chosen: list[str], acting: list[str]) -> dict[str, Proposed]:
    """Refuse policies that cannot run; return the trained ones among them."""
    if not acting:
        raise InstanceError("policies is empty; name at least one")
    trained = {}
    for name in chosen:
        if chosen.count(name) > 1:
            raise InstanceError(f"the policy {name!r} is named twice")
        require_text("policy", name)
        if name == INFORMATION and dynamics.grids() is None:
            raise InstanceError(f"{INFORMATION} needs a grid, and {dynamics.name} says none: {_why_unproved(dynamics)}")
        if name == INFORMATION or name in dynamics.policies():
            continue
        if is_learned(name):
            trained[name] = learned(dynamics.draw(np.random.default_rng(0)), name)
            policy_of_trained(dynamics, trained[name])
        else:
            policy_of(dynamics, name)
    return trained


def _bounds(dynamics: Dynamics[Any], path: Any, before: Mapping[str, list[float]], known: bool) -> dict[str, list[float]]:
    """Return what is proved, lower and upper, costs as costs: of the long run, and if asked for, of who knows the path."""

    def as_costs(*rewards: float) -> list[float]:
        return [-one for one in reversed(rewards)] if dynamics.costs else list(rewards)

    found, grids = dict(before), dynamics.grids()
    if "long-run" not in found and (bracket := dynamics.bracket()) is not None:
        found["long-run"] = as_costs(bracket.lower, bracket.upper)
    if "discounted" not in found and dynamics.discount is not None and (most := dynamics.most_discounted()) is not None:
        found["discounted"] = as_costs(most)
    if known and INFORMATION not in found and grids is not None:
        foreknown = perfect_information(grids.below, grids.above, grids.drawn(path), *grids.points(path[0]))
        found[INFORMATION] = as_costs(float(foreknown.lower.mean()), float(foreknown.upper.mean()))
    return found


def _why_unproved(dynamics: Dynamics[Any]) -> str:
    return dynamics.why_unproved() or f"{dynamics.name} says no grid for these settings"


def _joined(tables: list[pa.Table], origin: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    table = pa.concat_tables([one.replace_schema_metadata(None) for one in tables])
    return table.replace_schema_metadata({"mecopt": json.dumps(origin)})


def _key(origin: Mapping[str, Any], name: str, policy: Proposed | None) -> str:
    """Name everything that a policy's rows depend on."""
    of = ("dynamics", "preset", "settings", "slots", "lanes", "seed", "path", "versions", "code")
    whose = None if policy is None else name_of(policy)
    return stored.digest_of([name, whose, BLOCKS, SEGMENTS, *(origin[field] for field in of)])


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else np.asarray(value).tolist()
