r"""`mecopt.torch.allocate`: the certified optimum of given decisions, with gradients to tensors in the problem's fields.

- The value's gradient is the Lagrangian's partial derivative at the solution and its prices (envelope theorem).
- The allocation's is that of the conditions which determine it (implicit function theorem): batched, and without a linear
  system where one price rules.

Both are written once per problem, in its room ``gradients``; see `mecopt.kernels.implicit`.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, Literal, NamedTuple, cast

from mecopt.contract.errors import BackendUnavailable, InstanceError

try:
    import torch
except ImportError as error:
    raise BackendUnavailable("mecopt.torch needs torch; install it by: pip install 'mecopt[learn]'") from error
from array_api_compat import torch as tensors

from mecopt.contract.arguments import checked_gap
from mecopt.contract.fields import axes, declared
from mecopt.contract.problem import Problem
from mecopt.contract.solver import LEAST_GAP
from mecopt.torch.given import decision_of, device_of, fields_of, refuse_traces
from mecopt.torch.guards import MASKED, Once, Shown, beside
from mecopt.torch.solved import Call, Solved, beside_users, of_variables

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


def allocate(
    problem: Problem | type[Problem],
    decision: Any,
    *,
    tol: float = 1e-8,
    at_kinks: Literal["one-sided", "raise"] = "one-sided",
    throw: bool = True,
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
    throw
        raise `SolveFailed` if any item's optimum is not proved within `tol`, from which gradients would be of something
        else; otherwise such an item is nan, as one without an allocation always is. `mecopt.allocate` tells them apart.
    **fields
        fields of the problem, in its units: they replace what it holds. Tensors are float64; fields that broadcast get
        summed gradients. Anything else that a problem takes is a constant.

    Returns
    -------
    Allocated
        ``value`` and ``allocation``, float64. An item without an allocation is nan in both, and so are its tangents in
        forward mode; whatever cotangent arrives there counts as 0. Neither reaches other items.

    Raises
    ------
    InstanceError
        for fields, decisions or tensors that are inadmissible, float32, sparse ones and several devices among them, where a
        problem has no gradients, and where a call is traced (`torch.jit.trace`, `torch.export`). `torch.compile` leaves it
        out of the graph.
    SolveFailed
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
    return cast(Allocated, _called(problem, decision, tol, at_kinks, throw, fields))


def _allocate(problem: Any, decision: Any, tol: float, at_kinks: str, throw: bool, fields: Mapping[str, Any]) -> Allocated:
    cls = problem if isinstance(problem, type) else type(problem)
    if limited := getattr(cls, "allocation_limits", ()):
        said = f"limits on allocations, such as {limited[0].name!r}, have no gradients"
        raise InstanceError(f"{said}; allowed: a problem without them")
    room = _room(cls)
    refuse_traces()
    checked_gap("tol", tol, least=LEAST_GAP)
    if at_kinks not in ("one-sided", "raise"):
        raise InstanceError(f"at_kinks is {at_kinks!r}; allowed: 'one-sided' or 'raise'")
    own, device = getattr(room, "DECISION_AXES", 1), device_of(cls, fields, decision)
    whole, sizes, batch = fields_of(cls, None if isinstance(problem, type) else problem, fields, room, device)
    chosen, relaxed = decision_of(decision, cls, room, batch, device)
    outputs = of_variables(cls, room, sizes)
    call = Call(cls, room, tuple(whole), tol, at_kinks, throw, relaxed, list(outputs.values()))
    value, *states, solved = _solved(Solved.apply(call, chosen.detach(), *(t.detach() for t in whole.values())), outputs)
    feasible = states[0] != MASKED
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

    names = [f.name for f in declared(cls.Allocation)]  # type: ignore[attr-defined]
    known = {name: _where(feasible, part, 1.0) for name, part in solved.items()}
    found = room.conditions(
        tensors,
        SimpleNamespace(**{name: used(name, tensor) for name, tensor in whole.items()}),
        chosen,
        SimpleNamespace(**{name: known[name] for name in names}),
        SimpleNamespace(**{name: part for name, part in known.items() if name not in names}),
    )
    reasons = getattr(room, "REASONS", ())
    best = Shown.apply(reasons, states[0], value, found.lagrangian)
    pieces = [Shown.apply(reasons, states[1], solved[name], found.allocation[name]) for name in names]
    return Allocated(best, _tuple_of(cls)(*pieces))


_called = torch.compiler.disable(
    _allocate, reason="mecopt.torch.allocate calls a solver, which no graph holds; allowed: torch.compile without fullgraph"
)


def _solved(found: Sequence[Tensor], outputs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return value, both states, and the variables by name."""
    value, of_value, of_allocation, *variables = found
    return value, of_value, of_allocation, dict(zip(outputs, variables, strict=True))


def _where(feasible: Tensor, value: Tensor, otherwise: float) -> Tensor:
    """Return values of feasible items; a gradient never reaches the others."""
    return torch.where(beside(feasible, value), value, otherwise)


@cache
def _tuple_of(cls: type[Problem]) -> Any:
    return namedtuple(cls.Allocation.__name__, [f.name for f in declared(cls.Allocation)])  # type: ignore[arg-type]


@cache
def _room(cls: type[Problem]) -> ModuleType:
    """Return ``gradients`` in the model's package."""
    if not (isinstance(cls, type) and issubclass(cls, Problem)):
        raise InstanceError(f"problem is of type {cls.__name__}; allowed: a problem or its class, as BinaryOffloading")
    name = ".".join([*cls.__module__.split(".")[:-1], "gradients"])
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):
            raise  # the room is there, and what it needs is not
        raise InstanceError(f"{cls.name} has no gradients yet; allowed: problems with a room {name}") from None
