"""The evaluation of paper 003: measures against their definitions, verdicts that can go either way, and a smoke test."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mecopt
from mecopt.cli.main import main
from mecopt.learners import figures
from mecopt.learners.decision_net import LEARNER
from mecopt.learners.log import Log
from mecopt.learners.paper_003 import claims, measures
from mecopt.learners.paper_003.evaluation import BASELINES, Measured
from mecopt.learners.paper_003.trainings import (
    ABLATION,
    FIGURES,
    PAPER_NAME,
    QUICK_ABLATION,
    STEADY,
    SWITCHED,
    TIMED,
    WEIGHT,
    change_points,
    stream,
    stream_of,
)
from mecopt.learners.plans import Plan, train_one
from mecopt.models import BinaryOffloading
from mecopt.reproduction import Claim, Findings, Table

COUNT = 10_000
SEEDS = 2


def log_of(ratio: np.ndarray, loss: np.ndarray | float = 0.15, own: np.ndarray | None = None) -> Log:
    """Return a log of a minimisation whose ratio to the optimum is given; a step of learning every ten instances."""
    optimum = np.full(ratio.size, 30.0)
    losses = np.where(np.arange(ratio.size) % 10 == 9, loss, np.nan)
    return Log(played=optimum / ratio, own=optimum / (ratio if own is None else own), loss=losses, optimum=optimum)


def falling(start: float, end: float, until: int) -> np.ndarray:
    """Return a curve that falls (or rises) to a level and stays there."""
    curve = np.full(COUNT, end)
    curve[:until] = np.linspace(start, end, until)
    return curve


def measured(
    *,
    level: float = 0.995,
    loss: float = 0.15,
    settles: int = 4200,
    cost: float = 0.02,
    length: int = 1000,
    switch: float = 0.005,
    risen: float = 0.5,
    gain: float = 0.05,
    control_gain: float = 0.0,
    large_memory: float = 0.99,
    middle_memory: float = 0.993,
    factors: tuple[float, float, float] = (7.0, 13.0, 21.0),
    slsqp_error: float = 1e-9,
    scan: float = 1.0,
    guess: float = 0.98,
    **means: float,
) -> Measured:
    """Return measurements made up so that every claim holds but those of the abstract; arguments change one thing each."""
    first, second = change_points(COUNT)
    logs = {}
    levels = {"memory of 10,000": large_memory, "memory of 1,000": middle_memory, "own decision left out": 0.98}
    for plan in (*FIGURES, *ABLATION):
        own_level = next((value for name, value in levels.items() if plan.name.endswith(name)), level)
        ratio, losses = falling(0.95, own_level, settles), falling(0.6, loss, settles)
        if plan.stream in (WEIGHT, SWITCHED):
            for at in (first, second):
                ratio[at : at + length] -= cost if plan.stream == WEIGHT else switch
                losses[at : at + length] = risen if plan.stream == WEIGHT else losses[at : at + length]
        improves = control_gain if plan.name.endswith("K = 1") else gain
        own = np.where(np.arange(COUNT) < COUNT // 10, own_level - improves, own_level)
        logs[plan] = [log_of(ratio, losses, own)] * SEEDS
    values = {
        "cd-random": 0.9985,
        "all-local": 0.86,
        "all-offload-equal": 0.88,
        "cd-average": 0.88,
        "best-of-random": guess,
        "index-scan": scan,
        **{name.replace("_", "-"): value for name, value in means.items()},
    }
    baselines = {
        kind: {name: [(np.full(50, values.get(name, 1.0)), np.ones(50))] * SEEDS for name in names}
        for kind, names in BASELINES.items()
    }
    seconds = {
        (name, n): np.full(3, 1e-4) for name in ("exact, proved", "network and square-root rule") for n in (10, 15, 20)
    }
    seconds |= {("network and 7 SLSQP", n): np.full(3, 1e-3) for n in (10, 15, 20)}
    seconds |= {("CD_SLSQP", n): np.full(3, 1e-3 * f) for n, f in zip((10, 15, 20), factors, strict=True)}
    return Measured(logs, baselines, seconds, slsqp_error, 6, 1)


def verdict(of: Measured, begins: str) -> str:
    (found,) = (c.verdict for c in claims.judged(of) if f"{c.where}: {c.text}".startswith(begins))
    return found


def test_sliding_mean_is_the_mean_of_the_last_values() -> None:
    values = np.random.default_rng(0).random(50)
    expected = [values[i - 7 : i].mean() for i in range(7, 51)]
    np.testing.assert_allclose(figures.sliding(values, 7), expected, rtol=1e-12)


def test_a_change_is_measured_as_it_was_made() -> None:
    ratio, loss = np.full(COUNT, 0.99), np.full(COUNT, 0.1)
    ratio[5000:5500], loss[5000:5600] = 0.95, 0.4
    found = measures.change(log_of(ratio, loss), 5000, 7000)
    assert (found.level, found.cost) == pytest.approx((0.99, 0.04))
    assert (found.loss_level, found.loss) == pytest.approx((0.1, 0.4))
    # a window of 200 may hold five of the 500 instances: it begins at the 495th
    assert found.back in (495.0, 496.0)
    assert found.loss_back == 609.0  # no step with the high loss is left in the window


def test_without_a_change_chance_alone_costs_nothing() -> None:
    rng = np.random.default_rng(0)
    costs = [measures.change(log_of(1.0 - 0.005 * rng.random(COUNT)), 5000, 7000).cost for _ in range(200)]
    assert abs(np.mean(costs)) < 3.0 * np.std(costs) / np.sqrt(len(costs))


def test_counts_over_seeds_are_written_from_least_to_greatest() -> None:
    assert figures.instances([900.0, 700.0]) == "700 to 900"
    assert figures.instances([np.inf, 700.0]) == "700, never in 1 of 2"
    assert figures.instances([np.inf]) == "never"


def test_settled_is_the_first_block_from_which_all_stay_near_the_end() -> None:
    curve = np.concatenate([np.full(2100, 0.9), np.full(7900, 1.0)])
    assert figures.settled([curve], 0.05, 10) == 2000  # the block from there on still has 100 low ones: its mean is 0.99
    assert figures.settled([curve], 0.005, 10) == 3000
    assert figures.settled([curve], 0.005, 20) == 2500
    assert figures.settled([np.ones(COUNT)], 1e-6, 10) == 0
    late = np.ones(COUNT)
    late[-1] = 0.0
    assert figures.settled([late], 1e-4, 10) == COUNT


def test_a_level_is_reached_with_the_first_full_window() -> None:
    ratio = np.concatenate([np.full(1000, 0.9), np.full(9000, 1.0)])
    assert measures.reached(log_of(ratio), 0.9499) == 1100
    assert measures.reached(log_of(np.full(COUNT, 0.9)), 0.95) == np.inf


def test_one_seed_has_no_spread() -> None:
    assert str(figures.spread([0.5])) == "0.50000 (one seed)"
    assert str(figures.spread([0.4, 0.6])) == "0.50000 ± 0.14142"


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
    first, second = change_points(40)
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
    found = measures.ratios(batch, ("exact", "all-local", "sorted by size"), 0)
    for k, instance in enumerate(batch):
        costs = [float(mecopt.allocate(instance, d).objective) for d in itertools.product((0, 1), repeat=4)]
        assert found["exact"][0][k] == pytest.approx(1.0)
        assert found["sorted by size"][0][k] == pytest.approx(1.0)
        assert found["all-local"][0][k] == pytest.approx(min(costs) / costs[0])


def test_a_rate_is_compared_the_other_way_round() -> None:
    batch = stream("computation-rate", 0, 3, 4)
    found = measures.ratios(batch, ("all-local",), 0)["all-local"][0]
    for k, instance in enumerate(batch):
        rates = [float(mecopt.allocate(instance, d).objective) for d in itertools.product((0, 1), repeat=4)]
        assert found[k] == pytest.approx(rates[0] / max(rates))


@pytest.mark.parametrize(
    ("begins", "otherwise"),
    [
        ("figure 3: from 6,500", {"loss": 0.4}),
        ("figure 3: the loss basically", {"settles": 1500}),
        ("figure 4: the ratio to the least cost", {"level": 0.98}),
        ("figure 4: the ratio stabilises", {"settles": 1500}),
        ("section 3: learning", {"control_gain": 0.05}),
        ("section 3: a limited", {"large_memory": 0.996}),
        ("figures 5 and 6: when alpha", {"cost": 0.0001}),
        ("figures 5 and 6: when alpha", {"risen": 0.15}),
        ("figures 5 and 6: both recover", {"length": 1900}),
        ("figures 5 and 6: both recover", {"length": 300}),
        ("figures 7 and 8", {"switch": 0.03}),
        ("figures 7 and 8", {"length": 1900}),
        ("figure 9: ALL_LOCAL", {"all_local": 0.8}),
        ("figure 9: of the methods", {"cd_random": 0.99}),
        ("figure 9: of the methods", {"level": 0.9986}),
        ("figure 9: the proposed", {"level": 0.9999}),
        ("figure 9: the proposed", {"cd_average": 0.996}),
        ("table 1: CD_SLSQP", {"factors": (7.0, 13.0, 12.0)}),
        ("section 4.1", {"slsqp_error": 1e-3}),
        ("conclusion", {"guess": 0.996}),
    ],
)
def test_a_verdict_follows_the_measurement(begins: str, otherwise: dict[str, Any]) -> None:
    assert verdict(measured(), begins) == "holds"
    assert verdict(measured(**otherwise), begins) == "fails"


def test_where_the_width_of_the_means_decides_nothing_is_judged() -> None:
    of = measured()
    plan = next(p for p in of.logs if (p.name, p.stream) == (PAPER_NAME, STEADY))
    losses = falling(0.6, 0.15, 4200)
    losses[8500:9000] = 0.175  # seen by a mean over 500 instances, not by one over 1,000
    bumpy = [log_of(of.logs[plan][0].ratio(of.logs[plan][0].played), losses)] * SEEDS
    of = dataclasses.replace(of, logs={**of.logs, plan: bumpy})
    assert verdict(of, "figure 3: the loss basically") == "cannot be tested"


def test_the_abstract_would_hold_for_a_better_and_faster_method() -> None:
    of = measured(level=0.9999, cd_random=0.99, scan=0.99)
    assert verdict(of, "abstract") == "fails"  # exact search is still faster
    quick = {**of.seconds, ("network and 7 SLSQP", 10): np.full(3, 1e-6)}
    assert verdict(dataclasses.replace(of, seconds=quick), "abstract") == "holds"


def test_what_cannot_be_tested_is_never_judged() -> None:
    assert verdict(measured(), "table 1: a decision takes") == "cannot be tested"
    assert verdict(measured(level=0.5), "table 1: a decision takes") == "cannot be tested"


def test_plans_have_folders_of_their_own() -> None:
    folders = {plan.folder(Path("x"), 0, 60) for plan in (*FIGURES, *ABLATION, Plan("ours", STEADY, {}, 15))}
    assert len(folders) == len(FIGURES) + len(ABLATION) + 1


def test_findings_are_written_whole(tmp_path: Path) -> None:
    table = Table("A table", "caption", ("a", "b"), [["1", "x | y"]])
    findings = Findings("Title", {}, [Claim("figure 1", "says", "fails", "measured")], [table])
    assert findings.write(tmp_path) == ["results.md", "results.json"]
    text = (tmp_path / "results.md").read_text()
    assert "| says | figure 1 | **fails** | measured |" in text
    assert "| 1 | x / y |" in text
    assert json.loads((tmp_path / "results.json").read_text())["claims"][0]["verdict"] == "fails"


def test_a_quick_run_judges_nothing_in_any_of_its_files(tmp_path: Path) -> None:
    claims = [Claim("figure 1", "says", "fails", "measured"), Claim("figure 2", "claims", "holds", "seen")]
    Findings("Title", {"quick": True}, claims, []).write(tmp_path)
    text = (tmp_path / "results.md").read_text()
    assert "| says | figure 1 | **not judged** | measured |" in text
    assert "**holds**" not in text
    assert {claim["verdict"] for claim in json.loads((tmp_path / "results.json").read_text())["claims"]} == {"not judged"}


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_the_quick_reproduction_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    assert run("reproduce", "003", "--quick", "--seeds", "1", "-o", str(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "nothing is judged" in out
    assert "HOLDS" not in out
    written = {path.name for path in tmp_path.iterdir()}
    assert {"results.md", "results.json", "figures-3-and-4.png", "figure-9.png", "runs"} <= written
    assert len(list((tmp_path / "runs").glob("*/*/weights.safetensors"))) == len((*FIGURES, *QUICK_ABLATION, *TIMED))


def test_a_finished_training_is_not_run_again(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    stamps = []
    for _ in range(2):
        train_one(LEARNER, stream_of, FIGURES[0], FIGURES[0].folder(tmp_path, 0, 60), 0, 60)
        (weights,) = tmp_path.glob("runs/*/*/weights.safetensors")
        stamps.append((weights.stat().st_mtime_ns, weights.stat().st_ino))
    assert stamps[0] == stamps[1]


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
