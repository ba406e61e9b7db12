"""A policy along a path, segment by segment: each a file, written when it is done, from which the next one begins.

A file's name depends on everything that determines its rows, and it holds the carried fields with which the next segment
begins, so that a run that was killed goes on from there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.parts import file_name
from mecopt.contract.errors import InstanceError, SolveFailed
from mecopt.dynamic.charts import Chart
from mecopt.dynamic.control_variates import luck
from mecopt.dynamic.dynamics import Dynamics
from mecopt.dynamic.estimates import block_means, blocks_of
from mecopt.dynamic.maps import map_of
from mecopt.dynamic.outcome import Outcome
from mecopt.dynamic.rollout import Rollout, policy_of, rollout
from mecopt.parallel import Task
from mecopt.storage import sealed as stored
from mecopt.storage.atomic import write_whole

if TYPE_CHECKING:
    import pyarrow as pa

Array = NDArray[Any]

SEGMENT, MAP = "segment of a rollout", "map of a policy"
"""Kinds of the files that hold parts, see `mecopt.storage.sealed`."""

BLOCKS = 32
"""Blocks of slots that each lane is cut into; standard errors come from their means."""

SEGMENTS = 8
"""Parts of a policy's path, after each of which it can be interrupted."""

SAMPLED, TRACED = 64, 200
"""Slots of a block whose carried fields are kept for the histogram, and first slots of lane 0 for the trajectory."""


@dataclass(frozen=True)
class Segments:
    """One policy along the whole path, segment by segment."""

    dynamics: Dynamics[Any]
    name: str
    seed: int
    slots: int
    lanes: int
    folder: Path
    key: str
    run: str
    """Names the call, for what its processes keep at hand."""
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

    def begun(self, chart: Chart | None, unusable: list[str]) -> Segments:
        """Return the task with what stands of it; what comes after a gap is computed anew."""
        done = 0
        while done < len(self.files()) and stored.standing(partial(self.segment, done), unusable) is not None:
            done += 1
        mapped = chart is None or stored.standing(partial(self.map, chart), unusable) is not None
        return replace(self, done=done, mapped=mapped)

    def task(self, place: int) -> Task | None:
        """Return what is to be done next, and behind it what follows; None where all stands."""
        if not self.mapped:
            return self._task(place, "mapped_out", (), replace(self, mapped=True), self.map_file())
        if self.done == len(self.files()):
            return None
        begin = _left(self.segment(self.done - 1)) if self.done else None
        return self._task(place, "carried_out", (begin,), replace(self, done=self.done + 1), self.files()[self.done])

    def _task(self, place: int, function: str, more: tuple[Any, ...], then: Segments, file: Path) -> Task:
        def written(result: bytes) -> Task | None:
            write_whole(file, result)
            return then.task(place)

        return Task(f"{self.key} {file.stem}", f"{__name__}.{function}", (self, *more), written, number=place)


def mapped_out(task: Segments) -> bytes:
    """Return the content of the file of a policy's map."""
    _, policy = _at_hand(task)
    chart = task.dynamics.chart()
    assert chart is not None
    return stored.table_bytes(map_of(task.dynamics, task.name, chart, policy, task.seed), MAP, task.key)


def carried_out(task: Segments, begin: Outcome | None) -> bytes:
    """Carry out the segment after those that are done, and return the content of its file."""
    path, policy = _at_hand(task)
    control, segments, number = task.dynamics.control_variate(), task.segments(), task.done
    blocks = segments[number]
    part = slice(blocks[0].start, blocks[-1].stop)
    rng = np.random.default_rng((task.seed, 1, number))
    try:
        found = rollout(task.dynamics, path[part], policy, rng, begin=begin)
    except InstanceError as error:
        raise InstanceError(f"{task.name}, from slot {part.start} on: {error}") from error
    except SolveFailed as error:
        raise SolveFailed(f"{task.name}, from slot {part.start} on: {error}", error.solution) from error
    by_chance = None if control is None else luck(control, path[part], found)
    before = sum(len(one) for one in segments[:number])
    rows = _rows(task.dynamics, task.name, found, by_chance, blocks, before)
    return stored.table_bytes(rows, SEGMENT, f"{task.key} {number}")


_paths: dict[str, Any] = {}
_policies: dict[tuple[str, str], Any] = {}
"""What this process has at hand, so that it is made once for all segments: the last path, and the last policies."""

MOST_POLICIES = 8
"""Policies that a process keeps at hand: a worker may be given segments of several, one after the other."""


def _at_hand(task: Segments) -> tuple[Any, Any]:
    """Return the path and the policy of a task, made at its first segment here."""
    if task.run not in _paths:
        forget()
        _paths[task.run] = path_of(task.dynamics, task.seed, task.slots, task.lanes)
    which = task.run, task.name
    if which not in _policies:
        while len(_policies) >= MOST_POLICIES:
            del _policies[next(iter(_policies))]
        _policies[which] = policy_of(task.dynamics, task.name)
    return _paths[task.run], _policies[which]


def forget() -> None:
    """Let go of paths and policies."""
    _paths.clear()
    _policies.clear()


def path_of(dynamics: Dynamics[Any], seed: int, slots: int, lanes: int) -> Any:
    """Draw the path that all policies meet."""
    return dynamics.stream(np.random.default_rng((seed, 0)), slots, lanes)


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


def _left(segment: pa.Table) -> Outcome:
    """Return what a finished segment left."""
    after = json.loads(segment.schema.metadata[b"after"])
    carried = {name: np.asarray(values, dtype=float) for name, values in after["carried"].items()}
    lanes = len(next(iter(carried.values()))) if carried else 0
    return Outcome(
        np.zeros(lanes), carried, ended=None if after["ended"] is None else np.asarray(after["ended"], dtype=bool)
    )
