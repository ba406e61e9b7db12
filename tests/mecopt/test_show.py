"""What readers see: a line, a page that fits a screen whatever the size of the data, the rest on request, safe HTML."""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.compare.run import compare
from mecopt.contract.decision import UnitBeams
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import allowed
from mecopt.contract.solution import Solution
from mecopt.data import Dataset
from mecopt.models import BackscatterFrame, BinaryOffloading, ComputationRate, InferenceQueue, MultiServerOffloading
from mecopt.models.binary_offloading.variables import ServerRate
from mecopt.show.numbers import values
from mecopt.show.page import Column, Grid, Line, Page

PROBLEMS = mecopt.problems()
LONGEST_LINE = 400
MOST_LINES = 90
MOST_HTML = 40_000


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def drawn(name: str, shape: tuple[int, ...] = (), **sizes: int) -> Solution:
    rng = np.random.default_rng(0)
    problem = PROBLEMS[name].sample(rng, shape, **dict[str, Any](sizes))
    return mecopt.allocate(problem, problem.mended(problem.decision_space.sample(rng, shape)), throw=False)


class Balanced(HTMLParser):
    """Reads HTML, and remembers what is open and what was met."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def fits_a_screen(shown: Any) -> None:
    assert repr(shown).count("\n") == 0
    assert len(repr(shown)) <= LONGEST_LINE
    assert "array(" not in repr(shown)
    page = str(shown).splitlines()
    assert len(page) <= MOST_LINES
    assert max(map(len, page)) <= 100
    html = shown._repr_html_()
    assert len(html) <= MOST_HTML
    assert Balanced(html).open == []


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (3, 1, 2)], ids=str)
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_object_is_a_line_and_a_page_whatever_the_batch(name: str, shape: tuple[int, ...]) -> None:
    solution = drawn(name, shape)
    certificate = mecopt.Certificate(solution.objective, solution.bound, solution.gap, solution.violation, -solution.gap)
    for one in (solution, solution.problem, solution.allocation, solution.dual, solution.stats, certificate):
        fits_a_screen(one)
    fits_a_screen(Dataset(solution.problem, provenance={"seed": 0}))


@pytest.mark.parametrize(("name", "preset"), [(name, preset) for name, cls in PROBLEMS.items() for preset in cls.presets])
def test_answers_of_every_preset_are_pages_one_or_many(name: str, preset: str) -> None:
    """Whatever they decide: of a dozen instances some leave users without an answer, or somebody out."""
    solution = mecopt.solve(PROBLEMS[name].sample(np.random.default_rng(2), (12,), preset=preset), throw=False)
    assert name in str(solution)
    for k in range(0, 12, 4):
        assert name in str(solution[k])


@pytest.mark.parametrize("shape", [(), (50,)], ids=str)
def test_ten_thousand_users_still_fit_a_screen(shape: tuple[int, ...]) -> None:
    solution = drawn("binary-offloading", shape, users=10_000)
    for one in (solution, solution.problem, solution.allocation, solution.dual, solution.stats):
        fits_a_screen(one)


def test_ten_thousand_users_of_a_hundred_servers_still_fit_a_screen() -> None:
    problem = MultiServerOffloading.sample(np.random.default_rng(0), users=10_000, servers=100)
    solution = mecopt.allocate(problem, np.arange(10_000) % 101)
    for one in (solution, problem, solution.allocation, solution.dual):
        fits_a_screen(one)
    assert "and 80 more servers" in str(solution)


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_met_beside_answers_is_a_line_too(name: str) -> None:
    cls = PROBLEMS[name]
    for one in (cls.reference, *cls.presets.values(), cls.lesson(), *cls.lesson().steps):
        fits_a_screen(one)


def test_a_comparison_shows_its_findings_and_methods(tmp_path: Any) -> None:
    problem = BinaryOffloading.sample(np.random.default_rng(0), (3,), users=4)
    comparison = compare(problem, ["exact", "all-local"], out=tmp_path, jobs=1)
    fits_a_screen(comparison)
    assert repr(comparison) == "<Comparison binary-offloading: 2 methods on 3 instances>"
    assert re.search(r"^exact +1\.000000", str(comparison), re.M)


def test_a_certificate_comes_first_then_who_offloads_then_the_table() -> None:
    solution = mecopt.solve(BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0))
    assert repr(solution) == f"<Solution binary-offloading OPTIMAL 37.3895 s gap {float(solution.gap):.2g}, 3 users>"
    said = str(solution)
    order = [
        "OPTIMAL by exact",
        solution.status.value,
        "37.3895477 s (minimised)",
        "bound",
        "gap",
        "all 3 offload",
        "\nuser",
    ]
    places = [said.index(text) for text in order]
    assert places == sorted(places)
    assert re.search(r"^ +1  offload +7\.6884$", said, re.M)


def test_an_objective_without_a_unit_is_a_number_alone() -> None:
    one = mecopt.solve(InferenceQueue(snr_per_watt=[300.0, 12000.0], backlog=[3, 5]))
    many = mecopt.solve(InferenceQueue(snr_per_watt=[[300.0, 12000.0]] * 2, backlog=[3, 5]))
    assert re.search(rf"^objective +{float(one.objective):.9g} \(minimised\)$", str(one), re.M)
    assert re.search(rf"^bound +{float(one.bound):.9g}$", str(one), re.M)
    assert f"OPTIMAL {float(one.objective):.6g} gap" in repr(one)
    assert re.search(rf"mean {float(many.objective.mean()):.6g}, ", str(many))


@pytest.mark.parametrize("name", PROBLEMS)
def test_narrow_terminals_get_fewer_columns_and_whole_numbers(name: str) -> None:
    for page in (
        drawn(name).table(),
        drawn(name, (4,)).table(),
        drawn(name).problem.describe(),
        drawn(name).problem.table(),
    ):
        wide, narrow = page.text(1000), page.text(80)
        assert max(map(len, narrow.splitlines())) <= 80
        assert set(wide.split()) == set(narrow.split())
        (grid,) = [part for part in page.parts if isinstance(part, Grid)][:1]
        assert all(cell in narrow for column in grid.columns if not column.words for cell in column.cells)


def test_a_column_wider_than_the_screen_stands_alone_and_whole() -> None:
    page = Page("title", (Grid((Column("user", ["0"]), Column("beam", ["x" * 90]), Column("rate", ["2.5"]))),))
    assert "x" * 90 in page.text(80)
    assert page.text(80).splitlines()[-2:] == ["user  rate", "   0   2.5"]


def test_names_in_columns_of_words_are_not_broken_at_hyphens() -> None:
    names = ["even-drain", "shadow-price", "dynamic-program-must", "perfect-information"]
    page = Page("title", (Grid((Column("problem", ["x"]), Column("policies", [", ".join(names)], True, False))),))
    for width in range(40, 80):
        assert set(names) <= set(page.text(width).replace(",", "").split())


def test_a_notebook_prints_what_a_terminal_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    solution = drawn("binary-offloading")
    said = str(solution)
    shell = type("ZMQInteractiveShell", (), {})()  # by this name libraries know that they run in a notebook
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    assert str(solution) == said
    assert "objective" in said


def test_a_batch_names_its_worst_gap_and_the_first_that_failed() -> None:
    gain = np.full((3, 2, 1), 1e-7)
    problem = MultiServerOffloading(channel_gain=gain, deadline=[[9.0, 9.0], [9.0, 9.0], [1e-9, 9.0]])
    solution = mecopt.solve(problem, throw=False)
    reason = solution.stats.messages[2]
    assert f"1 INFEASIBLE: {mecopt.Status.INFEASIBLE.value}; first at 2: {reason}" in " ".join(str(solution).split())
    assert repr(solution).startswith("<Solution multi-server-offloading, 3 instances: 2 OPTIMAL, 1 INFEASIBLE, largest gap ")
    gap = np.array([0.0, 0.125, np.inf])
    assert re.search(r"^gap +largest 0\.12 at instance 1$", str(dataclasses.replace(solution, gap=gap)), re.M)


def test_rows_beyond_the_first_are_shown_on_request() -> None:
    solution = drawn("binary-offloading", users=300)
    assert "and 280 more users: `solution.table()`" in " ".join(str(solution).split())
    assert len(solution.table().text().splitlines()) == 300 + 3
    rows = solution.table([299, 17]).text().splitlines()[3:]
    assert [row.split()[0] for row in rows] == ["299", "17"]
    assert [line.split()[0] for line in solution.problem.table(range(5, 8)).text(1000).splitlines()[3:]] == ["5", "6", "7"]
    batch = drawn("binary-offloading", (2, 30))
    assert [line.split("OPTIMAL")[0].strip() for line in batch.table([29, 30]).text().splitlines()[3:]] == ["0, 29", "1, 0"]


@pytest.mark.parametrize("rows", [[300], [-1], [True], [0.5], "x", 0.5, True], ids=str)
def test_rows_that_are_none_are_named(rows: Any) -> None:
    with pytest.raises(InstanceError, match=r"user .* is none of these; allowed: 0 to 299"):
        drawn("binary-offloading", users=300).table(rows)


def test_a_table_of_a_batch_of_instances_says_to_take_one() -> None:
    with pytest.raises(InstanceError, match=r"problem\[0\]"):
        drawn("binary-offloading", (2,)).problem.table()


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ([0, 0, 0, 0], "none of 4 offloads"),
        ([0, 1, 0, 0], "1 of 4 offloads: 1"),
        ([1, 0, 0, 1], "2 of 4 offload: 0, 3"),
        ([1, 1, 1, 1], "all 4 offload"),
    ],
)
def test_a_decision_is_told_by_who_offloads(decision: list[int], said: str) -> None:
    assert mecopt.Binary(4).told(np.array(decision)) == said


def test_of_many_who_offload_those_that_do_not_are_named() -> None:
    decision = np.ones(200, dtype=int)
    decision[[17, 58]] = 0
    assert mecopt.Binary(200).told(decision) == "198 of 200 offload; local: 17, 58"
    decision[:100] = 0
    assert mecopt.Binary(200).told(decision).endswith(", 119 and 80 more")


def test_a_beam_of_many_antennas_is_cut_visibly() -> None:
    space = UnitBeams(1, 64)
    shown = space.shown(space.sample(np.random.default_rng(0))[0])
    assert len(shown) < 60
    assert shown.endswith("... (64 weights)")


def test_unserved_work_has_a_line_of_its_own() -> None:
    frame = BackscatterFrame(channel=np.array([[0.002, 0.001j], [0.003, 0.002]]), workload=[500.0, 10.0], battery=0.0)
    solution = mecopt.solve(frame)
    left = solution.allocation.unserved_bits
    assert left[0] > 1.0
    assert re.search(rf"^unserved +{left[left > 1e-3].sum():.6g} of 510 kbit", str(solution), re.M)
    enough = BackscatterFrame(channel=np.array([[0.02, 0.01j], [0.03, 0.02]]), workload=40.0, battery=0.2)
    assert "\nunserved " not in str(mecopt.solve(enough))


def test_html_is_escaped_and_needs_nothing_else() -> None:
    solution = drawn("binary-offloading", users=2)
    message = "<script>alert('&')</script>"
    stats = dataclasses.replace(solution.stats, messages={0: message})
    html = dataclasses.replace(solution, stats=stats)._repr_html_()
    read = Balanced(html)
    assert message in read.words
    assert read.tags <= {"div", "table", "thead", "tbody", "tr", "th", "td"}
    assert read.attributes <= {"style", "colspan"}
    assert "url(" not in html
    assert "http" not in html


def test_html_takes_its_colours_from_the_notebook() -> None:
    html = drawn("binary-offloading")._repr_html_()
    assert set(re.findall(r"(?<![\w-])color:([^;\"]+)", html)) == {"inherit"}
    assert set(re.findall(r"background:([^;\"]+)", html)) == {"none"}


def test_a_number_in_a_notebook_stays_with_its_unit() -> None:
    page = Page("times", (Grid((Column("solve", ("1.13 ms", "134 us")), Column("what it is", ("a b", "c d"), words=True))),))
    assert "1.13\u00a0ms" in page._repr_html_()
    assert "a b" in page._repr_html_()
    assert "1.13 ms" in page.text(80)


def test_missing_numbers_are_counted_and_no_limit_is_words() -> None:
    assert values(np.array([1.0, np.nan, 3.0, 2.0, 5.0, 4.0, 6.0])) == "1 to 6, 1 of 7 missing"
    assert values(np.full((4, 3), np.inf)) == "no limit"
    assert values(np.broadcast_to(np.float64(2.5), (10**9,))) == "2.5"
    assert values(np.zeros(0)) == "none"
    assert values(np.full(9, np.nan)) == "nan"


def test_a_page_is_its_own_repr_so_that_a_prompt_shows_it() -> None:
    page = drawn("binary-offloading").problem.describe()
    assert repr(page) == str(page)
    assert str(Page("words", (Line("a", "label"), Line("b")))) == "words\nlabel  a\nb"


@pytest.mark.parametrize("cls", PROBLEMS.values(), ids=PROBLEMS)
def test_help_tells_every_field_with_unit_meaning_default_and_range(cls: type[mecopt.Problem]) -> None:
    written = inspect.getdoc(cls) or ""
    assert written.index("\nParameters\n") < written.index("\nExamples\n")
    for f in dataclasses.fields(cls):
        entry = re.search(rf"^{f.name} : (.*)\n    (.*)$", written, re.M)
        assert entry is not None
        assert f"one per {f.metadata['per']}" in entry[1]
        assert ("required" in entry[1]) == (f.metadata["default"] is None)
        assert f.metadata["unit"] == "1" or f.metadata["unit"] in entry[1]
        assert f"{f.metadata['meaning']}; {allowed(f)}" in entry[2]


@pytest.mark.parametrize("cls", PROBLEMS.values(), ids=PROBLEMS)
def test_a_signature_shows_the_fields_and_what_they_are_when_left_out(cls: type[mecopt.Problem]) -> None:
    shown = inspect.signature(cls).parameters
    assert set(shown) == {f.name for f in dataclasses.fields(cls)}
    needed = {name for name, one in shown.items() if one.default is inspect.Parameter.empty}
    drawn_ones = cls.sample(np.random.default_rng(0)).data()
    left_out = cls(**{name: drawn_ones[name] for name in needed})
    told = {name: one.default for name, one in shown.items() if name not in needed}
    given = cls(**{name: drawn_ones[name] for name in needed}, **told)
    assert all(np.array_equal(value, given.data()[name]) for name, value in left_out.data().items())


@pytest.mark.parametrize("cls", PROBLEMS.values(), ids=PROBLEMS)
def test_help_tells_what_every_variable_is(cls: type[mecopt.Problem]) -> None:
    for kind in (cls.Allocation, cls.Dual):
        for f in dataclasses.fields(kind):
            assert f.metadata["meaning"]
            assert re.search(rf"^{f.name} : .*one per {f.metadata['per']}\n    \S", inspect.getdoc(kind) or "", re.M)


def test_rows_are_counted_as_python_does() -> None:
    solution: Any = drawn("binary-offloading", users=30)
    for shown in (solution, solution.problem):
        assert shown.table(slice(5, 8)).text() == shown.table([5, 6, 7]).text()
        assert shown.table(np.int64(5)).text() == shown.table(5).text() == shown.table([5]).text()


def test_a_small_number_of_a_formula_is_shown_as_it_is_and_what_iterations_leave_of_none_as_about_none() -> None:
    problem = ComputationRate(channel_gain=[1e-4, 1e-9, 1e-12])
    solution = mecopt.allocate(problem, [1, 1, 1])
    time = solution.allocation.offload_time
    assert 0.0 < time.min() < 1e-6 * time.max()
    for text in (str(solution), solution.table().text()):
        assert f"{time[2]:.6g}" in text
    iterated = dataclasses.replace(solution, stats=dataclasses.replace(solution.stats, method="slsqp"))
    assert [row.split()[2] for row in iterated.table().text(1000).splitlines()[3:]][2] == "~0"


def test_titles_of_several_lines_stand_above_their_numbers() -> None:
    grid = Grid((Column("policy", ("a", "b")), Column("discounted\ncost", ("1.5", "10")), Column("rate", ("2", "3"))))
    assert list(grid.lines(80)) == [
        "        discounted",
        "policy        cost  rate",
        "     a         1.5     2",
        "     b          10     3",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([2.5, 3.0], "2.5, 3 MB/s"),
        ((7.0, 7.0), "7 MB/s"),
        (2.5, "2.5 MB/s"),
        (np.float64(2.5), "2.5 MB/s"),
        ([[1.0], [1.0, 2.0]], "[[1.0], [1.0, 2.0]]"),
        ("2.5 MB/s", "2.5 MB/s"),
        (None, "None"),
    ],
)
def test_variables_that_somebody_made_of_plain_numbers_are_shown(given: Any, said: str) -> None:
    rates = ServerRate(server_rate=given)
    assert repr(rates) == f"<ServerRate server_rate {said}>"
    assert said in str(rates)
