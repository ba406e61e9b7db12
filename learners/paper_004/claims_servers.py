"""Claims of paper 004 on the whole framework: strategies (table II), and one to five servers (table III)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mecopt.learners import figures
from mecopt.learners.figures import Spread, spread
from mecopt.learners.paper_004 import searches
from mecopt.learners.paper_004.encoders import COMPONENTS, MEAN, SAE
from mecopt.learners.paper_004.measures import Part, halves
from mecopt.learners.paper_004.searches import ASA, ASA_LONG, CONSTANT, EXACT, LOCAL_SEARCH, NEAREST, RANDOM
from mecopt.learners.paper_004.tables import percent, ratio_of_compression
from mecopt.learners.paper_004.trainings import CHANGED, MOST_SERVERS, OURS_NAME, PAPER_NAME, varied
from mecopt.learners.verdicts import agreed, clearly_above, verdict
from mecopt.reproduction import Claim

if TYPE_CHECKING:
    from mecopt.learners.paper_004.evaluation import Measured

ALMOST = 0.97
"""Part of a reward that is "almost the same": in table II OJRS has 0.978 of ASA's."""
FAR = 5.0
"""Factor between times that counts as "far lower"; table II has 13.5."""
SAVED = 2.0
"""Factor between times that counts as "significantly decreasing"."""
NEAR = 0.002
"""Difference within which two best NRR are the same; in table III they differ by 0.0009 at most."""

PROPOSED, OURS = searches.OJRS[PAPER_NAME], searches.OJRS[OURS_NAME]


def judged(m: Measured) -> list[Claim]:
    """Judge tables II and III, and the abstract."""
    return [
        _levels(m),
        _above_greedy(m),
        _highest(m),
        _almost(m),
        _faster(m),
        _absolute(m),
        _near_optimal(m),
        _looks(m),
        _accuracy_falls(m),
        _compression_rises(m),
        _falls(m),
        _same_best(m),
        _second_half(m),
    ]


def _reward(m: Measured, name: str) -> Spread:
    return spread([float((1.0 / values).mean()) for values in m.decided.latency[name]])


def _milliseconds(m: Measured, name: str) -> str:
    return f"{name} {figures.two_digits(1e3 * m.time(name))} ms"


# ---------------------------------------------------------------------- table II


def _levels(m: Measured) -> Claim:
    """The signal-to-noise ratio is not given, and ours is calibrated to these numbers."""
    names = (PROPOSED, NEAREST, RANDOM, ASA)
    return Claim(
        "table II",
        "latencies of 20.69 s (OJRS), 25.29 s (Greedy), 36.43 s (Random) and 20.24 s (ASA)",
        "cannot be tested",
        f"{', '.join(f'{name} {m.latency(name).mean:.2f} s' for name in names)}; the signal-to-noise ratio is not given and "
        "was chosen to come near these numbers",
    )


def _above_greedy(m: Measured) -> Claim:
    """Holds if the reward of OJRS is clearly above those of Greedy and Random."""
    proposed = _reward(m, PROPOSED)
    return Claim(
        "table II",
        "the reward of OJRS is higher than those of Greedy and Random",
        verdict(all(clearly_above(proposed, _reward(m, name)) for name in (NEAREST, RANDOM))),
        f"{proposed}, {_reward(m, NEAREST)} and {_reward(m, RANDOM)}; with our settings {_reward(m, OURS)}",
    )


def _highest(m: Measured) -> Claim:
    """Holds if ASA as printed, from a random decision, is clearly above OJRS, Greedy and Random, with 20 and 500 steps."""
    others = [_reward(m, name) for name in (PROPOSED, NEAREST, RANDOM)]
    return Claim(
        "table II",
        "of the four ASA achieves the highest reward",
        agreed([all(clearly_above(_reward(m, name), other) for other in others) for name in (ASA, ASA_LONG)]),
        f"{_reward(m, ASA)} with 20 steps, {_reward(m, ASA_LONG)} with 500, the paper does not say which; OJRS {others[0]}, "
        f"with our settings {_reward(m, OURS)}. Local search, which needs no training either, {_reward(m, LOCAL_SEARCH)}, "
        f"the optimum {_reward(m, EXACT)}",
    )


def _almost(m: Measured) -> Claim:
    """Holds if OJRS has `ALMOST` of the reward of ASA with 20 and with 500 steps."""
    parts = [_reward(m, PROPOSED).mean / _reward(m, name).mean for name in (ASA, ASA_LONG)]
    return Claim(
        "table II",
        "OJRS attains almost the same reward as ASA",
        agreed([part >= ALMOST for part in parts]),
        f"{parts[0]:.3f} of that of 20 steps, {parts[1]:.3f} of that of 500 (the paper: 0.978); judged by at least {ALMOST}",
    )


def _faster(m: Measured) -> Claim:
    """Holds if a decision of OJRS takes at most a fifth of one of ASA with 20 steps."""
    return Claim(
        "table II",
        "the complexity of a decision of OJRS is far lower than that of ASA",
        verdict(m.time(ASA) >= FAR * m.time(PROPOSED)),
        f"{', '.join(_milliseconds(m, name) for name in (RANDOM, NEAREST, PROPOSED, ASA, ASA_LONG, LOCAL_SEARCH, EXACT))}",
    )


def _absolute(m: Measured) -> Claim:
    """Neither machine nor solver is given."""
    names = (PROPOSED, NEAREST, RANDOM, ASA)
    return Claim(
        "table II",
        "a decision takes 17.4 ms (OJRS), 13.9 ms (Greedy), 5.7 ms (Random) and 235.4 ms (ASA)",
        "cannot be tested",
        f"the paper names no machine, and calls CVX where a closed form exists; here "
        f"{', '.join(_milliseconds(m, name) for name in names)}",
    )


def _near_optimal(m: Measured) -> Claim:
    """Holds if OJRS has `ALMOST` of the optimal reward in at most half of the time of the exact search."""
    nrr = m.nrr(PROPOSED)
    return Claim(
        "abstract",
        "near-optimal performance while significantly decreasing the computational time",
        verdict(nrr.mean >= ALMOST and SAVED * m.time(PROPOSED) <= m.time(EXACT)),
        f"NRR {nrr} ({m.nrr(OURS)} with our settings), {', '.join(_milliseconds(m, n) for n in (PROPOSED, OURS, EXACT))}, "
        f"proof included; {_milliseconds(m, LOCAL_SEARCH)} with an NRR of {m.nrr(LOCAL_SEARCH)}",
    )


def _looks(m: Measured) -> Claim:
    """Holds if OJRS is clearly better than the best decision that is the same in all slots."""
    nrr, blind = m.nrr(PROPOSED), m.nrr(CONSTANT)
    return Claim(
        "section V-D",
        "OJRS constructs an optimal policy from the compressed channels to the decisions",
        verdict(clearly_above(nrr, blind)),
        f"NRR {nrr}; the best decision that never looks at the channels, the same in all slots, has {blind}: users stay "
        f"where they are. With our settings {m.nrr(OURS)}",
    )


# ---------------------------------------------------------------------- table III


def _accuracy_falls(m: Measured) -> Claim:
    """Holds if the accuracy of SAE falls from each number of servers to the next, and clearly from 2 to 5."""

    def accuracies(name: str) -> list[Spread]:
        return [spread([one.testing.accuracy for one in m.encoders[name, n]]) for n in range(2, MOST_SERVERS + 1)]

    found = accuracies(SAE)
    falls = all(after.mean < before.mean for before, after in itertools.pairwise(found))
    said = [f"{name}: {', '.join(percent(one.values) for one in accuracies(name))} %" for name in (SAE, COMPONENTS, MEAN)]
    return Claim(
        "table III",
        "the accuracy of SAE decreases when the number of servers increases (2 to 5)",
        verdict(falls and clearly_above(found[0], found[-1])),
        "; ".join(said),
    )


def _compression_rises(m: Measured) -> Claim:
    """Arithmetic: 30 numbers for 30 inputs per server."""
    found = [ratio_of_compression(n) for n in range(1, MOST_SERVERS + 1)]
    return Claim(
        "table III",
        "the compression ratio increases with the number of servers: 0, 0.5, 0.67, 0.75, 0.8",
        verdict([round(value, 2) for value in found] == [0.0, 0.5, 0.67, 0.75, 0.8]),
        f"{', '.join(f'{value:.2f}' for value in found)}: the number of inputs grows, the code does not",
    )


def _over_servers(m: Measured, base: str, half: int, of: Callable[[Part], float]) -> list[Spread]:
    return [
        spread([of(halves(log)[half]) for log in m.logs[varied(base, "", CHANGED, n)]]) for n in range(1, MOST_SERVERS + 1)
    ]


def _average(part: Part) -> float:
    return part.average


def _means(found: Sequence[Spread]) -> str:
    return ", ".join(f"{one.mean:.4f}" for one in found)


def _falls(m: Measured) -> Claim:
    """Holds if average NRR is clearly lower with 5 servers than with 1 and clearly higher with none than with one less.

    Judged for the averages before and after the weights change.
    """
    halved = [_over_servers(m, PAPER_NAME, half, _average) for half in (0, 1)]
    readings = [
        clearly_above(found[0], found[-1])
        and not any(clearly_above(after, before) for before, after in itertools.pairwise(found))
        for found in halved
    ]
    ours = [_over_servers(m, OURS_NAME, half, _average) for half in (0, 1)]
    return Claim(
        "table III",
        "NRR decreases when the number of servers increases, because of the information loss of SAE",
        agreed(readings),
        f"F-Avg {_means(halved[0])}, S-Avg {_means(halved[1])}; with our settings, which compress nothing, "
        f"{_means(ours[0])} and {_means(ours[1])}",
    )


def _same_best(m: Measured) -> Claim:
    """Holds if the best NRR before and after differ by at most `NEAR` for every number of servers.

    Judged by the best slot and by the best mean over 100 slots.
    """
    readings: list[Callable[[Part], float]] = [lambda part: part.best_slot, lambda part: part.best_mean]
    pairs = [[_over_servers(m, PAPER_NAME, half, of) for half in (0, 1)] for of in readings]
    apart = [max(abs(a.mean - b.mean) for a, b in zip(*pair, strict=True)) for pair in pairs]
    return Claim(
        "table III",
        "before and after the weights change the best NRR is the same",
        agreed([value <= NEAR for value in apart]),
        f"best slots {_means(pairs[0][0])} and {_means(pairs[0][1])}, apart by {apart[0]:.4f} at most; best means over 100 "
        f"slots {_means(pairs[1][0])} and {_means(pairs[1][1])}, apart by {apart[1]:.4f}",
    )


def _second_half(m: Measured) -> Claim:
    """Holds if the average NRR after the change is clearly above that before for every number of servers."""
    before, after = (_over_servers(m, PAPER_NAME, half, _average) for half in (0, 1))
    ends = [_over_servers(m, PAPER_NAME, half, lambda part: part.end) for half in (0, 1)]
    return Claim(
        "table III",
        "the average NRR is higher after the change than before (the text has it the other way round)",
        verdict(all(clearly_above(a, b) for a, b in zip(after, before, strict=True))),
        f"before {_means(before)}, after {_means(after)}; over the last tenth of each half {_means(ends[0])} and "
        f"{_means(ends[1])}: the first half begins with an untrained network",
    )
