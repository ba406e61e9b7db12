"""The evaluation of paper 004: measures against their definitions, verdicts that can go either way, and a smoke test."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mecopt.cli.main import main
from mecopt.learners.log import Log
from mecopt.learners.ojrs.compression import Kept
from mecopt.learners.paper_004 import claims, claims_servers, pictures, searches, tables
from mecopt.learners.paper_004.encoders import AE, AVERAGED, BARS, COMPONENTS, EPISODES, MEAN, PRINTED, SAE, Reconstruction
from mecopt.learners.paper_004.evaluation import Measured
from mecopt.learners.paper_004.measures import Habits
from mecopt.learners.paper_004.searches import ASA, ASA_LONG, CONSTANT, EXACT, LOCAL_SEARCH, NEAREST, OJRS, RANDOM, STRONGEST
from mecopt.learners.paper_004.trainings import (
    BASE,
    CHANGED,
    DYNAMIC,
    FIXED,
    RAW,
    RISE,
    SERVERS,
    SIZE,
    SLOTS,
    UNIFORM,
    ablation,
)
from mecopt.learners.plans import Plan

COUNT, SEEDS = SLOTS, 2
PLANS = (*BASE, *DYNAMIC, *ablation(False))


def log_of(ratio: np.ndarray, loss: float = 0.1, steps: np.ndarray | float = 20.0) -> Log:
    """Return a log whose own decisions have a given NRR; a step of learning every ten slots."""
    optimum = np.full(ratio.size, 20.0)
    losses = np.where(np.arange(ratio.size) % 10 == 9, loss, np.nan)
    more = {"steps": np.broadcast_to(steps, ratio.shape).copy(), "encoder_error": np.full(ratio.size, np.nan)}
    return Log(played=optimum / 0.99, own=optimum / ratio, loss=losses, optimum=optimum, more=more)


def rising(end: float, until: int, start: float = 0.7) -> np.ndarray:
    """Return a curve that rises to a level and stays there."""
    curve = np.full(COUNT, end)
    curve[:until] = np.linspace(start, end, until)
    return curve


def dynamic(before: float, after: float, best: tuple[float, float]) -> Log:
    """Return a log of table III: two levels, each with 200 good slots."""
    ratio = np.repeat([before, after], COUNT // 2)
    ratio[:200], ratio[COUNT // 2 : COUNT // 2 + 200] = best
    return log_of(ratio)


def reconstruction(
    accuracy: float, explained: float, losses: tuple[float, float], until: int, first: float
) -> Reconstruction:
    kept = Kept(accuracy, explained, 0.9)
    bars = np.zeros(BARS.size - 1)
    bars[:2] = first, 1.0 - first
    curves = [np.r_[np.linspace(5.0 * end, end, until), np.full(EPISODES - until, end)] for end in losses]
    return Reconstruction(kept, kept, (bars, bars), (curves[0], curves[1]), np.full(EPISODES, accuracy))


def measured(
    *,
    above_chord: float = 0.1,
    sae: float = 0.9273,
    ae: float = 0.8755,
    explained: float = 0.95,
    testing: float = 0.001,
    ae_loss: float = 0.001,
    converges: int = 85,
    printed: float = 0.6,
    averaged: float = 0.6,
    literal_at: int = 50,
    raw: float = 0.95,
    ones: float = 0.1,
    size_ones: float = 0.1,
    adaptive: float = 0.98,
    by_size: float = 0.98,
    fixed: float = 0.98,
    stable: int = 2600,
    uniform_stable: int = 7000,
    uniform_loss: float = 0.2,
    uniform: float = 0.95,
    proposed: float = 20.5,
    constant: float = 21.0,
    greedy: float = 25.3,
    asa: float = 20.3,
    asa_long: float = 20.2,
    asa_time: float = 1e-2,
    exact_time: float = 1e-2,
    accuracies: tuple[float, ...] = (0.89, 0.88, 0.87),
    falling: float = 0.01,
    best_after: float = 0.99,
    one_slot: float = 0.0,
    gain: float = 0.02,
) -> Measured:
    """Return measurements made up so that every claim that can be tested holds; arguments change one thing each."""
    given = dict(locals())
    logs = {plan: [_log(plan, given)] * SEEDS for plan in PLANS}
    compressed = {
        (SAE, SERVERS): reconstruction(sae, explained, (0.001, testing), converges, 0.5),
        (AE, SERVERS): reconstruction(ae, explained, (ae_loss, ae_loss), converges, 0.5),
        (PRINTED, SERVERS): reconstruction(0.9, 0.0, (0.002, 0.002), converges, printed),
        (AVERAGED, SERVERS): reconstruction(0.92, 0.4, (0.002, 0.002), converges, averaged),
        **{
            (SAE, n): reconstruction(a, 0.2, (0.001, 0.001), converges, 0.5)
            for n, a in zip((3, 4, 5), accuracies, strict=True)
        },
        **{(name, n): reconstruction(0.9, 0.0, (0.0, 0.0), 1, 0.4) for name in (MEAN, COMPONENTS) for n in (2, 3, 4, 5)},
    }
    evaluations = np.array(searches.EVALUATIONS)
    found = {name: np.where(evaluations >= at, 1.0, 0.8) for name, at in (("SA", 500), ("ASA literal", literal_at))}
    found |= {"ASA guided": found["SA"], LOCAL_SEARCH: np.ones(evaluations.size)}
    latencies = {
        OJRS["paper"]: proposed,
        OJRS["ours"]: 20.2,
        CONSTANT: constant,
        NEAREST: greedy,
        RANDOM: 36.0,
        ASA: asa,
        ASA_LONG: asa_long,
    }
    seconds = {ASA: asa_time, EXACT: exact_time}
    names = (*OJRS.values(), CONSTANT, NEAREST, STRONGEST, RANDOM, ASA, ASA_LONG, LOCAL_SEARCH, EXACT)
    return Measured(
        logs,
        {plan: [Habits((0.2, 0.4, 0.4), 0.5)] * SEEDS for plan in (*BASE, *ablation(False))},
        {key: [one] * SEEDS for key, one in compressed.items()},
        {name: [curve] * SEEDS for name, curve in found.items()},
        searches.EVALUATIONS,
        searches.Decided(
            {name: [np.full(10, latencies.get(name, 20.0))] * SEEDS for name in names},
            {name: np.full(3, seconds.get(name, 1e-3)) for name in names},
        ),
        searches.Curvature(100, above_chord, 0.0),
    )


def _log(plan: Plan, given: dict[str, Any]) -> Log:
    if plan.stream == CHANGED:
        assert plan.servers is not None
        before = 0.95 - given["falling"] * plan.servers
        log = dynamic(before, before + given["gain"], (0.99, given["best_after"]))
        log.own[-1] = 20.0 / max(before + given["gain"], given["one_slot"])
        return log
    base, _, change = plan.name.partition(", ")
    levels = {UNIFORM: given["uniform"], RAW: given["raw"], RISE: given["adaptive"], SIZE: given["by_size"]}
    levels[FIXED] = given["fixed"]
    until = given["uniform_stable"] if change == UNIFORM else given["stable"]
    ones = {RISE: given["ones"], SIZE: given["size_ones"], "": given["ones"] if base == "paper" else 1.0}
    steps = np.where(np.arange(COUNT) < ones.get(change, 1.0) * COUNT, 20.0, 1.0)
    loss = given["uniform_loss"] if change == UNIFORM else 0.1
    return log_of(rising(levels.get(change, 0.98), until), loss, steps)


@cache
def standing() -> Measured:
    """Return measurements by which every claim that can be tested holds."""
    return measured()


def verdict(of: Measured, begins: str) -> str:
    (found,) = (c.verdict for c in claims.judged(of) if f"{c.where}: {c.text}".startswith(begins))
    return found


@pytest.mark.parametrize(
    ("begins", "otherwise"),
    [
        ("section III", {"above_chord": 0.0}),
        ("figure 3: the accuracy of SAE", {"sae": 0.91}),
        ("figure 3: the accuracy of AE", {"ae": 0.92}),
        ("figure 3: with three", {"ae": 0.9273}),
        ("figure 3: with three", {"ae": 0.92}),
        ("section V-B", {"explained": 0.5}),
        ("section V-B", {"testing": 0.002}),
        ("figure 4: the losses of AE", {"converges": 10}),
        ("figure 4: the losses of AE", {"converges": 180}),
        ("figure 4: AE and SAE", {"ae_loss": 0.002}),
        ("figures 5 and 6", {"printed": 0.4, "averaged": 0.4}),
        ("figure 7", {"literal_at": 500}),
        ("section I: 2r-SAE", {"raw": 0.98}),
        ("figure 8", {"ones": 1.0, "size_ones": 1.0}),
        ("section I: adaptive", {"fixed": 0.99, "adaptive": 0.9, "by_size": 0.9}),
        ("figures 9 and 10: the reward", {"stable": 300}),
        ("figures 9 and 10: the reward", {"uniform_stable": 2600}),
        ("figures 9 and 10: the loss", {"uniform_loss": 0.05}),
        ("section V-C", {"uniform": 0.98}),
        ("table II: the reward of OJRS", {"greedy": 20.0}),
        ("table II: of the four", {"asa": 22.0, "asa_long": 22.0}),
        ("table II: OJRS attains", {"proposed": 24.0}),
        ("table II: the complexity", {"asa_time": 2e-3}),
        ("abstract", {"exact_time": 1e-3}),
        ("abstract", {"proposed": 24.0}),
        ("section V-D", {"constant": 20.5}),
        ("table III: the accuracy", {"accuracies": (0.89, 0.93, 0.87)}),
        ("table III: the accuracy", {"sae": 0.87, "accuracies": (0.87, 0.87, 0.87)}),
        ("table III: NRR decreases", {"falling": 0.0}),
        ("table III: NRR decreases", {"falling": -0.01}),
        ("table III: before and after", {"best_after": 0.9}),
        ("table III: the average", {"gain": 0.0}),
    ],
)
def test_a_verdict_follows_the_measurement(begins: str, otherwise: dict[str, Any]) -> None:
    assert verdict(standing(), begins) == "holds"
    assert verdict(measured(**otherwise), begins) == "fails"


@pytest.mark.parametrize(
    ("begins", "otherwise"),
    [
        ("figure 4: the losses of AE", {"converges": 129}),
        ("figures 5 and 6", {"printed": 0.4}),
        ("figures 5 and 6", {"averaged": 0.4}),
        ("figure 8", {"ones": 1.0}),
        ("figure 8", {"size_ones": 1.0}),
        ("section I: adaptive", {"adaptive": 0.9}),
        ("section I: adaptive", {"by_size": 0.9}),
        ("section I: adaptive", {"fixed": 0.99}),
        ("figures 9 and 10: the reward", {"stable": 3700}),
        ("table II: of the four", {"asa": 22.0}),
        ("table II: OJRS attains", {"proposed": 20.7, "asa_long": 19.8}),
        ("table III: before and after", {"one_slot": 1.0}),
    ],
)
def test_where_the_reading_decides_nothing_is_judged(begins: str, otherwise: dict[str, Any]) -> None:
    assert verdict(measured(**otherwise), begins) == "cannot be tested"


def test_what_cannot_be_tested_is_never_judged() -> None:
    for begins in ("figure 4: the losses converge to", "table II: latencies", "table II: a decision takes"):
        assert verdict(standing(), begins) == "cannot be tested"
        assert verdict(measured(proposed=30.0, asa_time=1.0, ae_loss=0.5), begins) == "cannot be tested"


def test_the_compression_ratio_is_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verdict(standing(), "table III: the compression") == "holds"
    monkeypatch.setattr(claims_servers, "ratio_of_compression", lambda servers: 0.5)
    assert verdict(standing(), "table III: the compression") == "fails"


def test_every_claim_is_judged_one_way_and_the_other_above() -> None:
    judged = claims.judged(standing())
    assert len({f"{c.where}: {c.text}" for c in judged}) == len(judged)
    assert [c.verdict for c in judged].count("cannot be tested") == 3
    assert all("nan" not in c.evidence for c in judged)


def test_tables_have_a_cell_for_every_header() -> None:
    for table in tables.tables(standing()):
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.headers)}


def test_pictures_are_drawn_of_what_was_measured() -> None:
    names = [picture.name for picture in pictures.drawn(standing())]
    assert names[:5] == ["Figures 3 and 4", "Figures 5 and 6", "Figure 7", "Figure 8", "Figures 9 and 10"]


# ---------------------------------------------------------------------- the command


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_the_quick_reproduction_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    assert run("reproduce", "004", "--quick", "--seeds", "1", "-o", str(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "nothing is judged" in out
    assert "HOLDS" not in out
    written = {path.name for path in tmp_path.iterdir()}
    assert {"results.md", "results.json", "figures-3-and-4.png", "the-ablation.png", "runs"} <= written
    assert len(list((tmp_path / "runs").glob("*/*/weights.safetensors"))) == len((*BASE, *DYNAMIC, *ablation(True)))
