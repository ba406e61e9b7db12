"""The user's environments for Gymnasium, one lane and many: shells over its worlds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mecopt.contract.errors import unknown
from mecopt.dynamic.environments import SlotEnv, SlotVectorEnv, world_of
from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics
from mecopt.models.hybrid_slot.dynamics.worlds import WORLDS, HybridWorld

SLOTS = 100
"""Slots of an episode."""


class HybridSlotEnv(SlotEnv):
    r"""A user that lives on what it harvests, slot after slot (paper 000).

    **Description.** In every slot the user has work to do: it may harvest the access point's carrier, send by radio, reflect
    the carrier, and compute beside all of it, or leave the work. What it does not spend stays in its battery. The channel is
    a Markov chain, work is drawn anew for every slot, the same for equal seeds whatever is done.

    **Action space.** By `actions`:

    ==================  ==============  =====================================================================================
    actions             space           meaning
    ==================  ==============  =====================================================================================
    solver              Box(-1, 1, 1)   below -0.9 to skip; from there to 1 which part of what can be spent may be spent, the
                                        slot's exact solver does the rest
    solver-choices      Discrete(12)    parts 0, 0.1, ..., 1, and last to skip
    raw                 Box(-1, 1, 4)   the paper's: times of harvest, radio and backscatter by the softmax of four times the
                                        numbers, and the processor's time; the work follows from a rule
    raw-choices         Discrete(55)    harvest 0, .15, .3, .5, .7, .9 by processor 0, .5, 1 by the radio's part of what is
                                        left .02, .1, .5, and last to skip
    ==================  ==============  =====================================================================================

    Where nothing serves the solver skips, and where to serve earns less than an outage, if the user may. Raw times that need
    more energy than there is are an outage.

    **Observation space.** A `Box(-1, 1)` of float32, 9 numbers for the five channel states of the presets; larger ones are
    cut off. Of other channels the first row has as many numbers as there are states.

    ==================  ===============================================  =======================================
    number              what is seen                                     beside
    ==================  ===============================================  =======================================
    0 ... 4             1 at the channel's state, 0 elsewhere
    5                   workload, kbit, from -1 to 1                     the largest
    6                   energy in the battery, nJ, from -1 to 1          its capacity
    7                   battery and a whole slot's harvest, nJ           the capacity
    8                   what of that serving leaves at most, nJ           half of the capacity
    ==================  ===============================================  =======================================

    **Rewards.** Workload over energy less the price of offloading, in kbit/nJ, less the penalty at an outage; times
    `reward_scale`, and no less than `reward_floor`. ``info`` after a step: ``reward`` (neither scaled nor cut), ``outage``,
    ``served``, ``local``, ``active`` and ``passive`` in kbit, ``harvested``, ``spent`` and ``battery`` (as the
    slot began) in nJ.

    **Starting state.** A channel state by the chain's stationary law, any workload, the battery anywhere up to its capacity.

    **Episode end.** Never terminated; truncated after `slots` slots.

    **Version history.** v0: initial version.

    Parameters
    ----------
    preset, states, matrix, workloads
        as of `mecopt.models.hybrid_slot.dynamics.steps.HybridDynamics`.
    actions
        what an action means, see above.
    reward_scale, reward_floor
        of the reward; `mecopt.models.hybrid_slot.dynamics.worlds.SCALE` and `FLOOR` unless given; a floor of minus infinity
        cuts nothing.
    slots
        of an episode.
    render_mode
        taken because toolkits hand it in; there are no pictures.
    **fields
        any field of `HybridSlot`: replaces what the preset says.
    """

    world: HybridWorld

    def __init__(self, *, actions: str = "solver", slots: int = SLOTS, render_mode: str | None = None, **given: Any) -> None:
        super().__init__(world_of(_acting(actions), HybridDynamics, given), slots, render_mode)


class HybridSlotVectorEnv(SlotVectorEnv):
    """Many users of `HybridSlotEnv` side by side, each slot of all of them in one call; parameters are the same."""

    world: HybridWorld

    def __init__(self, *, num_envs: int = 1, actions: str = "solver", slots: int = SLOTS, **given: Any) -> None:
        super().__init__(world_of(_acting(actions), HybridDynamics, given), slots, num_envs)


def _acting(actions: str) -> Callable[..., HybridWorld]:
    """Return the world of a way of acting."""
    if actions not in WORLDS:
        raise unknown(f"way of acting in {HybridDynamics.name}", actions, WORLDS)
    return WORLDS[actions]
