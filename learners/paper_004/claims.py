"""What paper 004 says, each sentence with the rules that read it, written before the run that they judge.

What concerns OJRS is read with two settings: `paper`, to the letter, whose code keeps little but the mean of the channels,
and `sane`. "About" is within a factor of 1.5. Where curves settle, and on what scale an accuracy stands, is ours: such
scales must agree. NRR is against the proved optimum, where the paper has a heuristic: to reach one against the optimum
proves it all the more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Across, Curve, Figure, Of, Reached, Settled
from mecopt.evaluation.rules import (
    Compared,
    Rule,
    about,
    around,
    at_most,
    every,
    falls,
    known,
    more,
    on_scales,
    reaches,
    same,
    settled_by,
)
from mecopt.learners.paper_004.encoders import AE, AVERAGED, BARS, MEAN, PRINTED, SAE
from mecopt.learners.paper_004.measures import AVERAGE, BEST, BEST_SLOT
from mecopt.learners.paper_004.names import (
    ABOVE,
    ACCURACY,
    ALONG_EPISODES,
    ALONG_UPDATES,
    APART,
    BEST_KEPT,
    COMPRESSION,
    ERRORS,
    EXPLAINED,
    FOUND,
    LOSS,
    MET,
    NRR,
    OVER,
    REWARD,
    STEPS,
    TESTING,
    TIME,
    TRAINING,
    UNIT_ACCURACY,
)
from mecopt.learners.paper_004.searches import ASA, ASA_LONG, CONSTANT, EXACT, LOCAL_SEARCH, NEAREST, OJRS, RANDOM
from mecopt.learners.paper_004.trainings import (
    CHANNELS,
    DYNAMIC,
    FIXED,
    MOST_SERVERS,
    OURS_NAME,
    PAPER_NAME,
    PROPOSED,
    RAW,
    RISE,
    SANE_NAME,
    SEARCHES,
    SERVERS,
    SIZE,
    SLOTS,
    STEADY,
    UNCOMPRESSED,
    UNIFORM,
    varied,
)

FACTOR = 1.5
"""Within which a number counts as "about" what the paper states."""
WIDTHS = {"means over a tenth": 10, "means over a twentieth": 20}
"""Blocks by which it is judged when a curve has settled."""
NEAR = {"within 10 %": 1.1, "within 20 %": 1.2}
"""Factors within which losses are the same."""
STABLE = 0.01
"""A reward is stable while its means stay within this part of its end."""
LOST = 0.005
"""NRR that may be lost where performance is not compromised: a quarter of what OJRS loses against ASA in table II."""
ALMOST = 0.976
"""Part of a reward that is "almost the same": the least that 0.0483 of 0.0494, as printed in table II, may be."""
NEAR_OPTIMAL = 0.96
"""NRR that is "near-optimal": with two servers table III prints 0.969 for a network that has learned (S-Avg)."""
SAME = 0.002
"""Difference within which two best NRR are the same; in table III they differ by 0.0009 at most."""
CLOSE = 0.01
"""By how much an NRR may miss a printed one."""
FULL = 1000
"""Slots after which the paper's memory of 1,024 is nearly full, and parts over which losses are compared after that."""

PRINTED_III: Mapping[float, tuple[float, ...]] = {
    1: (1.0, 0.9987, 0.9462, 0.9988, 0.9764),
    2: (0.9273, 0.9895, 0.9421, 0.9886, 0.9693),
    3: (0.8994, 0.9821, 0.9362, 0.9823, 0.9612),
    4: (0.8823, 0.9732, 0.9252, 0.9733, 0.9575),
    5: (0.8782, 0.9672, 0.9197, 0.9671, 0.9488),
}
"""Acc, F-Best, F-Avg, S-Best and S-Avg of table III by servers; against particle swarm optimisation, not the optimum."""
COMPRESSED = {1: 0.0, 2: 0.5, 3: 0.67, 4: 0.75, 5: 0.8}
"""CR of table III."""

# ---------------------------------------------------------------------- selections

TWO = CHANNELS[SERVERS]


def channels(quantity: str, name: str, x: float | None = None) -> Figure:
    """Return what a way of compressing leaves of the channels of two servers."""
    return Of(quantity, name, TWO, x)


def along(quantity: str, base: str, change: str = "") -> Curve:
    """Return a quantity along a training on two servers."""
    return Curve(quantity + OVER, varied(base, change), STEADY)


def level(base: str, change: str = "") -> Figure:
    """Return the NRR of own decisions over the last 500 slots."""
    return along(NRR, base, change).late(0.05)


def tenth(curve: Curve) -> Figure:
    """Return the mean over the first tenth of a training."""
    return curve.between(0.0, SLOTS / 10.0).mean()


def strategy(quantity: str, name: str) -> Figure:
    """Return a figure of a strategy of table II."""
    return Of(quantity, name, STEADY)


def half(quantity: str, base: str) -> Across:
    """Return a figure of a half of table III's streams by the number of servers."""
    return Across(quantity, base, "table III", DYNAMIC)


def both(read: Callable[[str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on OJRS with both settings."""
    return {base: read(base) for base in PROPOSED}


ADAPTIVE = {
    "paper, by the rise of the loss as printed": (varied(PAPER_NAME), varied(PAPER_NAME, FIXED)),
    "paper, by the size of its change": (varied(PAPER_NAME, SIZE), varied(PAPER_NAME, FIXED)),
    "sane, by its rise": (varied(SANE_NAME, RISE), varied(SANE_NAME)),
    "sane, by the size of its change": (varied(SANE_NAME, SIZE), varied(SANE_NAME)),
}
"""Both readings of (30) from both settings, each with an adaptive T, and with T = 20 fixed and nothing else changed."""

# ---------------------------------------------------------------------- compression


def on_all(read: Callable[[str], Rule]) -> Rule:
    """Read a sentence on accuracy on scales that are ours."""
    return on_scales({scale: read(scale) for scale in (ACCURACY, UNIT_ACCURACY, EXPLAINED)})


def settles(episode: str) -> Rule:
    """Losses of AE and SAE, training and testing, converge after about 80 episodes; earlier exceeds it."""

    def by(blocks: int) -> Rule:
        curves = [Curve(LOSS + where + episode, name, TWO) for name in (AE, SAE) for where in (TRAINING, TESTING)]
        return every(
            *(settled_by(curve, 80.0, tolerance=0.1, blocks=blocks, factor=FACTOR, relative=True) for curve in curves)
        )

    return on_scales({name: by(blocks) for name, blocks in WIDTHS.items()})


def end(name: str, where: str, episode: str = ALONG_EPISODES) -> Figure:
    """Return the loss of an encoder at the end."""
    return Curve(LOSS + where + episode, name, TWO).late(0.05)


def bounded(factor: float) -> Rule:
    """In testing the losses of AE and SAE are at most so many times those in training."""
    return every(*(at_most(end(name, TESTING) / end(name, TRAINING), factor) for name in (AE, SAE)))


def first_bar(name: str, where: str) -> Figure:
    """Return the share of errors in the first bar."""
    return channels(ERRORS + where, name, float(BARS[1]))


# ---------------------------------------------------------------------- training


def adaptive(name: str) -> Rule:
    """T is smaller with an adaptive one, and at most `LOST` of NRR goes with it."""
    changed, fixed = ADAPTIVE[name]
    steps = [Curve(STEPS + OVER, one, STEADY).mean() for one in (fixed, changed)]
    kept = [Curve(NRR + OVER, one, STEADY).late(0.05) for one in (changed, fixed)]
    return every(more(*steps), Compared(kept[0], kept[1], -LOST, float("inf")))


def to_one(name: str) -> Rule:
    """T decreases, and comes to 1 at some time: to what rounds to it, over a hundredth of the slots."""
    steps = Curve(STEPS + OVER, ADAPTIVE[name][0], STEADY)
    return every(more(tenth(steps), steps.late()), at_most(Reached(steps, known(1.5), 1, falling=True), SLOTS))


def stable(base: str) -> Rule:
    """The reward is stable after about 2,500 slots with 2p-ER, earlier exceeds it, and after about 7,000 without."""

    def by(blocks: int) -> Rule:
        both, uniform = along(REWARD, base), along(REWARD, base, UNIFORM)
        theirs = about(Settled(uniform, STABLE, blocks, relative=True), 7000.0, factor=FACTOR)
        return every(settled_by(both, 2500.0, tolerance=STABLE, blocks=blocks, factor=FACTOR, relative=True), theirs)

    return on_scales({name: by(blocks) for name, blocks in WIDTHS.items()})


def lower(base: str) -> Rule:
    """The loss is lower with 2p-ER in each part of the stream after the memory is full."""
    parts = [(float(begin), float(begin + FULL)) for begin in range(FULL, SLOTS, FULL)]
    curves = along(LOSS, base, UNIFORM), along(LOSS, base)
    return every(*(more(*(curve.between(*part).mean() for curve in curves)) for part in parts))


# ---------------------------------------------------------------------- strategies

NETWORKS = {base: OJRS[base] for base in PROPOSED}
SEARCHED = {"ASA with 20 steps": ASA, "ASA with 500": ASA_LONG}


def better(name: str, *others: str) -> Rule:
    """A strategy has a higher reward than others on the same slots."""
    return every(*(more(strategy(REWARD, name), strategy(REWARD, other)) for other in others))


def quicker(name: str, other: str) -> Rule:
    """A strategy takes less time than another one: a ratio, since what slows the machine slows both."""
    return more(strategy(TIME, other) / strategy(TIME, name), known(1.0, "as long,"))


def against_asa(read: Callable[[str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on OJRS and ASA with both settings and both lengths of the search, which the paper does not say."""
    return {f"{base}, {which}": read(net, asa) for base, net in NETWORKS.items() for which, asa in SEARCHED.items()}


# ---------------------------------------------------------------------- table III


def printed(column: int, half_of: str, names: Mapping[str, str]) -> Mapping[str, Rule]:
    """NRR is at most `CLOSE` below what is printed, for every number of servers; more is as good."""

    def read(base: str, name: str) -> Rule:
        quantity = f"{half_of}-{name}"
        return every(*(reaches(Of(quantity, base, DYNAMIC[n]), PRINTED_III[n][column] - CLOSE) for n in DYNAMIC))

    return {f"{base}{which}": read(base, name) for base in PROPOSED for which, name in names.items()}


BESTS = {", of single slots": BEST_SLOT, ", of means": BEST}
"""What the best NRR may be the best of."""
COLUMNS = {"F-Best": ("F", BESTS), "F-Avg": ("F", {"": AVERAGE}), "S-Best": ("S", BESTS), "S-Avg": ("S", {"": AVERAGE})}
"""Columns of table III in order: half of the stream, and the readings of what stands there."""


def stated(column: str) -> Claim:
    """Return the claim of a column."""
    place = 1 + list(COLUMNS).index(column)
    numbers = ", ".join(f"{PRINTED_III[n][place]:.4f}" for n in DYNAMIC)
    return Claim("table III", f"{column} is {numbers} with one to five servers", printed(place, *COLUMNS[column]))


def information(name: str) -> Mapping[str, Rule]:
    """NRR falls with the servers, and less so where nothing is compressed: with five, the same seeds and slots."""
    quantity = f"{name}-{AVERAGE}"
    most = DYNAMIC[MOST_SERVERS]
    cause = more(Of(quantity, UNCOMPRESSED, most), Of(quantity, SANE_NAME, most))
    return {f"{base}, {name}-{AVERAGE}": every(falls(half(quantity, base)), cause) for base in PROPOSED}


PAPER = (
    Claim(
        "section III",
        "with the decision fixed the allocation, P2, is a non-convex sum of ratios",
        more(Of(ABOVE), known(0.0, "none,")),
        revised="by midpoints alone; how near a convex program comes is a claim of ours",
    ),
    Claim(
        "figure 3",
        "the accuracy of SAE is 92.73 %",
        {},
        untestable="the paper defines no accuracy and gives no scale of the channels; on five scales of ours it is 0.927, "
        "0.942, 0.660, 0.980 and 0.684 of the same data",
        revised="judged on two scales of ours before",
    ),
    Claim(
        "figure 3",
        "the accuracy of AE is 87.55 %",
        {},
        untestable="the paper defines no accuracy and gives no scale of the channels",
        revised="judged on two scales of ours before",
    ),
    Claim(
        "figure 3",
        "with three layers SAE represents channels more precisely than AE with two",
        on_all(lambda scale: more(channels(scale, SAE), channels(scale, AE))),
        revised="by how much is no longer asked for; on a third scale, the variance explained",
    ),
    Claim(
        "section V-B",
        "SAE compresses channel states successfully: it keeps more of them than their mean",
        on_all(lambda scale: more(channels(scale, SAE), channels(scale, MEAN))),
        revised="90 % of the variance is no longer asked for, of which the paper does not speak",
    ),
    Claim(
        "section V-B",
        "in the unsupervised learning of AE and SAE overfitting can be avoided",
        on_scales({name: bounded(factor) for name, factor in NEAR.items()}),
        revised="on two scales",
    ),
    Claim("figure 4", "the losses converge to around 0.0055", {}, untestable="the scale of h is not given"),
    Claim(
        "figure 4",
        "the losses of AE and SAE, in training and testing, converge after about 80 episodes",
        {"passes over 1,024 slots": settles(ALONG_EPISODES), "single updates": settles(ALONG_UPDATES)},
        revised="to converge earlier is to exceed it; seed by seed",
    ),
    Claim(
        "figure 4",
        "AE and SAE converge to around the same loss",
        {
            name: on_scales(
                {
                    near: about(end(AE, TESTING, episode) / end(SAE, TESTING, episode), 1.0, factor=factor)
                    for near, factor in NEAR.items()
                }
            )
            for name, episode in (("passes over 1,024 slots", ALONG_EPISODES), ("single updates", ALONG_UPDATES))
        },
        revised="on two scales",
    ),
    Claim(
        "figures 5 and 6",
        "errors of 2r-SAE, in training and testing, are more concentrated in the first bar than those of SAE",
        {
            name: every(*(more(first_bar(name, where), first_bar(SAE, where)) for where in (TRAINING, TESTING)))
            for name in (PRINTED, AVERAGED)
        },
    ),
    Claim(
        "figure 7",
        "ASA reaches the optimal decision with fewer iterations and higher efficiency than SA",
        {
            "as printed, to a mean NRR of 0.99": more(Of(FOUND, "SA", SEARCHES), Of(FOUND, "ASA literal", SEARCHES)),
            "as printed, after the paper's 20": more(Of(MET, "ASA literal", SEARCHES, 20.0), Of(MET, "SA", SEARCHES, 20.0)),
            "guided, to a mean NRR of 0.99": more(Of(FOUND, "SA", SEARCHES), Of(FOUND, "ASA guided", SEARCHES)),
            "guided, after the paper's 20": more(Of(MET, "ASA guided", SEARCHES, 20.0), Of(MET, "SA", SEARCHES, 20.0)),
        },
        revised="read at the paper's T, too, and with a mutation that is guided as the text says",
    ),
    Claim(
        "section I",
        "2r-SAE reduces the state space and enhances the learning efficiency of the DRL",
        {
            f"{base}, {when}": rule
            for base in PROPOSED
            for when, rule in (
                ("at the end", more(level(base), level(base, RAW))),
                ("along the training", more(along(NRR, base).mean(), along(NRR, base, RAW).mean())),
            )
        },
        revised="along the training, too",
    ),
    Claim(
        "figure 8",
        "the number of steps of ASA decreases to 1",
        {name: to_one(name) for name in ADAPTIVE},
        revised="1 in half of the last slots is no longer asked for: the paper says that T increases at times",
    ),
    Claim(
        "section I",
        "adaptive T saves time without compromising performance",
        {name: adaptive(name) for name in ADAPTIVE},
    ),
    Claim(
        "figures 9 and 10",
        "the reward increases with the epochs, with 2p-ER and with traditional replay",
        both(
            lambda base: every(
                *(more(along(REWARD, base, one).late(0.1), tenth(along(REWARD, base, one))) for one in ("", UNIFORM))
            )
        ),
    ),
    Claim(
        "figures 9 and 10",
        "the reward is stable after about 2,500 epochs with 2p-ER, after about 7,000 with traditional replay",
        both(stable),
        revised="seed by seed",
    ),
    Claim("figures 9 and 10", "the loss with 2p-ER is always lower than with traditional replay", both(lower)),
    Claim(
        "section V-C",
        "2p-ER improves the performance of the DRL",
        both(lambda base: more(level(base), level(base, UNIFORM))),
    ),
    Claim(
        "table II",
        "latencies of 20.69 s (OJRS), 25.29 s (Greedy), 36.43 s (Random) and 20.24 s (ASA)",
        {},
        untestable="the signal-to-noise ratio is not given and was chosen to come near these numbers",
    ),
    Claim(
        "table II",
        "the reward of OJRS is higher than those of Greedy and Random",
        both(lambda base: better(OJRS[base], NEAREST, RANDOM)),
    ),
    Claim(
        "table II",
        "of the four ASA achieves the highest reward",
        against_asa(lambda network, asa: better(asa, network, NEAREST, RANDOM)),
    ),
    Claim(
        "table II",
        "OJRS attains almost the same reward as ASA",
        against_asa(lambda network, asa: reaches(strategy(REWARD, network) / strategy(REWARD, asa), ALMOST)),
        revised="by what the paper's own numbers are apart, 0.976, not by 0.97",
    ),
    Claim(
        "table II",
        "a decision of OJRS is less complex than one of ASA",
        against_asa(quicker),
        revised="a factor of 5 is no longer asked for",
    ),
    Claim(
        "table II",
        "a decision takes 17.4 ms (OJRS), 13.9 ms (Greedy), 5.7 ms (Random) and 235.4 ms (ASA)",
        {},
        untestable="the paper names no machine, and calls CVX where a closed form exists",
    ),
    Claim(
        "abstract",
        "the proposed algorithm can achieve near-optimal performance while decreasing the computational time compared with "
        "existing benchmarks",
        against_asa(lambda network, asa: every(reaches(strategy(NRR, network), NEAR_OPTIMAL), quicker(network, asa))),
        revised="a factor of 2 is no longer asked for",
    ),
    Claim(
        "section V-D",
        "OJRS constructs an optimal policy from the compressed channels to the decisions",
        both(lambda base: reaches(strategy(NRR, OJRS[base]), NEAR_OPTIMAL)),
        revised="no longer against one decision for all slots, of which the paper does not speak",
    ),
    Claim(
        "table III",
        "the accuracy of SAE decreases when the number of servers increases (2 to 5)",
        on_all(lambda scale: falls(Across(scale, SAE, "table III", CHANNELS))),
        revised="on a third scale, the variance explained",
    ),
    Claim(
        "table III",
        "the compression ratio increases with the number of servers: 0, 0.5, 0.67, 0.75, 0.8",
        every(*(around(Of(COMPRESSION, "", DYNAMIC[n]), value, margin=0.005) for n, value in COMPRESSED.items())),
    ),
    *(stated(column) for column in COLUMNS),
    Claim(
        "table III",
        "NRR decreases when the number of servers increases, because of the information loss of SAE",
        {**information("F"), **information("S")},
    ),
    Claim(
        "table III",
        "before and after the weights change the best NRR is the same",
        {
            f"{base}{which}": every(
                *(same(Of(f"F-{name}", base, at), Of(f"S-{name}", base, at), margin=SAME) for at in DYNAMIC.values())
            )
            for base in PROPOSED
            for which, name in BESTS.items()
        },
    ),
    Claim(
        "table III",
        "the average NRR is higher after the change than before (the text has it the other way round)",
        both(
            lambda base: every(
                *(more(Of(f"S-{AVERAGE}", base, at), Of(f"F-{AVERAGE}", base, at)) for at in DYNAMIC.values())
            )
        ),
    ),
)

OURS_TOO = (
    Claim("ours", "P2 is convex: a convex program in speeds and powers agrees within 1e-6", at_most(Of(APART), 1e-6)),
    Claim(
        "ours",
        "the relative term of 2r-SAE, averaged, keeps more users' strongest server the strongest than SAE does",
        more(channels(BEST_KEPT, AVERAGED), channels(BEST_KEPT, SAE)),
    ),
    Claim(
        "ours",
        "one decision for all slots, which never looks at a channel, has a higher reward than OJRS as printed",
        better(CONSTANT, OJRS[PAPER_NAME]),
    ),
    Claim(
        "ours",
        "without compression OJRS has a higher reward",
        every(*(more(level(base, RAW), level(base)) for base in PROPOSED)),
    ),
    Claim(
        "ours",
        "local search, which learns nothing, has a higher reward than every network, and so it has than ASA",
        better(LOCAL_SEARCH, *OJRS.values(), ASA, ASA_LONG),
    ),
    Claim(
        "ours",
        "local search is within 0.001 of the optimum",
        reaches(strategy(REWARD, LOCAL_SEARCH) / strategy(REWARD, EXACT), 0.999),
    ),
    Claim(
        "ours",
        "with our settings NRR stays above 0.95 with one to five servers",
        every(*(reaches(Of(f"{name}-{AVERAGE}", OURS_NAME, at), 0.95) for name in "FS" for at in DYNAMIC.values())),
    ),
)

CLAIMS = (*PAPER, *OURS_TOO)
