r"""Offloading of many users to many edge servers whose speed is shared: a sum of ratios that needs none of its cures.

User i computes its task of :math:`F_i` cycles itself (:math:`a_i = 0`) or uploads its :math:`D_i` bits to one server j
(:math:`a_i = j`), each pair of user and server on a band of its own:

.. math::
    \min_{a \in \{0..M\}^N,\, f, p} \sum_i w_i \tau_i \quad\text{s.t.}\quad
    \sum_{a_i = j} f_i \le F_j ,\; 0 \le p_i \le P_i ,

    \tau_i = \frac{F_i}{f^{loc}_i} \;\text{ where } a_i = 0, \qquad
    \tau_i = \frac{D_i}{B_i \log_2(1 + p_i h_{ij}/\sigma_j^2)} + \frac{F_i}{f_i} \;\text{ where } a_i = j .

Variable are the choices a, the servers' speeds f and the powers p. For fixed a every term is a constant over a positive
concave function, hence convex; p and f do not meet in any term, and full power is best. With :math:`s_i = \sqrt{w_i F_i}`,
:math:`b_{i0} = w_i F_i/f^{loc}_i` and :math:`b_{ij} = w_i D_i / r_{ij}(P_i)` the square-root rule leaves
:math:`V(a) = \sum_i b_{i,a_i} + \sum_j (\sum_{a_i=j} s_i)^2/F_j` (`mecopt.kernels.servers`). Binary offloading is the case
of one server.

Optional limits: a server admits at most :math:`m_j` users; a server's speed for a user lies in
:math:`[\underline f_i, \overline f_i]`; a latency may not exceed :math:`T_i`, which at full power is the lower bound
:math:`f_i \ge F_i/(T_i - D_i/r_{ij})`. Some decisions are then infeasible.

A user's own speed is the smaller of :math:`f^{L}_i` (`local_speed`) and what its processor may draw: by (8) it takes
:math:`\kappa_i f^{v_i}`, and (7) allows :math:`P^{loc}_i`, so :math:`f^{loc}_i = \min(f^L_i, (P^{loc}_i/\kappa_i)^{1/v_i})`.
Nothing else depends on :math:`\kappa`, v and :math:`P^{loc}`: energy is neither limited nor paid for. The paper's
:math:`\kappa = 10^{-27}`, v = 3 at 1 W allow the 1e9 cycle/s that it has in table I, and so change nothing there.

Weak duality with speed prices :math:`\mu_j \ge 0` and place prices :math:`\nu_j \ge 0`, where
:math:`\varphi_{ij}(\mu) = \min_f s_i^2/f + \mu f` over the speeds allowed (:math:`2 s_i \sqrt\mu` without bounds):

- for a fixed a: :math:`\sum_i b_{i,a_i} + \sum_{a_i = j} \varphi_{ij}(\mu_j) - \sum_j \mu_j F_j` bounds the cost from below,
- over all a: :math:`\sum_i \min(b_{i0}, \min_j b_{ij} + \varphi_{ij}(\mu_j) + \nu_j) - \sum_j (\mu_j F_j + \nu_j m_j)` does.

Reference: Jiang, Wang, Dong, Pan, Yang, "Stacked Auto Encoder Based Deep Reinforcement Learning for Online Resource
Scheduling in Large-Scale MEC Networks", IEEE Internet of Things Journal 7(10), 2020, equations (1)-(17). The paper's (2)
allows that a task is computed nowhere, and its optimum would be just that; here each task has exactly one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.backends.conic import Conic
from mecopt.backends.slsqp import Slsqp
from mecopt.charged.responses import Responses
from mecopt.contract.backend import Backend
from mecopt.contract.decision import OneOf
from mecopt.contract.derived import derived, of_data, once_a_call, shared
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import Quantity, quantity
from mecopt.contract.limits import AmountRule
from mecopt.contract.problem import Problem
from mecopt.contract.scenario import Reference, Scenario
from mecopt.contract.solver import Solver
from mecopt.models.multi_server_offloading import allocation, charged, exact, limits, reasons, terms
from mecopt.models.multi_server_offloading.scenarios import PRESETS
from mecopt.models.multi_server_offloading.variables import ServerPrices, SpeedAndPower
from mecopt.quantities.radio import POWER_GAIN, THERMAL_POWER
from mecopt.search import server_choice

if TYPE_CHECKING:
    from mecopt.kernels.servers import Servers

Array = NDArray[Any]

NO_CHOICE = "is no choice for a task with data"


@dataclass(frozen=True, kw_only=True, eq=False)
class MultiServerOffloading(Problem[SpeedAndPower, ServerPrices]):
    """Who offloads to which edge server, with which power and which part of the server's speed (paper 004).

    Minimises the weighted sum of latencies. See the module docstring for the formula, what is convex, and the bounds. A task
    that can never end where it is decided, without a link, a server or a processor, costs infinitely much at any weight, 0
    among them; a user of weight 0 whose choice exists may wait forever for nothing.

    Examples
    --------
    >>> import mecopt
    >>> problem = MultiServerOffloading(channel_gain=[[1e-7, 2e-8], [1e-8, 9e-8], [3e-9, 2e-9]], server_speed=[4e9, 3e9])
    >>> solution = mecopt.solve(problem)
    >>> solution.decision.tolist(), solution.status.name
    ([1, 2, 0], 'OPTIMAL')
    """

    channel_gain: Quantity = quantity(
        "1",
        "h",
        "power gain between a user and a server",
        per="user and server",
        zero=f"no link: the server {NO_CHOICE}",
        decibels=True,
        plausible=POWER_GAIN,
    )
    workload: Quantity = quantity("cycle", "F", "CPU cycles of a task", default=1e9, zero_allowed=True)
    data_size: Quantity = quantity("bit", "D", "data of a task", default=8e5, zero_allowed=True)
    weight: Quantity = quantity("1", "w", "weight of a user's latency", default=1.0, zero_allowed=True)
    bandwidth: Quantity = quantity(
        "Hz", "B", "bandwidth of a user's link", default=1e6, zero=f"sends nothing: any server {NO_CHOICE}"
    )
    max_power: Quantity = quantity(
        "W", "P", "a user's greatest transmit power", default=1.0, zero=f"sends nothing: any server {NO_CHOICE}"
    )
    noise_power: Quantity = quantity(
        "W", "sigma^2", "noise power at a server", per="server", default=1e-8, plausible=THERMAL_POWER
    )
    local_speed: Quantity = quantity(
        "cycle/s", "f^loc", "a user's own speed", default=1e9, zero="computes nothing: a task with work has to be offloaded"
    )
    server_speed: Quantity = quantity(
        "cycle/s", "F^MEC", "speed that a server's users share", per="server", default=5e10, zero="off: it admits nobody"
    )
    admission: Quantity = quantity(
        "1", "m", "users a server admits", per="server", default=np.inf, zero_allowed=True, unlimited=True
    )
    least_speed: Quantity = quantity(
        "cycle/s", "f^min", "least speed a server gives to a user it admits", default=0.0, zero_allowed=True
    )
    most_speed: Quantity = quantity(
        "cycle/s", "f^max", "greatest speed a server gives to a user", default=np.inf, unlimited=True
    )
    deadline: Quantity = quantity("s", "T", "greatest latency of a user's task", default=np.inf, unlimited=True)
    capacitance: Quantity = quantity(
        "W s^3/cycle^3",
        "kappa",
        "power of a user's own processor over its speed to the power of v, in the unit for v = 3; it counts beside "
        "max_local_power alone",
        default=0.0,
        zero_allowed=True,
        later=True,
    )
    power_exponent: Quantity = quantity("1", "v", "power of the speed in it", default=3.0, least=1.0, later=True)
    max_local_power: Quantity = quantity(
        "W",
        "P^loc",
        "greatest power of a user's own processor; the paper has P for it, too",
        default=np.inf,
        zero_allowed=True,
        unlimited=True,
        later=True,
    )
    distance: Quantity = quantity(
        "m",
        "R",
        "distance between a user and a server, for the solver 'nearest-server' alone; no limit: not known",
        per="user and server",
        default=np.inf,
        zero_allowed=True,
        unlimited=True,
        later=True,
        unread=True,
    )

    name: ClassVar[str] = "multi-server-offloading"
    summary: ClassVar[str] = "offloading of many users to many servers of shared speed (paper 004)"
    sense: ClassVar = "minimise"
    decision_summary: ClassVar[str] = "a number per user: 0 local, j server j"
    objective_name: ClassVar[str] = "weighted latency"
    objective_unit: ClassVar[str] = "s"
    user_units: ClassVar[Mapping[str, str]] = {"cost": "s", "delay": "s", "upload_energy": "J"}
    reference: ClassVar[Reference] = Reference(
        "Jiang, Wang, Dong, Pan, Yang: Stacked Auto Encoder Based Deep Reinforcement Learning for Online Resource "
        "Scheduling in Large-Scale MEC Networks, IEEE Internet of Things Journal 7(10), 2020",
        "(1)-(17)",
    )
    task_fields: ClassVar[tuple[str, ...]] = ("workload", "data_size")
    base_units: ClassVar[tuple[str, ...]] = ("cycle", "W", "s")
    separable: ClassVar[bool] = True
    compile_seconds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "exact": (4.0, 21.0),
        "closed-form": (4.0, 5.0),
        "all": (44.0, 44.0),
    }
    limitable: ClassVar[tuple[str, ...]] = ("server_speed", "transmit_power")
    not_limited: ClassVar[Mapping[str, str]] = {"latency": "it follows from speed and power"}
    Allocation: ClassVar = SpeedAndPower
    Dual: ClassVar = ServerPrices
    backends: ClassVar[Mapping[str, Backend]] = {
        backend.name: backend
        for backend in (
            allocation.CLOSED_FORM,
            Slsqp(allocation.smooth_program),
            *(Conic(solver, allocation.EPIGRAPH) for solver in ("CLARABEL", "ECOS", "SCS")),
            *(Conic(solver, allocation.JOINT, f"{solver.lower()}-joint") for solver in ("CLARABEL", "ECOS", "SCS")),
        )
    }
    solvers: ClassVar[Mapping[str, Solver]] = exact.SOLVERS
    presets: ClassVar[Mapping[str, Scenario]] = PRESETS

    def __post_init__(self) -> None:
        """Refuse more servers than a decision can name, least speeds above the greatest, and parts of places."""
        super().__post_init__()
        _ = self.decision_space
        crossed = np.argwhere(self.least_speed > self.most_speed)
        if crossed.size:
            index = tuple(int(i) for i in crossed[0])
            raise InstanceError(
                f"{type(self).__name__}.least_speed{list(index)} is {self.least_speed[index]}; allowed: at most most_speed, "
                f"which is {self.most_speed[index]} there"
            )
        broken = np.argwhere((self.admission < np.inf) & (self.admission != np.floor(self.admission)))
        if broken.size:
            index = tuple(int(i) for i in broken[0])
            raise InstanceError(
                f"{type(self).__name__}.admission{list(index)} is {self.admission[index]}; allowed: whole numbers of users"
            )

    @derived
    def servers(self) -> int:
        """The number of servers of each instance."""
        return self.sizes["servers"]

    @property
    def decision_space(self) -> OneOf:
        """One number per user: 0 local, j server j."""
        return OneOf(self.users, ("local", *(f"server {j + 1}" for j in range(self.servers))))

    # ------------------------------------------------------------------ terms

    def upload_time(self) -> Array:
        """Return the time to upload each task to each server at full power, ``(*batch, users, servers)`` s."""
        return terms.upload_time(self)

    def speed_bounds(self) -> tuple[Array, Array]:
        """Return the least and greatest speed of each pair, deadlines included; nan where no speed is fast enough."""
        return terms.speed_bounds(self)

    def choice_costs(self) -> Array:
        """Return b: the cost of each choice before waiting for the server, ``(*batch, users, 1 + servers)`` s."""
        return terms.choice_costs(self)

    def own_speed(self) -> Array:
        """Return the speed at which users compute themselves, by (6)-(8), ``(*batch, users)`` cycle/s."""
        return terms.own_speed(self)

    def local_costs(self) -> Array:
        """Return the cost of computing locally, ``(*batch, users)`` s; infinite where it takes forever or too long."""
        return terms.local_costs(self)

    @property
    def idle(self) -> Array:
        """Users to whom staying local costs nothing: without weight or work; see `Problem.idle`."""
        return self.local_costs() == 0.0

    @derived
    def bounded(self) -> Array:
        """Whether any share of a server's speed is bounded, by deadlines too, ``(*batch)``."""
        bounds = (self.least_speed > 0) | (self.most_speed < np.inf) | (self.deadline < np.inf)
        return np.asarray(bounds.any(axis=-1))

    @of_data
    def server_terms(self) -> Servers:
        """Return the terms of V; see `mecopt.kernels.servers`."""
        return terms.server_terms(self)

    # ------------------------------------------------------------------ the contract

    @once_a_call
    def latency(self, decision: Array, allocation: SpeedAndPower) -> Array:
        """Return the latency of every task at the given speeds and powers, equations (4)-(6) and (12), in s."""
        gain = terms.chosen(self, shared(terms.snr_per_watt, self), decision)
        size, work = self.aligned("data_size", decision), self.aligned("workload", decision)
        power, speed = allocation.transmit_power, allocation.server_speed
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            rate = self.aligned("bandwidth", decision) * np.log1p(np.maximum(power, 0.0) * gain) / np.log(2.0)
            upload = np.where(size > 0, size / rate, 0.0 * power)
            computing = np.where(work > 0, np.where(speed > 0, work / speed, np.inf), 0.0 * speed)
            local = np.where(work > 0, work / self.aligned(shared(terms.own_speed, self), decision), 0.0)
        computing = np.where(np.isnan(speed), np.nan, computing)
        return np.where(decision > 0, upload + computing, local)

    def objective(self, decision: Array, allocation: SpeedAndPower) -> Array:
        """Evaluate the paper's weighted sum of latencies, equation (13), in s.

        Parameters
        ----------
        decision
            a, shape ``(*batch, *candidates, users)``.
        allocation
            speeds and powers of the same shape, ignored for local users; its latencies are not used.
        """
        return np.asarray(self._costs(decision, self.latency(decision, allocation)).sum(axis=-1))

    def _costs(self, decision: Array, latency: Array) -> Array:
        """Return each user's weighted latency, infinite where its choice does not exist, whatever the weight."""
        weight = self.aligned("weight", decision)
        with np.errstate(invalid="ignore"):  # what waits forever at weight 0
            cost = np.where(weight > 0, weight * latency, 0.0 * weight)
        return np.where(self._never(decision), np.where(np.isnan(latency), np.nan, np.inf), cost)

    def _never(self, decision: Array) -> Array:
        """Whether a task cannot end where it is decided, whatever it is given: no link, no server, no processor."""
        alone, nothing = shared(terms.endless, self)
        return np.where(decision > 0, terms.chosen(self, nothing, decision), self.aligned(alone, decision))

    def per_user(self, decision: Array, allocation: SpeedAndPower) -> dict[str, Array]:
        """Return each user's weighted latency and latency in s, and the energy in J that its upload takes."""
        delay = self.latency(decision, allocation)
        size, away = self.aligned("data_size", decision), decision > 0
        gain = terms.chosen(self, terms.snr_per_watt(self), decision)
        sending = away & (size > 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = self.aligned("bandwidth", decision) * np.log1p(allocation.transmit_power * gain) / np.log(2.0)
            energy = np.where(sending, allocation.transmit_power * size / rate, 0.0)
        return {"cost": self._costs(decision, delay), "delay": delay, "upload_energy": energy}

    def violations(self, decision: Array, allocation: SpeedAndPower) -> dict[str, Array]:
        """Return how far speeds, powers, admissions and deadlines are exceeded, as parts of what is allowed.

        ``latency`` says how far the stated latencies are from those at the stated speeds and powers.
        """
        return limits.violations(self, decision, allocation)

    def infeasible(self, decision: Array) -> Array:
        """Whether a server's users do not fit, a choice misses a deadline at any speed, or there is no link to it."""
        return np.isinf(self.optimal_value(decision))

    def mended(self, decision: Array) -> Array:
        """Return decisions with the cheapest choice by itself for users to whom theirs is impossible."""
        return server_choice.mended(self, decision)

    def why_infeasible(self, decision: Array | None) -> str:
        """Name a user that fits nowhere, a missing link, places that are too few, or least speeds above a server's."""
        return reasons.why_none(self) if decision is None else reasons.why_not(self, decision)

    def bound(self, decision: Array, dual: ServerPrices) -> Array:
        """Bound the cost of a decision from below by weak duality at any speed prices (negative ones count as 0)."""
        return allocation.fixed_bound(self, decision, np.maximum(dual.speed_price, 0.0))

    def relaxed_bound(self, dual: ServerPrices) -> Array:
        """Bound the cost of every decision from below by weak duality at any prices (negative ones count as 0)."""
        return allocation.relaxed_bound(self, np.maximum(dual.speed_price, 0.0), np.maximum(dual.place_price, 0.0))

    def relaxed_dual(self) -> ServerPrices:
        """Return the prices of the relaxation; see `mecopt.search.server_prices`."""
        return ServerPrices(*server_choice.relaxed_prices(self))

    def random_dual(self, rng: Generator, shape: tuple[int, ...]) -> ServerPrices:
        """Draw speed prices over four decades around those when all offload, and place prices where places are limited."""
        speed = self.server_speed.sum(axis=-1, keepdims=True)
        full = np.sqrt(self.weight * self.workload).sum(axis=-1, keepdims=True) / np.where(speed > 0, speed, 1.0)
        full = full.reshape(self.batch_shape + (1,) * (len(shape) - len(self.batch_shape)) + (1,))
        size = (*shape, self.servers)
        places = np.where(self.aligned("admission", np.empty((*shape, 1))) < np.inf, rng.uniform(0.0, 1.0, size), 0.0)
        return ServerPrices(full**2 * 10.0 ** rng.uniform(-2.0, 2.0, size), places)

    def closed_form(self, decision: Array) -> tuple[SpeedAndPower, ServerPrices]:
        """Share each server's speed by the square-root rule, at full power."""
        return allocation.CLOSED_FORM(self, decision)

    def respond(self, decision: Array, dual: ServerPrices) -> SpeedAndPower:
        """Return the speeds ``s / sqrt(mu)`` within their bounds, drawn towards the least ones until they fit.

        Without bounds they are scaled to the capacity, and the price cancels: any price is answered by the best shares.
        """
        return allocation.respond(self, decision, np.maximum(dual.speed_price, 0.0))

    def responses(self, decision: Array) -> Responses:
        """Return what allocations answer to charges; see `mecopt.models.multi_server_offloading.charged`."""
        return charged.responses(self, decision)

    def require_limitable(self, rule: AmountRule, numbers: Mapping[str, Array]) -> None:
        """Refuse limits on powers beside deadlines."""
        charged.require_limitable(self, rule)

    def optimal_value(self, decision: Array) -> Array:
        """Return the least cost of each decision, without computing its allocation; infinite where it is infeasible."""
        return server_choice.decision_costs(self, decision)

    def scorer(self) -> Callable[[Array], Array]:
        """Return `optimal_value` with the terms of the servers taken once."""
        return server_choice.scorer(self)

    def move_values(self, decision: Array) -> Array:
        """Return the least cost after each single move, in O(users choices) an instance where no speed is bounded."""
        return server_choice.move_costs(self, decision)

    def to_cvxpy(self, decision: ArrayLike) -> Any:
        """Return the inner problem of one decision as a `cvxpy.Problem` in powers and speeds, the cost in s.

        Its variables ``power_fraction`` and ``speed_fraction`` are the parts of the user's greatest power and of its
        server's speed, one per user; both 0 for local users.
        """
        return allocation.cvxpy_problem(self, self.decision_space.validate(decision, self.batch_shape))

    def paper_variables(self, decision: Array, program: Any) -> Mapping[str, Any]:
        """Return speeds in cycle/s and powers in W, which the program has as parts of what there is."""
        return allocation.paper_variables(self, decision, program)

    def to_pyomo(self) -> Any:
        """Return the whole problem as a Pyomo model; see `mecopt.search.server_choice.pyomo_model`."""
        return server_choice.pyomo_model(self)
