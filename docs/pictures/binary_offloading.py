"""Pictures of binary offloading: one server whose capacity is shared, and what an optimum looks like."""

import numpy as np
from drawing import LOCAL, SEND, SERVER, SHADES, arrow, block, canvas, charts, phone, server, text

import mecopt
from mecopt.models import BinaryOffloading


def sketch() -> None:
    """Draw users who send their data to a server or keep it, and how the server is shared."""
    axes = canvas(9.5, 4.2)
    server(axes, 5.2, 2.5, "edge server")
    for row, (y, label, sends) in enumerate(((3.6, "user 0", True), (2.3, "user 1", True), (1.0, "user 2", False))):
        phone(axes, 1.2, y, label, computes=not sends)
        text(axes, 0.3, y, f"$d_{row}$")
        if sends:
            arrow(axes, (1.6, y), (4.5, 2.75 - 0.45 * row))
            text(axes, 2.7, 3.55 - 0.98 * row, f"uploads at $r_{row}$", colour=SEND)
    text(axes, 1.65, 1.0, "computes itself, at $f^{\\mathrm{loc}}_2$", colour=LOCAL, ha="left")
    text(axes, 8.0, 3.75, "capacity $F$, shared", colour=SERVER)
    block(axes, 7.3, 2.5, 1.4, 1.0, SHADES[0], "$f_0$")
    block(axes, 7.3, 1.7, 1.4, 0.8, SHADES[1], "$f_1$")
    arrow(axes, (5.9, 2.5), (7.2, 2.5), SERVER)
    text(axes, 8.0, 1.25, "$f_0 + f_1 \\leq F$", colour=SERVER)


def solution() -> None:
    """Draw what every user would pay either way, and how the optimum shares the server."""
    problem = BinaryOffloading.sample(np.random.default_rng(6), users=8, preset="heterogeneous")
    best = mecopt.solve(problem)
    rate = best.allocation.server_rate
    terms = problem.terms()
    offloads, users = best.decision == 1, np.arange(problem.users)
    _, (costs, shares) = charts(3.0, 1.0)
    costs.bar(users - 0.2, terms.local, 0.38, color=LOCAL, label="cost of computing itself")
    marginal = terms.upload + 2.0 * np.sqrt(terms.compute * float(best.dual.capacity_price))
    costs.bar(users + 0.2, marginal, 0.38, color=SEND, label="cost of offloading at the optimum's price of capacity")
    costs.set_xticks(users, [f"user {i}\n{'offloads' if offloads[i] else 'local'}" for i in users], fontsize=8)
    costs.set_ylabel("delay and weighted energy [s]")
    costs.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    below = 0.0
    for shade, user in enumerate(np.flatnonzero(offloads)):
        shares.bar(0, rate[user], 0.6, bottom=below, color=SHADES[shade], edgecolor="white")
        shares.text(0, below + rate[user] / 2, f"user {user}", color="white", ha="center", va="center", fontsize=8)
        below += rate[user]
    shares.set_xticks([])
    shares.set_xlim(-0.5, 0.5)
    shares.set_ylabel("server's capacity [MB/s]")
    shares.set_title(f"{best.status.name}: {float(best.objective):.4g} s", fontsize=9)
