"""Rules that read a claim from figures: it holds, is exceeded, fails, or nobody can tell.

Every rule looks at the confidence interval of a mean over seeds, of paired differences where two methods are compared. A
claim holds where the whole interval agrees with it and fails where the whole interval contradicts it; whatever merely
scatters cannot be told: no evidence is not evidence against. So it is where a figure is no number, as a ratio of 0 to 0,
and where two methods tie in every seed, or differ by less than the grid on which both were read.
What is better than the paper says is exceeded, never failed. A rule asks of a paper only what it says; tolerances are
arguments without defaults, so that they are written down before a run.

>>> from mecopt.evaluation.figures import Of
>>> from mecopt.evaluation.measurements import Measurements, Row
>>> measured = {"a": (5.0, 6.1, 7.0), "b": (4.0, 5.0, 6.2)}
>>> rows = tuple(Row("R", value, method, seed=seed) for method in measured for seed, value in enumerate(measured[method]))
>>> more(Of("R", "a"), Of("R", "b")).judge(Measurements(rows)).verdict
'holds'
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mecopt.contract.errors import InstanceError
from mecopt.evaluation.figures import Curve, Figure, Stated, difference
from mecopt.evaluation.intervals import CONFIDENCE, Interval, NoNumber, interval
from mecopt.evaluation.measurements import Measurements
from mecopt.evaluation.moments import Settled
from mecopt.show.numbers import counted

Verdict = Literal["holds", "exceeded", "fails", "cannot tell", "depends on the reading"]
"""Of a rule, and of a claim: the last one where clear readings of it contradict one another."""


@dataclass(frozen=True)
class Answer:
    """What a rule found, and the figures behind it in words."""

    verdict: Verdict
    evidence: str


class Rule(ABC):
    """How a sentence is read."""

    def judge(self, found: Measurements, confidence: float = CONFIDENCE) -> Answer:
        """Say whether what was measured agrees with the sentence."""
        try:
            return self._judged(found, confidence)
        except NoNumber as error:
            return Answer("cannot tell", str(error))

    @abstractmethod
    def _judged(self, found: Measurements, confidence: float) -> Answer:
        """Say so, or raise `NoNumber`."""


@dataclass(frozen=True)
class Between(Rule):
    """A figure lies between two numbers; beyond the better end it is exceeded."""

    figure: Figure
    low: float
    high: float
    better: Literal["more", "less"] | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InstanceError(f"a figure between {self.low:g} and {self.high:g}; allowed: two numbers in order")

    def _judged(self, found: Measurements, confidence: float) -> Answer:
        """Compare the interval of the mean with the two numbers."""
        there = interval(self.figure.values(found), confidence)
        return Answer(self._verdict(there), f"{self.figure}: {there}")

    def _verdict(self, there: Interval) -> Verdict:
        if there.inside(self.low, self.high):
            return "holds"
        if there.low > self.high:
            return "exceeded" if self.better == "more" else "fails"
        if there.high < self.low:
            return "exceeded" if self.better == "less" else "fails"
        if (self.better == "more" and there.low >= self.low) or (self.better == "less" and there.high <= self.high):
            return "holds"  # as much as was said, or better
        return "cannot tell"


@dataclass(frozen=True)
class Compared(Rule):
    """The difference of two figures, paired by seed, lies between two numbers."""

    first: Figure
    second: Figure
    low: float
    high: float

    def _judged(self, found: Measurements, confidence: float) -> Answer:
        """Compare the interval of the mean difference with the two numbers; the ends themselves do not count as inside."""
        less = self.first - self.second
        apart = interval(less.values(found), confidence).widened(less.grain(found))
        above = self.low < apart.low or self.low == -math.inf
        below = apart.high < self.high or self.high == math.inf
        if above and below:
            verdict: Verdict = "holds"
        elif (not below and _beyond(apart.low, self.high, apart)) or (not above and _beyond(self.low, apart.high, apart)):
            verdict = "fails"
        else:
            verdict = "cannot tell"
        beside = interval(self.first.values(found)), interval(self.second.values(found))
        means = " against ".join(
            f"{one} {there.middle:.4g}" for one, there in zip((self.first, self.second), beside, strict=True)
        )
        return Answer(verdict, f"{means}; difference {apart}")


def _beyond(greater: float, smaller: float, there: Interval) -> bool:
    """Whether one end lies beyond another; to be equal is enough where nothing is random."""
    return greater > smaller or (there.seeds == 0 and greater == smaller)


def more(greater: Figure, smaller: Figure) -> Rule:
    """One figure is greater than another."""
    return Compared(greater, smaller, 0.0, math.inf)


def proved_more(greater: tuple[Figure, Figure], smaller: tuple[Figure, Figure]) -> Rule:
    """What lies between two figures, a lower and an upper bound, is greater than what lies between two others."""
    return Apart(more(greater[0], smaller[1]), more(greater[1], smaller[0]))


def same(first: Figure, second: Figure, *, margin: float) -> Rule:
    """Two figures differ by less than a margin."""
    if not margin > 0.0:
        raise InstanceError(f"the same within {margin:g}; allowed: a positive margin")
    return Compared(first, second, -margin, margin)


def about(figure: Figure, stated: float, *, factor: float, better: Literal["more", "less"] | None = None) -> Rule:
    """A positive figure is what a paper states, within a factor; beyond it on the better side it is exceeded."""
    if not (stated > 0.0 and factor > 1.0):
        raise InstanceError(f"about {stated:g} within a factor of {factor:g}; allowed: a positive number, a factor > 1")
    return Between(figure, stated / factor, stated * factor, better)


def around(figure: Figure, stated: float, *, margin: float, better: Literal["more", "less"] | None = None) -> Rule:
    """A figure is what a paper states, within a margin; beyond it on the better side it is exceeded."""
    if not margin >= 0.0:
        raise InstanceError(f"around {stated:g} within {margin:g}; allowed: a margin of at least 0")
    return Between(figure, stated - margin, stated + margin, better)


def at_most(figure: Figure, stated: float) -> Rule:
    """A figure is no greater than stated."""
    return Between(figure, -math.inf, stated)


def reaches(figure: Figure, stated: float) -> Rule:
    """A figure is at least what is stated."""
    return Between(figure, stated, math.inf)


def settled_by(curve: Curve, stated: float, *, tolerance: float, blocks: int, factor: float, relative: bool = False) -> Rule:
    """A curve stays near its end from about a stated x on; from an earlier one it is exceeded."""
    return about(Settled(curve, tolerance, blocks, relative), stated, factor=factor, better="less")


@dataclass(frozen=True)
class Trend(Rule):
    """A curve rises (sign 1) or falls (-1): from its first point to its last, and no step goes the other way.

    A step that seems to, of which the divided risk leaves it open, leaves the whole open.
    """

    curve: Curve
    sign: int

    def _judged(self, found: Measurements, confidence: float) -> Answer:
        """Judge first against last, and that and every step against going the other way, the risk divided among these."""
        seeds, x, values = self.curve.points(found)

        def change(before: int, after: int, confidence: float) -> Interval:
            apart = difference(values[:, after], values[:, before])
            return interval(dict(zip(seeds, (self.sign * apart).tolist(), strict=True)), confidence)

        whole, last, each = change(0, -1, confidence), x.size - 1, 1.0 - (1.0 - confidence) / x.size

        def turned(confidence: float) -> list[str]:
            return [f"{x[k]:g} to {x[k + 1]:g}" for k in range(last) if change(k, k + 1, confidence).high < 0.0]

        seeming = turned(confidence)
        verdict: Verdict
        if turned(each) or change(0, -1, each).high < 0.0 or (whole.seeds == 0 and whole.high == 0.0):
            verdict = "fails"
        else:
            verdict = "holds" if whole.low > 0.0 and not seeming else "cannot tell"
        means = ", ".join(f"{value:.4g}" for value in values.mean(axis=0))
        way = f"; the other way from {' and '.join(seeming)}" if seeming else ""
        of = "" if len(seeds) == 1 and seeds[0] is None else f" (means of {counted(len(seeds), 'seeds')})"
        rise = "rise" if self.sign > 0 else "fall"
        return Answer(
            verdict, f"{self.curve} at {', '.join(f'{one:g}' for one in x)}: {means}{of}; {rise} in all {whole}{way}"
        )


def rises(curve: Curve) -> Rule:
    """A curve rises."""
    return Trend(curve, 1)


def falls(curve: Curve) -> Rule:
    """A curve falls."""
    return Trend(curve, -1)


@dataclass(frozen=True)
class Apart(Rule):
    """One bracket lies above another; brackets that overlap tell nothing."""

    beyond: Rule
    """The lower end of the first is greater than the upper end of the other: then it holds."""
    reached: Rule
    """The upper end of the first is greater than the lower end of the other: unless it is, it fails."""

    def _judged(self, found: Measurements, confidence: float) -> Answer:
        """Let the ends that face each other prove it, or the far ends refute it."""
        beyond, reached = (rule.judge(found, confidence) for rule in (self.beyond, self.reached))
        verdict: Verdict = "cannot tell"
        if beyond.verdict == "holds":
            verdict = "holds"
        elif reached.verdict == "fails":
            verdict = "fails"
        return Answer(verdict, "; ".join(dict.fromkeys((beyond.evidence, reached.evidence))))


@dataclass(frozen=True)
class Provided(Rule):
    """A rule that is asked only where a condition holds, and, if there is a doubt, where that does not."""

    rule: Rule
    condition: Rule
    doubt: Rule | None = None
    words: str = "what it asks for first"
    """What it means that they do."""

    def _judged(self, found: Measurements, confidence: float) -> Answer:
        """Judge it, or say which condition is in the way."""
        needed = self.condition.judge(found, confidence)
        if needed.verdict != "holds":
            return Answer("cannot tell", f"{self.words} is not shown: {needed.evidence}")
        against = self.doubt.judge(found, confidence) if self.doubt else None
        if against and against.verdict == "holds":
            return Answer("cannot tell", f"{self.words} is refuted: {against.evidence}")
        return self.rule.judge(found, confidence)


@dataclass(frozen=True)
class Every(Rule):
    """All parts of a sentence hold; the risk of a wrong word is divided among them."""

    parts: tuple[Rule, ...]

    def _judged(self, found: Measurements, confidence: float) -> Answer:
        """Let one part that fails decide, else one that cannot be told leave it open."""
        each = 1.0 - (1.0 - confidence) / len(self.parts)
        answers = [part.judge(found, each) for part in self.parts]
        verdicts = {answer.verdict for answer in answers}
        verdict: Verdict = "holds"
        if "fails" in verdicts:
            verdict = "fails"
        elif "cannot tell" in verdicts:
            verdict = "cannot tell"
        elif verdicts == {"exceeded"}:
            verdict = "exceeded"
        return Answer(verdict, "; ".join(answer.evidence for answer in answers))


def common(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what several verdicts agree on; to hold and to be exceeded is to hold."""
    if len(set(verdicts)) == 1:
        return verdicts[0]
    return "holds" if set(verdicts) == {"holds", "exceeded"} else "cannot tell"


@dataclass(frozen=True)
class OnScales(Rule):
    """A rule on several scales that are ours, such as widths of means: a paper is not judged by which one is taken."""

    rules: Mapping[str, Rule] = field(hash=False)
    """By what the scale is."""

    def _judged(self, found: Measurements, confidence: float) -> Answer:
        """Say what all scales agree on; where they do not, nobody can tell."""
        answers = {name: rule.judge(found, confidence) for name, rule in self.rules.items()}
        verdict = common([answer.verdict for answer in answers.values()])
        each = "; ".join(f"{name}: {answer.evidence} ({answer.verdict})" for name, answer in answers.items())
        return Answer(verdict, each)


def on_scales(rules: Mapping[str, Rule]) -> Rule:
    """Read a sentence on several scales of ours, which must agree."""
    if len(rules) < 2:
        raise InstanceError(f"a sentence on {counted(len(rules), 'scales')}; allowed: at least two, or the rule itself")
    return OnScales(rules)


@dataclass(frozen=True)
class NotMeasured(Rule):
    """What a paper may mean, and nothing of which was measured: beside other readings it leaves a sentence open."""

    why: str

    def _judged(self, found: Measurements, confidence: float) -> Answer:
        """Say that nobody can tell."""
        return Answer("cannot tell", f"not measured: {self.why}")


def every(*parts: Rule) -> Rule:
    """Read a sentence that says several things."""
    if not parts:
        raise InstanceError("a sentence that says nothing cannot be read; allowed: at least one rule")
    return Every(parts)


def ordered(*figures: Figure) -> Rule:
    """Each figure is greater than the next one."""
    return every(*(more(a, b) for a, b in itertools.pairwise(figures)))


def known(value: float, words: str = "") -> Figure:
    """Return a number that is known, to compare with."""
    return Stated(value, words)
