"""Claims that are not the paper's: what its evaluation leaves out and this one was made to find out.

A gain does not count up to `MARGIN` of the reward of the policy compared with: it does not if it is clearly less than that,
it does if it is clearly more, and it is not to be told where it is neither and scatters by more over seeds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mecopt.evaluation.reproduction import Claim
from mecopt.learners.paper_001.claims_learning import levels
from mecopt.learners.paper_001.policies import ANY_BEAMS, ANY_WEIGHTS, COMPLETED, EVEN, EXACT, MATCHED, PRICES, priced
from mecopt.learners.paper_001.trainings import (
    ALONE,
    BEAMS,
    DRIVEN,
    FARTHER,
    FIGURE,
    FREE,
    FREE_TEAM,
    RAW,
    RIVALS,
    TEAM,
    USERS_ACT,
    USERS_ACT_RAW,
    WEIGHTS,
)
from mecopt.learners.plans import Plan
from mecopt.learners.verdicts import Reading, agreed, at_most, clearly_more, every

if TYPE_CHECKING:
    from mecopt.learners.paper_001.comparison import Compared

MARGIN = 0.05
"""Part of a reward for which learning does not pay; ours. Differences on the same frames show less than that."""

WHERE = "ours, not the paper's"


def judged(c: Compared) -> list[Claim]:
    """Judge our claims."""
    return [_beams(c), _weights(c), _users(c), _commons(c), _price(c), _myopic(c)]


def gain(c: Compared, policy: Plan | str, over: Plan | str) -> list[float]:
    """Return by which part of the other's mean reward a policy is above it, one per seed, on the same frames."""
    base = c.reward(over)
    return [(one - other) / base.mean for one, other in zip(c.reward(policy).values, base.values, strict=True)]


def no_more(gains: list[float], margin: float = MARGIN) -> Reading:
    """Whether gains over seeds are at most a margin; see the module."""
    return True if clearly_more([margin] * len(gains), gains) else at_most(gains, margin)


def percent(values: list[float]) -> str:
    """Write gains over seeds."""
    spread = f" ± {100.0 * np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{100.0 * np.mean(values):+.1f}{spread} %"


def _beams(c: Compared) -> Claim:
    """Holds if no training, raw beams or weights, earns more than fixed weights with the optimiser."""
    plans = [*(FIGURE[kind, beams] for kind in (DRIVEN, ALONE) for beams in BEAMS), TEAM, *FARTHER]
    best = max(map(priced, PRICES), key=lambda name: c.reward(name).mean)
    said = "; ".join(f"{plan.name}: {percent(gain(c, plan, EVEN))}" for plan in plans)
    return Claim(
        WHERE,
        f"learned beams earn no more than fixed ones, weights q = 1 - I (at most {MARGIN:.0%} more)",
        agreed([every([no_more(gain(c, plan, EVEN)) for plan in plans])]),
        f"reward beside {c.reward(EVEN).mean:.1f} kbit/J: {said}; random weights q, never learned: "
        f"{percent(gain(c, ANY_WEIGHTS, EVEN))}; MRT beams: {percent(gain(c, MATCHED, EVEN))}. That there is more to earn "
        f"shows {best}: {percent(gain(c, best, EVEN))}",
    )


def _weights(c: Compared) -> Claim:
    """Holds if weights, learned or drawn at random, earn clearly more than learned raw beams."""
    parts: list[Reading] = []
    for kind in (DRIVEN, ALONE):
        for better in (FIGURE[kind, WEIGHTS], ANY_WEIGHTS):
            parts.append(clearly_more(c.reward(better).values, c.reward(FIGURE[kind, RAW]).values))
    rows = {name: c.reward(name).mean for name in (ANY_WEIGHTS, ANY_BEAMS)}
    said = levels(lambda plan: f"{c.reward(plan).mean:.1f}", (DRIVEN, ALONE))
    return Claim(
        WHERE,
        "what the access point's action means matters more than learning it: weights of users beat antenna weights",
        agreed([every(parts)]),
        f"reward, kbit/J: {said}; never learned: {', '.join(f'{name} {value:.1f}' for name, value in rows.items())}",
    )


def _users(c: Compared) -> Claim:
    """Holds if the users' learning of Algorithm 1 earns no more than the optimiser alone, with either kind of beams."""
    pairs = [(FIGURE[DRIVEN, beams], FIGURE[ALONE, beams]) for beams in BEAMS]
    readings = [no_more(gain(c, driven, alone)) for driven, alone in pairs]

    def better(plan: Plan) -> str:
        first, last = (100.0 * c.tenth(plan, "users_better", number).mean for number in (0, -1))
        return f"{first:.1f} and {last:.1f} %"

    said = "; ".join(
        f"{driven.name}: {percent(gain(c, driven, alone))} (y > y* in {better(driven)} of the first and last tenth's frames)"
        for driven, alone in pairs
    )
    alone = ", ".join(f"{plan.name} {c.reward(plan).mean:.1f}" for plan in (USERS_ACT_RAW, USERS_ACT))
    return Claim(
        WHERE,
        f"the users' learning adds nothing to the optimiser (at most {MARGIN:.0%})",
        agreed([every(readings)]),
        f"reward over that of the optimiser alone: {said}; with the users' actions executed always: {alone} kbit/J",
    )


def _commons(c: Compared) -> Claim:
    """Holds if users with (12) have clearly less carrier than with (11), and clearly more outage than random actions."""
    readings = []
    for beams in BEAMS:
        own, team = FIGURE[FREE, beams], FIGURE[FREE_TEAM, beams]
        readings.append(
            every(
                [
                    clearly_more(c.carrier(team).values, c.carrier(own).values),
                    clearly_more(c.carrier(EVEN).values, c.carrier(own).values),
                    clearly_more(c.outage(own).values, c.outage(COMPLETED).values),
                ]
            )
        )
    said = levels(lambda plan: f"{c.carrier(plan).mean:.3f} s, outage {c.outage(plan).mean:.3f}", RIVALS)
    return Claim(
        WHERE,
        "the own reward (12) drives model-free users to do without carrier, of which others live: outage above random",
        agreed(readings),
        f"carrier per user and frame: {said}; optimiser with {EVEN}: {c.carrier(EVEN).mean:.3f} s; random actions: "
        f"{c.carrier(COMPLETED).mean:.3f} s, outage {c.outage(COMPLETED).mean:.3f}. (12) charges a user for its carrier, "
        "which serves the others",
    )


def _price(c: Compared) -> Claim:
    """Holds if the exact policy earns clearly more with each price of energy kept than without."""
    names = [priced(price) for price in PRICES]
    readings = [clearly_more(c.reward(name).values, c.reward(EXACT).values) for name in names]
    said = "; ".join(f"{name}: {percent(gain(c, name, EXACT))}" for name in names)
    kept = ", ".join(f"{np.mean([one.means.battery for one in c.baselines[name]]):.2f} mJ" for name in (EXACT, *names))
    return Claim(
        WHERE,
        "the optimum of each frame is not the optimum in the long run: a price on energy kept in batteries earns more",
        agreed([every(readings)]),
        f"reward beside {c.reward(EXACT).mean:.1f} kbit/J of the optimum of each frame: {said}; batteries hold {kept}",
    )


def _myopic(c: Compared) -> Claim:
    """Holds if fixed weights, clearly dearer at the same states, earn not clearly less in the long run than exact beams."""
    over = c.regrets(EVEN)
    dearer = clearly_more(over, [1.0] * len(over))
    less = clearly_more(c.reward(EXACT).values, c.reward(EVEN).values)
    return Claim(
        WHERE,
        "fixed weights need more energy than the optimum at the same states, yet earn no less in the long run",
        agreed([every([dearer, None if less is None else not less])]),
        f"energy over the optimum's at the same states {c.regret(EVEN).of_sums:.3f} (ratio of sums); reward of {EVEN} over "
        f"{EXACT}: {percent(gain(c, EVEN, EXACT))}",
    )
