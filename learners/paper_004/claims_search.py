"""Claims of paper 004 that need no trained network: the kind of problem P2 is, compression, annealing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners import figures
from mecopt.learners.figures import Spread, spread
from mecopt.learners.paper_004 import searches
from mecopt.learners.paper_004.encoders import AE, AVERAGED, COMPONENTS, EPISODES, MEAN, PRINTED, SAE
from mecopt.learners.paper_004.tables import percent
from mecopt.learners.paper_004.trainings import SERVERS
from mecopt.learners.verdicts import about, agreed, clearly_above, settling, verdict
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
FOUND = 0.99
"""NRR at which a search has found the optimal decision."""
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
        _loss_level(m),
        _loss_settles(m),
        _loss_same(m),
        _concentrated(m),
        _annealing(m),
    ]


def _accuracies(m: Measured, name: str) -> Spread:
    return spread([100.0 * one.testing.accuracy for one in m.encoders[name, SERVERS]])


def _shown(m: Measured, name: str) -> str:
    return percent([one.testing.accuracy for one in m.encoders[name, SERVERS]])


def _final(m: Measured, name: str, k: int) -> Spread:
    return spread([float(one.losses[k][-1]) for one in m.encoders[name, SERVERS]])


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
    """Holds if the accuracy in testing is at most a point away."""
    return Claim(
        "figure 3",
        f"the accuracy of {name.split()[0]} is {stated} %",
        verdict(abs(_accuracies(m, name).mean - stated) <= POINTS),
        f"{_shown(m, name)} % by our reading, the paper has none; the mean of the training scores {_shown(m, MEAN)} %, 30 "
        f"principal components {_shown(m, COMPONENTS)} %",
    )


def _deeper(m: Measured) -> Claim:
    """Holds if the accuracy of SAE is clearly above that of AE, and by a point at least: the paper has five."""
    deep, flat = _accuracies(m, SAE), _accuracies(m, AE)
    return Claim(
        "figure 3",
        "with three layers SAE represents channels more precisely than AE with two",
        verdict(clearly_above(deep, flat) and deep.mean - flat.mean >= POINTS),
        f"SAE {_shown(m, SAE)} %, AE {_shown(m, AE)} %, 30 principal components {_shown(m, COMPONENTS)} %: for independent "
        "fading there is nothing that layers could find",
    )


def _success(m: Measured) -> Claim:
    """Holds if SAE explains `KEPT` of the variance in testing and its loss there is that in training."""
    found = m.encoders[SAE, SERVERS]
    explained = spread([one.testing.explained for one in found])
    train, test = _final(m, SAE, 0), _final(m, SAE, 1)
    best = [
        (name, percent([one.testing.best_server for one in m.encoders[name, SERVERS]])) for name in (SAE, AVERAGED, MEAN)
    ]
    return Claim(
        "section V-B",
        "SAE compresses channel states successfully and avoids overfitting",
        verdict(explained.mean >= KEPT and test.mean <= SAME * train.mean),
        f"it explains {percent([one.testing.explained for one in found])} % of the variance; loss {train.mean:.5f} in "
        f"training, {test.mean:.5f} in testing. Users whose strongest server stays the strongest: "
        f"{', '.join(f'{name} {value} %' for name, value in best)}",
    )


def _loss_level(m: Measured) -> Claim:
    """The scale of h is not given, so the number says nothing."""
    levels = ", ".join(f"{name} {_final(m, name, 1).mean:.5f}" for name in (AE, SAE))
    return Claim(
        "figure 4",
        "the losses converge to around 0.0055",
        "cannot be tested",
        f"the scale of h is not given; the mean squared errors of our feature are {levels}",
    )


def _loss_settles(m: Measured) -> Claim:
    """Holds if losses of AE and SAE, training and testing, stay within 10 % of their end from about 80 episodes on.

    By means over a tenth and a twentieth of the episodes; where the width decides it cannot be tested.
    """
    readings, said = [], []
    for name in (AE, SAE):
        for k, where in ((0, "training"), (1, "testing")):
            curves = [one.losses[k] for one in m.encoders[name, SERVERS]]
            found, words = settling(curves, (SAME - 1.0) * float(np.mean([c[-1] for c in curves])))
            readings.append([about(at, 80.0 * curves[0].size / EPISODES) for at in found])
            said.append(f"{name} {where}: {words.replace('instance', 'episode')}")
    return Claim(
        "figure 4",
        "the losses of AE and SAE, in training and testing, converge after about 80 episodes",
        agreed([all(widths) for widths in zip(*readings, strict=True)]),
        f"an episode is a pass over 1,024 slots, the paper does not say; within 10 % of the end: {'; '.join(said)}",
    )


def _loss_same(m: Measured) -> Claim:
    """Holds if the losses in testing are within 10 % of each other at the end."""
    ae, sae = _final(m, AE, 1), _final(m, SAE, 1)
    return Claim(
        "figure 4",
        "AE and SAE converge to the same loss",
        verdict(max(ae.mean, sae.mean) <= SAME * min(ae.mean, sae.mean)),
        f"{ae.mean:.5f} and {sae.mean:.5f}; equal losses do not go with accuracies 5 points apart, as in figure 3",
    )


def _concentrated(m: Measured) -> Claim:
    """Holds if more errors of 2r-SAE than of SAE fall into the first bar, clearly, in training and testing.

    Judged with (23) as printed and with its terms averaged.
    """

    def first(name: str, k: int) -> Spread:
        return spread([100.0 * float(one.errors[k][0]) for one in m.encoders[name, SERVERS]])

    readings = [all(clearly_above(first(name, k), first(SAE, k)) for k in (0, 1)) for name in (PRINTED, AVERAGED)]
    said = [f"{name}: {first(name, 0).mean:.1f} and {first(name, 1).mean:.1f} %" for name in (SAE, PRINTED, AVERAGED, MEAN)]
    return Claim(
        "figures 5 and 6",
        "errors of 2r-SAE, in training and testing, are more concentrated in the first bar than those of SAE",
        agreed(readings),
        f"share of errors in the first bar, training and testing: {'; '.join(said)}",
    )


def _reached(m: Measured, name: str) -> list[float]:
    """Return the number of evaluations at which each seed's mean first is `FOUND`."""
    counts = []
    for curve in m.searches[name]:
        there = np.flatnonzero(curve >= FOUND)
        counts.append(float(m.evaluations[there[0]]) if there.size else float("inf"))
    return counts


def _annealing(m: Measured) -> Claim:
    """Holds if ASA as printed reaches a mean NRR of `FOUND` in fewer evaluations than SA, for every seed."""
    found = {name: _reached(m, name) for name in searches.NEIGHBOURS}
    asa, sa = found["ASA literal"], found["SA"]
    at_20 = m.evaluations.index(20)
    early = [f"{name} {np.mean([c[at_20] for c in m.searches[name]]):.3f}" for name in searches.NEIGHBOURS]
    return Claim(
        "figure 7",
        "ASA reaches the optimal decision with fewer iterations than SA",
        verdict(all(one < other for one, other in zip(asa, sa, strict=True))),
        f"mean NRR of {FOUND} after {', '.join(f'{figures.instances(counts)} ({name})' for name, counts in found.items())} "
        f"evaluations; after 20, the paper's T: {', '.join(early)}. Local search from the same starts: "
        f"{np.mean(m.searches[searches.LOCAL_SEARCH]):.5f}",
    )
