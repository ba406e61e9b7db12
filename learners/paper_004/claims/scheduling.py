"""What paper 004 says of deciding without training: P2, annealing and local search, and table II."""

from __future__ import annotations

from collections.abc import Mapping

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Figure, Of
from mecopt.evaluation.rules import NotMeasured, Rule, about, at_most, every, known, more, on_scales, reaches
from mecopt.learners.paper_004.claims.readings import (
    ALMOST,
    FAR,
    LESS_TIME,
    SEARCHED,
    after,
    again,
    against_asa,
    both,
    near_optimal,
    steps_of_adam,
    strategy,
)
from mecopt.learners.paper_004.names import ABOVE, APART, FEASIBLE, FOUND, MET, REWARD, TIME
from mecopt.learners.paper_004.searches import (
    CONSTANT,
    COORDINATE,
    EXACT,
    LEVELS,
    LOCAL_SEARCH,
    NEAREST,
    OJRS,
    ONE_USER,
    RANDOM,
    SWARMS,
    UNGUIDED,
)
from mecopt.learners.paper_004.trainings import PROPOSED, SEARCHES, STEADY

ALLOCATION = (
    Claim(
        "section III",
        'with the decision fixed, at full power, P2 "can be seen as the nonconvex sum-of-ratios optimization"',
        more(Of(ABOVE), known(0.0, "none,")),
        revised="by midpoints alone",
    ),
    Claim(
        "section III",
        "powers can be set to their maximum, and what remains, P2.1, is convex: a convex program in speeds and powers "
        "agrees within 1e-6",
        at_most(Of(APART), 1e-6),
        revised="a claim of ours before; the paper says it, too",
    ),
)


def quickest(way: str, rival: str) -> dict[str, Rule]:
    """Fewer evaluations to a mean NRR, or a greater one after as many as the paper's T."""
    to = {one: more(Of(FOUND, rival, SEARCHES, one), Of(FOUND, way, SEARCHES, one)) for one in LEVELS}
    early = more(Of(MET, way, SEARCHES, 20.0), Of(MET, rival, SEARCHES, 20.0))
    return {**{f"to a mean NRR of {level:g}": rule for level, rule in to.items()}, "after the paper's 20": early}


STUCK = "that the optimum is not guaranteed, which any loss shows, and that local search is easily stuck are two sentences"
WE_DID_NOT = "that we did not measure it is not that nobody can"

SEARCH = (
    Claim(
        "figure 7",
        "ASA reaches the optimal decision with fewer iterations and higher efficiency than SA",
        {
            f"{way}, against {rival}, {how}": rule
            for way, same_moves in UNGUIDED.items()
            for rival in (same_moves, ONE_USER)
            for how, rule in quickest(way, rival).items()
        },
        revised="SA was annealing that changes one user at a time, against which ASA as printed failed; annealing of the "
        "same moves without guidance stands beside it, since the paper says that guidance is the reason; at the paper's T, "
        "too, to two levels, and with a mutation that is guided as the text says; "
        + after("the two levels are two readings, not two scales of one: which search is ahead differs", "cannot tell"),
    ),
    Claim(
        "section IV-D",
        "with local search the globally optimal policy cannot be guaranteed",
        {local: more(strategy(REWARD, EXACT), strategy(REWARD, local)) for local in (COORDINATE, LOCAL_SEARCH)},
        revised="not judged before; the paper does not say which local search, ours are single moves from all-local, and "
        f"moves and exchanges from random decisions; {after(STUCK, 'holds')}",
    ),
    Claim(
        "section IV-D",
        "local search is easily stuck in local minima",
        NotMeasured(
            "in how many slots it is stuck; nor does the paper say which local search it means, or how often is easily; "
            "what it costs stands with the sentence before this one"
        ),
        revised=f"{after(STUCK, 'holds')}; {again(WE_DID_NOT, 'cannot be tested')}",
    ),
)


def better(name: str, *others: str, setting: str = STEADY) -> Rule:
    """A strategy has a higher reward than others on the same slots."""
    return every(*(more(strategy(REWARD, name, setting), strategy(REWARD, other, setting)) for other in others))


def ratio_of_rewards(name: str, other: str, setting: str) -> Figure:
    """Return what part of another strategy's reward one has."""
    return strategy(REWARD, name, setting) / strategy(REWARD, other, setting)


def quicker(name: str, other: str) -> Rule:
    """A strategy takes less time than another one: a ratio, since what slows the machine slows both."""
    return more(strategy(TIME, other) / strategy(TIME, name), known(1.0, "as long,"))


def far_quicker(name: str, other: str) -> Rule:
    """A strategy takes as much less time than another one as the paper's tables have it, or even less."""
    ratio = strategy(TIME, other) / strategy(TIME, name)
    return on_scales({words: about(ratio, LESS_TIME, factor=factor, better="more") for words, factor in FAR.items()})


def first_of_three(law: str) -> Mapping[str, Rule]:
    """OJRS has a higher reward than Greedy and Random."""
    return both(lambda base: better(OJRS[base], NEAREST, RANDOM, setting=law))


def first_of_four(law: str) -> Mapping[str, Rule]:
    """ASA has a higher reward than OJRS, Greedy and Random."""
    return against_asa(lambda network, asa: better(asa, network, NEAREST, RANDOM, setting=law))


def almost_asa(law: str) -> Mapping[str, Rule]:
    """OJRS has almost the reward of ASA."""
    return against_asa(lambda network, asa: reaches(ratio_of_rewards(network, asa, law), ALMOST))


def good_and_far_quicker(law: str) -> Mapping[str, Rule]:
    """OJRS is near the optimum and takes far less time than a benchmark, by all that take longer in the paper.

    Times were taken where users stay alone.
    """
    benchmarks = {**SEARCHED, **{swarm: swarm for swarm in SWARMS}}
    return {
        f"{base}, {divisor}, {which}": every(good, far_quicker(OJRS[base], other))
        for base in PROPOSED
        for divisor, good in near_optimal(OJRS[base], law).items()
        for which, other in benchmarks.items()
    }


def optimal_policy(law: str) -> Mapping[str, Rule]:
    """OJRS is near the optimum, and better than one decision for all slots, which needs no code of channels."""
    return {
        f"{base}, {divisor}": every(good, better(OJRS[base], CONSTANT, setting=law))
        for base in PROPOSED
        for divisor, good in near_optimal(OJRS[base], law).items()
    }


def feasible(law: str) -> Mapping[str, Rule]:
    """All decisions of OJRS satisfy all constraints."""
    return both(lambda base: reaches(strategy(FEASIBLE, OJRS[base], law), 1.0))


BOTH_LAWS = "where places are drawn for each slot, too"


def users_stay(before: str) -> str:
    """Say that the paper's law is read alone again, and which verdict stood before."""
    what = "where users stay alone, since in section III h varies and nothing else does"
    return again(f"{what}; where places are drawn for each slot it is a sentence of ours", before)


HIGHER = "the reward of OJRS is higher than those of Greedy and Random"
HIGHEST = "of the four ASA achieves the highest reward"
ALMOST_SAME = "OJRS attains almost the same reward as ASA"
NEAR_AND_QUICK = (
    "the proposed algorithm can achieve near-optimal performance while significantly decreasing the computational time "
    "compared with existing benchmarks"
)
POLICY = "OJRS constructs an optimal policy from the compressed channels to the decisions"
SATISFIED = "with the allocation of P2.1 all constraints are satisfied by what OJRS decides"

STRATEGIES = (
    Claim(
        "table II",
        "latencies of 20.69 s (OJRS), 25.29 s (Greedy), 36.43 s (Random) and 20.24 s (ASA)",
        {},
        untestable="the signal-to-noise ratio is not given and was chosen to come near these numbers",
    ),
    Claim(
        "table II",
        HIGHER,
        first_of_three(STEADY),
        revised=steps_of_adam(
            "holds",
            "",
            after(f"{BOTH_LAWS}, a claim of ours before, where it depended on the reading", "holds"),
            users_stay("depends on the reading"),
        ),
    ),
    Claim(
        "table II",
        HIGHEST,
        first_of_four(STEADY),
        revised=steps_of_adam(
            "cannot be tested",
            "with ASA whose mutation is guided, too",
            after(BOTH_LAWS, "depends on the reading"),
            users_stay("depends on the reading"),
        ),
    ),
    Claim(
        "table II",
        ALMOST_SAME,
        almost_asa(STEADY),
        revised=steps_of_adam(
            "cannot be tested",
            "by what the paper's own numbers are apart, 0.9757, not by 0.97; with ASA whose mutation is guided, too",
            after(BOTH_LAWS, "depends on the reading"),
            users_stay("depends on the reading"),
        ),
    ),
    Claim(
        "table II",
        "the complexity of a decision of OJRS is far lower than that of ASA",
        against_asa(far_quicker),
        revised=steps_of_adam(
            "cannot be tested", "far is about the 13.5 of the paper's own times, or more, where it was a factor of 5"
        ),
    ),
    Claim(
        "table II",
        "a decision takes 17.4 ms (OJRS), 13.9 ms (Greedy), 5.7 ms (Random) and 235.4 ms (ASA)",
        {},
        untestable="the paper names no machine, and calls CVX where a closed form exists",
    ),
    Claim(
        "abstract",
        NEAR_AND_QUICK,
        good_and_far_quicker(STEADY),
        revised=steps_of_adam(
            "cannot be tested",
            "against PSO and Greedy, too, which the paper names, by the 13.5 of its own times for ASA, where it was a "
            "factor of 2; near-optimal by two numbers of table III, not by 0.96, and by PSO, too",
            after(
                "not against Greedy, which is the quicker one in the paper's own table II, so that the sentence cannot mean "
                f"it; {BOTH_LAWS}",
                "depends on the reading",
            ),
            users_stay("depends on the reading"),
        ),
    ),
    Claim(
        "section V-D",
        POLICY,
        optimal_policy(STEADY),
        revised=steps_of_adam(
            "cannot be tested",
            "by two numbers of the paper's own, and by PSO, too; not against one decision for all slots, as the first time",
            after(
                "against that again, since no policy is optimal where a decision that looks at no channel earns more; "
                f"{BOTH_LAWS}",
                "depends on the reading",
            ),
            users_stay("depends on the reading"),
        ),
    ),
    Claim(
        "section IV-E",
        SATISFIED,
        feasible(STEADY),
        revised=steps_of_adam("not judged", "", after(BOTH_LAWS, "holds"), users_stay("holds")),
    ),
    Claim(
        "section IV-A",
        "OJRS can provide online decisions without solving the MINLP: one takes less time than that",
        both(lambda base: quicker(OJRS[base], EXACT)),
        revised=steps_of_adam("not judged"),
    ),
    Claim(
        "section V-D",
        "PSO normally achieves nearly optimal solutions, with long computation time",
        {},
        untestable="neither the size of the swarm nor the number of its steps is given, nor how decisions are coded; what "
        "two swarms reach, and how long they take, stands in tables II and III",
        revised="not judged before",
    ),
)
