"""How words of paper 003 are read: the figures that its sentences speak of, and the rules that several of them share.

"About" is within a factor of 1.5, "around" within 0.002, as before the first run. When a curve has settled or come back is
looked at on two scales that are ours, which must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from mecopt.evaluation.figures import Curve, Figure, Of
from mecopt.evaluation.moments import Reached
from mecopt.evaluation.rules import (
    Rule,
    about,
    every,
    known,
    more,
    on_scales,
    settled_by,
)
from mecopt.learners.paper_003.names import (
    DESCENT,
    INSTANCES,
    LOSS,
    OF_USERS,
    OWN,
    PROPOSED,
    RATIO,
    SPANS,
    STEADY,
    TIME,
    TIMED,
)

FACTOR = 1.5
"""Within which a number counts as "about" what the paper states."""
LEVEL, CLOSEST, MARGIN = 0.995, 0.998, 0.002
"""Of the proposed method and of CD_SLSQP, and how far off still counts as "around"."""
WIDTHS = {"means over 1,000": 10, "means over 500": 20}
"""Blocks by which it is judged when a curve has settled."""
WINDOW = 400
"""Instances after a change, or before the next one, over whose means it is judged."""
STEPS = 2
"""Points of a curve, of 100 instances each: the paper's window of 200."""
NEAR: Mapping[str, tuple[float, float]] = {"within 0.001 and 10 %": (0.001, 1.1), "within 0.002 and 20 %": (0.002, 1.2)}
"""How near the ratio and the loss come to a level that has been regained."""
FIRST = INSTANCES / 10.0
"""The beginning of a training."""


def ratio(method: str, setting: str = STEADY) -> Curve:
    """Return the ratio of what a method plays."""
    return Curve(RATIO, method, setting)


def own(method: str, setting: str = STEADY) -> Curve:
    """Return the ratio of what the network alone would play."""
    return Curve(OWN, method, setting)


def loss(setting: str, method: str = PROPOSED) -> Curve:
    """Return the loss of a training."""
    return Curve(LOSS, method, setting)


def first(curve: Curve) -> Figure:
    """Return the mean over the first tenth of a training."""
    return curve.between(0.0, FIRST).mean()


# ---------------------------------------------------------------------- changes of the setting


def before(curve: Curve, change: int) -> Figure:
    """Return the mean before a change."""
    at = float(SPANS[change][0])
    return curve.between(at - WINDOW, at).mean()


def after(curve: Curve, change: int) -> Figure:
    """Return the mean after it."""
    at = float(SPANS[change][0])
    return curve.between(at, at + WINDOW).mean()


def regained(curve: Curve, change: int) -> Figure:
    """Return the mean before the next change, or the end."""
    until = float(SPANS[change][1])
    return curve.between(until - WINDOW, until).mean()


LEVELS: Mapping[str, Callable[[Curve, int], Figure]] = {"against before": before, "against the level regained": regained}
"""What is worse after a change than what."""


def lower(setting: str, change: int, level: Callable[[Curve, int], Figure]) -> Figure:
    """Return by how much a change lowers the ratio."""
    curve = ratio(PROPOSED, setting)
    return level(curve, change) - after(curve, change)


def higher(setting: str, change: int, level: Callable[[Curve, int], Figure]) -> Figure:
    """Return by how much it raises the loss."""
    return after(loss(setting), change) - level(loss(setting), change)


NOTHING = known(0.0, "nothing")


def back(setting: str) -> Rule:
    """Ratio and loss are back, at both changes, after about 1,000 instances; earlier exceeds it."""

    def near(below: float, times: float) -> Rule:
        parts = []
        for change, (begin, end) in enumerate(SPANS):
            played, losses = ratio(PROPOSED, setting), loss(setting)
            for curve, level, falling in (
                (played, regained(played, change) - known(below), False),
                (losses, regained(losses, change) * known(times), True),
            ):
                there = Reached(curve.between(begin, end), level, STEPS, falling, already=True)
                parts.append(about(there - known(begin), 1000.0, factor=FACTOR, better="less"))
        return every(*parts)

    return on_scales({name: near(*widths) for name, widths in NEAR.items()})


def settles(curve: Curve, stated: float, tolerance: float, *, relative: bool = False) -> Rule:
    """Settle by about an instance; earlier exceeds it."""
    return on_scales(
        {
            name: settled_by(curve, stated, tolerance=tolerance, blocks=blocks, factor=FACTOR, relative=relative)
            for name, blocks in WIDTHS.items()
        }
    )


# ---------------------------------------------------------------------- times and levels


def time(way: str, users: float = 10) -> Figure:
    """Return the time of a decision."""
    return Of(TIME, way, OF_USERS[users])


def slower(users: float) -> Figure:
    """Return how many times as long as the paper's method CD_SLSQP takes."""
    return time(DESCENT, users) / time(TIMED[PROPOSED], users)


def better(method: str, *others: str, setting: str = STEADY) -> Rule:
    """A method comes closer to the least cost than others over the last 30 %."""
    return every(*(more(ratio(method, setting).late(), ratio(other, setting).late()) for other in others))


def lost(method: str) -> Figure:
    """Return by how much a method is above the least cost, as a part of what it costs."""
    return known(1.0) - ratio(method).late()


def learns(method: str, setting: str) -> Rule:
    """The network alone is better at the end than in the beginning."""
    return more(own(method, setting).late(), first(own(method, setting)))


def quicker(ways: Iterable[str], slow: str) -> Rule:
    """Take less time than another way, for all numbers of users: ratios, since what slows the machine slows both."""
    return every(*(more(time(slow, n) / time(way, n), known(1.0, "as long,")) for n in OF_USERS for way in ways))


STATED = {10: 6.8, 15: 12.9, 20: 21.5}
"""How many times as long CD_SLSQP takes, in table 1."""
QUICKER = quicker([TIMED[PROPOSED]], DESCENT)
