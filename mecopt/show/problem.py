"""Instances in words: what is decided, then each field with its unit, its meaning and its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import Field, fields
from typing import Any

import numpy as np

from mecopt.contract import units
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import axes
from mecopt.contract.instances import Instances
from mecopt.show.numbers import counted, entry, titled, valued, values
from mecopt.show.page import Column, Grid, Line, Page

USERS = 10
"""Users whose fields a page shows; the rest is shown on request."""


def line(problem: Instances) -> str:
    """Say which instances these are."""
    return f"{type(problem).__name__} {_number(problem)}{problem.size_text}"


def page(problem: Instances) -> Page:
    """Say what is optimised, and the numbers of every field; of a single instance also the first users' own."""
    parts: list[Line | Grid] = [
        Line(f"{problem.sense} the {units.titled(problem.objective_name, problem.objective_unit)}", "objective"),
        Line(problem.decision_summary, "decision"),
        _fields(problem),
    ]
    own = _of_users(problem)
    if own and not problem.batch_shape:
        parts.append(_users(problem, own, range(min(problem.users, USERS))))
        if problem.users > USERS:
            parts.append(Line(f"... and {problem.users - USERS} more users: `problem.table()` has a row for each"))
    if problem.batch_shape:
        parts.append(Line("one instance: `problem[0]`"))
    return Page(f"{problem.name}: {_number(problem)}{problem.size_text}", parts)


def table(problem: Instances, users: Iterable[int] | slice | None) -> Page:
    """Return the fields of the users asked for, all of them by default."""
    if problem.batch_shape:
        raise InstanceError("a table shows the users of one instance, and this is a batch; take one: `problem[0].table()`")
    per_user = [f for f in fields(problem) if axes(f) == ("users",)] + [
        f for f in fields(problem) if f.metadata["per"] in ("user and server", "user and antenna")
    ]
    return Page(
        f"{problem.name}: {problem.size_text}", (_users(problem, per_user, chosen_users(users, problem.users, "user")),)
    )


def chosen_users(rows: Iterable[int] | slice | None, count: int, kind: str) -> Sequence[int]:
    """Return the numbers of users or instances asked for, or say which is none."""
    if rows is None:
        return range(count)
    if isinstance(rows, slice):
        rows = range(count)[rows]
    chosen = list(rows) if isinstance(rows, Iterable) else [rows]
    for number in chosen:
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 0 <= number < count:
            raise InstanceError(f"{kind} {number!r} is none of these; allowed: 0 to {count - 1}")
    return [int(number) for number in chosen]


def _number(problem: Instances) -> str:
    if not problem.batch_shape:
        return ""
    return f"{counted(problem.instances, 'instances')} of "


def _fields(problem: Instances) -> Grid:
    own = fields(problem)
    columns = (
        Column("field", [f.name for f in own], right=False),
        Column("value", [valued(f, getattr(problem, f.name)) for f in own], right=False, words=True),
        Column("meaning", [f.metadata["meaning"] for f in own], right=False, words=True),
    )
    return Grid(columns)


def _of_users(problem: Instances) -> list[Field[Any]]:
    """Return the fields in which users differ."""
    found = [f for f in fields(problem) if axes(f) == ("users",)]
    return [f for f in found if (getattr(problem, f.name) != getattr(problem, f.name)[..., :1]).any()]


def _users(problem: Instances, own: Sequence[Field[Any]], users: Sequence[int]) -> Grid:
    def cells(f: Field[Any]) -> list[str]:
        numbers, choices = getattr(problem, f.name), f.metadata["choices"]
        return [values(numbers[user]) if numbers.ndim > 1 else entry(numbers[user], choices) for user in users]

    return Grid((Column("user", [str(user) for user in users]), *(Column(titled(f), cells(f)) for f in own)))
