r"""The convex form in the times t = D / r as a conic program: two exponential cones and a hyperbola a user.

Everything counts in parts of what it is at the user's greatest efficiency U: the time :math:`x = U/u \ge 1`, the energy
:math:`y`, the power :math:`z` and the rate :math:`v = u/U`, so that no variable exceeds 1 but the time:

.. math::
    \min \sum_i a_i x_i + b_i y_i \quad\text{s.t.}\quad & \sum_i k_i z_i \le 1, \quad x_i \ge 1, \quad v_i x_i \ge 1, \\
    & x\, e^{(U - U x)/x} \le \varepsilon x + (1 - \varepsilon)\, y, \qquad
      e^{U v - U} \le \varepsilon + (1 - \varepsilon)\, z, \qquad \varepsilon = e^{-U} .

The first cone is the perspective :math:`t (e^{d/t} - 1) \le g\,e` divided by its value at the greatest efficiency, the
second :math:`e^{u} - 1 \le g p` likewise. So no coefficient grows with a signal-to-noise ratio.

At a price :math:`\lambda` of the limit and the efficiency u that answers it the multipliers are explicit. The cones'
are normal to their boundary at :math:`s = u - U`: :math:`\pi\,(-e^s, (s - 1) e^s, 1)` with :math:`\pi = b/(1 - \varepsilon)`
and :math:`\pi = \lambda k/(1 - \varepsilon)`; that of the hyperbola is :math:`\nu\,(v + x, -2, x - v)` with
:math:`2 \nu x = U \pi_2 e^s`; what is left of :math:`a` is the multiplier of :math:`x \ge 1`, and is 0 where u < U.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.backends.conic import ConicModel, Program
from mecopt.contract.scaling import characteristic
from mecopt.models.priced_power.allocation import CLOSED_FORM, Allocated, efficiencies, feasible, offloading, whole_price
from mecopt.models.priced_power.variables import InterferencePrice, TransmitPower

if TYPE_CHECKING:
    from mecopt.models.priced_power.problem import PricedPower

Array = NDArray[Any]


@dataclass(frozen=True)
class _Scaled:
    """One decision in the program's units."""

    users: Array
    cap: Array
    time: Array
    """a"""
    energy: Array
    """b"""
    part: Array
    """k"""
    unit: float
    """The cost that counts as 1, in s."""


def _scaled(problem: PricedPower, decision: Array) -> _Scaled:
    users = offloading(problem, decision)
    c = problem.coefficients()
    cap, greatest = c.cap[users], np.expm1(c.cap[users])
    time = c.work[users] / cap
    energy = time * c.energy[users] * greatest
    unit = characteristic(np.append(time, energy))
    return _Scaled(users, cap, time / unit, energy / unit, c.part[users] * greatest, unit)


class _Conic(ConicModel):
    """One program per number of offloading users."""

    summary = "exponential cones in the times t = D / r, disciplined parametrised program"

    def shape(self, problem: PricedPower, decision: Array) -> int | None:
        return int(offloading(problem, decision).size) or None

    def build(self, shape: int) -> Program:
        import cvxpy as cp

        names = ("time_cost", "energy_cost", "part", "cap", "rest", "bend")
        time_cost, energy_cost, part, cap, rest, bend = parameters = [
            cp.Parameter(shape, nonneg=True, name=name) for name in names
        ]
        time, energy, power, rate = variables = [cp.Variable(shape, name=n) for n in ("time", "energy", "power", "rate")]
        constraints = {
            "interference": part @ power <= 1.0,
            "fastest": time >= 1.0,
            "hyperbola": cp.SOC(rate + time, cp.vstack([np.full(shape, 2.0), rate - time])),
            "energy_cone": cp.ExpCone(
                cap - cp.multiply(cap, time), time, cp.multiply(rest, time) + cp.multiply(bend, energy)
            ),
            "power_cone": cp.ExpCone(cp.multiply(cap, rate) - cap, np.ones(shape), rest + cp.multiply(bend, power)),
        }
        problem = cp.Problem(cp.Minimize(time_cost @ time + energy_cost @ energy), list(constraints.values()))
        return Program(problem, {p.name(): p for p in parameters}, {v.name(): v for v in variables}, constraints)

    def numbers(self, problem: PricedPower, decision: Array) -> dict[str, Any]:
        s = _scaled(problem, decision)
        rest, bend = np.exp(-s.cap), -np.expm1(-s.cap)
        return {"time_cost": s.time, "energy_cost": s.energy, "part": s.part, "cap": s.cap, "rest": rest, "bend": bend}

    def read(
        self, problem: PricedPower, decision: Array, values: Mapping[str, Any], multipliers: Mapping[str, Any]
    ) -> Allocated:
        s = _scaled(problem, decision)
        power = np.zeros(problem.users)
        power[s.users] = np.expm1(s.cap / np.maximum(values["time"], 1.0)) / problem.coefficients().snr[s.users]
        price = max(float(np.squeeze(multipliers["interference"])), 0.0) * s.unit / problem.interference_limit
        return (
            TransmitPower(transmit_power=feasible(problem, decision, power)),
            InterferencePrice(interference_price=np.asarray(price)),
        )

    def point(self, problem: PricedPower, decision: Array, allocation: TransmitPower) -> dict[str, Array]:
        s = _scaled(problem, decision)
        ratio = problem.coefficients().snr[s.users] * allocation.transmit_power[s.users]
        u = np.log1p(ratio)
        power, rate = ratio / np.expm1(s.cap), u / s.cap
        return {"time": 1.0 / rate, "energy": power / rate, "power": power, "rate": rate}

    def multipliers(self, problem: PricedPower, decision: Array, dual: InterferencePrice) -> dict[str, Array]:
        s = _scaled(problem, decision)
        price = whole_price(problem, decision, dual)
        u = efficiencies(problem, decision, price)[s.users]
        rate, bend, price = u / s.cap, -np.expm1(-s.cap), price / s.unit
        grown = np.exp(u - s.cap)
        normal = np.stack([-grown, (u - s.cap - 1.0) * grown, np.ones_like(u)], axis=-1)
        of_energy, of_power = s.energy / bend, price * s.part / bend
        of_rate = 0.5 * s.cap * of_power * grown * rate
        left = s.time - of_energy * (grown * (u - 1.0) + np.exp(-s.cap)) - 2.0 * of_rate * rate
        return {
            "interference": price,
            "fastest": np.maximum(left, 0.0),
            "hyperbola": of_rate[:, None] * np.stack([rate + 1.0 / rate, np.full_like(u, -2.0), 1.0 / rate - rate], axis=-1),
            "energy_cone": of_energy[:, None] * normal,
            "power_cone": of_power[:, None] * normal,
        }

    def trivial(self, problem: PricedPower, decision: Array) -> Allocated:
        allocation, dual = CLOSED_FORM(problem, decision)
        return allocation, dual


CONIC = _Conic()
