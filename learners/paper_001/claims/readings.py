"""What all rooms of claims share: figures by name, what rests on something of ours, and a paper's sentence with it."""

from __future__ import annotations

from collections.abc import Mapping

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Curve, Figure, Of
from mecopt.evaluation.rules import Rule
from mecopt.learners.paper_001.names import LENGTH, OVER, SHORT, STEADY

SEARCHED = "constants searched for so that it can hold"
TRAINED = f"trainings of {LENGTH:,} frames, over 60 % of which noise falls, as tuned the coin too: ours"
THERE = f"Algorithm 1 trained for {SHORT:,} frames at each value"
OF_ITS_OWN = "of Algorithm 1's own policies; beams that nobody learned stand beside it"
TUNED_TOO = "epsilon as printed, users are told their beams, and tuned methods are a reading, too"


def along(quantity: str, method: str) -> Curve:
    """Return a quantity along a training of figure 2."""
    return Curve(quantity + OVER, method, STEADY)


def tenth(curve: Curve, number: int) -> Figure:
    """Return the mean over a tenth of a training, counted from 1."""
    return curve.between((number - 1) * LENGTH / 10, number * LENGTH / 10).mean()


def fresh(quantity: str, policy: str) -> Figure:
    """Return a quantity of a policy on fresh frames."""
    return Of(quantity, policy, STEADY)


def said(where: str, text: str, ours: str, readings: Rule | Mapping[str, Rule], *revised: str) -> Claim:
    """Return a claim of the paper that rests on something of ours, which stands beside its words."""
    return Claim(where, f"{text} ({ours})", readings, revised="; ".join(revised))
