"""Batteries for what 0 means: users who are not there, links that do not exist; as limits, by removal, and in every check.

A field says by `mecopt.contract.fields.quantity(..., zero=...)` what its 0 means. `with_zeros` makes of a problem the same
one whose instances have such zeros, so that the batteries of `mecopt.testing.problems` run on them as on any other; the
checks here add what holds for zeros alone: the optimum there is the limit of the optima on the way, and equals that without
the user.

>>> from mecopt.models import ComputationRate
>>> check_absent_users_count_for_nothing(ComputationRate)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.certified import Status
from mecopt.contract.decision import OneOf
from mecopt.contract.fields import ABSENT, axes, declared
from mecopt.contract.problem import Problem
from mecopt.contract.scenario import Scenario
from mecopt.contract.solution import Solution
from mecopt.solve import allocate, solve
from mecopt.testing.data import check_batch_equals_loop, check_moves, check_permutation_invariance
from mecopt.testing.methods import (
    check_backends_agree,
    check_exact_is_enumeration,
    check_no_solver_beats_the_bound,
    check_starts,
)
from mecopt.testing.problems import Check, checks_of
from mecopt.testing.proofs import (
    check_any_price_is_answered,
    check_handed_out_models,
    check_strong_duality,
    check_weak_duality,
)
from mecopt.testing.statements import agree, holds

Array = NDArray[Any]
Field = dataclasses.Field[Any]

INSTANCES = 4
"""Instances of the batches on which `mecopt.testing.problems` tries a problem; each has zeros of another field."""
SWITCHED_OFF = 0.4
"""Part of a field's entries that become 0, one at least."""
ON_THE_WAY = (1e-3, 1e-9, 1e-15)
"""Factors along which entries go to 0."""
NEAR = 1e-4
"""Relative difference left at the last of them: cube roots go to 0 slowly."""


def fields_with_zeros(cls: type[Problem]) -> list[Field]:
    """Return the fields in which 0 has a meaning of its own."""
    return [f for f in declared(cls) if f.metadata["zero"]]


def scaled_entries(problem: Problem, f: Field, where: Array, factor: float) -> Problem:
    """Return the problem with some entries of a field multiplied by a factor, 0 among others."""
    value = problem.data()[f.name]
    finite = np.where(np.isinf(value), 1.0, value)
    return type(problem)(**{**problem.data(), f.name: np.where(where, factor * finite, value)})


def some_entries(f: Field, shape: tuple[int, ...], rng: Generator) -> Array:
    """Draw which entries of an instance's field are switched off, some users' all antennas; the one of an instance is."""
    if not axes(f):
        return np.ones(shape, dtype=bool)
    drawn = (*shape[:-1], 1) if axes(f)[-1] == "antennas" else shape
    chosen = rng.random(drawn) < SWITCHED_OFF
    chosen.reshape(-1)[rng.integers(chosen.size)] = True
    return np.broadcast_to(chosen, shape).copy()


def with_zeros(cls: type[Problem]) -> type[Problem]:
    """Return the problem with presets in which the instances of a batch have zeros, each in another field, by turns."""
    known = fields_with_zeros(cls)

    def draws(scenario: Scenario, first: int) -> Any:
        def draw(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
            whole = cls(**scenario.draw(rng, shape))
            flat = whole.flat()
            data = {name: value.copy() for name, value in flat.data().items()}
            for i in range(flat.instances):
                f = known[(first + i) % len(known)]
                values = data[f.name]
                values[i] = np.where(some_entries(f, values.shape[1:], rng), 0.0, values[i])
            return {name: value.reshape(whole.data()[name].shape) for name, value in data.items()}

        return draw

    base = cls.presets["paper"]
    presets = {
        "paper" if first == 0 else f"zeros {first}": dataclasses.replace(base, draw=draws(base, first))
        for first in range(0, len(known), INSTANCES)
    }
    return type(cls.__name__, (cls,), {"presets": presets, "__doc__": cls.__doc__})


def _tried(cls: type[Problem], users: int = 5) -> Iterator[tuple[Problem, Field, Array]]:
    """Yield batches, a field in which 0 has a meaning, and entries to switch off, the same ones in all instances."""
    rng = np.random.default_rng(21)
    for f in fields_with_zeros(cls):
        batch = cls.sample(np.random.default_rng(11), (INSTANCES,), users=users)
        yield batch, f, some_entries(f, tuple(batch.sizes[axis] for axis in axes(f)), rng)


def answered(solution: Solution) -> Array:
    """Whether an item has an answer."""
    return np.array([status not in (Status.FAILED, Status.INFEASIBLE) for status in np.ravel(solution.status)])


def check_zero_is_the_limit(cls: type[Problem]) -> None:
    """Optima tend to the one at 0 as entries do; where it has no answer, they go beyond all bounds."""
    for batch, f, where in _tried(cls):
        limit = solve(scaled_entries(batch, f, where, 0.0), throw=False)
        there = answered(limit)
        before = solve(batch).objective
        holds([s is Status.OPTIMAL for s in limit.status[there]], f"{f.name} = 0: the default solver proves nothing")
        holds([s is Status.INFEASIBLE for s in limit.status[~there]], f"{f.name} = 0: an answer is neither there nor denied")
        missing = np.full(batch.instances, np.inf)
        for factor in ON_THE_WAY:
            value = solve(scaled_entries(batch, f, where, factor)).objective
            left = np.abs(value - limit.objective)[there] / np.maximum(np.abs(before), np.abs(limit.objective))[there]
            holds(left <= missing[there] + NEAR, f"{f.name} times {factor}: farther from the limit than before")
            missing[there] = left
        holds(missing[there] <= NEAR, f"{f.name} = 0 is no limit: {missing[there]} is missing")
        holds(batch.sign * value[~there] > 1e3 * np.abs(before[~there]), f"{f.name} = 0 has no answer, but a finite limit")


def check_absent_users_count_for_nothing(cls: type[Problem]) -> None:
    """The optimum is that of the instance without absent users, and so is every decision's, whatever is decided for them."""
    for batch, f, where in _tried(cls):
        if f.metadata["zero"] != ABSENT:
            continue
        where[:1] = False
        if not where.any():
            where[-1] = True
        with_them = scaled_entries(batch, f, where, 0.0)
        without = _without(batch, where)
        one, other = solve(with_them), solve(without)
        what = f"{f.name} = 0 against the instance without these users"
        agree(one.objective, other.objective, what, relative=1e-9, beside=batch.negligible)
        holds(one.decision[:, where] == 0, f"{f.name} = 0: a user who is not there is not left local")
        for choice, choices in enumerate(_choices(with_them)):
            decision = one.decision.copy()
            decision[:, where] = choices[:, where]
            here, there = allocate(with_them, decision), allocate(without, one.decision[:, ~where])
            agree(here.objective, there.objective, f"{what}, choice {choice}", relative=1e-9, beside=batch.negligible)
            holds(here.gap <= 1e-8, f"{what}, choice {choice}: gap {here.gap}")


def _choices(batch: Problem) -> Iterator[Array]:
    """Yield decisions with every choice for all users, or some drawn ones where decisions are no choices."""
    space = batch.decision_space
    if isinstance(space, OneOf):
        yield from (np.full((*batch.batch_shape, batch.users), choice) for choice in range(len(space.labels)))
        return
    rng = np.random.default_rng(22)
    yield from (batch.mended(space.sample(rng, batch.batch_shape)) for _ in range(3))


def _without(batch: Problem, absent: Array) -> Problem:
    """Return the same instances with some users removed."""
    kept = np.flatnonzero(~absent)
    data = {}
    for f in declared(type(batch)):
        value, names = getattr(batch, f.name), axes(f)
        data[f.name] = np.take(value, kept, axis=names.index("users") - len(names)) if "users" in names else value
    return type(batch)(**data)


def check_zeros_everywhere(cls: type[Problem]) -> None:
    """Where all entries of a field are 0, every solver and backend says what there is, or that there is nothing."""
    for batch, f, _ in _tried(cls, users=3):
        nothing = scaled_entries(batch, f, np.array(True), 0.0)
        proved = solve(nothing, throw=False)
        holds([s in (Status.OPTIMAL, Status.INFEASIBLE) for s in proved.status], f"all {f.name} = 0: nothing is proved")
        counted = isinstance(nothing.decision_space, OneOf)
        decision = np.zeros(proved.decision.shape, dtype=np.int8) if counted else proved.decision
        for name, backend in cls.backends.items():
            if backend.is_available():
                answer = allocate(nothing, decision, backend=name, throw=False)
                holds(answered(answer) | nothing.infeasible(decision), f"all {f.name} = 0: {name} has no answer")


CHECKS_OF_ZEROS: tuple[Check, ...] = (
    check_zero_is_the_limit,
    check_absent_users_count_for_nothing,
    check_zeros_everywhere,
)
CHECKS_WITH_ZEROS: tuple[Check, ...] = (
    check_batch_equals_loop,
    check_moves,
    check_permutation_invariance,
    check_weak_duality,
    check_strong_duality,
    check_any_price_is_answered,
    check_backends_agree,
    check_exact_is_enumeration,
    check_no_solver_beats_the_bound,
    check_starts,
    check_handed_out_models,
)


def checks_with_zeros(cls: type[Problem]) -> tuple[Check, ...]:
    """Return the checks of `mecopt.testing.problems` that a problem passes with zeros in its fields too."""
    of_all = checks_of(cls)
    return tuple(check for check in CHECKS_WITH_ZEROS if check in of_all)
