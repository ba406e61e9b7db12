"""Claims of paper 004 that need no trained network: the kind of problem P2 is, compression, annealing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners import figures
from mecopt.learners.figures import Spread, spread
from mecopt.learners.paper_004 import searches
from mecopt.learners.paper_004.encoders import (
    AE,
    AVERAGED,
    COMPONENTS,
    EPISODES,
    MEAN,
    PRINTED,
    SAE,
    UPDATES,
    Reconstruction,
)
from mecopt.learners.paper_004.tables import percent
from mecopt.learners.paper_004.trainings import SERVERS
from mecopt.learners.verdicts import about, agreed, clearly_more, every, settling, verdict
from mecopt.reproduction import Claim

if TYPE_CHECKING:
    from mecopt.learners.paper_004.evaluation import Measured

Array = NDArray[Any]

POINTS = 1.0
"""How many points in 100 an accuracy may be off."""
KEPT = 0.9
"""Part of the variance that a successful compression keeps."""
SAME = 1.1
"""Factor within which two losses are the same."""
EQUAL = 1e-6
"""Relative difference within which a convex program and the closed form agree."""


def judged(m: Measured) -> list[Claim]:
    """Judge what can be judged without training."""
    return [
        _ratios(m),
        _accuracy(m, SAE, 92.73),
        _accuracy(m, AE, 87.55),
        _deeper(m),
        _success(m),
        _no_overfitting(m),
        _loss_level(m),
        _loss_settles(m),
        _loss_same(m),
        _concentrated(m),
        _annealing(m),
    ]


def _scales(m: Measured, name: str) -> tuple[Spread, Spread]:
    """Return accuracies in testing, %: of our feature, and with that mapped to [0, 1] as (23) has it."""
    found = m.encoders[name, SERVERS]
    return (
        spread([100.0 * one.testing.accuracy for one in found]),
        spread([100.0 * one.accuracy_unit_scale for one in found]),
    )


def _shown(m: Measured, *names: str) -> str:
    """Say the accuracies of some ways on both scales."""
    both = {name: [percent([v / 100.0 for v in scale.values]) for scale in _scales(m, name)] for name in names}
    said = ", ".join(f"{name} {ours} and {unit}" for name, (ours, unit) in both.items())
    return f"{said} %, on the scale of our feature and on that of (23)"


def _final(found: Sequence[Reconstruction], k: int) -> Spread:
    return spread([float(one.losses[k][-1]) for one in found])


def _episodes(m: Measured, name: str) -> dict[str, tuple[list[Reconstruction], int]]:
    """Return both readings of an episode: what was measured, and how many a whole run has."""
    return {
        "passes over 1,024 slots": (m.encoders[name, SERVERS], EPISODES),
        "single updates": (m.updates[name], UPDATES),
    }


def _ratios(m: Measured) -> Claim:
    """Holds if any midpoint of two points lies above the chord of a term, or a convex solver misses the closed form."""
    found = m.curvature
    return Claim(
        "section III",
        "with the decision fixed the allocation, P2, is a non-convex sum of ratios",
        verdict(found.above_chord > 0.0 or found.apart > EQUAL),
        f"at {100.0 * found.above_chord:.2g} % of {found.pairs:,} pairs of points a term's midpoint lies above its chord; a "
        f"convex program in speeds and powers agrees with the square-root rule within {found.apart:.0e}. Constants over "
        "positive concave functions are convex: see `mecopt explain multi-server-offloading`",
    )


def _accuracy(m: Measured, name: str, stated: float) -> Claim:
    """Holds if the accuracy in testing is at most a point away, on both scales: an affine one changes it."""
    return Claim(
        "figure 3",
        f"the accuracy of {name.split()[0]} is {stated} %",
        agreed([abs(scale.mean - stated) <= POINTS for scale in _scales(m, name)]),
        f"the paper defines no accuracy and gives no scale; ours: {_shown(m, name, MEAN, COMPONENTS)}",
    )


def _deeper(m: Measured) -> Claim:
    """Holds if on both scales SAE is clearly more accurate than AE, and by a point at least: the paper has five."""
    readings = [
        every([clearly_more(deep.values, flat.values), deep.mean - flat.mean >= POINTS])
        for deep, flat in zip(_scales(m, SAE), _scales(m, AE), strict=True)
    ]
    return Claim(
        "figure 3",
        "with three layers SAE represents channels more precisely than AE with two",
        agreed(readings),
        f"{_shown(m, SAE, AE, COMPONENTS)}: for independent fading there is nothing that layers could find",
    )


def _success(m: Measured) -> Claim:
    """Holds if SAE explains `KEPT` of the variance in testing."""
    explained = [one.testing.explained for one in m.encoders[SAE, SERVERS]]
    best = [
        (name, percent([one.testing.best_server for one in m.encoders[name, SERVERS]])) for name in (SAE, AVERAGED, MEAN)
    ]
    return Claim(
        "section V-B",
        "SAE compresses channel states successfully",
        verdict(float(np.mean(explained)) >= KEPT),
        f"it explains {percent(explained)} % of the variance. Users whose strongest server stays the strongest: "
        f"{', '.join(f'{name} {value} %' for name, value in best)}",
    )


def _no_overfitting(m: Measured) -> Claim:
    """Holds if the losses of AE and SAE in testing are at the end at most 10 % above those in training."""
    ends = {name: [_final(m.encoders[name, SERVERS], k).mean for k in (0, 1)] for name in (AE, SAE)}
    return Claim(
        "section V-B",
        "in the unsupervised learning of AE and SAE overfitting can be avoided",
        verdict(all(test <= SAME * train for train, test in ends.values())),
        "; ".join(f"{name}: loss {train:.5f} in training, {test:.5f} in testing" for name, (train, test) in ends.items()),
    )


def _loss_level(m: Measured) -> Claim:
    """The scale of h is not given, so the number says nothing."""
    levels = ", ".join(f"{name} {_final(m.encoders[name, SERVERS], 1).mean:.5f}" for name in (AE, SAE))
    return Claim(
        "figure 4",
        "the losses converge to around 0.0055",
        "cannot be tested",
        f"the scale of h is not given; the mean squared errors of our feature are {levels}",
    )


def _loss_settles(m: Measured) -> Claim:
    """Holds if losses of AE and SAE, training and testing, stay within 10 % of their end from about 80 episodes on.

    An episode being a pass over the slots, and a single update; by means over a tenth and a twentieth of the episodes.
    """
    readings: list[bool] = []
    said = []
    for episode in _episodes(m, SAE):
        there = []
        for name in (AE, SAE):
            found, whole = _episodes(m, name)[episode]
            for k, where in ((0, "training"), (1, "testing")):
                curves = [one.losses[k] for one in found]
                settled, words = settling(curves, (SAME - 1.0) * float(np.mean([c[-1] for c in curves])))
                there.append([about(at, 80.0 * curves[0].size / whole) for at in settled])
                said.append(f"{name} {where}, {episode}: {words.replace('instance', 'episode')}")
        readings += [all(widths) for widths in zip(*there, strict=True)]
    return Claim(
        "figure 4",
        "the losses of AE and SAE, in training and testing, converge after about 80 episodes",
        agreed(readings),
        f"the paper does not say what an episode is; within 10 % of the end: {'; '.join(said)}",
    )


def _loss_same(m: Measured) -> Claim:
    """Holds if the losses in testing are within 10 % of each other at the end, by both readings of an episode."""
    ends = {episode: [_final(_episodes(m, name)[episode][0], 1).mean for name in (AE, SAE)] for episode in _episodes(m, SAE)}
    said = ", ".join(f"{ae:.5f} and {sae:.5f} ({episode})" for episode, (ae, sae) in ends.items())
    return Claim(
        "figure 4",
        "AE and SAE converge to the same loss",
        agreed([max(pair) <= SAME * min(pair) for pair in ends.values()]),
        f"{said}; equal losses do not go with accuracies 5 points apart, as in figure 3",
    )


def _concentrated(m: Measured) -> Claim:
    """Holds if more errors of 2r-SAE than of SAE fall into the first bar, clearly, in training and testing.

    Judged with (23) as printed and with its terms averaged.
    """

    def first(name: str, k: int) -> Spread:
        return spread([100.0 * float(one.errors[k][0]) for one in m.encoders[name, SERVERS]])

    readings = [
        every([clearly_more(first(name, k).values, first(SAE, k).values) for k in (0, 1)]) for name in (PRINTED, AVERAGED)
    ]
    said = [f"{name}: {first(name, 0).mean:.1f} and {first(name, 1).mean:.1f} %" for name in (SAE, PRINTED, AVERAGED, MEAN)]
    return Claim(
        "figures 5 and 6",
        "errors of 2r-SAE, in training and testing, are more concentrated in the first bar than those of SAE",
        agreed(readings),
        f"share of errors in the first bar, training and testing: {'; '.join(said)}",
    )


def _annealing(m: Measured) -> Claim:
    """Holds if ASA as printed reaches a mean NRR of `searches.FOUND` in fewer evaluations than SA, for every seed."""
    asa, sa = m.found["ASA literal"], m.found["SA"]
    counts = ", ".join(f"{figures.instances(m.found[name])} ({name})" for name in searches.NEIGHBOURS)
    at_20 = m.evaluations.index(20)
    early = [f"{name} {np.mean([c[at_20] for c in m.searches[name]]):.3f}" for name in searches.NEIGHBOURS]
    return Claim(
        "figure 7",
        "ASA reaches the optimal decision with fewer iterations than SA",
        verdict(all(one < other for one, other in zip(asa, sa, strict=True))),
        f"mean NRR of {searches.FOUND} after {counts} evaluations, followed to {m.evaluations[-1]:,}; after 20, the "
        f"paper's T: {', '.join(early)}. Local search from the same starts: "
        f"{np.mean(m.searches[searches.LOCAL_SEARCH]):.5f}",
    )
