"""Blocks of many devices, compiled: pieces of every queue, the best of them, and what is proved of all."""

import numpy as np
from numpy.typing import NDArray

from mecopt.kernels.compiled import compiled
from mecopt.models.inference_queue.compiled.piece import (
    Device,
    Link,
    best_split,
    device_of,
    link_of,
    work_bound,
    work_price,
)
from mecopt.models.inference_queue.terms import TOLERATED

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@compiled
def most_leaving(device: Device, link: Link, whole: float, started: float) -> float:
    """Return how many whole tasks can leave a queue in the block beside the started one; -1 where not even that can."""
    work = (device.most_local + link.most) * (1.0 + TOLERATED) - started
    if work < 0.0:
        return -1.0
    return min(np.floor(work), whole)


@compiled
def piece_tables(rows: Floats, snr: Floats, price: Floats, started: Floats, pieces: int) -> tuple[Floats, Floats, Floats]:
    """Return cost, local work and offloaded part of every piece, ``(devices, pieces + 1)``; infinite, nan where impossible.

    Parameters
    ----------
    rows
        of ``(devices, 5)``, or a single one for all.
    snr, price, started
        SNR per watt, price of what is offloaded, and started part of a task, ``(devices)``.
    pieces
        the most tasks that leave.
    """
    count = snr.size
    costs, local, offloaded = np.empty((count, pieces + 1)), np.empty((count, pieces + 1)), np.empty((count, pieces + 1))
    for i in range(count):
        device = device_of(rows[i % rows.shape[0]])
        link = link_of(device, snr[i], price[i])
        for s in range(pieces + 1):
            split = best_split(device, link, started[i] + s)
            costs[i, s], local[i, s], offloaded[i, s] = split.cost, split.local, split.offloaded
    return costs, local, offloaded


@compiled
def value_at(values: Floats, left: float) -> tuple[float, float]:
    """Return the value of so many tasks and that of one more: linear, beyond the table as in its last step."""
    k = min(int(left), values.size - 2)
    step = values[k + 1] - values[k]
    return values[k] + (left - k) * step, step


@compiled
def looked_ahead(
    rows: Floats,
    snr: Floats,
    price: Floats,
    backlog: Floats,
    arrivals: Floats,
    values: Floats,
    stays: bool,
) -> tuple[Counts, Floats, Floats, Floats, Floats]:
    """Return the best piece of every device where what remains has any value; see `pieces.best_pieces`.

    Where `stays` is true what is offloaded remains in the queue.
    """
    count = snr.size
    leaving = np.full(count, -1)
    costs, totals = np.full(count, np.inf), np.full(count, np.inf)
    local, offloaded = np.full(count, np.nan), np.full(count, np.nan)
    for i in range(count):
        device = device_of(rows[i % rows.shape[0]])
        link = link_of(device, snr[i], price[i])
        table = values[i % values.shape[0]]
        whole = np.floor(backlog[i])
        started = backlog[i] - whole
        for s in range(int(most_leaving(device, link, whole, started)) + 1):
            value, step = value_at(table, whole - s + arrivals[i])
            kept = step if stays else 0.0
            split = best_split(device, Link(link.slope, link.log_slope, link.most, price[i] + kept), started + s)
            total = split.cost + value
            if total < totals[i]:
                leaving[i], totals[i] = s, total
                costs[i] = split.cost - kept * split.offloaded
                local[i], offloaded[i] = split.local, split.offloaded
    return leaving, costs, totals, local, offloaded


@compiled
def split_blocks(rows: Floats, snr: Floats, price: Floats, work: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return costs, local work, offloaded parts and prices of work of pieces given, ``(instances, candidates, users)``."""
    instances, candidates, users = work.shape
    costs, local, offloaded, prices = np.empty(work.shape), np.empty(work.shape), np.empty(work.shape), np.empty(work.shape)
    for i in range(instances):
        for u in range(users):
            device = device_of(rows[i, u])
            link = link_of(device, snr[i, u], price[i, u])
            for c in range(candidates):
                split = best_split(device, link, work[i, c, u])
                costs[i, c, u], local[i, c, u], offloaded[i, c, u] = split.cost, split.local, split.offloaded
                prices[i, c, u] = work_price(device, link, split)
    return costs, local, offloaded, prices


@compiled
def bounded_blocks(rows: Floats, snr: Floats, price: Floats, work: Floats, prices: Floats) -> Floats:
    """Return lower bounds of the costs of pieces at prices of work, ``(instances, candidates, users)``."""
    bounds = np.empty(work.shape)
    for i in range(work.shape[0]):
        for u in range(work.shape[2]):
            device = device_of(rows[i, u])
            link = link_of(device, snr[i, u], price[i, u])
            for c in range(work.shape[1]):
                bounds[i, c, u] = work_bound(device, link, work[i, c, u], prices[i, c, u])
    return bounds


@compiled
def limits(rows: Floats, snr: Floats, backlog: Floats) -> tuple[Floats, Floats]:
    """Return the most tasks that can leave each queue, -1 where none and nothing can, and the part full power carries."""
    most, carried = np.empty(snr.size), np.empty(snr.size)
    for i in range(snr.size):
        device = device_of(rows[i])
        link = link_of(device, snr[i], 0.0)
        whole = np.floor(backlog[i])
        most[i] = most_leaving(device, link, whole, backlog[i] - whole)
        carried[i] = link.most
    return most, carried


@compiled
def lower_line(
    device: Device, link: Link, started: float, whole: float, worth: float, price: float, first: float, last: float
) -> float:
    """Return a lower bound of the costs of all pieces between two, what remains being worth so much a task.

    At a price of work the bound is a line in the piece, so its least is at an end.
    """
    one = work_bound(device, link, started + first, price) + worth * (whole - first)
    other = work_bound(device, link, started + last, price) + worth * (whole - last)
    return min(one, other)


@compiled
def least_lines(rows: Floats, snr: Floats, price: Floats, backlog: Floats, worth: Floats, prices: Floats) -> Floats:
    """Return lower bounds of the costs of all pieces of queues, what remains being worth so much, at prices of work."""
    bounds = np.full(snr.size, np.inf)
    for i in range(snr.size):
        device = device_of(rows[i])
        link = link_of(device, snr[i], price[i])
        whole = np.floor(backlog[i])
        started = backlog[i] - whole
        most = most_leaving(device, link, whole, started)
        if most >= 0.0:
            bounds[i] = lower_line(device, link, started, whole, worth[i], prices[i], 0.0, most)
    return bounds


@compiled
def settled_queues(
    rows: Floats, snr: Floats, price: Floats, backlog: Floats, worth: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return how many tasks leave at best where each that remains is worth so much, a proved bound, and a price of all work.

    The cost of a piece is convex in its work, so the best piece is beside the work at which a task more costs what it is
    worth; prices of the two bound all others. Of ``(devices)`` each; -1, inf and nan where a started task cannot leave.
    """
    count = snr.size
    leaving, bounds, prices = np.full(count, -1.0), np.full(count, np.inf), np.full(count, np.nan)
    for i in range(count):
        device = device_of(rows[i])
        link = link_of(device, snr[i], price[i])
        whole = np.floor(backlog[i])
        started = backlog[i] - whole
        most = most_leaving(device, link, whole, started)
        if most < 0.0:
            continue
        wanted = supplied(device, link, worth[i]) - started
        first = min(max(np.floor(wanted), 0.0), most)
        second = min(first + 1.0, most)
        one, other = best_split(device, link, started + first), best_split(device, link, started + second)
        one_price, other_price = work_price(device, link, one), work_price(device, link, other)
        better = other.cost + worth[i] * (whole - second) < one.cost + worth[i] * (whole - first)
        leaving[i] = second if better else first
        bounds[i] = lower_line(device, link, started, whole, worth[i], one_price, 0.0, first)
        if second > first:
            above = lower_line(device, link, started, whole, worth[i], other_price, second, most)
            bounds[i] = min(bounds[i], above)
        lowest = work_price(device, link, best_split(device, link, started))
        highest = work_price(device, link, best_split(device, link, started + most))
        prices[i] = min(max(worth[i], lowest), highest)
    return leaving, bounds, prices


@compiled
def supplied(device: Device, link: Link, price: float) -> float:
    """Return the work that device and radio do at a price per task: where a task more costs so much."""
    steep = 3.0 * device.cube
    local = device.most_local
    if price < steep * local * local:
        local = np.sqrt(price / steep)
    if link.most <= 0.0 or price <= link.price:
        return local
    worth = np.log(price - link.price) - link.log_slope
    if worth >= device.nats * link.most:
        return local + link.most
    return local + max(worth / device.nats, 0.0)
