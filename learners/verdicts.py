"""How verdicts are made from measurements for paper 001, whose evaluation is not yet on `mecopt.evaluation`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.evaluation.reproduction import Verdict
from mecopt.learners.figures import Spread

Array = NDArray[Any]

Reading = bool | None
"""Whether a claim holds by one way to read it; None where what was measured cannot tell, as with a single seed."""

ABOUT = 1.5
"""Factor within which a number counts as a paper's "about"."""

BLOCKS = (10, 20)
"""Numbers of parts of a stream over whose means it is judged when something has settled: 1,000 and 500 of 10,000."""


def verdict(holds: bool) -> Verdict:
    """Say whether a claim that can be tested holds."""
    return "holds" if holds else "fails"


def agreed(readings: Sequence[Reading]) -> Verdict:
    """Say what all readings of a claim agree on; where the reading decides, or one cannot tell, it cannot be tested."""
    if None in readings or any(readings) != all(readings):
        return "cannot be tested"
    return verdict(all(readings))


def every(parts: Sequence[Reading]) -> Reading:
    """Whether all parts of a claim hold: one that fails decides, else one that cannot be told leaves it open."""
    return False if False in parts else None if None in parts else True


def about(value: float, stated: float) -> bool:
    """Whether a positive number is what a paper states, within a factor of `ABOUT`."""
    return stated / ABOUT <= value <= stated * ABOUT


def clearly_above(greater: Spread, smaller: Spread) -> bool:
    """Whether the difference of means exceeds twice the larger deviation over seeds."""
    return greater.mean - smaller.mean > 2.0 * max(greater.deviation, smaller.deviation)


def clearly_more(greater: Sequence[float] | Array, smaller: Sequence[float] | Array) -> Reading:
    """Whether differences over seeds exceed 0 by twice their deviation; for what shares its seeds, one after another."""
    apart = np.subtract(greater, smaller)
    return None if apart.size < 2 else bool(apart.mean() > 2.0 * apart.std(ddof=1))


def at_most(lost: Sequence[float], margin: float) -> Reading:
    """Whether a loss over seeds is at most a margin: not if it is clearly more, nor to be told if it scatters by more."""
    if len(lost) < 2:
        return None
    if clearly_more(lost, [margin] * len(lost)):
        return False
    return None if np.std(lost, ddof=1) > margin else bool(np.mean(lost) <= margin)


def falling(found: Sequence[Spread]) -> Reading:
    """Whether figures fall: none clearly above the one before, and the last clearly below the first."""
    if len(found[0].values) < 2:
        return None
    rises = any(clearly_above(after, before) for before, after in itertools.pairwise(found))
    return clearly_above(found[0], found[-1]) and not rises
