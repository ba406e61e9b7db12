"""What an answer is: the solution with its certificate, its status, and the errors raised instead of one."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import Field, dataclass, field, fields
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mecopt.fields import Variables
    from mecopt.problem import Problem

Array = NDArray[Any]


COLUMNS = 5
"""Of variables that a table in a terminal holds."""

DUST = 1e-6
"""Part of the largest number of a unit below which a table shows 0: as much is left by iterative solvers of what is 0."""


class MecoptError(Exception):
    """Base of every error that mecopt raises on purpose."""


class InstanceError(MecoptError, ValueError):
    """The data of an instance, a decision or a file is wrong; says which field and entry, and what is allowed."""


class UnknownName(InstanceError):
    """A problem, field, preset, solver or backend has no such name; says which ones exist and which was meant."""


class BackendUnavailable(MecoptError, ImportError):
    """A solver is known but not installed; says which extra brings it."""


class StartIgnored(MecoptError, ValueError):
    """A start was given that this solver cannot use, so it would have had no effect."""


class SolveFailed(MecoptError, RuntimeError):
    """At least one instance could not be answered; carries the whole `solution`, whose other items stand."""

    def __init__(self, message: str, solution: Solution) -> None:
        super().__init__(message, solution)
        self.solution = solution

    def __str__(self) -> str:
        return str(self.args[0])


def closest(name: object, known: Iterable[str]) -> str:
    """Return the hint `"; did you mean 'x'?"`, or a full stop where no known name resembles `name`."""
    found = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else "."


def unknown(kind: str, name: object, known: Iterable[str]) -> UnknownName:
    """Return the error for a `name` that is not among the `known` ones of its `kind`."""
    known = list(known)
    return UnknownName(f"unknown {kind} {name!r}{closest(name, known)} Known: {', '.join(known)}")


class Status(Enum):
    """What is known about one instance; the value is advice to the reader."""

    OPTIMAL = "the certificate proves the objective optimal within the tolerance"
    FEASIBLE = "feasible, but not proved optimal: read the gap, or use an exact solver"
    LIMIT = "stopped at a limit: the best answer so far, with its true gap; give more time for a proof"
    INFEASIBLE = "proved to have no answer: relax the data; the message in the statistics says where"
    FAILED = "no answer: the message in the statistics says why"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Certificate:
    """Objective, bound, gap and violation of an answer, computed from the problem's own formulas."""

    objective: Array
    bound: Array
    gap: Array
    violation: Array


@dataclass(frozen=True)
class Statistics:
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
        """The seconds of solving, modelling and, where it happened, compiling, in words."""
        compiled = f", {self.compile_seconds:.3g} to compile (once per machine)" if self.compile_seconds else ""
        return f"{self.solve_seconds:.3g} to solve, {self.model_seconds:.3g} to model{compiled}"


@dataclass(frozen=True)
class Solution:
    """An answer to a problem, with its certificate.

    `objective` and `violation` are recomputed from the problem's own formulas; `bound` is weak duality at a dual, or what
    mecopt's own exact search proved by its closed tree; none is copied from an outside solver. Where nothing is proved the
    bound is infinite and so is the gap. All arrays have the shape of the batch (and of the candidates, if several decisions
    per instance were asked for).
    """

    decision: Array
    allocation: Any
    dual: Any
    objective: Array
    bound: Array
    gap: Array
    violation: Array
    status: Any
    """A `Status`, or an object array of them."""
    stats: Statistics
    problem: Problem = field(repr=False)

    def __post_init__(self) -> None:
        values = [v for part in (self.allocation, self.dual) if part is not None for v in part.as_dict().values()]
        for array in (self.decision, self.objective, self.bound, self.gap, self.violation, *values):
            if isinstance(array, np.ndarray):
                array.flags.writeable = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the batch, candidates included."""
        return np.shape(self.objective)

    def __getitem__(self, index: Any) -> Solution:
        """Return the solution of one instance (or of a slice of the batch)."""
        if not self.shape:
            raise IndexError("this solution is of a single instance")
        numbers = np.arange(int(np.prod(self.shape))).reshape(self.shape)[index]
        keep = {int(n): i for i, n in enumerate(np.ravel(numbers))}
        stats = self.stats
        claimed = None if stats.claimed_bound is None else stats.claimed_bound[index]
        position = index[: len(self.problem.batch_shape)] if isinstance(index, tuple) else index
        return Solution(
            decision=self.decision[index],
            allocation=self.allocation[index],
            dual=None if self.dual is None else self.dual[index],
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
                messages={keep[k]: v for k, v in stats.messages.items() if k in keep},
                claimed_bound=claimed,
            ),
            problem=self.problem[position] if self.problem.batch_shape else self.problem,
        )

    def __iter__(self) -> Iterator[Solution]:
        return (self[i] for i in range(self.shape[0])) if self.shape else iter(())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a single instance has no length")
        return self.shape[0]

    def statuses(self) -> dict[str, int]:
        """Count the instances by status name, in the order of `Status`."""
        flat = [self.status] if isinstance(self.status, Status) else list(np.ravel(self.status))
        return {status.name: flat.count(status) for status in Status if status in flat}

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

    def __str__(self) -> str:
        from rich.console import Console

        text = io.StringIO()
        console = Console(file=text, width=100, no_color=True, highlight=False)
        for part in self.__rich_parts__():
            console.print(part)
        return text.getvalue().rstrip()

    def __rich_parts__(self) -> list[Any]:
        """Return what a terminal shows: the certificate, then a row per user (or per instance of a batch)."""
        problem = self.problem
        if self.shape:
            counts = ", ".join(f"{n} {name}" for name, n in self.statuses().items())
            finite = np.isfinite(self.objective)
            mean = float(np.mean(self.objective[finite])) if finite.any() else float("nan")
            gap = float(np.max(self.gap)) if self.gap.size else 0.0
            lines = (
                f"{problem.name}: {int(np.prod(self.shape))} instances of {problem.size_text} by {self.stats.method}\n"
                f"status     {counts}\n"
                f"objective  mean {mean:.6g} {problem.objective_unit}   largest proved gap {gap:.2g}   "
                f"largest violation {np.max(self.violation, initial=0.0):.2g}\n"
                f"seconds    {self.stats.seconds_text}"
            )
            return [lines]
        beside = float(problem.negligible)
        relative = f" (of the objective and {beside:.6g} {problem.objective_unit})" if beside else ""
        scope = " for the given decision" if self.stats.method in problem.backends else ""
        header = (
            f"{problem.name}: {self.status.name} by {self.stats.method}{scope} ({self.status.value})\n"
            f"objective  {float(self.objective):.9g} {problem.objective_unit} ({problem.sense}d)\n"
            f"bound      {float(self.bound):.9g}   gap {float(self.gap):.2g}{relative}   "
            f"violation {float(self.violation):.2g}\n"
            f"seconds    {self.stats.seconds_text}"
        )
        parts: list[Any] = [header, *[f"note       {text}" for text in self.stats.messages.values()]]
        if self.status is Status.INFEASIBLE:
            return parts
        found = [(f, getattr(values, f.name)) for values in (self.allocation, self.dual) if values for f in fields(values)]
        for f, value in found:
            if f.metadata["per"] == "instance":
                parts.append(f"{f.name.replace('_', ' ')}  {float(value):.6g} {f.metadata['unit']}")
        servers = [(f, value) for f, value in found if f.metadata["per"] == "server"]
        if servers:
            grid = _grid("server", [f for f, _ in servers])
            for j in range(problem.sizes["servers"]):
                grid.add_row(str(j + 1), *(f"{float(value[j]):.6g}" for _, value in servers))
            parts.append(grid)
        columns = [f for f in fields(self.allocation) if f.metadata["per"] == "user"]
        shown, largest = min(problem.users, 20), _largest(self.allocation)
        for first in range(0, max(len(columns), 1), COLUMNS):
            part = columns[first : first + COLUMNS]
            table = _grid("user", part, *(["decision"] if first == 0 else []))
            for user in range(shown):
                label = [problem.decision_space.shown(self.decision[user])] if first == 0 else []
                numbers = {f: float(getattr(self.allocation, f.name)[user]) for f in part}
                cells = [0.0 if abs(x) < DUST * largest[f.metadata["unit"]] else x for f, x in numbers.items()]
                table.add_row(str(user), *label, *(f"{x:.6g}" for x in cells))
            parts.append(table)
        if shown < problem.users:
            parts.append(f"... and {problem.users - shown} more users (all of them: `mecopt solve FILE --json`)")
        return parts


def _largest(allocation: Any) -> dict[str, float]:
    """Return the largest finite magnitude of each unit among the variables of an allocation."""
    found: dict[str, float] = {}
    for f in fields(allocation):
        values = np.abs(getattr(allocation, f.name))
        unit = f.metadata["unit"]
        found[unit] = max(found.get(unit, 0.0), float(values.max(initial=0.0, where=np.isfinite(values))))
    return found


def _grid(first: str, columns: Sequence[Field[Any]], *words: str) -> Any:
    """Return an empty table with a column of numbers, some of words, and one for every variable with its unit."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column(first, justify="right")
    for word in words:
        table.add_column(word)
    for f in columns:
        table.add_column(f"{f.name.replace('_', ' ')} [{f.metadata['unit']}]".replace("[", r"\["), justify="right")
    return table
