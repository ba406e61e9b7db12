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
from mecopt.learners.paper_004.encoders import (
    AE,
    AVERAGED,
    BARS,
    COMPONENTS,
    EPISODES,
    MEAN,
    PRINTED,
    SAE,
    UPDATES,
    Reconstruction,
)
from mecopt.learners.paper_004.evaluation import Measured
from mecopt.learners.paper_004.measures import Habits
from mecopt.learners.paper_004.searches import ASA, ASA_LONG, CONSTANT, EXACT, LOCAL_SEARCH, NEAREST, OJRS, RANDOM, STRONGEST
from mecopt.learners.paper_004.trainings import (
    BASE,
    BASES,
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
    accuracy: float,
    explained: float,
    losses: tuple[float, float],
    until: int,
    first: float,
    *,
    unit: float | None = None,
    episodes: int = EPISODES,
) -> Reconstruction:
    kept = Kept(accuracy, explained, 0.9)
    bars = np.zeros(BARS.size - 1)
    bars[:2] = first, 1.0 - first
    curves = [np.r_[np.linspace(5.0 * end, end, until), np.full(episodes - until, end)] for end in losses]
    scaled = accuracy if unit is None else unit
    return Reconstruction(kept, kept, scaled, (bars, bars), (curves[0], curves[1]), np.full(episodes, accuracy))


STANDING: dict[str, Any] = {
    "above_chord": 0.1,
    "apart": 0.0,
    "sae": 0.9273,
    "unit_sae": None,
    "ae": 0.8755,
    "unit_ae": None,
    "explained": 0.95,
    "testing": 0.001,
    "ae_loss": 0.001,
    "converges": 85,
    "updates_converge": 85,
    "updates_loss": 0.001,
    "printed": 0.6,
    "averaged": 0.6,
    "literal_at": 50.0,
    "raw": 0.95,
    "ones": 0.1,
    "size_ones": 0.1,
    "adaptive": 0.98,
    "by_size": 0.98,
    "fixed": 0.98,
    "start": 0.7,
    "stable": 2600,
    "uniform_stable": 7000,
    "early_loss": 0.1,
    "uniform_loss": 0.2,
    "uniform": 0.95,
    "proposed": 20.5,
    "constant": 21.0,
    "greedy": 25.3,
    "asa": 20.3,
    "asa_long": 20.2,
    "time": 1e-3,
    "asa_time": 1e-2,
    "asa_long_time": 1e-2,
    "accuracies": (0.89, 0.88, 0.87),
    "unit_accuracies": None,
    "falling": 0.01,
    "uncompressed": 0.95,
    "best_before": 0.99,
    "best_after": 0.99,
    "one_slot": 0.0,
    "gain": 0.02,
}
"""Figures made up so that every claim that can be tested holds."""


def measured(only: str | None = None, seeds: int = SEEDS, **changes: Any) -> Measured:
    """Return measurements made up of `STANDING` and changes to it, for the networks of one base alone if that is named."""
    assert set(changes) <= set(STANDING)
    given = {**STANDING, **changes}
    of = {base: given if only in (None, base) else STANDING for base in BASES}
    unit = given["unit_accuracies"] or given["accuracies"]
    compressed = {
        (SAE, SERVERS): reconstruction(
            *(given["sae"], given["explained"], (0.001, given["testing"]), given["converges"], 0.5), unit=given["unit_sae"]
        ),
        (AE, SERVERS): reconstruction(
            *(given["ae"], given["explained"], (given["ae_loss"], given["ae_loss"]), given["converges"], 0.5),
            unit=given["unit_ae"],
        ),
        (PRINTED, SERVERS): reconstruction(0.9, 0.0, (0.002, 0.002), 85, given["printed"]),
        (AVERAGED, SERVERS): reconstruction(0.92, 0.4, (0.002, 0.002), 85, given["averaged"]),
        **{
            (SAE, n): reconstruction(a, 0.2, (0.001, 0.001), 85, 0.5, unit=u)
            for n, a, u in zip((3, 4, 5), given["accuracies"], unit, strict=True)
        },
        **{(name, n): reconstruction(0.9, 0.0, (0.0, 0.0), 1, 0.4) for name in (MEAN, COMPONENTS) for n in (2, 3, 4, 5)},
    }
    updates = {
        name: reconstruction(0.9, 0.4, (loss, loss), given["updates_converge"], 0.5, episodes=UPDATES)
        for name, loss in ((AE, given["updates_loss"]), (SAE, 0.001))
    }
    evaluations = np.array(searches.EVALUATIONS)
    found = {"SA": 500.0, "ASA literal": given["literal_at"], "ASA guided": 500.0}
    ratios = {name: np.where(evaluations >= at, 1.0, 0.8) for name, at in found.items()}
    ratios[LOCAL_SEARCH] = np.ones(evaluations.size)
    latencies = {
        **{OJRS[base]: of[base]["proposed"] for base in ("paper", "sane")},
        OJRS["ours"]: 20.2,
        CONSTANT: given["constant"],
        NEAREST: given["greedy"],
        RANDOM: 36.0,
        ASA: given["asa"],
        ASA_LONG: given["asa_long"],
    }
    seconds = {
        **{OJRS[base]: of[base]["time"] for base in BASES},
        ASA: given["asa_time"],
        ASA_LONG: given["asa_long_time"],
    }
    names = (*OJRS.values(), CONSTANT, NEAREST, STRONGEST, RANDOM, ASA, ASA_LONG, LOCAL_SEARCH, EXACT)
    return Measured(
        logs={plan: [_log(plan, of[plan.name.partition(", ")[0]])] * seeds for plan in PLANS},
        habits={plan: [Habits((0.2, 0.4, 0.4), 0.5)] * seeds for plan in (*BASE, *ablation(False))},
        encoders={key: [one] * seeds for key, one in compressed.items()},
        updates={name: [one] * seeds for name, one in updates.items()},
        searches={name: [curve] * seeds for name, curve in ratios.items()},
        found={name: [at] * seeds for name, at in found.items()},
        evaluations=searches.EVALUATIONS,
        decided=searches.Decided(
            {name: [np.full(10, latencies.get(name, 20.0))] * seeds for name in names},
            {name: np.full(3, seconds.get(name, 1e-3)) for name in names},
            1000,
        ),
        curvature=searches.Curvature(100, given["above_chord"], given["apart"]),
    )


def _log(plan: Plan, given: dict[str, Any]) -> Log:
    base, _, change = plan.name.partition(", ")
    if plan.stream == CHANGED:
        assert plan.servers is not None
        before = given["uncompressed"] if change == RAW else 0.97 - given["falling"] * plan.servers
        log = dynamic(before, before + given["gain"], (given["best_before"], given["best_after"]))
        log.own[-1] = 20.0 / max(before + given["gain"], given["one_slot"])
        return log
    levels = {UNIFORM: given["uniform"], RAW: given["raw"], RISE: given["adaptive"], SIZE: given["by_size"]}
    levels[FIXED] = given["fixed"]
    until = given["uniform_stable"] if change == UNIFORM else given["stable"]
    ones = {RISE: given["ones"], SIZE: given["size_ones"], "": given["ones"] if base == "paper" else 1.0}
    steps = np.where(np.arange(COUNT) < ones.get(change, 1.0) * COUNT, 20.0, 1.0)
    log = log_of(rising(levels.get(change, 0.98), until, given["start"]), 0.1, steps)
    log.loss[np.isfinite(log.loss)] = given["uniform_loss"] if change == UNIFORM else 0.1
    if change != UNIFORM:
        log.loss[9:1000:10] = given["early_loss"]
    return log


@cache
def standing() -> Measured:
    """Return measurements by which every claim that can be tested holds."""
    return measured()


def verdict(of: Measured, begins: str) -> str:
    (found,) = (c.verdict for c in claims.judged(of) if f"{c.where}: {c.text}".startswith(begins))
    return found


OF_OJRS: list[tuple[str, dict[str, Any]]] = [
    ("section I: 2r-SAE", {"raw": 0.98}),
    ("figures 9 and 10: the reward increases", {"start": 0.98}),
    ("figures 9 and 10: the reward is", {"stable": 300}),
    ("figures 9 and 10: the reward is", {"uniform_stable": 2600}),
    ("figures 9 and 10: the loss", {"uniform_loss": 0.05}),
    ("section V-C", {"uniform": 0.98}),
    ("table II: the reward of OJRS", {"proposed": 26.0}),
    ("table II: of the four", {"proposed": 20.0}),
    ("table II: OJRS attains", {"proposed": 24.0}),
    ("table II: the complexity", {"time": 3e-3}),
    ("abstract", {"time": 6e-3}),
    ("abstract", {"proposed": 20.9}),
    ("section V-D", {"proposed": 20.9}),
    ("table III: F-Best", {"best_before": 0.98}),
    ("table III: F-Avg", {"falling": 0.03}),
    ("table III: S-Best", {"best_after": 0.98}),
    ("table III: S-Avg", {"gain": 0.005}),
    ("table III: NRR decreases", {"falling": 0.0, "uncompressed": 0.98}),
    ("table III: NRR decreases", {"falling": -0.001, "uncompressed": 0.98}),
    ("table III: before and after", {"best_after": 0.9}),
    ("table III: the average", {"gain": 0.0}),
]
"""Claims about OJRS, each with a figure of a network by which it fails."""


@pytest.mark.parametrize(
    ("begins", "otherwise"),
    [
        *OF_OJRS,
        ("section III", {"above_chord": 0.0}),
        ("figure 3: the accuracy of SAE", {"sae": 0.91}),
        ("figure 3: the accuracy of AE", {"ae": 0.92}),
        ("figure 3: with three", {"ae": 0.9273}),
        ("figure 3: with three", {"ae": 0.92}),
        ("section V-B: SAE", {"explained": 0.5}),
        ("section V-B: in the", {"testing": 0.002}),
        ("figure 4: the losses of AE", {"converges": 10, "updates_converge": 10}),
        ("figure 4: the losses of AE", {"converges": 180, "updates_converge": 180}),
        ("figure 4: AE and SAE", {"ae_loss": 0.002, "updates_loss": 0.002}),
        ("figures 5 and 6", {"printed": 0.4, "averaged": 0.4}),
        ("figure 7", {"literal_at": 500.0}),
        ("figure 7", {"literal_at": np.inf}),
        ("figure 8", {"ones": 1.0, "size_ones": 1.0}),
        ("section I: adaptive", {"fixed": 0.99, "adaptive": 0.9, "by_size": 0.9}),
        ("section I: adaptive", {"ones": 1.0, "size_ones": 1.0}),
        ("table II: the reward of OJRS", {"greedy": 20.0}),
        ("table II: of the four", {"asa": 22.0, "asa_long": 22.0}),
        ("table II: the complexity", {"asa_time": 2e-3, "asa_long_time": 2e-3}),
        ("abstract", {"asa_time": 1e-3, "asa_long_time": 1e-3}),
        ("section V-D", {"constant": 20.5}),
        ("table III: the accuracy", {"accuracies": (0.89, 0.93, 0.87)}),
        ("table III: the accuracy", {"sae": 0.87, "accuracies": (0.87, 0.87, 0.87)}),
        ("table III: NRR decreases", {"uncompressed": 0.91}),
    ],
)
def test_a_verdict_follows_the_measurement(begins: str, otherwise: dict[str, Any]) -> None:
    assert verdict(standing(), begins) == "holds"
    assert verdict(measured(**otherwise), begins) == "fails"


@pytest.mark.parametrize("base", ["paper", "sane"])
@pytest.mark.parametrize(("begins", "otherwise"), OF_OJRS)
def test_where_the_settings_decide_nothing_is_judged(begins: str, otherwise: dict[str, Any], base: str) -> None:
    assert verdict(measured(base, **otherwise), begins) == "cannot be tested"
    assert verdict(measured("ours", **otherwise), begins) == "holds"


@pytest.mark.parametrize(
    ("begins", "otherwise"),
    [
        ("figure 3: the accuracy of SAE", {"unit_sae": 0.8}),
        ("figure 3: the accuracy of AE", {"unit_ae": 0.8}),
        ("figure 3: with three", {"unit_sae": 0.87, "unit_ae": 0.87}),
        ("figure 4: the losses of AE", {"converges": 129}),
        ("figure 4: the losses of AE", {"updates_converge": 300}),
        ("figure 4: AE and SAE", {"updates_loss": 0.002}),
        ("figures 5 and 6", {"printed": 0.4}),
        ("figures 5 and 6", {"averaged": 0.4}),
        ("figure 8", {"ones": 1.0}),
        ("figure 8", {"size_ones": 1.0}),
        ("section I: adaptive", {"adaptive": 0.9}),
        ("section I: adaptive", {"by_size": 0.9}),
        ("section I: adaptive", {"fixed": 0.99}),
        ("section I: adaptive", {"size_ones": 1.0}),
        ("figures 9 and 10: the reward is", {"stable": 3700}),
        ("table II: of the four", {"asa": 22.0}),
        ("table II: OJRS attains", {"proposed": 20.7, "asa_long": 19.8}),
        ("table II: the complexity", {"asa_time": 2e-3}),
        ("abstract", {"asa_time": 1.5e-3}),
        ("table III: the accuracy", {"unit_accuracies": (0.89, 0.95, 0.87)}),
        ("table III: before and after", {"one_slot": 1.0}),
        ("table III: S-Best", {"best_after": 0.97, "one_slot": 1.0}),
    ],
)
def test_where_the_reading_decides_nothing_is_judged(begins: str, otherwise: dict[str, Any]) -> None:
    assert verdict(standing(), begins) == "holds"
    assert verdict(measured(**otherwise), begins) == "cannot be tested"


@pytest.mark.parametrize(
    ("begins", "otherwise"),
    [
        ("section III", {"above_chord": 0.0, "apart": 1e-3}),
        ("section I: adaptive", {"fixed": 0.983}),
        ("figures 9 and 10: the loss", {"early_loss": 1.0}),
    ],
)
def test_what_a_rule_allows_does_not_make_a_claim_fail(begins: str, otherwise: dict[str, Any]) -> None:
    assert verdict(measured(**otherwise), begins) == "holds"


def test_one_seed_cannot_tell_what_is_clear() -> None:
    one = measured(seeds=1)
    for begins in ("section I: 2r-SAE", "section I: adaptive", "section V-C", "table II: the reward", "table III: NRR"):
        assert verdict(one, begins) == "cannot be tested"


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
