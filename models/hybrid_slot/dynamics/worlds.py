r"""The user's world: what it sees of a slot, and what its actions mean, in two ways, as numbers or as choices.

The solver completes: an action y from 0 to 1 says which part of what can be spent may be spent,

.. math:: q = q_{min} + y (E - q_{min}), \qquad q_{min} = \max(L_{need} - H,\ E - E_{max}),

with :math:`L_{need}` the least budget and harvest that serve the workload; so E - q, between nothing and as much as the
workload leaves, is kept. Or the user skips. Whatever is done is feasible; where nothing serves it is to skip, and where to
serve earns less than :math:`-\nu`, too, if the user may: to skip earns more and leaves no less in the battery.

Raw, as in the paper: the user says its times, and its workload follows from a rule,

.. math:: l_l = \min(r_l t_l, L), \quad l_p = \min(r_p t_p, L - l_l), \quad l_a = L - l_l - l_p ,

radio and processor resting when their bits are done. Times always fit; the energy may not, and that is an outage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.decision import SKIP
from mecopt.contract.errors import InstanceError
from mecopt.dynamic.outcome import Outcome
from mecopt.dynamic.worlds import (
    Choices,
    Numbers,
    SlotWorld,
    State,
    checked_choices,
    checked_numbers,
    checked_scale,
)
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.dynamics import operation
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics
from mecopt.models.hybrid_slot.problem import HybridSlot
from mecopt.models.hybrid_slot.terms import harvested
from mecopt.models.hybrid_slot.variables import SlotAllocation

Array = NDArray[Any]

SCALE, FLOOR = 0.5, -10.0
"""What a reward in kbit/nJ is multiplied by, and its least value then: offloading in no time costs any price. Ours."""
SKIPPED = -0.9
"""Numbers below mean to skip."""
LEVELS = 11
"""Parts of the energy that may be spent, evenly from 0 to 1, of `SolverChoices`."""
HARVESTING, COMPUTING, SENDING = (0.0, 0.15, 0.3, 0.5, 0.7, 0.9), (0.0, 0.5, 1.0), (0.02, 0.1, 0.5)
"""Of `RawChoices`: parts of the slot for harvest and processor, and the radio's part of what the harvest leaves."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HybridWorld(SlotWorld):
    """How a slot is seen and how its reward is scaled."""

    dynamics: HybridDynamics
    reward_scale: float = SCALE
    reward_floor: float = FLOOR
    """Least scaled reward."""

    def __post_init__(self) -> None:
        checked_scale(self.reward_scale)
        if not self.reward_floor <= 0.0:
            raise InstanceError(f"reward_floor is {self.reward_floor!r}; allowed: a number <= 0, or minus infinity")

    @property
    def observed(self) -> Numbers:
        """The channel's state, one number for each, and four more."""
        return Numbers(-1.0, 1.0, (self.dynamics.channel.states + 4,))

    def seen(self, state: State) -> NDArray[np.float32]:
        """Return what is seen: 1 at the channel's state, workload, battery, battery and harvest, and what serving leaves.

        Workload and battery are beside their largest, from -1 to 1; energies beside the capacity, and half of it. Larger
        numbers are cut off.
        """
        slot, channel = state.problem, self.dynamics.channel.states
        work, battery, capacity = (getattr(slot, name)[..., 0] for name in ("workload", "battery", "battery_capacity"))
        need, whole = self._need(slot)
        spare = np.where(need < np.inf, whole - need, -np.inf)[..., 0]
        rows = np.empty((*slot.batch_shape, channel + 4), dtype=np.float32)
        rows[..., :channel] = self.dynamics.states(slot)[..., None] == np.arange(channel)
        rows[..., channel] = 2.0 * work / max(float(self.dynamics.workloads.max()), np.finfo(float).tiny) - 1.0
        rows[..., channel + 1] = 2.0 * battery / capacity - 1.0
        rows[..., channel + 2] = whole[..., 0] / capacity
        rows[..., channel + 3] = np.clip(spare / (0.5 * capacity), -1.0, 1.0)
        return np.clip(rows, -1.0, 1.0)

    def reward(self, state: State, action: Array, following: State) -> Array:
        """Return what a transition earned, scaled, and no less than `reward_floor`."""
        return np.maximum(super().reward(state, action, following), self.reward_floor)

    def told(self, outcome: Outcome) -> dict[str, Any]:
        """Return reward and measures; without work there is no outage."""
        told = super().told(outcome)
        return {**told, "outage": np.nan_to_num(told["outage"], nan=0.0)}

    def _need(self, slot: HybridSlot) -> tuple[Array, Array]:
        """Return the least energy that serves each workload, and all that battery and harvest hold."""
        from mecopt.models.hybrid_slot.compiled.batch import limits

        whole = slot.battery + harvested(slot)
        numbers = self.dynamics.rows(slot)
        return limits(numbers, np.ascontiguousarray(whole.reshape(numbers.shape[:2])))[0].reshape(whole.shape), whole

    def _spending(self, slot: HybridSlot, part: Array, skips: Array) -> tuple[Array, SlotAllocation]:
        """Let the solver complete which part of what can be spent may be spent."""
        need, whole = self._need(slot)
        least = np.maximum(need - (whole - slot.battery), slot.battery - slot.battery_capacity)
        low = allocation.kept_window(slot)[0] if slot.limits else 0.0
        with np.errstate(invalid="ignore"):  # where nothing serves the need is infinite, and the user skips
            kept = np.maximum((1.0 - part) * (slot.battery - least) + part * low, low)
        serves = allocation.servable(slot, need)
        may = allocation.may_skip(slot, need)
        decision = allocation.within_limits(slot, np.where(skips & may | ~serves, SKIP, kept))
        values, parts = operation.divided(slot, decision, self.dynamics.rows(slot))
        worse = may & (values < -slot.outage_penalty) & (slot.workload > 0.0)
        operation.whole_harvest(parts, worse)
        return np.where(worse, SKIP, decision), operation.allocated(slot, parts)

    def _require_free(self) -> None:
        """Refuse times of the user's own where limits say what it keeps, since nothing is promised to be kept then."""
        slot = self.dynamics.limited_slot
        if slot is not None:
            raise InstanceError(
                f"times of the user's own promise to keep nothing, and the limit {slot.limits[0].name!r} is on what is "
                "kept; allowed: the actions solver and solver-choices"
            )

    def _timed(self, slot: HybridSlot, times: Array) -> tuple[Array, SlotAllocation]:
        """Build the allocation of times of harvesting, radio, backscatter and processor, ``(*batch, 4)``."""
        from mecopt.models.hybrid_slot.compiled.run import raw_parts

        numbers = self.dynamics.rows(slot)
        parts = raw_parts(numbers.reshape(-1, numbers.shape[-1]), np.ascontiguousarray(times.reshape(-1, 4)))
        return np.zeros(slot.battery.shape), operation.allocated(slot, parts.reshape(*slot.battery.shape, -1))


class SolverNumbers(HybridWorld):
    """A number: below `SKIPPED` to skip, from there to 1 the part of the energy that may be spent."""

    @property
    def acted(self) -> Numbers:
        """One number."""
        return Numbers(-1.0, 1.0, (1,))

    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, SlotAllocation]:
        """Return what is kept, and the solver's answer to it."""
        given = checked_numbers(action, (*state.problem.batch_shape, 1))
        part = np.clip((given - SKIPPED) / (1.0 - SKIPPED), 0.0, 1.0)
        return self._spending(state.problem, part, given < SKIPPED)


class SolverChoices(HybridWorld):
    """`LEVELS` parts of the energy that may be spent, and to skip."""

    @property
    def acted(self) -> Choices:
        """The levels, then to skip."""
        return Choices(LEVELS + 1)

    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, SlotAllocation]:
        """Return what is kept, and the solver's answer to it."""
        given = checked_choices(action, state.problem.batch_shape, LEVELS + 1)[..., None]
        return self._spending(state.problem, np.minimum(given / (LEVELS - 1.0), 1.0), given == LEVELS)


class Raw(HybridWorld):
    """The paper's times: the softmax of four times three numbers, and the processor's from -1 to 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_free()

    @property
    def acted(self) -> Numbers:
        """Harvesting, radio, backscatter, processor."""
        return Numbers(-1.0, 1.0, (4,))

    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, SlotAllocation]:
        """Return times, and the work that follows from them; nothing is promised to be kept."""
        given = checked_numbers(action, (*state.problem.batch_shape, 4))
        grown = np.exp(4.0 * given[..., :3])
        shares = grown / grown.sum(axis=-1, keepdims=True)
        return self._timed(state.problem, np.concatenate([shares, 0.5 * (given[..., 3:] + 1.0)], axis=-1))


class RawChoices(HybridWorld):
    """`HARVESTING` by `COMPUTING` by `SENDING`, and last to skip."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_free()

    @property
    def acted(self) -> Choices:
        """All combinations, then to skip."""
        return Choices(len(COMBINED) + 1)

    def answered(self, state: State, action: Array, rng: Generator) -> tuple[Array, SlotAllocation]:
        """Return times, and the work that follows from them; nothing is promised to be kept."""
        number = checked_choices(action, state.problem.batch_shape, len(COMBINED) + 1)
        skips = number == len(COMBINED)
        decision, allocated = self._timed(state.problem, COMBINED[np.where(skips, 0, number)])
        return np.where(skips[..., None], SKIP, decision), allocated


COMBINED = np.array(
    [(t, (1.0 - t) * part, (1.0 - t) * (1.0 - part), local) for t, local, part in product(HARVESTING, COMPUTING, SENDING)]
)
"""Times of `RawChoices`."""

WORLDS: Mapping[str, Callable[..., HybridWorld]] = {
    "solver": SolverNumbers,
    "solver-choices": SolverChoices,
    "raw": Raw,
    "raw-choices": RawChoices,
}
"""Ways of acting by name; the first is the default."""

MEANINGS: Mapping[str, str] = {
    "solver": "a number: which part of what can be spent may be spent, completed by the solver, or to skip",
    "solver-choices": f"one of {LEVELS} such parts, or to skip",
    "raw": "the paper's: four numbers, the slot's times",
    "raw-choices": f"one of {len(COMBINED)} sets of times, or to skip",
}
"""What an action is, for each way of acting."""
