"""An answer as a picture: who does what, what each user has of every resource, and the prices; or the answers of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract import units
from mecopt.contract.certified import Certified
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Variables
from mecopt.show.numbers import titled, unit_of
from mecopt.show.view import FOUR, Mark, Number, Panel, View, mark

Array = NDArray[Any]

NAMED = 12
"""Users or servers up to which a picture names each of them."""

SHORT, TOGETHER = 12, 70
"""Letters that say what a user does, and what all of them do, where it is said."""


def pictured(solution: Certified) -> View:
    """Return what there is to see of an answer.

    Raises
    ------
    InstanceError
        There is nothing to see: no instance has an answer.
    """
    if not np.isfinite(solution.objective).any():
        raise InstanceError(f"no instance of {solution.problem.name} has an answer that could be drawn")
    return _batch(solution) if solution.shape else _single(solution)


def _single(solution: Certified) -> View:
    problem = solution.problem
    numbers = [
        Number(problem.objective_name, solution.objective, _plain(problem.objective_unit)),
        Number("gap", solution.gap),
    ]
    for part in (solution.allocation, solution.dual):
        for f in _of(part, "instance"):
            numbers.append(Number(f.name.replace("_", " "), getattr(part, f.name), unit_of(f)))
    panels = [
        *_shares(solution),
        *_per(solution.allocation, "user", _users(solution)),
        *_per(solution.dual, "user", _users(solution)),
    ]
    servers = {float(j): str(j + 1) for j in range(problem.sizes.get("servers", 0))}
    panels += [*_per(solution.allocation, "server", servers), *_per(solution.dual, "server", servers)]
    says = f"{problem.name} with {problem.size_text}: {solution.status}, {problem.decision_space.told(solution.decision)}"
    return View(panels, numbers, says, (solution,))


def _users(solution: Certified) -> dict[float, str]:
    """Return the users' numbers, above what each of them does."""
    space = solution.problem.decision_space
    said = [space.shown(choice) for choice in solution.decision]
    longest = max(map(len, said))
    short = longest <= SHORT and longest * len(said) <= TOGETHER
    return {float(i): f"{i}\n{words}" if short else str(i) for i, words in enumerate(said)}


def _shares(solution: Certified) -> Iterator[Panel]:
    """Yield what adds up to the objective, where it is a sum over users."""
    for name, shares in list(solution.per_user().items())[:1]:
        unit = solution.problem.user_units.get(name, solution.problem.objective_unit)
        yield _panel(
            units.titled(name, unit), [mark("", np.arange(shares.size), shares, "bars", "quiet")], _users(solution), "user"
        )


def _per(part: Variables | None, axis: str, ticks: dict[float, str]) -> Iterator[Panel]:
    """Yield a panel for the variables of each unit; what is 0 for everybody has none."""
    by_unit: dict[str, list[Field[Any]]] = {}
    for f in _of(part, axis):
        if np.any(getattr(part, f.name)):
            by_unit.setdefault(f.metadata["unit"], []).append(f)
    for group in by_unit.values():
        for k in range(0, len(group), len(FOUR)):
            some = group[k : k + len(FOUR)]
            bars = [
                mark(
                    f.name.replace("_", " ") if len(some) > 1 else "",
                    np.arange(len(ticks)),
                    getattr(part, f.name),
                    "bars",
                    role,
                )
                for f, role in zip(some, FOUR, strict=False)
            ]
            unit = unit_of(some[0])
            title = titled(some[0]) if len(some) == 1 else f"[{unit}]" if unit else "number"
            yield _panel(title, bars, ticks, axis)


def _of(part: Variables | None, axis: str) -> list[Field[Any]]:
    return [] if part is None else [f for f in fields(part) if f.metadata["per"] == axis]


def _plain(unit: str) -> str:
    return "" if unit == "1" else unit


def _panel(title: str, marks: list[Mark], ticks: dict[float, str], axis: str) -> Panel:
    return Panel(axis, title, marks, ticks if len(ticks) <= NAMED else {})


def _batch(solution: Certified) -> View:
    """Return objectives and gaps of all instances, each sorted."""
    problem = solution.problem
    answered = np.isfinite(solution.objective).ravel()
    objective, bound = solution.objective.ravel()[answered], solution.bound.ravel()[answered]
    order, places = np.argsort(objective), np.arange(objective.size)
    gaps = np.sort(solution.gap.ravel()[answered])[::-1]
    panels = (
        Panel(
            f"instances in the order of their {problem.objective_name}",
            units.titled(problem.objective_name, problem.objective_unit),
            (
                mark("answer", places, objective[order], "line", "first"),
                mark("bound", places, bound[order], "dashed", "best"),
            ),
        ),
        Panel(
            "instances in the order of their gap",
            "log₁₀ of the relative gap, 10⁻¹⁶ at least",
            (mark("", places, np.log10(np.maximum(gaps, 1e-16)), "line", "first"),),
        ),
    )
    numbers = (
        Number("instances", solution.objective.size),
        Number(f"mean {problem.objective_name}", objective.mean(), _plain(problem.objective_unit)),
        Number("largest gap", gaps.max()),
    )
    counted = ", ".join(f"{count} {name}" for name, count in solution.statuses().items())
    return View(panels, numbers, f"{problem.name}, {solution.objective.size} instances: {counted}", (solution,))
