"""Streams of instances, and where starts for them come from.

- cold: no start;
- previous: the answer to the instance before;
- neighbour: the answer to the nearest of many instances solved beforehand;
- relaxation: the price of the relaxation, which needs neither memory nor training;
- learned: a trained policy that proposes decisions, or predicts prices;
- optimum: the instance's own optimum, free of charge: the limit of what any start can do.

Where the decision is open the start is a decision. Where it is fixed, to the optimal one, the start is a price, which fits
whichever users offload; another instance's allocation does not. `mecopt.warmstart.from_dual` makes an allocation of it, but
for the backends that start from the price of any solution, which get an earlier one as it is.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.fields import declared
from mecopt.problem import Problem
from mecopt.search.proposed import Proposed
from mecopt.solution import Solution
from mecopt.solve import solve
from mecopt.warmstart import from_dual

Array = NDArray[Any]

KEEP = 0.9
"""Probability that a user of the drifting stream keeps its data from one instance to the next."""

Source = Literal["cold", "previous", "neighbour", "relaxation", "learned", "optimum"]
Taken = Literal["decision", "allocation", "price"]
"""What a solver takes as its start."""

SOURCES: tuple[Source, ...] = ("cold", "previous", "neighbour", "relaxation", "learned", "optimum")

ROUNDING = "relaxation-rounding"
"""The solver whose decision is the relaxation's start."""


class WarmStarter(Protocol):
    """What predicts prices; `mecopt.learners.proposer.WarmStarter` does."""

    def predict(self, problem: Problem, decision: Array) -> Any:
        """Return the dual of each decision."""


# ---------------------------------------------------------------------- streams


def drifting(
    cls: type[Problem], preset: str, count: int, rng: Generator, users: int | None = None, keep: float = KEEP
) -> Problem | None:
    """Draw a stream in which every user keeps all its data from one instance to the next with probability `keep`.

    Returns None for a preset whose data per instance vary: there the users' data belong together and cannot be mixed.
    """
    fresh = cls.sample(rng, (count,), preset=preset, **({} if users is None else {"users": users}))
    fields = fresh.data()
    shared = [f.name for f in declared(cls) if f.metadata["per"] == "instance"]
    if any((fields[name] != fields[name][0]).any() for name in shared):
        return None
    redrawn = rng.random((count, fresh.users)) >= keep
    redrawn[0] = True
    drawn = np.maximum.accumulate(np.where(redrawn, np.arange(count)[:, None], 0), axis=0)
    mixed = {name: value if name in shared else np.take_along_axis(value, drawn, axis=0) for name, value in fields.items()}
    return cls(**mixed)


class Memory:
    """Instances solved beforehand, and a k-d tree over their standardised data."""

    def __init__(self, problem: Problem) -> None:
        from scipy.spatial import KDTree

        self.answers = solve(problem)
        features = {name: value.reshape(problem.instances, -1) for name, value in problem.data().items()}
        self.names = [name for name, value in features.items() if np.ptp(value, axis=0).any()]
        columns = np.concatenate([features[name] for name in self.names], axis=1)
        spread = columns.std(axis=0)
        self.centre, self.spread = columns.mean(axis=0), np.where(spread > 0, spread, 1.0)
        self.tree = KDTree((columns - self.centre) / self.spread)

    def nearest(self, problem: Problem) -> int:
        """Return the index of the stored instance nearest to this one."""
        point = np.concatenate([np.ravel(getattr(problem, name)) for name in self.names])
        return int(self.tree.query((point - self.centre) / self.spread)[1])


# ---------------------------------------------------------------------- sources


class Starts:
    """Makes starts for the instances of one stream."""

    def __init__(self, stream: Problem, memory: Memory, proposer: Any | None, starter: WarmStarter | None) -> None:
        self.stream, self.memory, self.starter = stream, memory, starter
        self.proposed = None if proposer is None else Proposed("learned", proposer)
        self.optimum = solve(stream)

    def sources(self, takes: Taken) -> list[Source]:
        """Return the sources there are for a solver."""
        learned = self.proposed if takes == "decision" else self.starter
        missing = {"learned"} if learned is None else set()
        if takes == "decision" and ROUNDING not in self.stream.solvers:
            missing.add("relaxation")
        return [source for source in SOURCES if source not in missing]

    def make(self, source: Source, takes: Taken, i: int) -> Any:
        """Return the start of instance i from a source."""
        if source == "cold":
            return None
        problem = self.stream[i]
        return self._decision(source, problem, i) if takes == "decision" else self._solution(source, problem, i, takes)

    def _decision(self, source: Source, problem: Problem, i: int) -> Array:
        if source == "relaxation":
            return solve(problem, solver=ROUNDING).decision
        if source == "learned" and self.proposed is not None:
            rng = np.random.default_rng(i)
            return self.proposed.search(problem, start=None, gap=None, time_limit=None, rng=rng).decision
        return self._known(source, problem, i).decision

    def _solution(self, source: Source, problem: Problem, i: int, takes: Taken) -> Solution:
        decision = self.optimum.decision[i]
        if source == "relaxation":
            dual = problem.relaxed_dual()
        elif source == "learned" and self.starter is not None:
            dual = self.starter.predict(problem, decision)
        else:
            known = self._known(source, problem, i)
            if takes == "price":
                return known
            dual = known.dual
        return from_dual(problem, decision, dual)

    def _known(self, source: Source, problem: Problem, i: int) -> Solution:
        if source == "neighbour":
            return self.memory.answers[self.memory.nearest(problem)]
        return self.optimum[i - 1 if source == "previous" else i]
