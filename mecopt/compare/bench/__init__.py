"""Benchmarks in one run: mecopt beside what a user would otherwise call.

Every ratio divides two medians of processor time taken in the same process, by turns, after a warm-up, with libraries of
linear algebra kept to one thread. Beside it stands what a user would have waited on this machine, as busy as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mecopt.compare.bench import fixed, opened, slots
from mecopt.compare.bench.plans import Plan, Step, plan, quick
from mecopt.compare.bench.rows import Measurement
from mecopt.contract.problem import Problem
from mecopt.evaluation.reproduction import Progress

__all__ = ["Measurement", "Plan", "Step", "bench", "measured", "plan", "quick", "steps"]


def steps(cls: type[Problem], seed: int = 0, chosen: Plan | None = None) -> list[Step]:
    """Return what is measured of one problem, in order; nothing is measured for this."""
    chosen = plan(cls) if chosen is None else chosen
    return [*fixed.steps(cls, seed, chosen), *opened.steps(cls, seed, chosen), *slots.steps(cls, seed, chosen)]


def bench(
    cls: type[Problem], seed: int = 0, chosen: Plan | None = None, progress: Progress = lambda what, done, total: None
) -> Iterator[Measurement]:
    """Measure one problem as planned; rows come as they are ready, and before each step `progress` is told of it."""
    yield from measured(steps(cls, seed, chosen), progress)


def measured(planned: Sequence[Step], progress: Progress) -> Iterator[Measurement]:
    """Measure what is planned, one step after the other."""
    for number, step in enumerate(planned):
        progress(step.what, number, len(planned))
        yield from step.rows()
    progress("done", len(planned), len(planned))
