"""What a layer cannot do, and what it is not given rightly: each said in a sentence; and what one item lacks is its own."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

import mecopt
from mecopt.models import BackscatterFrame, BinaryOffloading, HybridSlot

torch = pytest.importorskip("torch", reason="gradients need torch")


def tensor(values: Any, gradient: bool = True) -> Any:
    return torch.tensor(values, dtype=torch.float64, requires_grad=gradient)


def allocate(*args: Any, **kwargs: Any) -> Any:
    from mecopt.torch import allocate

    return allocate(*args, **kwargs)


def cost(size: Any) -> Any:
    return allocate(BinaryOffloading, [1, 0, 1], data_size=size).value


def rate(size: Any) -> Any:
    return allocate(BinaryOffloading, [1, 0, 1], data_size=size).allocation.server_rate.sum()


SIZES = [12.0, 7.5, 20.1]


@pytest.mark.parametrize("function", [cost, rate])
def test_every_way_to_differentiate_twice_is_refused_in_the_same_words(function: Any) -> None:
    func: Any = torch.func
    old: Any = torch.autograd.functional
    size, along = tensor(SIZES, gradient=False), torch.ones(3, dtype=torch.float64)

    def slope(size: Any) -> Any:
        return func.jvp(function, (size,), (along,))[1]

    ways: dict[str, Any] = {
        "hessian": lambda: func.hessian(function)(size),
        "jacfwd twice": lambda: func.jacfwd(func.jacfwd(function))(size),
        "jacrev of jacfwd": lambda: func.jacrev(func.jacfwd(function))(size),
        "jacrev twice": lambda: func.jacrev(func.jacrev(function))(size),
        "jvp of jvp": lambda: func.jvp(slope, (size,), (along,)),
        "a map of hessians": lambda: func.vmap(func.hessian(function))(torch.stack([size, size])),
        "functional.hessian": lambda: old.hessian(function, size),
        "hvp": lambda: old.hvp(function, size, along),
        "gradgradcheck": lambda: torch.autograd.gradgradcheck(function, (tensor(SIZES),)),
    }
    for way in ways.values():
        with pytest.raises(NotImplementedError, match="first derivatives only"):
            way()


def test_tangents_of_an_infeasible_item_are_nan_and_reach_no_other() -> None:
    size, link = tensor([[12.0, 7.5], [12.0, 7.5]], False), tensor([[2.5, 2.5], [0.0, 2.5]], False)
    alone_size, alone_link = size[:1], link[:1]

    def both(size: Any, link: Any) -> Any:
        found = allocate(BinaryOffloading, [1, 1], data_size=size, upload_rate=link)
        return found.value, found.allocation.server_rate

    wrong = torch.ones_like(size)
    wrong[1] = torch.nan
    alone = torch.func.jvp(both, (alone_size, alone_link), (wrong[:1], torch.ones_like(alone_link)))[1]
    for tangents in (torch.ones_like(size), wrong):
        slopes = torch.func.jvp(both, (size, link), (tangents, torch.ones_like(link)))[1]
        for slope, expected in zip(slopes, alone, strict=True):
            assert slope[1].isnan().all()
            torch.testing.assert_close(slope[:1], expected, rtol=1e-14, atol=0.0)
    forward = torch.func.jacfwd(lambda size: torch.nansum(both(size, link)[0]))(size)
    backward = torch.func.jacrev(lambda size: torch.nansum(both(size, link)[0]))(size)
    assert (forward[1] == 0.0).all()
    torch.testing.assert_close(forward, backward, rtol=1e-12, atol=0.0)


def slots() -> HybridSlot:
    """Return two slots, of which the second is a strict one, that nothing proves."""
    return HybridSlot(
        workload=[[30.0], [30.0]],
        battery=[[20.0], [40.0]],
        uplink_gain=5e-6,
        downlink_gain=5e-6,
        pacing=["paced", "strict"],
    )


def test_an_item_that_is_not_proved_is_named_or_nan_and_the_others_stand() -> None:
    problem, kept = slots(), [[1.0], [1.0]]
    statuses = mecopt.allocate(problem, kept, throw=False).status
    assert [status.name for status in np.ravel(statuses)] == ["OPTIMAL", "FEASIBLE"]
    with pytest.raises(mecopt.SolveFailed, match=r"1 of 2 items have no proved optimum.*item 1 is FEASIBLE.*throw=False"):
        allocate(problem, kept)
    with pytest.raises(mecopt.SolveFailed, match=r"item \[1, 0\] is FEASIBLE"):
        allocate(problem, [[[1.0]], [[1.0]]])
    battery = tensor(problem.battery)
    value = allocate(problem, kept, throw=False, battery=battery).value
    assert value.isnan().tolist() == [False, True]
    torch.nansum(value).backward()
    alone = tensor(problem.battery[0])
    first = allocate(problem[0], kept[0], battery=alone).value
    first.backward()
    assert value[0].item() == first.item()
    assert battery.grad.tolist() == [alone.grad.tolist(), [0.0]]


def test_a_compiled_function_calls_it_outside_of_its_graph() -> None:
    size = tensor(SIZES)
    compiled = torch.compile(lambda size: 2.0 * cost(3.0 * size), backend="eager")
    value = compiled(size)
    value.backward()
    other = tensor(SIZES)
    plain = 2.0 * cost(3.0 * other)
    plain.backward()
    assert value.item() == plain.item()
    assert size.grad.tolist() == other.grad.tolist()


def test_a_compiled_function_without_breaks_is_refused_with_the_reason() -> None:
    torch.compiler.reset()
    with pytest.raises(Exception, match="calls a solver, which no graph holds"):
        torch.compile(cost, backend="eager", fullgraph=True)(tensor(SIZES))


def test_traces_are_refused() -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    class Module(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, size: Any) -> Any:
            return cost(size)

    size, jit = tensor(SIZES), cast(Any, torch.jit)
    ways: dict[str, Any] = {
        "torch.jit.trace": lambda: jit.trace(cost, (size,)),
        "torch.export": lambda: torch.export.export(Module(), (size,)),
        "make_fx": lambda: make_fx(cost)(size),
    }
    for name, trace in ways.items():
        with pytest.raises(mecopt.InstanceError, match=f"traced by {name}.*keep as constants"):
            trace()


def test_tensors_of_other_kinds_are_named() -> None:
    size = tensor(SIZES, gradient=False)
    meta = torch.empty(3, dtype=torch.float64, device="meta")
    fields: dict[str, Any]
    for wrong, fields in (
        (r"BinaryOffloading.data_size is a sparse tensor.*to_dense", {"data_size": size.to_sparse()}),
        (r"BinaryOffloading.data_size is a sparse tensor.*csr", {"data_size": torch.diag(size).to_sparse_csr()}),
        (r"BinaryOffloading.data_size is a nested tensor", {"data_size": torch.nested.nested_tensor([size, size])}),
        (r"BinaryOffloading.data_size is a tensor without numbers \(device 'meta'\)", {"data_size": meta}),
        (r"BinaryOffloading.capacity is a tensor without numbers", {"data_size": size, "capacity": meta[0]}),
        (r"BinaryOffloading.data_size is a tensor of torch.complex128; allowed: torch.float64", {"data_size": size * 1j}),
        (r"BinaryOffloading.data_size is a tensor of torch.int64; allowed: torch.float64", {"data_size": size.long()}),
        (r"BinaryOffloading.data_size is 'abc', which is no number", {"data_size": "abc"}),
    ):
        with pytest.raises(mecopt.InstanceError, match=wrong):
            allocate(BinaryOffloading, [1, 0, 1], **fields)
    one: Any = torch.tensor([1, 0, 1])
    for wrong, decision in (
        (r"decision is a sparse tensor", one.to_sparse()),
        (r"decision is a tensor without numbers", one.to("meta")),
        (r"decision is of type complex128", one.to(torch.complex128)),
        (r"decision holds 'abc', which is no number; allowed: one bit per user", "abc"),
        (r"decision holds None, which is no number", [None, 0, 1]),
        (r"decision is no rectangular array; allowed: one bit per user", [[1, 0], [1]]),
        (r"decision is a list of tensors with gradients.*torch.stack", list(tensor([0.5, 0.5, 0.5]))),
    ):
        with pytest.raises(mecopt.InstanceError, match=wrong):
            allocate(BinaryOffloading, decision, data_size=size)
    with pytest.raises(mecopt.InstanceError, match=r"BackscatterFrame.mode is a tensor of torch.int64"):
        allocate(BackscatterFrame, [[1.0, 0.0]], channel=[[0.1, 0.2]], workload=1.0, battery=1.0, mode=torch.tensor(1))


def test_what_is_no_problem_is_named() -> None:
    for wrong in ("binary-offloading", int, None):
        with pytest.raises(mecopt.InstanceError, match=r"problem is of type .*; allowed: a problem or its class"):
            allocate(wrong, [1, 0])
