r"""Hybrid slots: a user harvests, then sends by its radio or by backscatter, and computes beside both (paper 000).

Each user has a workload L to finish in a slot of length T, a battery E, and decides what to keep in it, :math:`E'`, or to
leave the workload at a penalty :math:`\nu`. Of the slot it harvests for :math:`t_h`, has the radio's time :math:`t_a` and
the backscatter's time :math:`t_p`, and computes for :math:`t_l` beside them:

.. math::
    \max_{E'}\ \max_{t, l}\ \frac{L}{e + e_0} - w \Big(\mu \frac{l_o}{t_a + t_p} + \rho\, l_o\Big), \qquad l_o = l_a + l_p,

    e = t_s \Big(N (2^{l_a/(B t_s)} - 1) + p_c\Big) + p_b \frac{l_p}{r_p} + k f^3 t_l, \qquad N = \frac{\sigma^2}{|h|^2},

    l_a + l_p + l_l \ge L, \quad t_h + t_a + t_p \le T, \quad t_s \le t_a, \quad l_p \le r_p t_p, \quad
    l_l \le \frac{f}{\phi} t_l, \quad t_l \le T,

    e \le E - E' + \eta p_0 |g|^2 t_h, \qquad r_p = B \log_2\Big(1 + \frac{p_0 |\alpha g h|^2}{\sigma^2}\Big) .

Users do not disturb each other; the objective is the sum of their rewards, and the paper has one user. Users without work
earn nothing and harvest. The reward is a sum of two ratios and not concave, in whatever variables. But

- sending D in the time :math:`\tau` costs :math:`\tau \Phi(D/\tau)` at least, with :math:`\Phi` the lower convex hull of
  doing nothing, reflecting and sending (`mecopt.models.hybrid_slot.compiled.slot`);
- for a given local part both ratios are best at the longest time that the energy allows, so one variable is left;
- in it, a rate price bounds the reward of a whole piece, exactly to first order, and a branch and bound of a few pieces
  proves the optimum to 1e-10 (`mecopt.models.hybrid_slot.compiled.bound`).

What stands for a dual is a claim, an upper bound for each user: `bound` believes none, and returns what it can prove.

The reward grows with the energy :math:`q = E - E'` that may be spent, so for one slot the best to keep is nothing: that
bounds all decisions. What is kept pays off in later slots only.

Choices: `pacing` "strict" takes two equations by their letter, :math:`l_p = r_p t_p` and a radio that never sleeps,
:math:`t_s = t_a`. Its slots are paced ones, so the bound holds; what is found then is feasible, and its gap true.
`passive_rate` "literal" leaves :math:`p_0` out of :math:`r_p`, as printed. `service` "must" lets nobody skip who can serve.

Reference: paper 000, equations (1)-(7); deviations from the print are listed in docs/papers/000.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.backend import Backend
from mecopt.contract.decision import SKIP, Interval
from mecopt.contract.derived import derived, once_a_call, shared
from mecopt.contract.errors import InstanceError
from mecopt.contract.fields import ABSENT, Quantity, choice, quantity
from mecopt.contract.problem import Problem
from mecopt.contract.scaling import quotient
from mecopt.contract.scenario import Reference, Scenario
from mecopt.contract.solver import Solver
from mecopt.models.hybrid_slot import exact
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.allocation.backends import BACKENDS
from mecopt.models.hybrid_slot.scenarios import PRESETS
from mecopt.models.hybrid_slot.terms import STRICT, harvested, local_rates, passive_rates
from mecopt.models.hybrid_slot.variables import RewardCeiling, SlotAllocation
from mecopt.quantities.radio import PART, POWER_GAIN, THERMAL_POWER

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class HybridSlot(Problem[SlotAllocation, RewardCeiling]):
    """What users keep of their energy, and how they divide slot and workload between radio, backscatter and processor.

    Maximises the rewards of the slot. See the module docstring for the formula, what is one-dimensional, and the bounds.

    Examples
    --------
    >>> import mecopt
    >>> slot = HybridSlot(workload=[30.0], battery=[20.0], uplink_gain=5e-6, downlink_gain=5e-6)
    >>> solution = mecopt.solve(slot)
    >>> solution.status.name, solution.decision.tolist(), round(float(solution.objective), 4)
    ('OPTIMAL', [0.0], 0.9927)
    """

    workload: Quantity = quantity("kbit", "L", "work of the slot", zero=ABSENT)
    battery: Quantity = quantity("nJ", "E", "energy in the battery as the slot begins", zero_allowed=True)
    uplink_gain: Quantity = quantity(
        "1",
        "abs(h)^2",
        "power gain from the user to the access point",
        zero="no link: the user neither sends nor reflects",
        decibels=True,
        plausible=POWER_GAIN,
    )
    downlink_gain: Quantity = quantity(
        "1",
        "abs(g)^2",
        "power gain from the access point to the user",
        zero="no carrier: the user neither harvests nor reflects",
        decibels=True,
        plausible=POWER_GAIN,
    )
    battery_capacity: Quantity = quantity("nJ", "E_max", "capacity of the battery", default=60.0)
    carrier_power: Quantity = quantity("mW", "p_0", "power of the access point", per="instance", default=10.0)
    harvesting_efficiency: Quantity = quantity(
        "1", "eta", "harvested part of the received power", default=0.6, zero_allowed=True, plausible=PART, decibels=True
    )
    noise_power: Quantity = quantity(
        "nW", "sigma^2", "noise power at the access point", per="instance", default=1e-5, plausible=THERMAL_POWER
    )
    bandwidth: Quantity = quantity("kHz", "B", "bandwidth", per="instance", default=400.0)
    slot: Quantity = quantity("s", "T", "length of the slot", per="instance", default=1.0)
    circuit_power: Quantity = quantity("nW", "p_c", "circuit power of the radio", default=1000.0, zero_allowed=True)
    reflection: Quantity = quantity(
        "1", "alpha", "magnitude of the reflection coefficient", default=0.04, zero_allowed=True, most=1.0
    )
    backscatter_power: Quantity = quantity("nW", "p_b", "circuit power of backscatter", default=10.0, zero_allowed=True)
    cpu_speed: Quantity = quantity("Mcycle/s", "f", "speed of the user's processor", default=1.0, zero_allowed=True)
    cycles_per_bit: Quantity = quantity("cycle/bit", "phi", "cycles that a bit of work takes", default=100.0)
    energy_coefficient: Quantity = quantity(
        "nJ s^2/Mcycle^3",
        "k",
        "switched capacitance: energy of a cycle over the square of the speed",
        default=5.0,
        zero_allowed=True,
    )
    energy_floor: Quantity = quantity(
        "nJ", "e_0", "added to the energy in the reward, and never spent", default=5.0, zero_allowed=True
    )
    price_weight: Quantity = quantity("1", "w", "weight of the price", default=1.0, zero_allowed=True)
    channel_price: Quantity = quantity(
        "s/nJ", "mu_o", "price of the rate at which work is offloaded", per="instance", default=0.02, zero_allowed=True
    )
    computing_price: Quantity = quantity(
        "1/nJ", "rho_o", "price of work that is offloaded", per="instance", default=0.01, zero_allowed=True
    )
    outage_penalty: Quantity = quantity(
        "kbit/nJ", "nu", "what a workload that is not served costs", default=2.0, zero_allowed=True
    )
    pacing: Quantity = choice(
        "", "whether times may be longer than their rates need, or all equalities are strict", "paced", "strict"
    )
    passive_rate: Quantity = choice(
        "", "whether the carrier's power is in the passive rate, or left out as printed", "with-carrier", "literal"
    )
    service: Quantity = choice("", "whether a workload that can be served may be left", "optional", "must")

    name: ClassVar[str] = "hybrid-slot"
    summary: ClassVar[str] = "harvesting, radio, backscatter and local computing in a slot, with energy to keep"
    sense: ClassVar = "maximise"
    decision_summary: ClassVar[str] = "the energy that each user keeps, or to skip (-1)"
    objective_name: ClassVar[str] = "reward"
    objective_unit: ClassVar[str] = "kbit/nJ"
    convex: ClassVar[bool] = False
    quantity_limited: ClassVar[str] = "kept"
    user_units: ClassVar[Mapping[str, str]] = {
        "reward": "kbit/nJ",
        "energy": "nJ",
        "harvested_energy": "nJ",
        "price": "kbit/nJ",
        "next_battery": "nJ",
    }
    reference: ClassVar[Reference] = Reference(
        "paper 000: deep reinforcement learning for backscatter-aided data offloading in mobile edge computing", "(1)-(7)"
    )
    base_units: ClassVar[tuple[str, ...]] = ("s", "W", "cycle")
    compile_seconds: ClassVar[Mapping[str, tuple[float, float]]] = {
        "exact": (10.0, 10.0),
        "closed-form": (10.0, 10.0),
        "all": (13.0, 13.0),
    }
    Allocation: ClassVar = SlotAllocation
    Dual: ClassVar = RewardCeiling
    backends: ClassVar[Mapping[str, Backend]] = BACKENDS
    solvers: ClassVar[Mapping[str, Solver]] = exact.SOLVERS
    presets: ClassVar[Mapping[str, Scenario]] = PRESETS

    def __post_init__(self) -> None:
        super().__post_init__()
        reflects, computes = passive_rates(self) > 0.0, self.cpu_speed > 0.0
        free = (reflects & (self.backscatter_power == 0.0)) | (computes & (self.energy_coefficient == 0.0))
        endless = free & (self.energy_floor == 0.0) & (self.workload > 0.0)
        if endless.any():
            index = [int(i) for i in np.argwhere(endless)[0]]
            name = "backscatter_power" if self.backscatter_power[tuple(index)] == 0.0 else "energy_coefficient"
            raise InstanceError(
                f"HybridSlot.energy_floor{index} is 0 and so is {name}: work served without energy would earn infinitely "
                "much; allowed: one of them > 0"
            )

    @property
    def decision_space(self) -> Interval:
        """The energy that each user keeps, or to skip."""
        return Interval(allocation.most_kept(self), "nJ", "keeps")

    @derived
    def negligible(self) -> Array:
        """What the users would earn without prices by processor or radio, summed: rewards have either sign."""
        return np.asarray(allocation.limits(self)[2].sum(axis=-1))

    def decision_features(self, decision: Array) -> Array:
        """Return the part kept of what battery and harvest hold, -1 where the user skips."""
        whole = self.aligned(self.battery + harvested(self), decision)
        return np.where(decision == SKIP, SKIP, quotient(np.maximum(decision, 0.0), whole))

    def infeasible(self, decision: Array) -> Array:
        """Whether somebody keeps more than there is or than its workload leaves, or skips who must serve and can."""
        return allocation.hopeless(self, decision)

    def mended(self, decision: Array) -> Array:
        """Return decisions in which nobody keeps too much, who must serve does, and who cannot skips."""
        return allocation.mended(self, decision)

    def why_infeasible(self, decision: Array | None) -> str:
        """Name the user, the energy that is missing, and the largest workload that could be served."""
        return "" if decision is None else allocation.reason(self, decision)

    def remarks(self, decision: Array, allocation_: SlotAllocation) -> Mapping[str, str]:
        """Say whose workload cannot be served, what is missing, and who skips by choice."""
        return allocation.outages(self, decision)

    @once_a_call
    def energy(self, decision: Array, allocated: SlotAllocation) -> Array:
        """Return e, what each user spends, in nJ: radio, backscatter and processor; infinite for bits sent in no time."""

        def field(name: str) -> Array:
            return self.aligned(name, decision)

        band, noise = field("bandwidth")[..., None], field("noise_power")[..., None]
        with np.errstate(all="ignore"):
            exponent = np.log(2.0) * quotient(allocated.active_bits, band * allocated.sending_time)
            power = quotient(noise, field("uplink_gain")) * np.expm1(exponent) + field("circuit_power")
            radio = np.where(
                allocated.sending_time == 0.0,
                np.where(allocated.active_bits > 0.0, np.inf, 0.0),
                allocated.sending_time * np.where(exponent == 0.0, field("circuit_power"), power),
            )
            reflecting = field("backscatter_power") * quotient(
                allocated.passive_bits, self.aligned(shared(passive_rates, self), decision)
            )
            computing = field("energy_coefficient") * field("cpu_speed") ** 3 * allocated.local_time
            return np.asarray(radio + reflecting + computing)

    def price(self, decision: Array, allocated: SlotAllocation) -> Array:
        """Return w p_o, what each user pays for offloading; 0 where nothing is offloaded, infinite where in no time."""
        offloaded = allocated.active_bits + allocated.passive_bits
        with np.errstate(all="ignore"):
            rate = quotient(offloaded, allocated.active_time + allocated.passive_time)
            unit = self.aligned("channel_price", decision)[..., None] * rate
            priced = unit + self.aligned("computing_price", decision)[..., None] * offloaded
            return np.asarray(np.where(offloaded == 0.0, 0.0, self.aligned("price_weight", decision) * priced))

    def objective(self, decision: Array, allocation: SlotAllocation) -> Array:
        """Evaluate the rewards, summed: workload over energy less the price; less the penalty for who skips.

        Parameters
        ----------
        decision
            energies to keep in nJ, -1 to skip, ``(*batch, *candidates, users)``.
        allocation
            times in s and work in kbit, of the same shape.
        """
        return np.asarray(self._rewards(decision, allocation).sum(axis=-1))

    def _rewards(self, decision: Array, allocated: SlotAllocation) -> Array:
        work, floor = self.aligned("workload", decision), self.aligned("energy_floor", decision)
        with np.errstate(all="ignore"):
            earned = work / (self.energy(decision, allocated) + floor) - self.price(decision, allocated)
        served = np.where(decision == SKIP, -self.aligned("outage_penalty", decision), earned)
        nothing = np.isnan(sum(allocated.as_dict().values()))
        return np.where(work == 0.0, np.where(nothing, np.nan, 0.0), np.where(nothing, np.nan, served))

    def per_user(self, decision: Array, allocation: SlotAllocation) -> dict[str, Array]:
        """Return each user's reward, what it spends and harvests, what it pays, and what its battery then holds."""
        spent = self.energy(decision, allocation)
        part = allocation.harvest_time / self.aligned("slot", decision)[..., None]
        fed = self.aligned(shared(harvested, self), decision) * part
        left = self.aligned("battery", decision) + fed - spent
        return {
            "reward": self._rewards(decision, allocation),
            "energy": spent,
            "harvested_energy": fed,
            "price": self.price(decision, allocation),
            "next_battery": np.minimum(left, self.aligned("battery_capacity", decision)),
        }

    def violations(self, decision: Array, allocation: SlotAllocation) -> dict[str, Array]:
        """Return how far each constraint is broken: times in slots, work in the workload, energies in all there is.

        Where `pacing` is strict the passive rate is an equation, and so is that the radio is on in all of its time.
        """

        def field(name: str) -> Array:
            return self.aligned(name, decision)

        def worst(excess: Array) -> Array:
            return np.asarray(np.maximum(excess.max(axis=-1), 0.0))

        a = allocation
        slot, strict = field("slot")[..., None], field("pacing")[..., None] == STRICT
        work = np.where(field("workload") > 0.0, field("workload"), field("bandwidth")[..., None] * slot)
        rate = self.aligned(shared(passive_rates, self), decision)
        fed = self.aligned(shared(harvested, self), decision)
        whole = field("battery") + fed
        size = np.where(whole > 0.0, whole, field("battery_capacity"))
        budget = field("battery") - np.maximum(decision, 0.0) + fed * a.harvest_time / slot
        unserved = np.where(decision == SKIP, 0.0, field("workload") - a.active_bits - a.passive_bits - a.local_bits)
        passive, asleep = a.passive_bits - rate * a.passive_time, a.sending_time - a.active_time
        signs = [value / (slot if name.endswith("time") else work) for name, value in a.as_dict().items()]
        return {
            "work": worst(unserved / work),
            "time": worst((a.harvest_time + a.active_time + a.passive_time - slot) / slot),
            "passive_rate": worst(np.where(strict, np.abs(passive), passive) / work),
            "sending_time": worst(np.where(strict, np.abs(asleep), asleep) / slot),
            "local_rate": worst((a.local_bits - self.aligned(shared(local_rates, self), decision) * a.local_time) / work),
            "local_time": worst((a.local_time - slot) / slot),
            "energy": worst((self.energy(decision, a) - budget) / size),
            "capacity": worst((decision - field("battery_capacity")) / field("battery_capacity")),
            "sign": worst(-np.minimum.reduce(signs)),
        }

    def bound(self, decision: Array, dual: RewardCeiling) -> Array:
        """Bound the rewards of decisions from above: the claims where they are true, else what is proved instead."""
        proved = allocation.proved(self, decision, dual).sum(axis=-1)
        return np.asarray(np.where(allocation.hopeless(self, decision), -np.inf, proved))

    def relaxed_bound(self, dual: RewardCeiling) -> Array:
        """Bound the rewards of all decisions from above: nothing kept, or skipped; claims count where they are true."""
        return exact.relaxed_bound(self, dual)

    def relaxed_dual(self) -> RewardCeiling:
        """Return what is proved of serving with nothing kept."""
        bounds = exact.served(self)[1]
        return RewardCeiling(ceiling=np.where(bounds > -np.inf, bounds, -self.outage_penalty))

    def random_dual(self, rng: Generator, shape: tuple[int, ...]) -> RewardCeiling:
        """Draw claims around ordinary rewards, true ones and wrong ones."""
        size = allocation.limits(self)[2]
        size = size.reshape(*self.batch_shape, *(1,) * (len(shape) - len(self.batch_shape)), self.users)
        return RewardCeiling(ceiling=size * rng.uniform(-1.0, 1.5, (*shape, self.users)))

    def closed_form(self, decision: Array) -> tuple[SlotAllocation, RewardCeiling]:
        """Return the best division of the slots and the bounds that prove it; nan where a decision is infeasible."""
        return allocation.CLOSED_FORM(self, decision)

    def respond(self, decision: Array, dual: RewardCeiling) -> SlotAllocation:
        """Return the best division, whatever is claimed: a claim says nothing of the allocation."""
        return self.closed_form(decision)[0]

    def optimal_value(self, decision: Array) -> Array:
        """Return the rewards of each decision, summed; minus infinity where it is infeasible."""
        values = allocation.kernel()(*allocation.blocks(self, decision))[0].reshape(decision.shape).sum(axis=-1)
        return np.asarray(np.where(allocation.hopeless(self, decision), -np.inf, values))

    def to_cvxpy(self, decision: ArrayLike) -> Any:
        """Refuse: with the energy fixed the rewards are still sums of ratios that no change of variables makes concave."""
        raise InstanceError(
            f"{self.name} has no convex program: with the energy fixed a reward is a sum of two ratios, and is not concave; "
            "its full model is solved by the backends scip and slsqp"
        )
