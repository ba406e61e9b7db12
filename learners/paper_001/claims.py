"""What paper 001 says, each sentence with the rules that read it, written before the run that they judge.

What the paper leaves open is read in every way that makes sense. Figure 2: both meanings of the access point's action
(`trainings.BEAMS`) and both rewards of the rival's users (`trainings.RIVALS`), in the last tenth of the training, as the
figure shows it, and on fresh frames without noise. Figures 3 and 4: beams of three origins (`names.WAYS`), parts of the
work and times where the text names either or neither. Figure 4b: efficiencies on common frames and in rollouts, by each
average.
"About" is within a factor of 1.5. What is near, much, large, steep or none is ours: such scales must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Curve, Figure, Of, Reached, Settled
from mecopt.evaluation.rules import Between, Rule, at_most, every, falls, known, more, on_scales, ordered, rises
from mecopt.learners.paper_001.names import (
    AVERAGES,
    CARRIER,
    COMMON,
    DISTANCES,
    EVERYWHERE,
    LENGTH,
    OUTAGE,
    OVER,
    PARTS,
    REGRET,
    REWARD,
    ROLLED,
    SENDING,
    STEADY,
    TIMES,
    WAYS,
    WORK,
    played,
)
from mecopt.learners.paper_001.policies import (
    ACTIVE,
    ANY_WEIGHTS,
    COMPLETED,
    DISABLED,
    EVEN,
    EXACT,
    HYBRID,
    MODES,
    PRICES,
    priced,
)
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
    WEIGHTS,
    named,
)
from mecopt.learners.paper_001.worlds import LOADS, NOMINAL, POWERS, SCALES

FACTOR = 1.5
"""Within which a number counts as "about" what the paper states."""
IMPROVED = 0.5
"""By how much the paper says that the reward improves."""
NEAR = 0.2
"""Part of its end within which a curve has converged: well above the noise of means over a twentieth of it."""
WIDTHS = {"means over a tenth": 10, "means over a twentieth": 20}
"""Blocks by which it is judged when a curve has settled."""
WINDOW = 2
"""Points of a curve over whose mean it first comes near its end: a twentieth of the training."""
MUCH = {"at most two thirds": 2.0 / 3.0, "at most half": 0.5}
"""Of the rival's outage, which is much lower."""
EARLY = {"by the third tenth": 3, "by the fifth tenth": 5}
"""Where the early stage of learning ends."""
LARGE = {"a quarter": 0.25, "a third": 1.0 / 3.0}
"""Parts of the work more than which are a large part."""
NONE = {"at most 2 %": 0.02, "at most 5 %": 0.05}
"""Parts of the work that are as good as none."""
UNCAPPED = 50.0
"""Mean work, kbit, up to which users can nearly always compute all of it: 60 kbit in their slot, and the work is Poisson."""
MARGIN = 0.05
"""Part of a reward for which learning does not pay; in our own claims alone."""

SEARCHED = "constants searched for so that it can hold"
TRAINED = f"trainings of {LENGTH:,} frames, over 60 % of which noise and coin fall: both ours"
CAPPED = f"{SEARCHED}; up to {UNCAPPED:g} kbit, beyond which our cap on computing decides"

# ---------------------------------------------------------------------- figure 2


def along(quantity: str, kind: str, beams: str) -> Curve:
    """Return a quantity along a training of figure 2."""
    return Curve(quantity + OVER, named(kind, beams), STEADY)


def tenth(curve: Curve, number: int) -> Figure:
    """Return the mean over a tenth of a training, counted from 1."""
    return curve.between((number - 1) * LENGTH / 10, number * LENGTH / 10).mean()


def fresh(quantity: str, policy: str) -> Figure:
    """Return a quantity of a policy on fresh frames."""
    return Of(quantity, policy, STEADY)


def against(rule: Callable[[str, str, str], Mapping[str, Rule]]) -> Mapping[str, Rule]:
    """Read a sentence on Algorithm 1 and its rival, whose beams and users' reward the paper leaves open."""
    return {
        f"{BEAMS[beams]}, {rival}, {name}": read
        for beams in BEAMS
        for rival in RIVALS
        for name, read in rule(DRIVEN, rival, beams).items()
    }


def levels(quantity: str, rule: Callable[[Figure, Figure], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on the levels of Algorithm 1 and its rival."""

    def read(driven: str, rival: str, beams: str) -> Mapping[str, Rule]:
        last = (tenth(along(quantity, kind, beams), 10) for kind in (driven, rival))
        without_noise = (fresh(quantity, named(kind, beams)) for kind in (driven, rival))
        return {"last tenth": rule(*last), "fresh frames": rule(*without_noise)}

    return against(read)


def converges(driven: str, rival: str, beams: str) -> Mapping[str, Rule]:
    """The reward is near its end earlier: for good, by means of two widths, or for the first time."""

    def first(kind: str) -> Figure:
        curve = along(REWARD, kind, beams)
        return Reached(curve, curve.late() * known(1.0 - NEAR), WINDOW)

    def stays(kind: str, blocks: int) -> Figure:
        return Settled(along(REWARD, kind, beams), NEAR, blocks, relative=True)

    settled = {name: more(stays(rival, blocks), stays(driven, blocks)) for name, blocks in WIDTHS.items()}
    return {"near its end for good": on_scales(settled), "for the first time": more(first(rival), first(driven))}


def improved(driven: Figure, rival: Figure) -> Rule:
    """The rival earns 1/1.5, which is defined where it earns nothing, too; less of it exceeds what is said."""
    return Between(rival / driven, 1.0 / (1.0 + IMPROVED * FACTOR), 1.0 / (1.0 + IMPROVED / FACTOR), better="less")


def much_lower(driven: Figure, rival: Figure) -> Rule:
    """Be clearly at most a part of the rival's."""
    return on_scales({name: more(rival * known(part, f"{part:.2f}"), driven) for name, part in MUCH.items()})


def steep(beams: str) -> Rule:
    """Fall in all, and by more in the early stage than after it."""
    curve = along(OUTAGE, DRIVEN, beams)
    first, last = tenth(curve, 1), tenth(curve, 10)
    return on_scales(
        {
            name: every(more(first, last), more(first - tenth(curve, end), tenth(curve, end) - last))
            for name, end in EARLY.items()
        }
    )


# ---------------------------------------------------------------------- figures 3 and 4a


def swept(quantity: str, way: str, setting: str) -> Curve:
    """Return a quantity of Hybrid-offload along an axis; of work only up to where our cap decides."""
    curve = Curve(quantity, played(way), setting)
    return curve.between(0.0, UNCAPPED) if setting == WORK else curve


def at(quantity: str, way: str, setting: str, x: float) -> Figure:
    """Return a quantity of Hybrid-offload at a value of an axis."""
    return Of(quantity, played(way), setting, x)


def by_way(rule: Callable[[str, str], Rule], *quantities: str) -> Mapping[str, Rule]:
    """Read a sentence with beams of each origin, by each of some quantities."""
    name = "{0}, {1}" if len(quantities) > 1 else "{0}"
    return {name.format(way, quantity): rule(quantity, way) for way in WAYS for quantity in quantities}


WEAKEST, STRONGEST, FARTHEST = POWERS[0].power, POWERS[-1].power, SCALES[-1].scale


def weak_carrier(sign: int) -> Callable[[str, str], Rule]:
    """With the weakest carrier a quantity is greater than with the strongest (1), or less (-1)."""

    def rule(quantity: str, way: str) -> Rule:
        weak, strong = (at(quantity, way, CARRIER, power) for power in (WEAKEST, STRONGEST))
        return more(weak, strong) if sign > 0 else more(strong, weak)

    return rule


def large(way: str, power: float) -> Rule:
    """More of the work is local than parts that are ours."""
    local = at(PARTS["local"], way, CARRIER, power)
    return on_scales({f"more than {name}": more(local, known(part, "a part of")) for name, part in LARGE.items()})


def grows(quantity: str, way: str) -> Rule:
    """Rise with the work."""
    return rises(swept(quantity, way, WORK))


# ---------------------------------------------------------------------- figure 4b

Scheme = Callable[[str], Curve]
"""From a scheme to its efficiency along the distances."""


def efficiencies() -> Iterator[tuple[str, Scheme]]:
    """Yield every way to read the efficiencies of figure 4b, in words and as curves."""

    def of(quantity: str, way: str, setting: str) -> Scheme:
        return lambda scheme: Curve(quantity, played(way, scheme), setting)

    for way in WAYS:
        for average in AVERAGES:
            for words in ("", EVERYWHERE):
                yield f"common frames{words}, {average}, {way}", of(average + words, way, COMMON)
    for way in ROLLED:
        for average in (REWARD, *AVERAGES):
            yield f"rollouts, {average}, {way}", of(average, way, DISTANCES)


def by_efficiency(rule: Callable[[Scheme], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on figure 4b."""
    return {name: rule(scheme) for name, scheme in efficiencies()}


def closer(scheme: Scheme, combine: Callable[[Figure, Figure], Figure]) -> Rule:
    """Hybrid and Active are farther from disabled at the paper's distances than at the greatest ones."""

    def apart(name: str, x: float) -> Figure:
        return combine(*(Of(c.quantity, c.method, c.setting, x) for c in (scheme(name), scheme(DISABLED))))

    return every(*(more(apart(name, NOMINAL.scale), apart(name, FARTHEST)) for name in (HYBRID, ACTIVE)))


def ratio(figure: Figure, other: Figure) -> Figure:
    """Return one figure over another."""
    return figure / other


def difference(figure: Figure, other: Figure) -> Figure:
    """Return one figure less another."""
    return figure - other


# ---------------------------------------------------------------------- claims


def said(where: str, text: str, ours: str, readings: Rule | Mapping[str, Rule], revised: str = "") -> Claim:
    """Return a claim of the paper that rests on something of ours, which stands beside its words."""
    return Claim(where, f"{text} ({ours})", readings, revised=revised)


PAPER = (
    said(
        "figure 2a",
        "the optimisation-driven H-MADDPG converges faster than the model-free one",
        TRAINED,
        against(converges),
        "seed by seed, not of the mean of all; what first comes near and what stays there are two readings",
    ),
    said(
        "figure 2a",
        "the optimisation-driven H-MADDPG receives a significantly higher reward",
        TRAINED,
        levels(REWARD, more),
    ),
    said(
        "figure 2a and abstract",
        "the reward improves by 50 %",
        TRAINED,
        levels(REWARD, improved),
        "more exceeds it, where it failed; by what the rival earns of it, since rivals that earn nothing have no gain",
    ),
    said(
        "figure 2b",
        "the optimisation-driven H-MADDPG has a much lower outage probability",
        TRAINED,
        levels(OUTAGE, much_lower),
        "on two scales, where half alone decided",
    ),
    said(
        "figure 2b",
        "the outage probability decreases steeply in the early stage of learning",
        TRAINED,
        {words: steep(beams) for beams, words in BEAMS.items()},
        "of Algorithm 1, no longer of the optimiser alone, which is not the paper's; on two scales, where one decided",
    ),
    Claim(
        "introduction, section III-D",
        "learning in a hierarchy is more efficient, having fewer states and actions",
        {},
        untestable="both methods of figure 2 are hierarchical, and no learner without a hierarchy is measured yet",
        revised="a sentence that was not judged before",
    ),
    said(
        "figure 3a",
        "when the transmit power is low the users suppress active offloading",
        SEARCHED,
        by_way(weak_carrier(-1), PARTS["active"], SENDING),
    ),
    said(
        "figure 3a",
        "when the transmit power is low they prefer more passive offloading",
        SEARCHED,
        by_way(weak_carrier(1), PARTS["passive"]),
        "of the least power against the greatest; a step between them the other way no longer decides",
    ),
    said(
        "figure 3a",
        "a large part of the workload is processed by local computation",
        SEARCHED,
        {f"{way}, {power:g} mW": large(way, power) for way in WAYS for power in (WEAKEST, NOMINAL.power)},
        "on two scales, where a third alone decided",
    ),
    said(
        "figure 3b",
        "when the workload is small the users offload all of it",
        f"{SEARCHED}; {LOADS[0].load:g} kbit, the least on our axis",
        {
            way: on_scales(
                {name: at_most(at(PARTS["local"], way, WORK, LOADS[0].load), most) for name, most in NONE.items()}
            )
            for way in WAYS
        },
        "on two scales, where 2 % alone decided",
    ),
    said(
        "figure 3b",
        "as the workload increases the users perform more passive offloading",
        CAPPED,
        by_way(grows, PARTS["passive"], TIMES["passive"]),
        "where the cap of ours decides is left out, and no reading of its own",
    ),
    said(
        "figure 3b",
        "as the workload increases the time for active offloading is reduced",
        CAPPED,
        by_way(lambda quantity, way: falls(swept(quantity, way, WORK)), SENDING),
        "where the cap of ours decides is left out, and no reading of its own",
    ),
    said(
        "figure 3b",
        "as the workload increases local computation increases",
        CAPPED,
        by_way(grows, PARTS["local"], TIMES["local"]),
        "where the cap of ours decides is left out, and no reading of its own",
    ),
    said(
        "figure 4a",
        "as the distances increase a larger part of the workload is processed locally",
        SEARCHED,
        by_way(lambda quantity, way: rises(swept(quantity, way, DISTANCES)), PARTS["local"]),
    ),
    said(
        "figure 4a",
        "the remaining workload is offloaded passively",
        f"{SEARCHED}; at {FARTHEST:g} times the paper's distances, the greatest on our axis",
        by_way(
            lambda quantity, way: more(
                at(quantity, way, DISTANCES, FARTHEST), at(PARTS["active"], way, DISTANCES, FARTHEST)
            ),
            PARTS["passive"],
        ),
    ),
    said(
        "figure 4b, not in words",
        "Hybrid-offload is more efficient than Active-enabled, and that more than MEC-disabled",
        SEARCHED,
        by_efficiency(lambda scheme: ordered(*(scheme(name).mean() for name in MODES))),
        "in the mean over distances; one distance at which it is reversed no longer decides",
    ),
    said(
        "figure 4b",
        "the energy efficiency falls as the distances increase",
        SEARCHED,
        by_efficiency(lambda scheme: every(*(falls(scheme(name)) for name in MODES))),
    ),
    said(
        "figure 4b",
        "with the distance Hybrid-offload and Active-enabled become closer to MEC-disabled",
        SEARCHED,
        {
            f"{words}, {name}": closer(scheme, combine)
            for words, combine in (("difference", difference), ("ratio", ratio))
            for name, scheme in efficiencies()
        },
        "difference and ratio are two readings, where both had to be",
    ),
)


def no_more(policy: str, other: str) -> Rule:
    """Earn at most `MARGIN` more than another policy on the same frames."""
    return at_most(fresh(REWARD, policy) / fresh(REWARD, other), 1.0 + MARGIN)


def earns_more(policy: str, other: str) -> Rule:
    """Earn more on the same frames."""
    return more(fresh(REWARD, policy), fresh(REWARD, other))


def carrier(policy: str) -> Figure:
    """Return how long the carrier is on for a user."""
    return fresh(TIMES["passive"], policy)


LEARNED = (*(plan.method for plan in FIGURE if not plan.method.startswith(RIVALS)), *(p.method for p in (TEAM, *FARTHER)))
"""Trainings whose users have the optimiser."""

OURS = (
    Claim(
        "ours",
        f"learned beams earn no more than fixed ones, weights q = 1 - I (at most {MARGIN:.0%} more after {LENGTH:,} frames)",
        every(*(no_more(method, EVEN) for method in LEARNED)),
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
        every(*(no_more(named(DRIVEN, beams), named(ALONE, beams)) for beams in BEAMS)),
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
        every(*(earns_more(priced(price), EXACT) for price in PRICES)),
    ),
    Claim(
        "ours",
        "fixed weights need more energy than the optimum at the same states, yet earn no less in the long run",
        every(
            more(fresh(REGRET, EVEN), known(1.0, "a ratio of")),
            at_most(fresh(REWARD, EXACT) / fresh(REWARD, EVEN), 1.0),
        ),
    ),
)

CLAIMS = (*PAPER, *OURS)
