"""Figures of the lesson on inference queues that go from block to block: one price, what is proved, what is ignored."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.contract.figure import Figure, Slider, steps
from mecopt.models.inference_queue.dynamics.joint import Losses
from mecopt.models.inference_queue.dynamics.steps import CAUSAL, QueueDynamics
from mecopt.models.inference_queue.lesson.network_checks import CELLS, small, sum_of_parts
from mecopt.show.view import Bracket, Number, Panel, View, level, mark

Array = NDArray[Any]

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
