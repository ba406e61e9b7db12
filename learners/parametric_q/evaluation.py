r"""What devices cost that have learned, exactly, on equally likely cells of their channel.

A device that acts alone makes a chain of its queue: from m tasks, in cell i of N with arrivals a, it leads to
:math:`m - s(i, m, a) + a`, at a cost of :math:`w_3 m + A z^3 + R (e^{L y} - 1) + \lambda y`. What m tasks cost from here
on is the solution of as many linear equations as there are queues, :math:`U = c + \gamma P U`, without iterations. The
cells' medians and what exceeds the longest queue are taken as `mecopt.models.inference_queue.dynamics.network` takes them
for the best values, so the two differ by what devices do, and by nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.parametric_q.actors import Actor
from mecopt.learners.parametric_q.learning import energy_cost
from mecopt.models.inference_queue.dynamics.backlog import exceeding
from mecopt.models.inference_queue.dynamics.steps import QueueDynamics

Array = NDArray[Any]


def costs_of(dynamics: QueueDynamics, actor: Actor, user: int = 0, *, cells: int = 128, price: float = 0.0) -> Array:
    """Return what the queues of a device cost from here on, ``(longest + 1,)``.

    Parameters
    ----------
    dynamics
        of its network.
    actor
        what its devices do.
    user
        which of them.
    cells
        of the channel.
    price
        what a task of the server costs that is left to it.
    """
    one, law = slice(user, user + 1), dynamics.network.arrivals
    snr = dynamics.channel(float(dynamics.mean_snr[user]), cells, 0.5)
    queues, known = dynamics.network.longest + 1, 1 if dynamics.causal else len(law)
    shape = (len(snr), queues, known, 1)
    channel = np.broadcast_to(snr[:, None, None, None], shape)
    waiting = np.broadcast_to(np.arange(queues, dtype=float)[:, None, None], shape)
    arriving = np.broadcast_to(np.arange(known, dtype=float)[:, None], shape)
    done = actor.of(user)(dynamics.rows[one], channel, waiting, arriving)
    paid = energy_cost(dynamics, channel, done.local, done.offloaded, one) + price * dynamics.shares[user] * done.offloaded
    left, spent = waiting - done.leaving, paid[..., 0].mean(axis=0)
    cost = dynamics.waiting_weight * np.arange(queues) + (spent[:, 0] if known == 1 else spent @ law)
    moves = np.zeros((queues, queues))
    more = exceeding(dynamics.waiting_weight, dynamics.discount)
    for a, likely in enumerate(law):
        after = left[:, :, min(a, known - 1), 0] + a
        cost += likely * more * np.maximum(after - (queues - 1), 0.0).mean(axis=0)
        following = np.minimum(after, queues - 1).astype(int)
        for m in range(queues):
            moves[m] += likely * np.bincount(following[:, m], minlength=queues) / len(snr)
    return np.asarray(np.linalg.solve(np.eye(queues) - dynamics.discount * moves, cost))


def best_costs(dynamics: QueueDynamics, cells: int = 128, price: float = 0.0) -> Array:
    """Return what the queues of all devices cost at best on the same cells, ``(users, longest + 1)``."""
    return dynamics.network.values(dynamics.network.free(price), cells)


def gap(dynamics: QueueDynamics, actor: Actor, best: Array, *, cells: int = 128, price: float = 0.0) -> float:
    """Return how much more all devices cost than at best, as a part of it, from the queues with which they begin.

    It is nan where the best cost next to nothing, as without arrivals, so that no part of it can be told to a thousandth.

    Parameters
    ----------
    best
        as `best_costs` returns it for the same cells and price.
    """
    begin = np.minimum(dynamics.one.backlog, dynamics.network.longest).astype(int)
    paid = [costs_of(dynamics, actor, k, cells=cells, price=price)[begin[k]] for k in range(len(begin))]
    least = float(best[np.arange(len(begin)), begin].sum())
    told = 1e-3 * least > len(begin) * dynamics.network.resolution
    return float(np.sum(paid)) / least - 1.0 if told else float("nan")
