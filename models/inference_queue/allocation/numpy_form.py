"""The splits in plain numpy: scipy's Lambert W without a price, bisection with one; shares no code with what is compiled.

An oracle, and what is measured against: it holds for whatever an ordinary exponential can express.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.backend import Answer, Backend, Feature
from mecopt.contract.problem import Problem
from mecopt.contract.solution import Solution
from mecopt.models.inference_queue import terms
from mecopt.models.inference_queue.allocation import splits as allocation
from mecopt.models.inference_queue.variables import WorkPrice
from mecopt.running import clock

if TYPE_CHECKING:
    from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]

HALVINGS = 60


def by_lambert(cube: Array, sending: Array, nats: Array, work: Array) -> Array:
    r"""Return z at which the costs of both ways balance without a price.

    .. math:: z = \frac 2L W_0\Big(\frac L2 \sqrt{C}\Big), \qquad C = \frac{R L\, e^{L w}}{3 A} .
    """
    from scipy.special import lambertw

    return np.asarray(2.0 / nats * lambertw(0.5 * nats * np.sqrt(sending * nats * np.exp(nats * work) / (3.0 * cube))).real)


def by_bisection(cube: Array, sending: Array, nats: Array, price: Array, work: Array, least: Array, most: Array) -> Array:
    """Return the part to offload at which the increasing derivative of the cost is 0, between least and most."""
    low, high = np.array(least), np.array(most)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        rising = price + sending * nats * np.exp(nats * middle) >= 3.0 * cube * (work - middle) ** 2
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    return np.asarray(0.5 * (low + high))


def offloaded_parts(problem: InferenceQueue, decision: Array) -> Array:
    """Return the best part of a task to offload of every piece, ``(*batch, *candidates, users)``."""
    cube, local, nats, slope, reach = np.moveaxis(problem.aligned(terms.rows(problem), decision), -1, 0)
    snr, price = problem.aligned("snr_per_watt", decision), problem.aligned(terms.price(problem), decision)
    work = allocation.work_of(problem, decision)
    with np.errstate(all="ignore"):
        most = np.minimum(np.minimum(np.log1p(snr * reach) / nats, 1.0), work)
        least = np.clip(np.where(work - local > terms.TOLERATED * work, work - local, 0.0), 0.0, most)
        cost = np.broadcast_to(slope / snr / nats, work.shape)
        if price.any():
            found = by_bisection(cube, cost, nats, price, work, least, most)
        else:
            found = work - by_lambert(cube, cost, nats, work)
            found = np.where(np.isnan(found), least, found)
        return np.clip(found, least, most)


class PlainNumpy(Backend):
    """The splits of a batch in plain numpy, with the prices of work that they imply."""

    name = "numpy"
    summary = "scipy's Lambert W, with a price bisection, in plain numpy; batched"
    features = Feature.BATCH
    imports = ("scipy.special",)

    def allocate(
        self, problem: Problem, decision: Array, *, start: Solution | None, tol: float, time_limit: float | None
    ) -> Answer:
        """Evaluate the formulas for the whole batch."""
        began = clock.now()
        offloaded = offloaded_parts(problem, decision)  # type: ignore[arg-type]
        solved = clock.now()
        offloaded = np.where(problem.infeasible(decision)[..., None], np.nan, offloaded)
        answer = allocation.told(problem, decision, offloaded)  # type: ignore[arg-type]
        price = implied_price(problem, decision, answer.local_work, offloaded)  # type: ignore[arg-type]
        iterations = np.zeros(problem.decision_space.lead(decision), dtype=int)
        return Answer(answer, WorkPrice(work_price=price), iterations, 0.0, solved - began)


def implied_price(problem: InferenceQueue, decision: Array, local: Array, offloaded: Array) -> Array:
    """Return what the last of the work costs: of the processor, or of the radio where the processor is at its limit."""
    cube, most, nats, slope, _ = np.moveaxis(problem.aligned(terms.rows(problem), decision), -1, 0)
    snr, price = problem.aligned("snr_per_watt", decision), problem.aligned(terms.price(problem), decision)
    with np.errstate(all="ignore"):
        computed, sent = 3.0 * cube * local**2, price + slope / snr * np.exp(nats * offloaded)
    helps = (offloaded > 0.0) & (local >= most * (1.0 - terms.TOLERATED))
    return np.asarray(np.where(helps, np.maximum(computed, sent), computed))
