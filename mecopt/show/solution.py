"""An answer in words: its certificate, who does what, then a row per user, or per instance of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import Field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract import units
from mecopt.contract.backend import ClosedForm
from mecopt.contract.certificate import NOTHING
from mecopt.contract.certified import MESSAGES, Certified, Status
from mecopt.contract.fields import Variables
from mecopt.show.numbers import counted, entry, place, titled, unit_of
from mecopt.show.page import Column, Grid, Line, Page
from mecopt.show.problem import chosen_users

Array = NDArray[Any]

ROWS = 20
"""Users or servers that a page shows; the rest is shown on request."""

INSTANCES = 10
"""Instances that the page of a batch shows."""

DUST = 1e-6
"""Part of the largest number of a unit below which a table shows ~0: as much iterative solvers leave of what is 0."""


def line(solution: Certified) -> str:
    """Say the certificate in a line.

    >>> import mecopt
    >>> from mecopt.models import BinaryOffloading
    >>> line(mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0))).partition(" gap")[0]
    'Solution binary-offloading OPTIMAL 37.3895 s'
    """
    problem = solution.problem
    if not solution.shape:
        if not np.isfinite(solution.objective):
            return f"Solution {problem.name} {solution.status}, {problem.size_text}"
        value = f"{float(solution.objective):.6g}{_unit(solution)} gap {_small(solution.gap)}"
        return f"Solution {problem.name} {solution.status} {value}, {problem.size_text}"
    gaps = solution.gap[np.isfinite(solution.objective)]
    gap = f", largest gap {_small(gaps.max())}" if gaps.size else ""
    return f"Solution {problem.name}, {_number(solution)}: {_counts(solution)}{gap}, {problem.size_text}"


def page(solution: Certified, whole: bool = False) -> Page:
    """Say an answer: certificate, decision, and the first rows of its table, or all of them."""
    return _batch_page(solution, whole) if solution.shape else _single_page(solution, whole)


def table(solution: Certified, rows: Iterable[int] | slice | None) -> Page:
    """Return the rows asked for, all of them by default: users of a single answer, instances of a batch."""
    problem = solution.problem
    if solution.shape:
        count = int(np.prod(solution.shape))
        instances = chosen_users(rows, count, "instance")
        return Page(f"{problem.name}, {_number(solution)} by {solution.stats.method}", (_instances(solution, instances),))
    users = chosen_users(rows, problem.users, "user")
    title = f"{problem.name}, {solution.status} by {solution.stats.method}"
    if not np.isfinite(solution.objective):
        return Page(title, (Line("there is no allocation to show"),))
    return Page(title, (_users(solution, users),))


# ---------------------------------------------------------------------- one answer


def _single_page(solution: Certified, whole: bool) -> Page:
    problem, stats = solution.problem, solution.stats
    beside = NOTHING * float(problem.negligible)
    unit = _unit(solution)
    relative = f" (of the objective and {beside:.6g}{unit})" if beside else ""
    scope = " for the given decision" if stats.method in problem.backends else ""
    parts: list[Line | Grid] = [
        Line(f"{solution.status.value}", "status"),
        Line(f"{float(solution.objective):.9g}{unit} ({problem.sense}d)", "objective"),
        Line(f"{float(solution.bound):.9g}{unit}", "bound"),
        Line(f"{_small(solution.gap)}{relative}", "gap"),
        Line(_small(solution.violation), "violation"),
        Line(stats.seconds_text, "seconds"),
        *(Line(text, "note") for text in list(stats.messages.values())[:MESSAGES]),
    ]
    title = f"{problem.name} with {problem.size_text}: {solution.status} by {stats.method}{scope}"
    if not np.isfinite(solution.objective):
        return Page(title, parts)
    parts.append(Line(problem.decision_space.told(solution.decision), "decision"))
    parts += [Line(text, label) for label, text in problem.remarks(solution.decision, solution.allocation).items()]
    found = [(f, getattr(part, f.name)) for part in (solution.allocation, solution.dual) if part for f in fields(part)]
    for f, value in found:
        if f.metadata["per"] == "instance":
            parts.append(Line(f"{entry(value)} {unit_of(f)}".rstrip(), f.name.replace("_", " ")))
    parts += _servers(problem.sizes.get("servers", 0), [(f, value) for f, value in found if f.metadata["per"] == "server"])
    shown = problem.users if whole else min(problem.users, ROWS)
    parts.append(_users(solution, range(shown)))
    if shown < problem.users:
        parts.append(
            Line(
                f"... and {problem.users - shown} more users: `solution.table()` in Python, `mecopt solve FILE --all` on "
                "the command line"
            )
        )
    return Page(title, parts)


def _servers(count: int, found: Sequence[tuple[Field[Any], Array]]) -> Iterator[Line | Grid]:
    if not found:
        return
    shown = range(min(count, ROWS))
    numbers = [Column(titled(f), [entry(value[j]) for j in shown]) for f, value in found]
    yield Grid((Column("server", [str(j + 1) for j in shown]), *numbers))
    if count > ROWS:
        yield Line(f"... and {count - ROWS} more servers: `solution.dual` has them all")


def _users(solution: Certified, users: Sequence[int]) -> Grid:
    space = solution.problem.decision_space
    numbers = solution.allocation
    columns = [f for f in fields(numbers) if f.metadata["per"] == "user"]
    largest = _largest(numbers)

    def cells(f: Field[Any]) -> list[str]:
        dust = DUST * largest[f.metadata["unit"]] if _iterates(solution) else 0.0
        return ["~0" if 0.0 < abs(x) < dust else entry(x) for x in getattr(numbers, f.name)[list(users)]]

    return Grid(
        (
            Column("user", [str(user) for user in users]),
            Column("decision", [space.shown(solution.decision[user]) for user in users], right=False),
            *(Column(titled(f), cells(f)) for f in columns),
        )
    )


def _iterates(solution: Certified) -> bool:
    """Whether the allocation is what an iteration came to, and not a formula's own numbers."""
    backends, method = solution.problem.backends, solution.stats.method
    return not isinstance(backends.get(method if method in backends else ClosedForm.name), ClosedForm)


def _largest(allocation: Variables) -> dict[str, float]:
    """Return the largest finite magnitude of each unit among the variables of an allocation."""
    found: dict[str, float] = {}
    for f in fields(allocation):
        numbers = np.abs(getattr(allocation, f.name))
        unit = f.metadata["unit"]
        found[unit] = max(found.get(unit, 0.0), float(numbers.max(initial=0.0, where=np.isfinite(numbers))))
    return found


# ---------------------------------------------------------------------- many answers


def _batch_page(solution: Certified, whole: bool) -> Page:
    problem, count = solution.problem, int(np.prod(solution.shape))
    answered = np.isfinite(solution.objective)
    values, unit = solution.objective[answered], _unit(solution)
    parts: list[Line | Grid] = list(_statuses(solution))
    if values.size:
        spread = f"mean {values.mean():.6g}{unit}, {values.min():.6g} to {values.max():.6g} ({problem.sense}d)"
        parts.append(Line(spread, "objective"))
        for label, numbers in (("gap", solution.gap), ("violation", solution.violation)):
            worst = int(np.argmax(np.where(answered, numbers, -np.inf)))
            where = f" at instance {place(worst, solution.shape)}" if np.ravel(numbers)[worst] > 0.0 else ""
            parts.append(Line(f"largest {_small(np.ravel(numbers)[worst])}{where}", label))
        parts.append(Line(problem.decision_space.told(solution.decision[answered]), "decision"))
        remarks = problem.remarks(solution.decision, solution.allocation)
        parts += [Line(text, label) for label, text in remarks.items()]
    parts.append(Line(solution.stats.seconds_text, "seconds"))
    shown = count if whole else min(count, INSTANCES)
    parts.append(_instances(solution, range(shown)))
    if shown < count:
        more = "`solution.table()` in Python, `mecopt solve FILE --all` on the command line"
        parts.append(Line(f"... and {count - shown} more instances: {more}"))
    first = place(0, solution.shape)
    parts.append(Line(f"one in full: `solution[{first}]` in Python, `mecopt solve FILE --index {first}` for a file"))
    return Page(f"{problem.name} with {problem.size_text}: {_number(solution)} by {solution.stats.method}", parts)


def _statuses(solution: Certified) -> Iterator[Line]:
    """Say each status with its meaning, and of what went wrong where it did so first, and why."""
    flat = np.ravel(solution.status)
    label = "status"
    for status in Status:
        found = np.flatnonzero(flat == status)
        if not found.size:
            continue
        said = f"{found.size} {status.name}: {status.value}"
        if status not in (Status.OPTIMAL, Status.FEASIBLE):
            why = solution.stats.messages.get(int(found[0]), "")
            said += f"; first at {place(int(found[0]), solution.shape)}{f': {why}' if why else ''}"
        yield Line(said, label)
        label = " "


def _instances(solution: Certified, which: Sequence[int]) -> Grid:
    problem, chosen = solution.problem, list(which)
    numbers = [np.ravel(part)[chosen] for part in (solution.objective, solution.bound, solution.gap, solution.violation)]
    objective, bound, gap, violation = numbers
    columns = [
        Column("instance", [place(k, solution.shape) for k in chosen]),
        Column("status", [status.name for status in np.ravel(solution.status)[chosen]], right=False),
        Column(units.titled("objective", problem.objective_unit), [f"{x:.9g}" for x in objective]),
        Column(units.titled("bound", problem.objective_unit), [f"{x:.9g}" for x in bound]),
        Column("gap", [_small(x) for x in gap]),
        Column("violation", [_small(x) for x in violation]),
    ]
    space = problem.decision_space
    if space.ndim == 1:
        offloading = (solution.decision != 0).sum(axis=-1).ravel()[chosen]
        columns.append(Column("offloading", [f"{k} of {problem.users}" for k in offloading]))
    return Grid(columns)


# ---------------------------------------------------------------------- words


def _unit(solution: Certified) -> str:
    """Return the objective's unit as it stands behind a number."""
    return units.behind(solution.problem.objective_unit)


def _number(solution: Certified) -> str:
    """Say how many answers there are: instances, or decisions tried on each."""
    batch = solution.problem.batch_shape
    count = int(np.prod(solution.shape))
    if solution.shape == batch:
        return counted(count, "instances")
    each = int(np.prod(solution.shape[len(batch) :]))
    return counted(each, "decisions") + (f" on each of {counted(int(np.prod(batch)), 'instances')}" if batch else "")


def _counts(solution: Certified) -> str:
    return ", ".join(f"{count} {name}" for name, count in solution.statuses().items())


def _small(value: Any) -> str:
    return f"{float(value):.2g}"
