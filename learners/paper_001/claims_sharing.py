"""Claims of paper 001 on who does which work: figures 3 and 4a.

Each is judged with beams of three origins (`sweeps.WAYS`). The constants of the preset were searched for, so that these
claims can hold: that one holds says that there are such constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mecopt.evaluation.reproduction import Claim
from mecopt.learners.figures import Spread, spread
from mecopt.learners.paper_001.measures import Means
from mecopt.learners.paper_001.sweeps import WAYS
from mecopt.learners.paper_001.worlds import LOADS, NOMINAL, POWERS, SCALES, World
from mecopt.learners.verdicts import Reading, agreed, clearly_more, falling

if TYPE_CHECKING:
    from mecopt.learners.paper_001.sweeps import Swept

ACTIVE, PASSIVE, LOCAL = range(3)
"""Of `Means.shares` and `Means.times`."""
PARTS = ("active", "passive", "local")

LARGE = 1.0 / 3.0
"""Part of the work that is "a large part": more than an even share."""
NONE = 0.02
"""Part of the work that is as good as none."""
CAPPED = 60.0
"""Mean work up to which users could compute all of it in their slot; the paper gives no such limit, and no axis either."""

SEARCHED = (
    "The preset's constants were searched for so that the claims of figures 3 and 4 can hold; where one does, this shows no "
    "more than that such constants exist"
)
"""What must stand beside every verdict on these figures."""


def judged(s: Swept) -> list[Claim]:
    """Judge figures 3 and 4a."""
    return [
        _suppressed(s),
        _preferred(s),
        _large(s),
        _all(s),
        _more_passive(s),
        _less_time(s),
        _local_up(s),
        _far(s),
        _rest(s),
    ]


def of(s: Swept, world: World, way: str, read: Callable[[Means], float]) -> Spread:
    """Return a figure of a world over seeds."""
    return spread([read(one) for one in s.worlds[world, way]])


def share(part: int) -> Callable[[Means], float]:
    """Return what reads a part of the work."""
    return lambda means: means.shares[part]


def lasting(part: int) -> Callable[[Means], float]:
    """Return what reads a time of a user."""
    return lambda means: means.times[part]


def sending(means: Means) -> float:
    """Return the active time of a user that is served, s: who is dropped sends nothing, which is no choice of the user's."""
    return means.times[ACTIVE] / (1.0 - means.outage) if means.outage < 1.0 else 0.0


def along(s: Swept, worlds: Sequence[World], way: str, read: Callable[[Means], float]) -> list[Spread]:
    """Return a figure along an axis."""
    return [of(s, world, way, read) for world in worlds]


def listed(s: Swept, worlds: Sequence[World], read: Callable[[Means], float]) -> str:
    """Write a figure along an axis, for beams of each origin."""
    return "; ".join(f"{way}: {', '.join(f'{one.mean:.3f}' for one in along(s, worlds, way, read))}" for way in WAYS)


def rising(found: Sequence[Spread]) -> Reading:
    """Whether figures rise: none clearly below the one before, and the last clearly above the first."""
    return falling(list(reversed(found)))


def _said(worlds: Sequence[World], name: str) -> str:
    return ", ".join(f"{getattr(world, name):g}" for world in worlds)


def _suppressed(s: Swept) -> Claim:
    """Holds if, with the weakest carrier, part and time of active offloading are clearly below those with the strongest.

    The time is that of users who are served: with a weak carrier many are not.
    """
    readings = [
        clearly_more(of(s, POWERS[-1], way, read).values, of(s, POWERS[0], way, read).values)
        for way in WAYS
        for read in (share(ACTIVE), sending)
    ]
    return Claim(
        "figure 3a",
        "when the transmit power is low the users suppress active offloading",
        agreed(readings),
        f"active part of the work at {_said(POWERS, 'power')} mW: {listed(s, POWERS, share(ACTIVE))}; active time of "
        f"a user served, s: {listed(s, POWERS, sending)}; outage: {listed(s, POWERS, lambda m: m.outage)}. {SEARCHED}",
    )


def _preferred(s: Swept) -> Claim:
    """Holds if the passive part of the work falls as the power rises."""
    return Claim(
        "figure 3a",
        "when the transmit power is low they prefer more passive offloading",
        agreed([falling(along(s, POWERS, way, share(PASSIVE))) for way in WAYS]),
        f"passive part of the work at {_said(POWERS, 'power')} mW: {listed(s, POWERS, share(PASSIVE))}. {SEARCHED}",
    )


def _large(s: Swept) -> Claim:
    """Holds if more than a third of the work is local, at the lowest power and at the preset's."""
    readings: list[Reading] = []
    for way in WAYS:
        for world in (POWERS[0], NOMINAL):
            found = of(s, world, way, share(LOCAL))
            readings.append(clearly_more(found.values, [LARGE] * len(found.values)))
    return Claim(
        "figure 3a",
        "a large part of the workload is processed by local computation",
        agreed(readings),
        f"local part of the work at {_said(POWERS, 'power')} mW: {listed(s, POWERS, share(LOCAL))}; large: more than a "
        f"third, at the lowest power and at {NOMINAL.power:g} mW. {SEARCHED}",
    )


def _all(s: Swept) -> Claim:
    """Holds if the least mean work leaves at most `NONE` of it local."""
    readings = [of(s, LOADS[0], way, share(LOCAL)).mean <= NONE for way in WAYS]
    return Claim(
        "figure 3b",
        "when the workload is small the users offload all of it",
        agreed(readings),
        f"local part of a mean work of {_said(LOADS, 'load')} kbit: {listed(s, LOADS, share(LOCAL))}; none: at most "
        f"{NONE:.0%}. {SEARCHED}",
    )


def _ranges() -> tuple[Sequence[World], Sequence[World]]:
    return LOADS, [world for world in LOADS if world.load <= CAPPED]


def _more_passive(s: Swept) -> Claim:
    """Holds if passive part and passive time rise with the work."""
    readings = [
        rising(along(s, worlds, way, read))
        for way in WAYS
        for worlds in _ranges()
        for read in (share(PASSIVE), lasting(PASSIVE))
    ]
    return Claim(
        "figure 3b",
        "as the workload increases the users perform more passive offloading",
        agreed(readings),
        f"passive part of a mean work of {_said(LOADS, 'load')} kbit: {listed(s, LOADS, share(PASSIVE))}; passive time, s: "
        f"{listed(s, LOADS, lasting(PASSIVE))}; over the whole range and up to {CAPPED:g} kbit. {SEARCHED}",
    )


def _less_time(s: Swept) -> Claim:
    """Holds if the active time of users who are served falls as the work rises."""
    readings = [falling(along(s, worlds, way, sending)) for way in WAYS for worlds in _ranges()]
    return Claim(
        "figure 3b",
        "as the workload increases the time for active offloading is reduced",
        agreed(readings),
        f"active time of a user served, s, at a mean work of {_said(LOADS, 'load')} kbit: {listed(s, LOADS, sending)}; "
        f"active part: {listed(s, LOADS, share(ACTIVE))}; over the whole range and up to {CAPPED:g} kbit. {SEARCHED}",
    )


def _local_up(s: Swept) -> Claim:
    """Holds if local part and local time, which is local work over a rate, rise with the work."""
    readings = [
        rising(along(s, worlds, way, read))
        for way in WAYS
        for worlds in _ranges()
        for read in (share(LOCAL), lasting(LOCAL))
    ]
    return Claim(
        "figure 3b",
        "as the workload increases local computation increases",
        agreed(readings),
        f"local part of a mean work of {_said(LOADS, 'load')} kbit: {listed(s, LOADS, share(LOCAL))}; local time, s: "
        f"{listed(s, LOADS, lasting(LOCAL))}; over the whole range and up to {CAPPED:g} kbit, the most that can be computed "
        f"in a slot. {SEARCHED}",
    )


def _far(s: Swept) -> Claim:
    """Holds if the local part rises with the distance."""
    return Claim(
        "figure 4a",
        "as the distances increase a larger part of the workload is processed locally",
        agreed([rising(along(s, SCALES, way, share(LOCAL))) for way in WAYS]),
        f"local part at {_said(SCALES, 'scale')} of the paper's distances: {listed(s, SCALES, share(LOCAL))}. {SEARCHED}",
    )


def _rest(s: Swept) -> Claim:
    """Holds if, at the greatest distance, the passive part is clearly above the active one."""
    far = SCALES[-1]
    readings = [clearly_more(of(s, far, way, share(PASSIVE)).values, of(s, far, way, share(ACTIVE)).values) for way in WAYS]

    def parts(way: str) -> str:
        return ", ".join(f"{name} {of(s, far, way, share(k)).mean:.3f}" for k, name in enumerate(PARTS))

    gaps = "; ".join(f"{way}: {parts(way)}" for way in WAYS)
    return Claim(
        "figure 4a",
        "the remaining workload is offloaded passively",
        agreed(readings),
        f"at {far.scale:g} of the paper's distances: {gaps}. {SEARCHED}",
    )
