"""How verdicts are made from measurements: the same rules for every paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from mecopt.learners import figures
from mecopt.learners.figures import Spread
from mecopt.reproduction import Verdict

Array = NDArray[Any]

ABOUT = 1.5
"""Factor within which a number counts as a paper's "about"."""

BLOCKS = (10, 20)
"""Numbers of parts of a stream over whose means it is judged when something has settled: 1,000 and 500 of 10,000."""


def verdict(holds: bool) -> Verdict:
    """Say whether a claim that can be tested holds."""
    return "holds" if holds else "fails"


def agreed(readings: Sequence[bool]) -> Verdict:
    """Say what all readings of a claim agree on; where the reading decides, the claim cannot be tested."""
    return verdict(all(readings)) if all(readings) or not any(readings) else "cannot be tested"


def about(value: float, stated: float) -> bool:
    """Whether a positive number is what a paper states, within a factor of `ABOUT`."""
    return stated / ABOUT <= value <= stated * ABOUT


def clearly_above(greater: Spread, smaller: Spread) -> bool:
    """Whether the difference of means exceeds twice the larger deviation over seeds."""
    return greater.mean - smaller.mean > 2.0 * max(greater.deviation, smaller.deviation)


def settling(curves: Sequence[Array], tolerance: float) -> tuple[list[float], str]:
    """Return from where on curves stay within a tolerance of their end, by each of `BLOCKS`, and say so."""
    found = [figures.settled(curves, tolerance, parts) for parts in BLOCKS]
    widths = " and ".join(f"{curves[0].size // parts:,}" for parts in BLOCKS)
    return found, f"means over {widths} instances stay there from instance {found[0]:.0f} and {found[1]:.0f} on"
