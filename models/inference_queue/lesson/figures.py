"""Figures of the lesson on inference queues: pieces of a block, how one is split, and prices of work.

`lesson.network_figures` has those that go from block to block.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.figure import Figure, Slider, steps
from mecopt.models.inference_queue.lesson import checks
from mecopt.models.inference_queue.problem import InferenceQueue
from mecopt.show.priced import bound_by_price
from mecopt.show.view import Number, Panel, View, level, mark, upright
from mecopt.solve import allocate, solve

Array = NDArray[Any]

WAITING = 5
"""Tasks in the queue of the one device that is shown."""
WORTH = Slider("worth", "cost v of a task that remains", steps(0.5, 8.0, 16), start=5)
CHANNEL = Slider("channel", "signal-to-noise ratio of a watt", steps(10.0, 50.0, 9), "dB", start=4)


def _device(channel: float, **given: float) -> InferenceQueue:
    """Return one device with five tasks."""
    return InferenceQueue(snr_per_watt=[10.0 ** (channel / 10.0)], backlog=[WAITING], **given)


def _batch(problem: InferenceQueue) -> InferenceQueue:
    """Return a batch of this one device."""
    return replace(problem, snr_per_watt=problem.snr_per_watt[None])


# ---------------------------------------------------------------------- 2: the modulo and its pieces


def modulo(worth: float, channel: float) -> View:
    """The paper's cost of cycles, which jumps, and the best of its pieces."""
    problem = _device(channel, backlog_value=worth)
    best = solve(problem)
    cube, able, nats, sending, most = (float(part[0]) for part in checks.numbers(_batch(problem)))
    local = np.linspace(0.0, min(able, WAITING), 241)
    part = np.mod(WAITING - local, 1.0)
    cost = cube * local**3 + sending * np.expm1(nats * part) + worth * np.round(WAITING - local - part)
    shown = np.where(part <= most, cost, np.nan)
    jumps = np.insert(shown, np.flatnonzero(np.diff(part) > 0.0) + 1, np.nan)
    along = np.insert(local, np.flatnonzero(np.diff(part) > 0.0) + 1, local[np.flatnonzero(np.diff(part) > 0.0)])
    found, leaving = float(best.allocation.local_work[0]), int(best.decision[0])
    return View(
        (
            Panel(
                "what is computed, z = x/W [tasks]",
                "cost of the block",
                (
                    mark("the rest of a task is offloaded", along, jumps, "line", "first"),
                    mark("optimum", found, best.objective, "dots", "best"),
                ),
                x_range=(0.0, 4.0),
                y_range=(0.0, 40.0),
            ),
        ),
        (
            Number("optimal cost", best.objective),
            Number("tasks that leave", leaving),
            Number("computed", found, "tasks"),
            Number("offloaded", best.allocation.offloaded[0], "tasks"),
        ),
        f"{leaving} of {WAITING} tasks leave. Between two jumps the curve is convex, as a whole it is not; where nothing is "
        "drawn the power does not suffice.",
        (best,),
    )


MODULO = Figure(
    "A curve that jumps, in convex pieces",
    "A better channel makes long pieces that can be offloaded; a dearer wait moves the optimum from piece to piece.",
    (replace(WORTH, values=steps(1.0, 8.0, 8), start=2), replace(CHANNEL, values=steps(10.0, 50.0, 5), start=2)),
    modulo,
)

# ---------------------------------------------------------------------- 5: the split at a price


def split(price: float, piece: float) -> View:
    """Marginal costs of computing and of offloading on one piece."""
    problem = _device(30.0, offload_price=price)
    best = allocate(problem, np.array([int(piece)]))
    cube, able, nats, sending, most = (float(part[0]) for part in checks.numbers(_batch(problem)))
    local = np.linspace(max(piece - most, 0.0), min(piece, able), 201)
    found = float(best.allocation.local_work[0])
    return View(
        (
            Panel(
                "what is computed, z [tasks]",
                "cost of a little more",
                (
                    mark("computing, 3Az²", local, 3.0 * cube * local**2, "line", "first"),
                    mark(
                        "offloading, λ + RL exp(L(s − z))",
                        local,
                        price + sending * nats * np.exp(nats * (piece - local)),
                        "line",
                        "second",
                    ),
                    upright("best split", found),
                ),
                x_range=(0.0, 3.0),
                y_range=(0.0, 14.0),
            ),
        ),
        (
            Number("cost of the block", best.objective),
            Number("computed", found, "tasks"),
            Number("offloaded", piece - found, "tasks"),
        ),
        f"Of {piece:.0f} tasks {found:.4g} are computed and {piece - found:.4g} offloaded: "
        + (
            "there both cost the same at the margin."
            if 1e-9 < piece - found < most - 1e-9
            else "the curves do not cross inside, so the split is at an end."
        ),
        (best,),
    )


SPLIT = Figure(
    "Where two marginal costs meet",
    "Raise the server's price: less is offloaded, and from some price on nothing.",
    (
        Slider("price", "price λ of a task at the server", steps(0.0, 8.0, 17), start=1),
        Slider("piece", "tasks that leave, s", (1.0, 2.0, 3.0), start=1, whole=True),
    ),
    split,
)

# ---------------------------------------------------------------------- 6: any price of work


def any_price(price: float, piece: float) -> View:
    """The bound of a piece at a price of work that one chooses."""
    problem = _device(30.0, offload_price=0.7, backlog_value=0.0)
    best = allocate(problem, np.array([int(piece)]))
    panel, bound = bound_by_price(
        partial(_bounds, problem, int(piece)),
        np.linspace(0.0, 12.0, 97),
        price,
        best.objective,
        x="price μ of the work that leaves",
        y="cost of the piece",
        x_range=(0.0, 12.0),
        y_range=(-10.0, 10.0),
    )
    return View(
        (panel,),
        (
            Number("bound at your price", bound),
            Number("cost of the piece", best.objective),
            Number("best price", best.dual.work_price[0]),
        ),
        f"At this price no split of {piece:.0f} tasks costs less than {bound:.6g}; the best one costs "
        f"{float(best.objective):.6g}.",
        (best,),
    )


def _bounds(problem: InferenceQueue, piece: int, prices: Array) -> Array:
    return checks.at_prices(_batch(problem), piece, prices[None])[0]


ANY_PRICE = Figure(
    "Name a price of work",
    "The curve touches the cost at one price, what the last of the work costs, and is below it elsewhere.",
    (
        Slider("price", "price μ of the work that leaves", steps(0.0, 12.0, 25), start=4),
        Slider("piece", "tasks that leave, s", (1.0, 2.0, 3.0), start=1, whole=True),
    ),
    any_price,
)

# ---------------------------------------------------------------------- 7: how many leave


def leaving(worth: float, channel: float) -> View:
    """Costs of all pieces, and what each further task costs."""
    problem = _device(channel, backlog_value=worth)
    best = solve(problem)
    costs = checks.costs_of_pieces(_batch(problem))[0]
    shown = np.where(np.isfinite(costs), costs, np.nan)
    count = int(best.decision[0])
    return View(
        (
            Panel(
                "tasks that leave, s",
                "cost of the block",
                (
                    mark("e(s) + v(m − s)", np.arange(6), shown + worth * (WAITING - np.arange(6)), "line", "first"),
                    mark("", np.arange(6), shown + worth * (WAITING - np.arange(6)), "dots", "first"),
                    mark("optimum", count, best.objective, "dots", "best"),
                ),
                x_range=(-0.2, 5.2),
                y_range=(0.0, 45.0),
            ),
            Panel(
                "the task that leaves next",
                "what it costs",
                (
                    mark("e(s) − e(s − 1)", np.arange(1, 6), np.diff(shown), "bars", "first"),
                    level("what it costs if it stays, v", worth),
                ),
                x_range=(0.4, 5.6),
                y_range=(0.0, 16.0),
            ),
        ),
        (
            Number("optimal cost", best.objective),
            Number("tasks that leave", count),
            Number("price of the last work", best.dual.work_price[0]),
        ),
        f"{count} of {WAITING} tasks leave: each costs less so than the {worth:g} that it costs if it stays; a further one "
        "would cost more.",
        (best,),
    )


LEAVING = Figure(
    "Each further task is dearer",
    "The bars rise, so tasks leave up to where the next bar passes the level. Make the wait dearer, or the channel better.",
    (WORTH, CHANNEL),
    leaving,
)
