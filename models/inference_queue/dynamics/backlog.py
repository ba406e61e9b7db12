r"""One device on its own, in the long run: what its queue costs at a price of what it offloads, between proved bounds.

With whole tasks the queue of a device is whole whenever a block begins, so the sub-problem of a device is exact on the
numbers 0, 1, 2, ...; only its channel is continuous. Let m tasks wait, let h be drawn from the channel and a from the
arrivals. What m tasks cost from here on is

.. math:: U(m) = \mathrm E_{h, a} \Big[ w_3 m + \min_s\ e(s, h; \lambda) + \gamma U(m - s + a) \Big] ,

the minimum inside the expectation where who decides knows the arrivals of the block, as the paper's devices do, and outside
that over a where it does not (``causal``).

**The channel.** e falls as h rises, and so does the minimum. Cut the law of h into N equally likely cells: with the upper
end of every cell U comes out no greater than it is, with the lower end no less. So the two bracket the continuous law, by
about a constant over N.

**The queue.** Cut it off after M tasks; what exceeds M leaves as it comes, and costs so much that waits for so many blocks,

.. math:: U(M + x) \approx U(M) + x\, w_3 (1 + \gamma + \dots + \gamma^{\tau - 1}) .

- With :math:`\tau = \infty` U comes out no less than it is: who leaves the last x tasks where they are, for ever, pays that.
- With :math:`\tau = \lfloor M / S \rfloor + 1` it comes out no greater, S being the most tasks that leave in a block. For
  let the last x of M + x tasks be done last, and let M tasks be served as they are, as long as there are enough: until more
  than M have left, in :math:`\tau` blocks at least, it is x tasks less that wait. Afterwards what is missing costs nothing,
  since fewer tasks that leave cost no more.

Both add a constant to what is known of M tasks, so that constants pass through the operator, without which
`mecopt.dynamic.discounted` proves nothing.

Reference: paper 002, (16)-(19), the sub-problem of a device. Ours: whole tasks, the price, the brackets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.arguments import checked_number
from mecopt.contract.errors import InstanceError
from mecopt.dynamic.chain import Chain
from mecopt.dynamic.discounted import Values
from mecopt.dynamic.operators import Sweep

Array = NDArray[Any]

ALONE = Chain.of([[1.0]])


class Backlog(Sweep):
    """One block of a device, channel and arrivals folded in; earns the negative of what it costs.

    Parameters
    ----------
    costs
        e of every cell of the channel and every number of tasks that leave, ``(cells, pieces)``; infinite where it cannot
        be, finite where none leaves.
    arrivals
        probability of 0, 1, ... tasks that come in the block.
    waiting
        :math:`w_3 W`, what a task costs that waits a block.
    longest
        M, the longest queue looked at.
    beyond
        what a task costs that exceeds M, discounted by a block; 0 forgets it. See `exceeding`.
    causal
        whether who decides does not know the arrivals of the block.
    """

    chain = ALONE

    def __init__(
        self,
        costs: ArrayLike,
        arrivals: ArrayLike,
        waiting: float,
        longest: int,
        *,
        beyond: float = 0.0,
        causal: bool = False,
    ) -> None:
        given, law = np.array(costs, dtype=float), np.array(arrivals, dtype=float)
        if given.ndim != 2 or not given.size or np.isnan(given).any() or not np.isfinite(given[:, 0]).all():
            raise InstanceError(f"costs has shape {given.shape}; allowed: (cells, pieces), finite where no task leaves")
        if law.ndim != 1 or not (law >= 0.0).all() or abs(law.sum() - 1.0) > 1e-9:
            raise InstanceError(f"arrivals sum to {law.sum():.12g}; allowed: probabilities that sum to 1")
        if longest < 1:
            raise InstanceError(f"longest is {longest}; allowed: at least 1")
        self.costs, self.law = given, law / law.sum()
        checked_number("beyond", beyond)
        self.waiting, self.causal, self.beyond = float(waiting), causal, float(beyond)
        self.carried = longest + 1

    @property
    def terms(self) -> int:
        """Cells and arrivals are added up."""
        return len(self.costs) + len(self.law)

    def improved(self, following: Array) -> Array:
        """Take the best number of tasks in every cell and for every queue, and the mean."""
        from mecopt.models.inference_queue.compiled.sweeps import best_leaving

        inside, arriving = following[0], len(self.law) - 1
        worth = np.concatenate((inside, inside[-1] - self.beyond * np.arange(1, arriving + 1)))
        if self.causal:
            worth = np.convolve(worth, self.law[::-1], "valid")
        known = np.ones(1) if self.causal else self.law
        return np.asarray(best_leaving(self.costs, known, self.waiting, worth, self.carried))[None]


def costs_between(found: Values) -> Array:
    """Return costs from below and above of rewards from above and below, ``(2, M + 1)``."""
    return np.stack((-found.upper[0], -found.lower[0]))


def exceeding(waiting: float, discount: float, blocks: float = np.inf) -> float:
    """Return what a task costs that waits from the next block on, for so many; discounted by a block."""
    return float(discount * waiting * (1.0 - discount**blocks) / (1.0 - discount))
