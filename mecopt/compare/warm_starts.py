"""Do warm starts pay? Every solver that takes a start, from every source of starts, on two streams of instances.

A start pays where making it and solving from it takes less time than solving cold, by more than noise. The
sources, and what making a start is charged with, are those of `mecopt.compare.starts`.

Where the answer to a price does not depend on the price, as in binary offloading, an allocation that answers one is the
optimum already. A solver that starts from it searches for nothing; such rows only show what the formula costs that made
their starts, and say so instead of claiming that the source pays.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.compare.bench.opened import TIME_LIMIT
from mecopt.compare.bench.turns import medians
from mecopt.compare.starts import FREE, SOURCES, Memory, Source, Starts, Taken, drifting
from mecopt.compare.summary import duration
from mecopt.contract.backend import Backend, Feature
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.contract.solver import Solver
from mecopt.evaluation.reproduction import Progress
from mecopt.running import clock
from mecopt.solve import allocate, solve
from mecopt.storage.policies import shipped

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
"""Seconds from which calls are timed twice, the better time kept, and not by repeated turns."""

STARTING = Feature.WARM_PRIMAL | Feature.WARM_PRIMAL_DUAL
"""What a solver says that takes a start."""

ANY_PRICE = "any price is the optimum"
"""The verdict on a start that is the answer already."""


@dataclass(frozen=True)
class Consumer:
    """A solver that takes a start, what its effort is counted in, and on how many instances it is measured."""

    name: str
    counted: str
    takes: Taken = "decision"
    most: int = 16
    proves: bool = True
    """Whether its answers are optimal; where not, its earlier ones are not the optimum either."""

    @property
    def label(self) -> str:
        """Its name, and what it takes if that is more than another consumer of the name takes."""
        return f"{self.name} (whole answers)" if self.takes == "answer" else self.name

    @property
    def fixed(self) -> bool:
        """Whether it answers a fixed decision."""
        return self.takes != "decision"

    @property
    def earlier(self) -> str | None:
        """The solver whose earlier answers it has at hand; None is the exact default."""
        return None if self.proves else self.name


CONSUMERS = (
    Consumer("exact", "nodes"),
    Consumer("scip", "nodes", most=6),
    Consumer("highs", "rounds", most=6),
    Consumer("local-search", "solver calls", proves=False),
    Consumer("coordinate-descent", "solver calls", proves=False),
    Consumer("path-following", "steps", "price"),
    Consumer("path-following", "steps", "answer"),
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
    any_price: bool = False
    """Whether the start answers a price, and would answer any other one alike."""

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
        if self.any_price:
            return ANY_PRICE
        paying = self.total < (1.0 - MARGIN) * self.cold.total and self.faster >= MOST * self.instances
        return ("pays" if paying else "does not pay") + (" (limit)" if self.source == "optimum" else "")

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, in the order of `HEADERS`."""
        start = "-" if self.source in FREE else duration(self.start_seconds)
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
    direct_seconds: float = float("nan")
    """What the default backend takes for the same instances and decisions, cold; nan where the decision is open."""

    @property
    def title(self) -> str:
        """What was measured."""
        what = "decision fixed to the optimal one" if self.consumer.fixed else "decision open"
        what += "" if self.consumer.proves else ", its own earlier answers"
        counts = f"(effort: {self.consumer.counted}, n = {self.rows[0].instances})"
        return f"{self.stream}: {self.consumer.label}, {what} {counts}"


# ---------------------------------------------------------------------- measuring


def _answer(problem: Problem, decision: Array, consumer: Consumer, start: Any) -> Solution:
    if consumer.fixed:
        return allocate(problem, decision, backend=consumer.name, start=start)
    limit = None if consumer.name == "exact" else TIME_LIMIT
    return solve(problem, solver=consumer.name, start=start, time_limit=limit)


def _seconds(call: Callable[[], Solution]) -> float:
    """Return the seconds of a call, without those of the certificate: they are the same from every start."""
    began = clock.now()
    answer = call()
    return clock.now() - began - answer.stats.certify_seconds


def measure(name: str, starts: Starts, consumer: Consumer, count: int) -> Cell:
    """Measure a consumer from every source on the instances 1 to `count` of a stream, the sources by turns."""
    sources = starts.sources(consumer.takes)
    starts.prepare(consumer.earlier)
    any_price = consumer.takes == "allocation" and starts.any_price_is_answered_best()
    effort: dict[Source, list[float]] = {source: [] for source in sources}
    loss: dict[Source, list[float]] = {source: [] for source in sources}
    used = dict.fromkeys(sources, 0)
    making: dict[Source, list[float]] = {source: [] for source in sources}
    solving: dict[Source, list[float]] = {source: [] for source in sources}
    direct: list[float] = []
    for i in range(1, count + 1):
        problem, best = starts.instances[i], starts.optimum[i]
        calls: dict[str, Callable[[], float]] = {}
        if consumer.fixed:
            calls["direct"] = partial(_seconds, partial(allocate, problem, best.decision))
        for source in sources:
            start = starts.make(source, consumer.takes, i, consumer.earlier)
            run = partial(_answer, problem, best.decision, consumer, start)
            calls[f"solve {source}"] = partial(_seconds, run)
            if source not in FREE:
                calls[f"make {source}"] = partial(starts.seconds, source, consumer.takes, i, consumer.earlier)
            answer = run()  # not timed: it may build and compile what later calls find ready
            stats = answer.stats
            effort[source].append(float(stats.solver_calls if consumer.counted == "solver calls" else stats.iterations))
            size = abs(best.objective) + problem.negligible
            loss[source].append(float(problem.sign * (answer.objective - best.objective) / size))
            used[source] += stats.start_used
        if calls["solve cold"]() > SLOW:
            times = {name: min(call(), call()) for name, call in calls.items()}
        else:
            times = medians(calls, seconds=0.0, turn=1e-3)
        direct.append(times.get("direct", float("nan")))
        for source in sources:
            making[source].append(times.get(f"make {source}", 0.0))
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
                any_price=any_price,
            )
        )
    return Cell(name, consumer, rows, statistics.median(direct))


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
    progress: Progress = lambda what, done, total: None,
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
    progress
        told before each cell which it is, how many are done, and how many there are at most.
    """
    known: dict[str, Backend | Solver] = {**cls.solvers, **cls.backends}
    able = [c for c in consumers if c.name in known and known[c.name].is_available() and known[c.name].features & STARTING]
    size = {} if users is None else {"users": users}
    chosen = list(cls.presets if presets is None else presets)
    done, total = 0, 2 * len(chosen) * len(able)
    for preset in chosen:
        progress(f"{preset}, solving {memory} instances beforehand", done, total)
        before, streams_rng = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 0])
        library = Memory(cls.sample(before, (memory,), preset=preset, **size))
        streams = {
            "independent": cls.sample(streams_rng, (most + 1,), preset=preset, **size),
            "drifting": drifting(cls, preset, most + 1, streams_rng, users),
        }
        for name, stream in streams.items():
            if stream is None:
                total -= len(able)
                continue
            starts = Starts(stream, library, policy(stream, "proposer"), policy(stream, "warm-starter"))
            for consumer in able:
                progress(f"{preset}, {name}: {consumer.label}", done, total)
                done += 1
                yield measure(f"{preset}, {name}", starts, consumer, min(most, consumer.most))


def refusing(cls: type[Problem]) -> list[str]:
    """Return the backends, and the solvers that prove, which take no start."""
    proving = {name: solver for name, solver in cls.solvers.items() if solver.features & Feature.INTEGER}
    asked: dict[str, Backend | Solver] = {**cls.backends, **proving}
    return [name for name, one in asked.items() if not one.features & STARTING and one.is_available()]


# ---------------------------------------------------------------------- in words


def closing(cls: type[Problem], cells: Sequence[Cell]) -> str:
    """Say what the best start saves each consumer over all its streams, and what the default backend takes instead."""
    said = f"Best starts: {'; '.join(f'{name} {text}' for name, text in _best(cells).items())}."
    fixed = [cell for cell in cells if cell.consumer.fixed and cell.consumer.name != cls.backend().name]
    if not fixed:
        return said
    least = [min(row.total for row in cell.rows) for cell in fixed]
    ratio = min(total / cell.direct_seconds for total, cell in zip(least, fixed, strict=True))
    names = " and ".join(dict.fromkeys(cell.consumer.label for cell in fixed))
    streams = "; ".join(dict.fromkeys(cell.stream for cell in fixed))
    seconds = [cell.direct_seconds for cell in fixed]
    return (
        f"{said} For the same instances and decisions ({streams}) the {cls.backend().name} backend needs "
        f"{duration(min(seconds))} to {duration(max(seconds))}; {names}, from the best of all starts, the optimum included, "
        f"take {ratio:.1f} times that or more."
    )


def matrix(cells: Sequence[Cell]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return all cells at a glance, headers and rows: the cold total over each start's total, marked where it pays.

    ``*``: pays; ``=``: the start is the answer, whatever the price; ``!``: worse answers, or starts that were not used.
    """
    rows = []
    for cell in cells:
        found = {row.source: row for row in cell.rows}
        cold = f"{found['cold'].effort:.1f} {cell.consumer.counted}, {duration(found['cold'].total)}"
        rows.append([cell.stream, cell.consumer.label, cold, *(_mark(found.get(source)) for source in SOURCES[1:])])
    return ("stream", "solver", "cold", *SOURCES[1:]), rows


def _mark(row: Row | None) -> str:
    if row is None:
        return "-"
    marks = {"pays": "*", "does not pay": " ", ANY_PRICE: "="}
    return f"{row.ratio:.2f}{marks.get(row.verdict.removesuffix(' (limit)'), '!')}"


def _best(cells: Sequence[Cell]) -> dict[str, str]:
    """Say of each consumer which source saves most over all streams, if it pays on any and harms none.

    Where a source does not exist its users solve cold: another one is not outdone by leaving out a stream.
    """
    texts = {}
    for name in dict.fromkeys(cell.consumer.label for cell in cells):
        own = [{row.source: row for row in cell.rows} for cell in cells if cell.consumer.label == name]
        if all(row.verdict == ANY_PRICE for rows in own for row in rows.values() if row.cold is not None):
            texts[name] = "is not counted, since an allocation that answers any price is the optimum already"
            continue
        best, texts[name] = MARGIN, "gains nothing"
        for source in SOURCES[1:-1]:
            verdicts = [rows[source].verdict for rows in own if source in rows]
            if "pays" not in verdicts or set(verdicts) - {"pays", "does not pay"}:
                continue
            saved = 1.0 - sum(rows.get(source, rows["cold"]).total for rows in own) / sum(rows["cold"].total for rows in own)
            if saved > best:
                best = saved
                texts[name] = (
                    f"saves {100 * saved:.0f} % by {source} (pays on {verdicts.count('pays')} of {len(own)} streams)"
                )
    return texts
