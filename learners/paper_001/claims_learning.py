"""Claims of paper 001 on learning: figure 2 and the abstract.

Each is judged for both meanings of the access point's action (`trainings.BEAMS`), and where the rival counts, for both
rewards of its users (`trainings.RIVALS`): the paper says nothing of the first, and prints (12) for the second.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np

from mecopt.evaluation.reproduction import Claim
from mecopt.learners.figures import reached, settled, spread
from mecopt.learners.paper_001.policies import COMPLETED, EVEN, EXACT, MATCHED, PRICES, priced
from mecopt.learners.paper_001.trainings import ALONE, BEAMS, DRIVEN, FIGURE, KINDS, RIVALS
from mecopt.learners.plans import Plan
from mecopt.learners.verdicts import BLOCKS, Reading, about, agreed, clearly_more, every

if TYPE_CHECKING:
    from mecopt.learners.paper_001.comparison import Compared

IMPROVED = 0.5
"""By how much the paper says that the reward improves."""
BEYOND = 1000.0
"""Part from which on an improvement is no number any more."""
MUCH_LOWER = 0.5
"""Part of the rival's outage that is "much lower"."""
NEAR = 0.2
"""Part of its last level within which a curve has settled: well above the noise of means over a twentieth of it."""
EARLY = 3
"""Tenths of the training that are its early stage."""
STEEP = 0.5
"""Part of the whole decrease that must be over by then."""


def judged(c: Compared) -> list[Claim]:
    """Judge figure 2."""
    return [_faster(c), _higher(c), _improved(c), _lower_outage(c), _steep(c)]


def pairs() -> Iterator[tuple[str, Plan, Plan]]:
    """Yield the optimisation-driven form beside each of its rivals, in words and as trainings."""
    for beams in BEAMS:
        for rival in RIVALS:
            yield f"{beams}, {rival}", FIGURE[DRIVEN, beams], FIGURE[rival, beams]


def without_learning(c: Compared) -> str:
    """Say what policies that learn nothing reach on the same fresh frames."""
    names = (EVEN, MATCHED, EXACT, priced(PRICES[1]), COMPLETED)
    return "without any learning: " + ", ".join(
        f"{name} {c.reward(name).mean:.1f} / {c.outage(name).mean:.3f}" for name in names
    )


def levels(show: Callable[[Plan], str], kinds: Collection[str] = KINDS) -> str:
    """Say something of every training of figure 2, or of those of some kinds."""
    return "; ".join(f"{plan.name}: {show(plan)}" for (kind, _), plan in FIGURE.items() if kind in kinds)


def _settled(c: Compared, plan: Plan, parts: int) -> float:
    """Return from which frame on means over blocks stay near their last level."""
    curves = [one["reward"] for one in c.curves[plan]]
    end = float(np.mean([curve[-max(1, curve.size * 3 // 10) :].mean() for curve in curves]))
    return settled(curves, NEAR * end, parts)


def _risen(c: Compared, plan: Plan) -> list[float]:
    """Return when the mean of a twentieth of the frames first comes near its last level, one per seed."""
    found = []
    for one in c.curves[plan]:
        curve = one["reward"]
        end = float(curve[-max(1, curve.size * 3 // 10) :].mean())
        found.append(reached(curve, (1.0 - NEAR) * end, max(1, curve.size // 20)))
    return found


def _faster(c: Compared) -> Claim:
    """Holds if the reward settles earlier by both widths of `BLOCKS`, and first comes near its level clearly earlier."""
    readings: list[Reading] = []
    for _, driven, rival in pairs():
        readings.append(clearly_more(_risen(c, rival), _risen(c, driven)))
        readings += [_settled(c, driven, parts) < _settled(c, rival, parts) for parts in BLOCKS]

    def said(plan: Plan) -> str:
        blocks = " and ".join(f"{_settled(c, plan, parts):.0f}" for parts in BLOCKS)
        first, last = c.tenth(plan, "reward", 0), c.tenth(plan, "reward", -1)
        return (
            f"settled from {blocks}, first near its level after {spread(_risen(c, plan)).mean:.0f}, from {first.mean:.1f} "
            f"in the first tenth to {last.mean:.1f} in the last"
        )

    return Claim(
        "figure 2a",
        "the optimisation-driven H-MADDPG converges faster than the model-free one",
        agreed(readings),
        f"frames until the reward is within {NEAR:.0%} of its last level: {levels(said)}. What begins where it ends has "
        "nothing to converge",
    )


def _higher(c: Compared) -> Claim:
    """Holds if the reward is clearly higher, in the last tenth of the training and on fresh frames without noise."""
    readings = []
    for _, driven, rival in pairs():
        readings.append(clearly_more(c.tenth(driven, "reward", -1).values, c.tenth(rival, "reward", -1).values))
        readings.append(clearly_more(c.reward(driven).values, c.reward(rival).values))
    said = levels(lambda plan: f"{c.tenth(plan, 'reward', -1).mean:.1f} and {c.reward(plan).mean:.1f}")
    return Claim(
        "figure 2a",
        "the optimisation-driven H-MADDPG receives a significantly higher reward",
        agreed(readings),
        f"reward (11), kbit/J, in the last tenth of the training and on fresh frames without noise: {said}; "
        f"{without_learning(c)} (reward / outage)",
    )


def _improved(c: Compared) -> Claim:
    """Holds if the reward is by about a half higher, in the last tenth of the training and on fresh frames."""
    gains = {
        name: [
            c.tenth(driven, "reward", -1).mean / max(c.tenth(rival, "reward", -1).mean, 1e-9) - 1.0,
            c.reward(driven).mean / max(c.reward(rival).mean, 1e-9) - 1.0,
        ]
        for name, driven, rival in pairs()
    }
    said = "; ".join(f"{name}: {_gain(one)} and {_gain(other)}" for name, (one, other) in gains.items())
    return Claim(
        "figure 2a and abstract",
        "the reward improves by 50 %",
        agreed([about(gain, IMPROVED) for both in gains.values() for gain in both]),
        f"in the last tenth of the training and on fresh frames, over the rival: {said}. How much it is depends on how "
        "little the rival learns",
    )


def _gain(part: float) -> str:
    return f"{100.0 * part:+.0f} %" if part < BEYOND else "more than any factor, the rival earns nothing"


def _lower_outage(c: Compared) -> Claim:
    """Holds if the outage is clearly lower and at most half of the rival's, in the last tenth and on fresh frames."""
    readings = []
    for _, driven, rival in pairs():
        both = (
            (c.tenth(driven, "outage", -1), c.tenth(rival, "outage", -1)),
            (c.outage(driven), c.outage(rival)),
        )
        readings += [every([clearly_more(b.values, a.values), a.mean <= MUCH_LOWER * b.mean]) for a, b in both]
    said = levels(lambda plan: f"{c.tenth(plan, 'outage', -1).mean:.3f} and {c.outage(plan).mean:.3f}")
    return Claim(
        "figure 2b",
        "the optimisation-driven H-MADDPG has a much lower outage probability",
        agreed(readings),
        f"in the last tenth of the training and on fresh frames without noise: {said}",
    )


def _steep(c: Compared) -> Claim:
    """Holds if the outage of the last tenth is clearly below that of the first, half of the fall within three tenths."""
    readings, said = [], []
    for kind in (DRIVEN, ALONE):
        for beams in BEAMS:
            plan = FIGURE[kind, beams]
            first, early, last = (c.tenth(plan, "outage", number) for number in (0, EARLY - 1, -1))
            falls = clearly_more(first.values, last.values)
            if kind == DRIVEN:
                readings.append(every([falls, first.mean - early.mean >= STEEP * (first.mean - last.mean)]))
            said.append(
                f"{plan.name}: {first.mean:.3f}, {early.mean:.3f}, {last.mean:.3f} (on fresh frames without noise "
                f"{c.outage(plan).mean:.3f})"
            )
    return Claim(
        "figure 2b",
        "the outage probability decreases steeply in the early stage of learning",
        agreed(readings),
        f"outage in the first, third and last tenth: {'; '.join(said)}. Noise and coin fall over the first 60 % of the "
        "training whatever is learned; the access point alone, where no user acts, shows what is left without them. "
        "So a fall alone does not verify the faster learning that the paper reads from it",
    )
