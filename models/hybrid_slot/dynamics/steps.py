r"""From slot to slot: what a hybrid user does, whether it works out, what it earns, and what stays in its battery.

The channel is a Markov chain, the same gain both ways, work is drawn anew in every slot, and the battery is carried:

.. math:: E' = \min(E_{max},\ E + H t_h / T - e), \qquad H = \eta p_0 |g|^2 T .

Whatever is carried out, a solver's answer or a learner's guess, it counts as it is: the workload is served (x = 1) if times,
rates, work and energy keep the paper's constraints, :math:`e \le E + H t_h / T` among them; nobody asks what was to be kept.
If they are broken, or the user skips, that is an outage: it earns :math:`-\nu`, spends nothing, since who cannot finish does
not begin, and harvests the whole slot. So does a user without work, who earns 0 and has no outage.

What the paper leaves open of the constants was CHOSEN so that its ordering of policies can show, see
`mecopt.models.hybrid_slot.scenarios`. How far policies lie apart with them is no evidence for the paper.

The long run lies on a grid of the battery, see `mecopt.models.hybrid_slot.dynamics.grid`: its best average reward is
bracketed by proof, and its policies by name are those of `mecopt.models.hybrid_slot.dynamics.policies`.

Reference: paper 000, (5)-(7). Ours: the chain (the paper says Markov, and no more), the penalty :math:`\nu` (the paper has
none), and what an outage leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError
from mecopt.dynamic.chain import Chain
from mecopt.dynamic.charts import Chart
from mecopt.dynamic.dynamics import Dynamics, Grids, Policy, read_only
from mecopt.dynamic.limits import under
from mecopt.dynamic.operators import Moves
from mecopt.dynamic.outcome import Outcome
from mecopt.dynamic.settings import listed, setting
from mecopt.models.hybrid_slot.dynamics import operation
from mecopt.models.hybrid_slot.dynamics.drawn import GAINS, MOVES, Known, channel_of, constants_of, filled, workloads_of
from mecopt.models.hybrid_slot.dynamics.grid import Grid, grid_of
from mecopt.models.hybrid_slot.problem import HybridSlot
from mecopt.models.hybrid_slot.terms import MUST, STRICT, rows
from mecopt.models.hybrid_slot.variables import SlotAllocation

if TYPE_CHECKING:
    from mecopt.models.hybrid_slot.dynamics.policies import ShadowPrice

Array = NDArray[Any]

STEP = 0.25
"""Distance of the grid's batteries, nJ; ours."""
CHARTED = 51
"""Most workloads of a chart, and its batteries."""
MEASURES = ("outage", "local", "active", "passive", "harvested", "spent")
"""Measures in the order in which outcomes are computed."""


class HybridDynamics(Dynamics[HybridSlot]):
    """Slots of one user in a row; each lane is a user of its own.

    Parameters
    ----------
    preset, **overrides
        see `mecopt.dynamic.Dynamics`; a workload or gain that is given stays the same in every slot.
    states
        power gains of the channel's states, all different; 1/4, 1/2, 3/4, 1 and 5/4 of 7e-6 unless given.
    matrix
        of transitions between them, rows of sum 1; a state up or down with probability 0.2 each unless given.
    workloads
        equally likely workloads in kbit; 0, 1, ..., 50 unless given.
    step
        distance of the batteries in nJ at which the long run is looked at.

    Raises
    ------
    InstanceError, UnknownName
    """

    name: ClassVar[str] = "hybrid-slot"
    problem: ClassVar[type[HybridSlot]] = HybridSlot
    carried: ClassVar[tuple[str, ...]] = ("battery",)
    reward_name: ClassVar[str] = "reward"
    reward_unit: ClassVar[str] = "kbit/nJ"
    measures: ClassVar[Mapping[str, str]] = {
        "outage": "1",
        "served": "kbit",
        "local": "kbit",
        "active": "kbit",
        "passive": "kbit",
        "harvested": "nJ",
        "spent": "nJ",
        "battery": "nJ",
    }
    remarks: ClassVar[tuple[str, ...]] = (
        "The presets' constants were CHOSEN so that the paper's ordering of policies can show: how far policies lie apart "
        "is a property of the preset, and no evidence for the paper.",
    )
    settable: ClassVar[Mapping[str, Field[Any]]] = listed(
        states=setting(
            "1",
            "|g|^2",
            "power gains of the channel's states, all different",
            per="state",
            otherwise="1/4, 1/2, 3/4, 1, 5/4 of 7e-6",
            zero_allowed=True,
            decibels=True,
        ),
        matrix=setting(
            "1",
            "",
            "probabilities of the next state, a row for each state",
            per="state and state",
            otherwise=f"{MOVES:g} a state up, and {MOVES:g} one down",
            zero_allowed=True,
            most=1.0,
        ),
        workloads=setting(
            "kbit",
            "R",
            "equally likely workloads, all different",
            per="workload",
            otherwise="0, 1, ..., 50 kbit",
            zero_allowed=True,
        ),
        step=setting("nJ", "", "distance of the batteries at which the long run is looked at", default=STEP),
    )
    default_policies: ClassVar[tuple[str, ...]] = ("greedy-must", "greedy-optout", "shadow-price", "dynamic-program")

    def __init__(
        self,
        preset: str | None = None,
        *,
        states: ArrayLike | None = None,
        matrix: ArrayLike | None = None,
        workloads: ArrayLike | None = None,
        step: float = STEP,
        **overrides: Any,
    ) -> None:
        self.step = float(self.given("step", step))
        self.overrides = overrides
        self.preset = next(iter(self.problem.presets)) if preset is None else preset
        self._seen: tuple[Any, Array] | None = None
        one = constants_of(self.preset, overrides)
        named = (("states", states), ("matrix", matrix), ("workloads", workloads))
        gains, moves, works = (None if value is None else self.given(name, value) for name, value in named)
        self.gains, self.channel = channel_of(one, overrides, gains, moves)
        self.workloads = workloads_of(one, overrides, works)
        told = "downlink_gain" if "uplink_gain" in overrides else "uplink_gain"
        self._by_gain, self._by_work = Known(told, self.gains[told != "uplink_gain"]), Known("workload", self.workloads)
        up, down = (np.repeat(gain, len(self.workloads)) for gain in self.gains)
        work = np.tile(self.workloads, self.channel.states)
        self._slots = filled(one, work.shape, workload=work, uplink_gain=up, downlink_gain=down)
        super().__init__(preset, **overrides)

    # ------------------------------------------------------------------ what is drawn

    def draw(self, rng: Generator, before: HybridSlot | None = None, lanes: tuple[int, ...] = ()) -> HybridSlot:
        """Draw one slot: the channel goes on from the one before, work is new."""
        if before is None:
            states = rng.choice(self.channel.states, lanes, p=self.channel.stationary())
        else:
            states = self.channel.following(rng, self.states(before))
        return self._drawn(rng, states, before)

    def stream(self, rng: Generator, slots: int, lanes: int) -> HybridSlot:
        """Draw whole paths ``(slots, lanes)``."""
        self.require_room(slots, lanes)
        states = self.channel.sample(rng, slots, lanes)
        return self._drawn(rng, states)

    def _drawn(self, rng: Generator, states: Array, before: HybridSlot | None = None) -> HybridSlot:
        shape = states.shape
        work = self.workloads[rng.integers(0, len(self.workloads), shape)]
        capacity = float(self._slots.battery_capacity.flat[0])
        battery = rng.uniform(0.0, capacity, shape)
        if "battery" in self.overrides:
            battery = np.full(shape, float(self._slots.battery.flat[0]))
        values = {
            "workload": work,
            "battery": battery,
            **{name: gain[states] for name, gain in zip(GAINS, self.gains, strict=True)},
        }
        if before is None:
            return filled(self._slots[0], shape, **values)
        return before._with({**before.__dict__, **{name: read_only(value[..., None]) for name, value in values.items()}})

    def states(self, problem: HybridSlot) -> Array:
        """Return the states of the channel, ``(*batch)``.

        Raises
        ------
        InstanceError
            for a gain that no state of the channel has.
        """
        return self._by_gain.number(problem)

    # ------------------------------------------------------------------ what follows from what is done

    def rows(self, problem: HybridSlot) -> Array:
        """Return `terms.rows` of slots; asked for the same slots again, who act and what comes of it share them."""
        seen = self._seen
        if seen is None or seen[0] is not problem:
            self._seen = seen = problem, rows(problem)
        return seen[1]

    def outcome(self, problem: HybridSlot, decision: Array, allocation: SlotAllocation) -> Outcome:
        """Carry out a slot, whatever was decided: what the allocation says counts, by the paper's constraints.

        A constraint counts as kept if it is exceeded by a part of 1e-9 at most.
        """
        found = operation.outcomes(problem, decision, allocation, self.rows(problem))[..., 0, :]
        measures = {name: found[..., 1 + k] for k, name in enumerate(MEASURES)}
        measures["served"] = np.where(measures["outage"] == 0.0, problem.workload[..., 0], 0.0)
        measures["battery"] = problem.battery[..., 0]
        return Outcome(found[..., 0], {"battery": found[..., 7:]}, measures)

    def answered(self, problem: HybridSlot, decision: Array) -> SlotAllocation:
        """Return the best allocation of decisions, without certificates; a decision that cannot be is named."""
        return operation.served(problem, decision, self.rows(problem))

    # ------------------------------------------------------------------ the long run

    def settings(self) -> Mapping[str, Any]:
        """Return the channel, the workloads and the grid's step; of the gains both ways where they differ."""
        up, down = self.gains
        return {
            "states": up.tolist() if np.array_equal(up, down) else [up.tolist(), down.tolist()],
            "matrix": self.channel.matrix.tolist(),
            "workloads": self.workloads.tolist(),
            "step": self.step,
        }

    @property
    def must(self) -> bool:
        """Whether who can serve has to."""
        return bool((self._slots.service == MUST).any())

    @cached_property
    def table(self) -> Grid:
        """Rewards between batteries; strict slots are refused by name."""
        work = Chain.independent(np.full(len(self.workloads), 1.0 / len(self.workloads)))
        return grid_of(self._slots, Chain.product(self.channel, work), self.step)

    @cached_property
    def below(self) -> Moves:
        """One slot on the grid, the battery rounded down; who can serve must where `service` says so."""
        return self.table.forced() if self.must else self.table.optional(self.table.below)

    def on_grid(self, batteries: Array) -> HybridSlot:
        """Return the slots of all drawn states at some batteries, ``(drawn, batteries)``."""
        lead = (len(self._slots), len(batteries))
        found = {
            name: np.broadcast_to(value[:, None], (*lead, *value.shape[1:])) for name, value in self._slots.data().items()
        }
        found["battery"] = read_only(np.broadcast_to(batteries[:, None], (*lead, 1)))
        return self._slots._with(found)

    def drawn(self, problem: HybridSlot) -> Array:
        """Return the states of the grid's chain, ``(*batch)``."""
        return self.states(problem) * len(self.workloads) + self._by_work.number(problem)

    def grids(self) -> Grids | None:
        """Return both roundings of the battery; None where slots are strict, or who can serve must: nothing is proved."""
        if self.why_unproved() is not None:
            return None
        return Grids(self.below, self._above, self.drawn, self._points)

    def why_unproved(self) -> str | None:
        """Return that more energy may hurt, or that what strict slots earn at best is not known."""
        if self.must:
            return "who can serve must, at whatever price, so that more energy can hurt, and no rounding of it is a bound"
        if bool((self._slots.pacing == STRICT).any()):
            return "what strict slots earn at best is not proved, slot by slot"
        return None

    @cached_property
    def _above(self) -> Moves:
        return self.table.optional(self.table.above)

    def _points(self, problem: HybridSlot) -> tuple[Array, Array]:
        battery, capacity = problem.battery[..., 0], float(self._slots.battery_capacity.flat[0])
        beyond = battery > capacity
        if beyond.any():
            index = [int(k) for k in np.argwhere(beyond)[0]]
            raise InstanceError(
                f"battery{index or ''} is {battery[tuple(index)]:.6g} nJ; allowed on a grid: up to the capacity of "
                f"{capacity:.6g} nJ"
            )
        return self.table.below.at(battery), self.table.above.at(battery)

    @cached_property
    def price(self) -> ShadowPrice:
        """What stored energy is worth to the policy shadow-price, found on a path of its own."""
        from mecopt.models.hybrid_slot.dynamics.policies import tuned

        return tuned(self)

    # ------------------------------------------------------------------ policies as maps

    def chart(self) -> Chart:
        """Return battery against workload, in the worst, the middle and the best state of the channel."""
        order, works = np.lexsort(self.gains), np.argsort(self.workloads)
        states = order[np.unique([0, len(order) // 2, len(order) - 1])]
        works = works[np.unique(np.linspace(0, len(works) - 1, min(len(works), CHARTED)).astype(int))]
        batteries = np.linspace(0.0, float(self._slots.battery_capacity.flat[0]), CHARTED)
        slots = self.on_grid(batteries)
        slots = slots if self.limited_slot is None else under(self.limited_slot, slots)
        return Chart(
            slots[states[:, None] * len(self.workloads) + works],
            drawn="workload",
            carried="battery",
            quantity="energy left in the battery after the slot",
            unit="nJ",
            done=_left,
            otherwise="skipped, or not finished: an outage",
            panels=tuple(self._words(state) for state in states),
        )

    def _words(self, state: int) -> str:
        up, down = (float(gain[state]) for gain in self.gains)
        return f"channel gain {up:.3g}" if up == down else f"channel gains {up:.3g} up, {down:.3g} down"

    # ------------------------------------------------------------------ who acts

    def policies(self) -> Mapping[str, Callable[[], Policy]]:
        """Return the policies of `mecopt.models.hybrid_slot.dynamics.policies`."""
        from mecopt.models.hybrid_slot.dynamics.policies import POLICIES

        return {name: partial(make, self) for name, make in POLICIES.items()}

    def summaries(self) -> Mapping[str, str]:
        """Return what policies and ways of acting do."""
        from mecopt.models.hybrid_slot.dynamics.policies import SUMMARIES
        from mecopt.models.hybrid_slot.dynamics.worlds import MEANINGS

        return {**SUMMARIES, **MEANINGS}

    def worlds(self) -> Mapping[str, Callable[[], Any]]:
        """Return the ways of acting: energy to keep, which the solver completes, or the paper's times."""
        from mecopt.models.hybrid_slot.dynamics.worlds import WORLDS

        return {name: partial(world, dynamics=self) for name, world in WORLDS.items()}


def _left(slots: HybridSlot, decision: Array, allocation: SlotAllocation, outcome: Outcome) -> Array:
    """Return what is in the battery after slots, nan after an outage."""
    return np.where(outcome.measures["outage"] == 1.0, np.nan, outcome.carried["battery"][..., 0])
