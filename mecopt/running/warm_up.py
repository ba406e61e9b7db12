"""Compiling all kernels ahead of their first use: every verb, solver and backend once, on small instances of every preset.

So are the checks of a lesson, which `mecopt explain` carries out.

A kernel is compiled for the types of its arguments, and these do not depend on sizes; so instances of a few users that take
every way through a problem's code leave nothing to compile. That nothing is left is noted beside the caches, with what they
depend on, so that finding it out again takes no time.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mecopt.contract.backend import Feature
from mecopt.contract.errors import InstanceError, MecoptError
from mecopt.contract.problem import Problem
from mecopt.contract.warmstart import from_dual
from mecopt.dynamic import (
    Chain,
    Choices,
    Dynamics,
    Moves,
    Tables,
    best_average,
    luck,
    perfect_information,
    policy_of,
    rollout,
)
from mecopt.registry import dynamics_names, find_dynamics
from mecopt.running import clock
from mecopt.solve import allocate, solve
from mecopt.storage.atomic import write_whole

SIZES = {"users": (3,), "servers": (1, 2), "antennas": (2,)}
"""Sizes of the instances; one server is a case of its own."""

SEVERAL = 6
"""Decisions of each instance, so that some of them ask a method for work; outside packages see one of them."""

LIMIT = 10.0
"""Seconds of work after which an outside solver stops; what it finds does not matter."""

NOTES = "warm.json"
"""File beside the caches: problem, then what its kernels depend on and the files that hold them."""


@dataclass(frozen=True)
class Step:
    """A call, and whose kernels it may need."""

    problem: str
    run: Callable[[], Any]

    def __call__(self) -> float:
        """Run it, and return the seconds that it compiled."""
        before = clock.compiled_seconds()
        with contextlib.suppress(MecoptError):  # what a method cannot answer or take, it does not compile for
            self.run()
        return clock.compiled_seconds() - before


def steps(cls: type[Problem]) -> list[Step]:
    """Return calls that together need every kernel of a problem."""
    calls = [call for problem in _instances(cls) for call in _calls(problem)]
    if cls.name in dynamics_names():
        calls += [_looked_ahead, *_acted(find_dynamics(cls.name)())]
    calls += _checked(cls)
    return [Step(cls.name, call) for call in calls]


def _instances(cls: type[Problem]) -> Iterator[Problem]:
    names = cls.size_names()
    for preset in cls.presets:
        for sizes in itertools.product(*(SIZES[name] for name in names)):
            yield cls.sample(np.random.default_rng(0), (2,), preset=preset, **dict(zip(names, sizes, strict=True)))


def _calls(problem: Problem) -> Iterator[Callable[[], Any]]:
    """Return calls of everything that answers, without and with a start, on a batch with candidates and on one instance."""
    space = problem.decision_space
    decisions = space.sample(np.random.default_rng(1), (2, SEVERAL))
    for name, solver in problem.solvers.items():
        if solver.is_available():
            limit = None if solver.package is None else LIMIT
            yield partial(_solved, problem, name, Feature.WARM_PRIMAL in solver.features, limit)
    for name, backend in problem.backends.items():
        if backend.is_available():
            warm = bool(backend.features & (Feature.WARM_PRIMAL | Feature.WARM_PRIMAL_DUAL))
            yield partial(_allocated, problem, decisions if backend.package is None else decisions[:, :1], name, warm)
    yield partial(_valued, problem, decisions)


def _solved(problem: Problem, solver: str, warm: bool, limit: float | None) -> None:
    found = solve(problem, solver=solver, time_limit=limit, throw=False)
    if warm:
        solve(problem, solver=solver, start=found, time_limit=limit, throw=False)
    solve(problem[0], solver=solver, gap=1e-3, time_limit=limit, throw=False)


def _allocated(problem: Problem, decisions: Any, backend: str, warm: bool) -> None:
    found = allocate(problem, decisions, backend=backend, throw=False)
    if warm:
        allocate(problem, decisions, backend=backend, start=found, throw=False)


def _valued(problem: Problem, decisions: Any) -> None:
    problem.optimal_value(decisions)
    problem.relaxed_bound(problem.relaxed_dual())
    from_dual(problem, decisions, problem.random_dual(np.random.default_rng(2), decisions.shape[:2]))
    problem.move_values(decisions[:, 0])


def _looked_ahead() -> None:
    """Call the kernels of problems that repeat: chains, both operators, and a path that is known."""
    chain = Chain.product(Chain.birth_death([0.5], [0.5]), Chain.independent([1.0]))
    tables = Tables(chain, np.zeros((2, 2, 1)), np.zeros((2, 2, 1), dtype=int))
    moves = Moves(chain, np.zeros((2, 3)), [(0.0, 0)])
    path = chain.sample(np.random.default_rng(0), 2, 1)
    for operator in (tables, moves):
        best_average(operator, sweeps=2)
        perfect_information(operator, operator, path, [0], [0])


def _acted(dynamics: Dynamics[Any]) -> Iterator[Callable[[], Any]]:
    """Return calls in which each policy of its own, and each way of acting, does a slot or two."""
    for name in dynamics.policies():
        yield partial(_rolled, dynamics, name)
    for actions in dynamics.worlds():
        yield partial(_stepped, dynamics, actions)


def _rolled(dynamics: Dynamics[Any], policy: str) -> None:
    path = dynamics.stream(np.random.default_rng(0), 2, 2)
    found = rollout(dynamics, path, policy_of(dynamics, policy), np.random.default_rng(1))
    control = dynamics.control_variate()
    if control is not None:
        luck(control, path, found)


def _stepped(dynamics: Dynamics[Any], actions: str) -> None:
    world, rng = dynamics.world(actions), np.random.default_rng(0)
    state, acted = world.initial(rng, (2,)), world.acted
    if isinstance(acted, Choices):
        action = np.zeros(2, dtype=int)
    else:
        action = np.full((2, *acted.shape), 0.5 * (acted.low + acted.high))
    world.observation(world.transition(state, action, rng))


def _checked(cls: type[Problem]) -> list[Callable[[], Any]]:
    """Return the checks of a lesson, if there is one: their oracles are called from nowhere else, and may be compiled."""
    try:
        lesson = cls.lesson()
    except InstanceError:
        return []
    return [partial(lesson.outcome, number) for number in range(1, len(lesson.steps) + 1)]


# ---------------------------------------------------------------------- notes


def is_warm(cls: type[Problem]) -> bool:
    """Whether it was noted that nothing is left to compile for a problem, and all of it is still there."""
    from mecopt.kernels.prebuilt import prebuilt

    note = _notes().get(cls.name)
    if not isinstance(note, dict) or note.get("of") != _depends_on(cls):
        return False
    if note.get("prebuilt") not in ([], list(prebuilt().problems)):
        return False
    files = note.get("files")
    return isinstance(files, dict) and all(_size(name) == size for name, size in files.items())


def is_prebuilt(cls: type[Problem]) -> bool:
    """Whether the kernels of a problem came with mecopt, for this machine among others."""
    from mecopt.kernels.prebuilt import prebuilt

    return cls.__module__.partition(".")[0] == "mecopt" and cls.name in prebuilt().problems


def _size(name: str) -> int | None:
    try:
        return Path(name).stat().st_size
    except OSError:
        return None


def note_warm(cls: type[Problem]) -> None:
    """Note that nothing is left to compile for a problem, whose kernels this process has loaded."""
    from mecopt.kernels.caches import used_files
    from mecopt.kernels.prebuilt import prebuilt

    folder = home()
    if folder is None:
        return
    note = {"of": _depends_on(cls), "files": used_files(), "prebuilt": list(prebuilt().problems)}
    with contextlib.suppress(OSError):
        write_whole(folder / NOTES, json.dumps({**_notes(), cls.name: note}, indent=1).encode())


def _notes() -> dict[str, Any]:
    folder = home()
    try:
        found = {} if folder is None else json.loads((folder / NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def home() -> Path | None:
    """Return the folder in which numba keeps what belongs to this file; None where there is none that may be written to."""
    from numba.core.caching import FunctionCache

    try:
        return Path(FunctionCache(home).cache_path)
    except RuntimeError:
        return None


def _depends_on(cls: type[Problem]) -> str:
    """Name the sources, the compiler and the processor."""
    import llvmlite.binding as llvm

    from mecopt.kernels.caches import digest_of, own_digest
    from mecopt.kernels.prebuilt import made_with

    parts = [own_digest(), digest_of(Path(inspect.getfile(cls)).parent), *made_with().values()]
    parts += [llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()
