"""Two commits beside each other: the same calls in two processes, by turns, and what the ratios of their times prove.

Round after round each side has a turn at the same call, who begins alternates, and a round gives one ratio of processor
times: what disturbs the machine for longer than a round disturbs both. Of the ratios of all rounds the median counts, and
the interval that holds the true one with probability 0.95 (order statistics, `scipy.stats.quantile_test`), which single
disturbed rounds do not move. A call is slower where the median says by more than `NOTABLE` and the interval leaves no doubt.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mecopt.compare.bench.rows import TOLERANCE
from mecopt.compare.summary import duration

NOTABLE = 0.10
"""Relative change that is told."""

LEAST_ROUNDS, MOST_ROUNDS = 8, 40
"""Rounds of a call; fewer than six would never prove anything."""

TURN_SECONDS = 0.02
"""Seconds for which a short call is repeated in a turn."""

Verdict = Literal["slower", "faster", "same", "other values", "failed"]

Side = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Asks a process: from a request to its answer, see `interleaved`."""


@dataclass(frozen=True)
class Difference:
    """One call on both sides."""

    key: str
    before: float
    """Median seconds of processor time."""
    after: float
    ratio: float
    """Median over rounds of after over before; above 1 is slower."""
    low: float
    high: float
    rounds: int
    verdict: Verdict
    remark: str = ""

    @property
    def slower(self) -> bool:
        """Whether it is slower beyond doubt, whatever value it finds."""
        return self.ratio > 1.0 + NOTABLE and self.low > 1.0

    def line(self) -> str:
        """Return the row as text."""
        if self.verdict == "failed":
            return f"{self.key}: {self.remark}"
        numbers = (
            f"{duration(self.before):>9} {duration(self.after):>9}  {self.ratio:5.2f} x ({self.low:.2f} to {self.high:.2f})"
        )
        told = {"same": ""}.get(self.verdict, self.verdict.upper())
        return f"{numbers}  {told:<12}  {self.key}{f'; {self.remark}' if self.remark else ''}"


def difference(
    key: str, before: Sequence[float], after: Sequence[float], values: tuple[float, float] | None = None
) -> Difference:
    """Judge a call by its seconds on either side, paired by round.

    >>> found = difference("a", [1.0, 1.1, 0.9, 1.0, 1.2, 1.0, 1.0, 1.1], [1.3, 1.5, 1.2, 1.3, 1.5, 1.4, 1.3, 1.4])
    >>> found.verdict, round(found.ratio, 2)
    ('slower', 1.3)
    """
    from scipy import stats

    ratios = [b / a for a, b in zip(before, after, strict=True)]
    middle = statistics.median(ratios)
    interval = stats.quantile_test(ratios, q=1.0, p=0.5).confidence_interval(0.95)
    low, high = float(interval.low), float(interval.high)
    low, high = 0.0 if math.isnan(low) else low, math.inf if math.isnan(high) else high
    verdict: Verdict = "same"
    if middle > 1.0 + NOTABLE and low > 1.0:
        verdict = "slower"
    elif middle < 1.0 / (1.0 + NOTABLE) and high < 1.0:
        verdict = "faster"
    remark = ""
    if values is not None and not _agree(*values):
        verdict, remark = "other values", f"{values[0]:.9g} before, {values[1]:.9g} now"
    return Difference(
        key, statistics.median(before), statistics.median(after), middle, low, high, len(ratios), verdict, remark
    )


def _agree(one: float, other: float) -> bool:
    return one == other or math.isclose(one, other, rel_tol=TOLERANCE) or (math.isnan(one) and math.isnan(other))


def interleaved(
    before: Side,
    after: Side,
    keys: Sequence[str],
    seconds: float,
    told: Callable[[Difference], None] = lambda found: None,
) -> list[Difference]:
    """Measure calls on both sides by turns.

    Parameters
    ----------
    before, after
        the processes. Asked ``{"do": "prepare", "call": key}`` they make a call ready, run it and answer its ``value`` and
        ``seconds``; asked ``{"do": "turn", "call": key, "repeats": n}`` they answer the ``processor`` seconds per call. An
        answer with ``failed`` says why there is none.
    keys
        the calls.
    seconds
        for each call, as far as `LEAST_ROUNDS` allow.
    told
        hears of each difference as soon as it is known.
    """
    found: list[Difference] = []
    for key in keys:
        found.append(_one(before, after, key, seconds))
        told(found[-1])
    return found


def _one(before: Side, after: Side, key: str, seconds: float) -> Difference:
    sides = (before, after)
    ready = [side({"do": "prepare", "call": key}) for side in sides]
    for where, answer in zip(("before", "now"), ready, strict=True):
        if "failed" in answer:
            nan = math.nan
            return Difference(key, nan, nan, nan, nan, nan, 0, "failed", f"failed {where}: {answer['failed']}")
    repeats = [max(1, round(TURN_SECONDS / max(answer["seconds"], 1e-7))) for answer in ready]
    turn = sum(max(TURN_SECONDS, answer["seconds"]) for answer in ready)
    rounds = min(max(LEAST_ROUNDS, int(seconds / turn)), MOST_ROUNDS)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            answer = sides[which]({"do": "turn", "call": key, "repeats": repeats[which]})
            times[which].append(max(float(answer["processor"]), 1e-9))
    return difference(key, *times, values=(float(ready[0]["value"]), float(ready[1]["value"])))
