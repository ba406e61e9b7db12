"""Figure 2 as tuned: sentences on methods that are not as the paper has them, beside its own.

Each method had ten tries on two seeds, then its best three and two beyond their edge on five others (`..tuning`), and
what earned most there is compared here, on seeds that no tuning met.
"""

from __future__ import annotations

from collections.abc import Mapping

from mecopt.evaluation.rules import Rule, more
from mecopt.learners.paper_001.claims.learning import (
    BY_HALF,
    FASTER,
    HIERARCHY,
    HIGHER,
    LOWER,
    against,
    converges,
    efficient,
    improved,
    levels,
    much_lower,
)
from mecopt.learners.paper_001.claims.readings import REVIEWED, TRAINED
from mecopt.learners.paper_001.claims.sharing import beside
from mecopt.learners.paper_001.names import OUTAGE, REWARD
from mecopt.learners.paper_001.trainings import DRIVEN, FLAT, FREE, TUNED, named

RIVAL = {TUNED: (named(DRIVEN, TUNED), named(FREE, TUNED))}
"""Algorithm 1 and its rival."""
WITHOUT = {f"{TUNED}, {kind}": (named(kind, TUNED), named(FLAT, TUNED)) for kind in (DRIVEN, FREE)}
"""Hierarchies, and one agent for everything."""

_SENTENCES: tuple[tuple[str, str, Mapping[str, Rule]], ...] = (
    ("figure 2a", FASTER, against(RIVAL, converges)),
    ("figure 2a", HIGHER, levels(RIVAL, REWARD, more)),
    ("figure 2a and abstract", BY_HALF, levels(RIVAL, REWARD, improved)),
    ("figure 2b", LOWER, levels(RIVAL, OUTAGE, much_lower)),
    ("introduction", HIERARCHY, against(WITHOUT, efficient)),
)


BESIDE = tuple(
    beside(
        where,
        f"as tuned, {text}",
        f"{TRAINED}, the coin, too",
        readings,
        f"{REVIEWED}, no reading of the paper's sentence",
    )
    for where, text, readings in _SENTENCES
)
