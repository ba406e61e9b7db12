"""What this evaluation was made to find out, beside the paper's claims."""

from __future__ import annotations

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Figure
from mecopt.evaluation.rules import Rule, at_most, every, known, more
from mecopt.learners.paper_001.claims.readings import fresh
from mecopt.learners.paper_001.names import BEAMS, LENGTH, OUTAGE, RAW, REGRET, REWARD, TIMES, WEIGHTS
from mecopt.learners.paper_001.policies import ANY_WEIGHTS, COMPLETED, EVEN, EXACT, PRICE, priced
from mecopt.learners.paper_001.trainings import ALONE, DRIVEN, FLAT, FREE, FREE_TEAM, TUNED, named

MARGIN = 0.05
"""Part of a reward for which learning does not pay; in these claims alone."""


def no_more(policy: str, other: str) -> Rule:
    """Earn at most `MARGIN` more than another policy on the same frames."""
    return at_most(fresh(REWARD, policy) / fresh(REWARD, other), 1.0 + MARGIN)


def earns_more(policy: str, other: str) -> Rule:
    """Earn more on the same frames."""
    return more(fresh(REWARD, policy), fresh(REWARD, other))


def carrier(policy: str) -> Figure:
    """Return how long the carrier is on for a user."""
    return fresh(TIMES["passive"], policy)


VARIANTS = (*BEAMS, TUNED)
LEARNED = tuple(named(kind, variant) for kind in (DRIVEN, ALONE) for variant in VARIANTS)
"""Trainings whose users have the optimiser."""

OURS = (
    Claim(
        "ours",
        f"learned beams earn no more than fixed ones, weights q = 1 - I, where users have the optimiser (at most "
        f"{MARGIN:.0%} more after {LENGTH:,} frames)",
        every(*(no_more(method, EVEN) for method in LEARNED)),
        revised="of Algorithm 1 and the access point alone, with Table I and as tuned",
    ),
    Claim(
        "ours",
        "what the access point's action means matters more than learning it: weights of users, learned or not, beat learned "
        "antenna weights",
        every(
            *(
                earns_more(better, named(kind, RAW))
                for kind in (DRIVEN, ALONE)
                for better in (named(kind, WEIGHTS), ANY_WEIGHTS)
            )
        ),
    ),
    Claim(
        "ours",
        f"the users' learning adds nothing to the optimiser (at most {MARGIN:.0%}, after {LENGTH:,} frames)",
        every(*(no_more(named(DRIVEN, variant), named(ALONE, variant)) for variant in VARIANTS)),
        revised="as tuned, too",
    ),
    Claim(
        "ours",
        "the own reward (12) drives model-free users to do without carrier, of which others live: outage above random",
        {
            words: every(
                more(carrier(named(FREE_TEAM, beams)), carrier(named(FREE, beams))),
                more(carrier(EVEN), carrier(named(FREE, beams))),
                more(fresh(OUTAGE, named(FREE, beams)), fresh(OUTAGE, COMPLETED)),
            )
            for beams, words in BEAMS.items()
        },
    ),
    Claim(
        "ours",
        "the optimum of each frame is not the optimum in the long run: a price on energy kept in batteries earns more",
        earns_more(priced(PRICE), EXACT),
        revised="of one price, where three were; the others earned more, too",
    ),
    Claim(
        "ours",
        "fixed weights need more energy than the optimum at the same states, yet earn no less in the long run",
        every(
            more(fresh(REGRET, EVEN), known(1.0, "a ratio of")),
            at_most(fresh(REWARD, EXACT) / fresh(REWARD, EVEN), 1.0),
        ),
    ),
    Claim(
        "ours",
        "one agent for everything, tuned, earns more than Algorithm 1, tuned or not, and than the optimum of each frame",
        every(*(earns_more(named(FLAT, TUNED), other) for other in (*(named(DRIVEN, v) for v in VARIANTS), EXACT))),
        revised="new; in the tries on other seeds, which came first, it had earned 110 kbit/J",
    ),
)
