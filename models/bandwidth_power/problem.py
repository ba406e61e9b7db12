r"""Joint bandwidth and power: who uploads over one shared band, on which part of it, and with which power.

Users that offload divide the band of one access point; each has a power cap and an energy budget for its upload:

.. math::
    \min_{x \in \{0,1\}^N,\, b, p \ge 0} \sum_{x_i=0} w_i T_i + \sum_{x_i=1} w_i \left(\frac{D_i}{r_i} + t_i\right)
    \quad\text{s.t.}\quad \sum_{x_i=1} b_i \le B ,\quad p_i \le P_i ,\quad p_i \frac{D_i}{r_i} \le E_i ,
    \qquad r_i = b_i \log_2\!\left(1 + \frac{h_i p_i}{N_0 b_i}\right) .

Variable are the decisions x, the bands b and the powers p. For fixed x the problem is convex as it stands: r is the
perspective of a logarithm, so jointly concave in (b, p), and positive; hence :math:`D/r` is convex, and so is the budget,
:math:`p D - E r \le 0`.

The energy :math:`D N_0 \chi / (h \log_2(1 + \chi))` depends on the SNR :math:`\chi = h p/(N_0 b)` alone and increases, from
:math:`D N_0 \ln 2 / h`. A user whose budget is not above that cannot offload. For all others the budget caps the SNR, that
is the spectral efficiency :math:`\ln(1+\chi) \le u^E`, and more power is never worse up to both caps. So on a band b a user
reaches :math:`R_i(b) = b \min(u^E_i, \ln(1 + g_i/b))` nats per second, :math:`g_i = h_i P_i/N_0`, and takes the weighted
time :math:`c_i/R_i(b)`, :math:`c_i = w_i D_i \ln 2`. R is concave and increases, so one price settles it: with
:math:`v_i(\beta) = \min_b c_i/R_i(b) + \beta b`, for ANY price :math:`\beta \ge 0` of bandwidth

- for a fixed decision :math:`\sum_{x_i=0} w_i T_i + \sum_{x_i=1} (w_i t_i + v_i(\beta)) - \beta B` bounds the cost,
- over all decisions :math:`\sum_i \min(w_i T_i, w_i t_i + v_i(\beta)) - \beta B` does,

both from below.

The problem is ours: the system of paper 004, its links of fixed bandwidth replaced by one shared band, with energy budgets.
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
from mecopt.contract.fields import ABSENT, Quantity, quantity
from mecopt.contract.problem import Problem
from mecopt.contract.scaling import below_zero, quotient
from mecopt.contract.scenario import Reference, Scenario
from mecopt.contract.solver import Solver
from mecopt.models.bandwidth_power import allocation, charged, exact
from mecopt.models.bandwidth_power.variables import BandwidthPrice, Transmission
from mecopt.quantities.radio import POWER_GAIN, THERMAL_DENSITY, rayleigh_amplitude, reference_gain

Array = NDArray[Any]

LN2 = float(np.log(2.0))

NO_LINK = "sends nothing: a task with data is not offloaded"

REFERENCE_GAIN = 1e-5
"""Power gain at 1 m; with 1 W and `NOISE_DENSITY` over 1 MHz a signal-to-noise ratio of 30 dB, all that matters of them."""
NOISE_DENSITY = 1e-14
"""W/Hz."""
BANDWIDTH_PER_USER = 1e6
"""Hz."""


class Terms(NamedTuple):
    """What the mathematics needs of each user, shape ``(*batch, users)``."""

    local: Array
    """w T: weighted time of computing locally, s."""
    server: Array
    """w t: weighted time on the server, s."""
    work: Array
    """c = w D ln 2: weighted nats to upload; they take c / R."""
    reach: Array
    """g = h P / N0: nats per second at full power on an endless band, Hz."""
    ceiling: Array
    """u^E: the efficiency that the energy budget allows, nats per second and hertz; 0 where it carries nothing."""


def _gains(rng: Generator, shape: tuple[int, ...]) -> Array:
    """Draw power gains of users in a square of 50 m x 50 m, the access point at its centre."""
    distance = np.linalg.norm(rng.uniform(-25.0, 25.0, (*shape, 2)), axis=-1)
    return np.asarray(rayleigh_amplitude(rng, shape) * reference_gain(distance, REFERENCE_GAIN))


def _draw_paper(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    return {"channel_gain": _gains(rng, shape), "bandwidth": np.full(shape[:-1], BANDWIDTH_PER_USER * shape[-1])}


def _draw_heterogeneous(rng: Generator, shape: tuple[int, ...]) -> Mapping[str, ArrayLike]:
    gain, data_size = _gains(rng, shape), rng.uniform(4e5, 12e5, shape)
    least_energy = data_size * LN2 * NOISE_DENSITY / gain
    return {
        "channel_gain": gain,
        "data_size": data_size,
        "weight": rng.uniform(0.5, 1.5, shape),
        "local_time": rng.uniform(0.5, 1.5, shape),
        "server_time": rng.uniform(0.01, 0.05, shape),
        "max_power": rng.uniform(0.5, 1.5, shape),
        "energy_budget": least_energy * 10.0 ** rng.uniform(-0.1, 0.9, shape),
        "bandwidth": np.full(shape[:-1], BANDWIDTH_PER_USER * shape[-1]),
    }


_PAPER = {
    "channel_gain": "paper 004, section III: h = beta0 l / R^2 with users uniform in 50 m x 50 m; ours, where the paper is "
    "silent: one access point at the centre, l a Rayleigh amplitude with E l^2 = 1, R at least 1 m, beta0 = 1e-5",
    "data_size": "paper 004, table I: 100 kB",
    "weight": "ours: 1, the paper is silent",
    "local_time": "paper 004, table I: 1e9 cycles at 1e9 cycles/s",
    "server_time": "paper 004, table I: 1e9 cycles at 50e9 cycles/s; ours: the whole server for each, so that only the band "
    "is scarce",
    "max_power": "ours: 1 W, the paper is silent",
    "energy_budget": "ours: unlimited, since the paper caps powers only",
    "noise_density": "ours: 1e-14 W/Hz, which over the paper's 1 MHz makes 30 dB at 1 m and full power, a value that fits "
    "its results",
    "bandwidth": "paper 004, table I: 1 MHz a user; ours: shared, so 10 MHz for 10 users",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class BandwidthPower(Problem[Transmission, BandwidthPrice]):
    """Who uploads over a shared band, on which part of it and with which power (ours, after paper 004).

    Minimises the weighted sum of latencies. See the module docstring for the formula, what is convex, and the bounds. An
    upload that can never end, without a link, a band or a budget that carries it, costs infinitely much at any weight, 0
    among them; over a link that exists a user of weight 0 may wait forever for nothing.

    Examples
    --------
    >>> import mecopt
    >>> problem = BandwidthPower(channel_gain=[2e-8, 9e-8, 1e-9], bandwidth=2e6, energy_budget=[0.4, 0.2, 0.4])
    >>> solution = mecopt.solve(problem)
    >>> solution.decision.tolist(), float(solution.objective.round(6)), solution.status.name
    ([1, 1, 0], 2.045086, 'OPTIMAL')
    >>> problem.infeasible(solution.decision | 1)  # the third user's budget carries nothing over its channel
    array(True)
    """

    channel_gain: Quantity = quantity(
        "1", "h", "power gain from user to access point", zero=NO_LINK, decibels=True, plausible=POWER_GAIN
    )
    data_size: Quantity = quantity(
        "bit", "D", "task data of a user", default=8e5, zero="nothing to send: offloading needs neither link nor band"
    )
    weight: Quantity = quantity("1", "w", "weight of a user's latency", default=1.0, zero=ABSENT)
    local_time: Quantity = quantity(
        "s", "T", "time to compute a task locally", default=1.0, zero="the task stays local, where it takes no time"
    )
    server_time: Quantity = quantity("s", "t", "time to compute a task on the server", default=0.02, zero_allowed=True)
    max_power: Quantity = quantity("W", "P", "greatest transmit power of a user", default=1.0, zero=NO_LINK)
    energy_budget: Quantity = quantity(
        "J", "E", "most energy a user spends on its upload", default=np.inf, zero=NO_LINK, unlimited=True
    )
    noise_density: Quantity = quantity(
        "J", "N0", "noise power per hertz", per="instance", default=NOISE_DENSITY, decibels=True, plausible=THERMAL_DENSITY
    )
    bandwidth: Quantity = quantity(
        "Hz", "B", "band that all uploads share", per="instance", default=1e7, zero="no task with data is offloaded"
    )

    name: ClassVar[str] = "bandwidth-power"
    summary: ClassVar[str] = "binary offloading over a shared band, with power caps and energy budgets"
    sense: ClassVar = "minimise"
    decision_summary: ClassVar[str] = "one bit per user: local or offload"
    objective_name: ClassVar[str] = "latency"
    objective_unit: ClassVar[str] = "s"
    user_units: ClassVar[Mapping[str, str]] = {"cost": "s", "delay": "s", "upload_energy": "J"}
    reference: ClassVar[Reference] = Reference(
        "ours: the system of paper 004, its links of fixed bandwidth replaced by one shared band, with energy budgets",
        "after (1)-(9)",
    )
    base_units: ClassVar[tuple[str, ...]] = ("s", "W")
    separable: ClassVar[bool] = True
    compile_seconds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "exact": (15.0, 15.0),
        "closed-form": (3.6, 3.6),
        "all": (18.0, 18.0),
    }
    limitable: ClassVar[tuple[str, ...]] = ("band", "power")
    Allocation: ClassVar = Transmission
    Dual: ClassVar = BandwidthPrice
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
        "paper": Scenario("the radio of paper 004, its bands shared, no energy budgets", _PAPER, _draw_paper),
        "heterogeneous": Scenario(
            "users that differ in everything; energy budgets that bind, and some that carry nothing",
            {
                **_PAPER,
                **dict.fromkeys(
                    ("data_size", "weight", "local_time", "server_time", "max_power"),
                    "ours: uniform around the other preset's value",
                ),
                "energy_budget": "ours: log-uniform on 0.8 to 8 times the least energy that carries the task over this "
                "channel, so that some budgets bind and a tenth carry nothing",
            },
            _draw_heterogeneous,
        ),
    }

    @property
    def decision_space(self) -> Binary:
        """One bit per user."""
        return Binary(self.users)

    @of_data
    def terms(self) -> Terms:
        """Return the two fixed times, c, g and u^E of every user."""
        from mecopt.kernels.error_free import efficiencies_within

        noise = self.noise_density[..., None]
        reach = self.channel_gain * self.max_power / noise
        with np.errstate(all="ignore"):  # a quotient of floats would tell budgets near the least energy from it by rounding
            ceiling = efficiencies_within(self.energy_budget, self.channel_gain, 1.0, self.data_size, noise)
        # without power, channel or band nothing is carried; what has no data needs none of them
        ceiling = np.where((reach > 0) & (self.bandwidth[..., None] > 0), ceiling, 0.0)
        return Terms(
            self.weight * self.local_time,
            self.weight * self.server_time,
            self.weight * self.data_size * LN2,
            reach,
            np.where(self.data_size > 0, ceiling, np.inf),
        )

    def objective(self, decision: Array, allocation: Transmission) -> Array:
        """Evaluate the weighted sum of latencies in s, Shannon's rate spelled out.

        Parameters
        ----------
        decision
            x, shape ``(*batch, *candidates, users)``.
        allocation
            b in Hz and p in W, same shape; ignored for local users. Without band or power an upload takes forever.
        """
        size, rate = self.aligned("data_size", decision), self._rate(decision, allocation)
        uploading = quotient(size, np.where(rate <= 0.0, 0.0, rate))
        there, here = uploading + self.aligned("server_time", decision), self.aligned("local_time", decision)
        return np.asarray(self._costs(decision, np.where(decision == 1, there, here)).sum(axis=-1))

    def _costs(self, decision: Array, latency: Array) -> Array:
        """Return each user's weighted latency; an upload that no band ends costs infinitely much whatever the weight."""
        weight, forever = self.aligned("weight", decision), latency == np.inf
        never = forever & (decision == 1) & (self.aligned(shared(self.terms).ceiling, decision) <= 0.0)
        waits = (weight == 0.0) & forever  # forever, which is nobody's concern where there is a link
        return np.where(never, np.inf, weight * np.where(waits, 0.0, latency))

    @once_a_call
    def _rate(self, decision: Array, allocation: Transmission) -> Array:
        """Return r in bit/s, 0 on no band, nan where band or power is none or negative."""
        band = np.where(decision == 1, allocation.band, 0.0)
        some = band > 0
        noise = self.aligned("noise_density", decision)[..., None] * np.where(some, band, 1.0)
        with np.errstate(invalid="ignore"):  # a negative power is reported as a violation
            spectral = np.log1p(self.aligned("channel_gain", decision) * allocation.power / noise) / LN2
        return np.where(some | np.isnan(band), band * spectral, 0.0)

    def per_user(self, decision: Array, allocation: Transmission) -> dict[str, Array]:
        """Return each user's weighted latency and latency in s, and the energy in J that its upload takes."""
        away, size, rate = decision == 1, self.aligned("data_size", decision), self._rate(decision, allocation)
        with np.errstate(divide="ignore", invalid="ignore"):
            uploading = quotient(size, np.where(rate <= 0.0, 0.0, rate))
            energy = np.where(away, allocation.power * uploading, 0.0)
        there, here = uploading + self.aligned("server_time", decision), self.aligned("local_time", decision)
        delay = np.where(away, there, here)
        return {"cost": self._costs(decision, delay), "delay": delay, "upload_energy": energy}

    def violations(self, decision: Array, allocation: Transmission) -> dict[str, Array]:
        """Return by how much bands, powers and energies exceed their limits, and negative ones, as parts of the limits."""
        whole = self.aligned("bandwidth", decision)
        band = np.where(decision == 1, allocation.band, 0.0)
        power = quotient(np.where(decision == 1, allocation.power, 0.0), self.aligned("max_power", decision))
        rate = self._rate(decision, allocation)
        with np.errstate(divide="ignore", invalid="ignore"):
            energy = allocation.power * self.aligned("data_size", decision) / rate
        # what does not send spends nothing; that it takes forever shows in the objective
        spent = quotient(np.where((decision == 1) & (rate != 0.0), energy, 0.0), self.aligned("energy_budget", decision))
        return {
            "bandwidth": np.maximum(quotient(band.sum(axis=-1), whole) - 1.0, 0.0),
            "band_sign": below_zero(band, whole),
            "power": np.maximum(power.max(axis=-1) - 1.0, 0.0),
            "power_sign": np.maximum(-power.min(axis=-1), 0.0),
            "energy": np.maximum(spent.max(axis=-1) - 1.0, 0.0),
        }

    def bound(self, decision: Array, dual: BandwidthPrice) -> Array:
        """Bound the cost of a decision from below by weak duality at any bandwidth price (negative ones count as 0)."""
        price = np.maximum(dual.bandwidth_price, 0.0)
        terms = Terms(*(self.aligned(part, decision) for part in shared(self.terms)))
        cost = np.where(decision == 1, _offloaded(terms, price), terms.local).sum(axis=-1)
        return np.asarray(cost - price * self.aligned("bandwidth", decision))

    def relaxed_bound(self, dual: BandwidthPrice) -> Array:
        """Bound the cost of every decision from below by weak duality at any bandwidth price."""
        price = np.maximum(dual.bandwidth_price, 0.0)
        terms = shared(self.terms)
        return np.asarray(np.minimum(terms.local, _offloaded(terms, price)).sum(axis=-1) - price * self.bandwidth)

    def relaxed_dual(self) -> BandwidthPrice:
        """Return the bandwidth price of the relaxation."""
        return BandwidthPrice(bandwidth_price=exact.relaxation_price(self))

    def random_dual(self, rng: Generator, shape: tuple[int, ...]) -> BandwidthPrice:
        """Draw bandwidth prices over four decades below that at which the band is worth all local times together."""
        price = self.terms().local.sum(axis=-1) / np.where(self.bandwidth > 0, self.bandwidth, 1.0)
        price = price.reshape(price.shape + (1,) * (len(shape) - price.ndim))
        return BandwidthPrice(bandwidth_price=price * 10.0 ** rng.uniform(-4.0, 0.0, shape))

    def closed_form(self, decision: Array) -> tuple[Transmission, BandwidthPrice]:
        """Share the band at the decision's price, at the best powers; nan where a budget carries nothing."""
        return allocation.CLOSED_FORM(self, decision)

    def respond(self, decision: Array, dual: BandwidthPrice) -> Transmission:
        """Return the bands taken at a price, scaled to the whole band, with the best powers on them."""
        return allocation.response(self, decision, np.asarray(dual.bandwidth_price, dtype=float))

    def responses(self, decision: Array) -> Responses:
        """Return what allocations answer to charges; see `mecopt.models.bandwidth_power.charged`."""
        return charged.responses(self, decision)

    def optimal_value(self, decision: Array) -> Array:
        """Return the least cost of each decision, infinite where a budget carries nothing."""
        return exact.decision_costs(self, decision)

    def infeasible(self, decision: Array) -> Array:
        """Whether somebody offloads who sends nothing, or whose budget cannot carry its task: E <= D N0 ln 2 / h."""
        return np.asarray(((decision == 1) & (self.aligned(shared(self.terms).ceiling, decision) <= 0.0)).any(axis=-1))

    def mended(self, decision: Array) -> Array:
        """Return decisions with those left local who cannot offload."""
        return np.where(self.aligned(self.terms().ceiling, decision) > 0.0, decision, np.int8(0))

    def why_infeasible(self, decision: Array | None) -> str:
        """Name the user whose task cannot be carried, and the field that says so."""
        i = int(np.flatnonzero((decision == 1) & (self.terms().ceiling <= 0.0))[0])
        fields: dict[str, tuple[int, ...]] = {name: (i,) for name in ("channel_gain", "max_power", "energy_budget")}
        zero = [name for name, place in {**fields, "bandwidth": ()}.items() if self.data()[name][place] == 0.0]
        return f"user {i} cannot offload: {f'{zero[0]} is 0' if zero else 'its energy_budget cannot carry its data'}"

    def to_cvxpy(self, decision: ArrayLike) -> Any:
        """Return the inner problem of one decision as a `cvxpy.Problem`, the cost in s, the budgets as they stand.

        Its variables are ``band``, parts of the whole band, and ``power``, parts of the power caps, one entry per user. Add
        constraints by ``cvxpy.Problem(problem.objective, [*problem.constraints, ...])``.
        """
        return allocation.cvxpy_problem(self, self.decision_space.validate(decision, self.batch_shape))

    def paper_variables(self, decision: Array, program: Any) -> Mapping[str, Any]:
        """Return bands in Hz and powers in W, which the program has as parts of the band and of the caps."""
        band, power = (program.var_dict[name] for name in ("band", "power"))
        return {"band": float(self.bandwidth) * band, "power": np.diag(self.max_power) @ power}

    def to_pyomo(self) -> Any:
        """Return the whole problem as a Pyomo model with binary ``offload`` and convex constraints, the cost in s."""
        return exact.pyomo_model(self, 1.0)


def _offloaded(terms: Terms, price: Array) -> Array:
    """Return w t + v at a price for each user, with or without candidates."""
    from mecopt.models.bandwidth_power.upload import upload_costs

    return np.asarray(terms.server + upload_costs(terms.work, terms.reach, terms.ceiling, price[..., None]))
