"""Tables and pictures of paper 002."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from mecopt.evaluation.figures import Across, Curve, Figure, Of
from mecopt.evaluation.pictures import Axis, Band, Drawing, Panel
from mecopt.evaluation.rules import known
from mecopt.evaluation.tables import Pivot, pivot
from mecopt.learners.paper_002.names import (
    BLOCK,
    BOUND,
    COST,
    DEVICES,
    EDGES,
    ENERGY,
    FIGURE_7,
    GAP,
    LEVEL,
    LOCAL,
    LOSS,
    MANY,
    OF_ARRIVALS,
    OF_USERS,
    PRICE,
    PRICED,
    PRICED_LOSS,
    SYSTEMS,
    UNTRAINED,
    WAITING,
    by_arrivals,
    by_users,
    weighted,
)

WARNING = (
    "The paper leaves out its weights, its discount, the output of a task and a cap of the power: all are chosen, and how "
    "far policies lie apart depends on them."
)

ACTING = UNTRAINED
"""Who acts in figures 8 and 9."""
ALONG = tuple(name for name in UNTRAINED if name != LOCAL)
"""Who acts along the blocks of figure 7."""


def _tables(name: str, settings: Mapping[float, str], head: str) -> list[Pivot]:
    def columns(quantity: str) -> dict[str, dict[str, Figure]]:
        return {
            f"{head} = {x:g}": {method: Of(quantity, method, setting) for method in ACTING}
            for x, setting in settings.items()
        }

    costs = columns(COST)
    for x, setting in settings.items():
        costs[f"{head} = {x:g}"][BOUND] = Of(BOUND, "", setting)
    seen = f"means with standard errors over seeds; all policies on the same paths. {WARNING}"
    return [
        pivot(name, f"Discounted cost: {seen}", "policy", (*ACTING, BOUND), costs, "{:.1f}"),
        pivot(f"{name}, gaps", f"By which part costs exceed the bound: {seen}", "policy", ACTING, columns(GAP), "{:.2%}"),
    ]


def _of_blocks() -> Pivot:
    columns: dict[str, dict[str, Figure]] = {
        f"{begin} to {end}": {method: Of(BLOCK, method, FIGURE_7, float(end)) for method in ALONG}
        for begin, end in itertools.pairwise(EDGES)
    }
    caption = f"Mean cost per block in windows, from empty queues, K = 20; all policies on the same paths. {WARNING}"
    return pivot("Figure 7, windows", caption, "policy", ALONG, columns, "{:.2f}")


def _theorem() -> Pivot:
    worlds = [weighted(users, w, e) for users in DEVICES for w in WAITING for e in ENERGY]
    columns: dict[str, dict[str, Figure]] = {
        quantity: {world: Of(quantity, world) for world in worlds} for quantity in (LOSS, PRICED_LOSS, PRICE)
    }
    caption = (
        "Devices at 35 dB and their server on a grid, decided together and each for itself: what that costs more, and what "
        "it costs more with one price per task. w1 is what a task costs that waits a block at the server, w2 a_s what one "
        "costs that it processes."
    )
    return pivot("Theorem 1", caption, "world", worlds, columns, {LOSS: "{:.2%}", PRICED_LOSS: "{:.2%}", PRICE: "{:.3g}"})


def _per_device(figure: Figure) -> Figure:
    return figure / known(float(SYSTEMS[MANY]["users"]))


TABLES = (
    _of_blocks(),
    *_tables("Figure 8, K = 50", OF_ARRIVALS, "b"),
    *_tables("Figure 9", OF_USERS, "K"),
    _theorem(),
    Pivot(
        "Ten thousand devices",
        "Per device: what no policy costs less than, and what devices cost that pay one price.",
        "K",
        {
            "10,000": {
                "bound": _per_device(Of(BOUND, "", MANY)),
                PRICED: _per_device(Of(COST, PRICED, MANY)),
                GAP: Of(GAP, PRICED, MANY),
            }
        },
        {"bound": "{:.3f}", PRICED: "{:.3f}", GAP: "{:.3%}"},
    ),
)


def _panels(along: Callable[[str, str], Across], x: Axis) -> list[Panel]:
    return [
        Panel(
            "costs",
            x,
            Axis(COST, "log"),
            curves={**{method: along(COST, method) for method in ACTING}, BOUND: along(BOUND, "")},
        ),
        Panel("gaps", x, Axis(GAP), curves={method: along(GAP, method) for method in ACTING}),
    ]


DRAWINGS = (
    Drawing(
        "Figure 7",
        f"Cost per block along the blocks, K = 20; the line is the constant cost that amounts to the bound. {WARNING}",
        [
            Panel(
                "K = 20",
                Axis("end of the window, blocks", "log"),
                Axis(BLOCK),
                curves={method: Curve(BLOCK, method, FIGURE_7) for method in ALONG},
                bands=[Band(BOUND, Of(LEVEL, "", FIGURE_7), Of(LEVEL, "", FIGURE_7))],
            )
        ],
        width=8.0,
    ),
    Drawing(
        "Figure 8",
        f"Discounted cost over the probability of an arrival in a slot, K = 50. {WARNING}",
        _panels(by_arrivals, Axis("probability of an arrival")),
    ),
    Drawing("Figure 9", f"Discounted cost over the number of devices. {WARNING}", _panels(by_users, Axis("devices"))),
)
