"""Gradients of hybrid slots, to fields and to what is kept, beside differences of what is certified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.contract.decision import SKIP
from mecopt.models import HybridSlot

torch = pytest.importorskip("torch", reason="gradients need torch")

STEP = 1e-6
"""Relative change in a difference; rewards are right to some 1e-12."""


def slots(preset: str, count: int) -> tuple[HybridSlot, Any]:
    """Draw slots, and decisions that keep clearly less than could be: near the most, rewards are infinitely steep."""
    problem = HybridSlot.sample(np.random.default_rng(0), (count,), preset=preset, users=3)
    most = problem.mended(problem.decision_space.sample(np.random.default_rng(1), (count,)))
    return problem, np.where(most > 0.0, most * np.random.default_rng(2).choice([0.3, 0.6], most.shape), most)


@pytest.mark.parametrize("preset", ["varied", "paper"])
def test_derivatives_of_values_are_differences(preset: str) -> None:
    from mecopt.torch import allocate, differentiable

    problem, decision = slots(preset, 200)
    rng = np.random.default_rng(3)
    names = differentiable(problem)
    fields = {name: torch.tensor(problem.data()[name], requires_grad=True) for name in names}
    kept = torch.tensor(decision, requires_grad=True)
    value = allocate(problem, kept, tol=1e-7, **fields).value
    gradients = torch.autograd.grad(value.sum(), [kept, *fields.values()])
    size = np.abs(value.detach().numpy()) + 1.0
    assert ((decision != SKIP) & (problem.workload > 0.0)).sum() > 200

    def along(changes: dict[str, Any], step: float) -> Any:
        moved = {name: problem.data()[name] * np.exp(step * change) for name, change in changes.items() if name != "kept"}
        there = HybridSlot(**{**problem.data(), **moved})
        keeps = np.where(decision > 0.0, decision * np.exp(step * changes.get("kept", 0.0)), decision)
        return mecopt.allocate(there, keeps).objective

    checked = 0
    for chosen in (("kept",), names, ("battery", "kept"), ("slot",), ("workload",), ("uplink_gain", "noise_power")):
        shapes = {name: decision.shape if name == "kept" else problem.data()[name].shape for name in chosen}
        changes = {name: rng.uniform(-1.0, 1.0, shape) for name, shape in shapes.items()}
        slopes = np.zeros(200)
        for name, gradient in zip(["kept", *names], gradients, strict=True):
            if name in changes:
                base = np.maximum(decision, 0.0) if name == "kept" else problem.data()[name]
                slopes = slopes + (gradient.numpy() * base * changes[name]).reshape(200, -1).sum(axis=-1)
        middle = along(changes, 0.0)
        ahead, behind = (along(changes, step) - middle for step in (STEP, -STEP))
        # workloads of the paper are whole numbers, so that some slots are at kinks of their values
        smooth = np.abs(ahead + behind) <= 1e-4 * STEP * (size + np.abs(slopes))
        assert smooth.mean() > 0.8
        checked += int(smooth.sum())
        difference = (ahead - behind) / (2.0 * STEP)
        np.testing.assert_allclose(slopes[smooth] / size[smooth], difference[smooth] / size[smooth], rtol=1e-3, atol=1e-4)
    assert checked > 1000


def test_a_map_has_the_gradients_of_the_batch() -> None:
    from mecopt.torch import allocate

    problem, decision = slots("varied", 4)
    battery, kept = torch.tensor(problem.battery, requires_grad=True), torch.tensor(decision)
    (whole,) = torch.autograd.grad(allocate(problem, kept, battery=battery).value.sum(), battery)
    for k in range(4):
        alone = torch.func.grad(lambda one, k=k: allocate(problem[k], kept[k], battery=one).value)(battery[k].detach())
        torch.testing.assert_close(alone, whole[k], rtol=1e-9, atol=1e-12)


def moved(problem: HybridSlot, decision: Any, changes: dict[str, Any], step: float) -> tuple[HybridSlot, Any]:
    """Return slots and what they keep, changed by parts of themselves."""
    data = {name: problem.data()[name] * np.exp(step * change) for name, change in changes.items() if name != "kept"}
    keeps = np.where(decision > 0.0, decision * np.exp(step * changes["kept"]), decision)
    return HybridSlot(**{**problem.data(), **data}), keeps


def in_general_position(preset: str, count: int) -> tuple[HybridSlot, Any, dict[str, Any]]:
    """Draw slots whose data are no whole numbers, and a line through their fields and what is kept."""
    from mecopt.torch import differentiable

    problem, decision = slots(preset, count)
    rng = np.random.default_rng(3)
    names = [name for name in differentiable(problem) if name != "reflection"]  # the last has a greatest value

    def drawn() -> dict[str, Any]:
        shapes = {**{name: problem.data()[name].shape for name in names}, "kept": decision.shape}
        return {name: rng.uniform(-1.0, 1.0, shape) for name, shape in shapes.items()}

    problem, decision = moved(problem, decision, drawn(), 1e-3)
    return problem, problem.mended(decision), drawn()


@pytest.mark.parametrize("preset", ["varied", "paper"])
def test_derivatives_of_divisions_are_differences(preset: str) -> None:
    """Where an optimum is flat the search finds it to some 1e-5 alone, so that only wide differences say what it does."""
    from mecopt.torch import allocate

    problem, decision, along = in_general_position(preset, 200)
    base = {name: torch.tensor(problem.data()[name]) for name in along if name != "kept"}
    kept, change = torch.tensor(decision), torch.tensor(along["kept"])

    def division(log: Any) -> Any:
        fields = {name: value * torch.exp(log * torch.tensor(along[name])) for name, value in base.items()}
        keeps = torch.where(kept > 0.0, kept * torch.exp(log * change), kept)
        return tuple(allocate(problem, keeps, tol=1e-7, **fields).allocation)

    zero = torch.zeros((), dtype=torch.float64)
    _, found = torch.func.jvp(division, (zero,), (torch.ones_like(zero),))
    off, sizes = [], mecopt.allocate(problem, decision).allocation.as_dict()
    for step in (1e-5, 1e-3):
        ends = [
            mecopt.allocate(*moved(problem, decision, along, sign * step), throw=False).allocation.as_dict()
            for sign in (1.0, -1.0)
        ]
        off.append(
            [
                np.abs(slope.numpy() - (ends[0][name] - ends[1][name]) / (2.0 * step)) / np.abs(sizes[name]).max()
                for name, slope in zip(sizes, found, strict=True)
            ]
        )
    narrow, wide = np.array(off[0]), np.array(off[1])
    agree = (narrow <= 1e-6) | (wide <= 1e-2)
    assert (narrow <= 1e-6).mean() > 0.99
    assert agree.all()
    assert max(float(slope.abs().max()) for slope in found) > 1.0


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["varied", "paper", "literal"])
def test_divisions_of_two_thousand_slots_have_a_regime(preset: str) -> None:
    from mecopt.torch import allocate

    problem, decision = slots(preset, 2000)

    def division(battery: Any) -> Any:
        found = allocate(problem, decision, tol=1e-7, throw=False, battery=battery)
        return found.value, sum(part.sum(dim=-1) for part in found.allocation)

    battery = torch.tensor(problem.battery)
    (value, _), (_, slope) = torch.func.jvp(division, (battery,), (torch.ones_like(battery),))
    assert value.isnan().sum() <= 2
    assert (slope.isnan() & ~value.isnan()).sum() <= 1


def test_gradcheck_of_divisions_and_a_map() -> None:
    from mecopt.torch import allocate

    problem, decision, _ = in_general_position("paper", 5)
    names = ("workload", "battery", "uplink_gain", "slot", "cpu_speed", "backscatter_power", "circuit_power", "bandwidth")
    sizes = [np.abs(value).max() for value in mecopt.allocate(problem, decision).allocation.as_dict().values()]

    def division(k: int, *logs: Any) -> Any:
        fields = {
            name: torch.tensor(problem[k].data()[name]) * torch.exp(log) for name, log in zip(names, logs, strict=True)
        }
        found = allocate(problem[k], decision[k], **fields).allocation
        return tuple(part / size for part, size in zip(found, sizes, strict=True) if size > 0.0)

    for k in range(5):
        zeros = [torch.zeros(problem[k].data()[name].shape, dtype=torch.float64, requires_grad=True) for name in names]
        assert torch.autograd.gradcheck(lambda *logs, k=k: division(k, *logs), zeros, eps=1e-5, atol=1e-5, rtol=1e-4)
    kept, work = torch.tensor(decision), torch.tensor(problem.workload)

    def one(work: Any, keeps: Any, others: Any) -> Any:
        return allocate(HybridSlot, keeps, workload=work, **others).allocation.passive_time.sum()

    others = {name: torch.tensor(value) for name, value in problem.data().items() if name != "workload"}
    mapped = torch.func.vmap(torch.func.grad(one))(work, kept, others)
    whole = work.clone().requires_grad_()
    allocate(problem, kept, workload=whole).allocation.passive_time.sum().backward()
    assert (whole.grad != 0.0).any()
    torch.testing.assert_close(mapped, whole.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("field", ["workload", "battery"])
def test_a_slot_whose_regime_is_about_to_change_is_at_a_kink(field: str) -> None:
    """What the processor does in a slot is all the work; or what is in the battery is all that a whole slot takes."""
    from mecopt.torch import AtAKink, allocate

    gains = {"uplink_gain": 5e-6, "downlink_gain": 5e-6}
    ample = HybridSlot(workload=[30.0], battery=[200.0], **gains)
    needs = ample.energy(np.zeros(1), mecopt.allocate(ample, [0.0]).allocation)
    at = {"workload": [10.0], "battery": [200.0]} if field == "workload" else {"workload": [30.0], "battery": needs}
    problem = HybridSlot(**at, **gains)

    def times(step: float) -> Any:
        there = HybridSlot(**{**problem.data(), field: problem.data()[field] * (1.0 + step)})
        return mecopt.allocate(there, [0.0]).allocation.passive_time

    before, after = (times(sign * 1e-5) - times(0.0) for sign in (-1.0, 1.0))
    assert abs(before + after) > 0.5 * max(abs(before), abs(after)) > 0.0
    with pytest.raises(AtAKink, match="item 0 is at a kink: user 0: what determines its division is about to change"):
        allocate(problem, [0.0], at_kinks="raise")
    allocate(HybridSlot(**{**problem.data(), field: problem.data()[field] * 1.01}), [0.0], at_kinks="raise")


def test_divisions_of_strict_slots_have_no_gradient_and_their_rewards_have() -> None:
    from mecopt.torch import AtAKink, allocate

    problem = HybridSlot(workload=[60.0], battery=[40.0], uplink_gain=5e-6, downlink_gain=5e-6, pacing="strict")
    battery = torch.tensor(problem.battery, requires_grad=True)
    found = allocate(problem, [1.0], battery=battery)
    found.value.backward(retain_graph=True)
    assert torch.isfinite(battery.grad).all()
    with pytest.raises(NotImplementedError, match=r"item 0 has no gradient: a division .* is strict"):
        found.allocation.local_bits.sum().backward()
    with pytest.raises(AtAKink, match="is strict"):
        allocate(problem, [1.0], at_kinks="raise")
