"""Exercises of the lesson on hybrid slots; every answer is computed by the problem's own solver."""

from __future__ import annotations

from dataclasses import replace

from mecopt.lesson import Exercise
from mecopt.models.hybrid_slot.problem import HybridSlot
from mecopt.solve import solve

ONE = HybridSlot(workload=[30.0], battery=[60.0], uplink_gain=[7e-6], downlink_gain=[7e-6], service="must")
"""κ = 0.5 nJ/kbit, H = 42 nJ, p_b = 10 nW, r_p = 43.557 kbit/s, N = 10/7 nW, b = 577.08 kbit/s, p_c = 1000 nW."""
COMPUTES = replace(ONE, cpu_speed=4.0, energy_coefficient=0.05, channel_price=10.0)
REFLECTS = replace(ONE, cpu_speed=0.0)


def _computed() -> float:
    return float(solve(COMPUTES).objective)


def _reflected() -> float:
    return float(solve(REFLECTS).objective)


EXERCISES = (
    Exercise(
        question="""
A user computes all of its 30 kbit, at κ = 0.08 nJ/kbit, and has energy enough; e₀ is 5 nJ. Offloading is so dear that it
does none. What does it earn, in kbit/nJ?
""",
        answer=_computed,
        unit="kbit/nJ",
        explanation="""
L/(κL + e₀) = 30/(2.4 + 5). Nothing is offloaded, so there is no price.
""",
    ),
    Exercise(
        question="""
Another one has no processor and reflects its 30 kbit at p_b = 10 nW and r_p = 43.557 kbit/s, with 60 nJ in its battery,
so that it need not harvest and has all of the slot of 1 s. Prices are μ = 0.02 s/nJ and ρ = 0.01 1/nJ, w = 1.
What does it earn?
""",
        answer=_reflected,
        unit="kbit/nJ",
        explanation="""
By step 4 it takes the whole slot, τ = 1, and rests for a part of it. e = p_b L/r_p = 6.888 nJ, and so it earns
30/(6.888 + 5) − 30 (0.02 + 0.01) = 1.624.
""",
    ),
)
