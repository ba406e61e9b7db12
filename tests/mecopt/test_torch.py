"""Allocation as a layer: shapes, broadcasts, infeasible items, kinks, and what is refused by name."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.models import (
    BandwidthPower,
    BinaryOffloading,
    InferenceQueue,
    MultiServerOffloading,
    PricedPower,
)

torch = pytest.importorskip("torch", reason="gradients need torch")


def tensor(values: Any, gradient: bool = True) -> Any:
    return torch.tensor(values, dtype=torch.float64, requires_grad=gradient)


def allocate(*args: Any, **kwargs: Any) -> Any:
    from mecopt.torch import allocate

    return allocate(*args, **kwargs)


def test_nothing_but_the_package_itself_imports_torch() -> None:
    code = (
        "import sys, mecopt; from mecopt.models import BinaryOffloading; import mecopt.models.binary_offloading.gradients;"
        "mecopt.allocate(BinaryOffloading(data_size=[1.0, 2.0]), [1, 0]); assert 'torch' not in sys.modules;"
        "import mecopt.torch; assert 'torch' in sys.modules; import torch; assert hasattr(torch, 'nn')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_values_are_those_that_are_certified() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(0), (6,), users=5)
    decision = problem.decision_space.sample(np.random.default_rng(1), (6, 3))
    found, certified = allocate(problem, decision), mecopt.allocate(problem, decision)
    assert found.value.numpy().tolist() == certified.objective.tolist()
    assert found.allocation.server_rate.numpy().tolist() == certified.allocation.server_rate.tolist()
    assert found.value.dtype is torch.float64


def test_a_field_that_broadcasts_has_the_sum_of_the_gradients() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(0), (6,), users=5)
    decision = problem.decision_space.sample(np.random.default_rng(1), (6, 3))
    one, each = tensor(25.0), tensor(np.full(6, 25.0))
    allocate(problem, decision, capacity=one).value.sum().backward()
    allocate(problem, decision, capacity=each).value.sum().backward()
    assert float(one.grad) == pytest.approx(float(each.grad.sum()), rel=1e-12)
    price = mecopt.allocate(BinaryOffloading(data_size=problem.data_size, capacity=25.0), decision).dual.capacity_price
    np.testing.assert_allclose(each.grad.numpy(), -price.sum(axis=-1), rtol=1e-12)


def test_cotangents_that_broadcast_are_taken() -> None:
    size = tensor([12.0, 7.5, 20.1])
    value, allocation = allocate(BinaryOffloading, [[1, 0, 1], [1, 1, 1]], data_size=size)
    expanded = torch.autograd.grad(
        [value, allocation.server_rate],
        size,
        [torch.ones(()).double().expand(2), torch.ones(()).double().expand(2, 3)],
        retain_graph=True,
    )
    whole = torch.autograd.grad([value, allocation.server_rate], size, [torch.ones(2).double(), torch.ones(2, 3).double()])
    assert torch.equal(expanded[0], whole[0])


def test_an_infeasible_item_is_nan_and_no_gradient_comes_from_it() -> None:
    size, link = tensor([[12.0, 7.5], [12.0, 7.5]]), tensor([[2.5, 2.5], [0.0, 2.5]])
    value, allocation = allocate(BinaryOffloading, [1, 0], data_size=size, upload_rate=link)
    assert value.isnan().tolist() == [False, True]
    assert allocation.server_rate.isnan().tolist() == [[False, False], [True, True]]
    (value[~value.isnan()].sum() + torch.nansum(allocation.server_rate**2)).backward()
    assert torch.isfinite(size.grad).all()
    assert (size.grad[0] != 0).any()
    assert (size.grad[1] == 0).all()
    assert (link.grad[1] == 0).all()
    again = tensor(size.detach().numpy())
    value, _ = allocate(BinaryOffloading, [1, 0], data_size=again, upload_rate=link.detach())
    value.backward(torch.full((2,), torch.nan, dtype=torch.float64))
    assert again.grad[0].isnan().any()
    assert (again.grad[1] == 0).all()


def test_users_of_whom_a_rate_is_missing_leave_the_others_gradients_finite() -> None:
    size, link, own = tensor([12.0, 7.5, 3.0]), tensor([2.5, 0.0, 2.0]), tensor([0.0, 3.0, 3.0])
    value, allocation = allocate(BinaryOffloading, [1, 0, 1], data_size=size, upload_rate=link, local_rate=own)
    (value + allocation.server_rate[0]).backward()
    for field in (size, link, own):
        assert torch.isfinite(field.grad).all()
    assert (link.grad[1], own.grad[0]) == (0.0, 0.0)


def test_a_relaxed_decision_has_the_value_of_the_problem_as_it_is_written() -> None:
    """Minimise the paper's formula over the rates under sum x f <= F, by a solver that knows nothing of it."""
    from scipy.optimize import minimize

    problem = BinaryOffloading.sample(np.random.default_rng(0), preset="heterogeneous", users=4)
    part = np.array([0.3, 1.0, 0.8, 0.05])
    local, upload, compute = problem.terms()

    def cost(share: Any) -> float:
        return float(((1 - part) * local + part * (upload + compute / (share * problem.capacity))).sum())

    limit = {"type": "ineq", "fun": lambda share: 1.0 - (part * share).sum()}
    best = minimize(cost, np.full(4, 0.4), constraints=[limit], bounds=[(1e-3, None)] * 4, tol=1e-12)
    found = allocate(problem, tensor(part))
    assert found.value.item() == pytest.approx(best.fun, rel=1e-7)
    np.testing.assert_allclose(found.allocation.server_rate.detach().numpy(), best.x * problem.capacity, rtol=1e-3)


def test_relaxed_decisions_of_bits_are_the_decisions_and_their_gradient_is_that_of_parts() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(0), preset="heterogeneous", users=4)
    bits = np.array([1, 0, 1, 0], dtype=np.int8)
    part = tensor(bits)
    found = allocate(problem, part)
    whole = mecopt.allocate(problem, bits)
    assert found.value.item() == pytest.approx(float(whole.objective), rel=1e-13)
    np.testing.assert_allclose(found.allocation.server_rate.detach().numpy(), whole.allocation.server_rate, rtol=1e-13)
    found.value.backward()
    inside = [allocate(problem, tensor(bits + step * (1.0 - 2.0 * bits))).value.item() for step in (0.0, 1e-6)]
    along = float((part.grad.numpy() * (1.0 - 2.0 * bits)).sum())
    assert along == pytest.approx((inside[1] - inside[0]) / 1e-6, rel=1e-4)


def test_gradcheck_of_relaxed_decisions() -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(0), (3,), preset="heterogeneous", users=4)
    part = torch.rand((3, 4), dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    size = tensor(problem.data_size)
    assert torch.autograd.gradcheck(
        lambda part, size: (lambda found: (found.value, *found.allocation))(allocate(problem, part, data_size=size)),
        (part, size),
        check_forward_ad=True,
        check_batched_grad=True,
    )


def test_a_kink_is_refused_by_name_where_that_is_asked_for() -> None:
    from mecopt.torch import AtAKink

    size = tensor([12.0, 0.0, 20.1])
    found = allocate(BinaryOffloading, [1, 1, 1], data_size=size)
    (found.value + found.allocation.server_rate.sum()).backward()
    assert torch.isfinite(size.grad).all()
    with pytest.raises(AtAKink, match="user 1: it offloads no data"):
        allocate(BinaryOffloading, [1, 1, 1], data_size=size, at_kinks="raise")
    allocate(BinaryOffloading, [1, 0, 1], data_size=size, at_kinks="raise")


def kinked(name: str) -> tuple[Any, Any, str, str]:
    """Return a problem, a decision and a field for which a bound is just active, and what is said of it."""
    if name == "multi-server-offloading":
        servers = MultiServerOffloading(channel_gain=[[1e-7], [1e-7]], server_speed=[4e9], most_speed=[2e9, 3e9])
        return servers, [1, 1], "most_speed", "user 0: a bound of its speed is just active"
    free: Any
    if name == "priced-power":
        free = PricedPower(channel_gain=[4e-7, 2e-8], energy_price=40.0)
        power = mecopt.allocate(free, [1, 1]).allocation.transmit_power
        return (
            PricedPower(**{**free.data(), "max_power": power}),
            [1, 1],
            "max_power",
            "user 0: a limit of its power is just",
        )
    if name == "bandwidth-power":
        free = BandwidthPower(channel_gain=[2e-8, 9e-8], bandwidth=2e6)
        energy = mecopt.allocate(free, [1, 1]).per_user()["upload_energy"]
        limited = BandwidthPower(**{**free.data(), "energy_budget": np.array([energy[0], np.inf])})
        return limited, [1, 1], "energy_budget", "user 0: max_power and energy_budget both bind"
    free = InferenceQueue(snr_per_watt=[1e2, 1e3], backlog=[3, 2])
    rate = mecopt.allocate(free, [2, 2]).allocation.cpu_rate
    return (
        InferenceQueue(**{**free.data(), "cpu_speed": rate}),
        [2, 2],
        "cpu_speed",
        "user 0: a limit of what it offloads is",
    )


@pytest.mark.parametrize("name", ["bandwidth-power", "inference-queue", "multi-server-offloading", "priced-power"])
def test_where_a_bound_is_just_active_the_derivative_is_one_sided_or_refused(name: str) -> None:
    """One side's derivative of the allocation is the difference there, and the other side's is another."""
    from mecopt.torch import AtAKink

    problem, decision, field, said = kinked(name)
    with pytest.raises(AtAKink, match=said):
        allocate(problem, decision, at_kinks="raise")
    base = problem.data()[field]
    part = np.array([1.0, 0.0])
    logs = torch.zeros((), dtype=torch.float64)

    def function(log: Any) -> Any:
        found = allocate(problem, decision, **{field: torch.tensor(base) * torch.exp(log * torch.tensor(part))})
        return found.value, found.allocation[0]

    (value, first), (slope, slopes) = torch.func.jvp(function, (logs,), (torch.ones_like(logs),))
    sides = []
    for step in (1e-4, -1e-4):
        there = mecopt.allocate(type(problem)(**{**problem.data(), field: base * np.exp(step * part)}), decision)
        sides.append((np.asarray(next(iter(there.allocation.as_dict().values()))) - first.numpy()) / step)
        assert (float(there.objective) - value.item()) / step == pytest.approx(
            slope.item(), rel=1e-2, abs=1e-3 * value.item()
        )
    size = np.abs(first.numpy()).max()
    apart = [float(np.abs(side - slopes.numpy()).max()) / size for side in sides]
    assert min(apart) < 1e-3
    assert max(apart) > 1e-2


def test_gradients_are_not_differentiated() -> None:
    size = tensor([12.0, 7.5, 20.1])
    value, _ = allocate(BinaryOffloading, [1, 0, 1], data_size=size)
    (gradient,) = torch.autograd.grad(value, size, create_graph=True)
    with pytest.raises(NotImplementedError, match="first derivatives only"):
        gradient.sum().backward()

    def cost(size: Any) -> Any:
        return allocate(BinaryOffloading, [1, 0, 1], data_size=size).value

    for outer in (torch.func.jacfwd, torch.func.jacrev):
        for inner in (torch.func.jacfwd, torch.func.jacrev):
            assert torch.isfinite(inner(cost)(size.detach())).all()
            with pytest.raises(NotImplementedError, match="first derivatives only"):
                outer(inner(cost))(size.detach())


def test_what_is_inadmissible_is_named() -> None:
    size = tensor([12.0, 7.5])
    for wrong, fields, decision in (
        (
            r"BinaryOffloading.data_size is a tensor of torch.float32; allowed: torch.float64",
            {"data_size": size.float()},
            [1, 0],
        ),
        (r"BinaryOffloading.data_size\[1\] is -1.0; allowed", {"data_size": tensor([1.0, -1.0])}, [1, 0]),
        (r"unknown field of binary-offloading 'capcity'.*capacity", {"data_size": size, "capcity": 3.0}, [1, 0]),
        (r"BinaryOffloading.data_size is missing", {}, [1, 0]),
        (r"at_kinks is 'both'", {"data_size": size, "at_kinks": "both"}, [1, 0]),
        (
            r"decision has shape \(3, 2\); allowed: leading axes \(2,\)",
            {"data_size": tensor([[1.0, 2.0]] * 2)},
            [[1, 0]] * 3,
        ),
        (r"decision\[0\] is 1.5; allowed: numbers from 0 to 1", {"data_size": size}, tensor([1.5, 0.0])),
        (r"decision is a tensor of torch.float32", {"data_size": size}, tensor([1.0, 0.0]).float()),
        (r"upload_rate or capacity\[1\] is 0", {"data_size": size, "upload_rate": tensor([1.0, 0.0])}, tensor([1.0, 0.5])),
        (r"decision.*2.*allowed", {"data_size": size}, [2, 0]),
    ):
        with pytest.raises(mecopt.MecoptError, match=wrong):
            allocate(BinaryOffloading, decision, **fields)


def test_a_problem_without_gradients_says_so() -> None:
    """A problem of somebody's own may change any formula, so it has the gradients of no other one."""

    class Own(BinaryOffloading):
        pass

    with pytest.raises(mecopt.InstanceError, match="binary-offloading has no gradients yet; allowed: problems with a room"):
        allocate(Own(data_size=[1.0, 2.0]), [0, 1])


def test_a_limit_on_decisions_makes_others_infeasible_and_changes_no_gradient() -> None:
    size = tensor([12.0, 7.5, 20.1])
    problem = BinaryOffloading(data_size=[1.0, 1.0, 1.0]).limited(mecopt.Limit("at most two", {"offload": 1.0}, most=2))
    value, _ = allocate(problem, [[1, 0, 1], [1, 1, 1]], data_size=size)
    assert value.isnan().tolist() == [False, True]
    (limited,) = torch.autograd.grad(torch.nansum(value), size)
    (free,) = torch.autograd.grad(allocate(BinaryOffloading, [1, 0, 1], data_size=size).value, size)
    assert torch.equal(limited, free)
    with pytest.raises(mecopt.InstanceError, match="takes no limits"):
        allocate(problem, tensor([0.5, 0.5, 0.5]), data_size=size)


def test_a_kink_of_a_single_instance_is_refused_as_one_of_a_batch() -> None:
    from mecopt.torch import AtAKink

    free = PricedPower.sample(np.random.default_rng(0), users=3, interference_limit=np.inf)
    power = mecopt.allocate(free, [1, 1, 1]).allocation.transmit_power
    just = dataclasses.replace(free, interference_limit=(free.interference_gain * power).sum())
    with pytest.raises(AtAKink, match="its allocation"):
        allocate(just, [1, 1, 1], at_kinks="raise")
    batch = PricedPower(**{name: value[None] for name, value in just.data().items()})
    with pytest.raises(AtAKink, match="its allocation"):
        allocate(batch, [[1, 1, 1]], at_kinks="raise")
