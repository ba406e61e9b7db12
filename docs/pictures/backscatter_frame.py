"""Pictures of backscatter frames: a beam that feeds and is reflected, and what the users of a frame do with it."""

import numpy as np
from drawing import ENERGY, LOCAL, SEND, arrow, block, canvas, charts, mast, phone, text

import mecopt
from mecopt.models import BackscatterFrame


def sketch() -> None:
    """Draw the carrier, its reflection and the slots of the frame."""
    axes = canvas(10.5, 5.4)
    mast(axes, 1.6, 2.9, "access point")
    for row, y in enumerate((4.6, 2.9)):
        phone(axes, 7.6, y, f"user {row}")
    arrow(axes, (2.1, 4.35), (7.2, 4.85), ENERGY, "--", -0.1)
    arrow(axes, (2.1, 3.85), (7.2, 3.0), ENERGY, "--")
    arrow(axes, (7.2, 4.5), (2.15, 4.0), SEND, "-", -0.12)
    text(axes, 4.4, 5.05, "carrier, beam $w_0$", colour=ENERGY)
    text(axes, 4.9, 4.4, "reflected: passive sending", colour=SEND, size=8)
    text(axes, 4.6, 3.1, "the others harvest", colour=ENERGY, size=8)
    text(
        axes, 8.1, 4.7, "in its slot: reflects while the\ncarrier is on, sends actively\nwhile it is off", ha="left", size=8
    )
    block(axes, 0.5, 1.1, 2.0, 0.7, ENERGY, "reflect")
    block(axes, 2.5, 1.1, 1.2, 0.7, SEND, "send")
    block(axes, 3.7, 1.1, 1.3, 0.7, "#c9cfd6")
    block(axes, 5.1, 1.1, 2.7, 0.7, ENERGY, "reflect")
    block(axes, 7.8, 1.1, 0.9, 0.7, SEND, "send")
    block(axes, 8.7, 1.1, 0.9, 0.7, "#c9cfd6")
    text(axes, 2.75, 2.0, "slot of user 0")
    text(axes, 7.35, 2.0, "slot of user 1")
    block(axes, 0.5, 0.4, 9.1, 0.5, LOCAL, "all compute a part themselves, fed by their batteries and by the carrier")


def solution() -> None:
    """Draw the slots and the work of an optimal frame."""
    frame = BackscatterFrame.sample(np.random.default_rng(15), preset="harder")
    best = mecopt.solve(frame)
    parts, users = best.allocation, np.arange(frame.users)
    _, (slots, work) = charts(1.0, 1.0)
    slots.barh(users, parts.passive_time, 0.6, color=ENERGY, label="carrier on: reflects, others harvest")
    slots.barh(users, parts.active_time, 0.6, left=parts.passive_time, color=SEND, label="sends actively")
    slots.set_yticks(users, [f"slot of\nuser {user}" for user in users])
    slots.invert_yaxis()
    slots.set_xlim(0, float(frame.slot))
    slots.set_xlabel("time in the slot [s]")
    below = np.zeros(frame.users)
    for name, label, colour in (
        ("local_bits", "computed itself", LOCAL),
        ("passive_bits", "reflected", ENERGY),
        ("active_bits", "sent actively", SEND),
    ):
        bits = getattr(parts, name)
        work.barh(users, bits, 0.6, left=below, color=colour, label=label)
        below = below + bits
    work.set_yticks(users, [f"user {user}" for user in users])
    work.invert_yaxis()
    work.set_xlabel("work [kbit]")
    work.set_title(f"{best.status.name}: {float(best.objective):.4g} mJ", fontsize=9)
    for axes in (slots, work):
        axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=3)
