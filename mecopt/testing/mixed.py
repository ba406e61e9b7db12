"""Batteries of mixed batches: beside whatever other items an item is answered as if it were alone, bit for bit.

A method that looks at more of a batch than its shape, a bound that any item has, a largest number of all, answers one item
by what another one is like. The batches here hold items of every preset and, for each field, items that differ from those in
this field alone: with what another preset has there (limits among others that have none), with zeros, with a limit missing,
many orders of magnitude away, and with numbers that floats can hold, but not multiply.

>>> from mecopt.models import BinaryOffloading
>>> check_a_mixed_batch_is_its_items(BinaryOffloading)
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.decision import OneOf
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Variables, declared
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.solve import allocate, solve
from mecopt.testing.batches import EXTREMES
from mecopt.testing.statements import holds

Array = NDArray[Any]
Check = Callable[[type[Problem]], None]
Data = Mapping[str, Array]

FEW, MANY = 4, 9
"""Users of items that are solved, and of those whose formulas are looked at: numpy adds more than eight numbers in another
order than few, and along another axis in yet another one."""

FAR = (1e-9, 1e9)
"""Factors that are absurd in the field, and as such no trouble for floats."""


def mixed_batch(cls: type[Problem], users: int = FEW) -> Problem:
    """Return a batch along one axis of items of all kinds."""
    sizes = {name: users if name == "users" else 2 for name in cls.size_names()}
    ordinary = [cls.sample(np.random.default_rng(7), preset=name, **sizes).data() for name in cls.presets]
    admitted: list[Data] = list(ordinary)
    bases, magnitudes = itertools.cycle(ordinary), itertools.cycle((*EXTREMES, *FAR))
    for f, one in zip(declared(cls), bases, strict=False):
        for value in _others(f, one[f.name], [other[f.name] for other in ordinary], next(magnitudes)):
            try:
                cls(**{**one, f.name: value})
            except InstanceError:
                continue
            admitted.append({**one, f.name: value})
    order = np.random.default_rng(8).permutation(len(admitted))
    return cls(**{f.name: np.stack([admitted[k][f.name] for k in order]) for f in declared(cls)})


def _others(f: Any, value: Array, elsewhere: list[Array], magnitude: float) -> Iterator[Array]:
    """Yield other values of a field of one item: other presets', and with a zero, no limit or another magnitude in it."""
    yield from (other for other in elsewhere if not np.array_equal(other, value))
    first = value[(0,) * value.ndim]
    for entry in (0.0, np.inf, magnitude * (first if np.isfinite(first) else 1.0)):
        changed = np.array(value)
        changed[(0,) * value.ndim] = entry
        yield changed


@np.errstate(all="ignore")
def check_a_mixed_batch_is_its_items(cls: type[Problem]) -> None:
    """Every own method answers a batch as it answers the batch's items one by one, bit for bit.

    Methods that draw are left out, since in a batch they draw in another order; so are other packages'. Items that a method
    refuses are left out for it.
    """
    batch = mixed_batch(cls)
    for name, solver in cls.solvers.items():
        if solver.package is None:
            generator = np.random.default_rng(0)
            before = generator.bit_generator.state
            kept, alone = _accepted(batch, partial(solve, solver=name, throw=False, rng=generator))
            holds(bool(kept) or name != cls.solver().name, f"solver {name} refuses every item")
            if kept and generator.bit_generator.state == before:
                _same(solve(batch[kept], solver=name, throw=False), alone, f"solver {name}")
    decisions = _decisions(batch)
    for name, backend in cls.backends.items():
        if backend.package is None:
            whole = allocate(batch, decisions, backend=name, throw=False)
            each = [allocate(one, own, backend=name, throw=False) for one, own in zip(batch, decisions, strict=True)]
            _same(whole, each, f"backend {name}")


def _accepted(batch: Problem, answer: Callable[[Problem], Solution]) -> tuple[list[int], list[Solution]]:
    """Return the places and the answers of the items that a method does not refuse, each by itself."""
    kept, alone = [], []
    for k, one in enumerate(batch):
        with suppress(InstanceError):
            alone.append(answer(one))
            kept.append(k)
    return kept, alone


@np.errstate(all="ignore")
def check_kernels_see_one_item(cls: type[Problem]) -> None:
    """What searches call of a batch says of each item what it says of the item alone, bit for bit."""
    batch = mixed_batch(cls, MANY)
    decisions, dual = _decisions(batch), batch.random_dual(np.random.default_rng(6), batch.batch_shape)
    calls: dict[str, Callable[[Problem, Array, Any], Any]] = {
        "optimal_value": lambda p, a, d: p.optimal_value(a),
        "closed_form": lambda p, a, d: p.closed_form(a),
        "respond": lambda p, a, d: p.respond(a, d),
        "objective": lambda p, a, d: p.objective(a, p.closed_form(a)[0]),
        "violations": lambda p, a, d: tuple(p.violations(a, p.closed_form(a)[0]).values()),
        "bound": lambda p, a, d: p.bound(a, d),
        "relaxed_bound": lambda p, a, d: p.relaxed_bound(d),
        "infeasible": lambda p, a, d: p.infeasible(a),
        "negligible": lambda p, a, d: p.negligible,
        "mended": lambda p, a, d: p.mended(a),
    }
    if isinstance(batch.decision_space, OneOf):
        calls["move_values"] = lambda p, a, d: p.move_values(a)
        calls["relaxed_dual"] = lambda p, a, d: p.relaxed_dual()
    for name, call in calls.items():
        whole = _arrays(call(batch, decisions, dual))
        for k, one in enumerate(batch):
            for mine, alone in zip(whole, _arrays(call(one, decisions[k], dual[k])), strict=True):
                _bits(mine[k], alone, f"{name} of item {k}")


def _decisions(batch: Problem) -> Array:
    """Draw a decision for every item, of choices that exist where there are any."""
    return batch.mended(batch.decision_space.sample(np.random.default_rng(9), batch.batch_shape))


def _same(whole: Solution, alone: list[Solution], what: str) -> None:
    for k, one in enumerate(alone):
        item = whole[k]
        if item.status is not one.status:
            raise AssertionError(f"{what}: item {k} is {item.status.name}, alone {one.status.name}")
        _bits(item.decision, _standing_as_often(one.decision, item.decision), f"{what}: decision of item {k}")
        for name in ("objective", "bound", "gap", "violation"):
            _bits(getattr(item, name), getattr(one, name), f"{what}: {name} of item {k}")
        for part in ("allocation", "dual"):
            for name, value in getattr(item, part).as_dict().items():
                _bits(value, getattr(one, part).as_dict()[name], f"{what}: {name} of item {k}")


def _standing_as_often(alone: Array, mine: Array) -> Array:
    """Return beams as often as they stand in a batch, where a slot of another item is divided among several."""
    return np.tile(alone, mine.size // alone.size if alone.shape[:-1] == mine.shape[:-1] else 1)


def _arrays(value: Any) -> list[Array]:
    """Return the arrays in what a kernel returns."""
    if isinstance(value, tuple):
        return [array for part in value for array in _arrays(part)]
    return list(value.as_dict().values()) if isinstance(value, Variables) else [np.asarray(value)]


def _bits(mine: Any, alone: Any, what: str) -> None:
    """State that two arrays are the same to the last bit, nan being itself."""
    mine, alone = np.asarray(mine), np.asarray(alone)
    if not np.array_equal(mine, alone, equal_nan=mine.dtype.kind in "fc"):
        raise AssertionError(f"{what} is {mine}, alone {alone}")


MIXED_CHECKS: tuple[Check, ...] = (check_kernels_see_one_item, check_a_mixed_batch_is_its_items)
