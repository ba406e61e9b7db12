"""On how many users, instances and decisions each problem is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mecopt.compare.bench.rows import Measurement
from mecopt.contract.decision import Counts, Interval, OneOf
from mecopt.contract.problem import Problem


@dataclass(frozen=True)
class Plan:
    """The sizes of a bench."""

    single: tuple[int, ...]
    """Users of the single instances that every backend allocates."""
    batches: tuple[tuple[int, int, int], ...]
    """Users and size of each batch, and how many of its instances those allocate that take one after the other."""
    alone: tuple[int, ...]
    """Users of the instances that the default backend allocates alone."""
    slow: Mapping[str, int]
    """Most users for whom a backend is asked that would take minutes for more, or for a batch."""
    candidates: tuple[int, int]
    """Users, and decisions of one instance."""
    rivals: tuple[str, ...]
    """Outside solvers of the open decision."""
    open: tuple[int, ...]
    """Users of the instances that they solve."""
    open_alone: tuple[int, ...]
    rolled: tuple[int, int, int] = (1, 100, 20)
    """Users, lanes and slots of a rollout, where the problem repeats."""
    presets: tuple[str, ...] | None = None
    """Of open decisions; None: all."""
    limited: tuple[int, ...] = ()
    """Users of the instances in which a limit of one's own binds."""


def plan(cls: type[Problem]) -> Plan:
    """Return what fits a problem: choices are decided by the thousand a second, quantities and counts too, beams are not."""
    if chooses(cls):
        many = 100_000 if cls.sense == "minimise" else 20_000
        batch = ((10, 20_000, 1),)
        return Plan(
            (10, 100), batch, (), {}, (10, many), ("scip", "highs"), (10, 30, 50), (100, 1000, 10_000), limited=(50, 200)
        )
    if isinstance(draw(cls, 0, 1).decision_space, Counts):
        sizes = ((1, 20_000, 5), (100, 500, 5))
        return Plan((10, 100), sizes, (10_000,), {"scs": 10}, (10, 20_000), (), (), (10, 10_000), (10_000, 1, 20))
    if isinstance(draw(cls, 0, 1).decision_space, Interval):
        return Plan((1, 10), ((1, 20_000, 5),), (100, 1000), {}, (10, 20_000), (), (), (10, 1000), (1, 10_000, 20))
    batches = ((3, 1000, 50), (10, 300, 20), (50, 30, 5))
    return Plan(
        (3, 10, 50), batches, (200,), {"slsqp": 3, "scs": 10}, (3, 1000), ("semidefinite",), (3, 6), (10,), (3, 100, 20)
    )


def quick(cls: type[Problem]) -> Plan:
    """Return a plan that shows every kind of row in a minute or two, with figures that are good for nothing else."""
    whole = plan(cls)
    (users, count, part), *_ = whole.batches
    return Plan(
        whole.single[:1],
        ((users, min(count, 200), min(part, 2)),),
        (),
        whole.slow,
        (whole.candidates[0], 100),
        whole.rivals,
        tuple(min(users, 5) for users in whole.open[:1]),
        (),
        (min(whole.rolled[0], 10), 2, 4),
        (next(iter(cls.presets)),),
        tuple(min(users, 5) for users in whole.limited[:1]),
    )


@dataclass(frozen=True)
class Step:
    """A part of a bench, measured when its rows are asked for."""

    what: str
    seconds: float
    """For which calls are repeated by turns; where three rounds take longer, so does the step."""
    rows: Callable[[], Iterable[Measurement]]


def chooses(cls: type[Problem]) -> bool:
    """Whether users choose one of several ways."""
    return isinstance(draw(cls, 0, 1).decision_space, OneOf)


def draw(cls: type[Problem], seed: int, users: int, shape: tuple[int, ...] = (), preset: str = "paper") -> Problem:
    """Draw the instances that are measured."""
    return cls.sample(np.random.default_rng(seed), shape, preset=preset, users=users)


def away(problem: Problem, seed: int) -> Any:
    """Return a decision in which nobody is local, with one server everyone's, else a random one; or random beams."""
    rng, space = np.random.default_rng(seed), problem.decision_space
    if not isinstance(space, OneOf):
        return problem.mended(space.sample(rng, problem.batch_shape))
    return rng.integers(1, len(space.labels), (*problem.batch_shape, problem.users), dtype=np.int8)
