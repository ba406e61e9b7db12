"""Gradients of backscatter frames, beside differences of what is certified."""

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


def in_the_mode(mode: Any, harvesting: Any, count: int) -> tuple[BackscatterFrame, Any]:
    drawn, decision = frames("paper", count)
    own = {"mode": mode, "harvesting": harvesting, "passive_noise": "literal", "battery_price": 50.0}
    return BackscatterFrame(**{**drawn.data(), **own}), decision


def allocations(problem: BackscatterFrame, decision: Any, along: dict[str, Any], step: float) -> dict[str, Any]:
    moved = {name: problem.data()[name] * np.exp(step * change) for name, change in along.items()}
    there = BackscatterFrame(**{**problem.data(), **moved})
    return mecopt.allocate(there, decision, tol=1e-11, throw=False).allocation.as_dict()


def compared(problem: BackscatterFrame, decision: Any) -> tuple[float, float]:
    """Compare derivatives of all variables with differences where these agree with narrower ones: elsewhere is a kink.

    Returns the part compared, and how many frames have a derivative.
    """
    from mecopt.torch import allocate, differentiable

    rng = np.random.default_rng(2)
    names = [name for name in differentiable(problem) if name != "reflection"]
    along = {name: rng.uniform(-1.0, 1.0, problem.data()[name].shape) for name in names}
    base = {name: torch.tensor(problem.data()[name]) for name in names}

    def function(log: Any) -> Any:
        fields = {name: base[name] * torch.exp(log * torch.tensor(along[name])) for name in names}
        return tuple(allocate(problem, decision, **fields).allocation)

    zero = torch.zeros((), dtype=torch.float64)
    slopes = torch.func.jvp(function, (zero,), (torch.ones_like(zero),))[1]
    here = allocations(problem, decision, along, 0.0)
    wide, narrow = (
        {
            name: (ahead - behind) / (2.0 * step)
            for (name, ahead), behind in zip(
                allocations(problem, decision, along, step).items(),
                allocations(problem, decision, along, -step).values(),
                strict=True,
            )
        }
        for step in (1e-3, 5e-4)
    )
    # who sends next to nothing may spend any energy on it where that costs nothing: it is no function of the data
    plain = (here["active_bits"] == 0.0) | (here["active_bits"] > 1e-6 * problem.workload)
    some, smooth = ~np.isnan(slopes[0].numpy()).any(axis=-1), np.ones(here["active_bits"].shape[:-1], dtype=bool)
    errors = []
    for (name, value), slope in zip(here.items(), slopes, strict=True):
        size = problem.workload.max() if name.endswith("bits") else np.abs(value).max() or 1.0
        counts = plain if name in ("spent_energy", "kept_energy") else np.ones_like(plain)
        differs = np.abs(wide[name] - narrow[name]) > 1e-3 * size
        smooth &= ~(differs & counts).any(axis=-1)
        extrapolated = (4.0 * narrow[name] - wide[name]) / 3.0
        errors.append(np.where(counts, np.abs(slope.numpy() - extrapolated) / size, 0.0).max(axis=-1))
    assert np.max(np.array(errors)[:, smooth & some], initial=0.0) < 1e-4
    return float(smooth.mean()), float(some.mean())


@pytest.mark.parametrize("preset", BackscatterFrame.presets)
def test_derivatives_of_allocations_are_differences(preset: str) -> None:
    smooth, some = compared(*frames(preset, 60))
    assert smooth > 0.9
    assert some > 0.95


@pytest.mark.parametrize("mode", ["hybrid", "active-enabled", "mec-disabled"])
@pytest.mark.parametrize("harvesting", ["whole-frame", "causal"])
def test_derivatives_of_allocations_hold_in_every_mode(mode: Any, harvesting: Any) -> None:
    smooth, some = compared(*in_the_mode(mode, harvesting, 60))
    assert smooth > 0.85
    assert some > 0.95


def test_gradcheck_of_allocations_and_a_map() -> None:
    from mecopt.torch import allocate

    problem, decision = frames("harder", 3)
    names = ("workload", "battery", "slot", "carrier_power", "compute_rate")
    size = problem.workload.max()

    def bits(k: int, *logs: Any) -> Any:
        fields = {
            name: torch.tensor(problem[k].data()[name]) * torch.exp(log) for name, log in zip(names, logs, strict=True)
        }
        found = allocate(problem[k], decision[k], tol=1e-10, **fields).allocation
        return found.local_bits / size, found.active_time, found.passive_time

    for k in range(3):
        zeros = [torch.zeros(problem[k].data()[name].shape, dtype=torch.float64, requires_grad=True) for name in names]
        assert torch.autograd.gradcheck(lambda *logs, k=k: bits(k, *logs), zeros, eps=1e-4, atol=1e-4, rtol=1e-3)

    def one(work: Any, beams: Any, others: Any) -> Any:
        return allocate(BackscatterFrame, beams, workload=work, **others).allocation.passive_time.sum()

    others = {name: torch.tensor(value) for name, value in problem.data().items() if name != "workload"}
    work = torch.tensor(problem.workload)
    mapped = torch.func.vmap(torch.func.grad(one))(work, torch.tensor(decision), others)
    whole = work.clone().requires_grad_()
    allocate(problem, decision, workload=whole).allocation.passive_time.sum().backward()
    assert (whole.grad != 0.0).any()
    torch.testing.assert_close(mapped, whole.grad, rtol=1e-6, atol=1e-9)


def test_an_allocation_that_is_one_of_many_has_no_gradient_and_its_value_has() -> None:
    """The server's work and sending cost nothing, and batteries are full: whoever computes what does not matter."""
    from mecopt.torch import allocate

    drawn, decision = frames("paper", 2)
    free: dict[str, Any] = {
        "server_energy": 0.0,
        "active_receive_power": 0.0,
        "battery": drawn.battery_capacity,
        "workload": drawn.workload / 10.0,
    }
    problem = BackscatterFrame(**{**drawn.data(), **free})
    work = torch.tensor(problem.workload, requires_grad=True)
    found = allocate(problem, decision, workload=work)
    found.value.sum().backward(retain_graph=True)
    assert torch.isfinite(work.grad).all()
    with pytest.raises(NotImplementedError, match="item 0 has no gradient: the limits that bind leave its allocation open"):
        found.allocation.local_bits.sum().backward()


@pytest.mark.parametrize("work", [0.0, 60.0])
def test_frames_at_kinks_are_named(work: float) -> None:
    """Somebody has no work, or just what its processor does in a slot, and a battery for it."""
    from mecopt.torch import AtAKink, allocate

    drawn, decision = frames("paper", 1)
    load = drawn.workload.copy()
    load[0, 1] = work
    problem = BackscatterFrame(**{**drawn.data(), "workload": load, "battery": drawn.battery_capacity})
    with pytest.raises(AtAKink, match="item 0 is at a kink"):
        allocate(problem, decision, at_kinks="raise")
    load[0, 1] = 50.0
    allocate(BackscatterFrame(**{**problem.data(), "workload": load}), decision, at_kinks="raise")
