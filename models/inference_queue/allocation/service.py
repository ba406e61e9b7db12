r"""The server's block, which no decision of a device touches: how much to process of what waits.

.. math:: \min_{0 \le X \le \min(Q, X_{\max})} c X^3 + v_s (Q - X), \qquad
    c = w_2 \frac{\xi_s W_s^3}{(n\tau)^2}, \quad X_{\max} = \frac{f_{s,\max} n \tau}{W_s} .

X is a number of the server's tasks, and equal speeds in all slots are best, as for the devices. The optimum is
:math:`\sqrt{v_s / (3 c)}`, or the end that is nearer. The cube lies above its tangent at any :math:`\hat X`, so with
:math:`\mu = 3 c \hat X^2`

.. math:: c X^3 + v_s (Q - X)\ \ge\ v_s Q - 2 c \hat X^3 + \min(0, \mu - v_s)\, \min(Q, X_{\max}) ,

which is the optimum itself where :math:`\hat X` is; formed so that what cancels is what remains of the queue only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.derived import of_data, shared

if TYPE_CHECKING:
    from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]


@of_data
def cube(problem: InferenceQueue) -> Array:
    """Return c, what one task costs that the server processes in a block, ``(*batch)``."""
    speed = problem.server_task / (problem.slots * problem.slot)
    weight = problem.server_energy_weight * problem.server_energy_coefficient
    return np.asarray(weight * (speed * speed * problem.server_task))


@of_data
def most(problem: InferenceQueue) -> Array:
    """Return X_max, the tasks that the server processes in a block at most, ``(*batch)``."""
    return np.asarray(problem.server_speed / problem.server_task * (problem.slots * problem.slot))


@of_data
def best_work(problem: InferenceQueue) -> Array:
    """Return X, the tasks that the server processes at best, ``(*batch)``."""
    end = np.minimum(problem.server_backlog, most(problem))
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.sqrt(problem.server_value / (3.0 * cube(problem)))
    return np.asarray(np.where(inside < end, inside, np.where(problem.server_value > 0.0, end, 0.0)))


def rate(problem: InferenceQueue, work: Array) -> Array:
    """Return the server's speed for so many tasks in a block, in cycle/s."""
    return np.asarray(work * (problem.server_task / (problem.slots * problem.slot)))


@of_data
def best_rate(problem: InferenceQueue) -> Array:
    """Return the server's speed at `best_work`, in cycle/s, ``(*batch)``."""
    return rate(problem, shared(best_work, problem))


@of_data
def bound(problem: InferenceQueue) -> Array:
    """Return a lower bound of what the server's block costs, by the tangent at `best_work`, ``(*batch)``."""
    work, dear, value = best_work(problem), cube(problem), problem.server_value
    end = np.minimum(problem.server_backlog, most(problem))
    at_end = dear * work * work * (3.0 * end - 2.0 * work) + value * (problem.server_backlog - end)
    at_none = value * problem.server_backlog - 2.0 * dear * work**3
    return np.asarray(np.maximum(np.where(3.0 * dear * work * work < value, at_end, at_none), 0.0))
