"""Figure 2: what Algorithm 1 earns, how soon, and beside whom.

Algorithm 1 and its rival are compared with Table I, where the paper leaves open what the access point's action means and
what the rival's users learn from, and as tuned with equal care (`tuning`); a learner without hierarchy in the same ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from mecopt.evaluation.figures import Figure
from mecopt.evaluation.moments import Reached, Settled
from mecopt.evaluation.rules import Between, Rule, every, known, more, on_scales
from mecopt.learners.paper_001.claims.readings import TRAINED, TUNED_TOO, along, fresh, said, tenth
from mecopt.learners.paper_001.names import BEAMS, OUTAGE, REWARD
from mecopt.learners.paper_001.trainings import DRIVEN, FLAT, FREE, RIVALS, TUNED, named

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


def pairs(first: str, others: tuple[str, ...], tuned: str) -> Iterator[tuple[str, str, str]]:
    """Yield a method and another one with Table I and as tuned, and how they are read."""
    for beams, words in BEAMS.items():
        for other in others:
            yield f"{words}, {other}", named(first, beams), named(other, beams)
    yield TUNED, named(first, TUNED), named(tuned, TUNED)


def against(rule: Callable[[str, str], Mapping[str, Rule]]) -> Mapping[str, Rule]:
    """Read a sentence on Algorithm 1 and its rival."""
    each = pairs(DRIVEN, RIVALS, FREE)
    return {f"{words}, {name}": read for words, one, other in each for name, read in rule(one, other).items()}


def levels(quantity: str, rule: Callable[[Figure, Figure], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on the levels of Algorithm 1 and its rival."""

    def read(driven: str, rival: str) -> Mapping[str, Rule]:
        last = (tenth(along(quantity, method), 10) for method in (driven, rival))
        return {"last tenth": rule(*last), "fresh frames": rule(fresh(quantity, driven), fresh(quantity, rival))}

    return against(read)


def converges(driven: str, rival: str) -> Mapping[str, Rule]:
    """The reward is near its end earlier: for good, by means of two widths, or for the first time."""

    def first(method: str) -> Figure:
        curve = along(REWARD, method)
        return Reached(curve, curve.late() * known(1.0 - NEAR), WINDOW)

    def stays(method: str, blocks: int) -> Figure:
        return Settled(along(REWARD, method), NEAR, blocks, relative=True)

    settled = {name: more(stays(rival, blocks), stays(driven, blocks)) for name, blocks in WIDTHS.items()}
    return {"near its end for good": on_scales(settled), "for the first time": more(first(rival), first(driven))}


def improved(driven: Figure, rival: Figure) -> Rule:
    """The rival earns 1/1.5, which is defined where it earns nothing, too; less of it exceeds what is said."""
    return Between(rival / driven, 1.0 / (1.0 + IMPROVED * FACTOR), 1.0 / (1.0 + IMPROVED / FACTOR), better="less")


def much_lower(driven: Figure, rival: Figure) -> Rule:
    """Be clearly at most a part of the rival's."""
    return on_scales({name: more(rival * known(part, f"{part:.2f}"), driven) for name, part in MUCH.items()})


def steep(method: str) -> Rule:
    """Fall in all, and by more in the early stage than after it."""
    curve = along(OUTAGE, method)
    first, last = tenth(curve, 1), tenth(curve, 10)
    return on_scales(
        {
            name: every(more(first, last), more(first - tenth(curve, end), tenth(curve, end) - last))
            for name, end in EARLY.items()
        }
    )


def efficient() -> Mapping[str, Rule]:
    """A hierarchy without optimiser earns more than one agent that does everything: over the training, and at its end.

    Algorithm 1 itself is no example: it has an optimiser, so what it earns does not come of fewer states and actions.
    """
    read: dict[str, Rule] = {}
    for beams, words in BEAMS.items():
        for kind in RIVALS:
            read |= _earlier(f"{words}, {kind}", named(kind, beams), named(FLAT, beams))
    return {**read, **_earlier(TUNED, named(FREE, TUNED), named(FLAT, TUNED))}


def _earlier(words: str, hierarchy: str, flat: str) -> Mapping[str, Rule]:
    one, other = along(REWARD, hierarchy), along(REWARD, flat)
    return {
        f"{words}, over the training": more(one.mean(), other.mean()),
        f"{words}, last tenth": more(tenth(one, 10), tenth(other, 10)),
    }


LEARNING = (
    said(
        "figure 2a",
        "the optimisation-driven H-MADDPG converges faster than the model-free one",
        TRAINED,
        against(converges),
        "seed by seed, not of the mean of all; what first comes near and what stays there are two readings",
        TUNED_TOO,
    ),
    said(
        "figure 2a",
        "the optimisation-driven H-MADDPG receives a significantly higher reward",
        TRAINED,
        levels(REWARD, more),
        TUNED_TOO,
    ),
    said(
        "figure 2a and abstract",
        "the reward improves by 50 %",
        TRAINED,
        levels(REWARD, improved),
        "more exceeds it, where it failed; by what the rival earns of it, since rivals that earn nothing have no gain",
        TUNED_TOO,
    ),
    said(
        "figure 2b",
        "the optimisation-driven H-MADDPG has a much lower outage probability",
        TRAINED,
        levels(OUTAGE, much_lower),
        "on two scales, where half alone decided",
        TUNED_TOO,
    ),
    said(
        "figure 2b",
        "the outage probability decreases steeply in the early stage of learning",
        TRAINED,
        {words: steep(named(DRIVEN, variant)) for variant, words in {**BEAMS, TUNED: TUNED}.items()},
        "of Algorithm 1, no longer of the optimiser alone, which is not the paper's; on two scales, where one decided",
        TUNED_TOO,
    ),
    said(
        "introduction, section III-D",
        "learning in a hierarchy is more efficient, having fewer states and actions",
        TRAINED,
        efficient(),
        "a sentence that was not judged before; in the tries on other seeds, which came first, the flat one had earned "
        "110 kbit/J and the rival 37",
    ),
)
