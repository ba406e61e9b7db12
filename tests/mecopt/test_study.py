"""Studies: trained and measured side by side, kept part by part, and shown from one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from mecopt.contract.errors import InstanceError
from mecopt.evaluation import study as study_module
from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Curve, Of
from mecopt.evaluation.measurements import KIND, Measurements, Row
from mecopt.evaluation.pictures import Axis, Band, Drawing, Panel, _draw, _styles
from mecopt.evaluation.rules import more, rises
from mecopt.evaluation.study import LONG, Plan, Study
from mecopt.evaluation.tables import Pivot, pivot
from mecopt.storage import sealed as stored


class Toy(Study):
    """Guesses a number; training makes the guess better."""

    paper, title, seeds = "999", "A toy", 3
    settings = ("easy", "hard")
    claims = (
        Claim("figure 1", "training helps", more(Of("score", "trained", "easy"), Of("score", "untrained", "easy"))),
        Claim("figure 2", "more training, better score", rises(Curve("score along", "trained", "hard"))),
    )
    tables = (
        Pivot(
            "Scores",
            "Means.",
            "method",
            {m: {s: Of("score", m, s) for s in ("easy", "hard")} for m in ("trained", "untrained", "best")},
        ),
    )
    drawings = (
        Drawing(
            "Learning",
            "A curve.",
            [
                Panel(
                    "hard",
                    Axis("step"),
                    Axis("score"),
                    curves={"trained": Curve("score along", "trained", "hard")},
                    bands=[Band("optimum", Of("score", "best"), Of("score", "best"))],
                ),
                Panel("easy", Axis(""), Axis("score"), dots={"trained": Of("score", "trained", "easy")}),
            ],
        ),
    )

    def plans(self, quick: bool) -> Sequence[Plan]:
        return [Plan("trained", setting, "toy", {"steps": 2}) for setting in self.settings]

    def train(self, plan: Plan, seed: int, folder: Path, quick: bool) -> None:
        if (folder / "done").exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "begun").open("a") as file:
            file.write("x")
        (folder / "done").write_text(str(10 + seed))

    def measure(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        luck = np.random.default_rng(seed).normal()
        learned = float((trained["trained"] / "done").read_text())
        yield Row("score", luck, "untrained", setting, seed)
        yield Row("score", luck + learned, "trained", setting, seed)
        for x in (0.0, 1.0, 2.0):
            yield Row("score along", luck + x * learned, "trained", setting, seed, x)

    def measure_once(self, quick: bool) -> Iterable[Row]:
        yield Row("score", 20.0, "best")


class Later(Toy):
    """The same with other seeds."""

    first_seed = 5
    claims = (Toy.claims[0], Claim("ours", "nothing is lost", more(Of("score", "best"), Of("score", "untrained", "easy"))))


def test_seeds_begin_where_a_study_says_and_what_is_ours_stands_apart(tmp_path: Path) -> None:
    found = Later().run(tmp_path, seeds=2, quick=False, progress=lambda what, done, total: None)
    assert {row.seed for row in Measurements.read(tmp_path / LONG).rows} == {None, 5, 6}
    report = found.markdown()
    assert "of the seeds from 5 on" in report
    theirs, ours = report.index("| the paper says"), report.index("| ours, not the paper's")
    assert theirs < report.index("training helps") < ours < report.index("nothing is lost")
    assert "1 sentence; " in report[:theirs]
    assert "1 sentence; " in report[theirs:ours]


class Strange(Toy):
    """Measures what it was not asked for."""

    def measure(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        yield Row("score", 1.0, "untrained", "other", seed)


class Seedless(Toy):
    """Measures with a seed what hangs on none."""

    def measure(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        yield Row("score", 1.0, "untrained", setting)


class Seeded(Toy):
    """Measures once what hangs on a seed."""

    def measure_once(self, quick: bool) -> Iterable[Row]:
        yield Row("score", 20.0, "best", seed=0)


class Other(Toy):
    """Another study, of the same settings."""

    paper = "998"

    def measure_once(self, quick: bool) -> Iterable[Row]:
        yield Row("score", 30.0, "best")


class Timed(Toy):
    """Takes times in one setting."""

    timed = ("easy",)

    def measure_times(self, setting: str, seed: int, trained: Mapping[str, Path], quick: bool) -> Iterable[Row]:
        yield Row("time", float((trained["trained"] / "done").read_text()), "trained", setting, seed)


class Twice(Toy):
    """Plans one method twice."""

    def plans(self, quick: bool) -> Sequence[Plan]:
        return [Plan("trained", "easy", "toy", {"steps": steps}) for steps in (2, 3)]


class Shared(Toy):
    """Trains once for both settings."""

    def plans(self, quick: bool) -> Sequence[Plan]:
        return [Plan("trained", "easy", "toy", {"steps": 2}, also=("hard",))]


class Unsaid(Toy):
    """Plans with a setting that has no name of its own."""

    def plans(self, quick: bool) -> Sequence[Plan]:
        return [Plan("trained", "easy", "toy", {"steps": object()})]


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


def test_what_is_measured_in_two_settings_is_trained_once(tmp_path: Path) -> None:
    found = Shared().measured(tmp_path, seeds=2, quick=False, progress=silent)
    assert len(list((tmp_path / "runs").glob("*/*/done"))) == 2
    for setting in Shared.settings:
        assert set(found.series("score", "trained", setting)) == {0, 1}


def test_a_study_runs_to_verdicts_tables_and_pictures(tmp_path: Path) -> None:
    findings = Toy().run(tmp_path, seeds=3, quick=False, progress=silent)
    assert [claim.verdict for claim in findings.claims] == ["holds", "holds"]
    assert findings.tables[0].headers == ("method", "easy", "hard")
    assert [row[0] for row in findings.tables[0].rows] == ["trained", "untrained"], "the best was not measured in a setting"
    assert findings.pictures[0].content.startswith(b"\x89PNG")
    found = Measurements.read(tmp_path / LONG)
    assert found.series("score", "best") == {None: {None: 20.0}}
    assert set(found.series("score", "trained", "hard")) == {0, 1, 2}


def test_what_stands_finished_is_not_done_again_and_what_is_damaged_is(tmp_path: Path) -> None:
    first = Toy().measured(tmp_path, seeds=2, quick=False, progress=silent)
    begun = sorted(tmp_path.rglob("begun"))
    assert [path.read_text() for path in begun] == ["x"] * 4
    parts = sorted(tmp_path.rglob("*.parquet"))
    times = {path: path.stat().st_mtime_ns for path in parts}
    parts[0].write_bytes(b"damaged")
    again = Toy().measured(tmp_path, seeds=2, quick=False, progress=silent)
    assert sorted(again.rows, key=str) == sorted(first.rows, key=str)
    assert [path.read_text() for path in begun] == ["x"] * 4
    assert all(path.stat().st_mtime_ns == times[path] for path in parts[1:])
    assert Measurements.read(parts[0]).rows


def test_other_seeds_and_a_quick_run_have_parts_of_their_own(tmp_path: Path) -> None:
    Toy().measured(tmp_path, seeds=1, quick=False, progress=silent)
    Toy().measured(tmp_path, seeds=1, quick=True, progress=silent)
    assert len(list(tmp_path.rglob("done"))) == 4


def test_a_study_measures_what_it_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"measured in '(easy|hard)' with seed 0, a row says 'other', 0"):
        Strange().measured(tmp_path, seeds=1, quick=False, progress=silent)
    with pytest.raises(InstanceError, match=r"measured in '(easy|hard)' with seed 0, a row says '\1', None"):
        Seedless().measured(tmp_path, seeds=1, quick=False, progress=silent)
    with pytest.raises(InstanceError, match="measured once, a row says '', 0"):
        Seeded().measured(tmp_path, seeds=1, quick=False, progress=silent)


def test_what_another_study_or_other_versions_left_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def best(study: Study) -> float:
        return study.measured(tmp_path, seeds=1, quick=False, progress=silent).series("score", "best")[None][None]

    assert (best(Toy()), best(Other()), best(Toy())) == (20.0, 30.0, 20.0)
    files = len(list(tmp_path.rglob("*.parquet")))
    monkeypatch.setattr(study_module, "version", lambda package: "0.0")
    assert best(Toy()) == 20.0
    assert len(list(tmp_path.rglob("*.parquet"))) == files + 3


def test_times_are_taken_after_all_else_one_after_the_other_and_kept(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    found = Timed().measured(tmp_path, seeds=2, quick=False, progress=lambda *what: told.append(what))
    assert found.series("time", "trained", "easy") == {0: {None: 10.0}, 1: {None: 11.0}}
    assert [what for what in told if "times" in what[0]] == [("measuring times", k, 2) for k in range(3)]
    assert told[-1] == ("measuring times", 2, 2)
    told.clear()
    again = Timed().measured(tmp_path, seeds=2, quick=False, progress=lambda *what: told.append(what))
    assert set(again.rows) == set(found.rows)
    assert {what for what, _, _ in told} == {"training"}


def test_studies_that_cannot_be_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="'trained' is planned twice in the setting 'easy'"):
        Twice().measured(tmp_path, seeds=1, quick=False, progress=silent)
    with pytest.raises(InstanceError, match="the settings of the plan 'trained' are no plain data"):
        Unsaid().measured(tmp_path, seeds=1, quick=False, progress=silent)
    for seeds in (0, True, 1.5):
        with pytest.raises(InstanceError, match="seeds is"):
            Toy().measured(tmp_path, seeds=seeds, quick=False, progress=silent)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_all_levels_of_a_picture_are_drawn() -> None:
    from matplotlib.figure import Figure as Sheet

    found = Measurements(tuple(Row("R", float(k), f"m{k}") for k in range(6)))
    axes = Sheet().subplots()
    bands = [Band(f"m{k}", Of("R", f"m{k}"), Of("R", f"m{k}")) for k in range(6)]
    never = Of("R", "m0") / Of("R", "m0")
    _draw(axes, Panel("", Axis(""), Axis(""), dots={"no number": never, "one": Of("R", "m1")}, bands=bands), found, {})
    assert axes.get_legend_handles_labels()[1] == [f"m{k}" for k in range(6)]


def test_what_happens_along_curves_is_marked_where_it_does() -> None:
    from matplotlib.figure import Figure as Sheet

    found = Measurements(tuple(Row("R", float(k), x=float(k)) for k in range(6)))
    axes = Sheet().subplots()
    panel = Panel("", Axis(""), Axis(""), curves={"R": Curve("R")}, marks={"on": 2.0, "off": 4.0})
    _draw(axes, panel, found, _styles(["R"]))
    assert {(text.get_text(), text.get_position()[0]) for text in axes.texts} == {("on", 2.0), ("off", 4.0)}
    assert [float(np.asarray(line.get_xdata())[0]) for line in axes.lines[1:]] == [2.0, 4.0]


def test_measurements_survive_their_file(tmp_path: Path) -> None:
    rows = (Row("R", 1.5, "a", "s", 0, 2.0), Row("R", float("inf"), "a", "s", 1), Row("Q", -1.0))
    Measurements(rows).write(tmp_path / "m.parquet")
    assert Measurements.read(tmp_path / "m.parquet").rows == rows
    Measurements(()).write(tmp_path / "none.parquet")
    assert Measurements.read(tmp_path / "none.parquet").rows == ()


def test_files_that_hold_no_measurements_are_named(tmp_path: Path) -> None:
    import pyarrow as pa

    with pytest.raises(InstanceError, match="is missing"):
        Measurements.read(tmp_path / "none.parquet")
    stored.write_table(tmp_path / "other.parquet", pa.table({"quantity": ["R"]}), KIND)
    with pytest.raises(InstanceError, match="has no column value of type double"):
        Measurements.read(tmp_path / "other.parquet")
    Measurements((Row("R", 1.0, "a", seed=0),)).write(tmp_path / "m.parquet")
    table = stored.read_table(tmp_path / "m.parquet", KIND)
    holes = table.set_column(1, "value", pa.array([None], pa.float64()))
    stored.write_table(tmp_path / "holes.parquet", holes, KIND)
    with pytest.raises(InstanceError, match="column value has entries that are missing"):
        Measurements.read(tmp_path / "holes.parquet")


def test_tables_are_pivots_of_figures() -> None:
    found = Measurements((Row("R", 1.0, "a", seed=0), Row("R", 2.0, "a", seed=1), Row("t", 3.0, "a")))
    shown = pivot(
        "T", "", "way", ["a", "b"], {"R": {"a": Of("R", "a")}, "s": {"a": Of("t", "a")}}, {"R": "{:.1f}", "s": "{:.0f}"}
    )
    assert shown.table(found).rows == [["a", "1.5 ± 0.5", "3"]], "of b nothing was measured"
    part = Pivot("T", "", "way", {"b": {"R": Of("R", "a"), "s": Of("R", "b")}})
    assert part.table(found).rows == [["b", "1.5 ± 0.5", ""]], "a figure that was not measured leaves its cell empty"


def test_where_only_whole_numbers_are_no_others_are_ticked() -> None:
    from matplotlib.figure import Figure as Sheet

    found = Measurements(tuple(Row("R", float(k), x=float(k)) for k in range(1, 4)))
    ticked = []
    for whole in (False, True):
        axes = Sheet().subplots()
        _draw(axes, Panel("", Axis("", whole=whole), Axis(""), curves={"R": Curve("R")}), found, _styles(["R"]))
        ticked.append(np.asarray(axes.get_xticks()))
    assert not (ticked[0] == ticked[0].round()).all()
    assert (ticked[1] == ticked[1].round()).all()


def test_a_caption_says_what_shades_are_with_and_without_the_picture() -> None:
    found = Measurements(tuple(Row("R", float(k), x=float(k)) for k in range(3)))
    drawing = Drawing("R", "Along x.", [Panel("", Axis(""), Axis(""), curves={"R": Curve("R")})])
    assert (
        drawing.explained
        == drawing.picture(found).caption
        == "Along x. Shades and whiskers: 95 % intervals of the mean over seeds."
    )
