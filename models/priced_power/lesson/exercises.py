"""Exercises of the lesson on priced power; every answer is computed by the problem's own solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mecopt.lesson import Exercise
from mecopt.models.priced_power.problem import PricedPower
from mecopt.solve import allocate

ONE = PricedPower(channel_gain=[1e-6], data_size=1e6 / np.log(2.0), energy_price=100.0)
FREE = replace(ONE, energy_price=0.0, interference_limit=2e-9)


def _power() -> float:
    return float(allocate(ONE, [1]).allocation.transmit_power[0])


def _price() -> float:
    """Return what one nW of tolerated interference is worth, in s."""
    return 1e-9 * float(allocate(FREE, [1]).dual.interference_price)


def _least_budget() -> float:
    """Return the budget below which the one user cannot offload, by bisection of what is feasible."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if replace(ONE, energy_budget=middle).infeasible(np.array([1])) else (low, middle)
    return high


EXERCISES = (
    Exercise(
        question="""
One user has g = 100 per watt, ω = 1 s and an energy price of α = 100 per watt, with nobody to disturb. At which power
does it send, in W?
""",
        answer=_power,
        unit="W",
        explanation="""
c = α/g = 1, so step 6 says (u − 1)eᵘ = 0: u = 1, one nat per second and hertz, and p = (e − 1)/100.
""",
    ),
    Exercise(
        question="""
Energy is free now, but each watt of this user disturbs a neighbour by 4 nW, and 2 nW are tolerated. What would one more nW
save, in s, by the price?
""",
        answer=_price,
        unit="s",
        explanation="""
The limit holds the power at ½ W, where the cost 1/ln(1 + 100p) falls by 100/(51 ln²51) = 0.1268 s a watt, and a watt is
4 nW.
""",
    ),
    Exercise(
        question="""
Which energy budget, in J, is too small to send these data at any power?
""",
        answer=_least_budget,
        unit="J",
        explanation="""
The energy t(exp(d/t) − 1)/g falls towards d/g as t grows, by step 5; here d = 1 s.
""",
    ),
)
