"""Pictures of the computation rate: a frame in which users harvest, then send or compute."""

import numpy as np
from drawing import ENERGY, LOCAL, SEND, SHADES, arrow, block, canvas, charts, mast, phone, text

import mecopt
from mecopt.models import ComputationRate


def sketch() -> None:
    """Draw the access point that feeds its users, and the frame below."""
    axes = canvas(10.5, 5.6)
    mast(axes, 5.0, 3.2, "access point and server")
    for x, label, offloads in ((1.2, "user 0", True), (8.4, "user 1", True), (2.9, "user 2", False)):
        phone(axes, x, 4.4 if offloads else 3.5, label, computes=not offloads)
    for phone_at in ((1.55, 4.75), (8.05, 4.75)):
        arrow(axes, (4.7 if phone_at[0] < 5 else 5.3, 4.7), phone_at, ENERGY, "--", 0.12 if phone_at[0] < 5 else -0.12)
        arrow(axes, (phone_at[0], 4.2), (4.7 if phone_at[0] < 5 else 5.3, 4.2))
    arrow(axes, (4.6, 4.45), (3.25, 3.75), ENERGY, "--")
    text(axes, 6.75, 5.25, "energy", colour=ENERGY)
    text(axes, 6.75, 3.9, "data", colour=SEND)
    block(axes, 0.5, 1.3, 4.0, 0.7, ENERGY, "$a$: all harvest")
    block(axes, 4.5, 1.3, 3.2, 0.7, SHADES[0], "$\\tau_0$: user 0 sends")
    block(axes, 7.7, 1.3, 2.3, 0.7, SHADES[1], "$\\tau_1$: user 1 sends")
    block(axes, 0.5, 0.5, 9.5, 0.6, LOCAL, "user 2 computes all frame long")
    text(axes, 5.25, 0.2, "one frame: $a + \\tau_0 + \\tau_1 \\leq 1$")


def solution() -> None:
    """Draw the frame of an optimum, and how channels and rates go with it."""
    problem = ComputationRate.sample(np.random.default_rng(2), users=8)
    best = mecopt.solve(problem)
    times, harvest = best.allocation.offload_time, float(best.allocation.harvest_time)
    offloads, users = best.decision == 1, np.arange(problem.users)
    _, (frame, gains) = charts(1.7, 1.0)
    frame.barh(0, harvest, 0.5, color=ENERGY)
    frame.text(harvest / 2, 0, "harvest", color="white", ha="center", va="center")
    left = harvest
    for shade, user in enumerate(np.flatnonzero(offloads)):
        frame.barh(0, times[user], 0.5, left=left, color=SHADES[shade], edgecolor="white")
        frame.text(
            left + times[user] / 2, 0, f"user {user}", color="white", ha="center", va="center", rotation=90, fontsize=8
        )
        left += times[user]
    local = ", ".join(str(user) for user in np.flatnonzero(~offloads))
    frame.barh(-0.6, 1.0, 0.3, color=LOCAL)
    frame.text(0.5, -0.6, f"users {local} compute all frame long", color="white", ha="center", va="center", fontsize=9)
    frame.set_yticks([])
    frame.set_xlim(0, 1)
    frame.set_xlabel("part of the frame")
    frame.set_title(f"{best.status.name}: {float(best.objective) / 1e6:.4g} Mbit/s, weighted", fontsize=9)
    gains.bar(users, problem.channel_gain, color=np.where(offloads, SEND, LOCAL))
    gains.set_yscale("log")
    gains.set_xticks(users)
    gains.set_xlabel("user (blue: offloads)")
    gains.set_ylabel("channel gain")
