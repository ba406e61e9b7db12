"""An answer with its certificate: the arrays of one instance or of a batch, what proves them, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Generic, Self

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, checked_index
from mecopt.contract.fields import AllocationT, DualT
from mecopt.contract.problem import Problem
from mecopt.show.numbers import values
from mecopt.show.page import Line, Page
from mecopt.show.readable import Readable

Array = NDArray[Any]

MESSAGES = 5
"""Messages about single instances that a page shows."""


class Status(Enum):
    """What is known about one instance; the value is advice to the reader."""

    OPTIMAL = "the certificate proves the objective optimal within the tolerance"
    FEASIBLE = "feasible, but not proved optimal: read the gap, or use an exact solver"
    LIMIT = "stopped at a limit: the best answer so far, if there is one, with its true gap; give more time for a proof"
    INFEASIBLE = "proved to have no answer: relax the data; the message in the statistics says where"
    FAILED = "no answer: the message in the statistics says why"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Certificate(Readable):
    """Objective, bound, gap and violation of an answer, computed from the problem's own formulas."""

    objective: Array
    bound: Array
    gap: Array
    """Relative to the objective, negative where the answer is better than the bound; see `mecopt.contract.certificate`."""
    violation: Array
    better: Array
    """By how much the answer is better than the bound, relative to the objective and what is negligible beside it."""

    def _line(self) -> str:
        return "Certificate " + ", ".join(f"{f.name} {values(np.asarray(getattr(self, f.name)))}" for f in fields(self))


def of_each(count: Array | int, shape: tuple[int, ...]) -> Array:
    """Return a count for each item, which takes no memory where one number counts for all."""
    return np.broadcast_to(count, shape) if shape else np.asarray(count).reshape(())


@dataclass(frozen=True, eq=False)
class Statistics(Readable):
    """What an answer cost. Seconds are for the whole batch; counts are per instance where they are known."""

    method: str
    iterations: Array
    solver_calls: Array
    model_seconds: float = 0.0
    solve_seconds: float = 0.0
    predict_seconds: float = 0.0
    certify_seconds: float = 0.0
    compile_seconds: float = 0.0
    """Spent on compiling kernels, which happens once per machine, and in none of the others."""
    load_seconds: float = 0.0
    """Spent on loading the compiler and compiled kernels, which happens once per process, and in none of the others."""
    start_used: bool = False
    """Whether every item was started from what was given; an item with nothing to solve is not."""
    messages: dict[int, str] = field(default_factory=dict)
    """Flat index of an instance: what went wrong or was noted there."""
    claimed_bound: Array | None = None
    """The bound an outside solver reports; shown for comparison, never used as proof."""

    @property
    def seconds_text(self) -> str:
        """The seconds of solving, modelling and, where they happened, predicting and compiling, in words."""
        predicted = f", {self.predict_seconds:.3g} to predict" if self.predict_seconds else ""
        compiled = f", {self.compile_seconds:.3g} to compile (once per machine)" if self.compile_seconds else ""
        return f"{self.solve_seconds:.3g} to solve, {self.model_seconds:.3g} to model{predicted}{compiled}"

    @property
    def effort_text(self) -> str:
        """Iterations and solver calls in words: their sums where they are known per instance."""
        named = (("iterations", self.iterations), ("solver calls", self.solver_calls))
        return ", ".join(f"{int(np.sum(count))} {what}" for what, count in named)

    def _line(self) -> str:
        said = f", {len(self.messages)} messages" if self.messages else ""
        return f"Statistics {self.method}: {self.seconds_text}, {self.effort_text}{said}"

    def _page(self) -> Page:
        start = "used for every item" if self.start_used else "none used"
        parts = [Line(self.seconds_text, "seconds"), Line(self.effort_text, "effort"), Line(start, "start")]
        notes = [Line(text, f"note on {item}") for item, text in list(self.messages.items())[:MESSAGES]]
        more = len(self.messages) - len(notes)
        rest = [Line(f"... and {more} more messages: all are in `messages`")] if more else []
        return Page(f"by {self.method}", (*parts, *notes, *rest))


@dataclass(frozen=True, eq=False)
class Certified(Readable, Generic[AllocationT, DualT]):
    """The numbers of a `mecopt.Solution`: decisions, allocations, what is proved of them, and for which problem."""

    decision: Array
    allocation: AllocationT
    dual: DualT
    objective: Array
    bound: Array
    gap: Array
    violation: Array
    status: Any
    """A `Status`, or an object array of them; `is_optimal` asks both alike."""
    stats: Statistics
    problem: Problem[AllocationT, DualT]

    def __post_init__(self) -> None:
        values = [v for part in (self.allocation, self.dual) if part is not None for v in part.as_dict().values()]
        for array in (self.decision, self.objective, self.bound, self.gap, self.violation, *values):
            if isinstance(array, np.ndarray):
                array.setflags(write=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy by the fields; the arrays of a copy are read-only as well."""
        return type(self), tuple(getattr(self, f.name) for f in fields(self))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the batch, candidates included."""
        return np.shape(self.objective)

    def __getitem__(self, index: Any) -> Self:
        """Return the solution of one instance (or of a slice of the batch)."""
        index = checked_index(index, self.shape, "solution")
        numbers = np.ravel(np.arange(int(np.prod(self.shape))).reshape(self.shape)[index])
        stats = self.stats
        claimed = None if stats.claimed_bound is None else stats.claimed_bound[index]
        return type(self)(
            decision=self.decision[index],
            allocation=self.allocation[index],
            dual=self.dual if self.dual is None else self.dual[index],
            objective=self.objective[index],
            bound=self.bound[index],
            gap=self.gap[index],
            violation=self.violation[index],
            status=self.status[index],
            stats=Statistics(
                method=stats.method,
                iterations=np.broadcast_to(stats.iterations, self.shape)[index],
                solver_calls=np.broadcast_to(stats.solver_calls, self.shape)[index],
                model_seconds=stats.model_seconds,
                solve_seconds=stats.solve_seconds,
                predict_seconds=stats.predict_seconds,
                certify_seconds=stats.certify_seconds,
                compile_seconds=stats.compile_seconds,
                load_seconds=stats.load_seconds,
                start_used=stats.start_used,
                messages={i: stats.messages[n] for i, n in enumerate(map(int, numbers)) if n in stats.messages},
                claimed_bound=claimed,
            ),
            problem=self._problem_of(index) if self.problem.batch_shape else self.problem,
        )

    def _problem_of(self, index: tuple[Any, ...]) -> Problem[AllocationT, DualT]:
        """Return the instances of the answers selected: of the batch's axes, or where candidates are mixed in, of each."""
        batch = self.problem.batch_shape
        instances = np.arange(int(np.prod(batch))).reshape(batch)
        own = np.asarray(instances[index[: len(batch)]])
        of_each = instances.reshape(batch + (1,) * (len(self.shape) - len(batch)))
        wanted = np.asarray(np.broadcast_to(of_each, self.shape)[index])
        as_candidates = own.reshape(own.shape + (1,) * max(0, wanted.ndim - own.ndim))
        if own.shape == wanted.shape[: own.ndim] and (as_candidates == wanted).all():
            return self.problem[index[: len(batch)]]
        return self.problem.flat()[wanted]

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(self.shape[0])) if self.shape else iter(())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a single instance has no length")
        return self.shape[0]

    @property
    def is_optimal(self) -> NDArray[np.bool_]:
        """Whether each answer is proved optimal; of a single one an array of no axes, which is true or false."""
        return np.asarray(np.asarray(self.status, dtype=object) == Status.OPTIMAL, dtype=bool)

    def __bool__(self) -> bool:
        """Refuse: a solution that is there may still be FAILED."""
        raise InstanceError(
            "a solution is neither true nor false; ask for its status: solution.status is Status.OPTIMAL, or "
            "solution.statuses() of a batch"
        )

    def statuses(self) -> dict[str, int]:
        """Count the instances by status name, in the order of `Status`."""
        flat = [self.status] if isinstance(self.status, Status) else list(np.ravel(self.status))
        return {status.name: flat.count(status) for status in Status if status in flat}

    def per_user(self) -> dict[str, NDArray[Any]]:
        """Return what the answer means for each user, as `Problem.per_user` does; nan where there is no answer."""
        with np.errstate(all="ignore"):
            shares = self.problem.per_user(self.decision, self.allocation)
        missing = np.isnan(self.objective)[..., None]
        return {name: np.where(missing, np.nan, value) for name, value in shares.items()}
