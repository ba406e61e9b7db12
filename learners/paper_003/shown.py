"""Tables and pictures of paper 003."""

from __future__ import annotations

from collections.abc import Mapping

from mecopt.evaluation.figures import Across, Curve, Figure, Of
from mecopt.evaluation.moments import Reached
from mecopt.evaluation.pictures import Axis, Band, Drawing, Panel
from mecopt.evaluation.rules import known
from mecopt.evaluation.tables import Pivot, pivot
from mecopt.learners.paper_003.names import (
    ABLATION,
    BASELINES,
    DESCENT,
    DIFFERENT,
    INSTANCES,
    LEAST,
    LOSS,
    OF_USERS,
    OURS,
    OWN,
    PERCENTILE,
    PROPOSED,
    RATE,
    RATIO,
    SOLVES,
    SPANS,
    STEADY,
    SWITCHED,
    TIME,
    TIMED,
    USERS_OFF,
    WAYS,
    WEAK,
    WEIGHT,
)
from mecopt.learners.paper_003.readings import LEVEL, LEVELS, NEAR, STEPS, regained, slower

NETWORKS = (PROPOSED, OURS)
TRAININGS = (
    *((setting, name) for setting in (STEADY, WEIGHT, SWITCHED, DIFFERENT, RATE) for name in NETWORKS),
    *((STEADY, name) for name in ABLATION),
)


def _lost(method: str, setting: str) -> Figure:
    return known(1.0) - Curve(RATIO, method, setting).late()


def _trainings() -> Pivot:
    def row(setting: str, name: str) -> Mapping[str, Figure]:
        played = Curve(RATIO, name, setting)
        return {
            "played (best of K)": played.late(),
            LEAST: Of(LEAST, name, setting),
            "network alone": Curve(OWN, name, setting).late(),
            LOSS: Curve(LOSS, name, setting).late(),
            "0.995 reached at": Reached(played, known(LEVEL), STEPS, already=True),
        }

    forms = {"played (best of K)": "{:.5f}", LEAST: "{:.4f}", "network alone": "{:.5f}", LOSS: "{:.4f}"}
    return Pivot(
        "Trainings (figures 3 to 8 and beyond)",
        "Ratio to the proved optimum over the last 30 % of the instances, with standard errors over seeds. The last column "
        "is the first instance at which the mean of 200 reaches 0.995. With users that differ, and in the other problem, "
        "the network sees every field that varies; in the latter inputs are standardised in the paper's settings, too.",
        "stream: settings",
        {f"{setting}: {name}": row(setting, name) for setting, name in TRAININGS},
        {**forms, "0.995 reached at": "{:.0f}"},
    )


CHANGES = {
    "alpha 1 to 3": (WEIGHT, 0),
    "alpha 3 to 1": (WEIGHT, 1),
    "three users off": (SWITCHED, 0),
    "three users on": (SWITCHED, 1),
    "nothing, at the first point": (STEADY, 0),
    "nothing, at the second": (STEADY, 1),
}
"""Each change, the stream it is in, and which of its changes it is; the last two show what chance alone does."""


def _changes() -> Pivot:
    below, times = next(iter(NEAR.values()))

    def row(name: str, setting: str, change: int) -> Mapping[str, Figure]:
        begin, until = SPANS[change]
        played, losses = Curve(RATIO, name, setting), Curve(LOSS, name, setting)
        found: dict[str, Figure] = {}
        for curve, what, level, falling in (
            (played, "ratio", regained(played, change) - known(below), False),
            (losses, "loss", regained(losses, change) * known(times), True),
        ):
            found[f"{what} before"] = LEVELS["against before"](curve, change)
            found[f"{what} after"] = curve.between(begin, begin + 400.0).mean()
            found[f"{what} regained"] = regained(curve, change)
            found[f"{what} back after"] = Reached(curve.between(begin, until), level, STEPS, falling, already=True) - known(
                begin
            )
        return found

    heads = [f"{what} {when}" for what in ("ratio", "loss") for when in ("before", "after", "regained", "back after")]
    forms = {head: "{:.0f}" if head.endswith("back after") else "{:.4f}" for head in heads}
    return Pivot(
        "Changes (figures 5 to 8)",
        "Means over the 400 instances before a change, after it, and before the next one; and after how many instances the "
        f"mean of 200 is within {below:g} of the ratio regained, or of the loss within {times - 1.0:.0%}.",
        "change",
        {
            f"{title}, {name}": row(name, setting, change)
            for title, (setting, change) in CHANGES.items()
            for name in NETWORKS
        },
        forms,
    )


def _methods(name: str, setting: str) -> Pivot:
    methods = (*BASELINES[setting], *NETWORKS)
    columns: dict[str, dict[str, Figure]] = {
        "mean ratio": {method: Curve(RATIO, method, setting).late() for method in methods},
        "mean loss": {method: _lost(method, setting) for method in methods},
        PERCENTILE: {method: Of(PERCENTILE, method, setting) for method in methods},
        LEAST: {method: Of(LEAST, method, setting) for method in methods},
        SOLVES: {method: Of(SOLVES, method, setting) for method in methods},
    }
    caption = (
        "Ratio to the proved optimum on the last 30 % of the instances, the same for all; the least of a seed, in the mean "
        "over seeds. CD_SLSQP and the others are allocated by the closed form, not by SLSQP."
    )
    forms = {"mean ratio": "{:.5f}", "mean loss": "{:.2g}", PERCENTILE: "{:.4f}", LEAST: "{:.4f}", SOLVES: "{:.1f}"}
    return pivot(name, caption, "method", methods, columns, forms)


def _times() -> Pivot:
    rows: dict[str, Mapping[str, Figure]] = {
        way: {f"{n:g} users": Of(TIME, way, setting) for n, setting in OF_USERS.items()} for way in WAYS
    }
    rows[f"{DESCENT} over {TIMED[PROPOSED]}"] = {f"{n:g} users": slower(n) for n in OF_USERS}
    rows[f"{DESCENT} over {TIMED[OURS]}"] = {
        f"{n:g} users": Of(TIME, DESCENT, setting) / Of(TIME, TIMED[OURS], setting) for n, setting in OF_USERS.items()
    }
    return Pivot(
        "Table 1: decision times",
        "Milliseconds of one decision, inference included, and how many times as long; medians over instances, means with "
        "standard errors over seeds. SLSQP is called without gradients, from an equal split. The paper: 6.8, 12.9 and 21.5 "
        "times as long.",
        "way",
        rows,
        "{:.3g}",
    )


TABLES = (
    _trainings(),
    _changes(),
    _methods("Figure 9: all methods, the paper's setting", STEADY),
    _methods("Users that differ", DIFFERENT),
    _methods("Another problem: the computation rate of 10 wireless-powered users", RATE),
    _times(),
)

X = Axis("instance", low=0.0, high=INSTANCES)
OPTIMUM = Band("proved optimum", known(1.0), known(1.0))


def _training(name: str, caption: str, setting: str, lowest: float, marks: Mapping[str, float] | None = None) -> Drawing:
    return Drawing(
        name,
        caption,
        [
            Panel(
                title,
                X,
                axis,
                curves={network: Curve(quantity, network, setting) for network in NETWORKS},
                bands=bands,
                marks=marks or {},
            )
            for title, quantity, axis, bands in (
                ("loss", LOSS, Axis("cross entropy", "log"), ()),
                ("ratio to the least cost", RATIO, Axis("ratio", low=lowest, high=1.002), [OPTIMUM]),
            )
        ],
    )


FIRST, SECOND = (float(begin) for begin, _ in SPANS)

DRAWINGS = (
    _training("Figures 3 and 4", "Convergence in the paper's setting.", STEADY, 0.95),
    _training("Figures 5 and 6", "The weight of energy changes.", WEIGHT, 0.95, {"alpha = 3": FIRST, "alpha = 1": SECOND}),
    _training(
        "Figures 7 and 8",
        "Three users leave and return.",
        SWITCHED,
        0.95,
        {f"{USERS_OFF} users off": FIRST, "all on": SECOND},
    ),
    _training("Figure 4 with users that differ", "A setting the paper does not have.", DIFFERENT, 0.85),
    Drawing(
        "Figure 9",
        "The paper's comparison on the same instances, and what each method loses over the last 30 % of them; those that "
        "lose nothing are left out.",
        [
            Panel(
                "along the instances",
                X,
                Axis("ratio to the least cost", low=0.82, high=1.005),
                curves={name: Curve(RATIO, name, STEADY) for name in (DESCENT, *NETWORKS, *WEAK)},
                bands=[OPTIMUM],
            ),
            Panel(
                "lost",
                Axis(""),
                Axis("1 - ratio", "log"),
                dots={
                    name: _lost(name, STEADY)
                    for name in (DESCENT, *NETWORKS, "best-of-random", "random", "all-offload", *WEAK)
                },
            ),
        ],
    ),
    Drawing(
        "Table 1 as a picture",
        "Median time of one decision.",
        [
            Panel(
                "times",
                Axis("users"),
                Axis("time of a decision, ms", "log"),
                curves={way: Across(TIME, way, "by users", OF_USERS) for way in WAYS},
            )
        ],
        width=9.0,
        height=5.0,
    ),
)
