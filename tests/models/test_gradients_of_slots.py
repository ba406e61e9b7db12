"""Gradients of hybrid slots: of the value alone, to fields and to what is kept, beside differences of what is certified."""

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


def test_a_map_has_the_gradients_of_the_batch_and_those_of_the_allocation_are_refused() -> None:
    from mecopt.torch import allocate

    problem, decision = slots("varied", 4)
    battery, kept = torch.tensor(problem.battery, requires_grad=True), torch.tensor(decision)
    found = allocate(problem, kept, battery=battery)
    (whole,) = torch.autograd.grad(found.value.sum(), battery, retain_graph=True)
    for k in range(4):
        alone = torch.func.grad(lambda one, k=k: allocate(problem[k], kept[k], battery=one).value)(battery[k].detach())
        torch.testing.assert_close(alone, whole[k], rtol=1e-9, atol=1e-12)
    with pytest.raises(NotImplementedError, match="item 0 has no gradient"):
        found.allocation.local_bits.sum().backward()
