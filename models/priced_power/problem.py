r"""Offloading where energy has a price and a budget and powers meet in one limit: ratios that are not convex in the power.

User i computes its task locally at a fixed cost (:math:`x_i = 0`) or uploads its :math:`D_i` bits on a band of its own
(:math:`x_i = 1`), each second of which costs :math:`1 + \alpha_i p_i`:

.. math::
    \min_{x \in \{0,1\}^N,\, p} \; & \sum_{x_i=0} L_i + \sum_{x_i=1} w_i \left( S_i +
    \frac{D_i}{r_i(p_i)} (1 + \alpha_i p_i) \right), \qquad r_i = B_i \log_2(1 + h_i p_i/\sigma^2), \\
    \text{s.t.}\quad & 0 \le p_i \le P_i, \qquad p_i D_i/r_i(p_i) \le E_i, \qquad \sum_{x_i=1} G_i p_i \le I .

Variable are the modes x and the powers p. The limit I couples the users: interference at a neighbouring station, or, with
G = 1, a shared supply. An affine over a concave function is quasiconvex at best, and for :math:`\alpha p` above 1 the terms
need not be convex. But in the time :math:`t = D/r`, with :math:`g = h/\sigma^2`, everything is:

.. math:: p(t) = \frac{e^{d/t} - 1}{g}, \qquad \mathrm{energy}(t) = t\,p(t) = \frac{t\,(e^{d/t} - 1)}{g}, \qquad
   d = \frac{D \ln 2}{B} ,

the second a perspective of the exponential; and so it is in the efficiency :math:`u = d/t`. The energy falls in t towards
:math:`d/g`: the budget is a bound on t, and a user with :math:`E_i \le d_i/g_i` cannot offload. Power and budget together
say :math:`u_i \le U_i`. At a price :math:`\mu \ge 0` of interference a user that offloads pays
:math:`v_i(\mu) = w_i S_i + \min_{0 < u \le U_i} w_i d_i (1 + \alpha_i p)/u + \mu G_i p` with :math:`p = (e^u - 1)/g_i`, and

- for fixed modes :math:`\sum_{x_i=0} L_i + \sum_{x_i=1} v_i(\mu) - \mu I` bounds the cost from below, and is tight at the
  best price,
- over all modes :math:`\sum_i \min(L_i, v_i(\mu)) - \mu I` does.

A generalisation of the problem of paper 004 (Jiang, Wang, Dong, Pan, Yang, IEEE Internet of Things Journal 7(10), 2020),
which calls its sum of ratios non-convex: there, without a price of energy, it is convex. Here it is not, and is solved
exactly all the same.
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
from mecopt.contract.derived import of_data, once_a_call, shared
from mecopt.contract.fields import Quantity, quantity
from mecopt.contract.limits import AmountRule
from mecopt.contract.problem import Problem
from mecopt.contract.scaling import quotient
from mecopt.contract.scenario import Reference, Scenario
from mecopt.contract.solver import Solver
from mecopt.models.priced_power import allocation, charged, conic, exact, scenarios
from mecopt.models.priced_power.ratios import JONG, TRANSFORM
from mecopt.models.priced_power.variables import InterferencePrice, TransmitPower
from mecopt.quantities.radio import POWER_GAIN, THERMAL_POWER

Array = NDArray[Any]


NO_LINK = "sends nothing: a task with data is not offloaded"


class PowerCoefficients(NamedTuple):
    """What the mathematics needs of each user, shape ``(*batch, users)``."""

    local: Array
    """L: cost of computing locally, s."""
    fixed: Array
    """w S: cost of offloading that no power changes, s."""
    work: Array
    """w d: cost of uploading at one nat per second and hertz without a price of energy, s; 0 where nothing is uploaded."""
    energy: Array
    """alpha / g: energy price over the signal-to-noise ratio per watt, dimensionless."""
    part: Array
    """G / (g I): part of the interference limit per unit of signal-to-noise ratio; 0 where there is no limit."""
    cap: Array
    """U: greatest spectral efficiency that power and budget allow, in nats; 0 where nothing can carry the task."""
    snr: Array
    """g = h / sigma^2: signal-to-noise ratio per watt."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PricedPower(Problem[TransmitPower, InterferencePrice]):
    """Who offloads, and with which power, where energy is priced and limited and interference is shared.

    Minimises the weighted sum of latencies and priced energies. See the module docstring for the formula, what is convex,
    and the bounds. An upload that can never end, without a link, a budget that carries it or any interference that is
    tolerated, costs infinitely much at any weight, 0 among them: no power that is allowed ends it. Where some power does, a
    user of weight 0 may wait forever for nothing, since lower and lower powers cost it nothing.

    Examples
    --------
    >>> import mecopt
    >>> problem = PricedPower(channel_gain=[4e-7, 2e-8, 9e-9], interference_limit=1e-9, energy_budget=1.0)
    >>> solution = mecopt.solve(problem)
    >>> solution.decision.tolist(), solution.status.name
    ([1, 1, 0], 'OPTIMAL')
    """

    channel_gain: Quantity = quantity(
        "1", "h", "power gain between user and station", zero=NO_LINK, decibels=True, plausible=POWER_GAIN
    )
    data_size: Quantity = quantity(
        "bit", "D", "data of a task", default=8e5, zero="nothing to send: offloading needs neither link nor power"
    )
    bandwidth: Quantity = quantity("Hz", "B", "bandwidth of a user's link", default=1e6, zero=NO_LINK)
    max_power: Quantity = quantity("W", "P", "a user's greatest transmit power", default=1.0, zero=NO_LINK)
    noise_power: Quantity = quantity(
        "W", "sigma^2", "noise power at the station", per="instance", default=1e-8, plausible=THERMAL_POWER
    )
    weight: Quantity = quantity(
        "1",
        "w",
        "weight of a user's latency and energy",
        default=1.0,
        zero="offloading costs nothing where any power may be",
    )
    energy_price: Quantity = quantity("1/W", "alpha", "latency that a joule is worth", default=10.0, zero_allowed=True)
    energy_budget: Quantity = quantity("J", "E", "energy a user may send with", default=np.inf, zero=NO_LINK, unlimited=True)
    interference_gain: Quantity = quantity(
        "1",
        "G",
        "what a user's power counts in the limit: its gain to a neighbour",
        default=4e-9,
        zero_allowed=True,
        decibels=True,
    )
    interference_limit: Quantity = quantity(
        "W",
        "I",
        "tolerated interference",
        per="instance",
        default=np.inf,
        zero="who interferes sends nothing",
        unlimited=True,
    )
    local_cost: Quantity = quantity(
        "s", "L", "weighted latency and energy of local computing", default=scenarios.local_cost(10.0), zero_allowed=True
    )
    server_time: Quantity = quantity("s", "S", "time at the server", default=0.0, zero_allowed=True)

    name: ClassVar[str] = "priced-power"
    summary: ClassVar[str] = "offloading with priced and limited energy under shared interference (beyond paper 004)"
    sense: ClassVar = "minimise"
    decision_summary: ClassVar[str] = "one bit per user: local or offload"
    objective_name: ClassVar[str] = "weighted latency and energy"
    objective_unit: ClassVar[str] = "s"
    user_units: ClassVar[Mapping[str, str]] = {"cost": "s", "delay": "s", "upload_energy": "J"}
    reference: ClassVar[Reference] = Reference(
        "ours, after Jiang, Wang, Dong, Pan, Yang: Stacked Auto Encoder Based Deep Reinforcement Learning for Online "
        "Resource Scheduling in Large-Scale MEC Networks, IEEE Internet of Things Journal 7(10), 2020 (paper 004)",
        "(1)-(5), with a price and a budget of energy and a coupling of powers",
    )
    base_units: ClassVar[tuple[str, ...]] = ("s", "W")
    separable: ClassVar[bool] = True
    compile_seconds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "exact": (10.0, 12.0),
        "closed-form": (1.7, 1.7),
        "all": (15.0, 15.0),
    }
    limitable: ClassVar[tuple[str, ...]] = ("transmit_power",)
    Allocation: ClassVar = TransmitPower
    Dual: ClassVar = InterferencePrice
    backends: ClassVar[Mapping[str, Backend]] = {
        backend.name: backend
        for backend in (
            allocation.CLOSED_FORM,
            Slsqp(allocation.smooth_program),
            *(Conic(solver, conic.CONIC) for solver in ("CLARABEL", "ECOS", "SCS")),
            JONG,
            TRANSFORM,
        )
    }
    solvers: ClassVar[Mapping[str, Solver]] = exact.SOLVERS
    presets: ClassVar[Mapping[str, Scenario]] = scenarios.PRESETS

    @property
    def decision_space(self) -> Binary:
        """One bit per user."""
        return Binary(self.users)

    @of_data
    def coefficients(self) -> PowerCoefficients:
        """Return what the mathematics needs of every user."""
        from mecopt.kernels.error_free import efficiencies_within

        noise, limit = self.noise_power[..., None], self.interference_limit[..., None]
        snr = self.channel_gain / noise
        least_time = quotient(self.data_size * np.log(2.0), self.bandwidth)
        with np.errstate(all="ignore"):  # a quotient of floats would tell budgets near the least energy from it by rounding
            within = efficiencies_within(self.energy_budget, self.channel_gain, self.bandwidth, self.data_size, noise)
            cap = np.minimum(np.log1p(snr * self.max_power), within)
            energy, part = self.energy_price / snr, self.interference_gain / snr / limit
        # what has no data needs no link, any cap will do; who may not interfere and would has none
        cap = np.where((least_time < np.inf) & ((limit > 0) | (self.interference_gain == 0)), cap, 0.0)
        cap = np.where(self.data_size > 0, cap, 1.0)
        sends = (cap > 0) & (self.weight * self.data_size > 0)
        return PowerCoefficients(
            local=self.local_cost,
            fixed=self.weight * self.server_time,
            work=self.weight * np.where(sends, least_time, 0.0),
            energy=np.where(sends, energy, 0.0),
            part=np.where(sends & (self.interference_gain > 0), part, 0.0),
            cap=cap,
            snr=snr,
        )

    @property
    def idle(self) -> Array:
        """Users to whom staying local costs nothing; see `Problem.idle`."""
        return self.local_cost == 0.0

    def infeasible(self, decision: Array) -> Array:
        """Whether somebody offloads who sends nothing, or whose energy budget cannot carry its task at any rate."""
        cap = self.aligned(shared(self.coefficients).cap, decision)
        return np.asarray(((decision == 1) & (cap <= 0)).any(axis=-1))

    def mended(self, decision: Array) -> Array:
        """Return decisions with those left local who cannot offload."""
        return np.where(self.aligned(self.coefficients().cap, decision) > 0, decision, np.int8(0))

    def why_infeasible(self, decision: Array | None) -> str:
        """Name the user whose task cannot be carried, and the field that says so."""
        i = int(np.flatnonzero((decision == 1) & (self.coefficients().cap <= 0))[0])
        names = ("channel_gain", "bandwidth", "max_power", "energy_budget")
        zero = [f"{name}[{i}]" for name in names if self.data()[name][i] == 0.0]
        if not zero and self.interference_limit == 0.0:
            return f"user {i} cannot offload: interference_limit is 0, and its interference_gain is not"
        return f"user {i} cannot offload: {f'{zero[0]} is 0' if zero else 'its energy_budget cannot carry its data'}"

    def objective(self, decision: Array, allocation: TransmitPower) -> Array:
        """Evaluate the cost in s: local costs, and for who offloads time at the server, upload time and priced energy.

        Parameters
        ----------
        decision
            x, shape ``(*batch, *candidates, users)``.
        allocation
            p of the same shape, in W; entries of local users do not count.
        """
        return np.asarray(self._costs(decision, allocation).sum(axis=-1))

    def _costs(self, decision: Array, allocation: TransmitPower) -> Array:
        """Return each user's cost; an upload that no power ends costs infinitely much whatever the weight."""
        time, weight = self.upload_time(decision, allocation), self.aligned("weight", decision)
        forever, never = time == np.inf, self.aligned(shared(self.coefficients).cap, decision) <= 0
        time = np.where((weight == 0.0) & forever, 0.0, time)  # forever, which is nobody's concern where there is a link
        priced = time * (1.0 + self.aligned("energy_price", decision) * allocation.transmit_power)
        offloaded = np.where(forever & never, np.inf, weight * (self.aligned("server_time", decision) + priced))
        return np.where(decision == 1, offloaded, self.aligned("local_cost", decision))

    @once_a_call
    def upload_time(self, decision: Array, allocation: TransmitPower) -> Array:
        """Return D / r of every user that offloads in s, infinite at a power of 0; 0 for local users."""
        snr = self.aligned("channel_gain", decision) / self.aligned("noise_power", decision)[..., None]
        with np.errstate(invalid="ignore", divide="ignore"):  # a power of 0 takes for ever, a negative one is a violation
            rate = self.aligned("bandwidth", decision) * np.log1p(snr * allocation.transmit_power) / np.log(2.0)
            return np.asarray(np.where(decision == 1, quotient(self.aligned("data_size", decision), rate), 0.0))

    def per_user(self, decision: Array, allocation: TransmitPower) -> dict[str, Array]:
        """Return each user's cost in s, its delay in s and its energy in J; the local cost is one number, not told apart."""
        away, time = decision == 1, self.upload_time(decision, allocation)
        with np.errstate(invalid="ignore"):  # 0 W for ever
            energy = np.where(away, time * np.where(away, allocation.transmit_power, 0.0), 0.0)
        delay = np.where(away, time + self.aligned("server_time", decision), np.nan)
        return {"cost": self._costs(decision, allocation), "delay": delay, "upload_energy": energy}

    def violations(self, decision: Array, allocation: TransmitPower) -> dict[str, Array]:
        """Return by how much powers, energies and interference exceed their limits, relative to these."""
        power = np.where(decision == 1, allocation.transmit_power, 0.0)
        with np.errstate(invalid="ignore"):
            energy = np.where(decision == 1, power * self.upload_time(decision, allocation), 0.0)
        # what does not send spends nothing; that it takes forever shows in the objective
        spent = quotient(np.where(power == 0.0, 0.0, energy), self.aligned("energy_budget", decision))
        relative = quotient(power, self.aligned("max_power", decision))
        caused = (self.aligned("interference_gain", decision) * power).sum(axis=-1)
        return {
            "power": np.maximum(relative.max(axis=-1) - 1.0, 0.0),
            "power_sign": np.maximum(-relative.min(axis=-1), 0.0),
            "energy": np.maximum(spent.max(axis=-1) - 1.0, 0.0),
            "interference": np.maximum(quotient(caused, self.aligned("interference_limit", decision)) - 1.0, 0.0),
        }

    def bound(self, decision: Array, dual: InterferencePrice) -> Array:
        """Bound the cost of a decision from below by weak duality at any price (negative ones count as 0)."""
        price = allocation.whole_price(self, decision, dual)
        offloaded = allocation.offloading_costs(self, decision, price)
        return np.asarray(np.where(decision == 1, offloaded, self.aligned("local_cost", decision)).sum(axis=-1) - price)

    def relaxed_bound(self, dual: InterferencePrice) -> Array:
        """Bound the cost of every decision from below by weak duality at any price."""
        anyone = np.ones((*self.batch_shape, self.users), dtype=np.int8)
        price = allocation.whole_price(self, anyone, dual)
        return np.asarray(np.minimum(self.local_cost, allocation.offloading_costs(self, anyone, price)).sum(axis=-1) - price)

    def relaxed_dual(self) -> InterferencePrice:
        """Return the price of the relaxation."""
        return InterferencePrice(interference_price=quotient(exact.relaxation_price(self), self.interference_limit))

    def random_dual(self, rng: Generator, shape: tuple[int, ...]) -> InterferencePrice:
        """Draw prices over four decades around the one at which all fill the limit at low power; any where there is none."""
        c = self.coefficients()
        price = quotient(np.sqrt(c.work * c.part).sum(axis=-1) ** 2, self.interference_limit)
        price = np.where(price > 0, price, 1.0).reshape(price.shape + (1,) * (len(shape) - price.ndim))
        return InterferencePrice(interference_price=price * 10.0 ** rng.uniform(-3.0, 1.0, shape))

    def closed_form(self, decision: Array) -> tuple[TransmitPower, InterferencePrice]:
        """Return the powers at the decision's price of interference; nan where it is infeasible."""
        return allocation.CLOSED_FORM(self, decision)

    def respond(self, decision: Array, dual: InterferencePrice) -> TransmitPower:
        """Return the power of least priced cost for every user, all lowered alike where they exceed the limit."""
        return allocation.response(self, decision, dual)

    def responses(self, decision: Array) -> Responses:
        """Return what allocations answer to charges; see `mecopt.models.priced_power.charged`."""
        return charged.responses(self, decision)

    def require_limitable(self, rule: AmountRule, numbers: Mapping[str, Array]) -> None:
        """Refuse limits on powers that ask for more."""
        charged.require_limitable(rule, numbers)

    def optimal_value(self, decision: Array) -> Array:
        """Return the least cost of each decision."""
        return exact.decision_costs(self, decision)

    def to_cvxpy(self, decision: ArrayLike) -> Any:
        """Return the inner problem of one decision as a `cvxpy.Problem`, the cost in s.

        Its variables are ``upload_time`` (s), ``energy`` (J) and ``transmit_power`` (W), one entry per user; energy and
        power are at least what the time needs. Add constraints by
        ``cvxpy.Problem(problem.objective, [*problem.constraints, ...])``.
        """
        return allocation.cvxpy_problem(self, self.decision_space.validate(decision, self.batch_shape))

    def to_pyomo(self) -> Any:
        """Return the whole problem as a Pyomo model with binary ``offload`` and convex constraints, in s."""
        return exact.pyomo_model(self, 1.0)
