r"""How cost and splits change with the data: every device's own condition, :math:`R L e^{L y} + \lambda = 3 A (s - y)^2`.

Where a limit binds the split is that limit: nothing, a whole task, what full power carries, or what the processor leaves.
The server's work satisfies :math:`3 c X^2 = v_s`, or is its limit.
"""

from __future__ import annotations

import math
from typing import Any

from mecopt.kernels.implicit import NEAR, Conditions, near, safe
from mecopt.models.inference_queue.terms import LITERAL

DIFFERENTIABLE = (
    "snr_per_watt",
    "offload_price",
    "backlog_value",
    "slot",
    "work",
    "output_per_cycle",
    "bandwidth",
    "snr_gap",
    "energy_coefficient",
    "cpu_speed",
    "max_power",
    "energy_weight",
    "server_backlog",
    "server_value",
    "server_task",
    "server_energy_coefficient",
    "server_speed",
    "server_energy_weight",
)


def conditions(xp: Any, f: Any, decision: Any, allocation: Any, dual: Any) -> Conditions:
    """Return costs and splits of decisions; see `mecopt.kernels.implicit`."""
    nothing = xp.zeros_like(allocation.offloaded)
    whole = xp.floor(f.backlog)
    leaving = decision + (f.backlog - whole)
    length = f.slots * f.slot
    speed = f.work / length
    cube = f.energy_weight * f.energy_coefficient * speed**2 * f.work
    nats = f.output_per_cycle * f.work * math.log(2.0) / (f.slot * f.bandwidth)
    link = f.snr_per_watt > 0.0
    noise = f.snr_gap / safe(xp, link, f.snr_per_watt)
    radio = f.energy_weight * f.slot * noise
    price = f.offload_price + xp.where(f.queue == LITERAL, f.backlog_value, nothing)

    part, local = allocation.offloaded, allocation.local_work
    sends = link & (part > 0.0)
    most = f.cpu_speed / speed
    at_work = sends & (local >= most * (1.0 - NEAR))
    at_task = sends & ~at_work & (part >= 1.0 - NEAR)
    at_power = sends & ~at_work & ~at_task & (allocation.transmit_power >= f.max_power * (1.0 - NEAR))
    carried = xp.log1p(f.max_power / noise) / nats
    held = xp.where(at_work, leaving - most, xp.where(at_power, carried, part))

    rest = leaving - held
    sending = xp.where(sends, radio * xp.expm1(safe(xp, sends, nats * held, 0.0)) + price * held, nothing)
    left = f.backlog_value * (xp.maximum(whole - decision, nothing) + f.arrivals)
    costs = cube * rest**3 + sending + left

    slow = leaving - part
    marginal = radio * nats * xp.exp(safe(xp, sends, nats * part, 0.0)) + price
    saved = 3.0 * cube * slow**2
    slope = 6.0 * cube * slow + radio * nats**2 * xp.exp(safe(xp, sends, nats * part, 0.0))
    free = sends & ~at_work & ~at_task & ~at_power & (slope != 0.0)
    moved = xp.where(free, part - (marginal - saved) / safe(xp, free, slope), held)
    power = xp.where(sends, noise * xp.expm1(safe(xp, sends, nats * moved, 0.0)), nothing)

    served, worked, rate, turns = _service(xp, f, allocation.server_work[..., None], length)
    bound = (at_task | at_power | at_work) & near(xp, marginal, saved)
    meet = at_task & near(xp, carried, xp.ones_like(part)) | at_power & near(xp, carried, xp.ones_like(part))
    only = at_work & ((part >= 1.0 - NEAR) | (allocation.transmit_power >= f.max_power * (1.0 - NEAR)))
    starts = link & (part == 0.0) & (leaving > 0.0) & near(xp, radio * nats + price, saved)
    return Conditions(
        xp.sum(costs, axis=-1) + served[..., 0],
        {
            "local_work": leaving - moved,
            "offloaded": moved,
            "transmit_power": power,
            "cpu_rate": (leaving - moved) * speed,
            "server_work": worked[..., 0],
            "server_rate": rate[..., 0],
        },
        {
            "a limit of what it offloads is just active": bound | starts,
            "max_power carries just a whole task": meet,
            "cpu_speed and what it offloads at most only just do its tasks": only,
            **{f"the server: {why}": there[..., 0] for why, there in turns.items()},
        },
    )


def _service(xp: Any, f: Any, work: Any, length: Any) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Return the server's cost, work, speed and kinks, each with an axis of length 1."""
    speed = f.server_task / length
    cube = f.server_energy_weight * f.server_energy_coefficient * speed**2 * f.server_task
    most = f.server_speed / speed
    busy = work > 0.0
    at_queue = busy & (work >= f.server_backlog * (1.0 - NEAR))
    at_speed = busy & ~at_queue & (work >= most * (1.0 - NEAR))
    held = xp.where(at_queue, f.server_backlog, xp.where(at_speed, most, work))
    cost = cube * held**3 + f.server_value * (f.server_backlog - held)
    slope = 6.0 * cube * work
    free = busy & ~at_queue & ~at_speed & (slope != 0.0)
    moved = xp.where(free, work - (3.0 * cube * work**2 - f.server_value) / safe(xp, free, slope), held)
    saved = 3.0 * cube * held**2
    turns = {
        "its backlog is what it has speed for": at_queue & near(xp, held, most),
        "a limit of its work is just active": (at_queue | at_speed) & near(xp, saved, f.server_value),
        "the first that a task is worth would make it work infinitely much": (f.server_value == 0.0)
        & (f.server_backlog > 0.0)
        & (most > 0.0)
        & (cube > 0.0),
    }
    return cost, moved, moved * speed, turns
