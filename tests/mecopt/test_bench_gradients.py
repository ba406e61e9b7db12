"""The bench of gradients: rows come out without its rival, and with it both have the gradients of the same thing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from mecopt import find_problem
from mecopt.cli.main import group
from mecopt.compare.bench.plans import draw
from mecopt.models import BinaryOffloading

torch = pytest.importorskip("torch", reason="gradients need torch")


def test_the_command_measures_or_says_why_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mecopt.torch.bench.find_spec", lambda _: None)
    done = CliRunner().invoke(group, ["bench", "binary-offloading", "--gradients", "--quick", "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["problems"]["binary-offloading"]
    assert [row["units"] for row in rows] == [1, 4]
    for row in rows:
        assert row["subject"]["name"] == "mecopt.torch.allocate"
        assert row["remark"] == "cvxpylayers is not installed"
        assert row["ratio"] is None


def test_a_problem_without_gradients_is_said_to_have_none() -> None:
    from mecopt.torch.bench import steps, why_none

    class Own(BinaryOffloading):
        pass

    assert steps(Own) == []
    assert why_none(Own).startswith("binary-offloading has no gradients yet")


@pytest.mark.parametrize("name", ["backscatter-frame", "hybrid-slot"])
def test_frames_and_slots_are_measured_whether_or_not_their_allocations_have_gradients(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mecopt.torch.bench import steps

    monkeypatch.setattr("mecopt.torch.bench.find_spec", lambda _: None)
    rows = [row for step in steps(find_problem(name), 0, quick=True) for row in step.rows()]
    assert [row.units for row in rows] == [1, 4]


def test_two_benches_at_once_are_refused() -> None:
    assert CliRunner().invoke(group, ["bench", "--gradients", "--warm-starts"]).exit_code == 2


@pytest.mark.parametrize(
    "name", ["bandwidth-power", "binary-offloading", "computation-rate", "multi-server-offloading", "priced-power"]
)
def test_cvxpylayers_has_the_same_gradients(name: str) -> None:
    pytest.importorskip("cvxpylayers", reason="it is what gradients are put beside")
    from mecopt.torch import bench, differentiable

    preset = "convex" if name == "priced-power" else "paper"  # without a price its program leaves variables undetermined
    problem: Any = draw(find_problem(name), 0, 6, (3,), preset)
    decision = bench._chosen(problem, 0)
    layer = bench.Layer(problem, decision)
    fields = {
        field: torch.tensor(problem.data()[field], requires_grad=True)
        for field in differentiable(problem)
        if np.isfinite(problem.data()[field]).all()
    }
    assert layer.gradients_apart(fields) < bench.ALIKE
