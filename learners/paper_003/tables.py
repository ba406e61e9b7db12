"""The tables of paper 003's evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners import figures
from mecopt.learners.figures import spread
from mecopt.learners.paper_003 import measures
from mecopt.learners.paper_003.trainings import (
    DIFFERENT,
    OURS_NAME,
    PAPER_NAME,
    RATE,
    STEADY,
    SWITCHED,
    USERS,
    WEIGHT,
    change_points,
)
from mecopt.reproduction import Table

if TYPE_CHECKING:
    from mecopt.learners.log import Log
    from mecopt.learners.paper_003.evaluation import Measured

Array = NDArray[Any]

PAPER_NAMES = {
    "cd-random": "CD_SLSQP",
    "cd-average": "CD_AVERAGE",
    "all-offload-equal": "ALL_OFFLOAD",
    "all-local": "ALL_LOCAL",
}
CHANGES = (
    ("alpha 1 to 3", WEIGHT),
    ("alpha 3 to 1", WEIGHT),
    ("three users off", SWITCHED),
    ("three users on", SWITCHED),
    ("nothing, at the first point", STEADY),
    ("nothing, at the second", STEADY),
)
"""Each change, at the first and second point by turns, and the stream it is in; the last two show what chance alone does."""


def tables(m: Measured) -> list[Table]:
    """Write every table."""
    return [
        _trainings(m),
        _changes(m),
        _baselines("Figure 9: baselines, the paper's setting", m, STEADY),
        _baselines("Users that differ", m, DIFFERENT),
        _baselines("Another problem: the computation rate of 10 wireless-powered users", m, RATE),
        _times(m),
    ]


def changes(m: Measured, name: str, number: int) -> list[measures.Change]:
    """Measure one of `CHANGES` for every seed."""
    logs = m.of(name, CHANGES[number][1])
    count = logs[0].played.size
    first, second = change_points(count)
    at, until = (first, second) if number % 2 == 0 else (second, count)
    return [measures.change(log, at, until) for log in logs]


def _trainings(m: Measured) -> Table:
    rows = []
    for plan, logs in m.logs.items():
        if plan.users != USERS:
            continue
        played = [measures.last_part(log, log.played) for log in logs]
        rows.append(
            [
                f"{plan.stream}: {plan.name}",
                str(spread([p.mean() for p in played])),
                f"{min(float(p.min()) for p in played):.4f}",
                str(spread([measures.last_part(log, log.own).mean() for log in logs])),
                str(spread([_final_loss(log) for log in logs])),
                figures.instances([measures.reached(log, 0.995) for log in logs]),
            ]
        )
    return Table(
        "Trainings (figures 3 to 8 and beyond)",
        "Ratio to the proved optimum over the last 30 % of the instances. The last column is the first instance at which "
        "the mean of 200 reaches 0.995, least to greatest over seeds. With users that differ, and in the other problem, the "
        "network sees every field that varies.",
        ("stream: settings", "played (best of K)", "least", "network alone", "loss", "0.995 reached at"),
        rows,
    )


def _final_loss(log: Log) -> float:
    return float(np.nanmean(log.loss[-max(1, round(0.3 * log.loss.size)) :]))


def _changes(m: Measured) -> Table:
    rows = []
    for number, (title, _) in enumerate(CHANGES):
        for name in (PAPER_NAME, OURS_NAME):
            found = changes(m, name, number)
            rows.append(
                [
                    f"{title}, {name}",
                    str(spread([c.level for c in found])),
                    str(spread([c.cost for c in found])),
                    figures.instances([c.back for c in found]),
                    str(spread([c.loss_level for c in found])),
                    str(spread([c.loss for c in found])),
                    figures.instances([c.loss_back for c in found]),
                ]
            )
    return Table(
        "Changes (figures 5 to 8)",
        "The level regained in the last 400 instances before the next change; by how much the ratio is lower in the "
        "first 400 "
        "after the change; after how many instances the mean of 200 is within 0.001 of the level; the loss in the last 400 "
        "instances and in the first, and after how many it is within 10 %.",
        ("change", "level", "cost", "back after", "loss level", "loss", "loss back after"),
        rows,
    )


def _baselines(name: str, m: Measured, kind: str) -> Table:
    rows = []
    for method, runs in m.baselines[kind].items():
        shown = f"{method} ({PAPER_NAMES[method]})" if method in PAPER_NAMES and kind == STEADY else method
        parts = [ratio for ratio, _ in runs]
        rows.append(_baseline(shown, parts, float(np.mean([np.mean(c) for _, c in runs]))))
    for settings in (PAPER_NAME, OURS_NAME):
        if any((plan.name, plan.stream) == (settings, kind) for plan in m.logs):
            parts = [measures.last_part(log, log.played) for log in m.of(settings, kind)]
            rows.append(_baseline(f"network, {settings}, last 30 %", parts, 7.0))
    caption = "Ratio to the proved optimum on the instances of all seeds; for the networks on the last 30 % of them."
    return Table(name, caption, ("method", "mean ratio", "mean loss", "1st percentile", "least", "solves"), rows)


def _baseline(name: str, parts: list[Array], calls: float) -> list[str]:
    together = np.concatenate(parts)
    loss = max(float(1.0 - together.mean()), 0.0)
    return [
        name,
        str(spread([part.mean() for part in parts])),
        f"{loss:.1e}" if loss > 1e-12 else "0",
        f"{np.percentile(together, 1):.4f}",
        f"{together.min():.4f}",
        f"{calls:.1f}",
    ]


def _times(m: Measured) -> Table:
    users = sorted({n for _, n in m.seconds})
    rows = [[way, *(_milliseconds(m.seconds[way, n]) for n in users)] for way in dict.fromkeys(way for way, _ in m.seconds)]
    relation = [m.time("CD_SLSQP", n) / m.time("network and 7 SLSQP", n) for n in users]
    rows.append(["CD_SLSQP over network and 7 SLSQP", *map(figures.two_digits, relation)])
    rows.append(["the same in the paper", "6.8", "12.9", "21.5"])
    caption = (
        "Median time of one decision on the same instances, quartiles in brackets, inference included; the same proposals "
        "for SLSQP (without gradients, from an equal split) and for the square-root rule."
    )
    return Table("Table 1: decision times", caption, ("method", *(f"{n} users" for n in users)), rows)


def _milliseconds(seconds: Array) -> str:
    low, middle, high = 1e3 * np.quantile(seconds, [0.25, 0.5, 0.75])
    shown = [figures.two_digits(float(value)) for value in (middle, low, high)]
    return f"{shown[0]} ms [{shown[1]}, {shown[2]}]" if seconds.size > 1 else f"{shown[0]} ms"
