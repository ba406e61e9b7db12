r"""One piece of one device's block, compiled: how much of the work that leaves is computed, and how much offloaded.

Of the work w the device computes z and offloads y = w - z, which costs

.. math:: A z^3 + R\,(e^{L y} - 1) + \lambda y, \qquad R = w_4 \tau \Gamma / h .

That is strictly convex. At a split inside, :math:`3 A z^2 = \lambda + R L e^{L y}`; with
:math:`\zeta^2 = \lambda / (3 A)` and :math:`z = \zeta + d` its logarithm is

.. math:: \ln d + \ln(d + 2 \zeta) + L d = \ln\frac{R L}{3 A} + L (w - \zeta) ,

whose left side increases in d. Without a price it is Lambert's, :math:`z = (2/L)\, W_0(\tfrac L2 \sqrt C)` with
:math:`C = R L e^{L w} / (3 A)`; with one it is convex in :math:`\ln d`, and Newton falls to its root from above. Nothing
overflows, since only logarithms of exponentials occur.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.kernels.lambert import lambert_of_exponential
from mecopt.models.inference_queue.terms import TOLERATED

Floats = NDArray[np.float64]

LARGEST = 600.0
"""Exponent from which a product with an exponential is formed as a sum of logarithms."""


class Device(NamedTuple):
    """The constants of a device."""

    cube: float
    """A: cost of one task computed in the block; of z tasks it is A z^3."""
    most_local: float
    """Tasks that it computes in a block at most."""
    nats: float
    """L: nats per channel use of a whole task."""
    slope: float
    """h R L: over h it is what the first bits cost per task."""
    reach: float
    """p_max / Gamma: times h it is the signal-to-noise ratio at full power."""


class Link(NamedTuple):
    """The radio of a block."""

    slope: float
    """R L: what the first bits cost per task; infinite without a link."""
    log_slope: float
    most: float
    """Part of a task that full power carries, 1 at most."""
    price: float
    """lambda."""


class Split(NamedTuple):
    """How the work of a piece is divided, and what it costs."""

    cost: float
    local: float
    offloaded: float


@compiled
def device_of(row: Floats) -> Device:
    """Return a device from its numbers, in the order of the fields."""
    return Device(row[0], row[1], row[2], row[3], row[4])


@compiled
def link_of(device: Device, snr: float, price: float) -> Link:
    """Return the radio at an SNR per watt and a price of what is offloaded."""
    if snr <= 0.0 or device.reach <= 0.0:
        return Link(np.inf, np.inf, 0.0, price)
    ratio = snr * device.reach
    full = np.log1p(ratio) if ratio < 1e300 else np.log(snr) + np.log(device.reach)
    most = 1.0 if full >= device.nats else full / device.nats
    return Link(device.slope / snr, np.log(device.slope) - np.log(snr), most, price)


@compiled
def sending_cost(device: Device, link: Link, offloaded: float) -> float:
    """Return R (exp(L y) - 1)."""
    nats = device.nats * offloaded
    if offloaded <= 0.0 or device.slope <= 0.0:
        return 0.0
    if nats <= 0.0:
        return link.slope * offloaded
    if nats < LARGEST:
        return link.slope * (np.expm1(nats) / device.nats)
    return np.exp(link.log_slope - np.log(device.nats) + nats)


@compiled
def sending_slope(device: Device, link: Link, offloaded: float) -> float:
    """Return what a little more offloaded costs per task: lambda + R L exp(L y)."""
    return link.price + np.exp(link.log_slope + device.nats * offloaded)


@compiled
def balanced(level: float, nats: float, floor: float, most: float) -> float:
    """Return d > 0 with ``log(d) + log(d + 2 floor) + nats d = level``, or most if that is less."""
    if level == -np.inf or most <= 0.0:
        return 0.0
    if floor <= 0.0:
        return lambert_of_exponential(0.5 * level + np.log(0.5 * nats)) * 2.0 / nats
    t = min(level - np.log(2.0 * floor), np.log(most))
    for _ in range(60):
        d = np.exp(t)
        step = (t + np.log(2.0 * floor + d) + nats * d - level) / (1.0 + d / (2.0 * floor + d) + nats * d)
        t -= step
        if not abs(step) > 4e-16 * max(abs(t), 1.0):
            break
    return np.exp(t)


@compiled
def best_split(device: Device, link: Link, work: float) -> Split:
    """Return the best division of the work of a piece; infinite cost where it cannot leave in one block."""
    most, least = min(link.most, work), work - device.most_local
    if least > most + TOLERATED * work:
        return Split(np.inf, np.nan, np.nan)
    if least <= TOLERATED * work:
        least = 0.0
    offloaded = inner_split(device, link, work, min(least, most), most)
    local = min(work - offloaded, device.most_local)
    cost = device.cube * local * local * local if local > 0.0 else 0.0
    cost += sending_cost(device, link, offloaded)
    return Split(cost + link.price * offloaded, local, offloaded)


@compiled
def inner_split(device: Device, link: Link, work: float, least: float, most: float) -> float:
    """Return the part of a task to offload, between least and most."""
    if least >= most:
        return most
    steep = 3.0 * device.cube
    if steep * (work - most) ** 2 >= sending_slope(device, link, most):
        return most
    if steep * (work - least) ** 2 <= sending_slope(device, link, least):
        return least
    floor = np.sqrt(link.price / steep)
    level = link.log_slope + device.nats * (work - floor) - np.log(steep)
    local = floor + balanced(level, device.nats, floor, work - least - floor)
    return min(max(work - local, least), most)


@compiled
def work_price(device: Device, link: Link, split: Split) -> float:
    """Return what the last of the work costs per task: of the processor, or of the radio where it has to help.

    What is computed is the small difference of a piece and what is offloaded of it, where the processor is slow.
    """
    price = 3.0 * device.cube * split.local * split.local
    rounding = TOLERATED * (split.local + split.offloaded)
    if split.offloaded > 0.0 and split.local >= device.most_local - rounding:
        return max(price, sending_slope(device, link, split.offloaded))
    return price


@compiled
def work_bound(device: Device, link: Link, work: float, price: float) -> float:
    r"""Return a lower bound of the cost of a piece, at any price of work.

    .. math:: \min_{z \le z_{\max},\, y \le y_{\max}} A z^3 + R (e^{L y} - 1) + \lambda y + \mu (w - z - y) ,

    formed so that what cancels is the work that is missing only.
    """
    if not price > 0.0:  # nan among them
        return min(price * work, 0.0) if price < 0.0 else 0.0
    steep = 3.0 * device.cube
    local = device.most_local
    if price < steep * local * local:
        local = np.sqrt(price / steep)
    offloaded = 0.0
    if link.most > 0.0 and price > link.price:
        worth = np.log(price - link.price) - link.log_slope
        offloaded = link.most if worth >= device.nats * link.most else max(worth / device.nats, 0.0)
    missing = work - local - offloaded
    if local >= device.most_local and offloaded >= link.most and missing <= TOLERATED * work:
        missing = min(missing, 0.0)
    cost = device.cube * local * local * local if local > 0.0 else 0.0
    cost += sending_cost(device, link, offloaded)
    return cost + link.price * offloaded + price * missing
