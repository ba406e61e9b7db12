"""What an answer is: the solution with its certificate and its status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError, checked_index
from mecopt.show.readable import Readable

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from mecopt.contract.fields import Variables
    from mecopt.contract.problem import Problem
    from mecopt.show.page import Page

    # Where a problem does not say what its variables are, they may be anything.
    AllocationT = TypeVar("AllocationT", bound=Variables, default=Any)
    DualT = TypeVar("DualT", bound=Variables, default=Any)
else:
    from typing import TypeVar

    AllocationT = TypeVar("AllocationT")
    DualT = TypeVar("DualT")

Array = NDArray[Any]


class Status(Enum):
    """What is known about one instance; the value is advice to the reader."""

    OPTIMAL = "the certificate proves the objective optimal within the tolerance"
    FEASIBLE = "feasible, but not proved optimal: read the gap, or use an exact solver"
    LIMIT = "stopped at a limit: the best answer so far, with its true gap; give more time for a proof"
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
        from mecopt.show.numbers import values

        return "Certificate " + ", ".join(f"{f.name} {values(np.asarray(getattr(self, f.name)))}" for f in fields(self))


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

    def _line(self) -> str:
        from mecopt.show.solution import statistics_line

        return statistics_line(self)

    def _page(self) -> Page:
        from mecopt.show.solution import statistics_page

        return statistics_page(self)


@dataclass(frozen=True, eq=False)
class Solution(Readable, Generic[AllocationT, DualT]):
    """An answer to a problem, with its certificate.

    It is equal to itself only, and neither true nor false: what two answers share is a question to their arrays, how good
    one is a question to its `status`.

    `objective` and `violation` are recomputed from the problem's own formulas; `bound` is weak duality at a dual, or what
    mecopt's own exact search proved by its closed tree; none is copied from an outside solver. Where nothing is proved the
    bound is infinite and so is the gap. All arrays have the shape of the batch (and of the candidates, if several decisions
    per instance were asked for). Type checkers and editors know allocation and dual by the problem's variables.
    """

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
                array.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy by the fields; the arrays of a copy are read-only as well."""
        return type(self), tuple(getattr(self, f.name) for f in fields(self))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the batch, candidates included."""
        return np.shape(self.objective)

    def __getitem__(self, index: Any) -> Solution[AllocationT, DualT]:
        """Return the solution of one instance (or of a slice of the batch)."""
        index = checked_index(index, self.shape, "solution")
        numbers = np.ravel(np.arange(int(np.prod(self.shape))).reshape(self.shape)[index])
        stats = self.stats
        claimed = None if stats.claimed_bound is None else stats.claimed_bound[index]
        return Solution(
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

    def __iter__(self) -> Iterator[Solution[AllocationT, DualT]]:
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

    def to_arrow(self, names: Mapping[str, tuple[Any, ...]] | None = None) -> Any:
        """Return a row per instance and user as an Arrow table; `names` is `Dataset.names`, numbers from 0 without it."""
        from mecopt.data.answers import to_arrow

        return to_arrow(self, names)

    def to_frame(self, names: Mapping[str, tuple[Any, ...]] | None = None) -> Any:
        """Return the table of `to_arrow` as a pandas data frame.

        Raises
        ------
        BackendUnavailable
            if pandas is not installed.
        """
        from mecopt.data.answers import to_frame

        return to_frame(self, names)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, fit for JSON; non-finite numbers become None, complex ones two parts."""

        def plain(value: Any) -> Any:
            array = np.asarray(value)
            if array.dtype.kind == "c":
                return {"real": plain(array.real), "imaginary": plain(array.imag)}
            if array.dtype.kind == "f":
                numbers = array.astype(object)
                numbers[~np.isfinite(array)] = None
                return numbers.tolist()
            return array.tolist()

        def variables(values: Variables | None) -> dict[str, Any] | None:
            return None if values is None else {name: plain(value) for name, value in values.as_dict().items()}

        names = np.vectorize(lambda status: status.name, otypes=[object])(np.asarray(self.status, dtype=object))
        return {
            "problem": self.problem.name,
            "method": self.stats.method,
            "status": names.tolist(),
            "objective": plain(self.objective),
            "objective_unit": self.problem.objective_unit,
            "bound": plain(self.bound),
            "gap": plain(self.gap),
            "violation": plain(self.violation),
            "decision": plain(self.decision),
            "allocation": variables(self.allocation),
            "per_user": {name: plain(value) for name, value in self.per_user().items()},
            "dual": variables(self.dual),
            "iterations": plain(self.stats.iterations),
            "solver_calls": plain(self.stats.solver_calls),
            "model_seconds": self.stats.model_seconds,
            "solve_seconds": self.stats.solve_seconds,
            "predict_seconds": self.stats.predict_seconds,
            "compile_seconds": self.stats.compile_seconds,
            "load_seconds": self.stats.load_seconds,
            "start_used": self.stats.start_used,
            "messages": {str(k): v for k, v in self.stats.messages.items()},
        }

    def table(self, rows: Iterable[int] | slice | None = None) -> Page:
        """Return a page of rows, to be printed or shown: users of a single answer, instances of a batch; all by default.

        Parameters
        ----------
        rows
            numbers of users (or, in a batch, of instances, counted through), as ``range(100, 200)``,
            ``slice(100, 200)`` or ``[17, 58]``.

        Examples
        --------
        >>> import mecopt
        >>> from mecopt.models import BinaryOffloading
        >>> mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)).table([0, 2])
        binary-offloading, OPTIMAL by exact
        <BLANKLINE>
        user  decision  server rate [MB/s]
           0  offload              9.72514
           2  offload              12.5865
        """
        from mecopt.show.solution import table

        return table(self, rows)

    def _line(self) -> str:
        from mecopt.show.solution import line

        return line(self)

    def _page(self) -> Page:
        from mecopt.show.solution import page

        return page(self)
