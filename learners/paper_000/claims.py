"""What paper 000 says, each sentence with the rules that read it, written before the run.

The paper's figures have no numbers that can be read, so its claims are of order. What it leaves open is read in every way
that makes sense, and all must agree: what an outage costs (nothing by the letter of (7), or so much that service matters)
and whom its greedy user serves (everybody it can, or nobody who earns less than an outage costs).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Curve, Figure, Of, Scatter
from mecopt.evaluation.moments import Settled
from mecopt.evaluation.rules import Rule, at_most, every, known, more, proved_more, reaches
from mecopt.learners.paper_000.names import (
    ACTIVE,
    ALONG,
    CHECKS,
    DDPG,
    DQN,
    GREEDY,
    HARVESTED,
    LETTER,
    LOCAL,
    LONG_RUN,
    LOWER,
    OF_CHOICES,
    OPT_OUT,
    OPTIMAL,
    OUTAGE,
    PASSIVE,
    POINTS,
    QOS,
    REWARD,
    SERVED,
    SETTINGS,
    SHADOW,
    SOLVER_DDPG,
    SOLVER_DQN,
    UPPER,
)


def each(read: Callable[[str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence with either cost of an outage."""
    return {setting: read(setting) for setting in SETTINGS}


def against_greedy(read: Callable[[str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence with either cost of an outage and either greedy user."""
    return {f"{setting}, {greedy}": read(setting, greedy) for setting in SETTINGS for greedy in (GREEDY, OPT_OUT)}


def along(quantity: str, method: str, setting: str) -> Curve:
    """Return a quantity at the checks of a training."""
    return Curve(quantity + ALONG, method, setting)


def at(quantity: str, method: str, setting: str, check: int = 0) -> Figure:
    """Return a quantity at one check of a training; the first one is its beginning."""
    return Of(quantity + ALONG, method, setting, POINTS[check])


def bracket(whose: str, setting: str) -> tuple[Figure, Figure]:
    """Return between which figures the best average reward is proved to lie."""
    return Of(LOWER, whose, setting), Of(UPPER, whose, setting)


def steadier(quantity: str, setting: str) -> Rule:
    """DDPG scatters less than DQN over the last part of its training."""
    return more(Scatter(along(quantity, DQN, setting)), Scatter(along(quantity, DDPG, setting)))


TENTHS = range(CHECKS // 10 - 1, CHECKS, CHECKS // 10)
"""The checks after each tenth of a training."""
MIDDLE, END = CHECKS // 2 - 1, CHECKS - 1


PAPER = (
    Claim(
        "figure 3a",
        "at convergence DDPG and DQN complete much more work than the greedy algorithm",
        against_greedy(lambda s, greedy: every(*(more(Of(SERVED, one, s), Of(SERVED, greedy, s)) for one in (DDPG, DQN)))),
    ),
    Claim(
        "figure 3a",
        "the reward of DDPG is always higher than that of DQN",
        each(lambda s: every(*(more(at(REWARD, DDPG, s, k), at(REWARD, DQN, s, k)) for k in TENTHS))),
    ),
    Claim(
        "figure 3a",
        "DDPG and DQN converge after 30,000 episodes",
        {},
        untestable="the length of an episode is not given, and 30,000 of 100 slots are 75 times our trainings",
    ),
    Claim(
        "figure 3a",
        "DDPG has a more stable learning result than DQN",
        {f"{s}, {quantity}": steadier(quantity, s) for s in SETTINGS for quantity in (REWARD, SERVED)},
    ),
    Claim(
        "abstract, conclusion",
        "DDPG learns significantly faster than DQN (section IV says that it does not)",
        {
            f"{s}, {name}": rule
            for s in SETTINGS
            for name, rule in (
                ("after a tenth of the training", more(at(REWARD, DDPG, s, TENTHS[0]), at(REWARD, DQN, s, TENTHS[0]))),
                ("on average over it", more(along(REWARD, DDPG, s).late(1.0), along(REWARD, DQN, s).late(1.0))),
            )
        },
    ),
    Claim(
        "figure 3b",
        "in the beginning local computing completes the largest part of the work",
        each(lambda s: every(*(more(at(LOCAL, DDPG, s), at(other, DDPG, s)) for other in (ACTIVE, PASSIVE)))),
    ),
    Claim(
        "figure 3b",
        "in the beginning passive offloading takes more than active offloading",
        each(lambda s: more(at(PASSIVE, DDPG, s), at(ACTIVE, DDPG, s))),
    ),
    Claim(
        "figure 3b",
        "active offloading rises as DDPG learns, and continues to rise late",
        {
            f"{s}, {name}": more(at(ACTIVE, DDPG, s, END), at(ACTIVE, DDPG, s, begin))
            for s in SETTINGS
            for name, begin in (("from the beginning to the end", 0), ("from the middle to the end", MIDDLE))
        },
    ),
    Claim(
        "figure 3b",
        "the device learns to harvest more power",
        each(lambda s: more(at(HARVESTED, DDPG, s, END), at(HARVESTED, DDPG, s))),
    ),
    Claim(
        "figure 4a",
        "DDPG achieves a higher reward than DQN",
        each(lambda s: more(Of(REWARD, DDPG, s), Of(REWARD, DQN, s))),
    ),
    Claim(
        "figure 4a",
        "DDPG achieves a higher reward than the greedy algorithm",
        against_greedy(lambda s, greedy: more(Of(REWARD, DDPG, s), Of(REWARD, greedy, s))),
    ),
    Claim(
        "figure 4a",
        "DQN loses reward by the quantisation of its actions",
        each(lambda s: proved_more(bracket(LONG_RUN, s), bracket(OF_CHOICES, s))),
    ),
    Claim(
        "figure 4b",
        "with DDPG nearly all workload in each slot is finished",
        {
            f"{s}, at most {100 * most:g} % outage": at_most(Of(OUTAGE, DDPG, s), most)
            for s in SETTINGS
            for most in (0.01, 0.05)
        },
    ),
    Claim(
        "figure 4b",
        "by its precise control DDPG has less outage than DQN",
        each(lambda s: more(Of(OUTAGE, DQN, s), Of(OUTAGE, DDPG, s))),
    ),
    Claim(
        "figure 4b",
        "the learning curve of DDPG's outage is more stable than that of DQN's",
        each(lambda s: steadier(OUTAGE, s)),
    ),
    Claim(
        "section IV",
        "the outage is high in the early stage and falls as DDPG learns",
        each(lambda s: more(at(OUTAGE, DDPG, s), along(OUTAGE, DDPG, s).late())),
    ),
)

OURS = (
    Claim(
        "ours",
        "a price of energy with two numbers, which learns nothing, earns more than every learned policy",
        each(
            lambda s: every(
                *(more(Of(REWARD, SHADOW, s), Of(REWARD, one, s)) for one in (DDPG, DQN, SOLVER_DDPG, SOLVER_DQN))
            )
        ),
    ),
    Claim(
        "ours",
        "with the solver in the loop learning earns more than with raw actions",
        each(
            lambda s: every(
                more(Of(REWARD, SOLVER_DDPG, s), Of(REWARD, DDPG, s)), more(Of(REWARD, SOLVER_DQN, s), Of(REWARD, DQN, s))
            )
        ),
    ),
    Claim(
        "ours",
        "DQN with the solver in the loop reaches 90 % of what the optimal policy earns on the same path (nu = 2)",
        reaches(Of(REWARD, SOLVER_DQN, QOS) / Of(REWARD, OPTIMAL, QOS), 0.9),
    ),
    Claim(
        "ours",
        "by the letter of (7) the optimal policy itself leaves more than 5 % of the workloads",
        more(Of(OUTAGE, OPTIMAL, LETTER), known(0.05, "5 %")),
    ),
    Claim(
        "ours",
        "by the letter of (7) a myopic user who may leave workloads is within 10 % of the optimum",
        reaches(Of(REWARD, OPT_OUT, LETTER) / Of(REWARD, OPTIMAL, LETTER), 0.9),
    ),
    Claim(
        "ours",
        "DDPG has settled by the end of our trainings",
        each(
            lambda s: at_most(
                Settled(along(REWARD, DDPG, s), 0.1, blocks=10, relative=True, already=True), 1.3 * POINTS[TENTHS[6]]
            )
        ),
    ),
)

CLAIMS = (*PAPER, *OURS)
