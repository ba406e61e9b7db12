"""What all rooms of claims share: figures by name, what rests on something of ours, and a paper's sentence with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Curve, Figure, Of
from mecopt.evaluation.intervals import NoNumber, Values
from mecopt.evaluation.measurements import Measurements
from mecopt.evaluation.rules import Answer, Rule, Verdict
from mecopt.learners.paper_001.names import LENGTH, OVER, SHORT, STEADY

Array = NDArray[Any]

SEARCHED = "constants searched for so that it can hold"
TRAINED = f"trainings of {LENGTH:,} frames, over 60 % of which noise falls: ours"
ONE_FRAME = "y and y* are rewards of the frame here, without what follows: ours"
THERE = f"Algorithm 1 trained for {SHORT:,} frames at each value"
OF_ITS_OWN = "of Algorithm 1's own policies; beams that nobody learned stand beside it"
REVIEWED = "after two reviews of the rules, whose authors had seen no figures"
AFTER = "after two reviews of the second run, with its figures"
AGAIN = "after a third reading, with its figures"
PRINTED = "epsilon as printed, users are told their beams, with Table I alone; tuned methods stand beside it"
NOT_WITH_OURS = "not with our constants, which tells nothing of others"


def along(quantity: str, method: str) -> Curve:
    """Return a quantity along a training of figure 2."""
    return Curve(quantity + OVER, method, STEADY)


def tenth(curve: Curve, number: int) -> Figure:
    """Return the mean over a tenth of a training, counted from 1."""
    return curve.between((number - 1) * LENGTH / 10, number * LENGTH / 10).mean()


def fresh(quantity: str, policy: str) -> Figure:
    """Return a quantity of a policy on fresh frames."""
    return Of(quantity, policy, STEADY)


@dataclass(frozen=True)
class Begins(Figure):
    """The first point of a curve, seed by seed."""

    curve: Curve

    def values(self, found: Measurements) -> Values:
        """Return it for every seed."""
        seeds, _, values = self.curve.points(found)
        return dict(zip(seeds, values[:, 0].tolist(), strict=True))

    def __str__(self) -> str:
        return f"first point of {self.curve}"


@dataclass(frozen=True)
class Served(Of):
    """A quantity of those who are served, which is no number where nobody is."""

    def values(self, found: Measurements) -> Values:
        """Return what was measured."""
        values = super().values(found)
        _require_served(self, list(values), np.array(list(values.values())))
        return values


@dataclass(frozen=True)
class AllServed(Curve):
    """The same along x."""

    def points(self, found: Measurements) -> tuple[list[int | None], Array, Array]:
        """Return seeds, x in rising order ``(points)``, and values ``(seeds, points)``."""
        seeds, x, values = super().points(found)
        _require_served(self, seeds, values)
        return seeds, x, values


def _require_served(figure: Figure | Curve, seeds: Sequence[int | None], values: Array) -> None:
    for seed, each in zip(seeds, values, strict=True):
        if not np.isfinite(each).all():
            raise NoNumber(f"{figure}: nobody is served with seed {seed}")


@dataclass(frozen=True)
class Untold(Rule):
    """A rule of which some verdicts rest on something of ours: then nobody can tell, and it is said why."""

    rule: Rule
    verdicts: tuple[Verdict, ...]
    why: str

    def _judged(self, found: Measurements, confidence: float) -> Answer:
        """Judge, and leave such a verdict open."""
        answer = self.rule.judge(found, confidence)
        return Answer("cannot tell", f"{answer.evidence}; {self.why}") if answer.verdict in self.verdicts else answer


def with_constants(rule: Rule) -> Rule:
    """Read a sentence of which constants of ours can show that it can hold, and cannot show that it never does."""
    return Untold(rule, ("fails",), NOT_WITH_OURS)


def again(what: str, before: str) -> str:
    """Say what of a rule was changed last, with its figures, and which verdict stood before."""
    return f"{AGAIN}: {what}; before that the verdict was: {before}"


def said(where: str, text: str, ours: str, readings: Rule | Mapping[str, Rule], *revised: str) -> Claim:
    """Return a claim of the paper that rests on something of ours, which stands beside its words."""
    return Claim(where, f"{text} ({ours})" if ours else text, readings, revised="; ".join(filter(None, revised)))
