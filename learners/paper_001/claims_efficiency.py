"""Claims of paper 001 on the schemes of figure 4b.

The paper does not say how efficiencies of frames are averaged, nor whether the schemes meet the same batteries. Read are: on
common frames, served by all, the ratio of sums and the mean of ratios, frames chosen at each distance or once for all of
them; in rollouts of their own, (11), its second factor, and the ratio of sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.evaluation.reproduction import Claim
from mecopt.learners.figures import spread
from mecopt.learners.paper_001.claims_sharing import SEARCHED
from mecopt.learners.paper_001.policies import EVEN, MATCHED
from mecopt.learners.paper_001.sweeps import MEAN_EFFICIENCY, MEAN_REWARD, RATIO_OF_SUMS, WAYS
from mecopt.learners.paper_001.worlds import NOMINAL, SCALES
from mecopt.learners.verdicts import Reading, agreed, clearly_more, every, falling

if TYPE_CHECKING:
    from mecopt.learners.paper_001.sweeps import Swept

Array = NDArray[Any]

HYBRID, ACTIVE, DISABLED = range(3)
"""Last axis of what the readings return."""


def judged(s: Swept) -> list[Claim]:
    """Judge figure 4b."""
    return [_order(s), _falls(s), _closer(s)]


def readings(s: Swept) -> Iterator[tuple[str, Array]]:
    """Yield every way to read figure 4b, in words and as efficiencies ``(seeds, distances, schemes)``."""
    for way in WAYS:
        for read in (RATIO_OF_SUMS, MEAN_EFFICIENCY):
            for everywhere, chosen in ((False, "per distance"), (True, "for all distances")):
                yield f"common frames {chosen}, {read}, {way}", s.efficiency(way, read, everywhere)
    for way in (MATCHED, EVEN):
        for read in (MEAN_REWARD, MEAN_EFFICIENCY, RATIO_OF_SUMS):
            yield f"rollouts, {read}, {way}", s.dynamic(way, read)


def _by_reading(s: Swept, judge: Callable[[Array], Reading]) -> tuple[list[Reading], str]:
    found = {name: judge(values) if np.isfinite(values).all() else None for name, values in readings(s)}
    return list(found.values()), counted(found)


def counted(found: Mapping[str, Reading]) -> str:
    """Say by how many readings a claim holds, fails or cannot be told, and name all but the most frequent ones.

    >>> counted({"here": True, "there": True, "elsewhere": False})
    'holds by 2 of 3 readings; fails by 1: elsewhere'
    """
    words: dict[Reading, str] = {True: "holds", False: "fails", None: "cannot be told"}
    groups = {word: [name for name, one in found.items() if one is reading] for reading, word in words.items()}
    (most, names), *others = sorted(groups.items(), key=lambda group: -len(group[1]))
    begun = f"{most} by {len(names)} of {len(found)} readings"
    return "; ".join([begun, *(f"{word} by {len(few)}: {' / '.join(few)}" for word, few in others if few)])


def _above(greater: Array, smaller: Array) -> Reading:
    """Whether a scheme is above another: on average over distances clearly, and at no distance clearly below."""
    reversed_somewhere = any(clearly_more(b, a) for a, b in zip(greater.T, smaller.T, strict=True))
    return every([not reversed_somewhere, clearly_more(greater.mean(axis=1), smaller.mean(axis=1))])


def _figures(s: Swept) -> str:
    at = [SCALES.index(NOMINAL), SCALES.index(SCALES[-1])]

    def row(values: Array) -> str:
        means = values.mean(axis=0)
        return " and ".join("/".join(f"{value:.1f}" for value in means[k]) for k in at)

    common, own = s.efficiency(MATCHED, RATIO_OF_SUMS), s.dynamic(MATCHED, RATIO_OF_SUMS)
    return (
        f"Hybrid/Active/disabled at the paper's and at {SCALES[-1].scale:g} of its distances, MRT beams, kbit/J: "
        f"{row(common)} on common frames, {row(own)} in rollouts of their own, both as ratios of sums, and "
        f"{row(s.dynamic(MATCHED, MEAN_REWARD))} by (11)"
    )


def _order(s: Swept) -> Claim:
    """Holds if each scheme is clearly above the next on average over distances, and at none clearly below.

    On common frames a scheme cannot be below a poorer one: what is open there is whether it is clearly above.
    """

    def judge(values: Array) -> Reading:
        return every([_above(values[..., k], values[..., k + 1]) for k in (HYBRID, ACTIVE)])

    found, said = _by_reading(s, judge)
    worst = max(s.disorder(way) for way in WAYS)
    return Claim(
        "figure 4b, not in words",
        "Hybrid-offload is more efficient than Active-enabled, and that more than MEC-disabled",
        agreed(found),
        f"{_figures(s)}; {said}. In no single frame the cost of a scheme exceeds that of a poorer one by more than "
        f"{worst:.0e}: what a scheme may do the next may, too. {SEARCHED}",
    )


def _falls(s: Swept) -> Claim:
    """Holds if the efficiency of every scheme falls with the distance."""

    def judge(values: Array) -> Reading:
        return every([falling([spread(list(values[:, k, scheme])) for k in range(values.shape[1])]) for scheme in range(3)])

    found, said = _by_reading(s, judge)
    return Claim(
        "figure 4b",
        "the energy efficiency falls as the distances increase",
        agreed(found),
        f"{_figures(s)}; {said}. {SEARCHED}",
    )


def _closer(s: Swept) -> Claim:
    """Holds if Hybrid and Active over disabled, by ratio and difference, are clearly less far away than at the paper's."""

    def judge(values: Array) -> Reading:
        near, far = values[:, SCALES.index(NOMINAL)], values[:, -1]
        parts = []
        for scheme in (HYBRID, ACTIVE):
            parts.append(clearly_more(near[:, scheme] / near[:, DISABLED], far[:, scheme] / far[:, DISABLED]))
            parts.append(clearly_more(near[:, scheme] - near[:, DISABLED], far[:, scheme] - far[:, DISABLED]))
        return every(parts)

    found, said = _by_reading(s, judge)
    return Claim(
        "figure 4b",
        "with the distance Hybrid-offload and Active-enabled become closer to MEC-disabled",
        agreed(found),
        f"{_figures(s)}; {said}. {SEARCHED}",
    )
