"""Where tensors become numpy and come back: the solver's call, which has no derivative, and what guards gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

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
    relaxed: bool
    outputs: list[tuple[int, ...]]
    """Own axes of what comes back, in the order of `of_variables`."""


def of_variables(cls: type[Problem], room: ModuleType, sizes: Mapping[str, int]) -> list[tuple[int, ...]]:
    """Return the own axes of allocation and dual, one after the other, and of the multipliers where a room finds more."""
    both = (*declared(cls.Allocation), *declared(cls.Dual))  # type: ignore[arg-type]
    more = [(sizes["users"], room.MULTIPLIERS)] if hasattr(room, "multipliers") else []
    return [tuple(sizes[axis] for axis in axes(f)) for f in both] + more


def beside_users(value: Any, per_instance: bool) -> Any:
    """Return a field with an axis of length 1 where it has one entry per instance."""
    return value[..., None] if per_instance else value


class Solved(torch.autograd.Function):
    """The certified value, whether there is one, allocation and dual: constants to whoever differentiates."""

    @staticmethod
    def forward(call: Call, decision: Any, *fields: Any) -> Any:
        """Solve on the CPU; all but the first axes of the batch are as the call's own."""
        problem = _problem(call, fields)
        given = decision.detach().cpu().numpy()
        value, feasible, allocation, dual = (_relaxed if call.relaxed else _whole)(call, problem, given)
        variables = [*allocation.as_dict().values(), *dual.as_dict().values()]
        if hasattr(call.room, "multipliers"):
            with np.errstate(all="ignore"):
                variables.append(call.room.multipliers(problem, given, allocation))
        if call.at_kinks == "raise":
            _refuse_kinks(call, problem, given, feasible, allocation, dual)
        full = [np.broadcast_to(part, (*value.shape, *own)) for part, own in zip(variables, call.outputs, strict=True)]
        return tuple(torch.from_numpy(np.array(part)).to(decision.device) for part in (value, feasible, *full))

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


class Once(torch.autograd.Function):
    """Tensors whose gradients have no derivative: where one is asked for, that is an error and no wrong number."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*fields: Any) -> Any:
        """Return the same numbers."""
        return tuple(field.view_as(field) for field in fields)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep the tensors, so that their gradients are known to depend on them."""
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Hand the gradients on."""
        return Refused.apply(*gradients, *ctx.saved_tensors) if torch.is_grad_enabled() else gradients

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Hand the tangents on."""
        given = tuple(tangent for tangent in tangents if tangent is not None)
        handed = iter(Refused.apply(*given, *ctx.saved_tensors[: len(given)]))
        return tuple(None if tangent is None else next(handed) for tangent in tangents)


class Refused(torch.autograd.Function):
    """Gradients that refuse to be differentiated."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*both: Any) -> Any:
        """Return the first half of what is given, gradients; the others are what they depend on."""
        return tuple(gradient.view_as(gradient) for gradient in both[: len(both) // 2])

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep nothing."""

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Refuse."""
        raise NotImplementedError("mecopt.torch.allocate has first derivatives only: it cannot be differentiated twice")


class ValueOnly(torch.autograd.Function):
    """A variable without a gradient: where one is asked for, that is an error and no 0; in forward mode it is nan."""

    generate_vmap_rule = True

    @staticmethod
    def forward(variable: Any, value: Any) -> Any:
        """Return the variable."""
        return variable.view_as(variable)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep the variable for its size."""
        ctx.save_for_forward(inputs[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Refuse."""
        raise NotImplementedError("this value has gradients and its allocation has none: detach what is read of it")

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Return nan."""
        return torch.full_like(ctx.saved_tensors[0], torch.nan)


def _problem(call: Call, fields: Any) -> Problem:
    first = fields[0].shape[: fields[0].ndim - len(axes(declared(call.cls)[0]))]
    with batch_told(tuple(first)):
        return call.cls(**{name: tensor.detach().cpu().numpy() for name, tensor in zip(call.names, fields, strict=True)})


def _whole(call: Call, problem: Problem, decision: Array) -> tuple[Array, Array, Variables, Variables]:
    """Return what is certified; raise where it is not proved within the tolerance."""
    found = allocate(problem, decision, tol=call.tol, throw=False)
    states = list(np.ravel(np.asarray(found.status, dtype=object)))
    lost = [k for k, state in enumerate(states) if state not in (Status.OPTIMAL, Status.INFEASIBLE)]
    if lost:
        why = found.stats.messages.get(lost[0], f"its gap is {np.ravel(found.gap)[lost[0]]:.2g}, above tol")
        raise SolveFailed(
            f"{len(lost)} of {len(states)} items have no proved optimum, which gradients need; item {lost[0]}: {why}", found
        )
    feasible = np.array([state is Status.OPTIMAL for state in states]).reshape(found.shape)
    return np.asarray(found.objective), feasible, found.allocation, found.dual


def _relaxed(call: Call, problem: Problem, decision: Array) -> tuple[Array, Array, Variables, Variables]:
    wrong = np.argwhere(~((decision >= 0.0) & (decision <= 1.0)))
    if wrong.size:
        index = tuple(int(i) for i in wrong[0])
        raise InstanceError(f"decision{list(index)} is {decision[index]}; allowed: numbers from 0 to 1, as it is relaxed")
    with np.errstate(all="ignore"):
        value, bound, allocation, dual = call.room.relaxed(problem, decision)
    if not (np.abs(value - bound) <= call.tol * np.abs(value)).all():
        raise MecoptError("a relaxed decision has no proved optimum at these data")
    return value, np.ones(value.shape, dtype=bool), allocation, dual


def _refuse_kinks(
    call: Call, problem: Problem, decision: Array, feasible: Array, allocation: Variables, dual: Variables
) -> None:
    single = {f.name: not axes(f) for f in declared(call.cls)}
    fields = {name: beside_users(problem.aligned(name, decision), single[name]) for name in call.names}
    with np.errstate(all="ignore"):
        found = call.room.conditions(
            arrays,
            SimpleNamespace(**fields),
            decision,
            SimpleNamespace(**allocation.as_dict()),
            SimpleNamespace(**dual.as_dict()),
        )
    for why, there in found.kinks.items():
        places = np.argwhere(there & (feasible[..., None] if there.ndim > feasible.ndim else feasible))
        if len(places):
            *item, user = [int(i) for i in places[0]] if there.ndim > feasible.ndim else [*map(int, places[0]), -1]
            which = f"user {user}" if user >= 0 else "its allocation"
            raise AtAKink(
                f"item {item or 0} is at a kink: {which}: {why}; move the data, or pass at_kinks='one-sided' for the "
                "derivative on the side of the solver's answer"
            )
