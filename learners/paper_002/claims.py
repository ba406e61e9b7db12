"""What paper 002 says, each sentence with the rules that read it, written before the run.

The paper's figures have no numbers that can be read, and of its constants and baselines it leaves most out, so its claims
are of order. Whom "proposed" means is read in every way that makes sense, and all must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mecopt.evaluation.claims import Claim
from mecopt.evaluation.figures import Curve, Figure, Of
from mecopt.evaluation.rules import Rule, about, at_most, every, falls, known, more, rises
from mecopt.learners.paper_002.names import (
    BASELINES,
    BINARY,
    BINARY_TD,
    BLOCK,
    COST,
    DECOMPOSED,
    DEVICE_GAP,
    DEVICES,
    EARLY,
    EDGES,
    ENERGY,
    EVEN,
    EVEN_TD,
    FIGURE_6,
    FIGURE_7,
    FOUR,
    GAP,
    LAST_STOP,
    LATE,
    LOSS,
    OF_ARRIVALS,
    OF_USERS,
    PRICED,
    PRINTED,
    PROPOSED,
    RANDOM,
    REPAIRED,
    SCHEDULES,
    SERVER_STOP,
    STOP,
    TD,
    WAITING,
    by_arrivals,
    by_users,
    weighted,
)


def proposed(read: Callable[[str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence with everybody whom "proposed" may mean."""
    return {f"proposed: {who}": read(method) for who, method in PROPOSED.items()}


def stopped(stated: float, *quantities: str) -> Mapping[str, Rule]:
    """Read how many iterations an algorithm requires, with every step size: a third off, or half as many more."""
    return {
        f"{name}, {quantity}": about(Of(quantity, name, FIGURE_6), stated, factor=1.5)
        for name in SCHEDULES
        for quantity in quantities
    }


def improves() -> Mapping[str, Rule]:
    """Read that three schemes cost less in later blocks, from the first or once queues have filled; baselines learn, too."""
    found: dict[str, Rule] = {}
    for method in (PRINTED, REPAIRED, TD):
        three = (method, BINARY_TD, EVEN_TD)
        found[f"proposed: {method}"] = every(*(falls(Curve(BLOCK, one, FIGURE_7)) for one in three))
        found[f"proposed: {method}, from blocks {EDGES[2]} to {EDGES[3]} on"] = every(
            *(more(Of(BLOCK, one, FIGURE_7, float(EDGES[3])), Of(BLOCK, one, FIGURE_7, float(EDGES[-1]))) for one in three)
        )
    return found


def four(read: Callable[[str, str, str, str], Rule]) -> Mapping[str, Rule]:
    """Read a sentence on figure 7 with all whom it may show."""
    return {f"proposed: {who}": read(*methods) for who, methods in FOUR.items()}


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
        "figure 6",
        "algorithm 1 requires around 500 iterations to converge (K = 4)",
        stopped(500.0, STOP, LAST_STOP),
    ),
    Claim("figure 6", "algorithm 2 requires around 200 iterations to converge (K = 4)", stopped(200.0, SERVER_STOP)),
    Claim(
        "figure 7",
        "the cost per block of the proposed, the binary and the even scheme decreases with the block index",
        improves(),
    ),
    Claim(
        "figure 7",
        "the proposed scheme achieves a significant gain over the three baselines",
        four(lambda method, *others: every(*(cheaper_blocks(method, one) for one in others))),
    ),
    Claim(
        "figure 7",
        "binary offloading is better than even allocation in early blocks (e.g. before 500), and worse later",
        {"exact values": crossing(BINARY, EVEN), "temporal differences": crossing(BINARY_TD, EVEN_TD)},
    ),
    Claim(
        "figure 7",
        "random offloading is inferior to the other schemes",
        four(lambda *methods: every(*(cheaper_blocks(one, methods[-1]) for one in methods[:-1]))),
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
        "after 200 blocks the repaired learner's devices are within 0.5 % of their dynamic program at K = 20, 50, 100",
        every(*(at_most(Of(DEVICE_GAP, REPAIRED, setting), 0.005) for setting in PROVED)),
    ),
    Claim(
        "ours",
        "where algorithms 1 and 2 stop they cost more than 5 % more than the decomposition, with all step sizes (K = 4)",
        every(*(more(Of(COST, s, FIGURE_6) / Of(COST, DECOMPOSED, FIGURE_6), known(1.05, "1.05")) for s in SCHEDULES)),
    ),
    Claim(
        "ours",
        "theorem 1 is exact where tasks wait at the server for nothing",
        every(*(at_most(Of(LOSS, weighted(users, 0.0, energy)), 1e-5) for users in DEVICES for energy in ENERGY)),
    ),
)

CLAIMS = (*PAPER, *OURS)
