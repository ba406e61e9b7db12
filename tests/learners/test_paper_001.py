"""The evaluation of paper 001: verdicts that can go either way, and a smoke test of the whole."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mecopt.cli.main import main
from mecopt.evaluation.reproduction import Claim, Picture
from mecopt.learners.h_maddpg import LEARNER
from mecopt.learners.paper_001 import claims, pictures, tables
from mecopt.learners.paper_001.claims_efficiency import counted
from mecopt.learners.paper_001.claims_ours import no_more
from mecopt.learners.paper_001.comparison import Compared
from mecopt.learners.paper_001.evaluation import Measured
from mecopt.learners.paper_001.measures import REWARDS, Followed, Means, Regret
from mecopt.learners.paper_001.policies import (
    ANY_BEAMS,
    ANY_WEIGHTS,
    BASELINES,
    COMPLETED,
    EVEN,
    EXACT,
    HYBRID,
    MATCHED,
    MODES,
    PRICES,
    STRICT,
    priced,
)
from mecopt.learners.paper_001.sweeps import WAYS, Common, Swept
from mecopt.learners.paper_001.trainings import FIGURE, FREE, FREE_TEAM, PLANS, RAW, RIVALS, WEIGHTS
from mecopt.learners.paper_001.worlds import LOADS, NOMINAL, POWERS, SCALES, World
from mecopt.learners.plans import Plan

COUNT, SEEDS = 2000, 2

STANDING: dict[str, Any] = {
    # figure 2: levels by beams, and when they are reached
    "driven": {RAW: 54.0, WEIGHTS: 75.0},
    "fresh": {RAW: 54.0, WEIGHTS: 75.0},
    "rival": {RAW: 36.0, WEIGHTS: 50.0},
    "alone": {RAW: 54.0, WEIGHTS: 75.0},
    "rises": 200,
    "rival_rises": 1200,
    "outage": 0.01,
    "rival_outage": 0.3,
    "first_outage": 0.1,
    "falls": 300,
    "own_outage": 0.3,
    "own_carrier": 0.01,
    "team_carrier": 0.2,
    # policies without learning
    "even": 76.0,
    "any_weights": 74.0,
    "exact": 74.0,
    "least_priced": 80.0,
    "priced": 100.0,
    "regret": 1.1,
    "random_outage": 0.13,
    # figures 3 and 4a: at the least, the preset's and the greatest value
    "power_active": (0.15, 0.25, 0.30),
    "power_passive": (0.35, 0.25, 0.20),
    "power_local": (0.50, 0.50, 0.50),
    "power_active_time": (0.3, 0.5, 0.6),
    "power_outage": (0.01, 0.01, 0.01),
    "load_passive": (0.15, 0.25, 0.30),
    "load_local": (0.00, 0.50, 0.60),
    "load_local_time": (0.10, 0.30, 0.70),
    "load_active_time": (0.8, 0.5, 0.3),
    "load_passive_time": (0.05, 0.15, 0.30),
    "scale_active": (0.35, 0.25, 0.05),
    "scale_passive": (0.25, 0.25, 0.15),
    "scale_local": (0.40, 0.50, 0.80),
    # figure 4b
    "hybrid": (120.0, 73.0, 22.0),
    "active": (110.0, 68.0, 20.0),
    "disabled": (60.0, 37.0, 16.0),
    "rolled_hybrid": None,
}
"""Figures made up so that every claim that can be tested holds."""

MIDDLE = Means(75.0, 75.0, 75.0, 0.01, 900.0, 0.3, (0.25, 0.25, 0.5), (0.5, 0.15, 0.3))


def along(triple: tuple[float, float, float], axis: tuple[World, ...]) -> np.ndarray:
    """Return figures at all worlds of an axis from those at its ends and at the preset."""
    return np.interp(np.arange(len(axis)), [0, axis.index(NOMINAL), len(axis) - 1], triple)


def worlds(given: dict[str, Any]) -> dict[World, Means]:
    found = {}
    for name, axis in (("power", POWERS), ("load", LOADS), ("scale", SCALES)):
        shares, times = {}, {}
        for k, part in enumerate(("active", "passive", "local")):
            shares[part] = along(given.get(f"{name}_{part}", (MIDDLE.shares[k],) * 3), axis)
            times[part] = along(given.get(f"{name}_{part}_time", (MIDDLE.times[k],) * 3), axis)
        outage = along(given.get(f"{name}_outage", (MIDDLE.outage,) * 3), axis)
        for k, world in enumerate(axis):
            found[world] = dataclasses.replace(
                MIDDLE,
                outage=outage[k],
                shares=tuple(shares[part][k] for part in shares),
                times=tuple(times[part][k] for part in times),
            )
    return found


def common(efficiencies: np.ndarray) -> Common:
    """Return a single frame on which the schemes have these efficiencies."""
    work = np.array([100.0])
    energy = 1000.0 * work / efficiencies[:, None] - REWARDS.static_energy
    return Common(work, energy, np.ones((len(MODES), 1), bool), 1e-9)


def swept(given: dict[str, Any]) -> Swept:
    shared = worlds(given)
    schemes = [given["hybrid"], given["active"], given["disabled"]]
    together = np.array([along(one, SCALES) for one in schemes])
    rolled = np.array([along(one, SCALES) for one in [given["rolled_hybrid"] or given["hybrid"], *schemes[1:]]])
    return Swept(
        {(world, way): [one] * SEEDS for world, one in shared.items() for way in WAYS},
        {
            (world, way, name): [
                dataclasses.replace(
                    shared[world], reward=rolled[n, k], efficiency=rolled[n, k], frame_efficiency=rolled[n, k]
                )
            ]
            * SEEDS
            for k, world in enumerate(SCALES)
            for way in WAYS[:2]
            for n, name in enumerate(MODES)
        },
        {(world, way): [common(together[:, k])] * SEEDS for k, world in enumerate(SCALES) for way in WAYS},
    )


def rising(end: float, until: int) -> np.ndarray:
    """Return a curve that rises to a level and stays there."""
    curve = np.full(COUNT, end)
    curve[:until] = np.linspace(0.2 * end, end, until)
    return curve


def curves(given: dict[str, Any], plan: Plan) -> dict[str, np.ndarray]:
    rival = plan.settings.get("users") == "model-free"
    beams = plan.settings.get("beams", WEIGHTS)
    name = "rival" if rival else "driven"
    outage = np.full(COUNT, given["rival_outage" if rival else "outage"])
    if not rival:
        outage[: given["falls"]] = np.linspace(given["first_outage"], given["outage"], given["falls"])
    return {
        "reward": rising(given[name][beams], given["rival_rises" if rival else "rises"]),
        "outage": outage,
        "users_better": np.full(COUNT, 0.01),
    }


def followed(reward: float, outage: float, carrier: float = 0.15, ratio: float = 1.5) -> Followed:
    means = dataclasses.replace(MIDDLE, reward=reward, outage=outage, times=(0.5, carrier, 0.3))
    return Followed(means, Regret(np.full(4, 900.0 * ratio), np.full(4, 900.0)))


def compared(given: dict[str, Any]) -> Compared:
    learned: dict[Plan, Followed] = {}
    for plan in PLANS:
        name = "alone" if plan.settings.get("users", "optimised") == "optimised" else "fresh"
        learned[plan] = followed(given[name][plan.settings.get("beams", WEIGHTS)], given["outage"])
    for (kind, beams), plan in FIGURE.items():
        if kind in RIVALS:
            outage = given["own_outage"] if kind == FREE else given["rival_outage"]
            learned[plan] = followed(given["rival"][beams], outage, given[f"{'own' if kind == FREE else 'team'}_carrier"])
    rewards = {EVEN: given["even"], ANY_WEIGHTS: given["any_weights"], EXACT: given["exact"], MATCHED: 54.0, ANY_BEAMS: 54.0}
    rewards |= {priced(price): given["priced" if n else "least_priced"] for n, price in enumerate(PRICES)}
    rewards |= {COMPLETED: 12.0, STRICT: 4.0}
    outages = {COMPLETED: given["random_outage"], STRICT: 0.5}
    ratios = {EVEN: given["regret"], EXACT: 1.0}
    baselines = {
        name: followed(rewards.get(name, 70.0), outages.get(name, 0.01), ratio=ratios.get(name, 1.5)) for name in BASELINES
    }
    return Compared(
        {plan: [curves(given, plan)] * SEEDS for plan in PLANS},
        {plan: [one] * SEEDS for plan, one in learned.items()},
        {name: [one] * SEEDS for name, one in baselines.items()},
    )


def measured(**changes: Any) -> Measured:
    """Return measurements made up of `STANDING` and changes to it."""
    assert set(changes) <= set(STANDING)
    given = {**STANDING, **changes}
    return Measured(swept(given), compared(given))


@cache
def standing() -> Measured:
    """Return measurements by which every claim that can be tested holds."""
    return measured()


@cache
def drawn() -> list[Picture]:
    """Return the pictures of `standing`."""
    return pictures.drawn(standing())


def found(of: Measured, begins: str) -> Claim:
    (one,) = (c for c in claims.judged(of) if f"{c.where}: {c.text}".startswith(begins))
    return one


def test_every_claim_can_hold() -> None:
    assert {claim.verdict for claim in claims.judged(standing())} == {"holds"}


LOW = {RAW: 12.0, WEIGHTS: 12.0}
OURS = "ours, not the paper's: "


@pytest.mark.parametrize(
    ("begins", "otherwise"),
    [
        ("figure 2a: the optimisation-driven H-MADDPG converges", {"rises": 1200, "rival_rises": 200}),
        ("figure 2a: the optimisation-driven H-MADDPG receives", {"driven": LOW, "fresh": LOW}),
        ("figure 2a and abstract", {"rival": LOW}),
        ("figure 2a and abstract", {"driven": LOW, "fresh": LOW}),
        ("figure 2b: the optimisation-driven", {"outage": 0.29}),
        ("figure 2b: the outage", {"first_outage": 0.01}),
        ("figure 2b: the outage", {"falls": 1900}),
        (
            "figure 3a: when the transmit power is low the users suppress",
            {"power_active": (0.3, 0.25, 0.2), "power_active_time": (0.6, 0.5, 0.3)},
        ),
        ("figure 3a: when the transmit power is low they prefer", {"power_passive": (0.2, 0.25, 0.35)}),
        ("figure 3a: a large part", {"power_local": (0.3, 0.3, 0.3), "scale_local": (0.3, 0.3, 0.3)}),
        ("figure 3b: when the workload", {"load_local": (0.28, 0.5, 0.6)}),
        (
            "figure 3b: as the workload increases the users",
            {"load_passive": (0.3, 0.25, 0.2), "load_passive_time": (0.3, 0.15, 0.1)},
        ),
        ("figure 3b: as the workload increases the time", {"load_active_time": (0.3, 0.5, 0.6)}),
        (
            "figure 3b: as the workload increases local",
            {"load_local": (0.6, 0.5, 0.3), "load_local_time": (0.7, 0.3, 0.1)},
        ),
        ("figure 4a: as the distances", {"scale_local": (0.6, 0.5, 0.3)}),
        ("figure 4a: the remaining", {"scale_active": (0.1, 0.25, 0.3)}),
        ("figure 4b, not in words: Hybrid", {"hybrid": (110.0, 60.0, 18.0), "active": (120.0, 73.0, 20.0)}),
        ("figure 4b, not in words: Hybrid", {"disabled": (115.0, 70.0, 21.0)}),
        ("figure 4b: the energy", {"disabled": (15.0, 37.0, 16.0)}),
        ("figure 4b: with", {"disabled": (60.0, 37.0, 8.0)}),
        (f"{OURS}learned beams", {"fresh": {RAW: 54.0, WEIGHTS: 90.0}}),
        (f"{OURS}learned beams", {"alone": {RAW: 54.0, WEIGHTS: 90.0}}),
        (f"{OURS}what the access", {"alone": {RAW: 75.0, WEIGHTS: 75.0}}),
        (f"{OURS}the users' learning", {"fresh": {RAW: 60.0, WEIGHTS: 75.0}}),
        (f"{OURS}the own reward", {"own_carrier": 0.3}),
        (f"{OURS}the own reward", {"own_outage": 0.05}),
        (f"{OURS}the optimum", {"priced": 74.0}),
        (f"{OURS}the optimum", {"least_priced": 74.0}),
        (f"{OURS}fixed weights", {"even": 60.0}),
        (f"{OURS}fixed weights", {"regret": 1.0}),
    ],
)
def test_a_verdict_follows_the_measurement(begins: str, otherwise: dict[str, Any]) -> None:
    assert found(standing(), begins).verdict == "holds"
    assert found(measured(**otherwise), begins).verdict == "fails"


@pytest.mark.parametrize(
    ("begins", "otherwise"),
    [
        ("figure 2a: the optimisation-driven H-MADDPG receives", {"driven": {RAW: 12.0, WEIGHTS: 75.0}}),
        ("figure 2a and abstract", {"rival": {RAW: 36.0, WEIGHTS: 12.0}}),
        ("figure 3a: when the transmit power is low the users suppress", {"power_active_time": (0.6, 0.5, 0.3)}),
        ("figure 3b: as the workload increases the users", {"load_passive": (0.3, 0.25, 0.2)}),
        ("figure 3b: as the workload increases local", {"load_local": (0.6, 0.5, 0.3)}),
        ("figure 4b, not in words: Hybrid", {"rolled_hybrid": (100.0, 60.0, 19.0)}),
    ],
)
def test_where_the_reading_decides_nothing_is_judged(begins: str, otherwise: dict[str, Any]) -> None:
    assert found(standing(), begins).verdict == "holds"
    assert found(measured(**otherwise), begins).verdict == "cannot be tested"


def test_who_is_dropped_does_not_count_as_suppressing_what_it_sends() -> None:
    begins, halved = "figure 3a: when the transmit power is low the users suppress", {"power_active": (0.3, 0.25, 0.2)}
    assert found(measured(**halved), begins).verdict == "cannot be tested"  # a smaller part, a shorter time
    dropped = {**halved, "power_outage": (0.6, 0.1, 0.0)}  # those who are left send for 0.75 s, not for 0.6 s
    assert found(measured(**dropped), begins).verdict == "fails"


def test_readings_that_most_agree_on_are_counted_and_the_others_named() -> None:
    assert counted({"a": True, "b": True}) == "holds by 2 of 2 readings"
    assert counted({"a": False, "b": True, "c": None, "d": False}) == (
        "fails by 2 of 4 readings; holds by 1: b; cannot be told by 1: c"
    )


def test_a_gain_is_none_if_it_is_clearly_less_or_does_not_scatter() -> None:
    assert no_more([-0.4, -0.3]) is True
    assert no_more([0.02, 0.04]) is True
    assert no_more([0.2, 0.22]) is False
    assert no_more([-0.05, 0.1]) is None
    assert no_more([-0.3]) is None


def test_a_single_seed_tells_no_differences() -> None:
    whole = standing()

    def first(lists: Any) -> Any:
        return {key: values[:1] for key, values in lists.items()}

    c, s = whole.compared, whole.swept
    alone = Measured(
        Swept(first(s.worlds), first(s.schemes), first(s.common)),
        Compared(first(c.curves), first(c.learned), first(c.baselines)),
    )
    judged = claims.judged(alone)
    told = {claim.text for claim in judged if claim.verdict == "holds"}
    assert told == {"the reward improves by 50 %", "when the workload is small the users offload all of it"}
    assert {claim.verdict for claim in judged} == {"holds", "cannot be tested"}


def test_figures_3_and_4_never_stand_without_where_their_constants_are_from() -> None:
    for claim in claims.judged(standing()):
        if claim.where.startswith(("figure 3", "figure 4")):
            assert "constants were searched for" in claim.evidence, claim.text
    captions = [(one.name, one.caption) for one in drawn()]
    captions += [(one.name, one.caption) for one in tables.tables(standing())]
    for name, caption in captions:
        if name.startswith(("Figure 3", "Figure 4")):
            assert "constants were searched for" in caption, name


def test_a_common_frame_counts_only_where_all_schemes_serve_it() -> None:
    served = np.array([[True, True, True], [True, False, True], [True, True, True]])
    one = Common(np.array([100.0, 50.0, 20.0]), np.array([[400.0] * 3, [500.0] * 3, [900.0] * 3]), served, 0.0)
    s = standing().swept
    near = {(world, way): [one] * SEEDS for world in SCALES for way in WAYS}
    values = dataclasses.replace(s, common=near).efficiency(MATCHED, "ratio of sums")
    np.testing.assert_allclose(values[0, 0], [1000 * 120 / 2000, 1000 * 120 / 2200, 1000 * 120 / 3000])
    nowhere = Common(one.work, one.energy, np.array([[False, True, True]] * 3), 0.0)
    far = {**near, (SCALES[-1], MATCHED): [nowhere] * SEEDS}
    everywhere = dataclasses.replace(s, common=far).efficiency(MATCHED, "ratio of sums", everywhere=True)
    np.testing.assert_allclose(everywhere[:, :, 0], 1000 * 20 / 1000)


def test_tables_and_pictures_are_written_from_any_measurements() -> None:
    names = [table.name for table in tables.tables(standing())]
    assert len(set(names)) == len(names) == 8
    for table in tables.tables(standing()):
        assert {len(row) for row in table.rows} == {len(table.headers)}, table.name
    assert [one.name for one in drawn()] == ["Figure 2", "Policies", "Figure 3a", "Figure 3b", "Figure 4a", "Figure 4b"]
    assert all(one.content.startswith(b"\x89PNG") for one in drawn())


def test_plans_are_what_their_names_say() -> None:
    assert len({plan.folder(Path("x"), 0, 60) for plan in PLANS}) == len(PLANS)
    for (kind, beams), plan in FIGURE.items():
        settings = LEARNER.configured("default", plan.settings)
        assert settings.beams == beams
        assert settings.user_reward == ("team" if kind == FREE_TEAM else "own")
        assert (settings.users == "model-free") == (kind in RIVALS)
        assert (settings.activation, settings.hidden, settings.discount) == ("sigmoid", (128, 64), 0.5)  # Table I


@pytest.mark.slow
def test_the_quick_reproduction_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    with pytest.raises(SystemExit) as ended:
        main(["reproduce", "001", "--quick", "--seeds", "1", "-o", str(tmp_path)])
    assert not ended.value.code
    out = capsys.readouterr().out
    assert "nothing is judged" in out
    assert "HOLDS" not in out
    written = {path.name for path in tmp_path.iterdir()}
    assert {
        "results.md",
        "results.json",
        "figure-2.png",
        "figure-3a.png",
        "figure-4b.png",
        "policies.png",
        "runs",
    } <= written
    assert len(list((tmp_path / "runs").glob("*/*/weights.safetensors"))) == len(PLANS)
    assert HYBRID in (tmp_path / "results.md").read_text()
