"""Benchmarks as ratios in one run: mecopt beside what a user would otherwise call.

Every ratio divides two medians taken in the same process, by turns, after a warm-up. Absolute times depend
on the machine and are shown only for orientation.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mecopt.backends.backend import ClosedForm
from mecopt.compare.summary import duration
from mecopt.problem import Problem
from mecopt.solve import allocate, solve

TIME_LIMIT = 60.0
"""Seconds after which an outside solver is cut off, so that one hard instance does not stop the run."""

ENUMERATED = 1024
"""Most decisions of the instances that are enumerated."""

TURN_SECONDS = 0.005
"""Seconds for which a call is repeated before the next one has its turn."""


@dataclass(frozen=True)
class Measurement:
    """One row: what was timed, its time, and how often faster the subject is than the rival."""

    group: str
    subject: str
    seconds: float
    rival: str = ""
    rival_seconds: float = float("nan")

    @property
    def ratio(self) -> float:
        """Rival's time over the subject's."""
        return self.rival_seconds / self.seconds

    def cells(self) -> list[str]:
        """Return the row as text."""
        if not self.rival:
            return [self.subject, duration(self.seconds), "", "", ""]
        return [
            self.subject,
            duration(self.seconds),
            self.rival,
            duration(self.rival_seconds),
            f"{self.ratio:,.1f} x" if self.ratio >= 1 else f"{self.ratio:.2g} x",
        ]


def medians(
    calls: dict[str, Callable[[], float]], seconds: float = 0.6, most: int = 200, turn: float = TURN_SECONDS
) -> dict[str, float]:
    """Run calls that report seconds by turns, at least 3 rounds, until the time is used up; return each one's median.

    A turn repeats a short call until it has taken `turn` seconds, so that every call is measured with warm caches and not
    with those that the one before it left behind.
    """
    turns = {name: max(1, round(turn / max(min(call(), call()), 1e-7))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    ends = time.perf_counter() + seconds
    rounds = 0
    while rounds < 3 or (time.perf_counter() < ends and rounds < most):
        for name, call in calls.items():
            times[name].append(statistics.median(call() for _ in range(turns[name])))
        rounds += 1
    return {name: statistics.median(values) for name, values in times.items()}


def bench(cls: type[Problem], seed: int = 0) -> Iterator[Measurement]:
    """Measure one problem; rows come as they are ready."""
    yield from _fixed(cls, seed)
    yield from _candidates(cls, seed)
    yield from _open(cls, seed)


def _draw(cls: type[Problem], seed: int, users: int, shape: tuple[int, ...] = (), preset: str = "paper") -> Problem:
    return cls.sample(np.random.default_rng(seed), shape, preset=preset, users=users)


def _away(problem: Problem, seed: int) -> Any:
    """Return a decision in which nobody is local: with one server that is everyone's, else a random one."""
    shape = (*problem.batch_shape, problem.users)
    return np.random.default_rng(seed).integers(1, len(problem.choices.labels), shape, dtype=np.int8)


def _fixed(cls: type[Problem], seed: int) -> Iterator[Measurement]:
    """Decision fixed: the default backend beside every other one, single and in batch."""
    default, *others = [name for name, backend in cls.backends.items() if backend.is_available()]
    for users in (10, 100):
        problem = _draw(cls, seed, users)
        decision = _away(problem, seed)
        solving = medians({name: _solving(problem, decision, name) for name in (default, *others)})
        whole = medians({name: _whole(problem, decision, name) for name in (default, *others)})
        for what, times in (("solving alone", solving), ("allocate(), certified", whole)):
            for name in others:
                group = f"decision fixed, {users} users, one instance: {what}"
                yield Measurement(group, default, times[default], name, times[name])
    count = 20_000
    batch, single = _draw(cls, seed, 10, (count,)), _draw(cls, seed, 10)
    decisions = _away(batch, seed)
    times = medians({default: _solving(batch, decisions, default), **{n: _solving(single, decisions[0], n) for n in others}})
    for name in others:
        group = f"decision fixed, 10 users, per instance of a batch of {count}: solving alone"
        yield Measurement(group, f"{default}, batched", times[default] / count, name, times[name])


def _solving(problem: Problem, decision: Any, name: str) -> Callable[[], float]:
    """Return a call that reports the seconds of solving, without modelling and certificate."""
    backend = problem.backend(name)
    if isinstance(backend, ClosedForm):
        kernel, inputs = backend.kernel(), backend.inputs(problem, decision)
        kernel(*inputs)
        return _timed(lambda: kernel(*inputs))
    return lambda: backend.allocate(problem, decision, start=None, tol=1e-8, time_limit=None).solve_seconds


def _whole(problem: Problem, decision: Any, name: str) -> Callable[[], float]:
    """Return a call that reports the seconds of `allocate`, modelling and certificate included."""
    return _timed(lambda: allocate(problem, decision, backend=name, throw=False))


def _timed(call: Callable[[], Any]) -> Callable[[], float]:
    def timed() -> float:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    return timed


def _candidates(cls: type[Problem], seed: int) -> Iterator[Measurement]:
    """Candidate values a second: many decisions of one instance."""
    count = 100_000 if cls.sense == "minimise" else 20_000
    problem = _draw(cls, seed, 10)
    candidates = problem.decision_space.sample(np.random.default_rng(seed), (count,))
    times = medians({"all": _timed(lambda: problem.optimal_value(candidates))})
    yield Measurement(
        f"candidate values, 10 users, {count} candidates ({count / times['all']:.3g} a second on one core)",
        "optimal_value, per candidate",
        times["all"] / count,
    )


def _open(cls: type[Problem], seed: int) -> Iterator[Measurement]:
    """Decision open: exact and proved, beside exhaustive scoring and the outside solvers, on every preset."""
    for preset in cls.presets:
        group = f"decision open, proved optimal, preset {preset}"
        yield from _exhaustive(cls, seed, preset, group)
        rivals = [name for name in ("scip", "highs") if name in cls.solvers and cls.solvers[name].is_available()]
        for users in (10, 30, 50):
            problem = _draw(cls, seed, users, preset=preset)
            times = medians({name: _solved(problem, name) for name in ("exact", *rivals)}, seconds=2.0)
            for name in rivals:
                yield Measurement(group, f"exact, {users} users", times["exact"], name, times[name])
        for users in (100, 1000, 10_000):
            times = medians({"exact": _solved(_draw(cls, seed, users, preset=preset), "exact")}, seconds=1.0)
            yield Measurement(group, f"exact, {users} users", times["exact"])


def _solved(problem: Problem, solver: str) -> Callable[[], float]:
    """Return a call that reports the seconds of `solve`, certificate included; outside solvers' proofs by us are not."""

    def call() -> float:
        began = time.perf_counter()
        stats = solve(problem, solver=solver, throw=False, time_limit=TIME_LIMIT).stats
        whole = time.perf_counter() - began
        return whole if solver == "exact" else stats.model_seconds + stats.solve_seconds

    return call


def _exhaustive(cls: type[Problem], seed: int, preset: str, group: str) -> Iterator[Measurement]:
    choices = len(_draw(cls, seed, 1, preset=preset).choices.labels)
    users = int(np.log(ENUMERATED) / np.log(choices) + 1e-9)
    problem = _draw(cls, seed, users, preset=preset)
    everything = np.concatenate(list(problem.choices.enumerate(1 << 20)))

    def one_by_one() -> float:
        return min(problem.sign * float(problem.optimal_value(decision)) for decision in everything)

    def allocated() -> float:
        values = (float(allocate(problem, decision, throw=False).objective) for decision in everything)
        return min(problem.sign * value for value in values if not np.isnan(value))

    calls = {
        "exact": _solved(problem, "exact"),
        "allocated": _timed(allocated),
        "one by one": _timed(one_by_one),
        "batched": _timed(lambda: problem.optimal_value(everything)),
    }
    times = medians(calls, seconds=2.0)
    subject, count = f"exact, {users} users", f"{len(everything):,} decisions"
    yield Measurement(group, subject, times["exact"], f"{count} allocated one by one", times["allocated"])
    yield Measurement(group, subject, times["exact"], f"{count} scored one by one", times["one by one"])
    yield Measurement(group, subject, times["exact"], f"{count} in one batch", times["batched"])
