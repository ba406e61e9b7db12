"""Gradients beside cvxpylayers, on the same instances: values and allocations forward, gradients backward.

cvxpylayers gets the cone program that each model writes for cvxpy, built once per shape, its parameters as tensors that are
computed before; gradients go back to these parameters, those of `mecopt.torch.allocate` to the problem's fields. A random
cotangent of the program's variables is pulled back along a random line through the fields by both: that tells whether they
are gradients of the same thing. Both work to `mecopt.compare.bench.rivals.TOL`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mecopt.backends.conic import Conic, ConicModel
from mecopt.compare.bench import turns
from mecopt.compare.bench.plans import Step, draw
from mecopt.compare.bench.rivals import TOL
from mecopt.compare.bench.rows import Measurement, apart
from mecopt.compare.bench.turns import Work
from mecopt.contract.decision import Counts, OneOf
from mecopt.contract.errors import InstanceError
from mecopt.contract.problem import Problem
from mecopt.running.rescue import said, survivable
from mecopt.show.numbers import counted
from mecopt.solve import allocate as certified
from mecopt.torch.allocation import allocate, differentiable

Array = NDArray[Any]

RIVAL, PACKAGE = "cvxpylayers, Clarabel", "cvxpylayers"
SECONDS = 2.0
"""Seconds for which both are repeated by turns."""
OPTIONS = {
    "solve_method": "Clarabel",
    "mode": "dense",  # on programs of this size faster and more accurate than its default, lsqr
    **dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 0.1 * TOL),
    **dict.fromkeys(("n_jobs_forward", "n_jobs_backward"), 1),
}
SMALL = 1e-2
"""Part of what variables are, up to which their change along a line is none."""
STEP = 1e-6
"""Relative change of fields in a difference."""
ALIKE = 1e-3
"""Relative difference of gradients that is told; those of an interior-point solution have fewer digits than it has."""


def steps(cls: type[Problem], seed: int = 0, quick: bool = False) -> list[Step]:
    """Return what is measured of one problem; none where it has no gradients."""
    try:
        differentiable(cls)
    except InstanceError:
        return []
    found = []
    for users, count in ((5, 1), (5, 4)) if quick else ((10, 1), (10, 100), (50, 1)):
        what = f"gradients, {counted(users, 'users')}, {'one instance' if count == 1 else f'a batch of {count}'}"
        found.append(Step(what, SECONDS, partial(_rows, cls, seed, users, count, what, 0.0 if quick else SECONDS)))
    return found


def why_none(cls: type[Problem]) -> str:
    """Say why nothing is measured."""
    try:
        differentiable(cls)
    except InstanceError as error:
        return str(error)
    return ""


def _rows(cls: type[Problem], seed: int, users: int, count: int, what: str, seconds: float) -> Iterator[Measurement]:
    problem = draw(cls, seed, users, (count,))
    decision = _chosen(problem, seed)
    names = tuple(name for name in differentiable(cls) if np.isfinite(problem.data()[name]).all())
    fields = {name: torch.tensor(problem.data()[name], requires_grad=True) for name in names}
    whole = _of_the_allocation(problem, decision, fields)
    mine = Work(partial(_forward_and_backward, problem, decision, fields, whole))
    name, task = "mecopt.torch.allocate", "one instance" if count == 1 else counted(count, "instances")
    works, remark, off = {name: mine}, "", float("nan")
    try:
        layer = Layer(problem, decision)
        works[RIVAL] = Work(layer.forward_and_backward)
        off = apart(problem.sign, certified(problem, decision).objective, layer.values(), np.max(problem.negligible))
        if layer.model.takes_start and whole:
            difference = layer.gradients_apart(fields)
            remark = "" if difference <= ALIKE else f"its gradient differs by {difference:.1g}"
        else:
            remark = "gradients are not compared"
    except BaseException as error:
        if not survivable(error):
            raise
        remark = str(error) if isinstance(error, Skipped) else f"FAILED: {said(RIVAL, error)}"
    timings = turns.by_turns(works, seconds)
    theirs = timings.get(RIVAL)
    yield Measurement(
        what,
        name,
        timings[name].per(count),
        RIVAL,
        None if theirs is None else theirs.per(count),
        task=task,
        units=count,
        apart=off,
        remark=remark,
    )


def _chosen(problem: Problem, seed: int) -> Array:
    """Return decisions in which every other user offloads, so that a batch has one shape; else random ones."""
    rng, space = np.random.default_rng(seed), problem.decision_space
    if not isinstance(space, OneOf):
        drawn = space.sample(rng, problem.batch_shape)
        return problem.mended(np.maximum(drawn, 1) if isinstance(space, Counts) else drawn)
    there = rng.integers(1, len(space.labels), (*problem.batch_shape, problem.users), dtype=np.int8)
    return problem.mended(np.where(np.arange(problem.users) % 2 == 0, there, np.int8(0)))


def _of_the_allocation(problem: Problem, decision: Array, fields: dict[str, Any]) -> bool:
    """Whether all instances have gradients of their allocations; where one has none those of the values are measured."""
    try:
        _forward_and_backward(problem, decision, fields, True)
    except NotImplementedError:
        return False
    return True


def _forward_and_backward(problem: Problem, decision: Array, fields: dict[str, Any], whole: bool) -> None:
    value, allocation = allocate(problem, decision, **fields)
    outputs = [value, *(part for part in allocation if part.requires_grad and whole)]
    torch.autograd.grad(outputs, list(fields.values()), [torch.ones_like(part) for part in outputs], allow_unused=True)


class Skipped(Exception):
    """There is nothing to stand beside; says why."""


class Layer:
    """The layer of a shape, with the parameters of instances that have it."""

    def __init__(self, problem: Problem, decision: Array) -> None:
        if find_spec(PACKAGE) is None:
            raise Skipped(f"{PACKAGE} is not installed")
        model = _model(type(problem))
        if model is None:
            raise Skipped("no cone program stands beside it")
        self.model, self.problem, self.decision = model, problem, decision
        shapes = {model.shape(one, chosen) for one, chosen in zip(problem, decision, strict=True)}
        if len(shapes) != 1 or None in shapes:
            raise Skipped(f"its instances have {len(shapes)} cone programs of different shapes, one layer takes one")
        from cvxpylayers.torch import CvxpyLayer

        program = model.build(shapes.pop())
        self.names, self.variables = tuple(program.parameters), tuple(program.variables)
        self.layer = CvxpyLayer(
            program.problem,
            parameters=list(program.parameters.values()),
            variables=list(program.variables.values()),
            solver_args=OPTIONS,
        )
        numbers = self._numbers(problem)
        self.parameters = [torch.tensor(numbers[name], requires_grad=True) for name in self.names]
        self.weights = [torch.tensor(weight) for weight in self._weights()]

    def _numbers(self, problem: Problem) -> dict[str, Array]:
        rows = [self.model.numbers(one, chosen) for one, chosen in zip(problem, self.decision, strict=True)]
        return {name: np.stack([np.asarray(row[name], dtype=float) for row in rows]) for name in self.names}

    def _forward(self) -> Any:
        return self.layer(*self.parameters)

    def _weights(self) -> list[Array]:
        rng = np.random.default_rng(0)
        return [rng.uniform(0.5, 1.5, tuple(variable.shape)) for variable in self._forward()]

    def forward_and_backward(self) -> list[Any]:
        """Return the gradients of a weighted sum of all variables to all parameters."""
        return list(torch.autograd.grad(self._forward(), self.parameters, self.weights, allow_unused=True))

    def values(self) -> Array:
        """Return the objective of what the layer finds, by the problem's own formula."""
        found = [variable.detach().numpy() for variable in self._forward()]
        rows = []
        for k, (one, chosen) in enumerate(zip(self.problem, self.decision, strict=True)):
            given = {name: value[k] for name, value in zip(self.variables, found, strict=True)}
            allocation, _ = self.model.read(one, chosen, given, _Nothing())
            rows.append(one.objective(chosen, allocation))
        return np.array(rows)

    def gradients_apart(self, fields: dict[str, Any]) -> float:
        """Return how far both are apart along a line through the fields, beside the longer of the two."""
        rng = np.random.default_rng(1)
        along = {name: rng.uniform(-1.0, 1.0, tuple(field.shape)) * field.detach().numpy() for name, field in fields.items()}
        ends = [type(self.problem)(**{**self.problem.data(), **_moved(fields, along, step)}) for step in (STEP, -STEP)]
        ahead, behind = map(self._numbers, ends)
        theirs = sum(
            float((gradient.numpy() * (ahead[name] - behind[name])).sum()) / (2.0 * STEP)
            for name, gradient in zip(self.names, self.forward_and_backward(), strict=True)
            if gradient is not None
        )
        names = tuple(fields)

        def allocation(*given: Any) -> Any:
            return tuple(allocate(self.problem, self.decision, **dict(zip(names, given, strict=True))).allocation)

        values, slopes = torch.func.jvp(
            allocation,
            tuple(fields[name].detach() for name in names),
            tuple(torch.tensor(along[name]) for name in names),
        )
        points = [self._points(end, values, slopes, step) for end, step in zip(ends, (STEP, -STEP), strict=True)]
        size = sum(
            float((weight.numpy() * np.abs(here)).sum()) for weight, here in zip(self.weights, points[0], strict=True)
        )
        mine = sum(
            float((weight.numpy() * (there - here)).sum()) / (2.0 * STEP)
            for weight, there, here in zip(self.weights, *points, strict=True)
        )
        return abs(mine - theirs) / max(abs(mine), abs(theirs), SMALL * size)

    def _points(self, problem: Problem, values: Any, slopes: Any, step: float) -> list[Array]:
        """Return the program's variables at an allocation that is moved along its derivative."""
        parts = [(value + step * slope).numpy() for value, slope in zip(values, slopes, strict=True)]
        rows = []
        for k, (one, chosen) in enumerate(zip(problem, self.decision, strict=True)):
            rows.append(self.model.point(one, chosen, problem.Allocation(*(part[k] for part in parts))))
        return [np.stack([np.asarray(row[name], dtype=float) for row in rows]) for name in self.variables]


class _Nothing(dict[str, Any]):
    """Multipliers that nobody reads the value of."""

    def __missing__(self, name: str) -> Any:
        return np.asarray(0.0)


def _moved(fields: dict[str, Any], along: dict[str, Array], step: float) -> dict[str, Array]:
    return {name: field.detach().numpy() + step * along[name] for name, field in fields.items()}


def _model(cls: type[Problem]) -> ConicModel | None:
    """Return how a problem writes its cone program for Clarabel."""
    able = (one for one in cls.backends.values() if isinstance(one, Conic) and one.solver == "CLARABEL")
    return next((one.model for one in able), None)
