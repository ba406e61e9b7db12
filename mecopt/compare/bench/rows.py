"""Rows of a bench: what was timed, beside what, whether both found the same, and what a user would have waited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mecopt.compare.bench.turns import Timing
from mecopt.compare.summary import duration

TOLERANCE = 1e-6
"""Relative difference of values up to which rivals and subject have solved the same problem."""


@dataclass(frozen=True)
class Measurement:
    """One row."""

    group: str
    subject: str
    timing: Timing
    """Of the subject, per unit."""
    rival: str = ""
    rival_timing: Timing | None = None
    """None where the rival was not timed, see `remark`."""
    task: str = "one call"
    """What a user waits for."""
    units: int = 1
    """How many units the task has: instances of a batch, or slots."""
    apart: float = float("nan")
    """Relative difference of the rival's value, the greatest of all instances; positive: it is worse. nan: none is asked."""
    remark: str = ""
    """What else is to be known, above all a failure."""

    @property
    def ratio(self) -> float:
        """Rival's processor time over the subject's."""
        return float("nan") if self.rival_timing is None else self.rival_timing.seconds / self.timing.seconds

    @property
    def key(self) -> str:
        """Names the row among those of a problem."""
        return " | ".join(part for part in (self.group, self.subject, self.rival) if part)

    @property
    def agrees(self) -> bool:
        """Whether subject and rival found the same value, as far as any is asked."""
        return not abs(self.apart) > TOLERANCE

    @property
    def waits(self) -> tuple[float, float]:
        """Seconds of wall time until subject and rival have done the task."""
        rival = float("nan") if self.rival_timing is None else self.rival_timing.waited * self.units
        return self.timing.waited * self.units, rival

    def remarks(self) -> str:
        """Return all there is to say beside the numbers."""
        if np.isinf(self.apart):
            found = ["no value"]
        elif not self.agrees:
            found = [f"its value is {'worse' if self.apart > 0 else 'better'} by {abs(self.apart):.1g}"]
        else:
            found = []
        return "; ".join([*found, *([self.remark] if self.remark else [])])

    def cells(self) -> list[str]:
        """Return the row as text."""
        mine, theirs = self.waits
        if not self.rival:
            return [self.subject, duration(self.timing.seconds), duration(mine), "", "", "", "", self.remarks()]
        if self.rival_timing is None:
            return [self.subject, duration(self.timing.seconds), duration(mine), self.rival, "", "", "", self.remarks()]
        seconds = duration(self.rival_timing.seconds)
        return [
            self.subject,
            duration(self.timing.seconds),
            duration(mine),
            self.rival,
            seconds,
            duration(theirs),
            times(self.ratio),
            self.remarks(),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain data, without what JSON cannot hold."""
        mine, theirs = self.waits
        rival = None
        if self.rival:
            timing = self.rival_timing
            rival = {
                "name": self.rival,
                "timing": None if timing is None else timing.as_dict(),
                "waited_seconds": None if timing is None else theirs,
            }
        return {
            "key": self.key,
            "group": self.group,
            "task": self.task,
            "units": self.units,
            "subject": {"name": self.subject, "timing": self.timing.as_dict(), "waited_seconds": mine},
            "rival": rival,
            "ratio": None if np.isnan(self.ratio) else self.ratio,
            "apart": self.apart if np.isfinite(self.apart) else None,
            "agrees": self.agrees,
            "remark": self.remarks(),
        }


HEADERS = ("", "CPU", "waited", "beside", "CPU", "waited", "ratio", "")


def times(ratio: float) -> str:
    """Write how many times as long something takes.

    >>> times(8714.3), times(0.123)
    ('8,714.3 x', '0.12 x')
    """
    return f"{ratio:,.1f} x" if ratio >= 1 else f"{ratio:.2g} x"


def apart(sign: float, mine: Any, theirs: Any, negligible: Any = 0.0) -> float:
    """Return by which part of the subject's value the rival's is worse, of several the one that is furthest off.

    Values are taken beside what is `mecopt.contract.problem.Problem.negligible` in each instance.

    >>> apart(1, [2.0, 4.0], [2.0, 4.4]), apart(-1, 10.0, 11.0), apart(1, 2.0, float("nan"))
    (0.1, -0.1, inf)
    """
    mine, theirs = np.asarray(mine, float), np.asarray(theirs, float)
    with np.errstate(all="ignore"):
        found = sign * (theirs - mine) / (np.abs(mine) + negligible)
    found = np.where((mine == theirs) | (np.isnan(mine) & np.isnan(theirs)), 0.0, found)
    found = np.where(np.isnan(found), np.inf, found).ravel()
    return round(float(found[np.argmax(np.abs(found))]), 15)
