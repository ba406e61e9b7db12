"""Figures of speed in README and docs: each stands where the list says, and is read beside what was measured."""

import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from loading import module_of

from mecopt.compare.bench import Measurement
from mecopt.compare.bench.turns import Timing
from mecopt.registry import problem_names

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


def test_a_figure_is_read_from_its_row(tool: ModuleType) -> None:
    rows = [
        Measurement("a", "closed-form", Timing((2e-6,), (1.0,)), "scs", Timing((8e-6,), (1.0,))).as_dict(),
        Measurement("b", "exact", Timing((0.5,), (1.0,))).as_dict(),
    ]
    assert tool.measured({"row": "a | closed-form | scs", "of": "ratio"}, rows) == pytest.approx(4.0)
    assert tool.measured({"row": "a | ", "of": "processor_seconds", "unit": 1e-6}, rows) == pytest.approx(2.0)
    assert tool.measured({"row": "b | exact", "of": "per_second"}, rows) == pytest.approx(2.0)
    assert tool.measured({"row": "c | exact", "of": "ratio"}, rows) is None
