"""Tables and pictures of paper 004."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from mecopt.evaluation.figures import Curve, Figure, Of, Reached
from mecopt.evaluation.pictures import Axis, Band, Drawing, Panel
from mecopt.evaluation.rules import known
from mecopt.evaluation.tables import Pivot, pivot
from mecopt.learners.paper_004.claims import ADAPTIVE, PRINTED_III, channels, end, half, level, strategy
from mecopt.learners.paper_004.encoders import AVERAGED, BARS, COMPONENTS, ENCODERS, EPISODES, MEAN, PRINTED, SAE
from mecopt.learners.paper_004.measures import AVERAGE, BEST, BEST_SLOT, END, HALVES
from mecopt.learners.paper_004.names import (
    ACCURACY,
    ALONG_EPISODES,
    BEST_KEPT,
    CHOSEN,
    COMPRESSION,
    ERRORS,
    EXPLAINED,
    LABELS,
    LATENCY,
    LEAST,
    LOSS,
    MET,
    NRR,
    OVER,
    REWARD,
    STEPS,
    TESTING,
    TIME,
    TRAINING,
    UNCHANGING,
    UNIT_ACCURACY,
)
from mecopt.learners.paper_004.searches import (
    ASA,
    ASA_LONG,
    CONSTANT,
    EVALUATIONS,
    EXACT,
    LOCAL_SEARCH,
    NEAREST,
    NEIGHBOURS,
    OJRS,
    QUICK_EVALUATIONS,
    RANDOM,
    STRONGEST,
)
from mecopt.learners.paper_004.trainings import (
    BASES,
    CHANGED_ALONE,
    CHANNELS,
    DYNAMIC,
    MOST_SERVERS,
    PAPER_NAME,
    SANE_NAME,
    SEARCHES,
    SERVERS,
    SLOTS,
    STEADY,
    UNCOMPRESSED,
    UNIFORM,
    varied,
)

ALONE = tuple(varied(base, change) for base, changes in CHANGED_ALONE.items() for change in ("", *changes))
"""The ablation: every setting, and with one component changed."""
WAYS = (*ENCODERS, COMPONENTS, MEAN)
STRATEGIES = (
    *OJRS.values(),
    CONSTANT,
    NEAREST,
    STRONGEST,
    RANDOM,
    ASA,
    ASA_LONG,
    "ASA guided, T = 20",
    "ASA guided, T = 500",
    LOCAL_SEARCH,
    EXACT,
)
PRINTED_II: Mapping[str, tuple[float, float, float]] = {
    OJRS[PAPER_NAME]: (20.6874, 0.0483, 17.4),
    NEAREST: (25.2942, 0.0395, 13.9),
    RANDOM: (36.4325, 0.0275, 5.7),
    ASA: (20.2385, 0.0494, 235.4),
}
"""Latency, reward and time in ms of table II. The paper does not say how long its ASA searches; by its times 20 to 40
steps."""


def _of(quantity: str, names: Sequence[str], setting: str = CHANNELS[SERVERS]) -> dict[str, Figure]:
    return {name: Of(quantity, name, setting) for name in names}


def _encoders() -> Pivot:
    columns = {
        "accuracy": _of(ACCURACY, WAYS),
        "on [0, 1]": _of(UNIT_ACCURACY, WAYS),
        "in training": _of(ACCURACY + TRAINING, WAYS),
        EXPLAINED: _of(EXPLAINED, WAYS),
        "best server kept": _of(BEST_KEPT, WAYS),
        "loss in training": {name: end(name, TRAINING) for name in ENCODERS},
        "in testing": {name: end(name, TESTING) for name in ENCODERS},
    }
    forms = {head: "{:.5f}" if head in ("loss in training", "in testing") else "{:.1%}" for head in columns}
    caption = (
        "On 1,024 slots it has not seen (training: on those it was trained with), on our scale and on that of (23), from 0 "
        "to 1. The accuracy of the mean shows what an accuracy is worth; best server: how often a user's strongest server "
        "still is its strongest. The paper: SAE 92.73 %, AE 87.55 %. Loss: mean squared error at the end."
    )
    return pivot("Figures 3 and 4: what is kept of the channels of two servers", caption, "way", WAYS, columns, forms)


def _errors() -> Pivot:
    edges = BARS[:5].tolist()
    rows = {
        f"{name}{where}": {
            f"{low:g} to {high:g}": channels(ERRORS + where, name, high) for low, high in itertools.pairwise(edges)
        }
        for name in WAYS
        for where in (TRAINING, TESTING)
    }
    caption = "The share of errors of the channel feature in each of the first four bars."
    return Pivot("Figures 5 and 6: absolute errors", caption, "way", rows, "{:.1%}")


def _searches() -> Pivot:
    names = (*NEIGHBOURS, LOCAL_SEARCH)
    rows = {name: {f"{count:,}": Of(MET, name, SEARCHES, float(count)) for count in QUICK_EVALUATIONS[1:]} for name in names}
    caption = (
        "Mean NRR against the optimum after so many evaluations, from the same random decisions; local search at its end."
    )
    return Pivot("Figure 7: the best decision met", caption, "search", rows, "{:.4f}")


def _strategies() -> Pivot:
    columns: dict[str, dict[str, Figure]] = {
        LATENCY: _of(LATENCY, STRATEGIES, STEADY),
        "paper, s": {name: known(one[0]) for name, one in PRINTED_II.items()},
        REWARD: _of(REWARD, STRATEGIES, STEADY),
        "paper, 1/s": {name: known(one[1]) for name, one in PRINTED_II.items()},
        NRR: _of(NRR, STRATEGIES, STEADY),
        TIME: _of(TIME, STRATEGIES, STEADY),
        "paper, ms": {name: known(one[2]) for name, one in PRINTED_II.items()},
    }
    forms = dict(zip(columns, ("{:.3f}", "{:.2f}", "{:.5f}", "{:.4f}", "{:.4f}", "{:.3g}", "{:.1f}"), strict=True))
    caption = (
        "Latency and reward on the same fresh slots for all; NRR against the proved optimum; median time of one decision "
        "and its value, one slot at a time. ASA starts at random decisions. Networks: own decision. One decision for all "
        "slots: the best on average over the first slots of the training; it never looks at a channel. The signal-to-noise "
        "ratio is calibrated to the latencies of the paper, which is silent."
    )
    return pivot("Table II: strategies", caption, "strategy", STRATEGIES, columns, forms)


def _ablation() -> Pivot:
    def row(name: str) -> Mapping[str, Figure]:
        own = Curve(NRR + OVER, name, STEADY)
        return {
            NRR: own.late(0.05),
            LEAST: Of(LEAST, name, STEADY),
            "0.95 reached at": Reached(own, known(0.95), 2),
            LABELS: Curve(LABELS + OVER, name, STEADY).late(0.05),
            LOSS: Curve(LOSS + OVER, name, STEADY).late(0.05),
            STEPS: Curve(STEPS + OVER, name, STEADY).late(0.05),
        }

    forms = {NRR: "{:.4f}", LEAST: "{:.3f}", "0.95 reached at": "{:.0f}", LABELS: "{:.4f}", LOSS: "{:.3f}", STEPS: "{:.0f}"}
    caption = (
        "NRR of the network's own decision over the last 500 slots, two servers; the least of them; the slot at which the "
        "mean of 200 first reaches 0.95; NRR of the decision found, which it learns from; loss; mean T."
    )
    return Pivot(
        "Ablation: one component changed at a time", caption, "settings", {name: row(name) for name in ALONE}, forms
    )


def _habits() -> Pivot:
    labels = ("local", *(f"server {j + 1}" for j in range(SERVERS)))
    columns: dict[str, Mapping[str, Figure]] = {label: _of(f"{CHOSEN} {label}", ALONE, STEADY) for label in labels}
    columns["never changes"] = _of(UNCHANGING, ALONE, STEADY)
    caption = (
        "Share of users by choice, and users whose choice is the same in all of the last 500 slots, by the finished network."
    )
    return pivot("What the networks decide", caption, "settings", ALONE, columns, "{:.1%}")


def _accuracies() -> Pivot:
    rows: dict[str, Mapping[str, Figure]] = {
        f"{n:g}": {
            "CR": Of(COMPRESSION, "", DYNAMIC[n]),
            "Acc of the paper": known(PRINTED_III[n][0]),
            **{name: Of(ACCURACY, name, setting) for name in (SAE, COMPONENTS, MEAN)},
            "SAE: variance explained": Of(EXPLAINED, SAE, setting),
            "SAE: best server kept": Of(BEST_KEPT, SAE, setting),
        }
        for n, setting in CHANNELS.items()
    }
    heads = list(next(iter(rows.values())))
    forms = dict.fromkeys(heads, "{:.1%}") | {"CR": "{:.2f}", "Acc of the paper": "{:.2%}"}
    caption = "Accuracy in testing beside the paper's; 30 numbers of the code for 30 inputs per server."
    return Pivot("Table III: compression", caption, "servers", rows, forms)


def _dynamic() -> Pivot:
    names = [f"{half_of}-{name}" for half_of in HALVES for name in (BEST_SLOT, BEST, AVERAGE, END)]
    rows: dict[str, Mapping[str, Figure]] = {}
    for n, setting in DYNAMIC.items():
        for base in (*BASES, *((UNCOMPRESSED,) if n == MOST_SERVERS else ())):
            rows[f"{n:g}, {base}"] = {name: Of(name, base, setting) for name in names}
        paper = zip(("F-Best", "F-Avg", "S-Best", "S-Avg"), PRINTED_III[n][1:], strict=True)
        rows[f"{n:g}, the paper (ratio to PSO)"] = {name: known(value) for name, value in paper}
    caption = (
        "NRR of the own decision against the optimum before (F) and after (S) the change. Best: of single slots, and of "
        "means over a fiftieth of the half; Avg: over the half; end: over its last tenth."
    )
    return Pivot("Table III: one to five servers, other weights from half time on", caption, "servers", rows, "{:.4f}")


TABLES = (_encoders(), _errors(), _searches(), _strategies(), _ablation(), _habits(), _accuracies(), _dynamic())

SLOT = Axis("slot", low=0.0, high=SLOTS)
TWO = CHANNELS[SERVERS]


def _replay(base: str) -> list[Panel]:
    return [
        Panel(
            f"from '{base}'",
            SLOT,
            axis,
            curves={
                name: Curve(quantity + OVER, varied(base, change), STEADY)
                for name, change in (("2p-ER", ""), ("uniform", UNIFORM))
            },
            bands=bands,
        )
        for quantity, axis, bands in (
            (REWARD, Axis("reward of the own decision, 1/s"), [_level("optimum on fresh slots", strategy(REWARD, EXACT))]),
            (LOSS, Axis("loss", "log"), []),
        )
    ]


def _level(name: str, figure: Figure) -> Band:
    return Band(name, figure, figure)


def _thirds(half_of: str, title: str, column: int) -> Panel:
    return Panel(
        title,
        Axis("servers"),
        Axis("average NRR of the own decision"),
        curves={base: half(f"{half_of}-{AVERAGE}", base) for base in BASES},
        bands=[_level(f"the paper, {n:g}", known(PRINTED_III[n][column])) for n in (1, MOST_SERVERS)],
    )


DRAWINGS = (
    Drawing(
        "Figures 3 and 4",
        "Encoders of the channels of two servers.",
        [
            Panel(
                "accuracy",
                Axis("episode (pass over 1,024 slots)", low=0.0, high=EPISODES),
                Axis("accuracy", low=0.85, high=0.95),
                curves={name: Curve(ACCURACY + ALONG_EPISODES, name, TWO) for name in ENCODERS},
                bands=[_level(name, channels(ACCURACY, name)) for name in (COMPONENTS, MEAN)],
            ),
            Panel(
                "loss in testing",
                Axis("episode (pass over 1,024 slots)", low=0.0, high=EPISODES),
                Axis("mean squared error of the channel feature", "log"),
                curves={name: Curve(LOSS + TESTING + ALONG_EPISODES, name, TWO) for name in ENCODERS},
            ),
        ],
    ),
    Drawing(
        "Figures 5 and 6",
        "Absolute errors of the channel feature by bars; the last bar: and more.",
        [
            Panel(
                where.removeprefix(", "),
                Axis("upper edge of the bar"),
                Axis("share of all errors"),
                curves={name: Curve(ERRORS + where, name, TWO) for name in (SAE, PRINTED, AVERAGED, MEAN)},
            )
            for where in (TRAINING, TESTING)
        ],
    ),
    Drawing(
        "Figure 7",
        "Best decision met by search from random starts, mean over slots.",
        [
            Panel(
                "searches",
                Axis("evaluations", "log", low=1.0, high=float(EVALUATIONS[-1])),
                Axis("mean NRR of the best decision met"),
                curves={name: Curve(MET, name, SEARCHES) for name in NEIGHBOURS},
                bands=[_level("optimum", known(1.0))],
            )
        ],
    ),
    Drawing(
        "Figure 8",
        "Steps of the search by rule (30), by both readings.",
        [
            Panel(
                "T",
                SLOT,
                Axis("T, steps of the search", "log"),
                curves={name: Curve(STEPS + OVER, changed, STEADY) for name, (changed, _) in ADAPTIVE.items()},
            )
        ],
    ),
    *(
        Drawing(
            f"Figures 9 and 10, {base}",
            "Reward of the own decision and loss with 2p-ER and with uniform replay.",
            _replay(base),
        )
        for base in (PAPER_NAME, SANE_NAME)
    ),
    Drawing(
        "Table III as a picture",
        "Average NRR before and after the weights change; the paper's is a ratio to PSO.",
        [_thirds("F", "before (F-Avg)", 2), _thirds("S", "after (S-Avg)", 4)],
    ),
    Drawing(
        "The settings",
        "NRR of the own decision over the last 500 slots, two servers, and of strategies on fresh slots; dots are seeds.",
        [
            Panel(
                "NRR",
                Axis(""),
                Axis(NRR),
                dots={
                    **{base: level(base) for base in BASES},
                    **{name: strategy(NRR, name) for name in (CONSTANT, NEAREST, RANDOM, ASA, ASA_LONG, LOCAL_SEARCH)},
                },
                bands=[_level("optimum", known(1.0))],
            )
        ],
    ),
)
