r"""`mecopt.torch.allocate`: the certified optimum of given decisions, with gradients to tensors in the problem's fields.

- The value's gradient is the Lagrangian's partial derivative at the solution and its prices (envelope theorem).
- The allocation's is that of the conditions which determine it (implicit function theorem): batched, and without a linear
  system where one price rules.

Both are written once per problem, in its room ``gradients``; see `mecopt.kernels.implicit`.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, Literal, NamedTuple

import numpy as np

from mecopt.contract.errors import BackendUnavailable, InstanceError

try:
    import torch
except ImportError as error:
    raise BackendUnavailable("mecopt.torch needs torch; install it by: pip install 'mecopt[learn]'") from error
from array_api_compat import torch as tensors

from mecopt.contract.arguments import checked_gap
from mecopt.contract.fields import axes, declared, numbers
from mecopt.contract.meant import unknown_field
from mecopt.contract.problem import Problem
from mecopt.contract.shapes import batch_of, sizes_of
from mecopt.contract.solver import LEAST_GAP
from mecopt.torch.solved import Call, Once, Solved, ValueOnly, beside_users, of_variables

Tensor = Any


class Allocated(NamedTuple):
    """The value of each decision, ``(*batch, *candidates)``, and its best allocation, a named tuple of tensors."""

    value: Tensor
    """nan where the decision has no allocation: ``value.isnan()`` is the mask of these items."""
    allocation: Any
    """The variables by name, as ``allocation.server_rate``; nan where there is none."""


def differentiable(problem: type[Problem] | Problem) -> tuple[str, ...]:
    """Return the fields of a problem to which `allocate` has gradients.

    Raises
    ------
    InstanceError
        where it has none.
    """
    found: tuple[str, ...] = _room(problem if isinstance(problem, type) else type(problem)).DIFFERENTIABLE
    return found


def value_only(problem: type[Problem] | Problem) -> bool:
    """Whether the value alone has gradients, and those of the allocation are refused."""
    return bool(getattr(_room(problem if isinstance(problem, type) else type(problem)), "VALUE_ONLY", False))


def allocate(
    problem: Problem | type[Problem],
    decision: Any,
    *,
    tol: float = 1e-8,
    at_kinks: Literal["one-sided", "raise"] = "one-sided",
    **fields: Any,
) -> Allocated:
    """Find the best allocation of given decisions, as `mecopt.allocate` does, with gradients.

    Parameters
    ----------
    problem
        a problem, or its class where all fields that it requires are given.
    decision
        shape ``(*batch, *candidates, n)``, a tensor or anything like an array; a single one is used for the whole batch. In
        binary offloading a tensor of floats from 0 to 1 is a relaxed decision, with gradients to it, and so are the energies
        that hybrid slots keep.
    tol
        as in `mecopt.allocate`, by the problem's default backend: what binds has to be told from what nearly does, and an
        answer that stops short of a limit by its own tolerance does not tell.
    at_kinks
        what to do where the allocation has two one-sided derivatives, as where a bound is just active: "one-sided" takes the
        one on the side of the solver's answer, "raise" raises `AtAKink`. The value has one derivative there
        but where a limit is just reached: the guide names these places.
    **fields
        fields of the problem, in its units: they replace what it holds. Tensors are float64; fields that broadcast get
        summed gradients. Anything else that a problem takes is a constant.

    Returns
    -------
    Allocated
        ``value`` and ``allocation``, float64. An item without an allocation is nan in both, and whatever cotangent arrives
        there counts as 0.

    Raises
    ------
    InstanceError
        for fields, decisions or tensors that are inadmissible, float32 among them, and where a problem has no gradients.
    SolveFailed
        if any item's optimum is not proved within `tol`: gradients are those of an optimum.
    AtAKink

    Examples
    --------
    >>> from mecopt.models import BinaryOffloading
    >>> capacity = torch.tensor(30.0, dtype=torch.float64, requires_grad=True)
    >>> value, allocation = allocate(BinaryOffloading, [1, 0, 1], data_size=[12.0, 7.5, 20.1], capacity=capacity)
    >>> value.backward()
    >>> round(value.item(), 6), [round(rate, 6) for rate in allocation.server_rate.tolist()], round(capacity.grad.item(), 6)
    (38.838061, [13.076352, 0.0, 16.923648], -0.105269)
    """
    cls = problem if isinstance(problem, type) else type(problem)
    room = _room(cls)
    checked_gap("tol", tol, least=LEAST_GAP)
    if at_kinks not in ("one-sided", "raise"):
        raise InstanceError(f"at_kinks is {at_kinks!r}; allowed: 'one-sided' or 'raise'")
    whole, sizes, batch = _fields(cls, None if isinstance(problem, type) else problem, fields, room)
    own = getattr(room, "DECISION_AXES", 1)
    chosen, relaxed = _decision(decision, cls, room, batch, own)
    call = Call(cls, room, tuple(whole), tol, at_kinks, relaxed, of_variables(cls, room, sizes))
    value, feasible, *variables = Solved.apply(call, chosen.detach(), *(tensor.detach() for tensor in whole.values()))
    missing = chosen.ndim - own - len(batch)
    single = {f.name: not axes(f) for f in declared(cls)}

    names_given = [name for name in fields if isinstance(fields[name], torch.Tensor)]
    guarded = [*(whole[name] for name in names_given), *((chosen,) if relaxed or chosen.requires_grad else ())]
    guarded = list(Once.apply(*guarded)) if guarded else guarded
    whole.update(zip(names_given, guarded, strict=False))
    if len(guarded) > len(names_given):
        chosen = _where(feasible, guarded[-1], 0.0)

    def used(name: str, tensor: Tensor) -> Tensor:
        spread = tensor.reshape((*batch, *(1,) * missing, *tensor.shape[len(batch) :])) if missing else tensor
        return _where(feasible, beside_users(spread, single[name]), 1.0)

    known = [_where(feasible, part, 1.0) for part in variables]
    count = len(declared(cls.Allocation))  # type: ignore[arg-type]
    names, prices = ([f.name for f in declared(kind)] for kind in (cls.Allocation, cls.Dual))  # type: ignore[arg-type]
    found = room.conditions(
        tensors,
        SimpleNamespace(**{name: used(name, tensor) for name, tensor in whole.items()}),
        chosen,
        SimpleNamespace(**dict(zip(names, known[:count], strict=True))),
        SimpleNamespace(**dict(zip([*prices, "multipliers"], known[count:], strict=False))),
    )

    def attached(solved: Tensor, moving: Tensor) -> Tensor:
        return _where(feasible, solved + (moving - moving.detach()), float("nan"))

    best = attached(value, found.lagrangian)
    pairs = zip(names, variables, strict=False)
    if value_only(cls):
        pieces = [ValueOnly.apply(_where(feasible, solved, float("nan")), best) for _, solved in pairs]
    else:
        pieces = [attached(solved, found.allocation[name]) for name, solved in pairs]
    return Allocated(best, _tuple_of(cls)(*pieces))


def _where(feasible: Tensor, value: Tensor, otherwise: float) -> Tensor:
    """Return values of feasible items; a gradient never reaches the others."""
    beyond = value.ndim - feasible.ndim
    return torch.where(feasible.reshape((*feasible.shape, *(1,) * beyond)) if beyond else feasible, value, otherwise)


@cache
def _tuple_of(cls: type[Problem]) -> Any:
    return namedtuple(cls.Allocation.__name__, [f.name for f in declared(cls.Allocation)])  # type: ignore[arg-type]


@cache
def _room(cls: type[Problem]) -> ModuleType:
    """Return ``gradients`` in the model's package."""
    name = ".".join([*cls.__module__.split(".")[:-1], "gradients"])
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):
            raise  # the room is there, and what it needs is not
        raise InstanceError(f"{cls.name} has no gradients yet; allowed: problems with a room {name}") from None


def _fields(
    cls: type[Problem], problem: Problem | None, given: Mapping[str, Any], room: ModuleType
) -> tuple[dict[str, Tensor], dict[str, int], tuple[int, ...]]:
    """Return all fields as tensors, broadcast to the batch and their own axes, the sizes, and the batch."""
    names = [f.name for f in declared(cls)]
    for name in given:
        if name not in names:
            raise unknown_field(cls, name, names)
    found: dict[str, Tensor] = {}
    for f in declared(cls):
        if f.name in given:
            found[f.name] = _tensor(cls, f, given[f.name], room)
        elif problem is not None:
            found[f.name] = torch.tensor(getattr(problem, f.name))
        elif f.metadata["default"] is None:
            raise InstanceError(f"{cls.__name__}.{f.name} is missing; pass it by name, or a problem in place of its class")
    sizes = sizes_of(cls, found)
    for f in declared(cls):
        if f.name not in found:
            default = f.metadata["default"]
            found[f.name] = torch.as_tensor(default(sizes["users"]) if callable(default) else default, dtype=torch.float64)
    batch = batch_of(cls, {name: tuple(tensor.shape) for name, tensor in found.items()}, sizes)
    device = next((value.device for value in given.values() if isinstance(value, torch.Tensor)), torch.device("cpu"))
    ordered = {f.name: found[f.name].to(device).expand((*batch, *(sizes[axis] for axis in axes(f)))) for f in declared(cls)}
    return ordered, sizes, batch


def _tensor(cls: type[Problem], f: Any, value: Any, room: ModuleType) -> Tensor:
    """Return what was given for a field, or say what is wrong with it."""
    where = f"{cls.__name__}.{f.name}"
    if not isinstance(value, torch.Tensor):
        return torch.tensor(numbers(cls.__name__, f, value))
    wanted = torch.complex128 if f.metadata["complex"] else torch.float64
    if value.dtype not in (wanted, torch.float64):
        raise InstanceError(f"{where} is a tensor of {value.dtype}; allowed: {wanted}, as {f.name}.to({wanted}) is")
    if value.requires_grad and f.name not in room.DIFFERENTIABLE:
        raise InstanceError(
            f"{where} requires a gradient and has none; allowed: {', '.join(room.DIFFERENTIABLE)}, or {f.name}.detach()"
        )
    return value.to(wanted)


def _decision(decision: Any, cls: type[Problem], room: ModuleType, batch: tuple[int, ...], own: int) -> tuple[Tensor, bool]:
    """Return decisions with the axes of the batch, and whether they are relaxed."""
    chosen = decision if isinstance(decision, torch.Tensor) else torch.tensor(np.asarray(decision))
    relaxed = isinstance(decision, torch.Tensor) and chosen.is_floating_point() and hasattr(room, "relaxed")
    if relaxed and cls.limits:
        raise InstanceError("a relaxed decision takes no limits on decisions; allowed: whole numbers")
    if (chosen.is_floating_point() or chosen.is_complex()) and chosen.dtype not in (torch.float64, torch.complex128):
        raise InstanceError(f"decision is a tensor of {chosen.dtype}; allowed: whole numbers, or torch.float64")
    if chosen.requires_grad and not relaxed and not getattr(room, "REAL_DECISIONS", False):
        raise InstanceError(f"decision requires a gradient; {cls.name} decides {cls.decision_summary}; allowed: detach()")
    if chosen.ndim == own and batch:
        chosen = chosen.expand((*batch, *chosen.shape))
    if tuple(chosen.shape[: len(batch)]) != batch or chosen.ndim < own:
        raise InstanceError(f"decision has shape {tuple(chosen.shape)}; allowed: leading axes {batch}, the batch's")
    return chosen, relaxed
