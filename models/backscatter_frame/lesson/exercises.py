"""Exercises of the lesson on backscatter frames; every answer is computed by the problem's own solver."""

from __future__ import annotations

import numpy as np

from mecopt.lesson import Exercise
from mecopt.models.backscatter_frame.lesson.mixtures import around_the_sphere
from mecopt.models.backscatter_frame.problem import BackscatterFrame
from mecopt.solve import solve

PAIR = BackscatterFrame(
    channel=[[0.0, 0.0], [0.03, 0.0]],
    workload=[0.0, 50.0],
    battery=0.0,
    mode="active-enabled",
    compute_rate=0.0,
    active_receive_power=0.0,
    circuit_power=0.0,
)
"""A silent user, in whose slot the other one harvests: B = 10 kHz, σ² = 10⁻⁵ mW, η = 0.6, p = 6,000 mW."""


def _sent() -> float:
    return float(solve(PAIR).allocation.spent_energy[1])


def _carrier() -> float:
    return float(solve(PAIR).allocation.passive_time[0])


def _share() -> float:
    """Return what each of six users harvests, over what a beam of its own would bring it."""
    frame = around_the_sphere(np.random.default_rng(0))
    found = solve(frame).allocation
    own = frame.harvesting_efficiency[1] * frame.carrier_power * np.vdot(frame.channel[1], frame.channel[1]).real
    return float(found.harvested_energy[1] / (own * found.passive_time[0]))


EXERCISES = (
    Exercise(
        question="""
A user of ‖h‖ = 0.03 sends 50 kbit by itself in its slot of 1 s, over B = 10 kHz and with noise of σ² = 10⁻⁵ mW; its circuit
takes nothing. Which energy does it radiate, in mJ?
""",
        answer=_sent,
        unit="mJ",
        explanation="""
κ = σ²/‖h‖² = 1/90 mW, and κ t (2^(l/(Bt)) − 1) = (2⁵ − 1)/90 by step 2.
""",
    ),
    Exercise(
        question="""
Its battery is empty. It harvests this energy in the slot of a user without work, from a carrier of p = 6,000 mW whose beam
points at it, with η = 0.6. For how long must the carrier be on, in s?
""",
        answer=_carrier,
        unit="s",
        explanation="""
A second brings ηp‖h‖² = 0.6 · 6,000 · 0.0009 = 3.24 mJ.
""",
    ),
    Exercise(
        question="""
Six such users lie in the six directions of two antennas that are farthest apart. The best mixture of beams feeds all of them
alike. Which part does each get of what a beam of its own would bring?
""",
        answer=_share,
        explanation="""
S = I/2 times the time: hᴴSh = ‖h‖²/2 for every h. No single beam does as much for all of them, see step 9.
""",
    ),
)
