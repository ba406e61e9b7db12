"""What paper 002 says, each sentence with the rules that read it, written before the run.

The paper's figures have no numbers that can be read, and of its constants and baselines it leaves most out, so its claims
are of order. Whom "proposed" means is read in every way that makes sense, and all must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Figure, Of
from mecopt.evaluation.rules import Rule, at_most, every, known, more, rises
from mecopt.learners.paper_002.names import (
    BASELINES,
    BINARY,
    COST,
    DECOMPOSED,
    DEVICES,
    EARLY,
    ENERGY,
    EVEN,
    FIGURE_7,
    GAP,
    LATE,
    LOSS,
    OF_ARRIVALS,
    OF_USERS,
    PRICED,
    PROPOSED,
    RANDOM,
    WAITING,
    by_arrivals,
    by_users,
    weighted,
)


def proposed(read: Callable[[str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence with everybody whom "proposed" may mean."""
    return {f"proposed: {who}": read(method) for who, method in PROPOSED.items()}


def cheaper(one: str, other: str, settings: Mapping[float, str]) -> Rule:
    """One costs less than the other in all settings."""
    return every(*(more(Of(COST, other, setting), Of(COST, one, setting)) for setting in settings.values()))


def of_blocks(method: str) -> tuple[Figure, Figure]:
    """Return what blocks cost before and after block 500."""
    return Of(EARLY, method, FIGURE_7), Of(LATE, method, FIGURE_7)


def cheaper_blocks(one: str, other: str) -> Rule:
    """One costs less than the other before and after block 500."""
    return every(*(more(b, a) for a, b in zip(of_blocks(one), of_blocks(other), strict=True)))


def crossing(binary: str, even: str) -> Rule:
    """Binary offloading costs less before block 500, and more after it."""
    (early, late), (other_early, other_late) = of_blocks(binary), of_blocks(even)
    return every(more(other_early, early), more(late, other_late))


def turned(last: float, first: float) -> Rule:
    """Binary offloading costs less up to some number of devices, and more from another on."""
    few = {users: setting for users, setting in OF_USERS.items() if users <= last}
    many = {users: setting for users, setting in OF_USERS.items() if users >= first}
    return every(cheaper(BINARY, EVEN, few), cheaper(EVEN, BINARY, many))


PAPER = (
    Claim(
        "figure 7",
        "the proposed scheme achieves a significant gain over the three baselines",
        proposed(lambda method: every(*(cheaper_blocks(method, one) for one in BASELINES))),
    ),
    Claim(
        "figure 7",
        "binary offloading is better than even allocation in early blocks (e.g. before 500), and worse later",
        {"exact values": crossing(BINARY, EVEN)},
    ),
    Claim(
        "figure 7",
        "random offloading is inferior to the other schemes",
        proposed(lambda method: every(*(cheaper_blocks(one, RANDOM) for one in (method, BINARY, EVEN)))),
    ),
    Claim(
        "figure 8",
        "the discounted cost of the four schemes increases with the arrival probability",
        proposed(lambda method: every(*(rises(by_arrivals(COST, one)) for one in (method, *BASELINES)))),
    ),
    Claim(
        "figure 8",
        "the proposed scheme outperforms the three baselines",
        proposed(lambda method: every(*(cheaper(method, one, OF_ARRIVALS) for one in BASELINES))),
    ),
    Claim(
        "figure 8",
        "binary offloading outperforms random offloading, but is inferior to even allocation",
        every(cheaper(BINARY, RANDOM, OF_ARRIVALS), cheaper(EVEN, BINARY, OF_ARRIVALS)),
    ),
    Claim(
        "figure 9",
        "the discounted cost of the four schemes increases with the number of devices",
        proposed(lambda method: every(*(rises(by_users(COST, one)) for one in (method, *BASELINES)))),
    ),
    Claim(
        "figure 9",
        "the proposed scheme outperforms the three baselines",
        proposed(lambda method: every(*(cheaper(method, one, OF_USERS) for one in BASELINES))),
    ),
    Claim(
        "figure 9",
        "binary offloading outperforms even allocation with few devices (e.g. K <= 30), and is inferior with more",
        {"up to 30, from 50 on": turned(30, 50), "with 10, with 100": turned(10, 100)},
    ),
    Claim(
        "figure 9",
        "random offloading is inferior to the other schemes",
        proposed(lambda method: every(*(cheaper(one, RANDOM, OF_USERS) for one in (method, BINARY, EVEN)))),
    ),
    Claim(
        "theorem 1",
        "devices and server that decide for themselves always achieve the optimum of all together (within 0.1 %)",
        {
            f"K = {users}": every(*(at_most(Of(LOSS, weighted(users, w, e)), 1e-3) for w in WAITING for e in ENERGY))
            for users in DEVICES
        },
    ),
)

PROVED = tuple(OF_USERS[users] for users in (20, 50, 100))
"""Where gaps are claimed."""

OURS = (
    Claim(
        "ours",
        "the priced policy is within 1 % of the proved bound at K = 20, 50, 100",
        every(*(at_most(Of(GAP, PRICED, setting), 0.01) for setting in PROVED)),
    ),
    Claim(
        "ours",
        "the decomposition costs more than 1 % more than the priced policy there, which decides as locally",
        every(*(more(Of(COST, DECOMPOSED, s) / Of(COST, PRICED, s), known(1.01, "1.01")) for s in PROVED)),
    ),
    Claim(
        "ours",
        "theorem 1 is exact where tasks wait at the server for nothing",
        every(*(at_most(Of(LOSS, weighted(users, 0.0, energy)), 1e-5) for users in DEVICES for energy in ENERGY)),
    ),
)

CLAIMS = (*PAPER, *OURS)
