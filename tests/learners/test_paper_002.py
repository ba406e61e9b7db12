"""The evaluation of paper 002: its rules both ways, its measures, and a whole quick run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mecopt.evaluation.measurements import Measurements, Row
from mecopt.learners.paper_002 import REPRODUCTION, study, theorem
from mecopt.learners.paper_002.claims import CLAIMS
from mecopt.learners.paper_002.names import (
    BINARY,
    BLOCK,
    COST,
    DECOMPOSED,
    DEVICES,
    EARLY,
    EDGES,
    ENERGY,
    EVEN,
    FIGURE_7,
    GAP,
    LATE,
    LOSS,
    OF_USERS,
    PRICED,
    RANDOM,
    SYSTEMS,
    UNTRAINED,
    WAITING,
    weighted,
)

Level = Callable[[str, str, str], float]
"""From quantity, method and setting to a mean."""

SEEDS = 4


def measured(level: Level, scatter: float = 1e-3) -> Measurements:
    """Return a table of everything that claims ask for, with a scatter over seeds that methods do not share."""
    rng, rows = np.random.default_rng(0), []
    for setting in SYSTEMS:
        quantities = (EARLY, LATE) if setting == FIGURE_7 else (COST, GAP)
        for seed in range(SEEDS):
            for quantity in quantities:
                for method in UNTRAINED:
                    rows.append(
                        Row(quantity, level(quantity, method, setting) + scatter * rng.normal(), method, setting, seed)
                    )
    for users in DEVICES:
        for waiting in WAITING:
            rows += [Row(LOSS, level(LOSS, "", ""), weighted(users, waiting, energy)) for energy in ENERGY]
    return Measurements(tuple(rows))


def as_the_paper_says(quantity: str, method: str, setting: str) -> float:
    """The proposed scheme below all, random above all, more cost with more work, and binary better early and for few."""
    if quantity == LOSS:
        return 0.0
    system = SYSTEMS[setting]
    users, arriving = float(system["users"]), float(system.get("arrival_probability", 0.4))
    binary_wins = quantity == EARLY if setting == FIGURE_7 else users <= 30
    order = [PRICED, DECOMPOSED, BINARY, EVEN, RANDOM] if binary_wins else [PRICED, DECOMPOSED, EVEN, BINARY, RANDOM]
    rank = order.index(method) if method in order else len(order)
    return 0.1 * rank + users + 20.0 * arriving


def against_the_paper(quantity: str, method: str, setting: str) -> float:
    """The other way round."""
    return 0.2 if quantity == LOSS else 1e5 - as_the_paper_says(quantity, method, setting)


def verdicts(found: Measurements) -> dict[str, str]:
    return {claim.text: claim.judge(found).verdict for claim in CLAIMS if claim.where != "ours" and not claim.untestable}


def test_every_claim_of_the_paper_can_hold_and_can_fail() -> None:
    assert set(verdicts(measured(as_the_paper_says)).values()) == {"holds"}
    assert set(verdicts(measured(against_the_paper)).values()) == {"fails"}


def test_what_merely_scatters_is_never_refuted() -> None:
    level = lambda quantity, method, setting: 0.0 if quantity == LOSS else 10.0  # noqa: E731
    found = verdicts(measured(level, scatter=1.0))
    assert {verdict for text, verdict in found.items() if "decide for themselves" not in text} == {"cannot tell"}


def test_binary_that_is_better_for_ten_devices_only_is_read_both_ways() -> None:
    """Up to 30 it fails, with 10 against 100 it holds: nobody can tell which the paper means."""

    def level(quantity: str, method: str, setting: str) -> float:
        if setting == OF_USERS[30] and method in (BINARY, EVEN):
            return as_the_paper_says(quantity, {BINARY: EVEN, EVEN: BINARY}[method], setting)
        return as_the_paper_says(quantity, method, setting)

    found = verdicts(measured(level))
    (verdict,) = (found[text] for text in found if "few devices" in text)
    assert verdict == "cannot tell"


# ---------------------------------------------------------------------- what is measured


def test_a_constant_cost_amounts_to_a_geometric_sum() -> None:
    dynamics = study.network(OF_USERS[10], 0, quick=True)
    cost, gap = study.discounted(np.full(7, 3.0), dynamics, EVEN, OF_USERS[10], 0)
    assert cost.value == pytest.approx(3.0 * (1.0 - 0.95**7) / 0.05, rel=1e-12)
    assert gap.value == pytest.approx(cost.value / dynamics.network.price.bound - 1.0, rel=1e-12)


def test_windows_are_those_of_the_figure() -> None:
    """Of a cost that is the number of the block the mean of a window is its middle."""
    rows = list(study.along(np.arange(EDGES[-1], dtype=float), EVEN, 0, quick=False))
    windows = {row.x: row.value for row in rows if row.quantity == BLOCK}
    assert windows == {20.0: 9.5, 50.0: 34.5, 100.0: 74.5, 200.0: 149.5, 500.0: 349.5, 1000.0: 749.5}
    assert {row.quantity: row.value for row in rows if row.x is None} == {EARLY: 249.5, LATE: 749.5}


def test_seeds_draw_places_and_paths_and_policies_share_them() -> None:
    setting = OF_USERS[10]
    first, again, other = (study.network(setting, seed, quick=True) for seed in (0, 0, 1))
    paths = [study.path_of(one, setting, seed, quick=True) for one, seed in ((first, 0), (again, 0), (other, 1))]
    assert (first.mean_snr == again.mean_snr).all()
    assert (first.mean_snr != other.mean_snr).all()
    assert (paths[0].snr_per_watt == paths[1].snr_per_watt).all()
    assert (paths[0].snr_per_watt != paths[2].snr_per_watt).any()


@pytest.mark.parametrize("waiting", WAITING)
def test_the_server_has_the_weights_that_are_said(waiting: float) -> None:
    preset, dear = (theorem.network(1, waiting, energy) for energy in ENERGY)
    assert preset.server_cube == pytest.approx(4e-5, rel=1e-9), "8e-3 of 0.005 J"
    assert dear.server_cube == pytest.approx(1.0, rel=1e-9)
    assert {preset.server_waiting_weight, dear.server_waiting_weight} == {waiting}


def test_prices_are_of_tasks_that_wait() -> None:
    found = theorem.prices(2.0, 0.9, 7)
    assert found.min() == pytest.approx(1.0)
    assert found.max() == pytest.approx(20.0)
    assert 1.8 in found, "what a task costs that waits once, a block later"
    assert theorem.prices(0.0, 0.9, 7).size == 0


@pytest.mark.slow
def test_a_quick_run_measures_everything_and_judges_nothing(tmp_path: Path) -> None:
    findings = REPRODUCTION.run(tmp_path, seeds=2, quick=True, progress=lambda what, done, total: None)
    findings.write(tmp_path)
    assert len(findings.claims) == len(CLAIMS)
    assert {claim.verdict for claim in findings.stated} == {"not judged"}
    assert all(cell for table in findings.tables for row in table.rows for cell in row), "no cell is empty"
    assert len(findings.pictures) == len(REPRODUCTION.drawings)
    assert "how far policies lie apart depends on them" in (tmp_path / "results.md").read_text(encoding="utf-8")
