"""Gradients of backscatter frames: of the value alone, beside differences of what is certified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.models import BackscatterFrame

torch = pytest.importorskip("torch", reason="gradients need torch")

STEP = 1e-4
"""Relative change of fields in a difference; the solver's values are right to some 1e-10."""


def frames(preset: str, count: int) -> tuple[BackscatterFrame, Any]:
    problem = BackscatterFrame.sample(np.random.default_rng(0), (count,), preset=preset, users=3)
    return problem, problem.decision_space.sample(np.random.default_rng(1), (count,))


def slopes(problem: BackscatterFrame, decision: Any, along: dict[str, Any]) -> Any:
    """Return the derivative of every value along a line of logarithms."""
    from mecopt.torch import allocate

    base = {name: torch.tensor(problem.data()[name]) for name in along}

    def value(log: Any) -> Any:
        moved = {name: base[name] * torch.exp(log * torch.tensor(along[name])) for name in along}
        return allocate(problem, decision, **moved).value

    zero = torch.zeros((), dtype=torch.float64)
    return torch.func.jvp(value, (zero,), (torch.ones_like(zero),))[1].numpy()


def differences(problem: BackscatterFrame, decision: Any, along: dict[str, Any]) -> Any:
    """Return the same by central differences of two steps, extrapolated (Richardson)."""

    def central(step: float) -> Any:
        ends = []
        for sign in (1.0, -1.0):
            moved = {name: problem.data()[name] * np.exp(sign * step * along[name]) for name in along}
            ends.append(mecopt.allocate(BackscatterFrame(**{**problem.data(), **moved}), decision).objective)
        return (ends[0] - ends[1]) / (2.0 * step)

    return (4.0 * central(0.5 * STEP) - central(STEP)) / 3.0


@pytest.mark.parametrize("preset", BackscatterFrame.presets)
def test_derivatives_of_values_are_differences(preset: str) -> None:
    from mecopt.torch import differentiable

    problem, decision = frames(preset, 100)
    rng = np.random.default_rng(2)
    for names in (differentiable(problem), ("slot",), ("channel",), ("compute_rate", "battery_capacity")):
        along = {name: rng.uniform(-1.0, 1.0, problem.data()[name].shape) for name in names}
        size = mecopt.allocate(problem, decision).objective
        difference = differences(problem, decision, along)
        np.testing.assert_allclose(slopes(problem, decision, along) / size, difference / size, rtol=1e-4, atol=5e-5)


@pytest.mark.parametrize("mode", ["hybrid", "active-enabled", "mec-disabled"])
@pytest.mark.parametrize("harvesting", ["whole-frame", "causal"])
def test_derivatives_hold_in_every_mode(mode: Any, harvesting: Any) -> None:
    drawn, decision = frames("paper", 20)
    problem = BackscatterFrame(
        **{**drawn.data(), "mode": mode, "harvesting": harvesting, "passive_noise": "literal", "battery_price": 50.0}
    )
    rng = np.random.default_rng(3)
    names = ("channel", "workload", "carrier_power", "battery_price", "bandwidth", "noise_power")
    along = {name: rng.uniform(-1.0, 1.0, problem.data()[name].shape) for name in names}
    size = np.abs(mecopt.allocate(problem, decision).objective) + problem.negligible
    difference = differences(problem, decision, along)
    np.testing.assert_allclose(slopes(problem, decision, along) / size, difference / size, rtol=1e-4, atol=5e-5)


def test_gradcheck_of_complex_channels_and_a_map() -> None:
    from mecopt.torch import allocate

    problem, decision = frames("paper", 3)
    scale = float(mecopt.allocate(problem, decision).objective.max())
    channel = torch.tensor(problem.channel)
    size = float(channel.abs().mean())

    def cost(change: Any) -> Any:
        return allocate(problem, decision, channel=channel + size * change).value / scale

    start = torch.zeros_like(channel).requires_grad_()
    assert torch.autograd.gradcheck(cost, (start,), eps=3e-4, atol=1e-4, rtol=1e-3)
    cost(start).sum().backward()

    def one(h: Any, w: Any, work: Any, battery: Any) -> Any:
        return allocate(BackscatterFrame, w, channel=h, workload=work, battery=battery, **others).value / scale

    given = {name: torch.tensor(problem.data()[name]) for name in ("workload", "battery")}
    others = {name: problem.data()[name][0] for name in ("carrier_power", "bandwidth", "slot", "unserved_price")}
    mapped = torch.func.vmap(torch.func.grad(one))(channel, torch.tensor(decision), given["workload"], given["battery"])
    torch.testing.assert_close(mapped * size, start.grad, rtol=1e-6, atol=1e-9)


def test_a_gradient_of_the_allocation_is_refused() -> None:
    from mecopt.torch import allocate

    problem, decision = frames("paper", 2)
    work = torch.tensor(problem.workload, requires_grad=True)
    found = allocate(problem, decision, workload=work)
    found.value.sum().backward(retain_graph=True)
    with pytest.raises(NotImplementedError, match="item 0 has no gradient"):
        found.allocation.active_time.sum().backward()
