"""The evaluation of paper 003: its rules all ways, its methods against their definitions, and a whole quick run."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.cli.main import main
from mecopt.evaluation.measurements import Measurements, Row
from mecopt.evaluation.reproduction import Claim, Findings, Table
from mecopt.learners.paper_003 import REPRODUCTION, measures
from mecopt.learners.paper_003.claims import CLAIMS, OURS_TOO, PAPER
from mecopt.learners.paper_003.measures import stream
from mecopt.learners.paper_003.names import (
    ALL_LOCAL,
    ALL_OFFLOAD,
    AVERAGE,
    BASELINES,
    BY_SIZE,
    CLOSED,
    DESCENT,
    DIFFERENT,
    GUESSES,
    INSTANCES,
    LABELLED,
    LEFT_OUT,
    LOSS,
    MEMORY_1000,
    MEMORY_ALL,
    NEEDED,
    OF_USERS,
    ONE,
    OURS,
    OWN,
    POINTS,
    PROPOSED,
    PROVED,
    RATE,
    RATIO,
    SCAN,
    SETTINGS,
    SLSQP_ERROR,
    SPANS,
    STEADY,
    SWITCHED,
    TIME,
    TIMED,
    WEIGHT,
)
from mecopt.models import BinaryOffloading

X = np.arange(1, POINTS + 1) * (INSTANCES / POINTS)
"""Where curves are told: the ends of equal parts of a training."""


def ramp(begins: float, level: float, settles: float) -> np.ndarray:
    """Return a curve that goes straight to a level and stays there."""
    return np.asarray(np.interp(X - INSTANCES / POINTS / 2, [0.0, settles], [begins, level]))


def measured(
    *,
    level: float = 0.995,
    begins: float = 0.95,
    loss: float = 0.15,
    begins_loss: float = 0.6,
    settles: float = 4200.0,
    cost: float = 0.02,
    risen: float = 0.3,
    length: float = 1000.0,
    switch: float = 0.005,
    switch_risen: float = 0.1,
    switch_length: float = 700.0,
    gain: float = 0.05,
    elsewhere: float = 0.05,
    factors: tuple[float, float, float] = (7.0, 13.0, 21.0),
    descent: tuple[float, float, float] = (50.0, 100.0, 200.0),
    slsqp_error: float = 1e-9,
    levels: dict[str, float] | None = None,
    scatter: float = 1e-6,
    draw: int = 0,
    seeds: int = 3,
) -> Measurements:
    """Return measurements made up so that every claim holds but the abstract's; each argument changes one thing.

    `scatter` is relative, of a whole curve with a seed; methods do not share it.
    """
    rng, rows = np.random.default_rng(draw), [Row(SLSQP_ERROR, slsqp_error)]
    ends = {
        PROPOSED: level,
        OURS: 0.998,
        LEFT_OUT: 0.98,
        ONE: 0.95,
        LABELLED: 1.0,
        MEMORY_1000: 0.9965,
        MEMORY_ALL: 0.99,
        DESCENT: 0.9985,
        ALL_LOCAL: 0.86,
        ALL_OFFLOAD: 0.88,
        AVERAGE: 0.881,
        GUESSES: 0.98 if level > 0.98 else level - 0.01,
        **(levels or {}),
    }

    def tell(quantity: str, values: np.ndarray, method: str, setting: str, seed: int) -> None:
        found = values * (1.0 + scatter * rng.normal())
        rows.extend(Row(quantity, float(v), method, setting, seed, float(x)) for v, x in zip(found, X, strict=True))

    for setting, seed in itertools.product(SETTINGS, range(seeds)):
        for method in (PROPOSED, OURS, *(NEEDED if setting == STEADY else ())):
            end = ends[method]
            played, losses = (
                ramp(begins if method == PROPOSED else end - 0.05, end, settles),
                ramp(begins_loss, loss, settles),
            )
            lasts = {WEIGHT: length, SWITCHED: switch_length}.get(setting, 0.0)
            for begin, _ in SPANS:
                here = (begin < X) & (begin + lasts >= X)
                played[here] -= cost if setting == WEIGHT else switch
                losses[here] += risen if setting == WEIGHT else switch_risen
            tell(RATIO, played, method, setting, seed)
            tell(LOSS, losses, method, setting, seed)
            learned = elsewhere if setting in (DIFFERENT, RATE) else gain
            better = 0.001 if method == LABELLED else -0.001
            tell(OWN, end + better - learned * (X <= INSTANCES / 10), method, setting, seed)
        for method in BASELINES.get(setting, ()):
            tell(RATIO, np.full(POINTS, ends.get(method, 1.0)), method, setting, seed)
    for (setting, slow, factor), seed in itertools.product(
        zip(OF_USERS.values(), descent, factors, strict=True), range(seeds)
    ):
        for way, time in ((DESCENT, slow), (TIMED[PROPOSED], slow / factor), (PROVED, 0.3), (CLOSED, 0.1)):
            rows.append(Row(TIME, time * float(np.exp(scatter * rng.normal())), way, setting, seed))
    return Measurements(tuple(rows))


ORIGINAL = measured()
TESTABLE = [claim for claim in PAPER if not claim.untestable]


def verdict(found: Measurements, begins: str) -> str:
    (claim,) = (claim for claim in PAPER if f"{claim.where}: {claim.text}".startswith(begins))
    return claim.judge(found).verdict


def test_where_everything_is_as_the_paper_says_every_claim_holds_but_one_that_depends_on_the_reading() -> None:
    for claim in (*TESTABLE, *OURS_TOO):
        expected = "depends on the reading" if claim.where == "abstract" else "holds"
        assert claim.judge(ORIGINAL).verdict == expected, claim.text


@pytest.mark.parametrize(
    ("begins", "otherwise", "expected"),
    [
        ("figure 3: the training loss", {"begins_loss": 0.1}, "fails"),
        ("figure 3: from 6,500", {"loss": 0.4}, "fails"),
        ("figure 3: the loss basically", {"settles": 8500.0}, "fails"),
        ("figure 3: the loss basically", {"settles": 1500.0}, "exceeded"),
        ("figure 4: after 4,000", {"level": 0.98}, "fails"),
        ("figure 4: after 4,000", {"level": 0.9985}, "exceeded"),
        ("figure 4: the ratio stabilises", {"settles": 8500.0}, "fails"),
        ("figure 4: the ratio stabilises", {"settles": 1500.0}, "exceeded"),
        ("section 3: learning", {"gain": -0.001}, "fails"),
        ("section 3: newly", {"begins": 0.9999}, "fails"),
        ("section 3: a limited", {"levels": {MEMORY_ALL: 0.9999}}, "fails"),
        ("section 3: a limited", {"levels": {MEMORY_ALL: 0.9952}, "begins": 0.99}, "depends on the reading"),
        ("figures 5 and 6: when alpha", {"cost": -0.001}, "fails"),
        ("figures 5 and 6: when alpha", {"risen": -0.02}, "fails"),
        ("figures 5 and 6: both recover", {"length": 1900.0}, "fails"),
        ("figures 5 and 6: both recover", {"length": 200.0}, "exceeded"),
        ("figures 7 and 8: switching", {"switch": 0.03}, "fails"),
        ("figures 7 and 8: switching", {"switch_risen": 0.4}, "fails"),
        ("figures 7 and 8: after it", {"switch_length": 1900.0}, "fails"),
        ("figures 7 and 8: after it", {"switch_length": 200.0}, "exceeded"),
        ("figure 9: ALL_LOCAL", {"levels": {ALL_LOCAL: 0.8}}, "fails"),
        ("figure 9: of the methods", {"levels": {DESCENT: 0.99}}, "fails"),
        ("figure 9: CD_SLSQP is stable", {"levels": {DESCENT: 0.99}}, "fails"),
        ("figure 9: the proposed", {"levels": {AVERAGE: 0.996}}, "fails"),
        ("table 1: the proposed", {"factors": (7.0, 13.0, 0.9)}, "fails"),
        ("table 1: CD_SLSQP takes", {"factors": (3.0, 13.0, 21.0)}, "fails"),
        ("table 1: CD_SLSQP takes", {"factors": (12.0, 30.0, 40.0)}, "exceeded"),
        ("table 1: CD_SLSQP takes", {"factors": (7.0, 13.0, 40.0)}, "holds"),
        ("table 1: the time of", {"descent": (50.0, 100.0, 60.0)}, "fails"),
        ("section 4.1", {"slsqp_error": 1e-3}, "fails"),
        ("abstract", {"levels": {DESCENT: 0.99}}, "holds"),
        ("abstract", {"factors": (0.9, 13.0, 21.0)}, "fails"),
        ("conclusion", {"elsewhere": -0.001}, "fails"),
    ],
)
def test_a_verdict_follows_the_measurement(begins: str, otherwise: dict[str, Any], expected: str) -> None:
    assert verdict(measured(**{"seeds": 6, **otherwise}), begins) == expected


def test_what_the_paper_does_not_compare_with_decides_nothing() -> None:
    """Neither an index scan nor random decisions, a network with K = 1 nor our settings are in the paper."""
    others = {SCAN: 0.5, GUESSES: 0.9999, ONE: 0.9999, OURS: 0.6, LABELLED: 0.5, BY_SIZE: 0.5}
    for claim in TESTABLE:
        assert claim.judge(measured(levels=others)).verdict == claim.judge(ORIGINAL).verdict, claim.text


def test_what_merely_scatters_is_seldom_refuted_and_a_single_seed_refutes_nothing() -> None:
    random = [claim for claim in TESTABLE if claim.where != "section 4.1"]
    drawn = [measured(scatter=3.0, draw=draw) for draw in range(6)]
    said = [claim.judge(found).verdict for found in drawn for claim in random]
    assert said.count("cannot tell") > 0.8 * len(said)
    assert said.count("fails") < 0.05 * len(said)
    alone = measured(seeds=1)
    assert {claim.judge(alone).verdict for claim in random} == {"cannot tell"}


def test_where_the_width_of_the_means_decides_nobody_can_tell() -> None:
    bumpy = [
        row._replace(value=row.value * 1.17) if row.quantity == LOSS and 8500 < (row.x or 0.0) <= 9000 else row
        for row in ORIGINAL.rows
    ]  # seen by a mean over 500 instances, not by one over 1,000
    assert verdict(Measurements(tuple(bumpy)), "figure 3: the loss basically") == "cannot tell"


def test_what_cannot_be_tested_is_never_judged() -> None:
    (claim,) = (claim for claim in PAPER if claim.untestable)
    assert claim.judged(ORIGINAL).verdict == claim.judged(measured(level=0.5)).verdict == "cannot be tested"


# ---------------------------------------------------------------------- methods and streams


def by_name(found: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: ratio for name, ratio, _ in found}


def offloading(seed: int, count: int, users: int) -> BinaryOffloading:
    return BinaryOffloading(**stream(STEADY, seed, count, users).data())


def test_the_paper_s_slsqp_allocates_as_the_square_root_rule_does() -> None:
    for instance in offloading(3, 5, 6):
        for decision in itertools.islice(itertools.product((0, 1), repeat=6), 0, None, 7):
            exact = float(mecopt.allocate(instance, decision).objective)
            assert measures.paper_slsqp(instance, np.array(decision)) == pytest.approx(exact, rel=1e-6)


def test_the_paper_s_descent_ends_where_no_flip_improves() -> None:
    instance = offloading(1, 2, 5)[0]
    cost = measures.paper_descent(instance, np.random.default_rng(2))
    costs = {d: float(mecopt.allocate(instance, d).objective) for d in itertools.product((0, 1), repeat=5)}
    local = [c for d, c in costs.items() if all(c <= costs[tuple(np.bitwise_xor(d, f))] for f in np.eye(5, dtype=int))]
    assert min(abs(cost / c - 1.0) for c in local) < 1e-6


def test_scheduled_streams_change_what_the_paper_changes_and_nothing_else() -> None:
    first, second = measures.change_points(40)
    assert (first, second) == (20, 28)
    steady, weight, switched = (stream(kind, 0, 40).data() for kind in (STEADY, WEIGHT, SWITCHED))
    np.testing.assert_array_equal(steady["data_size"], weight["data_size"])
    np.testing.assert_array_equal(weight["energy_weight"][:, 0], np.r_[np.ones(20), np.full(8, 3.0), np.ones(12)])
    off = switched["data_size"] == 0
    assert off[20:28, :3].all()
    assert off.sum() == 24
    np.testing.assert_array_equal(steady["data_size"][~off], switched["data_size"][~off])


def test_baselines_are_ratios_to_the_proved_optimum_by_enumeration() -> None:
    batch = stream(STEADY, 0, 3, 4)
    found = by_name(measures.ratios(batch, {name: name for name in ("exact", "all-local", BY_SIZE)}, 0))
    for k, instance in enumerate(batch):
        costs = [float(mecopt.allocate(instance, d).objective) for d in itertools.product((0, 1), repeat=4)]
        assert found["exact"][k] == pytest.approx(1.0)
        assert found[BY_SIZE][k] == pytest.approx(1.0)
        assert found["all-local"][k] == pytest.approx(min(costs) / costs[0])


def test_a_rate_is_compared_the_other_way_round() -> None:
    batch = stream(RATE, 0, 3, 4)
    found = by_name(measures.ratios(batch, {ALL_LOCAL: "all-local"}, 0))[ALL_LOCAL]
    for k, instance in enumerate(batch):
        rates = [float(mecopt.allocate(instance, d).objective) for d in itertools.product((0, 1), repeat=4)]
        assert found[k] == pytest.approx(rates[0] / max(rates))


def test_findings_are_written_whole(tmp_path: Path) -> None:
    table = Table("A table", "caption", ("a", "b"), [["1", "x | y"]])
    claims = [Claim("ours", "so", "holds", "too"), Claim("figure 1", "says", "fails", "a: 1\nb: 2")]
    findings = Findings("Title", {}, claims, [table])
    assert findings.write(tmp_path) == ["results.md", "results.json"]
    text = (tmp_path / "results.md").read_text()
    assert "| 1 | says | figure 1 | **fails** |" in text
    assert "| 2 | so | ours | **holds** |" in text
    assert "1. says (figure 1): **fails**\n    - a: 1\n    - b: 2\n2. so (ours): **holds**\n    - too\n" in text
    assert "| 1 | x / y |" in text
    assert json.loads((tmp_path / "results.json").read_text())["claims"][1]["verdict"] == "fails"


def test_a_quick_run_judges_nothing_in_any_of_its_files(tmp_path: Path) -> None:
    claims = [
        Claim("figure 1", "says", "fails", "measured"),
        Claim("figure 2", "claims", "holds", "a: 2 (fails)\nb: 3 (holds)"),
    ]
    claims.append(
        Claim("figure 3", "means", "cannot tell", "holds by 2 of 3 readings, so by a: 1\ncannot tell by 1 of 3 readings")
    )
    claims += [
        Claim(
            "figure 4", "adds", "cannot tell", "fails by 1, cannot tell by 1 of 2 readings; no reading holds\na: 1 (fails)"
        ),
        Claim("figure 5", "ends", "cannot tell", "no reading holds\nfails by 7 of 8 readings, so by a: 1"),
    ]
    Findings("Title", {"quick": True}, claims, []).write(tmp_path)
    text = (tmp_path / "results.md").read_text()
    assert "1. says (figure 1): **not judged**\n    - measured\n" in text
    assert "2. claims (figure 2): **not judged**\n    - a: 2\n    - b: 3\n" in text
    assert "3. means (figure 3): **not judged**\n    - by 2 of 3 readings, so by a: 1\n    - by 1 of 3 readings\n" in text
    assert "4. adds (figure 4): **not judged**\n    - by 1, by 1 of 2 readings\n    - a: 1\n" in text
    assert "5. ends (figure 5): **not judged**\n    - by 7 of 8 readings, so by a: 1\n" in text
    assert {claim["verdict"] for claim in json.loads((tmp_path / "results.json").read_text())["claims"]} == {"not judged"}


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.mark.slow
def test_a_quick_run_measures_everything_judges_nothing_and_goes_on_where_it_was(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    findings = REPRODUCTION.run(tmp_path, seeds=2, quick=True, progress=lambda what, done, total: None)
    written = set(findings.write(tmp_path))
    assert {"results.md", "results.json", "figures-3-and-4.png", "figure-9.png", "table-1-as-a-picture.png"} <= written
    assert len(findings.claims) == len(CLAIMS)
    assert {claim.verdict for claim in findings.stated} == {"not judged"}
    assert len(list((tmp_path / "runs").glob("*/*/weights.safetensors"))) == 2 * len(REPRODUCTION.plans(True))
    assert all(cell for table in findings.tables for row in table.rows for cell in row), "no cell is empty"
    rows = {row[0] for row in findings.tables[0].rows}
    assert rows == {f"{plan.setting}: {plan.method}" for plan in REPRODUCTION.plans(True) if "users" not in plan.setting[3:]}
    done: list[str] = []
    again = REPRODUCTION.run(tmp_path, seeds=2, quick=True, progress=lambda what, *_: done.append(what))
    assert set(done) == {"training"}, "what was measured is not measured again"
    assert again.claims == findings.claims


def test_papers_are_listed_and_unknown_ones_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("reproduce") == 0
    assert "003" in capsys.readouterr().out
    assert run("reproduce", "033", "-o", "x") == 2
    assert "did you mean '003'" in capsys.readouterr().err
    assert run("reproduce", "003") == 2
    assert "-o FOLDER" in capsys.readouterr().err


@pytest.mark.parametrize("paper", ["003", "004"])
def test_results_need_a_folder(paper: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    for place, said in ((file, f"{file} is a file"), (file / "below", f"nothing can be written to the folder {file}")):
        assert run("reproduce", paper, "--quick", "-o", str(place)) == 2
        error = capsys.readouterr().err
        assert said in error
        assert "Errno" not in error
