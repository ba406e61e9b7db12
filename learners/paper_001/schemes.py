"""Figure 4b: the schemes on common frames.

What a scheme may do the next one may do, too: local computing alone, with active transmission, with passive transmission. On
the same frames with the same batteries the optimum of each can only be better than that of the one before. In rollouts of
their own, schemes have other batteries and serve other users, so that neither order nor its opposite is sure.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.errors import InstanceError
from mecopt.learners.paper_001.measures import REWARDS
from mecopt.learners.paper_001.names import EFFICIENCY
from mecopt.learners.paper_001.policies import MODES, Rule, random_of
from mecopt.learners.paper_001.worlds import World, stream
from mecopt.models.backscatter_frame.admission import served
from mecopt.models.backscatter_frame.dynamics.steps import BITS_PER_ENERGY, carried_out
from mecopt.solve import allocate, solve

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Common:
    """The schemes on the same frames, in the order of `MODES`: Hybrid, Active-enabled, MEC-disabled."""

    work: Array
    """``(frames,)`` kbit."""
    energy: Array
    """E_o ``(schemes, frames)``, mJ."""
    served: Array
    """Whether a scheme serves all users ``(schemes, frames)``."""
    disorder: float
    """By how much the cost of a scheme, unserved work included, exceeds that of a later one at most, in any frame; relative
    to the cost and a carrier kept on for a slot."""

    def efficiencies(self, shown: Array, average: str) -> Array:
        """Return the efficiency of every scheme over some frames, kbit/J.

        Raises
        ------
        InstanceError
            where there is none.
        """
        spent = self.energy[:, shown] + REWARDS.static_energy
        done = BITS_PER_ENERGY * self.work[shown]
        if not done.size:
            raise InstanceError(f"of {self.work.size} common frames all schemes serve none; allowed: at least one")
        return np.asarray(done.sum() / spent.sum(axis=-1) if average == EFFICIENCY else (done / spent).mean(axis=-1))


def common(world: World, rule: Rule | None, seed: int, count: int) -> Common:
    """Let all schemes answer the same frames, batteries as they are drawn, with beams of a rule or exact ones."""
    frames = stream(world, seed, 1, count)[0]
    costs, energies, all_served = [], [], []
    for mode in MODES.values():
        problem = dataclasses.replace(frames, mode=mode)
        answer = allocate(problem, rule(frames, random_of(seed, 3))) if rule else solve(problem)
        costs.append(answer.objective)
        energies.append(carried_out(problem, answer.decision, answer.allocation).energy)
        all_served.append(served(problem, answer.allocation).all(axis=-1))
    above = np.array([(costs[k] - costs[k + 1]) / (np.abs(costs[k + 1]) + frames.negligible) for k in range(len(costs) - 1)])
    return Common(frames.workload.sum(axis=-1), np.array(energies), np.array(all_served), float(above.max()))
