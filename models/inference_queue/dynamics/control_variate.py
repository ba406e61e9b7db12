r"""The luck of devices: what channels and arrivals of a block make of a device's cost, less its mean.

With the values :math:`U_k` of devices that pay the server's price (`mecopt.models.inference_queue.dynamics.network`), what m
tasks cost once the channel h and the arrivals a of the block are drawn is

.. math:: \varphi(m; h, a) = w_3 m + \min_s\ e(s, h; \gamma \lambda) + \gamma U(m - s + a) ,

s being chosen before a is known where arrivals are ``causal``. Its luck, :math:`\varphi - \mathrm E_{h, a} \varphi`, has the
mean 0 in every block, whatever is done (`mecopt.dynamic.control_variates`).

**What is exact.** The law of a is finite, and the function of h that is used is not the one above but that which has its
values at `NODES` and is linear between them in :math:`u = 1 - e^{-h / \bar h}`. Of that the mean over the continuous channel
is the trapezoidal rule, to rounding, from the device's own :math:`\bar h`; so it is for queues longer than the table, which
are taken for its longest, and for values that are off, as those of a few cells are, or of a device whose channel was
rounded: all of this leaves luck in the sums, and no mean in the luck.

**What remains** of the sum of discounted costs of `priced` devices is, with :math:`X_t` and :math:`Q_t` of the server,

.. math:: \sum_k U_k(m_k) + \sum_t \gamma^t \big(w_1 Q_t + c X_t^3 - \gamma \lambda Y_t\big) ,

in which the price makes what devices leave, :math:`Y_t`, and what it costs the server later nearly cancel.

Where channels are given (``snr_per_watt``) they are not drawn, and nothing is taken off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.dynamic.control_variates import Nodes
from mecopt.kernels.arrays import plain

if TYPE_CHECKING:
    from mecopt.models.inference_queue.dynamics.steps import QueueDynamics
    from mecopt.models.inference_queue.problem import InferenceQueue

Array = NDArray[Any]

CHANNELS = np.concatenate(([0.0], np.geomspace(1e-6, 25.0, 126), [60.0]))
"""Channels over their means at which costs are known; ours. Beyond the last one lies no number that a float can tell."""
NODES = Nodes(-np.expm1(-CHANNELS))


class DeviceLuck:
    """What the draws of blocks cost the devices, less its mean.

    Parameters
    ----------
    dynamics
        of the network, its channels drawn.
    """

    def __init__(self, dynamics: QueueDynamics) -> None:
        from mecopt.models.inference_queue.compiled.sweeps import mean_costs

        network = dynamics.network
        self.dynamics, self.kind_of = dynamics, network.kind_of
        free = network.free(dynamics.discount * network.price.price)
        self.costs = np.stack([free(kind, kind.mean_snr * CHANNELS) for kind in network.kinds])
        """Of leaving tasks, ``(kinds, nodes, pieces)``."""
        values = dynamics.discount * network.priced_values[np.unique(self.kind_of, return_index=True)[1]]
        arriving = len(network.arrivals) - 1
        slope = values[:, -1:] - values[:, -2:-1]
        longer = np.concatenate((values, values[:, -1:] + slope * np.arange(1, arriving + 1)), axis=1)
        self.worth = plain(longer, np.float64)
        """Discounted, of tasks after the block, ``(kinds, M + 1 + n)``."""
        law = plain(network.arrivals, np.float64)
        self.known = law if dynamics.causal else np.ones(1)
        weights = plain(NODES.weights, np.float64)
        self.mean = mean_costs(self.costs, self.worth, weights, law, self.known, dynamics.waiting_weight)
        """Of queues, ``(kinds, M + 1)``."""

    def __call__(self, slots: InferenceQueue) -> Array:
        """Return minus that, summed over devices, ``(*batch)``."""
        from mecopt.models.inference_queue.compiled.sweeps import luck_of

        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.dynamics.mean_snr > 0.0, slots.snr_per_watt / self.dynamics.mean_snr, 0.0)
        below, part = NODES.place(-np.expm1(-ratio))
        kinds = np.broadcast_to(self.kind_of, ratio.shape)
        of = (kinds, slots.backlog, slots.arrivals, below)
        flat = [plain(one, np.int64).reshape(-1) for one in of]
        tables = (self.costs, self.worth, self.mean, self.known, self.dynamics.waiting_weight)
        found = luck_of(*tables, *flat, plain(part, np.float64).reshape(-1))
        return -found.reshape(ratio.shape).sum(axis=-1)


def device_luck(dynamics: QueueDynamics) -> DeviceLuck | None:
    """Return the luck of devices; None where their channels are given."""
    return DeviceLuck(dynamics) if dynamics.fades else None
