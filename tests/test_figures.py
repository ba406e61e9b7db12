"""Figures of speed in README and docs: each stands where the list says, and is read beside what was measured."""

import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from loading import module_of

from mecopt import Status
from mecopt.compare.bench import Measurement, fixed, opened, slots, steps, turns
from mecopt.compare.bench.turns import Timing, Work
from mecopt.registry import find_problem, problem_names

ROOT = Path(__file__).parents[1]
FIGURES = tomllib.loads((ROOT / "docs" / "figures.toml").read_text(encoding="utf-8"))["figure"]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return module_of(ROOT / "tools" / "figures.py")


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure["text"])
def test_a_figure_stands_once_in_its_file_and_is_a_number(tool: ModuleType, figure: dict[str, Any]) -> None:
    line, told = tool.stands(figure)
    assert line >= 1
    assert float(told.replace(",", "")) > 0
    assert figure["problem"] in problem_names()
    assert figure["of"] in ("ratio", "processor_seconds", "per_second")


@pytest.fixture(scope="module")
def keys() -> dict[str, list[str]]:
    """Rows of each problem as planned, by their keys; nothing is solved for this, and rivals are left out."""

    def answered(problem: Any, *_: Any, **__: Any) -> Any:
        status, nothing = np.full(problem.batch_shape, Status.OPTIMAL), SimpleNamespace(messages={})
        decision = np.ones((*problem.batch_shape, problem.users), dtype=np.int8)
        return SimpleNamespace(decision=decision, status=status, objective=np.ones(problem.batch_shape), stats=nothing)

    found: dict[str, list[str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "by_turns", lambda works, *_, **__: {name: Timing((1.0,), (1.0,)) for name in works})
        for module, name in ((fixed, "allocate"), (opened, "_solved")):
            patch.setattr(module, name, answered)
        for module in (fixed, opened, slots):
            patch.setattr(module, "rivals", lambda *_: [])
        patch.setattr(opened, "_exhaustive", lambda *_: [])
        patch.setattr(opened, "_outside", lambda *_: (Work(lambda: None), 1.0, ""))
        patch.setattr(slots, "_slots", lambda *_: [])
        for name in {figure["problem"] for figure in FIGURES}:
            found[name] = [row.key for step in steps(find_problem(name)) for row in step.rows()]
    return found


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure["text"])
def test_benches_have_the_row_of_a_figure(keys: dict[str, list[str]], figure: dict[str, Any]) -> None:
    whole = figure["row"].endswith(" | ")
    found = [key for key in keys[figure["problem"]] if (key.startswith if whole else key.__eq__)(figure["row"])]
    assert found, "\n".join(keys[figure["problem"]])


def test_a_figure_is_read_from_its_row(tool: ModuleType) -> None:
    rows = [
        Measurement("a", "closed-form", Timing((2e-6,), (1.0,)), "scs", Timing((8e-6,), (1.0,))).as_dict(),
        Measurement("b", "exact", Timing((0.5,), (1.0,))).as_dict(),
    ]
    assert tool.measured({"row": "a | closed-form | scs", "of": "ratio"}, rows) == pytest.approx(4.0)
    assert tool.measured({"row": "a | ", "of": "processor_seconds", "unit": 1e-6}, rows) == pytest.approx(2.0)
    assert tool.measured({"row": "b | exact", "of": "per_second"}, rows) == pytest.approx(2.0)
    assert tool.measured({"row": "c | exact", "of": "ratio"}, rows) is None
    unseen = [Measurement("d", "exact", Timing((0.0,), (0.25,))).as_dict()]
    assert tool.measured({"row": "d | exact", "of": "per_second"}, unseen) == pytest.approx(4.0)
