"""The tables of paper 004's evaluation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners import figures
from mecopt.learners.figures import spread
from mecopt.learners.ojrs.settings import OjrsSettings
from mecopt.learners.paper_004 import measures, searches
from mecopt.learners.paper_004.encoders import BARS, COMPONENTS, MEAN, SAE, Reconstruction
from mecopt.learners.paper_004.measures import Part, halves
from mecopt.learners.paper_004.trainings import (
    CHANGED,
    DYNAMIC_BASES,
    MOST_SERVERS,
    SERVERS,
    UNCOMPRESSED,
    USERS,
    varied,
)
from mecopt.reproduction import Table

if TYPE_CHECKING:
    from mecopt.learners.log import Log
    from mecopt.learners.paper_004.evaluation import Measured

Array = NDArray[Any]

PRINTED_II = {
    searches.OJRS["paper"]: ("20.6874", "0.0483", "17.4"),
    searches.NEAREST: ("25.2942", "0.0395", "13.9"),
    searches.RANDOM: ("36.4325", "0.0275", "5.7"),
    searches.ASA: ("20.2385", "0.0494", "235.4"),
}
"""Latency, reward and time in ms of table II. The paper does not say how long its ASA searches; by its times 20 to 40
steps."""

PRINTED_III = {
    1: ("1", "0.9987", "0.9462", "0.9988", "0.9764"),
    2: ("0.9273", "0.9895", "0.9421", "0.9886", "0.9693"),
    3: ("0.8994", "0.9821", "0.9362", "0.9823", "0.9612"),
    4: ("0.8823", "0.9732", "0.9252", "0.9733", "0.9575"),
    5: ("0.8782", "0.9672", "0.9197", "0.9671", "0.9488"),
}
"""Acc, F-Best, F-Avg, S-Best and S-Avg of table III by servers; against particle swarm optimisation, not the optimum."""


def tables(m: Measured) -> list[Table]:
    """Write every table."""
    return [_encoders(m), _errors(m), _searches(m), _strategies(m), _ablation(m), _habits(m), _accuracies(m), _dynamic(m)]


def percent(values: Sequence[float]) -> str:
    """Write shares over seeds in percent: their mean, and the deviation if there is one."""
    found = spread([100.0 * value for value in values])
    return f"{found.mean:.1f} ± {found.deviation:.1f}" if len(values) > 1 else f"{found.mean:.1f}"


def short(values: Sequence[float]) -> str:
    """Write figures over seeds with four digits: their mean, and the deviation if there is one."""
    found = spread(values)
    return f"{found.mean:.4f} ± {found.deviation:.4f}" if len(values) > 1 else f"{found.mean:.4f}"


def _slots(m: Measured) -> int:
    return next(iter(m.logs.values()))[0].own.size


# ---------------------------------------------------------------------- figures 3 to 7


def _encoders(m: Measured) -> Table:
    rows = []
    for (name, servers), found in m.encoders.items():
        if servers != SERVERS:
            continue
        rows.append(
            [
                name,
                percent([one.testing.accuracy for one in found]),
                percent([one.accuracy_unit_scale for one in found]),
                percent([one.training.accuracy for one in found]),
                percent([one.testing.explained for one in found]),
                percent([one.testing.best_server for one in found]),
                _losses(found),
            ]
        )
    return Table(
        "Figures 3 and 4: what an encoder keeps of the channels of two servers",
        "In %, on 1,024 slots it has not seen (training: on those it was trained with), on our scale and on that of (23), "
        "from 0 to 1. The accuracy of the mean shows what "
        "an accuracy is worth; explained: 1 - MSE/Var; best server: how often a user's strongest server still is its "
        "strongest. The paper: SAE 92.73, AE 87.55. Loss: mean squared error in training and testing at the end.",
        ("way", "accuracy", "on [0, 1]", "in training", "variance explained", "best server kept", "loss"),
        rows,
    )


def _losses(found: list[Reconstruction]) -> str:
    if not found[0].accuracy.size:
        return ""
    return " / ".join(f"{np.mean([one.losses[k][-1] for one in found]):.5f}" for k in (0, 1))


def _errors(m: Measured) -> Table:
    rows = []
    for (name, servers), found in m.encoders.items():
        if servers != SERVERS:
            continue
        for where, k in (("training", 0), ("testing", 1)):
            rows.append([f"{name}, {where}", *(percent([one.errors[k][bar] for one in found]) for bar in range(4))])
    edges = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(BARS[:5])]
    return Table(
        "Figures 5 and 6: absolute errors",
        "In %: the share of errors of the channel feature in each of the first four bars.",
        ("way", *edges),
        rows,
    )


def _searches(m: Measured) -> Table:
    rows = [
        [name, *(short([curve[k] for curve in found]) for k in range(1, len(m.evaluations)))]
        for name, found in m.searches.items()
        if name != searches.LOCAL_SEARCH
    ]
    search = short([curve[0] for curve in m.searches[searches.LOCAL_SEARCH]])
    return Table(
        "Figure 7: the best decision met",
        f"Mean NRR against the optimum after so many evaluations, from random decisions. Local search from the same ones: "
        f"{search}.",
        ("search", *map(str, m.evaluations[1:])),
        rows,
    )


# ---------------------------------------------------------------------- table II


def _strategies(m: Measured) -> Table:
    rows = []
    for name in m.decided.latency:
        latency, times = m.latency(name), m.decided.seconds[name]
        printed = PRINTED_II.get(name, ("", "", ""))
        rows.append(
            [
                name,
                f"{latency.mean:.3f} ± {latency.deviation:.3f}" if len(latency.values) > 1 else f"{latency.mean:.3f}",
                printed[0],
                f"{np.mean([(1.0 / values).mean() for values in m.decided.latency[name]]):.4f}",
                printed[1],
                short(m.nrr(name).values),
                figures.two_digits(1e3 * float(np.median(times))),
                printed[2],
            ]
        )
    return Table(
        "Table II: strategies",
        "Latency in s and reward 1/s on the same fresh slots for all; NRR against the proved optimum; median time in ms of "
        "one decision and its value, one slot at a time, all in one process. ASA and SA start at random decisions. "
        "Networks: own decision. One decision for all slots: the best on average over "
        f"{m.decided.seen:,} slots of the training; it "
        "never looks at a channel. The signal-to-noise ratio is calibrated to the latencies of the paper, which is silent.",
        ("strategy", "latency, s", "paper, s", "reward, 1/s", "paper, 1/s", "NRR", "time, ms", "paper, ms"),
        rows,
    )


# ---------------------------------------------------------------------- the ablation


def _ablation(m: Measured) -> Table:
    rows, slots = [], _slots(m)
    for plan, logs in m.logs.items():
        if plan.stream == CHANGED:
            continue
        rows.append(
            [
                plan.name,
                short(m.level(plan).values),
                f"{min(float(measures.last(log, log.own).min()) for log in logs):.3f}",
                figures.instances([measures.learned(log) for log in logs]),
                short([measures.last(log, log.played).mean() for log in logs]),
                f"{np.mean([np.nanmean(log.loss[-max(1, log.loss.size // 20) :]) for log in logs]):.3f}",
                _steps(logs),
            ]
        )
    return Table(
        "Ablation: one component changed at a time",
        f"NRR of the network's own decision over the last {measures.last_slots(slots):,} slots, two servers; the least of "
        f"them; the slot at which the mean of {measures.learning_window(slots):,} first reaches {measures.LEVEL}, least to "
        "greatest over seeds; NRR of the decision found, which it learns from; loss; mean T.",
        ("settings", "NRR", "least", "0.95 reached at", "NRR of its labels", "loss", "T"),
        rows,
    )


def _steps(logs: list[Log]) -> str:
    steps = [log.more["steps"][-max(1, log.own.size // 20) :] for log in logs]
    return "" if np.isnan(steps[0]).any() else f"{np.mean(steps):.0f}"


def _habits(m: Measured) -> Table:
    labels = ("local", *(f"server {j + 1}" for j in range(SERVERS)))
    rows = [
        [
            plan.name,
            *(percent([h.shares[k] for h in found]) for k in range(len(labels))),
            percent([h.unchanging for h in found]),
        ]
        for plan, found in m.habits.items()
    ]
    return Table(
        "What the networks decide",
        "In %: share of users by choice, and users whose choice is the same in all of the last "
        f"{measures.last_slots(_slots(m)):,} slots, by the finished network.",
        ("settings", *labels, "never changes"),
        rows,
    )


# ---------------------------------------------------------------------- table III


def ratio_of_compression(servers: int) -> float:
    """Return CR: what part of the inputs the code saves."""
    return max(0.0, 1.0 - OjrsSettings().code / (USERS * servers))


def _accuracies(m: Measured) -> Table:
    rows = []
    for servers in range(2, MOST_SERVERS + 1):
        found = [m.encoders[name, servers] for name in (SAE, COMPONENTS, MEAN)]
        rows.append(
            [
                str(servers),
                f"{ratio_of_compression(servers):.2f}",
                f"{100.0 * float(PRINTED_III[servers][0]):.2f}",
                *(percent([one.testing.accuracy for one in ways]) for ways in found),
                percent([one.testing.explained for one in found[0]]),
                percent([one.testing.best_server for one in found[0]]),
            ]
        )
    return Table(
        "Table III: compression",
        "Accuracy in %, in testing, beside the paper's; 30 numbers of the code for 30 inputs per server, so that one server "
        "needs no compression.",
        ("servers", "CR", "Acc of the paper", "SAE", COMPONENTS, MEAN, "SAE: variance explained", "best server kept"),
        rows,
    )


def _dynamic(m: Measured) -> Table:
    rows = []
    for servers in range(1, MOST_SERVERS + 1):
        _, *printed = PRINTED_III[servers]
        rows.append([f"{servers}, the paper (ratio to PSO)", "", *printed[:2], "", "", *printed[2:], ""])
        for base in DYNAMIC_BASES:
            before, after = zip(*(halves(log) for log in m.logs[varied(base, "", CHANGED, servers)]), strict=True)
            rows.append([f"{servers}, {base}", *_part(before), *_part(after)])
    before, after = zip(*(halves(log) for log in m.logs[UNCOMPRESSED]), strict=True)
    rows.append([f"{MOST_SERVERS}, {UNCOMPRESSED.name}", *_part(before), *_part(after)])
    return Table(
        "Table III: one to five servers, other weights from half time on",
        "NRR of the own decision against the optimum before (F) and after (S) the change. Best: of single slots, then of "
        f"means over {measures.best_window(_slots(m) // 2):,} slots; Avg: over the half; end: over its last tenth.",
        ("servers", "F-Best, slot", "F-Best", "F-Avg", "F-end", "S-Best, slot", "S-Best", "S-Avg", "S-end"),
        rows,
    )


def _part(found: Sequence[Part]) -> list[str]:
    return [short([getattr(one, name) for one in found]) for name in ("best_slot", "best_mean", "average", "end")]
