"""Running the evaluation of paper 003: trainings, baselines, decision times; then tables, pictures and verdicts."""

from __future__ import annotations

import itertools
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.curves import curves
from mecopt.learners.decision_net import DecisionNet
from mecopt.learners.log import Log
from mecopt.learners.paper_003 import measures, pictures
from mecopt.learners.paper_003.claims import judged
from mecopt.learners.paper_003.measures import Spread, spread
from mecopt.learners.paper_003.trainings import (
    ABLATION,
    DIFFERENT,
    FIGURES,
    INSTANCES,
    QUICK_ABLATION,
    QUICK_INSTANCES,
    STEADY,
    SWITCHED,
    TIMED,
    USERS,
    WEIGHT,
    Plan,
    change_points,
    stream,
    train_all,
)
from mecopt.learners.training import versions
from mecopt.models.binary_offloading import BinaryOffloading
from mecopt.reproduction import Findings, Picture, Progress, Reproduction, Table
from mecopt.solve import solve

Array = NDArray[Any]

BASELINES = (
    "exact",
    "index-scan",
    "sorted by size",
    "coordinate-descent",
    "cd-random",
    "best-of-random",
    "random",
    "all-offload",
    "all-offload-equal",
    "cd-average",
    "all-local",
)
PAPER_NAMES = {
    "cd-random": "CD_SLSQP",
    "cd-average": "CD_AVERAGE",
    "all-offload-equal": "ALL_OFFLOAD",
    "all-local": "ALL_LOCAL",
}
TIMED_INSTANCES = 30
"""Instances on which a method that needs milliseconds to seconds is timed."""

Ratios = dict[str, list[tuple[Array, Array]]]


@dataclass(frozen=True)
class Measured:
    """Everything that was measured, for verdicts, tables and pictures."""

    logs: dict[Plan, list[Log]]
    steady: Ratios
    different: Ratios
    seconds: dict[tuple[str, int], float]
    slsqp_error: float
    """Largest relative difference of the least cost over all decisions by SLSQP from the proved optimum."""
    slsqp_users: int
    slsqp_instances: int

    def of(self, name: str, kind: str) -> list[Log]:
        """Return the logs of a plan."""
        return next(logs for plan, logs in self.logs.items() if (plan.name, plan.stream, plan.users) == (name, kind, USERS))

    def level(self, name: str, kind: str) -> Spread:
        """Return the mean ratio of what was played over the last 30 %, over seeds."""
        return spread([measures.last_part(log, log.played).mean() for log in self.of(name, kind)])

    def mean(self, ratios: Ratios, method: str) -> Spread:
        """Return a baseline's mean ratio over seeds."""
        return spread([ratio.mean() for ratio, _ in ratios[method]])


class Paper003(Reproduction):
    """Xuan, Wei, Ni, Zhang: Decoupling Offloading Decision and Resource Allocation via DRL and SLSQP."""

    paper = "003"
    title = "Paper 003: offloading decisions by a network, allocation by SLSQP"

    def run(self, out: Path, *, seeds: int, quick: bool, progress: Progress) -> Findings:
        """Train, compare, time, judge."""
        count = QUICK_INSTANCES if quick else INSTANCES
        plans = (*FIGURES, *(QUICK_ABLATION if quick else ABLATION), *TIMED)
        logs = train_all(plans, out, seeds, count, lambda done, total: progress("training", done, total))
        progress("baselines", 0, 2 * seeds)
        steady, different = (_ratios(kind, seeds, count, progress) for kind in (STEADY, DIFFERENT))
        progress("decision times", 0, 1)
        timed = 3 if quick else TIMED_INSTANCES
        seconds = decision_times(out, timed, slow=3 if quick else 10)
        users, instances = (6, 1) if quick else (USERS, 3)
        error = all_decisions_by_slsqp(users, instances)
        measured = Measured(logs, steady, different, seconds, error, users, instances)
        return Findings(
            title=self.title,
            settings={
                "seeds": seeds,
                "instances of a training": count,
                "instances of a decision time": timed,
                "quick": quick,
                "versions": ", ".join(f"{k} {v}" for k, v in versions().items()),
                "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
                "command": f"mecopt reproduce 003 -o FOLDER --seeds {seeds}{' --quick' if quick else ''}",
                "spread": "mean ± standard deviation over seeds",
            },
            claims=judged(measured),
            tables=tables(measured),
            pictures=drawn(measured),
        )


def _ratios(kind: str, seeds: int, count: int, progress: Progress) -> Ratios:
    found: Ratios = {name: [] for name in BASELINES}
    for seed in range(seeds):
        for name, row in measures.ratios(stream(kind, seed, count), BASELINES, seed).items():
            found[name].append(row)
        progress(f"baselines, {kind}", seed + 1, seeds)
    return found


def decision_times(out: Path, instances: int, slow: int) -> dict[tuple[str, int], float]:
    """Time one decision for 10, 15 and 20 users: the paper's two methods, and the same decisions without SLSQP."""
    rng = np.random.default_rng(5)
    found: dict[tuple[str, int], float] = {}
    for users in (USERS, 15, 20):
        batch = stream(STEADY, 0, 1000, users)
        some, few = batch[:instances], batch[:slow]
        policy = DecisionNet.load(Plan("ours", STEADY, {}, users).folder(out, 0))

        def by_slsqp(instance: BinaryOffloading, policy: DecisionNet = policy) -> float:
            return measures.paper_proposal(instance, policy, rng)

        def by_rule(instance: BinaryOffloading, policy: DecisionNet = policy) -> float:
            return measures.our_proposal(instance, policy, rng)

        found["network and 7 SLSQP", users] = measures.seconds(by_slsqp, some)
        found["CD_SLSQP", users] = measures.seconds(lambda instance: measures.paper_descent(instance, rng), few)
        found["network and square-root rule", users] = measures.seconds(by_rule, some)
        found["coordinate descent, square-root rule", users] = measures.seconds(
            lambda instance: solve(instance, solver="cd-random", rng=rng), some
        )
        found["exact, proved", users] = measures.seconds(solve, some)
        whole = solve(batch)
        found["exact, proved, in a batch of 1,000", users] = (whole.stats.solve_seconds + whole.stats.certify_seconds) / 1000
    return found


def all_decisions_by_slsqp(users: int, instances: int) -> float:
    """Find the least cost as the paper does, every decision allocated by SLSQP, and compare it with the proved optimum."""
    worst = 0.0
    for instance in stream(STEADY, 0, instances, users):
        decisions = itertools.product((0, 1), repeat=users)
        least = min(measures.paper_slsqp(instance, np.array(decision)) for decision in decisions)
        worst = max(worst, abs(least / float(solve(instance).objective) - 1.0))
    return worst


# ---------------------------------------------------------------------- tables and pictures


def tables(measured: Measured) -> list[Table]:
    """Write every table."""
    return [
        _training_table(measured),
        _dip_table(measured),
        _baseline_table("Figure 9: baselines, the paper's setting", measured, measured.steady, STEADY),
        _baseline_table("Users that differ", measured, measured.different, DIFFERENT),
        _time_table(measured),
    ]


def _training_table(measured: Measured) -> Table:
    rows = []
    for plan, logs in measured.logs.items():
        if plan.users != USERS:
            continue
        played = [measures.last_part(log, log.played) for log in logs]
        own = spread([measures.last_part(log, log.own).mean() for log in logs])
        least, loss = min(float(p.min()) for p in played), spread([_final_loss(log) for log in logs])
        settled = [measures.settled(log, 0.995) for log in logs] if plan.stream == STEADY else []
        when = measures.instances(settled) if settled else "-"
        rows.append(
            [
                f"{plan.stream}: {plan.name}",
                str(spread([p.mean() for p in played])),
                f"{least:.4f}",
                str(own),
                str(loss),
                when,
            ]
        )
    headers = ("stream: settings", "best of K", "least", "network alone", "loss", "0.995 reached at")
    caption = (
        "Ratio to the proved optimum over the last 30 % of the instances. "
        "The last column is the first instance at which the mean of 200 reaches 0.995, least to greatest over seeds."
    )
    return Table("Trainings (figures 3 to 8 and beyond)", caption, headers, rows)


def _final_loss(log: Log) -> float:
    losses = log.loss[-max(1, round(0.3 * log.loss.size)) :]
    return float(np.nanmean(losses))


def _dip_table(measured: Measured) -> Table:
    rows = []
    for kind, names in ((WEIGHT, ("alpha 1 to 3", "alpha 3 to 1")), (SWITCHED, ("three users off", "three users on"))):
        for name in ("the paper's settings", "ours"):
            for number, change in enumerate(names):
                found = [measures.dips(log)[number] for log in measured.of(name, kind)]
                rows.append(
                    [
                        f"{change}, {name}",
                        str(spread([d.level for d in found])),
                        str(spread([d.lowest for d in found])),
                        measures.instances([d.instances for d in found]),
                        str(spread([d.loss_before for d in found])),
                        str(spread([d.loss_highest for d in found])),
                    ]
                )
    headers = ("change", "level before", "lowest", "instances until back", "loss before", "highest")
    caption = (
        "Lowest mean of 200 instances after a change, and how long until it is within 0.001 of the level before the first "
        "change, whose setting the second restores."
    )
    return Table("Changes (figures 5 to 8)", caption, headers, rows)


def _baseline_table(name: str, measured: Measured, ratios: Ratios, kind: str) -> Table:
    rows = []
    for method, runs in ratios.items():
        shown = f"{method} ({PAPER_NAMES[method]})" if method in PAPER_NAMES else method
        together = np.concatenate([ratio for ratio, _ in runs])
        calls = float(np.mean([np.mean(c) for _, c in runs]))
        rows.append(_baseline_row(shown, [ratio for ratio, _ in runs], together, calls))
    for settings in ("the paper's settings", "ours"):
        parts = [measures.last_part(log, log.played) for log in measured.of(settings, kind)]
        rows.append(_baseline_row(f"network, {settings}, last 30 %", parts, np.concatenate(parts), 7.0))
    headers = ("method", "mean ratio", "1st percentile", "least", "solves")
    return Table(name, "Ratio to the proved optimum on the same instances; all instances of all seeds.", headers, rows)


def _baseline_row(name: str, parts: list[Array], together: Array, calls: float) -> list[str]:
    return [
        name,
        str(spread([part.mean() for part in parts])),
        f"{np.percentile(together, 1):.4f}",
        f"{together.min():.4f}",
        f"{calls:.1f}",
    ]


def _time_table(measured: Measured) -> Table:
    names = list(dict.fromkeys(name for name, _ in measured.seconds))
    rows = [[name, *(f"{1e3 * measured.seconds[name, users]:.3g} ms" for users in (10, 15, 20))] for name in names]
    slow, quick = "CD_SLSQP", "network and 7 SLSQP"
    relation = [measured.seconds[slow, users] / measured.seconds[quick, users] for users in (10, 15, 20)]
    rows.append(["CD_SLSQP over network and 7 SLSQP", *(f"{r:.1f}" for r in relation)])
    rows.append(["the same in the paper", "6.8", "12.9", "21.5"])
    caption = (
        "Median time of one decision, one instance at a time but for the batch; SLSQP without gradients from an equal split."
    )
    return Table("Table 1: decision times", caption, ("method", "10 users", "15 users", "20 users"), rows)


def drawn(measured: Measured) -> list[Picture]:
    """Draw every figure of the paper, the optimum in each."""
    first, second = change_points(measured.of("ours", STEADY)[0].played.size)
    both = ("the paper's settings", "ours")
    found = []
    for name, caption, kind, changes in (
        ("Figures 3 and 4", "Convergence in the paper's setting.", STEADY, []),
        ("Figures 5 and 6", "The weight of energy changes.", WEIGHT, [(first, "alpha = 3"), (second, "alpha = 1")]),
        ("Figures 7 and 8", "Three users leave and return.", SWITCHED, [(first, "3 users off"), (second, "all on")]),
        ("Figure 4 with users that differ", "A setting the paper does not have.", DIFFERENT, []),
    ):
        runs = {f"{settings}:": measured.of(settings, kind) for settings in both}
        found.append(Picture(name, f"{caption} Mean over seeds; shade: all records.", curves(runs, name, changes)))
    networks = {settings: measured.of(settings, STEADY) for settings in both}
    found.append(
        Picture(
            "Figure 9",
            "The paper's comparison on the same instances; cd-random decides as CD_SLSQP does, without SLSQP.",
            pictures.comparison({n: [r for r, _ in runs] for n, runs in measured.steady.items()}, networks, PAPER_NAMES),
        )
    )
    found.append(
        Picture(
            "Table 1 as a picture",
            "Median time of one decision.",
            pictures.times(measured.seconds),
        )
    )
    return found


REPRODUCTION = Paper003()
