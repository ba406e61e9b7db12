"""The decision is open: the exact search with its proof, beside outside solvers and rivals, on every preset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from mecopt.backends.outside import OutsideSolver
from mecopt.compare.bench import turns
from mecopt.compare.bench.known import rivals
from mecopt.compare.bench.plans import Plan, Step, chooses, draw
from mecopt.compare.bench.rivals import LIMIT, Rival
from mecopt.compare.bench.rows import Measurement, apart
from mecopt.compare.bench.turns import Work
from mecopt.contract.limits import Limit
from mecopt.contract.problem import Problem
from mecopt.running.rescue import said, survivable
from mecopt.show.numbers import counted
from mecopt.solve import allocate, solve

TIME_LIMIT = LIMIT
"""Seconds after which an outside solver is cut off."""

ENUMERATED = 1024
"""Most decisions of the instances that are enumerated."""

LONG = 2.0
"""Seconds for which searches are repeated by turns."""


def steps(cls: type[Problem], seed: int, chosen: Plan) -> Iterator[Step]:
    """Return the steps of a plan."""
    outside = [name for name in chosen.rivals if name in cls.solvers and cls.solvers[name].is_available()]
    asked = [rival for rival in rivals(cls, "decision") if rival.is_available()]
    for preset in cls.presets if chosen.presets is None else chosen.presets:
        what = f"decision open, preset {preset}"
        group = f"decision open, proved optimal, preset {preset}"
        if chooses(cls):
            yield Step(f"{what}, all decisions", LONG, partial(_exhaustive, cls, seed, preset, group))
        for users in chosen.open:
            rows = partial(_beside, partial(draw, cls, seed, users, preset=preset), preset, group, outside, asked)
            beside = ", ".join([*outside, *(rival.name for rival in asked)])
            yield Step(f"{what}, {counted(users, 'users')}, beside {beside}", LONG, rows)
        for users in chosen.open_alone:
            yield Step(
                f"{what}, {counted(users, 'users')}",
                LONG / 2,
                partial(_beside, partial(draw, cls, seed, users, preset=preset), preset, group, [], []),
            )
        for users in chosen.limited:
            yield Step(
                f"{what}, {counted(users, 'users')}, under a limit, beside {', '.join(outside)}",
                LONG,
                partial(_beside, partial(_limited, cls, seed, users, preset), preset, f"{group}, limited", outside, []),
            )


def _limited(cls: type[Problem], seed: int, users: int, preset: str) -> Problem:
    """Draw an instance in which three fifths may offload of those who do in its best decision."""
    problem = draw(cls, seed, users, preset=preset)
    best = _solved(problem, "exact").decision
    return problem.limited(Limit("few offload", {"offload": 1.0}, most=int((best > 0).sum()) * 3 // 5))


def _beside(
    drawn: Callable[[], Problem], preset: str, group: str, outside: list[str], asked: list[Rival]
) -> Iterator[Measurement]:
    """Exact, beside outside solvers and rivals, or by itself."""
    problem = drawn()
    cls, users = type(problem), problem.users
    works: dict[str, Work] = {}
    values: dict[str, float] = {}
    remarks: dict[str, str] = {}
    subjects = {"exact", *(rival.beside for rival in asked if rival.beside in cls.solvers)}
    for name in sorted(subjects):
        works[name] = Work(partial(_solved, problem, name), (problem,))
        values[name] = float(works[name].call().objective)
    beside = dict.fromkeys(outside, "exact")
    for name in outside:
        works[name], values[name], remarks[name] = _outside(problem, name)
    for rival in asked:
        if rival.most_users is None or users <= rival.most_users:
            beside[rival.name] = rival.beside if rival.beside in subjects else "exact"
            found = _rival(problem, rival)
            if found[0] is not None:
                works[rival.name] = found[0]
            _, values[rival.name], remarks[rival.name] = found
    timings = turns.by_turns(works, LONG if beside else LONG / 2)
    task = f"one instance of {counted(users, 'users')}"
    for name, subject in beside.items():
        yield Measurement(
            group if subject == "exact" else f"decision open, {subject}, preset {preset}",
            f"{subject}, {counted(users, 'users')}",
            timings[subject],
            name,
            timings.get(name),
            task=task,
            apart=apart(problem.sign, values[subject], values[name], problem.negligible)
            if name in timings
            else float("nan"),
            remark=remarks[name],
        )
    if not beside:
        yield Measurement(group, f"exact, {counted(users, 'users')}", timings["exact"], task=task)


def _solved(problem: Problem, solver: str) -> Any:
    """Return the certified answer of one of the problem's own solvers."""
    return solve(problem, solver=solver, throw=False, time_limit=None if solver == "exact" else TIME_LIMIT)


def _outside(problem: Problem, name: str) -> tuple[Work, float, str]:
    """Return an outside solver, its model written by Pyomo every time; of its answer no proof is asked, unlike of ours."""
    solver = problem.solver(name)
    solver.require()
    answer = _solved(problem, name)
    status = next(iter(np.ravel(answer.status))).name
    remark = "" if status == "OPTIMAL" else status
    if not isinstance(solver, OutsideSolver):
        return Work(partial(_solved, problem, name), (problem,)), float(answer.objective), remark
    return Work(lambda: solver.solve_one(problem, None, 1e-6, TIME_LIMIT), (problem,)), float(answer.objective), remark


def _rival(problem: Problem, rival: Rival) -> tuple[Work | None, float, str]:
    try:
        rival.require()
        task = rival.prepared(problem, None)
        return Work(task.call, (problem,)), float(task.value(task.call())), ""
    except BaseException as error:
        if not survivable(error):
            raise
        return None, float("nan"), f"FAILED: {said(rival.name, error)}"


def _exhaustive(cls: type[Problem], seed: int, preset: str, group: str) -> Iterator[Measurement]:
    """Exact, beside every decision of a small instance."""
    choices = len(draw(cls, seed, 1, preset=preset).choices.labels)
    users = int(np.log(ENUMERATED) / np.log(choices) + 1e-9)
    problem = draw(cls, seed, users, preset=preset)
    everything = np.concatenate(list(problem.choices.enumerate(1 << 20)))

    def scored() -> list[float]:
        return [float(problem.optimal_value(decision)) for decision in everything]

    def allocated() -> list[float]:
        return [float(allocate(problem, decision, throw=False).objective) for decision in everything]

    count = f"{len(everything):,} decisions"
    calls: dict[str, Callable[[], Any]] = {
        f"{count} allocated one by one": allocated,
        f"{count} scored one by one": scored,
        f"{count} in one batch": lambda: problem.optimal_value(everything),
    }
    exact = partial(_solved, problem, "exact")
    best = float(exact().objective)
    timings = turns.by_turns({"exact": Work(exact, (problem,)), **{name: Work(call) for name, call in calls.items()}}, LONG)
    for name, call in calls.items():
        with np.errstate(invalid="ignore"):
            least = problem.sign * np.nanmin(problem.sign * np.asarray(call()))
        yield Measurement(
            group,
            f"exact, {counted(users, 'users')}",
            timings["exact"],
            name,
            timings[name],
            task=f"one instance of {counted(users, 'users')}",
            apart=apart(problem.sign, best, least, problem.negligible),
        )
