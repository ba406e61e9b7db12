"""The evaluation of paper 003: measures against their definitions, verdicts that can go either way, and a smoke test."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import mecopt
from mecopt.cli.main import main
from mecopt.learners.log import Log
from mecopt.learners.paper_003 import claims, measures
from mecopt.learners.paper_003.evaluation import BASELINES, Measured
from mecopt.learners.paper_003.trainings import (
    ABLATION,
    FIGURES,
    QUICK_ABLATION,
    STEADY,
    SWITCHED,
    TIMED,
    WEIGHT,
    Plan,
    change_points,
    stream,
    train_one,
)
from mecopt.reproduction import Claim, Findings, Table


def log_of(ratio: np.ndarray, loss: float = 0.15) -> Log:
    """Return a log of a minimisation whose ratio to the optimum is given; a step of learning every ten instances."""
    optimum = np.full(ratio.size, 30.0)
    losses = np.where(np.arange(ratio.size) % 10 == 9, loss, np.nan)
    return Log(played=optimum / ratio, own=optimum / ratio, loss=losses, optimum=optimum)


def measured(
    level: float = 0.995, loss: float = 0.15, depth: float = 0.02, length: int = 600, switch: float = 0.005
) -> Measured:
    """Return measurements in which every training plays at one level, and changes cost a dip of a depth and length."""
    count, logs = 10_000, {}
    first, second = change_points(count)
    for plan in (*FIGURES, *ABLATION):
        ratio = np.full(count, level)
        if plan.stream in (WEIGHT, SWITCHED):
            for at in (first, second):
                ratio[at : at + length] -= depth if plan.stream == WEIGHT else switch
        logs[plan] = [log_of(ratio, loss), log_of(ratio, loss)]
    values = {"cd-random": 0.9985, "all-local": 0.86, "all-offload-equal": 0.88, "cd-average": 0.88, "best-of-random": 0.98}
    ratios = {name: [(np.full(50, values.get(name, 1.0)), np.ones(50))] * 2 for name in BASELINES}
    seconds = {(name, n): 1e-3 for name in ("exact, proved", "network and square-root rule") for n in (10, 15, 20)}
    seconds |= {("network and 7 SLSQP", n): 1e-3 * n for n in (10, 15, 20)}
    seconds |= {("CD_SLSQP", n): 1e-3 * n * n for n in (10, 15, 20)}
    return Measured(logs, ratios, ratios, seconds, 1e-9, 6, 1)


def verdicts(of: Measured) -> dict[str, str]:
    return {f"{claim.where}: {claim.text}": claim.verdict for claim in claims.judged(of)}


def verdict(of: Measured, begins: str) -> str:
    (found,) = (verdict for text, verdict in verdicts(of).items() if text.startswith(begins))
    return found


def test_sliding_mean_is_the_mean_of_the_last_values() -> None:
    values = np.random.default_rng(0).random(50)
    expected = [values[i - 7 : i].mean() for i in range(7, 51)]
    np.testing.assert_allclose(measures.sliding(values, 7), expected, rtol=1e-12)


def test_a_dip_is_measured_as_it_was_made() -> None:
    ratio = np.full(10_000, 0.99)
    ratio[5000:5500] = 0.95
    found, other = measures.dips(log_of(ratio))
    assert found.level == pytest.approx(0.99)
    assert found.lowest == pytest.approx(0.95)
    # the mean of 200 is back within 0.001 once at most 5 of the 200 instances lie in the dip
    assert found.instances in (500 + 194, 500 + 195)  # five of them are the edge itself
    assert other.depth == pytest.approx(0.0)
    assert other.instances == 0


def test_a_dip_that_never_ends_is_infinite() -> None:
    ratio = np.full(10_000, 0.99)
    ratio[5000:] = 0.95
    assert measures.dips(log_of(ratio))[0].instances == np.inf
    assert measures.instances([np.inf, 700.0]) == "700 to 700, never in 1 of 2"


def test_settled_is_the_first_full_window_at_the_level() -> None:
    ratio = np.concatenate([np.full(1000, 0.9), np.full(9000, 1.0)])
    assert measures.settled(log_of(ratio), 0.9499) == 1100
    assert measures.settled(log_of(np.full(10_000, 0.9)), 0.95) == np.inf


def test_the_paper_s_slsqp_allocates_as_the_square_root_rule_does() -> None:
    for instance in stream(STEADY, 3, 5, 6):
        for decision in itertools.islice(itertools.product((0, 1), repeat=6), 0, None, 7):
            exact = float(mecopt.allocate(instance, decision).objective)
            assert measures.paper_slsqp(instance, np.array(decision)) == pytest.approx(exact, rel=1e-6)


def test_the_paper_s_descent_ends_where_no_flip_improves() -> None:
    instance = stream(STEADY, 1, 2, 5)[0]
    cost = measures.paper_descent(instance, np.random.default_rng(2))
    costs = {d: float(mecopt.allocate(instance, d).objective) for d in itertools.product((0, 1), repeat=5)}
    local = [c for d, c in costs.items() if all(c <= costs[tuple(np.bitwise_xor(d, f))] for f in np.eye(5, dtype=int))]
    assert min(abs(cost / c - 1.0) for c in local) < 1e-6


def test_scheduled_streams_change_what_the_paper_changes_and_nothing_else() -> None:
    first, second = change_points(40)
    steady, weight, switched = (stream(kind, 0, 40) for kind in (STEADY, WEIGHT, SWITCHED))
    assert (first, second) == (20, 28)
    np.testing.assert_array_equal(steady.data_size, weight.data_size)
    np.testing.assert_array_equal(weight.energy_weight[:, 0], np.r_[np.ones(20), np.full(8, 3.0), np.ones(12)])
    off = switched.data_size == 0
    assert off[20:28, :3].all()
    assert off.sum() == 24
    np.testing.assert_array_equal(steady.data_size[~off], switched.data_size[~off])


def test_baselines_are_ratios_to_the_proved_optimum_by_enumeration() -> None:
    batch = stream(STEADY, 0, 3, 4)
    found = measures.ratios(batch, ("exact", "all-local", "sorted by size"), 0)
    for k, instance in enumerate(batch):
        costs = [float(mecopt.allocate(instance, d).objective) for d in itertools.product((0, 1), repeat=4)]
        assert found["exact"][0][k] == pytest.approx(1.0)
        assert found["sorted by size"][0][k] == pytest.approx(1.0)
        assert found["all-local"][0][k] == pytest.approx(min(costs) / costs[0])


@pytest.mark.parametrize(
    ("begins", "otherwise"),
    [
        ("figure 3", {"loss": 0.4}),
        ("figure 4", {"level": 0.98}),
        ("figures 5 and 6: when alpha", {"depth": 0.001}),
        ("figures 5 and 6: both recover", {"length": 1900}),
        ("figures 7 and 8", {"length": 1900}),
        ("figures 7 and 8", {"switch": 0.03}),
        ("figure 9: the proposed", {"level": 0.9999}),
    ],
)
def test_a_verdict_follows_the_measurement(begins: str, otherwise: dict[str, float]) -> None:
    if begins != "figures 5 and 6: when alpha":  # there the loss, too, has to rise, which is level in these logs
        assert verdict(measured(), begins) == "holds"
    assert verdict(measured(**otherwise), begins) == "fails"  # type: ignore[arg-type]


def test_a_rise_of_the_loss_and_a_dip_together_confirm_the_change() -> None:
    of = measured()
    plan = next(p for p in of.logs if (p.name, p.stream) == (claims.PAPER, WEIGHT))
    logs = []
    for log in of.logs[plan]:
        loss = log.loss.copy()
        loss[5000:5600] *= 4
        loss[7000:7600] *= 4
        logs.append(dataclasses.replace(log, loss=loss))
    of = dataclasses.replace(of, logs={**of.logs, plan: logs})
    assert verdict(of, "figures 5 and 6: when alpha") == "holds"


def test_what_cannot_be_tested_is_never_judged() -> None:
    assert verdict(measured(), "table 1: a decision takes") == "cannot be tested"
    assert verdict(measured(level=0.5), "table 1: a decision takes") == "cannot be tested"


def test_plans_have_folders_of_their_own() -> None:
    folders = {plan.folder(Path("x"), 0) for plan in (*FIGURES, *ABLATION, Plan("ours", STEADY, {}, 15))}
    assert len(folders) == len(FIGURES) + len(ABLATION) + 1


def test_findings_are_written_whole(tmp_path: Path) -> None:
    table = Table("A table", "caption", ("a", "b"), [["1", "x | y"]])
    findings = Findings("Title", {"quick": True}, [Claim("figure 1", "says", "fails", "measured")], [table])
    assert findings.write(tmp_path) == ["results.md", "results.json"]
    text = (tmp_path / "results.md").read_text()
    assert "| says | figure 1 | **fails** | measured |" in text
    assert "| 1 | x / y |" in text
    assert "Its verdicts mean nothing" in text
    assert json.loads((tmp_path / "results.json").read_text())["claims"][0]["verdict"] == "fails"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_the_quick_reproduction_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    assert run("reproduce", "003", "--quick", "--seeds", "1", "-o", str(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "CANNOT BE TESTED" in out
    assert "verdicts mean nothing" in out
    written = {path.name for path in tmp_path.iterdir()}
    assert {"results.md", "results.json", "figures-3-and-4.png", "figure-9.png", "runs"} <= written
    assert len(list((tmp_path / "runs").glob("*/weights.safetensors"))) == len((*FIGURES, *QUICK_ABLATION, *TIMED))


def test_a_finished_training_is_not_run_again(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    plan = FIGURES[0]
    for _ in range(2):
        train_one(plan, tmp_path, 0, 60)
        (weights,) = tmp_path.glob("runs/*/weights.safetensors")
        weights.chmod(0o444)
    assert weights.stat().st_mode & 0o777 == 0o444  # a second training would have replaced the file


def test_papers_are_listed_and_unknown_ones_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("reproduce") == 0
    assert "003" in capsys.readouterr().out
    assert run("reproduce", "033", "-o", "x") == 2
    assert "did you mean '003'" in capsys.readouterr().err
    assert run("reproduce", "003") == 2
    assert "-o FOLDER" in capsys.readouterr().err
