"""Figures of the lesson on inference queues: pieces, prices of work, and the long run of devices and their server."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.figure import Figure, Slider, steps
from mecopt.models.inference_queue.dynamics.joint import Losses
from mecopt.models.inference_queue.dynamics.steps import CAUSAL, QueueDynamics
from mecopt.models.inference_queue.lesson import checks
from mecopt.models.inference_queue.lesson.network_checks import CELLS, small, sum_of_parts
from mecopt.models.inference_queue.problem import InferenceQueue
from mecopt.show.priced import bound_by_price
from mecopt.show.view import Bracket, Number, Panel, View, level, mark, upright
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

# ---------------------------------------------------------------------- 10: L by its price

WAIT = Slider("waiting", "cost w₁ of a task that waits a block at the server", steps(0.25, 2.0, 8), start=3)


@cache
def _alone(waiting: float) -> QueueDynamics:
    """Return one device and its server."""
    return QueueDynamics(users=1, mean_snr=[1e4], arrivals=CAUSAL, server_waiting_weight=waiting, server_energy_weight=10.0)


@cache
def _losses(waiting: float) -> Losses:
    """Return what deciding together and alone costs in a finite world."""
    return small(_alone(waiting)).losses(np.empty(0))


@cache
def _paying(waiting: float, factor: float) -> float:
    """Return what devices cost that pay a price, over w₁."""
    world = small(_alone(waiting))
    return world.decided(world.alone(factor * waiting))


@cache
def _sums(waiting: float) -> tuple[Array, Array]:
    prices = np.linspace(0.0, 1.6, 33)
    return prices, np.array([sum_of_parts(_alone(waiting), float(one * waiting), CELLS) for one in prices])


def parted(price: float, waiting: float) -> View:
    """The sum of parts at a price, below what deciding together costs in the same channels."""
    prices, sums = _sums(waiting)
    found, here = _losses(waiting), sum_of_parts(_alone(waiting), price * waiting, CELLS)
    return View(
        (
            Panel(
                "price λ of a task at the server, over w₁",
                "discounted cost from empty queues",
                (
                    mark("L(λ), the sum of parts", prices, sums, "line", "first"),
                    mark("L at yours", price, here, "dots", "first"),
                    level("device and server decided together", found.together),
                ),
                x_range=(0.0, 1.6),
            ),
        ),
        (
            Number("bound at your price", here),
            Number("cost of deciding together", found.together),
        ),
        f"At this price no policy costs less than {here:.6g}. To decide together, in quarters of a task, costs "
        f"{found.together:.6g}: the bound lacks {1.0 - here / found.together:.2%}.",
        brackets=(Bracket("optimum of the long run", here, found.together),),
    )


PARTED = Figure(
    "Two small problems below one large one",
    "The curve is concave and never above the level. The best price is near what a wait of one block costs, as the next "
    "step says.",
    (Slider("price", "price λ, over w₁", steps(0.0, 1.6, 17), start=3), WAIT),
    parted,
)

# ---------------------------------------------------------------------- 11: the bracket

FINENESS = tuple(range(2, 8))
"""Logarithms of the numbers of cells."""
SHOWN = 13


def fading() -> QueueDynamics:
    """Return one device whose channel fades."""
    return QueueDynamics(users=1, mean_snr=[3e3], arrivals=CAUSAL)


@cache
def _ends(price: float, cells: int) -> tuple[Array, Array]:
    """Return what a device's queues cost at least and at most, ``(SHOWN,)`` each."""
    low, high = fading().network.bracket(price, cells)
    return low[0, :SHOWN], high[0, :SHOWN]


def bracket(cells: float, price: float) -> View:
    """What queues cost a device in the long run, from below and above."""
    low, high = _ends(price, 2 ** int(cells))
    closing = np.array([[end[0] for end in _ends(price, 2**one)] for one in FINENESS])
    tasks = np.arange(SHOWN)
    return View(
        (
            Panel(
                "tasks in the queue",
                "discounted cost",
                (
                    mark("at most", tasks, high, "line", "second"),
                    mark("at least", tasks, low, "line", "first"),
                ),
            ),
            Panel(
                "cells of the channel, log₂",
                "cost of an empty queue",
                (
                    mark("at most", FINENESS, closing[:, 1], "line", "second"),
                    mark("at least", FINENESS, closing[:, 0], "line", "first"),
                    mark("yours", [cells, cells], [low[0], high[0]], "dots", "best"),
                ),
                x_range=(2.0, 7.0),
            ),
        ),
        (
            Number("cells", 2 ** int(cells)),
            Number("at least", low[0]),
            Number("at most", high[0]),
        ),
        f"With {2 ** int(cells)} cells the best cost of an empty queue is proved to lie between {low[0]:.6g} and "
        f"{high[0]:.6g}, {high[0] / low[0] - 1.0:.2%} apart.",
        brackets=(Bracket("cost of an empty queue", float(low[0]), float(high[0])),),
    )


BRACKET = Figure(
    "A bracket that closes",
    "Fading takes any value. Cut into cells it takes a few: with the best of each cell the cost is too low, with the worst "
    "too high. Halve the cells, and what is between halves.",
    (
        Slider("cells", "cells of the channel, log₂", tuple(map(float, FINENESS)), start=1, whole=True),
        Slider("price", "price λ of a task at the server", steps(0.0, 3.0, 7), start=2),
    ),
    bracket,
)

# ---------------------------------------------------------------------- 12: to decide alone


def ignored(waiting: float, factor: float) -> View:
    """What the decomposition costs more the more a wait at the server costs, and what devices cost that pay a price."""
    weights = np.asarray(WAIT.values)
    together = np.array([_losses(float(one)).together for one in weights])
    alone = 100.0 * (np.array([_losses(float(one)).alone for one in weights]) / together - 1.0)
    paying = 100.0 * (np.array([_paying(float(one), factor) for one in weights]) / together - 1.0)
    found, pays = _losses(waiting), _paying(waiting, factor)
    lost = np.array([found.loss, max(pays / found.together - 1.0, 0.0)])
    return View(
        (
            Panel(
                "cost w₁ of a task that waits a block at the server",
                "cost above deciding together [%]",
                (
                    mark("devices pay nothing", weights, alone, "line", "second"),
                    mark("devices pay this price", weights, paying, "line", "first"),
                    mark("yours", [waiting, waiting], 100.0 * lost, "dots", "best"),
                ),
                x_range=(0.2, 2.05),
            ),
        ),
        (
            Number("decided together", found.together),
            Number("at least, whatever the queues", found.least),
            Number("alone, λ = 0", found.alone),
            Number("at this price", pays),
        ),
        f"A device that ignores the server's queue costs both {lost[0]:.2%} more than to decide together; one that pays "
        f"{factor:g} w₁ for a task {lost[1]:.2%} more.",
        brackets=(Bracket("decided together", found.least, found.together),),
    )


IGNORED = Figure(
    "A decomposed queue pays for what it ignores",
    "The dearer the wait at the server, the more is lost by devices that do not hear of it. A price near w₁ mends nearly "
    "all; one that is too high makes them shy.",
    (WAIT, Slider("factor", "price that devices pay, over w₁", (0.25, 0.5, 0.75, 0.95, 1.5, 2.5, 4.0), start=3)),
    ignored,
)
