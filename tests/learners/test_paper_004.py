"""The evaluation of paper 004: its rules all ways, and a whole quick run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mecopt.evaluation.measurements import Measurements, Row
from mecopt.learners.paper_004 import REPRODUCTION
from mecopt.learners.paper_004.claims import CLAIMS, OURS_TOO, PAPER
from mecopt.learners.paper_004.encoders import (
    AE,
    AVERAGED,
    BARS,
    COMPONENTS,
    ENCODERS,
    EPISODES,
    MEAN,
    PRINTED,
    SAE,
    UPDATES,
)
from mecopt.learners.paper_004.names import (
    ABOVE,
    ACCURACY,
    ALONG_EPISODES,
    ALONG_UPDATES,
    APART,
    BEST_KEPT,
    COMPRESSION,
    ERRORS,
    EXPLAINED,
    FOUND,
    LOSS,
    MET,
    NRR,
    OVER,
    REWARD,
    STEPS,
    TESTING,
    TIME,
    TRAINING,
    UNIT_ACCURACY,
)
from mecopt.learners.paper_004.searches import (
    ASA,
    ASA_LONG,
    CONSTANT,
    EVALUATIONS,
    EXACT,
    LOCAL_SEARCH,
    NEAREST,
    NEIGHBOURS,
    OJRS,
    RANDOM,
)
from mecopt.learners.paper_004.trainings import (
    BASES,
    CHANNELS,
    DYNAMIC,
    FIXED,
    MOST_SERVERS,
    OURS_NAME,
    PAPER_NAME,
    RAW,
    RISE,
    SANE_NAME,
    SEARCHES,
    SERVERS,
    SIZE,
    SLOTS,
    STEADY,
    UNCOMPRESSED,
    UNIFORM,
    plans,
)

X = np.arange(1, 101) / 100.0
"""Where curves are told, as parts of a training."""

STANDING: Mapping[str, Any] = {
    "above": 0.1,
    "apart": 1e-9,
    "scales": {AE: (0.87, 0.87, 0.5), SAE: (0.92, 0.92, 0.6)},
    "kept": (0.90, 0.95),
    "overfits": 1.0,
    "converges": 85.0,
    "updates_converge": 85.0,
    "loss_ratio": 1.0,
    "updates_ratio": 1.0,
    "first_bar": {PRINTED: 0.6, AVERAGED: 0.6},
    "found": {"SA": 500.0, "ASA literal": 50.0, "ASA guided": 50.0},
    "at_20": {"SA": 0.7, "ASA literal": 0.9, "ASA guided": 0.9},
    "level": 0.98,
    "raw": 0.95,
    "uniform": 0.95,
    "start": 0.7,
    "stable": 2600.0,
    "uniform_stable": 7000.0,
    "loss": 0.1,
    "late_loss": 0.1,
    "uniform_loss": 0.2,
    "adaptive": 0.98,
    "steps": 1.0,
    "size_steps": 1.0,
    "latency": 20.3,
    "constant": 20.2,
    "greedy": 25.3,
    "asa": 20.2,
    "asa_long": 20.15,
    "time": 1.0,
    "asa_time": 10.0,
    "asa_long_time": 20.0,
    "accuracies": (0.89, 0.88, 0.87),
    "unit_accuracies": (0.89, 0.88, 0.87),
    "compression": (0.0, 0.5, 2 / 3, 0.75, 0.8),
    "falling": 0.01,
    "uncompressed": 0.95,
    "best": (0.995, 0.995),
    "best_mean": (0.99, 0.99),
    "gain": 0.02,
}
"""Figures made up so that every claim of the paper holds."""


def ramp(begins: float, ends: float, until: float) -> np.ndarray:
    return np.asarray(np.interp(X - 0.005, [0.0, until], [begins, ends]))


def measured(
    only: str | None = None, *, seeds: int = 3, scatter: float = 1e-6, draw: int = 0, **changes: Any
) -> Measurements:
    """Return measurements of `STANDING` and changes to it, for the networks of one base alone if that is named.

    `scatter` is relative, of a whole curve with a seed; methods do not share it.
    """
    assert set(changes) <= set(STANDING)
    given = {**STANDING, **changes}
    of = {base: given if only in (None, base) else STANDING for base in BASES}
    rng, rows = np.random.default_rng(draw), [Row(ABOVE, given["above"]), Row(APART, given["apart"])]
    rows += [Row(COMPRESSION, c, "", at) for c, at in zip(given["compression"], DYNAMIC.values(), strict=True)]

    def tell(quantity: str, values: float | np.ndarray, name: str, at: str, seed: int, x: Sequence[float | None]) -> None:
        found = np.broadcast_to(values, len(x)) * (1.0 + scatter * rng.normal())
        rows.extend(Row(quantity, float(value), name, at, seed, one) for value, one in zip(found, x, strict=True))

    slots, once = (X * SLOTS).tolist(), [None]
    for seed in range(seeds):
        for plan in plans(True):
            base, _, change = plan.method.partition(", ")
            g = of[base]
            if plan.setting == STEADY:
                levels = {UNIFORM: g["uniform"], RAW: g["raw"]}
                adaptive = change in (RISE, SIZE) or (base == PAPER_NAME and not change)
                nrr = ramp(
                    g["start"],
                    levels.get(change, g["adaptive" if adaptive else "level"]),
                    g["uniform_stable" if change == UNIFORM else "stable"] / SLOTS,
                )
                ends = 20.0 if not adaptive else g["size_steps"] if change == SIZE else g["steps"]
                loss = np.where(X > 0.8, g["late_loss"], g["loss"]) if change != UNIFORM else g["uniform_loss"]
                for quantity, values in (
                    (NRR, nrr),
                    (REWARD, nrr / 20.0),
                    (LOSS, loss),
                    (STEPS, np.where(X > 0.1, ends, 20.0)),
                ):
                    tell(quantity + OVER, values, plan.method, STEADY, seed, slots)
            else:
                servers = next(n for n, at in DYNAMIC.items() if at == plan.setting)
                average = g["uncompressed"] if change else (0.97 - g["falling"] * servers if base != OURS_NAME else 0.99)
                for k, half in enumerate("FS"):
                    tell(f"{half}-Avg", average + k * g["gain"], plan.method, plan.setting, seed, once)
                    tell(f"{half}-Best, slot", g["best"][k], plan.method, plan.setting, seed, once)
                    tell(f"{half}-Best", g["best_mean"][k], plan.method, plan.setting, seed, once)
        rewards = {
            **{OJRS[base]: of[base]["latency"] for base in BASES},
            CONSTANT: given["constant"],
            NEAREST: given["greedy"],
            RANDOM: 36.0,
            ASA: given["asa"],
            ASA_LONG: given["asa_long"],
            LOCAL_SEARCH: 20.001,
            EXACT: 20.0,
        }
        for name, latency in rewards.items():
            tell(REWARD, 1.0 / latency, name, STEADY, seed, once)
            tell(NRR, 20.0 / latency, name, STEADY, seed, once)
        times = {
            **{OJRS[base]: of[base]["time"] for base in BASES},
            ASA: given["asa_time"],
            ASA_LONG: given["asa_long_time"],
        }
        for name, time in times.items():
            tell(TIME, float(np.exp(scatter * rng.normal())) * time, name, STEADY, seed, once)
        for name in NEIGHBOURS:
            tell(FOUND, given["found"][name], name, SEARCHES, seed, once)
            tell(MET, given["at_20"][name], name, SEARCHES, seed, [float(count) for count in EVALUATIONS])
        for n, setting in CHANNELS.items():
            ways = (*ENCODERS, COMPONENTS, MEAN) if n == SERVERS else (SAE, COMPONENTS, MEAN)
            for name in ways:
                scales = given["scales"].get(name, (0.85, 0.85, 0.1))
                if name == SAE and n > SERVERS:
                    scales = (given["accuracies"][int(n) - 3], given["unit_accuracies"][int(n) - 3], 0.65 - 0.1 * n)
                for scale, value in zip((ACCURACY, UNIT_ACCURACY, EXPLAINED), scales, strict=True):
                    tell(scale, value, name, setting, seed, once)
                tell(BEST_KEPT, given["kept"][name == AVERAGED], name, setting, seed, once)
                bars = np.zeros(BARS.size - 1)
                bars[0] = given["first_bar"].get(name, 0.5)
                for where in (TRAINING, TESTING):
                    tell(ERRORS + where, bars, name, setting, seed, BARS[1:].tolist())
        for along, whole, until, apart in (
            (ALONG_EPISODES, EPISODES, given["converges"], given["loss_ratio"]),
            (ALONG_UPDATES, UPDATES, given["updates_converge"], given["updates_ratio"]),
        ):
            for name, (where, worse) in itertools.product((AE, SAE), ((TRAINING, 1.0), (TESTING, given["overfits"]))):
                curve = ramp(0.005, 0.001, until / whole) * (apart if name == AE else 1.0) * worse
                tell(LOSS + where + along, curve, name, CHANNELS[SERVERS], seed, (X * whole).tolist())
    return Measurements(tuple(rows))


ORIGINAL = measured()
TESTABLE = [claim for claim in PAPER if not claim.untestable]


def verdict(found: Measurements, begins: str) -> str:
    (claim,) = (claim for claim in PAPER if f"{claim.where}: {claim.text}".startswith(begins))
    return claim.judge(found).verdict


def test_where_everything_is_as_the_paper_says_every_claim_holds() -> None:
    for claim in TESTABLE:
        assert claim.judge(ORIGINAL).verdict == "holds", claim.text


OF_OJRS: list[tuple[str, dict[str, Any]]] = [
    ("section I: 2r-SAE", {"raw": 0.99}),
    ("section I: adaptive", {"steps": 30.0, "size_steps": 30.0}),
    ("section I: adaptive", {"adaptive": 0.9}),
    ("figure 8", {"steps": 30.0, "size_steps": 30.0}),
    ("figures 9 and 10: the reward increases", {"start": 0.999}),
    ("figures 9 and 10: the reward is", {"stable": 8500.0}),
    ("figures 9 and 10: the reward is", {"uniform_stable": 2600.0}),
    ("figures 9 and 10: the loss", {"uniform_loss": 0.05}),
    ("figures 9 and 10: the loss", {"late_loss": 0.3}),
    ("section V-C", {"uniform": 0.99}),
    ("table II: the reward of OJRS", {"latency": 26.0}),
    ("table II: of the four", {"latency": 20.1}),
    ("table II: OJRS attains", {"latency": 24.0}),
    ("table II: a decision of OJRS", {"time": 30.0}),
    ("abstract", {"time": 30.0}),
    ("abstract", {"latency": 21.0}),
    ("section V-D", {"latency": 21.0}),
    ("table III: F-Best", {"best": (0.95, 0.99), "best_mean": (0.95, 0.99)}),
    ("table III: F-Avg", {"falling": 0.03}),
    ("table III: S-Best", {"best": (0.99, 0.95), "best_mean": (0.99, 0.95)}),
    ("table III: S-Avg", {"gain": 0.005}),
    ("table III: NRR decreases", {"falling": -0.001}),
    ("table III: before and after", {"best": (0.99, 0.9), "best_mean": (0.99, 0.9)}),
    ("table III: the average", {"gain": -0.001}),
]
"""Claims about OJRS, each with a figure of a network by which it fails."""


@pytest.mark.parametrize(
    ("begins", "otherwise", "expected"),
    [
        ("section III", {"above": 0.0}, "fails"),
        ("figure 3: with three", {"scales": {AE: (0.93, 0.93, 0.7), SAE: (0.92, 0.92, 0.6)}}, "fails"),
        ("figure 3: with three", {"scales": {AE: (0.93, 0.87, 0.5), SAE: (0.92, 0.92, 0.6)}}, "cannot tell"),
        ("section V-B: SAE", {"scales": {SAE: (0.8, 0.8, 0.05)}}, "fails"),
        ("section V-B: SAE", {"scales": {SAE: (0.86, 0.86, 0.2)}}, "holds"),
        ("section V-B: in the", {"overfits": 2.0}, "fails"),
        ("section V-B: in the", {"overfits": 1.15}, "cannot tell"),
        ("figure 4: the losses of AE", {"converges": 180.0, "updates_converge": 450.0}, "fails"),
        ("figure 4: the losses of AE", {"converges": 20.0, "updates_converge": 1.0}, "exceeded"),
        ("figure 4: the losses of AE", {"converges": 180.0}, "depends on the reading"),
        ("figure 4: AE and SAE", {"loss_ratio": 2.0, "updates_ratio": 2.0}, "fails"),
        ("figure 4: AE and SAE", {"updates_ratio": 2.0}, "depends on the reading"),
        ("figures 5 and 6", {"first_bar": {PRINTED: 0.4, AVERAGED: 0.4}}, "fails"),
        ("figures 5 and 6", {"first_bar": {PRINTED: 0.4, AVERAGED: 0.6}}, "depends on the reading"),
        (
            "figure 7",
            {
                "found": {"SA": 50.0, "ASA literal": 500.0, "ASA guided": 500.0},
                "at_20": {"SA": 0.9, "ASA literal": 0.7, "ASA guided": 0.7},
            },
            "fails",
        ),
        ("figure 7", {"found": {"SA": 50.0, "ASA literal": 500.0, "ASA guided": 40.0}}, "depends on the reading"),
        ("figure 8", {"steps": 30.0}, "depends on the reading"),
        ("section I: adaptive", {"size_steps": 30.0}, "depends on the reading"),
        ("table II: the reward of OJRS", {"greedy": 20.0}, "fails"),
        ("table II: of the four", {"asa": 22.0, "asa_long": 22.0}, "fails"),
        ("table II: of the four", {"asa": 22.0}, "depends on the reading"),
        ("table II: a decision of OJRS", {"asa_time": 0.5, "asa_long_time": 0.5}, "fails"),
        (
            "table III: the accuracy",
            {"accuracies": (0.89, 0.95, 0.87), "unit_accuracies": (0.89, 0.88, 0.87)},
            "cannot tell",
        ),
        ("table III: the compression", {"compression": (0.0, 0.5, 0.6, 0.75, 0.8)}, "fails"),
        ("table III: NRR decreases", {"uncompressed": 0.9}, "fails"),
        ("table III: before and after", {"best": (0.99, 0.9)}, "depends on the reading"),
        *((begins, otherwise, "fails") for begins, otherwise in OF_OJRS),
    ],
)
def test_a_verdict_follows_the_measurement(begins: str, otherwise: dict[str, Any], expected: str) -> None:
    assert verdict(measured(**otherwise), begins) == expected


@pytest.mark.parametrize(("begins", "otherwise"), [one for one in OF_OJRS[::3] if "NRR decreases" not in one[0]])
def test_where_settings_contradict_one_another_it_depends_on_the_reading(begins: str, otherwise: dict[str, Any]) -> None:
    for base in (PAPER_NAME, SANE_NAME):
        assert verdict(measured(base, **otherwise), begins) == "depends on the reading"
    assert verdict(measured(OURS_NAME, **otherwise), begins) == "holds"


def test_what_merely_scatters_is_seldom_refuted_and_a_single_seed_refutes_nothing() -> None:
    sure = ("section III", "table III: the compression")
    random = [claim for claim in TESTABLE if not f"{claim.where}: {claim.text}".startswith(sure)]
    said = [claim.judge(measured(scatter=3.0, draw=draw)).verdict for draw in range(3) for claim in random]
    assert said.count("fails") < 0.05 * len(said)
    assert said.count("cannot tell") > 0.8 * len(said)
    alone = measured(seeds=1)
    assert {claim.judge(alone).verdict for claim in random} == {"cannot tell"}


def test_what_cannot_be_tested_is_never_judged() -> None:
    silent = [claim for claim in PAPER if claim.untestable]
    assert len(silent) == 5
    assert {claim.judged(ORIGINAL).verdict for claim in silent} == {"cannot be tested"}


def test_our_claims_hold_and_fail() -> None:
    against: dict[str, Any] = {"raw": 0.99, "constant": 19.9, "asa": 20.2, "latency": 20.3}
    there = measured(**against)
    back = measured(apart=1.0, kept=(0.95, 0.9), latency=19.0, raw=0.9, asa=19.0, asa_long=19.0)
    for claim in OURS_TOO:
        assert claim.judge(there).verdict == "holds", claim.text
        if not claim.text.startswith(("local search is within", "with our settings")):
            assert claim.judge(back).verdict == "fails", claim.text


@pytest.mark.slow
def test_a_quick_run_measures_everything_and_judges_nothing(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    findings = REPRODUCTION.run(tmp_path, seeds=2, quick=True, progress=lambda what, done, total: None)
    written = set(findings.write(tmp_path))
    assert {"results.md", "results.json", "figures-3-and-4.png", "the-settings.png"} <= written
    assert len(findings.claims) == len(CLAIMS)
    assert {claim.verdict for claim in findings.stated} == {"not judged"}
    assert len(list((tmp_path / "runs").glob("*/*/weights.safetensors"))) == 2 * len(plans(True))
    assert {len(row) for table in findings.tables for row in table.rows if len(row) != len(table.headers)} == set()
    assert f"{MOST_SERVERS}, {UNCOMPRESSED}" in [row[0] for row in findings.tables[-1].rows]
    assert FIXED in str(findings.tables)
