"""Pictures of offloading to many servers: who goes where, and how each server's speed is shared."""

import numpy as np
from drawing import LOCAL, SEND, SERVER, SHADES, arrow, canvas, charts, phone, server, text

import mecopt
from mecopt.models import MultiServerOffloading


def sketch() -> None:
    """Draw users between servers, the links that are taken, and one that is not."""
    axes = canvas(10.0, 5.0)
    for j, x in enumerate((1.6, 8.4)):
        server(axes, x, 3.7, f"server {j + 1}: $\\sum_i f_i \\leq F^{{\\mathrm{{MEC}}}}_{j + 1}$")
    users = (2.4, 4.1, 5.8, 7.5)
    for i, x in enumerate(users):
        phone(axes, x, 1.2, f"user {i}", computes=i == 2)
    arrow(axes, (2.3, 1.7), (1.75, 2.6))
    arrow(axes, (3.95, 1.7), (2.35, 2.6))
    arrow(axes, (7.6, 1.7), (8.2, 2.6))
    arrow(axes, (4.35, 1.7), (7.5, 2.6), "#b8c4ce", "--")
    text(axes, 2.95, 2.75, "$h_{11}$", colour=SEND, ha="left")
    text(axes, 5.3, 2.35, "$h_{12}$, not taken", colour="#7f8b96")
    text(axes, 5.8, 0.2, "computes itself", colour=LOCAL)
    text(axes, 1.6, 4.7, "shared by users 0 and 1", colour=SERVER)
    text(axes, 8.4, 4.7, "all for user 3", colour=SERVER)


def solution() -> None:
    """Draw what each server's speed is used for in an optimum, and everybody's latency beside computing itself."""
    problem = MultiServerOffloading.sample(np.random.default_rng(5), users=12, servers=3, preset="heterogeneous")
    best = mecopt.solve(problem)
    speed, latency = best.allocation.server_speed / 1e9, best.allocation.latency
    users = np.arange(problem.users)
    _, (shares, delays) = charts(1.0, 1.7)
    for place in range(1, problem.sizes["servers"] + 1):
        below = 0.0
        for shade, user in enumerate(np.flatnonzero(best.decision == place)):
            shares.bar(place, speed[user], 0.7, bottom=below, color=SHADES[shade % len(SHADES)], edgecolor="white")
            if speed[user] > 2.0:
                shares.text(
                    place, below + speed[user] / 2, f"user {user}", color="white", ha="center", va="center", fontsize=8
                )
            below += speed[user]
    shares.set_xticks([1, 2, 3], ["server 1", "server 2", "server 3"])
    shares.set_ylabel("speed [Gcycle/s]")
    shares.set_title(f"{best.status.name}: {float(best.objective):.4g} s in all", fontsize=9)
    delays.bar(users - 0.2, problem.workload / problem.local_speed, 0.38, color=LOCAL, label="computing itself")
    delays.bar(users + 0.2, latency, 0.38, color=SEND, label="in the optimum")
    delays.set_xticks(
        users, [f"{user}\n{'local' if best.decision[user] == 0 else f's {best.decision[user]}'}" for user in users]
    )
    delays.set_xlabel("user, and where it computes")
    delays.set_ylabel("latency [s]")
    delays.legend(frameon=False, fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
