"""What paper 004 says in table III of its network in a dynamic environment: ratios to particle swarm optimisation."""

from __future__ import annotations

from collections.abc import Mapping

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Curve, Figure, Of
from mecopt.evaluation.rules import Rule, around, every, falls, more, on_scales, same
from mecopt.learners.paper_004.claims.readings import (
    CLOSE,
    PRINTED_III,
    SAME,
    SETTLING,
    both,
    by_swarm,
    by_swarm_and,
    half,
    settling,
)
from mecopt.learners.paper_004.measures import AVERAGE, BEST, BEST_SLOT, HALVES
from mecopt.learners.paper_004.names import OVER, REWARD, by
from mecopt.learners.paper_004.trainings import DYNAMIC, MOST_SERVERS, PROPOSED, SANE_NAME, SLOTS, UNCOMPRESSED, change_point

BESTS = {", of single slots": BEST_SLOT, ", of means": BEST}
"""What the best NRR may be the best of."""
COLUMNS = {"F-Best": ("F", BESTS), "F-Avg": ("F", {"": AVERAGE}), "S-Best": ("S", BESTS), "S-Avg": ("S", {"": AVERAGE})}
"""Columns of table III in order: half of the stream, and the readings of what stands there."""
FIRST, SECOND = HALVES
MOST = DYNAMIC[MOST_SERVERS]


def ratio(quantity: str, swarm: str, base: str, setting: str) -> Figure:
    """Return a ratio to a swarm in a half of a stream."""
    return Of(by(quantity, swarm), base, setting)


def printed(column: int, half_of: str, names: Mapping[str, str]) -> Mapping[str, Rule]:
    """NRR is what is printed, for every number of servers; more exceeds it."""

    def read(base: str, name: str) -> Rule:
        def close(swarm: str, margin: float) -> Rule:
            return every(
                *(
                    around(ratio(f"{half_of}-{name}", swarm, base, DYNAMIC[n]), one[column], margin=margin, better="more")
                    for n, one in PRINTED_III.items()
                )
            )

        return by_swarm_and(CLOSE, close)

    return {f"{base}{which}": read(base, name) for base in PROPOSED for which, name in names.items()}


def stated(column: str) -> Claim:
    """Return the claim of a column."""
    place = 1 + list(COLUMNS).index(column)
    numbers = ", ".join(f"{PRINTED_III[n][place]:.4f}" for n in DYNAMIC)
    return Claim(
        "table III",
        f"{column} is {numbers} with one to five servers",
        printed(place, *COLUMNS[column]),
        revised="by particle swarm optimisation, as in the paper, not by the optimum; more exceeds it; on two scales",
    )


def information(half_of: str) -> Mapping[str, Rule]:
    """NRR falls with the servers, and less so where nothing is compressed: with five, the same seeds and slots."""
    quantity = f"{half_of}-{AVERAGE}"
    cause = more(Of(quantity, UNCOMPRESSED, MOST), Of(quantity, SANE_NAME, MOST))

    def read(base: str) -> Rule:
        return by_swarm(lambda swarm: every(falls(half(by(quantity, swarm), base)), cause))

    return {f"{base}, {quantity}": read(base) for base in PROPOSED}


def unchanged(base: str, name: str) -> Rule:
    """The best NRR is the same in both halves, for every number of servers."""
    return by_swarm_and(
        SAME,
        lambda swarm, margin: every(
            *(same(*(ratio(f"{one}-{name}", swarm, base, at) for one in HALVES), margin=margin) for at in DYNAMIC.values())
        ),
    )


def risen(base: str) -> Rule:
    """The average NRR is higher in the second half, for every number of servers."""
    return by_swarm(
        lambda swarm: every(
            *(more(*(ratio(f"{one}-{AVERAGE}", swarm, base, at) for one in (SECOND, FIRST))) for at in DYNAMIC.values())
        )
    )


def compensated() -> Rule:
    """With five servers the reward is stable sooner than where nothing is compressed."""

    def first_half(name: str) -> Curve:
        return Curve(REWARD + OVER, name, MOST).between(0.0, change_point(SLOTS))

    return on_scales(
        {
            name: more(*(settling(first_half(one), how) for one in (UNCOMPRESSED, SANE_NAME)))
            for name, how in SETTLING.items()
        }
    )


DYNAMICS = (
    *(stated(column) for column in COLUMNS),
    Claim(
        "table III",
        "NRR decreases when the number of servers increases, because of the information loss of SAE",
        {**information(FIRST), **information(SECOND)},
        revised="by particle swarm optimisation, as in the paper",
    ),
    Claim(
        "section V-D",
        "the information loss of SAE is compensated by a fast search and convergence (five servers)",
        compensated(),
        revised="not judged before; with the sane settings, until the weights change",
    ),
    Claim(
        "table III",
        "before and after the weights change the best NRR is the same",
        {f"{base}{which}": unchanged(base, name) for base in PROPOSED for which, name in BESTS.items()},
        revised="by particle swarm optimisation, as in the paper; on two scales",
    ),
    Claim(
        "table III",
        "the average NRR is higher after the change than before (the text has it the other way round)",
        both(risen),
        revised="by particle swarm optimisation, as in the paper",
    ),
)
