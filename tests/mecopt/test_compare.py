"""Comparisons: what is written, that it is true, and that an interrupted run loses nothing and goes on."""

from __future__ import annotations

import base64
import html
import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

import mecopt
from mecopt import InstanceError, Problem, UnknownName
from mecopt.cli.main import main
from mecopt.compare import Comparison, compare, default_methods
from mecopt.compare.decisions import habits
from mecopt.compare.parts import name_of
from mecopt.compare.report import PICTURES, decisions_table, table, write_report
from mecopt.compare.run import CHUNK
from mecopt.compare.summary import MEANINGS, Line, Summary, summarise
from mecopt.contract.solver import Search, Solver
from mecopt.data import Labels, load, save
from mecopt.models import BinaryOffloading, ComputationRate
from mecopt.search.proposed import Proposed

Array = NDArray[Any]

COLUMNS = [
    "instance_id",
    "method",
    "decision",
    "objective",
    "bound",
    "gap",
    "violation",
    "status",
    "solver_calls",
    "iterations",
    "model_seconds",
    "solve_seconds",
    "predict_seconds",
    "message",
    "host",
]
METHODS = ["exact", "coordinate-descent", "all-local", "random"]
MODELS = [BinaryOffloading, ComputationRate]


def draw(cls: type[Problem], count: int = 12, users: int = 5) -> Problem:
    return cls.sample(np.random.default_rng(3), (count,), users=users)


@pytest.fixture(scope="module", params=MODELS, ids=lambda cls: cls.name)
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    """One comparison of each problem: its instances, folder, rows and summary."""
    out, instances = tmp_path_factory.mktemp("out"), draw(request.param)
    comparison = compare(instances, METHODS, out=out, seed=5, jobs=1, provenance={"file": "<slots>.npz"})
    return instances, out, comparison, write_report(comparison, out)


def answered(table: Any) -> list[dict[str, Any]]:
    """Return the rows without the measured seconds, which no two runs share."""
    kept = [name for name in table.column_names if not name.endswith("_seconds")]
    rows: list[dict[str, Any]] = table.select(kept).to_pylist()
    return rows


# ---------------------------------------------------------------------- what is written


@pytest.mark.parametrize("width", [40, 60, 80, 150])
def test_tables_of_a_terminal_hold_names_and_numbers_whole(finished: Any, width: int) -> None:
    *_, comparison, summary = finished
    for grid in (table(summary, width), decisions_table(comparison)):
        lines = list(grid.lines(width))
        assert max(map(len, lines)) <= width
        shown = "\n".join(lines)
        assert all(cell in shown for column in grid.columns for cell in (column.title, *column.cells))
        parts = shown.split("\n\n")
        assert all(method in part for method in METHODS for part in parts), "every part names its rows"


def test_the_table_has_one_row_per_method_and_instance_and_the_columns_of_the_contract(finished: Any) -> None:
    instances, out, _, _ = finished
    table = pq.read_table(out / "results.parquet")
    assert table.column_names == COLUMNS
    rows = set(zip(table["method"].to_pylist(), table["instance_id"].to_pylist(), strict=True))
    assert rows == {(method, number) for method in METHODS for number in range(instances.instances)}
    assert table.num_rows == len(rows)


def test_the_tables_metadata_say_where_its_rows_are_from(finished: Any) -> None:
    instances, out, _, _ = finished
    origin = json.loads(pq.read_schema(out / "results.parquet").metadata[b"mecopt"])
    expected = {
        "problem": instances.name,
        "instances": 12,
        "users": 5,
        "methods": METHODS,
        "seed": 5,
        "sense": instances.sense,
    }
    assert expected.items() <= origin.items()
    assert origin["versions"]["mecopt"] == mecopt.__version__
    assert origin["file"] == "<slots>.npz"


def test_every_row_is_what_the_solver_answers_to_that_instance_alone(finished: Any) -> None:
    instances, _, comparison, _ = finished
    for method in ("exact", "coordinate-descent", "all-local"):
        alone = [mecopt.solve(one, solver=method) for one in instances]
        np.testing.assert_allclose(comparison.column(method, "objective"), [one.objective for one in alone], rtol=1e-12)
        assert comparison.column(method, "status").tolist() == [str(one.status) for one in alone]


def test_shares_and_unchanging_users_are_counted_from_the_decisions(tmp_path: Path) -> None:
    from mecopt.models import MultiServerOffloading

    instances = MultiServerOffloading.sample(np.random.default_rng(4), (6,), users=5, servers=2)
    found = {row.method: row for row in habits(compare(instances, ["exact", "all-local"], out=tmp_path, jobs=1))}
    decisions = [one.decision.tolist() for one in mecopt.solve(instances)]
    for choice, label in enumerate(("local", "server 1", "server 2")):
        assert found["exact"].shares[label] == pytest.approx(sum(row.count(choice) for row in decisions) / 30)
    assert found["exact"].unchanging == sum(len({row[i] for row in decisions}) == 1 for i in range(5)) / 5
    assert found["all-local"].shares == {"local": 1.0, "server 1": 0.0, "server 2": 0.0}
    assert found["all-local"].unchanging == 1.0


def test_a_random_method_draws_the_same_numbers_in_every_run_and_others_with_another_seed(tmp_path: Path) -> None:
    instances = draw(BinaryOffloading)
    runs = [compare(instances, ["random"], out=tmp_path / str(i), seed=s, jobs=1) for i, s in enumerate((1, 1, 2))]
    first, again, other = (run.column("random", "objective") for run in runs)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_no_method_beats_the_exact_one_and_ratios_are_at_most_one(finished: Any) -> None:
    instances, _, comparison, summary = finished
    exact = comparison.column("exact", "objective")
    for line in summary.lines:
        better, worse = exact, comparison.column(line.method, "objective")
        ratio = worse / better if instances.sense == "maximise" else better / worse
        assert line.ratio_mean == pytest.approx(float(np.mean(ratio)), rel=1e-9)
        assert line.ratio_least == pytest.approx(float(np.min(ratio)), rel=1e-9)
        assert line.ratio_least <= line.ratio_percentile_1 <= 1.0 + 1e-9
    assert summary.reference == "the proved optimum"
    assert {line.method: line.proved for line in summary.lines}["exact"] == 1.0


def png_size(content: bytes) -> tuple[int, int]:
    """Check signature, every chunk's checksum and the pixel data of a PNG; return width and height."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    place, kinds, pixels = 8, [], b""
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        kind, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        assert struct.unpack(">I", content[place + 8 + length : place + 12 + length]) == (zlib.crc32(kind + body),)
        kinds.append(kind)
        pixels += body if kind == b"IDAT" else b""
        place += 12 + length
    assert kinds[0] == b"IHDR"
    assert kinds[-1] == b"IEND"
    width, height = struct.unpack(">II", content[16:24])
    assert len(zlib.decompress(pixels)) >= width * height
    return width, height


@pytest.mark.parametrize("name", ["loss.png", "tradeoff.png"])
def test_the_pictures_are_whole(name: str, finished: Any) -> None:
    width, height = png_size((finished[1] / name).read_bytes())
    assert width > 300
    assert height > 150


def test_the_report_explains_its_terms_to_who_points_at_them(finished: Any) -> None:
    page = (finished[1] / "report.html").read_text()
    told = dict(re.findall(r'data-meaning="([^"]*)" aria-label="[^"]*">([^<]*)<', page))
    for name, meaning in MEANINGS.items():
        assert told[html.escape(meaning)] == name
    for method in finished[2].methods:
        assert method in told.values()


def test_the_report_needs_nothing_but_itself(finished: Any) -> None:
    page = (finished[1] / "report.html").read_text()
    assert not re.search(r"""(src|href|url|@import)\s*[=(]?\s*["']?\s*(https?:)?//""", page)
    assert "<script" not in page
    assert "<link" not in page
    pictures = re.findall(r'src="([^"]*)"', page)
    assert [one.partition(",")[0] for one in pictures] == ["data:image/png;base64"] * 3
    for one, name in zip(pictures, ("loss.png", "tradeoff.png", "instances.png"), strict=True):
        assert base64.b64decode(one.partition(",")[2]) == (finished[1] / name).read_bytes()


def test_the_report_shows_every_method_and_escapes_what_it_is_given(finished: Any) -> None:
    page = (finished[1] / "report.html").read_text()
    for method in METHODS:
        assert re.search(f"<td>(<span [^>]*>)?{method}(</span>)?</td>", page)
    assert "&lt;slots&gt;.npz" in page
    assert "<slots>" not in page


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("methods", "error", "message"),
    [
        (["exat"], UnknownName, "unknown method for binary-offloading 'exat'; did you mean 'exact'"),
        (["exact", "exact"], InstanceError, "'exact' is named twice"),
        ([], InstanceError, "methods is empty"),
        (["stored"], InstanceError, "needs a file that stores answers"),
    ],
)
def test_methods_that_make_no_sense_are_refused_before_anything_is_written(
    methods: list[str], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        compare(draw(BinaryOffloading), methods, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_instances_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="holds no instance; allowed: at least one"):
        compare(draw(BinaryOffloading)[:0], ["exact"], out=tmp_path)


# ---------------------------------------------------------------------- failures inside


class Fragile(Solver):
    """Keeps everyone local and fails on the instances given."""

    name = "fragile"
    summary = "fails"

    def __init__(self, fails: slice) -> None:
        self.fails = fails

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        failed = np.zeros(problem.batch_shape, dtype=bool)
        failed[self.fails] = True
        return Search(np.zeros((*problem.batch_shape, problem.users), dtype=np.int8), failed=failed)


class Mine(Solver):
    """A solver of somebody's own: everyone at one place."""

    name = "mine"
    summary = "everyone at one place"

    def __init__(self, place: int) -> None:
        self.place = place

    def search(
        self, problem: Problem, *, start: Array | None, gap: float | None, time_limit: float | None, rng: Generator
    ) -> Search:
        return Search(np.full((*problem.batch_shape, problem.users), self.place, dtype=np.int8), solver_calls=1)


@pytest.mark.parametrize("cls", MODELS)
def test_a_solver_of_ones_own_is_compared_anew_every_time(cls: type[Problem], tmp_path: Path) -> None:
    for place, like in ((0, "all-local"), (1, "all-offload"), (0, "all-local")):
        found = compare(draw(cls), ["exact", Mine(place), "all-local", "all-offload"], out=tmp_path, jobs=1)
        assert found.methods == ["exact", "mine", "all-local", "all-offload"]
        np.testing.assert_array_equal(found.column("mine", "objective"), found.column(like, "objective"))
        said = [text for text in write_report(found, tmp_path).findings if text.startswith("mine loses")]
        assert len(said) == 1
    assert found.provenance["own_methods"] == ["mine"]


def test_a_solver_of_ones_own_is_never_said_to_need_no_training(tmp_path: Path) -> None:
    class Best(Mine):
        def search(self, problem: Problem, **told: Any) -> Search:
            return Search(mecopt.solve(problem).decision, solver_calls=1)

    found = compare(draw(BinaryOffloading), ["exact", Best(0), "all-local"], out=tmp_path, jobs=1)
    assert not any("mine, which needs no training" in text for text in summarise(found).findings)


class Named(Mine):
    def __init__(self, name: Any) -> None:
        super().__init__(0)
        self.name = name


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (Mine, r"a method is the class Mine; allowed: a solver itself, Mine\(\)"),
        (lambda problem: problem, "a method is a function; allowed: names of solvers, or a mecopt.contract.solver.Solver"),
        (None, "a method is a NoneType"),
        (Named("exact"), "the Named among the methods is named 'exact'; allowed: a name of its own"),
        (Named("stored"), "named 'stored'"),
        (Named("learned:x"), "named 'learned:x'"),
        (Named(None), "named None"),
    ],
)
def test_what_is_no_method_is_refused_before_work_begins(method: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=said):
        compare(draw(BinaryOffloading), ["exact", method], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("methods", [Mine(0), Mine, 3, {"exact": 1}])
def test_what_is_no_list_of_methods_is_refused(methods: Any, tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"methods is a .*; allowed: a list of names and solvers"):
        compare(draw(BinaryOffloading), methods, out=tmp_path / "out")


def test_two_solvers_of_ones_own_need_two_names(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="the method 'mine' is named twice"):
        compare(draw(BinaryOffloading), [Mine(0), Mine(1)], out=tmp_path / "out")


@pytest.mark.parametrize(("fails", "count"), [(slice(0, 1), 1), (slice(None), 12)])
@pytest.mark.parametrize("methods", [["fragile"], ["exact", "fragile"], ["fragile", "all-offload", "exact"]], ids=str)
@pytest.mark.parametrize("cls", MODELS)
def test_failed_instances_are_counted_and_left_out_of_the_ratios(
    cls: type[Problem], methods: list[str], fails: slice, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cls.solvers, "fragile", Fragile(fails))
    comparison = compare(draw(cls), methods, out=tmp_path, jobs=1)
    summary = write_report(comparison, tmp_path)
    lines = {line.method: line for line in summary.lines}
    assert lines["fragile"].failed == count
    assert np.isnan(lines["fragile"].loss).sum() == count
    assert f"fragile has no answer in {count} instance{'s' * (count > 1)}, left out" in " ".join(summary.findings)
    assert not any("nan" in text for text in summary.findings)
    assert all(line.failed == 0 for name, line in lines.items() if name != "fragile")
    habit = next(row for row in habits(comparison) if row.method == "fragile")
    assert np.isnan(habit.unchanging) == (count == 12)
    for name in PICTURES:
        if summary.shown:
            png_size((tmp_path / name).read_bytes())
        else:
            assert not (tmp_path / name).exists()


def test_pictures_of_an_earlier_run_do_not_stay_where_there_is_nothing_to_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BinaryOffloading.solvers, "fragile", Fragile(slice(None)))
    for methods, drawn in ((["exact"], 3), (["fragile"], 0)):
        write_report(compare(draw(BinaryOffloading), methods, out=tmp_path, jobs=1), tmp_path)
        assert len(list(tmp_path.glob("*.png"))) == drawn
    assert "There is nothing to draw" in (tmp_path / "report.html").read_text()


def test_every_method_of_the_legend_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A method with an answer to one instance of 300 is a dot, and one with none is left out."""
    drawn: list[Any] = []
    monkeypatch.setattr("mecopt.compare.figures.png", drawn.append)
    loss = {"one": np.full(300, np.nan), "none": np.full(300, np.nan), "all": np.full(300, 0.5)}
    loss["one"][299] = 0.25
    lines = [
        Line(name, float(1 - np.nanmin(v, initial=1)), 0.0, 0.0, 0.0, 0.0, 0, 0, 1.0, 0.0, 1e-3, 0.0, v)
        for name, v in loss.items()
    ]
    for figure in PICTURES.values():
        figure(Summary("toy", lines, "the optimum", [], 0))
    for one in (drawn[1], drawn[2]):
        labels = [text.get_text() for text in one.axes[0].get_legend().get_texts()]
        assert labels == ["one (1 of 300)", "all"]
    assert [text.get_text() for text in drawn[0].axes[0].get_yticklabels()] == ["one (1 of 300)", "all"]
    dots = drawn[2].axes[0].get_lines()[0]
    assert dots.get_marker() == "o"
    assert dots.get_markevery() == np.flatnonzero(~np.isnan(dots.get_ydata())).tolist() == [99]


def test_no_sign_of_the_tradeoff_hides_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty methods in one place: each has its own colour and sign, and no face."""
    drawn: list[Any] = []
    monkeypatch.setattr("mecopt.compare.figures.png", drawn.append)
    lines = [Line(f"m{i}", 0.5, 0.5, 0.5, 0.0, 0.0, 0, 0, 1.0, 0.0, 1e-3, 0.0, np.array([0.5])) for i in range(20)]
    PICTURES["tradeoff.png"](Summary("toy", lines, "the optimum", [], 0))
    signs = drawn[0].axes[0].get_lines()
    assert len({(sign.get_marker(), sign.get_markeredgecolor()) for sign in signs}) == 20
    assert {sign.get_markerfacecolor() for sign in signs} == {"none"}


# ---------------------------------------------------------------------- stored answers


def stored(instances: Problem) -> Labels:
    solution = mecopt.solve(instances)
    return Labels(solution.decision, solution.allocation, solution.objective)


def lines_of(comparison: Comparison) -> tuple[Summary, dict[str, Any]]:
    summary = summarise(comparison)
    return summary, {line.method: line for line in summary.lines}


def test_stored_answers_are_compared_by_default_and_evaluated_anew(tmp_path: Path) -> None:
    instances = draw(ComputationRate)
    labels = stored(instances)
    boasting = replace(labels, objective=labels.objective * 1.5)
    assert default_methods(instances, labels)[-1] == "stored"
    summary, lines = lines_of(compare(instances, ["exact", "stored"], out=tmp_path, labels=boasting, jobs=1))
    assert lines["stored"].ratio_mean == pytest.approx(1.0, abs=1e-9)
    assert "differs from the recomputed one by at most 0.5 (relative)" in " ".join(summary.findings)


@pytest.mark.parametrize("spoil", [lambda a: np.full_like(a, np.nan), lambda a: a + 1.0, lambda a: -a])
def test_stored_answers_that_are_infeasible_count_as_failed(spoil: Any, tmp_path: Path) -> None:
    instances = draw(ComputationRate)
    labels = stored(instances)
    allocation = type(labels.allocation)(
        **{name: spoil(value) if name == "harvest_time" else value for name, value in labels.allocation.as_dict().items()}
    )
    bad = replace(labels, allocation=allocation)
    comparison = compare(instances, ["stored", "exact"], out=tmp_path, labels=bad, jobs=1)
    write_report(comparison, tmp_path)
    assert lines_of(comparison)[1]["stored"].failed == 12
    json.loads(
        pq.read_schema(tmp_path / "results.parquet").metadata[b"mecopt"], parse_constant=lambda text: pytest.fail(text)
    )


def test_another_stored_allocation_is_not_answered_from_an_earlier_run(tmp_path: Path) -> None:
    instances = draw(ComputationRate)
    labels = stored(instances)
    times = labels.allocation.as_dict()
    halved = replace(labels, allocation=type(labels.allocation)(**{name: value / 2 for name, value in times.items()}))
    first = compare(instances, ["stored"], out=tmp_path, labels=labels, jobs=1).column("stored", "objective")
    second = compare(instances, ["stored"], out=tmp_path, labels=halved, jobs=1).column("stored", "objective")
    assert (second < first).all()


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_stored_answers_may_have_any_batch_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    instances = ComputationRate.sample(np.random.default_rng(3), shape, users=4)
    comparison = compare(instances, ["stored"], out=tmp_path, labels=stored(instances), jobs=1)
    np.testing.assert_allclose(
        comparison.column("stored", "objective"), np.ravel(mecopt.solve(instances).objective), rtol=1e-9
    )


# ---------------------------------------------------------------------- resuming

PARTS, SHORT = 6, 20
ENDLESS = f"""
import os
import signal
import sys
from mecopt.cli.main import main
from mecopt.compare import computed, run

sys.path.insert(0, {str(Path(__file__).parents[1] / "shared")!r})
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background are born deaf to some signals
if os.name == "posix":
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
run.CHUNK, computed.FUNCTION = {SHORT}, "endless.part"
main()
"""
"""The command line, but that the parts after the second one never end; whoever takes one says so."""


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mecopt.compare.run.CHUNK", SHORT)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Instances enough for several parts, and the rows of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    save(folder / "slots.npz", draw(BinaryOffloading, PARTS * SHORT, users=2), provenance={})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mecopt.compare.run.CHUNK", SHORT)
        comparison = compare(load(folder / "slots.npz").problem, ["cd-slsqp"], out=folder / "whole", jobs=1)
    return folder / "slots.npz", answered(comparison.table)


@pytest.fixture
def parted(short_parts: None, undisturbed: tuple[Path, list[dict[str, Any]]]) -> tuple[Path, list[dict[str, Any]]]:
    """The same, of a process that makes parts as short."""
    return undisturbed


def parts_of(out: Path) -> dict[str, int]:
    """Return the finished parts with their times of writing."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "parts").glob("*.parquet")}


def interrupted(file: Path, out: Path, jobs: int, sign: signal.Signals, whom: str) -> tuple[int, str]:
    """Start a comparison in its own process group, as a terminal does, and send a signal when it is at work on part 3.

    What it says is read until all its processes have ended.
    """
    arguments = ["compare", str(file), "--methods", "cd-slsqp", "--jobs", str(jobs), "-o", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stderr is not None
        at_work = (re.match("at work on a part: ([0-9]+)\n", line) for line in process.stderr)  # among notes of compiling
        told = next(filter(None, at_work))
        if whom == "group":
            os.killpg(process.pid, sign)
        else:
            os.kill(process.pid if whom == "owner" else int(told[1]), sign)
        _, said = process.communicate()
    return process.returncode, said


@pytest.mark.parametrize(
    ("sign", "jobs", "whom", "expected", "words"),
    [
        ("SIGKILL", 1, "group", -9, ""),
        ("SIGKILL", 2, "owner", -9, ""),
        ("SIGQUIT", 2, "owner", -3, ""),
        ("SIGINT", 1, "group", 130, "interrupted"),
        ("SIGINT", 2, "group", 130, "interrupted"),
        ("SIGTERM", 1, "owner", 143, "ended by SIGTERM"),
        ("SIGTERM", 2, "owner", 143, "ended by SIGTERM"),
        ("SIGKILL", 2, "worker", 5, "error: a worker process was ended by SIGKILL before its work was done"),
    ],
)
def test_an_interrupted_comparison_keeps_its_finished_parts_and_goes_on(
    sign: str,
    jobs: int,
    whom: str,
    expected: int,
    words: str,
    parted: tuple[Path, list[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    file, undisturbed = parted
    out = tmp_path / "out"
    code, said = interrupted(file, out, jobs, getattr(signal, sign), whom)
    kept = parts_of(out)
    assert len(kept) == 2 if jobs == 1 else 1 <= len(kept) <= 2
    assert not (out / "results.parquet").exists()
    assert "Traceback" not in said
    assert code == expected
    if words:
        assert words in said
        assert {path.name for path in out.iterdir()} == {"parts"}
        assert [path.name for path in (out / "parts").iterdir() if path.suffix != ".parquet"] == []
    for name in kept:
        assert pq.read_table(out / "parts" / name).num_rows == SHORT
    again = jobs if whom == "worker" else 1  # who goes on need not be as many as who were disturbed
    with pytest.raises(SystemExit) as ended:
        main(["compare", str(file), "--methods", "cd-slsqp", "--jobs", str(again), "-o", str(out)])
    assert ended.value.code == 0
    assert len(parts_of(out)) == PARTS
    assert kept.items() <= parts_of(out).items()
    assert answered(pq.read_table(out / "results.parquet")) == undisturbed
    assert not [path for path in out.rglob(".*")]


def test_a_run_that_is_repeated_computes_nothing_again(tmp_path: Path) -> None:
    instances = draw(BinaryOffloading)
    first = compare(instances, METHODS, out=tmp_path, jobs=1)
    before = parts_of(tmp_path)
    progress: list[tuple[int, int]] = []
    second = compare(instances, METHODS, out=tmp_path, jobs=1, progress=lambda *count: progress.append(count))
    assert parts_of(tmp_path) == before
    assert progress == [(len(METHODS), len(METHODS))]
    assert first.table.equals(second.table)


def other_bit(content: bytes, place: int) -> bytes:
    damaged = bytearray(content)
    damaged[place] ^= 1
    return bytes(damaged)


def rewritten(path: Path, change: Callable[[Any], Any]) -> bytes:
    """Return a part with other rows, its metadata kept; a script that knows nothing of seals would write it."""
    buffer = io.BytesIO()
    pq.write_table(change(pq.read_table(path)), buffer)
    return buffer.getvalue()


def better(table: Any) -> Any:
    at = table.column_names.index("objective")
    return table.set_column(at, "objective", pc.multiply(table["objective"], 0.5))


DAMAGES: dict[str, Callable[[Path, Path], bytes]] = {
    "empty": lambda part, other: b"",
    "cut": lambda part, other: part.read_bytes()[:-1],
    "begun": lambda part, other: part.read_bytes()[:100],
    "a bit of a number": lambda part, other: other_bit(part.read_bytes(), part.read_bytes().index(b"PAR1") + 90),
    "a bit of the metadata": lambda part, other: other_bit(part.read_bytes(), -200),
    "better by half": lambda part, other: rewritten(part, better),
    "fewer rows": lambda part, other: rewritten(part, lambda table: table[:-1]),
    "of another method": lambda part, other: other.read_bytes(),
    "of an earlier version": lambda part, other: rewritten(part, lambda table: table.replace_schema_metadata(None)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_part_is_computed_anew_and_it_is_said(
    damage: Callable[[Path, Path], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    instances = draw(BinaryOffloading)
    whole = compare(instances, ["exact", "all-local"], out=tmp_path, jobs=1)
    damaged, sound = sorted((tmp_path / "parts").glob("*.parquet"))
    before = sound.stat().st_mtime_ns
    damaged.write_bytes(damage(damaged, sound))
    again = compare(instances, ["exact", "all-local"], out=tmp_path, jobs=1)
    assert answered(again.table) == answered(whole.table)
    assert sound.stat().st_mtime_ns == before
    (said,) = caplog.messages
    assert str(damaged) in said
    assert said.endswith("; it is computed anew")


@pytest.mark.slow
def test_no_bit_of_a_part_changes_a_row(tmp_path: Path) -> None:
    instances = draw(BinaryOffloading)
    whole = answered(compare(instances, ["all-local"], out=tmp_path, jobs=1).table)
    (part,) = (tmp_path / "parts").glob("*.parquet")
    content = part.read_bytes()
    for place in range(0, len(content), 1 + len(content) // 400):
        part.write_bytes(other_bit(content, place))
        assert answered(compare(instances, ["all-local"], out=tmp_path, jobs=1).table) == whole


def test_a_part_of_a_policy_depends_on_all_of_its_card(tmp_path: Path) -> None:
    policies: list[Any] = [SimpleNamespace(candidates=3, card={"settings": {"flips": k}}) for k in (3, 4, 3)]
    first, other, again = (name_of(Proposed("learned", policy)) for policy in policies)
    assert first == again != other


@pytest.mark.parametrize("change", [{"seed": 6}, {"time_limit": 9.0}])
def test_parts_of_another_question_are_not_taken_for_this_one(change: dict[str, Any], tmp_path: Path) -> None:
    instances = draw(BinaryOffloading)
    compare(instances, ["random"], out=tmp_path, jobs=1)
    before = parts_of(tmp_path)
    compare(instances, ["random"], out=tmp_path, jobs=1, **change)
    assert len(parts_of(tmp_path)) == 2 * len(before)
    compare(draw(BinaryOffloading, users=4), ["random"], out=tmp_path, jobs=1)
    assert len(parts_of(tmp_path)) == 3 * len(before)


def test_several_processes_answer_what_one_does(tmp_path: Path) -> None:
    instances = draw(ComputationRate, CHUNK + 10, users=3)
    one = compare(instances, METHODS, out=tmp_path / "one", jobs=1)
    two = compare(instances, METHODS, out=tmp_path / "two", jobs=2)
    assert answered(one.table) == answered(two.table)
