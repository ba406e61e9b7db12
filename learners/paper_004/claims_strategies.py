"""Claims of paper 004 on the whole framework beside other strategies: table II and the abstract.

Every reading of a claim that names ASA is judged with 20 and with 500 steps, since the paper does not say which it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mecopt.learners import figures
from mecopt.learners.paper_004 import searches
from mecopt.learners.paper_004.readings import by_settings, changing
from mecopt.learners.paper_004.searches import ASA, ASA_LONG, CONSTANT, EXACT, LOCAL_SEARCH, NEAREST, RANDOM
from mecopt.learners.paper_004.trainings import OURS_NAME, PROPOSED
from mecopt.learners.verdicts import Reading, agreed, clearly_more, every
from mecopt.reproduction import Claim

if TYPE_CHECKING:
    from mecopt.learners.paper_004.evaluation import Measured

ALMOST = 0.97
"""Part of a reward that is "almost the same": in table II OJRS has 0.978 of ASA's."""
NEAR_OPTIMAL = 0.96
"""NRR that is "near-optimal": with two servers table III prints 0.969 for a network that has learned (S-Avg), against a
heuristic; a hundredth less here, against the optimum."""
FAR = 5.0
"""Factor between times that counts as "far lower"; table II has 13.5."""
SAVED = 2.0
"""Factor between times that counts as "significantly decreasing"."""

NETWORKS = {base: searches.OJRS[base] for base in PROPOSED}
OURS = searches.OJRS[OURS_NAME]
ANNEALED = (ASA, ASA_LONG)


def judged(m: Measured) -> list[Claim]:
    """Judge table II and the abstract."""
    return [
        _levels(m),
        _above_greedy(m),
        _highest(m),
        _almost(m),
        _faster(m),
        _absolute(m),
        _near_optimal(m),
        _looks(m),
    ]


def _more(m: Measured, name: str, other: str) -> Reading:
    """Whether the reward of a strategy is clearly above that of another one on the same slots."""
    return clearly_more(m.rewards(name).values, m.rewards(other).values)


def _milliseconds(m: Measured, *names: str) -> str:
    return ", ".join(f"{name} {figures.two_digits(1e3 * m.time(name))} ms" for name in names)


def _levels(m: Measured) -> Claim:
    """The signal-to-noise ratio is not given, and ours is calibrated to these numbers."""
    names = (*NETWORKS.values(), NEAREST, RANDOM, ASA)
    return Claim(
        "table II",
        "latencies of 20.69 s (OJRS), 25.29 s (Greedy), 36.43 s (Random) and 20.24 s (ASA)",
        "cannot be tested",
        f"{', '.join(f'{name} {m.latency(name).mean:.2f} s' for name in names)}; the signal-to-noise ratio is not given and "
        "was chosen to come near these numbers",
    )


def _above_greedy(m: Measured) -> Claim:
    """Holds if the reward of OJRS is clearly above those of Greedy and Random."""
    return Claim(
        "table II",
        "the reward of OJRS is higher than those of Greedy and Random",
        agreed([every([_more(m, name, other) for other in (NEAREST, RANDOM)]) for name in NETWORKS.values()]),
        f"{by_settings({base: str(m.rewards(name)) for base, name in NETWORKS.items()})}; Greedy {m.rewards(NEAREST)}, "
        f"Random {m.rewards(RANDOM)}; with our settings {m.rewards(OURS)}",
    )


def _highest(m: Measured) -> Claim:
    """Holds if ASA as printed, from a random decision, is clearly above OJRS, Greedy and Random."""
    readings = [
        every([_more(m, name, other) for other in (network, NEAREST, RANDOM)])
        for name in ANNEALED
        for network in NETWORKS.values()
    ]
    return Claim(
        "table II",
        "of the four ASA achieves the highest reward",
        agreed(readings),
        f"{m.rewards(ASA)} with 20 steps, {m.rewards(ASA_LONG)} with 500; OJRS "
        f"{by_settings({base: str(m.rewards(name)) for base, name in NETWORKS.items()})}; with our settings "
        f"{m.rewards(OURS)}. Local search, which needs no training either, {m.rewards(LOCAL_SEARCH)}, the optimum "
        f"{m.rewards(EXACT)}",
    )


def _almost(m: Measured) -> Claim:
    """Holds if OJRS has `ALMOST` of the reward of ASA."""
    parts = {
        base: [m.rewards(network).mean / m.rewards(name).mean for name in ANNEALED] for base, network in NETWORKS.items()
    }
    said = {base: f"{one[0]:.3f} of that of 20 steps, {one[1]:.3f} of that of 500" for base, one in parts.items()}
    return Claim(
        "table II",
        "OJRS attains almost the same reward as ASA",
        agreed([part >= ALMOST for one in parts.values() for part in one]),
        f"{by_settings(said)} (the paper: 0.978); judged by at least {ALMOST}; {changing(m)}",
    )


def _faster(m: Measured) -> Claim:
    """Holds if a decision of OJRS takes at most a fifth of the time of one of ASA."""
    return Claim(
        "table II",
        "the complexity of a decision of OJRS is far lower than that of ASA",
        agreed([m.time(name) >= FAR * m.time(network) for name in ANNEALED for network in NETWORKS.values()]),
        _milliseconds(m, RANDOM, NEAREST, *NETWORKS.values(), OURS, ASA, ASA_LONG, LOCAL_SEARCH, EXACT),
    )


def _absolute(m: Measured) -> Claim:
    """Neither machine nor solver is given."""
    return Claim(
        "table II",
        "a decision takes 17.4 ms (OJRS), 13.9 ms (Greedy), 5.7 ms (Random) and 235.4 ms (ASA)",
        "cannot be tested",
        f"the paper names no machine, and calls CVX where a closed form exists; here "
        f"{_milliseconds(m, *NETWORKS.values(), NEAREST, RANDOM, ASA)}",
    )


def _near_optimal(m: Measured) -> Claim:
    """Holds if OJRS has an NRR of `NEAR_OPTIMAL` in at most half of the time of ASA, the benchmark that searches."""
    readings = [
        m.nrr(network).mean >= NEAR_OPTIMAL and SAVED * m.time(network) <= m.time(name)
        for network in NETWORKS.values()
        for name in ANNEALED
    ]
    said = {base: f"NRR {m.nrr(name)}" for base, name in NETWORKS.items()}
    return Claim(
        "abstract",
        "the proposed algorithm can achieve near-optimal performance while significantly decreasing the computational time "
        "compared with existing benchmarks",
        agreed(readings),
        f"{by_settings(said)} (near-optimal: {NEAR_OPTIMAL}); "
        f"{_milliseconds(m, *NETWORKS.values(), *ANNEALED)}. Benchmarks the paper does not have: "
        f"{_milliseconds(m, EXACT)}, proof included, {_milliseconds(m, LOCAL_SEARCH)} with an NRR of {m.nrr(LOCAL_SEARCH)}",
    )


def _looks(m: Measured) -> Claim:
    """Holds if OJRS has an NRR of `NEAR_OPTIMAL` and is clearly better than the best decision that never changes."""
    readings: list[Reading] = []
    said = {}
    for base, name in NETWORKS.items():
        nrr, blind = m.nrr(name), m.nrr(CONSTANT)
        readings.append(every([nrr.mean >= NEAR_OPTIMAL, clearly_more(nrr.values, blind.values)]))
        gain = float(np.mean(np.subtract(nrr.values, blind.values)))
        said[base] = f"NRR {nrr}, {abs(gain):.4f} {'above' if gain > 0.0 else 'below'} the latter"
    return Claim(
        "section V-D",
        "OJRS constructs an optimal policy from the compressed channels to the decisions",
        agreed(readings),
        f"the best decision that never looks at the channels, the same in all slots, has {m.nrr(CONSTANT)}: users stay "
        f"where they are; {by_settings(said)}; with our settings {m.nrr(OURS)}; {changing(m)}",
    )
