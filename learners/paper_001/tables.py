"""The tables of paper 001's evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mecopt.evaluation.reproduction import Table
from mecopt.learners.figures import Spread, spread
from mecopt.learners.paper_001.claims_sharing import SEARCHED
from mecopt.learners.paper_001.measures import NOTHING, Means
from mecopt.learners.paper_001.policies import EVEN, MATCHED, MODES
from mecopt.learners.paper_001.sweeps import MEAN_EFFICIENCY, MEAN_REWARD, RATIO_OF_SUMS, WAYS
from mecopt.learners.paper_001.worlds import LOADS, POWERS, SCALES, World
from mecopt.learners.plans import Plan

if TYPE_CHECKING:
    from mecopt.learners.paper_001.comparison import Compared
    from mecopt.learners.paper_001.evaluation import Measured
    from mecopt.learners.paper_001.sweeps import Swept


def tables(m: Measured) -> list[Table]:
    """Write every table."""
    axes = (
        ("Figure 3a: the carrier", POWERS, "power", "carrier, mW"),
        ("Figure 3b: the workload", LOADS, "load", "mean work, kbit"),
        ("Figure 4a: the distances", SCALES, "scale", "distances over the paper's"),
    )
    swept = [_sharing(m.swept, *axis) for axis in axes]
    return [
        _policies(m.compared),
        _regrets(m.compared),
        _trainings(m.compared),
        *swept,
        _common(m.swept),
        _rollouts(m.swept),
    ]


def digits(found: Spread, places: int) -> str:
    """Write a figure over seeds: its mean, and the deviation if there is one."""
    mean = f"{found.mean:.{places}f}"
    return f"{mean} ± {found.deviation:.{places}f}" if len(found.values) > 1 else mean


def _mean(found: Sequence[Means], name: str) -> Spread:
    return spread([getattr(one, name) for one in found])


# ---------------------------------------------------------------------- figure 2 and beyond


def _policies(c: Compared) -> Table:
    rows = []
    for policy in c.policies:
        found = [one.means for one in c.followed(policy)]
        rows.append(
            [
                _name(policy),
                digits(_mean(found, "reward"), 1),
                digits(_mean(found, "outage"), 4),
                digits(_mean(found, "efficiency"), 1),
                digits(_mean(found, "energy"), 0),
                digits(_mean(found, "battery"), 2),
                *(f"{np.mean([one.times[k] for one in found]):.3f}" for k in range(3)),
            ]
        )
    return Table(
        "Policies on the same fresh frames",
        "Learned policies without noise, below those without learning. All have the optimiser but those of random actions, "
        "which are three numbers of each user that are completed to an allocation, or five taken strictly, and those whose "
        "users act themselves: model-free, or `users executed`. Weights q: the beam of slot i is the principal eigenvector "
        "of the sum over users j of q_ij h_j h_j^H / norm(h_j)^2. Reward: mean of (11), kbit/J; efficiency: work "
        "served over energy with the static energy, ratio of sums, kbit/J; energy of the access point per frame and "
        "energy in a battery as a frame begins, mJ; times per user and frame, s.",
        ("policy", "reward", "outage", "efficiency", "energy", "battery", "active", "passive", "local"),
        rows,
    )


def _name(policy: Plan | str) -> str:
    return policy.name if isinstance(policy, Plan) else policy


def _regrets(c: Compared) -> Table:
    rows = []
    for policy in c.policies:
        if any(one.regret is None for one in c.followed(policy)):
            continue
        found = c.regret(policy)
        middle, most = (f"{np.percentile(found.ratio, at, method='lower'):.3f}" for at in (50, 90))
        wasted = found.energy - found.least
        rows.append(
            [
                _name(policy),
                f"{found.of_sums:.3f}",
                middle,
                most,
                f"{found.ratio.min():.6f}",
                f"{wasted.mean():.0f}",
                f"{np.percentile(wasted, 90):.0f}",
                f"{found.least.mean():.0f}",
                str(found.energy.size),
            ]
        )
    return Table(
        "Regret: energy beside the exact optimum at the same states",
        "States that the policy itself met; the optimum has the same channels and batteries, and does the work that the "
        "policy did for the users it served; it is proved. Ratio of energies E_o/E_o*: of sums, median, 90th percentile, "
        f"least; infinite where the optimum needs none (at most {NOTHING:g} mJ). Wasted: E_o - E_o*, mean and 90th "
        "percentile, mJ per frame. A policy with a price on kept energy invests in later frames, which this does not "
        "count.",
        ("policy", "of sums", "median", "90 %", "least", "wasted", "90 %", "optimum, mJ", "states"),
        rows,
    )


def _trainings(c: Compared) -> Table:
    rows = []
    for plan in c.curves:
        cells = [plan.name]
        cells += [digits(c.tenth(plan, "reward", number), 1) for number in (0, -1)]
        cells += [digits(c.tenth(plan, "outage", number), 3) for number in (0, -1)]
        cells += [digits(c.reward(plan), 1), digits(c.outage(plan), 3)]
        better = [100.0 * c.tenth(plan, "users_better", number).mean for number in (0, -1)]
        cells += ["" if np.isnan(value) else f"{value:.1f}" for value in better]
        rows.append(cells)
    return Table(
        "Figure 2: the trainings",
        "Reward (11), kbit/J, and outage of what was executed, noise included, in the first and last tenth of the training; "
        "without noise on fresh frames; frames in which the users' joint action is better than the estimate, y > y*, in %.",
        (
            *("training", "reward, first", "reward, last", "outage, first", "outage, last"),
            *("reward, fresh", "outage, fresh", "y > y*, first", "y > y*, last"),
        ),
        rows,
    )


# ---------------------------------------------------------------------- figures 3 and 4


def _sharing(s: Swept, name: str, worlds: Sequence[World], field: str, axis: str) -> Table:
    rows = []
    for way in WAYS:
        for world in worlds:
            found = s.worlds[world, way]
            rows.append(
                [
                    f"{way}, {getattr(world, field):g}",
                    *(digits(spread([one.shares[k] for one in found]), 3) for k in range(3)),
                    *(digits(spread([one.times[k] for one in found]), 3) for k in range(3)),
                    digits(_mean(found, "outage"), 4),
                    digits(_mean(found, "energy"), 0),
                    digits(_mean(found, "reward"), 1),
                ]
            )
    return Table(
        name,
        f"Active, passive and local part of the work served; times per user and frame, s, users who are not "
        f"served among them, who send nothing; outage; energy, mJ; reward (11), "
        f"kbit/J. {SEARCHED}.",
        (
            f"beams, {axis}",
            "active",
            "passive",
            "local",
            "active, s",
            "passive, s",
            "local, s",
            "outage",
            "energy",
            "reward",
        ),
        rows,
    )


def _common(s: Swept) -> Table:
    rows = []
    for way in WAYS:
        for k, world in enumerate(SCALES):
            row = [f"{way}, {world.scale:g}"]
            for read in (RATIO_OF_SUMS, MEAN_EFFICIENCY):
                values = s.efficiency(way, read)[:, k]
                row += [" / ".join(f"{value:.1f}" for value in values.mean(axis=0))]
            ratio = s.efficiency(way, RATIO_OF_SUMS)[:, k]
            row += [digits(spread(list(ratio[:, n] / ratio[:, 2])), 2) for n in (0, 1)]
            row += [
                " / ".join(f"{value:.1f}" for value in s.efficiency(way, RATIO_OF_SUMS, everywhere=True)[:, k].mean(axis=0))
            ]
            row += [f"{np.mean([one.served.all(axis=0).mean() for one in s.common[world, way]]):.3f}"]
            row += [f"{max(one.disorder for one in s.common[world, way]):.0e}"]
            rows.append(row)
    return Table(
        "Figure 4b: schemes on common frames",
        f"Efficiency of {' / '.join(MODES)}, kbit/J, on frames that all serve in full: ratio of sums, mean of ratios; "
        "Hybrid and Active over disabled; the ratio of sums on frames served at all distances; part of the frames that "
        "all serve; by how much the cost of a scheme exceeds that of a poorer one at most, relative. " + f"{SEARCHED}.",
        (
            *("beams, distances", "ratio of sums", "mean of ratios", "Hybrid/disabled", "Active/disabled"),
            *("served everywhere", "part served by all", "disorder"),
        ),
        rows,
    )


def _rollouts(s: Swept) -> Table:
    rows = []
    for way in (MATCHED, EVEN):
        for k, world in enumerate(SCALES):
            cells = [f"{way}, {world.scale:g}"]
            for read in (MEAN_REWARD, MEAN_EFFICIENCY, RATIO_OF_SUMS):
                cells += [" / ".join(f"{value:.1f}" for value in s.dynamic(way, read)[:, k].mean(axis=0))]
            outages = [np.mean([one.outage for one in s.schemes[world, way, name]]) for name in MODES]
            cells += [" / ".join(f"{value:.3f}" for value in outages)]
            rows.append(cells)
    return Table(
        "Figure 4b: schemes in rollouts of their own",
        f"{' / '.join(MODES)}, kbit/J: mean of (11), mean of the ratios that are its second factor, ratio of sums; outage. "
        f"Schemes that drop hard users save their energy, so by efficiency alone a poorer one can seem better. {SEARCHED}.",
        ("beams, distances", "(11)", "mean of ratios", "ratio of sums", "outage"),
        rows,
    )
