"""What paper 004 says in table III of its network in a dynamic environment: NRR by PSO, and by the optimum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Curve, Figure, Of, Scatter
from mecopt.evaluation.rules import Compared, Rule, around, every, falls, more, on_scales
from mecopt.learners.paper_004 import names
from mecopt.learners.paper_004.claims.readings import (
    CLOSE,
    LOST,
    OPTIMAL,
    PRINTED_III,
    SETTLING,
    SWARMING,
    after,
    again,
    along,
    divided,
    half,
    of_table_three,
    settling,
    steps_of_adam,
)
from mecopt.learners.paper_004.measures import AVERAGE, BEST, BEST_SLOT, END, HALVES
from mecopt.learners.paper_004.names import NRR, OVER, REWARD
from mecopt.learners.paper_004.trainings import (
    DYNAMIC,
    MOST_SERVERS,
    PROPOSED,
    RAW,
    SANE_NAME,
    SLOTS,
    UNCOMPRESSED,
    change_point,
)

BESTS = {", of single slots": BEST_SLOT, ", of means": BEST}
"""What the best NRR may be the best of."""
COLUMNS = {"F-Best": ("F", BESTS), "F-Avg": ("F", {"": AVERAGE}), "S-Best": ("S", BESTS), "S-Avg": ("S", {"": AVERAGE})}
"""Columns of table III in order: half of the stream, and the readings of what stands there."""
FIRST, SECOND = HALVES
MOST = DYNAMIC[MOST_SERVERS]


SATURATES = (
    "the decline is no longer asked for, since the sentence states levels; by the optimum a best of single slots comes to "
    "1, for a network that repeats one decision, too, so that it says little"
)


def ratio(quantity: str, divisor: str, base: str, setting: str) -> Figure:
    """Return an NRR in a half of a stream, by a swarm or by the optimum."""
    return Of(names.by(quantity, divisor), base, setting)


def stated(column: str, first: str, second: str) -> Claim:
    """Return the claim of a column: NRR is what is printed, for every number of servers; more exceeds it.

    A best of single slots comes to 1 for nearly any network, so that by it the sentence says little.
    """
    place = 1 + list(COLUMNS).index(column)
    half_of, called = COLUMNS[column]

    def read(name: str, base: str, word: str) -> Rule:
        quantity = f"{half_of}-{name}"

        def met(n: float) -> Rule:
            printed = PRINTED_III[n][place]

            def close(by: str) -> Rule:
                figure = ratio(quantity, by, base, DYNAMIC[n])
                return on_scales(
                    {words: around(figure, printed, margin=margin, better="more") for words, margin in CLOSE.items()}
                )

            return divided(word, close, n)

        return every(*(met(n) for n in DYNAMIC))

    numbers = ", ".join(f"{PRINTED_III[n][place]:.4f}" for n in DYNAMIC)
    fit = "swarms are asked to come near the optimum for each number of servers by itself"
    reviewed = [after(fit, second)]
    if called is BESTS:
        best = f"the decline is asked for, too, since a best of single slots is 1 for nearly any network; {fit}"
        reviewed = [after(best, second), again(SATURATES, "cannot tell")]
    return Claim(
        "table III",
        f"{column} is {numbers} with one to five servers",
        named(called, read),
        revised=steps_of_adam(
            first,
            "by particle swarm optimisation, too; more exceeds it; on two scales",
            *reviewed,
        ),
    )


def declines(quantity: str, base: str, word: str, least: int = 1) -> Rule:
    """NRR falls with the servers, from the least number on."""
    return divided(word, lambda by: falls(half(names.by(quantity, by), base, least)), *(n for n in DYNAMIC if n >= least))


def named(called: Mapping[str, str], read: Callable[[str, str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on table III by each of what stands in a column."""
    return {
        f"{reading}{which}": rule
        for which, name in called.items()
        for reading, rule in of_table_three(partial(read, name)).items()
    }


def because_of_compression() -> Rule:
    """What compression costs in the first half is more with five servers than with two, and more than nothing.

    With the sane settings. Where users stay the first half of the stream is that of table III with two servers: the weights
    change after it. With one server nothing is compressed.
    """
    begun = [along(NRR, SANE_NAME, change).between(0.0, change_point(SLOTS)).mean() for change in (RAW, "")]
    most = [Of(f"{FIRST}-{AVERAGE}", name, MOST) for name in (UNCOMPRESSED, SANE_NAME)]
    return every(more(*most), more(most[0] - most[1], begun[0] - begun[1]))


def unchanged(name: str, base: str, word: str) -> Rule:
    """The best NRR is the same in both halves, for every number of servers; more in the second one exceeds it."""

    def at(n: float) -> Rule:
        def within(by: str) -> Rule:
            before, then = (ratio(f"{one}-{name}", by, base, DYNAMIC[n]) for one in HALVES)
            return on_scales(
                {words: around(then - before, 0.0, margin=margin, better="more") for words, margin in CLOSE.items()}
            )

        return divided(word, within, n)

    return every(*(at(n) for n in DYNAMIC))


def risen(base: str, word: str) -> Rule:
    """The average NRR is higher in the second half, for every number of servers."""

    def at(n: float) -> Rule:
        return divided(
            word, lambda by: more(*(ratio(f"{one}-{AVERAGE}", by, base, DYNAMIC[n]) for one in (SECOND, FIRST))), n
        )

    return every(*(at(n) for n in DYNAMIC))


def risen_in_all(base: str, word: str) -> Rule:
    """It is so on average over the numbers of servers."""
    return divided(
        word,
        lambda by: more(*(half(names.by(f"{one}-{AVERAGE}", by), base).mean() for one in (SECOND, FIRST))),
        *DYNAMIC,
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


BEFORE = {"F-Best": "depends on the reading", "S-Best": "depends on the reading"}
"""What columns were judged before the two reviews; where nothing stands it could not be told."""
SPLIT = "what NRR does and why are two sentences"

DYNAMICS = (
    *(stated(column, "fails", BEFORE.get(column, "cannot tell")) for column in COLUMNS),
    Claim(
        "table III",
        "NRR decreases when the number of servers increases",
        {
            f"{base}, {word}, {half_of}-{AVERAGE}, from {least} on": declines(f"{half_of}-{AVERAGE}", base, word, least)
            for base in PROPOSED
            for word in (SWARMING, OPTIMAL)
            for half_of in HALVES
            for least in (1, 2)
        },
        revised=steps_of_adam(
            "fails",
            "by particle swarm optimisation, too",
            after(f"from two servers on, too, since with one nothing is compressed; {SPLIT}", "cannot tell"),
        ),
    ),
    Claim(
        "table III",
        "it decreases because of the information loss of SAE",
        because_of_compression(),
        revised=steps_of_adam(
            "fails",
            "with the sane settings alone",
            after(
                f"the loss has to grow from two servers to five, in the first half, where both were measured; {SPLIT}",
                "cannot tell",
            ),
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
            "fails",
            "by particle swarm optimisation, too; more after the change exceeds it; on two scales",
            after(
                "within 0.01 and 0.02, where it was 0.001 and 0.01: six seeds cannot tell 0.001; swarms for each number of "
                "servers by itself",
                "cannot tell",
            ),
        ),
    ),
    Claim(
        "table III",
        "the average NRR is higher after the change than before (the text has it the other way round)",
        {
            f"{reading}, {words}": rule
            for words, read in (("with each number of servers", risen), ("on average over these", risen_in_all))
            for reading, rule in of_table_three(read).items()
        },
        revised=steps_of_adam(
            "fails",
            "by particle swarm optimisation, too",
            after(
                "on average over the numbers of servers, too, which the sentence does not name; swarms for each number by "
                "itself",
                "depends on the reading",
            ),
        ),
    ),
)
