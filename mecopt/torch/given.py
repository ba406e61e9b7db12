"""What a call is given: tensors in place of fields and decisions, each of them as a solver on the CPU can read it."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch

from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import axes, declared, numbers
from mecopt.contract.meant import unknown_field
from mecopt.contract.problem import Problem
from mecopt.contract.shapes import batch_of, sizes_of

Tensor = Any

TRACED = (
    "mecopt.torch.allocate is traced by {}, and its answers are a solver's, which a trace would keep as constants; allowed: "
    "a call of its own, or torch.compile, which leaves it out of the graph"
)


def refuse_traces() -> None:
    """Raise where what is called only records what it would do."""
    from torch.fx.experimental.proxy_tensor import get_proxy_mode

    tracers = {
        "torch.jit.trace": torch.jit.is_tracing(),
        "torch.export": torch.compiler.is_exporting(),
        "make_fx": get_proxy_mode() is not None,
    }
    for name, active in tracers.items():
        if active:
            raise InstanceError(TRACED.format(name))


def readable(where: str, value: Tensor) -> Tensor:
    """Return a tensor whose numbers the CPU can read, or say what it is instead."""
    from torch._subclasses.fake_tensor import FakeTensor

    if value.is_nested:
        raise InstanceError(f"{where} is a nested tensor; allowed: a dense one, as torch.nested.to_padded_tensor makes")
    if value.layout is not torch.strided:
        raise InstanceError(f"{where} is a sparse tensor ({value.layout}); allowed: a dense one, as to_dense() makes")
    if value.device.type == "meta" or isinstance(value, FakeTensor):
        raise InstanceError(f"{where} is a tensor without numbers (device 'meta'); allowed: one that holds its numbers")
    return value


def fields_of(
    cls: type[Problem], problem: Problem | None, given: Mapping[str, Any], room: ModuleType, device: Any
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
    ordered = {f.name: found[f.name].to(device).expand((*batch, *(sizes[axis] for axis in axes(f)))) for f in declared(cls)}
    return ordered, sizes, batch


def device_of(cls: type[Problem], given: Mapping[str, Any], decision: Any) -> Any:
    """Return the device of all tensors that are given, or say which one is elsewhere."""
    named = {**{f"{cls.__name__}.{name}": value for name, value in given.items()}, "decision": decision}
    tensors = {name: readable(name, value) for name, value in named.items() if isinstance(value, torch.Tensor)}
    first = next(iter(tensors), None)
    for name, value in tensors.items():
        if first is not None and value.device != tensors[first].device:
            raise InstanceError(
                f"{name} is a tensor on {value.device}, and {first} is on {tensors[first].device}; allowed: one device, as "
                f"to({str(tensors[first].device)!r}) is on"
            )
    return torch.device("cpu") if first is None else tensors[first].device


def _tensor(cls: type[Problem], f: Any, value: Any, room: ModuleType) -> Tensor:
    """Return what was given for a field, or say what is wrong with it."""
    where = f"{cls.__name__}.{f.name}"
    if not isinstance(value, torch.Tensor):
        return torch.tensor(numbers(cls.__name__, f, value))
    wanted = torch.complex128 if f.metadata["complex"] else torch.float64
    if value.dtype not in (wanted, torch.float64):
        as_real = f"{f.name}.real is, or abs()" if value.is_complex() else f"{f.name}.to({wanted}) is"
        raise InstanceError(f"{where} is a tensor of {value.dtype}; allowed: {wanted}, as {as_real}")
    if value.requires_grad and f.name not in room.DIFFERENTIABLE:
        raise InstanceError(
            f"{where} requires a gradient and has none; allowed: {', '.join(room.DIFFERENTIABLE)}, or {f.name}.detach()"
        )
    return value.to(wanted)


def decision_of(
    decision: Any, cls: type[Problem], room: ModuleType, batch: tuple[int, ...], device: Any
) -> tuple[Tensor, bool]:
    """Return decisions with the axes of the batch, and whether they are relaxed."""
    chosen = _chosen(decision, cls).to(device)
    own = getattr(room, "DECISION_AXES", 1)
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


def _chosen(decision: Any, cls: type[Problem]) -> Tensor:
    """Return decisions as a tensor, or say why they are none."""
    allowed = f"allowed: {cls.decision_summary}, as numbers in a rectangular array or a tensor"
    if isinstance(decision, torch.Tensor):
        return decision
    parts = decision if isinstance(decision, list | tuple) else ()
    if any(isinstance(part, torch.Tensor) and part.requires_grad for part in parts):
        raise InstanceError("decision is a list of tensors with gradients, which end here; allowed: torch.stack of them")
    try:
        array = np.asarray(decision)
    except Exception:  # of ragged lists, and whatever other libraries raise for their own arrays
        raise InstanceError(f"decision is no rectangular array; {allowed}") from None
    if array.dtype.kind not in "biufc":
        shown = repr(next(iter(array.ravel().tolist()), None))[:40]
        raise InstanceError(f"decision holds {shown}, which is no number; {allowed}")
    return torch.tensor(array)
