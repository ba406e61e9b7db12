"""What paper 003 says, each sentence with the rules that read it, written before the run that they judge.

How words of the paper become figures and rules is in `mecopt.learners.paper_003.readings`; what it leaves open is read in
every way that makes sense.
"""

from __future__ import annotations

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Across, Of
from mecopt.evaluation.rules import (
    Between,
    about,
    around,
    at_most,
    every,
    known,
    more,
    reaches,
    rises,
)
from mecopt.learners.paper_003.names import (
    ALL_LOCAL,
    BY_SIZE,
    CLOSED,
    DESCENT,
    DIFFERENT,
    FROM_LOCAL,
    GUESSES,
    INSTANCES,
    LABELLED,
    LEFT_OUT,
    MEMORY_1000,
    MEMORY_ALL,
    OF_USERS,
    ONE,
    OURS,
    PROPOSED,
    PROVED,
    RATE,
    SCAN,
    SLSQP_ERROR,
    STEADY,
    SWITCHED,
    TIME,
    TIMED,
    WEAK,
    WEIGHT,
)
from mecopt.learners.paper_003.readings import (
    CLOSEST,
    FACTOR,
    LEVEL,
    LEVELS,
    MARGIN,
    NOTHING,
    QUICKER,
    STATED,
    back,
    better,
    first,
    higher,
    learns,
    loss,
    lost,
    lower,
    own,
    quicker,
    ratio,
    settles,
    slower,
)

PAPER = (
    Claim(
        "figure 3",
        "the training loss is reduced from the beginning on",
        more(first(loss(STEADY)), loss(STEADY).late()),
        revised="a sentence that was not judged before",
    ),
    Claim(
        "figure 3",
        "from 6,500 instances on the loss stays between 0.1 and 0.2",
        Between(loss(STEADY).between(6500.0, INSTANCES).mean(), 0.1, 0.2),
    ),
    Claim(
        "figure 3",
        "the loss basically stabilises at about 4,500 instances",
        settles(loss(STEADY), 4500.0, 0.1, relative=True),
        revised="to settle earlier is to exceed it; seed by seed, not of the mean of all",
    ),
    Claim(
        "figure 4",
        "after 4,000 instances the ratio to the least cost changes around 0.995",
        around(ratio(PROPOSED).between(4000.0, INSTANCES).mean(), LEVEL, margin=MARGIN, better="more"),
        revised="over what the paper says, not over the last 30 %; more exceeds it",
    ),
    Claim(
        "figure 4",
        "the ratio stabilises after 4,000 instances",
        settles(ratio(PROPOSED), 4000.0, 0.001),
        revised="to settle earlier is to exceed it; seed by seed, not of the mean of all",
    ),
    Claim(
        "section 3",
        "learning from its own decisions instead of optimal ones, the network improves and decides better",
        learns(PROPOSED, STEADY),
        revised="no longer against a network with K = 1, of which the paper does not speak",
    ),
    Claim(
        "section 3",
        "newly generated samples are better than old ones",
        more(ratio(PROPOSED).late(), first(ratio(PROPOSED))),
        revised="a sentence that was not judged before",
    ),
    Claim(
        "section 3",
        "a limited memory makes training more efficient",
        {
            "at the end": more(ratio(PROPOSED).late(), ratio(MEMORY_ALL).late()),
            "along the training": more(ratio(PROPOSED).mean(), ratio(MEMORY_ALL).mean()),
        },
        revised="of the paper's 256 against all 10,000; no longer of the better of 256 and 1,000",
    ),
    Claim(
        "figures 5 and 6",
        "when alpha changes from 1 to 3 and back, the loss rises and the ratio falls significantly",
        {
            name: every(*(more(by(WEIGHT, change, level), NOTHING) for by in (lower, higher) for change in (0, 1)))
            for name, level in LEVELS.items()
        },
        revised="a fall of more than 0.001 is no longer asked for; read against what was before, too",
    ),
    Claim(
        "figures 5 and 6",
        "both recover after about 1,000 instances",
        back(WEIGHT),
        revised="to recover earlier is to exceed it; on two scales",
    ),
    Claim(
        "figures 7 and 8",
        "switching three users off and on matters less than a change of alpha",
        {
            name: every(
                *(
                    more(by(WEIGHT, change, level), by(SWITCHED, change, level))
                    for by in (lower, higher)
                    for change in (0, 1)
                )
            )
            for name, level in LEVELS.items()
        },
        revised="of the loss, too; apart from how soon it is over; read against what was before, too",
    ),
    Claim(
        "figures 7 and 8",
        "after it loss and ratio quickly return to their level: as quickly as after a change of alpha",
        back(SWITCHED),
        revised="apart from how much it matters; of the loss, too; on two scales",
    ),
    Claim(
        "figure 9",
        "ALL_LOCAL, ALL_OFFLOAD and CD_AVERAGE reach 0.84 to 0.9",
        every(*(Between(ratio(name).mean(), 0.84, 0.9) for name in WEAK)),
    ),
    Claim(
        "figure 9",
        "of the methods shown CD_SLSQP comes closest to 1",
        better(DESCENT, PROPOSED, *WEAK),
        revised="apart from its level; all on the same instances",
    ),
    Claim(
        "figure 9",
        "CD_SLSQP is stable at around 0.998",
        around(ratio(DESCENT).mean(), CLOSEST, margin=MARGIN, better="more"),
        revised="apart from its rank; more exceeds it",
    ),
    Claim(
        "figure 9",
        "the proposed method comes closer to 1 than ALL_LOCAL, ALL_OFFLOAD and CD_AVERAGE",
        better(PROPOSED, *WEAK),
    ),
    Claim(
        "table 1",
        "the proposed method takes less time than CD_SLSQP for 10, 15 and 20 users",
        QUICKER,
        revised="with the network of the paper's settings, not ours; a factor of 2 is no longer asked for",
    ),
    Claim(
        "table 1",
        "CD_SLSQP takes 6.8, 12.9 and 21.5 times as long",
        every(*(about(slower(n), stated, factor=FACTOR, better="more") for n, stated in STATED.items())),
        revised="of the factors themselves, not of their growth alone; more exceeds them",
    ),
    Claim(
        "table 1",
        "the time of CD_SLSQP increases with the number of users",
        rises(Across(TIME, DESCENT, "by users", OF_USERS)),
        revised="a sentence that was not judged before",
    ),
    Claim(
        "table 1",
        "a decision takes 0.069, 0.174 and 0.435 s",
        {},
        untestable="the paper names neither machine nor options of SLSQP",
    ),
    Claim(
        "section 4.1",
        "allocating every decision by SLSQP gives the least cost (within 1e-5, in the paper's megabytes)",
        at_most(Of(SLSQP_ERROR), 1e-5),
    ),
    Claim(
        "abstract",
        "comparison with other algorithms proves better results in less time",
        {
            "better than all it is compared with, and quicker than CD_SLSQP": every(
                better(PROPOSED, DESCENT, *WEAK), QUICKER
            ),
            "better than those that do not descend with SLSQP, and quicker than the one that does": every(
                better(PROPOSED, *WEAK), QUICKER
            ),
        },
        revised="no longer against index scan and proved optimum, with which the paper does not compare; read in two ways",
    ),
    Claim(
        "conclusion",
        "the method can easily be used for other similar problems: it learns there, too",
        every(*(learns(PROPOSED, setting) for setting in (DIFFERENT, RATE))),
        revised="with the paper's settings, not ours; no longer against random decisions, of which the paper does not speak",
    ),
)

OURS_TOO = (
    Claim(
        "ours",
        "if all K decisions are perturbations, figure 4's level is missed by more than 0.01",
        more(known(LEVEL - 0.01, "a ratio of"), ratio(LEFT_OUT).late()),
    ),
    Claim(
        "ours",
        "with up to c flips and a learning rate of 0.001 the network loses less than half as much",
        reaches(lost(PROPOSED) / lost(OURS), 2.0),
    ),
    Claim(
        "ours",
        "an index scan, descent from all-local and sorting by size, which learn nothing, lose less than either network",
        every(*(better(free, network) for free in (SCAN, FROM_LOCAL, BY_SIZE) for network in (PROPOSED, OURS))),
    ),
    Claim(
        "ours",
        "an index scan loses less than either network where users differ, and of the computation rate",
        every(*(better(SCAN, network, setting=s) for s in (DIFFERENT, RATE) for network in (PROPOSED, OURS))),
    ),
    Claim(
        "ours",
        "either network finds more than the best of random decisions, in all three problems",
        every(*(better(network, GUESSES, setting=s) for s in (STEADY, DIFFERENT, RATE) for network in (PROPOSED, OURS))),
    ),
    Claim(
        "ours",
        "with K = 1, where there is nothing to choose, the network alone ends up worse; with optimal labels better",
        every(more(own(PROPOSED).late(), own(ONE).late()), more(own(LABELLED).late(), own(PROPOSED).late())),
    ),
    Claim(
        "ours",
        "a memory of 1,000 ends up better than the paper's 256",
        more(ratio(MEMORY_1000).late(), ratio(PROPOSED).late()),
    ),
    Claim(
        "ours",
        "the proved optimum takes less time than the proposed method, and so does our network without SLSQP",
        quicker([PROVED, CLOSED], TIMED[PROPOSED]),
    ),
    Claim(
        "ours",
        "all-local already reaches 0.85: ratios near 1 say little, losses more",
        reaches(ratio(ALL_LOCAL).mean(), 0.85),
    ),
)

CLAIMS = (*PAPER, *OURS_TOO)
