"""Tables of paper 004."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from mecopt.evaluation.figures import Curve, Figure, Of
from mecopt.evaluation.moments import Reached
from mecopt.evaluation.rules import known
from mecopt.evaluation.tables import Pivot, pivot
from mecopt.learners.paper_004.claims.readings import PRINTED_III, Settling, channels, end, settling, strategy
from mecopt.learners.paper_004.claims.training import ADAPTIVE
from mecopt.learners.paper_004.encoders import (
    AE,
    AVERAGED,
    BARS,
    COMPONENTS,
    ENCODERS,
    MEAN,
    ONCE,
    PRINTED,
    REFITTED,
    SAE,
    SHOWN,
)
from mecopt.learners.paper_004.measures import AVERAGE, BEST, BEST_SLOT, END, HALVES
from mecopt.learners.paper_004.names import (
    ACCURACY,
    ALONG_EPISODES,
    BEST_KEPT,
    CHOSEN,
    COMPRESSION,
    ERRORS,
    EXPLAINED,
    FOUND,
    LABELS,
    LATENCY,
    LEAST,
    LOSS,
    MET,
    NRR,
    OVER,
    PLENTY,
    QUALITY,
    RELATIVE,
    REWARD,
    STEPS,
    TESTING,
    TIME,
    TRAINING,
    UNCHANGING,
    UNIT_ACCURACY,
    by,
)
from mecopt.learners.paper_004.searches import (
    ASA,
    ASA_GUIDED,
    ASA_GUIDED_LONG,
    ASA_LONG,
    CONSTANT,
    COORDINATE,
    EXACT,
    LEVELS,
    LOCAL_SEARCH,
    NEAREST,
    NEIGHBOURS,
    OJRS,
    QUICK_EVALUATIONS,
    RANDOM,
    STRONGEST,
    SWARM,
    SWARM_LONG,
    SWARMS,
)
from mecopt.learners.paper_004.trainings import (
    BASES,
    CHANGED_ALONE,
    CHANNELS,
    DYNAMIC,
    MOST_SERVERS,
    MOVING,
    PAPER_NAME,
    SEARCHES,
    SERVERS,
    SLOTS,
    STEADY,
    UNCOMPRESSED,
    WALKING,
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
    ASA_GUIDED,
    ASA_GUIDED_LONG,
    COORDINATE,
    LOCAL_SEARCH,
    SWARM,
    SWARM_LONG,
    EXACT,
)
BY = {SWARM: "by PSO, 30 x 100", SWARM_LONG: "by PSO, 100 x 1,000"}
"""Heads of columns: particles and steps."""
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
        "ratios off by": _of(RELATIVE, WAYS),
        "loss in training": {name: end(name, TRAINING) for name in ENCODERS},
        "in testing": {name: end(name, TESTING) for name in ENCODERS},
        "near its end from episode": {
            name: settling(Curve(LOSS + TESTING + ALONG_EPISODES, name, CHANNELS[SERVERS]), Settling(20, 0.2))
            for name in SHOWN
        },
        "8,192 slots, in training": {name: channels(LOSS + TRAINING + PLENTY, name) for name in (AE, SAE)},
        "8,192, in testing": {name: channels(LOSS + TESTING + PLENTY, name) for name in (AE, SAE)},
    }
    losses = [head for head in columns if head.endswith(("in training", "in testing")) and head != "in training"]
    forms = {head: "{:.5f}" if head in losses else "{:.1%}" for head in columns}
    forms |= {"ratios off by": "{:.4f}", "near its end from episode": "{:.0f}"}
    caption = (
        "On 1,024 slots it has not seen (training: on those it was trained with), on our scale and on that of (23), from 0 "
        "to 1. The accuracy of the mean shows what an accuracy is worth; best server: how often a user's strongest server "
        "still is its strongest; ratios: what the relative term of (23) squares. The paper: SAE 92.73 %, AE 87.55 %. Loss: "
        "mean squared error at the end, with 1,024 slots to learn from and with 8,192. Each term of (23) is added to SAE "
        "alone, too, as sum and as mean. Near its end: means over ten passes of the loss in testing stay within 20 % (the "
        "paper: converged after about 80 episodes)."
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


def _drift() -> Pivot:
    ways = [f"{name}, {how}" for name in (PRINTED, AVERAGED) for how in (REFITTED, ONCE)]
    quantities = {"accuracy": ACCURACY, "on [0, 1]": UNIT_ACCURACY, EXPLAINED: EXPLAINED, "best server kept": BEST_KEPT}
    columns = {head: _of(quantity, ways, WALKING) for head, quantity in quantities.items()}
    caption = (
        "While each user walks along a straight line: what is left of the channels of the last tenth, which no encoder has "
        "seen. The offline stage sees the first tenth; incremental learning fits again after each further tenth."
    )
    return pivot("The encoder under drift", caption, "way", ways, columns, "{:.1%}")


def _searches() -> Pivot:
    names = (*NEIGHBOURS, LOCAL_SEARCH)
    rows: dict[str, dict[str, Figure]] = {
        name: {f"{count:,}": Of(MET, name, SEARCHES, float(count)) for count in QUICK_EVALUATIONS[1:]} for name in names
    }
    for name in NEIGHBOURS:
        rows[name] |= {f"to {level:g}": Of(FOUND, name, SEARCHES, level) for level in LEVELS}
    heads = list(rows[names[0]])
    forms = {head: "{:.0f}" if head.startswith("to ") else "{:.4f}" for head in heads}
    caption = (
        "Mean NRR against the optimum after so many evaluations, from the same random decisions, and how many it takes to a "
        "mean NRR; local search at its end. Moves without guidance: every server is worth the same to every user."
    )
    return Pivot("Figure 7: the best decision met", caption, "search", rows, forms)


def _strategies() -> Pivot:
    columns: dict[str, dict[str, Figure]] = {
        LATENCY: _of(LATENCY, STRATEGIES, STEADY),
        "paper, s": {name: known(one[0]) for name, one in PRINTED_II.items()},
        REWARD: _of(REWARD, STRATEGIES, STEADY),
        "paper, 1/s": {name: known(one[1]) for name, one in PRINTED_II.items()},
        NRR: _of(NRR, STRATEGIES, STEADY),
        **{BY[swarm]: _of(by(NRR, swarm), STRATEGIES, STEADY) for swarm in SWARMS},
        TIME: _of(TIME, STRATEGIES, STEADY),
        "paper, ms": {name: known(one[2]) for name, one in PRINTED_II.items()},
    }
    form = ("{:.3f}", "{:.2f}", "{:.5f}", "{:.4f}", "{:.4f}", "{:.4f}", "{:.4f}", "{:.3g}", "{:.1f}")
    caption = (
        "Latency and reward on the same fresh slots for all; NRR against the proved optimum, and by PSO as in the paper; "
        "median time of one decision and its value, one slot at a time. ASA starts at random decisions. Networks: own "
        "decision. One decision for all slots: the best on average over the first slots of the training; it never looks at "
        "a channel. The signal-to-noise ratio is calibrated to the latencies of the paper, which is silent."
    )
    forms = dict(zip(columns, form, strict=True))
    return pivot("Table II: strategies", caption, "strategy", STRATEGIES, columns, forms)


def _moving() -> Pivot:
    columns: dict[str, Mapping[str, Figure]] = {
        LATENCY: _of(LATENCY, STRATEGIES, MOVING),
        NRR: {name: strategy(NRR, name, MOVING) for name in STRATEGIES},
        "NRR where users stay": _of(NRR, STRATEGIES, STEADY),
    }
    forms = {LATENCY: "{:.3f}", NRR: "{:.4f}", "NRR where users stay": "{:.4f}"}
    caption = "The same where each user's place is drawn anew for each slot, in training and testing."
    return pivot("Another channel law", caption, "strategy", STRATEGIES, columns, forms)


def _ablation() -> Pivot:
    def row(name: str) -> Mapping[str, Figure]:
        own = Curve(NRR + OVER, name, STEADY)
        return {
            NRR: own.late(0.05),
            LEAST: Of(LEAST, name, STEADY),
            "0.95 reached at": Reached(own, known(0.95), 2, already=True),
            "stable from": settling(Curve(REWARD + OVER, name, STEADY), Settling(20, 0.02)),
            LABELS: Curve(LABELS + OVER, name, STEADY).late(0.05),
            LOSS: Curve(LOSS + OVER, name, STEADY).late(0.05),
            STEPS: Curve(STEPS + OVER, name, STEADY).late(0.05),
        }

    forms = {
        NRR: "{:.4f}",
        LEAST: "{:.3f}",
        "0.95 reached at": "{:.0f}",
        "stable from": "{:.0f}",
        LABELS: "{:.4f}",
        LOSS: "{:.3f}",
        STEPS: "{:.0f}",
    }
    caption = (
        "NRR of the network's own decision over the last 500 slots, two servers; the least of them; the slot at which the "
        "mean of 200 first reaches 0.95, and from which on means over 500 of the reward stay within 2 % of its end (the "
        "paper: 2,500 with 2p-ER, 7,000 without); NRR of the decision found, which it learns from; loss; mean T."
    )
    return Pivot(
        "Ablation: one component changed at a time", caption, "settings", {name: row(name) for name in ALONE}, forms
    )


def _adaptive() -> Pivot:
    def row(name: str) -> Mapping[str, Figure]:
        steps, own = (Curve(quantity + OVER, name, DYNAMIC[SERVERS]) for quantity in (STEPS, NRR))
        return {
            "T, mean": steps.mean(),
            "T in the first tenth": steps.between(0.0, SLOTS / 10.0).mean(),
            "before the change": steps.between(0.45 * SLOTS, 0.5 * SLOTS).mean(),
            "after it": steps.between(0.5 * SLOTS, 0.55 * SLOTS).mean(),
            "in the end": steps.late(0.05),
            "NRR, mean": own.mean(),
            "NRR in the end": own.late(0.05),
        }

    rows = {}
    for name, (changed, fixed) in ADAPTIVE.items():
        rows[name] = row(changed)
        rows[f"{name.partition(',')[0]}, T = 20"] = row(fixed)
    forms = {head: "{:.4f}" if head.startswith("NRR") else "{:.1f}" for head in next(iter(rows.values()))}
    caption = "T by four readings of (30), two servers, the users' weights drawn anew at half time; means over 500 slots."
    return Pivot("Figure 8: adaptive T", caption, "settings", rows, forms)


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
    caption = (
        "Accuracy in testing beside the paper's; 30 numbers of the code for 30 inputs per server. CR is 1 - 30/(30 M), as "
        "the paper has it, too (0, 0.5, 0.67, 0.75, 0.8): arithmetic, so no claim."
    )
    return Pivot("Table III: compression", caption, "servers", rows, forms)


def _dynamic(divisor: str = "") -> Pivot:
    heads = [f"{half_of}-{name}" for half_of in HALVES for name in (BEST_SLOT, BEST, AVERAGE, END)]
    rows: dict[str, Mapping[str, Figure]] = {}
    for n, setting in DYNAMIC.items():
        for base in (*BASES, *((UNCOMPRESSED,) if n == MOST_SERVERS else ())):
            rows[f"{n:g}, {base}"] = {head: Of(by(head, divisor), base, setting) for head in heads}
        if divisor:
            parts = {f"{half_of}-{AVERAGE}": Of(f"{half_of}-{QUALITY}", divisor, setting) for half_of in HALVES}
            rows[f"{n:g}, {divisor}, by the optimum"] = parts
        paper = zip(("F-Best", "F-Avg", "S-Best", "S-Avg"), PRINTED_III[n][1:], strict=True)
        rows[f"{n:g}, the paper (by PSO)"] = {name: known(value) for name, value in paper}
    what = (
        f"by {divisor}, that is the ratio to the optimum over the part of it that the swarm reaches,"
        if divisor
        else "against the optimum"
    )
    caption = (
        f"NRR of the own decision {what} before (F) and after (S) the change. Best: of single slots, and of means over a "
        "fiftieth of the half; Avg: over the half; end: over its last tenth."
    )
    name = f"Table III {BY[divisor]}" if divisor else "Table III: one to five servers, other weights from half time on"
    return Pivot(name, caption, "servers", rows, "{:.4f}")


TABLES = (
    *(_encoders(), _errors(), _drift(), _searches(), _strategies(), _moving(), _ablation(), _adaptive(), _habits()),
    *(_accuracies(), _dynamic(), *(_dynamic(swarm) for swarm in SWARMS)),
)
