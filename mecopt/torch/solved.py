"""Where tensors become numpy and come back: the solver's call, which has no derivative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from array_api_compat import numpy as arrays
from numpy.typing import NDArray

from mecopt.contract.certified import Status
from mecopt.contract.errors import InstanceError, MecoptError, SolveFailed
from mecopt.contract.fields import Variables, axes, declared
from mecopt.contract.problem import Problem
from mecopt.quantities.doubts import batch_told
from mecopt.solve import allocate
from mecopt.torch.guards import FOUND, MASKED

Array = NDArray[Any]


class AtAKink(MecoptError, ValueError):
    """An allocation has two one-sided derivatives at these data, and ``at_kinks="raise"`` asks for none of them."""


@dataclass(frozen=True)
class Call:
    """What a call of the solver needs beside tensors."""

    cls: type[Problem]
    room: ModuleType
    names: tuple[str, ...]
    tol: float
    at_kinks: str
    throw: bool
    relaxed: bool
    outputs: list[tuple[int, ...]]
    """Own axes of what comes back, in the order of `of_variables`."""


class Found(NamedTuple):
    """Values and whether they are proved optima, ``(*batch, *candidates)``, allocations and duals."""

    value: Array
    proved: Array
    allocation: Variables
    dual: Variables


def of_variables(cls: type[Problem], room: ModuleType, sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Return the own axes of allocation and dual by name, one after the other, and of what else a room finds."""
    both = (*declared(cls.Allocation), *declared(cls.Dual))  # type: ignore[arg-type]
    more = room.further(sizes) if hasattr(room, "further") else {}
    return {**{f.name: tuple(sizes[axis] for axis in axes(f)) for f in both}, **more}


def beside_users(value: Any, per_instance: bool) -> Any:
    """Return a field with an axis of length 1 where it has one entry per instance."""
    return value[..., None] if per_instance else value


class Solved(torch.autograd.Function):
    """Certified values, states of value and allocation, allocation and dual: constants to whoever differentiates.

    A state is one of `mecopt.torch.guards`: whether there are gradients, whether there is an answer, or why there are none.
    """

    @staticmethod
    def forward(call: Call, decision: Any, *fields: Any) -> Any:
        """Solve on the CPU; all but the first axes of the batch are as the call's own."""
        problem = _problem(call, fields)
        given = decision.detach().cpu().numpy()
        found = (_relaxed if call.relaxed else _whole)(call, problem, given)
        variables = {**found.allocation.as_dict(), **found.dual.as_dict()}
        states = [np.where(found.proved, FOUND, MASKED)] * 2
        if hasattr(call.room, "implicit"):
            with np.errstate(all="ignore"):
                *reasons, more = call.room.implicit(problem, given, found.allocation, found.dual)
            variables.update(more)
            states = [np.where(found.proved, reason, MASKED) for reason in reasons]
        if call.at_kinks == "raise":
            _refuse_kinks(call, problem, given, found, variables, states[1])
        shape = found.value.shape
        full = [np.broadcast_to(part, (*shape, *own)) for part, own in zip(variables.values(), call.outputs, strict=True)]
        return tuple(torch.from_numpy(np.array(part)).to(decision.device) for part in (found.value, *states, *full))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Say that nothing here has a derivative."""
        ctx.mark_non_differentiable(*output)

    @staticmethod
    def vmap(info: Any, in_dims: Any, call: Call, decision: Any, *fields: Any) -> Any:
        """Solve what is mapped over as one more axis of the batch, the first."""
        moved = []
        for tensor, place in zip((decision, *fields), in_dims[1:], strict=True):
            moved.append(tensor.expand((info.batch_size, *tensor.shape)) if place is None else tensor.movedim(place, 0))
        found = Solved.apply(call, *moved)
        return found, (0,) * len(found)


def _problem(call: Call, fields: Any) -> Problem:
    first = fields[0].shape[: fields[0].ndim - len(axes(declared(call.cls)[0]))]
    with batch_told(tuple(first)):
        return call.cls(**{name: tensor.detach().cpu().numpy() for name, tensor in zip(call.names, fields, strict=True)})


def _whole(call: Call, problem: Problem, decision: Array) -> Found:
    """Return what is certified; raise where it is not proved within the tolerance, unless that is an item's matter."""
    found = allocate(problem, decision, tol=call.tol, throw=False)
    states = np.asarray(found.status, dtype=object)
    proved, none = (
        np.reshape([one is state for one in states.ravel()], states.shape) for state in (Status.OPTIMAL, Status.INFEASIBLE)
    )
    lost = np.argwhere(~proved & ~none)
    if len(lost) and call.throw:
        where = tuple(int(i) for i in lost[0])
        said = found.stats.messages.get(int(np.ravel_multi_index(where, states.shape)) if where else 0, "")
        raise SolveFailed(
            f"{len(lost)} of {states.size} items have no proved optimum, which gradients need; item {_named(where)} is "
            f"{states[where].name}: {said or f'its gap is {np.asarray(found.gap)[where]:.2g}, above tol'}; "
            "allowed: throw=False, which leaves such items nan",
            found,
        )
    return Found(np.asarray(found.objective), proved, found.allocation, found.dual)


def _named(where: tuple[int, ...]) -> Any:
    """Return a place in a batch as it is said: a number of one axis, else a list."""
    return where[0] if len(where) == 1 else list(where) or 0


def _relaxed(call: Call, problem: Problem, decision: Array) -> Found:
    wrong = np.argwhere(~((decision >= 0.0) & (decision <= 1.0)))
    if wrong.size:
        index = tuple(int(i) for i in wrong[0])
        raise InstanceError(f"decision{list(index)} is {decision[index]}; allowed: numbers from 0 to 1, as it is relaxed")
    with np.errstate(all="ignore"):
        value, bound, allocation, dual = call.room.relaxed(problem, decision)
    proved = np.abs(value - bound) <= call.tol * np.abs(value)
    lost = np.argwhere(~proved)
    if len(lost) and call.throw:
        where = tuple(int(i) for i in lost[0])
        raise MecoptError(
            f"{len(lost)} of {proved.size} relaxed decisions have no proved optimum; item {_named(where)} has the cost "
            f"{value[where]:.6g} and the bound {bound[where]:.6g}; allowed: throw=False, which leaves such items nan"
        )
    return Found(value, proved, allocation, dual)


def _refuse_kinks(
    call: Call, problem: Problem, decision: Array, found: Found, variables: Mapping[str, Array], state: Array
) -> None:
    single = {f.name: not axes(f) for f in declared(call.cls)}
    fields = {name: beside_users(problem.aligned(name, decision), single[name]) for name in call.names}
    solved = SimpleNamespace(**{f.name: variables[f.name] for f in declared(call.cls.Allocation)})  # type: ignore[arg-type]
    prices = SimpleNamespace(**{name: value for name, value in variables.items() if not hasattr(solved, name)})
    with np.errstate(all="ignore"):
        kinks = dict(call.room.conditions(arrays, SimpleNamespace(**fields), decision, solved, prices).kinks)
    kinks.update({why: state == k for k, why in enumerate(getattr(call.room, "REASONS", ()), 1)})
    for why, there in kinks.items():
        of_users = there.ndim > found.proved.ndim
        places = np.argwhere(there & (found.proved[..., None] if of_users else found.proved))
        if len(places):
            *item, user = [int(i) for i in places[0]] if of_users else [*map(int, places[0]), -1]
            which = f"user {user}" if user >= 0 else "its allocation"
            raise AtAKink(
                f"item {_named(tuple(item))} is at a kink: {which}: {why}; move the data, or pass at_kinks='one-sided' for "
                "the derivative on the side of the solver's answer, where it has one"
            )
