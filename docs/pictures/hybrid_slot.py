"""Pictures of hybrid slots: the slot's parts, and what the best division is as energy grows."""

import numpy as np
from drawing import ENERGY, INK, LOCAL, SEND, SERVER, arrow, canvas, charts, mast, phone, text
from matplotlib.patches import Rectangle

import mecopt
from mecopt.models import HybridSlot


def sketch() -> None:
    """Draw a user, its access point, and the parts of a slot."""
    axes = canvas(10.0, 5.0)
    mast(axes, 8.6, 2.9, "access point and server")
    phone(axes, 1.2, 3.6, "user, battery $E$", computes=True)
    arrow(axes, (8.2, 4.2), (1.7, 4.2), ENERGY, "--", 0.1)
    arrow(axes, (1.7, 3.6), (8.1, 3.6), SEND)
    text(axes, 4.9, 4.65, "carrier: harvested, or reflected", colour=ENERGY)
    text(axes, 4.9, 3.35, "sent or reflected work $l_a + l_p$, at a price", colour=SEND)
    left = 0.6
    for width, label, colour in (
        (3.4, "harvests $t_h$", ENERGY),
        (1.6, "radio $t_a$", SEND),
        (3.8, "reflects $t_p$", SERVER),
    ):
        axes.add_patch(Rectangle((left, 1.35), width, 0.6, fc="white", ec=colour, lw=1.6))
        text(axes, left + width / 2, 1.65, label, colour=colour)
        left += width
    axes.add_patch(Rectangle((0.6, 0.55), 8.8, 0.6, fc="white", ec=LOCAL, lw=1.6))
    text(axes, 5.0, 0.85, "computes $l_l$ beside all of it", colour=LOCAL)
    text(axes, 5.0, 0.2, "one slot", colour=INK)


def solution() -> None:
    """Draw how the best division of a slot changes with the energy that may be spent."""
    battery = np.linspace(0.0, 30.0, 121)[:, None]
    with mecopt.shapes_meant():  # a column: one user at every energy
        slots = HybridSlot(
            workload=np.full(battery.shape, 40.0),
            battery=battery,
            uplink_gain=3.5e-6,
            downlink_gain=3.5e-6,
            outage_penalty=20.0,
        )
    best = mecopt.solve(slots)
    a, energy = best.allocation, battery[:, 0]
    _, (bits, rewards) = charts(1.0, 1.0)
    parts = [getattr(a, name)[:, 0] for name in ("local_bits", "passive_bits", "active_bits")]
    bits.stackplot(
        energy, *parts, labels=["computed", "reflected", "sent by radio"], colors=[LOCAL, SERVER, SEND], alpha=0.8
    )
    bits.set_xlabel("battery [nJ]")
    bits.set_ylabel("work [kbit]")
    bits.legend(frameon=False, fontsize=8, loc="lower right")
    rewards.plot(energy, best.objective, color=SEND, lw=1.8)
    rewards.set_xlabel("battery [nJ]")
    rewards.set_ylabel("proved best reward [kbit/nJ]")
    rewards.set_title(f"{len(battery)} batteries, {best.statuses()['OPTIMAL']} proved", fontsize=9)
