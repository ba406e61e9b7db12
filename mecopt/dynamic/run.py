"""Policies on a common path: in parts, in parallel, and resumable; `mecopt rollout` is this with options.

A part is one policy on one segment of the path, all lanes at once, written as a Parquet file under a name that depends on
everything that determines it, with the carried fields that the next segment begins with. A run that was killed finds its
finished parts, takes those that are what was written (`mecopt.storage.sealed`), and goes on from there; policies run side by
side.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.parts import TABLE, file_name, name_of, origin_of, require_text, versions
from mecopt.contract.arguments import checked_seed
from mecopt.contract.errors import InstanceError, SolveFailed
from mecopt.dynamic.charts import Chart, shown
from mecopt.dynamic.control_variates import luck
from mecopt.dynamic.dynamics import Dynamics, Outcome, Policy
from mecopt.dynamic.estimates import block_means, blocks_of
from mecopt.dynamic.information import perfect_information
from mecopt.dynamic.rollout import Rollout, path_digest, policy_of, policy_of_trained, rollout
from mecopt.running.workers import cores, side_by_side
from mecopt.search.proposed import Proposed, is_learned, learned
from mecopt.show.numbers import counted
from mecopt.show.readable import Readable
from mecopt.storage import sealed as stored
from mecopt.storage.atomic import class_digest, code_digest, to_myself

if TYPE_CHECKING:
    import pyarrow as pa

    from mecopt.show.page import Page

Array = NDArray[Any]

RESULTS = "results.parquet"

MAPS = "maps.parquet"
"""What every policy does on the chart of its dynamics, a row per place, where there is a chart."""

SEGMENT, MAP, PROVED = "segment of a rollout", "map of a policy", "set of bounds"
"""Kinds of the files that hold parts, see `mecopt.storage.sealed`."""

INFORMATION = "perfect-information"
"""Named among policies: the bound of who knows the whole path."""

BLOCKS = 32
"""Blocks of slots that each lane is cut into; standard errors come from their means."""

SEGMENTS = 8
"""Parts of a policy's path, after each of which it can be interrupted."""

SAMPLED, TRACED = 64, 200
"""Slots of a block whose carried fields are kept for the histogram, and first slots of lane 0 for the trajectory."""


@dataclass(frozen=True)
class Rollouts(Readable):
    """A row per policy, lane and block of slots; where they are from; and what is proved beforehand."""

    table: pa.Table
    provenance: dict[str, Any]
    maps: pa.Table | None = None
    """A row per policy and place on the chart of the dynamics; None where there is no chart."""

    @property
    def policies(self) -> list[str]:
        """The policies in the order asked for, the bound left out."""
        return list(self.provenance["policies"])

    def column(self, policy: str, name: str) -> Array:
        """Return a column of one policy as ``(blocks, lanes)``."""
        rows = self.rows(policy)
        shape = int(rows["block"].to_numpy().max()) + 1, self.provenance["lanes"]
        return np.asarray(rows[name].to_numpy(zero_copy_only=False)).reshape(shape)

    def rows(self, policy: str) -> pa.Table:
        """Return the rows of one policy, blocks in order, lanes within."""
        import pyarrow.compute as pc

        rows = self.table.filter(pc.equal(self.table["policy"], policy))
        return rows.sort_by([("block", "ascending"), ("lane", "ascending")])

    def map_of(self, policy: str) -> tuple[Array, Array, Array]:
        """Return the drawn and the carried values of a chart, and what a policy does there, ``(panels, drawn, carried)``.

        All are empty where the policy has no map; see ``provenance["unmapped"]``.
        """
        import pyarrow.compute as pc

        if self.maps is None:
            raise InstanceError(f"there are no maps: {self.provenance['chart']['why']}")
        rows, chart = self.maps.filter(pc.equal(self.maps["policy"], policy)), self.provenance["chart"]
        right, up = (np.unique(rows[chart[axis][0]].to_numpy()) for axis in ("drawn", "carried"))
        return right, up, rows["done"].to_numpy().reshape(len(chart["panels"]), len(right), len(up))

    def _line(self) -> str:
        origin = self.provenance
        return (
            f"Rollouts {origin['dynamics']}: {counted(len(self.policies), 'policies')}, "
            f"{counted(origin['slots'], 'slots')}, {counted(origin['lanes'], 'lanes')}"
        )

    def _page(self) -> Page:
        from mecopt.dynamic.summary import page

        return page(self)


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
        processes; None takes all cores, or one for a single policy.
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
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, int | np.integer) or jobs < 1):
        raise InstanceError(f"jobs is {jobs!r}; allowed: a whole number of at least 1, or None for one per core")
    chosen = default_policies(dynamics) if policies is None else list(policies)
    acting = [name for name in chosen if name != INFORMATION]
    trained = _check(dynamics, chosen, acting)
    path = _path(dynamics, seed, slots, lanes)
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
        "carried": {name: _unit(dynamics, name) for name in dynamics.carried},
        "trained": {name: origin_of(solver) for name, solver in trained.items()},
        "notes": [
            *dynamics.remarks,
            *dynamics.without_effect(),
            *(note for solver in trained.values() for note in (*solver.notes(path[0]), *solver.notes_along(dynamics))),
        ],
        "versions": versions(),
        "code": [code_digest(), class_digest(type(dynamics))],
        "python": platform.python_version(),
    }
    parts = Path(out).absolute() / "parts"
    keys = {name: _key(origin, name, trained.get(name)) for name in acting}
    tasks = [_Task(dynamics, name, seed, slots, lanes, parts, key) for name, key in keys.items()]
    chart = dynamics.chart()
    origin["chart"] = {"why": dynamics.why_no_chart()} if chart is None else _told(dynamics, chart)
    total = sum(len(task.files()) for task in tasks)
    workers = min(int(jobs or cores()), len(tasks))
    with to_myself(Path(out)):
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
        if workers == 1:
            for task in tasks:
                for _ in task.run(path):
                    done += 1
                    progress(done, total)
        else:
            with side_by_side(_all_of, [(task,) for task in tasks], workers, in_order=True) as running:
                for task, _ in zip(tasks, running, strict=True):
                    done += len(task.files()) - task.done
                    progress(done, total)
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


@dataclass(frozen=True)
class _Task:
    """One policy along the whole path, segment by segment."""

    dynamics: Dynamics[Any]
    name: str
    seed: int
    slots: int
    lanes: int
    folder: Path
    key: str
    done: int = 0
    """How many segments stand already, the first ones."""
    mapped: bool = False
    """Whether the policy's map stands already, or there is none."""

    def segments(self) -> list[list[slice]]:
        """Return the blocks of each segment."""
        blocks = blocks_of(self.slots, BLOCKS)
        return [blocks[part] for part in blocks_of(len(blocks), SEGMENTS)]

    def files(self) -> list[Path]:
        """Return the file of each segment."""
        stem = f"{file_name(self.name)}-{self.key[:12]}"
        return [self.folder / f"{stem}-{number:02d}.parquet" for number in range(len(self.segments()))]

    def map_file(self) -> Path:
        """Return the file of the policy's map."""
        return self.folder / f"{file_name(self.name)}-{self.key[:12]}-map.parquet"

    def segment(self, number: int) -> pa.Table:
        """Return the rows of a segment; raises `mecopt.storage.sealed.Unusable` where they are not its own."""
        file, blocks = self.files()[number], self.segments()
        before = sum(len(part) for part in blocks[:number])
        table = stored.read_table(file, SEGMENT, f"{self.key} {number}", dict.fromkeys(("policy", "block", "reward")))
        expected = np.repeat(np.arange(before, before + len(blocks[number])), self.lanes)
        if set(table["policy"].to_pylist()) != {self.name} or not np.array_equal(table["block"].to_numpy(), expected):
            raise stored.Unusable(f"{file} holds other rows than blocks {expected[0]} to {expected[-1]} of {self.name}")
        return table

    def map(self, chart: Chart) -> pa.Table:
        """Return the policy's map, or why there is none; raises `mecopt.storage.sealed.Unusable`."""
        table = stored.read_table(self.map_file(), MAP, self.key, dict.fromkeys(("policy", "panel", "done")))
        if table.num_rows != chart.slots.instances and b"failed" not in (table.schema.metadata or {}):
            raise stored.Unusable(f"{self.map_file()} has {table.num_rows} rows, its chart {chart.slots.instances} places")
        return table

    def begun(self, chart: Chart | None, unusable: list[str]) -> _Task:
        """Return the task with what stands of it; what comes after a gap is computed anew."""
        done = 0
        while done < len(self.files()) and stored.standing(partial(self.segment, done), unusable) is not None:
            done += 1
        mapped = chart is None or stored.standing(partial(self.map, chart), unusable) is not None
        return replace(self, done=done, mapped=mapped)

    def run(self, path: Any) -> Any:
        """Carry out what does not stand, and yield after each segment."""
        segments, files = self.segments(), self.files()
        chart = None if self.mapped else self.dynamics.chart()
        if self.done == len(files) and chart is None:
            return
        policy = policy_of(self.dynamics, self.name)
        if chart is not None:
            drawn = _map(self.dynamics, self.name, chart, policy, self.seed)
            stored.write_table(self.map_file(), drawn, MAP, self.key)
        control = self.dynamics.control_variate()
        begin: Outcome | None = _left(self.segment(self.done - 1)) if self.done else None
        before = sum(len(part) for part in segments[: self.done])
        for number in range(self.done, len(files)):
            blocks = segments[number]
            part = slice(blocks[0].start, blocks[-1].stop)
            rng = np.random.default_rng((self.seed, 1, number))
            try:
                found = rollout(self.dynamics, path[part], policy, rng, begin=begin)
            except InstanceError as error:
                raise InstanceError(f"{self.name}, from slot {part.start} on: {error}") from error
            except SolveFailed as error:
                raise SolveFailed(f"{self.name}, from slot {part.start} on: {error}", error.solution) from error
            by_chance = None if control is None else luck(control, path[part], found)
            rows = _rows(self.dynamics, self.name, found, by_chance, blocks, before)
            stored.write_table(files[number], rows, SEGMENT, f"{self.key} {number}")
            begin, before = found.after, before + len(blocks)
            yield number


def _all_of(task: _Task) -> None:
    """Run a task in a process of its own, which draws the path once more."""
    for _ in task.run(_path(task.dynamics, task.seed, task.slots, task.lanes)):
        pass


def _path(dynamics: Dynamics[Any], seed: int, slots: int, lanes: int) -> Any:
    return dynamics.stream(np.random.default_rng((seed, 0)), slots, lanes)


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

    def told(*rewards: float) -> list[float]:
        return [-one for one in reversed(rewards)] if dynamics.costs else list(rewards)

    found, grids = dict(before), dynamics.grids()
    if "long-run" not in found and (bracket := dynamics.bracket()) is not None:
        found["long-run"] = told(bracket.lower, bracket.upper)
    if "discounted" not in found and dynamics.discount is not None and (most := dynamics.most_discounted()) is not None:
        found["discounted"] = told(most)
    if known and INFORMATION not in found and grids is not None:
        foreknown = perfect_information(grids.below, grids.above, grids.drawn(path), *grids.points(path[0]))
        found[INFORMATION] = told(float(foreknown.lower.mean()), float(foreknown.upper.mean()))
    return found


def _why_unproved(dynamics: Dynamics[Any]) -> str:
    return dynamics.why_unproved() or f"{dynamics.name} says no grid for these settings"


def _rows(
    dynamics: Dynamics[Any], name: str, found: Rollout, by_chance: Array | None, blocks: list[slice], before: int
) -> pa.Table:
    """Return a row per block and lane."""
    import pyarrow as pa

    lanes, first = found.reward.shape[1], blocks[0].start
    sizes = [block.stop - block.start for block in blocks]
    columns: dict[str, Any] = {
        "policy": [name] * (len(blocks) * lanes),
        "lane": np.tile(np.arange(lanes), len(blocks)),
        "block": np.repeat(np.arange(before, before + len(blocks)), lanes),
        "first_slot": np.repeat([block.start for block in blocks], lanes),
        "slots": np.repeat(sizes, lanes),
    }

    def means(values: Array) -> tuple[Array, Array]:
        pairs = [block_means(values[block.start - first : block.stop - first], 1) for block in blocks]
        return np.concatenate([p[0] for p in pairs]).ravel(), np.concatenate([p[1] for p in pairs]).ravel()

    columns["reward"] = means(found.reward)[0]
    if by_chance is not None:
        columns["luck"] = means(by_chance)[0]
    if dynamics.discount is not None:
        counts = dynamics.discount ** np.arange(first, first + len(found.reward))[:, None]
        columns["discounted"] = means(counts * found.reward)[0] * columns["slots"]
        if by_chance is not None:
            columns["discounted_luck"] = means(counts * by_chance)[0] * columns["slots"]
    for measure, values in found.measures.items():
        columns[measure], columns[f"{measure}_slots"] = means(values)
    ended = np.zeros_like(found.reward) if found.ended is None else found.ended.astype(float)
    columns["ended"] = np.rint(means(ended)[0] * columns["slots"]).astype(int)
    for field, values in found.carried.items():
        columns[f"carried_{field}"] = [
            values[np.unique(np.linspace(block.start - first, block.stop - first - 1, SAMPLED).astype(int)), lane].ravel()
            for block in blocks
            for lane in range(lanes)
        ]
        trace = values[: max(TRACED - first, 0), 0].ravel()
        columns[f"trace_{field}"] = [trace] + [np.empty(0)] * (len(blocks) * lanes - 1)
    left = {field: values.tolist() for field, values in found.after.carried.items()}
    over = None if found.after.ended is None else found.after.ended.tolist()
    return pa.table(columns).replace_schema_metadata({"after": json.dumps({"carried": left, "ended": over})})


def _map(dynamics: Dynamics[Any], name: str, chart: Chart, policy: Policy, seed: int) -> pa.Table:
    """Return what a policy does on a chart, a row per place; empty, and why, where it has no answer to one of its slots."""
    import pyarrow as pa

    why = {}
    try:
        values = shown(dynamics, chart, policy, np.random.default_rng((seed, 2)))
    except (InstanceError, SolveFailed) as error:
        values, why = np.empty((0, 0, 0)), {"failed": str(error)}
    panel, right, up = (place.ravel() for place in np.indices(values.shape))
    columns = {
        "policy": pa.array([name] * values.size, pa.string()),
        "panel": panel,
        chart.drawn: chart.along(chart.drawn)[right],
        chart.carried: chart.along(chart.carried)[up],
        "done": values.ravel(),
    }
    return pa.table(columns).replace_schema_metadata(why)


def _told(dynamics: Dynamics[Any], chart: Chart) -> dict[str, Any]:
    """Return what a picture says of a chart."""
    return {
        "drawn": [chart.drawn, _unit(dynamics, chart.drawn)],
        "carried": [chart.carried, _unit(dynamics, chart.carried)],
        "quantity": [chart.quantity, chart.unit],
        "otherwise": chart.otherwise,
        "panels": list(chart.panels),
    }


def _left(segment: pa.Table) -> Outcome:
    """Return what a finished segment left."""
    after = json.loads(segment.schema.metadata[b"after"])
    carried = {name: np.asarray(values, dtype=float) for name, values in after["carried"].items()}
    lanes = len(next(iter(carried.values()))) if carried else 0
    return Outcome(
        np.zeros(lanes), carried, ended=None if after["ended"] is None else np.asarray(after["ended"], dtype=bool)
    )


def _joined(tables: list[pa.Table], origin: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    table = pa.concat_tables([one.replace_schema_metadata(None) for one in tables])
    return table.replace_schema_metadata({"mecopt": json.dumps(origin)})


def _key(origin: Mapping[str, Any], name: str, policy: Proposed | None) -> str:
    """Name everything that a policy's rows depend on."""
    of = ("dynamics", "preset", "settings", "slots", "lanes", "seed", "path", "versions", "code")
    whose = None if policy is None else name_of(policy)
    return stored.digest_of([name, whose, BLOCKS, SEGMENTS, *(origin[field] for field in of)])


def _unit(dynamics: Dynamics[Any], name: str) -> str:
    fields = {f.name: f for f in dynamics.problem.__dataclass_fields__.values()}
    return str(fields[name].metadata["unit"])


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else np.asarray(value).tolist()
