"""The decision is fixed: the default backend beside every other one and every rival, single and in batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mecopt.backends.one_by_one import OneByOne
from mecopt.compare.bench import turns
from mecopt.compare.bench.known import rivals
from mecopt.compare.bench.plans import Plan, Step, away, draw
from mecopt.compare.bench.rivals import TOL, Rival
from mecopt.compare.bench.rows import Measurement, apart
from mecopt.compare.bench.turns import Reported, Work
from mecopt.contract.backend import ClosedForm, Feature, installed
from mecopt.contract.problem import Problem
from mecopt.running.rescue import said, survivable
from mecopt.show.numbers import counted
from mecopt.solve import allocate

SECONDS = 0.6
"""Seconds for which allocations are repeated by turns."""

SOLVING, WHOLE = "solving alone", "the whole call"
"""What is timed: the part that a solver takes, or all that an instance needs, ours with its certificate."""


@dataclass(frozen=True)
class Contender:
    """Who allocates, and how it is timed."""

    name: str
    works: Mapping[str, Work]
    """By `SOLVING` and `WHOLE`."""
    count: int
    """Instances that a call answers."""
    value: Any = float("nan")
    remark: str = ""


def steps(cls: type[Problem], seed: int, chosen: Plan) -> Iterator[Step]:
    """Return the steps of a plan."""
    for users in chosen.single:
        rows = partial(_single, cls, seed, chosen, users)
        yield Step(f"decision fixed, {counted(users, 'users')}", 2 * SECONDS, rows)
    for users, count, part in chosen.batches:
        rows = partial(_batched, cls, seed, users, count, part, chosen)
        what = f"decision fixed, {counted(count, 'instances')} of {counted(users, 'users')}"
        yield Step(what, 2 * SECONDS, rows)
    for users in chosen.alone:
        yield Step(f"decision fixed, {counted(users, 'users')}", SECONDS, partial(_alone, cls, seed, users))
    users, count = chosen.candidates
    yield Step(
        f"{counted(count, 'candidates')} of {counted(users, 'users')}",
        SECONDS,
        partial(_candidates, cls, seed, users, count),
    )


def _backends(cls: type[Problem], chosen: Plan, users: int) -> list[str]:
    """Return the backends to be asked for so many users, the default one first."""
    return [name for name in installed(cls.backends) if users <= chosen.slow.get(name, users)]


def _single(cls: type[Problem], seed: int, chosen: Plan, users: int) -> Iterator[Measurement]:
    """One instance: every backend, and every rival, beside the default one."""
    problem = draw(cls, seed, users)
    decision = away(problem, seed)
    mine, *others = [_backend(problem, decision, name) for name in _backends(cls, chosen, users)]
    others += [_rival(problem, decision, rival) for rival in rivals(cls, "allocation") if _asked(rival, users)]
    where = f"decision fixed, {counted(users, 'users')}, one instance"
    yield from _beside(problem, where, mine, others, "one instance", 1)


def _alone(cls: type[Problem], seed: int, users: int) -> Iterator[Measurement]:
    """One instance that is too large for the others."""
    problem = draw(cls, seed, users)
    mine = _backend(problem, away(problem, seed), next(iter(cls.backends)))
    timings = turns.by_turns({mine.name: mine.works[WHOLE]}, SECONDS)
    group = f"decision fixed, {counted(users, 'users')}, one instance: {WHOLE}"
    yield Measurement(group, mine.name, timings[mine.name], task="one instance", remark=mine.remark)


def _batched(cls: type[Problem], seed: int, users: int, count: int, part: int, chosen: Plan) -> Iterator[Measurement]:
    """Per instance: the default backend on a batch, others that take one on the same, the rest on a part of it."""
    batch = draw(cls, seed, users, (count,))
    decisions = away(batch, seed)
    default, *others = [name for name in _backends(cls, chosen, users) if name not in chosen.slow]
    found = []
    for name in others:
        backend = batch.backend(name)
        if Feature.BATCH in backend.features:
            found.append(_backend(batch, decisions, name, ", batched"))
        elif isinstance(backend, OneByOne):
            found.append(_backend(batch[:part], decisions[:part], name))
    for rival in rivals(cls, "allocation"):
        if _asked(rival, users):
            size = min(count, MOST_BATCHED) if rival.batches else part
            found.append(_rival(batch[:size], decisions[:size], rival))
    where = f"decision fixed, {counted(users, 'users')}, per instance of a batch of {count}"
    mine = _backend(batch, decisions, default, ", batched")
    yield from _beside(batch, where, mine, found, f"{counted(count, 'instances')}", count)


MOST_BATCHED = 200
"""Instances of a batch that a rival gets in one call."""


def _beside(
    problem: Problem, where: str, mine: Contender, others: list[Contender], task: str, units: int
) -> Iterator[Measurement]:
    """Time all by turns, and say how far their values are apart."""
    best = np.ravel(mine.value)
    for what in (SOLVING, WHOLE):
        works = {one.name: one.works[what] for one in (mine, *others) if what in one.works}
        timings = turns.by_turns(works, SECONDS)
        group = f"{where}: {what}"
        for one in others:
            if what not in one.works and one.works:
                continue
            remark, off = one.remark, float("nan")
            if one.works:
                size = min(np.size(one.value), best.size)
                off = apart(problem.sign, best[:size], np.ravel(one.value)[:size], np.ravel(problem.negligible)[:size])
            elif what == SOLVING:
                continue
            timing = timings.get(one.name)
            yield Measurement(
                group,
                mine.name,
                timings[mine.name].per(mine.count),
                one.name,
                None if timing is None else timing.per(one.count),
                task=task,
                units=units,
                apart=off,
                remark=remark,
            )


def _backend(problem: Problem, decision: Any, name: str, note: str = "") -> Contender:
    """Return one of the problem's own backends, and what it answers."""
    answer = allocate(problem, decision, backend=name, throw=False)
    ended = np.ravel([status.name for status in np.ravel(answer.status)])
    count, failed = ended.size, int((ended == "FAILED").sum())
    if failed == count:
        message = next(iter(answer.stats.messages.values()), "")
        return Contender(name + note, {}, count, remark=f"FAILED{f': {message}' if message else ''}")
    works = {SOLVING: _solving(problem, decision, name), WHOLE: _whole(problem, decision, name)}
    remark = f"FAILED on {failed} of {count}" if failed else ""
    return Contender(name + note, works, count, answer.objective, remark)


def _solving(problem: Problem, decision: Any, name: str) -> Work:
    """Return a call that is timed in its part of solving, without modelling and certificate."""
    backend = problem.backend(name)
    if isinstance(backend, ClosedForm):
        kernel, inputs = backend.kernel(), backend.inputs(problem, decision)
        return Work(partial(kernel, *inputs))
    return Reported(lambda: backend.allocate(problem, decision, start=None, tol=TOL, time_limit=None).solve_seconds)


def _whole(problem: Problem, decision: Any, name: str) -> Work:
    """Return a call of `allocate`, modelling and certificate included."""
    return Work(lambda: allocate(problem, decision, backend=name, throw=False), (problem,))


def _asked(rival: Rival, users: int) -> bool:
    return rival.is_available() and (rival.most_users is None or users <= rival.most_users)


def _rival(problem: Problem, decision: Any, rival: Rival) -> Contender:
    """Return a rival, and what it answers; it gets a batch whole, or one instance after the other."""
    flat, decisions = problem.paired(decision)
    count = len(decisions)
    name = f"{rival.name}, batched" if rival.batches and count > 1 else rival.name
    try:
        rival.require()
        given = [(problem, decision)] if rival.batches else [(flat[i], decisions[i]) for i in range(count)]
        tasks = [rival.prepared(*one) for one in given]
        values = np.concatenate([np.ravel(task.value(task.call())) for task in tasks])
    except BaseException as error:
        if not survivable(error):
            raise
        return Contender(name, {}, count, remark=f"FAILED: {said(rival.name, error)}")
    failed = int(np.isnan(values).sum())
    remark = f"FAILED on {failed} of {count}" if failed else ""
    works = {WHOLE: Work(_one_by_one([task.call for task in tasks]), tuple(one for one, _ in given))}
    if all(task.solving is not None for task in tasks):
        works[SOLVING] = Work(_one_by_one([task.solving for task in tasks if task.solving is not None]))
    return Contender(name, works, count, values, remark)


def _one_by_one(calls: list[Callable[[], Any]]) -> Callable[[], Any]:
    if len(calls) == 1:
        return calls[0]

    def all_of_them() -> None:
        for call in calls:
            call()

    return all_of_them


def _candidates(cls: type[Problem], seed: int, users: int, count: int) -> Iterator[Measurement]:
    """Candidate values a second: many decisions of one instance."""
    problem = draw(cls, seed, users)
    candidates = problem.mended(problem.decision_space.sample(np.random.default_rng(seed), (count,)))
    timing = turns.by_turns({"all": Work(lambda: problem.optimal_value(candidates))}, SECONDS)["all"]
    yield Measurement(
        f"candidate values, {counted(users, 'users')}, {counted(count, 'candidates')}",
        "optimal_value, per candidate",
        timing.per(count),
        task=counted(count, "candidates"),
        units=count,
        remark=f"{count / timing.seconds:.3g} a second on one core",
    )
