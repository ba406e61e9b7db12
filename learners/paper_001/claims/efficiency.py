"""Figure 4b: the efficiency of the schemes, on common frames and in rollouts of their own, by each average.

On common frames the optimiser answers the beams of Algorithm 1 in all schemes; its users act in rollouts alone. No scheme
can be worse there than a poorer one, since it may do all that that may, so their order, which the paper does not state, is
read in rollouts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from mecopt.evaluation.figures import Curve, Figure, Of
from mecopt.evaluation.rules import Rule, every, falls, more, ordered
from mecopt.learners.paper_001.claims.readings import REVIEWED, SEARCHED, THERE, again
from mecopt.learners.paper_001.claims.sharing import FARTHEST, Readings, beside, both
from mecopt.learners.paper_001.names import AVERAGES, COMMON, DISTANCES, EVERYWHERE, GIVEN, OWN, REWARD, ROLLED, played
from mecopt.learners.paper_001.policies import ACTIVE, DISABLED, HYBRID, MODES
from mecopt.learners.paper_001.worlds import NOMINAL, along

Scheme = Callable[[str], Curve]
"""From a scheme to its efficiency along the distances."""


def efficiencies(ways: Sequence[str]) -> Iterator[tuple[str, Scheme]]:
    """Yield every way to read the efficiencies of figure 4b, in words and as curves."""

    def of(quantity: str, way: str, setting: str) -> Scheme:
        return lambda scheme: Curve(quantity, played(way, scheme), setting)

    for way in ways:
        whose = f"beams of {way}, with the optimiser" if way in OWN.values() else way
        for average in AVERAGES:
            for words in ("", EVERYWHERE):
                yield f"common frames{words}, {average}, {whose}", of(average + words, way, COMMON)
        for average in AVERAGES if way in ROLLED else ():
            yield f"rollouts, {average}, {way}", of(average, way, DISTANCES)


def by_efficiency(rule: Callable[[Scheme], Rule]) -> Readings:
    """Read a sentence on figure 4b."""
    return lambda ways: {name: rule(scheme) for name, scheme in efficiencies(ways)}


def closer(scheme: Scheme, combine: Callable[[Figure, Figure], Figure]) -> Rule:
    """Hybrid and Active are farther from disabled at the paper's distances than at the greatest ones."""

    def apart(name: str, x: float) -> Figure:
        return combine(*(Of(c.quantity, c.method, c.setting, x) for c in (scheme(name), scheme(DISABLED))))

    return every(*(more(apart(name, NOMINAL.scale), apart(name, FARTHEST)) for name in (HYBRID, ACTIVE)))


def become_closer(ways: Sequence[str]) -> Mapping[str, Rule]:
    """Read it as a difference and as a ratio."""
    combined: Mapping[str, Callable[[Figure, Figure], Figure]] = {"difference": _difference, "ratio": _ratio}
    return {
        f"{words}, {name}": closer(scheme, combine)
        for words, combine in combined.items()
        for name, scheme in efficiencies(ways)
    }


def _ratio(figure: Figure, other: Figure) -> Figure:
    return figure / other


def _difference(figure: Figure, other: Figure) -> Figure:
    return figure - other


def in_order(ways: Sequence[str]) -> Mapping[str, Rule]:
    """Read, in rollouts and at every distance, that each scheme is more efficient than the poorer one."""

    def at(way: str, average: str, x: float) -> Rule:
        return ordered(*(Of(average, played(way, name), DISTANCES, x) for name in MODES))

    return {
        f"{average}, {way}, {x:g} times the distances": at(way, average, x)
        for way in ways
        if way in ROLLED
        for average in (REWARD, *AVERAGES)
        for x in along(DISTANCES, way)
    }


SAME_BEAMS = "the poorer schemes have the beams of Hybrid-offload"
ORDER = "in rollouts Hybrid-offload is more efficient than Active-enabled, and that more than MEC-disabled"
NOT_STATED = (
    f"{REVIEWED}, no sentence of the paper, which does not state it; common frames, where it cannot fail, left out; every "
    "distance is a reading, where the mean over them was, and before it all together"
)

NO_REWARD = "not of the reward (11), which is no energy efficiency: it counts outages, too"

_EACH = (
    both(
        "figure 4b",
        "the energy efficiency falls as the distances increase",
        "",
        by_efficiency(lambda scheme: every(*(falls(scheme(name)) for name in MODES))),
        last=(again(NO_REWARD, "holds"), again(NO_REWARD, "holds")),
    ),
    both(
        "figure 4b",
        "with the distance Hybrid-offload and Active-enabled become closer to MEC-disabled",
        f"from the paper's distances to {FARTHEST:g} times them, ours",
        become_closer,
        "difference and ratio are two readings, where both had to be",
        last=(again(NO_REWARD, "cannot tell"), again(NO_REWARD, "depends on the reading")),
    ),
)

EFFICIENCIES = tuple(own for own, _ in _EACH)
BESIDE = (
    beside("figure 4b", ORDER, f"{SEARCHED}; {SAME_BEAMS}; {THERE}", in_order(tuple(OWN.values())), NOT_STATED),
    beside(
        "figure 4b", f"with beams that nobody learned, {ORDER}", f"{SEARCHED}; {SAME_BEAMS}", in_order(GIVEN), NOT_STATED
    ),
    *(given for _, given in _EACH),
)
