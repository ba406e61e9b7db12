"""What the paper does not say, and its evaluation shows: claims of ours, judged like the paper's."""

from __future__ import annotations

from collections.abc import Mapping

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Of
from mecopt.evaluation.rules import Rule, every, falls, more, reaches
from mecopt.learners.paper_004.claims import scheduling
from mecopt.learners.paper_004.claims.compression import SAME_LOSS, alike_by_episodes
from mecopt.learners.paper_004.claims.readings import AFTER, AGAIN, SEARCHED, end, half, level, of_table_two, strategy
from mecopt.learners.paper_004.claims.scheduling import better
from mecopt.learners.paper_004.encoders import AE, SAE
from mecopt.learners.paper_004.measures import AVERAGE, HALVES
from mecopt.learners.paper_004.names import FOUND, NRR, QUALITY, REWARD, TESTING, TRAINING
from mecopt.learners.paper_004.searches import (
    CONSTANT,
    EXACT,
    LEVELS,
    LITERAL,
    LOCAL_SEARCH,
    OJRS,
    ONE_USER,
    STRONGEST,
    SWARM,
)
from mecopt.learners.paper_004.trainings import DYNAMIC, ENDS, MOVING, OURS_NAME, PROPOSED, RAW, SEARCHES, STEADY

STRESSED: Mapping[str, Mapping[str, Rule]] = {
    scheduling.HIGHER: scheduling.first_of_three(MOVING),
    scheduling.HIGHEST: scheduling.first_of_four(MOVING),
    scheduling.ALMOST_SAME: scheduling.almost_asa(MOVING),
    f"{scheduling.NEAR_AND_QUICK} (times are those where users stay)": scheduling.good_and_far_quicker(MOVING),
    scheduling.POLICY: scheduling.optimal_policy(MOVING),
    scheduling.SATISFIED: scheduling.feasible(MOVING),
    SAME_LOSS: alike_by_episodes(MOVING),
}
"""Sentences of the paper where it does not make them: users' places are drawn for each slot, not h alone."""

OURS_TOO = (
    Claim(
        "ours",
        "the swarm of 30 particles and 100 steps is the further from the optimum the more servers there are",
        falls(half(f"F-{QUALITY}", SWARM)),
    ),
    Claim(
        "ours",
        "with 1,024 slots to learn from AE and SAE lose more in testing than in training",
        every(*(more(end(name, TESTING), end(name, TRAINING)) for name in (AE, SAE))),
    ),
    Claim(
        "ours",
        f"to a mean NRR of {LEVELS[-1]:g} annealing that changes one user at a time needs fewer evaluations than ASA as "
        "printed",
        more(Of(FOUND, LITERAL, SEARCHES, LEVELS[-1]), Of(FOUND, ONE_USER, SEARCHES, LEVELS[-1])),
    ),
    Claim(
        "ours",
        "one decision for all slots is as near to the optimum as it is because users stay: less where places are drawn anew",
        more(strategy(NRR, CONSTANT, STEADY), strategy(NRR, CONSTANT, MOVING)),
    ),
    Claim(
        "ours",
        "the reward of OJRS is higher than that of Greedy by the strongest channel, too, not the nearest server",
        of_table_two(lambda base, law: better(OJRS[base], STRONGEST, setting=law)),
        revised=f"{AFTER}: new",
    ),
    Claim(
        "ours",
        "OJRS has a higher reward than the best decision that never looks at a channel",
        of_table_two(lambda base, law: better(OJRS[base], CONSTANT, setting=law)),
    ),
    Claim(
        "ours",
        "where users stay OJRS has a higher reward without compression",
        every(*(more(level(base, RAW), level(base)) for base in PROPOSED)),
    ),
    Claim(
        "ours",
        "where users stay local search, which learns nothing, has a higher reward than every network, and so it has than "
        "ASA",
        better(LOCAL_SEARCH, *OJRS.values(), *SEARCHED.values()),
    ),
    Claim(
        "ours",
        "where users stay local search is within 0.001 of the optimum",
        reaches(strategy(REWARD, LOCAL_SEARCH) / strategy(REWARD, EXACT), 0.999),
    ),
    Claim(
        "ours",
        "with our settings NRR, by the optimum, is above 0.95 with one server and with five",
        every(*(reaches(Of(f"{name}-{AVERAGE}", OURS_NAME, DYNAMIC[n]), 0.95) for name in HALVES for n in ENDS)),
    ),
    *(
        Claim(
            "ours",
            f"where places are drawn for each slot, {text}",
            readings,
            revised=f"{AGAIN}: by itself; after two reviews it was read with the paper's sentence",
        )
        for text, readings in STRESSED.items()
    ),
)
