"""What a comparison says when methods disagree, fail, or are cut short."""

import numpy as np
import pyarrow as pa
import pytest

from mecopt.compare import Comparison
from mecopt.compare.summary import Line, Summary, cells, summarise


def summary(negligible: float = 0.0, /, overrun: float = 0.0, **rows: list[tuple[float, float, str]]) -> Summary:
    """Summarise methods given as lists of (objective, bound, status) of a problem that is minimised."""
    columns: dict[str, list[object]] = {name: [] for name in ("instance_id", "method", "objective", "bound", "status")}
    for method, answers in rows.items():
        for number, (objective, bound, status) in enumerate(answers):
            for name, value in zip(columns, (number, method, objective, bound, status), strict=True):
                columns[name].append(value)
    count = len(columns["method"])
    worst = {"OPTIMAL": 0.0, "FEASIBLE": overrun, "LIMIT": 0.0}
    columns["violation"] = [worst.get(str(status), np.inf) for status in columns["status"]]
    for name in ("solver_calls", "model_seconds", "solve_seconds", "predict_seconds"):
        columns[name] = [0.0] * count
    if negligible:
        columns["negligible"] = [negligible] * count
    origin = {
        "problem": "toy",
        "sense": "minimise",
        "instances": len(next(iter(rows.values()))),
        "users": 1,
        "sizes": {"users": 1},
        "methods": list(rows),
        "exact_methods": ["exact"],
    }
    return summarise(Comparison(pa.table(columns), origin))


def test_what_is_negligible_makes_no_ratio_look_better_but_that_of_nothing_to_nothing() -> None:
    exact = [(100.0, 100.0, "OPTIMAL"), (0.0, 0.0, "OPTIMAL"), (1.0, 1.0, "OPTIMAL")]
    scan = [(125.0, 0.0, "FEASIBLE"), (1e-9, 0.0, "FEASIBLE"), (1000.0, 0.0, "FEASIBLE")]
    said = summary(6000.0, exact=exact, scan=scan)
    np.testing.assert_allclose(1.0 - said.lines[1].loss, [0.8, 1.0, 0.001], atol=1e-5)
    assert said.reference == "the proved optimum"


def test_negative_objectives_have_a_ratio_beside_what_is_negligible_and_the_summary_says_so() -> None:
    said = summary(6000.0, exact=[(-2000.0, -2000.0, "OPTIMAL")], scan=[(-1000.0, -3000.0, "FEASIBLE")])
    assert said.lines[1].ratio_mean == pytest.approx(4000.0 / 5000.0)
    assert said.reference.endswith("with up to 6000 added to both sides, since some objectives are negative")


def test_an_answer_better_than_a_proved_bound_is_shouted_out_and_proves_nothing() -> None:
    said = summary(
        exact=[(10.0, 10.0, "OPTIMAL"), (5.0, 5.0, "OPTIMAL")], scan=[(9.0, 1.0, "FEASIBLE"), (6.0, 1.0, "FEASIBLE")]
    )
    assert said.findings[0].startswith("CONTRADICTION in 1 instance (first: 0)")
    assert "1 of 2 instances are solved" in said.findings[1]
    assert np.isnan(said.lines[0].loss[0])
    assert said.lines[1].ratio_mean == pytest.approx(5.0 / 6.0)


def test_the_bound_of_a_failed_answer_proves_nothing() -> None:
    said = summary(exact=[(10.0, 14.0, "FAILED")], scan=[(10.0, 8.0, "FEASIBLE")])
    assert said.lines[1].ratio_mean == pytest.approx(0.8)
    assert "best proved bound" in said.reference


def test_instances_without_any_bound_are_left_out_and_counted() -> None:
    said = summary(scan=[(10.0, -np.inf, "FEASIBLE"), (10.0, 9.0, "FEASIBLE")])
    assert said.lines[0].ratio_mean == pytest.approx(0.9)
    assert any("1 instance has neither" in text for text in said.findings)


def test_a_method_that_fails_is_never_praised() -> None:
    said = summary(
        exact=[(10.0, 10.0, "OPTIMAL")] * 3,
        lucky=[(10.0, 9.0, "FEASIBLE"), (np.nan, 0.0, "FAILED"), (np.nan, 0.0, "FAILED")],
        scan=[(11.0, 9.0, "FEASIBLE")] * 3,
    )
    assert not any("No learning is needed" in text for text in said.findings)
    assert any("lucky has no answer in 2 instances" in text for text in said.findings)


def test_answers_cut_short_are_counted() -> None:
    said = summary(exact=[(10.0, 9.0, "LIMIT"), (10.0, 10.0, "OPTIMAL")])
    assert said.lines[0].limited == 1
    assert any("cut short by a limit in 1 instance" in text for text in said.findings)


def test_the_share_of_optima_counts_answers_that_are_the_reference_to_rounding() -> None:
    def line(loss: list[float]) -> Line:
        return Line("m", 1.0, 1.0, 1.0, 0.0, 0.0, 0, 0, 1.0, 0.0, 0.0, 0.0, np.array(loss))

    assert line([0.0, 1e-12, 1e-6, np.nan]).optimal == 0.5


def test_a_method_says_how_many_instances_its_figures_are_from() -> None:
    said = summary(
        exact=[(10.0, 10.0, "OPTIMAL")] * 3,
        lucky=[(np.nan, 0.0, "FAILED"), (11.0, 9.0, "FEASIBLE"), (np.nan, 0.0, "FAILED")],
    )
    assert [cells(line)[0] for line in said.lines] == ["exact", "lucky (1 of 3)"]
    assert said.unanswered == 0


def test_where_no_decision_is_feasible_nothing_is_measured() -> None:
    said = summary(exact=[(np.nan, np.inf, "INFEASIBLE")] * 2, scan=[(np.nan, -np.inf, "FAILED")] * 2)
    assert [cells(line)[:6] for line in said.lines] == [
        ["exact (0 of 2)", "-", "-", "-", "0.0 %", "-"],
        ["scan (0 of 2)", "-", "-", "-", "0.0 %", "-"],
    ]
    assert said.shown == []
    assert said.unanswered == 2
    assert said.findings[-1] == "No method has a ratio to show, so there are no pictures."


def test_an_instance_is_unanswered_where_every_method_fails() -> None:
    said = summary(one=[(np.nan, 0.0, "FAILED"), (9.0, 9.0, "OPTIMAL")], two=[(np.nan, 0.0, "FAILED")] * 2)
    assert said.unanswered == 1
    assert [line.method for line in said.shown] == ["one"]


def test_an_answer_that_beats_the_bound_by_its_overrun_reaches_the_bound_and_is_no_contradiction() -> None:
    exact = [(10.0, 10.0, "OPTIMAL")] * 2
    said = summary(exact=exact, stored=[(10.0 * (1 - 4e-9), 10.0, "FEASIBLE"), (12.0, 10.0, "FEASIBLE")], overrun=4e-9)
    assert said.reference == "the proved optimum"
    assert said.lines[0].optimal == 1.0
    assert said.lines[1].loss[0] == 0.0
    text = " ".join(said.findings)
    assert "CONTRADICTION" not in text
    assert "no answer" not in text
    assert "stored beats the proved bound in 1 instance by 4e-09 at most" in text


def test_an_overrun_explains_a_better_answer_only_as_far_as_it_can() -> None:
    said = summary(exact=[(10.0, 10.0, "OPTIMAL")], stored=[(10.0 * (1 - 1e-5), 10.0, "FEASIBLE")], overrun=4e-9)
    assert said.findings[0].startswith("CONTRADICTION in 1 instance")
