"""Tables and pictures of paper 002."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

from mecopt.evaluation.figures import Across, Curve, Figure, Of
from mecopt.evaluation.pictures import Axis, Band, Drawing, Panel
from mecopt.evaluation.rules import known
from mecopt.evaluation.tables import Pivot, pivot
from mecopt.learners.paper_002.names import (
    BEYOND,
    BINARY_TD,
    BLOCK,
    BOUND,
    COST,
    DECOMPOSED,
    DEVICE_GAP,
    DEVICES,
    EDGES,
    ENERGY,
    ERROR,
    EVEN_TD,
    FIGURE_6,
    FIGURE_7,
    GAP,
    HIDDEN,
    LAST_STOP,
    LEVEL,
    LOCAL,
    LOSS,
    MANY,
    MOST_LOSS,
    OF_ARRIVALS,
    OF_USERS,
    PLAIN_ERROR,
    PRICE,
    PRICED,
    PRICED_LOSS,
    PRINTED,
    REPAIRED,
    SCHEDULES,
    SERVER_STOP,
    STOP,
    SYSTEMS,
    TD,
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

ACTING = (*UNTRAINED, PRINTED, REPAIRED)
"""Who acts in figures 8 and 9."""
ALONG = tuple(name for name in UNTRAINED if name != LOCAL)
"""Who acts along the blocks of figure 7 and learns nothing."""
LEARNING = (PRINTED, REPAIRED, TD, BINARY_TD, EVEN_TD)
"""Who learns there."""


def _tables(name: str, settings: Mapping[float, str], head: str, acting: Sequence[str] = ACTING) -> list[Pivot]:
    def columns(quantity: str) -> dict[str, dict[str, Figure]]:
        return {
            f"{head} = {x:g}": {method: Of(quantity, method, setting) for method in acting}
            for x, setting in settings.items()
        }

    costs = columns(COST)
    for x, setting in settings.items():
        costs[f"{head} = {x:g}"][BOUND] = Of(BOUND, "", setting)
    seen = f"means with standard errors over seeds; all policies on the same paths. {WARNING}"
    gaps, rows = columns(GAP), tuple(acting)
    if REPAIRED in acting:
        rows = (*rows, DEVICE_GAP)
        for x, setting in settings.items():
            gaps[f"{head} = {x:g}"][DEVICE_GAP] = Of(DEVICE_GAP, REPAIRED, setting)
    return [
        pivot(name, f"Discounted cost: {seen}", "policy", (*acting, BOUND), costs, "{:.1f}"),
        pivot(f"{name}, gaps", f"By which part costs exceed the bound: {seen}", "policy", rows, gaps, "{:.3%}"),
    ]


def _errors() -> Pivot:
    columns: dict[str, dict[str, Figure]] = {}
    for x, setting in OF_USERS.items():
        for head, quantity in ((f"K = {x:g}", ERROR), (f"K = {x:g}, with luck", PLAIN_ERROR)):
            columns[head] = {method: Of(quantity, method, setting) for method in ACTING}
    caption = (
        "Standard errors of one seed's gap, over its lanes, as parts of the bound: less the luck of channels and arrivals, "
        "as all costs here are told, and with it, as simulated; means over seeds."
    )
    return pivot("Figure 9, errors", caption, "policy", ACTING, columns, "{:.5%}")


def _hidden() -> Pivot:
    columns: dict[str, dict[str, Figure]] = {}
    for b, setting in HIDDEN.items():
        for head, known_or_not in ((f"b = {b:g}, known", OF_ARRIVALS[b]), (f"b = {b:g}, hidden", setting)):
            columns[head] = {method: Of(COST, method, known_or_not) for method in (PRICED, DECOMPOSED)}
            columns[head][BOUND] = Of(BOUND, "", known_or_not)
        rows = columns[f"b = {b:g}, hidden"]
        columns[f"b = {b:g}, ratio"] = {name: of / columns[f"b = {b:g}, known"][name] for name, of in rows.items()}
    caption = "Discounted cost where devices know what comes in a block when they decide, as the paper's, and not, K = 50."
    forms = {head: "{:.4f}" if head.endswith("ratio") else "{:.1f}" for head in columns}
    return pivot("Arrivals, known and hidden", caption, "policy", (PRICED, DECOMPOSED, BOUND), columns, forms)


def _of_blocks() -> Pivot:
    columns: dict[str, dict[str, Figure]] = {
        f"{begin} to {end}": {method: Of(BLOCK, method, FIGURE_7, float(end)) for method in (*ALONG, *LEARNING)}
        for begin, end in itertools.pairwise(EDGES)
    }
    caption = f"Mean cost per block in windows, from empty queues, K = 20; all policies on the same paths. {WARNING}"
    return pivot("Figure 7, windows", caption, "policy", (*ALONG, *LEARNING), columns, "{:.2f}")


def _stops() -> Pivot:
    columns: dict[str, dict[str, Figure]] = {
        quantity: {name: Of(quantity, name, FIGURE_6) for name in SCHEDULES} for quantity in (STOP, LAST_STOP, SERVER_STOP)
    }
    columns[COST] = {name: Of(COST, name, FIGURE_6) for name in SCHEDULES}
    columns["the decomposition's"] = dict.fromkeys(SCHEDULES, Of(COST, DECOMPOSED, FIGURE_6))
    columns["over it"] = {name: Of(COST, name, FIGURE_6) / Of(COST, DECOMPOSED, FIGURE_6) for name in SCHEDULES}
    forms = dict.fromkeys(columns, "{:.1f}") | {"over it": "{:.3f}"}
    caption = (
        "Where algorithms 1 and 2 stop as printed, parameters changing by less than a thousandth, and what devices and "
        f"server cost that keep the powers and rates which they have then, K = 4. {WARNING}"
    )
    return pivot("Figure 6, stops", caption, "step sizes", tuple(SCHEDULES), columns, forms)


def _theorem() -> Pivot:
    worlds = [weighted(users, w, e) for users in DEVICES for w in WAITING for e in ENERGY]
    columns: dict[str, dict[str, Figure]] = {
        quantity: {world: Of(quantity, world) for world in worlds} for quantity in (LOSS, MOST_LOSS, PRICED_LOSS, PRICE)
    }
    caption = (
        "Devices at 35 dB and their server on a grid, decided together and each for itself: what that costs more, and what "
        "it costs more with one price per task. w1 is what a task costs that waits a block at the server, w2 a_s what one "
        "costs that it processes."
    )
    forms = dict.fromkeys((LOSS, MOST_LOSS, PRICED_LOSS), "{:.3%}") | {PRICE: "{:.3g}"}
    return pivot("Theorem 1", caption, "world", worlds, columns, forms)


def _per_device(figure: Figure) -> Figure:
    return figure / known(float(SYSTEMS[MANY]["users"]))


TABLES = (
    _stops(),
    _of_blocks(),
    *_tables("Figure 8, K = 50", OF_ARRIVALS, "b"),
    *_tables("Beyond figure 8, K = 50", BEYOND, "b", UNTRAINED),
    _hidden(),
    *_tables("Figure 9", OF_USERS, "K"),
    _errors(),
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
            curves={method: along(COST, method) for method in ACTING},
            bounds={BOUND: along(BOUND, "")},
        ),
        Panel("gaps", x, Axis(GAP, "log"), curves={method: along(GAP, method) for method in ACTING}),
    ]


def _drawn(title: str, methods: Sequence[str]) -> Panel:
    return Panel(
        title,
        Axis("end of the window, blocks", "log"),
        Axis(BLOCK),
        curves={method: Curve(BLOCK, method, FIGURE_7) for method in methods},
        bands=[Band("the bound's level", Of(LEVEL, "", FIGURE_7), Of(LEVEL, "", FIGURE_7))],
    )


DRAWINGS = (
    Drawing(
        "Figure 6",
        f"Where algorithms 1 and 2 stop, and the cost they reach, by step size, K = 4; dots are seeds. {WARNING}",
        [
            *(
                Panel(title, Axis(""), Axis("block"), dots={name: Of(quantity, name, FIGURE_6) for name in SCHEDULES})
                for title, quantity in (("algorithm 1, mean of the devices", STOP), ("algorithm 2", SERVER_STOP))
            ),
            Panel(
                "cost reached",
                Axis(""),
                Axis(COST, "log"),
                dots={name: Of(COST, name, FIGURE_6) for name in (DECOMPOSED, *SCHEDULES)},
                bands=[Band(BOUND, Of(BOUND, "", FIGURE_6), Of(BOUND, "", FIGURE_6))],
            ),
        ],
    ),
    Drawing(
        "Figure 7",
        f"Cost per block along the blocks, K = 20; the line is the constant cost that amounts to the bound. {WARNING}",
        [_drawn("exact values", ALONG), _drawn("learning", (DECOMPOSED, *LEARNING))],
    ),
    Drawing(
        "Figure 8",
        f"Discounted cost over the probability of an arrival in a slot, K = 50. {WARNING}",
        _panels(by_arrivals, Axis("probability of an arrival")),
    ),
    Drawing("Figure 9", f"Discounted cost over the number of devices. {WARNING}", _panels(by_users, Axis("devices"))),
)
