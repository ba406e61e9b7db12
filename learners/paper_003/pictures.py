"""The pictures of paper 003's evaluation that are no training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mecopt.learners.curves import COLOURS, png, windowed
from mecopt.learners.log import Log

Array = NDArray[Any]

GREY = "#8a8f98"
FLOOR = 1e-6
"""Losses below this are drawn here: optimal to rounding."""


def comparison(
    baselines: Mapping[str, Sequence[Array]], networks: Mapping[str, Sequence[Log]], names: Mapping[str, str]
) -> bytes:
    """Draw the loss of every method along the stream, on a logarithmic scale: the paper's ratios hide who is how far off."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 5.6), layout="constrained")
    axes = figure.add_subplot()
    ends: list[tuple[float, str, str]] = []
    for name, runs in baselines.items():
        at, mean = _mean_loss(runs)
        axes.plot(at, mean, color=GREY, lw=1.1)
        ends.append((float(np.median(mean)), f"{names[name]} = {name}" if name in names else name, GREY))
    for (name, logs), colour in zip(networks.items(), COLOURS, strict=False):
        at, mean = _mean_loss([log.ratio(log.played) for log in logs])
        axes.plot(at, mean, color=colour, lw=1.8)
        ends.append((float(np.median(mean[-mean.size // 3 :])), f"network, {name}", colour))
    axes.set_yscale("log")
    axes.set_ylim(FLOOR / 3, 1.0)
    axes.set_xlim(0, at[-1])
    _label_ends(axes, ends)
    axes.set_xlabel("instance")
    axes.set_ylabel(f"loss against the proved optimum (1 - ratio; {FLOOR:g}: that or less)")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return png(figure)


def _mean_loss(runs: Sequence[Array]) -> tuple[Array, Array]:
    windows = [windowed(ratio) for ratio in runs]
    return windows[0][0], np.clip(1.0 - np.mean([w[1] for w in windows], axis=0), FLOOR, None)


def _label_ends(axes: Any, ends: list[tuple[float, str, str]]) -> None:
    """Write names at the right edge; those whose curves coincide share a line, others move apart."""
    merged: dict[float, tuple[list[str], str]] = {}
    for level, text, colour in sorted(ends):
        near = next((key for key in merged if abs(np.log10(key / level)) < 0.012 and merged[key][1] == colour), level)
        merged.setdefault(near, ([], colour))[0].append(text)
    last = -np.inf
    for level, (texts, colour) in merged.items():
        place = max(float(np.log10(level)), last + 0.3)
        last = place
        axes.annotate(
            ", ".join(texts),
            (1.0, level),
            xycoords=("axes fraction", "data"),
            xytext=(1.04, 10.0**place),
            textcoords=("axes fraction", "data"),
            color=colour,
            fontsize=8,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.6, "relpos": (0.0, 0.5)},
        )


def times(seconds: Mapping[tuple[str, int], float]) -> bytes:
    """Draw the time of a decision against the number of users."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for name, colour in zip(dict.fromkeys(name for name, _ in seconds), COLOURS, strict=False):
        points = [(users, value) for (method, users), value in seconds.items() if method == name]
        axes.plot(*zip(*points, strict=True), "o-", color=colour, label=name)
    axes.set_yscale("log")
    axes.set_xticks(sorted({users for _, users in seconds}))
    axes.set_xlabel("users")
    axes.set_ylabel("seconds for a decision")
    axes.grid(alpha=0.25, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right center", frameon=False, fontsize=8)
    return png(figure)
