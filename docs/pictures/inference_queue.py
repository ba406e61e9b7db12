"""Pictures of inference queues: how a task is cut, and how many leave as the channel gets better."""

import numpy as np
from drawing import INK, LOCAL, SEND, SERVER, arrow, canvas, charts, mast, phone, text
from matplotlib.patches import Rectangle

import mecopt
from mecopt.models import InferenceQueue


def sketch() -> None:
    """Draw a queue of tasks, of which some leave: the first are computed, the last is cut between two layers."""
    axes = canvas(10.0, 5.0)
    phone(axes, 1.0, 3.7, "device", computes=True)
    mast(axes, 8.7, 3.0, "access point and server")
    arrow(axes, (1.5, 3.9), (8.2, 3.9), SEND)
    text(axes, 4.8, 4.25, r"$\zeta\, W y$ bit in one slot, power $p \leq p_{\max}$", colour=SEND)
    left = 0.7
    for number, done in enumerate((1.0, 1.0, 0.6, 0.0, 0.0)):
        if done:
            axes.add_patch(Rectangle((left, 1.6), 1.5 * done, 0.9, fc=LOCAL, ec="none", alpha=0.8))
        if 0.0 < done < 1.0:
            axes.add_patch(Rectangle((left + 1.5 * done, 1.6), 1.5 * (1.0 - done), 0.9, fc=SERVER, ec="none", alpha=0.8))
            arrow(axes, (left + 1.5 * done + 0.3, 2.6), (left + 1.5 * done + 0.3, 3.8), SEND)
        axes.add_patch(Rectangle((left, 1.6), 1.5, 0.9, fc="none", ec=INK, lw=1.3))
        text(axes, left + 0.75, 1.4, f"task {number + 1}", 8)
        left += 1.7
    text(axes, 2.3, 0.95, "$z = 2.6$ tasks are computed,", colour=LOCAL)
    text(axes, 4.85, 0.95, "$y = 0.4$ offloaded;", colour=SERVER)
    text(axes, 7.6, 0.95, "$m - s = 2$ remain", colour=INK)
    text(axes, 3.1, 0.45, "$s = z + y = 3$ tasks leave the queue of $m = 5$", colour=INK)


def solution() -> None:
    """Draw how many tasks leave at best, and how their work is divided, over the channel."""
    level = np.linspace(0.0, 60.0, 241)
    with mecopt.shapes_meant():
        blocks = InferenceQueue(snr_per_watt=10.0 ** (level[:, None] / 10.0), backlog=np.full((241, 1), 6.0))
    best = mecopt.solve(blocks)
    _, (work, price) = charts(1.0, 1.0)
    parts = [best.allocation.local_work[:, 0], best.allocation.offloaded[:, 0]]
    work.stackplot(level, *parts, labels=["computed", "offloaded"], colors=[LOCAL, SERVER], alpha=0.8)
    work.set_xlabel("SNR of a watt [dB(1/W)]")
    work.set_ylabel("tasks that leave")
    work.legend(frameon=False, fontsize=8, loc="upper left")
    price.plot(level, best.objective, color=SEND, lw=1.8)
    price.set_xlabel("SNR of a watt [dB(1/W)]")
    price.set_ylabel("proved least cost")
    price.set_title(f"{sum(best.statuses().values())} limits, {best.statuses()['OPTIMAL']} proved", fontsize=9)
