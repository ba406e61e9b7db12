"""Pictures of priced power: a limit on what neighbours may suffer, and the powers that answer its price."""

import numpy as np
from drawing import ENERGY, LOCAL, SEND, arrow, canvas, charts, mast, phone, text

import mecopt
from mecopt.models import PricedPower


def sketch() -> None:
    """Draw users on links of their own who disturb a neighbour."""
    axes = canvas(10.0, 4.6)
    mast(axes, 5.0, 2.6, "station and server")
    mast(axes, 9.2, 2.6, "neighbour")
    for row, (x, y) in enumerate(((1.2, 3.6), (1.2, 1.3), (4.0, 0.9))):
        phone(axes, x, y, f"user {row}", computes=row == 2)
    arrow(axes, (1.6, 3.75), (4.6, 3.65))
    arrow(axes, (1.6, 1.5), (4.55, 3.2))
    text(axes, 3.1, 3.45, "power $p_0 \\leq P_0$, gain $h_0$", colour=SEND)
    text(axes, 2.55, 2.75, "power $p_1$", colour=SEND)
    arrow(axes, (1.6, 1.25), (8.9, 3.1), ENERGY, "--", 0.12)
    arrow(axes, (1.6, 3.95), (8.9, 3.75), ENERGY, "--", -0.16)
    text(axes, 8.2, 1.2, "interference\n$G_0 p_0 + G_1 p_1 \\leq I$", colour=ENERGY)
    text(axes, 4.35, 0.7, "computes itself", colour=LOCAL, ha="left")


def solution() -> None:
    """Draw how powers and the optimum change as the interference limit is tightened."""
    base = PricedPower.sample(np.random.default_rng(4), users=6, preset="scarce")
    limits = np.geomspace(0.02, 3.0, 60) * float(base.interference_limit)
    data = {name: value for name, value in base.data().items() if name != "interference_limit"}
    best = mecopt.solve(PricedPower(**data, interference_limit=limits))
    powers = np.where(best.decision == 1, best.allocation.transmit_power, np.nan)
    _, (drawn, costs) = charts(1.0, 1.0)
    for user in range(base.users):
        drawn.plot(limits * 1e9, powers[:, user] * 1e3, lw=1.8, label=f"user {user}")
    drawn.set_xscale("log")
    drawn.set_xlabel("interference limit [nW]")
    drawn.set_ylabel("power of who offloads [mW]")
    drawn.legend(frameon=False, fontsize=8, ncols=2)
    costs.plot(limits * 1e9, best.objective, color=SEND, lw=1.8)
    costs.set_xscale("log")
    costs.set_xlabel("interference limit [nW]")
    costs.set_ylabel("proved optimum [s]")
    costs.set_title(f"{sum(best.statuses().values())} limits, {best.statuses()['OPTIMAL']} proved", fontsize=9)
