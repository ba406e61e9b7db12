r"""Who acts in hybrid slots, slot after slot, by name; all that is decided is completed by the slot's exact solver.

What each does is said by `SUMMARIES`. Of shadow-price stored energy is worth
:math:`\lambda (E' - \kappa E'^2 / (2 E_{max}))`; the two numbers are the best of a few on a path of its own. What
dynamic-program does is best on the grid rounded down, so that it earns the bracket's lower end at least.

The policies of the grid see the battery rounded down and say what to keep, so they are feasible at the true battery, too.
Under limits of one's own on what is kept they see what the battery holds beside the least, as if that were not there; what
they would keep then and may not is moved to the nearest that limits allow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mecopt.contract.decision import SKIP
from mecopt.dynamic.average import best_average
from mecopt.dynamic.dynamics import Policy
from mecopt.dynamic.operators import Operator
from mecopt.dynamic.worlds import State
from mecopt.models.hybrid_slot.allocation import division as allocation
from mecopt.models.hybrid_slot.dynamics import operation

if TYPE_CHECKING:
    from mecopt.models.hybrid_slot.dynamics.steps import HybridDynamics
    from mecopt.models.hybrid_slot.problem import HybridSlot

Array = NDArray[Any]

CONVERGED = 1e-5
"""Width of the value iteration's own bracket at which its policy is taken."""
WORTHS = 2.0 ** np.arange(-3.0, 3.25, 0.5)
"""Worths of a full battery that are tried, beside the mean reward of slots that are served at their best."""
BENDS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
"""Values of kappa that are tried; above 1 more energy is worth less from some level on."""
TUNING_SLOTS, TUNING_LANES, TUNING_SEED = 500, 32, 0
"""The path on which the two numbers are chosen."""


class ShadowPrice(NamedTuple):
    """What stored energy is worth."""

    worth: float
    """lambda, kbit/nJ per nJ."""
    bend: float
    """kappa."""

    def of(self, points: Array) -> Array:
        """Return what batteries are worth."""
        return np.asarray(self.worth * (points - self.bend * points**2 / (2.0 * points[-1])))


def greedy(dynamics: HybridDynamics, optout: bool) -> Policy:
    """Return the policy that keeps nothing; whether it skips where that earns more."""

    def policy(slot: HybridSlot, rng: Generator) -> tuple[Array, Any]:
        decision = allocation.kept_window(slot)[0] if slot.limits else np.zeros(slot.battery.shape)
        values, parts = operation.answered(slot, decision, dynamics.rows(slot))
        skips = np.isnan(values) | ~allocation.servable(slot) if slot.limits else np.isnan(values)
        if optout:
            worse = (values < -slot.outage_penalty) & (slot.workload > 0.0)
            skips = skips | worse & (allocation.may_skip(slot) if dynamics.must else True)
        operation.whole_harvest(parts, skips)
        return np.where(skips, SKIP, decision), operation.allocated(slot, parts)

    return policy


def on_grid(dynamics: HybridDynamics, chosen: Array) -> Policy:
    """Return the policy of grid actions ``(drawn, points)``: a target point, or beyond them to skip."""
    points = dynamics.table.below.points
    kept = np.append(points, SKIP)[np.minimum(chosen, len(points))]

    def policy(slot: HybridSlot, rng: Generator) -> tuple[Array, Any]:
        least = allocation.kept_window(slot)[0] if slot.limits else np.zeros(slot.battery.shape)
        at = dynamics.table.below.at(np.maximum(slot.battery - least, 0.0)[..., 0])
        decision = kept[dynamics.drawn(slot), at][..., None]
        decision = np.where(decision == SKIP, SKIP, decision + least)
        if dynamics.must:  # the battery itself may serve what its point below cannot
            decision = np.where((decision == SKIP) & ~allocation.may_skip(slot), least, decision)
        decision = allocation.within_limits(slot, decision)
        _, parts = operation.answered(slot, decision, dynamics.rows(slot))
        return decision, operation.allocated(slot, parts)

    return policy


def looking_ahead(dynamics: HybridDynamics, forced: bool) -> Policy:
    """Return the best policy on the grid; whether it skips only where nothing serves."""
    operator = dynamics.table.forced() if forced else dynamics.below
    return on_grid(dynamics, best_average(operator, tolerance=CONVERGED).policy)


def priced(dynamics: HybridDynamics) -> Policy:
    """Return the policy of the two numbers that are best on a path of their own."""
    return on_grid(dynamics, _maximised(dynamics, dynamics.price))


def tuned(dynamics: HybridDynamics) -> ShadowPrice:
    """Return the best of `WORTHS` and `BENDS` on a path of its own, carried out on the grid rounded down."""
    grid = dynamics.table
    best = np.maximum(grid.below.reward.max(axis=1), grid.penalty[:, 0])
    size = max(float(grid.chain.stationary() @ np.maximum(best, 0.0)), np.finfo(float).tiny)
    rng = np.random.default_rng(TUNING_SEED)
    path = grid.chain.sample(rng, TUNING_SLOTS, TUNING_LANES)
    begin = rng.integers(0, len(grid.below.points), TUNING_LANES)
    tried = [ShadowPrice(float(worth * size / grid.below.points[-1]), bend) for worth in WORTHS for bend in BENDS]
    earned = [_walked(dynamics.below, _maximised(dynamics, one), path, begin) for one in tried]
    return tried[int(np.argmax(earned))]


def _maximised(dynamics: HybridDynamics, price: ShadowPrice) -> Array:
    """Return the actions that are best for the slot and what is left at its price."""
    operator = dynamics.below
    return operator.best(np.broadcast_to(price.of(dynamics.table.below.points), operator.shape))


def _walked(operator: Operator, chosen: Array, path: Array, begin: Array) -> float:
    """Return the mean reward of grid actions along a path, all lanes at once."""
    reward, following = operator.followed(chosen)
    at, total = begin, 0.0
    for drawn in path:
        total += float(reward[drawn, at].sum())
        at = following[drawn, at]
    return total / path.size


def at_random(dynamics: HybridDynamics) -> Policy:
    """Return the policy that draws the paper's action."""
    world = dynamics.world("raw")

    def policy(slot: HybridSlot, rng: Generator) -> tuple[Array, Any]:
        return world.answered(State(slot), rng.uniform(-1.0, 1.0, (*slot.batch_shape, 4)), rng)

    return policy


POLICIES: Mapping[str, Callable[[HybridDynamics], Policy]] = {
    "greedy-must": partial(greedy, optout=False),
    "greedy-optout": partial(greedy, optout=True),
    "shadow-price": priced,
    "dynamic-program": partial(looking_ahead, forced=False),
    "dynamic-program-must": partial(looking_ahead, forced=True),
    "random": at_random,
}

SUMMARIES: Mapping[str, str] = {
    "greedy-must": "keeps nothing and serves whatever can be served, the paper's greedy user",
    "greedy-optout": "the same, but skips where that earns more",
    "shadow-price": "keeps what is best at a price of stored energy: two numbers, tuned beforehand, no learning",
    "dynamic-program": "looks ahead: the best policy on the grid of batteries",
    "dynamic-program-must": "the same for who skips only where nothing serves",
    "random": "the paper's action, four times, at random",
}
"""What each policy does."""
