"""The examples run: the folder's scripts, and every piece of Python and every command line of the README and the docs.

On a page, blocks of Python share one namespace and run in order, in a folder of their own. A block of text that follows one
is what it prints, and the lines below a command in a console block are what the command prints ("..." stands for anything).
All other command lines are parsed by the command they call, which catches a command, an option or an argument that does not
exist.
"""

import contextlib
import doctest
import io
import re
import runpy
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from mecopt import UnknownName, find_problem, problems
from mecopt.cli.main import COMMANDS, group, main
from mecopt.compare.results import STORED
from mecopt.contract.errors import unknown
from mecopt.search.proposed import LEARNED
from mecopt.sweeps.grid import axes_of

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


class Block(NamedTuple):
    """A fenced block of a page: its language, the file it is shown as (if any), its text, and the line it begins at."""

    language: str
    caption: str
    text: str
    line: int


FENCE = re.compile(r"^```(?:\{code-block\} *)?(\w+)\n((?::\w+:.*\n)*)(.*?)^```$", flags=re.S | re.M)


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        caption = re.search(r":caption: (.*)", match[2])
        found.append(Block(match[1], caption[1] if caption else "", match[3], text.count("\n", 0, match.start(3)) + 1))
    return found


def command_lines(page: Path) -> Iterator[tuple[int, str]]:
    """Yield every command line that calls mecopt, shown in a block or indented, with the number of its first line."""
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^(?: {4}|\$ )?(mecopt (?:.*\\\n)*.*)$", text, flags=re.M):
        yield text.count("\n", 0, found.start()) + 1, re.sub(r"\\\n *", "", found[1])


def pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if any(block.language == language for block in blocks(page))]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def same(wanted: str, printed: str) -> None:
    printed = re.sub(r", \S+ to compile \(once per machine\)", "", printed)  # where the page is the first to need a kernel
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    matches = doctest.OutputChecker().check_output(wanted, printed, flags)
    assert matches, f"the page says\n{wanted}\nbut what is printed is\n{printed}"


def words(line: str) -> list[str]:
    """Split a command line as a shell does, and drop the command's own name and a comment."""
    return shlex.split(line, comments=True)[1:]


def parse(arguments: list[str]) -> None:
    """Parse a command line as mecopt does, without running it, and look up the names in it; an error says what is wrong."""
    context = click.Context(group, info_name="mecopt")
    name, command, rest = group.resolve_command(context, arguments)
    assert command is not None
    given = command.make_context(name, list(rest), parent=context).params
    cls = find_problem(given["problem"]) if given.get("problem") else None
    solvers = {STORED, LEARNED, *(solver for one in ([cls] if cls else problems().values()) for solver in one.solvers)}
    for method in [given.get("solver"), *(given.get("methods") or "").split(",")]:
        if method and method.partition(":")[0] not in solvers:
            raise unknown("method", method, solvers)
    if cls is not None:
        for preset in axes_of(cls, given.get("over", ())).get("preset", [given.get("preset") or "paper"]):
            if preset not in cls.presets:
                raise unknown("preset", preset, cls.presets)


def run(arguments: list[str]) -> str:
    """Run a command in this process and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0, f"mecopt {shlex.join(arguments)} ends with exit code {end.value.code}"
    return printed.getvalue()


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.py")), ids=lambda path: path.stem)
def test_every_example_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("page", pages_with("python"), ids=name_of)
def test_the_python_of_every_page_runs_and_prints_what_is_shown(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")  # tables fit the terminal, which is another one for everyone
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed = io.StringIO()
    for block in blocks(page):
        if block.language == "python":
            printed = io.StringIO()
            code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
            with contextlib.redirect_stdout(printed):
                exec(code, namespace)
        elif block.language == "text":
            same(block.text, printed.getvalue())


@pytest.mark.parametrize("page", pages_with("console"), ids=name_of)
def test_the_consoles_of_every_page_show_what_is_printed(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for beside in page.parent.glob("*.csv"):
        shutil.copy(beside, tmp_path)
    for block in blocks(page):
        if block.caption:
            Path(block.caption).write_text(block.text, encoding="utf-8")
        if block.language == "console":
            for shown in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
                line, _, wanted = shown.partition("\n")
                same(wanted, run(words(line)))


@pytest.mark.parametrize("page", [page for page in PAGES if any(command_lines(page))], ids=name_of)
def test_every_command_line_of_a_page_can_be_given(page: Path) -> None:
    for number, line in command_lines(page):
        try:
            parse(words(line))
        except (click.ClickException, UnknownName) as error:
            pytest.fail(f"{name_of(page)}, line {number}: {line}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_named_in_a_sentence_exists(page: Path) -> None:
    for name in re.findall(r"`mecopt ([a-z][a-z-]*)", page.read_text(encoding="utf-8")):
        assert name in COMMANDS, f"{name_of(page)} names the command `mecopt {name}`"


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "notebooks").glob("*.py")), ids=lambda path: path.stem)
def test_notebooks_are_in_the_percent_format(path: Path) -> None:
    """Every line stands in a cell; cells of words are comments alone, and the first of them is the title."""
    cells = re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.M)
    assert cells[0] == ""
    assert cells[1].startswith(" [markdown]\n# # ")
    for cell in cells[1:]:
        head, _, body = cell.partition("\n")
        assert head in ("", " [markdown]")
        assert body.strip()
        if head:
            assert all(line.startswith("#") for line in body.strip().splitlines())
