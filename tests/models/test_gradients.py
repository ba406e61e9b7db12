"""Gradients of values and allocations, beside finite differences of what `mecopt.allocate` certifies."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt import Problem, find_problem

torch = pytest.importorskip("torch", reason="gradients need torch")

STEP = 1e-5
"""Relative change of a field in a difference."""

SETTINGS = {
    "bandwidth-power": ("paper", "heterogeneous"),
    "binary-offloading": ("paper", "heterogeneous", "subset-sum"),
    "computation-rate": ("paper",),
    "inference-queue": ("paper", "calibrated", "literal"),
    "multi-server-offloading": ("paper", "heterogeneous", "power-limited", "limited"),
    "priced-power": ("paper", "scarce", "convex"),
}
"""Presets of the problems that have gradients."""

CASES = [(name, preset) for name, presets in SETTINGS.items() for preset in presets]


def drawn(name: str, preset: str, count: int, users: int = 4) -> tuple[Problem, Any]:
    """Draw instances, and a decision each that has an allocation, there and where data are a little different."""
    rng = np.random.default_rng(zlib.crc32(f"{name} {preset}".encode()))
    problem = find_problem(name).sample(rng, (count,), preset=preset, users=users)
    many = problem.mended(problem.decision_space.sample(rng, (count, 100)))
    many[:, -1] = 0  # nobody offloads, nothing leaves
    names = finite(problem)
    along = [{name: rng.uniform(-1.0, 1.0, problem.data()[name].shape) for name in names} for _ in range(8)]
    good = ~problem.infeasible(many)
    for direction in along:
        good &= ~moved(problem, names, direction, 10.0 * STEP).infeasible(many)
    assert good[:, :-1].any(axis=-1).mean() > 0.5
    return problem, many[np.arange(count), good.argmax(axis=-1)]


def moved(problem: Problem, names: tuple[str, ...], along: dict[str, Any], step: float) -> Problem:
    """Return the problem with fields changed by parts of themselves."""
    return type(problem)(**{**problem.data(), **{name: problem.data()[name] * np.exp(step * along[name]) for name in names}})


def answers(problem: Problem, decision: Any) -> list[Any]:
    found = mecopt.allocate(problem, decision)
    return [found.objective, *found.allocation.as_dict().values()]


def layer(problem: Problem, decision: Any, names: tuple[str, ...]) -> Callable[..., Any]:
    """Return value and allocation as a function of logarithms of the fields' changes, each beside its size."""
    from mecopt.torch import allocate

    base = {name: torch.tensor(problem.data()[name]) for name in names}
    sizes = [np.abs(value).max() or 1.0 for value in answers(problem, decision)]

    def function(*logs: Any) -> Any:
        fields = {name: base[name] * torch.exp(log) for name, log in zip(names, logs, strict=True)}
        found = allocate(problem, decision, **fields)
        return tuple(part / size for part, size in zip((found.value, *found.allocation), sizes, strict=True))

    return function


def finite(problem: Problem) -> tuple[str, ...]:
    """Return the fields that have a gradient and are no missing limit, which no factor changes."""
    from mecopt.torch import differentiable

    return tuple(name for name in differentiable(problem) if np.isfinite(problem.data()[name]).all())


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_derivatives_along_lines_are_differences_of_certified_answers(name: str, preset: str) -> None:
    problem, decision = drawn(name, preset, 200)
    names, rng = finite(problem), np.random.default_rng(1)
    assert names
    function = layer(problem, decision, names)
    sizes = [np.abs(value).max() or 1.0 for value in answers(problem, decision)]
    for _ in range(3):
        along = {name: rng.uniform(-1.0, 1.0, problem.data()[name].shape) for name in names}
        tangents = tuple(torch.tensor(along[name]) for name in names)
        zeros = tuple(map(torch.zeros_like, tangents))
        _, derivatives = torch.func.jvp(function, zeros, tangents)
        ahead, behind = (answers(moved(problem, names, along, step), decision) for step in (STEP, -STEP))
        for size, there, here, derivative in zip(sizes, ahead, behind, derivatives, strict=True):
            difference = (there - here) / (2.0 * STEP * size)
            np.testing.assert_allclose(derivative.numpy(), difference, rtol=2e-5, atol=2e-6)
        assert max(np.abs(derivative.numpy()).max() for derivative in derivatives) > 1e-3


def jacobians_are_right(name: str, preset: str, count: int) -> None:
    problem, decision = drawn(name, preset, count, users=2)
    for k in range(count):
        names = finite(problem[k])
        inputs = tuple(torch.zeros(problem[k].data()[name].shape, dtype=torch.float64, requires_grad=True) for name in names)
        assert torch.autograd.gradcheck(layer(problem[k], decision[k], names), inputs, eps=STEP, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_gradcheck(name: str, preset: str) -> None:
    jacobians_are_right(name, preset, 20 // len(SETTINGS[name]))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "preset"), CASES)
def test_gradcheck_on_two_hundred_instances(name: str, preset: str) -> None:
    jacobians_are_right(name, preset, 200)


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_a_batch_a_map_and_a_loop_have_the_same_gradients(name: str, preset: str) -> None:
    from mecopt.torch import allocate

    problem, decision = drawn(name, preset, 5)
    names = finite(problem)
    fields = {name: torch.tensor(problem.data()[name], requires_grad=True) for name in names}
    constant = {name: value for name, value in problem.data().items() if name not in names}
    chosen = torch.tensor(decision)

    def summed(found: Any) -> Any:
        return found.value.sum() + sum(part.sum() for part in found.allocation)

    def one(given: Any, decision: Any, others: Any) -> Any:
        return summed(allocate(type(problem), decision, **given, **others))

    summed(allocate(problem, chosen, **fields)).backward()
    others = {name: torch.tensor(value) for name, value in constant.items()}
    mapped = torch.func.vmap(torch.func.grad(one))({k: v.detach() for k, v in fields.items()}, chosen, others)
    for name in names:
        scale = float(fields[name].grad.abs().max())
        torch.testing.assert_close(mapped[name], fields[name].grad, rtol=1e-9, atol=1e-12 * scale)
    for k in range(5):
        alone = {name: torch.tensor(problem[k].data()[name], requires_grad=True) for name in names}
        summed(allocate(problem[k], chosen[k], **alone)).backward()
        for name in names:
            scale = float(fields[name].grad.abs().max())
            torch.testing.assert_close(alone[name].grad, fields[name].grad[k], rtol=1e-9, atol=1e-12 * scale)


def gradients(problem: Problem, decision: Any, names: tuple[str, ...]) -> tuple[Any, dict[str, Any]]:
    """Return the value, and gradients of the sum of all that is not nan, each variable beside its size."""
    from mecopt.torch import allocate

    fields = {name: torch.tensor(problem.data()[name], requires_grad=True) for name in names}
    found = allocate(problem, decision, **fields)
    total = torch.nansum(found.value)
    for part in found.allocation:
        size = float(torch.nan_to_num(part.detach()).abs().max()) or 1.0
        total = total + torch.nansum(part * torch.cos(torch.arange(part.numel()).double().reshape(part.shape))) / size
    total.backward()
    return found.value.detach().numpy(), {name: fields[name].grad.numpy() for name in names}


WORST = {"bandwidth-power": 1, "inference-queue": 9, "multi-server-offloading": 1, "priced-power": 1}
"""What all users are given so that some cannot do it."""


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("bandwidth-power", "heterogeneous"),
        ("inference-queue", "paper"),
        ("multi-server-offloading", "limited"),
        ("priced-power", "scarce"),
    ],
)
def test_infeasible_items_have_no_gradient_and_leave_the_others_theirs(name: str, preset: str) -> None:
    problem, feasible = drawn(name, preset, 6)
    decision = np.stack([feasible, feasible], axis=1)
    decision[:, 1] = WORST[name]
    hopeless = problem.infeasible(decision)
    assert hopeless[:, 1].any()
    names = finite(problem)
    value, found = gradients(problem, decision, names)
    assert np.isnan(value).tolist() == hopeless.tolist()
    assert all(np.isfinite(found[name]).all() for name in names)
    for k in np.flatnonzero(hopeless[:, 1]):
        _, alone = gradients(problem[k], decision[k, 1], names)
        assert all((alone[name] == 0.0).all() for name in names)


def nothing(cls: type[Problem], names: tuple[str, ...]) -> list[str]:
    """Return the fields, one entry per user or more, in which 0 is admissible."""
    return [
        f.name
        for f in dataclasses.fields(cls)
        if f.name in names and f.metadata["zero_allowed"] and f.metadata["per"] != "instance"
    ]


@pytest.mark.parametrize("name", SETTINGS)
def test_no_gradient_is_lost_to_a_user_of_whom_something_is_zero(name: str) -> None:
    from mecopt.torch import differentiable

    cls = find_problem(name)
    problem, _ = drawn(name, SETTINGS[name][0], 1, users=3)
    names = differentiable(cls)
    checked = 0
    for field in nothing(cls, names):
        values = problem.data()[field].copy()
        values[:, 0] = 0.0
        changed = type(problem)(**{**problem.data(), field: values})
        for seed in range(8):
            decision = changed.mended(problem.decision_space.sample(np.random.default_rng(seed), (1,)))
            if changed.infeasible(decision).any():
                continue
            value, found = gradients(changed, decision, names)
            assert np.isfinite(value).all()
            for other in names:
                assert np.isfinite(found[other]).all(), (field, other, decision)
            checked += 1
    assert checked > 5
