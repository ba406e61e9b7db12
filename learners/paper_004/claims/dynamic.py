"""What paper 004 says in table III of its network in a dynamic environment: NRR by PSO, and by the optimum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Curve, Figure, Of, Scatter
from mecopt.evaluation.rules import Compared, Rule, around, every, falls, more, on_scales
from mecopt.learners.paper_004.claims.readings import (
    CLOSE,
    LOST,
    PRINTED_III,
    SAME,
    SETTLING,
    half,
    of_table_three,
    settling,
    steps_of_adam,
)
from mecopt.learners.paper_004.measures import AVERAGE, BEST, BEST_SLOT, END, HALVES
from mecopt.learners.paper_004.names import OVER, REWARD, by
from mecopt.learners.paper_004.trainings import DYNAMIC, MOST_SERVERS, SANE_NAME, SLOTS, UNCOMPRESSED, change_point

BESTS = {", of single slots": BEST_SLOT, ", of means": BEST}
"""What the best NRR may be the best of."""
COLUMNS = {"F-Best": ("F", BESTS), "F-Avg": ("F", {"": AVERAGE}), "S-Best": ("S", BESTS), "S-Avg": ("S", {"": AVERAGE})}
"""Columns of table III in order: half of the stream, and the readings of what stands there."""
FIRST, SECOND = HALVES
MOST = DYNAMIC[MOST_SERVERS]


def ratio(quantity: str, divisor: str, base: str, setting: str) -> Figure:
    """Return an NRR in a half of a stream, by a swarm or by the optimum."""
    return Of(by(quantity, divisor), base, setting)


def stated(column: str, first: str) -> Claim:
    """Return the claim of a column: NRR is what is printed, for every number of servers; more exceeds it."""
    place = 1 + list(COLUMNS).index(column)
    half_of, called = COLUMNS[column]

    def read(name: str, base: str, divisor: str) -> Rule:
        def close(margin: float) -> Rule:
            return every(
                *(
                    around(ratio(f"{half_of}-{name}", divisor, base, DYNAMIC[n]), one[place], margin=margin, better="more")
                    for n, one in PRINTED_III.items()
                )
            )

        return on_scales({words: close(margin) for words, margin in CLOSE.items()})

    numbers = ", ".join(f"{PRINTED_III[n][place]:.4f}" for n in DYNAMIC)
    return Claim(
        "table III",
        f"{column} is {numbers} with one to five servers",
        named(called, read),
        revised=steps_of_adam(first, "by particle swarm optimisation, too; more exceeds it; on two scales"),
    )


def named(called: Mapping[str, str], read: Callable[[str, str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on table III by each of what stands in a column."""
    return {
        f"{reading}{which}": rule
        for which, name in called.items()
        for reading, rule in of_table_three(partial(read, name)).items()
    }


def fewer(half_of: str, base: str, divisor: str) -> Rule:
    """NRR falls with the servers, and, with the sane settings, less so where nothing is compressed: with five."""
    quantity = f"{half_of}-{AVERAGE}"
    fall = falls(half(by(quantity, divisor), base))
    cause = more(Of(quantity, UNCOMPRESSED, MOST), Of(quantity, SANE_NAME, MOST))
    return every(fall, cause) if base == SANE_NAME else fall


def unchanged(name: str, base: str, divisor: str) -> Rule:
    """The best NRR is the same in both halves, for every number of servers; more in the second one exceeds it."""

    def within(margin: float) -> Rule:
        first, second = ([ratio(f"{one}-{name}", divisor, base, at) for at in DYNAMIC.values()] for one in HALVES)
        return every(*(around(b - a, 0.0, margin=margin, better="more") for a, b in zip(first, second, strict=True)))

    return on_scales({words: within(margin) for words, margin in SAME.items()})


def risen(base: str, divisor: str) -> Rule:
    """The average NRR is higher in the second half, for every number of servers."""
    return every(
        *(more(*(ratio(f"{one}-{AVERAGE}", divisor, base, at) for one in (SECOND, FIRST))) for at in DYNAMIC.values())
    )


def compensated() -> Mapping[str, Rule]:
    """With five servers the reward is stable sooner, or scatters less, than uncompressed, and no NRR is lost in the end."""

    def first_half(name: str) -> Curve:
        return Curve(REWARD + OVER, name, MOST).between(0.0, change_point(SLOTS))

    kept, other = (Of(f"{FIRST}-{END}", name, MOST) for name in (SANE_NAME, UNCOMPRESSED))
    no_loss = on_scales({f"at most {words}": Compared(kept, other, -lost, float("inf")) for words, lost in LOST.items()})
    sooner = on_scales(
        {
            name: more(*(settling(first_half(one), how) for one in (UNCOMPRESSED, SANE_NAME)))
            for name, how in SETTLING.items()
        }
    )
    steadier = more(*(Scatter(first_half(one)) for one in (UNCOMPRESSED, SANE_NAME)))
    return {"stable sooner": every(sooner, no_loss), "steadier in the end": every(steadier, no_loss)}


DYNAMICS = (
    *(stated(column, "fails") for column in COLUMNS),
    Claim(
        "table III",
        "NRR decreases when the number of servers increases, because of the information loss of SAE",
        {
            f"{reading}, {half_of}-{AVERAGE}": rule
            for half_of in HALVES
            for reading, rule in of_table_three(partial(fewer, half_of)).items()
        },
        revised=steps_of_adam(
            "fails", "by particle swarm optimisation, too; the cause is read with the sane settings alone"
        ),
    ),
    Claim(
        "section V-D",
        "the information loss of SAE is compensated by a fast search and a stable convergence (five servers)",
        compensated(),
        revised=steps_of_adam("not judged", "with the sane settings, until the weights change"),
    ),
    Claim(
        "table III",
        "before and after the weights change the best NRR is the same",
        named(BESTS, unchanged),
        revised=steps_of_adam(
            "fails", "by particle swarm optimisation, too; more after the change exceeds it; on two scales"
        ),
    ),
    Claim(
        "table III",
        "the average NRR is higher after the change than before (the text has it the other way round)",
        of_table_three(risen),
        revised=steps_of_adam("fails", "by particle swarm optimisation, too"),
    ),
)
