"""What the rules of paper 004 share: how measurements are selected, and on which scales of ours a sentence is read.

What concerns OJRS is read with two settings: `paper`, to the letter, and `sane`, the same with what breaks it mended. Where
the paper names no number a rule needs one of ours; then there are two, a narrow and a wide one, or numbers of the paper's
own tables, and they must agree. The paper divides by particle swarm optimisation and does not say how large its swarm is:
ratios by a small and by a large one must agree, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mecopt.evaluation.figures import Across, Curve, Figure, Of
from mecopt.evaluation.moments import Settled
from mecopt.evaluation.rules import Rule, on_scales, settled_by
from mecopt.learners.paper_004 import names
from mecopt.learners.paper_004.searches import ASA, ASA_LONG, OJRS, SWARMS
from mecopt.learners.paper_004.trainings import CHANNELS, DYNAMIC, EPSILON, PROPOSED, SERVERS, STEADY, UNIFORM, varied


class Settling(NamedTuple):
    """When a curve has settled: means over blocks that stay near their end, and how near "after about" is."""

    blocks: int
    near: float
    factor: float


SETTLING = {
    "means over a tenth within 1 %, about: a factor of 1.5": Settling(10, 0.01, 1.5),
    "means over a twentieth within 2 %, about: a factor of 2": Settling(20, 0.02, 2.0),
}
"""Of rewards."""
CONVERGED = {
    "means over a tenth within 10 %, about: a factor of 1.5": Settling(10, 0.1, 1.5),
    "means over a twentieth within 20 %, about: a factor of 2": Settling(20, 0.2, 2.0),
}
"""Of losses of encoders."""
NEAR = {"within 10 %": 1.1, "within 20 %": 1.2}
"""Factors within which losses are the same."""
LOST = {"0.005": 0.005, "0.022, what OJRS loses against ASA in table II": 0.022}
"""Part of the optimum that may be lost where performance is not compromised."""
ALMOST = 0.04825 / 0.04945
"""Part of a reward that is "almost the same": the least that 0.0483 of 0.0494, as printed in table II, may be."""
NEAR_OPTIMAL = {"0.969, S-Avg of table III": 0.969, "0.942, F-Avg": 0.942}
"""NRR that are "near-optimal": what table III prints of two servers."""
SAME = {"0.001, as in table III": 0.001, "0.01": 0.01}
"""Differences within which two best NRR are the same."""
CLOSE = {"within 0.01": 0.01, "within 0.02": 0.02}
"""By how much an NRR may miss a printed one."""

PRINTED_III: Mapping[float, tuple[float, ...]] = {
    1: (1.0, 0.9987, 0.9462, 0.9988, 0.9764),
    2: (0.9273, 0.9895, 0.9421, 0.9886, 0.9693),
    3: (0.8994, 0.9821, 0.9362, 0.9823, 0.9612),
    4: (0.8823, 0.9732, 0.9252, 0.9733, 0.9575),
    5: (0.8782, 0.9672, 0.9197, 0.9671, 0.9488),
}
"""Acc, F-Best, F-Avg, S-Best and S-Avg of table III by servers; ratios to particle swarm optimisation."""
COMPRESSED = {1: 0.0, 2: 0.5, 3: 0.67, 4: 0.75, 5: 0.8}
"""CR of table III."""

# ---------------------------------------------------------------------- selections

TWO = CHANNELS[SERVERS]
VARYING = DYNAMIC[SERVERS]
"""Two servers, whose users' weights change at half time."""


def channels(quantity: str, name: str, x: float | None = None) -> Figure:
    """Return what a way of compressing leaves of the channels of two servers."""
    return Of(quantity, name, TWO, x)


def end(name: str, where: str, episode: str = names.ALONG_EPISODES) -> Figure:
    """Return the loss of an encoder at the end."""
    return Curve(names.LOSS + where + episode, name, TWO).late(0.05)


def along(quantity: str, base: str, change: str = "", setting: str = STEADY) -> Curve:
    """Return a quantity along a training on two servers."""
    return Curve(quantity + names.OVER, varied(base, change), setting)


def level(base: str, change: str = "") -> Figure:
    """Return the NRR of own decisions over the last 500 slots."""
    return along(names.NRR, base, change).late(0.05)


def strategy(quantity: str, name: str, setting: str = STEADY) -> Figure:
    """Return a figure of a strategy of table II."""
    return Of(quantity, name, setting)


def half(quantity: str, name: str) -> Across:
    """Return a figure of a half of table III's streams by the number of servers."""
    return Across(quantity, name, "table III", DYNAMIC)


def settling(curve: Curve, how: Settling) -> Figure:
    """Return from where on a curve has settled."""
    return Settled(curve, how.near, how.blocks, relative=True)


def settles(curve: Curve, stated: float, how: Settling) -> Rule:
    """A curve has settled from about a stated x on; from an earlier one it is exceeded."""
    return settled_by(curve, stated, tolerance=how.near, blocks=how.blocks, factor=how.factor, relative=True)


# ---------------------------------------------------------------------- readings

RIVALS = {"uniform replay": UNIFORM, "epsilon-greedy with uniform replay": EPSILON}
"""Figure 10 by its caption, "DRL with traditional replay buffer", and by its text, "DRL with epsilon-greedy and ..."."""
SEARCHED = {"ASA with 20 steps": ASA, "ASA with 500": ASA_LONG}
"""The paper does not say how long ASA searches without a network."""


def both(read: Callable[[str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on OJRS with both settings."""
    return {base: read(base) for base in PROPOSED}


def against_traditional(read: Callable[[str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on OJRS and DRL with traditional replay with both settings and by both words for the rival."""
    return {f"{base}, {words}": read(base, rival) for base in PROPOSED for words, rival in RIVALS.items()}


def against_asa(read: Callable[[str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on OJRS and ASA with both settings and both lengths of the search."""
    return {f"{base}, {which}": read(OJRS[base], asa) for base in PROPOSED for which, asa in SEARCHED.items()}


def by_swarm(read: Callable[[str], Rule]) -> Rule:
    """Read a sentence on ratios to particle swarm optimisation with a small and a large swarm."""
    return on_scales({swarm: read(swarm) for swarm in SWARMS})


def by_swarm_and(scales: Mapping[str, float], read: Callable[[str, float], Rule]) -> Rule:
    """Read such a sentence on scales of ours, too."""
    return on_scales({f"{swarm}, {name}": read(swarm, one) for swarm in SWARMS for name, one in scales.items()})
