"""Batteries of what a problem is: its declarations, its immutable data, how it is sampled, batched and renumbered."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.certificate import certify
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import axes
from mecopt.contract.problem import Problem
from mecopt.contract.solver import GAP
from mecopt.contract.units import rescaling
from mecopt.solve import allocate, solve
from mecopt.testing.decisions import (
    made_feasible,
    some_decision,
    wrong_decisions,
)
from mecopt.testing.instances import every_preset, small
from mecopt.testing.statements import agree, holds, negligible_of, refuses, same_value

Array = NDArray[Any]


def check_declarations(cls: type[Problem]) -> None:
    """The class says what it is, and every preset says where each of its numbers is from."""
    for name in ("name", "summary", "sense", "objective_name", "objective_unit", "decision_summary", "reference"):
        holds(hasattr(cls, name), f"{cls.__name__} lacks {name}")
    holds("paper" in cls.presets, f"{cls.name} has no preset 'paper'")
    names = {f.name for f in dataclasses.fields(cls)}
    for preset, scenario in cls.presets.items():
        holds(set(scenario.sources) == names, f"preset {preset}: sources for {set(scenario.sources) ^ names}")
    for kind in (cls.backends, cls.solvers):
        holds(all(key == one.name for key, one in kind.items()), f"{cls.name}: a key differs from the name behind it")


def check_data_are_immutable(cls: type[Problem]) -> None:
    """Neither the fields nor their entries can be changed, and the given arrays stay the caller's own."""
    problem = small(cls)
    for name, value in problem.data().items():
        holds(not value.flags.writeable, f"{name} is writeable")
        refuses(partial(setattr, problem, name, value), dataclasses.FrozenInstanceError, name)
    name, value = next(iter(problem.data().items()))
    mine = value.copy()
    other = cls(**{**problem.data(), name: mine})
    mine[...] = 0.0
    agree(getattr(other, name), value, "a problem must not share memory with what it was made from")


def check_sampling_is_reproducible(cls: type[Problem]) -> None:
    """The generator is the only source of randomness."""
    for preset in cls.presets:
        first, second = (cls.sample(np.random.default_rng(5), (3,), preset=preset) for _ in range(2))
        for name, value in first.data().items():
            holds(np.array_equal(value, getattr(second, name)), f"{preset}: {name} differs between equal seeds")
        other = cls.sample(np.random.default_rng(6), (3,), preset=preset)
        holds(any(not np.array_equal(v, getattr(other, n)) for n, v in first.data().items()), "the seed has no effect")


def check_batch_equals_loop(cls: type[Problem]) -> None:
    """Solving a batch is solving its instances."""
    for batch in every_preset(cls):
        whole = solve(batch)
        for one, alone in zip(whole, (solve(instance) for instance in batch), strict=True):
            agree(one.objective, alone.objective, f"{cls.name}: batch against single", beside=batch.negligible.max())
            holds(np.array_equal(one.decision, alone.decision), f"{cls.name}: batch decides differently")
            holds(one.status is alone.status, f"{cls.name}: batch has another status")


def check_candidates(cls: type[Problem]) -> None:
    """Candidate axes multiply out: each candidate is allocated as if it were alone, in every nesting of axes."""
    batch = cls.sample(np.random.default_rng(3), (2, 3), users=4)
    decisions = made_feasible(batch, batch.decision_space.sample(np.random.default_rng(4), (2, 3, 5)))
    together = allocate(batch, decisions)
    holds(together.shape == (2, 3, 5), f"shape is {together.shape}, not (2, 3, 5)")
    beside = negligible_of(batch, together.objective)
    agree(batch.optimal_value(decisions), together.objective, "optimal_value against allocate", beside=beside)
    for index in np.ndindex(2, 3, 5):
        alone = allocate(batch[index[:2]], decisions[index])
        agree(together.objective[index], alone.objective, f"candidate {index}", beside=alone.problem.negligible)
        agree(together[index].bound, alone.bound, f"bound of candidate {index}", beside=alone.problem.negligible)


def check_moves(cls: type[Problem]) -> None:
    """The values after single moves are the values of the decisions they lead to."""
    for batch in every_preset(cls):
        decisions = batch.decision_space.sample(np.random.default_rng(8), batch.batch_shape)
        moves = batch.move_values(decisions)
        for i, j in np.ndindex(batch.users, len(batch.choices.labels)):
            moved = decisions.copy()
            moved[:, i] = j
            agree(moves[:, i, j], batch.optimal_value(moved), f"user {i} takes choice {j}")


def check_inadmissible_decisions_are_refused(cls: type[Problem]) -> None:
    """Every formula refuses what is no decision, and takes lists and numbers of another type for the decisions they are."""
    batch = small(cls)
    decisions = made_feasible(batch, batch.decision_space.sample(np.random.default_rng(9), batch.batch_shape))
    allocation, dual = batch.closed_form(decisions)
    formulas: dict[str, Callable[[Any], Any]] = {
        "objective": lambda given: batch.objective(given, allocation),
        "violations": lambda given: [1.0 + broken for broken in batch.violations(given, allocation).values()],
        "certify": lambda given: 1.0 + certify(batch, given, allocation, batch.bound(given, dual)).gap,
        "bound": lambda given: batch.bound(given, dual),
        "closed_form": lambda given: batch.objective(given, batch.closed_form(given)[0]),
        "respond": lambda given: batch.objective(given, batch.respond(given, dual)),
        "optimal_value": batch.optimal_value,
        "infeasible": lambda given: batch.infeasible(given).astype(float),
        "mended": batch.mended,
    }
    for name, formula in formulas.items():
        for same in (decisions.tolist(), decisions.astype(complex if decisions.dtype.kind == "c" else np.longdouble)):
            for one, other in zip(formula(same), formula(decisions), strict=True):
                agree(one, other, f"{name} of a {type(same).__name__}", relative=GAP)
        for wrong in wrong_decisions(batch, decisions):
            refuses(partial(formula, wrong), InstanceError, f"{name} of {wrong}")
    for given in (dual, None, 1.0):
        refuses(partial(batch.objective, decisions, given), InstanceError, f"objective at {given}")
    for given in (allocation, None, 1.0):
        refuses(partial(batch.bound, decisions, given), InstanceError, f"bound at {given}")
    larger = small(cls, users=batch.users + 1)
    strange = larger.closed_form(some_decision(larger))[0]
    refuses(partial(batch.objective, decisions, strange), InstanceError, f"objective at {strange}")


def check_permutation_invariance(cls: type[Problem]) -> None:
    """Renumbering the users renumbers the answer and changes nothing else."""
    for batch in every_preset(cls):
        order = np.random.default_rng(2).permutation(batch.users)
        renumbered = cls(**{f.name: _renumbered(batch, f, order) for f in dataclasses.fields(cls)})
        before = solve(batch)
        same_value(before, solve(renumbered), "optimum after renumbering")
        decision = np.take(before.decision, order, axis=-batch.decision_space.ndim)
        same_value(before, allocate(renumbered, decision), "renumbered decision")


def _renumbered(batch: Problem, field: dataclasses.Field[Any], order: Array) -> Array:
    value: Array = getattr(batch, field.name)
    if "users" not in axes(field):
        return value
    return np.take(value, order, axis=axes(field).index("users") - len(axes(field)))


def check_unit_invariance(cls: type[Problem]) -> None:
    """Measuring in other base units changes numbers, not the answer: 1e-6 to 1e6 of every base unit."""
    for batch in every_preset(cls):
        reference = solve(batch)
        for base, factor in itertools.product(cls.base_units, (1e-6, 1e3, 1e6)):
            fields = {
                f.name: getattr(batch, f.name) * rescaling(f.metadata["unit"], base, factor) for f in dataclasses.fields(cls)
            }
            scale = rescaling(cls.objective_unit, base, factor)
            same_value(reference, solve(cls(**fields)), f"{base} times {factor}", factor=scale)
