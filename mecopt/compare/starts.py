"""Streams of instances, and where starts for them come from.

- cold: no start;
- previous: the answer to the instance before;
- neighbour: the answer to the nearest of many instances solved beforehand;
- relaxation: the price of the relaxation, which needs neither memory nor training;
- learned: a trained policy that proposes decisions, or predicts prices;
- optimum: the instance's own optimum, free of charge: the limit of what any start can do.

Earlier answers are a solver's own, found cold, where it proves nothing: it would not have the optimum at hand. Where the
decision is open the start is a decision. Where it is fixed, to the optimal one, the start is a price, which fits whatever is
decided; another instance's allocation does not. `mecopt.contract.warmstart.from_dual` makes an allocation of it. A solver
that can make something of another instance's allocation is measured from whole answers, too: the optimum's is then its own
answer.

Making a start is charged with what its user would wait for: the look-up, the rounding, the policy, and the answer to a price
where an allocation is needed. Certificates are not charged, as they are not charged to solving, nor is what lies ready:
the instances and the answers before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.fields import axes, declared
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.contract.warmstart import from_dual
from mecopt.running import clock
from mecopt.search.proposed import Proposed
from mecopt.solve import solve

Array = NDArray[Any]

KEEP = 0.9
"""Probability that a user of the drifting stream keeps its data from one instance to the next."""

Source = Literal["cold", "previous", "neighbour", "relaxation", "learned", "optimum"]
Taken = Literal["decision", "allocation", "price", "answer"]
"""What a solver takes as its start; an answer is a price with the allocation found beside it, even another instance's."""

SOURCES: tuple[Source, ...] = ("cold", "previous", "neighbour", "relaxation", "learned", "optimum")

FREE: tuple[Source, ...] = ("cold", "optimum")
"""Sources that are not charged."""

KNOWN: tuple[Source, ...] = ("cold", "previous", "neighbour", "optimum")
"""Sources that are whole answers."""

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
    shared = [f.name for f in declared(cls) if axes(f)[:1] != ("users",)]
    if any((fields[name] != fields[name][0]).any() for name in shared):
        return None
    redrawn = rng.random((count, fresh.users)) >= keep
    redrawn[0] = True
    drawn = np.maximum.accumulate(np.where(redrawn, np.arange(count)[:, None], 0), axis=0)
    user = np.arange(fresh.users)
    mixed = {name: value if name in shared else value[drawn, user] for name, value in fields.items()}
    return cls(**mixed)


def _columns(problem: Problem, names: Sequence[str]) -> Array:
    """Return fields of instances side by side, ``(instances, entries)``; of complex ones real and imaginary parts."""
    data = problem.flat().data()
    parts = [np.stack([v.real, v.imag], axis=-1) if np.iscomplexobj(v) else v for v in (data[name] for name in names)]
    return np.concatenate([part.reshape(problem.instances, -1) for part in parts], axis=1)


class Memory:
    """Instances solved beforehand, and a k-d tree over their standardised data."""

    def __init__(self, problem: Problem) -> None:
        from scipy.spatial import KDTree

        self.problem = problem
        numbers = [name for name, value in problem.data().items() if np.isfinite(value).all()]  # no missing limits
        self.names = [name for name in numbers if np.ptp(_columns(problem, [name]), axis=0).any()] or numbers
        columns = _columns(problem, self.names)
        spread = columns.std(axis=0)
        self.centre, self.spread = columns.mean(axis=0), np.where(spread > 0, spread, 1.0)
        self.tree = KDTree((columns - self.centre) / self.spread)

    def nearest(self, problem: Problem) -> int:
        """Return the index of the stored instance nearest to this one."""
        return int(self.tree.query((_columns(problem, self.names)[0] - self.centre) / self.spread)[1])


# ---------------------------------------------------------------------- sources


class Starts:
    """Makes starts for the instances of one stream."""

    def __init__(self, stream: Problem, memory: Memory, proposer: Any | None, starter: WarmStarter | None) -> None:
        self.stream, self.memory, self.starter = stream, memory, starter
        self.proposed = None if proposer is None else Proposed("learned", proposer)
        self.instances, self.optimum = list(stream), list(solve(stream))
        self._earlier: dict[str | None, tuple[list[Solution], list[Solution]]] = {}

    def any_price_is_answered_best(self) -> bool:
        """Whether the answer to a price does not depend on it: then it is the optimum, and no start to find one from."""
        decision = np.stack([best.decision for best in self.optimum])
        prices = self.stream.Dual.stack([best.dual for best in self.optimum], self.stream.sizes, (len(decision),))
        other = type(prices)(**{name: 7.0 * value for name, value in prices.as_dict().items()})
        answers = [self.stream.respond(decision, price).as_dict() for price in (prices, other)]
        return all(np.array_equal(value, answers[1][name]) for name, value in answers[0].items())

    def prepare(self, solver: str | None) -> None:
        """Answer stream and memory by a solver, None being the exact default, as far as its starts will need them."""
        if solver not in self._earlier:
            stream = self.optimum if solver is None else list(solve(self.stream, solver=solver))
            self._earlier[solver] = stream, list(solve(self.memory.problem, solver=solver))

    def sources(self, takes: Taken) -> list[Source]:
        """Return the sources there are for a solver."""
        if takes == "answer":
            return list(KNOWN)
        learned = self.proposed if takes == "decision" else self.starter
        missing = {"learned"} if learned is None else set()
        if takes == "decision" and ROUNDING not in self.stream.solvers:
            missing.add("relaxation")
        return [source for source in SOURCES if source not in missing]

    def make(self, source: Source, takes: Taken, i: int, solver: str | None = None) -> Any:
        """Return the start of instance i from a source.

        `solver` names the one whose earlier answers are used, after `prepare`; None is the exact default.
        """
        if source == "cold":
            return None
        problem = self.instances[i]
        if takes == "decision":
            return self._decision(source, problem, i, solver)
        if takes == "answer":
            return self._known(source, problem, i, None)
        return from_dual(problem, self.optimum[i].decision, self._price(source, problem, i))

    def seconds(self, source: Source, takes: Taken, i: int, solver: str | None = None) -> float:
        """Make the start again and return the seconds charged for it; a solver that takes a price answers it itself."""
        if source in FREE:
            return 0.0
        began = clock.now()
        if takes == "price":
            self._price(source, self.instances[i], i)
            return clock.now() - began
        start = self.make(source, takes, i, solver)
        return clock.now() - began - (start.stats.certify_seconds if takes == "allocation" else 0.0)

    def _decision(self, source: Source, problem: Problem, i: int, solver: str | None) -> Array:
        rounding = problem.solvers.get(ROUNDING) if source == "relaxation" else None
        searching = self.proposed if source == "learned" else rounding
        if searching is None:
            return self._known(source, problem, i, solver).decision
        return searching.search(problem, start=None, gap=None, time_limit=None, rng=np.random.default_rng(i)).decision

    def _price(self, source: Source, problem: Problem, i: int) -> Any:
        if source == "relaxation":
            return problem.relaxed_dual()
        if source == "learned" and self.starter is not None:
            return self.starter.predict(problem, self.optimum[i].decision)
        return self._known(source, problem, i, None).dual

    def _known(self, source: Source, problem: Problem, i: int, solver: str | None) -> Solution:
        if source == "optimum":
            return self.optimum[i]
        stream, memory = self._earlier[solver]
        return memory[self.memory.nearest(problem)] if source == "neighbour" else stream[i - 1]
