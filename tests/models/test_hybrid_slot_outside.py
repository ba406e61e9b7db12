"""Hybrid slots against solvers from outside, of the full model: SCIP and SLSQP."""

from __future__ import annotations

import numpy as np
import pytest
from hybrid_slots import singles

import mecopt
from mecopt.models import HybridSlot
from mecopt.models.hybrid_slot import terms
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.allocation import outside
from mecopt.models.hybrid_slot.dynamics.tables import harvest


def raw_scip(slot: HybridSlot) -> outside.Found:
    given_ = outside.scaled(terms.rows(slot)[0, 0], float(slot.battery[0] + harvest(slot)[0]))
    return outside.FullScip().answered(given_, 1e-7, 20.0)


def against_scip(slots: HybridSlot) -> tuple[float, float]:
    """How far SCIP's own value is above ours at most, and how far its claimed bound is below, relative."""
    above, below = 0.0, 0.0
    for slot in slots:
        if not allocation.servable(slot)[0] or slot.workload[0] == 0.0:
            continue
        value, found = float(slot.optimal_value(np.zeros(1))), raw_scip(slot)
        unit = float(slot.workload[0] / (slot.battery[0] + harvest(slot)[0]))
        size = abs(value) + float(slot.negligible)
        above = max(above, (unit * found.value - value) / size)
        below = max(below, (value - unit * found.bound) / size)
    return above, below


def test_scip_finds_no_better_slot_and_bounds_none_lower() -> None:
    pytest.importorskip("pyscipopt")
    above, below = against_scip(singles(13, 6, "paper"))
    assert above <= 1e-5
    assert below <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper", "varied"])
def test_scip_finds_no_better_slot_of_a_hundred(preset: str) -> None:
    pytest.importorskip("pyscipopt")
    above, below = against_scip(singles(17, 60, preset))
    assert above <= 1e-5
    assert below <= 1e-5


@pytest.mark.parametrize("preset", ["paper", "varied"])
def test_slsqp_is_never_above_and_finds_most(preset: str) -> None:
    slots = singles(19, 12, preset)
    decision = slots.mended(np.zeros((12, 1)))
    best = mecopt.allocate(slots, decision)
    answer = mecopt.allocate(slots, decision, backend="slsqp", throw=False)
    missing = (best.objective - answer.objective) / (np.abs(best.objective) + slots.negligible)
    assert (missing >= -1e-9).all()
    assert (missing <= 1e-5).sum() >= 9
