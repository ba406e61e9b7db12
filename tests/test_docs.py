"""The pages say what the code says, where they cannot be generated from it, and the generated parts are what they claim."""

import dataclasses
import inspect
import io
import logging
import re
import runpy
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from loading import module_of
from matplotlib.text import Text

from mecopt import Problem, Status, problems
from mecopt.cli.main import COMMANDS, EXIT_CODES
from mecopt.compare import compare
from mecopt.models import BinaryOffloading, ComputationRate

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def extension() -> ModuleType:
    pytest.importorskip("sphinx")
    return module_of(DOCS / "_extensions" / "mecopt_docs.py")


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def first_cells(page: str, heading: str) -> list[str]:
    """Return the names in the first column of the table with this heading."""
    rows = re.search(rf"^\| {re.escape(heading)} \|.*\n\|---.*\n((?:\|.*\n)+)", text_of(page), flags=re.M)
    assert rows, f"{page} has no table headed {heading!r}"
    return [name for row in rows[1].splitlines() for name in re.findall(r"\w+", row.split("|")[1])]


@pytest.mark.parametrize("name", problems())
def test_every_problem_has_a_page_with_all_that_is_generated(name: str) -> None:
    page = text_of(f"problems/{name}.md")
    for directive in ("fields", "variables", "presets", "backends", "solvers", "lesson"):
        assert f"```{{{directive}}} {name}\n" in page
    assert f".. automodule:: {inspect.getmodule(problems()[name]).__name__}" in page  # type: ignore[union-attr]


@pytest.mark.parametrize("cls", problems().values(), ids=problems())
def test_generated_tables_hold_every_declaration_and_are_tables(extension: ModuleType, cls: type[Problem]) -> None:
    names = [field.name for field in dataclasses.fields(cls)]
    variables = [*dataclasses.fields(cls.Allocation), *dataclasses.fields(cls.Dual)]
    for write, known in (
        (extension.fields, names),
        (extension.variables, [field.name for field in variables]),
        (extension.backends, cls.backends),
        (extension.solvers, cls.solvers),
        (extension.presets, [*cls.presets, *names]),
    ):
        lines = list(write(cls))
        assert all(f"`{name}`" in "\n".join(lines) for name in known)
        widths = {re.sub(r"\\\|", "", line).count("|") for line in lines if line.startswith("|")}
        assert len(widths) == 1, "rows of one table have equally many cells"
        assert not any("\n" in line for line in lines), "a row is one line"
    cells = [line.split(" | ")[-1].removesuffix(" |") for line in extension.variables(cls)]
    assert [cell for cell in cells if cell][2:] == [field.metadata["meaning"] for field in variables]


def test_symbols_and_defaults_are_typeset(extension: ModuleType) -> None:
    rates = "\n".join(extension.fields(ComputationRate))
    meaning = "weight of a user's rate; 0: as if the user were not there"
    assert rf"| `weight` | $w$ | {meaning} | 1 | user | >= 0 | 1, 1.5, 1, 1.5, ... |" in rates
    assert r"$\mu$" in rates
    assert "$N_0$" in rates
    assert r"$f^{\mathrm{loc}}$" in "\n".join(extension.fields(BinaryOffloading))


def test_a_check_that_fails_is_a_warning(extension: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    outcome, step = SimpleNamespace(passed=False, text="1 is not 2"), SimpleNamespace(title="one is two", figure=None)
    told = SimpleNamespace(steps=[step], run=lambda: [outcome], markdown=lambda *_: "# Title\n\n## 1. one is two\n")
    cls: Any = SimpleNamespace(name="sums", lesson=lambda: told)
    with caplog.at_level(logging.WARNING):
        lines = list(extension.lesson(cls))
    assert "### 1. one is two" in lines
    assert "the check of 'one is two' failed: 1 is not 2" in caplog.text


def test_the_guide_lists_every_status_and_exit_code() -> None:
    assert set(first_cells("guides/solve.md", "status")) == {status.name for status in Status}
    assert first_cells("guides/solve.md", "code") == re.findall(r"^ +(\d+) ", EXIT_CODES, flags=re.M)


def test_the_guide_lists_every_column_of_the_parquet_file(tmp_path: Path) -> None:
    slots = BinaryOffloading.sample(np.random.default_rng(0), (2,), users=3)
    columns = compare(slots, ["exact"], out=tmp_path, jobs=1).table.column_names
    assert first_cells("guides/compare.md", "column of the file") == columns


def test_every_command_is_told_of_somewhere() -> None:
    pages = "\n".join(path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md"))
    missing = [name for name in COMMANDS if f"mecopt {name}" not in pages]
    assert not missing


@pytest.mark.parametrize("name", problems())
def test_every_problem_has_a_sketch_and_a_picture_of_a_proved_solution(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pyplot, file = pytest.importorskip("matplotlib.pyplot"), name.replace("-", "_")
    pyplot.switch_backend("svg")
    monkeypatch.syspath_prepend(str(DOCS / "pictures"))
    pictures = module_of(DOCS / "pictures" / f"{file}.py", f"pictures_of_{file}")
    for function in ("sketch", "solution"):
        assert f".. plot:: {file}.py {function}\n" in text_of(f"problems/{name}.md")
        getattr(pictures, function)()
        figure = pyplot.gcf()
        figure.savefig(io.BytesIO(), format="svg")
        words = " ".join(text.get_text() for text in figure.findobj(Text))
        pyplot.close(figure)
    assert re.search(r"OPTIMAL|(\d+) (limits|batteries), \1 proved", words)


def test_formulas_are_rendered_without_the_net(tmp_path: Path) -> None:
    application = pytest.importorskip("sphinx.application")
    conf = runpy.run_path(str(DOCS / "conf.py"))
    (tmp_path / "conf.py").write_text(f"extensions = {[e for e in conf['extensions'] if e != 'mecopt_docs']}\n")
    (tmp_path / "index.rst").write_text("Root\n====\n\n.. math:: \\begin{aligned} a &= b \\\\ c &= d \\end{aligned}\n")
    places = [str(tmp_path / name) for name in ("html", "doctrees")]
    application.Sphinx(str(tmp_path), str(tmp_path), *places, "html", status=None, warning=None).build()
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r'<script[^>]* src="([^"?]+)', page)
    assert any("mathjax" in source for source in scripts)
    assert all((tmp_path / "html" / source).is_file() for source in scripts)
