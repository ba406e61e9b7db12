r"""Computation-rate maximisation of wireless-powered users with binary offloading (the DROO problem).

An access point broadcasts energy during a part a of the frame. A user either computes locally all frame long on what it
harvested, or spends all of it to offload in a part tau_i of its own:

.. math::
    \max_{x \in \{0,1\}^N,\, a, \tau \ge 0} \sum_{x_i=0} A_i a^{1/3} + \sum_{x_i=1} w_i e\, \tau_i \ln(1 + g_i a/\tau_i)
    \quad\text{s.t.}\quad a + \sum_i \tau_i \le 1 ,

    A_i = w_i \frac{(\mu_i P)^{1/3}}{\phi_i} (h_i/k_i)^{1/3}, \quad
    g_i = \frac{\mu_i P}{N_0} h_i^2, \quad e = \frac{B}{v \ln 2} .

Variable are the modes x and the times a, tau. For fixed x the problem is concave: a power below one, and perspectives of
a logarithm. With a time price :math:`\nu \ge 0`,
:math:`\sup_\tau w_i e \tau \ln(1+g_i a/\tau) - \nu\tau = C_i(\nu)\, a`, where
:math:`C_i = w_i e g_i/(1+z_i)` and :math:`\ln(1+z_i) - z_i/(1+z_i) = \nu/(w_i e)`. Hence for ANY price

- for a fixed mode :math:`\max_{0 \le a \le 1} \nu(1-a) + \sum_{x_i=0} A_i a^{1/3} + a \sum_{x_i=1} C_i` bounds the rate
  from above,
- over all modes :math:`\max_{0 \le a \le 1} \nu(1-a) + \sum_i \max(A_i a^{1/3}, C_i a)` does.

A user of weight 0 or gain 0 adds nothing whatever is decided for it, and gets no time: it counts as if it were not there. It
is written with g = 0 and e = 1 bit/s, which is the same function and leaves nothing to divide by 0.

References: Bi and Zhang, "Computation Rate Maximization for Wireless Powered Mobile-Edge Computing With Binary Computation
Offloading", IEEE Trans. Wireless Commun. 17(6), 2018, doi:10.1109/TWC.2018.2821664; constants, data layout and the learned
method: Huang, Bi, Zhang, "Deep Reinforcement Learning for Online Computation Offloading in Wireless Powered Mobile-Edge
Computing Networks", IEEE Trans. Mobile Comput. 19(11), 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.backends.conic import Conic
from mecopt.backends.slsqp import Slsqp
from mecopt.charged.responses import Responses
from mecopt.contract.backend import Backend
from mecopt.contract.decision import Binary
from mecopt.contract.derived import of_data, shared
from mecopt.contract.fields import ABSENT, Quantity, quantity
from mecopt.contract.problem import Problem
from mecopt.contract.scenario import Reference, Scenario
from mecopt.contract.solver import Solver
from mecopt.models.computation_rate import allocation, charged, exact
from mecopt.models.computation_rate.variables import FrameTimes, TimePrice
from mecopt.quantities.radio import PART, POWER_GAIN, THERMAL_POWER, path_gain, rayleigh_power

Array = NDArray[Any]


class Coefficients(NamedTuple):
    """What the mathematics needs of each user, shape ``(*batch, users)``."""

    local: Array
    """A: local rate when harvesting all frame long, bit/s."""
    gain: Array
    """g: harvested energy over noise energy, dimensionless; 0 where nothing can be earned by offloading."""
    worth: Array
    """w e: weighted bits per second and natural unit of spectral efficiency, bit/s, positive; 1 where g is 0."""


def _alternating(users: int) -> Array:
    return np.where(np.arange(users) % 2 == 0, 1.0, 1.5)


def _draw_paper(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    distance = 2.5 + 0.3 * np.arange(shape[-1])
    return {"channel_gain": path_gain(distance, 915e6, 2.8, antenna_gain=3.0) * rayleigh_power(rng, shape)}


def _draw_heterogeneous(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    distance = rng.uniform(2.5, 5.2, shape)
    return {
        "channel_gain": path_gain(distance, 915e6, 2.8, antenna_gain=3.0) * rayleigh_power(rng, shape),
        "weight": rng.uniform(0.5, 2.0, shape),
        "harvesting_efficiency": rng.uniform(0.4, 0.8, shape),
        "cycles_per_bit": 100.0 * 2.0 ** rng.uniform(-1.0, 1.0, shape),
        "capacitance": 1e-26 * 10.0 ** rng.uniform(-1.0, 1.0, shape),
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class ComputationRate(Problem[FrameTimes, TimePrice]):
    """Who offloads in a wireless-powered network, and how the frame is shared (the DROO problem).

    Maximises the weighted sum of computation rates. See the module docstring for the formula, what is convex, and the
    bounds.

    Examples
    --------
    >>> import mecopt
    >>> problem = ComputationRate(channel_gain=[6.06e-06, 1.1e-05, 1.0e-07])
    >>> solution = mecopt.solve(problem)
    >>> solution.decision.tolist(), solution.status.name
    ([1, 1, 0], 'OPTIMAL')
    """

    channel_gain: Quantity = quantity(
        "1", "h", "power gain between access point and user, both ways", zero=ABSENT, decibels=True, plausible=POWER_GAIN
    )
    weight: Quantity = quantity("1", "w", "weight of a user's rate", default=_alternating, zero=ABSENT)
    harvesting_efficiency: Quantity = quantity(
        "1", "mu", "harvested part of the received power", default=0.7, zero=ABSENT, decibels=True, plausible=PART
    )
    cycles_per_bit: Quantity = quantity("cycle/bit", "phi", "CPU cycles to process one bit", default=100.0)
    capacitance: Quantity = quantity("W s^3/cycle^3", "k", "energy coefficient of the CPU", default=1e-26)
    transmit_power: Quantity = quantity(
        "W", "P", "access point's transmit power", per="instance", default=3.0, zero="nobody computes, and the rate is 0"
    )
    noise_power: Quantity = quantity(
        "W", "N0", "noise power at the access point", per="instance", default=1e-10, plausible=THERMAL_POWER
    )
    bandwidth: Quantity = quantity(
        "Hz", "B", "bandwidth", per="instance", default=2e6, zero="who offloads has rate 0, so that all compute locally"
    )
    communication_overhead: Quantity = quantity("1", "v", "transmitted bits per task bit", per="instance", default=1.1)

    name: ClassVar[str] = "computation-rate"
    summary: ClassVar[str] = "wireless-powered computation rate with binary offloading (the DROO problem)"
    sense: ClassVar = "maximise"
    decision_summary: ClassVar[str] = "one bit per user: local or offload"
    objective_name: ClassVar[str] = "rate"
    objective_unit: ClassVar[str] = "bit/s"
    user_units: ClassVar[Mapping[str, str]] = {"weighted_rate": "bit/s", "rate": "bit/s", "harvested_power": "W"}
    cvxpy_unit: ClassVar[float] = 1e6
    reference: ClassVar[Reference] = Reference(
        "Bi, Zhang: Computation Rate Maximization for Wireless Powered Mobile-Edge Computing With Binary Computation "
        "Offloading, IEEE Trans. Wireless Commun. 17(6), 2018 (reference [9] of paper 003)",
        "(P1)",
    )
    base_units: ClassVar[tuple[str, ...]] = ("s", "W", "cycle")
    compile_seconds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "exact": (13.0, 13.0),
        "closed-form": (1.2, 1.2),
        "all": (18.0, 18.0),
    }
    mat_layout: ClassVar[Mapping[str, str]] = {
        "input_h": "channel_gain",
        "output_mode": "decision",
        "output_a": "harvest_time",
        "output_tau": "offload_time",
        "output_obj": "objective",
    }
    limitable: ClassVar[tuple[str, ...]] = ("harvest_time", "offload_time")
    Allocation: ClassVar = FrameTimes
    Dual: ClassVar = TimePrice
    backends: ClassVar[Mapping[str, Backend]] = {
        backend.name: backend
        for backend in (
            allocation.CLOSED_FORM,
            Slsqp(allocation.smooth_program),
            *(Conic(solver, allocation.CONIC) for solver in ("CLARABEL", "ECOS", "SCS")),
        )
    }
    solvers: ClassVar[Mapping[str, Solver]] = exact.SOLVERS
    presets: ClassVar[Mapping[str, Scenario]] = {
        "paper": Scenario(
            "the authors' setting: users on a line, Rayleigh fading",
            {
                "channel_gain": "Huang, Bi, Zhang 2020, section 6, and the law of their data: 3 (3e8 / (4 pi 915e6 d))^2.8 "
                "times Exp(1), d = 2.5 + 0.3 (i - 1) m",
                "weight": "Huang, Bi, Zhang 2020: 1 and 1.5 by turns",
                **dict.fromkeys(
                    (
                        "harvesting_efficiency",
                        "cycles_per_bit",
                        "capacitance",
                        "transmit_power",
                        "noise_power",
                        "bandwidth",
                        "communication_overhead",
                    ),
                    "Huang, Bi, Zhang 2020, section 6; reproduces the stored optima of their data",
                ),
            },
            _draw_paper,
        ),
        "heterogeneous": Scenario(
            "users anywhere in the cell who differ in weights, harvesters and processors, so that no order of them is known",
            {
                "channel_gain": "the paper's law, d uniform on 2.5 to 5.2 m, where its ten users are",
                "weight": "ours: uniform on 0.5 to 2",
                "harvesting_efficiency": "ours: uniform on 0.4 to 0.8",
                "cycles_per_bit": "ours: 100 times 2^u, u uniform on -1 to 1",
                "capacitance": "ours: 1e-26 times 10^u, u uniform on -1 to 1",
                **dict.fromkeys(
                    ("transmit_power", "noise_power", "bandwidth", "communication_overhead"),
                    "Huang, Bi, Zhang 2020, section 6",
                ),
            },
            _draw_heterogeneous,
        ),
    }

    @property
    def decision_space(self) -> Binary:
        """One bit per user."""
        return Binary(self.users)

    @of_data
    def coefficients(self) -> Coefficients:
        """Return A, g and w e of every user."""
        power = self.harvesting_efficiency * self.transmit_power[..., None]
        gain = power / self.noise_power[..., None] * self.channel_gain**2
        worth = self.weight * np.asarray(self.bandwidth / (self.communication_overhead * np.log(2.0)))[..., None]
        earns = (gain > 0) & (worth > 0)
        return Coefficients(
            self.weight / self.cycles_per_bit * np.cbrt(power * self.channel_gain / self.capacitance),
            np.where(earns, gain, 0.0),
            np.where(earns, worth, 1.0),
        )

    def objective(self, decision: Array, allocation: FrameTimes) -> Array:
        """Evaluate the weighted sum rate in bit/s: harvested energy, CPU speed and Shannon rate spelled out.

        Parameters
        ----------
        decision
            x, shape ``(*batch, *candidates, users)``.
        allocation
            a of shape ``(*batch, *candidates)`` and tau with users last, as fractions of the frame.
        """
        return np.asarray((self.aligned("weight", decision) * self.rates(decision, allocation)).sum(axis=-1))

    def rates(self, decision: Array, allocation: FrameTimes) -> Array:
        """Return each user's computation rate in bit/s, without its weight; see `objective`."""
        h = self.aligned("channel_gain", decision)
        harvest = np.asarray(allocation.harvest_time)[..., None]
        time = allocation.offload_time
        energy = (
            self.aligned("harvesting_efficiency", decision)
            * self.aligned("transmit_power", decision)[..., None]
            * h
            * harvest
        )
        cpu_speed = np.cbrt(energy / self.aligned("capacitance", decision))
        local_rate = cpu_speed / self.aligned("cycles_per_bit", decision)
        positive = time > 0
        safe, noise = np.where(positive, time, 1.0), self.aligned("noise_power", decision)[..., None]
        with np.errstate(invalid="ignore", divide="ignore"):  # a negative harvesting time is reported as a violation
            snr = energy * h / (noise * safe)
            nats, beyond = np.log1p(snr), np.isinf(snr)
            if beyond.any():  # ratios that floats do not hold
                nats = np.where(beyond, np.log(energy * h) - np.log(noise) - np.log(safe), nats)
            spectral = np.where(positive, nats / np.log(2.0), 0.0)
        overhead = self.aligned("communication_overhead", decision)[..., None]
        offload_rate = self.aligned("bandwidth", decision)[..., None] / overhead * np.where(positive, time, 0.0) * spectral
        offload_rate = np.where(np.isnan(time), np.nan, offload_rate)
        return np.where(decision == 1, offload_rate, local_rate)

    def per_user(self, decision: Array, allocation: FrameTimes) -> dict[str, Array]:
        """Return each user's weighted rate and rate in bit/s, and its harvested power in W, on average over the frame."""
        rates, harvest = self.rates(decision, allocation), np.asarray(allocation.harvest_time)[..., None]
        efficiency, power = self.aligned("harvesting_efficiency", decision), self.aligned("transmit_power", decision)
        harvested = efficiency * power[..., None] * self.aligned("channel_gain", decision) * harvest
        return {"weighted_rate": self.aligned("weight", decision) * rates, "rate": rates, "harvested_power": harvested}

    def violations(self, decision: Array, allocation: FrameTimes) -> dict[str, Array]:
        """Return by how much the times exceed the frame, and negative times, as fractions of the frame."""
        used = np.where(decision == 1, allocation.offload_time, 0.0)
        return {
            "frame": np.maximum(allocation.harvest_time + used.sum(axis=-1) - 1.0, 0.0),
            "time_sign": np.maximum(-np.minimum(allocation.harvest_time, used.min(axis=-1)), 0.0),
        }

    def bound(self, decision: Array, dual: TimePrice) -> Array:
        """Bound the rate of a mode from above by weak duality at any time price (negative ones count as 0)."""
        price = np.maximum(dual.time_price, 0.0)
        local, gain, worth = (self.aligned(part, decision) for part in shared(self.coefficients))
        earned = np.where(decision == 1, allocation.earning(gain, worth, price[..., None]), 0.0).sum(axis=-1)
        kept = np.where(decision == 1, 0.0, local).sum(axis=-1)
        return allocation.peak(kept, earned, price)

    def relaxed_bound(self, dual: TimePrice) -> Array:
        """Bound the rate of every mode from above by weak duality at any time price."""
        return exact.relaxation(self, np.maximum(dual.time_price, 0.0))

    def relaxed_dual(self) -> TimePrice:
        """Return the time price of the relaxation."""
        return TimePrice(time_price=exact.relaxation_price(self))

    def random_dual(self, rng: Generator, shape: tuple[int, ...]) -> TimePrice:
        """Draw time prices over four decades around a third of the all-local rate."""
        price = self.coefficients().local.sum(axis=-1) / 3.0
        price = price.reshape(price.shape + (1,) * (len(shape) - price.ndim))
        return TimePrice(time_price=price * 10.0 ** rng.uniform(-1.0, 3.0, shape))

    def closed_form(self, decision: Array) -> tuple[FrameTimes, TimePrice]:
        """Share the frame at the mode's time price."""
        return allocation.CLOSED_FORM(self, decision)

    def respond(self, decision: Array, dual: TimePrice) -> FrameTimes:
        """Return ``tau = g a / z(nu)`` with the harvesting time a that fills the frame."""
        return allocation.response(self, decision, np.asarray(dual.time_price, dtype=float))

    def responses(self, decision: Array) -> Responses:
        """Return what allocations answer to charges; see `mecopt.models.computation_rate.charged`."""
        return charged.responses(self, decision)

    def optimal_value(self, decision: Array) -> Array:
        """Return the best rate of each mode."""
        return exact.mode_rates(self, decision)

    def to_cvxpy(self, decision: ArrayLike) -> Any:
        """Return the inner problem of one mode as a `cvxpy.Problem`, the rate in Mbit/s.

        Its variables are ``harvest_time`` and ``offload_time`` (one entry per user, fractions of the frame). Add constraints
        by ``cvxpy.Problem(problem.objective, [*problem.constraints, ...])``.
        """
        return allocation.cvxpy_problem(self, self.decision_space.validate(decision, self.batch_shape))

    def to_pyomo(self) -> Any:
        """Return the whole problem as a Pyomo model with binary ``offload`` and convex constraints, in Mbit/s."""
        return exact.pyomo_model(self, 1e6)
