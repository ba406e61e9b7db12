r"""Backscatter frames: active, passive and local computing of users that harvest the carrier of an access point (paper 001).

Each of N users has a slot of length T. For a part :math:`t_{b,i}` of it the access point sends a carrier with the unit beam
:math:`w_i`; the user reflects it and so sends passively, and all others harvest from it. For a part :math:`t_{a,i}` the
carrier is off and the user sends by itself. What is left of its work it computes, and what nobody computes is unserved:

.. math::
    \min_{w}\ \min_{t, l, z, e, b}\ E_o + K \sum_i z_i - v \sum_i b_i, \quad
    E_o = \sum_i (p + p_{br}) t_{b,i} + p_{ar} t_{a,i} + \phi_o (l_{a,i} + l_{b,i})

    l_a + l_b + l_c + z \ge l, \quad t_a + t_b \le T, \quad l_b \le r_i(w_i)\, t_b, \quad 0 \le l_c \le R T, \quad
    0 \le z \le l,

    e \ge \kappa t_a (2^{l_a/(B t_a)} - 1) + p_o t_a + \phi l_c, \quad e + b \le E + \sum_i G_{ji}(w_i) t_{b,i}, \quad
    e, b \le E_{max},

    r_i = B \log_2\!\Big(1 + \frac{p |\Gamma|^2 \|h_i\|^2 |h_i^H w_i|^2}{\sigma^2}\Big), \quad
    G_{ji} = \eta p |h_j^H w_i|^2 \ (j \ne i), \quad \kappa_i = \sigma^2/\|h_i\|^2 .

For fixed beams everything is linear but the energy of sending, :math:`t (2^{l/(Bt)} - 1)`, the perspective of a convex
function. A work price :math:`\omega`, an energy price :math:`\lambda` and a capacity price :math:`\xi` per user, none
negative, prove with :math:`\eta_i = \lambda_i + \xi_i` and :math:`g_i = (\omega_i - \phi_o)^+`

.. math::
    \sum_i \omega_i l_i - \lambda_i E_i - \xi_i E_{max} + l_i (K - \omega_i)^- + R T (\eta_i \phi - \omega_i)^-
    + E_{max} (\lambda_i - v)^- + \min_{0 \le t \le T} \max(t\, c_{a,i},\, -g_i l_i) + (T - t)\, c_{b,i}^-

as a lower bound, where :math:`c_a = \min_\rho p_{ar} + \eta(p_o + \kappa(2^\rho - 1)) - g B \rho` is what a second of
sending costs at these prices, all of it never below :math:`-g l`, and
:math:`c_{b,i} = p + p_{br} - g_i r_i - \sum_j \lambda_j G_{ji}` what a second of carrier does. A
user that can never have energy does not send or keep any, nor compute where that takes any, and drops out of those terms.
For open beams :math:`c_b` is replaced by its least over all beams; see `mecopt.models.backscatter_frame.exact.relaxation`.

The unserved work makes every frame feasible: where K exceeds every work price, an exact penalty, only what cannot be served
is left. `mecopt.models.backscatter_frame.admission` turns it into a set of users served.

Reference: paper 001, equations (2)-(12); deviations from the print are listed in docs/papers/001.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.backend import Backend
from mecopt.contract.decision import UnitBeams
from mecopt.contract.fields import Quantity, choice, quantity
from mecopt.contract.problem import Problem
from mecopt.contract.scenario import Reference, Scenario
from mecopt.contract.solver import Solver
from mecopt.models.backscatter_frame.allocation import conic, prices
from mecopt.models.backscatter_frame.allocation import specialised as allocation
from mecopt.models.backscatter_frame.allocation.backends import BACKENDS
from mecopt.models.backscatter_frame.exact import solvers as exact
from mecopt.models.backscatter_frame.scenarios import PRESETS
from mecopt.models.backscatter_frame.terms import Links, Terms, features, links, sending_energy, terms
from mecopt.models.backscatter_frame.variables import FrameAllocation, FramePrices
from mecopt.quantities.radio import AMPLITUDE_GAIN, THERMAL_POWER

Array = NDArray[Any]

UNSERVED = 1e-6
"""Part of the greatest work up to which what is left of a user's is rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BackscatterFrame(Problem[FrameAllocation, FramePrices]):
    """How users of a backscatter-aided edge server share their slots, and with which beams they are fed.

    Minimises the access point's energy. See the module docstring for the formula, what is convex, and the bounds.

    Examples
    --------
    >>> import mecopt
    >>> frame = BackscatterFrame(channel=[[0.02, 0.01j], [0.03, 0.02], [0.01, 0.03j]], workload=40.0, battery=0.2)
    >>> solution = mecopt.solve(frame)
    >>> solution.status.name, solution.allocation.unserved_bits.max().round(6).item()
    ('OPTIMAL', 0.0)
    """

    channel: Quantity = quantity(
        "1",
        "h",
        "amplitude gains between the antennas and the user",
        per="user and antenna",
        zero="no path to this antenna; none at all: the user neither sends nor harvests",
        complex_allowed=True,
        plausible=AMPLITUDE_GAIN,
    )
    workload: Quantity = quantity("kbit", "l", "work of the frame", zero_allowed=True)
    battery: Quantity = quantity("mJ", "E", "energy in the battery as the frame begins", zero_allowed=True)
    battery_capacity: Quantity = quantity("mJ", "E_max", "capacity of the battery", default=2.0)
    bandwidth: Quantity = quantity("kHz", "B", "bandwidth", per="instance", default=10.0)
    slot: Quantity = quantity("s", "T", "length of each user's slot", per="instance", default=1.0)
    noise_power: Quantity = quantity(
        "mW", "sigma^2", "noise power at the access point", per="instance", default=1e-5, plausible=THERMAL_POWER
    )
    carrier_power: Quantity = quantity("mW", "p", "carrier power of the access point", per="instance", default=6000.0)
    active_receive_power: Quantity = quantity(
        "mW", "p_ar", "power of receiving an active user", per="instance", default=50.0, zero_allowed=True
    )
    passive_receive_power: Quantity = quantity(
        "mW", "p_br", "power of receiving a passive user", per="instance", default=20.0, zero_allowed=True
    )
    server_energy: Quantity = quantity(
        "mJ/kbit", "phi_o", "energy of the server per bit", per="instance", default=0.1, zero_allowed=True
    )
    reflection: Quantity = quantity(
        "1", "Gamma", "magnitude of the reflection coefficient", default=0.4, zero_allowed=True, most=1.0
    )
    harvesting_efficiency: Quantity = quantity(
        "1", "eta", "harvested part of the received power", default=0.6, zero_allowed=True, most=1.0, decibels=True
    )
    circuit_power: Quantity = quantity("mW", "p_o", "circuit power of an active user", default=0.002, zero_allowed=True)
    compute_energy: Quantity = quantity("mJ/kbit", "phi", "energy of the user per bit", default=0.01, zero_allowed=True)
    compute_rate: Quantity = quantity("kbit/s", "R", "bits a user computes per second", default=60.0, zero_allowed=True)
    unserved_price: Quantity = quantity("mJ/kbit", "K", "price of work that is not served", per="instance", default=1e4)
    battery_price: Quantity = quantity(
        "1", "v", "worth of energy kept in a battery, in energy of the access point", default=0.0, zero_allowed=True
    )
    mode: Quantity = choice(
        "",
        "how users may compute: all ways, no passive transmission, or locally alone",
        *("hybrid", "active-enabled", "mec-disabled"),
    )
    harvesting: Quantity = choice(
        "",
        "when harvested energy may be spent: in the whole frame (9), or only after it was harvested",
        *("whole-frame", "causal"),
    )
    passive_noise: Quantity = choice(
        "", "noise of (6): that of a unit combiner, or as printed, without its norm", *("unit-combiner", "literal")
    )

    name: ClassVar[str] = "backscatter-frame"
    summary: ClassVar[str] = "active, passive and local computing in a wireless-powered frame, with beamforming"
    sense: ClassVar = "minimise"
    decision_summary: ClassVar[str] = "a unit beam for each user's slot"
    objective_name: ClassVar[str] = "energy and penalties"
    objective_unit: ClassVar[str] = "mJ"
    user_units: ClassVar[Mapping[str, str]] = {"cost": "mJ", "access_point_energy": "mJ"}
    reference: ClassVar[Reference] = Reference("paper 001: hierarchical MADDPG for backscatter-aided offloading", "(2)-(12)")
    base_units: ClassVar[tuple[str, ...]] = ("s", "W")
    compile_seconds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "exact": (26.0, 28.0),
        "path-following": (26.0, 28.0),
        "all": (31.0, 31.0),
    }
    Allocation: ClassVar = FrameAllocation
    Dual: ClassVar = FramePrices
    task_fields: ClassVar[tuple[str, ...]] = ("workload",)
    prices_determine: ClassVar[bool] = False
    backends: ClassVar[Mapping[str, Backend]] = BACKENDS
    solvers: ClassVar[Mapping[str, Solver]] = exact.SOLVERS
    presets: ClassVar[Mapping[str, Scenario]] = PRESETS

    @property
    def decision_space(self) -> UnitBeams:
        """A unit beam per user."""
        return UnitBeams(self.users, self.sizes["antennas"])

    @property
    def negligible(self) -> Array:
        """The energy of a carrier kept on for a slot: rounding is judged beside it, since objectives may be 0."""
        return np.asarray(self.carrier_power * self.slot)

    def links(self, decision: Array) -> Links:
        """Return rates, harvested powers and noise energies that beams bring, ``(*batch, *candidates, users[, users])``."""
        return links(self, decision)

    def terms(self, decision: Array) -> Terms:
        """Return what the mathematics needs of each frame and beams, in the units of compiled code."""
        return terms(self, decision)

    def decision_features(self, decision: Array) -> Array:
        """Return orders of magnitude of what beams bring; see `mecopt.models.backscatter_frame.terms.features`."""
        return features(self, decision)

    def objective(self, decision: Array, allocation: FrameAllocation) -> Array:
        """Evaluate the access point's energy, the price of unserved work and the worth of kept energy, in mJ."""

        def field(name: str) -> Array:
            return self.aligned(name, decision)

        def of_users(values: Array) -> Array:
            return np.asarray(values.sum(axis=-1))

        passive = field("carrier_power") + field("passive_receive_power")
        computed = allocation.active_bits + allocation.passive_bits
        return np.asarray(
            passive * of_users(allocation.passive_time)
            + field("active_receive_power") * of_users(allocation.active_time)
            + field("server_energy") * of_users(computed)
            + field("unserved_price") * of_users(allocation.unserved_bits)
            - of_users(field("battery_price") * allocation.kept_energy)
        )

    def remarks(self, decision: Array, allocation: FrameAllocation) -> Mapping[str, str]:
        """Say how much work is not served, which the objective holds at its price."""
        left = allocation.unserved_bits
        asked = np.broadcast_to(self.aligned("workload", decision), left.shape)
        some = left > UNSERVED * asked.max()
        if not some.any():
            return {}
        return {
            "unserved": f"{left[some].sum():.6g} of {asked[~np.isnan(left)].sum():.6g} kbit, of {some.sum()} of "
            f"{(~np.isnan(left)).sum()} users, at {np.mean(self.unserved_price):.6g} mJ/kbit"
        }

    def per_user(self, decision: Array, allocation: FrameAllocation) -> dict[str, Array]:
        """Return each user's part of the objective, and the energy that the access point spends on it, in mJ."""

        def field(name: str) -> Array:
            value = self.aligned(name, decision)
            return value if getattr(self, name).ndim > len(self.batch_shape) else value[..., None]

        energy = (
            (field("carrier_power") + field("passive_receive_power")) * allocation.passive_time
            + field("active_receive_power") * allocation.active_time
            + field("server_energy") * (allocation.active_bits + allocation.passive_bits)
        )
        unserved = field("unserved_price") * allocation.unserved_bits
        return {
            "cost": energy + unserved - field("battery_price") * allocation.kept_energy,
            "access_point_energy": energy,
        }

    def violations(self, decision: Array, allocation: FrameAllocation) -> dict[str, Array]:
        """Return how far each constraint is broken: times in slots, bits in the work, energies in the battery's capacity."""

        def field(name: str) -> Array:
            return self.aligned(name, decision)

        def worst(excess: Array) -> Array:
            return np.asarray(np.maximum(excess.max(axis=-1), 0.0))

        a = allocation
        found = self.links(decision)
        slot, capacity, work = field("slot")[..., None], field("battery_capacity"), field("workload")
        bits = np.maximum(work, field("bandwidth")[..., None] * slot)
        radiated = sending_energy(a.active_time, a.active_bits, field("bandwidth")[..., None], found.noise)
        needed = radiated + field("circuit_power") * a.active_time + field("compute_energy") * a.local_bits
        harvested = (found.harvest * a.passive_time[..., None, :]).sum(axis=-1)
        with np.errstate(invalid="ignore"):
            overspent = (
                needed - a.spent_energy
            ) / capacity  # bits in no time need infinite energy, and inf - inf is no number
        served = a.active_bits + a.passive_bits + a.local_bits + a.unserved_bits
        times = np.minimum(a.active_time, a.passive_time) / slot
        all_bits = np.minimum.reduce([a.active_bits, a.passive_bits, a.local_bits, a.unserved_bits]) / bits
        energies = np.minimum(a.spent_energy, a.kept_energy) / capacity
        return {
            "work": worst((work - served) / bits),
            "time": worst((a.active_time + a.passive_time - slot) / slot),
            "passive_rate": worst((a.passive_bits - found.rate * a.passive_time) / bits),
            "compute_rate": worst((a.local_bits - field("compute_rate") * slot) / bits),
            "spending": worst(overspent),
            "harvest": worst((a.harvested_energy - harvested) / capacity),
            "battery": worst((a.spent_energy + a.kept_energy - field("battery") - a.harvested_energy) / capacity),
            "capacity": worst((np.maximum(a.spent_energy, a.kept_energy) - capacity) / capacity),
            "sign": worst(-np.minimum.reduce([times, all_bits, energies])),
        }

    def bound(self, decision: Array, dual: FramePrices) -> Array:
        """Bound the energy of fixed beams from below by weak duality at any prices (negative ones count as 0)."""
        return prices.proved(self, decision, dual)

    def relaxed_bound(self, dual: FramePrices) -> Array:
        """Bound the energy of all beams from below by weak duality at any prices (negative ones count as 0)."""
        return exact.proved(self, dual)

    def relaxed_dual(self) -> FramePrices:
        """Return the prices at the best beams."""
        return exact.best_prices(self)

    def random_dual(self, rng: Generator, shape: tuple[int, ...]) -> FramePrices:
        """Draw prices over some decades around those of a carrier kept on."""
        extra = (1,) * (len(shape) - len(self.batch_shape))
        full = (*shape, self.users)
        work = np.broadcast_to((self.carrier_power / self.bandwidth).reshape(*self.batch_shape, *extra, 1), full)
        energy = np.broadcast_to((self.carrier_power * self.slot).reshape(*self.batch_shape, *extra, 1), full)
        energy = energy / self.battery_capacity.reshape(*self.batch_shape, *extra, self.users)
        draw = [10.0 ** rng.uniform(-4.0, 1.0, full) * (rng.random(full) < 0.8) for _ in range(3)]
        return FramePrices(work_price=work * draw[0], energy_price=energy * draw[1], capacity_price=energy * draw[2])

    def closed_form(self, decision: Array) -> tuple[FrameAllocation, FramePrices]:
        """Return the best allocation of each set of beams by the specialised solver."""
        return allocation.followed(self, decision)

    def respond(self, decision: Array, dual: FramePrices) -> FrameAllocation:
        """Return a feasible allocation for prices; see `mecopt.models.backscatter_frame.allocation.specialised.response`."""
        return allocation.response(self, decision, dual)

    def optimal_value(self, decision: Array) -> Array:
        """Return the least energy of each set of beams."""
        return self.objective(decision, self.closed_form(decision)[0])

    def to_cvxpy(self, decision: ArrayLike) -> Any:
        """Return the inner problem of one frame and its beams as a `cvxpy.Problem`, its variables scaled."""
        return conic.PROGRAM.problem(self, self.decision_space.validate(decision, self.batch_shape))
