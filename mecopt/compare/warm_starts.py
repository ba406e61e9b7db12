"""Do warm starts pay? Every solver that takes a start, from every source of starts, on two streams of instances.

A start pays where making it and solving from it takes less time than solving cold, by more than noise. The
sources are those of `mecopt.compare.starts`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.backend import Feature
from mecopt.compare.bench import TIME_LIMIT, medians
from mecopt.compare.starts import SOURCES, Memory, Source, Starts, Taken, drifting
from mecopt.compare.summary import duration
from mecopt.problem import Problem
from mecopt.registry import shipped
from mecopt.solution import Solution, StartIgnored
from mecopt.solve import allocate, solve

Array = NDArray[Any]

MEMORY = 1000
"""Instances solved beforehand, among which a neighbour is looked up."""

MARGIN = 0.05
"""Part of the cold time that a start must save before it counts as paying."""

WORSE = 1e-6
"""Mean relative loss beyond the cold one's at which faster answers are worse ones, and pay nothing."""

MOST = 0.75
"""Part of the instances on which a start must be faster than cold: a median alone is at the mercy of a busy machine."""

SLOW = 0.01
"""Seconds from which a call is timed twice, the better time kept, and not by repeated turns."""


@dataclass(frozen=True)
class Consumer:
    """A solver that takes a start, what its effort is counted in, and on how many instances it is measured."""

    name: str
    counted: str
    takes: Taken = "decision"
    most: int = 16

    @property
    def fixed(self) -> bool:
        """Whether it answers a fixed decision."""
        return self.takes != "decision"


CONSUMERS = (
    Consumer("exact", "nodes"),
    Consumer("scip", "nodes", most=6),
    Consumer("highs", "rounds", most=6),
    Consumer("local-search", "solver calls"),
    Consumer("coordinate-descent", "solver calls"),
    Consumer("slsqp", "iterations", "allocation"),
    Consumer("scs", "iterations", "price"),
)


@dataclass(frozen=True)
class Row:
    """One consumer from one source: means of effort and loss, medians of seconds, per instance."""

    source: Source
    effort: float
    loss: float
    used: int
    faster: int
    """Instances on which start and solve together took less than cold."""
    instances: int
    start_seconds: float
    solve_seconds: float
    cold: Row | None = None

    @property
    def total(self) -> float:
        """Seconds to make the start and to solve from it."""
        return self.start_seconds + self.solve_seconds

    @property
    def ratio(self) -> float:
        """The cold total over this one."""
        return 1.0 if self.cold is None else self.cold.total / self.total

    @property
    def verdict(self) -> str:
        """What the figures say."""
        if self.cold is None:
            return ""
        if self.used < self.instances:
            return f"used in {self.used} of {self.instances} only"
        if self.loss > self.cold.loss + WORSE:
            return "worse answers"
        paying = self.total < (1.0 - MARGIN) * self.cold.total and self.faster >= MOST * self.instances
        return ("pays" if paying else "does not pay") + (" (limit)" if self.source == "optimum" else "")

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, in the order of `HEADERS`."""
        start = "-" if self.source in ("cold", "optimum") else duration(self.start_seconds)
        loss = f"{self.loss:.1g}" if self.loss > 1e-9 else "0"
        seconds = (start, duration(self.solve_seconds), duration(self.total))
        faster = "-" if self.cold is None else f"{self.faster}/{self.instances}"
        return (self.source, f"{self.effort:.1f}", loss, *seconds, f"{self.ratio:.2f} x", faster, self.verdict)


HEADERS = ("start", "effort", "loss", "make start", "solve", "total", "cold/total", "faster", "verdict")


@dataclass(frozen=True)
class Cell:
    """One consumer on one stream."""

    stream: str
    consumer: Consumer
    rows: list[Row]

    @property
    def title(self) -> str:
        """What was measured."""
        what = "decision fixed to the optimal one" if self.consumer.fixed else "decision open"
        return f"{self.stream}: {self.consumer.name}, {what} (effort: {self.consumer.counted}, n = {self.rows[0].instances})"


# ---------------------------------------------------------------------- measuring


def _answer(problem: Problem, decision: Array, consumer: Consumer, start: Any) -> Solution:
    if consumer.fixed:
        return allocate(problem, decision, backend=consumer.name, start=start)
    limit = None if consumer.name == "exact" else TIME_LIMIT
    return solve(problem, solver=consumer.name, start=start, time_limit=limit)


def _seconds(call: Callable[[], Solution]) -> float:
    """Return the seconds of a call, without those of the certificate: they are the same from every start."""
    began = time.perf_counter()
    answer = call()
    return time.perf_counter() - began - answer.stats.certify_seconds


def _making(make: Callable[[], Any]) -> float:
    began = time.perf_counter()
    make()
    return time.perf_counter() - began


def measure(starts: Starts, consumer: Consumer, count: int) -> list[Row]:
    """Measure a consumer from every source on the instances 1 to `count` of a stream, the sources by turns."""
    sources = starts.sources(consumer.takes)
    effort: dict[Source, list[float]] = {source: [] for source in sources}
    loss: dict[Source, list[float]] = {source: [] for source in sources}
    used = dict.fromkeys(sources, 0)
    making: dict[Source, list[float]] = {source: [] for source in sources}
    solving: dict[Source, list[float]] = {source: [] for source in sources}
    for i in range(1, count + 1):
        problem, best = starts.stream[i], starts.optimum[i]
        calls: dict[str, Callable[[], float]] = {}
        first: dict[str, float] = {}
        for source in sources:
            make = partial(starts.make, source, consumer.takes, i)
            run = partial(_answer, problem, best.decision, consumer, make())
            calls[f"make {source}"], calls[f"solve {source}"] = partial(_making, make), partial(_seconds, run)
            began = time.perf_counter()
            answer = run()
            stats = answer.stats
            first[f"solve {source}"] = time.perf_counter() - began - stats.certify_seconds
            effort[source].append(float(stats.solver_calls if consumer.counted == "solver calls" else stats.iterations))
            loss[source].append(float(problem.sign * (answer.objective - best.objective) / abs(best.objective)))
            used[source] += stats.start_used
        if first["solve cold"] > SLOW:
            times = {name: min(call(), first.get(name, np.inf)) for name, call in calls.items()}
        else:
            times = medians(calls, seconds=0.0, turn=1e-3)
        for source in sources:
            making[source].append(0.0 if source in ("cold", "optimum") else times[f"make {source}"])
            solving[source].append(times[f"solve {source}"])
    total = {source: np.add(making[source], solving[source]) for source in sources}
    rows: list[Row] = []
    for source in sources:
        rows.append(
            Row(
                source=source,
                effort=statistics.fmean(effort[source]),
                loss=max(statistics.fmean(loss[source]), 0.0),
                used=used[source],
                faster=int((total[source] < total["cold"]).sum()),
                instances=count,
                start_seconds=statistics.median(making[source]),
                solve_seconds=statistics.median(solving[source]),
                cold=rows[0] if rows else None,
            )
        )
    return rows


def warm_starts(
    cls: type[Problem],
    seed: int = 0,
    *,
    presets: Sequence[str] | None = None,
    consumers: Sequence[Consumer] = CONSUMERS,
    most: int = 16,
    memory: int = MEMORY,
    users: int | None = None,
    policy: Callable[[Problem, Any], Any | None] = shipped,
) -> Iterator[Cell]:
    """Measure one problem; cells come as they are ready.

    Parameters
    ----------
    presets
        which ones; all where none are named.
    most
        instances a cell at most.
    memory
        instances solved beforehand.
    policy
        from instances and a role, "proposer" or "warm-starter", to the policy for them, or None.
    """
    known = {**cls.solvers, **cls.backends}
    able = [c for c in consumers if c.name in known and known[c.name].is_available()]
    size = {} if users is None else {"users": users}
    for preset in cls.presets if presets is None else presets:
        before, streams_rng = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 0])
        library = Memory(cls.sample(before, (memory,), preset=preset, **size))
        streams = {
            "independent": cls.sample(streams_rng, (most + 1,), preset=preset, **size),
            "drifting": drifting(cls, preset, most + 1, streams_rng, users),
        }
        for name, stream in streams.items():
            if stream is None:
                continue
            starts = Starts(stream, library, policy(stream, "proposer"), policy(stream, "warm-starter"))
            for consumer in able:
                yield Cell(f"{preset}, {name}", consumer, measure(starts, consumer, min(most, consumer.most)))


def refusing(cls: type[Problem]) -> list[str]:
    """Return the backends, and the solvers that prove, which refuse a start; each was asked."""
    problem = cls.sample(np.random.default_rng(0))
    best = solve(problem)
    found = []
    calls = {name: partial(allocate, problem, best.decision, backend=name, start=best) for name in cls.backends} | {
        name: partial(solve, problem, solver=name, start=best)
        for name, solver in cls.solvers.items()
        if solver.features & Feature.INTEGER
    }
    for name, call in calls.items():
        if not {**cls.backends, **cls.solvers}[name].is_available():
            continue
        try:
            call()
        except StartIgnored:
            found.append(name)
    return found


# ---------------------------------------------------------------------- in words


def closing(cls: type[Problem], cells: Sequence[Cell], seed: int = 0) -> str:
    """Say in one sentence what the best start saves each consumer over all its streams, and what the default takes."""
    saved = [f"{name} {text}" for name, text in _best(cells).items()]
    problem = cls.sample(np.random.default_rng([seed, 0]))
    decision = solve(problem).decision
    default = cls.backend().name
    direct = medians({default: lambda: _seconds(partial(allocate, problem, decision))}, seconds=0.2)[default]
    rivals = [row.total for cell in cells if cell.consumer.fixed for row in cell.rows]
    least = min(rivals)
    against = "less than" if direct < least else "but not less than"
    return (
        f"Best starts: {'; '.join(saved)}. The {default} backend answers a fixed decision in {duration(direct)}, {against} "
        f"any other from any start, the optimum itself included (least {duration(least)})."
    )


def matrix(cells: Sequence[Cell]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return all cells at a glance, headers and rows: the cold total over each start's total, marked where it pays.

    ``*``: pays; ``!``: worse answers, or starts that were not used.
    """
    rows = []
    for cell in cells:
        found = {row.source: row for row in cell.rows}
        cold = f"{found['cold'].effort:.1f} {cell.consumer.counted}, {duration(found['cold'].total)}"
        rows.append([cell.stream, cell.consumer.name, cold, *(_mark(found.get(source)) for source in SOURCES[1:])])
    return ("stream", "solver", "cold", *SOURCES[1:]), rows


def _mark(row: Row | None) -> str:
    if row is None:
        return "-"
    paying, idle = row.verdict.startswith("pays"), row.verdict.startswith("does not pay")
    return f"{row.ratio:.2f}{'*' if paying else ' ' if idle else '!'}"


def _best(cells: Sequence[Cell]) -> dict[str, str]:
    """Say of each consumer which source saves most over all streams where it exists, if it pays on any and harms none."""
    texts = {}
    for name in dict.fromkeys(cell.consumer.name for cell in cells):
        own = [{row.source: row for row in cell.rows} for cell in cells if cell.consumer.name == name]
        best, texts[name] = MARGIN, "gains nothing"
        for source in SOURCES[1:-1]:
            there = [rows for rows in own if source in rows]
            verdicts = [rows[source].verdict for rows in there]
            if "pays" not in verdicts or set(verdicts) - {"pays", "does not pay"}:
                continue
            saved = 1.0 - sum(rows[source].total for rows in there) / sum(rows["cold"].total for rows in there)
            if saved > best:
                best = saved
                texts[name] = (
                    f"saves {100 * saved:.0f} % by {source} (pays on {verdicts.count('pays')} of {len(there)} streams)"
                )
    return texts
