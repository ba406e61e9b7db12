"""Figures 3 and 4a: who does which work as carrier, work and distances change.

They are of Algorithm 1's own policies, trained where they are measured, with both meanings of the access point's action.
That constants of ours do not show a sentence refutes none: others might. Beams that nobody learned stand beside them
(`BESIDE`), with our constants alone: matched to the user, the same for all others, and exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Curve, Figure
from mecopt.evaluation.reproduction import OURS as NOT_THEIRS
from mecopt.evaluation.rules import Rule, at_most, falls, known, more, on_scales, rises
from mecopt.learners.paper_001.claims.readings import (
    AFTER,
    OF_ITS_OWN,
    REVIEWED,
    SEARCHED,
    THERE,
    AllServed,
    Served,
    again,
    said,
    with_constants,
)
from mecopt.learners.paper_001.names import (
    CARRIER,
    DISTANCES,
    GIVEN,
    OF_ALL,
    OWN,
    PARTS,
    SENDING,
    TIMES,
    TRANSMITTING,
    WORK,
    played,
)
from mecopt.learners.paper_001.worlds import LOADS, NOMINAL, POWERS, SCALES, UNCAPPED

LARGE = {"a quarter": 0.25, "a third": 1.0 / 3.0}
"""Parts of the work more than which are a large part."""
NONE = {"at most 2 %": 0.02, "at most 5 %": 0.05}
"""Parts of the work that are as good as none."""

WEAKEST, STRONGEST, FARTHEST = POWERS[0].power, POWERS[-1].power, SCALES[-1].scale

Readings = Callable[[Sequence[str]], Mapping[str, Rule]]
"""From origins of the beams to how a sentence is read with each."""

POWERED = f"{WEAKEST:g} against {STRONGEST:g} mW, ours"
CAPPED = f"up to {UNCAPPED:g} kbit, beyond which our cap on computing decides"
BY_CAP = "where the cap of ours decides is left out, and no reading of its own"
JUDGED_THEN = "in the first run such beams decided the paper's sentence"
CONSTANTS = "constants of ours that do not show it refute nothing"
MORE_READINGS = f"{REVIEWED}, more readings"
OF_SERVED = (
    "of the served alone again, since the sentence divides work into local and offloaded; what is dropped stands beside it"
)


def both(
    where: str, text: str, ours: str, readings: Readings, *revised: str, last: tuple[str, str] = ("", "")
) -> tuple[Claim, Claim]:
    """Return a claim of the paper, of its own policies, and the same of beams that nobody learned.

    `last` says what of each was changed last.
    """
    words = f"{SEARCHED}; {ours}" if ours else SEARCHED
    own = {name: with_constants(rule) for name, rule in readings(tuple(OWN.values())).items()}
    return (
        said(where, text, f"{words}; {THERE}", own, OF_ITS_OWN, CONSTANTS, *revised, last[0]),
        beside(where, f"with beams that nobody learned, {text}", words, readings(GIVEN), JUDGED_THEN, *revised, last[1]),
    )


def beside(where: str, text: str, ours: str, readings: Mapping[str, Rule], *revised: str) -> Claim:
    """Return a sentence that is not the paper's, beside a figure that is."""
    return said(f"{NOT_THEIRS}, beside {where}", text, ours, readings, *revised)


def by_way(rule: Callable[[str, str], Rule], *quantities: str) -> Readings:
    """Read a sentence with beams of each origin, by each of some quantities."""
    name = "{0}, {1}" if len(quantities) > 1 else "{0}"
    return lambda ways: {name.format(way, each): rule(each, way) for way in ways for each in quantities}


def swept(quantity: str, way: str, setting: str) -> Curve:
    """Return a quantity of Hybrid-offload along an axis; of work only up to where our cap decides."""
    curve = AllServed(quantity, played(way), setting)
    return curve.between(0.0, UNCAPPED) if setting == WORK else curve


def at(quantity: str, way: str, setting: str, x: float) -> Figure:
    """Return a quantity of Hybrid-offload at a value of an axis."""
    return Served(quantity, played(way), setting, x)


def weak_carrier(sign: int) -> Callable[[str, str], Rule]:
    """With the weakest carrier a quantity is greater than with the strongest (1), or less (-1)."""

    def rule(quantity: str, way: str) -> Rule:
        weak, strong = (at(quantity, way, CARRIER, power) for power in (WEAKEST, STRONGEST))
        return more(weak, strong) if sign > 0 else more(strong, weak)

    return rule


def large(ways: Sequence[str]) -> Mapping[str, Rule]:
    """More of the work is local than parts that are ours."""

    def at_power(way: str, power: float) -> Rule:
        local = at(PARTS["local"], way, CARRIER, power)
        return on_scales({f"more than {name}": more(local, known(part, "a part of")) for name, part in LARGE.items()})

    return {f"{way}, {power:g} mW": at_power(way, power) for way in ways for power in (WEAKEST, NOMINAL.power)}


def no_local(quantity: str, way: str) -> Rule:
    """As good as none of the least work is local."""
    local = at(quantity, way, WORK, LOADS[0].load)
    return on_scales({name: at_most(local, most) for name, most in NONE.items()})


def remaining(ways: Sequence[str]) -> Mapping[str, Rule]:
    """More is offloaded passively than actively at the greatest distances; more for what is sent than at the paper's."""

    def passive_over_active(way: str, x: float) -> Figure:
        passive, active = (at(PARTS[how], way, DISTANCES, x) for how in ("passive", "active"))
        return passive / active

    read: dict[str, Rule] = {}
    for way in ways:
        far = passive_over_active(way, FARTHEST)
        read[f"{way}, rather than actively"] = more(far, known(1.0))
        read[f"{way}, more than at the paper's distances"] = more(far, passive_over_active(way, NOMINAL.scale))
    return read


_EACH = (
    both(
        "figure 3a",
        "when the transmit power is low the users suppress active offloading",
        POWERED,
        by_way(weak_carrier(-1), PARTS["active"], OF_ALL["active"], TIMES["active"], SENDING),
        MORE_READINGS,
    ),
    both(
        "figure 3a",
        "when the transmit power is low they prefer more passive offloading",
        POWERED,
        by_way(weak_carrier(1), PARTS["passive"], OF_ALL["passive"], TIMES["passive"]),
        "of the least power against the greatest; a step between them the other way no longer decides",
        MORE_READINGS,
    ),
    both(
        "figure 3a",
        "when the transmit power is low users have more opportunities to harvest, so a carrier that is on for longer",
        POWERED,
        by_way(weak_carrier(1), TIMES["passive"]),
        f"{REVIEWED}, judged at all",
    ),
    both(
        "figure 3a",
        "a large part of the workload is processed by local computation",
        f"at {WEAKEST:g} and {NOMINAL.power:g} mW, ours",
        large,
        "on two scales, where a third alone decided",
    ),
    both(
        "figure 3b",
        "when the workload is small the users offload all of it",
        f"{LOADS[0].load:g} kbit, the least on our axis",
        by_way(no_local, PARTS["local"]),
        "on two scales, where 2 % alone decided",
    ),
    both(
        "figure 3b",
        "as the workload increases the users perform more passive offloading",
        CAPPED,
        by_way(lambda quantity, way: rises(swept(quantity, way, WORK)), PARTS["passive"], TIMES["passive"]),
        BY_CAP,
    ),
    both(
        "figure 3b",
        "as the workload increases the time for active offloading is reduced",
        CAPPED,
        by_way(
            lambda quantity, way: falls(swept(quantity, way, WORK)), PARTS["active"], TIMES["active"], SENDING, TRANSMITTING
        ),
        BY_CAP,
        MORE_READINGS,
    ),
    both(
        "figure 3b",
        "as the workload increases local computation increases",
        CAPPED,
        by_way(lambda quantity, way: rises(swept(quantity, way, WORK)), PARTS["local"], TIMES["local"]),
        BY_CAP,
    ),
    both(
        "figure 4a",
        "as the distances increase a larger part of the workload is processed locally",
        "",
        by_way(lambda quantity, way: rises(swept(quantity, way, DISTANCES)), PARTS["local"]),
        f"{AFTER}, of all work, too, a part of which is dropped: of the served alone it held",
        last=(again(OF_SERVED, "cannot tell"), again(OF_SERVED, "depends on the reading")),
    ),
    both(
        "figure 4a",
        "the remaining workload is offloaded passively",
        f"at {FARTHEST:g} times the paper's distances, the greatest on our axis",
        remaining,
        MORE_READINGS,
    ),
)

SHARING = tuple(own for own, _ in _EACH)
BESIDE = tuple(given for _, given in _EACH)
