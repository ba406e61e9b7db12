"""Pictures of bandwidth and power: one band divided among uploads, each under an energy budget."""

import numpy as np
from drawing import LOCAL, SEND, SHADES, arrow, block, canvas, charts, mast, phone, text

import mecopt
from mecopt.models import BandwidthPower


def sketch() -> None:
    """Draw users who share one band."""
    axes = canvas(10.0, 4.4)
    mast(axes, 5.0, 2.4, "access point and server")
    for row, y in enumerate((3.5, 2.15)):
        phone(axes, 1.2, y, f"user {row}")
        arrow(axes, (1.6, y + 0.1), (4.55, 3.55 - 0.3 * row))
        text(axes, 2.9, 3.85 - 1.75 * row, f"power $p_{row}$ on the band $b_{row}$", colour=SEND)
    phone(axes, 1.2, 0.85, "user 2", computes=True)
    text(axes, 1.65, 0.85, "computes itself in $T_2$", colour=LOCAL, ha="left")
    block(axes, 7.2, 2.0, 0.9, 1.9, SHADES[0], "$b_0$")
    block(axes, 8.2, 2.0, 0.9, 1.1, SHADES[1], "$b_1$")
    axes.plot([7.1, 9.3], [2.0, 2.0], color="#22262b", lw=1.3)
    text(axes, 8.2, 1.7, "frequency: $b_0 + b_1 \\leq B$")
    text(axes, 8.2, 1.25, "energy: $p_i \\cdot$ time $\\leq E_i$")
    axes.text(7.0, 2.95, "density", rotation=90, ha="center", va="center", fontsize=8)


def solution() -> None:
    """Draw how an optimum divides the band, and at which power each part is used."""
    problem = BandwidthPower.sample(np.random.default_rng(2), users=9, preset="heterogeneous")
    best = mecopt.solve(problem)
    band, power = best.allocation.band / 1e6, best.allocation.power
    offloads, users = best.decision == 1, np.arange(problem.users)
    _, (spectrum, powers) = charts(1.5, 1.0)
    left = 0.0
    for shade, user in enumerate(np.flatnonzero(offloads)):
        height = 1e3 * power[user] / band[user]
        spectrum.bar(left, height, band[user], align="edge", color=SHADES[shade % len(SHADES)], edgecolor="white")
        spectrum.text(left + band[user] / 2, height, f"{user}", ha="center", va="bottom", fontsize=8)
        left += band[user]
    spectrum.set_xlabel("band [MHz]; numbers are users")
    spectrum.set_ylabel("power density [mW/MHz]")
    spectrum.set_title(f"{best.status.name}: {float(best.objective):.4g} s in all", fontsize=9)
    powers.bar(users, power / problem.max_power, color=np.where(offloads, SEND, LOCAL))
    powers.axhline(1.0, color=LOCAL, lw=1.0, ls="--")
    powers.set_xticks(users, [f"{user}\n{'' if offloads[user] else 'local'}" for user in users], fontsize=7)
    powers.set_xlabel("user")
    powers.set_ylabel("part of its greatest power")
    powers.set_title("below 1: held back by its energy", fontsize=9)
