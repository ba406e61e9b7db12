"""What the rules of paper 004 share: how measurements are selected, and on which scales of ours a sentence is read.

What concerns OJRS is read with two settings: `paper`, to the letter, and `sane`, which changes five of them. Where
the paper names no number a rule needs one of ours; then there are two, a narrow and a wide one, or numbers of the paper's
own tables, and they must agree. NRR is by the optimal reward in the paper's words, and by particle swarm optimisation, which
"normally" comes near it, in its tables: two readings. It does not say how large its swarm is: of a small and a large one
those that come near the optimum must agree, for each number of servers by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mecopt.evaluation.figures import Across, Curve, Figure, Of
from mecopt.evaluation.measurements import Measurements
from mecopt.evaluation.moments import Settled
from mecopt.evaluation.rules import Answer, Rule, common, every, on_scales, reaches
from mecopt.learners.paper_004 import names
from mecopt.learners.paper_004.measures import HALVES
from mecopt.learners.paper_004.searches import ASA, ASA_GUIDED, ASA_GUIDED_LONG, ASA_LONG, OJRS, SWARMS
from mecopt.learners.paper_004.trainings import (
    ACTIVATIONS,
    CHANNELS,
    DYNAMIC,
    EPSILON,
    MOVING,
    PROPOSED,
    SERVERS,
    STEADY,
    UNIFORM,
    coded,
    varied,
)


class Settling(NamedTuple):
    """When a curve has settled: means over blocks that stay near their end."""

    blocks: int
    near: float


SETTLING = {
    "means over a tenth within 1 %": Settling(10, 0.01),
    "means over a twentieth within 2 %": Settling(20, 0.02),
}
"""Of rewards."""
CONVERGED = {
    "means over a tenth within 10 %": Settling(10, 0.1),
    "means over a twentieth within 20 %": Settling(20, 0.2),
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
CLOSE = {"within 0.01": 0.01, "within 0.02": 0.02}
"""By how much an NRR may miss a printed one, or another one that is said to be the same."""
FAR = {"within a factor of 1.5": 1.5, "within a factor of 2": 2.0}
"""How near a ratio of times is to the printed one."""
LESS_TIME = 0.2354 / 0.0174
"""How many times as long ASA takes in table II as OJRS, 13.5: what the paper calls far lower."""

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


def channels(quantity: str, name: str, x: float | None = None, setting: str = TWO) -> Figure:
    """Return what a way of compressing leaves of the channels of two servers."""
    return Of(quantity, name, setting, x)


def end(name: str, where: str, episode: str = names.ALONG_EPISODES, setting: str = TWO) -> Figure:
    """Return the loss of an encoder at the end."""
    return Curve(names.LOSS + where + episode, name, setting).late(0.05)


LAWS = {"users stay": STEADY, MOVING: MOVING}
"""How channels vary: by the paper h does, and nothing else. Sentences on OJRS are read where users stay, and where their
places are drawn for each slot they stand among ours; sentences on what an encoder keeps are read by both."""


def of_codes(read: Callable[[str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on the encoder with each sigma of the paper and by two laws of channels; `read` takes both."""
    return {f"{sigma}, {words}": read(sigma, law) for sigma in ACTIVATIONS for words, law in LAWS.items()}


def of_two(read: Callable[[str], Rule | Mapping[str, Rule]]) -> Mapping[str, Rule]:
    """Read a sentence on the channels of two servers so; `read` takes the setting, and may have readings of its own."""
    found: dict[str, Rule] = {}
    for sigma, (words, law) in itertools.product(ACTIVATIONS, LAWS.items()):
        rules = read(coded(SERVERS, sigma, law))
        each = {"": rules} if isinstance(rules, Rule) else rules
        found |= {f"{name}, {sigma}, {words}".removeprefix(", "): rule for name, rule in each.items()}
    return found


def along(quantity: str, base: str, change: str = "", setting: str = STEADY) -> Curve:
    """Return a quantity along a training on two servers."""
    return Curve(quantity + names.OVER, varied(base, change), setting)


def level(base: str, change: str = "") -> Figure:
    """Return the NRR of own decisions over the last 500 slots."""
    return along(names.NRR, base, change).late(0.05)


def strategy(quantity: str, name: str, setting: str = STEADY) -> Figure:
    """Return a figure of a strategy of table II."""
    return Of(quantity, name, setting)


def half(quantity: str, name: str, least: int = 1) -> Across:
    """Return a figure of a half of table III's streams by the number of servers, from the least one on."""
    return Across(quantity, name, "table III", {n: setting for n, setting in DYNAMIC.items() if n >= least})


def settling(curve: Curve, how: Settling) -> Figure:
    """Return from where on a curve has settled."""
    return Settled(curve, how.near, how.blocks, relative=True)


# ---------------------------------------------------------------------- readings


@dataclass(frozen=True)
class Among(Rule):
    """A rule by several means of ours: those that are fit for it must agree, and there has to be one."""

    ways: Mapping[str, tuple[Rule, Rule]] = field(hash=False)
    """By its name whether a way is fit, and how the sentence is read by it."""

    def _judged(self, found: Measurements, confidence: float) -> Answer:
        """Ask which are fit, then these."""
        fit = {name: condition.judge(found) for name, (condition, _) in self.ways.items()}
        answers = {n: r.judge(found, confidence) for n, (_, r) in self.ways.items() if fit[n].verdict == "holds"}
        told = [
            f"{name}: {answers[name].evidence} ({answers[name].verdict})" if name in answers else f"{name} is not fit: {of}"
            for name, of in ((name, answer.evidence) for name, answer in fit.items())
        ]
        verdict = common([answer.verdict for answer in answers.values()]) if answers else "cannot tell"
        return Answer(verdict, "; ".join(told))


RIVALS = {"uniform replay": UNIFORM, "epsilon-greedy with uniform replay": EPSILON}
"""Figure 10 by its caption, "DRL with traditional replay buffer", and by its text, "DRL with epsilon-greedy and ..."."""
SEARCHED = {
    "ASA with 20 steps": ASA,
    "ASA with 500": ASA_LONG,
    "guided ASA with 20 steps": ASA_GUIDED,
    "guided ASA with 500": ASA_GUIDED_LONG,
}
"""The paper does not say how long ASA searches without a network; guided as the text says, or as (29) is printed."""
OPTIMAL, SWARMING = "by the optimum", "by PSO"
"""What NRR is a ratio to."""


def both(read: Callable[[str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on OJRS with both settings."""
    return {base: read(base) for base in PROPOSED}


def against_traditional(read: Callable[[str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on figures 9 and 10 with both settings and by both words for the rival."""
    return {f"{base}, {words}": read(base, rival) for base in PROPOSED for words, rival in RIVALS.items()}


def of_table_two(read: Callable[[str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence of ours on what OJRS decides with both settings and by both laws of channels; `read` takes both."""
    return {f"{base}, {words}": read(base, law) for base in PROPOSED for words, law in LAWS.items()}


def against_asa(read: Callable[[str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on OJRS and ASA with both settings, lengths and mutations of the search."""
    return {f"{base}, {which}": read(OJRS[base], asa) for base in PROPOSED for which, asa in SEARCHED.items()}


def near(swarm: str, *quantities: tuple[str, str]) -> Rule:
    """A swarm comes so near the optimum that a ratio to it is what the paper divides by, in each of some settings."""
    least = min(NEAR_OPTIMAL.values())
    return every(*(reaches(Of(quantity, swarm, setting), least) for quantity, setting in quantities))


def divided(word: str, read: Callable[[str], Rule], *servers: float) -> Rule:
    """Read a figure of table III by the optimum, or by the swarms that come near it with these numbers of servers."""
    if word == OPTIMAL:
        return read("")
    parts = [(f"{half_of}-{names.QUALITY}", DYNAMIC[n]) for half_of in HALVES for n in servers]
    return Among({swarm: (near(swarm, *parts), read(swarm)) for swarm in SWARMS})


def of_table_three(read: Callable[[str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on table III with both settings, by both words for the divisor; `read` takes settings and word."""
    return {f"{base}, {word}": read(base, word) for base in PROPOSED for word in (SWARMING, OPTIMAL)}


def near_optimal(network: str, setting: str = STEADY) -> Mapping[str, Rule]:
    """A network reaches what table III prints of two servers, by the optimum or by the swarms that come near it."""

    def by(swarm: str) -> Rule:
        figure = strategy(names.by(names.NRR, swarm), network, setting)
        return on_scales({name: reaches(figure, one) for name, one in NEAR_OPTIMAL.items()})

    swarms = {swarm: (near(swarm, (names.NRR, setting)), by(swarm)) for swarm in SWARMS}
    return {OPTIMAL: by(""), SWARMING: Among(swarms)}


# ---------------------------------------------------------------------- what was revised

AFTER = "after two reviews of the second run, with its figures"
AGAIN = "after a third reading, with its figures"


def after(what: str, before: str, when: str = AFTER) -> str:
    """Say what of a rule was changed when the second run's figures were known, and which verdict stood before."""
    return f"{when}: {what}; before that the verdict was: {before}"


def again(what: str, before: str) -> str:
    """Say what was changed last."""
    return after(what, before, AGAIN)


def steps_of_adam(first: str, what: str = "", *then: str) -> str:
    """Say of a claim on OJRS what was revised first, how its training differs from the first run's, and what came `then`."""
    steps = f"OJRS takes ten steps of Adam per update, in the first run one, by which: {first}"
    return "; ".join(part for part in (what, steps, *then) if part)
