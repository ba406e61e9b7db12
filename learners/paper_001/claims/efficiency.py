"""Figure 4b: the efficiency of the schemes, on common frames and in rollouts of their own, by each average."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from mecopt.evaluation.figures import Curve, Figure, Of
from mecopt.evaluation.rules import Rule, every, falls, more, ordered
from mecopt.learners.paper_001.claims.sharing import FARTHEST, Readings, both
from mecopt.learners.paper_001.names import AVERAGES, COMMON, DISTANCES, EVERYWHERE, REWARD, ROLLED, played
from mecopt.learners.paper_001.policies import ACTIVE, DISABLED, HYBRID, MODES
from mecopt.learners.paper_001.worlds import NOMINAL

Scheme = Callable[[str], Curve]
"""From a scheme to its efficiency along the distances."""


def efficiencies(ways: Sequence[str]) -> Iterator[tuple[str, Scheme]]:
    """Yield every way to read the efficiencies of figure 4b, in words and as curves."""

    def of(quantity: str, way: str, setting: str) -> Scheme:
        return lambda scheme: Curve(quantity, played(way, scheme), setting)

    for way in ways:
        for average in AVERAGES:
            for words in ("", EVERYWHERE):
                yield f"common frames{words}, {average}, {way}", of(average + words, way, COMMON)
        for average in (REWARD, *AVERAGES) if way in ROLLED else ():
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


SAME_BEAMS = "the poorer schemes have the beams of Hybrid-offload"

_EACH = (
    both(
        "figure 4b, not in words",
        "Hybrid-offload is more efficient than Active-enabled, and that more than MEC-disabled",
        SAME_BEAMS,
        by_efficiency(lambda scheme: ordered(*(scheme(name).mean() for name in MODES))),
        "in the mean over distances; one distance at which it is reversed no longer decides",
    ),
    both(
        "figure 4b",
        "the energy efficiency falls as the distances increase",
        "",
        by_efficiency(lambda scheme: every(*(falls(scheme(name)) for name in MODES))),
    ),
    both(
        "figure 4b",
        "with the distance Hybrid-offload and Active-enabled become closer to MEC-disabled",
        f"from the paper's distances to {FARTHEST:g} times them, ours",
        become_closer,
        "difference and ratio are two readings, where both had to be",
    ),
)

EFFICIENCIES = tuple(own for own, _ in _EACH)
BESIDE = tuple(given for _, given in _EACH)
