"""Benchmarks as ratios in one run: mecopt beside what a user would otherwise call.

Every ratio divides two medians taken in the same process, by turns, after a warm-up. Absolute times depend
on the machine and are shown only for orientation.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mecopt.backends.one_by_one import OneByOne
from mecopt.compare.summary import duration
from mecopt.contract.backend import ClosedForm, Feature, installed
from mecopt.contract.decision import Counts, Interval, OneOf
from mecopt.contract.problem import Problem
from mecopt.dynamic.rollout import policy_of, rollout
from mecopt.dynamic.run import default_policies
from mecopt.evaluation.reproduction import Progress
from mecopt.registry import dynamics_names, find_dynamics
from mecopt.running import clock
from mecopt.show.numbers import counted
from mecopt.solve import allocate, solve

TIME_LIMIT = 60.0
"""Seconds after which an outside solver is cut off, so that one hard instance does not stop the run."""

ENUMERATED = 1024
"""Most decisions of the instances that are enumerated."""

SECONDS, LONG = 0.6, 2.0
"""Seconds for which calls are repeated by turns: of allocations, of searches."""

TURN_SECONDS = 0.005
"""Seconds for which a call is repeated before the next one has its turn."""


@dataclass(frozen=True)
class Measurement:
    """One row: what was timed, its time, and how often faster the subject is than the rival."""

    group: str
    subject: str
    seconds: float
    rival: str = ""
    rival_seconds: float = float("nan")

    @property
    def ratio(self) -> float:
        """Rival's time over the subject's."""
        return self.rival_seconds / self.seconds

    def cells(self) -> list[str]:
        """Return the row as text."""
        if not self.rival:
            return [self.subject, duration(self.seconds), "", "", ""]
        return [
            self.subject,
            duration(self.seconds),
            self.rival,
            duration(self.rival_seconds),
            f"{self.ratio:,.1f} x" if self.ratio >= 1 else f"{self.ratio:.2g} x",
        ]


def medians(
    calls: dict[str, Callable[[], float]], seconds: float = SECONDS, most: int = 200, turn: float = TURN_SECONDS
) -> dict[str, float]:
    """Run calls that report seconds by turns, at least 3 rounds, until the time is used up; return each one's median.

    A turn repeats a short call until it has taken `turn` seconds, so that every call is measured with warm caches and not
    with those that the one before it left behind. A call may report less than it takes, nothing among others.
    """

    def taken(call: Callable[[], float]) -> float:
        began = clock.now()
        return max(call(), clock.now() - began, 1e-7)

    turns = {name: max(1, round(turn / min(taken(call), taken(call)))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    ends = clock.now() + seconds
    rounds = 0
    while rounds < 3 or (clock.now() < ends and rounds < most):
        for name, call in calls.items():
            times[name].append(statistics.median(call() for _ in range(turns[name])))
        rounds += 1
    return {name: statistics.median(values) for name, values in times.items()}


@dataclass(frozen=True)
class Plan:
    """On how many users, instances and decisions a problem is measured."""

    single: tuple[int, ...]
    """Users of the single instances that every backend allocates."""
    batches: tuple[tuple[int, int, int], ...]
    """Users and size of each batch, and how many of its instances those allocate that take one after the other."""
    alone: tuple[int, ...]
    """Users of the instances that the default backend allocates alone."""
    slow: Mapping[str, int]
    """Most users for whom a backend is asked that would take minutes for more, or for a batch."""
    candidates: tuple[int, int]
    """Users, and decisions of one instance."""
    rivals: tuple[str, ...]
    """Outside solvers of the open decision."""
    open: tuple[int, ...]
    """Users of the instances that they solve."""
    open_alone: tuple[int, ...]
    rolled: tuple[int, int, int] = (1, 100, 20)
    """Users, lanes and slots of a rollout, where the problem repeats."""


def plan(cls: type[Problem]) -> Plan:
    """Return what fits a problem: choices are decided by the thousand a second, quantities and counts too, beams are not."""
    if _chooses(cls):
        many = 100_000 if cls.sense == "minimise" else 20_000
        batch = ((10, 20_000, 1),)
        return Plan((10, 100), batch, (), {}, (10, many), ("scip", "highs"), (10, 30, 50), (100, 1000, 10_000))
    if isinstance(_draw(cls, 0, 1).decision_space, Counts):
        sizes = ((1, 20_000, 5), (100, 500, 5))
        return Plan((10, 100), sizes, (10_000,), {"scs": 10}, (10, 20_000), (), (), (10, 10_000), (10_000, 1, 20))
    if isinstance(_draw(cls, 0, 1).decision_space, Interval):
        return Plan((1, 10), ((1, 20_000, 5),), (100, 1000), {}, (10, 20_000), (), (), (10, 1000), (1, 10_000, 20))
    batches = ((3, 1000, 50), (10, 300, 20), (50, 30, 5))
    return Plan(
        (3, 10, 50), batches, (200,), {"slsqp": 3, "scs": 10}, (3, 1000), ("semidefinite",), (3, 6), (10,), (3, 100, 20)
    )


def _chooses(cls: type[Problem]) -> bool:
    return isinstance(_draw(cls, 0, 1).decision_space, OneOf)


@dataclass(frozen=True)
class Step:
    """A part of a bench, measured when its rows are asked for."""

    what: str
    seconds: float
    """For which calls are repeated by turns; where three rounds take longer, so does the step."""
    rows: Callable[[], Iterable[Measurement]]


def steps(cls: type[Problem], seed: int = 0, chosen: Plan | None = None) -> list[Step]:
    """Return what is measured of one problem, in order; nothing is measured for this."""
    chosen = plan(cls) if chosen is None else chosen
    return [
        *_fixed(cls, seed, chosen),
        _candidates(cls, seed, chosen),
        *_open(cls, seed, chosen),
        *_rolled(cls, seed, chosen),
    ]


def bench(
    cls: type[Problem], seed: int = 0, chosen: Plan | None = None, progress: Progress = lambda what, done, total: None
) -> Iterator[Measurement]:
    """Measure one problem as planned; rows come as they are ready, and before each step `progress` is told of it."""
    planned = steps(cls, seed, chosen)
    for number, step in enumerate(planned):
        progress(step.what, number, len(planned))
        yield from step.rows()
    progress("done", len(planned), len(planned))


def _draw(cls: type[Problem], seed: int, users: int, shape: tuple[int, ...] = (), preset: str = "paper") -> Problem:
    return cls.sample(np.random.default_rng(seed), shape, preset=preset, users=users)


def _away(problem: Problem, seed: int) -> Any:
    """Return a decision in which nobody is local, with one server everyone's, else a random one; or random beams."""
    rng, space = np.random.default_rng(seed), problem.decision_space
    if not isinstance(space, OneOf):
        return problem.mended(space.sample(rng, problem.batch_shape))
    return rng.integers(1, len(space.labels), (*problem.batch_shape, problem.users), dtype=np.int8)


def _answering(problem: Problem, decision: Any, names: list[str]) -> list[str]:
    """Return the backends that answer these instances, all of them: what fails at once is not fast."""
    answers = {name: allocate(problem, decision, backend=name, throw=False) for name in names}
    return [name for name, answer in answers.items() if "FAILED" not in answer.statuses()]


def _backends(cls: type[Problem], chosen: Plan, users: int) -> list[str]:
    """Return the backends to be asked for so many users, the default one first."""
    return [name for name in installed(cls.backends) if users <= chosen.slow.get(name, users)]


def _fixed(cls: type[Problem], seed: int, chosen: Plan) -> Iterator[Step]:
    """Decision fixed: the default backend beside every other one, single and in batch."""
    for users in chosen.single:
        yield Step(f"decision fixed, {counted(users, 'users')}", 2 * SECONDS, partial(_single, cls, seed, chosen, users))
    for users, count, part in chosen.batches:
        names = [name for name in _backends(cls, chosen, users) if name not in chosen.slow]
        rows = partial(_batched, cls, seed, users, count, part, names)
        yield Step(
            f"decision fixed, {counted(count, 'instances')} of {counted(users, 'users')}",
            (1 if part == 1 else 2) * SECONDS,
            rows,
        )
    for users in chosen.alone:
        yield Step(f"decision fixed, {counted(users, 'users')}", SECONDS, partial(_alone, cls, seed, users))


def _single(cls: type[Problem], seed: int, chosen: Plan, users: int) -> Iterator[Measurement]:
    """One instance: every backend that answers it, beside the default one."""
    problem = _draw(cls, seed, users)
    decision = _away(problem, seed)
    default, *others = _answering(problem, decision, _backends(cls, chosen, users))
    solving = medians({name: _solving(problem, decision, name) for name in (default, *others)})
    whole = medians({name: _whole(problem, decision, name) for name in (default, *others)})
    for what, times in (("solving alone", solving), ("allocate(), certified", whole)):
        for name in others:
            group = f"decision fixed, {counted(users, 'users')}, one instance: {what}"
            yield Measurement(group, default, times[default], name, times[name])


def _alone(cls: type[Problem], seed: int, users: int) -> Iterator[Measurement]:
    """One instance that is too large for the others."""
    problem = _draw(cls, seed, users)
    default = next(iter(cls.backends))
    times = medians({default: _whole(problem, _away(problem, seed), default)})
    yield Measurement(
        f"decision fixed, {counted(users, 'users')}, one instance: allocate(), certified", default, times[default]
    )


def _batched(cls: type[Problem], seed: int, users: int, count: int, part: int, names: list[str]) -> Iterator[Measurement]:
    """Per instance: the default backend on a batch, others that take one on the same, the rest on a part of it."""
    batch, (default, *others) = _draw(cls, seed, users, (count,)), names
    decisions = _away(batch, seed)
    one_by_one = [name for name in others if isinstance(batch.backend(name), OneByOne)]
    few = {name: (batch[:part], decisions[:part]) for name in _answering(batch[:part], decisions[:part], one_by_one)}
    whole = [name for name in others if Feature.BATCH in batch.backend(name).features]
    given = {default: (batch, decisions), **{name: (batch, decisions) for name in whole}, **few}
    kinds = {"solving alone": _solving} if part == 1 else {"solving alone": _solving, "allocate(), certified": _whole}
    for what, call in kinds.items():
        times = medians({name: call(*instances, name) for name, instances in given.items()})
        group = f"decision fixed, {counted(users, 'users')}, per instance of a batch of {count}: {what}"
        for name in given:
            if name != default:
                rival, size = (f"{name}, batched", count) if name in whole else (name, part)
                yield Measurement(group, f"{default}, batched", times[default] / count, rival, times[name] / size)


def _solving(problem: Problem, decision: Any, name: str) -> Callable[[], float]:
    """Return a call that reports the seconds of solving, without modelling and certificate."""
    backend = problem.backend(name)
    if isinstance(backend, ClosedForm):
        kernel, inputs = backend.kernel(), backend.inputs(problem, decision)
        kernel(*inputs)
        return _timed(lambda: kernel(*inputs))
    return lambda: backend.allocate(problem, decision, start=None, tol=1e-8, time_limit=None).solve_seconds


def _whole(problem: Problem, decision: Any, name: str) -> Callable[[], float]:
    """Return a call that reports the seconds of `allocate`, modelling and certificate included."""
    return _timed(lambda: allocate(problem, decision, backend=name, throw=False))


def _timed(call: Callable[[], Any]) -> Callable[[], float]:
    def timed() -> float:
        began = clock.now()
        call()
        return clock.now() - began

    return timed


def _candidates(cls: type[Problem], seed: int, chosen: Plan) -> Step:
    """Candidate values a second: many decisions of one instance."""
    users, count = chosen.candidates

    def rows() -> Iterator[Measurement]:
        problem = _draw(cls, seed, users)
        candidates = problem.mended(problem.decision_space.sample(np.random.default_rng(seed), (count,)))
        times = medians({"all": _timed(lambda: problem.optimal_value(candidates))})
        yield Measurement(
            f"candidate values, {counted(users, 'users')}, {counted(count, 'candidates')} "
            f"({count / times['all']:.3g} a second on one core)",
            "optimal_value, per candidate",
            times["all"] / count,
        )

    return Step(f"{counted(count, 'candidates')} of {counted(users, 'users')}", SECONDS, rows)


def _open(cls: type[Problem], seed: int, chosen: Plan) -> Iterator[Step]:
    """Decision open: exact and proved, beside exhaustive scoring and the outside solvers, on every preset."""
    rivals = [name for name in chosen.rivals if name in cls.solvers and cls.solvers[name].is_available()]
    for preset in cls.presets:
        what = f"decision open, preset {preset}"
        group = f"decision open, proved optimal, preset {preset}"
        if _chooses(cls):
            yield Step(f"{what}, all decisions", LONG, partial(_exhaustive, cls, seed, preset, group))
        for users in chosen.open:
            rows = partial(_beside, cls, seed, preset, group, users, rivals)
            yield Step(f"{what}, {counted(users, 'users')}, beside {', '.join(rivals)}", LONG, rows)
        for users in chosen.open_alone:
            rows = partial(_beside, cls, seed, preset, group, users, [])
            yield Step(f"{what}, {counted(users, 'users')}", LONG / 2, rows)


def _beside(cls: type[Problem], seed: int, preset: str, group: str, users: int, rivals: list[str]) -> Iterator[Measurement]:
    """Exact, beside outside solvers or by itself."""
    problem = _draw(cls, seed, users, preset=preset)
    calls = {name: _solved(problem, name) for name in ("exact", *rivals)}
    times = medians(calls, seconds=LONG if rivals else LONG / 2)
    for name in rivals:
        yield Measurement(group, f"exact, {counted(users, 'users')}", times["exact"], name, times[name])
    if not rivals:
        yield Measurement(group, f"exact, {counted(users, 'users')}", times["exact"])


def _solved(problem: Problem, solver: str) -> Callable[[], float]:
    """Return a call that reports the seconds of `solve`, certificate included; outside solvers' proofs by us are not."""

    def call() -> float:
        began = clock.now()
        stats = solve(problem, solver=solver, throw=False, time_limit=TIME_LIMIT).stats
        whole = clock.now() - began
        return whole if solver == "exact" else stats.model_seconds + stats.solve_seconds

    return call


def _exhaustive(cls: type[Problem], seed: int, preset: str, group: str) -> Iterator[Measurement]:
    choices = len(_draw(cls, seed, 1, preset=preset).choices.labels)
    users = int(np.log(ENUMERATED) / np.log(choices) + 1e-9)
    problem = _draw(cls, seed, users, preset=preset)
    everything = np.concatenate(list(problem.choices.enumerate(1 << 20)))

    def one_by_one() -> float:
        return min(problem.sign * float(problem.optimal_value(decision)) for decision in everything)

    def allocated() -> float:
        values = (float(allocate(problem, decision, throw=False).objective) for decision in everything)
        return min(problem.sign * value for value in values if not np.isnan(value))

    calls = {
        "exact": _solved(problem, "exact"),
        "allocated": _timed(allocated),
        "one by one": _timed(one_by_one),
        "batched": _timed(lambda: problem.optimal_value(everything)),
    }
    times = medians(calls, seconds=LONG)
    subject, count = f"exact, {counted(users, 'users')}", f"{len(everything):,} decisions"
    yield Measurement(group, subject, times["exact"], f"{count} allocated one by one", times["allocated"])
    yield Measurement(group, subject, times["exact"], f"{count} scored one by one", times["one by one"])
    yield Measurement(group, subject, times["exact"], f"{count} in one batch", times["batched"])


def _rolled(cls: type[Problem], seed: int, chosen: Plan) -> Iterator[Step]:
    """Slot after slot: the first two policies of a rollout, whole slots with all that belongs to them."""
    if cls.name in dynamics_names():
        users, lanes, slots = chosen.rolled
        yield Step(
            f"{counted(slots, 'slots')} in {counted(lanes, 'lanes')} of {counted(users, 'users')}",
            LONG,
            partial(_slots, cls, seed, users, lanes, slots),
        )


def _slots(cls: type[Problem], seed: int, users: int, lanes: int, slots: int) -> Iterator[Measurement]:
    dynamics = find_dynamics(cls.name)(users=users)
    path = dynamics.stream(np.random.default_rng(seed), slots, lanes)
    policies = {name: policy_of(dynamics, name) for name in default_policies(dynamics)[:2]}

    def carried_out(name: str) -> Callable[[], float]:
        return _timed(lambda: rollout(dynamics, path, policies[name], np.random.default_rng(seed)))

    times = medians({name: carried_out(name) for name in policies}, seconds=LONG)
    for name, seconds in times.items():
        each = seconds / (slots * lanes * users)
        group = f"slot after slot, {counted(lanes, 'lanes')} of {counted(users, 'users')}, per slot and user on one core"
        yield Measurement(group, f"{name} ({1.0 / each:.2g} a second)", each)
