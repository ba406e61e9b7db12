"""What is measured of paper 002: quantities, methods and settings by the names under which they are reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mecopt.evaluation.figures import Across

FIGURE_6, FIGURE_7, MANY = "figure 6, K = 4", "figure 7, K = 20", "K = 10,000"
OF_USERS: Mapping[float, str] = {users: f"figure 9, K = {users}" for users in (10, 20, 30, 50, 100)}
"""Figure 9, by K."""
OF_ARRIVALS: Mapping[float, str] = {
    b: OF_USERS[50] if b == 0.4 else f"figure 8, b = {b:g}" for b in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
}
"""Figure 8, by the probability of an arrival in a slot; that of 0.4 is a point of figure 9, too."""
BEYOND: Mapping[float, str] = {b: f"beyond figure 8, b = {b:g}" for b in (0.8, 0.9)}
"""Where more comes than devices far away can do: 4 and 4.5 tasks a block, of which a processor does 4. Of no claim."""
HIDDEN: Mapping[float, str] = {b: f"K = 50, b = {b:g}, arrivals hidden" for b in (0.2, 0.4, 0.7)}
"""Networks of figure 8 whose devices decide before they know what comes in the block. Of no claim."""
SYSTEMS: Mapping[str, Mapping[str, Any]] = {
    FIGURE_6: {"users": 4},
    FIGURE_7: {"users": 20},
    **{setting: {"users": users} for users, setting in OF_USERS.items()},
    **{setting: {"users": 50, "arrival_probability": b} for b, setting in OF_ARRIVALS.items()},
    **{setting: {"users": 50, "arrival_probability": b} for b, setting in BEYOND.items()},
    **{setting: {"users": 50, "arrival_probability": b, "arrivals": "causal"} for b, setting in HIDDEN.items()},
    MANY: {"users": 10_000},
}
"""What every setting is, beside the preset `paper`."""
SETTINGS = tuple(SYSTEMS)

PRICED, DECOMPOSED = "priced", "decomposed"
"""Devices that pay the server's price, and devices that pay nothing: the optimum of the paper's decomposition."""
EVEN, BINARY, RANDOM, LOCAL = "even", "binary", "random", "local"
"""The paper's baselines, and who offloads nothing; of each the exact values of what it may do."""
BASELINES = (BINARY, EVEN, RANDOM)
UNTRAINED = (PRICED, DECOMPOSED, EVEN, BINARY, RANDOM, LOCAL)
PRINTED, REPAIRED = "parametric-q, printed", "parametric-q, repaired"
"""Algorithms 1 and 2 to the letter, and the smallest mended learner that comes next to the dynamic program."""
TD, BINARY_TD, EVEN_TD = (f"{who}, temporal differences" for who in ("free parts", "binary", "even (1/2)"))
"""Who learns what queues are worth by temporal differences, all in the same way; they differ in what they may offload."""
SCHEDULES: Mapping[str, Mapping[str, float]] = {
    "printed, steps 0.01/t": {"step": 0.01, "step_blocks": 1.0},
    "printed, steps 0.1/t": {"step": 0.1, "step_blocks": 1.0},
    "printed, steps 1/t": {"step": 1.0, "step_blocks": 1.0},
    "printed, steps 1/(1 + t/100)": {"step": 1.0, "step_blocks": 100.0},
}
"""Step sizes of figure 6; the paper gives none."""
LEARNED: Mapping[str, tuple[str, ...]] = dict.fromkeys((*OF_USERS.values(), *OF_ARRIVALS.values()), (PRINTED, REPAIRED))
"""Who has learned before it is measured, in figures 8 and 9."""
PROPOSED = {"as printed": PRINTED, "repaired": REPAIRED, "its dynamic program": DECOMPOSED}
"""Whom the paper's "proposed" may mean."""
FOUR = {
    **{who: (method, BINARY, EVEN, RANDOM) for who, method in PROPOSED.items()},
    "all but random learn by temporal differences": (TD, BINARY_TD, EVEN_TD, RANDOM),
}
"""Whom figure 7 may show: proposed, binary, even and random."""

COST, BOUND, GAP = "discounted cost", "proved lower bound", "above the bound"
ERROR, PLAIN_ERROR = "error of a seed's gap over its lanes", "that error with luck"
BLOCK, EARLY, LATE = "cost per block", "cost per block, blocks 0 to 500", "cost per block, blocks 500 to 1,000"
LEVEL = "cost per block that amounts to the bound"
"""A constant one, from the first block on: (1 - gamma) times the bound."""
EDGES = (0, 20, 50, 100, 200, 500, 1000)
"""Of the windows of figure 7; x is the end of each."""
TURN = 500
"""The block before which binary offloading is said to be better."""

STOP, LAST_STOP = "block in which a device stops in the mean", "block in which the last device stops"
SERVER_STOP = "block in which the server stops"
DEVICE_GAP = "devices above their dynamic program after 200 blocks"
LOSS, PRICED_LOSS, PRICE = "loss of the decomposition", "loss with the best price tried", "that price"
MOST_LOSS = "that loss at most, were queues endless"
DEVICES = (1, 2)
WAITING, ENERGY = (0.0, 0.1, 0.3, 1.0, 2.0), (None, 1.0)
"""w_1 W, what a task costs that waits at the server, and w_2 a_s, what one costs that it processes; None: the preset's."""


def weighted(users: int, waiting: float, energy: float | None) -> str:
    """Return the name of a world of one or two devices."""
    return f"K = {users}, w1 = {waiting:g}, w2 a_s = {'4e-5' if energy is None else f'{energy:g}'}"


def by_arrivals(quantity: str, method: str = "") -> Across:
    """Return a quantity along figure 8."""
    return Across(quantity, method, "figure 8", OF_ARRIVALS)


def by_users(quantity: str, method: str = "") -> Across:
    """Return a quantity along figure 9."""
    return Across(quantity, method, "figure 9", OF_USERS)
